//! A run, as the embedding program holds it.

use crate::embed::error::Error;
use crate::embed::event::Event;
use crate::embed::feed::Feed;
use crate::embed::order::{Cancel, RunEnd};
use crate::embed::outcome::Outcome;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use tokio::sync::oneshot;

/// A run that has been started. Dropping it cancels the run, and the journal says so.
///
/// ```
/// # async fn example(kaizen: kaizen::Runtime) -> Result<(), kaizen::Error> {
/// let mut run = kaizen.run("triage.rhai").param("ticket", "It is broken.").start();
/// while let Some(event) = run.events().next().await {
///     println!("{event:?}");
/// }
/// let done = run.finish::<serde_json::Value>().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Run {
    id: String,
    feed: Arc<Feed>,
    cancel: Arc<Cancel>,
    end: oneshot::Receiver<RunEnd>,
}

impl Run {
    pub(super) fn new(
        id: String,
        feed: Arc<Feed>,
        cancel: Arc<Cancel>,
        end: oneshot::Receiver<RunEnd>,
    ) -> Run {
        Run { id, feed, cancel, end }
    }

    /// Returns the id by which the journal knows the run.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the events that were not taken yet.
    pub fn events(&mut self) -> Events<'_> {
        Events { feed: &self.feed }
    }

    /// Cancels the run. [`Run::finish`] returns once the journal says so.
    pub fn cancel(&self) {
        self.cancel.now();
    }

    /// Waits for the end of the run, and returns the value of the script as a type of yours, with what the run
    /// used.
    pub async fn finish<T: DeserializeOwned>(mut self) -> Result<Outcome<T>, Error> {
        let end = (&mut self.end).await.unwrap_or(Err(Error::Closed));
        end?.typed()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // What has ended is not cancelled by this.
        self.cancel.now();
    }
}

/// The events of a run. There is an end to them: the one that says how the run ended is the last.
///
/// ```
/// # async fn example(mut run: kaizen::Run) {
/// let mut events = run.events();
/// while let Some(event) = events.next().await {
///     println!("{}", serde_json::to_string(&event).unwrap_or_default());
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Events<'a> {
    feed: &'a Feed,
}

impl Events<'_> {
    /// Waits for the next event; returns `None` after the last one.
    pub async fn next(&mut self) -> Option<Event> {
        self.feed.next().await
    }
}
