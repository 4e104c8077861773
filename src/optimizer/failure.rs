//! What a failure teaches. Decided by the kind of the failure alone: the words of a message say
//! nothing reliable.

/// The class that a kind of failure belongs to, and what to learn from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lesson {
    /// The class.
    pub class: &'static str,
    /// What to do about it.
    pub lesson: &'static str,
}

/// Classes of failure that say nothing about the pattern: whatever had been tried would have failed.
const BLAMELESS: &[&str] = &["overload", "provider", "setup", "stopped"];

impl Lesson {
    /// Tells whether such a failure speaks against the pattern that was used.
    pub fn blames_pattern(&self) -> bool {
        !BLAMELESS.contains(&self.class)
    }

    /// Tells whether such a failure says that what the pattern needs does not work for now.
    pub fn is_outage(&self) -> bool {
        !self.blames_pattern() && self.class != "stopped"
    }
}

/// Kinds of failure, their class, and the lesson.
const LESSONS: &[(&[&str], &str, &str)] = &[
    (
        &["rate_limited"],
        "overload",
        "the provider was asked too much at once: lower `max_concurrent` or set `requests_per_minute`",
    ),
    (
        &["server", "network"],
        "provider",
        "the provider or the way to it failed: the pattern is not to blame; try again later",
    ),
    (
        &["timeout"],
        "time",
        "it took too long: raise `timeout_ms`, or split the task into smaller operations",
    ),
    (
        &["unauthorized", "not_found", "setup", "model"],
        "setup",
        "the model is not set up: check the key and the model's name; no pattern can work",
    ),
    (
        &["quota"],
        "setup",
        "the account has no quota left: add to it, or use another model; no pattern can work",
    ),
    (
        &["bad_request", "option", "param", "script", "thrown", "graph", "json", "file", "import"],
        "request",
        "the workflow asked for something that cannot work: correct the script",
    ),
    (
        &["length"],
        "length",
        "the answer did not fit: raise `max_tokens`, or ask for less in one operation",
    ),
    (
        &["cut_off", "ended", "empty", "bad_reply", "invalid_output", "too_large"],
        "reply",
        "the reply was unusable: try again, or ask for a simpler form of answer",
    ),
    (
        &["refused"],
        "refusal",
        "the model would not answer: put the task in other words, or use another model",
    ),
    (
        &["wrong_answer"],
        "quality",
        "the answer was wrong: give examples, let several answers vote, or split the task",
    ),
    (
        &["dependent_tasks_run_in_parallel", "missing_input"],
        "order",
        "steps that need one another ran at once: connect them with `depends_on`",
    ),
    (
        &["overkill"],
        "effort",
        "the pattern did more than the task needs: use a simpler one, such as `direct`",
    ),
    (
        &["skipped", "cancelled", "interrupted"],
        "stopped",
        "it was stopped before its end: look at the operation that failed first",
    ),
    (
        &["budget", "permission", "store", "diverged", "cassette"],
        "stopped",
        "the run was not allowed to go on: raise its budget, or grant what it needs",
    ),
];

/// Returns what a kind of failure teaches.
pub fn lesson(kind: &str) -> Lesson {
    let known = LESSONS.iter().find(|(kinds, ..)| kinds.contains(&kind));
    known.map_or(
        Lesson { class: "other", lesson: "look at the failed run with `kaizen show @fail`" },
        |(_, class, lesson)| Lesson { class, lesson },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_that_is_down_is_no_patterns_fault() {
        assert!(!lesson("network").blames_pattern());
        assert!(!lesson("unauthorized").blames_pattern());
        assert!(lesson("unauthorized").is_outage() && !lesson("budget").is_outage());
        assert!(!lesson("budget").blames_pattern());
        assert!(lesson("wrong_answer").blames_pattern() && !lesson("wrong_answer").is_outage());
        assert!(lesson("failed").blames_pattern());
    }

    #[test]
    fn a2_the_kind_decides_and_not_the_words() {
        assert_eq!(lesson("unauthorized").class, "setup");
        assert_eq!(lesson("write a footstep sound").class, "other");
        assert_eq!(lesson("dependent_tasks_run_in_parallel").class, "order");
    }
}
