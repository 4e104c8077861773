//! What a run may use up. Before a call its worst case is set aside; after it the real use is
//! settled. So calls that run at once cannot overspend together.

use crate::base::bounds::Bounds;
use crate::base::count::counted;
use crate::base::failure::{Failure, Kind};
use crate::base::unit::Money;
use crate::model::Model;
use crate::model::reply::CallResult;
use crate::model::request::Request;
use std::cell::Cell;
use std::rc::Rc;
use tokio::sync::Notify;

/// Most tokens that a reply may have when a budget is set and nobody says another number: what is
/// not bounded cannot be set aside.
pub const REPLY_TOKENS_MAX: u32 = 4096;

/// An amount of everything that is bounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Amounts {
    cost: Money,
    tokens: u64,
    calls: u64,
    /// Calls whose cost is not in `cost`, because not even their worst case is known.
    unknown: u64,
}

/// What calls have used, as far as anybody can say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls that have ended, and those under way.
    pub calls: u64,
    /// Calls that are under way, or about to be made.
    pub under_way: u64,
    /// What those that have ended cost: what they said, or else their worst case.
    pub cost: Money,
    /// The worst case of those that are under way.
    pub aside: Money,
    /// Calls of which neither is known.
    pub unknown: u64,
}

impl Tally {
    /// Returns what all calls cost at most; `None` when nobody can say.
    pub fn cost_max(&self) -> Option<Money> {
        (self.unknown == 0).then_some(self.cost + self.aside)
    }

    /// Returns the sum of two.
    #[must_use]
    pub fn plus(self, other: Tally) -> Tally {
        Tally {
            calls: self.calls.saturating_add(other.calls),
            under_way: self.under_way.saturating_add(other.under_way),
            cost: self.cost + other.cost,
            aside: self.aside + other.aside,
            unknown: self.unknown.saturating_add(other.unknown),
        }
    }
}

/// What is bounded, what was used, and what is set aside for calls in flight.
#[derive(Debug, Default)]
pub struct Budget {
    bounds: Cell<Bounds>,
    used: Cell<Amounts>,
    aside: Cell<Amounts>,
    in_flight: Cell<u64>,
    /// Whether a call was refused.
    is_spent: Cell<bool>,
    settled: Notify,
    /// The budget that this one is a part of: what is used here is used there too.
    outer: Option<Rc<Budget>>,
}

/// What is set aside for one call. Dropping it once the call has begun counts all of it as used: the
/// call may have been paid for.
#[derive(Debug)]
pub struct Reserve {
    budget: Rc<Budget>,
    worst: Amounts,
    /// Set once the call is made.
    has_begun: Rc<Cell<bool>>,
    is_settled: bool,
    /// What is set aside in the budget around it.
    outer: Option<Box<Reserve>>,
}

impl Budget {
    /// Creates a budget of which nothing is used.
    pub fn new(bounds: Bounds) -> Rc<Budget> {
        Rc::new(Budget { bounds: Cell::new(bounds), ..Budget::default() })
    }

    /// Creates a part of a budget: both bounds hold.
    pub fn part_of(outer: Option<Rc<Budget>>, bounds: Bounds) -> Rc<Budget> {
        Rc::new(Budget { bounds: Cell::new(bounds), outer, ..Budget::default() })
    }

    /// Sets other bounds; what is used stays used.
    pub fn set(&self, bounds: Bounds) {
        self.bounds.set(bounds);
        self.settled.notify_waiters();
    }

    /// Notes that a call was refused.
    pub(super) fn spend(&self) {
        self.is_spent.set(true);
    }

    /// Tells whether a call was refused.
    pub fn is_spent(&self) -> bool {
        self.is_spent.get()
    }

    /// Returns what was used, with what is set aside.
    pub fn tally(&self) -> Tally {
        let used = self.used.get();
        let aside = self.aside.get();

        Tally {
            calls: used.calls.saturating_add(aside.calls),
            under_way: aside.calls,
            cost: used.cost,
            aside: aside.cost,
            unknown: used.unknown.saturating_add(aside.unknown),
        }
    }

    /// Tells whether anything is bounded, here or in the budget around it.
    pub fn is_bounded(&self) -> bool {
        self.bounds.get() != Bounds::default()
            || self.outer.as_ref().is_some_and(|outer| outer.is_bounded())
    }

    /// Returns the share of its tightest bound that is used, without what is set aside; 0 if nothing is
    /// bounded.
    pub fn used_share(&self) -> f64 {
        let bounds = self.bounds.get();
        let used = self.used.get();
        let share = |used: f64, most: f64| if most > 0.0 { used / most } else { 1.0 };

        let outer = self.outer.as_ref().map(|outer| outer.used_share());
        let cost = bounds.cost.map(|most| share(used.cost.dollars(), most.dollars()));
        let tokens = bounds.tokens.map(|most| share(whole(used.tokens), whole(most)));
        let calls = bounds.calls.map(|most| share(whole(used.calls), whole(most)));
        [outer, cost, tokens, calls].into_iter().flatten().fold(0.0, f64::max)
    }

    /// Returns the most money, if it is bounded.
    pub fn cost_max(&self) -> Option<Money> {
        self.bounds.get().cost
    }

    /// Bounds the reply of a request that has no bound, so that its worst case is known.
    pub fn bound(&self, request: &mut Request) {
        let is_needed = self.bounds.get().cost.is_some() || self.bounds.get().tokens.is_some();
        if is_needed && request.settings.max_tokens.is_none() {
            request.settings.max_tokens = Some(REPLY_TOKENS_MAX);
        }

        if let Some(outer) = &self.outer {
            outer.bound(request);
        }
    }

    /// Tells whether it depends on the tokens of calls how many it allows.
    pub fn counts_tokens(&self) -> bool {
        let bounds = self.bounds.get();
        let counts = bounds.cost.is_some() || bounds.tokens.is_some();
        counts || self.outer.as_ref().is_some_and(|outer| outer.counts_tokens())
    }

    /// Sets the worst case of a call aside. While it does not fit beside the calls in flight, it
    /// waits; when it does not fit although there are none, it is refused.
    pub async fn admit(
        self: &Rc<Self>,
        model: &Model,
        request: &Request,
    ) -> Result<Reserve, Failure> {
        let mut reserve = self.admit_here(model, request).await?;
        if let Some(outer) = &self.outer {
            // Boxed, since it calls itself.
            match Box::pin(outer.admit(model, request)).await {
                Ok(around) => reserve.outer = Some(Box::new(around)),
                Err(failure) => {
                    // The call is not made, so nothing of it is used.
                    reserve.close(Amounts::default());
                    return Err(failure);
                }
            }
        }

        Ok(reserve)
    }

    async fn admit_here(
        self: &Rc<Self>,
        model: &Model,
        request: &Request,
    ) -> Result<Reserve, Failure> {
        let worst = worst(model, request);
        if self.bounds.get().cost.is_some() && worst.unknown > 0 {
            return Err(unknown_price(model));
        }

        loop {
            // Made before the look, so that no settling in between is missed.
            let settled = self.settled.notified();
            let aside = self.aside.get();
            match self.excess(self.used.get().plus(aside).plus(worst)) {
                None => return Ok(self.take(worst)),
                Some(reason) if self.in_flight.get() == 0 => {
                    self.is_spent.set(true);
                    return Err(Failure::new(Kind::Budget, reason));
                }
                Some(_) => settled.await,
            }
        }
    }

    /// Sets the worst case of a call aside that was admitted elsewhere, or need not be.
    pub fn hold(
        self: &Rc<Self>,
        model: &Model,
        request: &Request,
        admitted: Option<Reserve>,
    ) -> Reserve {
        let mut reserve = self.take(worst(model, request));
        reserve.outer = admitted.map(Box::new);
        reserve
    }

    /// Counts a call that is not made, because its reply is known; `cost` is what it cost then.
    pub fn count(self: &Rc<Self>, model: &Model, request: &Request, cost: Option<Money>) {
        let worst = worst(model, request);
        self.take(worst).close(worst.costing(cost));
    }

    fn take(self: &Rc<Self>, worst: Amounts) -> Reserve {
        self.aside.set(self.aside.get().plus(worst));
        self.in_flight.set(self.in_flight.get() + 1);
        let budget = self.clone();
        Reserve { budget, worst, has_begun: Rc::default(), is_settled: false, outer: None }
    }

    /// Says which bound an amount would exceed, if any.
    fn excess(&self, sum: Amounts) -> Option<String> {
        let used = self.used.get();
        if let Some(most) = self.bounds.get().cost.filter(|most| sum.cost > *most) {
            if used.cost == Money::ZERO {
                return Some(format!(
                    "the next call could cost up to {}, which is more than the budget of {most} \
                     (`max_cost`)",
                    sum.cost
                ));
            }
            return Some(format!(
                "the next call could cost up to {}, but {} of the {most} budget (`max_cost`) is \
                 already used",
                sum.cost.minus(used.cost),
                used.cost
            ));
        }

        if let Some(most) = self.bounds.get().tokens.filter(|most| sum.tokens > *most) {
            let next = sum.tokens.saturating_sub(used.tokens);
            if used.tokens == 0 {
                return Some(format!(
                    "the next call could use up to {next} tokens, which is more than the budget of \
                     {most} tokens (`max_tokens`)"
                ));
            }
            return Some(format!(
                "the next call could use up to {next} tokens, but {} of {most} tokens \
                 (`max_tokens`) are already used",
                used.tokens
            ));
        }

        let most = self.bounds.get().calls.filter(|most| sum.calls > *most)?;
        Some(format!("the limit of {} (`max_calls`) is reached", counted(most, "call", "calls")))
    }
}

impl Reserve {
    /// Returns what is to be set once the call is made; what is given up before has cost nothing.
    pub fn begun(&mut self) -> Rc<Cell<bool>> {
        if let Some(outer) = &mut self.outer {
            let begun = outer.begun();
            self.has_begun.clone_from(&begun);
        }
        self.has_begun.clone()
    }

    /// Gives back what a call has not used. What it does not say counts with its worst case.
    pub fn settle(mut self, called: &CallResult) {
        if let Some(outer) = self.outer.take() {
            outer.settle(called);
        }

        let tokens = called.usage.map_or(self.worst.tokens, |usage| usage.tokens());
        self.close(Amounts { tokens, ..self.worst.costing(called.cost) });
    }

    fn close(&mut self, used: Amounts) {
        self.is_settled = true;
        let budget = &self.budget;
        budget.used.set(budget.used.get().plus(used));
        budget.aside.set(budget.aside.get().minus(self.worst));
        budget.in_flight.set(budget.in_flight.get() - 1);
        // All who wait look again: what is given back may be enough for several.
        budget.settled.notify_waiters();
    }
}

impl Drop for Reserve {
    fn drop(&mut self) {
        if !self.is_settled {
            self.close(if self.has_begun.get() { self.worst } else { Amounts::default() });
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "a share need not be exact")]
fn whole(number: u64) -> f64 {
    number as f64
}

/// Returns the most that a call can use.
fn worst(model: &Model, request: &Request) -> Amounts {
    let worst = model.worst(request);
    let written = worst.written.unwrap_or(REPLY_TOKENS_MAX.into());

    Amounts {
        cost: worst.cost.unwrap_or_default(),
        tokens: worst.read.saturating_add(written),
        calls: 1,
        unknown: u64::from(worst.cost.is_none()),
    }
}

impl Amounts {
    /// Puts the cost of a call in the place of its worst case, if it is known.
    fn costing(self, cost: Option<Money>) -> Amounts {
        cost.map_or(self, |cost| Amounts { cost, unknown: 0, ..self })
    }

    fn plus(self, other: Amounts) -> Amounts {
        Amounts {
            cost: self.cost + other.cost,
            tokens: self.tokens.saturating_add(other.tokens),
            calls: self.calls.saturating_add(other.calls),
            unknown: self.unknown.saturating_add(other.unknown),
        }
    }

    fn minus(self, other: Amounts) -> Amounts {
        Amounts {
            cost: self.cost.minus(other.cost),
            tokens: self.tokens.saturating_sub(other.tokens),
            calls: self.calls.saturating_sub(other.calls),
            unknown: self.unknown.saturating_sub(other.unknown),
        }
    }
}

/// Says which figure of a model is missing.
fn unknown_price(model: &Model) -> Failure {
    if model.price().is_some() {
        let message = format!(
            "how many tokens a picture is to `{}` is unknown, so `max_cost` cannot be enforced; set `image_tokens = \
             1600`, the most that it counts, under its `[models.NAME]`",
            model.label
        );
        return Failure::new(Kind::Budget, message);
    }

    let message = format!(
        "the price of `{}` is unknown, so `max_cost` cannot be enforced; set `price = {{ input = \
         0.15, output = 0.60, per = \"1M\" }}` under its `[models.NAME]`",
        model.label
    );
    Failure::new(Kind::Budget, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;
    use crate::model::message::{Message, Role};
    use crate::model::registry::Models;
    use crate::model::reply::Usage;
    use crate::model::request::Settings;
    use crate::model::spec::ModelSpec;
    use futures::stream::{FuturesUnordered, StreamExt};
    use serde_json::json;
    use std::collections::BTreeMap;
    use std::time::Duration;

    fn model(price: &serde_json::Value) -> Model {
        let json = json!({ "use": "openai/m", "base_url": "http://127.0.0.1:1", "price": price });
        let spec = ModelSpec::from_map(json.as_object().expect("a map")).expect("a description");
        Models::new(BTreeMap::new(), None, 1, |_| None).resolve_spec(&spec).expect("a model")
    }

    fn request(bytes: usize, max_tokens: u32) -> Request {
        let messages = vec![Message::new(Role::User, "x".repeat(bytes))];
        let settings = Settings { max_tokens: Some(max_tokens), ..Settings::default() };
        Request::new(messages, settings, None)
    }

    fn called(model: &Model, usage: Usage) -> CallResult {
        let cost = model.cost(Some(&usage));
        CallResult {
            usage: Some(usage),
            cost,
            served_by: None,
            is_cut: false,
            result: Ok("x".into()),
        }
    }

    /// Many calls at once, of chance sizes, real uses and times, under bounds of chance: what is
    /// used never exceeds a bound, and no call is refused that would have fitted alone.
    #[tokio::test(start_paused = true)]
    async fn calls_at_once_never_overspend_and_none_is_refused_that_fits() {
        let model = model(&json!({ "input": 1.0, "output": 2.0, "per": "1M" }));
        for seed in 0..200 {
            let mut rng = Rng::seeded(seed);
            let bounds = Bounds {
                cost: Money::from_dollars(0.000_1 + rng.unit() * 0.01),
                tokens: Some(500 + rng.below(20_000)),
                calls: Some(1 + rng.below(40)),
            };

            let budget = Budget::new(bounds);
            let calls: FuturesUnordered<_> = (0..50)
                .map(|_| {
                    let size = usize::try_from(rng.below(600)).expect("small");
                    let most = 1 + u32::try_from(rng.below(400)).expect("small");
                    let request = request(size, most);
                    let read = rng.below(size as u64 + 1);
                    let written = rng.below(u64::from(most) + 1);
                    let usage =
                        Usage { input_uncached: read, output_visible: written, ..Usage::default() };
                    let time = 1 + rng.below(50);
                    let fate = rng.below(10);
                    let budget = &budget;
                    let model = &model;
                    async move {
                        let Ok(mut reserve) = budget.admit(model, &request).await else {
                            assert_eq!(
                                budget.in_flight.get(),
                                0,
                                "refused while others may settle"
                            );
                            return;
                        };

                        reserve.begun().set(true);
                        tokio::time::sleep(Duration::from_millis(time)).await;
                        match fate {
                            0 => drop(reserve),
                            _ => reserve.settle(&called(model, usage)),
                        }

                        let used = budget.used.get();
                        assert!(
                            bounds.cost.is_none_or(|most| used.cost <= most),
                            "{seed}: {used:?}"
                        );
                        assert!(bounds.tokens.is_none_or(|most| used.tokens <= most), "{seed}");
                        assert!(bounds.calls.is_none_or(|most| used.calls <= most), "{seed}");
                    }
                })
                .collect();

            calls.collect::<()>().await;
            assert_eq!((budget.aside.get(), budget.in_flight.get()), (Amounts::default(), 0));
        }
    }

    /// A part of a budget is refused what the whole has no more of, and gives it back.
    #[tokio::test]
    async fn both_the_part_and_the_whole_hold() {
        let model = model(&json!({ "input": 1.0, "output": 2.0, "per": "1M" }));
        let calls = |most| Bounds { calls: Some(most), ..Bounds::default() };
        let whole = Budget::new(calls(2));
        let one = calls(1);
        let other = calls(5);
        let one = Budget::part_of(Some(whole.clone()), one);
        let other = Budget::part_of(Some(whole.clone()), other);

        let reply = called(&model, Usage::default());
        one.admit(&model, &request(1, 1)).await.expect("the first").settle(&reply);
        let refused = one.admit(&model, &request(1, 1)).await.expect_err("one call is all");
        assert!(refused.message.contains("the limit of 1 call "), "{}", refused.message);
        assert_eq!(whole.used.get().calls, 1);

        other.admit(&model, &request(1, 1)).await.expect("the second").settle(&reply);
        let refused = other.admit(&model, &request(1, 1)).await.expect_err("two calls are all");
        assert!(refused.message.contains("the limit of 2 calls "), "{}", refused.message);

        assert_eq!((other.used.get().calls, other.in_flight.get()), (1, 0));
        assert_eq!(other.aside.get(), Amounts::default());
    }

    #[tokio::test]
    async fn what_is_given_up_before_its_call_begins_is_given_back() {
        let model = model(&json!({ "input": 1.0, "output": 2.0, "per": "1M" }));
        let budget = Budget::new(Bounds { calls: Some(1), ..Bounds::default() });

        drop(budget.admit(&model, &request(1, 1)).await.expect("the first fits"));
        let mut second = budget.admit(&model, &request(1, 1)).await.expect("nothing is used yet");
        second.begun().set(true);
        drop(second);

        assert!(budget.admit(&model, &request(1, 1)).await.is_err(), "one may have been paid for");
    }

    #[tokio::test]
    async fn an_unknown_price_is_refused_only_where_money_is_bounded() {
        let json = json!({ "use": "openai/m", "base_url": "http://127.0.0.1:1" });
        let spec = ModelSpec::from_map(json.as_object().expect("a map")).expect("a description");
        let unknown = Models::new(BTreeMap::new(), None, 1, |_| None).resolve_spec(&spec);
        let unknown = unknown.expect("a model");

        let money = Bounds { cost: Money::from_dollars(1.0), ..Bounds::default() };
        let refused = Budget::new(money).admit(&unknown, &request(1, 1)).await.err();
        assert!(refused.is_some_and(|failure| failure.message.contains("price of `openai/m`")));

        let calls = Bounds { calls: Some(1), ..Bounds::default() };
        assert!(Budget::new(calls).admit(&unknown, &request(1, 1)).await.is_ok());
    }
}
