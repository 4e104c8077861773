//! How far a store was written, beside it. What a log held that somebody cuts or removes while no program
//! uses it is nowhere else: SQLite takes the store as it was when the log was copied to it last.

use crate::base::own;
use crate::store::{StoreError, file_of};
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The end of its name.
pub(super) const END: &str = "-mark";

/// Bytes of the file, whatever it says, so that it is never cut.
const LENGTH: usize = 256;

/// Something that was committed, and that the disk has: a change of a series that has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreMark {
    /// The name of the series.
    pub series: Arc<str>,
    /// The number of the change.
    pub number: i64,
}

/// The newest change that was committed by this process.
#[derive(Debug, Clone, Default)]
pub(super) struct NewestChange(Arc<Mutex<Option<StoreMark>>>);

impl NewestChange {
    pub(super) fn set(&self, mark: StoreMark) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(mark);
    }

    pub(super) fn take(&self) -> Option<StoreMark> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What tells one file from every other, as long as it is there.
type FileName = (u64, u64);

/// The mark of a store, to be written.
#[derive(Debug)]
pub(super) struct MarkFile {
    store: PathBuf,
    /// The file that is marked; `None` where there is none.
    of: Option<FileName>,
    /// Opened with the first mark.
    file: Mutex<Option<File>>,
}

impl MarkFile {
    /// Prepares the mark of a store that is open: what takes its place later is not marked.
    pub(super) fn new(store: &Path) -> MarkFile {
        MarkFile { store: store.to_owned(), of: name_of(store), file: Mutex::default() }
    }

    /// Writes that the disk has a change. Nothing depends on it where it cannot be written: less is found
    /// out later.
    pub(super) fn write(&self, mark: &StoreMark) {
        let _ = self.try_write(mark);
    }

    fn try_write(&self, mark: &StoreMark) -> io::Result<()> {
        let Some(bytes) = self.of.and_then(|of| bytes(of, mark)) else { return Ok(()) };
        let mut opened = self.file.lock().unwrap_or_else(PoisonError::into_inner);

        let file = match &mut *opened {
            Some(file) => file,
            // Nothing is made beside a store that is gone.
            None if name_of(&self.store) != self.of => return Ok(()),
            None => opened.insert(own::open_to_write(&file_of(&self.store, END))?),
        };
        file.write_all_at(&bytes, 0)
    }
}

/// Reads the mark of a store; `None` if it has none, or one of another file that was in its place.
pub fn mark(store: &Path) -> Option<StoreMark> {
    let file = own::open_to_read(&file_of(store, END)).ok()?;
    let mut bytes = [0; LENGTH];
    file.read_exact_at(&mut bytes, 0).ok()?;

    let text = std::str::from_utf8(&bytes).ok()?;
    let [_, _, _, number, series] = text.split_ascii_whitespace().collect::<Vec<_>>()[..] else {
        return None;
    };
    let mark = StoreMark { series: series.into(), number: number.parse().ok()? };

    // Two processes may have written it at the same moment, or one was killed meanwhile.
    let expected = self::bytes(name_of(store)?, &mark)?;
    (expected == bytes).then_some(mark)
}

/// Removes the mark of a store, whose change somebody has deleted on purpose.
pub fn remove_mark(store: &Path) -> Result<(), StoreError> {
    let path = file_of(store, END);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::Folder { path, source: Arc::new(error) })
        }
        _ => Ok(()),
    }
}

/// Writes a mark with the file that it is of, and a checksum. A name that does not fit has no mark.
fn bytes((device, inode): FileName, mark: &StoreMark) -> Option<[u8; LENGTH]> {
    let text = format!("{device} {inode} {} {}", mark.number, mark.series);
    let hash = blake3::hash(text.as_bytes()).to_hex();
    let line = format!("{} {text}", &hash[..16]);
    let is_name = !mark.series.is_empty() && !mark.series.contains(char::is_whitespace);

    let mut bytes = [b' '; LENGTH];
    bytes.get_mut(..line.len()).filter(|_| is_name)?.copy_from_slice(line.as_bytes());
    bytes[LENGTH - 1] = b'\n';
    Some(bytes)
}

fn name_of(store: &Path) -> Option<FileName> {
    let meta = std::fs::metadata(store).ok()?;
    Some((meta.dev(), meta.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_belongs_to_one_file_and_is_whole_or_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a.db"), "").expect("a file");
        assert_eq!(mark(&at("a.db")), None);

        let file = MarkFile::new(&at("a.db"));
        let marked = |number| StoreMark { series: "run".into(), number };
        for number in [7, 1_000_000, 3] {
            file.write(&marked(number));
            assert_eq!(mark(&at("a.db")), Some(marked(number)));
        }

        let written = std::fs::read(at("a.db-mark")).expect("a mark");
        for place in 0..60 {
            let mut torn = written.clone();
            torn[place] ^= 1;
            std::fs::write(at("a.db-mark"), torn).expect("written");
            assert_eq!(mark(&at("a.db")), None, "byte {place}");
        }

        std::fs::write(at("a.db-mark"), &written).expect("written");
        std::fs::copy(at("a.db"), at("b.db")).expect("a copy");
        std::fs::rename(at("b.db"), at("a.db")).expect("another file in its place");
        assert_eq!(mark(&at("a.db")), None);

        remove_mark(&at("a.db")).expect("removed");
        remove_mark(&at("a.db")).expect("nothing is there");
        assert!(!at("a.db-mark").exists());
    }
}
