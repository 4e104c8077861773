//! Stdout and stderr that are closed, full or read by nobody.

use crate::support::Project;
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

/// Commands that write to stdout, in a project that has a run.
const COMMANDS: &[&[&str]] = &[
    &[],
    &["--help"],
    &["--version"],
    &["help", "run"],
    &["completions", "bash"],
    &["completions", "zsh"],
    &["completions", "fish"],
    &["doc"],
    &["doc", "branch"],
    &["doc", "--json"],
    &["show"],
    &["show", "--json"],
    &["runs"],
    &["runs", "--json"],
    &["export"],
    &["export", "--all"],
    &["explain", "K0003"],
    &["config", "show"],
    &["models"],
    &["doctor"],
    &["plan", "s.rhai"],
    &["replay", "@"],
    &["test"],
    &["run", "s.rhai"],
    &["run", "s.rhai", "--json"],
    &["repl", "-e", "print(1)"],
];

/// The writing end of a pipe that nobody reads.
fn unread() -> Stdio {
    let (reader, writer) = nix::unistd::pipe().unwrap();
    drop(reader);
    writer.into()
}

/// A device on which there is never any room.
fn full() -> Stdio {
    OpenOptions::new().write(true).open("/dev/full").unwrap().into()
}

fn project() -> Project {
    let project = Project::new();
    project.file("s.rhai", "print(branch(`demo/echo`).chat(`one`)); 1");
    project.file("s_test.rhai", "fn test_one() { assert_eq(1, 1) }");
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(0));
    project
}

/// Runs a command and returns how it ended: its code, or the signal, as shells write it.
fn end_of(command: &mut Command) -> (i32, String) {
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut said).unwrap();
    }
    let status = child.wait().unwrap();
    (status.code().unwrap_or_else(|| 1000 + status.signal().unwrap_or(0)), said)
}

#[test]
fn a_reader_that_has_gone_away_ends_a_command_quietly() {
    let project = project();
    for arguments in COMMANDS {
        let mut command = project.command(arguments);
        let (code, said) = end_of(command.stdout(unread()).stderr(Stdio::piped()));
        assert_eq!(code, 141, "{arguments:?}: {said}");
        assert!(!said.contains("this is a bug") && !said.contains("os error"), "{said}");
    }
}

#[test]
fn a_full_disk_under_stdout_is_an_error() {
    let project = project();
    for arguments in COMMANDS {
        let mut command = project.command(arguments);
        let (code, said) = end_of(command.stdout(full()).stderr(Stdio::piped()));
        let error = "error: cannot write to stdout: No space left on device (os error 28)";
        assert_eq!(said.lines().filter(|line| *line == error).count(), 1, "{arguments:?}: {said}");
        assert_eq!(code, 1, "{arguments:?}");
    }
}

#[test]
fn a_stderr_that_cannot_be_written_changes_nothing() {
    let project = project();
    project.file("bad.rhai", "let x = ;").file("fails.rhai", "throw `no`");
    let failing: [&[&str]; 6] = [
        &["run", "bad.rhai"],
        &["run", "fails.rhai"],
        &["run", "no-such.rhai"],
        &["nonsense"],
        &["run", "s.rhai", "--progress", "live"],
        &["run", "s.rhai", "--resume"],
    ];
    for arguments in COMMANDS.iter().chain(&failing) {
        let run = |stderr: Stdio| {
            let mut command = project.command(arguments);
            end_of(command.stdout(Stdio::null()).stderr(stderr)).0
        };
        let expected = run(Stdio::null());
        for stderr in [unread(), full(), File::open("/dev/null").unwrap().into()] {
            assert_eq!(run(stderr), expected, "{arguments:?}");
        }
    }
}

#[test]
fn a_command_without_any_stream_does_its_work() {
    let project = project();
    let program = env!("CARGO_BIN_EXE_kaizen");
    for (line, code) in [
        (format!("{program} run s.rhai >&- 2>&- <&-"), 0),
        (format!("{program} run s.rhai >&-"), 0),
        (format!("{program} run fails.rhai 2>&-"), 1),
        (format!("{program} doctor >&- 2>&-"), 0),
        (format!("{program} completions bash 2>/dev/full >/dev/full"), 1),
    ] {
        project.file("fails.rhai", "throw `no`");
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]).current_dir(project.path()).env("HOME", project.path());
        assert_eq!(end_of(&mut shell).0, code, "{line}");
    }
}

#[test]
fn a_run_whose_reader_goes_away_is_resumed() {
    let project = Project::new();
    project
        .file("s.rhai", "let b = branch(`demo/echo`); for n in 0..50 { print(b.chat(`${n}`)); }");
    let line = format!("{} run s.rhai | head -n 3", env!("CARGO_BIN_EXE_kaizen"));
    let mut shell = Command::new("sh");
    shell.args(["-c", &line]).current_dir(project.path()).env("HOME", project.path());
    shell.stderr(Stdio::null());
    let shown = String::from_utf8(shell.output().unwrap().stdout).unwrap();
    assert_eq!(shown.lines().count(), 3);
    assert_eq!(project.events("run_ended")[0]["status"], "interrupted");
    let resumed = project.kaizen(&["run", "--resume"]);
    assert_eq!((resumed.code, resumed.stdout.lines().count()), (Some(0), 50), "{}", resumed.stderr);
}

/// Outcomes and verdicts have colours where a terminal shows them, and nowhere else.
#[test]
fn outcomes_and_verdicts_have_colours() {
    let project = Project::new();
    project.file(
        "learn.rhai",
        r#"let o = optimizer();
for i in 0..9 {
    o.record_execution("review", "vote", #{ success_rate: 1.0, score: 0.9 });
    o.record_execution("review", "direct", #{ success_rate: 0.0 });
}"#,
    );
    project.file("fails.rhai", "throw \"no\";");
    assert_eq!(project.kaizen(&["run", "learn.rhai"]).code, Some(0));
    assert_eq!(project.kaizen(&["run", "fails.rhai"]).code, Some(1));

    let mut shown = String::new();
    for arguments in [
        &["patterns", "review"][..],
        &["failures"][..],
        &["models"][..],
        &["advise", "review", "--best"][..],
    ] {
        let plain = project.kaizen(arguments);
        assert!(!plain.stdout.contains('\u{1b}'), "{}", plain.stdout);

        let output = project.command(arguments).args(["--color", "always"]).output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        let mut painted: Vec<&str> = stdout
            .split("\u{1b}[3")
            .skip(1)
            .filter_map(|part| part.split('\u{1b}').next())
            .collect();
        painted.dedup();
        shown += &format!("{}\n", arguments.join(" "));
        for part in painted {
            shown += &format!("    {}\n", part.split(" (").next().unwrap_or(part));
        }
    }
    expect_test::expect![[r#"
        patterns review
            1mavoid: mostly fails
            2mprobably the best: `vote`, probability > 99 %
        failures
            1mfailed
            1m  avoid: mostly fails and is unlikely to be the best
            1mthrown
        models
            3mdemo, offline
            2mneeds no key
        advise review --best
            2mvote
    "#]]
    .assert_eq(&shown);
}
