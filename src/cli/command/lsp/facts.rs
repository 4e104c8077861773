//! What the store tells of scripts and task types. It is only read, and read again when it has changed.

use crate::base::id::RunId;
use crate::base::unit::Money;
use crate::cli::app::condition::condition;
use crate::cli::app::project::Project;
use crate::cli::command::compare::verdict;
use crate::cli::command::lsp::workspace::{DiskStamp, stamp};
use crate::cli::command::patterns;
use crate::flow::outcome::Outcome;
use crate::journal::history::{self, RunRow};
use crate::journal::trace::{OpTrace, Trace};
use crate::metrics::fold::FlowFold;
use crate::optimizer::Optimizer;
use crate::optimizer::choice::policy::Policy;
use crate::optimizer::evidence::knowledge::Knowledge;
use crate::optimizer::evidence::pattern::TaskType;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::rc::Rc;

/// Most runs that are looked through for the last one of a script.
const RUNS_MAX: usize = 300;
/// Most characters of a reply that are shown.
const REPLY_MAX: usize = 200;

/// How an operation went.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OperationFact {
    pub(super) outcome: &'static str,
    /// In microseconds.
    pub(super) took: Option<i64>,
    pub(super) cost: Option<Money>,
    pub(super) tokens: u64,
    pub(super) calls: usize,
    /// The beginning of its last reply.
    pub(super) reply: Option<String>,
}

/// How a run went.
#[derive(Debug)]
pub(super) struct RunFact {
    pub(super) id: RunId,
    pub(super) status: &'static str,
    pub(super) calls: u64,
    pub(super) cost: String,
    /// In microseconds.
    pub(super) took: Option<i64>,
    pub(super) operations: BTreeMap<String, OperationFact>,
}

/// What the store of a project tells.
#[derive(Debug, Default)]
pub(super) struct StoreFacts {
    stamps: [DiskStamp; 2],
    runs: Vec<RunRow>,
    /// The task types, each with the patterns that are known for it.
    tasks: BTreeMap<String, Vec<String>>,
    read: RefCell<HashMap<RunId, Option<Rc<RunFact>>>>,
    standings: RefCell<HashMap<String, Option<String>>>,
}

impl StoreFacts {
    /// Returns the state of the files of a store.
    pub(super) fn stamps(project: &Project) -> [DiskStamp; 2] {
        let store = project.store_path();
        let mut log = store.clone().into_os_string();
        log.push("-wal");
        [stamp(&store), stamp(Path::new(&log))]
    }

    /// Tells whether the store has not changed since.
    pub(super) fn is_of(&self, stamps: &[DiskStamp; 2]) -> bool {
        self.stamps == *stamps
    }

    /// Reads what every question needs. A store that cannot be read tells nothing; `kaizen doctor` says why.
    pub(super) fn read(project: &Project, stamps: [DiskStamp; 2]) -> StoreFacts {
        let facts = StoreFacts { stamps, ..StoreFacts::default() };
        let Ok(Some(store)) = project.existing_store() else { return facts };
        let runs = history::runs(&store, RUNS_MAX).unwrap_or_default();

        let mut tasks: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (task, patterns) in Knowledge::read(store).all().unwrap_or_default() {
            let patterns = patterns.keys().map(|pattern| pattern.as_str().to_owned());
            tasks.insert(task.as_str().to_owned(), patterns.collect());
        }
        StoreFacts { runs, tasks, ..facts }
    }

    /// Returns the known task types.
    pub(super) fn tasks(&self) -> impl Iterator<Item = &str> {
        self.tasks.keys().map(String::as_str)
    }

    /// Returns the known patterns.
    pub(super) fn patterns(&self) -> BTreeSet<String> {
        self.tasks.values().flatten().cloned().collect()
    }

    /// Returns how the last run of a script went.
    pub(super) fn last_run(&self, project: &Project, script: &Path) -> Option<Rc<RunFact>> {
        let is_meant = |row: &&RunRow| {
            let given = Path::new(&row.script);
            let whole = project.root.join(given.strip_prefix(".").unwrap_or(given));
            whole == script || given.components().count() > 0 && script.ends_with(given)
        };
        let row = self.runs.iter().find(is_meant)?;

        let known = self.read.borrow().get(&row.id).cloned();
        known.unwrap_or_else(|| {
            let fact = read_run(project, row).map(Rc::new);
            self.read.borrow_mut().insert(row.id.clone(), fact.clone());
            fact
        })
    }

    /// Returns the line of a task type in the list of patterns.
    pub(super) fn standing(&self, project: &Project, task: &str) -> Option<String> {
        if !self.tasks.contains_key(task) {
            return None;
        }
        let known = self.standings.borrow().get(task).cloned();
        known.unwrap_or_else(|| {
            let line = read_standing(project, task);
            self.standings.borrow_mut().insert(task.to_owned(), line.clone());
            line
        })
    }
}

fn read_run(project: &Project, row: &RunRow) -> Option<RunFact> {
    let store = project.existing_store().ok()??;
    let log = history::read(&store, &row.id).ok()?;
    let metrics = FlowFold::of(&log.events).metrics();
    let trace = Trace::fold(&log.events);

    let mut operations = BTreeMap::new();
    // A later operation of the same name stands for an earlier one.
    for (op, one) in &trace.operations {
        operations.insert(trace.name(*op), fact_of(one));
    }
    Some(RunFact {
        id: row.id.clone(),
        status: condition(row).word(),
        calls: metrics.calls + metrics.under_way,
        cost: metrics.cost_text(),
        took: row.ended_at.map(|end| end - row.started_at),
        operations,
    })
}

fn fact_of(op: &OpTrace) -> OperationFact {
    let costs: Option<Vec<Money>> = op.calls().map(|call| call.cost).collect();
    let mut cost = Money::default();
    for one in costs.iter().flatten() {
        cost += *one;
    }

    let mut replies = op.attempts.iter().filter_map(|attempt| attempt.end.as_ref()?.reply.as_ref());
    let reply = replies.next_back().map(|reply| {
        let mut shown: String = reply.chars().take(REPLY_MAX).collect();
        if shown.len() < reply.len() {
            shown.push('…');
        }
        shown
    });

    let used = op.calls().filter_map(|call| call.usage.as_ref());
    OperationFact {
        outcome: op.outcome().map_or("under way", Outcome::word),
        took: op.took(),
        cost: costs.map(|_| cost),
        tokens: used.map(crate::model::reply::Usage::tokens).sum(),
        calls: op.calls().count(),
        reply,
    }
}

fn read_standing(project: &Project, task: &str) -> Option<String> {
    let store = project.existing_store().ok()??;
    let knowledge = Rc::new(Knowledge::read(store));
    let demo = project.config.learn_from_demo() || knowledge.counts_demo().ok()?;
    let optimizer = Optimizer::new(knowledge, Policy::default(), demo);
    let task = TaskType::new(task).ok()?;
    let mut ranked = optimizer.standings(&task).ok()?;
    let objective = optimizer.objective(&task).ok()?.describe();
    let tested = verdict::last(&project.existing_store().ok()??, task.as_str()).ok()?;
    let is_tested = tested.is_some_and(|tested| tested.settle(&mut ranked, &objective));
    Some(patterns::belief(&ranked, is_tested))
}
