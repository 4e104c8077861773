//! `kaizen compare` and `o.compare` as a whole: what runs at once, what is shown, and what stays the same.

use crate::support::Project;
use crate::support::server::{Act, Server, answer, refusal};
use expect_test::expect;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// A server on which `good` is right and `bad` one time in three, and whose answers take their time:
/// another one for each request, by `salt`.
fn slow(salt: u64) -> Server {
    Server::start(move |_, _, body| {
        let is_third = (0..200).step_by(3).any(|n| body.contains(&format!(" {n}.")));
        let said = if body.contains("good") || is_third { "yes" } else { "no" };
        let sum: u64 = body.bytes().map(u64::from).sum();
        Act::After((sum * salt) % 40, Box::new(answer(said)))
    })
}

const COMPARE: &str = r#"
    let ways = #{ good: |x, b| b.chat(`good ${x}.`), bad: |x, b| b.chat(`bad ${x}.`) };
    let o = optimizer(#{ objective: #{ quality: 1 } });
    let inputs = (0..40).to_array();
    o.compare("t", ways, inputs, #{ judge: |answer| answer == "yes", repeat: 2 })
"#;

/// Takes times out of findings: they differ from run to run.
fn timeless(mut found: Value) -> Value {
    found["scale"] = Value::Null;
    for one in found["patterns"].as_array_mut().unwrap() {
        one["execution_time"] = Value::Null;
    }
    found["fingerprint"] = Value::Null;
    found
}

/// It is said while the comparison goes on, once for each script.
#[test]
fn a_script_that_prints_its_answer_is_told_that_it_returned_nothing() {
    let project = Project::new();
    project
        .file("a.rhai", "print(branch(\"demo/echo\").chat(param(\"text\", \"\")))")
        .file("b.rhai", "branch(\"demo/echo\").chat(param(\"text\", \"\"))")
        .file(
            "t.jsonl",
            "{\"text\": \"x\", \"expected\": \"x\"}\n{\"text\": \"y\", \"expected\": \"y\"}\n",
        );

    for (flags, notes) in [(&[][..], 1), (&["-q"], 0)] {
        let compare = ["compare", "a.rhai", "b.rhai", "--tasks", "t.jsonl"];
        let ran = project.kaizen(&[&compare, flags].concat());
        let note = "note: `a.rhai` returned nothing: the answer of a script is its last value, not what it \
                    prints; end it with the answer";
        assert_eq!(ran.stderr.matches(note).count(), notes, "{}", ran.stderr);
        assert_eq!(ran.stderr.matches("returned nothing").count(), notes, "{}", ran.stderr);
    }
}

#[test]
fn executions_run_at_once_and_the_outcome_does_not_depend_on_who_is_faster() {
    let mut seen = Vec::new();
    for salt in [1, 7, 23] {
        let (server, project) = (slow(salt), Project::new());
        let (ran, done) = project.with_server(&server).script(COMPARE);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(server.most_in_flight() >= 4, "{}", server.most_in_flight());

        // Each execution has an address of its own, by its pattern, its input and its repeat.
        let places: BTreeSet<String> = project
            .events("attempt_started")
            .iter()
            .map(|event| format!("{} {}", event["at"], event["prompt"]))
            .collect();
        let mut asked = server.bodies();
        asked.sort();
        assert_eq!(places.len(), asked.len(), "no two share one");
        seen.push((timeless(done["value"].clone()), places, asked));
    }

    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    assert_eq!(seen[0].0["winner"], "good");
}

#[test]
fn an_input_counts_once_however_often_it_is_asked() {
    let project = Project::new();
    let text = r#"
        let o = optimizer(#{ memory: true, objective: #{ quality: 1 } });
        let found = o.compare("t", #{ a: |n| 1.0, b: |n| 0.0 }, [1, 2, 1, 3, 1],
            #{ judge: |answer| answer, repeat: 10, branch: branch("demo/echo") });
        [found.verdict, found.inputs, found.patterns.map(|p| [p.n, p.executions])]
    "#;
    let (ran, done) = project.script(text);
    let expected = json!(["open", 3, [[3, 50], [3, 50]]]);
    assert_eq!(done["value"], expected, "{}", ran.stderr);
}

/// Two scripts on the same tasks; the one that is called `right` always is.
fn scripts(server: &Server, tasks: usize) -> Project {
    let project = Project::new();
    project.with_server(server);
    for (name, word) in [("right", "good"), ("wrong", "bad")] {
        let text = format!("branch().chat(`{word} ${{param(\"task\", 0)}}.`)");
        project.file(&format!("{name}.rhai"), &text);
    }
    let tasks = (0..tasks).map(|n| format!("{{\"task\": {n}, \"expected\": \"Yes\"}}\n"));
    project.file("tasks.jsonl", &tasks.collect::<String>());
    project
}

const COMMAND: [&str; 5] = ["compare", "right.rhai", "wrong.rhai", "--tasks", "tasks.jsonl"];

#[test]
fn a_budget_leaves_no_inputs_half_done() {
    for (calls, inputs, asked) in [(9, 3, 9), (8, 3, 8), (30, 14, 30), (3, 0, 3)] {
        let server = slow(3);
        let project = scripts(&server, 60);
        let most = calls.to_string();
        let more = ["--max-calls", &most, "--confidence", "0.9999999", "--json"];
        let ran = project.kaizen(&[&COMMAND[..], &more].concat());
        let found: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
        assert_eq!(
            (ran.code, found["inputs"].as_u64(), server.bodies().len()),
            (Some(4), Some(inputs), asked),
            "{calls} calls: {ran:?}"
        );
    }
}

#[test]
fn progress_says_how_many_of_how_many_with_scores_and_cost() {
    let server = slow(1);
    let project = scripts(&server, 4);
    let ran = project.kaizen(&[&COMMAND[..], &["--warm-up", "0", "--concurrency", "1"]].concat());
    let lines: Vec<&str> = ran.stderr.lines().filter(|line| line.contains(" of 4  ")).collect();
    let heads: Vec<String> = lines.iter().map(|line| line[..6].to_owned()).collect();
    assert_eq!(heads, ["1 of 4", "2 of 4", "3 of 4", "4 of 4"], "{}", ran.stderr);
    assert!(!ran.stderr.contains("op="), "{}", ran.stderr);
}

#[test]
fn a_table_with_more_columns_than_the_script_has_parameters_is_taken_as_it_is() {
    let project = Project::new();
    project.file("kaizen.toml", "[project]\nmodel = \"demo/echo\"\n");
    project.file("right.rhai", "let text = param(\"text\"); `${text.len}`");
    project.file("wrong.rhai", "param(\"text\"); 99");
    project.file("t.csv", "id,text,length\r\n1,\"a, b\",4\r\n2,\"x\r\ny\",3\r\n3,,0\r\n");
    project.file(
        "t.json",
        r#"[{"id": 1, "body": "a, b", "length": 4}, {"id": 2, "body": "", "length": 0}]"#,
    );

    let compare = |tasks: &str, more: &[&str]| {
        let start =
            ["compare", "right.rhai", "wrong.rhai", "--tasks", tasks, "--expected", "length"];
        let ran = project.kaizen(&[&start[..], &["--json"], more].concat());
        let found: Value =
            serde_json::from_str(ran.stdout.lines().last().unwrap_or_default()).unwrap_or_default();
        let quality = |place: usize| found["patterns"][place]["quality"].clone();
        (ran.code, quality(0), quality(1), ran.stderr)
    };

    let unused = "fields that no script takes, kept for the judge and tables: id\n".to_owned();
    let expected = (Some(0), json!(1.0), json!(0.0), unused);
    assert_eq!(compare("t.csv", &[]), expected);
    assert_eq!(compare("t.json", &["--input", "body"]), expected);
}

/// Two scripts on tickets, of which one fails once and the other is wrong each third time.
fn tickets() -> Project {
    let project = Project::new();
    project.file("kaizen.toml", "[project]\nmodel = \"demo/echo\"\n");
    let start = "let text = param(\"text\"); branch().chat(text);\n";
    project.file(
        "short.rhai",
        &format!("{start}if \"parcel\" in text {{ \"delivery\" }} else {{ \"billing\" }}"),
    );
    let long = "if \"angry\" in text { throw \"cannot say\" }
        if \"parcel\" in text { \"delivery\" } else if \"app\" in text { \"technical\" } else { \"billing\" }";
    project.file("long.rhai", &format!("{start}{long}"));
    project.file(
        "tickets.csv",
        "id,text,team\n1,\"My parcel has not come, and I have waited for three weeks\",delivery\n\
         2,The app does not start,technical\n3,\"The invoice is wrong,\nand I am angry\",billing\n\
         4,The app is slow,technical\n",
    );
    project
}

const TICKETS: [&str; 9] = [
    "compare",
    "short.rhai",
    "long.rhai",
    "--tasks",
    "tickets.csv",
    "--expected",
    "team",
    "--objective",
    "quality",
];

/// Runs a command on a screen of this many columns; returns what is on stdout, without the run's id.
fn screen(project: &Project, columns: &str, arguments: &[&str]) -> String {
    let output = project.command(arguments).env("COLUMNS", columns).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    // Times differ from run to run.
    let keep = |line: &&str| !line.starts_with("script  ") && !line.contains(" s    $0");
    stdout.lines().filter(keep).flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn the_inputs_that_were_wrong_are_shown_at_once_and_later() {
    let project = tickets();
    let shown = screen(&project, "100", &[&TICKETS[..], &["--show", "wrong"]].concat());
    expect![[r#"
        not distinguishable yet: `long` is ahead of `short` by 0.250 [-0.841, 0.964] after 4 inputs (tested, 95 % confidence at every look); there are no more inputs; about 122 more inputs would decide it, for 244 calls and $0; `long` is probably better (68 %), unless rare failures have not occurred yet
        objective: quality alone
        #  input                                  expected   script  answer                      score
        2  The app does not start                 technical  short   billing                      0.00
        3  The invoice is wrong,\nand I am angry  billing    long    failed: thrown: cannot say      -
        4  The app is slow                        technical  short   billing                      0.00
        wrong: short 2 of 4, long 1 of 4
    "#]]
    .assert_eq(&shown);

    let later: Vec<String> =
        [["100", "--inputs=wrong"], ["60", "--inputs=differ"], ["60", "--inputs"]]
            .iter()
            .map(|[columns, which]| screen(&project, columns, &["show", "@", which]))
            .collect();
    expect![[r#"
        #  input                                  expected   script  answer                      score
        2  The app does not start                 technical  short   billing                      0.00
        3  The invoice is wrong,\nand I am angry  billing    long    failed: thrown: cannot say      -
        4  The app is slow                        technical  short   billing                      0.00
        wrong: short 2 of 4, long 1 of 4

        #  input            expected   script  answer          score
        2  The app does n…  technical  short   billing          0.00
                                       long    technical        1.00
        3  The invoice is…  billing    short   billing          1.00
                                       long    failed: throw…      -
        4  The app is slow  technical  short   billing          0.00
                                       long    technical        1.00
        wrong: short 2 of 4, long 1 of 4

        #  input            expected   script  answer          score
        1  My parcel has …  delivery   short   delivery         1.00
                                       long    delivery         1.00
        2  The app does n…  technical  short   billing          0.00
                                       long    technical        1.00
        3  The invoice is…  billing    short   billing          1.00
                                       long    failed: throw…      -
        4  The app is slow  technical  short   billing          0.00
                                       long    technical        1.00
        wrong: short 2 of 4, long 1 of 4
    "#]]
    .assert_eq(&later.join("\n"));

    let ran = project.kaizen(&["show", "@", "--inputs=wrong", "--out", "wrong.txt"]);
    assert_eq!(ran.stderr, "error: --out `wrong.txt` must end in .csv, .jsonl or .md\n");
    for (file, expected) in [("wrong.csv", 5), ("wrong.md", 5), ("wrong.jsonl", 3)] {
        let ran = project.kaizen(&["show", "@", "--inputs=wrong", "--out", file]);
        assert_eq!(ran.stderr, format!("wrote 3 rows to `{file}`\n"));
        let text = std::fs::read_to_string(project.path().join(file)).unwrap();
        assert_eq!(text.lines().count(), expected, "{text}");
    }
    let none = project.file("s.rhai", "1").kaizen(&["run", "s.rhai"]);
    assert_eq!(none.code, Some(0));
    let ran = project.kaizen(&["show", "@", "--inputs"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.starts_with("error: the run is not a comparison, or "), "{}", ran.stderr);
}

#[test]
fn operations_of_one_name_are_listed_to_pick_from() {
    let project = tickets();
    project
        .kaizen(&[&TICKETS[..], &["--warm-up", "0", "--concurrency", "1", "--seed", "3"]].concat());
    let ran = project.kaizen(&["show", "@:long"]);
    let head = ran.stdout.lines().next().unwrap().to_owned();
    assert!(
        head.starts_with("`long` is the name of 4 operations; pick one by its number, such as"),
        "{head}"
    );

    // Each row begins with a number that picks it.
    let rows: Vec<(String, String)> = ran
        .stdout
        .lines()
        .skip(2)
        .map(|row| {
            let words: Vec<&str> = row.split_whitespace().collect();
            (words[0].to_owned(), words[1].to_owned())
        })
        .collect();
    let outcomes: Vec<&str> = rows.iter().map(|(_, outcome)| outcome.as_str()).collect();
    assert_eq!(outcomes, ["completed", "completed", "failed", "completed"], "{}", ran.stdout);
    let one = project.kaizen(&["show", &format!("@:{}", rows[2].0)]);
    assert!(one.stdout.contains("cannot say"), "{}", one.stdout);

    let ran = project.kaizen(&["show", "@:medium"]);
    let expected = "error: the run has no operation `medium`; it has: compare, ";
    assert!(ran.stderr.starts_with(expected) && ran.stderr.contains("long (4)"), "{}", ran.stderr);
}

#[test]
fn replies_of_earlier_comparisons_are_reused_and_are_no_new_evidence() {
    let server = slow(1);
    let project = scripts(&server, 12);
    let run = |more: &[&str]| {
        let start = ["--json", "--confidence", "0.9999999"];
        let ran = project.kaizen(&[&COMMAND[..], &start, more].concat());
        let found: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
        (found, ran.stderr, server.bodies().len())
    };
    let recorded = || {
        let ran = project.kaizen(&["patterns", "tasks", "--json"]);
        let rows = ran.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        rows.map(|row| row["n"].as_u64().unwrap()).collect::<Vec<_>>()
    };

    let (first, _, asked) = run(&[]);
    assert_eq!((asked, recorded()), (26, vec![12, 12]), "{first}");

    // Not only the answers are those of then, but also the times, and so the verdict.
    let (again, said, asked) = run(&[]);
    assert_eq!(
        said,
        "reusing matching replies: 26 available from 1 earlier run (`--fresh` makes the calls again)\n"
    );
    assert_eq!((asked, recorded()), (26, vec![12, 12]));
    let same = |found: &Value| {
        ["verdict", "difference", "interval", "inputs", "shares", "objective", "scale"]
            .map(|key| found[key].clone())
    };
    assert_eq!(same(&again), same(&first));

    // More tasks ask for the new ones alone.
    let tasks = (0..15).map(|n| format!("{{\"task\": {n}, \"expected\": \"Yes\"}}\n"));
    project.file("tasks.jsonl", &tasks.collect::<String>());
    let (more, _, asked) = run(&[]);
    assert_eq!((more["inputs"].as_u64(), asked, recorded()), (Some(15), 32, vec![15, 15]));
    let (_, _, asked) = run(&["--fresh"]);
    assert_eq!(asked, 64);
}

#[test]
fn the_objective_is_said_with_what_it_makes_of_the_difference() {
    let project = Project::new();
    let compare = |options: &str| {
        let text = format!(
            "let o = optimizer(#{{ memory: true }});
            let found = o.compare(\"t\", #{{ a: |n| 1.0, b: |n| 0.5 }}, (0..5).to_array(),
                #{{ judge: |answer| answer, branch: branch(\"demo/echo\") {options} }});
            [found.objective.name, found.shares == (), \"comes from quality\" in found.reason,
             found.shares == () || (found.shares.quality + found.shares.time + found.shares.cost
                - found.difference).abs() < 0.000001]"
        );
        project.script(&text).1["value"].clone()
    };
    assert_eq!(compare(""), json!(["balanced (quality 70 %, time 30 %)", false, true, true]));
    assert_eq!(compare(", objective: \"quality\""), json!(["quality alone", true, false, true]));
    let weights = compare(", objective: #{ quality: 3, cost: 1 }");
    assert_eq!(weights, json!(["quality 75 %, cost 25 %", false, true, true]));

    let wrong = project.script("optimizer(#{ memory: true, objective: \"best\" })").0;
    assert!(
        wrong.stderr.contains("invalid objective `best`: expected balanced, "),
        "{}",
        wrong.stderr
    );
    for command in [&TICKETS[..3], &["patterns"], &["advise", "t"]] {
        let more = if command.len() == 3 { &["--tasks", "t.csv"][..] } else { &[] };
        let ran = project.kaizen(&[command, more, &["--objective", "best"]].concat());
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(
            ran.stderr.starts_with("error: --objective: invalid objective `best`: "),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn what_fails_at_once_is_not_fast() {
    let project = Project::new();
    let text = r#"
        let o = optimizer(#{ memory: true });
        let found = o.compare("t", #{ fails: |n| throw "no", works: |n| 1.0 }, (0..5).to_array(),
            #{ judge: |answer| answer, branch: branch("demo/echo") });
        let time = |name| found.patterns.find(|p| p.pattern == name).execution_time == ();
        [time.call("fails"), time.call("works"), found.pair[0], found.shares.time >= 0.0]
    "#;
    let (ran, done) = project.script(text);
    assert_eq!(done["value"], json!([true, false, "works", true]), "{}", ran.stderr);
}

#[test]
fn scores_of_the_demo_model_are_said_to_mean_nothing() {
    let project = Project::new();
    project.file("a.rhai", "branch().chat(param(\"task\", \"x\"))");
    project.file("b.rhai", "branch().chat(`Think: ${param(\"task\", \"x\")}`)");
    project.file("t.jsonl", "{\"task\":\"2+2?\",\"expected\":\"4\"}\n");

    let ran = project.kaizen(&["compare", "a.rhai", "b.rhai", "--tasks", "t.jsonl"]);
    let notes = ran.stderr.lines().filter(|line| line.starts_with("note:"));
    expect!["note: the built-in demo model answered. It does not solve tasks, so these scores say nothing about the scripts; set up a model or pass `--model provider/name` to compare them"].assert_eq(&notes.collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_comparison_of_equals_says_so_and_what_called_no_model() {
    let project = Project::new();
    project.file("asks.rhai", r#"branch("demo/echo").chat(param("x")); 1"#);
    project.file("knows.rhai", r#"param("x"); 1"#);
    project.file("t.jsonl", "{\"x\": \"a\"}\n{\"x\": \"b\"}\n");
    let arguments =
        ["compare", "asks.rhai", "knows.rhai", "--tasks", "t.jsonl", "--objective", "quality"];
    let shown = project.kaizen(&arguments).stdout;
    let reason = shown.lines().find(|line| line.contains("level")).unwrap_or(&shown);
    expect!["not distinguishable yet: `asks` and `knows` are level [-0.921, 0.921] after 2 inputs (tested, 95 % confidence at every look); nobody judged the answers, so all of them count as equally good; there are no more inputs; about 298 more inputs would show that there is no practical difference, for 298 calls and $0; only `asks` called a model (demo/echo), which may be the reason"].assert_eq(reason);
}

#[test]
fn a_file_of_tasks_that_is_no_json_is_explained_in_words() {
    let project = Project::new();
    project.file("a.rhai", r#"branch("demo/echo").chat(param("x"))"#);
    project.file("b.rhai", r#"branch("demo/echo").chat(param("x") + "!")"#);
    let mut said = String::new();
    for text in [
        "{\"x\": 1}\ntrue but\n",
        "{\"x\": 1}\n{\"x\": \"a\"\n",
        "{\"x\": 1}\n\n{'x': 'single quotes, as Python writes them, in a line that is long'}\n",
        "x\n",
    ] {
        project.file("t.jsonl", text);
        said += &project.kaizen(&["compare", "a.rhai", "b.rhai", "--tasks", "t.jsonl"]).stderr;
    }
    project.file("t.jsonl", "[\n  {\"x\": \"a\"},\n  {\"x\": \"b\"}\n]\n");
    let ran = project.kaizen(&["compare", "a.rhai", "b.rhai", "--tasks", "t.jsonl"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    expect![[r#"
        error: `t.jsonl`: line 2 is not valid JSON at column 6: `true but`; each line is a JSON value; a table ends in `.csv`
        error: `t.jsonl`: line 2 ends too early: `{"x": "a"`; each line is a JSON value; a table ends in `.csv`
        error: `t.jsonl`: line 3 is not valid JSON at column 2: `{'x': 'single quotes, as Python writes t…`; each line is a JSON value; a table ends in `.csv`
        error: `t.jsonl`: line 1 is not valid JSON at column 1: `x`; each line is a JSON value; a table ends in `.csv`
    "#]].assert_eq(&said);
}

/// Where nothing gave an answer, the reason is told, and neither a verdict nor how many more inputs are needed.
#[test]
fn a_comparison_in_which_everything_failed_says_why() {
    let server = Server::start(|_, _, _| refusal(401, "no such key"));
    let cases = [
        ("the same", "throw \"boom\"", "throw \"boom\""),
        ("each its own", "throw \"boom\"", "throw `bang ${param(\"n\", 0)}`"),
        ("one of them", "throw \"boom\"", "1"),
        ("not permitted", "env(\"HOME\")", "env(\"HOME\")"),
        (
            "no key",
            "branch(\"openai/gpt-4o\").chat(\"x\")",
            "branch(\"openai/gpt-4o\").chat(\"y\")",
        ),
        ("the provider", "branch().chat(\"x\")", "branch().chat(\"y\")"),
        (
            "a paid call before",
            "branch(\"demo/echo\").chat(\"x\"); throw \"boom\"",
            "throw \"boom\"",
        ),
    ];

    let mut told = String::new();
    for (what, a, b) in cases {
        let project = Project::new();
        project.with_server(&server).file("t.jsonl", "{\"n\": 1}\n{\"n\": 2}\n{\"n\": 3}\n");
        project.file("a.rhai", &format!("param(\"n\", 0); {a}"));
        project.file("b.rhai", &format!("param(\"n\", 0); {b}"));
        let ran = project.kaizen(&[
            "compare",
            "a.rhai",
            "b.rhai",
            "--tasks",
            "t.jsonl",
            "--no-prompt",
            "--objective",
            "quality",
            "--seed",
            "1",
        ]);
        let reason = ran.stdout.lines().rev().nth(1).unwrap_or_default();
        let _ = writeln!(told, "{what}: {:?}\n    {reason}", ran.code);

        let json = project.kaizen(&[
            "compare",
            "a.rhai",
            "b.rhai",
            "--tasks",
            "t.jsonl",
            "--no-prompt",
            "--objective",
            "quality",
            "--json",
        ]);
        let found: Value = serde_json::from_str(json.stdout.lines().last().unwrap()).unwrap();
        let _ = writeln!(
            told,
            "    {} {} {} {}",
            found["verdict"], found["failure"], found["to_decide"], found["likely"]
        );
    }
    expect![[r#"
        the same: Some(1)
            all 6 executions failed: boom
            "open" {"kind":"thrown","message":"boom"} null null
        each its own: Some(1)
            all 6 executions failed, those of `a`: boom; those of `b`: bang 1, and for other reasons
            "open" {"kind":"thrown","message":"boom"} null null
        one of them: Some(0)
            not distinguishable yet: `b` is ahead of `a` by 1.000 [-0.654, 1.000] after 3 inputs (tested, 95 % confidence at every look); nobody judged the answers, so all of them count as equally good; all 3 executions of `a` failed: boom; there are no more inputs; about 5 more inputs would decide it, for 0 calls and $0; `b` is probably better (> 99 %), unless rare failures have not occurred yet
            "open" null {"inputs":5,"calls":0,"cost":0.0} {"pattern":"b","chance":0.9999833341666203,"unless":"a rare failure is hidden"}
        not permitted: Some(6)
            no input counts, so nothing is compared; stopped because 3 inputs in a row failed for external reasons: reading the variable `HOME` is not granted; run with `--allow-env=HOME`, or add "HOME" to `env` under [permissions] in kaizen.toml
            "open" {"kind":"permission","message":"reading the variable `HOME` is not granted; run with `--allow-env=HOME`, or add \"HOME\" to `env` under [permissions] in kaizen.toml"} null null
        no key: Some(3)
            no input counts, so nothing is compared; stopped because 3 inputs in a row failed for external reasons: no key for `openai`: set OPENAI_API_KEY, or `key = "env:NAME"` for the model in kaizen.toml
            "open" {"kind":"setup","message":"no key for `openai`: set OPENAI_API_KEY, or `key = \"env:NAME\"` for the model in kaizen.toml"} null null
        the provider: Some(5)
            no input counts, so nothing is compared; stopped because 3 inputs in a row failed for external reasons: the provider rejected the key (status 401): no such key; no key was sent: set one for the model, such as `key = "env:NAME"`
            "open" {"kind":"unauthorized","message":"the provider rejected the key (status 401): no such key; no key was sent: set one for the model, such as `key = \"env:NAME\"`"} null null
        a paid call before: Some(1)
            all 6 executions failed: boom
            "open" {"kind":"thrown","message":"boom"} null null
    "#]].assert_eq(&told);

    let project = Project::new();
    let (_, done) = project.script(
        "let o = optimizer(#{ memory: true, objective: #{ quality: 1 } });\n\
         let found = o.compare(\"t\", #{ a: |x, b| throw \"boom\", b: |x, b| throw \"boom\" }, (0..400).to_array(),\n\
         #{ judge: |answer, x| 1, branch: branch(\"demo/echo\") });\n\
         [found.verdict, found.winner, found.reason, found.failure.kind, found.to_decide]",
    );
    expect![[r#"["open",null,"all 580 executions failed: boom","thrown",null]"#]]
        .assert_eq(&done["value"].to_string());
}
