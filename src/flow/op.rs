//! An operation: one step of a graph.

use crate::base::bounds::Bounds;
use crate::base::failure::Place;
use crate::base::word::words;
use crate::flow::callback::Callback;
use crate::flow::question::TimedQuestion;
use crate::model::image::Image;
use crate::model::request::Settings;
use crate::model::tool::ToolChoice;
use crate::session::branch::SharedBranch;
use crate::session::tool::Tool;
use serde_json::Value;
use std::rc::Rc;
use std::time::Duration;

/// Names a place in a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub usize);

/// What a model is asked, and how.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prompt {
    /// The instruction.
    pub instruction: String,
    /// Facts to go with it, beside the results of other operations.
    pub context: Option<Value>,
    /// The pictures that go with it.
    pub images: Vec<Image>,
    /// A JSON schema that the reply must follow.
    pub schema: Option<Value>,
    /// Settings over those of the model.
    pub settings: Settings,
}

impl Prompt {
    /// Returns the text that reaches the model: the context, then the instruction.
    pub fn full(&self) -> String {
        match &self.context {
            None => self.instruction.clone(),
            Some(Value::String(text)) => {
                format!("<context>\n{text}\n</context>\n\n{}", self.instruction)
            }
            Some(value) => format!("<context>\n{value}\n</context>\n\n{}", self.instruction),
        }
    }
}

/// What becomes of question and answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Keep {
    /// They are appended to the branch, with the calls of tools between them.
    #[default]
    All,
    /// They are appended to the branch, without the calls of tools between them.
    Exchange,
    /// The branch stays as it is.
    Nothing,
}

/// A question whose answer has to be right: while it is not, the model is asked to mend it.
#[derive(Debug, Clone)]
pub struct CheckedPrompt {
    /// The question.
    pub prompt: Prompt,
    /// Says whether an answer is right: true, false, or a text that says what is wrong.
    pub check: Option<Callback>,
    /// Most times that the model is asked to mend its answer.
    pub repairs_max: u32,
    /// What becomes of the question and the answer that is right.
    pub keep: Keep,
    /// Whether the model sees what was said on the branch before.
    pub has_history: bool,
    /// The tools that the model may call, and how.
    pub tools: ToolUse,
    /// What it may use up of what is left to use.
    pub budget: Option<Bounds>,
    /// Whether the value comes with the steps that led to it.
    pub has_trace: bool,
}

/// Most requests in which a model may call tools, the last one included, which asks for the answer.
pub const STEPS_MAX: u32 = 10;
/// Most calls of tools.
pub const TOOL_CALLS_MAX: u32 = 64;

words! {
    /// How a model says that it calls a tool.
    ToolProtocol {
        /// As its provider has it, where that is possible.
        Auto = "auto",
        /// As its provider has it.
        Native = "native",
        /// By answers that follow a schema.
        Schema = "schema",
    }
}

/// The tools that a model may call, and how.
#[derive(Debug, Clone)]
pub struct ToolUse {
    /// The tools; the branch's own if the options name none.
    pub tools: Option<Vec<Rc<Tool>>>,
    /// Whether the model writes a thought before each call.
    pub thinks: bool,
    /// Most requests.
    pub steps_max: u32,
    /// Most calls of tools.
    pub calls_max: u32,
    /// Whether it has to call one.
    pub choice: ToolChoice,
    /// How it says so.
    pub protocol: ToolProtocol,
    /// Most tokens of a request; the oldest results are left out beyond it.
    pub context_max: Option<u64>,
}

impl Default for ToolUse {
    fn default() -> ToolUse {
        ToolUse {
            tools: None,
            thinks: false,
            steps_max: STEPS_MAX,
            calls_max: TOOL_CALLS_MAX,
            choice: ToolChoice::Auto,
            protocol: ToolProtocol::Auto,
            context_max: None,
        }
    }
}

/// A tool that an operation calls by itself.
#[derive(Debug, Clone)]
pub struct DirectCall {
    /// The tool, or the name of one of the branch's.
    pub tool: ToolRef,
    /// Its arguments.
    pub args: CallArguments,
}

/// Says which tool is meant.
#[derive(Debug, Clone)]
pub enum ToolRef {
    /// This one.
    Tool(Rc<Tool>),
    /// The one of this name that the branch has.
    Name(String),
}

/// Where the arguments of a call come from.
#[derive(Debug, Clone)]
pub enum CallArguments {
    /// They are these.
    Value(Value),
    /// A function makes them of what the operation depends on.
    Made(Callback),
}

/// Most times that a model is asked to mend its answer, unless the options say otherwise.
pub const REPAIRS_MAX: u32 = 2;

impl CheckedPrompt {
    /// Creates a question that continues the conversation of its branch.
    pub fn new(prompt: Prompt) -> CheckedPrompt {
        CheckedPrompt {
            prompt,
            check: None,
            repairs_max: REPAIRS_MAX,
            keep: Keep::default(),
            has_history: true,
            tools: ToolUse::default(),
            budget: None,
            has_trace: false,
        }
    }
}

/// What an operation does.
#[derive(Debug, Clone)]
pub enum OpKind {
    /// Asks the branch's model and appends the exchange to the branch.
    Communicate(Box<Prompt>),
    /// Asks the branch's model and appends nothing.
    Chat(Box<Prompt>),
    /// Asks the branch's model until the answer is right.
    Operate(Box<CheckedPrompt>),
    /// Does so with tools, and has the model think before it calls one.
    React(Box<CheckedPrompt>),
    /// Calls a tool.
    Act(Box<DirectCall>),
    /// Reads a value from a text: the instruction, or the result of its source. If that is not
    /// possible by rules, the branch's model writes it.
    Parse(Box<CheckedPrompt>),
    /// Asks people.
    Ask(Box<TimedQuestion>),
    /// Calls a function.
    Call(Callback),
    /// Makes one operation of each item of the list that its source gave, and gives the list of
    /// their results.
    Expand {
        /// Makes an item into an operation.
        make: Callback<Op>,
        /// Where the script asks for it, as far as that is known.
        place: Option<Place>,
    },
}

impl OpKind {
    /// Returns the script's word for it.
    pub fn word(&self) -> &'static str {
        match self {
            OpKind::Communicate(_) => "communicate",
            OpKind::Chat(_) => "chat",
            OpKind::Operate(_) => "operate",
            OpKind::React(_) => "react",
            OpKind::Act(_) => "act",
            OpKind::Parse(_) => "parse",
            OpKind::Ask(_) => "ask",
            OpKind::Call(_) => "call",
            OpKind::Expand { .. } => "expand",
        }
    }
}

/// What happens to the rest of a flow when an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// What depends on it is skipped; everything else continues.
    #[default]
    Skip,
    /// Nothing new starts, and what is in flight is cancelled.
    Stop,
    /// What depends on it runs, and finds the error in place of a result.
    Continue,
}

/// Tells whether the result of a gate closes it: `false`, the word "reject", or a map whose `verdict` is one of them.
pub(crate) fn closes_gate(result: &Value) -> bool {
    let verdict = result.get("verdict").unwrap_or(result);
    match verdict {
        Value::Bool(is_open) => !is_open,
        Value::String(word) => word.trim().trim_end_matches('.').eq_ignore_ascii_case("reject"),
        _ => false,
    }
}

/// One step of a graph.
#[derive(Debug, Clone)]
pub struct Op {
    /// Its name, unique in its graph.
    pub name: String,
    /// What it does.
    pub kind: OpKind,
    /// The branch to work on; without one, a fresh fork of the session's default branch.
    pub branch: Option<SharedBranch>,
    /// Whether it continues the conversation of the first operation it depends on.
    pub inherit_context: bool,
    /// Whether a result that closes a gate (`closes_gate`) skips everything that depends on it.
    pub gate: bool,
    /// Judges the inputs; when it says false, the operation is skipped.
    pub when: Option<Callback>,
    /// What its failure means for the flow; `None` for the flow's own rule.
    pub on_failure: Option<OnFailure>,
    /// Longest time for all its tries together.
    pub timeout: Option<Duration>,
    /// How often it is tried again after a failure that may pass; a call's own tries count.
    pub retries: u32,
}

impl Op {
    /// Creates an operation with nothing but a name and a kind.
    pub fn new(name: impl Into<String>, kind: OpKind) -> Op {
        Op {
            name: name.into(),
            kind,
            branch: None,
            inherit_context: false,
            gate: false,
            when: None,
            on_failure: None,
            timeout: None,
            retries: 0,
        }
    }
}
