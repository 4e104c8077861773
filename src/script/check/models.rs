//! Names of models in a script that do not exist.

use crate::script::check::call::Call;
use crate::script::check::checker::{Checker, File};
use crate::script::diagnostic::fix::QuickFix;
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::host::kinds::{MODEL_OPTIONS, TAKES_MODEL};
use rhai::{Expr, Position};

impl Checker<'_> {
    /// Finds literal names of models that do not exist.
    pub(super) fn models(&self, file: &File<'_>, call: &Call<'_>, faults: &mut Vec<Diagnostic>) {
        let name = call.expr.name.as_str();
        if call.is_method {
            return;
        }

        let mut named = Vec::new();
        if TAKES_MODEL.contains(&name)
            && let Some(first) = call.expr.args.first()
        {
            texts(first, &mut named);
        }

        let maps = call.expr.args.iter().filter_map(|argument| match argument {
            Expr::Map(map, _) => Some(&map.0),
            _ => None,
        });
        for (key, value) in maps.flatten() {
            if MODEL_OPTIONS.contains(&(name, key.name.as_str())) {
                texts(value, &mut named);
            }
        }

        for (text, position) in named {
            let Err(error) = self.host.with.models.check_name(text) else { continue };
            let (message, help) = error.parts();
            let fault = Diagnostic::at(codes::MODEL, message, file.name, file.text, position);
            let near = self.host.with.models.near_name(text);
            let fixes = near.map(|near| QuickFix::Instead(format!("\"{near}\"")));
            let fixes = fixes.into_iter().collect();
            faults.push(Diagnostic { help: help.map(str::to_owned), fixes, ..fault });
        }
    }
}

/// Collects a literal text, or those of a list.
fn texts<'a>(value: &'a Expr, found: &mut Vec<(&'a str, Position)>) {
    match value {
        Expr::StringConstant(text, position) => found.push((text, *position)),
        Expr::Array(items, _) => items.iter().for_each(|item| texts(item, found)),
        _ => {}
    }
}
