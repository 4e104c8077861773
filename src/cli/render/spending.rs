//! What a run has used so far, as the live region says it.

use crate::base::unit::Money;
use crate::cli::render::progress::Progress;
use crate::executor::budget::Tally;

impl Progress {
    fn tally(&self) -> Tally {
        self.account.as_ref().map_or_else(Tally::default, |account| account.tally())
    }

    /// Says what the calls that have ended cost.
    pub(super) fn paid(&self) -> String {
        let tally = self.tally();
        let is_known = tally.cost + tally.aside > Money::ZERO || tally.unknown == 0;
        let mut text = if is_known { tally.cost.to_string() } else { "cost unknown".to_owned() };

        if let Some(most) = self.cost_max {
            text.push_str(&format!(" of {most}"));
        }
        text
    }

    /// Says what the run has used, and what the calls under way may add to it.
    pub(super) fn spent(&self) -> String {
        let tally = self.tally();
        let is_known = tally.cost + tally.aside > Money::ZERO || tally.unknown == 0;
        let mut text = self.paid();

        let calls = || self.open.values().filter_map(|open| open.under_way.as_ref());
        let tokens: u64 = calls().map(|call| call.tokens).sum();
        if tokens > 0 {
            let cost: Money =
                calls().filter_map(|call| call.cost).fold(Money::ZERO, |sum, cost| sum + cost);
            let cost = if cost == Money::ZERO { String::new() } else { format!(", {cost}") };
            text.push_str(&format!(", about {tokens} tokens{cost} in flight"));
        }

        if tally.aside > Money::ZERO {
            text.push_str(&format!(", up to {} more in flight", tally.aside));
        }

        match tally.unknown {
            calls if calls == 0 || !is_known => {}
            1 => text.push_str(", 1 call of unknown cost"),
            calls => text.push_str(&format!(", {calls} calls of unknown cost")),
        }

        text
    }
}
