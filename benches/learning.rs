//! How well the learner chooses, against the guide's formula and three textbook policies on the same
//! instances: `cargo bench --bench learning [-- SEEDS]`. Prints a table, and fails if a gate is missed.
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

#[path = "../tests/support/scenarios.rs"]
#[allow(dead_code, reason = "the tests use other parts of it")]
mod scenarios;

use kaizen::base::clock;
use kaizen::base::rng::Rng;
use kaizen::optimizer::learner::{Constraints, Learner, Objective};
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
