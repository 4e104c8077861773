//! Operations by their names: where a script names one, and where it refers to one by its name.

use crate::script::editor::code::ScriptCode;
use crate::script::editor::cursor::{TextRole, role_of};
use std::ops::Range;

/// A place where the name of an operation stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationMention {
    /// The name.
    pub name: String,
    /// Where it stands, without quotes.
    pub at: Range<usize>,
    /// Whether the operation gets its name here.
    pub is_declaration: bool,
    /// The whole call that plans it, if it gets its name here.
    pub whole: Range<usize>,
}

/// Finds the names of operations, first to last.
pub fn operations(code: &ScriptCode<'_>) -> Vec<OperationMention> {
    let mut found: Vec<OperationMention> = Vec::new();
    for at in 0..code.len() {
        let Some((name, range)) = code.string(at) else { continue };
        let is_declaration = match role_of(code, at) {
            TextRole::OperationName => true,
            TextRole::Operation => false,
            _ => continue,
        };
        let whole = if is_declaration { call_around(code, at) } else { None };
        let whole = whole.unwrap_or_else(|| range.clone());
        found.push(OperationMention { name: name.to_owned(), at: range, is_declaration, whole });
    }

    // What depends on an operation finds its result by its name: `inputs.name`.
    let known: Vec<String> =
        found.iter().filter(|one| one.is_declaration).map(|one| one.name.clone()).collect();
    for at in 0..code.len() {
        let is_input = code.is_member(at) && at > 1 && code.said(at - 2) == "inputs";
        if is_input && known.iter().any(|name| name == code.said(at)) {
            let range = code.range(at);
            let name = code.said(at).to_owned();
            let whole = range.clone();
            found.push(OperationMention { name, at: range, is_declaration: false, whole });
        }
    }

    found.sort_by_key(|one| one.at.start);
    found
}

/// Returns the bytes of the call in whose options a piece stands.
fn call_around(code: &ScriptCode<'_>, at: usize) -> Option<Range<usize>> {
    let mut open = code.around(at)?;
    while code.said(open) != "(" {
        open = code.around(open)?;
    }
    Some(code.range(open.checked_sub(1)?).start..code.end_of(open))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_found_by_their_names() {
        let text = "let a = g.add_operation(\"chat\", #{ name: \"a\" });\n\
            g.add_operation(|inputs| inputs.a, #{ name: \"b\", depends_on: [a, \"a\"] });\n\
            g.add_aggregation(\"chat\", #{ source_node_ids: \"b\", name: \"all\" });\n\
            report.result(\"all\"); other(#{ name: \"c\" }); print(\"a\");";
        let code = ScriptCode::of(text);
        let shown: Vec<(String, bool)> = operations(&code)
            .into_iter()
            .map(|one| (text[one.at].to_owned(), one.is_declaration))
            .collect();

        let expected = [
            ("a", true),
            ("a", false),
            ("b", true),
            ("a", false),
            ("b", false),
            ("all", true),
            ("all", false),
        ];
        let expected: Vec<(String, bool)> =
            expected.iter().map(|(name, is)| ((*name).to_owned(), *is)).collect();
        assert_eq!(shown, expected);
    }
}
