//! What a comparison has found, for people.

use crate::base::unit::Money;
use crate::base::visible::on_one_line;
use crate::cli::print_line;
use crate::cli::render::paint::{self, Mood};
use crate::cli::render::table;
use serde_json::Value;

/// Shows the findings as people read them.
pub(super) fn show(findings: &Value) {
    let none = Vec::new();
    let mut patterns: Vec<&Value> =
        findings["patterns"].as_array().unwrap_or(&none).iter().collect();
    let score = |one: &Value| one["score"].as_f64().unwrap_or(0.0);
    patterns.sort_by(|a, b| score(b).total_cmp(&score(a)));

    let number = |value: &Value, show: &dyn Fn(f64) -> String| {
        value.as_f64().map_or_else(|| "-".to_owned(), show)
    };

    let rows: Vec<Vec<String>> = patterns
        .iter()
        .map(|one| {
            let low = &one["interval"][0];
            let high = &one["interval"][1];
            let two = |n: f64| format!("{n:.2}");
            let range = format!("{}-{}", number(low, &two), number(high, &two));
            vec![
                one["pattern"].as_str().unwrap_or_default().to_owned(),
                number(&one["score"], &two),
                if low.is_null() { "-".to_owned() } else { range },
                one["n"].to_string(),
                number(&one["success_rate"], &|n| format!("{:.0} %", 100.0 * n)),
                number(&one["quality"], &|n| format!("{n:.3}")),
                number(&one["execution_time"], &|n| format!("{n:.2} s")),
                number(&one["cost"], &|n| Money::from_dollars(n).unwrap_or_default().to_string()),
                if one["left_out"] == true { "dropped: surely worse" } else { "" }.to_owned(),
            ]
        })
        .collect();

    let head =
        ["script", ">score", ">interval", ">n", ">success", ">quality", ">time", ">cost", "note"];
    print_line(&table::render(&head, &rows));
    let mood = if !findings["failure"].is_null() {
        Mood::Bad
    } else if findings["verdict"] == "open" {
        Mood::Doubtful
    } else {
        Mood::Good
    };
    let reason = on_one_line(findings["reason"].as_str().unwrap_or_default());
    print_line(&paint::out(&reason, mood));
    print_line(&format!(
        "objective: {}",
        findings["objective"]["name"].as_str().unwrap_or_default()
    ));
}
