//! `kaizen test [FILTER]`: runs the tests of a project. Models answer from cassettes, or are asked
//! and recorded.

mod find;
mod junit;
pub(in crate::cli) mod memory;
mod perform;
mod report;
mod watch;

use crate::base::clock;
use crate::base::failure::{Failure, Kind};
use crate::base::spelling::nearest;
use crate::base::visible::{on_one_line, shown_path};
use crate::cli::app::config::duration;
use crate::cli::app::exit::Exit;
use crate::cli::app::number;
use crate::cli::app::permissions::{EVERYTHING, Grants};
use crate::cli::app::project::Project;
use crate::cli::app::signal::Signals;
use crate::cli::app::{signal, trust};
use crate::cli::command::run::block_on;
use crate::cli::command::test::find::{Suite, TestCase};
use crate::cli::command::test::memory::FileMemory;
use crate::cli::command::test::perform::{Bench, TestResult, write};
use crate::cli::command::test::report::Counts;
use crate::cli::command::watch::files::Contents;
use crate::cli::render::diagnostic;
use crate::cli::{Global, print_data, print_line, say};
use crate::executor::budget::Budget;
use crate::executor::replies::tape;
use crate::journal::cassette::Cassette;
use crate::script::test::FILE_END;
use futures::FutureExt;
use serde_json::json;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// Least tests at once, where nothing else is said: most of a test is waiting.
const JOBS_MIN: usize = 4;
/// Stack of a thread that runs tests, in bytes: as much as the main thread has for reading scripts that
/// are nested deeply.
const STACK_BYTES: usize = 8 << 20;
/// Longest time of one test, played and recorded.
const LIMITS: (&str, &str) = ("60s", "10m");

/// The options of `test`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Run only tests whose `file::name` contains this text.
    filter: Option<OsString>,
    /// How to handle requests that are not in a test's cassette.
    #[arg(long, value_enum, default_value = "none")]
    record: RecordMode,
    /// Write missing or changed snapshots and remove unused ones.
    #[arg(short, long)]
    update: bool,
    /// Write the results as JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Run only one part of the tests, such as `1/3` for the first third.
    #[arg(long, value_name = "I/N", value_parser = shard)]
    shard: Option<Shard>,
    /// Run only tests with a file that changed since they last passed: their own, imported and read
    /// files, their cassette and snapshots, kaizen.toml.
    #[arg(long)]
    changed: bool,
    /// Re-run tests when one of their files is saved.
    #[arg(long, conflicts_with = "junit")]
    watch: bool,
    /// Show the output of all tests, including passed ones.
    #[arg(long)]
    show_output: bool,
    /// Maximum number of concurrent tests. Recordings run one test at a time.
    #[arg(long, value_name = "N", value_parser = number::few)]
    jobs: Option<u16>,
    /// Time limit of one test, such as 500ms, 90s or 5m. Defaults to 60s, or 10m while recording.
    #[arg(long, value_name = "TIME")]
    timeout: Option<String>,
    /// Maximum cost of a recording in dollars.
    #[arg(long, value_name = "DOLLARS", value_parser = number::dollars, allow_negative_numbers = true)]
    max_cost: Option<f64>,
    #[command(flatten)]
    grants: Grants,
    /// Approve calls of these tools beforehand. Without a list: all.
    #[arg(long, value_name = "TOOL,..", num_args = 0..=1, require_equals = true, default_missing_value = EVERYTHING, help_heading = "Permissions")]
    approve: Vec<String>,
}

/// What happens to a request that a cassette does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum RecordMode {
    /// Fail the test. No model except the demo model is called.
    None,
    /// Call the model and add the reply to the cassette.
    New,
    /// Call the models for everything and rewrite the cassette.
    All,
}

/// One part of the tests: which, from 1, of how many.
#[derive(Debug, Clone, Copy)]
struct Shard {
    part: usize,
    of: usize,
}

fn shard(text: &str) -> Result<Shard, String> {
    let wrong = || format!("invalid shard `{text}` (example: 1/3)");
    let (part, of) = text.split_once('/').ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<usize>().map_err(|_| wrong());
    let part = number(part)?;
    let of = number(of)?;
    if part == 0 || part > of { Err(wrong()) } else { Ok(Shard { part, of }) }
}

/// Runs the tests.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let given = arguments.timeout.as_deref();
    let usual = if arguments.record == RecordMode::None { LIMITS.0 } else { LIMITS.1 };
    let Some(limit) = duration(given.unwrap_or(usual)).filter(|limit| !limit.is_zero()) else {
        let given = given.unwrap_or_default();
        say(&format!(
            "error: invalid duration `{given}` for `--timeout` (examples: 500ms, 90s, 5m)"
        ));
        return Ok(Exit::Usage);
    };

    let signals = signal::watch()?;
    let order = Order { global, arguments, signals: &signals, limit };
    let round = order.round(arguments.changed)?;

    if arguments.watch && signals.seen().is_none() && round.exit != Exit::Usage {
        return block_on(watch::watch(&order, round))?;
    }

    Ok(round.exit)
}

/// What is asked for.
struct Order<'a> {
    global: &'a Global,
    arguments: &'a Arguments,
    signals: &'a Signals,
    limit: Duration,
}

/// Tests that have been gone through once.
struct TestRound {
    exit: Exit,
    /// The files that they depend on, with their contents as they were used.
    files: Contents,
    /// How long nothing may happen before a save counts.
    quiet: Duration,
}

impl Order<'_> {
    /// Finds the tests, and runs them; with `is_changed`, only those of which a file has changed.
    fn round(&self, is_changed: bool) -> anyhow::Result<TestRound> {
        let mut project = Project::find()?;
        project.grants = self.arguments.grants.clone();
        project.grants.approve.clone_from(&self.arguments.approve);
        trust::ensure(&project, project.grants.may_ask() && !self.arguments.watch)?;

        if let Some(dollars) = self.arguments.max_cost {
            project.set("budget.max_cost", dollars.into(), "--max-cost")?;
        }

        let quiet = project.config.watch_quiet();
        let suite = find::find(&project)?;
        for file in suite.passed_over.iter().filter(|_| !self.global.quiet) {
            say(&format!(
                "note: the tests in `{}` do not run; end its name with `{FILE_END}`",
                on_one_line(&file.display().to_string())
            ));
        }
        let refused = |exit| Ok(TestRound { exit, files: suite.read.clone(), quiet });

        // Faults come before a choice of nothing: the tests that are missing may be in those files.
        let chosen = match choose(&suite, self.arguments) {
            Ok(chosen) => chosen,
            Err(reason) if suite.faults.is_empty() && suite.told.is_empty() => {
                say(&format!("error: {reason}"));
                return refused(Exit::Usage);
            }
            Err(_) => Vec::new(),
        };

        if let Some(exit) = refuse(self.global, &suite, &chosen) {
            return refused(exit);
        }

        let mut memory = FileMemory::read(&project);
        let desk = TestBench { order: self, project: &project };
        let exit = desk.go_through(&suite, &chosen, &mut memory, is_changed)?;

        let mut files = suite.read.clone();
        for case in &chosen {
            files.extend(memory.files(case));
        }

        if let Err(error) = memory.write(&project, &suite.cases) {
            say(&format!("note: cannot store the data for `--changed`: {error}"));
        }

        Ok(TestRound { exit, files, quiet })
    }
}

/// Chooses the tests that the options mean; the error says why there is none.
fn choose<'a>(suite: &'a Suite, arguments: &Arguments) -> Result<Vec<&'a TestCase>, String> {
    if suite.cases.is_empty() {
        return Err(
            "no tests here; tests are functions `test_..` in files `*_test.rhai`".to_owned()
        );
    }

    let mut chosen: Vec<&TestCase> = suite.cases.iter().collect();
    if let Some(filter) = &arguments.filter {
        let bare =
            filter.as_bytes().strip_prefix(b"./").map_or(filter.as_os_str(), OsStr::from_bytes);
        chosen.retain(|case| case.is_called(bare));

        if chosen.is_empty() {
            let names = suite.cases.iter().map(|case| case.name.as_str());
            let filter = bare.to_string_lossy();
            let help = nearest(&filter, names).map(|near| format!("; did you mean `{near}`?"));
            let help = help.unwrap_or_else(|| format!(", among {}", suite.cases.len()));
            return Err(format!("no test name contains `{filter}`{help}"));
        }
    }

    if let Some(Shard { part, of }) = arguments.shard {
        let mut place = 0;
        chosen.retain(|_| {
            place += 1;
            (place - 1) % of == part - 1
        });
    }

    Ok(chosen)
}

/// Tells everything that keeps the tests from running, if anything does.
fn refuse(global: &Global, suite: &Suite, chosen: &[&TestCase]) -> Option<Exit> {
    let mut told = suite.told.clone();
    let unreadable = chosen.iter().filter_map(|case| Cassette::read(&case.cassette).err());
    told.extend(unreadable.map(|error| error.to_string()));

    if told.is_empty() && suite.faults.is_empty() {
        return None;
    }

    for fault in &suite.faults {
        if global.json {
            print_data(diagnostic::to_json(fault));
        } else {
            print_line(&diagnostic::render(fault, global.color_out));
        }
    }

    for message in &told {
        if global.json {
            print_data(json!({ "level": "error", "message": message }));
        } else {
            say(&format!("error: {message}"));
        }
    }

    say("found before running; no test ran");
    Some(Exit::Refused)
}

/// What the tests are run with.
struct TestBench<'a> {
    order: &'a Order<'a>,
    project: &'a Project,
}

impl TestBench<'_> {
    /// Runs those of the chosen tests that need it, and tells how they went.
    fn go_through(
        &self,
        suite: &Suite,
        chosen: &[&TestCase],
        memory: &mut FileMemory,
        is_changed: bool,
    ) -> anyhow::Result<Exit> {
        report::launch(self.order.global, chosen.len());

        let began = clock::monotonic();
        let (unchanged, to_run): (Vec<&TestCase>, Vec<&TestCase>) =
            chosen.iter().partition(|case| is_changed && memory.is_unchanged(case));
        let ended = self.run_all(&to_run)?;

        let mut counts = Counts::of_unchanged(unchanged.len());
        for (case, ended) in to_run.iter().zip(&ended) {
            match ended {
                Some(ended) => {
                    counts.add(ended);
                    memory.note(case, ended);
                }
                None => counts.stopped += 1,
            }
        }

        let exit = match self.order.signals.seen() {
            Some(exit) => exit,
            None if counts.is_spent => Exit::Budget,
            None if counts.failed > 0 => Exit::Failed,
            None if counts.missed > 0 => Exit::Diverged,
            None => Exit::Ok,
        };

        Ok(self.conclude(suite, chosen, &(to_run, ended), &counts, (began, exit)))
    }

    /// Runs tests, several at once, and tells of each in their order. Those that Ctrl-C came before
    /// have no end.
    fn run_all(&self, cases: &[&TestCase]) -> anyhow::Result<Vec<Option<TestResult>>> {
        let next = AtomicUsize::new(0);
        let (sender, receiver) = channel();
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.jobs().min(cases.len()))
                .map(|_| {
                    let sender = sender.clone();
                    let next = &next;
                    let work = move || block_on(self.work(cases, next, &sender))?;
                    std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work)
                })
                .collect::<Result<_, _>>()?;

            // The receiver ends with the last of the senders.
            drop(sender);
            let ended = self.collect(cases, &receiver);
            for worker in workers {
                worker.join().map_err(|_| anyhow::anyhow!("a test thread crashed"))??;
            }

            Ok(ended)
        })
    }

    fn jobs(&self) -> usize {
        if self.order.arguments.record != RecordMode::None {
            return 1;
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        self.order.arguments.jobs.map_or(cores.max(JOBS_MIN), usize::from)
    }

    /// Takes one test after the other, until there is none left.
    async fn work(
        &self,
        cases: &[&TestCase],
        next: &AtomicUsize,
        sender: &Sender<(usize, TestResult)>,
    ) -> anyhow::Result<()> {
        let is_recording = self.order.arguments.record != RecordMode::None;
        let bench = Bench {
            project: self.project,
            signals: self.order.signals,
            models: self.project.models(0)?,
            permissions: self.project.permissions(&self.project.root)?,
            record: match self.order.arguments.record {
                RecordMode::None => tape::Record::Nothing,
                RecordMode::New => tape::Record::New,
                RecordMode::All => tape::Record::All,
            },
            is_update: self.order.arguments.update,
            limit: self.order.limit,
            budget: is_recording.then(|| Budget::new(self.project.config.bounds())),
        };

        loop {
            let place = next.fetch_add(1, Ordering::SeqCst);
            let is_over = bench.is_spent() || self.order.signals.seen().is_some();
            let Some(case) = cases.get(place).filter(|_| !is_over) else { return Ok(()) };

            let began = clock::monotonic();
            // A panic of kaizen itself ends this test, and not the others.
            let ended = AssertUnwindSafe(bench.perform(case)).catch_unwind().await;
            let ended = ended.unwrap_or_else(|_| {
                let failure = Failure::new(Kind::Panicked, "kaizen crashed in this test");
                TestResult::broken(began, &failure)
            });

            if sender.send((place, ended)).is_err() {
                return Ok(());
            }
        }
    }

    /// Takes in the ends of tests as they come, and tells of them in the order of the tests.
    fn collect(
        &self,
        cases: &[&TestCase],
        receiver: &Receiver<(usize, TestResult)>,
    ) -> Vec<Option<TestResult>> {
        let mut ended: Vec<Option<TestResult>> = cases.iter().map(|_| None).collect();

        let mut told = 0;
        let tell = |place: usize, end: &TestResult| {
            report::tell(self.order.global, cases[place], end, self.order.arguments.show_output);
        };

        while let Ok((place, end)) = receiver.recv() {
            ended[place] = Some(end);
            // Tests end in any order, and are shown in that of the files.
            while let Some(Some(end)) = ended.get(told) {
                tell(told, end);
                told += 1;
            }
        }
        // After Ctrl-C there may be gaps.
        for (place, end) in ended.iter().enumerate().skip(told) {
            if let Some(end) = end {
                tell(place, end);
            }
        }

        ended
    }

    /// Tells what went wrong, and sums up.
    fn conclude(
        &self,
        suite: &Suite,
        chosen: &[&TestCase],
        (ran, ended): &(Vec<&TestCase>, Vec<Option<TestResult>>),
        counts: &Counts,
        (began, exit): (Duration, Exit),
    ) -> Exit {
        let took = clock::monotonic().saturating_sub(began);

        let both = || ran.iter().copied().zip(ended.iter().map(Option::as_ref));
        let failed: Vec<(&TestCase, &TestResult)> = both()
            .filter_map(|(case, ended)| Some((case, ended.filter(|ended| ended.fault.is_some())?)))
            .collect();

        report::explain(self.order.global, &failed);

        let arguments = self.order.arguments;
        // Only a run of all tests knows which files belong to none.
        let is_whole = arguments.filter.is_none() && arguments.shard.is_none();
        if is_whole && !self.order.global.json && !self.order.global.quiet {
            for path in suite.orphans() {
                print_line(&format!(
                    "note: no test uses `{}`; you can delete it",
                    shown_path(&path)
                ));
            }
        }

        let is_recording = arguments.record != RecordMode::None;
        if is_recording && counts.is_only_demo() && !self.order.global.json {
            print_line(
                "note: nothing was recorded: the tests called only the demo model, which needs no \
                 cassette; set a model in kaizen.toml or in the script",
            );
        }

        report::sum_up(self.order.global, counts, took, exit.code());
        report::tell_stop(counts);

        if let Some(path) = &arguments.junit {
            let results: Vec<(&TestCase, Option<&TestResult>, &str)> = chosen
                .iter()
                .map(|case| match both().find(|(ran, _)| ran.id == case.id) {
                    Some((_, ended)) => (*case, ended, "stopped before it"),
                    None => (*case, None, "unchanged since it last passed"),
                })
                .collect();

            if let Err(error) = write(path, &junit::document(&results, took)) {
                say(&format!("error: cannot write `{}`: {error}", shown_path(path)));
                return if exit == Exit::Ok { Exit::Failed } else { exit };
            }
        }

        exit
    }
}
