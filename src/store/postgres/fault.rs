//! What the client and the server say, as faults of a store.

use crate::store::server::RemoteFault;
use crate::store::{Loss, ReadError, StoreError};
use std::error::Error;
use std::io;
use std::path::Path;
use tokio_postgres::error::SqlState;

/// Why something that was asked of a server was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LineFault {
    /// The server refused, or is away.
    Server(RemoteFault),
    /// The event before is no longer there.
    Rewound,
    /// The journal that was to be taken over has continued.
    Contested { run: String },
    /// The journal was taken over by another process.
    TakenOver { run: String },
}

impl LineFault {
    /// Says the same of the store of this name.
    pub(super) fn of_store(self, name: &Path) -> StoreError {
        let name = name.to_owned();
        match self {
            LineFault::Server(fault) => StoreError::Server { name, fault },
            LineFault::Rewound => StoreError::Lost { path: name, loss: Loss::Rewound },
            LineFault::Contested { run } => StoreError::Contested { run },
            LineFault::TakenOver { run } => StoreError::TakenOver { run },
        }
    }

    /// Says the same to who reads.
    pub(super) fn of_reading(self) -> ReadError {
        let fault = match self {
            LineFault::Server(fault) => fault,
            LineFault::Rewound => RemoteFault::Other { reason: "an event is missing".to_owned() },
            LineFault::Contested { run } | LineFault::TakenOver { run } => {
                RemoteFault::Other { reason: format!("run {run} continues elsewhere") }
            }
        };
        ReadError::Server(fault)
    }

    /// Tells whether it passes once the server is back.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, LineFault::Server(RemoteFault::Away { .. }))
    }

    /// Tells whether a row of the same key was there.
    pub(super) fn is_clash(&self) -> bool {
        matches!(self, LineFault::Server(RemoteFault::Clash { .. }))
    }
}

impl From<RemoteFault> for LineFault {
    fn from(fault: RemoteFault) -> LineFault {
        LineFault::Server(fault)
    }
}

impl From<tokio_postgres::Error> for LineFault {
    fn from(error: tokio_postgres::Error) -> LineFault {
        LineFault::Server(fault_of(&error))
    }
}

/// Names what an error of the client means for a store.
fn fault_of(error: &tokio_postgres::Error) -> RemoteFault {
    if let Some(said) = error.as_db_error() {
        return fault_of_state(said.code(), said.message().to_owned());
    }

    let reason = sentence(error);
    match cause_of(error) {
        // It is wrapped as a failure to read or to write.
        Some(cause) if is_of_tls(cause) => RemoteFault::Tls { reason },
        Some(_) => RemoteFault::Away { reason },
        None if error.is_closed() => RemoteFault::Away { reason },
        None => RemoteFault::Other { reason },
    }
}

/// Names what a code of the server means for a store.
fn fault_of_state(state: &SqlState, reason: String) -> RemoteFault {
    const AWAY: [SqlState; 12] = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::TOO_MANY_CONNECTIONS,
        // The server has hung up, because nothing was asked for too long.
        SqlState::IDLE_SESSION_TIMEOUT,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        SqlState::CONNECTION_EXCEPTION,
        SqlState::CONNECTION_DOES_NOT_EXIST,
        SqlState::CONNECTION_FAILURE,
        SqlState::SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION,
        // Another transaction was in the way; the same may be tried again.
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::T_R_SERIALIZATION_FAILURE,
    ];
    const LOGIN: [SqlState; 2] =
        [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION];
    const FULL: [SqlState; 2] = [SqlState::DISK_FULL, SqlState::INSUFFICIENT_RESOURCES];

    match state {
        state if AWAY.contains(state) => RemoteFault::Away { reason },
        state if LOGIN.contains(state) => RemoteFault::Login { reason },
        state if FULL.contains(state) => RemoteFault::Full { reason },
        state if *state == SqlState::INVALID_CATALOG_NAME => RemoteFault::NoDatabase { reason },
        state if *state == SqlState::READ_ONLY_SQL_TRANSACTION => RemoteFault::ReadOnly { reason },
        state if *state == SqlState::INSUFFICIENT_PRIVILEGE => RemoteFault::Denied { reason },
        state if *state == SqlState::UNIQUE_VIOLATION => RemoteFault::Clash { reason },
        _ => RemoteFault::Other { reason },
    }
}

/// Returns the failure of the system below an error, if there is one.
fn cause_of<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref() {
            return Some(found);
        }
        next = cause.source();
    }
    None
}

fn is_of_tls(cause: &io::Error) -> bool {
    cause.get_ref().is_some_and(|inner| inner.downcast_ref::<rustls::Error>().is_some())
}

/// Writes an error with everything below it.
fn sentence(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(more.as_str()) {
            text = format!("{text}: {more}");
        }
        next = cause.source();
    }
    text
}
