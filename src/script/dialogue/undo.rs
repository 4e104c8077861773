//! What a planned line of a dialogue must leave as it was: everything that the variables hold and
//! that a copy of them would share.

use crate::script::api::builder::SharedBuilder;
use crate::script::api::knowledge::KnowledgeHandle as SharedKnowledge;
use crate::script::api::session::SharedSession;
use crate::script::host::known_map;
use crate::session::branch::SharedBranch;
use rhai::{Array, Dynamic, FnPtr, Scope};

/// Deepest nesting that is looked into.
const DEPTH_MAX: usize = 64;

/// Puts everything back when it is dropped.
#[derive(Default)]
pub(in crate::script) struct UndoGuard {
    undo: Vec<Box<dyn FnOnce()>>,
    /// Where the captured variables are that have been seen, which may hold one another.
    seen: Vec<*const ()>,
}

impl UndoGuard {
    /// Notes everything that variables hold.
    pub(in crate::script) fn of(scope: &Scope) -> UndoGuard {
        let mut snapshot = UndoGuard::default();
        for (_, _, value) in scope.iter_raw() {
            snapshot.keep(value, 0);
        }
        snapshot
    }

    fn keep(&mut self, value: &Dynamic, depth: usize) {
        if depth > DEPTH_MAX {
            return;
        }

        if value.is_shared() {
            self.keep_shared(value, depth);
        } else if let Some(list) = value.read_lock::<Array>() {
            for item in list.iter() {
                self.keep(item, depth + 1);
            }
        } else if let Some(map) = known_map::as_map(value) {
            for item in map.values() {
                self.keep(item, depth + 1);
            }
        } else if let Some(function) = value.read_lock::<FnPtr>() {
            for item in function.iter_curry() {
                self.keep(item, depth + 1);
            }
        } else {
            self.keep_handle(value);
        }
    }

    /// Keeps a variable that closures have captured.
    fn keep_shared(&mut self, value: &Dynamic, depth: usize) {
        let Some(inner) = value.read_lock::<Dynamic>() else { return };

        let place = std::ptr::from_ref::<Dynamic>(&inner).cast::<()>();
        if self.seen.contains(&place) {
            return;
        }

        self.seen.push(place);
        let mut cell = value.clone();
        let old = inner.clone();
        self.keep(&inner, depth + 1);

        self.undo.push(Box::new(move || {
            if let Some(mut now) = cell.write_lock::<Dynamic>() {
                *now = old;
            }
        }));
    }

    fn keep_handle(&mut self, value: &Dynamic) {
        if let Some(branch) = value.read_lock::<SharedBranch>() {
            self.keep_branch(&branch);
        } else if let Some(session) = value.read_lock::<SharedSession>() {
            for branch in session.borrow().session.branches() {
                self.keep_branch(branch);
            }

            let handle = session.clone();
            let listeners = session.borrow().listeners.clone();
            let old = session.borrow().session.clone();

            self.undo.push(Box::new(move || {
                let mut now = handle.borrow_mut();
                (now.session, now.listeners) = (old, listeners);
            }));
        } else if let Some(builder) = value.read_lock::<SharedBuilder>() {
            let handle = builder.clone();
            let old = builder.borrow().clone();
            self.undo.push(Box::new(move || *handle.borrow_mut() = old));
        } else if let Some(knowledge) = value.read_lock::<SharedKnowledge>() {
            let handle = knowledge.clone();
            let old = knowledge.borrow().clone();
            // Meanwhile it writes nothing.
            handle.replace(old.clone().frozen());
            self.undo.push(Box::new(move || *handle.borrow_mut() = old));
        }
    }

    fn keep_branch(&mut self, branch: &SharedBranch) {
        let handle = branch.clone();
        let old = branch.borrow().clone();
        self.undo.push(Box::new(move || *handle.borrow_mut() = old));
    }
}

impl Drop for UndoGuard {
    fn drop(&mut self) {
        // What was noted twice gets its first state last.
        while let Some(undo) = self.undo.pop() {
            undo();
        }
    }
}
