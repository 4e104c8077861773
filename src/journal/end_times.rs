//! When the ends of several runs came that resume each other.

use crate::journal::past::{EndId, PastEnd};
use std::collections::HashMap;
use std::time::Duration;

/// The end of a timer.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimerEnd {
    /// Its place in the order of all ends.
    pub(super) place: u64,
    /// How long it was, in milliseconds, if it was a limit and that was noted.
    pub(super) limit_ms: Option<u64>,
}

/// Returns when each end came on the clock of the work as a whole, as far as that was noted; the oldest run
/// comes first. A run that resumes another one is told in no time what took time then: from the last such
/// end on, its clock is ahead by that.
pub(super) fn end_times<'a>(
    chain: impl Iterator<Item = &'a [PastEnd]>,
) -> HashMap<EndId, Duration> {
    let mut times: HashMap<EndId, Duration> = HashMap::new();
    for ends in chain {
        let mut ahead = Duration::ZERO;
        let noted = ends.iter().filter_map(|end| Some((&end.id, end.elapsed?)));

        for (id, elapsed) in noted {
            match times.get(id) {
                Some(then) => ahead = ahead.max(then.saturating_sub(elapsed)),
                None => drop(times.insert(id.clone(), elapsed.saturating_add(ahead))),
            }
        }
    }
    times
}
