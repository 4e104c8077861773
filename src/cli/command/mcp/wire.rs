//! The transport of `kaizen mcp`: one message a line on stdin and stdout. A line that is no message is
//! answered with an error, and what follows is read all the same.

use crate::base::thread::{self, NoThread};
use crate::cli::app::output;
use crate::mcp::MESSAGE_MAX;
use rmcp::RoleServer;
use rmcp::model::ClientJsonRpcMessage;
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde_json::{Value, json};
use std::io::{BufRead, Read};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};

/// Most messages that wait to be handled, or to be written.
const WAITING_MAX: usize = 64;
/// How long the last messages may take to be written once nothing more is to come.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What came on stdin.
enum ReadLine {
    Whole(Vec<u8>),
    TooLong,
}

/// The way to the client and back.
pub(super) struct ClientWire {
    lines: mpsc::Receiver<ReadLine>,
    out: mpsc::Sender<Vec<u8>>,
    closing: watch::Sender<bool>,
    written: WriteEnd,
}

/// Tells when everything has been written.
#[derive(Clone, Default)]
pub(super) struct WriteEnd(Arc<Notify>);

impl WriteEnd {
    /// Waits until everything is written, but not for a client that does not read.
    pub(super) async fn settle(&self) {
        // Whoever does not read it misses it.
        let _ = tokio::time::timeout(LAST_WORDS, self.0.notified()).await;
    }
}

/// The client is gone.
#[derive(Debug, thiserror::Error)]
#[error("the client has disconnected")]
pub(super) struct ClientGone;

impl ClientWire {
    /// Begins to read and to write, each on a thread of its own: a client that does not read must not
    /// keep this program from noticing that it has ended. `closing` is set when it has.
    pub(super) fn open(closing: watch::Sender<bool>) -> Result<ClientWire, NoThread> {
        let (line, lines) = mpsc::channel(WAITING_MAX);
        thread::start("input", move || read_lines(&line))?;

        let (out, texts) = mpsc::channel(WAITING_MAX);
        let written = WriteEnd::default();
        let gone = closing.clone();
        let done = written.clone();
        thread::start("output", move || write_lines(texts, &gone, &done))?;
        Ok(ClientWire { lines, out, closing, written })
    }

    /// Returns what tells when everything has been written.
    pub(super) fn written(&self) -> WriteEnd {
        self.written.clone()
    }

    async fn refuse(&self, id: Value, code: i32, message: String) {
        let error = json!({ "code": code, "message": message });
        let answer = json!({ "jsonrpc": "2.0", "id": id, "error": error });
        // A client that is gone misses nothing.
        let _ = self.out.send(format!("{answer}\n").into_bytes()).await;
    }

    /// Reads a message, or answers what is none.
    async fn message(&self, line: &[u8]) -> Option<ClientJsonRpcMessage> {
        let value: Value = match serde_json::from_slice(line) {
            Ok(value) => value,
            Err(error) => {
                self.refuse(Value::Null, -32700, format!("this line is not JSON: {error}")).await;
                return None;
            }
        };

        let id = Some(&value["id"]).filter(|id| id.is_string() || id.is_i64() || id.is_u64());
        let id = id.cloned().unwrap_or_default();
        if value.is_array() {
            let message = "batches are not supported; send one message per line".to_owned();
            self.refuse(id, -32600, message).await;
            return None;
        }

        // Read as text: the message may hold numbers that a value does not keep.
        match serde_json::from_slice(line) {
            Ok(message) => Some(message),
            Err(error) => {
                self.refuse(id, -32600, format!("this is not a valid message: {error}")).await;
                None
            }
        }
    }
}

impl Transport<RoleServer> for ClientWire {
    type Error = ClientGone;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), ClientGone>> + Send + 'static {
        let out = self.out.clone();
        async move {
            let mut line = serde_json::to_vec(&item).map_err(|_| ClientGone)?;
            line.push(b'\n');
            out.send(line).await.map_err(|_| ClientGone)
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            let Some(line) = self.lines.recv().await else {
                self.closing.send_replace(true);
                return None;
            };

            let message = match line {
                ReadLine::Whole(line) if line.trim_ascii().is_empty() => None,
                ReadLine::Whole(line) => self.message(&line).await,
                ReadLine::TooLong => {
                    let message = format!("a message may have at most {MESSAGE_MAX} bytes");
                    self.refuse(Value::Null, -32600, message).await;
                    None
                }
            };
            if message.is_some() {
                return message;
            }
        }
    }

    async fn close(&mut self) -> Result<(), ClientGone> {
        Ok(())
    }
}

/// Reads lines until stdin ends. Of a line that is too long, no more than the limit is kept.
fn read_lines(lines: &mpsc::Sender<ReadLine>) {
    let mut stdin = std::io::stdin().lock();
    loop {
        let mut line = Vec::new();
        let most = MESSAGE_MAX as u64 + 1;
        match (&mut stdin).take(most).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }

        let read = if line.ends_with(b"\n") || line.len() <= MESSAGE_MAX {
            ReadLine::Whole(line)
        } else {
            if stdin.skip_until(b'\n').is_err() {
                return;
            }
            ReadLine::TooLong
        };
        if lines.blocking_send(read).is_err() {
            return;
        }
    }
}

/// Writes lines until there are no more, or nobody reads them.
fn write_lines(mut texts: mpsc::Receiver<Vec<u8>>, gone: &watch::Sender<bool>, written: &WriteEnd) {
    while let Some(text) = texts.blocking_recv() {
        if output::write_out(&text).is_err() {
            gone.send_replace(true);
            break;
        }
    }
    written.0.notify_one();
}
