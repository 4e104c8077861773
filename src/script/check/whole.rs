//! Divisions of whole numbers, which drop the fraction: `2 / 3` is 0.

use crate::script::check::checker::{Checker, File};
use crate::script::check::closure::closure_in;
use crate::script::check::given_values::{GivenValue, GivenValues, field, values_of};
use crate::script::check::kinds::Kinds;
use crate::script::check::remainders::Remainders;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::forms::CallForm;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTFlags, ASTNode, Expr, FnCallExpr, Position, Stmt};
use std::collections::{BTreeSet, HashSet};

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
    pub(super) fn divisions(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let names = Names::of(file, kinds);
        let places = places(file, kinds);
        let remainders = Remainders::of(file);
        let mut found: Vec<(Position, String)> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Stmt(Stmt::Assignment(assignment))) = path.last()
                && let Some((_, _, _, "/=", ..)) = assignment.0.get_op_assignment_info()
                && names.are_whole([&assignment.1.lhs, &assignment.1.rhs], kinds.function_of(path))
            {
                let help = help_in_place(&assignment.1.lhs, &assignment.1.rhs);
                found.push((assignment.0.position(), help));
            }

            if let Some(ASTNode::Expr(Expr::FnCall(call, position))) = path.last()
                && call.name == "/"
                && let [left, right] = call.args.as_slice()
                && names.are_whole([left, right], kinds.function_of(path))
                && !names.values.is_exact(left, right)
                && !remainders.means_whole(left, right)
                && !is_meant(kinds, around_sum(path))
                && !is_kept_as_place(kinds, path, &places)
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

/// Variables that are used as places or lengths, by function and name.
type PlaceVariables = HashSet<(String, String)>;

fn places(file: &File<'_>, kinds: &Kinds<'_>) -> PlaceVariables {
    let mut found = PlaceVariables::new();
    file.ast.walk(&mut |path: &[ASTNode]| {
        if let Some(ASTNode::Expr(Expr::Variable(name, ..))) = path.last()
            && is_meant(kinds, around_sum(path))
        {
            found.insert((kinds.function_of(path).to_owned(), name.1.to_string()));
        }
        true
    });
    found
}

/// Tells whether the number that a division gives is kept in a variable that is used as a place.
fn is_kept_as_place(kinds: &Kinds<'_>, path: &[ASTNode<'_>], places: &PlaceVariables) -> bool {
    let path = around_sum(path);
    let name = match path.split_last() {
        Some((_, [.., ASTNode::Stmt(Stmt::Var(variable, ..))])) => variable.0.name.to_string(),
        Some((_, [.., ASTNode::Stmt(Stmt::Assignment(assignment))])) => match &assignment.1.lhs {
            Expr::Variable(name, ..) => name.1.to_string(),
            _ => return false,
        },
        _ => return false,
    };
    places.contains(&(kinds.function_of(path).to_owned(), name))
}

/// Returns the path to the outermost sum or product of which the last node is a part.
fn around_sum<'a, 'b>(mut path: &'a [ASTNode<'b>]) -> &'a [ASTNode<'b>] {
    while let [outer @ .., _] = path
        && let Some(ASTNode::Expr(Expr::FnCall(call, _))) = outer.last()
        && CLOSED.contains(&call.name.as_str())
    {
        path = outer;
    }
    path
}

/// Tells whether the whole number that a division gives is asked for: by `to_int`, as a place, as the end of a
/// range, or by a word that takes whole numbers alone.
fn is_meant(kinds: &Kinds<'_>, path: &[ASTNode<'_>]) -> bool {
    let mut nodes = path.iter().rev();
    let Some(ASTNode::Expr(division)) = nodes.next() else { return false };
    let is_division = |expr: &Expr| std::ptr::eq(expr, *division);
    let place = |call: &FnCallExpr| call.args.iter().position(is_division);

    match nodes.next() {
        Some(ASTNode::Expr(Expr::Dot(pair, ..))) => match &pair.rhs {
            Expr::MethodCall(call, _) => MEANT.contains(&call.name.as_str()),
            _ => false,
        },
        Some(ASTNode::Expr(Expr::MethodCall(call, _))) => {
            let takes = |place| takes_whole(kinds, call, place + 1, call.args.len() + 1);
            PLACES.contains(&call.name.as_str()) || place(call).is_some_and(takes)
        }
        Some(ASTNode::Expr(Expr::Index(pair, ..))) => is_division(&pair.rhs),
        Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) => {
            let name = call.name.as_str();
            let takes = |place| takes_whole(kinds, call, place, call.args.len());
            let is_known = matches!(name, ".." | "..=") || PLACES.contains(&name);
            is_known || MEANT.contains(&name) || place(call).is_some_and(takes)
        }
        _ => false,
    }
}

/// Tells whether each form of a word takes a whole number at this place, of so many.
fn takes_whole(kinds: &Kinds<'_>, call: &FnCallExpr, place: usize, given: usize) -> bool {
    let mut forms =
        kinds.forms.all(&call.name).iter().filter(|form| form.arity == given).peekable();
    let is_whole = |form: &CallForm| form.params.get(place).is_some_and(|kind| kind == "int");
    forms.peek().is_some() && forms.all(|form| !form.is_script && is_whole(form))
}

/// The variables that hold whole numbers wherever they are set.
struct Names<'a> {
    kinds: &'a Kinds<'a>,
    values: GivenValues,
    whole: BTreeSet<String>,
    /// The variables that hold lists of whole numbers.
    lists: BTreeSet<String>,
    /// The variables that are filled with other things than whole numbers.
    mixed: BTreeSet<String>,
}

impl<'a> Names<'a> {
    fn of(file: &File<'_>, kinds: &'a Kinds<'a>) -> Names<'a> {
        let values = GivenValues::of(file, kinds);
        let whole: BTreeSet<String> = values.known().map(str::to_owned).collect();
        let is_literal = |value: &GivenValue| {
            matches!(value.expr, Expr::Array(..) | Expr::DynamicConstant(..) | Expr::Variable(..))
        };
        let is_list = |name: &&String| {
            !values.is_altered(name) && values.of_name(name).iter().all(is_literal)
        };
        let lists = whole.iter().filter(is_list).cloned().collect();
        let mut names = Names { kinds, values, whole, lists, mixed: BTreeSet::new() };

        // A variable may be set from another one: leave out what is no whole number until nothing changes.
        loop {
            let given = |name: &str| names.values.of_name(name).iter();
            let is_whole = |name: &&String| {
                given(name).all(|value| names.is_whole(&value.expr, &value.function))
            };
            let is_list = |name: &&String| {
                !names.mixed.contains(*name)
                    && given(name).all(|value| names.is_whole_list(&value.expr, &value.function))
            };
            let whole: BTreeSet<String> = names.whole.iter().filter(is_whole).cloned().collect();
            let is_mixed = |name: &&str| {
                let mut filled = names.values.filled_with(name).iter();
                !filled.all(|value| names.is_whole(&value.expr, &value.function))
            };
            let lists: BTreeSet<String> = names.lists.iter().filter(is_list).cloned().collect();
            let mixed: BTreeSet<String> =
                names.values.filled().filter(is_mixed).map(str::to_owned).collect();
            if whole.len() == names.whole.len()
                && lists.len() == names.lists.len()
                && mixed.len() == names.mixed.len()
            {
                return names;
            }
            names.whole = whole;
            names.lists = lists;
            names.mixed = mixed;
        }
    }

    fn are_whole(&self, sides: [&Expr; 2], function: &str) -> bool {
        sides.iter().all(|side| self.is_whole(side, function))
    }

    /// Tells whether an expression of a function certainly gives a whole number.
    fn is_whole(&self, expr: &Expr, function: &str) -> bool {
        let is_written = match expr {
            Expr::IntegerConstant(..) => true,
            Expr::Variable(name, ..) => self.whole.contains(name.1.as_str()),
            Expr::FnCall(call, _) => match call.args.as_slice() {
                [only] if call.name == "-" => self.is_whole(only, function),
                // A parameter is of the type of its default.
                [_, Expr::IntegerConstant(..), ..] if call.name == "param" => true,
                [only] if call.name == "sum" => self.is_whole_list(only, function),
                [only] => is_word(&call.name) && !matches!(only, Expr::Map(..)),
                [left, right] if CLOSED.contains(&call.name.as_str()) => {
                    self.are_whole([left, right], function)
                }
                _ => false,
            },

            Expr::Dot(pair, ..) => match &pair.rhs {
                Expr::MethodCall(call, _) if call.name == "sum" && call.args.is_empty() => {
                    self.is_whole_list(&pair.lhs, function)
                }
                Expr::MethodCall(call, _) if call.name == "reduce" => self.is_whole_sum(call),
                Expr::Dot(rest, ..) if is_sum(&rest.rhs) => {
                    self.is_whole_mapping(&pair.lhs, &rest.lhs, function)
                        || self.kinds.kind(expr, function) == Some(ValueKind::Data("int"))
                }
                rest => gives_whole(rest) || is_count(&pair.lhs, rest) || self.is_whole_field(expr),
            },
            Expr::Index(pair, flags, _)
                if flags.contains(ASTFlags::BREAK) || is_place(&pair.rhs) =>
            {
                self.has_whole_fields(&pair.lhs)
            }
            Expr::Coalesce(values, _) => values.iter().all(|value| self.is_whole(value, function)),
            Expr::Stmt(block) => {
                let values = block.statements().last().map_or(Vec::new(), values_of);
                !values.is_empty() && values.iter().all(|value| self.is_whole(value, function))
            }
            _ => false,
        };
        is_written || self.kinds.kind(expr, function) == Some(ValueKind::Data("int"))
    }

    /// Tells whether an expression is a field of a map of the script that holds whole numbers alone.
    fn is_whole_field(&self, expr: &Expr) -> bool {
        field(expr).is_some_and(|(map, field)| {
            self.whole.contains(&field)
                && self.values.is_plain_map(map)
                && !self.mixed.contains(map)
        })
    }

    /// Tells whether an expression is a map of the script whose fields all hold whole numbers.
    fn has_whole_fields(&self, expr: &Expr) -> bool {
        let Expr::Variable(name, ..) = expr else { return false };
        let name = name.1.as_str();
        self.values.is_plain_map(name)
            && !self.mixed.contains(name)
            && self.values.fields(name).all(|field| self.whole.contains(field))
    }

    /// Tells whether `map` gives a list of whole numbers, which are fields of the maps of a list.
    fn is_whole_mapping(&self, list: &Expr, map: &Expr, function: &str) -> bool {
        let Expr::MethodCall(call, _) = map else { return false };
        let [closure] = call.args.as_slice() else { return false };
        let closure = closure_in(closure).filter(|_| call.name == "map");
        let values = closure.and_then(|closure| self.values.mapped(list, &closure));
        values.is_some_and(|values| values.iter().all(|value| self.is_whole(value, function)))
    }

    /// Tells whether `reduce` adds whole numbers to one.
    fn is_whole_sum(&self, call: &FnCallExpr) -> bool {
        let closure = call.args.first().and_then(closure_in);
        let param = closure.as_deref().and_then(|closure| self.values.sum(closure));
        param.is_some_and(|param| self.whole.contains(param))
    }

    /// Tells whether an expression certainly gives a list of whole numbers.
    fn is_whole_list(&self, expr: &Expr, function: &str) -> bool {
        match expr {
            Expr::Array(items, _) => items.iter().all(|item| self.is_whole(item, function)),
            Expr::DynamicConstant(list, _) => list
                .read_lock::<rhai::Array>()
                .is_some_and(|list| list.iter().all(rhai::Dynamic::is_int)),
            Expr::Variable(name, ..) => self.lists.contains(name.1.as_str()),
            _ => false,
        }
    }
}

/// Tells whether the end of a chain is the sum of a list.
fn is_sum(end: &Expr) -> bool {
    matches!(end, Expr::MethodCall(call, _) if call.name == "sum" && call.args.is_empty())
}

/// Tells whether what stands in brackets is a place alone, and no chain goes on behind it.
fn is_place(expr: &Expr) -> bool {
    !matches!(expr, Expr::Dot(..) | Expr::Index(..))
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
