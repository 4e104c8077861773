//! Typed, printable, sortable ids.

use crate::base::clock::Stamp;
use crate::base::rng::Rng;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

/// Crockford's base 32 in lower case: no letter that is mistaken for a digit.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Names one run. Later runs sort after earlier ones; 14 characters, a prefix is enough to find it.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct RunId(pub String);

impl RunId {
    /// Creates an id: 9 characters of time in milliseconds, then 5 of chance.
    pub fn fresh() -> RunId {
        let mut text = String::with_capacity(14);
        let time = u64::try_from(Stamp::now().0).unwrap_or(0);

        push_base32(&mut text, time, 9);
        push_base32(&mut text, Rng::from_entropy().next_u64(), 5);
        RunId(text)
    }

    /// Creates an id that sorts after another one, whatever the clock has done since that was made.
    pub fn after(newest: &RunId) -> RunId {
        let fresh = RunId::fresh();
        if fresh > *newest {
            return fresh;
        }

        let time = newest.0.bytes().take(9).try_fold(0_u64, |time, letter| {
            let digit = ALPHABET.iter().position(|known| *known == letter)?;
            Some((time << 5) | u64::try_from(digit).ok()?)
        });

        // What is no id of ours, or the last of all times, cannot be passed.
        let Some(time) = time.map(|time| time + 1).filter(|time| *time < 1 << 45) else {
            return fresh;
        };

        let mut text = String::with_capacity(14);
        push_base32(&mut text, time, 9);
        push_base32(&mut text, Rng::from_entropy().next_u64(), 5);

        RunId(text)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Appends the lowest `digits` base-32 digits of `value`, highest first.
fn push_base32(text: &mut String, value: u64, digits: u32) {
    for place in (0..digits).rev() {
        let digit = (value >> (5 * place)) & 31;
        text.push(char::from(ALPHABET[usize::try_from(digit).unwrap_or(0)]));
    }
}

/// Numbers one operation within its run, in the order in which operations were created.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct OpId(pub u32);

/// Things by the number of their operation.
pub type OpMap<T> = HashMap<OpId, T, BuildHasherDefault<NumberHasher>>;

/// Spreads numbers that a run gives out one after the other. Nobody can choose them, so it need not be
/// hard to foresee, and a large graph looks operations up very often.
#[derive(Debug, Clone, Copy, Default)]
pub struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        // The golden ratio, as a fraction of 2^64.
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// Numbers one flow within its run. Flow 0 is the script itself: calls made outside any graph.
#[derive(
    Default,
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(transparent)]
pub struct FlowId(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ids_are_distinct_and_14_characters() {
        let ids: std::collections::BTreeSet<RunId> = (0..100).map(|_| RunId::fresh()).collect();
        assert!(ids.len() >= 99, "5 characters of chance within a millisecond");
        assert!(ids.iter().all(|id| id.0.len() == 14));
    }
}
