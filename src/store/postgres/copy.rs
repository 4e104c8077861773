//! Copying what a server knows into a store in memory, for who tries something and changes nothing.

use super::reader::column;
use crate::store::reader::SUMS;
use crate::store::server::{RemoteAddress, RemoteFault};
use crate::store::{OpenPurpose, ReadError, StoreError};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use std::sync::Arc;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

/// Most rows that are read at once.
const PAGE: i64 = 1024;

const OBSERVATIONS: &str =
    "seq, at, task_type, pattern, source, run, success_rate, execution_time, score, cost,
    tokens, kind, message, extra, execution, amends";

/// Copies observations, sums and snapshots, as they are at one moment.
pub(in crate::store) fn copy_learned(
    address: Arc<RemoteAddress>,
    memory: &Connection,
) -> Result<(), ReadError> {
    let reader = match super::open(address, OpenPurpose::Read) {
        Ok(reader) => reader,
        Err(StoreError::Server { fault, .. }) => return Err(ReadError::Server(fault)),
        Err(other) => {
            let fault = RemoteFault::Other { reason: other.to_string() };
            return Err(ReadError::Server(fault));
        }
    };
    let _moment = reader.freeze()?;

    let mut after = 0_i64;
    let sql =
        format!("select {OBSERVATIONS} from observations where seq > $1 order by seq limit $2");
    loop {
        let rows = reader.rows(&sql, &[&after, &PAGE])?;
        insert(memory, "observations", OBSERVATIONS, &rows)?;
        let Some(last) = rows.last() else { break };
        after = column(last, 0)?;
    }

    let columns = format!("task_type, pattern, {SUMS}");
    let cells = reader.rows(&format!("select {columns} from cells"), &[])?;
    insert(memory, "cells", &columns, &cells)?;
    let columns = "fold, seq, at, body";
    let snapshots = reader.rows(&format!("select {columns} from snapshots order by id"), &[])?;
    insert(memory, "snapshots", columns, &snapshots)
}

fn insert(memory: &Connection, table: &str, names: &str, rows: &[Row]) -> Result<(), ReadError> {
    let Some(first) = rows.first() else { return Ok(()) };
    let places = vec!["?"; first.len()].join(", ");
    let mut insert =
        memory.prepare_cached(&format!("INSERT INTO {table} ({names}) VALUES ({places})"))?;
    for row in rows {
        let values = (0..row.len()).map(|at| cell(row, at)).collect::<Result<Vec<_>, _>>()?;
        insert.execute(params_from_iter(values))?;
    }
    Ok(())
}

/// Reads a column as SQLite keeps it.
fn cell(row: &Row, at: usize) -> Result<Value, ReadError> {
    let kind = row.columns().get(at).map(|column| column.type_().clone());
    Ok(match kind {
        Some(Type::INT8) => column::<Option<i64>>(row, at)?.into(),
        Some(Type::FLOAT8) => column::<Option<f64>>(row, at)?.into(),
        Some(Type::BYTEA) => column::<Option<Vec<u8>>>(row, at)?.into(),
        _ => column::<Option<String>>(row, at)?.into(),
    })
}
