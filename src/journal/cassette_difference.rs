//! In what two requests of cassettes differ, for people.

use crate::base::json::digest;
use crate::base::secret;
use crate::model::message::Message;
use crate::model::tool::ToolSpec;
use std::borrow::Cow;

/// Longest part of a text that a difference shows, in characters.
const SHOWN_MAX: usize = 80;
/// How much that both texts share is shown before a difference, in characters.
const SHARED_SHOWN: usize = 20;
/// How many digits of the hash of a tool are shown.
const HASH_SHOWN: usize = 8;

/// Says where two texts part.
pub(super) fn text_difference(known: &Message, asked: &Message) -> String {
    let known = whole(known);
    let asked = whole(asked);
    let shared = known.chars().zip(asked.chars()).take_while(|(a, b)| a == b).count();

    let from = shared.saturating_sub(SHARED_SHOWN);
    let rest = |text: &str| short(&text.chars().skip(from).collect::<String>());
    let at = shared + 1;

    format!(" from character {at} on: `{}`, recorded with `{}`", rest(&asked), rest(&known))
}

/// Returns everything that a message says.
pub(super) fn whole(message: &Message) -> Cow<'_, str> {
    if message.is_plain() {
        return Cow::Borrowed(&message.content);
    }

    let written = serde_json::to_string(message).expect("a message is plain data");
    Cow::Owned(written)
}

/// Names tools, for people. Those of one name may still differ in what they say of themselves.
pub(super) fn names(tools: &[ToolSpec]) -> String {
    if tools.is_empty() {
        return "none".to_owned();
    }

    let each = tools.iter().map(|tool| format!("{} ({})", tool.name, &digest(tool)[..HASH_SHOWN]));
    each.collect::<Vec<_>>().join(", ")
}

/// Returns the beginning of a text.
pub(super) fn short(text: &str) -> String {
    let mut shown: String = secret::beginning(text, SHOWN_MAX);

    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
