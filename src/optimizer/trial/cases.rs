//! What a comparison in a journal did: each pattern on each input, with what was expected, the answer and
//! the score.

use crate::base::json::digest;
use crate::flow::outcome::Outcome;
use crate::journal::event::Event;
use crate::journal::inquiry::Topic;
use crate::journal::trace::{Remark, Trace};
use crate::optimizer::trial::execution::Measurement;
use serde_json::{Value, json};
use std::collections::HashMap;

/// A score from which on an answer is right.
const RIGHT: f64 = 0.5;

/// What the journal keeps of an execution of a comparison.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(in crate::optimizer) struct ComparedExecution {
    /// Its figures.
    #[serde(flatten)]
    pub(in crate::optimizer) seen: Measurement,
    /// What it was an execution of.
    pub(in crate::optimizer) case: CaseKey,
}

/// Which execution of a comparison it was.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(in crate::optimizer) struct CaseKey {
    pub(in crate::optimizer) task: String,
    pub(in crate::optimizer) pattern: String,
    /// The place of the pattern among those compared.
    pub(in crate::optimizer) arm: usize,
    /// The number of the input, from 1; `None` for one that does not count.
    pub(in crate::optimizer) number: Option<u64>,
    pub(in crate::optimizer) repeat: u64,
    pub(in crate::optimizer) input: Value,
    /// The field of the input that holds the right answer.
    pub(in crate::optimizer) expected: Option<String>,
    /// The fields of the input that the patterns are given; none where they are given all of it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(in crate::optimizer) given: Vec<String>,
    /// The flow in which it was executed.
    pub(in crate::optimizer) flow: u32,
}

/// What executions took in earlier comparisons, by pattern and input.
#[derive(Debug, Clone, Default)]
pub struct KnownExecutions(HashMap<(String, String), Measurement>);

impl KnownExecutions {
    /// Takes in the next event of a run; what is newer counts.
    pub fn see(&mut self, event: &Event) {
        let Event::EffectEnded { what, value, .. } = event else { return };
        if what.topic() != Some(Topic::Execute) {
            return;
        }
        let read = serde_json::from_value::<ComparedExecution>(value.clone());
        if let Ok(one) = read
            && one.seen.time.is_some()
        {
            self.0.insert((one.case.pattern, digest(&one.case.input)), one.seen);
        }
    }

    /// Tells whether an execution only repeats one of an earlier comparison.
    pub(in crate::optimizer) fn has(
        &self,
        pattern: &str,
        input: &Value,
        seen: &Measurement,
    ) -> bool {
        let key = (pattern.to_owned(), digest(input));
        self.0.get(&key).is_some_and(|known| seen.repeats(known))
    }

    /// Gives an execution that only earlier replies have answered the time that it took then.
    pub(in crate::optimizer) fn time(&self, pattern: &str, input: &Value, seen: &mut Measurement) {
        let key = (pattern.to_owned(), digest(input));
        if let Some(known) = self.0.get(&key).filter(|_| seen.is_reused && seen.time.is_none()) {
            seen.time = known.time;
            seen.tokens = seen.tokens.or(known.tokens);
        }
    }
}

/// One pattern on one input.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The task type.
    pub task: String,
    /// The number of the input, from 1.
    pub number: u64,
    /// The pattern.
    pub pattern: String,
    /// Which of its executions on the input, from 1.
    pub repeat: u64,
    /// The input, without the right answer.
    pub input: Value,
    /// The fields of the input that the patterns were given; none where they were given all of it.
    pub given: Vec<String>,
    /// The right answer, if it is known.
    pub expected: Option<Value>,
    /// The answer; `None` if there is none.
    pub answer: Option<Value>,
    /// The operation that gave it.
    pub op: Option<u32>,
    /// Why there is no answer.
    pub error: Option<String>,
    /// Its score, if it was judged.
    pub score: Option<f64>,
    /// Seconds, if known.
    pub time: Option<f64>,
    /// Dollars, if known.
    pub cost: Option<f64>,
}

/// Which cases are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseFilter {
    /// Those that failed or have a score below one half.
    Wrong,
    /// Those of inputs on which the scores of the patterns differ.
    Differ,
    /// All.
    All,
}

impl Case {
    /// Tells whether it failed, or has a score below one half.
    pub fn is_wrong(&self) -> bool {
        self.error.is_some() || self.score.is_some_and(|score| score < RIGHT)
    }

    /// Returns it as data.
    pub fn to_value(&self) -> Value {
        json!({
            "task_type": self.task, "number": self.number, "input": self.input,
            "expected": self.expected, "pattern": self.pattern, "repeat": self.repeat,
            "answer": self.answer, "score": self.score, "wrong": self.is_wrong(),
            "error": self.error, "time": self.time, "cost": self.cost, "op": self.op,
        })
    }
}

/// Returns the cases of a run, by input and pattern.
pub fn cases(trace: &Trace) -> Vec<Case> {
    let executions = trace.remarks.iter().filter_map(|remark| match remark {
        Remark::Told { what, value } if what.topic() == Some(Topic::Execute) => {
            serde_json::from_value::<ComparedExecution>(value.clone()).ok()
        }
        Remark::Told { .. } | Remark::Logged { .. } => None,
    });

    let counted = executions.filter_map(|one| Some((one.case.number?, one)));
    let mut found: Vec<(usize, Case)> =
        counted.map(|(number, one)| (one.case.arm, case(trace, number, one))).collect();
    found.sort_by(|(arm, a), (other, b)| {
        (&a.task, a.number, arm, a.repeat).cmp(&(&b.task, b.number, other, b.repeat))
    });
    found.into_iter().map(|(_, case)| case).collect()
}

fn case(trace: &Trace, number: u64, one: ComparedExecution) -> Case {
    let ComparedExecution { seen, case } = one;
    let flow = trace.flows.iter().find(|(flow, _)| flow.0 == case.flow);
    let op = flow.and_then(|(_, flow)| flow.ops.first()).copied();

    let answer = op.and_then(|op| match trace.operations.get(&op)?.outcome()? {
        Outcome::Completed { value } => Some(value.clone()),
        Outcome::Failed { .. } | Outcome::Skipped { .. } | Outcome::Cancelled => None,
    });

    let mut input = case.input;
    let expected = case.expected.and_then(|name| input.as_object_mut()?.shift_remove(&name));

    Case {
        task: case.task,
        number,
        pattern: case.pattern,
        repeat: case.repeat + 1,
        input,
        given: case.given,
        expected,
        answer,
        op: op.map(|op| op.0),
        error: seen.error.map(|(kind, message)| format!("{kind}: {message}")),
        score: seen.score,
        time: seen.time,
        cost: seen.cost,
    }
}

/// Returns the cases that a filter lets through.
pub fn filtered(cases: &[Case], filter: CaseFilter) -> Vec<&Case> {
    let differs = |case: &Case| {
        let same_input = |other: &&Case| other.number == case.number && other.task == case.task;
        let mut others = cases.iter().filter(same_input);
        others
            .any(|other| other.score != case.score || other.error.is_some() != case.error.is_some())
    };

    let is_shown = |case: &&Case| match filter {
        CaseFilter::Wrong => case.is_wrong(),
        CaseFilter::Differ => differs(case),
        CaseFilter::All => true,
    };
    cases.iter().filter(is_shown).collect()
}
