//! What the program says it knows: replies that a run reuses, runs that were resumed, failures, and files
//! that other programs have written.

use crate::support::server::{Act, Server, answer};
use crate::support::{Project, stopped};

#[test]
fn only_replies_that_a_run_uses_are_known() {
    let said = |before: &str, now: &str| {
        let (project, server) = (Project::new(), Server::saying("x"));
        project.with_server(&server).file("s.rhai", before);
        assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(0));
        project.file("s.rhai", now);
        let ran = project.kaizen(&["run", "s.rhai", "--reuse"]);
        let line =
            ran.stderr.lines().find(|line| line.starts_with("reusing matching replies")).unwrap();
        let summary = ran.stderr.lines().find(|line| line.starts_with("run=")).unwrap_or_default();
        let reused = summary.split("reused=").nth(1).and_then(|rest| rest.split(' ').next());
        (line.to_owned(), reused.unwrap_or("0").trim().to_owned())
    };
    let three = "let b = branch(); b.chat(\"one\"); b.chat(\"two\"); b.chat(\"three\");";

    let known = "reusing matching replies: 3 available from 1 earlier run";
    let cases = [
        (three, "branch().chat(\"four\");", "0"),
        (three, "branch().chat(\"one\");", "1"),
        (three, "branch().chat(\"one\", #{ temperature: 0.5 });", "0"),
        (three, "let b = branch(); b.chat(\"one\"); b.chat(\"two\");", "2"),
        (three, "branch().chat(\"three\");", "1"),
        (three, three, "3"),
    ];
    for (before, now, reused) in cases {
        assert_eq!(said(before, now), (known.to_owned(), reused.to_owned()), "{now}");
    }
}

const STEPS: &str = "let b = branch(); for n in 0..6 { b.chat(`q${n}`); }";

/// Returns the ids of all runs, the oldest first.
fn runs(project: &Project) -> Vec<String> {
    let lines = project.kaizen(&["runs", "--json"]).stdout;
    let rows = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let mut ids: Vec<String> = rows
        .filter_map(|row| row["run"].as_str().or(row["id"].as_str()).map(str::to_owned))
        .collect();
    ids.sort();
    ids
}

#[test]
fn a_run_that_was_resumed_before_goes_on_from_the_last_that_did_so() {
    let project = Project::new();
    // The third and the sixth request hang; the runs that make them are killed.
    let server = Server::start(|number, _, body| match number {
        2 | 5 => Act::Hang,
        _ => answer(&format!("answer to {} bytes", body.len())),
    });
    project.with_server(&server).file("s.rhai", STEPS);

    stopped(&project, &server, &["run", "s.rhai"], 3, "-9");
    let first = runs(&project).remove(0);
    let resume = format!("--resume={first}");
    stopped(&project, &server, &["run", &resume], 6, "-9");

    let ran = project.kaizen(&["run", &resume]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let second = runs(&project).remove(1);
    let expected = format!(
        "run {first} was already resumed; continuing from the latest run that resumed it\n\
         resuming run {second}: 4 replies are reusable; 1 call was in flight and may be charged again\n"
    );
    assert!(ran.stderr.starts_with(&expected), "{}", ran.stderr);
    // 3, 3, and the last two: nothing that had an answer was asked again.
    assert_eq!(server.bodies().len(), 8);

    let third = runs(&project).remove(2);
    let again = project.kaizen(&["run", &resume]);
    let expected = format!(
        "error: run {first} was resumed by run {third}, which succeeded; use `--resume={third}` to run \
         it again\n"
    );
    assert_eq!((again.code, again.stderr), (Some(2), expected));
    assert_eq!(server.bodies().len(), 8);
}

#[test]
fn what_a_run_with_other_parameters_was_answered_is_not_paid_for_again() {
    let project = Project::new();
    let server = Server::start(|number, _, body| match number {
        1 | 3 => Act::Hang,
        _ => answer(&format!("answer to {} bytes", body.len())),
    });
    let script = "let m = param(\"m\", \"x\"); let b = branch(); for n in 0..4 { b.chat(`q${n}`); } print(m);";
    project.with_server(&server).file("s.rhai", script);

    stopped(&project, &server, &["run", "s.rhai"], 2, "-9");
    let first = runs(&project).remove(0);
    let resume = format!("--resume={first}");
    stopped(&project, &server, &["run", &resume, "-p", "m=y"], 4, "-9");

    let ran = project.kaizen(&["run", &resume]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "x\n"), "{}", ran.stderr);
    // The first two were answered, the second one to the run with the other parameter.
    assert_eq!(server.bodies().len(), 6);
}

#[test]
fn failed_runs_are_failures() {
    let project = Project::new();
    let none = project.kaizen(&["failures"]);
    assert!(none.stderr.starts_with("nothing learned yet"), "{}", none.stderr);

    for (name, script) in [
        ("fine.rhai", "branch(\"demo/echo\").chat(\"x\");"),
        ("bad.rhai", "throw \"no luck\";"),
        ("bad.rhai", "throw \"no luck\";"),
        (
            "flow.rhai",
            "let g = builder(\"g\"); g.add_operation(\"chat\", #{ name: \"a\", instruction: \"x\", \
             when: |i| throw \"never\" }); session(branch(\"demo/echo\")).flow(g);",
        ),
    ] {
        project.file(name, script).kaizen(&["run", name]);
    }

    let shown = project.kaizen(&["failures"]);
    let lines: Vec<&str> =
        shown.stdout.lines().map(|line| line.split(", last").next().unwrap_or(line)).collect();
    assert_eq!(
        lines,
        ["flow.rhai: thrown in 1 run", "  never", "bad.rhai: thrown in 2 runs", "  no luck"],
        "{}",
        shown.stderr
    );
    assert_eq!(
        shown.stderr,
        "no pattern failures recorded; record them with `save_pattern_failure`\n"
    );

    // An execution that was recorded as one that gave hardly anything is a failure of its pattern.
    let script = "let o = optimizer(); o.record_execution(\"t\", \"p\", #{ success_rate: 0.0 }); \
                  o.record_execution(\"t\", \"q\", #{ success_rate: 1.0 }); \
                  for f in o.failures() { print(`${f.pattern} ${f.kind} ${f.count}`); }";
    let ran = project.file("o.rhai", script).kaizen(&["run", "o.rhai"]);
    assert_eq!(ran.stdout, "p failed 1\n", "{}", ran.stderr);
}

#[test]
fn kaizen_toml_is_read_whatever_program_has_written_it() {
    let texts = [
        "[budget]\nmax_calls = 1\n",
        "\u{feff}[budget]\nmax_calls = 1\n",
        "[budget]\r\nmax_calls = 1\r\n",
        "\u{feff}[budget]\r\nmax_calls\u{a0}=\u{a0}1\r\n",
        "[budget]\u{a0}# a\u{a0}note\n\u{3000}max_calls = 1\u{200b}\n",
        "[project]\nname = \"a\u{a0}b\"\n[budget]\nmax_calls\u{202f}= 1",
    ];
    for text in texts {
        let project = Project::new();
        project.file("kaizen.toml", text);
        project.file("s.rhai", "let b = branch(\"demo/echo\"); b.chat(\"x\"); b.chat(\"y\");");
        assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(4), "{text:?}");
    }
}

#[test]
fn a_list_is_as_many_tasks_as_it_has_elements() {
    let project = Project::new();
    project.file("one.rhai", "param(\"say\")").file("two.rhai", "param(\"say\"); \"x\"");
    let compare = |tasks: &str| {
        project.file("tasks.json", tasks);
        project.kaizen(&["compare", "one.rhai", "two.rhai", "--tasks", "tasks.json", "--json"])
    };

    for tasks in [
        "[{\"say\": \"a\", \"expected\": \"a\"}, {\"say\": \"b\", \"expected\": \"b\"}]",
        "[\n  {\"say\": \"a\", \"expected\": \"a\"},\n  {\"say\": \"b\", \"expected\": \"b\"}\n]\n",
        "{\"say\": \"a\", \"expected\": \"a\"}\n{\"say\": \"b\", \"expected\": \"b\"}\n",
    ] {
        let ran = compare(tasks);
        let found: serde_json::Value =
            serde_json::from_str(ran.stdout.lines().last().unwrap_or_default()).unwrap_or_default();
        assert_eq!(found["inputs"], 2, "{tasks}\n{}{}", ran.stdout, ran.stderr);
    }

    for tasks in ["[]", "", "{\"say\": ", "[1, 2"] {
        assert_eq!(compare(tasks).code, Some(3), "{tasks}");
    }
}
