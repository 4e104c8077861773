//! Progress where there is no terminal: one line for each operation that has ended.

use crate::base::id::RunId;
use crate::base::unit::Money;
use crate::cli::render::progress::LiveOperation;
use crate::flow::outcome::Outcome;
use crate::journal::event::RunStatus;
use crate::model::reply::Usage;
use std::borrow::Cow;

/// Tells how a run ended, in the same way.
pub(super) fn run_line(
    run: &RunId,
    status: RunStatus,
    ms: i64,
    calls: u64,
    cost: Option<Money>,
) -> String {
    format!("run={run} status={status} ms={ms} calls={calls} cost={}", dollars(cost))
}

/// Tells how many replies a run reused, and what that saved.
pub(super) fn reused(replies: u64, saved: Option<Money>) -> String {
    format!(" reused={replies} saved={}", dollars(saved))
}

fn dollars(amount: Option<Money>) -> String {
    amount.map_or("unknown".to_owned(), |amount| amount.dollars().to_string())
}

/// Writes a name so that nothing in it can be taken for another field.
fn value(name: &str) -> Cow<'_, str> {
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '=' && c != '"';
    if !name.is_empty() && name.chars().all(is_plain) {
        name.into()
    } else {
        format!("{name:?}").into()
    }
}

/// Tells how an operation ended, for logs and other programs.
pub(super) fn line(ms: i64, open: &LiveOperation, outcome: &Outcome) -> String {
    let word = match outcome {
        Outcome::Completed { .. } => "ok",
        Outcome::Failed { .. } => "failed",
        Outcome::Skipped { .. } => "skipped",
        Outcome::Cancelled => "cancelled",
    };
    let mut line = format!("op={} status={word} ms={ms}", value(&open.name));

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
