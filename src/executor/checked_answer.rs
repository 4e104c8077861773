//! Operations whose answer has to be right: it is read, mended and checked, and the model is asked again
//! while it is not. Each request is an attempt like every other.

use crate::base::failure::{Failure, Kind};
use crate::executor::Executor;
use crate::executor::attempt::{ExchangeRequest, Stop};
use crate::executor::react::LoopCourse;
use crate::executor::replies::guess::GuessedDecision;
use crate::executor::tool_protocol::as_texts;
use crate::flow::callback::CallbackInput;
use crate::flow::op::{CheckedPrompt, Keep, Prompt};
use crate::model::call_error::CallError;
use crate::model::message::{Message, Role};
use crate::model::request::SchemaCheck;
use crate::model::tool::ToolChoice;
use crate::schema::{self, Unfit};
use crate::session::branch::{Exchange, SharedBranch};
use crate::session::scope::Scope;
use crate::session::tool::Tool;
use serde_json::Value;
use std::fmt::Write as _;
use std::rc::Rc;

/// Most problems that the model is told of one answer.
const PROBLEMS_TOLD: usize = 20;

/// The conversation in which an answer is sought.
pub(super) struct Conversation {
    /// What was said before the question.
    pub(super) before: Vec<Message>,
    /// The calls of tools after it, and their results.
    pub(super) steps: Vec<Message>,
}

/// An answer that a model has given after it called tools.
pub(super) struct FirstAnswer {
    pub(super) text: String,
    pub(super) value: Result<Value, Unfit>,
}

impl Executor {
    /// Asks until the answer is right, or as often as the model may mend it. It may call tools before it
    /// answers.
    pub(super) async fn operate(
        &self,
        scope: &Rc<Scope>,
        branch: &SharedBranch,
        checked: &CheckedPrompt,
        durable: bool,
    ) -> Result<Value, Stop> {
        let tools = offered(branch, checked)?;
        let purse = checked.budget.map(|_| self.budgets.question());
        let _budget = purse.map(|own| self.budgets.begin(own, Some(scope.purse), checked.budget));
        let scope = &purse.map_or_else(|| scope.clone(), |own| scope.with(own));

        let (turn, before) = {
            let mut branch = branch.borrow_mut();
            let messages = branch.messages();
            (branch.begin(), if checked.has_history { messages } else { system(messages) })
        };
        let mut talk = Conversation { before, steps: Vec::new() };
        let mut course = LoopCourse::default();

        let first = if tools.is_empty() {
            None
        } else if self.is_plan() {
            self.plan_steps(scope, branch, checked, &talk).await?;
            None
        } else {
            Some(self.react(scope, branch, checked, &tools, &mut talk, &mut course).await?)
        };
        let found =
            self.right_answer(scope, branch, checked, &talk, first, durable, &mut course).await;
        let (text, value) = found?;

        branch.borrow_mut().was_cut = course.is_cut;
        if checked.keep != Keep::Nothing {
            let steps = if checked.keep == Keep::All { talk.steps } else { Vec::new() };
            let images = checked.prompt.images.clone();
            let asked = Exchange::new(&checked.prompt.instruction, text);
            let exchange = Exchange { steps, images, ..asked };
            branch.borrow_mut().record(turn, exchange);
        }
        Ok(if checked.has_trace { course.to_value(&value) } else { value })
    }

    /// Asks for the answer until it is right, or as often as the model may mend it. `first` is the answer
    /// that there is already.
    #[allow(
        clippy::too_many_arguments,
        reason = "all of them make the one request that is repeated"
    )]
    async fn right_answer(
        &self,
        scope: &Rc<Scope>,
        branch: &SharedBranch,
        checked: &CheckedPrompt,
        talk: &Conversation,
        first: Option<FirstAnswer>,
        durable: bool,
        course: &mut LoopCourse,
    ) -> Result<(String, Value), Stop> {
        let prompt = &checked.prompt;
        // What a check refuses leads to another call.
        let durable = durable || checked.check.is_some();

        let mut first = first;
        let mut repairs = 0;
        let mut newest: Option<(String, Unfit)> = None;
        loop {
            let is_last = repairs == checked.repairs_max;
            let (text, value) = if let Some(FirstAnswer { text, value }) = first.take() {
                (text, value)
            } else {
                let are_shown = self.shows_results(scope, &branch.borrow().model);
                let messages = as_texts(messages(talk, prompt, newest.as_ref()), are_shown);
                let ask = ExchangeRequest {
                    // The failure of the last one is that of the call, so that a resumed run asks again.
                    schema_check: if is_last { SchemaCheck::Call } else { SchemaCheck::Caller },
                    is_repair: repairs > 0,
                    ..ExchangeRequest::new(prompt, messages, prompt.schema.as_ref())
                };

                let guesses = self.guesses();
                let replied = self.exchange(scope, branch, ask, durable).await;
                let replied = replied.map_err(|stop| given_up(stop, repairs))?;
                if self.guesses() > guesses {
                    self.plan_repairs(scope, branch, checked, talk).await?;
                }
                course.bill.add(replied.bill);
                course.is_cut = replied.is_cut;
                (replied.said.text, replied.value)
            };

            let unfit = match value {
                Ok(value) => match self.objection(scope, checked, &value).await? {
                    None => return Ok((text, value)),
                    Some(why) => Unfit::Refused(why),
                },
                Err(unfit) => unfit,
            };
            if is_last {
                let failure = Failure::from(CallError::InvalidOutput { text, unfit });
                return Err(given_up(failure.into(), repairs));
            }

            repairs += 1;
            newest = Some((text, unfit));
        }
    }

    /// Makes the requests of a plan that takes a guessed answer to need all its repairs.
    async fn plan_repairs(
        &self,
        scope: &Rc<Scope>,
        branch: &SharedBranch,
        checked: &CheckedPrompt,
        talk: &Conversation,
    ) -> Result<(), Stop> {
        let may_be_wrong = checked.prompt.schema.is_some() || checked.check.is_some();
        let Some(guess) = self.guess().filter(|_| may_be_wrong && checked.repairs_max > 0) else {
            return Ok(());
        };
        let name = self.recorder.follower().name(scope.op).unwrap_or_default().to_owned();
        if !guess.decide(GuessedDecision::Repairs(name), false) {
            return Ok(());
        }

        let prompt = &checked.prompt;
        for _ in 0..checked.repairs_max {
            let are_shown = self.shows_results(scope, &branch.borrow().model);
            let messages = as_texts(messages(talk, prompt, None), are_shown);
            let request = ExchangeRequest::new(prompt, messages, prompt.schema.as_ref());
            let ask = ExchangeRequest { is_repair: true, ..request };
            self.exchange(scope, branch, ask, false).await?;
        }
        Ok(())
    }

    /// Returns what the check of an operation has against an answer, if anything.
    async fn objection(
        &self,
        scope: &Rc<Scope>,
        checked: &CheckedPrompt,
        value: &Value,
    ) -> Result<Option<String>, Failure> {
        // What is only guessed cannot be judged.
        let check = checked.check.as_ref().filter(|_| !self.is_plan());
        let Some(check) = check else { return Ok(None) };

        let own = scope.on(&scope.strand.next());
        match check.call(CallbackInput::Answer(value.clone(), own)).await? {
            Value::Bool(true) => Ok(None),
            Value::Bool(false) => Ok(Some("it is not the requested value".to_owned())),
            Value::String(why) => Ok(Some(why)),
            other => {
                let message = format!(
                    "`check` must return true, false or a text that says what is wrong, not `{other}`"
                );
                Err(Failure::new(Kind::Script, message))
            }
        }
    }
}

/// What comes of reading a value from a text by rules.
#[derive(Debug)]
pub enum RuleResult {
    /// The value.
    Value(Value),
    /// The question to a model that is to write it.
    Ask(Box<CheckedPrompt>),
}

/// Reads a value from a text by rules, or makes the question to a model; the failure if it may not be
/// asked.
pub fn reading(text: &str, checked: &CheckedPrompt) -> Result<RuleResult, Failure> {
    let Some(schema) = &checked.prompt.schema else {
        return Err(Failure::new(Kind::Option, "`parse` needs a `schema`"));
    };
    let unfit = match schema::read(text, schema) {
        Ok(found) => return Ok(RuleResult::Value(found.value)),
        Err(unfit) => unfit,
    };

    let Some(repairs_max) = checked.repairs_max.checked_sub(1) else {
        return Err(CallError::InvalidOutput { text: text.to_owned(), unfit }.into());
    };

    let instruction = format!(
        "<text>\n{text}\n</text>\n\nWrite what the text says as JSON that matches this schema, and \
         nothing else. Add nothing that the text does not say.\n{schema}"
    );
    let prompt = Prompt { instruction, ..checked.prompt.clone() };
    let keep = Keep::Nothing;
    Ok(RuleResult::Ask(Box::new(CheckedPrompt {
        repairs_max,
        keep,
        has_history: false,
        ..CheckedPrompt::new(prompt)
    })))
}

/// Keeps only the standing instruction of a conversation.
fn system(messages: Vec<Message>) -> Vec<Message> {
    messages.into_iter().filter(|message| message.role == Role::System).collect()
}

/// Returns the tools that a model may call: those of the options, or else those of the branch.
fn offered(branch: &SharedBranch, checked: &CheckedPrompt) -> Result<Vec<Rc<Tool>>, Failure> {
    let tools = match &checked.tools.tools {
        Some(tools) => tools.clone(),
        None if checked.has_history => branch.borrow().tools.clone(),
        None => Vec::new(),
    };

    if checked.tools.thinks && tools.is_empty() {
        let message = "`react` needs tools: pass `tools: [..]`, or set them on the branch";
        return Err(Failure::new(Kind::Option, message));
    }
    if let ToolChoice::Name(name) = &checked.tools.choice
        && !tools.iter().any(|tool| tool.name == *name)
    {
        let message = format!("`tool_choice` names the tool `{name}`, which is not offered");
        return Err(Failure::new(Kind::Option, message));
    }
    Ok(tools)
}

/// Makes the conversation of one request: of several answers that were wrong, it has only the newest.
fn messages(
    talk: &Conversation,
    prompt: &Prompt,
    newest: Option<&(String, Unfit)>,
) -> Vec<Message> {
    let mut messages = talk.before.clone();
    messages.push(Message::asking(&prompt.instruction, &prompt.images));
    messages.extend(talk.steps.iter().cloned());
    to_mend(messages, newest)
}

/// Adds the newest answer that is not right, and asks to mend it.
pub(super) fn to_mend(
    mut messages: Vec<Message>,
    newest: Option<&(String, Unfit)>,
) -> Vec<Message> {
    if let Some((answer, unfit)) = newest {
        messages.push(Message::new(Role::Assistant, answer));
        messages.push(Message::new(Role::User, request_to_mend(unfit)));
    }
    messages
}

fn request_to_mend(unfit: &Unfit) -> String {
    let mut text = "This answer is not valid:\n".to_owned();
    for problem in unfit.clone().problems().iter().take(PROBLEMS_TOLD) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "- {problem}");
    }

    text.push_str("Write the whole answer again, corrected, and nothing else.");
    text
}

/// Says how often the model was asked to mend an answer that never was right.
pub(super) fn given_up(stop: Stop, repairs: u32) -> Stop {
    match stop {
        Stop::Failed(mut failure) if failure.kind == Kind::InvalidOutput && repairs > 0 => {
            let times = if repairs == 1 { "once".to_owned() } else { format!("{repairs} times") };
            failure.message =
                format!("{} (the model was asked {times} to repair it)", failure.message);
            failure.detail_mut().repairs = Some(repairs);
            Stop::Failed(failure)
        }
        other => other,
    }
}
