//! Describes a runtime, and builds it.

use crate::base::bounds::Bounds;
use crate::base::id::RunId;
use crate::base::{own, secret};
use crate::embed::budget::Budget;
use crate::embed::desk::Desks;
use crate::embed::error::Error;
use crate::embed::function::{self, Caller, Function};
use crate::embed::model::{AnyModel, ModelSource, SourceKind};
use crate::embed::permissions::{PermissionRules, Permissions};
use crate::embed::runtime::Runtime;
use crate::embed::setup::{OwnFunction, OwnTool, Setup};
use crate::embed::stage;
use crate::model::spec::ModelSpec;
use crate::script::host::files;
use crate::script::host::right::Right;
use crate::script::host::rule::Rule;
use crate::session::tool::{self, arguments_schema, check_name, check_names};
use crate::settings::config::Config;
use crate::store::{self, FOLDER, Reader};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The folder of scripts where there is no project. Nothing is in it.
const NOWHERE: &str = "/nonexistent/kaizen";
/// Most threads on which scripts run.
const THREADS_MAX: usize = 64;

/// Describes a [`Runtime`].
///
/// ```
/// let kaizen = kaizen::Runtime::builder()
///     .in_memory()
///     .script("double.rhai", "param(\"n\", 1) * 2")
///     .build()?;
/// # Ok::<(), kaizen::Error>(())
/// ```
#[must_use = "a runtime is built with `build`"]
#[derive(Default)]
pub struct RuntimeBuilder {
    project: Option<PathBuf>,
    in_memory: bool,
    scripts: BTreeMap<String, String>,
    models: Vec<(String, ModelSource)>,
    default_model: Option<String>,
    variables: BTreeMap<String, String>,
    functions: Vec<OwnFunction>,
    tools: Vec<OwnTool>,
    permissions: Option<Permissions>,
    budget: Option<Budget>,
    threads: Option<usize>,
}

impl std::fmt::Debug for RuntimeBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuntimeBuilder").field("project", &self.project).finish_non_exhaustive()
    }
}

impl RuntimeBuilder {
    /// Uses a project: the scripts in its folder, its `kaizen.toml`, and its store, in which `kaizen show` finds
    /// the runs. What its `kaizen.toml` grants is granted.
    pub fn project(self, folder: impl Into<PathBuf>) -> RuntimeBuilder {
        RuntimeBuilder { project: Some(folder.into()), ..self }
    }

    /// Keeps the journal and what is learned in memory, until the runtime is gone.
    pub fn in_memory(self) -> RuntimeBuilder {
        RuntimeBuilder { in_memory: true, ..self }
    }

    /// Adds a script that the program holds itself.
    pub fn script(mut self, name: &str, text: impl Into<String>) -> RuntimeBuilder {
        self.scripts.insert(name.to_owned(), text.into());
        self
    }

    /// Adds a model under a name. The first one is the default, unless the project or
    /// [`default_model`](RuntimeBuilder::default_model) names another.
    pub fn model(mut self, name: &str, model: impl Into<ModelSource>) -> RuntimeBuilder {
        self.models.push((name.to_owned(), model.into()));
        self
    }

    /// Sets the model for scripts that name none.
    pub fn default_model(self, name: &str) -> RuntimeBuilder {
        RuntimeBuilder { default_model: Some(name.to_owned()), ..self }
    }

    /// Sets a variable, such as the key of a provider. The library never reads the environment: models and
    /// scripts see these variables in its place.
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> RuntimeBuilder {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a function that scripts can call. It waits like every other word of scripts, and each call is
    /// journaled, so that a resumed run does not repeat it.
    pub fn function<P: 'static, F: Function<P>>(
        mut self,
        name: &str,
        doc: &str,
        function: F,
    ) -> RuntimeBuilder {
        self.functions.push(OwnFunction {
            name: name.to_owned(),
            doc: doc.to_owned(),
            takes: F::TAKES,
            call: function::forget(function),
        });
        self
    }

    /// Adds a tool that models can call; scripts get it with `tool(name)`. The schema is a JSON schema of an object,
    /// and its `description` tells models what the tool does. The function gets the arguments as one value.
    pub fn tool<A: 'static>(
        mut self,
        name: &str,
        schema: Value,
        function: impl Function<(A,)>,
    ) -> RuntimeBuilder {
        self.tools.push(OwnTool {
            name: name.to_owned(),
            description: String::new(),
            schema,
            call: function::forget(function),
        });
        self
    }

    /// Sets what scripts may touch, in place of what `kaizen.toml` grants. What it denies stays denied.
    pub fn permissions(self, permissions: Permissions) -> RuntimeBuilder {
        RuntimeBuilder { permissions: Some(permissions), ..self }
    }

    /// Sets the budget of each run, in place of the one in `kaizen.toml`.
    pub fn budget(self, budget: Budget) -> RuntimeBuilder {
        RuntimeBuilder { budget: Some(budget), ..self }
    }

    /// Sets on how many threads scripts run (1). Use more if scripts compute much: while a script computes,
    /// other runs on its thread wait. Each thread keeps `max_concurrent` and `requests_per_minute` of models
    /// by itself.
    pub fn threads(self, count: usize) -> RuntimeBuilder {
        RuntimeBuilder { threads: Some(count), ..self }
    }

    /// Builds the runtime, and starts its threads. Inside an async runtime of tokio, models, functions and tools
    /// of the program run on that one.
    pub fn build(self) -> Result<Runtime, Error> {
        if self.project.is_none() && !self.in_memory {
            return Err(Error::setup(
                "the runtime has no store: call `project(folder)` or `in_memory()`",
            ));
        }

        let threads = self.threads.unwrap_or(1);
        if !(1..=THREADS_MAX).contains(&threads) {
            return Err(Error::setup(format!(
                "`threads` must be from 1 to {THREADS_MAX}, not {threads}"
            )));
        }

        let setup = Arc::new(self.setup()?);
        stage::try_words(&setup)?;
        Ok(Runtime::new(setup.clone(), Desks::start(&setup, threads)?))
    }

    fn setup(mut self) -> Result<Setup, Error> {
        let root = match &self.project {
            Some(folder) => folder.canonicalize().map_err(|error| {
                Error::setup(format!("project `{}`: {error}", folder.display()))
            })?,
            None => PathBuf::from(NOWHERE),
        };

        let config = Config::load(&root, &|_| None).map_err(Error::setup)?;
        let (names, length_min) = config.secrets();
        if !names.is_empty() || length_min.is_some() {
            secret::configure(names, length_min);
        }

        let (aliases, models) = self.read_models(&config)?;
        let first = self.models.first().map(|(name, _)| name.clone());
        let (bounds, time_max) = match self.budget {
            Some(budget) => budget.read()?,
            None => (config.bounds(), config.time_max()),
        };
        let rules = self.rules(&config, &root)?;
        let (store, own_folder, keeper) = self.open_store(&root)?;
        check_functions(&self.functions)?;
        let tools = std::mem::take(&mut self.tools).into_iter().map(read_tool);
        let tools = tools.collect::<Result<Vec<_>, Error>>()?;
        check_names(tools.iter().map(|tool| tool.name.as_str())).map_err(Error::setup)?;

        Ok(Setup {
            root,
            store,
            own_folder,
            _keeper: Mutex::new(keeper),
            durability: config.durability(),
            scripts: self.scripts,
            aliases,
            default_model: self.default_model.or(config.model()).or(first),
            models,
            variables: self.variables,
            servers: config.servers().map(|(spec, _)| (spec.name.clone(), spec.clone())).collect(),
            functions: self.functions,
            tools,
            rules,
            bounds,
            time_max,
            concurrency: config.concurrency(),
            operations_max: config.operations_max(),
            suspend_after: config.suspend_after(),
            learn_from_demo: config.learn_from_demo(),
            caller: Caller::here(),
        })
    }

    /// Reads the models of the project and those of the program.
    #[allow(clippy::type_complexity, reason = "two tables by name")]
    fn read_models(
        &self,
        config: &Config,
    ) -> Result<(BTreeMap<String, ModelSpec>, BTreeMap<String, Arc<dyn AnyModel>>), Error> {
        let mut aliases = BTreeMap::new();
        let mut own = BTreeMap::new();
        for (name, fields, origin) in config.models() {
            let spec = ModelSpec::from_map(fields)
                .map_err(|error| Error::setup(format!("{origin}: model `{name}`: {error}")))?;
            aliases.insert(name.to_owned(), spec);
        }

        for (name, source) in &self.models {
            let fields = match &source.0 {
                SourceKind::Own(model) => {
                    own.insert(name.clone(), model.clone());
                    continue;
                }
                SourceKind::Named(of) => Map::from_iter([("use".to_owned(), of.clone().into())]),
                SourceKind::Described(Value::Object(fields)) => fields.clone(),
                SourceKind::Described(other) => {
                    return Err(Error::setup(format!(
                        "model `{name}` must be described by an object, not `{other}`"
                    )));
                }
            };
            let spec = ModelSpec::from_map(&fields)
                .map_err(|error| Error::setup(format!("model `{name}`: {error}")))?;
            aliases.insert(name.clone(), spec);
        }
        Ok((aliases, own))
    }

    /// Reads what scripts may touch: what the program grants, or else what the project does; and what either
    /// of them denies.
    fn rules(&self, config: &Config, root: &Path) -> Result<PermissionRules, Error> {
        let base = files::real(root);
        let mut rules = match &self.permissions {
            Some(given) => given.resolve(&base)?,
            None => PermissionRules::default(),
        };

        let says_read = config.permissions().iter().any(|rules| rules.key == "read");
        if self.permissions.is_none() && self.project.is_some() && !says_read {
            let whole = Rule::Path(files::plain(root), base.clone());
            rules.allow.push((Right::Read, whole));
        }

        for written in config.permissions() {
            let denied = written.key.strip_prefix("deny_");
            let word = denied.unwrap_or(&written.key);
            let right = Right::ALL.into_iter().find(|right| right.word() == word);
            let Some(right) = right else { continue };
            if denied.is_none() && self.permissions.is_some() {
                continue;
            }

            for text in &written.list {
                let rule = Rule::parse(right, text, &base).map_err(|reason| {
                    let origin = &written.origin;
                    let key = &written.key;
                    Error::setup(format!("{origin}: permissions.{key}: `{text}`: {reason}"))
                })?;
                let list = if denied.is_some() { &mut rules.deny } else { &mut rules.allow };
                list.push((right, rule));
            }
        }
        Ok(rules)
    }

    /// Opens the store, so that what is wrong with it is told now. Returns its path, the folder for locks, and
    /// what keeps a store in memory alive.
    fn open_store(&self, root: &Path) -> Result<(PathBuf, Option<PathBuf>, Option<Reader>), Error> {
        if self.in_memory {
            let path = store::shared_memory_name(&RunId::fresh().0);
            let keeper = store::open(&path)?;
            return Ok((path, None, Some(keeper)));
        }

        let folder = root.join(FOLDER);
        let failed = |error: std::io::Error| Error::Store {
            message: format!("creating `{}`: {error}", folder.display()),
        };
        own::make_folder(&folder).map_err(failed)?;

        let ignore = folder.join(".gitignore");
        // A project without this file works as well; git then shows the store as untracked.
        let _ = own::add_shared(&ignore, b"*\n");

        let path = folder.join("kaizen.db");
        drop(store::open(&path)?);
        Ok((path, Some(folder), None))
    }
}

/// Refuses names that no script could call.
fn check_functions(functions: &[OwnFunction]) -> Result<(), Error> {
    for (place, function) in functions.iter().enumerate() {
        let name = &function.name;
        let is_start = |c: char| c.is_ascii_alphabetic() || c == '_';
        let is_word = name.starts_with(is_start)
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_word {
            return Err(Error::setup(format!(
                "invalid name `{name}` of a function: use letters, digits and `_`"
            )));
        }
        if functions[..place].iter().any(|earlier| earlier.name == *name) {
            return Err(Error::setup(format!(
                "two functions are named `{name}`; give each its own name"
            )));
        }
    }
    Ok(())
}

/// Reads the description and the schema of a tool.
fn read_tool(tool: OwnTool) -> Result<OwnTool, Error> {
    let OwnTool { name, mut schema, call, .. } = tool;
    let described = schema.as_object_mut().and_then(|words| words.remove("description"));
    let description = described.and_then(|text| text.as_str().map(str::to_owned));
    let Some(description) = description else {
        return Err(Error::setup(format!(
            "tool `{name}` has no description; add `description` to its schema, in a sentence for the model"
        )));
    };

    check_name(&name, &description).map_err(Error::setup)?;
    let schema = tool::written(schema)
        .map_err(|reason| Error::setup(format!("the schema of tool `{name}`: {reason}")))?;
    let schema = arguments_schema(&name, schema).map_err(Error::setup)?;
    Ok(OwnTool { name, description, schema, call })
}

impl Setup {
    /// Returns the bounds of a run, and its maximum duration.
    pub(super) fn bounds_of(
        &self,
        own: Option<(Bounds, Option<Duration>)>,
    ) -> (Bounds, Option<Duration>) {
        own.unwrap_or((self.bounds, self.time_max))
    }
}
