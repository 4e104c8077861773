//! Replies that are known already, as a fold of the events of earlier runs.

use crate::base::failure::Failure;
use crate::base::id::{OpId, RunId};
use crate::base::strand::Spot;
use crate::base::unit::Money;
use crate::flow::outcome::Outcome;
use crate::journal::event::Event;
use crate::journal::key::Key;
use crate::journal::known_results::{KnownResults, ResultCounts};
use crate::journal::roster::Roster;
use crate::model::reply::{ReplyContent, Usage};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// How much of a prompt is compared with others, in characters.
const HEAD_CHARS: usize = 400;
/// Most replies of one operation that are kept by its name.
const TEXTS_MAX: usize = 8;
/// Most prompts that are compared with one.
const COMPARED_MAX: usize = 500;

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
enum ReplyMark {
    /// Where it was asked for.
    Spot(Spot),
    /// When it was asked for among equal requests: all that a program before 0.2 noted.
    Arrival(u32),
    /// In another script, whose places are not those of this one.
    Elsewhere(u32),
}

/// The replies that a run has used, so that none answers two requests.
#[derive(Debug, Default)]
pub struct Claims {
    /// Places of requests that have their reply, or that are asked for it.
    taken: HashSet<(Key, ReplyMark)>,
    /// Places whose reply has gone to another one.
    bereft: HashSet<(Key, ReplyMark)>,
}

/// One reply as it was paid for.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownReply {
    /// What was said.
    pub said: Rc<ReplyContent>,
    /// Whether `max_tokens` cut it, and that was accepted.
    pub is_cut: bool,
    /// Tokens used, if known.
    pub usage: Option<Usage>,
    /// What it cost, if known.
    pub cost: Option<Money>,
    /// The model that the provider says has answered.
    pub served_by: Option<String>,
    /// The run that paid for it.
    pub run: RunId,
}

/// One reply, and where it was used last.
#[derive(Debug, Clone)]
struct StoredReply {
    mark: ReplyMark,
    known: KnownReply,
    /// Whether it was paid for elsewhere, and only used here.
    is_moved: bool,
}

/// Known replies by request, and what each operation was answered last.
#[derive(Debug, Clone, Default)]
pub struct Replies {
    known: HashMap<Key, Vec<StoredReply>>,
    /// How many replies are those of other scripts.
    elsewhere: u32,
    /// The replies of operations, the newest first, each text once, by the operation's name.
    by_name: HashMap<String, Vec<Rc<str>>>,
    /// What was asked, by request: the newest message.
    prompts: HashMap<Key, Rc<str>>,
    /// Replies that operations used which then failed.
    failed: Vec<(Key, ReplyMark)>,
    /// Whether each reply waits for the place in the script where it was asked for.
    keep_places: bool,
    /// Why a request got no reply in the end. Only a replay is answered by that.
    refused: HashMap<(Key, ReplyMark), Failure>,
    /// What servers of tools listed and answered.
    results: KnownResults,
}

impl Claims {
    /// Tells whether the reply of this place has gone to another one.
    pub fn have_moved(&self, sample: &Sample) -> bool {
        self.bereft.contains(&(sample.key, ReplyMark::Spot(sample.at.clone())))
    }
}

impl Replies {
    /// Takes in the events of a run.
    pub fn learn<'a>(&mut self, run: &RunId, events: impl IntoIterator<Item = &'a Event>) {
        let mut learner = ReplyFollower::new(run.clone());

        for event in events {
            learner.see(self, event);
        }
    }

    /// Takes a reply to a request: its own, or else the first to an equal request that nobody has
    /// taken. That one belongs to the taker from now on.
    pub fn claim(&mut self, sample: &Sample, claims: &mut Claims) -> Option<&KnownReply> {
        let list = self.known.get_mut(&sample.key)?;

        let own = ReplyMark::Spot(sample.at.clone());
        let arrival = ReplyMark::Arrival(sample.arrival);
        let is_free = |mark: &ReplyMark| !claims.taken.contains(&(sample.key, mark.clone()));
        let keep_places = self.keep_places;
        let may_move = |mark: &ReplyMark| !keep_places || !matches!(mark, ReplyMark::Spot(_));

        let find = |wanted: &ReplyMark| {
            list.iter().position(|kept| kept.mark == *wanted && is_free(&kept.mark))
        };
        let place = find(&own)
            .or_else(|| find(&arrival))
            .or_else(|| list.iter().position(|kept| may_move(&kept.mark) && is_free(&kept.mark)))?;

        let before = std::mem::replace(&mut list[place].mark, own.clone());
        if before != own {
            claims.bereft.insert((sample.key, before));
        }

        claims.taken.insert((sample.key, own));
        Some(&list[place].known)
    }

    /// Gives every reply only to the place in the script where it was asked for, as long as that is
    /// known. It fits a script that is the same: each place comes up again.
    pub fn keep_to_their_places(&mut self) {
        self.keep_places = true;
    }

    /// Tells whether a request would get a reply if it was made now.
    pub fn has(&self, sample: &Sample, claims: &Claims) -> bool {
        let is_free = |kept: &StoredReply| !claims.taken.contains(&(sample.key, kept.mark.clone()));
        self.known.get(&sample.key).is_some_and(|list| list.iter().any(is_free))
    }

    /// Takes the place of a request that is asked: its reply will be nobody else's.
    pub fn reserve(sample: &Sample, claims: &mut Claims) {
        claims.taken.insert((sample.key, ReplyMark::Spot(sample.at.clone())));
    }

    /// Returns the reply to exactly this request.
    pub fn get(&self, sample: &Sample) -> Option<&KnownReply> {
        let own = ReplyMark::Spot(sample.at.clone());
        let arrival = ReplyMark::Arrival(sample.arrival);

        let list = self.known.get(&sample.key)?;
        let found = list.iter().find(|kept| kept.mark == own || kept.mark == arrival);
        found.map(|kept| &kept.known)
    }

    /// Returns why a request got no reply, if that is known.
    pub fn failure(&self, sample: &Sample) -> Option<&Failure> {
        let own = (sample.key, ReplyMark::Spot(sample.at.clone()));
        let arrival = (sample.key, ReplyMark::Arrival(sample.arrival));
        self.refused.get(&own).or_else(|| self.refused.get(&arrival))
    }

    /// Returns the replies that operations of this name got, the newest first, each text once.
    pub fn of_operation(&self, name: &str) -> &[Rc<str>] {
        self.by_name.get(name).map(Vec::as_slice).unwrap_or_default()
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

    /// Returns what servers of tools listed and answered.
    pub fn results(&self) -> &KnownResults {
        &self.results
    }

    /// Tells whether a request was made, whatever came of it.
    pub fn has_seen(&self, key: &Key) -> bool {
        self.prompts.contains_key(key) || self.known.contains_key(key)
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
            list.retain(|kept| kept.mark != mark);
        }

        before - self.len()
    }

    fn keep(&mut self, key: Key, new: StoredReply) {
        let list = self.known.entry(key).or_default();
        if let Some(kept) = list.iter_mut().find(|kept| kept.mark == new.mark) {
            *kept = new;
            return;
        }

        // A reply that was reused elsewhere has moved there: it is still one reply, not two.
        let is_same = |kept: &StoredReply| {
            kept.known.run == new.known.run && kept.known.said == new.known.said
        };
        let copy = list.iter().position(|kept| is_same(kept) && (new.is_moved || kept.is_moved));

        if let Some(copy) = copy {
            list.remove(copy);
        }

        list.push(new);
    }

    /// Takes in replies to one request that were kept together, so that none is a copy of another: two equal
    /// requests may have had equal answers.
    fn merge(&mut self, key: Key, new: Vec<StoredReply>) {
        let list = self.known.entry(key).or_default();
        for kept in &new {
            let is_same = |old: &StoredReply| {
                old.known.run == kept.known.run && old.known.said == kept.known.said
            };
            let place = list.iter().position(|old| old.mark == kept.mark);
            let copy =
                || list.iter().position(|old| is_same(old) && (old.is_moved || kept.is_moved));
            if let Some(place) = place.or_else(copy) {
                list.remove(place);
            }
        }
        list.extend(new);
    }

    /// Takes in what a run knows that this one resumes.
    pub fn absorb(&mut self, other: Replies) {
        for (key, list) in other.known {
            self.merge(key, list);
        }

        self.by_name.extend(other.by_name);
        self.prompts.extend(other.prompts);
        self.failed.extend(other.failed);
        self.results.absorb(other.results);
    }

    /// Takes in what runs of another script were answered: replies for whoever asks the same.
    pub fn absorb_elsewhere(&mut self, other: Replies) {
        for (key, list) in other.known {
            let renamed = list.into_iter().map(|kept| {
                self.elsewhere += 1;
                StoredReply { mark: ReplyMark::Elsewhere(self.elsewhere), ..kept }
            });
            let renamed = renamed.collect();
            self.merge(key, renamed);
        }
    }

    /// Forgets for which requests the replies were: only operations of the same name know them.
    pub fn keep_names_only(&mut self) {
        self.clear();
    }

    /// Forgets every reply.
    pub fn clear(&mut self) {
        self.known.clear();
        self.failed.clear();
        self.refused.clear();
        self.results.clear();
    }
}

/// Follows one run, event by event, and notes its replies.
#[derive(Debug)]
pub struct ReplyFollower {
    run: RunId,
    roster: Roster,
    open: HashMap<(OpId, u32), (Key, ReplyMark)>,
    used: HashMap<OpId, Vec<(Key, ReplyMark)>>,
    /// How often it has asked servers of tools the same.
    results: ResultCounts,
}

impl ReplyFollower {
    /// Prepares to follow a run.
    pub fn new(run: RunId) -> ReplyFollower {
        ReplyFollower {
            run,
            roster: Roster::default(),
            open: HashMap::new(),
            used: HashMap::new(),
            results: ResultCounts::default(),
        }
    }

    /// Returns the name of an operation of the run.
    pub fn name(&self, op: OpId) -> Option<&str> {
        self.roster.name(op)
    }

    /// Takes in one event of the run.
    pub fn see(&mut self, replies: &mut Replies, event: &Event) {
        self.roster.see(event);

        match event {
            Event::AttemptStarted { op, attempt, key: Some(key), sample, prompt, at, .. } => {
                let mark = at.clone().map_or(ReplyMark::Arrival(*sample), ReplyMark::Spot);
                replies.prompts.insert(*key, prompt.as_str().into());
                self.open.insert((*op, *attempt), (*key, mark));
            }
            Event::AttemptEnded {
                op,
                attempt,
                reply: Some(text),
                cut,
                calls,
                opaque,
                usage,
                cost,
                served_by,
                reused,
                ..
            } => {
                let Some((key, mark)) = self.open.remove(&(*op, *attempt)) else { return };
                let text: Rc<str> = text.as_str().into();
                // What stands beside calls is no answer.
                if let Some(name) = self.roster.name(*op).filter(|_| calls.is_empty()) {
                    let texts = replies.by_name.entry(name.to_owned()).or_default();
                    texts.retain(|known| *known != text);
                    texts.insert(0, text.clone());
                    texts.truncate(TEXTS_MAX);
                }

                self.used.entry(*op).or_default().push((key, mark.clone()));
                let run = reused.clone().unwrap_or_else(|| self.run.clone());
                let usage = *usage;
                let cost = *cost;
                let served_by = served_by.clone();
                let said = ReplyContent {
                    text: text.to_string(),
                    calls: calls.clone(),
                    opaque: opaque.clone(),
                };
                let known =
                    KnownReply { said: Rc::new(said), is_cut: *cut, usage, cost, served_by, run };
                replies.keep(key, StoredReply { mark, known, is_moved: reused.is_some() });
            }
            Event::AttemptEnded { op, attempt, failure: Some(failure), retry_in_ms, .. } => {
                let Some(call) = self.open.remove(&(*op, *attempt)) else { return };
                // A failure that is tried again does not end the call.
                if retry_in_ms.is_none() {
                    replies.refused.insert(call, failure.clone());
                }
            }
            Event::OpEnded { op, outcome, .. } => {
                let used = self.used.remove(op).unwrap_or_default();
                if matches!(outcome, Outcome::Failed { .. }) {
                    replies.failed.extend(used);
                } else if !used.is_empty() {
                    // What served another operation well counts no longer as failed.
                    replies.failed.retain(|sample| !used.contains(sample));
                }
            }
            Event::EffectEnded { .. } => replies.results.see(&mut self.results, event),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::strand::Strand;
    use crate::journal::past::{Failures, Past};
    use crate::journal::trace::Trace;
    use serde_json::json;

    /// A reply with calls is whole wherever it is known from: no call is lost, and none is made up.
    #[test]
    fn calls_and_what_only_the_provider_understands_come_back_whole() {
        let key = "0123456789abcdef0123456789abcdef";
        let at = Strand::root().count(&());
        let call = json!({ "id": "c1", "name": "add", "args": { "b": 1, "a": [null] } });
        let cut = json!({ "id": "c2", "name": "add", "unread": "{\"a" });
        let signed =
            json!({ "model": "m", "place": { "call": 0 }, "data": { "signature": "S+/=" } });
        let started = json!({ "kind": "attempt_started", "flow": 0, "op": 0, "attempt": 1,
            "model": "m", "prompt": "p", "history": 0, "key": key, "at": at });
        let ended = json!({ "kind": "attempt_ended", "flow": 0, "op": 0, "attempt": 1, "reply": "",
            "calls": [call, cut], "opaque": [signed] });

        let read = |event| serde_json::from_value::<Event>(event).expect("an event");
        let events = [read(started), read(ended.clone())];
        assert_eq!(json!(events[1]), ended);

        let Event::AttemptEnded { calls, opaque, .. } = &events[1] else { panic!("an end") };
        assert_eq!(calls[1].args, Err("{\"a".to_owned()));
        let said =
            ReplyContent { text: String::new(), calls: calls.clone(), opaque: opaque.clone() };

        let run = RunId("r".to_owned());
        let mut replies = Replies::default();
        replies.learn(&run, &events);
        let key: Key = serde_json::from_value(json!(key)).expect("a key");
        let sample = Sample { key, at: at.clone(), arrival: 0 };
        let known = replies.claim(&sample, &mut Claims::default()).expect("a reply");
        assert_eq!(*known.said, said);

        let timed: Vec<(i64, Event)> = events.iter().cloned().map(|event| (0, event)).collect();
        let past = Past::of([(&run, timed.as_slice())], Failures::Told);
        let then = past.call(key, &at, 0).expect("a try").result.clone().expect("a reply");
        assert_eq!(*then, said);

        let trace = Trace::fold(&timed);
        let (_, attempt) = trace.attempts().next().expect("an attempt");
        assert_eq!(attempt.end.as_ref().expect("an end").calls, said.calls);
    }
}
