//! Functions, tools and models of the program.

use super::{value_of, with_script};
use kaizen::{Error, Model, Reply, Request, Runtime};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// An error of the program's own type.
#[derive(Debug, thiserror::Error)]
#[error("order {0} is gone")]
struct Gone(String);

#[tokio::test]
async fn errors_of_functions_are_errors_of_scripts_in_their_own_words() {
    let builder =
        with_script(
            r#"
        fn told(f) { let e = attempt(f).error; [e.kind, e.message] }
        [none(), two("a", #{ b: 1 }), told(|| lookup("17")), told(|| lookup(1)), told(|| broken())]
        "#,
        )
        .function("none", "Returns nothing.", || async { Ok::<_, String>(()) })
        .function("two", "Joins.", |a: String, b: Value| async move {
            Ok::<_, String>(format!("{a}{b}"))
        })
        .function("lookup", "Fails.", |id: String| async move { Err::<(), _>(Gone(id)) })
        .function("broken", "Panics.", || async {
            std::panic::resume_unwind(Box::new("oh")) as Result<(), String>
        });

    assert_eq!(
        value_of(builder).await.unwrap(),
        json!([
            null,
            "a{\"b\":1}",
            ["failed", "order 17 is gone"],
            ["failed", "argument 1: invalid type: integer `1`, expected a string"],
            ["panicked", "`broken` panicked: oh"],
        ])
    );
}

#[tokio::test]
async fn a_panic_fails_its_operation_and_nothing_else() {
    let kaizen = with_script(r#"[1, 2, 3].parallel(|n| attempt(|| odd(n)).error?.kind)"#)
        .function("odd", "Panics at 2.", |n: i64| async move {
            if n == 2 {
                std::panic::resume_unwind(Box::new("even"));
            }
            Ok::<_, String>(n)
        })
        .build()
        .unwrap();

    // The same thread continues with other runs.
    for _ in 0..2 {
        let done = kaizen.run("main.rhai").start().finish::<Value>().await.unwrap();
        assert_eq!(done.value, json!([null, "panicked", null]));
    }
}

#[tokio::test]
async fn functions_wait_at_once_and_in_a_graph() {
    let builder = with_script(
        r#"
        let g = builder();
        g.add_operation(|inputs| wait_for("a"), #{ name: "a" });
        g.add_operation(|inputs| wait_for("b"), #{ name: "b" });
        let report = session().flow(g);
        [report.result("a"), report.result("b")]
        "#,
    );
    let meeting = Arc::new(tokio::sync::Barrier::new(2));
    let builder = builder.function("wait_for", "Waits for the other.", move |name: String| {
        let meeting = meeting.clone();
        async move {
            meeting.wait().await;
            Ok::<_, String>(name)
        }
    });
    assert_eq!(value_of(builder).await.unwrap(), json!(["a", "b"]));
}

#[tokio::test]
async fn a_resumed_run_repeats_no_call_of_the_program() {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    let text = r#"
        let b = branch(#{ tools: [tool("pay")] });
        let paid = [charge("a"), b.act("pay", #{ amount: 1 }), charge("a")];
        if param("fail", true) { throw "stop" }
        paid
    "#;
    let pay = calls.clone();
    let kaizen = with_script(text)
        .function("charge", "Charges.", move |_: String| {
            let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
            async move { Ok::<_, String>(number) }
        })
        .tool(
            "pay",
            json!({ "description": "Pays.", "properties": { "amount": { "type": "integer" } } }),
            move |_: Value| {
                let number = pay.fetch_add(1, Ordering::SeqCst) + 1;
                async move { Ok::<_, String>(number) }
            },
        )
        .build()
        .unwrap();

    let failed = kaizen.run("main.rhai").start().finish::<Value>().await;
    let Err(Error::Failed { run, .. }) = failed else { panic!("{failed:?}") };
    assert_eq!(calls.load(Ordering::SeqCst), 3);

    let again = kaizen.run("main.rhai").resume(&run).param("fail", false).start();
    assert_eq!(again.finish::<Value>().await.unwrap().value, json!([1, 2, 3]));
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

/// A model that fails once, and then calls a tool before it answers.
struct Clerk(AtomicU32);

impl Model for Clerk {
    async fn reply(
        &self,
        request: Request,
    ) -> Result<Reply, Box<dyn std::error::Error + Send + Sync>> {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => Err("busy".into()),
            1 => Ok(Reply::text("").call("clock", json!({})).tokens(10, 5)),
            _ => Ok(Reply::text(format!(
                "It is {}.",
                request.to_json()["messages"].as_array().map_or(0, Vec::len)
            ))
            .tokens(10, 5)),
        }
    }

    fn price(&self) -> Option<(f64, f64)> {
        Some((1_000_000.0, 2_000_000.0))
    }
}

#[tokio::test]
async fn a_model_of_the_program_retries_counts_and_calls_tools() {
    let kaizen = Runtime::builder()
        .in_memory()
        .model("clerk", Clerk(AtomicU32::new(0)))
        .script("main.rhai", r#"branch("clerk").operate("Time?", #{ tools: [tool("clock")] })"#)
        .tool("clock", json!({ "description": "Tells the time." }), |_: Value| async {
            Ok::<_, String>("noon")
        })
        .build()
        .unwrap();

    let done = kaizen.run("main.rhai").start().finish::<Value>().await.unwrap();
    assert_eq!(done.value, json!("It is 3."));
    assert_eq!((done.calls, done.tokens), (3, None));
}
