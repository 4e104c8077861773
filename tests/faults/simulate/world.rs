//! The simulated model and its books: what it was asked, what it charged, and what went wrong.

use super::graph::{Plan, price};
use kaizen::base::failure::Kind;
use kaizen::base::rng::Rng;
use kaizen::base::unit::Money;
use kaizen::flow::outcome::Outcome;
use kaizen::journal::event::Event;
use kaizen::model::Model;
use kaizen::model::call_error::{CallError, Retry};
use kaizen::model::provider::simulated::SimulatedModel;
use kaizen::model::reply::{CallFault, FaultUsage, Finish, Reply, Usage};
use kaizen::model::request::Request;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::time::Duration;

/// The ways in which a call can go wrong.
const FATES: u64 = 16;
/// Tokens that the program sets aside for a message besides its text.
const MESSAGE_TOKENS: u64 = 16;

/// An amount of everything that a budget bounds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sum {
    pub(super) cost: Money,
    pub(super) tokens: u64,
    pub(super) calls: u64,
}

/// The simulated model, seen from its own side.
pub(super) struct World {
    seed: u64,
    fault_rate: f64,
    /// How often each conversation was asked.
    asked: RefCell<HashMap<u64, u64>>,
    in_flight: Cell<usize>,
    pub(super) most_in_flight: Cell<usize>,
    /// What the provider charges, whether or not anybody has heard the answer.
    pub(super) charged: Cell<Sum>,
    /// What somebody who only sees the replies must take for used.
    pub(super) known: Cell<Sum>,
    pub(super) faults: Cell<u64>,
    /// Calls that a budget refused.
    pub(super) refused: Cell<u64>,
    bounds: kaizen::base::bounds::Bounds,
}

/// One call that is under way; when it is given up, its worst case counts.
struct Call {
    world: Rc<World>,
    worst: Sum,
    is_over: bool,
}

impl Call {
    fn end(&mut self, used: Sum) {
        self.is_over = true;
        let world = &self.world;
        world.in_flight.set(world.in_flight.get() - 1);
        world.known.set(world.known.get().plus(used));
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.is_over {
            self.end(self.worst);
        }
    }
}

impl Sum {
    fn plus(self, other: Sum) -> Sum {
        Sum {
            cost: self.cost + other.cost,
            tokens: self.tokens + other.tokens,
            calls: self.calls + other.calls,
        }
    }
}

impl World {
    pub(super) fn new(seed: u64, plan: &Plan) -> Rc<World> {
        Rc::new(World {
            seed,
            fault_rate: plan.fault_rate,
            asked: RefCell::default(),
            in_flight: Cell::new(0),
            most_in_flight: Cell::new(0),
            charged: Cell::default(),
            known: Cell::default(),
            faults: Cell::new(0),
            refused: Cell::new(0),
            bounds: plan.bounds,
        })
    }

    pub(super) fn model(self: &Rc<World>, plan: &Plan) -> Model {
        let world = self.clone();
        let speaker = SimulatedModel::new(move |request| {
            let (world, request) = (world.clone(), request.clone());
            Box::pin(async move { world.answer(&request).await })
        });
        Model::simulated("sim/m", plan.settings(), plan.limits(), Some(price()), speaker)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.get()
    }

    /// Answers like a real provider on a bad day; what happens depends on the seed and the question.
    async fn answer(self: Rc<World>, request: &Request) -> Result<Reply, CallFault> {
        let mut rng = self.chance(request);
        let settings = &request.settings;
        let said: u64 = request.messages.iter().map(|m| m.content.len() as u64).sum();
        let stop: u64 = settings.stop.iter().map(|text| text.len() as u64).sum();
        let extra = settings.extra.iter().map(|(key, value)| key.len() + value.to_string().len());
        let bytes = said + stop + extra.sum::<usize>() as u64;
        let most = u64::from(settings.max_tokens.unwrap_or(4096));
        let read = bytes + MESSAGE_TOKENS * request.messages.len() as u64;
        let written = Usage { output_visible: most, ..Usage::default() };
        let uncached = cost(&Usage { input_uncached: read, ..written });
        let kept = cost(&Usage { cache_write: read, ..written });
        let worst = Sum { cost: uncached.max(kept), tokens: read + most, calls: 1 };
        self.in_flight.set(self.in_flight.get() + 1);
        self.most_in_flight.set(self.most_in_flight.get().max(self.in_flight.get()));
        let mut call = Call { world: self.clone(), worst, is_over: false };
        let fate = if rng.unit() < self.fault_rate { 1 + rng.below(FATES) } else { 0 };
        self.faults.set(self.faults.get() + u64::from(fate > 0));
        let usage = Usage {
            input_uncached: rng.below(bytes + 1),
            output_visible: rng.below(most.min(60) + 1),
            ..Usage::default()
        };
        // What is refused or never arrives costs nothing, unless the refusal says what it used; all else
        // is charged when it is taken on.
        let says = matches!(fate, 1..=5 | 10 | 15 | 16) && rng.below(2) == 0;
        let is_refused = (1..=5).contains(&fate) || fate == 14;
        let free = Sum { calls: 1, ..Sum::default() };
        let all = Sum { cost: cost(&usage), tokens: usage.tokens(), calls: 1 };
        let charge = if is_refused && !says { free } else { all };
        self.charged.set(self.charged.get().plus(charge));
        if fate == 6 {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(Duration::from_millis(rng.below(400))).await;
        let result = act(fate, &mut rng, &text(request), usage).map_err(|error| CallFault {
            error,
            usage: if says { FaultUsage::Counted(usage) } else { FaultUsage::Unsaid },
            served_by: None,
        });
        let said = match &result {
            Ok(reply) => reply.usage,
            Err(CallFault { usage: FaultUsage::Counted(usage), .. }) => Some(*usage),
            Err(_) => None,
        };
        let known = match said.filter(|usage| usage.input() > 0) {
            Some(_) => charge,
            None if is_refused && !says => free,
            None => worst,
        };
        call.end(known);
        result
    }

    /// Returns chance that is the same whenever the same is asked for the same time.
    fn chance(&self, request: &Request) -> Rng {
        let mut hasher = DefaultHasher::new();
        (self.seed, &request.messages).hash(&mut hasher);
        let question = hasher.finish();
        let mut asked = self.asked.borrow_mut();
        let times = asked.entry(question).or_default();
        *times += 1;
        Rng::seeded(question.wrapping_add(*times))
    }

    /// Watches the events: a call that a budget refuses must be one that does not fit.
    pub(super) fn see(&self, event: &Event) {
        let Event::OpEnded { outcome: Outcome::Failed { failure }, .. } = event else { return };
        if failure.kind != Kind::Budget {
            return;
        }
        self.refused.set(self.refused.get() + 1);
        assert_eq!(self.in_flight.get(), 0, "refused while a call may give something back");
        let (known, message) = (self.known.get(), &failure.message);
        let number = |before: &str| -> u64 {
            let rest = message.split(before).nth(1).unwrap_or_else(|| panic!("{message}"));
            rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
        };
        if message.contains("`max_calls`") {
            assert_eq!(Some(known.calls), self.bounds.calls, "a false stop: {message}");
        } else if message.contains("`max_tokens`") {
            // What nothing was used of is not named.
            let used = if known.tokens == 0 { 0 } else { number("tokens, but ") };
            assert_eq!(used, known.tokens, "wrong books: {message}");
            let sum = known.tokens + number("use up to ");
            assert!(sum > self.bounds.tokens.unwrap(), "a false stop: {message}");
        } else {
            let most = self.bounds.cost.unwrap();
            let used = if known.cost == Money::ZERO {
                format!("more than the budget of {most} (`max_cost`)")
            } else {
                format!("but {} of the {most} budget (`max_cost`)", known.cost)
            };
            assert!(message.contains(&used), "wrong books: `{used}`: {message}");
        }
    }
}

fn cost(usage: &Usage) -> Money {
    price().cost(usage)
}

/// What the model says to a question: the same to the same.
fn text(request: &Request) -> String {
    let mut hasher = DefaultHasher::new();
    request.messages.hash(&mut hasher);
    format!("answer {:x}", hasher.finish())
}

/// What becomes of a call.
fn act(fate: u64, rng: &mut Rng, text: &str, usage: Usage) -> Result<Reply, CallError> {
    let message = "simulated".to_owned();
    let wish = |rng: &mut Rng| Retry::After(Duration::from_millis(rng.below(150_000)));
    let reply = |text: &str, finish| {
        Ok(Reply { said: text.into(), finish, usage: Some(usage), served_by: None })
    };
    match fate {
        1 => Err(CallError::RateLimited { status: 429, retry: Retry::Backoff, message }),
        2 => Err(CallError::RateLimited { status: 429, retry: wish(rng), message }),
        3 => Err(CallError::Server { status: 500, retry: Retry::Backoff, message }),
        4 => Err(CallError::Server { status: 503, retry: wish(rng), message }),
        5 => Err(CallError::BadRequest { status: 400, message }),
        7 => Err(CallError::Network { url: "sim".to_owned(), message }),
        8 => reply(&text[..text.len() / 2], None),
        9 => reply(&format!("{text}{text}"), Some(Finish::Stop)),
        10 => Err(CallError::BadReply { message }),
        14 => Err(CallError::Unreachable { url: "sim".to_owned(), message }),
        // The gateway has waited without success, and the model behind it has answered.
        15 => Err(CallError::Server { status: 504, retry: Retry::Backoff, message }),
        // An error in the place of a reply.
        16 => Err(CallError::Server { status: 200, retry: Retry::Backoff, message }),
        11 => reply("", Some(Finish::Stop)),
        12 => reply(&text[..3], Some(Finish::Length)),
        13 => reply("", Some(Finish::Refused(message))),
        // Nobody says what it took.
        0 if rng.below(10) == 0 => {
            let finish = Some(Finish::Stop);
            Ok(Reply { said: text.into(), finish, usage: None, served_by: None })
        }
        _ => reply(text, Some(Finish::Stop)),
    }
}
