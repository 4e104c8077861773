//! A flow as a graph: what of it is drawn. Many operations of one name are one node, and edges that follow
//! from others are left out. Where nodes stand is the page's business.

use crate::base::id::{FlowId, OpId};
use crate::view::row::{RunClock, row};
use crate::view::skeleton::Skeleton;
use crate::view::table::{NameGroup, fold, groups};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Most nodes that are drawn.
const NODES_MAX: usize = 300;
/// Most nodes up to which edges that follow from others are looked for.
const REDUCED_MAX: usize = 300;

/// A node: an operation, or many of one name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GraphNode {
    /// The operation; the first one of many.
    pub op: OpId,
    /// The fold, if it is one.
    pub fold: Option<String>,
    /// The name.
    pub name: String,
    /// What became of it; of many, the worst.
    pub outcome: &'static str,
    /// How long it took, in microseconds.
    pub took: Option<i64>,
    /// Tokens read and written, if known.
    pub tokens: Option<(u64, u64)>,
    /// How many operations it stands for.
    pub n: usize,
    /// Whether it is part of the chain that took longest.
    pub critical: bool,
}

/// An edge between two nodes, by their places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GraphEdge {
    /// The node that has to end first.
    pub from: usize,
    /// The node that waits for it.
    pub to: usize,
    /// Whether it is part of the chain that took longest.
    pub critical: bool,
}

/// What of a flow is drawn.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FlowGraph {
    /// The flow.
    pub flow: FlowId,
    /// The nodes.
    pub nodes: Vec<GraphNode>,
    /// The edges.
    pub edges: Vec<GraphEdge>,
    /// How many nodes there are that are not drawn.
    pub left: usize,
}

/// Returns the flow of a run that has most operations.
pub fn largest_flow(skeleton: &Skeleton) -> Option<FlowId> {
    let largest =
        skeleton.flows.iter().max_by_key(|(flow, one)| (one.ops, std::cmp::Reverse(**flow)));
    largest.map(|(flow, _)| *flow)
}

/// Says what of a flow is drawn.
pub fn graph(skeleton: &Skeleton, flow: FlowId, clock: RunClock) -> FlowGraph {
    let mut nodes: Vec<GraphNode> = Vec::new();
    let mut node_of: HashMap<OpId, usize> = HashMap::new();

    for group in groups(skeleton).into_iter().filter(|group| group.flow == flow) {
        if group.is_fold() {
            node_of.extend(group.ops.iter().map(|op| (*op, nodes.len())));
            nodes.push(many(skeleton, &group, clock));
        } else {
            for op in group.ops {
                node_of.insert(op, nodes.len());
                nodes.extend(one(skeleton, op, clock));
            }
        }
    }

    let left = nodes.len().saturating_sub(NODES_MAX);
    nodes.truncate(NODES_MAX);
    let edges = edges(skeleton, &node_of, &nodes);
    FlowGraph { flow, nodes, edges, left }
}

fn one(skeleton: &Skeleton, op: OpId, clock: RunClock) -> Option<GraphNode> {
    let row = row(skeleton, op, clock)?;
    Some(GraphNode {
        op,
        fold: None,
        name: row.name,
        outcome: row.outcome,
        took: row.took,
        tokens: row.tokens,
        n: 1,
        critical: row.critical,
    })
}

fn many(skeleton: &Skeleton, group: &NameGroup, clock: RunClock) -> GraphNode {
    let all = fold(skeleton, group, clock);
    // The worst of them says how it went.
    let order = ["failed", "running", "unfinished", "cancelled", "waiting", "skipped", "completed"];
    let worst = order.into_iter().find(|word| all.by.contains_key(word));

    GraphNode {
        op: group.ops[0],
        fold: Some(all.fold),
        name: group.name.clone(),
        outcome: worst.unwrap_or("not started"),
        took: all.first.zip(all.last).map(|(first, last)| last - first),
        tokens: Some(all.tokens),
        n: all.n,
        critical: all.critical,
    }
}

/// Returns the edges between nodes, without those that follow from others.
fn edges(
    skeleton: &Skeleton,
    node_of: &HashMap<OpId, usize>,
    nodes: &[GraphNode],
) -> Vec<GraphEdge> {
    let mut before: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (op, node) in node_of {
        let after = skeleton.roster.get(*op).map_or(&[][..], |member| &member.after);
        for needed in after.iter().filter_map(|one| node_of.get(one)) {
            // What is folded may need what is folded with it.
            if needed != node && *node < nodes.len() && *needed < nodes.len() {
                before.entry(*node).or_default().insert(*needed);
            }
        }
    }

    let follows = |from: usize, to: usize| {
        nodes.len() <= REDUCED_MAX && is_reached_otherwise(&before, from, to)
    };

    let mut found = Vec::new();
    for (to, needed) in &before {
        for from in needed {
            if !follows(*from, *to) {
                let critical = nodes[*from].critical && nodes[*to].critical;
                found.push(GraphEdge { from: *from, to: *to, critical });
            }
        }
    }
    found
}

/// Tells whether a node is needed by another one through a third.
fn is_reached_otherwise(before: &BTreeMap<usize, BTreeSet<usize>>, from: usize, to: usize) -> bool {
    let Some(direct) = before.get(&to) else { return false };
    let mut open: Vec<usize> = direct.iter().copied().filter(|one| *one != from).collect();
    let mut seen: BTreeSet<usize> = open.iter().copied().collect();

    while let Some(node) = open.pop() {
        for next in before.get(&node).into_iter().flatten() {
            // A list and its parts need each other once they are folded: such an edge is kept.
            if *next == from {
                return !before.get(&from).is_some_and(|needs| needs.contains(&node));
            }
            if *next != to && seen.insert(*next) {
                open.push(*next);
            }
        }
    }
    false
}
