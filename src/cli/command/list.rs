//! A bare `kaizen`: the scripts of the project, each with its first line of documentation. Tests are
//! no scripts to run.

use crate::base::file;
use crate::base::path_text::text_of;
use crate::base::spelling::nearest;
use crate::base::visible::on_one_line;
use crate::cli::app::condition::{Condition, condition};
use crate::cli::app::exit::Exit;
use crate::cli::app::project::Project;
use crate::cli::command::check;
use crate::cli::render::paint::Mood;
use crate::cli::render::table::{self, PrintedRow};
use crate::cli::{Global, print_data, print_line, say};
use crate::journal::history;
use crate::model::registry::Models;
use crate::script::ScriptParameter;
use crate::script::test::FILE_END;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Deepest folder below the project's that is searched.
const DEPTH_MAX: usize = 3;
/// Most scripts that an error lists.
const SCRIPTS_MAX: usize = 8;

/// Lists the scripts.
pub(in crate::cli) fn run(global: &Global) -> anyhow::Result<Exit> {
    let project = Project::find()?;
    let mut found = Vec::new();
    collect(&project.root, DEPTH_MAX, &mut found);
    found.sort();
    if found.is_empty() {
        say(
            "no scripts here; `kaizen init` creates a project in this folder, `kaizen new DIR` in a new one, \
             `kaizen --help` lists the commands",
        );
        return Ok(Exit::Ok);
    }

    let last = last_status(&project)?;
    let models = if global.json { Some(Rc::new(project.models(0)?)) } else { None };
    let mut rows = Vec::new();
    for path in found {
        let inside = path.strip_prefix(&project.root).unwrap_or(&path);
        let name = inside.display().to_string();
        let text = file::read_text(&path).unwrap_or_default();
        let doc = doc_of(&text);
        let status = last.get(&text_of(inside)).copied();

        if let Some(models) = &models {
            let params = parameters(&project, models, &path, &text)?;
            let last = status.map(Condition::word);
            print_data(json!({ "script": name, "doc": doc, "params": params, "last": last }));
        }
        let word = status.map_or("", Condition::word);
        let cells = vec![name, doc, word.to_owned()];
        rows.push(PrintedRow { cells, mood: status.and_then(Mood::of_run) });
    }

    if !global.json {
        print_line(&table::render(&["script", "what it does", "last run"], &rows));
    }
    Ok(Exit::Ok)
}

/// Returns the parameters of a script; nothing if it cannot be compiled, or if their names are computed.
fn parameters(
    project: &Project,
    models: &Rc<Models>,
    path: &Path,
    text: &str,
) -> anyhow::Result<Option<Vec<Value>>> {
    let program = check::host(project, models, path)?.compile(text).ok();
    let known = program.as_ref().and_then(|program| program.parameters());
    Ok(known.map(|known| known.iter().map(ScriptParameter::to_value).collect()))
}

/// Returns the scripts in a folder, relative to it.
pub(in crate::cli) fn scripts(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(folder, DEPTH_MAX, &mut found);
    found.sort();
    let inside = |path: PathBuf| path.strip_prefix(folder).map(Path::to_owned).unwrap_or(path);
    found.into_iter().map(inside).collect()
}

/// Suggests a script for one that is not there.
pub(in crate::cli) fn near(path: &Path) -> String {
    if path.exists() {
        return String::new();
    }

    let known = scripts(Path::new("."));
    let shown: Vec<String> =
        known.iter().map(|script| on_one_line(&text_of(script)).into_owned()).collect();
    let given = path.display().to_string();
    let names = shown.iter().map(String::as_str);

    // The folder may be what is wrong.
    let same_name = || known.iter().find(|script| script.file_name() == path.file_name());
    match nearest(&given, names).map(str::to_owned) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => match same_name() {
            Some(script) => format!("; did you mean `{}`?", on_one_line(&text_of(script))),
            None if shown.is_empty() => {
                "; there is no script here; `kaizen init` creates one".to_owned()
            }
            None => format!("; available: {}", shown[..shown.len().min(SCRIPTS_MAX)].join(", ")),
        },
    }
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };

    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if name.to_string_lossy().starts_with('.') || name == "target" {
            continue;
        }

        if path.is_dir() && depth > 0 {
            collect(&path, depth - 1, found);
        } else if path.extension().is_some_and(|ending| ending == "rhai")
            && !name.to_string_lossy().ends_with(FILE_END)
        {
            found.push(path);
        }
    }
}

/// Returns the first comment line of a script.
pub(in crate::cli) fn doc_of(text: &str) -> String {
    let first = text.lines().next().unwrap_or("").trim();

    let comment = first.strip_prefix("//!").or_else(|| first.strip_prefix("//"));
    comment.unwrap_or("").trim().to_owned()
}

/// Returns how each script's last run ended, by its path from the project's folder.
fn last_status(project: &Project) -> anyhow::Result<BTreeMap<String, Condition>> {
    let mut last = BTreeMap::new();

    if let Some(store) = project.existing_store()? {
        for row in history::runs(&store, 200)? {
            let status = condition(&row);
            last.entry(row.script).or_insert(status);
        }
    }

    Ok(last)
}
