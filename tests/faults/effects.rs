//! `kill -9` of the real program while a program of `command` runs. A counter on the disk says how often
//! each effect took place: never twice, unless somebody said so.

use super::figure;
use crate::support::terminal::OnTerminal;
use crate::support::{Project, Ran};
use std::os::unix::process::ExitStatusExt;

/// Two programs side by side, each of which leaves a mark, and a call between two others.
const SCRIPT: &str = r#"
    let mark = |name| command("sh", ["-c", `printf x >> ${name}; printf ${name}`], OPTIONS);
    let both = gather([
        || mark.call("a").stdout,
        || { branch("demo/echo").chat("hello"); mark.call("b").stdout },
    ]);
    let last = attempt(|| mark.call("c").stdout);
    print(`${both} ${last.value ?? last.error.kind}`);
"#;

fn project(options: &str) -> Project {
    let project = Project::new();
    project.file("s.rhai", &SCRIPT.replace("OPTIONS", options));
    project
}

fn killed(project: &Project, plan: &str) -> bool {
    let mut command = project.command(&["run", "s.rhai", "--allow-run=sh"]);
    let output = command.env("KAIZEN_FAILPOINT", plan).output().unwrap();
    output.status.signal() == Some(9)
}

fn resumed(project: &Project, lost: &[&str]) -> Ran {
    project.kaizen(&[&["run", "--resume", "--allow-run=sh"], lost].concat())
}

/// How often each program took effect.
fn counts(project: &Project) -> [usize; 3] {
    ["a", "b", "c"]
        .map(|name| std::fs::read(project.path().join(name)).map_or(0, |content| content.len()))
}

const POINTS: &[&str] =
    &["effect_begins", "effect_ends", "commit_begins", "commit_fills", "commit_ends", "call_ends"];

#[test]
fn no_effect_takes_place_twice_unless_somebody_says_so() {
    let (mut kills, mut twice, mut unsure) = (0, 0, 0);

    for point in POINTS {
        for at in 1..=3 {
            let project = project("#{}");
            if !killed(&project, &format!("{point}:{at}:kill")) {
                continue;
            }
            kills += 1;

            // What nobody decides stays as it is, however often the run is resumed.
            let first = resumed(&project, &[]);
            // It was killed before anything was recorded, and so before anything was done.
            if first.code == Some(2) {
                assert_eq!(counts(&project), [0; 3], "{}", first.stderr);
                continue;
            }
            if first.stderr.contains("error[K0135]") {
                unsure += 1;
                assert_eq!(first.code, Some(1), "{point}:{at} {}", first.stderr);
                let then = counts(&project);
                let again = resumed(&project, &[]);
                assert_eq!((again.code, counts(&project)), (Some(1), then), "{}", again.stderr);

                let told = resumed(&project, &["--lost=tell"]);
                assert!(matches!(told.code, Some(0 | 1)), "{}", told.stderr);
            } else {
                assert_eq!((first.code, first.stdout.as_str()), (Some(0), "[\"a\", \"b\"] c\n"));
                assert_eq!(counts(&project), [1, 1, 1]);
            }
            twice += counts(&project).iter().filter(|count| **count > 1).count();
        }
    }

    figure(&format!("effects: {kills} kills, {unsure} in doubt, {twice} that took place twice"));
    assert_eq!(twice, 0);
    assert!(kills >= 12 && unsure >= 6, "{kills} {unsure}");
}

#[test]
fn an_effect_in_doubt_is_named_and_takes_place_again_when_told_to() {
    for (plan, done) in [("effect_begins:3:kill", 0), ("effect_ends:3:kill", 1)] {
        let project = project("#{}");
        assert!(killed(&project, plan));
        assert_eq!(counts(&project), [1, 1, done]);

        let stopped = resumed(&project, &[]);
        let error = stopped.stderr.lines().find(|line| line.starts_with("error")).unwrap();
        assert_eq!(
            error,
            "error[K0135]: the run stopped during `command(\"sh\", [\"-c\",\"printf x >> c; printf \
             c\"])`, and nobody knows whether it took effect; `kaizen run --resume --lost=repeat` \
             runs it again, `--lost=tell` makes it an error that the script can catch"
        );

        let again = resumed(&project, &["--lost=repeat"]);
        assert_eq!((again.code, again.stdout.as_str()), (Some(0), "[\"a\", \"b\"] c\n"));
        assert_eq!(counts(&project), [1, 1, done + 1]);
    }
}

#[test]
fn a_script_can_be_told_that_an_effect_is_in_doubt_and_stays_told() {
    let project = project("#{}");
    assert!(killed(&project, "effect_ends:3:kill"));

    let told = resumed(&project, &["--lost=tell"]);
    assert_eq!((told.code, told.stdout.as_str()), (Some(0), "[\"a\", \"b\"] unsure\n"));

    for arguments in [&["run", "--resume=@"][..], &["replay", "@"]] {
        let later = project.kaizen(arguments);
        assert_eq!(later.stdout, told.stdout, "{}", later.stderr);
    }
    assert_eq!(counts(&project), [1, 1, 1]);
}

#[test]
fn on_a_terminal_people_are_asked() {
    for (key, code, count, printed) in [("r", 0, 2, "c"), ("t", 0, 1, "unsure"), ("\r", 1, 1, "")] {
        let project = project("#{}");
        assert!(killed(&project, "effect_ends:3:kill"));

        let command = project.command(&["run", "--resume", "--allow-run=sh"]);
        let mut terminal = OnTerminal::start(command);
        terminal.until("[r]epeat, [t]ell, [S]top ");
        terminal.send(&format!("{key}\r"));
        if !printed.is_empty() {
            terminal.until(&format!("[\"a\", \"b\"] {printed}"));
        }

        terminal.rest();
        assert_eq!(terminal.child.wait().unwrap().code(), Some(code));
        assert_eq!(counts(&project), [1, 1, count]);
    }
}

#[test]
fn what_is_repeatable_is_run_again_without_a_word() {
    let project = project("#{ repeatable: true }");
    assert!(killed(&project, "effect_ends:3:kill"));

    let again = resumed(&project, &[]);
    assert_eq!((again.code, again.stdout.as_str()), (Some(0), "[\"a\", \"b\"] c\n"));
    assert_eq!(counts(&project), [1, 1, 2]);
}

#[test]
fn a_fork_does_again_what_had_begun() {
    let project = project("#{}");
    assert_eq!(project.kaizen(&["run", "s.rhai", "--allow-run=sh"]).code, Some(0));

    let forked = project.kaizen(&["fork", "@", "--at", "chat", "--allow-run=sh"]);
    assert_eq!((forked.code, forked.stdout.as_str()), (Some(0), "[\"a\", \"b\"] c\n"));
}
