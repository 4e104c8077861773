//! Executing a pattern once: on a branch of its own, measured, and judged.

use crate::base::clock::Stamp;
use crate::base::failure::{Failure, Kind};
use crate::base::id::FlowId;
use crate::base::secret;
use crate::base::strand::Strand;
use crate::base::unit::Money;
use crate::executor::Executor;
use crate::executor::attempt::Stop;
use crate::executor::flow::FlowOptions;
use crate::flow::builder::Builder;
use crate::flow::callback::{Callback, CallbackInput};
use crate::flow::op::{Op, OpKind};
use crate::metrics::Metrics;
use crate::optimizer::evidence::lesson::lesson;
use crate::optimizer::evidence::observation::{Observation, ObservationSource, cause};
use crate::optimizer::evidence::pattern::{Pattern, TaskType};
use crate::optimizer::learner::ExecutionOutcome;
use crate::session::Session;
use crate::session::branch::{Branch, SharedBranch};
use crate::session::scope::Scope;
use futures::future::LocalBoxFuture;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

/// What a pattern does with an input, on a branch that nobody else uses.
pub type Work =
    Rc<dyn Fn(Rc<Scope>, Value, SharedBranch) -> LocalBoxFuture<'static, Result<Value, Failure>>>;

/// Says how good an answer is, from 0 to 1: gets the answer and the input. What it asks belongs to
/// the operation around the execution, if there is one, and never to the pattern.
pub type Judge = Rc<
    dyn Fn(
        Option<Rc<Scope>>,
        Rc<Strand>,
        Value,
        Value,
    ) -> LocalBoxFuture<'static, Result<f64, Failure>>,
>;

/// A pattern that can be executed.
#[derive(Clone)]
pub struct PatternArm {
    /// Its name.
    pub pattern: Pattern,
    /// What it does.
    pub work: Work,
}

impl fmt::Debug for PatternArm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PatternArm").field(&self.pattern).finish()
    }
}

/// What all executions have in common.
#[derive(Clone)]
pub struct Setting {
    /// What runs them.
    pub executor: Rc<Executor>,
    /// Each works on a copy of it.
    pub branch: Branch,
    /// Judges the answers; without one, every answer is as good as any other.
    pub judge: Option<Judge>,
    /// Longest time of one execution.
    pub timeout: Option<Duration>,
    /// The line of work that has patterns executed.
    pub strand: Rc<Strand>,
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setting").finish_non_exhaustive()
    }
}

/// How one execution went.
#[derive(Debug, Clone)]
pub struct Execution {
    /// The answer, or why there is none.
    pub result: Result<Value, Failure>,
    /// How good the answer is; `None` without a judge or an answer.
    pub score: Option<f64>,
    /// The figures of the pattern's own work, without those of the judge.
    pub metrics: Metrics,
    /// Seconds that it took by itself, without waiting for other executions.
    pub time: f64,
    /// The flow in which it was executed.
    pub flow: FlowId,
}

impl Setting {
    /// Executes a pattern on an input: a flow of one operation, which bears the pattern's name.
    /// `around` is the operation that has it executed, if there is one, and `strand` the line of work
    /// that is this execution's.
    pub async fn execute(
        &self,
        task: &TaskType,
        arm: &PatternArm,
        input: &Value,
        around: Option<&Rc<Scope>>,
        strand: &Rc<Strand>,
    ) -> Result<Execution, Stop> {
        let work = arm.work.clone();
        let given = input.clone();
        let call = Callback::new(move |from| match from {
            CallbackInput::Operation { scope, branch, .. } => {
                work(scope, given.clone(), branch.get().clone())
            }
            _ => Box::pin(async { Err(Failure::new(Kind::Script, "not called as an operation")) }),
        });

        let mut op = Op::new(arm.pattern.as_str(), OpKind::Call(call));
        op.timeout = self.timeout;
        let mut builder = Builder::new(task.as_str());
        builder.add(op, &[]);
        let graph =
            builder.build().map_err(|error| Failure::new(Kind::Graph, error.to_string()))?;

        let session = Session::new(self.branch.fork().shared());
        let options =
            FlowOptions { allow_failures: true, around: around.cloned(), ..FlowOptions::default() };
        let work = Box::pin(self.executor.run(strand, &graph, &session, &options));
        let (report, time) = self.executor.timed(work).await;
        let report = report?;

        let result = report.only();
        let score = match (&result, &self.judge) {
            (Ok(answer), Some(judge)) => {
                let judged =
                    judge(around.cloned(), strand.next(), answer.clone(), input.clone()).await;
                Some(judged.map_err(|failure| unjudged(failure, &arm.pattern))?)
            }
            _ => None,
        };

        Ok(Execution { result, score, metrics: report.metrics, time, flow: report.flow })
    }
}

/// An answer that cannot be judged says nothing of the pattern, so nothing is recorded of it.
fn unjudged(failure: Failure, pattern: &Pattern) -> Failure {
    let message = format!("judging the answer of `{pattern}`: {}", failure.message);
    Failure { message, ..failure }
}

/// Reads what a judge said: a number from 0 to 1, true or false, or a map with such a `score`.
pub fn read_score(said: &Value) -> Result<f64, Failure> {
    let score = match said {
        Value::Object(map) => map.get("score").unwrap_or(&Value::Null),
        other => other,
    };
    let number = match score {
        Value::Bool(good) => Some(f64::from(u8::from(*good))),
        other => other.as_f64(),
    };

    number.filter(|number| (0.0..=1.0).contains(number)).ok_or_else(|| match (score, said) {
        (Value::Null, Value::Object(_)) => no_score(WITHOUT_SCORE),
        (Value::Null, _) => no_score("nothing (`()`)"),
        (other, _) => no_score(&format!("`{}`", short(other))),
    })
}

/// What a map is that says no score.
pub const WITHOUT_SCORE: &str = "a map without a `score`";

fn short(said: &Value) -> String {
    secret::beginning(&said.to_string(), 80)
}

/// Makes the error for something that is no score.
pub fn no_score(said: &str) -> Failure {
    let number = said.trim_matches('`').trim_matches(['"', '%']).parse::<f64>().ok();
    let is_percent = number.is_some_and(|number| number > 1.0 && number <= 100.0);
    let help = if is_percent { "; divide a percentage by 100" } else { "" };

    let message =
        format!("a judge must return a number from 0 to 1, or true or false, not {said}{help}");
    Failure::new(Kind::Option, message)
}

impl Execution {
    /// Returns what counts of it, under the name by which it is recorded once. What was answered by
    /// replies of an earlier run has taken a time that nobody measured now; its cost is what was
    /// paid then.
    pub fn seen(&self, name: String) -> Measurement {
        let metrics = &self.metrics;
        let is_fresh = metrics.reused == 0;
        let paid = metrics.known_cost().zip(metrics.known_saved()).map(|(now, then)| now + then);

        let error = self.result.as_ref().err().map(cause);

        Measurement {
            name,
            success: if self.result.is_ok() { 1.0 } else { 0.0 },
            score: self.score,
            time: is_fresh.then_some(self.time),
            cost: paid.map(Money::dollars),
            tokens: metrics.known_usage().filter(|_| is_fresh).map(|usage| usage.tokens()),
            calls: metrics.calls + metrics.reused,
            is_demo: metrics.demo_replies > 0,
            is_reused: !is_fresh,
            models: metrics.models.clone(),
            error,
        }
    }
}

/// What counts of an execution, as the journal keeps it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Measurement {
    /// The name by which it is recorded once.
    pub name: String,
    /// 1 if it gave an answer, else 0.
    pub success: f64,
    /// How good the answer is, 0 to 1; `None` if nobody judged it.
    pub score: Option<f64>,
    /// Seconds; `None` when unknown.
    pub time: Option<f64>,
    /// Dollars; `None` when unknown.
    pub cost: Option<f64>,
    /// Tokens read and written; `None` when unknown.
    pub tokens: Option<u64>,
    /// Calls to models, those included whose replies were known.
    pub calls: u64,
    /// Whether the demo model answered.
    pub is_demo: bool,
    /// Whether replies of an earlier run were reused.
    pub is_reused: bool,
    /// The models that it asked.
    pub models: BTreeSet<String>,
    /// Why it failed: a kind of failure and its message.
    pub error: Option<(String, String)>,
}

impl Measurement {
    /// Tells whether another execution has done the same work: only times differ, and what follows from them.
    pub(super) fn is_work_of(&self, other: &Measurement) -> bool {
        let work = |one: &Measurement| (one.success, one.score, one.calls, one.cost);
        work(self) == work(other)
    }

    /// Returns it as experience.
    pub fn observation(&self, task: &TaskType, pattern: &Pattern) -> Observation {
        Observation {
            task: task.clone(),
            pattern: pattern.clone(),
            source: if self.is_demo { ObservationSource::Demo } else { ObservationSource::Live },
            at: Stamp::now(),
            run: None,
            execution: Some(self.name.clone()),
            success_rate: self.success,
            execution_time: self.time,
            score: self.score,
            cost: self.cost,
            tokens: self.tokens,
            error: self.error.clone(),
            extra: Map::new(),
            amends: None,
        }
    }

    /// Returns what an objective judges it by.
    pub fn outcome(&self) -> ExecutionOutcome {
        ExecutionOutcome {
            success: self.success,
            quality: self.score,
            time: self.time,
            cost: self.cost,
        }
    }

    /// Tells whether it only repeats another execution on the same input: without a call of a model, the
    /// same result is no new evidence.
    pub(in crate::optimizer) fn repeats(&self, other: &Measurement) -> bool {
        self.calls == 0
            && other.calls == 0
            && self.success.total_cmp(&other.success).is_eq()
            && self.score == other.score
    }

    /// Tells whether it failed through no fault of the pattern, and why: the kind of the failure, and its message.
    pub fn outer_fault(&self) -> Option<&(String, String)> {
        self.error.as_ref().filter(|(kind, _)| !lesson(kind).blames_pattern())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_a_number_from_0_to_1_or_a_truth_value() {
        use serde_json::json;

        let scores =
            [json!(0), json!(0.25), json!(1), json!(true), json!({ "score": false, "x": 1 })];
        let read: Vec<f64> = scores.iter().map(|said| read_score(said).expect("a score")).collect();
        assert_eq!(read, [0.0, 0.25, 1.0, 1.0, 0.0]);

        let none = [
            (json!(85), "`85`; divide a percentage by 100"),
            (json!("85%"), "`\"85%\"`; divide a percentage by 100"),
            (json!(1.01), "`1.01`; divide a percentage by 100"),
            (json!(-0.1), "`-0.1`"),
            (json!(1e300), "`1e+300`"),
            (json!("good"), "`\"good\"`"),
            (json!([0.5]), "`[0.5]`"),
            (json!(null), "nothing (`()`)"),
            (json!({ "feedback": "x" }), "a map without a `score`"),
            (json!({ "score": { "score": 1 } }), "`{\"score\":1}`"),
        ];
        for (said, told) in none {
            let failure = read_score(&said).expect_err("no score");
            let expected =
                format!("a judge must return a number from 0 to 1, or true or false, not {told}");
            assert_eq!((failure.kind, failure.message), (Kind::Option, expected));
        }
    }

    #[test]
    fn what_counts_survives_the_journal() {
        let seen = Measurement {
            name: "x".into(),
            success: 0.0,
            score: Some(0.25),
            time: Some(0.1),
            cost: None,
            tokens: Some(7),
            calls: 2,
            is_demo: true,
            is_reused: false,
            models: BTreeSet::from(["live/m".to_owned()]),
            error: Some(("thrown".into(), "no".into())),
        };

        let text = serde_json::to_string(&seen).expect("plain data");
        let value: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(serde_json::from_value::<Measurement>(value).expect("as it was"), seen);
    }
}
