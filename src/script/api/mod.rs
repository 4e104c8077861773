//! What scripts see: one file per noun, each a thin translation to the domain.

mod branch;
mod builder;
mod data;
mod flow;
mod knowledge;
mod model;
mod operation;
mod optimizer;
pub(super) mod run;
mod session;
pub(super) mod state;
pub(super) mod task;

use crate::script::Inner;
use crate::script::check;
use rhai::{Engine, FuncRegistration, RhaiNativeFunc, Scope, Variant};
use std::collections::BTreeMap;
use std::rc::Rc;

/// One word of the script API, as the reference shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The word.
    pub name: String,
    /// How it is called, one line for each form.
    pub signatures: Vec<String>,
    /// What it does, with an example.
    pub doc: String,
}

/// Registers every word of the script API.
pub(super) fn register(engine: &mut Engine, host: &Rc<Inner>) {
    model::register(engine, host);
    branch::register(engine, host);
    session::register(engine, host);
    builder::register(engine, host);
    flow::register(engine, host);
    task::register(engine, host);
    optimizer::register(engine, host);
    knowledge::register(engine, host);
    data::register(engine, host);
    run::register(engine, host);
    state::register(engine, host);
    let host = Rc::downgrade(host);
    #[allow(deprecated, reason = "marked so only because the interface may change")]
    engine.on_var(move |name, index, context| {
        let host = host.upgrade();
        if let Some(host) = host
            && let Some(value) = run::constant(&host, name)
        {
            return Ok(Some(value));
        }
        // A captured handle is shared behind a lock that is held for a whole native call, waits
        // included: a copy of the handle is the same thing without the lock.
        let scope = context.scope();
        let entry = if index == 0 {
            scope.get(name).cloned()
        } else {
            scope
                .iter_raw()
                .nth(index - 1)
                .and_then(|(_, _, value)| value.is_shared().then(|| value.clone()))
        };
        let Some(entry) = entry.filter(rhai::Dynamic::is_shared) else { return Ok(None) };
        let flat = entry.flatten_clone();
        Ok(super::tasks::is_handle(&flat).then_some(flat))
    });
}

/// Returns the names that every script knows, for its compilation.
pub(super) fn constants() -> Scope<'static> {
    let mut scope = Scope::new();
    for name in run::CONSTANTS {
        scope.push_dynamic(*name, rhai::Dynamic::UNIT);
    }
    scope
}

/// Registers one form of a function. `signature` is what people read, such as
/// `fork(branch: branch) -> branch`; with `get ` before it, it is a property. `doc` may be empty
/// for a further form of the same function.
pub(super) fn def<A, const N: usize, const X: bool, R, const F: bool, FUNC>(
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
    let lines: Vec<String> = dedent(doc).iter().map(|line| format!("/// {line}")).collect();
    let comments: Vec<String> = if doc.is_empty() { Vec::new() } else { vec![lines.join("\n")] };
    registration
        .in_global_namespace()
        .with_purity(true)
        .with_volatility(true)
        .with_params_info(info)
        .with_comments(comments)
        .register_into_engine(engine, function);
}

/// Takes the indentation that all lines share off a text, and the empty lines around it.
fn dedent(text: &str) -> Vec<&str> {
    let lines = text.trim_matches('\n').trim_end().lines();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let shared =
        lines.clone().filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
    lines.map(|line| line.get(shared..).unwrap_or("")).collect()
}

/// Collects the reference from what is registered.
pub(super) fn reference(engine: &Engine) -> Vec<Entry> {
    let mut found: BTreeMap<String, Entry> = BTreeMap::new();
    let each = engine.collect_fn_metadata(
        None,
        |info| {
            let meta = info.metadata;
            if meta.name.starts_with("anon$") {
                return None;
            }
            // Functions of the standard library carry their own comments and name their parameters.
            if let Some(script) = &info.script {
                let given: Vec<String> = script.params.iter().map(ToString::to_string).collect();
                let signature = check::signature(&meta.name, &given, "");
                return Some((meta.name.to_string(), signature, given, script.comments.join("\n")));
            }
            let comments: Vec<String> = meta.comments.iter().map(ToString::to_string).collect();
            let given: Vec<String> = meta.params_info.iter().map(ToString::to_string).collect();
            let signature = check::signature(&meta.name, &given, &meta.return_type);
            Some((meta.name.to_string(), signature, given, comments.join("\n")))
        },
        false,
    );
    for (name, mut signature, params, comments) in each {
        let property = name.strip_prefix("get$").map(str::to_owned);
        if let Some(property) = &property {
            let of = params.first().and_then(|p| p.split(": ").nth(1)).unwrap_or("?");
            let gives = signature.split(" -> ").nth(1).unwrap_or("?");
            signature = format!("{of}.{property} -> {gives}");
        }
        let name = property.unwrap_or(name);
        let entry = found.entry(name.clone()).or_insert_with(|| Entry {
            name,
            signatures: Vec::new(),
            doc: String::new(),
        });
        entry.signatures.push(signature);
        if !comments.is_empty() {
            if !entry.doc.is_empty() {
                entry.doc.push_str("\n\n");
            }
            let lines = comments.lines().map(|line| line.strip_prefix("/// ").unwrap_or(""));
            entry.doc.push_str(&lines.collect::<Vec<_>>().join("\n"));
        }
    }
    let mut entries: Vec<Entry> = found.into_values().collect();
    for entry in &mut entries {
        entry.signatures.sort();
        entry.signatures.dedup();
    }
    entries
}
