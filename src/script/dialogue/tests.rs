use super::*;
use crate::base::id::RunId;
use crate::executor::replies::guess::{ForcedDecisions, Guess, ScriptWords, Words};
use crate::executor::replies::reuse::Reuse;
use crate::journal::Journal;
use crate::journal::known_replies::Replies;
use crate::model::registry::Models;
use crate::script::host::context::Surroundings;
use crate::script::host::limits::OPERATIONS_MAX;
use crate::script::host::permission::Permissions;
use crate::script::host::state::State;
use expect_test::{Expect, expect};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

fn dialogue_in(root: &Path) -> Dialogue {
    let executor = Rc::new(Executor::new(Journal::off(RunId::fresh()), 0, None));

    Dialogue::new(Host::new(Surroundings {
        executor,
        models: Rc::new(Models::new(BTreeMap::new(), Some("demo/echo".into()), 0, |_| None)),
        servers: crate::mcp::Servers::none(),
        permissions: Permissions::all(),
        root: root.to_owned(),
        script: source(root),
        params: serde_json::Map::new(),
        print: Rc::new(|_| {}),
        say: Rc::new(|_| {}),
        interrupted: Arc::default(),
        store: None,
        learn_from_demo: false,
        operations_max: OPERATIONS_MAX,
        state: State::default(),
    }))
}

fn dialogue() -> Dialogue {
    dialogue_in(Path::new(""))
}

/// Evaluates inputs and gives what the last one gave.
async fn say(dialogue: &mut Dialogue, inputs: &[&str]) -> Value {
    let mut last = Value::Null;
    for input in inputs {
        last = match dialogue.eval(input).await.map(|answer| answer.value) {
            Ok(DisplayValue::Nothing) => Value::Null,
            Ok(DisplayValue::Text(text) | DisplayValue::Other(text)) => text.into(),
            Ok(DisplayValue::Data(value)) => value,
            Ok(other) => format!("{other:?}").into(),
            Err(ScriptError::Refused(faults)) => told(&faults[0]).into(),
            Err(ScriptError::Failed(both)) => told(&both.1).into(),
            Err(ScriptError::Store(error)) => error.to_string().into(),
            Err(ScriptError::Suspended(_)) => "suspended".into(),
        };
    }

    last
}

fn told(fault: &Diagnostic) -> String {
    let place = fault.place.as_ref();
    let line = place.zip(fault.text.as_ref()).and_then(|(place, text)| {
        let line = text.lines().nth(place.line - 1)?;
        let word: String = line.chars().skip(place.column - 1).take(fault.width).collect();
        Some(format!(" at {}:{}:{} `{word}`", place.file, place.line, place.column))
    });

    let first = format!("{}{}", fault.message, line.unwrap_or_default());
    [vec![first], fault.frames.clone()].concat().join("; ")
}

async fn check(inputs: &[&str], expected: Value) {
    assert_eq!(say(&mut dialogue(), inputs).await, expected, "{inputs:?}");
}

async fn fails(inputs: &[&str], expected: Expect) {
    let told = say(&mut dialogue(), inputs).await;
    expected.assert_eq(told.as_str().unwrap_or_default());
}

#[tokio::test]
async fn variables_functions_and_closures_stay() {
    check(&["let x = 1;", "x += 1", "x"], json!(2)).await;
    check(&["fn f(n) { n + 1 }", "f(1)"], json!(2)).await;
    check(&["fn f(n) { n + 1 }", "fn f(n) { n + 2 }", "f(1)"], json!(3)).await;
    check(&["fn f() { 1 }", "fn g() { f() + 1 }", "fn f() { 5 }", "g()"], json!(6)).await;
    check(&["let f = |n| n * 2;", "let g = |n| n * 3;", "f.call(2) + g.call(1)"], json!(7)).await;
    check(&["let n = 1;", "let f = || n;", "n = 5", "f.call()"], json!(5)).await;
    check(
        &["let b = branch();", "let f = |t| b.chat(t).len > 0;", "parallel([\"a\", \"b\"], f)"],
        json!([true, true]),
    )
    .await;

    check(&["const X = 3", "X + 1"], json!(4)).await;
    check(&["state.a = 5;", "state.a"], json!(5)).await;
    check(&["fn f(n) { n + 1 }", "hot(\"f\", [1])"], json!(2)).await;
}

#[tokio::test]
async fn earlier_values_have_names() {
    check(&["40", "_ + 2"], json!(42)).await;
    check(&["1", "2", "3", "[_, _1, _2, _3]"], json!([3, 2, 1, null])).await;
    check(&["1", "let x = 0;", "x = 5", "()", "_"], json!(0)).await;
    check(&["let a = [1, 2];", "_.len"], json!(2)).await;
    check(&["7", "let f = || _ + 1;", "f.call()"], json!(8)).await;
    check(&["throw \"no\"", "_err.message"], json!("no")).await;
    check(&["let x = ;", "_err.kind"], json!("script")).await;
}

#[tokio::test]
async fn a_failed_input_leaves_the_variables() {
    check(&["let x = 1;", "x = 2; let y = 5; throw 1", "[x, y]"], json!([2, 5])).await;
    check(&["let x = 1;", "if true { let x = 2; throw 1 }", "x"], json!(1)).await;
    check(&["let xs = [1];", "xs.push(2); nope(", "xs"], json!([1])).await;
}

#[tokio::test]
async fn an_input_that_is_given_up_leaves_the_variables() {
    let mut dialogue = dialogue();
    say(&mut dialogue, &["let x = 1; let b = branch();", "fn f() { let x = 9; sleep(60000) }"])
        .await;

    let waiting = [
        "x = 2; sleep(60000)",
        "{ let x = 7; sleep(60000) }",
        "for x in 0..3 { sleep(60000) }",
        "f()",
        "[1, 2].parallel(|i| { let x = i; sleep(60000) })",
        "branch(#{ model: imodel(#{ provider: \"demo\", model: \"echo\", latency_ms: 60000 }) }).chat(\"x\")",
    ];

    for input in waiting {
        let mut future = Box::pin(dialogue.eval(input));
        assert!(futures::poll!(&mut future).is_pending(), "{input}");
        drop(future);
        assert_eq!(say(&mut dialogue, &["x"]).await, json!(2), "{input}");
    }

    assert_eq!(say(&mut dialogue, &["b.chat(\"still here\").len > 0"]).await, json!(true));
}

#[tokio::test]
async fn an_input_that_computes_is_stopped_from_outside() {
    let dialogue = &mut dialogue();

    let flag: Arc<AtomicBool> = Arc::default();
    dialogue.renew(flag.clone());
    say(dialogue, &["let x = 1;", "x = 2;"]).await;
    flag.store(true, Ordering::SeqCst);

    let told = say(dialogue, &["loop {}"]).await;
    assert!(
        told.as_str().is_some_and(|told| told.starts_with("the run was interrupted")),
        "{told}"
    );

    dialogue.renew(Arc::default());
    assert_eq!(say(dialogue, &["x"]).await, json!(2));
}

#[tokio::test]
async fn operations_are_counted_for_each_input() {
    let dialogue = &mut dialogue();
    dialogue.set_operations_max(20_000);
    for _ in 0..5 {
        dialogue.renew(Arc::default());
        assert_eq!(say(dialogue, &["let n = 0; while n < 2000 { n += 1; } n"]).await, json!(2000));
    }

    let told = say(dialogue, &["loop {}"]).await;
    assert!(told.as_str().is_some_and(|told| told.contains("operations")), "{told}");
}

#[tokio::test]
async fn errors_show_the_input_they_are_about() {
    fails(&["let x = 1;", "x + nope"], expect!["unknown variable `nope` at repl:1:5 `nope`"]).await;
    fails(
        &["1", "let lenght = 2;", "lenth"],
        expect!["unknown variable `lenth` at repl:1:1 `lenth`"],
    )
    .await;

    fails(&["_ + nope(_1)"], expect!["unknown function `nope` at repl:1:5 `nope`"]).await;
    fails(&["1", "[_, _1].foo"], expect!["an array has no property `foo` at repl:1:9 `foo`"]).await;

    fails(
        &["fn f(n) {\n  n.nope.x\n}", "1", "f(#{})"],
        expect![
            "nothing (`()`) has no property `x` at repl, input 1:2:10 `x`; in f, called at repl:1"
        ],
    )
    .await;
    fails(&["fn f(n) { n }", "f(1, 2)"], expect!["`f` takes 1 argument, not 2 at repl:1:1 `f`"])
        .await;

    fails(
        &["let f = |x| x / 0;", "1 + f.call(1)"],
        expect![
            "division by zero: 1 / 0 at repl, input 1:1:15 `/`; in a closure, called at repl:1"
        ],
    )
    .await;

    fails(
        &["parallel([1],\n  |x| x / 0)"],
        expect!["division by zero: 1 / 0 at repl:2:9 `/`; in a closure, called at repl:1"],
    )
    .await;
}

#[tokio::test]
async fn files_are_loaded_and_imports_stay() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    let write = |name: &str, text: &str| {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };

    write("lib/a.rhai", "fn two() { 2 }");
    write("lib/main.rhai", "import \"a\" as a;\nfn four() { a::two() * 2 }\nthrow \"never\";");

    let mut dialogue = dialogue_in(root);
    assert_eq!(
        say(&mut dialogue, &["import \"lib/a\" as m;", "m::two()", "m::two()"]).await,
        json!(2)
    );

    say(&mut dialogue, &["let f = || m::two();"]).await;
    assert_eq!(say(&mut dialogue, &["f.call()"]).await, json!(2));
    say(&mut dialogue, &["import \"lib/none\" as n;"]).await;
    assert_eq!(say(&mut dialogue, &["m::two()"]).await, json!(2));

    let file = root.join("lib/main.rhai");
    let text = std::fs::read_to_string(&file).expect("text");
    dialogue.load(&text, &file).expect("a sound file");
    assert_eq!(say(&mut dialogue, &["four()"]).await, json!(4));

    dialogue.load("fn four() { 44 }\nfn f(x) {\n  x / 0\n}", &file).expect("a sound file");
    assert_eq!(say(&mut dialogue, &["four()"]).await, json!(44));
    let told = say(&mut dialogue, &["f(1)"]).await;
    assert!(told.as_str().is_some_and(|t| t.contains("main.rhai:3:5 `/`")), "{told}");

    let Err(ScriptError::Refused(faults)) = dialogue.load("fn g() {\n  nope()\n}", &file) else {
        panic!("a fault")
    };
    assert!(told_at(&faults[0]).ends_with("main.rhai:2"), "{faults:?}");
    assert_eq!(say(&mut dialogue, &["four()"]).await, json!(44));

    dialogue.load("fn five() { 5 }", &file).expect("a sound file");
    let told = say(&mut dialogue, &["four()"]).await;
    assert!(told.as_str().is_some_and(|t| t.starts_with("unknown function `four`")), "{told}");
}

fn told_at(fault: &Diagnostic) -> String {
    fault.place.as_ref().map_or(String::new(), |place| format!("{}:{}", place.file, place.line))
}

#[tokio::test]
async fn a_plan_asks_nothing_and_changes_nothing() {
    let mut dialogue = dialogue();
    let inputs = [
        "let b = branch(); let n = 0; let xs = [1]; let count = || { n += 1; b.communicate(\"c\") };",
        "let s = session(b); let g = builder(\"g\");",
        "g.add_operation(|i, b| b.chat(\"inside\"), #{ name: \"a\" });",
        "state.x = 1;",
    ];
    say(&mut dialogue, &inputs).await;

    let calls = dialogue.host.inner.with.executor.metrics().calls;
    let planner = Executor::new(Journal::off(RunId::fresh()), 0, None);
    let planner = Rc::new(planner.reusing(Rc::new(Reuse::planning(
        Replies::default(),
        Guess::new(Words::of(ScriptWords::default()), 0, ForcedDecisions::default()),
    ))));

    let plan = "b.communicate(\"x\"); count.call(); xs.push(2); s.flow(g); state.x = 2; \
                g.add_operation(|| 1, #{ name: \"b\" }); let z = 1;";
    dialogue.rehearse(plan, planner.clone()).await.expect("it can be planned");

    assert_eq!(planner.metrics().calls + planner.metrics().reused, 3);
    assert_eq!(dialogue.host.inner.with.executor.metrics().calls, calls);

    let after = "[b.messages.len, n, xs, state.x]";
    assert_eq!(say(&mut dialogue, &[after]).await, json!([0, 0, [1], 1]));
    assert!(dialogue.value("z").is_none());
    assert_eq!(dialogue.value("g"), Some(DisplayValue::Other("builder g · 1 operation".into())));
}

#[tokio::test]
async fn variables_and_words_can_be_completed() {
    let mut dialogue = dialogue();
    say(
        &mut dialogue,
        &["let b = branch(); let n = 1; let f = |x| x;", "fn twice(n) { n * 2 }", "let n = \"a\""],
    )
    .await;

    let shown: Vec<String> =
        dialogue.variables().into_iter().map(|v| format!("{}: {}", v.name, v.kind)).collect();
    assert_eq!(shown, ["b: branch", "f: function", "n: string"]);

    let own: Vec<String> = dialogue.own_words().into_iter().map(|w| w.signature).collect();
    assert_eq!(own, ["twice(n)"]);

    let words = completion::words(&dialogue.reference());
    let fork = words.iter().find(|w| w.name == "fork" && w.of.as_deref() == Some("branch"));
    assert_eq!(fork.map(|w| w.signature.as_str()), Some("fork() -> branch"));

    let standard = dialogue.standard_words(&dialogue.reference());
    let push = standard.iter().find(|w| w.name == "push" && w.of.as_deref() == Some("array"));
    assert!(push.is_some(), "{standard:?}");
}
