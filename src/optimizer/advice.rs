//! What the learner advises: the patterns in their order, one of them chosen, and the reason in a
//! sentence.

use crate::base::clock::Stamp;
use crate::base::rng::Rng;
use crate::optimizer::cell::Cell;
use crate::optimizer::experience::Experience;
use crate::optimizer::learner::{Arm, Constraints};
use crate::optimizer::pattern::{Pattern, TaskType};
use crate::optimizer::policy::{self, Ranked, Recommendation, SAMPLES_MIN, without_evidence};
use crate::optimizer::stats::Interval;
use std::fmt::Write as _;

/// What the learner chooses with, besides what it knows.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Manner {
    /// Limits that a pattern has to keep.
    pub within: Constraints,
    /// Whether only the best known pattern is chosen.
    pub never_explores: bool,
}

/// Ranks patterns by what is believed of them, the best first; `cells` are the sums of those that
/// were seen on this kind of task.
pub fn standings(
    experience: &Experience,
    task: &TaskType,
    patterns: &[Pattern],
    cells: &[(Pattern, Cell)],
    manner: &Manner,
    now: Stamp,
) -> Vec<Ranked> {
    if patterns.is_empty() {
        return Vec::new();
    }
    let (learner, number, arms) = experience.of(task, patterns);
    let seen = learner.look(number, &arms, &manner.within);
    let mut ranked: Vec<Ranked> =
        patterns.iter().zip(&seen).map(|(pattern, arm)| ranked(pattern, arm, cells, now)).collect();
    policy::order(&mut ranked);
    ranked
}

fn ranked(pattern: &Pattern, arm: &Arm, cells: &[(Pattern, Cell)], now: Stamp) -> Ranked {
    let cell = cells.iter().find(|(known, _)| known == pattern);
    let cell = cell.map(|(_, cell)| cell.clone()).unwrap_or_default();
    let (low, high) = arm.interval();
    let avoided = cell.avoided_at(now);
    let (score, interval) = (arm.mean, Interval { low, high });
    Ranked { pattern: pattern.clone(), score, interval, sd: arm.sd, cell, avoided }
}

/// Chooses a pattern among those given.
pub fn advise(
    experience: &Experience,
    task: &TaskType,
    patterns: &[Pattern],
    cells: &[(Pattern, Cell)],
    manner: &Manner,
    now: Stamp,
    rng: &mut Rng,
) -> Recommendation {
    let is_avoided = |pattern: &Pattern| {
        cells.iter().any(|(known, cell)| known == pattern && cell.avoided_at(now).is_some())
    };
    let (avoided, open): (Vec<Pattern>, Vec<Pattern>) =
        patterns.iter().cloned().partition(is_avoided);
    let avoided = standings(experience, task, &avoided, cells, manner, now);
    if open.is_empty() {
        return without_evidence(task, avoided, patterns);
    }
    let (learner, number, arms) = experience.of(task, &open);
    let seen = learner.look(number, &arms, &manner.within);
    let may_explore = !manner.never_explores;
    let Some(choice) = learner.choose(number, &seen, &manner.within, may_explore, rng) else {
        return without_evidence(task, avoided, patterns);
    };
    // The odds are counted with other draws, so that telling them changes no choice.
    let odds = if may_explore {
        learner.probabilities(number, &seen, &manner.within, &mut rng.clone())
    } else {
        (0..seen.len()).map(|place| f64::from(u8::from(place == choice.best))).collect()
    };
    let (arm, best) = (seen[choice.chosen], seen[choice.best]);
    let change = experience.change(task, &open[choice.chosen]);
    let mut all: Vec<Ranked> =
        open.iter().zip(&seen).map(|(p, a)| ranked(p, a, cells, now)).collect();
    let best_pattern = all[choice.best].clone();
    let chosen = all.remove(choice.chosen);
    policy::order(&mut all);
    let explored = choice.chosen != choice.best;
    let told = Told {
        task,
        chosen: &chosen,
        arm,
        probability: odds[choice.chosen],
        best: explored.then_some(&best_pattern),
        next: all.first(),
        is_clear: !explored && all.first().is_none_or(|next| chosen.is_ahead_of(next)),
        none_feasible: choice.none_feasible,
        change,
        outage: arm.outage.min(best.outage) < 0.0,
        now,
    };
    let mut reason = told.sentence();
    for other in &avoided {
        let why = other.cell.last_error.as_ref().map_or("it failed", |(kind, _)| kind.as_str());
        // Writing to a String cannot fail.
        let _ = write!(reason, "; `{}` is avoided for now ({why})", other.pattern);
    }
    all.extend(avoided);
    Recommendation {
        pattern: chosen.pattern.clone(),
        reason,
        guess: chosen.cell.n < SAMPLES_MIN,
        probability: odds[choice.chosen],
        explored,
        ranked: Some(chosen),
        alternatives: all,
    }
}

/// What a reason is made of.
struct Told<'a> {
    task: &'a TaskType,
    chosen: &'a Ranked,
    arm: Arm,
    probability: f64,
    /// The one that seems better, if it was passed over.
    best: Option<&'a Ranked>,
    next: Option<&'a Ranked>,
    is_clear: bool,
    none_feasible: bool,
    change: Option<(f64, f64, i64)>,
    outage: bool,
    now: Stamp,
}

impl Told<'_> {
    fn sentence(&self) -> String {
        let chosen = self.chosen;
        let mut text = format!("on `{}` {}", self.task, figures(chosen));
        let borrowed = self.arm.borrowed.round();
        // Writing to a String cannot fail.
        if chosen.cell.n < 10 && borrowed >= 1.0 {
            let _ = write!(text, ", what is known from elsewhere is worth {borrowed} more");
        }
        let percent = 100.0 * self.probability;
        match (self.best, self.next) {
            (Some(best), _) => {
                let _ = write!(
                    text,
                    "; tried to learn more (probability {percent:.0} %), best so far is {}",
                    figures(best)
                );
            }
            (None, Some(next)) if self.is_clear => {
                let _ = write!(text, ", clearly ahead of {}", figures(next));
            }
            (None, Some(next)) => {
                let _ = write!(
                    text,
                    ", not distinguishable yet from {} (chosen with probability {percent:.0} %)",
                    figures(next)
                );
            }
            (None, None) => {}
        }
        if self.none_feasible {
            text.push_str("; none of them seems to keep the limits");
        }
        if self.outage {
            text.push_str("; it does worse than usual everywhere of late");
        }
        if let Some((from, to, at)) = self.change {
            let hours = (self.now.0 - at).max(0) / 3_600_000;
            let ago =
                if hours < 1 { "within the hour".to_owned() } else { format!("{hours} h ago") };
            let _ = write!(text, "; it changed from {from:.2} to {to:.2} {ago}");
        }
        if chosen.cell.n < SAMPLES_MIN {
            let _ = write!(text, "; a guess, the evidence is thin (n={})", chosen.cell.n);
        }
        text
    }
}

/// Writes what is known of a pattern.
fn figures(ranked: &Ranked) -> String {
    let cell = &ranked.cell;
    let mut text = format!(
        "`{}` scores {:.2} [{:.2}, {:.2}] (n={}",
        ranked.pattern, ranked.score, ranked.interval.low, ranked.interval.high, cell.n,
    );
    // Writing to a String cannot fail.
    if let Some(rate) = cell.success_rate() {
        let _ = write!(text, ", success {:.0} %", 100.0 * rate);
    }
    if let Some(score) = cell.score.mean() {
        let _ = write!(text, ", quality {score:.2}");
    }
    if let Some(time) = cell.time.mean() {
        let _ = write!(text, ", {time:.2} s");
    }
    if let Some(cost) = cell.cost.mean().filter(|cost| *cost > 0.0) {
        let _ = write!(text, ", ${cost:.4}");
    }
    text.push(')');
    text
}
