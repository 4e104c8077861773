//! The parts that a body comes in: events of a stream, or one body. Which of them it is, its bytes
//! say: content types are often wrong. Knows nothing of what the parts mean.

use crate::model::provider::sse::EventSplitter;

/// The fields of an event (WHATWG HTML, "Server-sent events"); an empty name makes a comment.
const FIELDS: &[&[u8]] = &[b"data:", b"event:", b"id:", b"retry:", b":"];
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
    pub(super) fn push(&mut self, bytes: &[u8], each: impl FnMut(&[u8])) {
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

    fn of(held: Vec<u8>, each: impl FnMut(&[u8])) -> Frames {
        let bytes = held.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&held);
        let text = bytes.trim_ascii_start();

        if FIELDS.iter().any(|field| text.starts_with(field)) {
            let mut events = EventSplitter::default();
            events.push(bytes, each);
            return Frames::Stream(events);
        }

        let is_open =
            BYTE_ORDER_MARK.starts_with(text) || FIELDS.iter().any(|f| f.starts_with(text));
        if is_open { Frames::Open(held) } else { Frames::Body(held) }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], expected: &str) {
        for at in 0..=text.len() {
            let mut frames = Frames::default();
            let mut seen = Vec::new();
            for part in [&text[..at], &text[at..]] {
                frames.push(part, |data| seen.push(String::from_utf8_lossy(data).into_owned()));
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
        check(b"", "open 0");
        check(b"dat", "open 3");
    }
}
