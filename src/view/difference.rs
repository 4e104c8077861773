//! In what two runs differ: what was different before they began, and what became different in them,
//! operation by operation.

use crate::base::id::OpId;
use crate::base::json::as_text;
use crate::base::unit::Money;
use crate::journal::event::RunSources;
use crate::journal::history::RunRow;
use crate::view::row::{OpState, RunClock};
use crate::view::skeleton::{OpBones, OpEnd, Skeleton};
use serde::Serialize;
use serde_json::{Map, Value};
use similar::{Algorithm, ChangeTag, TextDiff};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

/// Longest texts that are compared word by word, both together, in bytes.
const TEXT_MAX: usize = 200_000;
/// Longest time for one comparison; what is left then is told as wholly different.
const TIME_MAX: Duration = Duration::from_millis(500);

/// A run that is compared: its row, its bones, and up to when it is shown.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// Its row in the list of runs.
    pub row: &'a RunRow,
    /// Its bones.
    pub skeleton: &'a Skeleton,
    /// Where it stands.
    pub clock: RunClock,
}

/// A fact that was different before two runs began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FactDifference {
    /// What.
    pub what: String,
    /// In the first run.
    pub a: Option<String>,
    /// In the second run.
    pub b: Option<String>,
}

/// An operation in one of the runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpSide {
    /// The operation.
    pub op: OpId,
    /// What became of it.
    pub outcome: OpState,
    /// How long it took, in microseconds.
    pub took: Option<i64>,
    /// Dollars, if known.
    pub cost: Option<f64>,
    /// Calls that were made.
    pub calls: usize,
}

/// An operation in both runs, or in one of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpDifference {
    /// Its name, with its number among those of the name from the second one on.
    pub name: String,
    /// In the first run.
    pub a: Option<OpSide>,
    /// In the second run.
    pub b: Option<OpSide>,
    /// The most important difference.
    pub change: Change,
    /// Everything that differs.
    pub changed: Vec<&'static str>,
    /// The changed operations that it needs: its question may differ because of them.
    pub follows: Vec<String>,
}

/// In what an operation differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// In nothing but time and cost.
    Same,
    /// The answer, although the question was the same.
    Words,
    /// The question.
    Prompt,
    /// What became of it.
    Outcome,
    /// Only the first run has it.
    OnlyA,
    /// Only the second run has it.
    OnlyB,
}

/// Returns what was different before two runs began.
pub fn before(a: Side<'_>, b: Side<'_>) -> Vec<FactDifference> {
    let mut found = Vec::new();
    let mut note = |what: &str, a: Option<String>, b: Option<String>| {
        if a != b {
            found.push(FactDifference { what: what.to_owned(), a, b });
        }
    };

    note("script", Some(a.row.script.clone()), Some(b.row.script.clone()));
    let starts = [a.skeleton.start.as_ref(), b.skeleton.start.as_ref()];
    let [of_a, of_b] =
        starts.map(|start| start.map(|start| start.terms.clone()).unwrap_or_default());
    let short = |hash: &Option<String>| hash.as_ref().map(|hash| hash.chars().take(8).collect());
    note("text of the script", short(&of_a.text), short(&of_b.text));
    for (name, a, b) in files(a.skeleton, b.skeleton) {
        note(&format!("file `{name}`"), short(&a), short(&b));
    }

    let empty = Map::new();
    let [params_a, params_b] = starts.map(|start| start.map_or(&empty, |start| &start.params));
    for name in names(params_a.keys(), params_b.keys()) {
        let text = |params: &Map<String, Value>| params.get(name).map(as_text);
        note(&format!("parameter `{name}`"), text(params_a), text(params_b));
    }

    let models = |side: Side<'_>| {
        let mut models = side.skeleton.models.clone();
        models.sort();
        (!models.is_empty()).then(|| models.join(", "))
    };
    note("models", models(a), models(b));
    for (what, a, b) in settings(a.skeleton, b.skeleton) {
        note(&what, a, b);
    }
    for (what, a, b) in served(a.skeleton, b.skeleton) {
        note(&what, Some(a), Some(b));
    }

    note("default model", of_a.model, of_b.model);
    note("max_cost", of_a.max_cost.map(|v| v.to_string()), of_b.max_cost.map(|v| v.to_string()));
    note(
        "max_tokens",
        of_a.max_tokens.map(|v| v.to_string()),
        of_b.max_tokens.map(|v| v.to_string()),
    );
    note("max_calls", of_a.max_calls.map(|v| v.to_string()), of_b.max_calls.map(|v| v.to_string()));

    let [seed_a, seed_b] = starts.map(|start| start.map(|start| start.seed.to_string()));
    note("seed", seed_a, seed_b);
    let [program_a, program_b] = starts.map(|start| start.map(|start| start.program.clone()));
    note("version of kaizen", program_a, program_b);
    found
}

/// Returns the names that either side has, each once.
fn names<'a>(
    a: impl Iterator<Item = &'a String>,
    b: impl Iterator<Item = &'a String>,
) -> BTreeSet<&'a String> {
    a.chain(b).collect()
}

/// Returns what two runs were made of, where both have noted it: older programs have not.
fn sources<'a>(a: &'a Skeleton, b: &'a Skeleton) -> Option<(&'a RunSources, &'a RunSources)> {
    let of = |skeleton: &'a Skeleton| skeleton.start.as_ref()?.terms.sources.as_ref();
    of(a).zip(of(b))
}

/// Returns the files that were not the same: those with code, which both runs name from the start on, and
/// others that both have read. What only one run has read may have to do with what happened in it.
fn files(a: &Skeleton, b: &Skeleton) -> Vec<(String, Option<String>, Option<String>)> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    if let Some((a, b)) = sources(a, b) {
        for name in names(a.files.keys(), b.files.keys()) {
            seen.insert(name.as_str());
            found.push((name.clone(), a.files.get(name).cloned(), b.files.get(name).cloned()));
        }
    }

    if let (Some(a), Some(b)) = (&a.end, &b.end) {
        let both = a.read.iter().filter_map(|(name, hash)| Some((name, hash, b.read.get(name)?)));
        for (name, a, b) in both.filter(|(name, ..)| !seen.contains(name.as_str())) {
            found.push((name.clone(), Some(a.clone()), Some(b.clone())));
        }
    }
    found
}

/// Returns what the configuration says of each model, setting by setting.
fn settings(a: &Skeleton, b: &Skeleton) -> Vec<(String, Option<String>, Option<String>)> {
    let Some((a, b)) = sources(a, b) else { return Vec::new() };
    let mut found = Vec::new();
    for alias in names(a.models.keys(), b.models.keys()) {
        let empty = Map::new();
        let [of_a, of_b] =
            [a, b].map(|side| side.models.get(alias).and_then(Value::as_object).unwrap_or(&empty));
        for key in names(of_a.keys(), of_b.keys()) {
            let what = format!("`{key}` of model `{alias}` in the settings");
            found.push((what, of_a.get(key).map(as_text), of_b.get(key).map(as_text)));
        }
    }
    found
}

/// Returns the versions of models that have answered, where both runs know them.
fn served(a: &Skeleton, b: &Skeleton) -> Vec<(String, String, String)> {
    let joined =
        |names: &BTreeSet<String>| names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let both = a.served.iter().filter_map(|(label, a)| Some((label, a, b.served.get(label)?)));
    both.map(|(label, a, b)| (format!("version of `{label}`"), joined(a), joined(b))).collect()
}

/// Numbers operations within their flow's name and their own: the same program gives the same work the
/// same place.
fn places(skeleton: &Skeleton) -> BTreeMap<(String, String, usize), OpId> {
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut found = BTreeMap::new();

    for (op, bones) in &skeleton.ops {
        let flow = skeleton.flows.get(&bones.flow).map_or(String::new(), |flow| flow.name.clone());
        let key = (flow, skeleton.name(*op));
        let count = counts.entry(key.clone()).or_default();
        found.insert((key.0, key.1, *count), *op);
        *count += 1;
    }
    found
}

/// Returns the operations of two runs side by side, in the order of the first run, and then those that only
/// the second one has.
pub fn operations(a: Side<'_>, b: Side<'_>) -> Vec<OpDifference> {
    let in_a = places(a.skeleton);
    let in_b = places(b.skeleton);
    let mut pairs: Vec<(String, Option<OpId>, Option<OpId>)> = Vec::new();

    for (place, op) in &in_a {
        pairs.push((title(place), Some(*op), in_b.get(place).copied()));
    }
    for (place, op) in in_b.iter().filter(|(place, _)| !in_a.contains_key(*place)) {
        pairs.push((title(place), None, Some(*op)));
    }
    pairs.sort_by_key(|(_, a, b)| (a.is_none(), a.or(*b)));

    let changed: HashSet<OpId> = pairs
        .iter()
        .filter_map(|(_, one, other)| {
            let other = (*other)?;
            let one = one.and_then(|op| a.skeleton.ops.get(&op));
            let is_same = one.is_some_and(|one| result(one) == result(&b.skeleton.ops[&other]));
            (!is_same).then_some(other)
        })
        .collect();

    pairs.into_iter().map(|(name, one, other)| pair(name, one, other, a, b, &changed)).collect()
}

fn title((_, name, count): &(String, String, usize)) -> String {
    if *count == 0 { name.clone() } else { format!("{name} ({})", count + 1) }
}

/// What others see of an operation.
fn result(bones: &OpBones) -> (Option<&'static str>, u64) {
    (bones.outcome.as_ref().map(OpEnd::word), bones.value)
}

fn pair(
    name: String,
    one: Option<OpId>,
    other: Option<OpId>,
    a: Side<'_>,
    b: Side<'_>,
    differs: &HashSet<OpId>,
) -> OpDifference {
    let bones_a = one.and_then(|op| a.skeleton.ops.get(&op));
    let bones_b = other.and_then(|op| b.skeleton.ops.get(&op));
    let (Some(bones_a), Some(bones_b)) = (bones_a, bones_b) else {
        let change = if bones_a.is_some() { Change::OnlyA } else { Change::OnlyB };
        return OpDifference {
            name,
            a: one.and_then(|op| side(a, op)),
            b: other.and_then(|op| side(b, op)),
            change,
            changed: Vec::new(),
            follows: Vec::new(),
        };
    };

    let label = |side: Side<'_>, bones: &OpBones| {
        bones.calls.last().and_then(|call| side.skeleton.models.get(call.model)).cloned()
    };
    let asked = |bones: &OpBones| bones.calls.first().map(|call| call.prompt);
    let key = |bones: &OpBones| bones.calls.first().and_then(|call| call.key);
    let outcome = result(bones_a).0 != result(bones_b).0;
    let prompt = asked(bones_a) != asked(bones_b);
    let model = label(a, bones_a) != label(b, bones_b);
    let request = !prompt && key(bones_a) != key(bones_b);
    let value = bones_a.value != bones_b.value;
    let checks = [
        ("outcome", outcome),
        ("prompt", prompt),
        ("model", model),
        ("request", request),
        ("result", value),
        ("calls", bones_a.made() != bones_b.made()),
    ];
    let changed: Vec<&'static str> =
        checks.into_iter().filter(|(_, differs)| *differs).map(|(word, _)| word).collect();

    let change = match () {
        () if outcome => Change::Outcome,
        () if prompt || request || model => Change::Prompt,
        () if value => Change::Words,
        () => Change::Same,
    };
    let needs = other.and_then(|op| b.skeleton.roster.get(op)).map(|member| member.after);
    let needs = needs.unwrap_or_default();
    let follows = needs.iter().copied().filter(|op| differs.contains(op));
    let follows = if change == Change::Same { Vec::new() } else { follows.collect() };

    OpDifference {
        name,
        a: one.and_then(|op| side(a, op)),
        b: other.and_then(|op| side(b, op)),
        change,
        changed,
        follows: follows.into_iter().map(|op| b.skeleton.name(op)).collect(),
    }
}

fn side(of: Side<'_>, op: OpId) -> Option<OpSide> {
    let bones = of.skeleton.ops.get(&op)?;
    let is_known = bones.made() > 0 && !bones.is_calling();
    Some(OpSide {
        op,
        outcome: OpState::of(bones, of.clock.state),
        took: bones.took(),
        cost: bones.bill().cost().filter(|_| is_known).map(Money::dollars),
        calls: bones.made(),
    })
}

/// A piece of two texts: ` ` where both have it, `-` where only the first has it, `+` where only the
/// second has it.
pub type TextPiece = (&'static str, String);

/// Compares two texts word by word; `None` if they are too long for that.
pub fn words(a: &str, b: &str) -> Option<Vec<TextPiece>> {
    if a.len() + b.len() > TEXT_MAX {
        return None;
    }

    let diff = TextDiff::configure().algorithm(Algorithm::Myers).timeout(TIME_MAX).diff_words(a, b);
    let mut pieces: Vec<TextPiece> = Vec::new();
    for change in diff.iter_all_changes() {
        let mark = match change.tag() {
            ChangeTag::Equal => " ",
            ChangeTag::Delete => "-",
            ChangeTag::Insert => "+",
        };
        match pieces.last_mut() {
            Some((last, text)) if *last == mark => text.push_str(change.value()),
            _ => pieces.push((mark, change.value().to_owned())),
        }
    }
    Some(pieces)
}
