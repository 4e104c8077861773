//! A client that speaks the protocol.

use crate::support::Project;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long an answer is waited for before a test fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// A client and its server.
pub(super) struct Client {
    pub(super) child: Child,
    pub(super) stdin: Option<ChildStdin>,
    messages: Receiver<Value>,
    folder: String,
    last: u64,
    /// What the server has said unasked.
    pub(super) notices: Vec<Value>,
}

/// Marks a place in a text, and returns the text without the mark, and the place.
pub(super) fn marked(text: &str) -> (String, Value) {
    let at = text.find('^').expect("a mark");
    let head = &text[..at];
    let line = head.matches('\n').count();
    let start = head.rfind('\n').map_or(0, |at| at + 1);
    let place = json!({ "line": line, "character": head[start..].encode_utf16().count() });
    (text.replacen('^', "", 1), place)
}

impl Client {
    /// Starts the server in a project, and introduces itself.
    pub(super) fn start(project: &Project) -> Client {
        Client::with(project, &json!({}))
    }

    /// Does the same with options of the client's own.
    pub(super) fn with(project: &Project, options: &Value) -> Client {
        let mut client = Client::silent(project);
        let folder = json!({ "uri": client.uri(""), "name": "project" });
        let item = json!({ "completionItem": { "snippetSupport": true } });
        client.ask(
            "initialize",
            &json!({
                "processId": null, "rootUri": null, "workspaceFolders": [folder],
                "capabilities": { "textDocument": { "completion": item } },
                "initializationOptions": options,
            }),
        );
        client.tell("initialized", &json!({}));
        client
    }

    /// Starts the server and says nothing.
    pub(super) fn silent(project: &Project) -> Client {
        let mut command = project.command(&["lsp", "--stdio"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the program starts");
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let (send, messages) = channel();
        std::thread::spawn(move || {
            while let Some(message) = read(&mut stdout) {
                if send.send(message).is_err() {
                    return;
                }
            }
        });

        let folder = project.path().display().to_string();
        Client { child, stdin, messages, folder, last: 0, notices: Vec::new() }
    }

    /// Returns the address of a file of the project.
    pub(super) fn uri(&self, name: &str) -> String {
        format!("file://{}/{name}", self.folder).trim_end_matches('/').to_owned()
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("a pipe");
        stdin.write_all(bytes).expect("the server reads");
        stdin.flush().expect("the server reads");
    }

    pub(super) fn send(&mut self, message: &Value) {
        let text = message.to_string();
        self.write(format!("Content-Length: {}\r\n\r\n{text}", text.len()).as_bytes());
    }

    pub(super) fn tell(&mut self, method: &str, params: &Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// Returns the next message.
    pub(super) fn next(&mut self) -> Value {
        self.messages.recv_timeout(PATIENCE).expect("a message")
    }

    /// Sends a request, and returns the whole answer without its number.
    pub(super) fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.last += 1;
        let id = self.last;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        loop {
            let message = self.next();
            if message["id"] == id && message.get("method").is_none() {
                let is_refused = !message["error"].is_null();
                let refused = json!({ "error": message["error"] });
                return self.shown(if is_refused { &refused } else { &message["result"] });
            }
            self.notices.push(message);
        }
    }

    /// Asks about a place of a file.
    pub(super) fn ask_at(&mut self, method: &str, name: &str, place: &Value) -> Value {
        let document = json!({ "uri": self.uri(name) });
        self.ask(method, &json!({ "textDocument": document, "position": place }))
    }

    /// Asks about a whole file.
    pub(super) fn ask_of(&mut self, method: &str, name: &str) -> Value {
        let document = json!({ "uri": self.uri(name) });
        self.ask(method, &json!({ "textDocument": document }))
    }

    /// Opens a text.
    pub(super) fn open(&mut self, name: &str, text: &str) {
        let uri = self.uri(name);
        let item = json!({ "uri": uri, "languageId": "rhai", "version": 1, "text": text });
        self.tell("textDocument/didOpen", &json!({ "textDocument": item }));
    }

    /// Puts a text in the place of the one that is open.
    pub(super) fn replace(&mut self, name: &str, version: u32, text: &str) {
        let document = json!({ "uri": self.uri(name), "version": version });
        let params = json!({ "textDocument": document, "contentChanges": [{ "text": text }] });
        self.tell("textDocument/didChange", &params);
    }

    /// Returns what the server says next is wrong with a file.
    pub(super) fn diagnostics(&mut self, name: &str) -> Value {
        let uri = self.uri(name);
        loop {
            let is_meant = |message: &Value| {
                message["method"] == "textDocument/publishDiagnostics"
                    && message["params"]["uri"] == uri
            };
            if let Some(at) = self.notices.iter().position(is_meant) {
                let notice = self.notices.remove(at);
                return self.shown(&notice["params"]["diagnostics"]);
            }
            let message = self.next();
            self.notices.push(message);
        }
    }

    /// Returns what the server says next is wrong with a file, once anything is.
    pub(super) fn faults(&mut self, name: &str) -> Value {
        loop {
            let said = self.diagnostics(name);
            if said != json!([]) {
                return said;
            }
        }
    }

    /// Writes the folder of the project as `$DIR`.
    fn shown(&self, value: &Value) -> Value {
        let text = value.to_string().replace(&self.folder, "$DIR");
        serde_json::from_str(&text).expect("it stays JSON")
    }

    /// Ends the server as editors do, and returns its exit code.
    pub(super) fn stop(mut self) -> Option<i32> {
        assert_eq!(self.ask("shutdown", &Value::Null), Value::Null);
        self.tell("exit", &Value::Null);
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(stdout: &mut impl BufRead) -> Option<Value> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if stdout.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some(("Content-Length", value)) => length = value.parse().ok(),
            Some(_) => {}
            None => break,
        }
    }

    let mut body = vec![0; length?];
    stdout.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
