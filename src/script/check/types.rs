//! What kind of value an expression gives, where that is certain: only then is an unknown method an
//! error.

use crate::script::check::forms::{Forms, HANDLES};
use rhai::{AST, ASTNode, Expr, FnPtr, Stmt};
use std::collections::{HashMap, HashSet};

/// The types of variables, by name; a name that stands for different things has none.
#[derive(Debug, Default)]
pub(super) struct Types {
    variables: HashMap<String, Option<String>>,
}

impl Types {
    /// Collects the variables of a script.
    pub(super) fn of(ast: &AST, forms: &Forms) -> Types {
        let mut types = Types::default();
        let captured = captured(ast);
        for function in ast.iter_functions() {
            // The first parameters of a closure are the variables that it captures.
            let skip = captured.get(function.name).copied().unwrap_or(0);
            for param in function.params.iter().skip(skip) {
                types.variables.insert((*param).to_owned(), None);
            }
        }

        let mut unknown: HashSet<String> = HashSet::new();
        ast.walk(&mut |path: &[ASTNode]| {
            match path.last() {
                Some(ASTNode::Stmt(Stmt::For(each, _))) => {
                    unknown.insert(each.0.name.to_string());
                    unknown.extend(each.1.iter().map(|counter| counter.name.to_string()));
                }
                Some(ASTNode::Stmt(Stmt::TryCatch(block, _))) => {
                    if let Expr::Variable(name, ..) = &block.expr {
                        unknown.insert(name.1.to_string());
                    }
                }
                Some(ASTNode::Stmt(Stmt::Var(var, ..))) => {
                    types.bind(var.0.name.as_str(), &var.1, forms);
                }
                Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
                    if let Expr::Variable(name, ..) = &assignment.1.lhs {
                        types.bind(name.1.as_str(), &assignment.1.rhs, forms);
                    }
                }
                _ => {}
            }

            true
        });

        // What a loop or a `catch` binds may be of any kind, whatever else is assigned to the name.
        types.variables.extend(unknown.into_iter().map(|name| (name, None)));
        types
    }

    /// Adds variables that exist already, unless the script makes new ones of these names.
    pub(super) fn add(&mut self, variables: &[(String, String)]) {
        for (name, kind) in variables.iter().filter(|(_, kind)| HANDLES.contains(&kind.as_str())) {
            self.variables.entry(name.clone()).or_insert_with(|| Some(kind.clone()));
        }
    }

    fn bind(&mut self, name: &str, value: &Expr, forms: &Forms) {
        let kind = self.kind(value, forms);
        match self.variables.get(name) {
            Some(known) if *known != kind => self.variables.insert(name.to_owned(), None),
            Some(_) => None,
            None => self.variables.insert(name.to_owned(), kind),
        };
    }

    /// Returns the type of an expression, if it is one of kaizen's own and certain.
    pub(super) fn kind(&self, expr: &Expr, forms: &Forms) -> Option<String> {
        match expr {
            Expr::Variable(name, ..) => self.variables.get(name.1.as_str()).cloned().flatten(),
            Expr::FnCall(call, _) if !call.is_qualified() => {
                given(forms, &call.name, call.args.len())
            }
            Expr::Dot(pair, ..) => match &pair.rhs {
                Expr::MethodCall(call, _) => given(forms, &call.name, call.args.len() + 1),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Returns what every form of a function gives that takes so many arguments.
fn given(forms: &Forms, name: &str, arity: usize) -> Option<String> {
    let mut gives = forms.all(name).iter().filter(|form| form.arity == arity);
    let first = gives.next()?.gives.clone()?;
    let is_own = HANDLES.contains(&first.as_str());
    (is_own && gives.all(|form| form.gives.as_deref() == Some(&first))).then_some(first)
}

/// Counts the variables that each closure captures, by the closure's name.
pub(super) fn captured(ast: &AST) -> HashMap<String, usize> {
    let mut captured = HashMap::new();
    ast.walk(&mut |path: &[ASTNode]| {
        if let Some(ASTNode::Expr(Expr::FnCall(call, _))) = path.last()
            && call.name == "curry"
            && let Some(Expr::DynamicConstant(function, _)) = call.args.first()
            && let Some(function) = function.read_lock::<FnPtr>()
        {
            captured.insert(function.fn_name().to_owned(), call.args.len() - 1);
        }
        true
    });

    captured
}
