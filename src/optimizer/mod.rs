//! Learning from runs: what was done for which task type, how it went, and what to do next time.
//!
//! `evidence/knowledge.rs` stores what was observed, `learner/synced.rs` learns from what is stored,
//! `evidence/guide_file.rs` reads and writes the guide's own format, and `trial/` executes patterns. Everything
//! else only computes.

pub mod choice;
pub mod evidence;
pub mod learner;
pub mod stats;
pub mod trial;

use crate::base::clock::TimeSource;
use crate::base::failure::{Failure, Kind};
use crate::base::id::RunId;
use crate::base::rng::Rng;
use crate::base::strand::Spot;
use crate::optimizer::choice::chooser::near;
use crate::optimizer::choice::policy::{Policy, RankedPattern, rank};
use crate::optimizer::choice::recommendation::{Manner, standings};
use crate::optimizer::evidence::feature::{FeatureError, Features, OF};
use crate::optimizer::evidence::guide_file::{GuideFile, GuideFileError};
use crate::optimizer::evidence::hindsight::Hindsight;
use crate::optimizer::evidence::insights::Cells;
use crate::optimizer::evidence::knowledge::amendment::VerdictCount;
use crate::optimizer::evidence::knowledge::{FailureClass, Knowledge, KnowledgeError};
use crate::optimizer::evidence::observation::{MetricsError, Observation, ObservationSource};
use crate::optimizer::evidence::pattern::{NameError, Pattern, TaskType};
use crate::optimizer::evidence::{feature, insights};
use crate::optimizer::learner::synced::SyncedLearner;
use crate::optimizer::learner::{Objective, Scale};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;

/// Something that cannot be learned or recommended.
#[derive(Debug, thiserror::Error)]
pub enum OptimizerError {
    /// A name that is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Figures that are none.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// What was learned cannot be read or written.
    #[error(transparent)]
    Knowledge(#[from] KnowledgeError),
    /// Something of an input that cannot be used.
    #[error(transparent)]
    Feature(#[from] FeatureError),
    /// A file in the guide's format cannot be read or written.
    #[error(transparent)]
    File(#[from] GuideFileError),
}

/// One of several executions that are recorded together.
#[derive(Debug, Clone)]
pub struct NamedExecution {
    /// The task type.
    pub task: String,
    /// The pattern.
    pub pattern: String,
    /// How it went.
    pub metrics: Map<String, Value>,
    /// The name by which it is recorded once, if it has one.
    pub name: Option<String>,
}

/// Records executions and recommends patterns.
#[derive(Debug, Clone)]
pub struct Optimizer {
    knowledge: Rc<Knowledge>,
    policy: Policy,
    manner: Manner,
    experience: Rc<RefCell<SyncedLearner>>,
    rng: Rc<RefCell<Rng>>,
    seed: u64,
    time: TimeSource,
    /// What was known when the recorded run chose.
    hindsight: Rc<RefCell<Hindsight>>,
    /// Whether what the demo model did counts.
    learn_from_demo: bool,
    run: Option<RunId>,
    /// The name by which the next execution is recorded once.
    name: Option<String>,
}

impl Optimizer {
    /// Creates an optimizer on what is known.
    pub fn new(knowledge: Rc<Knowledge>, policy: Policy, learn_from_demo: bool) -> Optimizer {
        let experience = Rc::new(RefCell::new(SyncedLearner::new(None)));
        let manner = Manner::default();
        let rng = Rc::new(RefCell::new(Rng::seeded(0)));
        let time = TimeSource::default();
        let hindsight = Rc::new(RefCell::new(Hindsight::new(None)));

        Optimizer {
            knowledge,
            policy,
            manner,
            experience,
            rng,
            seed: 0,
            time,
            hindsight,
            learn_from_demo,
            run: None,
            name: None,
        }
    }

    /// Takes the time of executions from another source than the system.
    #[must_use]
    pub fn by_time(self, time: TimeSource) -> Optimizer {
        Optimizer { time, ..self }
    }

    /// Says what counts, if it is not the usual; what limits there are; and how chance begins.
    #[must_use]
    pub fn choosing(self, objective: Option<Objective>, manner: Manner, seed: u64) -> Optimizer {
        let experience = Rc::new(RefCell::new(SyncedLearner::new(objective)));
        let hindsight = Rc::new(RefCell::new(Hindsight::new(objective)));
        let rng = Rc::new(RefCell::new(Rng::seeded(seed)));
        Optimizer { manner, experience, rng, seed, hindsight, ..self }
    }

    /// Tells whether what the demo model does counts.
    pub fn learns_from_demo(&self) -> bool {
        self.learn_from_demo
    }

    /// Tells whether something of what is known could not be read.
    pub fn has_damage(&self) -> bool {
        !self.knowledge.damage().is_empty()
    }

    /// Returns what counts, if it is not the usual.
    pub fn given_objective(&self) -> Option<Objective> {
        self.experience.borrow().given()
    }

    /// Takes what there is to say about the store, which is said once.
    pub fn take_notice(&self) -> Option<&'static str> {
        self.experience.borrow_mut().take_notice()
    }

    /// Makes the chance of the next recommendation follow from the place in the run where it is asked
    /// for, so that a resumed run makes the same one.
    pub fn reseed(&self, at: &Spot) {
        self.rng.replace(at.chance(self.seed, 0));
    }

    /// Says which run records.
    #[must_use]
    pub fn of_run(self, run: RunId) -> Optimizer {
        Optimizer { run: Some(run), ..self }
    }

    /// Names the next execution, so that it is recorded once, however often it is told.
    #[must_use]
    pub fn naming(&self, name: Option<String>) -> Optimizer {
        Optimizer { name, ..self.clone() }
    }

    /// Records how one execution went, without waiting for the store: `Writer::settle_gathered` does.
    /// `demo` says that the demo model was asked in this run, for metrics that do not say so themselves.
    pub fn record_execution(
        &self,
        task: &str,
        pattern: &str,
        metrics: &Map<String, Value>,
        demo: bool,
    ) -> Result<(), OptimizerError> {
        let seen = self.execution(task, pattern, metrics)?;
        self.record(seen, metrics, demo)
    }

    /// Reads how one execution went.
    fn execution(
        &self,
        task: &str,
        pattern: &str,
        metrics: &Map<String, Value>,
    ) -> Result<Observation, OptimizerError> {
        let (task_type, features) = self.task_type_by(task, metrics)?;
        let mut seen = Observation::read(task_type, Pattern::new(pattern)?, metrics)?;
        feature::keep(&mut seen.extra, task, &features);
        Ok(seen)
    }

    /// Records how executions went, all or none.
    pub async fn record_executions(
        &self,
        executions: &[NamedExecution],
        demo: bool,
    ) -> Result<(), OptimizerError> {
        let mut all = Vec::with_capacity(executions.len());
        for one in executions {
            let seen = self.execution(&one.task, &one.pattern, &one.metrics)?;
            let named = self.naming(one.name.clone());
            all.push(named.complete(seen, &one.metrics, demo));
        }

        Ok(self.knowledge.record(all, |source| self.counts(source)).await?)
    }

    /// Records a success, without waiting for the store; its rate is 1 unless the metrics say otherwise.
    pub fn save_pattern_success(
        &self,
        task: &str,
        pattern: &str,
        metrics: &Map<String, Value>,
        demo: bool,
    ) -> Result<(), OptimizerError> {
        let (task_type, features) = self.task_type_by(task, metrics)?;
        let mut seen = Observation::success(task_type, Pattern::new(pattern)?, metrics)?;
        feature::keep(&mut seen.extra, task, &features);
        self.record(seen, metrics, demo)
    }

    /// Returns the task type of an input of which something is known beforehand.
    pub fn task_type(&self, task: &str, features: &Features) -> Result<TaskType, OptimizerError> {
        let task = TaskType::new(task)?;
        if features.is_empty() {
            return Ok(task);
        }

        let mut experience = self.experience.borrow_mut();
        experience.refresh(&self.knowledge, self.learn_from_demo)?;
        Ok(experience.task_type(&task, features)?)
    }

    /// Returns the task type of an execution by what its figures say of the input.
    fn task_type_by(
        &self,
        task: &str,
        metrics: &Map<String, Value>,
    ) -> Result<(TaskType, Features), OptimizerError> {
        let given = metrics.get(OF).filter(|given| !given.is_null());
        let features = given.map(Features::read).transpose()?.unwrap_or_default();
        Ok((self.task_type(task, &features)?, features))
    }

    /// Records a failure, without waiting for the store.
    pub fn save_pattern_failure(
        &self,
        task: &str,
        pattern: &str,
        failure: &Failure,
        demo: bool,
    ) -> Result<(), OptimizerError> {
        let seen = Observation::failure(TaskType::new(task)?, Pattern::new(pattern)?, failure);
        self.record(seen, &Map::new(), demo)
    }

    fn record(
        &self,
        seen: Observation,
        metrics: &Map<String, Value>,
        demo: bool,
    ) -> Result<(), OptimizerError> {
        let seen = self.complete(seen, metrics, demo);
        Ok(self.knowledge.record_soon(seen, |source| self.counts(source))?)
    }

    /// Says who recorded an execution, when, and by what name.
    fn complete(
        &self,
        mut seen: Observation,
        metrics: &Map<String, Value>,
        demo: bool,
    ) -> Observation {
        if demo && !metrics.contains_key("demo_calls") {
            seen.source = ObservationSource::Demo;
        }

        seen.execution.clone_from(&self.name);
        seen.run.clone_from(&self.run);
        seen.at = self.time.now();
        seen
    }

    /// Records an execution. One that is known by a name is recorded once, however often this is
    /// called for it.
    pub async fn record_observation(&self, mut seen: Observation) -> Result<(), OptimizerError> {
        seen.run.clone_from(&self.run);
        seen.at = self.time.now();

        Ok(self.knowledge.record(vec![seen], |source| self.counts(source)).await?)
    }

    /// Returns what counts for a task type, by what is known.
    pub fn objective(&self, task: &TaskType) -> Result<Objective, OptimizerError> {
        let mut experience = self.experience.borrow_mut();
        experience.refresh(&self.knowledge, self.learn_from_demo)?;
        Ok(experience.objective(task))
    }

    /// Returns the scales of times and costs for a task type.
    pub fn scale(&self, task: &TaskType) -> Result<Scale, OptimizerError> {
        let mut experience = self.experience.borrow_mut();
        experience.refresh(&self.knowledge, self.learn_from_demo)?;
        Ok(experience.scale(task))
    }

    fn counts(&self, source: ObservationSource) -> bool {
        source == ObservationSource::Live || self.learn_from_demo
    }

    /// Returns what every execution of a task type was worth, in the order of recording.
    pub fn curve(&self, task: &TaskType) -> Result<Vec<f64>, OptimizerError> {
        let mut experience = self.experience.borrow_mut();
        experience.refresh(&self.knowledge, self.learn_from_demo)?;

        let mut curve = Vec::new();
        self.knowledge.of_task(task, |seen| {
            if self.counts(seen.source) && !seen.is_outage {
                curve.push(experience.worth(seen.task, seen.pattern, &seen.outcome));
            }
        })?;

        Ok(curve)
    }

    /// Returns how many executions of a task type people found good and bad, by pattern.
    pub fn verdicts(&self, task: &TaskType) -> Result<Vec<VerdictCount>, OptimizerError> {
        Ok(self.knowledge.verdicts(task)?)
    }

    /// Ranks what is known for a task type, the best first.
    pub fn standings(&self, task: &TaskType) -> Result<Vec<RankedPattern>, OptimizerError> {
        let cells = self.knowledge.cells(task)?;
        if self.policy != Policy::Learn {
            return Ok(rank(self.policy, cells));
        }

        let mut experience = self.experience.borrow_mut();
        experience.refresh(&self.knowledge, self.learn_from_demo)?;
        let patterns = near(&experience, task, &cells)?;
        Ok(standings(&experience, task, &patterns, &cells, &self.manner))
    }

    /// Tells of each kind of failure whether its pattern is better avoided.
    pub fn avoided_of(
        &self,
        failures: &[FailureClass],
        among: &[String],
    ) -> Result<Vec<bool>, OptimizerError> {
        let among = among.iter().map(|name| Pattern::new(name)).collect::<Result<Vec<_>, _>>()?;
        let mut of_task: BTreeMap<&str, BTreeSet<Pattern>> = BTreeMap::new();
        for class in failures {
            if !of_task.contains_key(class.task.as_str()) {
                // A damaged name is none, and nothing is known of it.
                let task = TaskType::stored(&class.task).ok();
                let avoided = task.map(|task| self.avoided(&task, &among)).transpose()?;
                of_task.insert(&class.task, avoided.unwrap_or_default());
            }
        }

        let is_avoided = |class: &FailureClass| {
            let of_task = &of_task[class.task.as_str()];
            of_task.iter().any(|pattern| pattern.as_str() == class.pattern)
        };

        Ok(failures.iter().map(is_avoided).collect())
    }

    /// Returns what the history says, for one task type or all.
    pub fn insights(&self, task: Option<&str>) -> Result<Map<String, Value>, OptimizerError> {
        let Some(task) = task else { return Ok(insights::insights(&self.knowledge.all()?)) };
        let task = TaskType::new(task)?;

        let cells: BTreeMap<Pattern, _> = self.knowledge.cells(&task)?.into_iter().collect();
        let cells = if cells.is_empty() { Cells::new() } else { Cells::from([(task, cells)]) };
        Ok(insights::insights(&cells))
    }

    /// Returns the failures by kind with their lessons, for one task type or all.
    pub fn failures(&self, task: Option<&str>) -> Result<Vec<FailureClass>, OptimizerError> {
        let task = task.map(TaskType::new).transpose()?;
        Ok(self.knowledge.failures(task.as_ref())?)
    }

    /// Takes in a file in the guide's format. With a name, each entry is recorded once, however often this is
    /// called for it.
    pub async fn import_knowledge(&self, path: &Path) -> Result<usize, OptimizerError> {
        let mut seen = Vec::new();
        for (task, pattern, metrics) in GuideFile::open(path)?.successes()? {
            seen.push(Observation::success(
                TaskType::new(&task)?,
                Pattern::new(&pattern)?,
                &metrics,
            )?);
        }

        for (task, pattern, message) in GuideFile::open(path)?.failures()? {
            let failure = Failure::new(Kind::Failed, message);
            seen.push(Observation::failure(
                TaskType::new(&task)?,
                Pattern::new(&pattern)?,
                &failure,
            ));
        }

        for (index, seen) in seen.iter_mut().enumerate() {
            seen.execution = self.name.as_ref().map(|name| format!("{name} {index}"));
        }

        let count = seen.len();
        self.knowledge.record(seen, |_| true).await?;
        Ok(count)
    }

    /// Writes what is known to a file in the guide's format: for each pattern its mean figures,
    /// once per observation that succeeded, and its last error once per failure.
    pub fn export_knowledge(&self, path: &Path) -> Result<usize, OptimizerError> {
        let mut file = GuideFile::empty(path);
        let mut count = 0;
        for (task, patterns) in self.knowledge.all()? {
            for (pattern, cell) in patterns {
                let mut metrics = Map::new();
                let rate = cell.success_rate().unwrap_or(0.0);
                // What is written are successes; a rate below one half would be none.
                metrics.insert("success_rate".to_owned(), rate.max(0.5).into());
                if let Some(time) = cell.time.mean() {
                    metrics.insert("execution_time".to_owned(), time.into());
                }
                if let Some(score) = cell.score.mean() {
                    metrics.insert("score".to_owned(), score.into());
                }

                for _ in cell.failures..cell.n {
                    file.add_success(task.as_str(), pattern.as_str(), metrics.clone());
                    count += 1;
                }

                let message = cell.last_error.map_or("failed".to_owned(), |(_, message)| message);
                for _ in 0..cell.failures {
                    file.add_failure(task.as_str(), pattern.as_str(), &message);
                    count += 1;
                }
            }
        }

        file.replace()?;
        Ok(count)
    }
}
