//! Definitions of tools as a server writes them. One that cannot be read must not make the whole list of
//! the server unreadable, and rmcp does not pass on everything that counts: here, such a tool gets a mark
//! that says what is wrong with it.

use rmcp::model::Tool;
use serde::Deserialize;
use serde_json::{Value, json};

/// What a list of tools has.
const LIST: &[u8] = b"\"tools\"";
/// Where a tool says that it cannot be offered, and why.
const FAULT: &str = "kaizen/fault";

/// Returns a message in which every tool of a list can be read; nothing if it need not be changed.
pub(super) fn readable(message: &[u8]) -> Option<Vec<u8>> {
    if !message.windows(LIST.len()).any(|part| part == LIST) {
        return None;
    }
    let mut message: Value = serde_json::from_slice(message).ok()?;
    let tools = message.pointer_mut("/result/tools")?.as_array_mut()?;

    let mut is_changed = false;
    for tool in tools {
        // No server says this for kaizen.
        let meta = tool.get_mut("_meta").and_then(Value::as_object_mut);
        let claimed = meta.and_then(|meta| meta.remove(FAULT));
        let fault = fault_in(tool);
        is_changed |= claimed.is_some() || fault.is_some();

        if let Some(fault) = fault {
            let name = tool["name"].as_str().unwrap_or_default();
            *tool = json!({ "name": name, "inputSchema": {}, "_meta": { FAULT: fault } });
        }
    }

    is_changed.then(|| message.to_string().into_bytes())
}

/// Returns why a tool cannot be offered, if its definition was marked.
pub(super) fn marked_fault(tool: &Tool) -> Option<String> {
    tool.meta.as_ref()?.0.get(FAULT)?.as_str().map(str::to_owned)
}

fn fault_in(tool: &Value) -> Option<String> {
    if tool.is_object() {
        match tool.get("inputSchema").unwrap_or(&Value::Null) {
            Value::Object(_) => {}
            Value::Null => {
                let missing = "it has no `inputSchema`, which would say what its arguments are";
                return Some(missing.to_owned());
            }
            _ => return Some("its `inputSchema` is not an object".to_owned()),
        }
    }
    if tool.pointer("/execution/taskSupport").and_then(Value::as_str) == Some("required") {
        return Some(
            "it runs only as a task of the protocol, which kaizen does not support".into(),
        );
    }

    let error = Tool::deserialize(tool).err()?;
    Some(format!("its definition cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_cannot_be_offered_leaves_the_others_readable() {
        let sound = json!({ "name": "t", "inputSchema": { "type": "object" } });
        let with = |more: Value| {
            let mut tool = sound.clone();
            tool.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
            tool
        };
        let faults = [
            json!({ "name": "t" }),
            with(json!({ "inputSchema": null })),
            with(json!({ "inputSchema": true })),
            with(json!({ "execution": { "taskSupport": "required" } })),
            with(json!({ "name": 5 })),
            json!("t"),
        ];
        let whole = |tool: &Value| json!({ "id": 1, "result": { "tools": [tool] } }).to_string();

        let told = faults.map(|tool| {
            let message = readable(whole(&tool).as_bytes()).expect("a change");
            let message: Value = serde_json::from_slice(&message).expect("JSON");
            let tool = message["result"]["tools"][0].clone();
            let tool: Tool = serde_json::from_value(tool).expect("a tool");
            marked_fault(&tool).expect("a fault")
        });
        expect_test::expect![[r#"
            it has no `inputSchema`, which would say what its arguments are
            it has no `inputSchema`, which would say what its arguments are
            its `inputSchema` is not an object
            it runs only as a task of the protocol, which kaizen does not support
            its definition cannot be read: invalid type: integer `5`, expected a string
            its definition cannot be read: invalid type: string "t", expected struct Tool"#]]
        .assert_eq(&told.join("\n"));

        let optional = with(json!({ "execution": { "taskSupport": "optional" } }));
        for tool in [sound.clone(), optional] {
            assert_eq!(readable(whole(&tool).as_bytes()), None, "{tool}");
        }
        assert_eq!(readable(br#"{"id": 1, "result": {"tools": 5}}"#), None);

        let claimed = with(json!({ "_meta": { FAULT: "leave me out" } }));
        let message = readable(whole(&claimed).as_bytes()).expect("a change");
        assert!(!String::from_utf8_lossy(&message).contains(FAULT));
    }
}
