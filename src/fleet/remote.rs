//! The engine as those see it who submit runs, watch them, answer them and stop them.

use crate::fleet::address::EngineAddress;
use crate::fleet::order::{PersonAnswer, RunExit, RunOrder};
use crate::fleet::workflow::KaizenRun;
use std::path::{Path, PathBuf};
use std::time::Duration;
use temporalio_client::errors::{
    ClientConnectError, WorkflowGetResultError, WorkflowInteractionError, WorkflowStartError,
};
use temporalio_client::{
    Client, ClientOptions, ClientTlsOptions, Connection, ConnectionOptions, TlsOptions, Url,
    WorkflowCancelOptions, WorkflowDescribeOptions, WorkflowExecutionStatus,
    WorkflowGetResultOptions, WorkflowHandle, WorkflowIdConflictPolicy, WorkflowSignalOptions,
    WorkflowStartOptions,
};

/// How long a server has for its first answer.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// What the memo of a workflow tells.
const CONTENT: &str = "kaizen_content";
const FIRST: &str = "kaizen_first";
const STORE: &str = "kaizen_store";

/// What is wrong with an engine, or with what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// It cannot be reached.
    #[error(
        "cannot reach Temporal at `{address}` ({reason}); check that it runs, and the address: `temporal server \
         start-dev` starts one for trying"
    )]
    Away {
        /// Where.
        address: String,
        /// What the system says.
        reason: String,
    },
    /// A file of the address cannot be read.
    #[error("cannot read `{path}`, which the address of the engine names: {reason}")]
    File {
        /// The file.
        path: String,
        /// Why not.
        reason: std::io::Error,
    },
    /// The namespace does not exist.
    #[error(
        "Temporal at `{address}` refused ({reason}); check the namespace, and create it with `temporal operator \
         namespace create`"
    )]
    Refused {
        /// Where.
        address: String,
        /// What it says.
        reason: String,
    },
    /// There is no such run.
    #[error("no run `{name}` on the engine; `kaizen runs` shows the runs of the store")]
    NoRun {
        /// The name.
        name: String,
    },
    /// A run of this name has other content.
    #[error(
        "a run `{name}` with another script, other files, parameters or options is on the engine; choose another name \
         with `--id`"
    )]
    OtherContent {
        /// The name.
        name: String,
    },
    /// A run of this name keeps its journal elsewhere.
    #[error("the run `{name}` is kept in the store `{store}`, not in the one that is named now")]
    OtherStore {
        /// The name.
        name: String,
        /// The other store.
        store: String,
    },
    /// It failed, not as its script may fail.
    #[error("run `{name}` was given up by its workers: {reason}")]
    GivenUp {
        /// The name.
        name: String,
        /// Why.
        reason: String,
    },
    /// Somebody ended it on the server.
    #[error(
        "run `{name}` was ended on the Temporal server by hand; its journal is kept, and submitting it again with `--id \
         {name}` continues it"
    )]
    Terminated {
        /// The name.
        name: String,
    },
    /// Anything else.
    #[error("Temporal failed: {reason}")]
    Other {
        /// What it says.
        reason: String,
    },
}

/// An engine that can be reached.
pub struct Engine {
    client: Client,
    address: EngineAddress,
}

/// A run on an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineRun {
    /// Its name.
    pub name: String,
    /// The submission: what is printed is kept by it.
    pub work: String,
    /// Whether it goes on, or waits.
    pub is_open: bool,
    /// The run of its first stint.
    pub first: String,
    /// What was submitted.
    content: String,
    /// The store that keeps it.
    store: String,
    /// The queue that it is on.
    pub queue: String,
}

/// How a run on an engine came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineEnd {
    /// By itself.
    Ended(RunExit),
    /// Because somebody cancelled it.
    Cancelled,
}

impl Engine {
    /// Connects to the engine at an address.
    pub async fn connect(address: &EngineAddress) -> Result<Engine, EngineError> {
        let scheme = if address.is_encrypted() { "https" } else { "http" };
        let away = |reason: String| EngineError::Away { address: address.to_string(), reason };
        let target = Url::parse(&format!("{scheme}://{}", address.place()));
        let target = target.map_err(|error| away(error.to_string()))?;

        let tls = if address.is_encrypted() { Some(tls(address)?) } else { None };
        let options = ConnectionOptions::new(target)
            .connect_timeout(CONNECT_MAX)
            .identity(identity())
            .maybe_tls_options(tls)
            .build();
        let connected = tokio::time::timeout(CONNECT_MAX, Connection::connect(options)).await;
        let connection = match connected {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Err(away(reason_of(&error))),
            Err(_) => return Err(away("no answer within 10 s".to_owned())),
        };

        let options = ClientOptions::new(address.namespace.clone()).build();
        let client = Client::new(connection, options)
            .map_err(|error| EngineError::Other { reason: error.to_string() })?;
        Ok(Engine { client, address: address.clone() })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Returns its address.
    pub fn address(&self) -> &EngineAddress {
        &self.address
    }

    /// Submits a run, unless one of this name goes on. `first` and what it was called before stay if it was there.
    pub async fn submit(
        &self,
        mut order: RunOrder,
        store: &str,
        queue: &str,
    ) -> Result<EngineRun, EngineError> {
        if let Some(before) = self.find(&order.name).await? {
            check_same(&before, &order, store)?;
            if before.is_open {
                return Ok(before);
            }
            order.first.0.clone_from(&before.first);
        }

        let mut memo = temporalio_common::MemoValues::new();
        memo.insert(CONTENT, order.content());
        memo.insert(FIRST, order.first.0.clone());
        memo.insert(STORE, store.to_owned());
        let options = WorkflowStartOptions::new(queue, order.name.clone())
            .id_conflict_policy(WorkflowIdConflictPolicy::Fail)
            .static_summary(order.script.clone())
            .memo(memo)
            .build();

        let started = self.client.start_workflow(KaizenRun::run, order.clone(), options).await;
        match started {
            // Or somebody has submitted it at this moment.
            Ok(_) | Err(WorkflowStartError::AlreadyStarted { .. }) => {}
            Err(WorkflowStartError::Rpc(status)) => {
                return Err(self.refused(status.message().to_owned()));
            }
            Err(error) => return Err(EngineError::Other { reason: error.to_string() }),
        }
        let run = self.run(&order.name).await?;
        check_same(&run, &order, store)?;
        Ok(run)
    }

    fn handle(&self, name: &str) -> WorkflowHandle<Client, KaizenRun> {
        self.client.get_workflow_handle::<KaizenRun>(name)
    }

    /// Finds a run by its name.
    pub async fn run(&self, name: &str) -> Result<EngineRun, EngineError> {
        self.find(name).await?.ok_or_else(|| EngineError::NoRun { name: name.to_owned() })
    }

    /// Finds a run by its name, if there is one.
    pub async fn find(&self, name: &str) -> Result<Option<EngineRun>, EngineError> {
        let found = self.handle(name).describe(WorkflowDescribeOptions::default()).await;
        let found = match found {
            Ok(found) => found,
            // A namespace that is not there is not found either.
            Err(WorkflowInteractionError::NotFound(status)) => {
                let is_namespace = status.message().to_lowercase().contains("namespace");
                let refused = || self.refused(status.message().to_owned());
                return if is_namespace { Err(refused()) } else { Ok(None) };
            }
            Err(error) => return Err(self.failed(error)),
        };

        let memo = found.memo();
        let text = |key: &str| memo.get::<String>(key).ok().flatten().unwrap_or_default();
        Ok(Some(EngineRun {
            name: name.to_owned(),
            work: found.run_id().to_owned(),
            is_open: matches!(
                found.status(),
                WorkflowExecutionStatus::Running | WorkflowExecutionStatus::Paused
            ),
            first: text(FIRST),
            content: text(CONTENT),
            store: text(STORE),
            queue: found.task_queue().to_owned(),
        }))
    }

    /// Waits until a run is over.
    pub async fn end(&self, name: &str) -> Result<EngineEnd, EngineError> {
        let name = name.to_owned();
        match self.handle(&name).get_result(WorkflowGetResultOptions::default()).await {
            Ok(end) => Ok(EngineEnd::Ended(end)),
            Err(WorkflowGetResultError::Cancelled { .. }) => Ok(EngineEnd::Cancelled),
            Err(WorkflowGetResultError::Failed(error)) => {
                Err(EngineError::GivenUp { name, reason: innermost(&*error) })
            }
            Err(WorkflowGetResultError::Terminated { .. } | WorkflowGetResultError::TimedOut) => {
                Err(EngineError::Terminated { name })
            }
            Err(WorkflowGetResultError::NotFound(_)) => Err(EngineError::NoRun { name }),
            Err(error) => Err(EngineError::Other { reason: error.to_string() }),
        }
    }

    /// Has a run stopped.
    pub async fn cancel(&self, name: &str) -> Result<(), EngineError> {
        let options = WorkflowCancelOptions::builder().reason("kaizen cancel").build();
        self.handle(name).cancel(options).await.map_err(|error| self.not_there(name, error))
    }

    /// Answers a question of a run.
    pub async fn answer(&self, name: &str, answer: PersonAnswer) -> Result<(), EngineError> {
        let options = WorkflowSignalOptions::default();
        let signalled = self.handle(name).signal(KaizenRun::answer, answer, options).await;
        signalled.map_err(|error| self.not_there(name, error))
    }

    fn not_there(&self, name: &str, error: WorkflowInteractionError) -> EngineError {
        match error {
            WorkflowInteractionError::NotFound(_) => EngineError::NoRun { name: name.to_owned() },
            other => self.failed(other),
        }
    }

    fn failed(&self, error: WorkflowInteractionError) -> EngineError {
        match error {
            WorkflowInteractionError::Rpc(status) => self.refused(status.message().to_owned()),
            other => EngineError::Other { reason: other.to_string() },
        }
    }

    fn refused(&self, reason: String) -> EngineError {
        EngineError::Refused { address: self.address.to_string(), reason }
    }
}

/// Checks that a run that is there is the one that is submitted.
fn check_same(there: &EngineRun, order: &RunOrder, store: &str) -> Result<(), EngineError> {
    let name = there.name.clone();
    if there.store != store {
        return Err(EngineError::OtherStore { name, store: there.store.clone() });
    }
    if there.content != order.content() {
        return Err(EngineError::OtherContent { name });
    }
    Ok(())
}

/// Reads what the address says of TLS.
fn tls(address: &EngineAddress) -> Result<TlsOptions, EngineError> {
    let read = |path: &PathBuf| {
        let path_text = |path: &Path| path.to_string_lossy().into_owned();
        std::fs::read(path).map_err(|reason| EngineError::File { path: path_text(path), reason })
    };

    let root = address.root_certificate.as_ref().map(read).transpose()?;
    let own = match &address.certificate {
        Some((certificate, key)) => Some(
            ClientTlsOptions::builder()
                .client_cert(read(certificate)?)
                .client_private_key(read(key)?)
                .build(),
        ),
        None => None,
    };
    Ok(TlsOptions::builder()
        .maybe_server_root_ca_cert(root)
        .maybe_domain(address.certified_name.clone())
        .maybe_client_tls_options(own)
        .build())
}

/// Names this process to the engine.
fn identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("kaizen {} on {}", std::process::id(), host.trim())
}

/// Returns the words of the innermost of the errors that one consists of.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn reason_of(error: &ClientConnectError) -> String {
    match error {
        ClientConnectError::SystemInfoCallError(status) => status.message().to_owned(),
        other => innermost(other),
    }
}
