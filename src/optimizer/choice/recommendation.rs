//! What the learner advises: the patterns in their order, one of them chosen, and the reason in a
//! sentence. All of it is belief: what is likely by everything that was recorded. Whether one pattern is
//! better than another by a test says `compare` alone, in other words.

use crate::base::count::counted;
use crate::base::rng::Rng;
use crate::optimizer::choice::policy;
use crate::optimizer::choice::policy::{
    RankedPattern, Recommendation, SAMPLES_MIN, without_evidence,
};
use crate::optimizer::evidence::pattern::{Pattern, TaskType};
use crate::optimizer::evidence::sums::PatternSums;
use crate::optimizer::learner::synced::SyncedLearner;
use crate::optimizer::learner::{Arm, Constraints, Odds, choose, odds};
use crate::optimizer::stats::Interval;
use std::fmt::Write as _;

/// Executions from which on a reason no longer says what was borrowed.
const WELL_KNOWN: u64 = 10;

/// What the learner chooses with, besides what it knows.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Manner {
    /// Limits that a pattern has to keep.
    pub within: Constraints,
    /// Whether only the best known pattern is chosen.
    pub never_explores: bool,
}

/// Ranks patterns by what is believed of them, the best first; `cells` are the sums of those that
/// were seen for this task type.
pub fn standings(
    experience: &SyncedLearner,
    task: &TaskType,
    patterns: &[Pattern],
    cells: &[(Pattern, PatternSums)],
    manner: &Manner,
) -> Vec<RankedPattern> {
    let (learner, number, arms) = experience.of(task, patterns);
    let seen = learner.look(number, &arms, &manner.within);

    let mut ranked = ranked(experience, (task, patterns), &seen, &odds(&seen), cells);
    policy::order(&mut ranked);
    ranked
}

/// Says what is known of each pattern, in the order in which they were given.
fn ranked(
    experience: &SyncedLearner,
    (task, patterns): (&TaskType, &[Pattern]),
    seen: &[Arm],
    odds: &Odds,
    cells: &[(Pattern, PatternSums)],
) -> Vec<RankedPattern> {
    let one = |((pattern, arm), &best): ((&Pattern, &Arm), &f64)| {
        let cell = cells.iter().find(|(known, _)| known == pattern);
        let (low, high) = arm.interval();

        RankedPattern {
            pattern: pattern.clone(),
            score: arm.mean,
            interval: Interval { low, high },
            best: arm.is_known.then_some(best),
            cell: cell.map(|(_, cell)| cell.clone()).unwrap_or_default(),
            shift: experience.shift(task, pattern),
            avoided: arm.is_to_avoid((seen.len() > 1).then_some(best)),
        }
    };
    patterns.iter().zip(seen).zip(&odds.best).map(one).collect()
}

/// Chooses a pattern among those given; the one that is pinned, if there is one, as if chance had.
pub fn advise(
    experience: &SyncedLearner,
    (task, patterns): (&TaskType, &[Pattern]),
    cells: &[(Pattern, PatternSums)],
    manner: &Manner,
    pinned: Option<&Pattern>,
    rng: &mut Rng,
) -> Recommendation {
    let (learner, number, arms) = experience.of(task, patterns);
    let seen = learner.look(number, &arms, &manner.within);
    let may_explore = !manner.never_explores;
    let Some(mut choice) = choose(&seen, may_explore, rng) else {
        return without_evidence(task, patterns);
    };

    let pinned = pinned.and_then(|pinned| patterns.iter().position(|known| known == pinned));
    choice.chosen = pinned.unwrap_or(choice.chosen);
    let arm = seen[choice.chosen];
    let leader = seen[choice.best];
    let odds = odds(&seen);
    let probability = if may_explore { odds.chosen[choice.chosen] } else { 1.0 };

    let mut all = ranked(experience, (task, patterns), &seen, &odds, cells);
    // Copied before the chosen one is taken out, which moves the places.
    let best = all[choice.best].clone();
    let chosen = all.remove(choice.chosen);
    policy::order(&mut all);
    // Where nothing is known of any, none of them seems better.
    let explored = choice.chosen != choice.best && leader.is_known;
    let why = ReasonParts {
        task,
        chosen: &chosen,
        borrowed: arm.borrowed,
        probability,
        best: explored.then_some(&best),
        others: &all,
        none_feasible: choice.none_feasible,
        outage: arm.outage.min(leader.outage) < 0.0,
        all_fail: learner.all_fail(number),
    };

    Recommendation {
        pattern: chosen.pattern.clone(),
        reason: why.sentence(),
        guess: chosen.cell.n < SAMPLES_MIN,
        probability,
        explored,
        ranked: Some(chosen),
        alternatives: all,
    }
}

/// Says why a pattern was chosen, in the figures of a comparison that has seen all that is known: `run` made
/// it, and the pattern was chosen with this probability.
pub fn tested_sentence(
    task: &TaskType,
    chosen: &RankedPattern,
    others: &[RankedPattern],
    (probability, run): (f64, &str),
) -> String {
    let mut text = format!("on `{task}`, {}", policy::figures(chosen));
    let Some(next) = others.first() else { return text };
    let figures = policy::figures(next);

    // Writing to a String cannot fail.
    let _ = if next.score > chosen.score {
        let probability = percent(Some(probability));
        write!(
            text,
            "; chosen to learn more, with probability {probability}; probably the best: {figures}, \
             probability {}",
            percent(next.best)
        )
    } else {
        write!(
            text,
            "; probability of being the best: {}; next: {figures}, probability {}",
            percent(chosen.best),
            percent(next.best)
        )
    };
    let _ = write!(text, "; from the comparison in run {run}");
    text
}

/// What a reason is made of.
struct ReasonParts<'a> {
    task: &'a TaskType,
    chosen: &'a RankedPattern,
    borrowed: f64,
    probability: f64,
    /// The one that seems better, if it was passed over.
    best: Option<&'a RankedPattern>,
    others: &'a [RankedPattern],
    none_feasible: bool,
    outage: bool,
    all_fail: bool,
}

impl ReasonParts<'_> {
    fn sentence(&self) -> String {
        let chosen = self.chosen;
        let mut text = format!("on `{}`, {}", self.task, policy::figures(chosen));
        let borrowed = self.borrowed.round();

        // Writing to a String cannot fail.
        if chosen.cell.n < WELL_KNOWN && borrowed >= 1.0 && !chosen.is_unknown() {
            let _ = write!(
                text,
                ", plus evidence from other task types worth {}",
                counted(borrowed, "execution", "executions")
            );
        }

        match (self.best, self.others.first()) {
            (Some(best), _) => {
                let probability = percent(Some(self.probability));
                let _ = write!(text, "; chosen to learn more, with probability {probability}");
                text += &self.leader(best);
            }
            (None, Some(next)) if chosen.is_unknown() && next.is_unknown() => {
                text.push_str("; nor was any other");
            }
            (None, Some(_)) if chosen.is_unknown() => {
                text.push_str("; those that were tried are unlikely to meet the constraints");
            }
            (None, Some(next)) if next.is_unknown() => {
                text.push_str("; the only one that was tried");
            }
            (None, Some(next)) => text += &self.lead(next),
            (None, None) => {}
        }

        self.warnings(&mut text);
        text
    }

    /// Says which pattern seems better than the chosen one. What was never tried may be better still, so
    /// beside such a pattern no chance is named.
    fn leader(&self, best: &RankedPattern) -> String {
        let figures = policy::figures(best);
        if self.is_any_unknown() {
            format!("; probably the best of those tried: {figures}")
        } else {
            format!("; probably the best: {figures}, probability {}", percent(best.best))
        }
    }

    /// Says that the chosen pattern seems better than the next one.
    fn lead(&self, next: &RankedPattern) -> String {
        let figures = policy::figures(next);
        if self.is_any_unknown() {
            return format!("; probably the best of those tried; next: {figures}");
        }

        format!(
            "; probability of being the best: {}; next: {figures}, probability {}",
            percent(self.chosen.best),
            percent(next.best)
        )
    }

    fn is_any_unknown(&self) -> bool {
        self.chosen.is_unknown() || self.others.iter().any(RankedPattern::is_unknown)
    }

    fn warnings(&self, text: &mut String) {
        let chosen = self.chosen;

        // Writing to a String cannot fail.
        if self.none_feasible {
            text.push_str("; none of them is likely to meet the constraints");
        }
        if self.all_fail {
            text.push_str(
                "; everything currently fails on this task type, which counts against none of the \
                 patterns",
            );
        }
        if self.outage {
            text.push_str("; it has recently performed worse than usual on all task types");
        }
        if let Some(shift) = chosen.shift {
            let _ = write!(text, "; it {}", shift.sentence());
        }
        if chosen.cell.n < SAMPLES_MIN && !chosen.is_unknown() {
            let _ = write!(text, "; a guess: there is little evidence (n={})", chosen.cell.n);
        }

        for other in [chosen].into_iter().chain(self.others).filter(|one| one.avoided) {
            let why = other.cell.last_error.as_ref().map_or("it failed", |(kind, _)| kind.as_str());
            let _ = write!(text, "; avoid `{}`: it mostly fails ({why})", other.pattern);
        }
    }
}

/// Writes a chance as people read it; one that is not 0 or 1 never as if it were.
pub fn percent(chance: Option<f64>) -> String {
    match chance {
        None => "-".to_owned(),
        Some(chance) if chance < 0.005 => "< 1 %".to_owned(),
        Some(chance) if chance > 0.995 => "> 99 %".to_owned(),
        Some(chance) => format!("{:.0} %", 100.0 * chance),
    }
}
