//! What a comparison says before it begins.

use crate::base::failure::Failure;
use crate::base::visible::shown_path;
use crate::cli::app::job::ScriptJob;
use crate::cli::command::compare::ComparedScript;
use crate::cli::command::compare::tasks::{FieldMap, Tasks};
use crate::cli::render::diagnostic;
use crate::cli::say;
use crate::optimizer::learner::Objective;
use crate::optimizer::trial::cases::Case;
use crate::script::diagnostic::of_failure;
use serde_json::Value;
use std::collections::BTreeMap;

/// The field of a task that holds the right answer, where no other is named.
const EXPECTED: &str = "expected";

/// Says which fields no script takes: one of them may be misspelt.
pub(super) fn tell_unused(
    job: &ScriptJob<'_>,
    tasks: &Tasks,
    contestants: &[(ComparedScript, FieldMap)],
) {
    let maps: Vec<FieldMap> = contestants.iter().map(|(_, fields)| fields.clone()).collect();
    let unused = tasks.unused(&maps);
    if !unused.is_empty() && !job.global.quiet {
        say(&format!(
            "fields that no script takes, kept for the judge and tables: {}",
            unused.join(", ")
        ));
    }
}

/// Says that nothing tells right answers from wrong ones, if quality counts.
pub(super) fn tell_unjudged(
    job: &ScriptJob<'_>,
    tasks: &Tasks,
    (is_judged, objective): (bool, Option<&Objective>),
) {
    let counts = objective.is_none_or(|objective| objective.quality > 0.0);
    if counts && !is_judged && !tasks.is_labelled() && !job.global.quiet {
        say(
            "note: there are no expected answers and no judge, so only failures, time and cost are compared; \
             add the field `expected` to the tasks, name it with `--expected FIELD`, or pass \
             `--judge SCRIPT`",
        );
    }
}

/// Says that scores of the demo model tell nothing about the scripts.
pub(super) fn tell_demo(replies: u64) {
    if replies > 0 {
        say(
            "note: the built-in demo model answered. It does not solve tasks, so these scores say \
             nothing about the scripts; set up a model or pass `--model provider/name` to compare them",
        );
    }
}

/// Says why a comparison failed, with the place in the script where it did.
pub(super) fn tell_failure(job: &ScriptJob<'_>, failure: &Failure) {
    if failure.place.is_some() {
        // The operation is the comparison itself.
        let shown = of_failure(&Failure { op: None, ..failure.clone() });
        say(&diagnostic::render(&shown, job.global.color));
    } else {
        say(&format!("error: {}", failure.message));
    }
}

/// What is said of a script that returned nothing.
pub(super) fn without_answer(part: &ComparedScript) -> String {
    let name = shown_path(&part.path);
    format!(
        "note: `{name}` returned nothing: the answer of a script is its last value, not what it prints; end it with \
         the answer"
    )
}

/// Says that most wrong answers of a script equal the expected ones but for how they are written.
pub(super) fn tell_near_misses(cases: &[Case], expected: Option<&str>) {
    let mut wrong: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for case in cases.iter().filter(|case| case.is_wrong()) {
        let (all, near) = wrong.entry(&case.pattern).or_default();
        *all += 1;
        *near += usize::from(is_near(case));
    }

    let field = expected.unwrap_or(EXPECTED);
    for (pattern, (all, near)) in wrong.into_iter().filter(|(_, (all, near))| near * 2 > *all) {
        say(&format!(
            "note: {near} of the {all} wrong answers of `{pattern}` differ from the expected ones only in \
             letter case, spaces or a closing full stop; a script for `--judge` that ends with \
             `mentions(task.{field}).call(answer)` counts them as right"
        ));
    }
}

/// Tells whether a text differs from the expected one only in how it is written.
fn is_near(case: &Case) -> bool {
    let (Some(Value::String(answer)), Some(Value::String(expected))) =
        (&case.answer, &case.expected)
    else {
        return false;
    };
    let bare = |text: &str| {
        text.to_lowercase().trim_matches(|c: char| c == '.' || c.is_whitespace()).to_owned()
    };
    bare(answer) == bare(expected)
}
