//! `schema`, and `parse` without a model.

use super::define::def;
use crate::base::failure::{Failure, Kind};
use crate::model::call_error::CallError;
use crate::schema;
use crate::script::host::context::Inner;
use crate::script::host::convert;
use crate::script::host::error::{EvalError, throw};
use rhai::{Dynamic, Engine, Map};
use serde_json::Value;
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, _host: &Rc<Inner>) {
    def(
        engine,
        "schema(text: string) -> map",
        r#"
        Converts the short form of a schema to JSON Schema. The short form lists fields as `name:
        TYPE`, separated by commas or line ends. A type is `string`, `integer`, `number`, `boolean` or
        `any`, with an optional range (`integer 0..9`, `string 1..200`); words such as `good | bad`; a
        list such as `[string]`; or nested fields in `{ .. }`. `name?` may be missing, `TYPE or null`
        may be null, and ` - words` at the end of a field describe it for the model. JSON text and maps
        are checked and returned. Every option that takes a schema also accepts the short form.
        ```rhai
        let label = schema("thought: string, label: good | bad, sure: integer 0..9, note?: string");
        print(label.required);
        print(branch("demo/echo").chat("I loved it.", #{ schema: label }).label);
        ```
        "#,
        |text: &str| make("schema", &Dynamic::from(text.to_owned())),
    );

    def(engine, "schema(map: map) -> map", "", |map: Map| make("schema", &map.into()));

    def(
        engine,
        "parse(text: string, schema: any) -> any",
        r#"
        Reads a value of a schema from a text without calling any model: the JSON in it is found,
        also in a code block or within prose, and mended where it can have only one meaning. A text
        without a matching value throws `#{ kind: "invalid_output", problems: [#{ path, message }],
        partial }`.
        ```rhai
        let found = parse("Sure! {label: 'GOOD', sure: '7'}", "label: good | bad, sure: integer");
        print(found);
        print(attempt(|| parse("no idea", "label: good | bad")).error.problems);
        ```
        "#,
        |text: &str, schema: Dynamic| {
            let schema = read("parse", &schema)?;
            parse(text, &schema).map(convert::from_value).map_err(|failure| throw(&failure))
        },
    );
}

fn make(of: &str, schema: &Dynamic) -> Result<Map, EvalError> {
    let made = read(of, schema)?;
    Ok(convert::from_value(made).try_cast().unwrap_or_default())
}

/// Reads a schema as a script gives it.
pub(super) fn read(of: &str, schema: &Dynamic) -> Result<Value, EvalError> {
    let value = convert::to_value(schema).and_then(schema::written);
    value.map_err(|reason| {
        throw(&Failure::new(Kind::Option, format!("the schema of `{of}`: {reason}")))
    })
}

/// Reads a value of a schema from a text.
fn parse(text: &str, schema: &Value) -> Result<Value, Failure> {
    let found = schema::read(text, schema);
    let invalid = |unfit| CallError::InvalidOutput { text: text.to_owned(), unfit };
    found.map(|found| found.value).map_err(|unfit| Failure::from(invalid(unfit)))
}
