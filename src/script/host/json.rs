//! JSON as scripts read it.

use crate::base::failure::Kind;
use crate::base::json::{self, JsonError, LineError};
use crate::base::secret;
use crate::script::host::bounded;
use crate::script::host::error::{EvalError, terminate, throw_new};
use crate::script::host::limits::ScriptLimits;
use crate::script::host::sizes::ITEMS_MAX;
use rhai::{Array, Dynamic, Map};
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use std::cell::{Cell, RefCell};
use std::fmt;

/// How many values are read between two looks at whether the script has to end.
const LOOK_EVERY: u64 = 1024;

/// Makes a script value of JSON.
pub(in crate::script) fn read_json(
    limits: &ScriptLimits,
    text: &str,
) -> Result<Dynamic, EvalError> {
    fits(text, 0)?;
    JsonReader::new(limits).read(text)?.map_err(|error| {
        let shown: String = secret::beginning(text, 80);
        throw_new(Kind::Json, format!("this is not JSON ({error}): {shown}"))
    })
}

/// Makes script values of a text with one value of JSON per line. `path` says where it is from.
pub(in crate::script) fn read_json_lines(
    limits: &ScriptLimits,
    path: &str,
    text: &str,
) -> Result<Array, EvalError> {
    fits(text, json::numbered_lines(text).count())?;

    let reader = JsonReader::new(limits);
    let mut values = Array::new();
    for (line, text) in json::numbered_lines(text) {
        let value = reader.read(text)?.map_err(|source| {
            let error = LineError { line, source };
            throw_new(Kind::Json, format!("`{path}` {error}"))
        });
        values.push(value?);
    }
    Ok(values)
}

/// Refuses a text that holds more than a list or a map may have, before anything is made of it. `around` is the
/// number of values that stand in it one after the other, and become a list.
fn fits(text: &str, around: usize) -> Result<(), EvalError> {
    let size = json::size(text);
    if size.items.saturating_add(around) > ITEMS_MAX {
        return Err(bounded::too_large("Size of array/BLOB"));
    }
    if size.fields > ITEMS_MAX {
        return Err(bounded::too_large("Size of object map"));
    }
    Ok(())
}

/// Reads JSON as values of a script, and stops when the script has to end.
struct JsonReader<'a> {
    limits: &'a ScriptLimits,
    /// How many values were read so far.
    count: Cell<u64>,
    /// Why the script has to end.
    end: RefCell<Option<Kind>>,
}

impl JsonReader<'_> {
    fn new(limits: &ScriptLimits) -> JsonReader<'_> {
        JsonReader { limits, count: Cell::new(0), end: RefCell::default() }
    }

    /// Reads one value. The outer error ends the script, and the inner one says what is wrong with the text.
    fn read(&self, text: &str) -> Result<Result<Dynamic, JsonError>, EvalError> {
        let text = match json::strict(text) {
            Ok(text) => text,
            Err(error) => return Ok(Err(error)),
        };

        let mut reader = serde_json::Deserializer::from_str(&text);
        let value = self.deserialize(&mut reader);
        let whole = value.and_then(|value| reader.end().map(|()| value));
        match self.end.take() {
            Some(kind) => Err(terminate(kind)),
            None => Ok(whole.map_err(JsonError::from)),
        }
    }
}

impl<'de> DeserializeSeed<'de> for &JsonReader<'_> {
    type Value = Dynamic;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Dynamic, D::Error> {
        let count = self.count.get() + 1;
        self.count.set(count);
        if count.is_multiple_of(LOOK_EVERY)
            && let Some(kind) = self.limits.end()
        {
            self.end.replace(Some(kind));
            return Err(D::Error::custom("the script has to end"));
        }

        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &JsonReader<'_> {
    type Value = Dynamic;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Dynamic, E> {
        Ok(Dynamic::UNIT)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Dynamic, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Dynamic, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Dynamic, E> {
        // The whole numbers of scripts end at 2^63; as a float it would lose digits.
        Ok(i64::try_from(value).map_or_else(|_| Dynamic::from(value), Dynamic::from))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Dynamic, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Dynamic, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Dynamic, A::Error> {
        let mut list = Array::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Dynamic, A::Error> {
        let mut map = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            map.insert(key.into(), fields.next_value_seed(self)?);
        }
        Ok(map.into())
    }
}
