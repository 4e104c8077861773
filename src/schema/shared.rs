//! A schema that is used again and again: what follows from it is found out once.

use super::lower::{Dialect, WireSchema, lower};
use super::read::{FittedValue, Rules, Unfit, fit_by, rules};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::cell::OnceCell;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::rc::Rc;

/// How many dialects there are.
const DIALECTS: usize = 4;

/// A schema, and what is known of it. It is a plain value to whoever reads or writes it.
#[derive(Clone)]
pub struct SharedSchema(Rc<KnownSchema>);

struct KnownSchema {
    schema: Value,
    size: OnceCell<u64>,
    lowered: [OnceCell<LoweredSchema>; DIALECTS],
    rules: OnceCell<Rules>,
}

/// A schema in the dialect of a provider.
struct LoweredSchema {
    wire: WireSchema,
    size: u64,
}

impl SharedSchema {
    /// Returns how many bytes its text has.
    pub fn size(&self) -> u64 {
        *self.0.size.get_or_init(|| size(&self.0.schema))
    }

    /// Returns it as a provider takes it.
    pub fn lowered(&self, dialect: Dialect) -> &WireSchema {
        &self.in_dialect(dialect).wire
    }

    /// Returns how many bytes its text has as a provider takes it.
    pub fn lowered_size(&self, dialect: Dialect) -> u64 {
        self.in_dialect(dialect).size
    }

    /// Reads a value by it, mended where that is possible.
    pub fn fit(&self, value: Value) -> Result<FittedValue, Unfit> {
        fit_by(value, &self.0.schema, self.0.rules.get_or_init(|| rules(&self.0.schema)))
    }

    fn in_dialect(&self, dialect: Dialect) -> &LoweredSchema {
        self.0.lowered[dialect as usize].get_or_init(|| {
            let wire = lower(&self.0.schema, dialect);
            LoweredSchema { size: size(&wire.schema), wire }
        })
    }
}

fn size(schema: &Value) -> u64 {
    schema.to_string().len() as u64
}

impl From<Value> for SharedSchema {
    fn from(schema: Value) -> SharedSchema {
        let known = KnownSchema {
            schema,
            size: OnceCell::new(),
            lowered: Default::default(),
            rules: OnceCell::new(),
        };
        SharedSchema(Rc::new(known))
    }
}

impl Deref for SharedSchema {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0.schema
    }
}

impl fmt::Debug for SharedSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.schema.fmt(f)
    }
}

impl fmt::Display for SharedSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.schema.fmt(f)
    }
}

impl PartialEq for SharedSchema {
    fn eq(&self, other: &SharedSchema) -> bool {
        Rc::ptr_eq(&self.0, &other.0) || self.0.schema == other.0.schema
    }
}

impl Eq for SharedSchema {}

impl Hash for SharedSchema {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.schema.hash(state);
    }
}

impl Serialize for SharedSchema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.schema.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SharedSchema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SharedSchema, D::Error> {
        Value::deserialize(deserializer).map(SharedSchema::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_is_the_schema_and_knows_what_follows_from_it() {
        let plain = json!({ "type": "object", "properties": { "a": { "type": "integer" } } });
        let shared = SharedSchema::from(plain.clone());
        assert_eq!((json!(shared), &*shared), (plain.clone(), &plain));
        assert_eq!(
            serde_json::from_value::<SharedSchema>(plain.clone()).expect("a schema"),
            shared
        );

        for dialect in [Dialect::OpenAi, Dialect::Plain, Dialect::Anthropic, Dialect::Gemini] {
            let lowered = lower(&plain, dialect);
            assert_eq!(shared.lowered(dialect), &lowered);
            assert_eq!(shared.lowered_size(dialect), size(&lowered.schema));
        }
        assert_eq!(shared.size(), size(&plain));
        let found = shared.fit(json!({ "a": "7" })).expect("a value that can be mended");
        assert_eq!((found.value, found.mended.len()), (json!({ "a": 7 }), 1));
    }
}
