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
        let certain = self.certain(missing);
        if !certain.is_empty() {
            return Some(self.refuse(&certain));
        }

        if !self.global.quiet {
            for fault in missing {
                let warning = Diagnostic { level: Severity::Warning, ..fault.clone() };
                say(&diagnostic::render(&warning, self.global.color));
            }
        }
        None
    }

    /// Returns those of the missing grants to which a run certainly comes.
    pub(in crate::cli) fn certain(&self, missing: &[Diagnostic]) -> Vec<Diagnostic> {
        // What a run was told, it is told again when it is resumed.
        if self.resumes.is_some() {
            return Vec::new();
        }
        missing.iter().filter(|fault| fault.level == Severity::Error).cloned().collect()
    }
}
