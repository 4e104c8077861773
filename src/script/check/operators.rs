//! Operators between values that no operator takes: `"-" * 3`, `"%s" % name`.

use crate::script::check::checker::{Checker, File};
use crate::script::check::kinds::Kinds;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::forms::CallForm;
use crate::script::diagnostic::type_word::{HANDLES, article};
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Expr};

/// Operators that only numbers take.
const OF_NUMBERS: &[&str] = &["%", "*", "**", "/"];
/// Operators that compute.
const ARITHMETIC: &[&str] = &["%", "*", "**", "+", "-", "/"];
/// Operators that order two values of one type.
const ORDERING: &[&str] = &["<", "<=", ">", ">="];
/// Values of the language's own, of which it is known what operators take them.
const PLAIN: &[&str] = &["string", "int", "float", "bool", "array", "map"];

impl Checker<'_> {
    /// Finds operators that do not work for the values on their sides.
    pub(super) fn operators(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let mut found = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Expr(Expr::FnCall(call, position))) = path.last()
                && let Some(first) = call.args.first()
                && !call.is_qualified()
            {
                let function = kinds.function_of(path);
                let sides: Vec<_> =
                    call.args.iter().map(|side| kinds.kind(side, function)).collect();
                let words: Vec<_> =
                    sides.iter().map(|side| side.as_ref().map(ValueKind::word)).collect();
                let is_taken = is_taken(kinds, &call.name, &words);
                if let Some(said) = said_of(&call.name, &words).filter(|_| !is_taken) {
                    // Of some operators the language keeps no place.
                    let at = if position.is_none() { first.start_position() } else { *position };
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

/// Tells whether some form of an operator takes values of these types.
fn is_taken(kinds: &Kinds<'_>, operator: &str, words: &[Option<&str>]) -> bool {
    let takes = |form: &CallForm| {
        form.arity == words.len()
            && words.iter().copied().eq(form.params.iter().map(|wanted| Some(wanted.as_str())))
    };
    words.iter().all(Option::is_some) && kinds.forms.all(operator).iter().any(takes)
}

/// Says what is wrong with an operator between values of these types, if anything is.
fn said_of(operator: &str, words: &[Option<&str>]) -> Option<(String, Option<String>)> {
    let help = match *words {
        [Some(only)] if operator == "-" => of_one(only)?,
        [left, right] if OF_NUMBERS.contains(&operator) => of_product(operator, [left, right])?,
        [Some(left), Some(right)]
            if ARITHMETIC.contains(&operator) && is_with_handle([left, right]) =>
        {
            let help =
                "the function of an operation is `|inputs, branch|`: write `inputs.a + inputs.b`";
            (right == "branch").then_some(help)
        }
        [Some(left), Some(right)] if PLAIN.contains(&left) && PLAIN.contains(&right) => {
            of_two(operator, [left, right])?
        }
        _ => return None,
    };

    let named: Vec<String> = words.iter().copied().flatten().map(article).collect();
    let message = format!("`{operator}` does not work for {}", named.join(" and "));
    Some((message, help.map(str::to_owned)))
}

/// Tells whether one of two values is one of kaizen's own, and the other one no text and no list.
fn is_with_handle(words: [&str; 2]) -> bool {
    const OTHERS: &[&str] = &["bool", "float", "int", "map"];
    let is_handle = |word: &str| HANDLES.contains(&word);
    let is_known = |word: &&str| is_handle(word) || OTHERS.contains(word);
    words.iter().any(|word| is_handle(word)) && words.iter().all(is_known)
}

/// What to write instead of an operator that does not work, where there is something to write.
type Help = Option<&'static str>;

/// What to write to get a number out of a text.
const TO_NUMBER: &str = "write `text.parse_int()` or `text.parse_float()`";

/// Looks at a minus before a value.
fn of_one(word: &str) -> Option<Help> {
    match word {
        "string" => Some(Some(TO_NUMBER)),
        "array" | "map" | "bool" => Some(None),
        _ => None,
    }
}

/// Looks at an operator that only numbers take.
fn of_product(operator: &str, words: [Option<&str>; 2]) -> Option<Help> {
    let has_text = words.contains(&Some("string"));
    let has_number = words.contains(&Some("int")) || words.contains(&Some("float"));
    if !words.iter().any(|word| matches!(word, Some("string" | "array" | "bool" | "map"))) {
        return None;
    }

    Some(match operator {
        "%" if words[0] == Some("string") => {
            Some("write a text in backticks: `` `Hello ${name}` ``")
        }
        "*" if has_text && has_number => {
            Some("write `let line = \"\"; line.pad(3, \"-\");` to repeat a character")
        }
        _ if has_text => Some(TO_NUMBER),
        _ => None,
    })
}

/// Looks at a sum, a difference or an order of two values.
fn of_two(operator: &str, words: [&str; 2]) -> Option<Help> {
    let is_number = |word: &str| word == "int" || word == "float";
    let has_text = words.contains(&"string");
    let has_number = words.iter().any(|word| is_number(word));
    let are_numbers = words.iter().all(|word| is_number(word));

    match operator {
        // Anything may be put at a text, and a part of a text taken out of it.
        "+" if has_text || are_numbers => None,
        "+" if words[0] == words[1] && words[0] != "bool" => None,
        "+" if words[0] == "array" => Some(Some("write `list + [item]`")),
        "+" if words[1] == "array" => Some(Some("write `[item] + list`")),
        "-" if has_text && has_number => Some(Some(TO_NUMBER)),
        "-" if has_text || are_numbers => None,
        "-" if words == ["array", "array"] => Some(Some("write `list.filter(|x| !(x in other))`")),
        "-" if words[0] == "array" => Some(Some("write `list.filter(|x| x != item)`")),
        "+" | "-" => Some(None),
        // Those of different types have a check of their own.
        _ if !ORDERING.contains(&operator) || words[0] != words[1] => None,
        _ if words[0] == "array" => Some(Some("compare their lengths or their items")),
        _ if words[0] == "map" => Some(Some("compare one of their values")),
        _ => None,
    }
}
