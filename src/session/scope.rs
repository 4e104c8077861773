//! On whose behalf something is done.

use crate::base::deadline::Deadline;
use crate::base::id::{FlowId, OpId};
use crate::base::strand::Strand;
use crate::session::tool_clock::ToolClock;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// The operation on whose behalf something is done. Calls to models made while an operation runs
/// are its attempts, whoever makes them.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The flow; flow 0 is the script itself.
    pub flow: FlowId,
    /// The operation.
    pub op: OpId,
    /// How many attempts it has made.
    pub attempts: Rc<Cell<u32>>,
    /// When its time is over.
    pub deadline: Option<Rc<Deadline>>,
    /// When it is over on the run's own clock, which counts the time before a crash.
    pub due: Option<Duration>,
    /// The line of its work that is meant.
    pub strand: Rc<Strand>,
    /// Whose budget its calls keep.
    pub purse: Purse,
    /// The time of the tools that it is inside of.
    pub tool: Option<Rc<ToolClock>>,
    /// How often a call may be tried at most, if it is a part of something that is tried again.
    pub tries: Option<u32>,
}

/// Whose budget a call keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purse {
    /// That of a flow; flow 0 is the script itself.
    Flow(FlowId),
    /// That of a question with a budget of its own, numbered in the run.
    Question(u64),
}

impl Scope {
    /// Opens the scope of an operation that starts.
    pub fn new(flow: FlowId, op: OpId, strand: Rc<Strand>) -> Scope {
        let purse = Purse::Flow(flow);
        Scope {
            flow,
            op,
            attempts: Rc::default(),
            deadline: None,
            due: None,
            strand,
            purse,
            tool: None,
            tries: None,
        }
    }

    /// Returns how much of its time is left at this age of the run.
    pub fn left(&self, age: Duration) -> Option<Duration> {
        let of_tools = self.tool.as_ref().map(|tool| tool.first_due());
        let due = self.due.into_iter().chain(of_tools).min();
        due.map(|due| due.saturating_sub(age))
    }

    /// Returns how many tools it is inside of.
    pub fn depth(&self) -> u32 {
        self.tool.as_ref().map_or(0, |tool| tool.depth())
    }

    /// Returns the same operation with another budget.
    pub fn with(&self, purse: Purse) -> Rc<Scope> {
        Rc::new(Scope { purse, ..self.clone() })
    }

    /// Returns the same operation on another strand of its work.
    pub fn on(&self, strand: &Rc<Strand>) -> Rc<Scope> {
        Rc::new(Scope { strand: strand.clone(), ..self.clone() })
    }

    /// Returns how often a call may be tried that may be tried so often by itself.
    pub fn tries_of(&self, wanted: Option<u32>, usual: u32) -> u32 {
        let attempts_max = wanted.unwrap_or(usual);
        self.tries.map_or(attempts_max, |left| attempts_max.min(left)).max(1)
    }

    /// Returns the same operation as one try of it, whose calls may be tried as often as is left.
    pub fn trying(&self, strand: &Rc<Strand>, left: u32) -> Rc<Scope> {
        let tries = self.tries.into_iter().chain([left]).min();
        Rc::new(Scope { strand: strand.clone(), tries, ..self.clone() })
    }
}
