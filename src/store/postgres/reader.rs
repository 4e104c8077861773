//! Reading a store on a server: what concerns it as a whole.

use super::carry::carry_out;
use super::connect::{Parameters, ServerSession};
use super::fault::LineFault;
use super::line::{AwayPatience, ServerLine};
use super::schema::TABLE_NAMES;
use crate::store::ReadError;
use crate::store::row::StoreChange;
use crate::store::server::RemoteFault;
use std::cell::Cell;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

/// A store on a server, open to read.
#[derive(Debug)]
pub struct ServerReader {
    line: ServerLine,
    is_frozen: Cell<bool>,
}

/// A store on a server as it was at one moment, until it is dropped.
#[derive(Debug)]
pub(in crate::store) struct ServerMoment<'a>(&'a ServerReader);

impl Drop for ServerMoment<'_> {
    fn drop(&mut self) {
        // The server forgets the moment with the line, if that is over.
        let _ = self
            .0
            .line
            .ask(AwayPatience::SameLine, &async |session| session.batch("rollback").await);
        self.0.is_frozen.set(false);
    }
}

impl ServerReader {
    pub(super) fn new(line: ServerLine) -> ServerReader {
        ServerReader { line, is_frozen: Cell::new(false) }
    }

    pub(super) fn line(&self) -> &ServerLine {
        &self.line
    }

    pub(in crate::store) fn is_frozen(&self) -> bool {
        self.is_frozen.get()
    }

    pub(in crate::store) fn freeze(&self) -> Result<ServerMoment<'_>, ReadError> {
        let sql = "begin isolation level repeatable read, read only";
        self.ask(&async |session| session.batch(sql).await)?;
        self.is_frozen.set(true);
        Ok(ServerMoment(self))
    }

    /// Asks the server something. While the store is frozen, a line that breaks takes the moment with it.
    pub(super) fn ask<T>(
        &self,
        question: &impl AsyncFn(&ServerSession) -> Result<T, LineFault>,
    ) -> Result<T, ReadError> {
        let patience = if self.is_frozen() { AwayPatience::SameLine } else { AwayPatience::Waits };
        self.line.ask(patience, question).map_err(LineFault::of_reading)
    }

    /// Returns the rows that a question gives.
    pub(super) fn rows(&self, sql: &str, with: Parameters<'_>) -> Result<Vec<Row>, ReadError> {
        self.ask(&async |session| session.rows(sql, with).await)
    }

    /// Returns the only row that a question gives, if it gives one.
    pub(super) fn row(&self, sql: &str, with: Parameters<'_>) -> Result<Option<Row>, ReadError> {
        self.ask(&async |session| session.row(sql, with).await)
    }

    /// Returns the only value that a question gives.
    pub(super) fn value<T: for<'a> FromSql<'a>>(
        &self,
        sql: &str,
        with: Parameters<'_>,
    ) -> Result<T, ReadError> {
        match self.row(sql, with)? {
            Some(row) => column(&row, 0),
            None => Err(no_row()),
        }
    }

    /// Returns a number that changes whenever somebody has changed something on the server.
    pub(in crate::store) fn version(&self) -> Result<i64, ReadError> {
        // Its end alone stays where it is when the older of two changes is committed last.
        self.value("select hashtextextended(pg_current_snapshot()::text, 0)", &[])
    }

    /// Carries out a change. If its answer is lost, nobody knows whether it was carried out.
    pub(in crate::store) fn apply(&self, change: &StoreChange) -> Result<(), ReadError> {
        let question =
            async |session: &ServerSession| session.transact(carry_out(session, change)).await;
        self.line.ask(AwayPatience::None, &question).map_err(LineFault::of_reading)
    }

    /// Says what the server is, and what it promises.
    pub(in crate::store) fn describe(&self) -> Result<String, ReadError> {
        self.value(
            "select format('PostgreSQL %s, fsync %s, synchronous_commit %s', current_setting('server_version'),
                current_setting('fsync'), current_setting('synchronous_commit'))",
            &[],
        )
    }

    /// Looks whether the tables are there.
    pub(in crate::store) fn check(&self) -> Result<(), ReadError> {
        let sql = "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where n.nspname = current_schema() and c.relname = any($1)";
        let names = TABLE_NAMES.to_vec();
        let count: i64 = self.value(sql, &[&names])?;
        if usize::try_from(count) == Ok(TABLE_NAMES.len()) {
            return Ok(());
        }

        let reason = format!("{count} of its {} tables are there", TABLE_NAMES.len());
        Err(ReadError::Server(RemoteFault::Other { reason }))
    }
}

/// Says that a row is missing that has to be there.
pub(super) fn no_row() -> ReadError {
    ReadError::Server(RemoteFault::Other { reason: "there is no such row".to_owned() })
}

/// Reads a column of a row.
pub(super) fn column<'a, T: FromSql<'a>>(row: &'a Row, at: usize) -> Result<T, ReadError> {
    row.try_get(at).map_err(|error| LineFault::from(error).of_reading())
}
