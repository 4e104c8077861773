//! `kaizen models`: the models that scripts of this project can name, and whether each is set up.

use crate::cli::app::exit::Exit;
use crate::cli::app::project::{Project, variable};
use crate::cli::render::table;
use crate::cli::{Global, print_data, print_line};
use crate::model::Model;
use crate::model::registry::{ModelOrigin, PROVIDERS};
use serde_json::json;

/// Lists the models.
pub(in crate::cli) fn run(global: &Global) -> anyhow::Result<Exit> {
    let project = Project::find()?;
    let models = project.models(0)?;
    let (default, origin) = models.default_model()?;
    let why = match origin {
        ModelOrigin::Configured => "configured",
        ModelOrigin::Environment => "from OPENAI_MODEL",
        ModelOrigin::Demo => "no other model is set up",
    };

    let mut found = vec![(format!("(default: {why})"), default)];
    for (alias, spec) in models.aliases() {
        found.push((alias.to_owned(), models.resolve_spec(spec)?));
    }

    if global.json {
        for (name, model) in &found {
            print_data(json!({
                "name": name, "model": model.label, "server": model.server(),
                "ready": model.fault().is_none(), "price_as_of": model.price().map(|p| &p.as_of),
            }));
        }
        return Ok(Exit::Ok);
    }

    let rows: Vec<Vec<String>> = found.iter().map(|(name, model)| row(name, model)).collect();
    print_line(&table::render(&["name", "model", "server", "price per 1M", "state"], &rows));

    print_line("\nfor any other model, write provider/name. Providers:");
    let rows: Vec<Vec<String>> = PROVIDERS
        .iter()
        .map(|(provider, key)| {
            let state = match key {
                None => "needs no key".to_owned(),
                Some(key) if variable(key).is_some() => format!("{key} is set"),
                Some(key) => format!("{key} is not set"),
            };
            vec![(*provider).to_owned(), state]
        })
        .collect();
    print_line(&table::render(&["provider", "key"], &rows));
    Ok(Exit::Ok)
}

fn row(name: &str, model: &Model) -> Vec<String> {
    let price = match model.price() {
        _ if model.is_demo() => "as set".to_owned(),
        Some(price) => format!("${} in, ${} out ({})", price.input, price.output, price.as_of),
        None => "unknown".to_owned(),
    };

    let state = match model.fault() {
        _ if model.is_demo() => "demo, offline".to_owned(),
        Some(fault) => fault.to_string(),
        None => "ready".to_owned(),
    };

    let server = model.server().unwrap_or("-").to_owned();
    vec![name.to_owned(), model.label.clone(), server, price, state]
}
