//! Calls of models that are made where a function is wanted that makes them: `gather([b.chat("x")])`.

use crate::script::check::argument::Arguments;
use crate::script::check::checker::File;
use crate::script::check::closure::closure_in;
use crate::script::check::kinds::Kinds;
use crate::script::check::used::is_variable;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt};

/// Words whose arguments are functions.
const TAKES_FUNCTIONS: &[&str] = &["attempt", "gather", "race", "retry", "task", "timeout"];
/// Those of them that take a list of functions.
const TAKES_LISTS: &[&str] = &["gather", "race"];
/// Those of them that take a number before the function.
const TAKES_NUMBERS: &[&str] = &["retry", "timeout"];
/// The word that runs a function at once, and returns a handle to wait for.
const RUNS: &str = "task";
/// Methods of an optimizer whose first map holds functions.
const TAKES_PATTERNS: &[&str] = &["compare", "run"];
/// Words that ask a model, and give no function.
const ASKS: &[&str] = &["chat", "communicate", "flow", "operate", "parse", "react"];
/// How deep functions of a script and variables are looked into.
const DEPTH_MAX: usize = 4;

/// A call that is made too early: its word, and where it stands.
type MadeCall = (String, Position);

impl Arguments<'_> {
    /// Finds a call of a model that is made where a function is wanted that makes it.
    pub(super) fn made_call(&self, file: &File<'_>, kinds: &Kinds<'_>) -> Option<Diagnostic> {
        let name = self.call.name.as_str();
        let is_of_optimizer = self.receiver == Some(ValueKind::Handle("optimizer".to_owned()));
        let takes_patterns = is_of_optimizer && TAKES_PATTERNS.contains(&name);
        let plans = name == "add_operation" && self.has_no_kind();
        if !TAKES_FUNCTIONS.contains(&name) && !takes_patterns && !plans {
            return None;
        }

        let script = ScriptCalls { file, kinds, takes_tasks: !TAKES_LISTS.contains(&name) };
        let (made, at) = if takes_patterns {
            // Patterns stand behind the task type.
            script.in_patterns(self.call.args.get(usize::from(!self.is_method) + 1)?)?
        } else if plans {
            script.in_value(self.call.args.get(usize::from(!self.is_method))?, 0)?
        } else {
            let takes_list = TAKES_LISTS.contains(&name);
            // Before a function stands the number of tries or of milliseconds.
            let numbers = usize::from(TAKES_NUMBERS.contains(&name) && self.call.args.len() > 1);
            self.call.args.iter().skip(numbers).find_map(|argument| {
                let in_list = if takes_list { script.in_list(argument, 0) } else { None };
                in_list.or_else(|| script.in_value(argument, 0))
            })?
        };

        let is_task = made == RUNS;
        let message = if is_task {
            format!("`{name}` takes functions, but a task already runs")
        } else {
            format!("`{name}` takes functions, but `{made}` is called before it")
        };
        let help = match name {
            "gather" if is_task => {
                "write `tasks.map(|t| t.wait())`, or give `gather` the functions without `task`"
                    .to_owned()
            }
            _ if is_task => format!("give `{name}` the functions without `task`"),
            _ if TAKES_LISTS.contains(&name) => format!(
                "write `{name}([|| .. .{made}(..), || ..])`, or `{name}(items.map(|item| || .. .{made}(..)))`: \
                 functions that make the calls"
            ),
            _ if takes_patterns => {
                format!(
                    "write `#{{ name: |input, branch| branch.{made}(..) }}`: functions that make the calls"
                )
            }
            _ if plans => format!(
                "write `g.add_operation(\"{made}\", #{{ instruction: \"..\" }})`, or a function that makes the \
                 call: `|inputs, branch| branch.{made}(..)`"
            ),
            _ => format!("write `|| .. .{made}(..)`: a function that makes the call"),
        };
        let fault = Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, at);
        Some(Diagnostic { help: Some(help), ..fault })
    }
}

impl Arguments<'_> {
    /// Tells whether an operation cannot have its kind as a text: each kind needs an instruction among its options.
    fn has_no_kind(&self) -> bool {
        let rest = self.call.args.get(usize::from(!self.is_method) + 1..).unwrap_or_default();
        match rest {
            [] => true,
            [Expr::Map(options, _)] => options.0.iter().all(|(key, _)| key.name != "instruction"),
            _ => false,
        }
    }
}

/// What the script says of its values.
struct ScriptCalls<'a> {
    /// Whether a task may stand in the place of a function.
    takes_tasks: bool,
    file: &'a File<'a>,
    kinds: &'a Kinds<'a>,
}

impl ScriptCalls<'_> {
    /// Finds a call of a model whose reply, or a part of it, is this value.
    fn in_value(&self, expr: &Expr, depth: usize) -> Option<MadeCall> {
        match expr {
            // What is asked for a key gives no function.
            Expr::Index(pair, ..) => {
                self.in_value(&pair.lhs, depth).map(|(made, _)| (made, expr.start_position()))
            }
            Expr::Dot(pair, ..) => {
                let before = self.in_value(&pair.lhs, depth);
                before
                    .or_else(|| self.in_value(&pair.rhs, depth))
                    .map(|(made, _)| (made, expr.start_position()))
            }
            // The function may be one that a map holds.
            Expr::MethodCall(call, _) if self.kinds.may_hold(&call.name) => None,
            Expr::MethodCall(call, position) | Expr::FnCall(call, position) => {
                self.in_call(call, *position, depth)
            }
            _ => None,
        }
    }

    fn in_call(&self, call: &FnCallExpr, position: Position, depth: usize) -> Option<MadeCall> {
        let name = call.name.as_str();
        if call.is_qualified() || depth > DEPTH_MAX {
            return None;
        }
        // What a function of the script's own gives may well be a function.
        if self.file.functions.has(name) {
            return self.in_result(name, depth + 1).map(|_| (name.to_owned(), position));
        }
        let is_task = name == RUNS && !self.takes_tasks;
        (is_task || ASKS.contains(&name)).then(|| (name.to_owned(), position))
    }

    /// Finds a call of a model whose reply is what a function returns at its end.
    fn in_result(&self, function: &str, depth: usize) -> Option<MadeCall> {
        let mut made = None;
        self.file.ast.walk(&mut |path: &[ASTNode]| {
            if let [ASTNode::Stmt(statement)] = path
                && self.kinds.function_of(path) == function
            {
                // The last statement of all is its result.
                made = match statement {
                    Stmt::Expr(result) | Stmt::Return(Some(result), ..) => {
                        self.in_value(result, depth)
                    }
                    Stmt::FnCall(call, position) => self.in_call(call, *position, depth),
                    _ => None,
                };
            }
            true
        });
        made
    }

    /// Finds a call of a model whose reply is an item of a list.
    fn in_list(&self, list: &Expr, depth: usize) -> Option<MadeCall> {
        match list {
            Expr::Array(items, _) => items.iter().find_map(|item| self.in_value(item, depth)),
            Expr::Dot(pair, ..) => match &pair.rhs {
                Expr::MethodCall(call, _) => self.in_mapped(call, depth),
                _ => None,
            },
            Expr::FnCall(call, _) => self.in_mapped(call, depth),
            Expr::Variable(name, ..) if depth < DEPTH_MAX => {
                self.in_variable(&name.1, |held| match held {
                    HeldValue::Whole(value) => self.in_list(value, depth + 1),
                    HeldValue::Item(item) => self.in_value(item, depth + 1),
                })
            }
            _ => None,
        }
    }

    /// Finds a call of a model in the function that `map` is given.
    fn in_mapped(&self, call: &FnCallExpr, depth: usize) -> Option<MadeCall> {
        let closure = call.args.iter().find_map(closure_in).filter(|_| call.name == "map")?;
        self.in_result(&closure, depth + 1)
    }

    /// Finds a call of a model whose reply is a value of a map of patterns.
    fn in_patterns(&self, patterns: &Expr) -> Option<MadeCall> {
        match patterns {
            Expr::Map(map, _) => map.0.iter().find_map(|(_, value)| self.in_value(value, 0)),
            Expr::Variable(name, ..) => self.in_variable(&name.1, |held| match held {
                HeldValue::Whole(Expr::Map(map, _)) => {
                    map.0.iter().find_map(|(_, value)| self.in_value(value, 0))
                }
                HeldValue::Whole(_) | HeldValue::Item(_) => None,
            }),
            _ => None,
        }
    }

    /// Finds a call among what a variable is set to and what is pushed to it, unless several variables of the
    /// script have this name.
    fn in_variable(
        &self,
        variable: &str,
        find: impl Fn(HeldValue<'_>) -> Option<MadeCall>,
    ) -> Option<MadeCall> {
        if self.declared(variable) != 1 || self.is_set_again(variable) {
            return None;
        }

        let mut made = None;
        self.file.ast.walk(&mut |path: &[ASTNode]| {
            let held = match path.last() {
                Some(ASTNode::Stmt(Stmt::Var(var, ..))) if var.0.name == variable => {
                    Some(HeldValue::Whole(&var.1))
                }
                Some(ASTNode::Expr(Expr::Dot(pair, ..))) if is_variable(&pair.lhs, variable) => {
                    pushed(&pair.rhs).map(HeldValue::Item)
                }
                _ => None,
            };

            if made.is_none() {
                made = held.and_then(&find);
            }
            true
        });

        made
    }

    fn is_set_again(&self, variable: &str) -> bool {
        let mut is_set = false;
        self.file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Stmt(Stmt::Assignment(set))) = path.last() {
                is_set |= is_variable(&set.1.lhs, variable);
            }
            true
        });
        is_set
    }

    /// Counts the variables of this name.
    fn declared(&self, variable: &str) -> usize {
        let mut declared = 0;
        self.file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Stmt(Stmt::Var(var, ..))) = path.last() {
                declared += usize::from(var.0.name == variable);
            }
            true
        });
        declared
    }
}

/// Returns what a method adds to a list.
fn pushed(method: &Expr) -> Option<&Expr> {
    match method {
        Expr::MethodCall(call, _) if call.name == "push" => call.args.first(),
        _ => None,
    }
}

/// What a variable holds.
enum HeldValue<'a> {
    /// All of it.
    Whole(&'a Expr),
    /// An item of it.
    Item(&'a Expr),
}
