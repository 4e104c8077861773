//! What the answers of models are, as far as the options of a call say so: texts, values of a literal schema,
//! and answers with what led to them.

use crate::schema;
use crate::script::check::value_kind::{AnswerField, ValueKind};
use crate::script::check::variables::HeldTexts;
use crate::script::host::{convert, shape};
use rhai::{Expr, FnCallExpr, Ident};
use serde_json::Value;

/// Words of a schema under which a value may be of several kinds.
const COMBINING: &[&str] =
    &["anyOf", "oneOf", "allOf", "$ref", "patternProperties", "if", "not", "const"];

/// Words that ask a model, and give a text where no schema is among their options.
pub(super) const TEXTS: &[&str] = &["chat", "communicate"];
/// Words that ask a model until the answer is right.
pub(super) const CHECKED: &[&str] = &["operate", "react"];

/// Patterns of the standard library, which ask with their `settings`.
pub(super) const PATTERNS: &[&str] = &[
    "best_of",
    "cascade",
    "debate",
    "decompose",
    "direct",
    "fan_out",
    "few_shot",
    "refine",
    "sequential",
    "vote",
];

/// Returns the kind of the answer that a call gives.
pub(super) fn given_by(call: &FnCallExpr, texts: &HeldTexts) -> Option<ValueKind> {
    let name = call.name.as_str();
    if name == "parse" {
        let has_options = matches!(call.args.last(), Some(Expr::Map(..)));
        let mut schemas = call.args.iter().rev().take(if has_options { 2 } else { 1 });
        return schemas.find_map(|schema| fields(schema, texts)).map(ValueKind::Answer);
    }

    let options = match call.args.last() {
        Some(Expr::Map(options, _)) => &options.0[..],
        Some(Expr::StringConstant(..) | Expr::InterpolatedString(..)) => &[],
        // Which options there are, nobody knows.
        _ => return None,
    };
    answer_of(name, options, texts)
}

/// Returns what a literal schema among the options of a call asks for: what their `check` is given.
pub(super) fn checked_by(call: &FnCallExpr, texts: &HeldTexts) -> Option<ValueKind> {
    let Some(Expr::Map(options, _)) = call.args.last() else { return None };
    let schema = options.0.iter().find(|(key, _)| key.name == "schema");
    schema.and_then(|(_, schema)| fields(schema, texts)).map(ValueKind::Answer)
}

/// Returns the name that a call gives an operation literally, and the kind of its result.
pub(super) fn given_by_operation(
    call: &FnCallExpr,
    texts: &HeldTexts,
) -> Option<(String, Option<ValueKind>)> {
    let Some(Expr::Map(options, _)) = call.args.last() else { return None };
    let name = match options.0.iter().find(|(key, _)| key.name == "name")? {
        (_, Expr::StringConstant(name, _)) => name.to_string(),
        _ => return None,
    };

    // An expansion gives a list, and a function gives anything.
    let kind = call.args.iter().take(2).find_map(|kind| match kind {
        Expr::StringConstant(kind, _) if call.name != "expand" => Some(kind.as_str()),
        _ => None,
    });
    Some((name, kind.and_then(|kind| answer_of(kind, &options.0, texts))))
}

/// Returns the kind of the answer of a word that asks a model, under these options.
fn answer_of(word: &str, options: &[(Ident, Expr)], texts: &HeldTexts) -> Option<ValueKind> {
    let has_settings = || options.iter().any(|(key, _)| key.name == "settings");
    if PATTERNS.contains(&word) {
        return (!has_settings()).then_some(ValueKind::Data("string"));
    }

    let is_text = TEXTS.contains(&word);
    let is_checked = CHECKED.contains(&word) || word == "parse";
    if !is_text && !is_checked {
        return None;
    }
    let option =
        |name: &str| options.iter().find(|(key, _)| key.name == name).map(|(_, value)| value);

    match (option("trace"), option("schema")) {
        (Some(Expr::BoolConstant(true, _)), _) => Some(ValueKind::Map(&shape::TRACED)),
        (Some(trace), _) if !matches!(trace, Expr::BoolConstant(false, _)) => None,
        (_, Some(schema)) => fields(schema, texts).map(ValueKind::Answer),
        // What is parsed has its schema beside its options.
        (_, None) => (word != "parse").then_some(ValueKind::Data("string")),
    }
}

/// Returns the fields of a literal schema of a map, if a value has no others.
fn fields(schema: &Expr, texts: &HeldTexts) -> Option<Vec<AnswerField>> {
    let literal = match schema {
        Expr::Variable(name, ..) => texts.get(name.1.as_str())?.clone().into(),
        other => other.get_literal_value(None).filter(|literal| !literal.is_unit())?,
    };
    let schema = convert::to_value(&literal).ok()?;
    // A text without a colon is no schema of a map, but it may be what is to be read.
    let schema = schema::written(schema).ok()?;

    fields_of(&schema)
}

/// Returns the fields of a value of a schema, if it has no others.
fn fields_of(schema: &Value) -> Option<Vec<AnswerField>> {
    let is_map = schema["type"] == "object";
    let is_plain = COMBINING.iter().all(|word| schema.get(word).is_none());
    let needed: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let is_closed =
        schema.get("additionalProperties").is_none_or(|more| *more == Value::Bool(false));
    let one =
        |(name, schema): (&String, &Value)| field(name, schema, needed.contains(&name.as_str()));
    let fields = schema["properties"].as_object()?.iter().map(one).collect();
    (is_map && is_plain && is_closed).then_some(fields)
}

fn field(name: &str, schema: &Value, is_needed: bool) -> AnswerField {
    let words = schema["enum"].as_array().and_then(|all| {
        all.iter().map(|word| word.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
    });
    // A field that may be missing may be `()`.
    let kind = kind_of(schema).filter(|_| is_needed).map(Box::new);
    AnswerField { name: name.to_owned(), words, kind }
}

/// Returns the kind of a value of a schema, if there is only one.
fn kind_of(schema: &Value) -> Option<ValueKind> {
    if COMBINING.iter().any(|word| schema.get(word).is_some()) {
        return None;
    }

    let word = match schema.get("type").map(Value::as_str) {
        Some(Some("string")) => "string",
        Some(Some("integer")) => "int",
        Some(Some("number")) => "float",
        Some(Some("boolean")) => "bool",
        Some(Some("array")) => "array",
        Some(Some("object")) => {
            let fields = fields_of(schema).map(ValueKind::Answer);
            return Some(fields.unwrap_or(ValueKind::Data("map")));
        }
        // Words alone are texts.
        None if schema["enum"].as_array().is_some_and(|all| all.iter().all(Value::is_string)) => {
            "string"
        }
        _ => return None,
    };
    Some(ValueKind::Data(word))
}
