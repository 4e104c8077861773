//! Texts that may be large: what is shown at once, and where the rest is found.

use serde::Serialize;

/// Bytes of a text that are shown at once.
pub const SHOWN_MAX: usize = 16 * 1024;
/// Bytes of a text that are given at once when the rest is asked for.
pub const PART_MAX: usize = 64 * 1024;

/// The beginning of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownText {
    /// The beginning.
    pub text: String,
    /// How many bytes the whole text has.
    pub bytes: usize,
    /// Where the rest is, as `SEQ/FIELD`; `None` if there is none.
    pub at: Option<String>,
}

impl ShownText {
    /// Shows a text that stands in a field of an event.
    pub fn of(text: &str, seq: i64, field: &str) -> ShownText {
        let end = text.floor_char_boundary(SHOWN_MAX);
        let at = (end < text.len()).then(|| format!("{seq}/{field}"));
        ShownText { text: text[..end].to_owned(), bytes: text.len(), at }
    }
}

/// Returns the part of a text that begins at a byte; `None` if no part begins there.
pub fn part(text: &str, from: usize) -> Option<&str> {
    let rest = text.get(from..)?;
    Some(&rest[..rest.floor_char_boundary(PART_MAX)])
}

/// Cuts a text to some characters, on one line.
pub fn cut(text: &str, characters: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(characters) {
        None => line,
        Some((end, _)) => format!("{}…", &line[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_says_where_the_rest_is() {
        let long = "ä".repeat(SHOWN_MAX / 2 + 1);
        let shown = ShownText::of(&long, 7, "reply");
        assert_eq!((shown.text.len(), shown.bytes), (SHOWN_MAX, SHOWN_MAX + 2));
        assert_eq!(shown.at.as_deref(), Some("7/reply"));
        assert_eq!(part(&long, SHOWN_MAX), Some("ä"));
        assert_eq!((part(&long, SHOWN_MAX + 1), part(&long, SHOWN_MAX + 3)), (None, None));

        let odd = format!("a{long}");
        assert_eq!(ShownText::of(&odd, 0, "x").text.len(), SHOWN_MAX - 1);
        assert_eq!(cut("one\n two  three", 7), "one two…");
    }
}
