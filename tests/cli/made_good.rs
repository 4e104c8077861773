//! What a run that failed made good itself, before it failed elsewhere, is not tried again by the run that resumes it.

use crate::support::Project;
use crate::support::server::{Act, Server, answer};

/// A server that fails those of its requests that are named, and answers the others with their number.
fn failing(failed: &'static [usize]) -> Server {
    Server::start(move |number, _, _| match failed.contains(&number) {
        true => Act::Answer(503, String::new(), b"no".to_vec()),
        false => answer(&format!("#{number}")),
    })
}

/// Runs a script that fails in the end, and resumes it so that it does not. Returns what each has shown, how often
/// the server was asked by the first, and in all.
fn resumed(script: &str, server: &Server) -> ((String, String), (usize, usize)) {
    let project = Project::new();
    let script = script.replace("URL", &format!("\"{}/x\"", server.url));
    let ending = "if param(\"fails\", true) { throw \"later\" }";
    project.with_server(server).file("s.rhai", &format!("{script}\n{ending}"));

    let flags = ["--allow-run=sh", "--allow-net"];
    let first = project.kaizen(&[&["run", "s.rhai"], &flags[..]].concat());
    let asked = server.bodies().len();
    let again = project.kaizen(&[&["resume", "-p", "fails=false"], &flags[..]].concat());
    assert_eq!(again.code, Some(0), "{script}: {}", again.stderr);
    let log = std::fs::read_to_string(project.path().join("log")).unwrap_or_default();
    assert!(log.len() <= 2, "{script}: an effect took place again: {log}");
    ((first.stdout, again.stdout), (asked, server.bodies().len()))
}

/// Checks that nothing is asked again, and that the same is shown.
fn check_kept(failed: &'static [usize], script: &str) {
    let ((first, again), (asked, all)) = resumed(script, &failing(failed));
    assert_eq!((first == again, all), (true, asked), "{script}: {first}, then {again}");
}

#[test]
fn a_try_after_which_another_one_succeeded_is_told_again() {
    check_kept(
        &[0],
        "retry(3, |n| { let a = branch().chat(\"q\", #{ attempts_max: 1 }); \
             command(\"sh\", [\"-c\", \"echo x >> log\"]); print(a); });",
    );
    check_kept(
        &[0],
        "let g = builder(\"g\"); \
         g.add_operation(|i| { let a = branch().chat(\"q\", #{ attempts_max: 1 }); \
             command(\"sh\", [\"-c\", \"echo x >> log\"]); a }, #{ name: \"a\", retries: 2 }); \
         print(session(branch()).flow(g).result(\"a\"));",
    );
    check_kept(
        &[0, 1],
        "print(retry(3, |n| { let page = attempt(|| http_get(URL + n)).ok; \
             branch().chat(`${page} ${n}`, #{ attempts_max: 1 }) }));",
    );
}

#[test]
fn a_call_that_a_loop_made_again_until_it_was_answered_is_told_again() {
    check_kept(
        &[0, 1],
        "let n = 0; let r = (); \
         loop { r = attempt(|| branch().chat(\"q\", #{ attempts_max: 1 })); if r.ok { break; } n += 1; } \
         command(\"sh\", [\"-c\", \"echo x >> log\"]); print(`${n} ${r.value}`);",
    );
    check_kept(
        &[0],
        "let b = branch(); let r = (); \
         while r == () { try { r = b.chat(\"q\", #{ attempts_max: 1 }); } catch { print(\"again\"); } } print(r);",
    );
    // Equal requests side by side are not the same one again.
    let script = "print(parallel([1, 2], |n| branch().chat(\"q\", #{ attempts_max: 1 }), \
                      #{ settle: true, max_concurrent: 1 }).map(|r| `${r.value}`));";
    let (shown, asked) = resumed(script, &failing(&[0]));
    let told = (r##"["", "#1"]"##.to_owned() + "\n", r##"["#2", "#1"]"##.to_owned() + "\n");
    assert_eq!((shown, asked), (told, (2, 3)));
}

/// What no try made good is tried again, and what was answered meanwhile stays.
#[test]
fn the_tries_of_what_failed_as_a_whole_are_made_again() {
    let chat = |text: &str| format!("branch().chat({text}, #{{ attempts_max: 1 }})");
    let script = format!("print(retry(2, |n| {}));", chat("\"q\""));
    let (shown, asked) = resumed(&script, &failing(&[0, 1]));
    assert_eq!((shown, asked), ((String::new(), "#2\n".to_owned()), (2, 3)));

    let script = format!("print(retry(2, |n| {} + {}));", chat("`a${n}`"), chat("\"b\""));
    let (shown, asked) = resumed(&script, &failing(&[0, 2]));
    assert_eq!((shown, asked), ((String::new(), "#1#3\n".to_owned()), (3, 4)));
}

#[test]
fn what_an_operation_that_completed_recovered_from_is_told_again() {
    let recovering = |work: &str| {
        format!(
            "let g = builder(\"g\"); g.add_operation(|i| {{ {work} }}, #{{ name: \"a\" }}); \
             print(session(branch()).flow(g).result(\"a\"));"
        )
    };
    check_kept(&[0], &recovering("attempt(|| http_get(URL)).ok"));
    check_kept(&[0], &recovering("attempt(|| branch().chat(\"q\", #{ attempts_max: 1 })).ok"));

    // An operation that failed within it is still to be done: the run failed by it.
    let inner = "let h = builder(\"h\"); \
                 h.add_operation(\"chat\", #{ name: \"b\", instruction: \"q\", attempts_max: 1 }); \
                 `${session(branch()).flow(h).result(\"b\")}`";
    let (shown, asked) = resumed(&recovering(inner), &failing(&[0]));
    assert_eq!((shown.1.as_str(), asked), ("#1\n", (1, 2)));
}
