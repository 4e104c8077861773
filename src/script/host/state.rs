//! What outlives one reading of a script.

use rhai::Map;
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

    /// Returns what it holds.
    pub(in crate::script) fn content(&self) -> Map {
        self.map.borrow().clone()
    }

    /// Makes it hold this and nothing else.
    pub(in crate::script) fn put_back(&self, content: Map) {
        self.map.replace(content);
    }
}
