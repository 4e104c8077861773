//! One worker's turn at a run: one activity of its workflow, performed by a process of its own. Whether the engine
//! still counts on this stint is known from the answers to its beats, and the process is told so: while it does not
//! hear of one, it begins nothing.
#![allow(unreachable_pub, reason = "what Temporal's macros write is public")]

use crate::base::process::{Group, end_with_parent};
use crate::base::{clock, exit::Exit};
use crate::fleet::order::{Beat, ChildOrder, ChildReport, RunExit, StintEnd, StintOrder};
use crate::fleet::store_desk::StoreDesk;
use crate::fleet::worker::WorkerSetup;
use crate::store::{PrintPlace, PrintRow};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::path::Path;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use temporalio_client::errors::AsyncActivityError;
use temporalio_client::{ActivityIdentifier, AsyncActivityHandle, Client, RpcOptions};
use temporalio_common::error::ApplicationFailure;
use temporalio_common::protos::TaskToken;
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError, ActivityInfo};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior};

/// How long a run has to end that is cancelled.
const CANCEL_GRACE: Duration = Duration::from_secs(10);

/// Tries of a stint after which a process that ends by itself is given up.
const TRIES_MAX: u32 = 10;

/// Bytes of what is printed that are kept together.
const PIECE: usize = 32 << 10;

/// What performs the stints of a worker.
pub struct Stints {
    pub(super) setup: WorkerSetup,
    pub(super) desk: StoreDesk,
    pub(super) client: Client,
    /// True once the worker is to end.
    pub(super) ends: watch::Receiver<bool>,
}

#[activities]
impl Stints {
    /// Performs a stint: begins the run, or resumes it.
    #[activity(name = "kaizen_stint")]
    pub async fn perform(
        self: Arc<Self>,
        ctx: ActivityContext,
        order: StintOrder,
    ) -> Result<StintEnd, ActivityError> {
        let began = clock::instant();
        let name = order.run.name.clone();
        let info = ctx.info();
        let work = info.workflow_run_id.clone().unwrap_or_default();
        let lease = Duration::from_millis(order.run.lease_ms);

        let folder = match self.desk.unpack(order.run.bundle.clone()).await? {
            Ok(folder) => folder,
            Err(fault) if fault.is_final() => return Err(give_up(fault.to_string())),
            Err(fault) => return Err(again(fault.to_string())),
        };

        let place = place_of(info);
        let report = format!("{work}-{}-{}.json", place.stint, place.attempt);
        let order = ChildOrder {
            stint: order,
            key: format!("{work}/{}", place.stint),
            store: self.setup.store_address.clone(),
            grants: self.setup.grants.clone(),
            trusted: self.setup.trusted.clone(),
            report: self.setup.folder.join(report),
        };

        let mut child = StintProcess::start(&self.setup, &folder, &order).await?;
        let mut printer = Printer { desk: self.desk.clone(), work, place, last: Vec::new() };
        let mut beats = self.beats(info, lease);
        child.tell(Beat::Heard { ago: millis(began.elapsed()) }).await;

        (self.setup.tell)(&format!("{name}: stint {}, try {}", place.stint, place.attempt));
        let cut = self.attend(&ctx, &mut child, &mut printer, &mut beats).await?;
        let status = child.end(cut.is_some()).await?;
        let ended = judge(cut, status, &order.report, &printer, info.attempt);
        (self.setup.tell)(&format!("{name}: {}", said(&ended)));
        ended
    }
}

/// Says for the log of the worker how a stint ended.
fn said(ended: &Result<StintEnd, ActivityError>) -> String {
    match ended {
        Ok(StintEnd::Ended(RunExit { exit })) => format!("ended with exit code {exit}"),
        Ok(StintEnd::Waits { .. }) => "waits".to_owned(),
        Err(ActivityError::Cancelled { .. }) => "cancelled".to_owned(),
        Err(ActivityError::Application(failure)) => failure.source_error().to_string(),
        Err(_) => "left".to_owned(),
    }
}

/// Why a stint is cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// Somebody has cancelled the run.
    Cancelled,
    /// The engine has given the run to another worker.
    Lost,
    /// The worker ends.
    Leaves,
}

/// What is heard about a stint.
enum StintNews {
    Heard(Instant),
    Silence,
    Cut(Cut),
}

impl Stints {
    fn beats(&self, info: &ActivityInfo, lease: Duration) -> Beats {
        let token = TaskToken::from(info.task_token.clone());
        let identifier = ActivityIdentifier::TaskToken(token);
        let mut ticks = tokio::time::interval(lease / 5);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let handle = AsyncActivityHandle::new(self.client.clone(), identifier);
        Beats { handle, ticks, limit: lease / 3, ends: self.ends.clone(), is_cancelled: false }
    }

    /// Keeps what the process prints, and tells it what is heard, until it prints nothing more.
    async fn attend(
        &self,
        ctx: &ActivityContext,
        child: &mut StintProcess,
        printer: &mut Printer,
        beats: &mut Beats,
    ) -> Result<Option<Cut>, ActivityError> {
        let (Some(out), Some(err)) = (child.process.stdout.take(), child.process.stderr.take())
        else {
            return Ok(None);
        };
        let mut printing = pin!(printer.pump(out, err));
        let mut cut = None;
        let mut limit = None;
        loop {
            let news = tokio::select! {
                ended = &mut printing => return ended.map(|()| cut),
                news = beats.next() => news,
                () = over(limit) => return Ok(cut),
            };

            match news {
                StintNews::Heard(at) => {
                    // The SDK counts for itself, and drops the end of a stint of which it hears nothing.
                    ctx.record_heartbeat(()).await?;
                    child.tell(Beat::Heard { ago: millis(at.elapsed()) }).await;
                }
                StintNews::Silence => {}
                StintNews::Cut(Cut::Lost) => return Ok(Some(Cut::Lost)),
                StintNews::Cut(Cut::Cancelled) => {
                    child.signal(Signal::SIGINT);
                    cut = Some(Cut::Cancelled);
                    limit = Some(clock::instant() + CANCEL_GRACE);
                }
                StintNews::Cut(Cut::Leaves) => {
                    child.tell(Beat::Hold).await;
                    cut = cut.or(Some(Cut::Leaves));
                    limit = limit.or(Some(clock::instant() + self.setup.grace));
                }
            }
        }
    }
}

async fn over(limit: Option<Instant>) {
    match limit {
        Some(limit) => tokio::time::sleep_until(limit.into()).await,
        None => std::future::pending().await,
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Returns the place before all that this try of the stint prints.
fn place_of(info: &ActivityInfo) -> PrintPlace {
    let stint = info.activity_id.parse().unwrap_or_default();
    PrintPlace { stint, attempt: info.attempt.into(), number: 0 }
}

/// Lets another worker, or this one a little later, try the same.
fn again(reason: String) -> ActivityError {
    ActivityError::application(ApplicationFailure::new(reason))
}

/// Ends the run.
fn give_up(reason: String) -> ActivityError {
    ActivityError::application(ApplicationFailure::non_retryable(reason))
}

/// Decides what a process that has ended means for the run.
fn judge(
    cut: Option<Cut>,
    status: ExitStatus,
    report: &Path,
    printer: &Printer,
    tries: u32,
) -> Result<StintEnd, ActivityError> {
    let text = std::fs::read(report).unwrap_or_default();
    // It was only for this.
    let _ = std::fs::remove_file(report);
    let report: Option<ChildReport> = serde_json::from_slice(&text).ok();

    match (cut, report) {
        (Some(Cut::Lost), _) => Err(again("another worker has taken the run over".to_owned())),
        // What had come to its end, or waits, is not told otherwise because somebody wanted it to stop.
        (Some(Cut::Cancelled), Some(report)) if report.exit == Exit::Interrupted.code() => {
            Err(ActivityError::cancelled())
        }
        (Some(Cut::Cancelled), None) => Err(ActivityError::cancelled()),
        (_, Some(ChildReport { waits: true, until, .. })) => Ok(StintEnd::Waits { until }),
        (_, Some(ChildReport { exit, .. })) => Ok(StintEnd::Ended(RunExit { exit })),
        (Some(Cut::Leaves), None) => Err(again("its worker was stopped".to_owned())),
        (None, None) => {
            let reason =
                format!("the process of the stint has ended ({status}): {}", printer.last());
            let is_store = status.code() == Some(i32::from(Exit::Store.code()));
            let is_stuck = !is_store && tries >= TRIES_MAX;
            Err(if is_stuck { give_up(format!("stuck: {reason}")) } else { again(reason) })
        }
    }
}

/// Asks the engine at regular times whether it still counts on a stint.
struct Beats {
    handle: AsyncActivityHandle<Client>,
    ticks: Interval,
    /// How long an answer is waited for.
    limit: Duration,
    ends: watch::Receiver<bool>,
    is_cancelled: bool,
}

impl Beats {
    async fn next(&mut self) -> StintNews {
        if *self.ends.borrow_and_update() {
            // It is told once.
            let (_, never) = watch::channel(false);
            self.ends = never;
            return StintNews::Cut(Cut::Leaves);
        }

        tokio::select! {
            Ok(()) = self.ends.changed() => return StintNews::Silence,
            _ = self.ticks.tick() => {}
        }
        let asked = clock::instant();
        let beat = self.handle.heartbeat(None::<()>, RpcOptions::default());
        match tokio::time::timeout(self.limit, beat).await {
            Ok(Ok(answer)) if answer.cancel_requested && !self.is_cancelled => {
                self.is_cancelled = true;
                StintNews::Cut(Cut::Cancelled)
            }
            Ok(Ok(_)) => StintNews::Heard(asked),
            Ok(Err(AsyncActivityError::NotFound(_))) => StintNews::Cut(Cut::Lost),
            Ok(Err(_)) | Err(_) => StintNews::Silence,
        }
    }
}

/// The process that performs a stint. It ends when this is dropped.
struct StintProcess {
    process: Child,
    input: Option<ChildStdin>,
    group: Option<Group>,
}

impl StintProcess {
    async fn start(
        setup: &WorkerSetup,
        folder: &Path,
        order: &ChildOrder,
    ) -> Result<StintProcess, ActivityError> {
        let mut command = Command::new(&setup.program);
        command.arg("stint").current_dir(folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        end_with_parent(&mut command);

        let mut process = command.spawn()?;
        let group = Group::of(process.id());
        let mut child = StintProcess { input: process.stdin.take(), process, group };
        child.write(&serde_json::to_string(order)?).await;
        Ok(child)
    }

    async fn tell(&mut self, beat: Beat) {
        if let Ok(line) = serde_json::to_string(&beat) {
            self.write(&line).await;
        }
    }

    /// Writes a line. A process that is gone is found by its end.
    async fn write(&mut self, line: &str) {
        if let Some(input) = &mut self.input {
            let _ = input.write_all(format!("{line}\n").as_bytes()).await;
            let _ = input.flush().await;
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(id) = self.process.id().and_then(|id| i32::try_from(id).ok()) {
            // A process that is gone needs no signal.
            let _ = killpg(Pid::from_raw(id), signal);
        }
    }

    /// Waits for its end. One that was cut short has had its time.
    async fn end(&mut self, is_cut: bool) -> Result<ExitStatus, ActivityError> {
        if is_cut {
            self.signal(Signal::SIGKILL);
        }
        let status = self.process.wait().await?;
        self.group.take();
        Ok(status)
    }
}

/// Keeps what a process prints.
struct Printer {
    desk: StoreDesk,
    work: String,
    place: PrintPlace,
    /// The end of what was printed to stderr.
    last: Vec<u8>,
}

impl Printer {
    async fn pump(
        &mut self,
        mut out: impl AsyncRead + Unpin,
        mut err: impl AsyncRead + Unpin,
    ) -> Result<(), ActivityError> {
        let mut out_piece = vec![0; PIECE];
        let mut err_piece = vec![0; PIECE];
        let mut out_ends = false;
        let mut err_ends = false;

        while !(out_ends && err_ends) {
            tokio::select! {
                biased;
                read = err.read(&mut err_piece), if !err_ends => {
                    let read = read?;
                    err_ends = read == 0;
                    self.last = err_piece[..read].to_vec();
                    self.print(2, &err_piece[..read]).await?;
                }
                read = out.read(&mut out_piece), if !out_ends => {
                    let read = read?;
                    out_ends = read == 0;
                    self.print(1, &out_piece[..read]).await?;
                }
            }
        }
        Ok(())
    }

    async fn print(&mut self, stream: i16, piece: &[u8]) -> Result<(), ActivityError> {
        if piece.is_empty() {
            return Ok(());
        }
        self.place.number += 1;
        let row =
            PrintRow { work: self.work.clone(), place: self.place, stream, body: piece.to_vec() };
        Ok(self.desk.print(row).await??)
    }

    /// Returns the last line that was printed to stderr.
    fn last(&self) -> String {
        let text = String::from_utf8_lossy(&self.last);
        text.lines().next_back().unwrap_or_default().to_owned()
    }
}
