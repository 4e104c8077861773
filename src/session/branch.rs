//! A branch: one conversation with one model.

use crate::model::Model;
use crate::model::message::{Message, Role};

/// Marks the place of a call in a branch's history, taken when the call starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn(u64);

/// One conversation: a system prompt, the exchanges so far, and the model that answers.
#[derive(Debug, Clone)]
pub struct Branch {
    /// The model that answers.
    pub model: Model,
    /// The standing instruction, sent in the system role.
    pub system: Option<String>,
    /// Question and answer of each call that succeeded, ordered by the start of the call.
    exchanges: Vec<(Turn, String, String)>,
    /// The next turn to hand out.
    next: u64,
}

impl Branch {
    /// Creates a branch without history.
    pub fn new(model: Model, system: Option<String>) -> Branch {
        Branch { model, system, exchanges: Vec::new(), next: 0 }
    }

    /// Starts a call: takes its place in the order of exchanges.
    pub fn begin(&mut self) -> Turn {
        self.next += 1;
        Turn(self.next - 1)
    }

    /// Records the question and the answer of a call that succeeded, together, at the place that
    /// the call took when it began. A call that fails records nothing.
    pub fn record(&mut self, turn: Turn, question: String, answer: String) {
        let at = self.exchanges.partition_point(|(t, _, _)| *t < turn);
        self.exchanges.insert(at, (turn, question, answer));
    }

    /// Returns the conversation so far, the system prompt first.
    pub fn messages(&self) -> Vec<Message> {
        let system = self.system.iter().map(|s| Message::new(Role::System, s));
        let exchanges = self.exchanges.iter().flat_map(|(_, question, answer)| {
            [Message::new(Role::User, question), Message::new(Role::Assistant, answer)]
        });
        system.chain(exchanges).collect()
    }
}
