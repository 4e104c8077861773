//! Numbers of things, in words.

use std::fmt::Display;

/// Names a number of things: `1 retry`, `2 retries`.
pub fn counted<N>(count: N, one: &str, several: &str) -> String
where
    N: Copy + Display + PartialEq + From<u8>,
{
    let name = if count == N::from(1) { one } else { several };
    format!("{count} {name}")
}

/// Tells whether a number is 0, so that it need not be written.
pub fn is_zero<N: Default + PartialEq>(number: &N) -> bool {
    *number == N::default()
}
