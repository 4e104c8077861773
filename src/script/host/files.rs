//! Opening files that a script names, in places that were looked at before: nothing that changes in
//! between leads elsewhere, since no link is followed on the way.

use crate::base::path_text::text_of;
use crate::base::{file, own};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat, renameat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::ffi::OsStr;
use std::fs::{File, Metadata, Permissions};
use std::io::{self, Read as _, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

/// Takes `.` and `..` out of a path without looking at the disk.
pub(crate) fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            other => plain.push(other),
        }
    }

    plain
}

/// Resolves every link in a path as far as it exists; what does not exist yet is kept as it is
/// written.
pub(crate) fn real(path: &Path) -> PathBuf {
    let path = plain(path);
    for ancestor in path.ancestors() {
        if let Ok(real) = ancestor.canonicalize() {
            let rest = path.strip_prefix(ancestor).unwrap_or(Path::new(""));
            return if rest.as_os_str().is_empty() { real } else { real.join(rest) };
        }
    }

    path
}

/// Reads a text file at a resolved path.
pub(in crate::script) fn read(path: &Path) -> io::Result<String> {
    file::text(open_to_read(path)?)
}

/// Reads a file at a resolved path, but no more of it than one byte after the limit.
pub(in crate::script) fn read_bytes(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    open_to_read(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn open_to_read(path: &Path) -> io::Result<File> {
    let (folder, name) = parts(path)?;
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    let opened = openat(walk(folder, false)?, name, flags, Mode::empty());
    file::regular(File::from(opened.map_err(|errno| file::said_of_opening(errno.into()))?))
}

/// Writes a file at a resolved path, whole or not at all, and makes the folders it needs.
pub(in crate::script) fn write(path: &Path, text: &str) -> io::Result<()> {
    // A device or a pipe would be replaced by a file.
    file::writable(path)?;
    let (folder, name) = parts(path)?;
    let folder = walk(folder, true)?;

    // Written beside the target and moved over it, so that a crash leaves the old or the new file.
    let draft = own::draft_name(name);

    // A file that is replaced keeps its mode: what is for its owner only stays so.
    let before = path.symlink_metadata().ok().filter(Metadata::is_file);
    let kept = before.as_ref().map(own::mode_of);

    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC;
    let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mode = Mode::from_bits_truncate(kept.unwrap_or(0o666) & 0o666);
    let mut file = File::from(openat(&folder, draft.as_str(), flags, mode)?);

    let keep = |kept| file.set_permissions(Permissions::from_mode(kept));
    let written = kept
        .map_or(Ok(()), keep)
        .and_then(|()| file.write_all(text.as_bytes()))
        .and_then(|()| Ok(renameat(&folder, draft.as_str(), &folder, name)?));
    if written.is_err() {
        // The first error says what went wrong; a draft that is left harms nobody.
        let _ = unlinkat(&folder, draft.as_str(), UnlinkatFlags::NoRemoveDir);
    }

    written
}

/// Makes the folders that a file at a resolved path needs.
pub(in crate::script) fn make_folder_of(path: &Path) -> io::Result<()> {
    let (folder, _) = parts(path)?;
    walk(folder, true).map(drop)
}

fn parts(path: &Path) -> io::Result<(&Path, &OsStr)> {
    path.parent().zip(path.file_name()).ok_or_else(|| io::Error::other("it names no file"))
}

/// Opens a folder by going from the root down, one name after the other.
fn walk(folder: &Path, make: bool) -> io::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    // A folder that may be passed through but not listed can be opened in this way only.
    #[cfg(target_os = "linux")]
    let flags = flags | OFlag::O_PATH;

    let mut at = open("/", flags, Mode::empty())?;
    for part in folder.components() {
        let Component::Normal(name) = part else { continue };
        let next = match openat(&at, name, flags, Mode::empty()) {
            Err(Errno::ENOENT) if make => {
                match mkdirat(&at, name, Mode::from_bits_truncate(0o777)) {
                    // Another process may have made it meanwhile.
                    Ok(()) | Err(Errno::EEXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                openat(&at, name, flags, Mode::empty())
            }
            other => other,
        };

        at = next.map_err(|error| match error {
            Errno::ELOOP | Errno::ENOTDIR => {
                io::Error::other(format!("`{}` is no longer a folder", name.to_string_lossy()))
            }
            other => other.into(),
        })?;
    }

    Ok(at)
}

/// Writes the path of a file as people know it: relative to the current folder if it lies there.
pub(in crate::script) fn shown(path: &Path) -> String {
    let here = Path::new(".").canonicalize().ok();
    let inside = here.and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    text_of(&inside.unwrap_or_else(|| path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_appears_after_the_look_is_not_followed() {
        let dir = tempfile::tempdir().expect("a folder");
        let root = dir.path().canonicalize().expect("a path");
        std::fs::create_dir(root.join("inside")).expect("a folder");
        std::fs::create_dir(root.join("outside")).expect("a folder");
        std::fs::write(root.join("outside/f"), "secret").expect("a file");
        std::fs::write(root.join("inside/f"), "plain").expect("a file");

        let looked_at = real(&root.join("inside/f"));
        assert_eq!(read(&looked_at).expect("a file"), "plain");

        std::fs::remove_dir_all(root.join("inside")).expect("gone");
        std::os::unix::fs::symlink(root.join("outside"), root.join("inside")).expect("a link");

        assert!(
            read(&looked_at).expect_err("a link").to_string().contains("is no longer a folder")
        );
        assert!(write(&looked_at, "x").is_err());
        assert_eq!(std::fs::read_to_string(root.join("outside/f")).expect("a file"), "secret");
    }

    #[test]
    fn a_file_is_written_with_its_folders_and_a_pipe_is_no_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let root = dir.path().canonicalize().expect("a path");
        let target = root.join("a/b/c.txt");
        write(&target, "one").expect("written");
        write(&target, "two").expect("written");
        assert_eq!(read(&target).expect("a file"), "two");

        let names = std::fs::read_dir(root.join("a/b")).expect("a folder").count();
        assert_eq!(names, 1, "no draft is left");

        let pipe = root.join("pipe");
        nix::unistd::mkfifo(&pipe, Mode::from_bits_truncate(0o600)).expect("a pipe");
        assert!(read(&pipe).expect_err("a pipe").to_string().contains("not a file"));
        assert!(read(&root).is_err());
    }

    #[test]
    fn paths_are_made_plain_and_real() {
        assert_eq!(plain(Path::new("/a/./b/../../c")), Path::new("/c"));
        assert_eq!(plain(Path::new("/../..")), Path::new("/"));
        assert_eq!(real(Path::new("/no-such-place/x/../y")), Path::new("/no-such-place/y"));
    }
}
