//! What looking costs: `cargo bench --bench page -- PART`, whole processes of the program.
//!
//! `watched`: a run of 3,000 calls of the demo model, with three tabs that follow it and without, by turns.
//! `otel`: a graph of 20,000 functions with `[otel]` and a collector on this machine, and without.
//! `runs`: a store of 100,000 runs: how long the page takes to start, its answers, and its memory.
//! `large`: a run of 100,000 calls with texts of 10 kB: time and memory of the commands that read it, and the page.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark that fails should stop")]

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How often each process runs, by turns.
const ROUNDS: usize = 7;
/// How often an address is asked.
const ASKED: usize = 50;
/// Tabs that follow a run.
const TABS: usize = 3;

const CALLS: &str = "for n in 0..3000 { branch(\"demo/echo\").chat(`question ${n}`); }\n";
const FUNCTIONS: &str = "let g = builder(\"g\");
for n in 0..20000 { let n = n; g.add_operation(|| n, #{ name: `op ${n}` }); }
session(branch(\"demo/echo\")).flow(g).completed_operations.len()\n";
const THIRTEEN: &str = "let g = builder(\"g\");
for n in 0..13 { g.add_operation(\"communicate\", #{ name: `op ${n}`, instruction: `question ${n}` }); }
session(branch(\"demo/echo\")).flow(g).completed_operations.len()\n";
const LARGE: &str = "let long = \"\";
for n in 0..2000 { long += \"word \"; }
for part in 0..100 {
    let g = builder(\"g\");
    for n in 0..1000 {
        let number = 1000 * part + n;
        g.add_operation(\"communicate\", #{ name: `op ${number}`, instruction: long + number });
    }
    session(branch(\"demo/echo\")).flow(g);
}\n";

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let is_wanted = |part: &str| words.is_empty() || words.iter().any(|word| word == part);

    if is_wanted("watched") {
        watched();
    }
    if is_wanted("otel") {
        otel();
    }
    if is_wanted("runs") {
        runs();
    }
    if is_wanted("large") {
        large();
    }
}

/// Makes a project with a script.
fn project(script: &str, more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("kaizen.toml"), more).unwrap();
    std::fs::write(folder.path().join("s.rhai"), script).unwrap();
    folder
}

fn kaizen(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kaizen"));
    command.args(words).current_dir(folder);
    command.env_clear().env("HOME", folder.join("home")).env("KAIZEN_TRUST", "1");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Runs the script, and returns the seconds that it took and those of CPU.
#[allow(clippy::cast_precision_loss, reason = "microseconds of a run fit a double")]
fn run(folder: &Path) -> (f64, f64) {
    let cpu = || {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
        (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64 / 1e6
    };
    let before = cpu();
    let began = Instant::now();
    let done = kaizen(folder, &["run", "s.rhai", "--progress", "none"]).status().unwrap();
    assert!(done.success());
    (began.elapsed().as_secs_f64(), cpu() - before)
}

fn middle(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Returns the time below which 95 of 100 lie.
fn high(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() * 95 / 100]
}

fn watched() {
    let plain = project(CALLS, "");
    let shown = project(CALLS, "");
    run(shown.path());
    let page = Page::of(shown.path());

    let (mut alone, mut seen, mut bytes) = (Vec::new(), Vec::new(), 0);
    for _ in 0..ROUNDS {
        alone.push(run(plain.path()).0);

        let newest = page.newest();
        let port = page.port;
        let token = page.token.clone();
        let tabs = std::thread::spawn(move || follow(port, &token, &newest));
        seen.push(run(shown.path()).0);
        bytes += tabs.join().unwrap();
    }

    let (alone, seen) = (middle(alone), middle(seen));
    println!(
        "a run of 3000 calls that {TABS} tabs follow: {seen:.2} s, alone {alone:.2} s, {:+.1} % ({} kB sent)",
        100.0 * (seen / alone - 1.0),
        bytes / 1000
    );
}

/// Waits for a run that comes after another one, follows it in several tabs to its end, and returns the bytes
/// that came.
fn follow(port: u16, token: &str, newest: &str) -> usize {
    let run = loop {
        let text = ask(port, token, "/api/runs");
        let id = first_run(&text);
        if id != newest {
            break id;
        }
        std::thread::sleep(Duration::from_millis(20));
    };

    let tab = |run: String, token: String| {
        move || {
            let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let path = format!("/api/live?run={run}");
            socket.write_all(request(port, &token, &path).as_bytes()).unwrap();
            let mut reader = BufReader::new(socket);
            let (mut bytes, mut line) = (0, String::new());
            while reader.read_line(&mut line).unwrap_or(0) > 0 {
                bytes += line.len();
                if line.contains("\"complete\":true") {
                    break;
                }
                line.clear();
            }
            bytes
        }
    };
    let tabs: Vec<_> =
        (0..TABS).map(|_| std::thread::spawn(tab(run.clone(), token.to_owned()))).collect();
    tabs.into_iter().map(|tab| tab.join().unwrap()).sum()
}

fn otel() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(|| collect(stream.unwrap()));
        }
    });

    let plain = project(FUNCTIONS, "");
    let pushed = project(FUNCTIONS, &format!("[otel]\nendpoint = \"{url}\"\n"));
    let (mut alone, mut sent) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    for _ in 0..ROUNDS {
        for (folder, times) in [(&plain, &mut alone), (&pushed, &mut sent)] {
            let (time, cpu) = run(folder.path());
            times.0.push(time);
            times.1.push(cpu);
        }
    }

    let (time, cpu) = (middle(sent.0) / middle(alone.0), middle(sent.1) / middle(alone.1));
    println!(
        "a graph of 20000 functions whose spans are sent: {:+.0} % of time, {:+.0} % of CPU",
        100.0 * (time - 1.0),
        100.0 * (cpu - 1.0)
    );
}

/// Takes whatever is posted.
fn collect(mut stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(number) = line.to_lowercase().strip_prefix("content-length:") {
                length = number.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }

        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
        if stream.write_all(head.as_bytes()).is_err() {
            return;
        }
    }
}

fn runs() {
    let folder = project(THIRTEEN, "");
    run(folder.path());
    multiply(&folder.path().join(".kaizen/kaizen.db"), 100_000);

    let began = Instant::now();
    let page = Page::of(folder.path());
    println!("with 100000 runs: listens after {:.0} ms", 1e3 * began.elapsed().as_secs_f64());
    let first = page.time("/api/runs");
    println!("  first list of runs {:.0} ms", 1e3 * first);
    page.tell("document", "/");
    page.tell("list of runs", "/api/runs");
    page.tell("filtered list", "/api/runs?q=status:failed");
    let newest = page.newest();
    page.tell("a run of 13 operations", &format!("/api/run/{newest}"));
    page.tell("its rows", &format!("/api/run/{newest}/rows"));
    println!("  memory {} MB", page.memory());

    for words in [&["runs"][..], &["show", "@"], &["plan", "s.rhai"]] {
        tell_command(folder.path(), words);
    }
}

/// Gives a store many runs that are as its only one.
fn multiply(store: &Path, count: u32) {
    let store = rusqlite::Connection::open(store).unwrap();
    let sql = format!(
        "CREATE TEMP TABLE n AS WITH RECURSIVE c(n) AS
            (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {count}) SELECT n FROM c;
         CREATE TEMP TABLE one AS SELECT * FROM runs;
         CREATE TEMP TABLE its AS SELECT * FROM events;
         CREATE TEMP TABLE sums AS SELECT * FROM run_sums;
         INSERT INTO runs SELECT printf('01a%07d', n), script, started_at - 1000000 * n,
            ended_at - 1000000 * n, CASE WHEN n % 10 = 0 THEN 'failed' ELSE status END, pid FROM one, n;
         INSERT INTO events SELECT printf('01a%07d', n), seq, at - 1000000 * n, kind, op, body FROM n, its;
         INSERT INTO run_sums SELECT printf('01a%07d', n), body FROM n, sums;"
    );
    store.execute_batch(&format!("BEGIN; {sql} COMMIT;")).unwrap();
}

fn large() {
    let folder = project(LARGE, "");
    let (time, _) = run(folder.path());
    let size = std::fs::metadata(folder.path().join(".kaizen/kaizen.db")).unwrap().len();
    println!("a run of 100000 calls with texts of 10 kB: {time:.0} s, {} MB", size / 1_000_000);

    let commands = [
        &["runs"][..],
        &["show", "@"],
        &["show", "@:op 70000"],
        &["show", "@", "--all"],
        &["plan", "s.rhai"],
    ];
    for words in commands {
        tell_command(folder.path(), words);
    }

    let page = Page::of(folder.path());
    let newest = page.newest();
    println!("  page: the run at first {:.2} s", page.time(&format!("/api/run/{newest}")));
    page.tell("the run", &format!("/api/run/{newest}"));
    page.tell("its rows", &format!("/api/run/{newest}/rows"));
    page.tell("an operation", &format!("/api/run/{newest}/op/70000"));
    println!("  memory of the page {} MB", page.memory());
}

/// Says what a command takes: the least time, and the memory of it.
fn tell_command(folder: &Path, words: &[&str]) {
    let mut least = f64::INFINITY;
    let mut memory = 0;
    for _ in 0..3 {
        let began = Instant::now();
        let mut command = Command::new("/usr/bin/time");
        command.args(["-f", "%M", env!("CARGO_BIN_EXE_kaizen")]).args(words).current_dir(folder);
        command.env_clear().env("HOME", folder.join("home")).stdout(Stdio::null());
        let done = command.output().unwrap();
        least = least.min(began.elapsed().as_secs_f64());
        let told = String::from_utf8_lossy(&done.stderr).into_owned();
        memory = told.lines().last().unwrap().trim().parse::<u64>().unwrap_or(0) / 1000;
    }
    println!("  kaizen {}: {least:.2} s, {memory} MB", words.join(" "));
}

/// The server of a page; it ends when this is dropped.
struct Page {
    child: Child,
    port: u16,
    token: String,
}

impl Page {
    fn of(folder: &Path) -> Page {
        let mut command = kaizen(folder, &["ui", "--no-open", "--json", "--port", "0"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();

        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: serde_json::Value = serde_json::from_str(&line).unwrap();
        let (_, token) = told["link"].as_str().unwrap().split_once("#t=").unwrap();
        let port = u16::try_from(told["port"].as_u64().unwrap()).unwrap();
        Page { child, port, token: token.to_owned() }
    }

    fn newest(&self) -> String {
        first_run(&ask(self.port, &self.token, "/api/runs"))
    }

    fn time(&self, path: &str) -> f64 {
        let began = Instant::now();
        let text = ask(self.port, &self.token, path);
        assert!(text.starts_with("HTTP/1.1 200"), "{path}: {text}");
        began.elapsed().as_secs_f64()
    }

    fn tell(&self, what: &str, path: &str) {
        let times: Vec<f64> = (0..ASKED).map(|_| self.time(path)).collect();
        println!(
            "  {what}: {:.1} ms, p95 {:.1} ms",
            1e3 * middle(times.clone()),
            1e3 * high(times)
        );
    }

    /// Returns the most memory that the server had, in MB.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1000
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn request(port: u16, token: &str, path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nx-kaizen: {token}\r\n\
         sec-fetch-site: same-origin\r\nconnection: close\r\n\r\n"
    )
}

fn ask(port: u16, token: &str, path: &str) -> String {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.write_all(request(port, token, path).as_bytes()).unwrap();
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns the id of the first run of a list.
fn first_run(text: &str) -> String {
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    let list: serde_json::Value = serde_json::from_str(body).unwrap();
    list["rows"][0]["id"].as_str().unwrap_or_default().to_owned()
}
