//! A key that a server tells back reaches no sink.

use crate::support::Project;
use crate::support::server::{Server, answer, refusal};
use std::path::Path;

const KEY: &str = "sk-canary-4711/+x";
/// The key in Base64, as a server that logs headers may show it.
const BASE64: &str = "c2stY2FuYXJ5LTQ3MTEvK3";

/// Returns the names of all files below a folder that hold a text.
fn holding(folder: &Path, text: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            holding(&path, text, found);
        } else if std::fs::read(&path).unwrap().windows(text.len()).any(|w| w == text.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
}

#[test]
fn a_key_that_a_server_tells_back_is_shown_and_kept_nowhere() {
    let server = Server::start(|number, _, _| match number {
        0 | 3 => answer(&format!("you sent {KEY} ({BASE64}g=)")),
        _ => refusal(400, &format!("the key {KEY} or {BASE64}g= is odd")),
    });
    let project = Project::new();
    project.file(
        "kaizen.toml",
        &format!(
            "[project]\nmodel = \"live\"\n[models.live]\nuse = \"openai/m\"\nbase_url = \"{}\"\n\
             key = \"env:MY_KEY\"\n",
            server.url
        ),
    );
    let script = r#"
        let b = branch();
        print(b.communicate("one"));
        let told = attempt(|| b.chat("two")).error.message;
        print(told);
        log.info(told);
        write_text("out.txt", told + b.messages[1].content);
        optimizer().save_pattern_failure("t", "p", #{ kind: "wrong_answer", message: told });
        knowledge("learned.json").save_pattern_failure("t", "p", told);
        state.told = told;
        b.chat("three")
    "#;
    project.file("s.rhai", script);
    let run = |arguments: &[&str]| {
        let output = project.command(arguments).env("MY_KEY", KEY).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let said = [
        run(&["run", "s.rhai", "--allow-write"]),
        run(&["run", "s.rhai", "--json", "--allow-write"]),
        run(&["show", "--json"]),
        run(&["show", "@-1"]),
        run(&["patterns"]),
        run(&["repl", "--eval", "branch().chat(\"x\")"]),
        run(&["plan", "s.rhai"]),
        run(&["models"]),
        run(&["doctor"]),
    ];
    assert!(said[0].contains("the key [secret] or [secret]"), "{}", said[0]);
    for text in &said {
        assert!(!text.contains("canary") && !text.contains(BASE64), "{text}");
    }
    let mut found = Vec::new();
    holding(project.path(), "canary", &mut found);
    holding(project.path(), BASE64, &mut found);
    assert_eq!(found, Vec::<String>::new());
    assert!(
        project.path().join("out.txt").exists() && project.path().join("learned.json").exists()
    );
}
