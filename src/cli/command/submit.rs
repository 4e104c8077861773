//! `kaizen run SCRIPT --on URL`: has a worker run a script, and shows it.

use crate::cli::Global;
use crate::cli::app::engine::{ChosenEngine, SubmitOptions};
use crate::cli::app::exit::Exit;
use crate::cli::command::run::RunSettings;
use std::path::Path;

/// Submits a run, and shows it unless it is to be left to itself.
#[cfg(not(feature = "engine"))]
pub(in crate::cli) fn run(
    _global: &Global,
    engine: &ChosenEngine,
    _options: &SubmitOptions,
    _script: Option<&Path>,
    _with: &RunSettings,
) -> anyhow::Result<Exit> {
    match *engine {}
}

#[cfg(feature = "engine")]
pub(in crate::cli) use with_engine::run;

#[cfg(feature = "engine")]
mod with_engine {
    use super::{ChosenEngine, Exit, Global, Path, RunSettings, SubmitOptions};
    use crate::base::id::RunId;
    use crate::base::secret::is_secret_parameter;
    use crate::cli::app::engine_run::{follow, shared_store_of, with_engine};
    use crate::cli::app::job::ScriptJob;
    use crate::cli::app::project::Project;
    use crate::cli::app::shared_store;
    use crate::cli::command::check;
    use crate::cli::command::run::{RunOptions, read_script};
    use crate::cli::{print_data, print_line, say};
    use crate::fleet::RunOrder;
    use crate::fleet::address::QUEUE;
    use crate::fleet::bundle::{ScriptBundle, inner_path};
    use crate::script::{ScriptError, State};
    use crate::store;
    use anyhow::Context;
    use serde_json::{Map, Value, json};
    use std::rc::Rc;

    /// Submits a run, and shows it unless it is to be left to itself.
    pub(in crate::cli) fn run(
        global: &Global,
        engine: &ChosenEngine,
        how: &SubmitOptions,
        script: Option<&Path>,
        with: &RunSettings,
    ) -> anyhow::Result<Exit> {
        let Some(script) = script else {
            say("error: no script given; run `kaizen run SCRIPT --on URL`");
            return Ok(Exit::Usage);
        };
        let given = RunOptions { script: script.to_owned(), with: with.clone() };
        let Some(params) = given.params() else { return Ok(Exit::Usage) };
        let options = match sendable(&params, with) {
            Ok(options) => options,
            Err(reason) => {
                say(&format!("error: {reason}"));
                return Ok(Exit::Usage);
            }
        };
        let Some(text) = read_script(script) else { return Ok(Exit::Refused) };

        let project = given.project()?;
        let kept = shared_store_of(&project)?;
        let bundle = match checked(global, &project, script, &text, &params)? {
            Ok(bundle) => bundle,
            Err(exit) => return Ok(exit),
        };
        bundle.send(&kept)?;

        let first = RunId::fresh();
        let root = project.root.canonicalize().context("cannot find the project")?;
        let order = RunOrder {
            name: how.id.clone().unwrap_or_else(|| first.0.clone()),
            first,
            bundle: bundle.hash(),
            script: inner_path(&root, &script.canonicalize()?)?,
            params,
            options,
            json: global.json,
            quiet: global.quiet,
            lease_ms: u64::try_from(project.config.lease().as_millis()).unwrap_or(u64::MAX),
        };
        let queue = queue_of(engine, &project)?;
        let store = project.store_path().to_string_lossy().into_owned();

        with_engine(engine, async |engine| {
            let run = engine.submit(order, &store, &queue).await?;
            if how.detach {
                if global.json {
                    print_data(json!({ "type": "submitted", "name": run.name }));
                } else {
                    print_line(&run.name);
                }
                return Ok(Exit::Ok);
            }
            if !global.quiet {
                say(&format!("run {} is on {}; Ctrl-C detaches", run.name, engine.address()));
            }
            follow(global, engine, &kept, &run).await
        })
    }

    /// Returns the options of a run as they are sent; or says why something cannot be.
    fn sendable(params: &Map<String, Value>, with: &RunSettings) -> Result<Vec<String>, String> {
        if let Some(secret) = params.keys().find(|name| is_secret_parameter(name)) {
            return Err(format!(
                "`{secret}` is a secret, and those are not sent: have the script read it with `env(..)`, and set the \
                 variable where workers run"
            ));
        }
        let options = with.as_typed();
        options
            .ok_or_else(|| "a path that is not valid UTF-8 cannot be sent to a worker".to_owned())
    }

    /// Checks a script as before a run here, and collects what it needs.
    fn checked(
        global: &Global,
        project: &Project,
        script: &Path,
        text: &str,
        params: &Map<String, Value>,
    ) -> anyhow::Result<Result<ScriptBundle, Exit>> {
        let models = Rc::new(project.models(0)?);
        let job = ScriptJob {
            global,
            project,
            script,
            params: params.clone(),
            seed: 0,
            models: models.clone(),
            writer: Rc::new(project.start_writer()?),
            reuse: None,
            state: State::default(),
            resumes: None,
            takes_over: None,
            again: None,
            may_ask: false,
            may_suspend: true,
        };

        let host = check::host_with(project, &models, script, params.clone())?;
        let program = match host.compile(text) {
            Ok(program) => program,
            Err(ScriptError::Refused(faults)) => return Ok(Err(job.refuse(&faults))),
            Err(other) => anyhow::bail!("cannot read the script: {other:?}"),
        };
        job.warn(&program);
        if let Some(exit) = job.refuse_ungranted(&host.missing_grants(&program)) {
            return Ok(Err(exit));
        }

        let root = project.root.canonicalize().context("cannot find the project")?;
        let files = host.files().into_keys().chain([script.canonicalize()?]);
        match ScriptBundle::collect(&root, files, &project.config.sent_files()) {
            Ok(bundle) => Ok(Ok(bundle)),
            Err(fault) => {
                say(&format!("error: {fault}"));
                Ok(Err(Exit::Refused))
            }
        }
    }

    /// Returns the queue of a project. Projects whose stores have other schemas have other queues.
    pub(in crate::cli) fn queue_of(
        engine: &ChosenEngine,
        project: &Project,
    ) -> anyhow::Result<String> {
        let named = engine.queue.as_deref().or(project.config.queue()).unwrap_or(QUEUE);
        let chosen = shared_store::choice(&project.config, &project.root)?;
        chosen.context("a shared store is needed")?;
        let schema = store::schema_of_server(&project.store_path()).unwrap_or_default();
        Ok(format!("{named}@{schema}"))
    }
}

#[cfg(feature = "engine")]
pub(in crate::cli) use with_engine::queue_of;
