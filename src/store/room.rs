//! How much room a store takes, and giving back what it no longer needs.

use crate::store::reader::EmbeddedReader;
use crate::store::{Reader, RemoteFault, StoreError};
use rusqlite::ErrorCode;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

const SIZE_INSTEAD: &str = "measure it there, with `pg_database_size`";
const ROOM_INSTEAD: &str = "PostgreSQL gives its free room back by itself, with `autovacuum`";
const COPY_INSTEAD: &str =
    "copy it with `pg_dump`, or export runs as JSON lines with `kaizen export --all`";

/// How much room a store takes, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// What it holds.
    pub used: u64,
    /// The file, with the room in it that is free, and without the log of the newest changes.
    pub file: u64,
}

/// Returns a store that is a file. On a server, others see to the room that it takes.
fn file<'a>(
    reader: &'a Reader,
    path: &Path,
    instead: &'static str,
) -> Result<&'a EmbeddedReader, StoreError> {
    let fault = RemoteFault::FileOnly { instead };
    reader.file().ok_or_else(|| StoreError::Server { name: path.to_owned(), fault })
}

/// Measures a store.
pub fn size(reader: &Reader, path: &Path) -> Result<Size, StoreError> {
    let reader = file(reader, path, SIZE_INSTEAD)?;
    let number = |name: &str| {
        let value = reader.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        value.map(i64::unsigned_abs).map_err(|source| StoreError::sqlite(path.to_owned(), source))
    };

    let page = number("page_size")?;
    let pages = number("page_count")?;
    let free = number("freelist_count")?;
    Ok(Size { used: (pages - free) * page, file: pages * page })
}

/// Gives the free room of a store back to the disk. Others may read and write meanwhile.
pub fn shrink(reader: &Reader, path: &Path) -> Result<(), StoreError> {
    let reader = file(reader, path, ROOM_INSTEAD)?;
    let fail = |source| StoreError::sqlite(path.to_owned(), source);
    let mut vacuum = reader.connection.prepare("PRAGMA incremental_vacuum").map_err(fail)?;

    // Each row stands for a page that was given back.
    let mut rows = vacuum.query([]).map_err(fail)?;
    while rows.next().map_err(fail)?.is_some() {}

    let mut checkpoint =
        reader.connection.prepare("PRAGMA wal_checkpoint(TRUNCATE)").map_err(fail)?;
    let mut rows = checkpoint.query([]).map_err(fail)?;
    while rows.next().map_err(fail)?.is_some() {}

    Ok(())
}

/// Rewrites the whole store, so that no page holds a rest of what is no longer in it. Others may read
/// meanwhile.
pub fn rewrite(reader: &Reader, path: &Path) -> Result<(), StoreError> {
    let reader = file(reader, path, ROOM_INSTEAD)?;
    let fail = |source| StoreError::sqlite(path.to_owned(), source);
    reader.connection.execute_batch("VACUUM").map_err(fail)
}

/// Copies a store, as it is at this moment, into an empty file. Others may write meanwhile. `wanted` is what the
/// file is called in errors.
pub fn copy(reader: &Reader, path: &Path, target: &Path, wanted: &Path) -> Result<(), StoreError> {
    let reader = file(reader, path, COPY_INSTEAD)?;
    let fail = |source: rusqlite::Error| {
        // The store is only read, so what cannot be written is the copy.
        let is_of_copy = matches!(
            source.sqlite_error_code(),
            Some(ErrorCode::DiskFull | ErrorCode::CannotOpen | ErrorCode::ReadOnly)
        );
        let place = if is_of_copy { wanted } else { path };
        StoreError::sqlite(place.to_owned(), source)
    };
    // A name may be no text, and must not be taken for an address or for a word of SQLite's own.
    let target = std::path::absolute(target).unwrap_or_else(|_| target.to_owned());
    let name = target.as_os_str().as_bytes();
    reader.connection.execute("VACUUM INTO CAST(? AS TEXT)", [name]).map(drop).map_err(fail)
}
