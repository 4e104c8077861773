//! A Temporal server of the tests' own: the development server, on a free port of this machine, ended with the process.

use crate::support::process::until;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// A server. Its end is that of the pipe to the shell that has started it, so it also ends if the tests are killed.
pub(crate) struct TestEngine {
    port: u16,
    /// Its standard input stays open until this process ends.
    _shell: Child,
}

/// Starts the server, and ends it when standard input does.
const SHELL: &str = r#"
    "$0" server start-dev --headless --ip 127.0.0.1 --port "$1" --http-port "$2" --log-level never >"$3/log" 2>&1 &
    cat >/dev/null
    kill -INT $! 2>/dev/null
    wait
    rm -rf "$3"
"#;

/// Returns the server that tests of one process share, and says so if there is none. In CI that is a failure.
pub(crate) fn engine(test: &str) -> Option<&'static TestEngine> {
    static ENGINE: OnceLock<Option<TestEngine>> = OnceLock::new();
    let engine = ENGINE.get_or_init(start);
    if engine.is_none() {
        assert!(
            std::env::var("KAIZEN_ENGINE").as_deref() != Ok("required"),
            "Temporal is required: name its program in KAIZEN_TEST_TEMPORAL; `.ci/temporal` installs it"
        );
        // Straight to stderr: what a test prints is kept back.
        let _ = writeln!(std::io::stderr(), "skipped: {test} needs Temporal");
    }
    engine.as_ref()
}

impl TestEngine {
    /// Returns its address.
    pub(crate) fn address(&self) -> String {
        format!("temporal://127.0.0.1:{}/default", self.port)
    }
}

fn start() -> Option<TestEngine> {
    let program = program()?;
    let folder = tempfile::Builder::new().prefix("kaizen-engine").tempdir().expect("a folder");
    let (port, other) = (free_port(), free_port());
    let shell = Command::new("/bin/sh")
        .args(["-c", SHELL])
        .arg(program)
        .args([port.to_string(), other.to_string()])
        .arg(folder.keep())
        .stdin(Stdio::piped())
        .spawn()
        .expect("a shell");
    until(Duration::from_mins(2), "a Temporal server", || {
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
    });
    Some(TestEngine { port, _shell: shell })
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// Finds the program.
fn program() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("KAIZEN_TEST_TEMPORAL") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join("temporal")).find(|path| path.exists())
}
