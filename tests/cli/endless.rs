//! Nothing waits for ever: pipes, devices, sockets and folders in the place of files, programs that go
//! on and on, and replays of scripts that poll.

use crate::support::process::{lives, until};
use crate::support::{Project, Ran};
use nix::sys::stat::Mode;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Longest time that a command may take that does nothing worth waiting for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs a command that must end.
fn ends(mut command: Command) -> Ran {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("{command:?} does not end");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ran::from(child.wait_with_output().unwrap())
}

/// What is no file, by name; each is put in the place of one.
const ODD: &[&str] = &["pipe", "device", "socket", "folder"];

fn put(project: &Project, name: &str, what: &str) -> Option<UnixListener> {
    let path = project.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    match what {
        "pipe" => nix::unistd::mkfifo(&path, Mode::from_bits_truncate(0o600)).unwrap(),
        "device" => symlink("/dev/zero", &path).unwrap(),
        "socket" => return Some(UnixListener::bind(&path).unwrap()),
        _ => std::fs::create_dir(&path).unwrap(),
    }
    None
}

#[test]
fn what_is_no_file_is_named_wherever_a_file_belongs() {
    let places: &[(&str, &str, &[&str])] = &[
        ("s.rhai", "", &["run", "s.rhai"]),
        ("s.rhai", "", &["check", "s.rhai"]),
        ("s.rhai", "", &["plan", "s.rhai"]),
        ("s.rhai", "", &["watch", "s.rhai"]),
        ("s.rhai", "", &["repl", "s.rhai"]),
        ("s.rhai", "", &["compare", "s.rhai", "s.rhai", "--tasks", "s.rhai"]),
        ("kaizen.toml", "1", &["watch", "s.rhai"]),
        ("a_test.rhai", "", &["test"]),
        (
            "judge.rhai",
            "1",
            &["compare", "s.rhai", "t.rhai", "--tasks", "t.jsonl", "--judge", "judge.rhai"],
        ),
        ("home/.local/state/kaizen/trust.json", "1", &["trust"]),
        (".kaizen/running", "1", &["run", "s.rhai"]),
        ("kaizen.toml", "1", &["run", "s.rhai"]),
        ("home/.config/kaizen/config.toml", "1", &["run", "s.rhai"]),
        ("lib.rhai", "import `lib` as l; 1", &["run", "s.rhai"]),
        ("data.txt", "read_text(`data.txt`)", &["run", "s.rhai"]),
        ("data.jsonl", "read_jsonl(`data.jsonl`)", &["run", "s.rhai"]),
        ("data.txt", "read_lines(`data.txt`)", &["run", "s.rhai"]),
        ("guide.json", "knowledge(`guide.json`)", &["run", "s.rhai"]),
        (
            "key",
            "branch(#{ model: #{ provider: `openai`, model: `m`, key: `file:key` } }).chat(`x`)",
            &["run", "s.rhai"],
        ),
        (".kaizen/kaizen.db", "1", &["run", "s.rhai"]),
        (".kaizen/kaizen.db", "1", &["runs"]),
        (".kaizen/kaizen.db", "1", &["doctor"]),
        ("tasks.jsonl", "1", &["compare", "s.rhai", "s.rhai", "--tasks", "tasks.jsonl"]),
    ];
    for (place, script, arguments) in places {
        for what in ODD {
            let is_fine = arguments[0] == "check" || *place == ".kaizen/running";
            if *what == "folder" && is_fine {
                // `check` looks at the scripts in a folder, and kaizen has a folder of its own.
                continue;
            }
            let project = Project::new();
            project.file("t.rhai", "1").file("t.jsonl", "{}\n");
            if *place != "s.rhai" {
                project.file("s.rhai", script);
            }
            if arguments[0] == "trust" {
                project.file("kaizen.toml", "[permissions]\nwrite = [\"out\"]\n");
            }
            let _socket = put(&project, place, what);
            let ran = ends(project.command(arguments));
            let all = format!("{}{}", ran.stdout, ran.stderr);
            assert_ne!(ran.code, Some(0), "{what} as {place}: {all}");
            assert!(ran.code.is_some_and(|code| code < 9), "{what} as {place}: {all}");
            assert!(!all.contains("this is a bug"), "{all}");
        }
    }
}

#[test]
fn a_replay_of_a_script_that_polls_ends() {
    let scripts = [
        "let t = task(|| { sleep(20); 1 }); while !t.done { sleep(1); } t.wait()",
        "let t = task(|| { sleep(20.0); 1 }); while !t.done { sleep(0.5); } t.wait()",
        "let t = task(|| sleep(10)); let n = 0; while !t.done { race([|| sleep(1), || sleep(2)]); n += 1; } n > 0",
        "let t = task(|| timeout(10, || sleep(500))); while !t.done { sleep(2); } 1",
        "let all = []; for n in 0..3 { all.push(task(|| sleep(n * 3))); } while !all.all(|t| t.done) { sleep(1); } 1",
        "attempt(|| timeout(20, || sleep(300.0))).error.kind",
    ];
    for script in scripts {
        let project = Project::new();
        project.file("s.rhai", script);
        let ran = ends(project.command(&["run", "s.rhai"]));
        assert_eq!(ran.code, Some(0), "{script}: {}", ran.stderr);
        let again = ends(project.command(&["replay", "@"]));
        assert_eq!(again.code, Some(0), "{script}: {}", again.stderr);
    }
}

#[test]
fn a_program_ends_with_all_that_it_has_started() {
    let start = "echo $$ > pid; sleep 300 & echo $! >> pid; ";
    let cases = [
        // It takes too long.
        (format!("{start} wait"), ", #{ timeout_ms: 300 }", "5s"),
        // Something that it has started holds its output open.
        (format!("{start} exit 0"), ", #{ timeout_ms: 300 }", "5s"),
        // It leaves something behind that nobody sees.
        (
            "echo $$ > pid; sleep 300 >/dev/null 2>&1 </dev/null & echo $! >> pid".to_owned(),
            "",
            "5s",
        ),
        // It writes without end.
        (format!("{start} yes"), "", "20s"),
        // The run's time is over.
        (format!("{start} wait"), "", "300ms"),
    ];
    for (line, options, time) in cases {
        let project = Project::new();
        let script = format!("attempt(|| command(\"sh\", [\"-c\", `{line}`]{options})).ok");
        project.file("s.rhai", &script);
        ends(project.command(&["run", "s.rhai", "--allow-run=sh", "--max-time", time]));
        let pids = std::fs::read_to_string(project.path().join("pid")).unwrap();
        assert_eq!(pids.lines().count(), 2, "{line}");
        // What was killed takes a moment to go.
        until(PATIENCE, &format!("{line}: {pids}"), || !pids.lines().any(lives));
    }
}

#[test]
fn a_program_is_fed_and_read_at_once() {
    let project = Project::new();
    let script =
        "let s = `line\n`; s.pad(4000000, `line\n`); command(`cat`, [], #{ stdin: s }).stdout.len";
    let ran = ends(project.file("s.rhai", script).command(&["run", "s.rhai", "--allow-run=cat"]));
    assert_eq!((ran.code, ran.stdout.trim()), (Some(0), "4000000"), "{}", ran.stderr);
}

#[test]
fn a_pipe_beside_the_store_is_named() {
    for name in ["kaizen.db-journal", "kaizen.db-wal", "kaizen.db-shm", "kaizen.db-mark"] {
        for arguments in [&["runs"][..], &["show"], &["run", "s.rhai"], &["doctor"], &["gc"]] {
            let project = Project::new();
            project.file("kaizen.toml", "").file("s.rhai", "1");
            assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(0));

            let path = project.path().join(".kaizen").join(name);
            // SQLite has removed it, if it was ever there.
            let _ = std::fs::remove_file(&path);
            put(&project, &format!(".kaizen/{name}"), "pipe");
            let ran = ends(project.command(arguments));
            let all = format!("{}{}", ran.stdout, ran.stderr);
            assert!(all.contains(name) && all.contains("is not a file"), "{arguments:?}: {all}");
            assert_eq!(ran.code, Some(8), "{name} {arguments:?}: {all}");
        }
    }
}

#[test]
fn what_is_no_file_is_not_replaced_by_one() {
    let words = [
        "write_text(`place`, `x`)",
        "optimizer(#{ memory: true }).export_knowledge(`place`)",
        "knowledge(`place`).save()",
    ];
    for word in words {
        for what in ["pipe", "device", "socket", "folder"] {
            let project = Project::new();
            project.file("s.rhai", word);
            let _socket = put(&project, "place", what);
            let path = project.path().join("place");
            let before = std::fs::symlink_metadata(&path).unwrap().file_type();

            let ran = ends(project.command(&[
                "run",
                "s.rhai",
                "--allow-read=.,/dev/zero",
                "--allow-write=.,/dev/zero",
            ]));
            assert_ne!(ran.code, Some(0), "{word} {what}: {}", ran.stdout);
            let after = std::fs::symlink_metadata(&path).unwrap().file_type();
            assert_eq!(before, after, "{word} {what}");
            assert!(!std::fs::metadata("/dev/zero").unwrap().is_file(), "{word}");
        }
    }
}

#[test]
fn certificates_are_read_from_a_file() {
    for what in ["pipe", "device", "folder"] {
        let project = Project::new();
        put(&project, "certificates", what);
        project.file("s.rhai", "http_get(`https://127.0.0.1:1/`)");
        let mut command = project.command(&["run", "s.rhai", "--allow-net"]);
        let path = project.path().join("certificates");
        command.env("SSL_CERT_FILE", &path);
        let ran = ends(command);
        let expected = format!("SSL_CERT_FILE names `{}`, which is not a file", path.display());
        assert!(ran.stderr.contains(&expected), "{what}: {}", ran.stderr);
    }
}

#[test]
fn too_few_open_files_are_told_before_anything_is_done() {
    for most in 4..19 {
        let project = Project::new();
        project.file("s.rhai", "1");
        let line = format!("ulimit -n {most}; exec {} run s.rhai", env!("CARGO_BIN_EXE_kaizen"));
        let mut command = Command::new("sh");
        command.args(["-c", &line]).current_dir(project.path()).env("HOME", project.path());
        let ran = ends(command);
        let expected =
            "error: too few files may be open at once; allow more with `ulimit -n 1024`\n";
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(3), expected), "{most}");
    }
}

#[test]
fn input_without_an_end_is_refused() {
    let too_long = "error: cannot read the input: it has more than 1048576 bytes (`INPUT_MAX`)\n";
    let many = "error: cannot read the input: it has more than 4096 lines (`INPUT_LINES_MAX`)\n";
    let not_text =
        "error: cannot read the input: it is not text: it has bytes that are not UTF-8\n";
    for (line, expected) in [
        ("$KAIZEN repl < /dev/zero", too_long),
        ("$KAIZEN repl < /dev/full", too_long),
        ("yes | tr -d '\\n' | $KAIZEN repl", too_long),
        ("yes '[1,' | $KAIZEN repl", many),
        ("yes '\"' | tr -d '\\n' | $KAIZEN repl", too_long),
        ("printf '1\\n\\377\\n2\\n' | $KAIZEN repl", not_text),
    ] {
        let project = Project::new();
        // A process that keeps on reading asks for more than this.
        let line = format!("ulimit -v 4000000; {line}");
        let mut command = Command::new("sh");
        command.args(["-c", &line]).current_dir(project.path()).env("HOME", project.path());
        command.env("KAIZEN", env!("CARGO_BIN_EXE_kaizen"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        until(2 * PATIENCE, &format!("{line} ends"), || child.try_wait().unwrap().is_some());
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), expected), "{line}");
    }
}

#[test]
fn init_ends_whatever_stands_in_the_place_of_a_file() {
    for name in [".gitignore", "kaizen.toml", "scripts/main.rhai"] {
        for what in ODD {
            let project = Project::new();
            let _socket = put(&project, name, what);
            let ran = ends(project.command(&["init"]));
            assert_eq!(ran.code, Some(0), "{what} as {name}: {}", ran.stderr);
            assert!(
                ran.stdout.contains(&format!("kept     {name}, which exists")),
                "{}",
                ran.stdout
            );
        }
    }
}

#[test]
fn broken_scripts_are_checked_in_good_time() {
    let pieces = [
        "(",
        "[",
        "{",
        "`",
        "${",
        "`${",
        "([{`${",
        "#",
        "#{",
        "#\"",
        "'",
        "\"\n",
        "`${\"a\n",
        "if a { } else ",
        "if a { ",
        "if true {} else if true {} else ",
        "for a in ",
        "a ? b : ",
        "return ",
        "@",
        "def f(x):\n",
        "import a\n",
        "if a:\n",
        "switch a { ",
        "fn a(",
        "|a| ",
        "x => ",
        "else ",
        "a[",
        "a = ",
        "1 //a\n",
        "try { ",
        "\\",
        "...",
        "a if a ",
    ];
    let project = Project::new();
    for (number, piece) in pieces.iter().enumerate() {
        project.file(&format!("s{number}.rhai"), &piece.repeat(10_000 / piece.len()));
    }
    let began = Instant::now();
    let ran = project.kaizen(&["check"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let of_each: Vec<usize> = (0..pieces.len())
        .map(|number| ran.stdout.matches(&format!("s{number}.rhai:")).count())
        .collect();
    assert!(of_each.iter().all(|count| (1..300).contains(count)), "{of_each:?}");
    // Time that grows with the square of the text would be many minutes.
    assert!(began.elapsed() < PATIENCE * 4, "{:?}", began.elapsed());
}
