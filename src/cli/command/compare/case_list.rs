//! Which inputs were wrong: the cases of a comparison, on the screen or in a file.

use crate::base::count::counted;
use crate::base::visible::shown_path;
use crate::base::{file, own};
use crate::cli::app::terminal::width;
use crate::cli::render::cases::{CaseFormat, table, tally};
use crate::cli::{Global, print_line, say};
use crate::optimizer::trial::cases::{Case, CaseFilter, filtered};
use anyhow::Context;
use std::path::{Path, PathBuf};

/// Which inputs are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum ShownCases {
    /// Those that failed or have a score below one half.
    Wrong,
    /// Those on which the scores differ.
    Differ,
    /// All.
    All,
}

impl ShownCases {
    pub(in crate::cli) fn filter(self) -> CaseFilter {
        match self {
            ShownCases::Wrong => CaseFilter::Wrong,
            ShownCases::Differ => CaseFilter::Differ,
            ShownCases::All => CaseFilter::All,
        }
    }
}

/// Returns how a file of cases is to be written, or why it cannot be.
pub(in crate::cli) fn format_of(out: &Path) -> Result<CaseFormat, String> {
    let shown = shown_path(out);
    let format = CaseFormat::of(out)
        .ok_or_else(|| format!("--out `{shown}` must end in .csv, .jsonl or .md"))?;
    file::writable(out).map_err(|error| format!("--out `{shown}` cannot be written: {error}"))?;
    Ok(format)
}

/// Shows cases, and writes them to a file if one is named.
pub(in crate::cli) fn present(
    global: &Global,
    cases: &[Case],
    shown: Option<ShownCases>,
    out: Option<&PathBuf>,
) -> anyhow::Result<()> {
    let chosen = filtered(cases, shown.map_or(CaseFilter::All, ShownCases::filter));
    if let Some(out) = out {
        let format = format_of(out).map_err(anyhow::Error::msg)?;
        own::write_named(out, format.write(&chosen).as_bytes())
            .with_context(|| format!("cannot write `{}`", shown_path(out)))?;
        if !global.quiet {
            say(&format!(
                "wrote {} to `{}`",
                counted(chosen.len(), "row", "rows"),
                shown_path(out)
            ));
        }
    }

    // `--json` has the cases with the findings.
    let Some(shown) = shown.filter(|_| !global.json) else { return Ok(()) };
    if chosen.is_empty() {
        print_line(match shown {
            ShownCases::Wrong => "no input was answered incorrectly",
            ShownCases::Differ => "the scores do not differ on any input",
            ShownCases::All => "no input was finished",
        });
        return Ok(());
    }

    let several = chosen.iter().any(|case| case.task != chosen[0].task);
    let mut rest = &chosen[..];
    while let Some(first) = rest.first() {
        let count = rest.iter().take_while(|case| case.task == first.task).count();
        if several {
            print_line(&first.task);
        }
        print_line(&table(&rest[..count], width()));
        rest = &rest[count..];
    }
    print_line(&tally(cases));
    Ok(())
}
