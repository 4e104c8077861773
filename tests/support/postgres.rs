//! A PostgreSQL server of the tests' own: in a temporary folder, on a Unix socket, ended with the process.

use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A server. Its end is that of the pipe to the shell that has started it, so it also ends if the tests are killed.
pub(crate) struct TestServer {
    folder: PathBuf,
    programs: PathBuf,
    user: Option<(u32, u32)>,
    shell: Option<Child>,
    /// A setting of the server.
    setting: String,
    /// Whether the folder goes with the process, because nobody drops this.
    is_static: bool,
}

/// Starts the server, and ends it when standard input does.
const SHELL: &str = r#"
    "$0/postgres" -D "$1/data" -k "$1" -c listen_addresses= -c "$2" >>"$1/log" 2>&1 &
    cat >/dev/null
    kill -INT $! 2>/dev/null
    wait
    [ -n "$3" ] && rm -rf "$1"
    true
"#;

impl TestServer {
    /// Starts a server; `None`, and says so, if PostgreSQL is not installed. In CI that is a failure.
    pub(crate) fn start(test: &str) -> Option<TestServer> {
        TestServer::start_with(test, "port=5432", false)
    }

    /// Does the same with a setting of the server, such as `fsync=off`.
    pub(crate) fn start_with(test: &str, setting: &str, is_static: bool) -> Option<TestServer> {
        let Some(programs) = programs() else {
            assert!(
                std::env::var("KAIZEN_POSTGRES").as_deref() != Ok("required"),
                "PostgreSQL is required: install it, or name the folder of `initdb` in KAIZEN_TEST_POSTGRES"
            );
            // Straight to stderr: what a test prints is kept back.
            let _ = writeln!(std::io::stderr(), "skipped: {test} needs PostgreSQL");
            return None;
        };

        let folder = tempfile::Builder::new().prefix("kaizen-pg").tempdir().expect("a folder");
        let folder = folder.keep();
        let user = stranger();
        if let Some((uid, gid)) = user {
            chown(&folder, Some(uid), Some(gid)).expect("another owner");
        }
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&folder, open).expect("a folder that others may look into");

        let setting = setting.to_owned();
        let mut server = TestServer { folder, programs, user, shell: None, setting, is_static };
        let made = server
            .program("initdb")
            .args(["-U", "tester", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C", "-D"])
            .arg(server.folder.join("data"))
            .output()
            .expect("initdb");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server.go_on();
        Some(server)
    }

    /// Starts the server again after `stop` or `kill`, and waits until it answers.
    pub(crate) fn go_on(&mut self) {
        let goes = if self.is_static { "goes" } else { "" };
        let mut shell = self.program_at(Path::new("/bin/sh"));
        let shell = shell
            .args(["-c", SHELL])
            .arg(&self.programs)
            .arg(&self.folder)
            .args([&self.setting, goes])
            .stdin(Stdio::piped())
            .spawn();
        self.shell = Some(shell.expect("a shell"));
        self.wait_until_ready();
    }

    fn wait_until_ready(&self) {
        let began = Instant::now();
        while !self.is_ready() {
            let log = || std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(began.elapsed() < Duration::from_mins(1), "not ready: {}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn is_ready(&self) -> bool {
        let mut ask = self.program("psql");
        let ask = ask.args(["-h"]).arg(&self.folder).args(["-U", "tester", "-d", "postgres", "-c"]);
        ask.arg("select 1").output().is_ok_and(|output| output.status.success())
    }

    /// Kills the server and everything that it was doing, as a crash does.
    pub(crate) fn kill(&mut self) {
        self.signal("-KILL");
        self.stop();
        // Its processes end once they notice.
        std::thread::sleep(Duration::from_millis(500));
    }

    /// Sends a signal to the server, such as `-STOP`; not to what it has started for its connections.
    pub(crate) fn signal(&self, name: &str) {
        let text = std::fs::read_to_string(self.file("postmaster.pid"));
        let pid = text.expect("a running server").lines().next().expect("a line").to_owned();
        let sent = Command::new("kill").args([name, &pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{name} is sent to the server");
    }

    /// Stops the server.
    pub(crate) fn stop(&mut self) {
        if let Some(mut shell) = self.shell.take() {
            drop(shell.stdin.take());
            let _ = shell.wait();
        }
    }

    /// Returns an address with a schema of its own.
    pub(crate) fn address(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        self.address_of(&format!("test_{number}"))
    }

    /// Returns the address of a schema.
    pub(crate) fn address_of(&self, schema: &str) -> String {
        self.address_for("tester", schema)
    }

    /// Returns the address of a schema for a user, who may have a password: `name:password`.
    pub(crate) fn address_for(&self, user: &str, schema: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://{user}@{folder}/postgres?schema={schema}")
    }

    /// Returns the path of the socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join(".s.PGSQL.5432")
    }

    /// Returns a file of the server.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join("data").join(name)
    }

    /// Has `psql` carry out statements, and returns what it prints.
    pub(crate) fn sql(&self, text: &str) -> String {
        let mut ask = self.program("psql");
        let ask = ask.args(["-h"]).arg(&self.folder).args(["-U", "tester", "-d", "postgres"]);
        let done = ask.args(["-v", "ON_ERROR_STOP=1", "-qAtc", text]).output().expect("psql");
        assert!(done.status.success(), "{text}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    fn program(&self, name: &str) -> Command {
        self.program_at(&self.programs.join(name))
    }

    /// The server does not run as root.
    fn program_at(&self, path: &Path) -> Command {
        let mut command = Command::new(path);
        command.current_dir(&self.folder);
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Returns the server that tests of one process share, each with schemas of its own.
pub(crate) fn shared_server(test: &str) -> Option<&'static TestServer> {
    static SERVER: OnceLock<Option<TestServer>> = OnceLock::new();
    let server = SERVER
        .get_or_init(|| TestServer::start_with("every test of a shared store", "port=5432", true));
    if server.is_none() {
        let _ = writeln!(std::io::stderr(), "skipped: {test} needs PostgreSQL");
    }
    server.as_ref()
}

/// Finds the folder with the programs of PostgreSQL.
fn programs() -> Option<PathBuf> {
    let named = std::env::var_os("KAIZEN_TEST_POSTGRES").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let installed = installed.map(|version| version.path().join("bin"));

    let folders = named.into_iter().chain(installed).chain(std::env::split_paths(&path));
    let has_all = |folder: &PathBuf| {
        ["initdb", "postgres", "psql"].iter().all(|name| folder.join(name).exists())
    };
    folders.into_iter().find(has_all)
}

/// Returns the user and the group under which the server runs, if this is root.
fn stranger() -> Option<(u32, u32)> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    let user = nix::unistd::User::from_name("postgres").ok().flatten();
    let user = user.or_else(|| nix::unistd::User::from_name("nobody").ok().flatten())?;
    Some((user.uid.as_raw(), user.gid.as_raw()))
}
