//! What is meant by a name that no variable has: an import, a function that is passed on, another name.

use crate::base::spelling::nearest;
use crate::script::diagnostic::fix::{QuickFix, Suggestion};
use crate::script::diagnostic::forms::{self, Forms};
use crate::script::lexer::{LexemeClass, scan};
use rhai::Engine;

/// The patterns of the standard library: each takes who is asked, the task, and perhaps options.
const AS_PATTERNS: &[&str] = &[
    "best_of",
    "cascade",
    "debate",
    "decompose",
    "direct",
    "fan_out",
    "few_shot",
    "refine",
    "sequential",
    "tool_vote",
    "vote",
];

/// How many values a pattern needs that has options of its own for the rest: who is asked, and what.
const PATTERN_ARITY: usize = 2;

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

/// Says how a pattern of the standard library is given to an optimizer, which calls it with the input first.
fn as_pattern(name: &str, least: usize) -> Suggestion {
    let options = if least > PATTERN_ARITY { ", #{ .. }" } else { "" };
    let closure = format!("|input, b| {name}(b, input{options})");
    let help = format!("`{name}` is a function; pass it on as `{closure}`");
    let is_whole = options.is_empty();
    Suggestion { help, fixes: is_whole.then_some(QuickFix::Instead(closure)).into_iter().collect() }
}

/// Says what may be meant by a name that no variable has, between what stands before and behind it.
pub(super) fn near(
    engine: &Engine,
    text: &str,
    (before, name, rest): (&str, &str, &str),
) -> Option<Suggestion> {
    let forms = Forms::of_text(engine, true, text);
    if let Some(least) = forms.all(name).iter().map(|form| form.arity).min() {
        let rest = rest.trim_start();
        let before = before.trim_end();
        let is_of_map = before.ends_with(':') && !before.ends_with("::");
        if is_of_map && AS_PATTERNS.contains(&name) && rest.starts_with(['}', ',']) {
            return Some(as_pattern(name, least));
        }

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
