//! `o.run` and `o.compare` in whole runs: what they decide, record, and do not do twice.

use crate::support::Project;
use crate::support::server::{Server, answer};
use serde_json::Value;

/// A server on which the pattern `good` is right, and `bad` one time in three.
fn server() -> Server {
    Server::start(|_, _, body| {
        let is_third = (0..200).step_by(3).any(|n| body.contains(&format!(" {n}.")));
        answer(if body.contains("good") || is_third { "yes" } else { "no" })
    })
}

const WAYS: &str = r#"
    let ways = #{ good: |x, b| b.chat(`good ${x}.`), bad: |x, b| b.chat(`bad ${x}.`) };
    let judge = |answer| answer == "yes";
    let o = optimizer(#{ objective: #{ quality: 1 } });
"#;

fn rows(project: &Project) -> Vec<(String, f64)> {
    let store = rusqlite::Connection::open(project.path().join(".kaizen/kaizen.db")).unwrap();
    let sql = "SELECT pattern, success_rate FROM observations ORDER BY seq";
    let mut statement = store.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

fn compare(options: &str) -> String {
    format!(
        "{WAYS}\nlet found = o.compare(\"t\", ways, (0..200).to_array(), \
         #{{ judge: judge, {options} }});\nprint(found.reason);\nfound"
    )
}

#[test]
fn the_better_pattern_is_found_and_its_executions_are_experience() {
    let (server, project) = (server(), Project::new());
    let (ran, done) = project.with_server(&server).script(&compare("warm_up: 2"));
    let found = &done["value"];
    assert_eq!(
        (&found["verdict"], &found["winner"]),
        (&"better".into(), &"good".into()),
        "{ran:?}"
    );
    let inputs = found["inputs"].as_u64().unwrap();
    assert!((9..60).contains(&inputs), "{found}");
    assert_eq!(found["calls"], 2 * inputs + 4, "two of each pattern are not counted");
    assert!(found["interval"][0].as_f64() > Some(0.0) && found["to_decide"].is_null(), "{found}");
    assert_eq!(rows(&project).len() as u64, 2 * inputs);
    let advice = project.kaizen(&["advise", "t", "--best"]);
    assert_eq!(advice.stdout, "good\n", "{}", advice.stderr);
    // Both had the same inputs, in turn.
    let asked = server.bodies().iter().filter(|body| body.contains("good 5.")).count();
    assert_eq!(asked, 1);
}

#[test]
fn what_is_not_decided_is_open_and_priced() {
    let (server, project) = (server(), Project::new());
    let (ran, done) = project.with_server(&server).script(&compare("max_calls: 11, warm_up: 0"));
    let found = &done["value"];
    assert_eq!((ran.code, &found["verdict"], server.bodies().len()), (Some(0), &"open".into(), 11));
    let reason = found["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("not distinguishable yet: `good` is ahead of `bad` by "),
        "{reason}"
    );
    assert!(reason.contains("the budget is spent; about "), "{reason}");
    let more = &found["to_decide"];
    assert_eq!(more["calls"].as_f64(), more["inputs"].as_f64().map(|n| 2.0 * n), "{found}");
    let equal = r#"
        let o = optimizer(#{ memory: true });
        o.compare("t", #{ a: |x| x, b: |x| x }, (0..40).to_array(),
            #{ judge: |answer, x| answer == x, min_effect: 0.2, repeat: 5, branch: branch("demo/echo") })
    "#;
    let (ran, done) = project.script(equal);
    assert_eq!(done["value"]["verdict"], "same", "{ran:?}");
}

#[test]
fn what_is_likely_is_told_beside_what_is_sure() {
    let project = Project::new();
    // Graded scores close together, which the bets cannot tell apart so soon.
    let text = r#"
        let o = optimizer(#{ memory: true, objective: #{ quality: 1 } });
        let found = o.compare("t", #{ a: |n| 0.92 + (n % 5) * 0.01, b: |n| 0.90 + (n % 3) * 0.01 },
            (0..40).to_array(), #{ judge: |answer| answer, branch: branch("demo/echo") });
        print(found.reason);
        found
    "#;
    let (ran, done) = project.script(text);
    let found = &done["value"];
    assert_eq!((&found["verdict"], &found["winner"]), (&"open".into(), &Value::Null), "{ran:?}");
    assert_eq!(found["likely"]["pattern"], "a");
    assert_eq!(found["likely"]["unless"], "a rare failure is hidden");
    assert!(found["likely"]["chance"].as_f64() > Some(0.99), "{found}");
    let reason = found["reason"].as_str().unwrap();
    let start = "not distinguishable yet: `a` is ahead of `b` by 0.030 ";
    let middle = " after 40 inputs (tested, 95 % confidence at every look); there are no more inputs; about ";
    let end = "; `a` is probably better (> 99 %), unless rare failures have not occurred yet";
    assert!(reason.starts_with(start) && reason.contains(middle), "{reason}");
    assert!(reason.ends_with(end), "{reason}");
}

#[test]
fn the_same_executions_never_get_two_verdicts() {
    let server = server();
    let project = scripts(&server);
    let command = ["compare", "right.rhai", "wrong.rhai", "--tasks", "tasks.jsonl"];
    let said = |arguments: &[&str]| {
        let ran = project.kaizen(arguments);
        format!("{}{}", ran.stdout, ran.stderr)
    };
    for (more, verdict) in
        [(&["--max-calls", "9"][..], "not distinguishable yet"), (&[], "is better than")]
    {
        let compared = said(&[&command[..], more].concat());
        assert!(
            compared.contains(verdict)
                && compared.contains("(tested, 95 % confidence at every look)")
        );
        let line = compared.lines().find(|line| line.contains(verdict)).unwrap();
        let objective = compared.lines().find(|line| line.starts_with("objective: ")).unwrap();
        let tested = format!("tested: {line}; {objective} (run ");

        // `patterns` and `advise` repeat what was tested, word for word; what is likely is told in other
        // words.
        for (told, belief) in [
            (said(&["patterns", "tasks"]), "probably the best: `right`, probability "),
            (said(&["advise", "tasks", "--best", "--explain"]), "probability of being the best"),
        ] {
            assert!(told.contains(&tested), "{tested} in {told}");
            assert!(told.contains("objective: balanced (quality 70 %, time 30 %)"), "{told}");
            let kept: Vec<&str> =
                told.lines().filter(|line| !line.trim_start().starts_with("tested: ")).collect();
            let told = kept.join("\n");
            assert!(told.contains(belief), "{told}");
            for word in ["distinguishable", "is better", "clearly", "a test,", "significant"] {
                assert!(!told.contains(word), "`{word}` in {told}");
            }
        }
    }
}

#[test]
fn the_errors_of_a_judge_are_counted_and_priced() {
    let (server, project) = (server(), Project::new());
    // The judge asks, and finds every fifth answer of either kind wrong.
    let text = |accuracy: &str| {
        format!(
            r#"
            let o = optimizer(#{{ memory: true, objective: #{{ quality: 1 }} }});
            let ways = #{{ more: |n| n % 4 != 0, less: |n| n % 2 == 0 }};
            let judge = |answer, n| {{ branch().chat(`judge ${{n}}`); if n % 5 == 0 {{ !answer }} else {{ answer }} }};
            o.compare("t", ways, (0..40).to_array(), #{{ judge: judge, warm_up: 0, judge_accuracy: {accuracy} }})
            "#
        )
    };
    project.with_server(&server);
    let (ran, done) = project.script(&text("#{ sensitivity: 0.8, specificity: 0.8 }"));
    let found = &done["value"];
    let (difference, truth) =
        (found["difference"].as_f64().unwrap(), found["judge"]["difference"].as_f64().unwrap());
    assert!((truth - difference / 0.6).abs() < 1e-9 && difference > 0.0, "{found} {ran:?}");
    let [low, high] = [0, 1].map(|end| found["judge"]["interval"][end].as_f64().unwrap());
    let [said_low, said_high] = [0, 1].map(|end| found["interval"][end].as_f64().unwrap());
    assert!((low - said_low / 0.6).abs() < 1e-9 && (high - said_high / 0.6).abs() < 1e-9);
    assert!(found["judge"]["times_inputs"].as_f64() > Some(2.0), "{found}");
    let more = &found["to_decide"];
    let calls = more["inputs"].as_f64().map(|inputs| 2.0 * inputs);
    assert_eq!((more["judge"]["calls"].as_f64(), &more["calls"]), (calls, &0.into()), "{found}");
    let reason = found["reason"].as_str().unwrap();
    assert!(reason.contains("; corrected for the judge's errors, the difference is "), "{reason}");
    assert!(reason.contains("; the judge would need "), "{reason}");

    let labels =
        "[#{ answer: true, input: 1, right: true }, #{ answer: true, input: 5, right: true },
        #{ answer: false, input: 2, right: false }]";
    let (ran, done) = project.script(&text(labels));
    let found = &done["value"]["judge"];
    assert_eq!(
        (&found["sensitivity"], &found["specificity"]),
        (&0.5.into(), &1.0.into()),
        "{ran:?}"
    );
    assert_eq!(done["value"]["calls"], 80 + 3, "the labelled answers are judged once each");

    for (accuracy, fault) in [
        ("0.5", "is no better than chance"),
        ("90", "a share from 0 to 1, not 90"),
        ("\"good\"", "must be a share such as .9, or"),
        ("[#{ answer: true, input: 1, right: true }]", "must include both right and wrong ones"),
    ] {
        let (ran, _) = project.script(&text(accuracy));
        assert!(ran.stderr.contains(fault), "{accuracy}: {}", ran.stderr);
    }
}

#[test]
fn a_comparison_that_was_stopped_goes_on_where_it_was() {
    let (server, project) = (server(), Project::new());
    let text = compare("warm_up: 1, seed: 1").replace(", seed: 1", "");
    let undisturbed = {
        let (_, done) = project.with_server(&server).script(&text);
        (server.bodies().len(), done["value"].clone())
    };
    let (server, project) = (self::server(), Project::new());
    project.with_server(&server).file("script.rhai", &text);
    let ran = project.kaizen(&["run", "script.rhai", "--max-calls", "15", "--seed", "7"]);
    assert_eq!((ran.code, server.bodies().len()), (Some(4), 15), "{}", ran.stderr);
    let before = rows(&project).len();
    let ran = project.kaizen(&["run", "--resume", "--json", "--max-calls", "1000"]);
    let done: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(done["value"]["winner"], undisturbed.1["winner"], "{}", ran.stderr);
    assert_eq!(done["value"]["inputs"], undisturbed.1["inputs"], "{}", ran.stderr);
    assert_eq!(server.bodies().len(), undisturbed.0, "nothing is asked twice");
    assert!(before > 0);
    assert_eq!(rows(&project).len() as u64, 2 * done["value"]["inputs"].as_u64().unwrap());
    let again = project.kaizen(&["replay"]);
    assert!(again.stderr.contains(": same: "), "{}", again.stderr);
}

#[test]
fn run_learns_what_works_and_uses_it() {
    let (server, project) = (server(), Project::new());
    let text = format!(
        "{WAYS}
        let chosen = [];
        for i in 0..60 {{ chosen.push(o.run(\"t\", ways, i, #{{ judge: judge }}).pattern); }}
        chosen"
    );
    let (ran, done) = project.with_server(&server).script(&text);
    let chosen: Vec<&str> =
        done["value"].as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect();
    let late = chosen[40..].iter().filter(|pattern| **pattern == "good").count();
    assert!(late >= 17, "{chosen:?} {}", ran.stderr);
    assert_eq!(rows(&project).len(), 60);
    let shown = project.kaizen(&["show"]).stdout;
    assert!(shown.contains("run t among #"), "{shown}");
}

#[test]
fn the_choice_leaves_a_model_that_degrades_and_comes_back() {
    let text = r##"
        fn good(chosen) { chosen.filter(|one| one == "good").len }

        /// What is chosen while the model of the better pattern works, then does not, then does again.
        fn through(trouble) {
            let o = optimizer(#{ memory: true, learn_from_demo: true, objective: #{ quality: 1 } });
            let chosen = [];
            for phase in [[60, #{}], [60, trouble], [260, #{}]] {
                let works = #{ provider: "demo", model: "good", attempts_max: 1, replies: #{ "?": "yes" } };
                let better = imodel(works + phase[1]);
                let other = imodel(#{ provider: "demo", model: "other", replies: #{ "?": "so so" } });
                let ways = #{ good: |x| branch(better).chat("?"), other: |x| branch(other).chat("?") };
                let judge = |answer| if answer == "yes" { 1.0 } else if answer == "so so" { 0.6 } else { 0.0 };
                let mine = [];
                for i in 0..phase[0] {
                    let done = attempt(|| o.run("t", ways, i, #{ judge: judge }));
                    mine.push(if done.ok { done.value.pattern } else { "good" });
                }
                chosen.push(mine);
            }
            assert(good(chosen[0].extract(20)) >= 36, `before: ${chosen[0]}`);
            assert(good(chosen[1].extract(30)) <= 6, `during: ${chosen[1]}`);
            assert(good(chosen[2].extract(210)) >= 40, `after: ${chosen[2]}`);
        }
        fn test_down() { through(#{ error_rate: 1.0 }); }
        fn test_wrong() { through(#{ replies: #{ "?": "nonsense" } }); }
    "##;
    let project = Project::new();
    let ran = project.file("choice_test.rhai", text).kaizen(&["test"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn a_pattern_that_fails_is_recorded_and_its_error_thrown() {
    let project = Project::new();
    let text = r#"
        let o = optimizer(#{});
        let tried = attempt(|| o.run("t", #{ wrong: |x| throw "nothing found" }, 1, #{ branch: branch("demo/echo") }));
        [tried.ok, tried.error.message, tried.error.op]
    "#;
    let (ran, done) = project.script(text);
    assert_eq!(done["value"], serde_json::json!([false, "nothing found", "wrong"]), "{ran:?}");
    assert_eq!(rows(&project), [("wrong".to_owned(), 0.0)]);
    assert_eq!(ran.code, Some(0), "what a script has dealt with is no failure of the run");
}

#[test]
fn an_execution_is_recorded_once_whenever_the_run_dies() {
    for point in ["op_kept", "observation_half", "observation_kept", "call_begins"] {
        let (server, project) = (server(), Project::new());
        let text = format!(
            "{WAYS}\nfor i in 0..4 {{ o.run(\"t\", ways, i, #{{ judge: judge }}); }}\n\"end\""
        );
        project.with_server(&server).file("script.rhai", &text);
        let mut command = project.command(&["run", "script.rhai"]);
        let died = command.env("KAIZEN_FAILPOINT", format!("{point}:3:kill")).output().unwrap();
        assert_eq!(died.status.code(), None, "{point}");
        let ran = project.kaizen(&["run", "--resume"]);
        assert_eq!(ran.code, Some(0), "{point}: {}", ran.stderr);
        assert_eq!(rows(&project).len(), 4, "{point}: {}", ran.stderr);
        let asked = server.bodies().len();
        assert!(asked <= 5, "{point}: {asked} calls, of which one may have been in flight");
    }
}

/// Two scripts on the same tasks; the one that is called `right` always is.
fn scripts(server: &Server) -> Project {
    let project = Project::new();
    project.with_server(server);
    for name in ["right", "wrong"] {
        let word = if name == "right" { "good" } else { "bad" };
        let text = format!("let n = param(\"task\", 0); branch().chat(`{word} ${{n}}.`)");
        project.file(&format!("{name}.rhai"), &text);
    }
    let tasks = (0..60).map(|n| format!("{{\"task\": {n}, \"expected\": \"Yes\"}}\n"));
    project.file("tasks.jsonl", &tasks.collect::<String>());
    project
}

#[test]
fn scripts_are_compared_on_the_same_tasks_and_go_on_after_a_stop() {
    let server = server();
    let project = scripts(&server);
    let command = ["compare", "right.rhai", "wrong.rhai", "--tasks", "tasks.jsonl"];
    let more = |more: &[&'static str]| project.kaizen(&[&command[..], more].concat());
    let ran = more(&["--max-calls", "9"]);
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert!(ran.stdout.contains("not distinguishable yet: `right`"), "{}", ran.stdout);
    let ran = more(&["--resume", "--json"]);
    let found: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    assert_eq!((ran.code, &found["winner"]), (Some(0), &"right".into()), "{ran:?}");
    let asked = server.bodies();
    assert_eq!(asked.len() as u64, 2 * found["inputs"].as_u64().unwrap() + 2);
    let advice = project.kaizen(&["advise", "tasks", "--best"]);
    assert_eq!(advice.stdout, "right\n", "{}", advice.stderr);
    let judge = "let answer = param(\"answer\", \"\"); let task = param(\"task\", #{});
        if answer == task.expected { 1.0 } else { 0.5 }";
    project.file("judge.rhai", judge);
    let ran = more(&["--judge", "judge.rhai", "--json"]);
    let found: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(found["patterns"][0]["quality"], 0.5, "capitals count for this judge: {ran:?}");
    assert_eq!(found["verdict"], "open", "{found}");

    project.file(
        "labels.jsonl",
        "{\"answer\": \"Yes\", \"input\": {\"expected\": \"Yes\"}, \"right\": true}\n\
        {\"answer\": \"no\", \"input\": {\"expected\": \"Yes\"}, \"right\": false}\n",
    );
    for (accuracy, expected) in [(".9", 0.9), (".95,.8", 0.95), ("labels.jsonl", 1.0)] {
        let judge = "let answer = param(\"answer\", \"\"); let task = param(\"task\", #{});
            if answer == task.expected { 1.0 } else { 0.0 }";
        project.file("judge.rhai", judge);
        let ran = more(&["--judge", "judge.rhai", "--judge-accuracy", accuracy, "--json"]);
        let found: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
        assert_eq!(found["judge"]["sensitivity"], expected, "{ran:?}");
    }
    let ran = more(&["--judge-accuracy", "none.jsonl"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("--judge-accuracy takes shares such as .9 or .95,.8, or a file"));
}

#[test]
fn what_is_wrong_with_a_comparison_is_said_before_anything_is_spent() {
    let server = server();
    let project = scripts(&server);
    project.file("empty.jsonl", "\n").file("bad.jsonl", "1\n{\n").file("sub/right.rhai", "1");
    project.file("other.jsonl", "{\"job\": 1}\n");
    let cases: [(&[&str], &str); 6] = [
        (&["right.rhai", "none.rhai", "--tasks", "tasks.jsonl"], "cannot read `none.rhai`"),
        (
            &["right.rhai", "sub/right.rhai", "--tasks", "tasks.jsonl"],
            "two scripts are named `right`",
        ),
        (&["right.rhai", "wrong.rhai", "--tasks", "empty.jsonl"], "contains no tasks"),
        (&["right.rhai", "wrong.rhai", "--tasks", "bad.jsonl"], "`bad.jsonl`: line 2"),
        (
            &["right.rhai", "wrong.rhai", "--tasks", "other.jsonl"],
            "no field of `other.jsonl` (job) is a parameter of `right.rhai` (it has: task)",
        ),
        (
            &["right.rhai", "wrong.rhai", "--tasks", "tasks.jsonl", "--confidence", "95"],
            "--confidence must be above 0 and below 1",
        ),
    ];
    for (arguments, expected) in cases {
        let ran = project.kaizen(&[&["compare"], arguments].concat());
        assert!(ran.stderr.contains(expected), "{arguments:?}: {}", ran.stderr);
        assert_ne!(ran.code, Some(0));
    }
    assert_eq!(server.bodies().len(), 0);
}

#[test]
fn what_is_wrong_with_a_call_is_said() {
    let project = Project::new();
    let cases = [
        ("o.run(\"t\", #{}, 1)", "`run` needs patterns, such as `#{ direct: |input| .. }`"),
        ("o.run(\"t\", #{ a: 1 }, 1)", "`run` takes functions, `|input, branch| ..`, not an int"),
        ("o.run(\"t\", #{ a: |x| x }, branch(\"demo/echo\"))", "the input must be plain data"),
        ("o.run(\"t\", #{ a: |x| x }, 1, #{ judge: 1 })", "must be a function, `|answer| ..`"),
        ("o.run(\"t\", #{ a: |x| x }, 1, #{ judge: |a| 2 })", "not `2`"),
        ("o.compare(\"t\", #{ a: |x| x }, [1])", "`compare` needs at least two patterns"),
        ("o.compare(\"t\", #{ a: |x| x, b: |x| x }, [])", "`compare` needs at least one input"),
        (
            "o.compare(\"t\", #{ a: |x| x, b: |x| x }, [1], #{ confidence: 95 })",
            "must be a number above 0 and below 1",
        ),
        ("o.compare(\"t\", #{ a: |x| x, b: |x| x }, [1], #{ budget: 1 })", "no option `budget`"),
    ];
    for (call, expected) in cases {
        let text = format!("let o = optimizer(#{{ memory: true }}); {call}");
        let (ran, _) =
            project.file("kaizen.toml", "[project]\nmodel = \"demo/echo\"\n").script(&text);
        assert_ne!(ran.code, Some(0), "{call}");
        assert!(ran.stderr.contains(expected), "{call}: {}", ran.stderr);
    }
}

#[test]
fn scripts_are_judged_by_labels_of_every_kind_and_no_label_is_missing() {
    let project = Project::new();
    project.file("kaizen.toml", "[project]\nmodel = \"demo/echo\"\n");
    project.file("same.rhai", "param(\"say\", ())").file("other.rhai", "param(\"say\", ()); \"x\"");
    let tasks = "\u{feff}{\"say\": \"3\", \"expected\": 3}\r\n{\"say\": true, \"expected\": \"TRUE\"}\r\n\
                 \u{a0}\r\n{\"say\": [\"A\"], \"expected\": [\"a\"]}\r\n{\"say\": \"no \", \"expected\": \"No\"}\r\n";
    project.file("tasks.jsonl", tasks);
    let compare = |more: &[&str]| {
        let start = ["compare", "same.rhai", "other.rhai", "--tasks", "tasks.jsonl", "--json"];
        project.kaizen(&[&start[..], more].concat())
    };
    let ran = compare(&[]);
    let found: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    let quality = |place: usize| found["patterns"][place]["quality"].clone();
    assert_eq!((quality(0), quality(1)), (1.0.into(), 0.0.into()), "{ran:?}");

    // Each task has a label, or none has.
    for missing in ["{\"say\": 1}", "{\"say\": 1, \"expected\": null}", "5"] {
        project.file("tasks.jsonl", &format!("{tasks}{missing}\n"));
        let ran = compare(&[]);
        let expected = "error: `tasks.jsonl`, line 6: there is no `expected`, but other tasks have one; \
                        add it to every task, or pass `--judge`\n";
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(3), expected), "{missing}");
    }

    // A script that judges gives a score as well.
    project.file("tasks.jsonl", tasks);
    for (said, told) in [
        ("85", "not `85`; divide a percentage by 100"),
        ("()", "not nothing (`()`)"),
        ("0.0 / 0.0", "the value of `judge.rhai` must be plain data: NaN is not plain data"),
        ("|x| x", "the value of `judge.rhai` must be plain data: a function is not plain data"),
        ("#{ note: 1 }", "not a map without a `score`"),
    ] {
        project.file("judge.rhai", &format!("param(\"answer\", ()); param(\"task\", ()); {said}"));
        let ran = compare(&["--judge", "judge.rhai"]);
        assert_eq!(ran.code, Some(1), "{said}: {}", ran.stderr);
        assert!(ran.stderr.contains(told), "{said}: {}", ran.stderr);
        assert!(ran.stderr.contains("judging the answer of `"), "{said}: {}", ran.stderr);
    }
}
