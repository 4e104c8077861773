//! What was said beside the operations of a run: by the script, by the world, by people.

use crate::base::json::as_text;
use crate::journal::event::Event;
use crate::journal::inquiry::{Inquiry, Topic};
use crate::view::text::ShownText;
use serde::Serialize;
use serde_json::Value;

/// Most lines at once.
pub const LINES_MAX: usize = 200;

/// One thing that was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// The number of the event.
    pub seq: i64,
    /// When, in microseconds since the run's start.
    pub at: i64,
    /// `info`, `warn`, `error`, `told`, `decision`, `asked` or `answered`.
    pub kind: &'static str,
    /// What.
    pub text: String,
    /// Why, of a decision.
    pub why: Option<String>,
    /// Where the rest of the text is.
    pub more: Option<String>,
}

/// Makes a line of an event, if it says something.
pub fn line(seq: i64, at: i64, event: &Event) -> Option<LogLine> {
    let (kind, text, why) = match event {
        Event::Logged { level, text } => (level.word(), text.clone(), None),
        Event::EffectEnded { what, value, .. } if is_choice(what, value) => {
            ("decision", choice(what, value), reason(value))
        }
        Event::EffectEnded { what, value, .. } => {
            ("told", format!("{what}: {}", as_text(value)), None)
        }
        Event::Asked { question } => ("asked", question.question.text.clone(), None),
        Event::Answered { question, value, .. } => {
            ("answered", as_text(value), Some(question.clone()))
        }
        _ => return None,
    };

    let shown = ShownText::of(&text, seq, "said");
    Some(LogLine { seq, at, kind, text: shown.text, why, more: shown.at })
}

/// Returns the whole text of a line.
pub fn whole(event: &Event) -> Option<String> {
    match event {
        Event::Logged { text, .. } => Some(text.clone()),
        Event::EffectEnded { what, value, .. } => Some(format!("{what}: {}", as_text(value))),
        Event::Asked { question } => Some(question.question.text.clone()),
        Event::Answered { value, .. } => Some(as_text(value)),
        _ => None,
    }
}

fn is_choice(what: &Inquiry, value: &Value) -> bool {
    what.topic().is_some_and(Topic::is_choice) && value["pattern"].is_string()
}

fn choice(what: &Inquiry, value: &Value) -> String {
    let pattern = value["pattern"].as_str().unwrap_or_default();
    let chance = value["probability"].as_f64();
    let chance = chance.map_or(String::new(), |p| format!(" (probability of the choice: {p:.2})"));
    format!("{what}: `{pattern}`{chance}")
}

fn reason(value: &Value) -> Option<String> {
    ["why", "reason"].into_iter().find_map(|key| value[key].as_str()).map(str::to_owned)
}
