//! `[otel]`: hands the spans of a run to an OpenTelemetry collector while the run is active. The run makes the
//! spans and puts them into a queue; a thread of its own writes and sends them. What does not fit into the
//! queue is dropped and counted, so that no run waits for a collector.

use crate::base::clock;
use crate::base::credential::without_credentials;
use crate::base::secret::{self, Secret};
use crate::base::thread;
use crate::cli::app::project::raw_variable;
use crate::cli::{Global, print_data, say};
use crate::executor::Executor;
use crate::model::denial::Denials;
use crate::model::provider::exchange::{Exchanger, Verb};
use crate::model::provider::http::Clients;
use crate::settings::otel::OtelSettings;
use crate::view::otlp;
use crate::view::span::{CONVENTIONS, SpanFold, WorkSpan};
use futures::StreamExt;
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Most spans that wait to be sent.
const QUEUE_MAX: usize = 8192;
/// Most bytes of the spans that wait.
const QUEUE_BYTES_MAX: usize = 32 << 20;
/// Most spans of one request.
const BATCH_MAX: usize = 512;
/// How long spans are gathered for one request.
const GATHER: Duration = Duration::from_millis(200);
/// Pauses before a request is made again.
const AGAIN: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];
/// Longest time of one request.
const REQUEST_MAX: Duration = Duration::from_secs(10);
/// How long the end of a run waits for the last spans to arrive.
const LAST_MAX: Duration = Duration::from_secs(2);
/// Most bytes of an answer that are read.
const ANSWER_MAX: usize = 64 << 10;
/// Characters of an answer that are told.
const ANSWER_SHOWN: usize = 200;

/// The time that making spans may take of a run: a share of it, and so much more.
const SHARE: u32 = 20;
const SPARE: Duration = Duration::from_millis(20);

/// What is said of functions whose spans would have slowed the run.
const TOO_MANY: &str = "functions end faster than their spans can be made";

/// How much of the time of a run went into making spans.
struct SpanBudget {
    began: Duration,
    used: Cell<Duration>,
}

impl SpanBudget {
    fn new() -> SpanBudget {
        SpanBudget { began: clock::monotonic(), used: Cell::new(Duration::ZERO) }
    }

    /// Tells whether it has taken more than it may, up to a moment.
    fn is_spent(&self, now: Duration) -> bool {
        self.used.get() > SPARE + now.saturating_sub(self.began) / SHARE
    }

    fn add(&self, time: Duration) {
        self.used.set(self.used.get() + time);
    }
}

/// What became of the spans of a run.
#[derive(Debug, Default)]
struct PushTally {
    made: AtomicU64,
    accepted: AtomicU64,
    waiting_bytes: AtomicUsize,
    /// Set when the run is over: nobody waits long any more.
    is_last: AtomicBool,
    reason: Mutex<Option<String>>,
}

impl PushTally {
    fn give_reason(&self, reason: String) {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).replace(reason);
    }
}

/// Sends the spans of a run.
pub(in crate::cli) struct SpanPush {
    fold: Rc<RefCell<Option<SpanFold>>>,
    queue: Rc<RefCell<Option<mpsc::Sender<WorkSpan>>>>,
    tally: Arc<PushTally>,
    done: oneshot::Receiver<()>,
    endpoint: String,
}

/// How sending went.
pub(in crate::cli) struct PushSummary {
    sent: u64,
    dropped: u64,
    reason: Option<String>,
    endpoint: String,
}

/// Starts to send the spans of a run that is about to begin. Says so, and sends nothing, if that cannot
/// be: a run is not worse for it.
pub(in crate::cli) fn push(
    executor: &Rc<Executor>,
    settings: &OtelSettings,
    denials: Denials,
) -> Option<SpanPush> {
    let headers = match headers(settings, &denials) {
        Ok(headers) => headers,
        Err(reason) => {
            say(&format!("warning: no spans are sent: {reason}"));
            return None;
        }
    };

    let (sender, receiver) = mpsc::channel(QUEUE_MAX);
    let (tell, done) = oneshot::channel();
    let tally = Arc::new(PushTally::default());
    let url = traces_url(&settings.endpoint);
    let delivery = Delivery { url, headers, denials: Arc::new(denials), tally: tally.clone() };
    let started = thread::start("otel", move || {
        delivery.run(receiver);
        // Nobody listens if the run has waited long enough.
        let _ = tell.send(());
    });
    if let Err(error) = started {
        say(&format!("warning: no spans are sent: {error}"));
        return None;
    }

    let fold = SpanFold::new(executor.journal().run(), settings.content);
    let push = SpanPush {
        fold: Rc::new(RefCell::new(Some(fold))),
        queue: Rc::new(RefCell::new(Some(sender))),
        tally,
        done,
        endpoint: without_credentials(&settings.endpoint),
    };
    push.listen(executor);
    Some(push)
}

/// Finds the values of headers.
fn headers(settings: &OtelSettings, denials: &Denials) -> Result<Vec<(String, String)>, String> {
    let each = settings.headers.iter().map(|(name, of)| {
        denials.check_variable(of).map_err(|error| error.to_string())?;
        let value = raw_variable(of).ok_or_else(|| {
            format!("the variable `{of}` of header `{name}` in `otel.headers` is not set")
        })?;

        let value = value.into_string().unwrap_or_else(|odd| odd.to_string_lossy().into_owned());
        let value = value.trim().to_owned();
        if !value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
            return Err(format!("the variable `{of}` of header `{name}` is not plain text"));
        }
        drop(Secret::new(value.as_str()));
        Ok((name.to_ascii_lowercase(), value))
    });
    each.collect()
}

/// Returns the address that takes spans.
fn traces_url(endpoint: &str) -> String {
    let base = endpoint.trim_end_matches('/');
    if base.ends_with("/v1/traces") { base.to_owned() } else { format!("{base}/v1/traces") }
}

impl SpanPush {
    fn listen(&self, executor: &Executor) {
        let fold = self.fold.clone();
        let queue = self.queue.clone();
        let tally = self.tally.clone();
        let budget = SpanBudget::new();

        executor.listen(Rc::new(move |at, event| {
            if let (Some(fold), Some(queue)) = (&mut *fold.borrow_mut(), &*queue.borrow()) {
                let began = clock::monotonic();
                // A function may take less time than its span, of which nobody needs a million.
                if budget.is_spent(began) && fold.skip(at, event) {
                    tally.made.fetch_add(1, Ordering::Relaxed);
                    tally.give_reason(TOO_MANY.to_owned());
                    return;
                }

                fold.see(at, event, &mut |span| put(queue, &tally, span));
                budget.add(clock::monotonic().saturating_sub(began));
            }
        }));
    }

    /// Waits a little for the last spans to arrive.
    pub(in crate::cli) async fn finish(self) -> PushSummary {
        if let (Some(fold), Some(queue)) = (self.fold.take(), &*self.queue.borrow()) {
            fold.finish(&mut |span| put(queue, &self.tally, span));
        }
        self.tally.is_last.store(true, Ordering::Relaxed);
        self.queue.take();

        let in_time = tokio::time::timeout(LAST_MAX, self.done).await.is_ok();
        let made = self.tally.made.load(Ordering::Relaxed);
        let sent = self.tally.accepted.load(Ordering::Acquire);
        let reason = self.tally.reason.lock().unwrap_or_else(PoisonError::into_inner).take();
        let late = (!in_time).then(|| format!("it did not answer within {} s", LAST_MAX.as_secs()));

        let dropped = made.saturating_sub(sent);
        PushSummary { sent, dropped, reason: reason.or(late), endpoint: self.endpoint }
    }
}

/// Puts a span into the queue, unless that is full.
fn put(queue: &mpsc::Sender<WorkSpan>, tally: &PushTally, span: WorkSpan) {
    tally.made.fetch_add(1, Ordering::Relaxed);
    let size = span.size();

    let waiting = tally.waiting_bytes.fetch_add(size, Ordering::Relaxed);
    if waiting + size > QUEUE_BYTES_MAX || queue.try_send(span).is_err() {
        tally.waiting_bytes.fetch_sub(size, Ordering::Relaxed);
        tally.give_reason("the collector is slower than the run".to_owned());
    }
}

/// Says how sending went.
pub(in crate::cli) fn tell(global: &Global, summary: &PushSummary) {
    let PushSummary { sent, dropped, reason, endpoint } = summary;
    if global.json {
        print_data(json!({
            "type": "otel", "endpoint": endpoint, "conventions": CONVENTIONS, "sent": sent,
            "dropped": dropped, "reason": reason,
        }));
    } else if *dropped == 0 && !global.quiet {
        say(&format!(
            "sent {sent} spans to {endpoint} (OpenTelemetry semantic conventions {CONVENTIONS})"
        ));
    }

    if *dropped > 0 {
        let made = sent + dropped;
        let reason = reason.as_deref().unwrap_or("they were not accepted");
        say(&format!(
            "warning: {dropped} of {made} spans did not reach {endpoint}: {reason}; `kaizen export -f otlp` \
             writes them to a file"
        ));
    }
}

/// What sends spans.
struct Delivery {
    url: String,
    headers: Vec<(String, String)>,
    denials: Arc<Denials>,
    tally: Arc<PushTally>,
}

/// What became of one request.
enum PushFate {
    /// So many spans were refused, perhaps with a reason.
    Taken { refused: u64, reason: Option<String> },
    /// It may work another time.
    Later(String, Option<Duration>),
    /// It will never work.
    Never(String),
}

impl Delivery {
    fn run(self, mut queue: mpsc::Receiver<WorkSpan>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return self.tally.give_reason(format!("starting its thread: {error}")),
        };

        runtime.block_on(async {
            let clients = Clients::default();
            clients.deny(self.denials.clone());
            let mut is_reached = true;
            let mut batch = Vec::new();

            while queue.recv_many(&mut batch, BATCH_MAX).await > 0 {
                gather(&mut queue, &mut batch).await;
                let size: usize = batch.iter().map(WorkSpan::size).sum();
                let spans = std::mem::take(&mut batch);
                let count = spans.len() as u64;
                let body = otlp::request(&spans).to_string().into_bytes();
                drop(spans);
                self.tally.waiting_bytes.fetch_sub(size, Ordering::Relaxed);

                // A collector that could not be reached is not waited for again and again.
                let tries = if is_reached { AGAIN.len() + 1 } else { 1 };
                is_reached = self.deliver(&clients, &body, count, tries).await;
            }
        });
    }

    /// Sends spans, and tells whether the collector was reached.
    async fn deliver(&self, clients: &Clients, body: &[u8], count: u64, tries: usize) -> bool {
        for nth in 0..tries {
            let (reason, wanted) = match self.send(clients, body).await {
                PushFate::Taken { refused, reason } => {
                    let accepted = count.saturating_sub(refused);
                    self.tally.accepted.fetch_add(accepted, Ordering::Release);
                    if let Some(reason) = reason {
                        self.tally.give_reason(reason);
                    }
                    return true;
                }
                PushFate::Never(reason) => {
                    self.tally.give_reason(reason);
                    return true;
                }
                PushFate::Later(reason, wanted) => (reason, wanted),
            };

            self.tally.give_reason(reason);
            // At the end of a run, one more try has to do.
            let most = if self.tally.is_last.load(Ordering::Relaxed) { 1 } else { AGAIN.len() };
            let Some(pause) = AGAIN.get(nth).filter(|_| nth < most && nth + 1 < tries) else {
                return false;
            };
            tokio::time::sleep(wanted.unwrap_or(*pause).min(REQUEST_MAX)).await;
        }
        false
    }

    async fn send(&self, clients: &Clients, body: &[u8]) -> PushFate {
        let exchanger = match Exchanger::new(clients, &self.url).await {
            Ok(exchanger) => exchanger,
            Err(error) => return PushFate::Never(error.to_string()),
        };

        let request = async {
            let answer = exchanger.send(Verb::Post(body.to_vec()), self.headers.clone()).await;
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) => return PushFate::Later(error.to_string(), None),
            };

            let status = answer.status;
            let after = answer.header("retry-after").and_then(|text| text.trim().parse().ok());
            let mut said = Vec::new();
            let mut chunks = answer.body;
            while let Some(Ok(chunk)) = chunks.next().await {
                said.extend_from_slice(chunk.get_ref());
                if said.len() > ANSWER_MAX {
                    break;
                }
            }
            fate(status, &String::from_utf8_lossy(&said), after.map(Duration::from_secs))
        };

        let late = || PushFate::Later("it took too long to answer".to_owned(), None);
        tokio::time::timeout(REQUEST_MAX, request).await.unwrap_or_else(|_| late())
    }
}

/// Waits a little for more spans, so that a request is worth its while.
async fn gather(queue: &mut mpsc::Receiver<WorkSpan>, batch: &mut Vec<WorkSpan>) {
    let full = async {
        while batch.len() < BATCH_MAX {
            let room = BATCH_MAX - batch.len();
            if queue.recv_many(batch, room).await == 0 {
                break;
            }
        }
    };
    // What has come by then is enough.
    let _ = tokio::time::timeout(GATHER, full).await;
}

/// Reads the answer of a collector. The protocol says after which statuses a request may be made again.
fn fate(status: u16, said: &str, after: Option<Duration>) -> PushFate {
    let shown = || secret::beginning(said.trim(), ANSWER_SHOWN);
    let told = || match shown().as_str() {
        "" => format!("it answered with HTTP {status}"),
        shown => format!("it answered with HTTP {status}: {shown}"),
    };

    match status {
        200..300 => {
            let said: Value = serde_json::from_str(said).unwrap_or_default();
            let partly = &said["partialSuccess"];
            // Numbers of 64 bits are texts in this encoding, which not every collector heeds.
            let refused = &partly["rejectedSpans"];
            let refused = refused.as_u64().or_else(|| refused.as_str()?.parse().ok()).unwrap_or(0);
            let reason = partly["errorMessage"].as_str().filter(|text| !text.is_empty());
            let reason = reason.map(|text| secret::beginning(text, ANSWER_SHOWN));
            PushFate::Taken { refused, reason }
        }
        429 | 502 | 503 | 504 => PushFate::Later(told(), after),
        _ => PushFate::Never(told()),
    }
}

#[cfg(test)]
mod tests;
