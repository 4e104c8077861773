//! What a script may use up, and how it is stopped: operations, depth, sizes, time, interrupts.

use crate::base::clock;
use crate::base::failure::Kind;
use crate::executor::Executor;
use crate::script::host::sizes::{CALLS_MAX, ITEMS_MAX, STRING_MAX};
use crate::script::host::tasks;
use rhai::{Dynamic, Engine};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Most operations of a script unless kaizen.toml says otherwise: minutes of pure computing.
pub const OPERATIONS_MAX: u64 = 1_000_000_000;
/// Deepest nesting of expressions, at the top level and in functions.
const EXPRESSIONS_MAX: (usize, usize) = (64, 32);
/// How many operations pass between two looks at the clock.
const LOOK_EVERY: u64 = 1024;
/// How long a script computes without a wait before it is stopped at its deadline. Where it waits, it
/// is given up from outside, in an order that a later run can repeat; what is stopped from within
/// ends at an arbitrary place, which is only for loops that would never wait.
const COMPUTES_AT_LEAST: Duration = Duration::from_millis(20);

/// The use that all parts of one run make of its limits.
#[derive(Debug)]
pub(in crate::script) struct ScriptLimits {
    operations: Cell<u64>,
    operations_max: Cell<u64>,
    interrupted: RefCell<Arc<AtomicBool>>,
    executor: Rc<Executor>,
    computing: Cell<ComputeSpan>,
}

/// Since when a script computes without a wait.
#[derive(Debug, Clone, Copy, Default)]
struct ComputeSpan {
    /// How many ends the run had been told when it began.
    ends: u64,
    /// When that was first noticed, on the monotonic clock.
    since: Duration,
}

impl ScriptLimits {
    pub(in crate::script) fn new(
        operations_max: u64,
        interrupted: Arc<AtomicBool>,
        executor: Rc<Executor>,
    ) -> Rc<ScriptLimits> {
        Rc::new(ScriptLimits {
            operations: Cell::new(0),
            operations_max: Cell::new(operations_max),
            interrupted: RefCell::new(interrupted),
            executor,
            computing: Cell::default(),
        })
    }

    /// Starts to count again from 0, and listens to another flag.
    pub(in crate::script) fn renew(&self, interrupted: Arc<AtomicBool>) {
        self.operations.set(0);
        self.interrupted.replace(interrupted);
    }

    /// Sets the most operations.
    pub(in crate::script) fn allow(&self, operations_max: u64) {
        self.operations_max.set(operations_max);
    }

    /// Counts one operation, and returns why the script must end now, if it must.
    fn tick(&self) -> Option<Kind> {
        let count = self.operations.get() + 1;
        self.operations.set(count);

        // One operation may take seconds, such as the sorting of a long list.
        if self.interrupted.borrow().load(Ordering::Relaxed) {
            return Some(Kind::Interrupted);
        }

        if !count.is_multiple_of(LOOK_EVERY) {
            return None;
        }
        if count > self.operations_max.get() {
            return Some(Kind::Operations);
        }
        self.is_overdue().then_some(Kind::Timeout)
    }

    /// Returns why the script must end now, if it must, for words that may take long.
    pub(in crate::script) fn end(&self) -> Option<Kind> {
        if self.interrupted.borrow().load(Ordering::Relaxed) {
            return Some(Kind::Interrupted);
        }
        self.is_overdue().then_some(Kind::Timeout)
    }

    /// Tells whether the time of what runs now is over, and nothing but this would end it soon.
    fn is_overdue(&self) -> bool {
        let Some(at) = tasks::current().ends_at() else { return false };

        let now = clock::monotonic();
        let ends = self.executor.turns().count_of_ends();
        if self.computing.get().ends != ends {
            self.computing.set(ComputeSpan { ends, since: now });
        }

        let computed_for = now.saturating_sub(self.computing.get().since);
        now >= at && computed_for >= COMPUTES_AT_LEAST
    }
}

/// Sets the limits of an engine. The count of operations is our own: Rhai's leaves out what is
/// done in closures that native functions call.
pub(in crate::script) fn apply(engine: &mut Engine, limits: &Rc<ScriptLimits>) {
    engine.set_max_call_levels(CALLS_MAX);
    engine.set_max_expr_depths(EXPRESSIONS_MAX.0, EXPRESSIONS_MAX.1);
    engine.set_max_string_size(STRING_MAX);
    engine.set_max_array_size(ITEMS_MAX);
    engine.set_max_map_size(ITEMS_MAX);

    // Interned strings are behind a lock that sleeps when it is contended.
    engine.set_max_strings_interned(0);
    engine.disable_symbol("eval");

    let limits = limits.clone();
    engine.on_progress(move |_| limits.tick().map(Dynamic::from));
}
