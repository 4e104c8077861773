//! The shipped scripts run offline, on the demo model, and give what they promise.

use crate::support::server::{Server, answer};
use crate::support::{Project, Ran};
use serde_json::{Value, json};
use std::path::Path;

/// Copies the shipped scripts into an empty project.
fn shipped() -> Project {
    let project = Project::new();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    for folder in ["", "data"] {
        for entry in std::fs::read_dir(shipped.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = Path::new("scripts").join(path.strip_prefix(&shipped).unwrap());
                project.file(name.to_str().unwrap(), &std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    project
}

/// Runs one of the shipped scripts in an empty project, on the demo model.
fn run(name: &str, arguments: &[&str]) -> (Project, Ran, Value) {
    let project = shipped();
    let (ran, done) = run_in(&project, name, arguments);
    (project, ran, done)
}

fn run_in(project: &Project, name: &str, arguments: &[&str]) -> (Ran, Value) {
    let script = format!("scripts/{name}.rhai");
    let ran = project.kaizen(&[&["run", &script, "--json"], arguments].concat());
    let last = ran.stdout.lines().last().unwrap_or_default();
    let done: Value = serde_json::from_str(last).unwrap_or_default();
    assert_eq!((ran.code, &done["status"]), (Some(0), &json!("ok")), "{}", ran.stderr);
    (ran, done)
}

#[test]
fn every_shipped_script_says_what_it_shows_and_what_it_costs() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let mut count = 0;
    for entry in std::fs::read_dir(shipped).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "rhai") {
            let text = std::fs::read_to_string(&path).unwrap();
            let first = text.lines().next().unwrap();
            assert!(
                first.starts_with("//! ") && first.ends_with('.'),
                "{}: {first}",
                path.display()
            );
            assert!(first.contains("call"), "{}: {first}", path.display());
            count += 1;
        }
    }
    assert_eq!(count, 11);
}

#[test]
fn metrics_are_those_of_the_flow() {
    let (_, _, done) = run("metrics", &[]);
    assert_eq!(done["value"]["completed_operations"], 3);
    assert_eq!(done["value"]["success_rate"], 1.0);
    assert_eq!(done["value"]["pattern_used"], "builder_graph");
    assert_eq!(done["metrics"]["demo_calls"], 3);
}

#[test]
fn comparison_gives_every_arm_the_same_work() {
    let (_, _, done) = run("comparison", &["-p", "rounds=2"]);
    // Three arms, two rounds, three questions and a summary each.
    assert_eq!(done["metrics"]["calls"], 3 * 2 * 4);
    let times = &done["value"]["times"];
    let time = |arm: &str| times[arm].as_f64().unwrap();
    assert!(time("asyncio_gather") < time("sequential"), "{times}");
}

#[test]
fn failures_get_the_lesson_of_their_kind() {
    let (_, _, done) = run("failures", &[]);
    let failed = done["value"].as_array().unwrap();
    let kinds: Vec<&str> =
        failed.iter().map(|f| f["error"].as_str().unwrap().split(':').next().unwrap()).collect();
    assert_eq!(kinds, ["wrong_answer", "dependent_tasks_run_in_parallel", "overkill"]);
    assert!(failed[1]["lesson"].as_str().unwrap().contains("depends_on"), "{failed:?}");
}

#[test]
fn the_optimizer_names_the_guides_patterns() {
    let (_, ran, done) = run("optimizer", &[]);
    assert!(ran.stdout.contains("Best pattern for analysis: direct"), "{}", ran.stdout);
    assert!(ran.stdout.contains("Best pattern for multi_step: builder"), "{}", ran.stdout);
    assert_eq!(done["value"]["most_used_pattern"], "builder");
}

#[test]
fn knowledge_is_there_in_the_next_run() {
    let (project, ran, done) = run("knowledge", &["--allow-write=scripts"]);
    let expected =
        json!({ "code_review": "gather", "research_workflow": "builder", "avoid_builder": false });
    assert_eq!(done["value"], expected);
    assert!(ran.stdout.contains("Nothing known yet"));
    let again = project.kaizen(&["run", "scripts/knowledge.rhai", "--allow-write=scripts"]);
    assert!(!again.stdout.contains("Nothing known yet"), "{}", again.stdout);
}

#[test]
fn sentiment_goes_through_all_sentences_with_every_pattern() {
    let (project, _, done) = run("sentiment", &[]);
    // 40 sentences: one call, one call, five votes, two steps.
    assert_eq!(done["metrics"]["calls"], 40 * (1 + 1 + 5 + 2));
    let accuracy = done["value"]["accuracy"].as_object().unwrap();
    assert_eq!(accuracy.keys().collect::<Vec<_>>(), ["decompose", "direct", "few_shot", "vote"]);
    let looked = project.kaizen(&["patterns"]);
    assert!(looked.stderr.contains("160 observations from the demo model"), "{}", looked.stderr);
}

#[test]
fn the_labelled_sentences_are_forty_and_balanced() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/data/sentiment.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let positive = rows.iter().filter(|row| row["label"] == "positive").count();
    let negative = rows.iter().filter(|row| row["label"] == "negative").count();
    assert_eq!((positive, negative), (20, 20));
    let texts: std::collections::BTreeSet<&str> =
        rows.iter().map(|row| row["text"].as_str().unwrap()).collect();
    assert_eq!(texts.len(), 40);
}

/// A model that follows examples and guesses without them: what it writes after a request.
fn follow(body: &str, labels: &[(String, String)]) -> String {
    let reviews = body.rmatches("Review: ").count();
    let text = body.rsplit("Review: ").next().unwrap_or_default();
    let label = labels.iter().find(|(known, _)| text.starts_with(known.as_str()));

    match label {
        Some(_) if body.contains("Sentiment: mixed") => "mixed".to_owned(),
        Some((_, label)) if reviews > 1 => label.clone(),
        _ => "positive".to_owned(),
    }
}

#[test]
fn a_pattern_that_is_broken_for_a_time_is_left_and_used_again() {
    let project = shipped();
    let rows = std::fs::read_to_string(project.path().join("scripts/data/sentiment.jsonl"));
    let rows = rows.unwrap();
    let labels: Vec<(String, String)> = rows
        .lines()
        .map(|line| {
            let row: Value = serde_json::from_str(line).unwrap();
            let field = |name: &str| row[name].as_str().unwrap().to_owned();
            (field("text"), field("label"))
        })
        .collect();
    let server = Server::start(move |_, _, body| answer(&follow(body, &labels)));
    project.with_server(&server);

    let arguments = ["--seed", "1", "-p", "reviews=320", "-p", "from=60", "-p", "to=120"];
    let (ran, done) = run_in(&project, "degrading", &arguments);
    let found = &done["value"];
    let executions = |what: &str| found[what]["executions"].as_u64();
    assert!(executions("left").is_some_and(|n| n <= 24), "{found}\n{}", ran.stdout);
    assert!(executions("back").is_some_and(|n| n >= 16), "{found}\n{}", ran.stdout);
}

#[test]
fn evolve_finds_the_words_that_were_missing() {
    let (_, ran, done) = run("evolve", &[]);
    assert_eq!(done["value"], true, "{}", ran.stderr);
    assert!(ran.stdout.contains("`evolved` is better than `start` by "), "{}", ran.stdout);
    assert!(ran.stdout.contains("use: Say what fits best"), "{}", ran.stdout);
    assert!(ran.stdout.contains("held out, before: 0.0 [0.0, "), "{}", ran.stdout);
    assert!(ran.stdout.contains("held out, after: 0.529 ["), "{}", ran.stdout);
}

#[test]
fn evolve_searches_under_a_schema_too() {
    for task in ["schema", "routing"] {
        let (_, ran, _) = run("evolve", &["-p", &format!("task={task}")]);
        assert!(ran.stdout.contains("12 proposals, "), "{task}: {}", ran.stdout);
        assert!(ran.stdout.contains(" calls, "), "{task}: {}", ran.stdout);
    }
}

#[test]
fn the_requests_are_sixty_and_balanced() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/data/requests.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for department in ["billing", "technical", "delivery", "jobs"] {
        assert_eq!(rows.iter().filter(|row| row["label"] == department).count(), 15);
    }
    let texts: std::collections::BTreeSet<&str> =
        rows.iter().map(|row| row["text"].as_str().unwrap()).collect();
    assert_eq!(texts.len(), 60);
}

/// The folder of the program that is tested, before all others: `kaizen mcp` is found there.
pub(crate) fn path() -> std::ffi::OsString {
    let own = Path::new(env!("CARGO_BIN_EXE_kaizen")).parent().unwrap().to_owned();
    let others = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths([own].into_iter().chain(std::env::split_paths(&others))).unwrap()
}

#[test]
fn the_agent_calls_its_tools_and_notes_what_it_found() {
    let project = Project::new();
    let kaizen = |arguments: &[&str]| {
        let mut command = project.command(arguments);
        Ran::from(command.env("PATH", path()).output().unwrap())
    };
    assert_eq!(kaizen(&["init", "--template", "agent"]).code, Some(0));
    let trusted = kaizen(&["trust"]);
    assert_eq!(trusted.code, Some(0), "{}", trusted.stderr);

    let ran = kaizen(&["run", "scripts/agent.rhai", "--json"]);
    let last = ran.stdout.lines().last().unwrap_or_default();
    let done: Value = serde_json::from_str(last).unwrap_or_default();
    assert_eq!((ran.code, &done["status"]), (Some(0), &json!("ok")), "{}", ran.stderr);
    assert_eq!(done["value"]["stopped"], "answer");
    assert_eq!(done["value"]["tool_calls"], 3);
    assert_eq!(done["value"]["notes"].as_array().unwrap().len(), 2);

    let field = |kind: &str, field: &str| -> Vec<Value> {
        project.events(kind).iter().map(|event| event[field].clone()).collect()
    };
    assert_eq!(field("tool_started", "tool"), ["add", "note", "project__list_scripts", "note"]);
    assert!(field("tool_ended", "failure").iter().all(Value::is_null));
    let listed = field("tool_ended", "result")[2].to_string();
    assert!(listed.contains("scripts/agent.rhai"), "{listed}");

    // A long note is for a person to read first.
    let long = "x".repeat(300);
    let asked = format!("question=Use note with \"{long}\".");
    let refused = kaizen(&["run", "scripts/agent.rhai", "-p", &asked]);
    assert_eq!(refused.code, Some(6), "{}", refused.stderr);
    let approved = kaizen(&["run", "--resume", "--approve=note"]);
    assert_eq!(approved.code, Some(0), "{}", approved.stderr);
}
