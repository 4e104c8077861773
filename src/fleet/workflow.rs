//! The workflow of a run. It is frozen: what it does is recorded, and has to be the same when it is done again after a
//! worker has died. A run that waits since last year is done again by this very code, so every change of it strands
//! such runs unless it stands behind `patched`.
#![allow(unreachable_pub, reason = "what Temporal's macros write is public")]

use crate::fleet::order::{PersonAnswer, RunExit, RunOrder, StintEnd, StintOrder};
use crate::fleet::stint::Stints;
use std::collections::VecDeque;
use std::time::{Duration, SystemTime};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::workflows::select;
use temporalio_sdk::{
    ActivityCancellationType, ActivityExecutionError, ActivityOptions, SyncWorkflowContext,
    WorkflowContext, WorkflowResult, WorkflowTermination,
};

/// As good as without an end.
const STINT_MAX: Duration = Duration::from_hours(24 * 3650);

/// One run.
#[workflow]
#[derive(Default)]
pub struct KaizenRun {
    answers: VecDeque<PersonAnswer>,
}

#[workflow_methods]
impl KaizenRun {
    /// Performs one stint after another until the run is over.
    #[run(name = "kaizen_run")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, run: RunOrder) -> WorkflowResult<RunExit> {
        let mut answer = None;
        loop {
            let stint = StintOrder { run: run.clone(), answer };
            let ended = ctx.execute_activity(Stints::perform, stint, options(&run)).await;
            let until = match ended.map_err(stopped)? {
                StintEnd::Ended(end) => return Ok(end),
                StintEnd::Waits { until } => until,
            };

            match until.map(|until| left(until, ctx.workflow_time())) {
                None => ctx.wait_condition(|run| !run.answers.is_empty()).await?,
                Some(left) => select! {
                    waited = ctx.wait_condition(|run| !run.answers.is_empty()) => waited?,
                    _ = ctx.timer(left) => {}
                },
            }
            answer = ctx.state_mut(|run| run.answers.pop_front());
        }
    }

    /// Takes the answer of a person.
    #[signal]
    pub fn answer(&mut self, _ctx: &mut SyncWorkflowContext<Self>, answer: PersonAnswer) {
        self.answers.push_back(answer);
    }
}

fn options(run: &RunOrder) -> ActivityOptions {
    let retries = temporalio_client::RetryPolicy::builder()
        .initial_interval(Duration::from_millis(100))
        .maximum_interval(Duration::from_secs(10))
        .build();
    ActivityOptions::with_start_to_close_timeout(STINT_MAX)
        .heartbeat_timeout(Duration::from_millis(run.lease_ms))
        .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
        .retry_policy(retries)
        .do_not_eagerly_execute(true)
        .build()
}

fn stopped(error: ActivityExecutionError) -> WorkflowTermination {
    match error {
        ActivityExecutionError::Cancelled(_) => WorkflowTermination::cancelled(),
        other => other.into(),
    }
}

/// Returns how long it is until a time, in milliseconds since 1970.
fn left(until: i64, now: Option<SystemTime>) -> Duration {
    let now = now.and_then(|now| now.duration_since(SystemTime::UNIX_EPOCH).ok());
    let until = Duration::from_millis(u64::try_from(until).unwrap_or_default());
    until.saturating_sub(now.unwrap_or_default())
}
