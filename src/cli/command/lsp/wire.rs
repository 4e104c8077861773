//! The messages of the protocol on stdin and stdout. What is no message is answered with an error, and
//! what follows is read all the same: a server that ends at the first one takes the editor's help away.

use crate::base::thread::{self, NoThread};
use crate::cli::app::output;
use lsp_server::{ErrorCode, Message};
use serde_json::{Value, json};
use std::io::{BufRead, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// Largest message that is read, in bytes.
const MESSAGE_MAX: usize = 64 << 20;
/// Longest line of a head that is read, in bytes.
const LINE_MAX: u64 = 4 << 10;
/// Most messages that wait to be answered.
const WAITING_MAX: usize = 256;

/// What came from the client.
#[derive(Debug)]
pub(super) enum ClientInput {
    /// A message.
    Message(Message),
    /// Something else, and what is wrong with it.
    Garbage(ErrorCode, String),
    /// Nothing came for as long as was waited.
    Silence,
    /// Nothing comes any more.
    End,
}

/// The way to the client and back.
pub(super) struct ClientWires {
    inputs: Receiver<ClientInput>,
}

impl ClientWires {
    /// Begins to read, on a thread of its own.
    pub(super) fn open() -> Result<ClientWires, NoThread> {
        let (send, inputs) = sync_channel(WAITING_MAX);
        thread::start("input", move || {
            let mut stdin = std::io::stdin().lock();
            while let Some(input) = read(&mut stdin) {
                if send.send(input).is_err() {
                    return;
                }
            }
        })?;
        Ok(ClientWires { inputs })
    }

    /// Returns what comes next; without a patience it waits for ever.
    pub(super) fn next(&self, patience: Option<Duration>) -> ClientInput {
        let Some(patience) = patience else {
            return self.inputs.recv().unwrap_or(ClientInput::End);
        };
        match self.inputs.recv_timeout(patience) {
            Ok(input) => input,
            Err(RecvTimeoutError::Timeout) => ClientInput::Silence,
            Err(RecvTimeoutError::Disconnected) => ClientInput::End,
        }
    }

    /// Returns what has come already.
    pub(super) fn take(&self) -> Option<ClientInput> {
        self.inputs.try_recv().ok()
    }

    /// Writes a message; false if nobody reads it.
    pub(super) fn send(message: &Message) -> bool {
        let mut text = Vec::new();
        // A buffer takes everything.
        message.write(&mut text).is_ok() && output::write_out(&text).is_ok()
    }

    /// Answers something that is no message, and that therefore has no number.
    pub(super) fn refuse(code: ErrorCode, message: &str) -> bool {
        let error = json!({ "code": code as i32, "message": message });
        let text = json!({ "jsonrpc": "2.0", "id": Value::Null, "error": error }).to_string();
        output::write_out(format!("Content-Length: {}\r\n\r\n{text}", text.len()).as_bytes())
            .is_ok()
    }
}

/// Reads one message; `None` when there are no more.
fn read(input: &mut impl BufRead) -> Option<ClientInput> {
    let garbage =
        |reason: &str| Some(ClientInput::Garbage(ErrorCode::ParseError, reason.to_owned()));

    let length = match head(input)? {
        Ok(length) => length,
        Err(reason) => return garbage(reason),
    };
    if length > MESSAGE_MAX {
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        // It is skipped, so that the next one can be read.
        std::io::copy(&mut input.by_ref().take(length), &mut std::io::sink()).ok()?;
        return garbage("the message is longer than 64 MiB");
    }

    let mut body = vec![0; length];
    input.read_exact(&mut body).ok()?;
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return garbage("the message is not valid JSON");
    };
    Some(match serde_json::from_value(body) {
        Ok(message) => ClientInput::Message(message),
        Err(_) => ClientInput::Garbage(
            ErrorCode::InvalidRequest,
            "the message is not a request, notification or response".to_owned(),
        ),
    })
}

/// Reads the head of a message, and returns how many bytes follow; `None` at the end of all.
fn head(input: &mut impl BufRead) -> Option<Result<usize, &'static str>> {
    let mut length = None;
    let mut lines = 0;
    loop {
        let mut line = Vec::new();
        let count = input.by_ref().take(LINE_MAX).read_until(b'\n', &mut line).ok()?;
        if count == 0 {
            return None;
        }

        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end();
        if line.is_empty() {
            return match length {
                Some(length) => Some(Ok(length)),
                // Empty lines before a head are let pass.
                None if lines == 0 => continue,
                None => Some(Err("the head of the message has no valid `Content-Length`")),
            };
        }

        lines += 1;
        match line.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().ok();
            }
            Some(_) => {}
            None => return Some(Err("a line before the message is not a header")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let mut input = text.as_bytes();
        let each = std::iter::from_fn(|| read(&mut input));
        let each = each.map(|input| match input {
            ClientInput::Message(message) => match message {
                Message::Request(request) => format!("request {}", request.method),
                Message::Notification(told) => format!("notification {}", told.method),
                Message::Response(response) => format!("response {}", response.id),
            },
            ClientInput::Garbage(code, reason) => format!("{code:?}: {reason}"),
            ClientInput::Silence => "silence".to_owned(),
            ClientInput::End => "end".to_owned(),
        });
        each.collect()
    }

    fn framed(body: &str) -> String {
        format!("Content-Length: {}\r\n\r\n{body}", body.len())
    }

    #[test]
    fn garbage_is_named_and_what_follows_is_read() {
        let good = framed(r#"{"jsonrpc":"2.0","id":1,"method":"m"}"#);
        let texts = [
            format!("{good}{good}"),
            format!("hello\n{good}"),
            format!("{}{good}", framed("{no json")),
            format!("{}{good}", framed("[1, 2]")),
            format!("{}{good}", framed(r#"{"id":{}}"#)),
            format!("Content-Length: many\r\n\r\n{good}"),
            format!("X-Other: 1\r\ncontent-length: 4\r\n\r\nnull{good}"),
            "Content-Length: 99\r\n\r\n{".to_owned(),
            "Content-Length: 99".to_owned(),
            framed(r#"{"jsonrpc":"2.0","method":"exit"}"#),
        ];
        let shown: Vec<Vec<String>> = texts.iter().map(|text| shown(text)).collect();
        expect_test::expect![[r#"
            [
                [
                    "request m",
                    "request m",
                ],
                [
                    "ParseError: a line before the message is not a header",
                    "request m",
                ],
                [
                    "ParseError: the message is not valid JSON",
                    "request m",
                ],
                [
                    "InvalidRequest: the message is not a request, notification or response",
                    "request m",
                ],
                [
                    "InvalidRequest: the message is not a request, notification or response",
                    "request m",
                ],
                [
                    "ParseError: the head of the message has no valid `Content-Length`",
                    "request m",
                ],
                [
                    "InvalidRequest: the message is not a request, notification or response",
                    "request m",
                ],
                [],
                [],
                [
                    "notification exit",
                ],
            ]
        "#]]
        .assert_debug_eq(&shown);
    }
}
