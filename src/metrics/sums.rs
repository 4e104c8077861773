//! What is known of a run as a whole: its figures, its graphs and what did not complete. It is kept with the
//! end of the run, so that a run of any size can be listed and shown without reading what happened in it.

use crate::base::id::{FlowId, OpId, OpMap};
use crate::base::secret;
use crate::flow::outcome::Outcome;
use crate::journal::event::Event;
use crate::journal::roster::Roster;
use crate::metrics::Metrics;
use serde_json::Value;
use std::collections::HashMap;

/// Most operations that did not complete and are told one by one.
const LOST_MAX: usize = 100;
/// Most graphs that are told apart by their names.
const GRAPHS_MAX: usize = 100;
/// Longest message, in characters.
const MESSAGE_MAX: usize = 200;

/// How the operations of all flows of one graph ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct GraphSums {
    /// The name of the graph; none for calls that stand in no graph, and for graphs beyond the first
    /// `GRAPHS_MAX`.
    pub name: Option<String>,
    /// How often it ran.
    pub flows: u64,
    /// Operations that were planned, or began without a plan.
    pub operations: u64,
    /// Those that gave a value.
    pub completed: u64,
    /// Those that were tried and gave none.
    pub failed: u64,
    /// Those that were never tried.
    pub skipped: u64,
    /// Those that were given up.
    pub cancelled: u64,
    /// Time of all of them together, in microseconds.
    pub time: i64,
}

/// An operation that did not complete.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LostOp {
    /// Its name; that of its number if it has none.
    pub name: String,
    /// How it ended: failed or skipped.
    pub outcome: String,
    /// The kind of its failure, if it failed.
    #[serde(default)]
    pub kind: Option<String>,
    /// The beginning of the message, or the reason.
    pub message: String,
}

/// What is known of a run as a whole.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct RunSums {
    /// How many events it has, the one that ends it included.
    pub events: u64,
    /// Events that say something beside the operations.
    pub remarks: u64,
    /// The figures, without the critical path.
    pub metrics: Metrics,
    /// Its graphs, in the order in which they began.
    pub graphs: Vec<GraphSums>,
    /// The first operations that failed or were skipped.
    pub lost: Vec<LostOp>,
    /// How many more there are.
    pub lost_more: u64,
}

impl RunSums {
    /// Reads sums as they were kept.
    pub fn read(text: &str) -> Option<RunSums> {
        serde_json::from_str(text).ok()
    }

    /// Writes them as they are kept, without secrets.
    pub fn text(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or(Value::Null);
        secret::clean(value).to_string()
    }

    /// Returns how many operations it has.
    pub fn operations(&self) -> u64 {
        self.graphs.iter().map(|graph| graph.operations).sum()
    }
}

/// Adds up a run, event by event.
#[derive(Debug, Default)]
pub struct SumsFold {
    sums: RunSums,
    roster: Roster,
    /// The place of each flow's graph.
    flows: HashMap<FlowId, usize>,
    /// The place of each graph, by its name.
    names: HashMap<Option<String>, usize>,
    /// When the operations under way began.
    open: OpMap<i64>,
}

impl SumsFold {
    /// Takes in one event that happened `at` (microseconds).
    pub fn add(&mut self, at: i64, event: &Event) {
        self.sums.events += 1;
        self.roster.see(event);

        match event {
            Event::FlowStarted { flow, name, ops, .. } => {
                let place = self.graph(Some(name));
                self.flows.insert(*flow, place);
                self.sums.graphs[place].flows += 1;
                self.sums.graphs[place].operations += ops.len() as u64;
            }
            Event::FlowEnded { flow } => {
                self.flows.remove(flow);
            }
            Event::Expanded { flow, ops, .. } => {
                self.of_flow(*flow).operations += ops.len() as u64;
            }
            Event::OpStarted { flow, op, name } => {
                self.open.insert(*op, at);
                if name.is_some() {
                    self.of_flow(*flow).operations += 1;
                }
            }
            Event::OpEnded { flow, op, outcome } => self.end(at, *flow, *op, outcome),
            Event::Logged { .. } | Event::EffectEnded { .. } | Event::Suspended { .. } => {
                self.sums.remarks += 1;
            }
            _ => {}
        }
    }

    fn end(&mut self, at: i64, flow: FlowId, op: OpId, outcome: &Outcome) {
        let began = self.open.remove(&op);
        let graph = self.of_flow(flow);
        graph.time += began.map_or(0, |began| at.saturating_sub(began));

        let (kind, message) = match outcome {
            Outcome::Completed { .. } => {
                graph.completed += 1;
                return;
            }
            Outcome::Cancelled => {
                graph.cancelled += 1;
                return;
            }
            Outcome::Failed { failure } => {
                graph.failed += 1;
                (Some(failure.kind.to_string()), failure.message.clone())
            }
            Outcome::Skipped { reason } => {
                graph.skipped += 1;
                (None, reason.to_string())
            }
        };

        if self.sums.lost.len() == LOST_MAX {
            self.sums.lost_more += 1;
            // A failure says why; what was skipped only follows from one.
            let skipped = self.sums.lost.iter().rposition(|lost| lost.kind.is_none());
            let Some(place) = skipped.filter(|_| kind.is_some()) else { return };
            self.sums.lost.remove(place);
        }
        let name = self.roster.name(op).map_or_else(|| format!("#{}", op.0), str::to_owned);
        let outcome = outcome.word().to_owned();
        let message = message.chars().take(MESSAGE_MAX).collect();
        self.sums.lost.push(LostOp { name, outcome, kind, message });
    }

    fn of_flow(&mut self, flow: FlowId) -> &mut GraphSums {
        let place = match self.flows.get(&flow) {
            Some(place) => *place,
            None => self.graph(None),
        };
        &mut self.sums.graphs[place]
    }

    fn graph(&mut self, name: Option<&str>) -> usize {
        let known = name.filter(|name| {
            self.names.len() < GRAPHS_MAX || self.names.contains_key(&Some((*name).to_owned()))
        });
        let name = known.map(str::to_owned);
        if let Some(place) = self.names.get(&name) {
            return *place;
        }

        let place = self.sums.graphs.len();
        self.names.insert(name.clone(), place);
        self.sums.graphs.push(GraphSums { name, ..GraphSums::default() });
        place
    }

    /// Returns the sums so far, with the figures of the run.
    pub fn sums(&self, metrics: Metrics) -> RunSums {
        RunSums { metrics, ..self.sums.clone() }
    }
}
