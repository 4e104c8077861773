//! `kaizen run`.

use crate::support::Project;
use expect_test::expect;
use serde_json::{Value, json};

#[test]
fn hello_runs_offline_and_is_journaled() {
    let project = Project::new();
    project.file("hello.rhai", include_str!("../../scripts/hello.rhai"));
    let ran = project.kaizen(&["run", "hello.rhai"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stdout, "[demo] you asked: Say hello to a new user of kaizen.\n");
    assert_eq!(ran.stderr.matches("the built-in demo model is used").count(), 1, "{}", ran.stderr);
    let store = rusqlite::Connection::open(project.path().join(".kaizen/kaizen.db")).unwrap();
    let kinds: Vec<String> = store
        .prepare("SELECT kind FROM events ORDER BY seq")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let expected = [
        "run_started",
        "op_started",
        "request_part",
        "attempt_started",
        "attempt_ended",
        "op_ended",
        "run_ended",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(project.events("attempt_ended")[0]["demo"], true);
}

#[test]
fn json_lines_open_with_launch_and_close_with_done() {
    let project = Project::new();
    project.file("s.rhai", "print(\"half\"); param(\"n\", 1) + 1");
    let ran = project.kaizen(&["run", "s.rhai", "--json", "-p", "n=41", "--seed", "5"]);
    let lines: Vec<Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let first = lines.first().unwrap();
    assert_eq!((&first["type"], &first["seed"]), (&json!("launch"), &json!(5)));
    assert_eq!(lines[1], json!({ "type": "print", "text": "half" }));
    let last = lines.last().unwrap();
    assert_eq!((&last["type"], &last["status"]), (&json!("done"), &json!("ok")));
    assert_eq!((&last["value"], &last["run"]), (&json!(42), &first["run"]));
    assert_eq!(last["cost"], json!(0.0));
    assert!(last["metrics"]["execution_time"].is_number());
}

#[test]
fn stdout_carries_data_only() {
    let project = Project::new();
    project.file("s.rhai", "log.info(\"aside\"); branch().chat(\"x\"); #{ a: 1 }");
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(ran.stdout, "{\n  \"a\": 1\n}\n");
    assert!(ran.stderr.contains("info: aside") && ran.stderr.contains("op=chat status=ok"));
}

#[test]
fn a_quiet_run_says_nothing_but_errors() {
    let project = Project::new();
    project.file("s.rhai", "log.info(\"aside\"); branch().chat(\"x\"); 1");
    let ran = project.kaizen(&["run", "s.rhai", "--quiet"]);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("1\n", ""));
    project.file("s.rhai", "throw \"no\"");
    assert!(project.kaizen(&["run", "s.rhai", "--quiet"]).stderr.contains("error[K0100]: no"));
}

#[test]
fn the_same_seed_repeats_a_run() {
    let project = Project::new();
    project.file("s.rhai", "let b = branch(); [random(), b.chat(\"x\"), b.chat(\"x\")]");
    let run = |seed| project.kaizen(&["run", "s.rhai", "--seed", seed]).stdout;
    assert_eq!(run("7"), run("7"));
    assert_ne!(run("7"), run("8"));
}

#[test]
fn concurrency_bounds_the_calls_of_a_run() {
    use crate::support::server::{Act, Server, answer};
    let server = Server::start(|_, _, _| Act::After(20, Box::new(answer("x"))));
    let project = Project::new();
    project.with_server(&server);
    project.file("s.rhai", "let b = branch(); [1,2,3,4,5,6].parallel(|n| b.chat(`${n}`)).len");
    let ran = project.kaizen(&["run", "s.rhai", "--concurrency", "2"]);
    assert_eq!((ran.stdout.as_str(), server.most_in_flight()), ("6\n", 2), "{}", ran.stderr);
}

#[test]
fn a_call_that_is_refused_for_now_is_tried_again_after_the_time_that_was_asked_for() {
    use crate::support::server::{Act, Server, answer};
    let server = Server::start(|n, _, _| match n {
        0 => Act::Answer(429, "retry-after-ms: 30\r\n".into(), b"{}".to_vec()),
        _ => answer("second"),
    });
    let project = Project::new();
    let (ran, done) = project.with_server(&server).script("branch().chat(\"x\")");
    assert_eq!((ran.code, &done["value"]), (Some(0), &json!("second")));
    assert_eq!((&done["metrics"]["calls"], &done["metrics"]["retries"]), (&json!(2), &json!(1)));
    let ended = project.events("attempt_ended");
    let wait = ended[0]["retry_in_ms"].as_u64().unwrap();
    assert!((30..=33).contains(&wait), "{wait} ms");
    assert_eq!(ended[0]["failure"]["kind"], "rate_limited");
}

#[test]
fn tasks_wait_race_and_end_with_their_script() {
    let (ran, done) = Project::new().script(
        r#"let t = task(|| { sleep(20); 2 });
           let seen = [];
           let parts = gather([|| { sleep(10); seen.push("slow"); 1 }, || { seen.push("fast"); 2 }]);
           let settled = gather([|| 1, || throw "no"], #{ settle: true });
           task(|| sleep(60000));
           #{ t: t.wait(), parts: parts, seen: seen, race: race([|| { sleep(5000); 1 }, || 2]),
              ok: settled.map(|r| r.ok), why: settled[1].error.message,
              late: attempt(|| timeout(10, || { loop {} })).error.kind }"#,
    );
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let expected = json!({ "t": 2, "parts": [1, 2], "seen": ["fast", "slow"], "race": 2,
        "ok": [true, false], "why": "no", "late": "timeout" });
    assert_eq!(done["value"], expected);
    assert!(ran.stderr.contains("cancelled 1 task still running"), "{}", ran.stderr);
}

#[test]
fn a_task_that_outlives_a_time_limit_is_no_longer_bound_by_it() {
    let (ran, done) = Project::new().script(
        r#"fn count() { let n = 0; while n < 20_000 { n += 1; } n }
           let t = timeout(20, || task(|| { sleep(60); count() }));
           let g = builder();
           g.add_operation(|inputs| { task(|| { sleep(60); print(count()); }); 1 }, #{ timeout_ms: 20 });
           [session().flow(g).failed_operations.len, t.wait(), { sleep(200); 3 }]"#,
    );
    assert_eq!((ran.code, &done["value"]), (Some(0), &json!([0, 20_000, 3])), "{}", ran.stderr);
    assert!(ran.stdout.contains("20000"), "{}", ran.stdout);
}

#[test]
fn an_uncaught_error_shows_its_place_and_the_calls_it_came_through() {
    let project = Project::new();
    project
        .file("s.rhai", "fn ask(b, o) {\n    b.chat(\"x\", o)\n}\nask(branch(), #{ stpo: 1 });\n");
    let ran = project.kaizen(&["run", "s.rhai"]);
    for words in ["no option `stpo`", "s.rhai:2:7", "b.chat(\"x\", o)", "in ask"] {
        assert!(ran.stderr.contains(words), "{words}:\n{}", ran.stderr);
    }
}

#[test]
fn what_does_not_fit_is_said_in_the_words_of_scripts() {
    for (script, said) in [
        ("let x = 3; branch().chat(x)", "`chat`: argument 1 is an int, expected a string"),
        ("let x = \"1\"; sleep(x)", "`sleep`: argument 1 is a string, expected a float or an int"),
        ("let x = \"a\"; x - 1", "`-` does not work for a string and an int"),
        (
            "fn named(b) { b.nmae } named(branch())",
            "a branch has no property `nmae`; did you mean `name`?",
        ),
        ("let b = branch(); b.name = 1", "a branch has no writable property `name`"),
        ("let b = branch(); b[1]", "a branch cannot be indexed with `[..]`"),
        ("let x = 5; if x { 1 }", "a condition is true or false, not an int"),
        ("fn f(x) { if x { 1 } } f(5)", "a bool, found an int"),
        ("let f = |x| x; gather(f)", "`gather`: argument 1 is a function, expected an array"),
    ] {
        let ran = Project::new().file("s.rhai", script).kaizen(&["run", "s.rhai"]);
        assert!(ran.stderr.contains(said), "{script}: `{said}`\n{}", ran.stderr);
    }
}

#[test]
fn a_failed_operation_shows_the_calls_it_came_through() {
    let project = Project::new();
    project.file("lib.rhai", "fn half(x) {\n    x / 0\n}\n").file(
        "s.rhai",
        "import \"lib\" as lib;\nlet g = builder(\"g\");\n\
         g.add_operation(|| lib::half(4), #{ name: \"a\" });\nsession().flow(g);\n",
    );
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(ran.code, Some(1));
    for said in
        ["operation `a`: division by zero", "--> lib.rhai:2:7", "in half, called at s.rhai:3"]
    {
        assert!(ran.stderr.contains(said), "`{said}`:\n{}", ran.stderr);
    }
}

#[test]
fn ten_thousand_closures_wait_together() {
    let (ran, done) = Project::new().script(
        "let began = timestamp();
         let n = (0..10000).to_array().parallel(|i| { sleep(50); i }).len;
         #{ n: n, seconds: began.elapsed }",
    );
    assert_eq!(done["value"]["n"], 10000, "{}", ran.stderr);
    // One after the other they would take 500 s.
    assert!(done["value"]["seconds"].as_f64().unwrap() < 60.0, "{done}");
}

#[test]
fn each_call_is_shown_in_the_file_that_makes_it() {
    let project = Project::new();
    project.file("s.rhai", "let who = \"no\" + \"model\";\n\nvote(who, \"q\")\n");
    expect![[r#"
        = note: in copy, called at stdlib/patterns.rhai:180
        = note: in a closure, called at stdlib/patterns.rhai:181
        = note: in most_frequent, called at stdlib/patterns.rhai:181
        = note: in vote, called at stdlib/patterns.rhai:183
        = note: in vote, called at s.rhai:3
    "#]]
    .assert_eq(&frames(&project));

    project.file("s.rhai", "fn f(x) {\n    x.nope\n}\n\ntask(|| f(1)).wait()\n");
    expect![[r#"
          = note: in f, called at s.rhai:5
          = note: in a closure, called at s.rhai:5
    "#]]
    .assert_eq(&frames(&project));

    let script = "import \"lib\" as lib;\n\
                  fn half(x) { x / 0 }\n\
                  let found = attempt(|| lib::each([1], |x| half(x)));\n\
                  let first = lib::settled([1], |x| half(x));\n\
                  [found.error.frames, first.error.frames]\n";
    let lib = "\n\n\nfn each(list, f) {\n    list.parallel(|x| f.call(x))\n}\n\
               fn settled(list, f) {\n    list.parallel(|x| f.call(x), #{ settle: true })[0]\n}\n";
    project.file("lib.rhai", lib).file("s.rhai", script);
    expect![[r#"
        [
          [
            "in half, called at s.rhai:3",
            "in a closure, called at lib.rhai:5",
            "in a closure, called at lib.rhai:5",
            "in each, called at s.rhai:3",
            "in a closure, called at s.rhai:3"
          ],
          [
            "in half, called at s.rhai:4",
            "in a closure, called at lib.rhai:8",
            "in a closure, called at lib.rhai:8"
          ]
        ]
    "#]]
    .assert_eq(&project.kaizen(&["run", "s.rhai"]).stdout);
}

/// Runs the script, and returns the lines about the calls that its error came through.
fn frames(project: &Project) -> String {
    let ran = project.kaizen(&["run", "s.rhai"]);
    let notes = ran.stderr.lines().filter(|line| line.contains("called at"));
    let mut all = notes.map(str::trim).collect::<Vec<_>>().join("\n");
    all.push('\n');
    all
}
