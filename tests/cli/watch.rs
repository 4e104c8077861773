//! `kaizen watch`: what a save runs, what it asks, and what it does not.

use crate::support::Project;
use crate::support::server::{Act, Server, answer};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Longest wait for a line that has to come.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long nothing must come.
const SILENCE: Duration = Duration::from_millis(700);

const GRAPH: &str = r#"
let s = session();
let g = builder("g");
let a = g.add_operation("communicate", #{ name: "a", instruction: "first question" });
let b = g.add_operation("communicate", #{ name: "b", instruction: read_text("b.md") });
g.add_aggregation("communicate", #{ name: "c", source_node_ids: [a, b], instruction: "sum up" });
s.flow(g).result("c")
"#;

/// A watched script.
struct Watched {
    child: Child,
    lines: Receiver<String>,
}

impl Watched {
    fn start(project: &Project, arguments: &[&str]) -> Watched {
        Watched::of(project.command(&[&["watch", "s.rhai"], arguments].concat()))
    }

    /// Starts in a project that is trusted.
    fn trusting(project: &Project) -> Watched {
        let mut command = project.command(&["watch", "s.rhai"]);
        command.env("KAIZEN_TRUST", "1");
        Watched::of(command)
    }

    fn of(mut command: Command) -> Watched {
        // One pipe for both, so that lines come in the order in which they were written.
        let (reader, writer) = std::io::pipe().unwrap();
        command.stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer);
        let child = command.spawn().unwrap();
        drop(command);
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(reader).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Watched { child, lines }
    }

    /// Waits for a line that contains a text, and returns all lines up to it.
    fn until(&self, text: &str) -> Vec<String> {
        let mut seen = Vec::new();
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                panic!("`{text}` did not come, only: {seen:#?}");
            };
            seen.push(line);
            if seen.last().is_some_and(|line| line.contains(text)) {
                return seen;
            }
        }
    }

    /// Waits until a run has ended and its files are watched; returns its summary.
    fn run(&self) -> String {
        let ended = self.until("run=").pop().unwrap();
        assert!(ended.contains(" status="), "{ended}");
        ended
    }

    /// Checks that no run begins.
    fn nothing(&self) {
        while let Ok(line) = self.lines.recv_timeout(SILENCE) {
            assert!(!line.contains("run="), "{line}");
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // A child that has ended already needs no end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server whose answers are as different as the questions.
fn echo() -> Server {
    Server::start(|_, _, body| {
        let request: serde_json::Value = serde_json::from_str(body).unwrap();
        let messages = request["messages"].as_array().unwrap();
        answer(&format!("answer to {}", messages.last().unwrap()["content"]))
    })
}

#[test]
fn only_what_changed_is_asked_again() {
    let (project, server) = (Project::new(), echo());
    project.with_server(&server).file("s.rhai", GRAPH).file("b.md", "second question");
    let watched = Watched::start(&project, &[]);
    assert!(watched.run().contains("calls=3"));
    watched.until("watching");
    project.file("b.md", "another question");
    let ended = watched.run();
    assert!(ended.contains("calls=2") && ended.contains("reused=1"), "{ended}");
    let changed = watched.until("  b ");
    assert!(changed.last().unwrap().contains("− \"second   + \"another"), "{changed:?}");
    let bodies = server.bodies();
    assert_eq!(bodies.len(), 5);
    assert!(bodies[3].contains("another question") && bodies[4].contains("sum up"), "{bodies:?}");
    // What only looks different is no change, and neither is the way back to the last run.
    project.file("b.md", "another question");
    watched.nothing();
    // What was asked before is never asked again.
    project.file("b.md", "second question");
    assert!(watched.run().contains("calls=0"));
    assert_eq!(server.bodies().len(), 5);
}

/// A program of the script writes what the script reads, and every question is a new one.
#[test]
fn a_script_whose_programs_write_what_it_reads_does_not_run_for_ever() {
    let (project, server) = (Project::new(), echo());
    project.with_server(&server).file("o.txt", "first").file(
        "s.rhai",
        r#"print(branch().chat(read_text("o.txt"))); command("sh", ["-c", "date +%N > o.txt"])"#,
    );
    let watched = Watched::start(&project, &["--allow-all"]);

    for saved in ["", "second"] {
        if !saved.is_empty() {
            project.file("o.txt", saved);
        }
        watched.until("o.txt changed again during the run; save it to run again");
        watched.nothing();
    }

    // The first run of each pair, and the one that its own change has caused.
    let asked = server.bodies();
    assert_eq!(asked.len(), 4, "{asked:?}");
    assert!(asked[0].contains("first") && asked.iter().any(|body| body.contains("second")));
}

#[test]
fn a_vote_keeps_its_distinct_samples() {
    let project = Project::new();
    let server = Server::start(|number, _, _| answer(&format!("answer {number}")));
    let script = |text: &str| {
        format!(
            "let b = branch(); let xs = []; for n in 0..5 {{ xs.push(b.chat(\"same\")); }}\n\
             print(xs); print(\"{text}\");"
        )
    };
    project.with_server(&server).file("s.rhai", &script("one"));
    let watched = Watched::start(&project, &[]);
    let first = watched.until("answer 4").pop().unwrap();
    watched.until("watching");
    project.file("s.rhai", &script("two"));
    assert_eq!(watched.until("answer 4").pop().unwrap(), first);
    assert!(watched.run().contains("reused=5"));
    assert_eq!(server.bodies().len(), 5);
}

/// Runs a script whose equal questions are asked side by side, saves it with a line in front that changes
/// nothing, and returns what is told of the result.
fn told_of_an_equal_result(script: &str) -> String {
    let project = Project::new();
    // The first members of a group are slow, so that they come last.
    let server = Server::start(|number, _, body| {
        let told = Box::new(answer(&format!("#{number}")));
        if body.contains("slow") { Act::After(300, told) } else { *told }
    });
    project.with_server(&server).file("s.rhai", script);
    let watched = Watched::start(&project, &[]);
    watched.run();
    watched.until("watching");
    let asked = server.bodies().len();

    project.file("s.rhai", &format!("sleep(1);\n{script}"));
    watched.run();
    let told = watched.until("(previous run").pop().unwrap();
    assert_eq!(server.bodies().len(), asked);
    told.split("  (previous run").next().unwrap_or_default().to_owned()
}

#[test]
fn the_same_replies_in_another_order_are_no_change() {
    let scripts = [
        r#"print(gather([
            || { branch().chat("slow"); branch().chat("same") },
            || { branch().chat("fast"); branch().chat("same") }
        ]))"#,
        r#"let ts = ["slow", "fast"].map(|text| task(|| { branch().chat(text); branch().chat("same") }));
           print(ts.map(|t| t.wait()))"#,
        r#"let flow = |text| {
               let g = builder("g");
               g.add_operation("communicate", #{ name: "one", instruction: text });
               g.add_operation("communicate", #{ name: "two", instruction: "same" });
               session().flow(g).result("two")
           };
           print(gather([|| flow.call("slow"), || flow.call("fast")]))"#,
        r#"print(parallel(["slow", "fast"], |text| {
            gather([|| branch().chat(text)]);
            attempt(|| { branch().chat("same") })
        }))"#,
    ];
    let told = scripts.map(told_of_an_equal_result);
    assert_eq!(told, ["the result is unchanged"; 4].map(str::to_owned));
}

#[test]
fn a_script_that_is_not_sound_runs_nothing_and_says_why() {
    let (project, server) = (Project::new(), echo());
    project.with_server(&server).file("s.rhai", "branch().communicate(\"one\")");
    let watched = Watched::start(&project, &[]);
    watched.run();
    watched.until("watching");
    project.file("s.rhai", "branch().communicate(\"one\"");
    let told = watched.until("not run: kept the last result, spent nothing").join("\n");
    assert!(told.contains("s.rhai:1:27"), "{told}");
    project.file("s.rhai", "");
    watched.until("is empty");
    std::fs::remove_file(project.path().join("s.rhai")).unwrap();
    watched.until("does not exist");
    project.file("s.rhai", "branch().communicate(\"two\")");
    assert!(watched.run().contains("status=ok"));
    assert_eq!(server.bodies().len(), 2);
}

#[test]
fn a_save_during_a_run_leaves_unchanged_calls_alone() {
    let project = Project::new();
    let server = Server::start(|_, _, body| {
        let wait = if body.contains("slow") { 1500 } else { 10 };
        Act::After(wait, Box::new(answer("answer")))
    });
    let script = |other: &str| {
        format!(
            "let b = branch(); gather([|| b.chat(\"slow\"), || b.chat(\"{other}\"), \
             || b.chat(\"slow {other}\")]); 1"
        )
    };
    project.with_server(&server).file("s.rhai", &script("one"));
    let watched = Watched::start(&project, &[]);
    watched.until("op=chat");
    project.file("s.rhai", &script("two"));
    watched.until("s.rhai changed; restarting");
    let ended = watched.run();
    assert!(ended.contains("status=ok"), "{ended}");
    let asked: Vec<bool> = server.bodies().iter().map(|body| body.contains("\"slow\"")).collect();
    assert_eq!(asked.iter().filter(|slow| **slow).count(), 1, "the slow call went on: {asked:?}");
}

#[test]
fn a_file_that_is_missed_vanishes_and_returns_is_watched_all_the_time() {
    let project = Project::new();
    project.file("s.rhai", "print(read_text(\"p.md\"))");
    let watched = Watched::start(&project, &[]);
    watched.until("p.md (not there yet)");
    for text in ["one", "two"] {
        project.file("p.md", text);
        watched.until(text);
        watched.until("watching");
        std::fs::remove_file(project.path().join("p.md")).unwrap();
        watched.until("p.md (not there yet)");
    }
    project.file("kaizen.toml", "[project]\nmodle = \"x\"\n");
    watched.until("did you mean `project.model`?");
    project.file("kaizen.toml", "[project]\nmodel = \"demo/echo\"\n");
    watched.run();
}

#[test]
fn a_long_run_after_a_save_is_one_run() {
    let project = Project::new();
    let server = Server::start(|_, _, _| Act::After(400, Box::new(answer("answer"))));
    project.with_server(&server).file("s.rhai", "branch().chat(read_text(\"p.md\"))");
    project.file("p.md", "one");
    let watched = Watched::start(&project, &[]);
    watched.until("watching");
    project.file("p.md", "two");
    let seen = watched.until("run=").join("\n");
    assert!(!seen.contains("s.rhai changed; restarting"), "{seen}");
    watched.nothing();
    assert_eq!(server.bodies().len(), 2);
}

#[test]
fn a_script_that_never_waits_is_replaced_as_well() {
    let project = Project::new();
    project.file("s.rhai", "loop { let x = 1; }");
    let watched = Watched::start(&project, &["--model", "demo/echo"]);
    watched.until("check ok");
    std::thread::sleep(Duration::from_millis(200));
    project.file("s.rhai", "4 2");
    watched.until("error[");
    watched.run();
    project.file("s.rhai", "loop { let x = 2; }");
    watched.until("check ok");
    std::thread::sleep(Duration::from_millis(200));
    project.file("s.rhai", "42");
    watched.until("s.rhai changed; restarting");
    assert!(watched.run().contains("status=ok"));
}

#[test]
fn a_running_script_calls_the_newest_function_by_hot() {
    let project = Project::new();
    let script = |word: &str| {
        format!(
            "fn step(n) {{ `{word} ${{n}}` }}\n\
             for n in 0..1000 {{ print(hot(\"step\", [n])); sleep(20); }}"
        )
    };
    project.file("s.rhai", &script("old"));
    let watched = Watched::start(&project, &["--model", "demo/echo"]);
    watched.until("old 3");
    project.file("s.rhai", &script("new"));
    watched.until("`hot` calls the new version");
    let first = watched.until("new ").pop().unwrap();
    let number: u32 = first.trim_start_matches("new ").parse().unwrap();
    assert!(number > 3, "it went on: {first}");
}

#[test]
fn state_survives_and_a_costly_run_is_not_started_unasked() {
    let project = Project::new();
    let script = |count: u32| {
        format!(
            "state.runs = (state.runs ?? 0) + 1; print(`run ${{state.runs}}`);\n\
             let b = branch(#{{ model: imodel(#{{ provider: \"demo\", model: \"echo\", cost: 0.1 }}) }});\n\
             for n in 0..{count} {{ b.chat(`question ${{n}}`); }}"
        )
    };
    project.file("s.rhai", &script(1));
    let watched = Watched::start(&project, &[]);
    watched.until("run 1");
    watched.until("watching");
    project.file("s.rhai", &script(3));
    watched.until("run 2");
    assert!(watched.run().contains("calls=2 cost=0.2 reused=1"));
    project.file("s.rhai", &script(9));
    let told = watched.until("not run:").pop().unwrap();
    assert!(told.contains("6 calls, 3 replies reused · $0.600"), "{told}");
    watched.nothing();
}

#[test]
fn a_limit_that_is_set_is_not_passed_by_calls_of_unknown_price() {
    let server = echo();
    let project = Project::new();
    project.with_server(&server).file("s.rhai", "branch().chat(\"one\")");
    let help = "set a `price` under its `[models.NAME]` (zeros if the model is free)";
    let watched = Watched::start(&project, &["--confirm-over", "1000"]);
    let told = watched.until("not run:").pop().unwrap();
    let expected = "not run: 1 call · cost unknown   (rough estimate: no earlier run), possibly over $1000.000; ";
    assert!(told.ends_with(&format!("{expected}{help}")), "{told}");
    assert_eq!(server.bodies().len(), 0);
    drop(watched);

    // So is one of kaizen.toml, and nothing is unknown once the model has a price.
    let toml = std::fs::read_to_string(project.path().join("kaizen.toml")).unwrap();
    let limit = "[watch]\nconfirm_over = 0.001\n";
    project.file("kaizen.toml", &format!("{toml}{limit}"));
    let watched = Watched::start(&project, &[]);
    watched.until("not run:");
    project.file("kaizen.toml", &format!("{toml}price = {{ input = 0, output = 0 }}\n{limit}"));
    project.file("s.rhai", "branch().chat(\"two\")");
    assert!(watched.run().contains("status=ok"));
}

#[test]
fn many_calls_of_unknown_price_are_not_made_unasked() {
    let server = echo();
    let project = Project::new();
    let asks = |count: u32, text: &str| {
        format!("for n in 0..{count} {{ branch().chat(`q${{n}}`); }} {text}")
    };
    project.with_server(&server).file("s.rhai", &asks(5, "1"));
    let watched = Watched::start(&project, &[]);
    assert!(watched.run().contains("calls=5"));

    // A run whose replies are all known costs nothing, which says nothing of the next one.
    project.file("s.rhai", &asks(5, "2"));
    assert!(watched.run().contains("calls=0 cost=0 reused=5 saved=unknown"));
    project.file("s.rhai", &asks(500, "3"));
    watched.until("possibly over $0.250; set a `price`");
    assert_eq!(server.bodies().len(), 5);
}

#[test]
fn a_run_after_one_on_the_demo_model_is_not_taken_for_free() {
    let project = Project::new();
    let asks = |cost: &str| {
        let model = format!("imodel(#{{ provider: \"demo\", model: \"echo\", cost: {cost} }})");
        format!("branch(#{{ model: {model} }}).chat(\"a question at {cost}\")")
    };
    project.file("s.rhai", &asks("0.0"));
    let watched = Watched::start(&project, &[]);
    assert!(watched.run().contains("calls=1 cost=0"));
    project.file("s.rhai", &asks("0.3"));
    let told = watched.until("not run:").pop().unwrap();
    assert!(told.contains("1 call · $0.300"), "{told}");
}

#[test]
fn an_import_that_comes_later_or_is_mended_is_noticed() {
    let project = Project::new();
    project.file("s.rhai", "import \"lib\" as lib;\nprint(lib::word())");
    let watched = Watched::start(&project, &["--model", "demo/echo"]);
    watched.until("not run: spent nothing");
    watched.until("lib.rhai (not there yet)");
    project.file("lib.rhai", "import \"sub/deep\" as deep;\nfn word() { `one ${deep::word()}` }");
    watched.until("deep.rhai (not there yet)");
    // Its folder is not there either.
    project.file("sub/deep.rhai", "fn word() { \"two\" }");
    watched.until("one two");
    watched.run();
    watched.until("watching");
    // Faults of what is imported, and files that are no text.
    project.file("lib.rhai", "fn word() { ");
    watched.until("not run: kept the last result, spent nothing");
    project.file("lib.rhai", "fn word() { \"three\" }");
    watched.until("three");
    watched.run();
    std::fs::write(project.path().join("lib.rhai"), [0xff, 0xfe, 0]).unwrap();
    watched.until("not run: kept the last result, spent nothing");
    watched.nothing();
    project.file("lib.rhai", "fn word() { \"four\" }");
    watched.until("four");
    watched.run();
    watched.nothing();
}

#[test]
fn a_kaizen_toml_that_is_refused_runs_nothing_again_and_again() {
    let (project, server) = (Project::new(), echo());
    project.with_server(&server).file("s.rhai", "branch().chat(read_text(\"p.md\") + now())");
    let sound = std::fs::read_to_string(project.path().join("kaizen.toml")).unwrap();
    project.file("p.md", "one");
    let watched = Watched::start(&project, &[]);
    watched.run();
    watched.until("watching");
    let faulty: [&[u8]; 3] = [b"[project]\nmodle = \"x\"\n", b"[", &[0xff, 0xfe]];
    for (n, text) in faulty.iter().enumerate() {
        std::fs::write(project.path().join("kaizen.toml"), text).unwrap();
        watched.until("keeping the previous settings");
        watched.until("not run: kept the last result, spent nothing");
        watched.nothing();
        // A save of the script runs it, with what was set before.
        project.file("p.md", &format!("text {n}"));
        assert!(watched.run().contains("calls=1"));
        watched.nothing();
        assert_eq!(server.bodies().len(), n + 2);
    }
    // The file as it was needs no run, and another one that is sound does.
    project.file("kaizen.toml", &sound);
    watched.until("no change since the last run");
    project.file("kaizen.toml", &format!("{sound}# sound\n"));
    assert!(watched.run().contains("calls=1"));
    watched.nothing();
    std::fs::remove_file(project.path().join("kaizen.toml")).unwrap();
    watched.run();
    watched.nothing();
}

#[test]
fn a_file_that_is_no_text_is_watched_and_not_run_for_again_and_again() {
    let project = Project::new();
    project.file("s.rhai", "print(`read ${attempt(|| read_text(\"p.md\")).ok}`)");
    std::fs::write(project.path().join("p.md"), [0xff, 0xfe, 0]).unwrap();
    let watched = Watched::start(&project, &["--model", "demo/echo"]);
    watched.until("read false");
    watched.run();
    watched.until("watching");
    watched.nothing();
    project.file("p.md", "\u{feff}a text");
    watched.until("read true");
    watched.run();
    watched.nothing();
}

#[test]
fn a_save_calls_servers_of_tools_only_for_what_is_new_unless_it_is_to_be_fresh() {
    for (fresh, expected) in [("false", 1), ("true", 2)] {
        let project = Project::new();
        project.file("hostile.sh", include_str!("../mcp/hostile.sh")).file(
            "kaizen.toml",
            "[mcp.own]\ncommand = [\"sh\", \"hostile.sh\", \"plain\"]\napprove = \"never\"\n",
        );
        let script = format!(
            "let tools = mcp(\"own\", #{{ fresh: {fresh} }});\nprint(branch(\"demo/echo\").act(tools[0], #{{ a: 1 }}));\n"
        );
        project.file("s.rhai", &script);
        let calls = || {
            let text = std::fs::read_to_string(project.path().join("calls.txt")).unwrap();
            text.lines().count()
        };

        let watched = Watched::trusting(&project);
        watched.run();
        watched.until("watching");
        assert_eq!(calls(), 1);
        project.file("s.rhai", &format!("{script}print(2);\n"));
        watched.run();
        assert_eq!(calls(), expected);

        // With other arguments it is another call.
        project.file("s.rhai", &script.replace("a: 1", "a: 3"));
        watched.run();
        assert_eq!(calls(), expected + 1);
    }
}

#[test]
fn a_call_that_failed_moves_no_other_answer_of_the_next_round() {
    let project = Project::new();
    project.file("hostile.sh", include_str!("../mcp/hostile.sh")).file(
        "kaizen.toml",
        "[mcp.own]\ncommand = [\"sh\", \"hostile.sh\", \"by-turns\"]\napprove = \"never\"\n",
    );
    let script = "let t = mcp(\"own\");\nlet b = branch(\"demo/echo\");\nlet seen = [];\n\
                  for n in 0..5 {\n    let r = attempt(|| b.act(t[0], #{ a: 1 }));\n    \
                  seen.push(if r.ok { r.value } else { r.error.cause });\n}\nprint(seen);\n";
    project.file("s.rhai", script);

    let watched = Watched::trusting(&project);
    let first = watched.until("[\"");
    assert_eq!(first.last().unwrap(), r#"["mcp", "2", "mcp", "4", "5"]"#);
    watched.until("watching");
    project.file("s.rhai", &format!("{script}print(2);\n"));
    let second = watched.until("[\"");
    assert_eq!(second.last().unwrap(), r#"["6", "2", "7", "4", "5"]"#);
}
