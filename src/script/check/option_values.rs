//! Values of options that no call takes, and names of metrics that nobody reads: found where the script
//! says them literally, before anything is paid.

use crate::optimizer::evidence::observation::{self, MetricsError};
use crate::optimizer::learner::Objective;
use crate::script::check::call::Call;
use crate::script::check::checker::File;
use crate::script::check::kinds::Kinds;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::fix::Suggestion;
use crate::script::diagnostic::suggestion::{UnknownOption, unknown_option};
use crate::script::diagnostic::{Diagnostic, codes, type_word};
use crate::script::host::stdlib::LibraryOptions;
use crate::script::host::wanted::{WantedValue, wanted, wanted_argument};
use crate::script::host::{convert, options};
use rhai::{Expr, FnCallExpr};
use serde_json::Value;

/// Options that are maps of options themselves.
const NESTED: &[&str] = &["budget", "constraints", "objective"];

/// The place of the metrics among the arguments behind a dot.
const METRICS_PLACE: usize = 2;
/// The place of the patterns among the arguments behind a dot.
pub(super) const PATTERNS_PLACE: usize = 1;
/// The least number of patterns that can be compared.
const PATTERNS_MIN: usize = 2;

/// Where values of options are looked for.
pub(super) struct OptionValues<'a> {
    pub(super) file: &'a File<'a>,
    pub(super) kinds: &'a Kinds<'a>,
    /// The function in which the call stands.
    pub(super) function: &'a str,
}

impl OptionValues<'_> {
    /// Finds the wrong values of a call's literal options; `before` is what stands before its dot.
    pub(super) fn faults(
        &self,
        call: &Call<'_>,
        before: Option<&ValueKind>,
        faults: &mut Vec<Diagnostic>,
    ) {
        let name = call.expr.name.as_str();
        // A map alone describes a server, whose options have other values.
        let is_server = name == "mcp" && call.expr.args.len() == 1;
        if let Some(map @ Expr::Map(..)) = call.expr.args.last()
            && options::known(name).is_some()
            && !self.kinds.ends_with_value(call)
            && !is_server
        {
            self.map(name, map, faults);
        }

        self.arguments(call.expr, faults);
        if observation::RECORDS.contains(&name) {
            let metrics = map_at(call, METRICS_PLACE);
            faults.extend(metrics.into_iter().flat_map(|metrics| self.metrics(name, metrics)));
        }
        if name == "compare" {
            faults.extend(self.too_few_patterns(call));
        }
        faults.extend(self.wrong_patterns(call, before));
        faults.extend(self.wrong_branches(call));
    }

    /// Finds the wrong values of a literal map of options.
    pub(super) fn values(&self, of: &str, map: &Expr, faults: &mut Vec<Diagnostic>) {
        self.map(of, map, faults);
    }

    fn map(&self, of: &str, map: &Expr, faults: &mut Vec<Diagnostic>) {
        let Expr::Map(fields, _) = map else { return };
        let known = options::known(of).unwrap_or_default();
        // What no call of this name takes is told already.
        for (key, value) in fields.0.iter().filter(|(key, _)| known.contains(&key.name.as_str())) {
            let option = key.name.as_str();
            if let Some(fault) =
                wanted(of, option).and_then(|wanted| self.value(of, option, value, wanted))
            {
                faults.push(fault);
            }

            if option == "objective"
                && let Expr::StringConstant(word, _) = value
                && let Err(reason) = Objective::parse(word)
            {
                let message = format!("option `objective` of `{of}`: is wrong: {reason}");
                faults.push(self.fault(message, value));
            }

            if NESTED.contains(&option)
                && let Expr::Map(inner, _) = value
            {
                let known = options::known(option).unwrap_or_default();
                for (key, _) in
                    inner.0.iter().filter(|(key, _)| !known.contains(&key.name.as_str()))
                {
                    let UnknownOption { message, suggestion } =
                        unknown_option(&format!("`{option}`"), &key.name, &known);
                    let file = self.file;
                    let fault =
                        Diagnostic::at(codes::OPTION, message, file.name, file.text, key.pos);
                    faults.push(fault.suggesting(Some(suggestion)));
                }
                self.map(option, value, faults);
            }
        }
    }

    pub(super) fn value(
        &self,
        of: &str,
        option: &str,
        value: &Expr,
        wanted: WantedValue,
    ) -> Option<Diagnostic> {
        let Some(found) = self.wrong(value, wanted) else {
            return self.wrong_item(of, option, value, wanted);
        };
        let message =
            format!("option `{option}` of `{of}`: must be {}, not {found}", wanted.words());
        let help = match wanted {
            WantedValue::Branch => Some("write `branch(..)`, with a model or its name".to_owned()),
            _ => self.as_tools(value, wanted),
        };
        Some(Diagnostic { help, ..self.fault(message, value) })
    }

    /// Says what a value is that is not what is wanted.
    fn wrong(&self, value: &Expr, wanted: WantedValue) -> Option<String> {
        let found = match literal(value) {
            Some(Literal::Whole(number)) => {
                let is_wrong = wanted.takes("int") && !wanted.holds_whole(number);
                is_wrong.then(|| number.to_string())
            }
            Some(Literal::Fraction(number)) => {
                let is_wrong = wanted.takes("float") && !wanted.holds(number);
                is_wrong.then(|| number.to_string())
            }
            Some(Literal::Text(text)) => match wanted {
                WantedValue::Word(words) if !words.contains(&text) => Some(format!("\"{text}\"")),
                _ => None,
            },
            Some(Literal::EmptyList) => (wanted == WantedValue::Items).then(|| "`[]`".to_owned()),
            None => None,
        };

        found.or_else(|| {
            let kind = self.kinds.kind(value, self.function)?;
            let kind = kind.word();
            (!wanted.takes(kind)).then(|| type_word::article(kind))
        })
    }

    pub(super) fn fault(&self, message: String, value: &Expr) -> Diagnostic {
        let file = self.file;
        let at = value.start_position();
        Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, at)
    }

    /// Finds arguments that are out of bounds.
    fn arguments(&self, call: &FnCallExpr, faults: &mut Vec<Diagnostic>) {
        for (place, argument) in call.args.iter().enumerate() {
            // A wrong type is found with the forms of the function.
            let number = match literal(argument) {
                Some(Literal::Whole(_) | Literal::Fraction(_)) => argument,
                Some(Literal::Text(_) | Literal::EmptyList) | None => continue,
            };
            if let Some(wanted) = wanted_argument(&call.name, place)
                && let Some(found) = self.wrong(number, wanted)
            {
                let of = &call.name;
                let words = wanted.words();
                let message =
                    format!("argument {} of `{of}`: must be {words}, not {found}", place + 1);
                faults.push(self.fault(message, argument));
            }
        }
    }

    /// Finds the wrong values of the options of a function of the standard library, and those that it lacks.
    pub(super) fn of_library(
        &self,
        call: &FnCallExpr,
        known: &LibraryOptions,
        faults: &mut Vec<Diagnostic>,
    ) {
        let Some(Expr::Map(map, place)) = call.args.last() else { return };
        let name = call.name.as_str();

        for (key, value) in &map.0 {
            let option = key.name.as_str();
            // The code of the library tells one part, and the table another.
            let own = known.names.iter().any(|known| known == option);
            let both = [known.wanted.get(option).copied(), wanted(name, option).filter(|_| own)];
            let mut each = both.into_iter().flatten();
            faults.extend(each.find_map(|wanted| self.value(name, option, value, wanted)));
            if option == "settings" {
                self.settings(name, value, faults);
            }
        }
        faults.extend(self.too_few_items(name, &map.0));

        for (option, what) in &known.needed {
            if map.0.iter().all(|(key, _)| key.name != *option) {
                let message = format!("`{name}` needs `{option}`, {what}");
                let file = self.file;
                let fault = Diagnostic::at(codes::OPTION, message, file.name, file.text, *place);
                faults.push(fault);
            }
        }
    }

    /// Finds a comparison of fewer patterns than two.
    fn too_few_patterns(&self, call: &Call<'_>) -> Option<Diagnostic> {
        let patterns = map_at(call, PATTERNS_PLACE)?;
        let Expr::Map(map, _) = patterns else { return None };
        let is_wrong = map.0.len() < PATTERNS_MIN;
        is_wrong.then(|| self.fault("`compare` needs at least two patterns".to_owned(), patterns))
    }

    /// Finds names of metrics that look like ones that are read, and metrics that cannot be.
    fn metrics(&self, word: &str, metrics: &Expr) -> Vec<Diagnostic> {
        let Expr::Map(map, place) = metrics else { return Vec::new() };
        let file = self.file;
        let misspelt = |key: &rhai::Ident| {
            let near = observation::misspelt(&key.name)?;
            let message = observation::unknown_metric(&key.name);
            let fault = Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, key.pos);
            Some(fault.suggesting(Some(Suggestion::word(near))))
        };
        let found: Vec<Diagnostic> = map.0.iter().filter_map(|(key, _)| misspelt(key)).collect();
        if !found.is_empty() {
            return found;
        }

        // Of what is not written out, nobody knows whether it is right: any rate is, for example.
        let value = |expr: &Expr| {
            let literal = expr.get_literal_value(None)?;
            convert::to_value(&literal).ok()
        };
        let given: serde_json::Map<String, Value> = map
            .0
            .iter()
            .filter_map(|(key, expr)| match value(expr) {
                Some(value) => Some((key.name.to_string(), value)),
                None if key.name == "success_rate" => Some((key.name.to_string(), 1.into())),
                None => None,
            })
            .collect();

        let wrong = observation::check(word, &given).err();
        let fault = wrong.map(|wrong| {
            let key = match &wrong {
                MetricsError::Wrong { key, .. } => Some(*key),
                MetricsError::NoSuccess { .. } => Some("success_rate"),
                MetricsError::NoSuccessRate { .. } | MetricsError::Misspelt { .. } => None,
            };
            let position = map.0.iter().find(|(name, _)| Some(name.name.as_str()) == key);
            let position = position.map_or(*place, |(key, _)| key.pos);
            let message = wrong.to_string();
            Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, position)
        });
        fault.into_iter().collect()
    }
}

/// Returns the literal map that is an argument at a place behind a dot. Without a dot, the value that would
/// stand before it is the first argument.
pub(super) fn map_at<'a>(call: &Call<'a>, place: usize) -> Option<&'a Expr> {
    let argument = call.expr.args.get(place + usize::from(!call.is_method));
    argument.filter(|argument| matches!(argument, Expr::Map(..)))
}

/// A value that stands in the script.
enum Literal<'a> {
    Whole(i64),
    Fraction(f64),
    Text(&'a str),
    EmptyList,
}

fn literal(expr: &Expr) -> Option<Literal<'_>> {
    match expr {
        Expr::IntegerConstant(number, _) => Some(Literal::Whole(*number)),
        Expr::FloatConstant(number, _) => Some(Literal::Fraction(**number)),
        Expr::StringConstant(text, _) => Some(Literal::Text(text)),
        Expr::Array(items, _) if items.is_empty() => Some(Literal::EmptyList),
        _ => None,
    }
}
