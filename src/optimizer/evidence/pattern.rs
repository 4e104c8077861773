//! The names that experience is kept under: task types and patterns.

use crate::base::secret;
use std::fmt;

/// Longest name in characters.
const LENGTH_MAX: usize = 200;
/// Names that the guide uses for one pattern, and the name it is kept under.
const ALIASES: &[(&str, &str)] =
    &[("builder_graph", "builder"), ("asyncio_gather", "gather"), ("parallel", "gather")];

/// A name that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It has no letters.
    #[error("{what} needs a non-empty name")]
    Empty {
        /// What the name is for.
        what: &'static str,
    },
    /// It is a text rather than a name.
    #[error("the name of {what} has {length} characters; the maximum is {LENGTH_MAX}")]
    Long {
        /// What the name is for.
        what: &'static str,
        /// How long it is.
        length: usize,
    },
    /// It holds a secret. Taking that out could make one name of two.
    #[error(
        "the name of {what} contains a secret, and names are stored and shown; choose another name"
    )]
    Secret {
        /// What the name is for.
        what: &'static str,
    },
}

/// A task type, such as `analysis`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskType(String);

/// A strategy for doing a task, such as `direct` or `few_shot`, under its one name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(String);

impl TaskType {
    /// Accepts a name.
    pub fn new(name: &str) -> Result<TaskType, NameError> {
        checked("a task type", name).map(TaskType)
    }

    /// Accepts a name that the store holds: it was accepted when it was recorded.
    pub fn stored(name: &str) -> Result<TaskType, NameError> {
        sized("a task type", name).map(TaskType)
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name, as what it is kept under.
    pub fn into_name(self) -> String {
        self.0
    }
}

impl Pattern {
    /// Accepts a name; an alias becomes the name it stands for.
    pub fn new(name: &str) -> Result<Pattern, NameError> {
        checked("a pattern", name).map(Pattern::under_one_name)
    }

    /// Accepts a name that the store holds: it was accepted when it was recorded.
    pub fn stored(name: &str) -> Result<Pattern, NameError> {
        sized("a pattern", name).map(Pattern::under_one_name)
    }

    fn under_one_name(name: String) -> Pattern {
        let known = ALIASES.iter().find(|(alias, _)| *alias == name);
        Pattern(known.map_or(name, |(_, own)| (*own).to_owned()))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name, as what it is kept under.
    pub fn into_name(self) -> String {
        self.0
    }
}

impl fmt::Display for TaskType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Refuses a name that may not be kept.
fn checked(what: &'static str, name: &str) -> Result<String, NameError> {
    if secret::has_secret(name) {
        return Err(NameError::Secret { what });
    }

    sized(what, name)
}

fn sized(what: &'static str, name: &str) -> Result<String, NameError> {
    let length = name.chars().count();
    if name.trim().is_empty() {
        return Err(NameError::Empty { what });
    }
    if length > LENGTH_MAX {
        return Err(NameError::Long { what, length });
    }

    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guides_several_names_are_one_pattern() {
        let name = |text| Pattern::new(text).expect("a name").0;
        let names = ["builder_graph", "asyncio_gather", "parallel", "vote"].map(name);
        assert_eq!(names, ["builder", "gather", "gather", "vote"]);
        assert_eq!(Pattern::new(" "), Err(NameError::Empty { what: "a pattern" }));
    }

    #[test]
    fn a_name_that_holds_a_secret_is_refused() {
        let name = "use pattern-canary-7";
        assert!(TaskType::new(name).is_ok());
        drop(secret::Secret::new("pattern-canary-7"));
        assert_eq!(TaskType::new(name), Err(NameError::Secret { what: "a task type" }));
        assert_eq!(Pattern::new(name), Err(NameError::Secret { what: "a pattern" }));
        assert_eq!(Pattern::stored(name), Ok(Pattern(name.to_owned())));
    }
}
