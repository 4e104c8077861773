//! The loop in which a model calls tools until it knows the answer. Each step is one request, an attempt
//! like every other; how calls are made is in `tools.rs`, how they are written where a provider has none,
//! in `protocol.rs`.

use crate::base::failure::{Failure, Kind};
use crate::executor::Executor;
use crate::executor::attempt::{CallBill, ExchangeRequest, Stop, WholeReply};
use crate::executor::operate::{Conversation, FirstAnswer};
use crate::executor::protocol::{
    StepForm, StepReply, as_texts, explained, step_reply, step_schema,
};
use crate::executor::replies::guess::GuessedDecision;
use crate::executor::tools::{CallOutcome, CallRequest, canonical, failure_of_tool};
use crate::flow::op::{CheckedPrompt, Protocol};
use crate::journal::event::{Event, LogLevel};
use crate::journal::known_replies::Sample;
use crate::model::error::CallError;
use crate::model::message::{Message, Role};
use crate::model::reply::ReplyContent;
use crate::model::request::SchemaCheck;
use crate::model::tool::{ToolCall, ToolChoice, ToolResult, ToolSpec};
use crate::schema;
use crate::session::branch::SharedBranch;
use crate::session::scope::Scope;
use crate::session::tool::{Deed, Tool};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

/// How often a tool may fail in a row before the operation fails.
const FAILURES_MAX: u32 = 3;
/// In how many steps in a row the same calls are made; once more, they are refused.
const REPEATS_MAX: usize = 2;
/// How many bytes a token has, roughly, for `context_max`.
const TOKEN_BYTES: u64 = 4;

/// What asks for the answer in the last step.
const ANSWER_NOW: &str =
    "No further call is possible. Answer now, with what you know, and say what is missing.";
/// What a thought before each call is asked for by, where calls are not texts.
const THINK: &str = "Before each call of a tool, write one sentence that says why you make it.";

/// Why the loop ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum LoopEnd {
    /// The model answered.
    #[default]
    Answer,
    /// No step or no call was left.
    Steps,
    /// It made the same calls again and again.
    Repeats,
}

impl LoopEnd {
    fn word(self) -> &'static str {
        match self {
            LoopEnd::Answer => "answer",
            LoopEnd::Steps => "steps",
            LoopEnd::Repeats => "repeats",
        }
    }
}

/// What a question took.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// The steps with calls, for scripts.
    steps: Vec<Value>,
    pub(super) bill: CallBill,
    tool_calls: u32,
    end: LoopEnd,
}

impl Course {
    /// Returns the value with what led to it.
    pub(super) fn to_value(&self, value: Value) -> Value {
        json!({
            "value": value,
            "steps": self.steps,
            "calls": self.bill.calls,
            "tool_calls": self.tool_calls,
            "cost": self.bill.cost.map(crate::base::unit::Money::dollars),
            "stopped": self.end.word(),
        })
    }
}

/// What a model says in a step.
enum StepSaid {
    /// It calls tools.
    Calls(ReplyContent, Sample),
    /// It answers.
    Answer(FirstAnswer),
}

/// One loop under way.
struct ToolLoop<'a> {
    executor: &'a Executor,
    scope: &'a Rc<Scope>,
    branch: &'a SharedBranch,
    checked: &'a CheckedPrompt,
    tools: &'a [Rc<Tool>],
    specs: Vec<ToolSpec>,
    is_native: bool,
    /// How often each tool has failed since it last worked.
    failures: HashMap<String, (u32, Failure)>,
    /// The calls of the newest steps with their results, and without them.
    recent: Vec<(String, String)>,
    /// The text that the model wrote last.
    newest: String,
}

impl Executor {
    /// Has the model call tools until it answers.
    pub(super) async fn react(
        &self,
        scope: &Rc<Scope>,
        branch: &SharedBranch,
        checked: &CheckedPrompt,
        tools: &[Rc<Tool>],
        talk: &mut Conversation,
        course: &mut Course,
    ) -> Result<FirstAnswer, Stop> {
        let label = branch.borrow().model.label.clone();
        let is_native = match checked.tools.protocol {
            Protocol::Native => true,
            Protocol::Schema => false,
            Protocol::Auto => !self.has_no_tools(&label),
        };

        let own = ToolLoop {
            executor: self,
            scope,
            branch,
            checked,
            tools,
            specs: tools.iter().map(|tool| spec(tool)).collect(),
            is_native,
            failures: HashMap::new(),
            recent: Vec::new(),
            newest: String::new(),
        };
        own.run(talk, course).await
    }

    /// Makes the requests of a plan that takes a question with tools to need all its steps.
    pub(super) async fn plan_steps(
        &self,
        scope: &Rc<Scope>,
        branch: &SharedBranch,
        checked: &CheckedPrompt,
        talk: &Conversation,
        tools: usize,
    ) -> Result<(), Stop> {
        let Some(guess) = self.guess().filter(|_| tools > 0) else { return Ok(()) };
        let name = self.recorder.follower().name(scope.op).unwrap_or_default().to_owned();
        if !guess.decide(GuessedDecision::Loops(name), false) {
            return Ok(());
        }

        for _ in 1..checked.tools.steps_max {
            let mut messages = talk.before.clone();
            messages.push(Message::new(Role::User, &checked.prompt.instruction));
            let ask = ExchangeRequest {
                prompt: &checked.prompt,
                messages: as_texts(messages),
                tools: Vec::new(),
                choice: ToolChoice::Auto,
                schema: None,
                reads: None,
                schema_check: SchemaCheck::Caller,
                is_repair: false,
                step: 0,
            };
            self.exchange(scope, branch, ask, false).await?;
        }
        Ok(())
    }
}

impl ToolLoop<'_> {
    async fn run(
        mut self,
        talk: &mut Conversation,
        course: &mut Course,
    ) -> Result<FirstAnswer, Stop> {
        let limits = &self.checked.tools;
        let mut must_answer = false;

        for step in 1..=limits.steps_max {
            let is_last = must_answer || step == limits.steps_max;
            if step == limits.steps_max && !must_answer && step > 1 {
                course.end = LoopEnd::Steps;
            }

            let (said, sample) = match self.step(talk, course, step, is_last).await? {
                StepSaid::Calls(said, sample) => (said, sample),
                StepSaid::Answer(answer) => {
                    if !is_last {
                        course.end = LoopEnd::Answer;
                    }
                    return Ok(answer);
                }
            };
            if !said.text.trim().is_empty() {
                self.newest.clone_from(&said.text);
            }
            if is_last {
                return self.without_answer(said, step);
            }

            let end = self.call(talk, course, step, said, &sample).await?;
            if end != LoopEnd::Answer {
                course.end = end;
                must_answer = true;
            }
        }

        Err(self.no_answer(limits.steps_max).into())
    }

    /// Makes one request, and reads what the model says.
    async fn step(
        &mut self,
        talk: &Conversation,
        course: &mut Course,
        step: u32,
        is_last: bool,
    ) -> Result<StepSaid, Stop> {
        if !self.is_native {
            return self.step_by_schema(talk, course, (step, false), form(is_last)).await;
        }

        let choice = match &self.checked.tools.choice {
            _ if is_last => ToolChoice::None,
            choice if step == 1 => choice.clone(),
            _ => ToolChoice::Auto,
        };
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
        let WholeReply { said, value, sample, bill } = match replied {
            Err(Stop::Failed(failure)) if self.can_fall_back(&failure, step) => {
                self.fall_back(&failure)?;
                return self.step_by_schema(talk, course, (step, false), form(is_last)).await;
            }
            replied => replied?,
        };
        course.bill.add(bill);

        if !said.calls.is_empty() {
            return Ok(StepSaid::Calls(said, sample));
        }
        if is_forced {
            // Some servers take no notice of a forced call; a schema is heeded by more of them.
            return self.step_by_schema(talk, course, (step, true), StepForm::Call).await;
        }
        Ok(StepSaid::Answer(FirstAnswer { text: said.text, value }))
    }

    /// Makes one request whose reply is a call or an answer in the form of a schema.
    async fn step_by_schema(
        &mut self,
        talk: &Conversation,
        course: &mut Course,
        (step, is_again): (u32, bool),
        form: StepForm,
    ) -> Result<StepSaid, Stop> {
        let thinks = self.checked.tools.thinks;
        let answer = self.checked.prompt.schema.as_ref();
        let form = match (&self.checked.tools.choice, form) {
            (ToolChoice::None, _) if step == 1 => StepForm::Answer,
            (ToolChoice::Required | ToolChoice::Name(_), StepForm::CallOrAnswer) if step == 1 => {
                StepForm::Call
            }
            (_, form) => form,
        };
        let specs = match &self.checked.tools.choice {
            ToolChoice::Name(name) if step == 1 => {
                self.specs.iter().filter(|spec| spec.name == *name).cloned().collect()
            }
            _ => self.specs.clone(),
        };

        let schema = step_schema(&specs, answer, form, thinks);
        let question = explained(&self.checked.prompt.instruction, &specs, thinks);
        let mut messages = talk.before.clone();
        messages.push(Message::new(Role::User, question));
        messages.extend(self.within_context(&talk.steps));
        if form == StepForm::Answer && step > 1 {
            messages.push(Message::new(Role::User, ANSWER_NOW));
        }

        let ask = ExchangeRequest {
            prompt: &self.checked.prompt,
            messages: as_texts(messages),
            tools: Vec::new(),
            choice: ToolChoice::Auto,
            schema: Some(&schema),
            reads: Some(&schema),
            schema_check: SchemaCheck::Caller,
            is_repair: is_again,
            step: if is_again { 0 } else { step },
        };
        let replied = self.executor.exchange(self.scope, self.branch, ask, true).await?;
        course.bill.add(replied.bill);
        self.read_step(talk, replied, form)
    }

    /// Reads a reply in the form of a schema. One that is neither a call nor an answer may be the bare
    /// answer of a model that nothing constrains.
    fn read_step(
        &self,
        talk: &Conversation,
        replied: WholeReply,
        form: StepForm,
    ) -> Result<StepSaid, Stop> {
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
            (_, Err(unfit)) if form == StepForm::Call => {
                let error = CallError::InvalidOutput { text: said.text, unfit };
                Err(Failure::from(error).into())
            }
            (Some(StepReply::Answer(answer)), _) => Ok(StepSaid::Answer(self.first_answer(answer))),
            (None, _) => {
                let value = match &self.checked.prompt.schema {
                    None => Ok(Value::String(said.text.clone())),
                    Some(schema) => schema::read(&said.text, schema).map(|found| found.value),
                };
                Ok(StepSaid::Answer(FirstAnswer { text: said.text, value }))
            }
        }
    }

    /// Reads the answer of a reply in the form of a schema.
    fn first_answer(&self, answer: Value) -> FirstAnswer {
        let text = match &answer {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let value = match &self.checked.prompt.schema {
            None => Ok(Value::String(text.clone())),
            Some(schema) => schema::fit(answer, schema).map(|found| found.value),
        };
        FirstAnswer { text, value }
    }

    /// Makes the calls of a reply, and tells the model what came of them. Says whether it has to answer
    /// now, and why.
    async fn call(
        &mut self,
        talk: &mut Conversation,
        course: &mut Course,
        step: u32,
        said: ReplyContent,
        sample: &Sample,
    ) -> Result<LoopEnd, Stop> {
        let calls_max = self.checked.tools.calls_max;
        let asked = signature(said.calls.iter().map(|call| (call, "")));
        let repeats = self.repeats(&asked);

        let mut requests = Vec::with_capacity(said.calls.len());
        for (place, call) in said.calls.iter().enumerate() {
            let is_left = course.tool_calls < calls_max;
            course.tool_calls = course.tool_calls.saturating_add(u32::from(is_left));
            let refusal = if !is_left {
                Some(limit_reached(calls_max))
            } else if repeats >= REPEATS_MAX {
                Some(repeated(repeats))
            } else {
                None
            };
            let deed = Deed(format!("{}:{}:{place}", sample.key, sample.at));
            let id = call.id.clone();
            let name = call.name.clone();
            requests.push(CallRequest { id, name, args: call.args.clone(), deed, step, refusal });
        }

        let outcomes = self.executor.make_calls(self.scope, self.tools, requests).await?;
        self.trace(course, &said.text, &outcomes)?;
        self.count_failures(&outcomes)?;

        let results: Vec<ToolResult> = outcomes
            .iter()
            .zip(&said.calls)
            .map(|(outcome, call)| ToolResult::new(call, &outcome.text, outcome.result.is_err()))
            .collect();
        let texts = results.iter().map(|result| result.text.as_str());
        let whole = signature(said.calls.iter().zip(texts));
        // A refusal is no new result.
        let whole = if repeats >= REPEATS_MAX { self.newest_result(whole) } else { whole };
        self.recent.push((asked, whole));

        talk.steps.push(Message::of_reply(said));
        talk.steps.push(Message::of_results(results));

        Ok(if repeats > REPEATS_MAX {
            LoopEnd::Repeats
        } else if course.tool_calls >= calls_max {
            LoopEnd::Steps
        } else {
            LoopEnd::Answer
        })
    }

    /// Tells how many steps in a row have made these calls, each with the same results.
    fn repeats(&self, asked: &str) -> usize {
        let Some((_, whole)) = self.recent.last() else { return 0 };
        let same = |step: &&(String, String)| step.0 == asked && step.1 == *whole;
        self.recent.iter().rev().take_while(same).count()
    }

    fn newest_result(&self, otherwise: String) -> String {
        self.recent.last().map_or(otherwise, |(_, whole)| whole.clone())
    }

    /// Counts the failures of each tool since it last worked. Several in one step are one.
    fn count_failures(&mut self, outcomes: &[CallOutcome]) -> Result<(), Failure> {
        let is_tool = |name: &str| self.tools.iter().any(|tool| tool.name == name);
        let names: BTreeSet<&str> =
            outcomes.iter().map(|one| one.name.as_str()).filter(|name| is_tool(name)).collect();

        for name in names {
            let of_tool = || outcomes.iter().filter(|one| one.name == name);
            if of_tool().any(|one| one.result.is_ok()) {
                self.failures.remove(name);
                continue;
            }

            let newest = of_tool().last().and_then(|one| Some((one, one.result.as_ref().err()?)));
            let Some((call, failure)) = newest else { continue };
            let (count, known) =
                self.failures.entry(name.to_owned()).or_insert_with(|| (0, failure.clone()));
            *count += 1;
            // That a call is not repeated is not why it failed.
            if failure.kind != Kind::Steps {
                known.clone_from(failure);
            }

            if *count >= FAILURES_MAX {
                let mut failure = failure_of_tool(name, call.args.clone(), known.clone());
                failure.message =
                    format!("{} (the third error of this tool in a row)", failure.message);
                return Err(failure);
            }
        }
        Ok(())
    }

    /// Keeps what a step did, for a script that wants to know it.
    fn trace(
        &self,
        course: &mut Course,
        thought: &str,
        outcomes: &[CallOutcome],
    ) -> Result<(), Stop> {
        if !self.checked.has_trace {
            return Ok(());
        }

        let mut calls = Vec::with_capacity(outcomes.len());
        for outcome in outcomes {
            let seconds = self.executor.elapsed(&self.scope.strand, outcome.took.as_secs_f64())?;
            let error = outcome.result.as_ref().err().map(Failure::to_value);
            calls.push(json!({
                "tool": outcome.name,
                "args": outcome.args,
                "result": outcome.result.as_ref().ok(),
                "error": error,
                "ms": (seconds * 1e6).round() / 1e3,
            }));
        }
        course.steps.push(json!({ "thought": thought, "calls": calls }));
        Ok(())
    }

    /// Ends a loop whose last reply calls tools all the same: its text is the answer.
    fn without_answer(&self, said: ReplyContent, step: u32) -> Result<FirstAnswer, Stop> {
        if said.text.trim().is_empty() {
            return Err(self.no_answer(step).into());
        }

        let value = match &self.checked.prompt.schema {
            None => Ok(Value::String(said.text.clone())),
            Some(schema) => schema::read(&said.text, schema).map(|found| found.value),
        };
        Ok(FirstAnswer { text: said.text, value })
    }

    fn no_answer(&self, step: u32) -> Failure {
        let message = format!(
            "the model gave no answer in {step} steps; raise `max_steps`, offer fewer tools, or describe \
             them more clearly"
        );
        let mut failure = Failure::new(Kind::Steps, message);
        let detail = failure.detail_mut();
        detail.partial = Some(self.newest.as_str().into());
        detail.steps = Some(step);
        failure
    }

    /// Makes the conversation of a step, where the provider has calls of tools.
    fn messages(&self, talk: &Conversation, step: u32, is_last: bool) -> Vec<Message> {
        let mut messages = talk.before.clone();
        if self.checked.tools.thinks {
            think(&mut messages);
        }

        let question = match &self.checked.prompt.schema {
            None => self.checked.prompt.instruction.clone(),
            Some(schema) => format!(
                "{}\n\nWhen you know the answer, write it as JSON that matches this schema, and nothing \
                 else:\n{schema}",
                self.checked.prompt.instruction
            ),
        };
        messages.push(Message::new(Role::User, question));
        messages.extend(self.within_context(&talk.steps));
        if is_last && step > 1 {
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
                    bytes -= saved;
                }
            }
        }
        steps
    }

    /// Tells whether a refusal may be one of tools as such.
    fn can_fall_back(&self, failure: &Failure, step: u32) -> bool {
        let is_refused = failure.kind == Kind::BadRequest;
        is_refused && step == 1 && self.checked.tools.protocol == Protocol::Auto
    }

    /// Goes on without the provider's calls of tools, and says so.
    fn fall_back(&mut self, failure: &Failure) -> Result<(), Stop> {
        self.is_native = false;
        let label = self.branch.borrow().model.label.clone();
        if self.executor.learn_no_tools(&label) {
            let text = format!(
                "`{label}` refused a request with tools ({}), so its calls are read from answers that \
                 follow a schema; `protocol: \"schema\"` avoids the refused request",
                failure.message
            );
            self.executor.note(&Event::Logged { level: LogLevel::Warn, text })?;
        }
        Ok(())
    }
}

fn form(is_last: bool) -> StepForm {
    if is_last { StepForm::Answer } else { StepForm::CallOrAnswer }
}

fn spec(tool: &Tool) -> ToolSpec {
    ToolSpec {
        name: tool.name.clone(),
        description: tool.description.clone(),
        parameters: tool.schema.clone(),
    }
}

/// Asks for a thought before each call, in the standing instruction.
fn think(messages: &mut Vec<Message>) {
    match messages.first_mut().filter(|first| first.role == Role::System) {
        Some(first) => first.content = format!("{}\n\n{THINK}", first.content),
        None => messages.insert(0, Message::new(Role::System, THINK)),
    }
}

/// Returns what calls are known by, and their results, so that a repetition is seen.
fn signature<'a>(calls: impl Iterator<Item = (&'a ToolCall, &'a str)>) -> String {
    let each = calls.map(|(call, result)| {
        let args = call.args.as_ref().map_or_else(|text| json!(text).to_string(), canonical);
        format!("{} {args} {}", json!(call.name), json!(result))
    });
    each.collect::<Vec<_>>().join("\n")
}

fn limit_reached(most: u32) -> Failure {
    let message =
        format!("the limit of {most} calls of tools (`max_tool_calls`) is reached; answer now");
    Failure::new(Kind::Steps, message)
}

fn repeated(times: usize) -> Failure {
    let message = format!(
        "this call was made {times} times with the same result, and is not made again; use the result, \
         call something else, or answer"
    );
    Failure::new(Kind::Steps, message)
}
