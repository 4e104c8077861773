//! A worker: performs stints of the runs of one project until it is told to end.

use crate::fleet::bundle;
use crate::fleet::order::StoreAddress;
use crate::fleet::remote::{Engine, EngineError};
use crate::fleet::stint::Stints;
use crate::fleet::store_desk::StoreDesk;
use crate::fleet::workflow::KaizenRun;
use crate::store::Reader;
use std::path::PathBuf;
use std::time::Duration;
use temporalio_sdk::runtime::RuntimeOptions;
use temporalio_sdk::runtime::worker_tuner::{FixedSizeSlotSupplier, TunerHolder};
use temporalio_sdk::{Runtime, Worker, WorkerOptions};
use tokio::sync::watch;

/// How long the next step of a run waits for the worker that had the last one. Temporal's own ten seconds would pass
/// after each death.
const STICKY: Duration = Duration::from_secs(1);

/// Workflows that are handled at once, and that are kept in memory. A run takes little time there.
const WORKFLOWS: usize = 100;

/// How a worker works.
pub struct WorkerSetup {
    /// The program that performs stints: this one.
    pub program: PathBuf,
    /// The folder for bundles and reports, which goes with the worker.
    pub folder: PathBuf,
    /// The store, as processes are told it.
    pub store_address: StoreAddress,
    /// The options that grant and deny.
    pub grants: Vec<String>,
    /// What its project wishes and its user trusts.
    pub trusted: Vec<String>,
    /// The queue that it works on.
    pub queue: String,
    /// Most stints at once.
    pub runs: usize,
    /// How long stints under way have to come to their end when it ends.
    pub grace: Duration,
    /// Says something in its log.
    pub tell: Box<dyn Fn(&str) + Send + Sync>,
}

/// Works until `ends` is true.
pub async fn work(
    engine: &Engine,
    store: Reader,
    setup: WorkerSetup,
    mut ends: watch::Receiver<bool>,
) -> Result<(), EngineError> {
    let other = |reason: String| EngineError::Other { reason };
    let folder = setup.folder.clone();
    let desk = StoreDesk::open(store, folder.clone()).map_err(|error| other(error.to_string()))?;

    let slots = |number| FixedSizeSlotSupplier::new(number);
    let tuner = TunerHolder::builder()
        .workflow_task_slot_supplier(slots(WORKFLOWS))
        .activity_task_slot_supplier(slots(setup.runs))
        .local_activity_task_slot_supplier(slots(1))
        .nexus_task_slot_supplier(slots(1))
        .build();
    let queue = setup.queue.clone();
    let stints = Stints { setup, desk, client: engine.client().clone(), ends: ends.clone() };
    let options = WorkerOptions::new(queue)
        .tuner(tuner)
        .max_cached_workflows(WORKFLOWS)
        .sticky_queue_schedule_to_start_timeout(STICKY)
        .register_activities(stints)
        .register_workflow::<KaizenRun>()
        .map_err(|error| other(error.to_string()))?
        .build();

    let runtime = RuntimeOptions::builder().heartbeat_interval(None).build().map_err(other)?;
    let runtime = Runtime::from_current_tokio(runtime).map_err(|error| other(error.to_string()))?;
    let mut worker = Worker::new(&runtime, engine.client().clone(), options)
        .map_err(|error| other(error.to_string()))?;
    let shut_down = worker.shutdown_handle();

    let stopping = async {
        // Whoever could say so is gone, which is the same.
        let _ = ends.wait_for(|ends| *ends).await;
        shut_down();
        std::future::pending::<()>().await;
    };
    let result = tokio::select! {
        result = worker.run() => result,
        () = stopping => Ok(()),
    };
    bundle::remove(&folder);
    result.map_err(|error| other(error.to_string()))
}
