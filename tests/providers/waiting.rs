//! Calls whose requests wait before they leave: for another call that finds out how the limit is named, for the
//! model's own limits, for a connection. Until then nothing was made, charged or late.

use crate::support::Project;
use crate::support::server::{Act, Server, answer};
use expect_test::expect;
use kaizen::model::Model;
use kaizen::model::message::{Message, Role};
use kaizen::model::registry::Models;
use kaizen::model::request::{Request, Settings};
use kaizen::model::spec::ModelSpec;
use kaizen::model::transport::TextWatch;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const MOMENT: Duration = Duration::from_millis(60);

fn model_at(url: &str) -> Model {
    let mut spec = ModelSpec::new("openai", "m");
    spec.base_url = Some(url.to_owned());
    Models::new(BTreeMap::new(), None, 1, |_| None).resolve_spec(&spec).unwrap()
}

fn request(text: &str, timeout_ms: Option<u64>) -> Request {
    let settings = Settings { max_tokens: Some(9), timeout_ms, ..Settings::default() };
    Request::new(vec![Message::new(Role::User, text)], settings, None)
}

/// A server that answers everything at once, except for what is long.
fn holding() -> (Server, Arc<AtomicBool>) {
    let goes_on = Arc::new(AtomicBool::new(false));
    let held = goes_on.clone();
    let server = Server::start(move |_, _, body| {
        if body.contains("long") {
            Act::Held(held.clone(), Box::new(answer("long")))
        } else {
            answer("yes")
        }
    });
    (server, goes_on)
}

#[tokio::test]
async fn a_time_limit_begins_when_the_request_leaves() {
    let (server, goes_on) = holding();
    let model = model_at(&server.url);
    let long = request("long", None);
    let short = request("short", Some(100));

    let first = async {
        let called = model.call(&long).await;
        called.result
    };
    let second = async {
        // Longer than its limit, it waits until the first one is sure to have the right name.
        while server.bodies().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let called = model.call(&short).await;
        goes_on.store(true, Ordering::SeqCst);
        called.result
    };

    let both = futures::future::join(first, second).await;
    assert_eq!(both, (Ok("long".into()), Ok("yes".into())));
}

#[tokio::test]
async fn a_call_begins_when_its_request_leaves() {
    let (server, goes_on) = holding();
    let model = model_at(&server.url);
    let (first, second) = (Cell::new(false), Cell::new(false));
    let watch = TextWatch::default();
    let long = request("long", None);

    {
        let mut one = Box::pin(model.call_noting(&long, &first, &watch));
        while server.bodies().is_empty() {
            assert!(tokio::time::timeout(Duration::from_millis(1), &mut one).await.is_err());
        }
        let waits = tokio::time::timeout(MOMENT, model.call_noting(&long, &second, &watch));
        assert!(waits.await.is_err());
    }
    assert_eq!((first.get(), second.get(), server.bodies().len()), (true, false, 1));
    goes_on.store(true, Ordering::SeqCst);
}

#[tokio::test]
async fn a_call_without_a_connection_was_not_made() {
    // It accepts connections and never answers, so no secure connection comes about.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let model = model_at(&format!("https://{}", listener.local_addr().unwrap()));
    let begun = Cell::new(false);
    let watch = TextWatch::default();
    let hasty = request("x", Some(50));

    let called = model.call_noting(&hasty, &begun, &watch).await;
    let error = called.result.unwrap_err();
    assert!(error.to_string().ends_with(": none came about within 50 ms"), "{error}");
    assert!(!begun.get());
}

/// Runs a script against a server that takes long for some requests. Returns what the script printed, what was
/// said of calls at the end, and the requests.
fn run(settings: &str, script: &str, arguments: &[&str]) -> (Project, String) {
    let server = Server::start(|_, _, body| {
        let act = Box::new(answer("yes"));
        Act::After(if body.contains("long") { 1500 } else { 50 }, act)
    });
    let project = Project::new();
    let toml = format!(
        "[project]\nmodel = \"live\"\n[models.live]\nuse = \"openai/m\"\nbase_url = \"{}\"\n\
         max_tokens = 20\nattempts_max = 1\nprice = {{ input = 1, output = 1, per = \"1k\" }}\n{settings}",
        server.url
    );
    project.file("kaizen.toml", &toml).file("s.rhai", script);

    let mut all = vec!["run", "s.rhai", "--progress", "none"];
    all.extend(arguments);
    let ran = project.kaizen(&all);
    let mut told = ran.stdout.clone();
    let call_count = &project.runs()[0]["calls"];
    write!(told, "calls: {call_count}, requests: {}", server.bodies().len()).unwrap();
    (project, told)
}

const RIVALS: &str = r#"
    let g = builder("g");
    g.add_operation("chat", #{ name: "l", instruction: "long" });
    for i in 0..3 { g.add_operation("chat", #{ name: "b" + i, instruction: "b" + i, timeout_ms: 800 }); }
    let r = session(branch()).flow(g, #{ allow_failures: true });
    print([r.completed_operations.len(), r.metrics.calls, used().calls]);
"#;

#[test]
fn the_first_call_of_a_process_holds_no_other_up() {
    let (_, told) = run("", RIVALS, &[]);
    expect![[r#"
        [4, 4, 4]
        calls: 4, requests: 4"#]]
    .assert_eq(&told);

    let script = r#"print(race([|| branch().chat("long"), || { branch().chat("b"); "b" }]));"#;
    let (_, told) = run("", script, &[]);
    expect![[r#"
        b
        calls: 2, requests: 2"#]]
    .assert_eq(&told);

    let script = r#"
        let all = gather([|| branch().chat("long"), || branch().chat("b", #{ timeout_ms: 800 }),
                          || branch().chat("c", #{ timeout_ms: 800 })], #{ settle: true });
        print(all.map(|one| one.ok));"#;
    let (_, told) = run("", script, &["--max-calls", "3"]);
    expect![[r#"
        [true, true, true]
        calls: 3, requests: 3"#]]
    .assert_eq(&told);
}

#[test]
fn what_is_given_up_before_it_leaves_is_no_call() {
    let mut all = String::new();
    let known = "max_tokens_field = \"max_tokens\"\n";
    for settings in ["max_concurrent = 1\n", "requests_per_minute = 20\n"] {
        let (project, told) = run(&format!("{known}{settings}"), RIVALS, &[]);
        let listed = project.kaizen(&["sql", "select calls, unknown_costs from v_runs"]).stdout;
        let rows = project.kaizen(&["sql", "select count(*) from v_calls"]).stdout;
        let shown = project.kaizen(&["show", "@"]).stdout;
        let sums = shown.lines().last().unwrap_or_default();
        let shown = project.kaizen(&["show", "@:b0"]).stdout;
        let of_call = shown.lines().filter_map(|line| Some(line.split_once("  ")?.1));
        let of_call: Vec<&str> = of_call.filter(|line| line.starts_with("call ")).collect();
        write!(all, "{settings}{told}\n{listed}{rows}{sums}\n{}\n", of_call.join("\n")).unwrap();
    }
    expect![[r#"
        max_concurrent = 1
        [1, 1, 1]
        calls: 1, requests: 1
        calls,unknown_costs
        1,0
        count(*)
        1
        success rate 0.25, 1 call (0 retries), 10 tokens in, 5 out, cost $0.015
        call 1 to openai/m, 0 messages before it
        call 1 was cancelled before it was made
        requests_per_minute = 20
        [1, 1, 1]
        calls: 1, requests: 1
        calls,unknown_costs
        1,0
        count(*)
        1
        success rate 0.25, 1 call (0 retries), 10 tokens in, 5 out, cost $0.015
        call 1 to openai/m, 0 messages before it
        call 1 was cancelled before it was made
    "#]]
    .assert_eq(&all);

    // Nor does it use up a budget.
    let script = r#"print(race([|| branch().chat("a"), || "fast"])); print(used());
        branch().chat("b"); print(used());"#;
    let (_, told) = run("", script, &["--max-calls", "1"]);
    expect![[r#"
        fast
        #{"calls": 0, "cost": 0.0, "under_way": 0}
        #{"calls": 1, "cost": 0.015, "under_way": 0}
        calls: 1, requests: 1"#]]
    .assert_eq(&told);
}
