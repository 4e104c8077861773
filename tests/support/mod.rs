//! A project in an empty folder, and the built program run in it.

pub(crate) mod browser;
#[allow(dead_code, reason = "the benchmark uses more of it")]
pub(crate) mod learning;
#[cfg(feature = "shared")]
#[allow(dead_code, reason = "the benchmarks use none of it")]
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod server;
#[cfg(feature = "engine")]
#[allow(dead_code, reason = "the benchmarks use none of it")]
pub(crate) mod temporal;
#[allow(dead_code, reason = "the benchmarks use none of it")]
pub(crate) mod terminal;

use crate::support::process::until;
use crate::support::server::Server;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// What a project says that uses a store on a server.
const ENGINE: &str = "[engine]\nstore = \"env:KAIZEN_STORE\"\n";

/// A throw-away project.
pub(crate) struct Project {
    dir: tempfile::TempDir,
    /// The address of the store on a server that it uses, if it uses one.
    store: Option<String>,
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
        Project { dir: tempfile::tempdir().expect("a temporary folder"), store: None }
    }

    /// Creates an empty folder for each kind of store. Without a server it says so and leaves that kind out.
    #[allow(dead_code, reason = "the benchmarks use none of it")]
    pub(crate) fn on_each_store(test: &str) -> Vec<Project> {
        let mut projects = vec![Project::new()];
        projects.extend(Project::on_server(test));
        projects
    }

    #[cfg(feature = "shared")]
    fn on_server(test: &str) -> Option<Project> {
        let address = postgres::shared_server(test)?.address();
        Some(Project::sharing(&address))
    }

    #[cfg(not(feature = "shared"))]
    fn on_server(_test: &str) -> Option<Project> {
        None
    }

    /// Creates a project that uses a store on a server.
    #[allow(dead_code, reason = "only where there is a server")]
    pub(crate) fn sharing(address: &str) -> Project {
        let project = Project { store: Some(address.to_owned()), ..Project::new() };
        project.file("kaizen.toml", ENGINE);
        project
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
        if let Some(address) = &self.store {
            // A project's own wish for a store is honoured once the project is trusted.
            command.env("KAIZEN_STORE", address).env("KAIZEN_TRUST", "1");
            if arguments.first() == Some(&"run") {
                command.arg("--here");
            }
        }
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
            "[project]\nmodel = \"live\"\n[models.live]\nuse = \"openai/m\"\nbase_url = \"{}\"\n{}",
            server.url,
            if self.store.is_some() { ENGINE } else { "" },
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
