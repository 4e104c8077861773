//! `kaizen new DIR`: a project that runs at once, offline.

use crate::cli::exit::Exit;
use crate::cli::{print_line, say};
use anyhow::Context;
use std::path::PathBuf;

/// The options of `new`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The folder to create; it must not exist, or be empty.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

const CONFIG: &str = r#"# Settings of this project; `kaizen config show --origin` tells which apply.
[project]
# The default model: an alias from below, or provider/name. Without one, OPENAI_API_KEY and
# OPENAI_MODEL of the environment are used, else the built-in demo model.
# model = "fast"

# [models.fast]
# use = "openai/gpt-4o-mini"
# key = "env:OPENAI_API_KEY"
# temperature = 0.2
"#;

const SCRIPT: &str = r#"//! Asks three questions at once and sums the answers up. Four calls.
let topic = param("topic", "electric vans", "what to research");

let graph = builder("research");
let parts = ["market", "rivals", "risks"].map(|part| graph.add_operation("communicate", #{
    name: part,
    instruction: `Describe the ${part} of ${topic} in two sentences.`,
}));
graph.add_aggregation("communicate", #{
    name: "summary",
    source_node_ids: parts,
    instruction: "Sum up in three sentences.",
});

let report = session().flow(graph, #{ max_concurrent: 3 });
print(`${report.metrics.calls} calls, ${report.metrics.speedup} times faster than in turn`);
report.result("summary")
"#;

/// Creates the project.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let folder = &arguments.directory;
    let taken = folder.exists()
        && (!folder.is_dir()
            || std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()));
    if taken {
        say(&format!("error: `{}` exists and is not an empty folder", folder.display()));
        return Ok(Exit::Usage);
    }
    let files =
        [("kaizen.toml", CONFIG), ("scripts/main.rhai", SCRIPT), (".gitignore", ".kaizen/\n")];
    for (name, text) in files {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent)
            .with_context(|| format!("creating `{}`", parent.display()))?;
        std::fs::write(&path, text).with_context(|| format!("writing `{}`", path.display()))?;
    }
    print_line(&format!("created `{}`; now:", folder.display()));
    print_line(&format!("  cd {}\n  kaizen run scripts/main.rhai", folder.display()));
    Ok(Exit::Ok)
}
