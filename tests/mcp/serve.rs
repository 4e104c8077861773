//! `kaizen mcp`: the project as a server, asked by a client that writes lines, and by kaizen's own client.

use crate::support::process::{children, lives, until};
use crate::support::{Project, Ran};
use expect_test::{Expect, expect};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long an answer is waited for before a test fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// A client that speaks for itself.
struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    last: u64,
    /// The notifications that came before the last answer.
    notices: Vec<Value>,
}

impl Client {
    /// Starts the server and greets it in the older era.
    fn start(project: &Project, arguments: &[&str]) -> Client {
        let mut client = Client::silent(project, arguments);
        let greeting = json!({
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": { "name": "test", "version": "1" },
        });
        let answer = client.ask("initialize", &greeting);
        assert_eq!(answer["result"]["serverInfo"]["name"], "kaizen", "{answer}");
        client.tell("notifications/initialized", &json!({}));
        client
    }

    fn silent(project: &Project, arguments: &[&str]) -> Client {
        let mut command = project.command(&[&["mcp"], arguments].concat());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.env("KAIZEN_TRUST", "1").spawn().unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Client { child, stdin, lines, last: 0, notices: Vec::new() }
    }

    fn write(&mut self, line: &[u8]) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(line).unwrap();
        stdin.write_all(b"\n").unwrap();
    }

    fn tell(&mut self, method: &str, params: &Value) {
        let message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        self.write(message.to_string().as_bytes());
    }

    /// Sends a request, and returns its number.
    fn begin(&mut self, method: &str, params: &Value) -> u64 {
        self.last += 1;
        let message =
            json!({ "jsonrpc": "2.0", "id": self.last, "method": method, "params": params });
        self.write(message.to_string().as_bytes());
        self.last
    }

    /// Returns the next message; every line has to be one.
    fn next(&mut self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).expect("an answer");
        serde_json::from_str(&line).expect("stdout has messages and nothing else")
    }

    fn wait(&mut self, id: u64) -> Value {
        self.notices.clear();
        loop {
            let message = self.next();
            if message["id"] == id {
                return message;
            }
            self.notices.push(message);
        }
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        let id = self.begin(method, params);
        self.wait(id)
    }

    /// Calls a tool, and returns its answer.
    fn call(&mut self, tool: &str, args: &Value) -> Value {
        let answer = self.ask("tools/call", &json!({ "name": tool, "arguments": args }));
        assert_eq!(answer["error"], Value::Null, "{answer}");
        answer["result"].clone()
    }

    /// Calls a tool that refuses, and returns why.
    fn refused(&mut self, tool: &str, args: &Value) -> String {
        let answer = self.call(tool, args);
        assert_eq!(answer["isError"], true, "{answer}");
        answer["content"][0]["text"].as_str().unwrap().to_owned()
    }

    /// Returns the processes that the server has started.
    fn children(&self) -> Vec<Pid> {
        children(self.child.id())
    }

    /// Ends the input, and returns how the server ended.
    fn end(mut self) -> Ran {
        drop(self.stdin.take());
        Ran::from(self.child.wait_with_output().unwrap())
    }
}

fn are_gone(pids: &[Pid]) {
    until(PATIENCE, "no process is left", || !pids.iter().any(lives));
}

const GREET: &str = r#"// Greets somebody.
let name = param("name", "you", "whom to greet");
let times = param("times", 2, #{ doc: "how often", min: 1, max: 5 });
print(`greeting ${name}`);
let g = builder("greeting");
g.add_operation("communicate", #{ name: "hello", instruction: `Hello ${name}` });
session().flow(g);
#{ name: name, times: times }
"#;

/// A script whose second question takes as long as it is let.
const SLOW: &str = r#"// Waits.
let g = builder("waiting");
g.add_operation("communicate", #{ name: "quick", instruction: "Quick" });
session().flow(g);
branch("slow").communicate("Slow")
"#;

/// Settings with a model that takes ten minutes.
const TOML: &str =
    "[project]\nmodel = \"demo/echo\"\n[models.slow]\nuse = \"demo/slow\"\nlatency_ms = 600000\n";

fn project() -> Project {
    let project = Project::new();
    project.file("kaizen.toml", TOML).file("greet.rhai", GREET).file("slow.rhai", SLOW);
    project.file("wrong.rhai", "// Has a mistake.\nprint(wibble);\n");
    project
}

/// Returns a text without what differs from run to run.
fn plain(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap();
    let lines = text.lines().map(|line| {
        let is_of_run = ["\"run\":", "\"started_at\":", "\"ended_at\":"];
        let line = line.trim_end_matches(',');
        match is_of_run.iter().find(|key| line.trim_start().starts_with(**key)) {
            Some(key) => format!("{}{key} ..", &line[..line.len() - line.trim_start().len()]),
            None => line.to_owned(),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn shows(value: &Value, outcome: &Expect) {
    outcome.assert_eq(&plain(value));
}

#[test]
fn both_eras_are_answered() {
    for protocol in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28", "auto"] {
        let project = project();
        let toml = format!(
            "[mcp.own]\ncommand = [{:?}, \"mcp\"]\nprotocol = \"{protocol}\"\nread = [\"*\"]\n",
            env!("CARGO_BIN_EXE_kaizen")
        );
        project.file("kaizen.toml", &toml);
        assert_eq!(project.kaizen(&["trust"]).code, Some(0));
        let tools = |arguments: &[&str]| {
            let mut command = project.command(&[&["tools", "--json"], arguments].concat());
            Ran::from(command.env("KAIZEN_TRUST", "1").output().unwrap())
        };

        let listed = tools(&[]);
        let lines = listed.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let names: Vec<String> =
            lines.map(|line| format!("{} {}", line["tool"], line["protocol"])).collect();
        let spoken = if protocol == "auto" { "2026-07-28" } else { protocol };
        let wanted = ["list_scripts", "check_script", "list_runs", "show_run", "advise"];
        let wanted: Vec<String> =
            wanted.iter().map(|name| format!("\"{name}\" \"{spoken}\"")).collect();
        assert_eq!(names, wanted, "{protocol}: {}", listed.stderr);

        let called = tools(&["own", "check_script", r#"{"script":"greet.rhai"}"#]);
        let answer: Value = serde_json::from_str(&called.stdout).expect("an answer");
        assert_eq!(answer["value"], json!({ "items": [] }), "{protocol}");
    }
}

#[test]
fn the_tools_are_described() {
    let mut client = Client::start(&project(), &["--run", "--max-cost=0.5", "--script=greet.rhai"]);
    let answer = client.ask("tools/list", &json!({}));
    shows(
        &answer["result"],
        &expect![[r#"
        {
          "tools": [
            {
              "name": "list_scripts"
              "description": "Lists the scripts of the project: what each one does, and its parameters."
              "inputSchema": {
                "type": "object"
                "properties": {
                  "from": {
                    "type": "integer"
                    "minimum": 0
                    "description": "Where to continue: the `next` of the previous answer."
                  }
                }
                "required": []
                "additionalProperties": false
              }
              "annotations": {
                "readOnlyHint": true
              }
            }
            {
              "name": "check_script"
              "description": "Finds mistakes in a script without running it."
              "inputSchema": {
                "type": "object"
                "properties": {
                  "script": {
                    "type": "string"
                    "minLength": 1
                    "description": "The script, as `list_scripts` names it."
                  }
                  "from": {
                    "type": "integer"
                    "minimum": 0
                    "description": "Where to continue: the `next` of the previous answer."
                  }
                }
                "required": [
                  "script"
                ]
                "additionalProperties": false
              }
              "annotations": {
                "readOnlyHint": true
              }
            }
            {
              "name": "list_runs"
              "description": "Lists the latest runs: status, duration, calls and cost."
              "inputSchema": {
                "type": "object"
                "properties": {
                  "limit": {
                    "type": "integer"
                    "minimum": 1
                    "maximum": 1000
                    "description": "Maximum number of runs, newest first. Defaults to 20."
                  }
                  "from": {
                    "type": "integer"
                    "minimum": 0
                    "description": "Where to continue: the `next` of the previous answer."
                  }
                }
                "required": []
                "additionalProperties": false
              }
              "annotations": {
                "readOnlyHint": true
              }
            }
            {
              "name": "show_run"
              "description": "Shows what a run did, operation by operation."
              "inputSchema": {
                "type": "object"
                "properties": {
                  "run": ..
                    "type": "string"
                    "minLength": 1
                    "description": "Id of a run or a prefix of it, `@` for the latest run, `@fail` for the latest failed one."
                  }
                  "operation": {
                    "type": "string"
                    "minLength": 1
                    "description": "Name or number of an operation to show in full."
                  }
                  "events": {
                    "type": "boolean"
                    "description": "Return all recorded events, with complete values, as JSON lines."
                  }
                  "from": {
                    "type": "integer"
                    "minimum": 0
                    "description": "Where to continue: the `next` of the previous answer."
                  }
                }
                "required": [
                  "run"
                ]
                "additionalProperties": false
              }
              "annotations": {
                "readOnlyHint": true
              }
            }
            {
              "name": "advise"
              "description": "Recommends a pattern for a task type, based on recorded executions."
              "inputSchema": {
                "type": "object"
                "properties": {
                  "task": {
                    "type": "string"
                    "minLength": 1
                    "description": "Task type."
                  }
                  "among": {
                    "type": "array"
                    "items": {
                      "type": "string"
                      "minLength": 1
                    }
                    "description": "Patterns to choose from. Defaults to those recorded."
                  }
                  "objective": {
                    "type": "string"
                    "description": "What counts: balanced, quality, speed, cost, or weights such as quality=.8,cost=.2."
                  }
                }
                "required": [
                  "task"
                ]
                "additionalProperties": false
              }
              "annotations": {
                "readOnlyHint": true
              }
            }
            {
              "name": "run_script"
              "description": "Runs a script, and returns its value, status and cost. The run is recorded: `show_run` has the details."
              "inputSchema": {
                "type": "object"
                "properties": {
                  "script": {
                    "type": "string"
                    "minLength": 1
                    "description": "The script, as `list_scripts` names it."
                  }
                  "params": {
                    "type": "object"
                    "description": "Parameters of the script, by name."
                  }
                  "max_cost": {
                    "type": "number"
                    "minimum": 0
                    "description": "Maximum cost of this run in dollars. It can only lower the maximum of the server."
                  }
                }
                "required": [
                  "script"
                ]
                "additionalProperties": false
              }
              "annotations": {
                "readOnlyHint": false
              }
            }
            {
              "name": "greet"
              "description": "Greets somebody."
              "inputSchema": {
                "type": "object"
                "properties": {
                  "name": {
                    "type": "string"
                    "description": "whom to greet"
                    "default": "you"
                  }
                  "times": {
                    "type": "integer"
                    "description": "how often"
                    "default": 2
                    "minimum": 1
                    "maximum": 5
                  }
                }
                "required": []
                "additionalProperties": false
              }
              "annotations": {
                "readOnlyHint": false
              }
            }
          ]
        }"#]],
    );
    assert_eq!(client.end().code, Some(0));
}

#[test]
fn scripts_are_listed_and_checked() {
    let project = project();
    let mut client = Client::start(&project, &[]);
    shows(
        &client.call("list_scripts", &json!({}))["structuredContent"],
        &expect![[r#"
        {
          "items": [
            {
              "script": "greet.rhai"
              "doc": "Greets somebody."
              "params": [
                {
                  "name": "name"
                  "required": false
                  "default": "you"
                  "doc": "whom to greet"
                }
                {
                  "name": "times"
                  "required": false
                  "default": 2
                  "doc": "how often"
                  "min": 1
                  "max": 5
                }
              ]
              "last": null
            }
            {
              "script": "slow.rhai"
              "doc": "Waits."
              "params": []
              "last": null
            }
            {
              "script": "wrong.rhai"
              "doc": "Has a mistake."
              "params": null
              "last": null
            }
          ]
        }"#]],
    );
    let checked = client.call("check_script", &json!({ "script": "wrong.rhai" }));
    shows(
        &checked["structuredContent"],
        &expect![[r#"
        {
          "items": [
            {
              "code": "K0002"
              "level": "error"
              "message": "unknown variable `wibble`"
              "file": "wrong.rhai"
              "line": 2
              "column": 7
              "width": 6
              "help": null
              "frames": []
            }
          ]
        }"#]],
    );
    expect!["no script `gret.rhai` in this project; did you mean `greet.rhai`?"]
        .assert_eq(&client.refused("check_script", &json!({ "script": "gret.rhai" })));
    expect!["no script `../../etc/passwd` in this project; `list_scripts` lists all scripts"]
        .assert_eq(&client.refused("check_script", &json!({ "script": "../../etc/passwd" })));
}

#[test]
fn a_script_is_run_and_its_run_is_shown() {
    let project = project();
    let mut client = Client::start(&project, &["--run", "--max-cost=0.5", "--script=greet.rhai"]);

    let params = json!({
        "name": "run_script", "_meta": { "progressToken": "p1" },
        "arguments": { "script": "greet.rhai", "params": { "name": "Ada", "times": 3 } },
    });
    let answer = client.ask("tools/call", &params);
    shows(
        &answer["result"]["structuredContent"],
        &expect![[r#"
        {
          "run": ..
          "status": "ok"
          "value": {
            "name": "Ada"
            "times": 3
          }
          "cost": 0.0
          "failures": []
          "printed": "greeting Ada\n"
        }"#]],
    );
    shows(
        &json!(client.notices),
        &expect![[r#"
        [
          {
            "jsonrpc": "2.0"
            "method": "notifications/progress"
            "params": {
              "progressToken": "p1"
              "progress": 1.0
              "message": "`hello` has ended"
            }
          }
        ]"#]],
    );

    // The same script as a tool of its own, with its defaults.
    let own = client.call("greet", &json!({ "times": "4" }));
    shows(
        &own["structuredContent"],
        &expect![[r#"
        {
          "run": ..
          "status": "ok"
          "value": {
            "name": "you"
            "times": 4
          }
          "cost": 0.0
          "failures": []
          "printed": "greeting you\n"
        }"#]],
    );

    shows(
        &client.call("list_runs", &json!({ "limit": 1 }))["structuredContent"],
        &expect![[r#"
            {
              "items": [
                {
                  "script": "greet.rhai"
                  "started_at": ..
                  "ended_at": ..
                  "status": "ok"
                  "calls": 1
                  "under_way": 0
                  "cost": 0.0
                  "run": ..
                }
              ]
            }"#]],
    );
    let shown = client.call("show_run", &json!({ "run": "@", "operation": "hello" }));
    let text = shown["structuredContent"]["text"].as_str().unwrap().to_owned();
    assert!(text.contains("Hello you"), "{text}");
    let advice = client.call("advise", &json!({ "task": "greeting", "among": ["direct", "cot"] }));
    assert_eq!(advice["structuredContent"]["items"][0]["task_type"], "greeting", "{advice}");
}

#[test]
fn what_goes_wrong_in_a_run_is_told() {
    let project = project();
    project.file("fails.rhai", "// Fails.\nthrow \"no luck\";\n");
    project.file("writes.rhai", "// Runs a program.\ncommand(\"touch\", [\"a.txt\"]);\n");
    project.file("needs.rhai", "// Needs a parameter.\nparam(\"topic\")\n");
    let mut client = Client::start(&project, &["--run", "--max-cost=0.5", "--script=needs.rhai"]);
    let mut run = |script: &str, params: Value| {
        let answer = client.call("run_script", &json!({ "script": script, "params": params }));
        assert_eq!(answer["isError"], true, "{answer}");
        match &answer["structuredContent"] {
            Value::Null => answer["content"].clone(),
            told => told.clone(),
        }
    };

    shows(
        &run("fails.rhai", json!({})),
        &expect![[r#"
        {
          "run": ..
          "status": "failed"
          "value": null
          "cost": 0.0
          "failures": []
          "error": {
            "kind": "thrown"
            "message": "no luck"
            "retryable": true
            "place": {
              "file": "fails.rhai"
              "line": 2
              "column": 1
            }
            "thrown": "no luck"
          }
        }"#]],
    );
    shows(
        &run("wrong.rhai", json!({})),
        &expect![[r#"
        {
          "run": ..
          "status": "refused"
          "value": null
          "cost": null
          "failures": []
          "errors": [
            {
              "code": "K0002"
              "level": "error"
              "message": "unknown variable `wibble`"
              "file": "wrong.rhai"
              "line": 2
              "column": 7
              "width": 6
              "help": null
              "frames": []
            }
          ]
        }"#]],
    );
    shows(
        &run("greet.rhai", json!({ "nam": "x" })),
        &expect![[r#"
            {
              "run": ..
              "status": "refused"
              "value": null
              "cost": null
              "failures": []
              "errors": [
                {
                  "code": "K0008"
                  "level": "error"
                  "message": "`greet.rhai` has no parameter `nam`"
                  "file": null
                  "line": null
                  "column": null
                  "width": 1
                  "help": "did you mean `name`?"
                  "frames": []
                }
              ]
            }"#]],
    );
    shows(
        &run("greet.rhai", json!({ "times": 9 })),
        &expect![[r#"
            {
              "run": ..
              "status": "refused"
              "value": null
              "cost": null
              "failures": []
              "errors": [
                {
                  "code": "K0103"
                  "level": "error"
                  "message": "parameter `times` must be at most 5, not 9"
                  "file": "greet.rhai"
                  "line": 3
                  "column": 13
                  "width": 5
                  "help": null
                  "frames": []
                }
              ]
            }"#]],
    );
    shows(
        &run("greet.rhai", json!({ "a=b": 9 })),
        &expect![[r#"
            [
              {
                "type": "text"
                "text": "parameter `a=b` cannot be passed: its name is empty or contains `=`, or there is a null character in it"
              }
            ]"#]],
    );
    shows(
        &run("writes.rhai", json!({})),
        &expect![[r#"
            {
              "run": ..
              "status": "failed"
              "value": null
              "cost": 0.0
              "failures": []
              "error": {
                "kind": "permission"
                "message": "running `touch` is not granted; run with `--allow-run=touch`, or add \"touch\" to `run` under [permissions] in kaizen.toml"
                "retryable": false
                "place": {
                  "file": "writes.rhai"
                  "line": 2
                  "column": 1
                }
              }
            }"#]],
    );
    shows(
        &run("none.rhai", json!({})),
        &expect![[r#"
        [
          {
            "type": "text"
            "text": "no script `none.rhai` in this project; did you mean `wrong.rhai`?"
          }
        ]"#]],
    );
    expect![[
        r#"the object of arguments does not match the schema: "topic" is a required property"#
    ]]
    .assert_eq(&client.refused("needs", &json!({})));
    expect!["the object of arguments does not match the schema: Additional properties are not allowed ('more' was unexpected)"].assert_eq(&client.refused("needs", &json!({ "topic": "a", "more": 1 })));
    assert!(!project.path().join("a.txt").exists());
}

#[test]
fn a_script_that_asks_people_is_no_error_and_says_what_it_waits_for() {
    let project = project();
    project.file("asks.rhai", "// Asks.\nask(\"Release 1.2?\", #{ options: [\"yes\", \"no\"] })\n");
    let mut client = Client::start(&project, &["--run", "--max-cost=0.5"]);
    let answer = client.call("run_script", &json!({ "script": "asks.rhai" }));
    assert_ne!(answer["isError"], true, "{answer}");

    let run = answer["structuredContent"]["run"].as_str().unwrap().to_owned();
    let told = &answer["structuredContent"];
    assert_eq!((&told["status"], &told["value"]), (&json!("waiting"), &Value::Null));
    let question = &told["waits"]["questions"][0];
    let asked = json!([question["number"], question["question"], question["options"]]);
    assert_eq!(asked, json!([1, "Release 1.2?", ["yes", "no"]]), "{told}");
    let help = told["help"].as_str().unwrap();
    assert!(help.contains(&format!("kaizen answer {run}:NUMBER VALUE")), "{help}");
    let answered = project.kaizen(&["answer", &format!("{run}:1"), "yes"]);
    assert_eq!(answered.code, Some(0), "{}", answered.stderr);
}

#[test]
fn a_client_can_lower_the_cost_and_never_raise_it() {
    let project = Project::new();
    project.file(
        "kaizen.toml",
        "[project]\nmodel = \"dear\"\n[models.dear]\nuse = \"demo/x\"\ncost = 0.2\n",
    );
    project.file(
        "ask.rhai",
        "// Asks twice.\nbranch().communicate(\"one\");\nbranch().communicate(\"two\");\n",
    );
    let mut client = Client::start(&project, &["--run", "--max-cost=0.5"]);
    let mut status = |max_cost: Value| {
        let mut args = json!({ "script": "ask.rhai" });
        if !max_cost.is_null() {
            args["max_cost"] = max_cost;
        }
        let answer = client.call("run_script", &args);
        let told = &answer["structuredContent"];
        format!("{} {} {}", told["status"], told["cost"], told["error"]["kind"])
    };

    assert_eq!(status(Value::Null), "\"ok\" 0.4 null");
    assert_eq!(status(json!(0.3)), "\"failed\" 0.2 \"budget\"");
    assert_eq!(status(json!(100)), "\"ok\" 0.4 null");
    assert_eq!(status(json!(0)), "\"failed\" 0.0 \"budget\"");

    let mut client = Client::start(&project, &["--run", "--max-cost=0.3"]);
    let answer = client.call("run_script", &json!({ "script": "ask.rhai", "max_cost": 5 }));
    assert_eq!(answer["structuredContent"]["error"]["kind"], "budget", "{answer}");
}

#[test]
fn a_run_that_is_cancelled_is_kept_and_can_be_resumed() {
    let project = project();
    let mut client = Client::start(&project, &["--run", "--max-cost=0.5"]);
    let params = json!({
        "name": "run_script", "_meta": { "progressToken": 7 },
        "arguments": { "script": "slow.rhai" },
    });
    let id = client.begin("tools/call", &params);
    let progress = client.next();
    assert_eq!(progress["params"]["message"], "`quick` has ended", "{progress}");

    // A script runs once at a time.
    let again = client.refused("run_script", &json!({ "script": "slow.rhai" }));
    expect!["`slow.rhai` is already running, and only one run of a script can be active; `list_runs` shows its run"]
        .assert_eq(&again);

    let children = client.children();
    assert_eq!(children.len(), 1);
    client.tell("notifications/cancelled", &json!({ "requestId": id, "reason": "enough" }));
    are_gone(&children);

    let mut status = || {
        let runs = client.call("list_runs", &json!({}));
        runs["structuredContent"]["items"][0]["status"].clone()
    };
    assert_eq!(status(), "interrupted");
    assert_eq!(client.end().code, Some(0));

    // The second question is answered at once now; the first one is not asked again.
    project.file("kaizen.toml", &TOML.replace("600000", "0"));
    let resumed = project.kaizen(&["run", "--resume"]);
    assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
    assert!(resumed.stderr.contains("calls=1 "), "{}", resumed.stderr);
    assert!(resumed.stderr.contains("reused=1"), "{}", resumed.stderr);
}

#[test]
fn nothing_is_left_when_the_client_or_the_server_is_gone() {
    for how in ["closes stdin", "SIGTERM", "SIGKILL"] {
        let project = project();
        let mut client = Client::start(&project, &["--run", "--max-cost=0.5"]);
        let params = json!({
            "name": "run_script", "_meta": { "progressToken": 7 },
            "arguments": { "script": "slow.rhai" },
        });
        client.begin("tools/call", &params);
        client.next();
        let children = client.children();
        assert_eq!(children.len(), 1, "{how}");

        let server = Pid::from_raw(i32::try_from(client.child.id()).unwrap());
        let (code, status) = match how {
            "SIGTERM" => {
                kill(server, Signal::SIGTERM).unwrap();
                (client.child.wait().unwrap().code(), "interrupted")
            }
            "SIGKILL" => {
                kill(server, Signal::SIGKILL).unwrap();
                (client.child.wait().unwrap().code(), "crashed")
            }
            _ => (client.end().code, "interrupted"),
        };
        let wanted = match how {
            "SIGTERM" => Some(143),
            "SIGKILL" => None,
            _ => Some(0),
        };
        assert_eq!(code, wanted, "{how}");
        are_gone(&children);

        let runs = project.kaizen(&["--json", "runs"]);
        let run: Value = serde_json::from_str(runs.stdout.lines().next().unwrap()).unwrap();
        // Where nobody reaps what is orphaned, its process seems to be there still.
        let is_so = run["status"] == status || how == "SIGKILL" && run["status"] == "running";
        assert!(is_so, "{how}: {run}");
    }
}

#[test]
fn bad_input_is_answered_and_what_follows_is_read() {
    let project = project();
    let mut client = Client::start(&project, &[]);
    let mut answers = String::new();
    let deep = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":{}", "[".repeat(100_000));
    let long = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{}\"}}", "x".repeat(9 << 20));
    let lines: [&[u8]; 10] = [
        b"hello",
        b"{\"jsonrpc\":\"2.0\",",
        b"\xff\xfe",
        b"[{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"ping\"}]",
        b"7",
        b"{\"id\":6,\"wibble\":1}",
        b"{\"jsonrpc\":\"1.0\",\"id\":7,\"method\":\"ping\"}",
        deep.as_bytes(),
        long.as_bytes(),
        b"{\"jsonrpc\":\"2.0\",\"id\":\"t\",\"method\":\"tools/call\",\"params\":{\"arguments\":[]}}",
    ];
    for line in lines {
        client.write(line);
        answers.push_str(&format!("{}\n", client.next()));
    }
    for (method, params) in [
        ("wibble", json!({})),
        ("resources/list", json!({})),
        ("tools/call", json!({ "name": "wibble" })),
        ("tools/call", json!({ "name": "run_script", "arguments": { "script": "greet.rhai" } })),
        ("tools/call", json!({ "name": "show_run", "arguments": { "run": 7, "x": 1 } })),
        ("tools/call", json!({ "name": "show_run", "arguments": { "run": "zz" } })),
        ("tools/call", json!({ "name": "show_run", "arguments": { "run": "--help" } })),
        ("tools/call", json!({ "name": "list_runs", "arguments": { "limit": 0 } })),
        ("ping", json!({})),
    ] {
        answers.push_str(&format!("{}\n", client.ask(method, &params)));
    }
    let answers = answers.replace(&project.path().display().to_string(), "PROJECT");
    expect![[r#"
        {"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"this line is not JSON: expected value at line 1 column 1"}}
        {"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"this line is not JSON: EOF while parsing a value at line 2 column 0"}}
        {"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"this line is not JSON: expected value at line 1 column 1"}}
        {"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batches are not supported; send one message per line"}}
        {"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"this is not a valid message: unrecognized JSON-RPC message"}}
        {"jsonrpc":"2.0","id":6,"error":{"code":-32600,"message":"this is not a valid message: unrecognized JSON-RPC message"}}
        {"jsonrpc":"2.0","id":7,"error":{"code":-32600,"message":"this is not a valid message: unrecognized JSON-RPC message"}}
        {"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"this line is not JSON: recursion limit exceeded at line 1 column 160"}}
        {"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"a message may have at most 8388608 bytes"}}
        {"jsonrpc":"2.0","id":"t","error":{"code":-32602,"message":"`tools/call` needs `name`, a text, and `arguments`, an object"}}
        {"jsonrpc":"2.0","id":2,"error":{"code":-32601,"message":"no method `wibble`"}}
        {"jsonrpc":"2.0","id":3,"error":{"code":-32601,"message":"resources/list"}}
        {"jsonrpc":"2.0","id":4,"error":{"code":-32602,"message":"no tool `wibble`; available: list_scripts, check_script, list_runs, show_run, advise"}}
        {"jsonrpc":"2.0","id":5,"error":{"code":-32602,"message":"no tool `run_script`; available: list_scripts, check_script, list_runs, show_run, advise"}}
        {"jsonrpc":"2.0","id":6,"result":{"content":[{"type":"text","text":"the object of arguments does not match the schema: Additional properties are not allowed ('x' was unexpected)"}],"isError":true}}
        {"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"no runs in `PROJECT`; start one with `kaizen run SCRIPT`"}],"isError":true}}
        {"jsonrpc":"2.0","id":8,"result":{"content":[{"type":"text","text":"no runs in `PROJECT`; start one with `kaizen run SCRIPT`"}],"isError":true}}
        {"jsonrpc":"2.0","id":9,"result":{"content":[{"type":"text","text":"the object of arguments does not match the schema: 0 is less than the minimum of 1 at `/limit`"}],"isError":true}}
        {"jsonrpc":"2.0","id":10,"result":{}}
    "#]].assert_eq(&answers);
    assert_eq!(client.end().code, Some(0));
}

#[test]
fn a_long_value_is_left_out_and_can_be_read_in_pages() {
    let project = Project::new();
    project.file("long.rhai", "// Gives a long text.\nlet t = \"\";\nt.pad(100000, 'x');\nt\n");
    let mut client = Client::start(&project, &["--run", "--max-cost=0"]);
    let answer = client.call("run_script", &json!({ "script": "long.rhai" }));
    shows(
        &answer["structuredContent"],
        &expect![[r#"
        {
          "run": ..
          "status": "ok"
          "value": null
          "cost": 0.0
          "failures": []
          "value_left_out": "100002 bytes; `show_run` with `events: true` returns it in full"
        }"#]],
    );

    let mut events = String::new();
    let mut from = json!(0);
    while !from.is_null() {
        let page = client.call("show_run", &json!({ "run": "@", "events": true, "from": from }));
        events.push_str(page["structuredContent"]["text"].as_str().unwrap());
        from = page["structuredContent"]["next"].clone();
    }
    let ended: Value = serde_json::from_str(events.lines().next_back().unwrap()).unwrap();
    assert_eq!(ended["value"].as_str().map(str::len), Some(100_000));
}

#[test]
fn what_cannot_be_served_is_told_before_anything_is_served() {
    let project = project();
    project.file("more/greet.rhai", "// Another one.\n");
    project.file("show_run.rhai", "// Has the name of a tool.\n");
    let mut told = String::new();
    for arguments in [
        &["--run"] as &[&str],
        &["--script=greet.rhai"],
        &["--max-cost=1"],
        &["--run", "--max-cost=-1"],
        &["--run", "--max-cost=nan"],
        &["--run", "--max-cost=1", "--max-time=soon"],
        &["--run", "--max-cost=1", "--allow-net="],
        &["--run", "--max-cost=1", "--script=gret.rhai"],
        &["--run", "--max-cost=1", "--script=wrong.rhai"],
        &["--run", "--max-cost=1", "--script=/etc/hosts"],
        &["--run", "--max-cost=1", "--script=greet.rhai", "--script=more/greet.rhai"],
        &["--run", "--max-cost=1", "--script=show_run.rhai"],
    ] {
        let mut command = project.command(&[&["mcp"], arguments].concat());
        let ran = Ran::from(command.stdin(Stdio::null()).output().unwrap());
        let first = ran.stderr.lines().find(|line| line.starts_with("error")).unwrap_or_default();
        told.push_str(&format!("{:?} {} {first}\n", ran.code, ran.stdout));
    }
    expect![[r#"
        Some(2)  error: the following required arguments were not provided:
        Some(2)  error: the following required arguments were not provided:
        Some(2)  error: `--max-cost` needs `--run`
        Some(2)  error: `--max-cost` must be an amount in dollars from 0 up to 9000000000, not `-1`
        Some(2)  error: `--max-cost` must be an amount in dollars from 0 up to 9000000000, not `NaN`
        Some(2)  error: invalid duration `soon` (examples: 500ms, 90s, 5m)
        Some(3)  error: --allow-net: ``: it is empty
        Some(2)  error: cannot read `gret.rhai`: No such file or directory (os error 2); did you mean `greet.rhai`?
        Some(2)  error: `wrong.rhai` has mistakes: `kaizen check wrong.rhai` lists them
        Some(2)  error: `/etc/hosts` is not in this project
        Some(2)  error: two tools would have the name `greet`; rename `more/greet.rhai`
        Some(2)  error: two tools would have the name `show_run`; rename `show_run.rhai`
    "#]].assert_eq(&told);

    let untrusted = Project::new();
    untrusted.file("kaizen.toml", "[permissions]\nrun = [\"sh\"]\n");
    let mut command = untrusted.command(&["mcp"]);
    let ran = Ran::from(command.stdin(Stdio::null()).output().unwrap());
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(6), ""), "{}", ran.stderr);
}
