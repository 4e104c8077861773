//! Grants that a script lacks for what it names literally: told before a run makes its first call.

use crate::cli::app::exit::Exit;
use crate::cli::app::job::ScriptJob;
use crate::cli::render::diagnostic;
use crate::cli::say;
use crate::script::diagnostic::{Diagnostic, Severity};
use crate::script::{Host, Program, ScriptError};

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

    /// Shows which models are not set up that a script certainly asks after another call; returns how it ends if
    /// there is one. What is known already is not asked again, so its model need not be set up.
    pub(in crate::cli) fn refuse_unset(&self, host: &Host, program: &Program) -> Option<Exit> {
        if self.resumes.is_some() || self.reuse.is_some() {
            return None;
        }
        let unset = host.unset_models(program);
        (!unset.is_empty()).then(|| self.refuse(&unset))
    }

    /// Reads a script that is only planned, and refuses one that certainly comes to a missing grant.
    pub(in crate::cli) fn granted(&self, host: &Host, text: &str) -> Result<Program, ScriptError> {
        let program = host.compile(text)?;
        let certain = self.certain(&host.missing_grants(&program));
        if certain.is_empty() { Ok(program) } else { Err(ScriptError::Refused(certain)) }
    }

    /// Returns those of the missing grants to which a run certainly comes.
    fn certain(&self, missing: &[Diagnostic]) -> Vec<Diagnostic> {
        // What a run was told, it is told again when it is resumed.
        if self.resumes.is_some() {
            return Vec::new();
        }
        missing.iter().filter(|fault| fault.level == Severity::Error).cloned().collect()
    }
}
