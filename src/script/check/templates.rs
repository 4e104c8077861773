//! Escapes in texts in backticks, which mean nothing there, and `${name}` in double quotes, which is not
//! replaced there.

use crate::script::check::checker::{Checker, File};
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::lexer::templates;
use rhai::{AST, ASTNode, Expr, Position, Stmt};
use std::collections::BTreeSet;

/// What follows the backslash of an escape that people mean.
const ESCAPES: &[char] = &['n', 't', 'r', '"', '`', '\\'];

impl Checker<'_> {
    /// Finds escapes in texts in backticks; one for each text is enough.
    pub(super) fn templates(&mut self, file: &File<'_>) {
        for (at, escape) in escapes(file.text) {
            let before = &file.text[..at];
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
            let (Ok(line), Ok(column)) = (u16::try_from(line), u16::try_from(column)) else {
                continue;
            };

            let message =
                format!("`\\{escape}` in backticks is a backslash and a {}", word(escape));
            let position = Position::new(line, column);
            let fault = Diagnostic::at(codes::ESCAPE, message, file.name, file.text, position);

            let help = match escape {
                'n' => "write a real line break, or use double quotes: \"..\\n..\"".to_owned(),
                _ => format!(
                    "write it without the backslash, or use double quotes: \"..\\{escape}..\""
                ),
            };

            self.push(Diagnostic { help: Some(help), ..fault.warning() });
        }
    }

    /// Finds texts in double quotes that name a variable of the file as only backticks can.
    pub(super) fn plain_texts(&mut self, file: &File<'_>) {
        if !file.text.contains("${") {
            return;
        }

        let variables = variables(file.ast);
        let mut found: Vec<(String, Position)> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Expr(Expr::StringConstant(text, position))) = path.last()
                && let Some(name) = placeholder(text, &variables)
                && letter(file.text, *position) == Some('"')
            {
                found.push((name.to_owned(), *position));
            }
            true
        });

        for (name, position) in found {
            let message = format!("`${{{name}}}` in double quotes is not replaced");
            let help = "write the text in backticks: `` `.. ${..}` ``".to_owned();
            let fault = Diagnostic::at(codes::ESCAPE, message, file.name, file.text, position);
            self.push(Diagnostic { help: Some(help), ..fault.warning() });
        }
    }
}

/// Returns the letter at a place.
fn letter(text: &str, position: Position) -> Option<char> {
    let line = text.lines().nth(position.line()?.checked_sub(1)?)?;
    line.chars().nth(position.position()?.checked_sub(1)?)
}

/// Returns the first variable that a text names as `${name}`, or whose property it names so.
fn placeholder<'t>(text: &'t str, variables: &BTreeSet<String>) -> Option<&'t str> {
    text.split("${").skip(1).find_map(|rest| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
        let name = &rest[..end];
        (rest[end..].starts_with(['}', '.', '[']) && variables.contains(name)).then_some(name)
    })
}

/// Returns the names of all variables and parameters of a file.
fn variables(ast: &AST) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = BTreeSet::new();
    ast.walk(&mut |path: &[ASTNode]| {
        match path.last() {
            Some(ASTNode::Stmt(Stmt::Var(variable, ..))) => {
                names.insert(variable.0.name.to_string());
            }
            Some(ASTNode::Expr(Expr::Variable(variable, ..))) => {
                names.insert(variable.1.to_string());
            }
            _ => {}
        }
        true
    });

    let params = ast.iter_functions().flat_map(|function| function.params);
    names.extend(params.into_iter().map(str::to_owned));
    names
}

fn word(escape: char) -> String {
    match escape {
        '"' => "quote".to_owned(),
        '`' => "backtick".to_owned(),
        '\\' => "second one".to_owned(),
        letter => format!("`{letter}`"),
    }
}

/// Finds the first escape of each piece of text in backticks, with its place in bytes.
fn escapes(text: &str) -> Vec<(usize, char)> {
    let mut found = Vec::new();

    for template in templates(text) {
        let mut letters = text[template.clone()].char_indices();
        while let Some((at, letter)) = letters.next() {
            if letter == '\\'
                && let Some((_, next)) = letters.next()
                && ESCAPES.contains(&next)
            {
                found.push((template.start + at, next));
                break;
            }
        }
    }

    found
}
