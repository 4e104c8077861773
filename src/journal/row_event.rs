//! What a row of the table of events holds: one event, or operations that share it; and values that are none,
//! as they are named.

use crate::base::secret;
use crate::journal::apart::ApartText;
use crate::journal::event::Event;
use crate::journal::history::TIME_MAX;
use crate::journal::ran::RanOps;
use crate::store::{StoredEvent, StoredValue};

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

/// Reads the first event of a row; an error says what is wrong.
pub(super) fn event(row: StoredEvent<'_>) -> Result<(i64, Event), String> {
    match events(row)? {
        RowEvents::One(at, event, _) => Ok((at, *event)),
        RowEvents::Ran(ops) => ops.events().next().ok_or_else(|| "it holds nothing".to_owned()),
    }
}

/// Reads what a row holds; an error says what is wrong.
pub(super) fn events(row: StoredEvent<'_>) -> Result<RowEvents, String> {
    let time = row.at.as_integer().filter(|at| (0..=TIME_MAX).contains(at));
    let time = time.ok_or_else(|| format!("its time is {}", type_of(row.at)))?;

    let text = match row.body {
        StoredValue::Text(bytes) | StoredValue::Blob(bytes) => {
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

pub(super) fn type_of(value: StoredValue<'_>) -> &'static str {
    match value {
        StoredValue::Null => "nothing",
        StoredValue::Integer(_) => "a number that cannot be",
        StoredValue::Real(_) => "a fraction",
        StoredValue::Text(_) => "a text",
        StoredValue::Blob(_) => "bytes",
    }
}

/// Cuts what stands in the place of a value, which may be of any length.
pub(super) fn short(text: &str) -> String {
    const SHOWN: usize = 40;
    text.chars().take(SHOWN).collect()
}
