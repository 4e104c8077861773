//! What is wrong with one part of a value.

/// A part of a value that is not what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Problem {
    /// Where the part stands, as a JSON pointer; empty for the value as a whole.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

impl Problem {
    /// Creates a problem of the value as a whole.
    pub fn of_all(message: impl Into<String>) -> Problem {
        Problem { path: String::new(), message: message.into() }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.path.is_empty() {
            return f.write_str(&self.message);
        }
        write!(f, "{} at `{}`", self.message, self.path)
    }
}
