//! The help of the program itself: its commands in groups, in the order in which people need them.

use crate::cli::command::doc;
use crate::cli::render::entry::wrap;
use clap::Command;
use std::fmt::Write as _;

/// The commands by what they are for.
const GROUPS: &[(&str, &[&str])] = &[
    ("Write", &["new", "init", "check", "test", "doc", "explain", "lsp"]),
    ("Run", &["run", "watch", "plan", "repl", "replay", "fork", "resume", "answer", "mcp"]),
    ("Run elsewhere", &["worker", "attach", "cancel"]),
    ("Look", &["runs", "show", "diff", "ui", "report", "note", "label", "sql", "export"]),
    ("Learn", &["compare", "patterns", "advise", "failures"]),
    ("Set up", &["models", "tools", "doctor", "config", "trust", "gc", "completions", "man"]),
];

/// Columns of the names, with the space behind them.
const NAME_WIDTH: usize = 14;
/// Columns of the whole, unless the terminal has fewer: as much as clap takes for the options.
const WIDTH_MAX: usize = 100;

/// Lists the commands in their groups, in the place of one long list.
pub(in crate::cli) fn grouped(command: Command) -> Command {
    grouped_within(command, doc::width().clamp(40, WIDTH_MAX))
}

/// Lists them in this many columns.
fn grouped_within(command: Command, width: usize) -> Command {
    let list = list(&command, width - NAME_WIDTH - 2);
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{list}\nOptions:\n{{options}}{{after-help}}"
    ))
}

fn list(command: &Command, width: usize) -> String {
    let mut list = String::new();
    for (title, names) in GROUPS {
        let _ = writeln!(list, "\n{title}:");
        for name in *names {
            let about = command.find_subcommand(name).and_then(Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            for (number, line) in wrap(&about, width).into_iter().enumerate() {
                let name = if number == 0 { *name } else { "" };
                let _ = writeln!(list, "  {name:<NAME_WIDTH$}{line}");
            }
        }
    }

    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Arguments;
    use clap::CommandFactory;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn command() -> Command {
        grouped_within(Arguments::command(), WIDTH_MAX).term_width(WIDTH_MAX)
    }

    /// Returns the words that call a command and each of those below it.
    fn calls(command: &Command, before: &[String]) -> Vec<Vec<String>> {
        let own = [before, &[command.get_name().to_owned()]].concat();
        let below: Vec<Vec<String>> =
            command.get_subcommands().flat_map(|below| calls(below, &own)).collect();
        [vec![own], below].concat()
    }

    #[test]
    fn the_written_help_is_up_to_date() {
        let mut text = String::new();
        for call in calls(&command(), &[]) {
            let call = [&call[..], &["--help".to_owned()]].concat();
            let shown = command().try_get_matches_from(&call).expect_err("the help");
            let _ = writeln!(text, "$ {}", call.join(" "));
            for line in shown.to_string().lines() {
                let _ = writeln!(text, "{}", line.trim_end());
            }
            text.push('\n');
        }

        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/help.txt");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &text).expect("a file");
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        let is_same = text == written;
        assert!(is_same, "tests/cli/help.txt is old: `UPDATE=1 cargo test --lib help` writes it");
    }

    #[test]
    fn every_command_stands_in_one_group() {
        let command = Arguments::command();
        let known: BTreeSet<&str> = command.get_subcommands().map(Command::get_name).collect();
        let listed: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), known);
        assert_eq!(listed.len(), known.len(), "a command stands in two groups");
    }
}
