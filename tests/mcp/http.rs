//! A server over HTTP that breaks the rules. Each way has one outcome, and none is waited out that can be
//! noticed before.

use crate::support::server::{Act, Server, json};
use crate::support::{Project, Ran};
use expect_test::{Expect, expect};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;

const EVENTS: &str = "content-type: text/event-stream\r\n";

/// Answers the handshake of the older era and the list of tools; `None` for a call.
fn usual(body: &str) -> Option<Act> {
    let message: Value = serde_json::from_str(body).unwrap_or_default();
    let id = &message["id"];
    let reply = |result: Value| json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string();

    Some(match message["method"].as_str() {
        None => Act::Answer(405, String::new(), Vec::new()),
        Some("server/discover") => {
            let error = json!({ "code": -32601, "message": "no such method" });
            json(404, json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string())
        }
        Some("initialize") => {
            let info = json!({ "name": "odd", "version": "1" });
            let body = reply(json!({
                "protocolVersion": "2025-11-25", "capabilities": { "tools": {} },
                "serverInfo": info,
            }));
            let headers = "content-type: application/json\r\nmcp-session-id: s1\r\n";
            Act::Answer(200, headers.into(), body.into_bytes())
        }
        Some("tools/list") => {
            let tool = json!({ "name": "go", "inputSchema": { "type": "object" } });
            json(200, reply(json!({ "tools": [tool] })))
        }
        Some("tools/call") => return None,
        Some(_) => Act::Answer(202, String::new(), Vec::new()),
    })
}

/// Returns the answer to a call.
fn done(body: &str) -> String {
    let message: Value = serde_json::from_str(body).unwrap();
    let result = json!({ "content": [{ "type": "text", "text": "done" }] });
    json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }).to_string()
}

fn call(url: &str, more: &str) -> Ran {
    let project = Project::new();
    project.file("kaizen.toml", &format!("[mcp.far]\nurl = \"{url}/mcp\"\n{more}"));
    let mut command = project.command(&["tools", "far", "go", "{}", "--approve"]);
    Ran::from(command.env("KAIZEN_TRUST", "1").output().unwrap())
}

fn told(url: &str, ran: &Ran) -> String {
    let address = url.strip_prefix("http://").unwrap();
    format!("exit {:?}\n{}{}", ran.code, ran.stdout, ran.stderr).replace(address, "HOST")
}

/// Checks what comes of a call that is answered in this way.
fn check(answer: impl Fn(&str) -> Act + Send + Sync + 'static, outcome: &Expect) {
    let server = Server::start(move |_, _, body| usual(body).unwrap_or_else(|| answer(body)));
    outcome.assert_eq(&told(&server.url, &call(&server.url, "")));
}

fn events(text: String, cut: bool) -> Act {
    Act::Stream { pieces: vec![(0, text)], cut }
}

#[test]
fn answers_come_as_json_and_as_events() {
    check(
        |body| json(200, done(body)),
        &expect![[r#"
        exit Some(0)
        done
    "#]],
    );
    check(
        |body| events(format!("data: {}\n\n", done(body)), false),
        &expect![[r#"
        exit Some(0)
        done
    "#]],
    );
    check(
        |body| events(format!(": hello\n\nid: 1\ndata:\n\ndata: {}\n\n", done(body)), false),
        &expect![[r#"
            exit Some(0)
            done
        "#]],
    );
}

#[test]
fn a_connection_that_breaks_is_noticed_at_once() {
    check(
        |_| Act::Close,
        &expect![[r#"
        exit Some(5)
        error: MCP server `far` broke the connection: connection closed before message completed
    "#]],
    );
    check(
        |_| Act::Reset(b"HTTP/1.1 200 OK\r\ncontent-ty".to_vec()),
        &expect![[r#"
        exit Some(5)
        error: MCP server `far` broke the connection: the server reset the connection
    "#]],
    );
    check(
        |_| Act::Half("{\"jsonrpc\"".into()),
        &expect![[r#"
            exit Some(5)
            error: MCP server `far` broke the connection: end of file before message length reached
        "#]],
    );
    check(
        |_| events(String::new(), false),
        &expect![[r#"
        exit Some(5)
        error: MCP server `far` closed the connection
    "#]],
    );
    check(
        |_| events("data: {\"jso".into(), true),
        &expect![[r#"
        exit Some(5)
        error: MCP server `far` closed the connection
    "#]],
    );
}

/// Answers requests, one a connection, until a call comes: begins to stream its answer, and is gone.
fn dying() -> (String, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let body = body_of(&stream);
            if let Some(Act::Answer(status, headers, body)) = usual(&body) {
                let length = body.len();
                write!(stream, "HTTP/1.1 {status} OK\r\n{headers}").unwrap();
                write!(stream, "content-length: {length}\r\nconnection: close\r\n\r\n").unwrap();
                stream.write_all(&body).unwrap();
            } else {
                drop(listener);
                write!(stream, "HTTP/1.1 200 OK\r\n{EVENTS}connection: close\r\n\r\n").unwrap();
                write!(stream, "id: 1\nretry: 10\ndata:\n\n").unwrap();
                return;
            }
        }
    });
    (url, served)
}

fn body_of(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

#[test]
fn a_server_that_is_killed_in_a_call_whose_answer_could_be_resumed_is_noticed_at_once() {
    let (url, served) = dying();
    let outcome = told(&url, &call(&url, ""));
    served.join().unwrap();
    expect![[r#"
        exit Some(5)
        error: MCP server `far` cannot be reached: nothing accepts connections there
    "#]]
    .assert_eq(&outcome);
}

#[test]
fn an_answer_that_is_none_is_told_with_what_it_is() {
    check(
        |_| json(200, "{\"jsonrpc\":\"2.0\",\"id\":"),
        &expect![[r#"
        exit Some(5)
        error: MCP server `far`: it sent a message that cannot be read: EOF while parsing a value at line 1 column 22
    "#]],
    );
    check(
        |_| {
            let html = "content-type: text/html\r\n".to_owned();
            Act::Answer(200, html, b"<p>Welcome".to_vec())
        },
        &expect![[r#"
            exit Some(5)
            error: MCP server `far`: it answered with text/html, where JSON or events are expected
        "#]],
    );
    check(
        |_| json(500, "out of disk"),
        &expect![[r#"
        exit Some(5)
        error: MCP server `far`: it answered with HTTP 500: out of disk
    "#]],
    );
    check(
        |_| json(401, "who are you\u{1b}[2J"),
        &expect![[r#"
        exit Some(5)
        error: MCP server `far`: it answered with HTTP 401: who are you[2J
    "#]],
    );
    check(
        |_| Act::Answer(302, "location: http://127.0.0.1:1/\r\n".into(), Vec::new()),
        &expect![[r#"
            exit Some(5)
            error: MCP server `far`: it answered with HTTP 302, and redirects are not followed
        "#]],
    );
    check(
        |_| events("data: {\"jsonrpc\": \"2.0\", \"id\": NaN}\n\n".into(), false),
        &expect![[r#"
        exit Some(5)
        error: MCP server `far`: it sent a message that cannot be read: expected value at line 1 column 26
    "#]],
    );
    check(
        |_| {
            let error = json!({ "code": -32603, "message": "went wrong" });
            json(500, json!({ "jsonrpc": "2.0", "id": null, "error": error }).to_string())
        },
        &expect![[r#"
            exit Some(5)
            error: MCP server `far` answered `go` with error -32603: went wrong
        "#]],
    );
}

#[test]
fn a_flood_is_stopped() {
    check(
        |_| json(200, "x".repeat(9 << 20)),
        &expect![[r#"
        exit Some(5)
        error: MCP server `far` was disconnected: it sent an answer of more than 8388608 bytes
    "#]],
    );
    check(
        |_| events(format!("data: {}", "x".repeat(9 << 20)), false),
        &expect![[r#"
        exit Some(5)
        error: MCP server `far` was disconnected: it sent an event of more than 8388608 bytes
    "#]],
    );
}

#[test]
fn a_mute_server_is_given_up() {
    let server = Server::start(|_, _, body| usual(body).unwrap_or(Act::Hang));
    let ran = call(&server.url, "timeout_ms = 300\n");
    expect![[r#"
        exit Some(5)
        error: MCP server `far` did not answer `go` within 300 ms (`timeout_ms`)
    "#]]
    .assert_eq(&told(&server.url, &ran));

    let server = Server::start(|_, _, _| Act::Hang);
    let ran = call(&server.url, "start_timeout_ms = 300\n");
    expect![[r#"
        exit Some(5)
        error: MCP server `far` did not start within 300 ms (`start_timeout_ms`)
    "#]]
    .assert_eq(&told(&server.url, &ran));
}

#[test]
fn a_session_that_the_server_has_lost_is_begun_again_and_the_call_made_once() {
    // The second form is what servers say that were started again and have never heard of the session.
    for (status, says_json) in [(404, false), (400, true)] {
        let refused = Mutex::new(false);
        let server = Server::start(move |_, _, body| {
            usual(body).unwrap_or_else(|| {
                if std::mem::replace(&mut *refused.lock().unwrap(), true) {
                    return json(200, done(body));
                }
                let error = json!({ "code": -32000, "message": "no valid session" });
                let said = json!({ "jsonrpc": "2.0", "id": null, "error": error }).to_string();
                json(status, if says_json { said } else { "not found".to_owned() })
            })
        });
        let ran = call(&server.url, "");
        assert_eq!(told(&server.url, &ran), "exit Some(0)\ndone\n");

        let bodies = server.bodies();
        let count = |method: &str| bodies.iter().filter(|body| body.contains(method)).count();
        assert_eq!((count("\"initialize\""), count("\"tools/call\"")), (2, 2), "{bodies:#?}");
    }

    check(
        |_| json(404, "not found"),
        &expect![[r#"
        exit Some(5)
        error: MCP server `far` no longer knows this session
    "#]],
    );
}
