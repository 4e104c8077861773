//! Where TLS finds the certificates that it trusts. The libraries read the variable themselves.

use crate::base::visible::shown_path;
use std::io;
use std::path::Path;

/// The variable that names a file with certificates, which TLS reads.
const CERTIFICATES: &str = "SSL_CERT_FILE";

/// Tells that the variable which names the certificates of the system names no file: reading a pipe or a device would
/// wait for ever.
pub fn check() -> io::Result<()> {
    let Some(path) = std::env::var_os(CERTIFICATES) else { return Ok(()) };
    match std::fs::metadata(&path) {
        Ok(meta) if !meta.is_file() => {
            let shown = shown_path(Path::new(&path));
            Err(io::Error::other(format!("{CERTIFICATES} names `{shown}`, which is not a file")))
        }
        // What is wrong besides is told where it is read.
        Ok(_) | Err(_) => Ok(()),
    }
}
