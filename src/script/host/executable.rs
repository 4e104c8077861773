//! Programs that scripts run: where they lie, and by which names they are known. A denial of one holds
//! however it is named, so names are looked up and links are followed before anything runs.

use crate::base::wildcard::Wildcard;
use crate::script::host::files::{plain, real};
use nix::unistd::{AccessFlags, access};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where programs are looked for when there is no `PATH`, as the system does it.
const DEFAULT_PATH: &str = "/bin:/usr/bin";
/// Most links that lead from one to the next.
const LINKS_MAX: usize = 40;

/// A program as a script names it, and what that leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executable {
    named: String,
    /// The folder in which it runs.
    folder: PathBuf,
    /// Where programs are looked for.
    path: String,
    /// Where it lies, and where each link from there leads; nothing if it was not found.
    places: Vec<PathBuf>,
}

impl Executable {
    /// Finds the program that `named` is for what runs in `folder` with this `PATH`.
    pub(in crate::script) fn find(named: &str, folder: &Path, path: Option<&str>) -> Executable {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let path = path.unwrap_or(DEFAULT_PATH).to_owned();
        let places = look_up(named, &folder, &path).map(|place| chain(&place)).unwrap_or_default();
        Executable { named: named.to_owned(), folder, path, places }
    }

    /// Returns its name as the script says it.
    pub(in crate::script) fn named(&self) -> &str {
        &self.named
    }

    /// Returns what to run: the very place that was looked at, also if nothing was found there. A bare name
    /// would be looked for in other folders too.
    pub(in crate::script) fn to_run(&self) -> PathBuf {
        let found = self.places.first().cloned();
        let missed = || folders(&self.path).next().unwrap_or(Path::new("/")).join(&self.named);
        found.unwrap_or_else(missed)
    }

    /// Returns what changes if another program is put in its place, or if it is written again.
    pub(in crate::script) fn version(&self) -> Option<[i128; 6]> {
        let meta = self.places.last()?.metadata().ok()?;
        let [device, inode, length] = [meta.dev(), meta.ino(), meta.len()].map(i128::from);
        // The time of the last change cannot be set, while that of the last writing can.
        let [seconds, nanos] = [meta.ctime(), meta.ctime_nsec()].map(i128::from);
        Some([device, inode, length, i128::from(meta.mtime()), seconds, nanos])
    }

    /// Tells whether a denial is one of this program, by any of its names or by where it lies. If the
    /// denial is a path, `denied_places` are the places that it names.
    pub(in crate::script) fn is_denied_by(
        &self,
        denied: &Wildcard,
        denied_places: &[Wildcard],
    ) -> bool {
        let covers_place = |place: &PathBuf| {
            let text = plain(place).to_string_lossy().into_owned();
            denied_places.iter().any(|denied| denied.covers(&text))
                || name_of(place).is_some_and(|name| denied.covers(&name))
        };

        let own = Path::new(&self.named);
        let covers_name =
            denied.covers(&self.named) || name_of(own).is_some_and(|name| denied.covers(&name));
        if covers_name || self.places.iter().any(covers_place) {
            return true;
        }

        // A name may be found anywhere, so also at the place that is denied.
        let place = Path::new(denied.text());
        let is_name_of = !self.named.contains('/')
            && denied.text().contains('/')
            && name_of(place).is_some_and(|name| Wildcard::new(name).covers(&self.named));
        is_name_of || self.is_file_of(denied, denied_places)
    }

    /// Tells whether what a denial names is the same file under another name.
    fn is_file_of(&self, denied: &Wildcard, denied_places: &[Wildcard]) -> bool {
        let Some(own) = self.places.last() else { return false };
        if denied.is_open() {
            return false;
        }

        // A relative path is also one from where the program runs.
        let named = denied_places.iter().map(|place| PathBuf::from(place.text()));
        let running = look_up(denied.text(), &self.folder, &self.path);
        named.chain(running).any(|other| is_same(own, &other))
    }
}

/// Finds a program as the system does; a name without a folder is looked for in `PATH`.
fn look_up(named: &str, folder: &Path, path: &str) -> Option<PathBuf> {
    if named.contains('/') {
        return Some(folder.join(named));
    }

    let mut places = folders(path).map(|folder| folder.join(named));
    places.find(|place| place.is_file() && access(place, AccessFlags::X_OK).is_ok())
}

/// Returns the folders of a `PATH`. A relative one would lie in whatever project one is in, so it counts as
/// none.
fn folders(path: &str) -> impl Iterator<Item = &Path> {
    path.split(':').map(Path::new).filter(|folder| folder.is_absolute())
}

/// Returns a place, and where each link from there leads.
fn chain(place: &Path) -> Vec<PathBuf> {
    let mut places = vec![place.to_owned()];
    let mut at = place.to_owned();
    for _ in 0..LINKS_MAX {
        let Ok(to) = std::fs::read_link(&at) else { break };
        at = plain(&real(at.parent().unwrap_or(Path::new("/"))).join(to));
        places.push(at.clone());
    }

    places.push(real(place));
    places
}

fn name_of(path: &Path) -> Option<String> {
    path.file_name().map(|name| name.to_string_lossy().into_owned())
}

/// Tells whether two paths lead to one file.
fn is_same(one: &Path, other: &Path) -> bool {
    let id = |path: &Path| path.metadata().ok().map(|meta| (meta.dev(), meta.ino()));
    real(one) == real(other) || id(one).is_some_and(|own| id(other) == Some(own))
}
