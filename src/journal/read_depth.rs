//! How much of a run a reader wants: what it does not want is left in the store.

use crate::base::id::OpId;
use crate::store::StoredValue;

/// How much of a run is read.
#[derive(Clone, Copy)]
pub enum ReadDepth<'a> {
    /// Everything.
    Whole,
    /// Everything but long texts: something short is in their place that differs if the texts do.
    WithoutTexts,
    /// Besides, of operations that are not wanted, no more than their names and plans. What is damaged or
    /// missing of them is not noticed.
    OpsOnly(&'a dyn Fn(OpId) -> bool),
}

impl ReadDepth<'_> {
    /// Tells whether an event of a kind, about an operation, is passed over.
    pub(super) fn passes_over(self, kind: StoredValue<'_>, op: StoredValue<'_>) -> bool {
        let ReadDepth::OpsOnly(is_wanted) = self else { return false };
        let is_plan = kind.as_text().is_some_and(|kind| PLANS.contains(&kind));
        let op = op.as_integer().and_then(|op| u32::try_from(op).ok());
        !is_plan && op.is_some_and(|op| !is_wanted(OpId(op)))
    }
}

/// Kinds of events that say which operations there are.
const PLANS: [&str; 2] = ["op_started", "expanded"];
