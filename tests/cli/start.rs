//! Starting: projects of every template, folders that exist, scripts that are not there, models that are
//! half set up.

use crate::support::{Project, Ran};

const TEMPLATES: [&str; 6] = ["hello", "compare", "graph", "test", "evolve", "agent"];

#[test]
fn every_template_runs_offline_as_it_says() {
    for template in TEMPLATES {
        let project = Project::new();
        let made = project.kaizen(&["new", "p", "--template", template]);
        assert_eq!(made.code, Some(0), "{template}: {}", made.stderr);

        let steps: Vec<&str> =
            made.stdout.lines().filter_map(|line| line.strip_prefix("  kaizen ")).collect();
        assert!(!steps.is_empty(), "{template}: {}", made.stdout);
        for step in steps {
            let mut arguments = vec!["-C", "p"];
            arguments.extend(step.split(' '));
            let mut command = project.command(&arguments);
            let ran = Ran::from(command.env("PATH", crate::scripts::path()).output().unwrap());
            assert_eq!(
                ran.code,
                Some(0),
                "{template}: kaizen {step}\n{}{}",
                ran.stdout,
                ran.stderr
            );
        }
    }
}

#[test]
fn a_new_project_says_what_comes_next() {
    let project = Project::new();
    let made = project.kaizen(&["new", "p", "--template", "hello"]);
    expect_test::expect![[r#"
        created `p`. Next:
          cd p
          kaizen run scripts/hello.rhai
    "#]]
    .assert_eq(&made.stdout);

    let again = project.kaizen(&["new", "p"]);
    assert_eq!(again.code, Some(2));
    expect_test::expect![[r#"
        error: `p` exists and is not an empty folder; `kaizen init p` adds missing files and keeps existing ones
    "#]]
    .assert_eq(&again.stderr);
}

#[test]
fn a_folder_that_exists_becomes_a_project_and_nothing_is_overwritten() {
    let project = Project::new();
    project.file("scripts/main.rhai", "1\n").file(".gitignore", "target\n").file("notes.md", "x");

    let made = project.kaizen(&["init"]);
    expect_test::expect![[r#"
        created  kaizen.toml
        kept     scripts/main.rhai, which exists
        created  scripts/lib/research.rhai
        created  tests/research_test.rhai
        kept     .gitignore, which exists; add `.kaizen/` to it
        Next:
          kaizen run scripts/main.rhai
          kaizen test
    "#]]
    .assert_eq(&made.stdout);
    let read = |name: &str| std::fs::read_to_string(project.path().join(name)).expect("a file");
    assert_eq!((read("scripts/main.rhai"), read(".gitignore")), ("1\n".into(), "target\n".into()));

    let again = project.kaizen(&["init"]);
    assert_eq!(again.stdout.lines().filter(|line| line.starts_with("kept")).count(), 5);
}

#[test]
fn a_script_that_is_not_there_gets_a_suggestion() {
    let project = Project::new();
    project.file("scripts/main.rhai", "1").file("scripts/other.rhai", "2");
    let said = |arguments: &[&str]| {
        let ran = project.kaizen(arguments);
        assert_eq!(ran.code, Some(3), "{arguments:?}");
        ran.stderr
    };

    let mut found = String::new();
    for script in ["scripts/main.rhia", "main.rhai", "script/main.rhai", "scripts/zzzzzzzzzz"] {
        found += &said(&["run", script]);
    }
    found += &said(&["repl", "scripts/mian.rhai"]);
    expect_test::expect![[r#"
        error: cannot read `scripts/main.rhia`: No such file or directory (os error 2); did you mean `scripts/main.rhai`?
        error: cannot read `main.rhai`: No such file or directory (os error 2); did you mean `scripts/main.rhai`?
        error: cannot read `script/main.rhai`: No such file or directory (os error 2); did you mean `scripts/main.rhai`?
        error: cannot read `scripts/zzzzzzzzzz`: No such file or directory (os error 2); available: scripts/main.rhai, scripts/other.rhai
        error: no script `scripts/mian.rhai`; did you mean `scripts/main.rhai`?
    "#]].assert_eq(&found);
}

/// Runs a script that names no model, with variables set.
fn with(variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let project = Project::new();
    project.file("s.rhai", "branch().chat(\"Hi\")");
    let mut command = project.command(arguments);
    command.envs(variables.iter().copied());
    Ran::from(command.output().expect("the program starts"))
}

#[test]
fn a_provider_without_a_model_stops_the_run_unless_the_demo_is_asked_for() {
    let run = ["run", "s.rhai"];
    for variables in [
        [("OPENAI_API_KEY", "sk-a-key-of-mine")],
        [("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")],
        [("OPENAI_MODEL", "gpt-x")],
        [("ANTHROPIC_API_KEY", "sk-a-key-of-mine")],
        [("GEMINI_API_KEY", "sk-a-key-of-mine")],
        [("OLLAMA_HOST", "127.0.0.1:1")],
    ] {
        let ran = with(&variables, &run);
        assert_eq!(ran.code, Some(3), "{variables:?} {}{}", ran.stdout, ran.stderr);
        assert!(!ran.stderr.contains("sk-a-key-of-mine"), "{}", ran.stderr);

        let demo = with(&variables, &["run", "s.rhai", "--model", "demo/echo"]);
        assert_eq!(demo.code, Some(0), "{variables:?} {}", demo.stderr);
    }

    let ran = with(&[("OPENAI_API_KEY", "sk-a-key-of-mine")], &run);
    expect_test::expect![[r#"
        error[K0104]: OPENAI_API_KEY is set, but OPENAI_MODEL is not, so there is no default model; set OPENAI_MODEL, or `model = "openai/NAME"` under [project] in kaizen.toml, or run with `--model openai/NAME`; `--model demo/echo` asks the built-in demo
         --> s.rhai:1:1
          |
        1 | branch().chat("Hi")
          | ^^^^^^
    "#]].assert_eq(ran.stderr.split_once("run=").map_or(ran.stderr.as_str(), |(said, _)| said));
    let listed = with(&[("ANTHROPIC_API_KEY", "sk-a-key-of-mine")], &["models"]);
    assert_eq!(listed.code, Some(3));
    expect_test::expect![[r#"
        error: ANTHROPIC_API_KEY is set, but the name of a model is not, so there is no default model; set KAIZEN_MODEL=anthropic/NAME, or `model = "anthropic/NAME"` under [project] in kaizen.toml, or run with `--model anthropic/NAME`; `--model demo/echo` asks the built-in demo
    "#]].assert_eq(&listed.stderr);
}
