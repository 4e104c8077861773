//! Runs of many operations, which are shown by the sums that were kept with their end.

use crate::base::visible::{hanging, on_one_line};
use crate::cli::command::show::{show_figures, show_head, show_remarks};
use crate::cli::print_line;
use crate::cli::render::paint::{self, Mood};
use crate::cli::render::{table, time};
use crate::journal::history::{self, HistoryError, RunRow};
use crate::journal::trace::Trace;
use crate::metrics::sums::{GraphSums, LostOp, RunSums};
use crate::store::Reader;

/// Most operations of a run that are listed one by one.
pub(super) const LISTED_MAX: u64 = 1_000;

/// Reads the sums that were kept with the end of a run.
pub(super) fn sums_of(store: &Reader, row: &RunRow) -> Result<Option<RunSums>, HistoryError> {
    if row.status.is_none() || !row.damage.is_empty() {
        return Ok(None);
    }
    Ok(history::sums(store, &row.id)?.as_deref().and_then(RunSums::read))
}

/// Shows a run of many operations by what was kept of it as a whole.
pub(super) fn show(
    store: &Reader,
    row: &RunRow,
    name: &str,
    sums: &RunSums,
) -> Result<(), HistoryError> {
    show_head(row, &sums.metrics);

    let rows: Vec<Vec<String>> = sums.graphs.iter().map(graph_cells).collect();
    let head = [
        "graph",
        ">runs",
        ">operations",
        ">completed",
        ">failed",
        ">skipped",
        ">cancelled",
        ">time of all",
    ];
    print_line(&table::render(&head, &rows));

    let (failed, others): (Vec<&LostOp>, Vec<&LostOp>) =
        sums.lost.iter().partition(|lost| lost.kind.is_some());
    for LostOp { name, outcome, kind, message } in failed.into_iter().chain(others) {
        let name = on_one_line(name);
        let mood = if kind.is_some() { Mood::Bad } else { Mood::Doubtful };
        let word = paint::out(outcome, mood);
        match kind {
            Some(kind) => {
                let kind = on_one_line(kind);
                print_line(&format!("{name} {word} ({kind}): {}", hanging(message)));
            }
            None => print_line(&format!("{name} was {word}: {}", on_one_line(message))),
        }
    }
    if sums.lost_more > 0 {
        print_line(&format!("and {} more", sums.lost_more));
    }

    let mut trace = Trace::default();
    if sums.remarks > 0 {
        history::remarks(store, &row.id, &mut |at, event| trace.see(at, &event))?;
    } else if let Some(end) = history::end(store, &row.id)? {
        trace.see(row.ended_at.unwrap_or_default(), &end);
    }
    show_remarks(&row.id, &trace);

    show_figures(&sums.metrics);
    print_line(&format!("list all operations: kaizen show {name} --all"));
    Ok(())
}

fn graph_cells(graph: &GraphSums) -> Vec<String> {
    let counts = [graph.operations, graph.completed, graph.failed, graph.skipped, graph.cancelled];
    let name = graph.name.clone().unwrap_or_else(|| "-".to_owned());
    let counts = counts.iter().map(ToString::to_string);
    let before = [name, graph.flows.to_string()].into_iter();
    before.chain(counts).chain([time::length(graph.time)]).collect()
}
