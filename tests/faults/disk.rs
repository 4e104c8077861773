//! A disk that is full, that fails, or that may not be written: the program says so and ends with 8,
//! nothing that was done before is lost, the journal has no gap, and with room the run continues.

use super::{figure, rounds};
use crate::support::server::{Server, answer};
use crate::support::{Project, Ran};
use expect_test::expect;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Ten calls, each printed once it is answered, and one recorded execution.
const SCRIPT: &str = r#"
    let b = branch();
    for n in 0..10 { print(b.chat(`question ${n}`)); }
    optimizer().record_execution("t", "p", #{ success_rate: 1.0, execution_time: 1.0 });
    for n in 0..3 { print(b.chat(`late question ${n}`)); }
"#;

/// Runs of the program with a fault of the disk, and what they have shown.
#[derive(Debug, Default)]
struct Figures {
    faults: usize,
    /// Answers that the script had seen before the fault.
    seen: usize,
    /// Of those, answers that the journal does not have.
    lost: usize,
}

fn server() -> Server {
    Server::start(|_, _, body| answer(&format!("answer to {} bytes", body.len())))
}

/// Checks what a run has left that ended because of the disk, then continues without the fault.
fn check(project: &Project, server: &Server, broken: &Ran, says: &str, figures: &mut Figures) {
    assert_eq!(broken.code, Some(8), "{}", broken.stderr);
    assert!(broken.stderr.contains(says), "`{says}`: {}", broken.stderr);
    let store = rusqlite::Connection::open(project.path().join(".kaizen/kaizen.db")).unwrap();
    let count = |sql| store.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let mut kept = 0;
    // The disk may have been too small for the tables.
    if count("SELECT count(*) FROM sqlite_schema WHERE name = 'events'") > 0 {
        let gaps = "SELECT count(*) FROM
            (SELECT max(seq) + 1 - count(*) AS gap FROM events GROUP BY run) WHERE gap != 0";
        assert_eq!(count(gaps), 0, "a journal has a gap");
        // The end of an attempt may be on the disk before that of its operation.
        kept = project.events("attempt_ended").len();
    }
    drop(store);
    let seen = broken.stdout.lines().filter(|line| line.starts_with("answer")).count();
    figures.faults += 1;
    figures.seen += seen;
    figures.lost += seen.saturating_sub(kept);
    let asked = server.bodies().len();
    let mut arguments = vec!["run", "s.rhai"];
    if !project.kaizen(&["runs", "--json"]).stdout.is_empty() {
        arguments.push("--resume");
    }
    let ran = project.kaizen(&arguments);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stdout.lines().count(), 13, "{}", ran.stdout);
    assert_eq!(server.bodies().len() - asked, 13 - kept, "what is kept is not asked again");
    assert_eq!(project.kaizen(&["doctor"]).code, Some(0));
}

#[test]
fn a_disk_that_is_full_or_fails_ends_the_run_and_loses_nothing() {
    let server = server();
    let mut figures = Figures::default();
    let all = ["commit_begins", "commit_fills"];
    let acts = [("full", "is full"), ("full_once", "is full"), ("io", "the disk of store")];
    let acts = [&acts[..], &[("io_once", "the disk of store")]].concat();
    for point in all {
        for (act, says) in &acts {
            for at in (1..=15).step_by(if rounds(0, 1) == 0 { 7 } else { 1 }) {
                let project = Project::new();
                project.with_server(&server).file("s.rhai", SCRIPT);
                let mut command = project.command(&["run", "s.rhai"]);
                command.env("KAIZEN_FAILPOINT", format!("{point}:{at}:{act}"));
                let broken = Ran::from(command.output().unwrap());
                check(&project, &server, &broken, says, &mut figures);
            }
        }
    }
    tell("faults of the disk acted out in the writer", &figures);
}

/// The kernel itself refuses to let a file grow.
#[test]
fn a_limit_on_the_size_of_files_ends_the_run_and_loses_nothing() {
    let server = server();
    let mut figures = Figures::default();
    // In units of 512 bytes: the store's tables take some, and the log of changes grows with each.
    for blocks in (60..260).step_by(if rounds(0, 1) == 0 { 45 } else { 5 }) {
        let project = Project::new();
        project.with_server(&server).file("s.rhai", SCRIPT);
        let limited = format!("ulimit -f {blocks}; exec \"$0\" run s.rhai");
        let broken = Ran::from(inside(&project, &limited).output().unwrap());
        check(&project, &server, &broken, "the disk of store", &mut figures);
    }
    tell("writes refused by a limit on the size of files", &figures);
}

/// Programs that a script runs get the signal of the limit as any other program does.
#[test]
fn a_limit_on_the_size_of_files_ends_the_programs_of_a_script() {
    let project = Project::new();
    let script = r#"
        print(command("sh", ["-c", "kill -XFSZ $$; echo ignored"]));
        let large = ""; large.pad(600_000, "x");
        print(attempt(|| write_text("large", large)).error?.kind);
    "#;
    project.file("s.rhai", script);
    let ran =
        Ran::from(inside(&project, "ulimit -f 1000; exec \"$0\" run -A s.rhai").output().unwrap());
    expect![[r#"
        Some(0) #{"code": -1, "stderr": "", "stdout": ""}
        file
    "#]]
    .assert_eq(&format!("{:?} {}", ran.code, ran.stdout));
    assert!(!project.path().join("large").exists());
}

/// A part of a file would stand in the way of the whole one, or be taken for it.
#[test]
fn a_file_for_people_is_whole_or_not_there() {
    let project = Project::new();
    project.file("s.rhai", "print(branch(`demo/echo`).chat(`x`))");
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(0));
    let before = names(project.path());

    // Room for the files that SQLite needs for reading, and for none of those that are written.
    for (blocks, command) in [
        (0, "new made/new"),
        (0, "init made/init"),
        (0, "man made/man"),
        (0, "doc --html made/doc"),
        (0, "doc --definitions made/definitions"),
        (80, "report @ -o report.html"),
    ] {
        project.file("made/init/s.rhai", "");
        let line = format!("ulimit -f {blocks}; exec \"$0\" {command}");
        let ran = Ran::from(inside(&project, &line).output().unwrap());
        assert_eq!(ran.code, Some(1), "{command}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains("File too large"), "{command}: {}", ran.stderr);

        let left: Vec<String> =
            names(project.path()).into_iter().filter(|name| !before.contains(name)).collect();
        assert_eq!(left, ["made/init/s.rhai"], "{command}");
    }

    let ran = project.kaizen(&["report", "@", "-o", "report.html"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

/// Returns the paths of the files in a folder, without those that kaizen keeps for itself.
fn names(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        for entry in std::fs::read_dir(inner).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
            match path.is_dir() {
                true if name == ".kaizen" => {}
                true => folders.push(path),
                false => found.push(name),
            }
        }
    }
    found.sort();
    found
}

/// A real disk of a few hundred kilobytes, where the system lets one be made.
#[test]
fn a_small_disk_that_fills_up_ends_the_run_and_loses_nothing() {
    let server = server();
    let mut figures = Figures::default();
    for kilobytes in (100..180).step_by(if rounds(0, 1) == 0 { 25 } else { 4 }) {
        let project = Project::new();
        project.with_server(&server).file("s.rhai", SCRIPT).file("disk/empty", "");
        let mount = format!(
            "mount -t tmpfs -o size={kilobytes}k tmpfs disk || exit 77; \
             cp kaizen.toml s.rhai disk/; cd disk; \"$0\" run s.rhai; code=$?; \
             mkdir -p ../.kaizen; cp .kaizen/* ../.kaizen/; exit $code"
        );
        let inner = inside(&project, &mount);
        let mut command = Command::new("unshare");
        command.args(["-rm", "--"]).arg(inner.get_program()).args(inner.get_args());
        command.current_dir(project.path());
        let Ok(output) = command.output() else { return figure("no `unshare` here") };
        let broken = Ran::from(output);
        if broken.code == Some(77) || broken.stderr.contains("unshare:") {
            return figure(&format!("no disk can be made here: {}", broken.stderr));
        }
        check(&project, &server, &broken, "is full", &mut figures);
    }
    tell("disks that filled up", &figures);
}

#[test]
fn a_full_disk_can_be_read() {
    let server = server();
    let project = Project::new();
    project.with_server(&server).file("s.rhai", SCRIPT).file("disk/empty", "");
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(0));
    let script = "mount -t tmpfs -o size=512k tmpfs disk || exit 77; \
        cp kaizen.toml s.rhai disk/; cp -r .kaizen disk/; cd disk; \
        dd if=/dev/zero of=fill bs=1k 2>/dev/null; \
        for arguments in 'runs' 'show @' 'sql select(1)' 'export @ -o ../runs.jsonl' 'gc --keep 1s --dry-run' \
            'gc --keep 1s' 'doctor' 'run s.rhai'; do \
            \"$0\" $arguments >../out.txt 2>../err.txt; echo \"$arguments: $?\"; \
            grep -o 'is full' ../out.txt ../err.txt; done; \
        rm fill; \"$0\" gc --keep 1s >/dev/null 2>&1; echo \"with room: $?\"";
    let inner = inside(&project, script);
    let mut command = Command::new("unshare");
    command.args(["-rm", "--"]).arg(inner.get_program()).args(inner.get_args());
    command.current_dir(project.path());
    let Ok(output) = command.output() else { return figure("no `unshare` here") };
    let ran = Ran::from(output);
    if ran.code == Some(77) || ran.stderr.contains("unshare:") {
        return figure(&format!("no disk can be made here: {}", ran.stderr));
    }
    expect![[r#"
        runs: 0
        show @: 0
        sql select(1): 0
        export @ -o ../runs.jsonl: 0
        gc --keep 1s --dry-run: 0
        gc --keep 1s: 8
        ../err.txt:is full
        doctor: 8
        ../out.txt:is full
        run s.rhai: 8
        ../err.txt:is full
        with room: 0
    "#]]
    .assert_eq(&ran.stdout);
}

/// Other programs, or the container, may leave room for few threads.
#[test]
fn a_limit_of_threads_is_an_error_and_no_panic() {
    let project = Project::new();
    if std::fs::metadata(project.path()).unwrap().uid() != 0 {
        return figure("only root can run a program as somebody with no other one");
    }
    project
        .file("s.rhai", "let b = branch(`demo/echo`); print(parallel([1, 2], |n| b.chat(`${n}`)))");
    project.file("n.rhai", "print(attempt(|| http_get(`http://localhost.invalid/`)))");
    project.file("a_test.rhai", "fn test_a() { assert(true) }").file("in.txt", "1 + 1\n");
    allow(&project, ".", 0o777);

    let mut refused = 0;
    for arguments in [
        &["run", "s.rhai", "--max-time", "20s"][..],
        &["run", "n.rhai", "--allow-net"],
        &["plan", "s.rhai"],
        &["repl"],
        &["test"],
        &["lsp"],
        &["mcp"],
        &["compare", "s.rhai", "n.rhai", "--tasks", "in.txt"],
        &["replay", "@"],
        &["runs"],
    ] {
        for most in 1..8 {
            let ran = with_threads(&project, most, arguments);
            let is_told = ran.stderr.contains("no room for another thread");
            refused += usize::from(is_told);
            let is_panic =
                ran.code.is_none_or(|code| code == 101) || ran.stderr.contains("panicked");
            assert!(!is_panic, "{arguments:?} with {most}: {:?} {}", ran.code, ran.stderr);
        }
    }
    figure(&format!("limits of threads: {refused} commands refused, no panic"));
    assert!(refused > 8, "{refused}");
}

/// Runs the program as somebody who may have this many threads.
fn with_threads(project: &Project, most: usize, arguments: &[&str]) -> Ran {
    const NOBODY: u32 = 65533;
    let plain = project.command(&[]);
    let copy = project.path().join("kaizen-copy");
    if !copy.exists() {
        std::fs::copy(plain.get_program(), &copy).unwrap();
    }
    let mut command = Command::new("sh");
    // Shells do not agree on the name of this limit.
    let limited =
        format!("{{ ulimit -p {most} || ulimit -u {most}; }} 2>&-; exec \"$0\" \"$@\" < in.txt");
    command.args(["-c", &limited]).arg(&copy).args(arguments).current_dir(project.path());
    command.uid(NOBODY).gid(NOBODY).env_clear().env("KAIZEN_TRUST", "1");
    Ran::from(command.output().unwrap())
}

/// Prepares the shell, with the program as `$0`.
fn inside(project: &Project, text: &str) -> Command {
    let plain = project.command(&[]);
    let mut command = Command::new("sh");
    command.args(["-c", text]).arg(plain.get_program()).current_dir(project.path());
    command
}

fn tell(what: &str, Figures { faults, seen, lost }: &Figures) {
    figure(&format!(
        "{what}: {faults} runs, {seen} answers seen before, {lost} lost, no journal with a gap"
    ));
    assert_eq!(*lost, 0, "{what}");
}

/// Permissions do not bind root, so root lets somebody else run the program.
fn as_nobody(project: &Project, arguments: &[&str]) -> Ran {
    const NOBODY: u32 = 65534;
    let mut command = project.command(arguments);
    if std::fs::metadata(project.path()).unwrap().uid() == 0 {
        let copy = project.path().join("kaizen-copy");
        if !copy.exists() {
            std::fs::copy(command.get_program(), &copy).unwrap();
        }
        let mut other = Command::new(&copy);
        other.args(arguments).current_dir(project.path()).uid(NOBODY).gid(NOBODY).env_clear();
        command = other;
    }
    // The project is somebody else's then.
    command.env("KAIZEN_TRUST", "1");
    Ran::from(command.output().unwrap())
}

fn allow(project: &Project, name: &str, mode: u32) {
    let path = project.path().join(name);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_store_that_may_not_be_written_is_told_before_anything_is_asked() {
    let server = server();
    let project = Project::new();
    project.with_server(&server).file("s.rhai", SCRIPT);
    allow(&project, ".", 0o555);
    let ran = as_nobody(&project, &["run", "s.rhai"]);
    assert_eq!((ran.code, server.bodies().len()), (Some(8), 0), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("cannot create `") && ran.stderr.contains("denied"),
        "{}",
        ran.stderr
    );
    allow(&project, ".", 0o755);
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(0));
    let asked = server.bodies().len();
    allow(&project, ".kaizen/kaizen.db", 0o444);
    allow(&project, ".kaizen", 0o555);
    allow(&project, ".", 0o555);
    let ran = as_nobody(&project, &["run", "s.rhai"]);
    allow(&project, ".", 0o755);
    allow(&project, ".kaizen", 0o755);
    assert_eq!((ran.code, server.bodies().len()), (Some(8), asked), "{}", ran.stderr);
    assert!(ran.stderr.contains("cannot be written"), "{}", ran.stderr);
}

#[test]
fn doctor_says_that_a_store_may_not_be_written_and_a_resumed_run_ends_with_its_code() {
    let server = server();
    let project = Project::new();
    project.with_server(&server).file("s.rhai", SCRIPT);
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(0));
    project.file("s.rhai", "branch().chat(`more`); throw `no`");
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(1));

    for (file, folder, says) in [(0o444, 0o555, "kaizen.db"), (0o666, 0o555, ".kaizen")] {
        allow(&project, ".kaizen/kaizen.db", file);
        allow(&project, ".kaizen", folder);
        let ran = as_nobody(&project, &["doctor"]);
        let asked = server.bodies().len();
        let resumed = as_nobody(&project, &["run", "--resume"]);
        allow(&project, ".kaizen", 0o755);

        assert_eq!(ran.code, Some(8), "{}", ran.stdout);
        let told = format!("{says}`: Permission denied); make the file and its folder writable");
        assert!(ran.stdout.contains(&told), "{}", ran.stdout);
        assert_eq!((resumed.code, server.bodies().len()), (Some(8), asked), "{}", resumed.stderr);
    }
}

/// A run that was killed leaves its log; whoever archives a project may leave out the index of the log.
#[test]
fn a_store_that_may_not_be_written_is_read_with_its_log() {
    let project = Project::new();
    let script = "optimizer().record_execution(`t`, `p`, #{ success_rate: 1.0 });
        branch(`demo/echo`).chat(`one`); print(`asked`); loop { sleep(1000) }";
    project.file("kaizen.toml", "").file("s.rhai", script);
    let mut command = project.command(&["run", "s.rhai"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    // The log is on the disk soon after.
    std::thread::sleep(Duration::from_millis(500));
    child.kill().unwrap();
    child.wait().unwrap();
    let mut shown = Vec::new();

    for has_index in [false, true] {
        let copy = Project::new();
        copy.file("kaizen.toml", "").file("s.rhai", script).file(".kaizen/x", "");
        for end in ["", "-wal", "-shm"] {
            let name = format!(".kaizen/kaizen.db{end}");
            if end != "-shm" || has_index {
                std::fs::copy(project.path().join(&name), copy.path().join(&name)).unwrap();
                allow(&copy, &name, 0o444);
            }
        }
        let log = std::fs::read(copy.path().join(".kaizen/kaizen.db-wal")).unwrap();
        assert!(!log.is_empty());
        allow(&copy, ".kaizen", 0o555);
        allow(&copy, ".", 0o755);

        for arguments in [&["runs"][..], &["show", "@"], &["patterns"], &["failures"]] {
            let ran = as_nobody(&copy, arguments);
            assert_eq!(ran.code, Some(0), "{has_index} {arguments:?}: {}", ran.stderr);
            assert!(!ran.stderr.contains("error"), "{arguments:?}: {}", ran.stderr);
            if arguments[0] == "show" {
                shown.push(ran.stdout);
            }
        }
        assert_eq!(std::fs::read(copy.path().join(".kaizen/kaizen.db-wal")).unwrap(), log);
        allow(&copy, ".kaizen", 0o755);
    }

    // Whoever opens the store with all rights copies the log to it.
    let whole = project.kaizen(&["show", "@"]).stdout;
    assert_eq!(shown, [whole.clone(), whole]);
}
