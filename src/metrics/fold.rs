//! Makes figures of the events of one flow, one event at a time.

use crate::base::id::{FlowId, OpId, OpMap};
use crate::flow::outcome::Outcome;
use crate::journal::event::Event;
use crate::journal::roster::Roster;
use crate::metrics::Metrics;
use crate::metrics::charge::Charge;
use crate::session::tool::Deed;
use std::collections::HashMap;

/// When one operation was under way, as far as that is known.
#[derive(Debug, Clone, Copy)]
enum Span {
    /// It is not known when it began.
    Unknown,
    /// It began then, in microseconds.
    Open(i64),
    /// It began and ended then.
    Whole(i64, i64),
}

/// The figures of a flow or a run under construction.
#[derive(Debug, Default)]
pub struct FlowFold {
    metrics: Metrics,
    /// Whether operations are forgotten when they end: a run may have any number of them.
    forgets: bool,
    first_at: Option<i64>,
    last_at: i64,
    in_flight: u64,
    roster: Roster,
    ops: OpMap<Span>,
    /// The calls under way, by the operation that makes them.
    open: OpMap<u64>,
    /// When the calls of tools that are under way began.
    tools: HashMap<Deed, i64>,
    /// Replies that were reused from other runs than those that are gone through again.
    borrowed: u64,
}

/// The figures of flows. Calls that a flow within another makes count in both: whoever runs the outer
/// one pays for them.
#[derive(Debug, Default)]
pub struct Flows(HashMap<FlowId, (FlowFold, Option<FlowId>)>);

impl Flows {
    /// Takes in one event that happened `at` (microseconds).
    pub fn add(&mut self, at: i64, event: &Event) {
        let Some(flow) = event.flow() else { return };

        if let Event::FlowStarted { within, .. } = event {
            self.0.insert(flow, (FlowFold::default(), *within));
        }

        let is_call = matches!(
            event,
            Event::AttemptStarted { .. }
                | Event::AttemptEnded { .. }
                | Event::ToolStarted { .. }
                | Event::ToolEnded { .. }
        );
        let mut next = Some(flow);
        while let Some((fold, within)) = next.and_then(|flow| self.0.get_mut(&flow)) {
            fold.add(at, event);
            next = within.filter(|_| is_call);
        }
    }

    /// Takes out the figures of a flow that is over.
    pub fn take(&mut self, flow: FlowId) -> Option<FlowFold> {
        self.0.remove(&flow).map(|(fold, _)| fold)
    }

    /// Returns the figures of every flow.
    pub fn metrics(&self) -> HashMap<FlowId, Metrics> {
        self.0.iter().map(|(flow, (fold, _))| (*flow, fold.metrics())).collect()
    }
}

impl FlowFold {
    /// Takes in all events of a run.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a (i64, Event)>) -> FlowFold {
        let mut fold = FlowFold::default();
        for (at, event) in events {
            fold.add(*at, event);
        }
        fold
    }

    /// Creates the figures of a whole run, which do without its critical path.
    pub fn of_run() -> FlowFold {
        FlowFold { forgets: true, ..FlowFold::default() }
    }

    /// Takes in one event that happened `at` (microseconds).
    pub fn add(&mut self, at: i64, event: &Event) {
        self.first_at.get_or_insert(at);
        self.last_at = self.last_at.max(at);
        if !self.forgets {
            self.roster.see(event);
        }

        self.note_reply(event);
        match event {
            Event::OpStarted { op, .. } => {
                self.ops.insert(*op, Span::Open(at));
                self.in_flight += 1;
                self.metrics.max_in_flight = self.metrics.max_in_flight.max(self.in_flight);
            }
            // A failure that is told again was counted by the run that it happened in.
            Event::AttemptEnded { op, reused: Some(_), reply: None, again, .. }
                if self.is_reuse(*again) =>
            {
                self.end_call(*op);
            }
            Event::AttemptEnded { op, reused: Some(_), demo, cost, again, .. }
                if self.is_reuse(*again) =>
            {
                self.end_call(*op);
                self.metrics.reused += 1;
                self.borrowed += u64::from(!again);
                self.metrics.demo_replies += u64::from(*demo);
                self.metrics.saved += cost.unwrap_or_default();
                self.metrics.saved_unknown += u64::from(cost.is_none());
            }
            Event::AttemptEnded { op, .. } if event.is_unmade_call() => self.end_call(*op),
            Event::AttemptEnded { op, demo, usage, cost, failure, retry_in_ms, .. } => {
                self.end_call(*op);
                self.metrics.calls += 1;
                self.metrics.demo_calls += u64::from(*demo);
                self.metrics.demo_replies += u64::from(*demo);
                self.metrics.retries += u64::from(retry_in_ms.is_some());

                self.charge(Charge::of(*usage, *cost, failure.as_ref()));
            }
            Event::OpEnded { op, outcome, .. } => self.end(at, *op, outcome),
            Event::ToolStarted { deed, .. } => {
                self.tools.insert(deed.clone(), at);
            }
            Event::ToolEnded { deed, failure, .. } => self.end_tool(at, deed, failure.is_some()),
            Event::AttemptStarted { op, model, repair, step, .. } => {
                self.metrics.repairs += u64::from(*repair);
                self.metrics.steps += u64::from(*step > 0);
                *self.open.entry(*op).or_default() += 1;
                if !self.metrics.models.contains(model) {
                    self.metrics.models.insert(model.clone());
                }
            }
            Event::FlowStarted { .. }
            | Event::Expanded { .. }
            | Event::FlowEnded { .. }
            | Event::RunStarted { .. }
            | Event::EffectEnded { .. }
            | Event::EffectBegan { .. }
            | Event::Asked { .. }
            | Event::Answered { .. }
            | Event::SleepBegan { .. }
            | Event::Suspended { .. }
            | Event::Sealed { .. }
            | Event::TimePassed { .. }
            | Event::Tried { .. }
            | Event::RequestPart { .. }
            | Event::CallRefused { .. }
            | Event::Logged { .. }
            | Event::RunEnded { .. } => {}
        }
    }

    /// Tells whether a reply that the journal marks as reused counts as reused. A flow of a resumed run counts
    /// the calls before the interruption as its own; the figures of the run as a whole do not.
    fn is_reuse(&self, again: bool) -> bool {
        !again || self.forgets
    }

    /// Returns how many replies were reused that were not got in the recorded run.
    pub fn borrowed(&self) -> u64 {
        self.borrowed
    }

    /// Returns how many replies were reused.
    pub fn reused(&self) -> u64 {
        self.metrics.reused
    }

    /// Returns how many replies came from the demo model, now or when they were first given.
    pub fn demo_replies(&self) -> u64 {
        self.metrics.demo_replies
    }

    /// Returns the figures.
    #[allow(clippy::cast_precision_loss, reason = "microseconds of a run fit a double exactly")]
    pub fn metrics(&self) -> Metrics {
        let mut metrics = self.metrics.clone();
        let first = self.first_at.unwrap_or(self.last_at);
        metrics.execution_time = (self.last_at - first) as f64 / 1e6;
        let (chain, micros) = self.critical_chain();
        let name = |op: OpId| self.roster.name(op).unwrap_or_default().to_owned();
        metrics.critical_path = (chain.into_iter().map(name).collect(), micros as f64 / 1e6);
        metrics.under_way = self.open.values().sum();

        metrics
    }

    /// Returns the chain of dependent operations with the longest sum of times, in order, and that sum in
    /// microseconds.
    pub fn critical_chain(&self) -> (Vec<OpId>, i64) {
        // An operation ends after everything it waits for, so one pass in order of the ends is enough.
        let mut ended: Vec<(i64, OpId, i64)> = self
            .ops
            .iter()
            .filter_map(|(op, span)| match span {
                Span::Whole(start, end) => Some((*end, *op, end - start)),
                Span::Unknown | Span::Open(_) => None,
            })
            .collect();
        ended.sort_by_key(|(end, op, _)| (*end, *op));

        let mut best: OpMap<(i64, Option<OpId>)> = OpMap::default();
        best.reserve(ended.len());
        for (_, op, time) in &ended {
            let after = self.roster.get(*op).map_or(&[][..], |member| member.after);
            let longest = after
                .iter()
                .filter_map(|before| best.get(before).map(|(sum, _)| (*sum, *before)))
                .max();
            let before = longest.map_or(0, |(sum, _)| sum);
            best.insert(*op, (before + time, longest.map(|(_, before)| before)));
        }

        // Of equal sums, the operation with the lowest number counts.
        let last = best.iter().max_by_key(|(op, (sum, _))| (*sum, std::cmp::Reverse(**op)));
        let Some((mut op, (total, _))) = last else { return (Vec::new(), 0) };

        let mut chain = vec![*op];
        while let Some((_, Some(before))) = best.get(op) {
            chain.push(*before);
            op = before;
        }

        chain.reverse();
        (chain, *total)
    }

    fn charge(&mut self, charge: Charge) {
        self.metrics.usage += charge.usage.unwrap_or_default();
        self.metrics.usage_unknown += u64::from(charge.usage.is_none());
        self.metrics.cost += charge.cost.unwrap_or_default();
        self.metrics.cost_unknown += u64::from(charge.cost.is_none());
    }

    /// Takes in what was mended of a reply, and whether it was cut.
    fn note_reply(&mut self, event: &Event) {
        match event {
            Event::AttemptEnded { op, mended, cut, .. } => {
                self.metrics.mended += u64::from(!mended.is_empty());
                self.metrics.cut += u64::from(*cut);
                if *cut && !self.forgets {
                    self.metrics.cut_operations.insert(*op);
                }
            }
            // The answer that was cut is not the one that counts in the end.
            Event::AttemptStarted { op, repair: true, .. } => {
                self.metrics.cut_operations.remove(op);
            }
            _ => {}
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "microseconds of a run fit a double exactly")]
    fn end_tool(&mut self, at: i64, deed: &Deed, has_failed: bool) {
        self.metrics.tool_calls += 1;
        self.metrics.tool_errors += u64::from(has_failed);

        if let Some(started) = self.tools.remove(deed) {
            self.metrics.tool_time += (at - started) as f64 / 1e6;
        }
    }

    fn end_call(&mut self, op: OpId) {
        if let Some(open) = self.open.get_mut(&op) {
            *open = open.saturating_sub(1);
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "microseconds of a run fit a double exactly")]
    fn end(&mut self, at: i64, op: OpId, outcome: &Outcome) {
        match outcome {
            Outcome::Completed { .. } => self.metrics.completed += 1,
            Outcome::Failed { .. } => self.metrics.failed += 1,
            Outcome::Skipped { reason } if reason.is_decision() => {
                self.metrics.skipped_by_decision += 1;
            }
            Outcome::Skipped { .. } => self.metrics.skipped += 1,
            Outcome::Cancelled => self.metrics.cancelled += 1,
        }

        // A call that was found to have no reply has a start and no end; it is not under way.
        self.open.remove(&op);
        let span = self.ops.entry(op).or_insert(Span::Unknown);

        if let Span::Open(started) = *span {
            *span = Span::Whole(started, at);
            self.metrics.op_time += (at - started) as f64 / 1e6;
            self.in_flight = self.in_flight.saturating_sub(1);
        }

        if self.forgets {
            self.ops.remove(&op);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::failure::{Failure, Kind};
    use crate::base::unit::Money;
    use crate::flow::outcome::SkipReason;
    use crate::journal::event::PlannedOp;
    use crate::model::reply::Usage;
    use serde_json::Value;

    const FLOW: FlowId = FlowId(1);

    fn planned(op: u32, name: &str, after: &[u32]) -> PlannedOp {
        let after = after.iter().map(|op| OpId(*op)).collect();
        PlannedOp { op: OpId(op), name: name.into(), kind: "call".into(), after }
    }

    fn start(op: u32) -> Event {
        Event::OpStarted { flow: FLOW, op: OpId(op), name: None }
    }

    fn end(op: u32, outcome: Outcome) -> Event {
        Event::OpEnded { flow: FLOW, op: OpId(op), outcome }
    }

    fn completed(op: u32) -> Event {
        end(op, Outcome::Completed { value: Value::Null })
    }

    fn fold(ops: Vec<PlannedOp>, events: Vec<(i64, Event)>) -> Metrics {
        let mut fold = FlowFold::default();

        let name = "g".to_owned();
        fold.add(
            0,
            &Event::FlowStarted {
                flow: FLOW,
                name,
                ops: ops.into(),
                max_concurrent: 9,
                within: None,
                at: None,
            },
        );

        for (at, event) in events {
            fold.add(at * 1_000_000, &event);
        }

        fold.metrics()
    }

    #[test]
    fn two_parallel_operations_and_a_join() {
        let ops = vec![planned(0, "a", &[]), planned(1, "b", &[]), planned(2, "c", &[0, 1])];
        let metrics = fold(
            ops,
            vec![
                (0, start(0)),
                (0, start(1)),
                (1, completed(0)),
                (3, completed(1)),
                (3, start(2)),
                (4, completed(2)),
            ],
        );

        assert_eq!(metrics.execution_time, 4.0);
        assert_eq!(metrics.op_time, 5.0);
        assert_eq!(metrics.speedup(), Some(1.25));
        assert_eq!(metrics.throughput(), Some(0.75));
        assert_eq!(metrics.max_in_flight, 2);
        assert_eq!(metrics.critical_path, (vec!["b".to_owned(), "c".to_owned()], 4.0));
    }

    #[test]
    fn c1_failures_and_skips_lower_the_success_rate() {
        let ops = vec![planned(0, "a", &[]), planned(1, "b", &[0])];
        let failure = Failure::new(Kind::BadRequest, "no");
        let reason = SkipReason::Failed { op: "a".into() };
        let metrics = fold(
            ops,
            vec![
                (0, start(0)),
                (1, end(0, Outcome::Failed { failure })),
                (1, end(1, Outcome::Skipped { reason })),
            ],
        );

        assert_eq!(metrics.success_rate(), Some(0.0));
        assert_eq!((metrics.completed, metrics.failed, metrics.skipped), (0, 1, 1));
    }

    #[test]
    fn a_call_within_counts_in_every_flow_around_it() {
        let mut flows = Flows::default();
        for (flow, within) in [(1, None), (2, Some(FlowId(1))), (3, Some(FlowId(2))), (4, None)] {
            let name = "g".to_owned();
            let ops = Vec::new().into();
            let flow = FlowId(flow);
            flows.add(
                0,
                &Event::FlowStarted { flow, name, ops, max_concurrent: 1, within, at: None },
            );
        }

        let called = Event::AttemptEnded {
            flow: FlowId(3),
            op: OpId(1),
            attempt: 1,
            demo: false,
            reused: None,
            again: false,
            reply: None,
            cut: false,
            calls: Vec::new(),
            opaque: Vec::new(),
            usage: None,
            cost: None,
            served_by: None,
            failure: None,
            retry_in_ms: None,
            mended: Vec::new(),
        };

        flows.add(1, &called);
        let calls = |flow| flows.metrics()[&FlowId(flow)].calls;
        assert_eq!([calls(1), calls(2), calls(3), calls(4)], [1, 1, 1, 0]);
    }

    fn asks(op: u32) -> Event {
        Event::AttemptStarted {
            flow: FLOW,
            op: OpId(op),
            attempt: 1,
            model: "m".into(),
            demo: false,
            prompt: String::new(),
            history: 0,
            newest: None,
            key: None,
            sample: 0,
            at: None,
            before: None,
            terms: None,
            repair: false,
            step: 0,
        }
    }

    fn asked(op: u32, usage: Option<Usage>, cost: Option<Money>) -> Event {
        Event::AttemptEnded {
            flow: FLOW,
            op: OpId(op),
            attempt: 1,
            demo: false,
            again: false,
            reused: None,
            reply: None,
            cut: false,
            calls: Vec::new(),
            opaque: Vec::new(),
            usage,
            cost,
            served_by: None,
            failure: None,
            retry_in_ms: None,
            mended: Vec::new(),
        }
    }

    #[test]
    fn a_call_without_an_end_makes_tokens_and_cost_unknown() {
        let ops = || vec![planned(0, "a", &[]), planned(1, "b", &[])];
        let usage = Usage { input_uncached: 2, ..Usage::default() };
        let cost = Money::from_dollars(1.0);
        let mut events = vec![(0, start(0)), (0, asks(0)), (0, start(1)), (0, asks(1))];
        events.push((1, asked(0, Some(usage), cost)));

        let metrics = fold(ops(), events.clone());
        assert_eq!((metrics.calls, metrics.under_way), (1, 1));
        assert_eq!((metrics.known_usage(), metrics.known_cost()), (None, None));
        assert_eq!(metrics.cost_text(), "at least $1.000");

        // It ended, and said nothing.
        let mut silent = events.clone();
        silent.extend([(2, asked(1, None, None)), (2, completed(1))]);
        let metrics = fold(ops(), silent);
        assert_eq!((metrics.calls, metrics.under_way), (2, 0));
        assert_eq!((metrics.known_usage(), metrics.known_cost()), (None, None));

        // It was found to have no reply, as in a replay, so it was no call.
        events.push((2, completed(1)));
        let metrics = fold(ops(), events);
        assert_eq!((metrics.calls, metrics.under_way), (1, 0));
        assert_eq!((metrics.known_usage(), metrics.known_cost()), (Some(usage), cost));
    }

    #[test]
    fn a_call_that_was_given_up_before_it_was_made_is_none() {
        let ops = || vec![planned(0, "a", &[])];
        let given_up = |usage, cost| {
            let mut ended = asked(0, usage, cost);
            if let Event::AttemptEnded { failure, .. } = &mut ended {
                *failure = Some(Failure::new(Kind::Cancelled, "the call was cancelled"));
            }
            fold(ops(), vec![(0, start(0)), (0, asks(0)), (1, ended)])
        };

        let unmade = given_up(Some(Usage::default()), Some(Money::ZERO));
        assert_eq!((unmade.calls, unmade.under_way), (0, 0));
        assert_eq!(unmade.known_cost(), Some(Money::ZERO));

        // Its request had left.
        let made = given_up(None, None);
        assert_eq!((made.calls, made.under_way), (1, 0));
        assert_eq!(made.known_cost(), None);
    }

    #[test]
    fn c2_no_operation_divides_nothing_by_nothing() {
        let metrics = fold(vec![], vec![]);
        assert_eq!(metrics.success_rate(), None);
        assert_eq!(metrics.throughput(), None);
        assert_eq!(metrics.speedup(), None);
    }

    #[test]
    fn an_arm_not_taken_is_no_failure() {
        let ops = vec![planned(0, "a", &[]), planned(1, "b", &[0])];
        let reason = SkipReason::Condition { op: "b".into() };
        let metrics = fold(
            ops,
            vec![(0, start(0)), (1, completed(0)), (1, end(1, Outcome::Skipped { reason }))],
        );

        assert_eq!(metrics.success_rate(), Some(1.0));
        assert_eq!(metrics.skipped_by_decision, 1);
    }
}
