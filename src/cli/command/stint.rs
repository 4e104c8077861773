//! `kaizen stint`, which only workers call: performs one stint of a run on an engine. What is to be done is the first
//! line of stdin; each line after it says that the engine still counts on the stint.

use crate::base::clock;
use crate::base::process::end_all;
use crate::base::thread;
use crate::cli::Global;
use crate::cli::app::cause::exit_for;
use crate::cli::app::exit::Exit;
use crate::cli::app::permissions::Grants;
use crate::cli::app::project::Project;
use crate::cli::app::resumed;
use crate::cli::app::shared_store::{self, ChosenServer};
use crate::cli::app::stint_task::StintTask;
use crate::cli::app::trust;
use crate::cli::command::run::{self, RunSettings};
use crate::executor::pulse::Pulse;
use crate::fleet::order::{Beat, ChildReport};
use crate::fleet::{ChildOrder, RunOrder};
use crate::journal::event::StintTerms;
use crate::journal::waits::PendingQuestion;
use anyhow::Context;
use clap::Parser;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Options as they travel with an order.
#[derive(Debug, clap::Parser)]
struct OrderedOptions {
    #[command(flatten)]
    with: RunSettings,
}

/// Options of the worker.
#[derive(Debug, clap::Parser)]
struct WorkerGrants {
    #[command(flatten)]
    grants: Grants,
}

/// Performs the stint that stdin names.
pub(in crate::cli) fn run(global: &Global) -> anyhow::Result<Exit> {
    let mut first = String::new();
    std::io::stdin().read_line(&mut first)?;
    let order = serde_json::from_str(&first);
    let mut order: ChildOrder = order.context("`kaizen stint` is for workers alone")?;
    let lease = Duration::from_millis(order.stint.run.lease_ms);
    let (heard, pulse) = Pulse::until(clock::instant());
    thread::start("beats", move || hear(&heard, lease))?;

    let marks = std::mem::take(&mut order.trusted);
    trust::trust_of_worker(marks);
    shared_store::choose_of_worker(ChosenServer {
        address: order.store.address.clone(),
        project: order.store.project.clone(),
        accepts_unsafe: order.store.accepts_unsafe,
    });

    let RunOrder { json, quiet, first, .. } = order.stint.run.clone();
    let global = Global { json, quiet, ..*global };
    let task = Arc::new(StintTask { first, pulse, wait: Mutex::default() });
    let done = perform(&global, &order, &task);
    let exit = match &done {
        Ok(exit) => *exit,
        Err(error) => exit_for(error),
    };
    // Where the store fails, or another stint has the run, nothing is over.
    if exit != Exit::Store {
        let wait = *task.wait.lock().unwrap_or_else(PoisonError::into_inner);
        let until = wait.and_then(|wait| wait.until);
        let report = ChildReport { exit: exit.code(), waits: wait.is_some(), until };
        std::fs::write(&order.report, serde_json::to_vec(&report)?)?;
    }
    done
}

/// Moves the pulse on with each line, until the worker is gone.
fn hear(heard: &watch::Sender<Instant>, lease: Duration) {
    let lines = std::io::stdin().lines();
    for line in lines.map_while(Result::ok) {
        let now = clock::instant();
        let until = match serde_json::from_str(&line) {
            Ok(Beat::Heard { ago }) => (now + lease).checked_sub(Duration::from_millis(ago)),
            Ok(Beat::Hold) => Some(now),
            Err(_) => None,
        };
        // A run that is over hears nothing.
        let _ = heard.send(until.unwrap_or(now));
    }

    // Its worker is gone, so nobody answers for the run any more. What is in the journal stays.
    end_all();
    std::process::exit(i32::from(Exit::Store.code()));
}

fn perform(global: &Global, order: &ChildOrder, task: &Arc<StintTask>) -> anyhow::Result<Exit> {
    let run = &order.stint.run;
    let named = |options: &[String]| [&["kaizen".to_owned()][..], options].concat();
    let mut with = OrderedOptions::try_parse_from(named(&run.options))?.with;
    let own = WorkerGrants::try_parse_from(named(&order.grants))?.grants;
    with.grants = with.grants.within(&own);
    with.params =
        run.params.iter().map(|(name, value)| format!("{name}={}", text(value))).collect();

    let project = Project::find()?;
    let found = resumed::take_stint(&project, &task.first, &order.key)?;
    let resumed = found.map(|found| {
        found.map(|mut resumed| {
            if let Some(answer) = &order.stint.answer
                && let Ok(question) =
                    serde_json::from_value::<PendingQuestion>(answer.question.clone())
                && resumed.may_be_answered(&question, &order.key)
            {
                resumed.again.answer = Some((question, answer.value.clone()));
            }
            resumed
        })
    });

    let terms = StintTerms { name: run.name.clone(), key: order.key.clone() };
    let script = Some(PathBuf::from(&run.script));
    let mut arguments = run::Arguments::of(script, &with);
    arguments.stint = Some((task.clone(), terms));
    run::run_from(global, &arguments, resumed)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
