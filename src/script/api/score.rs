//! Scores and labels: what a judge said, and whether an answer is the one that was expected.

use super::define::def;
use crate::base::failure::{Failure, Kind};
use crate::optimizer::evidence::right_answer;
use crate::optimizer::trial::execution::{WITHOUT_SCORE, no_score, read_score};
use crate::script::diagnostic::type_word;
use crate::script::host::context::Inner;
use crate::script::host::error::{throw, throw_new};
use crate::script::host::{convert, known_map};
use rhai::{Dynamic, Engine};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, _: &Rc<Inner>) {
    def(
        engine,
        "score_of(said: any) -> float",
        r#"
        Converts a judge's result to a score: a number from 0 to 1, true (1) or false (0), or a map
        with such a `score`. Anything else is an error: no score, a percentage, a negative number,
        one that is not finite.
        ```rhai
        print(score_of(#{ score: 0.5, feedback: "half of it" }));
        print(attempt(|| score_of(85)).error.message);
        ```
        "#,
        |said: Dynamic| read(&said).map_err(|failure| throw(&failure)),
    );

    def(
        engine,
        "same_answer(answer: any, expected: any) -> bool",
        r#"
        Returns whether an answer equals the expected one, for any plain data. Case and surrounding
        white space of a text are ignored, 1 equals 1.0, and a text equals the data it states: "3"
        equals 3, and "[1, 2]" equals a list. An expected answer of `()` is an error.
        ```rhai
        print(same_answer(" Paris", "paris") && same_answer("3", 3));
        ```
        "#,
        |answer: Dynamic, expected: Dynamic| {
            if expected.is_unit() {
                return Err(throw_new(
                    Kind::Option,
                    "`same_answer`: the expected answer is missing (`()`)",
                ));
            }

            let data = |value: &Dynamic| {
                convert::to_value(value).map_err(|reason| {
                    throw_new(
                        Kind::Option,
                        format!("`same_answer` compares plain data, and {reason}"),
                    )
                })
            };

            Ok(right_answer::is_right(&data(&answer)?, &data(&expected)?))
        },
    );
}

/// Reads what a judge said.
pub(super) fn read(said: &Dynamic) -> Result<f64, Failure> {
    let score = match known_map::as_map(said) {
        // What stands beside the score need not be data.
        Some(map) => map.get("score").cloned().ok_or_else(|| no_score(WITHOUT_SCORE))?,
        None => said.clone(),
    };

    match convert::to_value(&score) {
        Ok(score) => read_score(&score),
        Err(_) => Err(no_score(&match score.as_float() {
            Ok(number) => number.to_string(),
            Err(_) => type_word::article(&type_word::word(convert::type_name(&score))),
        })),
    }
}
