//! `kaizen config show`: every setting and, with `--origin`, where it came from; `kaizen config schema`: the
//! keys for editors.

use crate::base::secret::{SHOWN, is_secret_parameter, without_credentials};
use crate::cli::app::exit::Exit;
use crate::cli::app::project::Project;
use crate::cli::app::settings;
use crate::cli::render::table;
use crate::cli::{Global, print_data, print_line};
use serde_json::{Value, json};

/// The options of `config`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

/// What to do with the configuration.
#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show every setting.
    Show {
        /// Show where each value comes from.
        #[arg(long)]
        origin: bool,
    },
    /// Print the JSON schema of kaizen.toml, which editors use to complete and check it.
    Schema,
}

/// Returns a value without what is nobody's business: a key that stands there itself, also in fields
/// that go to the server as they are, and passwords of addresses.
fn public(key: &str, value: &Value) -> Value {
    let is_place = |text: &str| text.starts_with("env:") || text.starts_with("file:");

    match value {
        Value::String(text) if is_secret_parameter(key) && !is_place(text) => SHOWN.into(),
        Value::String(text) => without_credentials(text).into(),
        Value::Array(items) => items.iter().map(|item| public(key, item)).collect(),
        Value::Object(fields) => {
            let public = |(key, value): (&String, &Value)| (key.clone(), public(key, value));
            Value::Object(fields.iter().map(public).collect())
        }
        other => other.clone(),
    }
}

/// Shows the configuration.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let origin = match arguments.action {
        Action::Show { origin } => origin,
        Action::Schema => {
            print_line(&format!("{:#}", settings::schema()));
            return Ok(Exit::Ok);
        }
    };
    let project = Project::find()?;
    let mut rows: Vec<(String, Value, String)> = Vec::new();

    for (key, value, from) in project.config.all() {
        rows.push((key.to_owned(), public(key, value), from.to_string()));
    }
    for (name, fields, from) in project.config.models() {
        for (key, value) in fields {
            rows.push((format!("models.{name}.{key}"), public(key, value), from.to_string()));
        }
    }

    if global.json {
        for (key, value, from) in rows {
            print_data(json!({ "key": key, "value": value, "origin": from }));
        }
        return Ok(Exit::Ok);
    }

    let cells = |(key, value, from): (String, Value, String)| {
        if origin { vec![key, value.to_string(), from] } else { vec![key, value.to_string()] }
    };
    let head: &[&str] = if origin { &["key", "value", "origin"] } else { &["key", "value"] };
    print_line(&table::render(head, &rows.into_iter().map(cells).collect::<Vec<_>>()));
    Ok(Exit::Ok)
}
