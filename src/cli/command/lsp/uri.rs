//! Files as the protocol names them: `file://` addresses.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// What is escaped in the path of an address.
const ESCAPES: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Returns the path that an address names, if it is one of a file here.
pub(super) fn path_of(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?;
    // Between the slashes stands a host, which is this one.
    let path = &rest[rest.find('/')?..];
    let bytes: Vec<u8> = percent_decode_str(path).collect();
    Some(PathBuf::from(OsString::from_vec(bytes)))
}

/// Returns the address of a file.
pub(super) fn uri_of(path: &Path) -> String {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let bytes = whole.as_os_str().as_bytes();
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => utf8_percent_encode(text, ESCAPES).to_string(),
        Err(_) => percent_encoding::percent_encode(bytes, ESCAPES).to_string(),
    };
    format!("file://{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_its_address_are_the_same() {
        let paths = ["/a/b.rhai", "/a b/ä#1?/c%20.rhai", "/[x]/{y}.rhai"];
        for path in paths {
            assert_eq!(path_of(&uri_of(Path::new(path))), Some(PathBuf::from(path)), "{path}");
        }
        assert_eq!(uri_of(Path::new("/a b/ä")), "file:///a%20b/%C3%A4");
        assert_eq!(path_of("file://localhost/a"), Some(PathBuf::from("/a")));
        assert_eq!(path_of("untitled:Untitled-1"), None);
        assert_eq!(path_of("file://"), None);
    }
}
