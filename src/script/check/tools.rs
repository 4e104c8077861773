//! Tools that cannot be offered: their names, descriptions, arguments and functions, as far as they are
//! written out.

use crate::script::check::checker::{Checker, File};
use crate::script::check::closure::closure_in;
use crate::script::check::functions::ScriptFunctions;
use crate::script::check::kinds::Kinds;
use crate::script::diagnostic::suggestion::suggest;
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::host::convert;
use crate::session::tool;
use crate::session::tool::{arguments_schema, check_name, check_names};
use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt};
use serde_json::Value;

/// How many arguments a function of a tool takes at most: those of the call, and what is known of it.
const PARAMETERS_MAX: usize = 2;

/// Methods that give a map further keys.
pub(super) const FILLING: &[&str] = &["fill_with", "mixin", "set"];

impl Checker<'_> {
    /// Finds tools that cannot be offered, and lists in which two have the same name.
    pub(super) fn tools(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        if file.functions.has("tool") {
            return;
        }

        let mut faults = Vec::new();
        let mut fields: Vec<ToolFields> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            match path.last() {
                Some(
                    ASTNode::Expr(Expr::FnCall(call, position))
                    | ASTNode::Stmt(Stmt::FnCall(call, position)),
                ) if call.name == "tool" && !call.is_qualified() => {
                    let refused = refused(call, *position);
                    // What is wrong with the function shows when the tool is called.
                    let later = if refused.is_none() {
                        misfit(call, *position, &file.functions)
                    } else {
                        None
                    };
                    if refused.is_none() && later.is_none() {
                        fields.extend(ToolFields::of(call, &file.functions));
                    }
                    faults.extend(refused.map(|(reason, at)| at_place(file, reason, at)));
                    faults.extend(later.map(|(reason, at)| at_place(file, reason, at).silent()));
                }
                Some(ASTNode::Expr(Expr::Map(map, _))) if is_of_word(path) => {
                    let lists = map.0.iter().filter(|(key, _)| key.name == "tools");
                    for (key, value) in lists {
                        let twice = names_in(value)
                            .into_iter()
                            .find_map(|names| check_names(names.iter().map(String::as_str)).err());
                        faults
                            .extend(twice.map(|twice| at_place(file, twice.to_string(), key.pos)));
                    }
                }
                _ => {}
            }
            true
        });

        if !fields.is_empty() {
            faults.extend(missing(file, kinds, &fields));
        }
        for fault in faults {
            self.push(fault);
        }
    }
}

/// The function of a tool, and the fields of its arguments.
struct ToolFields {
    tool: String,
    /// The closure, and its parameter.
    closure: String,
    args: String,
    names: Vec<String>,
    /// Whether no other fields are accepted.
    is_closed: bool,
}

impl ToolFields {
    fn of(call: &FnCallExpr, functions: &ScriptFunctions) -> Option<ToolFields> {
        let tool = match call.args.first()? {
            Expr::StringConstant(name, _) => name.to_string(),
            _ => return None,
        };
        let closure = call.args.get(3).and_then(closure_in)?;
        let args = functions.named(&closure).next()?.params().first()?.clone();
        let schema = call.args.get(2).and_then(literal)?;

        let is_closed = match schema.get("additionalProperties") {
            Some(Value::Bool(false)) => true,
            Some(_) => return None,
            None => false,
        };
        let names = schema["properties"].as_object()?.keys().cloned().collect();
        Some(ToolFields { tool, closure, args, names, is_closed })
    }
}

/// Finds fields that the arguments of a tool do not have.
fn missing(file: &File<'_>, kinds: &Kinds<'_>, tools: &[ToolFields]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for read in kinds.reads_of_unchanged(file) {
        let is_it =
            |tool: &&ToolFields| tool.closure == read.function && tool.args == read.variable;
        let Some(tool) = tools.iter().find(is_it) else { continue };

        let name = read.property.as_str();
        if !tool.names.iter().any(|known| known == name) && !kinds.set.contains(name) {
            let message = format!("the arguments of tool `{}` have no `{name}`", tool.tool);
            let near = suggest(name, tool.names.iter().map(String::as_str));
            let fault = at_place(file, message, read.position).silent();
            // A model may give more than the schema asks for.
            let fault = if tool.is_closed { fault } else { fault.warning() };
            found.push(fault.suggesting(near));
        }
    }
    found
}

fn at_place(file: &File<'_>, reason: String, at: Position) -> Diagnostic {
    Diagnostic::at(codes::TOOL, reason, file.name, file.text, at)
}

/// Returns a text among the arguments of a call, and where it stands.
fn text(call: &FnCallExpr, place: usize) -> Option<(&str, Position)> {
    match call.args.get(place) {
        Some(Expr::StringConstant(text, at)) => Some((text.as_str(), *at)),
        _ => None,
    }
}

/// Says why a tool is refused, and where.
fn refused(call: &FnCallExpr, position: Position) -> Option<(String, Position)> {
    let name = text(call, 0);
    let shown = name.map_or("..", |(name, _)| name);

    if let Some((name, at)) = name
        && let Err(fault) = check_name(name, "words")
    {
        return Some((fault.to_string(), at));
    }
    if let Some((description, at)) = text(call, 1)
        && let Err(fault) = check_name("name", description)
    {
        let reason = fault.to_string().replacen("`name`", &format!("`{shown}`"), 1);
        return Some((reason, at));
    }

    let schema = call.args.get(2).and_then(literal);
    let fault = schema.map(|schema| arguments_schema(shown, schema))?.err()?;
    let at = call.args.get(2).map_or(position, Expr::start_position);
    Some((fault.to_string(), at))
}

/// Says why the function of a tool does not fit its schema, and where.
fn misfit(
    call: &FnCallExpr,
    position: Position,
    functions: &ScriptFunctions,
) -> Option<(String, Position)> {
    let shown = text(call, 0).map_or("..", |(name, _)| name);
    let schema = call.args.get(2).and_then(literal);
    let closure = call.args.get(3).and_then(closure_in)?;
    let params = functions.named(&closure).next()?.params();
    let arity = params.len();
    let at = call.args.get(3).map(Expr::start_position).filter(|at| !at.is_none());
    let at = at.unwrap_or(position);
    if arity > PARAMETERS_MAX {
        let reason = format!(
            "the function of tool `{shown}` takes {arity} arguments; write it as `|args|` or `|args, info|`"
        );
        return Some((reason, at));
    }

    let is_field = |name: &String| {
        schema.as_ref().is_some_and(|schema| schema["properties"].get(name).is_some())
    };
    if let [first, second] = params
        && is_field(first)
        && is_field(second)
    {
        let reason = format!(
            "the function of tool `{shown}` gets all arguments as one map; write it as `|args|`, and \
             `args.{second}`"
        );
        return Some((reason, at));
    }

    let has_fields = schema.is_some_and(|schema| {
        schema["properties"].as_object().is_some_and(|properties| !properties.is_empty())
    });
    if arity == 0 && has_fields {
        let reason = format!(
            "the function of tool `{shown}` takes no arguments, although its schema has some; write it as \
             `|args|`"
        );
        return Some((reason, at));
    }
    None
}

/// Returns the schema that is written out, if it is sound; what is not is found elsewhere.
pub(super) fn literal(expr: &Expr) -> Option<Value> {
    let value = expr.get_literal_value(None).filter(|value| !value.is_unit())?;
    let value = convert::to_value(&value).ok()?;
    tool::written(value).ok()
}

/// Words whose options contain tools.
const TAKING_TOOLS: &[&str] = &["add_operation", "branch", "operate", "react"];

/// Tells whether a map is an argument of a word that takes tools.
fn is_of_word(path: &[ASTNode<'_>]) -> bool {
    match path {
        [
            ..,
            ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _))
            | ASTNode::Stmt(Stmt::FnCall(call, _)),
            _,
        ] => TAKING_TOOLS.contains(&call.name.as_str()),
        _ => false,
    }
}

/// Returns the names of the tools that a list is made of: those that are written out, and those of the variables
/// that hold tools, which need not have the names of these.
fn names_in(list: &Expr) -> [Vec<String>; 2] {
    let Expr::Array(items, _) = list else { return [Vec::new(), Vec::new()] };
    let written = |item: &Expr| match item {
        Expr::FnCall(call, _) if call.name == "tool" => match call.args.first() {
            Some(Expr::StringConstant(name, _)) => Some(name.to_string()),
            _ => None,
        },
        _ => None,
    };
    let held = |item: &Expr| match item {
        Expr::Variable(variable, ..) => Some(variable.1.to_string()),
        _ => None,
    };
    [items.iter().filter_map(written).collect(), items.iter().filter_map(held).collect()]
}
