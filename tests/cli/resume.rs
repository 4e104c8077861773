//! `kaizen run --resume`: what a run was answered before it ended is not asked again.

use crate::support::server::{Act, Server, answer, refusal};
use crate::support::{Project, stopped};
use std::process::Stdio;

const STEPS: &str = "let b = branch();\nlet began = now();\nfor n in 0..6 { print(b.chat(`step ${n} of ${began}`)); }\n\
                     print(random());";

/// A server that answers the first calls at once and the others never, until it is told to.
fn stubborn(answered: usize) -> Server {
    Server::start(move |number, _, body| {
        if number == answered {
            return Act::Hang;
        }
        answer(&format!("answer to {} bytes", body.len()))
    })
}

#[test]
fn a_killed_run_goes_on_where_it_was() {
    let places = ["-9", "-INT", "-TERM"].map(|signal| {
        Project::on_each_store("a run that is killed").into_iter().map(move |place| (signal, place))
    });
    for (signal, project) in places.into_iter().flatten() {
        let server = stubborn(3);
        project.with_server(&server).file("s.rhai", STEPS);
        stopped(&project, &server, &["run", "s.rhai"], 4, signal);
        let ran = project.kaizen(&["run", "--resume"]);
        assert_eq!(ran.code, Some(0), "{signal}: {}", ran.stderr);
        let in_flight = if signal == "-9" { "; 1 call was in flight" } else { "" };
        let said = format!("3 replies are reusable{in_flight}");
        assert!(ran.stderr.contains(&said), "{signal}: `{said}`\n{}", ran.stderr);
        assert!(
            ran.stderr.contains("calls=3 ") && ran.stderr.contains("reused=3"),
            "{}",
            ran.stderr
        );
        // Asked before: 4, of which one was never answered; asked now: that one and the other two.
        // The prompts hold the time, so the same time was told again.
        assert_eq!(server.bodies().len(), 7, "{signal}");
        assert_eq!(project.kaizen(&["run", "--resume"]).code, Some(2), "it has ended well");
    }
}

#[test]
fn a_resumed_run_that_is_stopped_again_goes_on_from_both() {
    for project in Project::on_each_store("a resumed run that is stopped again") {
        let server = Server::start(|number, _, body| match number {
            2 | 5 => Act::Hang,
            _ => answer(&format!("answer to {} bytes", body.len())),
        });
        project.with_server(&server).file("s.rhai", STEPS);
        stopped(&project, &server, &["run", "s.rhai"], 3, "-9");
        stopped(&project, &server, &["run", "s.rhai", "--resume"], 6, "-9");
        let ran = project.kaizen(&["run", "s.rhai", "--resume"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stderr.contains("4 replies are reusable"), "{}", ran.stderr);
        assert_eq!(server.bodies().len(), 8);
    }
}

#[test]
fn a_changed_script_reuses_what_still_fits_and_says_the_rest() {
    let (project, server) = (Project::new(), Server::saying("x"));
    project.with_server(&server);
    project.file("s.rhai", "let b = branch(); b.chat(\"one\"); b.chat(\"two\"); throw \"no\"");
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(1));
    project.file("s.rhai", "let b = branch(); b.chat(\"one\"); b.chat(\"three\")");
    let ran = project.kaizen(&["run", "s.rhai", "--resume"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("calls=1") && ran.stderr.contains("reused=1"), "{}", ran.stderr);
    assert!(ran.stderr.contains("not reused: 1 reply from run"), "{}", ran.stderr);
}

#[test]
fn a_run_whose_output_nobody_reads_is_interrupted_and_can_be_resumed() {
    let (project, server) = (Project::new(), Server::saying("x"));
    project.with_server(&server).file(
        "s.rhai",
        "let b = branch(); let x = \"x\"; x.pad(100000, 'x'); for n in 0..5 { b.chat(`q${n}`); print(x); }",
    );
    let mut command = project.command(&["run", "s.rhai", "--progress", "none"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(141));
    let runs = project.kaizen(&["runs", "--json"]).stdout;
    assert!(runs.contains("\"interrupted\""), "{runs}");
    assert_eq!(server.bodies().len(), 1);
    let ran = project.kaizen(&["run", "--resume"]);
    assert_eq!((ran.code, server.bodies().len()), (Some(0), 5), "{}", ran.stderr);
}

#[test]
fn what_cannot_be_resumed_is_said() {
    let project = Project::new();
    project.file("s.rhai", "1");
    let none = project.kaizen(&["run", "s.rhai", "--resume"]);
    assert_eq!(none.code, Some(2));
    assert!(none.stderr.contains("no run"), "{}", none.stderr);
    project.kaizen(&["run", "s.rhai"]);
    let well = project.kaizen(&["run", "s.rhai", "--resume"]);
    assert!(well.stderr.contains("succeeded; use `--resume="), "{}", well.stderr);
    assert_eq!(project.kaizen(&["run", "s.rhai", "--resume=nope"]).code, Some(2));
    assert_eq!(project.kaizen(&["run"]).code, Some(2));
    assert_eq!(project.kaizen(&["run", "s.rhai", "--resume=@"]).stdout, "1\n");
}

#[test]
fn a_replay_asks_nothing_and_finds_what_has_changed() {
    let project = Project::new();
    let server = Server::start(|number, _, _| answer(&format!("answer {number}")));
    project.with_server(&server).file("s.rhai", STEPS).file("t.rhai", "branch().chat(\"x\")");
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(0));
    assert_eq!(project.kaizen(&["run", "t.rhai"]).code, Some(0));
    let runs = project.kaizen(&["runs", "--json"]).stdout;
    let ran = project.kaizen(&["replay", "@-1"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("same: 6 replies, no calls"), "{}", ran.stderr);
    assert!(ran.stdout.contains("answer 5"), "{}", ran.stdout);
    project.file("t.rhai", "branch().chat(\"y\")");
    let ran = project.kaizen(&["replay"]);
    assert_eq!(ran.code, Some(7), "{}", ran.stderr);
    for said in [
        "error[K0119]",
        "the recorded run did not make this request: `y`",
        "`x` instead of `y`",
        "t.rhai:1:10",
    ] {
        assert!(ran.stderr.contains(said), "`{said}`:\n{}", ran.stderr);
    }
    let ran = project.kaizen(&["replay", "--all"]);
    assert_eq!(ran.code, Some(7));
    assert!(ran.stderr.contains("1 run replayed identically, 1 diverged, 0"), "{}", ran.stderr);
    // A script that catches the error goes another way all the same.
    project.file("t.rhai", "attempt(|| branch().chat(\"y\")); \"answer 6\"");
    assert_eq!(project.kaizen(&["replay"]).code, Some(7));
    assert_eq!(server.bodies().len(), 7);
    assert_eq!(project.kaizen(&["runs", "--json"]).stdout, runs, "replays are no runs");
}

#[test]
fn a_fork_asks_anew_from_an_operation_on() {
    let project = Project::new();
    let server = Server::start(|number, _, _| answer(&format!("answer {number}")));
    project.with_server(&server).file(
        "s.rhai",
        "let g = builder(\"g\");\nlet a = g.add_operation(\"communicate\", #{ name: \"a\", instruction: \"one\" });\n\
         let b = g.add_operation(\"communicate\", #{ name: \"b\", instruction: \"two\", depends_on: a });\n\
         g.add_operation(\"communicate\", #{ name: \"c\", instruction: \"three\", depends_on: b });\n\
         session().flow(g).result(\"c\")",
    );
    assert_eq!(project.kaizen(&["run", "s.rhai"]).stdout, "answer 2\n");
    let ran = project.kaizen(&["fork", "@", "--at", "b"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "answer 4\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains("calls=2") && ran.stderr.contains("reused=1"), "{}", ran.stderr);
    let ran = project.kaizen(&["fork", "@", "--at", "d"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("has no operation `d`; it has: a, b, c"), "{}", ran.stderr);
}

#[test]
fn calls_at_once_within_one_operation_are_all_known_afterwards() {
    let server = Server::start(|n, _, _| {
        let answer = answer("yes");
        if n == 8 {
            Act::Hang
        } else {
            Act::After(5 * 8u64.saturating_sub(n as u64), Box::new(answer))
        }
    });
    let text = r#"
        let g = builder("g");
        g.add_operation(|_inputs| (0..8).to_array().parallel(|n| branch().chat(`${n}`)), #{ name: "many" });
        let report = session(branch()).flow(g);
        branch().chat("last")
    "#;
    let project = Project::new();
    project.with_server(&server).file("s.rhai", text);
    let mut child = project.command(&["run", "s.rhai", "-q"]).spawn().unwrap();
    while server.bodies().len() < 9 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let ran = project.kaizen(&["run", "--resume"]);
    assert!(ran.stderr.contains("8 replies are reusable"), "{}", ran.stderr);
    assert_eq!((ran.code, server.bodies().len()), (Some(0), 10), "{}", ran.stderr);
}

/// A server that refuses the first request and numbers its answers.
fn refusing_first() -> Server {
    Server::start(|number, _, _| {
        if number == 0 {
            return refusal(503, "busy");
        }
        answer(&format!("#{number}"))
    })
}

#[test]
fn what_failed_is_asked_again_and_takes_no_reply_of_another_place() {
    let (project, server) = (Project::new(), refusing_first());
    project.with_server(&server).file(
        "s.rhai",
        "let a = attempt(|| branch().chat(\"q\", #{ attempts_max: 1 })).value;\n\
         let b = branch().chat(\"q\"); print([a, b]); throw \"late\"",
    );
    assert_eq!(project.kaizen(&["run", "s.rhai"]).stdout, "[(), \"#1\"]\n");
    assert_eq!(project.kaizen(&["run", "--resume"]).stdout, "[\"#2\", \"#1\"]\n");
    assert_eq!(server.bodies().len(), 3);
}

#[test]
fn a_reply_that_an_edited_script_uses_elsewhere_is_used_once() {
    let (project, server) = (Project::new(), refusing_first());
    let ask = "branch().chat(\"q\", #{ attempts_max: 1 })";
    project.with_server(&server).file(
        "s.rhai",
        &format!("attempt(|| {ask}); attempt(|| {{ attempt(|| print({ask})); }}); throw \"late\""),
    );
    assert_eq!(project.kaizen(&["run", "s.rhai"]).stdout, "#1\n");

    project.file(
        "s.rhai",
        &format!("print([{ask}, attempt(|| {{ attempt(|| {ask}).value }}).value])"),
    );
    let ran = project.kaizen(&["run", "s.rhai", "--resume"]);
    assert_eq!(ran.stdout, "[\"#1\", \"#2\"]\n", "{}", ran.stderr);
}

#[test]
fn a_resumed_run_keeps_its_model_and_its_limits_and_is_found_from_a_folder_below() {
    let (project, server) = (Project::new(), stubborn(3));
    let model = |name: &str| {
        format!(
            "[models.{name}]\nuse = \"openai/{name}\"\nbase_url = \"{}\"\nprice = {{ input = 1.0, output = 1.0, per = \"1M\" }}\n",
            server.url
        )
    };
    let toml = format!("[project]\nmodel = \"one\"\n{}{}", model("one"), model("two"));
    project.file("kaizen.toml", &toml).file("below/empty", "");
    project.file("s.rhai", "let b = branch(); for n in 0..6 { b.chat(`step ${n}`); }");

    let arguments = ["run", "s.rhai", "--model", "two", "--max-calls", "5"];
    stopped(&project, &server, &arguments, 4, "-9");

    // Three are told again, and the rest is within the limit.
    let ran = project.kaizen(&["-C", "below", "run", "--resume"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let asked: Vec<bool> = server.bodies().iter().map(|body| body.contains("two")).collect();
    assert_eq!(asked, [true; 7]);
    let replayed = project.kaizen(&["replay"]);
    assert_eq!(replayed.code, Some(0), "{}", replayed.stderr);

    let events = project.events("run_started");
    let last = events.last().unwrap();
    assert_eq!((&last["terms"]["model"], &last["terms"]["max_calls"]), (&"two".into(), &5.into()));
}
