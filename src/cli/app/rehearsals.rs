//! Going through a script without asking any model: once with what is known, and, where replies have to
//! be guessed, again with other guesses.

use crate::base::clock;
use crate::base::failure::{Failure, Kind};
use crate::base::file;
use crate::base::id::{OpId, RunId};
use crate::base::strand::Strand;
use crate::cli::app::exit::{Exit, exit_of_cause, exit_of_failure};
use crate::cli::app::job::{OpenJob, ScriptJob};
use crate::cli::app::plan_clock::Clock;
use crate::cli::app::script_words::words;
use crate::cli::app::signal::Signals;
use crate::cli::app::trials::{TrialBasis, TrialQueue};
use crate::cli::render::progress::{Progress, ProgressMode};
use crate::executor::Executor;
use crate::executor::budget::Budget;
use crate::executor::replies::assumption::{AssumedChance, Unknown};
use crate::executor::replies::guess::{
    ForcedDecisions, Guess, GuessedDecision, ScriptWords, Ways, Words,
};
use crate::executor::replies::reuse::Reuse;
use crate::journal::Journal;
use crate::journal::event::Event;
use crate::journal::known_replies::Replies;
use crate::metrics::earlier_runs::CallHistory;
use crate::metrics::plan::{EarlyEnd, Plan, plan};
use crate::metrics::rehearsal::{Rehearsal, RehearsalEnd, RunScope, Variation};
use crate::model::charge::CallBound;
use crate::script::diagnostic::{Diagnostic, of_failure};
use crate::script::{Host, Program, ScriptError};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::time::Duration;

/// Longest time for going through a script once: one that continues until a reply is good never ends.
pub(in crate::cli) const TIME_MAX: Duration = Duration::from_secs(5);
/// Longest time for all further guesses together, where somebody has asked for a plan.
pub(in crate::cli) const MORE_TIME_MAX: Duration = Duration::from_secs(10);
/// Shortest time that one of them is given.
const TRY_TIME_MIN: Duration = Duration::from_millis(500);
/// The time of each where the first one had no end: others must get their turn.
const ENDLESS_TIME_MAX: Duration = Duration::from_millis(100);

/// What planning a run has found.
pub(in crate::cli) struct Forecast {
    pub(in crate::cli) plan: Plan,
    pub(in crate::cli) end: PlanEnd,
    /// How a budget ends the run that asks everything, if it does or may.
    pub(in crate::cli) spent: Option<ScriptStop>,
    /// How a budget ends the run that reuses what is known, if it does or may.
    pub(in crate::cli) rest_spent: Option<ScriptStop>,
    /// The models that are asked for replies whose length nothing bounds.
    pub(in crate::cli) unbounded: BTreeSet<String>,
    /// Operations that are taken to complete although they failed on every guess, and how they failed.
    pub(in crate::cli) assumed: BTreeMap<String, String>,
}

/// How the script ends that is planned.
pub(in crate::cli) enum PlanEnd {
    /// It may come to its end.
    Well,
    /// No guess has taken it to its end, and a real reply may: this stopped it.
    Open(Diagnostic),
    /// Every run ends with this failure.
    Fails(ScriptStop),
    /// A signal ended the plan before all guesses were made.
    Interrupted(Exit),
}

/// Why a script went no further, or failed at its end.
#[derive(Debug, Clone)]
pub(in crate::cli) struct ScriptStop {
    pub(in crate::cli) fault: Diagnostic,
    pub(in crate::cli) kind: Kind,
    /// What the run would return.
    pub(in crate::cli) exit: Exit,
}

impl ScriptStop {
    /// Finds out why a script failed.
    pub(in crate::cli) fn of(
        failure: &Failure,
        fault: Diagnostic,
        executor: &Executor,
    ) -> ScriptStop {
        let exit = exit_of_failure(failure, executor);
        ScriptStop { fault, kind: failure.kind.clone(), exit }
    }

    /// Finds out whether a script failed that came to its end: an operation did that had to complete.
    pub(in crate::cli) fn of_lost(executor: &Executor) -> Option<ScriptStop> {
        let first = executor.first_failure().filter(|_| executor.unforgiven() > 0)?;
        let exit = exit_of_cause(executor);
        Some(ScriptStop { fault: of_failure(&first), kind: first.kind, exit })
    }

    /// Tells whether the budget had nothing left.
    fn is_spent(&self) -> bool {
        self.kind == Kind::Budget || self.exit == Exit::Budget
    }

    /// Tells whether it says the same as another one.
    fn is_same(&self, other: &ScriptStop) -> bool {
        let place =
            |stop: &ScriptStop| stop.fault.place.as_ref().map(|place| (place.line, place.column));
        self.fault.message == other.fault.message && place(self) == place(other)
    }

    /// Tells whether it may be due to a guess although it is always the same.
    fn may_be_guessed(&self, met: &BTreeSet<Unknown>) -> bool {
        // A program that a plan does not start may make the file.
        let is_of_file = matches!(self.kind, Kind::File | Kind::Import | Kind::Snapshot);
        if is_of_file && met.contains(&Unknown::World) {
            return true;
        }

        !self.kind.is_sure_in_plan()
    }
}

/// One time through a script.
pub(in crate::cli) struct RehearsalResult {
    pub(in crate::cli) events: Vec<Event>,
    pub(in crate::cli) ended: RehearsalEnd,
    /// Why it went no further, or failed at its end.
    pub(in crate::cli) stopped: Option<ScriptStop>,
    /// How many different guesses there are; none if none was made.
    pub(in crate::cli) choices: usize,
    /// How many calls were made whose replies are not known.
    pub(super) asked: usize,
    /// Whether known replies have used nothing of a budget that bounds them.
    pub(super) spares_budget: bool,
    /// Decisions that depended on a guess.
    pub(in crate::cli) seen: BTreeMap<GuessedDecision, Ways>,
    /// What was asked for that only a run can tell.
    met: BTreeSet<Unknown>,
    /// The most that each call can take.
    bounds: HashMap<(OpId, u32), CallBound>,
    unbounded: BTreeSet<String>,
    /// Operations that have failed on a guess, and how.
    unfit: BTreeMap<String, String>,
    /// The texts of the script and of what it imports.
    pub(in crate::cli) texts: Vec<String>,
}

impl RehearsalResult {
    /// Tells how a script ended that was gone through with a guess.
    pub(in crate::cli) fn of(
        guess: &Guess,
        events: Vec<Event>,
        stopped: Result<Option<ScriptStop>, ScriptStop>,
        is_over: bool,
    ) -> RehearsalResult {
        let (ended, stopped) = match stopped {
            Ok(None) => (RehearsalEnd::Well, None),
            Ok(Some(stop)) | Err(stop) if stop.is_spent() => (RehearsalEnd::Spent, Some(stop)),
            Ok(Some(stop)) => (RehearsalEnd::Lamely, Some(stop)),
            Err(stop) if is_over => {
                let message = format!(
                    "the script runs for more than {} s without ending",
                    TIME_MAX.as_secs()
                );
                let fault = Diagnostic { message, ..stop.fault };
                (RehearsalEnd::Never, Some(ScriptStop { fault, ..stop }))
            }
            Err(stop) => (RehearsalEnd::Early, Some(stop)),
        };

        RehearsalResult {
            events,
            ended,
            stopped,
            choices: guess.choices(),
            asked: guess.asked(),
            spares_budget: guess.spares_budget(),
            seen: guess.seen(),
            met: guess.met(),
            bounds: guess.bounds(),
            unbounded: guess.unbounded(),
            unfit: guess.unfit(),
            texts: Vec::new(),
        }
    }

    /// Returns what was asked for that only a run can tell.
    pub(super) fn met(&self) -> &BTreeSet<Unknown> {
        &self.met
    }
}

/// Where a run has its numbers of chance from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum SeedSource {
    /// Its seed was given.
    Given,
    /// A run that reuses replies has the seed of the last one, and every other one draws its own.
    LastRun,
    /// It draws its own.
    Drawn,
}

/// What is known of a run before it is planned.
pub(in crate::cli) struct ForecastSetting<'a> {
    pub(in crate::cli) experience: &'a CallHistory,
    pub(in crate::cli) seed: SeedSource,
    /// Longest time for the first time through the script.
    pub(in crate::cli) first_time_max: Duration,
    /// The time for all further guesses.
    pub(in crate::cli) patience: Duration,
}

/// What one time through a script starts from.
pub(in crate::cli) struct Trial {
    pub(in crate::cli) guess: Guess,
    /// Whether replies are used that are known.
    pub(in crate::cli) uses_known: bool,
    /// Its longest time.
    pub(in crate::cli) limit: Duration,
}

/// Plans a run of a script. Faults of the script are given back.
pub(in crate::cli) async fn forecast(
    job: &ScriptJob<'_>,
    text: &str,
    replies: &Replies,
    setting: &ForecastSetting<'_>,
    signals: &Signals,
) -> anyhow::Result<Result<Forecast, Vec<Diagnostic>>> {
    rehearse(setting, signals, async |trial| {
        let mut known = replies.clone();
        if !trial.uses_known {
            known.keep_names_only();
        }
        once(job, text, known, trial, signals).await
    })
    .await
}

/// Goes through a script with one guess after the other.
pub(in crate::cli) async fn rehearse(
    setting: &ForecastSetting<'_>,
    signals: &Signals,
    mut once: impl AsyncFnMut(Trial) -> anyhow::Result<Result<RehearsalResult, Vec<Diagnostic>>>,
) -> anyhow::Result<Result<Forecast, Vec<Diagnostic>>> {
    let began = clock::monotonic();
    let usual = TrialBasis::default();

    let first = match once(usual.trial(&Words::of(ScriptWords::default()), setting.first_time_max))
        .await?
    {
        Ok(first) => first,
        Err(faults) => return Ok(Err(faults)),
    };

    let took = clock::monotonic().saturating_sub(began);
    let words = words(&first.texts);
    let has_end = first.ended != RehearsalEnd::Never;
    let patience = setting.patience;
    // Further tries of a script without an end would all take the whole time.
    let limit = if has_end { TRY_TIME_MIN.max(took * 2) } else { ENDLESS_TIME_MAX };
    let limit = limit.min(patience);

    let mut agenda = TrialQueue::new(setting, words.len());
    let mut tried = Rehearsals::new(setting);
    let lane = agenda.begin(&first);
    tried.add(&usual, lane, first);
    let until = clock::monotonic() + patience;

    while !patience.is_zero() && signals.seen().is_none() {
        let is_late = clock::monotonic() >= until;
        let Some((assumed, scope)) = agenda.next(is_late, &mut tried) else { break };

        if let Ok(one) = once(assumed.trial(&words, limit)).await? {
            agenda.learn(&assumed, &one);
            tried.add(&assumed, scope, one);
        }
    }

    let mut forecast = tried.finish();
    if let Some(exit) = signals.seen() {
        forecast.end = PlanEnd::Interrupted(exit);
    }
    Ok(Ok(forecast))
}

/// The times through a script so far.
pub(super) struct Rehearsals<'a> {
    setting: &'a ForecastSetting<'a>,
    done: Vec<(Rehearsal, Option<ScriptStop>)>,
    /// The number of the guess that got furthest, and how it ended.
    best: Option<(usize, RehearsalEnd)>,
    seen: BTreeMap<GuessedDecision, Ways>,
    met: BTreeSet<Unknown>,
    unbounded: BTreeSet<String>,
    unfit: BTreeMap<String, String>,
    /// Operations that were taken to complete.
    assumed: BTreeSet<GuessedDecision>,
    /// What was forced last.
    forced: Vec<(usize, ForcedDecisions)>,
}

impl<'a> Rehearsals<'a> {
    fn new(setting: &'a ForecastSetting<'a>) -> Rehearsals<'a> {
        Rehearsals {
            setting,
            done: Vec::new(),
            best: None,
            seen: BTreeMap::new(),
            met: BTreeSet::new(),
            unbounded: BTreeSet::new(),
            unfit: BTreeMap::new(),
            assumed: BTreeSet::new(),
            forced: Vec::new(),
        }
    }

    fn add(&mut self, assumed: &TrialBasis, scope: RunScope, once: RehearsalResult) {
        let differs = assumed.differs();
        let takes_to_fail = differs.contains(&Variation::Failures);
        if takes_to_fail && once.ended > RehearsalEnd::Spent {
            // A call may always fail, and end the run; a plan says what it does if that is caught.
            return;
        }

        let rehearsal =
            Rehearsal::of(&once.events, once.ended, self.setting.experience, &once.bounds)
                .within(scope, differs);
        let rehearsal = if takes_to_fail { rehearsal.forgiving() } else { rehearsal };

        let ended = rehearsal.ended();
        if !takes_to_fail && self.best.is_none_or(|(_, best)| ended < best) {
            self.best = Some((assumed.number, ended));
        }

        self.done.push((rehearsal, once.stopped));
        self.met.extend(once.met);
        self.unbounded.extend(once.unbounded);
        for (op, fault) in once.unfit {
            self.unfit.entry(op).or_insert(fault);
        }

        for (decision, ways) in once.seen {
            let known = self.seen.entry(decision).or_default();
            known.yes |= ways.yes;
            known.no |= ways.no;
        }
    }

    /// Returns guesses that let decisions go the way that they were not seen to go.
    pub(super) fn one_sided(&mut self) -> Vec<(usize, ForcedDecisions)> {
        let number = self.best.map_or(0, |(number, _)| number);
        let unseen = |is_yes: bool| {
            let is_unseen = move |ways: &Ways| if is_yes { !ways.yes } else { !ways.no };
            let unseen = self.seen.iter().filter(move |(_, ways)| is_unseen(ways));
            unseen.map(|(one, _)| one.clone())
        };

        let yes: BTreeSet<GuessedDecision> = unseen(true).collect();
        let no: BTreeSet<GuessedDecision> =
            unseen(false).filter(|one| !one.is_of_failure()).collect();
        self.assumed.extend(yes.iter().filter(|one| one.is_of_failure()).cloned());

        let both = [(yes, true), (no, false)].into_iter();
        let forced = both.filter(|(decisions, _)| !decisions.is_empty());
        let forced = forced.map(|(mut decisions, is_yes)| {
            // What follows an operation that fails is seen only if that completes.
            decisions.extend(self.assumed.iter().cloned());
            (number, ForcedDecisions { decisions, is_yes })
        });
        let mut forced: Vec<_> = forced.collect();

        // Another guess takes the last try of a `retry` to succeed, and not the first one.
        let retries = |one: &GuessedDecision| matches!(one, GuessedDecision::Succeeds(_));
        if let Some((number, first)) = forced.first().cloned()
            && first.decisions.iter().any(retries)
        {
            forced.push((number + 1, first));
        }

        // What has shown nothing new shows nothing the next time.
        let before = std::mem::replace(&mut self.forced, forced.clone());
        if forced == before { Vec::new() } else { forced }
    }

    /// Returns the failure with which every run ends, if there is one.
    fn failure(&self) -> Option<&ScriptStop> {
        let tells = |one: &Rehearsal| one.ended() != RehearsalEnd::Never && !one.takes_to_fail();
        let mut ends = self.done.iter().filter(|(one, _)| tells(one));
        let first = ends.next()?.1.as_ref()?;
        let is_alike = ends.all(|(_, stop)| stop.as_ref().is_some_and(|stop| stop.is_same(first)));

        // It is no guess that brought it about where none was made.
        let is_sure =
            self.met.is_empty() || (self.done.len() > 1 && !first.may_be_guessed(&self.met));
        (is_alike && is_sure && !first.is_spent()).then_some(first)
    }

    /// Returns the first end of a run of this kind that its budget brought about.
    fn spent(&self, is_of: fn(RunScope) -> bool) -> Option<ScriptStop> {
        let mut spent = self
            .done
            .iter()
            .filter(|(one, _)| one.ended() == RehearsalEnd::Spent && is_of(one.scope()));
        spent.next().and_then(|(_, stop)| stop.clone())
    }

    fn finish(self) -> Forecast {
        let spent = self.spent(RunScope::is_asking);
        let rest_spent = self.spent(RunScope::is_reusing);

        let best = self.best.map_or(RehearsalEnd::Well, |(_, best)| best);
        let end = match self.failure() {
            Some(stop) => PlanEnd::Fails(stop.clone()),
            None if best > RehearsalEnd::Lamely => {
                let furthest = self.done.iter().find(|(one, _)| one.ended() == best);
                let fault = furthest.and_then(|(_, stop)| stop.as_ref());
                fault.map_or(PlanEnd::Well, |stop| PlanEnd::Open(stop.fault.clone()))
            }
            None => PlanEnd::Well,
        };

        let early = match end {
            PlanEnd::Fails(_) => EarlyEnd::Final,
            PlanEnd::Well | PlanEnd::Open(_) | PlanEnd::Interrupted(_) => EarlyEnd::Open,
        };
        let is_assumed = |what: &String| {
            self.assumed.contains(&GuessedDecision::Completes(what.clone()))
                || self.assumed.contains(&GuessedDecision::Succeeds(what.clone()))
        };
        let assumed: BTreeMap<_, _> =
            self.unfit.into_iter().filter(|(op, _)| is_assumed(op)).collect();
        // What is taken to complete may fail all the same, and then less is asked.
        let told = |one: Rehearsal| if assumed.is_empty() { one } else { one.forgiving() };
        let done: Vec<Rehearsal> = self.done.into_iter().map(|(one, _)| told(one)).collect();
        let plan = plan(&done, early);
        Forecast { plan, end, spent, rest_spent, unbounded: self.unbounded, assumed }
    }
}

/// Goes through a script once.
async fn once(
    job: &ScriptJob<'_>,
    text: &str,
    replies: Replies,
    trial: Trial,
    signals: &Signals,
) -> anyhow::Result<Result<RehearsalResult, Vec<Diagnostic>>> {
    let concurrency = job.project.config.concurrency();
    let seed = match trial.guess.assumed().chance {
        AssumedChance::Other(other) => job.seed ^ other,
        AssumedChance::Seeded | AssumedChance::Constant(_) => job.seed,
    };
    let reuse = Rc::new(Reuse::planning(replies, trial.guess));
    let executor = Executor::new(Journal::off(RunId::fresh()), seed, concurrency)
        .within(Budget::new(job.project.config.bounds()))
        .reusing(reuse.clone());
    let progress = Progress::new(ProgressMode::None, false);
    let state = job.state.copy();

    let open = job.open_in(state, executor, progress, signals.flag(), Rc::new(|_| {}))?;
    let program = match job.granted(&open.host, text) {
        Ok(program) => program,
        Err(ScriptError::Refused(faults)) => return Ok(Err(faults)),
        Err(other) => anyhow::bail!("cannot read the script: {other:?}"),
    };

    let events: Rc<RefCell<Vec<Event>>> = Rc::default();
    let happened = events.clone();
    open.executor.listen(Rc::new(move |_, event| happened.borrow_mut().push(event.clone())));

    let clock = Clock::start(signals.flag(), trial.limit)?;
    let result = run_in_time(&open, &program, job.project.config.time_max()).await;
    let is_over = clock.stop();
    if is_over {
        // The flag was for this time alone.
        signals.go_on();
    }

    let executor = &open.executor;
    let stopped = match result? {
        None => Err(time_over()),
        Some(Ok(_) | Err(ScriptError::Refused(_))) => Ok(ScriptStop::of_lost(executor)),
        Some(Err(ScriptError::Failed(both))) => Err(ScriptStop::of(&both.0, both.1, executor)),
        Some(Err(ScriptError::Store(error))) => return Err(error.into()),
        Some(Err(ScriptError::Suspended(_))) => anyhow::bail!("a plan was suspended"),
    };

    let Some(guess) = reuse.guess() else { anyhow::bail!("a plan without guesses") };
    let mut once = RehearsalResult::of(guess, events.take(), stopped, is_over);
    once.texts = texts(text, &open.host);
    Ok(Ok(once))
}

/// Runs a script, as long as the time of the run is not over by the clock of the plan.
async fn run_in_time(
    open: &OpenJob,
    program: &Program,
    limit: Option<Duration>,
) -> anyhow::Result<Option<Result<Value, ScriptError>>> {
    let OpenJob { executor, host, .. } = open;
    let Some(limit) = limit else { return Ok(Some(host.run(program).await)) };

    let strand = Strand::root();
    let run = executor.drive(executor.limit(&strand, limit, host.run(program))).await?;
    if run.is_none() {
        host.end();
    }
    Ok(run)
}

/// Says that the time of a run is over.
fn time_over() -> ScriptStop {
    let message = "the time limit of the run (`max_time`) is reached".to_owned();
    let fault = of_failure(&Failure::new(Kind::Budget, message));
    ScriptStop { fault, kind: Kind::Budget, exit: Exit::Budget }
}

/// Reads the script and what it imports.
fn texts(script: &str, host: &Host) -> Vec<String> {
    let files = host.files();
    let imported = files.keys().filter(|path| path.extension().is_some_and(|end| end == "rhai"));
    // One that cannot be read has no texts that it compares replies with.
    let imported = imported.filter_map(|path: &std::path::PathBuf| file::read_text(path).ok());
    std::iter::once(script.to_owned()).chain(imported).collect()
}
