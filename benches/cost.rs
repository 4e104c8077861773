//! What kaizen costs over bare reqwest and tokio: `cargo bench --bench cost`. docs/performance.md has the
//! table. Every figure is that of a whole process with its journal on, and stands beside the figure of a
//! process that does the same by hand in the same run, because machines are noisy. `-- --short` is the form
//! for CI: it fails where a ratio is above its limit.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark that fails should stop")]

use futures::StreamExt;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const REPLY: &str = r#"{"id":"x","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"A short answer of about ten words, as models give them."},"finish_reason":"stop"}],"usage":{"prompt_tokens":20,"completion_tokens":12,"total_tokens":32}}"#;

/// How often the processes of a row are measured; the smallest figure of each counts.
const ROUNDS: usize = 3;
/// Operations in a layer of a graph of functions.
const LAYER: usize = 100;

/// What a whole process cost.
#[derive(Debug, Clone, Copy)]
struct Cost {
    /// Microseconds of CPU, all threads, user and system.
    cpu: f64,
    /// Microseconds from start to end.
    wall: f64,
    /// Kilobytes of memory at most.
    memory: f64,
}

/// What is measured: a script, beside the same by hand.
struct Row {
    name: &'static str,
    what: String,
    /// How many things it does; figures are those of one.
    count: usize,
    script: String,
    /// The arguments of the bare process, and whether the calls of both take 50 ms.
    bare: Vec<String>,
    is_slow: bool,
    goal: Goal,
}

/// What is to be reached.
struct Goal {
    /// CPU of one thing, as a multiple of that by hand on the machine that the goal was set on.
    ratio: f64,
    /// The ratio above which the short form fails: twice the goal where that is kept, and otherwise what was
    /// measured last and a half more, so that nothing gets slower unnoticed.
    limit: f64,
    /// Most milliseconds in all.
    wall: Option<f64>,
    /// Most kilobytes of memory.
    memory: Option<f64>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["--serve", delay] => serve(Duration::from_millis(delay.parse().unwrap())),
        ["--measure", ref command @ ..] => measure_child(command),
        ["--calls", url, count, at_once] => {
            block_on(bare_calls(url, count.parse().unwrap(), at_once.parse().unwrap()));
        }
        ["--tasks", count] => block_on(bare_tasks(count.parse().unwrap())),
        ["--lines", count, path] => bare_lines(count.parse().unwrap(), Path::new(path)),
        ["--short"] => return compare(rows(true), true),
        [] => return compare(rows(false), false),
        [name] => {
            let wanted = rows(false).into_iter().filter(|row| row.name == name).collect();
            return compare(wanted, false);
        }
        _ => panic!("`cargo bench --bench cost -- [--short | ROW]`, not `{words:?}`"),
    }
    ExitCode::SUCCESS
}

/// Returns what is measured.
fn rows(short: bool) -> Vec<Row> {
    let scale = if short { 5 } else { 1 };
    let mut rows = vec![
        fan_out("fan_out", 1000 / scale, 64, 4.2, None),
        fan_out("wide", 1000, 1000, 2.7, Some(40.0 * 1024.0)),
        chain(300),
        graph("graph", 10_000),
        record(100_000 / scale),
        start(),
    ];

    if !short {
        rows.insert(4, graph("large_graph", 100_000));
    }
    rows
}

fn calls(count: usize, at_once: usize) -> Vec<String> {
    ["--calls".to_owned(), "URL".to_owned(), count.to_string(), at_once.to_string()].to_vec()
}

fn fan_out(
    name: &'static str,
    count: usize,
    at_once: usize,
    limit: f64,
    memory: Option<f64>,
) -> Row {
    let script = format!(
        "let g = builder(\"g\");
         for n in 0..{count} {{ g.add_operation(\"communicate\", #{{ instruction: `question ${{n}}` }}); }}
         g.add_aggregation(|inputs| inputs.len(), #{{}});
         session().flow(g, #{{ max_concurrent: {at_once} }}).result(\"aggregate\")"
    );
    Row {
        name,
        what: format!("fan-out of {count} calls of 50 ms, {at_once} in flight"),
        count,
        script,
        bare: calls(count, at_once),
        is_slow: true,
        goal: Goal { ratio: 1.5, limit, wall: None, memory },
    }
}

fn chain(count: usize) -> Row {
    let script = format!(
        "let g = builder(\"g\");
         let last = g.add_operation(\"communicate\", #{{ instruction: \"question\" }});
         for n in 1..{count} {{
             last = g.add_operation(\"communicate\", #{{ instruction: `question ${{n}}`, depends_on: last }});
         }}
         session().flow(g).completed_operations.len()"
    );
    Row {
        name: "chain",
        what: format!("chain of {count} calls of 0 ms"),
        count,
        script,
        bare: calls(count, 1),
        is_slow: false,
        // 40 us more than the 24 of bare calls.
        goal: Goal { ratio: 64.0 / 24.0, limit: 13.5, wall: Some(40.0), memory: None },
    }
}

#[allow(clippy::cast_precision_loss, reason = "small counts")]
fn graph(name: &'static str, count: usize) -> Row {
    let layers = count / LAYER;
    let script = format!(
        "let g = builder(\"g\");
         let last = [];
         for n in 0..{LAYER} {{ last.push(g.add_operation(|| 1)); }}
         for layer in 1..{layers} {{
             let next = [];
             for n in 0..{LAYER} {{
                 let after = [last[n], last[(n + 1) % {LAYER}]];
                 next.push(g.add_operation(|inputs| inputs.len(), #{{ depends_on: after }}));
             }}
             last = next;
         }}
         session(branch(\"demo/echo\")).flow(g).completed_operations.len()"
    );
    Row {
        name,
        what: format!("graph of {count} functions, built and run"),
        count,
        script,
        bare: vec!["--tasks".to_owned(), count.to_string()],
        is_slow: false,
        goal: Goal {
            ratio: 10.0 / 0.37,
            limit: 65.0,
            wall: None,
            memory: Some(14.0 * 1024.0 + 1.5 * count as f64),
        },
    }
}

fn record(count: usize) -> Row {
    let script = format!(
        "let o = optimizer();
         for n in 0..{count} {{
             o.record_execution(\"review\", \"vote\", #{{ success_rate: 1.0, execution_time: 2.5, score: 0.8 }});
         }}
         o.get_insights().total_executions"
    );
    Row {
        name: "record",
        what: format!("recording {count} executions in a loop"),
        count,
        script,
        bare: vec!["--lines".to_owned(), count.to_string(), "lines".to_owned()],
        is_slow: false,
        #[allow(clippy::cast_precision_loss, reason = "small counts")]
        goal: Goal {
            ratio: 12.0 / 1.1,
            limit: 24.0 / 1.1,
            wall: Some(0.015 * count as f64),
            memory: None,
        },
    }
}

fn start() -> Row {
    Row {
        name: "start",
        what: "cold start, one call".to_owned(),
        count: 1,
        script: "branch().chat(\"hello\")".to_owned(),
        bare: calls(1, 1),
        is_slow: false,
        goal: Goal { ratio: 7.0 / 2.3, limit: 9.6, wall: None, memory: Some(14.0 * 1024.0) },
    }
}

/// Measures rows, each beside its baseline. In the short form, a ratio above its limit fails.
fn compare(rows: Vec<Row>, short: bool) -> ExitCode {
    let fast = BenchServer::start(0);
    let slow = BenchServer::start(50);
    let mut has_failed = false;
    println!(
        "| work | bare, CPU each | kaizen, CPU each | ratio | goal | in all | memory | per thing |\n\
         |---|---|---|---|---|---|---|---|"
    );

    for row in rows {
        let server = if row.is_slow { &slow } else { &fast };
        let (bare, kaizen) = measure(&row, &server.url);
        let ratio = kaizen.cpu / bare.cpu;
        let is_missed = ratio > row.goal.limit;
        has_failed |= is_missed;
        println!("{}", line(&row, bare, kaizen));
        if is_missed && short {
            println!("{}: {ratio:.1} times bare is more than {:.1}", row.name, row.goal.limit);
        }
    }

    if short && has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

#[allow(clippy::cast_precision_loss, reason = "small counts")]
fn line(row: &Row, bare: Cost, kaizen: Cost) -> String {
    let each = |cost: f64| cost / row.count as f64;
    let wall = row.goal.wall.map_or(String::new(), |most| format!(" (goal {most:.0})"));
    let memory =
        row.goal.memory.map_or(String::new(), |most| format!(" (goal {:.0})", most / 1024.0));
    format!(
        "| {} | {:.2} us | {:.1} us | {:.1}x | {:.1}x | {:.0} ms{wall}, bare {:.0} ms | {:.1} MB{memory}, \
         bare {:.1} MB | {:.2} KB |",
        row.what,
        each(bare.cpu),
        each(kaizen.cpu),
        kaizen.cpu / bare.cpu,
        row.goal.ratio,
        kaizen.wall / 1e3,
        bare.wall / 1e3,
        kaizen.memory / 1024.0,
        bare.memory / 1024.0,
        each(kaizen.memory),
    )
}

/// Measures a row: bare processes and those of kaizen take turns.
fn measure(row: &Row, url: &str) -> (Cost, Cost) {
    let own = std::env::current_exe().unwrap();
    let (mut bare, mut kaizen) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir().unwrap();
        let arguments: Vec<&str> =
            row.bare.iter().map(|word| if word == "URL" { url } else { word.as_str() }).collect();
        let command = [&[own.to_str().unwrap()], &arguments[..]].concat();
        bare.push(measured(folder.path(), &command));

        std::fs::write(folder.path().join("s.rhai"), &row.script).unwrap();
        let settings = format!(
            "[project]\nmodel = \"live\"\n[models.live]\nuse = \"openai/m\"\nbase_url = \"{url}\"\n"
        );
        std::fs::write(folder.path().join("kaizen.toml"), settings).unwrap();
        kaizen.push(measured(folder.path(), &[env!("CARGO_BIN_EXE_kaizen"), "run", "s.rhai"]));
    }
    (least(&bare), least(&kaizen))
}

fn least(costs: &[Cost]) -> Cost {
    let of = |figure: fn(&Cost) -> f64| costs.iter().map(figure).fold(f64::INFINITY, f64::min);
    Cost { cpu: of(|cost| cost.cpu), wall: of(|cost| cost.wall), memory: of(|cost| cost.memory) }
}

/// Runs a command as the only child of a process, which tells what the child cost.
fn measured(folder: &Path, command: &[&str]) -> Cost {
    let output = Command::new(std::env::current_exe().unwrap())
        .arg("--measure")
        .args(command)
        .current_dir(folder)
        .env("HOME", folder)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    let figures: Vec<f64> =
        text.lines().last().unwrap().split(' ').map(|figure| figure.parse().unwrap()).collect();
    Cost { cpu: figures[0], wall: figures[1], memory: figures[2] }
}

#[allow(clippy::cast_precision_loss, reason = "microseconds of a run fit a double")]
fn measure_child(command: &[&str]) {
    let began = Instant::now();
    let output = Command::new(command[0]).args(&command[1..]).output().unwrap();
    let wall = began.elapsed().as_secs_f64() * 1e6;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let cpu = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    println!("{} {wall} {}", cpu as f64, usage.max_rss());
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, future)
}

/// The same requests over bare reqwest, replies parsed.
async fn bare_calls(url: &str, count: usize, at_once: usize) {
    let client =
        reqwest::Client::builder().no_proxy().tcp_nodelay(true).tls_certs_only([]).build().unwrap();
    let url = format!("{url}/chat/completions");
    let one = |n: usize| {
        let body = serde_json::json!({
            "model": "m", "messages": [{ "role": "user", "content": format!("question {n}") }],
        });
        let post = client.post(&url).json(&body);
        async move {
            let reply: serde_json::Value = post.send().await.unwrap().json().await.unwrap();
            assert!(reply["choices"][0]["message"]["content"].is_string());
        }
    };
    futures::stream::iter((0..count).map(one)).buffer_unordered(at_once).collect::<()>().await;
}

/// The same layers of functions as tasks of tokio.
async fn bare_tasks(count: usize) {
    let mut last = vec![1_usize; LAYER];
    for _ in 0..count / LAYER {
        let tasks: Vec<_> = (0..LAYER)
            .map(|n| {
                let inputs = [last[n], last[(n + 1) % LAYER]];
                tokio::task::spawn_local(async move { inputs.len() })
            })
            .collect();
        last.clear();
        for task in tasks {
            last.push(task.await.unwrap());
        }
    }
    assert_eq!(last.len(), LAYER);
}

/// The same records as lines of a file, which is on the disk in the end.
fn bare_lines(count: usize, path: &Path) {
    let mut file = BufWriter::new(std::fs::File::create(path).unwrap());
    for _ in 0..count {
        let line = serde_json::json!({
            "task_type": "review", "pattern": "vote", "success_rate": 1.0, "execution_time": 2.5, "score": 0.8,
        });
        writeln!(file, "{line}").unwrap();
    }
    file.into_inner().unwrap().sync_all().unwrap();
}

/// A server in a process of its own, so that its work is not counted. Dropping it ends it.
struct BenchServer {
    child: Child,
    url: String,
}

impl BenchServer {
    fn start(delay_ms: u64) -> BenchServer {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--serve", &delay_ms.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        BenchServer { child, url: line.trim().to_owned() }
    }
}

impl Drop for BenchServer {
    fn drop(&mut self) {
        // One that has ended by itself needs no end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves replies until it is killed, each after a time.
fn serve(delay: Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("http://{}/v1", listener.local_addr().unwrap());
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            tokio::spawn(answer(stream, delay));
        }
    });
}

async fn answer(mut stream: TcpStream, delay: Duration) {
    let reply = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{REPLY}",
        REPLY.len()
    );
    let mut buffer = Vec::new();
    loop {
        let Some(end) = buffer.windows(4).position(|w: &[u8]| w == b"\r\n\r\n") else {
            match stream.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => continue,
            }
        };
        let head = String::from_utf8_lossy(&buffer[..end]).to_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        let whole = end + 4 + length.and_then(|n| n.trim().parse::<usize>().ok()).unwrap_or(0);
        if buffer.len() < whole {
            match stream.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => continue,
            }
        }
        buffer.drain(..whole);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if stream.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
    }
}
