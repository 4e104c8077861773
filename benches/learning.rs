//! How well patterns are chosen, against the guide's formula and textbook policies on the very same
//! orders, through `recommend` and `record_execution` of an optimizer, as scripts use them.
//!
//! - `cargo bench --bench learning [-- INSTANCES [FAMILY ..]]`: everything, 200 instances; fails if a
//!   demand is missed.
//! - `-- [INSTANCES] PART ..`: only some of what follows the regrets (`PARTS`).
//! - `-- --gate`: the regrets alone, 40 instances; fails if one is missed by more than chance explains.
//! - `-- --table FILE [INSTANCES [INPUTS]]`: replays a table of outcomes, a JSON value per line: `task`,
//!   `input`, `pattern`, `success`, `quality`, `time`, `cost`.
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

#[path = "../tests/support/learning/mod.rs"]
#[allow(dead_code, reason = "the tests use other parts of it")]
mod learning;

use kaizen::base::clock;
use kaizen::base::rng::Rng;
use kaizen::optimizer::learner::{Constraints, ExecutionOutcome, Learner, Objective, choose};
use kaizen::optimizer::stats;
use kaizen::optimizer::trial::sequential_test::{Experiment, StopRule, Verdict};
use learning::course::{self, TEMPOS, policies, regrets};
use learning::family::FAMILIES;
use learning::gate::{Demand, Line};
use learning::rival::Mean;
use learning::world::float;
use learning::{belief, script, table};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

/// Instances of each family when nobody says another number, in all and in the short form.
const INSTANCES: u32 = 200;
const GATE_INSTANCES: u32 = 40;
/// Instances of the replay of a table.
const TABLE_INSTANCES: u32 = 40;

/// What is measured besides the regrets.
const PARTS: [&str; 7] =
    ["tempos", "run", "coverage", "leaders", "comparisons", "intervals", "speed"];

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    arguments.retain(|word| word != "--bench");
    let numbers: Vec<usize> = arguments.iter().filter_map(|word| word.parse().ok()).collect();
    let first = numbers.first().and_then(|number| u32::try_from(*number).ok());

    if let Some(at) = arguments.iter().position(|word| word == "--table") {
        let file = arguments.get(at + 1).expect("a file after --table");
        let most = numbers.get(1).copied().unwrap_or(usize::MAX);
        match table::show(Path::new(file), first.unwrap_or(TABLE_INSTANCES), most) {
            Ok(text) => print!("{text}"),
            Err(fault) => {
                println!("`{file}`: {fault}");
                std::process::exit(2);
            }
        }
        return;
    }

    let is_gate = arguments.iter().any(|word| word == "--gate");
    let instances = first.unwrap_or(if is_gate { GATE_INSTANCES } else { INSTANCES });
    let named = |name: &str| arguments.iter().any(|word| word == name);
    let is_some_named = FAMILIES.iter().any(|family| named(family.name));
    let is_part_named = PARTS.iter().any(|part| named(part));
    let is_all = !is_gate && !is_some_named && !is_part_named;
    let families: Vec<&'static str> = FAMILIES
        .iter()
        .map(|family| family.name)
        .filter(|name| named(name) || !is_some_named && !is_part_named)
        .collect();

    let mut missed = families_table(&families, instances, is_gate);
    for part in PARTS.into_iter().filter(|part| is_all || named(part)) {
        match part {
            "tempos" => tempos(instances, &mut missed),
            "run" => through_run(instances.min(40)),
            "coverage" => coverage(instances, &mut missed),
            "leaders" => leaders(instances, &mut missed),
            "comparisons" => comparisons(2 * instances, &mut missed),
            "intervals" => intervals(&mut missed),
            _ => speed(),
        }
    }

    for fault in &missed {
        println!("MISSED {fault}");
    }
    std::process::exit(i32::from(!missed.is_empty()));
}

/// Prints what came of every policy in every family; returns the demands that were missed.
fn families_table(families: &[&'static str], instances: u32, is_gate: bool) -> Vec<String> {
    if families.is_empty() {
        return Vec::new();
    }
    println!(
        "regret after all choices: mean of {instances} instances, half of its 95 % interval\n"
    );
    print!("{:14}", "");
    for name in policies() {
        print!("{name:>16}");
    }
    println!("{:>18}   share of the possible @50 @200 @all", "times Thompson's");

    let mut missed = Vec::new();
    for_each_line(families, instances, |line| {
        print_line(line);
        let faults = line
            .demands()
            .into_iter()
            .filter(|demand| if is_gate { demand.is_surely_missed() } else { demand.is_missed() });
        missed.extend(faults.map(|demand: Demand| demand.to_string()));
    });
    missed
}

/// Lets everybody work in families, on all processors, and tells of each once those before it were told.
fn for_each_line(families: &[&'static str], instances: u32, mut tell: impl FnMut(&Line)) {
    let next = AtomicUsize::new(0);
    let (done, lines) = mpsc::channel();

    thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..workers {
            let done = done.clone();
            let next = &next;
            scope.spawn(move || {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(name) = families.get(place) else { return };
                    // Nobody listens any more only where telling has failed.
                    if done.send((place, course::line(name, instances))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);

        let mut waiting = BTreeMap::new();
        let mut told = 0;
        for (place, line) in lines {
            waiting.insert(place, line);
            while let Some(line) = waiting.remove(&told) {
                tell(&line);
                told += 1;
            }
        }
    });
}

fn print_line(line: &Line) {
    let own = regrets(&line.own);
    print!("{:14}", line.family.name);
    let others = line.rivals.iter().map(|(name, went)| (*name, regrets(went)));
    let all: BTreeMap<_, _> = others.chain([("kaizen", own.clone())]).collect();
    for name in policies() {
        let mean = Mean::of(&all[name]);
        print!("{:>16}", format!("{:.1} ±{:.1}", mean.mean, mean.error));
    }

    let against = Mean::ratio(&own, &all["Thompson"]);
    let shares: Vec<String> = (0..3)
        .map(|place| {
            let all: Vec<f64> = line.own.iter().map(|went| 100.0 * went.share[place]).collect();
            format!("{:.1}", Mean::of(&all).mean)
        })
        .collect();
    println!(
        "{:>18}   {}   {}; {:.2} changes told in 1000",
        format!("{:.2} ±{:.2}", against.mean, against.error),
        shares.join(" "),
        line.family.says,
        line.changes().mean
    );
}

/// The same families at three tempos: time that passes between executions changes no choice.
fn tempos(instances: u32, missed: &mut Vec<String>) {
    println!("\nregret by the time between two executions\n");
    println!("{:14}{:>12}{:>12}{:>12}", "", TEMPOS[0].0, TEMPOS[1].0, TEMPOS[2].0);

    for family in FAMILIES.iter().filter(|family| family.name.starts_with('S')) {
        let each = TEMPOS
            .map(|(_, tempo)| Mean::of(&regrets(&course::own(family.name, tempo, instances))).mean);
        println!("{:14}{:>12.1}{:>12.1}{:>12.1}", family.name, each[0], each[1], each[2]);
        let (low, high) =
            (each.iter().copied().fold(f64::MAX, f64::min), each.into_iter().fold(0.0, f64::max));
        if high > 1.05 * low {
            missed.push(format!("{}: {low:.1} to {high:.1} by tempo alone", family.name));
        }
    }
}

/// What is lost where `o.run` chooses, in a script.
fn through_run(instances: u32) {
    let rates = [0.95, 0.75, 0.70, 0.60, 0.50];
    let lost: Vec<f64> =
        (0..instances).map(|seed| script::lost(&rates, 1000, 1 + u64::from(seed))).collect();
    let mean = Mean::of(&lost);
    println!(
        "\n`o.run` in a script, {rates:?}: {:.1} ±{:.1} right answers lost of 1000",
        mean.mean, mean.error
    );
}

/// How often what is believed to hold nine times in ten does.
fn coverage(instances: u32, missed: &mut Vec<String>) {
    println!(
        "\n90 % intervals: how often they hold the truth after all choices, {instances} instances\n"
    );
    println!("{:14}{:>16}{:>16}", "", "n 1-4", "n >= 5");

    for name in ["S1", "S2", "S4", "S5", "S8", "S10", "all bad", "fifty"] {
        let counts =
            belief::coverage(name, if name.starts_with("S5") { instances / 3 } else { instances });
        let shown = counts.map(|count| format!("{:.1} % of {}", 100.0 * count.share(), count.all));
        println!("{name:14}{:>16}{:>16}", shown[0], shown[1]);
        let share = counts[1].share();
        if !(0.85..=0.97).contains(&share) {
            missed.push(format!("{name}: 90 % intervals hold in {:.1} %", 100.0 * share));
        }
    }
}

/// How often the pattern that is believed to be the best is.
fn leaders(instances: u32, missed: &mut Vec<String>) {
    println!(
        "\nthe pattern that is believed to be the best, at seven looks in {instances} instances of each\n"
    );
    println!("{:16}{:>8}{:>8}{:>20}", "", "looks", "is best", "within .01 of it");

    let families = ["S1", "S2", "S4", "S8", "bad start", "all bad", "contrary", "fifty", "dead"];
    let all: Vec<_> = families.iter().map(|name| belief::leaders(name, instances)).collect();
    for (class, (low, high)) in belief::CLASSES.iter().enumerate() {
        let sum = |of: &dyn Fn(&belief::Told) -> f64| {
            all.iter().map(|told| of(&told[class])).sum::<f64>()
        };
        let looks = sum(&|told| float(told.best.all)).max(1.0);
        let shown = sum(&|told| told.sum) / looks;
        let best = sum(&|told| float(told.best.held)) / looks;
        let nearly = sum(&|told| float(told.nearly.held)) / looks;
        println!("told {shown:.2} on average{looks:>7.0}{best:>8.2}{nearly:>20.2}");
        if *low >= 0.7 && (shown - best).abs() > 0.12 {
            missed
                .push(format!("told {low} to {high}: {shown:.2}, but it is the best in {best:.2}"));
        }
    }
}

/// What `o.compare` finds in scripts: winners among equals, and how soon a difference shows.
fn comparisons(runs: u32, missed: &mut Vec<String>) {
    println!("\n`o.compare` in scripts, {runs} comparisons each, looked at after every input\n");
    let equal: [(&str, [f64; 2], f64, f64); 3] = [
        ("equal, right half of the time", [0.5, 0.5], 0.0, 0.0),
        ("equal, right nine times in ten", [0.9, 0.9], 0.0, 0.0),
        ("equal, graded, 2 % fail", [0.8, 0.8], 0.3, 0.02),
    ];
    for (name, rates, graded, fails) in equal {
        let found: Vec<_> = (0..runs)
            .map(|run| script::compare(rates, graded, fails, 400, 9 + u64::from(run)))
            .collect();
        let wrong = found.iter().filter(|found| found["verdict"] == "better").count();
        let likely =
            found.iter().filter(|found| found["likely"]["chance"].as_f64() > Some(0.95)).count();
        let (wrong, likely) = (share_of(wrong, runs), share_of(likely, runs));
        println!(
            "{name:36}a winner in {:.1} %, likely above 95 % at the end in {:.1} %",
            100.0 * wrong,
            100.0 * likely
        );
        if wrong > 0.05 {
            missed.push(format!("{name}: {:.1} % false winners", 100.0 * wrong));
        }
    }

    for (rates, graded) in
        [([0.95, 0.85], 0.0), ([0.8, 0.6], 0.0), ([0.95, 0.6], 0.0), ([0.92, 0.90], 0.1)]
    {
        let found: Vec<_> = (0..runs / 4)
            .map(|run| script::compare(rates, graded, 0.0, 800, 99 + u64::from(run)))
            .collect();
        let mut inputs: Vec<u64> =
            found.iter().filter_map(|found| found["inputs"].as_u64()).collect();
        inputs.sort_unstable();
        let right = found.iter().filter(|found| found["winner"] == "a").count();
        println!(
            "{:36}decided for it in {:.1} %, after {} inputs (median)",
            format!("{rates:?}{}", if graded > 0.0 { ", graded" } else { "" }),
            100.0 * share_of(right, runs / 4),
            inputs[inputs.len() / 2]
        );
    }
}

/// Kinds of scores: from a source of chance, and their mean.
type Scores = (&'static str, fn(&mut Rng) -> f64, f64);

const SCORES: &[Scores] = &[
    ("right half of the time", |rng| flip(rng, 0.5), 0.5),
    ("right nine times in ten", |rng| flip(rng, 0.9), 0.9),
    ("graded, nine in ten succeed", |rng| flip(rng, 0.9) * (0.4 + 0.4 * rng.unit()), 0.54),
    ("graded, all succeed", |rng| 0.4 + 0.4 * rng.unit(), 0.6),
];

fn flip(rng: &mut Rng, rate: f64) -> f64 {
    f64::from(u8::from(rng.unit() < rate))
}

fn share_of(count: usize, all: u32) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / f64::from(all)
}

/// How often the 95 % intervals of a comparison hold: those of each pattern's mean after this many
/// inputs, and that of the difference at every one of 1000 looks.
fn intervals(missed: &mut Vec<String>) {
    const RUNS: u32 = 4000;
    println!("\n95 % intervals of a comparison: share that held the truth, of {RUNS} runs\n");
    println!(
        "{:30}{:>8}{:>8}{:>8}   a winner among equals, looking 1000 times",
        "", "n=20", "n=50", "n=200"
    );
    for (name, draw, truth) in SCORES {
        let mut rng = Rng::seeded(11);
        print!("{name:30}");
        for n in [20, 50, 200] {
            let held = (0..RUNS).filter(|_| {
                let seen: Vec<f64> = (0..n).map(|_| draw(&mut rng)).collect();
                let (sum, squares) = (seen.iter().sum(), seen.iter().map(|one| one * one).sum());
                let found = stats::bounded(0.95, f64::from(n), sum, squares);
                found.is_some_and(|range| range.low <= *truth && *truth <= range.high)
            });
            print!("{:>7.1}%", 100.0 * share_of(held.count(), RUNS));
        }
        let wrong = (0..RUNS).filter(|_| {
            let mut experiment =
                Experiment::new(2, StopRule { confidence: 0.95, min_effect: 0.000_1 });
            (0..1000).any(|_| {
                experiment.add(&[Some(draw(&mut rng)), Some(draw(&mut rng))]);
                matches!(experiment.verdict(), Verdict::Better(_))
            })
        });
        let share = share_of(wrong.count(), RUNS);
        println!("   {:.1} %", 100.0 * share);
        if share > 0.05 {
            missed.push(format!("{name}: {:.1} % false winners", 100.0 * share));
        }
    }
}

/// What recording and choosing cost with 10,000 task types and 5 patterns.
fn speed() {
    let mut learner = Learner::new(Objective::WITHOUT_COST);
    let tasks: Vec<usize> = (0..10_000).map(|task| learner.task(&format!("task{task}"))).collect();
    let arms: Vec<usize> = (0..5).map(|arm| learner.arm(&format!("arm{arm}"))).collect();
    let mut rng = Rng::seeded(1);
    let outcome = ExecutionOutcome { success: 1.0, time: Some(3.0), ..ExecutionOutcome::default() };
    let within = Constraints::default();
    let draw = |rng: &mut Rng, most: usize| usize::try_from(rng.below(most as u64)).expect("small");

    let began = clock::monotonic();
    for _ in 0..1_000_000 {
        let (task, arm) = (tasks[draw(&mut rng, 10_000)], arms[draw(&mut rng, 5)]);
        learner.record(task, arm, &outcome);
    }
    let recorded = clock::monotonic();
    for _ in 0..1_000_000 {
        let task = tasks[draw(&mut rng, 10_000)];
        let seen = learner.look(task, &arms, &within);
        std::hint::black_box(choose(&seen, true, &mut rng));
    }
    let chosen = clock::monotonic();

    let each = |time: std::time::Duration| time.as_secs_f64() * 1e9 / 1e6;
    println!(
        "10,000 task types x 5 patterns: {:.0} ns to record, {:.0} ns to choose",
        each(recorded.saturating_sub(began)),
        each(chosen.saturating_sub(recorded))
    );
}
