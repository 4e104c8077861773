//! The shapes of branches and reports as plain data, and what maps of other shapes wrap.

use crate::script::host::shape::PropertyShape::{self, Any, Data, Many, One};
use crate::script::host::shape::{
    COMMAND, ERROR, ERRORS, EVOLUTION, EXECUTION, MESSAGE, METRICS, OPERATION_RESULTS, OUTCOME,
    Shape, TRACED,
};

const LIST: PropertyShape = Data("array");
const TEXT: PropertyShape = Data("string");

impl Shape {
    /// Returns the property that holds what such a map wraps, if it wraps a text or a value.
    pub(in crate::script) fn content(&self) -> Option<&'static str> {
        let mut wrapping = WRAPPING.iter();
        wrapping.find(|(shape, _)| std::ptr::eq(*shape, self)).map(|(_, name)| *name)
    }
}

/// Returns what a method of a handle gives, where other handles have a method of the same name.
pub(in crate::script) fn given_by_method(handle: &str, word: &str) -> Option<PropertyShape> {
    let mut given = METHODS.iter();
    given.find(|(of, name, _)| *of == handle && *name == word).map(|(.., held)| *held)
}

/// What methods of handles give.
const METHODS: &[(&str, &str, PropertyShape)] =
    &[("branch", "to_map", One(&BRANCH_DATA)), ("report", "to_map", One(&REPORT_DATA))];

/// The maps that wrap a text or a value, and the property that holds it.
const WRAPPING: &[(&Shape, &str)] = &[
    (&COMMAND, "stdout"),
    (&ERROR, "message"),
    (&EVOLUTION, "text"),
    (&EXECUTION, "value"),
    (&MESSAGE, "content"),
    (&OUTCOME, "value"),
    (&TRACED, "value"),
];

/// A branch as plain data.
pub(in crate::script) static BRANCH_DATA: Shape = Shape {
    what: "the map of a branch",
    properties: &[("model", Any), ("system", TEXT), ("name", TEXT), ("exchanges", Many(&EXCHANGE))],
};

static EXCHANGE: Shape = Shape {
    what: "an exchange",
    properties: &[("question", TEXT), ("answer", TEXT), ("steps", LIST), ("images", LIST)],
};

/// A report as plain data.
pub(in crate::script) static REPORT_DATA: Shape = Shape {
    what: "the map of a report",
    properties: &[
        ("name", TEXT),
        ("completed_operations", LIST),
        ("failed_operations", LIST),
        ("skipped_operations", LIST),
        ("cancelled_operations", LIST),
        ("cut_operations", LIST),
        ("operation_results", One(&OPERATION_RESULTS)),
        ("errors", One(&ERRORS)),
        ("metrics", One(&METRICS)),
    ],
};
