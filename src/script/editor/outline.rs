//! The outline of a script: its symbols, and what can be folded.

use crate::script::editor::code::ScriptCode;
use crate::script::editor::names::{NameKind, NameTable};
use crate::script::editor::operations::{OperationMention, operations};
use std::ops::Range;

/// What a symbol is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutlineKind {
    /// A function.
    Function,
    /// A variable outside of functions.
    Variable,
    /// A constant.
    Constant,
    /// An import.
    Import,
    /// An operation of a flow.
    Operation,
}

/// One symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlineEntry {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: OutlineKind,
    /// Parameters of a function, the path of an import.
    pub detail: String,
    /// Where the name stands.
    pub at: Range<usize>,
    /// The whole of it.
    pub whole: Range<usize>,
    /// The symbols in it.
    pub inner: Vec<OutlineEntry>,
}

/// Returns the symbols of a script: functions, what is declared outside of them, and operations.
pub fn outline(code: &ScriptCode<'_>, names: &NameTable) -> Vec<OutlineEntry> {
    let functions: Vec<Range<usize>> = names
        .bindings
        .iter()
        .filter(|binding| binding.kind == NameKind::Function)
        .map(|binding| binding.whole.clone())
        .collect();
    let is_outside = |at: usize| !functions.iter().any(|whole| whole.contains(&at));

    let mut found: Vec<OutlineEntry> = Vec::new();
    for binding in &names.bindings {
        let kind = match binding.kind {
            NameKind::Function => OutlineKind::Function,
            NameKind::Constant => OutlineKind::Constant,
            NameKind::Import => OutlineKind::Import,
            NameKind::Variable => OutlineKind::Variable,
            NameKind::Parameter => continue,
        };
        // What is declared in a block is of no interest outside of it.
        let is_top = code.around(binding.piece).is_none() && is_outside(binding.at.start);
        if kind == OutlineKind::Function || is_top {
            found.push(OutlineEntry {
                name: binding.name.clone(),
                kind,
                detail: binding.detail.clone(),
                at: binding.at.clone(),
                whole: binding.whole.clone(),
                inner: Vec::new(),
            });
        }
    }

    let declared = operations(code).into_iter().filter(|one| one.is_declaration);
    for operation in declared {
        place(&mut found, entry_of(operation));
    }
    found.sort_by_key(|entry| entry.whole.start);
    found
}

fn entry_of(operation: OperationMention) -> OutlineEntry {
    OutlineEntry {
        name: operation.name,
        kind: OutlineKind::Operation,
        detail: "operation".to_owned(),
        at: operation.at,
        whole: operation.whole,
        inner: Vec::new(),
    }
}

/// Puts an operation into what it stands in.
fn place(found: &mut Vec<OutlineEntry>, entry: OutlineEntry) {
    let holds = |one: &&mut OutlineEntry| {
        one.whole.start <= entry.whole.start && entry.whole.end <= one.whole.end
    };
    match found.iter_mut().find(holds) {
        Some(outer) => outer.inner.push(entry),
        None => found.push(entry),
    }
}

/// What is folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoldKind {
    /// ScriptCode in brackets.
    Region,
    /// A comment of several lines.
    Comment,
    /// Imports that follow one another.
    Imports,
}

/// Returns what can be folded, as lines from 0: the first, and the last that is hidden.
pub fn folds(code: &ScriptCode<'_>, names: &NameTable) -> Vec<(usize, usize, FoldKind)> {
    let lines = LineCount::of(code.text);
    let mut found = Vec::new();

    for open in 0..code.len() {
        let Some(close) = code.partner(open).filter(|close| *close > open) else { continue };
        let first = lines.at(code.range(open).start);
        let last = lines.at(code.range(close).start);
        // The line with the last bracket stays to be seen.
        if last > first + 1 {
            found.push((first, last - 1, FoldKind::Region));
        }
    }

    let comments = code.comments.iter().map(|at| (lines.at(at.start), lines.at(at.end)));
    found.extend(joined(comments).map(|(first, last)| (first, last, FoldKind::Comment)));
    let imports = names.bindings.iter().filter(|binding| binding.kind == NameKind::Import);
    let imports = imports.map(|one| (lines.at(one.whole.start), lines.at(one.whole.end)));
    found.extend(joined(imports).map(|(first, last)| (first, last, FoldKind::Imports)));

    found.sort_by_key(|(first, last, _)| (*first, *last));
    // Two brackets of one line fold the same.
    found.dedup_by_key(|(first, ..)| *first);
    found
}

/// Joins spans of lines that follow one another, and returns those of several lines.
fn joined(spans: impl Iterator<Item = (usize, usize)>) -> impl Iterator<Item = (usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (first, last) in spans {
        match found.last_mut() {
            Some((_, end)) if first <= *end + 1 => *end = last,
            _ => found.push((first, last)),
        }
    }
    found.into_iter().filter(|(first, last)| last > first)
}

/// Where the lines of a text begin.
#[derive(Debug)]
struct LineCount(Vec<usize>);

impl LineCount {
    fn of(text: &str) -> LineCount {
        LineCount(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    fn at(&self, byte: usize) -> usize {
        self.0.partition_point(|end| *end < byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    #[test]
    fn the_outline_has_functions_and_operations() {
        let text = "import \"a\" as a;\nconst N = 1;\nfn f(x,\n  y) {\n  let z = x;\n  \
            g.add_operation(\"chat\", #{ name: \"one\" });\n}\nlet g = builder();\n\
            g.add_operation(\"chat\", #{ name: \"two\" });\n";
        let code = ScriptCode::of(text);
        let mut shown = String::new();
        for one in outline(&code, &NameTable::of(&code)) {
            let _ = writeln!(shown, "{:?} {} ({})", one.kind, one.name, one.detail);
            for inner in one.inner {
                let _ =
                    writeln!(shown, "  {:?} {}: {}", inner.kind, inner.name, &text[inner.whole]);
            }
        }
        expect_test::expect![[r#"
            Import a (a)
            Constant N ()
            Function f (x, y)
              Operation one: add_operation("chat", #{ name: "one" })
            Variable g ()
            Operation two (operation)
        "#]]
        .assert_eq(&shown);
    }

    #[test]
    fn brackets_comments_and_imports_fold() {
        let text = "// a\n// b\nimport \"a\" as a;\nimport \"b\" as b;\nfn f() {\n  g(#{\n    a: 1,\n  });\n}\n[1,\n2]";
        let code = ScriptCode::of(text);
        let found = folds(&code, &NameTable::of(&code));
        let expected = [
            (0, 1, FoldKind::Comment),
            (2, 3, FoldKind::Imports),
            (4, 7, FoldKind::Region),
            (5, 6, FoldKind::Region),
        ];
        assert_eq!(found, expected);
    }
}
