//! The standard library: script functions that every script has, written in Rhai and part of the
//! program. They are a global module, so that a script can use their closures and cannot change
//! what they call.

use rhai::{Engine, Module, Scope};

/// The files, by name.
const FILES: &[(&str, &str)] = &[
    ("judges", include_str!("../../stdlib/judges.rhai")),
    ("patterns", include_str!("../../stdlib/patterns.rhai")),
];

/// Adds the standard library to an engine.
pub(super) fn register(engine: &mut Engine) {
    for (name, text) in FILES {
        let mut ast = engine.compile(text).expect("the standard library is sound, tests run it");
        ast.set_source(format!("stdlib/{name}.rhai"));
        let module = Module::eval_ast_as_new(Scope::new(), &ast, engine);
        engine.register_global_module(module.expect("it only defines functions").into());
    }
}
