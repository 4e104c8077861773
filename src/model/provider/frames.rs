//! The parts that a body comes in: events of a stream, or one body. Which of them it is, its bytes
//! say: content types are often wrong. Knows nothing of what the parts mean.

use crate::model::provider::sse::{ERROR, EventKind, EventSplitter, FIELDS};

/// The mark that may stand before a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What has come of a body.
#[derive(Debug)]
pub(super) enum Frames {
    /// Too little to tell what it is.
    Open(Vec<u8>),
    /// A stream of events.
    Stream(EventSplitter),
    /// Something else, which is read when it is whole.
    Body(Vec<u8>),
}

impl Default for Frames {
    fn default() -> Frames {
        Frames::Open(Vec::new())
    }
}

impl Frames {
    /// Takes in bytes, and calls `each` with the data of every event that they complete.
    pub(super) fn push(&mut self, bytes: &[u8], each: impl FnMut(EventKind, &[u8])) {
        match self {
            Frames::Open(held) => {
                held.extend_from_slice(bytes);
                let held = std::mem::take(held);
                *self = Frames::of(held, each);
            }
            Frames::Stream(events) => events.push(bytes, each),
            Frames::Body(held) => held.extend_from_slice(bytes),
        }
    }

    fn of(held: Vec<u8>, each: impl FnMut(EventKind, &[u8])) -> Frames {
        let bytes = held.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&held);
        // Servers keep a connection alive by comments also where a plain body follows.
        let text = after_comments(bytes);
        let mut fields = FIELDS.iter().copied().chain([ERROR]).filter(|field| *field != b":");

        if fields.clone().any(|field| text.starts_with(field)) {
            let mut events = EventSplitter::default();
            events.push(bytes, each);
            return Frames::Stream(events);
        }

        let is_open =
            BYTE_ORDER_MARK.starts_with(text) || fields.any(|field| field.starts_with(text));

        if is_open || text.starts_with(b":") {
            Frames::Open(held)
        } else {
            let body = text.to_vec();
            Frames::Body(if bytes.trim_ascii_start().starts_with(b":") { body } else { held })
        }
    }

    /// Tells whether this is a stream of events.
    pub(super) fn are_events(&self) -> bool {
        matches!(self, Frames::Stream(_))
    }

    /// Returns how many bytes are held back.
    pub(super) fn held(&self) -> usize {
        match self {
            Frames::Open(held) | Frames::Body(held) => held.len(),
            Frames::Stream(events) => events.held(),
        }
    }
}

/// Returns what follows the comments at the beginning, as far as those are whole lines.
fn after_comments(bytes: &[u8]) -> &[u8] {
    let mut text = bytes.trim_ascii_start();

    while text.starts_with(b":") {
        let Some(end) = text.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else { break };
        text = text[end..].trim_ascii_start();
    }

    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], expected: &str) {
        for at in 0..=text.len() {
            let mut frames = Frames::default();
            let mut seen = Vec::new();
            for part in [&text[..at], &text[at..]] {
                frames.push(part, |_, data| seen.push(String::from_utf8_lossy(data).into_owned()));
            }

            let found = match frames {
                Frames::Open(held) => format!("open {}", held.len()),
                Frames::Stream(_) => format!("stream {seen:?}"),
                Frames::Body(held) => format!("body {}", held.len()),
            };
            assert_eq!(found, expected, "cut at byte {at}");
        }
    }

    #[test]
    fn the_bytes_say_what_a_body_is() {
        check(b"data: {}\n\n", "stream [\"{}\"]");
        check(b"\xef\xbb\xbf\r\n: hello\n\ndata:{}\n\n", "stream [\"{}\"]");
        check(b"event: x\ndata: {}\n\n", "stream [\"{}\"]");
        check(b"\xef\xbb\xbf{\"data\": 1}", "body 14");
        check(b"datum", "body 5");
        check(b"  <html>", "body 8");
        check(b"error: {}\n\n", "stream [\" {}\"]");
        check(b": a\r\n\r\n:b\n\n{\"a\": 1}", "body 8");
        check(b": a\n\n<html>", "body 6");
        check(b": a\n\n", "open 5");
        check(b"", "open 0");
        check(b"dat", "open 3");
    }
}
