//! What is demanded of kaizen in each family, as ratios with intervals over the same instances.

use super::course::{Went, regrets};
use super::family::{FAMILIES, Family};
use super::rival::Mean;
use super::world::float;
use std::collections::BTreeMap;

/// The most regret as a share of that of the guide's formula; the least share of the possible after
/// 200 and after all choices.
const SHARES: &[(&str, f64, f64, f64)] = &[
    ("S1", 0.50, 0.94, 0.97),
    ("S2", 0.80, 0.94, 0.97),
    ("S3", 0.45, 0.94, 0.93),
    ("S4", 0.05, 0.94, 0.97),
    ("S5", 0.45, 0.0, 0.92),
    ("S5b", 1.00, 0.0, 0.0),
    ("S6", 0.10, 0.0, 0.97),
    ("S7", 0.75, 0.94, 0.97),
    ("S8", 0.10, 0.94, 0.97),
    ("S9", 0.70, 0.0, 0.0),
    ("S10", 0.60, 0.0, 0.91),
    ("S11", 0.55, 0.0, 0.91),
];
/// The most regret that 95 of 100 instances of S1 stay below, and the share of instances of a bad
/// start that have to choose the best pattern in four of five late choices.
const S1_P95: f64 = 60.0;
const LATE: f64 = 0.95;
/// The most choices that break a limit.
const BROKEN: f64 = 0.02;
/// The most changes that are told, in 1000 choices, where there are none.
const FALSE_CHANGES: f64 = 0.2;
const UNCHANGING: &[&str] = &["S1", "S2", "S4", "S8", "equal"];
/// How soon a change has to be told, in executions of the pattern, and how often at least.
const SOON: usize = 30;
const SOON_ENOUGH: f64 = 0.95;

/// What came of all policies in one family.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) family: Family,
    pub(crate) own: Vec<Went>,
    pub(crate) rivals: BTreeMap<&'static str, Vec<Went>>,
}

/// A demand, and how it was met.
#[derive(Debug)]
pub(crate) struct Demand {
    /// What is measured, in times of what is demanded: 1 is just enough.
    pub(crate) says: String,
    pub(crate) ratio: Mean,
}

impl Demand {
    /// Tells whether it is missed in the mean.
    pub(crate) fn is_missed(&self) -> bool {
        self.ratio.mean > 1.0
    }

    /// Tells whether it is missed by more than chance explains.
    pub(crate) fn is_surely_missed(&self) -> bool {
        self.ratio.mean - self.ratio.error > 1.0
    }
}

impl std::fmt::Display for Demand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Mean { mean, error } = self.ratio;
        write!(f, "{}: {mean:.2} ±{error:.2} of what is allowed", self.says)
    }
}

/// Finds a family by name.
pub(crate) fn family(name: &str) -> Family {
    *FAMILIES.iter().find(|family| family.name == name).expect("a family")
}

impl Line {
    /// Returns how the demands of the family were met.
    pub(crate) fn demands(&self) -> Vec<Demand> {
        let (name, own) = (self.family.name, regrets(&self.own));
        let mut all = Vec::new();
        let mut demand =
            |what: String, ratio| all.push(Demand { says: format!("{name}: {what}"), ratio });

        if self.family.reach.is_finite() {
            let reach = vec![self.family.reach; own.len()];
            demand(format!("regret, at most {}", self.family.reach), Mean::ratio(&own, &reach));
        }
        if let Some(thompson) = self.rivals.get("Thompson").map(|went| regrets(went))
            && thompson.iter().sum::<f64>() > 0.0
        {
            let most = self.family.against_thompson;
            let allowed: Vec<f64> = thompson.iter().map(|regret| most * regret).collect();
            demand(format!("regret, at most {most} times Thompson's"), Mean::ratio(&own, &allowed));
        }
        if let Some((_, most, at_200, at_all)) = SHARES.iter().find(|row| row.0 == name) {
            if let Some(guide) = self.rivals.get("guide").map(|went| regrets(went)) {
                let allowed: Vec<f64> = guide.iter().map(|regret| most * regret).collect();
                demand(
                    format!("regret, at most {most} of the guide's"),
                    Mean::ratio(&own, &allowed),
                );
            }
            for (place, least) in [(1, *at_200), (2, *at_all)].into_iter().filter(|l| l.1 > 0.0) {
                let lost: Vec<f64> =
                    self.own.iter().map(|went| (1.0 - went.share[place]) / (1.0 - least)).collect();
                let after = ["200", "all"][place - 1];
                demand(format!("share after {after}, at least {least}"), Mean::of(&lost));
            }
        }
        self.special(&own, &mut demand);
        all
    }

    /// Returns the changes that were told, in 1000 choices.
    pub(crate) fn changes(&self) -> Mean {
        let horizon = float(super::family::world(self.family.name, 0).horizon);
        let all: Vec<f64> =
            self.own.iter().map(|went| 1000.0 * float(went.changes.len()) / horizon).collect();
        Mean::of(&all)
    }

    /// Returns the share of instances in which the first change was not told soon.
    pub(crate) fn late_changes(&self) -> Mean {
        let is_late = |went: &Went| went.seen_after.is_none_or(|after| after > SOON);
        let late: Vec<f64> =
            self.own.iter().map(|went| f64::from(u8::from(is_late(went)))).collect();
        Mean::of(&late)
    }

    fn special(&self, own: &[f64], demand: &mut impl FnMut(String, Mean)) {
        let of = |mean: Mean, most: f64| Mean { mean: mean.mean / most, error: mean.error / most };
        if UNCHANGING.contains(&self.family.name) {
            let says = format!("changes that are none, at most {FALSE_CHANGES} in 1000");
            demand(says, of(self.changes(), FALSE_CHANGES));
        }

        match self.family.name {
            "S1" => {
                let above = own.iter().map(|regret| f64::from(u8::from(*regret > S1_P95)) / 0.05);
                let above: Vec<f64> = above.collect();
                demand(format!("regret above {S1_P95} in 5 of 100"), Mean::of(&above));
            }
            "S3" => {
                let says = format!("the change is told within {SOON} executions in {SOON_ENOUGH}");
                demand(says, of(self.late_changes(), 1.0 - SOON_ENOUGH));
            }
            "S6" => {
                let broken: Vec<f64> = self.own.iter().map(|went| went.broken / BROKEN).collect();
                demand("2 % of the choices break a limit".to_owned(), Mean::of(&broken));
            }
            "bad start" => {
                let late = self.own.iter().map(|went| f64::from(u8::from(went.best_late <= 0.8)));
                let late: Vec<f64> = late.map(|lost| lost / (1.0 - LATE)).collect();
                demand("the best is left in 5 of 100".to_owned(), Mean::of(&late));
            }
            _ => {}
        }
    }

    /// Returns the share of instances that choose the best pattern in more than four of five choices
    /// of the second half.
    pub(crate) fn late(&self) -> f64 {
        float(self.own.iter().filter(|went| went.best_late > 0.8).count()) / float(self.own.len())
    }
}
