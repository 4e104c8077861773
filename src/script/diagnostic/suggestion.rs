//! What to write instead of a name that nobody knows.

use crate::base::spelling::{distance, nearest};
use crate::model::request::SETTINGS;
use crate::script::diagnostic::fix::{QuickFix, Suggestion};
use crate::script::diagnostic::foreign;

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

/// Finds the name that is most like one that nobody knows. Of names that are as near, those count first that
/// the script defines itself.
pub(in crate::script) fn nearest_first<'a>(
    name: &str,
    known: &[&'a str],
    is_own: impl Fn(&str) -> bool,
) -> Option<&'a str> {
    let any = nearest_word(name, known.iter().copied())?;
    let own = nearest_word(name, known.iter().copied().filter(|known| is_own(known)));
    let own = own.filter(|own| distance(name, own) <= distance(name, any));
    Some(own.unwrap_or(any))
}

/// Tells whether a name can be typed: operators, and what reads a property, are no words.
fn is_word(known: &str) -> bool {
    known.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// Functions that take a value first and are hardly meant for a method of it: times, counts, conditions.
const NO_METHODS: &[&str] =
    &["assert", "blob", "debug", "print", "range", "retry", "sleep", "sleep_until", "timeout"];

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
        None => {
            known.retain(|known| !NO_METHODS.contains(known));
            Some(format!("it has: {}", known.join(", ")))
        }
    };
    help.map(|help| Suggestion { help, fixes })
}

/// What is said of an option that a function does not have.
pub(in crate::script) struct UnknownOption {
    /// That it does not have it.
    pub(in crate::script) message: String,
    /// What to write instead.
    pub(in crate::script) suggestion: Suggestion,
}

/// Says that a function has no such option: the same wherever that is found, before a script runs or
/// while it does. `of` is the function, in its backticks.
pub(in crate::script) fn unknown_option(of: &str, key: &str, known: &[&str]) -> UnknownOption {
    let own = foreign::option(key)
        .filter(|own| known.contains(own))
        .map(|own| Suggestion { help: format!("write `{own}`"), ..Suggestion::word(own) });

    let list = || {
        let mut listed: Vec<&str> = Vec::new();
        // A setting of calls may be an option of the function as well.
        for option in known.iter().filter(|option| is_word(option)) {
            if !listed.contains(option) {
                listed.push(option);
            }
        }
        Suggestion::from(format!("valid options: {}", listed.join(", ")))
    };

    // The words of one call do not change who is asked.
    let of_branch = || {
        let help = "give it to the branch: `branch(#{ system: \"..\" })`";
        (foreign::option(key).unwrap_or(key) == "system").then(|| Suggestion::from(help.to_owned()))
    };

    let suggestion = own
        .or_else(of_branch)
        .or_else(|| elsewhere(of, foreign::option(key).unwrap_or(key)))
        .or_else(|| suggest(key, known.iter().copied()))
        .unwrap_or_else(list);
    UnknownOption { message: format!("{of} has no option `{key}`"), suggestion }
}

/// Says what takes an option that the function `of` does not have, although it sounds as if it should.
fn elsewhere(of: &str, key: &str) -> Option<Suggestion> {
    let of = of.trim_matches('`');
    let asks = ["chat", "communicate", "operate", "parse", "react"].contains(&of);
    let plans = ["add_operation", "add_aggregation", "an operation of `expand"].contains(&of);

    let help = match key {
        "model" if asks => "give it to the branch: `branch(\"provider/name\")`".to_owned(),
        "model" if plans => {
            "give the operation a branch with this model, `branch: b`, and add it to the session: \
             `session.include_branch(b)`"
                .to_owned()
        }
        "model" if of == "flow" => {
            "give it to the session: `session(branch(\"provider/name\"))`".to_owned()
        }
        "tools" | "tool_choice" | "max_steps" if asks => {
            "ask with `operate` or `react`, which call tools".to_owned()
        }
        "max_concurrent" if of == "gather" => {
            "write `parallel(items, |item| .., #{ max_concurrent: 4 })`".to_owned()
        }
        setting if of == "branch" && SETTINGS.contains(&setting) => format!(
            "give it to each call, `chat(\"..\", #{{ {setting}: .. }})`, or to the model: \
             `imodel(#{{ \"use\": \"provider/name\", {setting}: .. }})`"
        ),
        _ => return None,
    };
    Some(Suggestion::from(help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_script_come_first_among_those_that_are_as_near() {
        let near =
            |name: &str| nearest_first(name, &["vote", "vote2", "hot"], |own| own == "vote2");
        assert_eq!(near("vote3"), Some("vote2"));
        assert_eq!(near("vot"), Some("vote"));
    }

    #[test]
    fn an_option_that_nobody_knows_is_named_with_what_to_write() {
        let said = |key: &str| {
            let UnknownOption { message, suggestion } =
                unknown_option("`flow`", key, &["max_concurrent", "timeout_ms", "timeout_ms"]);
            format!("{message}; {}", suggestion.help)
        };
        assert_eq!(
            said("max_workers"),
            "`flow` has no option `max_workers`; write `max_concurrent`"
        );
        assert_eq!(
            said("timeout_m"),
            "`flow` has no option `timeout_m`; did you mean `timeout_ms`?"
        );
        let all = "`flow` has no option `x`; valid options: max_concurrent, timeout_ms";
        assert_eq!(said("x"), all);
    }
}
