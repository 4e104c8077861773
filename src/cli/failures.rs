//! `kaizen failures [TASK]`: what went wrong, by kind, with what it teaches.

use crate::base::clock::Stamp;
use crate::cli::exit::Exit;
use crate::cli::project::Project;
use crate::cli::render::time;
use crate::cli::{Global, damage, print_data, print_line, say};
use crate::optimizer::knowledge::Knowledge;
use crate::optimizer::pattern::{Pattern, TaskType};
use serde_json::json;

/// Longest part of a message that is shown, in characters.
const MESSAGE_MAX: usize = 120;

/// The options of `failures`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Only this kind of task.
    task: Option<String>,
}

/// Lists the failures by kind, the most frequent first.
pub(super) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let project = Project::find()?;
    let Some(store) = project.existing_store()? else {
        say(&format!("nothing was learned yet in `{}`", project.root.display()));
        return Ok(Exit::Ok);
    };
    let knowledge = Knowledge::read(store);
    let task = arguments.task.as_deref().map(TaskType::new).transpose()?;
    let classes = knowledge.failures(task.as_ref())?;
    let (cells, now) = (knowledge.all()?, Stamp::now());
    damage::tell_knowledge(&knowledge);
    if classes.is_empty() && !global.json {
        let of = task.map_or(String::new(), |task| format!(" on `{task}`"));
        say(&format!("no failure is known{of}; scripts record with `save_pattern_failure`"));
    }
    for class in classes {
        let cell = TaskType::new(&class.task).ok().zip(Pattern::new(&class.pattern).ok());
        let cell = cell.and_then(|(task, pattern)| cells.get(&task)?.get(&pattern));
        let avoided = cell.and_then(|cell| cell.avoided_at(now));
        if global.json {
            let line = json!({
                "task_type": class.task, "pattern": class.pattern, "kind": class.kind,
                "count": class.count, "first_at": class.first_at, "last_at": class.last_at,
                "message": class.message, "class": class.lesson.class, "lesson": class.lesson.lesson,
                "blames_pattern": class.lesson.blames_pattern(),
                "avoided_until": avoided.map(|until| until.0),
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
            class.lesson.class,
            time::moment(class.first_at * 1000),
            time::moment(class.last_at * 1000),
        ));
        let message: String = class.message.chars().take(MESSAGE_MAX).collect();
        if !message.is_empty() {
            print_line(&format!("  {message}"));
        }
        print_line(&format!("  lesson: {}", class.lesson.lesson));
        match avoided {
            Some(until) => {
                print_line(&format!("  avoided until {}", time::moment(until.0 * 1000)));
            }
            None if !class.lesson.blames_pattern() => {
                print_line("  not held against the pattern");
            }
            None => {}
        }
    }
    Ok(Exit::Ok)
}
