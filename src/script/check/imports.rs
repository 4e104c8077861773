//! Imported files: that they exist, lie in the project, are sound, and what they define.

use crate::script::check::{Check, File, scope};
use crate::script::codes;
use crate::script::diagnostic::Diagnostic;
use crate::script::{error, files, modules, source};
use rhai::{AST, ASTNode, Expr, FnAccess, Position, Stmt};
use std::collections::HashMap;

/// What imports define: by their names in the script, each function with its number of arguments.
pub(super) type Modules = HashMap<String, Vec<(String, usize)>>;

impl Check<'_> {
    /// Checks what a file imports by a literal name.
    pub(super) fn imports(&mut self, file: &File<'_>) -> Modules {
        let mut found: Vec<(String, String, Position)> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Stmt(Stmt::Import(import, _))) = path.last()
                && let Expr::StringConstant(named, position) = &import.0
            {
                found.push((named.to_string(), import.1.name.to_string(), *position));
            }
            true
        });
        let mut modules = Modules::new();
        for (named, alias, position) in found {
            if let Some(ast) = self.import(file, &named, position) {
                let functions = ast
                    .iter_functions()
                    .filter(|function| function.access == FnAccess::Public)
                    .map(|function| (function.name.to_owned(), function.params.len()));
                modules.insert(alias, functions.collect());
            }
        }
        modules
    }

    fn import(&mut self, file: &File<'_>, named: &str, position: Position) -> Option<AST> {
        let path = match modules::locate(self.host, file.folder, named) {
            Ok(path) => path,
            Err(raised) => {
                let failure = error::failure(&raised, file.name);
                let message = failure.message;
                let fault = Diagnostic::at(codes::IMPORT, message, file.name, file.text, position);
                self.push(fault);
                return None;
            }
        };
        let text = match files::read(&path) {
            Ok(text) => text,
            Err(error) => {
                let message = format!("importing `{named}`: {error}");
                self.push(Diagnostic::at(codes::IMPORT, message, file.name, file.text, position));
                return None;
            }
        };
        self.host.depends_on(&path, Some(text.as_bytes()));
        let text = source::plain(&text);
        if let Some(from) = self.open.iter().position(|open| *open == path) {
            let chain = self.open[from..].iter().chain([&path]);
            let chain: Vec<String> =
                chain.map(|path| format!("`{}`", modules::shown(path))).collect();
            let message = format!("imports go in a circle: {}", chain.join(" -> "));
            self.push(Diagnostic::at(codes::IMPORT, message, file.name, file.text, position));
            return None;
        }
        if !self.seen.insert(path.clone()) {
            return self.engine.compile_with_scope(&scope(), &*text).ok();
        }
        let shown = modules::shown(&path);
        self.open.push(path);
        let ast = self.file(&shown, &text, scope());
        self.open.pop();
        ast
    }
}
