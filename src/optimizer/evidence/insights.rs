//! What the history says as a whole: the guide's keys, one task type after the other first, so that
//! no pattern is called faster only because it was given the easier tasks.

use crate::optimizer::evidence::pattern::{Pattern, TaskType};
use crate::optimizer::evidence::sums::PatternSums;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Everything known, by task type and pattern.
pub type Cells = BTreeMap<TaskType, BTreeMap<Pattern, PatternSums>>;

/// Returns the guide's keys: `most_used_pattern`, `fastest_pattern`, `total_executions`,
/// `pattern_usage`, `avg_performance` (mean seconds), and `by_task` with the same for each task
/// type. Over all task types, a pattern is the fastest only if it is the fastest for each of those where
/// it was compared with another; otherwise `fastest_pattern` is null, and `by_task` has the details.
pub fn insights(cells: &Cells) -> Map<String, Value> {
    if cells.values().all(BTreeMap::is_empty) {
        let note = Value::from("No execution history available");
        return Map::from_iter([("insight".to_owned(), note)]);
    }

    let mut total: BTreeMap<&Pattern, (u64, f64, u64)> = BTreeMap::new();
    let mut by_task = Map::new();
    for (task, patterns) in cells {
        for (pattern, cell) in patterns {
            let sums = total.entry(pattern).or_default();
            *sums = (sums.0 + cell.n, sums.1 + cell.time.sum, sums.2 + cell.time.n);
        }
        by_task.insert(task.to_string(), Value::Object(of_task(patterns)));
    }

    let usage = total.iter().map(|(pattern, (n, ..))| (pattern.to_string(), *n));
    let times = total.iter().filter(|(_, (_, _, n))| *n > 0);
    let mut map = Map::new();
    let most = total.iter().max_by(|a, b| a.1.0.cmp(&b.1.0).then_with(|| b.0.cmp(a.0)));
    map.insert("most_used_pattern".into(), json!(most.map(|(pattern, _)| pattern.as_str())));
    map.insert("fastest_pattern".into(), json!(fastest_everywhere(cells).map(Pattern::as_str)));
    map.insert("total_executions".into(), json!(total.values().map(|(n, ..)| n).sum::<u64>()));

    map.insert("pattern_usage".into(), json!(usage.collect::<BTreeMap<_, _>>()));
    let means = times.map(|(pattern, (_, sum, n))| (pattern.to_string(), mean(*sum, *n)));
    map.insert("avg_performance".into(), json!(means.collect::<BTreeMap<_, _>>()));
    map.insert("by_task".into(), Value::Object(by_task));
    map
}

/// Returns the same keys for one task type.
fn of_task(patterns: &BTreeMap<Pattern, PatternSums>) -> Map<String, Value> {
    let most = patterns.iter().max_by(|a, b| a.1.n.cmp(&b.1.n).then_with(|| b.0.cmp(a.0)));
    let usage: BTreeMap<&str, u64> =
        patterns.iter().map(|(p, cell)| (p.as_str(), cell.n)).collect();
    let times: BTreeMap<&str, f64> = patterns
        .iter()
        .filter_map(|(pattern, cell)| Some((pattern.as_str(), cell.time.mean()?)))
        .collect();

    let value = json!({
        "most_used_pattern": most.map(|(pattern, _)| pattern.as_str()),
        "fastest_pattern": fastest(patterns).map(Pattern::as_str),
        "total_executions": patterns.values().map(|cell| cell.n).sum::<u64>(),
        "pattern_usage": usage,
        "avg_performance": times,
    });
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Finds the pattern with the smallest mean time; ties by name.
fn fastest(patterns: &BTreeMap<Pattern, PatternSums>) -> Option<&Pattern> {
    let timed = patterns.iter().filter_map(|(pattern, cell)| Some((pattern, cell.time.mean()?)));
    timed.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(pattern, _)| pattern)
}

/// Finds the pattern that is the fastest wherever it was compared; it must have been compared, or
/// be the only one there is.
fn fastest_everywhere(cells: &Cells) -> Option<&Pattern> {
    let timed = |patterns: &BTreeMap<Pattern, PatternSums>| {
        patterns.values().filter(|c| c.time.n > 0).count()
    };

    let compared: Vec<_> = cells.values().filter(|patterns| timed(patterns) > 1).collect();
    let mut all = cells.values().flat_map(|patterns| patterns.iter());
    if compared.is_empty() {
        let first = all.find(|(_, cell)| cell.time.n > 0)?.0;
        let only = all.filter(|(_, cell)| cell.time.n > 0).all(|(pattern, _)| pattern == first);
        return only.then_some(first);
    }

    let winner = fastest(compared.first()?)?;
    let wins = |patterns: &&BTreeMap<Pattern, PatternSums>| {
        !patterns.contains_key(winner) || fastest(patterns) == Some(winner)
    };

    let everywhere = compared.iter().all(|patterns| patterns.contains_key(winner));
    (everywhere && compared.iter().all(wins)).then_some(winner)
}

#[allow(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn mean(sum: f64, n: u64) -> f64 {
    sum / n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::evidence::observation::Observation;

    fn cells(rows: &[(&str, &str, f64)]) -> Cells {
        let mut cells = Cells::new();
        for (task, pattern, time) in rows {
            let task = TaskType::stored(task);
            let pattern = Pattern::stored(pattern);
            let task = task.expect("a name");
            let pattern = pattern.expect("a name");
            let metrics = json!({ "success_rate": 1.0, "execution_time": time });
            let Value::Object(metrics) = metrics else { continue };
            let seen = Observation::read(task.clone(), pattern.clone(), &metrics);
            let cell = cells.entry(task).or_default().entry(pattern).or_default();
            cell.add(&seen.expect("metrics"));
        }

        cells
    }

    #[test]
    fn the_guides_example_comes_out() {
        let rows = [
            ("analysis", "direct", 2.0),
            ("analysis", "gather", 1.5),
            ("multi_step", "gather", 2.0),
            ("multi_step", "builder", 3.0),
        ];

        let found = insights(&cells(&rows));
        assert_eq!(found["most_used_pattern"], "gather");
        assert_eq!(found["fastest_pattern"], "gather");
        assert_eq!(found["total_executions"], 4);
        assert_eq!(found["pattern_usage"], json!({ "direct": 1, "gather": 2, "builder": 1 }));

        let times = json!({ "direct": 2.0, "gather": 1.75, "builder": 3.0 });
        assert_eq!(found["avg_performance"], times);
    }

    #[test]
    fn k5_the_slower_pattern_in_every_task_is_not_called_faster() {
        // `a` is faster for both task types, but was given more of the slow one.
        let mut rows = vec![("easy", "a", 1.0), ("easy", "b", 2.0), ("hard", "b", 11.0)];
        rows.extend([("hard", "a", 10.0); 9]);
        rows.extend([("easy", "b", 2.0); 9]);

        let found = insights(&cells(&rows));
        assert_eq!(found["fastest_pattern"], "a");
        let times = &found["avg_performance"];
        assert!(times["a"].as_f64() > times["b"].as_f64(), "the mixed means mislead: {times}");
    }

    #[test]
    fn patterns_that_win_in_turn_have_no_winner() {
        let rows = [("x", "a", 1.0), ("x", "b", 2.0), ("y", "a", 2.0), ("y", "b", 1.0)];
        assert_eq!(insights(&cells(&rows))["fastest_pattern"], Value::Null);
    }

    #[test]
    fn an_empty_history_says_so() {
        let expected = json!({ "insight": "No execution history available" });
        assert_eq!(Value::Object(insights(&Cells::new())), expected);
    }
}
