//! In which order a comparison executes patterns on inputs. Pure: what follows from it is the same
//! however many executions run at once, and in whatever order they end.

use crate::base::rng::Rng;
use crate::base::strand::Strand;
use serde_json::Value;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

/// An input, and how often it stands in the list of inputs.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::optimizer) struct CountedInput {
    pub(in crate::optimizer) input: Value,
    pub(in crate::optimizer) times: u64,
}

/// Returns each input once, in the order in which they first appear. What is asked again on the same input
/// is no new evidence, so it counts with the first.
pub(in crate::optimizer) fn distinct(inputs: &[Value]) -> Vec<CountedInput> {
    let mut found: Vec<CountedInput> = Vec::new();
    let mut places = std::collections::HashMap::new();

    for input in inputs {
        let place = *places.entry(input.to_string()).or_insert(found.len());
        match found.get_mut(place) {
            Some(known) => known.times += 1,
            None => found.push(CountedInput { input: input.clone(), times: 1 }),
        }
    }
    found
}

/// All patterns on one input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::optimizer) enum Bout {
    /// It does not count: nothing is recorded of it.
    WarmUp(u64),
    /// It counts; the number is that of the input.
    Counted(u64),
}

impl Bout {
    /// Returns the number of its input, from 1, if it counts.
    pub(in crate::optimizer) fn number(self) -> Option<u64> {
        match self {
            Bout::WarmUp(_) => None,
            Bout::Counted(number) => Some(number + 1),
        }
    }

    /// Returns which one of all bouts it is.
    fn place(self, warm_up: u64) -> u64 {
        match self {
            Bout::WarmUp(number) => number,
            Bout::Counted(number) => number + warm_up,
        }
    }
}

/// The name of a bout is part of what the journal knows its executions by.
impl fmt::Display for Bout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bout::WarmUp(number) => write!(f, "warm-up {number}"),
            Bout::Counted(number) => write!(f, "{number}"),
        }
    }
}

/// One execution: which pattern, on which input, and which of its repeats.
#[derive(Debug, Clone)]
pub(in crate::optimizer) struct TrialStep {
    pub(in crate::optimizer) bout: Bout,
    pub(in crate::optimizer) arm: usize,
    pub(in crate::optimizer) repeat: u64,
    /// How many executions its bout has.
    pub(in crate::optimizer) of: usize,
    /// Its line of work: its address follows from the pattern, the input and the repeat alone.
    pub(in crate::optimizer) strand: Rc<Strand>,
}

/// What the order of the executions within a bout is made of.
#[derive(Debug, Clone, Copy)]
pub(in crate::optimizer) struct BoutOrder {
    /// The seed of the comparison.
    pub(in crate::optimizer) seed: u64,
    /// How many bouts warm up.
    pub(in crate::optimizer) warm_up: u64,
}

impl BoutOrder {
    /// Returns the executions of one bout: all patterns that are left, in an order of chance, for each
    /// repeat. Each input has an order of its own, which is the same when it is done again.
    pub(in crate::optimizer) fn steps(
        self,
        bout: Bout,
        live: &[bool],
        repeats: u64,
        strand: &Strand,
    ) -> VecDeque<TrialStep> {
        let place = bout.place(self.warm_up);
        let mut rng = Rng::seeded(self.seed ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let group = strand.group();

        let mut order: Vec<usize> = (0..live.len()).filter(|arm| live[*arm]).collect();
        let of = order.len() * usize::try_from(repeats).unwrap_or(usize::MAX);
        let mut steps = VecDeque::new();

        for repeat in 0..repeats {
            order.sort_unstable();
            for place in (1..order.len()).rev() {
                let other = rng.below(place as u64 + 1);
                order.swap(place, usize::try_from(other).unwrap_or(0));
            }

            let before = usize::try_from(repeat).unwrap_or(0) * live.len();
            for &arm in &order {
                let strand = strand.child(group, before + arm);
                steps.push_back(TrialStep { bout, arm, repeat, of, strand });
            }
        }
        steps
    }
}

/// Collects what executions gave, bout by bout; they come in the order in which they began.
#[derive(Debug)]
pub(in crate::optimizer) struct OpenBout<T> {
    bout: Option<Bout>,
    seen: Vec<Vec<T>>,
    left: usize,
    /// Whether an execution gave nothing.
    is_broken: bool,
}

impl<T> OpenBout<T> {
    pub(in crate::optimizer) fn new(arms: usize) -> OpenBout<T> {
        let seen = (0..arms).map(|_| Vec::new()).collect();
        OpenBout { bout: None, seen, left: 0, is_broken: false }
    }

    /// Takes in what an execution gave. Returns what all of its bout gave, by pattern, once it is whole; a
    /// bout of which an execution is missing gives nothing.
    pub(in crate::optimizer) fn take(
        &mut self,
        step: &TrialStep,
        seen: Option<T>,
    ) -> Option<Vec<Vec<T>>> {
        if self.bout != Some(step.bout) || self.is_over() {
            *self =
                OpenBout { bout: Some(step.bout), left: step.of, ..OpenBout::new(self.seen.len()) };
        }

        self.left -= 1;
        self.is_broken |= seen.is_none();
        self.seen[step.arm].extend(seen);
        let is_whole = self.is_over() && !self.is_broken;
        is_whole.then(|| self.seen.iter_mut().map(std::mem::take).collect())
    }

    /// Tells whether nothing of it is missing any more.
    pub(in crate::optimizer) fn is_over(&self) -> bool {
        self.left == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ORDER: BoutOrder = BoutOrder { seed: 7, warm_up: 1 };

    #[test]
    fn an_input_that_comes_again_counts_with_the_first() {
        let inputs = [json!(1), json!("1"), json!(1), json!({ "a": 1, "b": 2 }), json!(1)];
        let found: Vec<(Value, u64)> =
            distinct(&inputs).into_iter().map(|one| (one.input, one.times)).collect();
        assert_eq!(found, [(json!(1), 3), (json!("1"), 1), (json!({ "a": 1, "b": 2 }), 1)]);
    }

    #[test]
    fn the_address_of_an_execution_follows_from_pattern_and_repeat_alone() {
        let steps = |live: &[bool], seed| {
            let order = BoutOrder { seed, ..ORDER };
            let strand = Strand::root();
            let steps = order.steps(Bout::Counted(3), live, 2, &strand);
            let mut found: Vec<(usize, u64, String)> = steps
                .iter()
                .map(|step| (step.arm, step.repeat, step.strand.address().to_string()))
                .collect();
            found.sort();
            found
        };
        let all = steps(&[true, true, true], 1);
        assert_eq!(all, steps(&[true, true, true], 2), "chance decides only who is first");
        let without: Vec<_> = all.into_iter().filter(|(arm, ..)| *arm != 1).collect();
        assert_eq!(steps(&[true, false, true], 1), without);
    }

    #[test]
    fn a_bout_is_whole_once_all_its_executions_are_there() {
        let strand = Strand::root();
        let steps = ORDER.steps(Bout::Counted(0), &[true, false, true], 2, &strand);
        let mut open = OpenBout::new(3);
        let whole: Vec<_> = steps.iter().map(|step| open.take(step, Some(step.arm))).collect();
        let expected = Some(vec![vec![0, 0], vec![], vec![2, 2]]);
        assert_eq!(whole, [None, None, None, expected]);

        let broken: Vec<_> = steps
            .iter()
            .map(|step| open.take(step, (step.repeat > 0).then_some(step.arm)))
            .collect();
        assert_eq!(broken, [None, None, None, None]);
    }
}
