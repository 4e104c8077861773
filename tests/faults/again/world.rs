//! The simulated model: what happens to a call follows from who makes it and how often it was tried,
//! and when, from the time on the run's own clock at which it was made.

use kaizen::base::rng::Rng;
use kaizen::executor::Executor;
use kaizen::journal::event::Event;
use kaizen::model::Model;
use kaizen::model::call_error::{CallError, Retry};
use kaizen::model::limiter::ServerLimits;
use kaizen::model::provider::simulated::SimulatedModel;
use kaizen::model::reply::{CallFault, Finish, Reply};
use kaizen::model::request::{Request, Settings};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::rc::{Rc, Weak};
use std::time::Duration;

/// Longest time of a call, in milliseconds: long, so that two ends hardly ever come together.
const TIME_MAX_MS: u64 = 10_000_000;

/// A call that the journal says has begun.
struct Begun {
    op: u32,
    attempt: u32,
    fate: u64,
    at: Duration,
    prompt: String,
}

pub(super) struct World {
    seed: u64,
    executor: Weak<Executor>,
    /// Calls that earlier runs were answered: they are never asked of the model.
    answered: BTreeSet<String>,
    /// Calls that have begun and were not asked of the model yet, the oldest first.
    begun: RefCell<VecDeque<Begun>>,
    tries: RefCell<HashMap<String, u32>>,
    calls: Cell<u64>,
}

impl World {
    pub(super) fn new(seed: u64, executor: &Rc<Executor>, answered: BTreeSet<String>) -> Rc<World> {
        Rc::new(World {
            seed,
            answered,
            executor: Rc::downgrade(executor),
            begun: RefCell::default(),
            tries: RefCell::default(),
            calls: Cell::new(0),
        })
    }

    /// Returns how often the model was asked.
    pub(super) fn calls(&self) -> u64 {
        self.calls.get()
    }

    pub(super) fn model(self: &Rc<World>) -> Model {
        let world = self.clone();
        let speaker = SimulatedModel::new(move |request| {
            let (world, begun) = (world.clone(), world.begun.borrow_mut().pop_front());
            let text = said(request);
            let expected = begun.as_ref().map(|begun| begun.prompt.as_str());
            assert_eq!(expected, Some(text.as_str()), "calls are made in the order of the journal");
            Box::pin(async move { world.answer(begun.expect("a call has begun"), text).await })
        });
        Model::simulated("sim", Settings::default(), ServerLimits::default(), None, speaker)
    }

    /// Follows the journal, so that it is known who makes a call.
    pub(super) fn see(&self, event: &Event) {
        match event {
            Event::AttemptStarted { op, attempt, key, at, prompt, .. } => {
                let who = format!("{key:?} {at:?}");
                let mut tries = self.tries.borrow_mut();
                let number = tries.entry(who.clone()).or_default();
                *number += 1;
                let call = format!("{who} {number}");
                if self.answered.contains(&call) {
                    return;
                }

                let fate = hash(&format!("{} {call}", self.seed));
                let at = self.executor.upgrade().expect("the run goes on").age();
                let prompt = prompt.clone();
                let begun = Begun { op: op.0, attempt: *attempt, fate, at, prompt };
                self.begun.borrow_mut().push_back(begun);
            }
            Event::AttemptEnded { op, attempt, .. } => {
                let mut begun = self.begun.borrow_mut();
                begun.retain(|one| (one.op, one.attempt) != (op.0, *attempt));
            }
            _ => {}
        }
    }

    async fn answer(self: Rc<World>, begun: Begun, text: String) -> Result<Reply, CallFault> {
        self.calls.set(self.calls.get() + 1);
        let mut rng = Rng::seeded(begun.fate);
        let due = begun.at + Duration::from_millis(1 + rng.below(TIME_MAX_MS));
        let now = self.executor.upgrade().expect("the run goes on").age();
        tokio::time::sleep(due.saturating_sub(now)).await;

        let message = "simulated".to_owned();
        match rng.below(8) {
            // Not one after which fewer calls are made at once: when those begin depends on others.
            0 => Err(CallError::Server { status: 500, retry: Retry::Backoff, message }.into()),
            1 => Err(CallError::BadRequest { status: 400, message }.into()),
            _ => {
                let text = format!("{text} {:x}", rng.next_u64() >> 48);
                Ok(Reply {
                    said: text.into(),
                    finish: Some(Finish::Stop),
                    usage: None,
                    served_by: None,
                })
            }
        }
    }
}

/// The last words of the conversation.
fn said(request: &Request) -> String {
    request.messages.last().map(|message| message.content.clone()).unwrap_or_default()
}

fn hash(text: &str) -> u64 {
    let hash = blake3::hash(text.as_bytes());
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().unwrap())
}
