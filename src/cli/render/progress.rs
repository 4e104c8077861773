//! What people see while a run is under way: a live region on a terminal, one plain line per
//! finished operation elsewhere. Always on stderr.

use crate::base::id::{FlowId, OpId, RunId};
use crate::base::unit::Money;
use crate::flow::outcome::Outcome;
use crate::journal::event::{Event, Planned};
use crate::metrics::Metrics;
use crate::model::reply::Usage;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::HashMap;
use std::time::Duration;

/// Most operations that the live region shows at once.
const SHOWN_MAX: usize = 8;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum Mode {
    /// Live on a terminal, plain elsewhere.
    Auto,
    /// A region that is drawn again and again.
    Live,
    /// One line per finished operation.
    Plain,
    /// Nothing.
    None,
}

/// What is known of an operation that is under way.
#[derive(Default)]
struct Open {
    name: String,
    started_at: i64,
    usage: Usage,
    cost: Option<Money>,
    attempts: u32,
    bar: Option<ProgressBar>,
}

/// Shows progress, one event at a time.
pub(in crate::cli) struct Progress {
    live: Option<MultiProgress>,
    is_live: bool,
    silent: bool,
    total: Option<ProgressBar>,
    open: HashMap<OpId, Open>,
    names: HashMap<OpId, String>,
    ended: u64,
    cost: Money,
}

impl Progress {
    /// Prepares the display.
    pub(in crate::cli) fn new(mode: Mode, terminal: bool) -> Progress {
        let live = mode == Mode::Live || mode == Mode::Auto && terminal;
        Progress {
            live: live.then(MultiProgress::new),
            is_live: live,
            silent: mode == Mode::None,
            total: None,
            open: HashMap::new(),
            names: HashMap::new(),
            ended: 0,
            cost: Money::ZERO,
        }
    }

    /// Writes a line above the live region.
    pub(in crate::cli) fn say(&self, text: &str) {
        match &self.live {
            Some(live) if self.total.is_some() => live.suspend(|| super::super::say(text)),
            _ => super::super::say(text),
        }
    }

    /// Runs something that writes to the terminal, with the live region out of its way.
    pub(in crate::cli) fn suspend(&self, write: impl FnOnce()) {
        match &self.live {
            Some(live) if self.total.is_some() => live.suspend(write),
            _ => write(),
        }
    }

    /// Takes in an event that happened `at` (microseconds).
    pub(in crate::cli) fn see(&mut self, at: i64, event: &Event) {
        if self.silent {
            return;
        }
        match event {
            Event::FlowStarted { ops, .. } | Event::Expanded { ops, .. } => self.plan(ops),
            Event::OpStarted { op, name, .. } => self.start(at, *op, name.as_deref()),
            Event::AttemptEnded { op, usage, cost, failure, retry_in_ms, .. } => {
                self.cost += cost.unwrap_or_default();
                let Some(open) = self.open.get_mut(op) else { return };
                open.attempts += 1;
                open.usage += usage.unwrap_or_default();
                if let Some(cost) = cost {
                    open.cost = Some(open.cost.unwrap_or_default() + *cost);
                }
                if let (Some(failure), Some(wait)) = (failure, retry_in_ms) {
                    let text = format!("{}: {}; again in {wait} ms", open.name, failure.message);
                    self.say(&text);
                }
            }
            Event::OpEnded { op, flow, outcome } => self.end(at, *flow, *op, outcome),
            Event::AttemptStarted { .. }
            | Event::FlowEnded { .. }
            | Event::RunStarted { .. }
            | Event::Logged { .. }
            | Event::RunEnded { .. } => {}
        }
    }

    fn plan(&mut self, ops: &[Planned]) {
        for planned in ops {
            self.names.insert(planned.op, planned.name.clone());
        }
    }

    fn start(&mut self, at: i64, op: OpId, name: Option<&str>) {
        let name = name.map(str::to_owned).or_else(|| self.names.get(&op).cloned());
        let name = name.unwrap_or_else(|| format!("#{}", op.0));
        let bar = self.bar(&name);
        self.open.insert(op, Open { name, started_at: at, bar, ..Open::default() });
    }

    /// Adds a line to the live region, if there is one and it has room.
    fn bar(&mut self, name: &str) -> Option<ProgressBar> {
        let live = self.live.as_ref()?;
        if self.total.is_none() {
            let total = live.add(ProgressBar::new_spinner());
            total.set_style(style("{elapsed} {msg}"));
            total.enable_steady_tick(Duration::from_millis(100));
            self.total = Some(total);
        }
        if self.open.values().filter(|open| open.bar.is_some()).count() >= SHOWN_MAX {
            return None;
        }
        let total = self.total.as_ref()?;
        let bar = live.insert_before(total, ProgressBar::new_spinner());
        bar.set_style(style("  {spinner} {msg}  {elapsed}"));
        bar.set_message(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        Some(bar)
    }

    fn end(&mut self, at: i64, flow: FlowId, op: OpId, outcome: &Outcome) {
        let open = self.open.remove(&op).unwrap_or_default();
        if let Some(bar) = &open.bar {
            bar.finish_and_clear();
        }
        self.ended += 1;
        let name = if open.name.is_empty() {
            self.names.get(&op).cloned().unwrap_or_else(|| format!("#{}", op.0))
        } else {
            open.name.clone()
        };
        if let Some(total) = &self.total {
            let running = self.open.len();
            total.set_message(format!("{} done, {running} running, {}", self.ended, self.cost));
        }
        let ms = if open.started_at > 0 { (at - open.started_at) / 1000 } else { 0 };
        if self.live.is_some() {
            if flow.0 > 0 || !matches!(outcome, Outcome::Completed { .. }) {
                self.say(&live_line(&name, ms, &open, outcome));
            }
        } else {
            self.say(&plain_line(&name, ms, &open, outcome));
        }
    }

    /// Says how the run ended.
    pub(in crate::cli) fn sum_up(&self, run: &RunId, status: &str, metrics: &Metrics) {
        if self.silent {
            return;
        }
        #[allow(clippy::cast_possible_truncation, reason = "a time in microseconds")]
        let micros = (metrics.execution_time * 1e6) as i64;
        let calls = metrics.calls;
        let cost = metrics.known_cost();
        if self.is_live {
            let cost = cost.map_or("cost unknown".to_owned(), |cost| cost.to_string());
            let took = super::time::length(micros);
            super::super::say(&format!("run {run}  {status}  {took}  {calls} calls  {cost}"));
        } else {
            let cost = cost.map_or("unknown".to_owned(), |cost| cost.dollars().to_string());
            let ms = micros / 1000;
            super::super::say(&format!(
                "run={run} status={status} ms={ms} calls={calls} cost={cost}"
            ));
        }
    }

    /// Takes the live region away.
    pub(in crate::cli) fn close(&mut self) {
        if let Some(total) = self.total.take() {
            total.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn live_line(name: &str, ms: i64, open: &Open, outcome: &Outcome) -> String {
    let cost = open.cost.filter(|cost| *cost != Money::ZERO);
    let cost = cost.map_or(String::new(), |cost| format!("  {cost}"));
    let time = format!("{}.{} s", ms / 1000, ms % 1000 / 100);
    match outcome {
        Outcome::Completed { .. } => format!("  ✓ {name}  {time}{cost}"),
        Outcome::Failed { failure } => format!("  ✗ {name}  {time}{cost}  {}", failure.message),
        Outcome::Skipped { reason } => format!("  - {name}  skipped because {reason}"),
        Outcome::Cancelled => format!("  - {name}  cancelled"),
    }
}

fn plain_line(name: &str, ms: i64, open: &Open, outcome: &Outcome) -> String {
    let word = match outcome {
        Outcome::Completed { .. } => "ok",
        Outcome::Failed { .. } => "failed",
        Outcome::Skipped { .. } => "skipped",
        Outcome::Cancelled => "cancelled",
    };
    let mut line = format!("op={name} status={word} ms={ms}");
    if open.attempts > 0 {
        let cost = open.cost.map_or("unknown".to_owned(), |cost| cost.dollars().to_string());
        let (input, output) = (open.usage.input(), open.usage.output());
        line.push_str(&format!(" cost={cost} tokens={input}/{output}"));
    }
    if open.attempts > 1 {
        line.push_str(&format!(" calls={}", open.attempts));
    }
    match outcome {
        Outcome::Failed { failure } => {
            line.push_str(&format!(" kind={} error={:?}", failure.kind, failure.message));
        }
        Outcome::Skipped { reason } => line.push_str(&format!(" reason={:?}", reason.to_string())),
        Outcome::Completed { .. } | Outcome::Cancelled => {}
    }
    line
}
