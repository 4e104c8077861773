//! Graphs that cannot run, as far as a script writes them out in order: two operations of one name, an operation that
//! depends on a later one, an aggregation of nothing, no operation at all, and a branch that the session does not have.

use crate::base::failure::Kind;
use crate::script::check::call::{PLANNERS, call_of};
use crate::script::check::checker::{Checker, File};
use crate::script::check::kinds::Kinds;
use crate::script::check::operation_names::{SOURCES, default_name};
use crate::script::check::parameter::is_plain;
use crate::script::check::reach::CallReach;
use crate::script::check::used::{is, is_variable};
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The word that adds an operation of those before it.
const AGGREGATES: &str = "add_aggregation";
/// What a session is asked that leaves its branches as they are.
const OF_SESSION: &[&str] = &["flow", "on"];

/// An operation that a script adds.
struct AddedOperation {
    /// Its name, if it is written out, and where it stands.
    name: Option<(String, Position)>,
    /// What its name begins with if it has none of its own.
    stem: Option<String>,
    /// The branch that it uses, and where it is named.
    branch: Option<(String, BranchSource, Position)>,
}

/// Where a branch comes from.
#[derive(Clone, PartialEq, Eq)]
enum BranchSource {
    /// A variable that is set once, to a branch made there.
    Variable(String),
    /// Made where it is given.
    New,
}

/// What was done so far with one builder.
#[derive(Default)]
struct GraphCourse {
    added: Vec<AddedOperation>,
    /// Whether it may have operations that are not written out in order.
    is_open: bool,
    /// Faults of runs in loops, before whose next turn something may be added.
    unless_added: Vec<GraphFault>,
    /// Whether it was made in the statements of its function that always run, and how often.
    made: usize,
}

/// A fault of a graph, and whether the script certainly comes to it.
struct GraphFault {
    code: &'static str,
    message: String,
    help: Option<String>,
    position: Position,
    is_certain: bool,
}

/// What a graph is checked against.
#[allow(clippy::option_option, reason = "no certain session, and one that makes its branch itself")]
struct GraphScope<'a> {
    kinds: &'a Kinds<'a>,
    reach: CallReach,
    /// The variables that hold branches made there, by function and name.
    branches: HashMap<(String, String), Option<()>>,
    /// The sessions in variables that get no further branches, each with the branch that it was made of.
    sessions: HashMap<(String, String), Option<Option<BranchSource>>>,
}

impl Checker<'_> {
    /// Finds graphs that cannot run.
    pub(super) fn graphs(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let words = ["branch", "builder", "flow", "session"];
        if words.iter().chain(PLANNERS).any(|word| file.functions.has(word)) {
            return;
        }

        let scope = GraphScope::of(file, kinds);
        let replaced = replaced_variables(file);
        let mut courses: BTreeMap<(String, String), GraphCourse> = BTreeMap::new();
        let mut found: Vec<GraphFault> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            let function = kinds.function_of(path).to_owned();
            match path.last() {
                Some(ASTNode::Stmt(Stmt::Var(variable, ..))) => {
                    let course =
                        courses.entry((function, variable.0.name.to_string())).or_default();
                    // What else it may hold is not followed.
                    let is_known =
                        is_builder(&variable.1) && !replaced.contains(variable.0.name.as_str());
                    course.made += if is_known { 1 } else { 2 };
                    course.is_open |= !path.iter().all(is_plain);
                }
                Some(ASTNode::Expr(Expr::Variable(name, ..))) if name.2.path.is_empty() => {
                    let key = (function, name.1.to_string());
                    if let Some(course) = courses.get_mut(&key).filter(|course| course.made == 1) {
                        let used = GraphScope::used(path, &key.1);
                        found.extend(course.take(&scope, path, used));
                    }
                }
                _ => {}
            }
            true
        });

        found.extend(courses.into_values().flat_map(|course| course.unless_added));
        for GraphFault { code, message, help, position, is_certain } in found {
            let fault = Diagnostic::at(code, message, file.name, file.text, position);
            let fault = Diagnostic { help, ..fault };
            self.push_new(if is_certain { fault } else { fault.warning() });
        }
    }
}

/// Returns the variables that are set again.
fn replaced_variables(file: &File<'_>) -> HashSet<String> {
    let mut found = HashSet::new();
    file.ast.walk(&mut |path: &[ASTNode]| {
        if let Some(ASTNode::Stmt(Stmt::Assignment(assignment))) = path.last()
            && let Expr::Variable(name, ..) = &assignment.1.lhs
        {
            found.insert(name.1.to_string());
        }
        true
    });
    found
}

pub(super) fn is_builder(expr: &Expr) -> bool {
    matches!(expr, Expr::FnCall(call, _) if call.name == "builder" && !call.is_qualified())
}

fn is_loop(node: &ASTNode<'_>) -> bool {
    matches!(node, ASTNode::Stmt(Stmt::For(..) | Stmt::While(..) | Stmt::Do(..)))
}

/// Tells whether an expression makes a branch that no session has yet.
fn makes_branch(expr: &Expr) -> bool {
    match expr {
        Expr::FnCall(call, _) => call.name == "branch" && !call.is_qualified(),
        Expr::Dot(pair, ..) => {
            matches!(&pair.rhs, Expr::MethodCall(call, _) if call.name == "fork")
        }
        _ => false,
    }
}

/// How a builder is used.
#[derive(Clone, Copy)]
enum GraphUse<'a> {
    /// An operation is added by this call.
    Adds(&'a FnCallExpr, Position),
    /// It is run, by the session before the dot of this call or in it.
    Runs(&'a FnCallExpr, Position),
    /// It is only added to otherwise, or read.
    Reads,
    /// Anything may become of it.
    Other,
}

impl<'k> GraphScope<'k> {
    fn of(file: &File<'_>, kinds: &'k Kinds<'k>) -> GraphScope<'k> {
        let branches = kinds.set_once(file, |expr| makes_branch(expr).then_some(()));
        let mut open: HashSet<String> = HashSet::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Expr(Expr::Variable(name, ..))) = path.last()
                && method_of(path, &name.1)
                    .is_none_or(|(call, _)| !OF_SESSION.contains(&call.name.as_str()))
            {
                open.insert(name.1.to_string());
            }
            true
        });

        let mut sessions = kinds.set_once(file, session_of);
        sessions.retain(|(_, name), _| !open.contains(name));
        GraphScope { kinds, reach: CallReach::of(file), branches, sessions }
    }

    fn used<'a>(path: &[ASTNode<'a>], name: &str) -> GraphUse<'a> {
        if let Some((call, position)) = method_of(path, name) {
            return match call.name.as_str() {
                word if PLANNERS.contains(&word) => GraphUse::Adds(call, position),
                "add_edge" | "draw" | "then" => GraphUse::Reads,
                _ => GraphUse::Other,
            };
        }

        let Some((node, call)) =
            path.iter().rev().nth(1).and_then(|node| Some((node, call_of(node)?)))
        else {
            return GraphUse::Other;
        };
        let place = call.args.iter().position(|argument| is_variable(argument, name));
        match (call.name.as_str(), place) {
            ("flow", _) => GraphUse::Runs(call, node.position()),
            (word, Some(0)) if PLANNERS.contains(&word) => GraphUse::Adds(call, node.position()),
            _ => GraphUse::Other,
        }
    }

    /// Returns where the branch of an operation comes from, if that is certain.
    fn source(&self, expr: &Expr, function: &str) -> Option<BranchSource> {
        let Expr::Variable(name, ..) = expr else {
            return makes_branch(expr).then_some(BranchSource::New);
        };
        let key = (function.to_owned(), name.1.to_string());
        let is_branch =
            self.kinds.kind(expr, function) == Some(ValueKind::Handle("branch".to_owned()));
        let is_made = self.branches.get(&key).is_some_and(Option::is_some);
        (is_branch && is_made).then(|| BranchSource::Variable(name.1.to_string()))
    }

    /// Returns the branch of the session that runs a graph, if it certainly has no other.
    #[allow(
        clippy::option_option,
        reason = "no certain session, and one that makes its branch itself"
    )]
    fn session(
        &self,
        path: &[ASTNode<'_>],
        call: &FnCallExpr,
        function: &str,
    ) -> Option<Option<BranchSource>> {
        let is_method =
            matches!(path.iter().rev().nth(1), Some(ASTNode::Expr(Expr::MethodCall(..))));
        let session = if is_method { session_before(path)? } else { call.args.first()? };

        let made_of = match session {
            Expr::Variable(name, ..) => {
                let kind = self.kinds.kind(session, function);
                let is_session = kind == Some(ValueKind::Handle("session".to_owned()));
                let key = (function.to_owned(), name.1.to_string());
                self.sessions.get(&key).filter(|_| is_session)?.clone()?
            }
            made => session_of(made)?,
        };
        // A branch that was not made in its variable may be any.
        match &made_of {
            Some(BranchSource::Variable(name)) => {
                let key = (function.to_owned(), name.clone());
                self.branches.get(&key)?.as_ref().map(|()| made_of)
            }
            Some(BranchSource::New) | None => Some(made_of),
        }
    }
}

/// Returns the branch with which an expression makes a session, if that is all it does.
#[allow(clippy::option_option, reason = "no session, and one that makes its branch itself")]
fn session_of(expr: &Expr) -> Option<Option<BranchSource>> {
    let Expr::FnCall(call, _) = expr else { return None };
    if call.name != "session" || call.is_qualified() {
        return None;
    }
    match call.args.as_slice() {
        [] => Some(None),
        [Expr::Variable(name, ..)] => Some(Some(BranchSource::Variable(name.1.to_string()))),
        [made] if makes_branch(made) => Some(None),
        _ => None,
    }
}

/// Returns what stands before the dot of the `flow` to which the last node of a path is given: in
/// `session().flow(g).metrics`, what follows hangs on the call.
fn session_before<'a>(path: &[ASTNode<'a>]) -> Option<&'a Expr> {
    let ASTNode::Expr(flow) = path.iter().rev().nth(1)? else { return None };
    let mut around = path.iter().rev().skip(2).map_while(|node| match node {
        ASTNode::Expr(Expr::Dot(pair, ..)) => Some(pair),
        _ => None,
    });

    let nearest = around.next()?;
    if is(&nearest.rhs, flow) {
        return Some(&nearest.lhs);
    }
    let outer = around.next()?;
    let is_rest = matches!(&outer.rhs, Expr::Dot(rest, ..) if is(&rest.lhs, flow));
    is_rest.then_some(&outer.lhs)
}

/// Returns the method of a variable that is called first, if the variable at the end of a path stands before a dot.
fn method_of<'a>(path: &[ASTNode<'a>], name: &str) -> Option<(&'a FnCallExpr, Position)> {
    let Some(ASTNode::Expr(Expr::Dot(pair, ..))) = path.iter().rev().nth(1) else { return None };
    let first = match &pair.rhs {
        Expr::Dot(rest, ..) | Expr::Index(rest, ..) => &rest.lhs,
        only => only,
    };
    match first {
        Expr::MethodCall(call, position) if is_variable(&pair.lhs, name) => Some((call, *position)),
        _ => None,
    }
}

impl AddedOperation {
    fn of(call: &FnCallExpr, scope: &GraphScope<'_>, function: &str) -> AddedOperation {
        let options = match call.args.last() {
            Some(Expr::Map(options, _)) => options.0.as_slice(),
            _ => &[],
        };
        let option =
            |name: &str| options.iter().find(|(key, _)| key.name == name).map(|(_, value)| value);
        let name = match option("name") {
            Some(Expr::StringConstant(name, position)) => Some((name.to_string(), *position)),
            _ => None,
        };

        let shown = name.as_ref().map(|(name, _)| name.clone());
        let branch = option("branch").and_then(|value| {
            let source = scope.source(value, function)?;
            Some((shown.unwrap_or_else(|| call.name.to_string()), source, value.start_position()))
        });
        let is_named = option("name").is_some();
        AddedOperation { name, stem: default_name(call).filter(|_| !is_named), branch }
    }
}

impl GraphCourse {
    /// Notes what is done with the builder, and finds what cannot be.
    fn take(
        &mut self,
        scope: &GraphScope<'_>,
        path: &[ASTNode<'_>],
        used: GraphUse<'_>,
    ) -> Vec<GraphFault> {
        // The statement that makes it holds no variable of this name.
        let is_in_order = path.iter().all(is_plain);
        let function = scope.kinds.function_of(path).to_owned();

        match used {
            GraphUse::Reads => Vec::new(),
            GraphUse::Other => {
                self.is_open = true;
                self.unless_added.clear();
                Vec::new()
            }
            GraphUse::Adds(call, position) => {
                let is_certain = scope.reach.is_certain_at(position);
                let faults = if is_in_order {
                    self.wrong_sources(call, position, is_certain)
                } else {
                    Vec::new()
                };

                let operation = AddedOperation::of(call, scope, &function);
                let is_unknown = operation.name.is_none() && operation.stem.is_none();
                // What is added in a loop or under a condition may have been added, and may not.
                self.is_open |= !is_in_order || is_unknown;
                self.unless_added.clear();
                if is_in_order {
                    self.added.push(operation);
                }
                faults
            }
            GraphUse::Runs(call, position) => {
                let is_certain = scope.reach.is_certain(&path[..path.len() - 1]);
                let mut faults = self.twice(is_certain);
                let empty = self.empty(position, is_certain);
                if path.iter().any(is_loop) {
                    self.unless_added.extend(empty);
                } else {
                    faults.extend(empty);
                }
                if let Some(session) = scope.session(path, call, &function) {
                    faults.extend(self.foreign_branch(session.as_ref(), is_certain));
                }
                faults
            }
        }
    }

    /// Finds names of operations that are not there yet, and an aggregation of nothing.
    fn wrong_sources(&self, call: &FnCallExpr, at: Position, is_certain: bool) -> Vec<GraphFault> {
        if self.is_open {
            return Vec::new();
        }

        if call.name == AGGREGATES && self.added.is_empty() {
            return vec![GraphFault {
                code: codes::ARGUMENT,
                message: "there is nothing to aggregate".to_owned(),
                help: Some("add operations first".to_owned()),
                position: at,
                is_certain,
            }];
        }

        let options = match call.args.last() {
            Some(Expr::Map(options, _)) => options.0.as_slice(),
            _ => &[],
        };
        let sources = options.iter().filter(|(key, _)| SOURCES.contains(&key.name.as_str()));
        let each = sources.flat_map(|(_, sources)| match sources {
            Expr::Array(items, _) => items.as_slice(),
            single => std::slice::from_ref(single),
        });
        let faults = each.filter_map(|source| match source {
            Expr::StringConstant(name, position) if !self.has(name) => Some(GraphFault {
                code: codes::ARGUMENT,
                message: format!("no operation `{name}` so far"),
                help: Some(format!("add `{name}` before what depends on it")),
                position: *position,
                is_certain,
            }),
            _ => None,
        });
        faults.collect()
    }

    /// Tells whether an operation may have a name.
    fn has(&self, name: &str) -> bool {
        self.added.iter().any(|operation| {
            let is_it = operation.name.as_ref().is_some_and(|(known, _)| known == name);
            is_it || operation.stem.as_ref().is_some_and(|stem| name.starts_with(stem.as_str()))
        })
    }

    /// Finds two operations of one name.
    fn twice(&self, is_certain: bool) -> Vec<GraphFault> {
        let mut known: HashSet<&str> = HashSet::new();
        let names = self.added.iter().filter_map(|operation| operation.name.as_ref());
        let twice = names.filter(|(name, _)| !known.insert(name));
        let fault = |(name, position): &(String, Position)| GraphFault {
            code: Kind::Graph.code(),
            message: format!("another operation of this graph is named `{name}`"),
            help: Some("give each a unique `name`".to_owned()),
            position: *position,
            is_certain,
        };
        twice.map(fault).collect()
    }

    /// Finds a graph without operations.
    fn empty(&self, position: Position, is_certain: bool) -> Option<GraphFault> {
        (self.added.is_empty() && !self.is_open).then(|| GraphFault {
            code: Kind::Graph.code(),
            message: "the graph has no operation".to_owned(),
            help: Some("add one with `add_operation`".to_owned()),
            position,
            is_certain,
        })
    }

    /// Finds an operation on a branch that the session does not have.
    fn foreign_branch(
        &self,
        session: Option<&BranchSource>,
        is_certain: bool,
    ) -> Option<GraphFault> {
        let mut branches = self.added.iter().filter_map(|operation| operation.branch.as_ref());
        let (name, source, position) = branches.find(|(_, source, _)| Some(source) != session)?;

        let help = match source {
            BranchSource::Variable(branch) => format!(
                "keep the session in a variable, and write `session.include_branch({branch});` before `flow`"
            ),
            BranchSource::New => {
                "keep session and branch in variables, and write `session.include_branch(branch);` before \
                 `flow`"
                    .to_owned()
            }
        };
        Some(GraphFault {
            code: Kind::Graph.code(),
            message: format!("operation `{name}` uses a branch that is not in the session"),
            help: Some(help),
            position: *position,
            is_certain,
        })
    }
}
