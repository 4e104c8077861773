//! Replies that are known already, as a fold of the events of earlier runs.

use crate::base::id::{OpId, RunId};
use crate::base::unit::Money;
use crate::flow::failure::Failure;
use crate::flow::outcome::Outcome;
use crate::journal::event::Event;
use crate::journal::key::Key;
use crate::model::reply::Usage;
use std::collections::HashMap;
use std::rc::Rc;

/// How much of a prompt is compared with others, in characters.
const HEAD_CHARS: usize = 400;
/// Most prompts that are compared with one.
const COMPARED_MAX: usize = 500;

/// A request and which of several equal ones it is, from 0: each sample keeps its own reply.
pub type Sample = (Key, u32);

/// One reply as it was paid for.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// The text.
    pub text: Rc<str>,
    /// Tokens used, if known.
    pub usage: Option<Usage>,
    /// What it cost, if known.
    pub cost: Option<Money>,
    /// The model that the provider says has answered.
    pub served_by: Option<String>,
    /// The run that paid for it.
    pub run: RunId,
}

/// Known replies by request, and what each operation was answered last.
#[derive(Debug, Clone, Default)]
pub struct Replies {
    known: HashMap<Sample, Known>,
    /// The newest replies of operations, by the operation's name.
    by_name: HashMap<String, Rc<str>>,
    /// What was asked, by request: the newest message.
    prompts: HashMap<Sample, Rc<str>>,
    /// Replies that operations used which then failed.
    failed: Vec<Sample>,
    /// Why a request got no reply in the end. Only a replay is answered by that.
    refused: HashMap<Sample, Failure>,
}

impl Replies {
    /// Takes in the events of a run.
    pub fn learn<'a>(&mut self, run: &RunId, events: impl IntoIterator<Item = &'a Event>) {
        let mut learner = Learner::new(run.clone());
        for event in events {
            learner.see(self, event);
        }
    }

    /// Returns the reply to a request.
    pub fn get(&self, sample: &Sample) -> Option<&Known> {
        self.known.get(sample)
    }

    /// Returns why a request got no reply, if that is known.
    pub fn failure(&self, sample: &Sample) -> Option<&Failure> {
        self.refused.get(sample)
    }

    /// Returns the newest reply that an operation of this name got.
    pub fn of_operation(&self, name: &str) -> Option<&Rc<str>> {
        self.by_name.get(name)
    }

    /// Returns the prompt that is most like `prompt` among those that were answered.
    pub fn nearest(&self, prompt: &str) -> Option<&str> {
        // The beginnings tell: measuring whole prompts would take the square of their lengths.
        let head = |text: &str| text.chars().take(HEAD_CHARS).collect::<String>();
        let wanted = head(prompt);
        let likeness = |text: &str| strsim::normalized_levenshtein(&wanted, &head(text));
        let scored = self.prompts.values().take(COMPARED_MAX).map(|text| (likeness(text), text));
        scored.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, text)| &**text)
    }

    /// Returns how many replies are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Tells whether no reply is known.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Forgets the replies of operations that failed, and returns how many.
    pub fn forget_failed(&mut self) -> usize {
        let failed = std::mem::take(&mut self.failed);
        failed.iter().filter(|sample| self.known.remove(sample).is_some()).count()
    }

    /// Forgets every reply.
    pub fn clear(&mut self) {
        self.known.clear();
        self.failed.clear();
        self.refused.clear();
    }
}

/// Follows one run, event by event, and notes its replies.
#[derive(Debug)]
pub struct Learner {
    run: RunId,
    names: HashMap<OpId, String>,
    open: HashMap<(OpId, u32), Sample>,
    used: HashMap<OpId, Vec<Sample>>,
}

impl Learner {
    /// Prepares to follow a run.
    pub fn new(run: RunId) -> Learner {
        let (names, open, used) = (HashMap::new(), HashMap::new(), HashMap::new());
        Learner { run, names, open, used }
    }

    /// Returns the name of an operation of the run.
    pub fn name(&self, op: OpId) -> Option<&str> {
        self.names.get(&op).map(String::as_str)
    }

    /// Takes in one event of the run.
    pub fn see(&mut self, replies: &mut Replies, event: &Event) {
        match event {
            Event::FlowStarted { ops, .. } | Event::Expanded { ops, .. } => {
                let each = ops.iter().map(|planned| (planned.op, planned.name.clone()));
                self.names.extend(each);
            }
            Event::OpStarted { op, name: Some(name), .. } => {
                self.names.insert(*op, name.clone());
            }
            Event::AttemptStarted { op, attempt, key: Some(key), sample, prompt, .. } => {
                replies.prompts.insert((*key, *sample), prompt.as_str().into());
                self.open.insert((*op, *attempt), (*key, *sample));
            }
            Event::AttemptEnded {
                op,
                attempt,
                reply: Some(text),
                usage,
                cost,
                served_by,
                reused,
                ..
            } => {
                let Some(sample) = self.open.remove(&(*op, *attempt)) else { return };
                let text: Rc<str> = text.as_str().into();
                if let Some(name) = self.names.get(op) {
                    replies.by_name.insert(name.clone(), text.clone());
                }
                self.used.entry(*op).or_default().push(sample);
                let run = reused.clone().unwrap_or_else(|| self.run.clone());
                let (usage, cost, served_by) = (*usage, *cost, served_by.clone());
                replies.known.insert(sample, Known { text, usage, cost, served_by, run });
            }
            Event::AttemptEnded { op, attempt, failure: Some(failure), retry_in_ms, .. } => {
                let Some(sample) = self.open.remove(&(*op, *attempt)) else { return };
                if retry_in_ms.is_none() {
                    replies.refused.insert(sample, failure.clone());
                }
            }
            Event::OpEnded { op, outcome, .. } => {
                let used = self.used.remove(op).unwrap_or_default();
                if matches!(outcome, Outcome::Failed { .. }) {
                    replies.failed.extend(used);
                } else if !used.is_empty() {
                    replies.failed.retain(|sample| !used.contains(sample));
                }
            }
            _ => {}
        }
    }
}
