//! How an operation ended, in words.

use crate::base::count::counted;
use crate::base::failure::Failure;
use crate::base::secret;
use crate::base::visible::on_one_line;
use crate::cli::render::value::rounded;
use crate::flow::outcome::Outcome;
use crate::model::reply::Usage;
use serde_json::{Value, json};

/// Says how an operation ended: in a first line, and below it with what.
pub(in crate::cli) fn lines(outcome: &Outcome) -> Vec<String> {
    match outcome {
        Outcome::Completed { value } => {
            let mut lines = vec![outcome.word().to_owned()];
            lines.extend(value_lines(value));
            lines
        }
        Outcome::Failed { failure } => failed(failure),
        Outcome::Skipped { reason } => {
            vec![format!("{}: {}", outcome.word(), on_one_line(&reason.to_string()))]
        }
        Outcome::Cancelled => vec![outcome.word().to_owned()],
    }
}

/// Says how many tokens were read and written.
pub(in crate::cli) fn tokens(usage: &Usage) -> String {
    format!("{} in, {} out", counted(usage.input(), "token", "tokens"), usage.output())
}

fn failed(failure: &Failure) -> Vec<String> {
    let mut lines = vec![format!("failed ({})", failure.kind)];
    lines.extend(failure.message.lines().map(str::to_owned));

    if let Some(place) = &failure.place {
        lines.push(format!("at {}:{}:{}", place.file, place.line, place.column));
    }
    lines.extend(failure.frames.iter().cloned());

    let calls = match (failure.status, failure.tries) {
        (Some(status), 0 | 1) => Some(format!("status {status}")),
        (Some(status), tries) => Some(format!("status {status}, after {tries} tries")),
        (None, 0 | 1) => None,
        (None, tries) => Some(format!("after {tries} tries")),
    };
    lines.extend(calls);

    // What was thrown as a text is the message already.
    if let Some(thrown) = failure.thrown.as_ref().filter(|thrown| !thrown.is_string()) {
        lines.push(format!("thrown: {}", shown(thrown)));
    }
    if let Some(detail) = &failure.detail {
        for (name, value) in json!(detail).as_object().into_iter().flatten() {
            let text = value.as_str().map_or_else(|| shown(value), str::to_owned);
            lines.push(format!("{name}: {text}"));
        }
    }
    lines
}

fn value_lines(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => text.lines().map(str::to_owned).collect(),
        other => vec![shown(other)],
    }
}

fn shown(value: &Value) -> String {
    rounded(secret::clean(value.clone())).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::failure::{Kind, Place};
    use crate::flow::outcome::SkipReason;

    #[test]
    fn every_way_to_end_is_said_in_words() {
        let completed = |value| lines(&Outcome::Completed { value }).join(" | ");
        assert_eq!(completed(json!("one\ntwo")), "completed | one | two");
        assert_eq!(completed(json!(null)), "completed");
        assert_eq!(completed(json!({ "a": 0.1 + 0.2 })), r#"completed | {"a":0.3}"#);

        let reason = SkipReason::Gate { op: "check".to_owned() };
        let skipped = lines(&Outcome::Skipped { reason });
        assert_eq!(skipped, ["skipped: the gate `check` rejected it"]);
        assert_eq!(lines(&Outcome::Cancelled), ["cancelled"]);

        let mut failure = Failure::new(Kind::Server, "it is down");
        failure.status = Some(503);
        failure.tries = 3;
        failure.thrown = Some(json!({ "a": 1 }));
        failure.place = Some(Place { file: "s.rhai".to_owned(), line: 3, column: 7 });
        failure.frames = vec!["in a closure, called at s.rhai:3".to_owned()];
        assert_eq!(
            lines(&Outcome::Failed { failure }),
            [
                "failed (server)",
                "it is down",
                "at s.rhai:3:7",
                "in a closure, called at s.rhai:3",
                "status 503, after 3 tries",
                r#"thrown: {"a":1}"#,
            ]
        );
    }
}
