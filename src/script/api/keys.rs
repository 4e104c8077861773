//! Models that a script names literally and that are not set up, for lack of a key say: looked at before its first
//! call. Otherwise the script would fail once it comes to one, after all calls before are paid.

use super::grants::{is_always_reached, is_of_script};
use crate::base::failure::Kind;
use crate::model::call_error::CallError;
use crate::script::check::call::call;
use crate::script::diagnostic::Diagnostic;
use crate::script::host::context::Inner;
use crate::script::host::kinds::TAKES_MODEL;
use rhai::{AST, ASTNode, Expr, FnCallExpr, Position, Stmt};
use std::collections::{HashMap, HashSet};

/// The methods of a branch that ask its model.
const ASKING: &[&str] = &["chat", "communicate", "operate", "react"];
/// The words among those that take a model which ask nothing by themselves.
const MAKING: &[&str] = &["branch", "imodel", "judged_by"];

/// The variables of a script, and the model of those that are set once, to a model or a branch of a literal name.
type Variables = HashMap<String, Option<String>>;

/// Returns the models that a script certainly asks after another call, and that cannot be asked.
pub(in crate::script) fn unset_models(
    host: &Inner,
    ast: &AST,
    (file, text): (&str, &str),
) -> Vec<Diagnostic> {
    let own: HashSet<&str> = ast.iter_functions().map(|function| function.name).collect();
    let variables = variables(ast);
    let mut found: Vec<Diagnostic> = Vec::new();
    let mut may_have_ended = false;
    let mut has_asked = false;

    ast.walk(&mut |path: &[ASTNode]| {
        may_have_ended |= matches!(path.last(), Some(ASTNode::Stmt(Stmt::Return(..))));
        may_have_ended |= call(path).is_some_and(|call| call.expr.name == "exit");
        let Some((model, position)) = asked(path, &variables, &own) else { return true };
        if !is_of_script(ast, path) {
            return true;
        }

        let is_certain = !may_have_ended && path.iter().all(is_always_reached);
        if let Some(name) = model
            && is_certain
            && has_asked
            && let Some(message) = missing(host, &name)
        {
            let code = Kind::Setup.code();
            let fault = Diagnostic::at(code, message, file, text, position);
            if found.iter().all(|known| known.message != fault.message) {
                found.push(fault);
            }
        }
        has_asked = true;
        true
    });
    found
}

/// Returns what is asked at the end of a path, if a model is: its name where it is literal, and the place.
fn asked(
    path: &[ASTNode<'_>],
    variables: &Variables,
    own: &HashSet<&str>,
) -> Option<(Option<String>, Position)> {
    if let ASTNode::Expr(Expr::Dot(pair, ..)) = path.last()? {
        let first = match &pair.rhs {
            Expr::Dot(rest, ..) | Expr::Index(rest, ..) => &rest.lhs,
            only => only,
        };
        let Expr::MethodCall(call, position) = first else { return None };
        let asks = ASKING.contains(&call.name.as_str()) && !own.contains(call.name.as_str());
        return asks.then(|| (model_of(&pair.lhs, variables), *position));
    }

    let call = call(path).filter(|call| !call.is_method)?;
    let name = call.expr.name.as_str();
    let asks = ASKING.contains(&name) || TAKES_MODEL.contains(&name) && !MAKING.contains(&name);
    let is_own = own.contains(name) || call.expr.is_qualified();
    let model = || call.expr.args.first().and_then(|who| model_of(who, variables));
    (asks && !is_own).then(|| (model(), call.position))
}

/// Returns the name of the model that an expression is, or the branch of which it is.
fn model_of(expr: &Expr, variables: &Variables) -> Option<String> {
    match expr {
        Expr::StringConstant(name, _) => Some(name.to_string()),
        Expr::Variable(name, ..) => variables.get(name.1.as_str()).cloned().flatten(),
        other => call_of_model(other).and_then(literal).map(str::to_owned),
    }
}

/// Returns the call that makes a model or a branch of one, if it is that.
fn call_of_model(expr: &Expr) -> Option<&FnCallExpr> {
    match expr {
        Expr::FnCall(call, _) if ["branch", "imodel"].contains(&call.name.as_str()) => Some(call),
        _ => None,
    }
}

/// Returns the name of a model that such a call is given.
fn literal(call: &FnCallExpr) -> Option<&str> {
    let given = match call.args.as_slice() {
        [Expr::Map(map, _)] => map.0.iter().find(|(key, _)| key.name == "model").map(|(_, v)| v)?,
        [only] => only,
        _ => return None,
    };
    match given {
        Expr::StringConstant(name, _) => Some(name.as_str()),
        Expr::FnCall(inner, _) if inner.name == "imodel" => literal(inner),
        _ => None,
    }
}

/// Collects the variables of a script. One that is set twice may be anything.
fn variables(ast: &AST) -> Variables {
    let mut variables = Variables::new();
    ast.walk(&mut |path: &[ASTNode]| {
        let (name, value) = match path.last() {
            Some(ASTNode::Stmt(Stmt::Var(var, ..))) => (var.0.name.as_str(), Some(&var.1)),
            Some(ASTNode::Stmt(Stmt::Assignment(set))) => match &set.1.lhs {
                Expr::Variable(name, ..) => (name.1.as_str(), None),
                _ => return true,
            },
            _ => return true,
        };

        let is_new = !variables.contains_key(name);
        let model = value.filter(|_| is_new).and_then(call_of_model).and_then(literal);
        variables.insert(name.to_owned(), model.map(str::to_owned));
        true
    });
    variables
}

/// Says what a model lacks before it can be asked, if that is known.
fn missing(host: &Inner, name: &str) -> Option<String> {
    let model = host.with.models.resolve(name).ok()?;
    match model.fault()? {
        CallError::Setup { message } => Some(message.clone()),
        // What is refused otherwise is no matter of setting something up.
        _ => None,
    }
}
