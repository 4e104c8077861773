//! Values at the end of a branch that nothing takes: `if good { "positive" }` in the middle of a function does not
//! end the function, although the last value of a function needs no `return`.

use crate::script::check::checker::{Checker, File};
use crate::script::check::in_place::Bodies;
use crate::script::check::unused::OPERATORS;
use crate::script::check::used::{ResultUse, is};
use crate::script::diagnostic::fix::byte_at;
use crate::script::diagnostic::forms::Forms;
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::lexer::{LexemeClass, scan};
use rhai::{ASTNode, Expr, FnCallExpr, Position, Stmt, StmtBlock};

/// Longest value that a help repeats.
const SHOWN_MAX: usize = 40;
/// The operator that is meant to set a variable, perhaps. Another check says so.
const EQUALS: &str = "==";

/// How a branch ends.
#[derive(Debug, Clone, PartialEq, Eq)]
enum BranchEnd {
    /// With a value: its place, and how it is written, if that is short.
    Value(Position, Option<String>),
    /// It leaves the function or the loop, or does nothing.
    Leaves,
    /// With anything else.
    Other,
}

/// A value that is lost.
struct LostValue {
    position: Position,
    message: String,
    help: String,
}

impl Checker<'_> {
    /// Finds `if` and `switch` in the middle of a block whose branches all end with a value.
    pub(super) fn branch_values(&mut self, file: &File<'_>, forms: &Forms<'_>, bodies: &Bodies) {
        let mut found: Vec<LostValue> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            let Some(ASTNode::Stmt(flow)) = path.last() else { return true };
            if !matches!(flow, Stmt::If(..) | Stmt::Switch(..)) || ends_branch(path, flow) {
                return true;
            }

            if let BranchEnd::Value(position, text) = of_statement(file, forms, flow)
                && bodies.use_of(path) == ResultUse::Dropped
            {
                found.push(lost_value(file, path, flow, (position, text.as_deref())));
            }
            true
        });

        for LostValue { position, message, help } in found {
            let fault = Diagnostic::at(codes::UNUSED, message, file.name, file.text, position);
            self.push_new(Diagnostic { help: Some(help), ..fault.warning() });
        }
    }
}

/// Says what is lost, and what to write.
fn lost_value(
    file: &File<'_>,
    path: &[ASTNode<'_>],
    flow: &Stmt,
    (position, text): (Position, Option<&str>),
) -> LostValue {
    let word = if matches!(flow, Stmt::If(..)) { "if" } else { "switch" };
    let is_looped = path
        .iter()
        .any(|node| matches!(node, ASTNode::Stmt(Stmt::For(..) | Stmt::While(..) | Stmt::Do(..))));
    let is_within = path.first().is_some_and(|root| file.functions.at(root.position()).is_some());
    let has_else = match flow {
        Stmt::If(flow, _) => !flow.branch.statements().is_empty(),
        _ => true,
    };

    let value = text.unwrap_or("value");
    let help = if !is_within {
        format!("write `print({value});` to show it, or `let result = {word} ..;` to keep it")
    } else if is_looped || has_else {
        format!("write `return {value};` to end the function with it")
    } else {
        format!("write `return {value};`, or put what follows into `else {{ .. }}`")
    };
    LostValue { position, message: format!("the value of this `{word}` is not used"), help }
}

/// Tells whether a statement is the last one of a branch of another `if`, which is looked at as a whole.
fn ends_branch(path: &[ASTNode<'_>], statement: &Stmt) -> bool {
    let [.., ASTNode::Stmt(Stmt::If(around, _)), _] = path else { return false };
    let ends =
        |block: &StmtBlock| block.statements().last().is_some_and(|last| is(last, statement));
    ends(&around.body) || ends(&around.branch)
}

/// Finds out how a block ends.
fn of_block(file: &File<'_>, forms: &Forms<'_>, block: &StmtBlock) -> BranchEnd {
    let Some(last) = block.statements().last() else { return BranchEnd::Leaves };
    let BranchEnd::Value(position, _) = of_statement(file, forms, last) else {
        return of_statement(file, forms, last);
    };
    if matches!(last, Stmt::If(..) | Stmt::Switch(..)) {
        return BranchEnd::Value(position, None);
    }

    // A value with `;` behind it is none of the branch.
    let start = match last {
        Stmt::FnCall(call, _) => start_of(call),
        Stmt::Expr(expr) => match &**expr {
            Expr::FnCall(call, _) => start_of(call),
            _ => position,
        },
        _ => position,
    };
    match written(file.text, start, block.end_position()) {
        Some(text) if text.ends_with(';') => BranchEnd::Other,
        Some(text) => {
            let is_short = text.chars().count() <= SHOWN_MAX && !text.contains('\n');
            BranchEnd::Value(position, is_short.then_some(text))
        }
        // The language does not keep where each block ends.
        None => BranchEnd::Value(position, None),
    }
}

/// Finds out how a statement ends a branch.
fn of_statement(file: &File<'_>, forms: &Forms<'_>, statement: &Stmt) -> BranchEnd {
    match statement {
        Stmt::Expr(expr) => of_value(forms, expr),
        Stmt::FnCall(call, position) => of_call(forms, call, *position),
        Stmt::Return(..) | Stmt::BreakLoop(..) => BranchEnd::Leaves,
        Stmt::If(flow, _) => {
            let branches = [&flow.body, &flow.branch];
            together(branches.into_iter().map(|block| of_block(file, forms, block)))
        }
        Stmt::Switch(switch, _) => {
            let cases = switch.1.expressions.iter().map(|case| match &case.rhs {
                Expr::Stmt(block) => of_block(file, forms, block),
                value => of_value(forms, value),
            });
            together(cases)
        }
        _ => BranchEnd::Other,
    }
}

/// Returns how several branches end: with a value, if none of them ends with anything else.
fn together(ends: impl Iterator<Item = BranchEnd>) -> BranchEnd {
    let mut all = BranchEnd::Leaves;
    for end in ends {
        match (&all, end) {
            (_, BranchEnd::Other) => return BranchEnd::Other,
            (BranchEnd::Leaves, end) => all = end,
            _ => {}
        }
    }
    all
}

fn of_value(forms: &Forms<'_>, expr: &Expr) -> BranchEnd {
    if let Expr::FnCall(call, position) = expr {
        return of_call(forms, call, *position);
    }
    let position = expr.start_position();
    let is_placed = !position.is_none();
    if is_placed && is_value(expr) { BranchEnd::Value(position, None) } else { BranchEnd::Other }
}

/// Looks at a call: an operator only gives a value.
fn of_call(forms: &Forms<'_>, call: &FnCallExpr, position: Position) -> BranchEnd {
    let name = call.name.as_str();
    let is_operator = name != EQUALS
        && OPERATORS.contains(&name)
        && !call.is_qualified()
        && !forms.is_of_script(name);
    let position = if position.is_none() { start_of(call) } else { position };
    if is_operator { BranchEnd::Value(position, None) } else { BranchEnd::Other }
}

/// Returns where an operator's code begins.
fn start_of(call: &FnCallExpr) -> Position {
    match call.args.first() {
        Some(Expr::FnCall(first, _)) => start_of(first),
        first => first.map_or(Position::NONE, Expr::start_position),
    }
}

/// Tells whether an expression does nothing but give a value. A call may be made for what it does.
fn is_value(expr: &Expr) -> bool {
    match expr {
        Expr::DynamicConstant(..)
        | Expr::BoolConstant(..)
        | Expr::IntegerConstant(..)
        | Expr::FloatConstant(..)
        | Expr::CharConstant(..)
        | Expr::StringConstant(..)
        | Expr::InterpolatedString(..)
        | Expr::Array(..)
        | Expr::Map(..)
        | Expr::Variable(..)
        | Expr::Property(..) => true,
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => is_value(&pair.lhs) && is_value(&pair.rhs),
        _ => false,
    }
}

/// Returns how the code between two places is written, without comments at its end.
fn written(text: &str, start: Position, end: Position) -> Option<String> {
    let byte = |at: Position| byte_at(text, at.line()?, at.position()?);
    let part = text.get(byte(start)?..byte(end)?)?;
    let pieces = scan(part).0;
    let last = pieces.iter().rev().find(|piece| {
        piece.class != LexemeClass::Comment && !part[piece.start..piece.end].trim().is_empty()
    })?;
    Some(part[..last.end].trim().to_owned())
}
