//! What to write instead of a name that nobody knows.

use crate::base::spelling::nearest;
use crate::script::diagnostic::fix::{QuickFix, Suggestion};

/// Suggests a name for one that nobody knows.
pub(in crate::script) fn suggest<'a>(
    name: &str,
    known: impl Iterator<Item = &'a str>,
) -> Option<Suggestion> {
    nearest_word(name, known).map(Suggestion::word)
}

/// Finds the name that is most like one that nobody knows.
pub(in crate::script) fn nearest_word<'a>(
    name: &str,
    known: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    nearest(name, known.filter(|known| is_word(known)))
}

/// Tells whether a name can be typed: operators, and what reads a property, are no words.
fn is_word(known: &str) -> bool {
    known.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// Most words among which a suggestion lists all.
const LISTED_MAX: usize = 40;

/// Suggests one of few words: the nearest, or those with the word as a part, or else all of them.
pub(in crate::script) fn suggest_among<'a>(
    name: &str,
    known: impl Iterator<Item = &'a str>,
) -> Option<Suggestion> {
    let mut known: Vec<&str> = known.filter(|known| is_word(known)).collect();
    known.sort_unstable();
    known.dedup();

    if let Some(near) = nearest(name, known.iter().copied()) {
        return Some(Suggestion::word(near));
    }

    let padded = |word: &str| format!("_{word}_");
    let of_part = |word: &&str| padded(word).contains(&padded(name));
    let alike: Vec<&str> = known.iter().copied().filter(of_part).collect();
    let fixes = alike.iter().map(|word| QuickFix::Instead((*word).to_owned())).collect();
    let alike: Vec<String> = alike.iter().map(|word| format!("`{word}`")).collect();

    let help = match alike.split_last() {
        Some((only, [])) => Some(format!("did you mean {only}?")),
        Some((last, before)) => Some(format!("did you mean {} or {last}?", before.join(", "))),
        None if known.is_empty() || known.len() > LISTED_MAX => None,
        None => Some(format!("it has: {}", known.join(", "))),
    };
    help.map(|help| Suggestion { help, fixes })
}
