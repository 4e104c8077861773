//! The maps that kaizen's words give. They are maps in everything but one: a property that such a map
//! cannot have is an error with a suggestion. A map of a script's own gives `()` for it.

use crate::base::spelling::nearest;
use crate::script::diagnostic::{mismatch, type_word};
use crate::script::host::shape::{PropertyShape, Shape};
use rhai::{Dynamic, Map};
use std::rc::Rc;

/// A map whose properties are known.
#[derive(Clone)]
pub(in crate::script) struct KnownMap {
    pub(in crate::script) fields: Map,
    pub(in crate::script) known: KnownNames,
}

/// Which properties a map may have.
#[derive(Clone)]
pub(in crate::script) enum KnownNames {
    /// Those of a shape.
    Of(&'static Shape),
    /// The names of operations.
    Operations {
        /// What errors call the map.
        what: &'static str,
        names: Rc<[String]>,
    },
    /// The names of the operations whose results another one is given.
    Inputs(Rc<[String]>),
}

impl KnownMap {
    /// Makes a map of a shape of values that need not be data.
    pub(in crate::script) fn of_values(shape: &'static Shape, fields: Map) -> Dynamic {
        // A property that is missing in the shape would be an error for scripts (K0030), though it is there.
        debug_assert!(
            fields.keys().all(|name| shape.property(name).is_some()),
            "a property of {} is missing in `shape.rs`: {:?}",
            shape.what,
            fields.keys().filter(|name| shape.property(name).is_none()).collect::<Vec<_>>()
        );

        debug_assert!(
            misfit(shape, &fields).is_none(),
            "`shape.rs` says that a property of {} is of another type: {:?}",
            shape.what,
            misfit(shape, &fields)
        );

        Dynamic::from(KnownMap { fields, known: KnownNames::Of(shape) })
    }

    /// Makes one of a map that a script made of the same shape; anything else stays as it is.
    pub(in crate::script) fn of_map(shape: &'static Shape, value: Dynamic) -> Dynamic {
        let Some(fields) = value.read_lock::<Map>().map(|map| map.clone()) else { return value };
        let held = |(name, value): (rhai::Identifier, Dynamic)| match shape.property(&name) {
            Some(PropertyShape::One(shape)) => (name, KnownMap::of_map(shape, value)),
            Some(PropertyShape::Many(_) | PropertyShape::Any | PropertyShape::Data(_)) | None => {
                (name, value)
            }
        };
        KnownMap::of_values(shape, fields.into_iter().map(held).collect())
    }

    /// Makes a map of what operations gave, by their names. Those that gave nothing are `()`.
    pub(in crate::script) fn of_operations(
        what: &'static str,
        names: impl IntoIterator<Item = String>,
        fields: Map,
    ) -> Dynamic {
        let names = names.into_iter().collect();
        Dynamic::from(KnownMap { fields, known: KnownNames::Operations { what, names } })
    }

    /// Makes a map of what an operation is given, by the names of those that gave it.
    pub(in crate::script) fn of_inputs(
        names: impl IntoIterator<Item = String>,
        fields: Map,
    ) -> Dynamic {
        Dynamic::from(KnownMap { fields, known: KnownNames::Inputs(names.into_iter().collect()) })
    }

    /// Returns it as a plain map.
    pub(in crate::script) fn into_map(self) -> Map {
        self.fields
    }

    /// Returns the values, to be changed.
    pub(in crate::script) fn values_mut(&mut self) -> impl Iterator<Item = &mut Dynamic> {
        self.fields.values_mut()
    }
}

/// Returns the first property that does not hold what the shape says.
fn misfit<'a>(shape: &Shape, fields: &'a Map) -> Option<(&'a str, &'a Dynamic)> {
    let fits = |name, value| shape.property(name).is_none_or(|held| holds(held, value));
    let mut each = fields.iter().map(|(name, value)| (name.as_str(), value));
    each.find(|(name, value)| !fits(name, value))
}

/// Tells whether a value is what a property holds.
fn holds(held: PropertyShape, value: &Dynamic) -> bool {
    let word = type_word::plain(value.type_name());
    match held {
        PropertyShape::Any => true,
        PropertyShape::Data(wanted) => value.is_unit() || word == Some(wanted),
        PropertyShape::One(_) => value.is_unit() || as_map(value).is_some(),
        PropertyShape::Many(_) => value.is_unit() || value.is_array(),
    }
}

/// Says that a value has no such property.
pub(in crate::script) fn no_property(what: &str, name: &str) -> String {
    format!("{what} has no property `{name}`")
}

/// Says that a map of operations has none of this name.
pub(in crate::script) fn no_operation(what: &str, name: &str) -> String {
    format!("{what} has no `{name}`")
}

/// What errors call the map of what an operation is given.
pub(in crate::script) const INPUTS: &str = "`inputs`";

/// What helps where an operation is given nothing.
pub(in crate::script) const NAME_THE_OPERATION: &str =
    "name the operation in `depends_on` among the options of this one";

/// Words that texts and lists have as properties, and maps as methods alone.
const OF_CONTENT: &[&str] = &["is_empty", "len"];
/// Most names of what a map holds that are told.
const HELD_MAX: usize = 3;

/// Says what to write instead of such a word behind a map that wraps what is meant, which it holds under one of these
/// names. As a method, the word would say something of the map.
pub(in crate::script) fn of_content(held: &[&str], word: &str) -> Option<String> {
    if held.is_empty() || !OF_CONTENT.contains(&word) {
        return None;
    }

    let written: Vec<String> =
        held.iter().take(HELD_MAX).map(|name| format!("`.{name}.{word}`")).collect();
    Some(format!("write {}; `.{word}()` is that of the map around it", written.join(" or ")))
}

/// Says what to type for a property that there is not.
pub(in crate::script) fn advice<'a>(
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> String {
    if let Some(near) = nearest(name, known.clone()) {
        return format!("did you mean `{near}`?");
    }

    let known: Vec<&str> = known.collect();
    if known.is_empty() {
        return "it is empty".to_owned();
    }
    format!("it has: {}", mismatch::listing(&known))
}

/// Returns a value as a map, if it is one, of kaizen's or of the script's own.
pub(in crate::script) fn as_map(value: &Dynamic) -> Option<Map> {
    if let Some(record) = value.read_lock::<KnownMap>() {
        return Some(record.fields.clone());
    }
    value.read_lock::<Map>().map(|map| map.clone())
}

/// Turns one of kaizen's maps into a plain one, and leaves everything else as it is.
pub(in crate::script) fn plain(value: Dynamic) -> Dynamic {
    let fields = value.read_lock::<KnownMap>().map(|record| record.fields.clone());
    fields.map_or(value, Dynamic::from)
}
