//! `kaizen run SCRIPT`: runs a workflow to its end.

mod told;

use crate::base::credential::learn_credentials;
use crate::base::rng::Rng;
use crate::base::secret::{Secret, is_secret_parameter, was_taken_out, weakness};
use crate::base::visible::shown_path;
use crate::base::{clock, file};
use crate::cli::app::engine::SubmitOptions;
use crate::cli::app::exit::Exit;
use crate::cli::app::job::{JobEnd, ScriptJob};
use crate::cli::app::overrun::Overrun;
use crate::cli::app::project::Project;
use crate::cli::app::resumed::ResumedRun;
use crate::cli::app::stint_task::StintTask;
use crate::cli::app::terminal::Terminal;
use crate::cli::app::time_limit::{stop_after, time_over};
use crate::cli::app::{resumed, signal, trust};
use crate::cli::command::resume::LostChoice;
use crate::cli::command::run::told::{tell_reuse, tell_uncalled};
pub(in crate::cli) use crate::cli::command::run_settings::RunSettings;
use crate::cli::command::{list, plan, submit};
use crate::cli::render::progress::{Progress, ProgressMode};
use crate::cli::{Global, print_data, print_of_script, say};
use crate::executor::replies::reuse::Reuse;
use crate::journal::event::{RunKind, RunStatus, StintTerms, Terms};
use crate::script::{ScriptError, Sink, State};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// What `run`, `plan` and `watch` are given alike.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct RunOptions {
    /// Script to use (.rhai).
    pub(in crate::cli) script: PathBuf,
    #[command(flatten)]
    pub(in crate::cli) with: RunSettings,
}

/// The options of `run`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Script to run (.rhai). Optional with --resume.
    script: Option<PathBuf>,
    #[command(flatten)]
    with: RunSettings,
    /// Resume a run that failed or was interrupted, reusing the replies it already has. Defaults to
    /// the latest run.
    #[arg(long, value_name = "RUN", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    resume: Option<String>,
    /// With --resume: what to do about programs that were running when the run stopped. Without it, kaizen
    /// asks on a terminal, and stops elsewhere.
    #[arg(long, value_enum, value_name = "HOW", requires = "resume")]
    lost: Option<LostChoice>,
    /// Run the script in this process, on the shared store that --store or kaizen.toml names.
    #[arg(long)]
    here: bool,
    #[command(flatten)]
    engine: SubmitOptions,
    /// Whether a command has chosen the run, and so its store.
    #[arg(skip)]
    is_of_command: bool,
    /// The stint that is performed, if an engine wants one, and its name.
    #[arg(skip)]
    pub(in crate::cli) stint: Option<(Arc<StintTask>, StintTerms)>,
    /// Reuse the replies of the project's earlier runs and call models only for the rest. `reuse =
    /// true` under [run] in kaizen.toml makes this the default.
    #[arg(long, overrides_with = "no_reuse")]
    reuse: bool,
    /// Make every call, even if kaizen.toml sets `reuse`.
    #[arg(long, overrides_with = "reuse")]
    no_reuse: bool,
    /// Show the calls without making any. Same as `kaizen plan`.
    #[arg(long)]
    dry_run: bool,
    /// Style of the progress display.
    #[arg(long, value_enum, default_value = "auto")]
    progress: ProgressMode,
}

impl RunOptions {
    /// Reads the parameters; says what is wrong and gives nothing if one is no `NAME=VALUE`.
    pub(in crate::cli) fn params(&self) -> Option<Map<String, Value>> {
        let mut params = Map::new();
        for pair in &self.with.params {
            let Some((name, value)) = pair.split_once('=').filter(|(name, _)| !name.is_empty())
            else {
                say(&format!("error: invalid parameter `{pair}`: expected `-p name=value`"));
                return None;
            };

            if is_secret_parameter(name) {
                drop(Secret::new(value.trim()));
                if let Some(weakness) = weakness(value.trim()) {
                    say(&format!("`-p {name}=..` is not treated as a secret: {weakness}"));
                }
            }

            // What is within an address is taken out of it where that is kept, and known elsewhere.
            learn_credentials(value);

            params.insert(name.to_owned(), value.into());
        }

        Some(params)
    }

    /// Finds the project and applies the options to its configuration. Asks for trust if it is missing.
    pub(in crate::cli) fn project(&self) -> anyhow::Result<Project> {
        let project = self.untrusted_project()?;
        trust::ensure(&project, self.with.grants.may_ask())?;
        Ok(project)
    }

    /// Like `project`, but never asks.
    pub(in crate::cli) fn project_again(&self) -> anyhow::Result<Project> {
        let project = self.untrusted_project()?;
        trust::ensure(&project, false)?;
        Ok(project)
    }

    fn untrusted_project(&self) -> anyhow::Result<Project> {
        let mut project = Project::find()?;
        project.grants = self.with.grants.clone();
        project.grants.approve.clone_from(&self.with.approve);
        project.set_terms(self.with.terms())?;

        if let Some(concurrency) = self.with.concurrency {
            project.set("run.concurrency", concurrency.into(), "--concurrency")?;
        }
        if let Some(time) = &self.with.max_time {
            project.set("budget.max_time", time.clone().into(), "--max-time")?;
        }

        Ok(project)
    }

    /// Returns the seed that was given, or one of chance.
    pub(in crate::cli) fn seed(&self) -> u64 {
        self.with.seed.unwrap_or_else(|| Rng::from_entropy().next_u64() >> 11)
    }
}

/// Reads a script; says what is wrong if that fails.
pub(in crate::cli) fn read_script(path: &Path) -> Option<String> {
    match file::read_text(path) {
        Ok(text) => Some(text),
        Err(error) => {
            say(&format!("error: cannot read `{}`: {error}{}", shown_path(path), list::near(path)));
            None
        }
    }
}

/// Runs a future on this thread, together with everything it spawns.
pub(in crate::cli) fn block_on<F: Future>(future: F) -> anyhow::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(tokio::task::LocalSet::new().block_on(&runtime, future))
}

/// Returns the sink for what scripts print.
pub(in crate::cli) fn printer(global: &Global) -> Sink {
    if global.json {
        Rc::new(|text| print_data(json!({ "type": "print", "text": text })))
    } else {
        Rc::new(print_of_script)
    }
}

impl Arguments {
    /// Continues from a run.
    pub(in crate::cli) fn resuming(
        run: &str,
        with: &RunSettings,
        lost: Option<LostChoice>,
    ) -> Arguments {
        Arguments { resume: Some(run.to_owned()), lost, ..Arguments::of(None, with) }
    }

    /// Runs a script, asking for everything.
    pub(in crate::cli) fn of(script: Option<PathBuf>, with: &RunSettings) -> Arguments {
        Arguments {
            script,
            with: with.clone(),
            resume: None,
            lost: None,
            here: false,
            engine: SubmitOptions::default(),
            is_of_command: true,
            stint: None,
            reuse: false,
            no_reuse: false,
            dry_run: false,
            progress: ProgressMode::Auto,
        }
    }

    /// From here on, everything is asked again.
    pub(in crate::cli) fn without_reuse(self) -> Arguments {
        Arguments { no_reuse: true, ..self }
    }

    /// Tells whether the replies of all earlier runs are used.
    fn is_wide(&self, project: &Project, resumed: Option<&ResumedRun>) -> bool {
        if self.reuse || self.no_reuse {
            return self.reuse;
        }
        // A run that is resumed continues as it began.
        resumed.map_or(project.config.reuse(), |resumed| resumed.reuse)
    }
}

/// Runs the script and shows how it went.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let is_here = arguments.is_of_command
        || arguments.here
        || arguments.resume.is_some()
        || arguments.reuse
        || arguments.dry_run;
    if !is_here && let Some(engine) = arguments.engine.engine()? {
        let script = arguments.script.as_deref();
        return submit::run(global, &engine, &arguments.engine, script, &arguments.with);
    }
    let Some(wanted) = &arguments.resume else { return run_from(global, arguments, None) };
    match resumed::take(RunKind::Script, wanted, arguments.script.as_deref())? {
        Ok((mut resumed, _lease)) => {
            resumed.again.lost = arguments.lost.map(LostChoice::decision);
            run_from(global, arguments, Some(Ok(resumed)))
        }
        Err(reason) => run_from(global, arguments, Some(Err(reason))),
    }
}

/// Runs a script, from another run on if there is one.
pub(in crate::cli) fn run_from(
    global: &Global,
    arguments: &Arguments,
    resumed: Option<Result<ResumedRun, String>>,
) -> anyhow::Result<Exit> {
    let mut with = arguments.with.clone();
    let resumed = match resumed.transpose() {
        Ok(resumed) => resumed,
        Err(reason) => {
            say(&format!("error: {reason}"));
            return Ok(Exit::Usage);
        }
    };

    if let Some(resumed) = &resumed {
        with.keep(&resumed.terms);
    }

    let script =
        arguments.script.clone().or(resumed.as_ref().map(|resumed| resumed.script.clone()));
    let Some(script) = script else {
        say("error: no script given; run `kaizen run SCRIPT` (`kaizen` lists the scripts of the \
             project)");
        return Ok(Exit::Usage);
    };

    let given = RunOptions { script, with };
    if arguments.dry_run {
        return plan::plan(global, &given);
    }

    let Some(params) = given.params() else { return Ok(Exit::Usage) };
    let Some(text) = read_script(&given.script) else { return Ok(Exit::Refused) };
    let Some(mut project) = project_of(&given, arguments)? else { return Ok(Exit::Usage) };
    project.terms.text = Some(Terms::text_hash(&text));

    let writer = Rc::new(project.start_writer()?);
    let mode = if global.quiet || global.json { ProgressMode::None } else { arguments.progress };
    let is_wide = arguments.is_wide(&project, resumed.as_ref());
    let earlier = if is_wide { Some(plan::past(&project, &given.script)?) } else { None };

    let seed = given.with.seed.or(match (&resumed, &earlier) {
        (Some(resumed), _) => Some(resumed.seed),
        // With other numbers of chance, other things would be asked.
        (None, Some(earlier)) => earlier.seed(&params),
        (None, None) => None,
    });
    let seed = seed.unwrap_or_else(|| given.seed());

    let mut job = ScriptJob {
        global,
        project: &project,
        script: &given.script,
        params,
        seed,
        models: Rc::new(project.models(seed)?),
        writer,
        reuse: None,
        state: State::default(),
        resumes: None,
        takes_over: None,
        again: None,
        may_ask: true,
        may_suspend: true,
    };

    if let Some(earlier) = &earlier
        && !global.quiet
    {
        say(&earlier.sentence());
    }
    set_up(&mut job, &text, resumed, earlier)?;
    if job.resumes.is_some() && lacks_secret(&job.params) {
        return Ok(Exit::Usage);
    }

    block_on(start(&job, &text, mode))?
}

/// Finds the project of a run; says what is wrong and gives nothing if the run would be kept in the wrong place.
fn project_of(given: &RunOptions, arguments: &Arguments) -> anyhow::Result<Option<Project>> {
    let mut project = given.project()?;
    if let Some((task, terms)) = arguments.stint.clone() {
        project.stint = Some(task);
        project.terms.stint = Some(terms);
    }
    let fault = misplaced(&project, arguments);
    if let Some(fault) = fault {
        say(&format!("error: {fault}"));
    }
    Ok(fault.is_none().then_some(project))
}

/// Says why a run would not be kept where its user expects it, if that is so.
fn misplaced(project: &Project, arguments: &Arguments) -> Option<&'static str> {
    if project.is_shared() && !arguments.here && !arguments.is_of_command {
        return Some(
            "a shared store is chosen: add `--here` to run the script in this process and keep the run there",
        );
    }

    (arguments.here && !project.is_shared()).then_some(
        "`--here` needs a shared store: name it with `--store postgres://..`, or set the variable that `store` under \
         [engine] in kaizen.toml refers to",
    )
}

/// Gives a run what it continues from: another run, or what all earlier ones were answered, or both.
fn set_up(
    job: &mut ScriptJob<'_>,
    text: &str,
    resumed: Option<ResumedRun>,
    earlier: Option<plan::EarlierRuns>,
) -> anyhow::Result<()> {
    let Some(mut resumed) = resumed else {
        job.reuse = earlier.map(|earlier| Rc::new(Reuse::wide(earlier.replies)));
        return Ok(());
    };

    if !job.global.quiet {
        say(&resumed.to_string());
    }

    if resumed.again.past.is_by_arrival() {
        say(&format!(
            "run {} was recorded by an older kaizen, without the place of each request: equal \
             requests get their replies in the order in which they are made",
            resumed.run
        ));
    }

    // In a script that is still the same, every reply has a place that will come up.
    if resumed.terms.text.is_some() && resumed.terms.text == job.project.terms.text {
        resumed.replies.keep_to_their_places();
    }

    for dropped in
        resumed.drop_parameters(job.project, &job.models, (job.script, text), &job.params)?
    {
        say(&format!("note: {dropped}"));
    }

    // What is given now stands in the place of what was given then; the rest stays.
    let given = std::mem::replace(&mut job.params, resumed.params);
    job.params.extend(given);
    job.reuse = Some(Rc::new(match earlier {
        Some(mut earlier) => {
            earlier.replies.absorb(resumed.replies);
            Reuse::wide(earlier.replies)
        }
        None => Reuse::new(resumed.replies),
    }));

    job.resumes = Some(resumed.run);
    job.takes_over = resumed.end;
    job.again = Some(resumed.again);
    Ok(())
}

/// Tells, and says so, that a parameter is missing which the journal does not hold.
fn lacks_secret(params: &Map<String, Value>) -> bool {
    let lacking = params.iter().find(|(_, value)| value.as_str().is_some_and(was_taken_out));

    if let Some((name, _)) = lacking {
        say(&format!(
            "error: `{name}` is a secret, so the journal does not contain it; pass it again: `-p \
             {name}=..`"
        ));
    }

    lacking.is_some()
}

async fn start(job: &ScriptJob<'_>, text: &str, mode: ProgressMode) -> anyhow::Result<Exit> {
    let _terminal = Terminal::without_echo_of_interrupts();
    let signals = signal::watch()?;
    let progress = Progress::new(mode, job.global.stderr_is_terminal);
    let open = job.open(progress, signals.flag(), printer(job.global))?;

    let program = match open.host.compile(text) {
        Ok(program) => program,
        Err(ScriptError::Refused(faults)) => return Ok(job.refuse(&faults)),
        Err(other) => anyhow::bail!("cannot read the script: {other:?}"),
    };

    job.warn(&program);
    tell_uncalled(job, &program);
    let refused = job.refuse_ungranted(&open.host.missing_grants(&program));
    if let Some(exit) = refused.or_else(|| job.refuse_unset(&open.host, &program)) {
        return Ok(exit);
    }
    job.launch(&open)?;
    if let Some((question, value)) = job.again.as_ref().and_then(|again| again.answer.clone()) {
        open.executor.give_answer(&question, value).await?;
    }
    let began = clock::monotonic();
    let time_max = job.project.config.time_max();
    let run = open.executor.journal().run();
    let overrun = Overrun::new(run, job.script, job.global.json);
    signals.enforce_by(&overrun);
    stop_after(time_max, signals.flag(), overrun.clone())?;

    let (result, caught) = tokio::select! {
        // The flag ends a script that never waits, `time_over` one that does.
        result = open.host.run(&program) => (Some(result), None),
        caught = signals.caught() => (None, Some(caught)),
        () = time_over(time_max) => (None, Some(Exit::Budget)),
    };

    overrun.note_stop();
    let is_over = time_max.is_some_and(|most| clock::monotonic().saturating_sub(began) >= most);
    if caught.is_some() {
        open.host.end();
    }
    open.progress.borrow_mut().close();

    let end = match result {
        Some(result) => {
            let seen = signals.seen().or(is_over.then_some(Exit::Budget));
            job.judge(&open.executor, result, seen)?
        }
        None => JobEnd::interrupted(caught.unwrap_or(Exit::Interrupted)),
    };

    if end.exit == Exit::Budget && end.status == RunStatus::Interrupted {
        say("the time limit of the run (`max_time`) is reached");
    }
    let exit = job.finish(&open, &end).await?;

    if caught.is_none() {
        tell_reuse(job, &open.executor);
    }
    Ok(exit)
}
