//! How operations that have ended look above the live region.

use crate::base::unit::Money;
use crate::base::visible::{hanging, on_one_line};
use crate::cli::render::paint::{self, Mood};
use crate::cli::render::progress::LiveOperation;
use crate::cli::render::time::length;
use crate::flow::outcome::Outcome;

/// Tells how an operation ended.
pub(super) fn live_line(time: i64, open: &LiveOperation, outcome: &Outcome) -> String {
    let name = &open.name;
    let cost = open.bill.cost().filter(|cost| *cost != Money::ZERO);
    let mut more = cost.map_or(String::new(), |cost| format!("  {cost}"));

    if open.is_cut {
        more.push_str("  cut at `max_tokens`");
    }
    if open.calls > 1 {
        more.push_str(&format!("  {} calls", open.calls));
    }
    if open.calls > 0 && open.reused > 0 {
        more.push_str(&format!("  {} reused", open.reused));
    }

    let took = match open {
        LiveOperation { calls: 0, reused: 1.., .. } => "reused".to_owned(),
        _ => length(time),
    };

    match outcome {
        Outcome::Completed { .. } => {
            format!("  {} {name}  {took}{more}", paint::err("✓", Mood::Good))
        }
        Outcome::Failed { failure } => {
            let mark = paint::err("✗", Mood::Bad);
            format!("  {mark} {name}  {took}{more}  {}", hanging(&failure.message))
        }
        Outcome::Skipped { reason } => {
            let reason = reason.to_string();
            format!(
                "  {} {name}  skipped: {}",
                paint::err("-", Mood::Doubtful),
                on_one_line(&reason)
            )
        }
        Outcome::Cancelled => format!("  {} {name}  cancelled", paint::err("-", Mood::Doubtful)),
    }
}
