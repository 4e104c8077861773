//! What `kaizen run` says about a script beside its output.

use crate::base::count::counted;
use crate::cli::app::job::ScriptJob;
use crate::cli::say;
use crate::executor::Executor;
use crate::script::Program;

/// Tells that a script does nothing, if it only defines functions.
pub(super) fn tell_uncalled(job: &ScriptJob<'_>, program: &Program) {
    if let Some(function) = program.uncalled().filter(|_| !job.global.quiet) {
        say(&format!(
            "note: the script calls none of its functions; write `{function}();` at its end"
        ));
    }
}

/// Says what became of the replies that were to be reused.
pub(super) fn tell_reuse(job: &ScriptJob<'_>, executor: &Executor) {
    if let Some(reuse) = &job.reuse
        && reuse.is_wide()
        && executor.metrics().reused == 0
        && !job.global.quiet
    {
        say(match executor.metrics().calls {
            0 => "no reply of earlier runs was reused: the script asked no model",
            _ => "no reply of earlier runs was reused: the script made different requests",
        });
    }

    if let (Some(reuse), Some(run)) = (&job.reuse, &job.resumes)
        && !reuse.is_wide()
        && reuse.unused() > 0
    {
        let unused = counted(reuse.unused(), "reply", "replies");
        say(&format!(
            "not reused: {unused} from run {run}; the script now makes different requests"
        ));
    }
}
