//! What servers of tools listed and answered in earlier runs, as a fold of their events.

use crate::journal::event::Event;
use crate::journal::inquiry::{Inquiry, Topic};
use serde_json::Value;
use std::collections::HashMap;

/// Most answers that are kept.
const KEPT_MAX: usize = 10_000;

/// The field of a kept answer that says how often the same was asked before.
pub const PLACE: &str = "nth";

/// What is known of servers. An answer is known by what was asked, and by how often the run had asked
/// the same before.
#[derive(Debug, Clone, Default)]
pub struct KnownResults {
    lists: HashMap<Inquiry, Value>,
    calls: HashMap<(Inquiry, u32), Value>,
}

/// How often a run has asked the same.
#[derive(Debug, Default)]
pub struct ResultCounts(HashMap<Inquiry, u32>);

impl ResultCounts {
    /// Counts a question, and returns how many equal ones there were before.
    pub fn count(&mut self, what: &Inquiry) -> u32 {
        let count = self.0.entry(what.clone()).or_default();
        *count += 1;
        *count - 1
    }
}

impl KnownResults {
    /// Takes in an event of a run.
    pub(super) fn see(&mut self, counts: &mut ResultCounts, event: &Event) {
        let Event::EffectEnded { what, value: told, .. } = event else { return };
        // A failure need not come again.
        let value = told.get("value");

        match what.topic() {
            Some(Topic::McpTools) => {
                self.lists.extend(value.map(|value| (what.clone(), value.clone())));
            }
            Some(Topic::McpCall) => {
                // Not every question that was asked has left an event, and ends come in any order.
                let counted = counts.count(what);
                let told_place = value.and_then(|value| value[PLACE].as_u64());
                let nth = told_place.and_then(|nth| u32::try_from(nth).ok()).unwrap_or(counted);
                let kept = value.filter(|value| value["is_error"] != true);
                match kept {
                    Some(value) if self.calls.len() < KEPT_MAX => {
                        self.calls.insert((what.clone(), nth), value.clone());
                    }
                    _ => drop(self.calls.remove(&(what.clone(), nth))),
                }
            }
            _ => {}
        }
    }

    /// Returns the newest list of a server's tools.
    pub fn newest(&self, what: &Inquiry) -> Option<&Value> {
        self.lists.get(what)
    }

    /// Returns what a call was answered that was made as often before, by this version of the tool.
    pub fn get(&self, what: &Inquiry, nth: u32, version: &str) -> Option<&Value> {
        let known = self.calls.get(&(what.clone(), nth))?;
        (known["version"] == version).then_some(known)
    }

    /// Takes in what others know.
    pub(super) fn absorb(&mut self, other: KnownResults) {
        self.lists.extend(other.lists);
        self.calls.extend(other.calls);
    }

    /// Forgets every answer. A list is no answer: it only says what there was.
    pub(super) fn clear(&mut self) {
        self.calls.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(what: &str, value: &Value) -> Event {
        let event = json!({ "kind": "told", "what": what, "value": value });
        serde_json::from_value(event).expect("an event")
    }

    fn value(version: &str, text: &str) -> Value {
        json!({ "value": { "value": text, "version": version } })
    }

    #[test]
    fn an_answer_is_known_by_its_place_among_equal_calls_and_by_the_version_of_the_tool() {
        let events = [
            told("mcp own", &json!({ "value": [1] })),
            told("mcp_call own__go {}", &value("v1", "one")),
            told("mcp_call own__go {}", &json!({ "failure": { "kind": "mcp", "message": "x" } })),
            told("mcp_call own__go {}", &value("v1", "three")),
            told("command [\"sh\"]", &json!({ "value": 1 })),
        ];
        let mut known = KnownResults::default();
        let mut counts = ResultCounts::default();
        for event in &events {
            known.see(&mut counts, event);
        }

        let what = Inquiry::About(Topic::McpCall, "own__go {}".to_owned());
        let texts = |known: &KnownResults| -> Vec<Option<String>> {
            let text = |nth| known.get(&what, nth, "v1")?["value"].as_str().map(str::to_owned);
            (0..4).map(text).collect()
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(texts(&known), [some("one"), None, some("three"), None]);
        assert_eq!(known.get(&what, 0, "v2"), None);

        // Of four calls, the first left no event, and the last ended first.
        let placed = |nth: u32, text: &str| json!({ "value": { "value": text, "version": "v1", "nth": nth } });
        let mut other = KnownResults::default();
        let mut counts = ResultCounts::default();
        for value in [placed(3, "four"), placed(1, "two"), placed(2, "three")] {
            other.see(&mut counts, &told("mcp_call own__go {}", &value));
        }
        assert_eq!(texts(&other), [None, some("two"), some("three"), some("four")]);

        let list = Inquiry::About(Topic::McpTools, "own".to_owned());
        known.clear();
        assert_eq!((known.newest(&list), known.get(&what, 0, "v1")), (Some(&json!([1])), None));
    }
}
