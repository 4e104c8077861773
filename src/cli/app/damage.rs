//! Tells people what is wrong with the journals of runs, while everything else is used.

use crate::base::id::{OpId, RunId};
use crate::cli::say;
use crate::journal::damage::Damage;
use crate::journal::end_check::EndCheck;
use crate::journal::event::Event;
use crate::journal::history::{self, HistoryError, LogItem, RunLog, RunRow};
use crate::journal::read_depth::ReadDepth;
use crate::optimizer::evidence::knowledge::Knowledge;
use crate::store::Reader;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Most lines about one run.
const LINES_MAX: usize = 10;

/// Runs that people have heard about already: some commands read a run twice.
static TOLD: Mutex<Option<HashSet<RunId>>> = Mutex::new(None);

/// Reads what can be read of a run, and says what cannot.
pub(in crate::cli) fn read(store: &Reader, run: &RunId) -> Result<RunLog, HistoryError> {
    let log = history::read(store, run)?;
    tell(run, log.damage.iter().map(|(_, damage)| damage));
    Ok(log)
}

/// Reads the events of a run that can be read, and says which cannot.
pub(in crate::cli) fn events(
    store: &Reader,
    run: &RunId,
) -> Result<Vec<(i64, Event)>, HistoryError> {
    Ok(read(store, run)?.events)
}

/// Reads what can be read of a run, and says what of it, and of its row, cannot.
pub(in crate::cli) fn read_row(
    store: &Reader,
    row: &RunRow,
) -> Result<(RunLog, Vec<Damage>), HistoryError> {
    let log = history::read(store, &row.id)?;
    let all = row.damage.iter().chain(log.damage.iter().map(|(_, damage)| damage));
    let all: Vec<Damage> = all.cloned().chain(log.compare(row)).collect();
    tell(&row.id, &all);
    Ok((log, all))
}

/// Hands over what can be read of a run, event by event, and says what of it, and of its row, cannot.
pub(in crate::cli) fn pass_row(
    store: &Reader,
    row: &RunRow,
    see: &mut dyn FnMut(i64, Event),
) -> Result<Vec<Damage>, HistoryError> {
    pass(store, row, ReadDepth::Whole, &mut |_, at, event| see(at, event))
}

/// Hands over the events of a run that can be read, and says which cannot.
pub(in crate::cli) fn pass_events(
    store: &Reader,
    run: &RunId,
    see: &mut dyn FnMut(i64, Event),
) -> Result<(), HistoryError> {
    let mut all = Vec::new();
    history::follow(store, run, 0, usize::MAX, &mut |item| match item {
        LogItem::Event { at, event, .. } => see(at, *event),
        LogItem::Damage(damage) => all.push(damage),
    })?;

    tell(run, &all);
    Ok(())
}

/// Hands over what can be read of a run, as [`pass_row`] does, with the number of each event and without texts,
/// which may be of any size.
pub(in crate::cli) fn pass_short(
    store: &Reader,
    row: &RunRow,
    see: &mut dyn FnMut(i64, i64, Event),
) -> Result<Vec<Damage>, HistoryError> {
    let depth = ReadDepth::WithoutTexts;
    pass(store, row, depth, &mut |seq, at, event| see(seq, at, event.without_texts()))
}

/// Hands over what can be read of some operations of a run, as [`pass_short`] does, with the names and plans of all
/// others.
pub(in crate::cli) fn pass_ops(
    store: &Reader,
    row: &RunRow,
    is_wanted: &dyn Fn(OpId) -> bool,
    see: &mut dyn FnMut(i64, i64, Event),
) -> Result<Vec<Damage>, HistoryError> {
    let depth = ReadDepth::OpsOnly(is_wanted);
    pass(store, row, depth, &mut |seq, at, event| see(seq, at, event.without_texts()))
}

fn pass(
    store: &Reader,
    row: &RunRow,
    depth: ReadDepth<'_>,
    see: &mut dyn FnMut(i64, i64, Event),
) -> Result<Vec<Damage>, HistoryError> {
    let mut all = row.damage.clone();
    let mut check = EndCheck::default();

    history::follow_with(store, &row.id, 0, usize::MAX, depth, &mut |item| match item {
        LogItem::Event { seq, at, event } => {
            check.see_event(&event);
            see(seq, at, *event);
        }
        LogItem::Damage(damage) => {
            check.see_damage(&damage);
            all.push(damage);
        }
    })?;

    all.extend(check.compare(row));
    tell(&row.id, &all);
    Ok(all)
}

/// Says what could not be read of what was learned.
pub(in crate::cli) fn tell_knowledge(knowledge: &Knowledge) {
    for line in knowledge.damage().iter().take(LINES_MAX) {
        say(&format!("damaged: {line}"));
    }
    if let Some(more) = knowledge.damage().len().checked_sub(LINES_MAX).filter(|more| *more > 0) {
        say(&format!("damaged: {more} more parts; `kaizen doctor` lists all damage"));
    }
}

/// Says once what is wrong with a run.
pub(in crate::cli) fn tell<'a>(run: &RunId, damage: impl IntoIterator<Item = &'a Damage>) {
    let lines: Vec<String> = damage.into_iter().map(ToString::to_string).collect();
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);

    if lines.is_empty() || !told.get_or_insert_default().insert(run.clone()) {
        return;
    }

    for line in lines.iter().take(LINES_MAX) {
        say(&format!("damaged: {line}"));
    }

    if lines.len() > LINES_MAX {
        let more = lines.len() - LINES_MAX;
        say(&format!("damaged: run {run}: {more} more events; `kaizen doctor` lists all"));
    }
}
