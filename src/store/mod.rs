//! The store of a project: its one SQLite file, a store in memory, or one on a PostgreSQL server that several
//! machines share. Knows tables and transactions, nothing of what the rows mean.

mod anchor;
pub mod durability;
#[cfg(test)]
pub(crate) mod each_store;
mod log;
mod mark;
mod patience;
#[cfg(feature = "shared")]
mod postgres;
pub mod query;
mod reader;
mod room;
mod row;
mod schema;
mod server;
mod sums;
mod thread_wait;
pub mod writer;

pub use mark::{StoreMark, mark, remove_mark};
pub use patience::on_wait;
#[cfg(feature = "shared")]
pub use postgres::ServerReader;
pub use reader::{
    EventPlace, EventsEnd, FrozenStore, NamedOutcome, ObservationChoice, ReadError, Reader,
    RunChoice, StoredAnnotation, StoredEvent, StoredExecution, StoredFailures, StoredObservation,
    StoredOutcome, StoredRun, StoredSums, StoredValue, WholeObservation,
};
pub use room::{Size, copy, rewrite, shrink, size};
pub use row::{
    Amendment, AnnotationRow, EventRow, ObservationRow, ObservationSource, RunEdge, SealRow,
    SnapshotRow, StoreChange, TEXT_KIND, VerdictEffect, VerdictRow,
};
#[cfg(feature = "engine")]
pub use row::{PrintPlace, PrintRow};
#[cfg(feature = "engine")]
pub use server::schema_of_server;
pub use server::{AddressError, RemoteFault, is_on_server, name_server};
pub use sums::{PatternSums, Sums, SumsEntry};

use crate::base::own;
use crate::base::thread::NoThread;
use nix::unistd::{AccessFlags, access};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use reader::EmbeddedReader;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};
use schema::SchemaDifference;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The folder of a project that kaizen keeps to itself.
pub const FOLDER: &str = ".kaizen";

/// Longest wait for another process that is writing, before SQLite gives up on one try.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// What happened to a store while it was open, so that nothing more is kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    /// Its file is gone.
    #[error(
        "was removed or moved away while it was open, so new events are lost; put it back, or run \
         again to create a new one"
    )]
    Removed,
    /// Another file is in its place.
    #[error(
        "was replaced by another file while it was open, so new events are lost; run again to use \
         the new file"
    )]
    Replaced,
    /// A file of its log is gone.
    #[error(
        "lost its log while it was open: `{path}` was removed; stop every program that uses the \
         store, then run `kaizen doctor`",
        path = _0.display()
    )]
    LogRemoved(PathBuf),
    /// Another file is in the place of one of its log.
    #[error(
        "lost its log while it was open: `{path}` was replaced; stop every program that uses the \
         store, then run `kaizen doctor`",
        path = _0.display()
    )]
    LogReplaced(PathBuf),
    /// Its log was cut or overwritten in place.
    #[error(
        "lost its log while it was open: `{path}` was cut or overwritten, perhaps by a restored copy; \
         stop every program that uses the store, restore the copy again if there is one, then run \
         `kaizen doctor`",
        path = _0.display()
    )]
    LogOverwritten(PathBuf),
    /// Its file was overwritten.
    #[error(
        "was overwritten while it was open, perhaps by a restored copy; stop every program that \
         uses it, remove its `-wal` and `-shm` files, and restore the copy again"
    )]
    Overwritten,
    /// What was committed to it is there no more.
    #[error(
        "has lost journaled events of this run: they were deleted, or an older copy was restored; \
         run again"
    )]
    Rewound,
}

/// What can go wrong with the store. It can be told to everybody who waits, hence the shared causes.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused.
    #[error("store `{path}`: {reason}", path = path.display())]
    Sqlite {
        /// The store's file.
        path: PathBuf,
        /// SQLite's reason, which the text holds.
        reason: Arc<rusqlite::Error>,
    },
    /// There is no room for more.
    #[error(
        "the disk of store `{path}` is full, or a size limit is reached ({reason}); everything \
         written before is kept: free some space, then continue with `kaizen run --resume`",
        path = path.display()
    )]
    Full {
        /// The store's file.
        path: PathBuf,
        /// SQLite's reason, which the text holds.
        reason: Arc<rusqlite::Error>,
    },
    /// The disk failed while it was read or written.
    #[error(
        "the disk of store `{path}` failed ({reason}); everything written before is kept: check \
         it with `kaizen doctor`",
        path = path.display()
    )]
    Disk {
        /// The store's file.
        path: PathBuf,
        /// SQLite's reason, which the text holds.
        reason: Arc<rusqlite::Error>,
    },
    /// The file or its folder may not be written.
    #[error(
        "store `{path}` cannot be written ({reason}); make the file and its folder writable",
        path = path.display()
    )]
    ReadOnly {
        /// The store's file.
        path: PathBuf,
        /// SQLite's reason, which the text holds.
        reason: Arc<rusqlite::Error>,
    },
    /// Another process has kept the file to itself for too long.
    #[error(
        "another program has locked store `{path}` for more than {} s: stop that program (such as \
         a database browser or a backup) and try again",
        BUSY_TIMEOUT.as_secs(),
        path = path.display()
    )]
    Locked {
        /// The store's file.
        path: PathBuf,
        /// SQLite's reason, which the text holds.
        reason: Arc<rusqlite::Error>,
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
    #[error(
        "store `{path}` has format {found}; this version supports up to {known}",
        path = path.display()
    )]
    Newer {
        /// The store's file.
        path: PathBuf,
        /// The format found in the file.
        found: i64,
        /// The newest format that this program knows.
        known: i64,
    },
    /// The file is no longer what was opened.
    #[error("store `{path}` {loss}", path = path.display())]
    Lost {
        /// The store's file.
        path: PathBuf,
        /// What happened to it.
        loss: Loss,
    },
    /// The file is a database, but no store.
    #[error(
        "`{path}` is a database of another program, with the tables `{tables}`, and was not \
         changed; move it away, and the next run creates a store",
        path = path.display(),
        tables = tables.join("`, `")
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its tables.
        tables: Vec<String>,
    },
    /// A link is where one of its files should be.
    #[error(
        "`{path}` is a link, and a store must not be one; remove it, or replace it with its target",
        path = path.display()
    )]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// Its folder may not be looked into, so that nobody knows whether it is there.
    #[error("store `{path}` cannot be read ({reason})", path = path.display())]
    Hidden {
        /// The store's file.
        path: PathBuf,
        /// The system's reason, which the text holds.
        reason: Arc<std::io::Error>,
    },
    /// A folder, a pipe or a device is in its place.
    #[error(
        "store `{path}` is not a file and was not changed: move it away, and the next run creates a store",
        path = path.display()
    )]
    NotAFile {
        /// What should be the file.
        path: PathBuf,
    },
    /// It has parts that are not kaizen's, which may change what is written to it.
    #[error(
        "store `{path}` has parts that are not kaizen's: {parts}; remove them with an SQLite tool, \
         with `DROP` or `ALTER TABLE`",
        path = path.display(),
        parts = parts.join(", ")
    )]
    Strange {
        /// The store's file.
        path: PathBuf,
        /// The parts.
        parts: Vec<String>,
    },
    /// The folder for the store cannot be made.
    #[error("cannot create `{path}`: {source}", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: Arc<std::io::Error>,
    },
    /// The store is on a server.
    #[error("store `{name}` {fault}", name = name.display())]
    Server {
        /// Its name.
        name: PathBuf,
        /// What is wrong.
        fault: RemoteFault,
    },
    /// Another process continues the run, which this one was taken to have left.
    #[error(
        "run {run} was taken over by another process, so this one keeps nothing more of it; everything written before \
         is kept: `kaizen show {run}` names the run that continues it"
    )]
    TakenOver {
        /// The run.
        run: String,
    },
    /// The run that was to be taken over has continued meanwhile.
    #[error(
        "run {run} was not taken over: another process works on it, or has taken it over; wait until that ends, or stop \
         it, then resume again"
    )]
    Contested {
        /// The run.
        run: String,
    },
    /// The writer thread is gone.
    #[error("the store's writer has stopped")]
    WriterStopped,
    /// The writer thread cannot be started.
    #[error("the store's writer cannot be started: {0}")]
    NoThread(#[from] NoThread),
}

impl StoreError {
    /// Makes an error of one of SQLite's.
    pub(crate) fn sqlite(path: PathBuf, source: rusqlite::Error) -> StoreError {
        if let rusqlite::Error::StatementChangedRows(_) = source {
            return StoreError::Lost { path, loss: Loss::Rewound };
        }

        let code = source.sqlite_error_code();
        let extended = source.sqlite_error().map(|error| error.extended_code);
        // The index of the log could not grow.
        let has_no_room = extended == Some(ffi::SQLITE_IOERR_SHMSIZE);
        let reason = Arc::new(source);
        match code {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                StoreError::Damaged { path, reason: reason.to_string() }
            }
            Some(ErrorCode::DiskFull) => StoreError::Full { path, reason },
            Some(ErrorCode::SystemIoFailure) if has_no_room => StoreError::Full { path, reason },
            Some(ErrorCode::SystemIoFailure) => StoreError::Disk { path, reason },
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                StoreError::ReadOnly { path, reason }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                StoreError::Locked { path, reason }
            }
            _ => StoreError::Sqlite { path, reason },
        }
    }

    /// Tells whether the store itself is at fault, so that any other change would fail as well.
    fn is_of_store(&self) -> bool {
        match self {
            StoreError::Full { .. }
            | StoreError::Disk { .. }
            | StoreError::ReadOnly { .. }
            | StoreError::Locked { .. }
            | StoreError::Damaged { .. }
            | StoreError::Newer { .. }
            | StoreError::Foreign { .. }
            | StoreError::Link { .. }
            | StoreError::Hidden { .. }
            | StoreError::NotAFile { .. }
            | StoreError::Strange { .. }
            | StoreError::Folder { .. }
            | StoreError::WriterStopped
            | StoreError::NoThread(_) => true,
            StoreError::Lost { loss, .. } => *loss != Loss::Rewound,
            StoreError::Server { fault, .. } => fault.is_of_store(),
            StoreError::Sqlite { .. }
            | StoreError::TakenOver { .. }
            | StoreError::Contested { .. } => false,
        }
    }
}

/// What somebody wants with a store on a server.
#[cfg_attr(not(feature = "shared"), allow(dead_code, reason = "only a client of the server asks"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OpenPurpose {
    /// To write to it, and to create it if there is none.
    Write,
    /// To read what is there.
    Read,
    /// To learn whether it could be written, or made if there is none.
    Check,
}

/// Opens a store on a server, if that is where it is.
fn open_on_server(name: &Path, purpose: OpenPurpose) -> Option<Result<Reader, StoreError>> {
    let address = server::address_of(name)?;

    #[cfg(feature = "shared")]
    let opened = postgres::open(address, purpose).map(Reader::Shared);
    #[cfg(not(feature = "shared"))]
    let opened = {
        let _ = purpose;
        Err(StoreError::Server { name: address.name().to_owned(), fault: RemoteFault::NoFeature })
    };

    Some(opened)
}

/// Opens the store at `path` and brings its tables up to date; creates it if there is none.
pub fn open(path: &Path) -> Result<Reader, StoreError> {
    match open_on_server(path, OpenPurpose::Write) {
        Some(opened) => opened,
        None => open_with(path, OpenFlags::default()).map(Reader::Embedded),
    }
}

/// Opens a store that was there before, and creates none in its place.
pub fn reopen(path: &Path) -> Result<Reader, StoreError> {
    match open_on_server(path, OpenPurpose::Read) {
        Some(opened) => opened,
        None => reopen_file(path).map(Reader::Embedded),
    }
}

fn reopen_file(path: &Path) -> Result<EmbeddedReader, StoreError> {
    let is_there = path
        .try_exists()
        .map_err(|error| StoreError::Hidden { path: path.to_owned(), reason: Arc::new(error) })?;
    if !is_there && !is_shared_memory(path) {
        return Err(StoreError::Lost { path: path.to_owned(), loss: Loss::Removed });
    }

    open_with(path, OpenFlags::default() & !OpenFlags::SQLITE_OPEN_CREATE)
}

/// What the name of a store in memory that several connections share begins with. SQLite keeps it as long as
/// one of them is open.
const SHARED_MEMORY: &str = "file:/kaizen-";

/// Returns a name for a store in memory that several connections of this process share.
pub fn shared_memory_name(id: &str) -> PathBuf {
    PathBuf::from(format!("{SHARED_MEMORY}{id}?vfs=memdb"))
}

/// Tells whether a name is that of a store in memory.
pub(in crate::store) fn is_shared_memory(path: &Path) -> bool {
    path.as_os_str().as_bytes().starts_with(SHARED_MEMORY.as_bytes())
}

fn open_with(path: &Path, flags: OpenFlags) -> Result<EmbeddedReader, StoreError> {
    if is_shared_memory(path) {
        return open_shared_memory(path);
    }
    if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
        return Err(StoreError::NotAFile { path: path.to_owned() });
    }

    open_named(&real(path), path, flags, ReadHelp::None)
}

/// Resolves the links above a store's folder, which are the user's own.
fn real(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).canonicalize();

    let real = folder.ok().zip(path.file_name()).map(|(folder, name)| folder.join(name));
    real.unwrap_or_else(|| path.to_owned())
}

/// Opens a store by a name that SQLite knows it by.
fn open_named(
    name: &Path,
    path: &Path,
    flags: OpenFlags,
    help: ReadHelp,
) -> Result<EmbeddedReader, StoreError> {
    let fail = |source| StoreError::sqlite(path.to_owned(), source);

    refuse_links(path)?;
    if flags.contains(OpenFlags::SQLITE_OPEN_CREATE) {
        // SQLite gives the log and its index the rights of the store. A file that cannot be made or
        // changed is told by SQLite, which may still be able to read it.
        let _ = own::prepare(path);
    }

    let flags = flags | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut connection = Connection::open_with_flags(name, flags).map_err(fail)?;
    help.prepare(&connection).map_err(fail)?;
    patience::wait_for_others(&mut connection, path).map_err(fail)?;
    schema::prepare(&mut connection, path)?;
    Ok(EmbeddedReader { connection })
}

/// Refuses links where the files of a store should be, and where its folder should be; and what is no
/// file there.
fn refuse_links(path: &Path) -> Result<(), StoreError> {
    let beside = ["", "-wal", "-shm", "-journal", mark::END].map(|end| file_of(path, end));

    let folder = path.parent().filter(|folder| folder.ends_with(FOLDER)).map(Path::to_owned);
    if let Some(path) = folder.into_iter().chain(beside.clone()).find(|path| own::is_link(path)) {
        return Err(StoreError::Link { path });
    }

    // SQLite would wait for ever for somebody to write into a pipe.
    let is_odd = |path: &PathBuf| path.metadata().is_ok_and(|meta| !meta.is_file());
    beside.into_iter().find(is_odd).map_or(Ok(()), |path| Err(StoreError::NotAFile { path }))
}

/// Opens a store that was there before, to read it. Where neither it nor its folder may be written, or the disk
/// is full, it is read as it is.
pub fn open_to_read(path: &Path) -> Result<Reader, StoreError> {
    match open_on_server(path, OpenPurpose::Read) {
        Some(opened) => opened,
        None => open_file_to_read(path).map(Reader::Embedded),
    }
}

fn open_file_to_read(path: &Path) -> Result<EmbeddedReader, StoreError> {
    let opened = reopen_file(path);
    let help = ReadHelp::of(&opened, path);
    if help == ReadHelp::None {
        return opened;
    }

    let address = format!("{}{}", address(path), help.parameter());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;

    match open_named(Path::new(&address), path, flags, help) {
        // The disk fails whatever is wanted of it.
        Err(StoreError::Disk { .. }) => opened,
        read => read,
    }
}

/// What helps to read a store that cannot be opened, because SQLite would need files beside it that it cannot make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum ReadHelp {
    /// Nothing is needed, or nothing helps.
    None,
    /// The store has no log, and is read as it is.
    AsItIs,
    /// The store has a log without an index. Nobody has it open, so the index is made in memory.
    OwnIndex,
}

impl ReadHelp {
    fn of(opened: &Result<EmbeddedReader, StoreError>, path: &Path) -> ReadHelp {
        let lacks_files = matches!(
            opened,
            Err(StoreError::ReadOnly { .. } | StoreError::Full { .. } | StoreError::Disk { .. })
        );
        match lacks_files {
            false => ReadHelp::None,
            true if !has_log(path) => ReadHelp::AsItIs,
            true if !file_of(path, "-shm").exists() => ReadHelp::OwnIndex,
            true => ReadHelp::None,
        }
    }

    /// Returns what is written behind the address of the store.
    fn parameter(self) -> &'static str {
        match self {
            ReadHelp::None => "",
            ReadHelp::AsItIs => "?immutable=1",
            ReadHelp::OwnIndex => "?vfs=unix-none",
        }
    }

    /// Prepares a connection, before anything is read.
    pub(in crate::store) fn prepare(self, connection: &Connection) -> rusqlite::Result<()> {
        if self == ReadHelp::OwnIndex {
            // Only then is the index made in memory. The log stays as it is.
            connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        }
        Ok(())
    }
}

/// Returns the name by which another connection attaches a store to read it, wherever it may be written, and what
/// that connection needs.
pub(in crate::store) fn name_to_read(path: &Path) -> (String, ReadHelp) {
    let help = ReadHelp::of(&reopen_file(path), path);
    (format!("{}{}", address(path), help.parameter()), help)
}

fn has_log(path: &Path) -> bool {
    std::fs::metadata(file_of(path, "-wal")).is_ok_and(|meta| meta.len() > 0)
}

/// Returns the path of one of the files of a store: what SQLite keeps beside it has an end of its own.
fn file_of(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Writes a path, which may be no text, as an address that SQLite reads.
fn address(path: &Path) -> String {
    format!("file:{}", percent_encode(real(path).as_os_str().as_bytes(), NON_ALPHANUMERIC))
}

/// Lets everything that is read see the store as it is at this moment, until what is returned is
/// dropped.
pub fn freeze<'a>(reader: &'a Reader, path: &Path) -> Result<FrozenStore<'a>, StoreError> {
    reader.freeze().map_err(|error| error.of(path))
}

/// Looks through the whole file for damage, for tables, columns and indexes that are missing, and for
/// what is not kaizen's.
pub fn check(reader: &Reader, path: &Path) -> Result<(), StoreError> {
    match reader {
        Reader::Embedded(store) => check_file(store, path),
        #[cfg(feature = "shared")]
        Reader::Shared(store) => store.check().map_err(|error| error.of(path)),
    }
}

fn check_file(reader: &EmbeddedReader, path: &Path) -> Result<(), StoreError> {
    let fail = |source| StoreError::sqlite(path.to_owned(), source);
    let damaged = |reason| Err(StoreError::Damaged { path: path.to_owned(), reason });

    let found: String = reader
        .connection
        .query_row("PRAGMA integrity_check(3)", [], |row| row.get(0))
        .map_err(fail)?;
    if found != "ok" {
        return damaged(found);
    }

    let SchemaDifference { lacking, strange } =
        schema::compare(&reader.connection).map_err(fail)?;
    if !lacking.is_empty() {
        return damaged(format!("it lacks {}", lacking.join(", ")));
    }
    if !strange.is_empty() {
        return Err(StoreError::Strange { path: path.to_owned(), parts: strange });
    }
    Ok(())
}

/// Checks that a store can be written, or made if there is none: its files and its folder.
pub fn check_writable(path: &Path) -> Result<(), StoreError> {
    if let Some(opened) = open_on_server(path, OpenPurpose::Check) {
        return opened.map(drop);
    }

    let folder = path.parent().unwrap_or(Path::new("."));
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(folder);
    let files = ["", "-wal", "-shm"].map(|end| file_of(path, end));

    for place in files.iter().map(PathBuf::as_path).filter(|file| file.exists()).chain([there]) {
        if let Err(error) = access(place, AccessFlags::W_OK) {
            let reason = format!("`{}`: {}", place.display(), error.desc());
            let code = ffi::Error::new(ffi::SQLITE_READONLY);
            let reason = Arc::new(rusqlite::Error::SqliteFailure(code, Some(reason)));
            return Err(StoreError::ReadOnly { path: path.to_owned(), reason });
        }
    }
    Ok(())
}

/// Says what a server is that keeps a store, and what it promises; `None` for a store in a file.
pub fn describe_server(name: &Path) -> Option<Result<String, StoreError>> {
    let opened = open_on_server(name, OpenPurpose::Check)?;
    Some(opened.and_then(|reader| reader.describe().map_err(|error| error.of(name))))
}

/// Finds out whether the log beside a store was cut or overwritten, and says how. That is to be asked
/// before the store is opened: whoever closes it last removes the log.
pub fn log_damage(path: &Path) -> Option<String> {
    let log = file_of(path, "-wal");
    log::damage(&log).map(|says| format!("its log `{}` is damaged: {says}", log.display()))
}

/// Lets the log stay where it is when a connection is closed, or lets the last one that is closed copy
/// it to the store and remove it, as usual.
pub fn keep_log(reader: &Reader, keeps: bool) {
    let Some(store) = reader.file() else { return };

    // Where SQLite refuses, it does the usual.
    let _ = store.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keeps);
}

fn open_shared_memory(path: &Path) -> Result<EmbeddedReader, StoreError> {
    let fail = |source| StoreError::sqlite(path.to_owned(), source);
    let flags = OpenFlags::default() | OpenFlags::SQLITE_OPEN_URI;

    let mut connection = Connection::open_with_flags(path, flags).map_err(fail)?;
    patience::wait_for_others(&mut connection, path).map_err(fail)?;
    schema::prepare(&mut connection, path)?;
    Ok(EmbeddedReader { connection })
}

/// Opens a store in memory, which is gone when it is closed.
pub fn open_in_memory() -> Result<Reader, StoreError> {
    let path = Path::new(":memory:");
    let mut connection = Connection::open_in_memory()
        .map_err(|source| StoreError::sqlite(path.to_owned(), source))?;

    schema::prepare(&mut connection, path)?;
    Ok(Reader::Embedded(EmbeddedReader { connection }))
}
