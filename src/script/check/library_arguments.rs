//! Arguments of the standard library. Its functions are written in Rhai and take anything, so what they would
//! refuse is found here, before anything is paid.

use crate::script::check::call::{Call, call, receiver};
use crate::script::check::checker::{Checker, File};
use crate::script::check::kinds::Kinds;
use crate::script::check::reach::CallReach;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::type_word::article;
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::host::stdlib::LibraryOptions;
use crate::script::host::wanted::WantedValue;
use rhai::{ASTNode, Expr, Position};

/// What a parameter does not take, by its name: the types that are refused, and what is wanted.
const REFUSED: &[(&str, &[&str], &str)] = &[
    ("allowed", &["bool", "char", "float", "function", "int", "map", "string"], "a list"),
    ("options", &["array", "bool", "char", "float", "function", "int", "string"], "a map"),
    ("part", &["array", "function", "map"], "a text or a number"),
    ("tolerance", &["array", "bool", "function", "map"], "a number"),
    (
        "who",
        &["array", "bool", "char", "float", "function", "int"],
        "a branch, a model or the name of one",
    ),
];

/// A wrong argument: what is wrong, what to write, and where.
type WrongArgument = (String, Option<String>, Position);

impl Checker<'_> {
    /// Finds arguments that functions of the standard library refuse.
    pub(super) fn library_arguments(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let reach = CallReach::of(file);
        let mut found: Vec<(WrongArgument, bool)> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            if let Some(call) = call(path)
                && !kinds.is_of_script(path, &call)
                && let Some(arguments) = self.named(path, &call)
            {
                let is_certain = reach.is_certain(path);
                let function = kinds.function_of(path);
                let options = self.host.stdlib_options(self.engine, &call.expr.name);
                let options = options.unwrap_or_default();
                for (param, value) in &arguments {
                    let kind = kinds.kind(value, function);
                    let wrong = wrong(&call, (param, value), kind.as_ref(), &options);
                    found.extend(wrong.map(|wrong| (wrong, is_certain && fails_at_once(&call))));
                }
                let wrong = wrong_example(&call, kinds, function);
                found.extend(wrong.map(|wrong| (wrong, is_certain)));
            }
            true
        });

        for ((message, help, position), is_certain) in found {
            let fault = Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, position);
            let fault = Diagnostic { help, ..fault };
            // A test may try what is refused, and what is not reached fails nowhere.
            self.push_new(if is_certain { fault } else { fault.warning() });
        }
    }

    /// Returns the arguments of a call of the library, each with the name of its parameter.
    fn named<'a>(
        &self,
        path: &[ASTNode<'a>],
        call: &Call<'a>,
    ) -> Option<Vec<(&'static str, &'a Expr)>> {
        let before = if call.is_method { Some(receiver(path)?) } else { None };
        let values: Vec<&Expr> = before.into_iter().chain(call.expr.args.iter()).collect();
        let params = self.host.stdlib_params(&call.expr.name, values.len())?;
        Some(params.into_iter().zip(values).collect())
    }
}

/// Tells whether a function refuses a wrong argument when it is called. This one does so when an answer is judged,
/// perhaps.
fn fails_at_once(call: &Call<'_>) -> bool {
    call.expr.name != "judged_by"
}

/// Looks at one argument.
fn wrong(
    call: &Call<'_>,
    (param, value): (&str, &Expr),
    kind: Option<&ValueKind>,
    options: &LibraryOptions,
) -> Option<WrongArgument> {
    let name = call.expr.name.as_str();
    let start = value.start_position();
    let position = if start.is_none() { call.position } else { start };

    if let Expr::Unit(_) = value
        && param == "expected"
    {
        let message = format!("`{name}` needs an expected answer, not `()`");
        return Some((message, None, position));
    }

    let (_, refused, wanted) = REFUSED.iter().find(|(known, ..)| *known == param)?;
    let word = kind?.word();
    if !refused.contains(&word) {
        return None;
    }

    let help = match param {
        "options" => Some(as_option(word, options)),
        "allowed" => Some("write the allowed answers as a list: `[a, b]`".to_owned()),
        _ => None,
    };
    let message = format!("`{name}`: `{param}` must be {wanted}, not {}", article(word));
    Some((message, help, position))
}

/// Says how a value is given as an option: that which takes values of this type, if there is one.
fn as_option(word: &str, options: &LibraryOptions) -> String {
    let fits = |name: &&String| match options.wanted.get(*name) {
        Some(WantedValue::Count(_)) => word == "int",
        Some(WantedValue::Text) => word == "string",
        Some(WantedValue::List | WantedValue::Items) => word == "array",
        Some(WantedValue::Function) => word == "function",
        _ => false,
    };
    let name = options.names.iter().find(fits).or_else(|| options.names.first());
    let name = name.map_or("settings", String::as_str);
    format!("write the options as a map: `#{{ {name}: .. }}`")
}

/// Finds an example of `few_shot` that is no pair.
fn wrong_example(call: &Call<'_>, kinds: &Kinds<'_>, function: &str) -> Option<WrongArgument> {
    let Some(Expr::Map(options, _)) = call.expr.args.last() else { return None };
    if call.expr.name != "few_shot" {
        return None;
    }

    let (_, examples) = options.0.iter().find(|(key, _)| key.name == "examples")?;
    let Expr::Array(items, _) = examples else { return None };
    let is_wrong = |item: &Expr| match item {
        Expr::Array(pair, _) => pair.len() != 2,
        Expr::DynamicConstant(value, _) => {
            value.read_lock::<rhai::Array>().is_none_or(|pair| pair.len() != 2)
        }
        other => kinds.kind(other, function).is_some_and(|kind| kind.word() != "array"),
    };

    let (number, item) = items.iter().enumerate().find(|(_, item)| is_wrong(item))?;
    let message = format!(
        "option `examples` of `few_shot`: number {} is no pair of a task and its answer",
        number + 1
    );
    let help = "write `examples: [[task, answer], [task, answer]]`".to_owned();
    let start = item.start_position();
    Some((message, Some(help), if start.is_none() { call.position } else { start }))
}
