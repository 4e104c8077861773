//! `kaizen gc`: forgets old runs and gives their room back to the disk.

use crate::base::clock::micros;
use crate::base::count::counted;
use crate::base::id::RunId;
use crate::cli::app::condition::{Condition, condition};
use crate::cli::app::config::{duration, size};
use crate::cli::app::exit::Exit;
use crate::cli::app::project::Project;
use crate::cli::app::waiting;
use crate::cli::{Global, print_data, say};
use crate::journal::event::RunStatus;
use crate::journal::history;
use crate::journal::prune::{PruneOptions, prune};
use crate::store::{self, Reader, StoreError};
use serde_json::json;

/// The options of `gc`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Delete runs older than this, such as 30d or 12h. Defaults to `keep` under [store] in
    /// kaizen.toml.
    #[arg(long, value_name = "TIME")]
    keep: Option<String>,
    /// Delete the oldest runs until the store is at most this large, such as 500MB or 2GB. Defaults
    /// to `max_size` under [store] in kaizen.toml.
    #[arg(long, value_name = "SIZE")]
    max_size: Option<String>,
    /// Show what would be deleted, without deleting anything.
    #[arg(long)]
    dry_run: bool,
}

/// Forgets old runs. Runs under way, suspended ones and the newest one stay, and so does what was learned.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let project = Project::find()?;
    let mut keep = project.config.store_keep();
    let mut bytes_max = project.config.store_max_size();

    if let Some(text) = &arguments.keep {
        keep = duration(text);
        if keep.is_none() {
            say(&format!(
                "error: invalid duration `{text}` for `--keep` (examples: 30d, 12h, 90m)"
            ));
            return Ok(Exit::Usage);
        }
    }

    if let Some(text) = &arguments.max_size {
        bytes_max = size(text);
        if bytes_max.is_none() {
            say(&format!("error: invalid size `{text}` for `--max-size` (examples: 500MB, 2GB)"));
            return Ok(Exit::Usage);
        }
    }

    let Some(store) = open(&project, arguments.dry_run)? else {
        say("no runs to delete");
        return Ok(Exit::Ok);
    };

    let before = keep.map(|keep| {
        let keep = i64::try_from(keep.as_micros()).unwrap_or(i64::MAX);
        micros().saturating_sub(keep)
    });

    let kept = kept(&store, before)?;
    let wanted = PruneOptions { before, bytes_max, kept };
    let dry = arguments.dry_run;
    let (pruned, was, is) = prune(&store, &project.store_path(), &wanted, dry)?;

    if global.json {
        let line = json!({
            "runs": pruned.runs, "events": pruned.events, "dry_run": dry,
            "bytes_before": was.file, "bytes_after": is.file,
        });
        print_data(line);
        return Ok(Exit::Ok);
    }

    let runs = counted(pruned.runs, "run", "runs");
    let events = counted(pruned.events, "event", "events");
    if dry {
        say(&format!("would delete {runs} ({events}); the store is {}", shown(was.file)));
    } else {
        let was = shown(was.file);
        let is = shown(is.file);
        say(&format!("deleted {runs} ({events}); the store was {was} and is now {is}"));
    }

    if before.is_none() && bytes_max.is_none() {
        say("all runs are kept; delete old ones with `--keep 30d` or `--max-size 500MB`");
    }
    if let Some(most) = bytes_max.filter(|most| is.used > *most && !dry) {
        say(&format!(
            "the rest is {}, more than {}: active runs, the latest run and learned data are never \
             deleted",
            shown(is.used),
            shown(most)
        ));
    }

    Ok(Exit::Ok)
}

/// Returns the runs that stay whatever the bounds say: those under way, suspended ones and the newest one.
fn kept(store: &Reader, before: Option<i64>) -> anyhow::Result<Vec<RunId>> {
    let rows = history::runs(store, usize::MAX)?;
    let newest = rows.first().map(|row| row.id.clone());
    let running =
        rows.iter().filter(|row| condition(row) == Condition::Running).map(|row| row.id.clone());
    let waiting = waiting::all(store)?.into_iter().map(|waiting| waiting.row.id);

    // One that did not end well may be resumed, and then needs the runs that it goes on from.
    let unfinished = rows
        .iter()
        .filter(|row| row.status != Some(RunStatus::Ok))
        .filter(|row| before.is_some_and(|before| row.started_at >= before))
        .map(|row| row.id.clone());
    Ok(running.chain(newest).chain(waiting).chain(unfinished).collect())
}

/// Opens the store, to change it unless this is a dry run: what can be read cannot always be changed.
fn open(project: &Project, dry: bool) -> Result<Option<Reader>, StoreError> {
    match project.existing_store()? {
        Some(_) if !dry => store::reopen(&project.store_path()).map(Some),
        found => Ok(found),
    }
}

/// Writes a number of bytes for people.
pub(in crate::cli) fn shown(bytes: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);

    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", tenths(1_000)),
        1_000_000..1_000_000_000 => format!("{} MB", tenths(1_000_000)),
        _ => format!("{} GB", tenths(1_000_000_000)),
    }
}
