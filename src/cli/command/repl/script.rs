//! The script that a session is about: what there is to do with it besides calling its functions.

use crate::base::file;
use crate::base::visible::shown_path;
use crate::cli::command::repl::session::{InputEnd, ReplSession};
use crate::cli::say;
use std::path::Path;

impl ReplSession<'_> {
    /// Says what there is to do with a script that has no functions to load.
    pub(super) fn offer_to_run(&self, path: &Path) {
        if self.dialogue.has_functions() {
            return;
        }
        say(&format!(
            "`{0}` defines no functions, so nothing is loaded; `:run` runs it here and keeps its variables",
            shown_path(path)
        ));
    }

    /// Evaluates the session's script as if it were typed.
    pub(super) async fn run_script(&mut self) -> anyhow::Result<InputEnd> {
        let Some(script) = self.files.iter().find(|file| file.is_script) else {
            say("error: this session has no script; start one with `kaizen repl SCRIPT`");
            return Ok(InputEnd::Wrong);
        };

        match file::read_text(&script.path) {
            Ok(text) => Ok(self.evaluate(&text).await?.0),
            Err(error) => {
                say(&format!("error: cannot read `{}`: {error}", shown_path(&script.path)));
                Ok(InputEnd::Wrong)
            }
        }
    }
}
