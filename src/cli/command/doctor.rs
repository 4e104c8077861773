//! `kaizen doctor`: whether everything is in order, and what to do where it is not.

use crate::base::count::counted;
use crate::base::visible::{on_one_line, shown_path};
use crate::cli::app::cause;
use crate::cli::app::exit::Exit;
use crate::cli::app::lease;
use crate::cli::app::probe::{permit, probe};
use crate::cli::app::project::Project;
use crate::cli::command::run::block_on;
use crate::cli::render::paint::{self, Mood};
use crate::cli::{Global, print_data, print_line};
use crate::journal::damage::Damage;
use crate::journal::inspection::Inspection;
use crate::model::Model;
use crate::optimizer::evidence::knowledge::Knowledge;
use crate::optimizer::learner::synced::SyncedLearner;
use crate::store::{self, FOLDER, Reader, StoreError};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    ok: bool,
    says: String,
    /// One line for each thing that is wrong, where there may be several.
    faults: Vec<String>,
    /// How the program ends if this is not in order.
    exit: Exit,
}

/// Most faults of one thing that are shown; as JSON, all are.
const FAULTS_MAX: usize = 20;

impl Finding {
    /// Makes a finding of something that has one fault at most.
    fn new(what: &'static str, found: Result<String, String>, exit: Exit) -> Finding {
        let ok = found.is_ok();
        let says = found.unwrap_or_else(|fault| fault);
        Finding { what, ok, says, faults: Vec::new(), exit }
    }
}

/// Looks at everything.
pub(in crate::cli) fn run(global: &Global) -> Exit {
    let program = format!("kaizen {}", env!("CARGO_PKG_VERSION"));
    let mut found = vec![Finding::new("program", Ok(program), Exit::Ok)];

    match Project::find() {
        Ok(project) => {
            let root = project.root.display().to_string();
            found.push(Finding::new("project", Ok(root), Exit::Ok));
            found.extend(model(&project));
            found.extend(store(&project));
        }
        Err(error) => {
            found.push(Finding::new("configuration", Err(cause::sentence(&error)), Exit::Refused));
        }
    }

    for finding in &found {
        show(global, finding);
    }

    found.iter().find(|finding| !finding.ok).map_or(Exit::Ok, |finding| finding.exit)
}

fn show(global: &Global, finding: &Finding) {
    let Finding { what, ok, says, faults, .. } = finding;
    if global.json {
        let mut line = json!({ "what": what, "ok": ok, "says": says });
        if !faults.is_empty() {
            line["faults"] = json!(faults);
        }
        return print_data(line);
    }

    let says = on_one_line(says);
    print_line(&format!(
        "{}  {what:14} {says}",
        paint::out(if *ok { "ok " } else { "NOT" }, if *ok { Mood::Good } else { Mood::Bad })
    ));
    for fault in faults.iter().take(FAULTS_MAX) {
        print_line(&format!("                    {}", on_one_line(fault)));
    }
    if faults.len() > FAULTS_MAX {
        let more = faults.len() - FAULTS_MAX;
        print_line(&format!("                    {more} more; `kaizen doctor --json` lists all"));
    }
}

/// Looks at the default model, and asks its endpoint if it has one.
fn model(project: &Project) -> Vec<Finding> {
    let models = project.models(0);
    let permitted = models.as_ref().map_or(Ok(()), |models| permit(project, models));
    let found = models.and_then(|models| Ok(models.default_model()?.0));
    let setup = match &found {
        Ok(model) => match model.fault() {
            Some(fault) => Err(format!("{}: {fault}", model.label)),
            None if model.is_demo() => Ok(format!("{} (the demo, offline)", model.label)),
            None => Ok(format!("{} at {}", model.label, model.server().unwrap_or("?"))),
        },
        Err(error) => Err(cause::sentence(error)),
    };

    let can_be_asked = setup.is_ok();
    let mut findings = vec![Finding::new("default model", setup, Exit::Refused)];
    if let Ok(model) = found
        && can_be_asked
        && !model.is_demo()
    {
        findings.push(match permitted {
            Ok(()) => endpoint(&model),
            Err(error) => Finding::new(
                "endpoint",
                Err(format!("not asked: {}", cause::sentence(&error))),
                Exit::Permission,
            ),
        });
    }
    findings
}

/// Asks the endpoint of a model.
fn endpoint(model: &Model) -> Finding {
    let answer = match block_on(probe(model)) {
        Ok(probed) => {
            let millis = probed.latency.as_millis();
            probed.answer.map(|answer| format!("{answer}, in {millis} ms (asked for 1 token)"))
        }
        Err(error) => Err(cause::sentence(&error)),
    };
    Finding::new("endpoint", answer, Exit::Provider)
}

fn store(project: &Project) -> Vec<Finding> {
    let path = project.store_path();
    if let Some(fault) = folders(project) {
        return vec![Finding::new("store", Err(fault), Exit::Store)];
    }

    let mut server = Vec::new();
    if let Some(described) = store::describe_server(&path) {
        let described = described.map_err(|error| error.to_string());
        server.push(Finding::new("server", described, Exit::Store));
        if !server[0].ok {
            return server;
        }
    }

    server.extend(store_itself(project, &path));
    server
}

/// Looks at the store and at what is in it.
fn store_itself(project: &Project, path: &Path) -> Vec<Finding> {
    // Whoever opens it reads as much of the log as is sound.
    let log = store::log_damage(path);
    let connection = match project.existing_store() {
        Ok(Some(connection)) => connection,
        Ok(None) => {
            let says = format!("no store yet; the first run creates `{}`", shown_path(path));
            let found = store::check_writable(path).map(|()| says);
            return vec![Finding::new("store", found.map_err(|e| e.to_string()), Exit::Store)];
        }
        Err(error) => return vec![Finding::new("store", Err(error.to_string()), Exit::Store)],
    };

    // Nothing that is damaged may be copied into the store.
    store::keep_log(&connection, true);
    let mut found = vec![file(&connection, path, log), journal(&connection, path)];
    store::keep_log(&connection, found.iter().any(|finding| !finding.ok));

    found.push(knowledge(connection));
    found
}

/// Looks for something else in the place of a folder that runs need.
fn folders(project: &Project) -> Option<String> {
    let own = project.root.join(FOLDER);
    let running = own.join(lease::FOLDER);

    let is_other = |path: &&PathBuf| path.symlink_metadata().is_ok_and(|meta| !meta.is_dir());
    let found = [own, running].iter().find(is_other).map(|path| path.display().to_string())?;
    Some(format!("`{found}` is not a folder; move it away, and the next run creates it"))
}

/// Looks at the file and its tables.
fn file(connection: &Reader, path: &Path, log: Option<String>) -> Finding {
    let damaged = |reason| Err(StoreError::Damaged { path: path.to_owned(), reason });
    let checked = store::check(connection, path)
        .and_then(|()| log.map_or(Ok(()), damaged))
        .and_then(|()| store::check_writable(path))
        // What can be read may be what a full disk has room for.
        .and_then(|()| store::reopen(path).map(drop));
    let checked = match checked {
        Ok(()) => Ok(path.display().to_string()),
        Err(error @ StoreError::Damaged { .. }) => {
            Err(format!("{error}; move it away, then restore a copy or start a new store"))
        }
        Err(error) => Err(error.to_string()),
    };

    Finding::new("store", checked, Exit::Store)
}

/// Looks at the journal of every run.
fn journal(connection: &Reader, path: &Path) -> Finding {
    let inspection = match (Inspection::of(connection), store::mark(path)) {
        (Ok(inspection), Some(mark)) => inspection.and_mark(connection, &mark),
        (Ok(inspection), None) => inspection,
        (Err(error), _) => return Finding::new("journal", Err(error.to_string()), Exit::Store),
    };

    let runs = counted(inspection.runs, "run", "runs");
    if inspection.damage.is_empty() {
        return Finding::new("journal", Ok(runs), Exit::Store);
    }

    let damaged: BTreeSet<_> = inspection.damage.iter().map(Damage::run).collect();
    let says = format!(
        "{} in the journals of {} (of {runs}); the rest is still used: `kaizen export --all -o \
         FILE` saves it, and a copy of the store repairs the damage",
        counted(inspection.damage.len(), "fault", "faults"),
        counted(damaged.len(), "run", "runs"),
    );

    let faults = inspection.damage.iter().map(ToString::to_string).collect();
    Finding { faults, ..Finding::new("journal", Err(says), Exit::Store) }
}

/// Looks at what was learned.
fn knowledge(connection: Reader) -> Finding {
    let knowledge = Knowledge::read(connection);
    let faults = knowledge.check().and_then(|mut faults| {
        faults.extend(SyncedLearner::check_snapshots(&knowledge)?);
        Ok(faults)
    });

    let found = match faults {
        Ok(faults) if faults.is_empty() => Ok("agrees with its observations".to_owned()),
        Ok(faults) => {
            let says = counted(faults.len(), "fault", "faults");
            return Finding { faults, ..Finding::new("knowledge", Err(says), Exit::Store) };
        }
        Err(error) => Err(error.to_string()),
    };

    Finding::new("knowledge", found, Exit::Store)
}
