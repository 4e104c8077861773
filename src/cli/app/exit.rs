//! What the process returns to whoever started it.

pub(in crate::cli) use crate::base::exit::Exit;

use std::process::ExitCode;

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
