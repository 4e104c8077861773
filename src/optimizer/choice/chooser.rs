//! Choosing with an optimizer, and making a choice again that an earlier run has made.

use crate::optimizer::choice::note::Note;
use crate::optimizer::choice::policy::{Policy, Recommendation, choose, rank, without_evidence};
use crate::optimizer::choice::recommendation::{Manner, advise, standings};
use crate::optimizer::evidence::feature::Features;
use crate::optimizer::evidence::pattern::{NameError, Pattern, TaskType};
use crate::optimizer::evidence::sums::PatternSums;
use crate::optimizer::learner::synced::SyncedLearner;
use crate::optimizer::{Optimizer, OptimizerError};
use std::collections::BTreeSet;

/// How often what is known is read again while others record.
const READ_AGAIN_MAX: usize = 3;

/// A choice: for which task type, what, and what the journal keeps of it.
#[derive(Debug)]
pub struct Advice {
    /// The task type, by what is known of the input.
    pub task_type: TaskType,
    /// The pattern and the reason.
    pub found: Recommendation,
    /// What the journal keeps.
    pub note: Note,
}

/// What is asked for.
struct Question<'a> {
    task: &'a TaskType,
    among: &'a [Pattern],
    manner: &'a Manner,
    /// What was chosen, where that is known.
    pinned: Option<&'a Pattern>,
}

impl Optimizer {
    /// Recommends a pattern for a task type, with the reason; `among` those names only, if any
    /// are given.
    pub fn recommend(
        &self,
        task: &str,
        among: &[String],
    ) -> Result<Recommendation, OptimizerError> {
        Ok(self.choose(task, &Features::default(), among)?.found)
    }

    /// Recommends a pattern for an input of which something is known, with what is to be kept of that.
    pub fn choose(
        &self,
        task: &str,
        of: &Features,
        among: &[String],
    ) -> Result<Advice, OptimizerError> {
        let task_type = self.task_type(task, of)?;
        let (found, seen) = self.recommend_in(&self.manner, &task_type, &names(among)?)?;
        let note = Note::of(&found, (!self.knowledge.is_in_memory()).then_some(seen));
        Ok(Advice { task_type, found, note })
    }

    /// Makes a choice again, of which a note was kept.
    pub fn choose_again(
        &self,
        task: &str,
        of: &Features,
        among: &[String],
        note: Note,
    ) -> Result<Advice, OptimizerError> {
        let among = names(among)?;
        let again = match note.seen {
            // A throw-away optimizer knows the same again, since the script has told it.
            None => {
                let task_type = self.task_type(task, of)?;
                let mut experience = self.experience.borrow_mut();
                experience.refresh(&self.knowledge, self.learn_from_demo)?;
                let cells = self.knowledge.cells(&task_type)?;
                let found = self.answer_again(&experience, &cells, &task_type, &among, &note)?;
                Some((task_type, found))
            }
            Some(seen) => {
                let mut past = self.hindsight.borrow_mut();
                let is_there = past.go_to(&self.knowledge, self.learn_from_demo, seen)?;
                let task_type = past.experience().task_type(&TaskType::new(task)?, of)?;
                let cells = past.cells(&task_type);
                let again =
                    || self.answer_again(past.experience(), &cells, &task_type, &among, &note);
                is_there.then(again).transpose()?.map(|found| (task_type, found))
            }
        };

        let (task_type, found) = match again {
            Some(again) => again,
            None => (TaskType::new(task)?, note.alone()),
        };
        Ok(Advice { task_type, found, note })
    }

    fn answer_again(
        &self,
        experience: &SyncedLearner,
        cells: &[(Pattern, PatternSums)],
        task: &TaskType,
        among: &[Pattern],
        note: &Note,
    ) -> Result<Recommendation, OptimizerError> {
        let question = Question { task, among, manner: &self.manner, pinned: Some(&note.pattern) };
        let found = self.answer(experience, cells, &question)?;
        // Another version may believe something else; what was chosen stays.
        Ok(if found.pattern == note.pattern { found } else { note.alone() })
    }

    /// Recommends by what is known now; also returns the number of the last observation in it.
    fn recommend_in(
        &self,
        manner: &Manner,
        task: &TaskType,
        among: &[Pattern],
    ) -> Result<(Recommendation, i64), OptimizerError> {
        let question = Question { task, among, manner, pinned: None };
        let mut experience = self.experience.borrow_mut();
        if self.policy != Policy::Learn {
            let cells = self.knowledge.cells(task)?;
            let seen = self.knowledge.end()?;
            return Ok((self.answer(&experience, &cells, &question)?, seen));
        }

        // Others may record meanwhile, and both must be of one moment.
        let mut cells = Vec::new();
        for _ in 0..READ_AGAIN_MAX {
            experience.refresh(&self.knowledge, self.learn_from_demo)?;
            cells = self.knowledge.cells(task)?;
            if self.knowledge.end()? == experience.seen() {
                break;
            }
        }
        Ok((self.answer(&experience, &cells, &question)?, experience.seen()))
    }

    fn answer(
        &self,
        experience: &SyncedLearner,
        cells: &[(Pattern, PatternSums)],
        question: &Question<'_>,
    ) -> Result<Recommendation, OptimizerError> {
        let Question { task, among, manner, pinned } = *question;
        match self.policy {
            Policy::Fixed => return Ok(without_evidence(task, among).by_order()),
            Policy::Learn => {}
            other => return Ok(choose(other, task, rank(other, cells.to_vec()), among)),
        }

        let known = near(experience, task, cells)?;
        let patterns = if among.is_empty() { &known } else { among };
        if patterns.is_empty() {
            return Ok(without_evidence(task, &[]));
        }

        let mut rng = self.rng.borrow_mut();
        Ok(advise(experience, (task, patterns), cells, manner, pinned, &mut rng))
    }

    /// Returns the best pattern that is known for a task type.
    pub fn best_pattern(&self, task: &str) -> Result<Option<Pattern>, OptimizerError> {
        let manner = Manner { never_explores: true, ..self.manner };
        let (found, _) = self.recommend_in(&manner, &TaskType::new(task)?, &[])?;
        Ok(found.ranked.map(|ranked| ranked.pattern))
    }

    /// Tells whether a pattern is better avoided for a task type: it fails mostly there, and is hardly
    /// the best of `among`, or of all that are known if none are given. A statement, which changes no
    /// choice.
    pub fn should_avoid(
        &self,
        task: &str,
        pattern: &str,
        among: &[String],
    ) -> Result<bool, OptimizerError> {
        let task = TaskType::new(task)?;
        let pattern = Pattern::new(pattern)?;
        Ok(self.avoided(&task, &names(among)?)?.contains(&pattern))
    }

    /// Returns the patterns that are better avoided for a task type.
    pub fn avoided(
        &self,
        task: &TaskType,
        among: &[Pattern],
    ) -> Result<BTreeSet<Pattern>, OptimizerError> {
        let cells = self.knowledge.cells(task)?;
        let mut experience = self.experience.borrow_mut();
        experience.refresh(&self.knowledge, self.learn_from_demo)?;
        let patterns =
            if among.is_empty() { near(&experience, task, &cells)? } else { among.to_vec() };

        let all = standings(&experience, task, &patterns, &cells, &self.manner);
        Ok(all.into_iter().filter(|one| one.avoided).map(|one| one.pattern).collect())
    }
}

fn names(names: &[String]) -> Result<Vec<Pattern>, NameError> {
    names.iter().map(|name| Pattern::new(name)).collect()
}

/// Returns the patterns to choose among when nobody names any, in alphabetical order: those that the
/// learner knows for a task type or near it, and those whose sums are kept.
pub(in crate::optimizer) fn near(
    experience: &SyncedLearner,
    task: &TaskType,
    cells: &[(Pattern, PatternSums)],
) -> Result<Vec<Pattern>, NameError> {
    let mut names = experience.near(task);
    names.extend(cells.iter().map(|(pattern, _)| pattern.as_str()));
    names.into_iter().map(Pattern::new).collect()
}
