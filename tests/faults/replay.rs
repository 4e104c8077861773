//! Stored runs gone through again: the shipped scripts and scripts of chance, none of which may go
//! another way.

use super::{figure, rounds};
use crate::support::Project;
use kaizen::base::rng::Rng;
use std::fmt::Write as _;
use std::path::Path;

/// Shipped scripts; `knowledge` is left out, which writes a file.
const SHIPPED: &[&str] =
    &["adapt", "comparison", "evolve", "failures", "hello", "metrics", "optimizer", "sentiment"];

fn copy_scripts(project: &Project) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    for name in SHIPPED {
        let text = std::fs::read_to_string(shipped.join(format!("{name}.rhai"))).unwrap();
        project.file(&format!("scripts/{name}.rhai"), &text);
    }
    let data = std::fs::read_to_string(shipped.join("data/sentiment.jsonl")).unwrap();
    project.file("scripts/data/sentiment.jsonl", &data);
}

/// Writes a script of chance: a graph on a model that fails now and then, calls side by side, what
/// `attempt` makes of failures, chance, and the clock.
fn script(rng: &mut Rng) -> String {
    let mut text = format!(
        "let model = #{{ provider: \"demo\", model: \"echo\", latency_ms: {}, error_rate: {:.2}, \
         attempts_max: {} }};\n\
         let b = branch(#{{ model: model }});\nlet g = builder(\"g\");\nlet nodes = [];\n\
         let began = timestamp();\n",
        rng.below(4),
        rng.unit() * 0.4,
        1 + rng.below(2)
    );
    for n in 0..=rng.below(12) {
        let kind = ["communicate", "chat"][usize::from(rng.below(2) == 0)];
        let mut options = format!("name: \"n{n}\", instruction: `do {n} at ${{now()}}`");
        let after: Vec<String> =
            (0..n).filter(|_| rng.below(4) == 0).map(|at| format!("nodes[{at}]")).collect();
        if !after.is_empty() {
            let _ = write!(options, ", depends_on: [{}]", after.join(", "));
        }
        if rng.below(3) == 0 {
            options.push_str(", retries: 1, on_failure: \"continue\"");
        }
        let _ = writeln!(text, "nodes.push(g.add_operation(\"{kind}\", #{{ {options} }}));");
    }
    let _ = writeln!(
        text,
        "let report = session(b).flow(g, #{{ max_concurrent: {}, allow_failures: {} }});",
        1 + rng.below(6),
        rng.below(2) == 0
    );
    text.push_str(
        "let votes = (0..4).to_array().parallel(|n| b.chat(\"vote\"), #{ settle: true });\n\
         let tried = attempt(|| b.communicate(`${random()}`));\n\
         #{ report: report.completed_operations, figures: report.metrics.to_json(), \
         votes: votes.map(|vote| vote.ok), tried: tried.ok, took: began.elapsed }\n",
    );
    text
}

#[test]
fn stored_runs_go_the_same_way_again() {
    let project = Project::new();
    project.file("kaizen.toml", "");
    copy_scripts(&project);
    for name in SHIPPED {
        let ran = project.kaizen(&["run", &format!("scripts/{name}.rhai")]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
    let mut rng = Rng::seeded(11);
    let count = rounds(15, 200);
    for n in 0..count {
        let name = format!("random/{n}.rhai");
        let ran = project.file(&name, &script(&mut rng)).kaizen(&["run", &name]);
        assert!(matches!(ran.code, Some(0 | 1 | 5)), "{name}: {:?} {}", ran.code, ran.stderr);
    }
    let ran = project.kaizen(&["replay", "--all"]);
    let runs = count + SHIPPED.len() as u64;
    let expected = format!("{runs} runs replayed identically, 0 diverged, 0 could not be replayed");
    assert!(ran.stderr.contains(&expected), "`{expected}`\n{}", ran.stderr);
    assert_eq!(ran.code, Some(0));
    figure(&format!("stored runs replayed: {runs}, 0 went another way"));
}
