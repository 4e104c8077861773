//! What a call of `kaizen mcp` answers: the end of a run, or a page of what a command says.

use crate::base::secret::scrub;
use crate::cli::command::mcp::child::ChildEnd;
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Most bytes of the text of an answer.
const ANSWER_MAX: usize = 64 << 10;
/// Most bytes of one page of a longer text: its answer has more around it, and is JSON.
const PAGE_MAX: usize = 24 << 10;
/// Most bytes that are kept of what a script prints.
const PRINTED_MAX: usize = 16 << 10;
/// Most failures that are told of a run.
const FAILURES_MAX: usize = 20;

/// Makes an error that the client shows to its model.
pub(super) fn refusal(message: &str) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(scrub(message).into_owned())])
}

/// Answers with what a command has written, or with the part of it that begins at a byte.
pub(super) fn page(text: &str, from: u64, is_json: bool) -> CallToolResult {
    // Output that is no JSON after all is told as the text that it is.
    if from == 0
        && is_json
        && let Ok(lines) = text.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()
    {
        let whole = json!({ "items": lines });
        if whole.to_string().len() <= ANSWER_MAX {
            return CallToolResult::structured(whole);
        }
    }

    let from = usize::try_from(from).unwrap_or(usize::MAX);
    if from > text.len() || !text.is_char_boundary(from) {
        let bytes = text.len();
        return refusal(&format!(
            "`from` must be 0 or the `next` of an earlier answer, not {from}; there are {bytes} bytes"
        ));
    }

    let end = text.floor_char_boundary(text.len().min(from + PAGE_MAX));
    let mut answer = json!({ "text": text[from..end] });
    if end < text.len() {
        answer["next"] = end.into();
        answer["bytes"] = text.len().into();
    }
    CallToolResult::structured(answer)
}

/// What is seen of a run while it is under way.
#[derive(Debug, Default)]
pub(super) struct RunWitness {
    run: Option<String>,
    /// The names of operations, by flow and number.
    names: BTreeMap<(u64, u64), String>,
    ended: u64,
    failures: Vec<Value>,
    failures_more: u64,
    printed: String,
    is_printed_cut: bool,
    done: Option<Map<String, Value>>,
}

impl RunWitness {
    /// Takes a line of the run's output. Returns the number of operations that have ended, and the name
    /// of the last, if the line tells the end of one.
    pub(super) fn see(&mut self, line: Value) -> Option<(u64, String)> {
        let Value::Object(mut line) = line else { return None };
        if self.run.is_none() {
            self.run = line.get("run").and_then(Value::as_str).map(str::to_owned);
        }

        match line.get("type").and_then(Value::as_str) {
            Some("print") => self.print(line.get("text").and_then(Value::as_str)),
            Some("done") => self.done = Some(std::mem::take(&mut line)),
            Some("event") => return self.event(&line),
            _ => {}
        }
        None
    }

    fn print(&mut self, text: Option<&str>) {
        let text = text.unwrap_or_default();
        let left = PRINTED_MAX.saturating_sub(self.printed.len());
        let end = text.floor_char_boundary(left.min(text.len()));

        self.printed.push_str(&text[..end]);
        if end == text.len() {
            self.printed.push('\n');
        } else {
            self.is_printed_cut = true;
        }
    }

    fn event(&mut self, line: &Map<String, Value>) -> Option<(u64, String)> {
        let number = |value: &Value, key: &str| value[key].as_u64().unwrap_or_default();
        let whole = Value::Object(line.clone());
        let flow = number(&whole, "flow");

        match whole["kind"].as_str() {
            Some("flow_started") => {
                for op in whole["ops"].as_array().into_iter().flatten() {
                    let name = op["name"].as_str().unwrap_or_default().to_owned();
                    self.names.insert((flow, number(op, "op")), name);
                }
                None
            }
            Some("op_ended") => {
                self.ended += 1;
                let op = number(&whole, "op");
                let name = self.names.get(&(flow, op)).cloned().unwrap_or_else(|| op.to_string());
                if whole["outcome"] == "failed" {
                    self.fail(&name, &whole["failure"]);
                }
                Some((self.ended, name))
            }
            _ => None,
        }
    }

    fn fail(&mut self, operation: &str, failure: &Value) {
        if self.failures.len() >= FAILURES_MAX {
            self.failures_more += 1;
            return;
        }
        self.failures.push(json!({
            "operation": operation, "kind": failure["kind"], "message": failure["message"],
        }));
    }

    /// Returns what the client is answered when the run has ended.
    pub(super) fn answer(self, end: &ChildEnd) -> CallToolResult {
        let stderr = end.stderr.as_str();
        let Some(mut done) = self.done else {
            let ended = match &self.run {
                Some(run) if end.has_lost_store => {
                    format!(
                        "run {run} ended because its store cannot be used; what it did last is lost"
                    )
                }
                Some(run) => format!(
                    "run {run} ended without a result, but its progress is saved: `show_run` shows it, \
                     and `kaizen run --resume={run}` continues it"
                ),
                None => "the script was not run".to_owned(),
            };
            let text = if stderr.is_empty() { ended } else { format!("{ended}\n{stderr}") };
            return refusal(&text);
        };

        let mut take = |key: &str| done.remove(key).unwrap_or_default();
        let status = take("status");
        let mut answer = json!({
            "run": self.run, "status": status, "value": take("value"), "cost": take("cost"),
            "failures": self.failures,
        });
        let error = take("error");
        let errors = take("errors");
        let waits = take("waits");
        let is_waiting = !waits.is_null();
        let more = [
            ("error", error, false),
            ("errors", errors, false),
            ("waits", waits, false),
            ("printed", self.printed.into(), self.is_printed_cut),
        ];
        for (key, value, is_cut) in more {
            let is_nothing = value.is_null() || value == "";
            if !is_nothing {
                answer[key] = value;
            }
            if is_cut {
                answer["printed_cut"] = true.into();
            }
        }
        if self.failures_more > 0 {
            answer["failures_more"] = self.failures_more.into();
        }

        if let Some(run) = self.run.as_deref().filter(|_| is_waiting) {
            let help = format!(
                "the run is suspended until people answer or the time comes; they answer with \
                 `kaizen answer {run}:NUMBER VALUE`, and `kaizen resume --due` continues it when its time \
                 has come"
            );
            answer["help"] = help.into();
        }

        shorten(&mut answer);
        if status == "ok" || is_waiting {
            CallToolResult::structured(answer)
        } else {
            CallToolResult::structured_error(answer)
        }
    }
}

/// Leaves the value out of an answer that is too long, and says where it is found.
fn shorten(answer: &mut Value) {
    for key in ["value", "failures", "printed", "error", "errors", "waits"] {
        let bytes = answer[key].to_string().len();
        if answer.to_string().len() <= ANSWER_MAX {
            return;
        }
        if bytes > PRINTED_MAX || key != "value" {
            answer[key] = Value::Null;
            answer[format!("{key}_left_out")] =
                format!("{bytes} bytes; `show_run` with `events: true` returns it in full").into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(result: &CallToolResult) -> Value {
        json!(result)["structuredContent"].clone()
    }

    #[test]
    fn a_long_text_is_read_page_by_page_and_whole() {
        let whole = "ä".repeat(40_000);
        let mut read = String::new();
        let mut from = 0;
        loop {
            let answer = text(&page(&whole, from, false));
            read.push_str(answer["text"].as_str().expect("a page"));
            match answer["next"].as_u64() {
                Some(next) => from = next,
                None => break,
            }
        }
        assert!(read == whole);
        assert_eq!(json!(page(&whole, 1, false))["isError"], true);
        assert_eq!(json!(page(&whole, 1 << 40, false))["isError"], true);
    }

    #[test]
    fn an_answer_has_at_most_64_kib_whatever_the_run_gave() {
        let long = "\u{1}".repeat(100_000);
        let mut witness = RunWitness::default();
        witness.see(json!({ "type": "launch", "run": "r1" }));
        for _ in 0..100 {
            witness.see(json!({
                "type": "event", "kind": "op_ended", "flow": 1, "op": 0, "outcome": "failed",
                "failure": { "kind": "network", "message": long },
            }));
        }
        witness.see(json!({ "type": "print", "text": long }));
        witness.see(json!({ "type": "done", "status": "failed", "value": long, "error": { "message": long } }));

        let answer = text(&witness.answer(&ChildEnd::default()));
        assert!(answer.to_string().len() <= ANSWER_MAX);
        assert_eq!((&answer["run"], &answer["status"]), (&json!("r1"), &json!("failed")));
        assert_eq!(
            answer["value_left_out"],
            "600002 bytes; `show_run` with `events: true` returns it in full"
        );
    }

    #[test]
    fn a_run_that_lost_its_store_is_not_said_to_be_saved() {
        let answered = |has_lost_store| {
            let mut witness = RunWitness::default();
            witness.see(json!({ "type": "launch", "run": "r1" }));
            let end = ChildEnd { stderr: "error: gone".to_owned(), has_lost_store };
            json!(witness.answer(&end))["content"][0]["text"].clone()
        };
        expect_test::expect![[r#"
            [
              "run r1 ended because its store cannot be used; what it did last is lost\nerror: gone",
              "run r1 ended without a result, but its progress is saved: `show_run` shows it, and `kaizen run --resume=r1` continues it\nerror: gone"
            ]"#]]
            .assert_eq(&format!("{:#}", json!([answered(true), answered(false)])));
    }
}
