//! The program on a terminal of its own.

use nix::pty::openpty;
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Longest wait for what has to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program that runs on a terminal.
pub(crate) struct OnTerminal {
    pub(crate) child: Child,
    keys: File,
    shown: Receiver<String>,
    seen: String,
}

impl OnTerminal {
    /// Starts a program on a new terminal.
    pub(crate) fn start(mut command: Command) -> OnTerminal {
        let terminal = openpty(None, None).unwrap();
        let program = || Stdio::from(terminal.slave.try_clone().unwrap());
        command.stdin(program()).stdout(program()).stderr(program());
        let child = command.spawn().unwrap();
        drop(command);
        drop(terminal.slave);
        let keys = File::from(terminal.master);
        let mut screen = keys.try_clone().unwrap();
        let (send, shown) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
                if send.send(text).is_err() {
                    return;
                }
            }
        });
        OnTerminal { child, keys, shown, seen: String::new() }
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

    /// Presses a key.
    pub(crate) fn press(&mut self, key: char) {
        self.keys.write_all(key.to_string().as_bytes()).unwrap();
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        // A child that has ended already needs no end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
