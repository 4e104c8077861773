//! What is compared: the scripts, their tasks, and what judges the answers, as the command line names them.

use super::tasks::{TaskFields, Tasks};
use super::{Arguments, case_list};
use crate::cli::app::exit::Exit;
use crate::cli::command::run::read_script;
use crate::cli::say;
use crate::optimizer::learner::Objective;
use crate::optimizer::trial::accuracy::{Accuracy, JudgeAccuracy};
use crate::optimizer::trial::cases::KnownExecutions;
use serde_json::json;
use std::path::{Path, PathBuf};

/// A script that takes part.
pub(super) struct ComparedScript {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

impl ComparedScript {
    /// Reads a script. If it cannot be read, that is said.
    fn read(path: &Path) -> Result<ComparedScript, Exit> {
        let text = read_script(path).ok_or(Exit::Refused)?;
        Ok(ComparedScript { path: path.to_owned(), text })
    }

    /// Its name as a pattern: that of its file.
    pub(super) fn name(&self) -> String {
        self.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

/// What is compared.
pub(super) struct Contest {
    pub(super) parts: Vec<ComparedScript>,
    pub(super) judge: Option<ComparedScript>,
    pub(super) tasks: Tasks,
    pub(super) accuracy: Option<JudgeAccuracy>,
    pub(super) objective: Option<Objective>,
    /// What earlier comparisons have measured.
    pub(super) known: KnownExecutions,
}

impl Contest {
    /// Reads everything that the command line names. What is wrong with it is said, and the exit code
    /// returned.
    pub(super) fn read(arguments: &Arguments) -> Result<Contest, Exit> {
        check_shares(arguments)?;
        let objective = Objective::parse(&arguments.objective)
            .map_err(|reason| wrong(&format!("--objective: {reason}")))?;
        if let Some(Err(reason)) = arguments.out.as_deref().map(case_list::format_of) {
            return Err(wrong(&reason));
        }

        let parts: Result<Vec<ComparedScript>, Exit> =
            arguments.scripts.iter().map(|path| ComparedScript::read(path)).collect();
        let parts = parts?;
        check_names(&parts)?;

        let judge = arguments.judge.as_deref().map(ComparedScript::read).transpose()?;
        let fields = TaskFields {
            expected: arguments.expected.as_deref(),
            input: arguments.input.as_deref(),
            is_judged: judge.is_some(),
        };
        let tasks = Tasks::read(&arguments.tasks, fields).map_err(|reason| {
            say(&format!("error: {reason}"));
            Exit::Refused
        })?;
        let accuracy = arguments.judge_accuracy.as_deref().map(read_accuracy).transpose();
        let accuracy = accuracy.map_err(|reason| wrong(&reason))?;

        let known = KnownExecutions::default();
        Ok(Contest { parts, judge, tasks, accuracy, objective, known })
    }

    /// Returns the paths of the scripts, as they were given.
    pub(super) fn paths(&self) -> Vec<String> {
        self.parts.iter().map(|part| part.path.display().to_string()).collect()
    }
}

/// Says what is wrong with the command line.
fn wrong(reason: &str) -> Exit {
    say(&format!("error: {reason}"));
    Exit::Usage
}

fn check_shares(arguments: &Arguments) -> Result<(), Exit> {
    let shares = [("--confidence", arguments.confidence), ("--min-effect", arguments.min_effect)];
    for (name, share) in shares {
        if !(share > 0.0 && share < 1.0) {
            return Err(wrong(&format!("{name} must be above 0 and below 1, not {share}")));
        }
    }
    Ok(())
}

/// Patterns are told apart by the names of their files.
fn check_names(parts: &[ComparedScript]) -> Result<(), Exit> {
    let mut names: Vec<String> = parts.iter().map(ComparedScript::name).collect();
    names.sort();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => {
            let name = &pair[0];
            Err(wrong(&format!("two scripts are named `{name}`; rename one of the files")))
        }
        None => Ok(()),
    }
}

/// Reads how often the judge is right.
fn read_accuracy(given: &str) -> Result<JudgeAccuracy, String> {
    let shares: Result<Vec<f64>, _> = given.split(',').map(|one| one.trim().parse()).collect();
    let value = match shares.as_deref() {
        Ok([both]) => json!(both),
        Ok([of_right, of_wrong]) => json!({ "sensitivity": of_right, "specificity": of_wrong }),
        _ => {
            let fields = TaskFields { is_judged: true, ..TaskFields::default() };
            let labels = Tasks::read(Path::new(given), fields).map_err(|reason| {
                format!("--judge-accuracy takes shares such as .9 or .95,.8, or a file: {reason}")
            })?;
            labels.values().into()
        }
    };

    Accuracy::read(&value).map_err(|failure| failure.message)
}
