//! Cases of `switch` that never match, since they are of another type than its value. The language keeps of a
//! case only its number, so cases are read in the text.

use crate::script::check::answer_words::FieldWords;
use crate::script::check::checker::{Checker, File};
use crate::script::check::comparisons::Comparable;
use crate::script::check::kinds::Kinds;
use crate::script::check::type_names::{asks_type, help_for, is_type, words_for};
use crate::script::diagnostic::fix::byte_at;
use crate::script::diagnostic::type_word::article;
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::lexer::{Lexeme, LexemeClass, scan};
use rhai::{ASTNode, Position, Stmt};

/// How many pieces of a text are looked at together: the arrow, and what follows it.
const AHEAD: usize = 3;

/// A literal that is a case.
struct LiteralCase {
    /// Where it starts and ends, in bytes.
    at: usize,
    end: usize,
    /// Its type, and the word for it.
    of_type: Comparable,
    word: &'static str,
}

impl Checker<'_> {
    /// Finds cases that no value of this type is.
    pub(super) fn switches(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let mut known: Vec<(String, Comparable, Position)> = Vec::new();
        let mut of_types: Vec<Position> = Vec::new();
        let mut of_words: Vec<(FieldWords, Position)> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Stmt(Stmt::Switch(switch, position))) = path.last() {
                let words = kinds.words_of(&switch.0, kinds.function_of(path));
                of_words.extend(words.map(|words| (words, *position)));
            }
            if let Some(ASTNode::Stmt(Stmt::Switch(switch, position))) = path.last()
                && asks_type(&switch.0)
            {
                of_types.push(*position);
            } else if let Some(ASTNode::Stmt(Stmt::Switch(switch, position))) = path.last()
                && let Some(kind) = kinds.kind(&switch.0, kinds.function_of(path))
                && let Some(of_type) = Comparable::of(Some(&kind))
            {
                known.push((kind.word().to_owned(), of_type, *position));
            }
            true
        });
        if known.is_empty() && of_types.is_empty() && of_words.is_empty() {
            return;
        }

        let mut pieces = scan(file.text).0;
        pieces.retain(|piece| {
            piece.class != LexemeClass::Comment
                && !file.text[piece.start..piece.end].trim().is_empty()
        });
        for (words, position) in of_words {
            for case in cases(file.text, &pieces, position) {
                self.case_of_words(file, &case, &words);
            }
        }
        for position in of_types {
            for case in cases(file.text, &pieces, position) {
                self.case_of_type(file, &case);
            }
        }
        for (kind, of_type, position) in known {
            for case in cases(file.text, &pieces, position) {
                // A letter equals a text of it, but is another case.
                let is_letter = kind == "char";
                let is_other = of_type == Comparable::Text && is_letter != (case.word == "char");
                if case.of_type == of_type && !is_other {
                    continue;
                }

                let value = article(&kind);
                let message =
                    format!("this case is {}, but the value is {value}", article(case.word));
                let place = position_of(file.text, case.at);
                let fault =
                    Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, place).silent();
                let help = if is_other && case.of_type == of_type {
                    Some(of_letter(is_letter).to_owned())
                } else {
                    help(of_type, case.of_type)
                };
                self.push_new(Diagnostic { help, ..fault });
            }
        }
    }
}

impl Checker<'_> {
    /// Finds a case that a field of an answer never is, by its schema.
    fn case_of_words(&mut self, file: &File<'_>, case: &LiteralCase, known: &FieldWords) {
        let word = file.text[case.at..case.end].trim_matches('"');
        let is_plain = case.word == "string" && !word.contains(['\\', '#']);
        if !is_plain || known.has(word) {
            return;
        }

        let message = format!("`{}` is never \"{word}\"", known.field);
        let place = position_of(file.text, case.at);
        let fault = Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, place).silent();
        let help = format!("it is one of {}", known.listed());
        // A model may answer anything where no schema is enforced.
        self.push_new(Diagnostic { help: Some(help), ..fault.warning() });
    }

    /// Finds a case of `switch type_of(x)` that no type is.
    fn case_of_type(&mut self, file: &File<'_>, case: &LiteralCase) {
        let word = file.text[case.at..case.end].trim_matches('"');
        if case.of_type == Comparable::Text && is_type(word) {
            return;
        }

        let message = format!("`type_of` never returns `{}`", &file.text[case.at..case.end]);
        let help = match words_for(word) {
            Some(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
                format!("write the case as `{}`", words.join(" | "))
            }
            None => help_for(word),
        };
        let place = position_of(file.text, case.at);
        let fault = Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, place).silent();
        self.push_new(Diagnostic { help: Some(help), ..fault });
    }
}

/// Says what to write where a letter meets a text.
fn of_letter(is_letter: bool) -> &'static str {
    if is_letter {
        "write the case in single quotes, `'a'`, or `switch letter.to_string() { .. }`"
    } else {
        "write the case in double quotes"
    }
}

/// Says what to write instead of a case of another type.
fn help(value: Comparable, case: Comparable) -> Option<String> {
    let help = match (value, case) {
        (Comparable::Text, Comparable::Number) => {
            "write the case as a text, `\"1\"`, or `switch text.parse_int() { .. }`"
        }
        (Comparable::Text, Comparable::Truth) => "write the case as a text, `\"true\"`",
        (Comparable::Number, Comparable::Text) => "write the case as a number, without quotes",
        (Comparable::Truth, _) => "write `true` or `false`, without quotes",
        _ => return None,
    };
    Some(help.to_owned())
}

/// Returns the place of a byte.
fn position_of(text: &str, at: usize) -> Position {
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    match (u16::try_from(line), u16::try_from(column)) {
        (Ok(line), Ok(column)) => Position::new(line, column),
        _ => Position::NONE,
    }
}

/// Returns the cases of the `switch` at a place that are literals.
fn cases(text: &str, pieces: &[Lexeme], position: Position) -> Vec<LiteralCase> {
    let start = position.line().zip(position.position());
    let Some(start) = start.and_then(|(line, column)| byte_at(text, line, column)) else {
        return Vec::new();
    };

    let first = pieces.partition_point(|piece| piece.start <= start);
    let pieces = &pieces[first..];
    let said = |at: usize| {
        let ahead = &pieces[at..pieces.len().min(at + AHEAD)];
        ahead.iter().map(|piece| &text[piece.start..piece.end]).collect::<Vec<&str>>()
    };

    let mut found = Vec::new();
    let mut reader = CaseReader::default();
    for (at, piece) in pieces.iter().enumerate() {
        let said = said(at);
        match reader.step(&said) {
            CaseStep::Case => found.extend(literal(&said, piece)),
            CaseStep::Other => {}
            CaseStep::End => break,
        }
    }
    found
}

/// Where in a `switch` one is.
#[derive(Default)]
struct CaseReader {
    depth: usize,
    place: CasePlace,
    /// Whether what the case gives is a block, behind which no comma has to stand.
    is_block: bool,
}

/// What is read next.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum CasePlace {
    /// The value, before the first bracket.
    #[default]
    Value,
    /// A case, or another one after `|`.
    Case,
    /// What follows a case: its condition, and the arrow.
    After,
    /// What the case gives.
    Gives,
}

/// What a piece of text is.
enum CaseStep {
    /// The beginning of a case.
    Case,
    /// Anything else.
    Other,
    /// The end of the `switch`.
    End,
}

impl CaseReader {
    /// Goes over one piece, the first of those that are left.
    fn step(&mut self, rest: &[&str]) -> CaseStep {
        let here = rest[0];
        let is_outside = self.depth == usize::from(self.place != CasePlace::Value);

        match here {
            "{" if is_outside && self.place == CasePlace::Value => {
                self.depth = 1;
                self.place = CasePlace::Case;
                return CaseStep::Other;
            }
            "(" | "[" | "{" => {
                // A list is one case, whatever stands in it.
                if self.place == CasePlace::Case {
                    self.place = CasePlace::After;
                }
                self.depth += 1;
            }
            ")" | "]" | "}" => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 && self.place != CasePlace::Value {
                    return CaseStep::End;
                }
                if self.depth == 1 && self.place == CasePlace::Gives && self.is_block {
                    self.place = CasePlace::Case;
                }
            }
            "," if is_outside && self.place != CasePlace::Value => self.place = CasePlace::Case,
            "=" if is_outside && self.place == CasePlace::After && rest.get(1) == Some(&">") => {
                self.place = CasePlace::Gives;
                self.is_block = rest.get(2) == Some(&"{");
            }
            "|" if is_outside && self.place == CasePlace::After => self.place = CasePlace::Case,
            "if" if is_outside && self.place == CasePlace::After => {}
            _ if self.place == CasePlace::Case => {
                self.place = CasePlace::After;
                return CaseStep::Case;
            }
            _ => {}
        }

        CaseStep::Other
    }
}

/// Returns the literal with which a text begins, if one stands there.
fn literal(said: &[&str], piece: &Lexeme) -> Option<LiteralCase> {
    let first = said[0];
    let is_number = |said: Option<&&str>| {
        said.is_some_and(|said| said.starts_with(|c: char| c.is_ascii_digit()))
    };
    let (of_type, word) = match piece.class {
        LexemeClass::Text if first.starts_with(['"', '#']) => (Comparable::Text, "string"),
        LexemeClass::Text if first.starts_with('\'') => (Comparable::Text, "char"),
        LexemeClass::Number if first.contains('.') => (Comparable::Number, "float"),
        LexemeClass::Number => (Comparable::Number, "int"),
        LexemeClass::Word if ["true", "false"].contains(&first) => (Comparable::Truth, "bool"),
        LexemeClass::Other if first == "-" && is_number(said.get(1)) => (Comparable::Number, "int"),
        _ => return None,
    };
    Some(LiteralCase { at: piece.start, end: piece.end, of_type, word })
}
