//! What is asked on a branch: on behalf of an operation, or as an operation of its own.

use crate::base::failpoint::Failpoint;
use crate::base::failure::Failure;
use crate::base::id::FlowId;
use crate::base::strand::Strand;
use crate::executor::Executor;
use crate::executor::attempt::{ExchangeRequest, Stop, WholeReply};
use crate::executor::tool_protocol::as_texts;
use crate::flow::op::{CheckedPrompt, Keep, Prompt};
use crate::flow::outcome::Outcome;
use crate::journal::event::Event;
use crate::model::call_error::CallError;
use crate::model::message::Message;
use crate::model::request::SchemaCheck;
use crate::session::branch::{Exchange, SharedBranch};
use crate::session::scope::Scope;
use crate::session::tool::Tool;
use serde_json::Value;
use std::rc::Rc;

/// What is asked on a branch.
#[derive(Debug, Clone, Copy)]
pub enum BranchQuestion<'a> {
    /// A question that is asked once.
    Once(&'a Prompt, Keep),
    /// A question whose answer has to be right.
    Checked(&'a CheckedPrompt),
    /// A call of a tool with these arguments, for which no model is asked.
    Act(&'a Rc<Tool>, &'a Value),
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// Where it stands in the run.
    pub strand: &'a Rc<Strand>,
    /// The operation on whose behalf it asks, if it is not the script itself.
    pub scope: Option<&'a Rc<Scope>>,
    /// How often a call may be tried at most, if it is a part of something that is tried again.
    pub tries: Option<u32>,
}

impl Executor {
    /// Asks the branch's model on behalf of an operation; without one, the call is an operation of its own
    /// in flow 0, named `name`.
    pub async fn ask(
        &self,
        asker: Asker<'_>,
        name: &str,
        branch: &SharedBranch,
        question: BranchQuestion<'_>,
    ) -> Result<Value, Stop> {
        let Asker { strand, scope, tries } = asker;
        if let Some(scope) = scope {
            let scope = Scope { strand: strand.clone(), tries, ..(**scope).clone() };
            return self.put(&Rc::new(scope), branch, question, true).await;
        }

        let own = Scope::new(FlowId(0), self.recorder.take_op(), strand.clone());
        let scope = Rc::new(Scope { tries, ..own });
        let flow = scope.flow;
        let op = scope.op;
        self.note(&Event::OpStarted { flow, op, name: Some(name.to_owned()) })?;
        let mut guard = self.guard(scope.clone());

        let outcome = match self.put(&scope, branch, question, false).await {
            Ok(value) => Outcome::Completed { value },
            Err(Stop::Failed(failure)) => Outcome::Failed { failure },
            Err(stop) => return Err(stop),
        };

        let was_cut = branch.borrow().was_cut;
        let ended = Event::OpEnded { flow, op, outcome };
        // The guard would journal the operation as cancelled.
        guard.disarm();
        self.failpoint(Failpoint::OpEnds);
        self.commit(&ended).await?;
        self.failpoint(Failpoint::OpKept);
        // Another call on the branch may have ended while the disk was waited for.
        branch.borrow_mut().was_cut = was_cut;

        let Event::OpEnded { outcome, .. } = ended else { return Ok(Value::Null) };
        match outcome {
            Outcome::Completed { value } => Ok(value),
            Outcome::Failed { failure } => Err(Stop::Failed(failure)),
            Outcome::Skipped { .. } | Outcome::Cancelled => Ok(Value::Null),
        }
    }

    async fn put(
        &self,
        scope: &Rc<Scope>,
        branch: &SharedBranch,
        question: BranchQuestion<'_>,
        durable: bool,
    ) -> Result<Value, Stop> {
        match question {
            BranchQuestion::Once(prompt, keep) => {
                self.converse(scope, branch, prompt, keep, durable).await
            }
            BranchQuestion::Checked(checked) => self.operate(scope, branch, checked, durable).await,
            BranchQuestion::Act(tool, args) => self.act_within(scope, tool, args.clone()).await,
        }
    }

    /// Asks until there is a reply or no further try helps. With `durable`, the last attempt is on
    /// the disk before this returns; otherwise the caller's next commit takes it along.
    pub(super) async fn converse(
        &self,
        scope: &Rc<Scope>,
        branch: &SharedBranch,
        prompt: &Prompt,
        keep: Keep,
        durable: bool,
    ) -> Result<Value, Stop> {
        // The branch is not borrowed while others may run.
        let (turn, mut messages) = {
            let mut branch = branch.borrow_mut();
            let are_shown = self.shows_results(scope, &branch.model);
            (branch.begin(), as_texts(branch.messages(), are_shown))
        };
        messages.push(Message::asking(&prompt.instruction, &prompt.images));

        let ask = ExchangeRequest {
            schema_check: SchemaCheck::Call,
            ..ExchangeRequest::new(prompt, messages, prompt.schema.as_ref())
        };
        let WholeReply { said, is_cut, value, .. } =
            self.exchange(scope, branch, ask, durable).await?;
        let value = match value {
            Ok(value) => value,
            Err(unfit) => {
                return Err(
                    Failure::from(CallError::InvalidOutput { text: said.text, unfit }).into()
                );
            }
        };

        branch.borrow_mut().was_cut = is_cut;
        if keep != Keep::Nothing {
            let images = prompt.images.clone();
            let exchange = Exchange { images, ..Exchange::new(&prompt.instruction, said.text) };
            branch.borrow_mut().record(turn, exchange);
        }
        Ok(value)
    }
}
