//! One run of a script: what it is given, and how its end is told. Shared by `run`, `watch` and
//! `plan`.

use crate::base::clock;
use crate::base::count::counted;
use crate::base::credential::without_credentials;
use crate::base::failpoint::{self, Failpoint};
use crate::base::failure::Kind;
use crate::base::id::RunId;
use crate::base::path_text::text_of;
use crate::base::unit::Money;
use crate::base::visible::typed_path;
use crate::cli::app::asking::{lost_asker, person_asker};
use crate::cli::app::cause;
use crate::cli::app::exit::{Exit, exit_of_cause, exit_of_failure};
pub(in crate::cli) use crate::cli::app::job_end::JobEnd;
use crate::cli::app::lease::Lease;
use crate::cli::app::otel::{self, SpanPush};
use crate::cli::app::permissions::asker;
use crate::cli::app::project::Project;
use crate::cli::app::resumed::ResumeInput;
use crate::cli::app::seen_tools;
use crate::cli::app::stint_task::StintWait;
use crate::cli::render::progress::Progress;
use crate::cli::render::value::print_value;
use crate::cli::render::{diagnostic, waits};
use crate::cli::{Global, on_closed_pipe, print_data, print_event, print_of_run, say};
use crate::executor::Executor;
use crate::executor::glimpse::CallGlimpse;
use crate::executor::lost::LostRule;
use crate::executor::people::PersonChannel;
use crate::executor::replies::reuse::Reuse;
use crate::executor::standstill::{FAR, Suspension};
use crate::journal::Journal;
use crate::journal::event::{Event, RunKind, RunStatus};
use crate::journal::seal::JournalEnd;
use crate::mcp::Servers;
use crate::model::registry::Models;
use crate::script::diagnostic::{Diagnostic, of_failure};
use crate::script::host::permission::Ask;
use crate::script::{Host, Program, ScriptError, Sink, State, Surroundings, file_hashes};
use crate::store::writer::Writer;
use anyhow::Context;
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError};

/// What to run, and with what.
pub(in crate::cli) struct ScriptJob<'a> {
    pub(in crate::cli) global: &'a Global,
    pub(in crate::cli) project: &'a Project,
    pub(in crate::cli) script: &'a Path,
    pub(in crate::cli) params: Map<String, Value>,
    pub(in crate::cli) seed: u64,
    pub(in crate::cli) models: Rc<Models>,
    pub(in crate::cli) writer: Rc<Writer>,
    /// Replies that need not be asked for again, if there are any.
    pub(in crate::cli) reuse: Option<Rc<Reuse>>,
    pub(in crate::cli) state: State,
    /// The run that this one resumes, if it does.
    pub(in crate::cli) resumes: Option<RunId>,
    /// Where the journal of that one ends, if it is to be taken over.
    pub(in crate::cli) takes_over: Option<JournalEnd>,
    /// What happened in that one.
    pub(in crate::cli) again: Option<ResumeInput>,
    /// Whether people may be asked for what is not granted.
    pub(in crate::cli) may_ask: bool,
    /// Whether it may end while it waits for people or a time, for another run to continue it.
    pub(in crate::cli) may_suspend: bool,
}

/// One run that is set up.
pub(in crate::cli) struct OpenJob {
    pub(in crate::cli) executor: Rc<Executor>,
    pub(in crate::cli) host: Host,
    /// What the host was made of, for others of the same run.
    pub(in crate::cli) surroundings: Surroundings,
    pub(in crate::cli) progress: Rc<RefCell<Progress>>,
    /// Says that this process works on the run, once it has begun.
    lease: RefCell<Option<Lease>>,
    /// Files with code that the script's own host has not read.
    pub(super) code: RefCell<BTreeMap<PathBuf, Option<blake3::Hash>>>,
    /// Sends spans of the run to a collector, if there is one.
    spans: RefCell<Option<SpanPush>>,
}

impl OpenJob {
    /// Notes files with code that another host than the script's own has read.
    pub(in crate::cli) fn note_code(&self, files: BTreeMap<PathBuf, Option<blake3::Hash>>) {
        self.code.borrow_mut().extend(files);
    }
}

impl ScriptJob<'_> {
    /// Sets up a run that is journaled. `print` takes what the script prints.
    pub(in crate::cli) fn open(
        &self,
        progress: Progress,
        interrupted: Arc<AtomicBool>,
        print: Sink,
    ) -> anyhow::Result<OpenJob> {
        let journal = Journal::new(self.run_id(), self.writer.clone());
        let executor = self.project.executor(journal, self.seed);

        let executor = match &self.reuse {
            Some(reuse) => executor.reusing(reuse.clone()),
            None => executor,
        };

        let executor = match &self.again {
            Some(again) => executor
                .retelling(again.past.clone(), again.lineage.clone())
                .reporting(again.figures.clone()),
            None => executor,
        };

        self.open_with(executor, progress, interrupted, print)
    }

    /// Names the run, so that it comes after all others even if the clock was set back.
    fn run_id(&self) -> RunId {
        // Two that begin the same run on an engine have one id, so that one of them is refused.
        if let (Some(stint), None) = (&self.project.stint, &self.resumes) {
            return stint.first.clone();
        }
        // What is wrong with a store is told by its first use.
        let newest = self.writer.newest_run();
        newest.map_or_else(RunId::fresh, |newest| RunId::after(&newest))
    }

    /// Sets up a run with an executor of the caller's.
    pub(in crate::cli) fn open_with(
        &self,
        executor: Executor,
        progress: Progress,
        interrupted: Arc<AtomicBool>,
        print: Sink,
    ) -> anyhow::Result<OpenJob> {
        self.open_in(self.state.clone(), executor, progress, interrupted, print)
    }

    /// Does the same with another state than the one that lasts.
    pub(in crate::cli) fn open_in(
        &self,
        state: State,
        executor: Executor,
        progress: Progress,
        interrupted: Arc<AtomicBool>,
        print: Sink,
    ) -> anyhow::Result<OpenJob> {
        let cost_max = executor.budget().and_then(|budget| budget.cost_max());
        let progress = progress.of(executor.account().clone(), cost_max);
        let progress = Rc::new(RefCell::new(progress));

        let root = self.root()?;
        let mut permissions = self.project.permissions(&root)?;
        let is_attended = self.may_ask && self.project.grants.may_ask();
        if is_attended {
            permissions = permissions.asking(self.asker(&progress, &interrupted));
        }

        let lost = match self.again.as_ref().and_then(|again| again.lost) {
            Some(decision) => LostRule::Fixed(decision),
            None if is_attended => LostRule::Ask(lost_asker(progress.clone(), interrupted.clone())),
            None => LostRule::default(),
        };
        let people = match (is_attended, self.may_suspend) {
            (true, _) => PersonChannel::Now(person_asker(progress.clone(), interrupted.clone())),
            (false, true) => PersonChannel::Later,
            (false, false) => {
                PersonChannel::Never("kaizen cannot ask anybody in a comparison without a terminal")
            }
        };

        let executor = executor.on_lost(lost).reaching(people);
        let executor = match self.suspension(is_attended) {
            Some(suspension) => executor.suspending(suspension),
            None => executor,
        };
        let executor = Rc::new(executor);

        let printing = progress.clone();
        let saying = progress.clone();
        let quiet = self.global.quiet || executor.is_dry();

        let surroundings = Surroundings {
            executor: executor.clone(),
            models: self.models.clone(),
            servers: self.project.servers(self.models.clone())?,
            permissions,
            root,
            script: self.script.to_owned(),
            params: self.params.clone(),
            print: Rc::new(move |text| printing.borrow().suspend(|| print(text))),
            say: Rc::new(move |text| {
                if !quiet {
                    saying.borrow().say(text);
                }
            }),
            interrupted,
            store: Some((self.project.store_path(), self.writer.clone())),
            learn_from_demo: self.project.config.learn_from_demo(),
            operations_max: self.project.config.operations_max(),
            state,
        };

        let host = Host::new(surroundings.clone());
        Ok(OpenJob {
            executor,
            host,
            surroundings,
            progress,
            lease: RefCell::default(),
            code: RefCell::default(),
            spans: RefCell::default(),
        })
    }

    /// Says when the run is suspended, if it may be. Somebody who watches is not left without a word
    /// because of a time, unless the settings say so.
    fn suspension(&self, is_attended: bool) -> Option<Suspension> {
        let after = self.project.config.suspend_after();
        let of_times = !is_attended || after.is_some();
        self.may_suspend.then(|| Suspension { far: after.unwrap_or(FAR), of_times })
    }

    /// Returns a way to ask people for grants.
    fn asker(&self, progress: &Rc<RefCell<Progress>>, interrupted: &Arc<AtomicBool>) -> Ask {
        asker(progress.clone(), interrupted.clone(), self.project.config.time_max())
    }

    /// Returns the folder that the script may read in: the project's, or the script's own if that
    /// lies elsewhere.
    fn root(&self) -> anyhow::Result<PathBuf> {
        let script = self.script.canonicalize().context("cannot find the script")?;
        let root = self.project.root.canonicalize().context("cannot find the project")?;
        if script.starts_with(&root) {
            return Ok(root);
        }
        Ok(script.parent().map_or(root, Path::to_owned))
    }

    /// Shows why a script is not run. Nothing has been journaled: nothing has happened.
    pub(in crate::cli) fn refuse(&self, faults: &[Diagnostic]) -> Exit {
        let is_of_command =
            |fault: &Diagnostic| fault.place.is_none() || fault.code == Kind::Param.code();
        let usage = faults.iter().all(is_of_command);
        if self.global.json {
            let messages: Vec<Value> = faults.iter().map(diagnostic::to_json).collect();
            print_data(json!({ "type": "done", "status": "refused", "errors": messages }));
        }
        for fault in faults {
            say(&diagnostic::render(fault, self.global.color));
        }

        let code = faults.first().map_or("", |fault| fault.code);
        say(&format!("found before running; nothing was spent   (`kaizen explain {code}`)"));
        let is_of_grants = faults.iter().all(|fault| fault.code == Kind::Permission.code());
        match usage {
            _ if is_of_grants => Exit::Permission,
            true => Exit::Usage,
            false => Exit::Refused,
        }
    }

    /// Shows what seems wrong with a script that runs all the same.
    pub(in crate::cli) fn warn(&self, program: &Program) {
        if !self.global.quiet {
            for warning in &program.warnings {
                say(&diagnostic::render(warning, self.global.color));
            }
        }
    }

    /// Journals the start, to be written together with the first thing that happens, and announces
    /// the run.
    pub(in crate::cli) fn launch(&self, open: &OpenJob) -> anyhow::Result<()> {
        self.launch_as(open, RunKind::Script, text_of(self.script))
    }

    /// Returns the parameters as they are kept and shown: without what addresses in them give away.
    fn shown_params(&self) -> Map<String, Value> {
        let shown = |value: &Value| match value {
            Value::String(text) => without_credentials(text).into(),
            other => other.clone(),
        };
        self.params.iter().map(|(name, value)| (name.clone(), shown(value))).collect()
    }

    /// Does the same for a run of more than the one script.
    pub(in crate::cli) fn launch_as(
        &self,
        open: &OpenJob,
        what: RunKind,
        script: String,
    ) -> anyhow::Result<()> {
        let executor = &open.executor;
        // Held from before the start is kept, so that nobody else takes the run up meanwhile.
        open.lease.replace(self.project.try_lease(executor.journal().run())?);

        let started = Event::RunStarted {
            script,
            params: self.shown_params(),
            seed: self.seed,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            resumes: self.resumes.clone(),
            what: Some(what),
            reuse: self.reuse.as_ref().is_some_and(|reuse| reuse.is_wide()),
            terms: Box::new(self.terms(open)),
        };

        if let Some(settings) = self.project.config.otel() {
            let denials = open.surroundings.permissions.denials();
            open.spans.replace(otel::push(executor, &settings, denials));
        }

        if let Some(end) = &self.takes_over {
            executor.journal().take_over(end);
        }
        executor.begin(&started)?;
        if self.writer.is_shared() {
            // Nothing is paid for before it is certain that nobody else continues the run.
            executor.journal().settle()?;
        }
        interrupt_on_closed_pipe(executor);

        let shown = open.progress.clone();
        if self.global.json {
            let launch = json!({
                "type": "launch", "script": text_of(self.script), "params": self.shown_params(), "seed": self.seed,
            });
            print_of_run(executor.journal().run(), launch);
            executor.listen(Rc::new(|at, event| {
                if matches!(event, Event::OpEnded { .. } | Event::FlowStarted { .. }) {
                    print_event(event, json!({ "type": "event", "at": at }));
                }
            }));
        } else {
            let glimpsed = open.progress.clone();
            let shows_texts = glimpsed.borrow().shows_texts();
            let watcher =
                Rc::new(move |call: &CallGlimpse<'_>| glimpsed.borrow_mut().glimpse(call));
            executor.watch_calls(watcher, shows_texts);
            executor.listen(Rc::new(move |at, event| shown.borrow_mut().see(at, event)));
        }

        Ok(())
    }

    /// Decides how a run ended whose script came to its end. `seen` is the signal that came
    /// meanwhile.
    pub(in crate::cli) fn judge(
        &self,
        executor: &Executor,
        result: Result<Value, ScriptError>,
        seen: Option<Exit>,
    ) -> anyhow::Result<JobEnd> {
        match result {
            Ok(value) => {
                let lost = executor.unforgiven();
                let is_ok = lost == 0;
                let exit = if is_ok { Exit::Ok } else { exit_of_cause(executor) };
                let status = if is_ok { RunStatus::Ok } else { RunStatus::Failed };
                Ok(JobEnd { lost, ..JobEnd::new(exit, status, value, None) })
            }
            Err(ScriptError::Failed(both)) => {
                let (failure, shown) = *both;
                if failure.kind == Kind::Interrupted {
                    return Ok(JobEnd::interrupted(seen.unwrap_or(Exit::Interrupted)));
                }

                say(&diagnostic::render(&shown, self.global.color));
                let exit = exit_of_failure(&failure, executor);
                Ok(JobEnd::new(exit, RunStatus::Failed, Value::Null, Some(failure)))
            }
            Err(ScriptError::Store(error)) => Err(error.into()),
            Err(ScriptError::Suspended(waits)) => Ok(JobEnd::waiting(waits)),
            Err(ScriptError::Refused(faults)) => {
                let exit = self.refuse(&faults);
                Ok(JobEnd::new(exit, RunStatus::Failed, Value::Null, None))
            }
        }
    }

    /// Journals the end.
    pub(in crate::cli) async fn close(&self, open: &OpenJob, end: &JobEnd) -> anyhow::Result<()> {
        let value = end.value.clone();
        let failure = end.failure.clone();
        let status = end.status;
        if let Some(waits) = &end.waits {
            let waits = (**waits).clone();
            open.executor.commit(&Event::Suspended { waits }).await?;
        }
        failpoint::pass(Failpoint::RunEnds);
        let comparisons = open.executor.comparisons();
        let read = file_hashes(&open.surroundings.root, open.host.files());
        let ended = Event::RunEnded { status, value, failure, comparisons, read };
        open.executor.commit(&ended).await?;
        let spans = open.spans.take();
        if let Some(spans) = spans {
            otel::tell(self.global, &spans.finish().await);
        }

        self.remember_tools(&open.surroundings.servers);
        Ok(())
    }

    /// Remembers which tools the servers of this run have offered. A run is not worse for not being able to.
    fn remember_tools(&self, servers: &Servers) {
        for listing in servers.listings() {
            // A server that a script describes is none of the project's.
            let mut own = self.project.config.servers().map(|(spec, _)| spec);
            let Some(spec) = own.find(|spec| spec.name == listing.server) else { continue };
            if let Err(error) = seen_tools::remember(self.project, spec, &listing) {
                say(&format!("warning: {}", cause::sentence(&error)));
            }
        }
    }

    /// Journals the end and shows the value.
    pub(in crate::cli) async fn finish(
        &self,
        open: &OpenJob,
        end: &JobEnd,
    ) -> anyhow::Result<Exit> {
        let executor = &open.executor;
        let run = executor.journal().run().clone();

        // The end is kept before anything is shown of it, and its time is that of the run.
        self.close(open, end).await?;
        if let (Some(stint), Some(waits)) = (&self.project.stint, &end.waits) {
            let mut wait = stint.wait.lock().unwrap_or_else(PoisonError::into_inner);
            *wait = Some(StintWait { until: waits.due() });
        }
        let metrics = executor.metrics();

        if self.global.json {
            let mut done = json!({
                "type": "done", "status": end.status, "value": end.value,
                "error": end.failure, "metrics": metrics.to_map(),
                "cost": metrics.known_cost().map(Money::dollars),
            });
            if let Some(waits) = &end.waits {
                done["waits"] = waits::to_json(waits);
            }
            print_of_run(&run, done);
            return Ok(end.exit);
        }

        print_value(&end.value);
        open.progress.borrow().sum_up(&run, end.status, &metrics);

        if let Some(waits) = &end.waits {
            say("suspended: nothing is running, and everything so far is kept");
            let lines = match &self.project.stint {
                Some(_) => waits::lines_on_engine(&run, waits),
                None => waits::lines(&run, waits),
            };
            for line in lines {
                say(&line);
            }
        }

        if end.lost > 0 {
            tell_lost(executor, end.lost, self.global.color);
        }

        // Whoever watches a run on an engine says how that goes on.
        if self.project.stint.is_some() {
            if end.failure.as_ref().is_some_and(|failure| failure.kind == Kind::File) {
                say(
                    "note: a worker has the files that were sent; name more under `files` in [engine]",
                );
            }
            return Ok(end.exit);
        }

        if end.exit == Exit::Budget && metrics.calls > 0 {
            let script = typed_path(self.script);
            say(&format!(
                "progress is saved; `kaizen run {script} --resume` continues, and its limits count from \
                 zero"
            ));
        }

        if end.status == RunStatus::Interrupted {
            let script = typed_path(self.script);
            say(&format!(
                "interrupted; progress is saved. Inspect it with `kaizen show {run}`, continue \
                 with `kaizen run {script} --resume`"
            ));
        }

        Ok(end.exit)
    }
}

/// Has the end of a run kept if the program ends because its output has gone away.
pub(in crate::cli) fn interrupt_on_closed_pipe(executor: &Rc<Executor>) {
    let last = executor.clone();
    on_closed_pipe(move || {
        let ended = Event::ended(RunStatus::Interrupted);
        // The program ends at once; a store that cannot be written is found by its next use.
        let append = last.journal().append(clock::micros(), &ended);
        let _ = futures::executor::block_on(append);
    });
}

/// Tells that operations did not complete although they had to, and why the first one did not.
fn tell_lost(executor: &Executor, lost: u64, color: bool) {
    let run = executor.journal().run();
    let operations = counted(lost, "operation", "operations");
    say(&format!(
        "{operations} did not complete, so the run failed; `kaizen show {run}` has the \
         details (`allow_failures: true` in the options of `flow` accepts failures)"
    ));

    if let Some(first) = executor.first_failure() {
        say(&diagnostic::render(&of_failure(&first), color));
    }
}
