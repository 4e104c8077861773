//! Variables that a `let` in a block makes, where the one of the same name outside is meant: in Python and
//! JavaScript, `total = total + x` in a loop changes it.

use crate::script::check::checker::{Checker, File};
use crate::script::check::functions::ScriptFunction;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTFlags, ASTNode, Expr, FlowControl, Position, Stmt};
use std::collections::BTreeMap;
use std::ops::Range;

impl Checker<'_> {
    /// Finds variables that hide another one, which is read afterwards as if it had been set.
    pub(super) fn hidden(&mut self, file: &File<'_>) {
        if !file.text.contains("let ") {
            return;
        }

        // One for the script, and one for each function, whose statements come in their order.
        let mut readers: BTreeMap<Option<*const ScriptFunction>, ScopeReader> = BTreeMap::new();
        let mut scripts = file.ast.statements().len();

        file.ast.walk(&mut |path: &[ASTNode]| {
            if let [ASTNode::Stmt(statement)] = path {
                let is_of_script = scripts > 0;
                scripts = scripts.saturating_sub(1);

                let function = file.functions.at(statement.position());
                let function = function.filter(|_| !is_of_script);
                let key = function.map(std::ptr::from_ref);
                let reader = readers.entry(key).or_insert_with(|| match function {
                    Some(function) => ScopeReader::of_function(function),
                    None => ScopeReader::default(),
                });
                reader.statement(statement);
            }
            true
        });

        let found = readers.into_values().flat_map(ScopeReader::found);
        for (name, position) in found {
            let message = format!("this `let` makes another `{name}`, which ends with its block");
            let help = format!(
                "write `{name} = ..` without `let` to change the outer one, or choose another name"
            );
            let fault = Diagnostic::at(codes::HIDDEN, message, file.name, file.text, position);
            self.push(Diagnostic { help: Some(help), ..fault.warning() });
        }
    }
}

/// What is done with a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum VariableUse {
    Read,
    Set,
}

/// A variable that can be seen.
struct Visible {
    name: String,
    depth: usize,
    /// Its place among all variables.
    number: usize,
}

/// A `let` that hides a variable of a block around it.
struct Hiding {
    name: String,
    position: Position,
    inner: usize,
    outer: usize,
    /// What was done with the outer one in the value of the inner one.
    value: Range<usize>,
    /// What was done with the outer one before the first statement comes that follows on the block; `None` if
    /// nothing does.
    after: Option<usize>,
    /// What was done with the outer one in the loop around it, if it is declared outside of that.
    in_loop: Option<Range<usize>>,
    depth: usize,
    /// Whether it stands in a block of its own, which is there for such variables.
    is_alone: bool,
}

/// When what follows on a block begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BlockEnd {
    /// Behind the statement that it is a part of.
    Statement,
    /// Behind the loop around it, which it leaves or starts again.
    Loop,
}

/// Reads the statements of one function in the order in which they are carried out.
#[derive(Default)]
struct ScopeReader {
    visible: Vec<Visible>,
    depth: usize,
    /// How many of the variables are those that a closure captures.
    captured: usize,
    /// What is done with each variable, in order; and whether it can be set at all.
    uses: Vec<Vec<VariableUse>>,
    constants: Vec<bool>,
    hidings: Vec<Hiding>,
    /// The hidings whose block has not ended, or whose statement has not.
    open: Vec<usize>,
    ended: Vec<(usize, BlockEnd)>,
}

impl ScopeReader {
    fn of_function(function: &ScriptFunction) -> ScopeReader {
        let captured = function.captured();
        let mut reader = ScopeReader { captured: captured.len(), ..ScopeReader::default() };

        // What a closure captures is a variable of the function around it.
        for name in captured {
            reader.declare(name, true);
        }
        reader.depth = 1;
        for name in function.params() {
            reader.declare(name, true);
        }

        reader
    }

    /// Returns the names of the variables that are hidden by mistake, with the places of their `let`.
    fn found(self) -> Vec<(String, Position)> {
        let is_read = |uses: &[VariableUse]| uses.contains(&VariableUse::Read);
        let is_mistake = |hiding: &&Hiding| {
            let outer = &self.uses[hiding.outer];
            let next = hiding.after.and_then(|after| outer.get(after));
            let is_unread = !is_read(&self.uses[hiding.inner]);

            let is_read_in_loop = hiding.in_loop.clone().is_some_and(|turn| {
                let Range { start, end } = hiding.value.clone();
                is_read(&outer[turn.start..start]) || is_read(&outer[end..turn.end])
            });
            let is_of_closure = hiding.outer < self.captured;
            // It has a value of its own, which its block uses.
            let is_meant = hiding.is_alone && !is_unread && hiding.value.is_empty();
            next == Some(&VariableUse::Read) && !is_meant
                || is_unread && (is_read_in_loop || is_of_closure)
        };

        let mistakes = self.hidings.iter().filter(is_mistake);
        mistakes.map(|hiding| (hiding.name.clone(), hiding.position)).collect()
    }

    fn declare(&mut self, name: &str, can_be_set: bool) -> usize {
        let number = self.uses.len();
        self.uses.push(Vec::new());
        self.constants.push(!can_be_set);
        self.visible.push(Visible { name: name.to_owned(), depth: self.depth, number });
        number
    }

    fn seen(&self, name: &str) -> Option<&Visible> {
        self.visible.iter().rfind(|known| known.name == name)
    }

    fn note(&mut self, name: &str, how: VariableUse) {
        if let Some(number) = self.seen(name).map(|known| known.number) {
            self.uses[number].push(how);
        }
    }

    /// Reads statements that have variables of their own.
    fn block(&mut self, statements: &[Stmt], names: &[&str]) {
        let visible = self.visible.len();
        let open = self.open.len();
        self.depth += 1;
        for name in names {
            self.declare(name, true);
        }
        self.statements(statements);
        self.depth -= 1;
        self.visible.truncate(visible);

        let ending = match statements.last() {
            Some(Stmt::Return(..)) => None,
            Some(Stmt::BreakLoop(..)) => Some(BlockEnd::Loop),
            _ => Some(BlockEnd::Statement),
        };
        for hiding in self.open.split_off(open) {
            self.ended.extend(ending.map(|ending| (hiding, ending)));
        }
    }

    /// Notes where what follows begins for the blocks that have ended since.
    fn settle(&mut self, since: usize, of_loops: bool) {
        let mut kept = Vec::new();
        for (hiding, ending) in self.ended.split_off(since) {
            if ending == BlockEnd::Loop && !of_loops {
                kept.push((hiding, ending));
                continue;
            }
            let outer = self.hidings[hiding].outer;
            self.hidings[hiding].after = Some(self.uses[outer].len());
        }
        self.ended.extend(kept);
    }

    /// Reads the body of a loop, whose condition is read once more at its end.
    fn repeated(&mut self, flow: &FlowControl, names: &[&str]) {
        let ended = self.ended.len();
        let hidings = self.hidings.len();
        let before: Vec<usize> = self.uses.iter().map(Vec::len).collect();

        if names.is_empty() {
            self.expr(&flow.expr);
        }
        self.block(flow.body.statements(), names);
        self.settle(ended, true);
        if names.is_empty() {
            self.expr(&flow.expr);
        }

        for hiding in &mut self.hidings[hidings..] {
            if let (None, Some(start)) = (&hiding.in_loop, before.get(hiding.outer)) {
                hiding.in_loop = Some(*start..self.uses[hiding.outer].len());
            }
        }
    }

    fn statements(&mut self, statements: &[Stmt]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Stmt) {
        let ended = self.ended.len();
        match statement {
            Stmt::Var(variable, flags, _) => {
                self.variable(&variable.0.name, variable.0.pos, &variable.1, *flags);
            }
            Stmt::Assignment(assignment) => {
                self.expr(&assignment.1.rhs);
                match &assignment.1.lhs {
                    Expr::Variable(name, ..) if !assignment.0.is_op_assignment() => {
                        self.note(&name.1, VariableUse::Set);
                    }
                    other => self.expr(other),
                }
            }

            Stmt::If(flow, _) => {
                self.expr(&flow.expr);
                self.block(flow.body.statements(), &[]);
                self.block(flow.branch.statements(), &[]);
            }
            Stmt::TryCatch(flow, _) => {
                self.block(flow.body.statements(), &[]);
                let error = match &flow.expr {
                    Expr::Variable(name, ..) => vec![name.1.as_str()],
                    _ => Vec::new(),
                };
                self.block(flow.branch.statements(), &error);
            }
            Stmt::Switch(switch, _) => {
                self.expr(&switch.0);
                for case in &switch.1.expressions {
                    self.expr(&case.lhs);
                    self.expr(&case.rhs);
                }
            }

            Stmt::While(flow, _) | Stmt::Do(flow, ..) => self.repeated(flow, &[]),
            Stmt::For(each, _) => {
                self.expr(&each.2.expr);
                let counter = each.1.as_ref().map(|counter| counter.name.as_str());
                let names: Vec<&str> =
                    std::iter::once(each.0.name.as_str()).chain(counter).collect();
                self.repeated(&each.2, &names);
            }
            Stmt::FnCall(call, _) => call.args.iter().for_each(|argument| self.expr(argument)),
            Stmt::Block(block) => {
                let hidings = self.hidings.len();
                self.block(block.statements(), &[]);
                let inside = self.depth + 1;
                for hiding in &mut self.hidings[hidings..] {
                    hiding.is_alone |= hiding.depth == inside;
                }
            }
            Stmt::Expr(expr) | Stmt::Return(Some(expr), ..) | Stmt::BreakLoop(Some(expr), ..) => {
                self.expr(expr);
            }
            Stmt::Export(names, _) => self.note(&names.0.name, VariableUse::Read),
            _ => {}
        }
        self.settle(ended, false);
    }

    fn variable(&mut self, name: &str, position: Position, value: &Expr, flags: ASTFlags) {
        let hidden = self.seen(name).filter(|outer| outer.depth < self.depth);
        let hidden = hidden.map(|outer| outer.number).filter(|outer| !self.constants[*outer]);
        let before = hidden.map_or(0, |outer| self.uses[outer].len());
        self.expr(value);

        let is_constant = flags.contains(ASTFlags::CONSTANT);
        let inner = self.declare(name, !is_constant);
        if let Some(outer) = hidden
            && !is_constant
            && !name.starts_with('_')
        {
            self.open.push(self.hidings.len());
            self.hidings.push(Hiding {
                name: name.to_owned(),
                position,
                inner,
                outer,
                value: before..self.uses[outer].len(),
                after: None,
                in_loop: None,
                depth: self.depth,
                is_alone: false,
            });
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Variable(name, ..) if name.2.path.is_empty() => {
                self.note(&name.1, VariableUse::Read);
            }

            Expr::InterpolatedString(parts, _) | Expr::Array(parts, _) => {
                parts.iter().for_each(|part| self.expr(part));
            }
            Expr::Map(map, _) => map.0.iter().for_each(|(_, value)| self.expr(value)),
            Expr::Index(pair, ..) | Expr::Dot(pair, ..) => {
                self.expr(&pair.lhs);
                self.expr(&pair.rhs);
            }
            Expr::And(sides, _) | Expr::Or(sides, _) | Expr::Coalesce(sides, _) => {
                sides.iter().for_each(|side| self.expr(side));
            }
            Expr::FnCall(call, _) | Expr::MethodCall(call, _) => {
                call.args.iter().for_each(|argument| self.expr(argument));
            }
            Expr::Custom(custom, _) => custom.inputs.iter().for_each(|input| self.expr(input)),
            Expr::Stmt(block) => self.block(block.statements(), &[]),
            _ => {}
        }
    }
}
