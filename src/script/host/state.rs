//! What outlives one reading of a script.

use crate::base::failure::Kind;
use crate::script::host::error::{EvalError, throw_new};
use crate::script::host::known_map;
use rhai::{Array, Dynamic, Map};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

/// What outlives one reading of a script: a map in which every run of `watch` finds what the run
/// before left, and every line of `repl`; and what people have been told already.
#[derive(Debug, Clone, Default)]
pub struct State {
    pub(in crate::script) map: Rc<RefCell<Map>>,
    told: Rc<RefCell<BTreeSet<String>>>,
}

impl State {
    /// Copies the state, so that what is done with the copy changes nothing.
    #[must_use]
    pub fn copy(&self) -> State {
        let map = self.map.borrow().clone();
        State { map: Rc::new(RefCell::new(map)), told: self.told.clone() }
    }

    /// Tells whether a note is new; from now on it is not.
    pub(in crate::script) fn is_news(&self, note: &str) -> bool {
        self.told.borrow_mut().insert(note.to_owned())
    }

    /// Sets an entry.
    pub(in crate::script) fn set(&self, key: &str, value: Dynamic) -> Result<(), EvalError> {
        let value = value.flatten();
        if has_function(&value) {
            let message = format!(
                "`state.{key}` cannot hold a function: the next version of the script could not \
                 call it; store data, and call functions with `hot(\"name\", [..])`"
            );
            return Err(throw_new(Kind::State, message));
        }

        self.map.borrow_mut().insert(key.into(), value);
        Ok(())
    }

    /// Makes it hold what a word of maps has made of its content.
    pub(in crate::script) fn change(&self, content: Map) -> Result<(), EvalError> {
        let changed = State::default();
        for (key, value) in content {
            changed.set(&key, value)?;
        }

        self.put_back(changed.content());
        Ok(())
    }

    /// Returns what it holds.
    pub(in crate::script) fn content(&self) -> Map {
        self.map.borrow().clone()
    }

    /// Makes it hold this and nothing else.
    pub(in crate::script) fn put_back(&self, content: Map) {
        self.map.replace(content);
    }
}

fn has_function(value: &Dynamic) -> bool {
    if let Some(list) = value.read_lock::<Array>() {
        return list.iter().any(has_function);
    }
    if let Some(map) = known_map::as_map(value) {
        return map.values().any(has_function);
    }

    value.is_fnptr()
}
