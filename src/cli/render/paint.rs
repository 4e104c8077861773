//! Colours for how things went: on a terminal that shows colours, and nowhere else.

use crate::base::visible::painted;
use std::borrow::Cow;
use std::sync::OnceLock;

/// Which of the two streams shows colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::cli) struct Colors {
    pub(in crate::cli) out: bool,
    pub(in crate::cli) err: bool,
}

/// How something went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Mood {
    /// As it should.
    Good,
    /// Not as it should, or not to its end.
    Doubtful,
    /// It failed.
    Bad,
}

static COLORS: OnceLock<Colors> = OnceLock::new();

/// Says once which streams show colours. Until then, none does.
pub(in crate::cli) fn set(colors: Colors) {
    // A second call comes from nobody.
    let _ = COLORS.set(colors);
}

fn colors() -> Colors {
    COLORS.get().copied().unwrap_or_default()
}

/// Colours a text for stdout.
pub(in crate::cli) fn out(text: &str, mood: Mood) -> String {
    if colors().out { colored(text, mood) } else { text.to_owned() }
}

/// Colours a text for stderr.
pub(in crate::cli) fn err(text: &str, mood: Mood) -> String {
    if colors().err { colored(text, mood) } else { text.to_owned() }
}

/// Colours a word for an outcome for stdout.
pub(in crate::cli) fn out_word(word: &str) -> String {
    mood_of(word).map_or_else(|| word.to_owned(), |mood| out(word, mood))
}

/// Colours a word for an outcome for stderr.
pub(in crate::cli) fn err_word(word: &str) -> String {
    mood_of(word).map_or_else(|| word.to_owned(), |mood| err(word, mood))
}

/// Colours the word at the beginning of a line on stderr that says how bad it is.
pub(in crate::cli) fn headed(line: &str) -> Cow<'_, str> {
    for (head, mood) in [("error:", Mood::Bad), ("note:", Mood::Doubtful)] {
        if let Some(rest) = line.strip_prefix(head).filter(|_| colors().err) {
            return format!("{}{rest}", colored(head, mood)).into();
        }
    }
    line.into()
}

/// Tells whether stderr shows colours.
pub(in crate::cli) fn is_err_colored() -> bool {
    colors().err
}

fn colored(text: &str, mood: Mood) -> String {
    let code = match mood {
        Mood::Good => "32",
        Mood::Doubtful => "33",
        Mood::Bad => "31",
    };
    painted(text, code)
}

/// Tells how something went by the word for it that a table shows; `None` for words that say nothing of it.
fn mood_of(word: &str) -> Option<Mood> {
    let first = word.split([',', ' ']).next().unwrap_or_default();
    Some(match first {
        _ if word.ends_with(", cut") || word.ends_with("is not set") => Mood::Doubtful,
        "ok" | "same" | "completed" | "passed" | "ready" | "answers" | "set" => Mood::Good,
        "NOT" | "diverged" | "failed" | "error" | "refused" | "damaged" | "wrong" => Mood::Bad,
        _ if word.starts_with("no answer") || word.starts_with("no key") => Mood::Bad,
        "skipped" | "cancelled" | "interrupted" | "unfinished" | "running" | "crashed" => {
            Mood::Doubtful
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_tables_have_a_colour() {
        let moods =
            ["completed", "completed, cut", "failed", "skipped", "no answer", "demo, offline"];
        assert_eq!(
            moods.map(mood_of),
            [
                Some(Mood::Good),
                Some(Mood::Doubtful),
                Some(Mood::Bad),
                Some(Mood::Doubtful),
                Some(Mood::Bad),
                None
            ]
        );
    }
}
