//! `kaizen models`: the models that scripts of this project can name, whether each is set up, and with
//! `--check` whether it answers.

use crate::cli::app::exit::Exit;
use crate::cli::app::probe::{ProbeResult, permit, probe};
use crate::cli::app::project::{Project, is_odd, raw_variable, variable};
use crate::cli::command::run::block_on;
use crate::cli::render::paint::Mood;
use crate::cli::render::table::{self, PrintedRow};
use crate::cli::{Global, print_data, print_line, say};
use crate::model::Model;
use crate::model::registry::{ModelError, ModelOrigin, PROVIDERS};
use serde_json::json;

/// The options of `models`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Send each endpoint one request for at most 1 token, and show whether and how fast it answers.
    #[arg(long)]
    check: bool,
}

/// A model of the list.
struct ModelRow {
    name: String,
    model: Model,
    /// How its endpoint answered, if it was asked.
    probed: Option<ProbeResult>,
}

/// Lists the models.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let project = Project::find()?;
    let models = project.models(0)?;
    if arguments.check {
        permit(&project, &models)?;
    }

    let mut found = Vec::new();
    let missing = match models.default_model() {
        Ok((model, origin)) => {
            let why = match origin {
                ModelOrigin::Configured => "configured",
                ModelOrigin::Environment => "from OPENAI_MODEL",
                ModelOrigin::Demo => "no other is set up",
            };
            found.push((format!("(default: {why})"), model));
            None
        }
        Err(error @ ModelError::NoDefault { .. }) => Some(error),
        Err(error) => return Err(error.into()),
    };
    for (alias, spec) in models.aliases() {
        found.push((alias.to_owned(), models.resolve_spec(spec)?));
    }

    let listed = asked(found, arguments.check)?;
    let is_down = |one: &ModelRow| one.probed.as_ref().is_some_and(|probed| probed.answer.is_err());
    let exit = if missing.is_some() {
        Exit::Refused
    } else if listed.iter().any(is_down) {
        Exit::Provider
    } else {
        Exit::Ok
    };

    if global.json {
        show_json(&listed, arguments.check);
    } else {
        show(&listed);
    }
    if let Some(error) = missing {
        say(&format!("error: {error}"));
    }
    Ok(exit)
}

/// Asks the endpoints one after the other, if that is wanted. What is not set up is not asked.
fn asked(found: Vec<(String, Model)>, check: bool) -> anyhow::Result<Vec<ModelRow>> {
    let ask = async |model: &Model| {
        let can_be_asked = check && !model.is_demo() && model.fault().is_none();
        if can_be_asked { Some(probe(model).await) } else { None }
    };

    block_on(async {
        let mut listed: Vec<ModelRow> = Vec::new();
        for (name, model) in found {
            // The default model often has a name of its own besides.
            let same = listed.iter().find(|row| is_asked_alike(&row.model, &model));
            let probed = match same.map(|row| row.probed.clone()) {
                Some(probed) => probed,
                None => ask(&model).await,
            };
            listed.push(ModelRow { name, model, probed });
        }
        listed
    })
}

/// Tells whether two models are asked the same in the same way.
fn is_asked_alike(one: &Model, other: &Model) -> bool {
    one.identity() == other.identity() && one.settings == other.settings
}

fn show_json(listed: &[ModelRow], check: bool) {
    for ModelRow { name, model, probed } in listed {
        let mut line = json!({
            "name": name, "model": model.label, "server": model.server(),
            "ready": model.fault().is_none(), "price_as_of": model.price().map(|p| &p.as_of),
        });
        if check {
            let millis = probed.as_ref().map(|probed| probed.latency.as_millis());
            line["answers"] = json!(probed.as_ref().map(|probed| probed.answer.is_ok()));
            line["latency_ms"] = json!(millis);
            line["says"] = json!(probed.as_ref().map(|probed| match &probed.answer {
                Ok(said) | Err(said) => said,
            }));
        }
        print_data(line);
    }
}

fn show(listed: &[ModelRow]) {
    let rows: Vec<PrintedRow> = listed.iter().map(row).collect();
    print_line(&table::render(&["name", "model", "server", "price per 1M", "state"], &rows));
    for ModelRow { name, probed, .. } in listed {
        if let Some(ProbeResult { answer: Err(why), .. }) = probed {
            print_line(&format!("{name}: {why}"));
        }
    }

    print_line("\nfor any other model, write provider/name. Providers:");
    let rows: Vec<PrintedRow> = PROVIDERS
        .iter()
        .map(|(provider, key)| {
            let (state, mood) = match key {
                None => ("needs no key".to_owned(), Some(Mood::Good)),
                Some(key) if variable(key).is_some() => (format!("{key} is set"), Some(Mood::Good)),
                Some(key) if raw_variable(key).is_some_and(is_odd) => {
                    (format!("{key} is not valid UTF-8 text"), None)
                }
                Some(key) => (format!("{key} is not set"), None),
            };
            PrintedRow { cells: vec![(*provider).to_owned(), state], mood }
        })
        .collect();
    print_line(&table::render(&["provider", "key"], &rows));
}

/// Says what a model costs per million tokens.
pub(in crate::cli) fn price(model: &Model) -> String {
    match model.price() {
        _ if model.is_demo() => "as set".to_owned(),
        Some(price) => format!("${} in, ${} out ({})", price.input, price.output, price.as_of),
        None => "unknown".to_owned(),
    }
}

/// Says whether a model is set up, and how it answered if it was asked.
pub(in crate::cli) fn state(model: &Model, probed: Option<&ProbeResult>) -> (String, Option<Mood>) {
    match (model.fault(), probed) {
        _ if model.is_demo() => ("demo, offline".to_owned(), Some(Mood::Doubtful)),
        (Some(fault), _) => (fault.to_string(), Some(Mood::Bad)),
        (None, None) => ("set up".to_owned(), Some(Mood::Good)),
        (None, Some(ProbeResult { answer: Err(_), .. })) => {
            ("no answer".to_owned(), Some(Mood::Bad))
        }
        (None, Some(ProbeResult { answer: Ok(said), latency })) => {
            (format!("{said}, {} ms", latency.as_millis()), Some(Mood::Good))
        }
    }
}

fn row(listed: &ModelRow) -> PrintedRow {
    let ModelRow { name, model, probed } = listed;
    let price = price(model);
    let (state, mood) = state(model, probed.as_ref());
    let server = model.server().unwrap_or("-").to_owned();
    PrintedRow { cells: vec![name.clone(), model.label.clone(), server, price, state], mood }
}
