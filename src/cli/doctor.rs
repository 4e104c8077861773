//! `kaizen doctor`: whether everything is in order, and what to do where it is not.

use crate::cli::exit::Exit;
use crate::cli::project::Project;
use crate::cli::{Global, print_line};
use crate::journal::history;
use crate::optimizer::experience::Experience;
use crate::optimizer::knowledge::Knowledge;
use crate::store::{self, StoreError};
use serde_json::json;

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    ok: bool,
    says: String,
    /// How the program ends if this is not in order.
    exit: Exit,
}

/// Looks at everything.
pub(super) fn run(global: &Global) -> Exit {
    let mut found = vec![Finding {
        what: "program",
        ok: true,
        says: format!("kaizen {}", env!("CARGO_PKG_VERSION")),
        exit: Exit::Ok,
    }];
    match Project::find() {
        Ok(project) => {
            let says = project.root.display().to_string();
            found.push(Finding { what: "project", ok: true, says, exit: Exit::Ok });
            found.push(model(&project));
            found.extend(store(&project));
        }
        Err(error) => {
            let says = format!("{error:#}");
            found.push(Finding { what: "configuration", ok: false, says, exit: Exit::Refused });
        }
    }
    for finding in &found {
        if global.json {
            let line = json!({ "what": finding.what, "ok": finding.ok, "says": finding.says });
            print_line(&line.to_string());
        } else {
            let mark = if finding.ok { "ok " } else { "NOT" };
            print_line(&format!("{mark}  {:14} {}", finding.what, finding.says));
        }
    }
    found.iter().find(|finding| !finding.ok).map_or(Exit::Ok, |finding| finding.exit)
}

fn model(project: &Project) -> Finding {
    let found = project.models(0).and_then(|models| Ok(models.default_model()?));
    let (ok, says) = match found {
        Ok((model, _)) => match model.fault() {
            Some(fault) => (false, format!("{}: {fault}", model.label)),
            None if model.is_demo() => (true, format!("{} (the demo, offline)", model.label)),
            None => (true, format!("{} at {}", model.label, model.server().unwrap_or("?"))),
        },
        Err(error) => (false, format!("{error:#}")),
    };
    Finding { what: "default model", ok, says, exit: Exit::Refused }
}

fn store(project: &Project) -> Vec<Finding> {
    let path = project.store_path();
    let connection = match project.existing_store() {
        Ok(Some(connection)) => connection,
        Ok(None) => {
            let says = format!("none yet; the first run creates `{}`", path.display());
            return vec![Finding { what: "store", ok: true, says, exit: Exit::Ok }];
        }
        Err(error) => {
            return vec![Finding {
                what: "store",
                ok: false,
                says: error.to_string(),
                exit: Exit::Store,
            }];
        }
    };
    let checked = store::check(&connection, &path);
    let (ok, says) = match checked {
        Ok(()) => (true, path.display().to_string()),
        Err(error @ StoreError::Damaged { .. }) => {
            (false, format!("{error}; move it away and restore a copy, or start anew"))
        }
        Err(error) => (false, error.to_string()),
    };
    let mut found = vec![Finding { what: "store", ok, says, exit: Exit::Store }];
    let runs = history::runs(&connection, usize::MAX).map(|runs| runs.len());
    let runs = runs.map_or_else(
        |e| (false, e.to_string()),
        |n| (true, if n == 1 { "1 run".to_owned() } else { format!("{n} runs") }),
    );
    found.push(Finding { what: "journal", ok: runs.0, says: runs.1, exit: Exit::Store });
    let knowledge = Knowledge::read(connection);
    let faults = knowledge.check().and_then(|mut faults| {
        faults.extend(Experience::check_snapshots(&knowledge)?);
        Ok(faults)
    });
    let (ok, says) = match faults {
        Ok(faults) if faults.is_empty() => (true, "agrees with its observations".to_owned()),
        Ok(faults) => (false, faults.join("; ")),
        Err(error) => (false, error.to_string()),
    };
    found.push(Finding { what: "knowledge", ok, says, exit: Exit::Store });
    found
}
