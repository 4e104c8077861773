//! The verdict of a comparison, as the end of a run keeps it.

use serde_json::{Value, json};

/// What a comparison of patterns found, in its own words.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ComparisonVerdict {
    /// The task type.
    pub task_type: String,
    /// The verdict, and why.
    pub reason: String,
    /// What counted.
    pub objective: String,
    /// The figures of each pattern and the chance of the one that is ahead, for those who repeat the verdict;
    /// null in older journals.
    #[serde(skip_serializing_if = "Value::is_null", default)]
    pub figures: Value,
}

impl ComparisonVerdict {
    /// Reads it from what a comparison gave.
    pub fn of(found: &Value) -> ComparisonVerdict {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        ComparisonVerdict {
            task_type: text(&found["task_type"]),
            reason: text(&found["reason"]),
            objective: text(&found["objective"]["name"]),
            figures: json!({ "patterns": found["patterns"], "likely": found["likely"] }),
        }
    }
}
