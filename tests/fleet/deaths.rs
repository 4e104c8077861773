//! Workers that die or stop in the middle of a run.

use super::bench::Team;
use crate::support::Ran;
use crate::support::process::until;
use crate::support::server::{Server, answer};
use std::time::Duration;

const STEPS: &str = "let b = branch();\nfor n in 0..8 { print(b.chat(`step ${n}`)); }\n\"done\"";

fn slow() -> Server {
    Server::start(|_, _, body| {
        std::thread::sleep(Duration::from_millis(300));
        answer(&format!("answer to {} bytes", body.len()))
    })
}

#[test]
fn another_worker_goes_on_with_the_run_of_one_that_was_killed() {
    let server = slow();
    let Some(team) = Team::new("a worker that is killed", &server, STEPS) else { return };
    let one = team.worker();
    team.submit("killed");
    let (_machine, attached) = team.attach("killed");
    until(Duration::from_mins(1), "the third call", || server.bodies().len() >= 3);
    let _other = team.worker();
    drop(one);

    let shown = Ran::from(attached.wait_with_output().unwrap());
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    assert_eq!(shown.stdout.lines().count(), 9, "{}", shown.stdout);
    assert_eq!(shown.stdout.lines().last(), Some("done"));
    let calls = server.bodies().len();
    assert!((8..=9).contains(&calls), "only the call under way is made again: {calls} calls");
    team.assert_sound();
}

#[test]
fn a_worker_that_was_frozen_keeps_nothing_more_of_its_run() {
    let server = slow();
    let Some(team) = Team::new("a worker that is frozen", &server, STEPS) else { return };
    let one = team.worker();
    team.submit("frozen");
    until(Duration::from_mins(1), "the third call", || server.bodies().len() >= 3);
    let stints = one.stints();
    assert_eq!(stints.len(), 1, "a process performs the stint");
    one.signal("-STOP");
    nix::sys::signal::kill(stints[0], nix::sys::signal::Signal::SIGSTOP).unwrap();

    let other = team.worker();
    let shown = team.kaizen(&["attach", "frozen"]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    assert_eq!(shown.stdout.lines().count(), 9, "{}", shown.stdout);

    // It wakes up deaf: its worker sleeps a little longer.
    nix::sys::signal::kill(stints[0], nix::sys::signal::Signal::SIGCONT).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    one.signal("-CONT");
    until(Duration::from_secs(30), "the end of the frozen stint", || {
        !crate::support::process::lives(stints[0])
    });
    drop(other);
    let calls = server.bodies().len();
    assert!(
        (8..=9).contains(&calls),
        "nothing is asked by the one that was replaced: {calls} calls"
    );
    team.assert_sound();
}
