//! The runtime: the handle through which a program uses kaizen.

use crate::base::rng::Rng;
use crate::embed::advice::Advice;
use crate::embed::builder::RuntimeBuilder;
use crate::embed::desk::{DeskJob, Desks, RecordOrder};
use crate::embed::error::Error;
use crate::embed::order::{RunBuilder, RunOrder};
use crate::embed::setup::Setup;
use crate::optimizer::Optimizer;
use crate::optimizer::choice::policy::Policy;
use crate::optimizer::choice::recommendation::Manner;
use crate::optimizer::evidence::knowledge::Knowledge;
use crate::store;
use serde::Serialize;
use serde_json::Value;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Runs workflows, and learns from them. It is cheap to clone, and can be shared by all threads of a program.
///
/// ```
/// # async fn example() -> Result<(), kaizen::Error> {
/// let kaizen = kaizen::Runtime::builder()
///     .in_memory()
///     .model("fast", "demo/echo")
///     .script("triage.rhai", r#"branch("fast").operate(param("ticket", ""))"#)
///     .build()?;
///
/// let run = kaizen.run("triage.rhai").param("ticket", "It is broken.").start();
/// let done = run.finish::<String>().await?;
/// println!("{} ({} calls)", done.value, done.calls);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Runtime {
    setup: Arc<Setup>,
    desks: Arc<Desks>,
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("root", &self.setup.root).finish_non_exhaustive()
    }
}

impl Runtime {
    /// Describes a runtime.
    pub fn builder() -> RuntimeBuilder {
        RuntimeBuilder::default()
    }

    pub(super) fn new(setup: Arc<Setup>, desks: Desks) -> Runtime {
        Runtime { setup, desks: Arc::new(desks) }
    }

    /// Describes a run of a script: a file of the project, named relative to its folder, or a script that the
    /// builder was given.
    pub fn run(&self, script: &str) -> RunBuilder {
        RunBuilder::new(self.clone(), script)
    }

    pub(super) fn send(&self, order: RunOrder) {
        self.desks.send(DeskJob::Run(Box::new(order)));
    }

    /// Recommends a pattern for a task, by everything that is known. Each call may choose another pattern:
    /// those with little evidence are tried in proportion to their chance of being the best.
    pub fn advise(&self, task: &str) -> Result<Advice, Error> {
        self.advise_among(task, &[])
    }

    /// Recommends one of the given patterns.
    pub fn advise_among(&self, task: &str, patterns: &[&str]) -> Result<Advice, Error> {
        let reader = store::open_to_read(&self.setup.store)?;
        let among: Vec<String> = patterns.iter().map(|name| (*name).to_owned()).collect();

        let seed = Rng::from_entropy().next_u64();
        let knowledge = Rc::new(Knowledge::read(reader));
        let optimizer = Optimizer::new(knowledge, Policy::default(), self.setup.learn_from_demo)
            .choosing(None, Manner::default(), seed);
        Ok(optimizer.recommend(task, &among)?.into())
    }

    /// Records how an execution of a pattern went, in the words of `record_execution` in scripts: `success_rate`,
    /// `score`, `execution_time`, `cost`, .. It is in the store when this returns.
    pub async fn record(
        &self,
        task: &str,
        pattern: &str,
        metrics: impl Serialize,
    ) -> Result<(), Error> {
        let metrics = match serde_json::to_value(metrics) {
            Ok(Value::Object(metrics)) => metrics,
            Ok(other) => {
                return Err(Error::setup(format!("metrics must be an object, not `{other}`")));
            }
            Err(error) => return Err(Error::setup(format!("metrics: {error}"))),
        };

        let (done, recorded) = oneshot::channel();
        let task = task.to_owned();
        let pattern = pattern.to_owned();
        self.desks.send(DeskJob::Record(Box::new(RecordOrder { task, pattern, metrics, done })));
        recorded.await.unwrap_or(Err(Error::Closed))
    }

    /// Starts no further run, and waits until those under way have ended and everything is in the store. Runs that
    /// nobody holds any more are cancelled.
    pub async fn close(&self) {
        self.desks.close().await;
    }
}
