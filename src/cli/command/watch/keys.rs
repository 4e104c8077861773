//! Single keys from a terminal, without Enter.

use crate::base::thread::{self, NoThread};
use crate::cli::app::terminal::Terminal;
use crate::cli::command::watch::inbox::{Post, WatchEvent};
use std::io::{IsTerminal, Read};

/// The keys, each with what it does.
const KEYS: &[(char, &str)] = &[
    ('r', "re-run, calling models for changes only"),
    ('a', "repeat all calls"),
    ('f', "retry what failed"),
    ('n', "five more samples of the result"),
    ('d', "full difference to the previous run"),
    ('p', "pause or continue"),
    ('c', "clear the screen"),
    ('q', "quit"),
];
/// Columns that both columns of the help take.
const HELP_WIDTH: usize = 79;
/// The line that names the keys, and a shorter one for narrow terminals.
const LINE: &str = "[r]e-run [a]ll again [n] more [f]ailed [d]iff [p]ause [c]lear [?] [q]uit";
const SHORT_LINE: &str = "keys: r a n f d p c q; [?] explains them";

/// Returns the line that names the keys, for a terminal of this width.
pub(super) fn line(width: Option<usize>) -> &'static str {
    if width.is_some_and(|width| width < LINE.len()) { SHORT_LINE } else { LINE }
}

/// Says what the keys do: in two columns, or in one where a terminal of this width has no room for them.
pub(super) fn help(width: Option<usize>) -> String {
    let step = if width.is_some_and(|width| width < HELP_WIDTH) { 1 } else { 2 };
    let rows = KEYS.chunks(step).map(|keys| {
        let cells = keys.iter().map(|(key, what)| format!("{key}  {what}"));
        let cells: Vec<String> = cells.map(|cell| format!("{cell:45}")).collect();
        cells.concat().trim_end().to_owned()
    });
    rows.collect::<Vec<_>>().join("\n")
}

/// Starts reading keys, if there is a terminal to read them from. It is as it was when the result is
/// dropped.
pub(super) fn start(post: Post) -> Result<Option<Terminal>, NoThread> {
    if !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    let Some(terminal) = Terminal::with_single_keys() else { return Ok(None) };

    thread::start("keys", move || {
        let mut byte = [0];
        while matches!(std::io::stdin().read(&mut byte), Ok(1)) {
            if !post.send(WatchEvent::Key(char::from(byte[0]))) {
                return;
            }
        }
    })?;

    Ok(Some(terminal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_of_keys_fits_the_terminal() {
        expect_test::expect![[r#"
            r  re-run, calling models for changes only   a  repeat all calls
            f  retry what failed                         n  five more samples of the result
            d  full difference to the previous run       p  pause or continue
            c  clear the screen                          q  quit"#]]
        .assert_eq(&help(None));
        assert_eq!(help(Some(60)).lines().count(), KEYS.len());
        for width in [60, 72, 79, 80, 100] {
            let lines = help(Some(width)) + "\n" + line(Some(width));
            assert!(lines.lines().all(|line| line.len() <= width), "{lines}");
        }
    }
}
