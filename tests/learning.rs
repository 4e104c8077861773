//! The learner in simulated work, in a shorter form than `cargo bench --bench learning`: the gates
//! that tell most, with fewer instances and therefore wider bounds.

use crate::support::scenarios::{average, coverage};

/// Instances of each scenario.
const SEEDS: u32 = 8;

/// Compares the learner's regret with that of the guide's formula on the same instances.
fn ratio(scenario: &str) -> f64 {
    average(scenario, "kaizen", SEEDS).regret / average(scenario, "guide", SEEDS).regret
}

#[test]
fn it_finds_the_best_pattern_and_keeps_to_it() {
    let own = average("S1", "kaizen", SEEDS);
    assert!(own.share[2] > 0.96, "{own:?}");
    assert!(own.regret < 1.25 * average("S1", "thompson", SEEDS).regret, "{own:?}");
}

#[test]
fn failing_fast_does_not_pay() {
    assert!(ratio("S4") < 0.1, "{}", ratio("S4"));
}

#[test]
fn it_follows_a_change() {
    assert!(ratio("S3") < 0.6, "{}", ratio("S3"));
}

#[test]
fn it_keeps_to_limits_of_time_and_cost() {
    let own = average("S6", "kaizen", SEEDS);
    assert!(own.broken < 0.04 && own.share[2] > 0.95, "{own:?}");
}

#[test]
fn what_is_learned_on_one_kind_of_task_helps_on_others() {
    assert!(ratio("S10") < 0.75, "{}", ratio("S10"));
}

#[test]
fn intervals_hold_the_truth_as_often_as_they_say() {
    let (held, all) = coverage("S10", SEEDS);
    assert!(f64::from(held) / f64::from(all) > 0.85, "{held} of {all}");
}
