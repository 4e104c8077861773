//! Variables in single braces in a text: `"Hello {name}"`, as Python and template languages write it.

use crate::script::check::checker::{Checker, File};
use crate::script::check::kinds::Kinds;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Expr, Position};
use std::collections::BTreeSet;

/// What stands in texts that are no templates: JSON, and formulas of TeX.
const OTHER_TEXTS: &[&str] = &["{\"", "{ \"", "\":", "\": ", "\\"];

impl Checker<'_> {
    /// Finds texts that name a variable in braces.
    pub(super) fn braces(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        if !file.text.contains('{') {
            return;
        }

        let mut found: Vec<(String, Position)> = Vec::new();
        let mut replaced: BTreeSet<String> = BTreeSet::new();
        let mut replaces_any = false;
        file.ast.walk(&mut |path: &[ASTNode]| {
            let Some(ASTNode::Expr(Expr::StringConstant(text, position))) = path.last() else {
                return true;
            };
            // A name that is put between braces is replaced, whichever it is.
            replaces_any |= matches!(text.as_str(), "{" | "{{");
            // A text that is nothing but a name in braces is put in its place by the script.
            if let Some(name) = alone(text) {
                replaced.insert(name.to_owned());
            } else if let Some(name) =
                in_braces(text).into_iter().find(|name| kinds.knows(name, kinds.function_of(path)))
            {
                let template = path.iter().rev().nth(1).and_then(|parent| match parent {
                    ASTNode::Expr(Expr::InterpolatedString(_, position)) => Some(*position),
                    _ => None,
                });
                let place = if position.is_none() { template } else { Some(*position) };
                found.extend(place.map(|place| (name.to_owned(), place)));
            }
            true
        });

        for (name, position) in found {
            if replaces_any || replaced.contains(&name) {
                continue;
            }
            let message = format!("`{{{name}}}` in a text is not replaced");
            let fault = Diagnostic::at(codes::ESCAPE, message, file.name, file.text, position);
            let help =
                format!("write `${{{name}}}`, in a text in backticks: `` `.. ${{{name}}}` ``");
            self.push_new(Diagnostic { help: Some(help), ..fault.warning() });
        }
    }
}

/// Returns the name of a text that is nothing but a name in braces.
fn alone(text: &str) -> Option<&str> {
    let inner = text.trim_start_matches('{').trim_end_matches('}').trim();
    let is_braced = text.starts_with('{') && text.ends_with('}');
    (is_braced && is_name(inner)).then_some(inner)
}

/// Returns the names that stand in braces in a text, without those behind a `$`.
fn in_braces(text: &str) -> Vec<&str> {
    if OTHER_TEXTS.iter().any(|sign| text.contains(sign)) {
        return Vec::new();
    }

    let pieces: Vec<&str> = text.split('{').collect();
    let mut names = Vec::new();
    for pair in pieces.windows(2) {
        let Some(end) = pair[1].find('}') else { continue };
        // A property and a format are parts of what Python replaces.
        let inner = &pair[1][..end];
        let name = inner.split(['.', ':', '[']).next().unwrap_or("").trim();
        let format = inner.split_once(':').map(|(_, format)| format);
        // Without one, it is the field of a map: `{name: "x"}`.
        let is_format = format.is_none_or(|format| format.starts_with(['.', ',', '<', '>', '^']));
        if is_name(name) && is_format && !pair[0].ends_with('$') {
            names.push(name);
        }
    }
    names
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}
