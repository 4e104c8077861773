//! Signals, and a terminal that goes away: what was done is kept, and the run is resumed.

use crate::support::process::until;
use crate::support::terminal::OnTerminal;
use crate::support::{Project, Ran};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const ENDLESS: &str = r#"
    let b = branch(#{ model: #{ provider: "demo", model: "echo", latency_ms: 2 } });
    for n in 0..param("most", 100000) { b.chat(`question ${n}`); print(n); }
"#;

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
}

/// Starts a script, and waits until it has printed this many lines.
fn start(project: &Project, script: &str, lines: usize) -> (Child, BufReader<ChildStdout>) {
    project.file("s.rhai", script);
    let mut command = project.command(&["run", "s.rhai", "--progress", "none", "--allow-run=sh"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..lines {
        assert_ne!(stdout.read_line(&mut String::new()).unwrap(), 0);
    }
    (child, stdout)
}

#[test]
fn every_request_to_end_leaves_a_run_that_is_resumed() {
    for (signal, code) in [
        (Signal::SIGINT, 130),
        (Signal::SIGTERM, 143),
        (Signal::SIGHUP, 129),
        (Signal::SIGQUIT, 131),
    ] {
        for script in [
            ENDLESS,
            "print(0); print(0); print(0); sleep(60000)",
            "for n in 0..3 { print(n); } loop {}",
        ] {
            let project = Project::new();
            let (mut child, _stdout) = start(&project, script, 3);
            send(&child, signal);
            assert_eq!(child.wait().unwrap().code(), Some(code), "{signal}: {script}");
            assert_eq!(project.events("run_ended")[0]["status"], "interrupted");
        }
        let project = Project::new();
        let (mut child, _stdout) = start(&project, ENDLESS, 3);
        send(&child, signal);
        child.wait().unwrap();
        let resumed = project.kaizen(&["run", "--resume", "-p", "most=3"]);
        assert_eq!((resumed.code, resumed.stdout.as_str()), (Some(0), "0\n1\n2\n"));
    }
}

/// Waits until a program hears a signal.
fn until_heard(child: &Child, signal: Signal) {
    let file = format!("/proc/{}/status", child.id());
    until(Duration::from_secs(20), "the signal is heard", || {
        let status = std::fs::read_to_string(&file).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        caught.is_some_and(|mask| (mask >> (signal as i32 - 1)) & 1 == 1)
    });
}

#[test]
fn a_plan_or_a_replay_that_is_interrupted_says_so() {
    for (signal, code) in [
        (Signal::SIGINT, 130),
        (Signal::SIGTERM, 143),
        (Signal::SIGHUP, 129),
        (Signal::SIGQUIT, 131),
    ] {
        for (script, arguments, said) in [
            (
                "loop { sleep(10); }",
                &["plan", "s.rhai"][..],
                "interrupted; the plan is incomplete\n",
            ),
            ("loop { }", &["run", "s.rhai", "--dry-run"], "interrupted; the plan is incomplete\n"),
            ("loop { }", &["plan", "s.rhai", "--json"], ""),
            ("loop { }", &["replay", "@"], "it was interrupted\n"),
            ("loop { }", &["replay", "--all"], "interrupted; the other runs were not replayed\n"),
        ] {
            let project = Project::new();
            if arguments[0] == "replay" {
                project.file("s.rhai", "1");
                assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(0));
            }
            project.file("s.rhai", script);
            let mut command = project.command(arguments);
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let child = command.spawn().unwrap();
            until_heard(&child, signal);
            send(&child, signal);
            let ran = Ran::from(child.wait_with_output().unwrap());
            assert_eq!(ran.code, Some(code), "{signal} {arguments:?}: {}", ran.stderr);
            assert!(ran.stderr.ends_with(said), "{signal} {arguments:?}: {}", ran.stderr);
            if said.is_empty() && arguments[0] == "plan" {
                let plan: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
                assert_eq!(plan["exit_code"], code);
                assert_eq!(plan["ended_early"], "the plan was interrupted");
            }
        }
    }
}

#[test]
fn a_run_that_is_stopped_goes_on() {
    let project = Project::new();
    let (mut child, mut stdout) = start(&project, ENDLESS, 3);
    send(&child, Signal::SIGTSTP);
    send(&child, Signal::SIGCONT);
    for _ in 0..200 {
        assert_ne!(stdout.read_line(&mut String::new()).unwrap(), 0);
    }
    send(&child, Signal::SIGTERM);
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn a_hang_up_is_ignored_where_it_was_before() {
    let project = Project::new();
    project.file("s.rhai", ENDLESS);
    let command = project.command(&[]);
    let program = command.get_program().to_owned();
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$0\" run s.rhai --progress none"]).arg(program);
    shell.stdin(Stdio::null()).current_dir(project.path()).env("HOME", project.path());
    let mut child = shell.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut next = || assert_ne!(stdout.read_line(&mut String::new()).unwrap(), 0);
    next();
    send(&child, Signal::SIGHUP);
    (0..200).for_each(|_| next());
    send(&child, Signal::SIGTERM);
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn a_second_signal_ends_at_once_whatever_is_under_way() {
    for script in [
        "print(1); command(`sh`, [`-c`, `trap '' INT; sleep 300`])",
        "print(1); sleep(300000.0)",
        "print(1); loop { let a = (0..4000000).to_array(); a.sort(); }",
        "print(1); parallel((0..100).to_array(), |n| sleep(300000))",
        "print(1); try { sleep(300000) } catch { } loop { }",
    ] {
        let project = Project::new();
        let (mut child, _stdout) = start(&project, script, 1);
        send(&child, Signal::SIGINT);
        // Another signal, because two of a kind may arrive as one. The first may have ended it already.
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        let _ = kill(pid, Signal::SIGTERM);
        let status = child.wait().unwrap();
        let is_known = [Some(130), Some(143)].contains(&status.code());
        assert!(is_known, "{script}: {status}");
    }
}

/// Scripts that neither wait nor end, or wait for what hears no Ctrl-C.
const BUSY: [&str; 4] = [
    "loop { let a = (0..4000000).to_array(); a.sort(); }",
    "command(`sh`, [`-c`, `trap '' INT TERM; sleep 300`]);",
    "try { sleep(300000) } catch { } loop { }",
    "parallel((0..100).to_array(), |n| sleep(300000));",
];

#[test]
fn a_second_ctrl_c_ends_every_command_that_runs_scripts() {
    for busy in BUSY {
        for arguments in [
            &["run", "s.rhai"][..],
            &["run", "--resume"][..],
            &["watch", "s.rhai"][..],
            &["test"][..],
            &["compare", "s.rhai", "t.rhai", "--tasks", "t.jsonl"][..],
            &["repl"][..],
        ] {
            let project = Project::new();
            project.file("s.rhai", "throw `later`").file("t.rhai", "1").file("t.jsonl", "{}\n");
            if arguments == ["run", "--resume"] {
                assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(1));
            }
            // What is under way says so with a file, whatever becomes of its output.
            let script = format!("write_text(`began`, ``); {busy}");
            project.file("s.rhai", &script);
            project.file("a_test.rhai", &format!("fn test_a() {{ {script} }}"));
            let mut command = project.command(arguments);
            command.arg("-A").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            let mut input = child.stdin.take().unwrap();
            writeln!(input, "{script}").unwrap();

            within(|| project.path().join("began").exists(), arguments);
            // Two at once may arrive as one.
            let mut status = None;
            let is_over = || {
                let _ = kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT);
                status = child.try_wait().unwrap();
                status.is_some()
            };
            within(is_over, arguments);
            let code = status.unwrap().code();
            assert_eq!(code, Some(130), "{arguments:?} {busy}");
        }
    }
}

/// Waits until something is so.
fn within(mut is_so: impl FnMut() -> bool, what: &[&str]) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_mins(1), "{what:?}");
        std::thread::sleep(Duration::from_millis(30));
    }
}

#[test]
fn a_terminal_that_goes_away_leaves_a_run_that_is_resumed() {
    let project = Project::new();
    project.file("s.rhai", ENDLESS);
    let mut run = OnTerminal::start(project.command(&["run", "s.rhai"]));
    run.until("3");
    send(&run.child, Signal::SIGHUP);
    assert_eq!(run.child.wait().unwrap().code(), Some(129));
    assert_eq!(project.events("run_ended")[0]["status"], "interrupted");
    let resumed = project.kaizen(&["run", "--resume", "-p", "most=3"]);
    assert_eq!((resumed.code, resumed.stdout.as_str()), (Some(0), "0\n1\n2\n"));
}

/// A shell with job control runs `kaizen .. &` in the background of its terminal.
#[test]
fn a_run_in_the_background_of_a_terminal_is_not_stopped() {
    for (line, after) in [
        ("\"$0\" run s.rhai > log 2>&1 &", ""),
        ("\"$0\" run s.rhai -q > log &", ""),
        ("\"$0\" run s.rhai 2>&1 | cat > log &", ""),
        ("\"$0\" compare s.rhai --tasks t.jsonl > log 2>&1 &", ""),
        // Begun in the foreground, stopped, and sent to the background.
        ("\"$0\" run slow.rhai --allow-run=sh > log 2>&1", "bg"),
    ] {
        let project = Project::new();
        project.file("s.rhai", "print(\"here\"); branch(\"demo/echo\").chat(\"a\")");
        project.file(
            "slow.rhai",
            "print(\"here\"); command(\"sh\", [\"-c\", \"kill -TSTP $PPID\"]); sleep(300)",
        );
        project.file("t.jsonl", "{}\n");

        let kaizen = project.command(&[]);
        let script = format!("set -m\n{line}\n{after}\nwait; echo ended; test -s log");
        let mut shell = Command::new("setsid");
        shell.args(["--ctty", "--wait", "bash", "-c", &script]).arg(kaizen.get_program());
        shell.current_dir(kaizen.get_current_dir().unwrap()).env_clear();
        shell.envs(kaizen.get_envs().filter_map(|(name, value)| Some((name, value?))));

        let mut shell = OnTerminal::start(shell);
        shell.until("ended");
        assert_eq!(shell.child.wait().unwrap().code(), Some(0), "{line}");
    }
}

/// What is drawn on a terminal must not end the program when that is gone.
#[test]
fn a_terminal_that_goes_away_ends_no_command_with_a_panic() {
    for arguments in [
        &["run", "s.rhai"][..],
        &["run", "s.rhai", "--json"],
        &["compare", "s.rhai", "t.rhai", "--tasks", "t.jsonl"],
        &["watch", "s.rhai"],
        &["run", "s.rhai", "--progress", "plain"],
        &["repl", "s.rhai"],
    ] {
        let project = Project::new();
        let script = "let g = builder(`g`); g.add_operation(|| { print(`ready`); \
                      for n in 0..param(`most`, 100000) { print(n); sleep(2); } 1 }, \
                      #{ name: `slow` }); session(branch(`demo/echo`)).flow(g); throw `end`";
        project.file("s.rhai", script).file("t.rhai", "1").file("t.jsonl", "{}\n");
        let mut run = OnTerminal::start(project.command(arguments));
        run.until(if arguments[0] == "repl" { "> " } else { "ready" });
        assert_eq!(run.hang_up().code(), Some(129), "{arguments:?}");
    }
}

/// Whoever writes to a terminal that is gone, or waits for an answer there, may see it before the signal
/// comes.
#[test]
fn a_terminal_that_goes_away_before_the_signal_is_the_same_end() {
    let endless = "for n in 0..100000 { print(`ready ${n}`); sleep(1); }";
    for (arguments, script, shown, is_journaled) in [
        (&["run", "s.rhai"][..], endless, "ready 3", true),
        (&["run", "s.rhai", "--json"], endless, "launch", true),
        (&["run", "s.rhai", "--progress", "plain"], endless, "ready 3", true),
        (&["run", "s.rhai", "--quiet"], endless, "ready 3", true),
        (&["repl", "--eval", endless], "", "ready 3", true),
        (&["repl"], "", "> ", false),
    ] {
        let project = Project::new();
        project.file("s.rhai", script);
        let mut run = OnTerminal::start(project.command(arguments));
        run.until(shown);
        run.take_away();
        assert_eq!(run.end().code(), Some(129), "{arguments:?}");
        if is_journaled {
            assert_eq!(project.events("run_ended")[0]["status"], "interrupted", "{arguments:?}");
        }
    }
}

#[test]
fn a_terminal_that_goes_away_answers_no_question() {
    for script in [
        "read_text(`/etc/hostname`)",
        "command(`true`, [])",
        "env(`HOME`)",
        "http_get(`http://127.0.0.1:1/`)",
        "parallel([1, 2], |n| write_text(`${n}`, `x`))",
    ] {
        let project = Project::new();
        project.file("s.rhai", script);
        let mut run = OnTerminal::start(project.command(&["run", "s.rhai"]));
        run.until("Allow?");
        assert_eq!(run.hang_up().code(), Some(129), "{script}");
        assert_eq!(project.events("run_ended")[0]["status"], "interrupted", "{script}");
    }

    let project = Project::new();
    project.file("kaizen.toml", "[permissions]\nrun = [\"git\"]\n");
    project.file("s.rhai", "1");
    let mut run = OnTerminal::start(project.command(&["run", "s.rhai"]));
    run.until("trust it?");
    run.take_away();
    assert_eq!(run.end().code(), Some(129));
}
