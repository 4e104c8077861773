//! The body of an error response. It comes in as many forms as a reply does, and is read alike.

use crate::model::provider::document::{Documents, Trouble};
use crate::model::provider::error_response;
use crate::model::provider::frames::Frames;
use crate::model::provider::sse::EventKind;
use serde_json::Value;

/// What the body of an error response holds.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ErrorBody {
    /// Its documents.
    pub(super) documents: Vec<Value>,
    /// Its words, where it has no documents.
    pub(super) words: Option<String>,
}

impl ErrorBody {
    /// Reads a body.
    pub(super) fn read(text: &str) -> ErrorBody {
        let mut body = ErrorBody::default();
        let mut frames = Frames::default();
        frames.push(text.as_bytes(), |kind, data| body.take(kind, data));

        match frames {
            Frames::Stream(mut events) => events.end(|kind, data| body.take(kind, data)),
            Frames::Open(held) | Frames::Body(held) => body.take(EventKind::Data, &held),
        }

        if !body.documents.is_empty() {
            body.words = None;
        }
        body
    }

    fn take(&mut self, kind: EventKind, data: &[u8]) {
        let found = match kind {
            EventKind::Data => Documents::read(data),
            EventKind::Error => error_response::of_event(data),
        };
        // The mark of the end reads as a list of nothing.
        self.documents.extend(found.values.into_iter().filter(|document| !document.is_null()));

        // What was meant to be data may repeat the request, so it is not shown; a comment says nothing.
        let words = String::from_utf8_lossy(data.trim_ascii());
        let is_data = [":", "{", "[{", "[\""].iter().any(|start| words.starts_with(start));
        if matches!(found.trouble, Some(Trouble::Wrong(_))) && !is_data {
            self.words.get_or_insert_with(|| words.into_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn documents_and_words_are_told_apart() {
        let read = |text: &str| {
            let body = ErrorBody::read(text);
            (Value::from(body.documents), body.words)
        };
        let words = |text: &str| Some(text.to_owned());
        let error = json!([{ "error": "a" }]);

        for text in [
            "{\"error\":\"a\"}",
            "[{\"error\":\"a\"}]",
            "data: {\"error\":\"a\"}",
            "event: error\ndata: {\"error\":\"a\"}\n\n",
            "event: error\ndata: a\n\n",
            ": hi\n\n{\"error\":\"a\"}",
            "error: a",
            "error: \"a\"\n\ndata: [DONE]\n\n",
            "{\"error\":\"a\"} trailing",
        ] {
            assert_eq!(read(text), (error.clone(), None), "{text}");
        }

        for text in ["<html>", "service down", "[proxy] down"] {
            assert_eq!(read(text), (json!([]), words(text)), "{text}");
        }
        for text in ["", "null", "{\"messages\":[\"the request", "{no", "[{no", ": hi\n\n"] {
            assert_eq!(read(text), (json!([]), None), "{text}");
        }
    }
}
