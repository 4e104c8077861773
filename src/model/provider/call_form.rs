//! How calls of tools are spelt where servers check them: a model may have invented a name, or have
//! written arguments that are no JSON, and the whole conversation would be refused for it.

use crate::model::tool::ToolCall;
use serde_json::{Value, json};
use std::borrow::Cow;

/// Longest name that servers take.
const NAME_MAX: usize = 64;
/// Hexadecimal digits of an id that stands for one which a server does not take.
const ID_DIGITS: usize = 24;

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// Returns a name as every server takes it.
pub(super) fn name(name: &str) -> Cow<'_, str> {
    if name.chars().all(is_plain) && (1..=NAME_MAX).contains(&name.len()) {
        return Cow::Borrowed(name);
    }

    let plain = name.chars().map(|c| if is_plain(c) { c } else { '_' });
    let plain: String = plain.take(NAME_MAX).collect();
    Cow::Owned(if plain.is_empty() { "_".to_owned() } else { plain })
}

/// Returns an id as every server takes it. Two ids that differ stay two.
pub(super) fn id(id: &str) -> Cow<'_, str> {
    if id.chars().all(is_plain) && (1..=NAME_MAX).contains(&id.len()) {
        return Cow::Borrowed(id);
    }

    let hash = blake3::hash(id.as_bytes()).to_hex();
    Cow::Owned(format!("call_{}", &hash[..ID_DIGITS]))
}

/// Returns arguments as an object.
pub(super) fn args(call: &ToolCall) -> Value {
    match &call.args {
        Ok(Value::Object(args)) => Value::Object(args.clone()),
        Ok(Value::Null) => json!({}),
        Ok(other) => json!({ "value": other }),
        Err(text) => json!({ "unreadable": text }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_would_refuse_is_spelt_another_way() {
        assert_eq!(name("files__read-2"), "files__read-2");
        assert_eq!(name("über tool!"), "_ber_tool_");
        assert_eq!(name(""), "_");
        assert_eq!(name(&"x".repeat(70)).len(), 64);

        assert_eq!(id("toolu_01"), "toolu_01");
        assert!(id("call|1").starts_with("call_") && id("call|1") != id("call:1"));

        let args = |args: Result<Value, String>| {
            super::args(&ToolCall { id: String::new(), name: String::new(), args })
        };
        assert_eq!(args(Ok(json!({ "a": 1 }))), json!({ "a": 1 }));
        assert_eq!(args(Ok(json!([1]))), json!({ "value": [1] }));
        assert_eq!(args(Ok(Value::Null)), json!({}));
        assert_eq!(args(Err("{\"a".to_owned())), json!({ "unreadable": "{\"a" }));
    }
}
