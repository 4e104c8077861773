//! The names that every script knows without a definition.

use rhai::{Dynamic, Scope};

/// Names that every script knows: each with its type and its text.
pub(in crate::script) const CONSTANTS: &[(&str, &str, &str)] = &[
    (
        "is_main",
        "bool",
        r#"
        True in the script that is run, false in a file that it imports. An import runs all code
        outside of functions. Put code that should run only when the file itself is run into `if
        is_main { .. }`.
        ```rhai
        if is_main { print("run directly"); }
        ```
        "#,
    ),
    (
        "log",
        "log",
        r#"
        The log of a script: `log.info`, `log.warn` and `log.error` write to stderr and the journal.
        ```rhai
        log.info("half of it is done");
        ```
        "#,
    ),
    (
        "run_id",
        "string",
        r#"
        The id of this run, for `kaizen show`. In a resumed run, it is the id of the first run.
        ```rhai
        print(`this is run ${run_id}`);
        ```
        "#,
    ),
    (
        "state",
        "state",
        r#"
        A map that persists: under `kaizen watch` between runs, in `kaizen repl` between lines. In
        `kaizen run`, it starts empty. A missing key is `()`. It holds data, not functions. Words of
        maps work on it, such as `"runs" in state`, `state.len()` and `state.values()`; a loop goes
        over `state.keys()`.
        ```rhai
        state.runs = (state.runs ?? 0) + 1;
        print(state.runs);
        ```
        "#,
    ),
];

/// Returns them, for the compilation of a script.
pub(in crate::script) fn constants() -> Scope<'static> {
    let mut scope = Scope::new();
    for (name, ..) in CONSTANTS {
        scope.push_dynamic(*name, Dynamic::UNIT);
    }
    scope
}
