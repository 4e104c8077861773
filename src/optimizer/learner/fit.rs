//! Bringing together what is known of patterns for all task types: what is believed of one before it
//! was seen, and what a task type tells the levels above it.

use super::{DEPTH_MAX, Learner, NOISE_SD, variance};
use std::collections::HashMap;

/// What is believed of a pattern's mean utility before anything is known, and how surely (standard
/// deviation).
pub(super) const MEAN: f64 = 0.6;
const MEAN_SD: f64 = 0.3;
/// How much a pattern is believed to differ between task types (standard deviation), and how many
/// differences that belief is worth.
pub(super) const TYPES_SD: f64 = 0.1;
const TYPES_WEIGHT: f64 = 6.0;
/// How much easier or harder than others a task type is believed to be.
pub(super) const EASE_SD: f64 = 0.05;
/// How much a pattern is believed to differ between groups.
const GROUP_SD: f64 = 0.15;

/// A level above task types: the root, or a group. For each pattern the sum of the weights of
/// the means below, and of these times the means.
#[derive(Debug, Clone, Default)]
pub(super) struct HierarchyLevel {
    pub(super) parent: Option<usize>,
    pub(super) sums: HashMap<usize, (f64, f64)>,
    /// What it has told the level above.
    pub(super) messages: HashMap<usize, (f64, f64)>,
}

/// A pattern for a task type while the task type is fitted.
struct Fit {
    arm: usize,
    /// The mean utility of its executions, and the variance of that mean.
    mean: f64,
    own: f64,
    /// What the levels above believe: mean and variance.
    above: f64,
    above_variance: f64,
    weight: f64,
}

impl Learner {
    /// Returns mean and variance of what the levels above believe of a pattern for a task type,
    /// without what the task type itself has told them.
    fn above(&self, task: usize, arm: usize) -> (f64, f64) {
        let state = &self.task_types[task];
        let own = state.cell(arm).map_or((0.0, 0.0), |cell| cell.message);

        let mut path = [0; DEPTH_MAX];
        let mut length = 0;
        let mut level = Some(state.level);
        while let Some(at) = level {
            path[length] = at;
            length += 1;
            level = self.levels[at].parent;
        }

        let mut mean = MEAN;
        let mut precision = 1.0 / MEAN_SD.powi(2);
        for (place, &at) in path[..length].iter().enumerate().rev() {
            let told = match place.checked_sub(1) {
                Some(below) => self.levels[path[below]].messages.get(&arm).copied(),
                None => Some(own),
            };
            let sum = self.levels[at].sums.get(&arm);
            let told = told.unwrap_or_default();
            let &(weight, weighted) = sum.unwrap_or(&(0.0, 0.0));
            if place + 1 < length {
                precision = 1.0 / (GROUP_SD.powi(2) + 1.0 / precision);
            }

            // What came from below is no news to it.
            let weight = (weight - told.0).max(0.0);
            let weighted = if weight > 0.0 { weighted - told.1 } else { 0.0 };
            mean = (mean * precision + weighted) / (precision + weight);
            precision += weight;
        }

        (mean, 1.0 / precision)
    }

    /// Returns mean and variance of what is believed of a pattern for a task type before the
    /// executions there are looked at.
    pub(super) fn prior(&self, task: usize, arm: usize) -> (f64, f64) {
        let (mean, variance) = self.above(task, arm);
        (mean + self.task_types[task].ease, variance + self.between)
    }

    pub(super) fn ease_variance(&self, task: usize) -> f64 {
        self.task_types[task].ease_variance
    }

    /// Fits a task type again after an execution there: how easy it is, what it tells the level
    /// above, and how much patterns differ between task types. A two-way empirical Bayes estimate in the
    /// manner of Morris, "Parametric empirical Bayes inference" (JASA 78, 1983), one row at a time.
    pub(super) fn fit(&mut self, task: usize) {
        let noise = self.noise_variance();

        let cells = self.task_types[task].cells.iter().filter(|(_, cell)| cell.is_known());
        let known: Vec<Fit> = cells
            .map(|&(arm, ref cell)| {
                let (mean, above) = self.above(task, arm);
                let own = variance(cell, noise) / cell.n;
                let weight = 1.0 / (self.between + own + above);
                Fit { arm, mean: cell.mean(), above: mean, above_variance: above, own, weight }
            })
            .collect();

        let sum: f64 = known.iter().map(|fit| fit.weight).sum();
        let scale = sum + 1.0 / EASE_SD.powi(2);
        let ease = known.iter().map(|fit| fit.weight * (fit.mean - fit.above)).sum::<f64>() / scale;
        (self.task_types[task].ease, self.task_types[task].ease_variance) = (ease, 1.0 / scale);

        for fit in &known {
            let weight = 1.0 / (self.between + fit.own);
            self.tell(task, fit.arm, (weight, weight * (fit.mean - ease)));
        }

        self.spread_of(task, &known, ease, scale);
    }

    /// Replaces what a task type tells of a pattern, all the way up.
    pub(super) fn tell(&mut self, task: usize, arm: usize, message: (f64, f64)) {
        let state = &mut self.task_types[task];
        let Some(cell) = state.cell_mut(arm) else { return };

        let before = std::mem::replace(&mut cell.message, message);
        let mut difference = (message.0 - before.0, message.1 - before.1);
        let mut at = state.level;
        loop {
            let level = &mut self.levels[at];
            let sums = level.sums.entry(arm).or_default();
            sums.0 += difference.0;
            sums.1 += difference.1;

            let Some(parent) = level.parent else { return };
            let (weight, weighted) = *sums;
            let up = if weight > 0.0 {
                let up = 1.0 / (GROUP_SD.powi(2) + 1.0 / weight);
                (up, up * weighted / weight)
            } else {
                (0.0, 0.0)
            };

            // Only what has changed since the last time goes up.
            let told = level.messages.entry(arm).or_default();
            let before = std::mem::replace(told, up);
            difference = (up.0 - before.0, up.1 - before.1);
            at = parent;
        }
    }

    /// Takes a task type's part in the estimate of how much patterns differ between task types: the residuals
    /// of its patterns, less what chance alone would give.
    fn spread_of(&mut self, task: usize, known: &[Fit], ease: f64, scale: f64) {
        let shares: Vec<(f64, f64)> =
            known.iter().map(|fit| (fit.weight / scale, fit.own + fit.above_variance)).collect();
        let squares: f64 = shares.iter().map(|(h, _)| h * h).sum();
        let chance: f64 = shares.iter().map(|(h, q)| h * h * q).sum();
        let rest: f64 = 1.0 - shares.iter().map(|(h, _)| h).sum::<f64>();

        let mut part = (0.0, 0.0);
        for (fit, (h, q)) in known.iter().zip(&shares) {
            let others = (1.0 - h).powi(2);
            let c = others + squares - h * h;
            let by_chance = others * q + chance - h * h * q + rest.powi(2) * EASE_SD.powi(2);
            let residual = fit.mean - ease - fit.above;
            let weight = fit.weight * fit.weight;
            part.0 += weight * c * (residual * residual - by_chance);
            part.1 += weight * c * c;
        }

        // Its part of the last time is replaced.
        let state = &mut self.task_types[task];
        self.spread.0 += part.0 - state.spread.0;
        self.spread.1 += part.1 - state.spread.1;
        state.spread = part;

        let believed = TYPES_WEIGHT / (TYPES_SD.powi(2) + NOISE_SD.powi(2)).powi(2);
        let estimate =
            (believed * TYPES_SD.powi(2) + self.spread.0) / (believed + self.spread.1.max(0.0));
        self.between = estimate.clamp(1e-4, 0.25);
    }
}
