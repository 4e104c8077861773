//! Values that are given to the parameters of a script: read as the type of the default, and kept within bounds.

use crate::base::json;
use crate::script::host::convert;
use rhai::{Dynamic, Map};
use serde_json::Value;
use std::cmp::Ordering;

/// Reads a given parameter as the type of its default; the error says what it must be.
pub(in crate::script) fn read_as(
    name: &str,
    given: &Value,
    default: &Dynamic,
) -> Result<Dynamic, String> {
    let kind = convert::type_name(default);
    let Value::String(text) = given else { return Ok(convert::from_value(given.clone())) };

    let read: Option<Dynamic> = if default.is_unit() || default.is_string() {
        Some(text.clone().into())
    } else if default.is_int() {
        text.parse::<i64>().ok().map(Dynamic::from)
    } else if default.is_float() {
        text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Dynamic::from)
    } else if default.is_bool() {
        text.parse::<bool>().ok().map(Dynamic::from)
    } else {
        let parsed = json::read(text).ok().map(convert::from_value);
        parsed.filter(|value| value.type_name() == default.type_name())
    };

    read.ok_or_else(|| {
        let kind = match kind {
            "int" => "a whole number",
            "float" => "a number",
            "bool" => "true or false",
            "array" => "a list in JSON",
            _ => "a map in JSON",
        };
        format!("parameter `{name}` must be {kind}, not `{text}`")
    })
}

/// Says that a parameter without a default is not given.
pub(in crate::script) fn missing(name: &str) -> String {
    format!("this script needs a parameter: run it with `-p {name}=VALUE`")
}

/// Checks that a number lies within the bounds that the options of its parameter set.
pub(in crate::script) fn within(name: &str, value: &Dynamic, options: &Map) -> Result<(), String> {
    // A value that is no number has no bounds: it compares with none of them.
    for (key, beyond) in [("min", Ordering::Less), ("max", Ordering::Greater)] {
        let Some(bound) = options.get(key) else { continue };
        let pair = number(value).zip(number(bound));
        if pair.and_then(|(value, bound)| value.partial_cmp(&bound)) == Some(beyond) {
            let most = if key == "min" { "least" } else { "most" };
            return Err(format!("parameter `{name}` must be at {most} {bound}, not {value}"));
        }
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "bounds of parameters are small")]
fn number(value: &Dynamic) -> Option<f64> {
    value.as_float().or_else(|_| value.as_int().map(|number| number as f64)).ok()
}
