//! A run over time: a bar for each operation.

use crate::base::id::OpId;
use crate::cli::render::time::length;
use crate::journal::event::Event;
use crate::journal::trace::{OpTrace, Trace};

/// Most operations that are drawn.
const ROWS_MAX: usize = 60;
/// Widest name.
const NAME_MAX: usize = 20;
/// Shortest line of bars.
const BAR_MIN: usize = 10;

/// One operation: its name and when it began and ended.
struct PlotRow {
    name: String,
    began: i64,
    ended: Option<i64>,
}

/// Draws the operations of a run, each with its time in microseconds.
pub(in crate::cli) fn plot(events: &[(i64, Event)], width: usize) -> String {
    let trace = Trace::fold(events);
    let row = |(op, operation): (&OpId, &OpTrace)| {
        let began = operation.started?.at;
        let ended = operation.ended.as_ref().map(|(when, _)| when.at);
        Some(PlotRow { name: trace.name(*op), began, ended })
    };

    let rows: Vec<PlotRow> = trace.operations.iter().filter_map(row).collect();
    let last = events.last().map_or(0, |(at, _)| *at);
    let Some(first) = rows.iter().map(|row| row.began).min() else {
        return "no operation was started".to_owned();
    };

    draw(&rows, first, last.max(first + 1), width)
}

fn draw(rows: &[PlotRow], first: i64, last: i64, width: usize) -> String {
    let cut = |name: &str| name.chars().take(NAME_MAX).collect::<String>();
    let names = rows.iter().map(|row| cut(&row.name).chars().count()).max().unwrap_or(0);
    let bars = width.saturating_sub(names + 12).max(BAR_MIN);

    let at = |moment: i64| {
        let bars = i64::try_from(bars).unwrap_or(i64::MAX);
        usize::try_from((moment - first) * bars / (last - first)).unwrap_or(0)
    };

    let mut lines = Vec::new();
    for row in rows.iter().take(ROWS_MAX) {
        let end = row.ended.unwrap_or(last);
        let start = at(row.began).min(bars - 1);

        let long = at(end).saturating_sub(start).clamp(1, bars - start);
        let mark = if row.ended.is_some() { "█" } else { "░" };
        let rest = " ".repeat(bars - start - long);

        let name = cut(&row.name);
        let bar = mark.repeat(long);

        let took = length(end - row.began);
        lines.push(format!("{name:names$} {}{bar}{rest} {took}", " ".repeat(start)));
    }

    if rows.len() > ROWS_MAX {
        lines.push(format!("({} more)", rows.len() - ROWS_MAX));
    }

    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stand_where_the_time_was_spent() {
        let row = |name: &str, began, ended| PlotRow { name: name.into(), began, ended };
        let rows =
            [row("a", 0, Some(5_000)), row("bb", 5_000, Some(10_000)), row("c", 5_000, None)];
        let shown = draw(&rows, 0, 10_000, 24);
        assert_eq!(shown, "a  █████      5 ms\nbb      █████ 5 ms\nc       ░░░░░ 5 ms");
    }
}
