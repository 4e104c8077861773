//! The shapes of the maps that kaizen's words give: which properties each has. One table, by which a
//! misspelt property is found before a script runs and while it runs.

use std::sync::LazyLock;

/// The shape of one kind of map.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::script) struct Shape {
    /// What errors call such a map.
    pub(in crate::script) what: &'static str,
    /// Its properties, and what each of them holds. One that a map lacks is `()`.
    pub(in crate::script) properties: &'static [(&'static str, PropertyShape)],
}

/// What a word gives or a property holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::script) enum PropertyShape {
    /// Anything.
    Any,
    /// Plain data of this type, or `()` where it is not known.
    Data(&'static str),
    /// A map of a shape, or `()`.
    One(&'static Shape),
    /// A list of such maps.
    Many(&'static Shape),
}

use PropertyShape::{Any, Data, Many, One};

const LIST: PropertyShape = Data("array");
const MAP: PropertyShape = Data("map");
const NUMBER: PropertyShape = Data("float");
const TEXT: PropertyShape = Data("string");
const TRUTH: PropertyShape = Data("bool");
const WHOLE: PropertyShape = Data("int");

/// Stands for every name, in a map whose names a script or a run has chosen.
const EVERY: &str = "*";

impl Shape {
    /// Returns what a property holds; `None` if there is no such property.
    pub(in crate::script) fn property(&self, name: &str) -> Option<PropertyShape> {
        let held = |wanted| self.properties.iter().find(|(known, _)| *known == wanted);
        held(name).or_else(|| held(EVERY)).map(|(_, held)| *held)
    }

    /// Returns the names of the properties.
    pub(in crate::script) fn names(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.properties.iter().map(|(name, _)| *name).filter(|name| *name != EVERY)
    }
}

/// Returns what a function gives, if it gives maps of a known shape. With `settle`, `gather` and
/// `parallel` give a list of outcomes.
pub(in crate::script) fn given_by(word: &str) -> Option<PropertyShape> {
    GIVEN.iter().find(|(known, _)| *known == word).map(|(_, held)| *held)
}

/// Returns what a property of a handle holds, if that is a map of a known shape.
pub(in crate::script) fn held_by(handle: &str, property: &str) -> Option<PropertyShape> {
    let mut held = HELD.iter();
    held.find(|(of, name, _)| *of == handle && *name == property).map(|(.., held)| *held)
}

/// What functions give.
const GIVEN: &[(&str, PropertyShape)] = &[
    ("analyze_failure", One(&LESSON)),
    ("assert_throws", One(&ERROR)),
    ("attempt", One(&OUTCOME)),
    ("command", One(&COMMAND)),
    ("compare", One(&COMPARISON)),
    ("evolve", One(&EVOLUTION)),
    ("failure", One(&ERROR)),
    ("failures", Many(&FAILURES)),
    ("get_insights", One(&INSIGHTS)),
    ("recommend", One(&RECOMMENDATION)),
    ("run", One(&EXECUTION)),
    ("used", One(&USED)),
];

/// What properties of handles hold.
const HELD: &[(&str, &str, PropertyShape)] = &[
    ("branch", "messages", Many(&MESSAGE)),
    ("branch", "usage", One(&USAGE)),
    ("report", "errors", One(&ERRORS)),
    ("report", "metrics", One(&METRICS)),
    ("report", "operation_results", One(&OPERATION_RESULTS)),
];

/// An error, as `catch` sees it.
pub(in crate::script) static ERROR: Shape = Shape {
    what: "the error",
    properties: &[
        ("kind", TEXT),
        ("message", TEXT),
        ("retryable", TRUTH),
        ("cause", TEXT),
        ("tries", WHOLE),
        ("retry_after_ms", WHOLE),
        ("status", WHOLE),
        ("op", TEXT),
        ("place", One(&PLACE)),
        ("frames", LIST),
        ("thrown", Any),
        ("partial", TEXT),
        ("problems", LIST),
        ("repairs", WHOLE),
        ("tool", TEXT),
        ("args", Any),
        ("key", TEXT),
        ("steps", WHOLE),
        ("undone", TRUTH),
    ],
};

static PLACE: Shape = Shape {
    what: "the place of an error",
    properties: &[("file", TEXT), ("line", WHOLE), ("column", WHOLE)],
};

/// What came of a function that may have thrown.
pub(in crate::script) static OUTCOME: Shape = Shape {
    what: "the result of `attempt`",
    properties: &[("ok", TRUTH), ("value", Any), ("error", One(&ERROR))],
};

/// What the operations of a flow gave, by their names.
pub(in crate::script) static OPERATION_RESULTS: Shape =
    Shape { what: "`operation_results`", properties: &[(EVERY, Any)] };

/// The errors of operations, by their names.
pub(in crate::script) static ERRORS: Shape =
    Shape { what: "`errors`", properties: &[(EVERY, One(&ERROR))] };

/// The figures of a flow.
pub(in crate::script) static METRICS: Shape = Shape {
    what: "`metrics`",
    properties: &[
        ("execution_time", NUMBER),
        ("completed_operations", WHOLE),
        ("failed_operations", WHOLE),
        ("skipped_operations", WHOLE),
        ("cancelled_operations", WHOLE),
        ("success_rate", NUMBER),
        ("throughput", NUMBER),
        ("parallel_efficiency", NUMBER),
        ("speedup", NUMBER),
        ("critical_path", LIST),
        ("critical_path_time", NUMBER),
        ("max_in_flight", WHOLE),
        ("calls", WHOLE),
        ("demo_calls", WHOLE),
        ("retries", WHOLE),
        ("repairs", WHOLE),
        ("mended", WHOLE),
        ("cut", WHOLE),
        ("steps", WHOLE),
        ("tool_calls", WHOLE),
        ("tool_errors", WHOLE),
        ("tool_time", NUMBER),
        ("reused", WHOLE),
        ("saved", NUMBER),
        ("under_way", WHOLE),
        ("tokens", One(&TOKENS)),
        ("cost", NUMBER),
    ],
};

static TOKENS: Shape = Shape {
    what: "`tokens`",
    properties: &[
        ("input_uncached", WHOLE),
        ("cache_read", WHOLE),
        ("cache_write", WHOLE),
        ("output_visible", WHOLE),
        ("reasoning", WHOLE),
        ("input", WHOLE),
        ("output", WHOLE),
    ],
};

/// The tokens of a branch.
pub(in crate::script) static USAGE: Shape = Shape {
    what: "`usage`",
    properties: &[
        ("input_uncached", WHOLE),
        ("cache_read", WHOLE),
        ("cache_write", WHOLE),
        ("output_visible", WHOLE),
        ("reasoning", WHOLE),
        ("input", WHOLE),
        ("output", WHOLE),
        ("unknown", WHOLE),
    ],
};

/// One message of a branch.
pub(in crate::script) static MESSAGE: Shape =
    Shape { what: "a message", properties: &[("role", TEXT), ("content", TEXT), ("calls", LIST)] };

/// Returns the shape of the events of a kind, as listeners name it.
pub(in crate::script) fn of_event(kind: &str) -> Option<&'static Shape> {
    if kind == "any" {
        return Some(&ANY_EVENT);
    }
    EVENTS.iter().find(|(known, _)| *known == kind).map(|(_, shape)| *shape)
}

/// The events that listeners hear.
const EVENTS: &[(&str, &Shape)] = &[
    ("attempt_ended", &ATTEMPT_ENDED),
    ("attempt_started", &ATTEMPT_STARTED),
    ("expanded", &EXPANDED),
    ("flow_ended", &FLOW_ENDED),
    ("flow_started", &FLOW_STARTED),
    ("op_ended", &OP_ENDED),
    ("op_started", &OP_STARTED),
];

static FLOW_STARTED: Shape = Shape {
    what: "a `flow_started` event",
    properties: &[
        ("kind", TEXT),
        ("flow", Any),
        ("name", Any),
        ("ops", Any),
        ("max_concurrent", Any),
        ("within", Any),
        ("at", Any),
    ],
};

static EXPANDED: Shape = Shape {
    what: "an `expanded` event",
    properties: &[("kind", TEXT), ("flow", Any), ("op", Any), ("ops", Any)],
};

static OP_STARTED: Shape = Shape {
    what: "an `op_started` event",
    properties: &[("kind", TEXT), ("flow", Any), ("op", Any), ("name", Any)],
};

static ATTEMPT_STARTED: Shape = Shape {
    what: "an `attempt_started` event",
    properties: &[
        ("kind", TEXT),
        ("flow", Any),
        ("op", Any),
        ("attempt", Any),
        ("model", Any),
        ("demo", Any),
        ("prompt", Any),
        ("history", Any),
        ("key", Any),
        ("sample", Any),
        ("at", Any),
        ("before", Any),
        ("terms", Any),
        ("repair", Any),
        ("newest", Any),
        ("step", Any),
    ],
};

static ATTEMPT_ENDED: Shape = Shape {
    what: "an `attempt_ended` event",
    properties: &[
        ("kind", TEXT),
        ("flow", Any),
        ("op", Any),
        ("attempt", Any),
        ("demo", Any),
        ("reused", Any),
        ("again", Any),
        ("reply", Any),
        ("cut", Any),
        ("calls", Any),
        ("opaque", Any),
        ("usage", Any),
        ("cost", Any),
        ("served_by", Any),
        ("failure", Any),
        ("retry_in_ms", Any),
        ("mended", Any),
    ],
};

static OP_ENDED: Shape = Shape {
    what: "an `op_ended` event",
    properties: &[
        ("kind", TEXT),
        ("flow", Any),
        ("op", Any),
        ("outcome", Any),
        ("value", Any),
        ("failure", Any),
        ("reason", Any),
    ],
};

static FLOW_ENDED: Shape =
    Shape { what: "a `flow_ended` event", properties: &[("kind", TEXT), ("flow", Any)] };

/// What a listener of all events gets: each property that one of them has.
static ANY_EVENT: LazyLock<Shape> = LazyLock::new(|| {
    let mut all: Vec<(&str, PropertyShape)> = Vec::new();
    for property in EVENTS.iter().flat_map(|(_, shape)| shape.properties) {
        if all.iter().all(|(known, _)| *known != property.0) {
            all.push(*property);
        }
    }

    // It is made once, and there for good.
    Shape { what: "an event", properties: all.leak() }
});

/// What a run has used up.
pub(in crate::script) static USED: Shape = Shape {
    what: "the result of `used`",
    properties: &[("calls", WHOLE), ("cost", NUMBER), ("under_way", WHOLE)],
};

/// How a program ended.
pub(in crate::script) static COMMAND: Shape = Shape {
    what: "the result of `command`",
    properties: &[("code", WHOLE), ("stdout", TEXT), ("stderr", TEXT)],
};

/// A choice of a pattern.
pub(in crate::script) static RECOMMENDATION: Shape = Shape {
    what: "a recommendation",
    properties: &[
        ("pattern", TEXT),
        ("score", NUMBER),
        ("interval", LIST),
        ("n", WHOLE),
        ("reason", TEXT),
        ("guess", TRUTH),
        ("best", NUMBER),
        ("probability", NUMBER),
        ("explored", TRUTH),
        ("changed", One(&CHANGE)),
        ("task_type", TEXT),
        ("alternatives", Many(&ALTERNATIVE)),
        ("success_rate", NUMBER),
        ("quality", NUMBER),
        ("execution_time", NUMBER),
        ("cost", NUMBER),
        ("tokens", NUMBER),
        ("avoided", Any),
        ("execution", TEXT),
    ],
};

static ALTERNATIVE: Shape = Shape {
    what: "an alternative",
    properties: &[
        ("pattern", TEXT),
        ("score", NUMBER),
        ("interval", LIST),
        ("n", WHOLE),
        ("success_rate", NUMBER),
        ("quality", NUMBER),
        ("execution_time", NUMBER),
        ("cost", NUMBER),
        ("tokens", NUMBER),
        ("best", NUMBER),
        ("changed", One(&CHANGE)),
        ("avoided", Any),
    ],
};

static CHANGE: Shape =
    Shape { what: "a change", properties: &[("from", Any), ("to", Any), ("at", Any)] };

/// What a pattern did that an optimizer chose.
pub(in crate::script) static EXECUTION: Shape = Shape {
    what: "the result of `run`",
    properties: &[
        ("value", Any),
        ("pattern", TEXT),
        ("score", NUMBER),
        ("task_type", TEXT),
        ("reason", TEXT),
        ("best", NUMBER),
        ("probability", NUMBER),
        ("explored", TRUTH),
        ("metrics", One(&METRICS)),
    ],
};

/// What a comparison of patterns found.
pub(in crate::script) static COMPARISON: Shape = Shape {
    what: "the result of `compare`",
    properties: &[
        ("verdict", TEXT),
        ("winner", TEXT),
        ("reason", TEXT),
        ("pair", LIST),
        ("difference", NUMBER),
        ("interval", LIST),
        ("likely", Any),
        ("inputs", WHOLE),
        ("stopped", TEXT),
        ("failure", One(&COMPARISON_FAILURE)),
        ("patterns", Many(&COMPARED)),
        ("to_decide", Any),
        ("shares", Any),
        ("objective", Any),
        ("task_type", TEXT),
        ("judge", Any),
        ("scale", Any),
        ("calls", WHOLE),
        ("cost", NUMBER),
        ("fingerprint", MAP),
    ],
};

static COMPARISON_FAILURE: Shape =
    Shape { what: "`failure`", properties: &[("kind", TEXT), ("message", TEXT)] };

static COMPARED: Shape = Shape {
    what: "a pattern of the result of `compare`",
    properties: &[
        ("pattern", TEXT),
        ("n", WHOLE),
        ("executions", WHOLE),
        ("score", NUMBER),
        ("interval", LIST),
        ("success_rate", NUMBER),
        ("quality", NUMBER),
        ("execution_time", NUMBER),
        ("cost", NUMBER),
        ("tokens", NUMBER),
        ("calls", WHOLE),
        ("models", LIST),
        ("left_out", TRUTH),
    ],
};

/// What the history of an optimizer says.
pub(in crate::script) static INSIGHTS: Shape = Shape {
    what: "the result of `get_insights`",
    properties: &[
        ("most_used_pattern", TEXT),
        ("fastest_pattern", TEXT),
        ("total_executions", WHOLE),
        ("pattern_usage", MAP),
        ("avg_performance", MAP),
        ("by_task", One(&INSIGHTS_BY_TASK)),
        ("insight", TEXT),
    ],
};

/// What the history says, by task types.
static INSIGHTS_BY_TASK: Shape =
    Shape { what: "`by_task`", properties: &[(EVERY, One(&TASK_INSIGHTS))] };

static TASK_INSIGHTS: Shape = Shape {
    what: "a task type of `by_task`",
    properties: &[
        ("most_used_pattern", TEXT),
        ("fastest_pattern", TEXT),
        ("total_executions", WHOLE),
        ("pattern_usage", MAP),
        ("avg_performance", MAP),
    ],
};

/// What a failure teaches.
pub(in crate::script) static LESSON: Shape = Shape {
    what: "the result of `analyze_failure`",
    properties: &[
        ("pattern", TEXT),
        ("task_type", TEXT),
        ("kind", TEXT),
        ("class", TEXT),
        ("message", TEXT),
        ("lesson", TEXT),
    ],
};

/// What the evolution of a text found.
pub(in crate::script) static EVOLUTION: Shape = Shape {
    what: "the result of `evolve`",
    properties: &[
        ("text", TEXT),
        ("improved", TRUTH),
        ("best", TEXT),
        ("verdict", TEXT),
        ("reason", TEXT),
        ("difference", NUMBER),
        ("interval", LIST),
        ("before", One(&CONFIRMATION)),
        ("after", One(&CONFIRMATION)),
        ("candidates", LIST),
        ("proposals", WHOLE),
        ("accepted", WHOLE),
        ("failed", WHOLE),
        ("stopped", TEXT),
        ("calls", WHOLE),
        ("cost", NUMBER),
    ],
};

static CONFIRMATION: Shape = Shape {
    what: "a result of `evolve` on the held-out items",
    properties: &[("score", NUMBER), ("interval", LIST), ("n", WHOLE)],
};

/// An answer with what led to it: `trace: true`.
pub(in crate::script) static TRACED: Shape = Shape {
    what: "the result with `trace: true`",
    properties: &[
        ("value", Any),
        ("steps", Many(&STEP)),
        ("calls", WHOLE),
        ("tool_calls", WHOLE),
        ("cost", NUMBER),
        ("stopped", TEXT),
    ],
};

static STEP: Shape =
    Shape { what: "a step", properties: &[("thought", TEXT), ("calls", Many(&TOOL_CALL))] };

static TOOL_CALL: Shape = Shape {
    what: "a call of a step",
    properties: &[
        ("tool", TEXT),
        ("args", Any),
        ("result", Any),
        ("error", One(&ERROR)),
        ("ms", NUMBER),
    ],
};

/// The failures of one kind.
pub(in crate::script) static FAILURES: Shape = Shape {
    what: "an item of `failures`",
    properties: &[
        ("task_type", TEXT),
        ("pattern", TEXT),
        ("kind", TEXT),
        ("class", TEXT),
        ("count", WHOLE),
        ("message", TEXT),
        ("lesson", TEXT),
        ("avoided", Any),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::failure::{Failure, FailureDetail, Kind, Place};
    use crate::base::problem::Problem;
    use crate::metrics::Metrics;
    use crate::script::host::kinds::EVENT_KINDS;
    use serde_json::{Value, json};
    use std::collections::BTreeSet;
    use std::num::NonZeroU32;

    fn keys(value: &Value) -> BTreeSet<&str> {
        value.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect()
    }

    fn properties(shape: &Shape) -> BTreeSet<&'static str> {
        shape.names().collect()
    }

    #[test]
    fn metrics_have_the_figures_of_a_flow() {
        let critical_path = (vec!["a".to_owned()], 1.0);
        let metrics = Value::Object(Metrics { critical_path, ..Metrics::default() }.to_map());
        assert_eq!(properties(&METRICS), keys(&metrics));
        assert_eq!(properties(&TOKENS), keys(&metrics["tokens"]));
    }

    #[test]
    fn an_error_has_what_a_failure_has() {
        let failure = Failure {
            cause: Some(Box::new(Kind::Network)),
            tries: 2,
            retry_after_ms: NonZeroU32::new(1),
            status: Some(500),
            op: Some("a".into()),
            place: Some(Place { file: "a.rhai".into(), line: 1, column: 1 }),
            frames: vec!["in f".into()],
            thrown: Some(json!(1)),
            detail: Some(Box::new(FailureDetail {
                undone: true,
                partial: Some("half".into()),
                problems: vec![Problem::of_all("wrong")],
                repairs: Some(1),
                tool: Some("t".into()),
                args: Some(json!({})),
                key: Some("k".into()),
                steps: Some(1),
            })),
            ..Failure::new(Kind::Server, "down")
        };

        let map = failure.to_value();
        assert_eq!(properties(&ERROR), keys(&map));
        assert_eq!(properties(&PLACE), keys(&map["place"]));
    }

    #[test]
    fn listeners_hear_the_events_whose_shapes_are_known() {
        let shapes: BTreeSet<&str> = EVENTS.iter().map(|(kind, _)| *kind).collect();
        let kinds: BTreeSet<&str> =
            EVENT_KINDS.iter().copied().filter(|kind| *kind != "any").collect();
        assert_eq!(shapes, kinds);
    }
}
