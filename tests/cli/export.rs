//! Exports, stores that can only be read, paths that are no text, and clocks that jump.

use crate::support::Project;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

fn project() -> Project {
    let project = Project::new();
    project.file("s.rhai", "branch(`demo/echo`).chat(`one`)");
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(0));
    project
}

/// Lists what lies in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn an_export_is_there_whole_or_not_at_all() {
    let project = project();
    std::fs::create_dir(project.path().join("out")).unwrap();
    std::os::unix::fs::symlink("nowhere", project.path().join("dangling")).unwrap();
    project.file("taken", "mine");
    let before = names(project.path());
    for kind in [&["export"][..], &["export", "--all"], &["export", "--store"]] {
        for (output, code) in [
            ("no-such-folder/x", 1),
            ("/proc/x", 1),
            ("s.rhai/x", 1),
            ("s.rhai/../x", 1),
            ("taken", 2),
            ("out", 2),
            ("dangling", 2),
            ("/dev/null", 2),
            ("", 2),
        ] {
            let ran = project.kaizen(&[kind, &["-o", output]].concat());
            assert_eq!(ran.code, Some(code), "{kind:?} {output}: {}", ran.stderr);
            let is_blamed = ran.stderr.contains("kaizen.db") || ran.stderr.contains(".part");
            assert!(!is_blamed, "{kind:?} {output}: {}", ran.stderr);
            assert!(!ran.stderr.contains("copied") && !ran.stderr.contains("wrote"));
            assert_eq!(names(project.path()), before, "{kind:?} {output}");
        }
    }
    assert_eq!(std::fs::read_to_string(project.path().join("taken")).unwrap(), "mine");
}

#[test]
fn an_export_has_the_name_that_was_asked_for() {
    let project = project();
    let odd: [&[u8]; 6] =
        [b"copy.db", b":memory:", b"file:x?mode=memory", b"a b'c", b"\xff\xfe.db", b"-x"];
    for (index, name) in odd.into_iter().enumerate() {
        let out = project.path().join(format!("out{index}"));
        std::fs::create_dir(&out).unwrap();
        for kind in ["--store", "--all"] {
            let mut command = project.command(&["export", kind, "-C"]);
            command.arg(project.path()).arg("--output");
            let output = out.join(OsStr::from_bytes(name));
            let ran = command.arg(&output).output().unwrap();
            let said = String::from_utf8_lossy(&ran.stderr).into_owned();
            assert_eq!(ran.status.code(), Some(0), "{said}");
            assert!(std::fs::metadata(&output).unwrap().len() > 0, "{said}");
            assert_eq!(std::fs::read_dir(&out).unwrap().count(), 1, "{:?}", names(&out));
            std::fs::remove_file(&output).unwrap();
        }
    }
}

#[test]
fn a_project_whose_path_is_no_text_works() {
    let project = Project::new();
    let folder = project.path().join(OsStr::from_bytes(b"caf\xe9 \xff"));
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(
        folder.join("s.rhai"),
        "import `lib` as l; write_text(`o.txt`, `x`); l::f() + read_text(`o.txt`)",
    )
    .unwrap();
    std::fs::write(folder.join("lib.rhai"), "fn f() { `one` }").unwrap();
    for arguments in [
        &["check", "s.rhai"][..],
        &["run", "s.rhai", "--allow-write=o.txt"],
        &["run", "s.rhai", "--allow-write=o.txt", "--json"],
        &["runs"],
        &["show", "@"],
        &["show", "@", "--json"],
        &["replay", "@"],
        &["plan", "s.rhai", "--allow-write=o.txt"],
        &["export", "--store", "-o", "copy.db", "--json"],
        &["doctor"],
        &["config", "show"],
        &[],
    ] {
        let ran = project.command(arguments).current_dir(&folder).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(0), "{arguments:?}: {said}");
    }
    // The script itself may lie elsewhere.
    let ran = project.command(&["run", "--json"]).arg(folder.join("s.rhai")).output().unwrap();
    assert!(!String::from_utf8_lossy(&ran.stderr).contains("this is a bug"));
}

#[test]
fn runs_stand_in_the_order_in_which_they_began_whatever_the_clock_says() {
    let project = project();
    let path = project.path().join(".kaizen/kaizen.db");
    let store = rusqlite::Connection::open(path).unwrap();
    // A clock that was years ahead when the first run began.
    let ahead = "7zzzzzzzzzzzzz";
    for table in ["runs SET id", "events SET run"] {
        store.execute(&format!("UPDATE {table} = ?"), [ahead]).unwrap();
    }
    drop(store);
    project.file("second.rhai", "2").kaizen(&["run", "second.rhai"]);
    project.file("third.rhai", "3").kaizen(&["run", "third.rhai"]);
    let runs = project.kaizen(&["runs", "--json"]);
    let scripts: Vec<String> = runs
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["script"].to_string())
        .collect();
    assert_eq!(scripts, ["\"third.rhai\"", "\"second.rhai\"", "\"s.rhai\""], "{}", runs.stdout);
    let shown = project.kaizen(&["show", "@"]);
    assert!(shown.stdout.contains("third.rhai"), "{}", shown.stdout);
}
