//! `kaizen diff`: in what two runs differ.

use crate::support::Project;
use crate::support::server::{Server, json};
use expect_test::expect;
use serde_json::Value;

fn graph(prompt: &str) -> String {
    format!(
        r#"let b = builder("g");
           let a = b.add_operation("communicate", #{{ name: "a", instruction: "Say one." }});
           let c = b.add_operation("communicate", #{{ name: "b", instruction: "{prompt}" }});
           let d = b.add_operation("communicate", #{{ name: "c", instruction: "Sum up." }});
           let e = b.add_operation("communicate", #{{ name: "d", instruction: "Say four." }});
           b.add_operation("communicate", #{{ name: "e", instruction: "Say five." }});
           b.add_edge(c, d);
           print(session(branch("demo/echo")).flow(b).result("c"));"#
    )
}

#[test]
fn an_edited_prompt_is_told_with_what_follows_from_it() {
    let project = Project::new();
    // The demo model answers by the seed of its run, which is no part of what it was asked.
    for (seed, prompt) in [("1", "Say two words."), ("2", "Say three words.")] {
        project.file("g.rhai", &graph(prompt));
        let ran = project.kaizen(&["run", "g.rhai", "-q", "--seed", seed]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }

    let ran = project.kaizen(&["diff", "@-1", "@", "--json"]);
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    let changes: Vec<String> = found["ops"]
        .as_array()
        .unwrap()
        .iter()
        .map(|op| format!("{} {} {} {}", op["name"], op["change"], op["changed"], op["follows"]))
        .collect();
    expect![[r#"
        "a" "same" [] []
        "b" "prompt" ["prompt","result"] []
        "c" "prompt" ["prompt","result"] ["b"]
        "d" "same" [] []
        "e" "same" [] []"#]]
    .assert_eq(&changes.join("\n"));
    assert_eq!((ran.code, &found["same"]), (Some(1), &Value::Bool(false)));
    assert_eq!(found["differs"].as_array().unwrap().len(), 2, "{}", found["differs"]);

    let shown = project.kaizen(&["diff"]);
    let stable: Vec<String> = project
        .without_ids(&shown.stdout)
        .lines()
        .filter(|line| {
            line.contains("prompt:") || line.contains("result:") || line.contains("same")
        })
        .map(str::to_owned)
        .collect();
    expect![[r#"
        b prompt: − two   + three
        b result: − two   + three
        c prompt: − two   + three
        c result: − two   + three
        2 of 5 operations differ, 3 are the same"#]]
    .assert_eq(&stable.join("\n"));
}

#[test]
fn a_run_is_the_same_as_itself() {
    let project = Project::new();
    project.file("g.rhai", &graph("Say two words."));
    assert_eq!(project.kaizen(&["run", "g.rhai", "-q"]).code, Some(0));
    let ran = project.kaizen(&["diff", "@", "@"]);
    assert_eq!(ran.code, Some(0));
    expect![[r#"
        run RUN and run RUN of g.rhai
        before: no difference in script, files, parameters, models, limits, seed or version
        0 of 5 operations differ, 5 are the same
    "#]]
    .assert_eq(&project.without_ids(&ran.stdout));

    let missing = project.kaizen(&["diff", "@-7"]);
    assert_eq!((missing.code, missing.stdout.as_str()), (Some(2), ""));
}

#[test]
fn imported_files_models_and_what_was_read_are_told() {
    let project = Project::new();
    let server = Server::start(|_, _, body| {
        let version = if body.contains("cold") { "m-2026-01" } else { "m-2026-02" };
        let reply = serde_json::json!({
            "model": version,
            "choices": [{ "message": { "content": "yes" }, "finish_reason": "stop" }],
        });
        json(200, reply.to_string())
    });
    project.file("g.rhai", "import `lib/ask` as ask;\nask::it(read_text(`notes.txt`))");
    project.file(
        "lib/ask.rhai",
        "import `deep` as deep;\nfn it(text) { branch(`live`).chat(deep::of(text)) }",
    );

    for (word, temperature, data) in [("cold", 0.2, "a"), ("warm", 0.7, "b")] {
        project.file("lib/deep.rhai", &format!("fn of(text) {{ `{word} ${{text}}` }}"));
        project.file("notes.txt", data);
        let toml = format!(
            "[models.live]\nuse = \"openai/m\"\nbase_url = \"{}\"\ntemperature = {temperature}\n",
            server.url
        );
        project.file("kaizen.toml", &toml);
        let ran = project.kaizen(&["run", "g.rhai", "-q", "--seed", "1"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }

    let shown = project.kaizen(&["diff"]);
    let facts: Vec<&str> = shown.stdout.lines().filter(|line| line.contains("before: ")).collect();
    let steady: Vec<String> = facts
        .iter()
        .map(|line| {
            let (name, rest) = line.rsplit_once(": ").unwrap();
            let is_hash = name.contains("file `");
            if is_hash { format!("{name}: *") } else { format!("{name}: {rest}") }
        })
        .collect();
    expect![[r#"
        before: file `lib/deep.rhai`: *
        before: file `notes.txt`: *
        before: `temperature` of model `live` in the settings: 0.2 → 0.7
        before: version of `openai/m`: m-2026-01 → m-2026-02"#]]
    .assert_eq(&steady.join("\n"));
}

#[test]
fn without_names_the_last_run_is_compared_with_the_one_of_its_script_before_it() {
    let project = Project::new();
    project.file("a.rhai", "1");
    project.file("b.rhai", "2");
    let first_line = || {
        let shown = project.kaizen(&["diff"]).stdout;
        let line = shown.lines().next().unwrap_or_default().to_owned();
        line.split(' ')
            .map(|word| if word.len() > 10 { "ID" } else { word })
            .collect::<Vec<_>>()
            .join(" ")
    };

    project.kaizen(&["run", "a.rhai"]);
    project.kaizen(&["run", "b.rhai"]);
    assert_eq!(first_line(), "run ID of a.rhai and run ID of b.rhai: two scripts");
    project.kaizen(&["run", "a.rhai"]);
    assert_eq!(first_line(), "run ID and run ID of a.rhai");
}
