//! One step of a loop of tools: the request that it makes, in either protocol, and what its reply means.

use crate::base::failure::{Failure, Kind};
use crate::base::json::as_text;
use crate::executor::attempt::{ExchangeRequest, Stop, WholeReply};
use crate::executor::checked_answer::{Conversation, FirstAnswer, given_up, to_mend};
use crate::executor::react::{LoopCourse, ToolLoop};
use crate::executor::tool_protocol::{
    StepForm, StepReply, as_texts, begins_step, explained, step_reply, step_schema,
};
use crate::flow::op::ToolProtocol;
use crate::journal::event::{Event, LogLevel};
use crate::journal::known_replies::Sample;
use crate::model::call_error::CallError;
use crate::model::message::{Message, Role};
use crate::model::reply::ReplyContent;
use crate::model::request::SchemaCheck;
use crate::model::tool::ToolChoice;
use crate::schema::{self, Unfit};
use serde_json::{Value, json};

/// How many bytes a token has, roughly, for `context_max`.
const TOKEN_BYTES: u64 = 4;

/// What asks for the answer in the last step.
const ANSWER_NOW: &str =
    "No further call is possible. Answer now, with what you know, and say what is missing.";
/// What a thought before each call is asked for by, where calls are not texts.
const THINK: &str = "Before each call of a tool, write one sentence that says why you make it.";

/// What a model says in a step.
pub(super) enum StepSaid {
    /// It calls tools.
    Calls(ReplyContent, Sample),
    /// It answers.
    Answer(FirstAnswer),
}

impl ToolLoop<'_> {
    /// Makes one request, and reads what the model says.
    pub(super) async fn step(
        &mut self,
        talk: &Conversation,
        course: &mut LoopCourse,
        step: u32,
        is_last: bool,
    ) -> Result<StepSaid, Stop> {
        if !self.is_native {
            return self.step_by_schema(talk, course, (step, false), is_last).await;
        }

        let choice = self.choice(step, is_last);
        let is_forced = matches!(choice, ToolChoice::Required | ToolChoice::Name(_));
        let schema = self.checked.prompt.schema.as_ref();
        let ask = ExchangeRequest {
            prompt: &self.checked.prompt,
            messages: self.messages(talk, step, is_last),
            tools: self.specs.clone(),
            choice,
            schema: None,
            reads: schema,
            schema_check: SchemaCheck::Caller,
            is_repair: false,
            step,
        };

        let replied = self.executor.exchange(self.scope, self.branch, ask, false).await;
        let WholeReply { said, is_cut, value, sample, bill } = match replied {
            Err(Stop::Failed(failure)) if self.can_fall_back(&failure, step) => {
                self.is_native = false;
                let said = self.step_by_schema(talk, course, (step, false), is_last).await;
                // What is refused without tools as well was not refused because of them.
                if let Err(Stop::Failed(again)) = &said
                    && again.kind == failure.kind
                {
                    return Err(failure.into());
                }
                self.fall_back(&failure)?;
                return said;
            }
            replied => replied?,
        };
        course.bill.add(bill);
        course.is_cut = is_cut;

        if !said.calls.is_empty() {
            return Ok(StepSaid::Calls(said, sample));
        }
        if is_forced {
            // Some servers take no notice of a forced call; a schema is heeded by more of them.
            return self.step_by_schema(talk, course, (step, true), is_last).await;
        }
        Ok(StepSaid::Answer(FirstAnswer { text: said.text, value }))
    }

    /// Makes one request whose reply is a call or an answer in the form of a schema.
    async fn step_by_schema(
        &mut self,
        talk: &Conversation,
        course: &mut LoopCourse,
        (step, is_again): (u32, bool),
        is_last: bool,
    ) -> Result<StepSaid, Stop> {
        let thinks = self.checked.tools.thinks;
        let answer = self.checked.prompt.schema.as_ref();
        let form = match self.choice(step, is_last) {
            ToolChoice::None => StepForm::Answer,
            ToolChoice::Auto => StepForm::CallOrAnswer,
            ToolChoice::Required | ToolChoice::Name(_) => StepForm::Call,
        };
        let specs = match &self.checked.tools.choice {
            ToolChoice::Name(name) if step == 1 => {
                self.specs.iter().filter(|spec| spec.name == *name).cloned().collect()
            }
            _ => self.specs.clone(),
        };

        let schema = step_schema(&specs, answer, form, thinks);
        let question = explained(&self.checked.prompt.instruction, &specs, thinks);
        let asks_now = form == StepForm::Answer && step > 1;
        let messages = self.conversation(talk.before.clone(), question, talk, asks_now);
        let are_shown = self.executor.shows_results(self.scope, &self.branch.borrow().model);
        let messages = as_texts(messages, are_shown);

        let repairs_max = self.checked.repairs_max;
        let mut repairs = 0;
        let mut newest: Option<(String, Unfit)> = None;
        loop {
            let is_again = is_again || repairs > 0;
            let ask = ExchangeRequest {
                is_repair: is_again,
                step: if is_again { 0 } else { step },
                ..ExchangeRequest::new(
                    &self.checked.prompt,
                    to_mend(messages.clone(), newest.as_ref()),
                    Some(&schema),
                )
            };
            let replied = self.executor.exchange(self.scope, self.branch, ask, true).await?;
            course.bill.add(replied.bill);
            course.is_cut = replied.is_cut;

            let text = replied.said.text.clone();
            match self.read_step(talk, replied, form) {
                Ok(said) => return Ok(said),
                Err(unfit) if repairs == repairs_max => {
                    let failure = Failure::from(CallError::InvalidOutput { text, unfit });
                    return Err(given_up(failure.into(), repairs));
                }
                Err(unfit) => newest = Some((text, unfit)),
            }
            repairs += 1;
        }
    }

    /// Reads a reply in the form of a schema. One that is neither a call nor an answer may be the bare
    /// answer of a model that nothing constrains, unless it begins like a call or an answer.
    fn read_step(
        &self,
        talk: &Conversation,
        replied: WholeReply,
        form: StepForm,
    ) -> Result<StepSaid, Unfit> {
        let WholeReply { said, value, sample, .. } = replied;
        let loose = json!({ "type": "object" });
        let read = match &value {
            Ok(value) => step_reply(value),
            Err(_) => {
                schema::read(&said.text, &loose).ok().and_then(|found| step_reply(&found.value))
            }
        };

        match (read, value) {
            (Some(StepReply::Call { thought, call }), _) => {
                let mut said =
                    ReplyContent { text: thought, calls: vec![call], opaque: Vec::new() };
                said.keep_ids_apart(&[&talk.before[..], &talk.steps].concat());
                Ok(StepSaid::Calls(said, sample))
            }
            (_, Err(unfit)) if form == StepForm::Call => Err(unfit),
            (None, Err(unfit)) if begins_step(&said.text) => Err(unfit),
            (Some(StepReply::Answer(answer)), _) => Ok(StepSaid::Answer(self.first_answer(answer))),
            (None, _) => Ok(StepSaid::Answer(self.answer_in(said.text))),
        }
    }

    /// Reads the answer that is a text.
    fn answer_in(&self, text: String) -> FirstAnswer {
        let value = match &self.checked.prompt.schema {
            None => Ok(Value::String(text.clone())),
            Some(schema) => schema::read(&text, schema).map(|found| found.value),
        };
        FirstAnswer { text, value }
    }

    /// Returns whether a step may or must call tools.
    pub(super) fn choice(&self, step: u32, is_last: bool) -> ToolChoice {
        match &self.checked.tools.choice {
            _ if is_last => ToolChoice::None,
            choice if step == 1 => choice.clone(),
            _ => ToolChoice::Auto,
        }
    }

    /// Reads the answer of a reply in the form of a schema.
    fn first_answer(&self, answer: Value) -> FirstAnswer {
        let text = as_text(&answer);
        let value = match &self.checked.prompt.schema {
            None => Ok(Value::String(text.clone())),
            Some(schema) => schema::fit(answer, schema).map(|found| found.value),
        };
        FirstAnswer { text, value }
    }

    /// Returns the answer of a last reply that calls tools all the same: its text, if it has one.
    pub(super) fn last_answer(&self, said: ReplyContent) -> Option<FirstAnswer> {
        (!said.text.trim().is_empty()).then(|| self.answer_in(said.text))
    }

    /// Makes the conversation of a step, where the provider has calls of tools.
    fn messages(&self, talk: &Conversation, step: u32, is_last: bool) -> Vec<Message> {
        let mut before = talk.before.clone();
        if self.checked.tools.thinks {
            think(&mut before);
        }

        let question = match &self.checked.prompt.schema {
            None => self.checked.prompt.instruction.clone(),
            Some(schema) => format!(
                "{}\n\nWhen you know the answer, write it as JSON that matches this schema, and nothing \
                 else:\n{schema}",
                self.checked.prompt.instruction
            ),
        };
        self.conversation(before, question, talk, is_last && step > 1)
    }

    /// Puts together what was said before, the question, and the steps since.
    fn conversation(
        &self,
        before: Vec<Message>,
        question: String,
        talk: &Conversation,
        asks_now: bool,
    ) -> Vec<Message> {
        let mut messages = before;
        messages.push(Message::asking(question, &self.checked.prompt.images));
        messages.extend(self.within_context(&talk.steps));
        if asks_now {
            messages.push(Message::new(Role::User, ANSWER_NOW));
        }
        messages
    }

    /// Leaves the oldest results out, until the rest is short enough. The newest always stay.
    fn within_context(&self, steps: &[Message]) -> Vec<Message> {
        let mut steps = steps.to_vec();
        let Some(most) = self.checked.tools.context_max else { return steps };
        let bytes_max = most.saturating_mul(TOKEN_BYTES);
        let mut bytes: u64 = steps.iter().map(Message::size).sum();

        let older = steps.len().saturating_sub(1);
        for message in steps.iter_mut().take(older) {
            for result in &mut message.results {
                if bytes <= bytes_max {
                    return steps;
                }
                let stub = format!("[result left out: {} bytes]", result.text.len());
                let saved = (result.text.len() as u64).saturating_sub(stub.len() as u64);
                if saved > 0 {
                    result.text = stub;
                    result.images.clear();
                    bytes -= saved;
                }
            }
        }
        steps
    }

    /// Tells whether a refusal may be one of tools as such.
    fn can_fall_back(&self, failure: &Failure, step: u32) -> bool {
        // Where no server of a model takes tools, a router says that it finds none.
        let is_refused = matches!(failure.kind, Kind::BadRequest | Kind::NotFound);
        is_refused && step == 1 && self.checked.tools.protocol == ToolProtocol::Auto
    }

    /// Says that what follows goes without the provider's calls of tools.
    fn fall_back(&self, failure: &Failure) -> Result<(), Stop> {
        let label = self.branch.borrow().model.label.clone();
        if self.executor.learn_no_tools(&label) {
            let text = format!(
                "`{label}` refused a request with tools ({}), so its calls are read from answers that \
                 follow a schema; `tools = false` of the model avoids the refused request",
                failure.message
            );
            self.executor.note(&Event::Logged { level: LogLevel::Warn, text })?;
        }
        Ok(())
    }
}

/// Asks for a thought before each call, in the standing instruction.
fn think(messages: &mut Vec<Message>) {
    match messages.first_mut().filter(|first| first.role == Role::System) {
        Some(first) => first.content = format!("{}\n\n{THINK}", first.content),
        None => messages.insert(0, Message::new(Role::System, THINK)),
    }
}
