//! What runs cost: by day, and by script, model or pattern. What is unknown is counted, never summed as
//! nothing.

use crate::base::clock;
use crate::base::unit::Money;
use crate::cli::ui::DAY;
use crate::cli::ui::digest::RunDigest;
use crate::cli::ui::library::Library;
use crate::cli::ui::page_error::PageError;
use crate::model::price;
use crate::optimizer::evidence::knowledge::Knowledge;
use crate::store;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Days that are looked at.
const DAYS: i64 = 30;
/// Most runs that are looked at.
const RUNS_LOOKED: usize = 2000;
/// Most rows.
const ROWS_MAX: usize = 200;

/// What sums are told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum CostBy {
    /// The script.
    Script,
    /// The model.
    Model,
    /// The pattern.
    Pattern,
}

impl CostBy {
    /// Reads the word for it.
    pub(in crate::cli) fn of(word: &str) -> Option<CostBy> {
        match word {
            "script" => Some(CostBy::Script),
            "model" => Some(CostBy::Model),
            "pattern" => Some(CostBy::Pattern),
            _ => None,
        }
    }
}

/// What some runs cost.
#[derive(Debug, Clone, Default)]
pub(in crate::cli) struct CostSum {
    runs: u64,
    calls: u64,
    cost: Money,
}

/// Sums over runs.
#[derive(Default)]
struct CostSums {
    /// By day, and by model.
    days: BTreeMap<i64, BTreeMap<String, Money>>,
    by: BTreeMap<String, CostSum>,
    total: Money,
    saved: Money,
    unknown: u64,
    caps: u64,
}

/// Returns what the runs of the last days cost.
pub(in crate::cli) fn sums(library: &mut Library, by: CostBy) -> Result<Value, PageError> {
    let now = clock::micros();
    let from = now - DAYS * DAY;
    let newest = library.runs().iter().rev().filter(|row| row.started_at >= from);
    let newest: Vec<_> = newest.take(RUNS_LOOKED).cloned().collect();

    let mut sums = CostSums::default();
    for row in &newest {
        let digest = library.digest(row)?;
        add(&mut sums, &row.script, &digest, by);
    }
    if by == CostBy::Pattern {
        sums.by = patterns(library)?;
    }

    let mut models: Vec<String> =
        sums.days.values().flat_map(|models| models.keys().cloned()).collect();
    models.sort();
    models.dedup();
    let days: Vec<Value> =
        (0..DAYS).rev().map(|ago| day(&sums, now - ago * DAY, &models)).collect();

    let mut rows: Vec<(String, CostSum)> = sums.by.into_iter().collect();
    rows.sort_by_key(|(_, sum)| std::cmp::Reverse(sum.cost));
    let rows: Vec<Value> = rows.iter().take(ROWS_MAX).map(row).collect();
    Ok(json!({
        "days": days, "models": models, "total": sums.total.dollars(),
        "saved": sums.saved.dollars(), "unknown": sums.unknown, "caps": sums.caps,
        "prices": format!("list prices of {}", price::AS_OF), "by": rows, "looked": newest.len(),
    }))
}

fn add(sums: &mut CostSums, script: &str, digest: &RunDigest, by: CostBy) {
    let mut of_script = CostSum { runs: 1, calls: digest.calls, ..CostSum::default() };
    for ((day, model), found) in &digest.costs {
        of_script.cost += found.cost;
        sums.total += found.cost;
        *sums.days.entry(*day).or_default().entry(model.clone()).or_default() += found.cost;
        if by == CostBy::Model {
            let sum = sums.by.entry(model.clone()).or_default();
            sum.calls += found.calls;
            sum.cost += found.cost;
        }
    }

    sums.saved += digest.saved;
    sums.unknown += digest.unknown;
    sums.caps += u64::from(digest.is_capped);
    if by == CostBy::Script {
        let sum = sums.by.entry(script.to_owned()).or_default();
        sum.runs += of_script.runs;
        sum.calls += of_script.calls;
        sum.cost += of_script.cost;
    }
}

/// Returns what executions of each pattern cost, as they were recorded.
fn patterns(library: &Library) -> Result<BTreeMap<String, CostSum>, PageError> {
    library.opened()?;
    let knowledge = Knowledge::read(store::open_to_read(library.path())?);
    let mut found = BTreeMap::new();

    for (task, cells) in knowledge.all()? {
        for (pattern, cell) in cells {
            let cost = Money::from_dollars(cell.cost.sum).unwrap_or_default();
            let sum = CostSum { runs: cell.n, calls: 0, cost };
            found.insert(format!("{pattern} on {task}"), sum);
        }
    }
    Ok(found)
}

fn day(sums: &CostSums, at: i64, models: &[String]) -> Value {
    let day = Timestamp::from_microsecond(at).unwrap_or_default().to_zoned(TimeZone::UTC).date();
    let of_day = sums.days.get(&(at / DAY));
    let costs: Vec<f64> = models
        .iter()
        .map(|model| of_day.and_then(|day| day.get(model)).map_or(0.0, |cost| cost.dollars()))
        .collect();
    json!({ "day": day.to_string(), "models": costs })
}

#[allow(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn row((what, sum): &(String, CostSum)) -> Value {
    let n = if sum.runs > 0 { sum.runs } else { sum.calls };
    let per = (n > 0).then(|| sum.cost.dollars() / n as f64);
    json!({
        "what": what, "runs": sum.runs, "calls": sum.calls, "cost": sum.cost.dollars(), "per": per,
    })
}
