//! `kaizen repl` without a terminal: `--eval`, and lines from a pipe.

use crate::support::{Project, Ran};
use std::io::Write;
use std::process::Stdio;

/// Pipes lines into a session.
fn pipe(project: &Project, arguments: &[&str], lines: &str) -> Ran {
    let mut command = project.command(&[&["repl"], arguments].concat());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    Ran::from(child.wait_with_output().unwrap())
}

fn eval(code: &str) -> Ran {
    Project::new().kaizen(&["repl", "--eval", code])
}

#[test]
fn eval_prints_the_value() {
    let ran = eval("let x = [1, 2]; x.len + 1");
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "3\n", ""));
    assert_eq!(eval("let x = 1").stdout, "");
    assert_eq!(eval("()").stdout, "");
    assert_eq!(eval("\"a\\nb\"").stdout, "a\nb\n");
    assert_eq!(eval("#{ a: [1, 2.5] }").stdout, "{\"a\":[1,2.5]}\n");
    let branch = "branch(#{ model: \"demo/echo\", name: \"b1\" })";
    assert_eq!(eval(branch).stdout, "branch b1 · demo/echo · 0 messages\n");
}

#[test]
fn eval_fails_with_the_place() {
    let ran = eval("let x = 1;\nx + nope");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""));
    for words in ["unknown variable `nope`", "repl:2:5", "x + nope"] {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
    assert_eq!(eval("throw \"no\"").code, Some(1));
    assert!(eval("fn f( {").stderr.contains("error"));
}

#[test]
fn piped_lines_share_everything() {
    let ran = pipe(
        &Project::new(),
        &[],
        "let x = 40;\nfn f(n) {\n    n + 2\n}\nf(x)\n_ + 1\n[_, _1]\nlet add = |n| n + x;\nadd.call(1)\n",
    );
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "42\n43\n[43,42]\n41\n"),
        "{}",
        ran.stderr
    );
}

#[test]
fn functions_see_the_constants_of_earlier_lines_and_captured_values_can_be_set() {
    let project = Project::new();
    project.file(
        "lib.rhai",
        "const K = 10;\nfn make() { |x| x + global::K }\nfn apply(f) { f.call(1) }\n",
    );
    project.file("own.rhai", "const N = 2 * 21;\nfn own() { global::N }\n");
    let lines = "const K = 3;\nimport \"lib\" as lib;\nlet f = |x| x + global::K;\nf.call(1)\n\
                 [lib::apply(f), lib::apply(|x| x * global::K), lib::make().call(1)]\n\
                 let b = branch(#{ model: \"demo/echo\", name: \"a\" });\nlet read = || b.name;\n\
                 b = branch(#{ model: \"demo/echo\", name: \"b\" });\nread.call()\n\
                 let set = || { b = branch(#{ model: \"demo/echo\", name: \"c\" }); };\n\
                 attempt(set).ok\n[b.name, read.call()]\n:load own.rhai\nown()\n";
    let ran = pipe(&project, &[], lines);
    let expected = "4\n[4,3,11]\nb\ntrue\n[\"c\",\"c\"]\n42\n";
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), expected), "{}", ran.stderr);
}

#[test]
fn a_pipe_ends_at_the_first_error() {
    let ran = pipe(&Project::new(), &[], "1\n_ / 0\n3\n");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), "1\n"));
    assert!(
        ran.stderr.contains("division by zero") && ran.stderr.contains("repl:1:3"),
        "{}",
        ran.stderr
    );
    let ran = pipe(&Project::new(), &[], "let a = [1,\n");
    assert_eq!(ran.code, Some(3));
}

#[test]
fn commands_look_and_change() {
    let project = Project::new();
    project.file("lib.rhai", "fn three() { 3 }\nprint(\"never\");");
    let ran = pipe(
        &project,
        &[],
        "let b = branch(\"demo/echo\");\nb.communicate(\"hi\")\n:messages b\n:vars\n:cost\n\
         let g = builder(\"g\");\nlet n = g.add_operation(|| 1, #{ name: \"one\" });\n:graph g\n\
         :load lib.rhai\nthree()\n:model demo/echo\n:time 1\n:set limits.operations 5000\n\
         :show @\n:plot\n:save out.rhai\n:runs\n:help\n:quit\n5\n",
    );
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for words in [
        "[demo] you asked: hi\n1 user\n    hi\n2 assistant\n    [demo]",
        "b     branch  branch · demo/echo · 2 messages",
        "1 call (0 retries, 1 by the demo model)",
        "one  call         starts at once",
        "\n3\n",
        "communicate  completed",
        "communicate █",
        ":plan CODE",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
    }
    assert!(!ran.stdout.contains("never") && !ran.stdout.ends_with("5\n"));
    let saved = project.kaizen(&["run", "out.rhai"]);
    assert_eq!(saved.code, Some(3), "`three` is another file's: {}", saved.stderr);
    let again = pipe(&project, &[], "1\n:save out.rhai\n");
    assert!(again.stderr.contains("already exists"), "{}", again.stderr);
}

#[test]
fn the_last_run_is_the_one_before_the_session() {
    let project = Project::new();
    let alone = pipe(&project, &[], "branch(\"demo/echo\").chat(\"mine\");\n:show @\n");
    assert!(alone.stdout.contains("  repl\n"), "{}", alone.stdout);

    project.file("s.rhai", "branch(\"demo/echo\").chat(\"x\");");
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(0));
    for line in [":show @", ":show @:chat"] {
        let ran = pipe(&project, &[], &format!("branch(\"demo/echo\").chat(\"mine\");\n{line}\n"));
        assert_eq!(ran.code, Some(0), "{line}: {}", ran.stderr);
        let shown = if line == ":show @" { "  s.rhai\n" } else { "[demo] you asked: x\n" };
        assert!(ran.stdout.contains(shown), "{line}: {}", ran.stdout);
        assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(0));
    }
}

/// A name of a run means the same to a command and to `run(..)`, also after other sessions.
#[test]
fn a_name_of_a_run_means_the_same_to_commands_and_to_scripts() {
    let project = Project::new();
    for (name, end) in [("one", "1"), ("two", "throw \"no\""), ("three", "3")] {
        let script = format!("branch(\"demo/echo\").chat(\"{name}\"); {end}");
        project.file(&format!("{name}.rhai"), &script);
        project.kaizen(&["run", &format!("{name}.rhai")]);
        let session = pipe(&project, &[], "branch(\"demo/echo\").chat(\"a session\");\n");
        assert_eq!(session.code, Some(0), "{}", session.stderr);
    }
    let failing = pipe(&project, &[], "branch(\"demo/echo\").chat(\"failing\"); throw \"no\"\n");
    assert_eq!(failing.code, Some(1), "{}", failing.stderr);

    let told = ["@", "@-1", "@-2", "@fail"].map(|name| {
        let code = format!(
            "branch(\"demo/echo\").chat(\"mine\");\nprint(run(\"{name}\").to_map().name)\n"
        );
        let by_script = pipe(&project, &[], &code).stdout;
        let code = format!("branch(\"demo/echo\").chat(\"mine\");\n:show {name}\n");
        let by_command = pipe(&project, &[], &code).stdout;
        let plot = pipe(&project, &[], &format!(":plot {name}\n"));

        let script = by_script.lines().last().unwrap_or_default().to_owned();
        assert!(by_command.contains(&format!("  {script}\n")), "{name}: {by_command}");
        assert_eq!(plot.code, Some(0), "{name}: {}", plot.stderr);
        script
    });
    assert_eq!(told, ["three.rhai", "two.rhai", "one.rhai", "two.rhai"]);
}

#[test]
fn an_unknown_command_suggests_one() {
    let ran = pipe(&Project::new(), &[], ":grahp g\n");
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.stderr, "error: unknown command `:grahp`\n   help: did you mean `:graph`?\n");
}

#[test]
fn a_plan_asks_nothing() {
    let project = Project::new();
    let ran = pipe(
        &project,
        &[],
        "let b = branch(\"demo/echo\");\n:plan b.communicate(\"x\"); b.communicate(\"y\")\nb.messages.len\n",
    );
    assert!(ran.stdout.contains("\n2 calls · "), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("\n0\n"), "{}", ran.stdout);
    assert_eq!(project.events("attempt_started").len(), 0);
}

#[test]
fn a_session_is_one_run() {
    let project = Project::new();
    pipe(
        &project,
        &["--seed", "7"],
        "branch(\"demo/echo\").chat(\"x\");\nbranch(\"demo/echo\").chat(\"y\");\n",
    );
    let started = project.events("run_started");
    assert_eq!((started.len(), &started[0]["script"]), (1, &"repl".into()));
    assert_eq!(started[0]["seed"], 7);
    assert_eq!(project.events("attempt_ended").len(), 2);
    assert_eq!(project.events("run_ended")[0]["status"], "ok");
}

#[test]
fn a_script_gives_its_functions() {
    let project = Project::new();
    project.file(
        "s/main.rhai",
        "import \"a\" as a;\nfn times(n) { a::two() * n * param(\"by\", 1) }\nthrow 1;",
    );
    project.file("s/a.rhai", "fn two() { 2 }");
    let ran = project.kaizen(&["repl", "s/main.rhai", "-p", "by=10", "-e", "times(3)"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "60\n"), "{}", ran.stderr);
    assert_eq!(project.events("run_started")[0]["script"], "s/main.rhai");
    let ran = project.kaizen(&["repl", "s/main.rhai", "-p", "yb=10", "-e", "times(3)"]);
    assert!(ran.stderr.contains("did you mean `by`?"), "{}", ran.stderr);
    assert_eq!(ran.code, Some(3));
    let ran = project.kaizen(&["repl", "none.rhai", "-e", "1"]);
    let expected = "error: no script `none.rhai`; available: s/a.rhai, s/main.rhai\n";
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(3), expected));
}

#[test]
fn a_saved_script_is_loaded_anew() {
    let project = Project::new();
    project.file("main.rhai", "fn f() { 1 }\nfn save(text) { write_text(\"main.rhai\", text); }");
    let ran = pipe(
        &project,
        &["main.rhai", "--allow-write=main.rhai"],
        "f()\nsave(\"fn f() { 2 } fn save(t) { write_text(`main.rhai`, t); }\")\nf()\nsave(\"fn f( {\")\nf()\n",
    );
    assert_eq!(ran.stdout, "1\n2\n2\n", "{}", ran.stderr);
    assert!(ran.stderr.contains("the previous functions are kept"), "{}", ran.stderr);
}

#[test]
fn values_and_errors_for_programs() {
    let ran = Project::new().kaizen(&["repl", "--json", "-e", "[1]"]);
    assert_eq!(ran.stdout, "{\"type\":\"value\",\"value\":[1]}\n");
    let ran = Project::new().kaizen(&["repl", "--json", "-e", "1 / 0"]);
    assert!(
        ran.stdout.starts_with("{\"type\":\"error\",\"message\":\"division by zero"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_request_to_terminate_ends_a_session() {
    let project = Project::new();
    let mut command = project.command(&["repl"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"print(\"ready\"); sleep(60000)\n").unwrap();
    let mut line = String::new();
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(project.events("run_ended")[0]["status"], "interrupted");
}

#[test]
fn a_budget_can_be_set_and_raised_in_a_session() {
    let lines = ":set max_calls 1\nlet b = branch(\"demo/echo\");\nb.chat(\"one\")\n:set max_calls 2\n\
                 b.chat(\"two\")\nb.chat(\"three\")\n";
    let ran = pipe(&Project::new(), &[], lines);
    assert!(ran.stdout.contains("two") && !ran.stdout.contains("three"), "{}", ran.stdout);
    assert!(ran.stderr.contains("the limit of 2 calls (`max_calls`) is reached"), "{}", ran.stderr);
}
