//! MCP servers that a script describes by a map, in the place of the name of one of kaizen.toml.

use super::data;
use crate::base::failure::Kind;
use crate::mcp::spec::{Reach, ServerSpec};
use crate::model::provider::page::host_of;
use crate::model::spec::KeyRef;
use crate::script::host::context::Inner;
use crate::script::host::convert;
use crate::script::host::error::{EvalError, throw, throw_new};
use crate::script::host::fiber::wait;
use crate::script::host::options::{Options, SERVER_MAP};
use crate::script::host::servers::demand;
use rhai::Map;
use serde_json::Value;
use std::path::Path;
use std::rc::Rc;

/// Most characters of a name that is made of a program's or a host's.
const NAME_MAX: usize = 32;

/// Adds a server to those of the run, and returns its name.
pub(super) fn add(host: &Rc<Inner>, described: &Map) -> Result<String, EvalError> {
    let wrong = |reason: String| throw_new(Kind::Option, format!("`mcp`: {reason}"));

    // Unknown keys are named as they are for every other map.
    Options::of(SERVER_MAP, described.clone()).map_err(|failure| throw(&failure))?;
    let mut fields = convert::to_fields(described).map_err(wrong)?;
    let name = match fields.remove("name") {
        Some(Value::String(name)) => name,
        Some(_) => return Err(wrong("`name` must be a string".to_owned())),
        None => usual_name(&fields),
    };

    let mut spec =
        ServerSpec::from_map(&name, &fields).map_err(|error| wrong(error.to_string()))?;
    if let Reach::Address { key: Some(KeyRef::File(path)), .. } = &mut spec.reach {
        *path = data::source(host, path)?.display().to_string();
    }

    // A plan says what is missing; a replay starts nothing, and needs nothing.
    let executor = host.executor();
    if !executor.is_dry() || !executor.is_resuming() {
        let with = &host.with;
        let demanded = demand(&spec, &with.permissions, &with.models, &with.root);
        wait(demanded).map_err(|failure| throw(&failure))?;
    }

    host.with.servers.add(spec).map_err(|fault| throw_new(Kind::Option, fault.to_string()))?;
    Ok(name)
}

/// Names a server after its program or its host.
fn usual_name(fields: &serde_json::Map<String, Value>) -> String {
    let program = fields.get("command").and_then(|command| command.get(0)).and_then(Value::as_str);
    let program = program.and_then(|program| Path::new(program).file_stem()?.to_str());
    let host = || fields.get("url").and_then(Value::as_str).and_then(host_of);
    let named = program.map(str::to_owned).or_else(|| host().map(|(name, _)| name));

    let fit = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let named: String = named.unwrap_or_default().chars().take(NAME_MAX).map(fit).collect();
    if named.is_empty() { "server".to_owned() } else { named }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_server_is_named_after_its_program_or_its_host() {
        let named = |fields: Value| usual_name(fields.as_object().expect("a map"));
        for (fields, name) in [
            (json!({ "command": ["npx", "-y", "x"] }), "npx"),
            (json!({ "command": ["./my tools/serve me.py"] }), "serve_me"),
            (json!({ "url": "https://search.example:8080/mcp" }), "search_example"),
            (json!({ "command": [] }), "server"),
            (json!({}), "server"),
        ] {
            assert_eq!(named(fields), name);
        }
    }
}
