//! Going through a script without asking any model: once with what is known, and, where replies have to
//! be guessed, again with other guesses.

use crate::base::clock;
use crate::base::failure::Kind;
use crate::base::id::RunId;
use crate::cli::app::job::ScriptJob;
use crate::cli::render::progress::{Progress, ProgressMode};
use crate::executor::Executor;
use crate::executor::replies::guess::{
    EndOrder, ForcedDecisions, Guess, GuessedDecision, Ways, Words,
};
use crate::executor::replies::reuse::Reuse;
use crate::journal::Journal;
use crate::journal::event::Event;
use crate::journal::known_replies::Replies;
use crate::metrics::experience::CallHistory;
use crate::metrics::forecast::{Plan, plan};
use crate::metrics::rehearsal::{Rehearsal, RehearsalEnd};
use crate::script::diagnostic::Diagnostic;
use crate::script::reference::lexer::{LexemeClass, scan};
use crate::script::{Host, ScriptError};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Longest time for going through a script once: one that goes on until a reply is good never ends.
const TIME_MAX: Duration = Duration::from_secs(5);
/// Longest time for all further guesses together, where somebody has asked for a plan.
pub(in crate::cli) const MORE_TIME_MAX: Duration = Duration::from_secs(10);
/// Shortest time that one of them is given.
const TRY_TIME_MIN: Duration = Duration::from_millis(500);
/// The time of each where the first one had no end: others must get their turn.
const ENDLESS_TIME_MAX: Duration = Duration::from_millis(100);

/// What planning a run has found.
pub(in crate::cli) struct Forecast {
    pub(in crate::cli) plan: Plan,
    /// Why it goes no further, if the script never came to its end.
    pub(in crate::cli) stopped: Option<Diagnostic>,
}

/// One time through a script.
pub(in crate::cli) struct Once {
    pub(in crate::cli) events: Vec<Event>,
    pub(in crate::cli) ended: RehearsalEnd,
    /// Why it went no further, if the script did not come to its end.
    pub(in crate::cli) stopped: Option<Diagnostic>,
    /// How many different guesses there are; none if none was made.
    pub(in crate::cli) choices: usize,
    /// Decisions that depended on a guess.
    pub(in crate::cli) seen: BTreeMap<GuessedDecision, Ways>,
    /// The texts of the script and of what it imports.
    pub(in crate::cli) texts: Vec<String>,
}

impl Once {
    /// Tells how a script ended that was gone through with a guess.
    pub(in crate::cli) fn of(
        guess: &Guess,
        events: Vec<Event>,
        result: Result<(), Box<Diagnostic>>,
        is_over: bool,
    ) -> Once {
        let choices = guess.choices();
        let seen = guess.seen();
        let (ended, stopped) = match result {
            Ok(()) => (RehearsalEnd::Well, None),
            Err(fault) if is_over => {
                let message = format!(
                    "the script runs for more than {} s without ending",
                    TIME_MAX.as_secs()
                );
                (RehearsalEnd::Never, Some(Diagnostic { message, ..*fault }))
            }
            Err(fault) => (RehearsalEnd::Early, Some(*fault)),
        };

        Once { events, ended, stopped, choices, seen, texts: Vec::new() }
    }
}

/// Plans a run of a script. Faults of the script are given back.
pub(in crate::cli) async fn forecast(
    job: &ScriptJob<'_>,
    text: &str,
    replies: &Replies,
    experience: &CallHistory,
    interrupted: Arc<AtomicBool>,
    patience: Duration,
) -> anyhow::Result<Result<Forecast, Vec<Diagnostic>>> {
    let flag = interrupted.clone();
    rehearse(experience, &interrupted, patience, async |guess, limit| {
        once(job, text, replies.clone(), guess, limit, flag.clone()).await
    })
    .await
}

/// Goes through a script with one guess after the other.
pub(in crate::cli) async fn rehearse(
    experience: &CallHistory,
    interrupted: &AtomicBool,
    patience: Duration,
    mut once: impl AsyncFnMut(Guess, Duration) -> anyhow::Result<Result<Once, Vec<Diagnostic>>>,
) -> anyhow::Result<Result<Forecast, Vec<Diagnostic>>> {
    let began = clock::monotonic();

    let guess = Guess::new(Words::of([]), 0, ForcedDecisions::default());
    let first = match once(guess, TIME_MAX).await? {
        Ok(first) => first,
        Err(faults) => return Ok(Err(faults)),
    };

    let took = clock::monotonic().saturating_sub(began);
    let words = words(&first.texts);
    let has_given_up = first.events.iter().any(gives_up);

    let numbers = 1..words.len().min(first.choices);
    let is_enough = patience.is_zero();

    let mut tried = Rehearsals::new(experience);
    let has_end = first.ended != RehearsalEnd::Never;
    tried.add(0, first);
    let until = clock::monotonic() + patience;
    // Further tries of a script without an end would all take the whole time.
    let limit = if has_end { TRY_TIME_MIN.max(took * 2) } else { ENDLESS_TIME_MAX };
    let limit = limit.min(patience);
    if has_given_up {
        // What was given up, and what had been asked by then, depends on which call ends first.
        let guess =
            Guess::new(Words::of([]), 0, ForcedDecisions::default()).ending(EndOrder::Reversed);
        if let Ok(one) = once(guess, limit).await? {
            tried.add(0, one);
        }
    }

    let mut guesses: Vec<(usize, ForcedDecisions)> =
        numbers.map(|number| (number, ForcedDecisions::default())).rev().collect();

    let mut has_forced = false;
    while !is_enough && !interrupted.load(Ordering::SeqCst) {
        // The last two are few, and nothing else shows what they do.
        let is_late = !has_forced && clock::monotonic() >= until;
        let Some((number, forced)) = guesses.pop().filter(|_| !is_late) else {
            if std::mem::replace(&mut has_forced, true) {
                break;
            }
            guesses = tried.one_sided();
            continue;
        };

        let guess = Guess::new(words.clone(), number, forced);
        if let Ok(one) = once(guess, limit).await? {
            tried.add(number, one);
        }
    }

    Ok(Ok(tried.finish()))
}

/// Tells whether a call is given up that is under way.
fn gives_up(event: &Event) -> bool {
    matches!(event, Event::AttemptEnded { failure: Some(failure), .. } if failure.kind == Kind::Cancelled)
}

/// The times through a script so far.
struct Rehearsals<'a> {
    experience: &'a CallHistory,
    done: Vec<Rehearsal>,
    /// The number of the guess that got furthest, how it ended, and why it went no further.
    best: Option<(usize, RehearsalEnd, Option<Diagnostic>)>,
    seen: BTreeMap<GuessedDecision, Ways>,
}

impl<'a> Rehearsals<'a> {
    fn new(experience: &'a CallHistory) -> Rehearsals<'a> {
        Rehearsals { experience, done: Vec::new(), best: None, seen: BTreeMap::new() }
    }

    fn add(&mut self, number: usize, once: Once) {
        let rehearsal = Rehearsal::of(&once.events, once.ended, self.experience);

        let ended = rehearsal.ended();
        if self.best.as_ref().is_none_or(|(_, best, _)| ended < *best) {
            self.best = Some((number, ended, once.stopped));
        }

        self.done.push(rehearsal);

        for (decision, ways) in once.seen {
            let known = self.seen.entry(decision).or_default();
            known.yes |= ways.yes;
            known.no |= ways.no;
        }
    }

    /// Returns guesses that let decisions go the way that they were not seen to go.
    fn one_sided(&self) -> Vec<(usize, ForcedDecisions)> {
        let number = self.best.as_ref().map_or(0, |(number, _, _)| *number);

        [true, false]
            .into_iter()
            .map(|is_yes| {
                let unseen = |ways: &Ways| if is_yes { !ways.yes } else { !ways.no };
                let unseen = self.seen.iter().filter(|(_, ways)| unseen(ways));
                let decisions: BTreeSet<GuessedDecision> =
                    unseen.map(|(one, _)| one.clone()).collect();
                (number, ForcedDecisions { decisions, is_yes })
            })
            .filter(|(_, forced)| !forced.decisions.is_empty())
            .collect()
    }

    fn finish(self) -> Forecast {
        let stopped = self.best.and_then(|(_, _, stopped)| stopped);
        Forecast { plan: plan(&self.done), stopped }
    }
}

/// Takes the texts out of scripts, first those that something is compared with.
fn words(scripts: &[String]) -> Words {
    let mut compared = Vec::new();
    let mut others = Vec::new();
    for script in scripts {
        for piece in scan(script).0.into_iter().filter(|piece| piece.class == LexemeClass::Text) {
            let text = script[piece.start..piece.end].trim_matches(['"', '`', '\'']);
            let before = script[..piece.start].trim_end();
            let after = script[piece.end..].trim_start();
            let is_compared = ["==", "!=", "contains(", "starts_with(", "ends_with(", "switch"]
                .iter()
                .any(|word| before.ends_with(word));

            let is_arm = ["=>", "==", "!=", "|"].iter().any(|word| after.starts_with(word));
            if is_compared || is_arm { &mut compared } else { &mut others }.push(text);
        }
    }

    Words::of(compared.into_iter().chain(others))
}

/// Goes through a script once.
async fn once(
    job: &ScriptJob<'_>,
    text: &str,
    replies: Replies,
    guess: Guess,
    limit: Duration,
    interrupted: Arc<AtomicBool>,
) -> anyhow::Result<Result<Once, Vec<Diagnostic>>> {
    let concurrency = job.project.config.concurrency();
    let reuse = Rc::new(Reuse::planning(replies, guess));
    let executor =
        Executor::new(Journal::off(RunId::fresh()), job.seed, concurrency).reusing(reuse.clone());
    let progress = Progress::new(ProgressMode::None, false);
    let state = job.state.copy();

    let open = job.open_in(state, executor, progress, interrupted.clone(), Rc::new(|_| {}))?;
    let program = match open.host.compile(text) {
        Ok(program) => program,
        Err(ScriptError::Refused(faults)) => return Ok(Err(faults)),
        Err(other) => anyhow::bail!("reading the script: {other:?}"),
    };

    let events: Rc<RefCell<Vec<Event>>> = Rc::default();
    let seen = events.clone();
    open.executor.listen(Rc::new(move |_, event| seen.borrow_mut().push(event.clone())));

    let clock = Clock::start(interrupted.clone(), limit);
    let result = open.host.run(&program).await;
    let is_over = clock.stop();
    if is_over {
        // The flag was for this time alone.
        interrupted.store(false, Ordering::SeqCst);
    }

    let result = match result {
        Ok(_) | Err(ScriptError::Refused(_)) => Ok(()),
        Err(ScriptError::Failed(both)) => Err(Box::new(both.1)),
        Err(ScriptError::Store(error)) => return Err(error.into()),
    };

    let Some(guess) = reuse.guess() else { anyhow::bail!("a plan without guesses") };
    let mut once = Once::of(guess, events.take(), result, is_over);
    once.texts = texts(text, &open.host);
    Ok(Ok(once))
}

/// Reads the script and what it imports.
fn texts(script: &str, host: &Host) -> Vec<String> {
    let files = host.files();
    let imported = files.keys().filter(|path| path.extension().is_some_and(|end| end == "rhai"));
    // One that cannot be read has no texts that it compares replies with.
    let imported =
        imported.filter_map(|path: &std::path::PathBuf| std::fs::read_to_string(path).ok());
    std::iter::once(script.to_owned()).chain(imported).collect()
}

/// Stops a plan that takes too long, also one that only computes.
pub(in crate::cli) struct Clock {
    /// Whether nothing needs to be stopped any more.
    is_done: Arc<AtomicBool>,
    /// Whether the plan was stopped.
    is_over: Arc<AtomicBool>,
}

impl Clock {
    pub(in crate::cli) fn start(flag: Arc<AtomicBool>, limit: Duration) -> Clock {
        let (is_done, is_over): (Arc<AtomicBool>, Arc<AtomicBool>) = Default::default();
        let done = is_done.clone();
        let over = is_over.clone();

        std::thread::spawn(move || {
            std::thread::sleep(limit);
            if !done.load(Ordering::SeqCst) {
                over.store(true, Ordering::SeqCst);
                flag.store(true, Ordering::SeqCst);
            }
        });

        Clock { is_done, is_over }
    }

    /// Tells whether the time is over, and stops nothing any more.
    pub(in crate::cli) fn stop(self) -> bool {
        self.is_done.store(true, Ordering::SeqCst);
        self.is_over.load(Ordering::SeqCst)
    }
}
