//! What a flow, a question or a comparison may use up.

use super::run::as_float;
use crate::base::bounds::Bounds;
use crate::base::failure::Failure;
use crate::base::unit::Money;
use crate::script::host::options::Options;
use crate::script::host::{convert, known_map};

/// Reads what a flow may use up.
pub(super) fn read_budget(options: &mut Options) -> Result<Option<Bounds>, Failure> {
    let Some(value) = options.take("budget") else { return Ok(None) };

    let name = convert::type_name(&value);
    let Some(map) = known_map::as_map(&value) else {
        let reason = format!("must be a map such as #{{ max_cost: 0.5 }}, not {name}");
        return Err(options.wrong("budget", &reason));
    };

    read_bounds(&mut Options::of("budget", map)?).map(|bounds| bounds.or(Some(Bounds::default())))
}

/// Reads what something may use up; `None` if it is not bounded.
pub(super) fn read_bounds(bounds: &mut Options) -> Result<Option<Bounds>, Failure> {
    let cost = bounds.take("max_cost").map(|cost| {
        let dollars = cost.as_float().or_else(|_| cost.as_int().map(as_float));
        let money = dollars.ok().and_then(Money::from_dollars);
        money.ok_or_else(|| bounds.wrong("max_cost", &format!("must be {}", Money::WANTED)))
    });

    let bounds = Bounds {
        cost: cost.transpose()?,
        tokens: bounds.count("max_tokens")?,
        calls: bounds.count("max_calls")?,
    };

    Ok((bounds != Bounds::default()).then_some(bounds))
}
