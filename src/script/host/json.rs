//! JSON as scripts read it.

use crate::base::failure::Kind;
use crate::base::{json, secret};
use crate::script::host::convert;
use crate::script::host::error::{EvalError, throw_new};
use rhai::Dynamic;

/// Makes a script value of JSON.
pub(in crate::script) fn read_json(text: &str) -> Result<Dynamic, EvalError> {
    json::read(text).map(convert::from_value).map_err(|error| {
        let shown: String = secret::beginning(text, 80);
        throw_new(Kind::Json, format!("this is not JSON ({error}): {shown}"))
    })
}
