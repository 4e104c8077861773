//! What a tool costs: `cargo bench --bench tools`, CPU of this process.
//!
//! A question whose model calls one tool of the script makes two requests. Beside it: the same two
//! requests as plain calls of a script, and over bare reqwest. The server is another process, and
//! everything is journaled into a store on the disk. The goal is 60 us over the two plain calls.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark that fails should stop")]

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
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::rc::Rc;

/// How many questions are asked, and how often that is measured; the least counts.
const QUESTIONS: usize = 500;
const ROUNDS: usize = 7;

/// A reply that calls the tool, and one that answers.
const CALL: &str = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"add","arguments":"{\"a\":17,\"b\":25}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":60,"completion_tokens":20}}"#;
const ANSWER: &str = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"It is 42."},"finish_reason":"stop"}],"usage":{"prompt_tokens":60,"completion_tokens":5}}"#;

fn main() {
    if std::env::args().any(|word| word == "serve") {
        return serve();
    }

    let mut server = Command::new(std::env::current_exe().unwrap())
        .arg("serve")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let url = url.trim();

    let tool = "let add = tool(\"add\", \"Adds.\", \"a: integer, b: integer\", |x| x.a + x.b);";
    let with_tool =
        script(tool, "b.operate(\"What is 17 + 25?\", #{ tools: [add], keep: \"nothing\" })");
    let plain = script("", "{ b.chat(\"What is 17 + 25?\"); b.chat(\"What is 17 + 25?\") }");

    let least = |work: &dyn Fn()| (0..ROUNDS).map(|_| cpu_of(work)).fold(f64::INFINITY, f64::min);
    let bare = least(&|| block_on(bare_calls(url)));
    let two = least(&|| run(&plain, url));
    let one = least(&|| run(&with_tool, url));
    println!(
        "a step with a tool: {one:.0} us CPU against {two:.0} for two plain calls ({:+.0} us), and \
         {bare:.0} for two bare ones ({:.2} times)",
        one - two,
        one / bare
    );

    server.kill().unwrap();
    server.wait().unwrap();
}

fn script(before: &str, question: &str) -> String {
    format!("{before}\nlet b = branch();\nfor n in 0..{QUESTIONS} {{ {question}; }}\n")
}

/// Returns the CPU of one question in microseconds.
#[allow(clippy::cast_precision_loss, reason = "microseconds of a run fit a double")]
fn cpu_of(work: &dyn Fn()) -> f64 {
    let now = || {
        let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
        usage.user_time().num_microseconds() + usage.system_time().num_microseconds()
    };
    let before = now();
    work();
    (now() - before) as f64 / QUESTIONS as f64
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, future)
}

async fn bare_calls(url: &str) {
    let client =
        reqwest::Client::builder().no_proxy().tcp_nodelay(true).tls_certs_only([]).build().unwrap();
    let url = format!("{url}/chat/completions");
    let body = serde_json::json!({
        "model": "m", "messages": [{ "role": "user", "content": "What is 17 + 25?" }],
    });
    for _ in 0..2 * QUESTIONS {
        let sent = client.post(&url).json(&body).send().await.unwrap();
        let reply: serde_json::Value = sent.json().await.unwrap();
        assert!(reply["choices"][0]["message"]["content"].is_string());
    }
}

/// Runs a script as the program does, with a journal on the disk.
fn run(script: &str, url: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kaizen.db");
    let writer = Rc::new(Writer::start(store::open(&path).unwrap(), &path, Durability::Process));
    let mut spec = ModelSpec::new("openai", "m");
    spec.base_url = Some(url.to_owned());

    let aliases = BTreeMap::from([("live".to_owned(), spec)]);
    let host = Host::new(Surroundings {
        executor: Rc::new(Executor::new(Journal::new(RunId::fresh(), writer), 1, None)),
        models: Rc::new(Models::new(aliases, Some("live".to_owned()), 1, |_| None)),
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
        host.run(&program).await.unwrap();
    });
}

/// Serves replies until it is killed, one connection after the other.
fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("http://{}/v1", listener.local_addr().unwrap());
    for stream in listener.incoming() {
        std::thread::spawn(|| answer(stream.unwrap()));
    }
}

/// Answers a question with tools by a call, and everything else by a text.
fn answer(mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
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
        let body = String::from_utf8(body).unwrap();
        let calls = body.contains("\"tools\"") && !body.contains("\"tool_call_id\"");
        let reply = if calls { CALL } else { ANSWER };
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ";
        if stream.write_all(format!("{head}{}\r\n\r\n{reply}", reply.len()).as_bytes()).is_err() {
            return;
        }
    }
}
