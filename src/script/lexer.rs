//! The pieces of a script's text, without an engine: what colours them, what is still open, and the
//! names `_`, `_1` .. of a dialogue, which are no names of the language.

use rhai::{Engine, LexError, ParseErrorType};
use std::ops::Range;

/// Tells whether a name is that of a closure: Rhai names closures by a number after this mark.
pub(in crate::script) fn names_closure(name: &str) -> bool {
    name.starts_with("anon$")
}

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LexemeClass {
    /// A name or a keyword.
    Word,
    /// A number.
    Number,
    /// A string, or a part of one.
    Text,
    /// A comment.
    Comment,
    /// Everything else: operators, brackets, space.
    Other,
}

/// A piece of text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lexeme {
    /// What it is.
    pub class: LexemeClass,
    /// Where it starts.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// Whether an input can be evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// It is whole, or wrong in a way that more text does not mend.
    Complete,
    /// It continues.
    Incomplete,
}

/// Most `#` before a quote that are counted.
const HASHES_MAX: usize = 256;

/// A text that is being taken apart.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
    found: Vec<Lexeme>,
    /// What is open: brackets, and the backticks of templates.
    open: Vec<char>,
    /// Whether the text ends inside of a comment or a string that may continue.
    cut: bool,
    /// The texts within backticks, without the code in them.
    templates: Vec<Range<usize>>,
}

/// Takes a text apart, and tells whether something in it is still open at its end.
pub fn scan(text: &str) -> (Vec<Lexeme>, bool) {
    let scanner = Scanner::over(text);
    let is_open = scanner.cut || !scanner.open.is_empty();
    (scanner.found, is_open)
}

/// Finds the texts within backticks, in bytes; the code in them parts them.
pub(in crate::script) fn templates(text: &str) -> Vec<Range<usize>> {
    Scanner::over(text).templates
}

impl<'a> Scanner<'a> {
    /// Takes a whole text apart.
    fn over(text: &'a str) -> Scanner<'a> {
        let mut scanner = Scanner {
            text,
            at: 0,
            found: Vec::new(),
            open: Vec::new(),
            cut: false,
            templates: Vec::new(),
        };

        while scanner.at < text.len() {
            scanner.step();
        }

        scanner
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn step(&mut self) {
        if self.open.last() == Some(&'`') {
            return self.template();
        }

        let rest = self.rest();
        let first = rest.chars().next().unwrap_or(' ');
        let hashes = rest.bytes().take(HASHES_MAX).take_while(|byte| *byte == b'#').count();

        if rest.starts_with("//") {
            let length = rest.find('\n').unwrap_or(rest.len());
            self.take(LexemeClass::Comment, length);
        } else if rest.starts_with("/*") {
            self.block_comment();
        } else if hashes > 0 && rest[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let length = rest[hashes + 1..].find(&end).map(|at| hashes + 1 + at + end.len());
            self.cut = length.is_none();
            self.take(LexemeClass::Text, length.unwrap_or(rest.len()));
        } else if first == '"' || first == '\'' {
            self.string(first);
        } else if first.is_alphabetic() || first == '_' {
            self.run(LexemeClass::Word, |c, _| c.is_alphanumeric() || c == '_');
        } else if first.is_ascii_digit() {
            self.run(LexemeClass::Number, |c, next| {
                c.is_ascii_alphanumeric()
                    || c == '_'
                    || c == '.' && next.is_some_and(|next| next.is_ascii_digit())
            });
        } else {
            match first {
                '(' | '[' | '{' | '`' => self.open.push(first),
                ')' | ']' | '}' => {
                    self.open.pop();
                }
                _ => {}
            }

            let class = if first == '`' { LexemeClass::Text } else { LexemeClass::Other };
            self.take(class, first.len_utf8());
        }
    }

    /// Takes the text of a template up to its end or to the code inside of it.
    fn template(&mut self) {
        let rest = self.rest();
        let start = self.at;

        let end = rest.char_indices().find(|(at, c)| {
            *c == '`' && !rest[at + 1..].starts_with('`') && !is_second_tick(rest, *at)
                || rest[*at..].starts_with("${")
        });
        let length = end.map_or(rest.len(), |(at, _)| at);

        self.templates.push(start..start + length);
        match end {
            None => self.take(LexemeClass::Text, rest.len()),
            Some((at, '`')) => {
                self.take(LexemeClass::Text, at + 1);
                self.open.pop();
            }
            Some((at, _)) => {
                self.take(LexemeClass::Text, at + 1);
                self.take(LexemeClass::Other, 1);
                self.open.push('{');
            }
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        let mut at = 0;
        let rest = self.rest();

        while at < rest.len() {
            if rest[at..].starts_with("/*") {
                (depth, at) = (depth + 1, at + 2);
            } else if rest[at..].starts_with("*/") {
                (depth, at) = (depth - 1, at + 2);
                if depth == 0 {
                    return self.take(LexemeClass::Comment, at);
                }
            } else {
                at += rest[at..].chars().next().map_or(1, char::len_utf8);
            }
        }

        self.cut = true;
        self.take(LexemeClass::Comment, at);
    }

    /// Takes a string; only after a backslash may it continue in the next line.
    fn string(&mut self, quote: char) {
        let rest = self.rest();
        let mut letters = rest.char_indices().skip(1);
        while let Some((at, letter)) = letters.next() {
            if letter == '\\' {
                let next = letters.next();
                self.cut = next.is_none_or(|(at, c)| c == '\n' && at + 1 == rest.len());
            } else if letter == quote || letter == '\n' {
                return self.take(LexemeClass::Text, at + usize::from(letter == quote));
            }
        }

        self.take(LexemeClass::Text, rest.len());
    }

    fn run(&mut self, class: LexemeClass, belongs: impl Fn(char, Option<char>) -> bool) {
        let rest = self.rest();
        let mut letters = rest.char_indices().peekable();
        let mut length = rest.len();
        while let Some((at, letter)) = letters.next() {
            if !belongs(letter, letters.peek().map(|(_, next)| *next)) {
                length = at;
                break;
            }
        }

        self.take(class, length);
    }

    fn take(&mut self, class: LexemeClass, length: usize) {
        let start = self.at;
        let end = self.at + length;
        self.at = end;
        if length > 0 {
            self.found.push(Lexeme { class, start, end });
        }
    }
}

/// Tells whether a backtick is the second of two, which stand for one in the text of a template.
fn is_second_tick(rest: &str, at: usize) -> bool {
    let before = rest[..at].len() - rest[..at].trim_end_matches('`').len();
    !before.is_multiple_of(2)
}

/// Tells whether an input can be evaluated. One that is not whole is evaluated all the same after
/// an empty line, unless something in it is open.
pub fn completeness(text: &str) -> Completeness {
    if scan(text).1 {
        return Completeness::Incomplete;
    }

    let (legal, _) = legal(text);
    let mut engine = Engine::new_raw();
    engine.set_max_expr_depths(0, 0);
    let Err(error) = engine.compile(&legal) else { return Completeness::Complete };

    let last = legal.trim_end();
    let lines = last.lines().count().max(1);
    let columns = last.lines().last().map_or(0, |line| line.chars().count());
    let position = error.position();
    let is_at_end = position.line().is_none_or(|line| {
        line > lines || line == lines && position.position().is_none_or(|at| at > columns)
    });

    let is_cut = match error.err_type() {
        ParseErrorType::UnexpectedEOF => true,
        ParseErrorType::BadInput(LexError::UnterminatedString) => false,
        _ => is_at_end,
    };

    // A line that is left empty gives up: what is wrong is then told at once.
    let is_given_up =
        text.contains('\n') && text.lines().last().is_some_and(|l| l.trim().is_empty());

    if is_cut && !is_given_up { Completeness::Incomplete } else { Completeness::Complete }
}

/// How many earlier values have names: `_1`, the one before the last, and so on.
pub(in crate::script) const EARLIER_MAX: usize = 9;

/// The name in the language for the last value, and for the `n`th before it.
pub(in crate::script) fn name_of(n: usize) -> String {
    if n == 0 { "_last".to_owned() } else { format!("_last{n}") }
}

/// A name that has been replaced by a longer one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::script) struct Replacement {
    /// Its line, from 1.
    pub(in crate::script) line: usize,
    /// Its column in the new text, from 1.
    pub(in crate::script) column: usize,
    /// Its length in characters, and that of the new name.
    pub(in crate::script) lengths: (usize, usize),
}

/// Replaces `_`, `_1` .. by names that the language accepts.
pub(in crate::script) fn legal(text: &str) -> (String, Vec<Replacement>) {
    renamed(text, name_of)
}

/// Replaces `_` by the name for 0, `_1` by that for 1, and so on.
pub fn rename(text: &str, name_of: impl FnMut(usize) -> String) -> String {
    renamed(text, name_of).0
}

fn renamed(text: &str, mut name_of: impl FnMut(usize) -> String) -> (String, Vec<Replacement>) {
    let mut new = String::with_capacity(text.len());
    let mut replaced = Vec::new();
    for piece in scan(text).0 {
        let old = &text[piece.start..piece.end];
        let number = match old.strip_prefix('_') {
            Some("") if !is_pattern(&text[piece.end..]) => Some(0),
            Some(digits) => digits
                .parse()
                .ok()
                .filter(|n: &usize| (1..=EARLIER_MAX).contains(n) && n.to_string() == digits),
            None => None,
        };

        let Some(n) = number.filter(|_| piece.class == LexemeClass::Word) else {
            new.push_str(old);
            continue;
        };

        let name = name_of(n);
        let line_start = new.rfind('\n').map_or(0, |at| at + 1);
        replaced.push(Replacement {
            line: new.matches('\n').count() + 1,
            column: new[line_start..].chars().count() + 1,
            lengths: (old.chars().count(), name.chars().count()),
        });
        new.push_str(&name);
    }

    (new, replaced)
}

/// Tells whether a `_` before this text is the default case of a `switch`.
fn is_pattern(after: &str) -> bool {
    let after = after.trim_start();
    after.starts_with("=>") || after.starts_with("if ")
}

/// Returns the column that a column of the new text had in the old one, and how wide the name there
/// was if it was replaced.
pub(in crate::script) fn column_before(
    replaced: &[Replacement],
    line: usize,
    column: usize,
) -> (usize, Option<usize>) {
    let mut shift = 0;
    for one in replaced.iter().filter(|one| one.line == line) {
        let (old, new) = one.lengths;
        if column >= one.column + new {
            shift += new - old;
        } else if column >= one.column {
            return (one.column - shift, Some(old));
        }
    }

    (column - shift, None)
}

/// Finds where a function is defined: Rhai does not keep that. Lines and columns count from 1.
pub(in crate::script) fn definition(text: &str, name: &str) -> Option<(u16, u16)> {
    for (index, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or(line);
        for (at, _) in code.match_indices("fn ") {
            let rest = &code[at + 3..];
            let found = rest.trim_start();
            let word = |c: char| c.is_alphanumeric() || c == '_';
            let is_name = found.strip_prefix(name).is_some_and(|after| !after.starts_with(word));
            if is_name && !code[..at].ends_with(word) {
                let start = at + 3 + (rest.len() - found.len());
                let column = code[..start].chars().count() + 1;
                return Some((u16::try_from(index + 1).ok()?, u16::try_from(column).ok()?));
            }
        }
    }

    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_goes_on() {
        let incomplete = [
            "fn f() {",
            "let x =",
            "1 +",
            "[1,",
            "f(1, ",
            "`a",
            "`a ${",
            "/* a",
            "if x",
            "x.",
            "\"a\\",
            "#{ a: 1",
            "if a {\n\n",
            "#\"raw",
            "fn f()",
            "while true",
            "`a ${ \"}\" ",
            "switch x {",
        ];

        for text in incomplete {
            assert_eq!(completeness(text), Completeness::Incomplete, "{text}");
        }

        let complete = [
            "",
            "1",
            "let x = 1;",
            "fn f() { 1 }",
            "\"a",
            "'a",
            "1)",
            "// {",
            "\"{\"",
            "`a ${1} b`",
            "x y",
            "f(1))",
            "/* { */ 1",
            "if x\n\n",
            "1 +\n\n",
            "_ + _1",
            "let let = 1",
            "'{'",
            "``",
            "`a``b`",
            "#\"{\"#",
            "switch x { _ => 1 }",
            "let a = 1; // done",
        ];

        for text in complete {
            assert_eq!(completeness(text), Completeness::Complete, "{text}");
        }
    }

    #[test]
    fn only_names_of_values_are_replaced() {
        let cases = [
            ("_", "_last"),
            ("_[0].len + _1", "_last[0].len + _last1"),
            ("switch _ { 1 => 2, _ => 3 }", "switch _last { 1 => 2, _ => 3 }"),
            ("switch x { _ if y => 1 }", "switch x { _ if y => 1 }"),
            ("\"_\" + `_ ${_} _` + _x", "\"_\" + `_ ${_last} _` + _x"),
            ("_10 + _01 + _err // _", "_10 + _01 + _err // _"),
            ("'_' + a_ + 1_000", "'_' + a_ + 1_000"),
        ];

        for (text, expected) in cases {
            assert_eq!(legal(text).0, expected);
        }
    }

    #[test]
    fn columns_are_found_again() {
        let (new, replaced) = legal("_ + _1 + x\n  _.y");
        assert_eq!(new, "_last + _last1 + x\n  _last.y");

        let before = |line, column| column_before(&replaced, line, column);
        assert_eq!(before(1, 1), (1, Some(1)));
        assert_eq!(before(1, 9), (5, Some(2)));
        assert_eq!(before(1, 18), (10, None));
        assert_eq!(before(2, 9), (5, None));
    }

    #[test]
    fn pieces_have_their_class() {
        let text = "let a = `x ${b + 1} y`; // c";
        let classes: Vec<(&str, LexemeClass)> = scan(text)
            .0
            .into_iter()
            .map(|piece| (&text[piece.start..piece.end], piece.class))
            .filter(|(text, class)| *class != LexemeClass::Other && !text.trim().is_empty())
            .collect();

        let expected = [
            ("let", LexemeClass::Word),
            ("a", LexemeClass::Word),
            ("`", LexemeClass::Text),
            ("x $", LexemeClass::Text),
            ("b", LexemeClass::Word),
            ("1", LexemeClass::Number),
            (" y`", LexemeClass::Text),
            ("// c", LexemeClass::Comment),
        ];

        assert_eq!(classes, expected);
    }
}
