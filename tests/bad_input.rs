//! What people get wrong: each gives one clear error, the exit code of its kind, and leaves a
//! journal that says what happened.

use crate::support::server::{Act, Server, answer, finished, json};
use crate::support::{Project, Ran};

/// Runs a script in an empty project.
fn run(script: &str) -> Ran {
    Project::new().file("script.rhai", script).kaizen(&["run", "script.rhai"])
}

fn check(ran: &Ran, code: i32, words: &[&str]) {
    assert_eq!(ran.code, Some(code), "{}", ran.stderr);
    for word in words {
        assert!(ran.stderr.contains(word), "`{word}` is missing:\n{}", ran.stderr);
    }
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
}

/// Runs one question against a server, and checks how it fails.
fn ask(act: Act, code: i32, kind: &str) {
    let server = Server::start(move |_, _, _| act.clone());
    let project = Project::new();
    let (ran, done) =
        project.with_server(&server).script("branch().communicate(\"x\", #{ attempts_max: 1 })");
    assert_eq!((ran.code, &done["error"]["kind"]), (Some(code), &kind.into()), "{}", ran.stderr);
    assert_eq!(done["error"]["place"]["line"], 1);
    let ended = project.events("attempt_ended");
    assert_eq!(ended[0]["failure"]["kind"], kind);
    assert_eq!(project.events("run_ended")[0]["status"], "failed");
}

#[test]
fn a_missing_key_names_the_variable() {
    let ran = run("branch(\"openai/gpt-4o-mini\").communicate(\"x\")");
    check(&ran, 3, &["no key for `openai`", "OPENAI_API_KEY", "script.rhai:1:"]);
}

#[test]
fn a_wrong_address_shows_a_right_one() {
    let ran = run("imodel(#{ provider: \"openai\", model: \"m\", base_url: \"localhost:80\" })");
    check(&ran, 3, &["invalid server address `localhost:80`", "http://"]);
    let nobody = "branch(#{ model: #{ provider: \"openai\", model: \"m\", attempts_max: 1,
        base_url: \"http://127.0.0.1:1/v1\" } }).communicate(\"x\")";
    check(
        &run(nobody),
        5,
        &["no connection to http://127.0.0.1:1/v1", "nothing accepts connections there"],
    );
}

#[test]
fn an_unknown_model_gets_a_suggestion() {
    check(&run("branch(\"opneai/x\")"), 3, &["unknown provider `opneai`", "`openai`"]);
    let project = Project::new();
    project.file("kaizen.toml", "[models.fast]\nuse = \"demo/echo\"\n");
    project.file("script.rhai", "branch(\"fsat\")");
    check(&project.kaizen(&["run", "script.rhai"]), 3, &["unknown model `fsat`", "mean `fast`"]);
    let ran = project.kaizen(&["run", "script.rhai", "--model", "slow"]);
    check(&ran, 3, &["unknown model `fsat`"]);
}

#[test]
fn an_unknown_option_gets_a_suggestion() {
    let ran = run("let b = branch();\nb.communicate(\"x\", #{ tempreture: 1 })");
    check(&ran, 3, &["no option `tempreture`", "`temperature`", "script.rhai:2:23"]);
    let ran = run("let b = branch(); let o = #{ tempreture: 1 };\nb.communicate(\"x\", o)");
    check(&ran, 1, &["no option `tempreture`", "`temperature`", "script.rhai:2:3"]);
    let project = Project::new();
    project.file("hello.rhai", "1");
    check(&project.kaizen(&["run", "hello.rhai", "--modle", "x"]), 2, &["--modle", "--model"]);
    check(&project.kaizen(&["rnu", "hello.rhai"]), 2, &["rnu", "run"]);
}

#[test]
fn an_unreadable_script_is_named() {
    check(&Project::new().kaizen(&["run", "nope.rhai"]), 3, &["cannot read `nope.rhai`"]);
}

#[test]
fn a_syntax_error_shows_its_line() {
    check(&run("let x = 1;\nlet y = (2 + ;\n"), 3, &["script.rhai:2:", "let y = (2 + ;"]);
}

#[test]
fn faults_that_can_be_seen_before_running_are_all_shown_and_nothing_runs() {
    let ran = run("let b = branch();\nb.comunicate(\"x\");\nlet y = gaher([]);\nsleep(1, 2);");
    let words = [
        "no method `comunicate`",
        "mean `communicate`",
        "unknown function `gaher`",
        "mean `gather`",
        "`sleep` takes 1 argument, not 2",
        "script.rhai:2:3",
        "script.rhai:3:9",
        "nothing was spent",
    ];
    check(&ran, 3, &words);
    check(&run("let total = 1; print(totl)"), 3, &["unknown variable `totl`", "mean `total`"]);
}

#[test]
fn a_wrong_type_says_how_the_function_is_called() {
    let ran = run("branch().communicate(5)");
    check(&ran, 3, &["communicate", "(branch: branch, text: string)", "script.rhai:1:"]);
}

#[test]
fn a_cycle_is_named() {
    let ran = run("let g = builder(\"g\"); let a = g.add_operation(|| 1, #{ name: \"a\" });
        let b = g.add_operation(|| 2, #{ name: \"b\", depends_on: a }); b >> a; session().flow(g)");
    check(&ran, 1, &["circular dependency between operations", "`a`", "`b`"]);
}

#[test]
fn an_unknown_parameter_gets_a_suggestion() {
    let project = Project::new();
    project.file(
        "s.rhai",
        "let topic = param(\"topic\", \"x\"); let n = param(\"n\", 3, #{ max: 5 });",
    );
    let run = |pair| project.kaizen(&["run", "s.rhai", "-p", pair]);
    check(&run("topci=1"), 2, &["no parameter `topci`", "mean `topic`"]);
    check(&run("n=many"), 2, &["parameter `n` must be a whole number, not `many`"]);
    check(&run("n=9"), 2, &["parameter `n` must be at most 5, not 9"]);
    check(&run("n"), 2, &["expected `-p name=value`"]);
}

#[test]
fn values_of_parameters_are_checked_before_a_call_is_paid() {
    let project = Project::new();
    let start = "print(branch(\"demo/echo\").chat(\"x\"));\n";
    project.file(
        "s.rhai",
        &format!("{start}if param(\"fail\", true) {{ print(param(\"n\", 3, #{{ max: 5 }})); }}"),
    );
    let run = |pair| project.kaizen(&["run", "s.rhai", "-p", pair]);
    for (pair, said) in [
        ("fail=False", "parameter `fail` must be true or false, not `False`"),
        ("n=ten", "parameter `n` must be a whole number, not `ten`"),
        ("n=9", "parameter `n` must be at most 5, not 9"),
    ] {
        let ran = run(pair);
        check(&ran, 2, &[said, "nothing was spent"]);
        assert_eq!(ran.stdout, "", "{pair}");
    }
    check(&run("fail=false"), 0, &[]);

    project.file("need.rhai", &format!("{start}print(param(\"topic\"));"));
    let ran = project.kaizen(&["run", "need.rhai"]);
    check(&ran, 2, &["run it with `-p topic=VALUE`", "need.rhai:2:7"]);
    assert_eq!(ran.stdout, "");

    // What may not be reached, or is caught, is left to the run.
    for script in [
        "if 1 > 2 { param(\"topic\") }",
        "fn f() { param(\"topic\") } print(1);",
        "print(1); exit(); param(\"topic\")",
        "let n = 1; try { n = param(\"n\", 2); } catch { n = 3; } print(n);",
        "let n = if 1 > 2 { param(\"n\", 2) } else { param(\"n\", \"x\") }; print(n);",
    ] {
        project.file("may.rhai", script);
        let given: &[&str] = if script.contains("\"n\"") { &["-p", "n=x"] } else { &[] };
        check(&project.kaizen(&[&["run", "may.rhai"], given].concat()), 0, &[]);
    }
}

#[test]
fn an_unknown_setting_gets_a_suggestion() {
    let project = Project::new();
    project.file("kaizen.toml", "[limits]\noperation = 5\n").file("s.rhai", "1");
    check(&project.kaizen(&["run", "s.rhai"]), 3, &["limits.operation`", "limits.operations"]);
    project.file("kaizen.toml", "[models.x]\nuse = \"openai/m\"\nkey = \"sk-123\"\n");
    let ran = project.kaizen(&["run", "s.rhai"]);
    check(&ran, 3, &["model `x`", "env:NAME"]);
    assert!(!ran.stderr.contains("sk-123"));
}

#[test]
fn a_reply_that_is_cut_not_json_empty_or_huge_fails_by_its_kind() {
    ask(finished("half", "length"), 5, "length");
    ask(Act::Half("{\"choices\":".into()), 5, "cut_off");
    ask(Act::Answer(200, "content-type: text/html\r\n".into(), b"<p>".into()), 5, "bad_reply");
    ask(answer(""), 5, "empty");
    ask(json(200, format!("\"{}\"", "x".repeat(10 << 20))), 5, "too_large");
}

#[test]
fn a_script_that_never_ends_is_stopped_at_its_limit() {
    let project = Project::new();
    project.file("kaizen.toml", "[limits]\noperations = 100000\n");
    project.file("s.rhai", "let n = 0; [1].map(|x| { loop { n += 1; } });");
    let ran = project.kaizen(&["run", "s.rhai"]);
    check(&ran, 1, &["reached its limit of operations", "`operations` under `[limits]`"]);
}

#[test]
fn imports_stay_inside_the_project_and_never_go_in_a_circle() {
    let project = Project::new();
    project.file("p/kaizen.toml", "").file("outside.rhai", "fn f() { 1 }");
    project.file("p/a.rhai", "import \"b\" as b;").file("p/b.rhai", "import \"a\" as a;");
    project.file("p/lib.rhai", "fn twice(x) { 2 * x }");
    project.file("p/out.rhai", "import \"../outside\" as o; o::f()");
    project.file("p/good.rhai", "import \"lib\" as lib; lib::twice(21)");
    let run = |name| project.kaizen(&["-C", "p", "run", name]);
    check(&run("a.rhai"), 3, &["circular imports: `a.rhai` -> `b.rhai` -> `a.rhai`"]);
    check(&run("out.rhai"), 3, &["reading `../outside.rhai` is not granted", "--allow-read="]);
    // What only the run can tell is found by the run.
    project.file("p/a.rhai", "let x = \"b\"; import x as b;");
    project.file("p/b.rhai", "let x = \"a\"; import x as a;");
    project.file("p/out.rhai", "let x = \"../outside\"; import x as o; o::f()");
    check(&run("a.rhai"), 1, &["circular imports"]);
    check(&run("out.rhai"), 6, &["reading `../outside.rhai` is not granted", "--allow-read="]);
    let ran = run("good.rhai");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "42\n"), "{}", ran.stderr);
}
