//! Budgets: nothing is overspent, nothing that fits is refused, and what was done is kept.

use crate::support::Project;
use crate::support::server::{Act, Server, answer};

/// A project whose model has a price, a dollar for a thousand tokens, and replies of 5 tokens.
fn project(server: &Server) -> Project {
    let project = Project::new();
    project.file(
        "kaizen.toml",
        &format!(
            "[project]\nmodel = \"live\"\n[models.live]\nuse = \"openai/m\"\nbase_url = \"{}\"\n\
             max_tokens = 20\nprice = {{ input = 1.0, output = 1.0, per = \"1k\" }}\n",
            server.url
        ),
    );
    project
}

const MANY: &str = "(0..20).to_array().parallel(|n| branch().chat(`q${n}`), #{ settle: true })\
                    .filter(|r| r.ok).len";

#[test]
fn money_is_capped_before_the_call() {
    let server = Server::start(|_, _, _| Act::After(20, Box::new(answer("x"))));
    let project = project(&server);
    project.file("s.rhai", MANY);
    // A call takes 15 tokens, 1.5 cents, and 38 or 39 tokens at worst: 8 calls cost 12 cents, and a
    // ninth could cost 3.8 more.
    let ran = project.kaizen(&["run", "s.rhai", "--max-cost", "0.15"]);
    assert_eq!(server.bodies().len(), 8, "{}", ran.stderr);
    assert_eq!(ran.stdout, "8\n");
    let ran = project.kaizen(&["run", "s.rhai", "--max-cost", "0.01"]);
    assert_eq!((ran.stdout.as_str(), server.bodies().len()), ("0\n", 8), "{}", ran.stderr);
}

#[test]
fn a_run_stopped_by_its_budget_goes_on_with_more() {
    let server = Server::saying("x");
    let project = project(&server);
    project.file("s.rhai", "let b = branch(); for n in 0..5 { print(b.chat(`q${n}`)); }");
    let ran = project.kaizen(&["run", "s.rhai", "--max-calls", "3"]);
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("error[K0120]: all 3 calls (`max_calls`) are made"),
        "{}",
        ran.stderr
    );
    let ran = project.kaizen(&["run", "--resume", "--max-calls", "2"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("calls=2") && ran.stderr.contains("reused=3"), "{}", ran.stderr);
    assert_eq!(server.bodies().len(), 5);
}

#[test]
fn operations_that_the_budget_refuses_fail_and_say_so() {
    let server = Server::saying("x");
    let project = project(&server);
    project.file(
        "s.rhai",
        "let g = builder(\"g\"); for n in 0..4 { g.add_operation(\"communicate\", #{ instruction: `q${n}` }); }\n\
         session().flow(g).metrics.failed_operations",
    );
    let ran = project.kaizen(&["run", "s.rhai", "--max-tokens", "60"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), "2\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains("(`max_tokens`) are used"), "{}", ran.stderr);
}

#[test]
fn an_unknown_price_is_refused_where_money_is_capped() {
    let server = Server::saying("x");
    let project = Project::new();
    project.with_server(&server).file("s.rhai", "branch().chat(\"x\")");
    let ran = project.kaizen(&["run", "s.rhai", "--max-cost", "5"]);
    assert_eq!((ran.code, server.bodies().len()), (Some(4), 0), "{}", ran.stderr);
    assert!(ran.stderr.contains("the price of `openai/m` is not known"), "{}", ran.stderr);
}

#[test]
fn a_reply_without_a_bound_gets_one_when_tokens_are_capped() {
    let server = Server::saying("x");
    let project = Project::new();
    project.with_server(&server).file("s.rhai", "branch().chat(\"x\")");
    assert_eq!(project.kaizen(&["run", "s.rhai", "--max-tokens", "9000"]).code, Some(0));
    assert!(server.bodies()[0].contains("\"max_tokens\":4096"), "{:?}", server.bodies());
}

#[test]
fn time_is_capped_for_scripts_that_wait_and_for_those_that_compute() {
    for script in ["sleep(60000);", "loop {}"] {
        let project = Project::new();
        project.file("s.rhai", script);
        let ran = project.kaizen(&["run", "s.rhai", "--max-time", "300ms"]);
        assert_eq!(ran.code, Some(4), "{script}: {}", ran.stderr);
        assert!(ran.stderr.contains("`max_time`"), "{script}: {}", ran.stderr);
    }
    let ran = Project::new().file("s.rhai", "1").kaizen(&["run", "s.rhai", "--max-time", "soon"]);
    assert_eq!(ran.code, Some(3));
    assert!(
        ran.stderr.contains("--max-time: `budget.max_time` must be a time such as"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_project_sets_a_budget_for_every_run() {
    let project = Project::new();
    project.file("kaizen.toml", "[budget]\nmax_calls = 1\n");
    project.file("s.rhai", "let b = branch(); b.chat(\"1\"); b.chat(\"2\")");
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(4));
    assert_eq!(project.kaizen(&["run", "s.rhai", "--max-calls", "2"]).code, Some(0));
    project.file("kaizen.toml", "[budget]\nmax_cots = 1\n");
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert!(ran.stderr.contains("did you mean `budget.max_cost`?"), "{}", ran.stderr);
}

#[test]
fn a_flow_keeps_its_part_of_the_budget_with_everything_in_it() {
    let server = Server::saying("x");
    let project = project(&server);
    project.file(
        "s.rhai",
        r#"
        let ask = |n| branch().chat(`q${n}`);
        let inner = builder("inner");
        for n in 0..4 { inner.add_operation("chat", #{ name: `i${n}`, instruction: `i${n}` }); }
        let outer = builder("outer");
        outer.add_operation(|| session().flow(inner).completed_operations.len,
            #{ name: "nested" });
        let report = session().flow(outer,
            #{ budget: #{ max_calls: 3, max_cost: 1 }, max_concurrent: 1, allow_failures: true });
        print(report.result("nested"));
        // What the flow may not use is there for others.
        print(branch().chat("after"));
        "#,
    );
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(ran.stdout, "3\nx\n", "{}", ran.stderr);
    assert_eq!(server.bodies().len(), 4);
    // A part is never more than the whole.
    let ran = project.kaizen(&["run", "s.rhai", "--max-calls", "2"]);
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert!(ran.stdout.starts_with("2\n"), "{}", ran.stdout);
    let wrong = "let g = builder(`g`); g.add_operation(|| 1, #{ name: `a` });
        session().flow(g, #{ budget: #{ max_cots: 1 } })";
    let ran = project.file("s.rhai", wrong).kaizen(&["run", "s.rhai"]);
    assert!(ran.stderr.contains("did you mean `max_cost`?"), "{}", ran.stderr);
}
