//! `run(name)`: the report of a finished run, for whoever looks at it in `kaizen repl`.

use super::define::def;
use crate::base::failure::Kind;
use crate::base::id::FlowId;
use crate::executor::report::{Report, ReportEntry};
use crate::flow::outcome::Outcome;
use crate::journal::history::{self, RunRow};
use crate::journal::trace::Trace;
use crate::metrics::fold::FlowFold;
use crate::script::host::context::{Inner, dialogue_source};
use crate::script::host::error::{EvalError, throw_new};
use crate::store;
use rhai::Engine;
use std::path::Path;
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "run(name: string) -> report",
        r#"
        Returns the report of a run of this project, as `flow` does. `"@"` is the last run, `"@-1"` the one before,
        `"@fail"` the last one that failed, and the beginning of an id is the run with that id; sessions of the REPL do
        not count. The report contains the operations of all flows of the run. This works only in `kaizen repl`, where
        nothing is resumed or replayed.
        ```rhai
        // In `kaizen repl`, after a run:
        let last = || run("@").metrics.calls;
        ```
        "#,
        move |name: &str| finished(&inner, name).map(Rc::new),
    );
}

fn finished(host: &Inner, name: &str) -> Result<Report, EvalError> {
    let folder = host.with.script.parent().unwrap_or(Path::new(""));
    if host.with.script != dialogue_source(folder) {
        let message = "`run(name)` looks at a finished run, which works in `kaizen repl` only; to choose and \
                       execute a pattern, write `optimizer.run(task, patterns, input)`";
        return Err(throw_new(Kind::Option, message));
    }

    let none = || throw_new(Kind::Option, format!("unknown run `{name}`; `:runs` lists them"));
    let (path, _) = host.with.store.as_ref().ok_or_else(none)?;
    let connection = store::open_to_read(path).map_err(|error| unread(&error.to_string()))?;

    let row =
        history::find_beside_sessions(&connection, name).map_err(|e| unread(&e.to_string()))?;
    let row = row.ok_or_else(none)?;
    let log = history::read(&connection, &row.id).map_err(|error| unread(&error.to_string()))?;

    let mut fold = FlowFold::of_run();
    for (at, event) in &log.events {
        fold.add(*at, event);
    }
    Ok(report(&row, &Trace::fold(&log.events), &fold))
}

fn unread(reason: &str) -> EvalError {
    throw_new(Kind::File, format!("cannot read the journal: {reason}"))
}

/// Makes a report of the operations of a run.
fn report(row: &RunRow, trace: &Trace, fold: &FlowFold) -> Report {
    let planned = trace.flows.values().flat_map(|flow| &flow.ops);
    let entries = planned.map(|op| {
        let ended = trace.operations.get(op).and_then(|one| one.ended.as_ref());
        let outcome = ended.map_or(Outcome::Cancelled, |(_, outcome)| outcome.clone());
        let attempts = trace.operations.get(op).map(|one| one.attempts.as_slice());
        let last = attempts
            .and_then(|attempts| attempts.iter().filter_map(|one| one.end.as_ref()).next_back());
        let is_cut = last.is_some_and(|end| end.cut);
        ReportEntry { name: trace.name(*op), outcome: Rc::new(outcome), is_cut }
    });

    Report {
        flow: FlowId(0),
        name: row.script.clone(),
        entries: entries.collect(),
        metrics: fold.metrics(),
    }
}
