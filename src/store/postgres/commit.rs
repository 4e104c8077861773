//! Commits batches of changes to a server. An answer may be lost on the way, and another process may have taken over a
//! journal meanwhile; both are told apart by the token that each event carries.

use super::carry::{EventColumns, carry_out};
use super::connect::ServerSession;
use super::fault::LineFault;
use super::line::AwayPatience;
use super::reader::ServerReader;
use crate::base::rng::Rng;
use crate::store::StoreError;
use crate::store::row::{EventRow, RunEdge, StoreChange};
use crate::store::writer::WriteJob;
use std::path::Path;

/// A store on a server as its writer has it open.
pub(in crate::store) struct ServerStore {
    reader: ServerReader,
}

impl ServerStore {
    /// Takes a store.
    pub(in crate::store) fn new(reader: ServerReader) -> ServerStore {
        ServerStore { reader }
    }

    pub(in crate::store) fn name(&self) -> &Path {
        self.reader.line().address().name()
    }

    pub(in crate::store) fn reader(&self) -> &ServerReader {
        &self.reader
    }

    /// Asks the server something, on the line that the reader has: one at a time uses the store.
    fn ask<T>(
        &self,
        question: &impl AsyncFn(&ServerSession) -> Result<T, LineFault>,
    ) -> Result<T, LineFault> {
        self.reader.line().ask(AwayPatience::Waits, question)
    }

    /// Commits changes, and tells everybody who waits. One that nobody misses goes alone, after the others.
    pub(in crate::store) fn commit_all(&mut self, batch: Vec<WriteJob>) {
        let (spare, needed): (Vec<_>, Vec<_>) = batch.into_iter().partition(WriteJob::is_spare);
        self.commit(needed);
        for job in spare {
            self.commit(vec![job]);
        }
    }

    /// Commits the whole batch. When that fails and the store is not at fault, each change is tried by itself, so that
    /// one whose run was taken over does not take its neighbours with it.
    fn commit(&mut self, mut batch: Vec<WriteJob>) {
        batch.retain_mut(WriteJob::is_open);
        if batch.is_empty() {
            return;
        }

        match self.write(&batch) {
            Err(error) if batch.len() > 1 && !error.is_of_store() => {
                for job in batch {
                    self.commit(vec![job]);
                }
            }
            result => {
                for job in &mut batch {
                    job.answer(&result);
                }
            }
        }
    }

    fn write(&self, batch: &[WriteJob]) -> Result<(), StoreError> {
        let written =
            if batch.iter().all(is_plain) { self.append(batch) } else { self.transact(batch) };
        written.map_err(|fault| fault.of_store(self.name()))
    }

    /// Inserts events with one statement: one way there and back, one wait for the disk.
    fn append(&self, batch: &[WriteJob]) -> Result<(), LineFault> {
        let mut columns = EventColumns::default();
        for (run, token, rows) in batch.iter().filter_map(events_of) {
            columns.add(run, token, rows);
        }

        let before = befores(batch);
        let inserted = self.ask(&async |session| columns.insert(session, &before).await);
        match (inserted, batch) {
            (Err(fault), [job]) if fault.is_clash() => self.explain_clash(job, fault),
            (result, _) => result,
        }
    }

    /// Carries out changes in one transaction, which has a name: if its answer is lost, the name tells whether it was
    /// carried out.
    fn transact(&self, batch: &[WriteJob]) -> Result<(), LineFault> {
        let mut chance = Rng::from_entropy();
        let id = format!("{:016x}{:016x}", chance.next_u64(), chance.next_u64());
        let before = befores(batch);
        let done = self.ask(&async |session| {
            if was_carried_out(session, &id).await? {
                return Ok(());
            }
            session.transact(carry_out_all(session, batch, &before, &id)).await
        });

        match (done, batch) {
            (Err(fault), [job]) if fault.is_clash() => self.explain_clash(job, fault),
            (result, _) => result,
        }
    }

    /// Finds out who wrote the events that stand in the places of others: this process, whose answer was lost, or one
    /// that has taken the run over.
    fn explain_clash(&self, job: &WriteJob, fault: LineFault) -> Result<(), LineFault> {
        let Some((run, token, rows)) = events_of(job) else { return Err(fault) };
        let mut columns = EventColumns::default();
        columns.add(run, token, rows);
        let places = columns.places();

        let sql = "select token from events where run = $1 and seq = any($2)";
        let found = self.ask(&async |session| {
            let rows = session.rows(sql, &[&run, &places]).await?;
            Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?)
        })?;

        if found.iter().any(|writer| writer != token) {
            return Err(LineFault::TakenOver { run: run.to_owned() });
        }
        if found.len() == places.len() { Ok(()) } else { Err(fault) }
    }
}

/// Tells whether a change was carried out whose answer may be lost.
async fn was_carried_out(session: &ServerSession, id: &str) -> Result<bool, LineFault> {
    let found = session.row("select exists (select from changes where id = $1)", &[&id]).await?;
    Ok(found.map(|row| row.try_get(0)).transpose()?.unwrap_or_default())
}

async fn carry_out_all(
    session: &ServerSession,
    batch: &[WriteJob],
    before: &[(&str, i64)],
    id: &str,
) -> Result<(), LineFault> {
    // If the same is under way still, whose answer was lost, this waits for its end.
    let sql = "insert into changes (id) values ($1) on conflict (id) do nothing";
    if session.change(sql, &[&id]).await? == 0 {
        return Ok(());
    }

    for (run, seq) in before {
        let sql = "select exists (select from events where run = $1 and seq = $2)
            and exists (select from runs where id = $1)";
        let found = session.row(sql, &[run, seq]).await?;
        let is_there: Option<bool> = found.map(|row| row.try_get(0)).transpose()?;
        if is_there != Some(true) {
            return Err(LineFault::Rewound);
        }
    }

    for job in batch {
        carry_out(session, job.change()).await?;
    }
    Ok(())
}

/// Returns the events of a change, if it is one of events.
fn events_of(job: &WriteJob) -> Option<(&str, &str, &[EventRow])> {
    match job.change() {
        StoreChange::Events { run, token, rows } => Some((run, token, rows)),
        _ => None,
    }
}

/// Tells whether a change consists of events that leave the row of their run as it is.
fn is_plain(job: &WriteJob) -> bool {
    events_of(job)
        .is_some_and(|(_, _, rows)| rows.iter().all(|row| matches!(row.edge, RunEdge::Within)))
}

/// Returns the rows that the changes of a batch stand on: of each run, that of its first change.
fn befores(batch: &[WriteJob]) -> Vec<(&str, i64)> {
    let mut found: Vec<(&str, i64)> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for (run, _, rows) in batch.iter().filter_map(events_of) {
        if seen.contains(&run) {
            continue;
        }
        seen.push(run);
        found.extend(rows.first().filter(|row| row.after >= 0).map(|row| (run, row.after)));
    }
    found
}
