//! Which engine a command uses, if one has runs performed by workers.

use crate::cli::app::project::{Project, variable};

/// What a program without the engine says.
#[cfg(not(feature = "engine"))]
const NO_FEATURE: &str = "this kaizen was built without `engine`, so it cannot use Temporal: install it with `cargo \
                          install kaizen --features engine`";

/// Why no engine can be used.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum EngineChoiceError {
    /// The program was built without it.
    #[cfg(not(feature = "engine"))]
    #[error("{NO_FEATURE}")]
    NoFeature,
    /// The address is none.
    #[cfg(feature = "engine")]
    #[error("{origin}: {source}")]
    Address {
        /// Where it stands.
        origin: String,
        /// What is wrong with it.
        source: crate::fleet::EngineAddressError,
    },
    /// No store is named that the workers share.
    #[cfg(feature = "engine")]
    #[error(
        "runs on an engine need a shared store: name it with `--store postgres://..`, or set the variable that `store` \
         under [engine] in kaizen.toml refers to"
    )]
    NoStore,
    /// None is named.
    #[cfg(feature = "engine")]
    #[error(
        "no engine is chosen: add `--on temporal://HOST:7233/NAMESPACE`, or set the variable that `temporal` under \
         [engine] in kaizen.toml refers to"
    )]
    None,
}

#[cfg(feature = "engine")]
pub(in crate::cli) use crate::fleet::EngineAddress as ChosenEngine;
#[cfg(not(feature = "engine"))]
pub(in crate::cli) use NoEngine as ChosenEngine;

/// The address of an engine in a program that was built without, which has none.
#[cfg(not(feature = "engine"))]
pub(in crate::cli) enum NoEngine {}

/// Which engine is used.
#[derive(Debug, Clone, Default, clap::Args)]
pub(in crate::cli) struct EngineOption {
    /// Use the engine at this address, such as temporal://HOST:7233/NAMESPACE.
    #[arg(long, value_name = "URL")]
    on: Option<String>,
}

/// How a run is submitted.
#[derive(Debug, Clone, Default, clap::Args)]
pub(in crate::cli) struct SubmitOptions {
    /// Have a worker run the script, by the engine at this address, such as
    /// temporal://HOST:7233/NAMESPACE.
    #[arg(long, value_name = "URL", conflicts_with_all = HERE)]
    on: Option<String>,
    /// With --on: print the name of the run and end, without waiting for it.
    #[arg(long, conflicts_with_all = HERE)]
    pub(in crate::cli) detach: bool,
    /// With --on: the name of the run. If a run of this name is active, it is shown; if it has ended, it
    /// continues.
    #[arg(long, value_name = "NAME", conflicts_with_all = HERE)]
    pub(in crate::cli) id: Option<String>,
}

/// The options of `run` that are for runs in this process.
const HERE: [&str; 5] = ["here", "resume", "lost", "reuse", "dry_run"];

impl SubmitOptions {
    /// Returns the engine that a run is submitted to, if it is.
    pub(in crate::cli) fn engine(&self) -> anyhow::Result<Option<ChosenEngine>> {
        let option = EngineOption { on: self.on.clone() };
        let wants = self.on.is_some() || self.detach || self.id.is_some();
        if wants { option.chosen().map(Some) } else { option.named() }
    }
}

impl EngineOption {
    /// Returns the engine that is chosen.
    pub(in crate::cli) fn chosen(&self) -> anyhow::Result<ChosenEngine> {
        match self.named()? {
            Some(engine) => Ok(engine),
            #[cfg(feature = "engine")]
            None => Err(EngineChoiceError::None.into()),
            #[cfg(not(feature = "engine"))]
            None => Err(EngineChoiceError::NoFeature.into()),
        }
    }

    /// Returns the engine that is chosen, if one is.
    pub(in crate::cli) fn named(&self) -> anyhow::Result<Option<ChosenEngine>> {
        if let Some(address) = &self.on {
            return read(address, "--on").map(Some);
        }

        let project = Project::find()?;
        let Some(name) = project.config.engine() else { return Ok(None) };
        let Some(address) = variable(name) else { return Ok(None) };
        // Whatever a run asks goes there, by an address from any variable.
        crate::cli::app::trust::ensure(&project, false)?;
        read(&address, &format!("${name}")).map(Some)
    }
}

#[cfg(feature = "engine")]
fn read(address: &str, origin: &str) -> anyhow::Result<ChosenEngine> {
    let read = ChosenEngine::read(address);
    Ok(read.map_err(|source| EngineChoiceError::Address { origin: origin.to_owned(), source })?)
}

#[cfg(not(feature = "engine"))]
fn read(_address: &str, _origin: &str) -> anyhow::Result<ChosenEngine> {
    Err(EngineChoiceError::NoFeature.into())
}
