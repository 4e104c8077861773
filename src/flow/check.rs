//! What can be wrong with a graph: all of it is found, and reported at once.

use crate::flow::Edge;
use crate::flow::op::{NodeId, Op};
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

/// One thing that is wrong with a graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// There is nothing to run.
    #[error("the graph has no operation; add one with `add_operation`")]
    Empty,
    /// Operations wait for one another, so none can start.
    #[error("circular dependency between operations: {}", cycle(names))]
    Cycle {
        /// The operations, in the order of their waiting.
        names: Vec<String>,
    },
    /// Two operations have one name, so results could not be told apart.
    #[error("{count} operations are named `{name}`; give each a unique `name`")]
    DuplicateName {
        /// The name.
        name: String,
        /// How many have it.
        count: usize,
    },
    /// An operation depends on a node of another builder.
    #[error(
        "operation `{op}` depends on a node of another builder; nodes belong to the builder that \
         created them"
    )]
    UnknownNode {
        /// The operation.
        op: String,
    },
}

/// Writes a cycle as a chain of arrows.
fn cycle(names: &[String]) -> String {
    let mut chain: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    chain.extend(chain.first().cloned());
    chain.join(" -> ")
}

/// Everything that is wrong with a graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct BuildErrors {
    /// The graph's name.
    pub graph: String,
    /// What is wrong, at least one thing.
    pub errors: Vec<BuildError>,
}

impl fmt::Display for BuildErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.errors.iter().map(ToString::to_string).collect();
        write!(f, "graph `{}` cannot run: {}", self.graph, all.join("; "))
    }
}

/// Finds everything that is wrong.
pub(super) fn check(
    name: &str,
    graph: &DiGraph<Rc<Op>, Edge>,
    unknown: &[(NodeId, NodeId)],
) -> Result<(), BuildErrors> {
    let mut errors = Vec::new();
    if graph.node_count() == 0 {
        errors.push(BuildError::Empty);
    }

    for (_, target) in unknown {
        let op = graph.node_weights().nth(target.0).map_or("?", |op| op.name.as_str());
        errors.push(BuildError::UnknownNode { op: op.to_owned() });
    }

    errors.extend(duplicates(graph));
    errors.extend(cycles(graph));
    if errors.is_empty() { Ok(()) } else { Err(BuildErrors { graph: name.to_owned(), errors }) }
}

fn duplicates(graph: &DiGraph<Rc<Op>, Edge>) -> Vec<BuildError> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for op in graph.node_weights() {
        *counts.entry(&op.name).or_default() += 1;
    }

    let mut found: Vec<BuildError> = counts
        .into_iter()
        .filter(|(_, count)| *count > 1)
        .map(|(name, count)| BuildError::DuplicateName { name: name.to_owned(), count })
        .collect();

    found.sort_by_key(ToString::to_string);
    found
}

fn cycles(graph: &DiGraph<Rc<Op>, Edge>) -> Vec<BuildError> {
    if is_in_order(graph) {
        return Vec::new();
    }

    // Only what waits for itself in the end is looked at closely: the look at a part of the graph goes as
    // deep into the stack as the part is long.
    let stuck = stuck(graph);
    let part = graph.filter_map(
        |node, op| stuck[node.index()].then(|| op.clone()),
        |_, edge| Some(edge.clone()),
    );
    named_cycles(&part)
}

/// Tells whether every operation was added after all that it waits for, as most scripts have it.
fn is_in_order(graph: &DiGraph<Rc<Op>, Edge>) -> bool {
    graph.raw_edges().iter().all(|edge| edge.source() < edge.target())
}

/// Finds the operations that no order has a place for: those that wait for one another, and those that
/// wait for them.
fn stuck(graph: &DiGraph<Rc<Op>, Edge>) -> Vec<bool> {
    let mut waits_for = vec![0_usize; graph.node_count()];
    for edge in graph.raw_edges() {
        waits_for[edge.target().index()] += 1;
    }

    let mut ready: Vec<NodeIndex> =
        graph.node_indices().filter(|node| waits_for[node.index()] == 0).collect();
    while let Some(node) = ready.pop() {
        for next in graph.neighbors(node) {
            waits_for[next.index()] -= 1;
            if waits_for[next.index()] == 0 {
                ready.push(next);
            }
        }
    }
    waits_for.into_iter().map(|count| count > 0).collect()
}

fn named_cycles(graph: &DiGraph<Rc<Op>, Edge>) -> Vec<BuildError> {
    petgraph::algo::tarjan_scc(graph)
        .into_iter()
        .filter(|part| part.len() > 1 || graph.contains_edge(part[0], part[0]))
        .map(|mut part| {
            // Tarjan's order is reverse topological: turned around it follows the arrows.
            part.reverse();
            let names = part.iter().map(|node| graph[*node].name.clone()).collect();
            BuildError::Cycle { names }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::builder::Builder;
    use crate::flow::op::OpKind;

    fn check(edges: &[(&str, &str)], expected: &str) {
        let mut builder = Builder::new("g");
        let mut ids: HashMap<String, NodeId> = HashMap::new();

        for (from, to) in edges {
            for name in [from, to] {
                ids.entry((*name).to_owned()).or_insert_with(|| {
                    builder.add(Op::new(*name, OpKind::Communicate(Box::default())), &[])
                });
            }
            builder.connect(ids[*from], ids[*to], Edge::default());
        }

        let result = builder.build().map(|_| ()).map_err(|e| e.to_string());
        assert_eq!(result.err().unwrap_or_default(), expected);
    }

    #[test]
    fn a_graph_without_faults_builds() {
        check(&[("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")], "");
    }

    #[test]
    fn a_cycle_is_named() {
        check(
            &[("a", "b"), ("b", "a")],
            "graph `g` cannot run: circular dependency between operations: `a` -> `b` -> `a`",
        );
    }

    #[test]
    fn a_cycle_is_found_among_operations_that_wait_for_it_or_come_before_it() {
        check(
            &[("z", "a"), ("b", "a"), ("a", "b"), ("b", "y")],
            "graph `g` cannot run: circular dependency between operations: `a` -> `b` -> `a`",
        );
        check(
            &[("a", "b"), ("c", "c"), ("c", "a")],
            "graph `g` cannot run: circular dependency between operations: `c` -> `c`",
        );
    }

    #[test]
    fn a_chain_of_any_length_is_checked_in_whatever_order_it_was_added() {
        let mut builder = Builder::new("g");
        let op = |n: usize| Op::new(format!("op {n}"), OpKind::Communicate(Box::default()));
        let mut later = builder.add(op(0), &[]);
        for n in 1..200_000 {
            let earlier = builder.add(op(n), &[]);
            builder.connect(earlier, later, Edge::default());
            later = earlier;
        }
        assert_eq!(builder.build().map(|graph| graph.len()), Ok(200_000));
    }

    #[test]
    fn an_empty_graph_is_refused() {
        check(
            &[],
            "graph `g` cannot run: the graph has no operation; add one with `add_operation`",
        );
    }

    #[test]
    fn all_faults_are_reported_at_once() {
        let mut builder = Builder::new("g");
        let op = || Op::new("same", OpKind::Communicate(Box::default()));
        let first = builder.add(op(), &[]);
        builder.add(op(), &[first, NodeId(99)]);
        builder.connect(first, first, Edge::default());
        let errors = builder.build().expect_err("three faults").errors;
        assert_eq!(errors.len(), 3, "{errors:?}");
    }
}
