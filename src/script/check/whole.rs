//! Divisions of whole numbers, which drop the fraction: `2 / 3` is 0.

use crate::script::check::checker::{Checker, File};
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::lexer::names_closure;
use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt};
use std::collections::{BTreeMap, BTreeSet};

/// Methods and properties that always give a whole number.
pub(super) const WHOLE: &[&str] = &["len", "to_int", "index_of", "parse_int"];
/// The counts among the figures of a run.
pub(super) const COUNTS: &[&str] = &[
    "calls",
    "cancelled_operations",
    "completed_operations",
    "failed_operations",
    "input",
    "output",
    "repairs",
    "retries",
    "skipped_operations",
    "steps",
    "tool_calls",
];
/// What has them.
const COUNTING: &[&str] = &["metrics", "tokens", "usage", "used"];
/// What makes plain that a whole number is meant.
pub(super) const MEANT: &[&str] = &["to_int"];
/// Words of texts and lists that take places and lengths, which are whole numbers.
pub(super) const PLACES: &[&str] = &[
    "chop",
    "crop",
    "drain",
    "extract",
    "get",
    "insert",
    "pad",
    "range",
    "remove",
    "set",
    "splice",
    "split",
    "sub_string",
    "truncate",
];
/// Words that leave a list as it is.
pub(super) const READING: &[&str] =
    &["sum", "mean", "len", "max_by", "min_by", "contains", "print"];
/// Operators that give a whole number if both sides are whole.
const CLOSED: &[&str] = &["+", "-", "*", "/", "%", "**"];

impl Checker<'_> {
    /// Finds divisions of whole numbers that do not say that they mean it.
    pub(super) fn divisions(&mut self, file: &File<'_>) {
        let names = Names::of(file);
        let mut found: Vec<(Position, String)> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Stmt(Stmt::Assignment(assignment))) = path.last()
                && let Some((_, _, _, "/=", ..)) = assignment.0.get_op_assignment_info()
                && names.is_whole(&assignment.1.lhs)
                && names.is_whole(&assignment.1.rhs)
            {
                let help = help_in_place(&assignment.1.lhs, &assignment.1.rhs);
                found.push((assignment.0.position(), help));
            }

            if let Some(ASTNode::Expr(Expr::FnCall(call, position))) = path.last()
                && call.name == "/"
                && let [left, right] = call.args.as_slice()
                && names.is_whole(left)
                && names.is_whole(right)
                && !is_exact(left, right)
                && !is_meant(path)
            {
                found.push((*position, help(file.text, *position, left, right)));
            }
            true
        });

        for (position, help) in found {
            let message = "this divides whole numbers, so the fraction is dropped".to_owned();
            let fault = Diagnostic::at(codes::DIVISION, message, file.name, file.text, position);

            self.push(Diagnostic { help: Some(help), ..fault.warning() });
        }
    }
}

/// Says what to write for a variable that is divided in place.
fn help_in_place(left: &Expr, right: &Expr) -> String {
    let name = match left {
        Expr::Variable(name, ..) => name.1.as_str(),
        _ => "x",
    };
    let divisor = divisor(right);
    format!(
        "write `{name} = {name}.to_float() / {divisor};` for a fraction, or \
         `{name} = ({name} / {divisor}).to_int();` if a whole number is meant"
    )
}

/// Writes what is divided by, if that is short.
fn divisor(right: &Expr) -> String {
    match right {
        Expr::IntegerConstant(number, _) => number.to_string(),
        Expr::Variable(name, ..) => name.1.to_string(),
        _ => "..".to_owned(),
    }
}

/// Says what to write for a division that keeps its fraction; `at` is the place of its sign.
fn help(text: &str, at: Position, left: &Expr, right: &Expr) -> String {
    let divided = written(text, at, left);
    let divisor = divisor(right);

    let fraction = match left {
        Expr::IntegerConstant(number, _) => format!("{number}.0"),
        _ => format!("{divided}.to_float()"),
    };
    format!(
        "write `{fraction} / {divisor}` for a fraction, or `({divided} / {divisor}).to_int()` if a whole \
         number is meant"
    )
}

/// Returns what stands before the sign of a division, as it is written if it is one value on one line.
fn written(text: &str, at: Position, left: &Expr) -> String {
    let is_one = match left {
        Expr::IntegerConstant(..) | Expr::Variable(..) | Expr::Dot(..) => true,
        Expr::FnCall(call, _) => call.name.starts_with(char::is_alphabetic),
        _ => false,
    };
    let from = left.start_position();
    let line = at.line().and_then(|line| text.lines().nth(line - 1));

    let said = from.position().zip(at.position()).zip(line).and_then(|((from, to), line)| {
        let length = to.checked_sub(from)?;
        let said: String = line.chars().skip(from - 1).take(length).collect();
        Some(said.trim().to_owned())
    });
    let said = said.filter(|said| is_one && from.line() == at.line() && !said.is_empty());
    said.unwrap_or_else(|| "(..)".to_owned())
}

/// Tells whether the numbers are known and nothing is dropped.
fn is_exact(left: &Expr, right: &Expr) -> bool {
    match (left, right) {
        (Expr::IntegerConstant(left, _), Expr::IntegerConstant(right, _)) => {
            left.checked_rem(*right).is_none_or(|rest| rest == 0)
        }
        _ => false,
    }
}

/// Tells whether the whole number that a division gives is asked for: by `to_int`, as a place, or as the end
/// of a range.
fn is_meant(path: &[ASTNode<'_>]) -> bool {
    let mut nodes = path.iter().rev();
    let Some(ASTNode::Expr(division)) = nodes.next() else { return false };
    let is_division = |expr: &Expr| std::ptr::eq(expr, *division);

    match nodes.next() {
        Some(ASTNode::Expr(Expr::Dot(pair, ..))) => match &pair.rhs {
            Expr::MethodCall(call, _) => MEANT.contains(&call.name.as_str()),
            _ => false,
        },
        Some(ASTNode::Expr(Expr::MethodCall(call, _))) => PLACES.contains(&call.name.as_str()),
        Some(ASTNode::Expr(Expr::Index(pair, ..))) => is_division(&pair.rhs),
        Some(ASTNode::Expr(Expr::FnCall(call, _))) => {
            let name = call.name.as_str();
            matches!(name, ".." | "..=") || PLACES.contains(&name) || MEANT.contains(&name)
        }
        _ => false,
    }
}

/// The variables that hold whole numbers wherever they are set.
struct Names {
    whole: BTreeSet<String>,
    /// The variables that hold lists of whole numbers.
    lists: BTreeSet<String>,
}

impl Names {
    fn of(file: &File<'_>) -> Names {
        let values = Values::of(file);
        let known = values.given.keys().filter(|name| !values.unknown.contains(name.as_str()));
        let whole: BTreeSet<String> = known.cloned().collect();
        let is_list = |name: &&String| {
            let is_literal = |value: &Expr| {
                matches!(value, Expr::Array(..) | Expr::DynamicConstant(..) | Expr::Variable(..))
            };
            !values.changed.contains(name.as_str()) && values.given[*name].iter().all(is_literal)
        };
        let lists = whole.iter().filter(is_list).cloned().collect();
        let mut names = Names { whole, lists };

        // A variable may be set from another one: leave out what is no whole number until nothing changes.
        loop {
            let is_whole =
                |name: &&String| values.given[*name].iter().all(|value| names.is_whole(value));
            let whole: BTreeSet<String> = names.whole.iter().filter(is_whole).cloned().collect();
            let is_list =
                |name: &&String| values.given[*name].iter().all(|value| names.is_whole_list(value));
            let lists: BTreeSet<String> = names.lists.iter().filter(is_list).cloned().collect();
            if whole.len() == names.whole.len() && lists.len() == names.lists.len() {
                return names;
            }
            names = Names { whole, lists };
        }
    }

    /// Tells whether an expression certainly gives a whole number.
    fn is_whole(&self, expr: &Expr) -> bool {
        match expr {
            Expr::IntegerConstant(..) => true,
            Expr::Variable(name, ..) => self.whole.contains(name.1.as_str()),
            Expr::FnCall(call, _) => match call.args.as_slice() {
                [only] if call.name == "-" => self.is_whole(only),
                // A parameter is of the type of its default.
                [_, Expr::IntegerConstant(..), ..] if call.name == "param" => true,
                [only] if call.name == "sum" => self.is_whole_list(only),
                [only] => is_word(&call.name) && !matches!(only, Expr::Map(..)),
                [left, right] if CLOSED.contains(&call.name.as_str()) => {
                    self.is_whole(left) && self.is_whole(right)
                }
                _ => false,
            },

            Expr::Dot(pair, ..) => match &pair.rhs {
                Expr::MethodCall(call, _) if call.name == "sum" && call.args.is_empty() => {
                    self.is_whole_list(&pair.lhs)
                }
                rest => gives_whole(rest) || is_count(&pair.lhs, rest),
            },
            _ => false,
        }
    }

    /// Tells whether an expression certainly gives a list of whole numbers.
    fn is_whole_list(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Array(items, _) => items.iter().all(|item| self.is_whole(item)),
            Expr::DynamicConstant(list, _) => list
                .read_lock::<rhai::Array>()
                .is_some_and(|list| list.iter().all(rhai::Dynamic::is_int)),
            Expr::Variable(name, ..) => self.lists.contains(name.1.as_str()),
            _ => false,
        }
    }
}

/// Tells whether a chain ends with a count of the figures of a run, such as `metrics.calls`.
fn is_count(first: &Expr, rest: &Expr) -> bool {
    let is_counting = match first {
        Expr::Property(property, _) => COUNTING.contains(&property.2.as_str()),
        Expr::FnCall(call, _) | Expr::MethodCall(call, _) => COUNTING.contains(&call.name.as_str()),
        _ => false,
    };
    match rest {
        Expr::Property(property, _) => is_counting && COUNTS.contains(&property.2.as_str()),
        Expr::Dot(pair, ..) => is_count(&pair.lhs, &pair.rhs),
        _ => false,
    }
}

/// Tells whether a chain of properties and methods ends with a whole number.
fn gives_whole(chain: &Expr) -> bool {
    match chain {
        Expr::MethodCall(call, _) => is_word(&call.name),
        Expr::Property(property, _) => property.2 == "len",
        Expr::Dot(pair, ..) => gives_whole(&pair.rhs),
        _ => false,
    }
}

fn is_word(name: &str) -> bool {
    WHOLE.contains(&name)
}

/// The functions of a file whose parameters get nothing but what calls of the file pass to them.
struct OwnFunctions {
    params: BTreeMap<(String, usize), Vec<String>>,
}

impl OwnFunctions {
    fn of(file: &File<'_>) -> OwnFunctions {
        let mut params = BTreeMap::new();
        for function in file.functions.iter().filter(|function| !names_closure(&function.name)) {
            let names = function.params();
            params.insert((function.name.clone(), names.len()), names.to_vec());
        }

        // What is a value, or is called behind a dot, may get anything.
        let mut open: BTreeSet<String> = BTreeSet::new();
        let mut called: BTreeSet<(String, usize)> = BTreeSet::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            match path.last() {
                Some(ASTNode::Expr(Expr::Variable(name, ..))) => {
                    open.insert(name.1.to_string());
                }
                Some(ASTNode::Expr(Expr::StringConstant(text, _))) => {
                    open.insert(text.to_string());
                }
                Some(ASTNode::Expr(Expr::MethodCall(call, _))) => {
                    open.insert(call.name.to_string());
                }
                Some(
                    ASTNode::Stmt(Stmt::FnCall(call, _)) | ASTNode::Expr(Expr::FnCall(call, _)),
                ) => {
                    called.insert((call.name.to_string(), call.args.len()));
                }
                _ => {}
            }
            true
        });

        params.retain(|key, _| !open.contains(&key.0) && called.contains(key));
        OwnFunctions { params }
    }

    fn is_known(&self, name: &str, arity: usize) -> bool {
        self.params.contains_key(&(name.to_owned(), arity))
    }

    /// Returns the parameters of the function that is called.
    fn params(&self, call: &FnCallExpr) -> Option<&[String]> {
        let key = (call.name.to_string(), call.args.len());
        let params = self.params.get(&key).filter(|_| !call.is_qualified())?;
        Some(params)
    }
}

/// What the variables of a script are set to.
#[derive(Default)]
struct Values {
    given: BTreeMap<String, Vec<Expr>>,
    /// Variables that get what is not known: parameters, items of lists, errors.
    unknown: BTreeSet<String>,
    /// Variables whose value may be changed in place.
    changed: BTreeSet<String>,
}

impl Values {
    fn of(file: &File<'_>) -> Values {
        let mut values = Values::default();
        let functions = OwnFunctions::of(file);
        for function in file.functions.iter() {
            let params = function.params().iter().cloned();
            if functions.is_known(&function.name, function.params().len()) {
                params.for_each(|name| {
                    values.given.entry(name).or_default();
                });
            } else {
                values.unknown.extend(params);
            }
        }

        file.ast.walk(&mut |path: &[ASTNode]| {
            match path.last() {
                Some(ASTNode::Stmt(Stmt::FnCall(call, _)) | ASTNode::Expr(Expr::FnCall(call, _))) => {
                    match functions.params(call) {
                        // A function of the script gets copies.
                        Some(params) => {
                            for (name, value) in params.iter().zip(&call.args) {
                                values.set(name, value);
                            }
                        }
                        None => values.pass(call),
                    }
                }
                Some(ASTNode::Stmt(statement)) => values.add(statement),
                // What a method does with its list, nobody says here; a place of it may be set.
                Some(ASTNode::Expr(Expr::Dot(pair, ..))) => {
                    let is_quiet = matches!(&pair.rhs, Expr::MethodCall(call, _) if READING.contains(&call.name.as_str()))
                        || matches!(&pair.rhs, Expr::Property(..));
                    if let (false, Expr::Variable(name, ..)) = (is_quiet, &pair.lhs) {
                        values.changed.insert(name.1.to_string());
                    }
                }
                _ => {}
            }
            true
        });

        values
    }

    /// Notes the variables that a function is given, which may change the first of them.
    fn pass(&mut self, call: &FnCallExpr) {
        if READING.contains(&call.name.as_str()) {
            return;
        }
        let variables = call.args.iter().filter_map(|argument| match argument {
            Expr::Variable(name, ..) => Some(name.1.to_string()),
            _ => None,
        });
        self.changed.extend(variables);
    }

    fn set(&mut self, name: &str, value: &Expr) {
        self.given.entry(name.to_owned()).or_default().push(value.clone());
    }

    fn add(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Var(variable, ..) => {
                self.set(&variable.0.name, &variable.1);
            }
            Stmt::Assignment(assignment) => match &assignment.1.lhs {
                Expr::Variable(name, ..) => self.set(&name.1, &assignment.1.rhs),
                Expr::Index(pair, ..) => {
                    if let Expr::Variable(name, ..) = &pair.lhs {
                        self.changed.insert(name.1.to_string());
                    }
                }
                _ => {}
            },
            Stmt::For(each, _) => {
                let item = &each.0;
                let counter = &each.1;

                match &each.2.expr {
                    Expr::FnCall(range, _) if matches!(range.name.as_str(), ".." | "..=") => {
                        range.args.iter().for_each(|end| self.set(&item.name, end));
                    }
                    _ => {
                        self.unknown.insert(item.name.to_string());
                    }
                }

                if let Some(counter) = counter {
                    self.given.entry(counter.name.to_string()).or_default();
                }
            }
            Stmt::TryCatch(flow, _) => {
                if let Expr::Variable(name, ..) = &flow.expr {
                    self.unknown.insert(name.1.to_string());
                }
            }
            _ => {}
        }
    }
}
