//! Looking at what nothing was recorded for, without leaving a trace: if being asked changed what is
//! believed, two processes with the same observations would not agree.

use super::fit::HierarchyLevel;
use super::task_state::TaskState;
use super::{DEPTH_MAX, Learner};
use std::collections::{BTreeSet, HashMap};

impl Learner {
    /// Returns the number of a task type, if anything was recorded for it.
    pub fn known_task(&self, name: &str) -> Option<usize> {
        self.tasks.get(name).copied()
    }

    /// Returns the number of a pattern, if anything was recorded for it.
    pub fn known_arm(&self, name: &str) -> Option<usize> {
        self.arms.get(name).copied()
    }

    /// Returns the patterns that were seen for a task type or for others of its group: for
    /// `review/rust` also those of `review/go` and of `review`.
    pub fn near(&self, task: &str) -> BTreeSet<&str> {
        let group = task.match_indices('/').take(DEPTH_MAX - 1).last();
        let group = group.map_or(task, |(end, _)| &task[..end]);
        let of_group = self.groups.get(group).into_iter();
        let of_group = of_group.flat_map(|&level| self.levels[level].sums.keys());

        let numbers = [task, group].into_iter().filter_map(|name| self.known_task(name));
        let of_task_types =
            numbers.flat_map(|task| self.task_types[task].cells.iter().map(|(arm, _)| arm));

        of_group.chain(of_task_types).map(|&arm| self.arm_name(arm)).collect()
    }

    /// Returns a learner that believes the same of one task type, and knows only what that takes:
    /// the groups above it, and the task types that these are named after. Names that are new to it leave
    /// no trace in this one.
    #[must_use]
    pub fn excerpt(&self, task: &str) -> Learner {
        let mut levels = vec![self.levels[0].clone()];
        let mut groups = HashMap::new();
        let mut tasks = HashMap::new();
        let mut task_types: Vec<TaskState> = Vec::new();
        let mut path = vec![0];

        let above = task.match_indices('/').take(DEPTH_MAX - 1).map(|(end, _)| &task[..end]);
        for name in above.chain([task]) {
            if let Some(&group) = self.groups.get(name) {
                levels.push(HierarchyLevel {
                    parent: Some(levels.len() - 1),
                    ..self.levels[group].clone()
                });
                groups.insert(name.to_owned(), levels.len() - 1);
                path.push(group);
            }

            if let Some(&task) = self.tasks.get(name) {
                let state = self.task_types[task].clone();
                let level = path.iter().position(|level| *level == state.level);
                let level = level.expect("a task type lies in a group that its name begins with");
                task_types.push(TaskState { level, ..state });
                tasks.insert(name.to_owned(), task_types.len() - 1);
            }
        }

        Learner {
            goal: self.goal,
            levels,
            task_types,
            groups,
            tasks,
            names: self.names.clone(),
            arms: self.arms.clone(),
            surprise: self.surprise.clone(),
            executions: self.executions,
            known_on: self.known_on.clone(),
            noise: self.noise,
            spread: self.spread,
            between: self.between,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::optimizer::learner::snapshot::tests::bytes;
    use crate::optimizer::learner::{Constraints, ExecutionOutcome, Learner, Objective};

    #[test]
    fn an_excerpt_believes_what_the_whole_believes_and_leaves_it_alone() {
        let mut learner = Learner::new(Objective::WITHOUT_COST);
        for (number, name) in
            ["review", "review/rust", "review/go/async", "plan"].iter().enumerate()
        {
            for _ in 0..20 {
                let task = learner.task(name);
                let arm = learner.arm(["a", "b"][number % 2]);
                let success = f64::from(u8::from(number != 2));
                learner.record(
                    task,
                    arm,
                    &ExecutionOutcome { success, ..ExecutionOutcome::default() },
                );
            }
        }

        let before = bytes(&learner);
        let names =
            ["review", "review/rust", "review/c", "review/go", "review/go/a/b/c", "plan/x", "new"];
        for name in names {
            let mut excerpt = learner.excerpt(name);
            let mut whole = learner.clone();

            let look = |learner: &mut Learner| {
                let task = learner.task(name);
                let arms = ["a", "b", "c"].map(|arm| learner.arm(arm));
                learner.look(task, &arms, &Constraints::default())
            };
            assert_eq!(look(&mut excerpt), look(&mut whole), "{name}");
        }

        assert_eq!(bytes(&learner), before);
        let near = |name| learner.near(name).into_iter().collect::<String>();
        assert_eq!(
            ["review/c", "review", "plan", "plan/x", "new"].map(near),
            ["ab", "ab", "b", "b", ""]
        );
    }
}
