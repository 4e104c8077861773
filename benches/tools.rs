//! What a tool costs: `cargo bench --bench tools`, CPU of whole processes of the program.
//!
//! A question whose model calls one tool of the script makes two requests. Beside it: the same two requests
//! as plain calls of a script, each in a branch of its own, and over bare reqwest. The server is another
//! process, and everything is journaled into the store of a project. The goal is 60 us over the two plain
//! calls.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark that fails should stop")]

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

/// How many questions a script asks, and how often each process is measured, by turns; the least counts.
const QUESTIONS: usize = 1000;
const ROUNDS: usize = 5;

/// A reply that calls the tool, and one that answers.
const CALL: &str = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"add","arguments":"{\"a\":17,\"b\":25}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":60,"completion_tokens":20}}"#;
const ANSWER: &str = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"It is 42."},"finish_reason":"stop"}],"usage":{"prompt_tokens":60,"completion_tokens":5}}"#;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    match words.iter().position(|word| word == "serve" || word == "bare") {
        Some(place) if words[place] == "serve" => serve(),
        Some(place) => bare(&words[place + 1]),
        None => compare(),
    }
}

fn compare() {
    let own = std::env::current_exe().unwrap();
    let mut server = Command::new(&own).arg("serve").stdout(Stdio::piped()).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let url = url.trim();

    let tool = "let add = tool(\"add\", \"Adds.\", \"a: integer, b: integer\", |x| x.a + x.b);";
    let with_tool = script(tool, "branch().operate(\"What is 17 + 25?\", #{ tools: [add] })");
    let plain =
        script("", "{ branch().chat(\"What is 17 + 25?\"); branch().chat(\"What is 17 + 25?\") }");
    // What a process costs that asks nothing.
    let idle = script(tool, "()");

    let mut least = [f64::INFINITY; 4];
    for _ in 0..ROUNDS {
        let costs = [
            cpu_of(Command::new(&own).arg("bare").arg(url)),
            run(&idle, url),
            run(&plain, url),
            run(&with_tool, url),
        ];
        for (least, cost) in least.iter_mut().zip(costs) {
            *least = least.min(cost);
        }
    }

    let [bare, idle, two, one] = least;
    println!(
        "a step with a tool: {:.0} us CPU against {:.0} for two plain calls ({:+.0} us), and {bare:.0} for \
         two bare ones ({:.2} times)",
        one - idle,
        two - idle,
        one - two,
        (one - idle) / bare
    );

    server.kill().unwrap();
    server.wait().unwrap();
}

fn script(before: &str, question: &str) -> String {
    format!("{before}\nfor n in 0..{QUESTIONS} {{ {question}; }}\n")
}

/// Runs a script in a project of its own, and returns the CPU of one question.
fn run(script: &str, url: &str) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let toml = format!(
        "[project]\nmodel = \"live\"\n[models.live]\nuse = \"openai/m\"\nbase_url = \"{url}\"\n"
    );
    std::fs::write(folder.path().join("kaizen.toml"), toml).unwrap();
    std::fs::write(folder.path().join("s.rhai"), script).unwrap();

    let mut command = Command::new(env!("CARGO_BIN_EXE_kaizen"));
    command.args(["run", "s.rhai"]).current_dir(folder.path());
    command.env_clear().env("HOME", folder.path().join("home"));
    cpu_of(command.stdout(Stdio::null()).stderr(Stdio::null()))
}

/// Returns the CPU of a process for each question, in microseconds, all threads, user and system.
#[allow(clippy::cast_precision_loss, reason = "microseconds of a run fit a double")]
fn cpu_of(command: &mut Command) -> f64 {
    let now = || {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
        usage.user_time().num_microseconds() + usage.system_time().num_microseconds()
    };
    let before = now();
    assert!(command.status().unwrap().success());
    (now() - before) as f64 / QUESTIONS as f64
}

/// Makes the requests by hand.
fn bare(url: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(bare_calls(url));
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
