//! `kaizen config show`: every setting and, with `--origin`, where it came from; `kaizen config schema`: the
//! keys for editors.

use crate::base::credential::public;
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
