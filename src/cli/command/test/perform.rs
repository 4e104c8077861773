//! Runs one test: with a host, a seed and a state of its own, and without journal or store.

use crate::base::count::counted;
use crate::base::failure::{Failure, Kind};
use crate::base::id::RunId;
use crate::base::unit::Money;
use crate::base::visible::shown_path;
use crate::base::{clock, file, own};
use crate::cli::app::project::Project;
use crate::cli::app::signal::Signals;
use crate::cli::command::test::find::TestCase;
use crate::executor::Executor;
use crate::executor::budget::Budget;
use crate::executor::replies::tape::{Record, Tape};
use crate::journal::Journal;
use crate::journal::cassette::{self, Cassette};
use crate::model::registry::Models;
use crate::script::diagnostic::{Diagnostic, of_failure};
use crate::script::host::files::real;
use crate::script::host::permission::Permissions;
use crate::script::test::Test;
use crate::script::{Host, Program, ScriptError, Sink, State, Surroundings};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

/// The time that tests are told: 2020-01-01T00:00:00Z, so that a prompt with a date in it is the same
/// request every day.
const TIME_MS: i64 = 1_577_836_800_000;
/// Most lines of output that are kept of one test.
const OUTPUT_MAX: usize = 1000;
/// The run that scripts of tests see as `run_id`.
const RUN: &str = "test";

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// Well.
    Passed,
    /// An assertion does not hold, or something went wrong.
    Failed,
    /// It asked what its cassette does not hold.
    Missed,
    /// Ctrl-C came first.
    Stopped,
}

/// One test that has run.
#[derive(Debug)]
pub(super) struct TestResult {
    pub(super) status: Status,
    pub(super) time: Duration,
    /// Why it did not pass.
    pub(super) fault: Option<Diagnostic>,
    /// What it printed and logged.
    pub(super) output: Vec<String>,
    /// What people should know although it passed.
    pub(super) notes: Vec<String>,
    /// Replies that were recorded, and what they cost if that is known.
    pub(super) recorded: usize,
    pub(super) cost: Option<Money>,
    /// Replies that came from the cassette, and calls that the demo model answered.
    pub(super) played: usize,
    pub(super) demo_calls: u64,
    /// Whether the budget did not allow one of its calls.
    pub(super) is_spent: bool,
    /// Snapshots that were written.
    pub(super) written: usize,
    /// The files that it depends on, with the hashes of their contents.
    pub(super) files: BTreeMap<PathBuf, Option<blake3::Hash>>,
}

/// What all tests of one thread share.
pub(super) struct Bench<'a> {
    pub(super) project: &'a Project,
    pub(super) signals: &'a Signals,
    pub(super) models: Models,
    pub(super) permissions: Permissions,
    pub(super) record: Record,
    pub(super) is_update: bool,
    pub(super) limit: Duration,
    /// Bounds the whole recording; without one each test has the project's.
    pub(super) budget: Option<Rc<Budget>>,
}

/// The lines of a test's output.
#[derive(Debug, Default)]
struct OutputLines {
    lines: Vec<String>,
    dropped: usize,
}

impl OutputLines {
    fn push(&mut self, text: &str) {
        if self.lines.len() < OUTPUT_MAX {
            self.lines.push(text.to_owned());
        } else {
            self.dropped += 1;
        }
    }

    fn take(&mut self) -> Vec<String> {
        let mut lines = std::mem::take(&mut self.lines);
        if self.dropped > 0 {
            lines.push(format!("… and {} more", self.dropped));
        }
        lines
    }
}

/// A test that is set up.
struct TestSetup {
    host: Host,
    executor: Rc<Executor>,
    tape: Rc<Tape>,
    test: Rc<Test>,
    output: Rc<RefCell<OutputLines>>,
}

impl Bench<'_> {
    /// Runs a test.
    pub(super) async fn perform(&self, case: &TestCase) -> TestResult {
        let broken = |kind: Kind, message: String| {
            TestResult::broken(clock::monotonic(), &Failure::new(kind, message))
        };

        let cassette = match Cassette::read(&case.cassette) {
            Ok(cassette) => cassette,
            Err(error) => return broken(Kind::File, error.to_string()),
        };

        let setup = match self.set_up(case, cassette) {
            Ok(setup) => setup,
            Err(error) => return broken(Kind::Mcp, error.to_string()),
        };
        let program = match setup.host.compile(&case.text) {
            Ok(program) => program,
            // It was sound a moment ago, so a file that it imports has changed.
            Err(ScriptError::Refused(faults)) => {
                let fault = faults.into_iter().next();
                return TestResult::new(Status::Failed, clock::monotonic(), fault);
            }
            Err(error) => return broken(Kind::File, format!("{error:?}")),
        };
        // Setting up is no part of what the test takes.
        let began = clock::monotonic();
        let mut ended = match self.judge(&program, &setup, began).await {
            Ok(()) => TestResult::new(Status::Passed, began, None),
            Err((status, fault)) => TestResult::new(status, began, fault),
        };

        ended.output = setup.output.borrow_mut().take();
        ended.files = setup.host.files();

        if let Err(failure) = self.keep(case, &setup, &mut ended) {
            (ended.status, ended.fault) = (Status::Failed, Some(of_failure(&failure)));
        }

        ended
    }

    /// Tells whether the budget of the recording is used up.
    pub(super) fn is_spent(&self) -> bool {
        self.budget.as_ref().is_some_and(|budget| budget.is_spent())
    }

    fn set_up(&self, case: &TestCase, cassette: Cassette) -> anyhow::Result<TestSetup> {
        let seed = seed(&case.id);
        let tape = Rc::new(Tape::new(cassette, self.record));
        let journal = Journal::off(RunId(RUN.to_owned()));
        let executor = self.project.executor(journal, seed);

        let executor = match &self.budget {
            Some(budget) => executor.within(budget.clone()),
            None => executor,
        };

        // A test sees the same time in each run.
        let executor = Rc::new(executor.playing(tape.clone()).at_still_time(TIME_MS));
        let output: Rc<RefCell<OutputLines>> = Rc::default();
        let into = |output: &Rc<RefCell<OutputLines>>| -> Sink {
            let output = output.clone();
            Rc::new(move |text| output.borrow_mut().push(text))
        };

        let models = Rc::new(self.models.reseeded(seed));
        let host = Host::new(Surroundings {
            executor: executor.clone(),
            servers: self.project.servers(models.clone())?,
            models,
            permissions: self.permissions.clone(),
            root: self.project.root.clone(),
            script: case.file.clone(),
            params: serde_json::Map::new(),
            print: into(&output),
            say: into(&output),
            interrupted: self.signals.flag(),
            store: None,
            learn_from_demo: self.project.config.learn_from_demo(),
            operations_max: self.project.config.operations_max(),
            state: State::default(),
        });

        let test = Rc::new(Test::new(&case.name, &case.snapshots, self.is_update));
        Ok(TestSetup { host, executor, tape, test, output })
    }

    /// Runs the test, and says why it has not passed if so.
    async fn judge(
        &self,
        program: &Program,
        setup: &TestSetup,
        began: Duration,
    ) -> Result<(), (Status, Option<Diagnostic>)> {
        let TestSetup { host, executor, tape, test, .. } = setup;
        let failed = |kind: Kind, text: String| {
            Err((Status::Failed, Some(of_failure(&Failure::new(kind, text)))))
        };

        let work = host.test(program, test.clone(), self.limit);
        let result = tokio::select! {
            result = tokio::time::timeout(self.limit, work) => result,
            _ = self.signals.caught() => {
                host.end();
                return Err((Status::Stopped, None));
            }
        };

        let Ok(result) = result else {
            host.end();
            return failed(Kind::Timeout, self.too_late());
        };

        let raised = match result {
            Ok(()) => None,
            Err(ScriptError::Failed(both)) => Some(*both),
            Err(other) => return failed(Kind::File, format!("{other:?}")),
        };

        // A test that was interrupted has not failed.
        if self.signals.seen().is_some() {
            return Err((Status::Stopped, None));
        }

        // A request without its reply is the cause, whatever the script made of it.
        if let Some((missed, count)) = tape.missed() {
            let fault = raised.filter(|(failure, _)| failure.kind == missed.kind);
            let fault = fault.map_or_else(|| hidden(&missed, executor), |both| both.1);

            let more = match count {
                1 => fault.message.clone(),
                _ => format!(
                    "{}\n{} requests of this test are not in the cassette",
                    fault.message, count
                ),
            };
            return Err((Status::Missed, Some(Diagnostic { message: more, ..fault })));
        }

        if let Some((failure, mut shown)) = raised {
            let took = clock::monotonic().saturating_sub(began);
            // A timeout of the script's own may end it earlier, and has its own words.
            if failure.kind == Kind::Timeout && took >= self.limit {
                shown.message = self.too_late();
            }
            return Err((Status::Failed, Some(shown)));
        }

        if executor.unforgiven() == 0 {
            return Ok(());
        }

        let cancelled = || Failure::new(Kind::Cancelled, "operations of a flow were cancelled");
        let mut shown = of_failure(&executor.first_failure().unwrap_or_else(cancelled));
        shown.help = Some(
            "an operation did not complete, so the test fails; set `allow_failures: true` in the \
             options of `flow` to accept this"
                .to_owned(),
        );

        Err((Status::Failed, Some(shown)))
    }

    fn too_late(&self) -> String {
        let limit = self.limit.as_millis();
        format!("the test timed out after {limit} ms (change the limit with `--timeout`)")
    }

    /// Writes what was recorded and updated, and notes what is not used.
    fn keep(
        &self,
        case: &TestCase,
        setup: &TestSetup,
        ended: &mut TestResult,
    ) -> Result<(), Failure> {
        let TestSetup { executor, tape, test, .. } = setup;
        let has_passed = ended.status == Status::Passed;

        (ended.recorded, ended.cost) = (tape.recorded(), tape.cost());
        (ended.played, ended.demo_calls) = (tape.played(), executor.demo_replies());

        if self.is_spent() {
            ended.is_spent = true;
            ended.notes.push("its calls exceed the budget of the recording".to_owned());
        }
        // What was paid for is kept, however the test ended.
        if let Some(content) = tape.content(has_passed) {
            refuse_detour(case, &case.cassette, &self.project.root)?;
            let kept = cassette::write(&case.cassette, content);
            kept.map_err(|error| Failure::new(Kind::File, error.to_string()))?;
        }

        if has_passed {
            ended.written = self.update(case, test)?;
            self.note(case, tape, test, executor, &mut ended.notes);
        }

        for path in test.pending().keys().chain([&case.cassette]) {
            let content = file::read(path).ok();
            let whole = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            ended.files.insert(whole, content.as_deref().map(blake3::hash));
        }

        Ok(())
    }

    /// Writes the snapshots of a test that has passed, and removes those that it does not use.
    fn update(&self, case: &TestCase, test: &Test) -> Result<usize, Failure> {
        let pending = test.pending();
        for (path, text) in &pending {
            refuse_detour(case, path, &self.project.root)?;
            write(path, text).map_err(|error| {
                Failure::new(Kind::File, format!("cannot write `{}`: {error}", shown_path(path)))
            })?;
        }

        if self.is_update {
            for path in test.unused() {
                refuse_detour(case, &path, &self.project.root)?;
                std::fs::remove_file(&path).map_err(|error| {
                    Failure::new(
                        Kind::File,
                        format!("cannot remove `{}`: {error}", shown_path(&path)),
                    )
                })?;
            }
        }

        Ok(pending.len())
    }

    fn note(
        &self,
        case: &TestCase,
        tape: &Tape,
        test: &Test,
        executor: &Executor,
        notes: &mut Vec<String>,
    ) {
        let cassette = shown_path(&case.cassette);

        if tape.failed() > 0 {
            let calls = counted(tape.failed(), "call failed and is", "calls failed and are");
            notes.push(format!(
                "{calls} not in `{cassette}`; the test will behave differently when played"
            ));
        }

        if tape.unused() > 0 && self.record != Record::All {
            let unused = counted(tape.unused(), "exchange", "exchanges");
            let test = &case.name;
            notes.push(format!(
                "{unused} of `{cassette}` unused; record it again with `kaizen test {test} \
                 --record all`"
            ));

            if tape.played() == 0 && executor.demo_replies() > 0 {
                notes.push(
                    "the demo model was called instead: set the model in kaizen.toml or in the \
                     script, so that tests use the same model everywhere"
                        .to_owned(),
                );
            }
        }

        if !self.is_update {
            notes.extend(test.unused().iter().map(|path| {
                format!("unused snapshot `{}`; remove it with `-u`", shown_path(path))
            }));
        }
    }
}

impl TestResult {
    fn new(status: Status, began: Duration, fault: Option<Diagnostic>) -> TestResult {
        TestResult {
            status,
            time: clock::monotonic().saturating_sub(began),
            fault,
            output: Vec::new(),
            notes: Vec::new(),
            recorded: 0,
            played: 0,
            demo_calls: 0,
            cost: None,
            written: 0,
            is_spent: false,
            files: BTreeMap::new(),
        }
    }

    /// Creates the end of a test that could not be run.
    pub(super) fn broken(began: Duration, failure: &Failure) -> TestResult {
        TestResult::new(Status::Failed, began, Some(of_failure(failure)))
    }
}

/// Shows a request that no cassette holds although the script continued after it.
fn hidden(missed: &Failure, executor: &Executor) -> Diagnostic {
    // What an operation asked is known with its name.
    let of_operation = executor.first_failure().filter(|failure| failure.kind == missed.kind);

    match of_operation {
        Some(failure) => of_failure(&failure),
        None => Diagnostic {
            help: Some("the script continued after this error, but the test still fails".into()),
            ..of_failure(missed)
        },
    }
}

/// Returns the seed of a test: always the same, and another one for each.
fn seed(id: &str) -> u64 {
    let hash = blake3::hash(id.as_bytes());
    let first = hash.as_bytes().first_chunk::<8>().expect("a hash has 32 bytes");
    u64::from_le_bytes(*first) >> 11
}

/// Writes a file, whole or not at all, and the folders it lies in.
pub(super) fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    own::write_shared(path, text.as_bytes())
}

/// Refuses to write beside a test in a folder that leads out of the project by a link.
fn refuse_detour(case: &TestCase, path: &Path, root: &Path) -> Result<(), Failure> {
    // The folder of a mere name is this one.
    let whole = |path: &Path| {
        let path = Path::new(".").join(path);
        real(&std::path::absolute(&path).unwrap_or(path))
    };

    let leads_to = whole(path.parent().unwrap_or(Path::new("")));
    let home = whole(case.file.parent().unwrap_or(Path::new("")));

    if leads_to.starts_with(home) || leads_to.starts_with(whole(root)) {
        return Ok(());
    }

    let message = format!(
        "cannot write `{}`: its folder is a link out of the project, to `{}`; remove the link",
        shown_path(path),
        shown_path(&leads_to)
    );
    Err(Failure::new(Kind::File, message))
}
