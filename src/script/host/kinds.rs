//! The words by which scripts name kinds of things.

/// The words for what an operation of a model does.
pub(crate) const OPERATION_KINDS: &[&str] =
    &["communicate", "chat", "operate", "react", "parse", "act", "ask"];

/// The kinds of event that a listener may name.
pub(crate) const EVENT_KINDS: &[&str] = &[
    "any",
    "flow_started",
    "expanded",
    "op_started",
    "attempt_started",
    "attempt_ended",
    "op_ended",
    "flow_ended",
];
