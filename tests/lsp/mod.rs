//! `kaizen lsp`: the built program, driven by a client that speaks the protocol, and by a real editor.

mod client;
mod edit;
mod look;
mod neovim;
mod sturdy;
