//! The commands that look: runs, show, patterns, models, config, doctor, completions, and a bare
//! `kaizen`; and `new`, whose project they look at.

use crate::support::Project;

fn project() -> Project {
    let project = Project::new();
    let ran = project.kaizen(&["new", "p"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let ran = project.kaizen(&["-C", "p", "run", "scripts/main.rhai"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("[demo]"), "{}", ran.stdout);
    project
}

fn look(project: &Project, arguments: &[&str]) -> String {
    let all = [&["-C", "p"], arguments].concat();
    let ran = project.kaizen(&all);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.stdout
}

#[test]
fn a_new_project_runs_at_once_and_can_be_looked_at() {
    let project = project();
    let runs = look(&project, &["runs"]);
    assert!(runs.contains("scripts/main.rhai") && runs.contains(" ok "), "{runs}");
    let show = look(&project, &["show"]);
    for word in ["market", "rivals", "risks", "summary", "completed", "demo/echo (demo)"] {
        assert!(show.contains(word), "{word}: {show}");
    }
    let operation = look(&project, &["show", "@:summary"]);
    assert!(operation.contains("<result name=\"market\">"), "{operation}");
    let bare = look(&project, &[]);
    assert!(bare.contains("Asks three questions concurrently"), "{bare}");
    assert!(look(&project, &["doctor"]).contains("ok   store"));
}

#[test]
fn a_project_is_found_from_a_folder_inside_it() {
    let project = project();
    let ran = project.kaizen(&["-C", "p/scripts", "run", "main.rhai", "-q"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(look(&project, &["runs", "--json"]).lines().count(), 2);
    assert!(!project.path().join("p/scripts/.kaizen").exists());
}

#[test]
fn new_leaves_what_is_there_alone() {
    let project = Project::new();
    project.file("p/mine.txt", "mine");
    let ran = project.kaizen(&["new", "p"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("not an empty folder"), "{}", ran.stderr);
}

#[test]
fn every_setting_names_its_origin() {
    let project = Project::new();
    project.file("kaizen.toml", "[project]\nmodel = \"demo/echo\"\n");
    let mut command = project.command(&["config", "show", "--origin"]);
    let output = command.env("KAIZEN_CONCURRENCY", "7").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = |key: &str| text.lines().find(|line| line.starts_with(key)).unwrap_or("").to_owned();
    assert!(line("project.model").ends_with("kaizen.toml"), "{text}");
    assert!(line("run.concurrency").ends_with("$KAIZEN_CONCURRENCY"), "{text}");
    assert!(line("limits.operations").ends_with("built in"), "{text}");
}

#[test]
fn models_tell_what_is_missing() {
    let project = Project::new();
    project.file("kaizen.toml", "[models.fast]\nuse = \"openai/gpt-4o-mini\"\n");
    let text = project.kaizen(&["models"]).stdout;
    assert!(text.contains("fast") && text.contains("set OPENAI_API_KEY"), "{text}");
    assert!(text.contains("$0.15 in, $0.6 out"), "{text}");
}

#[test]
fn an_unknown_run_is_a_wrong_command() {
    let project = project();
    let ran = project.kaizen(&["-C", "p", "show", "zzz"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("no run `zzz`"), "{}", ran.stderr);
    let ran = project.kaizen(&["-C", "p", "show", "@:nope"]);
    assert!(ran.stderr.contains("no operation `nope`; it has: market"), "{}", ran.stderr);
}

#[test]
fn completions_are_written_for_every_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = Project::new().kaizen(&["completions", shell]);
        assert!(ran.stdout.contains("kaizen"), "{shell}");
    }
}
