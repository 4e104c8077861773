//! How many calls a server takes at once, found out from how they end. Pure: whoever asks tells the
//! time.

use std::time::Duration;

/// Fewest calls after which the limit is thought over.
const WINDOW_MIN: usize = 8;
/// Most windows for which the limit stays as it is after it was too high.
const PATIENCE_MAX: u32 = 8;
/// How much longer than the fastest window's the median of a window may be for the limit to rise.
const SLOWER: u32 = 2;
/// Longest time for which a server's wish holds up other calls; what it wishes of the call itself is
/// the caller's affair.
const HOLD_MAX: Duration = Duration::from_mins(2);

/// How a call ended, as far as it tells something of the server's load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallEnd {
    /// With a reply, after this time.
    Reply(Duration),
    /// The server asked to slow down, and perhaps for how long.
    Refused(Option<Duration>),
    /// A deadline passed.
    Late,
    /// In a way that says nothing of the load.
    Other,
}

/// A change of the limit, to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitChange {
    /// Most calls at once, before.
    pub from: u32,
    /// Most calls at once, from now on.
    pub to: u32,
}

/// The limit of one server. It is lowered to the number of calls that were not refused, at most by
/// half at a time, and raised while all goes well: by one, then two, four and so on, until a call is
/// refused again; then by one, after a wait that doubles each time. After M. Allman, V. Paxson and E.
/// Blanton, "TCP Congestion Control", RFC 5681 (2009), with the count of calls in flight in the place
/// of a blind half, since a refusal tells it.
#[derive(Debug)]
pub struct Tuning {
    cap: u32,
    limit: u32,
    in_flight: u32,
    /// How often the limit was lowered. Calls that began before do not count again.
    era: u32,
    /// Times of the replies since the limit was last thought over.
    window: Vec<Duration>,
    /// Whether the limit was reached since then.
    is_reached: bool,
    /// By how much the limit rises next.
    step: u32,
    /// Windows that have to go well before it rises, and how many of them have.
    patience: u32,
    good: u32,
    /// Refusals that are owed to the last rise, and hold nobody up.
    probes: u32,
    /// The fastest median of a window.
    best: Option<Duration>,
    /// Before this time, on the monotonic clock, nothing begins.
    hold: Duration,
    /// The limit that people were told last.
    told: u32,
}

impl Tuning {
    /// Starts with as many calls at once as may ever be made.
    pub fn new(cap: u32) -> Tuning {
        Tuning {
            cap,
            limit: cap,
            in_flight: 0,
            era: 0,
            window: Vec::new(),
            is_reached: false,
            step: 1,
            patience: 1,
            good: 0,
            probes: 0,
            best: None,
            hold: Duration::ZERO,
            told: cap,
        }
    }

    /// Returns how many calls may be made at once.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// Returns how long nothing may begin, if that is so.
    pub fn hold(&self, now: Duration) -> Option<Duration> {
        self.hold.checked_sub(now).filter(|left| !left.is_zero())
    }

    /// A call begins. Gives its era, to be told at its end.
    pub fn begin(&mut self) -> u32 {
        self.in_flight += 1;
        self.is_reached |= self.in_flight >= self.limit;
        self.era
    }

    /// A call of an era ends. Gives the change of the limit, if there is one.
    pub fn end(&mut self, now: Duration, era: u32, end: CallEnd) -> Option<LimitChange> {
        self.in_flight = self.in_flight.saturating_sub(1);
        let from = self.limit;

        match end {
            CallEnd::Reply(took) => self.reply(took),
            CallEnd::Late if era == self.era => self.lower(from / 2),
            CallEnd::Late | CallEnd::Other => {}
            CallEnd::Refused(asked) => {
                match asked.filter(|asked| *asked <= HOLD_MAX) {
                    Some(_) if self.probes > 0 => self.probes -= 1,
                    Some(asked) => self.hold = self.hold.max(now + asked),
                    None => {}
                }

                // Those that are left of a burst are about as many as the server takes.
                if era == self.era {
                    self.lower(self.in_flight.clamp(from / 2, from - 1));
                } else if self.window.is_empty() && self.in_flight > 0 {
                    // None left would mean a limit on the rate, which a number in flight cannot keep.
                    self.limit = from.min(self.in_flight);
                }
            }
        }

        (self.limit != from).then_some(LimitChange { from, to: self.limit })
    }

    /// Returns a change that is worth telling, once: the limit is no longer the cap, is the cap again,
    /// or has halved or doubled since the last time. A burst of refusals is told when it is over.
    pub fn news(&mut self) -> Option<LimitChange> {
        let from = self.told;
        let to = self.limit;
        let is_much = to <= from / 2 || to / 2 >= from;

        if from == to || !(is_much || from == self.cap || to == self.cap) {
            return None;
        }

        self.told = to;
        Some(LimitChange { from, to })
    }

    fn lower(&mut self, limit: u32) {
        self.limit = limit.max(1);
        self.era += 1;

        (self.step, self.good) = (1, 0);
        self.patience = (self.patience * 2).min(PATIENCE_MAX);
        self.window.clear();
        self.is_reached = false;
    }

    fn reply(&mut self, took: Duration) {
        // Without any trouble there is nothing to find out.
        if self.limit >= self.cap {
            return;
        }

        self.window.push(took);
        if self.window.len() < WINDOW_MIN.max(usize::try_from(self.limit).unwrap_or(usize::MAX)) {
            return;
        }

        self.window.sort_unstable();
        let median = self.window[self.window.len() / 2];
        let best = self.best.map_or(median, |best| best.min(median));
        self.best = Some(best);

        // Replies differ in length, so a slow window is no proof that the limit is too high.
        if self.is_reached && median <= best * SLOWER {
            self.good += 1;
            if self.good >= self.patience {
                self.limit = self.limit.saturating_add(self.step).min(self.cap);
                self.probes = self.step;
                // What has gone well once is done twice as boldly.
                (self.good, self.patience) = (0, if self.step > 1 { 1 } else { self.patience });
                self.step *= 2;
            }
        }

        self.window.clear();
        self.is_reached = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);
    const FAST: CallEnd = CallEnd::Reply(Duration::from_millis(100));

    fn burst(tuning: &mut Tuning, count: u32) -> Vec<u32> {
        (0..count).map(|_| tuning.begin()).collect()
    }

    #[test]
    fn what_is_left_of_a_burst_is_the_limit() {
        let mut tuning = Tuning::new(1000);
        let eras = burst(&mut tuning, 64);
        for era in &eras[4..] {
            tuning.end(NOW, *era, CallEnd::Refused(None));
        }

        assert_eq!(tuning.limit(), 4);
        assert_eq!(tuning.news(), Some(LimitChange { from: 1000, to: 4 }));
        assert_eq!(tuning.news(), None);

        // They end one after the other, which says nothing of the limit.
        for era in &eras[..4] {
            tuning.end(NOW, *era, FAST);
        }
        assert_eq!(tuning.limit(), 4);
    }

    #[test]
    fn a_limit_rises_only_while_it_is_reached_and_calls_stay_fast() {
        let mut tuning = Tuning::new(1000);
        for era in burst(&mut tuning, 8) {
            tuning.end(NOW, era, CallEnd::Late);
        }

        let low = tuning.limit();
        let mut rounds = |at_once: u32, took: u64| {
            for _ in 0..200 / at_once {
                for era in burst(&mut tuning, at_once) {
                    tuning.end(NOW, era, CallEnd::Reply(Duration::from_millis(took)));
                }
            }
            tuning.limit()
        };

        assert_eq!(rounds(1, 100), low, "one at a time does not reach it");
        assert_eq!(low, 500);

        let mut tuning = Tuning::new(16);
        let era = tuning.begin();
        tuning.end(NOW, era, CallEnd::Late);
        assert_eq!(tuning.limit(), 8);
        for _ in 0..10 {
            for era in burst(&mut tuning, 16) {
                tuning.end(NOW, era, FAST);
            }
        }
        assert_eq!(tuning.limit(), 16, "never above the cap");

        let era = tuning.begin();
        tuning.end(NOW, era, CallEnd::Late);
        for _ in 0..10 {
            for era in burst(&mut tuning, 16) {
                tuning.end(NOW, era, CallEnd::Reply(Duration::from_secs(9)));
            }
        }
        assert_eq!(tuning.limit(), 8, "slow calls do not raise it");
    }

    #[test]
    fn a_refusal_counts_once_for_all_that_began_with_it() {
        let mut tuning = Tuning::new(64);
        let eras = burst(&mut tuning, 64);
        let first = tuning.end(NOW, eras[0], CallEnd::Refused(None));
        assert_eq!(first, Some(LimitChange { from: 64, to: 63 }));
        assert_eq!(tuning.end(NOW, eras[1], FAST), None);
        assert_eq!(
            tuning.end(NOW, eras[2], CallEnd::Refused(None)),
            None,
            "replies have come since"
        );

        let era = tuning.begin();
        assert_eq!(
            tuning.end(NOW, era, CallEnd::Refused(None)),
            Some(LimitChange { from: 63, to: 61 })
        );
        assert_eq!(tuning.end(NOW, eras[3], CallEnd::Other), None);

        // With few in flight the number says little, so the limit is lowered by half at most.
        for era in &eras[4..60] {
            tuning.end(NOW, *era, CallEnd::Other);
        }

        let era = tuning.begin();
        assert_eq!(
            tuning.end(NOW, era, CallEnd::Refused(None)),
            Some(LimitChange { from: 61, to: 30 })
        );
    }

    #[test]
    fn a_wish_to_wait_holds_up_everybody_unless_it_is_too_long() {
        let mut tuning = Tuning::new(64);
        let era = tuning.begin();
        tuning.end(NOW, era, CallEnd::Refused(Some(Duration::from_secs(5))));
        assert_eq!(tuning.hold(NOW + Duration::from_secs(2)), Some(Duration::from_secs(3)));
        assert_eq!(tuning.hold(NOW + Duration::from_secs(5)), None);

        let era = tuning.begin();
        tuning.end(NOW, era, CallEnd::Refused(Some(Duration::from_hours(1))));
        assert_eq!(tuning.hold(NOW + Duration::from_secs(5)), None);
    }
}
