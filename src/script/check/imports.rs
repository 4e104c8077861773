//! Imported files: that they exist, lie in the project, are sound, and what they define.

use crate::script::check::call::call;
use crate::script::check::checker::{Checker, FAULTS_MAX, File};
use crate::script::diagnostic::fix::Suggestion;
use crate::script::diagnostic::suggestion::suggest;
use crate::script::diagnostic::{Diagnostic, codes, foreign};
use crate::script::host::constants::constants;
use crate::script::host::{error, files, modules, source};
use rhai::{AST, ASTFlags, ASTNode, Expr, FnAccess, Position, Stmt};
use std::collections::HashMap;
use std::path::Path;

/// What imports define, by their names in the script.
pub(super) type Modules = HashMap<String, Offer>;

/// What a file offers to others.
#[derive(Debug)]
pub(super) struct Offer {
    /// Its functions, each with its number of arguments.
    pub(super) functions: Vec<(String, usize)>,
    /// What it exports.
    values: Vec<String>,
}

impl Offer {
    fn of(ast: &AST) -> Offer {
        let functions = ast.iter_functions().filter(|function| function.access == FnAccess::Public);
        let functions = functions.map(|one| (one.name.to_owned(), one.params.len())).collect();

        let mut values = Vec::new();
        for statement in ast.statements() {
            match statement {
                Stmt::Var(variable, flags, _) if flags.contains(ASTFlags::EXPORTED) => {
                    values.push(variable.0.name.to_string());
                }
                Stmt::Export(names, _) => {
                    let alias = if names.1.name.is_empty() { &names.0 } else { &names.1 };
                    values.push(alias.name.to_string());
                }
                _ => {}
            }
        }

        Offer { functions, values }
    }

    /// Says what is wrong with a value of this name, if anything is.
    pub(super) fn missing(&self, module: &str, name: &str) -> Option<(String, Option<Suggestion>)> {
        if self.values.iter().any(|value| value == name) {
            return None;
        }

        let path = format!("{module}::{name}");
        if let Some((_, count)) = self.functions.iter().find(|(known, _)| known == name) {
            let names: Vec<&str> =
                ["a", "b", "c", "d", "e", "f"].into_iter().take(*count).collect();
            let names = names.join(", ");
            let message =
                format!("`{path}` is a function and cannot be used as a value outside of its file");
            let help = format!("write a closure: `|{names}| {path}({names})`");
            return Some((message, Some(help.into())));
        }

        let help = suggest(name, self.values.iter().map(String::as_str));
        Some((format!("`{module}` exports no `{name}`"), help))
    }
}

/// Words that ask models, run programs or print: what an import should not do by the way.
pub(super) const DOING: &[&str] = &[
    "best_of",
    "cascade",
    "chat",
    "command",
    "communicate",
    "compare",
    "debate",
    "evolve",
    "few_shot",
    "flow",
    "gather",
    "http_get",
    "parallel",
    "print",
    "race",
    "record_execution",
    "record_executions",
    "refine",
    "run",
    "sleep",
    "task",
    "vote",
    "write_text",
];

/// Tells whether a statement does more than define something.
fn does_something(statement: &Stmt) -> bool {
    match statement {
        Stmt::Noop(_) | Stmt::Import(..) | Stmt::Export(..) => false,
        Stmt::Var(variable, ..) => asks(&variable.1),
        Stmt::If(flow, _) => !mentions(&flow.expr, "is_main"),
        _ => true,
    }
}

/// Tells whether an expression calls a word that does something.
fn asks(expr: &Expr) -> bool {
    let mut found = false;
    expr.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
        if let Some(ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _))) = path.last()
        {
            found |= DOING.contains(&call.name.as_str());
        }
        !found
    });
    found
}

fn mentions(expr: &Expr, wanted: &str) -> bool {
    let mut found = false;
    expr.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
        if let Some(ASTNode::Expr(Expr::Variable(name, ..))) = path.last() {
            found |= name.1 == wanted;
        }
        !found
    });
    found
}

impl Checker<'_> {
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
            if self.faults.len() >= FAULTS_MAX {
                break;
            }
            if let Some(ast) = self.import(file, &named, position) {
                self.runs(file, &named, position, &ast);
                modules.insert(alias, Offer::of(&ast));
            }
        }

        modules
    }

    /// Finds calls of functions whose import has no name.
    pub(super) fn unnamed_imports(&mut self, file: &File<'_>, modules: &Modules) {
        let Some(unnamed) = modules.get("") else { return };

        let mut found = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            let call = call(path).filter(|call| !call.expr.is_qualified());
            found.extend(call.map(|call| (call.expr.name.to_string(), call.position)));
            true
        });

        for (name, position) in found {
            let is_offered = unnamed.functions.iter().any(|(offered, _)| *offered == name);
            let is_own = file.functions.has(&name);
            if !is_offered || is_own {
                continue;
            }
            let message = format!("`{name}` is in an import without a name");
            let fault = Diagnostic::at(codes::FUNCTION, message, file.name, file.text, position);
            let help = format!("write `import \"..\" as lib;`, then `lib::{name}(..)`");
            self.push_instead(Diagnostic { help: Some(help), ..fault });
        }
    }

    /// Finds out whether an import does more than define things.
    fn runs(&mut self, file: &File<'_>, named: &str, position: Position, ast: &AST) {
        let Some(first) = ast.statements().iter().find(|statement| does_something(statement))
        else {
            return;
        };
        let line = first.position().line().map_or(String::new(), |line| format!(" (line {line})"));
        let message = format!("importing `{named}` runs the code outside of its functions{line}");
        let fault = Diagnostic::at(codes::RUNS, message, file.name, file.text, position);
        let help = format!("in `{named}`, put that into `if is_main {{ .. }}` or into a function");
        self.push(Diagnostic { help: Some(help), ..fault.warning() });
    }

    fn import(&mut self, file: &File<'_>, named: &str, position: Position) -> Option<AST> {
        let path = match modules::locate(self.host, file.folder, named) {
            Ok(path) => path,
            Err(raised) => {
                let failure = error::failure(&raised, file.name);
                let message = failure.message;
                let fault = Diagnostic::at(codes::IMPORT, message, file.name, file.text, position);
                let help = foreign::instead_of_import(named).map(str::to_owned);
                let help = help.or_else(|| self.relative_import(file, named));
                self.push(Diagnostic { help, ..fault });
                return None;
            }
        };

        let unsaved = self.host.unsaved.borrow().get(&path).cloned();
        let text = match unsaved.map_or_else(|| files::read(&path), Ok) {
            Ok(text) => text,
            Err(error) => {
                self.host.depends_on_unread(&path);
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
                chain.map(|path| format!("`{}`", files::shown(path))).collect();
            let message = format!("circular imports: {}", chain.join(" -> "));
            self.push(Diagnostic::at(codes::IMPORT, message, file.name, file.text, position));
            return None;
        }

        // A file that was checked already is only read for what it offers.
        if !self.seen.insert(path.clone()) {
            return self.engine.compile_with_scope(&constants(), &*text).ok();
        }

        let shown = files::shown(&path);
        // While its file stands in `open`, an import of it is a circle.
        self.open.push(path);
        let ast = self.file(&shown, &text, constants());
        self.open.pop();
        self.imports.extend(ast.clone());
        ast
    }

    /// Says how a file is imported whose path is that from the project's folder.
    fn relative_import(&self, file: &File<'_>, named: &str) -> Option<String> {
        let root = &self.host.with.root;
        let found = modules::locate(self.host, root, named).ok()?.with_extension("");
        let folder = if file.folder.as_os_str().is_empty() { Path::new(".") } else { file.folder };
        let folder = folder.canonicalize().ok()?;

        let mut ups = String::new();
        let shared = folder.ancestors().find(|above| {
            let is_shared = found.starts_with(above);
            ups += if is_shared { "" } else { "../" };
            is_shared
        })?;
        let below = found.strip_prefix(shared).ok()?;
        let path = format!("{ups}{}", below.display());
        Some(format!(
            "paths of imports begin at the folder of the script: write `import \"{path}\"`"
        ))
    }
}
