//! Words and forms of other languages, Python and JavaScript first: what to write instead of each.

mod arguments;
mod blocks;
mod brackets;
mod colons;
mod comparison;
mod division;
mod keys;
mod members;
mod modules;
mod quotes;
mod rust;
mod shapes;
mod signs;
mod statements;
mod surroundings;
mod tables;
mod words;

pub(in crate::script) use division::divisions;
pub(in crate::script) use keys::{follows_docstring, is_key};
pub(in crate::script) use modules::instead_of_import;

use crate::script::diagnostic::fix::{QuickFix, Suggestion};
use crate::script::lexer::{Lexeme, LexemeClass, scan};
use members::MEMBERS;
use statements::{HEADS, KEYWORDS, RESERVED, STATEMENTS};
use std::ops::Range;
use tables::{CALLS, CONVERSIONS, METHODS, OPTIONS, RESERVED_METHODS, TYPES, VALUES};
use words::{NAMES, PASSED, SAME, WORDS};

/// A form of another language, which no script of ours can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::script) struct ForeignForm {
    /// The line, from 1.
    pub(in crate::script) line: usize,
    /// The column of its first character, from 1.
    pub(in crate::script) column: usize,
    /// How many characters it has, in its first line.
    pub(in crate::script) width: usize,
    /// What stands there, in its first line.
    pub(in crate::script) said: String,
    /// What is wrong.
    pub(in crate::script) message: String,
    /// What to write instead.
    pub(in crate::script) help: &'static str,
}

impl ForeignForm {
    /// Tells whether a place lies within it.
    pub(in crate::script) fn covers(&self, line: usize, column: usize) -> bool {
        line == self.line && (self.column..self.column + self.width).contains(&column)
    }
}

/// Says what to write instead of a word of another language.
pub(in crate::script) fn instead_of(word: &str) -> Option<&'static str> {
    let mut all = WORDS.iter().chain(RESERVED);
    let known = all.find(|(known, _)| *known == word).map(|(_, help)| *help);
    known.or_else(|| is_exception(word).then(|| instead_of("Exception")).flatten())
}

/// Tells whether a word is named as other languages name failures: `ValueError`.
fn is_exception(word: &str) -> bool {
    let is_name = word.starts_with(|c: char| c.is_ascii_uppercase());
    let name = word.strip_suffix("Error").or_else(|| word.strip_suffix("Exception"));
    is_name && name.is_some_and(|name| !name.is_empty())
}

/// Most forms of one text that are told, and among which they are looked for.
const TOLD_MAX: usize = 50;
const FOUND_MAX: usize = 4 * TOLD_MAX;
/// How many pieces are looked at before or behind a piece, for what belongs to it.
const LOOK_MAX: usize = 300;

/// Most parts of a path such as `os.path.join`.
const PARTS_MAX: usize = 3;

/// Says what to write instead of an unknown variable whose name stands for a value, a module or an object in
/// another language. `rest` is what follows the name. Gives the words that are meant, and the help.
pub(in crate::script) fn instead_of_variable(
    name: &str,
    rest: &str,
) -> Option<(String, &'static str)> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let path = format!("{name}{}", &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())]);
    let parts: Vec<&str> = path.split('.').take(PARTS_MAX).collect();

    // The longest path that is known says most.
    for count in (2..=parts.len()).rev() {
        let whole = parts[..count].join(".");
        if let Some((_, help)) = MEMBERS.iter().find(|(known, _)| *known == whole) {
            return Some((whole, help));
        }
    }

    let is_passed = rest.trim_start().starts_with([')', ',']) && PASSED.contains(&name);
    let is_value = NAMES.contains(&name) || is_exception(name) || is_passed;
    let help = instead_of(name).filter(|_| is_value)?;
    Some((name.to_owned(), help))
}

/// Says what to write instead of a conversion that texts do not have.
pub(in crate::script) fn instead_of_conversion(name: &str) -> Option<&'static str> {
    CONVERSIONS.iter().find(|(known, _)| *known == name).map(|(_, help)| *help)
}

/// Says what a word of another language is called here, or what to write instead of it.
pub fn explained(word: &str) -> Option<ForeignWord> {
    let plain = word.replace('-', "_");
    let word = plain.as_str();
    let statement = STATEMENTS.iter().find(|(known, ..)| *known == word);
    let (said, help) = if let Some((_, said, help)) = statement {
        ((*said).to_owned(), *help)
    } else {
        let member = MEMBERS.iter().find(|(known, _)| *known == word).map(|(_, help)| *help);
        let method = || METHODS.iter().find(|(_, known, _)| *known == word).map(|(.., help)| *help);
        (message(word), member.or_else(|| instead_of(word)).or_else(method)?)
    };
    let same = SAME.iter().find(|(known, _)| *known == word).map(|(_, own)| *own);
    Some(ForeignWord { message: said, help, same })
}

/// Says what to write instead of a method of a value of a known type.
pub(in crate::script) fn instead_of_method(kind: &str, name: &str) -> Option<&'static str> {
    METHODS.iter().find(|(of, known, _)| *of == kind && *known == name).map(|(.., help)| *help)
}

/// Says what to write instead of a method whose name is a reserved word.
pub(in crate::script) fn instead_of_reserved_method(name: &str) -> Option<&'static str> {
    RESERVED_METHODS.iter().find(|(known, _)| *known == name).map(|(_, help)| *help)
}

/// Says what to write instead of a call with a number of arguments that only other languages take.
pub(in crate::script) fn instead_of_call(
    name: &str,
    is_method: bool,
    given: usize,
) -> Option<&'static str> {
    CALLS
        .iter()
        .find(|(known, of_method, count, _)| {
            *known == name && *of_method == is_method && *count == given
        })
        .map(|(.., help)| *help)
}

/// Suggests what to write instead of a word of another language; one that has its like here can be
/// replaced as it stands.
pub(in crate::script) fn suggestion(word: &str, help: &str) -> Suggestion {
    let same = SAME.iter().filter(|(known, _)| *known == word);
    let fixes = same.map(|(_, own)| QuickFix::Instead((*own).to_owned())).collect();
    Suggestion { help: help.to_owned(), fixes }
}

/// Returns the option that stands in the place of one of another library.
pub(in crate::script) fn option(word: &str) -> Option<&'static str> {
    OPTIONS.iter().find(|(known, _)| *known == word).map(|(_, own)| *own)
}

/// Says that a word is from another language.
pub(in crate::script) fn message(word: &str) -> String {
    format!("`{word}` is from another language")
}

/// A word of another language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignWord {
    /// Says that it is one.
    pub message: String,
    /// What to write instead.
    pub help: &'static str,
    /// The word that stands for it here, if there is one.
    pub same: Option<&'static str>,
}

/// A piece of a script's text without spaces and comments.
struct ForeignPiece<'a> {
    said: &'a str,
    class: LexemeClass,
    start: usize,
    line: usize,
    /// The piece that opened the bracket around it.
    opened_by: Option<usize>,
    /// For a bracket, the one that closes or opens it.
    partner: Option<usize>,
    /// Whether a comma stands right within the bracket that it opens.
    has_comma: bool,
}

/// The pieces of a script.
struct ForeignText<'a> {
    text: &'a str,
    all: Vec<ForeignPiece<'a>>,
    /// Where each `"""` begins, in order.
    triples: Vec<usize>,
}

/// What a form is among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ForeignRole {
    /// It begins a block that has a colon in the place of its braces; what it decides by follows.
    Head,
    /// It continues with such a block.
    Continuation,
    /// It stands for itself.
    Whole,
}

/// What a rule has found: the first and the last piece, what is wrong, and what to write.
type ForeignSpan = (usize, usize, String, &'static str);

/// Forms that parse and are something else than in other languages.
pub(in crate::script) struct MisreadForms {
    /// Those that are surely mistakes.
    pub(in crate::script) certain: Vec<ForeignForm>,
    pub(in crate::script) likely: Vec<ForeignForm>,
}

/// Finds forms that parse and are something else: comparisons in a row, texts in three quotes, empty braces.
pub(in crate::script) fn misread<'a>(text: &'a str) -> MisreadForms {
    let pieces = ForeignText::of(text);
    let found_by = |rules: &[ForeignRule<'a>]| {
        let at_each = |rule: &ForeignRule<'a>| {
            let found = (0..pieces.all.len()).filter_map(|at| rule(&pieces, at));
            found.take(FOUND_MAX).map(|found| pieces.placed(found)).collect::<Vec<_>>()
        };
        rules.iter().flat_map(at_each).collect()
    };

    MisreadForms {
        certain: found_by(&[ForeignText::chain, ForeignText::method]),
        likely: found_by(&[ForeignText::triple, ForeignText::empty, ForeignText::reduction]),
    }
}

/// Looks for one form at a piece of a text.
type ForeignRule<'a> = fn(&ForeignText<'a>, usize) -> Option<ForeignSpan>;

/// Finds the forms of other languages in a text that does not parse, first to last.
pub(in crate::script) fn forms(text: &str) -> Vec<ForeignForm> {
    let pieces = ForeignText::of(text);
    let rules = [
        ForeignText::quotes,
        ForeignText::module,
        ForeignText::block,
        ForeignText::statement,
        ForeignText::operator,
        ForeignText::named,
        ForeignText::unpacked,
        ForeignText::bracketed,
        ForeignText::with_colon,
        ForeignText::shape,
        ForeignText::mark,
    ];

    let each = (0..pieces.all.len()).filter_map(|at| {
        let found = rules.iter().find_map(|rule| rule(&pieces, at))?;
        let role = pieces.role(&found);
        Some((role, pieces.placed(found)))
    });
    let each = each.take(FOUND_MAX);
    let of_division = divisions(text).into_iter().map(|found| (ForeignRole::Whole, found.form));
    let mut found: Vec<(ForeignRole, ForeignForm)> = each.chain(of_division).collect();
    found.sort_by_key(|(_, form)| (form.line, form.column));

    // What stands within a form, or continues with a block of the other language, is no fault of its own.
    let mut told: Vec<ForeignForm> = Vec::new();
    let mut closed: Vec<ForeignForm> = Vec::new();
    let mut has_head = false;
    for (role, form) in found {
        let is_within = closed.iter().any(|known| known.covers(form.line, form.column));
        if is_within || role == ForeignRole::Continuation && has_head {
            continue;
        }
        match role {
            ForeignRole::Head => has_head = true,
            ForeignRole::Continuation | ForeignRole::Whole => closed.push(form.clone()),
        }
        told.push(form);
        if told.len() == TOLD_MAX {
            break;
        }
    }
    told
}

impl<'a> ForeignText<'a> {
    fn of(text: &'a str) -> ForeignText<'a> {
        let is_piece = |lexeme: &&Lexeme| {
            lexeme.class != LexemeClass::Comment
                && !text[lexeme.start..lexeme.end].trim().is_empty()
        };

        let mut all: Vec<ForeignPiece<'a>> = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        let mut line = 1;
        let mut counted = 0;

        for lexeme in scan(text).0.iter().filter(is_piece) {
            line += text[counted..lexeme.start].matches('\n').count();
            counted = lexeme.start;

            let said = &text[lexeme.start..lexeme.end];
            let mut partner = None;
            if matches!(said, ")" | "]" | "}") {
                partner = open.pop();
            }
            if let Some(partner) = partner {
                all[partner].partner = Some(all.len());
            }

            let opened_by = open.last().copied();
            if let Some(around) = opened_by.filter(|_| said == ",") {
                all[around].has_comma = true;
            }
            all.push(ForeignPiece {
                said,
                class: lexeme.class,
                start: lexeme.start,
                line,
                opened_by,
                partner,
                has_comma: false,
            });
            if matches!(said, "(" | "[" | "{") {
                open.push(all.len() - 1);
            }
        }

        let triples = text.match_indices("\"\"\"").map(|(at, _)| at).collect();
        ForeignText { text, all, triples }
    }

    fn role(&self, (first, last, ..): &ForeignSpan) -> ForeignRole {
        match self.said(*first) {
            "else" | "except" | "finally" | "rescue" => ForeignRole::Continuation,
            word if HEADS.contains(&word) && self.said(*last) == ":" => ForeignRole::Head,
            _ => ForeignRole::Whole,
        }
    }

    fn said(&self, at: usize) -> &'a str {
        self.all.get(at).map_or("", |piece| piece.said)
    }

    /// Returns the places of the next pieces behind one.
    fn next(&self, at: usize) -> Range<usize> {
        at + 1..self.all.len().min(at + 1 + LOOK_MAX)
    }

    /// Returns the places of the pieces before one, the nearest first.
    fn preceding(at: usize) -> impl Iterator<Item = usize> {
        (at.saturating_sub(LOOK_MAX)..at).rev()
    }

    fn before(&self, at: usize) -> &'a str {
        at.checked_sub(1).map_or("", |before| self.said(before))
    }

    fn is_word(&self, at: usize) -> bool {
        self.all.get(at).is_some_and(|piece| piece.class == LexemeClass::Word)
    }

    /// Tells whether two pieces that follow one another stand in one line.
    fn is_beside(&self, one: usize, other: usize) -> bool {
        let line = |at: usize| self.all.get(at).map(|piece| piece.line);
        line(one).is_some() && line(one) == line(other)
    }

    /// Tells whether no space lies between a piece and the next.
    fn is_joined(&self, at: usize) -> bool {
        let next = self.all.get(at + 1);
        let end = self.all.get(at).map(|piece| piece.start + piece.said.len());
        next.is_some_and(|next| Some(next.start) == end)
    }

    /// Tells whether a value ends right before a piece, in its line.
    fn follows_value(&self, at: usize) -> bool {
        let Some(before) = at.checked_sub(1) else { return false };
        self.is_beside(before, at)
            && match self.all[before].class {
                LexemeClass::Word => !KEYWORDS.contains(&self.said(before)),
                LexemeClass::Number | LexemeClass::Text => true,
                LexemeClass::Comment => false,
                LexemeClass::Other => matches!(self.said(before), ")" | "]"),
            }
    }

    /// Tells whether a value begins right after a piece, in its line.
    fn precedes_value(&self, at: usize) -> bool {
        self.is_beside(at, at + 1)
            && match self.all[at + 1].class {
                LexemeClass::Word | LexemeClass::Number | LexemeClass::Text => true,
                LexemeClass::Comment => false,
                LexemeClass::Other => matches!(self.said(at + 1), "(" | "[" | "#" | "!"),
            }
    }

    fn bracket(&self, at: usize) -> &'a str {
        self.all[at].opened_by.map_or("", |open| self.said(open))
    }

    fn placed(&self, (first, last, message, help): ForeignSpan) -> ForeignForm {
        let start = self.all[first].start;
        let end = self.all[last].start + self.all[last].said.len();
        let head = self.text[..start].rfind('\n').map_or(0, |at| at + 1);

        let meant = self.text[start..end].lines().next().unwrap_or("");
        ForeignForm {
            line: self.all[first].line,
            column: self.text[head..start].chars().count() + 1,
            width: meant.chars().count().max(1),
            said: meant.to_owned(),
            message,
            help,
        }
    }

    /// Statements that begin with a word which ours do not have.
    fn statement(&self, at: usize) -> Option<ForeignSpan> {
        let word = self.said(at);
        let is_name = matches!(self.before(at), "." | "fn" | "for" | "let" | "const");
        if !self.is_word(at) || is_name || self.is_key(at) {
            return None;
        }

        let begins = !self.follows_value(at);
        if word == "new" && begins && self.is_word(at + 1) && self.is_beside(at, at + 1) {
            let help = match self.said(at + 1) {
                "Array" | "Set" => "write `[]`",
                "Date" => "write `now()` for the milliseconds since 1970",
                "Map" | "Object" => "write `#{}`",
                made if made.ends_with("Error") => "write `throw \"message\"`",
                _ => "call the function alone: `branch()`",
            };
            return Some((at, at + 1, message("new"), help));
        }
        if let Some((_, message, help)) = STATEMENTS.iter().find(|(known, ..)| *known == word)
            && begins
            && self.begins_statement(at)
        {
            return Some((at, at, (*message).to_owned(), *help));
        }

        if VALUES.contains(&word) && self.said(at + 1) != ":" {
            let help = instead_of(word)?;
            return Some((at, at, message(word), help));
        }

        // `if x:` has its colon at the end of the line.
        if !HEADS.contains(&word) || !begins {
            return None;
        }

        let here = self.all[at].opened_by;
        // A block in braces ends the head, and so does the end of a statement.
        let ends = |next: usize| match self.said(next) {
            ";" => true,
            "{" => self.before(next) != "#" && self.all[next].opened_by == here,
            _ => false,
        };
        let beside = self.next(at).take_while(|&next| self.is_beside(at, next) && !ends(next));
        let mut colons = beside
            .filter(|&next| self.said(next) == ":" && self.all[next].opened_by == here)
            .filter(|&next| self.said(next + 1) != ":" && self.before(next) != ":");
        let colon =
            colons.next().filter(|&colon| colon > at + 1 || matches!(word, "else" | "try"))?;

        let help = match word {
            "try" => "write a block in braces: `try { .. } catch (e) { .. }`",
            "if" if self.said(at + 1) == "__name__" => "write `if is_main { .. }`",
            _ => "write a block in braces: `if x { .. } else { .. }`, `for x in list { .. }`",
        };
        Some((at, colon, format!("`{word} ..:` is from another language"), help))
    }

    /// Tells whether what follows a word makes a statement of another language of it, and no call.
    fn begins_statement(&self, at: usize) -> bool {
        if !self.is_beside(at, at + 1) {
            return false;
        }
        match self.said(at + 1) {
            ":" => true,
            "(" => matches!(
                self.said(at),
                "elif" | "elseif" | "elsif" | "except" | "foreach" | "unless"
            ),
            "{" => matches!(self.said(at), "except" | "finally" | "rescue"),
            "." => self.said(at) == "from",
            _ => match self.all[at + 1].class {
                LexemeClass::Word | LexemeClass::Text => true,
                LexemeClass::Number => {
                    matches!(self.said(at), "assert" | "case" | "raise" | "yield")
                }
                LexemeClass::Comment | LexemeClass::Other => false,
            },
        }
    }

    /// Words that stand between or before values.
    fn operator(&self, at: usize) -> Option<ForeignSpan> {
        let word = self.said(at);
        if !self.is_word(at) {
            return None;
        }

        let between = self.follows_value(at) && self.precedes_value(at);
        match word {
            "or" if between && self.gives_default(at) => {
                let help =
                    "write `a ?? b` for a default where `a` is `()`, and `a || b` in a condition";
                Some((at, at, message(word), help))
            }
            "and" | "or" if between => Some((at, at, message(word), instead_of(word)?)),
            "not" if between && self.said(at + 1) == "in" => {
                Some((at, at + 1, message("not in"), "write `!(item in list)`"))
            }
            "is" if between => {
                let is_negated = self.said(at + 1) == "not";
                let other = at + 1 + usize::from(is_negated);
                let help = match (self.said(other), is_negated) {
                    ("None", false) => "write `x == ()`",
                    ("None", true) => "write `x != ()`",
                    (_, false) => "write `a == b`",
                    (_, true) => "write `a != b`",
                };
                let last = if self.said(other) == "None" { other } else { other - 1 };
                Some((at, last, message(if is_negated { "is not" } else { "is" }), help))
            }
            "instanceof" if between => {
                Some((at, at, message(word), "write `type_of(x) == \"string\"`"))
            }
            "as" if between && TYPES.contains(&self.said(at + 1)) && !self.names_import(at) => {
                let help = "write `x.to_float()`, `x.to_int()` or `x.to_string()`";
                Some((at, at + 1, message("as"), help))
            }
            "not" if self.precedes_value(at) && self.before(at) != "is" => {
                Some((at, at, message(word), instead_of(word)?))
            }
            "if" if self.follows_value(at) && !self.is_comprehension(at) && !self.guards(at) => {
                let message = "a condition after its value is from another language".to_owned();
                Some((at, at, message, "write `if condition { a } else { b }`, which is a value"))
            }
            "for" if self.follows_value(at) && matches!(self.bracket(at), "(" | "[" | "{") => {
                let open = self.all[at].opened_by?;
                let message = "a list comprehension is from another language".to_owned();
                let help = "write `list.map(|x| ..)`, or `list.filter(|x| ..).map(|x| ..)`";
                Some((open, at, message, help))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_other_languages_are_found_at_their_places() {
        let text = "import os\nfrom json import loads\ndef f(x):\n    return x if x else None\n\
                    let a = f'{x}' + 'abc';\nlet b = [x * 2 for x in xs];\nlet c = run(a, key=1);\n\
                    if not a and b is c:\n# note\ni++;\nlet d = { \"a\": 1 };\nlet e = xs[1:2];\n\
                    let g = a ? b : c;\nlet h = lambda x: x;\nelif (a) {\nxs.map((x) => x);\n";
        let found: Vec<String> = forms(text)
            .iter()
            .map(|f| format!("{}:{}+{} {}", f.line, f.column, f.width, f.message))
            .collect();
        expect_test::expect![[r#"
            1:1+9 `import os` names a module from another language
            2:1+4 `from .. import` is from another language
            3:1+3 `def` is from another language
            4:14+2 a condition after its value is from another language
            4:24+4 `None` is from another language
            5:9+6 `f` before a text has no meaning in kaizen
            5:18+5 single quotes hold one character
            6:9+10 a list comprehension is from another language
            7:16+4 `key=` names an argument
            8:1+20 `if ..:` is from another language
            8:4+3 `not` is from another language
            8:10+3 `and` is from another language
            8:16+2 `is` is from another language
            9:1+1 `#` begins no comment
            10:2+2 `++` is from another language
            11:9+1 a map begins with `#{`
            12:13+1 `[a:b]` is a slice from another language
            13:11+1 `? :` is from another language
            14:9+6 `lambda` is from another language
            15:1+4 `elif` is from another language
            16:8+6 `=>` makes no function"#]]
        .assert_eq(&found.join("\n"));
    }

    #[test]
    fn the_forms_of_scripts_are_not_taken_for_foreign_ones() {
        let text = "import \"lib/os\" as os;\nlet m = #{ a: 1, not_a: 'x', b: '\\n' };\n\
                    let f = |x| if x > 1 { x } else { 0 };\nfor (x, i) in xs { f.call(x); }\n\
                    let t = `it's ${m.a} and 'all' or f\"x\"`;\nif a == b && !c { throw \"no\"; }\n\
                    switch a { 1 => f(a), _ => { } }\nlet y = m?.a ?? 1;\nlet z = xs[1..3];\n\
                    lib::f(a == b, x);\nlet from = 1; from += 1; // def x and y\nlet v = -x - -1;\n";
        assert_eq!(forms(text), []);

        // Bars that open a closure, and commas that end an arm or a closure.
        let text = "let f = || n = 1;\nlet m = #{ f: |a, b, c| a, g: || return 1, h: 2 };\n\
                    fn pick() { return |a, b| a + b; }\nlet s = switch x { 1 => return 5, _ => 3 };\n";
        assert_eq!(forms(text), []);
    }
}
