//! Children of `kaizen mcp`: this program again, with other arguments. What they write is read up to
//! limits, and each ends with the group that it leads.

use crate::base::exit::Exit;
use crate::base::process::{Group, end_with_parent};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// Most children that read at once.
const READERS_MAX: usize = 4;
/// Most bytes that are taken of what a reading child writes.
const OUTPUT_MAX: usize = 32 << 20;
/// Largest line of a run that is read, in bytes.
const LINE_MAX: u64 = 32 << 20;
/// Most bytes of stderr that are told.
const STDERR_MAX: u64 = 8 << 10;
/// How long a run may take to end after it was interrupted.
pub(super) const GRACE: Duration = Duration::from_secs(10);
/// Longest time that a reading child may take.
const READ_TIME_MAX: Duration = Duration::from_mins(1);

/// This program, as children run it.
#[derive(Debug)]
pub(super) struct Kaizen {
    program: PathBuf,
    /// The folder of the project, in which all children start.
    root: PathBuf,
    readers: Semaphore,
}

/// What a child that reads has said.
#[derive(Debug)]
pub(super) struct ChildOutput {
    pub(super) is_ok: bool,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadFault {
    /// The child could not be run.
    #[error("kaizen cannot be run: {0}")]
    NotRun(#[from] io::Error),
    /// It took too long.
    #[error("it timed out after {} s", READ_TIME_MAX.as_secs())]
    TooSlow,
    /// It said too much.
    #[error("its output exceeds {OUTPUT_MAX} bytes")]
    TooLong,
}

impl Kaizen {
    /// Creates a way to run this program.
    pub(super) fn new(program: PathBuf, root: PathBuf) -> Kaizen {
        Kaizen { program, root, readers: Semaphore::new(READERS_MAX) }
    }

    fn start(&self, arguments: &[OsString]) -> io::Result<(Child, Option<Group>)> {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.root).kill_on_drop(true).process_group(0);
        // The client's pipes are not for children.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        end_with_parent(&mut command);

        let child = command.spawn()?;
        let group = Group::of(child.id());
        Ok((child, group))
    }

    /// Runs a command that changes nothing, and returns what it says.
    pub(super) async fn read(&self, arguments: &[OsString]) -> Result<ChildOutput, ReadFault> {
        // The semaphore is never closed; without a permit it is merely more at once.
        let _permit = self.readers.acquire().await.ok();
        let (mut child, group) = self.start(arguments)?;
        let stderr = gather(child.stderr.take());

        let mut stdout = Vec::new();
        let work = async {
            // Whoever writes more would wait for ever for somebody to read it.
            if let Some(pipe) = child.stdout.take() {
                pipe.take(OUTPUT_MAX as u64 + 1).read_to_end(&mut stdout).await?;
                if stdout.len() > OUTPUT_MAX {
                    return Ok::<_, io::Error>(None);
                }
            }
            child.wait().await.map(Some)
        };
        let status = tokio::time::timeout(READ_TIME_MAX, work).await;
        // What it has started in turn may hold its stderr open.
        drop(group);
        let status = status.map_err(|_| ReadFault::TooSlow)??.ok_or(ReadFault::TooLong)?;

        Ok(ChildOutput {
            is_ok: status.success(),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: stderr.await.unwrap_or_default(),
        })
    }

    /// Starts a run.
    pub(super) fn run(&self, arguments: &[OsString]) -> io::Result<RunChild> {
        let (mut child, group) = self.start(arguments)?;
        let stderr = gather(child.stderr.take());
        let lines = child.stdout.take().map(BufReader::new);
        let lines = lines.ok_or_else(|| io::Error::other("it has no stdout"))?;
        Ok(RunChild { child, group, lines, stderr: Some(stderr), line: Vec::new() })
    }
}

/// A run under way.
pub(super) struct RunChild {
    child: Child,
    group: Option<Group>,
    lines: BufReader<tokio::process::ChildStdout>,
    stderr: Option<JoinHandle<String>>,
    /// What was read of a line, so that nothing is lost if reading is given up.
    line: Vec<u8>,
}

impl RunChild {
    /// Returns the next line of JSON; nothing at the end of the output. Other lines are left out.
    pub(super) async fn next(&mut self) -> Option<Value> {
        loop {
            let left = LINE_MAX.saturating_sub(self.line.len() as u64);
            let read = (&mut self.lines).take(left).read_until(b'\n', &mut self.line).await;
            if read.unwrap_or(0) == 0 && left > 0 {
                return None;
            }

            let is_whole = self.line.ends_with(b"\n");
            let value = serde_json::from_slice(&self.line).ok();
            if is_whole || left == 0 {
                self.line.clear();
            }
            if is_whole && value.is_some() {
                return value;
            }
        }
    }

    /// Interrupts it as Ctrl-C does: what it has done is kept.
    pub(super) fn interrupt(&self) {
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            // One that has ended needs no end.
            let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
        }
    }

    /// Waits for its end. It is killed if it takes too long.
    pub(super) async fn end(mut self) -> ChildEnd {
        // Whatever came of it, the group is ended next.
        let ended = tokio::time::timeout(GRACE, self.child.wait()).await;
        drop(self.group.take());

        let stderr = match self.stderr.take() {
            Some(stderr) => stderr.await.unwrap_or_default(),
            None => String::new(),
        };
        let code = ended.ok().and_then(Result::ok).and_then(|status| status.code());
        ChildEnd { stderr, has_lost_store: code == Some(i32::from(Exit::Store.code())) }
    }
}

/// How a run ended.
#[derive(Debug, Default)]
pub(super) struct ChildEnd {
    /// What it last wrote to stderr.
    pub(super) stderr: String,
    /// Its store could not be used, so what it did last is lost.
    pub(super) has_lost_store: bool,
}

/// Reads what comes on stderr to its end, and keeps the last of it.
fn gather(stderr: Option<impl AsyncRead + Unpin + Send + 'static>) -> JoinHandle<String> {
    tokio::spawn(async move {
        let mut kept: Vec<u8> = Vec::new();
        let Some(mut stderr) = stderr else { return String::new() };

        loop {
            let read = (&mut stderr).take(STDERR_MAX).read_to_end(&mut kept).await;
            let more = kept.len().saturating_sub(usize::try_from(STDERR_MAX).unwrap_or_default());
            kept.drain(..more);
            if read.unwrap_or(0) == 0 {
                return String::from_utf8_lossy(&kept).trim().to_owned();
            }
        }
    })
}
