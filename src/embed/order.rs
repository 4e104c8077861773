//! What a run is to be, on its way to the thread that performs it.

use crate::base::bounds::Bounds;
use crate::base::id::RunId;
use crate::embed::budget::Budget;
use crate::embed::error::Error;
use crate::embed::feed::Feed;
use crate::embed::outcome::Outcome;
use crate::embed::run::Run;
use crate::embed::runtime::Runtime;
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};

/// How a run ended.
pub(super) type RunEnd = Result<Outcome<Value>, Error>;

/// Stops a run from outside.
#[derive(Debug, Default)]
pub(super) struct Cancel {
    /// Ends a script that computes.
    pub(super) flag: Arc<AtomicBool>,
    /// Ends one that waits.
    pub(super) called: Notify,
}

impl Cancel {
    pub(super) fn now(&self) {
        self.flag.store(true, Ordering::SeqCst);
        self.called.notify_one();
    }
}

/// A run that a thread is to perform.
pub(super) struct RunOrder {
    pub(super) id: RunId,
    pub(super) script: String,
    pub(super) params: Map<String, Value>,
    pub(super) seed: Option<u64>,
    pub(super) model: Option<String>,
    /// Its own bounds, in the place of those of the runtime.
    pub(super) bounds: Option<(Bounds, Option<Duration>)>,
    /// The run that it continues.
    pub(super) resumes: Option<String>,
    /// The answer to the first question of that run.
    pub(super) answer: Option<Value>,
    pub(super) feed: Arc<Feed>,
    pub(super) cancel: Arc<Cancel>,
    pub(super) end: oneshot::Sender<RunEnd>,
}

/// A run that is being described.
///
/// ```
/// # fn example(kaizen: kaizen::Runtime) {
/// let run = kaizen.run("triage.rhai").param("ticket", "It is broken.").seed(7).start();
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a run begins with `start`"]
pub struct RunBuilder {
    runtime: Runtime,
    script: String,
    params: Map<String, Value>,
    seed: Option<u64>,
    model: Option<String>,
    budget: Option<Budget>,
    resumes: Option<String>,
    answer: Option<Value>,
    /// What is wrong with it, which the run says.
    fault: Option<Error>,
}

impl RunBuilder {
    pub(super) fn new(runtime: Runtime, script: &str) -> RunBuilder {
        RunBuilder {
            runtime,
            script: script.to_owned(),
            params: Map::new(),
            seed: None,
            model: None,
            budget: None,
            resumes: None,
            answer: None,
            fault: None,
        }
    }

    /// Sets a parameter of the script, which reads it with `param`.
    pub fn param(mut self, name: &str, value: impl Serialize) -> RunBuilder {
        match serde_json::to_value(value) {
            Ok(value) => drop(self.params.insert(name.to_owned(), value)),
            Err(error) => {
                self.fault = Some(Error::setup(format!("parameter `{name}`: {error}")));
            }
        }
        self
    }

    /// Sets the random seed, to repeat a run.
    pub fn seed(self, seed: u64) -> RunBuilder {
        RunBuilder { seed: Some(seed), ..self }
    }

    /// Sets the model for calls that name none.
    pub fn model(self, name: &str) -> RunBuilder {
        RunBuilder { model: Some(name.to_owned()), ..self }
    }

    /// Sets the budget of this run, in place of the runtime's.
    pub fn budget(self, budget: Budget) -> RunBuilder {
        RunBuilder { budget: Some(budget), ..self }
    }

    /// Continues a run that failed, was cancelled or waits. Replies that it paid for are reused, and functions and
    /// tools of the program that it called are not called again. Parameters that are not given are those of
    /// that run.
    pub fn resume(self, run: &str) -> RunBuilder {
        RunBuilder { resumes: Some(run.to_owned()), ..self }
    }

    /// Answers the first question that the run to continue waits for.
    pub fn answer(mut self, value: impl Serialize) -> RunBuilder {
        match serde_json::to_value(value) {
            Ok(value) => self.answer = Some(value),
            Err(error) => self.fault = Some(Error::setup(format!("the answer: {error}"))),
        }
        self
    }

    /// Starts the run on a thread of kaizen's, and returns at once.
    pub fn start(self) -> Run {
        let id = RunId::fresh();
        let feed = Arc::<Feed>::default();
        let cancel = Arc::<Cancel>::default();
        let (end, ended) = oneshot::channel();
        let run = Run::new(id.to_string(), feed.clone(), cancel.clone(), ended);

        let bounds = self.budget.map(Budget::read).transpose();
        let fault = self.fault.or(bounds.as_ref().err().cloned());
        if let Some(fault) = fault {
            feed.refuse(&fault);
            // The receiver is in the run that is returned.
            let _ = end.send(Err(fault));
            return run;
        }

        self.runtime.send(RunOrder {
            id,
            script: self.script,
            params: self.params,
            seed: self.seed,
            model: self.model,
            bounds: bounds.unwrap_or_default(),
            resumes: self.resumes,
            answer: self.answer,
            feed,
            cancel,
            end,
        });
        run
    }
}
