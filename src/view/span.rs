//! A run as spans, the form in which tools for traces know work: one for the run, and one for each flow,
//! operation, call to a model and call of a tool. Made event by event, so that a run under way gives each
//! span as soon as it ends. Names and attributes follow the semantic conventions for generative AI.

mod call;

use crate::base::failure::Failure;
use crate::base::id::{FlowId, OpId, RunId};
use crate::base::secret::scrub;
use crate::flow::outcome::Outcome;
use crate::journal::event::{Event, RunStatus};
use crate::journal::key::Key;
use crate::journal::part::{KnownParts, RequestPart};
use crate::journal::roster::Roster;
use crate::view::span::call::{OpenCall, OpenTool};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The version of OpenTelemetry's semantic conventions that the names of attributes follow.
pub const CONVENTIONS: &str = "1.41.1";
/// Most bytes of one text in a span.
pub const TEXT_MAX: usize = 32 << 10;

/// Whether spans show what was said: prompts, replies, arguments, results and messages of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanContent {
    /// Names, times, figures and kinds of failures only.
    Left,
    /// Texts as well.
    Shown,
}

/// What an attribute holds.
#[derive(Debug, Clone, PartialEq)]
pub enum SpanValue {
    /// A text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
    /// A whole number.
    Whole(i64),
    /// Another number.
    Number(f64),
    /// True or false.
    Flag(bool),
}

/// What kind of work a span is, by the number that the protocol gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanRole {
    /// Work of the program itself.
    Internal = 1,
    /// A request to somebody else.
    Client = 3,
}

/// How the work went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpanState {
    /// Nothing is said.
    Unset,
    /// It failed. The message is empty where texts are left out.
    Failed(String),
}

/// What a span is in its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKey {
    /// The run itself.
    Run,
    /// A flow.
    Flow(FlowId),
    /// An operation.
    Operation(OpId),
    /// A call of an operation to a model, counted over all of them.
    Call(OpId, u32),
    /// A call of a tool, counted in the same way.
    Tool(OpId, u32),
}

/// Where a span stands. Ids are made of it where the span is written, which is not where the run continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanPlace {
    /// The run, which is one trace.
    pub run: Arc<str>,
    /// What it is in the run.
    pub key: SpanKey,
    /// What it is a part of.
    pub parent: Option<SpanKey>,
}

impl SpanPlace {
    /// Returns the id of its trace: the same run has the same one wherever it is sent from.
    pub fn trace_id(&self) -> String {
        trace_of(&self.run)
    }

    /// Returns its own id.
    pub fn id(&self) -> String {
        id_of(&self.run, self.key)
    }

    /// Returns the id of the span that it is a part of.
    pub fn parent_id(&self) -> Option<String> {
        self.parent.map(|parent| id_of(&self.run, parent))
    }
}

/// One piece of work that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkSpan {
    /// Where it stands.
    pub place: SpanPlace,
    /// What people know it by.
    pub name: String,
    /// What kind of work it is.
    pub role: SpanRole,
    /// When it began, in microseconds since 1970.
    pub began: i64,
    /// When it ended.
    pub ended: i64,
    /// How it went.
    pub state: SpanState,
    /// The run that it resumes.
    pub link: Option<SpanPlace>,
    /// What else is known.
    pub values: Vec<(&'static str, SpanValue)>,
}

impl WorkSpan {
    fn add(&mut self, name: &'static str, value: SpanValue) {
        self.values.push((name, value));
    }

    fn add_text(&mut self, name: &'static str, text: impl Into<String>) {
        self.add(name, SpanValue::Text(text.into()));
    }

    /// Marks it as failed. The message may hold what was said.
    fn fail(&mut self, failure: &Failure, content: SpanContent) {
        self.add_text("error.type", failure.kind.word());
        self.state = SpanState::Failed(match content {
            SpanContent::Left => String::new(),
            SpanContent::Shown => short(&failure.message),
        });
    }

    /// Returns about how many bytes it takes.
    pub fn size(&self) -> usize {
        let of = |value: &SpanValue| match value {
            SpanValue::Text(text) => text.len(),
            SpanValue::Texts(texts) => texts.iter().map(String::len).sum(),
            SpanValue::Whole(_) | SpanValue::Number(_) | SpanValue::Flag(_) => 8,
        };
        let values: usize = self.values.iter().map(|(name, value)| name.len() + of(value)).sum();
        200 + self.name.len() + values
    }
}

/// Takes spans as they end.
pub type SpanSink<'a> = &'a mut dyn FnMut(WorkSpan);

/// An operation that has begun.
#[derive(Debug, Default)]
struct OpenOp {
    began: Option<i64>,
    calls: u32,
    tools: u32,
    open_calls: Vec<OpenCall>,
    open_tools: Vec<OpenTool>,
}

/// Makes spans of the events of one run.
#[derive(Debug)]
pub struct SpanFold {
    run: Arc<str>,
    content: SpanContent,
    /// The run, and the flows that have begun.
    root: WorkSpan,
    flows: BTreeMap<FlowId, WorkSpan>,
    ops: BTreeMap<OpId, OpenOp>,
    roster: Roster,
    parts: KnownParts,
    last_at: i64,
    is_over: bool,
}

impl SpanFold {
    /// Starts with no event of a run.
    pub fn new(run: &RunId, content: SpanContent) -> SpanFold {
        let run: Arc<str> = run.0.as_str().into();
        let place = SpanPlace { run: run.clone(), key: SpanKey::Run, parent: None };

        SpanFold {
            run,
            content,
            root: span(place, "invoke_workflow", 0),
            flows: BTreeMap::new(),
            ops: BTreeMap::new(),
            roster: Roster::default(),
            parts: KnownParts::default(),
            last_at: 0,
            is_over: false,
        }
    }

    /// Takes in the next event, which happened `at` (microseconds since 1970), and gives what ended by it.
    pub fn see(&mut self, at: i64, event: &Event, sink: SpanSink<'_>) {
        self.last_at = at;
        self.roster.see(event);

        match event {
            Event::RunStarted { .. } => self.begin(at, event),
            Event::RunEnded { status, value, failure, .. } => {
                self.end(at, *status, value, failure.as_ref(), sink);
            }
            Event::FlowStarted { .. } => self.begin_flow(at, event),
            Event::FlowEnded { flow } => {
                if let Some(mut span) = self.flows.remove(flow) {
                    span.ended = at;
                    sink(span);
                }
            }
            Event::OpStarted { op, .. } => self.ops.entry(*op).or_default().began = Some(at),
            Event::OpEnded { op, outcome, .. } => self.end_operation(at, *op, outcome, sink),
            Event::RequestPart { key, part } => self.keep(*key, part),
            Event::AttemptStarted { op, .. } => self.begin_call(at, *op, event),
            Event::AttemptEnded { op, .. } => self.end_call(at, *op, event, sink),
            Event::ToolStarted { op, .. } => self.begin_tool(at, *op, event),
            Event::ToolEnded { op, .. } => self.end_tool(at, *op, event, sink),
            Event::EffectEnded { .. }
            | Event::EffectBegan { .. }
            | Event::Asked { .. }
            | Event::Answered { .. }
            | Event::SleepBegan { .. }
            | Event::Suspended { .. }
            | Event::Sealed { .. }
            | Event::TimePassed { .. }
            | Event::Tried { .. }
            | Event::Expanded { .. }
            | Event::CallRefused { .. }
            | Event::Logged { .. } => {}
        }
    }

    /// Takes in the end of an operation that completed without a call, and gives no span of it. Tells whether the
    /// event is one; nothing was taken in if not.
    pub fn skip(&mut self, at: i64, event: &Event) -> bool {
        let Event::OpEnded { op, outcome: Outcome::Completed { .. }, .. } = event else {
            return false;
        };
        if self.ops.get(op).is_some_and(|open| open.calls > 0 || open.tools > 0) {
            return false;
        }

        self.last_at = at;
        self.ops.remove(op);
        true
    }

    /// Gives what has not ended, as far as it is known: the run is still under way, or it crashed.
    pub fn finish(mut self, sink: SpanSink<'_>) {
        if self.is_over || self.last_at == 0 {
            return;
        }

        self.cut(self.last_at, sink);
        let mut span = self.root;
        span.ended = self.last_at;
        span.add("kaizen.unfinished", SpanValue::Flag(true));
        sink(span);
    }

    /// Messages may be large, and are shown only where somebody wants them.
    fn keep(&mut self, key: Key, part: &RequestPart) {
        let is_wanted = match part {
            RequestPart::Terms { .. } => true,
            RequestPart::Message { .. } => self.content == SpanContent::Shown,
        };
        if is_wanted {
            self.parts.add(key, part.clone());
        }
    }

    fn begin(&mut self, at: i64, event: &Event) {
        let Event::RunStarted { script, params, seed, resumes, .. } = event else { return };
        let span = &mut self.root;
        span.name = format!("invoke_workflow {script}");
        span.began = at;

        span.add_text("gen_ai.operation.name", "invoke_workflow");
        span.add_text("gen_ai.workflow.name", script.as_str());
        span.add_text("kaizen.run", &*self.run);
        // A seed is not always a number that 64 bits with a sign can hold.
        span.add_text("kaizen.seed", seed.to_string());
        if self.content == SpanContent::Shown {
            let params = Value::Object(params.clone()).to_string();
            span.add_text("kaizen.params", short(&params));
        }
        if let Some(before) = resumes {
            span.add_text("kaizen.resumes", before.0.as_str());
            let run = before.0.as_str().into();
            span.link = Some(SpanPlace { run, key: SpanKey::Run, parent: None });
        }
    }

    fn end(
        &mut self,
        at: i64,
        status: RunStatus,
        value: &Value,
        failure: Option<&Failure>,
        sink: SpanSink<'_>,
    ) {
        self.cut(at, sink);
        self.is_over = true;

        let span = &mut self.root;
        span.ended = at;
        span.add_text("kaizen.status", status.word());
        if self.content == SpanContent::Shown && !value.is_null() {
            span.add_text("kaizen.value", short(&value.to_string()));
        }
        match (failure, status) {
            (Some(failure), _) => span.fail(failure, self.content),
            (None, RunStatus::Failed) => span.state = SpanState::Failed(String::new()),
            (None, _) => {}
        }
        sink(span.clone());
    }

    fn begin_flow(&mut self, at: i64, event: &Event) {
        let Event::FlowStarted { flow, name, ops, max_concurrent, within, .. } = event else {
            return;
        };

        let parent = within.map_or(SpanKey::Run, SpanKey::Flow);
        let place = self.place(SpanKey::Flow(*flow), parent);
        let mut span = span(place, &format!("flow {name}"), at);
        span.add_text("kaizen.flow", name.as_str());
        span.add("kaizen.operations", SpanValue::Whole(whole(ops.len() as u64)));
        // Without a bound it is the largest number there is, which says nothing.
        if let Ok(most) = u32::try_from(*max_concurrent) {
            span.add("kaizen.max_concurrent", SpanValue::Whole(i64::from(most)));
        }
        self.flows.insert(*flow, span);
    }

    fn end_operation(&mut self, at: i64, op: OpId, outcome: &Outcome, sink: SpanSink<'_>) {
        let open = self.ops.remove(&op).unwrap_or_default();
        let began = open.began;
        self.cut_operation(at, op, open, sink);

        // What was never tried took no time.
        let mut span = self.operation(op, began.unwrap_or(at));
        span.ended = at;
        span.add_text("kaizen.outcome", outcome.word());
        match outcome {
            Outcome::Completed { value } if self.content == SpanContent::Shown => {
                span.add_text("kaizen.value", short(&value.to_string()));
            }
            Outcome::Failed { failure } => span.fail(failure, self.content),
            Outcome::Skipped { reason } => span.add_text("kaizen.because", reason.to_string()),
            Outcome::Completed { .. } | Outcome::Cancelled => {}
        }
        sink(span);
    }

    /// Makes the span of an operation.
    fn operation(&self, op: OpId, began: i64) -> WorkSpan {
        let known = self.roster.get(op).unwrap_or_default();
        let name = if known.name.is_empty() { format!("#{}", op.0) } else { known.name.to_owned() };
        // A call that stands in no graph belongs to the run itself.
        let parent = match known.flow {
            FlowId(0) => SpanKey::Run,
            flow => SpanKey::Flow(flow),
        };

        let mut span = span(self.place(SpanKey::Operation(op), parent), &name, began);
        span.add_text("kaizen.operation", name.as_str());
        span.add("kaizen.operation_number", SpanValue::Whole(i64::from(op.0)));
        if !known.does.is_empty() {
            span.add_text("kaizen.does", known.does);
        }
        span
    }

    /// Ends everything that has not ended: what it is a part of has.
    fn cut(&mut self, at: i64, sink: SpanSink<'_>) {
        for (op, open) in std::mem::take(&mut self.ops) {
            let began = open.began;
            self.cut_operation(at, op, open, sink);
            if let Some(began) = began {
                let mut span = self.operation(op, began);
                span.ended = at;
                span.add("kaizen.unfinished", SpanValue::Flag(true));
                sink(span);
            }
        }

        for (_, mut span) in std::mem::take(&mut self.flows) {
            span.ended = at;
            span.add("kaizen.unfinished", SpanValue::Flag(true));
            sink(span);
        }
    }

    fn cut_operation(&self, at: i64, op: OpId, open: OpenOp, sink: SpanSink<'_>) {
        for call in open.open_calls {
            let mut span = self.call_span(op, &call);
            span.ended = at;
            span.add("kaizen.unfinished", SpanValue::Flag(true));
            sink(span);
        }
        for tool in open.open_tools {
            let mut span = self.tool_span(op, &tool);
            span.ended = at;
            span.add("kaizen.unfinished", SpanValue::Flag(true));
            sink(span);
        }
    }

    fn place(&self, key: SpanKey, parent: SpanKey) -> SpanPlace {
        SpanPlace { run: self.run.clone(), key, parent: Some(parent) }
    }
}

/// Creates a span that has just begun.
fn span(place: SpanPlace, name: &str, began: i64) -> WorkSpan {
    WorkSpan {
        place,
        name: name.to_owned(),
        role: SpanRole::Internal,
        began,
        ended: began,
        state: SpanState::Unset,
        link: None,
        values: Vec::new(),
    }
}

fn trace_of(run: &str) -> String {
    let hash = blake3::hash(format!("kaizen trace {run}").as_bytes()).to_hex();
    hash[..32].to_owned()
}

fn id_of(run: &str, key: SpanKey) -> String {
    let part = match key {
        SpanKey::Run => "run".to_owned(),
        SpanKey::Flow(flow) => format!("flow {}", flow.0),
        SpanKey::Operation(op) => format!("operation {}", op.0),
        SpanKey::Call(op, nth) => format!("operation {} call {nth}", op.0),
        SpanKey::Tool(op, nth) => format!("operation {} tool {nth}", op.0),
    };
    let hash = blake3::hash(format!("kaizen span {run} {part}").as_bytes()).to_hex();
    hash[..16].to_owned()
}

/// Returns a text, or the beginning of one that is too long for a span. Secrets are taken out before it is cut,
/// so that no part of one is left.
fn short(text: &str) -> String {
    let mut kept = scrub(text).into_owned();
    kept.truncate(kept.floor_char_boundary(TEXT_MAX));
    kept
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
