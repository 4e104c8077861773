//! Ranges whose end is below 0 or below their start. A place in a text counts from the end there, as in
//! Python; the words that take ranges find nothing.

use crate::script::check::call::{call, receiver};
use crate::script::check::checker::{Checker, File};
use crate::script::check::kinds::Kinds;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Expr, Position, Stmt};

/// Words that take a range, or a start and a length.
pub(super) const RANGED: &[&str] = &["crop", "drain", "extract", "retain", "splice", "sub_string"];

impl Checker<'_> {
    /// Finds literal ranges that hold nothing.
    pub(super) fn ranges(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let mut found: Vec<(String, String, Position)> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Stmt(Stmt::For(each, _))) = path.last()
                && let Some((start, end, sign, position)) = range(&each.2.expr)
                && end < start
            {
                let message = format!("the range {start}{sign}{end} is empty, as it only goes up");
                let last = if sign == ".." { end } else { end.saturating_sub(1) };
                let help = format!("write `range({start}, {last}, -1)` to count down");
                found.push((message, help, position));
            }

            let ranged = call(path).filter(|call| RANGED.contains(&call.expr.name.as_str()));
            if let Some(call) = ranged.filter(|call| !kinds.is_of_script(path, call)) {
                let word = call.expr.name.as_str();
                let args =
                    &call.expr.args[usize::from(!call.is_method).min(call.expr.args.len())..];
                let subject = if call.is_method { receiver(path) } else { call.expr.args.first() };
                let subject = match subject {
                    Some(Expr::Variable(name, ..)) => name.1.as_str(),
                    _ => "x",
                };
                let place = |position: Position| {
                    if position.is_none() { call.position } else { position }
                };
                if let Some((start, end, sign, position)) = args.first().and_then(range)
                    && (start < 0 || end < 0)
                {
                    found.push(below(word, subject, (start, end, sign), place(position)));
                } else if let [_, Expr::IntegerConstant(length, position), ..] = args
                    && *length < 0
                {
                    let message =
                        format!("`{word}` takes a start and a length, and {length} is no length");
                    let help = format!(
                        "write `{subject}.{word}(start..{subject}.len - {})`",
                        length.unsigned_abs()
                    );
                    found.push((message, help, place(*position)));
                }
            }
            true
        });

        for (message, help, position) in found {
            let fault =
                Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, position).silent();
            self.push_new(Diagnostic { help: Some(help), ..fault.warning() });
        }
    }
}

/// Says what is wrong with a range below 0 that a word takes.
fn below(
    word: &str,
    subject: &str,
    (start, end, sign): (i64, i64, &str),
    position: Position,
) -> (String, String, Position) {
    let message = format!("`{word}` does not count {start}{sign}{end} from the end");
    let written = |number: i64| match number {
        number if number < 0 => format!("{subject}.len - {}", number.unsigned_abs()),
        number => number.to_string(),
    };

    let start = written(start);
    let start = if start.contains(' ') { format!("({start})") } else { start };
    let help = format!("write `{subject}.{word}({start}{sign}{})`", written(end));
    (message, help, position)
}

/// Returns the ends of a literal range, its sign and its place.
fn range(expr: &Expr) -> Option<(i64, i64, &'static str, Position)> {
    let Expr::FnCall(call, position) = expr else { return None };
    let sign = ["..", "..="].into_iter().find(|sign| *sign == call.name)?;
    match call.args.as_slice() {
        [Expr::IntegerConstant(start, at), Expr::IntegerConstant(end, _)] => {
            Some((*start, *end, sign, if at.is_none() { *position } else { *at }))
        }
        _ => None,
    }
}
