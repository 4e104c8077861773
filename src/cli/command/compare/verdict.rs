//! What the last comparison of a task type has found. Where it has seen the very executions that are
//! known, `patterns` and `advise` repeat its figures, so that nobody has to choose between two answers.

use crate::base::id::RunId;
use crate::cli::render::paint::Mood;
use crate::journal::event::{ComparisonVerdict, RunKind};
use crate::journal::history;
use crate::optimizer::choice::policy::{self, RankedPattern};
use crate::optimizer::evidence::knowledge::amendment::has_verdicts;
use crate::optimizer::stats::Interval;
use crate::store::Reader;
use serde_json::Value;

/// How far back a comparison is looked for.
const LOOK_BACK: usize = 500;

/// The last comparison of a task type, by `kaizen compare` or by a script.
pub(in crate::cli) struct LastTest {
    verdict: ComparisonVerdict,
    run: RunId,
    /// Whether people have judged executions, which the comparison does not know.
    is_amended: bool,
}

/// Returns the last comparison of a task type.
pub(in crate::cli) fn last(store: &Reader, task: &str) -> anyhow::Result<Option<LastTest>> {
    for row in history::runs(store, LOOK_BACK)? {
        let verdict = match history::kind(store, &row.id)? {
            Some(RunKind::Comparison) => {
                history::value(store, &row.id)?.map(|found| ComparisonVerdict::of(&found))
            }
            Some(RunKind::Script) => {
                let all = history::comparisons(store, &row.id)?;
                all.into_iter().rev().find(|verdict| verdict.task_type == task)
            }
            Some(RunKind::Session) | None => None,
        };

        if let Some(verdict) = verdict.filter(|verdict| verdict.task_type == task) {
            let is_amended = has_verdicts(store, task)?;
            return Ok(Some(LastTest { verdict, run: row.id, is_amended }));
        }
    }
    Ok(None)
}

impl LastTest {
    /// Says what it has found, in its own words, with what counted.
    pub(in crate::cli) fn sentence(&self) -> String {
        let ComparisonVerdict { reason, objective, .. } = &self.verdict;
        format!("tested: {reason}; objective: {objective} (run {})", self.run)
    }

    /// Tells whether it was decided.
    pub(in crate::cli) fn mood(&self) -> Mood {
        if self.verdict.figures["verdict"] == "open" { Mood::Doubtful } else { Mood::Good }
    }

    /// Returns the run.
    pub(in crate::cli) fn run(&self) -> &RunId {
        &self.run
    }

    /// Puts its figures in the place of those that are believed, if it has seen the same executions of the
    /// same patterns by the same objective. It knows that each input was done by all patterns, which a
    /// belief from executions one by one does not. Tells whether it has.
    pub(in crate::cli) fn settle(&self, ranked: &mut [RankedPattern], objective: &str) -> bool {
        let none = Vec::new();
        let figures = self.verdict.figures["patterns"].as_array().unwrap_or(&none);
        let is_other = self.verdict.objective != objective || figures.len() != ranked.len();
        if is_other || self.is_amended {
            return false;
        }

        let mut settled = Vec::new();
        for one in ranked.iter() {
            let own = figures.iter().find(|own| own["pattern"] == one.pattern.as_str());
            let own = own.filter(|own| evidence(own) == Some(one.cell.n));
            let Some((score, interval)) = own.and_then(score) else { return false };
            settled.push((score, interval, self.chance(one.pattern.as_str(), ranked.len())));
        }

        for (one, (score, interval, chance)) in ranked.iter_mut().zip(settled) {
            one.score = score;
            one.interval = interval;
            one.best = chance.or(one.best);
        }
        policy::order(ranked);
        true
    }

    /// Returns the chance that a pattern is the better one of two.
    fn chance(&self, pattern: &str, count: usize) -> Option<f64> {
        let likely = &self.verdict.figures["likely"];
        let chance = likely["chance"].as_f64().filter(|_| count == 2)?;
        Some(if likely["pattern"] == pattern { chance } else { 1.0 - chance })
    }
}

/// Returns how many executions of a pattern were recorded: what called no model gives the same again, which
/// counts once for each input.
fn evidence(figures: &Value) -> Option<u64> {
    let is_silent = figures["calls"].as_u64() == Some(0);
    figures[if is_silent { "n" } else { "executions" }].as_u64()
}

fn score(figures: &Value) -> Option<(f64, Interval)> {
    let low = figures["interval"][0].as_f64()?;
    let high = figures["interval"][1].as_f64()?;
    Some((figures["score"].as_f64()?, Interval { low, high }))
}
