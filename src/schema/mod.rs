//! Schemas: what a value has to be. They are written by scripts, sent to models in the dialect of each
//! provider, and replies are read, mended and validated by them. Knows nothing of models, requests
//! and runs: text and values go in, values and problems come out.

mod check;
mod digits;
mod effort;
#[cfg(test)]
mod generated;
mod lenient;
pub mod lower;
mod mend;
mod nodes;
mod read;
mod shared;
pub mod short;
mod typed;
mod words;

pub use check::{check, usable};
pub use read::{FittedValue, Unfit, fit, guess, read};
pub use shared::SharedSchema;

use jsonschema::Validator;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Most compiled schemas that are kept; a script has few, and one made up for each call has many.
const COMPILED_MAX: usize = 256;

/// The key under which a value travels that is no object: providers take only objects.
pub const WRAPPER: &str = "value";

thread_local! {
    static COMPILED: RefCell<HashMap<[u8; 32], Rc<Validator>>> = RefCell::default();
}

/// Reads a schema as scripts write it, in the short form, as JSON or as a map, and checks it.
pub fn written(schema: Value) -> Result<Value, String> {
    let schema = match schema {
        Value::String(text) => short::schema(&text).map_err(|error| error.to_string())?,
        other => other,
    };

    check(&schema)?;
    Ok(schema)
}

/// Compiles a schema, once for all equal ones.
fn compiled(schema: &Value) -> Result<Rc<Validator>, jsonschema::ValidationError<'static>> {
    let key: [u8; 32] = blake3::hash(schema.to_string().as_bytes()).into();
    if let Some(known) = COMPILED.with_borrow(|all| all.get(&key).cloned()) {
        return Ok(known);
    }

    let made = Rc::new(jsonschema::validator_for(schema)?);
    COMPILED.with_borrow_mut(|all| {
        if all.len() >= COMPILED_MAX {
            all.clear();
        }
        all.insert(key, made.clone());
    });

    Ok(made)
}
