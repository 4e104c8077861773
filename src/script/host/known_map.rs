//! The maps that kaizen's words give. They are maps in everything but one: a property that such a map
//! cannot have is an error with a suggestion. A map of a script's own gives `()` for it.

use crate::base::failure::Kind;
use crate::base::spelling::nearest;
use crate::script::diagnostic::mismatch;
use crate::script::host::convert;
use crate::script::host::error::{EvalError, throw_new};
use crate::script::host::shape::{Held, Shape};
use rhai::{Array, Dynamic, Engine, EvalContext, ImmutableString, Map};
use serde_json::Value;
use std::rc::Rc;

/// A map whose properties are known.
#[derive(Clone)]
pub(in crate::script) struct KnownMap {
    fields: Map,
    known: KnownNames,
}

/// Which properties a map may have.
#[derive(Clone)]
enum KnownNames {
    /// Those of a shape.
    Of(&'static Shape),
    /// The names of operations.
    Operations {
        /// What errors call the map.
        what: &'static str,
        names: Rc<[String]>,
    },
}

impl KnownMap {
    /// Makes a map of a shape of plain data.
    pub(in crate::script) fn of_shape(shape: &'static Shape, data: Value) -> Dynamic {
        let Value::Object(data) = data else { return convert::from_value(data) };

        let field = |(key, value): (String, Value)| {
            let held = shape.property(&key).unwrap_or(Held::Any);
            (key.into(), KnownMap::held(held, value))
        };
        let fields = data.into_iter().map(field).collect();
        Dynamic::from(KnownMap { fields, known: KnownNames::Of(shape) })
    }

    /// Makes a list of such maps of plain data.
    pub(in crate::script) fn list(shape: &'static Shape, data: Value) -> Dynamic {
        let Value::Array(items) = data else { return convert::from_value(data) };
        items.into_iter().map(|item| KnownMap::of_shape(shape, item)).collect::<Array>().into()
    }

    fn held(held: Held, data: Value) -> Dynamic {
        match held {
            Held::Any => convert::from_value(data),
            Held::One(shape) => KnownMap::of_shape(shape, data),
            Held::Many(shape) => KnownMap::list(shape, data),
        }
    }

    /// Makes a map of a shape of values that need not be data.
    pub(in crate::script) fn of_values(shape: &'static Shape, fields: Map) -> Dynamic {
        Dynamic::from(KnownMap { fields, known: KnownNames::Of(shape) })
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

    /// Returns it as a plain map.
    pub(in crate::script) fn into_map(self) -> Map {
        self.fields
    }

    /// Returns the values, to be changed.
    pub(in crate::script) fn values_mut(&mut self) -> impl Iterator<Item = &mut Dynamic> {
        self.fields.values_mut()
    }

    fn get(&self, name: &str) -> Result<Dynamic, EvalError> {
        if let Some(value) = self.fields.get(name) {
            return Ok(value.clone());
        }

        let is_known = match &self.known {
            KnownNames::Of(shape) => shape.property(name).is_some(),
            KnownNames::Operations { names, .. } => names.iter().any(|known| known == name),
        };

        if is_known { Ok(Dynamic::UNIT) } else { Err(self.unknown(name)) }
    }

    fn unknown(&self, name: &str) -> EvalError {
        let (message, help) = match &self.known {
            KnownNames::Of(shape) => (no_property(shape.what, name), advice(name, shape.names())),
            KnownNames::Operations { what, names } => {
                (no_operation(what, name), advice(name, names.iter().map(String::as_str)))
            }
        };
        throw_new(Kind::Script, format!("{message}; {help}"))
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

/// Lets engines work with such maps as with plain ones.
pub(in crate::script) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<KnownMap>("map");
    engine.register_indexer_get(|record: &mut KnownMap, name: ImmutableString| record.get(&name));
    engine.register_indexer_set(|record: &mut KnownMap, name: ImmutableString, value: Dynamic| {
        record.fields.insert(name.as_str().into(), value);
    });

    #[allow(deprecated, reason = "marked so only because the interface may change")]
    engine.on_missing_function(|name, arguments, is_method, mut context| {
        if !arguments.iter().any(|argument| argument.read_lock::<KnownMap>().is_some()) {
            return Ok(None);
        }
        as_plain(name, arguments, is_method, &mut context).map(Some)
    });
}

/// Calls a function that takes plain maps with kaizen's. A method that changes its map changes this one.
fn as_plain(
    name: &str,
    arguments: &mut [&mut Dynamic],
    is_method: bool,
    context: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
) -> Result<Dynamic, EvalError> {
    let mut copies: Vec<Dynamic> =
        arguments.iter().map(|argument| plain(argument.flatten_clone())).collect();
    let mut given: Vec<&mut Dynamic> = copies.iter_mut().collect();
    let result = context.call_fn_raw(name, true, is_method, &mut given)?;

    if let Some(first) = arguments.first_mut()
        && let Some(changed) = copies.first().and_then(Dynamic::read_lock::<Map>)
        && let Some(mut record) = first.write_lock::<KnownMap>()
    {
        record.fields = changed.clone();
    }

    Ok(result)
}
