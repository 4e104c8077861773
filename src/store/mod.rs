//! The one SQLite file of a project, or a store in memory. Knows tables and transactions, nothing
//! of what the rows mean.

mod schema;
pub mod writer;

pub use rusqlite::Connection;

use rusqlite::OpenFlags;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest wait for another process that is writing, before SQLite gives up on one try.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused.
    #[error("store `{path}`: {source}", path = path.display())]
    Sqlite {
        /// The store's file.
        path: PathBuf,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// The file is damaged. It was left as it is.
    #[error("store `{path}` is damaged: {reason}", path = path.display())]
    Damaged {
        /// The store's file.
        path: PathBuf,
        /// What SQLite found.
        reason: String,
    },
    /// The file was written by a newer program.
    #[error("store `{path}` has format {found}, this program knows up to {known}", path = path.display())]
    Newer {
        /// The store's file.
        path: PathBuf,
        /// The format found in the file.
        found: i64,
        /// The newest format that this program knows.
        known: i64,
    },
    /// The folder for the store cannot be made.
    #[error("creating `{path}`: {source}", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The writer thread is gone.
    #[error("the store's writer has stopped")]
    WriterStopped,
}

impl StoreError {
    /// Makes an error of one of SQLite's; a damaged file is told apart.
    pub(crate) fn sqlite(path: PathBuf, source: rusqlite::Error) -> StoreError {
        match source.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
                StoreError::Damaged { path, reason: source.to_string() }
            }
            _ => StoreError::Sqlite { path, source },
        }
    }
}

/// Opens the store at `path` and brings its tables up to date; creates it if there is none.
pub fn open(path: &Path) -> Result<Connection, StoreError> {
    let fail = |source| StoreError::sqlite(path.to_owned(), source);
    let mut connection = Connection::open_with_flags(path, OpenFlags::default()).map_err(fail)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(fail)?;
    schema::prepare(&mut connection, path)?;
    Ok(connection)
}

/// Looks through the whole file for damage.
pub fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let path = path.to_owned();
    let found: Result<String, _> =
        connection.query_row("PRAGMA integrity_check(3)", [], |row| row.get(0));
    match found {
        Ok(word) if word == "ok" => Ok(()),
        Ok(reason) => Err(StoreError::Damaged { path, reason }),
        Err(source) => Err(StoreError::sqlite(path, source)),
    }
}

/// How much room a store takes, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// What it holds.
    pub used: u64,
    /// The file, with the room in it that is free, and without the log of the newest changes.
    pub file: u64,
}

/// Measures a store.
pub fn size(connection: &Connection, path: &Path) -> Result<Size, StoreError> {
    let number = |name: &str| {
        let value = connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        value.map(i64::unsigned_abs).map_err(|source| StoreError::sqlite(path.to_owned(), source))
    };
    let (page, pages, free) =
        (number("page_size")?, number("page_count")?, number("freelist_count")?);
    Ok(Size { used: (pages - free) * page, file: pages * page })
}

/// Gives the free room of a store back to the disk. Others may read and write meanwhile.
pub fn shrink(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let fail = |source| StoreError::sqlite(path.to_owned(), source);
    let mut vacuum = connection.prepare("PRAGMA incremental_vacuum").map_err(fail)?;
    // Each row stands for a page that was given back.
    let mut rows = vacuum.query([]).map_err(fail)?;
    while rows.next().map_err(fail)?.is_some() {}
    let mut checkpoint = connection.prepare("PRAGMA wal_checkpoint(TRUNCATE)").map_err(fail)?;
    let mut rows = checkpoint.query([]).map_err(fail)?;
    while rows.next().map_err(fail)?.is_some() {}
    Ok(())
}

/// Copies a store, as it is at this moment, into a new file. Others may write meanwhile.
pub fn copy(connection: &Connection, path: &Path, target: &Path) -> Result<(), StoreError> {
    let fail = |source| StoreError::sqlite(path.to_owned(), source);
    let name = target.to_string_lossy();
    connection.execute("VACUUM INTO ?", [&*name]).map(drop).map_err(fail)
}

/// Opens a store in memory, which is gone when it is closed.
pub fn open_in_memory() -> Result<Connection, StoreError> {
    let path = Path::new(":memory:");
    let mut connection = Connection::open_in_memory()
        .map_err(|source| StoreError::Sqlite { path: path.to_owned(), source })?;
    schema::prepare(&mut connection, path)?;
    Ok(connection)
}
