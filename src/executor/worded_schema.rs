//! Requests whose schema is part of the question, for servers that refuse schemas.

use crate::base::failure::{Failure, Kind};
use crate::executor::Executor;
use crate::executor::attempt::Stop;
use crate::executor::replies::PendingCall;
use crate::flow::op::Prompt;
use crate::journal::event::{Event, LogLevel};
use crate::model::message::{Message, Role};
use crate::model::request::Request;
use crate::session::scope::Scope;
use crate::store::StoreError;

impl Executor {
    /// Makes a request again that was refused, with its schema in words: the server may not know schemas.
    /// One that has no schema, or was refused in words as well, has failed.
    pub(super) fn without_schema(
        &self,
        scope: &Scope,
        prompt: &Prompt,
        asked: PendingCall,
        failure: Failure,
        refused: &mut Option<Failure>,
    ) -> Result<PendingCall, Stop> {
        if let Some(first) = refused.take() {
            // What is refused in words as well was not refused because of the schema.
            let is_the_same = failure.kind == first.kind;
            return Err(if is_the_same { first } else { failure }.into());
        }
        if failure.kind != Kind::BadRequest || asked.request.schema.is_none() {
            return Err(failure.into());
        }

        *refused = Some(failure);
        let PendingCall { model, mut request, is_repair, step, .. } = asked;
        // As they were before the budget bounded the reply.
        request.settings = model.settings.with(&prompt.settings);
        Ok(self.pend(scope, model, in_words(request), is_repair, step))
    }

    /// Remembers that a model's server refuses schemas, and says so once.
    pub(super) fn learn_no_schemas(
        &self,
        label: &str,
        failure: &Failure,
    ) -> Result<(), StoreError> {
        if !self.without_schemas.borrow_mut().insert(label.to_owned()) {
            return Ok(());
        }

        let text = format!(
            "`{label}` refused a request with a schema ({}), so schemas are part of the question from now \
             on",
            failure.message
        );
        self.note(&Event::Logged { level: LogLevel::Warn, text })
    }

    /// Tells whether a model's server is known to refuse schemas.
    pub(super) fn has_no_schemas(&self, label: &str) -> bool {
        self.without_schemas.borrow().contains(label)
    }
}

/// Puts the schema of a request into the words of its question.
pub(super) fn in_words(mut request: Request) -> Request {
    let Some(schema) = request.schema.take() else { return request };
    let is_question = |message: &&mut Message| message.role == Role::User;
    if let Some(question) = request.messages.iter_mut().rev().find(is_question) {
        let asked = std::mem::take(&mut question.content);
        question.content = format!(
            "{asked}\n\nAnswer with JSON that matches this schema, and nothing else:\n{schema}"
        );
    }
    request
}
