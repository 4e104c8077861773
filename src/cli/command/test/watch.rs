//! `kaizen test --watch`: runs tests again when a file that they depend on is saved.

use crate::cli::app::cause;
use crate::cli::app::exit::Exit;
use crate::cli::app::project::Project;
use crate::cli::command::test::{Order, TestRound, find};
use crate::cli::command::watch::files::Files;
use crate::cli::command::watch::inbox::{Inbox, WatchEvent};
use crate::cli::command::watch::shown;
use crate::cli::render::time;
use crate::cli::{print_line, say};
use std::path::PathBuf;
use std::time::Duration;

/// How often new files with tests are looked for: nothing tells of a file that nobody knew.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Watches until it is told to stop.
pub(super) async fn watch(order: &Order<'_>, first: TestRound) -> anyhow::Result<Exit> {
    let (post, mut inbox) = Inbox::new();
    let files = Files::start(first.quiet, say, post)?;
    let mut known = tests()?;
    files.watch(first.files);

    loop {
        if let Some(exit) = order.signals.seen() {
            return Ok(exit);
        }

        let changed = tokio::select! {
            exit = order.signals.caught() => return Ok(exit),
            happened = inbox.next() => match happened {
                WatchEvent::Changed { files, .. } => files,
                WatchEvent::Key(_) => Vec::new(),
            },
            changed = other_tests(&mut known) => changed?,
        };

        if !order.global.json && !order.global.quiet {
            let names: Vec<String> = changed.iter().map(|path| shown(path)).collect();
            print_line(&format!("\n── {}  {} changed", time::clock(), names.join(", ")));
        }

        match order.round(true) {
            Ok(round) => files.watch(round.files),
            // Such as a kaizen.toml that is being written.
            Err(error) => say(&format!("error: {}", cause::sentence(&error))),
        }
    }
}

fn tests() -> anyhow::Result<Vec<PathBuf>> {
    Ok(find::files(&Project::find()?.root))
}

/// Waits until there is a file with tests that was not there before.
async fn other_tests(known: &mut Vec<PathBuf>) -> anyhow::Result<Vec<PathBuf>> {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = tests()?;
        let added: Vec<PathBuf> =
            now.iter().filter(|path| !known.contains(path)).cloned().collect();

        *known = now;
        if !added.is_empty() {
            return Ok(added);
        }
    }
}
