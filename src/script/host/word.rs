//! How a word of the language is defined in the place of Rhai's.

use crate::script::diagnostic::language::is_word;
use crate::script::host::error::EvalError;
use rhai::{
    Dynamic, EvalAltResult, FnPtr, FuncRegistration, Module, NativeCallContext, RhaiNativeFunc,
    Variant,
};

/// Adds a word that leaves its list as it is.
pub(in crate::script) fn word<A, const N: usize, const X: bool, R, const F: bool, FUNC>(
    module: &mut Module,
    name: &str,
    params: &str,
    function: FUNC,
) where
    A: 'static,
    R: Variant + Clone,
    FUNC: RhaiNativeFunc<A, N, X, R, F> + 'static,
{
    add(module, name, params, true, function);
}

/// Adds a word that changes its list.
pub(in crate::script) fn change<A, const N: usize, const X: bool, R, const F: bool, FUNC>(
    module: &mut Module,
    name: &str,
    params: &str,
    function: FUNC,
) where
    A: 'static,
    R: Variant + Clone,
    FUNC: RhaiNativeFunc<A, N, X, R, F> + 'static,
{
    add(module, name, params, false, function);
}

fn add<A, const N: usize, const X: bool, R, const F: bool, FUNC>(
    module: &mut Module,
    name: &str,
    params: &str,
    is_pure: bool,
    function: FUNC,
) where
    A: 'static,
    R: Variant + Clone,
    FUNC: RhaiNativeFunc<A, N, X, R, F> + 'static,
{
    debug_assert!(is_word(name), "{name} is not in the list");
    FuncRegistration::new(name)
        .in_global_namespace()
        .with_purity(is_pure)
        .with_volatility(true)
        .with_params_info(params.split(", "))
        .set_into_module(module, function);
}

/// Makes a function of a name: an old way to write `Fn("name")`.
pub(in crate::script) fn named(name: &str) -> Result<FnPtr, EvalError> {
    FnPtr::new(name)
}

/// Compares two values by `==`.
pub(in crate::script) fn equal(
    context: &NativeCallContext,
    mut one: Dynamic,
    mut other: Dynamic,
) -> Result<bool, EvalError> {
    let is_other_type = one.type_id() != other.type_id();
    let answer = context.call_native_fn_raw("==", true, &mut [&mut one, &mut other]);
    match answer.map_err(|error| *error) {
        Ok(answer) => Ok(answer.as_bool().unwrap_or(false)),
        // Values of different types are different.
        Err(EvalAltResult::ErrorFunctionNotFound(..)) if is_other_type => Ok(false),
        Err(error) => Err(error.into()),
    }
}
