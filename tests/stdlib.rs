//! The standard library: each pattern makes the calls that it promises, and gives the answer.

use crate::support::Project;
use crate::support::server::{Server, answer};
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
    let table = std::fs::read_to_string(root.join("src/script/stdlib.rs")).unwrap();
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
        "best_of(branch(), \"Write.\", #{ judge: |answer| answer.len, n: 3 })",
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

#[test]
fn an_unknown_option_of_a_pattern_is_an_error() {
    let ran = Project::new().script("vote(branch(), \"x\", #{ times: 3 })").0;
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("`vote` has no option `times`"), "{}", ran.stderr);
    let (ran, done) = Project::new().script("let o = #{ times: 3 }; vote(branch(), \"x\", o)");
    assert_eq!(ran.code, Some(1));
    let message = done["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("`vote` has no option `times`; it takes: "), "{message}");
}
