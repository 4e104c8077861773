//! What can be found wrong with a script before it runs: functions that do not exist, and calls
//! with a number of arguments that no function of the name takes.

use crate::base::spelling::nearest;
use crate::script::diagnostic::Diagnostic;
use rhai::{AST, ASTNode, Engine, Expr, FnCallExpr, Position, Stmt};
use std::collections::{BTreeMap, BTreeSet};

/// Names that have to be treated as functions although nothing of that name is registered.
const BUILT_IN: &[&str] = &[
    "call",
    "curry",
    "Fn",
    "is_def_var",
    "is_def_fn",
    "is_shared",
    "type_of",
    "print",
    "debug",
    "eval",
    "throw",
    "import",
    "export",
];

/// The functions that a script can call: their names, and how many arguments each takes.
fn functions(engine: &Engine, ast: &AST) -> BTreeMap<String, BTreeSet<usize>> {
    let mut found: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    let known = engine.collect_fn_metadata(
        None,
        |info| Some((info.metadata.name.to_string(), info.metadata.num_params)),
        true,
    );
    for (name, arity) in known {
        found.entry(name).or_default().insert(arity);
    }
    for function in ast.iter_functions() {
        found.entry(function.name.to_owned()).or_default().insert(function.params.len());
    }
    found
}

/// Finds faults in a script.
pub(super) fn check(engine: &Engine, ast: &AST, file: &str, text: &str) -> Vec<Diagnostic> {
    let known = functions(engine, ast);
    let mut faults = Vec::new();
    ast.walk(&mut |path: &[ASTNode]| {
        let (call, position, method) = match path.last() {
            Some(ASTNode::Expr(Expr::MethodCall(call, position))) => (call, *position, true),
            Some(
                ASTNode::Expr(Expr::FnCall(call, position))
                | ASTNode::Stmt(Stmt::FnCall(call, position)),
            ) => (call, *position, false),
            _ => return true,
        };
        if let Some((message, help)) = fault(&known, call, method) {
            faults.push(Diagnostic { help, ..Diagnostic::at(message, file, text, position) });
        }
        true
    });
    faults.sort_by_key(|fault| fault.place.as_ref().map(|place| (place.line, place.column)));
    faults.dedup();
    faults
}

fn fault(
    known: &BTreeMap<String, BTreeSet<usize>>,
    call: &FnCallExpr,
    method: bool,
) -> Option<(String, Option<String>)> {
    let name = call.name.as_str();
    let is_word = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    if !is_word || call.is_qualified() || BUILT_IN.contains(&name) || name.starts_with("anon$") {
        return None;
    }
    let given = call.args.len();
    let Some(arities) = known.get(name) else {
        // A method may be a function that sits in a map, which only the run can tell.
        let near = nearest(name, known.keys().map(String::as_str));
        if method && near.is_none() {
            return None;
        }
        let help = near.map(|near| format!("did you mean `{near}`?"));
        let what = if method { "method" } else { "function" };
        return Some((format!("there is no {what} `{name}`"), help));
    };
    let fits = if method {
        // `x.f(a)` calls `f(x, a)`, or a script function `f(a)` with `this`.
        arities.contains(&(given + 1)) || arities.contains(&given)
    } else {
        // A method that is called as a property of `this` takes one argument more.
        arities.contains(&given)
    };
    if fits {
        return None;
    }
    let takes: Vec<String> = arities
        .iter()
        .filter(|arity| !method || **arity > 0)
        .map(|arity| if method { arity - 1 } else { *arity }.to_string())
        .collect();
    let noun = if takes == ["1"] { "argument" } else { "arguments" };
    let message = format!("`{name}` takes {} {noun}, not {given}", takes.join(" or "));
    Some((message, None))
}

/// Returns the names of everything that scripts can call.
pub(super) fn names(engine: &Engine) -> Vec<String> {
    engine.collect_fn_metadata(None, |info| Some(info.metadata.name.to_string()), true)
}

/// Says how a function is called that was called wrongly.
pub(super) fn help_for(engine: &Engine, name: &str) -> Option<String> {
    let own = signatures_of(engine, name, false);
    let signatures = if own.is_empty() { signatures_of(engine, name, true) } else { own };
    if !signatures.is_empty() {
        return Some(format!("it is called as {}", signatures.join(" or ")));
    }
    let names = names(engine);
    nearest(name, names.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?"))
}

/// Returns the forms of a function; of Rhai's own functions only if they are asked for.
fn signatures_of(engine: &Engine, name: &str, standard: bool) -> Vec<String> {
    let mut signatures = engine.collect_fn_metadata(
        None,
        |info| {
            (info.metadata.name == name).then(|| {
                let meta = info.metadata;
                format!("`{}`", signature(&meta.name, &meta.params_info, &meta.return_type))
            })
        },
        standard,
    );
    signatures.sort();
    signatures.dedup();
    signatures.truncate(4);
    signatures
}

/// Writes a signature as people read it. `gives` is empty or `()` when nothing is given.
pub(super) fn signature<S: AsRef<str>>(name: &str, params: &[S], gives: &str) -> String {
    let takes: Vec<&str> = params.iter().map(AsRef::as_ref).collect();
    let gives =
        if gives.is_empty() || gives == "()" { String::new() } else { format!(" -> {gives}") };
    format!("{name}({}){gives}", takes.join(", "))
}

/// Finds the calls of a function: for each argument its text if it is a literal, and the place.
pub(super) fn calls_of(ast: &AST, name: &str) -> Vec<(Vec<Option<String>>, Position)> {
    let mut found = Vec::new();
    ast.walk(&mut |path: &[ASTNode]| {
        let (call, position) = match path.last() {
            Some(
                ASTNode::Expr(Expr::FnCall(call, position))
                | ASTNode::Stmt(Stmt::FnCall(call, position)),
            ) => (call, *position),
            _ => return true,
        };
        if call.name == name {
            let text = |expr: &Expr| match expr {
                Expr::StringConstant(text, _) => Some(text.to_string()),
                _ => None,
            };
            found.push((call.args.iter().map(text).collect(), position));
        }
        true
    });
    found
}
