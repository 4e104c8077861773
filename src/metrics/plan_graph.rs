//! The graphs of a plan. A script may run the same graph many times, and then it is shown once.

use crate::metrics::plan::Count;

/// The names of a graph's operations in layers, each of which can start when the one before has ended.
pub type Layers = Vec<Vec<String>>;

/// Most graphs whose names and operations differ in nothing but their numbers that are shown one by one.
const ALIKE_MAX: usize = 2;

/// A graph, and how often a run has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PlanGraph {
    /// Its name.
    pub name: String,
    /// The name of the last one that it stands for, if that is another one.
    pub last: Option<String>,
    /// Its operations.
    pub layers: Layers,
    /// How often a run has it.
    pub count: Count,
}

/// Writes a name without its numbers.
pub fn pattern(name: &str) -> String {
    let mut pattern = String::new();
    for c in name.chars() {
        match (c.is_ascii_digit(), pattern.ends_with('#')) {
            (true, true) => {}
            (true, false) => pattern.push('#'),
            (false, _) => pattern.push(c),
        }
    }

    pattern
}

/// A graph by what it has in common with those that are shown together with it.
#[derive(Debug, PartialEq, Eq)]
enum GraphKey {
    Exact(String, Layers),
    /// Without its numbers.
    Alike(String, Layers),
}

impl GraphKey {
    fn alike((name, layers): &(String, Layers)) -> GraphKey {
        let layer = |layer: &Vec<String>| layer.iter().map(|name| pattern(name)).collect();
        GraphKey::Alike(pattern(name), layers.iter().map(layer).collect())
    }

    fn fits(&self, graph: &(String, Layers)) -> bool {
        match self {
            GraphKey::Exact(name, layers) => (name, layers) == (&graph.0, &graph.1),
            GraphKey::Alike(..) => *self == GraphKey::alike(graph),
        }
    }
}

/// Puts the equal graphs of one time through a script together, and counts them in all times. Where a plan
/// is open, there may be more of them.
pub(super) fn folded(
    graphs: &[(String, Layers)],
    all: &[&[(String, Layers)]],
    is_open: bool,
) -> Vec<PlanGraph> {
    let mut rest: Vec<&(String, Layers)> = graphs.iter().collect();
    let mut folded = Vec::new();

    while let Some(first) = rest.first().copied() {
        let alike = GraphKey::alike(first);
        let mut different: Vec<&(String, Layers)> = Vec::new();
        for graph in rest.iter().filter(|graph| alike.fits(graph)) {
            if !different.contains(graph) {
                different.push(graph);
            }
        }

        let is_alike = different.len() > ALIKE_MAX;
        let key = if is_alike { alike } else { GraphKey::Exact(first.0.clone(), first.1.clone()) };
        let last = rest.iter().rfind(|graph| key.fits(graph)).map(|last| last.0.clone());
        let counts =
            all.iter().map(|one| one.iter().filter(|graph| key.fits(graph)).count() as u64);
        let most = counts.clone().max().unwrap_or(0);

        folded.push(PlanGraph {
            name: first.0.clone(),
            last: last.filter(|last| *last != first.0),
            layers: first.1.clone(),
            count: Count { least: counts.min().unwrap_or(0), most: (!is_open).then_some(most) },
        });
        rest.retain(|graph| !key.fits(graph));
    }

    folded
}
