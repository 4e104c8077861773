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

/// Most names that are listed in an error.
const NAMES_MAX: usize = 30;

/// Lists names: the first ones, and how many more there are.
pub fn listed(names: &[String]) -> String {
    let first = names.iter().take(NAMES_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES_MAX) {
        0 => first,
        more => format!("{first}, and {more} more"),
    }
}
