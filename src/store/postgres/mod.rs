//! A store on a PostgreSQL server, which several machines share. Everything that is asked of the server stands here.

mod carry;
mod commit;
mod connect;
mod copy;
mod fault;
#[cfg(feature = "engine")]
mod fleet;
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
    let line = ServerLine::new(address);
    let ready = line.ask(AwayPatience::Waits, &async |session| {
        schema::prepare(session, line.address(), purpose).await
    });
    ready.map_err(|fault| fault.of_store(&name))?;
    Ok(ServerReader::new(line))
}

#[cfg(test)]
mod tests;
