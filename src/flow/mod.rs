//! The plan: operations and what each waits for, as plain values. Knows no clock, disk or script.

pub mod builder;
pub mod callback;
pub mod check;
pub mod draw;
pub mod op;
pub mod outcome;
pub mod question;

use crate::flow::callback::Callback;
use crate::flow::op::{NodeId, Op};
use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;
use std::rc::Rc;

/// Why one operation waits for another.
#[derive(Debug, Clone, Default)]
pub struct Edge {
    /// Judges the result of the first; when it says false, the second is skipped.
    pub when: Option<Callback>,
}

/// A checked plan. It never changes: running it twice runs the same plan twice.
#[derive(Debug, Clone)]
pub struct Graph {
    name: String,
    graph: Rc<DiGraph<Rc<Op>, Edge>>,
}

impl Graph {
    /// Returns the graph's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the number of operations.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Tells whether there is no operation; a checked graph has at least one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the operations in the order in which they were added.
    pub fn ops(&self) -> impl Iterator<Item = &Op> {
        self.graph.node_weights().map(Rc::as_ref)
    }

    /// Returns the operations in the same order, to be held by whoever runs them.
    pub fn shared_ops(&self) -> impl Iterator<Item = &Rc<Op>> {
        self.graph.node_weights()
    }

    /// Returns one operation.
    pub fn op(&self, id: NodeId) -> &Op {
        &self.graph[NodeIndex::new(id.0)]
    }

    /// Returns what an operation waits for, in the order in which that was said, with the edges.
    pub fn sources(&self, id: NodeId) -> Vec<(NodeId, &Edge)> {
        let edges = self.graph.edges_directed(NodeIndex::new(id.0), Direction::Incoming);
        let mut found: Vec<_> =
            edges.map(|e| (e.id(), NodeId(e.source().index()), e.weight())).collect();

        found.sort_by_key(|(edge, _, _)| *edge);
        found.into_iter().map(|(_, source, edge)| (source, edge)).collect()
    }
}
