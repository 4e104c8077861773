//! Reading a store: what its rows hold, as plain values. What they mean is known to whoever asks.

mod both;
mod events;
mod learned;
mod runs;

pub use events::{EventPlace, EventsEnd, StoredEvent};
#[cfg(feature = "shared")]
pub(in crate::store) use learned::{JUDGED, NEWEST, SEEN, WHOLE, WRONG, WRONG_MESSAGE, source_of};
pub use learned::{
    NamedOutcome, ObservationChoice, StoredExecution, StoredFailures, StoredObservation,
    StoredOutcome, StoredSums, WholeObservation,
};
pub(in crate::store) use learned::{SUMS, read_sums};
pub use runs::{RunChoice, StoredAnnotation, StoredRun};

#[cfg(feature = "shared")]
use crate::store::postgres::{self, ServerMoment, ServerReader};
use crate::store::row::StoreChange;
use crate::store::server::{self, RemoteAddress, RemoteFault};
use crate::store::writer::carry_out;
use crate::store::{BUSY_TIMEOUT, StoreError, name_to_read};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, Transaction};
use std::borrow::Cow;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// An open store. Most of what is written goes through the one `Writer`; what it keeps itself is little, or in memory.
#[derive(Debug)]
pub enum Reader {
    /// A file, or a store in memory.
    Embedded(EmbeddedReader),
    /// On a server that several machines share.
    #[cfg(feature = "shared")]
    Shared(ServerReader),
}

/// An open store that is a file, or in memory.
#[derive(Debug)]
pub struct EmbeddedReader {
    pub(in crate::store) connection: Connection,
}

/// A store that cannot be read, or whose row is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// SQLite refused.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The server refused, or is away.
    #[error("the shared store {0}")]
    Server(RemoteFault),
}

impl ReadError {
    /// Tells whether pages of the store are damaged.
    pub fn is_corrupt(&self) -> bool {
        match self {
            ReadError::Sqlite(error) => {
                error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt)
            }
            ReadError::Server(_) => false,
        }
    }

    /// Tells whether the store itself is at fault, and not one row of it.
    pub fn is_of_store(&self) -> bool {
        match self {
            ReadError::Sqlite(error) => error.sqlite_error().is_some(),
            ReadError::Server(_) => true,
        }
    }

    /// Says the same of the store at a path.
    pub fn of(self, path: &Path) -> StoreError {
        match self {
            ReadError::Sqlite(error) => StoreError::sqlite(path.to_owned(), error),
            ReadError::Server(fault) => StoreError::Server { name: path.to_owned(), fault },
        }
    }
}

/// A value of a row, whatever type it should have: a damaged store may hold anything anywhere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StoredValue<'a> {
    /// Nothing.
    Null,
    /// A whole number.
    Integer(i64),
    /// A fraction.
    Real(f64),
    /// A text, which need not be in UTF-8.
    Text(&'a [u8]),
    /// Bytes.
    Blob(&'a [u8]),
}

impl<'a> StoredValue<'a> {
    fn of(value: ValueRef<'a>) -> StoredValue<'a> {
        match value {
            ValueRef::Null => StoredValue::Null,
            ValueRef::Integer(number) => StoredValue::Integer(number),
            ValueRef::Real(number) => StoredValue::Real(number),
            ValueRef::Text(bytes) => StoredValue::Text(bytes),
            ValueRef::Blob(bytes) => StoredValue::Blob(bytes),
        }
    }

    /// Returns it, if it is a whole number.
    pub fn as_integer(self) -> Option<i64> {
        match self {
            StoredValue::Integer(number) => Some(number),
            StoredValue::Null
            | StoredValue::Real(_)
            | StoredValue::Text(_)
            | StoredValue::Blob(_) => None,
        }
    }

    /// Returns it, if it is a text in UTF-8.
    pub fn as_text(self) -> Option<&'a str> {
        match self {
            StoredValue::Text(bytes) => std::str::from_utf8(bytes).ok(),
            StoredValue::Null
            | StoredValue::Integer(_)
            | StoredValue::Real(_)
            | StoredValue::Blob(_) => None,
        }
    }

    /// Returns it as text, whatever it is.
    pub fn shown(self) -> Cow<'a, str> {
        match self {
            StoredValue::Null => "".into(),
            StoredValue::Integer(number) => number.to_string().into(),
            StoredValue::Real(number) => number.to_string().into(),
            StoredValue::Text(bytes) | StoredValue::Blob(bytes) => String::from_utf8_lossy(bytes),
        }
    }
}

/// A store as it was at one moment, until it is dropped: what others write meanwhile is not seen.
#[derive(Debug)]
pub struct FrozenStore<'a> {
    reader: &'a Reader,
    _moment: StoreMoment<'a>,
}

/// What keeps a store as it was at one moment.
#[derive(Debug)]
enum StoreMoment<'a> {
    Embedded {
        _moment: Transaction<'a>,
    },
    #[cfg(feature = "shared")]
    Shared {
        _moment: ServerMoment<'a>,
    },
}

impl Deref for FrozenStore<'_> {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        self.reader
    }
}

impl Reader {
    /// Returns the connection to a store that is a file, or in memory.
    #[cfg(test)]
    pub(in crate::store) fn connection(&self) -> &Connection {
        match self {
            Reader::Embedded(store) => &store.connection,
            #[cfg(feature = "shared")]
            Reader::Shared(_) => panic!("a store on a server has no connection of SQLite"),
        }
    }

    /// Returns the store, if it is a file or in memory.
    #[cfg_attr(
        not(feature = "shared"),
        allow(clippy::unnecessary_wraps, reason = "no store is on a server then")
    )]
    pub(in crate::store) fn file(&self) -> Option<&EmbeddedReader> {
        match self {
            Reader::Embedded(store) => Some(store),
            #[cfg(feature = "shared")]
            Reader::Shared(_) => None,
        }
    }

    /// Lets everything that is read see the store as it is at this moment, until what is returned is
    /// dropped.
    pub fn freeze(&self) -> Result<FrozenStore<'_>, ReadError> {
        let moment = match self {
            Reader::Embedded(store) => {
                StoreMoment::Embedded { _moment: store.connection.unchecked_transaction()? }
            }
            #[cfg(feature = "shared")]
            Reader::Shared(store) => StoreMoment::Shared { _moment: store.freeze()? },
        };
        Ok(FrozenStore { reader: self, _moment: moment })
    }

    /// Does the same, unless it is frozen already.
    pub fn freeze_once(&self) -> Result<Option<FrozenStore<'_>>, ReadError> {
        let is_free = match self {
            Reader::Embedded(store) => store.connection.is_autocommit(),
            #[cfg(feature = "shared")]
            Reader::Shared(store) => !store.is_frozen(),
        };
        is_free.then(|| self.freeze()).transpose()
    }

    /// Carries out a change here, as a part of the transaction that is open, if one is. That is for stores in
    /// memory, which have no writer.
    pub fn apply_here(&self, change: &StoreChange) -> Result<(), ReadError> {
        match self {
            Reader::Embedded(store) => store.apply_here(change),
            #[cfg(feature = "shared")]
            Reader::Shared(store) => store.apply(change),
        }
    }

    /// Carries out a change in a transaction of its own.
    pub fn apply_alone(&self, change: &StoreChange) -> Result<(), ReadError> {
        match self {
            Reader::Embedded(store) => store.apply_alone(change),
            #[cfg(feature = "shared")]
            Reader::Shared(store) => store.apply(change),
        }
    }

    /// Carries out a change that nobody misses, unless others are writing: who only looks does not wait for them.
    pub fn apply_if_free(&self, change: &StoreChange) {
        match self {
            Reader::Embedded(store) => store.apply_if_free(change),
            #[cfg(feature = "shared")]
            Reader::Shared(store) => drop(store.apply(change)),
        }
    }

    /// Makes what a store knows readable here, beside what this store in memory holds, and leaves it as it is.
    pub fn lay_over(&self, path: &Path) -> Result<(), ReadError> {
        match self {
            Reader::Embedded(store) => store.lay_over(path),
            #[cfg(feature = "shared")]
            Reader::Shared(_) => {
                let instead = "a copy of what is known is kept in memory";
                Err(ReadError::Server(RemoteFault::FileOnly { instead }))
            }
        }
    }
}

impl EmbeddedReader {
    /// Returns a number that changes whenever another connection has changed the store.
    fn version(&self) -> Result<i64, ReadError> {
        Ok(self.connection.pragma_query_value(None, "data_version", |row| row.get(0))?)
    }

    /// Says what keeps the store.
    fn describe(&self) -> Result<String, ReadError> {
        let sql = "SELECT 'SQLite ' || sqlite_version()";
        Ok(self.connection.query_row(sql, [], |row| row.get(0))?)
    }

    fn apply_here(&self, change: &StoreChange) -> Result<(), ReadError> {
        self.connection.execute_batch("SAVEPOINT here")?;
        let changed = carry_out(&self.connection, change);
        let end = if changed.is_ok() { "" } else { "ROLLBACK TO here;" };
        self.connection.execute_batch(&format!("{end} RELEASE here"))?;
        Ok(changed?)
    }

    fn apply_alone(&self, change: &StoreChange) -> Result<(), ReadError> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let changed = carry_out(&self.connection, change)
            .and_then(|()| self.connection.execute_batch("COMMIT"));

        if changed.is_err() {
            // The first error says what went wrong.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        Ok(changed?)
    }

    fn apply_if_free(&self, change: &StoreChange) {
        let _ = self.connection.busy_timeout(Duration::ZERO);
        let _ = self.connection.unchecked_transaction().and_then(|tx| {
            carry_out(&tx, change)?;
            tx.commit()
        });
        let _ = self.connection.busy_timeout(BUSY_TIMEOUT);
    }

    fn lay_over(&self, path: &Path) -> Result<(), ReadError> {
        if let Some(address) = server::address_of(path) {
            return take_over(&address, &self.connection);
        }

        let (name, help) = name_to_read(path);
        // What the connection needs to read the store, it needs for that alone.
        help.prepare(&self.connection)?;
        self.connection.execute("ATTACH ? AS disk", [name])?;
        self.connection.pragma_update(Some("main"), "locking_mode", "NORMAL")?;
        Ok(self.connection.execute_batch(learned::OVERLAY)?)
    }
}

/// Takes over what a store on a server knows. It cannot be laid over, so it is copied.
#[cfg(feature = "shared")]
fn take_over(address: &Arc<RemoteAddress>, memory: &Connection) -> Result<(), ReadError> {
    postgres::copy_learned(address.clone(), memory)
}

#[cfg(not(feature = "shared"))]
fn take_over(_address: &Arc<RemoteAddress>, _memory: &Connection) -> Result<(), ReadError> {
    Err(ReadError::Server(RemoteFault::NoFeature))
}
