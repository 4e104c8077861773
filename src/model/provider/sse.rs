//! Server-sent events: takes in bytes as they come and gives the data of each event. Knows nothing
//! of what the data means.

/// The fields of an event; an empty name makes a comment.
pub(super) const FIELDS: &[&[u8]] = &[b"data:", b"event:", b"id:", b"retry:", b":"];
/// The field by which llama.cpp ends a stream that failed.
pub(super) const ERROR: &[u8] = b"error:";

/// As what the data of an event came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EventKind {
    /// As any data, or as a line of JSON between events.
    #[default]
    Data,
    /// As an error: in an event of that name, or in a field `error`.
    Error,
}

/// Splits a stream of bytes into events (WHATWG HTML, "Server-sent events"). Servers that fail in
/// the middle of a stream also write what no event has: a field `error`, or bare JSON. Both are
/// given like events, since they say why nothing more comes.
#[derive(Debug, Default)]
pub struct EventSplitter {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    kind: EventKind,
    /// Lines that are no fields, and as what they came.
    bare: Vec<u8>,
    bare_kind: EventKind,
    after_return: bool,
}

impl EventSplitter {
    /// Takes in bytes, and calls `each` with the data of every event that they complete.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(EventKind, &[u8])) {
        for byte in bytes {
            match byte {
                b'\n' if std::mem::take(&mut self.after_return) => {}
                b'\n' => self.end_line(&mut each),
                b'\r' => {
                    self.after_return = true;
                    self.end_line(&mut each);
                }
                other => {
                    self.after_return = false;
                    self.line.push(*other);
                }
            }
        }
    }

    /// Takes the end of the stream for the end of the last event, which a server may leave out.
    pub fn end(&mut self, mut each: impl FnMut(EventKind, &[u8])) {
        if !self.line.is_empty() {
            self.end_line(&mut each);
        }

        self.end_line(&mut each);
    }

    /// Returns how many bytes are held back.
    pub fn held(&self) -> usize {
        self.line.len() + self.data.len() + self.bare.len()
    }

    fn end_line(&mut self, each: &mut impl FnMut(EventKind, &[u8])) {
        let line = std::mem::take(&mut self.line);
        let is_field = FIELDS.iter().any(|field| line.starts_with(field));

        if line.is_empty() || is_field {
            self.end_bare(each);
        }

        if line.is_empty() {
            self.end_data(each);
        } else if let Some(value) = line.strip_prefix(b"data:") {
            if self.has_data {
                self.data.push(b'\n');
            }
            self.has_data = true;
            self.data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
        } else if let Some(name) = line.strip_prefix(b"event:") {
            let is_error = name.trim_ascii().eq_ignore_ascii_case(b"error");
            self.kind = if is_error { EventKind::Error } else { EventKind::Data };
        } else if !is_field {
            self.bare_line(&line, each);
        }

        // The buffer keeps its room for the next line.
        self.line = line;
        self.line.clear();
    }

    fn end_data(&mut self, each: &mut impl FnMut(EventKind, &[u8])) {
        if self.has_data {
            each(self.kind, &self.data);
        }

        self.data.clear();
        self.has_data = false;
        self.kind = EventKind::Data;
    }

    fn end_bare(&mut self, each: &mut impl FnMut(EventKind, &[u8])) {
        if !self.bare.is_empty() {
            each(self.bare_kind, &self.bare);
            self.bare.clear();
        }
    }

    /// Takes in a line that is no field. Other text than JSON is read past, as the standard wants.
    fn bare_line(&mut self, line: &[u8], each: &mut impl FnMut(EventKind, &[u8])) {
        if let Some(error) = line.strip_prefix(ERROR) {
            self.end_bare(each);
            self.bare_kind = EventKind::Error;
            self.bare.extend_from_slice(error);
        } else if !self.bare.is_empty() {
            self.bare.push(b'\n');
            self.bare.extend_from_slice(line);
            return;
        } else if line.starts_with(b"{") || line.starts_with(b"[") {
            self.end_data(each);
            self.bare_kind = EventKind::Data;
            self.bare.extend_from_slice(line);
        }

        // One line is mostly all: what it says must not wait for the next one.
        if serde_json::from_slice::<serde::de::IgnoredAny>(&self.bare).is_ok() {
            self.end_bare(each);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "data: {\"ä\":1}\r\n\r\n: comment\nevent: x\ndata: a\ndata:b\n\ndata\n\n\
                          data: [DONE]\n\n";

    fn text(data: &[u8]) -> String {
        String::from_utf8_lossy(data).into_owned()
    }

    fn split(parts: &[&[u8]]) -> Vec<String> {
        let mut events = EventSplitter::default();
        let mut found = Vec::new();
        for part in parts {
            events.push(part, |_, data| found.push(text(data)));
        }
        found
    }

    #[test]
    fn the_same_events_come_out_wherever_the_stream_is_cut() {
        let whole = split(&[STREAM.as_bytes()]);
        assert_eq!(whole, ["{\"ä\":1}", "a\nb", "[DONE]"]);
        for at in 0..=STREAM.len() {
            let (one, two) = STREAM.as_bytes().split_at(at);
            assert_eq!(split(&[one, two]), whole, "cut at byte {at}");
        }

        let bytes: Vec<&[u8]> = STREAM.as_bytes().chunks(1).collect();
        assert_eq!(split(&bytes), whole);
    }

    #[test]
    fn an_event_that_is_not_complete_is_held_back() {
        assert_eq!(split(&[b"data: cut"]), Vec::<String>::new());
    }

    #[test]
    fn the_end_of_the_stream_ends_the_last_event() {
        for left_out in ["data: a\n\ndata: b", "data: a\n\ndata: b\n", "data: a\n\ndata: b\n\n"] {
            let mut events = EventSplitter::default();
            let mut found = Vec::new();
            events.push(left_out.as_bytes(), |_, data| found.push(text(data)));
            events.end(|_, data| found.push(text(data)));
            assert_eq!(found, ["a", "b"], "{left_out:?}");
        }
    }

    #[test]
    fn what_says_an_error_is_given_as_one_and_bare_json_like_data() {
        let stream = "event: error\ndata: a\n\nevent: x\ndata: b\n\nerror: {\"c\":1}\n\n\
                      {\"d\":\n1}\n\ntext\nerror: e\n\ndata: f\n{\"g\":1}\n[DONE";
        let expected = [
            (EventKind::Error, "a"),
            (EventKind::Data, "b"),
            (EventKind::Error, " {\"c\":1}"),
            (EventKind::Data, "{\"d\":\n1}"),
            (EventKind::Error, " e"),
            (EventKind::Data, "f"),
            (EventKind::Data, "{\"g\":1}"),
            (EventKind::Data, "[DONE"),
        ];

        for at in 0..=stream.len() {
            let mut events = EventSplitter::default();
            let mut found = Vec::new();
            for part in [&stream[..at], &stream[at..]] {
                events.push(part.as_bytes(), |kind, data| found.push((kind, text(data))));
            }
            events.end(|kind, data| found.push((kind, text(data))));

            let expected = expected.map(|(kind, data)| (kind, data.to_owned()));
            assert_eq!(found, expected, "cut at byte {at}");
        }
    }
}
