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

/// The functions whose first argument names a model, where it is a text.
pub(crate) const TAKES_MODEL: &[&str] = &[
    "best_of",
    "branch",
    "cascade",
    "debate",
    "decompose",
    "direct",
    "fan_out",
    "few_shot",
    "imodel",
    "judged_by",
    "refine",
    "sequential",
    "tool_vote",
    "vote",
];

/// The options that name models, with their functions.
pub(crate) const MODEL_OPTIONS: &[(&str, &str)] = &[
    ("branch", "model"),
    ("branch_from", "model"),
    ("cascade", "models"),
    ("evolve", "reflector"),
];
