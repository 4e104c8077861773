//! Every provider against a real server on loopback: what a reply, a refusal and a fault become.

mod faults;
mod images;
mod pieces;
mod property;
mod reply;
mod retries;
mod suite;
mod tool_property;
mod tool_wire;
mod tools;
mod waiting;

use kaizen::base::failure::Kind;
use kaizen::model::Model;
use kaizen::model::message::{Message, Role};
use kaizen::model::registry::Models;
use kaizen::model::reply::CallResult;
use kaizen::model::request::{Request, Settings};
use kaizen::model::spec::ModelSpec;
use std::collections::BTreeMap;

/// Finds a provider's model behind a server.
fn model(provider: &str, url: &str) -> Model {
    let mut spec = ModelSpec::new(provider, "m");
    spec.base_url = Some(url.to_owned());
    let models = Models::new(BTreeMap::new(), None, 1, |name| {
        name.ends_with("_API_KEY").then(|| "secret-key".to_owned())
    });
    models.resolve_spec(&spec).unwrap()
}

/// Asks once.
async fn ask(model: &Model, settings: Settings) -> CallResult {
    ask_for(model, "Hello?", settings).await
}

/// Asks once for something.
async fn ask_for(model: &Model, question: &str, settings: Settings) -> CallResult {
    let messages =
        vec![Message::new(Role::System, "Be brief."), Message::new(Role::User, question)];
    model.call(&Request::new(messages, settings, None)).await
}

/// Returns the kind of the failure, or `ok`.
fn kind(called: &CallResult) -> &'static str {
    let Err(error) = &called.result else { return "ok" };
    let kind = error.kind();
    Kind::ALL.iter().find(|known| **known == kind).map_or("own", Kind::word)
}
