//! The threads on which runs are performed. Each has a writer of the store, models, and as many runs under way
//! as it may.

use crate::base::clock;
use crate::base::thread;
use crate::embed::error::Error;
use crate::embed::order::RunOrder;
use crate::embed::setup::Setup;
use crate::embed::stage;
use crate::model::registry::Models;
use crate::optimizer::choice::policy::Policy;
use crate::optimizer::evidence::knowledge::Knowledge;
use crate::optimizer::{NamedExecution, Optimizer};
use crate::script::HostWords;
use crate::store;
use crate::store::writer::Writer;
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc as threads;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinSet, LocalSet};

/// Most runs that are under way on one thread. Each takes between one and two megabytes, nearly all of it for the
/// words of its engine.
const RUNS_MAX: usize = 256;
/// Most jobs that wait for one thread.
const WAITING_MAX: usize = 10_000;

/// What a thread is asked to do.
pub(super) enum DeskJob {
    /// To perform a run.
    Run(Box<RunOrder>),
    /// To record an execution.
    Record(Box<RecordOrder>),
}

/// An execution that is to be recorded.
pub(super) struct RecordOrder {
    pub(super) task: String,
    pub(super) pattern: String,
    pub(super) metrics: Map<String, Value>,
    pub(super) done: oneshot::Sender<Result<(), Error>>,
}

impl DeskJob {
    /// Tells whoever waits that the job will not be done.
    fn refuse(self, error: Error) {
        match self {
            DeskJob::Run(order) => {
                order.feed.refuse(&error);
                // Nobody may wait for it any more.
                let _ = order.end.send(Err(error));
            }
            DeskJob::Record(order) => {
                let _ = order.done.send(Err(error));
            }
        }
    }
}

/// All threads of a runtime.
pub(super) struct Desks {
    open: Mutex<Vec<mpsc::Sender<DeskJob>>>,
    next: AtomicUsize,
    /// Each is dropped when its thread has come to its end.
    ends: tokio::sync::Mutex<Vec<oneshot::Receiver<()>>>,
}

impl Desks {
    /// Starts the threads.
    pub(super) fn start(setup: &Arc<Setup>, count: usize) -> Result<Desks, Error> {
        let mut open = Vec::with_capacity(count);
        let mut ends = Vec::with_capacity(count);
        for number in 0..count {
            let (send, jobs) = mpsc::channel(WAITING_MAX);
            let (end, ended) = oneshot::channel();
            let setup = setup.clone();

            let started = thread::start(&format!("kaizen-{number}"), move || {
                serve(&setup, jobs);
                drop(setup);
                // Nobody may wait for it.
                let _ = end.send(());
            });
            started.map_err(Error::setup)?;
            open.push(send);
            ends.push(ended);
        }

        let ends = tokio::sync::Mutex::new(ends);
        Ok(Desks { open: Mutex::new(open), next: AtomicUsize::new(0), ends })
    }

    /// Hands a job to the next thread.
    pub(super) fn send(&self, job: DeskJob) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.is_empty() {
            return job.refuse(Error::Closed);
        }

        let place = self.next.fetch_add(1, Ordering::Relaxed) % open.len();
        match open[place].try_send(job) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Closed(job)) => job.refuse(Error::Closed),
            Err(mpsc::error::TrySendError::Full(job)) => {
                let message = format!("{WAITING_MAX} runs are already waiting (`WAITING_MAX`)");
                job.refuse(Error::setup(message));
            }
        }
    }

    /// Lets the threads come to their ends, and waits for that.
    pub(super) async fn close(&self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).clear();
        for end in self.ends.lock().await.iter_mut() {
            // A thread that is gone has ended.
            let _ = end.await;
        }
    }
}

/// What the runs of one thread share.
pub(super) struct Desk {
    pub(super) setup: Arc<Setup>,
    pub(super) writer: Rc<Writer>,
    pub(super) models: Models,
    pub(super) words: HostWords,
    alarm: RefCell<Option<threads::Sender<Deadline>>>,
}

/// When a run that computes is to end, on the monotonic clock.
type Deadline = (Duration, Weak<AtomicBool>);

impl Desk {
    fn open(setup: &Arc<Setup>) -> Result<Desk, Error> {
        let store = store::open(&setup.store)?;
        let writer = Rc::new(Writer::start(store, &setup.store, setup.durability)?);
        Ok(Desk {
            setup: setup.clone(),
            writer,
            models: setup.models(),
            words: setup.words(),
            alarm: RefCell::default(),
        })
    }

    /// Sets a flag when a time is over. This thread cannot do that itself while a script computes.
    pub(super) fn set_alarm(&self, after: Duration, flag: &Arc<AtomicBool>) {
        let mut alarm = self.alarm.borrow_mut();
        let sender = alarm.get_or_insert_with(|| {
            let (send, deadlines) = threads::channel();
            // It ends when the desk is dropped. Without it, the limit of operations still holds.
            drop(thread::start("kaizen-alarm", move || watch(&deadlines)));
            send
        });
        // A watcher that is gone watches nothing; the limit of operations still holds.
        let _ = sender.send((clock::monotonic().saturating_add(after), Arc::downgrade(flag)));
    }

    async fn record(&self, order: RecordOrder) {
        let RecordOrder { task, pattern, metrics, done } = order;
        let recorded = async {
            let knowledge = Knowledge::open(&self.setup.store, self.writer.clone())
                .map_err(|error| Error::Store { message: error.to_string() })?;
            let knowledge = Rc::new(knowledge);
            let optimizer =
                Optimizer::new(knowledge, Policy::default(), self.setup.learn_from_demo);

            let execution = NamedExecution { task, pattern, metrics, name: None };
            Ok(optimizer.record_executions(&[execution], false).await?)
        };
        let recorded = recorded.await;
        // Nobody may wait for it any more.
        let _ = done.send(recorded);
    }
}

/// Does the jobs of one thread until there will be no more.
fn serve(setup: &Arc<Setup>, mut jobs: mpsc::Receiver<DeskJob>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let desk = Desk::open(setup);
    let (runtime, desk) = match (runtime, desk) {
        (Ok(runtime), Ok(desk)) => (runtime, Rc::new(desk)),
        (Err(error), _) => return refuse_all(jobs, &Error::setup(error)),
        (_, Err(error)) => return refuse_all(jobs, &error),
    };

    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let mut under_way = JoinSet::new();
        loop {
            tokio::select! {
                job = jobs.recv(), if under_way.len() < RUNS_MAX => match job {
                    Some(job) => {
                        let desk = desk.clone();
                        under_way.spawn_local(async move {
                            match job {
                                DeskJob::Run(order) => stage::perform(&desk, *order).await,
                                DeskJob::Record(order) => desk.record(*order).await,
                            }
                        });
                    }
                    None => break,
                },
                // What a job came to was told by itself. One that panicked tells nothing, and whoever
                // waits for it notices.
                Some(_) = under_way.join_next() => {}
            }
        }
        while under_way.join_next().await.is_some() {}
    });
}

fn refuse_all(mut jobs: mpsc::Receiver<DeskJob>, error: &Error) {
    while let Some(job) = jobs.blocking_recv() {
        job.refuse(error.clone());
    }
}

/// Sets the flags of runs whose time is over, until no more runs will come.
fn watch(deadlines: &threads::Receiver<Deadline>) {
    let mut all: Vec<Deadline> = Vec::new();
    loop {
        let now = clock::monotonic();
        all.retain(|(at, flag)| match flag.upgrade() {
            Some(flag) if *at <= now => {
                flag.store(true, Ordering::SeqCst);
                false
            }
            Some(_) => true,
            None => false,
        });

        let next = all.iter().map(|(at, _)| at.saturating_sub(now)).min();
        match deadlines.recv_timeout(next.unwrap_or(Duration::from_hours(1))) {
            Ok(deadline) => all.push(deadline),
            Err(threads::RecvTimeoutError::Timeout) => {}
            Err(threads::RecvTimeoutError::Disconnected) => return,
        }
    }
}
