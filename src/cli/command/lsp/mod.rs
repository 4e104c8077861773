//! `kaizen lsp`: a language server for scripts and kaizen.toml, over stdin and stdout. It says what the
//! terminal says, from the same checks, reference and settings. It runs no script, calls no model, and
//! only reads the store.
//!
//! Start with `server.rs`, which answers messages one after the other. What an editor asks of a script's
//! text alone is in `script/editor/`.

mod action;
mod completion;
mod document;
mod facts;
mod finding;
mod hover;
mod lens;
mod position;
mod rename;
mod request;
mod server;
mod settings_file;
mod symbol;
mod token;
mod uri;
mod vocabulary;
mod wire;
mod workspace;

use crate::cli::app::exit::Exit;
use crate::cli::command::lsp::server::LanguageServer;
use crate::cli::command::lsp::wire::ClientWires;

/// The options of `lsp`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Speak over stdin and stdout. This is the default; some editors pass it.
    #[arg(long)]
    stdio: bool,
}

/// Serves an editor until it is done or gone.
pub(in crate::cli) fn run(_: &Arguments) -> anyhow::Result<Exit> {
    let is_orderly = LanguageServer::new(ClientWires::open()?).serve();
    Ok(if is_orderly { Exit::Ok } else { Exit::Failed })
}
