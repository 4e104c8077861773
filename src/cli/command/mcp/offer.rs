//! The tools that `kaizen mcp` offers, and the arguments of each.

use crate::base::spelling::nearest;
use crate::base::visible::shown_path;
use crate::cli::app::project::Project;
use crate::cli::command::{check, list};
use crate::script::{ScriptError, ScriptParameter};
use rmcp::model::{Tool, ToolAnnotations};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// Most characters of the name of a tool.
const NAME_MAX: usize = 64;

/// What a tool does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ability {
    ListScripts,
    CheckScript,
    ListRuns,
    ShowRun,
    Advise,
    /// Runs the script that the arguments name.
    RunScript,
    /// Runs this script.
    RunThis(String),
}

/// One tool.
#[derive(Debug, Clone)]
pub(super) struct ToolOffer {
    pub(super) ability: Ability,
    pub(super) name: String,
    description: String,
    pub(super) schema: Value,
}

impl ToolOffer {
    /// Returns all tools, or what is wrong with the scripts that shall be some.
    pub(super) fn all(
        project: &Project,
        scripts: &[PathBuf],
        runs: bool,
    ) -> anyhow::Result<Result<Vec<ToolOffer>, String>> {
        let mut offers = readers();
        if runs {
            offers.push(run_script());
        }

        for script in scripts {
            match of_script(project, script)? {
                Err(reason) => return Ok(Err(reason)),
                Ok(offer) if offers.iter().any(|other| other.name == offer.name) => {
                    return Ok(Err(format!(
                        "two tools would have the name `{}`; rename `{}`",
                        offer.name,
                        shown_path(script)
                    )));
                }
                Ok(offer) => offers.push(offer),
            }
        }
        Ok(Ok(offers))
    }

    /// Returns the tool as the protocol describes it.
    pub(super) fn tool(&self) -> Tool {
        let schema = self.schema.as_object().cloned().unwrap_or_default();
        let is_reader = !matches!(self.ability, Ability::RunScript | Ability::RunThis(_));
        Tool::new(self.name.clone(), self.description.clone(), Arc::new(schema))
            .with_annotations(ToolAnnotations::new().read_only(is_reader))
    }
}

fn offer(
    ability: Ability,
    name: &str,
    description: &str,
    fields: &Value,
    required: &[&str],
) -> ToolOffer {
    let schema = json!({
        "type": "object", "properties": fields, "required": required,
        "additionalProperties": false,
    });
    ToolOffer { ability, name: name.to_owned(), description: description.to_owned(), schema }
}

/// Returns the tools that change nothing.
fn readers() -> Vec<ToolOffer> {
    let scripts = offer(
        Ability::ListScripts,
        "list_scripts",
        "Lists the scripts of the project: what each one does, and its parameters.",
        &json!({ "from": from_field() }),
        &[],
    );
    let check = offer(
        Ability::CheckScript,
        "check_script",
        "Finds mistakes in a script without running it.",
        &json!({ "script": script_field(), "from": from_field() }),
        &["script"],
    );

    let limit = json!({
        "type": "integer", "minimum": 1, "maximum": 1000,
        "description": "Maximum number of runs, newest first. Defaults to 20.",
    });
    let runs = offer(
        Ability::ListRuns,
        "list_runs",
        "Lists the latest runs: status, duration, calls and cost.",
        &json!({ "limit": limit, "from": from_field() }),
        &[],
    );
    vec![scripts, check, runs, show_run(), advise()]
}

fn show_run() -> ToolOffer {
    let run =
        "Id of a run or a prefix of it, `@` for the latest run, `@fail` for the latest failed one.";
    let operation = "Name or number of an operation to show in full.";
    let events = "Return all recorded events, with complete values, as JSON lines.";

    offer(
        Ability::ShowRun,
        "show_run",
        "Shows what a run did, operation by operation.",
        &json!({
            "run": { "type": "string", "minLength": 1, "description": run },
            "operation": { "type": "string", "minLength": 1, "description": operation },
            "events": { "type": "boolean", "description": events },
            "from": from_field(),
        }),
        &["run"],
    )
}

fn advise() -> ToolOffer {
    offer(
        Ability::Advise,
        "advise",
        "Recommends a pattern for a task type, based on recorded executions.",
        &json!({
            "task": { "type": "string", "minLength": 1, "description": "Task type." },
            "among": {
                "type": "array", "items": { "type": "string", "minLength": 1 },
                "description": "Patterns to choose from. Defaults to those recorded.",
            },
            "objective": {
                "type": "string",
                "description": "What counts: balanced, quality, speed, cost, or weights such as \
                                quality=.8,cost=.2.",
            },
        }),
        &["task"],
    )
}

fn from_field() -> Value {
    json!({
        "type": "integer", "minimum": 0,
        "description": "Where to continue: the `next` of the previous answer.",
    })
}

fn script_field() -> Value {
    json!({
        "type": "string", "minLength": 1,
        "description": "The script, as `list_scripts` names it.",
    })
}

fn run_script() -> ToolOffer {
    offer(
        Ability::RunScript,
        "run_script",
        "Runs a script, and returns its value, status and cost. The run is recorded: `show_run` has the \
         details.",
        &json!({
            "script": script_field(),
            "params": { "type": "object", "description": "Parameters of the script, by name." },
            "max_cost": {
                "type": "number", "minimum": 0,
                "description": "Maximum cost of this run in dollars. It can only lower the maximum of \
                                the server.",
            },
        }),
        &["script"],
    )
}

/// Makes a script a tool.
fn of_script(project: &Project, script: &Path) -> anyhow::Result<Result<ToolOffer, String>> {
    let shown = shown_path(script);
    let text = match check::read(script) {
        Ok(text) => text,
        Err(reason) => {
            return Ok(Err(format!("cannot read `{shown}`: {reason}{}", list::near(script))));
        }
    };

    let whole = script.canonicalize()?;
    let Ok(inside) = whole.strip_prefix(project.root.canonicalize()?) else {
        return Ok(Err(format!("`{shown}` is not in this project")));
    };
    let models = Rc::new(project.models(0)?);
    let program = match check::host(project, &models, script)?.compile(&text) {
        Ok(program) => program,
        Err(ScriptError::Refused(_)) => {
            let reason = format!("`{shown}` has mistakes: `kaizen check {shown}` lists them");
            return Ok(Err(reason));
        }
        Err(other) => anyhow::bail!("cannot read `{shown}`: {other:?}"),
    };

    let stem = script.file_stem().unwrap_or_default().to_string_lossy();
    let is_sound = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    let name: String =
        stem.chars().map(|c| if is_sound(c) { c } else { '_' }).take(NAME_MAX).collect();

    let description = match list::doc_of(&text) {
        doc if doc.is_empty() => format!("Runs {}.", shown_path(inside)),
        doc => doc,
    };
    let parameters = program.parameters();
    Ok(Ok(ToolOffer {
        ability: Ability::RunThis(inside.display().to_string()),
        name,
        description,
        schema: schema(parameters),
    }))
}

/// Returns the schema of a script's parameters. If the name of one is computed, it may have any.
fn schema(parameters: Option<&[ScriptParameter]>) -> Value {
    let known = parameters.unwrap_or_default();
    let fields: Map<String, Value> =
        known.iter().map(|one| (one.name.clone(), one.schema())).collect();
    let required: Vec<&str> =
        known.iter().filter(|one| one.is_required).map(|one| one.name.as_str()).collect();
    json!({
        "type": "object", "properties": fields, "required": required,
        "additionalProperties": parameters.is_none(),
    })
}

/// Finds a script of the project by the name under which it is listed.
pub(super) fn find_script(root: &Path, name: &str) -> Result<String, String> {
    let known: Vec<String> =
        list::scripts(root).iter().map(|script| script.display().to_string()).collect();
    if known.iter().any(|script| script == name) {
        return Ok(name.to_owned());
    }

    Err(match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("no script `{name}` in this project; did you mean `{near}`?"),
        None => format!("no script `{name}` in this project; `list_scripts` lists all scripts"),
    })
}
