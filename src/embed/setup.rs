//! What a runtime was built of, as its threads share it.

use crate::base::bounds::Bounds;
use crate::base::wildcard::Wildcard;
use crate::embed::function::{AnyFunction, Caller};
use crate::embed::model::{self, AnyModel};
use crate::embed::permissions::PermissionRules;
use crate::mcp::Servers;
use crate::mcp::spec::ServerSpec;
use crate::model::registry::Models;
use crate::model::spec::ModelSpec;
use crate::script::host::permission::Permissions;
use crate::script::host::servers::launcher;
use crate::script::{HostCall, HostTool, HostWord, HostWords};
use crate::store::Reader;
use crate::store::durability::Durability;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A function of the program, as it was given.
#[derive(Clone)]
pub(super) struct OwnFunction {
    pub(super) name: String,
    pub(super) doc: String,
    pub(super) takes: usize,
    pub(super) call: AnyFunction,
}

/// A tool of the program, as it was given.
#[derive(Clone)]
pub(super) struct OwnTool {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) schema: Value,
    pub(super) call: AnyFunction,
}

/// What a runtime was built of.
pub(super) struct Setup {
    /// The folder whose scripts are run.
    pub(super) root: PathBuf,
    /// Where the journal and what is learned are kept.
    pub(super) store: PathBuf,
    /// The folder for locks of runs; a store in memory has none.
    pub(super) own_folder: Option<PathBuf>,
    /// Keeps a store in memory alive.
    pub(super) _keeper: Mutex<Option<Reader>>,
    pub(super) durability: Durability,
    /// Scripts that the program holds itself.
    pub(super) scripts: BTreeMap<String, String>,
    pub(super) aliases: BTreeMap<String, ModelSpec>,
    pub(super) default_model: Option<String>,
    pub(super) models: BTreeMap<String, Arc<dyn AnyModel>>,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) servers: BTreeMap<String, ServerSpec>,
    pub(super) functions: Vec<OwnFunction>,
    pub(super) tools: Vec<OwnTool>,
    pub(super) rules: PermissionRules,
    pub(super) bounds: Bounds,
    pub(super) time_max: Option<Duration>,
    pub(super) concurrency: Option<usize>,
    pub(super) operations_max: u64,
    pub(super) suspend_after: Option<Duration>,
    pub(super) learn_from_demo: bool,
    pub(super) caller: Caller,
}

impl Setup {
    /// Returns the models, for one thread. Connections and limits are shared by its runs.
    pub(super) fn models(&self) -> Models {
        let variables = self.variables.clone();
        let lookup = move |name: &str| variables.get(name).cloned();
        let models = Models::new(self.aliases.clone(), self.default_model.clone(), 0, lookup);

        self.models.iter().fold(models, |models, (name, own)| {
            models.giving(name, model::own(name, own, &self.caller))
        })
    }

    /// Returns what a run may touch.
    pub(super) fn permissions(&self) -> Permissions {
        let mut permissions = Permissions::default();
        for (right, rule) in &self.rules.allow {
            permissions.allow(*right, rule.clone());
        }
        for (right, rule) in &self.rules.deny {
            permissions.deny(*right, rule.clone());
        }
        self.rules.approved.iter().for_each(|tools: &Wildcard| permissions.approve(tools.clone()));
        permissions
    }

    /// Returns the MCP servers of the project, none of them started.
    pub(super) fn servers(&self, models: Rc<Models>) -> Servers {
        if self.servers.is_empty() {
            return Servers::none();
        }
        let launcher = launcher(self.permissions(), models, self.root.clone());
        Servers::new(self.servers.clone(), BTreeMap::new(), launcher)
    }

    /// Returns the functions and tools, for one thread.
    pub(super) fn words(&self) -> HostWords {
        let functions = self.functions.iter().map(|own| HostWord {
            name: own.name.clone(),
            doc: own.doc.clone(),
            takes: own.takes,
            call: self.host_call(&own.name, &own.call),
        });
        let tools = self.tools.iter().map(|own| HostTool {
            name: own.name.clone(),
            description: own.description.clone(),
            schema: own.schema.clone(),
            call: self.host_call(&own.name, &own.call),
        });
        HostWords { functions: functions.collect(), tools: tools.collect() }
    }

    fn host_call(&self, name: &str, call: &AnyFunction) -> HostCall {
        let shared = Rc::new((name.to_owned(), call.clone(), self.caller.clone()));
        Rc::new(move |values| {
            let shared = shared.clone();
            Box::pin(async move {
                let (name, call, caller) = &*shared;
                caller.call(name, call, values).await
            })
        })
    }
}
