//! What a script travels in: a manifest that names files by the hashes of what is in them, and is itself named by its
//! own hash. The files are kept in the shared store, each once.

use crate::base::file;
use crate::base::wildcard::Wildcard;
use crate::script::library_hash;
use crate::store::{ReadError, Reader};
use std::collections::BTreeMap;
use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

/// Most bytes of all files of a bundle.
const SIZE_MAX: usize = 64 << 20;

/// What every project has, and every bundle.
const SETTINGS: &str = "kaizen.toml";

/// Why a project's files cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A file cannot be read.
    #[error("cannot send `{path}`: {reason}")]
    File {
        /// The file.
        path: String,
        /// Why not.
        reason: io::Error,
    },
    /// A file does not lie in the project, or is hidden.
    #[error(
        "cannot send `{0}`: only files within the project are sent, and none whose path has a part that begins with a dot"
    )]
    Outside(String),
    /// The files are too large.
    #[error(
        "the files of the script have more than {} MiB: name fewer under `files` in [engine]",
        SIZE_MAX >> 20
    )]
    Size,
    /// Nothing lies where `files` says.
    #[error("no file of the project fits `{0}`, which `files` under [engine] names")]
    NoFile(String),
}

/// Why a bundle is not there to be used.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] ReadError),
    /// A file is not in the store.
    #[error("the shared store lacks `{0}` of the run's bundle; submit the run again")]
    Lacking(String),
    /// What was kept under a hash is something else.
    #[error("`{0}` of the run's bundle is not what was sent; submit the run again")]
    Wrong(String),
    /// It cannot be written.
    #[error("cannot unpack the run's bundle: {0}")]
    Folder(#[from] io::Error),
    /// It was made by a program with another standard library.
    #[error(
        "the run was submitted by kaizen {0}, which has another standard library than this worker"
    )]
    Version(String),
}

impl UnpackError {
    /// Tells whether no worker can ever use the bundle.
    pub(super) fn is_final(&self) -> bool {
        match self {
            UnpackError::Lacking(_) | UnpackError::Wrong(_) => true,
            UnpackError::Store(_) | UnpackError::Folder(_) | UnpackError::Version(_) => false,
        }
    }
}

/// What is in a bundle.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Manifest {
    /// The version of the program that made it.
    program: String,
    /// The hash of the standard library that its script was checked with.
    library: String,
    /// The hashes of the files, by their paths.
    files: BTreeMap<String, String>,
}

/// Files that belong together, with what is in them.
#[derive(Debug)]
pub struct ScriptBundle {
    manifest: Manifest,
    bodies: BTreeMap<String, Vec<u8>>,
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

impl ScriptBundle {
    /// Collects files of a project: those that are named, those that patterns fit, and the settings.
    pub fn collect(
        root: &Path,
        named: impl IntoIterator<Item = PathBuf>,
        patterns: &[String],
    ) -> Result<ScriptBundle, BundleError> {
        let mut files = BTreeMap::new();
        let mut bodies = BTreeMap::new();
        let mut size = 0;
        for path in named.into_iter().chain(matching(root, patterns)?) {
            let name = inner_path(root, &path)?;
            let body = file::read(&path)
                .map_err(|reason| BundleError::File { path: name.clone(), reason })?;
            if files.insert(name, hash(&body)).is_none() {
                size += body.len();
            }
            if size > SIZE_MAX {
                return Err(BundleError::Size);
            }
            bodies.insert(hash(&body), body);
        }

        // With it, the folder on the worker is a project.
        let settings = file::read(&root.join(SETTINGS)).unwrap_or_default();
        files.insert(SETTINGS.to_owned(), hash(&settings));
        bodies.insert(hash(&settings), settings);

        let program = env!("CARGO_PKG_VERSION").to_owned();
        let mut bundle =
            ScriptBundle { manifest: Manifest { program, library: library_hash(), files }, bodies };
        let text = bundle.text();
        bundle.bodies.insert(hash(text.as_bytes()), text.into_bytes());
        Ok(bundle)
    }

    fn text(&self) -> String {
        serde_json::json!(self.manifest).to_string()
    }

    /// Returns its name.
    pub fn hash(&self) -> String {
        hash(self.text().as_bytes())
    }

    /// Puts into a store what it lacks of the bundle.
    pub fn send(&self, store: &Reader) -> Result<(), ReadError> {
        let hashes: Vec<String> = self.bodies.keys().cloned().collect();
        for lacking in store.lacking_blobs(&hashes)? {
            if let Some(body) = self.bodies.get(&lacking) {
                store.keep_blob(&lacking, body)?;
            }
        }
        Ok(())
    }
}

/// Returns the path of a file within the project, as a manifest has it.
pub fn inner_path(root: &Path, path: &Path) -> Result<String, BundleError> {
    let outside = || BundleError::Outside(path.to_string_lossy().into_owned());
    let inner = path.strip_prefix(root).map_err(|_| outside())?;
    let text = inner.to_str().ok_or_else(outside)?;
    if is_sound(text) { Ok(text.to_owned()) } else { Err(outside()) }
}

/// Tells whether a path leads to a file in its folder that is not hidden. A bundle may be made by anybody.
fn is_sound(path: &str) -> bool {
    let is_plain = |part: Component<'_>| match part {
        Component::Normal(name) => !name.to_string_lossy().starts_with('.'),
        _ => false,
    };
    !path.is_empty() && Path::new(path).components().all(is_plain)
}

/// Finds the files that patterns fit, which have to fit one each.
fn matching(root: &Path, patterns: &[String]) -> Result<Vec<PathBuf>, BundleError> {
    if patterns.is_empty() {
        return Ok(Vec::new());
    }

    let mut found = Vec::new();
    walk(root, &mut found).map_err(|reason| BundleError::File { path: ".".to_owned(), reason })?;
    let mut chosen = Vec::new();
    for pattern in patterns {
        let wanted = Wildcard::new(pattern.as_str());
        let before = chosen.len();
        let fits =
            |path: &&PathBuf| inner_path(root, path).is_ok_and(|inner| wanted.covers(&inner));
        chosen.extend(found.iter().filter(fits).cloned());
        if chosen.len() == before {
            return Err(BundleError::NoFile(pattern.clone()));
        }
    }
    Ok(chosen)
}

/// Finds all files of a folder that are not hidden. Links are not followed.
fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        let kind = entry.file_type()?;
        match () {
            () if is_hidden => {}
            () if kind.is_dir() => walk(&entry.path(), found)?,
            () if kind.is_file() => found.push(entry.path()),
            () => {}
        }
    }
    Ok(())
}

/// Makes a folder with the files of a bundle, which may only be read, unless it is there. kaizen's own folder in it
/// may be written.
pub(super) fn unpack(store: &Reader, bundle: &str, within: &Path) -> Result<PathBuf, UnpackError> {
    let whole = within.join(bundle);
    if whole.exists() {
        return Ok(whole);
    }

    let text = fetch(store, bundle, "manifest")?;
    let wrong = || UnpackError::Wrong("manifest".to_owned());
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|_| wrong())?;
    if manifest.library != library_hash() {
        return Err(UnpackError::Version(manifest.program));
    }

    let draft = within.join(format!("{bundle}.part"));
    remove(&draft);
    make_folder(&draft)?;
    make_folder(&draft.join(crate::store::FOLDER))?;
    for (name, hash) in &manifest.files {
        if !is_sound(name) {
            return Err(UnpackError::Wrong(name.clone()));
        }
        let path = draft.join(name);
        make_folder(path.parent().unwrap_or(&draft))?;
        std::fs::write(&path, fetch(store, hash, name)?)?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o400))?;
    }

    std::fs::rename(&draft, &whole)?;
    close(&whole)?;
    Ok(whole)
}

fn fetch(store: &Reader, wanted: &str, name: &str) -> Result<Vec<u8>, UnpackError> {
    let body = store.blob(wanted)?.ok_or_else(|| UnpackError::Lacking(name.to_owned()))?;
    if hash(&body) == wanted { Ok(body) } else { Err(UnpackError::Wrong(name.to_owned())) }
}

fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Lets nothing more be written to a folder and those in it, except kaizen's own.
fn close(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && entry.file_name() != crate::store::FOLDER {
            close(&entry.path())?;
        }
    }
    std::fs::set_permissions(folder, Permissions::from_mode(0o500))
}

/// Removes a folder with bundles, as far as that is possible.
pub(super) fn remove(folder: &Path) {
    open(folder);
    // What stays is in a temporary folder.
    let _ = std::fs::remove_dir_all(folder);
}

/// Lets folders be written again.
fn open(folder: &Path) {
    let _ = std::fs::set_permissions(folder, Permissions::from_mode(0o700));
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_has_the_named_files_and_the_settings() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        for (name, text) in [("a.rhai", "1"), ("data/x.csv", "a,b"), ("data/.key", "s"), ("b", "2")]
        {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }

        let files = |patterns: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(|&text| text.to_owned()).collect();
            let bundle = ScriptBundle::collect(root, [root.join("a.rhai")], &patterns);
            bundle.map(|bundle| bundle.manifest.files.into_keys().collect::<Vec<_>>().join(" "))
        };
        assert_eq!(files(&[]).expect("a bundle"), "a.rhai kaizen.toml");
        assert_eq!(files(&["data/**"]).expect("a bundle"), "a.rhai data/x.csv kaizen.toml");
        let error = files(&["none/*"]).expect_err("no such file");
        expect_test::expect![
            "no file of the project fits `none/*`, which `files` under [engine] names"
        ]
        .assert_eq(&error.to_string());
    }

    #[test]
    fn no_path_of_a_bundle_leads_out_of_its_folder() {
        for path in ["a/b.rhai", "kaizen.toml"] {
            assert!(is_sound(path), "{path}");
        }
        for path in ["", "/etc/passwd", "../x", "a/../../x", ".kaizen/kaizen.db", "a/.ssh/key"] {
            assert!(!is_sound(path), "{path}");
        }
    }
}
