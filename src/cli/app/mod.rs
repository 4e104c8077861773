//! What every command shares: settings, the project, permissions, how a run is given and ends.

pub(in crate::cli) mod asking;
pub(in crate::cli) mod cause;
pub(in crate::cli) mod condition;
pub(in crate::cli) mod config_faults;
pub(in crate::cli) mod damage;
pub(in crate::cli) mod engine;
#[cfg(feature = "engine")]
pub(in crate::cli) mod engine_run;
pub(in crate::cli) mod exit;
pub(in crate::cli) mod help;
pub(in crate::cli) mod job;
mod job_end;
mod job_terms;
pub(in crate::cli) mod number;
pub(in crate::cli) mod otel;
pub(in crate::cli) mod output;
pub(in crate::cli) mod overrun;
pub(in crate::cli) mod permissions;
pub(in crate::cli) mod plan_clock;
pub(in crate::cli) mod probe;
pub(in crate::cli) mod process;
pub(in crate::cli) mod project;
pub(in crate::cli) mod rehearsals;
pub(in crate::cli) mod resumed;
mod script_words;
pub(in crate::cli) mod seen_tools;
pub(in crate::cli) mod shared_store;
pub(in crate::cli) mod signal;
pub(in crate::cli) mod stint_task;
pub(in crate::cli) mod terminal;
pub(in crate::cli) mod time_limit;
mod trials;
pub(in crate::cli) mod trust;
mod ungranted;
pub(in crate::cli) mod usage;
pub(in crate::cli) mod waiting;

pub(in crate::cli) use crate::journal::lease;
pub(in crate::cli) use crate::settings::{self, config};
