//! The commands, one file or folder each.

pub(in crate::cli) mod advise;
pub(in crate::cli) mod check;
pub(in crate::cli) mod compare;
pub(in crate::cli) mod config_show;
pub(in crate::cli) mod doc;
pub(in crate::cli) mod doc_html;
pub(in crate::cli) mod doc_settings;
pub(in crate::cli) mod doctor;
pub(in crate::cli) mod explain;
pub(in crate::cli) mod export;
pub(in crate::cli) mod failures;
pub(in crate::cli) mod gc;
pub(in crate::cli) mod list;
pub(in crate::cli) mod models;
pub(in crate::cli) mod new;
pub(in crate::cli) mod patterns;
pub(in crate::cli) mod plan;
pub(in crate::cli) mod repl;
pub(in crate::cli) mod replay;
pub(in crate::cli) mod run;
pub(in crate::cli) mod runs;
pub(in crate::cli) mod show;
pub(in crate::cli) mod template;
pub(in crate::cli) mod test;
pub(in crate::cli) mod tools;
pub(in crate::cli) mod watch;
