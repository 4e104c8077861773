//! Units: money, so that no bare number has to be guessed at.

use std::fmt;
use std::ops::{Add, AddAssign};

/// An amount of money in US dollars, kept in whole nano-dollars so that sums are exact.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(transparent)]
pub struct Money {
    nanos: u64,
}

impl Money {
    /// No money.
    pub const ZERO: Money = Money { nanos: 0 };
    /// The largest amount that can be named, in dollars. A sum may exceed it; it saturates at twice as
    /// much.
    const DOLLARS_MAX: f64 = 9e9;
    /// What a value has to be to be an amount, for errors.
    pub const WANTED: &str = "an amount in dollars from 0 up to 9000000000";

    /// Creates an amount from whole nano-dollars (1e-9 dollars).
    pub const fn from_nanos(nanos: u64) -> Money {
        Money { nanos }
    }

    /// Creates an amount from dollars, rounded to a nano-dollar; `None` unless it is at least 0 and at
    /// most the largest amount.
    pub fn from_dollars(dollars: f64) -> Option<Money> {
        (0.0..=Money::DOLLARS_MAX).contains(&dollars).then(|| Money::at_most(dollars))
    }

    /// Creates an amount from dollars, rounded to a nano-dollar; what is more than can be counted
    /// becomes the most that can.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast from a float saturates, at 0 and at the largest number"
    )]
    pub fn at_most(dollars: f64) -> Money {
        Money { nanos: (dollars * 1e9).round() as u64 }
    }

    /// Returns the amount in dollars.
    #[allow(clippy::cast_precision_loss, reason = "exact below nine million dollars")]
    pub fn dollars(self) -> f64 {
        self.nanos as f64 / 1e9
    }
}

impl Money {
    /// Returns what is left when `other` is taken away, no less than nothing.
    #[must_use]
    pub fn minus(self, other: Money) -> Money {
        Money { nanos: self.nanos.saturating_sub(other.nanos) }
    }
}

impl Add for Money {
    type Output = Money;
    fn add(self, other: Money) -> Money {
        Money { nanos: self.nanos.saturating_add(other.nanos) }
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Money) {
        *self = *self + other;
    }
}

impl fmt::Display for Money {
    /// Two significant digits below a cent, else tenths of a cent: `$0.0011`, `$1.250`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dollars = self.dollars();
        if self.nanos == 0 {
            f.write_str("$0")
        } else if dollars < 0.000_001 {
            f.write_str("<$0.000001")
        } else if dollars < 0.01 {
            let text = format!("{dollars:.6}");
            write!(f, "${}", text.trim_end_matches('0'))
        } else {
            write!(f, "${dollars:.3}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_small_sums_are_exact() {
        let cent = Money::from_dollars(0.01).expect("a cent is an amount");
        let mut total = Money::ZERO;
        for _ in 0..1_000_000 {
            total += cent;
        }
        assert_eq!(total, Money::from_dollars(10_000.0).expect("ten thousand is an amount"));
    }

    #[test]
    fn amounts_print_short() {
        let show = |d| Money::from_dollars(d).expect("an amount").to_string();
        assert_eq!(show(0.0), "$0");
        assert_eq!(show(0.0011), "$0.0011");
        assert_eq!(show(1.25), "$1.250");
        assert_eq!(show(0.000_000_4), "<$0.000001");
    }

    #[test]
    fn only_finite_amounts_from_zero_up_are_money() {
        for bad in [-0.1, -1e-12, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 9.1e9, 1e30, 1e300] {
            assert_eq!(Money::from_dollars(bad), None, "{bad}");
        }
        assert_eq!(Money::from_dollars(9e9), Some(Money::from_nanos(9_000_000_000_000_000_000)));
    }

    #[test]
    fn a_sum_that_is_too_large_saturates() {
        let most = Money::from_nanos(u64::MAX);
        assert_eq!(Money::at_most(1e300), most);
        assert_eq!(most + Money::from_nanos(1), most);
        assert_eq!(Money::ZERO.minus(Money::from_nanos(1)), Money::ZERO);
    }
}
