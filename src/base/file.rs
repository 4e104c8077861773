//! Reading files that people name. A pipe, a device or a socket is no such file: opening or reading one
//! may never end.

use crate::base::json;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Largest file that is read whole, in bytes.
pub const FILE_MAX: u64 = 64 << 20;

/// How many files have to be free at the start: for the runtime, the store and a server.
const DESCRIPTORS_MIN: usize = 16;

/// Reads a file of at most `FILE_MAX` bytes.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    contents(open(path)?)
}

/// Reads an open file of at most `FILE_MAX` bytes.
fn contents(file: File) -> io::Result<Vec<u8>> {
    let too_large = |length: u64| {
        let reason = format!("it has {length} bytes; the maximum is {FILE_MAX} (`FILE_MAX`)");
        Err(io::Error::new(io::ErrorKind::FileTooLarge, reason))
    };

    let length = file.metadata()?.len();
    if length > FILE_MAX {
        return too_large(length);
    }

    let mut bytes = Vec::new();
    // A file may grow while it is read, and some files of the system do not know their length.
    let length = file.take(FILE_MAX + 1).read_to_end(&mut bytes)? as u64;
    if length > FILE_MAX { too_large(length) } else { Ok(bytes) }
}

/// Reads a text file of at most `FILE_MAX` bytes.
pub fn read_text(path: &Path) -> io::Result<String> {
    text(open(path)?)
}

/// Reads a text file in which editors and version control may have changed what cannot be seen: a byte
/// order mark is left out, and lines end in one way.
pub fn read_lines(path: &Path) -> io::Result<String> {
    read_text(path).map(|text| as_lines(&text).into_owned())
}

/// Returns a text without a byte order mark, and with lines that end in one way.
pub fn as_lines(text: &str) -> Cow<'_, str> {
    let text = text.strip_prefix(json::BYTE_ORDER_MARK).unwrap_or(text);
    if text.contains("\r\n") { text.replace("\r\n", "\n").into() } else { text.into() }
}

/// Reads an open text file of at most `FILE_MAX` bytes.
pub fn text(file: File) -> io::Result<String> {
    String::from_utf8(contents(file)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not valid UTF-8 text"))
}

/// Opens a file for reading, if it is one.
pub fn open(path: &Path) -> io::Result<File> {
    // Opening a pipe would wait for somebody who writes to it.
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path);
    regular(opened.map_err(said_of_opening)?)
}

/// Says in words of its own why something cannot be opened that is no file.
pub fn said_of_opening(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        // What Linux says of a socket, or of a device without a driver.
        Some(code) if code == nix::errno::Errno::ENXIO as i32 => not_a_file(),
        _ => error,
    }
}

/// Accepts what was opened if it is a file.
pub fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() { Ok(file) } else { Err(not_a_file()) }
}

/// Tells that what stands at a path is neither a file nor nothing, so that it is not opened for
/// writing.
pub fn writable(path: &Path) -> io::Result<()> {
    match std::fs::metadata(path) {
        Ok(meta) if !meta.is_file() => Err(not_a_file()),
        // What is wrong besides is told when it is written.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Tells that the system lets the program open too few files for its work.
pub fn descriptors() -> io::Result<()> {
    let opened: io::Result<Vec<File>> =
        (0..DESCRIPTORS_MIN).map(|_| File::open("/dev/null")).collect();
    match opened {
        Err(error) if error.raw_os_error() == Some(Errno::EMFILE as i32) => {
            let reason = "too few files may be open at once; allow more with `ulimit -n 1024`";
            Err(io::Error::other(reason))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

fn not_a_file() -> io::Error {
    io::Error::other("it is not a file")
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::stat::Mode;

    #[test]
    fn only_files_are_read() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("text"), "one").expect("a file");
        std::fs::write(path("bytes"), [0xff, 0xfe]).expect("a file");
        nix::unistd::mkfifo(&path("pipe"), Mode::from_bits_truncate(0o600)).expect("a pipe");
        std::os::unix::fs::symlink("/dev/zero", path("link")).expect("a link");
        let socket = std::os::unix::net::UnixListener::bind(path("socket")).expect("a socket");

        let error = |name: &str| read_text(&path(name)).map_err(|error| error.to_string());
        let no_file = || Err("it is not a file".to_owned());
        assert_eq!(error("text"), Ok("one".to_owned()));
        assert_eq!(error("bytes"), Err("it is not valid UTF-8 text".to_owned()));

        for name in ["pipe", "link", "socket", "/dev/null", "/dev/tty", "."] {
            let outcome = error(name);
            assert!(outcome == no_file() || name == "/dev/tty", "{name}: {outcome:?}");
            assert!(name == "/dev/tty" || writable(&path(name)).is_err(), "{name}");
        }

        assert!(writable(&path("new")).is_ok() && writable(&path("text")).is_ok());
        drop(socket);
    }

    #[test]
    fn a_file_that_is_too_large_names_the_limit() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("large");
        File::create(&path).and_then(|file| file.set_len(FILE_MAX + 1)).expect("a file");
        let error = read(&path).expect_err("too large").to_string();
        assert_eq!(error, "it has 67108865 bytes; the maximum is 67108864 (`FILE_MAX`)");
    }
}
