//! Words for types that `type_of` never gives: `type_of(x) == "int"`.

use crate::base::spelling::nearest;
use crate::script::check::checker::{Checker, File};
use crate::script::diagnostic::type_word::HANDLES;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Expr, Position};

/// What `type_of` gives for values of the language.
const TYPES: &[&str] = &[
    "()",
    "Fn",
    "array",
    "blob",
    "bool",
    "char",
    "f64",
    "i64",
    "map",
    "range",
    "range=",
    "string",
    "timestamp",
    "u64",
];

/// Words for types in messages and in other languages, and the words that `type_of` has for them.
const OTHER_WORDS: &[(&[&str], &[&str])] = &[
    (&["int", "integer", "Int", "Integer", "i32", "isize", "usize"], &["i64"]),
    (&["float", "Float", "double", "f32", "decimal"], &["f64"]),
    (&["number", "Number", "num", "numeric"], &["i64", "f64"]),
    (&["str", "String", "&str", "text", "Text"], &["string"]),
    (&["boolean", "Boolean", "Bool"], &["bool"]),
    (&["list", "List", "Array", "Vec", "vec", "tuple", "set"], &["array"]),
    (&["dict", "Dict", "object", "Object", "Map", "HashMap", "hash"], &["map"]),
    (&["function", "Function", "closure", "fn", "func", "lambda", "callable"], &["Fn"]),
    (&["None", "NoneType", "null", "nil", "undefined", "unit", "void", "nothing", ""], &["()"]),
];

/// A word that no type has.
struct WrongWord {
    word: String,
    position: Position,
}

impl Checker<'_> {
    /// Finds types that are compared with words that no type has.
    pub(super) fn type_names(&mut self, file: &File<'_>) {
        let mut found: Vec<WrongWord> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Expr(Expr::FnCall(call, _))) = path.last()
                && let [left, right] = call.args.as_slice()
                && ["==", "!=", "contains"].contains(&call.name.as_str())
            {
                // In a text, a part of a type is looked for.
                let is_search = call.name == "contains";
                let is_part = is_search && matches!(left, Expr::StringConstant(..));
                if asks_type(right) && !is_part {
                    found.extend(wrong_words(left));
                } else if asks_type(left) && !is_search {
                    found.extend(wrong_words(right));
                }
            }
            true
        });

        for WrongWord { word, position } in found {
            let message = format!("`type_of` never returns \"{word}\"");
            let fault =
                Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, position).silent();
            let help = match words_for(&word) {
                Some([word]) => format!("write `type_of(value) == \"{word}\"`"),
                Some(words) => format!("write `type_of(value) in {words:?}`"),
                None => help_for(&word),
            };
            self.push(Diagnostic { help: Some(help), ..fault });
        }
    }
}

/// Tells whether an expression is a call of `type_of`.
pub(super) fn asks_type(expr: &Expr) -> bool {
    match expr {
        Expr::Dot(pair, ..) => asks_type(&pair.rhs),
        Expr::FnCall(call, _) | Expr::MethodCall(call, _) => {
            call.name == "type_of" && !call.is_qualified()
        }
        _ => false,
    }
}

/// Returns the wrong words among what a type is compared with: a word, or a list of words.
fn wrong_words(expr: &Expr) -> Vec<WrongWord> {
    match expr {
        Expr::StringConstant(word, position) if !is_type(word) => {
            vec![WrongWord { word: word.to_string(), position: *position }]
        }
        Expr::Array(items, _) => items.iter().flat_map(wrong_words).collect(),
        _ => Vec::new(),
    }
}

/// Tells whether `type_of` gives a word for some value.
pub(super) fn is_type(word: &str) -> bool {
    TYPES.contains(&word) || HANDLES.contains(&word)
}

/// Returns what `type_of` gives for the type that a word means in messages or in other languages.
pub(super) fn words_for(word: &str) -> Option<&'static [&'static str]> {
    let mut known = OTHER_WORDS.iter();
    known.find(|(words, _)| words.contains(&word)).map(|(_, types)| *types)
}

/// Says what `type_of` gives instead of a word of which nobody knows what it means.
pub(super) fn help_for(word: &str) -> String {
    let all = TYPES.iter().chain(HANDLES).copied();
    match nearest(word, all) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it returns: {}", TYPES.join(", ")),
    }
}
