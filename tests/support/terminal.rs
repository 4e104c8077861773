//! The program on a terminal of its own.

use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::Pid;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longest wait for what has to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program that runs on a terminal.
pub(crate) struct OnTerminal {
    pub(crate) child: Child,
    keys: Option<File>,
    shown: Receiver<String>,
    is_gone: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
    seen: String,
}

impl OnTerminal {
    /// Starts a program on a new terminal.
    pub(crate) fn start(mut command: Command) -> OnTerminal {
        // No other program that a test starts meanwhile may hold the terminal open.
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let master = posix_openpt(flags).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = ptsname_r(&master).unwrap();
        let slave = open(path.as_str(), flags, Mode::empty()).unwrap();

        let program = || Stdio::from(slave.try_clone().unwrap());
        command.stdin(program()).stdout(program()).stderr(program());
        let child = command.spawn().unwrap();
        drop(command);
        drop(slave);
        let keys = File::from(OwnedFd::from(master));
        let mut screen = keys.try_clone().unwrap();
        let (send, shown) = channel();
        let is_gone = Arc::new(AtomicBool::new(false));
        let gone = is_gone.clone();
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while !gone.load(Ordering::SeqCst) {
                let mut ready = [PollFd::new(screen.as_fd(), PollFlags::POLLIN)];
                if matches!(poll(&mut ready, PollTimeout::from(20_u8)), Ok(0)) {
                    continue;
                }
                let Ok(count @ 1..) = screen.read(&mut bytes) else { return };
                let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
                if send.send(text).is_err() {
                    return;
                }
            }
        });
        let (keys, reader, seen) = (Some(keys), Some(reader), String::new());
        OnTerminal { child, keys, shown, is_gone, reader, seen }
    }

    /// Waits until a text is shown, and returns everything up to its end.
    pub(crate) fn until(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.seen.find(text) {
                let rest = self.seen.split_off(at + text.len());
                return std::mem::replace(&mut self.seen, rest);
            }
            let Ok(more) = self.shown.recv_timeout(PATIENCE) else {
                panic!("`{text}` did not come, only: {}", self.seen);
            };
            self.seen.push_str(&more);
        }
    }

    /// Returns everything that is still shown by a program that has ended.
    pub(crate) fn rest(&mut self) -> String {
        while let Ok(more) = self.shown.recv_timeout(PATIENCE) {
            self.seen.push_str(&more);
        }
        std::mem::take(&mut self.seen)
    }

    /// Sends many keys at once, as a paste does.
    pub(crate) fn send(&mut self, keys: &str) {
        self.keys.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    /// Presses a key.
    pub(crate) fn press(&mut self, key: char) {
        self.keys.as_mut().unwrap().write_all(key.to_string().as_bytes()).unwrap();
    }

    /// Takes the terminal away, as when its window is closed, and returns how the program ended.
    pub(crate) fn hang_up(&mut self) -> ExitStatus {
        self.take_away();

        // It may have ended already.
        let _ = kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), Signal::SIGHUP);
        self.end()
    }

    /// Takes the terminal away. No signal says so.
    pub(crate) fn take_away(&mut self) {
        self.is_gone.store(true, Ordering::SeqCst);
        self.reader.take().unwrap().join().unwrap();
        self.keys = None;
    }

    /// Waits for the end of the program.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "the program does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        // A child that has ended already needs no end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
