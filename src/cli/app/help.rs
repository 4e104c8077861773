//! The help of the program itself: its commands in groups, in the order in which people need them.

use crate::cli::command::doc;
use crate::cli::render::entry::wrap;
use clap::Command;
use std::fmt::Write as _;

/// The commands by what they are for.
const GROUPS: &[(&str, &[&str])] = &[
    ("Write", &["new", "init", "check", "test", "doc", "explain", "lsp"]),
    ("Run", &["run", "watch", "plan", "repl", "replay", "fork", "resume", "answer", "mcp"]),
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
    let list = list(&command);
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{list}\nOptions:\n{{options}}{{after-help}}"
    ))
}

fn list(command: &Command) -> String {
    let width = doc::width().clamp(40, WIDTH_MAX) - NAME_WIDTH - 2;

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

    #[test]
    fn every_command_stands_in_one_group() {
        let command = Arguments::command();
        let known: BTreeSet<&str> = command.get_subcommands().map(Command::get_name).collect();
        let listed: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), known);
        assert_eq!(listed.len(), known.len(), "a command stands in two groups");
    }
}
