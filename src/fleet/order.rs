//! What submitters, the engine, workers and the processes of stints tell each other. All of it is kept for as long as a
//! run may last, so a field that is added has a default.

use crate::base::id::RunId;
use serde_json::{Map, Value};
use std::path::PathBuf;

/// What a run is to be: the input of its workflow.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RunOrder {
    /// The name of the run on the engine.
    pub name: String,
    /// The run of the first stint.
    pub first: RunId,
    /// The hash of the bundle.
    pub bundle: String,
    /// The script's path in the bundle.
    pub script: String,
    /// Its parameters.
    pub params: Map<String, Value>,
    /// The options of `kaizen run` that it was given besides.
    #[serde(default)]
    pub options: Vec<String>,
    /// Whether it prints JSON lines.
    #[serde(default)]
    pub json: bool,
    /// Whether it prints errors only.
    #[serde(default)]
    pub quiet: bool,
    /// How long a stint may be silent before another one is begun, in milliseconds.
    pub lease_ms: u64,
}

impl RunOrder {
    /// Returns what tells it from an order of another content: neither its first run nor its lease does.
    pub fn content(&self) -> String {
        let RunOrder { bundle, script, params, options, json, quiet, .. } = self;
        let text = serde_json::json!([bundle, script, params, options, json, quiet]).to_string();
        blake3::hash(text.as_bytes()).to_hex()[..32].to_owned()
    }
}

/// The answer of a person to a question of a run.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PersonAnswer {
    /// The question: a `PendingQuestion`.
    pub question: Value,
    /// The answer.
    pub value: Value,
}

/// What one stint is to do: the input of its activity.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct StintOrder {
    /// The run.
    pub run: RunOrder,
    /// The answer with which it continues.
    #[serde(default)]
    pub answer: Option<PersonAnswer>,
}

/// How a stint ended, unless it was cut short.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StintEnd {
    /// The run is over.
    Ended(RunExit),
    /// The run waits for an answer, or for a time.
    Waits {
        /// When it can continue without an answer, in milliseconds since 1970.
        until: Option<i64>,
    },
}

/// How a run ended: the result of its workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RunExit {
    /// The exit code of its program.
    pub exit: u8,
}

/// Where the shared store is, as a process is told it that performs a stint.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StoreAddress {
    /// The address, with everything in it.
    pub address: String,
    /// The name of the project, which names the schema unless the address does.
    pub project: String,
    /// Whether the server may lose what it has confirmed.
    pub accepts_unsafe: bool,
}

/// What a process is told that performs a stint: the first line of its standard input. A line for each beat follows.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ChildOrder {
    /// What the stint is to do.
    pub stint: StintOrder,
    /// The name of the stint, the same for every try of it.
    pub key: String,
    /// The store.
    pub store: StoreAddress,
    /// The options of the worker that grant and deny.
    pub grants: Vec<String>,
    /// What the project of the worker wishes and its user trusts.
    #[serde(default)]
    pub trusted: Vec<String>,
    /// Where to say how the run ended.
    pub report: PathBuf,
}

/// What a process says that has performed a stint.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ChildReport {
    /// The exit code.
    pub exit: u8,
    /// Whether the run is suspended.
    pub waits: bool,
    /// When it can continue without an answer, in milliseconds since 1970.
    pub until: Option<i64>,
}

/// What a worker tells the process of a stint while it performs it, a line each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Beat {
    /// The engine knows that the stint goes on. So many milliseconds have passed since it was asked.
    Heard {
        /// Milliseconds since then.
        ago: u64,
    },
    /// Nothing more is to begin: the worker ends.
    Hold,
}
