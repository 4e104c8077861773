//! A value of a script as a person sees it in a dialogue. Handles become a few words.

use crate::base::count::counted;
use crate::executor::report::Report;
use crate::flow::Graph;
use crate::flow::draw::{Format, draw};
use crate::model::Model;
use crate::model::message::Message;
use crate::script::api::builder::{Node, SharedBuilder};
use crate::script::api::session::SharedSession;
use crate::script::host::{convert, home, known_map};
use crate::session::branch::SharedBranch;
use rhai::{Array, Dynamic, Engine};
use serde_json::{Map as Fields, Value};
use std::rc::Rc;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum DisplayValue {
    /// No value.
    Nothing,
    /// A string.
    Text(String),
    /// Plain data; handles inside of it are named by texts.
    Data(Value),
    /// A branch.
    Branch {
        /// What it is called, if it has a name.
        name: Option<String>,
        /// The name of its model.
        model: String,
        /// The conversation.
        messages: Vec<Message>,
    },
    /// A report, under the words that scripts use.
    Report(Fields<String, Value>),
    /// Anything else, in words.
    Other(String),
}

/// Shows a value.
pub(in crate::script) fn shown(engine: &Engine, value: &Dynamic) -> DisplayValue {
    if value.is_unit() {
        return DisplayValue::Nothing;
    }

    if let Some(text) = value.read_lock::<rhai::ImmutableString>() {
        return DisplayValue::Text(text.to_string());
    }

    if let Some(branch) = value.read_lock::<SharedBranch>() {
        let branch = branch.borrow();
        let name = branch.name.clone();
        let model = branch.model.label.clone();
        return DisplayValue::Branch { name, model, messages: branch.messages() };
    }

    if let Some(report) = value.read_lock::<Rc<Report>>() {
        return DisplayValue::Report(report.to_map());
    }

    match words(engine, value) {
        Some(words) => DisplayValue::Other(words),
        None => DisplayValue::Data(data(engine, value)),
    }
}

/// Makes plain data of a value, with words for what is none.
fn data(engine: &Engine, value: &Dynamic) -> Value {
    if let Ok(value) = convert::to_value(value) {
        return value;
    }

    if let Some(list) = value.read_lock::<Array>() {
        return list.iter().map(|item| data(engine, item)).collect();
    }

    if let Some(map) = known_map::as_map(value) {
        let each = map.iter().map(|(key, item)| (key.to_string(), data(engine, item)));
        return Value::Object(each.collect());
    }

    Value::String(words(engine, value).unwrap_or_else(|| value.to_string()))
}

/// Says in words what a value is that is no plain data.
fn words(engine: &Engine, value: &Dynamic) -> Option<String> {
    if convert::to_value(value).is_ok() || value.is_array() || known_map::as_map(value).is_some() {
        return None;
    }

    if let Some(branch) = value.read_lock::<SharedBranch>() {
        let branch = branch.borrow();
        let name = branch.name.as_ref().map_or(String::new(), |name| format!(" {name}"));
        return Some(format!("branch{name} · {}", branch.model.label));
    }

    if let Some(session) = value.read_lock::<SharedSession>() {
        return Some(format!(
            "session · {}",
            counted(session.borrow().session.branches().len(), "branch", "branches")
        ));
    }

    if let Some(builder) = value.read_lock::<SharedBuilder>() {
        let builder = builder.borrow();
        return Some(format!(
            "builder {} · {}",
            builder.name(),
            counted(builder.len(), "operation", "operations")
        ));
    }

    if let Some(graph) = value.read_lock::<Rc<Graph>>() {
        return Some(format!(
            "graph {} · {}",
            graph.name(),
            counted(graph.len(), "operation", "operations")
        ));
    }

    if let Some(node) = value.read_lock::<Node>() {
        return Some(format!("node {}", node.name()));
    }

    if let Some(model) = value.read_lock::<Model>() {
        return Some(format!("model {}", model.label));
    }

    if let Some(report) = value.read_lock::<Rc<Report>>() {
        return Some(format!("report {}", report.name));
    }

    if value.is_fnptr() {
        let function = value.clone().cast::<rhai::FnPtr>();
        return Some(if home::is_closure(&function) {
            "closure".to_owned()
        } else {
            format!("function {}", function.fn_name())
        });
    }

    // Other floats are plain data, which is left above.
    if value.is_float() {
        return Some(value.to_string());
    }

    Some(kind(engine, value))
}

/// Returns the word for the type of a value, as signatures have it.
pub(in crate::script) fn kind(engine: &Engine, value: &Dynamic) -> String {
    if value.is_fnptr() {
        return "function".to_owned();
    }

    match engine.map_type_name(value.type_name()) {
        "i64" => "int".to_owned(),
        "f64" => "float".to_owned(),
        "()" => "()".to_owned(),
        other => other.rsplit("::").next().unwrap_or(other).trim_end_matches('>').to_lowercase(),
    }
}

/// Draws a builder or a graph as text.
pub(in crate::script) fn drawing(value: &Dynamic) -> Result<String, String> {
    if let Some(builder) = value.read_lock::<SharedBuilder>() {
        let graph = builder.borrow().build().map_err(|errors| errors.to_string())?;
        return Ok(draw(&graph, Format::Text));
    }

    let graph = value.read_lock::<Rc<Graph>>();
    graph
        .map(|graph| draw(&graph, Format::Text))
        .ok_or_else(|| format!("a {} is neither a graph nor a builder", convert::type_name(value)))
}
