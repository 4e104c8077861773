//! A store that is lost while a script is watched: nothing runs until somebody says that it may continue
//! with another one.

use crate::cli::app::cause;
use crate::cli::app::exit::Exit;
use crate::cli::command::watch::round::WatchState;
use crate::cli::command::watch::{EventSource, Happening};
use crate::cli::say;
use crate::store::StoreError;
use std::rc::Rc;

/// What the keys do meanwhile.
const CHOICE: &str = "paused until you choose: [s] use the store that is now at its path, or start a new one  [q] quit";

impl WatchState<'_> {
    /// Says that the store is lost, if that is why a run ended, and waits for what is to become of it.
    /// Without keys the only way to say so is to start again. Gives how the program ends, if it does.
    pub(super) async fn after_loss(
        &mut self,
        events: &mut EventSource,
        error: anyhow::Error,
    ) -> anyhow::Result<Option<Exit>> {
        let is_lost = |error: &anyhow::Error| {
            error.chain().any(|cause| matches!(cause.downcast_ref(), Some(StoreError::Lost { .. })))
        };
        if !self.has_keys || !is_lost(&error) {
            return Err(error);
        }

        // Calls under way were made for runs that are lost.
        self.reuse.end();
        say(&format!("error: {}", cause::sentence(&error)));
        say(CHOICE);

        loop {
            match events.next().await {
                Happening::Signal(exit) => return Ok(Some(exit)),
                Happening::Key('q') => return Ok(Some(Exit::Store)),
                Happening::Key('s') => match self.project.start_writer() {
                    Ok(writer) => {
                        self.writer = Rc::new(writer);
                        return Ok(None);
                    }
                    Err(error) => say(&format!("error: {error}")),
                },
                Happening::Changed(cause) => say(&format!("{}; not run: {CHOICE}", cause.text)),
                Happening::Key(key) if key.is_ascii_graphic() => say(CHOICE),
                Happening::Key(_) => {}
            }
        }
    }
}
