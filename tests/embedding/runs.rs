//! Runs: their values, events, ends and limits.

use super::{value_of, with_script};
use kaizen::{Budget, Error, Event, Permissions, Run, Runtime};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// Returns the status of each run in the store of a project, the newest first.
fn statuses(project: &Path) -> Vec<String> {
    let store = kaizen::store::open_to_read(&project.join(".kaizen/kaizen.db")).unwrap();
    let runs = kaizen::journal::history::runs(&store, 1000).unwrap();
    let status = |run: kaizen::journal::history::RunRow| {
        run.status.map_or("none".to_owned(), |status| status.to_string())
    };
    runs.into_iter().map(status).collect()
}

#[test]
fn handles_can_be_shared_and_sent() {
    fn is_shared<T: Send + Sync + 'static>() {}
    is_shared::<Runtime>();
    is_shared::<Run>();
    is_shared::<Error>();
    is_shared::<Event>();
    is_shared::<kaizen::RunBuilder>();
    is_shared::<kaizen::RuntimeBuilder>();
}

#[tokio::test]
async fn a_script_gets_parameters_and_returns_a_type() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Sum {
        sum: i64,
        names: Vec<String>,
    }

    let kaizen = with_script(r#"#{ sum: param("n", 0) + 1, names: param("names", []) }"#);
    let run = kaizen.build().unwrap().run("main.rhai").param("n", 41).param("names", ["a", "b"]);
    let done = run.start().finish::<Sum>().await.unwrap();

    let names = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(done.value, Sum { sum: 42, names });
    assert_eq!((done.calls, done.tokens, done.cost), (0, Some(0), Some(0.0)));
}

#[tokio::test]
async fn events_tell_a_run_from_start_to_end() {
    let text = r#"print("hello"); branch().communicate("Ask."); 7"#;
    let mut run = with_script(text).build().unwrap().run("main.rhai").start();

    let mut kinds = Vec::new();
    let mut last = None;
    while let Some(event) = run.events().next().await {
        let event = serde_json::to_value(&event).unwrap();
        let kind = event["kind"].as_str().unwrap().to_owned();
        // How a request is kept is the journal's own business.
        if kind != "other" {
            kinds.push(kind);
        }
        last = Some(event);
    }

    assert_eq!(
        kinds,
        [
            "started",
            "printed",
            "operation_started",
            "call_started",
            "call_ended",
            "operation_ended",
            "ended"
        ]
    );
    let ended = json!({ "kind": "ended", "status": "ok", "value": 7, "error": null });
    assert_eq!(last, Some(ended));
    assert_eq!(run.finish::<i64>().await.unwrap().value, 7);
}

#[tokio::test]
async fn each_way_to_fail_has_its_own_error() {
    let refused = value_of(with_script("let x = 1;\nnow(x").permissions(Permissions::none())).await;
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");

    let unknown = value_of(with_script("nothing_like_this()")).await;
    let Err(Error::Refused { problems }) = unknown else { panic!("{unknown:?}") };
    assert!(problems[0].starts_with("main.rhai:1:1: "), "{problems:?}");

    let thrown = value_of(with_script(r#"throw "no""#)).await;
    let Err(Error::Failed { kind, message, .. }) = thrown else { panic!("{thrown:?}") };
    assert_eq!((kind.as_str(), message.as_str()), ("thrown", "no"));

    let builder = with_script(r#"branch().communicate("a"); branch().communicate("b")"#);
    let spent = value_of(builder.budget(Budget::unlimited().calls(1))).await;
    let Err(Error::Failed { kind, .. }) = spent else { panic!("{spent:?}") };
    assert_eq!(kind, "budget");

    let run = with_script("\"text\"").build().unwrap().run("main.rhai").start();
    let wrong = run.finish::<i64>().await;
    assert!(matches!(wrong, Err(Error::Value { .. })), "{wrong:?}");

    let missing = with_script("1").build().unwrap().run("other.rhai").start();
    let missing = missing.finish::<Value>().await;
    assert!(matches!(missing, Err(Error::Refused { .. })), "{missing:?}");
}

#[test]
fn a_runtime_that_cannot_be_is_refused_with_what_to_do() {
    let fault = |builder: kaizen::RuntimeBuilder| builder.build().unwrap_err().to_string();
    let memory = || Runtime::builder().in_memory();
    let ok = || async { Ok::<_, String>(1) };

    assert_eq!(
        [
            fault(Runtime::builder()),
            fault(memory().threads(0)),
            fault(memory().model("m", "nobody")),
            fault(memory().default_model("m/x")),
            fault(memory().budget(Budget::max_cost(-1.0))),
            fault(memory().budget(Budget::unlimited().calls(0))),
            fault(memory().permissions(Permissions::none().net("a b"))),
            fault(memory().function("a-b", "", ok)),
            fault(memory().function("now", "", ok)),
            fault(memory().function("f", "", ok).function("f", "", ok)),
            fault(memory().tool("t", json!({}), |_: Value| async { Ok::<_, String>(1) })),
        ]
        .map(|fault| fault.lines().next().unwrap_or_default().to_owned()),
        [
            "the runtime has no store: call `project(folder)` or `in_memory()`",
            "`threads` must be from 1 to 64, not 0",
            "model `m`: `nobody` does not name a provider; write `provider/name`, such as `openai/gpt-4o-mini`",
            "unknown provider `m`; available: openai, anthropic, gemini, ollama, demo. A server that speaks OpenAI's \
             protocol is `openai` with a `base_url`",
            "the maximum cost must be an amount in dollars from 0 up to 9000000000, not `-1`",
            "a maximum of tokens or calls must be at least 1",
            "permission `net` of `a b`: it must be a host such as `example.com` or `example.com:8080`",
            "invalid name `a-b` of a function: use letters, digits and `_`",
            "scripts already have a function `now`; choose another name",
            "two functions are named `f`; give each its own name",
            "tool `t` has no description; add `description` to its schema, in a sentence for the model",
        ]
    );
}

#[tokio::test]
async fn a_run_that_is_dropped_is_cancelled_and_the_journal_says_so() {
    let project = tempfile::tempdir().unwrap();
    let slow = json!({ "use": "demo/echo", "latency_ms": 600_000 });
    let kaizen = Runtime::builder()
        .project(project.path())
        .model("slow", slow)
        .script("waits.rhai", r#"branch().communicate("Ask.")"#)
        .script("sleeps.rhai", "sleep(600000)")
        .script("computes.rhai", "let n = 0; loop { n += 1; }");
    let kaizen = kaizen.build().unwrap();

    for script in ["waits.rhai", "sleeps.rhai", "computes.rhai"] {
        let mut run = kaizen.run(script).start();
        assert!(matches!(run.events().next().await, Some(Event::Started { .. })));
        drop(run);
    }
    let run = kaizen.run("sleeps.rhai").start();
    run.cancel();
    assert!(matches!(run.finish::<Value>().await, Err(Error::Cancelled { .. })));

    kaizen.close().await;
    assert_eq!(statuses(project.path()), ["interrupted"; 4]);
    let closed = kaizen.run("sleeps.rhai").start().finish::<Value>().await;
    assert!(matches!(closed, Err(Error::Closed)), "{closed:?}");
}

#[tokio::test]
async fn a_script_that_computes_does_not_block_its_caller_and_ends_in_time() {
    let builder = with_script("let n = 0; loop { n += 1; }");
    let budget = Budget::unlimited().time(Duration::from_millis(50));
    let run = builder.budget(budget).build().unwrap().run("main.rhai").start();

    // This test has one thread, which would never come here if the script ran on it.
    tokio::task::yield_now().await;
    assert!(matches!(run.finish::<Value>().await, Err(Error::Cancelled { .. })));
}

#[tokio::test]
async fn scripts_touch_only_what_was_granted() {
    let project = tempfile::tempdir().unwrap();
    let folder = project.path();
    std::fs::create_dir(folder.join("data")).unwrap();
    std::fs::write(folder.join("data/a.txt"), "granted").unwrap();
    std::fs::write(folder.join("b.txt"), "not granted").unwrap();
    std::fs::write(folder.join("lib.rhai"), "fn one() { 1 }").unwrap();
    let text = r#"
        import "lib" as lib;
        fn kind(f) { attempt(f).error?.kind }
        [read_text("data/a.txt"), lib::one(), kind(|| read_text("b.txt")), kind(|| write_text("c.txt", "")),
            kind(|| command("true", [])), kind(|| env("HOME")), env("GIVEN")]
    "#;
    std::fs::write(folder.join("main.rhai"), text).unwrap();

    let permissions = Permissions::none().read("data").env("GIVEN");
    let kaizen = Runtime::builder()
        .project(folder)
        .variable("GIVEN", "value")
        .permissions(permissions)
        .build()
        .unwrap();
    let done = kaizen.run("main.rhai").start().finish::<Value>().await.unwrap();
    let refused = "permission";
    assert_eq!(done.value, json!(["granted", 1, refused, refused, refused, refused, "value"]));
}

#[tokio::test]
async fn a_project_brings_its_settings_and_its_denials() {
    let project = tempfile::tempdir().unwrap();
    let settings = "
        [models.fast]
        use = \"demo/echo\"
        latency_ms = 0
        [budget]
        max_calls = 1
        [permissions]
        deny_read = [\"secret.txt\"]
    ";
    std::fs::write(project.path().join("kaizen.toml"), settings).unwrap();
    std::fs::write(project.path().join("secret.txt"), "secret").unwrap();
    let text = r#"
        let kind = attempt(|| read_text("secret.txt")).error.kind;
        branch("fast").communicate("a");
        #{ read: kind, asked: attempt(|| branch("fast").communicate("b")).error.kind }
    "#;
    std::fs::write(project.path().join("main.rhai"), text).unwrap();

    let builder = Runtime::builder().project(project.path());
    let kaizen = builder.permissions(Permissions::none().read(".")).build().unwrap();
    let done = kaizen.run("main.rhai").start().finish::<Value>().await.unwrap();
    assert_eq!(done.value, json!({ "read": "permission", "asked": "budget" }));

    let outside = kaizen.run("../main.rhai").start().finish::<Value>().await;
    assert!(matches!(outside, Err(Error::Refused { .. })), "{outside:?}");
}

#[tokio::test]
async fn a_question_suspends_the_run_until_it_is_answered() {
    let kaizen = with_script(r#"let a = ask("Release?"); "answer: " + a"#).build().unwrap();
    let asked = kaizen.run("main.rhai").start().finish::<String>().await;
    let Err(Error::Waiting { run, questions }) = asked else { panic!("{asked:?}") };
    assert_eq!(questions, ["Release?"]);

    let answered = kaizen.run("main.rhai").resume(&run).answer("yes").start();
    assert_eq!(answered.finish::<String>().await.unwrap().value, "answer: yes");
}

#[tokio::test]
async fn a_parameter_that_an_edit_removed_is_dropped_when_its_run_is_continued() {
    let project = tempfile::tempdir().unwrap();
    let script = project.path().join("main.rhai");
    std::fs::write(&script, r#"param("a", 1); throw "x""#).unwrap();
    let kaizen = Runtime::builder().project(project.path()).build().unwrap();
    let failed = kaizen.run("main.rhai").param("a", 5).start();
    let id = failed.id().to_owned();
    assert!(matches!(failed.finish::<Value>().await, Err(Error::Failed { .. })));

    std::fs::write(&script, "7").unwrap();
    let mut run = kaizen.run("main.rhai").resume(&id).start();
    let mut noted = Vec::new();
    while let Some(event) = run.events().next().await {
        if let Event::Noted { text } = event {
            noted.push(text.replace(&id, "ID"));
        }
    }
    assert_eq!(
        noted,
        ["`main.rhai` no longer has the parameter `a`: its value from run ID is not used"]
    );
    assert_eq!(run.finish::<i64>().await.unwrap().value, 7);

    let given = kaizen.run("main.rhai").resume(&id).param("a", 2).start();
    assert!(matches!(given.finish::<i64>().await, Err(Error::Refused { .. })));
}

#[tokio::test]
async fn what_is_recorded_is_advised() {
    let project = tempfile::tempdir().unwrap();
    for builder in [Runtime::builder().in_memory(), Runtime::builder().project(project.path())] {
        let kaizen = builder.script("main.rhai", r#"optimizer().recommend_pattern("t")"#);
        let kaizen = kaizen.build().unwrap();
        for _ in 0..30 {
            let good = json!({ "success_rate": 1.0, "execution_time": 1.0 });
            kaizen.record("t", "vote", good).await.unwrap();
        }

        let advice = kaizen.advise("t").unwrap();
        assert_eq!((advice.pattern.as_str(), advice.is_guess), ("vote", false));
        // Scripts learn from the same store.
        let run = kaizen.run("main.rhai").start();
        assert_eq!(run.finish::<String>().await.unwrap().value, "vote");
        assert!(matches!(kaizen.record("t", "vote", 1).await, Err(Error::Setup { .. })));
    }
}

#[test]
fn a_runtime_works_without_an_async_runtime_of_the_program() {
    let builder = with_script("double(21)").function("double", "Doubles.", |n: i64| async move {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok::<_, String>(n * 2)
    });
    let run = builder.build().unwrap().run("main.rhai").start();
    assert_eq!(futures::executor::block_on(run.finish::<i64>()).unwrap().value, 42);
}
