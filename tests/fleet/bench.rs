//! A team of machines for tests: a shared store, an engine, and workers that may be killed.

use crate::support::postgres::{TestServer, shared_server};
use crate::support::process::until;
use crate::support::server::Server;
use crate::support::temporal::engine;
use crate::support::{Project, Ran};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A store and an engine, and the machines that use them.
pub(super) struct Team {
    pub(super) pg: &'static TestServer,
    store: String,
    engine: String,
    script: String,
    settings: String,
}

/// A worker, which is killed when this is dropped, with all that it has started.
pub(super) struct TeamWorker {
    pub(super) child: Child,
    _machine: Project,
}

impl Drop for TeamWorker {
    fn drop(&mut self) {
        self.signal("-CONT");
        self.signal("-KILL");
        let _ = self.child.wait();
    }
}

impl TeamWorker {
    /// Sends a signal to the worker alone.
    pub(super) fn signal(&self, name: &str) {
        // One that is gone needs none.
        let _ = Command::new("kill").args([name, &self.child.id().to_string()]).output();
    }

    /// Returns the processes that perform its stints.
    pub(super) fn stints(&self) -> Vec<nix::unistd::Pid> {
        let tasks = format!("/proc/{}/task", self.child.id());
        let tasks = std::fs::read_dir(tasks).into_iter().flatten().flatten();
        let children = tasks.flat_map(|task| {
            let text = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            text.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<i32>>()
        });
        children.map(nix::unistd::Pid::from_raw).collect()
    }
}

impl Team {
    /// Sets a team up whose script asks a model server; `None`, and says so, if a server is missing.
    pub(super) fn new(test: &str, server: &Server, script: &str) -> Option<Team> {
        let pg = shared_server(test)?;
        let engine = engine(test)?.address();
        let settings = format!(
            "[project]\nmodel = \"live\"\n[models.live]\nuse = \"openai/m\"\nbase_url = \"{}\"\n[engine]\n\
             store = \"env:KAIZEN_STORE\"\nlease = \"3s\"\n[run]\nsuspend_after = \"2s\"\n",
            server.url
        );
        Some(Team { pg, store: pg.address(), engine, script: script.to_owned(), settings })
    }

    /// Returns a machine with the project on it.
    pub(super) fn machine(&self) -> Project {
        let project = Project::new();
        project.file("s.rhai", &self.script).file("kaizen.toml", &self.settings);
        project
    }

    /// Prepares the program on a machine, with the store and the engine.
    pub(super) fn command(&self, machine: &Project, arguments: &[&str]) -> Command {
        let mut command = machine.command(arguments);
        command.args(["--on", &self.engine]);
        command
            .env("KAIZEN_STORE", &self.store)
            .env("KAIZEN_TRUST", "1")
            .env("OPENAI_API_KEY", "k");
        command
    }

    /// Runs the program on a machine of its own.
    pub(super) fn kaizen(&self, arguments: &[&str]) -> Ran {
        let machine = self.machine();
        Ran::from(self.command(&machine, arguments).output().expect("the program starts"))
    }

    /// Runs a command that only needs the store.
    pub(super) fn look(&self, arguments: &[&str]) -> Ran {
        let machine = self.machine();
        let mut command = machine.command(arguments);
        command.env("KAIZEN_STORE", &self.store).env("KAIZEN_TRUST", "1");
        Ran::from(command.output().expect("the program starts"))
    }

    /// Starts a worker on a machine of its own, and waits until it works.
    pub(super) fn worker(&self) -> TeamWorker {
        let machine = self.machine();
        let log = machine.path().join("log");
        let file = std::fs::File::create(&log).expect("a file");
        let mut command = self.command(&machine, &["worker", "--grace", "1s"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        let child = command.spawn().expect("the program starts");
        until(Duration::from_mins(1), "a worker", || {
            std::fs::read_to_string(&log).is_ok_and(|text| text.contains("working on"))
        });
        TeamWorker { child, _machine: machine }
    }

    /// Submits the script under a name, without waiting for it.
    pub(super) fn submit(&self, name: &str) {
        let ran = self.kaizen(&["run", "s.rhai", "--id", name, "--detach"]);
        assert_eq!((ran.code, ran.stdout.trim()), (Some(0), name), "{}", ran.stderr);
    }

    /// Begins to watch a run.
    pub(super) fn attach(&self, name: &str) -> (Project, Child) {
        let machine = self.machine();
        let mut command = self.command(&machine, &["attach", name]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        (machine, child.expect("the program starts"))
    }

    /// Checks that journals and knowledge are in order, and that no journal goes on after its seal.
    pub(super) fn assert_sound(&self) {
        let doctor = self.look(&["doctor"]);
        assert_eq!(doctor.code, Some(0), "{}{}", doctor.stdout, doctor.stderr);
        let schema = self.store.rsplit_once('=').expect("a schema").1;
        let behind = self.pg.sql(&format!(
            "select count(*) from {schema}.events e join {schema}.events s on s.run = e.run and s.kind = 'sealed'
             where e.seq > s.seq"
        ));
        assert_eq!(behind, "0", "events after a seal");
    }
}
