//! `kaizen failures [TASK]`: what went wrong, by kind, with what it teaches.

use crate::base::secret;
use crate::cli::app::damage;
use crate::cli::app::exit::Exit;
use crate::cli::app::project::Project;
use crate::cli::render::time;
use crate::cli::{Global, print_data, print_line, say};
use crate::optimizer::Optimizer;
use crate::optimizer::choice::formulas::Policy;
use crate::optimizer::evidence::knowledge::Knowledge;
use serde_json::json;
use std::rc::Rc;

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
        say(&format!("nothing was learned yet in `{}`", project.root.display()));
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

    if classes.is_empty() && !global.json {
        let of = arguments.task.as_ref().map_or(String::new(), |task| format!(" on `{task}`"));
        say(&format!("no failures recorded{of}; record them with `save_pattern_failure`"));
    }

    for (class, avoided) in classes.into_iter().zip(avoided) {
        if global.json {
            let line = json!({
                "task_type": class.task, "pattern": class.pattern, "kind": class.kind,
                "count": class.count, "first_at": class.first_at, "last_at": class.last_at,
                "message": class.message, "class": class.lesson.class(), "lesson": class.lesson.advice(),
                "blames_pattern": class.lesson.blames_pattern(),
                "avoided": avoided,
            });
            print_data(line);
            continue;
        }

        let times =
            if class.count == 1 { "once".to_owned() } else { format!("{} times", class.count) };
        print_line(&format!(
            "{} / {}: {} ({}) {times}, first {}, last {}",
            class.task,
            class.pattern,
            class.kind,
            class.lesson.class(),
            time::moment(class.first_at * 1000),
            time::moment(class.last_at * 1000),
        ));

        let message: String = secret::beginning(&class.message, MESSAGE_MAX);
        if !message.is_empty() {
            print_line(&format!("  {message}"));
        }
        print_line(&format!("  lesson: {}", class.lesson.advice()));
        if !class.lesson.blames_pattern() {
            print_line("  does not count against the pattern");
        }
        if avoided {
            print_line("  avoid: mostly fails and is unlikely to be the best");
        }
    }

    Ok(Exit::Ok)
}
