//! Chains of runs: forks of forks, long rows of resumed runs, and what is learned in them.

use crate::support::process::until;
use crate::support::server::{Act, Server, answer};
use crate::support::{Project, Ran};
use std::time::Duration;

fn numbering() -> Server {
    Server::start(|number, _, _| answer(&format!("#{number}")))
}

fn observations(project: &Project) -> String {
    let sql = "select pattern, success_rate from observations order by seq";
    project.kaizen(&["sql", sql]).stdout
}

/// Runs a command that must succeed.
fn well(project: &Project, arguments: &[&str]) -> Ran {
    let ran = project.kaizen(arguments);
    assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.stderr);
    ran
}

#[test]
fn forks_of_forks_and_of_resumed_runs_are_told_the_same() {
    let project = Project::new();
    let server = numbering();
    let script = "
        let g = builder(\"g\");
        g.add_operation(\"chat\", #{ name: \"a\", instruction: \"a \" + run_id });
        g.add_operation(\"chat\", #{ name: \"b\", instruction: \"b \" + run_id, depends_on: [\"a\"] });
        g.add_operation(\"chat\", #{ name: \"c\", instruction: \"c \" + run_id, depends_on: [\"b\"] });
        print(session(branch()).flow(g).operation_results);
        print(run_id);
        if param(\"fails\", false) { throw \"later\" }";
    project.with_server(&server).file("s.rhai", script);

    let failed = project.kaizen(&["run", "s.rhai", "-p", "fails=true"]);
    assert_eq!(failed.code, Some(1), "{}", failed.stderr);
    let id = failed.stdout.lines().nth(1).unwrap().to_owned();
    let commands: [&[&str]; 5] = [
        &["resume", "@", "-p", "fails=false"],
        &["fork", "@", "--at", "c"],
        &["fork", "@", "--at", "c"],
        &["run", "--resume=@"],
        &["fork", "@", "--at", "b"],
    ];

    let mut asked = Vec::new();
    for command in commands {
        let before = server.bodies().len();
        let ran = well(&project, command);
        asked.push(server.bodies().len() - before);
        assert_eq!(ran.stdout.lines().nth(1), Some(id.as_str()), "{command:?}: {}", ran.stdout);
        let replayed = well(&project, &["replay"]);
        assert_eq!(replayed.stdout, ran.stdout, "{command:?}: {}", replayed.stderr);
    }
    assert_eq!(asked, [0, 1, 1, 0, 2]);
}

#[test]
fn a_fork_that_was_killed_takes_nothing_of_what_the_forked_run_did_later() {
    let project = Project::new();
    // The fifth request is the second one of the fork.
    let server = Server::start(
        |number, _, _| {
            if number == 4 { Act::Hang } else { answer(&format!("#{number}")) }
        },
    );
    let script = "let b = branch(); let told = []; for n in 0..3 { told.push(b.chat(`q${n}`)); } print(told);";
    project.with_server(&server).file("s.rhai", script);
    assert_eq!(well(&project, &["run", "s.rhai"]).stdout, "[\"#0\", \"#1\", \"#2\"]\n");

    let mut fork = project.command(&["fork", "@", "--at", "1", "-q"]).spawn().unwrap();
    until(Duration::from_secs(30), "the fork asks", || server.bodies().len() == 5);
    // Starts of calls are journaled within 10 ms.
    std::thread::sleep(Duration::from_millis(100));
    fork.kill().unwrap();
    fork.wait().unwrap();

    let resumed = well(&project, &["run", "--resume"]);
    assert_eq!(resumed.stdout, "[\"#0\", \"#3\", \"#5\"]\n", "{}", resumed.stderr);
    assert_eq!(well(&project, &["replay"]).stdout, resumed.stdout);
}

#[test]
fn a_fork_learns_what_it_does_in_its_own_way() {
    let project = Project::new();
    let server = numbering();
    let script = "
        let o = optimizer();
        for n in 0..3 { branch().chat(`q${n}`); o.record_execution(\"t\", `p${n}`, #{ success_rate: 1.0 }); }
        let t = tool(\"pay\", \"Pays.\", \"sum: number\", |x, info| info.key);
        print(branch().act(t, #{ sum: 1 }));";
    project.with_server(&server).file("s.rhai", script);
    let first = well(&project, &["run", "s.rhai"]);
    let fork = well(&project, &["fork", "@", "--at", "2"]);
    assert_eq!(observations(&project), "pattern,success_rate\np0,1.0\np1,1.0\np2,1.0\np2,1.0\n");
    assert_ne!(fork.stdout, first.stdout, "a fork pays again");

    // What the fork did is not done once more by whoever resumes it, nor by a fork of it.
    well(&project, &["run", "--resume=@"]);
    well(&project, &["fork", "@", "--at", "1"]);
    let patterns = observations(&project).replace(",1.0", "").replace('\n', " ");
    assert_eq!(patterns, "pattern,success_rate p0 p1 p2 p2 p1 p2 ");
}

#[test]
fn what_was_tried_again_is_learned_and_what_moved_is_not_learned_twice() {
    let project = Project::new();
    let server = Server::start(|number, _, _| match number {
        1 => crate::support::server::refusal(400, "no"),
        _ => answer(&format!("#{number}")),
    });
    let script = |first: &str| {
        format!(
            "let o = optimizer();\n{first}\n\
             o.record_execution(\"t\", \"old\", #{{ success_rate: 1.0 }});\n\
             print(branch().chat(\"one\"));\n\
             print(o.run(\"t\", #{{ a: |x| branch().chat(\"two\") }}, 1).value);"
        )
    };
    project.with_server(&server).file("s.rhai", &script(""));
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(5));
    assert_eq!(observations(&project), "pattern,success_rate\nold,1.0\na,0.0\n");

    let new = "o.record_execution(\"t\", \"new\", #{ success_rate: 0.5 });";
    project.file("s.rhai", &script(new));
    assert_eq!(well(&project, &["run", "s.rhai", "--resume"]).stdout, "#0\n#2\n");
    assert_eq!(observations(&project), "pattern,success_rate\nold,1.0\na,0.0\nnew,0.5\na,1.0\n");

    well(&project, &["run", "--resume=@"]);
    assert_eq!(observations(&project).lines().count(), 5);
}

#[test]
fn a_chain_keeps_its_beginning_however_long_it_is_and_whatever_gc_deletes() {
    let project = Project::new();
    let server = numbering();
    let script = "
        let o = optimizer();
        print(branch().chat(\"first \" + run_id));
        o.record_execution(\"t\", \"p\", #{ success_rate: 1.0 });
        let n = 0;
        while ask(\"Next?\") != \"stop\" { n += 1; }
        print(n); print(run_id);";
    project.with_server(&server).file("s.rhai", script);
    let first = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(first.code, Some(9), "{}", first.stderr);

    for n in 0..103 {
        assert_eq!(project.kaizen(&["answer", "@", "go"]).code, Some(9), "{n}");
    }
    well(&project, &["gc", "--keep", "0s"]);
    let last = well(&project, &["answer", "@", "stop"]);
    let id = last.stdout.lines().nth(2).unwrap();
    assert_eq!(last.stdout, format!("#0\n103\n{id}\n"));
    assert!(server.bodies()[0].contains(id), "{id}");
    assert_eq!(server.bodies().len(), 1);
    assert_eq!(observations(&project), "pattern,success_rate\np,1.0\n");
    assert_eq!(well(&project, &["replay"]).stdout, last.stdout);
}

#[test]
fn a_replay_finds_another_failure_and_calls_that_are_not_made() {
    for (then, now, said) in [
        (
            "throw \"x\"",
            "throw \"y\"",
            "it now fails with `thrown: y`; it failed with `thrown: x` before",
        ),
        (
            "branch().chat(\"b\");",
            "",
            "it now does less: not all that the run was told was asked for",
        ),
        ("now();", "", "it now does less: not all that the run was told was asked for"),
    ] {
        let project = Project::new();
        let server = numbering();
        let script = |last: &str| format!("branch().chat(\"a\"); {last}; ()");
        project.with_server(&server).file("s.rhai", &script(then));
        project.kaizen(&["run", "s.rhai"]);
        assert_eq!(well(&project, &["replay"]).code, Some(0));

        project.file("s.rhai", &script(now));
        let replayed = project.kaizen(&["replay"]);
        assert_eq!(replayed.code, Some(7), "{then}: {}", replayed.stderr);
        assert!(replayed.stderr.contains(said), "{then}: {}", replayed.stderr);
    }
}

#[test]
fn a_lower_concurrency_changes_nothing_of_what_was_told() {
    let project = Project::new();
    let server = Server::start(|number, _, body| {
        if body.contains("last") && number < 4 {
            return Act::Hang;
        }
        let wait = [("w0", 120), ("w1", 80), ("w2", 40)];
        let wait = wait.iter().find(|(word, _)| body.contains(word)).map_or(1, |(_, wait)| *wait);
        Act::After(wait, Box::new(answer(&format!("#{number}"))))
    });
    let script = "
        let ends = [];
        [0, 1, 2].parallel(|n| { branch().chat(`w${n}`); ends.push(n); });
        print(ends);
        branch().chat(\"last\");
        ()";
    project.with_server(&server).file("s.rhai", script);

    let mut run = project.command(&["run", "s.rhai", "-q"]).spawn().unwrap();
    until(Duration::from_secs(30), "the last call", || server.bodies().len() == 4);
    std::thread::sleep(Duration::from_millis(100));
    run.kill().unwrap();
    run.wait().unwrap();

    let resumed = well(&project, &["run", "--resume", "--concurrency", "1"]);
    assert_eq!(resumed.stdout, "[2, 1, 0]\n");
    let mut replay = project.command(&["replay"]);
    let replayed = Ran::from(replay.env("KAIZEN_CONCURRENCY", "1").output().unwrap());
    assert_eq!((replayed.code, replayed.stdout), (Some(0), resumed.stdout), "{}", replayed.stderr);
}

#[test]
fn a_saved_branch_goes_on_at_its_own_server() {
    let project = Project::new();
    let (own, other) = (numbering(), numbering());
    let script = format!(
        "let a = branch(); a.chat(\"one\");
         print(branch_from(a.to_map()).chat(\"two\"));
         let m = imodel(#{{ provider: \"openai\", model: \"m\", base_url: \"{}\" }});
         print(branch_from(branch(m).to_map()).chat(\"three\"));",
        own.url
    );
    project.with_server(&own).file("s.rhai", &script);
    let mut command = project.command(&["run", "s.rhai"]);
    command.env("OPENAI_BASE_URL", &other.url).env("OPENAI_API_KEY", "sk-some-long-key");
    let ran = Ran::from(command.output().unwrap());
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "#1\n#2\n"), "{}", ran.stderr);
    assert_eq!(other.bodies().len(), 0);
}

#[test]
fn a_knowledge_file_takes_only_what_can_be_read_again() {
    let project = Project::new();
    for rate in ["\"x\"", "85", "-1", "true", "[]"] {
        let script = format!(
            "let k = knowledge(\"k.json\"); \
             k.save_pattern_success(\"t\", \"p\", #{{ success_rate: {rate} }});"
        );
        project.file("s.rhai", &script);
        let ran = project.kaizen(&["run", "s.rhai", "--allow-write=."]);
        assert!(ran.code == Some(1) || ran.code == Some(3), "{rate}: {}", ran.stderr);
        assert!(ran.stderr.contains("success_rate"), "{rate}: {}", ran.stderr);
        assert!(!project.path().join("k.json").exists(), "{rate}");
    }
}

#[test]
fn a_parameter_that_an_edit_removed_is_dropped() {
    let project = Project::new();
    let server = numbering();
    let before = "print(branch().chat(\"a \" + param(\"old\", \"\") + param(\"kept\", \"\"))); throw \"later\"";
    let after = "print(branch().chat(\"a x\" + param(\"kept\", \"\"))); throw \"later\"";
    project.with_server(&server).file("s.rhai", before);
    project.kaizen(&["run", "s.rhai", "-p", "old=x", "-p", "kept=y"]);

    project.file("s.rhai", after);
    let resumed = project.kaizen(&["resume"]);
    assert_eq!(resumed.stdout, "#0\n", "{}", resumed.stderr);
    let notes: Vec<&str> =
        resumed.stderr.lines().filter(|line| line.starts_with("note: ")).collect();
    let named = resumed.stderr.split_once("resuming run ").unwrap().1;
    let run = named.split_once(':').unwrap().0;
    assert_eq!(
        notes,
        [format!(
            "note: `s.rhai` no longer has the parameter `old`: its value from run {run} is not used"
        )]
    );

    // The run that it resumed is replayed by the new script, and one that is given is still refused.
    let replayed = project.kaizen(&["replay", run]);
    assert!(replayed.stderr.contains(": same: 1 reply"), "{}", replayed.stderr);
    let refused = project.kaizen(&["resume", "-p", "old=z"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert_eq!(server.bodies().len(), 1);
}

#[test]
fn a_parameter_that_an_edit_of_an_import_removed_is_dropped() {
    let project = Project::new();
    project
        .file("lib.rhai", "fn f() { param(\"deep\", \"d\") }")
        .file("s.rhai", "import \"lib\" as lib; print(lib::f()); throw \"later\"");
    let first = project.kaizen(&["run", "s.rhai", "-p", "deep=1"]);
    assert_eq!(first.stdout, "1\n", "{}", first.stderr);
    project.file("lib.rhai", "fn f() { \"x\" }");
    let again = project.kaizen(&["resume"]);
    assert_eq!(again.stdout, "x\n", "{}", again.stderr);
}
