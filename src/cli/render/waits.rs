//! What a suspended run waits for, as people and programs see it.

use crate::base::id::RunId;
use crate::cli::render::time;
use crate::journal::waits::{PendingQuestion, Waits};
use serde_json::{Value, json};

/// Writes what a run waits for, and what to type.
pub(in crate::cli) fn lines(run: &RunId, waits: &Waits) -> Vec<String> {
    let mut lines = lines_on_engine(run, waits);
    if let Some(due) = waits.due() {
        let then = moment(due);
        lines.push(format!("`kaizen resume --due` continues it after {then}"));
    }
    lines
}

/// Writes the same of a run that goes on by itself when its time has come.
pub(in crate::cli) fn lines_on_engine(run: &RunId, waits: &Waits) -> Vec<String> {
    let mut lines: Vec<String> = waits.questions.iter().map(question).collect();

    match waits.questions.as_slice() {
        [] => {}
        [_] => lines.push(format!("answer with `kaizen answer {run} VALUE`")),
        [first, ..] => {
            let number = first.number;
            lines.push(format!(
                "answer each by its number, such as `kaizen answer {run}:{number} VALUE`"
            ));
        }
    }

    if let Some(due) = waits.wakes() {
        lines.push(format!("sleeps until {}", moment(due)));
    }
    lines
}

/// Writes a question on one line or, if it has several, with its lines.
pub(in crate::cli) fn question(asked: &PendingQuestion) -> String {
    let op = asked.op.as_ref().map_or(String::new(), |op| format!(" ({op})"));
    let mut text = format!("question {}{op}: {}", asked.number, asked.question.text);

    let choices = asked.question.choices();
    if !choices.is_empty() {
        text.push_str(&format!("  {choices}"));
    }
    if let Some(due) = asked.due {
        text.push_str(&format!("  until {}", moment(due)));
    }
    text
}

/// Returns what a run waits for as data.
pub(in crate::cli) fn to_json(waits: &Waits) -> Value {
    let question = |asked: &PendingQuestion| {
        json!({
            "number": asked.number, "op": asked.op, "question": asked.question.text,
            "options": asked.question.options, "schema": asked.question.schema,
            "default": asked.question.default, "due": asked.due,
        })
    };
    let questions: Vec<Value> = waits.questions.iter().map(question).collect();
    json!({ "questions": questions, "due": waits.due() })
}

fn moment(millis: i64) -> String {
    time::moment_from(millis.saturating_mul(1000))
}
