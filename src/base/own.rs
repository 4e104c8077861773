//! Files that kaizen keeps for itself. They are for their owner only, and no link is followed where
//! one of them should be: somebody else might have put it there.

use crate::base::file;
use nix::fcntl::OFlag;
use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Who may do what with a folder: only its owner, everything.
const FOLDER_MODE: u32 = 0o700;
/// Who may do what with a file: only its owner, read and write.
const FILE_MODE: u32 = 0o600;

/// Makes a folder, with those that it lies in, if there is none.
pub fn make_folder(path: &Path) -> io::Result<()> {
    refuse_link(path)?;
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path)?;
    close_to_others(path, FOLDER_MODE)
}

/// Opens a file to add to it or to lock it, and makes it if there is none.
pub fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).read(true);
    open_with(&mut options, path)
}

/// Opens a file to write to places in it, and makes it if there is none.
pub fn open_to_write(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(false);
    open_with(&mut options, path)
}

/// Opens a file to read it.
pub fn open_to_read(path: &Path) -> io::Result<File> {
    open_with(OpenOptions::new().read(true), path)
}

/// Makes a file where nothing is.
pub fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)
}

/// Reads a text.
pub fn read(path: &Path) -> io::Result<String> {
    file::text(open_to_read(path)?)
}

/// Writes a file, whole or not at all, which others may read if they may read such files.
pub fn write_shared(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, 0o666)
}

/// Writes a file that people have named, whole or not at all. If a link stands there, what it leads to is written.
pub fn write_named(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let leads_to = match path.read_link() {
        // Where it leads, there may be nothing yet.
        Ok(target) => path.canonicalize().unwrap_or_else(|_| path.with_file_name(target)),
        Err(_) => path.to_owned(),
    };
    write_shared(&leads_to, bytes)
}

/// Writes a file, whole or not at all.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, FILE_MODE)
}

/// Writes a file where nothing is, whole or not at all, which others may read if they may read such files.
pub fn add_shared(path: &Path, bytes: &[u8]) -> io::Result<()> {
    add_by(path, bytes, 0o666)
}

/// Writes a file where nothing is, whole or not at all.
pub fn add(path: &Path, bytes: &[u8]) -> io::Result<()> {
    add_by(path, bytes, FILE_MODE)
}

/// Gives a draft the name of a file, where nothing may be.
pub fn publish(draft: &Path, path: &Path) -> io::Result<()> {
    match std::fs::hard_link(draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // Not every file system knows links.
        Err(_) if path.symlink_metadata().is_err() => std::fs::rename(draft, path),
        linked => linked,
    }
}

/// Returns the name of the draft of a file, which lies beside it until it is whole. It is short, since a
/// file's own name may be as long as names can be.
pub fn draft_name(file: &OsStr) -> String {
    let hash = blake3::hash(file.as_bytes()).to_hex();
    format!(".{}.{}.part", &hash[..16], std::process::id())
}

/// Returns who may do what with a file that is there. What replaces it is for nobody else.
pub fn mode_of(meta: &Metadata) -> u32 {
    meta.mode() & 0o777
}

/// Writes beside a file and moves it over that, so that a crash leaves the old or the new one.
fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    // A device or a pipe is no file of ours, and would be replaced by one.
    file::writable(path)?;

    let before = path.symlink_metadata().ok().filter(Metadata::is_file);
    let kept = before.as_ref().map(mode_of).filter(|_| mode != FILE_MODE);

    // What nobody else may read is closed from the first byte on.
    let mode = kept.map_or(mode, |kept| kept & mode);
    by_draft(path, |draft| {
        let file = write_draft(draft, bytes, mode)?;
        if let Some(kept) = kept {
            file.set_permissions(Permissions::from_mode(kept))?;
        }
        std::fs::rename(draft, path)
    })
}

/// Writes beside a place and gives that its name, so that no part of a file ever stands there.
fn add_by(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    if path.symlink_metadata().is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }

    by_draft(path, |draft| {
        write_draft(draft, bytes, mode)?;
        publish(draft, path)?;
        // The file has its own name now. Where it was moved, the draft is gone.
        let _ = std::fs::remove_file(draft);
        Ok(())
    })
}

/// Lets a draft be written and become a file, and removes it if that fails.
fn by_draft(path: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let draft = path.with_file_name(draft_name(path.file_name().unwrap_or_default()));
    // What a killed process of the same number has left, or what somebody has put there.
    match std::fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }

    let written = write(&draft);
    if written.is_err() {
        // The first error says what went wrong.
        let _ = std::fs::remove_file(&draft);
    }
    written
}

fn write_draft(draft: &Path, bytes: &[u8], mode: u32) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(file)
}

/// Refuses a link, also one that leads nowhere.
pub fn refuse_link(path: &Path) -> io::Result<()> {
    if is_link(path) { Err(linked(path)) } else { Ok(()) }
}

/// Tells whether a path is a link.
pub fn is_link(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|meta| meta.is_symlink())
}

/// Takes the rights of others at a file or a folder away, if it is one of this user's.
pub fn close_to_others(path: &Path, mode: u32) -> io::Result<()> {
    let meta = path.symlink_metadata()?;
    let is_ours = meta.uid() == nix::unistd::geteuid().as_raw();

    if is_ours && !meta.is_symlink() && meta.mode() & 0o077 != 0 {
        std::fs::set_permissions(path, Permissions::from_mode(meta.mode() & mode))?;
    }
    Ok(())
}

/// Makes an empty file for its owner only, if there is none, and closes one that is there to others.
pub fn prepare(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            close_to_others(path, FILE_MODE)
        }
        made => made.map(drop),
    }
}

/// Returns a folder of the user's for files of one kind: what a variable names, or else a folder in
/// the home folder. A relative path would lie in whatever project one is in, so it counts as none.
pub fn user_folder(
    lookup: &dyn Fn(&str) -> Option<OsString>,
    variable: &str,
    in_home: &str,
) -> Option<PathBuf> {
    let whole = |name: &str| lookup(name).map(PathBuf::from).filter(|path| path.is_absolute());
    whole(variable).or_else(|| whole("HOME").map(|home| home.join(in_home)))
}

fn open_with(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let opened = options.mode(FILE_MODE).custom_flags(flags.bits()).open(path);
    file::regular(opened.map_err(|error| if is_link(path) { linked(path) } else { error })?)
}

fn linked(path: &Path) -> io::Error {
    io::Error::other(format!(
        "`{}` is a link, and kaizen follows no links to its own files; remove it, or replace it \
         with its target",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_file_is_added_whole_and_never_over_another() {
        let dir = tempfile::tempdir().expect("a folder");
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("full")).expect("a folder");
        std::fs::write(at("theirs"), "theirs").expect("a file");
        symlink(at("nowhere"), at("dangling")).expect("a link");

        add(&at("private"), b"mine").expect("added");
        add_shared(&at("shared"), b"ours").expect("added");
        let taken = ["private", "theirs", "dangling", "full"];
        let refused = taken.map(|name| add_shared(&at(name), b"other").expect_err(name).kind());
        assert_eq!(refused, [io::ErrorKind::AlreadyExists; 4]);
        assert!(add(&at("none/x"), b"x").is_err());

        let mode = |name: &str| at(name).metadata().expect("it is there").mode() & 0o777;
        assert_eq!(mode("private"), 0o600);
        assert_eq!(std::fs::read_to_string(at("theirs")).expect("a text"), "theirs");

        // Nothing is left beside them.
        let count = std::fs::read_dir(dir.path()).expect("a folder").count();
        assert_eq!(count, 5);
    }

    #[test]
    fn a_file_that_people_name_is_written_where_its_link_leads() {
        let dir = tempfile::tempdir().expect("a folder");
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("inner")).expect("a folder");
        std::fs::write(at("inner/text"), "old").expect("a file");
        symlink("inner/text", at("link")).expect("a link");

        symlink("inner/other", at("dangling")).expect("a link");

        for (link, name) in [("link", "inner/text"), ("dangling", "inner/other")] {
            write_named(&at(link), b"new").expect("written");
            assert!(is_link(&at(link)), "{link}");
            assert_eq!(std::fs::read_to_string(at(name)).expect("a text"), "new", "{link}");
        }
    }

    #[test]
    fn files_are_for_their_owner_only_and_no_link_is_followed() {
        let dir = tempfile::tempdir().expect("a folder");
        let at = |name: &str| dir.path().join(name);
        make_folder(&at("own/inner")).expect("a folder");
        std::fs::set_permissions(at("own"), Permissions::from_mode(0o755)).expect("a mode");
        make_folder(&at("own")).expect("a folder");
        write(&at("own/text"), b"one").expect("written");
        write(&at("own/text"), b"two").expect("written");
        drop(open(&at("own/lock")).expect("a file"));

        let mode = |name: &str| at(name).metadata().expect("it is there").mode() & 0o777;
        assert_eq!(
            ["own", "own/inner", "own/text", "own/lock"].map(mode),
            [0o700, 0o700, 0o600, 0o600]
        );
        assert_eq!(read(&at("own/text")).expect("a text"), "two");

        std::fs::write(at("other"), "theirs").expect("a file");
        symlink(at("other"), at("own/link")).expect("a link");
        symlink(at("nowhere"), at("own/dangling")).expect("a link");
        let draft = at("own").join(draft_name(OsStr::new("new")));
        symlink(at("other"), draft).expect("a link");
        symlink(dir.path(), at("folder")).expect("a link");

        assert!(read(&at("own/link")).is_err() && open(&at("own/link")).is_err());
        assert!(open(&at("own/dangling")).is_err() && make_folder(&at("folder")).is_err());

        write(&at("own/new"), b"new").expect("written");
        write(&at("own/link"), b"new").expect("the link itself is replaced");
        assert_eq!(std::fs::read_to_string(at("other")).expect("a file"), "theirs");
        assert!(!at("nowhere").exists());
    }

    #[test]
    fn a_relative_folder_of_the_user_counts_as_none() {
        let found = |state: &'static str, home: &'static str| {
            let lookup = move |name: &str| {
                let value = if name == "HOME" { home } else { state };
                (!value.is_empty()).then(|| value.into())
            };
            user_folder(&lookup, "XDG_STATE_HOME", ".local/state")
        };

        assert_eq!(found("/s", "/h"), Some(PathBuf::from("/s")));
        for relative in ["", "s", "./s", "../s", "~/s"] {
            assert_eq!(found(relative, "/h"), Some(PathBuf::from("/h/.local/state")));
            assert_eq!(found(relative, relative), None);
        }
    }
}
