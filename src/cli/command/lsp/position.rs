//! Places in a text as the protocol has them: lines from 0, and in them units of UTF-16.

use lsp_types::{Position, Range};
use std::ops::Range as Bytes;

/// Where the lines of a text begin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LineIndex {
    starts: Vec<usize>,
}

impl LineIndex {
    /// Looks through a text. A line ends with `\n`, `\r\n` or `\r`.
    pub(super) fn of(text: &str) -> LineIndex {
        let bytes = text.as_bytes();
        let ends = bytes.iter().enumerate().filter(|(at, byte)| match byte {
            b'\n' => true,
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        });
        LineIndex { starts: std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect() }
    }

    /// Returns the byte of a position. One beyond the end of its line is that end, and one beyond the last
    /// line is the end of the text.
    pub(super) fn byte(&self, text: &str, position: Position) -> usize {
        let Ok(line) = usize::try_from(position.line) else { return text.len() };
        let Some(start) = self.starts.get(line).copied() else { return text.len() };
        let end = self.starts.get(line + 1).copied().unwrap_or(text.len());
        let content = text[start..end].trim_end_matches(['\n', '\r']);

        let mut units = usize::try_from(position.character).unwrap_or(usize::MAX);
        for (at, letter) in content.char_indices() {
            // A place within a character is its beginning.
            if units < letter.len_utf16() {
                return start + at;
            }
            units -= letter.len_utf16();
        }
        start + content.len()
    }

    /// Returns the position of a byte.
    pub(super) fn position(&self, text: &str, byte: usize) -> Position {
        let mut byte = byte.min(text.len());
        while !text.is_char_boundary(byte) {
            byte -= 1;
        }

        let line = self.starts.partition_point(|start| *start <= byte) - 1;
        let units: usize = text[self.starts[line]..byte].chars().map(char::len_utf16).sum();
        Position::new(number(line), number(units))
    }

    /// Returns the range of some bytes.
    pub(super) fn range(&self, text: &str, bytes: &Bytes<usize>) -> Range {
        Range::new(self.position(text, bytes.start), self.position(text, bytes.end))
    }
}

/// Returns a number as the protocol has it.
pub(super) fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_units_of_utf_16() {
        let text = "aä😀b\r\n\nx\r😀";
        let index = LineIndex::of(text);
        let cases = [
            (0, (0, 0)),
            (1, (0, 1)),
            (3, (0, 2)),
            (7, (0, 4)),
            (8, (0, 5)),
            (10, (1, 0)),
            (11, (2, 0)),
            (13, (3, 0)),
            (17, (3, 2)),
        ];
        for (byte, (line, character)) in cases {
            let position = Position::new(line, character);
            assert_eq!(index.position(text, byte), position, "{byte}");
            assert_eq!(index.byte(text, position), byte, "{position:?}");
        }

        // Within a character, beyond a line, beyond the text.
        let odd = [((0, 3), 3), ((0, 99), 8), ((1, 7), 10), ((9, 0), 17), ((3, u32::MAX), 17)];
        for ((line, character), byte) in odd {
            assert_eq!(index.byte(text, Position::new(line, character)), byte);
        }
        assert_eq!(index.position(text, 5), Position::new(0, 2));
        assert_eq!(LineIndex::of("").position("", 9), Position::new(0, 0));
    }
}
