//! Branches as plain data, and back.

use crate::base::failure::Kind;
use crate::script::host::error::{EvalError, throw, throw_new};
use crate::script::host::known_map::KnownMap;
use crate::script::host::options::Options;
use crate::script::host::shape_of_data;
use crate::session::branch::{Branch, Exchange, SharedBranch};
use rhai::{Dynamic, Map};

/// Makes plain data of a branch.
pub(super) fn to_map(branch: &Branch) -> Dynamic {
    let label = || branch.model.label.as_str().into();
    let model = branch.model.described.as_deref().cloned().unwrap_or_else(label);
    let exchanges: Vec<&Exchange> = branch.exchanges().collect();
    let value = serde_json::json!({
        "model": model,
        "system": branch.system,
        "name": branch.name,
        "exchanges": exchanges,
    });

    KnownMap::of_shape(&shape_of_data::BRANCH_DATA, value)
}

/// Makes a branch of plain data; `create` makes an empty one of the options.
pub(super) fn from_map(
    map: Map,
    create: impl FnOnce(Map) -> Result<SharedBranch, EvalError>,
) -> Result<SharedBranch, EvalError> {
    let mut options = Options::of("branch_from", map).map_err(|e| throw(&e))?;
    let exchanges = options.value("exchanges").map_err(|e| throw(&e))?.unwrap_or_default();
    let exchanges: Vec<Exchange> = match exchanges {
        serde_json::Value::Null => Vec::new(),
        value => serde_json::from_value(value).map_err(|error| {
            throw_new(Kind::Option, format!("option `exchanges` of `branch_from`: {error}"))
        })?,
    };

    let branch = create(options.rest())?;
    for exchange in exchanges {
        let mut branch = branch.borrow_mut();
        let turn = branch.begin();
        branch.record(turn, exchange);
    }

    Ok(branch)
}
