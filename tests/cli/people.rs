//! Questions to people: on a terminal, in runs that are suspended, and wherever else a script runs.

use crate::support::terminal::OnTerminal;
use crate::support::{Project, Ran};
use serde_json::Value;

const RELEASE: &str = r#"
    let work = task(|| branch("demo/echo").chat("work"));
    let release = ask("Release 1.2?", #{ options: ["yes", "no"], default: "no" });
    print(`${release} ${work.wait()}`);
"#;

fn project(script: &str) -> Project {
    let project = Project::new();
    project.file("s.rhai", script);
    project
}

fn at(project: &Project, time: i64, arguments: &[&str]) -> Ran {
    let mut command = project.command(arguments);
    Ran::from(command.env("KAIZEN_TIME", time.to_string()).output().unwrap())
}

/// 2026-12-01T09:00:00Z.
const NINE: i64 = 1_796_115_600_000;
const MINUTE: i64 = 60_000;

#[test]
fn without_a_terminal_the_run_is_suspended_and_an_answer_continues_it() {
    let project = project(RELEASE);
    let asked = project.kaizen(&["run", "s.rhai", "-q"]);
    assert_eq!((asked.code, asked.stdout.as_str()), (Some(9), ""));
    let waits = "question 1: Release 1.2?  [1] yes  [2] no  (default: no)\n\
                 answer with `kaizen answer RUN VALUE`\n";
    let told = format!("suspended: nothing is running, and everything so far is kept\n{waits}");
    assert_eq!(project.without_ids(&asked.stderr), told);

    let newest = &project.runs()[0];
    let question = &newest["waits"]["questions"][0]["question"];
    assert_eq!((&newest["status"], question), (&"waiting".into(), &"Release 1.2?".into()));
    let shown = project.kaizen(&["show"]).stdout;
    assert!(project.without_ids(&shown).contains(waits), "{shown}");

    let wrong = project.kaizen(&["answer", "@", "maybe"]);
    assert_eq!(
        (wrong.code, wrong.stderr.as_str()),
        (
            Some(2),
            "error: `maybe` is not an option; the options are `yes`, `no`\n    \
             question 1: Release 1.2?  [1] yes  [2] no  (default: no)\n"
        )
    );
    let missing = project.kaizen(&["answer", "@"]);
    assert_eq!(missing.code, Some(2));
    assert_eq!(project.runs().len(), 1, "a wrong answer changes nothing");

    let answered = project.kaizen(&["answer", "@", "YES"]);
    assert_eq!(answered.code, Some(0), "{}", answered.stderr);
    assert_eq!(answered.stdout, "yes [demo] you asked: work\n");
    let statuses: Vec<Value> = project.runs().iter().map(|run| run["status"].clone()).collect();
    assert_eq!(statuses, ["ok", "resumed"]);

    let again = project.kaizen(&["answer", "@-1", "no"]);
    assert_eq!(again.code, Some(2), "{}", again.stderr);
    let replayed = project.kaizen(&["replay", "@"]);
    assert_eq!((replayed.code, replayed.stdout), (Some(0), answered.stdout));
}

#[test]
fn on_a_terminal_it_asks_there_and_what_was_typed_before_is_no_answer() {
    let script = RELEASE.replace("let release", "print(\"ready\"); sleep(400);\n let release");
    let project = project(&script);
    let mut terminal = OnTerminal::start(project.command(&["run", "s.rhai"]));

    terminal.until("ready");
    terminal.send("yes\r");
    terminal.until("Release 1.2?  [1] yes  [2] no  (default: no) > ");
    terminal.send("perhaps\r");
    terminal.until("`perhaps` is not an option; the options are `yes`, `no`");
    terminal.until(" > ");
    terminal.send("1\r");
    terminal.until("yes [demo] you asked: work");
    terminal.rest();
    assert_eq!(terminal.child.wait().unwrap().code(), Some(0));
}

#[test]
fn on_a_terminal_time_limits_hold_and_whoever_leaves_suspends_the_run() {
    let project = project(RELEASE);
    let mut terminal =
        OnTerminal::start(project.command(&["run", "s.rhai", "--max-time", "600ms"]));
    terminal.until(" > ");
    terminal.until("the time limit of the run (`max_time`) is reached");
    terminal.rest();
    assert_eq!(terminal.child.wait().unwrap().code(), Some(4));

    let mut terminal = OnTerminal::start(project.command(&["run", "s.rhai"]));
    terminal.until(" > ");
    terminal.send("\u{4}");
    terminal.until("suspended: nothing is running");
    terminal.rest();
    assert_eq!(terminal.child.wait().unwrap().code(), Some(9));

    let mut terminal = OnTerminal::start(project.command(&["answer", "@"]));
    terminal.until(" > ");
    terminal.send("\r");
    terminal.until("no [demo] you asked: work");
    terminal.rest();
    assert_eq!(terminal.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_replay_ends_where_the_run_waits_even_if_the_script_catches_what_it_cannot_ask() {
    let project = project(
        r#"print("before");
        let said = attempt(|| ask("Go?", #{ options: ["y", "n"] }));
        print(`after ${said.ok}`);"#,
    );
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!((ran.stdout.as_str(), ran.code), ("before\n", Some(9)), "{}", ran.stderr);

    let replayed = project.kaizen(&["replay"]);
    assert_eq!(
        (replayed.stdout.as_str(), replayed.code),
        ("before\n", Some(0)),
        "{}",
        replayed.stderr
    );
}

#[test]
fn several_questions_are_answered_by_number_or_operation() {
    let project = project(
        r#"
        let g = builder("two");
        g.add_operation("ask", #{ name: "who", question: "Who?" });
        let facts = g.add_operation(|| 41, #{ name: "facts" });
        g.add_operation("ask", #{ depends_on: facts, instruction: "How many?", schema: "n: integer" });
        g.add_operation(|inputs| print(`${inputs.who} ${inputs.ask.n + 1}`), #{ depends_on: ["who", "ask"] });
        session(branch("demo/echo")).flow(g);
        "#,
    );
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(9));

    let several = project.kaizen(&["answer", "@", "me"]);
    assert_eq!(
        (several.code, project.without_ids(&several.stderr)),
        (
            Some(2),
            "error: run RUN asks several questions\n    question 1 (who): Who?\n    question 2 \
             (ask): facts: 41\n\n    How many?  [JSON: {\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"}},\
             \"required\":[\"n\"]}]\n    answer each by its number, such as \
             `kaizen answer RUN:1 VALUE`\n"
                .to_owned()
        )
    );

    assert_eq!(project.kaizen(&["answer", "@:3", "x"]).code, Some(2));
    assert_eq!(project.kaizen(&["answer", "@:ask", "{n: '6'}"]).code, Some(9));
    let last = project.kaizen(&["answer", "@:who", "me"]);
    assert_eq!((last.code, last.stdout.as_str()), (Some(0), "me 7\n"), "{}", last.stderr);
}

#[test]
fn a_timeout_counts_from_the_first_time_the_question_is_asked() {
    let project = project(
        r#"let r = attempt(|| ask("Now?", #{ timeout: "10m" }));
        print(`${r.ok} ${r.value ?? r.error.kind}`);"#,
    );
    assert_eq!(at(&project, NINE, &["run", "s.rhai"]).code, Some(9));
    // Whoever resumes it earlier does not restart the time.
    let early = at(&project, NINE + 6 * MINUTE, &["resume", "@"]);
    assert_eq!(early.code, Some(9), "{}", early.stderr);
    let none = at(&project, NINE + 9 * MINUTE, &["runs", "--due"]);
    assert_eq!(none.stdout.lines().count(), 1, "{}", none.stdout);

    let due = at(&project, NINE + 11 * MINUTE, &["runs", "--due", "--json"]);
    assert_eq!(due.stdout.lines().count(), 1);
    let late = at(&project, NINE + 11 * MINUTE, &["resume", "--due"]);
    assert_eq!((late.code, late.stdout.as_str()), (Some(0), "false timeout\n"), "{}", late.stderr);
    assert_eq!(at(&project, NINE + 12 * MINUTE, &["resume", "--due"]).stderr, "nothing is due\n");
}

#[test]
fn long_sleeps_suspend_a_run_that_nobody_watches() {
    let project = project(
        r#"let began = now();
        let both = gather([|| { sleep(600_000); "slept" }, || { sleep_until("2026-12-01T10:30:00+01:00"); "until" }]);
        print(`${both} ${now() - began > 1_790_000}`);"#,
    );
    let slept = at(&project, NINE, &["run", "s.rhai", "-q"]);
    assert_eq!(slept.code, Some(9));
    assert!(slept.stderr.contains("\nsleeps until "), "{}", slept.stderr);

    // The first of them is over, and the other one is still far.
    assert_eq!(at(&project, NINE + 11 * MINUTE, &["resume", "--due"]).code, Some(0));
    assert_eq!(project.runs()[0]["status"], "waiting");
    let last = at(&project, NINE + 30 * MINUTE, &["resume", "--due"]);
    assert_eq!((last.code, last.stdout.as_str()), (Some(0), "[\"slept\", \"until\"] true\n"));
}

#[test]
fn a_script_that_looks_whether_somebody_has_answered_is_suspended_too() {
    let project = project(
        r#"let t = task(|| ask("Well?"));
        while !t.done { sleep(5); }
        print(t.wait());"#,
    );
    project.file("kaizen.toml", "[run]\nsuspend_after = \"300ms\"\n");
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(9));
    let answered = project.kaizen(&["answer", "@", "fine"]);
    assert_eq!(
        (answered.code, answered.stdout.as_str()),
        (Some(0), "fine\n"),
        "{}",
        answered.stderr
    );
}

#[test]
fn a_tool_may_ask_people_however_long_they_take() {
    let tool = r#"let t = tool("t", "Asks.", "q: string", |x| ask(`Really ${x.q}?`), #{ timeout_ms: 2000 });"#;
    let act = "branch().act(t, #{ q: \"x\" })";
    for script in [
        format!("{tool} print({act});"),
        // Within another tool.
        format!("{tool} let o = tool(\"o\", \"Calls.\", #{{}}, || {act}); print(branch().act(o, #{{}}));"),
        // By a task of the tool.
        tool.replace("ask(`Really ${x.q}?`)", "task(|| ask(`Really ${x.q}?`)).wait()")
            + &*format!("print({act});"),
        // By an operation of a flow.
        tool.replace(
            "ask(`Really ${x.q}?`)",
            "{ let g = builder(\"g\"); g.add_operation(\"ask\", #{ name: \"a\", question: `Really ${x.q}?` }); \
             session(branch()).flow(g).result(\"a\") }",
        ) + &*format!("print({act});"),
        // By whoever approves of the call of another tool.
        r#"let w = tool("w", "Writes.", #{}, || "yes", #{ approve: |a| { ask("Really x?"); false } });
        let o = tool("o", "Calls.", #{}, || branch().act(w, #{})); print(branch().act(o, #{}));"#
            .to_owned(),
    ] {
        let project = project(&script);
        project.file("kaizen.toml", "[project]\nmodel = \"demo/echo\"\n");
        let asked = project.kaizen(&["run", "s.rhai", "-q"]);
        assert_eq!(asked.code, Some(9), "{script}\n{}", asked.stderr);
        // An operation is named behind the number.
        let asks = ["question 1: Really x?", "question 1 (a): Really x?"];
        assert!(asks.iter().any(|asks| asked.stderr.contains(asks)), "{}", asked.stderr);

        let answered = project.kaizen(&["answer", "@", "yes"]);
        let seen = (answered.code, answered.stdout.as_str());
        assert_eq!(seen, (Some(0), "yes\n"), "{script}\n{}", answered.stderr);
        let replayed = project.kaizen(&["replay", "@"]);
        assert_eq!((replayed.code, replayed.stdout.as_str()), (Some(0), "yes\n"), "{}", replayed.stderr);
    }
}

#[test]
fn the_time_of_a_tool_goes_on_after_the_answer() {
    let project = project(
        r#"let t = tool("t", "Asks.", #{}, || { let a = ask("Now?"); sleep(60_000); a }, #{ timeout_ms: 300 });
        print(attempt(|| branch("demo/echo").act(t, #{})).error.message);"#,
    );
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(9));
    let answered = project.kaizen(&["answer", "@", "yes"]);
    let late = "tool `t`: `t` timed out after 300 ms\n";
    assert_eq!((answered.code, answered.stdout.as_str()), (Some(0), late), "{}", answered.stderr);
    for arguments in [&["replay", "@"][..], &["run", "--resume=@"]] {
        let again = project.kaizen(arguments);
        assert_eq!((again.code, again.stdout.as_str()), (Some(0), late), "{}", again.stderr);
    }

    let mut terminal = OnTerminal::start(project.command(&["run", "s.rhai"]));
    terminal.until("Now? > ");
    std::thread::sleep(std::time::Duration::from_millis(600));
    terminal.send("yes\r");
    terminal.until("timed out after 300 ms");
    terminal.rest();
    assert_eq!(terminal.child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_number_of_a_question_counts_before_the_name_of_an_operation() {
    let project = project(
        r#"let g = builder("two");
        g.add_operation("ask", #{ name: "2", question: "First?" });
        g.add_operation("ask", #{ name: "1", question: "Second?" });
        let report = session(branch("demo/echo")).flow(g);
        print(`${report.result("2")} ${report.result("1")}`);"#,
    );
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(9));
    assert_eq!(project.kaizen(&["answer", "@:1", "one"]).code, Some(9));
    let last = project.kaizen(&["answer", "@:2", "two"]);
    assert_eq!((last.code, last.stdout.as_str()), (Some(0), "one two\n"), "{}", last.stderr);
}

#[test]
fn limits_of_the_script_end_a_question() {
    let project = project(
        r#"print(attempt(|| timeout(20, || ask("Quick?"))).error.kind);
        print(race([|| ask("Slow?"), || { sleep(20); "first" }]));"#,
    );
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "timeout\nfirst\n"), "{}", ran.stderr);
}

#[test]
fn a_limit_that_is_far_holds_while_the_run_is_suspended() {
    let project = project(r#"print(attempt(|| timeout(3_600_000, || ask("Well?"))).error.kind);"#);
    assert_eq!(at(&project, NINE, &["run", "s.rhai"]).code, Some(9));
    assert_eq!(at(&project, NINE + 59 * MINUTE, &["resume", "--due"]).stderr, "nothing is due\n");
    let over = at(&project, NINE + 61 * MINUTE, &["resume", "--due"]);
    assert_eq!((over.code, over.stdout.as_str()), (Some(0), "timeout\n"), "{}", over.stderr);
}

#[test]
fn tests_say_what_people_answer_and_wait_for_no_time() {
    let project = Project::new();
    project.file(
        "a_test.rhai",
        r#"
        fn test_answered() {
            answers(#{ "Release *?": "YES", "How many?": "3" });
            assert_eq(ask("Release 1.2?", #{ options: ["yes", "no"] }), "yes");
            assert_eq(ask("How many?", #{ schema: #{ type: "integer" } }), 3);
            let before = now();
            sleep_until(before + 86_400_000);
            sleep(3_600_000);
            assert(now() - before >= 90_000_000);
        }
        fn test_unanswered() { attempt(|| ask("Who?")); }
        fn test_wrong() {
            answers(#{ "Which?": "c" });
            let r = attempt(|| ask("Which?", #{ options: ["a", "b"] }));
            assert_eq(r.error.message, "the test's answer to `Which?` is not valid: `c` is not an option; the options are `a`, `b`");
        }
        "#,
    );
    let ran = project.kaizen(&["test"]);
    assert_eq!(ran.code, Some(7), "{}{}", ran.stdout, ran.stderr);
    let all = format!("{}{}", ran.stdout, ran.stderr);
    assert!(
        all.contains("the test has no answer to `Who?`; write `answers(#{ \"..\": .. })`"),
        "{all}"
    );
    assert!(all.contains("2 passed"), "{all}");

    let outside = self::project("answers(#{});").kaizen(&["run", "s.rhai"]);
    assert_eq!(outside.code, Some(1), "{}", outside.stderr);
}

#[test]
fn plans_ask_nobody_and_forks_ask_again() {
    let project = project(
        r#"let b = branch("demo/echo");
        b.chat("one");
        if ask("More?", #{ options: ["yes", "no"] }) == "yes" { b.chat("two"); b.chat("three"); }
        print(b.chat("last"));"#,
    );
    let plan = project.kaizen(&["plan", "s.rhai", "--json"]);
    assert_eq!(plan.code, Some(0), "{}", plan.stderr);
    assert!(plan.stdout.contains("\"calls\":2,\"calls_max\":4"), "{}", plan.stdout);

    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(9));
    assert_eq!(project.kaizen(&["answer", "@", "no"]).code, Some(0));
    let forked = project.kaizen(&["fork", "@", "--at", "chat"]);
    assert_eq!(forked.code, Some(9), "{}", forked.stderr);
    assert_eq!(project.runs()[0]["waits"]["questions"][0]["number"], 1);
}

#[test]
fn watch_shows_the_question_and_a_session_asks_it() {
    let project = project(RELEASE);
    let mut watch = OnTerminal::start(project.command(&["watch", "s.rhai"]));
    watch.until("suspended: nothing is running");
    watch.until("question 1: Release 1.2?");

    // Somebody answers in another window.
    let answered = project.kaizen(&["answer", "@", "yes", "-q"]);
    assert_eq!(
        (answered.code, answered.stdout.as_str()),
        (Some(0), "yes [demo] you asked: work\n")
    );
    watch.until("was answered elsewhere: run");
    watch.until("ended: ok");
    watch.press('q');
    watch.rest();
    watch.child.wait().unwrap();

    let mut repl = OnTerminal::start(project.command(&["repl"]));
    repl.until(":help");
    repl.send("ask(\"Who?\", #{ default: \"you\" }).len() + 40\r");
    repl.until("Who?  (default: you) > ");
    repl.send("me\r");
    repl.until("42");
    repl.send("exit\r");
    repl.rest();

    let piped = project.kaizen(&["repl", "-e", "ask(\"Who?\")"]);
    assert_eq!(piped.code, Some(6), "{}", piped.stderr);
    assert!(
        piped.stderr.contains(
            "`kaizen repl` can ask people only on a terminal: `Who?` waits for an answer"
        ),
        "{}",
        piped.stderr
    );
}

#[test]
fn a_session_answers_runs_that_wait() {
    let project = project(RELEASE);
    let run = |input: &str| project.kaizen(&["repl", "--quiet", "-e", input]);
    assert_eq!(run(":answer").stderr, "no run waits for an answer\n");

    assert_eq!(project.kaizen(&["run", "s.rhai", "-q"]).code, Some(9));
    let listed = project.without_ids(&run(":answer").stdout);
    let lines = [
        "RUN waits:",
        "  question 1: Release 1.2?  [1] yes  [2] no  (default: no)",
        "  answer with `:answer RUN VALUE`",
    ];
    assert_eq!(listed.lines().collect::<Vec<_>>(), lines);

    let wrong = run(":answer @ maybe");
    assert_eq!(wrong.stdout, "");
    assert!(wrong.stderr.contains("Release 1.2?"), "{}", wrong.stderr);
    let answered = run(":answer @ yes --lost=tell");
    assert_eq!(answered.stdout, "yes [demo] you asked: work\n", "{}", answered.stderr);
    assert_eq!(run(":answer").stderr, "no run waits for an answer\n");
}

#[test]
fn check_finds_questions_that_no_answer_fits() {
    for (call, message) in [
        ("ask(\" \")", "a question must not be empty"),
        (
            "ask(\"?\", #{ default: \" \" })",
            "option `default` of `ask`: an answer must not be empty",
        ),
        ("ask(\"?\", #{ options: [] })", "option `options` of `ask`: must not be empty"),
        ("ask(\"?\", #{ options: [\"a\", \"a\"] })", "option `options` of `ask`: has `a` twice"),
        (
            "ask(\"?\", #{ options: [\"a\", []] })",
            "option `options` of `ask`: must contain texts, numbers or booleans, not `[]`",
        ),
        (
            "ask(\"?\", #{ options: [\"a\"], default: \"b\" })",
            "option `default` of `ask`: `b` is not an option; the options are `a`",
        ),
        (
            "ask(\"?\", #{ options: [\"a\"], schema: \"n: integer\" })",
            "option `schema` of `ask`: cannot be combined with `options`",
        ),
        (
            "ask(\"?\", #{ timeout: \"soon\" })",
            "option `timeout` of `ask`: must be milliseconds from 1 up or a text such as \"90s\" or \
             \"3d\", not `soon`",
        ),
        (
            "builder().add_operation(\"ask\", #{ question: \"?\", options: [1, 2], default: 3 })",
            "option `default` of `ask`: `3` is not an option; the options are `1`, `2`",
        ),
    ] {
        let project = project(&format!("print({call});"));
        let found = project.kaizen(&["check", "s.rhai"]);
        assert_eq!(found.code, Some(3), "{call}: {}", found.stderr);
        let all = format!("{}{}", found.stdout, found.stderr);
        assert!(all.contains(&format!("error[K0022]: {message}\n")), "{call}: {all}");
    }

    let fine = "let options = [\"x\"]; ask(\"?\", #{ options: options, default: \"a\" });";
    assert_eq!(project(fine).kaizen(&["check", "s.rhai"]).code, Some(0));
    let unknown = project("ask(\"?\", #{ option: [1] });").kaizen(&["check", "s.rhai"]);
    assert_eq!(unknown.code, Some(3));
}

#[test]
fn a_time_without_a_time_zone_is_none() {
    let project = project("sleep_until(\"2026-12-01T09:00:00\");");
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr.contains(
            "`2026-12-01T09:00:00` is not a time; write it with its time zone, such as \
             \"2026-12-01T09:00:00Z\" or \"2026-12-01T09:00:00+01:00\""
        ),
        "{}",
        ran.stderr
    );
}
