//! `kaizen repl` on a terminal: nothing of what is typed ahead or pasted is lost, and a script without functions
//! can be run with its variables kept.

use crate::support::Project;
use crate::support::terminal::OnTerminal;

fn start(project: &Project, arguments: &[&str]) -> OnTerminal {
    let mut command = project.command(arguments);
    command.env("TERM", "xterm").env("NO_COLOR", "1");
    let mut terminal = OnTerminal::start(command);
    terminal.until(":help");
    terminal.until("> ");
    terminal
}

fn paste(terminal: &mut OnTerminal, text: &str) {
    text.chars().for_each(|key| terminal.press(key));
}

#[test]
fn lines_that_arrive_at_once_are_all_evaluated() {
    for end in ["\r", "\n"] {
        let project = Project::new();
        let mut terminal = start(&project, &["repl"]);
        let lines: Vec<String> = (1..=20).map(|n| format!("let v{n} = {n};")).collect();
        terminal.send(&(lines.join(end) + end + "`sum ${v1 + v20 * 1000}`" + end));
        terminal.until("sum 20001");
        paste(&mut terminal, ":quit\r");
        assert!(terminal.child.wait().expect("an end").success());
    }
}

#[test]
fn lines_pasted_in_brackets_are_all_evaluated() {
    let project = Project::new();
    let mut terminal = start(&project, &["repl"]);
    terminal.send("\x1b[200~let r = 1\nlet s = 2\nr + s * 1000\x1b[201~\r");
    terminal.until("2001");
    paste(&mut terminal, ":quit\r");
    assert!(terminal.child.wait().expect("an end").success());
}

#[test]
fn what_is_typed_while_a_call_runs_is_evaluated_after_it() {
    let project = Project::new();
    project.file("kaizen.toml", "[models.slow]\nuse = \"demo/echo\"\nlatency_ms = 700\n");
    let mut terminal = start(&project, &["repl"]);
    terminal.send("let a = branch(\"slow\").chat(\"One\");\rlet b = 4;\r`b is ${b * 1000}`\r");
    terminal.until("b is 4000");
    paste(&mut terminal, ":quit\r");
    assert!(terminal.child.wait().expect("an end").success());
}

#[test]
fn a_script_without_functions_is_run_with_its_variables_kept() {
    let project = Project::new();
    project.file("s.rhai", "let graph_size = 41;\ngraph_size + 1\n");
    let mut terminal = OnTerminal::start(project.command(&["repl", "s.rhai"]));
    terminal.until("`s.rhai` defines no functions, so nothing is loaded; `:run` runs it here and keeps its variables");
    terminal.until("> ");
    terminal.send(":run\r");
    terminal.until("42");
    terminal.until("> ");
    terminal.send("`kept ${graph_size}`\r");
    terminal.until("kept 41");
}

#[test]
fn a_finished_run_is_a_report() {
    let project = Project::new();
    let script = "let g = builder(\"g\");\ng.add_operation(|| 7, #{ name: \"seven\" });\n\
                  g.add_operation(|| throw \"no luck\", #{ name: \"bad\" });\n\
                  session(branch(\"demo/echo\")).flow(g, #{ allow_failures: true });";
    project.file("s.rhai", script);
    assert_eq!(project.kaizen(&["run", "s.rhai"]).code, Some(0));

    let said = |code: &str| {
        let ran = project.kaizen(&["repl", "--eval", code]);
        ran.stdout + ran.stderr.as_str()
    };
    let mut found = String::new();
    for code in [
        "run(\"@\").result(\"seven\")",
        "run(\"@\").failed_operations",
        "run(\"@\").errors.bad.message",
        "run(\"@\").metrics.completed_operations",
        "run(\"@-99\")",
        "run(\"@x\")",
        "run(\"zzz\")",
    ] {
        found += &format!("{code}\n{}", said(code));
    }
    project.file("t.rhai", "run(\"@\")");
    let refused = project.kaizen(&["run", "t.rhai"]).stderr;
    // The last line is about the run and differs each time.
    found += refused.split_once("run=").map_or(refused.as_str(), |(said, _)| said);
    expect_test::expect![[r#"
        run("@").result("seven")
        7
        run("@").failed_operations
        ["bad"]
        run("@").errors.bad.message
        no luck
        run("@").metrics.completed_operations
        1
        run("@-99")
        error[K0102]: unknown run `@-99`; `:runs` lists them
         --> repl:1:1
          |
        1 | run("@-99")
          | ^^^
        run("@x")
        error[K0102]: unknown run `@x`; `:runs` lists them
         --> repl:1:1
          |
        1 | run("@x")
          | ^^^
        run("zzz")
        error[K0102]: unknown run `zzz`; `:runs` lists them
         --> repl:1:1
          |
        1 | run("zzz")
          | ^^^
        error[K0102]: `run(name)` looks at a finished run, which works in `kaizen repl` only; to choose and execute a pattern, write `optimizer.run(task, patterns, input)`
         --> t.rhai:1:1
          |
        1 | run("@")
          | ^^^
    "#]].assert_eq(&found);
}
