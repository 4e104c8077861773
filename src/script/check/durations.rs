//! Times that are given in seconds, as other languages take them, to words that take milliseconds.

use crate::script::check::call::call;
use crate::script::check::checker::{Checker, File};
use crate::script::check::kinds::Kinds;
use crate::script::diagnostic::{Diagnostic, codes};
use rhai::{ASTNode, Expr, Position};

/// Words that take a time in milliseconds as their first argument, whole or not.
pub(super) const TIMED: &[&str] = &["sleep"];
/// Fractions below this many milliseconds are meant as seconds.
const SECONDS_MAX: f64 = 10.0;

impl Checker<'_> {
    /// Finds times that are fractions of so few milliseconds that seconds are meant.
    pub(super) fn durations(&mut self, file: &File<'_>, kinds: &Kinds<'_>) {
        let mut found: Vec<(String, f64, Position)> = Vec::new();
        file.ast.walk(&mut |path: &[ASTNode]| {
            let made = call(path).filter(|made| !made.is_method && !kinds.is_of_script(path, made));
            if let Some(made) = made
                && TIMED.contains(&made.expr.name.as_str())
                && let Some(Expr::FloatConstant(time, position)) = made.expr.args.first()
                && **time > 0.0
                && **time < SECONDS_MAX
            {
                found.push((made.expr.name.to_string(), **time, *position));
            }
            true
        });

        for (word, time, position) in found {
            let message = format!("`{word}` takes milliseconds, and this is {time} ms");
            let fault = Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, position);
            let help = format!("write `{word}({})` for {time} s", (time * 1000.0).round());
            self.push_new(Diagnostic { help: Some(help), ..fault.warning() });
        }
    }
}
