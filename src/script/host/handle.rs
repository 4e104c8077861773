//! The words for the types of values that scripts hold without looking into them. Whoever defines such a type
//! names it here, and everything else can name it then.

use rhai::{Dynamic, Engine, Variant};
use std::any::TypeId;
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

/// Each type with its word; it is the same for every engine.
static WORDS: RwLock<BTreeMap<TypeId, &'static str>> = RwLock::new(BTreeMap::new());

/// Defines a type of such values.
pub(in crate::script) fn define<T: Variant + Clone>(engine: &mut Engine, word: &'static str) {
    engine.register_type_with_name::<T>(word);

    let mut words = WORDS.write().unwrap_or_else(PoisonError::into_inner);
    words.insert(TypeId::of::<T>(), word);
}

/// Returns the word for the type of a value, if it is one of these.
pub(in crate::script) fn word(value: &Dynamic) -> Option<&'static str> {
    let words = WORDS.read().unwrap_or_else(PoisonError::into_inner);
    words.get(&value.type_id()).copied()
}
