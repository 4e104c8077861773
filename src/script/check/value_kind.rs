//! What `check` can know of a value.

use crate::script::host::shape::{PropertyShape, Shape};

/// What is known of a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ValueKind {
    /// One of kaizen's own values.
    Handle(String),
    /// The node of an operation of this name.
    Node(String),
    /// A map of a known shape.
    Map(&'static Shape),
    /// A list of such maps.
    List(&'static Shape),
    /// What an operation is given: the names of those that it depends on.
    Inputs(Vec<String>),
    /// Plain data of this type.
    Data(&'static str),
}

impl ValueKind {
    pub(super) fn of(held: PropertyShape) -> Option<ValueKind> {
        match held {
            PropertyShape::Any => None,
            PropertyShape::One(shape) => Some(ValueKind::Map(shape)),
            PropertyShape::Many(shape) => Some(ValueKind::List(shape)),
        }
    }

    /// Returns the word for its type, as functions name what they take.
    pub(super) fn word(&self) -> &str {
        match self {
            ValueKind::Handle(kind) => kind,
            ValueKind::Node(_) => "node",
            ValueKind::Map(_) | ValueKind::Inputs(_) => "map",
            ValueKind::List(_) => "array",
            ValueKind::Data(kind) => kind,
        }
    }
}
