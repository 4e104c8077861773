//! What `check` can know of a value.

use crate::script::diagnostic::forms::CallForm;
use crate::script::diagnostic::type_word::{self, HANDLES};
use crate::script::host::shape::{PropertyShape, Shape};
use rhai::Position;

/// A field of an answer under a literal schema.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AnswerField {
    pub(super) name: String,
    /// The texts that it may be, if they are few.
    pub(super) words: Option<Vec<String>>,
    /// What it holds, if that is certain.
    pub(super) kind: Option<Box<ValueKind>>,
}

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
    /// An answer under a literal schema: its fields.
    Answer(Vec<AnswerField>),
    /// Plain data of this type.
    Data(&'static str),
}

/// A property that a value does not have.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct UnknownPart {
    pub(super) of: ValueKind,
    pub(super) name: String,
    pub(super) position: Position,
    pub(super) is_index: bool,
}

impl ValueKind {
    pub(super) fn of(held: PropertyShape) -> Option<ValueKind> {
        match held {
            PropertyShape::Any => None,
            PropertyShape::Data(word) => Some(ValueKind::Data(word)),
            PropertyShape::One(shape) => Some(ValueKind::Map(shape)),
            PropertyShape::Many(shape) => Some(ValueKind::List(shape)),
        }
    }

    /// Returns what all these forms of a function give, if they give the same and it is known.
    pub(super) fn returned<'a>(mut forms: impl Iterator<Item = &'a CallForm>) -> Option<ValueKind> {
        let first = ValueKind::named(forms.next()?)?;
        forms.all(|form| ValueKind::named(form).as_ref() == Some(&first)).then_some(first)
    }

    /// Returns what a form of a function gives, if that is plain data.
    pub(super) fn data_of(form: &CallForm) -> Option<ValueKind> {
        ValueKind::of_data(form.gives.as_deref()?)
    }

    /// Returns plain data of a type, by its word.
    fn of_data(word: &str) -> Option<ValueKind> {
        type_word::plain(word).map(ValueKind::Data)
    }

    /// Returns what a form of a function gives.
    fn named(form: &CallForm) -> Option<ValueKind> {
        let gives = form.gives.as_deref()?;
        let handle = HANDLES.iter().find(|handle| **handle == gives);
        let handle = handle.map(|handle| ValueKind::Handle((*handle).to_owned()));
        handle.or_else(|| ValueKind::of_data(gives))
    }

    /// Tells whether a function may be called on it, as a method.
    pub(super) fn has(&self, form: &CallForm) -> bool {
        fits_first(form, self.word())
    }

    /// Returns the word for its type, as functions name what they take.
    pub(super) fn word(&self) -> &str {
        match self {
            ValueKind::Handle(kind) => kind,
            ValueKind::Node(_) => "node",
            ValueKind::Map(_) | ValueKind::Inputs(_) | ValueKind::Answer(_) => "map",
            ValueKind::List(_) => "array",
            ValueKind::Data(kind) => kind,
        }
    }
}

/// Tells whether a function may be called on a value of a type.
pub(super) fn fits_first(form: &CallForm, kind: &str) -> bool {
    // What has no word in scripts may be anything.
    let is_other = |first: &str| {
        let is_open = first == "any" || first == "?";
        if HANDLES.contains(&kind) { !is_open } else { type_word::is_certain(first) }
    };
    form.is_script || form.params.first().is_none_or(|first| first == kind || !is_other(first))
}
