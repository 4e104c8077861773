//! Server-sent events: takes in bytes as they come and gives the data of each event. Knows nothing
//! of what the data means.

/// Splits a stream of bytes into events (WHATWG HTML, "Server-sent events"). Only the data is
/// kept: no provider of ours uses the other fields.
#[derive(Debug, Default)]
pub struct EventSplitter {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    after_return: bool,
}

impl EventSplitter {
    /// Takes in bytes, and calls `each` with the data of every event that they complete.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) {
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
    pub fn end(&mut self, mut each: impl FnMut(&[u8])) {
        if !self.line.is_empty() {
            self.end_line(&mut each);
        }

        self.end_line(&mut each);
    }

    /// Returns how many bytes are held back.
    pub fn held(&self) -> usize {
        self.line.len() + self.data.len()
    }

    fn end_line(&mut self, each: &mut impl FnMut(&[u8])) {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            if self.has_data {
                each(&self.data);
                self.data.clear();
                self.has_data = false;
            }
        } else if let Some(value) = line.strip_prefix(b"data:") {
            if self.has_data {
                self.data.push(b'\n');
            }
            self.has_data = true;
            self.data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
        }

        // The buffer keeps its room for the next line.
        self.line = line;
        self.line.clear();
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
            events.push(part, |data| found.push(text(data)));
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
            events.push(left_out.as_bytes(), |data| found.push(text(data)));
            events.end(|data| found.push(text(data)));
            assert_eq!(found, ["a", "b"], "{left_out:?}");
        }
    }
}
