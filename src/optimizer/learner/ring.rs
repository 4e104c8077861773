//! The newest executions of a pattern for a task type, in which a change shows.

use crate::optimizer::learner::packed::{ByteReader, Packing};
use std::collections::VecDeque;

/// How many of the newest executions are looked at, from few to all that are kept.
const WINDOWS: [usize; 7] = [4, 6, 8, 12, 16, 24, 32];
/// How many are kept.
const LENGTH: usize = 32;
/// How many executions there have to be before the newest ones.
const BEFORE: f64 = 12.0;
/// How far off, in standard errors, the newest ones have to be, and the least deviation of one execution
/// that this is counted in.
const CHANGE: f64 = 5.0;
const SD_MIN: f64 = 0.3;

/// What is kept of one execution: 1 stands for the largest number of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RingEntry {
    utility: u16,
    success: u8,
    weight: u8,
}

/// The newest executions, the oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Ring {
    newest: VecDeque<RingEntry>,
    /// Executions since the last change, as far as that matters.
    since: usize,
}

/// The newest executions, where they are off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Newest {
    /// How much they count, and their mean utility.
    pub(super) n: f64,
    pub(super) mean: f64,
    /// How many they are, and their successes.
    pub(super) tried: f64,
    pub(super) successes: f64,
    /// The mean utility of those before.
    pub(super) before: f64,
}

impl Ring {
    /// Takes in an execution.
    pub(super) fn add(&mut self, utility: f64, success: f64, weight: f64) {
        if self.newest.len() == LENGTH {
            self.newest.pop_front();
        }

        let mark =
            RingEntry { utility: part(utility), success: small(success), weight: small(weight) };
        self.newest.push_back(mark);
        self.since = (self.since + 1).min(LENGTH);
    }

    /// Says that everything before is another story.
    pub(super) fn restart(&mut self) {
        self.since = 0;
    }

    /// Returns the newest executions that differ most from those before, if they differ by more than
    /// chance explains; `n` and `sum` are the evidence of all, `sd` the deviation of one.
    pub(super) fn change(&self, n: f64, sum: f64, sd: f64) -> Option<Newest> {
        let sd = sd.max(SD_MIN);
        let mut found: Option<(f64, Newest)> = None;
        let mut weight = 0.0;
        let mut weighted = 0.0;
        let mut tried = 0.0;
        let mut successes = 0.0;

        for (place, mark) in self.newest.iter().rev().enumerate() {
            let of_one = f64::from(mark.weight) / f64::from(u8::MAX);
            weight += of_one;
            weighted += of_one * f64::from(mark.utility) / f64::from(u16::MAX);
            successes += f64::from(mark.success) / f64::from(u8::MAX);
            tried += 1.0;

            let before = n - weight;
            let is_window = WINDOWS.contains(&(place + 1)) && place < self.since;
            if !is_window || before <= BEFORE || weight <= 0.0 {
                continue;
            }
            let mean = weighted / weight;
            let rest = (sum - weighted) / before;
            let off = (mean - rest).abs() / (sd * (1.0 / weight + 1.0 / before).sqrt());
            if off > found.map_or(CHANGE, |found| found.0) {
                found = Some((off, Newest { n: weight, mean, tried, successes, before: rest }));
            }
        }

        found.map(|(_, newest)| newest)
    }

    /// Adds everything to bytes.
    pub(super) fn pack(&self, to: &mut Packing) {
        let Ring { newest, since } = self;
        to.count(newest.len() * (LENGTH + 1) + since);
        let marks = newest.iter().map(|mark| {
            let RingEntry { utility, success, weight } = *mark;
            u64::from(utility) << 16 | u64::from(success) << 8 | u64::from(weight)
        });

        let marks: Vec<u64> = marks.collect();
        for pair in marks.chunks(2) {
            to.bits(pair[0] << 32 | pair.get(1).copied().unwrap_or(0));
        }
    }

    /// Reads a ring from bytes.
    pub(super) fn unpack(from: &mut ByteReader<'_>) -> Option<Ring> {
        let both = from.below((LENGTH + 1) * (LENGTH + 1))?;
        let length = both / (LENGTH + 1);
        let since = both % (LENGTH + 1);
        let mut newest = VecDeque::with_capacity(length);

        while newest.len() < length {
            let bits = from.bits()?;
            for half in [bits >> 32, bits & u64::from(u32::MAX)] {
                let [_, _, _, _, high, low, success, weight] = half.to_be_bytes();
                let utility = u16::from_be_bytes([high, low]);
                newest.push_back(RingEntry { utility, success, weight });
            }
        }

        // There are two in one number, so the last half may be none.
        newest.truncate(length);
        Some(Ring { newest, since })
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to what 16 bits hold"
)]
fn part(number: f64) -> u16 {
    (number.clamp(0.0, 1.0) * f64::from(u16::MAX)).round() as u16
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to what 8 bits hold"
)]
fn small(number: f64) -> u8 {
    (number.clamp(0.0, 1.0) * f64::from(u8::MAX)).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    /// A ring, and the evidence in it, after executions of such utilities.
    fn after(utilities: &[f64]) -> (Ring, f64, f64) {
        let mut ring = Ring::default();
        for utility in utilities {
            ring.add(*utility, 1.0, 1.0);
        }

        let n = f64::from(u32::try_from(utilities.len()).expect("small"));
        (ring, n, utilities.iter().sum())
    }

    #[test]
    fn the_window_in_which_it_shows_most_is_found() {
        let mut utilities = vec![0.9; 40];
        utilities.extend([0.0; 6]);
        let (ring, n, sum) = after(&utilities);
        let found = ring.change(n, sum, 0.3).expect("a change");
        assert_eq!((found.n, found.mean, found.successes), (6.0, 0.0, 6.0));
        assert!((found.before - 0.9).abs() < 1e-4, "{found:?}");

        assert_eq!(ring.change(n, sum, 0.8), None, "where executions scatter that much");
        let mut calm = ring.clone();
        calm.restart();
        assert_eq!(calm.change(n, sum, 0.3), None, "it was told already");
        assert_eq!(after(&[0.9; 12]).0.change(12.0, 10.8, 0.3), None, "too little before");
    }

    #[test]
    fn what_counts_little_is_little_evidence_of_a_change() {
        let (mut ring, mut n, sum) = after(&[0.9; 40]);
        for _ in 0..8 {
            ring.add(0.0, 0.0, 0.1);
            n += 0.1;
        }
        assert_eq!(ring.change(n, sum, 0.3), None);
    }

    #[test]
    fn a_ring_comes_back_from_its_bytes() {
        let mut rng = Rng::seeded(1);
        for length in [0, 1, 2, 7, 31, 32, 33, 100] {
            let (mut kept, ..) = after(&vec![0.5; length]);
            kept.restart();
            (0..length / 3).for_each(|_| kept.add(rng.unit(), rng.unit(), rng.unit()));
            let mut packing = Packing::default();
            kept.pack(&mut packing);
            let bytes = packing.into_bytes();
            let mut packed = ByteReader::new(&bytes);
            let again = Ring::unpack(&mut packed).expect("a ring");
            assert!(packed.is_empty());
            assert_eq!((again.newest, again.since), (kept.newest, kept.since));
        }
    }
}
