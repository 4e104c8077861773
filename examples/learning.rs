//! The optimizer alone, without scripts: it recommends a pattern, and learns from how it performed.
#![allow(clippy::print_stdout, reason = "an example shows what it gives")]

use kaizen::{Error, Runtime};
use serde_json::json;

/// Works on a task: in this example, `vote` succeeds more often.
fn work(pattern: &str, round: u32) -> bool {
    match pattern {
        "vote" => true,
        _ => round.is_multiple_of(3),
    }
}

/// Works through some rounds, and returns the pattern that is recommended afterwards.
pub async fn learn(rounds: u32) -> Result<kaizen::Advice, Error> {
    let kaizen = Runtime::builder().in_memory().build()?;

    for round in 1..=rounds {
        let advice = kaizen.advise_among("triage", &["direct", "vote"])?;
        let is_right = work(&advice.pattern, round);
        let metrics =
            json!({ "success_rate": f64::from(u8::from(is_right)), "execution_time": 1.0 });
        kaizen.record("triage", &advice.pattern, metrics).await?;
    }

    kaizen.advise_among("triage", &["direct", "vote"])
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let advice = learn(40).await?;
    println!("{}: {}", advice.pattern, advice.reason);
    Ok(())
}
