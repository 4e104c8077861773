//! Replies that are known already, as a fold of the events of earlier runs.

use crate::base::id::{OpId, RunId};
use crate::base::strand::Spot;
use crate::base::unit::Money;
use crate::flow::failure::Failure;
use crate::flow::outcome::Outcome;
use crate::journal::event::Event;
use crate::journal::key::Key;
use crate::model::reply::Usage;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// How much of a prompt is compared with others, in characters.
const HEAD_CHARS: usize = 400;
/// Most prompts that are compared with one.
const COMPARED_MAX: usize = 500;

/// The kind of the failure of a call that was given up while it was under way.
pub const CANCELLED: &str = "cancelled";

/// One of several equal requests: each keeps its own reply.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sample {
    /// The request.
    pub key: Key,
    /// Who makes it, and which of its equal requests this is.
    pub at: Spot,
    /// How many equal requests the run had made before, whoever made them.
    pub arrival: u32,
}

/// What a reply is found by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Mark {
    /// Where it was asked for.
    Spot(Spot),
    /// When it was asked for among equal requests: all that a program before 0.2 noted.
    Arrival(u32),
}

/// The replies that a run has used, so that none answers two requests.
#[derive(Debug, Default)]
pub struct Claims(HashSet<(Key, Mark)>);

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
    known: HashMap<Key, Vec<(Mark, Known)>>,
    /// The newest replies of operations, by the operation's name.
    by_name: HashMap<String, Rc<str>>,
    /// What was asked, by request: the newest message.
    prompts: HashMap<Key, Rc<str>>,
    /// Replies that operations used which then failed.
    failed: Vec<(Key, Mark)>,
    /// Why a request got no reply in the end. Only a replay is answered by that.
    refused: HashMap<(Key, Mark), Failure>,
}

impl Replies {
    /// Takes in the events of a run.
    pub fn learn<'a>(&mut self, run: &RunId, events: impl IntoIterator<Item = &'a Event>) {
        let mut learner = Learner::new(run.clone());
        for event in events {
            learner.see(self, event);
        }
    }

    /// Takes a reply to a request: its own, or else the first to an equal request that nobody has
    /// taken. That one belongs to the taker from now on.
    pub fn claim(&mut self, sample: &Sample, claims: &mut Claims) -> Option<&Known> {
        let list = self.known.get_mut(&sample.key)?;
        let own = Mark::Spot(sample.at.clone());
        let arrival = Mark::Arrival(sample.arrival);
        let is_free = |mark: &Mark| !claims.0.contains(&(sample.key, mark.clone()));
        let find =
            |wanted: &Mark| list.iter().position(|(mark, _)| mark == wanted && is_free(mark));
        let place = find(&own)
            .or_else(|| find(&arrival))
            .or_else(|| list.iter().position(|(mark, _)| is_free(mark)))?;

        list[place].0 = own.clone();
        claims.0.insert((sample.key, own));
        Some(&list[place].1)
    }

    /// Takes the place of a request that is asked: its reply will be nobody else's.
    pub fn reserve(sample: &Sample, claims: &mut Claims) {
        claims.0.insert((sample.key, Mark::Spot(sample.at.clone())));
    }

    /// Returns the reply to exactly this request.
    pub fn get(&self, sample: &Sample) -> Option<&Known> {
        let (own, arrival) = (Mark::Spot(sample.at.clone()), Mark::Arrival(sample.arrival));
        let list = self.known.get(&sample.key)?;
        list.iter().find(|(mark, _)| *mark == own || *mark == arrival).map(|(_, known)| known)
    }

    /// Returns why a request got no reply, if that is known.
    pub fn failure(&self, sample: &Sample) -> Option<&Failure> {
        let own = (sample.key, Mark::Spot(sample.at.clone()));
        let arrival = (sample.key, Mark::Arrival(sample.arrival));
        self.refused.get(&own).or_else(|| self.refused.get(&arrival))
    }

    /// Returns the newest reply that an operation of this name got.
    pub fn of_operation(&self, name: &str) -> Option<&Rc<str>> {
        self.by_name.get(name)
    }

    /// Returns the prompt that is most like `prompt` among those that were asked.
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
        self.known.values().map(Vec::len).sum()
    }

    /// Tells whether no reply is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets the replies of operations that failed, and returns how many.
    pub fn forget_failed(&mut self) -> usize {
        let before = self.len();
        for (key, mark) in std::mem::take(&mut self.failed) {
            let list = self.known.entry(key).or_default();
            list.retain(|(known, _)| *known != mark);
        }
        before - self.len()
    }

    fn keep(&mut self, key: Key, mark: Mark, reply: Known) {
        let list = self.known.entry(key).or_default();
        match list.iter_mut().find(|(known, _)| *known == mark) {
            Some((_, known)) => *known = reply,
            None => list.push((mark, reply)),
        }
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
    open: HashMap<(OpId, u32), (Key, Mark)>,
    used: HashMap<OpId, Vec<(Key, Mark)>>,
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
            Event::AttemptStarted { op, attempt, key: Some(key), sample, prompt, at, .. } => {
                let mark = at.clone().map_or(Mark::Arrival(*sample), Mark::Spot);
                replies.prompts.insert(*key, prompt.as_str().into());
                self.open.insert((*op, *attempt), (*key, mark));
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
                let Some((key, mark)) = self.open.remove(&(*op, *attempt)) else { return };
                let text: Rc<str> = text.as_str().into();
                if let Some(name) = self.names.get(op) {
                    replies.by_name.insert(name.clone(), text.clone());
                }
                self.used.entry(*op).or_default().push((key, mark.clone()));
                let run = reused.clone().unwrap_or_else(|| self.run.clone());
                let (usage, cost, served_by) = (*usage, *cost, served_by.clone());
                replies.keep(key, mark, Known { text, usage, cost, served_by, run });
            }
            Event::AttemptEnded { op, attempt, failure: Some(failure), retry_in_ms, .. } => {
                let Some(call) = self.open.remove(&(*op, *attempt)) else { return };
                if retry_in_ms.is_none() {
                    replies.refused.insert(call, failure.clone());
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
