//! One attempt of one operation: the only caller of models.

use crate::base::id::OpId;
use crate::executor::{Executor, OpError};
use crate::journal::event::Event;
use crate::model::Model;
use crate::model::message::{Message, Role};
use crate::model::request::{Request, Settings};
use crate::session::branch::Branch;
use std::sync::{Arc, Mutex};

impl Executor {
    /// Asks the branch's model, and records question and answer on the branch if it succeeds.
    pub async fn communicate(
        &self,
        branch: &Arc<Mutex<Branch>>,
        text: &str,
    ) -> Result<String, OpError> {
        let (turn, model, mut messages) = {
            let mut branch = branch.lock().expect("no holder of a branch panics");
            (branch.begin(), branch.model.clone(), branch.messages())
        };
        messages.push(Message::new(Role::User, text));
        let settings: Settings = model.settings.clone();
        let op = OpId(self.next_op.replace(self.next_op.get() + 1));
        let answer =
            self.attempt(op, &model, &Request { messages, settings, schema: None }).await?;
        let mut branch = branch.lock().expect("no holder of a branch panics");
        branch.record(turn, text.to_owned(), answer.clone());
        Ok(answer)
    }

    async fn attempt(&self, op: OpId, model: &Model, request: &Request) -> Result<String, OpError> {
        let prompt = request.messages.last().cloned().expect("a request has a question");
        let (label, demo) = (model.label.clone(), model.is_demo());
        self.journal.append_soon(&Event::AttemptStarted { op, model: label, demo, prompt })?;
        let called = model.call(request).await;
        let usage = called.usage;
        let (reply, error) = match &called.result {
            Ok(reply) => (Some(reply.clone()), None),
            Err(error) => (None, Some(error.to_string())),
        };
        self.journal.append(&Event::AttemptEnded { op, reply, usage, error }).await?;
        Ok(called.result?)
    }
}
