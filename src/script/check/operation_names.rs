//! Names of operations that no graph of the script has: `report.result("sumary")`, `depends_on: "frist"`.

use crate::script::check::call::{PLANNERS, call_of};
use crate::script::check::checker::{Checker, Earlier, File};
use crate::script::check::closure::{closure_in, name_of};
use crate::script::check::kinds::Kinds;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::suggestion::suggest;
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::host::shape;
use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt};

/// Options that name the operations that another one depends on.
pub(super) const SOURCES: &[&str] = &["depends_on", "source_node_ids"];

impl Checker<'_> {
    /// Finds names of operations, in results and among what others depend on, that no operation has.
    pub(super) fn operation_names(
        &mut self,
        file: &File<'_>,
        kinds: &Kinds<'_>,
        earlier: Option<Earlier<'_>>,
    ) {
        self.nodes_as_names(file, kinds);

        // The inputs of a dialogue, and imported files, may have operations of any name.
        let Some(names) = OperationNames::of(file).filter(|_| earlier.is_none()) else { return };

        let mut asked: Vec<NameUse> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Expr(part)) = path.last()
                && let Some((name, position)) = part_of_results(kinds, path, part)
            {
                asked.push(NameUse { name, position, is_source: false });
            }
            if let Some(ASTNode::Expr(Expr::MethodCall(call, _))) = path.last()
                && let Some(ValueKind::Handle(kind)) = kinds.before(path, kinds.function_of(path))
            {
                asked.extend(names_in(call, &kind));
            }
            true
        });

        for NameUse { name, position, is_source } in asked {
            // The operations of an expansion are numbered.
            if names.has(&name) || name.contains('[') {
                continue;
            }
            let message = format!("no operation of this script is named `{name}`");
            let near = suggest(&name, names.all());
            let fault = Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, position);
            let fault = fault.suggesting(near);
            // A graph whose builder the script made has no other operations, but a report may be of any graph.
            self.push_new(if is_source { fault } else { fault.warning() });
        }
    }
}

impl Checker<'_> {
    /// Finds nodes where the name of an operation is wanted.
    fn nodes_as_names(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let mut found: Vec<(String, Position)> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Expr(node @ Expr::Variable(name, ..))) = path.last()
                && let function = kinds.function_of(path)
                && is_by_operation(kinds.before(path, function).as_ref())
                && kinds.kind(node, function).is_some_and(|kind| kind.word() == "node")
            {
                found.push((name.1.to_string(), node.start_position()));
            }
            true
        });

        for (name, position) in found {
            let message = "results are indexed by the names of operations, not by nodes".to_owned();
            let fault = Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, position);
            let help = format!("write `report.result({name})`");
            self.push_new(Diagnostic { help: Some(help), ..fault });
        }
    }
}

/// Tells whether it is a map by the names of operations.
fn is_by_operation(kind: Option<&ValueKind>) -> bool {
    let maps = [&raw const shape::OPERATION_RESULTS, &raw const shape::ERRORS];
    matches!(kind, Some(ValueKind::Map(shape)) if maps.contains(&std::ptr::from_ref(*shape)))
}

/// Returns the name by which a script takes a result or an error of an operation from all of a report.
fn part_of_results(
    kinds: &Kinds<'_>,
    path: &[ASTNode<'_>],
    part: &Expr,
) -> Option<(String, Position)> {
    let name = name_of(part)?;
    let before = kinds.before(path, kinds.function_of(path));
    is_by_operation(before.as_ref()).then(|| (name, part.start_position()))
}

/// A place where the script names an operation.
struct NameUse {
    name: String,
    position: Position,
    /// Whether another operation depends on it.
    is_source: bool,
}

/// Returns the names of operations that a method call of a value of this kind refers to.
fn names_in(call: &FnCallExpr, receiver: &str) -> Vec<NameUse> {
    let literal = |expr: &Expr, is_source| match expr {
        Expr::StringConstant(name, position) => {
            Some(NameUse { name: name.to_string(), position: *position, is_source })
        }
        _ => None,
    };

    match (receiver, call.args.as_slice()) {
        ("report", [name]) if call.name == "result" => literal(name, false).into_iter().collect(),
        ("builder", [.., Expr::Map(options, _)]) if PLANNERS.contains(&call.name.as_str()) => {
            let sources = options.0.iter().filter(|(key, _)| SOURCES.contains(&key.name.as_str()));
            let each = sources.flat_map(|(_, sources)| match sources {
                Expr::Array(items, _) => items.as_slice(),
                single => std::slice::from_ref(single),
            });
            each.filter_map(|source| literal(source, true)).collect()
        }
        _ => Vec::new(),
    }
}

/// The names of all operations of a file.
#[derive(Default)]
struct OperationNames {
    said: Vec<String>,
    /// The names of those that have none of their own, which are numbered from the second on.
    defaults: Vec<String>,
}

impl OperationNames {
    /// Collects the names, if the file says them all and has any.
    fn of(file: &File<'_>) -> Option<OperationNames> {
        let mut names = Some(OperationNames::default());
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Stmt(Stmt::Import(..))) = path.last() {
                names = None;
            }
            if let Some(call) = path.last().and_then(call_of)
                && PLANNERS.contains(&call.name.as_str())
            {
                names = names.take().and_then(|names| names.with(call));
            }
            true
        });
        names.filter(|names| !names.said.is_empty() || !names.defaults.is_empty())
    }

    /// Adds the name that a call gives its operation, if that is certain.
    fn with(mut self, call: &FnCallExpr) -> Option<OperationNames> {
        let last = call.args.last()?;
        let options = match last {
            Expr::Map(options, _) => options.0.as_slice(),
            Expr::StringConstant(..) => &[],
            closure if closure_in(closure).is_some() => &[],
            _ => return None,
        };

        match options.iter().find(|(key, _)| key.name == "name") {
            Some((_, Expr::StringConstant(name, _))) => self.said.push(name.to_string()),
            Some(_) => return None,
            None => self.defaults.push(default_name(call)?),
        }
        Some(self)
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        self.said.iter().chain(&self.defaults).map(String::as_str)
    }

    fn has(&self, name: &str) -> bool {
        let stem = name.rsplit_once('_').filter(|(_, number)| number.parse::<u32>().is_ok());
        self.all().any(|known| known == name)
            || stem.is_some_and(|(stem, _)| self.defaults.iter().any(|known| known == stem))
    }
}

/// Returns the name that an operation gets which is given none; `None` if it depends on a value.
pub(super) fn default_name(call: &FnCallExpr) -> Option<String> {
    match call.name.as_str() {
        "add_aggregation" => return Some("aggregate".to_owned()),
        "expand" => return Some("expand".to_owned()),
        _ => {}
    }

    let mut kinds = call.args.iter().take(2);
    kinds.find_map(|kind| match kind {
        Expr::StringConstant(word, _) => Some(word.to_string()),
        closure => closure_in(closure).map(|_| "call".to_owned()),
    })
}
