//! What a watched script depends on: its own text, what it reads, and kaizen.toml.

use crate::base::file;
use crate::cli::app::cause;
use crate::cli::command::watch::files::{Contents, Files};
use crate::cli::command::watch::round::WatchState;
use crate::cli::command::watch::{Cause, shown};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Contents of kaizen.toml; `None` where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Configs {
    pub(super) seen: Option<blake3::Hash>,
    pub(super) used: Option<blake3::Hash>,
}

impl WatchState<'_> {
    /// Tells whether everything that the last run has read is as it was then, and that run came to
    /// its end. Of a kaizen.toml that was refused, the one before counts.
    pub(super) fn is_as_before(&self) -> bool {
        let config = self.config_path();
        let now = |path: &Path| if path == config { self.config.used } else { hash(path) };
        let mut ran = self.ran.iter().flatten();
        self.ran.is_some() && ran.all(|(path, before)| now(path) == *before)
    }

    /// Reads the script, and sees to it that it is watched even if it is not there.
    pub(super) fn read(&mut self, files: &Files) -> io::Result<String> {
        let text = file::read_text(&self.given.script);
        if text.as_ref().map_or(true, |text| text.trim().is_empty()) {
            self.watch_script(files, text.as_deref().ok());
        }
        text
    }

    /// Watches the script before its first run, which tells what else is to be watched. Later the
    /// watcher knows better what it has seen last.
    pub(super) fn watch_script(&mut self, files: &Files, text: Option<&str>) {
        if self.watched.is_empty() {
            let hash = text.map(|text| blake3::hash(text.as_bytes()));
            self.watched.insert(whole(&self.given.script), hash);
            files.watch(self.watched.clone());
        }
    }

    /// Watches what decides whether a run that was not started yet may be.
    pub(super) fn watch_gate(&self, files: &Files, text: &str) {
        let mut contents = self.watched.clone();
        contents.insert(self.config_path(), self.config.seen);
        contents.insert(whole(&self.given.script), Some(blake3::hash(text.as_bytes())));
        files.watch(contents);
    }

    fn config_path(&self) -> PathBuf {
        self.project.root.join("kaizen.toml")
    }

    /// Reads the configuration again if it is not the one that counts. One that is refused is told
    /// once and not used; tells whether that is so.
    pub(super) fn reload_config(&mut self) -> bool {
        let now = hash(&self.config_path());
        // The same fault is told once.
        let is_news = std::mem::replace(&mut self.config.seen, now) != now;

        if now == self.config.used {
            return false;
        }

        let loaded = self.given.project_again().and_then(|project| {
            let models = project.models(self.seed)?;
            Ok((project, models))
        });

        match loaded {
            Ok((project, models)) => {
                (self.project, self.models) = (project, Rc::new(models));
                self.config.used = now;
                false
            }
            Err(error) => {
                if is_news {
                    self.tell(&format!(
                        "error: {}; keeping the previous settings",
                        cause::sentence(&error)
                    ));
                }
                true
            }
        }
    }

    /// Tells whether a file is read by the program rather than a part of it.
    fn is_data(&self, path: &Path) -> bool {
        let is_code = path.extension().is_some_and(|end| end == "rhai");
        !is_code && path != whole(&self.given.script) && path != self.config_path()
    }

    /// Tells whether nothing was saved but data.
    pub(super) fn is_data_only(&self, cause: &Cause) -> bool {
        !cause.files.is_empty() && cause.files.iter().all(|file| self.is_data(file))
    }

    /// Finds out whether a save only follows from what changed while the last run was under way.
    pub(super) fn traced(&self, cause: Cause) -> Cause {
        let is_echo =
            self.is_data_only(&cause) && cause.files.iter().all(|file| self.stirred.contains(file));
        Cause { is_echo, ..cause }
    }

    /// Finds the data that changed while a run was under way. It causes one more run. What changes while
    /// that one is under way counts as known: a script whose programs write what it reads would run, and be
    /// paid for, for ever.
    pub(super) fn trace(&mut self, read: &mut Contents, cause: &Cause, is_whole: bool) {
        let is_changed = |(path, before): &(&PathBuf, &Option<blake3::Hash>)| {
            self.is_data(path) && hash(path) != **before
        };
        let changed: BTreeSet<PathBuf> =
            read.iter().filter(is_changed).map(|(path, _)| path.clone()).collect();

        // The run that takes the place of this one reads everything again.
        if is_whole && !cause.is_echo {
            self.stirred = changed;
            return;
        }

        self.stirred.clear();
        for path in &changed {
            read.insert(path.clone(), hash(path));
        }
        if is_whole && !changed.is_empty() {
            let names: Vec<String> = changed.iter().map(|path| shown(path)).collect();
            let again =
                if self.has_keys { "press [r] to run again" } else { "save it to run again" };
            self.tell(&format!("{} changed again during the run; {again}", names.join(", ")));
        }
    }

    /// Watches what a run has read. A run that was cut short has not read everything, so what was
    /// watched before stays.
    pub(super) fn watch(&mut self, files: &Files, read: Contents, text: &str, is_whole: bool) {
        let mut contents = Contents::new();

        // A run that broke off has not read all, so what was watched before stays.
        if !is_whole {
            contents.extend(self.watched.keys().map(|path| (path.clone(), hash(path))));
        }
        contents.extend(read);

        for named in self.project.config.watch_paths() {
            let path = self.project.root.join(named);
            contents.insert(path.clone(), hash(&path));
        }

        let config = self.config_path();
        contents.insert(config.clone(), self.config.seen);
        contents.insert(whole(&self.given.script), Some(blake3::hash(text.as_bytes())));

        let there = |all: &Contents| -> Vec<(PathBuf, bool)> {
            all.iter().map(|(path, hash)| (path.clone(), hash.is_some())).collect()
        };

        let is_new = there(&contents) != there(&self.watched);
        self.watched = contents;
        self.ran = is_whole.then(|| self.watched.clone());
        // The run went by the settings that count.
        if let Some(ran) = &mut self.ran {
            ran.insert(config, self.config.used);
        }

        files.watch(self.watched.clone());

        if is_new {
            let names: Vec<String> = self
                .watched
                .iter()
                .filter(|(path, hash)| hash.is_some() || !path.ends_with("kaizen.toml"))
                .map(|(path, hash)| {
                    let missing = if hash.is_none() { " (not there yet)" } else { "" };
                    format!("{}{missing}", shown(path))
                })
                .collect();

            self.tell(&format!("watching {}", names.join(", ")));
        }
    }
}

/// Returns the hash of a file's content; `None` where there is none.
pub(super) fn hash(path: &Path) -> Option<blake3::Hash> {
    file::read(path).ok().map(|content| blake3::hash(&content))
}

fn whole(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
