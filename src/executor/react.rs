//! The loop in which a model calls tools until it knows the answer. Each step is one request, an attempt
//! like every other; how calls are made is in `tools.rs`, how they are written where a provider has none,
//! in `tool_protocol.rs`.

use crate::base::failure::{Failure, Kind};
use crate::base::secret::beginning;
use crate::executor::Executor;
use crate::executor::attempt::{ExchangeRequest, Stop};
use crate::executor::bill::AttemptBill;
use crate::executor::checked_answer::{Conversation, FirstAnswer};
use crate::executor::replies::guess::GuessedDecision;
use crate::executor::step::StepSaid;
use crate::executor::tool_protocol::as_texts;
use crate::executor::tools::{CallOutcome, CallRequest, SHOWN_MAX, canonical, failure_of_tool};
use crate::flow::op::{CheckedPrompt, ToolProtocol};
use crate::journal::known_replies::Sample;
use crate::model::message::Message;
use crate::model::reply::ReplyContent;
use crate::model::tool::{ToolCall, ToolChoice, ToolResult, ToolSpec};
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
/// Why the loop ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum LoopEnd {
    /// The model answered.
    #[default]
    Answer,
    /// No step was left.
    Steps,
    /// No call was left.
    Calls,
    /// It made the same calls again and again.
    Repeats,
}

impl LoopEnd {
    fn word(self) -> &'static str {
        match self {
            LoopEnd::Answer => "answer",
            LoopEnd::Steps | LoopEnd::Calls => "steps",
            LoopEnd::Repeats => "repeats",
        }
    }
}

/// What a question took.
#[derive(Debug, Default)]
pub(super) struct LoopCourse {
    /// The steps with calls, for scripts.
    steps: Vec<Value>,
    pub(super) bill: AttemptBill,
    /// Whether `max_tokens` cut the newest reply, and that was accepted.
    pub(super) is_cut: bool,
    tool_calls: u32,
    end: LoopEnd,
}

impl LoopCourse {
    /// Returns the value with what led to it.
    pub(super) fn to_value(&self, value: &Value) -> Value {
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

/// Why there is no answer.
#[derive(Debug, Clone, Copy)]
enum NoAnswer {
    /// The loop ended without one.
    End(LoopEnd),
    /// The model called tools where it must not.
    Forbidden,
}

/// One loop under way.
pub(super) struct ToolLoop<'a> {
    pub(super) executor: &'a Executor,
    pub(super) scope: &'a Rc<Scope>,
    pub(super) branch: &'a SharedBranch,
    pub(super) checked: &'a CheckedPrompt,
    tools: &'a [Rc<Tool>],
    pub(super) specs: Vec<ToolSpec>,
    pub(super) is_native: bool,
    /// How often each tool has failed since it last worked.
    failures: HashMap<String, (u32, Failure)>,
    /// The calls of the newest step, their results, and how many steps in a row had both.
    recent: Option<(String, String, usize)>,
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
        course: &mut LoopCourse,
    ) -> Result<FirstAnswer, Stop> {
        let (label, takes_tools) = {
            let model = &branch.borrow().model;
            (model.label.clone(), model.takes_tools)
        };
        let is_native = match checked.tools.protocol {
            ToolProtocol::Native => true,
            ToolProtocol::Schema => false,
            ToolProtocol::Auto => takes_tools && !self.has_no_tools(&label),
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
            recent: None,
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
    ) -> Result<(), Stop> {
        let Some(guess) = self.guess() else { return Ok(()) };
        let name = self.recorder.follower().name(scope.op).unwrap_or_default().to_owned();
        if !guess.decide(GuessedDecision::Loops(name), false) {
            return Ok(());
        }

        for _ in 1..checked.tools.steps_max {
            let mut messages = talk.before.clone();
            let prompt = &checked.prompt;
            messages.push(Message::asking(&prompt.instruction, &prompt.images));
            let are_shown = self.shows_results(scope, &branch.borrow().model);
            let messages = as_texts(messages, are_shown);
            let ask = ExchangeRequest::new(&checked.prompt, messages, None);
            self.exchange(scope, branch, ask, false).await?;
        }
        Ok(())
    }
}

impl ToolLoop<'_> {
    async fn run(
        mut self,
        talk: &mut Conversation,
        course: &mut LoopCourse,
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
            let may_call = self.choice(step, is_last) != ToolChoice::None;
            if !may_call {
                let end = if must_answer { course.end } else { LoopEnd::Steps };
                let reason = if is_last { NoAnswer::End(end) } else { NoAnswer::Forbidden };
                return match self.last_answer(said) {
                    Some(answer) => Ok(answer),
                    None => Err(self.no_answer(step, reason).into()),
                };
            }

            let end = self.call(talk, course, step, said, &sample).await?;
            if end != LoopEnd::Answer {
                course.end = end;
                must_answer = true;
            }
        }

        Err(self.no_answer(limits.steps_max, NoAnswer::End(LoopEnd::Steps)).into())
    }

    /// Makes the calls of a reply, and tells the model what came of them. Says whether it has to answer
    /// now, and why.
    async fn call(
        &mut self,
        talk: &mut Conversation,
        course: &mut LoopCourse,
        step: u32,
        said: ReplyContent,
        sample: &Sample,
    ) -> Result<LoopEnd, Stop> {
        let calls_max = self.checked.tools.calls_max;
        let asked = signature(&said.calls);
        let repeats = match &self.recent {
            Some((calls, _, times)) if *calls == asked => *times,
            _ => 0,
        };

        let mut requests = Vec::with_capacity(said.calls.len());
        for (place, call) in said.calls.iter().enumerate() {
            let is_left = course.tool_calls < calls_max;
            course.tool_calls = course.tool_calls.saturating_add(u32::from(is_left));
            let refusal = self.refusal(call, step, is_left, repeats);
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
            .map(|(outcome, call)| {
                let plain = ToolResult::new(call, &outcome.text, outcome.result.is_err());
                ToolResult { images: outcome.images.clone(), ..plain }
            })
            .collect();
        let each: Vec<_> = results.iter().map(|result| (&result.text, &result.images)).collect();
        let found = json!(each).to_string();
        self.recent = Some(match self.recent.take() {
            // A refusal is no new result.
            Some((calls, known, times))
                if calls == asked && (repeats >= REPEATS_MAX || known == found) =>
            {
                (calls, known, times + 1)
            }
            _ => (asked, found, 1),
        });

        talk.steps.push(Message::of_reply(said));
        talk.steps.push(Message::of_results(results));

        Ok(if repeats > REPEATS_MAX {
            LoopEnd::Repeats
        } else if course.tool_calls >= calls_max {
            LoopEnd::Calls
        } else {
            LoopEnd::Answer
        })
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

            let newest =
                of_tool().next_back().and_then(|one| Some((one, one.result.as_ref().err()?)));
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
        course: &mut LoopCourse,
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
                "result": outcome.kept,
                "error": error,
                "ms": (seconds * 1e6).round() / 1e3,
            }));
        }
        course.steps.push(json!({ "thought": thought, "calls": calls }));
        Ok(())
    }

    /// Says why a call is not even looked at, if it is not.
    fn refusal(
        &self,
        call: &ToolCall,
        step: u32,
        is_left: bool,
        repeats: usize,
    ) -> Option<Failure> {
        if !is_left {
            return Some(limit_reached(self.checked.tools.calls_max));
        }
        if repeats >= REPEATS_MAX {
            return Some(repeated(repeats));
        }
        match self.choice(step, false) {
            ToolChoice::Name(only) if only != call.name => Some(not_offered(&call.name, &only)),
            _ => None,
        }
    }

    fn no_answer(&self, step: u32, reason: NoAnswer) -> Failure {
        let calls_max = self.checked.tools.calls_max;
        let message = match reason {
            NoAnswer::End(LoopEnd::Answer | LoopEnd::Steps) => format!(
                "the model gave no answer in {step} steps; raise `max_steps`, offer fewer tools, or \
                 describe them more clearly"
            ),
            NoAnswer::End(LoopEnd::Calls) => format!(
                "the model gave no answer within {calls_max} tool calls; raise `max_tool_calls`, offer \
                 fewer tools, or describe them more clearly"
            ),
            NoAnswer::End(LoopEnd::Repeats) => format!(
                "the model made the same calls again and again, and gave no answer in {step} steps; \
                 describe the tools more clearly, or ask another model"
            ),
            NoAnswer::Forbidden => {
                "the model called tools although `tool_choice` is \"none\", and gave no \
                                    answer; offer it no tools, or ask another model"
                    .to_owned()
            }
        };

        let mut failure = Failure::new(Kind::Steps, message);
        let detail = failure.detail_mut();
        detail.partial = Some(self.newest.as_str().into());
        detail.steps = Some(step);
        failure
    }
}

fn spec(tool: &Tool) -> ToolSpec {
    ToolSpec {
        name: tool.name.clone(),
        description: tool.description.clone(),
        parameters: tool.schema.clone(),
    }
}

/// Returns what calls are known by, so that a repetition is seen.
fn signature(calls: &[ToolCall]) -> String {
    let each = calls.iter().map(|call| {
        let args = call.args.as_ref().map_or_else(|text| json!(text).to_string(), canonical);
        format!("{} {args}", json!(call.name))
    });
    each.collect::<Vec<_>>().join("\n")
}

fn limit_reached(most: u32) -> Failure {
    let message =
        format!("the limit of {most} tool calls (`max_tool_calls`) is reached; answer now");
    Failure::new(Kind::Steps, message)
}

fn not_offered(name: &str, only: &str) -> Failure {
    let shown = beginning(name, SHOWN_MAX);
    let message = format!("this step offers only the tool `{only}`, so `{shown}` was not called");
    Failure::new(Kind::NotFound, message)
}

fn repeated(times: usize) -> Failure {
    let message = format!(
        "this call was made {times} times with the same result, and will not be repeated; use the result, \
         call something else, or answer"
    );
    Failure::new(Kind::Steps, message)
}
