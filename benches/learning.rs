//! How well the learner chooses, against the guide's formula and three textbook policies on the same
//! instances: `cargo bench --bench learning [-- SEEDS]`. Prints a table, and fails if a gate is missed.
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

#[path = "../tests/support/scenarios.rs"]
#[allow(dead_code, reason = "the tests use other parts of it")]
mod scenarios;

use kaizen::base::clock;
use kaizen::base::rng::Rng;
use kaizen::optimizer::experiment::{Experiment, Rule, Verdict};
use kaizen::optimizer::learner::{Constraints, Learner, Objective};
use kaizen::optimizer::stats;
use scenarios::{Mean, POLICIES, SCENARIOS, average, world};

/// Instances of each scenario when nobody says another number.
const SEEDS: u32 = 200;

/// What is demanded: the most regret, as a share of that of the guide's formula; the least share of
/// the possible after 200 and after all choices.
const GATES: &[(&str, f64, f64, f64)] = &[
    ("S1", 0.50, 0.94, 0.97),
    ("S2", 0.80, 0.94, 0.97),
    ("S3", 0.45, 0.94, 0.93),
    ("S4", 0.05, 0.94, 0.97),
    ("S5", 0.45, 0.0, 0.92),
    ("S5b", 1.00, 0.0, 0.0),
    ("S6", 0.10, 0.0, 0.97),
    ("S7", 0.70, 0.94, 0.97),
    ("S8", 0.10, 0.94, 0.97),
    ("S9", 0.70, 0.0, 0.0),
    ("S10", 0.60, 0.0, 0.91),
    ("S11", 0.55, 0.0, 0.91),
];

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

/// How often the 95 % intervals of a comparison hold: those of each pattern's mean after so many
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
            let mut experiment = Experiment::new(2, Rule { confidence: 0.95, min_effect: 0.000_1 });
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

fn main() {
    let seeds = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(SEEDS);
    let mut missed = Vec::new();
    println!("regret after all choices (mean of {seeds} instances, half of its 95 % interval)\n");
    print!("{:4} {:44}", "", "");
    for name in POLICIES {
        print!("{name:>16}");
    }
    println!("   kaizen/guide   share of the possible @50 @200 @all");
    for (scenario, says) in SCENARIOS {
        let means: Vec<Mean> = POLICIES.iter().map(|name| average(scenario, name, seeds)).collect();
        print!("{scenario:4} {says:44}");
        for mean in &means {
            print!("{:>16}", format!("{:.1} ±{:.1}", mean.regret, mean.error));
        }
        let (own, guide, thompson) = (&means[0], &means[1], &means[3]);
        let ratio = own.regret / guide.regret;
        let share = own.share.map(|share| 100.0 * share);
        println!("{ratio:>14.2}   {:.1} {:.1} {:.1}", share[0], share[1], share[2]);
        let mut demand = |ok: bool, what: String| {
            if !ok {
                missed.push(format!("{scenario}: {what}"));
            }
        };
        if let Some((_, most, at_200, at_all)) = GATES.iter().find(|gate| gate.0 == *scenario) {
            demand(ratio <= *most, format!("{ratio:.2} of the guide's regret, at most {most}"));
            demand(own.share[1] >= *at_200, format!("{:.1} % after 200", share[1]));
            demand(own.share[2] >= *at_all, format!("{:.1} % after all", share[2]));
        }
        let against = own.regret / thompson.regret;
        demand(against <= 1.25, format!("{against:.2} of independent Thompson sampling's regret"));
        if *scenario == "S6" {
            demand(own.broken <= 0.02, format!("{:.1} % break a limit", 100.0 * own.broken));
        }
        if *scenario == "S1" {
            demand(own.p95 <= 60.0, format!("the 95th percentile of regret is {:.0}", own.p95));
            let false_changes = count(&own.changes, 0..1000) / f64::from(seeds);
            println!(
                "     {false_changes:.2} false changes in 1000 executions, p95 {:.1}",
                own.p95
            );
            demand(false_changes <= 0.3, format!("{false_changes:.2} false changes"));
        }
        if *scenario == "S3" {
            let seen =
                own.changes.iter().filter(|all| all.iter().any(|at| (300..331).contains(at)));
            let seen = f64::from(u32::try_from(seen.count()).unwrap_or(0)) / f64::from(seeds);
            println!("     the change at 300 is seen within 30 in {:.0} %", 100.0 * seen);
        }
    }
    coverage(seeds, &mut missed);
    intervals(&mut missed);
    speed();
    for gate in &missed {
        println!("MISSED {gate}");
    }
    std::process::exit(i32::from(!missed.is_empty()));
}

fn count(changes: &[Vec<usize>], range: std::ops::Range<usize>) -> f64 {
    let all = changes.iter().flatten().filter(|at| range.contains(at)).count();
    f64::from(u32::try_from(all).unwrap_or(0))
}

/// How often the interval of 90 % holds the true mean, where there are five executions or more.
fn coverage(seeds: u32, missed: &mut Vec<String>) {
    for scenario in ["S1", "S2", "S5", "S10"] {
        let (held, all) = scenarios::coverage(scenario, seeds.min(60));
        let share = f64::from(held) / f64::from(all);
        println!(
            "{scenario}: the 90 % interval holds the truth in {:.1} % of {all}",
            100.0 * share
        );
        if share < 0.85 {
            missed.push(format!("{scenario}: coverage {:.1} %", 100.0 * share));
        }
    }
}

/// What recording and choosing cost with 10,000 kinds of tasks and 5 patterns.
fn speed() {
    let mut learner = Learner::new(Objective::WITHOUT_COST);
    let tasks: Vec<usize> = (0..10_000).map(|task| learner.task(&format!("task{task}"))).collect();
    let arms: Vec<usize> = (0..5).map(|arm| learner.arm(&format!("arm{arm}"))).collect();
    let mut rng = Rng::seeded(1);
    let outcome = world("S1", &mut rng).truth(0, 0).draw(&mut rng);
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
        std::hint::black_box(learner.choose(task, &seen, &within, true, &mut rng));
    }
    let chosen = clock::monotonic();
    let each = |time: std::time::Duration| time.as_secs_f64() * 1e9 / 1e6;
    println!(
        "10,000 kinds x 5 patterns: {:.0} ns to record, {:.0} ns to choose",
        each(recorded.saturating_sub(began)),
        each(chosen.saturating_sub(recorded))
    );
}
