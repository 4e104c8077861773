//! What a server of tools answered in a test, as a cassette has it. Equal questions stand in the order in
//! which they were asked.

use crate::base::secret::clean;
use crate::journal::inquiry::Inquiry;
use serde_json::Value;

/// One line of a cassette: a question to a server of tools, and its answer, without secrets.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultLine {
    /// What was asked.
    pub asked: Inquiry,
    /// What was told.
    pub told: Value,
}

impl ResultLine {
    /// Creates a line.
    pub fn new(asked: &Inquiry, told: &Value) -> ResultLine {
        ResultLine { asked: asked.clone().without_secrets(), told: clean(told.clone()) }
    }
}

/// The answers of servers in one cassette.
#[derive(Debug, Clone, Default)]
pub struct ResultLines(Vec<ResultLine>);

impl ResultLines {
    /// Puts lines into the order of the file.
    pub fn of(mut lines: Vec<ResultLine>) -> ResultLines {
        lines.sort_by_cached_key(|line| line.asked.to_string());
        ResultLines(lines)
    }

    /// Returns the lines in the order of the file.
    pub fn lines(&self) -> &[ResultLine] {
        &self.0
    }

    /// Returns the answer to a question that was asked `nth` times before.
    pub fn get(&self, what: &Inquiry, nth: u32) -> Option<&Value> {
        let equal = self.0.iter().filter(|line| line.asked == *what);
        equal.map(|line| &line.told).nth(usize::try_from(nth).ok()?)
    }

    /// Returns how many answers there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there is no answer.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
