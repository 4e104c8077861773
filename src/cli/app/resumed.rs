//! Going on from a run that did not end well.

use crate::base::count::counted;
use crate::base::failure::Kind;
use crate::base::id::RunId;
use crate::base::path_text::path_of;
use crate::cli::app::damage;
use crate::cli::app::lease::Lease;
use crate::cli::app::project::Project;
use crate::cli::command::plan::is_same;
use crate::cli::command::{check, show};
use crate::executor::lost::LostDecision;
use crate::executor::recall::Figures;
use crate::journal::chain::{self, RunEvents};
use crate::journal::event::{Event, RunKind, RunStatus, Terms};
use crate::journal::history::{self, RunRow};
use crate::journal::known_replies::Replies;
use crate::journal::lineage::Lineage;
use crate::journal::past::{Failures, Past};
use crate::journal::seal::JournalEnd;
use crate::journal::trace::Trace;
use crate::journal::waits::{PendingQuestion, Waits};
use crate::metrics::fold::Flows;
use crate::model::registry::Models;
use crate::store::Reader;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// What a run that did not end well has left.
#[derive(Debug)]
pub(in crate::cli) struct ResumedRun {
    pub(in crate::cli) run: RunId,
    /// What it ran.
    pub(in crate::cli) what: RunKind,
    pub(in crate::cli) script: PathBuf,
    pub(in crate::cli) params: Map<String, Value>,
    pub(in crate::cli) seed: u64,
    pub(in crate::cli) replies: Replies,
    /// Whether it used the replies of other runs.
    pub(in crate::cli) reuse: bool,
    /// What else it was given.
    pub(in crate::cli) terms: Terms,
    /// What happened in it.
    pub(in crate::cli) again: ResumeInput,
    /// The run that was to be resumed, if this one resumed it.
    instead_of: Option<RunId>,
    /// Calls that had no reply yet.
    in_flight: usize,
    /// Where its journal ends, in a store that several machines share.
    pub(in crate::cli) end: Option<JournalEnd>,
    /// What it waits for, if it is suspended.
    pub(in crate::cli) waits: Option<Waits>,
}

/// What a run needs in order to go through another one again.
#[derive(Debug, Clone)]
pub(in crate::cli) struct ResumeInput {
    pub(in crate::cli) past: Rc<Past>,
    /// The figures of the flows that had ended.
    pub(in crate::cli) figures: Figures,
    /// The work that the run belongs to.
    pub(in crate::cli) lineage: Lineage,
    /// The operation at which it goes its own way, if it is a fork.
    pub(in crate::cli) fork_at: Option<String>,
    /// What becomes of effects in doubt, if the command line says it.
    pub(in crate::cli) lost: Option<LostDecision>,
    /// The answer with which it is resumed, and the question to it.
    pub(in crate::cli) answer: Option<(PendingQuestion, Value)>,
}

impl ResumeInput {
    /// Returns the terms of the run that goes through another one, with the work that it continues.
    pub(in crate::cli) fn terms(&self, own: &Terms) -> Terms {
        Terms {
            fork: self.fork_at.is_some(),
            fork_at: self.fork_at.clone(),
            lineage: self.lineage.clone(),
            ..own.clone()
        }
    }
}

impl fmt::Display for ResumedRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let replies = counted(self.replies.len(), "reply is", "replies are");

        if let Some(asked) = &self.instead_of {
            writeln!(
                f,
                "run {asked} was already resumed; continuing from the latest run that resumed it"
            )?;
        }
        write!(f, "resuming run {}: {replies} reusable", self.run)?;
        match self.in_flight {
            0 => Ok(()),
            calls => {
                let calls = counted(calls, "call was", "calls were");
                write!(f, "; {calls} in flight and may be charged again")
            }
        }
    }
}

/// Finds the run to fork, with what it was answered before `step`.
pub(in crate::cli) fn find_until(
    wanted: &str,
    step: &str,
) -> anyhow::Result<Result<ResumedRun, String>> {
    let project = Project::find()?;
    let Some(store) = project.existing_store()? else {
        return Ok(Err("no run to fork".to_owned()));
    };
    let row = match show::find(&store, wanted)? {
        Ok(row) => row,
        Err(reason) => return Ok(Err(reason)),
    };

    let events = damage::events(&store, &row.id)?;
    let events = match chain::before(&row.id, &events, step) {
        Ok(events) => events,
        Err(reason) => return Ok(Err(reason)),
    };

    let lineage = Lineage::resuming(&row.id, |run| history::start(&store, run))?;
    let forked = collect(&row, &[(row.id.clone(), events)], Failures::Told, lineage);
    Ok(forked.map(|mut forked| {
        let ends = forked.again.past.ends().count() as u64;
        forked.again.lineage = forked.again.lineage.forked_after(ends);
        forked.again.fork_at = Some(step.to_owned());
        forked
    }))
}

/// Finds the run to resume, the one that is `wanted` or the last one, of the script if one is given,
/// and keeps every other process from it. The inner error says for people why that cannot be.
pub(in crate::cli) fn take(
    what: RunKind,
    wanted: &str,
    script: Option<&Path>,
) -> anyhow::Result<Result<(ResumedRun, Lease), String>> {
    let project = Project::find()?;
    let Some(store) = project.existing_store()? else {
        return Ok(Err("no run to resume".to_owned()));
    };

    let asked = match choose(&store, what, wanted, script)? {
        Ok(row) => row,
        Err(reason) => return Ok(Err(reason)),
    };

    // Whoever resumed it before has paid for more of the work.
    let is_done = asked.status == Some(RunStatus::Ok);
    let row = if is_done { asked.clone() } else { newest_of(&store, asked.clone())? };
    if row.id != asked.id && row.status == Some(RunStatus::Ok) {
        return Ok(Err(format!(
            "run {} was resumed by run {}, which succeeded; use `--resume={}` to run it again",
            asked.id, row.id, row.id
        )));
    }

    let lease = match project.lease(&row.id)? {
        Ok(lease) => lease,
        Err(reason) => return Ok(Err(reason)),
    };

    // What is added after this is not read, so whoever adds it keeps the run.
    let end = if project.is_shared() { JournalEnd::of(&store, &row.id)? } else { None };

    // It may have come to its end before the lease was taken.
    let row = match show::find(&store, &row.id.0)? {
        Ok(row) => row,
        Err(reason) => return Ok(Err(reason)),
    };
    let failures = failures_of(&store, &row)?;
    let resumed = whole(&store, &row, failures)?.map(|resumed| {
        let instead_of = (row.id != asked.id).then_some(asked.id);
        ResumedRun { instead_of, end, ..resumed }.found_from(&project.root)
    });
    Ok(resumed.map(|resumed| (resumed, lease)))
}

/// Reads a run, with what others have paid for that resumed the same ones.
fn whole(
    store: &Reader,
    row: &RunRow,
    failures: Failures,
) -> anyhow::Result<Result<ResumedRun, String>> {
    let others = others_of(store, row)?;
    Ok(read(store, row, failures)?.map(|mut resumed| {
        for (run, events) in &others {
            resumed.replies.learn(run, events.iter().map(|(_, event)| event));
        }
        // A run that was suspended and continued has ended in another way.
        let waits = resumed.waits.filter(|_| row.status == Some(RunStatus::Waiting));
        ResumedRun { waits, ..resumed }
    }))
}

/// Finds the newest of the runs that are the stints of one on an engine, by the first of them; none if it has not
/// begun. `key` is the name of the stint that is to continue it.
#[cfg(feature = "engine")]
pub(in crate::cli) fn take_stint(
    project: &Project,
    first: &RunId,
    key: &str,
) -> anyhow::Result<Option<Result<ResumedRun, String>>> {
    let Some(store) = project.existing_store()? else { return Ok(None) };
    let Some(first) = history::run(&store, first)? else { return Ok(None) };
    let newest = newest_of(&store, first)?;

    // What is added after this is not read, so whoever adds it keeps the run.
    let end = JournalEnd::of(&store, &newest.id)?;
    let newest = history::run(&store, &newest.id)?.unwrap_or(newest);
    // Another try of the same stint goes the way that the one before went, however that ended.
    let failures = match history::start(&store, &newest.id)? {
        Some(Event::RunStarted { terms, .. })
            if terms.stint.as_ref().is_some_and(|stint| stint.key == key) =>
        {
            Failures::Told
        }
        _ => failures_of(&store, &newest)?,
    };
    let resumed = whole(&store, &newest, failures)?;
    Ok(Some(resumed.map(|resumed| ResumedRun { end, ..resumed })))
}

/// Finds what the newest stint of a run on an engine waits for, by the first of them.
#[cfg(feature = "engine")]
pub(in crate::cli) fn waits_of_stints(
    store: &Reader,
    first: &RunId,
) -> anyhow::Result<Option<(RunId, Waits)>> {
    let Some(first) = history::run(store, first)? else { return Ok(None) };
    let newest = newest_of(store, first)?;
    if newest.status != Some(RunStatus::Waiting) {
        return Ok(None);
    }
    Ok(history::waits(store, &newest.id)?.map(|waits| (newest.id, waits)))
}

/// Decides which failures of a run are told again. A run that was killed is to go the way it went, and so
/// is one that only waits for a decision about an effect. Who resumes one that failed, or that was stopped,
/// wants what failed to be tried again.
fn failures_of(store: &Reader, row: &RunRow) -> anyhow::Result<Failures> {
    Ok(match row.status {
        None | Some(RunStatus::Waiting) => Failures::Told,
        Some(RunStatus::Failed) => {
            let failure = history::failure(store, &row.id)?;
            let is_unsure = failure.is_some_and(|failure| failure.kind == Kind::Unsure);
            if is_unsure { Failures::Undecided } else { Failures::Forgotten }
        }
        Some(RunStatus::Ok | RunStatus::Interrupted | RunStatus::Replaced) => Failures::Forgotten,
    })
}

/// Returns the newest of the runs that resumed a run, each from the one before, or the run itself.
fn newest_of(store: &Reader, row: RunRow) -> anyhow::Result<RunRow> {
    let starts = history::starts(store)?;
    let mut newest = row.id.clone();
    let mut before = history::start(store, &newest)?;

    // Newer runs come later, and each resumes an older one.
    for (later, after) in starts {
        if let Some(known) = &before
            && goes_on(&newest, known, &after)
        {
            (newest, before) = (later, Some(after));
        }
    }

    if newest == row.id {
        return Ok(row);
    }
    // It may have been deleted meanwhile.
    Ok(history::run(store, &newest)?.unwrap_or(row))
}

/// Tells whether a run continues the work of another one: with the same parameters, and to its end.
fn goes_on(run: &RunId, before: &Event, after: &Event) -> bool {
    match (before, after) {
        (
            Event::RunStarted { params: old, script: first, .. },
            Event::RunStarted { params: new, script: second, resumes, terms, .. },
        ) => resumes.as_ref() == Some(run) && !terms.fork && old == new && first == second,
        _ => false,
    }
}

/// Returns the runs that resumed one of the runs that a run resumes, in another way, with what
/// happened in them: what they paid for need not be paid for again.
fn others_of(store: &Reader, row: &RunRow) -> anyhow::Result<Vec<RunEvents>> {
    let mut known = BTreeSet::from([row.id.clone()]);
    let mut newest = row.id.clone();
    // What a fork was forked from has asked on its own.
    while let Some(Event::RunStarted { resumes: Some(before), terms, .. }) =
        history::start(store, &newest)?
        && !terms.fork
        && known.insert(before.clone())
    {
        newest = before;
    }

    let mut others = Vec::new();
    for (later, start) in history::starts(store)? {
        let Event::RunStarted { resumes: Some(before), terms, .. } = start else { continue };
        // A fork asks again on purpose.
        if !terms.fork && known.contains(&before) && known.insert(later.clone()) {
            let events = damage::events(store, &later)?;
            others.push((later, events));
        }
    }

    Ok(others)
}

impl ResumedRun {
    /// Tells whether an answer to a question is for this run: it waits for it, or a try of the same stint was cut
    /// short that may have got it.
    #[cfg(feature = "engine")]
    pub(in crate::cli) fn may_be_answered(&self, question: &PendingQuestion, key: &str) -> bool {
        match &self.waits {
            Some(waits) => waits.questions.iter().any(|open| open.at == question.at),
            None => self.terms.stint.as_ref().is_some_and(|stint| stint.key == key),
        }
    }

    /// Takes out the parameters that a script no longer has, and says of each that is not given again that it is
    /// not used.
    pub(in crate::cli) fn drop_parameters(
        &mut self,
        project: &Project,
        models: &Rc<Models>,
        (script, text): (&Path, &str),
        given: &Map<String, Value>,
    ) -> anyhow::Result<Vec<String>> {
        if self.params.is_empty() {
            return Ok(Vec::new());
        }

        // What is wrong with the script is told where it is compiled to be run.
        let program = check::host(project, models, script)?.compile(text).ok();
        let dropped = program
            .map(|program| program.drop_removed(&mut self.params, given, (script, &self.run)));
        Ok(dropped.unwrap_or_default())
    }

    /// Finds the script of a run that was started in the project's folder from another folder of it.
    pub(in crate::cli) fn found_from(mut self, root: &Path) -> ResumedRun {
        let in_root = root.join(&self.script);
        if !self.script.exists() && in_root.exists() {
            self.script = in_root;
        }
        self
    }
}

/// Chooses the run to resume.
fn choose(
    store: &Reader,
    what: RunKind,
    wanted: &str,
    script: Option<&Path>,
) -> anyhow::Result<Result<RunRow, String>> {
    // What cannot be told, because the event is damaged, is told later.
    let is_other = |row: &RunRow| {
        history::kind(store, &row.id).map(|kind| kind.is_some_and(|kind| kind != what))
    };
    if !wanted.is_empty() {
        let row = match show::find(store, wanted)? {
            Ok(row) => row,
            Err(reason) => return Ok(Err(reason)),
        };

        let reason = format!("run {} {}", row.id, unfit(what));
        return Ok(if is_other(&row)? { Err(reason) } else { Ok(row) });
    }

    let own = |row: &RunRow| {
        script.is_none_or(|script| {
            let own = path_of(&row.script);
            own == script || is_same(&own, script)
        })
    };

    let mut found = None;
    for row in history::runs(store, usize::MAX)?.into_iter().filter(own) {
        if !is_other(&row)? {
            found = Some(row);
            break;
        }
    }

    Ok(match found {
        Some(row) if row.status == Some(RunStatus::Ok) => Err(format!(
            "the last run ({}) succeeded; use `--resume={}` to run it again",
            row.id, row.id
        )),
        Some(row) => Ok(row),
        None => Err("no run of this script to resume".to_owned()),
    })
}

/// Says why a run of another kind cannot be resumed by a command that resumes this kind.
fn unfit(wanted: RunKind) -> &'static str {
    match wanted {
        RunKind::Script => {
            "ran more than one script; `kaizen compare .. --resume` resumes comparisons, and sessions \
             of `kaizen repl` cannot be resumed"
        }
        RunKind::Comparison => "was not a comparison; `kaizen run --resume` resumes it",
        RunKind::Session => "was not a `kaizen repl` session",
    }
}

/// Reads a run and those that it resumed.
pub(in crate::cli) fn read(
    store: &Reader,
    row: &RunRow,
    failures: Failures,
) -> anyhow::Result<Result<ResumedRun, String>> {
    let log = damage::read(store, &row.id)?;
    let is_damaged = !log.damage.is_empty();

    let sound = log.sound();
    let events = log.events.into_iter().enumerate().filter(|(place, (_, event))| {
        // Answers without a place are known by their order, so none counts after one that may be
        // missing.
        *place < sound || !matches!(event, Event::EffectEnded { at: None, .. })
    });

    let mut chain = vec![(row.id.clone(), events.map(|(_, event)| event).collect::<Vec<_>>())];

    if is_damaged && started(&chain[0].1).is_none() {
        return Ok(Err(format!(
            "run {} cannot be resumed: its first event, with its parameters and seed, is damaged",
            row.id
        )));
    }

    let earlier = chain::earlier(&row.id, &chain[0].1, |run| damage::events(store, run))?;
    chain.extend(earlier);

    let lineage = Lineage::resuming(&row.id, |run| history::start(store, run))?;
    Ok(collect(row, &chain, failures, lineage))
}

/// Collects what a chain of runs has left, the newest first.
fn collect(
    row: &RunRow,
    chain: &[(RunId, Vec<(i64, Event)>)],
    failures: Failures,
    lineage: Lineage,
) -> Result<ResumedRun, String> {
    let mut replies = Replies::default();
    for (run, events) in chain.iter().rev() {
        replies.learn(run, events.iter().map(|(_, event)| event));
    }

    let past = Past::of(chain.iter().map(|(run, events)| (run, events.as_slice())), failures);
    let Some((run, events)) = chain.first() else {
        return Err(format!("run {} has no recorded events", row.id));
    };

    let trace = Trace::fold(events);
    let in_flight = trace.attempts().filter(|(_, attempt)| attempt.end.is_none()).count();
    let Some(start) = trace.start else {
        return Err(format!("run {run} was stopped before anything was recorded"));
    };

    Ok(ResumedRun {
        run: run.clone(),
        what: start.what,
        script: path_of(&row.script),
        params: start.params,
        seed: start.seed,
        replies,
        reuse: start.reuse,
        terms: start.terms,
        again: ResumeInput {
            past: Rc::new(past),
            figures: figures(chain),
            lineage,
            fork_at: None,
            lost: None,
            answer: None,
        },
        instead_of: None,
        in_flight,
        end: None,
        waits: trace.waits,
    })
}

/// Finds the event that started a run.
fn started(events: &[(i64, Event)]) -> Option<&Event> {
    events.iter().map(|(_, event)| event).find(|event| event.ran().is_some())
}

/// Returns the figures of all flows that had ended. Those of the run in which a flow took its time come
/// first: to a run that was told all of it again it took none.
fn figures(chain: &[(RunId, Vec<(i64, Event)>)]) -> Figures {
    let mut figures = Figures::default();
    for (place, (_, events)) in chain.iter().enumerate().rev() {
        let mut flows = Flows::default();
        for (at, event) in events {
            flows.add(*at, event);
        }

        let mut metrics = flows.metrics();
        let trace = Trace::fold(events);
        let mut ended: Vec<_> =
            trace.flows.iter().filter(|(_, flow)| flow.ended.is_some()).collect();
        ended.sort_by_key(|(_, flow)| flow.ended);
        for (number, flow) in ended {
            let Some(metrics) = metrics.remove(number) else { continue };
            match &flow.address {
                Some(address) => {
                    figures.by_address.entry(address.clone()).or_default().push(metrics);
                }
                None if place == 0 => {
                    figures.by_number.insert(*number, metrics);
                }
                None => {}
            }
        }
    }

    figures
}
