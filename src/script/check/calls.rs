//! Calls: that the function exists, takes this many arguments, and knows the options and models that
//! it is given.

use crate::script::check::argument::{Arguments, foreign_call};
use crate::script::check::call::{Call, call};
use crate::script::check::checker::{Checker, FAULTS_MAX, File};
use crate::script::check::imports::Modules;
use crate::script::check::kind_options;
use crate::script::check::kinds::Kinds;
use crate::script::check::option_values::OptionValues;
use crate::script::check::pieces;
use crate::script::check::questions;
use crate::script::check::schemas;
use crate::script::check::tools::FILLING;
use crate::script::check::value_kind::{ValueKind, fits_first};
use crate::script::diagnostic::fix::Suggestion;
use crate::script::diagnostic::forms::{self, CallForm, Forms};
use crate::script::diagnostic::suggestion::{
    UnknownOption, nearest_first, suggest, suggest_among, unknown_option,
};
use crate::script::diagnostic::{Diagnostic, codes, foreign, type_word};
use crate::script::host::options;
use crate::script::lexer::names_closure;
use rhai::{AST, ASTNode, Dynamic, Expr, FnCallExpr, Stmt};
use std::collections::HashSet;

/// Names that have to be treated as functions although nothing of that name is registered.
const BUILT_IN: &[&str] = &[
    "call",
    "curry",
    "Fn",
    "is_def_var",
    "is_def_fn",
    "is_shared",
    "type_of",
    "print",
    "debug",
    "throw",
    "import",
    "export",
];

/// Words that are called without a value before them, although they take one of the language's own.
pub(super) const FREE: &[&str] = &[
    "answers",
    "assert",
    "branch",
    "branch_from",
    "debug",
    "imodel",
    "mcp",
    "optimizer",
    "print",
    "range",
    "retry",
    "schema",
    "sleep",
    "sleep_until",
    "timeout",
];

/// What the calls of a file are checked against.
struct CallScope<'a> {
    forms: &'a Forms<'a>,
    kinds: &'a Kinds<'a>,
    /// Words that the script uses as keys or properties: functions may sit in maps.
    keys: Keys,
    modules: &'a Modules,
}

/// Where a call stands.
struct CallPlace<'a> {
    /// The function around it.
    function: &'a str,
    /// What stands before its dot.
    before: Option<ValueKind>,
}

impl Checker<'_> {
    /// Checks every call of a file.
    pub(super) fn calls(
        &mut self,
        file: &File<'_>,
        forms: &Forms<'_>,
        modules: &Modules,
        kinds: &Kinds<'_>,
    ) {
        let mut keys = Keys::of(file.ast);
        keys.names.extend(kinds.set.iter().cloned());
        let known = CallScope { forms, kinds, keys, modules };

        let mut faults = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if faults.len() >= FAULTS_MAX {
                return false;
            }
            if let Some(call) = call(path) {
                let function = kinds.function_of(path);
                let before = kinds.before(path, function);
                let fault = known.fault(file, &call, (function, before.clone()));
                let is_fit = fault.as_ref().is_none_or(|fault| fault.code != codes::ARGUMENT);
                faults.extend(fault);

                if !kinds.is_of_script(path, &call) {
                    // A map in the place of another argument is no map of options.
                    if is_fit && !kinds.ends_with_value(&call) {
                        self.options(file, call.expr, &mut faults);
                    }
                    let place = CallPlace { function, before };
                    self.word(file, &call, kinds, &place, &mut faults);
                }
            }
            true
        });

        self.faults.extend(faults);
    }

    /// Finds what is wrong with the arguments of one of kaizen's words, by itself or together.
    fn word(
        &self,
        file: &File<'_>,
        call: &Call<'_>,
        kinds: &Kinds<'_>,
        place: &CallPlace<'_>,
        faults: &mut Vec<Diagnostic>,
    ) {
        let function = place.function;
        let values = OptionValues { file, kinds, function };
        let mut wrong = Vec::new();
        values.faults(call, place.before.as_ref(), &mut wrong);
        if let Some(known) = self.host.stdlib_options(self.engine, &call.expr.name) {
            values.of_library(call.expr, &known, &mut wrong);
        }
        self.model_maps(file, call, &mut wrong);
        // What is wrong with a call as a whole may be told at the same place already.
        wrong.retain(|fault| faults.iter().all(|known| known.place != fault.place));
        faults.extend(wrong);

        self.models(file, call, faults);
        schemas::faults(file, call, faults);
        faults.extend(pieces::fault(file, call.expr));
        faults.extend(questions::fault(file, call.expr));
        faults.extend(kind_options::faults(file, kinds, function, call.expr));
    }

    /// Finds unknown keys in a literal map of options.
    fn options(&self, file: &File<'_>, call: &FnCallExpr, faults: &mut Vec<Diagnostic>) {
        let name = call.name.as_str();
        let Some(Expr::Map(map, _)) = call.args.last() else { return };

        // A map alone describes a server.
        let is_server = name == "mcp" && call.args.len() == 1;
        let name = if is_server { options::SERVER_MAP } else { name };
        let options = options::known(name)
            .map(|known| known.into_iter().map(str::to_owned).collect())
            .or_else(|| self.host.stdlib_options(self.engine, name).map(|known| known.names));
        let Some(options) = options else { return };

        for (key, _) in &map.0 {
            if options.iter().any(|option| *option == key.name.as_str()) {
                continue;
            }

            let known: Vec<&str> = options.iter().map(String::as_str).collect();
            let UnknownOption { message, suggestion } =
                unknown_option(&format!("`{name}`"), &key.name, &known);
            let fault = Diagnostic::at(codes::OPTION, message, file.name, file.text, key.pos);
            faults.push(fault.suggesting(Some(suggestion)));
        }
    }
}

impl CallScope<'_> {
    /// Finds what is wrong with one call in a function, behind a value of this kind, if anything is.
    fn fault(
        &self,
        file: &File<'_>,
        call: &Call<'_>,
        (function, before): (&str, Option<ValueKind>),
    ) -> Option<Diagnostic> {
        let name = call.expr.name.as_str();
        let is_word = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if !is_word || names_closure(name) {
            return None;
        }

        let at = |code, message| Diagnostic::at(code, message, file.name, file.text, call.position);
        if call.expr.is_qualified() {
            return self.qualified(call, at);
        }

        if BUILT_IN.contains(&name) {
            return one_text(call).map(|message| {
                let help = "write one text in backticks: `` print(`${a} ${b}`) ``".to_owned();
                Diagnostic { help: Some(help), ..at(codes::ARGUMENTS, message) }
            });
        }

        let forms = self.forms.all(name);
        if call.is_method {
            let fault = self.method(call, (function, before.clone()), at);
            return fault.or_else(|| self.arguments(file, call, (function, before)));
        }

        if forms.is_empty() {
            if self.kinds.knows(name, function) {
                let help =
                    format!("`{name}` is a variable; call the function in it: `{name}.call(..)`");
                let fault = at(codes::FUNCTION, format!("unknown function `{name}`"));
                return Some(Diagnostic { help: Some(help), ..fault });
            }
            if let Some(help) = foreign::instead_of(name) {
                let fault = at(codes::FOREIGN, foreign::message(name)).raised();
                return Some(fault.suggesting(Some(foreign::suggestion(name, help))));
            }
            let near = self.near_function(name, self.forms.names());
            let fault = at(codes::FUNCTION, format!("unknown function `{name}`"));
            return Some(fault.suggesting(near));
        }

        let given = call.expr.args.len();
        if forms.iter().any(|form| form.arity == given) {
            return self.arguments(file, call, (function, None));
        }

        let fault = at(codes::ARGUMENTS, wrong_count(name, forms, given, false));
        Some(Diagnostic { help: Some(called_as(name, forms, (false, given))), ..fault })
    }

    /// Checks the arguments of a call that some form takes this many of.
    fn arguments(
        &self,
        file: &File<'_>,
        call: &Call<'_>,
        (function, receiver): (&str, Option<ValueKind>),
    ) -> Option<Diagnostic> {
        if call.is_method && self.keys.contains(call.expr.name.as_str()) {
            // The function may be one that a map holds.
            return None;
        }

        let arguments = Arguments {
            call: call.expr,
            position: call.position,
            receiver,
            is_method: call.is_method,
            function,
        };
        arguments.fault(file, self.kinds, self.forms.all(&call.expr.name))
    }

    /// Checks a call by a dot in a function; `kind` is the type of what stands before it, if that is certain.
    fn method(
        &self,
        call: &Call<'_>,
        (function, kind): (&str, Option<ValueKind>),
        at: impl Fn(&'static str, String) -> Diagnostic,
    ) -> Option<Diagnostic> {
        let name = call.expr.name.as_str();
        let given = call.expr.args.len();
        let forms = self.forms.all(name);
        if let Some(help) = self.without_this(call, kind.as_ref()) {
            let message = format!("the script's own `{name}` is not called behind a dot");
            return Some(Diagnostic { help: Some(help), ..at(codes::ARGUMENTS, message) });
        }
        // `x.f(a)` calls `f(x, a)`, or a script function `f(a)` with `this`.
        let takes =
            |form: &CallForm| form.arity == given + 1 || form.is_script && form.arity == given;

        let is_list = kind.as_ref().is_some_and(|kind| kind.word() == "array");
        if name == "append" && self.adds_one_item(call.expr, is_list, function) {
            let fault = at(codes::FOREIGN, "`append` adds a whole list".to_owned()).raised();
            return Some(Diagnostic {
                help: foreign::instead_of(name).map(str::to_owned),
                ..fault
            });
        }

        let Some(of) = kind.filter(|kind| !self.is_open(kind, name)) else {
            let is_known = forms.iter().any(takes) || self.keys.contains(name);
            return if is_known { None } else { Some(self.unknown_method(call, at)) };
        };
        let kind = of.word();

        let fits = |form: &&CallForm| fits_first(form, kind);
        let own: Vec<CallForm> = forms.iter().filter(fits).cloned().collect();

        if own.iter().any(takes) {
            return None;
        }

        if own.is_empty() {
            if let Some(help) = foreign::instead_of(name).filter(|_| forms.is_empty()) {
                let fault = at(codes::FOREIGN, foreign::message(name)).raised();
                return Some(fault.suggesting(Some(foreign::suggestion(name, help))));
            }
            let fault =
                at(codes::FUNCTION, format!("{} has no method `{name}`", type_word::article(kind)));
            if self.kinds.has_property(&of, name) {
                let help = format!("it is a property: write `.{name}`, without brackets");
                return Some(Diagnostic { help: Some(help), ..fault });
            }
            if let Some(help) = foreign_call(name, &[kind.to_owned()]) {
                return Some(fault.suggesting(Some(foreign::suggestion(name, help))));
            }
            let is_of_kind = |known: &&str| {
                let mut forms = self.forms.all(known).iter().filter(|_| !FREE.contains(known));
                forms.any(|form| form.params.first().is_some_and(|of| of == kind))
            };
            let foreign =
                foreign::instead_of_method(kind, name).map(|help| foreign::suggestion(name, help));
            let near =
                foreign.or_else(|| suggest_among(name, self.forms.names().filter(is_of_kind)));
            return Some(fault.suggesting(near));
        }

        let fault = at(codes::ARGUMENTS, wrong_count(name, &own, given, true));
        Some(Diagnostic { help: Some(called_as(name, &own, (true, given))), ..fault })
    }

    /// Says how one of the script's own functions is called that stands behind a dot, where it would get one
    /// argument too few: the value before the dot is its `this`.
    fn without_this(&self, call: &Call<'_>, before: Option<&ValueKind>) -> Option<String> {
        let name = call.expr.name.as_str();
        let given = call.expr.args.len();
        let forms = self.forms.all(name);

        let is_own = |arity: usize| forms.iter().any(|form| form.is_script && form.arity == arity);
        // A word of kaizen or of the language may have the same name, and an import a function that has `this`.
        let is_other = self.forms.hides(name)
            || forms.iter().any(|form| !form.is_script && form.arity == given + 1);
        let is_imported = self.modules.values().any(|offer| {
            offer.functions.iter().any(|(known, arity)| known == name && *arity == given)
        });
        let may_be_held =
            self.keys.contains(name) || before.is_some_and(|of| self.is_open(of, name));
        let is_wrong = self.forms.is_of_script(name) && is_own(given + 1) && !is_own(given);
        if !is_wrong || is_other || is_imported || may_be_held {
            return None;
        }

        let subject = call.variable.unwrap_or("value");
        let more = if given == 0 { "" } else { ", .." };
        Some(format!("write `{name}({subject}{more})`"))
    }

    /// Tells whether a value of this kind may have methods that nobody knows.
    fn is_open(&self, kind: &ValueKind, name: &str) -> bool {
        match kind {
            // A map may hold functions.
            ValueKind::Data("map") => {
                self.keys.has_computed || self.keys.contains(name) || !self.modules.is_empty()
            }
            ValueKind::Map(_) | ValueKind::Inputs(_) | ValueKind::Answer(_) => {
                self.keys.contains(name) || !self.modules.is_empty()
            }
            // The functions of an import may stand behind any plain value.
            ValueKind::Data(_) | ValueKind::List(_) => !self.modules.is_empty(),
            ValueKind::Handle(_) | ValueKind::Node(_) => false,
        }
    }

    /// Tells whether `append` is given a single item, as in Python. A text may go to a text, and a byte to
    /// a blob, unless it is known that they go to a list.
    fn adds_one_item(&self, call: &FnCallExpr, is_list: bool, function: &str) -> bool {
        let [item] = call.args.as_slice() else { return false };
        if let Expr::Map(..) | Expr::FloatConstant(..) | Expr::BoolConstant(..) = item {
            return true;
        }
        let kind = self.kinds.kind(item, function);
        is_list && kind.is_some_and(|kind| kind.word() != "array")
    }

    /// Says what is wrong with a call by a dot of a value of which nothing is known.
    fn unknown_method(
        &self,
        call: &Call<'_>,
        at: impl Fn(&'static str, String) -> Diagnostic,
    ) -> Diagnostic {
        let name = call.expr.name.as_str();
        let given = call.expr.args.len();
        let forms = self.forms.all(name);

        if forms.is_empty() {
            if let Some(help) = foreign::instead_of(name) {
                let fault = at(codes::FOREIGN, foreign::message(name)).raised();
                return fault.suggesting(Some(foreign::suggestion(name, help)));
            }
            let fault = at(codes::METHOD, format!("unknown method `{name}`"));
            let near = self.near_function(name, self.forms.names());
            return fault.warning().suggesting(near);
        }

        // In `time.sleep(1)`, what stands before the dot is a module of another language.
        let is_function = forms.iter().any(|form| form.arity == given && given > 0);
        let is_function = is_function && foreign::instead_of_call(name, true, given).is_none();
        let message = if is_function {
            format!("`{name}` is called without a value before it")
        } else {
            wrong_count(name, forms, given, true)
        };
        let help = called_as(name, forms, (!is_function, given));
        Diagnostic { help: Some(help), ..at(codes::ARGUMENTS, message) }
    }

    /// Checks a call of an imported function.
    fn qualified(
        &self,
        call: &Call<'_>,
        at: impl Fn(&'static str, String) -> Diagnostic,
    ) -> Option<Diagnostic> {
        let name = call.expr.name.as_str();
        let [module] = call.expr.namespace.path.as_slice() else { return None };
        let functions = &self.modules.get(module.name.as_str())?.functions;

        let given = call.expr.args.len();
        let arities: Vec<usize> =
            functions.iter().filter(|(known, _)| known == name).map(|(_, arity)| *arity).collect();

        if arities.contains(&given) {
            return None;
        }
        if arities.is_empty() {
            let message = format!("`{}` has no function `{name}`", module.name);
            let near = suggest(name, functions.iter().map(|(known, _)| known.as_str()));
            return Some(at(codes::FUNCTION, message).suggesting(near));
        }

        let message = format!("`{name}` takes {}, not {given}", counted(&arities));
        Some(at(codes::ARGUMENTS, message))
    }

    /// Suggests the function whose name is nearest, in its form if it has only one.
    fn near_function<'a>(
        &self,
        name: &str,
        known: impl Iterator<Item = &'a str>,
    ) -> Option<Suggestion> {
        let known: Vec<&str> = known.collect();
        let is_own = |name: &str| self.forms.is_of_script(name);
        let near = nearest_first(name, &known, is_own)?;
        let shown = match self.forms.all(near) {
            [form] => form.signature(near),
            _ => near.to_owned(),
        };
        let help = format!("did you mean `{shown}`?");
        Some(Suggestion { help, ..Suggestion::word(near) })
    }
}

fn wrong_count(name: &str, forms: &[CallForm], given: usize, is_method: bool) -> String {
    let mut arities: Vec<usize> = forms
        .iter()
        .filter(|form| !is_method || form.is_script || form.arity > 0)
        .map(|form| if is_method && !form.is_script { form.arity - 1 } else { form.arity })
        .collect();

    arities.sort_unstable();
    arities.dedup();
    if arities.is_empty() {
        return format!("`{name}` is called without a value before it");
    }
    format!("`{name}` takes {}, not {given}", counted(&arities))
}

/// Says what is wrong with a call of `print` or `debug`, which take one text.
fn one_text(call: &Call<'_>) -> Option<String> {
    let name = call.expr.name.as_str();
    let given = call.expr.args.len();
    let is_wrong = ["print", "debug"].contains(&name) && !call.is_method && given > 1;
    is_wrong.then(|| format!("`{name}` takes 1 argument, not {given}"))
}

fn counted(arities: &[usize]) -> String {
    let noun = if arities == [1] { "argument" } else { "arguments" };
    let arities: Vec<String> = arities.iter().map(ToString::to_string).collect();
    format!("{} {noun}", arities.join(" or "))
}

/// Says how a function is called that was called by a dot, or not, with this many arguments.
fn called_as(name: &str, forms: &[CallForm], (is_method, given): (bool, usize)) -> String {
    if let Some(help) = foreign::instead_of_call(name, is_method, given) {
        return help.to_owned();
    }

    format!("call it as {}", forms::in_a_row(name, forms))
}

/// Words that a script uses as keys or properties.
#[derive(Default)]
struct Keys {
    names: HashSet<String>,
    /// Whether the script sets values whose keys it computes.
    has_computed: bool,
}

impl Keys {
    /// Collects the keys of all literal maps and all properties.
    fn of(ast: &AST) -> Keys {
        let mut keys = Keys::default();
        ast.walk(&mut |path: &[ASTNode]| {
            match path.last() {
                Some(ASTNode::Expr(Expr::Map(map, _))) => {
                    keys.names.extend(map.0.iter().map(|(key, _)| key.name.to_string()));
                }
                Some(ASTNode::Expr(Expr::Property(property, _))) => {
                    keys.names.insert(property.2.to_string());
                }
                Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
                    keys.has_computed |= is_computed(&assignment.1.lhs);
                }
                Some(ASTNode::Expr(Expr::MethodCall(call, _))) => {
                    keys.has_computed |= FILLING.contains(&call.name.as_str());
                }
                _ => {}
            }
            true
        });

        keys
    }

    fn contains(&self, name: &str) -> bool {
        self.names.contains(name)
    }
}

/// Tells whether a place has a computed key.
fn is_computed(place: &Expr) -> bool {
    match place {
        Expr::Dot(pair, ..) => is_computed(&pair.rhs),
        Expr::Index(pair, ..) => {
            !matches!(&pair.rhs, Expr::StringConstant(..) | Expr::IntegerConstant(..))
        }
        _ => false,
    }
}

/// Finds the calls of a function: each argument, if it is a literal.
pub(in crate::script) fn calls_of(ast: &AST, name: &str) -> Vec<Vec<Option<Dynamic>>> {
    let mut found = Vec::new();
    ast.walk(&mut |path: &[ASTNode]| {
        if let Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) =
            path.last()
            && call.name == name
        {
            found.push(call.args.iter().map(|expr| expr.get_literal_value(None)).collect());
        }
        true
    });

    found
}
