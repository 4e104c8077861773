//! What is meant by a name that no variable has: an import, a function that is passed on, another name.

use crate::base::spelling::nearest;
use crate::script::diagnostic::fix::{QuickFix, Suggestion};
use crate::script::diagnostic::forms::{self, Forms};
use crate::script::lexer::{LexemeClass, scan};
use rhai::Engine;

/// Words that Rhai reserves for functions.
pub(super) const CALLED: &[&str] = &["debug", "eval", "print", "type_of"];

/// Says how a function of an import is called, if the name is that of an import.
pub(super) fn imported(text: &str, name: &str, rest: &str) -> Option<Suggestion> {
    let pieces = scan(text).0;
    let code: Vec<&str> = pieces
        .iter()
        .filter(|piece| piece.class != LexemeClass::Comment)
        .map(|piece| text[piece.start..piece.end].trim())
        .filter(|said| !said.is_empty())
        .collect();

    let names = |window: &[&str]| window[0] == "import" && window[2] == "as" && window[3] == name;
    if !code.windows(4).any(names) {
        return None;
    }

    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let member = rest.strip_prefix('.').map(|rest| rest.split(|c| !is_part(c)).next());
    match member.flatten().filter(|member| !member.is_empty()) {
        Some(member) => {
            let help =
                format!("two colons stand between an import and what is in it: `{name}::{member}`");
            Some(help.into())
        }
        None => Some(format!("`{name}` is an import; write `{name}::` and a name in it").into()),
    }
}

/// Says how a function is passed on.
pub(super) fn passed_on(name: &str, params: &[&str]) -> Suggestion {
    let params = params.join(", ");
    let closure = format!("|{params}| {name}({params})");
    let help = format!("`{name}` is a function; pass it on as `{closure}`");
    Suggestion { help, fixes: vec![QuickFix::Instead(closure)] }
}

/// Says what may be meant by a name that no variable has.
pub(super) fn near(engine: &Engine, text: &str, name: &str, rest: &str) -> Option<Suggestion> {
    let forms = Forms::of_text(engine, true, text);
    if let Some(least) = forms.all(name).iter().map(|form| form.arity).min() {
        let rest = rest.trim_start();
        let is_passed = least > 0 && rest.starts_with([')', ',', ']']);
        return Some(if is_passed {
            passed_on(name, &["x", "y", "z"][..least.min(3)])
        } else if least > 0 {
            format!("`{name}` is a function; call it: `{name}(..)`").into()
        } else {
            format!("`{name}` is a function; call it: `{name}()`").into()
        });
    }
    if forms::names(engine).iter().any(|known| known == name) {
        return Some(format!("`{name}` is a function; call it: `{name}(..)`").into());
    }

    let mut known: Vec<&str> = Vec::new();
    for line in text.lines() {
        let mut words = line.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        while let Some(word) = words.next() {
            if matches!(word, "let" | "const" | "for") {
                known.extend(words.next().filter(|w| !w.is_empty()));
            }
        }
    }
    // The name itself may stand in a line that was refused.
    let known = known.into_iter().filter(|known| *known != name);
    nearest(name, known).map(Suggestion::word)
}
