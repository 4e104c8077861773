//! Replies that `max_tokens` cut: an error, unless `on_length: "accept"` says otherwise.

use crate::support::server::{Server, answer, finished};
use crate::support::{Project, Ran};
use expect_test::expect;
use serde_json::Value;

/// A server that cuts the answer to every question that is `cut`.
fn cutting() -> Server {
    Server::start(|_, _, body| {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let asked = body["messages"].as_array().and_then(|all| all.last()).cloned();
        let is_cut = asked.is_some_and(|last| last["content"] == "cut");
        if is_cut { finished("one, two", "length") } else { answer("all of it") }
    })
}

fn project(server: &Server, script: &str) -> Project {
    let project = Project::new();
    project.with_server(server).file("s.rhai", script);
    project
}

fn well(project: &Project, arguments: &[&str]) -> Ran {
    let ran = project.kaizen(arguments);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran
}

const CALLS: &str = r#"let b = branch();
let accept = #{ max_tokens: 4, on_length: "accept" };
print(`${b.communicate("cut", accept)} ${b.was_cut}`);
print(`${b.chat("whole", accept)} ${b.was_cut}`);
print(`${b.operate("cut", accept)} ${b.was_cut} ${b.fork().was_cut}`);
print(b.messages.len());
"#;

#[test]
fn a_cut_reply_that_is_accepted_says_that_it_was_cut() {
    let server = cutting();
    let project = project(&server, CALLS);
    let ran = well(&project, &["run", "s.rhai"]);
    assert_eq!(ran.stdout, "one, two true\nall of it false\none, two true false\n4\n");

    let cut: Vec<bool> =
        project.events("attempt_ended").iter().map(|event| event["cut"] == true).collect();
    assert_eq!(cut, [true, false, true]);
}

#[test]
fn without_it_a_cut_reply_is_an_error_and_so_is_one_under_a_schema() {
    let server = cutting();
    let script = r#"let b = branch();
let kind = |f| { let r = attempt(f); if r.ok { r.value } else { r.error.kind } };
print(kind.call(|| b.chat("cut", #{ max_tokens: 4 })));
print(kind.call(|| b.chat("cut", #{ max_tokens: 4, on_length: "fail" })));
print(kind.call(|| b.chat("cut", #{ max_tokens: 4, on_length: "accept", schema: "a: string" })));
print(kind.call(|| b.operate("cut", #{ max_tokens: 4, on_length: "accept", schema: "a: string" })));
"#;
    let ran = well(&project(&server, script), &["run", "s.rhai"]);
    assert_eq!(ran.stdout, "length\nlength\nlength\nlength\n");
}

#[test]
fn models_and_graphs_take_it_and_reports_name_the_operations() {
    let server = cutting();
    let script = r#"let short = branch("short");
let g = builder("g");
g.add_operation("communicate", #{ name: "draft", instruction: "cut", branch: short });
g.add_operation("chat", #{ name: "note", instruction: "cut", on_length: "accept", max_tokens: 4 });
g.add_operation("chat", #{ name: "whole", instruction: "all", on_length: "accept", max_tokens: 4 });
g.add_operation("chat", #{ name: "lost", instruction: "cut", max_tokens: 4 });
let s = session(branch());
s.include_branch(short);
s.on("attempt_ended", |e| if e.cut == true { print(`heard ${e.op}`) });
let r = s.flow(g, #{ allow_failures: true, max_concurrent: 1 });
print(r.cut_operations);
print(r.failed_operations);
print(r.result("draft"));
print(r.metrics.cut);
"#;
    let project = project(&server, script);
    let toml = format!(
        "[project]\nmodel = \"live\"\n[models.live]\nuse = \"openai/m\"\nbase_url = \"{url}\"\n\
         [models.short]\nuse = \"openai/m\"\nbase_url = \"{url}\"\nmax_tokens = 4\n\
         on_length = \"accept\"\n",
        url = server.url
    );
    project.file("kaizen.toml", &toml);
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stdout, "heard 0\nheard 1\n[\"draft\", \"note\"]\n[\"lost\"]\none, two\n2\n");
    assert!(ran.stderr.contains("op=draft status=ok"), "{}", ran.stderr);
    let cut: Vec<&str> = ran
        .stderr
        .lines()
        .filter(|line| line.contains(" cut=true"))
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(cut, ["op=draft", "op=note"]);

    let shown = well(&project, &["show", "@"]).stdout;
    let outcome = |name: &str| {
        let line =
            shown.lines().find(|line| line.contains(&format!(" {name} "))).unwrap_or_default();
        line.contains("completed, cut")
    };
    assert!(outcome("draft") && outcome("note") && !outcome("whole"), "{shown}");
    let one = well(&project, &["show", "@:draft"]).stdout;
    assert!(one.contains("call 1 ended, cut at `max_tokens`, 10 tokens in, 5 out"), "{one}");
}

#[test]
fn a_cut_reply_stays_one_when_it_is_resumed_replayed_reused_or_played() {
    let server = cutting();
    let project = project(&server, &format!("{CALLS}throw \"stop\";"));
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(1));
    let said = "one, two true\nall of it false\none, two true false\n4\n";

    let asked = server.bodies().len();
    let resumed = project.kaizen(&["run", "s.rhai", "--resume"]);
    assert_eq!(resumed.stdout, said);
    let reused = project.kaizen(&["run", "s.rhai", "--reuse"]);
    assert_eq!(reused.stdout, said);
    let replayed = project.kaizen(&["replay", "@"]);
    assert_eq!(replayed.code, Some(0), "{}{}", replayed.stdout, replayed.stderr);
    assert_eq!(server.bodies().len(), asked, "nothing was asked again");

    // Whoever wants whole replies is not answered by a part of one.
    project.file("s.rhai", "branch().chat(\"cut\", #{ max_tokens: 4 });");
    assert_eq!(project.kaizen(&["run", "s.rhai", "--reuse"]).code, Some(5));

    project.file(
        "t_test.rhai",
        "fn test_cut() { let b = branch(); b.chat(\"cut\", #{ max_tokens: 4, on_length: \"accept\" }); \
         assert(b.was_cut); }",
    );
    well(&project, &["test", "--record", "new"]);
    let asked = server.bodies().len();
    well(&project, &["test"]);
    assert_eq!(server.bodies().len(), asked, "the cassette answers");
}

#[test]
fn a_plan_knows_the_option_and_check_its_words() {
    let server = cutting();
    let project = project(&server, CALLS);
    let plan = well(&project, &["plan", "s.rhai", "--json"]);
    let plan: Value = serde_json::from_str(plan.stdout.lines().next().unwrap_or_default()).unwrap();
    assert_eq!(plan["calls"], 3, "{plan}");

    project.file("s.rhai", "branch().chat(\"x\", #{ on_length: \"cut\" });");
    let checked = project.kaizen(&["check", "s.rhai"]);
    expect![[r#"
        error[K0031]: option `on_length` of `chat`: must be "accept" or "fail", not "cut"
         --> s.rhai:1:34
          |
        1 | branch().chat("x", #{ on_length: "cut" });
          |                                  ^^^^^
    "#]]
    .assert_eq(&format!("{}\n", checked.stdout.trim_end()));
}

#[test]
fn a_model_without_a_limit_is_named_once() {
    let server = cutting();
    let calls = "let b = branch(); b.chat(\"one\"); b.chat(\"two\");";
    let open = project(&server, calls);
    let noted = |ran: &Ran| {
        let notes = ran.stderr.lines().filter(|line| line.starts_with("note: "));
        notes.map(str::to_owned).collect::<Vec<_>>()
    };
    let note = "note: `openai/m` has no `max_tokens`, so a reply may take minutes; set it under \
                [models.NAME] in kaizen.toml, or in the options of the call";

    for arguments in [&["run", "s.rhai"], &["plan", "s.rhai"], &["check", "s.rhai"]] {
        assert_eq!(noted(&well(&open, arguments)), [note], "{arguments:?}");
    }
    assert_eq!(noted(&well(&open, &["run", "s.rhai", "--max-tokens", "100000"])).len(), 0);

    let bounded = project(&server, "branch().chat(\"one\", #{ max_tokens: 5 });");
    assert_eq!(noted(&well(&bounded, &["run", "s.rhai"])).len(), 0);
    assert_eq!(noted(&well(&bounded, &["plan", "s.rhai"])).len(), 0);
}

#[test]
fn the_demo_model_is_cut_as_well_so_that_it_can_be_tried_offline() {
    let project = Project::new();
    let script = r#"let b = branch("demo/echo");
print(attempt(|| b.chat("Describe a lake.", #{ max_tokens: 4 })).error.kind);
print(`${b.chat("Describe a lake.", #{ max_tokens: 4, on_length: "accept" })} ${b.was_cut}`);
print(`${b.chat("Describe a lake.", #{ max_tokens: 99, on_length: "accept" })} ${b.was_cut}`);
print(attempt(|| b.operate("x", #{ max_tokens: 1, schema: "a: string", max_repairs: 0 })).error.kind);
"#;
    project.file("s.rhai", script);
    let ran = well(&project, &["run", "s.rhai"]);
    let expected = "length\n[demo] you asked true\n\
                    [demo] you asked: Describe a lake. (answer 3) false\nlength\n";
    assert_eq!(ran.stdout, expected);
}
