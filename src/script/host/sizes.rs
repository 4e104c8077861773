//! The greatest depths and sizes that a script may reach.

/// Deepest nesting of calls; with the depth of expressions it keeps a fiber within its stack.
pub(in crate::script) const CALLS_MAX: usize = 64;
/// Longest string in bytes.
pub(in crate::script) const STRING_MAX: usize = 64 << 20;
/// Most items of an array, and of a map, nested ones included.
pub(in crate::script) const ITEMS_MAX: usize = 4_000_000;
