//! `kaizen new DIR`: a project that runs at once, offline.

use crate::cli::app::exit::Exit;
use crate::cli::{print_line, say};
use anyhow::Context;
use std::path::PathBuf;

/// The options of `new`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Folder to create. It must be empty or not exist.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

const CONFIG: &str = r#"# Settings of this project. `kaizen config show --origin` lists the settings in effect.
[project]
# The default model: an alias from below, or provider/name. Without one, OPENAI_API_KEY and
# OPENAI_MODEL of the environment are used, else the built-in demo model.
# model = "fast"

# [models.fast]
# use = "openai/gpt-4o-mini"
# key = "env:OPENAI_API_KEY"
# temperature = 0.2
"#;

const SCRIPT: &str = r#"//! Asks three questions concurrently and summarises the answers. Four calls.
import "lib/research" as research;

let topic = param("topic", "electric vans", "what to research");

let graph = builder("research");
let parts = ["market", "rivals", "risks"].map(|part| graph.add_operation("communicate", #{
    name: part,
    instruction: research::question(part, topic),
}));
graph.add_aggregation("communicate", #{
    name: "summary",
    source_node_ids: parts,
    instruction: "Sum up in three sentences.",
});

let report = session().flow(graph, #{ max_concurrent: 3 });
let summary = report.result("summary");
let speedup = (report.metrics.speedup * 10.0).round() / 10.0;
print(`${report.metrics.calls} calls, ${speedup} times faster than in turn`);
summary
"#;

const LIBRARY: &str = r#"//! Functions shared by the scripts and tests of this project.

fn question(part, topic) {
    `Describe the ${part} of ${topic} in two sentences.`
}
"#;

const TEST: &str = r#"//! `kaizen test` calls every function here whose name begins with `test_`.
import "../scripts/lib/research" as research;

fn test_a_question_names_part_and_topic() {
    let expected = "Describe the market of trams in two sentences.";
    assert_eq(research::question("market", "trams"), expected);
}

fn test_an_answer_is_about_the_question() {
    // The demo model answers offline. For a real model, `--record new` records the replies, and
    // later runs play them back.
    let answer = branch("demo/echo").chat(research::question("risks", "trams"));
    assert(answer.contains("risks of trams"), answer);
}
"#;

/// Creates the project.
pub(in crate::cli) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let folder = &arguments.directory;
    let taken = folder.exists()
        && (!folder.is_dir()
            || std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()));
    if taken {
        say(&format!("error: `{}` exists and is not an empty folder", folder.display()));
        return Ok(Exit::Usage);
    }

    let files = [
        ("kaizen.toml", CONFIG),
        ("scripts/main.rhai", SCRIPT),
        ("scripts/lib/research.rhai", LIBRARY),
        ("tests/research_test.rhai", TEST),
        (".gitignore", ".kaizen/\n"),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent)
            .with_context(|| format!("creating `{}`", parent.display()))?;
        std::fs::write(&path, text).with_context(|| format!("writing `{}`", path.display()))?;
    }

    print_line(&format!("created `{}`. Next:", folder.display()));
    print_line(&format!(
        "  cd {}\n  kaizen run scripts/main.rhai\n  kaizen test",
        folder.display()
    ));
    Ok(Exit::Ok)
}
