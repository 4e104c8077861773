//! What is tried while a run is planned: one assumption after the other about what only the run can tell.

use crate::base::clock;
use crate::base::failure::Kind;
use crate::cli::app::rehearsals::{
    ForecastSetting, RehearsalResult, Rehearsals, SeedSource, Trial,
};
use crate::executor::replies::assumption::{
    AssumedChance, AssumedFailures, AssumedLag, AssumedReplies, AssumedSize, AssumedWorld,
    Assumption, Unknown,
};
use crate::executor::replies::guess::{EndOrder, ForcedDecisions, Guess, Words};
use crate::journal::event::Event;
use crate::metrics::rehearsal::{RunScope, Variation};
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// Numbers of chance that are tried: the extremes first.
const CHANCES: [f64; 7] = [0.0, 0.999_999, 0.5, 0.25, 0.75, 0.1, 0.9];
/// How many other seeds are tried.
const SEEDS: u64 = 6;
/// How long calls are taken to need, where no earlier run says it.
const PACES: [Duration; 4] = [
    Duration::from_millis(10),
    Duration::from_secs(1),
    Duration::from_mins(1),
    // More than any limit that people set.
    Duration::from_hours(25),
];
/// Longest time by which a call is taken to end after another one: a script may ask in each
/// millisecond of it whether that has ended.
const LAG_MAX: Duration = Duration::from_secs(1);
/// After how many calls guesses that differ come again.
const PERIODS: [usize; 3] = [2, 3, usize::MAX];
/// How many calls fail at most before the first one that does not.
const FIRST_MAX: usize = 3;
/// Of how many calls each is taken to be the only one that fails.
const ONLY_MAX: usize = 8;
/// Most tries of several things that differ at once.
const PAIRS_MAX: usize = 60;
/// How often decisions are forced at most, each time those that the time before has shown.
const FORCED_MAX: usize = 3;
/// Longest time after which such tries are still begun.
const PAIRS_TIME_MAX: Duration = Duration::from_secs(3);

/// What is assumed, one time through a script.
#[derive(Debug, Clone, Default)]
pub(super) struct TrialBasis {
    /// Which of the guesses is made in the place of replies.
    pub(super) number: usize,
    forced: ForcedDecisions,
    order: EndOrder,
    rest: Assumption,
    /// Whether every reply is asked for.
    asks_all: bool,
}

impl TrialBasis {
    /// Returns what a time through the script starts from.
    pub(super) fn trial(&self, words: &Words, limit: Duration) -> Trial {
        let guess = Guess::new(words.clone(), self.number, self.forced.clone());
        let guess = guess.ending(self.order).assuming(self.rest);
        Trial { guess, uses_known: !self.asks_all, limit }
    }

    /// Returns what is different from the usual.
    pub(super) fn differs(&self) -> BTreeSet<Variation> {
        let others = self.rest.differs().map(|unknown| match unknown {
            Unknown::Replies => Variation::Replies,
            Unknown::Chance => Variation::Chance,
            Unknown::Time => Variation::Time,
            Unknown::World => Variation::World,
            Unknown::Size => Variation::Size,
            Unknown::Failures => Variation::Failures,
        });

        let is_guess = self.number > 0 || !self.forced.decisions.is_empty();
        let replies = is_guess.then_some(Variation::Replies);
        let order = (self.order == EndOrder::Reversed).then_some(Variation::Order);
        others.chain(replies).chain(order).collect()
    }
}

/// What is yet to be tried.
pub(super) struct TrialQueue<'a> {
    setting: &'a ForecastSetting<'a>,
    /// How many texts can stand in for a reply.
    words: usize,
    queue: VecDeque<(TrialBasis, RunScope)>,
    /// Of which runs is told, and whether those ask everything.
    lanes: Vec<(RunScope, bool)>,
    /// What varies already.
    met: BTreeSet<Unknown>,
    /// How many different replies vary already.
    choices: usize,
    has_paired: bool,
    began: Duration,
    /// How often decisions were forced; `None` before that.
    forced: Option<usize>,
    has_reversed: bool,
}

impl<'a> TrialQueue<'a> {
    pub(super) fn new(setting: &'a ForecastSetting<'a>, words: usize) -> TrialQueue<'a> {
        TrialQueue {
            setting,
            words,
            queue: VecDeque::new(),
            lanes: Vec::new(),
            met: BTreeSet::new(),
            choices: 1,
            has_paired: false,
            began: clock::monotonic(),
            forced: None,
            has_reversed: false,
        }
    }

    /// Plans what comes after the first time. Returns of which runs that one told.
    pub(super) fn begin(&mut self, first: &RehearsalResult) -> RunScope {
        let is_reused =
            |event: &Event| matches!(event, Event::AttemptEnded { reused, .. } if reused.is_some());
        let has_reused = first.events.iter().any(is_reused);
        // Only who asks uses up a budget, and what is known is no evidence that a failure is sure.
        let is_apart = has_reused && (first.spares_budget || first.stopped.is_some());

        self.lanes = if is_apart {
            vec![(RunScope::Reusing, false), (RunScope::Asking, true)]
        } else {
            vec![(RunScope::Both, false)]
        };
        if is_apart {
            self.queue.push_back((
                TrialBasis { asks_all: true, ..TrialBasis::default() },
                RunScope::Asking,
            ));
        }

        self.learn(&TrialBasis::default(), first);
        self.lanes[0].0
    }

    /// Plans what follows from a time through the script.
    pub(super) fn learn(&mut self, assumed: &TrialBasis, once: &RehearsalResult) {
        let gives_up = |event: &Event| matches!(event, Event::AttemptEnded { failure: Some(failure), .. } if failure.kind == Kind::Cancelled);
        if !self.has_reversed && once.events.iter().any(gives_up) {
            // What was given up, and what had been asked by then, depends on which call ends first.
            self.has_reversed = true;
            self.push(&TrialBasis { order: EndOrder::Reversed, ..assumed.clone() });
        }

        for unknown in once.met() {
            // How replies differ says nothing before a time through the script asks for two of them.
            let is_early = *unknown == Unknown::Replies && once.asked < 2;
            if !is_early && self.met.insert(*unknown) {
                for rest in self.variations(*unknown, once.asked, assumed.rest) {
                    self.push(&TrialBasis { rest, ..assumed.clone() });
                }
            }
        }

        let choices = self.words.min(once.choices);
        for number in self.choices..choices {
            self.push(&TrialBasis { number, ..TrialBasis::default() });
        }
        self.choices = self.choices.max(choices);
    }

    /// Adds an assumption, for each kind of run of which it says something.
    fn push(&mut self, assumed: &TrialBasis) {
        let is_chance = assumed.rest.chance != AssumedChance::Seeded;
        for (scope, asks_all) in &self.lanes {
            // A run that reuses replies has the numbers of the last one.
            let has_seed = is_chance && self.setting.seed == SeedSource::LastRun;
            let scope = match scope {
                RunScope::Reusing if has_seed => continue,
                RunScope::Both if has_seed => RunScope::Asking,
                scope => *scope,
            };
            self.queue.push_back((TrialBasis { asks_all: *asks_all, ..assumed.clone() }, scope));
        }
    }

    /// Returns what else may be true of something that only a run can tell, where so many replies are
    /// not known.
    fn variations(&self, unknown: Unknown, asked: usize, usual: Assumption) -> Vec<Assumption> {
        match unknown {
            // The words see to what one reply says; a second one may differ from it.
            Unknown::Replies => {
                let periods = PERIODS.into_iter().take(asked.saturating_sub(1));
                let in_turn = periods.map(AssumedReplies::InTurn);
                let numbers = [AssumedReplies::Rising, AssumedReplies::Falling];
                in_turn.chain(numbers).map(|replies| Assumption { replies, ..usual }).collect()
            }
            Unknown::Failures => {
                let some = [AssumedFailures::All, AssumedFailures::EverySecond];
                let some = some.into_iter().take(asked);
                let first = (1..=asked.min(FIRST_MAX)).map(AssumedFailures::First);
                let only = (1..asked.min(ONLY_MAX)).map(AssumedFailures::Only);
                let all = some.chain(first).chain(only);
                all.map(|failures| Assumption { failures, ..usual }).collect()
            }
            Unknown::Chance if self.setting.seed == SeedSource::Given => Vec::new(),
            Unknown::Chance => {
                let same = CHANCES.map(AssumedChance::Constant);
                let others = (1..=SEEDS).map(AssumedChance::Other);
                same.into_iter()
                    .chain(others)
                    .map(|chance| Assumption { chance, ..usual })
                    .collect()
            }

            Unknown::Time => {
                let known = self.setting.experience.longest().map(|longest| vec![longest]);
                let paces = known.unwrap_or(PACES.to_vec());
                let longest = paces.iter().copied().filter(|pace| *pace <= LAG_MAX).max();
                let pace = longest.unwrap_or(LAG_MAX);
                let lags = [AssumedLag::First, AssumedLag::Last];
                let lags = lags.map(|lag| Assumption { pace, lag, ..usual });

                let paces = paces.into_iter().map(|pace| Assumption { pace, ..usual });
                paces.chain(lags).collect()
            }
            Unknown::World => {
                let worlds = [AssumedWorld::Broken, AssumedWorld::Flaky, AssumedWorld::Complaining];
                worlds.map(|world| Assumption { world, ..usual }).to_vec()
            }
            Unknown::Size => vec![Assumption { size: AssumedSize::Most, ..usual }],
        }
    }

    /// Takes what is tried next. When it is late, only the last few are, which nothing else shows.
    pub(super) fn next(
        &mut self,
        is_late: bool,
        tried: &mut Rehearsals<'_>,
    ) -> Option<(TrialBasis, RunScope)> {
        let took = clock::monotonic().saturating_sub(self.began);
        let is_late = is_late || self.has_paired && took > PAIRS_TIME_MAX;
        if !is_late && let Some(next) = self.queue.pop_front() {
            return Some(next);
        }
        if !is_late && !std::mem::replace(&mut self.has_paired, true) {
            self.pair();
            return self.next(is_late, tried);
        }
        if self.forced.is_none() {
            self.queue.clear();
        }
        if self.queue.is_empty() && self.forced.is_none_or(|rounds| rounds < FORCED_MAX) {
            self.forced = Some(self.forced.unwrap_or(0) + 1);
            // What is seen only behind a decision is forced in the next round.
            for (number, forced) in tried.one_sided() {
                self.push(&TrialBasis { number, forced, ..TrialBasis::default() });
            }
        }

        self.queue.pop_front()
    }

    /// Plans tries in which several things differ at once.
    fn pair(&mut self) {
        let mut kinds: Vec<Vec<TrialBasis>> = Vec::new();
        let numbers =
            (1..self.choices).map(|number| TrialBasis { number, ..TrialBasis::default() });
        kinds.push(numbers.collect());
        for unknown in self.met.clone() {
            let mut extremes = self.variations(unknown, 1, Assumption::default());
            match unknown {
                Unknown::Replies => continue,
                Unknown::Failures | Unknown::Chance => extremes.truncate(2),
                Unknown::Time => {
                    extremes.retain(|extreme| extreme.lag == AssumedLag::None);
                    // The longest.
                    extremes = extremes.split_off(extremes.len().saturating_sub(1));
                }
                Unknown::World | Unknown::Size => {}
            }
            let extremes = extremes.into_iter();
            kinds.push(extremes.map(|rest| TrialBasis { rest, ..TrialBasis::default() }).collect());
        }

        let mut pairs = Vec::new();
        for (place, some) in kinds.iter().enumerate() {
            for others in &kinds[place + 1..] {
                pairs.extend(some.iter().flat_map(|one| others.iter().map(|o| both(one, o))));
            }
        }
        for pair in pairs.iter().take(PAIRS_MAX) {
            self.push(pair);
        }
    }
}

/// Puts two assumptions together that differ from the usual in different things.
fn both(one: &TrialBasis, other: &TrialBasis) -> TrialBasis {
    let usual = Assumption::default();
    let a = one.rest;
    let b = other.rest;

    let rest = Assumption {
        chance: if a.chance == usual.chance { b.chance } else { a.chance },
        pace: a.pace.max(b.pace),
        world: if a.world == usual.world { b.world } else { a.world },
        size: if a.size == usual.size { b.size } else { a.size },
        replies: if a.replies == usual.replies { b.replies } else { a.replies },
        failures: if a.failures == usual.failures { b.failures } else { a.failures },
        lag: if a.lag == usual.lag { b.lag } else { a.lag },
    };
    TrialBasis { number: one.number.max(other.number), rest, ..TrialBasis::default() }
}
