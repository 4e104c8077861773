//! A store on a PostgreSQL server, which several machines share. Everything that is asked of the server stands here.

mod carry;
mod commit;
mod connect;
mod copy;
mod fault;
mod line;
mod read_events;
mod read_learned;
mod read_runs;
mod reader;
mod schema;
mod verdict;

pub(in crate::store) use commit::ServerStore;
pub(in crate::store) use copy::copy_learned;
pub(in crate::store) use reader::ServerMoment;
pub use reader::ServerReader;

use crate::store::server::RemoteAddress;
use crate::store::{OpenPurpose, StoreError};
use line::{AwayPatience, ServerLine};
use std::sync::Arc;

/// Opens a store on a server. To write to it, its schema is created if there is none.
pub(in crate::store) fn open(
    address: Arc<RemoteAddress>,
    purpose: OpenPurpose,
) -> Result<ServerReader, StoreError> {
    let name = address.name().to_owned();
    // A command that finds no server says so at once; a run that has used it waits until it is back.
    let patience = if address.was_reached() { AwayPatience::Waits } else { AwayPatience::None };
    let line = ServerLine::new(address);
    let ready = line
        .ask(patience, &async |session| schema::prepare(session, line.address(), purpose).await);

    match ready {
        Ok(()) => {
            line.address().note_reached();
            Ok(ServerReader::new(line))
        }
        Err(fault) => Err(fault.of_store(&name)),
    }
}

#[cfg(test)]
mod tests;
