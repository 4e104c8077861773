//! What people see while a run is under way: a live region on a terminal, one plain line per
//! finished operation elsewhere. Always on stderr.

use crate::base::count::counted;
use crate::base::id::{FlowId, OpId, OpMap, RunId};
use crate::base::secret::scrub;
use crate::base::unit::Money;
use crate::base::visible::{hanging, on_one_line, shown};
use crate::cli::app::terminal::{fitted_err, write_raw};
use crate::cli::render::bar::{style, tell};
use crate::cli::render::ended::live_line;
use crate::cli::render::paint::{self, Mood};
use crate::cli::render::sleeping::Sleeps;
use crate::cli::render::time::length;
use crate::cli::render::underway::CallUnderWay;
use crate::cli::render::{canvas, contest, plain};
use crate::executor::budget::Budget;
use crate::flow::outcome::Outcome;
use crate::journal::event::{Event, RunStatus};
use crate::journal::roster::Roster;
use crate::metrics::Metrics;
use crate::metrics::charge::{Bill, Charge};
use crate::optimizer::trial::comparison::ComparisonStanding;
use indicatif::{MultiProgress, ProgressBar};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

/// Most operations that the live region shows at once.
const SHOWN_MAX: usize = 8;
/// Operations from which a flow's successes are told together rather than one by one.
const FOLD_FROM: usize = 20;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum ProgressMode {
    /// Live on a terminal, plain elsewhere.
    Auto,
    /// A display that is redrawn in place.
    Live,
    /// One line per finished operation.
    Plain,
    /// Nothing.
    None,
}

/// What is known of an operation that is under way.
#[derive(Default)]
pub(super) struct LiveOperation {
    pub(super) name: String,
    pub(super) started_at: i64,
    pub(super) bill: Bill,
    /// Calls that ended, and replies that were known.
    pub(super) calls: u32,
    pub(super) reused: u32,
    /// Whether `max_tokens` cut its last reply, and that was accepted.
    pub(super) is_cut: bool,
    /// Its name and what it does at the moment.
    pub(super) doing: String,
    /// The call that it makes at the moment, if it makes one.
    pub(super) under_way: Option<CallUnderWay>,
    pub(super) bar: Option<ProgressBar>,
}

/// Operations of a large flow that ended well, told together.
#[derive(Default)]
struct FoldedOperations {
    count: u64,
    time: i64,
    bill: Bill,
    reused: u64,
}

/// A flow with many operations.
#[derive(Default)]
struct LargeFlow {
    /// How many of them are no parts of an expanded list.
    single: usize,
    by_name: BTreeMap<String, FoldedOperations>,
}

impl LargeFlow {
    /// Returns the name under which an operation, of that list if of any, is told with others.
    fn group(&self, list: Option<&str>) -> Option<String> {
        let all = || (self.single > FOLD_FROM).then_some("operations");
        list.or_else(all).map(str::to_owned)
    }
}

/// Shows progress, one event at a time.
pub(in crate::cli) struct Progress {
    pub(super) live: Option<MultiProgress>,
    pub(super) is_live: bool,
    pub(super) silent: bool,
    total: Option<ProgressBar>,
    pub(super) open: OpMap<LiveOperation>,
    roster: Roster,
    /// Operations under way for which there was no room.
    hidden: VecDeque<OpId>,
    /// Flows with many operations, and those that ended well, by name.
    folds: HashMap<FlowId, LargeFlow>,
    planned: u64,
    ended: u64,
    reused: u64,
    /// What the run has used, kept by the executor.
    pub(super) account: Option<Rc<Budget>>,
    pub(super) cost_max: Option<Money>,
    /// Lines about what was given up, for when the live region can be drawn again.
    late: RefCell<Vec<String>>,
    /// Their bars.
    gone: Vec<ProgressBar>,
    /// Models whose replies may be of any length, and that was said of.
    pub(super) unbounded: BTreeSet<String>,
    /// The times that it sleeps until.
    pub(super) sleeps: Sleeps,
    /// The question that stands on the last lines.
    question: RefCell<Option<String>>,
    /// How a comparison stands, in the place of its operations.
    pub(super) comparison: Option<ComparisonStanding>,
}

impl Progress {
    /// Prepares the display.
    pub(in crate::cli) fn new(mode: ProgressMode, terminal: bool) -> Progress {
        let live = mode == ProgressMode::Live || mode == ProgressMode::Auto && terminal;

        Progress {
            live: live.then(|| MultiProgress::with_draw_target(canvas::target())),
            is_live: live,
            silent: mode == ProgressMode::None,
            total: None,
            open: OpMap::default(),
            roster: Roster::default(),
            hidden: VecDeque::new(),
            folds: HashMap::new(),
            planned: 0,
            ended: 0,
            reused: 0,
            account: None,
            cost_max: None,
            late: RefCell::default(),
            gone: Vec::new(),
            unbounded: BTreeSet::new(),
            sleeps: Sleeps::default(),
            question: RefCell::default(),
            comparison: None,
        }
    }

    /// Shows what a run has used, beside the most that it may cost.
    #[must_use]
    pub(in crate::cli) fn of(self, account: Rc<Budget>, cost_max: Option<Money>) -> Progress {
        Progress { account: Some(account), cost_max, ..self }
    }

    /// Shows how a comparison stands in the place of its operations, of which there are many.
    #[must_use]
    pub(in crate::cli) fn comparing(self) -> Progress {
        let comparison = ComparisonStanding { done: 0, of: 0, scores: Vec::new() };
        Progress { comparison: Some(comparison), ..self }
    }

    /// Takes in how a comparison stands.
    pub(in crate::cli) fn stand(&mut self, standing: &ComparisonStanding) {
        self.comparison = Some(standing.clone());
        self.count();

        if !self.is_live && !self.silent && contest::is_due(standing) {
            self.say(&contest::line(standing, self.reused, &self.paid()));
        }
    }

    /// Writes a line above the live region.
    pub(in crate::cli) fn say(&self, text: &str) {
        match &self.live {
            // While a task of a script is unwound, the live region neither moves nor goes away.
            Some(_) if std::thread::panicking() => self.late.borrow_mut().push(text.to_owned()),
            _ => self.suspend(|| crate::cli::say(text)),
        }
    }

    /// Runs something that writes to the terminal, above the live region or an open question.
    pub(in crate::cli) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        if let Some(question) = &*self.question.borrow() {
            let lines = question.matches('\n').count();
            write_raw(&format!("\r\u{1b}[2K{}", "\u{1b}[1A\u{1b}[2K".repeat(lines)));
            let written = write();
            write_raw(question);
            return written;
        }

        match &self.live {
            Some(live) if self.total.is_some() => live.suspend(write),
            _ => write(),
        }
    }

    /// Puts a question on the last lines, in the place of the live region.
    pub(in crate::cli) fn open_question(&self, text: &str) {
        if let Some(live) = &self.live {
            // A region that cannot be cleared only stands above the question.
            let _ = live.clear();
            live.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }

        let question = fitted_err(&shown(&scrub(text))).into_owned();
        write_raw(&question);
        self.question.replace(Some(question));
    }

    /// Ends it, whether or not it was answered.
    pub(in crate::cli) fn close_question(&self, is_answered: bool) {
        self.question.take();
        if !is_answered {
            write_raw("\n");
        }

        if let Some(live) = &self.live {
            live.set_draw_target(canvas::target());
        }
    }

    /// Takes in an event that happened `at` (microseconds).
    pub(in crate::cli) fn see(&mut self, at: i64, event: &Event) {
        if self.silent {
            return;
        }

        self.sleeps.end_by(at);
        self.roster.see(event);
        if let Event::AttemptEnded { op, cut, .. } = event
            && let Some(open) = self.open.get_mut(op)
        {
            open.is_cut = *cut;
            if let Some(mut call) = open.under_way.take() {
                call.end();
            }
        }

        match event {
            Event::FlowStarted { flow, ops, .. } => self.plan(*flow, ops.len(), ops.len()),
            Event::Expanded { flow, ops, .. } => self.plan(*flow, ops.len(), 0),
            Event::OpStarted { op, .. } => self.start(at, *op),
            Event::AttemptStarted { op, attempt, model, .. } => {
                self.ask(*op, *attempt, model);
                self.count();
            }
            Event::AttemptEnded { op, reused: Some(_), reply: Some(_), .. } => {
                self.reused += 1;
                if let Some(open) = self.open.get_mut(op) {
                    open.reused += 1;
                }
                self.count();
            }
            Event::AttemptEnded { .. } if event.is_unmade_call() => self.count(),
            Event::AttemptEnded { op, usage, cost, failure, retry_in_ms, reused: None, .. } => {
                self.count();
                let Some(open) = self.open.get_mut(op) else { return };

                open.calls += 1;
                open.bill.add(Charge::of(*usage, *cost, failure.as_ref()));
                if let (Some(failure), Some(wait)) = (failure, retry_in_ms) {
                    self.tell_retry(*op, &failure.message, *wait);
                }
            }
            Event::OpEnded { op, flow, outcome } => self.end(at, *flow, *op, outcome),
            Event::FlowEnded { flow } => self.unfold(*flow),
            Event::SleepBegan { due, .. } => self.sleep(*due),
            // A failure that is told again is neither a call nor a reply.
            Event::AttemptEnded { reused: Some(_), reply: None, .. }
            | Event::RunStarted { .. }
            | Event::EffectEnded { .. }
            | Event::EffectBegan { .. }
            | Event::Asked { .. }
            | Event::Answered { .. }
            | Event::Suspended { .. }
            | Event::Sealed { .. }
            | Event::TimePassed { .. }
            | Event::Tried { .. }
            | Event::RequestPart { .. }
            | Event::CallRefused { .. }
            | Event::ToolStarted { .. }
            | Event::ToolEnded { .. }
            | Event::Logged { .. }
            | Event::RunEnded { .. } => {}
        }
    }

    /// Takes in that a flow has more operations, of which this many are no parts of a list.
    fn plan(&mut self, flow: FlowId, count: usize, single: usize) {
        self.planned += count as u64;
        if self.is_live && count > FOLD_FROM {
            self.folds.entry(flow).or_default().single += single;
        }
    }

    /// Returns the name of an operation, or its number if it has none.
    fn name(&self, op: OpId) -> String {
        let name = self.roster.name(op).map(|name| on_one_line(name).into_owned());
        name.unwrap_or_else(|| format!("#{}", op.0))
    }

    fn start(&mut self, at: i64, op: OpId) {
        let name = self.name(op);
        let bar = self.bar(&name);

        if bar.is_none() && self.is_live && self.comparison.is_none() {
            self.hidden.push_back(op);
        }

        self.open
            .insert(op, LiveOperation { name, started_at: at, bar, ..LiveOperation::default() });
        self.count();
    }

    /// Adds a line to the live region, if there is one and it has room.
    pub(super) fn bar(&mut self, name: &str) -> Option<ProgressBar> {
        let live = self.live.as_ref()?;
        if self.total.is_none() {
            let total = live.add(ProgressBar::new_spinner());
            total.set_style(style("{elapsed} {wide_msg}"));
            total.enable_steady_tick(Duration::from_millis(100));
            self.total = Some(total);
        }

        if self.comparison.is_some() {
            return None;
        }

        // The region shows only this many operations; the others are counted.
        if self.open.values().filter(|open| open.bar.is_some()).count() >= SHOWN_MAX {
            return None;
        }

        let total = self.total.as_ref()?;
        let bar = live.insert_before(total, ProgressBar::new_spinner());
        bar.set_style(style("  {spinner} {wide_msg} {elapsed}"));
        tell(&bar, name);
        bar.enable_steady_tick(Duration::from_millis(100));

        Some(bar)
    }

    fn ask(&mut self, op: OpId, attempt: u32, model: &str) {
        let Some(open) = self.open.get_mut(&op).filter(|_| self.is_live) else { return };
        let again = if attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
        open.doing = format!("{}  calling {}{again}", open.name, model);
        if let Some(bar) = &open.bar {
            tell(bar, &open.doing);
        }
    }

    fn tell_retry(&mut self, op: OpId, message: &str, wait_ms: u64) {
        let Some(open) = self.open.get(&op) else { return };

        match &open.bar {
            Some(bar) => {
                let message = on_one_line(message);
                tell(bar, &format!("{}  retrying in {wait_ms} ms: {message}", open.name));
            }
            None if !self.is_live => {
                self.say(&hanging(&format!("{}: {message}; retrying in {wait_ms} ms", open.name)));
            }
            None => {}
        }
    }

    /// Brings the last line of the live region up to date.
    pub(super) fn count(&self) {
        let Some(total) = &self.total else { return };
        if let Some(standing) = &self.comparison {
            let text = match standing.of {
                0 => format!("warming up  {}", self.paid()),
                _ => contest::line(standing, self.reused, &self.paid()),
            };
            return total.set_message(text);
        }

        let running = self.open.len();
        let hidden = running.saturating_sub(SHOWN_MAX);
        let mut text = format!("{} done, {running} running", self.ended);

        if hidden > 0 {
            text.push_str(&format!(" ({hidden} not shown)"));
        }

        let waiting = self.planned.saturating_sub(self.ended + running as u64);
        if waiting > 0 {
            text.push_str(&format!(", {waiting} waiting"));
        }

        if self.reused > 0 {
            text.push_str(&format!(", {} reused", self.reused));
        }

        total.set_message(format!("{text}, {}", self.spent()));
    }

    fn end(&mut self, at: i64, flow: FlowId, op: OpId, outcome: &Outcome) {
        let mut open = self.open.remove(&op).unwrap_or_default();
        if let Some(mut call) = open.under_way.take().filter(|_| !std::thread::panicking()) {
            call.end();
        }
        match open.bar.take() {
            Some(bar) if std::thread::panicking() => self.gone.push(bar),
            Some(bar) => {
                bar.finish_and_clear();
                self.uncover();
            }
            None => {}
        }

        self.ended += 1;
        self.planned = self.planned.max(self.ended);

        // What was skipped was never started, so it has no name here.
        if open.name.is_empty() {
            open.name = self.name(op);
        }

        self.count();
        if self.comparison.is_some() {
            return;
        }

        let time = if open.started_at > 0 { at - open.started_at } else { 0 };
        let is_completed = matches!(outcome, Outcome::Completed { .. });

        if !self.is_live {
            let line = plain::line(time / 1000, &open, outcome);
            return self.suspend(|| crate::cli::say_soon(&line));
        }

        let list = self.roster.list(op);
        let group = self.folds.get(&flow).and_then(|fold| fold.group(list));
        match (group, self.folds.get_mut(&flow)) {
            (Some(group), Some(fold)) if is_completed => {
                let folded = fold.by_name.entry(group).or_default();
                folded.count += 1;
                folded.time += time;
                folded.bill.append(&open.bill);
                folded.reused += u64::from(open.calls == 0 && open.reused > 0);
            }
            _ if flow.0 > 0 || !is_completed => self.say(&live_line(time, &open, outcome)),
            _ => {}
        }
    }

    /// Gives a line that has become free to an operation that had none.
    fn uncover(&mut self) {
        while let Some(op) = self.hidden.pop_front() {
            let Some(open) = self.open.get(&op) else { continue };
            let doing = if open.doing.is_empty() { &open.name } else { &open.doing }.clone();

            let bar = self.bar(&doing);
            if let Some(open) = self.open.get_mut(&op) {
                open.bar = bar;
            }
            return;
        }
    }

    /// Tells of the operations of a large flow.
    fn unfold(&mut self, flow: FlowId) {
        for (name, folded) in self.folds.remove(&flow).unwrap_or_default().by_name {
            let each = i64::try_from(folded.count).map_or(0, |count| folded.time / count.max(1));
            let mark = paint::err("✓", Mood::Good);
            let mut line = format!("  {mark} {name} ×{}  {} each", folded.count, length(each));
            if let Some(cost) = folded.bill.cost().filter(|cost| *cost != Money::ZERO) {
                line.push_str(&format!("  {cost}"));
            }

            if folded.reused > 0 {
                line.push_str(&format!("  {} reused", folded.reused));
            }

            self.say(&line);
        }
    }

    /// Says how the run ended.
    pub(in crate::cli) fn sum_up(&self, run: &RunId, status: RunStatus, metrics: &Metrics) {
        if self.silent {
            return;
        }
        #[allow(clippy::cast_possible_truncation, reason = "a time in microseconds")]
        let micros = (metrics.execution_time * 1e6) as i64;
        let calls = metrics.calls;
        let reused = metrics.reused;

        let cost = metrics.known_cost();
        let saved = metrics.known_saved();

        let line = if self.is_live {
            let cost = match cost {
                Some(cost) => cost.to_string(),
                None => format!("cost {}", metrics.cost_text()),
            };
            let calls = counted(calls, "call", "calls");
            let status = paint::err(&status.to_string(), Mood::of_status(status));
            let mut line = format!("run {run}  {status}  {}  {calls}  {cost}", length(micros));

            if reused > 0 {
                let saved = saved.map_or("an unknown cost".to_owned(), |saved| saved.to_string());
                line.push_str(&format!("  {reused} reused, saved {saved}"));
            }
            line
        } else {
            let mut line = plain::run_line(run, status, micros / 1000, calls, cost);
            if reused > 0 {
                line.push_str(&plain::reused(reused, saved));
            }
            line
        };

        crate::cli::say(&line);
    }

    /// Takes the live region away.
    pub(in crate::cli) fn close(&mut self) {
        for open in self.open.values_mut() {
            if let Some(bar) = open.bar.take() {
                bar.finish_and_clear();
            }
        }

        self.sleeps.end();
        self.gone.drain(..).for_each(|bar| bar.finish_and_clear());
        if let Some(total) = self.total.take() {
            total.finish_and_clear();
        }

        for line in self.late.take() {
            crate::cli::say(&line);
        }
    }
}
