//! What a comparison says before it begins.

use crate::cli::app::job::ScriptJob;
use crate::cli::command::compare::ComparedScript;
use crate::cli::command::compare::tasks::{FieldMap, Tasks};
use crate::cli::say;
use crate::optimizer::learner::Objective;

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
