//! Learning from runs: what was done for which kind of task, how it went, and what to do next time.
//! Pure but for `knowledge`, which keeps it, and `guide_file`, which reads and writes the guide's
//! own format.

pub mod cell;
pub mod failure;
pub mod guide_file;
pub mod insights;
pub mod knowledge;
pub mod learner;
pub mod observation;
pub mod pattern;
pub mod policy;
pub mod stats;

use crate::base::clock::Stamp;
use crate::base::id::RunId;
use crate::flow::failure::Failure;
use crate::optimizer::guide_file::{GuideFile, GuideFileError};
use crate::optimizer::knowledge::{FailureClass, Knowledge, KnowledgeError};
use crate::optimizer::observation::{MetricsError, Observation, Source};
use crate::optimizer::pattern::{NameError, Pattern, TaskType};
use crate::optimizer::policy::{Policy, Recommendation, choose, rank};
use serde_json::{Map, Value};
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
    /// A file in the guide's format cannot be read or written.
    #[error(transparent)]
    File(#[from] GuideFileError),
}

/// Records executions and recommends patterns.
#[derive(Debug, Clone)]
pub struct Optimizer {
    knowledge: Rc<Knowledge>,
    policy: Policy,
    /// Whether what the demo model did counts.
    learn_from_demo: bool,
    run: Option<RunId>,
}

impl Optimizer {
    /// Creates an optimizer on what is known.
    pub fn new(knowledge: Rc<Knowledge>, policy: Policy, learn_from_demo: bool) -> Optimizer {
        Optimizer { knowledge, policy, learn_from_demo, run: None }
    }

    /// Tells whether what the demo model does counts.
    pub fn learns_from_demo(&self) -> bool {
        self.learn_from_demo
    }

    /// Says which run records.
    #[must_use]
    pub fn of_run(self, run: RunId) -> Optimizer {
        Optimizer { run: Some(run), ..self }
    }

    /// Records how one execution went. `demo` says that the demo model was asked in this run, for
    /// metrics that do not say so themselves.
    pub async fn record_execution(
        &self,
        task: &str,
        pattern: &str,
        metrics: &Map<String, Value>,
        demo: bool,
    ) -> Result<(), OptimizerError> {
        let seen = Observation::read(TaskType::new(task)?, Pattern::new(pattern)?, metrics)?;
        self.record(seen, metrics, demo).await
    }

    /// Records a success; its rate is 1 unless the metrics say otherwise.
    pub async fn save_pattern_success(
        &self,
        task: &str,
        pattern: &str,
        metrics: &Map<String, Value>,
        demo: bool,
    ) -> Result<(), OptimizerError> {
        let seen = Observation::success(TaskType::new(task)?, Pattern::new(pattern)?, metrics)?;
        self.record(seen, metrics, demo).await
    }

    /// Records a failure.
    pub async fn save_pattern_failure(
        &self,
        task: &str,
        pattern: &str,
        failure: &Failure,
        demo: bool,
    ) -> Result<(), OptimizerError> {
        let seen = Observation::failure(TaskType::new(task)?, Pattern::new(pattern)?, failure);
        self.record(seen, &Map::new(), demo).await
    }

    async fn record(
        &self,
        mut seen: Observation,
        metrics: &Map<String, Value>,
        demo: bool,
    ) -> Result<(), OptimizerError> {
        if demo && !metrics.contains_key("demo_calls") {
            seen.source = Source::Demo;
        }
        seen.run.clone_from(&self.run);
        let learn_from_demo = self.learn_from_demo;
        let counts = move |source| source == Source::Live || learn_from_demo;
        Ok(self.knowledge.record(vec![seen], counts).await?)
    }

    /// Recommends a pattern for a kind of task, with the reason; `among` those names only, if any
    /// are given.
    pub fn recommend(
        &self,
        task: &str,
        among: &[String],
    ) -> Result<Recommendation, OptimizerError> {
        let task = TaskType::new(task)?;
        let among = among.iter().map(|name| Pattern::new(name)).collect::<Result<Vec<_>, _>>()?;
        let ranked = rank(self.policy, self.knowledge.cells(&task)?, Stamp::now());
        Ok(choose(self.policy, &task, ranked, &among))
    }

    /// Returns the best pattern that is known for a kind of task and not avoided.
    pub fn best_pattern(&self, task: &str) -> Result<Option<Pattern>, OptimizerError> {
        let recommendation = self.recommend(task, &[])?;
        Ok(recommendation.ranked.map(|ranked| ranked.pattern))
    }

    /// Tells whether a pattern is avoided for a kind of task: until when, and why.
    pub fn should_avoid(
        &self,
        task: &str,
        pattern: &str,
    ) -> Result<Option<(Stamp, String)>, OptimizerError> {
        let (task, pattern) = (TaskType::new(task)?, Pattern::new(pattern)?);
        let cells = self.knowledge.cells(&task)?;
        let Some((_, cell)) = cells.into_iter().find(|(known, _)| *known == pattern) else {
            return Ok(None);
        };
        let why =
            cell.last_error.clone().map_or(String::new(), |(kind, text)| format!("{kind}: {text}"));
        Ok(cell.avoided_at(Stamp::now()).map(|until| (until, why)))
    }

    /// Returns what the history says, for one kind of task or all.
    pub fn insights(&self, task: Option<&str>) -> Result<Map<String, Value>, OptimizerError> {
        let mut cells = self.knowledge.all()?;
        if let Some(task) = task {
            let task = TaskType::new(task)?;
            cells.retain(|known, _| *known == task);
        }
        Ok(insights::insights(&cells))
    }

    /// Returns the failures by kind with their lessons, for one kind of task or all.
    pub fn failures(&self, task: Option<&str>) -> Result<Vec<FailureClass>, OptimizerError> {
        let task = task.map(TaskType::new).transpose()?;
        Ok(self.knowledge.failures(task.as_ref())?)
    }

    /// Takes in a file in the guide's format.
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
            let failure = Failure::new("failed", message);
            seen.push(Observation::failure(
                TaskType::new(&task)?,
                Pattern::new(&pattern)?,
                &failure,
            ));
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
