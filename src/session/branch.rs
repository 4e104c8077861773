//! A branch: one conversation with one model.

use crate::model::Model;
use crate::model::image::{self, Image};
use crate::model::message::{Message, Role};
use crate::model::reply::Usage;
use crate::session::tool::Tool;
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

/// A branch that several parts of a run hold at once. All of a run happens on one thread, and
/// nobody holds the borrow across a wait.
pub type SharedBranch = Rc<RefCell<Branch>>;

/// Tells whether two handles are the same branch.
pub fn same(one: &SharedBranch, other: &SharedBranch) -> bool {
    Rc::ptr_eq(one, other)
}

/// The branch of an operation. A fork is made when somebody first asks for it: most functions never do.
#[derive(Debug, Clone)]
pub enum LazyBranch {
    /// A branch that is there.
    Ready(SharedBranch),
    /// A fork of a branch, once somebody has asked for it.
    Fork(Rc<Branch>, Rc<OnceCell<SharedBranch>>),
}

impl LazyBranch {
    /// Makes a fork of a branch when it is asked for.
    pub fn fork_of(base: &Rc<Branch>) -> LazyBranch {
        LazyBranch::Fork(base.clone(), Rc::default())
    }

    /// Returns the branch.
    pub fn get(&self) -> &SharedBranch {
        match self {
            LazyBranch::Ready(branch) => branch,
            LazyBranch::Fork(base, made) => made.get_or_init(|| base.fork().shared()),
        }
    }
}

/// Marks the place of a call in a branch's history, taken when the call starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn(u64);

/// Question and answer of one call that succeeded.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Exchange {
    /// What was asked.
    pub question: String,
    /// What was answered.
    pub answer: String,
    /// The calls of tools between the two, and their results.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub steps: Vec<Message>,
    /// The pictures that went with the question.
    #[serde(skip_serializing_if = "Vec::is_empty", default, with = "image::whole")]
    pub images: Vec<Image>,
}

impl Exchange {
    /// Creates one without calls of tools.
    pub fn new(question: impl Into<String>, answer: impl Into<String>) -> Exchange {
        Exchange {
            question: question.into(),
            answer: answer.into(),
            steps: Vec::new(),
            images: Vec::new(),
        }
    }
}

/// One conversation: a system prompt, the exchanges so far, and the model that answers.
#[derive(Debug, Clone)]
pub struct Branch {
    /// What people call it, if it has a name.
    pub name: Option<String>,
    /// The model that answers.
    pub model: Rc<Model>,
    /// The standing instruction, sent in the system role.
    pub system: Option<String>,
    /// Tokens used by calls on this branch so far, as far as they said it.
    pub usage: Usage,
    /// Calls on this branch that did not say what they used.
    pub usage_unknown: u64,
    /// Whether `max_tokens` cut the answer that came last, and that was accepted.
    pub was_cut: bool,
    /// The tools that its questions offer, unless they name others.
    pub tools: Vec<Rc<Tool>>,
    /// The calls that succeeded, ordered by the start of the call.
    exchanges: Vec<(Turn, Exchange)>,
    /// The next turn to hand out.
    next: u64,
}

impl Branch {
    /// Creates a branch without history.
    pub fn new(model: Model, system: Option<String>) -> Branch {
        Branch {
            name: None,
            model: Rc::new(model),
            system,
            usage: Usage::default(),
            usage_unknown: 0,
            was_cut: false,
            tools: Vec::new(),
            exchanges: Vec::new(),
            next: 0,
        }
    }

    /// Wraps it for sharing.
    pub fn shared(self) -> SharedBranch {
        Rc::new(RefCell::new(self))
    }

    /// Returns a new branch with the same model, system prompt and history, and nothing used yet.
    #[must_use]
    pub fn fork(&self) -> Branch {
        Branch {
            name: None,
            usage: Usage::default(),
            usage_unknown: 0,
            was_cut: false,
            ..self.clone()
        }
    }

    /// Counts what a call has used; `None` if it did not say.
    pub fn count(&mut self, usage: Option<Usage>) {
        self.usage += usage.unwrap_or_default();
        self.usage_unknown += u64::from(usage.is_none());
    }

    /// Starts a call: takes its place in the order of exchanges.
    pub fn begin(&mut self) -> Turn {
        self.next += 1;
        Turn(self.next - 1)
    }

    /// Records the question and the answer of a call that succeeded, together, at the place that
    /// the call took when it began. A call that fails records nothing.
    pub fn record(&mut self, turn: Turn, exchange: Exchange) {
        let at = self.exchanges.partition_point(|(t, _)| *t < turn);
        self.exchanges.insert(at, (turn, exchange));
    }

    /// Returns the calls that succeeded, ordered by their start.
    pub fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        self.exchanges.iter().map(|(_, exchange)| exchange)
    }

    /// Returns the conversation so far, the system prompt first.
    pub fn messages(&self) -> Vec<Message> {
        let mut messages = Vec::with_capacity(2 * self.exchanges.len() + 2);
        messages.extend(self.system.iter().map(|s| Message::new(Role::System, s)));

        for exchange in self.exchanges() {
            messages.push(Message::asking(&exchange.question, &exchange.images));
            messages.extend(exchange.steps.iter().cloned());
            messages.push(Message::new(Role::Assistant, &exchange.answer));
        }

        messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn branch() -> Branch {
        Branch::new(Model::demo(), None)
    }

    fn exchange(n: u32) -> Exchange {
        Exchange::new(format!("Q{n}"), format!("A{n}"))
    }

    #[test]
    fn pairs_stand_in_the_order_of_the_calls_whatever_the_order_of_the_answers() {
        let mut branch = branch();
        let turns = [branch.begin(), branch.begin(), branch.begin()];
        for n in [2, 0, 1] {
            branch.record(turns[n as usize], exchange(n));
        }
        let texts: Vec<String> = branch.messages().into_iter().map(|m| m.content).collect();
        assert_eq!(texts, ["Q0", "A0", "Q1", "A1", "Q2", "A2"]);
    }

    #[test]
    fn a_fork_has_the_history_and_goes_its_own_way() {
        let mut branch = branch();
        let turn = branch.begin();
        branch.record(turn, exchange(0));

        let mut fork = branch.fork();
        let turn = fork.begin();
        fork.record(turn, exchange(1));

        assert_eq!(branch.messages().len(), 2);
        assert_eq!(fork.messages().len(), 4);
    }
}
