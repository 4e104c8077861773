//! A project in an empty folder, and the built program run in it.

pub(crate) mod browser;
#[allow(dead_code, reason = "the benchmark uses more of it")]
pub(crate) mod learning;
pub(crate) mod process;
pub(crate) mod server;
#[allow(dead_code, reason = "the benchmarks use none of it")]
pub(crate) mod terminal;

use crate::support::process::until;
use crate::support::server::Server;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// A throw-away project.
pub(crate) struct Project {
    dir: tempfile::TempDir,
}

/// What one run of the program left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Project {
    /// Creates an empty folder.
    pub(crate) fn new() -> Project {
        Project { dir: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Writes a file into the project.
    pub(crate) fn file(&self, name: &str, text: &str) -> &Project {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
        self
    }

    /// Returns the project's folder.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Prepares the program, in an environment without keys or home.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kaizen"));
        command.args(arguments).current_dir(self.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.path().join("home"));
        command
    }

    /// Runs the program.
    pub(crate) fn kaizen(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.command(arguments).output().expect("the program starts"))
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("stdout is text"),
            stderr: String::from_utf8(output.stderr).expect("stderr is text"),
        }
    }
}

impl Project {
    /// Makes a server the default model of the project.
    pub(crate) fn with_server(&self, server: &server::Server) -> &Project {
        let toml = format!(
            "[project]\nmodel = \"live\"\n[models.live]\nuse = \"openai/m\"\nbase_url = \"{}\"\n",
            server.url
        );
        self.file("kaizen.toml", &toml)
    }

    /// Runs a script with `--json`, and returns what was printed with the last record.
    pub(crate) fn script(&self, text: &str) -> (Ran, serde_json::Value) {
        self.file("script.rhai", text);
        let ran = self.kaizen(&["run", "script.rhai", "--json"]);
        let last = ran.stdout.lines().last().unwrap_or_default();
        let done = serde_json::from_str(last).unwrap_or_default();
        (ran, done)
    }

    /// Returns what `runs --json` says of each run.
    pub(crate) fn runs(&self) -> Vec<serde_json::Value> {
        let listed = self.kaizen(&["runs", "--json"]).stdout;
        listed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Takes the ids of runs out of a text.
    pub(crate) fn without_ids(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for run in self.runs() {
            text = text.replace(run["run"].as_str().expect("an id"), "RUN");
        }
        text
    }

    /// Returns the bodies of the events of one kind in the journal.
    pub(crate) fn events(&self, kind: &str) -> Vec<serde_json::Value> {
        let path = self.path().join(".kaizen/kaizen.db");
        let store = rusqlite::Connection::open(path).expect("a store");
        let sql = "SELECT body FROM events WHERE kind = ? ORDER BY run, seq";
        let mut rows = store.prepare(sql).expect("a query");
        let bodies = rows.query_map([kind], |row| row.get::<_, String>(0)).expect("rows");
        bodies.map(|body| serde_json::from_str(&body.expect("text")).expect("JSON")).collect()
    }
}

/// Runs a command until the server has been asked so often, then ends it by a signal.
#[allow(dead_code, reason = "the benchmarks use none of it")]
pub(crate) fn stopped(
    project: &Project,
    server: &Server,
    arguments: &[&str],
    asked: usize,
    signal: &str,
) {
    let mut command = project.command(&[arguments, &["--progress", "none"]].concat());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let is_asked = || server.bodies().len() >= asked;
    until(Duration::from_secs(30), "the server has been asked so often", is_asked);

    // Starts of calls are journaled within 10 ms.
    std::thread::sleep(Duration::from_millis(100));
    Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    child.wait().unwrap();
}
