//! Changes of copies that nothing reads afterwards: of the arguments of a function, of the items of a `for`,
//! and of what `let` takes out of a list or a map. In Python and JavaScript they change the value itself.

use crate::script::check::call::is_in_brackets;
use crate::script::check::checker::{Checker, Earlier, File};
use crate::script::check::closure::name_of;
use crate::script::check::copied::CopiedPart;
use crate::script::check::in_place::{Bodies, changes_in_place, gives_nothing};
use crate::script::check::kinds::Kinds;
use crate::script::check::used::{ResultUse, is};
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::forms::Forms;
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::lexer::names_closure;
use rhai::{ASTNode, Expr, Position, Stmt};
use std::collections::{HashMap, HashSet};

/// The value that is shared by everybody who has it, and has properties of any name.
const SHARED: &str = "state";

/// A statement, by its place in memory.
type StatementId = *const Stmt;

/// What makes a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Binder {
    /// A parameter of the function.
    Parameter,
    /// The `for` whose item it is.
    Item(StatementId),
    /// The only `let` of this name in the function.
    Own(StatementId),
}

/// One variable of a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct VariableId {
    function: String,
    name: String,
    binder: Binder,
}

/// What is known of the values of a file.
pub(super) struct KnownValues<'a> {
    pub(super) forms: &'a Forms<'a>,
    pub(super) kinds: &'a Kinds<'a>,
    pub(super) bodies: &'a Bodies,
}

/// A place where a variable stands.
struct CopyUse {
    position: Position,
    /// Whether the variable is changed there; else it is read.
    is_change: bool,
    /// The assignment that it is part of, if it is.
    assignment: Option<StatementId>,
    /// The loops around it in which the variable lives on.
    loops: Vec<StatementId>,
}

impl CopyUse {
    /// Tells whether this one reads what another one changes.
    fn reads_after(&self, change: &CopyUse) -> bool {
        // In a loop, what stands before a change also comes after it.
        let is_in_loop = self.loops.iter().any(|one| change.loops.contains(one));
        // An assignment reads its right side before it changes anything.
        let is_with = self.assignment.is_some() && self.assignment == change.assignment;

        !self.is_change && (is_in_loop || !is_with && self.position > change.position)
    }
}

impl Checker<'_> {
    /// Finds changes of copies that are lost.
    pub(super) fn lost(
        &mut self,
        file: &File<'_>,
        known: &KnownValues<'_>,
        earlier: Option<Earlier<'_>>,
    ) {
        // The inputs of a dialogue read the variables of those before.
        let copies = CopyTable::of(file, known.kinds, earlier.is_none());

        let mut variables: HashMap<VariableId, Vec<CopyUse>> = HashMap::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some((variable, one)) = copies.copy_use(known, path) {
                variables.entry(variable).or_default().push(one);
            }
            true
        });

        let lost = variables.into_iter().filter_map(|(variable, uses)| {
            let is_lost = |change: &&CopyUse| {
                change.is_change && !uses.iter().any(|other| other.reads_after(change))
            };
            uses.iter().find(is_lost).map(|change| (change.position, variable))
        });
        let mut lost: Vec<(Position, VariableId)> = lost.collect();
        lost.sort_by_key(|(position, _)| *position);

        for (position, variable) in lost {
            let name = &variable.name;
            let message = format!("`{name}` is a copy, and nothing reads it after this change");
            let help = copies.help(&variable);
            let fault = Diagnostic::at(codes::LOST, message, file.name, file.text, position);
            self.push_new(Diagnostic { help: Some(help), ..fault.warning() });
        }
    }
}

/// The variables of a file.
struct CopyTable {
    /// The parameters of each function, without the variables that it captures.
    params: HashSet<(String, String)>,
    /// What each `let` takes, if that is a part of another value; by function and name.
    own: HashMap<(String, String), Vec<OwnVariable>>,
    /// What each loop goes over.
    lists: HashMap<StatementId, LoopItems>,
    /// Names of loops, by function.
    items: HashSet<(String, String)>,
    /// What closures share or files export: it may be read anywhere.
    shared: HashSet<String>,
    /// Whether the script itself ends with its last statement.
    is_whole: bool,
    /// Whether a value may be one that all share.
    has_shared: bool,
}

/// What a loop goes over.
enum LoopItems {
    /// A list, by its name, or any word for it.
    Of(String),
    /// The numbers of a range.
    Numbers,
    /// A list that can only be read.
    Copied(CopiedPart),
}

/// A variable that a `let` makes.
struct OwnVariable {
    statement: StatementId,
    /// How the part of another value is written that it takes, if it does.
    part: Option<String>,
    /// The property that can only be read, if the part is one or is in it.
    copied: Option<CopiedPart>,
    /// The loops around it, in which it is made anew.
    loops: Vec<StatementId>,
}

impl CopyTable {
    /// Collects the variables of a file.
    fn of(file: &File<'_>, kinds: &Kinds<'_>, is_whole: bool) -> CopyTable {
        let mut copies = CopyTable {
            params: HashSet::new(),
            own: HashMap::new(),
            lists: HashMap::new(),
            items: HashSet::new(),
            shared: HashSet::new(),
            is_whole,
            has_shared: file.text.contains(SHARED),
        };

        for function in file.functions.iter() {
            let names = function.params().iter();
            copies.params.extend(names.map(|name| (function.key.clone(), name.clone())));
        }

        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(ASTNode::Stmt(statement)) = path.last() {
                copies.note(kinds, path, statement);
            }
            true
        });
        copies
    }

    /// Notes the variables that a statement makes or shares.
    fn note(&mut self, kinds: &Kinds<'_>, path: &[ASTNode<'_>], statement: &Stmt) {
        let key = |name: &str| (kinds.function_of(path).to_owned(), name.to_owned());

        match statement {
            Stmt::Var(variable, ..) => {
                let own = OwnVariable {
                    statement,
                    copied: kinds.copied_part(&variable.1, kinds.function_of(path)),
                    part: part(&variable.1)
                        .filter(|_| !is_handle(kinds, path, &variable.1))
                        .or_else(|| whole(kinds, path, &variable.1)),
                    loops: loops(path).collect(),
                };
                self.own.entry(key(&variable.0.name)).or_default().push(own);
            }
            Stmt::For(each, _) => {
                let of = &each.2.expr;
                let kind = kinds.kind(of, kinds.function_of(path));
                let items = match (of, kinds.copied_part(of, kinds.function_of(path))) {
                    (Expr::Variable(name, ..), _) => LoopItems::Of(name.1.to_string()),
                    (_, Some(part)) => LoopItems::Copied(part),
                    _ if kind.is_some_and(|kind| kind.word() == "range") => LoopItems::Numbers,
                    _ => LoopItems::Of("list".to_owned()),
                };

                self.lists.insert(statement, items);
                self.items.insert(key(&each.0.name));
            }
            Stmt::TryCatch(flow, _) => {
                if let Expr::Variable(name, ..) = &flow.expr {
                    self.shared.insert(name.1.to_string());
                }
            }
            Stmt::Share(names) => {
                self.shared.extend(names.iter().map(|(ident, _)| ident.name.to_string()));
            }
            Stmt::Export(names, _) => {
                self.shared.insert(names.0.name.to_string());
            }
            _ => {}
        }
    }

    /// Returns the variable at the end of a path, and what is done with it there.
    fn copy_use(
        &self,
        known: &KnownValues<'_>,
        path: &[ASTNode<'_>],
    ) -> Option<(VariableId, CopyUse)> {
        let Some(ASTNode::Expr(expr @ Expr::Variable(variable, _, position))) = path.last() else {
            return None;
        };
        let name = variable.1.as_str();
        if self.shared.contains(name) || !variable.2.path.is_empty() {
            return None;
        }

        let kinds = known.kinds;
        let function = kinds.function_of(path).to_owned();
        let (binder, outside) = self.binder(path, &function, name)?;
        let is_of_others = matches!(kinds.kind(expr, &function), Some(kind) if is_shared(&kind))
            || self.has_shared
                && !matches!(binder, Binder::Item(_))
                && !self.is_part_of_shared(&function, name);

        let assignment = path.iter().rev().find_map(|node| match node {
            ASTNode::Stmt(statement @ Stmt::Assignment(_)) => Some(std::ptr::from_ref(*statement)),
            _ => None,
        });
        let found = CopyUse {
            position: *position,
            is_change: !is_of_others && is_change(known, path, binder),
            assignment,
            loops: loops(path).filter(|one| !outside.contains(one)).collect(),
        };
        Some((VariableId { function, name: name.to_owned(), binder }, found))
    }

    /// Returns what makes the variable at the end of a path, and the loops that make it anew in each turn.
    fn binder(
        &self,
        path: &[ASTNode<'_>],
        function: &str,
        name: &str,
    ) -> Option<(Binder, Vec<StatementId>)> {
        let key = (function.to_owned(), name.to_owned());
        let own = self.own.get(&key).map_or(&[][..], Vec::as_slice);
        let is_param = self.params.contains(&key);

        match own {
            // Which of several it is, nobody says.
            [] if is_param && self.items.contains(&key) => None,
            [] if is_param => Some((Binder::Parameter, Vec::new())),
            [] => {
                let at = path.windows(2).rposition(|pair| is_item(pair, name))?;
                let ASTNode::Stmt(each) = path[at] else { return None };
                Some((Binder::Item(each), loops(&path[..=at]).collect()))
            }
            [only] if !is_param && !self.items.contains(&key) => {
                let may_end = self.is_whole || !function.is_empty();
                only.part.as_ref().filter(|_| may_end)?;
                Some((Binder::Own(only.statement), only.loops.clone()))
            }
            _ => None,
        }
    }

    /// Tells whether a variable certainly holds a copy: of plain data, or of what a property of the shared value gives.
    fn is_part_of_shared(&self, function: &str, name: &str) -> bool {
        let key = (function.to_owned(), name.to_owned());
        let mut own = self.own.get(&key).into_iter().flatten();
        let is_part = |part: &String| {
            // A name alone stands for plain data.
            let is_name = !part.contains(['.', '[']);
            is_name || part.strip_prefix(SHARED).is_some_and(|rest| rest.starts_with(['.', '[']))
        };
        own.any(|own| own.part.as_ref().is_some_and(is_part))
    }

    /// Says what to write so that a change is kept.
    fn help(&self, variable: &VariableId) -> String {
        let VariableId { function, name, binder } = variable;

        match binder {
            Binder::Parameter if names_closure(function) => {
                format!(
                    "a function gets copies of its arguments: end it with `{name}`, and use what it returns"
                )
            }
            Binder::Parameter => format!(
                "a function gets copies of its arguments: end it with `{name}`, and write \
                 `x = {function}(x)`"
            ),
            Binder::Item(each) => match self.lists.get(each) {
                Some(LoopItems::Of(list)) => format!(
                    "`for` goes over copies of the items: write \
                     `for i in 0..{list}.len {{ .. }}`, and change `{list}[i]`"
                ),
                Some(LoopItems::Copied(part)) => format!(
                    "`for` goes over copies of the items, and {} can only be read: {}",
                    part.named(),
                    part.instead()
                ),
                Some(LoopItems::Numbers) | None => {
                    format!("`for` sets `{name}` in each turn; write `while` for other steps")
                }
            },
            Binder::Own(statement) => {
                let key = (function.clone(), name.clone());
                let mut own = self.own.get(&key).into_iter().flatten();

                let made = own.find(|own| own.statement == *statement);
                if let Some(copied) = made.and_then(|own| own.copied.as_ref()) {
                    return format!(
                        "`let` takes a copy of {}: {}",
                        copied.named(),
                        copied.instead()
                    );
                }
                let part = made.and_then(|own| own.part.clone());
                format!("`let` takes a copy: change `{}` itself", part.unwrap_or_default())
            }
        }
    }
}

/// Tells whether two nodes of a path are a `for` with this variable and a statement of its body.
fn is_item(pair: &[ASTNode<'_>], name: &str) -> bool {
    let [ASTNode::Stmt(Stmt::For(each, _)), ASTNode::Stmt(_)] = pair else { return false };
    each.0.name == name
}

/// Returns the loops of a path.
fn loops(path: &[ASTNode<'_>]) -> impl Iterator<Item = StatementId> {
    path.iter().filter_map(|node| match node {
        ASTNode::Stmt(statement @ (Stmt::For(..) | Stmt::While(..) | Stmt::Do(..))) => {
            Some(std::ptr::from_ref(*statement))
        }
        _ => None,
    })
}

/// Tells whether a value stands for something that all share.
fn is_shared(kind: &ValueKind) -> bool {
    matches!(kind, ValueKind::Handle(_) | ValueKind::Node(_))
}

fn is_handle(kinds: &Kinds<'_>, path: &[ASTNode<'_>], value: &Expr) -> bool {
    kinds.kind(value, kinds.function_of(path)).as_ref().is_some_and(is_shared)
}

/// Returns the name of a variable that certainly holds plain data.
fn whole(kinds: &Kinds<'_>, path: &[ASTNode<'_>], value: &Expr) -> Option<String> {
    let Expr::Variable(name, ..) = value else { return None };
    let kind = kinds.kind(value, kinds.function_of(path))?;
    let is_data = matches!(kind.word(), "array" | "map" | "string");
    (is_data && name.2.path.is_empty()).then(|| name.1.to_string())
}

/// Writes a part of a variable, such as `list[0]`; `None` if a value is no such part.
fn part(value: &Expr) -> Option<String> {
    let (of, mut rest, mut is_index) = match value {
        Expr::Dot(pair, ..) => (&pair.lhs, &pair.rhs, false),
        Expr::Index(pair, ..) => (&pair.lhs, &pair.rhs, true),
        _ => return None,
    };
    let Expr::Variable(name, ..) = of else { return None };
    let mut written = name.1.to_string();

    loop {
        let (here, next) = match rest {
            Expr::Dot(pair, ..) => (&pair.lhs, Some((&pair.rhs, false))),
            Expr::Index(pair, ..) => (&pair.lhs, Some((&pair.rhs, true))),
            last => (last, None),
        };
        written += &match here {
            Expr::MethodCall(..) => return None,
            Expr::IntegerConstant(number, _) if is_index => format!("[{number}]"),
            Expr::StringConstant(text, _) if is_index => format!("[\"{text}\"]"),
            Expr::Variable(name, ..) if is_index => format!("[{}]", name.1),
            _ if is_index => "[..]".to_owned(),
            property => format!(".{}", name_of(property)?),
        };
        let Some((after, is_next)) = next else { return Some(written) };
        (rest, is_index) = (after, is_next);
    }
}

/// Tells whether the variable at the end of a path is changed there, and the change is all that is done.
fn is_change(known: &KnownValues<'_>, path: &[ASTNode<'_>], binder: Binder) -> bool {
    let Some((ASTNode::Expr(variable), parents)) = path.split_last() else { return false };
    let is_set = |node: Option<&ASTNode<'_>>, expr: &Expr| match node {
        Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => is(&assignment.1.lhs, expr),
        _ => false,
    };

    let Some((parent, above)) = parents.split_last() else { return false };
    match parent {
        ASTNode::Expr(chain @ (Expr::Dot(pair, ..) | Expr::Index(pair, ..)))
            if is(&pair.lhs, *variable) && !is_in_brackets(parents) =>
        {
            let links = links(&pair.rhs);
            let is_call = |link: &&Expr| matches!(link, Expr::MethodCall(..));
            match links.split_last() {
                Some((Expr::MethodCall(call, _), before)) if !before.iter().any(is_call) => {
                    let is_alone = match known.bodies.use_of(parents) {
                        ResultUse::Dropped => true,
                        // Of the variable itself, another check says so.
                        ResultUse::Returned => {
                            !before.is_empty() && gives_nothing(known.forms, call)
                        }
                        ResultUse::Used => false,
                    };
                    is_alone && changes_in_place(known.forms, call)
                }
                _ => is_set(above.last(), chain) && !links.iter().any(is_call),
            }
        }
        // A variable of one's own that is set and not read harms nobody.
        _ => !matches!(binder, Binder::Own(_)) && is_set(Some(parent), variable),
    }
}

/// Returns what follows the first value of a chain.
fn links(rest: &Expr) -> Vec<&Expr> {
    let mut links = Vec::new();
    let mut rest = rest;
    while let Expr::Dot(pair, ..) | Expr::Index(pair, ..) = rest {
        links.push(&pair.lhs);
        rest = &pair.rhs;
    }
    links.push(rest);
    links
}
