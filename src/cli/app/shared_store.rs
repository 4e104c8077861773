//! Which store a command uses: the project's own file, or one on a server that several machines share.

use crate::cli::app::config::{Config, SettingOrigin};
use crate::cli::app::project::variable;
use crate::store;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// What a command can do with a shared store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::cli) enum SharedUse {
    /// It works on it as on any other.
    #[default]
    Works,
    /// It works on the project's own store alone.
    Refuses,
    /// It uses no store, or looks into the project's own by the way.
    Ignores,
}

/// What the command line says of the store.
#[derive(Debug, Default)]
struct StoreChoice {
    address: Option<String>,
    shared: SharedUse,
}

static CHOICE: OnceLock<StoreChoice> = OnceLock::new();

/// Notes what the command line says of the store. Only the first call counts.
pub(in crate::cli) fn choose(address: Option<String>, shared: SharedUse) {
    CHOICE.get_or_init(|| StoreChoice { address, shared });
}

/// What is wrong with the choice of a store.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum StoreChoiceError {
    /// The command cannot work on it.
    #[error(
        "this command works on the project's own store, and {origin} names a shared one; {instead}"
    )]
    Refusal {
        /// What names it.
        origin: String,
        /// What to do instead.
        instead: String,
    },
    /// The address is none.
    #[error("{origin}: {source}")]
    Address {
        /// Where it stands.
        origin: String,
        /// What is wrong with it.
        source: store::AddressError,
    },
}

/// Returns the name of the store on a server that is to be used, if one is.
pub(in crate::cli) fn shared_store(
    config: &Config,
    root: &Path,
) -> Result<Option<PathBuf>, StoreChoiceError> {
    if let Some(server) = OF_WORKER.get() {
        let origin = SettingOrigin::Flag("--store").to_string();
        return server
            .name()
            .map(Some)
            .map_err(|source| StoreChoiceError::Address { origin, source });
    }
    let Some((server, origin)) = choice(config, root)? else { return Ok(None) };
    server.name().map(Some).map_err(|source| StoreChoiceError::Address { origin, source })
}

/// A store on a server, as it was chosen.
#[derive(Debug, Clone)]
pub(in crate::cli) struct ChosenServer {
    /// The address, with everything in it.
    pub(in crate::cli) address: String,
    /// The name of the project, which names the schema unless the address does.
    pub(in crate::cli) project: String,
    /// Whether the server may lose what it has confirmed.
    pub(in crate::cli) accepts_unsafe: bool,
}

impl ChosenServer {
    fn name(&self) -> Result<PathBuf, store::AddressError> {
        store::name_server(&self.address, &self.project, self.accepts_unsafe)
    }
}

/// The store of the worker, in a process that performs a stint.
static OF_WORKER: OnceLock<ChosenServer> = OnceLock::new();

/// Uses the store of the worker. Only the first call counts.
#[cfg(feature = "engine")]
pub(in crate::cli) fn choose_of_worker(server: ChosenServer) {
    OF_WORKER.get_or_init(|| server);
}

/// Returns the store on a server that is chosen, if one is, and what names it.
pub(in crate::cli) fn choice(
    config: &Config,
    root: &Path,
) -> Result<Option<(ChosenServer, String)>, StoreChoiceError> {
    let unsaid = StoreChoice::default();
    let choice = CHOICE.get().unwrap_or(&unsaid);
    let (address, origin, instead) = match (&choice.address, config.shared_store()) {
        (Some(address), _) => {
            let instead = "leave out `--store`".to_owned();
            (address.clone(), SettingOrigin::Flag("--store").to_string(), instead)
        }
        (None, Some(name)) => {
            let Some(address) = variable(name) else { return Ok(None) };
            (address, format!("${name}"), format!("unset {name} for it"))
        }
        (None, None) => return Ok(None),
    };

    match choice.shared {
        SharedUse::Works => {}
        SharedUse::Refuses => return Err(StoreChoiceError::Refusal { origin, instead }),
        SharedUse::Ignores => return Ok(None),
    }

    let folder = root.file_name().unwrap_or_default().to_string_lossy();
    let project = config.project_name().unwrap_or_else(|| folder.into_owned());
    let accepts_unsafe = config.accepts_unsafe_durability();
    Ok(Some((ChosenServer { address, project, accepts_unsafe }, origin)))
}
