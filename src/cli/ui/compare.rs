//! Two runs side by side.

use crate::base::id::OpId;
use crate::base::json::as_text;
use crate::cli::ui::library::Library;
use crate::cli::ui::page_error::PageError;
use crate::flow::outcome::Outcome;
use crate::journal::event::Event;
use crate::journal::history::RunRow;
use crate::view::difference::{self, Change, OpDifference, Side};
use crate::view::skeleton::Skeleton;
use serde_json::{Value, json};

/// Most operations at once.
const OPS_MAX: usize = 200;

/// Compares two runs, or an operation of one with an operation of the other.
pub(in crate::cli) fn compare(
    library: &mut Library,
    a: &str,
    b: &str,
    after: Option<&str>,
) -> Result<Value, PageError> {
    match (a.split_once(':'), b.split_once(':')) {
        (None, None) => runs(library, a, b, after),
        (Some((a, op_a)), Some((b, op_b))) => texts(library, (a, op_a), (b, op_b)),
        _ => Err(PageError::new(
            400,
            "compare two runs, or an operation of each: `A/B` or `A:OP/B:OP`",
        )),
    }
}

/// Looks at two runs at once.
pub(in crate::cli) fn with_both<T>(
    library: &mut Library,
    a: &RunRow,
    b: &RunRow,
    look: impl FnOnce(Side<'_>, Side<'_>) -> T,
) -> Result<T, PageError> {
    let clock_a = library.clock(a)?;
    let clock_b = library.clock(b)?;
    let (of_a, of_b) = library.two_skeletons(&a.id, &b.id)?;
    let side = |row, skeleton, clock| Side { row, skeleton, clock };
    Ok(look(side(a, of_a, clock_a), side(b, of_b, clock_b)))
}

fn runs(library: &mut Library, a: &str, b: &str, after: Option<&str>) -> Result<Value, PageError> {
    let row_a = library.find(a)?;
    let row_b = library.find(b)?;
    let line_a = library.line(&row_a)?;
    let line_b = library.line(&row_b)?;
    let (differs, all) = with_both(library, &row_a, &row_b, |a, b| {
        (difference::before(a, b), difference::operations(a, b))
    })?;

    let same = all.iter().filter(|one| one.change == Change::Same).count();
    let start = after.map_or(0, |after| {
        all.iter().position(|one| one.name == after).map_or(all.len(), |place| place + 1)
    });
    let shown: Vec<OpDifference> = all.iter().skip(start).take(OPS_MAX).cloned().collect();
    let has_more = all.len() > start + shown.len();
    let next = shown.last().map(|one| one.name.clone()).filter(|_| has_more);

    let value_a = value(library, &row_a)?;
    let value_b = value(library, &row_b)?;
    let result = match (&value_a, &value_b) {
        (None, None) => json!({ "says": "neither run has a value", "pieces": null }),
        (a, b) if a == b => json!({ "says": "the same value", "pieces": null }),
        (a, b) => {
            let text = |value: &Option<String>| value.clone().unwrap_or_default();
            let pieces = difference::words(&text(a), &text(b));
            json!({ "says": "the values differ", "gave_up": pieces.is_none(), "pieces": pieces })
        }
    };

    Ok(json!({
        "a": line_a, "b": line_b, "same": same, "total": all.len(), "differs": differs,
        "ops": shown, "next": next, "result": result,
    }))
}

/// Returns the value of a run as text.
fn value(library: &mut Library, row: &RunRow) -> Result<Option<String>, PageError> {
    Ok(library.value(&row.id)?.map(|(_, value)| as_text(&value)))
}

fn texts(
    library: &mut Library,
    (a, op_a): (&str, &str),
    (b, op_b): (&str, &str),
) -> Result<Value, PageError> {
    let one = text_of(library, a, op_a)?;
    let other = text_of(library, b, op_b)?;
    let mut gave_up = false;

    let mut pieces = |a: &Option<String>, b: &Option<String>| {
        if a == b {
            return Value::Null;
        }
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let found = difference::words(&text(a), &text(b));
        gave_up |= found.is_none();
        json!(found)
    };
    let prompt = pieces(&one.0, &other.0);
    let reply = pieces(&one.1, &other.1);
    Ok(json!({ "prompt": prompt, "reply": reply, "gave_up": gave_up }))
}

/// What an operation was asked, and what came of it.
type AskedAndGiven = (Option<String>, Option<String>);

/// Returns what an operation was asked, and what came of it.
pub(in crate::cli) fn text_of(
    library: &mut Library,
    run: &str,
    op: &str,
) -> Result<AskedAndGiven, PageError> {
    let row = library.find(run)?;
    let skeleton = library.skeleton(&row.id)?;
    let missing = || PageError::new(404, format!("run {} has no such operation", row.id));
    let op = op.parse().ok().map(OpId).or_else(|| skeleton.find(op)).ok_or_else(missing)?;
    let seqs = seqs_of(skeleton, op).ok_or_else(missing)?;

    let asked = seqs.0.and_then(|seq| match library.event(&row.id, seq)? {
        Event::AttemptStarted { prompt, .. } => Some(prompt),
        _ => None,
    });
    let given = seqs.1.and_then(|seq| match library.event(&row.id, seq)? {
        Event::OpEnded { outcome: Outcome::Completed { value }, .. } => Some(as_text(&value)),
        Event::OpEnded { outcome: Outcome::Failed { failure }, .. } => Some(failure.message),
        _ => None,
    });
    Ok((asked, given))
}

/// Returns the events that hold what an operation was asked and what came of it.
fn seqs_of(skeleton: &Skeleton, op: OpId) -> Option<(Option<i64>, Option<i64>)> {
    let bones = skeleton.ops.get(&op)?;
    let asked = bones.calls.first().and_then(|call| call.began).map(|(_, seq)| seq);
    Some((asked, bones.ended.map(|(_, seq)| seq)))
}
