//! What outlives one reading of a script: `state`, and functions that are called by name so that
//! the newest version answers.
#![allow(
    deprecated,
    reason = "Rhai marks the stored context of a call so only because its interface may change"
)]

use super::define::def;
use crate::base::failure::Kind;
use crate::script::host::context::Inner;
use crate::script::host::error::{EvalError, throw_new};
use crate::script::host::fiber::wait;
use crate::script::host::home::{Constants, Home};
use crate::script::host::state::State;
use crate::script::host::tasks;
use rhai::{
    AST, ASTFlags, Array, Dynamic, Engine, Expr, FnPtr, ImmutableString, NativeCallContext, Stmt,
};
use std::rc::Rc;

/// How deep functions may call one another by `hot`: each has a stack of its own.
const HOT_MAX: u32 = 32;

pub(super) fn register(engine: &mut Engine, host: &Rc<Inner>) {
    engine.register_indexer_get(|state: &mut State, key: ImmutableString| {
        state.map.borrow().get(key.as_str()).cloned().unwrap_or(Dynamic::UNIT)
    });

    rhai::FuncRegistration::new_index_setter().with_purity(true).register_into_engine(
        engine,
        |state: &mut State, key: ImmutableString, value: Dynamic| -> Result<(), EvalError> {
            state.set(&key, value)
        },
    );

    def(
        engine,
        "keys(state: state) -> array",
        r#"
        The keys of `state`.
        ```rhai
        state.best = "vote";
        print(state.keys());
        ```
        "#,
        |state: &mut State| -> Array {
            state.map.borrow().keys().map(|key| key.to_string().into()).collect()
        },
    );

    def(
        engine,
        "remove(state: state, key: string) -> any",
        r#"
        Removes an entry from `state` and returns it, or `()` if there is none.
        ```rhai
        state.runs = (state.runs ?? 0) + 1;
        print(state.runs);
        state.remove("runs");
        ```
        "#,
        |state: &mut State, key: &str| state.map.borrow_mut().remove(key).unwrap_or(Dynamic::UNIT),
    );

    hot(engine, host);
}

fn hot(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "hot(name: string, arguments: array) -> any",
        r#"
        Calls a function of this script by name. Under `kaizen watch`, a save does not restart a
        script that uses `hot`: the next `hot` calls the saved version of the function.
        ```rhai
        fn step(n) { n + 1 }
        print(hot("step", [41]));
        ```
        "#,
        move |context: NativeCallContext, name: &str, arguments: Array| {
            call_newest(&inner, &context, name, arguments)
        },
    );

    let inner = host.clone();
    def(engine, "hot(name: string) -> any", "", move |context: NativeCallContext, name: &str| {
        call_newest(&inner, &context, name, Array::new())
    });
}

fn call_newest(
    host: &Rc<Inner>,
    context: &NativeCallContext,
    name: &str,
    arguments: Array,
) -> Result<Dynamic, EvalError> {
    let newest = host.newest.borrow().clone();
    let Some(ast) = newest else { return Err(throw_new(Kind::State, "no script is running")) };

    let takes: Vec<usize> =
        ast.iter_functions().filter(|f| f.name == name).map(|f| f.params.len()).collect();
    if !takes.contains(&arguments.len()) {
        let message = if takes.is_empty() {
            format!("`hot`: this script has no function `{name}`")
        } else {
            let takes: Vec<String> = takes.iter().map(ToString::to_string).collect();
            format!("`hot`: `{name}` takes {}, not {}", takes.join(" or "), arguments.len())
        };
        return Err(throw_new(Kind::State, message));
    }

    let task = tasks::Task::clone(&tasks::current());
    if task.depth >= HOT_MAX {
        let message = format!("calls of `hot` are nested more than {HOT_MAX} deep");
        return Err(throw_new(Kind::State, message));
    }

    let task = tasks::Task { depth: task.depth + 1, ..task.next() };
    let engine = host.engine()?;
    let function = FnPtr::new(name)?;
    let mut store = context.store_data();
    // The stack is a new one.
    store.global.level = 0;

    let known = store.global.constants.as_ref();
    let known = known.map_or_else(Constants::new, |known| known.borrow().clone());

    wait(tasks::start(task, move || {
        let (home, _) = Home::evaluate(&engine, &without(&ast, &known), known)?;
        home.call(&store.create_context(&engine), &function, None, arguments)
    }))
}

/// Returns what a script offers to others: its functions, and the imports and constants that they
/// need.
pub(in crate::script) fn offered(ast: &AST) -> AST {
    let is_needed = |statement: &&Stmt| match statement {
        Stmt::Import(..) => true,
        Stmt::Var(_, flags, _) => flags.contains(ASTFlags::CONSTANT),
        _ => false,
    };
    with_statements(ast, ast.statements().iter().filter(is_needed).cloned().collect())
}

/// Leaves out the known constants that take some doing: what they ask is not asked at every call.
fn without(ast: &AST, known: &Constants) -> AST {
    let is_needed = |statement: &&Stmt| match statement {
        Stmt::Var(variable, ..) => {
            is_computed(&variable.1) || !known.contains_key(variable.0.name.as_str())
        }
        _ => true,
    };

    with_statements(ast, ast.statements().iter().filter(is_needed).cloned().collect())
}

/// Tells whether a value only has to be computed: it asks nothing and nobody.
pub(in crate::script) fn is_computed(value: &Expr) -> bool {
    match value {
        Expr::FnCall(call, _) => call.op_token.is_some() && call.args.iter().all(is_computed),
        Expr::Array(items, _) | Expr::InterpolatedString(items, _) => items.iter().all(is_computed),
        Expr::Map(map, _) => map.0.iter().all(|(_, item)| is_computed(item)),
        other => other.is_pure(),
    }
}

fn with_statements(ast: &AST, statements: Vec<Stmt>) -> AST {
    let mut changed = AST::new(statements, ast.shared_lib().clone());
    if let Some(source) = ast.source() {
        changed.set_source(source);
    }
    changed
}
