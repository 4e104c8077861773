//! `kaizen run --reuse`: what earlier runs of the project were answered is not asked again.

use crate::support::server::{Server, answer};
use crate::support::{Project, Ran};
use serde_json::{Value, json};

const FOUR: &str = "let b = branch(); let topic = param(\"topic\", \"trams\");\n\
                    for part in [\"a\", \"b\", \"c\"] { print(b.chat(part)); }\n\
                    print(b.chat(`sum up ${topic}`));";

/// A server that answers each call with its number.
fn numbering() -> Server {
    Server::start(|number, _, _| answer(&format!("#{number}")))
}

fn project(server: &Server, script: &str) -> Project {
    let project = Project::new();
    project.with_server(server).file("s.rhai", script);
    project
}

fn well(project: &Project, arguments: &[&str]) -> Ran {
    let ran = project.kaizen(arguments);
    assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.stderr);
    ran
}

/// Returns how many calls the last run made, and how many replies it reused.
fn figures(project: &Project) -> (u64, u64) {
    let events = project.events("attempt_ended");
    let last = project.kaizen(&["runs", "--json"]).stdout;
    let last: Value = serde_json::from_str(last.lines().next().unwrap()).unwrap();
    let shown = project.kaizen(&["show", last["run"].as_str().unwrap_or("@"), "--json"]).stdout;
    assert!(!events.is_empty());
    let shown: Vec<Value> = shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ended = shown.iter().filter(|event| event["kind"] == "attempt_ended");
    let reused = ended.clone().filter(|event| event["reused"].is_string()).count() as u64;
    (ended.count() as u64 - reused, reused)
}

/// The last line on stderr without the run, the time and the colours.
fn summary(ran: &Ran) -> String {
    let line = ran.stderr.lines().rfind(|line| line.starts_with("run=")).unwrap_or_default();
    let words =
        line.split(' ').filter(|word| !word.starts_with("run=") && !word.starts_with("ms="));
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_run_asks_everything_unless_it_is_told_to_reuse() {
    let server = numbering();
    let project = project(&server, FOUR);
    let first = well(&project, &["run", "s.rhai"]);
    assert_eq!(first.stdout, "#0\n#1\n#2\n#3\n");
    assert_eq!(well(&project, &["run", "s.rhai"]).stdout, "#4\n#5\n#6\n#7\n");

    let reused = well(&project, &["run", "s.rhai", "--reuse"]);
    assert_eq!(reused.stdout, "#4\n#5\n#6\n#7\n", "the newest replies");
    assert_eq!(summary(&reused), "status=ok calls=0 cost=0 reused=4 saved=unknown");
    assert!(
        reused.stderr.contains("reusing matching replies: 4 available from 2 earlier runs\n"),
        "{}",
        reused.stderr
    );

    let changed = well(&project, &["run", "s.rhai", "--reuse", "-p", "topic=ferries"]);
    assert_eq!(changed.stdout, "#4\n#5\n#6\n#8\n");
    assert_eq!(summary(&changed), "status=ok calls=1 cost=unknown reused=3 saved=unknown");
    assert_eq!(figures(&project), (1, 3));
    assert_eq!(server.bodies().len(), 9);
}

#[test]
fn kaizen_toml_may_say_so_for_every_run() {
    let server = numbering();
    let project = project(&server, FOUR);
    let toml = std::fs::read_to_string(project.path().join("kaizen.toml")).unwrap();
    project.file("kaizen.toml", &format!("{toml}[run]\nreuse = true\n"));
    well(&project, &["run", "s.rhai"]);
    well(&project, &["run", "s.rhai"]);
    assert_eq!(server.bodies().len(), 4);
    well(&project, &["run", "s.rhai", "--no-reuse"]);
    assert_eq!(server.bodies().len(), 8);
    // The last one counts.
    well(&project, &["run", "s.rhai", "--no-reuse", "--reuse"]);
    well(&project, &["run", "s.rhai", "--reuse", "--no-reuse"]);
    assert_eq!(server.bodies().len(), 12);

    project.file("kaizen.toml", "[run]\nreuse = \"yes\"\n");
    let wrong = project.kaizen(&["run", "s.rhai"]);
    assert!(
        wrong.stderr.contains("`run.reuse` must be true or false, not `\"yes\"`"),
        "{}",
        wrong.stderr
    );
}

/// Equal requests keep their own replies, side by side as well.
#[test]
fn each_sample_keeps_its_reply() {
    let server = numbering();
    let vote = |n: usize| {
        let items: Vec<usize> = (0..n).collect();
        format!("print(parallel({items:?}, |i| branch().chat(\"vote\"))); print(random());")
    };
    let project = project(&server, &vote(3));
    let first = well(&project, &["run", "s.rhai"]);
    assert_eq!(well(&project, &["run", "s.rhai", "--reuse"]).stdout, first.stdout);
    assert_eq!(server.bodies().len(), 3);

    // Two more samples are two more calls, however often the others were reused.
    project.file("s.rhai", &vote(5));
    let more = well(&project, &["run", "s.rhai", "--reuse"]);
    assert_eq!(server.bodies().len(), 5);
    let votes: Vec<&str> = more.stdout.split('"').filter(|part| part.starts_with('#')).collect();
    let mut different = votes.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!((votes.len(), different.len()), (5, 5), "{votes:?}");
}

/// One reply answers one request, wherever it was reused before.
#[test]
fn a_reply_that_was_reused_elsewhere_is_still_one_reply() {
    let server = numbering();
    let project = project(&server, "print(branch().chat(\"rate it\"));");
    well(&project, &["run", "s.rhai"]);
    // Another script, in another place.
    project.file("t.rhai", "parallel([1], |i| print(branch().chat(\"rate it\"))); ()");
    assert_eq!(well(&project, &["run", "t.rhai", "--reuse"]).stdout, "#0\n");
    let both = "print(branch().chat(\"rate it\")); parallel([1], |i| print(branch().chat(\"rate it\"))); ()";
    for script in ["s.rhai", "t.rhai", "u.rhai"] {
        project.file(script, both);
        let ran = well(&project, &["run", script, "--reuse"]);
        let mut lines: Vec<&str> = ran.stdout.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["#0", "#1"], "{script}");
    }
    assert_eq!(server.bodies().len(), 2);
}

#[test]
fn what_depends_on_chance_is_asked_with_the_numbers_of_the_last_run() {
    let server = numbering();
    let project = project(&server, "print(branch().chat(`pick ${random()}`));");
    well(&project, &["run", "s.rhai"]);
    assert_eq!(well(&project, &["run", "s.rhai", "--reuse"]).stdout, "#0\n");
    well(&project, &["run", "s.rhai", "--reuse", "--seed", "5"]);
    assert_eq!(server.bodies().len(), 2);
}

/// Each run draws a seed of its own, which the demo model's answers depend on.
#[test]
fn runs_with_other_seeds_are_reused() {
    let project = Project::new();
    let toml = "[project]\nmodel = \"demo/echo\"\n";
    project.file("kaizen.toml", toml).file("s.rhai", FOUR);
    for topic in ["topic=a", "topic=b"] {
        well(&project, &["run", "s.rhai", "-p", topic]);
    }
    for topic in ["topic=a", "topic=b", "topic=a"] {
        let plan = well(&project, &["plan", "s.rhai", "-p", topic]);
        assert!(plan.stdout.contains("0 calls, 4 replies reused"), "{topic}: {}", plan.stdout);
        let ran = well(&project, &["run", "s.rhai", "--reuse", "-p", topic]);
        assert_eq!(summary(&ran), "status=ok calls=0 cost=0 reused=4 saved=0", "{topic}");
        let replayed = well(&project, &["replay"]);
        assert_eq!(replayed.stdout, ran.stdout, "{topic}");
    }
    let third = well(&project, &["run", "s.rhai", "--reuse", "-p", "topic=c", "--seed", "5"]);
    assert_eq!(summary(&third), "status=ok calls=1 cost=0 reused=3 saved=0");
}

/// Numbers of chance are those of the last run with the same parameters.
#[test]
fn what_depends_on_chance_is_found_for_each_set_of_parameters() {
    let server = numbering();
    let script = "print(branch().chat(`${param(\"topic\", \"\")} ${random()}`));";
    let project = project(&server, script);
    for (topic, reply) in [("topic=a", "#0\n"), ("topic=b", "#1\n")] {
        assert_eq!(well(&project, &["run", "s.rhai", "-p", topic]).stdout, reply);
    }
    for (topic, reply) in [("topic=a", "#0\n"), ("topic=b", "#1\n"), ("topic=a", "#0\n")] {
        assert_eq!(well(&project, &["run", "s.rhai", "--reuse", "-p", topic]).stdout, reply);
    }
    assert_eq!(server.bodies().len(), 2);
}

#[test]
fn a_run_without_requests_is_not_said_to_have_made_others() {
    let server = numbering();
    let project = project(&server, "print(branch().chat(\"x\"));");
    well(&project, &["run", "s.rhai"]);
    project.file("s.rhai", "print(1);");
    let ran = well(&project, &["run", "s.rhai", "--reuse"]);
    let said: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("no reply")).collect();
    assert_eq!(said, ["no reply of earlier runs was reused: the script asked no model"]);
}

#[test]
fn what_is_reused_needs_no_budget() {
    let server = numbering();
    let project = project(&server, FOUR);
    well(&project, &["run", "s.rhai"]);
    let flags = ["run", "s.rhai", "--reuse", "-p", "topic=ferries", "--max-calls", "1"];
    assert_eq!(well(&project, &flags).stdout, "#0\n#1\n#2\n#4\n");
    let refused = project.kaizen(&["run", "s.rhai", "--max-calls", "1"]);
    assert_eq!(refused.code, Some(4), "{}", refused.stderr);
    // Nor does it when the run that was refused is resumed.
    let resumed = ["run", "--resume", "--reuse", "-p", "topic=ferries", "--max-calls", "1"];
    assert_eq!(well(&project, &resumed).stdout, "#5\n#1\n#2\n#4\n");
    assert_eq!(server.bodies().len(), 6);
}

/// Kills a run that reuses at every point where something is kept, and resumes it: the result is that
/// of the undisturbed run, nothing known is asked, and a replay goes the same way.
#[test]
fn a_run_that_reuses_is_resumed_and_replayed() {
    let script = "let o = optimizer();\n\
                  let first = parallel([\"a\", \"b\", \"a\"], |w| branch().chat(w));\n\
                  let g = builder(\"g\"); g.add_operation(\"chat\", #{ name: \"x\", instruction: \"x\" });\n\
                  let m = session(branch()).flow(g).metrics;\n\
                  o.record_execution(\"t\", \"p\", m);\n\
                  print([first, m.calls, m.reused, branch().chat(`new ${param(\"n\", 0)}`), \
                         branch().chat(\"last\"), used().calls]);";
    for point in
        ["op_kept:1", "op_kept:4", "call_begins:1", "call_ends:1", "op_kept:5", "run_ends:1"]
    {
        let server = numbering();
        let project = project(&server, script);
        well(&project, &["run", "s.rhai"]);
        let whole = well(&project, &["run", "s.rhai", "--reuse", "-p", "n=1"]);
        assert_eq!(server.bodies().len(), 7);

        let died = project
            .command(&["run", "s.rhai", "--reuse", "-p", "n=2"])
            .env("KAIZEN_FAILPOINT", format!("{point}:kill"))
            .output()
            .unwrap();
        assert_eq!(died.status.code(), None, "{point}");
        let resumed = well(&project, &["run", "--resume"]);
        let made = server.bodies().len();
        let twice = u64::from(point == "call_ends:1");
        assert_eq!(made as u64, 8 + twice, "{point}: {}", resumed.stderr);
        let replace = |text: &str| text.replace(&format!("#{}", made - 1), "#6");
        assert_eq!(replace(&resumed.stdout), whole.stdout, "{point}");

        let replayed = well(&project, &["replay"]);
        assert_eq!(replayed.stdout, resumed.stdout, "{point}");
        let patterns = well(&project, &["patterns", "--json"]).stdout;
        assert_eq!(patterns.matches("\"n\":1").count(), 1, "{point}: recorded once: {patterns}");

        let starts: Vec<Value> = project.events("run_started");
        let reuse: Vec<&Value> = starts.iter().map(|start| &start["reuse"]).collect();
        let yes = json!(true);
        assert_eq!(reuse, [&Value::Null, &yes, &yes, &yes]);
    }
}

#[test]
fn a_fork_asks_anew_whatever_kaizen_toml_says() {
    let server = numbering();
    let script = "let g = builder(\"g\"); \
                  let a = g.add_operation(\"chat\", #{ name: \"a\", instruction: \"a\" }); \
                  g.add_operation(\"chat\", #{ name: \"b\", instruction: \"b\", depends_on: [a] }); \
                  let r = session(branch()).flow(g); print([r.result(\"a\"), r.result(\"b\")]);";
    let project = project(&server, script);
    let toml = std::fs::read_to_string(project.path().join("kaizen.toml")).unwrap();
    project.file("kaizen.toml", &format!("{toml}[run]\nreuse = true\n"));
    well(&project, &["run", "s.rhai"]);
    let forked = well(&project, &["fork", "@", "--at", "b"]);
    assert!(forked.stdout.contains("#0") && forked.stdout.contains("#2"), "{}", forked.stdout);
}
