//! Choices in simulated work, through `recommend`, `record_execution` and `o.run`: what the short form
//! of `cargo bench --bench learning` demands, in the families that take the least time.

use crate::support::learning::course::{TEMPOS, line, own};
use crate::support::learning::gate::Demand;
use crate::support::learning::script;

/// The families that are tried with every test run; `.ci/learning` tries all of them.
const TRIED: &[&str] = &["S3", "S4", "bad start", "late best", "judged tenth", "minutes"];
/// Instances of each family.
const INSTANCES: u32 = 8;

#[test]
fn no_family_falls_behind_its_gate() {
    let each = |name: &&'static str| {
        let name = *name;
        std::thread::spawn(move || {
            let demands = line(name, INSTANCES).demands();
            assert!(!demands.is_empty(), "{name} demands nothing");
            let missed = demands.into_iter().filter(Demand::is_surely_missed);
            missed.map(|demand| demand.to_string()).collect::<Vec<_>>()
        })
    };
    let threads: Vec<_> = TRIED.iter().map(each).collect();
    let missed: Vec<String> =
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect();

    assert_eq!(missed, Vec::<String>::new());
}

#[test]
fn the_time_that_passes_between_executions_changes_no_choice() {
    let each = TEMPOS.map(|(_, tempo)| {
        std::thread::spawn(move || {
            let went = ["S1", "S3", "S9", "all bad"].map(|family| own(family, tempo, 1).remove(0));
            went.map(|went| (went.regret, went.share))
        })
    });
    let each = each.map(|thread| thread.join().expect("no panic"));

    assert_eq!(each[1], each[0], "a minute, and a millisecond");
    assert_eq!(each[2], each[0], "half a day, and a millisecond");
}

#[test]
fn what_is_run_in_a_script_is_learned_from() {
    let lost = script::lost(&[0.9, 0.2, 0.2], 150, 1);

    assert!(lost < 25.0, "{lost} right answers lost of 150; choosing by chance loses 70");
}
