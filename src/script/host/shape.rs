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
    /// A map of a shape, or `()`.
    One(&'static Shape),
    /// A list of such maps.
    Many(&'static Shape),
}

use PropertyShape::{Any, Many, One};

impl Shape {
    /// Returns what a property holds; `None` if there is no such property.
    pub(in crate::script) fn property(&self, name: &str) -> Option<PropertyShape> {
        self.properties.iter().find(|(known, _)| *known == name).map(|(_, held)| *held)
    }

    /// Returns the names of the properties.
    pub(in crate::script) fn names(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.properties.iter().map(|(name, _)| *name)
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
    ("report", "metrics", One(&METRICS)),
];

/// An error, as `catch` sees it.
pub(in crate::script) static ERROR: Shape = Shape {
    what: "the error",
    properties: &[
        ("kind", Any),
        ("message", Any),
        ("retryable", Any),
        ("cause", Any),
        ("tries", Any),
        ("retry_after_ms", Any),
        ("status", Any),
        ("op", Any),
        ("place", One(&PLACE)),
        ("frames", Any),
        ("thrown", Any),
        ("partial", Any),
        ("problems", Any),
        ("repairs", Any),
        ("tool", Any),
        ("args", Any),
        ("key", Any),
        ("steps", Any),
    ],
};

static PLACE: Shape = Shape {
    what: "the place of an error",
    properties: &[("file", Any), ("line", Any), ("column", Any)],
};

/// What came of a function that may have thrown.
pub(in crate::script) static OUTCOME: Shape = Shape {
    what: "the result of `attempt`",
    properties: &[("ok", Any), ("value", Any), ("error", One(&ERROR))],
};

/// The figures of a flow.
pub(in crate::script) static METRICS: Shape = Shape {
    what: "`metrics`",
    properties: &[
        ("execution_time", Any),
        ("completed_operations", Any),
        ("failed_operations", Any),
        ("skipped_operations", Any),
        ("cancelled_operations", Any),
        ("success_rate", Any),
        ("throughput", Any),
        ("parallel_efficiency", Any),
        ("speedup", Any),
        ("critical_path", Any),
        ("critical_path_time", Any),
        ("max_in_flight", Any),
        ("calls", Any),
        ("demo_calls", Any),
        ("retries", Any),
        ("repairs", Any),
        ("mended", Any),
        ("cut", Any),
        ("steps", Any),
        ("tool_calls", Any),
        ("tool_errors", Any),
        ("tool_time", Any),
        ("reused", Any),
        ("saved", Any),
        ("under_way", Any),
        ("tokens", One(&TOKENS)),
        ("cost", Any),
    ],
};

static TOKENS: Shape = Shape {
    what: "`tokens`",
    properties: &[
        ("input_uncached", Any),
        ("cache_read", Any),
        ("cache_write", Any),
        ("output_visible", Any),
        ("reasoning", Any),
        ("input", Any),
        ("output", Any),
    ],
};

/// The tokens of a branch.
pub(in crate::script) static USAGE: Shape = Shape {
    what: "`usage`",
    properties: &[
        ("input_uncached", Any),
        ("cache_read", Any),
        ("cache_write", Any),
        ("output_visible", Any),
        ("reasoning", Any),
        ("input", Any),
        ("output", Any),
        ("unknown", Any),
    ],
};

/// One message of a branch.
pub(in crate::script) static MESSAGE: Shape =
    Shape { what: "a message", properties: &[("role", Any), ("content", Any), ("calls", Any)] };

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
        ("kind", Any),
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
    properties: &[("kind", Any), ("flow", Any), ("op", Any), ("ops", Any)],
};

static OP_STARTED: Shape = Shape {
    what: "an `op_started` event",
    properties: &[("kind", Any), ("flow", Any), ("op", Any), ("name", Any)],
};

static ATTEMPT_STARTED: Shape = Shape {
    what: "an `attempt_started` event",
    properties: &[
        ("kind", Any),
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
        ("kind", Any),
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
        ("kind", Any),
        ("flow", Any),
        ("op", Any),
        ("outcome", Any),
        ("value", Any),
        ("failure", Any),
        ("reason", Any),
    ],
};

static FLOW_ENDED: Shape =
    Shape { what: "a `flow_ended` event", properties: &[("kind", Any), ("flow", Any)] };

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
    properties: &[("calls", Any), ("cost", Any), ("under_way", Any)],
};

/// How a program ended.
pub(in crate::script) static COMMAND: Shape = Shape {
    what: "the result of `command`",
    properties: &[("code", Any), ("stdout", Any), ("stderr", Any)],
};

/// A choice of a pattern.
pub(in crate::script) static RECOMMENDATION: Shape = Shape {
    what: "a recommendation",
    properties: &[
        ("pattern", Any),
        ("score", Any),
        ("interval", Any),
        ("n", Any),
        ("reason", Any),
        ("guess", Any),
        ("best", Any),
        ("probability", Any),
        ("explored", Any),
        ("changed", One(&CHANGE)),
        ("task_type", Any),
        ("alternatives", Many(&ALTERNATIVE)),
        ("success_rate", Any),
        ("quality", Any),
        ("execution_time", Any),
        ("cost", Any),
        ("tokens", Any),
        ("avoided", Any),
        ("execution", Any),
    ],
};

static ALTERNATIVE: Shape = Shape {
    what: "an alternative",
    properties: &[
        ("pattern", Any),
        ("score", Any),
        ("interval", Any),
        ("n", Any),
        ("success_rate", Any),
        ("quality", Any),
        ("execution_time", Any),
        ("cost", Any),
        ("tokens", Any),
        ("best", Any),
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
        ("pattern", Any),
        ("score", Any),
        ("task_type", Any),
        ("reason", Any),
        ("best", Any),
        ("probability", Any),
        ("explored", Any),
        ("metrics", One(&METRICS)),
    ],
};

/// What a comparison of patterns found.
pub(in crate::script) static COMPARISON: Shape = Shape {
    what: "the result of `compare`",
    properties: &[
        ("verdict", Any),
        ("winner", Any),
        ("reason", Any),
        ("pair", Any),
        ("difference", Any),
        ("interval", Any),
        ("likely", Any),
        ("inputs", Any),
        ("stopped", Any),
        ("patterns", Many(&COMPARED)),
        ("to_decide", Any),
        ("shares", Any),
        ("objective", Any),
        ("task_type", Any),
        ("judge", Any),
        ("scale", Any),
        ("calls", Any),
        ("cost", Any),
        ("fingerprint", Any),
    ],
};

static COMPARED: Shape = Shape {
    what: "a pattern of the result of `compare`",
    properties: &[
        ("pattern", Any),
        ("n", Any),
        ("executions", Any),
        ("score", Any),
        ("interval", Any),
        ("success_rate", Any),
        ("quality", Any),
        ("execution_time", Any),
        ("cost", Any),
        ("tokens", Any),
        ("calls", Any),
        ("models", Any),
        ("left_out", Any),
    ],
};

/// What the history of an optimizer says.
pub(in crate::script) static INSIGHTS: Shape = Shape {
    what: "the result of `get_insights`",
    properties: &[
        ("most_used_pattern", Any),
        ("fastest_pattern", Any),
        ("total_executions", Any),
        ("pattern_usage", Any),
        ("avg_performance", Any),
        ("by_task", Any),
        ("insight", Any),
    ],
};

/// What a failure teaches.
pub(in crate::script) static LESSON: Shape = Shape {
    what: "the result of `analyze_failure`",
    properties: &[
        ("pattern", Any),
        ("task_type", Any),
        ("kind", Any),
        ("class", Any),
        ("message", Any),
        ("lesson", Any),
    ],
};

/// What the evolution of a text found.
pub(in crate::script) static EVOLUTION: Shape = Shape {
    what: "the result of `evolve`",
    properties: &[
        ("text", Any),
        ("improved", Any),
        ("best", Any),
        ("verdict", Any),
        ("reason", Any),
        ("difference", Any),
        ("interval", Any),
        ("before", One(&CONFIRMATION)),
        ("after", One(&CONFIRMATION)),
        ("candidates", Any),
        ("proposals", Any),
        ("accepted", Any),
        ("failed", Any),
        ("stopped", Any),
        ("calls", Any),
        ("cost", Any),
    ],
};

static CONFIRMATION: Shape = Shape {
    what: "a result of `evolve` on the held-out items",
    properties: &[("score", Any), ("interval", Any), ("n", Any)],
};

/// An answer with what led to it: `trace: true`.
pub(in crate::script) static TRACED: Shape = Shape {
    what: "the result with `trace: true`",
    properties: &[
        ("value", Any),
        ("steps", Many(&STEP)),
        ("calls", Any),
        ("tool_calls", Any),
        ("cost", Any),
        ("stopped", Any),
    ],
};

static STEP: Shape =
    Shape { what: "a step", properties: &[("thought", Any), ("calls", Many(&TOOL_CALL))] };

static TOOL_CALL: Shape = Shape {
    what: "a call of a step",
    properties: &[("tool", Any), ("args", Any), ("result", Any), ("error", Any), ("ms", Any)],
};

/// The failures of one kind.
pub(in crate::script) static FAILURES: Shape = Shape {
    what: "an item of `failures`",
    properties: &[
        ("task_type", Any),
        ("pattern", Any),
        ("kind", Any),
        ("class", Any),
        ("count", Any),
        ("message", Any),
        ("lesson", Any),
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
