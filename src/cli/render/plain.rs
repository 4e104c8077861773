//! Progress where there is no terminal: one line for each operation that has ended.

use crate::cli::render::progress::LiveOperation;
use crate::flow::outcome::Outcome;
use crate::model::reply::Usage;

/// Tells how an operation ended, for logs and other programs.
pub(super) fn line(ms: i64, open: &LiveOperation, outcome: &Outcome) -> String {
    let word = match outcome {
        Outcome::Completed { .. } => "ok",
        Outcome::Failed { .. } => "failed",
        Outcome::Skipped { .. } => "skipped",
        Outcome::Cancelled => "cancelled",
    };
    let mut line = format!("op={} status={word} ms={ms}", open.name);

    if open.calls > 0 {
        let unknown = || "unknown".to_owned();
        let cost = open.bill.cost().map_or_else(unknown, |cost| cost.dollars().to_string());
        let count = |usage: Usage| format!("{}/{}", usage.input(), usage.output());
        let tokens = open.bill.usage().map_or_else(unknown, count);
        line.push_str(&format!(" cost={cost} tokens={tokens}"));
    }

    if open.calls > 1 {
        line.push_str(&format!(" calls={}", open.calls));
    }
    if open.is_cut {
        line.push_str(" cut=true");
    }
    if open.reused > 0 {
        line.push_str(&format!(" reused={}", open.reused));
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
