//! Names with a module before them, and functions that are values: what is no value of a file, and
//! what a closure takes from an import that ends before it.

use crate::script::check::checker::{Checker, Earlier, File};
use crate::script::check::functions::ScriptFunction;
use crate::script::check::imports::Modules;
use crate::script::diagnostic::fix::{QuickFix, Suggestion};
use crate::script::diagnostic::forms::Forms;
use crate::script::diagnostic::suggestion::{nearest_first, suggest};
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::lexer::names_closure;
use rhai::{ASTFlags, ASTNode, Expr, FnPtr, Position, Stmt};
use std::collections::{BTreeMap, BTreeSet};

impl Checker<'_> {
    /// Finds values that no file has.
    pub(super) fn paths(
        &mut self,
        file: &File<'_>,
        forms: &Forms<'_>,
        modules: &Modules,
        earlier: Option<Earlier<'_>>,
    ) {
        let at =
            |code, message, position| Diagnostic::at(code, message, file.name, file.text, position);
        let mut faults = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            match path.last() {
                Some(ASTNode::Expr(Expr::Variable(variable, _, position))) => {
                    let [root] = variable.2.path.as_slice() else { return true };
                    let module = root.name.as_str();
                    let name = variable.1.as_str();
                    let found = match modules.get(module) {
                        Some(offer) => offer.missing(module, name),
                        // What an input of a dialogue sees of earlier ones is not known here.
                        None if module == "global" && earlier.is_none() => missing(file, name),
                        None => None,
                    };

                    let place = if root.pos.is_none() { *position } else { root.pos };
                    faults.extend(found.map(|(message, near)| {
                        let near = near.map(|near| behind(near, place, module, name));
                        at(codes::VARIABLE, message, place).suggesting(near)
                    }));
                }
                Some(ASTNode::Expr(Expr::FnCall(call, _))) if call.name == "Fn" => {
                    if let [Expr::StringConstant(name, position)] = call.args.as_slice() {
                        faults.extend(unknown(forms, name).map(|(message, near)| {
                            at(codes::FUNCTION, message, *position).suggesting(near)
                        }));
                    }
                }
                _ => {}
            }
            true
        });

        faults.extend(departed(file).into_iter().map(|(alias, position)| {
            let message =
                format!("this closure outlives the import `{alias}`, which ends with its function");
            let help = format!("write `import .. as {alias};` outside of the function");
            Diagnostic { help: Some(help), ..at(codes::IMPORT, message, position) }
        }));

        self.faults.extend(faults);
    }
}

/// Puts the changes of a suggestion where the name stands, behind its module.
fn behind(near: Suggestion, place: Position, module: &str, name: &str) -> Suggestion {
    let column = place.position().map(|column| column + module.chars().count() + 2);
    let width = name.chars().count();

    let fixes = near.fixes.into_iter().filter_map(|fix| match fix {
        QuickFix::Instead(text) => {
            Some(QuickFix::At { line: place.line()?, column: column?, width, text })
        }
        other => Some(other),
    });
    Suggestion { fixes: fixes.collect(), ..near }
}

/// Says what is wrong with `Fn("name")`, if anything is.
fn unknown(forms: &Forms<'_>, name: &str) -> Option<(String, Option<Suggestion>)> {
    if name.contains("::") {
        let message = format!("`Fn(\"{name}\")` cannot refer to a function of another file");
        return Some((message, Some(format!("write a closure: `|x| {name}(x)`").into())));
    }

    if !forms.all(name).is_empty() {
        return None;
    }

    let message = format!("unknown function `{name}`");
    let known: Vec<&str> = forms.names().collect();
    let near = nearest_first(name, &known, |name| forms.is_of_script(name));
    Some((message, near.map(Suggestion::text)))
}

/// Says what is wrong with `global::name`, if anything is.
fn missing(file: &File<'_>, name: &str) -> Option<(String, Option<Suggestion>)> {
    let mut constants = BTreeSet::new();
    let mut variables = BTreeSet::new();
    for statement in file.ast.statements() {
        if let Stmt::Var(variable, flags, _) = statement {
            let is_constant = flags.contains(ASTFlags::CONSTANT);
            let names = if is_constant { &mut constants } else { &mut variables };
            names.insert(variable.0.name.as_str());
        }
    }

    if constants.contains(name) {
        return None;
    }

    let help = if variables.contains(name) {
        Some(format!("`{name}` is a variable; write `const {name} = ..`").into())
    } else {
        suggest(name, constants.into_iter())
    };

    Some((format!("no constant `{name}` outside of functions and blocks"), help))
}

/// Finds closures that a function gives back and that use what it imports itself: the import ends with
/// the function. Gives the name of the import and the place where the closure uses it.
fn departed(file: &File<'_>) -> Vec<(String, Position)> {
    let seen = ClosureFacts::of(file);
    let around =
        |position: Position| -> Vec<&ScriptFunction> { file.functions.around(position).collect() };
    // A closure leaves its function in a `return`, or as the value of the last statement.
    let is_last = |position: Position| {
        let outer = around(position);
        let Some(function) = outer.first() else { return false };
        let own = seen.statements.iter().filter(|one| around(**one).len() == outer.len());
        own.filter(|one| function.holds(**one)).max().is_some_and(|last| *last <= position)
    };
    let leaves = |closure: &ScriptFunction| {
        let given = seen.given.get(&closure.name);
        given.is_some_and(|(place, is_returned)| *is_returned || is_last(*place))
    };

    let mut found = Vec::new();
    for (alias, position) in &seen.uses {
        let mut outer = file.functions.around(*position);
        let Some(closure) = outer.next().filter(|function| names_closure(&function.name)) else {
            continue;
        };

        let imports = || seen.imports.iter().filter(|(name, _)| name == alias);
        let lasts = imports().any(|(_, at)| closure.holds(*at) || around(*at).is_empty());
        let ends = outer.any(|function| imports().any(|(_, at)| function.holds(*at)));

        if ends && !lasts && leaves(closure) {
            found.push((alias.clone(), *position));
        }
    }

    found
}

/// What matters for closures that leave their function.
#[derive(Default)]
struct ClosureFacts {
    /// The statements of the script, of functions and of closures.
    statements: Vec<Position>,
    /// Imports by their names.
    imports: Vec<(String, Position)>,
    /// Names before `::`.
    uses: Vec<(String, Position)>,
    /// Closures that are the value of their statement: where, and whether that is a `return`.
    given: BTreeMap<String, (Position, bool)>,
}

impl ClosureFacts {
    fn of(file: &File<'_>) -> ClosureFacts {
        let mut seen = ClosureFacts::default();

        file.ast.walk(&mut |path: &[ASTNode]| {
            if let [ASTNode::Stmt(statement)] = path {
                seen.statements.push(statement.position());
            }

            match path.last() {
                Some(ASTNode::Stmt(Stmt::Import(import, position))) => {
                    seen.imports.push((import.1.name.to_string(), *position));
                }
                Some(
                    ASTNode::Expr(Expr::FnCall(call, position))
                    | ASTNode::Stmt(Stmt::FnCall(call, position)),
                ) if call.is_qualified() => {
                    seen.uses.push((call.namespace.path[0].name.to_string(), *position));
                }
                Some(ASTNode::Expr(Expr::DynamicConstant(value, position))) => {
                    let is_returned = path.iter().any(|node| {
                        matches!(node, ASTNode::Stmt(Stmt::Return(_, flags, _)) if flags.is_empty())
                    });

                    if let Some(closure) = value.read_lock::<FnPtr>()
                        && (is_returned || is_value(path))
                    {
                        let name = closure.fn_name().to_owned();
                        seen.given.insert(name, (*position, is_returned));
                    }
                }
                _ => {}
            }
            true
        });

        seen
    }
}

/// Tells whether what stands at the end of a path is the value of its statement, or a part of it.
fn is_value(path: &[ASTNode]) -> bool {
    path.iter().all(|node| match node {
        ASTNode::Expr(Expr::FnCall(call, _)) => call.name == "curry",
        ASTNode::Stmt(Stmt::Expr(_) | Stmt::FnCall(..) | Stmt::Share(_))
        | ASTNode::Expr(
            Expr::Map(..) | Expr::Array(..) | Expr::Stmt(_) | Expr::DynamicConstant(..),
        ) => true,
        _ => false,
    })
}
