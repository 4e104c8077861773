//! The project: the folder that holds `kaizen.toml` or `.kaizen`, its configuration and its store.

use crate::base::id::RunId;
use crate::cli::config::{Config, ConfigError, Origin};
use crate::cli::lease::Lease;
use crate::cli::permissions::{self, Grants};
use crate::executor::Executor;
use crate::executor::budget::Budget;
use crate::journal::Journal;
use crate::model::registry::Models;
use crate::model::spec::ModelSpec;
use crate::script::permission::Permissions;
use crate::store::{self, StoreError};
use anyhow::Context;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The folder of a project that kaizen keeps to itself.
const FOLDER: &str = ".kaizen";

/// A project as it is found from the current folder.
#[derive(Debug)]
pub(super) struct Project {
    /// Its folder.
    pub(super) root: PathBuf,
    /// Its configuration.
    pub(super) config: Config,
    /// What the command line grants and denies.
    pub(super) grants: Grants,
}

impl Project {
    /// Finds the project that the current folder belongs to: the nearest folder upward that holds
    /// `kaizen.toml` or `.kaizen`, or else the current folder itself.
    pub(super) fn find() -> anyhow::Result<Project> {
        let here = std::env::current_dir()?;
        let marked = |folder: &&Path| {
            folder.join("kaizen.toml").is_file() || folder.join(FOLDER).join("kaizen.db").is_file()
        };
        let root = here.ancestors().find(marked).unwrap_or(&here).to_owned();
        let config = Config::load(&root, &variable)?;
        Ok(Project { root, config, grants: Grants::default() })
    }

    /// Returns what scripts may touch whose folder is `root`.
    pub(super) fn permissions(&self, root: &Path) -> anyhow::Result<Permissions> {
        permissions::permissions(&self.grants, &self.config, root, &self.root)
    }

    /// Returns the path of the store.
    pub(super) fn store_path(&self) -> PathBuf {
        self.root.join(FOLDER).join("kaizen.db")
    }

    /// Opens the store, and creates it if there is none.
    pub(super) fn open_store(&self) -> Result<store::Connection, StoreError> {
        let folder = self.root.join(FOLDER);
        self.make_folder()
            .map_err(|source| StoreError::Folder { path: folder, source: source.into() })?;
        store::open(&self.store_path())
    }

    /// Creates the folder that kaizen keeps to itself, if there is none, and returns it.
    pub(super) fn make_folder(&self) -> std::io::Result<PathBuf> {
        let folder = self.root.join(FOLDER);
        std::fs::create_dir_all(&folder)?;
        let ignore = folder.join(".gitignore");
        if !ignore.exists() {
            // A project without this file works as well; git then shows the store as untracked.
            let _ = std::fs::write(ignore, "*\n");
        }
        Ok(folder)
    }

    /// Takes the lease of a run that is to be resumed; the inner error says for people why that cannot
    /// be.
    pub(super) fn lease(&self, run: &RunId) -> anyhow::Result<Result<Lease, String>> {
        let own = self.make_folder()?;
        Ok(Lease::take(&own, run)?.ok_or_else(|| {
            format!(
                "run {run} is still under way, or another process is resuming it; wait for its end, \
                 or stop that process first"
            )
        }))
    }

    /// Returns the path of what is remembered of tests.
    pub(super) fn tests_path(&self) -> PathBuf {
        self.root.join(FOLDER).join("tests.json")
    }

    /// Opens the store for reading; `None` when the project has none yet.
    pub(super) fn existing_store(&self) -> Result<Option<store::Connection>, StoreError> {
        let path = self.store_path();
        if path.exists() { store::open_to_read(&path).map(Some) } else { Ok(None) }
    }

    /// Returns the models that scripts of this project can name; `seed` makes demo models repeat.
    pub(super) fn models(&self, seed: u64) -> anyhow::Result<Models> {
        let mut aliases = BTreeMap::new();
        for (name, fields, origin) in self.config.models() {
            let spec =
                ModelSpec::from_map(fields).with_context(|| format!("{origin}: model `{name}`"))?;
            aliases.insert(name.to_owned(), spec);
        }
        Ok(Models::new(aliases, self.config.model(), seed, variable))
    }

    /// Creates the executor of a run, with the bounds that the configuration sets.
    pub(super) fn executor(&self, journal: Journal, seed: u64) -> Executor {
        let executor = Executor::new(journal, seed, self.config.concurrency());
        executor.within(Budget::new(self.config.bounds()))
    }

    /// Puts an option of the command line over the configuration.
    pub(super) fn set(
        &mut self,
        key: &str,
        value: serde_json::Value,
        flag: &'static str,
    ) -> Result<(), ConfigError> {
        self.config.set(key, value, Origin::Flag(flag))
    }
}

/// Looks up a variable of the environment; an empty one counts as unset.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
