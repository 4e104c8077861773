//! The standard library: script functions that every script has, written in Rhai and part of the
//! program. They are a global module, so that a script can use their closures and cannot change
//! what they call.

use crate::script::host::captures::{Captures, Follows};
use crate::script::host::constants::constants;
use crate::script::host::modules;
use rhai::{AST, ASTNode, Engine, Expr, FnNamespace, Stmt};
use std::collections::BTreeMap;

/// The files, by name.
const FILES: &[(&str, &str)] = &[
    ("evolve", include_str!("../../../stdlib/evolve.rhai")),
    ("judges", include_str!("../../../stdlib/judges.rhai")),
    ("patterns", include_str!("../../../stdlib/patterns.rhai")),
];

/// Adds the standard library to an engine, and returns the options of its functions by name.
pub(in crate::script) fn register(
    engine: &mut Engine,
    captures: &Captures,
) -> BTreeMap<String, Vec<String>> {
    let mut options = BTreeMap::new();
    for (name, text) in FILES {
        let scope = constants();
        let mut ast = engine
            .compile_with_scope(&scope, text)
            .expect("the standard library is sound, tests run it");
        ast.set_source(format!("stdlib/{name}.rhai"));

        options.extend(options_of(&ast));
        captures.add(&ast, Follows::Nothing);
        let module = modules::evaluated(engine, &ast, FnNamespace::Global);
        engine.register_global_module(module.expect("it only defines functions").into());
    }

    options
}

/// Collects the options that functions fill in by `filled("name", options, defaults)`, where the
/// defaults are a literal map, perhaps in a variable of their own.
fn options_of(ast: &AST) -> BTreeMap<String, Vec<String>> {
    let mut options = BTreeMap::new();
    let mut defaults: Vec<String> = Vec::new();

    let keys = |expr: &Expr| -> Option<Vec<String>> {
        let Expr::Map(map, _) = expr else { return None };
        Some(map.0.iter().map(|(key, _)| key.name.to_string()).collect())
    };

    ast.walk(&mut |path: &[ASTNode]| {
        match path.last() {
            Some(ASTNode::Stmt(Stmt::Var(var, ..))) if var.0.name == "defaults" => {
                defaults = keys(&var.1).unwrap_or_default();
            }
            Some(ASTNode::Expr(Expr::FnCall(call, _))) if call.name == "filled" => {
                if let [Expr::StringConstant(name, _), _, given] = call.args.as_slice() {
                    let known = keys(given).unwrap_or_else(|| defaults.clone());
                    options.insert(name.to_string(), known);
                }
            }
            _ => {}
        }
        true
    });

    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_of_every_pattern_are_known() {
        let mut engine = Engine::new();
        engine.set_max_expr_depths(64, 32);
        let ast = engine.set_optimization_level(rhai::OptimizationLevel::None).compile(FILES[2].1);
        let options = options_of(&ast.expect("it is sound"));

        assert_eq!(options["vote"], ["n", "settings"]);
        assert_eq!(options["few_shot"], ["examples", "input", "output", "settings"]);
        assert_eq!(options.len(), 11, "{options:?}");
    }
}
