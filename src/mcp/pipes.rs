//! The transport to a program: one message a line, written to its stdin and read from its stdout. What
//! is no message is skipped and counted, a line that is too long or broken ends the connection, and
//! stderr is kept for errors.

use crate::base::process::{Group, end_with_parent};
use crate::mcp::definition::readable;
use crate::mcp::fault::MESSAGE_MAX;
use crate::mcp::launch::ServerProgram;
use crate::mcp::tap::{End, Tap};
use rmcp::RoleClient;
use rmcp::model::ServerJsonRpcMessage;
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;

/// Most bytes that a server may send between two answers, in messages and in lines that are none.
const CHATTER_MAX: usize = 64 << 20;
/// How long the last output of a program that has ended is waited for.
const LAST_OUTPUT: Duration = Duration::from_millis(200);
/// How a message begins, as all servers write it.
const MARK: &[u8] = b"\"jsonrpc\"";
/// With what some programs begin a text, in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The pipes to a program that was started.
pub(super) struct Pipes {
    stdin: Arc<Mutex<Option<ChildStdin>>>,
    stdout: BufReader<ChildStdout>,
    stderr: Option<ChildStderr>,
    errors: Box<[u8; 4096]>,
    child: Child,
    exited: Option<ExitStatus>,
    line: Vec<u8>,
    /// Bytes since the last answer.
    chatter: usize,
    tap: Tap,
}

/// What was read next.
enum Next {
    Line,
    Nothing,
    End(End),
}

impl Pipes {
    /// Starts a program. It ends with the group that is returned.
    pub(super) fn open(program: &ServerProgram, tap: Tap) -> io::Result<(Pipes, Option<Group>)> {
        let mut command = Command::new(&program.path);
        command
            .arg0(&program.named)
            .args(&program.arguments)
            .current_dir(&program.folder)
            .env_clear()
            .envs(program.env.iter().map(|(name, value)| (name, value)))
            .kill_on_drop(true)
            .process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        end_with_parent(&mut command);

        let mut child = command.spawn()?;
        let group = Group::of(child.id());
        let missing = || io::Error::other("it has no pipes");
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take();

        let pipes = Pipes {
            stdin: Arc::new(Mutex::new(Some(stdin))),
            stdout: BufReader::with_capacity(64 << 10, stdout),
            stderr,
            errors: Box::new([0; 4096]),
            child,
            exited: None,
            line: Vec::new(),
            chatter: 0,
            tap,
        };
        Ok((pipes, group))
    }

    /// Reads on until a line is whole or everything has ended. Nothing is lost if this is dropped: what
    /// was read stays in `line`.
    async fn read(&mut self) -> Next {
        let Pipes { stdout, stderr, errors, child, exited, .. } = self;
        let is_open = stderr.is_some();
        let lives = exited.is_none();
        let errors_of = async {
            match stderr {
                Some(stderr) => stderr.read(&mut errors[..]).await,
                None => Ok(0),
            }
        };

        tokio::select! {
            biased;
            read = errors_of, if is_open => {
                match read {
                    Ok(0) | Err(_) => self.stderr = None,
                    Ok(count) => self.tap.stderr(&self.errors[..count]),
                }
                Next::Nothing
            }
            available = stdout.fill_buf() => {
                let (count, is_whole) = match available {
                    Err(error) => return Next::End(End::Gone(format!("cannot be read: {error}"))),
                    Ok([]) => return Next::End(self.close().await),
                    Ok(bytes) => match bytes.iter().position(|byte| *byte == b'\n') {
                        Some(at) => (at + 1, true),
                        None => (bytes.len(), false),
                    },
                };
                self.take(count, is_whole)
            }
            status = child.wait(), if lives => {
                *exited = status.ok();
                // Something that it has started may hold its stdout open for ever.
                if exited.is_none() { Next::End(End::Gone("ended".to_owned())) } else { Next::Nothing }
            }
            () = tokio::time::sleep(LAST_OUTPUT), if !lives => Next::End(self.close().await),
        }
    }

    /// Moves bytes from the buffer to the line.
    fn take(&mut self, count: usize, is_whole: bool) -> Next {
        self.line.extend_from_slice(&self.stdout.buffer()[..count]);
        self.stdout.consume(count);
        self.chatter += count;

        if self.line.len() > MESSAGE_MAX {
            return Next::End(End::Flood(format!("a line of more than {MESSAGE_MAX} bytes")));
        }
        if self.chatter > CHATTER_MAX {
            return Next::End(End::Flood(format!(
                "more than {CHATTER_MAX} bytes without an answer"
            )));
        }
        if is_whole { Next::Line } else { Next::Nothing }
    }

    /// Waits a little for the status and the last words of a program whose output has ended.
    async fn close(&mut self) -> End {
        let status = if let Some(status) = self.exited {
            Some(status)
        } else {
            let ended = tokio::time::timeout(LAST_OUTPUT, self.child.wait()).await;
            ended.ok().and_then(Result::ok)
        };

        if let Some(stderr) = &mut self.stderr {
            let mut rest = Vec::new();
            let mut bounded = stderr.take(64 << 10);
            // Whatever came within the limit is kept.
            let _ = tokio::time::timeout(LAST_OUTPUT, bounded.read_to_end(&mut rest)).await;
            self.tap.stderr(&rest);
        }

        End::Gone(match status {
            Some(status) => format!("ended ({status})"),
            None => "closed its stdout".to_owned(),
        })
    }

    /// Reads the line as a message. `None` if it is none.
    fn message(&mut self) -> Result<Option<ServerJsonRpcMessage>, End> {
        // Programs of some systems begin their output with a mark of the order of bytes.
        let line = self.line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&self.line).trim_ascii();
        if line.is_empty() {
            return Ok(None);
        }

        let readable = readable(line);
        match serde_json::from_slice::<ServerJsonRpcMessage>(readable.as_deref().unwrap_or(line)) {
            Ok(message) => {
                let is_answer = matches!(
                    message,
                    ServerJsonRpcMessage::Response(_) | ServerJsonRpcMessage::Error(_)
                );
                if is_answer {
                    self.chatter = 0;
                }
                Ok(Some(message))
            }
            // What is meant as a message and cannot be read may be the answer that somebody waits for.
            Err(error) if line.starts_with(b"{") && is_marked(line) => {
                Err(End::Broken(format!("it sent a message that cannot be read: {error}")))
            }
            Err(_) => {
                self.tap.skip(line);
                Ok(None)
            }
        }
    }
}

fn is_marked(line: &[u8]) -> bool {
    line.windows(MARK.len()).any(|part| part == MARK)
}

impl Transport<RoleClient> for Pipes {
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), io::Error>> + Send + 'static {
        let stdin = self.stdin.clone();
        async move {
            let mut line = serde_json::to_vec(&item)?;
            line.push(b'\n');

            let mut stdin = stdin.lock().await;
            let Some(stdin) = stdin.as_mut() else {
                return Err(io::Error::new(io::ErrorKind::NotConnected, "it is closed"));
            };
            // One that no longer reads has ended or will: the reader tells how, and every call has a limit.
            let _ = stdin.write_all(&line).await;
            Ok(())
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        let end = loop {
            match self.read().await {
                Next::Nothing => continue,
                Next::End(end) => break end,
                Next::Line => {}
            }

            let message = self.message();
            self.line.clear();
            match message {
                Ok(None) => {}
                Ok(Some(message)) => return Some(message),
                Err(end) => break end,
            }
        };

        self.tap.end(end);
        None
    }

    async fn close(&mut self) -> Result<(), io::Error> {
        // The end of its input is how a server learns that nobody needs it any more.
        self.stdin.lock().await.take();
        Ok(())
    }
}
