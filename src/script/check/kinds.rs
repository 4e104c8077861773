//! What kind of value an expression gives, as far as that follows from the words that made it: from
//! kaizen's words through variables, properties and the parameters of closures. Where it is not certain,
//! nothing is said.

use crate::script::check::answers;
use crate::script::check::call::{EACH, PLANNERS};
use crate::script::check::checker::File;
use crate::script::check::closure::{closure_in, closures_in, name_of, option, settles};
use crate::script::check::defaults;
use crate::script::check::filled::filled_variables;
use crate::script::check::functions::{ScriptFunction, ScriptFunctions};
use crate::script::check::map_words::mixed_into;
use crate::script::check::value_kind::{UnknownPart, ValueKind};
use crate::script::check::variables::{HeldTexts, held_texts};
use crate::script::diagnostic::forms::{CallForm, Forms};
use crate::script::diagnostic::type_word::{self, HANDLES};
use crate::script::host::{shape, shape_of_data};
use rhai::{ASTFlags, ASTNode, Expr, FnCallExpr, Stmt};
use std::collections::{HashMap, HashSet};

/// How often variables are looked at: each time what follows from the time before is known too.
const PASSES_MAX: usize = 8;

/// The kinds of the variables of a script.
pub(super) struct Kinds<'a> {
    pub(super) forms: &'a Forms<'a>,
    pub(super) functions: &'a ScriptFunctions,
    /// What each function knows, by its key, which is empty for the script itself.
    known: HashMap<String, FunctionKinds>,
    /// The properties that the script sets somewhere.
    pub(super) set: HashSet<String>,
    /// The keys of the script's own maps, which may hold functions of these names.
    pub(super) keys: HashSet<String>,
    /// The functions of the script that set `this`: it may be anything afterwards.
    changing: HashSet<String>,
    /// The variables with values that are set under computed keys or by words that fill maps, and `this`.
    pub(super) filled: HashSet<String>,
    /// Whether edges of graphs are made otherwise than by `depends_on`.
    pub(super) has_other_edges: bool,
    /// The texts that variables hold for good.
    pub(super) texts: HeldTexts,
    /// What the operations give that the script names, as far as it is known and the same wherever it names one so.
    pub(super) results: HashMap<String, Option<ValueKind>>,
}

/// The variables of one function.
#[derive(Debug, Clone, Default, PartialEq)]
struct FunctionKinds {
    variables: HashMap<String, Option<ValueKind>>,
    /// Where a closure was made: it sees the variables of that function.
    outer: Option<String>,
}

impl FunctionKinds {
    /// Notes what a variable is set to. One that stands for different things has no kind.
    fn bind(&mut self, name: &str, kind: Option<ValueKind>) {
        match self.variables.get(name) {
            Some(known) if *known != kind => self.variables.insert(name.to_owned(), None),
            Some(_) => None,
            None => self.variables.insert(name.to_owned(), kind),
        };
    }
}

impl<'a> Kinds<'a> {
    /// Collects the variables of a file. `earlier` are variables that exist already.
    pub(super) fn of(
        file: &'a File<'_>,
        forms: &'a Forms<'a>,
        earlier: &[(String, String)],
    ) -> Kinds<'a> {
        let mut kinds = Kinds {
            forms,
            functions: &file.functions,
            known: HashMap::new(),
            set: HashSet::new(),
            keys: HashSet::new(),
            changing: HashSet::new(),
            filled: HashSet::new(),
            has_other_edges: false,
            texts: held_texts(file),
            results: HashMap::new(),
        };
        kinds.note_changes(file);
        kinds.filled = filled_variables(file);

        for _ in 0..PASSES_MAX {
            let next = kinds.pass(file);
            if next == kinds.known {
                break;
            }
            kinds.known = next;
        }

        let own = kinds.known.entry(String::new()).or_default();
        for (name, kind) in earlier {
            let is_handle = HANDLES.contains(&kind.as_str());
            let kind = match kind.as_str() {
                "int" => Some(ValueKind::Data("int")),
                _ => is_handle.then(|| ValueKind::Handle(kind.clone())),
            };
            own.variables.entry(name.clone()).or_insert(kind);
        }
        kinds
    }

    /// Notes which properties are set, what operations give, and whether graphs have edges that no option says.
    fn note_changes(&mut self, file: &File<'_>) {
        file.ast.walk(&mut |path: &[ASTNode]| {
            match path.last() {
                Some(ASTNode::Expr(Expr::Map(map, _))) => {
                    self.keys.extend(map.0.iter().map(|(key, _)| key.name.to_string()));
                }
                Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
                    let mut rest = &assignment.1.lhs;
                    if let Expr::ThisPtr(_) = rest {
                        let at = path.first().and_then(|root| self.functions.at(root.position()));
                        self.changing.extend(at.map(|function| function.name.clone()));
                    }

                    while let Expr::Dot(pair, ..) | Expr::Index(pair, ..) = rest {
                        rest = &pair.rhs;
                        let part = if let Expr::Dot(pair, ..) | Expr::Index(pair, ..) = rest {
                            &pair.lhs
                        } else {
                            rest
                        };

                        self.set.extend(name_of(part));
                    }
                }
                Some(
                    ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _))
                    | ASTNode::Stmt(Stmt::FnCall(call, _)),
                ) => {
                    let name = call.name.as_str();
                    if name == "set"
                        && let [.., Expr::StringConstant(key, _), _] = call.args.as_slice()
                    {
                        self.set.insert(key.to_string());
                    }
                    self.has_other_edges |= ["add_edge", "then", ">>", ">>="].contains(&name);
                    if PLANNERS.contains(&name)
                        && let Some((operation, gives)) =
                            answers::given_by_operation(call, &self.texts)
                    {
                        let known = self.results.entry(operation).or_insert_with(|| gives.clone());
                        if *known != gives {
                            *known = None;
                        }
                    }
                }
                _ => {}
            }
            true
        });
    }

    /// Looks at all variables once, knowing what the time before has found.
    fn pass(&self, file: &File<'_>) -> HashMap<String, FunctionKinds> {
        let mut next: HashMap<String, FunctionKinds> = HashMap::new();

        for function in self.functions.iter() {
            let own = next.entry(function.key.clone()).or_default();
            // What it captures is known where it was made.
            for param in function.params() {
                own.variables.insert(param.clone(), None);
            }
        }

        file.ast.walk(&mut |path: &[ASTNode]| {
            let function = self.function_of(path).to_owned();
            self.note(path, &function, &mut next);
            true
        });

        // The parameters of closures, by what they are given to.
        file.ast.walk(&mut |path: &[ASTNode]| {
            let function = self.function_of(path).to_owned();
            for (closure, params) in self.closures(path, &function) {
                let declared = self.functions.named(&closure).next();
                let names = declared.map(ScriptFunction::params).unwrap_or_default();

                let own = next.entry(closure).or_default();
                own.outer = Some(function.clone());
                for (name, kind) in names.iter().zip(params) {
                    let set_again = own.variables.get(name).is_some_and(Option::is_some);
                    let kind = kind.filter(|_| !set_again);
                    own.variables.insert(name.clone(), kind);
                }
            }
            true
        });

        next
    }

    /// Notes what a statement says of variables.
    fn note(
        &self,
        path: &[ASTNode<'_>],
        function: &str,
        next: &mut HashMap<String, FunctionKinds>,
    ) {
        let is_new = matches!(
            path.last(),
            Some(ASTNode::Stmt(Stmt::Var(..) | Stmt::For(..) | Stmt::TryCatch(..)))
        );
        let mut bind = |name: &str, kind: Option<ValueKind>| {
            // A variable that a closure captures is one of the function around it.
            let mut owner = function.to_owned();
            while !is_new
                && !next.get(&owner).is_some_and(|own| own.variables.contains_key(name))
                && let Some(outer) = self.known.get(&owner).and_then(|own| own.outer.clone())
            {
                owner = outer;
            }
            next.entry(owner).or_default().bind(name, kind);
        };

        if let Some(name) = mixed_into(path) {
            return bind(name, None);
        }

        let statement = match path.last() {
            Some(ASTNode::Stmt(statement)) => *statement,
            Some(ASTNode::Expr(Expr::Dot(pair, ..))) => {
                let first = match &pair.rhs {
                    Expr::Dot(rest, ..) | Expr::Index(rest, ..) => &rest.lhs,
                    only => only,
                };
                if let (Expr::Variable(name, ..), Expr::MethodCall(call, _)) = (&pair.lhs, first)
                    && self.changing.contains(call.name.as_str())
                {
                    bind(&name.1, None);
                }
                return;
            }
            _ => return,
        };

        match statement {
            Stmt::For(each, _) => {
                let item = match self.kind(&each.2.expr, function) {
                    Some(ValueKind::List(shape)) => Some(ValueKind::Map(shape)),
                    Some(ValueKind::Data("string")) => Some(ValueKind::Data("char")),
                    _ => self.operation_name(&each.2.expr, function),
                };
                bind(&each.0.name, item);
                if let Some(counter) = &each.1 {
                    bind(&counter.name, None);
                }
            }
            Stmt::TryCatch(block, _) => {
                if let Expr::Variable(name, ..) = &block.expr {
                    bind(&name.1, None);
                }
            }
            Stmt::Var(var, ..) => bind(&var.0.name, self.kind(&var.1, function)),
            Stmt::Assignment(assignment) => {
                if let Expr::Variable(name, ..) = &assignment.1.lhs {
                    let is_plain = !assignment.0.is_op_assignment();
                    let kind = self.kind(&assignment.1.rhs, function).filter(|_| is_plain);
                    bind(&name.1, kind);
                }
            }
            _ => {}
        }
    }

    /// Returns the closures that a call is given, and what it gives them.
    fn closures(
        &self,
        path: &[ASTNode<'_>],
        function: &str,
    ) -> Vec<(String, Vec<Option<ValueKind>>)> {
        let branch = || Some(ValueKind::Handle("branch".to_owned()));
        let (call, receiver) = match path.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) => {
                (call, call.args.first().and_then(|list| self.kind(list, function)))
            }
            Some(ASTNode::Expr(Expr::MethodCall(call, _))) => (call, self.before(path, function)),
            Some(ASTNode::Expr(expr @ Expr::DynamicConstant(..))) => {
                let closure = closure_in(expr);
                return closure.into_iter().map(|name| (name, Vec::new())).collect();
            }
            _ => return Vec::new(),
        };

        let direct = || call.args.iter().filter_map(closure_in);
        match call.name.as_str() {
            "add_operation" | "add_aggregation" => {
                let inputs = self.inputs(call, function);
                let given = vec![inputs.clone(), branch()];
                let mut found: Vec<_> = direct().map(|name| (name, given.clone())).collect();

                found.extend(option(call, "when").map(|name| (name, vec![inputs.clone()])));
                let checked = vec![answers::checked_by(call, &self.texts)];
                found.extend(option(call, "check").map(|name| (name, checked.clone())));
                found
            }
            "add_edge" => {
                let place = usize::from(receiver.is_none() || call.args.len() == 4);
                let source = call.args.get(place).and_then(|node| self.kind(node, function));
                let result = match source {
                    Some(ValueKind::Node(name)) => self.results.get(&name).cloned().flatten(),
                    _ => None,
                };
                option(call, "when").map(|name| (name, vec![result.clone()])).collect()
            }
            "operate" | "react" => {
                let checked = vec![answers::checked_by(call, &self.texts)];
                option(call, "check").map(|name| (name, checked.clone())).collect()
            }
            "on" => {
                let kind = call.args.first().filter(|_| receiver.is_some() || call.args.len() == 2);
                let event = match kind {
                    Some(Expr::StringConstant(kind, _)) => shape::of_event(kind),
                    _ => None,
                };
                direct().map(|name| (name, vec![event.map(ValueKind::Map)])).collect()
            }
            "operation" => direct().map(|name| (name, vec![None, branch()])).collect(),
            "run" | "compare" => {
                let is_method = matches!(path.last(), Some(ASTNode::Expr(Expr::MethodCall(..))));
                // Behind the task; without a dot, the optimizer stands before it.
                let patterns = match call.args.get(if is_method { 1 } else { 2 }) {
                    Some(Expr::Map(map, _)) => map.0.as_slice(),
                    _ => &[],
                };
                let patterns = patterns.iter().filter_map(|(_, value)| closure_in(value));
                patterns.map(|name| (name, vec![None, branch()])).collect()
            }
            word if EACH.contains(&word) => {
                let items = match receiver {
                    Some(ValueKind::List(shape)) => Some(ValueKind::Map(shape)),
                    _ => None,
                };
                direct().map(|name| (name, vec![items.clone()])).collect()
            }
            _ => closures_in(&call.args).map(|name| (name, Vec::new())).collect(),
        }
    }

    /// Returns the key of the function in which the statement at the head of a path stands.
    pub(super) fn function_of(&self, path: &[ASTNode<'_>]) -> &str {
        let Some(position) = path.first().map(ASTNode::position) else { return "" };
        self.functions.at(position).map_or("", |function| function.key.as_str())
    }

    /// Returns the kind of an expression of a function.
    pub(super) fn kind(&self, expr: &Expr, function: &str) -> Option<ValueKind> {
        self.look(expr, function, &mut Vec::new())
    }

    /// Returns the same, and notes the properties on the way that do not exist.
    pub(super) fn look(
        &self,
        expr: &Expr,
        function: &str,
        unknown: &mut Vec<UnknownPart>,
    ) -> Option<ValueKind> {
        match expr {
            Expr::StringConstant(..) | Expr::InterpolatedString(..) => {
                Some(ValueKind::Data("string"))
            }
            Expr::IntegerConstant(..) => Some(ValueKind::Data("int")),
            Expr::FloatConstant(..) => Some(ValueKind::Data("float")),
            Expr::BoolConstant(..) => Some(ValueKind::Data("bool")),
            Expr::CharConstant(..) => Some(ValueKind::Data("char")),
            Expr::Array(..) => Some(ValueKind::Data("array")),
            Expr::Map(..) => Some(ValueKind::Data("map")),

            Expr::Variable(name, ..) if name.2.path.is_empty() => {
                let is_function = self.is_function(&name.1, function);
                if is_function {
                    return Some(ValueKind::Data("function"));
                }
                self.unless_filled(self.variable(&name.1, function), expr)
            }
            Expr::FnCall(call, _) if !call.is_qualified() => {
                if closure_in(expr).is_some() {
                    return Some(ValueKind::Data("function"));
                }
                self.given(call, call.args.len(), None)
            }

            Expr::Stmt(..) => closure_in(expr).map(|_| ValueKind::Data("function")),
            Expr::DynamicConstant(value, _) => {
                // Rhai makes one of a range, too.
                type_word::plain(value.type_name()).map(ValueKind::Data)
            }
            Expr::Dot(pair, flags, _) => {
                let of = self.look(&pair.lhs, function, unknown);
                self.after(of, false, &pair.rhs, *flags, unknown)
            }
            Expr::Index(pair, flags, _) => {
                let of = self.look(&pair.lhs, function, unknown);
                let letter = self.after_letter(of.as_ref(), (pair, *flags), function, unknown);
                letter.unwrap_or_else(|| self.after(of, true, &pair.rhs, *flags, unknown))
            }
            _ => None,
        }
    }

    /// Follows a chain of properties, methods and places in lists.
    pub(super) fn after(
        &self,
        of: Option<ValueKind>,
        is_index: bool,
        rest: &Expr,
        flags: ASTFlags,
        unknown: &mut Vec<UnknownPart>,
    ) -> Option<ValueKind> {
        if !flags.contains(ASTFlags::BREAK) {
            match rest {
                Expr::Dot(pair, flags, _) => {
                    let of = self.part(of, is_index, &pair.lhs, unknown);
                    return self.after(of, false, &pair.rhs, *flags, unknown);
                }
                Expr::Index(pair, flags, _) => {
                    let of = self.part(of, is_index, &pair.lhs, unknown);
                    return self.after(of, true, &pair.rhs, *flags, unknown);
                }
                _ => {}
            }
        }

        self.part(of, is_index, rest, unknown)
    }

    /// Follows one step of a chain.
    pub(super) fn part(
        &self,
        of: Option<ValueKind>,
        is_index: bool,
        part: &Expr,
        unknown: &mut Vec<UnknownPart>,
    ) -> Option<ValueKind> {
        if let Expr::MethodCall(call, _) = part {
            if let [Expr::StringConstant(name, _)] = call.args.as_slice()
                && call.name == "result"
                && of == Some(ValueKind::Handle("report".to_owned()))
            {
                return self.results.get(name.as_str()).cloned().flatten();
            }
            return self.given_by_method(of.as_ref(), call);
        }

        let of = of?;
        if is_index && let ValueKind::List(shape) = of {
            return Some(ValueKind::Map(shape));
        }

        let (name, position) = match part {
            Expr::Property(property, position) if !is_index => (property.2.as_str(), *position),
            Expr::StringConstant(name, position) if is_index => (name.as_str(), *position),
            _ => return None,
        };
        self.property(of, name, position, is_index, unknown)
    }

    /// Tells whether there is a variable of this name.
    pub(super) fn knows(&self, name: &str, function: &str) -> bool {
        self.bound(name, function).is_some()
    }

    fn variable(&self, name: &str, function: &str) -> Option<ValueKind> {
        self.bound(name, function).cloned().flatten()
    }

    /// Returns what is known of a variable, if there is one of this name.
    #[allow(clippy::option_option, reason = "no variable, and a variable of an unknown kind")]
    fn bound(&self, name: &str, function: &str) -> Option<&Option<ValueKind>> {
        let mut own = self.known.get(function)?;
        loop {
            if let Some(kind) = own.variables.get(name) {
                return Some(kind);
            }
            own = self.known.get(own.outer.as_ref()?)?;
        }
    }

    /// Returns what a method gives, by what stands before its dot.
    fn given_by_method(&self, of: Option<&ValueKind>, call: &FnCallExpr) -> Option<ValueKind> {
        if self.may_be_of_map(of, &call.name) {
            return None;
        }
        self.given(call, call.args.len() + 1, of)
    }

    /// Returns what a call gives, of a method on a value of this kind.
    fn given(&self, call: &FnCallExpr, arity: usize, of: Option<&ValueKind>) -> Option<ValueKind> {
        let name = call.name.as_str();
        if matches!(name, ".." | "..=") {
            return Some(ValueKind::Data("range"));
        }
        let fits = |form: &CallForm| of.is_none_or(|of| of.has(form));
        let forms = || self.forms.all(name).iter().filter(|form| form.arity == arity && fits(form));
        if forms().next().is_none() || forms().any(|form| form.is_script) {
            return None;
        }

        if PLANNERS.contains(&name)
            && let Some(Expr::Map(options, _)) = call.args.last()
            && let Some((_, Expr::StringConstant(named, _))) =
                options.0.iter().find(|(key, _)| key.name == "name")
        {
            return Some(ValueKind::Node(named.to_string()));
        }
        if ["gather", "parallel"].contains(&name) && settles(call) {
            return Some(ValueKind::List(&shape::OUTCOME));
        }
        let handle = |form: &CallForm| form.params.first().cloned().unwrap_or_default();
        let mut held = forms().map(|form| shape_of_data::given_by_method(&handle(form), name));
        if let Some(Some(first)) = held.next()
            && held.all(|other| other == Some(first))
        {
            return ValueKind::of(first);
        }
        // The forms of the standard library do not say what they give.
        let is_map = |gives: &str| gives == "map" || gives == "array";
        if let Some(held) = shape::given_by(name)
            && forms().all(|form| form.gives.as_deref().is_none_or(is_map))
        {
            return ValueKind::of(held);
        }

        if let Some(kind) =
            answers::given_by(call, &self.texts).or_else(|| defaults::given_by(call))
        {
            return Some(kind);
        }
        ValueKind::returned(forms())
    }
}
