//! The same way again: what ran side by side gets its own replies, times and commands in a resumed run,
//! a replay and a test, and ends are told in the order in which they came.

use crate::support::process::until;
use crate::support::server::{Act, Server, answer};
use crate::support::{Project, Ran};
use rusqlite::Connection;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A server that answers each call with its number, `fast` ones at once and others later.
fn numbering() -> Server {
    Server::start(|number, _, body| {
        let wait = [("fast", 1), ("slow", 120)].iter().find(|(word, _)| body.contains(word));
        Act::After(wait.map_or(20, |(_, wait)| *wait), Box::new(answer(&format!("#{number}"))))
    })
}

/// Runs a script that throws in the end, resumes it, and replays the first run. Everything has to be the
/// same, and nothing is asked twice.
fn check(script: &str, flags: &[&str]) {
    let (project, server) = (Project::new(), numbering());
    let throwing = format!(
        "fn work() {{ {script} }}\nprint(work());\nif param(\"ends\", false) {{ 0 }} else {{ throw \"later\" }}"
    );
    project.with_server(&server).file("s.rhai", &throwing);
    let with = |first: &[&str]| -> Ran {
        let all: Vec<&str> = first.iter().chain(flags).copied().collect();
        project.kaizen(&all)
    };

    let first = with(&["run", "s.rhai"]);
    assert_eq!(first.code, Some(1), "{}", first.stderr);
    let asked = server.bodies().len();
    let again = with(&["run", "--resume", "-p", "ends=true"]);
    assert_eq!(again.code, Some(0), "{script}: {}", again.stderr);
    assert_eq!(first.stdout, again.stdout.replace("\n0\n", "\n"), "{script}");
    assert_eq!(server.bodies().len(), asked, "{script}: asked again");

    let replayed = project.kaizen(&["replay", "@-1"]);
    assert_eq!((replayed.code, &replayed.stdout), (Some(0), &first.stdout), "{}", replayed.stderr);
    assert_eq!(server.bodies().len(), asked, "{script}: a replay asks nothing");
}

#[test]
fn equal_requests_get_their_own_replies() {
    check(
        "gather([|| { branch().chat(\"slow\"); branch().chat(\"rate it\") }, \
                 || { branch().chat(\"fast\"); branch().chat(\"rate it\") }])",
        &[],
    );
    check(
        "parallel([\"slow\", \"fast\", \"x\"], |w| { branch().chat(w); branch().chat(\"same\") })",
        &[],
    );
    check(
        "let g = builder(\"g\"); \
         for w in [\"slow\", \"fast\"] { \
             g.add_operation(|i| { branch().chat(w); branch().chat(\"same\") }, #{ name: w }); \
         } \
         let r = session(branch()).flow(g); [r.result(\"slow\"), r.result(\"fast\")]",
        &[],
    );
}

#[test]
fn what_the_world_told_goes_to_the_task_that_asked() {
    for word in ["random()", "now()", "timestamp().elapsed", "used().calls", "run_id"] {
        check(
            &format!(
                "parallel([\"slow\", \"fast\", \"x\"], |w| {{ branch().chat(w); \
                 let told = {word}; [told, branch().chat(`then ${{told}}`)] }})"
            ),
            &[],
        );
    }
    check(
        "parallel([\"slow\", \"fast\"], |w| { branch().chat(w); command(\"date\", [\"+%N\"]).stdout })",
        &["--allow-run=date"],
    );
    check(
        "let o = optimizer(#{ memory: true }); \
         for i in 0..6 { o.record_execution(\"t\", if i % 2 == 0 { \"a\" } else { \"b\" }, \
                                            #{ success_rate: 0.5 }); } \
         parallel([\"slow\", \"fast\"], |w| { branch().chat(w); o.recommend(\"t\").pattern })",
        &[],
    );
}

#[test]
fn the_order_of_ends_is_told_again() {
    // Who came first, seen in every way that a script can see it.
    check(
        "let seen = []; let s = [\"slow\", \"x\", \"fast\"]; \
         s.parallel(|w| { branch().chat(w); seen.push(w); 0 }); seen",
        &[],
    );
    check(
        "race([|| { branch().chat(\"slow\"); \"slow\" }, || { branch().chat(\"fast\"); \"fast\" }])",
        &[],
    );
    check("race([|| { branch().chat(\"slow\"); \"slow\" }, || { sleep(40); \"slept\" }])", &[]);
    check(
        "let t = task(|| branch().chat(\"slow\")); let n = 0; \
         while !t.done { sleep(5); n += 1; } branch().chat(`after ${n}`); [n > 0, t.wait()]",
        &[],
    );
    check(
        "let b = branch(); gather([|| b.communicate(\"slow\"), || { b.communicate(\"fast\"); \
         b.communicate(\"x\") }]); b.messages.map(|m| m.content)",
        &[],
    );
    check(
        "let seen = []; let s = session(branch()); s.on(\"op_ended\", |e| seen.push(e.op)); \
         let g = builder(\"g\"); \
         for w in [\"slow\", \"x\", \"fast\"] { \
             g.add_operation(\"chat\", #{ name: w, instruction: w }); \
         } s.flow(g); seen",
        &[],
    );
}

#[test]
fn the_figures_of_a_flow_are_those_of_then() {
    check(
        "let g = builder(\"g\"); g.add_operation(\"chat\", #{ name: \"a\", instruction: \"slow\" }); \
         let m = session(branch()).flow(g).metrics; [m.execution_time, m.calls, m.tokens, m.cost]",
        &[],
    );
}

/// What is known of the history is what was known then, and figures stay those of the run that took the
/// time, however often it is resumed.
#[test]
fn a_run_that_is_resumed_again_and_again_asks_nothing_again() {
    let scripts = [
        "let g = builder(\"g\"); g.add_operation(\"chat\", #{ name: \"a\", instruction: \"slow\" }); \
         let m = session(branch()).flow(g).metrics; print(branch().chat(`${m.execution_time}`));",
        "let o = optimizer(); for i in 0..3 { \
             print(branch().chat(`${i} ${o.get_insights().total_executions} ${o.failures().len}`)); \
             o.save_pattern_failure(\"q\", \"a\", #{ kind: `k${i}`, message: \"m\" }); \
             o.record_execution(\"q\", `p${i}`, #{ success_rate: 1.0 }); }",
    ];
    for script in scripts {
        let (project, server) = (Project::new(), numbering());
        project.with_server(&server).file("s.rhai", script);
        let first = project.kaizen(&["run", "s.rhai"]);
        assert_eq!(first.code, Some(0), "{}", first.stderr);
        let asked = server.bodies().len();
        for _ in 0..3 {
            let again = project.kaizen(&["run", "--resume=@"]);
            assert_eq!((again.code, &again.stdout), (Some(0), &first.stdout), "{}", again.stderr);
            let replayed = project.kaizen(&["replay", "@"]);
            assert_eq!((replayed.code, &replayed.stdout), (Some(0), &first.stdout));
        }
        assert_eq!(server.bodies().len(), asked, "{script}");
    }
}

/// Once a resumed run has made calls of its own, it counts them.
#[test]
fn what_is_used_up_is_counted_in_a_resumed_run() {
    let (project, server) = (Project::new(), Server::saying("x"));
    let script =
        "for n in 0..6 { attempt(|| branch().chat(`q${n}`)); } print(used().calls); throw \"x\"";
    project.with_server(&server).file("s.rhai", script);
    assert_eq!(project.kaizen(&["run", "s.rhai", "--max-calls", "4"]).stdout, "4\n");
    assert_eq!(project.kaizen(&["run", "--resume", "--max-calls", "4"]).stdout, "6\n");
}

/// What failed and was tried again is told as it was, and what it gave in the end is not asked again.
#[test]
fn a_reply_of_the_second_try_is_not_asked_again() {
    let (project, server) = (
        Project::new(),
        Server::start(|number, _, _| match number {
            0 => Act::Close,
            _ => answer(&format!("#{number}")),
        }),
    );
    project.with_server(&server).file(
        "s.rhai",
        "let g = builder(\"g\"); \
         g.add_operation(|i| branch().chat(\"q\", #{ attempts_max: 1 }), #{ name: \"a\", retries: 2 }); \
         print(session(branch()).flow(g).result(\"a\")); \
         if !param(\"ends\", false) { throw \"later\" }",
    );
    let first = project.kaizen(&["run", "s.rhai"]);
    assert_eq!((first.code, first.stdout.as_str()), (Some(1), "#1\n"), "{}", first.stderr);
    let again = project.kaizen(&["run", "--resume", "-p", "ends=true"]);
    assert_eq!((again.code, again.stdout.as_str()), (Some(0), "#1\n"), "{}", again.stderr);
    assert_eq!(server.bodies().len(), 2);
}

/// Answers what is slow at first, and fast from the second time on.
fn slow_at_first() -> Server {
    let asked = AtomicUsize::new(0);
    Server::start(move |_, _, body| {
        let is_first = body.contains("slow") && asked.fetch_add(1, Ordering::SeqCst) == 0;
        Act::After(if is_first { 1000 } else { 1 }, Box::new(answer("x")))
    })
}

#[test]
fn work_whose_time_was_over_is_tried_again_if_its_run_failed() {
    let scripts = [
        ("timeout(60, || branch().chat(\"slow\"))", 5),
        ("print(attempt(|| timeout(60, || branch().chat(\"slow\"))).ok); throw \"late\"", 1),
        (
            "let g = builder(\"g\"); \
             g.add_operation(\"chat\", #{ name: \"a\", instruction: \"slow\", timeout_ms: 60 }); \
             session(branch()).flow(g).result(\"a\")",
            5,
        ),
        (
            "let g = builder(\"g\"); \
             g.add_operation(\"chat\", #{ name: \"a\", instruction: \"slow\" }); \
             session(branch()).flow(g, #{ timeout_ms: 60 }).result(\"a\")",
            1,
        ),
        (
            "let t = tool(\"t\", \"t\", #{}, |a| branch().chat(\"slow\"), #{ timeout_ms: 60 }); \
             branch().act(t, #{})",
            1,
        ),
    ];
    for (script, code) in scripts {
        let (project, server) = (Project::new(), slow_at_first());
        project.with_server(&server).file("s.rhai", script);
        let failed = project.kaizen(&["run", "s.rhai"]);
        assert_eq!(failed.code, Some(code), "{script}: {}", failed.stderr);
        project.kaizen(&["run", "--resume"]);
        assert_eq!(server.bodies().len(), 2, "{script}");
    }
}

/// What was told after it takes none of its time.
#[test]
fn a_limit_that_begins_again_has_all_of_its_time() {
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |_, _, body| {
        if body.contains("other") {
            return Act::After(600, Box::new(answer("y")));
        }
        let is_first = asked.fetch_add(1, Ordering::SeqCst) == 0;
        Act::After(if is_first { 3000 } else { 100 }, Box::new(answer("x")))
    });
    let project = Project::new();
    project.with_server(&server).file(
        "s.rhai",
        "let g = builder(\"g\"); \
         g.add_operation(\"chat\", #{ name: \"a\", instruction: \"one\", timeout_ms: 400 }); \
         g.add_operation(\"chat\", #{ name: \"b\", instruction: \"other\" }); \
         let r = session(branch()).flow(g); print(r.result(\"a\") + r.result(\"b\"))",
    );
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(5));
    let again = project.kaizen(&["resume"]);
    assert_eq!(again.stdout, "xy\n", "{}", again.stderr);
    assert_eq!(server.bodies().len(), 3);
}

/// A recorded neighbour that took 700 ms takes nothing of the 300 ms around and beside what is done anew.
#[test]
fn what_is_done_anew_beside_recorded_work_has_all_of_its_time() {
    let in_graph = |work: &str| {
        format!(
            "let g = builder(\"g\"); \
             g.add_operation(\"chat\", #{{ name: \"s\", instruction: \"slow\" }}); {work} \
             let r = session(branch()).flow(g, #{{ allow_failures: true }}); \
             if r.failed_operations.len > 0 {{ throw \"again\" }} print(r.result(\"b\"));"
        )
    };
    let beside = |work: &str| {
        format!(
            "let r = gather([|| branch().chat(\"slow\"), || {work}]); print(r[1]); \
             print(branch().chat(\"bad\"));"
        )
    };
    let scripts = [
        in_graph(
            "g.add_operation(\"chat\", #{ name: \"b\", instruction: \"bad\", timeout_ms: 300 });",
        ),
        in_graph("g.add_operation(|| timeout(300, || branch().chat(\"bad\")), #{ name: \"b\" });"),
        beside(
            "race([|| { let x = attempt(|| branch().chat(\"never\")); x.value ?? branch().chat(\"quick\") }, \
             || { sleep(300); \"late\" }])",
        ),
        beside(
            "timeout(300, || attempt(|| timeout(100, || branch().chat(\"slow other\"))).error?.kind)",
        ),
        beside("timeout(300, || branch().chat(param(\"ask\", \"quick\")))"),
    ];
    for script in scripts {
        let asked = AtomicUsize::new(0);
        let server = Server::start(move |_, _, body| {
            let is_first = || asked.fetch_add(1, Ordering::SeqCst) == 0;
            if body.contains("never") || body.contains("bad") && is_first() {
                return Act::Answer(400, String::new(), b"no".to_vec());
            }
            Act::After(if body.contains("slow") { 700 } else { 1 }, Box::new(answer("x")))
        });

        let project = Project::new();
        project.with_server(&server).file("s.rhai", &script);
        let first = project.kaizen(&["run", "s.rhai"]);
        assert_ne!(first.code, Some(0), "{script}");
        let edit: &[&str] = if script.contains("param") { &["-p", "ask=quicker"] } else { &[] };
        let again = project.kaizen(&[&["resume"], edit].concat());
        assert_eq!(again.code, Some(0), "{script}: {}", again.stderr);
        let expected =
            format!("{}x\n", if script.contains("r[1]") { first.stdout.as_str() } else { "" });
        assert_eq!(again.stdout, expected, "{script}");
    }
}

/// A lasting effect stays the only one, whatever failed before it or around it.
#[test]
fn what_failed_before_a_lasting_effect_is_told_again() {
    let scripts = [
        "retry(3, |n| timeout(60, || { branch().chat(\"slow\"); command(\"sh\", [\"-c\", \"echo x >> log\"]); }));",
        "attempt(|| timeout(60, || command(\"sh\", [\"-c\", \"echo x >> log; sleep 2\"])));",
    ];
    for script in scripts {
        let (project, server) = (Project::new(), slow_at_first());
        let script = format!("{script} if param(\"fails\", true) {{ throw \"later\" }}");
        project.with_server(&server).file("s.rhai", &script);
        let first = project.kaizen(&["run", "s.rhai", "--allow-run=sh"]);
        assert_eq!(first.code, Some(1), "{}", first.stderr);
        let again = project.kaizen(&["resume", "-p", "fails=false", "--allow-run=sh"]);
        assert_eq!(again.code, Some(0), "{script}: {}", again.stderr);
        let log = std::fs::read_to_string(project.path().join("log")).unwrap();
        assert_eq!(log, "x\n", "{script}");
    }
}

/// What a resumed run tries again is tried again as well if that run is killed meanwhile.
#[test]
fn a_failure_that_was_being_tried_again_at_a_kill_is_not_told() {
    let (project, server) = (
        Project::new(),
        Server::start(|number, _, _| match number {
            1 => Act::Answer(400, String::new(), b"no".to_vec()),
            2 => Act::Hang,
            _ => answer(&format!("#{number}")),
        }),
    );
    project
        .with_server(&server)
        .file("s.rhai", "print(branch().chat(\"first\")); print(branch().chat(\"q\"));");
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(5));
    end(started_resume(&project, &server, 3));
    let again = project.kaizen(&["resume"]);
    assert_eq!(again.stdout, "#0\n#3\n", "{}", again.stderr);
}

#[test]
fn an_operation_that_completed_is_told_the_times_that_were_over() {
    let (project, server) = (Project::new(), slow_at_first());
    project.with_server(&server).file(
        "s.rhai",
        "let g = builder(\"g\"); \
         g.add_operation(|i| timeout(60, || branch().chat(\"slow\")), #{ name: \"a\", retries: 2 }); \
         print(session(branch()).flow(g).result(\"a\")); throw \"later\"",
    );
    let failed = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(failed.stdout, "x\n", "{}", failed.stderr);
    assert_eq!(project.kaizen(&["run", "--resume"]).stdout, "x\n");
    assert_eq!(server.bodies().len(), 2);
}

/// What a killed run was told, it is told again, unless it now has another time.
#[test]
fn a_limit_of_time_is_told_again_after_a_kill_if_it_is_as_long_as_it_was() {
    for (edit, told, asked) in [("60", "false", 2), ("30000", "true", 3)] {
        let (project, server) = (Project::new(), slow_at_first());
        let script = "print(attempt(|| timeout(60, || branch().chat(\"slow\"))).ok); branch().chat(\"then\"); \
                      sleep(param(\"pause\", 60000))";
        project.with_server(&server).file("s.rhai", script);
        let child = started(&project, &server, 2);
        until(Duration::from_secs(20), "both have ended", || {
            project.events("attempt_ended").len() == 2
        });
        end(child);

        project.file("s.rhai", &script.replace("60,", &format!("{edit},")));
        let resumed = project.kaizen(&["resume", "-p", "pause=1"]);
        assert_eq!(resumed.stdout.trim(), told, "{}", resumed.stderr);
        assert_eq!(server.bodies().len(), asked, "{edit}");
    }
}

/// A page that failed is asked for again, unless the script did that itself.
#[test]
fn a_page_or_a_program_that_failed_is_tried_again_if_its_run_failed() {
    let page = |times: usize| {
        Server::start(move |number, _, _| match number {
            _ if number < times => Act::Answer(503, String::new(), b"no".to_vec()),
            _ => Act::Answer(200, String::new(), b"page".to_vec()),
        })
    };
    let get = |more: &str| format!("{more}; throw \"later\"");
    let scripts = [
        (1, get("print(attempt(|| http_get(URL)).value ?? \"none\")"), ["none\n", "page\n"], 2),
        (1, get("print(retry(3, || http_get(URL)))"), ["page\n", "page\n"], 2),
    ];
    for (failing, script, said, asked) in scripts {
        let (project, server) = (Project::new(), page(failing));
        let url = format!("\"{}/x\"", server.url);
        project.file("s.rhai", &script.replace("URL", &url));
        let flags = ["--allow-net"];
        let first = project.kaizen(&[&["run", "s.rhai"], &flags[..]].concat());
        let again = project.kaizen(&[&["resume"], &flags[..]].concat());
        assert_eq!([first.stdout.as_str(), &again.stdout], said, "{script}: {}", again.stderr);
        assert_eq!(server.bodies().len(), asked, "{script}");
    }

    let project = Project::new();
    project.file("s.rhai", "print(command(\"./later\", []).stdout);");
    let flags = ["--allow-run=./later"];
    let first = project.kaizen(&[&["run", "s.rhai"], &flags[..]].concat());
    assert_eq!(first.code, Some(1), "{}", first.stderr);
    project.file("later", "#!/bin/sh\nprintf here\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(project.path().join("later"), mode).unwrap();
    let again = project.kaizen(&[&["resume"], &flags[..]].concat());
    assert_eq!(again.stdout, "here\n", "{}", again.stderr);
}

#[test]
fn a_page_is_known_by_the_headers_that_it_was_asked_with() {
    let server = Server::start(|number, _, _| {
        Act::Answer(200, String::new(), format!("page {number}").into_bytes())
    });
    let project = Project::new();
    let script = |language: &str| {
        let url = format!("{}/x", server.url);
        format!(
            "print(http_get(\"{url}\", #{{ headers: #{{ \"Accept-Language\": \"{language}\" }} }})); throw \"x\""
        )
    };
    project.file("s.rhai", &script("de"));
    assert_eq!(project.kaizen(&["run", "s.rhai", "--allow-net"]).stdout, "page 0\n");
    assert_eq!(project.kaizen(&["resume", "--allow-net"]).stdout, "page 0\n");
    project.file("s.rhai", &script("fr"));
    assert_eq!(project.kaizen(&["resume", "--allow-net"]).stdout, "page 1\n");
}

/// Executions that failed because of the provider, and were paid for again, count as they went.
#[test]
fn executions_of_a_comparison_that_failed_are_counted_as_they_went_at_last() {
    let (project, server) = (
        Project::new(),
        Server::start(|number, _, body| match (number, body.contains("b ")) {
            (0..16, true) => Act::Answer(401, String::new(), b"no".to_vec()),
            (_, true) => answer("good"),
            (_, false) => answer("bad"),
        }),
    );
    project.with_server(&server).file(
        "s.rhai",
        "let o = optimizer(#{ objective: #{ quality: 1 } }); \
         let r = o.compare(\"c\", #{ a: |x, b| b.chat(`a ${x}`), b: |x, b| b.chat(`b ${x}`) }, \
             (0..30).to_array(), #{ judge: |a| if a == \"good\" { 1.0 } else { 0.5 }, branch: branch() }); \
         print(r.winner); throw \"go on tomorrow\"",
    );
    let first = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(first.stdout, "\n", "{}", first.stderr);
    let again = project.kaizen(&["resume"]);
    assert_eq!(again.stdout, "b\n", "{}", again.stderr);
}

#[test]
fn a_single_parameter_takes_the_place_of_its_own_and_of_no_other() {
    let (project, server) = (Project::new(), Server::saying("x"));
    project.with_server(&server).file(
        "s.rhai",
        "print(`${param(\"t\", \"a\")} ${param(\"u\", \"b\")}`); branch().chat(\"q\"); throw \"x\"",
    );
    project.kaizen(&["run", "s.rhai", "-p", "t=1", "-p", "u=2"]);
    assert_eq!(project.kaizen(&["run", "--resume", "-p", "t=3"]).stdout, "3 2\n");
    assert_eq!(project.kaizen(&["run", "--resume"]).stdout, "3 2\n");
}

/// Starts a run and waits until the server was asked so often.
fn started(project: &Project, server: &Server, asked: usize) -> Child {
    let mut command = project.command(&["run", "s.rhai"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while server.bodies().len() < asked && began.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

#[test]
fn a_run_that_is_under_way_is_not_resumed() {
    let (project, server) = (
        Project::new(),
        Server::start(|number, _, _| if number < 2 { answer("x") } else { Act::Hang }),
    );
    project
        .with_server(&server)
        .file("s.rhai", "let b = branch(); for n in 0..3 { b.chat(`q${n}`); }");
    let mut child = started(&project, &server, 3);
    let runs = project.kaizen(&["runs"]);
    assert!(runs.stdout.contains("running"), "{}", runs.stdout);

    let refused = project.kaizen(&["run", "--resume"]);
    let run = project.events("run_started")[0]["run"].as_str().map(str::to_owned);
    let told = refused.stderr.replace(run.as_deref().unwrap_or("-"), "RUN");
    assert_eq!(refused.code, Some(2));
    assert!(
        told.contains("is still active, or another process is resuming it; wait until it ends"),
        "{told}"
    );
    assert_eq!(server.bodies().len(), 3);

    child.kill().unwrap();
    child.wait().unwrap();
    let resumed = started_resume(&project, &server, 4);
    assert_eq!(project.kaizen(&["run", "--resume"]).code, Some(2), "two at once");
    end(resumed);
}

fn started_resume(project: &Project, server: &Server, asked: usize) -> Child {
    let mut command = project.command(&["run", "--resume"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while server.bodies().len() < asked && began.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Each call takes at least this long.
const CALL_MS: u64 = 300;

/// Kills the run in two of its calls. The times of what follows are those of the whole work.
#[test]
fn the_clock_of_a_resumed_run_goes_on_where_it_stopped() {
    let (project, server) = (
        Project::new(),
        Server::start(|number, _, _| match number {
            1 | 5 => Act::Hang,
            _ => Act::After(CALL_MS, Box::new(answer("x"))),
        }),
    );
    project.with_server(&server).file(
        "s.rhai",
        r#"
        let o = optimizer();
        let began = timestamp();
        let g = builder("g");
        g.add_operation("chat", #{ name: "a", instruction: "1" });
        g.add_operation("chat", #{ name: "b", instruction: "2", depends_on: "a" });
        let r = session(branch()).flow(g);
        o.record_execution("t", "p", r.metrics);
        let middle = began.elapsed;

        let d = o.run("u", #{ x: |i, b| b.chat("3") + b.chat("4") + b.chat("5") }, 1, #{ judge: |a| 1.0 });
        let end = began.elapsed;
        let known = o.get_insights().by_task;
        print([r.metrics.execution_time, middle, known.t.avg_performance.p].to_json());
        print([end - middle, known.u.avg_performance.x].to_json());
        "#,
    );

    end(started(&project, &server, 2));
    end(started_resume(&project, &server, 6));
    let ran = project.kaizen(&["run", "--resume"]);
    let times: Vec<Vec<f64>> =
        ran.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();

    // Two calls, and three of them. A resumed run may come later to a call than the run before it did, and
    // the call ends at the same time for both.
    let call = Duration::from_millis(CALL_MS / 2).as_secs_f64();
    let whole =
        |times: &[f64], calls: f64| times.iter().map(|time| *time >= call * calls).collect();
    let are_whole: Vec<Vec<bool>> =
        times.iter().zip([2.0, 3.0]).map(|(times, calls)| whole(times, calls)).collect();
    assert_eq!(are_whole, [vec![true; 3], vec![true; 2]], "{times:?} {}", ran.stderr);
    assert_eq!(server.bodies().len(), 7);
}

#[test]
fn a_loop_until_a_time_is_over_is_as_long_in_a_resumed_run() {
    let (project, server) = (
        Project::new(),
        Server::start(|number, _, _| match number {
            2 => Act::Hang,
            _ => Act::After(CALL_MS, Box::new(answer("x"))),
        }),
    );
    // However long a call takes, three of them are enough.
    project.with_server(&server).file(
        "s.rhai",
        "let t = timestamp(); let b = branch(); let n = 0;
         while n < 3 || t.elapsed < 0.85 { b.chat(`q${n}`); n += 1; }
         print(n)",
    );
    end(started(&project, &server, 3));
    let ran = project.kaizen(&["run", "--resume"]);
    assert_eq!(ran.stdout, "3\n", "{}", ran.stderr);
    assert_eq!(server.bodies().len(), 4);
}

#[test]
fn nothing_is_asked_before_the_run_is_on_the_disk() {
    let (project, server) = (Project::new(), Server::saying("x"));
    project.with_server(&server).file("s.rhai", "parallel([1, 2, 3], |n| branch().chat(`q${n}`))");
    project.file("t.rhai", "1");
    project.kaizen(&["run", "t.rhai"]);
    let store = Connection::open(project.path().join(".kaizen/kaizen.db")).unwrap();
    store.execute_batch("BEGIN IMMEDIATE").unwrap();
    let child = started(&project, &server, 0);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(server.bodies().len(), 0);
    end(child);
    store.execute_batch("ROLLBACK").unwrap();
}

/// However often a run is killed and resumed, each execution is recorded once.
#[test]
fn a_plain_execution_is_recorded_once_however_often_its_run_is_killed() {
    let (project, server) = (
        Project::new(),
        Server::start(|number, _, _| if number == 5 { Act::Hang } else { answer("x") }),
    );
    project.with_server(&server).file(
        "s.rhai",
        "let b = branch(); let o = optimizer(); \
         for n in 0..9 { b.chat(`${n}`); o.record_execution(\"t\", \"p\", #{ success_rate: 1.0 }); \
                         o.save_pattern_success(\"t\", \"q\", #{}); }",
    );
    end(started(&project, &server, 6));
    let resumed = project.kaizen(&["run", "--resume"]);
    assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
    let store = Connection::open(project.path().join(".kaizen/kaizen.db")).unwrap();
    let count = |pattern: &str| -> i64 {
        let sql = "SELECT count(*) FROM observations WHERE pattern = ?";
        store.query_row(sql, [pattern], |row| row.get(0)).unwrap()
    };
    assert_eq!((count("p"), count("q")), (9, 9));
}

/// Journals of 0.1 say nothing of places: requests are matched in the order in which they are made.
#[test]
fn a_run_of_an_older_program_is_resumed_by_the_order_of_requests() {
    let (project, server) = (Project::new(), numbering());
    project.with_server(&server).file(
        "s.rhai",
        "let b = branch(); let t = now(); \
         print(b.chat(`q ${t}`)); print(b.chat(\"same\")); print(b.chat(\"same\")); \
         if !param(\"ends\", false) { throw \"later\" }",
    );
    let first = project.kaizen(&["run", "s.rhai"]);
    let store = Connection::open(project.path().join(".kaizen/kaizen.db")).unwrap();
    store.execute("UPDATE events SET body = json_remove(body, '$.at')", []).unwrap();
    drop(store);

    let again = project.kaizen(&["run", "--resume", "-p", "ends=true"]);
    assert_eq!((again.code, &again.stdout), (Some(0), &first.stdout), "{}", again.stderr);
    assert!(again.stderr.contains("was recorded by an older kaizen"), "{}", again.stderr);
    assert_eq!(server.bodies().len(), 3);
    let replayed = project.kaizen(&["replay", "@-1"]);
    assert_eq!((replayed.code, &replayed.stdout), (Some(0), &first.stdout), "{}", replayed.stderr);
}

#[test]
fn a_plan_of_a_script_that_polls_comes_to_its_end() {
    let project = Project::new();
    project.file(
        "s.rhai",
        "let t = task(|| { sleep(50); branch(\"demo/echo\").chat(\"x\") }); \
         while !t.done { sleep(1); } attempt(|| timeout(20, || sleep(300))).error.kind",
    );
    let planned = project.kaizen(&["plan", "s.rhai"]);
    assert_eq!(planned.code, Some(0), "{}", planned.stderr);
}

/// A call that a budget refused, at once or after it had waited, is refused again wherever the run is
/// gone through again, and what comes of it goes the same way.
#[test]
fn a_refused_call_is_refused_again() {
    let scripts = [
        "let b = branch(); let a = b.chat(\"fast\"); let e = attempt(|| b.chat(\"x\")); \
         print([a, e.error.kind, e.error.message, attempt(|| b.chat(\"y\")).error.kind]);",
        // Both want the last call; who comes second waits until the first is settled.
        "let seen = []; parallel([\"slow\", \"fast\", \"x\"], |w| { \
             let e = attempt(|| branch().chat(w)); seen.push([w, e.ok]); 0 }); print(seen);",
        "let g = builder(\"g\"); for w in [\"slow\", \"fast\", \"x\"] { \
             g.add_operation(|i| { let e = attempt(|| branch().chat(w)); e.ok }, #{ name: w }); } \
         let r = session(branch()).flow(g, #{ budget: #{ max_calls: 1 } }); \
         print([\"slow\", \"fast\", \"x\"].map(|w| r.result(w)));",
        "print(race([|| { attempt(|| { branch().chat(\"slow\"); branch().chat(\"x\") }).ok }, \
                     || { branch().chat(\"fast\"); sleep(500); \"slept\" }]));",
    ];
    for (number, script) in scripts.into_iter().enumerate() {
        let (project, server) = (Project::new(), numbering());
        project.with_server(&server).file("s.rhai", script);
        let most = if number == 3 { "2" } else { "1" };
        let first = project.kaizen(&["run", "s.rhai", "--max-calls", most]);
        assert_eq!(first.code, Some(0), "{script}: {}", first.stderr);
        let replayed = project.kaizen(&["replay"]);
        assert_eq!(
            (replayed.code, &replayed.stdout),
            (Some(0), &first.stdout),
            "{script}: {}",
            replayed.stderr
        );

        // A run that was killed goes the way it went, also with more to spend.
        let (project, server) = (Project::new(), numbering());
        project.with_server(&server).file("s.rhai", script);
        let mut command = project.command(&["run", "s.rhai", "--max-calls", most]);
        let died = command.env("KAIZEN_FAILPOINT", "run_ends:1:kill").output().unwrap();
        assert_eq!(died.status.code(), None);
        let printed = String::from_utf8(died.stdout).unwrap();
        let asked = server.bodies().len();
        let resumed = project.kaizen(&["run", "--resume", "--max-calls", "9"]);
        assert_eq!(
            (resumed.code, &resumed.stdout),
            (Some(0), &printed),
            "{script}: {}",
            resumed.stderr
        );
        assert_eq!(server.bodies().len(), asked, "{script}");
        let replayed = project.kaizen(&["replay"]);
        assert_eq!(
            (replayed.code, &replayed.stdout),
            (Some(0), &printed),
            "{script}: {}",
            replayed.stderr
        );
    }
}

#[test]
fn a_replay_takes_the_grants_of_the_run_or_names_what_is_missing() {
    let project = Project::new();
    project.file("s.rhai", "let home = attempt(|| env(\"GRANTED\"));\nprint(home.ok);\nhome.ok");
    let mut run = project.command(&["run", "s.rhai", "--allow-env=GRANTED"]);
    assert_eq!(run.env("GRANTED", "yes").output().unwrap().status.code(), Some(0));

    let without = project.command(&["replay"]).env("GRANTED", "yes").output().unwrap();
    let said = String::from_utf8_lossy(&without.stderr).into_owned();
    assert_eq!(without.status.code(), Some(7), "{said}");
    assert!(said.contains("is not granted; pass `--allow-env=GRANTED` if the run"), "{said}");

    let mut with = project.command(&["replay", "--allow-env=GRANTED"]);
    let with = with.env("GRANTED", "yes").output().unwrap();
    assert_eq!(with.status.code(), Some(0), "{}", String::from_utf8_lossy(&with.stderr));
}

#[test]
fn a_run_that_was_interrupted_is_replayed_to_where_it_came() {
    let project = Project::new();
    let script = "let b = branch(\"demo/echo\"); print(b.chat(\"a\")); sleep(60000); b.chat(\"b\")";
    project.file("s.rhai", script);
    let ran = project.kaizen(&["run", "s.rhai", "--max-time", "300ms"]);
    assert_ne!(ran.code, Some(0), "{}", ran.stderr);

    let replayed = project.kaizen(&["replay"]);
    assert_eq!(replayed.code, Some(0), "{}", replayed.stderr);
    assert_eq!(replayed.stdout, ran.stdout);

    // What came before is compared as ever.
    project.file("s.rhai", &script.replace("\"a\"", "\"c\""));
    let replayed = project.kaizen(&["replay"]);
    assert_eq!(replayed.code, Some(7), "{}", replayed.stderr);
}

/// Runs a script until it has shown a line that begins with `shown`, kills it at that moment, and resumes it.
/// Gives what both have shown.
fn killed_when_seen(project: &Project, script: &str) -> (String, String) {
    project.file("s.rhai", script);
    let mut command = project.command(&["run", "s.rhai"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();

    let mut shown = String::new();
    for line in lines.by_ref().map_while(Result::ok) {
        shown += &format!("{line}\n");
        if line.starts_with("shown") {
            break;
        }
    }
    end(child);

    let resumed = project.kaizen(&["run", "--resume"]);
    assert_eq!(resumed.code, Some(0), "{script}: {}", resumed.stderr);
    (shown, resumed.stdout)
}

/// What was shown is kept, whatever it was made of, and however soon after it the process dies.
#[test]
fn what_was_shown_is_shown_again_after_a_kill_at_that_moment() {
    let scripts = [
        "print(`shown ${now()}`); sleep(400);",
        "let t = timestamp(); sleep(3); print(`shown ${t.elapsed}`); sleep(400);",
        "print(`shown ${gather([|| now(), || { sleep(2); now() }])}`); sleep(400);",
        "branch(\"demo/echo\").chat(\"x\"); print(`shown ${now()}`); sleep(400);",
        "let g = builder(\"g\"); g.add_operation(|| { sleep(2); 1 }, #{ name: \"a\" }); \
         print(`shown ${session().flow(g).metrics.execution_time}`); sleep(400);",
        "fn w(n) { let s = 0; for i in 0..n { s += i; } s } \
         print(`shown ${race([|| { sleep(5); w(3000); sleep(2); \"a\" }, || { sleep(6); w(2); sleep(1); \"b\" }])}`); \
         sleep(400);",
        "print(`shown ${attempt(|| timeout(8, || { sleep(5); sleep(3); \"in\" })).ok}`); sleep(400);",
        "let t = task(|| { sleep(20); 1 }); let n = 0; while !t.done { n += 1; sleep(1); } print(`shown ${n}`); sleep(400);",
        "gather([3, 1, 2].map(|n| || { sleep(n); print(n); })); print(\"shown\"); sleep(400);",
        "let t = now(); write_text(\"out.txt\", `${t}`); print(`shown ${read_text(\"out.txt\")}`); sleep(400);",
        "log.info(`at ${now()}`); print(`shown ${random()} ${now()}`); sleep(400);",
    ];
    for durability in ["process", "power"] {
        for script in scripts {
            let project = Project::new();
            let config = format!(
                "[permissions]\nread = [\".\"]\nwrite = [\".\"]\n[store]\ndurability = \"{durability}\"\n"
            );
            project.file("kaizen.toml", &config);
            project.kaizen(&["trust"]);
            let (shown, again) = killed_when_seen(&project, script);
            assert_eq!(again, shown, "{durability}: {script}");
        }
    }
}

/// A file whose name or text was made of the time is the same file in a resumed run.
#[test]
fn a_file_that_was_written_is_written_alike_after_a_kill_at_that_moment() {
    let project = Project::new();
    let config = "[permissions]\nwrite = [\".\"]\n";
    project.file("kaizen.toml", config);
    project.kaizen(&["trust"]);
    let script = "sleep(2); let t = now(); write_text(`out-${t}.txt`, `${t}`); sleep(30000);";
    project.file("s.rhai", script);

    let mut command = project.command(&["run", "s.rhai"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let written = || -> Vec<PathBuf> {
        let all = std::fs::read_dir(project.path()).unwrap().map(|entry| entry.unwrap().path());
        all.filter(|path| path.extension().is_some_and(|kind| kind == "txt")).collect()
    };
    let began = Instant::now();
    while written().is_empty() && began.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(1));
    }
    end(child);
    let before = written();

    project.kaizen(&["run", "--resume", "--max-time", "300ms"]);
    assert_eq!(written(), before);
}

/// A run that stopped because nobody knows whether an effect took place stops so in a replay, too.
#[test]
fn a_run_that_ended_in_doubt_is_replayed_to_its_doubt() {
    let scripts = [
        "branch().chat(\"a\"); command(\"true\", []); print(1);",
        "gather([|| command(\"true\", []), || branch().chat(\"b\"), || { sleep(50); branch().chat(\"c\") }]); print(1);",
        "attempt(|| timeout(1000, || command(\"true\", []))); print(1);",
        "let t = task(|| { sleep(5000); branch().chat(\"b\") }); command(\"true\", []); print(1);",
    ];
    for script in scripts {
        let project = Project::new();
        project.file("kaizen.toml", "[project]\nmodel = \"demo/echo\"\n");
        project.file("s.rhai", script);
        let mut command = project.command(&["run", "s.rhai", "--allow-run"]);
        command.env("KAIZEN_FAILPOINT", "effect_begins:1:kill").output().unwrap();

        for _ in 0..2 {
            let resumed = project.kaizen(&["run", "--resume", "--allow-run"]);
            assert_eq!(resumed.code, Some(1), "{script}: {}", resumed.stderr);
            assert!(
                resumed.stderr.contains("nobody knows whether it took effect"),
                "{}",
                resumed.stderr
            );
            let replayed = project.kaizen(&["replay", "@"]);
            assert_eq!(replayed.code, Some(0), "{script}: {}{}", replayed.stdout, replayed.stderr);
        }

        let repeated = project.kaizen(&["run", "--resume", "--lost=repeat", "--allow-run"]);
        assert_eq!(
            (repeated.code, repeated.stdout.as_str()),
            (Some(0), "1\n"),
            "{}",
            repeated.stderr
        );
        let replayed = project.kaizen(&["replay", "@"]);
        assert_eq!(replayed.code, Some(0), "{script}: {}{}", replayed.stdout, replayed.stderr);
    }
}

/// A replay asks nobody for a permission, and a resumed run may have it.
#[test]
fn a_permission_that_was_missing_is_missing_in_a_replay_and_asked_for_by_a_resumed_run() {
    let project = Project::new();
    project.file(
        "s.rhai",
        "let r = attempt(|| command(\"true\", [])); let p = attempt(|| http_get(\"http://127.0.0.1:1/x\")); \
         print(`${r.error?.kind} ${p.error?.kind}`); let done = command(param(\"c\", \"true\"), [\"x\"]);",
    );
    let first = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(first.stdout, "permission permission\n", "{}", first.stderr);
    for flags in [&["replay"][..], &["replay", "--allow-run", "--allow-net"]] {
        let replayed = project.kaizen(flags);
        assert_eq!(
            (replayed.code, &replayed.stdout),
            (Some(0), &first.stdout),
            "{}",
            replayed.stderr
        );
    }

    let resumed = project.kaizen(&["resume", "--allow-run", "--allow-net"]);
    assert_eq!(
        (resumed.code, resumed.stdout.as_str()),
        (Some(0), " network\n"),
        "{}",
        resumed.stderr
    );
    let replayed = project.kaizen(&["replay"]);
    assert_eq!(
        (replayed.code, &replayed.stdout),
        (Some(0), &resumed.stdout),
        "{}",
        replayed.stderr
    );
}

#[test]
fn a_parameter_that_the_script_no_longer_has_is_one_error_if_it_is_given_again() {
    let project = Project::new();
    project.file("s.rhai", "print(param(\"a\", 1)); throw \"x\"");
    assert_eq!(project.kaizen(&["run", "s.rhai", "-p", "a=5"]).stdout, "5\n");
    project.file("s.rhai", "print(2)");
    let given = project.kaizen(&["resume", "-p", "a=2"]);
    assert_eq!(
        project.without_ids(&given.stderr),
        "resuming run RUN: 0 replies are reusable\n\
         error[K0008]: `s.rhai` has no parameter `a`\n |\n = help: it has none\n\
         found before running; nothing was spent   (`kaizen explain K0008`)\n"
    );
    assert_eq!(project.kaizen(&["resume"]).stdout, "2\n");
}
