//! The parameters of a script, as its calls of `param` tell them: names, defaults, bounds and words.

use crate::base::failure::Kind;
use crate::base::secret::is_secret_parameter;
use crate::base::spelling::nearest;
use crate::script::check::call::call_of;
use crate::script::check::calls::calls_of;
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::host::{convert, parameter_value};
use rhai::{AST, ASTNode, Dynamic, Expr, Position, Stmt};
use serde_json::{Map, Value, json};

/// The word that asks for a parameter.
const WORD: &str = "param";

/// A parameter of a script.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptParameter {
    /// Its name.
    pub name: String,
    /// Whether it has no default.
    pub is_required: bool,
    /// Its default, as far as that is a literal.
    pub default: Option<Value>,
    /// What it is for.
    pub doc: Option<String>,
    /// The least number that it may be.
    pub min: Option<Value>,
    /// The greatest number that it may be.
    pub max: Option<Value>,
}

impl ScriptParameter {
    /// Returns a required parameter of which nothing else is known.
    pub fn required(name: &str) -> ScriptParameter {
        ScriptParameter {
            name: name.to_owned(),
            is_required: true,
            default: None,
            doc: None,
            min: None,
            max: None,
        }
    }

    /// Returns everything that is known of it.
    pub fn to_value(&self) -> Value {
        let mut map = Map::new();
        map.insert("name".to_owned(), self.name.clone().into());
        map.insert("required".to_owned(), self.is_required.into());
        let more = [
            ("default", self.shown_default()),
            ("doc", self.doc.clone().map(Value::from)),
            ("min", self.min.clone()),
            ("max", self.max.clone()),
        ];
        for (key, value) in more {
            map.extend(value.map(|value| (key.to_owned(), value)));
        }
        map.into()
    }

    /// Returns the JSON schema of its values: of the type of its default, to which each is converted.
    pub fn schema(&self) -> Value {
        let kind = match &self.default {
            Some(Value::String(_)) => json!("string"),
            Some(Value::Bool(_)) => json!("boolean"),
            Some(Value::Number(number)) if number.is_f64() => json!("number"),
            Some(Value::Number(_)) => json!("integer"),
            Some(Value::Array(_)) => json!("array"),
            Some(Value::Object(_)) => json!("object"),
            Some(Value::Null) | None => json!(["string", "number", "boolean", "array", "object"]),
        };

        let mut schema = json!({ "type": kind });
        let more = [
            ("description", self.doc.clone().map(Value::from)),
            ("default", self.shown_default()),
            ("minimum", self.min.clone()),
            ("maximum", self.max.clone()),
        ];
        for (key, value) in more {
            if let Some(value) = value {
                schema[key] = value;
            }
        }
        schema
    }

    /// Returns the default, unless it may be a secret.
    fn shown_default(&self) -> Option<Value> {
        self.default.clone().filter(|_| !is_secret_parameter(&self.name))
    }
}

/// Returns the parameters of a script and of what it imports, each once; `None` if the name of one is computed.
pub(in crate::script) fn parameters(ast: &AST, imports: &[AST]) -> Option<Vec<ScriptParameter>> {
    let mut found: Vec<ScriptParameter> = Vec::new();
    let own = calls_of(ast, WORD).into_iter().map(|arguments| (arguments, true));
    // Whether a function of another file is called that needs one shows when the script runs.
    let others = imports.iter().flat_map(|ast| calls_of(ast, WORD));
    let others = others.map(|arguments| (arguments, false));

    for (arguments, is_own) in own.chain(others) {
        let mut parameter = parameter(&arguments)?;
        parameter.is_required &= is_own;
        match found.iter_mut().find(|known| known.name == parameter.name) {
            Some(known) => known.is_required |= parameter.is_required,
            None => found.push(parameter),
        }
    }

    let may_have_more = std::iter::once(ast).chain(imports).any(has_computed_parts);
    (!may_have_more).then_some(found)
}

/// Tells whether a file asks for parameters in a way that its text does not show: by a pointer to `param`, or in
/// an import whose path is computed.
fn has_computed_parts(ast: &AST) -> bool {
    let mut is_found = calls_of(ast, "Fn")
        .iter()
        .filter_map(|arguments| arguments.first()?.clone()?.into_string().ok())
        .any(|name| name == WORD);
    ast.walk(&mut |path: &[ASTNode]| {
        if let Some(ASTNode::Stmt(Stmt::Import(import, _))) = path.last() {
            is_found |= !matches!(import.0, Expr::StringConstant(..));
        }
        true
    });
    is_found
}

/// Reads a parameter from the arguments of one call.
fn parameter(arguments: &[Option<Dynamic>]) -> Option<ScriptParameter> {
    let (name, rest) = arguments.split_first()?;
    let name = name.clone()?.into_string().ok()?;
    let mut parameter = ScriptParameter::required(&name);
    parameter.is_required = rest.is_empty();
    let value_of =
        |literal: &Option<Dynamic>| literal.as_ref().and_then(|one| convert::to_value(one).ok());
    parameter.default = rest.first().and_then(value_of);

    match rest.get(1).and_then(value_of) {
        Some(Value::String(doc)) => parameter.doc = Some(doc),
        Some(Value::Object(options)) => {
            let number = |key: &str| options.get(key).filter(|bound| bound.is_number()).cloned();
            parameter.doc = options.get("doc").and_then(Value::as_str).map(str::to_owned);
            parameter.min = number("min");
            parameter.max = number("max");
        }
        _ => {}
    }
    Some(parameter)
}

/// One call of `param`.
struct ParameterCall {
    arguments: Vec<Option<Dynamic>>,
    position: Position,
    /// Whether it stands outside of functions, blocks and conditions, so that it is reached.
    is_certain: bool,
    /// Whether a `catch` learns what is wrong with the value.
    is_caught: bool,
}

impl ParameterCall {
    fn name(&self) -> Option<String> {
        self.arguments.first()?.clone()?.into_string().ok()
    }

    /// Says what is wrong with a value that is given to it.
    fn wrong(&self, given: &Value) -> Option<String> {
        let name = self.name()?;
        let default = self.arguments.get(1)?.as_ref()?;
        let value = match parameter_value::read_as(&name, given, default) {
            Ok(value) => value,
            Err(message) => return Some(message),
        };

        let options = self.arguments.get(2)?.as_ref()?.as_map_ref().ok()?;
        parameter_value::within(&name, &value, &options).err()
    }
}

/// Finds the calls of `param`, in the order of the text.
fn parameter_calls(ast: &AST) -> Vec<ParameterCall> {
    let mut found = Vec::new();
    let mut scripts = ast.statements().len();
    let is_called = |names: &[&str]| {
        let mut is_called = false;
        ast.walk(&mut |path: &[ASTNode]| {
            let call = path.last().and_then(call_of);
            is_called |= call.is_some_and(|call| names.contains(&call.name.as_str()))
                || path.last().is_some_and(|node| is_try(node) && names.contains(&"attempt"));
            true
        });
        is_called
    };
    // A function may end the script before a parameter is reached, and who calls it may catch what is wrong.
    let catches = is_called(&["attempt"]);
    let mut is_certain = !is_called(&["exit"]);

    ast.walk(&mut |path: &[ASTNode]| {
        if let [ASTNode::Stmt(_)] = path {
            is_certain &= scripts > 0;
            scripts = scripts.saturating_sub(1);
        }
        // What comes after an end of the script may not be reached.
        is_certain &= !matches!(path.last(), Some(ASTNode::Stmt(Stmt::Return(..))))
            && path.last().and_then(call_of).is_none_or(|call| call.name != "exit");

        if let Some(
            ASTNode::Expr(Expr::FnCall(call, position))
            | ASTNode::Stmt(Stmt::FnCall(call, position)),
        ) = path.last()
            && call.name == WORD
        {
            found.push(ParameterCall {
                arguments: call.args.iter().map(|expr| expr.get_literal_value(None)).collect(),
                position: *position,
                is_certain: is_certain && path.iter().all(is_plain),
                is_caught: path.iter().any(is_try) || scripts == 0 && catches,
            });
        }
        true
    });

    found
}

/// Tells whether all that a node holds is reached when the node is.
pub(super) fn is_plain(node: &ASTNode<'_>) -> bool {
    match node {
        ASTNode::Stmt(statement) => matches!(
            statement,
            Stmt::Var(..) | Stmt::Assignment(..) | Stmt::Expr(..) | Stmt::FnCall(..)
        ),
        ASTNode::Expr(expr) => {
            !matches!(expr, Expr::And(..) | Expr::Or(..) | Expr::Coalesce(..) | Expr::Stmt(..))
        }
        _ => false,
    }
}

pub(super) fn is_try(node: &ASTNode<'_>) -> bool {
    matches!(node, ASTNode::Stmt(Stmt::TryCatch(..)))
}

/// Finds the first parameter without a default that the script surely needs and is not given.
pub(in crate::script) fn missing_parameter(
    ast: &AST,
    given: &Map<String, Value>,
    (file, text): (&str, &str),
) -> Option<Diagnostic> {
    if is_defined(ast) {
        return None;
    }
    let calls = parameter_calls(ast);
    let is_missing = |call: &&ParameterCall| {
        let name = call.name().filter(|name| !given.contains_key(name));
        call.is_certain && call.arguments.len() == 1 && name.is_some()
    };

    let call = calls.iter().find(is_missing)?;
    let message = parameter_value::missing(&call.name()?);
    Some(Diagnostic::at(Kind::Param.code(), message, file, text, call.position))
}

/// Tells whether a script has a function `param` of its own.
fn is_defined(ast: &AST) -> bool {
    ast.iter_functions().any(|function| function.name == WORD)
}

/// Finds given parameters that the script does not have, or cannot take.
pub(in crate::script) fn check_params(
    (ast, imports): (&AST, &[AST]),
    given: &Map<String, Value>,
    file: &str,
    text: &str,
) -> Vec<Diagnostic> {
    // A name that is computed may be any, so no parameter is unknown then.
    let Some(parameters) = parameters(ast, imports) else { return Vec::new() };
    let known: Vec<&str> = parameters.iter().map(|one| one.name.as_str()).collect();

    let unknown = given.keys().filter(|name| !known.contains(&name.as_str()));
    let mut found: Vec<Diagnostic> = unknown
        .map(|name| {
            let help = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => "it has none".to_owned(),
                None => format!("it has: {}", known.join(", ")),
            };

            let message = format!("`{file}` has no parameter `{name}`");
            Diagnostic { help: Some(help), ..Diagnostic::new(codes::PARAMETER, message) }
        })
        .collect();

    if is_defined(ast) {
        return found;
    }
    let calls = parameter_calls(ast);
    for (name, value) in given {
        let own = || calls.iter().filter(|call| call.name().as_ref() == Some(name));
        // Where another call takes the value, only a run shows which of them is reached.
        let wrong = own().map(|call| call.wrong(value).filter(|_| !call.is_caught));
        let Some(messages) = wrong.collect::<Option<Vec<_>>>() else { continue };
        if let Some((call, message)) = own().zip(messages).next() {
            let code = Kind::Param.code();
            found.push(Diagnostic::at(code, message, file, text, call.position));
        }
    }
    found
}
