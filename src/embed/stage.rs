//! One run from its order to its end, on the thread that performs it.

use crate::base::clock;
use crate::base::failure::Kind;
use crate::base::id::RunId;
use crate::base::rng::Rng;
use crate::embed::desk::Desk;
use crate::embed::error::Error;
use crate::embed::event::{Event, EventReader};
use crate::embed::feed::Feed;
use crate::embed::order::{RunEnd, RunOrder};
use crate::embed::outcome::Outcome;
use crate::embed::resume::{self, EarlierRun};
use crate::embed::setup::Setup;
use crate::executor::Executor;
use crate::executor::budget::Budget;
use crate::executor::people::PersonChannel;
use crate::executor::replies::reuse::Reuse;
use crate::executor::standstill::{FAR, Suspension};
use crate::journal::Journal;
use crate::journal::event::{Event as JournalEvent, RunKind, RunStatus, Terms};
use crate::journal::lease::Lease;
use crate::mcp::Servers;
use crate::script::diagnostic::Diagnostic;
use crate::script::{Host, ScriptError, State, Surroundings, file_hashes};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Closes the feed of a run however its work is left.
struct OpenFeed(Arc<Feed>);

impl Drop for OpenFeed {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Tries whether the words of the program can be defined.
pub(super) fn try_words(setup: &Setup) -> Result<(), Error> {
    host_of_no_run(setup, setup.root.join("none.rhai")).map(drop)
}

/// Prepares to compile a script that is not run.
fn host_of_no_run(setup: &Setup, script: PathBuf) -> Result<Host, Error> {
    let models = Rc::new(setup.models());
    if let Some(name) = &setup.default_model {
        models.resolve(name).map_err(Error::setup)?;
    }

    let executor = Rc::new(Executor::new(Journal::off(RunId::fresh()), 0, None));
    let with = Surroundings {
        executor,
        models,
        root: setup.root.clone(),
        servers: Servers::none(),
        permissions: setup.permissions(),
        script,
        params: Map::new(),
        print: Rc::new(|_| {}),
        say: Rc::new(|_| {}),
        interrupted: Arc::default(),
        store: None,
        learn_from_demo: false,
        operations_max: setup.operations_max,
        state: State::default(),
    };
    let host = Host::with_words(with, &setup.words());
    host.map_err(|name| {
        Error::setup(format!("scripts already have a function `{name}`; choose another name"))
    })
}

/// Performs a run, and tells its end.
pub(super) async fn perform(desk: &Desk, mut order: RunOrder) {
    let _open = OpenFeed(order.feed.clone());
    let (nobody, _) = tokio::sync::oneshot::channel();
    let end = std::mem::replace(&mut order.end, nobody);

    let ended = Box::pin(run(desk, &order)).await;
    if let Err(error @ (Error::Refused { .. } | Error::Setup { .. } | Error::Store { .. })) = &ended
    {
        // The journal has no event that says so.
        order.feed.refuse(error);
    }
    // Nobody may wait for it any more.
    let _ = end.send(ended);
}

/// A run that is set up.
struct RunStage {
    executor: Rc<Executor>,
    root: PathBuf,
    host: Host,
    /// Says that this process works on the runs, for as long as it does.
    _leases: Vec<Lease>,
}

async fn run(desk: &Desk, order: &RunOrder) -> RunEnd {
    let setup = &desk.setup;
    let (path, text) = read_script(setup, &order.script)?;
    let mut earlier = order.resumes.as_deref().map(|run| resume::find(setup, run)).transpose()?;
    if let Some(earlier) = &mut earlier {
        drop_parameters(setup, order, earlier, (&path, &text))?;
    }
    let chance = || Rng::from_entropy().next_u64() >> 11;
    let seed = order.seed.or(earlier.as_ref().map(|run| run.seed)).unwrap_or_else(chance);

    let mut params = earlier.as_ref().map(|run| run.params.clone()).unwrap_or_default();
    params.extend(order.params.clone());
    let (stage, time_max) = set_up(desk, order, path, params.clone(), seed, earlier.as_ref())?;
    let program = match stage.host.compile(&text) {
        Ok(program) => program,
        Err(ScriptError::Refused(faults)) => return Err(refused(&faults)),
        Err(_) => return Err(Error::Closed),
    };

    let started = JournalEvent::RunStarted {
        script: order.script.clone(),
        params,
        seed,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        resumes: earlier.as_ref().map(|run| run.id.clone()),
        what: Some(RunKind::Script),
        reuse: false,
        terms: Box::new(Terms {
            text: Some(Terms::text_hash(&text)),
            concurrency: Some(desk.setup.concurrency.unwrap_or(0)),
            lineage: earlier.as_ref().map(|run| run.lineage.clone()).unwrap_or_default(),
            ..Terms::default()
        }),
    };
    stage.executor.begin(&started)?;
    if let (Some(value), Some(question)) =
        (&order.answer, earlier.as_ref().and_then(|run| run.waits.questions.first()))
    {
        stage.executor.give_answer(question, value.clone()).await?;
    }

    let began = clock::monotonic();
    if let Some(most) = time_max {
        desk.set_alarm(most, &order.cancel.flag);
    }
    let result = tokio::select! {
        // What has come to its end needs nobody to stop it.
        biased;
        result = stage.host.run(&program) => Some(result),
        () = order.cancel.called.notified() => None,
        () = time_over(time_max) => None,
    };
    if result.is_none() {
        stage.host.end();
    }
    end(&stage, &order.id.0, result, clock::monotonic().saturating_sub(began)).await
}

/// Takes out the parameters of the run that is continued which the script no longer has.
fn drop_parameters(
    setup: &Setup,
    order: &RunOrder,
    earlier: &mut EarlierRun,
    (path, text): (&Path, &str),
) -> Result<(), Error> {
    if earlier.params.is_empty() {
        return Ok(());
    }

    // What is wrong with the script is told where it is compiled to be run.
    let host = host_of_no_run(setup, path.to_owned())?;
    let Ok(program) = host.compile(text) else { return Ok(()) };
    let script = Path::new(&order.script);
    let dropped = program.drop_removed(&mut earlier.params, &order.params, (script, &earlier.id));
    for text in dropped {
        order.feed.push(Event::Noted { text });
    }
    Ok(())
}

async fn time_over(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}

/// Finds the script and reads it. A script of the program has a path in the project, by which it finds what it
/// imports.
fn read_script(setup: &Setup, name: &str) -> Result<(PathBuf, String), Error> {
    let refused = |problem: String| Error::Refused { problems: vec![problem] };
    let path = setup.root.join(name);
    if let Some(text) = setup.scripts.get(name) {
        return Ok((path, text.clone()));
    }

    let real = path.canonicalize().map_err(|error| refused(format!("script `{name}`: {error}")))?;
    if !real.starts_with(&setup.root) {
        return Err(refused(format!("script `{name}` is not in the project")));
    }
    let text = crate::base::file::read_text(&real)
        .map_err(|error| refused(format!("script `{name}`: {error}")))?;
    Ok((real, text))
}

fn set_up(
    desk: &Desk,
    order: &RunOrder,
    script: PathBuf,
    params: Map<String, Value>,
    seed: u64,
    earlier: Option<&EarlierRun>,
) -> Result<(RunStage, Option<Duration>), Error> {
    let setup = &desk.setup;
    let leases = leases(setup, &order.id, earlier)?;
    let models = Rc::new(desk.models.reseeded(seed));
    if let Some(name) = &order.model {
        models.set_default(name).map_err(Error::setup)?;
    }

    let (bounds, time_max) = setup.bounds_of(order.bounds);
    let journal = Journal::new(order.id.clone(), desk.writer.clone());
    let mut executor = Executor::new(journal, seed, setup.concurrency)
        .within(Budget::new(bounds))
        .reaching(PersonChannel::Later)
        .suspending(Suspension {
            far: setup.suspend_after.unwrap_or(FAR),
            of_times: setup.suspend_after.is_some(),
        });
    if let Some(earlier) = earlier {
        executor = executor
            .reusing(Rc::new(Reuse::new(earlier.replies.clone())))
            .retelling(earlier.past.clone(), earlier.lineage.clone())
            .reporting(earlier.figures.clone());
    }
    let executor = Rc::new(executor);
    listen(&executor, &order.id, &order.feed);

    let printed = order.feed.clone();
    let noted = order.feed.clone();
    let with = Surroundings {
        executor: executor.clone(),
        servers: setup.servers(models.clone()),
        models,
        root: setup.root.clone(),
        permissions: setup.permissions(),
        script,
        params,
        print: Rc::new(move |text| printed.push(Event::Printed { text: text.to_owned() })),
        say: Rc::new(move |text| noted.push(Event::Noted { text: text.to_owned() })),
        interrupted: order.cancel.flag.clone(),
        store: Some((setup.store.clone(), desk.writer.clone())),
        learn_from_demo: setup.learn_from_demo,
        operations_max: setup.operations_max,
        state: State::default(),
    };
    let host = Host::with_words(with, &desk.words)
        .map_err(|name| Error::setup(format!("scripts already have a function `{name}`")))?;
    let root = setup.root.clone();
    Ok((RunStage { executor, root, host, _leases: leases }, time_max))
}

/// Keeps every other process from the run, and from the one that it continues.
fn leases(setup: &Setup, run: &RunId, earlier: Option<&EarlierRun>) -> Result<Vec<Lease>, Error> {
    let Some(folder) = &setup.own_folder else { return Ok(Vec::new()) };
    let take = |run: &RunId| {
        let taken = Lease::take(folder, run);
        taken.map_err(|error| Error::Store { message: error.to_string() })
    };

    let mut leases: Vec<Lease> = take(run)?.into_iter().collect();
    if let Some(earlier) = earlier {
        let lease = take(&earlier.id)?.ok_or_else(|| {
            Error::setup(format!("run {} is still active, or is being resumed", earlier.id))
        })?;
        leases.push(lease);
    }
    Ok(leases)
}

/// Passes on what the journal is told.
fn listen(executor: &Executor, run: &RunId, feed: &Arc<Feed>) {
    let reader = RefCell::new(EventReader::new(run.clone()));
    let feed = feed.clone();
    executor.listen(Rc::new(move |_, event| {
        let event = reader.borrow_mut().read(event);
        feed.push(event);
    }));
}

/// Journals the end of a run, and tells it.
async fn end(
    stage: &RunStage,
    run: &str,
    result: Option<Result<Value, ScriptError>>,
    time: Duration,
) -> RunEnd {
    let executor = &stage.executor;
    let cancelled = Err(Error::Cancelled { run: run.to_owned() });

    let (status, value, failure, told) = match result {
        None => (RunStatus::Interrupted, Value::Null, None, cancelled),
        Some(Ok(value)) if executor.unforgiven() == 0 => {
            let done = Outcome::new(run.to_owned(), value.clone(), &executor.metrics(), time);
            (RunStatus::Ok, value, None, Ok(done))
        }
        Some(Ok(value)) => {
            let told = match executor.first_failure() {
                Some(failure) => Error::failed(run, &failure),
                None => Error::Closed,
            };
            (RunStatus::Failed, value, None, Err(told))
        }
        Some(Err(ScriptError::Failed(both))) => {
            let (failure, _) = *both;
            if failure.kind == Kind::Interrupted {
                (RunStatus::Interrupted, Value::Null, None, cancelled)
            } else {
                let told = Err(Error::failed(run, &failure));
                (RunStatus::Failed, Value::Null, Some(failure), told)
            }
        }
        Some(Err(ScriptError::Suspended(waits))) => {
            let questions = waits.questions.iter().map(|one| one.question.text.clone()).collect();
            executor.commit(&JournalEvent::Suspended { waits: *waits }).await?;
            let told = Err(Error::Waiting { run: run.to_owned(), questions });
            (RunStatus::Waiting, Value::Null, None, told)
        }
        // Nothing more can be journaled.
        Some(Err(ScriptError::Store(error))) => return Err(error.into()),
        Some(Err(ScriptError::Refused(faults))) => {
            (RunStatus::Failed, Value::Null, None, Err(refused(&faults)))
        }
    };

    let comparisons = executor.comparisons();
    let read = file_hashes(&stage.root, stage.host.files());
    let ended = JournalEvent::RunEnded { status, value, failure, comparisons, read };
    executor.commit(&ended).await?;
    told
}

/// Says what is wrong with a script, a line for each fault.
fn refused(faults: &[Diagnostic]) -> Error {
    let problem = |fault: &Diagnostic| {
        let place = fault.place.as_ref().map(|place| {
            let file = Path::new(&place.file).file_name().unwrap_or_default().to_string_lossy();
            format!("{file}:{}:{}: ", place.line, place.column)
        });
        let help = fault.help.as_ref().map(|help| format!("; {help}"));
        format!("{}{}{}", place.unwrap_or_default(), fault.message, help.unwrap_or_default())
    };
    Error::Refused { problems: faults.iter().map(problem).collect() }
}
