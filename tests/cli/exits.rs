//! Exit codes tell the cause of a failure, also when it happened in a graph.

use crate::support::server::{Act, Server, refusal};
use crate::support::{Project, Ran};
use expect_test::expect;

/// A graph of a step, and of one that needs its result.
fn graph(step: &str, end: &str) -> String {
    let instruction = if step.starts_with('"') { ", instruction: \"go\"" } else { "" };
    format!(
        "let g = builder(\"g\");\n\
         let first = g.add_operation({step}, #{{ name: \"first\"{instruction} }});\n\
         g.add_operation(|| 2, #{{ name: \"second\", depends_on: first }});\n\
         let report = session().flow(g);\n{end}"
    )
}

/// The ways in which a script ends whose result is missing.
const ENDS: [&str; 6] = [
    "report.result(\"first\")",
    "report.result(\"second\")",
    "throw report.errors.second",
    "if report.failed_operations.len() > 0 { throw \"no result\"; }",
    "report.operation_results.second.len()",
    "report.completed_operations",
];

fn codes(run: impl Fn(&str) -> Ran) -> Vec<Option<i32>> {
    ENDS.iter().map(|end| run(end).code).collect()
}

#[test]
fn the_starter_script_ends_by_its_budget_and_praises_nothing() {
    let project = Project::new();
    assert_eq!(project.kaizen(&["new", "a"]).code, Some(0));
    let script = ["-C", "a", "run", "scripts/main.rhai", "--seed", "1"];
    let ran = project.kaizen(&[&script[..], &["--max-calls", "2"]].concat());
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{}", ran.stderr);

    let ran = project.kaizen(&script);
    let first = ran.stdout.lines().next().unwrap_or_default();
    let told = first
        .strip_prefix("4 calls, ")
        .and_then(|rest| rest.strip_suffix(" times faster than one after another"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(told.is_some_and(|times| times.len() == 3), "{first}");
}

#[test]
fn a_budget_that_ends_a_graph_is_the_cause_whatever_the_script_throws_then() {
    let server = Server::saying("x");
    let project = Project::new();
    project.with_server(&server);
    let step = "|| { branch().chat(\"1\"); branch().chat(\"2\") }";
    let run = |end: &str| {
        project.file("s.rhai", &graph(step, end));
        project.kaizen(&["run", "s.rhai", "--max-calls", "1"])
    };
    assert_eq!(codes(run), [Some(4); 6]);
}

#[test]
fn a_provider_that_ends_a_graph_is_the_cause() {
    for (status, code) in [(401, 5), (404, 5), (400, 5)] {
        let server = Server::start(move |_, _, _| refusal(status, "no"));
        let project = Project::new();
        project.with_server(&server);
        let run = |end: &str| {
            project.file("s.rhai", &graph("\"communicate\"", end));
            project.kaizen(&["run", "s.rhai"])
        };
        assert_eq!(codes(run), [Some(code); 6], "{status}");
    }
}

#[test]
fn what_is_not_permitted_in_a_graph_is_the_cause() {
    for step in ["|| read_text(\"/etc/passwd\")", "|| command(\"true\", [])", "|| env(\"HOME\")"] {
        let project = Project::new();
        let run = |end: &str| {
            project.file("s.rhai", &graph(step, end));
            project.kaizen(&["run", "s.rhai"])
        };
        assert_eq!(codes(run), [Some(6); 6], "{step}");
    }
}

#[test]
fn a_cause_that_the_script_accepts_counts_only_if_it_is_thrown() {
    let accepting = |end: &str| {
        graph("|| env(\"HOME\")", end).replace("flow(g)", "flow(g, #{ allow_failures: true })")
    };
    let run = |end: &str| {
        let project = Project::new();
        project.file("s.rhai", &accepting(end));
        project.kaizen(&["run", "s.rhai"])
    };
    assert_eq!(codes(run), [Some(6), Some(6), Some(6), Some(1), Some(1), Some(0)]);
}

#[test]
fn the_cause_comes_through_expansions_flows_within_and_flows_that_stop() {
    let nested = "let inner = builder(\"i\"); inner.add_operation(|| env(\"HOME\"), #{ name: \"a\" });\n\
                  session().flow(inner).result(\"a\")";
    let scripts = [
        graph(&format!("|| {{ {nested} }}"), "report.result(\"second\")"),
        "let g = builder(\"g\"); let list = g.add_operation(|| [1, 2], #{ name: \"list\" });\n\
         g.expand(list, |n| #{ operation: || env(\"HOME\") }, #{ name: \"each\" }); session().flow(g).result(\"each\")"
            .to_owned(),
        "let g = builder(\"g\"); g.add_operation(|| env(\"HOME\"), #{ name: \"a\" });\n\
         g.add_operation(|| sleep(60000), #{ name: \"b\" });\n\
         session().flow(g, #{ on_failure: \"stop\" }).result(\"b\")"
            .to_owned(),
        "[1, 2].parallel(|n| env(\"HOME\"))".to_owned(),
        "task(|| env(\"HOME\")).wait()".to_owned(),
    ];
    for script in scripts {
        let project = Project::new();
        project.file("s.rhai", &script);
        let ran = project.kaizen(&["run", "s.rhai"]);
        assert_eq!(ran.code, Some(6), "{script}\n{}", ran.stderr);
    }
}

#[test]
fn a_fault_of_the_script_alone_is_exit_code_1() {
    let server = Server::start(|_, _, _| Act::Hang);
    let project = Project::new();
    project.with_server(&server);
    project.file("s.rhai", &graph("|| 1", "throw \"no\""));
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(1));
    project.file("s.rhai", &graph("|| 1 / 0", "1"));
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(1));
}

/// Inputs of a session end it as a run of the same code would end.
#[test]
fn a_session_without_a_terminal_ends_as_a_run_would() {
    let server = Server::start(|_, _, _| refusal(401, "no"));
    let graph = graph("|| env(\"HOME\")", "report.completed_operations");
    for (code, options, expected) in [
        ("read_text(\"/etc/passwd\")", &[][..], 6),
        ("command(\"true\", [])", &["--deny-run"], 6),
        ("task(|| env(\"HOME\")).wait()", &[], 6),
        (graph.as_str(), &[], 6),
        (
            "branch(\"demo/echo\").chat(\"1\"); branch(\"demo/echo\").chat(\"2\")",
            &["--max-calls", "1"],
            4,
        ),
        ("branch().chat(\"x\")", &[], 5),
        ("1 / 0", &[], 1),
        ("throw \"no\"", &[], 1),
        ("let x = ;", &[], 3),
        ("no_such_word()", &[], 3),
        ("try { env(\"HOME\") } catch { } 1", &[], 0),
    ] {
        let project = Project::new();
        project.with_server(&server).file("s.rhai", code);
        let options = [&["--no-prompt"][..], options].concat();
        let eval = project.kaizen(&[&["repl", "--eval", code][..], &options].concat());
        let run = project.kaizen(&[&["run", "s.rhai"][..], &options].concat());
        let codes = (eval.code, run.code);
        assert_eq!(
            codes,
            (Some(expected), Some(expected)),
            "{code}\n{}{}",
            eval.stderr,
            run.stderr
        );
        project.file("in.txt", &format!("let a = 1;\n{code}\n"));
        let mut command = project.command(&[&["repl"][..], &options].concat());
        command.stdin(std::fs::File::open(project.path().join("in.txt")).unwrap());
        let piped = Ran::from(command.output().unwrap());
        assert_eq!(piped.code, Some(expected), "{code}\n{}", piped.stderr);
    }
}

/// Exit code 3 says that nothing was spent. The model of the project has a price, OpenAI's has no key, and the name of
/// `late` is none.
#[test]
fn a_model_that_cannot_be_used_is_exit_code_3_only_where_nothing_was_spent() {
    let server = Server::saying("x");
    let config = format!(
        "[project]\nmodel = \"live\"\n[models.live]\nuse = \"openai/m\"\nbase_url = \"{}\"\n\
         price = {{ input = 1.0, output = 4.0 }}\nmax_tokens = 9\n",
        server.url
    );
    let late = "branch([\"late\"][0])";
    let ends = [
        ("no key", "branch([\"openai/gpt-4o\"][0]).chat(\"y\")".to_owned()),
        ("no model", format!("{late}.chat(\"y\")")),
        (
            "no key in a graph",
            graph("|| branch(\"openai/gpt-4o\").chat(\"y\")", "report.result(\"first\")"),
        ),
        ("no model in a graph", graph(&format!("|| {late}.chat(\"y\")"), "1")),
    ];

    let mut told = String::new();
    for (what, end) in &ends {
        let befores = [
            "",
            "branch(\"demo/echo\").chat(\"x\");",
            "branch().chat(\"x\");",
            "attempt(|| branch().chat(\"x\"));",
        ];
        let codes = befores.map(|before| {
            let project = Project::new();
            project.file("kaizen.toml", &config).file("s.rhai", &format!("{before}\n{end}"));
            let planned = project.kaizen(&["plan", "s.rhai"]).code;
            let evaluated = project.kaizen(&["repl", "--eval", &format!("{before}\n{end}")]).code;
            let ran = project.kaizen(&["run", "s.rhai"]).code;
            assert_eq!(evaluated, ran, "{what} after `{before}`");
            [planned, ran].map(|code| code.unwrap_or(-1))
        });
        told += &format!("{what}: {codes:?}\n");
    }

    expect![[r#"
        no key: [[0, 3], [0, 3], [0, 1], [0, 1]]
        no model: [[3, 3], [3, 3], [1, 1], [1, 1]]
        no key in a graph: [[0, 3], [0, 3], [0, 1], [0, 1]]
        no model in a graph: [[3, 3], [3, 3], [1, 1], [1, 1]]
    "#]]
    .assert_eq(&told);
}

/// A model that is named literally and certainly asked is looked at before the first call.
#[test]
fn a_model_without_a_key_is_found_before_a_call_is_paid() {
    let server = Server::saying("x");
    let ask = "branch(\"openai/gpt-4o\").chat(\"y\");";
    let scripts = [
        format!("branch().chat(\"x\"); {ask}"),
        "let b = branch(#{ model: \"openai/gpt-4o\" }); branch().chat(\"x\"); b.communicate(\"y\").len;".to_owned(),
        "branch().chat(\"x\"); vote(\"openai/gpt-4o\", \"q\", #{ n: 3 });".to_owned(),
        "let m = imodel(\"openai/gpt-4o\"); branch().chat(\"x\"); vote(m, \"q\", #{ n: 3 });".to_owned(),
        format!("if is_main {{ branch().chat(\"x\"); {ask} }}"),
        // It may never come to it, or goes on without it.
        format!("if branch().chat(\"x\") == \"no\" {{ {ask} }}"),
        format!("branch().chat(\"x\"); attempt(|| {ask} 1);").replace("; 1)", ")"),
        format!("branch().chat(\"x\"); try {{ {ask} }} catch {{ }}"),
        format!("if branch().chat(\"x\") == \"x\" {{ return; }} {ask}"),
        "let b = branch(\"openai/gpt-4o\"); b = branch(); branch().chat(\"x\"); b.chat(\"y\");".to_owned(),
        "fn chat(b, q) { q } branch().communicate(\"x\"); chat(branch(\"openai/gpt-4o\"), \"y\");".to_owned(),
    ];

    let mut told = String::new();
    for script in scripts {
        let project = Project::new();
        project.with_server(&server).file("s.rhai", &script);
        let before = server.bodies().len();
        let ran = project.kaizen(&["run", "s.rhai"]);
        let calls = server.bodies().len() - before;
        let first = ran.stderr.lines().find(|line| line.starts_with("error")).unwrap_or("-");
        told += &format!("{script}\n    {:?}, {calls} paid: {first}\n", ran.code);
    }
    expect![[r#"
        branch().chat("x"); branch("openai/gpt-4o").chat("y");
            Some(3), 0 paid: error[K0105]: no key for `openai`: set OPENAI_API_KEY, or `key = "env:NAME"` for the model in kaizen.toml
        let b = branch(#{ model: "openai/gpt-4o" }); branch().chat("x"); b.communicate("y").len;
            Some(3), 0 paid: error[K0105]: no key for `openai`: set OPENAI_API_KEY, or `key = "env:NAME"` for the model in kaizen.toml
        branch().chat("x"); vote("openai/gpt-4o", "q", #{ n: 3 });
            Some(3), 0 paid: error[K0105]: no key for `openai`: set OPENAI_API_KEY, or `key = "env:NAME"` for the model in kaizen.toml
        let m = imodel("openai/gpt-4o"); branch().chat("x"); vote(m, "q", #{ n: 3 });
            Some(3), 0 paid: error[K0105]: no key for `openai`: set OPENAI_API_KEY, or `key = "env:NAME"` for the model in kaizen.toml
        if is_main { branch().chat("x"); branch("openai/gpt-4o").chat("y"); }
            Some(3), 0 paid: error[K0105]: no key for `openai`: set OPENAI_API_KEY, or `key = "env:NAME"` for the model in kaizen.toml
        if branch().chat("x") == "no" { branch("openai/gpt-4o").chat("y"); }
            Some(0), 1 paid: -
        branch().chat("x"); attempt(|| branch("openai/gpt-4o").chat("y"));
            Some(0), 1 paid: -
        branch().chat("x"); try { branch("openai/gpt-4o").chat("y"); } catch { }
            Some(0), 1 paid: -
        if branch().chat("x") == "x" { return; } branch("openai/gpt-4o").chat("y");
            Some(0), 1 paid: -
        let b = branch("openai/gpt-4o"); b = branch(); branch().chat("x"); b.chat("y");
            Some(0), 2 paid: -
        fn chat(b, q) { q } branch().communicate("x"); chat(branch("openai/gpt-4o"), "y");
            Some(0), 1 paid: -
    "#]].assert_eq(&told);
}
