//! Calls of tools as data, as a part of the run in which they were made.

use crate::base::failure::Failure;
use crate::journal::event::Event;
use crate::journal::trace::Moment;
use crate::session::tool::Deed;
use serde_json::Value;

/// A call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolTrace {
    /// When it began.
    pub started: Moment,
    /// What it is known by.
    pub deed: Deed,
    /// The tool.
    pub tool: String,
    /// Its arguments.
    pub args: Value,
    /// Whether a person agreed, if one was needed.
    pub approved: Option<bool>,
    /// How it ended, if it did.
    pub end: Option<ToolEnd>,
}

/// How a call of a tool ended.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolEnd {
    /// When.
    pub when: Moment,
    /// What it gave, or why it gave nothing.
    pub result: Result<Value, Failure>,
    /// How many bytes the result has.
    pub bytes: u64,
    /// Whether the model was told only a part of it.
    pub cut: bool,
}

/// Makes a call of a tool of the event by which it began.
pub(super) fn tool_call(when: Moment, event: &Event) -> Option<ToolTrace> {
    let Event::ToolStarted {
        deed,
        tool,
        at: _,
        args,
        approved,
        step: _,
        mended: _,
        effects: _,
        flow: _,
        op: _,
    } = event
    else {
        return None;
    };

    Some(ToolTrace {
        started: when,
        deed: deed.clone(),
        tool: tool.clone(),
        args: args.clone(),
        approved: *approved,
        end: None,
    })
}

/// Makes the end of a call of a tool of its event.
pub(super) fn tool_end(when: Moment, event: &Event) -> Option<ToolEnd> {
    let Event::ToolEnded { result, failure, bytes, cut, deed: _, flow: _, op: _ } = event else {
        return None;
    };

    let result = match failure {
        Some(failure) => Err(failure.clone()),
        None => Ok(result.clone().unwrap_or_default()),
    };
    Some(ToolEnd { when, result, bytes: *bytes, cut: *cut })
}
