//! Sentences on a terminal, which break between words.

/// What begins the change of a colour.
const ESCAPE: char = '\u{1b}';

/// Breaks every line of a text into lines of at most this many columns; those after the first stand in by
/// two more. A word that is longer stays whole, so that it can be copied, unless it is a path of names
/// (`file::test`). Colours take no room.
pub(in crate::cli) fn wrapped(text: &str, width: usize) -> String {
    let lines: Vec<String> = text.split('\n').map(|line| wrapped_line(line, width)).collect();
    lines.join("\n")
}

fn wrapped_line(line: &str, width: usize) -> String {
    if columns(line) <= width {
        return line.to_owned();
    }

    let body = line.trim_start_matches(' ');
    let indent = line.len() - body.len();
    let mut lines = vec![" ".repeat(indent)];
    let mut is_first = true;

    let room = width.saturating_sub(indent + 2);
    for (space, piece) in parts(body).into_iter().flat_map(|word| pieces(word, room)) {
        let last = lines.last().map_or(0, |line| columns(line));
        if !is_first && last + space.len() + columns(piece) > width {
            lines.push(format!("{}{piece}", " ".repeat(indent + 2)));
        } else if let Some(line) = lines.last_mut() {
            line.push_str(if is_first { "" } else { space });
            line.push_str(piece);
        }
        is_first = false;
    }
    lines.join("\n")
}

/// Splits a path of names that is longer than the room for it. Each piece has the space that stands before it.
fn pieces(word: &str, room: usize) -> Vec<(&'static str, &str)> {
    match word.rfind("::") {
        Some(at) if columns(word) > room => {
            let (path, name) = word.split_at(at + "::".len());
            vec![(" ", path), ("", name)]
        }
        _ => vec![(" ", word)],
    }
}

/// Splits a line where it may break: between words, but not between a number and its unit or its sign, nor
/// between the two ends of an interval.
fn parts(line: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = Vec::new();
    let mut start = 0;

    for (at, _) in line.match_indices(' ') {
        let before = line[start..at].rsplit(' ').next().unwrap_or("");
        let after = line[at + 1..].split(' ').next().unwrap_or("");
        if !belong(before, after) {
            parts.push(&line[start..at]);
            start = at + 1;
        }
    }
    parts.push(&line[start..]);
    parts
}

/// Tells whether two words are one thing to read.
fn belong(before: &str, after: &str) -> bool {
    const UNITS: &[&str] = &["%", "h", "min", "ms", "s"];
    const SIGNS: &[&str] = &["+", "-", "<", ">", "±"];

    let unit = after.trim_end_matches([')', ']', ',', ';', ':', '.']);
    let is_number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit() || c == '$');
    let is_amount = before.ends_with(|c: char| c.is_ascii_digit());
    let is_interval = before.starts_with('[') && before.ends_with(',') && after.contains(']');

    is_amount && UNITS.contains(&unit) || SIGNS.contains(&before) && is_number(after) || is_interval
}

/// Counts the columns of a text, without the escapes that change its colour.
fn columns(text: &str) -> usize {
    let mut count = 0;
    let mut is_escape = false;
    for c in text.chars() {
        match c {
            ESCAPE => is_escape = true,
            'a'..='z' | 'A'..='Z' if is_escape => is_escape = false,
            _ if is_escape => {}
            _ => count += 1,
        }
    }
    count
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

    #[test]
    fn a_path_of_names_that_is_too_long_breaks_before_the_last_name() {
        let found = wrapped("ok  tests/a_test.rhai::test_of_one  35 ms", 30);
        assert_eq!(found, "ok  tests/a_test.rhai::\n  test_of_one  35 ms");
        assert_eq!(wrapped("ok  a::b  35 ms", 8), "ok  a::b\n   35 ms");
    }

    #[test]
    fn a_number_stays_with_its_unit_and_its_sign() {
        let found = wrapped("quality 70 %, time 30 % (run 1)", 22);
        assert_eq!(found, "quality 70 %, time\n  30 % (run 1)");
        assert_eq!(wrapped("the chance is < 1 % here", 17), "the chance is\n  < 1 % here");
        assert_eq!(wrapped("ahead by [-0.1, 0.3] after", 18), "ahead by\n  [-0.1, 0.3]\n  after");
    }

    #[test]
    fn each_line_breaks_at_its_own_depth() {
        let found = wrapped("one two three\n  four five six\n\nend", 9);
        assert_eq!(found, "one two\n  three\n  four\n    five\n    six\n\nend");
    }

    #[test]
    fn colours_take_no_room() {
        let text = "\u{1b}[31mred\u{1b}[0m and blue";
        assert_eq!(wrapped(text, 12), text);
        assert_eq!(wrapped(text, 8), "\u{1b}[31mred\u{1b}[0m and\n  blue");
    }
}
