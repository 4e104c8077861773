//! Files of the system that show the inside of a process, and so more than a grant of reading says.

use std::path::Path;

/// What such a file shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inside {
    /// Every variable of the environment.
    Variables,
    /// The memory, with every key in it.
    Memory,
}

/// Tells what a file shows of the inside of a process, this one or another.
pub(super) fn inside(path: &Path) -> Option<Inside> {
    if !path.starts_with("/proc") {
        return None;
    }
    match path.file_name()?.to_str()? {
        "environ" => Some(Inside::Variables),
        "mem" | "kcore" | "kmem" => Some(Inside::Memory),
        _ => None,
    }
}
