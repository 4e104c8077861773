//! How a word of the script API is defined.

use rhai::{Dynamic, Engine, FuncRegistration, RhaiFunc, RhaiNativeFunc, Shared, Variant};
use std::any::TypeId;

/// Registers one form of a function. `signature` is what people read, such as
/// `fork(branch: branch) -> branch`; with `get ` before it, it is a property. `doc` may be empty
/// for a further form of the same function.
pub(in crate::script) fn def<A, const N: usize, const X: bool, R, const F: bool, FUNC>(
    engine: &mut Engine,
    signature: &str,
    doc: &str,
    function: FUNC,
) where
    A: 'static,
    R: Variant + Clone,
    FUNC: RhaiNativeFunc<A, N, X, R, F> + 'static,
{
    let (head, gives) = signature.split_once(" -> ").unwrap_or((signature, ""));
    let (name, rest) = head.split_once('(').expect("a signature has parentheses");
    let params = rest.strip_suffix(')').expect("a signature closes its parentheses");
    let mut info: Vec<&str> = params.split(", ").filter(|param| !param.is_empty()).collect();
    if !gives.is_empty() {
        info.push(gives);
    }

    let registration = match name.strip_prefix("get ") {
        Some(property) => FuncRegistration::new_getter(property),
        None => FuncRegistration::new(name),
    };

    // As it is written in the code: `shown` makes a text of it, which few runs need.
    let comments: &[&str] = if doc.is_empty() { &[] } else { &[doc] };

    registration
        .in_global_namespace()
        .with_purity(true)
        .with_volatility(true)
        .with_params_info(info)
        .with_comments(comments)
        .register_into_engine(engine, UnlockedFn(function));
}

/// Returns the lines of a comment of a function: one that a script defines, or one that `def` was given.
pub(in crate::script) fn shown(comment: &str) -> Vec<&str> {
    if comment.starts_with("///") {
        comment.lines().map(|line| line.strip_prefix("/// ").unwrap_or("")).collect()
    } else {
        dedent(comment)
    }
}

/// A native function that works on a copy of what its first argument shares with closures: a handle
/// is the same thing without the lock, which would be held while the function waits.
struct UnlockedFn<F>(F);

impl<A, const N: usize, const X: bool, R, const F: bool, FUNC> RhaiNativeFunc<A, N, X, R, F>
    for UnlockedFn<FUNC>
where
    A: 'static,
    R: 'static,
    FUNC: RhaiNativeFunc<A, N, X, R, F>,
{
    fn into_rhai_function(self, is_pure: bool, is_volatile: bool) -> RhaiFunc {
        let mut function = self.0.into_rhai_function(is_pure, is_volatile);
        if let RhaiFunc::Method { func, .. } = &mut function {
            let inner = func.clone();
            *func = Shared::new(move |context, arguments: &mut [&mut Dynamic]| {
                let Some(shared) = arguments.first().filter(|first| first.is_shared()) else {
                    return inner(context, arguments);
                };

                let mut own = shared.flatten_clone();
                let mut arguments: Vec<&mut Dynamic> =
                    arguments.iter_mut().map(|argument| &mut **argument).collect();
                arguments[0] = &mut own;
                inner(context, &mut arguments)
            });
        }

        function
    }

    fn param_types() -> [TypeId; N] {
        FUNC::param_types()
    }

    fn param_names() -> [&'static str; N] {
        FUNC::param_names()
    }
}

/// Takes the indentation that all lines share off a text, and the empty lines around it.
pub(in crate::script) fn dedent(text: &str) -> Vec<&str> {
    let lines = text.trim_matches('\n').trim_end().lines();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let shared =
        lines.clone().filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
    lines.map(|line| line.get(shared..).unwrap_or("")).collect()
}
