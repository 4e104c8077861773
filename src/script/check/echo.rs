//! Faults that only follow from another one: once that is mended, they are gone, or others stand there.
//! Of those that belong together only the first is told.

use crate::script::diagnostic::fix::byte_at;
use crate::script::diagnostic::{Diagnostic, codes};

/// Words for types that other languages have as values.
const TYPES: &[&str] =
    &["bool", "dict", "float", "int", "list", "object", "set", "str", "string", "tuple"];

/// Keeps of the faults of a file those that tell something of their own.
pub(super) fn without_echoes(
    mut faults: Vec<Diagnostic>,
    file: &str,
    text: &str,
) -> Vec<Diagnostic> {
    let heads: Vec<FaultHead> =
        faults.iter().filter_map(|fault| FaultHead::of(fault, file, text)).collect();
    let is_echo = |fault: &Diagnostic| {
        let place = fault.place.as_ref().filter(|place| place.file == file);
        let at = place.and_then(|place| byte_at(text, place.line, place.column));
        at.is_some_and(|at| heads.iter().any(|head| head.explains(fault, at, text)))
    };
    faults.retain(|fault| !is_echo(fault));
    faults
}

/// A fault from which others may follow.
struct FaultHead {
    is_foreign: bool,
    /// Where it begins and ends, in bytes.
    start: usize,
    end: usize,
    /// The names of the properties and methods that hang on it, and the beginnings of their arguments.
    parts: Vec<usize>,
    arguments: Vec<usize>,
    /// The end of what hangs on it.
    chain_end: usize,
}

impl FaultHead {
    fn of(fault: &Diagnostic, file: &str, text: &str) -> Option<FaultHead> {
        let is_foreign = fault.code == codes::FOREIGN;
        let place = fault.place.as_ref().filter(|place| place.file == file)?;
        if !is_foreign && fault.code != codes::VARIABLE {
            return None;
        }

        let start = byte_at(text, place.line, place.column)?;
        let width: usize = text[start..].chars().take(fault.width).map(char::len_utf8).sum();
        let word = text[start..].find(|c: char| !is_part(c)).unwrap_or(text.len() - start);
        let mut head = FaultHead {
            is_foreign,
            start,
            end: start + width,
            parts: Vec::new(),
            arguments: Vec::new(),
            chain_end: start + word,
        };
        head.follow(text);
        Some(head)
    }

    /// Goes along a chain such as `time.time()`, as far as it is written without spaces.
    fn follow(&mut self, text: &str) {
        let bytes = text.as_bytes();
        loop {
            match bytes.get(self.chain_end) {
                Some(b'.') if self.chain_end > self.start => {
                    self.parts.push(self.chain_end + 1);
                    let rest = &text[self.chain_end + 1..];
                    let length = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
                    if length == 0 {
                        return;
                    }
                    self.chain_end += 1 + length;
                }
                Some(b'(' | b'[') if self.chain_end > self.start => {
                    let Some(end) = self.brackets(text, self.chain_end) else { return };
                    self.chain_end = end;
                }
                _ => return,
            }
        }
    }

    /// Goes through brackets, and notes where each argument begins. Gives the place behind them.
    fn brackets(&mut self, text: &str, open: usize) -> Option<usize> {
        let mut depth = 0_usize;
        let mut quote = None;
        let mut begins = false;

        for (at, letter) in text[open..].char_indices() {
            let at = open + at;
            if let Some(open) = quote {
                quote = quote.filter(|_| letter != open);
                continue;
            }
            if begins && !letter.is_whitespace() {
                self.arguments.push(at);
                begins = false;
            }
            match letter {
                '"' | '`' => quote = Some(letter),
                '(' | '[' | '{' => {
                    depth += 1;
                    begins = depth == 1;
                }
                ')' | ']' | '}' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return Some(at + 1);
                    }
                }
                ',' => begins = depth == 1,
                _ => {}
            }
        }
        None
    }

    /// Tells whether a fault at this place follows from this one.
    fn explains(&self, fault: &Diagnostic, at: usize, text: &str) -> bool {
        if at == self.start {
            return false;
        }
        let is_within = (self.start..self.chain_end).contains(&at);
        let word: String = text[at..].chars().take_while(|c| is_part(*c)).collect();

        match fault.code {
            // The reader of the language stops where the foreign form no longer makes sense.
            codes::SYNTAX => {
                let is_beside = self.start < at && !text[self.start..at].contains('\n');
                self.is_foreign && is_beside || self.parts.contains(&at)
            }
            codes::ARGUMENT => self.parts.contains(&at) || self.arguments.contains(&at),
            codes::VARIABLE => {
                let is_key = text[at + word.len()..].trim_start().starts_with(':');
                let is_type = TYPES.contains(&word.as_str()) && is_within;
                self.is_foreign && (is_type || is_key || (self.start..self.end).contains(&at))
            }
            codes::FOREIGN if self.is_foreign && TYPES.contains(&word.as_str()) => is_within,
            _ => self.parts.contains(&at),
        }
    }
}

fn is_part(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}
