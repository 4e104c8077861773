//! What is decided by what a thing is, and not by how somebody has called it.

use crate::support::Project;
use serde_json::{Value, json};

#[test]
fn a_script_whose_path_begins_like_a_comparison_is_resumed_and_replayed() {
    let project = Project::new();
    for name in ["compare s.rhai", "compare a.rhai b.rhai", "compare "] {
        project.file(name, "print(param(\"tasks\", \"none\")); branch().chat(\"hello\")");
        let ran = project.kaizen(&["run", name, "-p", "tasks=x.jsonl"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let ran = project.kaizen(&["replay"]);
        assert_eq!(ran.code, Some(0), "{name}: {}", ran.stderr);
        assert!(ran.stderr.ends_with(": same: 1 reply, no calls\n"), "{}", ran.stderr);
    }
}

#[test]
fn a_comparison_and_a_script_of_its_name_do_not_resume_each_other() {
    let project = Project::new();
    let script = "branch().chat(param(\"task\"))";
    project.file("a.rhai", script).file("b.rhai", script).file("tasks.jsonl", "\"one\"\n\"two\"\n");
    let compare = ["compare", "a.rhai", "b.rhai", "--tasks", "tasks.jsonl", "--seed", "1"];
    let ran = project.kaizen(&[&compare[..], &["--max-calls", "3"]].concat());
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    let ran = project.kaizen(&["replay"]);
    assert!(ran.stderr.contains("comparison runs cannot be replayed"), "{}", ran.stderr);

    let name = "compare a.rhai b.rhai";
    project.file(name, "branch().chat(\"hello\"); throw \"no\"");
    assert_eq!(project.kaizen(&["run", name, "--resume"]).code, Some(2));
    assert_eq!(project.kaizen(&["run", name]).code, Some(1));
    let ran = project.kaizen(&[&compare[..], &["--resume"]].concat());
    assert!(ran.stderr.contains("3 replies are reusable"), "{}", ran.stderr);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn operations_that_are_named_like_parts_of_a_list_are_none() {
    let project = Project::new();
    project.file(
        "s.rhai",
        r#"
        let g = builder("g");
        let first = g.add_operation("communicate", #{ name: "a[1]", instruction: "one" });
        g.add_operation("communicate", #{ name: "a[2]", instruction: "two", depends_on: first });
        let list = g.add_operation(|| [1, 2, 3], #{ name: "list" });
        g.expand(list, |n| #{ instruction: `part ${n}` }, #{ name: "part[x]" });
        session().flow(g);
        "#,
    );
    let planned = |project: &Project| -> Value {
        let ran = project.kaizen(&["plan", "s.rhai", "--json"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let plan: Value = serde_json::from_str(&ran.stdout).unwrap();
        let mut rows: Vec<Value> = plan["operations"].as_array().unwrap().clone();
        rows.sort_by_key(|row| row["op"].as_str().unwrap().to_owned());
        rows.iter().map(|row| json!([row["op"], row["calls"], row["after"]])).collect()
    };
    let expected = json!([["a[1]", 1, []], ["a[2]", 1, ["a[1]"]], ["part[x]", 3, ["list"]],]);
    assert_eq!(planned(&project), expected);
    assert_eq!(project.kaizen(&["run", "s.rhai", "--seed", "3"]).code, Some(0));
    assert_eq!(planned(&project), expected);
}

#[test]
fn what_is_wrong_with_a_model_is_told_apart_from_what_may_help() {
    let project = Project::new();
    project.file("kaizen.toml", "[models.\"a; b\"]\nuse = \"demo/echo\"\n");
    project.file("s.rhai", "branch(\"x; y\").chat(\"hello\")");
    let ran = project.kaizen(&["check", "s.rhai", "--json"]);
    let fault: Value = serde_json::from_str(ran.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(fault["message"], "unknown model `x; y`", "{fault}");
    assert_eq!(
        fault["help"],
        "kaizen.toml defines: a; b. For any other model, write `provider/name`, such as `openai/gpt-4o-mini`"
    );
}
