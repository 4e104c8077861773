//! What a suspended run waits for: answers of people, and times.

use crate::base::strand::Spot;
use crate::flow::question::PersonQuestion;
use crate::journal::event::Timer;
use crate::journal::inquiry::Inquiry;

/// A question that waits for its answer.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PendingQuestion {
    /// Its number in the run, from 1.
    pub number: u32,
    /// The operation that asks it, by name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub op: Option<String>,
    /// Where it is asked.
    pub at: Spot,
    /// When the wait ends, in milliseconds since 1970, if it does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub due: Option<i64>,
    /// The question.
    #[serde(flatten)]
    pub question: PersonQuestion,
}

impl PendingQuestion {
    /// Returns what the journal knows it by.
    pub fn inquiry(&self) -> Inquiry {
        Inquiry::ask(&self.question.text)
    }
}

/// A time that a run waits for.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PendingTimer {
    /// Why it waits.
    pub timer: Timer,
    /// Where.
    pub at: Spot,
    /// When the wait ends, in milliseconds since 1970.
    pub due: i64,
}

/// Everything that a suspended run waits for.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Waits {
    /// Questions, in the order of their numbers.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub questions: Vec<PendingQuestion>,
    /// Times.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub timers: Vec<PendingTimer>,
}

impl Waits {
    /// Finds the questions that people mean by a name: the number of one or, if none has it, the name of
    /// an operation.
    pub fn called(&self, name: &str) -> Vec<&PendingQuestion> {
        let numbered = |one: &&PendingQuestion| name.parse() == Ok(one.number);
        let found: Vec<&PendingQuestion> = self.questions.iter().filter(numbered).collect();
        if !found.is_empty() {
            return found;
        }
        self.questions.iter().filter(|one| one.op.as_deref() == Some(name)).collect()
    }

    /// Returns when the run can continue without an answer, in milliseconds since 1970, if it ever can.
    pub fn due(&self) -> Option<i64> {
        let timers = self.timers.iter().map(|timer| timer.due);
        self.questions.iter().filter_map(|question| question.due).chain(timers).min()
    }

    /// Returns the time that the script itself waits for first.
    pub fn wakes(&self) -> Option<i64> {
        let sleeps = self.timers.iter().filter(|timer| timer.timer == Timer::Sleep);
        sleeps.map(|timer| timer.due).min()
    }
}
