//! Grants that a script lacks for what it names literally: told before a run makes its first call.

use crate::cli::app::exit::Exit;
use crate::cli::app::job::ScriptJob;
use crate::cli::render::diagnostic;
use crate::cli::say;
use crate::script::diagnostic::{Diagnostic, Severity};

impl ScriptJob<'_> {
    /// Shows which grants a script lacks, before anything is paid; returns how it ends if it certainly comes to
    /// one of them.
    pub(in crate::cli) fn refuse_ungranted(&self, missing: &[Diagnostic]) -> Option<Exit> {
        // What a run was told, it is told again when it is resumed.
        let is_certain = |fault: &&Diagnostic| fault.level == Severity::Error;
        let certain: Vec<Diagnostic> = match self.resumes {
            Some(_) => Vec::new(),
            None => missing.iter().filter(is_certain).cloned().collect(),
        };
        if !certain.is_empty() {
            self.refuse(&certain);
            return Some(Exit::Permission);
        }

        if !self.global.quiet {
            for fault in missing {
                let warning = Diagnostic { level: Severity::Warning, ..fault.clone() };
                say(&diagnostic::render(&warning, self.global.color));
            }
        }
        None
    }
}
