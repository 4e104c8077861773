//! Values that are compared with values of another type, and conditions that are neither true nor false. The
//! language compares them without an error: a text never equals a number.

use crate::script::check::checker::{Checker, File};
use crate::script::check::judges::MAKING;
use crate::script::check::kinds::Kinds;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::type_word::article;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Expr, Position, Stmt};

/// Operators that compare, and what they always give for values of different types.
const COMPARING: &[(&str, bool)] =
    &[("==", false), ("!=", true), ("<", false), ("<=", false), (">", false), (">=", false)];

/// Types whose values can be compared with one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparable {
    Text,
    Number,
    Truth,
    List,
    Map,
}

impl Comparable {
    /// Returns the type of a value, if it is one of plain data.
    pub(super) fn of(kind: Option<&ValueKind>) -> Option<Comparable> {
        match kind?.word() {
            "string" | "char" => Some(Comparable::Text),
            "int" | "float" => Some(Comparable::Number),
            "bool" => Some(Comparable::Truth),
            "array" => Some(Comparable::List),
            "map" => Some(Comparable::Map),
            _ => None,
        }
    }
}

/// A comparison or a condition that does not do what it seems to do.
struct Mistake {
    position: Position,
    message: String,
    help: Option<&'static str>,
    /// Whether the run fails here.
    is_raised: bool,
}

impl Checker<'_> {
    /// Finds comparisons that always give the same, and conditions that fail when they are reached.
    pub(super) fn comparisons(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let mut found = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            let kind = |expr: &Expr| kinds.kind(expr, kinds.function_of(path));
            match path.last() {
                Some(ASTNode::Expr(Expr::FnCall(call, position))) if !call.is_qualified() => {
                    match call.args.as_slice() {
                        [left, right] => {
                            if let Some(always) = always_of(&call.name) {
                                // Of some operators the language keeps no place.
                                let at = if position.is_none() {
                                    left.start_position()
                                } else {
                                    *position
                                };
                                let sides = [kind(left), kind(right)];
                                let literal = text_in(left).or_else(|| text_in(right));
                                let operator = (call.name.as_str(), always);
                                found.extend(comparison(operator, &sides, literal, at));
                            }
                        }
                        [value] if call.name == "!" => {
                            found.extend(condition(value, kind(value), kinds));
                        }
                        _ => {}
                    }
                }
                Some(ASTNode::Expr(Expr::And(sides, _) | Expr::Or(sides, _))) => {
                    let sides = sides.iter();
                    found.extend(sides.filter_map(|side| condition(side, kind(side), kinds)));
                }
                Some(ASTNode::Stmt(
                    Stmt::If(flow, _) | Stmt::While(flow, _) | Stmt::Do(flow, ..),
                )) => {
                    found.extend(condition(&flow.expr, kind(&flow.expr), kinds));
                }
                _ => {}
            }
            true
        });

        for Mistake { position, message, help, is_raised } in found {
            let fault = Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, position);
            self.push(Diagnostic { help: help.map(str::to_owned), is_raised, ..fault });
        }
    }
}

/// Returns what an operator always gives for values of different types, if it compares.
fn always_of(operator: &str) -> Option<bool> {
    COMPARING.iter().find(|(known, _)| *known == operator).map(|(_, always)| *always)
}

fn text_in(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::StringConstant(text, _) => Some(text.as_str()),
        _ => None,
    }
}

/// Looks at an operator, with what it always gives for values of different types, between two values of
/// these kinds. One of them may be a literal text.
fn comparison(
    (operator, always): (&str, bool),
    sides: &[Option<ValueKind>; 2],
    literal: Option<&str>,
    position: Position,
) -> Option<Mistake> {
    let types = [Comparable::of(sides[0].as_ref())?, Comparable::of(sides[1].as_ref())?];
    if types[0] == types[1] {
        return None;
    }

    let named = sides.iter().flatten().map(|side| article(side.word())).collect::<Vec<_>>();
    let message = format!("`{operator}` between {} is always {always}", named.join(" and "));

    let help = match types {
        [Comparable::Text, Comparable::Number] | [Comparable::Number, Comparable::Text]
            if literal.is_some_and(|text| text.parse::<f64>().is_ok()) =>
        {
            Some("write the number without quotes")
        }
        [Comparable::Text, Comparable::Number] | [Comparable::Number, Comparable::Text] => {
            Some("write `text.parse_int()` or `text.parse_float()` to compare numbers")
        }
        [Comparable::List, Comparable::Number] | [Comparable::Number, Comparable::List] => {
            Some("write `list.len` for how many there are")
        }
        [Comparable::Truth, Comparable::Number] | [Comparable::Number, Comparable::Truth] => {
            Some("a bool is `true` or `false`: write it alone, or with `!` before it")
        }
        [Comparable::Text, Comparable::Truth] | [Comparable::Truth, Comparable::Text]
            if literal.is_some() =>
        {
            Some("a bool is `true` or `false`: write it alone, or with `!` before it")
        }
        [Comparable::Text, Comparable::Truth] | [Comparable::Truth, Comparable::Text] => {
            Some("compare the text with a text, such as `text.lower() == \"yes\"`")
        }
        _ => None,
    };
    Some(Mistake { position, message, help, is_raised: false })
}

/// Looks at a value that stands where the language wants true or false.
fn condition(value: &Expr, kind: Option<ValueKind>, kinds: &Kinds<'_>) -> Option<Mistake> {
    if let Some(help) = judge(value, kinds) {
        let message = "a condition is true or false, not a judge, which is a function".to_owned();
        let position = value.start_position();
        return Some(Mistake { position, message, help: Some(help), is_raised: true });
    }

    // The place of something is a number, whatever it is looked for in.
    let is_place = gives_place(value) && !kinds.forms.is_of_script("index_of");
    let kind = kind.or(is_place.then_some(ValueKind::Data("int")))?;
    let of_type = Comparable::of(Some(&kind))?;
    let help = match of_type {
        Comparable::Truth => return None,
        Comparable::Number if is_place => {
            "write `x.contains(part)`; the place is 0 for the first, and -1 for none"
        }
        Comparable::Text => "compare it, such as `text == \"yes\"` or `text != \"\"`",
        Comparable::Number => "compare it, such as `number > 0`",
        Comparable::List => "compare it, such as `!list.is_empty()`",
        Comparable::Map => "compare one of its values",
    };

    let message = format!("a condition is true or false, not {}", article(kind.word()));
    Some(Mistake { position: value.start_position(), message, help: Some(help), is_raised: true })
}

/// Tells whether a value is the place of something in a list or a text, which may be the first one.
fn gives_place(value: &Expr) -> bool {
    match value {
        Expr::Dot(pair, ..) => gives_place(&pair.rhs),
        Expr::MethodCall(call, _) | Expr::FnCall(call, _) => call.name == "index_of",
        _ => false,
    }
}

/// Returns how a judge is asked, if a value is one that is made in place.
fn judge(value: &Expr, kinds: &Kinds<'_>) -> Option<&'static str> {
    let Expr::FnCall(call, _) = value else { return None };
    let word = call.name.as_str();
    let is_judge =
        !call.is_qualified() && MAKING.contains(&word) && !kinds.forms.is_of_script(word);
    is_judge.then_some("write `judge.call(answer) > 0.5`: a judge gives the score of an answer")
}
