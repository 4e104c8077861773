//! The standard library: each pattern makes the calls that it promises, and gives the answer.

use crate::support::Project;
use crate::support::server::{Act, Server, answer, finished, json as reply};
use expect_test::expect;
use serde_json::{Value, json};
use std::path::Path;

/// Runs a script against a server that answers by the number of the request.
fn run(answers: &'static [&'static str], script: &str) -> (Value, Vec<Value>) {
    let server = Server::start(move |n, _, _| answer(answers[n % answers.len()]));
    let project = Project::new();
    let (ran, done) = project.with_server(&server).script(script);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let bodies = server.bodies();
    (done["value"].clone(), bodies.iter().map(|body| serde_json::from_str(body).unwrap()).collect())
}

/// The newest message of a request.
fn asked(body: &Value) -> &str {
    body["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap()
}

#[test]
fn every_file_of_the_standard_library_is_part_of_the_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read_to_string(root.join("src/script/host/stdlib.rs")).unwrap();
    for entry in std::fs::read_dir(root.join("stdlib")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(table.contains(&format!("stdlib/{name}")), "{name}");
    }
}

#[test]
fn vote_takes_what_most_answers_say() {
    let (value, bodies) =
        run(&["Yes", "no", "yes ", "No", "YES"], "vote(branch(), \"Is it?\", #{ n: 5 })");
    assert_eq!(value.as_str().unwrap().trim().to_lowercase(), "yes");
    assert_eq!(bodies.len(), 5);
    assert!(bodies.iter().all(|body| body["temperature"] == 0.8), "{bodies:?}");
}

#[test]
fn few_shot_shows_its_examples_and_leaves_the_last_answer_open() {
    let (_, bodies) = run(
        &["x"],
        "few_shot(branch(), \"It was great\", #{ examples: [[\"I loved it\", \"positive\"]],
            input: \"Review\", output: \"Sentiment\" })",
    );
    let expected = "Review: I loved it\nSentiment: positive\n\nReview: It was great\nSentiment:";
    assert_eq!(asked(&bodies[0]), expected);
}

/// A fault of `ask`, or a provider that is away, says nothing about a text.
#[test]
fn evolve_pays_for_no_proposal_where_every_item_fails() {
    for (ask, kind, asked) in [
        ("|text, item| item.words[1]", "K0101", 0),
        ("|text, item| branch().chat(text + item.text, #{ attempts_max: 1 })", "K0202", 2),
    ] {
        let server = Server::start(|_, _, _| Act::Answer(503, String::new(), b"away".to_vec()));
        let project = Project::new();
        let script = format!(
            "let one = #{{ text: \"a\", words: parse_json(\"[]\") }}; evolve(#{{ start: \"x\", ask: {ask}, \
             judge: |a, i| 0.5, train: [one, one, one], valid: [one, one], reflector: \"live\" }})"
        );
        let (ran, _) = project.with_server(&server).script(&script);
        assert_ne!(ran.code, Some(0), "{ask}");
        assert!(ran.stderr.contains(kind), "{ask}: {}", ran.stderr);
        // The second item may see that the server is away before it asks.
        assert!(server.bodies().len() <= asked, "{ask}");
    }
}

#[test]
fn refine_goes_on_with_its_own_draft() {
    let (value, bodies) = run(&["draft", "too long", "better"], "refine(branch(), \"Write.\")");
    assert_eq!(value, "better");
    let lengths: Vec<usize> =
        bodies.iter().map(|body| body["messages"].as_array().unwrap().len()).collect();
    assert_eq!(lengths, [1, 3, 5]);
}

#[test]
fn best_of_gives_what_the_judge_likes_most() {
    let (value, _) = run(
        &["aa", "aaaa", "a"],
        "best_of(branch(), \"Write.\", #{ judge: |answer| answer.len / 10.0, n: 3 })",
    );
    assert_eq!(value, "aaaa");
}

#[test]
fn decompose_solves_every_part_of_the_plan() {
    let (value, bodies) =
        run(&["one\n\ntwo", "x", "y", "whole"], "decompose(branch(), \"Do it.\")");
    assert_eq!((&value, bodies.len()), (&json!("whole"), 4));
    assert!(asked(&bodies[3]).contains("answers"), "{}", asked(&bodies[3]));
}

#[test]
fn cascade_stops_at_the_first_answer_that_is_accepted() {
    let script = "let b = branch();
        cascade(b, \"Is it?\", #{ models: [b, b], accept: |answer| answer == \"sure\" })";
    let (value, bodies) = run(&["hm", "sure", "never"], script);
    assert_eq!((&value, bodies.len()), (&json!("sure"), 2));
}

#[test]
fn judges_score_from_nothing_to_one() {
    let (value, _) = run(
        &["7"],
        "[exact_match(\"Paris\").call(\" paris\"), exact_match(\"Paris\").call(\"Rome\"),
          mentions(\"paris\").call(\"In Paris.\"), numeric_close(2.0, 0.1).call(\"2.05\"),
          numeric_close(2.0, 0.1).call(\"two\"), one_of([\"yes\", \"no\"]).call(\"Yes\"),
          judged_by(imodel(\"live\"), \"Is it kind?\").call(\"Hello\")]",
    );
    assert_eq!(value, json!([1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.7]));
}

/// Places that call a judge: each with `JUDGE` for what the judge says.
const JUDGED: &[&str] = &[
    "best_of(\"demo/echo\", \"x\", #{ n: 1, judge: |a| JUDGE })",
    "score_of(JUDGE)",
    "optimizer(#{ memory: true }).run(\"t\", #{ a: |x| x }, 1, #{ judge: |a| JUDGE, branch: branch(\"demo/echo\") })",
    "optimizer(#{ memory: true }).compare(\"t\", #{ a: |x| x, b: |x| x }, [1], \
        #{ judge: |a| JUDGE, branch: branch(\"demo/echo\") })",
    "evolve(#{ start: \"x\", ask: |t, i| i, judge: |a, i| JUDGE, train: [1, 2, 3], valid: [4, 5], \
        reflector: \"demo/echo\" })",
];

#[test]
fn what_is_no_score_is_an_error_at_once_wherever_a_judge_is_called() {
    let none = [
        ("0.0 / 0.0", "NaN"),
        ("1.0 / 0.0", "inf"),
        ("#{ score: 0.0 / 0.0 }", "NaN"),
        ("85", "`85`; divide a percentage by 100"),
        ("\"85%\"", "`\"85%\"`; divide a percentage by 100"),
        ("-0.5", "`-0.5`"),
        ("()", "nothing (`()`)"),
        ("\"good\"", "`\"good\"`"),
        ("[1]", "`[1]`"),
        ("#{ feedback: \"x\" }", "a map without a `score`"),
        ("|x| x", "a function"),
    ];
    // What stands there literally is found before the run.
    let judged = |call: &str, said: &str| {
        format!("fn given(x) {{ x }}\n{}", call.replace("JUDGE", &format!("given({said})")))
    };
    for (place, call) in JUDGED.iter().enumerate() {
        for (said, told) in none {
            let (ran, done) = Project::new().script(&judged(call, said));
            assert_eq!(ran.code, Some(1), "{call} {said}: {}", ran.stderr);
            let expected =
                format!("a judge must return a number from 0 to 1, or true or false, not {told}");
            let message = done["error"]["message"].as_str().unwrap_or_default();
            // Where a pattern is judged, its name stands before.
            let bare = message.split_once("`: ").filter(|_| message.starts_with("judging"));
            let bare = bare.map_or(message, |(_, bare)| bare);
            assert_eq!(
                (bare, &done["error"]["kind"]),
                (expected.as_str(), &json!("option")),
                "{place} {said}"
            );
        }
        for said in ["0.5", "true", "0", "1", "#{ score: false, feedback: \"x\" }"] {
            let (ran, _) = Project::new().script(&judged(call, said));
            assert_eq!(ran.code, Some(0), "{call} {said}: {}", ran.stderr);
        }
    }
}

#[test]
fn a_model_that_judges_gives_a_number_from_0_to_10_or_an_error() {
    let script = "judged_by(imodel(\"live\"), \"Is it kind?\").call(\"Hello\")";
    for (said, score) in [("7", 0.7), (" 10\n", 1.0), ("0", 0.0), ("2.5", 0.25)] {
        let server = Server::start(move |_, _, _| answer(said));
        let project = Project::new();
        let (ran, done) = project.with_server(&server).script(script);
        assert_eq!(done["value"], json!(score), "{said}: {}", ran.stderr);
    }
    for said in ["NaN", "inf", "-inf", "-1", "11", "80%", "8/10", "good", "[7]"] {
        let server = Server::start(move |_, _, _| answer(said));
        let project = Project::new();
        let (_, done) = project.with_server(&server).script(script);
        let expected = format!("the judge must return a number from 0 to 10, not: {said}");
        assert_eq!(done["error"]["message"], expected);
        assert_eq!(done["error"]["kind"], "bad_reply");
    }
}

#[test]
fn labels_of_every_kind_are_judged_and_missing_ones_are_errors() {
    let cases = [
        ("exact_match(3).call(\"3\")", 1.0),
        ("exact_match(\"3\").call(3)", 1.0),
        ("exact_match(true).call(\"True\")", 1.0),
        ("exact_match(false).call(true)", 0.0),
        ("exact_match([\"a\", 2]).call(\"[\\\"A\\\", 2.0]\")", 1.0),
        ("exact_match([\"a\"]).call([\"b\"])", 0.0),
        ("exact_match(#{ n: 1 }).call(#{ n: 1.0 })", 1.0),
        ("exact_match(\"Paris\").call(())", 0.0),
        ("mentions(42).call(\"it is 42.\")", 1.0),
        ("mentions(\"a\").call([\"A\"])", 1.0),
        ("mentions(\"a\").call(())", 0.0),
        ("numeric_close(\"3\", 0).call(3)", 1.0),
        ("numeric_close(3, 1).call(\" 3.9 \")", 1.0),
        ("numeric_close(3, 1).call(\"NaN\")", 0.0),
        ("numeric_close(3, 1).call(\"inf\")", 0.0),
        ("numeric_close(3, 1).call([3])", 0.0),
        ("one_of([1, true, \"x\"]).call(\"1\")", 1.0),
        ("one_of([1, true, \"x\"]).call(\"y\")", 0.0),
    ];
    let calls: Vec<&str> = cases.iter().map(|(call, _)| *call).collect();
    let scores: Vec<f64> = cases.iter().map(|(_, score)| *score).collect();
    let (ran, done) = Project::new().script(&format!("[{}]", calls.join(", ")));
    assert_eq!(done["value"], json!(scores), "{}", ran.stderr);

    let wrong = [
        ("exact_match(json(\"{}\").label)", "`exact_match` needs an expected answer, not `()`"),
        ("mentions(())", "`mentions` needs an expected answer, not `()`"),
        ("mentions(\"\")", "`mentions` needs a text to look for, not \"\""),
        ("mentions(json(`[\"a\"]`))", "`mentions` needs a text to look for, not [\"a\"]"),
        ("numeric_close((), 1)", "`numeric_close` needs an expected answer, not `()`"),
        ("numeric_close(\"many\", 1)", "`numeric_close` needs a number to compare with, not many"),
        ("numeric_close(0.0 / 0.0, 1)", "`numeric_close` needs a number to compare with, not NaN"),
        ("numeric_close(1, -1)", "`numeric_close` needs a tolerance of at least 0, not -1"),
        ("one_of([])", "`one_of` needs a list of the allowed answers, at least one"),
        ("one_of(\"a\")", "`one_of` needs a list of the allowed answers, at least one"),
        ("one_of([\"a\", ()])", "`one_of` needs an expected answer, not `()`"),
        ("same_answer(1, ())", "`same_answer`: the expected answer is missing (`()`)"),
        (
            "few_shot(\"demo/echo\", \"x\", #{ examples: [[\"a\", 1], [\"b\", ()]] })",
            "option `examples` of `few_shot`: number 2 must be a pair of a task and its answer, not \
             [\"b\",null]",
        ),
        (
            "few_shot(\"demo/echo\", \"x\", #{ examples: [#{ a: 1 }] })",
            "option `examples` of `few_shot`: number 1 must be a pair of a task and its answer, not \
             {\"a\":1}",
        ),
    ];
    for (call, expected) in wrong {
        // Only a run says so of values that follow from others; `check` refuses most of these as they stand.
        let (_, done) = Project::new().script(&format!("attempt(|| {call}).error"));
        assert_eq!(done["value"]["message"], expected, "{call}");
        assert_eq!(done["value"]["kind"], "option", "{call}");
    }
    // Examples and votes hold data of every kind.
    let (_, bodies) =
        run(&["x"], "few_shot(branch(), 7, #{ examples: [[1, true], [[2], \"no\"]] })");
    let expected = "Task: 1\nAnswer: true\n\nTask: [2]\nAnswer: no\n\nTask: 7\nAnswer:";
    assert_eq!(asked(&bodies[0]), expected);
    let vote = "vote(branch(), \"x\", #{ n: 3, settings: #{ schema: #{ type: \"integer\" } } })";
    assert_eq!(run(&["2", "3", "3"], vote).0, 3);
}

#[test]
fn an_unknown_option_of_a_pattern_is_an_error() {
    let ran = Project::new().script("vote(branch(), \"x\", #{ times: 3 })").0;
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("`vote` has no option `times`"), "{}", ran.stderr);
    let (ran, done) = Project::new().script("let o = #{ times: 3 }; vote(branch(), \"x\", o)");
    assert_eq!(ran.code, Some(1));
    let message = done["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("`vote` has no option `times`; valid options: "), "{message}");
}

#[test]
fn the_other_patterns_make_the_calls_that_they_promise() {
    let (value, bodies) = run(&["a"], "direct(branch(), \"Name one.\")");
    assert_eq!((&value, asked(&bodies[0])), (&json!("a"), "Name one."));
    let (value, bodies) =
        run(&["a", "b", "c"], "sequential(branch(), \"One.\", #{ steps: [\"Two.\", \"Three.\"] })");
    assert_eq!(value, "c");
    let lengths: Vec<usize> =
        bodies.iter().map(|body| body["messages"].as_array().unwrap().len()).collect();
    assert_eq!(lengths, [1, 3, 5], "each step sees what was said before");
    let (value, bodies) = run(
        &["x", "x", "whole"],
        "fan_out(branch(), \"Vans\", #{ parts: [\"Market?\", \"Risks?\"] })",
    );
    assert_eq!((&value, bodies.len()), (&json!("whole"), 3));
    assert!(asked(&bodies[0]).contains("Vans"), "{}", asked(&bodies[0]));
    let (value, bodies) = run(&["x", "y", "x", "y", "so"], "debate(branch(), \"Is it?\")");
    assert_eq!((&value, bodies.len()), (&json!("so"), 5), "two sides, twice, and a verdict");
    assert_eq!(bodies[2]["messages"].as_array().unwrap().len(), 3, "a side knows what it said");
    let last = "let b = branch(); cascade(b, \"Is it?\", #{ models: [b], accept: |answer| false })";
    assert_eq!(run(&["first", "last"], last).0, "last", "the last answer is taken as it is");
    let tie = "vote(branch(), \"Is it?\", #{ n: 4, settings: #{ temperature: 0.1 } })";
    let (_, bodies) = run(&["no", "no", "yes", "yes"], tie);
    assert!(bodies.iter().all(|body| body["temperature"] == 0.1), "{bodies:?}");
}

#[test]
fn options_that_make_no_sense_are_errors_before_any_call() {
    // The options stand in a variable, so that `check` cannot find them.
    let said = |call: &str, options: &str| {
        let (ran, done) = Project::new().script(&format!("let o = {options}; {call}"));
        assert_eq!(ran.code, Some(1), "{call}");
        assert_eq!(done["metrics"]["calls"], 0, "{call}");
        let message = done["error"]["message"].as_str().unwrap_or_default();
        format!("{options}: {message}\n")
    };
    let of_pattern = |name: &str, options: &str| {
        format!("{name} {}", said(&format!("{name}(\"demo/echo\", \"x\", o)"), options))
    };
    let of_evolve = |options: &str| {
        let call = "evolve(#{ start: \"a\", ask: |t, i| branch(\"demo/echo\").chat(t), judge: |a, i| 1, \
                    train: [1, 2, 3], valid: [4, 5] } + o)";
        format!("evolve {}", said(call, options))
    };

    let all = [
        of_pattern("vote", "#{ n: 0 }"),
        of_pattern("vote", "#{ n: |x| x }"),
        of_pattern("vote", "#{ settings: 3 }"),
        of_pattern("best_of", "#{ judge: |a| 1, n: 0 }"),
        of_pattern("best_of", "#{ judge: () }"),
        of_pattern("fan_out", "#{}"),
        of_pattern("fan_out", "#{ parts: \"x\" }"),
        of_pattern("fan_out", "#{ parts: [\"x\"], combine: 5 }"),
        of_pattern("sequential", "#{ steps: \"x\" }"),
        of_pattern("refine", "#{ rounds: -1 }"),
        of_pattern("refine", "#{ critique: 3 }"),
        of_pattern("cascade", "#{}"),
        of_pattern("cascade", "#{ models: [\"demo/echo\"], accept: true }"),
        of_pattern("debate", "#{ sides: 1 }"),
        of_evolve("#{ start: 3 }"),
        of_evolve("#{ train: \"x\" }"),
        of_evolve("#{ held_out: 5 }"),
        of_evolve("#{ max_proposals: 0 }"),
        of_evolve("#{ batch: 1.5 }"),
        of_evolve("#{ batch: 4 }"),
        of_evolve("#{ confidence: 95 }"),
        of_evolve("#{ max_cost: -1 }"),
        of_evolve("#{ settings: () }"),
    ];
    expect![[r#"
        vote #{ n: 0 }: option `n` of `vote`: must be a whole number of at least 1, not 0
        vote #{ n: |x| x }: option `n` of `vote`: must be a whole number of at least 1, not a function
        vote #{ settings: 3 }: option `settings` of `vote`: must be a map, not 3
        best_of #{ judge: |a| 1, n: 0 }: option `n` of `best_of`: must be a whole number of at least 1, not 0
        best_of #{ judge: () }: `best_of` needs `judge`, a function from an answer to 0..1
        fan_out #{}: option `parts` of `fan_out`: must have at least one item
        fan_out #{ parts: "x" }: option `parts` of `fan_out`: must be a list, not "x"
        fan_out #{ parts: ["x"], combine: 5 }: option `combine` of `fan_out`: must be a string, not 5
        sequential #{ steps: "x" }: option `steps` of `sequential`: must be a list, not "x"
        refine #{ rounds: -1 }: option `rounds` of `refine`: must be a whole number of at least 0, not -1
        refine #{ critique: 3 }: option `critique` of `refine`: must be a string, not 3
        cascade #{}: option `models` of `cascade`: must have at least one item
        cascade #{ models: ["demo/echo"], accept: true }: option `accept` of `cascade`: must be a function, not true
        debate #{ sides: 1 }: option `sides` of `debate`: must be a whole number of at least 2, not 1
        evolve #{ start: 3 }: `evolve` needs `start`, the text to begin with
        evolve #{ train: "x" }: option `train` of `evolve`: must be a list, not "x"
        evolve #{ held_out: 5 }: option `held_out` of `evolve`: must be a list, not 5
        evolve #{ max_proposals: 0 }: option `max_proposals` of `evolve`: must be a whole number of at least 1, not 0
        evolve #{ batch: 1.5 }: option `batch` of `evolve`: must be a whole number of at least 1, not 1.5
        evolve #{ batch: 4 }: `evolve` needs at least 4 items in `train` (`batch`), and has 3
        evolve #{ confidence: 95 }: option `confidence` of `evolve`: must be a number above 0 and below 1, not 95
        evolve #{ max_cost: -1 }: option `max_cost` of `budget`: must be an amount in dollars from 0 up to 9000000000
        evolve #{ settings: () }: option `settings` of `evolve`: must be a map, not ()
    "#]].assert_eq(&all.concat());
}

#[test]
fn an_error_of_a_judge_is_the_error_of_the_pattern() {
    let call = "best_of(\"demo/echo\", \"x\", #{ judge: |a| throw \"no\" })";
    let (ran, done) = Project::new().script(call);
    assert_eq!((ran.code, &done["error"]["message"]), (Some(1), &json!("no")));
}

#[test]
fn every_pattern_can_be_an_arm() {
    let script = r#"
        let yes = |answer| true;
        let ways = #{
            direct: |x, b| direct(b, x),
            few_shot: |x, b| few_shot(b, x, #{ examples: [["a", "b"]] }),
            sequential: |x, b| sequential(b, x, #{ steps: ["Shorter."] }),
            fan_out: |x, b| fan_out(b, x, #{ parts: ["Why?", "How?"] }),
            vote: |x, b| vote(b, x, #{ n: 3 }),
            best_of: |x, b| best_of(b, x, #{ judge: |a| 1.0, n: 2 }),
            refine: |x, b| refine(b, x),
            decompose: |x, b| decompose(b, x),
            cascade: |x, b| cascade(b, x, #{ models: [b], accept: yes }),
            debate: |x, b| debate(b, x),
        };
        let o = optimizer(#{ memory: true });
        let found = o.compare("t", ways, ["one", "two"], #{ warm_up: 0, judge: |a| 1.0 });
        let calls = #{};
        for one in found.patterns { calls[one.pattern] = [one.n, one.success_rate, one.calls]; }
        calls
    "#;
    let (value, _) = run(&["x"], script);
    let expected = json!({
        "direct": [2, 1.0, 2], "few_shot": [2, 1.0, 2], "sequential": [2, 1.0, 4],
        "fan_out": [2, 1.0, 6], "vote": [2, 1.0, 6], "best_of": [2, 1.0, 4], "refine": [2, 1.0, 6],
        "decompose": [2, 1.0, 6], "cascade": [2, 1.0, 2], "debate": [2, 1.0, 10],
    });
    assert_eq!(value, expected);
}

/// A server on which texts that hold `politely` are answered with `please`, and which proposes such
/// a text, or the one that is given.
fn polite(proposal: &'static str) -> (Server, Project) {
    let server = Server::start(move |_, _, body| {
        if body.contains("Give the new instruction alone") {
            return answer(proposal);
        }
        answer(if body.contains("politely") { "please" } else { "give" })
    });
    let project = Project::new();
    project.with_server(&server);
    (server, project)
}

/// Improves the text `Ask.`, with further options.
fn evolve(options: &str) -> String {
    format!(
        r#"let found = evolve(#{{
            start: "Ask.", ask: |text, item| branch().chat(text + " " + item),
            judge: |answer, item| #{{ score: answer == "please", feedback: "it is rude" }},
            train: (0..6).to_array(), valid: (6..12).to_array(), held_out: (12..24).to_array(),
            {options}
        }});
        found"#
    )
}

#[test]
fn a_better_text_is_found_and_confirmed_on_items_that_were_held_out() {
    let (server, project) = polite("Ask politely.");
    let (ran, done) = project.script(&evolve("name: \"ask\", optimizer: optimizer()"));
    let found = &done["value"];
    assert_eq!(
        (&found["improved"], &found["text"]),
        (&true.into(), &"Ask politely.".into()),
        "{ran:?}"
    );
    assert!(found["interval"][0].as_f64() > Some(0.0), "{found}");
    assert_eq!(found["calls"].as_u64(), Some(server.bodies().len() as u64));
    let reflected = server.bodies().into_iter().find(|body| body.contains("Give the new")).unwrap();
    assert!(reflected.contains("it is rude"), "the writer sees why: {reflected}");
    let best = project.kaizen(&["advise", "ask", "--best"]);
    assert_eq!(best.stdout, "evolved\n", "{}", best.stderr);
}

#[test]
fn a_text_that_is_no_better_never_wins() {
    let (_, project) = polite("Ask rudely.");
    let (ran, done) = project.script(&evolve("max_proposals: 5"));
    let found = &done["value"];
    assert_eq!((&found["improved"], &found["text"]), (&false.into(), &"Ask.".into()), "{ran:?}");
    assert_eq!((&found["accepted"], &found["proposals"]), (&json!(0), &json!(5)), "{found}");
    // Better on a few items, and not confirmed: the first text stays.
    let (_, project) = polite("Ask politely.");
    let (_, done) = project.script(&evolve("max_proposals: 5").replace("(12..24)", "(12..15)"));
    let found = &done["value"];
    assert_eq!((&found["improved"], &found["verdict"]), (&false.into(), &"open".into()));
    assert_eq!((&found["text"], &found["best"]), (&"Ask.".into(), &"Ask politely.".into()));
}

#[test]
fn evolve_keeps_its_budget_and_refuses_one_that_is_too_small() {
    let (server, project) = polite("Ask rudely.");
    let (ran, done) = project.script(&evolve("max_calls: 60"));
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    let message = done["error"]["message"].as_str().unwrap();
    assert!(message.contains("need at least 59 more calls; `max_calls` leaves 54"), "{message}");
    assert_eq!(server.bodies().len(), 6, "only the first look");
    let (server, project) = polite("Ask rudely.");
    let (ran, done) = project.script(&evolve("max_calls: 70, max_proposals: 50"));
    assert_eq!(
        (ran.code, &done["value"]["stopped"]),
        (Some(0), &"budget".into()),
        "{}",
        ran.stderr
    );
    assert_eq!(server.bodies().len(), 70);
}

#[test]
fn evolve_goes_on_without_asking_again_and_warns_of_shared_items() {
    let text = evolve("max_proposals: 8").replace("(6..12)", "(5..12)");
    let (server, project) = polite("Ask rudely.");
    let (ran, _) = project.script(&text);
    assert!(ran.stderr.contains("`train` and `valid` share items"), "{}", ran.stderr);
    let undisturbed = server.bodies().len();
    let (server, project) = polite("Ask rudely.");
    project.file("script.rhai", &text);
    let ran = project.kaizen(&["run", "script.rhai", "--max-calls", "30"]);
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    let ran = project.kaizen(&["run", "--resume", "--max-calls", "100"]);
    assert_eq!((ran.code, server.bodies().len()), (Some(0), undisturbed), "{}", ran.stderr);
}

/// A server whose first proposals are these, and whose next one is good.
fn proposing(first: &'static [Act]) -> (Server, Project) {
    let count = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::start(move |_, _, body| {
        if body.contains("Give the new instruction alone") {
            let n = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            return first.get(n).cloned().unwrap_or_else(|| answer("Ask politely."));
        }
        answer(if body.contains("politely") { "please" } else { "give" })
    });
    let project = Project::new();
    project.with_server(&server);
    (server, project)
}

#[test]
fn a_proposal_that_comes_to_nothing_does_not_end_the_search() {
    let long: &'static str = Box::leak("Ask. ".repeat(4_000).into_boxed_str());
    let ways: Vec<(Act, &str)> = vec![
        (answer(""), "the reply is empty"),
        (answer(" \n"), "the reply is empty"),
        (answer("\"\""), "the proposal is empty"),
        (answer("```\n```"), "the proposal is empty"),
        (answer(long), "the proposal has 19999 characters, more than `max_length` (10000)"),
        (finished("Ask poli", "length"), "the reply reached the limit"),
        (reply(400, "{\"error\": {\"message\": \"too long\"}}".to_owned()), "too long"),
        (Act::Half("{\"choices\":".into()), "was cut off"),
    ];
    for (act, told) in ways {
        let acts: &'static [Act] = Box::leak(vec![act.clone(), act].into_boxed_slice());
        let (_, project) = proposing(acts);
        let (ran, done) = project.script(
            &evolve("max_proposals: 5, settings: #{ attempts_max: 1 }")
                .replace("(12..24)", "(12..15)"),
        );
        let found = &done["value"];
        assert_eq!(
            (&found["best"], &found["failed"], &found["accepted"]),
            (&json!("Ask politely."), &json!(2), &json!(1)),
            "{told}\n{}",
            ran.stderr
        );
        let warned = "`evolve`: proposal 1 failed: ";
        let line = ran.stderr.lines().find(|line| line.contains(warned)).unwrap_or_default();
        assert!(line.contains(told), "{told}: {line}");
    }
    // A key that is not accepted would not be accepted the next time either.
    let refused: &'static [Act] = Box::leak(vec![reply(401, "{}".to_owned())].into_boxed_slice());
    let (_, project) = proposing(refused);
    let (_, done) = project.script(&evolve("max_proposals: 5"));
    assert_eq!(done["error"]["kind"], "unauthorized");
}

#[test]
fn a_fence_or_quotes_around_a_proposal_are_taken_off() {
    let proposals = [
        "```\nAsk politely.\n```",
        "```text\nAsk politely.\n```",
        "```Ask politely.```",
        "\"Ask politely.\"",
        " \u{201c}Ask politely.\u{201d}\n",
        "'Ask politely.'",
        "`Ask politely.`",
        "```\n\"Ask politely.\"\n```",
    ];
    for proposal in proposals {
        let (_, project) = polite(proposal);
        let (ran, done) = project.script(&evolve("max_proposals: 5"));
        assert_eq!(done["value"]["text"], "Ask politely.", "{proposal}\n{}", ran.stderr);
    }
    // What belongs to the text stays.
    for proposal in ["\"A\" or \"B\", politely", "Say 'please' politely: ```\nx\n```"] {
        let (_, project) = polite(proposal);
        let (_, done) = project.script(&evolve("max_proposals: 5"));
        assert_eq!(done["value"]["text"], proposal);
    }
}
