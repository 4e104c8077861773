//! Says in the words of scripts why a call or a property did not fit.

use crate::base::spelling::nearest;
use crate::script::diagnostic::foreign;
use crate::script::diagnostic::forms::{CallForm, Forms};
use crate::script::diagnostic::type_word::{article, is_handle, word};
use rhai::{Engine, EvalAltResult};

/// Most words that are listed; there are hardly more of any value.
const LISTED_MAX: usize = 40;

/// Explains an error of Rhai's own, if it is one of those that can be said better.
pub(in crate::script) fn explain(engine: &Engine, error: &EvalAltResult) -> Option<String> {
    match error {
        EvalAltResult::ErrorFunctionNotFound(signature, _) => call(engine, signature),
        EvalAltResult::ErrorDotExpr(text, _) => property(engine, text),
        EvalAltResult::ErrorIndexingType(text, _) => {
            let kind = text.split(" [").next().unwrap_or(text);
            Some(format!("{} cannot be indexed with `[..]`", article(&word(kind))))
        }
        EvalAltResult::ErrorMismatchDataType(wanted, found, _) if !wanted.is_empty() => {
            Some(format!("expected {}, found {}", article(&word(wanted)), article(&word(found))))
        }
        _ => None,
    }
}

/// Explains a call that no function takes; the signature is like `chat (branch, i64)`.
fn call(engine: &Engine, signature: &str) -> Option<String> {
    let (name, rest) = signature.split_once(" (")?;
    let given: Vec<String> =
        rest.strip_suffix(')')?.split(", ").filter(|kind| !kind.is_empty()).map(word).collect();

    if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        let named: Vec<String> = given.iter().map(|kind| article(kind)).collect();
        // A key that a map lacks is the usual reason.
        let is_counting = given.iter().any(|kind| kind == "()") && ["+", "-", "*"].contains(&name);
        let help = if is_counting { "; `a ?? 0` gives 0 where `a` is `()`" } else { "" };
        return Some(format!("`{name}` does not work for {}{help}", named.join(" and ")));
    }

    // A word of kaizen for other values says nothing of one of the language with the same name.
    let takes_first = |form: &CallForm| match (given.first(), form.params.first()) {
        (Some(given), Some(wanted)) => fits(given, wanted),
        _ => true,
    };
    let own = Forms::of_engine(engine, false);
    let is_own = own.all(name).iter().any(takes_first);
    let forms = if is_own { own } else { Forms::of_engine(engine, true) };
    let forms: Vec<&CallForm> =
        forms.all(name).iter().filter(|form| form.arity == given.len()).collect();

    // A value before a dot is not counted among the arguments.
    let is_method = forms
        .first()
        .and_then(|form| form.params.first())
        .is_some_and(|first| given.first() == Some(first) && is_handle(first));
    arguments(name, &forms, &given, is_method).map(|(_, said)| said)
}

/// Returns the function that was given a closure which uses what the function is called on; the language says
/// `argument #2 of function 'map'`.
pub(in crate::script) fn word_in_use(locked: &str) -> Option<&str> {
    locked.split_once(" of function '")?.1.strip_suffix('\'')
}

/// Says that a closure was called with the wrong number of arguments. Nobody knows its name, and the signature
/// of the failed call has what the closure captures as well, so that it does not say how many were given.
pub(in crate::script) const OF_CLOSURE: &str =
    "a closure was called with a different number of arguments than it takes";

/// Says which arguments no form of a function takes, and gives the place of the first one, that of the
/// value before the dot included. A type `any` is not known, and fits.
pub(in crate::script) fn arguments(
    name: &str,
    forms: &[&CallForm],
    given: &[String],
    is_method: bool,
) -> Option<(usize, String)> {
    let wrong = |form: &&CallForm| -> Vec<usize> {
        let each = given.iter().zip(&form.params).enumerate();
        each.filter(|(_, (given, wanted))| !fits(given, wanted)).map(|(place, _)| place).collect()
    };

    // The value before a dot is hardly the one that is wrong.
    let best =
        forms.iter().min_by_key(|form| (wrong(form).len(), wrong(form).first() == Some(&0)))?;
    let places = wrong(best);
    let is_method = is_method && places.first() != Some(&0);

    let said: Vec<String> = places
        .iter()
        .map(|place| {
            let number = if is_method { *place } else { place + 1 };
            let mut wanted: Vec<String> = forms
                .iter()
                .filter(|form| wrong(form) == places)
                .filter_map(|form| form.params.get(*place))
                .map(|kind| article(kind))
                .collect();

            wanted.sort();
            wanted.dedup();

            let found = article(&given[*place]);
            format!("argument {number} is {found}, expected {}", wanted.join(" or "))
        })
        .collect();

    let first = *places.first()?;
    Some((first, format!("`{name}`: {}", said.join("; "))))
}

fn fits(given: &str, wanted: &str) -> bool {
    given == wanted || given == "any" || wanted == "any" || wanted == "?" || wanted.is_empty()
}

/// Explains an unknown property. Rhai says `Unknown property 'x' - a getter is not registered for
/// type 'y'`, or `No writable property ..`.
fn property(engine: &Engine, text: &str) -> Option<String> {
    let mut quoted = text.split('\'').skip(1).step_by(2);
    let name = quoted.next()?;
    let kind = word(quoted.next()?);
    let a_kind = article(&kind);

    if text.contains("writable") {
        return Some(format!("{a_kind} has no writable property `{name}`"));
    }

    let forms = Forms::of_engine(engine, true);
    let known: Vec<&str> = forms
        .names()
        .filter_map(|known| known.strip_prefix("get$"))
        .filter(|known| {
            let forms = forms.all(&format!("get${known}"));
            forms.iter().any(|form| form.params.first() == Some(&kind))
        })
        .collect();

    if let Some(help) = foreign::instead_of_method(&kind, name) {
        return Some(format!("{a_kind} has no property `{name}`; {help}"));
    }
    let help = match nearest(name, known.iter().copied()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None if known.is_empty() => String::new(),
        None => format!("; it has: {}", listing(&known)),
    };

    Some(format!("{a_kind} has no property `{name}`{help}"))
}

/// Lists words, and says how many more there are where they are too many.
pub(in crate::script) fn listing(words: &[&str]) -> String {
    let shown = &words[..words.len().min(LISTED_MAX)];
    match words.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
