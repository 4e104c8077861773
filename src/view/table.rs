//! The operations of a run as rows: many of one name are folded into one row, and a filter lists them one
//! by one.

use crate::base::id::{FlowId, OpId};
use crate::view::row::{OpRow, OpState, RunClock, row};
use crate::view::skeleton::{OpBones, OpEnd, Skeleton};
use serde::Serialize;
use std::collections::BTreeMap;

/// From this many operations of one name on they are one row.
const FOLD_FROM: usize = 10;
/// Most rows at once.
pub const ROWS_MAX: usize = 200;
/// Rows of a fold that are worth a look.
const WORTH_MAX: usize = 9;
/// How finely the density of a fold is told.
const BINS: usize = 160;

/// Which rows are wanted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RowQuery {
    /// Only those of a flow.
    pub flow: Option<FlowId>,
    /// Only those of a fold, one by one.
    pub fold: Option<String>,
    /// Only some of them, one by one.
    pub only: Option<OnlyRows>,
    /// Only those whose name holds a text, one by one.
    pub text: Option<String>,
    /// Only those under way between two times, in microseconds since the run's start.
    pub zoom: Option<(i64, i64)>,
    /// Only those after this one.
    pub after: Option<OpId>,
}

/// Rows that are worth a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnlyRows {
    /// Those that failed.
    Failed,
    /// Those of the chain that took longest.
    Critical,
    /// Those under way.
    Running,
}

impl OnlyRows {
    /// Reads the word for it.
    pub fn of(word: &str) -> Option<OnlyRows> {
        match word {
            "failed" => Some(OnlyRows::Failed),
            "critical" => Some(OnlyRows::Critical),
            "running" => Some(OnlyRows::Running),
            _ => None,
        }
    }
}

/// Many operations of one name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FoldRow {
    /// Their name, with `#` for numbers.
    pub fold: String,
    /// Their flow.
    pub flow: FlowId,
    /// How many they are.
    pub n: usize,
    /// How many by what became of them.
    pub by: BTreeMap<&'static str, usize>,
    /// Half took at most so long, in microseconds.
    pub p50: Option<i64>,
    /// 19 of 20 took at most so long.
    pub p95: Option<i64>,
    /// When the first began, in microseconds since the run's start.
    pub first: Option<i64>,
    /// When the last ended.
    pub last: Option<i64>,
    /// How many were under way, and how many failed, in each part of the time between.
    pub bins: Vec<(u32, u32)>,
    /// Dollars, if the cost of every call is known.
    pub cost: Option<f64>,
    /// Tokens read and written, as far as known.
    pub tokens: (u64, u64),
    /// Whether one of them is part of the chain that took longest.
    pub critical: bool,
    /// Those that failed, and the slowest.
    pub rows: Vec<OpRow>,
}

/// A row: an operation, or many.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum TableRow {
    /// One operation.
    Op(Box<OpRow>),
    /// Many of one name.
    Fold(Box<FoldRow>),
}

/// A part of the rows, and what to ask for the next part with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RowPage {
    /// The rows.
    pub rows: Vec<TableRow>,
    /// The operation after which the next part begins; `None` if this is the last part.
    pub next: Option<OpId>,
}

/// Operations of one flow that share a name, in order.
pub struct NameGroup {
    /// The flow.
    pub flow: FlowId,
    /// The name, with `#` for numbers.
    pub name: String,
    /// The operations.
    pub ops: Vec<OpId>,
}

impl NameGroup {
    /// Tells whether they are so many that they are one row.
    pub fn is_fold(&self) -> bool {
        self.ops.len() >= FOLD_FROM
    }
}

/// Groups the operations of a run by flow and name; groups are in the order of their first operations.
pub fn groups(skeleton: &Skeleton) -> Vec<NameGroup> {
    let mut places: BTreeMap<(FlowId, String), usize> = BTreeMap::new();
    let mut found: Vec<NameGroup> = Vec::new();

    for (op, bones) in &skeleton.ops {
        let name = fold_name(skeleton, *op);
        let place = *places.entry((bones.flow, name.clone())).or_insert_with(|| {
            found.push(NameGroup { flow: bones.flow, name, ops: Vec::new() });
            found.len() - 1
        });
        found[place].ops.push(*op);
    }

    found.sort_by_key(|group| group.flow);
    found
}

/// Returns the name under which operations are folded: that of their list, or their own, with `#` for each
/// number.
pub fn fold_name(skeleton: &Skeleton, op: OpId) -> String {
    let Some(name) = skeleton.roster.shown(op) else { return "#".to_owned() };
    let mut folded = String::with_capacity(name.len());
    let mut was_digit = false;

    for letter in name.chars() {
        let is_digit = letter.is_ascii_digit();
        if !is_digit {
            folded.push(letter);
        } else if !was_digit {
            folded.push('#');
        }
        was_digit = is_digit;
    }
    folded
}

/// Returns the rows of a run that are wanted.
pub fn rows(skeleton: &Skeleton, query: &RowQuery, clock: RunClock) -> RowPage {
    let is_flat = query.fold.is_some() || query.only.is_some() || query.text.is_some();
    if is_flat { flat(skeleton, query, clock) } else { folded(skeleton, query, clock) }
}

/// Lists operations one by one.
fn flat(skeleton: &Skeleton, query: &RowQuery, clock: RunClock) -> RowPage {
    let text = query.text.as_ref().map(|text| text.to_lowercase());
    let is_wanted = |op: OpId, bones: &OpBones| {
        query.flow.is_none_or(|flow| bones.flow == flow)
            && query.after.is_none_or(|after| op > after)
            && query.fold.as_ref().is_none_or(|fold| fold_name(skeleton, op) == *fold)
            && text.as_ref().is_none_or(|text| skeleton.name(op).to_lowercase().contains(text))
            && query.only.is_none_or(|only| is_only(skeleton, op, bones, only))
            && is_in_view(skeleton, bones, query, clock)
    };

    let mut ops: Vec<OpId> = skeleton
        .ops
        .iter()
        .filter(|(op, bones)| is_wanted(**op, bones))
        .map(|(op, _)| *op)
        .take(ROWS_MAX + 1)
        .collect();
    let has_more = ops.len() > ROWS_MAX;
    ops.truncate(ROWS_MAX);

    let next = ops.last().copied().filter(|_| has_more);
    let rows = ops.into_iter().filter_map(|op| row(skeleton, op, clock));
    RowPage { rows: rows.map(|row| TableRow::Op(Box::new(row))).collect(), next }
}

fn is_only(skeleton: &Skeleton, op: OpId, bones: &OpBones, only: OnlyRows) -> bool {
    match only {
        OnlyRows::Failed => matches!(bones.outcome, Some(OpEnd::Failed(_))),
        OnlyRows::Critical => skeleton.is_critical(op),
        OnlyRows::Running => bones.started.is_some() && bones.ended.is_none(),
    }
}

fn is_in_view(skeleton: &Skeleton, bones: &OpBones, query: &RowQuery, clock: RunClock) -> bool {
    let Some((from, to)) = query.zoom else { return true };
    let Some(began) = bones.started else { return false };
    let end = bones.ended.map_or(clock.now, |(at, _)| at);
    end - skeleton.first_at >= from && began - skeleton.first_at <= to
}

/// Lists operations, many of one name as one row.
fn folded(skeleton: &Skeleton, query: &RowQuery, clock: RunClock) -> RowPage {
    let mut items: Vec<(OpId, Option<NameGroup>)> = Vec::new();
    for mut group in groups(skeleton) {
        if query.flow.is_some_and(|flow| flow != group.flow) {
            continue;
        }

        group.ops.retain(|op| is_in_view(skeleton, &skeleton.ops[op], query, clock));
        let Some(first) = group.ops.first().copied() else { continue };
        if group.is_fold() {
            items.push((first, Some(group)));
        } else {
            items.extend(group.ops.into_iter().map(|op| (op, None)));
        }
    }

    items.sort_by_key(|(op, _)| (skeleton.ops[op].flow, *op));
    let start = query.after.map_or(0, |after| {
        items.iter().position(|(op, _)| *op == after).map_or(items.len(), |place| place + 1)
    });
    let has_more = items.len() > start + ROWS_MAX;
    let shown: Vec<_> = items.into_iter().skip(start).take(ROWS_MAX).collect();

    let next = shown.last().map(|(op, _)| *op).filter(|_| has_more);
    let made = shown.into_iter().filter_map(|(op, group)| match group {
        Some(group) => Some(TableRow::Fold(Box::new(fold(skeleton, &group, clock)))),
        None => row(skeleton, op, clock).map(|row| TableRow::Op(Box::new(row))),
    });
    RowPage { rows: made.collect(), next }
}

/// Makes one row of many operations.
pub fn fold(skeleton: &Skeleton, group: &NameGroup, clock: RunClock) -> FoldRow {
    let all = || group.ops.iter().map(|op| (*op, &skeleton.ops[op]));
    let mut by: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut times: Vec<i64> = Vec::new();
    let mut cost = Some(crate::base::unit::Money::ZERO);
    let mut tokens = (0_u64, 0_u64);

    for (_, bones) in all() {
        *by.entry(OpState::of(bones, clock.state).word()).or_default() += 1;
        times.extend(bones.took());

        let bill = bones.bill();
        cost = cost.and_then(|sum| Some(sum + bill.cost()?)).filter(|_| !bones.is_calling());
        let usage = bill.usage().unwrap_or_default();
        tokens.0 = tokens.0.saturating_add(usage.input());
        tokens.1 = tokens.1.saturating_add(usage.output());
    }

    let first = all().filter_map(|(_, bones)| bones.started).min();
    let ends = all().filter(|(_, bones)| bones.started.is_some());
    let last = ends.map(|(_, bones)| bones.ended.map_or(clock.now, |(at, _)| at)).max();
    times.sort_unstable();

    FoldRow {
        fold: group.name.clone(),
        flow: group.flow,
        n: group.ops.len(),
        by,
        p50: percentile(&times, 50),
        p95: percentile(&times, 95),
        first: first.map(|at| at - skeleton.first_at),
        last: last.map(|at| at - skeleton.first_at),
        bins: first
            .zip(last)
            .map_or_else(Vec::new, |span| bins(all().map(|(_, b)| b), span, clock)),
        cost: cost.map(crate::base::unit::Money::dollars),
        tokens,
        critical: group.ops.iter().any(|op| skeleton.is_critical(*op)),
        rows: worth(skeleton, group, clock),
    }
}

/// Returns the value that this many in a hundred do not exceed.
fn percentile(sorted: &[i64], percent: usize) -> Option<i64> {
    let place = (sorted.len() * percent).div_ceil(100).checked_sub(1)?;
    sorted.get(place).copied()
}

/// Counts how many were under way, and how many failed, in each part of a span of time.
fn bins<'a>(
    all: impl Iterator<Item = &'a OpBones>,
    (first, last): (i64, i64),
    clock: RunClock,
) -> Vec<(u32, u32)> {
    let mut changes = vec![0_i32; BINS + 1];
    let mut failed = vec![0_u32; BINS];

    for bones in all {
        let Some(began) = bones.started else { continue };
        let end = bones.ended.map_or(clock.now, |(at, _)| at);
        changes[place(began, (first, last), BINS)] += 1;
        changes[place(end, (first, last), BINS) + 1] -= 1;
        if matches!(bones.outcome, Some(OpEnd::Failed(_))) {
            failed[place(end, (first, last), BINS)] += 1;
        }
    }

    let mut now = 0_i32;
    let mut found = Vec::with_capacity(BINS);
    for (change, failed) in changes.into_iter().zip(failed) {
        now += change;
        found.push((now.unsigned_abs(), failed));
    }
    found
}

/// Returns the part of a span that a time falls into.
pub fn place(at: i64, (first, last): (i64, i64), parts: usize) -> usize {
    let width = (last - first).max(1);
    let parts_wide = i64::try_from(parts).unwrap_or(i64::MAX);
    let found = (at - first).max(0).saturating_mul(parts_wide) / width;
    usize::try_from(found).unwrap_or(0).min(parts - 1)
}

/// Returns the operations of a fold that are worth a look: those that failed, then the slowest.
fn worth(skeleton: &Skeleton, group: &NameGroup, clock: RunClock) -> Vec<OpRow> {
    let mut ops = group.ops.clone();
    ops.sort_by_key(|op| {
        let bones = &skeleton.ops[op];
        let has_failed = matches!(bones.outcome, Some(OpEnd::Failed(_)));
        (!has_failed, std::cmp::Reverse(bones.took()), *op)
    });
    ops.into_iter().take(WORTH_MAX).filter_map(|op| row(skeleton, op, clock)).collect()
}
