//! Words that change their value in place and return nothing, where something is done with what they
//! return. In Python and JavaScript many of them return the changed value.

use crate::script::check::call::{call, receiver};
use crate::script::check::checker::{Checker, File};
use crate::script::check::kinds::Kinds;
use crate::script::check::used::{ResultUse, use_of};
use crate::script::diagnostic::fix::byte_at;
use crate::script::diagnostic::forms::{CallForm, Forms};
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::lexer::{LexemeClass, scan};
use rhai::{ASTFlags, ASTNode, Expr, FnCallExpr, Position, Stmt};
use std::collections::{HashMap, HashSet};

/// The word that returns what a word in place makes, and how it is written.
pub(super) const RETURNING: &[(&str, &str)] = &[
    ("append", "a + b"),
    ("dedup", "list.distinct()"),
    ("make_lower", "text.lower()"),
    ("make_upper", "text.upper()"),
    ("push", "list + [item]"),
    ("replace", "text.replaced(part, other)"),
    ("reverse", "value.reversed()"),
    ("sort", "list.sorted()"),
    ("sort_by", "list.sorted(|a, b| ..)"),
    ("sort_desc", "list.sorted().reversed()"),
    ("trim", "text.trimmed()"),
];

/// More words that change their value and return nothing. Other words that return nothing, such as `write_text`,
/// do something else.
pub(super) const CHANGING: &[&str] =
    &["chop", "clear", "crop", "fill_with", "insert", "mixin", "pad", "set", "splice", "truncate"];

/// Words that change their value, and return what they took from it.
pub(super) const TAKING: &[&str] = &["drain", "pop", "remove", "retain", "shift", "splice"];

/// Words that collect what a function returns for each item.
const COLLECTING: &[&str] = &["map", "parallel"];

/// What is wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It changes its variable and returns nothing, but something is done with what it returns.
    Used,
    /// It changes what the function was given, which is a copy, and returns nothing.
    Lost,
    /// It is the last thing that a function does with a variable of its own, and returns nothing.
    Last,
    /// It is the value of the script, which returns nothing then.
    Script,
    /// It changes a value that nothing keeps.
    Temporary,
    /// It is a word of kaizen that returns nothing, but something is done with what it returns.
    Nothing,
}

/// A call whose result is nothing.
struct Slip {
    word: String,
    position: Position,
    /// What it changes, if that is a variable.
    variable: Option<String>,
    fault: Fault,
}

impl Checker<'_> {
    /// Finds words in place whose result is used.
    /// With `is_whole`, the last statement is the value of the script.
    pub(super) fn in_place(
        &mut self,
        file: &File<'_>,
        kinds: &Kinds<'_>,
        bodies: &Bodies,
        is_whole: bool,
    ) {
        let mut slips = Vec::new();
        let mut named = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            slips.extend(slip(kinds, bodies, path));
            named.extend(passed_by_name(kinds, path));
            true
        });

        slips.retain(|slip| {
            // Whoever ends a script with `;` wants no value from it.
            slip.fault != Fault::Script || is_whole && !ends_with_semicolon(file, slip.position)
        });
        for Slip { word, position, variable, fault } in slips {
            let message = match fault {
                Fault::Used => {
                    format!("`{word}` works in place and returns nothing, but its result is used")
                }
                Fault::Lost => format!("`{word}` changes a copy here and returns nothing"),
                Fault::Last => format!("`{word}` works in place, so this function returns nothing"),
                Fault::Script => format!("`{word}` works in place, so this script returns nothing"),
                Fault::Temporary => {
                    format!("`{word}` returns nothing, and nothing keeps the value that it changes")
                }
                Fault::Nothing => format!("`{word}` returns nothing, but its result is used"),
            };
            let help = match fault {
                Fault::Lost => help_of_copy(&word, variable.as_deref()),
                Fault::Used | Fault::Last | Fault::Script | Fault::Temporary => {
                    help(&word, variable.as_deref())
                }
                Fault::Nothing => format!("make the call to `{word}` a separate statement"),
            };
            let found = Diagnostic::at(codes::IN_PLACE, message, file.name, file.text, position);
            let found = Diagnostic { help: Some(help), ..found };
            // Whoever calls the function or the script may not want anything from it.
            let is_warning = matches!(fault, Fault::Last | Fault::Script);
            self.push(if is_warning { found.warning() } else { found });
        }

        for (word, by, position) in named {
            let message = format!(
                "`{word}` works in place and returns nothing, so `{by}` gives a list of `()`"
            );
            let instead = RETURNING.iter().find(|(known, _)| *known == word);
            let help = match instead {
                Some((_, other)) => {
                    let (_, rest) = other.split_once('.').unwrap_or(("", other));
                    format!("write `{by}(|x| x.{rest})`")
                }
                None => format!("write `{by}(|x| {{ x.{word}(); x }})`"),
            };
            let found = Diagnostic::at(codes::IN_PLACE, message, file.name, file.text, position);
            self.push_new(Diagnostic { help: Some(help), ..found });
        }
    }
}

/// Finds a word in place that is given by its name to a word that collects what it returns: the first word, the
/// second one, and the place.
fn passed_by_name(kinds: &Kinds<'_>, path: &[ASTNode<'_>]) -> Option<(String, String, Position)> {
    let by = call(path)?;
    if !COLLECTING.contains(&by.expr.name.as_str()) || kinds.is_of_script(path, &by) {
        return None;
    }

    let argument = by.expr.args.get(usize::from(!by.is_method))?;
    let name = match argument {
        Expr::StringConstant(name, _) => name.as_str(),
        Expr::FnCall(made, _) if made.name == "Fn" => match made.args.as_slice() {
            [Expr::StringConstant(name, _)] => name.as_str(),
            _ => return None,
        },
        _ => return None,
    };

    let mut forms = kinds.forms.all(name).iter().filter(|form| form.arity == 1).peekable();
    let is_known = forms.peek().is_some() && !kinds.forms.is_of_script(name);
    let is_mute = forms.all(|form| form.returns_nothing() && form.changes_a_value());
    let start = argument.start_position();
    let position = if start.is_none() { by.position } else { start };
    (is_known && is_mute).then(|| (name.to_owned(), by.expr.name.to_string(), position))
}

/// Tells whether a `;` stands behind the call whose word stands at a place.
fn ends_with_semicolon(file: &File<'_>, position: Position) -> bool {
    let start = position.line().zip(position.position());
    let Some(start) = start.and_then(|(line, column)| byte_at(file.text, line, column)) else {
        return false;
    };

    let mut pieces = scan(file.text).0;
    pieces.retain(|piece| piece.class != LexemeClass::Comment && piece.start >= start);
    let said = pieces.iter().map(|piece| file.text[piece.start..piece.end].trim());
    let mut depth = 0_usize;
    let mut is_behind = false;
    for piece in said.filter(|piece| !piece.is_empty()) {
        match piece {
            _ if is_behind => return piece == ";",
            "(" => depth += 1,
            ")" => {
                depth = depth.saturating_sub(1);
                is_behind = depth == 0;
            }
            _ => {}
        }
    }
    false
}

/// Says how a function gives back what it changes: it gets copies.
fn help_of_copy(word: &str, variable: Option<&str>) -> String {
    if let Some((_, other)) = RETURNING.iter().find(|(known, _)| *known == word) {
        format!("end the function with `{other}`, and use what it returns: `x = f(x)`")
    } else {
        let name = variable.unwrap_or("x");
        format!(
            "end the function with `{name}.{word}(..); {name}`, and use what it returns: `x = f(x)`"
        )
    }
}

/// Says what to write instead.
fn help(word: &str, variable: Option<&str>) -> String {
    let alone = match variable {
        Some(name) => format!("write `{name}.{word}(..);` as a statement, then use `{name}`"),
        None => format!("call `{word}` as a statement on a variable, then use the variable"),
    };

    match RETURNING.iter().find(|(known, _)| *known == word) {
        Some((_, other)) => format!("write `{other}`, which returns the result; or {alone}"),
        None => alone,
    }
}

/// Finds out whether a path ends in a call in place whose result is used.
fn slip(kinds: &Kinds<'_>, bodies: &Bodies, path: &[ASTNode<'_>]) -> Option<Slip> {
    let found = call(path)?;
    let position = found.position;
    let call = found.expr;
    let given = call.args.len() + usize::from(found.is_method);
    let receiver = if found.is_method { receiver(path) } else { call.args.first() };

    let forms = kinds.forms;
    if !returns_nothing(forms, call, given) || kinds.is_of_script(path, &found) {
        return None;
    }

    let variable = receiver.and_then(|receiver| match receiver {
        Expr::Variable(name, ..) => Some(name.1.to_string()),
        _ => None,
    });

    let fault = match use_of(path) {
        ResultUse::Used if !works_in_place(forms, &call.name, given) => Fault::Nothing,
        ResultUse::Used => Fault::Used,
        // What a handle stands for is changed for everybody.
        _ if !works_in_place(forms, &call.name, given) => return None,
        _ if is_changing(&call.name) && kinds.is_temporary(path) => Fault::Temporary,
        ResultUse::Dropped => return None,
        ResultUse::Returned => returned(bodies, path, (&call.name, variable.as_deref()?))?,
    };

    Some(Slip { word: call.name.to_string(), position, variable, fault })
}

/// Finds out what is wrong with a change of a variable that is the last thing a body does.
fn returned(
    bodies: &Bodies,
    path: &[ASTNode<'_>],
    (word, variable): (&str, &str),
) -> Option<Fault> {
    if bodies.ends_script(path) {
        let is_lost = is_changing(word) && !bodies.is_shared(variable);
        return is_lost.then_some(Fault::Script);
    }

    let body = bodies.around(path)?;
    if body.shares(variable) {
        return None;
    }
    Some(if body.params.contains(variable) { Fault::Lost } else { Fault::Last })
}

/// Tells whether a word returns nothing, whatever it is called with.
fn returns_nothing(forms: &Forms<'_>, call: &FnCallExpr, given: usize) -> bool {
    let mut fitting = forms.all(&call.name).iter().filter(|form| form.arity == given).peekable();
    fitting.peek().is_some() && fitting.all(CallForm::returns_nothing)
}

/// Tells whether a word changes a text, a list or a map. Handles, such as branches, stand for something
/// shared: a change of one is never lost.
fn works_in_place(forms: &Forms<'_>, name: &str, given: usize) -> bool {
    let mut fitting = forms.all(name).iter().filter(|form| form.arity == given);
    fitting.all(CallForm::changes_a_value)
}

/// Tells whether a word is one that changes its value and returns nothing.
pub(super) fn is_changing(name: &str) -> bool {
    CHANGING.contains(&name) || RETURNING.iter().any(|(known, _)| *known == name)
}

/// Tells whether a method returns nothing.
pub(super) fn gives_nothing(forms: &Forms<'_>, call: &FnCallExpr) -> bool {
    returns_nothing(forms, call, call.args.len() + 1)
}

/// Tells whether a function changes the text, the list or the map that is its first argument.
pub(super) fn changes_when_given(forms: &Forms<'_>, call: &FnCallExpr) -> bool {
    changes(forms, call, call.args.len())
}

/// Tells whether a method changes the text, the list or the map before its dot.
pub(super) fn changes_in_place(forms: &Forms<'_>, call: &FnCallExpr) -> bool {
    changes(forms, call, call.args.len() + 1)
}

/// Tells whether a word that is given so many values changes the first of them.
fn changes(forms: &Forms<'_>, call: &FnCallExpr, given: usize) -> bool {
    let is_known = forms.all(&call.name).iter().any(|form| form.arity == given);
    let is_taking = TAKING.contains(&call.name.as_str());
    let is_change = is_known && (is_taking || returns_nothing(forms, call, given));
    is_change && works_in_place(forms, &call.name, given)
}

/// The functions and closures of a script, by their last statements.
pub(super) struct Bodies {
    by_last: HashMap<*const Stmt, Body>,
    /// The last statement of the script itself.
    last: Option<*const Stmt>,
    /// What closures share or files export: it may be read anywhere.
    shared: HashSet<String>,
}

/// What the body of a function can change for others.
pub(super) struct Body {
    captured: HashSet<String>,
    params: HashSet<String>,
}

impl Bodies {
    pub(super) fn of(file: &File<'_>) -> Bodies {
        // The walk goes through the statements of the script, and then through those of each function.
        let mut roots: Vec<(*const Stmt, Position)> = Vec::new();
        let mut shared = HashSet::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            match path.last() {
                Some(ASTNode::Stmt(Stmt::Share(names))) => {
                    shared.extend(names.iter().map(|(name, _)| name.name.to_string()));
                }
                Some(ASTNode::Stmt(Stmt::Var(variable, flags, _)))
                    if flags.contains(ASTFlags::EXPORTED) =>
                {
                    shared.insert(variable.0.name.to_string());
                }
                Some(ASTNode::Stmt(Stmt::Export(export, _))) => {
                    shared.insert(export.0.name.to_string());
                }
                _ => {}
            }
            if let [ASTNode::Stmt(statement)] = path {
                roots.push((std::ptr::from_ref(*statement), statement.position()));
            }
            true
        });
        let own = roots.into_iter().skip(file.ast.statements().len());

        // A statement belongs to the innermost function around it.
        let mut last: HashMap<&str, (*const Stmt, Position)> = HashMap::new();
        for (statement, position) in own {
            let Some(function) = file.functions.at(position) else { continue };
            let known = last.entry(&function.key).or_insert((statement, position));
            if known.1 < position {
                *known = (statement, position);
            }
        }

        let mut by_last = HashMap::new();
        for function in file.functions.iter() {
            let Some((last, _)) = last.get(function.key.as_str()) else { continue };
            let captured = function.captured().iter().cloned().collect();
            let params = function.params().iter().cloned().collect();
            by_last.insert(*last, Body { captured, params });
        }
        let last = file.ast.statements().last().map(std::ptr::from_ref);
        Bodies { by_last, last, shared }
    }

    /// Tells what becomes of the value of the last node of a path: that of a body is that of its last statement.
    pub(super) fn use_of(&self, path: &[ASTNode<'_>]) -> ResultUse {
        let result = use_of(path);
        let is_returned = self.ends_script(path) || self.around(path).is_some();
        if result == ResultUse::Returned && !is_returned { ResultUse::Dropped } else { result }
    }

    /// Tells whether a variable may be read anywhere.
    pub(super) fn is_shared(&self, name: &str) -> bool {
        self.shared.contains(name)
    }

    /// Tells whether the first node of a path is the last statement of the script.
    fn ends_script(&self, path: &[ASTNode<'_>]) -> bool {
        match path.first() {
            Some(ASTNode::Stmt(root)) => self.last == Some(std::ptr::from_ref(*root)),
            _ => false,
        }
    }

    /// Returns the body whose value is that of the first node of a path.
    pub(super) fn around(&self, path: &[ASTNode<'_>]) -> Option<&Body> {
        match path.first()? {
            ASTNode::Stmt(first) => self.by_last.get(&std::ptr::from_ref(*first)),
            _ => None,
        }
    }
}

impl Body {
    /// Tells whether a change of this variable outlives the call.
    fn shares(&self, name: &str) -> bool {
        name == "this" || self.captured.contains(name)
    }
}
