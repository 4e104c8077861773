//! What scripts see: one file per noun, each a thin translation to the domain.

mod assertion;
mod branch;
mod budget;
pub(super) mod builder;
mod callback;
mod data;
pub(in crate::script) mod define;
mod entry;
mod experiment;
mod finished;
mod flow;
mod grants;
pub(in crate::script) mod host_word;
mod image;
mod keys;
pub(super) mod knowledge;
mod list;
mod mcp;
mod model;
mod operation;
mod optimizer;
mod optimizer_handle;
pub(super) mod people;
mod question;
mod recommend;
pub(super) mod run;
mod saved;
mod schema;
mod score;
mod server_map;
pub(super) mod session;
pub(super) mod state;
pub(super) mod task;
mod text;
mod tool;
mod world;

pub use self::entry::{WordEntry, options};
pub(in crate::script) use self::grants::missing_grants;
pub(in crate::script) use self::keys::unset_models;
pub(crate) use crate::script::host::kinds::{EVENT_KINDS, OPERATION_KINDS};

use crate::executor::report::Report;
use crate::flow::Graph;
use crate::model::Model;
use crate::script::host::background::Background;
use crate::script::host::context::Inner;
use crate::script::host::handle;
use crate::script::host::state::State;
use crate::session::branch::SharedBranch;
use crate::session::tool::Tool;
use rhai::Engine;
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
    ("concurrent work", &[task::register]),
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

/// Returns the names of the groups, in the order in which the reference shows them.
pub fn groups() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().map(|(group, _)| *group)
}

fn define_handles(engine: &mut Engine) {
    handle::define::<Model>(engine, "model");
    handle::define::<SharedBranch>(engine, "branch");
    handle::define::<Rc<Tool>>(engine, "tool");
    handle::define::<session::SharedSession>(engine, "session");
    handle::define::<builder::SharedBuilder>(engine, "builder");
    handle::define::<builder::Node>(engine, "node");
    handle::define::<operation::Operation>(engine, "operation");
    handle::define::<Rc<Graph>>(engine, "graph");
    handle::define::<Rc<Report>>(engine, "report");
    handle::define::<Rc<Background>>(engine, "task");
    handle::define::<optimizer_handle::OptimizerHandle>(engine, "optimizer");
    handle::define::<knowledge::KnowledgeHandle>(engine, "knowledge");
    handle::define::<run::Log>(engine, "log");
    handle::define::<State>(engine, "state");
}

/// Registers every word of the script API.
pub(super) fn register(engine: &mut Engine, host: &Rc<Inner>) {
    define_handles(engine);
    for register in GROUPS.iter().flat_map(|(_, registers)| *registers) {
        register(engine, host);
    }

    let host = Rc::downgrade(host);
    #[allow(deprecated, reason = "marked so only because the interface may change")]
    engine.on_var(move |name, index, context| {
        let host = host.upgrade();
        let constant = || run::constant(host.as_ref()?, name, context.source());
        if let Some(value) = constant()
            // A variable of the script hides a word of the same name. In a dialogue, nothing (`()`) stands in the
            // place of the words.
            && context.scope().get(name).is_none_or(rhai::Dynamic::is_unit)
        {
            return Ok(Some(value));
        }
        Ok(host.and_then(|host| host.captures.resolve(name, index, &context)))
    });
}
