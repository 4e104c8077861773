//! `kaizen ui` over a socket: what each address answers, and whom it refuses.

mod browser;
mod corpus;
mod diff;
mod guard;
mod pages;
mod report;
mod sql;
mod web;

use crate::support::Project;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// The server of a project's page; it ends when this is dropped.
pub(super) struct Page {
    child: Child,
    pub(super) port: u16,
    pub(super) token: String,
}

/// An answer of the server.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Reply {
    /// Reads the body as JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Returns the value of a header, or an empty text.
    pub(super) fn header(&self, name: &str) -> &str {
        let name = format!("{name}:");
        let line = self.head.lines().find(|line| line.to_lowercase().starts_with(&name));
        line.map_or("", |line| line[name.len()..].trim())
    }
}

impl Page {
    /// Starts the server.
    pub(super) fn of(project: &Project) -> Page {
        let mut command = project.command(&["ui", "--no-open", "--json", "--port", "0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();

        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap();
        let address = told["link"].as_str().unwrap();
        let token = address.split_once("#t=").unwrap().1.to_owned();
        Page { child, port: u16::try_from(told["port"].as_u64().unwrap()).unwrap(), token }
    }

    /// Sends bytes, and reads what comes until the server closes the connection.
    pub(super) fn raw(&self, request: &[u8]) -> Reply {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        // A server that refuses a request need not read all of it.
        let _ = socket.write_all(request);

        let mut bytes = Vec::new();
        let _ = socket.read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Reply { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// Sends a request with these header lines besides `Connection`.
    pub(super) fn send(&self, line: &str, headers: &[String], body: &str) -> Reply {
        let headers: String = headers.iter().flat_map(|header| [header, "\r\n"]).collect();
        let length = if body.is_empty() {
            String::new()
        } else {
            format!("content-length: {}\r\n", body.len())
        };
        let request =
            format!("{line} HTTP/1.1\r\n{headers}{length}connection: close\r\n\r\n{body}");
        self.raw(request.as_bytes())
    }

    /// Returns the header lines that the page itself sends.
    pub(super) fn own(&self) -> Vec<String> {
        vec![
            format!("host: 127.0.0.1:{}", self.port),
            format!("x-kaizen: {}", self.token),
            "sec-fetch-site: same-origin".to_owned(),
        ]
    }

    /// Asks as the page does.
    pub(super) fn get(&self, path: &str) -> Reply {
        self.send(&format!("GET {path}"), &self.own(), "")
    }

    /// Asks as the page does, and reads a good answer.
    pub(super) fn data(&self, path: &str) -> Value {
        let reply = self.get(path);
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        reply.json()
    }

    /// Has something done as the page does.
    pub(super) fn post(&self, path: &str, body: &Value) -> Reply {
        let mut headers = self.own();
        headers.push(format!("origin: http://127.0.0.1:{}", self.port));
        headers.push("content-type: application/json".to_owned());
        self.send(&format!("POST {path}"), &headers, &body.to_string())
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Takes out what differs from run to run: times, ids and chance. A list of many numbers becomes its length.
pub(super) fn steady(value: Value) -> Value {
    const VARIES: &[&str] = &[
        "id",
        "now",
        "started_at",
        "took",
        "median",
        "seed",
        "start",
        "end",
        "waited",
        "began",
        "at",
        "last",
        "first",
        "p50",
        "p95",
        "execution_time",
        "critical_path_time",
        "op_time",
        "speedup",
        "key",
        "before",
        "after",
        "run",
        "a_run",
        "since",
        "asked_at",
        "program",
        "due",
        "time",
    ];

    match value {
        Value::Object(map) => {
            let each = map.into_iter().map(|(name, value)| {
                let varies = VARIES.contains(&name.as_str()) && !value.is_null();
                let value = match value {
                    Value::Array(_) | Value::Object(_) => steady(value),
                    _ if varies => json!("*"),
                    value => value,
                };
                (name, value)
            });
            Value::Object(each.collect())
        }
        Value::Array(items) if items.len() > 20 && items.iter().all(|one| !one.is_object()) => {
            json!(format!("{} numbers", items.len()))
        }
        // A stretch of time: its kind, and whether it says something.
        Value::Array(items) if items.len() == 4 && items[0].is_string() && items[1].is_i64() => {
            json!([items[0], "*", "*", items[3]])
        }
        // Whether something waited depends on the machine.
        Value::Array(items) => {
            let kept = items.into_iter().filter(|one| one[0] != "wait");
            Value::Array(kept.map(steady).collect())
        }
        value => value,
    }
}

/// Writes a value on several lines, without what differs from run to run.
pub(super) fn shape(value: Value) -> String {
    serde_json::to_string_pretty(&steady(value)).unwrap()
}

/// A script with everything: a list, a failure and what follows from it, a log and a value.
pub(super) const SCRIPT: &str = r#"
    let topic = param("topic", "tea", "what about");
    let b = builder("review");
    let first = b.add_operation("communicate", #{ name: "first", instruction: `Say ${topic}.` });
    let fails = b.add_operation(|inputs| throw "no <b>good</b>", #{ name: "fails" });
    b.add_operation("communicate", #{ name: "after", instruction: "x", depends_on: [fails] });
    b.add_operation("communicate", #{ name: "last", instruction: "Sum up.", depends_on: [first] });
    let report = session(branch("demo/echo")).flow(b);
    log.warn("half of " + topic);
    print(report.result("last"));
    report.result("after")
"#;
