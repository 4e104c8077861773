//! The colours of a script: what each piece is, for editors that ask for more than a grammar tells.

use crate::script::editor::code::{KEYWORDS, ScriptCode};
use crate::script::editor::names::{NameKind, NameTable};
use crate::script::editor::operations::operations;
use crate::script::lexer::LexemeClass;
use crate::script::reference::completion::Word;
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaintKind {
    /// A keyword.
    Keyword,
    /// A function of the script.
    Function,
    /// A word of the script API, or of the language.
    Word,
    /// A method.
    Method,
    /// A variable.
    Variable,
    /// A constant.
    Constant,
    /// A parameter.
    Parameter,
    /// A property, or a key of a map.
    Property,
    /// An imported file.
    Import,
    /// The name of an operation.
    Operation,
    /// A number.
    Number,
    /// A text.
    Text,
    /// A comment.
    Comment,
}

/// A piece of text with its colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaintSpan {
    /// Where, in bytes. It lies in one line.
    pub at: Range<usize>,
    /// What it is.
    pub kind: PaintKind,
    /// Whether it is declared here.
    pub is_declaration: bool,
}

/// Colours a script.
pub fn spans(code: &ScriptCode<'_>, names: &NameTable, words: &[Word]) -> Vec<PaintSpan> {
    let known: HashSet<&str> = words.iter().map(|word| word.name.as_str()).collect();
    let planned: BTreeMap<usize, (PaintKind, bool)> = operations(code)
        .into_iter()
        .map(|one| (one.at.start, (PaintKind::Operation, one.is_declaration)))
        .collect();
    let mentions: BTreeMap<usize, usize> =
        names.mentions.iter().map(|one| (one.at.start, one.binding)).collect();

    let mut found: Vec<PaintSpan> = Vec::new();
    for comment in &code.comments {
        lines(code.text, comment, PaintKind::Comment, &mut found);
    }
    for at in 0..code.len() {
        let range = code.range(at);
        match code.class(at) {
            LexemeClass::Number => {
                found.push(PaintSpan { at: range, kind: PaintKind::Number, is_declaration: false });
            }
            LexemeClass::Text => {
                // The name of an operation is coloured between its quotes.
                match code.string(at).filter(|(_, inner)| planned.contains_key(&inner.start)) {
                    Some((_, inner)) => {
                        let (kind, is_declaration) = planned[&inner.start];
                        found.push(PaintSpan { at: inner, kind, is_declaration });
                    }
                    None => lines(code.text, &range, PaintKind::Text, &mut found),
                }
            }
            LexemeClass::Word => {
                let binding = mentions.get(&range.start).map(|one| &names.bindings[*one]);
                let is_declaration = binding.is_some_and(|one| one.at == range);
                let kind = match (planned.get(&range.start), binding.map(|one| one.kind)) {
                    (Some((kind, _)), _) => Some(*kind),
                    (None, Some(kind)) => Some(of_name(kind)),
                    (None, None) => word(code, at, &known),
                };
                found.extend(kind.map(|kind| PaintSpan { at: range, kind, is_declaration }));
            }
            LexemeClass::Comment | LexemeClass::Other => {}
        }
    }

    found.sort_by_key(|span| span.at.start);
    found
}

fn of_name(kind: NameKind) -> PaintKind {
    match kind {
        NameKind::Function => PaintKind::Function,
        NameKind::Parameter => PaintKind::Parameter,
        NameKind::Variable => PaintKind::Variable,
        NameKind::Constant => PaintKind::Constant,
        NameKind::Import => PaintKind::Import,
    }
}

/// Tells what a word is that is no name of the script.
fn word(code: &ScriptCode<'_>, at: usize, known: &HashSet<&str>) -> Option<PaintKind> {
    let said = code.said(at);
    let is_call = code.said(at + 1) == "(";
    if code.is_member(at) {
        return Some(if is_call { PaintKind::Method } else { PaintKind::Property });
    }
    if code.is_key(at) {
        return Some(PaintKind::Property);
    }
    if KEYWORDS.contains(&said) {
        return Some(PaintKind::Keyword);
    }
    known.contains(said).then_some(PaintKind::Word)
}

/// Colours a text of several lines line by line.
fn lines(text: &str, range: &Range<usize>, kind: PaintKind, found: &mut Vec<PaintSpan>) {
    let mut start = range.start;
    for line in text[range.clone()].split_inclusive('\n') {
        let end = start + line.trim_end_matches(['\n', '\r']).len();
        if end > start {
            found.push(PaintSpan { at: start..end, kind, is_declaration: false });
        }
        start += line.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_has_its_colour() {
        let text = "// a\nfn f(x) { x.len }\nlet b = branch(\"m\"); b.chat(`t\n${b}`);\n\
            g.add_operation(f, #{ name: \"n\" }); 1; nobody";
        let code = ScriptCode::of(text);
        let words = [Word {
            name: "branch".to_owned(),
            signature: "branch() -> branch".to_owned(),
            of: None,
            is_property: false,
        }];
        let shown: Vec<String> = spans(&code, &NameTable::of(&code), &words)
            .into_iter()
            .map(|span| {
                let mark = if span.is_declaration { "*" } else { "" };
                format!("{}{mark} {:?}", &text[span.at], span.kind)
            })
            .collect();

        let expected = [
            "// a Comment",
            "fn Keyword",
            "f* Function",
            "x* Parameter",
            "x Parameter",
            "len Property",
            "let Keyword",
            "b* Variable",
            "branch Word",
            "\"m\" Text",
            "b Variable",
            "chat Method",
            "` Text",
            "t Text",
            "$ Text",
            "b Variable",
            "` Text",
            "add_operation Method",
            "name Property",
            "n* Operation",
            "1 Number",
        ];
        assert_eq!(shown, expected);
    }
}
