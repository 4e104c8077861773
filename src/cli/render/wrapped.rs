//! Sentences on a terminal, which break between words.

/// Breaks a sentence into lines of at most so many columns; the lines after the first stand in by two. A
/// word that is longer stays whole.
pub(in crate::cli) fn wrapped(text: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last().map_or(0, |line| line.chars().count());
        if last > 0 && last + 1 + word.chars().count() > width {
            lines.push(format!("  {word}"));
        } else if let Some(line) = lines.last_mut() {
            if last > 0 {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        let found = wrapped("not distinguishable yet: `a` is ahead", 20);
        assert_eq!(found, "not distinguishable\n  yet: `a` is ahead");
        assert_eq!(wrapped("short", 20), "short");
        assert_eq!(wrapped("a `very_long_name_of_it` b", 10), "a\n  `very_long_name_of_it`\n  b");
    }
}
