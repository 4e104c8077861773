//! What kaizen costs over bare reqwest and tokio: `cargo bench`. Every figure is taken beside its
//! baseline in the same run, because machines are noisy; the server is a process of its own, so
//! that its work is not counted. CPU is user and system time of this process, all threads.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark that fails should stop")]

use futures::StreamExt;
use kaizen::base::id::RunId;
use kaizen::executor::Executor;
use kaizen::journal::Journal;
use kaizen::model::registry::Models;
use kaizen::model::spec::ModelSpec;
use kaizen::script::host::permission::Permissions;
use kaizen::script::{Host, OPERATIONS_MAX, Surroundings};
use kaizen::store;
use kaizen::store::durability::Durability;
use kaizen::store::writer::Writer;
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use std::collections::BTreeMap;
use std::future::Future;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How often each pair is measured; the smallest figure of each counts.
const ROUNDS: usize = 5;
const REPLY: &str = r#"{"id":"x","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"A short answer of about ten words, as models give them."},"finish_reason":"stop"}],"usage":{"prompt_tokens":20,"completion_tokens":12,"total_tokens":32}}"#;

/// What something cost, in microseconds.
#[derive(Clone, Copy)]
struct Cost {
    cpu: f64,
    wall: f64,
}

fn main() {
    if std::env::args().any(|argument| argument == "--serve") {
        return serve();
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg("--serve")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().to_owned();
    // `cargo bench -- chain` measures only that.
    let wanted = std::env::args().nth(1).filter(|word| !word.starts_with("--"));
    let wants = |name: &str| wanted.as_deref().is_none_or(|word| word == name);
    if wants("fan_out") {
        fan_out(&url);
    }
    if wants("chain") {
        chain(&url);
    }
    if wants("schedule") {
        [10_000, 100_000].into_iter().for_each(schedule);
    }
    if wants("cold_start") {
        cold_start();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

fn fan_out(url: &str) {
    const CALLS: usize = 5000;
    let (mut bare, mut flow, mut parallel) = (Vec::new(), Vec::new(), Vec::new());
    let mut off = Vec::new();
    for _ in 0..ROUNDS {
        bare.push(measure(CALLS, || block_on(bare_calls(url, CALLS, 64))));
        let script = format!(
            "let g = builder(\"g\");
             for n in 0..{CALLS} {{ g.add_operation(\"communicate\", #{{ instruction: `question ${{n}}` }}); }}
             session().flow(g, #{{ max_concurrent: 64 }}).metrics.completed_operations"
        );
        flow.push(measure(CALLS, || run(&script, Some(url), true)));
        off.push(measure(CALLS, || run(&script, Some(url), false)));
        let script = format!(
            "let b = branch();
             (0..{CALLS}).to_array().parallel(|n| b.chat(`question ${{n}}`), #{{ max_concurrent: 64 }}).len"
        );
        parallel.push(measure(CALLS, || run(&script, Some(url), true)));
    }
    compare("fan-out of 5,000 calls, 64 in flight, graph, journal on", &bare, &flow);
    compare("the same, journal off", &bare, &off);
    compare("the same by `parallel` and `chat`", &bare, &parallel);
    let (on, no) = (least(&flow, |cost| cost.cpu), least(&off, |cost| cost.cpu));
    let (on_wall, no_wall) = (least(&flow, |cost| cost.wall), least(&off, |cost| cost.wall));
    println!(
        "the journal at 64 in flight: {on:.0} us CPU per operation against {no:.0} without \
         ({:.2} times), {on_wall:.0} us wall against {no_wall:.0} ({:.2} times)",
        on / no,
        on_wall / no_wall
    );
}

fn chain(url: &str) {
    const CALLS: usize = 300;
    let (mut bare, mut kaizen, mut off) = (Vec::new(), Vec::new(), Vec::new());
    let mut empty = Vec::new();
    let script = format!(
        "let g = builder(\"g\");
         let last = g.add_operation(\"communicate\", #{{ instruction: \"question\" }});
         for n in 1..{CALLS} {{
             last = g.add_operation(\"communicate\", #{{ instruction: `question ${{n}}`, depends_on: last }});
         }}
         session().flow(g).metrics.completed_operations"
    );
    for _ in 0..ROUNDS {
        bare.push(measure(CALLS, || block_on(bare_calls(url, CALLS, 1))));
        kaizen.push(measure(CALLS, || run(&script, Some(url), true)));
        off.push(measure(CALLS, || run(&script, Some(url), false)));
        empty.push(measure(1, || run("1", Some(url), true)));
    }
    println!(
        "setting up a run, counted in everything below and above: {:.1} ms CPU",
        least(&empty, |cost| cost.cpu) / 1e3
    );
    let mut disk = Vec::new();
    for _ in 0..ROUNDS {
        disk.push(measure(CALLS, || appends(CALLS)));
    }
    println!(
        "a bare append of 8 KiB with fsync, as a commit makes one: {:.0} us CPU, {:.0} us wall",
        least(&disk, |cost| cost.cpu),
        least(&disk, |cost| cost.wall)
    );
    compare("chain of 300 calls, journal on", &bare, &kaizen);
    compare("the same, journal off", &bare, &off);
}

/// The baseline for a durable commit: what the disk alone costs.
fn appends(count: usize) {
    let mut file = tempfile::tempfile().unwrap();
    for _ in 0..count {
        file.write_all(&[7; 8192]).unwrap();
        file.sync_all().unwrap();
    }
}

fn schedule(count: usize) {
    let script = format!(
        "let g = builder(\"g\");
         for n in 0..{count} {{ g.add_operation(|inputs| 1); }}
         let graph = g.graph();
         let began = timestamp();
         let report = session(branch(\"demo/echo\")).flow(graph);
         began.elapsed"
    );
    let mut whole = Vec::new();
    let mut flow = f64::INFINITY;
    for _ in 0..ROUNDS.min(3) {
        whole.push(measure(count, || {
            let seconds = run(&script, None, false).as_f64().unwrap();
            #[allow(clippy::cast_precision_loss, reason = "small counts")]
            let each = seconds * 1e6 / count as f64;
            flow = flow.min(each);
        }));
    }
    println!(
        "schedule of {count} script operations, journal off: {flow:.2} us wall per operation in \
         `flow`; {:.2} us CPU with building the graph",
        least(&whole, |cost| cost.cpu)
    );
}

fn cold_start() {
    const STARTS: usize = 20;
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("one.rhai");
    std::fs::write(&script, "branch(\"demo/echo\").communicate(\"hello\")").unwrap();
    let before = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let mut walls = Vec::new();
    for _ in 0..STARTS {
        let began = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_kaizen"))
            .args(["-C", folder.path().to_str().unwrap(), "run", "one.rhai"])
            .output()
            .unwrap();
        assert!(output.status.success());
        walls.push(began.elapsed().as_secs_f64() * 1e3);
    }
    let after = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    #[allow(clippy::cast_precision_loss, reason = "small counts")]
    let cpu = (cpu_us(&after) - cpu_us(&before)) / 1e3 / STARTS as f64;
    walls.sort_by(f64::total_cmp);
    // The server is still alive and therefore not among the children that are counted.
    println!(
        "cold start of a script with one operation: {cpu:.1} ms CPU, {:.1} ms wall (median), \
         {:.1} MB at most",
        walls[STARTS / 2],
        f64::from(i32::try_from(after.max_rss()).unwrap()) / 1024.0
    );
}

/// Measures something that does `count` things; the cost is that of one.
#[allow(clippy::cast_precision_loss, reason = "small counts")]
fn measure<T>(count: usize, work: impl FnOnce() -> T) -> Cost {
    let (began, before) = (Instant::now(), getrusage(UsageWho::RUSAGE_SELF).unwrap());
    drop(work());
    let wall = began.elapsed().as_secs_f64() * 1e6 / count as f64;
    let after = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    Cost { cpu: (cpu_us(&after) - cpu_us(&before)) / count as f64, wall }
}

#[allow(clippy::cast_precision_loss, reason = "microseconds of a run fit a double")]
fn cpu_us(usage: &Usage) -> f64 {
    (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64
}

fn least(costs: &[Cost], of: impl Fn(&Cost) -> f64) -> f64 {
    costs.iter().map(of).fold(f64::INFINITY, f64::min)
}

fn compare(what: &str, bare: &[Cost], kaizen: &[Cost]) {
    let (b, k) = (least(bare, |c| c.cpu), least(kaizen, |c| c.cpu));
    let (bw, kw) = (least(bare, |c| c.wall), least(kaizen, |c| c.wall));
    println!(
        "{what}: {k:.0} us CPU per call against {b:.0} bare ({:.2} times, {:+.0} us); \
         wall {kw:.0} against {bw:.0} ({:+.0} us)",
        k / b,
        k - b,
        kw - bw
    );
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, future)
}

/// The baseline: the same requests over bare reqwest, replies parsed.
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

/// Runs a script as the program does; with `journal`, into a store on the disk.
fn run(script: &str, url: Option<&str>, journal: bool) -> serde_json::Value {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kaizen.db");
    let writer = Rc::new(Writer::start(store::open(&path).unwrap(), &path, Durability::Process));
    let id = RunId::fresh();
    let journal = if journal { Journal::new(id, writer) } else { Journal::off(id) };
    let mut aliases = BTreeMap::new();
    if let Some(url) = url {
        let mut spec = ModelSpec::new("openai", "m");
        spec.base_url = Some(url.to_owned());
        aliases.insert("live".to_owned(), spec);
    }
    let default = url.map(|_| "live".to_owned());
    let host = Host::new(Surroundings {
        executor: Rc::new(Executor::new(journal, 1, None)),
        models: Rc::new(Models::new(aliases, default, 1, |_| None)),
        servers: kaizen::mcp::Servers::none(),
        permissions: Permissions::all(),
        root: folder.path().to_owned(),
        script: Path::new("bench.rhai").to_owned(),
        params: serde_json::Map::new(),
        print: Rc::new(|_| {}),
        say: Rc::new(|_| {}),
        interrupted: std::sync::Arc::default(),
        store: None,
        learn_from_demo: false,
        operations_max: OPERATIONS_MAX,
        state: kaizen::script::State::default(),
    });
    block_on(async {
        let program = host.compile(script).unwrap();
        host.run(&program).await.unwrap()
    })
}

/// Serves replies until it is killed.
fn serve() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("http://{}/v1", listener.local_addr().unwrap());
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            tokio::spawn(answer(stream));
        }
    });
}

async fn answer(mut stream: TcpStream) {
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
        if stream.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
    }
}
