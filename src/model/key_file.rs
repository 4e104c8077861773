//! Files that hold a key.

use crate::base::file;
use crate::base::json::BYTE_ORDER_MARK;
use crate::model::spec::KeyRef;
use std::io::{self, Read as _};
use std::path::Path;

/// Largest file with a key, in bytes.
const KEY_FILE_MAX: u64 = 16 << 10;

/// Returns the key that a description names, if it is there: one that is missing is told by the first call
/// that needs it.
pub(super) fn value_of(key: &KeyRef, lookup: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    match key {
        KeyRef::Env(name) => lookup(name),
        KeyRef::File(path) => read(path).ok(),
        KeyRef::Nothing => None,
    }
}

/// Reads a file that holds a key and nothing else.
pub(super) fn read(path: &str) -> io::Result<String> {
    let wrong = |reason| Err(io::Error::other(reason));
    let mut text = String::new();
    let length = file::open(Path::new(path))?.take(KEY_FILE_MAX + 1).read_to_string(&mut text)?;

    // Some editors begin a file with a byte order mark.
    let key = text.trim_start_matches(BYTE_ORDER_MARK).trim();

    if length as u64 > KEY_FILE_MAX {
        return wrong("it is too long for a key");
    }
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return wrong("it contains no key; a key is one word of visible ASCII characters");
    }

    Ok(key.to_owned())
}
