//! What a run was, in three sentences made of its figures.

use crate::base::count::counted;
use crate::base::unit::Money;
use crate::metrics::Metrics;
use crate::view::line::RunLine;
use crate::view::overview::RunFailure;

/// Tells a run in three sentences: what it was, what it took, and what stands out.
pub fn story(line: &RunLine, metrics: &Metrics, failure: Option<&RunFailure>) -> Vec<String> {
    let ops = line.ops;
    let all = ops.completed + ops.failed + ops.skipped + ops.cancelled + ops.running + ops.waiting;
    let given =
        if line.params.is_empty() { String::new() } else { format!(" with {}", line.params) };
    let done = match all {
        0 => "and had no operations".to_owned(),
        all => format!(
            "and completed {} of {}",
            ops.completed,
            counted(all, "operation", "operations")
        ),
    };

    let first = format!(
        "{}{given} {} {done}.",
        line.script,
        match line.status {
            "ok" => format!("succeeded after {}", length(line.took)),
            "running" => format!("has been running for {}", length(line.took)),
            "waiting" => "waits for an answer or a time".to_owned(),
            status => format!("ended as `{status}` after {}", length(line.took)),
        }
    );

    vec![first, expense(line, metrics), outstanding(line, metrics, failure)]
}

fn expense(line: &RunLine, metrics: &Metrics) -> String {
    if line.calls == 0 && line.reused == 0 {
        return "It called no model.".to_owned();
    }

    let calls = counted(line.calls, "call", "calls");
    let retries = counted(line.retries, "retry", "retries");
    let cost = match line.cost {
        _ if line.demo => "nothing, because the demo model answered".to_owned(),
        Some(cost) => Money::from_dollars(cost).unwrap_or_default().to_string(),
        None => metrics.cost_text(),
    };
    let reused = match line.reused {
        0 => String::new(),
        reused => format!(", reused {}", counted(reused, "reply", "replies")),
    };
    format!(
        "It made {calls} ({retries}){reused}, read {} tokens, wrote {}, and cost {cost}.",
        line.tokens.0, line.tokens.1
    )
}

fn outstanding(line: &RunLine, metrics: &Metrics, failure: Option<&RunFailure>) -> String {
    if let Some(failure) = failure {
        return format!("What went wrong: {}.", failure.title);
    }

    let (path, time) = &metrics.critical_path;
    if path.len() > 1 && *time > 0.0 {
        let speedup = metrics.speedup().filter(|speedup| *speedup > 1.05);
        let faster = speedup.map_or(String::new(), |speedup| {
            format!("; running operations concurrently made it {speedup:.1}x faster than one after another")
        });
        return format!("The longest chain was {}{faster}.", chain(path));
    }
    match line.median.filter(|median| *median > 0) {
        Some(median) => format!("Runs of this script usually take {}.", length(median)),
        None => "Nothing went wrong.".to_owned(),
    }
}

/// Names the operations of a chain, the first and the last of many.
fn chain(path: &[String]) -> String {
    let quoted = |names: &[String]| {
        names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    match path {
        [first, .., last] if path.len() > 5 => {
            format!("`{first}` .. `{last}` ({} operations)", path.len())
        }
        path => quoted(path),
    }
}

/// Writes how long something took, in microseconds: `850 ms`, `2.1 s`, `3 min 5 s`.
pub fn length(micros: i64) -> String {
    let ms = micros / 1000;
    match ms {
        ..1000 => format!("{ms} ms"),
        1000..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1000),
    }
}
