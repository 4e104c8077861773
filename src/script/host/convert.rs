//! Between script values and plain data.

use crate::script::diagnostic::type_word;
use crate::script::host::handle;
use crate::script::host::known_map::{self, KnownMap};
use crate::script::host::shape::{PropertyShape, Shape, TRACED};
use crate::script::host::state::State;
use rhai::{Array, Dynamic, Map};
use serde_json::Value;

/// Deepest nesting that is converted; deeper data is an error instead of an overflow.
const DEPTH_MAX: usize = 128;

/// Makes plain data of a script value; the error names what is not plain data.
pub(in crate::script) fn to_value(value: &Dynamic) -> Result<Value, String> {
    value_at(value, 0)
}

fn value_at(value: &Dynamic, depth: usize) -> Result<Value, String> {
    if depth > DEPTH_MAX {
        return Err(format!("data is nested deeper than {DEPTH_MAX}"));
    }

    if value.is_unit() {
        return Ok(Value::Null);
    }
    if let Ok(flag) = value.as_bool() {
        return Ok(Value::Bool(flag));
    }
    if let Ok(number) = value.as_int() {
        return Ok(Value::from(number));
    }
    if let Some(number) = value.read_lock::<u64>() {
        return Ok(Value::from(*number));
    }
    if let Ok(number) = value.as_float() {
        let finite = serde_json::Number::from_f64(number);
        return finite.map(Value::Number).ok_or_else(|| format!("{number} is not plain data"));
    }
    if let Some(text) = value.read_lock::<rhai::ImmutableString>() {
        return Ok(Value::String(text.to_string()));
    }

    if let Some(list) = value.read_lock::<Array>() {
        return list.iter().map(|item| value_at(item, depth + 1)).collect();
    }
    if let Some(map) = known_map::as_map(value) {
        let each = map.iter().map(|(key, item)| Ok((key.to_string(), value_at(item, depth + 1)?)));
        return Ok(Value::Object(each.collect::<Result<_, String>>()?));
    }
    if let Ok(letter) = value.as_char() {
        return Ok(Value::String(letter.to_string()));
    }
    if let Some(state) = value.read_lock::<State>() {
        let content = state.content();
        let each =
            content.iter().map(|(key, item)| Ok((key.to_string(), value_at(item, depth + 1)?)));
        return Ok(Value::Object(each.collect::<Result<_, String>>()?));
    }

    Err(format!("{} is not plain data", type_word::article(type_name(value))))
}

/// Makes a script value of plain data.
pub(in crate::script) fn from_value(value: Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(flag) => flag.into(),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => whole.into(),
            // The whole numbers of scripts end at 2^63; as a float it would lose digits.
            (None, Some(whole)) => Dynamic::from(whole),
            (None, None) => number.as_f64().unwrap_or(f64::NAN).into(),
        },
        Value::String(text) => text.into(),
        Value::Array(items) => items.into_iter().map(from_value).collect::<Array>().into(),
        Value::Object(fields) => from_fields(fields).into(),
    }
}

/// Makes a script map of the fields of an object.
pub(in crate::script) fn from_fields(fields: serde_json::Map<String, Value>) -> Map {
    fields.into_iter().map(|(key, value)| (key.into(), from_value(value))).collect()
}

/// Makes the fields of an object of a script map.
pub(in crate::script) fn to_fields(map: &Map) -> Result<serde_json::Map<String, Value>, String> {
    map.iter().map(|(key, item)| Ok((key.to_string(), value_at(item, 1)?))).collect()
}

impl KnownMap {
    /// Makes a map of a shape of plain data.
    pub(in crate::script) fn of_shape(shape: &'static Shape, data: Value) -> Dynamic {
        let Value::Object(data) = data else { return from_value(data) };

        let field = |(key, value): (String, Value)| {
            let held = shape.property(&key).unwrap_or(PropertyShape::Any);
            (key.into(), KnownMap::held(held, value))
        };
        let fields = data.into_iter().map(field).collect();
        KnownMap::of_values(shape, fields)
    }

    /// Makes the map of an answer with what led to it.
    pub(in crate::script) fn traced(answer: Dynamic) -> Dynamic {
        match to_value(&answer) {
            Ok(data) => KnownMap::of_shape(&TRACED, data),
            Err(_) => answer,
        }
    }

    /// Makes a list of such maps of plain data.
    pub(in crate::script) fn list(shape: &'static Shape, data: Value) -> Dynamic {
        let Value::Array(items) = data else { return from_value(data) };
        items.into_iter().map(|item| KnownMap::of_shape(shape, item)).collect::<Array>().into()
    }

    fn held(held: PropertyShape, data: Value) -> Dynamic {
        match held {
            PropertyShape::Any | PropertyShape::Data(_) => from_value(data),
            PropertyShape::One(shape) => KnownMap::of_shape(shape, data),
            PropertyShape::Many(shape) => KnownMap::list(shape, data),
        }
    }
}

/// Returns the word that scripts know for the type of a value.
pub(in crate::script) fn type_name(value: &Dynamic) -> &'static str {
    if let Some(word) = handle::word(value) {
        return word;
    }
    if value.is_fnptr() {
        return "function";
    }

    match value.type_name() {
        "i64" => "int",
        "f64" => "float",
        "u64" => "int above 2^63",
        name if name.contains("Range") => "range",
        name if name.contains("Instant") => "timestamp",
        name if name.contains("Map") => "map",
        // What is Rust's own has no name in scripts.
        name if name.contains("::") || name.contains('<') => "value",
        name => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plain_data_survives_the_way_there_and_back() {
        let value =
            json!({ "a": [1, 2.5, "text", true, null], "b": { "c": "ä" }, "n": 1_u64 << 63 });
        assert_eq!(to_value(&from_value(value.clone())), Ok(value));
    }

    #[test]
    fn what_is_not_data_is_named() {
        #[derive(Clone)]
        struct Thing;
        handle::define::<Thing>(&mut rhai::Engine::new_raw(), "thing");
        assert_eq!(to_value(&Dynamic::from(Thing)), Err("a thing is not plain data".to_owned()));

        let function = Dynamic::from(rhai::FnPtr::new("f").expect("a name"));
        assert_eq!(to_value(&function), Err("a function is not plain data".to_owned()));
    }
}
