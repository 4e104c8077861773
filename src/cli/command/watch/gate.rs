//! Asks before a run that would cost much, or nobody knows how much.

use crate::base::unit::Money;
use crate::cli::app::exit::Exit;
use crate::cli::app::rehearsals::{ForecastSetting, SeedSource, TIME_MAX, forecast};
use crate::cli::command::watch::files::Files;
use crate::cli::command::watch::round::{AfterRound, RoundKind, WatchState};
use crate::cli::command::watch::{Cause, EventSource, Happening};
use crate::cli::render::plan::{self, PlanKind};
use crate::cli::say;
use crate::metrics::plan::Plan;
use crate::model::price::Price;
use std::time::Duration;

/// Longest time that is spent on further guesses: none, since who saves a script waits for its run.
const PATIENCE: Duration = Duration::ZERO;

impl WatchState<'_> {
    /// Asks before a run that would cost much. Gives what to do instead of running.
    pub(super) async fn gate(
        &self,
        events: &mut EventSource,
        files: &Files,
        text: &str,
        cause: &Cause,
    ) -> anyhow::Result<Option<AfterRound>> {
        let (limit, is_set) = match self.confirm_over {
            Some(limit) => (limit, true),
            None => self.project.config.watch_confirm_over(),
        };

        let replies = self.reuse.replies().clone();
        let job = self.job(RoundKind::Reuse);
        events.signals.renew();
        // The run itself tells of faults.
        let setting = ForecastSetting {
            experience: &self.experience,
            seed: SeedSource::Given,
            first_time_max: TIME_MAX,
            patience: PATIENCE,
        };
        let found = forecast(&job, text, &replies, &setting, &events.signals).await?;
        if let Some(exit) = events.signals.seen() {
            return Ok(Some(AfterRound::Quit(exit)));
        }
        let Ok(forecast) = found else { return Ok(None) };
        let Some(doubt) = doubt(&forecast.plan, limit, is_set) else { return Ok(None) };
        self.watch_gate(files, text);

        let limit = Money::at_most(limit);
        let summary = plan::rest(&forecast.plan, self.experience.runs());

        let said = match doubt {
            Doubt::TooMuch => format!("{summary}, over {limit}"),
            Doubt::Unknown => format!("{summary}, possibly over {limit}"),
        };

        self.rule(&cause.text);
        if !self.has_keys {
            self.tell(&format!("not run: {said}; {}", doubt.help()));
            return Ok(Some(AfterRound::Ended));
        }

        self.tell(&format!("{said}:  [enter] run  [p]lan  [i]gnore"));
        loop {
            match events.next().await {
                Happening::Signal(exit) => return Ok(Some(AfterRound::Quit(exit))),
                Happening::Changed(cause) => {
                    return Ok(Some(AfterRound::Again(RoundKind::Reuse, cause)));
                }
                Happening::Key('\n' | '\r') => return Ok(None),
                Happening::Key('p') => {
                    for line in plan::lines(&forecast.plan, self.experience.runs(), PlanKind::Rest)
                    {
                        say(&line);
                    }
                }
                Happening::Key('i') => {
                    self.tell("ignored; you will be asked again at the next save");
                    return Ok(Some(AfterRound::Ended));
                }
                Happening::Key('q') => return Ok(Some(AfterRound::Quit(Exit::Ok))),
                Happening::Key(_) => {}
            }
        }
    }
}

/// Why a run is not started unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// It is likely to cost more than the limit.
    TooMuch,
    /// Some of its calls have no known price.
    Unknown,
}

impl Doubt {
    fn help(self) -> &'static str {
        match self {
            Doubt::TooMuch => "`--confirm-over DOLLARS` allows more",
            Doubt::Unknown => {
                "set a `price` under its `[models.NAME]` (zeros if the model is free)"
            }
        }
    }
}

/// Compares a plan with the limit. A limit that somebody has set holds: what is unknown may exceed it.
/// The built-in one is there for people who think of no cost at all, so that a few calls to a server
/// of unknown price may be made, as long as the dearest model would do them for it.
fn doubt(plan: &Plan, limit: f64, is_set: bool) -> Option<Doubt> {
    let cost = plan.rest.cost.unwrap_or_default();
    let unknown = plan.rest.unpriced;
    if cost.p95 > limit {
        return Some(Doubt::TooMuch);
    }
    let is_doubtful = unknown > 0 && (is_set || plan.cost_max_at(&Price::dearest()) > limit);
    is_doubtful.then_some(Doubt::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::earlier_runs::Range;
    use crate::metrics::plan::{CallRange, Count, PlanRow};

    /// A plan with a call of known cost, and this many of unknown price, of 1000 tokens each.
    fn planned(dollars: f64, unpriced: u64) -> Plan {
        let range = |number| Range { p50: number, p95: number };
        let rest =
            CallRange { calls: Count::exactly(1 + unpriced), cost: Some(range(dollars)), unpriced };
        let row = PlanRow { rest, input: range(500.0), output: range(500.0), ..PlanRow::default() };
        Plan { rows: vec![row], rest, ..Plan::default() }
    }

    #[test]
    fn an_unknown_price_may_exceed_a_limit_that_was_set() {
        assert_eq!(doubt(&planned(0.1, 0), 0.25, true), None);
        assert_eq!(doubt(&planned(0.3, 0), 0.25, true), Some(Doubt::TooMuch));
        assert_eq!(doubt(&planned(0.3, 1), 0.25, true), Some(Doubt::TooMuch));
        assert_eq!(doubt(&planned(0.1, 1), 0.25, true), Some(Doubt::Unknown));
        assert_eq!(doubt(&planned(0.0, 1), 9e9, true), Some(Doubt::Unknown));
    }

    #[test]
    fn a_few_calls_of_unknown_price_pass_the_built_in_limit() {
        // The dearest model takes 4.5 cents for such a call.
        assert_eq!(doubt(&planned(0.0, 5), 0.25, false), None);
        assert_eq!(doubt(&planned(0.0, 6), 0.25, false), Some(Doubt::Unknown));
        assert_eq!(doubt(&planned(0.1, 5), 0.25, false), Some(Doubt::Unknown));
    }
}
