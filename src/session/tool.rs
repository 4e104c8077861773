//! Tools: what a model may call, and a script by hand. Knows nothing of graphs, journals or scripts; what
//! a tool does is a function of whoever made it.

use crate::base::failure::Failure;
use crate::base::word::words;
use crate::model::image::Image;
use crate::schema::{self, SharedSchema};
use crate::session::scope::Scope;
use futures::future::LocalBoxFuture;
use serde_json::{Map, Value, json};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

/// Longest time for a call, unless the tool says otherwise.
pub const TIMEOUT: Duration = Duration::from_mins(1);
/// Most bytes of a result that a model is told, unless the tool says otherwise.
pub const RESULT_MAX: usize = 16 << 10;
/// Longest name, in characters: providers take no longer one.
const NAME_MAX: usize = 64;

words! {
    /// What a tool does to the world.
    Effects {
        /// Nothing that lasts, so that it can be repeated and run beside others.
        Read = "read",
        /// Perhaps something that lasts.
        Write = "write",
    }
}

/// What a call of a tool is known by in every run that goes through it again.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Deed(pub String);

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One call of a tool, as the tool sees it.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// The operation that calls, on the strand of this call.
    pub scope: Rc<Scope>,
    /// What it is known by in every run that goes through it again.
    pub deed: Deed,
    /// Its id in the conversation.
    pub id: String,
    /// The same after a resume, and another one in every new run.
    pub key: String,
    /// The step of the model that asked for it, from 1; 0 if a script did.
    pub step: u32,
}

/// Reads the schema of arguments as scripts write it. An empty map takes none.
pub fn written(schema: Value) -> Result<Value, String> {
    if schema == json!({}) { Ok(schema) } else { schema::written(schema) }
}

/// What a tool gave.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolOutput {
    /// The value, for scripts.
    pub value: Value,
    /// What the model is told, if it is not the value.
    pub text: Option<String>,
    /// Pictures that the model is shown with it.
    pub images: Vec<Image>,
}

impl From<Value> for ToolOutput {
    fn from(value: Value) -> ToolOutput {
        ToolOutput { value, text: None, images: Vec::new() }
    }
}

/// Does the work of a tool.
pub type Runner =
    Rc<dyn Fn(Value, CallContext) -> LocalBoxFuture<'static, Result<ToolOutput, Failure>>>;
/// Says whether a call with these arguments needs a person's approval.
pub type NeedsApproval =
    Rc<dyn Fn(Value, Rc<Scope>) -> LocalBoxFuture<'static, Result<bool, Failure>>>;
/// Asks a person whether a tool, named first, may be called with these arguments. It fails if there is
/// nobody to ask.
pub type Approver = Rc<dyn Fn(String, Value) -> LocalBoxFuture<'static, Result<bool, Failure>>>;

/// That a person has to agree before a tool is called.
#[derive(Clone)]
pub struct Approval {
    /// Which calls it is about; without it, all.
    pub when: Option<NeedsApproval>,
    /// Asks.
    pub ask: Approver,
}

/// A tool.
#[derive(Clone)]
pub struct Tool {
    /// Its name, as models call it.
    pub name: String,
    /// What it does, for models.
    pub description: String,
    /// The schema of its arguments, which are an object.
    pub schema: SharedSchema,
    /// What it does to the world.
    pub effects: Effects,
    /// Whether a person has to agree.
    pub approval: Option<Approval>,
    /// Longest time for a call.
    pub timeout: Duration,
    /// Most bytes of a result that a model is told.
    pub result_max: usize,
    /// Does its work.
    pub run: Runner,
}

impl fmt::Debug for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tool")
            .field("name", &self.name)
            .field("effects", &self.effects)
            .finish_non_exhaustive()
    }
}

/// Why something cannot be offered as a tool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ToolFault {
    /// Its name is none that providers take.
    #[error("invalid tool name `{0}`: use 1 to 64 letters, digits, `_` and `-`")]
    Name(String),
    /// It does not say what it does.
    #[error("tool `{0}` has no description; describe in one sentence what it does")]
    Description(String),
    /// Its arguments are no object.
    #[error("the schema of tool `{tool}` {reason}")]
    Schema {
        /// The tool.
        tool: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Two have the same name.
    #[error("two tools are named `{0}`; give each its own name")]
    Twice(String),
}

/// Finds out whether a name and a description can be offered.
pub fn check_name(name: &str, description: &str) -> Result<(), ToolFault> {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(is_letter) {
        return Err(ToolFault::Name(name.to_owned()));
    }
    if description.trim().is_empty() {
        return Err(ToolFault::Description(name.to_owned()));
    }

    Ok(())
}

/// Makes the schema of a tool's arguments of one that is sound: an object. None at all takes none.
pub fn arguments_schema(name: &str, schema: Value) -> Result<Value, ToolFault> {
    let wrong =
        |reason: &str| ToolFault::Schema { tool: name.to_owned(), reason: reason.to_owned() };
    let Value::Object(mut words) = schema else { return Err(wrong("must be an object")) };

    if words.is_empty() {
        return Ok(json!({ "type": "object", "properties": {} }));
    }

    match words.get("type") {
        Some(Value::String(kind)) if kind == "object" => {}
        None if words.contains_key("properties") => {
            words.insert("type".to_owned(), "object".into());
        }
        _ => return Err(wrong("must describe an object with a property for each argument")),
    }
    words.entry("properties").or_insert_with(|| Value::Object(Map::new()));
    Ok(Value::Object(words))
}

/// Finds two tools of one name.
pub fn check_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<(), ToolFault> {
    let mut known = std::collections::HashSet::new();
    match names.into_iter().find(|name| !known.insert(*name)) {
        Some(name) => Err(ToolFault::Twice(name.to_owned())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(result: Result<impl fmt::Debug, ToolFault>) -> String {
        result.expect_err("a fault").to_string()
    }

    #[test]
    fn what_providers_refuse_is_no_tool() {
        for name in ["", "a b", "files.read", "größe", &"x".repeat(65)] {
            assert_eq!(check_name(name, "Does."), Err(ToolFault::Name(name.to_owned())));
        }
        assert_eq!(check_name("files__read-file_2", "Reads."), Ok(()));
        assert_eq!(
            words(check_name("add", " ")),
            "tool `add` has no description; describe in one sentence what it does"
        );
        assert_eq!(
            words(check_names(["a", "b", "a"])),
            "two tools are named `a`; give each its own name"
        );
    }

    #[test]
    fn arguments_are_an_object() {
        let empty = json!({ "type": "object", "properties": {} });
        assert_eq!(arguments_schema("a", json!({})), Ok(empty.clone()));
        assert_eq!(arguments_schema("a", json!({ "type": "object" })), Ok(empty));
        let bare = json!({ "properties": { "x": {} } });
        assert!(arguments_schema("a", bare).is_ok());

        for schema in
            [json!("x"), json!({ "type": "string" }), json!({ "type": ["object", "null"] })]
        {
            assert!(arguments_schema("a", schema).is_err());
        }
    }
}
