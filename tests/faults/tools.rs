//! `kill -9` in the middle of a loop of tools: no reply that was journaled is asked for again, the closures
//! of tools find what they share whole, and the result is that of an undisturbed run.

use crate::support::server::{Act, Server, json as body};
use crate::support::{Project, Ran};
use serde_json::{Value, json};
use std::os::unix::process::ExitStatusExt;

/// Three steps with two calls each, of which one asks a model itself.
const SCRIPT: &str = r#"
    let seen = [];
    let keys = [];
    let add = tool("add", "Adds.", "a: integer, b: integer", |x, info| {
        seen.push(x.a);
        keys.push(info.key);
        x.a + x.b
    });
    let ask = tool("ask", "Asks.", "about: string", |x| branch().chat(`about ${x.about}`), #{ effects: "read" });
    let b = branch();
    let r = b.react("Go.", #{ tools: [add, ask], trace: true });
    print([r.value, r.stopped, r.calls, r.tool_calls, seen, distinct(keys).len, b.messages.len]);
"#;

fn replied(text: &str, step: usize) -> Act {
    let call = |id: &str, name: &str, args: Value| json!({ "id": id, "type": "function", "function": { "name": name, "arguments": args.to_string() } });
    let mut message = json!({ "role": "assistant", "content": text });
    if step < 3 {
        message["tool_calls"] = json!([
            call("x", "add", json!({ "a": step, "b": 1 })),
            call("y", "ask", json!({ "about": format!("step {step}") })),
        ]);
    }
    let reason = if step < 3 { "tool_calls" } else { "stop" };
    body(200, json!({ "choices": [{ "message": message, "finish_reason": reason }] }).to_string())
}

/// A server whose answers depend on the question alone.
fn server() -> Server {
    Server::start(|_, _, asked| {
        let asked: Value = serde_json::from_str(asked).unwrap();
        let messages = asked["messages"].as_array().unwrap();
        let last = messages.last().unwrap()["content"].as_str().unwrap_or_default();
        if last.starts_with("about") {
            return replied(&format!("answer {last}"), 3);
        }
        let steps = messages.iter().filter(|m| m["tool_calls"].is_array()).count();
        replied("so", steps)
    })
}

fn requests(server: &Server) -> Vec<String> {
    let mut all: Vec<String> = server
        .bodies()
        .iter()
        .map(|body| serde_json::from_str::<Value>(body).unwrap()["messages"].to_string())
        .collect();
    all.sort();
    all
}

#[test]
fn a_loop_that_is_killed_at_any_point_goes_on_where_it_was() {
    let calm = server();
    let project = Project::new();
    project.with_server(&calm).file("s.rhai", SCRIPT);
    let expected = project.kaizen(&["run", "s.rhai", "--quiet"]);
    assert_eq!(
        expected.stdout, "[\"so\", \"answer\", 4, 6, [0, 1, 2], 3, 8]\n",
        "{}",
        expected.stderr
    );
    let questions = requests(&calm);

    for point in ["call_begins", "call_ends", "tool_begins", "tool_done", "commit_ends", "op_ends"]
    {
        for time in [1, 2, 3, 5] {
            let server = server();
            let project = Project::new();
            project.with_server(&server).file("s.rhai", SCRIPT);
            let mut command = project.command(&["run", "s.rhai", "--quiet"]);
            command.env("KAIZEN_FAILPOINT", format!("{point}:{time}:kill"));
            let killed = command.output().unwrap();
            let was_killed = killed.status.signal() == Some(9);
            assert!(was_killed || time > 1, "{point} is never reached");

            let arguments: &[&str] = if was_killed {
                &["run", "--resume", "--quiet"]
            } else {
                &["run", "--resume=@", "--quiet"]
            };
            let ran: Ran = project.kaizen(arguments);
            assert_eq!(
                (ran.code, &ran.stdout),
                (Some(0), &expected.stdout),
                "{point} {time}: {}",
                ran.stderr
            );

            // At most the call under way at the kill is made twice, and only if its reply was lost.
            let asked = requests(&server);
            let mut distinct = asked.clone();
            distinct.dedup();
            assert_eq!(distinct, questions, "{point} {time}");
            // What is committed soon may be so while a call is under way.
            let may_lose = ["call_ends", "op_ends", "commit_ends"].contains(&point);
            assert!(
                asked.len() - distinct.len() <= usize::from(may_lose),
                "{point} {time}: {asked:?}"
            );
        }
    }
}
