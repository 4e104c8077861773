//! What is taken for true, one time through a planned script, where only a run can tell.

use std::time::Duration;

/// Something that only a run can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unknown {
    /// What models answer.
    Replies,
    /// The numbers of chance, where no seed was given.
    Chance,
    /// How long calls take.
    Time,
    /// What pages and programs say.
    World,
    /// How many tokens calls use, where a budget bounds them.
    Size,
    /// Whether calls fail.
    Failures,
}

/// Whether calls are answered alike, as far as nothing is known of their replies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AssumedReplies {
    /// Each call gets the same guess.
    #[default]
    Alike,
    /// So many calls in a row get different guesses, then they come again.
    InTurn(usize),
    /// Each is a larger number than the one before.
    Rising,
    /// Each is a smaller number than the one before.
    Falling,
}

/// Which calls fail. A call that fails is not tried again: that it may be is said nowhere in a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AssumedFailures {
    /// None.
    #[default]
    None,
    /// All.
    All,
    /// The first few.
    First(usize),
    /// The one of this number, from 0.
    Only(usize),
    /// Every other one, beginning with the first.
    EverySecond,
}

impl AssumedFailures {
    /// Tells whether the call of this number fails, from 0.
    pub fn fails(self, call: usize) -> bool {
        match self {
            AssumedFailures::None => false,
            AssumedFailures::All => true,
            AssumedFailures::First(count) => call < count,
            AssumedFailures::Only(number) => call == number,
            AssumedFailures::EverySecond => call.is_multiple_of(2),
        }
    }
}

/// Whether calls take equally long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AssumedLag {
    /// They do.
    #[default]
    None,
    /// Of each two, the one that began first takes longer.
    First,
    /// Of each two, the one that began last takes longer.
    Last,
}

/// The numbers of chance.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum AssumedChance {
    /// They follow from the seed.
    #[default]
    Seeded,
    /// They follow from another seed.
    Other(u64),
    /// They are all the same.
    Constant(f64),
}

/// What becomes of pages and programs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AssumedWorld {
    /// Pages can be read, and programs end well.
    #[default]
    Well,
    /// Nothing can be reached or started.
    Broken,
    /// Of each two, the first cannot be reached or started.
    Flaky,
    /// Pages can be read, and programs end with a code other than 0.
    Complaining,
}

/// How many tokens calls use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AssumedSize {
    /// Hardly any.
    #[default]
    Least,
    /// As many as they can.
    Most,
}

/// What is taken for true, one time through a script.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Assumption {
    /// The numbers of chance.
    pub chance: AssumedChance,
    /// How long each call takes.
    pub pace: Duration,
    /// What becomes of pages and programs.
    pub world: AssumedWorld,
    /// How many tokens calls use.
    pub size: AssumedSize,
    /// Whether calls are answered alike.
    pub replies: AssumedReplies,
    /// Which calls fail.
    pub failures: AssumedFailures,
    /// Whether calls take equally long.
    pub lag: AssumedLag,
}

impl Assumption {
    /// Returns what it takes for true that the usual one does not.
    pub fn differs(&self) -> impl Iterator<Item = Unknown> + use<> {
        let usual = Assumption::default();
        let differences = [
            (self.chance != usual.chance, Unknown::Chance),
            (self.pace != usual.pace || self.lag != usual.lag, Unknown::Time),
            (self.world != usual.world, Unknown::World),
            (self.size != usual.size, Unknown::Size),
            (self.replies != usual.replies, Unknown::Replies),
            (self.failures != usual.failures, Unknown::Failures),
        ];

        differences.into_iter().filter(|(differs, _)| *differs).map(|(_, unknown)| unknown)
    }
}
