//! Paths as texts that lead back to them. A path may hold bytes that are no text, and a journal keeps
//! texts alone.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// What a text begins with in which bytes are escaped.
const ESCAPED: &str = "bytes:";

/// Returns the text of a path: the path itself where that is text, and no other path's in any case.
pub fn text_of(path: &Path) -> String {
    match path.to_str() {
        Some(text) if !text.starts_with(ESCAPED) => text.to_owned(),
        _ => format!("{ESCAPED}{}", path.as_os_str().as_bytes().escape_ascii()),
    }
}

/// Returns the path of a text.
pub fn path_of(text: &str) -> PathBuf {
    let bytes = text.strip_prefix(ESCAPED).and_then(unescaped);
    bytes.map_or_else(|| PathBuf::from(text), |bytes| PathBuf::from(OsString::from_vec(bytes)))
}

fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();

    while let Some((first, after)) = rest.split_first() {
        if *first != b'\\' {
            bytes.push(*first);
            rest = after;
            continue;
        }

        let (kind, after) = after.split_first()?;
        rest = after;
        bytes.push(match kind {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'\\' | b'\'' | b'"' => *kind,
            b'x' => {
                let (hex, after) = after.split_at_checked(2)?;
                rest = after;
                u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?
            }
            _ => return None,
        });
    }

    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn every_path_has_a_text_that_leads_back_to_it() {
        let all: Vec<u8> = (1..=255).collect();
        let paths: [&[u8]; 7] =
            [b"a/b.rhai", "\u{e4}".as_bytes(), b"caf\xe9.rhai", b"bytes:x", b"\\xff", b"", &all];
        let texts = paths.map(|path| text_of(Path::new(OsStr::from_bytes(path))));

        for (path, text) in paths.iter().zip(&texts) {
            assert_eq!(path_of(text).as_os_str().as_bytes(), *path, "{text}");
        }

        assert_eq!(
            texts[..6],
            ["a/b.rhai", "\u{e4}", r"bytes:caf\xe9.rhai", "bytes:bytes:x", r"\xff", ""]
        );

        // What an older version or somebody else has written is taken as it is.
        assert_eq!(path_of(r"bytes:\q"), Path::new(r"bytes:\q"));
    }
}
