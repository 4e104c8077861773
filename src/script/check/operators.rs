//! Operators between values that no operator takes: `"-" * 3`, `"%s" % name`.

use crate::script::check::checker::{Checker, File};
use crate::script::check::kinds::Kinds;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::type_word::article;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Expr};

/// Operators that only numbers take.
const OF_NUMBERS: &[&str] = &["%", "*", "**", "/"];

impl Checker<'_> {
    /// Finds operators that do not work for the values on their sides.
    pub(super) fn operators(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let mut found = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Expr(Expr::FnCall(call, position))) = path.last()
                && let [left, right] = call.args.as_slice()
                && !call.is_qualified()
                && (call.name == "-" || OF_NUMBERS.contains(&call.name.as_str()))
            {
                let function = kinds.function_of(path);
                let sides = [left, right].map(|side| kinds.kind(side, function));
                if let Some(said) = said_of(call.name.as_str(), &sides) {
                    // Of some operators the language keeps no place.
                    let at = if position.is_none() { left.start_position() } else { *position };
                    found.push((said, at));
                }
            }
            true
        });

        for ((message, help), position) in found {
            let fault = Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, position);
            self.push(Diagnostic { help, ..fault });
        }
    }
}

/// Says what is wrong with an operator between two values of these kinds, if anything is.
fn said_of(operator: &str, sides: &[Option<ValueKind>; 2]) -> Option<(String, Option<String>)> {
    let is_difference = operator == "-";
    if !is_difference && !OF_NUMBERS.contains(&operator) {
        return None;
    }

    let words = sides.each_ref().map(|side| side.as_ref().map(ValueKind::word));
    let has_text = words.contains(&Some("string"));
    let has_number = words.contains(&Some("int")) || words.contains(&Some("float"));
    let is_wrong = if is_difference {
        // A text without a part of it is a text.
        has_text && has_number
    } else {
        words.iter().any(|word| matches!(word, Some("string" | "array" | "bool" | "map")))
    };
    if !is_wrong {
        return None;
    }

    let help = match operator {
        "%" if words[0] == Some("string") => {
            Some("write a text in backticks: `` `Hello ${name}` ``")
        }
        "*" if has_text && has_number => {
            Some("write `let line = \"\"; line.pad(3, \"-\");` to repeat a character")
        }
        _ if has_text => Some("write `text.parse_int()` or `text.parse_float()`"),
        _ => None,
    };
    let named: Vec<String> = words.into_iter().flatten().map(article).collect();
    let message = format!("`{operator}` does not work for {}", named.join(" and "));
    Some((message, help.map(str::to_owned)))
}
