//! `kaizen plan`: what a run would ask and cost, without asking, writing or keeping anything.

use crate::support::Project;
use crate::support::server::{Server, answer};
use serde_json::Value;

const SCRIPT: &str = r#"
let s = session();
let g = builder("g");
let a = g.add_operation("communicate", #{ name: "a", instruction: "first question" });
let b = g.add_operation("communicate", #{ name: "b", instruction: param("b", "second") });
g.add_aggregation("communicate", #{ name: "c", source_node_ids: [a, b], instruction: "sum up" });
let report = s.flow(g);
write_text("out.txt", report.result("c"));
knowledge("learned.json").save_pattern_success("t", "p", #{ execution_time: 1.0 });
optimizer().record_execution("t", "p", report.metrics);
print("seen");
"#;

fn plan(project: &Project, arguments: &[&str]) -> Value {
    let ran = project.kaizen(&[&["plan", "s.rhai", "--json"], arguments].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("one object: {}", ran.stdout))
}

/// Returns the names of all files of a project.
fn files(project: &Project) -> Vec<String> {
    let entries = std::fs::read_dir(project.path()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_plan_asks_nothing_and_leaves_nothing() {
    let (project, server) = (Project::new(), Server::saying("x"));
    project.with_server(&server).file("s.rhai", SCRIPT);
    let planned = plan(&project, &[]);
    assert_eq!((&planned["calls"], &planned["reused"]), (&3.into(), &0.into()));
    assert_eq!(planned["operations"][2]["after"], serde_json::json!(["a", "b"]));
    assert_eq!(planned["operations"][0]["rough"], true);
    assert_eq!(server.bodies().len(), 0);
    assert_eq!(files(&project), ["kaizen.toml", "s.rhai"]);
    let dry = project.kaizen(&["run", "s.rhai", "--dry-run", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&dry.stdout).unwrap(), planned);
}

#[test]
fn earlier_runs_tell_what_is_reused_and_what_the_rest_takes() {
    let project = Project::new();
    let server = Server::start(|_, _, body| answer(&format!("answer to {}", body.len())));
    project.with_server(&server).file("s.rhai", SCRIPT);
    let ran = project.kaizen(&["run", "s.rhai", "--seed", "7", "--allow-write"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let runs = project.kaizen(&["runs", "--json"]).stdout;
    assert_eq!(plan(&project, &[])["reused"], 3);
    // A changed prompt changes what depends on it.
    let planned = plan(&project, &["-p", "b=another"]);
    assert_eq!((&planned["calls"], &planned["reused"]), (&2.into(), &1.into()));
    assert_eq!(planned["operations"][1]["tokens_out"]["p50"], 5.0);
    assert_eq!(planned["operations"][1]["rough"], false);
    assert_eq!(planned["earlier_runs"], 1);
    assert_eq!(project.kaizen(&["runs", "--json"]).stdout, runs, "plans are no runs");
    assert_eq!(server.bodies().len(), 3);
}

#[test]
fn a_plan_that_never_ends_is_cut_and_says_so() {
    let project = Project::new();
    project.file("s.rhai", "let b = branch(); loop { if b.chat(\"done?\") == \"yes\" { break; } }");
    let planned = plan(&project, &[]);
    let why = planned["ended_early"].as_str().unwrap();
    assert!(why.contains("goes on for more than"), "{why}");
    assert!(planned["calls"].as_u64().unwrap() > 1);
}

#[test]
fn a_plan_of_an_unsound_script_names_the_fault() {
    let project = Project::new();
    project.file("s.rhai", "prnt(1)");
    let ran = project.kaizen(&["plan", "s.rhai"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("K0003"), "{}", ran.stderr);
}
