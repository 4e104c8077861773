//! What a store costs that knows a million executions, against the first thousand in the same run:
//! `cargo bench --bench scale --profile perf [-- OBSERVATIONS]`. Prints a table, and fails if a gate
//! is missed.
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]
#![allow(clippy::print_stderr, reason = "a benchmark tells what it is at")]

use kaizen::base::clock;
use kaizen::base::failure::{Failure, Kind};
use kaizen::base::rng::Rng;
use kaizen::optimizer::Optimizer;
use kaizen::optimizer::choice::policy::Policy;
use kaizen::optimizer::choice::recommendation::Manner;
use kaizen::optimizer::evidence::knowledge::Knowledge;
use kaizen::optimizer::evidence::observation::Observation;
use kaizen::optimizer::evidence::pattern::{Pattern, TaskType};
use kaizen::optimizer::learner::synced::SyncedLearner;
use kaizen::store::durability::Durability;
use kaizen::store::{self, writer::Writer};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

/// Observations in the end when nobody says another number, and in the beginning.
const OBSERVATIONS: usize = 1_000_000;
const FIRST: usize = 1_000;
/// Task types, a hundred to a group; and those of the first observations. Only the latter are asked about, so that
/// as many patterns are known for them in the beginning as in the end.
const TASK_TYPES: u64 = 10_000;
const FIRST_TASK_TYPES: u64 = 50;
const PATTERNS: u64 = 5;
/// One observation in this many is a failure with its kind.
const FAILURES: u64 = 20;
/// Observations that come after the snapshot, about as many as there can be before the next one.
const TAIL: usize = 2_500;
/// Calls that the median time is taken of.
const CALLS: usize = 500;

/// Most that a call may cost with all observations, in times of what it costs with the first ones.
const RATIO_MAX: f64 = 1.5;
/// Most time from opening a store with all observations to the first recommendation.
const OPENING_MAX: Duration = Duration::from_millis(100);

fn task(rng: &mut Rng, task_types: u64) -> String {
    let task_type = rng.below(task_types);
    format!("group{}/kind{task_type}", task_type % 100)
}

/// Figures of an execution, as `record_execution` takes them.
fn figures(rng: &mut Rng, pattern: u64) -> Map<String, Value> {
    let rate = [0.7, 0.75, 0.8, 0.85, 0.9][usize::try_from(pattern).expect("small")];
    let success = f64::from(u8::from(rng.unit() < rate));
    let map = json!({
        "success_rate": success, "execution_time": 10.0 * rng.unit(), "score": rng.unit(),
        "cost": 0.01 * rng.unit(), "tokens": 500 + rng.below(1000),
    });
    let Value::Object(map) = map else { unreachable!("an object") };
    map
}

fn observation(rng: &mut Rng, task_types: u64) -> Observation {
    let (task, pattern) = (task(rng, task_types), rng.below(PATTERNS));
    let (task, name) = (TaskType::new(&task), Pattern::new(&format!("pattern{pattern}")));
    let (task, name) = (task.expect("a name"), name.expect("a name"));
    if rng.below(FAILURES) == 0 {
        return Observation::failure(task, name, &Failure::new(Kind::Timeout, "it took too long"));
    }
    Observation::read(task, name, &figures(rng, pattern)).expect("figures")
}

/// Fills a store up to a number of observations, many in one transaction.
fn fill(path: &Path, rng: &mut Rng, count: usize, task_types: u64) {
    let knowledge = Knowledge::read(store::open(path).expect("a store"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut left = count;
    while left > 0 {
        let now = left.min(100_000);
        let all = (0..now).map(|_| observation(rng, task_types)).collect();
        runtime.block_on(knowledge.record(all, |_| true)).expect("recorded");
        left -= now;
    }
}

fn optimizer(knowledge: Knowledge) -> Optimizer {
    Optimizer::new(Rc::new(knowledge), Policy::default(), false).choosing(
        None,
        Manner::default(),
        1,
    )
}

/// What calls cost.
struct Cost {
    record: Duration,
    recommend: Duration,
    insights: Duration,
    failures: Duration,
    standings: Duration,
}

/// Returns the median time of a call.
fn each(rng: &mut Rng, calls: usize, mut call: impl FnMut(&mut Rng)) -> Duration {
    let mut times: Vec<Duration> = (0..calls)
        .map(|_| {
            let began = clock::monotonic();
            call(rng);
            clock::monotonic().saturating_sub(began)
        })
        .collect();
    times.sort_unstable();
    times[calls / 2]
}

/// Measures calls on a store that is open, through a writer that commits each of them.
fn calls(path: &Path, rng: &mut Rng) -> Cost {
    let writer = Writer::start(store::open(path).expect("a store"), path, Durability::Process);
    let writer = Rc::new(writer.expect("a writer"));
    let kept = writer.clone();
    let optimizer = optimizer(Knowledge::open(path, writer).expect("a store"));
    optimizer.recommend("group1/kind1", &[]).expect("a recommendation");
    let record = each(rng, CALLS, |rng| {
        let (task, pattern) = (task(rng, FIRST_TASK_TYPES), rng.below(PATTERNS));
        let figures = figures(rng, pattern);
        let pattern = format!("pattern{pattern}");
        optimizer.record_execution(&task, &pattern, &figures, false).expect("recorded");
        kept.settle_gathered().expect("kept");
    });
    optimizer.recommend("group1/kind1", &[]).expect("a recommendation");
    let recommend = each(rng, CALLS, |rng| {
        optimizer.recommend(&task(rng, FIRST_TASK_TYPES), &[]).expect("a recommendation");
    });
    let standings = each(rng, CALLS, |rng| {
        let task = TaskType::new(&task(rng, FIRST_TASK_TYPES)).expect("a name");
        optimizer.standings(&task).expect("standings");
    });
    let insights = each(rng, CALLS, |rng| {
        optimizer.insights(Some(&task(rng, FIRST_TASK_TYPES))).expect("insights");
    });
    let failures = each(rng, 10, |_| {
        optimizer.failures(None).expect("failures");
    });
    Cost { record, recommend, insights, failures, standings }
}

/// What the first recommendation takes in a process that was just started.
struct Opening {
    time: Duration,
    /// Megabytes that it takes, where the system tells.
    memory: f64,
}

/// Opens a store, in place or for a dry run, recommends once and prints what that took.
fn open_and_recommend(path: &Path, is_dry: bool) {
    let before = memory();
    let began = clock::monotonic();
    let knowledge = if is_dry {
        Knowledge::copy_of(path).expect("a copy")
    } else {
        Knowledge::read(store::open(path).expect("a store"))
    };
    let optimizer = optimizer(knowledge);
    optimizer.recommend("group7/kind7", &[]).expect("a recommendation");
    let time = clock::monotonic().saturating_sub(began);
    println!("{} {}", time.as_secs_f64(), memory() - before);
}

/// Has processes of their own do that, one after the other; returns the slowest.
fn opening(path: &Path, is_dry: bool, times: usize) -> Opening {
    let each = (0..times).map(|_| {
        let own = std::env::current_exe().expect("a program");
        let word = if is_dry { "open-dry" } else { "open" };
        let ended = std::process::Command::new(own).arg(word).arg(path).output().expect("it runs");
        let text = String::from_utf8(ended.stdout).expect("text");
        let (time, memory) = text.trim().split_once(' ').expect("two numbers");
        let time = Duration::from_secs_f64(time.parse().expect("seconds"));
        Opening { time, memory: memory.parse().expect("megabytes") }
    });
    each.max_by_key(|opening| opening.time).expect("at least once")
}

/// What this process holds in memory, in megabytes; 0 where the system does not tell.
fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) / 1024.0
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, word, path] = &arguments[..]
        && word.starts_with("open")
    {
        return open_and_recommend(Path::new(path), word == "open-dry");
    }
    let count = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(OBSERVATIONS);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("kaizen.db");
    let mut rng = Rng::seeded(1);
    fill(&path, &mut rng, FIRST, FIRST_TASK_TYPES);
    let small = calls(&path, &mut rng);
    let filled = each(&mut rng, 1, |rng| fill(&path, rng, count - FIRST, TASK_TYPES));
    eprintln!("{count} observations filled in within {:.1} s", filled.as_secs_f64());
    let without = opening(&path, false, 1);
    let large = calls(&path, &mut rng);
    fill(&path, &mut rng, TAIL, TASK_TYPES);
    let (with, dry) = (opening(&path, false, 5), opening(&path, true, 5));
    let mut missed = Vec::new();
    println!("{:38}{:>14}{:>14}{:>8}", "", format!("{FIRST}"), format!("{count}"), "ratio");
    for (what, small, large, is_gate) in [
        ("record, on the disk", small.record, large.record, true),
        ("recommend", small.recommend, large.recommend, true),
        ("rank the patterns of a task type", small.standings, large.standings, true),
        ("insights into a task type", small.insights, large.insights, true),
        ("failures by kind", small.failures, large.failures, false),
    ] {
        let ratio = large.as_secs_f64() / small.as_secs_f64();
        let micros = |time: Duration| format!("{:.1} us", time.as_secs_f64() * 1e6);
        println!("{what:38}{:>14}{:>14}{ratio:>8.2}", micros(small), micros(large));
        if is_gate && ratio > RATIO_MAX {
            missed.push(format!("{what}: {ratio:.2} times, at most {RATIO_MAX}"));
        }
    }
    let millis = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
    for (what, opening) in [
        ("open and recommend, without snapshot", &without),
        ("open and recommend, slowest of five", &with),
        ("the same in a dry run", &dry),
    ] {
        println!("{what:38}{:>28}{:>8.0} MB", millis(opening.time), opening.memory);
    }
    if with.time.max(dry.time) > OPENING_MAX {
        missed.push(format!("opening takes {}", millis(with.time.max(dry.time))));
    }
    let size = std::fs::metadata(&path).map_or(0, |file| file.len());
    println!("{:38}{:>25} MB", "size of the store", size / 1_000_000);
    let knowledge = Knowledge::read(store::open(&path).expect("a store"));
    let sums = each(&mut rng, 1, |_| {
        let faults = knowledge.check().expect("read");
        assert!(faults.is_empty(), "{faults:?}");
    });
    let snapshots = each(&mut rng, 1, |_| {
        let faults = SyncedLearner::check_snapshots(&knowledge).expect("read");
        assert!(faults.is_empty(), "{faults:?}");
    });
    println!("{:38}{:>28}", "doctor: check the sums", millis(sums));
    println!("{:38}{:>28}", "doctor: check the snapshots", millis(snapshots));
    for gate in &missed {
        println!("MISSED {gate}");
    }
    std::process::exit(i32::from(!missed.is_empty()));
}
