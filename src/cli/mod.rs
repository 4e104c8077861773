//! The terminal: commands, options, exit codes. The only floor that prints or reads the environment.

mod run;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// LLM workflows that improve themselves.
#[derive(Debug, Parser)]
#[command(name = "kaizen", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Command {
    /// Run a workflow script.
    Run {
        /// The script, a `.rhai` file.
        script: PathBuf,
    },
}

/// Parses the command line, does what it says, and returns the exit code.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Run { script } => run::run(&script),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream_error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Writes an error for people.
#[allow(clippy::print_stderr, reason = "the one place where errors reach people")]
fn anstream_error(text: &str) {
    eprintln!("error: {text}");
}
