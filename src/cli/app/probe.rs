//! Asking a model's endpoint whether it answers: one short request of one token.

use crate::base::clock;
use crate::base::secret::scrub;
use crate::base::visible::on_one_line;
use crate::cli::app::project::Project;
use crate::cli::app::trust;
use crate::model::Model;
use crate::model::call_error::CallError;
use crate::model::message::{Message, Role};
use crate::model::registry::Models;
use crate::model::request::{Request, Settings};
use std::time::Duration;

/// Longest wait for an endpoint.
const PATIENCE: Duration = Duration::from_secs(10);

/// Makes sure that models may be asked: what a project names as servers and keys counts only once it is
/// trusted, and what is denied is denied here too.
pub(in crate::cli) fn permit(project: &Project, models: &Models) -> anyhow::Result<()> {
    trust::ensure(project, false)?;
    models.deny(project.permissions(&project.root)?.denials());
    Ok(())
}

/// How an endpoint answered.
#[derive(Clone)]
pub(in crate::cli) struct ProbeResult {
    /// How long it took.
    pub(in crate::cli) latency: Duration,
    /// What it answered, or why not.
    pub(in crate::cli) answer: Result<String, String>,
}

/// Asks a model once. A reply that was cut after its one token is an answer.
pub(in crate::cli) async fn probe(model: &Model) -> ProbeResult {
    let began = clock::monotonic();
    let called = model.call(&request(model)).await;
    let latency = clock::monotonic().saturating_sub(began);

    let answer = match called.result {
        Ok(_) | Err(CallError::Length { .. } | CallError::Empty) => {
            Ok(answered(model, called.served_by))
        }
        Err(error) => Err(said(model, &error)),
    };
    ProbeResult { latency, answer }
}

/// Says who answered, if that is another model than the one that was asked.
fn answered(model: &Model, served_by: Option<String>) -> String {
    let other = served_by.filter(|served| served != model.name());
    other.map_or("answers".to_owned(), |other| format!("answers as `{}`", on_one_line(&other)))
}

fn request(model: &Model) -> Request {
    let patience = u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX);
    // Who set a shorter time for this model means it here too.
    let timeout = model.settings.timeout_ms.map_or(patience, |own| own.min(patience));
    let own = Settings {
        max_tokens: Some(1),
        attempts_max: Some(1),
        stream: Some(false),
        timeout_ms: Some(timeout),
        ..Settings::default()
    };
    Request::new(vec![Message::new(Role::User, "Hi")], model.settings.with(&own), None)
}

/// Says why an endpoint gave no answer, and what to do.
fn said(model: &Model, error: &CallError) -> String {
    let help = match error {
        CallError::Unauthorized { .. } => "; check the key",
        CallError::NotFound { .. } => "; check the name of the model and `base_url`",
        CallError::Network { .. } | CallError::Unreachable { .. } => {
            "; is the server running, and is `base_url` right?"
        }
        CallError::Timeout { .. } => "; the server accepted the request but did not answer",
        // These messages already say what to do, or there is nothing to do about them.
        CallError::RateLimited { .. }
        | CallError::Server { .. }
        | CallError::Quota { .. }
        | CallError::BadRequest { .. }
        | CallError::OtherForm { .. }
        | CallError::CutOff { .. }
        | CallError::Ended { .. }
        | CallError::Length { .. }
        | CallError::Empty
        | CallError::Refused { .. }
        | CallError::BadReply { .. }
        | CallError::InvalidOutput { .. }
        | CallError::TooLarge { .. }
        | CallError::Setup { .. }
        | CallError::Denied { .. } => "",
    };

    let server = model.server().unwrap_or("?");
    scrub(&format!("{} at {server}: {error}{help}", model.label)).into_owned()
}
