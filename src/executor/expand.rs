//! Operations that are made of the items of a list.

use crate::base::failure::{Failure, Kind, Place};
use crate::base::json::as_text;
use crate::base::secret;
use crate::executor::attempt::Stop;
use crate::executor::operation::{OperationJob, WorkResult};
use crate::flow::callback::{Callback, CallbackInput};
use crate::flow::op::Op;
use crate::session::scope::Scope;
use serde_json::Value;

/// Makes an operation of each item of a list.
pub(super) async fn expand(
    scope: &Scope,
    job: &OperationJob,
    make: &Callback<Op>,
    place: Option<&Place>,
) -> Result<WorkResult, Stop> {
    let Some((_, Value::Array(items))) = job.inputs.first() else {
        return Err(Failure { place: place.cloned(), ..not_a_list(job) }.into());
    };

    Ok(WorkResult::Ops(each_of(scope, job, make, items).await?))
}

/// Makes an operation of each of these items.
pub(super) async fn each_of(
    scope: &Scope,
    job: &OperationJob,
    make: &Callback<Op>,
    items: &[Value],
) -> Result<Vec<Op>, Stop> {
    let mut ops = Vec::with_capacity(items.len());
    let group = scope.strand.group();
    for (place, item) in items.iter().enumerate() {
        let strand = scope.strand.child(group, place);
        let mut op = make.call(CallbackInput::Item(item.clone(), place, strand)).await?;
        op.name = format!("{}[{place}]", job.op.name);
        ops.push(op);
    }

    Ok(ops)
}

fn not_a_list(job: &OperationJob) -> Failure {
    let Some((name, value)) = job.inputs.first() else {
        return Failure::new(Kind::Script, "`expand` needs a list, but was given nothing");
    };

    let shown = secret::shortened(&as_text(value), 80);
    // A model gives a text unless a schema asks for something else.
    let help = if value.is_string() {
        "; with `schema: \"[string]\"` a model answers with a list"
    } else {
        ""
    };
    let message = format!("`expand` needs a list, but `{name}` returned `{shown}`{help}");
    Failure::new(Kind::Script, message)
}
