//! `kaizen failures [TASK]`: what went wrong, by kind, with what it teaches.

use crate::base::count::counted;
use crate::base::failure::{Failure, Kind};
use crate::base::secret;
use crate::base::visible::{hanging, on_one_line, shown_path};
use crate::cli::app::damage;
use crate::cli::app::exit::Exit;
use crate::cli::app::project::Project;
use crate::cli::render::paint::{self, Mood};
use crate::cli::render::time;
use crate::cli::{Global, print_data, print_line, say};
use crate::flow::outcome::Outcome;
use crate::journal::event::{Event, RunStatus};
use crate::journal::history::{self, RunRow};
use crate::optimizer::Optimizer;
use crate::optimizer::choice::policy::Policy;
use crate::optimizer::evidence::knowledge::{FailureClass, Knowledge};
use crate::store::Reader;
use serde_json::{Value, json};
use std::rc::Rc;

/// Most runs that are looked back at.
const RUNS_MAX: usize = 1000;
/// Longest part of a message that is shown, in characters.
const MESSAGE_MAX: usize = 120;

/// The options of `failures`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Show only this task type.
    task: Option<String>,
}

/// Lists the failures by kind, the most frequent first.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let project = Project::find()?;
    let Some(store) = project.existing_store()? else {
        say(&format!("nothing learned yet in `{}`", shown_path(&project.root)));
        return Ok(Exit::Ok);
    };

    let knowledge = Knowledge::read(store);
    let demo = project.config.learn_from_demo() || knowledge.counts_demo()?;
    let knowledge = Rc::new(knowledge);
    let optimizer = Optimizer::new(knowledge.clone(), Policy::default(), demo);
    let classes = optimizer.failures(arguments.task.as_deref())?;
    let avoided = optimizer.avoided_of(&classes, &[])?;

    damage::tell_knowledge(&knowledge);
    if let Some(notice) = optimizer.take_notice() {
        say(notice);
    }

    let failed = match (&arguments.task, project.existing_store()?) {
        (None, Some(store)) => failed_runs(&store)?,
        _ => Vec::new(),
    };
    if classes.is_empty() && !global.json {
        let of = arguments.task.as_ref().map_or(String::new(), |task| format!(" on `{task}`"));
        let found =
            if failed.is_empty() { "no failures recorded" } else { "no pattern failures recorded" };
        say(&format!("{found}{of}; record them with `save_pattern_failure`"));
    }

    for (class, avoided) in classes.iter().zip(avoided) {
        if global.json {
            print_data(data(class, avoided));
        } else {
            print_class(class, avoided);
        }
    }

    for failed in &failed {
        failed.tell(global);
    }
    Ok(Exit::Ok)
}

/// Returns the failures of one kind as data.
fn data(class: &FailureClass, avoided: bool) -> Value {
    json!({
        "task_type": class.task, "pattern": class.pattern, "kind": class.kind,
        "count": class.count, "first_at": class.first_at, "last_at": class.last_at,
        "message": class.message, "class": class.lesson.class(), "lesson": class.lesson.advice(),
        "blames_pattern": class.lesson.blames_pattern(),
        "avoided": avoided,
    })
}

fn print_class(class: &FailureClass, avoided: bool) {
    let times = if class.count == 1 { "once".to_owned() } else { format!("{} times", class.count) };
    print_line(&format!(
        "{} / {}: {} ({}) {times}, first {}, last {}",
        on_one_line(class.task.as_str()),
        on_one_line(class.pattern.as_str()),
        paint::out(&on_one_line(&class.kind), Mood::Bad),
        class.lesson.class(),
        time::moment(class.first_at * 1000),
        time::moment(class.last_at * 1000),
    ));

    let message: String = secret::shortened(&class.message, MESSAGE_MAX);
    if !message.is_empty() {
        print_line(&format!("  {}", hanging(&message)));
    }
    print_line(&format!("  lesson: {}", class.lesson.advice()));

    if !class.lesson.blames_pattern() {
        print_line("  does not count against the pattern");
    }
    if avoided {
        let advice = "  avoid: mostly fails and is unlikely to be the best";
        print_line(&paint::out(advice, Mood::Bad));
    }
}

/// Runs of one script that failed in one way.
#[derive(Debug)]
struct FailedRuns {
    script: String,
    kind: Kind,
    count: u64,
    /// The last of them.
    last: RunRow,
    /// What it said.
    message: String,
}

impl FailedRuns {
    fn tell(&self, global: &Global) {
        let FailedRuns { script, kind, count, last, message } = self;
        let ended_at = last.ended_at.unwrap_or(last.started_at);
        if global.json {
            print_data(json!({
                "script": script, "kind": kind, "count": count, "last_run": last.id,
                "last_at": ended_at, "message": message,
            }));
            return;
        }

        let runs = counted(*count, "run", "runs");
        let moment = time::moment(ended_at);
        let script = on_one_line(script);
        let kind = kind.to_string();
        let kind = paint::out(&on_one_line(&kind), Mood::Bad);
        print_line(&format!("{script}: {kind} in {runs}, last {moment} (run {})", last.id));
        let message: String = secret::shortened(message, MESSAGE_MAX);
        if !message.is_empty() {
            print_line(&format!("  {}", hanging(&message)));
        }
    }
}

/// Finds the runs that failed, the last first, by script and kind of failure.
fn failed_runs(store: &Reader) -> anyhow::Result<Vec<FailedRuns>> {
    let mut found: Vec<FailedRuns> = Vec::new();

    for row in history::runs(store, RUNS_MAX)? {
        if row.status != Some(RunStatus::Failed) {
            continue;
        }

        let events = damage::events(store, &row.id)?;
        let failure = failure_of(&events);
        let kind = failure.as_ref().map_or(Kind::Failed, |failure| failure.kind.clone());
        let known = found.iter_mut().find(|one| one.script == row.script && one.kind == kind);

        if let Some(known) = known {
            known.count += 1;
        } else {
            let message = failure.map(|failure| failure.message).unwrap_or_default();
            let script = row.script.clone();
            found.push(FailedRuns { script, kind, count: 1, last: row, message });
        }
    }

    Ok(found)
}

/// Finds out why a run failed: by what it ended with, or else by the first operation that failed.
fn failure_of(events: &[(i64, Event)]) -> Option<Failure> {
    let end = events.iter().rev().find_map(|(_, event)| match event {
        Event::RunEnded { failure, .. } => failure.clone(),
        _ => None,
    });
    let first = || {
        events.iter().find_map(|(_, event)| match event {
            Event::OpEnded { outcome: Outcome::Failed { failure }, .. } => Some(failure.clone()),
            _ => None,
        })
    };
    end.or_else(first)
}
