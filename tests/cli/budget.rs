//! Budgets: nothing is overspent, nothing that fits is refused, and what was done is kept.

use crate::support::Project;
use crate::support::server::{Act, Server, answer, json};

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
        ran.stderr.contains("error[K0120]: the limit of 3 calls (`max_calls`) is reached"),
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
    assert!(ran.stderr.contains("(`max_tokens`) are already used"), "{}", ran.stderr);
}

#[test]
fn an_unknown_price_is_refused_where_money_is_capped() {
    let server = Server::saying("x");
    let project = Project::new();
    project.with_server(&server).file("s.rhai", "branch().chat(\"x\")");
    let ran = project.kaizen(&["run", "s.rhai", "--max-cost", "5"]);
    assert_eq!((ran.code, server.bodies().len()), (Some(4), 0), "{}", ran.stderr);
    assert!(ran.stderr.contains("the price of `openai/m` is unknown"), "{}", ran.stderr);
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

#[test]
fn what_is_sent_beside_the_messages_is_in_the_worst_case() {
    let server = Server::saying("x");
    let project = project(&server);
    let long = "let t = \"x\"; t.pad(5000, \"x\"); ";
    for options in [
        "stop: t",
        "stop: [\"a\", t]",
        "schema: #{ type: \"object\", title: t }",
        "extra: #{ user: t }",
    ] {
        project.file("s.rhai", &format!("{long}branch().chat(\"q\", #{{ {options} }})"));
        let ran = project.kaizen(&["run", "s.rhai", "--max-cost", "0.15"]);
        assert_eq!((ran.code, server.bodies().len()), (Some(4), 0), "{options}: {}", ran.stderr);
        assert!(ran.stderr.contains("the next call could cost up to $5."), "{}", ran.stderr);
    }
}

#[test]
fn extra_holds_nothing_that_the_program_sends_or_bounds_itself() {
    let server = Server::saying("x");
    let said = |ran: &crate::support::Ran| ran.stderr.lines().next().unwrap_or_default().to_owned();
    let reason = "`extra` cannot contain `max_tokens`: use the setting `max_tokens`";
    let in_a_script = [
        ("branch().chat(\"q\", #{ extra: #{ max_tokens: 5000 } })", 1),
        ("branch().communicate(\"q\", #{ extra: #{ max_tokens: 5000 } })", 1),
        (
            "builder(\"g\").add_operation(\"chat\", #{ instruction: \"q\", extra: #{ max_tokens: 5000 } })",
            1,
        ),
        ("imodel(#{ provider: \"openai\", model: \"m\", extra: #{ max_tokens: 5000 } })", 3),
        (
            "branch(#{ model: #{ provider: \"demo\", model: \"echo\", extra: #{ max_tokens: 5000 } } })",
            3,
        ),
    ];
    for (script, code) in in_a_script {
        let project = project(&server);
        let ran = project.file("s.rhai", script).kaizen(&["run", "s.rhai"]);
        assert_eq!(ran.code, Some(code), "{script}: {}", ran.stderr);
        assert!(said(&ran).ends_with(reason), "{script}: {}", ran.stderr);
    }

    let project = project(&server);
    let toml = std::fs::read_to_string(project.path().join("kaizen.toml")).unwrap();
    project.file("kaizen.toml", &format!("{toml}extra = {{ max_tokens = 5000 }}\n"));
    let ran = project.file("s.rhai", "branch().chat(\"q\")").kaizen(&["run", "s.rhai"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(said(&ran).ends_with(reason), "{}", ran.stderr);
    assert_eq!(server.bodies().len(), 0);
}

#[test]
fn a_form_of_the_reply_that_the_model_has_is_not_sent_twice() {
    let server = Server::saying("{}");
    let project = project(&server);
    let toml = std::fs::read_to_string(project.path().join("kaizen.toml")).unwrap();
    let form = "extra = { response_format = { type = \"json_object\" } }\n";
    project.file("kaizen.toml", &format!("{toml}{form}"));
    project.file(
        "s.rhai",
        "let b = branch(); print(b.chat(\"q\")); b.chat(\"q\", #{ schema: #{ type: \"object\" } })",
    );
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), "{}\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains("`extra` cannot contain `response_format`"), "{}", ran.stderr);
    assert_eq!(server.bodies().len(), 1);
}

#[test]
fn an_amount_that_no_counter_holds_is_refused_wherever_it_is_given() {
    let project = Project::new();
    project.file("s.rhai", "1");
    for amount in ["nan", "inf", "-inf", "1e30", "1e400", "-1", "-0.001", "9000000001"] {
        for command in ["run", "plan", "watch"] {
            let ran = project.kaizen(&[command, "s.rhai", &format!("--max-cost={amount}")]);
            let wanted = "error: --max-cost: `budget.max_cost` must be an amount in dollars from 0 up to \
                          9000000000, not `";
            assert_eq!(ran.code, Some(3), "{command} {amount}: {}", ran.stderr);
            assert!(ran.stderr.starts_with(wanted), "{command} {amount}: {}", ran.stderr);
        }
        let ran = project.kaizen(&["watch", "s.rhai", &format!("--confirm-over={amount}")]);
        let wanted = "error: `--confirm-over` must be an amount in dollars from 0 up to 9000000000";
        assert!(ran.stderr.starts_with(wanted), "{amount}: {}", ran.stderr);
    }

    let flow = "let g = builder(\"g\"); g.add_operation(|| 1, #{ name: \"a\" }); session(branch(\"demo/echo\")).flow(g, ";
    // What a literal says is found before the run.
    for (bad, code, exit) in [
        ("max_cost: 1e30", "K0102", 1),
        ("max_cost: -1", "K0031", 3),
        ("max_cost: 0.0 / 0.0", "K0102", 1),
        ("max_cost: \"1\"", "K0031", 3),
        ("max_tokens: 1e30", "K0031", 3),
        ("max_tokens: -1", "K0031", 3),
        ("max_tokens: 0", "K0031", 3),
        ("max_calls: 0.5", "K0031", 3),
    ] {
        let script = format!("{flow}#{{ budget: #{{ {bad} }} }})");
        let ran = project.file("s.rhai", &script).kaizen(&["run", "s.rhai"]);
        let (key, _) = bad.split_once(':').unwrap();
        let wanted = format!("error[{code}]: option `{key}` of `budget`: must be ");
        assert_eq!(ran.code, Some(exit), "{bad}: {}", ran.stderr);
        assert!(ran.stderr.starts_with(&wanted), "{bad}: {}", ran.stderr);
    }
}

#[test]
fn as_many_calls_at_once_as_a_number_can_say_are_no_bound() {
    let project = Project::new();
    project.file("s.rhai", "branch(\"demo/echo\").chat(\"x\").len");
    let most = u64::MAX.to_string();
    let ran = project.kaizen(&["run", "s.rhai", "--concurrency", &most, "--max-calls", &most]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "19\n"), "{}", ran.stderr);
}

#[test]
fn a_script_sees_the_calls_that_are_under_way() {
    let server = Server::start(|_, _, _| Act::Until(3, Box::new(answer("x"))));
    let project = project(&server);
    project.file(
        "s.rhai",
        "let ask = |n| || { let seen = used(); branch().chat(`q${n}`); seen }; \
         for seen in gather([ask.call(1), ask.call(2), ask.call(3)]) { print(seen) } print(used())",
    );
    let ran = project.kaizen(&["run", "s.rhai"]);
    let seen = |calls, cost, under_way| {
        format!("#{{\"calls\": {calls}, \"cost\": {cost}, \"under_way\": {under_way}}}\n")
    };
    let expected =
        [seen(0, "0.0", 0), seen(1, "0.038", 1), seen(2, "0.076", 2), seen(3, "0.045", 0)];
    assert_eq!(ran.stdout, expected.concat(), "{}", ran.stderr);
}

#[test]
fn what_nothing_bounds_is_unknown_while_it_is_under_way() {
    let server = Server::start(|_, _, _| Act::After(50, Box::new(answer("x"))));
    let project = project(&server);
    let toml = std::fs::read_to_string(project.path().join("kaizen.toml")).unwrap();
    project.file("kaizen.toml", &toml.replace("max_tokens = 20\n", ""));
    project.file(
        "s.rhai",
        "gather([|| branch().chat(\"q\"), || print(used().cost)]); print(used().cost)",
    );
    assert_eq!(project.kaizen(&["run", "s.rhai"]).stdout, "\n0.015\n");
    // A budget bounds each reply, and so the worst case: 1, 16 and 4096 tokens.
    assert_eq!(project.kaizen(&["run", "s.rhai", "--max-cost", "9"]).stdout, "4.113\n0.015\n");
}

#[test]
fn a_script_that_looks_before_each_call_keeps_its_own_limit() {
    let server = Server::start(|_, _, _| Act::After(20, Box::new(answer("x"))));
    let project = project(&server);
    project.file(
        "s.rhai",
        "(10..30).to_array().parallel(|n| { if used().cost + 0.039 > 0.15 { throw \"enough\" } \
         branch().chat(`q${n}`) }, #{ settle: true }).filter(|r| r.ok).len",
    );
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!((ran.stdout.as_str(), server.bodies().len()), ("3\n", 3), "{}", ran.stderr);
}

#[test]
fn a_flow_within_a_flow_pays_for_what_its_calls_do_not_say() {
    // The replies do not say what they used: 2 bytes, 16 and 20 tokens are 3.8 cents.
    let server = Server::start(|_, _, _| {
        json(200, r#"{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}"#)
    });
    let project = project(&server);
    project.file(
        "s.rhai",
        r#"
        let inner = builder("inner");
        for n in 0..9 { inner.add_operation("chat", #{ name: `i${n}`, instruction: `i${n}` }); }
        let outer = builder("outer");
        outer.add_operation(|| session().flow(inner, #{ budget: #{ max_cost: 0.2 },
            allow_failures: true }).completed_operations.len, #{ name: "first" });
        outer.add_operation(|| branch().chat("i1"), #{ name: "second", depends_on: ["first"] });
        let report = session().flow(outer, #{ budget: #{ max_cost: 0.1 }, allow_failures: true });
        print(`${report.result("first")} ${report.failed_operations}`);
        "#,
    );
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(ran.stdout, "2 [\"second\"]\n", "{}", ran.stderr);
    assert_eq!(server.bodies().len(), 2);
}

#[test]
fn a_run_that_its_budget_ended_says_how_it_continues() {
    let project = Project::new();
    project.file("s.rhai", "let b = branch(\"demo/echo\"); for i in 0..5 { b.chat(`${i}`); }");
    let ran = project.kaizen(&["run", "s.rhai", "--max-calls", "2"]);
    assert_eq!(ran.code, Some(4));
    let last = ran.stderr.lines().last();
    assert_eq!(
        last,
        Some(
            "progress is saved; `kaizen run s.rhai --resume` continues, and its limits count from zero"
        )
    );
}
