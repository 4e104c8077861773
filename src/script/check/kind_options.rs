//! Options that operations of a kind do not take, and those that they need: found where the script says the kind and
//! the options literally, before anything is paid.

use crate::script::check::checker::File;
use crate::script::check::kinds::Kinds;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::fix::{QuickFix, Suggestion};
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::host::kinds::OPERATION_KINDS;
use crate::script::host::options::{self, KindOptions};
use rhai::{Expr, FnCallExpr, Position};

/// The functions that take a kind and the options of an operation.
const ADDERS: &[&str] = &["add_operation", "add_aggregation"];

/// Finds options that do not go with the kind of the operation that a call adds.
pub(super) fn faults(
    file: &File<'_>,
    kinds: &Kinds<'_>,
    function: &str,
    call: &FnCallExpr,
) -> Vec<Diagnostic> {
    let [.., kind, options] = call.args.as_slice() else { return Vec::new() };
    if !ADDERS.contains(&call.name.as_str()) {
        return Vec::new();
    }

    if let Expr::StringConstant(word, _) = kind {
        return of_operation(file, word, options);
    }
    let is_function = kinds.kind(kind, function) == Some(ValueKind::Data("function"));
    if is_function {
        let options = literal(options);
        let known = KindOptions::of_function();
        return options.map_or(Vec::new(), |map| extra(file, "with a function", &known, &map));
    }
    Vec::new()
}

/// Finds options that do not go with a kind of operation.
pub(super) fn of_operation(file: &File<'_>, kind: &str, options: &Expr) -> Vec<Diagnostic> {
    let (Some(known), Some(map)) = (KindOptions::of_kind(kind), literal(options)) else {
        return Vec::new();
    };
    let mut faults = extra(file, &format!("`{kind}`"), &known, &map);

    let is_there =
        |need: &&str| map.keys.iter().any(|(key, value)| key == need && !value.is_empty());
    // What nobody knows may be the one that is missing, misspelt, and is named already.
    let options = options::known("add_aggregation").unwrap_or_default();
    let is_unknown =
        |(key, _): &(&str, OptionValue<'_>)| *key != "operation" && !options.contains(key);
    if let Some(usual) = known.needs.first()
        && !known.needs.iter().any(is_there)
        && !map.keys.iter().any(is_unknown)
    {
        faults.push(missing(file, kind, usual, &map));
    }
    faults
}

/// Says that an option is missing, or that its text is empty.
fn missing(file: &File<'_>, kind: &str, option: &str, map: &LiteralOptions<'_>) -> Diagnostic {
    let article = if option.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    let message = format!("an operation `{kind}` needs {article} `{option}`");
    let at = |place| Diagnostic::at(codes::OPTION, message, file.name, file.text, place);

    // What is there already, and empty, only has to be filled in.
    if let Some((_, value)) = map.keys.iter().find(|(key, _)| *key == option) {
        return at(value.place());
    }
    let is_alone = map.keys.is_empty();
    let value = if kind == "parse" { "#{}" } else { "\"\"" };
    let inserted = format!(" {option}: {value}{}", if is_alone { " " } else { "," });
    let fixes = map.place.line().zip(map.place.position()).map(|(line, column)| {
        // Behind the `#{` with which the map begins.
        QuickFix::At { line, column: column + 2, width: 0, text: inserted }
    });

    let help = format!("add it: `#{{ {option}: {value}, .. }}`");
    at(map.place).suggesting(Some(Suggestion { help, fixes: fixes.into_iter().collect() }))
}

/// Finds the options that a kind of operation does not take, although others do.
fn extra(
    file: &File<'_>,
    kind: &str,
    known: &KindOptions,
    map: &LiteralOptions<'_>,
) -> Vec<Diagnostic> {
    let of_all = options::known("add_aggregation").unwrap_or_default();
    let foreign = map.keys.iter().filter(|(key, _)| of_all.contains(key) && !known.takes(key));

    let each = foreign.map(|(key, value)| {
        let takers = OPERATION_KINDS
            .iter()
            .filter(|kind| KindOptions::of_kind(kind).is_some_and(|options| options.takes(key)));
        let takers: Vec<String> = takers.map(|kind| format!("`{kind}`")).collect();
        let help = Suggestion::from(format!("kinds that take it: {}", takers.join(", ")));
        let message = format!("an operation {kind} does not accept `{key}`");
        let fault = Diagnostic::at(codes::OPTION, message, file.name, file.text, value.key);
        fault.suggesting(Some(help))
    });
    each.collect()
}

/// Options that stand in the script.
struct LiteralOptions<'a> {
    place: Position,
    keys: Vec<(&'a str, OptionValue<'a>)>,
}

/// The value of an option, and where the option stands.
struct OptionValue<'a> {
    key: Position,
    value: &'a Expr,
}

impl OptionValue<'_> {
    fn is_empty(&self) -> bool {
        matches!(self.value, Expr::StringConstant(text, _) if text.is_empty())
    }

    fn place(&self) -> Position {
        self.value.start_position()
    }
}

fn literal(options: &Expr) -> Option<LiteralOptions<'_>> {
    let Expr::Map(map, place) = options else { return None };
    let each = map.0.iter();
    let keys =
        each.map(|(key, value)| (key.name.as_str(), OptionValue { key: key.pos, value })).collect();
    Some(LiteralOptions { place: *place, keys })
}
