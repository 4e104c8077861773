//! What runs that any of several machines performs keep on the server besides their journals: files by their hashes,
//! and what their programs print.

use super::reader::{ServerReader, column};
use crate::store::ReadError;
use crate::store::row::{PrintPlace, PrintRow};

/// Most rows of what was printed that are read at once.
const ROWS_MAX: i64 = 200;

impl ServerReader {
    pub(in crate::store) fn lacking_blobs(
        &self,
        hashes: &[String],
    ) -> Result<Vec<String>, ReadError> {
        let sql = "select hash from unnest($1::text[]) as wanted(hash)
            where not exists (select from blobs b where b.hash = wanted.hash)";
        self.rows(sql, &[&hashes])?.iter().map(|row| column(row, 0)).collect()
    }

    pub(in crate::store) fn keep_blob(&self, hash: &str, body: &[u8]) -> Result<(), ReadError> {
        let sql = "insert into blobs (hash, body) values ($1, $2) on conflict (hash) do nothing";
        self.rows(sql, &[&hash, &body]).map(drop)
    }

    pub(in crate::store) fn blob(&self, hash: &str) -> Result<Option<Vec<u8>>, ReadError> {
        let found = self.row("select body from blobs where hash = $1", &[&hash])?;
        found.map(|row| column(&row, 0)).transpose()
    }

    pub(in crate::store) fn keep_printed(&self, row: &PrintRow) -> Result<(), ReadError> {
        let PrintRow { work, place, stream, body } = row;
        let PrintPlace { stint, attempt, number } = place;
        // Its answer may have been lost before.
        let sql = "insert into printed (work, stint, try, n, stream, body)
            values ($1, $2, $3, $4, $5, $6) on conflict do nothing";
        self.rows(sql, &[work, stint, attempt, number, stream, body]).map(drop)
    }

    pub(in crate::store) fn printed_after(
        &self,
        work: &str,
        after: PrintPlace,
    ) -> Result<Vec<PrintRow>, ReadError> {
        let PrintPlace { stint, attempt, number } = after;
        let sql = "select stint, try, n, stream, body from printed
            where work = $1 and (stint, try, n) > ($2, $3, $4) order by stint, try, n limit $5";
        let found = self.rows(sql, &[&work, &stint, &attempt, &number, &ROWS_MAX])?;

        let row = |row: &tokio_postgres::Row| {
            Ok(PrintRow {
                work: work.to_owned(),
                place: PrintPlace {
                    stint: column(row, 0)?,
                    attempt: column(row, 1)?,
                    number: column(row, 2)?,
                },
                stream: column(row, 3)?,
                body: column(row, 4)?,
            })
        };
        found.iter().map(row).collect()
    }
}
