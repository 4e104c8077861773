//! Questions to people whose literal options no answer could fit, or that contradict one another.

use crate::script::check::checker::File;
use crate::script::diagnostic::{Diagnostic, codes};
use crate::script::host::options::Options;
use crate::script::host::question::read_question;
use rhai::{Expr, FnCallExpr, Map, Position};

/// What is looked at together. The last one is where a fault is shown.
const TOGETHER: &[&[&str]] = &[
    &["options"],
    &["timeout"],
    &["options", "schema"],
    &["options", "default"],
    &["schema", "default"],
    &["default"],
];

/// Finds what is wrong with a question, if anything is and it stands there literally.
pub(super) fn fault(file: &File<'_>, call: &FnCallExpr) -> Option<Diagnostic> {
    let at = |message: String, place: Position| {
        Diagnostic::at(codes::QUESTION, message, file.name, file.text, place)
    };

    let first = call.args.first();
    let literal = |expr: Option<&Expr>| match expr {
        Some(Expr::StringConstant(text, place)) => Some((text.to_string(), *place)),
        _ => None,
    };
    let is_operation = matches!(call.name.as_str(), "add_operation" | "add_aggregation");
    let asks = if is_operation {
        // A method has its object before the dot.
        call.args
            .iter()
            .take(2)
            .any(|arg| literal(Some(arg)).is_some_and(|(kind, _)| kind == "ask"))
    } else {
        call.name == "ask"
    };
    if !asks {
        return None;
    }

    if !is_operation
        && let Some((text, place)) = literal(first)
        && let Some(reason) = refused(&text, Map::new())
    {
        return Some(at(reason, place));
    }

    let Some(Expr::Map(map, _)) = call.args.last() else { return None };
    let has = |key: &str| map.0.iter().any(|(known, _)| known.name == key);
    let all: Map = map
        .0
        .iter()
        .filter_map(|(key, value)| Some((key.name.clone(), value.get_literal_value(None)?)))
        .map(|(name, value)| (name.as_str().into(), value))
        .collect();

    for keys in TOGETHER {
        let is_whole = keys.iter().all(|key| all.contains_key(*key));
        // What a default has to fit may be computed.
        let is_alone = *keys == ["default"];
        if !is_whole || is_alone && (has("options") || has("schema")) {
            continue;
        }

        let some = all.iter().filter(|(key, _)| keys.contains(&key.as_str()));
        let some = some.map(|(key, value)| (key.clone(), value.clone())).collect();
        if let Some(reason) = refused("?", some) {
            let last = keys.last().copied().unwrap_or_default();
            let place = map.0.iter().find(|(key, _)| key.name == last).map(|(key, _)| key.pos);
            return Some(at(reason, place.unwrap_or(Position::NONE)));
        }
    }

    None
}

fn refused(text: &str, options: Map) -> Option<String> {
    let mut options = Options::of("ask", options).ok()?;
    read_question(text, &mut options).err().map(|failure| failure.message)
}
