//! A graph as text, Mermaid or DOT.

use crate::base::secret;
use crate::base::visible::on_one_line;
use crate::flow::Graph;
use crate::flow::callback::Callback;
use crate::flow::op::{NodeId, Op};
use std::fmt::Write as _;

/// Longest condition that is shown whole, in characters.
const CONDITION_MAX: usize = 40;

/// The languages a graph can be drawn in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One line per operation, for a terminal.
    Text,
    /// Mermaid, for Markdown.
    Mermaid,
    /// DOT, for Graphviz.
    Dot,
}

impl Format {
    /// The words of scripts for them.
    pub const ALL: [&str; 3] = ["text", "mermaid", "dot"];

    /// Reads a script's word.
    pub fn parse(word: &str) -> Option<Format> {
        match word {
            "text" => Some(Format::Text),
            "mermaid" => Some(Format::Mermaid),
            "dot" => Some(Format::Dot),
            _ => None,
        }
    }
}

/// Draws the graph.
pub fn draw(graph: &Graph, format: Format) -> String {
    match format {
        Format::Text => text(graph),
        Format::Mermaid => mermaid(graph),
        Format::Dot => dot(graph),
    }
}

fn text(graph: &Graph) -> String {
    let width = graph.ops().map(|op| on_one_line(&op.name).chars().count()).max().unwrap_or(0);
    let mut out = String::new();

    for (index, op) in graph.ops().enumerate() {
        let sources = graph.sources(NodeId(index));
        let named = sources.iter().map(|(source, edge)| {
            let name = on_one_line(&graph.op(*source).name);
            match &edge.when {
                Some(when) => match said(when) {
                    Some(text) => format!("{name} (if {text})"),
                    None => format!("{name} (on a condition)"),
                },
                None => name.into_owned(),
            }
        });
        let sources: Vec<String> = named.collect();

        let after = if sources.is_empty() {
            "starts at once".to_owned()
        } else {
            format!("after {}", sources.join(", "))
        };

        let marks: String = marks(op).iter().flat_map(|mark| ["; ", mark.as_str()]).collect();
        let name = on_one_line(&op.name);
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{name:width$}  {:11}  {after}{marks}", op.kind.word());
    }

    out
}

/// What decides whether an operation, or what depends on it, runs.
fn marks(op: &Op) -> Vec<String> {
    let when = op.when.as_ref().map(|when| match said(when) {
        Some(text) => format!("when {text}"),
        None => "when".to_owned(),
    });
    let gate = op.gate.then(|| "gate".to_owned());
    when.into_iter().chain(gate).collect()
}

/// Returns how a condition was written, shortened to what fits beside a line.
fn said(condition: &Callback) -> Option<String> {
    let text = condition.text()?;
    Some(on_one_line(&secret::shortened(&text, CONDITION_MAX)).into_owned())
}

fn mermaid(graph: &Graph) -> String {
    let mut out = String::from("graph TD\n");

    for (index, op) in graph.ops().enumerate() {
        // Writing to a String cannot fail.
        let marks: String =
            marks(op).iter().flat_map(|mark| ["<br/>".to_owned(), label(mark)]).collect();
        let text = format!("{}{marks}", label(&op.name));
        // What decides has the shape of a decision.
        let node =
            if marks.is_empty() { format!("[\"{text}\"]") } else { format!("{{\"{text}\"}}") };
        let _ = writeln!(out, "    n{index}{node}");
    }

    edges(graph, |source, target, condition| {
        let arrow = match condition {
            Some(text) => format!("-.->|\"{}\"|", label(&text)),
            None => "-->".to_owned(),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "    n{source} {arrow} n{target}");
    });

    out
}

/// Writes a name as a label of Mermaid, which may be drawn as HTML.
fn label(name: &str) -> String {
    let entity = |c: char| match c {
        '#' => "#35;".to_owned(),
        '"' => "#quot;".to_owned(),
        '|' => "#124;".to_owned(),
        '<' => "#lt;".to_owned(),
        '>' => "#gt;".to_owned(),
        '`' => "#96;".to_owned(),
        other => other.to_string(),
    };

    on_one_line(name).chars().map(entity).collect()
}

fn dot(graph: &Graph) -> String {
    let mut out = format!("digraph {:?} {{\n", graph.name());

    for (index, op) in graph.ops().enumerate() {
        // Writing to a String cannot fail.
        let shape = if marks(op).is_empty() { "" } else { ", shape=diamond" };
        // DOT breaks lines as Rust escapes them.
        let label = [std::slice::from_ref(&op.name), marks(op).as_slice()].concat().join("\n");
        let _ = writeln!(out, "    n{index} [label={label:?}{shape}];");
    }

    edges(graph, |source, target, condition| {
        let style = condition.map(|text| format!(" [style=dashed, label={text:?}]"));
        let style = style.unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(out, "    n{source} -> n{target}{style};");
    });

    out.push_str("}\n");
    out
}

/// Calls `each` with source, target, and the condition of the edge if it has one.
fn edges(graph: &Graph, mut each: impl FnMut(usize, usize, Option<String>)) {
    for target in 0..graph.len() {
        for (source, edge) in graph.sources(NodeId(target)) {
            let condition = edge.when.as_ref();
            let text = condition.map(|when| said(when).unwrap_or_else(|| "condition".to_owned()));
            each(source.0, target, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::builder::Builder;
    use crate::flow::op::OpKind;
    use expect_test::expect;

    #[test]
    fn what_decides_is_marked() {
        let mut builder = Builder::new("g");
        let mut check = Op::new("check", OpKind::Communicate(Box::default()));
        check.gate = true;
        let check = builder.add(check, &[]);
        builder.add(Op::new("next", OpKind::Chat(Box::default())), &[check]);
        let graph = builder.build().expect("a sound graph");

        expect![[r#"
            check  communicate  starts at once; gate
            next   chat         after check
        "#]]
        .assert_eq(&draw(&graph, Format::Text));

        expect![[r#"
            graph TD
                n0{"check<br/>gate"}
                n1["next"]
                n0 --> n1
        "#]]
        .assert_eq(&draw(&graph, Format::Mermaid));

        expect![[r#"
            digraph "g" {
                n0 [label="check\ngate", shape=diamond];
                n1 [label="next"];
                n0 -> n1;
            }
        "#]]
        .assert_eq(&draw(&graph, Format::Dot));
    }

    #[test]
    fn a_small_graph_is_drawn_in_each_format() {
        let mut builder = Builder::new("g");
        let a = builder.add(Op::new("draft", OpKind::Communicate(Box::default())), &[]);
        builder.add(Op::new("review", OpKind::Chat(Box::default())), &[a]);
        let graph = builder.build().expect("a sound graph");

        expect![[r#"
            draft   communicate  starts at once
            review  chat         after draft
        "#]]
        .assert_eq(&draw(&graph, Format::Text));

        expect![[r#"
            graph TD
                n0["draft"]
                n1["review"]
                n0 --> n1
        "#]]
        .assert_eq(&draw(&graph, Format::Mermaid));

        expect![[r#"
            digraph "g" {
                n0 [label="draft"];
                n1 [label="review"];
                n0 -> n1;
            }
        "#]]
        .assert_eq(&draw(&graph, Format::Dot));
    }
}
