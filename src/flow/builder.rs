//! Collects operations and edges, and freezes them into a checked graph.

use crate::flow::check::{self, BuildErrors};
use crate::flow::op::{NodeId, Op};
use crate::flow::{Edge, Graph};
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::HashMap;
use std::rc::Rc;

/// A graph under construction.
#[derive(Debug, Clone)]
pub struct Builder {
    name: String,
    /// Shared with the graphs that were built, and copied when more is added after that.
    graph: Rc<DiGraph<Rc<Op>, Edge>>,
    /// The first operation of each name.
    names: HashMap<String, NodeId>,
    /// The number that the next name from each stem is tried with.
    stems: HashMap<String, usize>,
    /// Dependencies on operations that this builder does not have, reported when it is built.
    unknown: Vec<(NodeId, NodeId)>,
}

impl Builder {
    /// Creates an empty builder.
    pub fn new(name: impl Into<String>) -> Builder {
        Builder {
            name: name.into(),
            graph: Rc::default(),
            names: HashMap::new(),
            stems: HashMap::new(),
            unknown: Vec::new(),
        }
    }

    /// Returns the graph's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the number of operations.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Tells whether there is no operation yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the name of an operation; none if it belongs to another builder.
    pub fn name_of(&self, id: NodeId) -> Option<&str> {
        self.graph.node_weight(NodeIndex::new(id.0)).map(|op| op.name.as_str())
    }

    /// Finds an operation by its name.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.names.get(name).copied()
    }

    /// Returns the names of all operations.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.graph.node_weights().map(|op| op.name.as_str())
    }

    /// Returns the first free name that starts with `stem`: `stem`, `stem_2`, `stem_3` ...
    pub fn free_name(&mut self, stem: &str) -> String {
        if !self.names.contains_key(stem) {
            return stem.to_owned();
        }

        let next = self.stems.entry(stem.to_owned()).or_insert(2);

        loop {
            let name = format!("{stem}_{next}");
            *next += 1;
            if !self.names.contains_key(&name) {
                return name;
            }
        }
    }

    /// Adds an operation that waits for `depends_on`.
    pub fn add(&mut self, op: Op, depends_on: &[NodeId]) -> NodeId {
        let name = op.name.clone();
        let id = NodeId(Rc::make_mut(&mut self.graph).add_node(Rc::new(op)).index());
        self.names.entry(name).or_insert(id);

        for source in depends_on {
            self.connect(*source, id, Edge::default());
        }

        id
    }

    /// Makes `target` wait for `source`. Saying it twice keeps the later edge.
    pub fn connect(&mut self, source: NodeId, target: NodeId, edge: Edge) {
        if source.0 >= self.len() || target.0 >= self.len() {
            self.unknown.push((source, target));
            return;
        }

        let graph = Rc::make_mut(&mut self.graph);
        graph.update_edge(NodeIndex::new(source.0), NodeIndex::new(target.0), edge);
    }

    /// Returns the operations that nothing waits for yet.
    pub fn heads(&self) -> Vec<NodeId> {
        self.graph.externals(petgraph::Direction::Outgoing).map(|n| NodeId(n.index())).collect()
    }

    /// Freezes the graph, or returns everything that is wrong with it.
    pub fn build(&self) -> Result<Graph, BuildErrors> {
        check::check(&self.name, &self.graph, &self.unknown)?;
        Ok(Graph { name: self.name.clone(), graph: self.graph.clone() })
    }
}
