//! What scripts see: one file per noun, each a thin translation to the domain.

mod assertion;
mod branch;
pub(super) mod builder;
mod data;
mod experiment;
mod finished;
mod flow;
mod image;
pub(super) mod knowledge;
mod list;
mod mcp;
mod model;
mod operation;
mod optimizer;
pub(super) mod people;
mod recommend;
pub(super) mod run;
mod saved;
mod schema;
mod score;
pub(super) mod session;
pub(super) mod state;
pub(super) mod task;
mod text;
mod tool;
mod world;

pub(super) use crate::script::reference::entry::reference;
pub use crate::script::reference::entry::{WordEntry, options};
pub(super) use data::read_json;
pub(super) use flow::KINDS as EVENT_KINDS;
pub(super) use operation::KINDS as OPERATION_KINDS;

use crate::executor::report::Report;
use crate::flow::Graph;
use crate::model::Model;
use crate::script::Inner;
use crate::session::branch::SharedBranch;
use crate::session::tool::Tool;
use rhai::{Dynamic, Engine, FuncRegistration, RhaiFunc, RhaiNativeFunc, Scope, Shared, Variant};
use std::any::TypeId;
use std::rc::Rc;

/// Defines the words of one file.
pub(in crate::script) type Register = fn(&mut Engine, &Rc<Inner>);

/// The group of the functions that are written in Rhai.
pub(in crate::script) const STDLIB: &str = "standard library";

/// The group of what concerns the run itself, constants too.
pub(in crate::script) const RUN: &str = "the run itself";

/// What the words are about, in the order of the reference, and what defines them. A word that
/// several define belongs to the first.
pub(in crate::script) const GROUPS: &[(&str, &[Register])] = &[
    ("models", &[model::register]),
    ("branches", &[branch::register]),
    ("tools", &[tool::register, mcp::register]),
    ("sessions and graphs", &[session::register, builder::register, flow::register]),
    ("working at once", &[task::register]),
    (
        "learning",
        &[
            optimizer::register,
            recommend::register,
            experiment::register,
            score::register,
            knowledge::register,
        ],
    ),
    (STDLIB, &[]),
    ("texts, numbers and lists", &[text::register, list::register]),
    ("data", &[data::register, schema::register]),
    ("the world outside", &[world::register, people::register]),
    (RUN, &[run::register, state::register, finished::register]),
    ("tests", &[assertion::register]),
];

/// Words for plain values, which a script may define for itself.
pub(super) const PLAIN: &[&str] = &[
    "distinct", "format", "join", "lower", "max_by", "mean", "min_by", "percent", "replaced",
    "reversed", "round", "sorted", "sum", "trimmed", "upper", "zip",
];

/// Returns the names of the groups, in the order in which the reference shows them.
pub fn groups() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().map(|(group, _)| *group)
}

/// A type of values that scripts hold without looking into them.
struct HandleType {
    id: TypeId,
    /// The word for it.
    word: &'static str,
    name: fn(&mut Engine, &'static str),
}

impl HandleType {
    fn of<T: Variant + Clone>(word: &'static str) -> HandleType {
        let name = |engine: &mut Engine, word: &'static str| {
            engine.register_type_with_name::<T>(word);
        };
        HandleType { id: TypeId::of::<T>(), word, name }
    }
}

fn handles() -> [HandleType; 14] {
    [
        HandleType::of::<Model>("model"),
        HandleType::of::<SharedBranch>("branch"),
        HandleType::of::<Rc<Tool>>("tool"),
        HandleType::of::<session::SharedSession>("session"),
        HandleType::of::<builder::SharedBuilder>("builder"),
        HandleType::of::<builder::Node>("node"),
        HandleType::of::<operation::Operation>("operation"),
        HandleType::of::<Rc<Graph>>("graph"),
        HandleType::of::<Rc<Report>>("report"),
        HandleType::of::<Rc<task::Background>>("task"),
        HandleType::of::<optimizer::OptimizerHandle>("optimizer"),
        HandleType::of::<knowledge::KnowledgeHandle>("knowledge"),
        HandleType::of::<run::Log>("log"),
        HandleType::of::<state::State>("state"),
    ]
}

/// Returns the word for the type of a handle.
pub(in crate::script) fn handle_word(value: &Dynamic) -> Option<&'static str> {
    let id = value.type_id();
    handles().into_iter().find(|handle| handle.id == id).map(|handle| handle.word)
}

/// Registers every word of the script API.
pub(super) fn register(engine: &mut Engine, host: &Rc<Inner>) {
    for handle in handles() {
        (handle.name)(engine, handle.word);
    }
    for register in GROUPS.iter().flat_map(|(_, registers)| *registers) {
        register(engine, host);
    }

    let host = Rc::downgrade(host);
    #[allow(deprecated, reason = "marked so only because the interface may change")]
    engine.on_var(move |name, index, context| {
        let host = host.upgrade();
        if let Some(value) =
            host.as_ref().and_then(|host| run::constant(host, name, context.source()))
        {
            return Ok(Some(value));
        }
        Ok(host.and_then(|host| host.captures.resolve(name, index, &context)))
    });
}

/// Returns the names that every script knows, for its compilation.
pub(super) fn constants() -> Scope<'static> {
    let mut scope = Scope::new();
    for (name, ..) in run::CONSTANTS {
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
        .register_into_engine(engine, UnlockedFn(function));
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
