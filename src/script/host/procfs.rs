//! Files of the system that show the inside of a process, and so more than a grant of reading says.

use crate::base::failure::{Failure, Kind};
use crate::script::host::right::Right;
use crate::script::host::rule::{Rule, said};
use std::path::Path;

/// What such a file shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// Every variable of the environment.
    Variables,
    /// The memory, with every key in it.
    Memory,
    /// Nobody can tell: the file is mounted under another name.
    Unknown,
}

/// Tells what a file shows of the inside of a process, this one or another.
fn inside(path: &Path) -> Option<Inside> {
    if !path.starts_with("/proc") && !is_mounted_at(path) {
        return None;
    }

    // One of these files alone can be mounted at any name, which then says nothing.
    if path.parent().is_some_and(|folder| !folder.starts_with("/proc") && !is_mounted_at(folder)) {
        return Some(Inside::Unknown);
    }

    match path.file_name()?.to_str()? {
        "environ" => Some(Inside::Variables),
        "mem" | "kcore" | "kmem" => Some(Inside::Memory),
        _ => None,
    }
}

/// Tells whether a path lies in another place at which these files of the system are mounted.
#[cfg(target_os = "linux")]
fn is_mounted_at(path: &Path) -> bool {
    use nix::sys::statfs::{PROC_SUPER_MAGIC, statfs};
    statfs(path).is_ok_and(|found| found.filesystem_type() == PROC_SUPER_MAGIC)
}

#[cfg(not(target_os = "linux"))]
fn is_mounted_at(_: &Path) -> bool {
    false
}

/// Accepts a path unless its file shows the inside of a process. All variables need a grant of all, since
/// nobody can read a part of such a file. `deed` says what is done with it.
pub(in crate::script) fn accept(
    granted: &[(Right, Rule)],
    denied: &[(Right, Rule)],
    path: &Path,
    deed: &str,
) -> Result<(), Failure> {
    let refuse = |why: &str| Err(Failure::new(Kind::Permission, format!("{deed} {why}")));
    match inside(path) {
        None => return Ok(()),
        Some(Inside::Memory) => {
            return refuse(
                "is refused: it contains the memory of a process, including all its keys",
            );
        }
        Some(Inside::Unknown) => {
            return refuse(
                "is refused: a file of `/proc` is mounted there, which may contain every key",
            );
        }
        Some(Inside::Variables) => {}
    }

    if let Some((right, rule)) = denied.iter().find(|(of, _)| *of == Right::Env) {
        let denial = said(*right, rule);
        return refuse(&format!(
            "is denied by {denial}, or by kaizen.toml: it shows every variable"
        ));
    }

    let is_all = |rule: &Rule| match rule {
        Rule::Name(name) => name.is_everything(),
        rule => *rule == Rule::Any,
    };
    if granted.iter().any(|(of, rule)| *of == Right::Env && is_all(rule)) {
        return Ok(());
    }
    refuse("is not granted: it shows every variable, so it also needs `--allow-env`")
}
