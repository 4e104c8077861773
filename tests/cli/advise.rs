//! What was learned, as people see it: `advise`, `failures`, `patterns`, and choices in `show`.

use crate::support::Project;
use crate::support::server::{Act, Server};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// A project that knows two patterns for one task type, one of them clearly better.
fn project() -> Project {
    let project = Project::new();
    project.file(
        "learn.rhai",
        r#"
        let o = optimizer();
        for i in 0..30 {
            o.record_execution("review/rust", "vote",
                #{ success_rate: 1.0, score: 0.9, execution_time: 2.0 });
            o.record_execution("review/rust", "direct",
                #{ success_rate: if i % 2 == 0 { 1.0 } else { 0.0 }, execution_time: 1.0 });
        }
        for i in 0..2 {
            o.save_pattern_failure("review/rust", "debate", #{ kind: "timeout", message: "60 s" });
        }
        o.save_pattern_failure("review/rust", "vote", #{ kind: "server", message: "is down" });
        "#,
    );
    let ran = project.kaizen(&["run", "learn.rhai", "--quiet"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    project
}

fn json(text: &str) -> Value {
    serde_json::from_str(text.trim()).unwrap_or_else(|_| panic!("JSON: {text}"))
}

#[test]
fn advice_has_a_reason_and_follows_the_group() {
    let project = project();
    let ran = project.kaizen(&["advise", "review/rust", "--best"]);
    assert_eq!(ran.stdout, "vote\n");
    assert!(ran.stderr.contains("`vote` scores 0."), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("; probability of being the best: 99 %; next: `"),
        "{}",
        ran.stderr
    );
    let ran = project.kaizen(&["advise", "review/go", "--best", "--explain"]);
    assert_eq!(ran.stdout, "vote\n", "a kind of the same group knows too");
    assert!(ran.stderr.contains("plus evidence from other task types worth"), "{}", ran.stderr);
    assert!(ran.stderr.contains('●'), "{}", ran.stderr);
    let told = json(&project.kaizen(&["advise", "other", "--json"]).stdout);
    assert_eq!((&told["pattern"], &told["guess"]), (&"direct".into(), &true.into()));
    let told = json(&project.kaizen(&["advise", "review/rust", "--json"]).stdout);
    let (low, high) =
        (told["interval"][0].as_f64().unwrap(), told["interval"][1].as_f64().unwrap());
    let (score, odds) = (told["score"].as_f64().unwrap(), told["probability"].as_f64().unwrap());
    assert!(low < score && score < high && (0.0..=1.0).contains(&odds), "{told}");
    let others = told["alternatives"].as_array().unwrap().iter();
    let best = others.chain([&told]).map(|one| one["best"].as_f64().unwrap());
    assert!((best.sum::<f64>() - 1.0).abs() < 1e-9, "one of them is the best: {told}");
}

#[test]
fn being_the_best_and_being_chosen_are_two_numbers() {
    let project = Project::new();
    project.file(
        "s.rhai",
        r#"
        let o = optimizer(#{ memory: true, among: ["a", "b"], seed: 2 });
        for i in 0..40 {
            o.record_execution("t", "a", #{ success_rate: if i % 5 == 0 { 0.0 } else { 1.0 }, execution_time: 2.0 });
            o.record_execution("t", "b", #{ success_rate: if i % 3 == 0 { 0.0 } else { 1.0 }, execution_time: 2.0 });
        }
        let found = o.recommend("t");
        let surer = found.pattern == "a" && found.best > 0.8 && found.best < 0.95 && found.probability > 0.97;
        print(`${surer} ${found.explored}`);
        let done = o.run("t", #{ a: |n| n, b: |n| n }, 1, #{ branch: branch("demo/echo") });
        print(done.best + (if done.pattern == "a" { 0.0 } else { 1.0 - 2.0 * done.best }) > 0.8);
        "#,
    );
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(ran.stdout, "true false\ntrue\n", "{}", ran.stderr);
}

#[test]
fn what_a_script_wanted_to_learn_from_the_demo_model_is_shown() {
    let project = Project::new();
    let (ran, _) = project.script(
        r#"
        let o = optimizer(#{ learn_from_demo: true });
        let b = branch("demo/echo");
        for i in 0..12 {
            o.run("t", #{ good: |x, b| b.chat("x") }, i, #{ branch: b, judge: |a| 1.0 });
            o.run("t", #{ bad: |x, b| b.chat("x") }, i, #{ branch: b, judge: |a| 0.1 });
        }
        "#,
    );
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(project.kaizen(&["advise", "t", "--best"]).stdout, "good\n");
    let shown = project.kaizen(&["patterns", "t"]);
    assert!(
        shown.stdout.contains("probably the best: `good`, probability > 99 %"),
        "{}",
        shown.stdout
    );
    assert!(!shown.stderr.contains("not counted"), "{}", shown.stderr);
}

#[test]
fn what_is_better_avoided_is_stated_and_changes_no_choice() {
    let project = Project::new();
    project.file(
        "s.rhai",
        r#"
        let o = optimizer(#{ seed: 1 });
        let fail = |task, pattern, times| {
            for i in 0..times { o.save_pattern_failure(task, pattern, #{ kind: "wrong_answer", message: "no" }); }
        };
        let succeed = |task, pattern, times| {
            for i in 0..times { o.record_execution(task, pattern, #{ success_rate: 1.0, execution_time: 2.0 }); }
        };
        fail.call("alone", "direct", 3);
        fail.call("two", "direct", 8);
        succeed.call("two", "vote", 8);
        fail.call("all", "direct", 9);
        fail.call("all", "vote", 9);
        succeed.call("all", "vote", 1);
        fail.call("down", "direct", 2);
        for i in 0..9 { o.save_pattern_failure("down", "direct", #{ kind: "server", message: "down" }); }
        fail.call("recovers", "direct", 8);
        succeed.call("recovers", "vote", 8);
        succeed.call("recovers", "direct", 20);
        let told = [];
        for task in ["alone", "two", "all", "down", "recovers", "new"] {
            told.push(o.should_avoid_pattern(task, "direct"));
        }
        print(told);
        print(o.should_avoid_pattern("two", "vote"));
        print(o.recommend("two").alternatives[0].avoided);
        print(o.failures("two")[0].avoided);
        print(o.get_best_pattern("alone"));
        "#,
    );
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let told = "[true, true, false, false, false, false]\nfalse\ntrue\ntrue\ndirect\n";
    assert_eq!(ran.stdout, told, "{}", ran.stderr);
    let shown = project.kaizen(&["failures", "two"]).stdout;
    let end = "\n  avoid: mostly fails and is unlikely to be the best\n";
    assert!(shown.ends_with(end), "{shown}");
    let reason = project.kaizen(&["advise", "two", "--best"]).stderr;
    assert!(reason.contains("; avoid `direct`: it mostly fails (wrong_answer)"), "{reason}");
}

#[test]
fn where_all_fail_mostly_the_best_of_them_is_chosen() {
    let project = Project::new();
    project.file(
        "s.rhai",
        r#"
        let o = optimizer(#{ memory: true, among: ["first", "second", "third"], seed: 1 });
        for i in 0..30 {
            for p in ["first", "second", "third"] {
                let good = p == "second" && i % 3 == 0;
                o.record_execution("t", p, #{ success_rate: if good { 1.0 } else { 0.0 }, execution_time: 2.0 });
            }
        }
        let found = o.recommend("t");
        print(`${found.pattern} ${found.probability > 0.9} ${found.guess}`);
        "#,
    );
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "second true false\n"), "{}", ran.stderr);
}

#[test]
fn tasks_of_minutes_and_of_milliseconds_are_told_apart_by_their_own_scale() {
    let project = Project::new();
    project.file(
        "s.rhai",
        r#"
        let o = optimizer();
        for task in [["minutes", 60.0], ["millis", 0.001]] {
            for i in 0..30 {
                for p in [["quick", 2.0], ["slow", 8.0]] {
                    let metrics = #{ success_rate: 1.0, execution_time: task[1] * p[1], cost: 0.5 * p[1] };
                    o.record_execution(task[0], p[0], metrics);
                }
            }
            let found = o.recommend(task[0]);
            print(`${found.pattern} ${found.score - found.alternatives[0].score > 0.1}`);
        }
        "#,
    );
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(ran.stdout, "quick true\nquick true\n", "{}", ran.stderr);
    let told = |task: &str| {
        let said = project.kaizen(&["advise", task, "--explain"]).stderr;
        let line =
            said.lines().find(|line| line.starts_with("the reward is halved ")).unwrap_or_default();
        line.to_owned()
    };
    let thrift = "for thrift at $2.500";
    assert_eq!(told("minutes"), format!("the reward is halved for speed at 5 min 0 s, {thrift}"));
    assert_eq!(told("millis"), format!("the reward is halved for speed at 5.00 ms, {thrift}"));
    let told = json(&project.kaizen(&["advise", "minutes", "--json"]).stdout);
    assert_eq!(told["scale"], serde_json::json!({ "time_half": 300.0, "cost_half": 2.5 }));
}

#[test]
fn what_is_known_of_an_input_makes_a_kind_of_task_of_its_own() {
    let project = Project::new();
    project.file(
        "s.rhai",
        r#"
        let o = optimizer(#{ among: ["cheap", "strong"], seed: 3 });
        for n in 0..200 {
            let length = 10 * (n % 10);
            for p in ["cheap", "strong"] {
                let good = p == "strong" || length < 40;
                let metrics = #{ success_rate: if good { 1.0 } else { 0.0 }, execution_time: if p == "cheap" { 1.0 } else { 9.0 } };
                if n % 2 == 0 {
                    o.record_execution("qa", p, metrics, #{ of: #{ length: length } });
                } else {
                    metrics.of = #{ length: length };
                    o.record_execution("qa", p, metrics);
                }
            }
        }
        for length in [0, 35, 60, 1000] {
            let found = o.recommend("qa", #{ of: #{ length: length } });
            print(`${found.task_type} ${found.pattern}`);
        }
        print(o.recommend("qa").task_type);
        let other = o.recommend("qa", #{ of: #{ lang: "de", length: 0 } });
        print(`${other.task_type} n=${other.n}`);
        let b = branch("demo/echo");
        let done = o.run("qa", #{ cheap: |x| x, strong: |x| x }, 1, #{ of: #{ length: 95 }, branch: b });
        print(`${done.task_type} ${done.pattern}`);
        "#,
    );
    let ran = project.kaizen(&["run", "s.rhai"]);
    let expected = "qa/length:1 cheap\nqa/length:2 cheap\nqa/length:4 strong\nqa/length:5 strong\nqa\n\
        qa/lang:de/length:1 n=0\nqa/length:5 strong\n";
    assert_eq!(ran.stdout, expected, "{}", ran.stderr);
    // Another process cuts alike.
    project
        .file("t.rhai", "print(optimizer().recommend(\"qa\", #{ of: #{ length: 35 } }).task_type)");
    assert_eq!(project.kaizen(&["run", "t.rhai"]).stdout, "qa/length:2\n");
    for (given, fault) in [
        ("json(\"3\")", "`of` must be a map such as `#{ length: 120 }`, not `3`"),
        ("#{ a: [] }", "the feature `a` in `of` must be a number, a word, true or false, not `[]`"),
    ] {
        let script = format!("optimizer().recommend(\"qa\", #{{ of: {given} }})");
        let ran = project.file("t.rhai", &script).kaizen(&["run", "t.rhai"]);
        assert!(ran.stderr.contains(fault), "{}", ran.stderr);
    }
}

#[test]
fn what_was_never_tried_is_called_neither_the_best_nor_the_worst() {
    let project = Project::new();
    project.file(
        "s.rhai",
        r#"
        let o = optimizer();
        for i in 0..20 { o.record_execution("hard", "a", #{ success_rate: 0.0, execution_time: 2.0 }); }
        for i in 0..20 { o.record_execution("easy", "a", #{ success_rate: 1.0, execution_time: 2.0 }); }
        for i in 0..5 { o.record_execution("easy", "b", #{ success_rate: 0.0, execution_time: 2.0 }); }

        let sure = optimizer(#{ explore: false, among: ["new", "a", "b"] });
        for task in ["hard", "easy"] {
            let found = sure.recommend(task);
            let others = found.alternatives.map(|one| `${one.pattern} n=${one.n} ${type_of(one.best)}`);
            print(`${found.pattern} ${found.explored} ${others}`);
        }
        let none = sure.recommend("hard", #{ among: ["x", "y"] });
        print(`${none.pattern} ${none.explored} ${none.guess} ${type_of(none.best)}: ${none.reason}`);
        "#,
    );
    let ran = project.kaizen(&["run", "s.rhai"]);
    let expected = "b false [\"a n=20 f64\", \"new n=0 ()\"]\na false [\"b n=5 f64\", \"new n=0 ()\"]\n\
        x false true (): on `hard`, `x` was never tried; nor was any other\n";
    assert_eq!(ran.stdout, expected, "{}", ran.stderr);

    let found = project.kaizen(&["advise", "hard", "--among", "a,new", "--best", "--explain"]);
    assert_eq!(found.stdout, "a\n");
    let told = "(n=20, success 0 %, 2.00 s); the only one that was tried\n";
    assert!(found.stderr.contains(told), "{}", found.stderr);
    let row = found.stderr.lines().last().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(row, "new - - - 0 - never tried");
    let found = project.kaizen(&["advise", "easy", "--among", "a,b,new", "--best"]);
    let told = "; probably the best of those tried; next: `b` scores";
    assert!(found.stderr.contains(told), "{}", found.stderr);
}

#[test]
fn a_change_is_told_wherever_the_pattern_is() {
    let project = Project::new();
    project.file(
        "s.rhai",
        r#"
        let o = optimizer();
        for i in 0..60 {
            o.record_execution("t", "vote", #{ success_rate: if i < 50 { 1.0 } else { 0.0 }, execution_time: 5.0 });
            o.record_execution("t", "direct", #{ success_rate: 1.0, execution_time: 5.0 });
        }
        let vote = o.recommend("t").alternatives[0];
        print(`${vote.pattern} ${vote.changed.from > 0.7} ${vote.changed.to == 0.0} ${type_of(vote.changed.at)}`);
        print(type_of(o.recommend("t").changed));
        "#,
    );
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(ran.stdout, "vote true true i64\n()\n", "{}", ran.stderr);
    let shown = project.kaizen(&["patterns", "t"]).stdout;
    let line = shown.lines().find(|line| line.contains("vote")).unwrap();
    assert!(
        line.contains("changed from 0.7") && line.ends_with(" to 0.00 13 executions ago"),
        "{line}"
    );
}

#[test]
fn failures_are_told_by_kind_with_what_they_teach() {
    let project = project();
    let ran = project.kaizen(&["failures"]);
    assert!(ran.stdout.contains("review/rust / debate: timeout (time) 2 times"), "{}", ran.stdout);
    assert!(ran.stdout.contains("lesson: it took too long"), "{}", ran.stdout);
    assert!(ran.stdout.contains("does not count against the pattern"), "{}", ran.stdout);
    let lines: Vec<Value> =
        project.kaizen(&["failures", "review/rust", "--json"]).stdout.lines().map(json).collect();
    // An execution that was recorded with hardly any success is one, without a kind of its own.
    let found: Vec<(&str, &str)> = lines
        .iter()
        .map(|line| (line["kind"].as_str().unwrap(), line["message"].as_str().unwrap()))
        .filter(|(kind, _)| *kind == "failed")
        .collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(found, [("failed", "less than half of the work produced a result")]);
    assert!(lines[0]["first_at"].as_i64() <= lines[0]["last_at"].as_i64());
    let ran = project.kaizen(&["failures", "nothing"]);
    assert!(ran.stderr.contains("no failures recorded on `nothing`"), "{}", ran.stderr);
}

#[test]
fn the_order_is_told_only_as_far_as_it_is_known() {
    let project = project();
    let ran = project.kaizen(&["patterns", "review/rust", "--plot", "--svg", "p.svg"]);
    let belief = "probably the best: `vote`, probability 99 % (a belief from all recorded executions; test it with `kaizen compare`)";
    assert!(ran.stdout.contains(belief), "{}", ran.stdout);
    assert!(ran.stdout.contains('├'), "{}", ran.stdout);
    let picture = std::fs::read_to_string(project.path().join("p.svg")).unwrap();
    assert!(picture.starts_with("<svg") && picture.contains("polyline"), "{picture}");
    project.file(
        "even.rhai",
        "let o = optimizer(); for i in 0..4 { for p in [\"a\", \"b\"] {
             o.record_execution(\"even\", p, #{ success_rate: 1.0, execution_time: 1.0 }); } }",
    );
    project.kaizen(&["run", "even.rhai"]);
    let ran = project.kaizen(&["patterns", "even"]);
    assert!(ran.stdout.contains("probably the best: `b`, probability 50 %"), "{}", ran.stdout);
}

#[test]
fn a_choice_is_journaled_with_its_probability_and_made_again() {
    let project = project();
    project.file(
        "choose.rhai",
        r#"
        let o = optimizer(#{ among: ["vote", "direct", "debate"] });
        let chosen = [];
        for i in 0..20 { chosen.push(o.recommend_pattern("review/rust")); }
        print(chosen);
        "#,
    );
    let ran = project.kaizen(&["run", "choose.rhai"]);
    let shown = project.kaizen(&["show"]).stdout;
    let line =
        shown.lines().find(|line| line.starts_with("recommend review/rust among #")).unwrap();
    assert!(line.contains("` (probability of the choice: ") && line.contains(" n=30, "), "{line}");
    let told = project.events("told");
    assert_eq!(told.len(), 20);
    // What is learned meanwhile changes nothing of what was chosen.
    project.kaizen(&["run", "learn.rhai", "--quiet"]);
    let run = json(project.kaizen(&["runs", "--json"]).stdout.lines().nth(1).unwrap());
    let again = project.kaizen(&["replay", run["run"].as_str().unwrap()]);
    assert_eq!((again.code, again.stdout), (Some(0), ran.stdout), "{}", again.stderr);
}

/// A loop that chooses, and shows everything that it was told. After every 20 choices it waits for a server,
/// which lets others record.
const LOOP: &str = r#"
    let among = ["direct", "vote", "gather", "refine", "debate"];
    let o = optimizer(#{ OPTIONS });
    for i in 0..60 {
        let found = o.recommend("review/rust", #{ among: among, of: #{ length: 7 * i % 13 } });
        print(`${i} ${found}`);
        let good = random() < #{ direct: 0.9, vote: 0.7, gather: 0.5, refine: 0.4, debate: 0.2 }[found.pattern];
        let metrics = #{ success_rate: if good { 1.0 } else { 0.0 }, execution_time: 1.0 + i % 3, cost: 0.001 };
        o.record_execution("review/rust", found.pattern, metrics, #{ of: #{ length: 7 * i % 13 } });
        if i % 20 == 19 { print(http_get("SERVER/" + i)); }
    }
"#;

/// A server that learns in a project with every request, and then answers; the third one it never answers.
fn meanwhile(project: &Project) -> (Server, Receiver<usize>) {
    let program = Mutex::new(project.command(&["run", "learn.rhai", "--quiet"]));
    let (send, learned) = channel();
    let server = Server::start(move |number, _, _| {
        let ran = program.lock().unwrap().output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
        send.send(number).unwrap();
        if number == 2 { Act::Hang } else { Act::Answer(200, String::new(), b"ok".to_vec()) }
    });
    (server, learned)
}

#[test]
fn a_run_that_goes_on_is_told_the_whole_of_every_choice_again() {
    let each = |options: &'static str| {
        let project = project();
        let (server, learned) = meanwhile(&project);
        let host = server.url.trim_start_matches("http://").to_owned();
        let allowed = format!("--allow-net={host}");
        let script = LOOP.replace("OPTIONS", options).replace("SERVER", &server.url);
        project.file("loop.rhai", &script);

        let mut command = project.command(&["run", "loop.rhai", &allowed, "--progress", "none"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told: Vec<String> = lines.by_ref().take(62).map(Result::unwrap).collect();
        assert_eq!(told.iter().filter(|line| *line == "ok").count(), 2, "{told:?}");
        // The third time it waits for good.
        for number in 0..3 {
            assert_eq!(learned.recv_timeout(Duration::from_mins(1)), Ok(number));
        }
        child.kill().unwrap();
        child.wait().unwrap();

        // Others record once more.
        project.kaizen(&["run", "learn.rhai", "--quiet"]);
        let runs = project.kaizen(&["runs", "--json"]).stdout;
        let runs: Vec<Value> = runs.lines().map(json).collect();
        let run = runs.iter().find(|run| run["script"] == "loop.rhai").unwrap();
        let run = format!("--resume={}", run["run"].as_str().unwrap());
        let again = project.kaizen(&["run", &run, &allowed]);
        let again: Vec<&str> = again.stdout.lines().collect();
        assert_eq!(again[..62], told, "{options}");
        assert_eq!(again[62..], ["ok"], "{options}");
    };

    let all = ["memory: true", "policy: \"learn\"", "policy: \"guide\"", "learn_from_demo: true"];
    std::thread::scope(|scope| {
        for options in all {
            scope.spawn(move || each(options));
        }
    });
}

#[test]
fn a_choice_takes_few_bytes_whatever_it_is_among() {
    let many: Vec<String> =
        (0..40).map(|n| format!("\"a_pattern_with_quite_a_long_name_{n}\"")).collect();
    let five = "\"direct\", \"vote\", \"gather\", \"refine\", \"debate\"".to_owned();
    for (options, most) in [("", 260), ("memory: true,", 240)] {
        for among in [&five, &many.join(", ")] {
            let size = |choices: u64| {
                let project = Project::new();
                let script = format!(
                    "let o = optimizer(#{{ {options} among: [{among}] }});
                    for i in 0..{choices} {{
                        let found = o.recommend(\"qa\");
                        if i < 60 {{ o.record_execution(\"qa\", found.pattern, #{{ success_rate: 1.0 }}); }}
                    }}"
                );
                let ran = project.file("s.rhai", &script).kaizen(&["run", "s.rhai"]);
                assert_eq!(ran.code, Some(0), "{}", ran.stderr);
                std::fs::metadata(project.path().join(".kaizen/kaizen.db")).unwrap().len()
            };
            let each = (size(1100) - size(100)) / 1000;
            assert!(each <= most, "{options} {each} bytes per choice");
        }
    }
}

#[test]
fn limits_and_weights_are_said_in_the_options() {
    let project = Project::new();
    project.file(
        "s.rhai",
        r#"
        let among = ["slow", "quick"];
        let learn = |o| {
            for i in 0..20 {
                o.record_execution("t", "slow", #{ success_rate: 1.0, score: 1.0, execution_time: 9.0 });
                o.record_execution("t", "quick", #{ success_rate: 1.0, score: 0.6, execution_time: 1.0 });
            }
            o.get_best_pattern("t")
        };
        print(learn.call(optimizer(#{ memory: true, objective: #{ quality: 1 } })));
        print(learn.call(optimizer(#{ memory: true, objective: #{ time: 1 } })));
        print(learn.call(optimizer(#{ memory: true, objective: #{ quality: 1 },
            constraints: #{ p95_time: 5 } })));
        print(optimizer(#{ memory: true, policy: "fixed", among: among }).recommend_pattern("t"));
        "#,
    );
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(ran.stdout, "slow\nquick\nquick\nslow\n", "{}", ran.stderr);
    let wrong = "optimizer(#{ memory: true, constraints: #{ p95: 5 } })";
    let ran = project.file("s.rhai", wrong).kaizen(&["run", "s.rhai"]);
    assert!(
        ran.stderr.contains("`constraints` has no option `p95`")
            && ran.stderr.contains("valid options: p95_time, "),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_verdict_of_a_comparison_in_a_script_is_repeated_word_for_word() {
    let project = Project::new();
    project.file(
        "s.rhai",
        r#"let o = optimizer(#{ learn_from_demo: true, objective: "quality" });
let found = o.compare("count", #{ right: |n| n, wrong: |n| n + 1 }, (0..30).to_array(), #{
    judge: |answer, n| answer == n, branch: branch("demo/echo"),
});
print(`tested: ${found.reason}; objective: ${found.objective.name}`);
"#,
    );
    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let verdict = ran.stdout.trim_end();
    assert!(verdict.starts_with("tested: `right` is better"), "{verdict}");

    let patterns = project.kaizen(&["patterns"]);
    assert!(patterns.stdout.contains(&format!("  {verdict} (run ")), "{}", patterns.stdout);
    let explained = project.kaizen(&["advise", "count", "--best", "--explain"]);
    assert!(explained.stderr.contains(&format!("{verdict} (run ")), "{}", explained.stderr);
}

#[test]
fn advice_without_explain_is_the_pattern_and_one_line() {
    let project = project();
    let ran = project.kaizen(&["advise", "review/rust", "--best"]);
    expect_test::expect![[r#"
        vote
        on `review/rust`, `vote` scores 0.76 [0.72, 0.79] (n=30, success 100 %, quality 0.90, 2.00 s); probability of being the best: 99 %; next: `direct` scores 0.39 [0.20, 0.58] (n=30, success 50 %, 1.00 s), probability < 1 %; objective: balanced (quality 70 %, time 30 %) (`--explain` shows the details)
    "#]].assert_eq(&format!("{}{}", ran.stdout, ran.stderr));

    let quiet = project.kaizen(&["advise", "review/rust", "--best", "--quiet"]);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("vote\n", ""));
}
