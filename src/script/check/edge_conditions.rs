//! Conditions of operations and edges (`when`) that are neither true nor false, and checks of answers (`check`) that may
//! say nothing. They are asked when results are there, which is after calls that were paid for.

use crate::script::check::call::call;
use crate::script::check::checker::{Checker, File};
use crate::script::check::closure::option;
use crate::script::check::judges::results;
use crate::script::check::kinds::Kinds;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::type_word::article;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::ASTNode;

/// Words with such a condition among their options.
const WITH_CONDITION: &[&str] = &["add_aggregation", "add_edge", "add_operation"];

/// Words with a check of the answer among their options.
const WITH_CHECK: &[&str] = &["add_operation", "operate", "parse", "react"];

/// Returns the closures that calls of some words are given as an option, in the order of the calls.
fn given(file: &File<'_>, kinds: &Kinds<'_>, words: &[&str], name: &str) -> Vec<String> {
    let mut found = Vec::new();
    file.ast.walk(&mut |path: &[ASTNode]| {
        if let Some(call) = call(path)
            && words.contains(&call.expr.name.as_str())
            && !kinds.is_of_script(path, &call)
        {
            found.extend(option(call.expr, name));
        }
        true
    });
    found
}

impl Checker<'_> {
    /// Finds checks of answers that may give nothing, which is no verdict.
    pub(super) fn answer_checks(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let checks = given(file, kinds, WITH_CHECK, "check");
        if checks.is_empty() {
            return;
        }

        let results = results(file, kinds);
        let given = checks.iter().filter_map(|name| results.get(name)).flatten();
        for result in given.filter(|result| result.is_nothing) {
            let message =
                "`check` may return nothing here, which is neither true, false nor a text"
                    .to_owned();
            let position = result.position;
            let fault = Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, position);
            let help = "return `true` where the answer is right: `if wrong { \"what is wrong\" } else { true }`";
            let fault = Diagnostic { help: Some(help.to_owned()), ..fault.silent() };
            self.push_new(fault.warning());
        }
    }
}

impl Checker<'_> {
    /// Finds such conditions.
    pub(super) fn edge_conditions(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let conditions = given(file, kinds, WITH_CONDITION, "when");
        if conditions.is_empty() {
            return;
        }

        let results = results(file, kinds);
        for result in conditions.iter().filter_map(|name| results.get(name)).flatten() {
            let help = match &result.kind {
                Some(ValueKind::Data("string")) => {
                    "compare it, such as `text == \"yes\"` or `text.contains(\"yes\")`"
                }
                Some(ValueKind::Data("int" | "float")) => "compare it, such as `number > 0`",
                Some(ValueKind::Data("array") | ValueKind::List(_)) => {
                    "compare it, such as `!list.is_empty()`"
                }
                _ => continue,
            };
            let kind = result.kind.as_ref().map_or("any", ValueKind::word);
            let message = format!("`when` must return true or false, not {}", article(kind));
            let position = result.position;
            let fault =
                Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, position).silent();
            self.push_new(Diagnostic { help: Some(help.to_owned()), ..fault });
        }
    }
}
