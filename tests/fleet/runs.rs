//! Runs that nothing goes wrong with.

use super::bench::Team;
use crate::support::Ran;
use crate::support::process::until;
use crate::support::server::{Act, Server, answer};
use std::time::Duration;

const STEPS: &str = "import \"parts/words\" as words;\nlet b = branch();\nfor n in 0..3 { print(b.chat(words::step(n))); }\n`${words::step(9)} is over`";

const WORDS: &str = "fn step(n) { `step ${n}` }";

fn echo() -> Server {
    Server::start(|_, _, body| answer(&format!("answer to {} bytes", body.len())))
}

#[test]
fn a_run_ends_on_a_worker_as_it_does_here() {
    let server = echo();
    let Some(team) = Team::new("a run on a worker", &server, STEPS) else { return };
    let machine = team.machine();
    machine.file("parts/words.rhai", WORDS);

    let worker = team.worker();
    let there = Ran::from(team.command(&machine, &["run", "s.rhai"]).output().unwrap());
    assert_eq!(there.code, Some(0), "{}", there.stderr);
    let mut local = machine.command(&["run", "s.rhai"]);
    let local = local.env("KAIZEN_TRUST", "1").env("OPENAI_API_KEY", "k").output().unwrap();
    let local = Ran::from(local);
    assert_eq!((there.stdout, there.code), (local.stdout, local.code), "{}", local.stderr);

    machine.file("t.rhai", "print(1);\nthrow \"no\"");
    let failed = Ran::from(team.command(&machine, &["run", "t.rhai"]).output().unwrap());
    assert_eq!((failed.code, failed.stdout.as_str()), (Some(1), "1\n"), "{}", failed.stderr);
    assert!(failed.stderr.contains("t.rhai:2"), "{}", failed.stderr);
    drop(worker);
    team.assert_sound();
}

#[test]
fn a_worker_has_the_files_that_were_sent_and_grants_what_it_grants_itself() {
    let server = echo();
    let Some(team) = Team::new("files and grants", &server, "print(read_text(\"data/x.txt\"));")
    else {
        return;
    };
    let _worker = team.worker();
    let machine = team.machine();
    machine.file("data/x.txt", "sent");
    let run = || Ran::from(team.command(&machine, &["run", "s.rhai"]).output().unwrap());
    let lacking = run();
    assert_eq!((lacking.code, lacking.stdout.as_str()), (Some(1), ""), "{}", lacking.stderr);
    assert!(lacking.stderr.contains("name more under `files` in [engine]"), "{}", lacking.stderr);

    let toml = std::fs::read_to_string(machine.path().join("kaizen.toml")).unwrap();
    let toml = toml.replace("[engine]\n", "[engine]\nfiles = [\"data/*\"]\n");
    machine.file("kaizen.toml", &toml);
    let sent = run();
    assert_eq!((sent.code, sent.stdout.as_str()), (Some(0), "sent\n"), "{}", sent.stderr);

    machine.file("kaizen.toml", &format!("{toml}[permissions]\nnet = [\"a.example\"]\n"));
    let strange = run();
    assert_eq!(strange.code, Some(6), "{}", strange.stderr);
    assert!(strange.stderr.contains("permissions.net = [\"a.example\"]"), "{}", strange.stderr);
}

#[test]
fn what_cannot_be_submitted_says_what_to_do() {
    let server = echo();
    let Some(team) = Team::new("what cannot be submitted", &server, "param(\"api_key\", \"\")")
    else {
        return;
    };
    let said = |arguments: &[&str]| {
        let ran = team.kaizen(arguments);
        format!("{:?} {}", ran.code, ran.stderr)
    };
    expect_test::expect![[r#"
        Some(2) error: `api_key` is a secret, and those are not sent: have the script read it with `env(..)`, and set the variable where workers run
    "#]]
    .assert_eq(&said(&["run", "s.rhai", "-p", "api_key=abcdefghijklmnop"]));
    expect_test::expect![[r#"
        Some(2) error: no run `nobody` on the engine; `kaizen runs` shows the runs of the store
    "#]]
    .assert_eq(&said(&["attach", "nobody"]));

    let machine = team.machine();
    let mut away = machine.command(&["run", "s.rhai", "--on", "temporal://127.0.0.1:1/default"]);
    away.env("KAIZEN_STORE", team.pg.address()).env("KAIZEN_TRUST", "1");
    let away = Ran::from(away.output().unwrap());
    expect_test::expect![[r#"
        error: cannot reach Temporal at `temporal://127.0.0.1:1/default` (Connection refused (os error 111)); check that it runs, and the address: `temporal server start-dev` starts one for trying
    "#]]
    .assert_eq(&away.stderr);
    assert_eq!(away.code, Some(5));

    let mut alone = machine.command(&["run", "s.rhai", "--on", "temporal://127.0.0.1:1/default"]);
    let alone = Ran::from(alone.env("KAIZEN_TRUST", "1").output().unwrap());
    expect_test::expect![[r#"
        error: runs on an engine need a shared store: name it with `--store postgres://..`, or set the variable that `store` under [engine] in kaizen.toml refers to
    "#]]
    .assert_eq(&alone.stderr);
    assert_eq!(alone.code, Some(2));
}

#[test]
fn a_run_has_one_name_and_one_content() {
    let server = echo();
    let Some(team) =
        Team::new("a run that is submitted twice", &server, "print(branch().chat(\"x\")); 5")
    else {
        return;
    };
    team.submit("twice");
    team.submit("twice");
    let other = team.kaizen(&["run", "s.rhai", "--id", "twice", "-p", "n=1"]);
    assert_eq!(other.code, Some(2), "the script has no parameter: {}", other.stderr);
    let other = team.kaizen(&["run", "s.rhai", "--id", "twice", "--seed", "3"]);
    expect_test::expect![[r#"
        error: a run `twice` with another script, other files, parameters or options is on the engine; choose another name with `--id`
    "#]]
    .assert_eq(&other.stderr);

    let _worker = team.worker();
    let shown = team.kaizen(&["attach", "twice"]);
    assert_eq!((shown.code, shown.stdout.lines().count()), (Some(0), 2), "{}", shown.stderr);
    assert_eq!(server.bodies().len(), 1, "it is performed once");

    let again = team.kaizen(&["run", "s.rhai", "--id", "twice"]);
    assert_eq!((again.code, &again.stdout), (Some(0), &shown.stdout), "{}", again.stderr);
    assert_eq!(server.bodies().len(), 1, "what was paid for is not paid for again");
    team.assert_sound();
}

#[test]
fn a_question_waits_while_no_worker_is_there() {
    let server = echo();
    let script = "let b = branch();\nprint(b.chat(\"before\"));\nlet name = ask(\"Who?\");\nprint(b.chat(name));\nname";
    let Some(team) = Team::new("a question", &server, script) else { return };
    team.submit("asks");
    let worker = team.worker();
    let waits = || team.look(&["runs", "--json"]).stdout.contains("waiting");
    until(Duration::from_mins(1), "the question", waits);
    drop(worker);

    let answered = team.kaizen(&["answer", "asks", "Ada"]);
    assert_eq!(answered.code, Some(0), "{}", answered.stderr);
    let _worker = team.worker();
    let shown = team.kaizen(&["attach", "asks"]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    assert_eq!(shown.stdout.lines().last(), Some("Ada"), "{}", shown.stdout);
    assert_eq!(shown.stdout.lines().count(), 3, "what was printed is shown once: {}", shown.stdout);
    assert_eq!(server.bodies().len(), 2, "what was answered is not asked again");
    team.assert_sound();
}

#[test]
fn a_run_sleeps_without_a_worker() {
    let server = echo();
    let script =
        "let b = branch();\nprint(b.chat(\"before\"));\nsleep(6000);\nprint(b.chat(\"after\"));";
    let Some(team) = Team::new("a run that sleeps", &server, script) else { return };
    let worker = team.worker();
    team.submit("sleeps");
    let waits = || team.look(&["runs", "--json"]).stdout.contains("waiting");
    until(Duration::from_mins(1), "the sleep", waits);
    drop(worker);

    let _worker = team.worker();
    let shown = team.kaizen(&["attach", "sleeps"]);
    assert_eq!((shown.code, shown.stdout.lines().count()), (Some(0), 2), "{}", shown.stderr);
    assert_eq!(server.bodies().len(), 2, "what was answered is not asked again");
    team.assert_sound();
}

#[test]
fn a_run_that_is_cancelled_keeps_what_it_did_and_can_go_on() {
    let server = Server::start(|number, _, _| match number {
        1 => Act::After(60_000, Box::new(answer("late"))),
        _ => answer("yes"),
    });
    let script = "let b = branch();\nfor n in 0..3 { print(b.chat(`step ${n}`)); }";
    let Some(team) = Team::new("a cancelled run", &server, script) else { return };
    let _worker = team.worker();
    team.submit("stopped");
    let (_machine, attached) = team.attach("stopped");
    until(Duration::from_mins(1), "the second call", || server.bodies().len() >= 2);
    let cancelled = team.kaizen(&["cancel", "stopped"]);
    assert_eq!(cancelled.code, Some(0), "{}", cancelled.stderr);
    let shown = Ran::from(attached.wait_with_output().unwrap());
    assert_eq!((shown.code, shown.stdout.as_str()), (Some(130), "yes\n"), "{}", shown.stderr);

    let again = team.kaizen(&["run", "s.rhai", "--id", "stopped"]);
    assert_eq!(
        (again.code, again.stdout.as_str()),
        (Some(0), "yes\nyes\nyes\n"),
        "{}",
        again.stderr
    );
    assert_eq!(server.bodies().len(), 4, "one reply was there, and one call was under way");
    team.assert_sound();
}
