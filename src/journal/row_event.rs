//! What a row of the table of events holds: one event, or operations that share it; and values that are none,
//! as they are named.

use crate::base::secret;
use crate::journal::apart::ApartText;
use crate::journal::event::Event;
use crate::journal::history::TIME_MAX;
use crate::journal::ran::RanOps;
use rusqlite::types::ValueRef;

/// What a row stands for.
pub(super) enum RowEvents {
    /// One event, when it happened, and what of it stands apart.
    One(i64, Box<Event>, Option<ApartText>),
    /// Operations that ran from start to end.
    Ran(RanOps),
}

impl RowEvents {
    /// Tells whether a text of the event stands apart from it.
    pub(super) fn is_apart(&self) -> bool {
        matches!(self, RowEvents::One(_, _, Some(_)))
    }
}

/// Reads the time and the body of an event; an error says what is wrong.
pub(super) fn event(at: ValueRef<'_>, body: ValueRef<'_>) -> Result<(i64, Event), String> {
    match events(at, body)? {
        RowEvents::One(at, event, _) => Ok((at, *event)),
        RowEvents::Ran(ops) => ops.events().next().ok_or_else(|| "it holds nothing".to_owned()),
    }
}

/// Reads the time and the body of a row; an error says what is wrong.
pub(super) fn events(at: ValueRef<'_>, body: ValueRef<'_>) -> Result<RowEvents, String> {
    let time = at.as_i64().ok().filter(|at| (0..=TIME_MAX).contains(at));
    let time = time.ok_or_else(|| format!("its time is {}", type_of(at)))?;

    let text = match body {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            std::str::from_utf8(bytes).map_err(|_| "it is not text in UTF-8".to_owned())?
        }
        other => return Err(format!("it is {}, not text", type_of(other))),
    };

    let read = if RanOps::are_in(text) {
        serde_json::from_str(text).map(RowEvents::Ran)
    } else {
        let apart = ApartText::of(text);
        serde_json::from_str(text).map(|event| RowEvents::One(time, Box::new(event), apart))
    };
    read.map_err(|error| {
        // Version 0.1 took secrets out of the JSON text, so that numbers and names could be hit.
        let cause = if text.contains(secret::SHOWN) {
            "; kaizen 0.1 damaged its JSON when it removed a secret"
        } else {
            ""
        };
        format!("{error}{cause}")
    })
}

/// Returns a value as text, whatever it is.
pub(super) fn as_text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
    }
}

pub(super) fn type_of(value: ValueRef<'_>) -> &'static str {
    match value {
        ValueRef::Null => "nothing",
        ValueRef::Integer(_) => "a number that cannot be",
        ValueRef::Real(_) => "a fraction",
        ValueRef::Text(_) => "a text",
        ValueRef::Blob(_) => "bytes",
    }
}

/// Cuts what stands in the place of a value, which may be of any length.
pub(super) fn short(text: &str) -> String {
    const SHOWN: usize = 40;
    text.chars().take(SHOWN).collect()
}
