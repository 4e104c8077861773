//! The functions and closures of a file, as they stand in its text. Rhai keeps each closure as a function,
//! whose first parameters are the variables that it captures.

use crate::script::check::closure::closure_in;
use rhai::{AST, ASTNode, Expr, Position};
use std::collections::{BTreeMap, HashMap};

/// A function or closure of a file.
pub(super) struct ScriptFunction {
    pub(super) name: String,
    /// Its name alone, if no other function of the file has it; otherwise the name with a number.
    pub(super) key: String,
    /// All parameters: first the variables that it captures.
    params: Vec<String>,
    captured: usize,
    start: Position,
    end: Position,
}

impl ScriptFunction {
    /// Returns the variables of the function around it that it captures.
    pub(super) fn captured(&self) -> &[String] {
        &self.params[..self.captured]
    }

    /// Returns the parameters that stand in the text.
    pub(super) fn params(&self) -> &[String] {
        &self.params[self.captured..]
    }

    pub(super) fn start(&self) -> Position {
        self.start
    }

    pub(super) fn holds(&self, position: Position) -> bool {
        self.start <= position && position <= self.end
    }
}

/// The functions and closures of a file, those inside of others after them.
pub(super) struct ScriptFunctions {
    all: Vec<ScriptFunction>,
    named: HashMap<String, Vec<usize>>,
    /// For each function, the nearest one before it that ends after it.
    longer: Vec<Option<usize>>,
}

impl ScriptFunctions {
    pub(super) fn of(ast: &AST) -> ScriptFunctions {
        let seen = SeenClosures::of(ast);
        let mut all: Vec<ScriptFunction> = ast
            .iter_fn_def()
            .map(|function| {
                let start = function.body.start_position();
                let end = function.body.end_position();
                let (start, end) = match seen.reach.get(&start) {
                    Some(reach) if end.is_none() => *reach,
                    _ => (start, end),
                };

                let name = function.name.to_string();
                let params: Vec<String> = function.params.iter().map(ToString::to_string).collect();
                let captured = seen.captured.get(&name).copied().unwrap_or(0).min(params.len());
                let key = name.clone();
                ScriptFunction { name, key, params, captured, start, end }
            })
            .collect();
        all.sort_by_key(|function| function.start);

        let mut named: HashMap<String, Vec<usize>> = HashMap::new();
        for (number, function) in all.iter().enumerate() {
            named.entry(function.name.clone()).or_default().push(number);
        }
        for number in named.values().filter(|same| same.len() > 1).flatten() {
            let function = &mut all[*number];
            function.key = format!("{}#{number}", function.name);
        }

        let mut longer: Vec<Option<usize>> = Vec::with_capacity(all.len());
        for (number, function) in all.iter().enumerate() {
            let mut before = number.checked_sub(1);
            while let Some(known) = before.filter(|known| all[*known].end <= function.end) {
                before = longer[known];
            }
            longer.push(before);
        }

        ScriptFunctions { all, named, longer }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &ScriptFunction> {
        self.all.iter()
    }

    /// Returns the functions of a name, which differ in how many parameters they have.
    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = &ScriptFunction> {
        self.named.get(name).into_iter().flatten().map(|number| &self.all[*number])
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.named.contains_key(name)
    }

    /// Returns the innermost function around a place.
    pub(super) fn at(&self, position: Position) -> Option<&ScriptFunction> {
        self.around(position).next()
    }

    /// Returns the functions around a place, the innermost first.
    pub(super) fn around(&self, position: Position) -> impl Iterator<Item = &ScriptFunction> {
        // Only a function that begins before the place can be around it.
        let begun = self.all.partition_point(|function| function.start <= position);
        let before = move |number: &usize| {
            let holds = self.all[*number].holds(position);
            // Where one ends too early, so do those that end before it.
            if holds { number.checked_sub(1) } else { self.longer[*number] }
        };

        let chain = std::iter::successors(begun.checked_sub(1), before);
        chain.map(|number| &self.all[number]).filter(move |function| function.holds(position))
    }
}

/// What the syntax tree says of closures at other places than where it keeps them.
#[derive(Default)]
struct SeenClosures {
    /// A closure without braces has only the place of its statement, and that may be an operator in the
    /// middle of it: it reaches from the first thing in it to the last.
    reach: BTreeMap<Position, (Position, Position)>,
    /// How many variables each closure captures.
    captured: HashMap<String, usize>,
}

impl SeenClosures {
    fn of(ast: &AST) -> SeenClosures {
        let mut seen = SeenClosures::default();

        ast.walk(&mut |path: &[ASTNode]| {
            let at = path.last().map(ASTNode::position).filter(|at| !at.is_none());
            if let (Some(ASTNode::Stmt(statement)), Some(at)) = (path.first(), at) {
                let (start, end) = seen.reach.entry(statement.position()).or_insert((at, at));
                (*start, *end) = ((*start).min(at), (*end).max(at));
            }

            if let Some(ASTNode::Expr(Expr::FnCall(call, _))) = path.last()
                && call.name == "curry"
                && let Some(name) = call.args.first().and_then(closure_in)
            {
                seen.captured.insert(name, call.args.len() - 1);
            }
            true
        });

        seen
    }
}
