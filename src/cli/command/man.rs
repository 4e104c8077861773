//! `kaizen man DIR`: manual pages, from the same definitions as the help. For those who package kaizen.

use crate::base::own;
use crate::base::visible::shown_path;
use crate::cli::app::exit::Exit;
use anyhow::Context as _;
use clap::Command;
use std::path::{Path, PathBuf};

/// The options of `man`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Folder to write the pages to.
    #[arg(value_name = "DIR")]
    pages: PathBuf,
}

/// Writes a page for the program and for each of its commands.
pub(in crate::cli) fn run(mut program: Command, arguments: &Arguments) -> anyhow::Result<Exit> {
    let folder = &arguments.pages;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("creating `{}`", shown_path(folder)))?;

    // Commands are known by their whole name from then on, such as `kaizen-run`.
    program.build();
    write(&program, folder)?;
    Ok(Exit::Ok)
}

fn write(command: &Command, folder: &Path) -> anyhow::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let path = folder.join(format!("{name}.1"));

    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    own::write_named(&path, &page).with_context(|| format!("writing `{}`", shown_path(&path)))?;

    let shown = command.get_subcommands().filter(|one| !one.is_hide_set());
    for one in shown.filter(|one| one.get_name() != "help") {
        write(one, folder)?;
    }
    Ok(())
}
