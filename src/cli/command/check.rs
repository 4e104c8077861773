//! `kaizen check [PATHS]`: everything that is wrong with scripts, without running them.

use crate::base::count::counted;
use crate::base::failure::Place;
use crate::base::file;
use crate::base::id::RunId;
use crate::base::visible::shown_path;
use crate::cli::app::config::SettingOrigin;
use crate::cli::app::config_faults;
use crate::cli::app::exit::Exit;
use crate::cli::app::project::Project;
use crate::cli::render::diagnostic;
use crate::cli::render::paint::{self, Mood};
use crate::cli::render::underway::unbounded;
use crate::cli::{Global, print_data, print_line, say};
use crate::executor::Executor;
use crate::journal::Journal;
use crate::model::model_error::ModelError;
use crate::model::registry::Models;
use crate::script::diagnostic::{Diagnostic, Severity, codes};
use crate::script::{Host, State, Surroundings};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Longest script that is read, in bytes.
const SCRIPT_MAX: u64 = 4 << 20;
/// Deepest folder that is looked through.
const DEPTH_MAX: usize = 16;

/// The options of `check`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Scripts, or folders to search for scripts. Defaults to the project.
    paths: Vec<PathBuf>,
    /// Count warnings as errors: `--deny warnings`.
    #[arg(long, value_name = "WHAT", value_parser = ["warnings"])]
    deny: Option<String>,
}

/// Checks the scripts and tells what is wrong with them.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let project = Project::find()?;
    let models = Rc::new(project.models(0)?);
    let files = files_to_check(&project, arguments)?;
    if files.is_empty() {
        say("no scripts here; `kaizen check PATH` checks other scripts");
        return Ok(Exit::Ok);
    }

    let mut errors = 0;
    let mut warnings = 0;
    let mut is_unbounded = false;
    for file in &files {
        let found = match read(file) {
            Ok(text) => {
                let host = host(&project, &models, file)?;
                is_unbounded |= host.asks_without_limit(&text);
                host.check(&text)
            }
            Err(reason) => {
                errors += 1;
                tell_unreadable(global, file, &reason);
                continue;
            }
        };

        for diagnostic in found {
            match diagnostic.level {
                Severity::Error => errors += 1,
                Severity::Warning => warnings += 1,
            }
            show(global, &diagnostic);
        }
    }

    match models.default_model() {
        Ok((model, _)) if is_unbounded && model.has_no_bound() => {
            tell(global, &unbounded(&model.label));
        }
        Ok(_) => {}
        // Here other variables may be set than where the scripts will run.
        Err(error @ ModelError::NoDefault { .. }) => tell(global, &format!("note: {error}")),
        Err(error) => {
            errors += 1;
            show(global, &default_model_fault(&project, &error));
        }
    }

    if !global.quiet {
        let scripts = counted(files.len(), "script", "scripts");
        let found = counted(errors, "error", "errors");
        let found = paint::err(&found, if errors > 0 { Mood::Bad } else { Mood::Good });
        let warned = counted(warnings, "warning", "warnings");
        let warned = if warnings > 0 { paint::err(&warned, Mood::Doubtful) } else { warned };
        say(&format!("{found}, {warned} in {scripts}"));
    }

    let is_wrong = errors > 0 || warnings > 0 && arguments.deny.is_some();
    Ok(if is_wrong { Exit::Refused } else { Exit::Ok })
}

fn show(global: &Global, diagnostic: &Diagnostic) {
    if global.json {
        print_data(diagnostic::to_json(diagnostic));
    } else {
        print_line(&diagnostic::render(diagnostic, global.color_out));
    }
}

fn tell(global: &Global, note: &str) {
    if !global.quiet {
        say(note);
    }
}

/// Shows where the default model is set that cannot be had.
fn default_model_fault(project: &Project, error: &ModelError) -> Diagnostic {
    let (message, help) = error.parts();
    let mut shown = Diagnostic::new(codes::MODEL, format!("the default model: {message}"));
    shown.help = help.map(str::to_owned);

    match project.config.origin("project.model") {
        Some(SettingOrigin::File(path)) => {
            let here = std::env::current_dir().unwrap_or_default();
            let file = path.strip_prefix(here).unwrap_or(path).display().to_string();
            let text = file::read_text(path).unwrap_or_default();
            let place = config_faults::value_place(&text, "project", "model");
            if let Some((line, column, width)) = place {
                shown.place = Some(Place { file, line, column });
                shown.text = Some(text);
                shown.width = width;
            }
        }
        Some(origin) => shown.message = format!("{origin}: {message}"),
        None => {}
    }
    shown
}

/// Returns the scripts to check: those that are named, or else those of the project.
fn files_to_check(project: &Project, arguments: &Arguments) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    if arguments.paths.is_empty() {
        collect(&project.root, 0, &mut files);
        // Files are shown as they would be typed here.
        let here = std::env::current_dir()?;
        for file in &mut files {
            if let Ok(inside) = file.strip_prefix(&here) {
                *file = inside.to_owned();
            }
        }
    }

    for path in &arguments.paths {
        if path.is_dir() {
            collect(path, 0, &mut files);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

/// Finds the scripts of a folder; hidden folders and those of other tools are left out.
pub(in crate::cli) fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();

    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_link = path.symlink_metadata().is_ok_and(|meta| meta.is_symlink());

        if path.is_dir() {
            let is_foreign = name.starts_with('.') || name == "target" || name == "node_modules";
            if !is_foreign && !is_link && depth < DEPTH_MAX {
                collect(&path, depth + 1, files);
            }
        } else if path.extension().is_some_and(|ending| ending == "rhai") {
            files.push(path);
        }
    }
}

/// Says that a script is too long, if it has this many bytes.
pub(in crate::cli) fn too_long(length: u64) -> Option<String> {
    let said = format!("it has {length} bytes; the maximum for a script is {SCRIPT_MAX}");
    (length > SCRIPT_MAX).then_some(said)
}

/// Reads a script; the error says why it cannot be one.
pub(in crate::cli) fn read(path: &Path) -> Result<String, String> {
    let length = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if let Some(said) = too_long(length) {
        return Err(said);
    }

    let bytes = crate::base::file::read(path).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| "it is not valid UTF-8".to_owned())
}

fn tell_unreadable(global: &Global, file: &Path, reason: &str) {
    let message = format!("cannot read `{}`: {reason}", shown_path(file));

    if global.json {
        print_data(
            json!({ "level": "error", "message": message, "file": file.display().to_string() }),
        );
    } else {
        say(&format!("error: {message}"));
    }
}

/// Creates a host that does nothing, for reading a script.
pub(in crate::cli) fn host(
    project: &Project,
    models: &Rc<Models>,
    file: &Path,
) -> anyhow::Result<Host> {
    host_with(project, models, file, serde_json::Map::new())
}

/// Does the same with parameters.
pub(in crate::cli) fn host_with(
    project: &Project,
    models: &Rc<Models>,
    file: &Path,
    params: serde_json::Map<String, serde_json::Value>,
) -> anyhow::Result<Host> {
    let root = match file.canonicalize() {
        Ok(whole) if !whole.starts_with(&project.root) => {
            whole.parent().map_or_else(|| project.root.clone(), Path::to_owned)
        }
        _ => project.root.clone(),
    };

    Ok(Host::new(Surroundings {
        executor: Rc::new(Executor::new(Journal::off(RunId::fresh()), 0, None)),
        models: models.clone(),
        servers: project.servers(models.clone())?,
        permissions: project.permissions(&root)?,
        root,
        script: file.to_owned(),
        params,
        print: Rc::new(|_| {}),
        say: Rc::new(|_| {}),
        interrupted: std::sync::Arc::default(),
        store: None,
        learn_from_demo: false,
        operations_max: project.config.operations_max(),
        state: State::default(),
    }))
}
