//! What a run, a flow or a question may use up.

use crate::base::unit::Money;

/// The bounds of a run; what is `None` has none.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bounds {
    /// Most money.
    pub cost: Option<Money>,
    /// Most tokens, read and written.
    pub tokens: Option<u64>,
    /// Most calls, tries included.
    pub calls: Option<u64>,
}
