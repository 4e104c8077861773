//! Whether the log of a store still holds what was committed to it. Somebody may cut or overwrite it in
//! place, and SQLite would continue writing after a gap: it reads a log from its start only when nobody has
//! the store open.
//!
//! SQLite keeps an index of the log in a file that all processes map into memory. It names the frame
//! that was committed last and its checksum, which covers every frame before it. Both formats are
//! described at <https://sqlite.org/walformat.html>.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Bytes before the first frame.
const HEADER: usize = 32;

/// Bytes before the page of a frame.
const FRAME_HEADER: usize = 24;

/// Bytes of the index that say what the log holds: two copies of its head, then how many frames were
/// copied to the store.
const INDEX: usize = 100;

/// Bytes by which the index grows, and this many frames that the first such piece tells of, and each later one.
const REGION: u64 = 1 << 15;
const FRAMES_OF_FIRST: u32 = 4062;
const FRAMES_OF_LATER: u32 = 4096;

/// The one version of the index, and of the log, that there is.
const VERSION: u32 = 3_007_000;

/// Most bytes of a log that are read at once. More would save few calls, and its pages cost more than those.
const PIECE: usize = 1 << 16;

/// How often a log is looked at again that does not agree with its index: another process may have
/// changed both between two looks.
const LOOKS_MAX: u32 = 200;

/// The pause between two such looks.
const LOOK_PAUSE: Duration = Duration::from_millis(1);

/// The indexes that were opened. Closing one gives up the locks that SQLite holds on it in this process,
/// so that is done only once the file has been removed, which the last user of a store does.
static OPENED: Mutex<Vec<Arc<File>>> = Mutex::new(Vec::new());

/// How much of a log is compared with its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogDepth {
    /// Its header and the frame that was committed last.
    Ends,
    /// Every frame.
    Whole,
}

/// How a log and its index stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogCondition {
    /// The log holds what was committed to it, as far as there is any telling.
    Sound,
    /// The log was cut or overwritten.
    Changed,
    /// The index was cut. Whoever reads beyond its end in memory is killed by the system.
    IndexCut,
}

/// What the index says of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IndexHead {
    /// Changes with each commit.
    change: u32,
    page: usize,
    /// How many frames are committed.
    pub(super) frames: u32,
    /// The checksum of the last one.
    sum: [u32; 2],
    /// What the log is known by until it begins from the start again.
    salts: [u8; 8],
    /// How many frames were copied to the store.
    pub(super) copied: u32,
}

impl IndexHead {
    /// Tells whether it is of the same log, of which as much was copied to the store.
    pub(super) fn is_backfill_of(self, other: IndexHead) -> bool {
        self.salts == other.salts && self.copied == other.copied
    }

    /// Reads it; `None` while somebody writes it.
    fn read(bytes: &[u8; INDEX]) -> Option<IndexHead> {
        // Both are in the order of the machine, unlike everything in the log.
        let word = |at: usize| bytes[at..at + 4].try_into().ok().map(u32::from_ne_bytes);
        let page = bytes[14..16].try_into().ok().map(u16::from_ne_bytes)?;
        let is_whole = bytes[..48] == bytes[48..96] && word(0)? == VERSION && bytes[12] == 1;

        is_whole.then_some(IndexHead {
            change: word(8)?,
            // 1 stands for the size that has no room in the field.
            page: if page == 1 { 65_536 } else { page.into() },
            frames: word(16)?,
            sum: [word(24)?, word(28)?],
            salts: bytes[32..40].try_into().ok()?,
            copied: word(96)?,
        })
    }
}

/// The head of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LogHeader {
    page: usize,
    salts: [u8; 8],
    sum: [u32; 2],
    /// In which order the bytes of words are, as far as checksums go.
    is_big: bool,
}

impl LogHeader {
    /// Reads it; `None` if it is none.
    fn read(log: &File) -> Option<LogHeader> {
        let mut bytes = [0; HEADER];
        log.read_exact_at(&mut bytes, 0).ok()?;

        let is_big = match big(&bytes[..4])? {
            0x377f_0682 => false,
            0x377f_0683 => true,
            _ => return None,
        };
        let page = usize::try_from(big(&bytes[8..12])?).ok()?;
        let sum = [big(&bytes[24..28])?, big(&bytes[28..32])?];
        let is_sound = (512..=65_536).contains(&page) && page.is_power_of_two();

        (is_sound && add([0, 0], &bytes[..24], is_big) == sum).then_some(LogHeader {
            page,
            salts: bytes[16..24].try_into().ok()?,
            sum,
            is_big,
        })
    }

    /// Returns the bytes of a frame with its page.
    fn frame(&self) -> usize {
        FRAME_HEADER + self.page
    }

    /// Returns where a frame begins; the first one has the number 0.
    fn offset(&self, number: u32) -> u64 {
        let frame = u64::try_from(self.frame()).unwrap_or(u64::MAX);
        32 + u64::from(number) * frame
    }
}

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FrameHeader {
    is_commit: bool,
    salts: [u8; 8],
    sum: [u32; 2],
}

impl FrameHeader {
    fn read(bytes: &[u8]) -> Option<FrameHeader> {
        Some(FrameHeader {
            is_commit: big(&bytes[4..8])? != 0,
            salts: bytes[8..16].try_into().ok()?,
            sum: [big(&bytes[16..20])?, big(&bytes[20..24])?],
        })
    }
}

/// A log and its index, open.
#[derive(Debug)]
pub(super) struct LogWitness {
    log: File,
    index: Arc<File>,
    /// Whether the index had its first piece when it was opened.
    had_region: bool,
}

impl LogWitness {
    pub(super) fn open(log: &Path, index: &Path) -> io::Result<LogWitness> {
        let index = open_index(index)?;
        let had_region = index.metadata()?.len() >= REGION;
        Ok(LogWitness { log: open_file(log)?, index, had_region })
    }

    /// Returns what the index says; `None` if it cannot be read, or somebody writes it all the time.
    pub(super) fn head(&self) -> Option<IndexHead> {
        for _ in 0..LOOKS_MAX {
            let mut bytes = [0; INDEX];
            self.index.read_exact_at(&mut bytes, 0).ok()?;
            if let Some(head) = IndexHead::read(&bytes) {
                return Some(head);
            }
            std::thread::yield_now();
        }

        None
    }

    /// Compares the log with its index. Where there is no telling, SQLite finds out: it reads the log again if
    /// its index is no index.
    pub(super) fn compare(&self, depth: LogDepth) -> LogCondition {
        for _ in 0..LOOKS_MAX {
            let head = self.head();
            if self.is_index_cut(head) {
                return LogCondition::IndexCut;
            }

            let Some(head) = head else { return LogCondition::Sound };
            if self.holds(head, depth) {
                return LogCondition::Sound;
            }
            if self.head() == Some(head) {
                return LogCondition::Changed;
            }

            std::thread::sleep(LOOK_PAUSE);
        }

        LogCondition::Changed
    }

    /// Tells whether the index is shorter than what SQLite has of it in memory.
    fn is_index_cut(&self, head: Option<IndexHead>) -> bool {
        let frames = head.map_or(0, |head| head.frames);
        let later = frames.saturating_sub(FRAMES_OF_FIRST).div_ceil(FRAMES_OF_LATER);
        let least = (1 + u64::from(later)) * REGION;
        self.had_region && self.index.metadata().is_ok_and(|index| index.len() < least)
    }

    fn holds(&self, head: IndexHead, depth: LogDepth) -> bool {
        if head.frames == 0 {
            return true;
        }

        let Some(header) = LogHeader::read(&self.log) else { return false };
        if header.salts != head.salts || header.page != head.page {
            return false;
        }

        match depth {
            LogDepth::Ends => {
                let mut bytes = [0; FRAME_HEADER];
                let read = self.log.read_exact_at(&mut bytes, header.offset(head.frames - 1));
                let last = FrameHeader { is_commit: true, salts: head.salts, sum: head.sum };
                read.is_ok() && FrameHeader::read(&bytes) == Some(last)
            }
            LogDepth::Whole => {
                let walked = walk(&self.log, &header, head.frames);
                walked.sound == head.frames && walked.sum == head.sum
            }
        }
    }
}

/// Opens a file for reading. To open a pipe would wait for somebody who writes.
fn open_file(path: &Path) -> io::Result<File> {
    if std::fs::metadata(path)?.is_file() {
        File::open(path)
    } else {
        Err(io::Error::other("it is not a file"))
    }
}

/// Opens an index, once for the whole process.
fn open_index(path: &Path) -> io::Result<Arc<File>> {
    let id = |file: &Metadata| (file.dev(), file.ino());
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    opened.retain(|file| file.metadata().is_ok_and(|file| file.nlink() > 0));

    let sought = id(&std::fs::metadata(path)?);
    let is_it = |file: &&Arc<File>| file.metadata().is_ok_and(|file| id(&file) == sought);
    if let Some(known) = opened.iter().find(is_it) {
        return Ok(known.clone());
    }

    let file = Arc::new(open_file(path)?);
    opened.push(file.clone());
    Ok(file)
}

/// How far a log can be read.
struct LogExtent {
    /// The frames that follow from one another.
    sound: u32,
    sum: [u32; 2],
}

/// Reads a log from its start, at most this many frames.
fn walk(log: &File, header: &LogHeader, most: u32) -> LogExtent {
    let mut walked = LogExtent { sound: 0, sum: header.sum };

    each_frame(log, header, 0, most, |bytes| {
        let Some(frame) = FrameHeader::read(bytes) else { return false };
        let sum = add(walked.sum, &bytes[..8], header.is_big);
        let sum = add(sum, &bytes[FRAME_HEADER..], header.is_big);
        let is_next = frame.salts == header.salts && frame.sum == sum;

        if is_next {
            walked = LogExtent { sound: walked.sound + 1, sum };
        }
        is_next
    });
    walked
}

/// Reads the frames of a log, from the one of a number on and at most this many, until `goes_on` says no.
fn each_frame(
    log: &File,
    header: &LogHeader,
    from: u32,
    most: u32,
    mut goes_on: impl FnMut(&[u8]) -> bool,
) {
    let at_once = (PIECE / header.frame()).max(1);
    let mut piece = vec![0; at_once * header.frame()];
    let mut number = from;

    while number < most {
        let left = usize::try_from(most - number).unwrap_or(usize::MAX);
        let wanted = &mut piece[..at_once.min(left) * header.frame()];
        let read = fill(log, wanted, header.offset(number));

        for bytes in wanted[..read].chunks_exact(header.frame()) {
            if !goes_on(bytes) {
                return;
            }
            number += 1;
        }
        if read < wanted.len() {
            return;
        }
    }
}

/// Reads as much as there is, and returns how much that was.
fn fill(file: &File, bytes: &mut [u8], offset: u64) -> usize {
    let mut filled = 0;
    while filled < bytes.len() {
        let at = offset + u64::try_from(filled).unwrap_or(u64::MAX);
        match file.read_at(&mut bytes[filled..], at) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // What cannot be read is as good as not there.
            Err(_) => break,
        }
    }

    filled
}

/// Finds out whether a log was cut or overwritten, from the log alone: whether it has no head, or a gap
/// before something that was committed. Returns what is wrong with it.
pub(super) fn damage(path: &Path) -> Option<String> {
    for _ in 0..LOOKS_MAX {
        let log = open_file(path).ok()?;
        if log.metadata().ok()?.len() == 0 {
            return None;
        }

        let header = LogHeader::read(&log);
        let found = match header {
            None => Some("it has no valid header, so its content is lost".to_owned()),
            Some(header) => gap(&log, &header),
        };
        // A process that writes may have begun it from the start again meanwhile.
        if found.is_none() || LogHeader::read(&log) == header {
            return found;
        }
        std::thread::sleep(LOOK_PAUSE);
    }

    None
}

/// Finds a frame that does not follow from the one before, although a later one was committed.
fn gap(log: &File, header: &LogHeader) -> Option<String> {
    for _ in 0..LOOKS_MAX {
        let sound = walk(log, header, u32::MAX).sound;
        let mut is_gap = false;

        each_frame(log, header, sound, u32::MAX, |bytes| {
            let frame = FrameHeader::read(bytes);
            is_gap = frame.is_some_and(|frame| frame.is_commit && frame.salts == header.salts);
            !is_gap
        });
        if !is_gap {
            return None;
        }

        // What a process that writes has committed between the two looks is no gap.
        if walk(log, header, u32::MAX).sound == sound {
            let broken = sound + 1;
            return Some(format!(
                "its frame {broken} is damaged, so everything from there on is lost"
            ));
        }
    }

    None
}

fn big(bytes: &[u8]) -> Option<u32> {
    bytes.try_into().ok().map(u32::from_be_bytes)
}

/// Continues a checksum, as SQLite reckons it.
fn add(sum: [u32; 2], bytes: &[u8], is_big: bool) -> [u32; 2] {
    if is_big {
        add_words(sum, bytes, u32::from_be_bytes)
    } else {
        add_words(sum, bytes, u32::from_le_bytes)
    }
}

fn add_words(sum: [u32; 2], bytes: &[u8], word: impl Fn([u8; 4]) -> u32) -> [u32; 2] {
    let [mut one, mut two] = sum;
    let (pairs, _) = bytes.as_chunks::<8>();

    for [a, b, c, d, e, f, g, h] in pairs {
        one = one.wrapping_add(word([*a, *b, *c, *d])).wrapping_add(two);
        two = two.wrapping_add(word([*e, *f, *g, *h])).wrapping_add(one);
    }
    [one, two]
}
