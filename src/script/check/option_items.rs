//! Values of options that are lists or maps themselves: what each item has to be, and how many are needed.

use crate::script::check::call::Call;
use crate::script::check::functions::ScriptFunction;
use crate::script::check::option_values::{OptionValues, PATTERNS_PLACE, map_at};
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::suggestion::{UnknownOption, unknown_option};
use crate::script::diagnostic::{Diagnostic, codes, type_word};
use crate::script::host::wanted::WantedValue;
use crate::script::host::{convert, options};
use rhai::{Expr, Ident};

/// Words of an optimizer that take patterns.
const TAKES_PATTERNS: &[&str] = &["compare", "run"];
/// How many items `evolve` shows at once, if nothing else is said.
const BATCH: usize = 3;

/// The wrong item of a list.
struct WrongItem<'a> {
    /// The word for its type.
    kind: String,
    /// Where it stands; the whole list if Rhai keeps it as one value.
    place: &'a Expr,
}

impl OptionValues<'_> {
    /// Finds an item of a literal list that an option does not take.
    pub(super) fn wrong_item(
        &self,
        of: &str,
        option: &str,
        list: &Expr,
        wanted: WantedValue,
    ) -> Option<Diagnostic> {
        let WrongItem { kind, place } = self.item_of(list, |kind| wanted.takes_item(kind))?;
        let message = format!(
            "option `{option}` of `{of}`: must be {}, not a list with {}",
            wanted.words(),
            type_word::article(&kind)
        );

        let is_tools = wanted == WantedValue::Tools;
        let help = self.as_tool(place).filter(|_| is_tools).map(|tool| format!("write `{tool}`"));
        Some(Diagnostic { help, ..self.fault(message, place) })
    }

    /// Finds the first item of a literal list whose kind is known and not taken.
    fn item_of<'a>(&self, list: &'a Expr, takes: impl Fn(&str) -> bool) -> Option<WrongItem<'a>> {
        match list {
            Expr::Array(items, _) => items.iter().find_map(|item| {
                let kind = self.kinds.kind(item, self.function)?.word().to_owned();
                (!takes(&kind)).then_some(WrongItem { kind, place: item })
            }),
            Expr::DynamicConstant(value, _) => {
                let items = value.read_lock::<rhai::Array>()?;
                let mut kinds = items.iter().map(convert::type_name);
                let kind = kinds.find(|kind| !takes(kind))?.to_owned();
                Some(WrongItem { kind, place: list })
            }
            _ => None,
        }
    }

    /// Says how a list of tools is written that is to hold this value.
    pub(super) fn as_tools(&self, value: &Expr, wanted: WantedValue) -> Option<String> {
        if wanted != WantedValue::Tools {
            return None;
        }
        let tool = match (value, self.kinds.kind(value, self.function)?.word()) {
            (Expr::Variable(name, ..), "tool") => name.1.to_string(),
            (_, "tool") => "tool(..)".to_owned(),
            _ => self.as_tool(value)?,
        };
        Some(format!("write `[{tool}]`"))
    }

    /// Writes the tool that calls a function.
    fn as_tool(&self, value: &Expr) -> Option<String> {
        if self.kinds.kind(value, self.function)?.word() != "function" {
            return None;
        }
        let functions = &self.file.functions;
        let name = match value {
            Expr::Variable(name, ..) if functions.has(&name.1) => name.1.as_str(),
            _ => {
                return Some(
                    "tool(\"name\", \"What it does.\", \"x: string\", |args| ..)".to_owned(),
                );
            }
        };

        let params = functions.named(name).next().map(ScriptFunction::params).unwrap_or_default();
        let fields: Vec<String> = params.iter().map(|param| format!("{param}: integer")).collect();
        let given: Vec<String> = params.iter().map(|param| format!("args.{param}")).collect();
        let function = match given.as_slice() {
            [] => format!("|| {name}()"),
            given => format!("|args| {name}({})", given.join(", ")),
        };
        let fields = match fields.as_slice() {
            [] => "#{}".to_owned(),
            fields => format!("\"{}\"", fields.join(", ")),
        };
        Some(format!("tool(\"{name}\", \"What it does.\", {fields}, {function})"))
    }

    /// Finds a pattern of an optimizer that is no function.
    pub(super) fn wrong_patterns(
        &self,
        call: &Call<'_>,
        before: Option<&ValueKind>,
    ) -> Option<Diagnostic> {
        let name = call.expr.name.as_str();
        if !TAKES_PATTERNS.contains(&name) {
            return None;
        }
        let first = call.expr.args.first().and_then(|first| self.kinds.kind(first, self.function));
        let subject = if call.is_method { before } else { first.as_ref() };
        if subject.map(ValueKind::word) != Some("optimizer") {
            return None;
        }

        let Expr::Map(patterns, _) = map_at(call, PATTERNS_PLACE)? else { return None };
        patterns.0.iter().find_map(|(key, value)| {
            let kind = self.kinds.kind(value, self.function)?;
            if kind.word() == "function" {
                return None;
            }

            let found = type_word::article(kind.word());
            let message = format!("`{name}` takes functions, `|input, branch| ..`, not {found}");
            let help = format!("write `#{{ {}: |input, branch| branch.chat(input) }}`", key.name);
            Some(Diagnostic { help: Some(help), ..self.fault(message, value) })
        })
    }

    /// Finds what is added to a session as a branch and is none.
    pub(super) fn wrong_branches(&self, call: &Call<'_>) -> Option<Diagnostic> {
        let list = call.expr.args.last().filter(|_| call.expr.name == "include_branches")?;
        let WrongItem { kind, place } = self.item_of(list, |kind| kind == "branch")?;
        let message =
            format!("`include_branches` takes branches, not {}", type_word::article(&kind));
        let help = (kind == "string").then(|| "write `[branch(\"model\")]`".to_owned());
        Some(Diagnostic { help, ..self.fault(message, place) })
    }

    /// Finds wrong and unknown settings of the calls that a function of the standard library makes.
    pub(super) fn settings(&self, of: &str, settings: &Expr, faults: &mut Vec<Diagnostic>) {
        let asks = if of == "tool_vote" { "react" } else { "chat" };
        self.values(asks, settings, faults);

        let Expr::Map(map, _) = settings else { return };
        let known = options::known(asks).unwrap_or_default();
        let file = self.file;
        for (key, _) in map.0.iter().filter(|(key, _)| !known.contains(&key.name.as_str())) {
            let UnknownOption { message, suggestion } =
                unknown_option(&format!("`settings` of `{of}`"), &key.name, &known);
            let fault = Diagnostic::at(codes::OPTION, message, file.name, file.text, key.pos);
            faults.push(fault.suggesting(Some(suggestion)));
        }
    }

    /// Finds lists from which `evolve` cannot learn.
    pub(super) fn too_few_items(&self, of: &str, given: &[(Ident, Expr)]) -> Option<Diagnostic> {
        if of != "evolve" {
            return None;
        }
        let option = |name: &str| given.iter().find(|(key, _)| key.name == name).map(|(_, of)| of);
        let batch = match option("batch") {
            None => Some(BATCH),
            Some(Expr::IntegerConstant(batch, _)) => usize::try_from(*batch).ok(),
            Some(_) => None,
        };

        if let Some(train) = option("train")
            && let Some(count) = count(train)
            && let Some(batch) = batch.filter(|batch| count < *batch)
        {
            let message = format!(
                "`evolve` needs at least {batch} items in `train` (`batch`), and has {count}"
            );
            return Some(self.fault(message, train));
        }

        let valid = option("valid")?;
        let needed = if option("held_out").is_some() { 1 } else { 2 };
        count(valid).filter(|count| *count < needed).map(|_| {
            let message =
                "`evolve` needs items in `valid` and `held_out`, or two and more in `valid`";
            self.fault(message.to_owned(), valid)
        })
    }
}

/// Counts the items of a literal list.
fn count(list: &Expr) -> Option<usize> {
    match list {
        Expr::Array(items, _) => Some(items.len()),
        Expr::DynamicConstant(value, _) => Some(value.read_lock::<rhai::Array>()?.len()),
        _ => None,
    }
}
