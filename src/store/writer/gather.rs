//! Rows of one kind that are kept one after the other, in large numbers. Those that come in a row share
//! one change.

use super::{ChangeWaiter, Rank, Series, SeriesFault, SeriesPlace, WriteJob, Writer};
use crate::base::failpoint::{self, Failpoint};
use crate::store::StoreError;
use crate::store::durability::Durability;
use crate::store::row::{BatchRow, EventRow, ObservationRow, StoreChange};
use crate::store::thread_wait::block_on;
use std::sync::atomic::Ordering;

/// Most observations that are gathered without waiting before they are committed.
const GATHERED_MAX: usize = 4096;

impl WriteJob {
    /// Returns the rows that it holds of a series, so that more can be added to them.
    fn rows_of<T: BatchRow>(&mut self, series: &SeriesFault) -> Option<&mut Vec<T>> {
        let is_own = self.place.as_ref().is_some_and(|place| place.fault.is(series));
        if is_own { T::rows(&mut self.change) } else { None }
    }
}

impl Writer {
    /// Keeps an observation soon, in its place among all other changes. If that fails, `settle_gathered` says so,
    /// and so does everything that is gathered later.
    pub fn gather(&self, row: ObservationRow) -> Result<(), StoreError> {
        self.has_gathered.store(true, Ordering::Relaxed);
        let series = &self.gathered;
        let begin = |row| WriteJob {
            place: Some(SeriesPlace::loose(series.clone())),
            ..WriteJob::new(StoreChange::Observations(vec![row]))
        };

        let count = self.add(series, (0, row), begin, None, Rank::Plain)?;
        if count < GATHERED_MAX { Ok(()) } else { self.settle_gathered() }
    }

    /// Returns once everything so far is committed: what was gathered, what is owed, and the events that nobody waits
    /// for. It keeps the thread, so that nothing of the run continues meanwhile: when something is shown must not
    /// decide what happens next.
    pub fn settle_gathered(&self) -> Result<(), StoreError> {
        let has_gathered = self.has_gathered.swap(false, Ordering::Relaxed);
        let owes = self.owes.swap(false, Ordering::Relaxed);
        let has_noted = self.has_noted.swap(false, Ordering::Relaxed);
        if !has_gathered && !owes && !has_noted {
            return self.gathered.check();
        }

        let (done, receipt) = tokio::sync::oneshot::channel();
        let place = Some(SeriesPlace::loose(self.gathered.clone()));
        let job = WriteJob { place, done: vec![done], ..WriteJob::new(StoreChange::Nothing) };
        self.core.send(job)?;

        if self.core.durability == Durability::Process {
            self.core.commit_here();
        }
        block_on(receipt).map_err(|_| StoreError::WriterStopped)??;
        if has_gathered {
            failpoint::pass(Failpoint::ObservationKept);
        }
        Ok(())
    }

    /// Changes the newest events of a series that wait, if `join` can let what is new stand among them, and
    /// returns what to wait for until they are committed.
    pub fn join(
        &self,
        series: &Series,
        join: impl FnOnce(&mut Vec<EventRow>) -> bool,
    ) -> Option<impl Future<Output = Result<(), StoreError>>> {
        let (done, receipt) = tokio::sync::oneshot::channel();
        let joined = self.join_to(series, Some(done), join);
        joined.then(|| self.core.settle(receipt, Rank::Plain))
    }

    /// Does the same without waiting. If it cannot be written, the next event of the series says so.
    pub fn join_soon(
        &self,
        series: &Series,
        join: impl FnOnce(&mut Vec<EventRow>) -> bool,
    ) -> bool {
        let joined = self.join_to(series, None, join);
        if joined {
            self.has_noted.store(true, Ordering::Relaxed);
        }
        joined
    }

    fn join_to(
        &self,
        series: &Series,
        done: Option<ChangeWaiter>,
        join: impl FnOnce(&mut Vec<EventRow>) -> bool,
    ) -> bool {
        // Whoever adds something says why it cannot be.
        if series.check().is_err() {
            return false;
        }

        self.core.queue.change(|queue| {
            if queue.is_closed {
                return false;
            }

            let Some(last) = queue.jobs.last_mut() else { return false };
            if !last.rows_of(&series.fault).is_some_and(join) {
                return false;
            }

            let is_awaited = done.is_some();
            last.done.extend(done);
            queue.is_urgent |= self.core.durability == Durability::Power && is_awaited;
            true
        })
    }

    /// Adds an event to the last change that waits, if that holds events of the same series, or makes a new one.
    pub(super) fn add_event(
        &self,
        series: &Series,
        row: EventRow,
        done: Option<ChangeWaiter>,
        rank: Rank,
    ) -> Result<usize, StoreError> {
        let after = row.after;
        let last = row.seq;
        let begin = |row| {
            let run = series.run.clone();
            let token = series.token.clone();
            let change = StoreChange::Events { run, token, rows: vec![row] };
            let fault = series.fault.clone();
            let run = Some(series.run.clone());
            let place = Some(SeriesPlace { fault, run, after, last });
            WriteJob { place, ..WriteJob::new(change) }
        };

        self.add(&series.fault, (last, row), begin, done, rank)
    }

    /// Adds a row to the last change that waits, if that holds rows of the same series, or makes a
    /// new one. Returns how many the change holds.
    fn add<T: BatchRow>(
        &self,
        series: &SeriesFault,
        (newest, row): (i64, T),
        begin: impl FnOnce(T) -> WriteJob,
        done: Option<ChangeWaiter>,
        rank: Rank,
    ) -> Result<usize, StoreError> {
        series.check()?;

        self.core.queue.change(|queue| {
            let is_open = !queue.is_closed;
            // While a change is the last in the queue, nothing has come between it and what is added.
            if let Some(last) = queue.jobs.last_mut().filter(|_| is_open)
                && let Some(rows) = last.rows_of(series)
            {
                rows.push(row);
                let count = rows.len();
                if let Some(place) = &mut last.place {
                    place.last = newest;
                }
                if rank == Rank::Last {
                    last.rank = rank;
                }
                queue.is_urgent |= self.core.durability == Durability::Power && done.is_some();
                last.done.extend(done);
                return Ok(count);
            }

            let done = done.into_iter().collect();
            self.core.push(queue, WriteJob { done, rank, ..begin(row) }).map(|()| 1)
        })
    }
}
