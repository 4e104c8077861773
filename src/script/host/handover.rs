//! Where scripts hand functions over, and what the functions see there.
#![allow(
    deprecated,
    reason = "Rhai marks the stored context of a call so only because its interface may change"
)]

use rhai::{NativeCallContext, NativeCallContextStore};
use std::cell::RefCell;
use std::rc::Rc;

/// The places where functions were handed over. A loop hands over many functions at one place.
#[derive(Default)]
pub(in crate::script) struct HandoverPlaces(RefCell<Option<Rc<NativeCallContextStore>>>);

impl HandoverPlaces {
    /// Returns what a function sees that is handed over by this call.
    pub(in crate::script) fn keep(
        &self,
        context: &NativeCallContext,
    ) -> Rc<NativeCallContextStore> {
        let mut last = self.0.borrow_mut();
        if let Some(last) = &*last
            && is_same_place(last, context)
        {
            return last.clone();
        }

        last.insert(Rc::new(context.store_data())).clone()
    }
}

/// Tells whether a call is made at a place, and sees there what was seen then.
fn is_same_place(known: &NativeCallContextStore, context: &NativeCallContext) -> bool {
    let then = &known.global;
    let now = context.global_runtime_state();
    let imports = || then.scan_imports_raw().zip(now.scan_imports_raw());
    let has_same_constants = match (&then.constants, &now.constants) {
        (Some(then), Some(now)) => Rc::ptr_eq(then, now),
        (None, None) => true,
        _ => false,
    };

    known.pos == context.call_position()
        && known.fn_name == context.fn_name()
        && known.source.as_deref() == context.fn_source()
        && then.source == now.source
        && (then.level, then.scope_level) == (now.level, now.scope_level)
        && then.always_search_scope == now.always_search_scope
        && then.lib.len() == now.lib.len()
        && then.lib.iter().zip(&now.lib).all(|(then, now)| Rc::ptr_eq(then, now))
        && then.scan_imports_raw().count() == now.scan_imports_raw().count()
        && imports().all(|(then, now)| then.0 == now.0 && Rc::ptr_eq(then.1, now.1))
        && has_same_constants
}
