//! The project: the folder that holds `kaizen.toml` or `.kaizen`, its configuration and its store.

use crate::base::id::RunId;
use crate::base::visible::shown_path;
use crate::base::{own, secret};
use crate::cli::app::config::{Config, ConfigError, SettingOrigin};
use crate::cli::app::lease::Lease;
use crate::cli::app::permissions;
use crate::cli::app::permissions::Grants;
use crate::cli::app::seen_tools;
use crate::cli::app::shared_store::shared_store;
use crate::cli::app::stint_task::StintTask;
use crate::cli::app::trust;
use crate::cli::say;
use crate::executor::Executor;
use crate::executor::budget::Budget;
use crate::journal::Journal;
use crate::journal::event::Terms;
use crate::mcp::Servers;
use crate::mcp::spec::Reach;
use crate::model::registry::Models;
use crate::model::spec::ModelSpec;
use crate::script::host::permission::Permissions;
use crate::script::host::servers::launcher;
use crate::store::writer::Writer;
use crate::store::{self, FOLDER, RemoteFault, StoreError};
use anyhow::Context;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// What lies in the folder of a repository.
const REPOSITORIES: &[&str] = &[".git", ".hg", ".jj", ".svn"];

/// A project as it is found from the current folder.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Project {
    /// Its folder.
    pub(in crate::cli) root: PathBuf,
    /// The folder from which it was found.
    here: PathBuf,
    /// The name of its store on a server, if it uses one.
    server: Option<PathBuf>,
    /// Its configuration.
    pub(in crate::cli) config: Config,
    /// What the command line grants and denies.
    pub(in crate::cli) grants: Grants,
    /// What the command line says besides, as far as a run that is resumed keeps it.
    pub(in crate::cli) terms: Terms,
    /// The stint that is performed, if an engine wants one.
    pub(in crate::cli) stint: Option<Arc<StintTask>>,
}

impl Project {
    /// Finds the project that the current folder belongs to: the nearest folder upward that holds
    /// `kaizen.toml` or `.kaizen`, or else the current folder itself.
    pub(in crate::cli) fn find() -> anyhow::Result<Project> {
        let mut project = Project::at(&std::env::current_dir()?)?;
        project.server = shared_store(&project.config, &project.root)?;

        // The project's own file may name any variable as the one that holds the address.
        let own = project.root.join("kaizen.toml");
        let is_own_wish = project.config.origin("engine.store").is_some_and(|o| o.is_file(&own));
        if project.is_shared() && is_own_wish {
            trust::ensure(&project, false)?;
        }
        Ok(project)
    }

    /// Returns the nearest folder upward, this one included, that is marked as a project.
    pub(in crate::cli) fn root_above(here: &Path) -> Option<PathBuf> {
        // What has the name is meant, even if it cannot be read: what it would deny is not let pass.
        let is_there = |path: PathBuf| path.symlink_metadata().is_ok();
        let marked = |folder: &&Path| {
            is_there(folder.join("kaizen.toml")) || folder.join(FOLDER).join("kaizen.db").is_file()
        };

        here.ancestors().find(marked).map(Path::to_owned)
    }

    /// Opens the project that a folder belongs to, with its own store: as the current folder, if that is it.
    pub(in crate::cli) fn at(here: &Path) -> Result<Project, ConfigError> {
        let here = here.to_owned();
        let root = Project::root_above(&here).unwrap_or_else(|| here.clone());
        let config = Config::load(&root, &raw_variable)?;

        let (names, length_min) = config.secrets();
        secret::configure(names, length_min);
        let grants = Grants::default();
        let terms = Terms::default();
        Ok(Project { root, here, server: None, config, grants, terms, stint: None })
    }

    /// Says why the project may not be the one that the user means: it is somebody else's, or it lies
    /// above a folder beyond which projects are rarely looked for.
    pub(in crate::cli) fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        let user = nix::unistd::geteuid().as_raw();
        for name in ["kaizen.toml", FOLDER, ".kaizen/kaizen.db"] {
            let path = self.root.join(name);
            let owners =
                [path.symlink_metadata(), path.metadata()].map(|meta| Some(meta.ok()?.uid()));

            if let Some(owner) = owners.into_iter().flatten().find(|owner| *owner != user) {
                doubts.push(format!("`{}` belongs to user {owner}", shown_path(&path)));
            }
        }

        let place = |path: &Path| path.metadata().ok().map(|meta| (meta.dev(), meta.ino()));
        // However it is written, and through whatever links it leads.
        let home = raw_variable("HOME").and_then(|home| place(Path::new(&home)));
        let device = |path: &Path| path.metadata().ok().map(|meta| meta.dev());
        // What lies above a border may be somebody else's.
        let inside = self.here.ancestors().take_while(|folder| *folder != self.root);
        for folder in inside {
            let above = |what: &str| {
                format!("`{}` is above {what} `{}`", shown_path(&self.root), shown_path(folder))
            };
            if home.is_some() && home == place(folder) {
                doubts.push(above("the home folder"));
            }
            if REPOSITORIES.iter().any(|mark| folder.join(mark).symlink_metadata().is_ok()) {
                doubts.push(above("the repository"));
            }
            if folder.parent().is_some_and(|parent| device(parent) != device(folder)) {
                doubts.push(above("the file system at"));
            }
        }

        doubts
    }

    /// Returns what scripts may touch whose folder is `root`.
    pub(in crate::cli) fn permissions(&self, root: &Path) -> anyhow::Result<Permissions> {
        permissions::permissions(&self.grants, &self.config, root, &self.root)
    }

    /// Returns the name of its folder.
    pub(in crate::cli) fn folder_name(&self) -> String {
        self.root.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Opens the store that holds the runs; says how to get one if there is none.
    pub(in crate::cli) fn store_of_runs(&self) -> Result<Option<store::Reader>, StoreError> {
        let store = self.existing_store()?;
        if store.is_none() {
            let (place, more) = match &self.server {
                Some(name) => (shown_path(name), " --here"),
                None => (shown_path(&self.root), ""),
            };
            say(&format!("no runs in `{place}`; start one with `kaizen run SCRIPT{more}`"));
        }
        Ok(store)
    }

    /// Returns the path of the store, or the name of that on a server.
    pub(in crate::cli) fn store_path(&self) -> PathBuf {
        let own = || self.root.join(FOLDER).join("kaizen.db");
        self.server.clone().unwrap_or_else(own)
    }

    /// Tells whether the store is on a server that several machines share.
    pub(in crate::cli) fn is_shared(&self) -> bool {
        self.server.is_some()
    }

    /// Opens the store, and creates it if there is none.
    pub(in crate::cli) fn open_store(&self) -> Result<store::Reader, StoreError> {
        let folder = self.root.join(FOLDER);
        self.make_folder()
            .map_err(|source| StoreError::Folder { path: folder, source: source.into() })?;
        store::open(&self.store_path())
    }

    /// Opens the store, creates it if there is none, and starts its writer.
    pub(in crate::cli) fn start_writer(&self) -> Result<Writer, StoreError> {
        let store = self.open_store()?;
        Writer::start(store, &self.store_path(), self.config.durability())
    }

    /// Creates the folder that kaizen keeps to itself, if there is none, and returns it.
    pub(in crate::cli) fn make_folder(&self) -> std::io::Result<PathBuf> {
        let folder = self.root.join(FOLDER);
        own::make_folder(&folder)?;

        let ignore = folder.join(".gitignore");
        // A project without this file works as well; git then shows the store as untracked.
        let _ = own::add_shared(&ignore, b"*\n");

        Ok(folder)
    }

    /// Takes the lease of a run; `None` if another process has it.
    pub(in crate::cli) fn try_lease(&self, run: &RunId) -> Result<Option<Lease>, StoreError> {
        let taken = self.make_folder().and_then(|own| Lease::take(&own, run));
        let path = self.root.join(FOLDER);
        taken.map_err(|source| StoreError::Folder { path, source: source.into() })
    }

    /// Takes the lease of a run that is to be resumed; the inner error says for people why that cannot
    /// be.
    pub(in crate::cli) fn lease(&self, run: &RunId) -> anyhow::Result<Result<Lease, String>> {
        Ok(self.try_lease(run)?.ok_or_else(|| {
            format!(
                "run {run} is still active, or another process is resuming it; wait until it ends, \
                 or stop that process"
            )
        }))
    }

    /// Returns the path of what is remembered of tests.
    pub(in crate::cli) fn tests_path(&self) -> PathBuf {
        self.root.join(FOLDER).join("tests.json")
    }

    /// Opens the store for reading; `None` when the project has none yet.
    pub(in crate::cli) fn existing_store(&self) -> Result<Option<store::Reader>, StoreError> {
        let path = self.store_path();
        if self.is_shared() {
            return match store::open_to_read(&path) {
                Err(StoreError::Server { fault: RemoteFault::Lacking { .. }, .. }) => Ok(None),
                opened => opened.map(Some),
            };
        }

        // A store that cannot be looked at is there, and opening it says what is wrong.
        let is_there = path.try_exists().unwrap_or(true);
        if is_there { store::open_to_read(&path).map(Some) } else { Ok(None) }
    }

    /// Returns the models that scripts of this project can name; `seed` makes demo models repeat.
    pub(in crate::cli) fn models(&self, seed: u64) -> anyhow::Result<Models> {
        let mut aliases = BTreeMap::new();
        for (name, fields, origin) in self.config.models() {
            let spec =
                ModelSpec::from_map(fields).with_context(|| format!("{origin}: model `{name}`"))?;
            aliases.insert(name.to_owned(), spec);
        }

        let models = Models::new(aliases, self.config.model(), seed, variable);
        let models = models.telling_odd(|name| raw_variable(name).is_some_and(is_odd));
        for (server, _) in self.config.servers() {
            if let Reach::Address { key: Some(key), .. } = &server.reach {
                models.learn_key(key);
            }
        }
        Ok(models)
    }

    /// Returns the MCP servers of the project, none of them started.
    pub(in crate::cli) fn servers(&self, models: Rc<Models>) -> anyhow::Result<Servers> {
        let specs = self.config.servers().map(|(spec, _)| (spec.name.clone(), spec.clone()));
        let specs: BTreeMap<_, _> = specs.collect();
        let memories = if specs.is_empty() { BTreeMap::new() } else { seen_tools::memories(self)? };

        // A script may describe servers where the project has none.
        let permissions = self.permissions(&self.root)?;
        let launcher = launcher(permissions, models, self.root.clone());
        Ok(Servers::new(specs, memories, launcher))
    }

    /// Puts what the command line says over the configuration.
    pub(in crate::cli) fn set_terms(&mut self, terms: Terms) -> anyhow::Result<()> {
        if let Some(model) = &terms.model {
            self.set("project.model", model.clone().into(), "--model")?;
        }

        if let Some(dollars) = terms.max_cost {
            self.set("budget.max_cost", dollars.into(), "--max-cost")?;
        }

        if let Some(tokens) = terms.max_tokens {
            self.set("budget.max_tokens", tokens.into(), "--max-tokens")?;
        }

        if let Some(calls) = terms.max_calls {
            self.set("budget.max_calls", calls.into(), "--max-calls")?;
        }

        self.terms = terms;
        Ok(())
    }

    /// Creates the executor of a run, with the bounds that the configuration sets.
    pub(in crate::cli) fn executor(&self, journal: Journal, seed: u64) -> Executor {
        let executor = Executor::new(journal, seed, self.config.concurrency());
        let executor = executor.within(Budget::new(self.config.bounds()));
        match &self.stint {
            Some(stint) => executor.feeling(stint.pulse.clone()),
            None => executor,
        }
    }

    /// Puts an option of the command line over the configuration.
    pub(in crate::cli) fn set(
        &mut self,
        key: &str,
        value: serde_json::Value,
        flag: &'static str,
    ) -> Result<(), ConfigError> {
        self.config.set(key, value, SettingOrigin::Flag(flag))
    }
}

/// Looks up a variable of the environment; an empty one counts as unset.
pub(in crate::cli) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Tells whether a value is no text.
pub(in crate::cli) fn is_odd(value: OsString) -> bool {
    value.into_string().is_err()
}

/// Does the same for what may be no text, such as a path.
pub(in crate::cli) fn raw_variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
