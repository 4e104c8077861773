//! The way of events from the thread of a run to whoever watches it. The run never waits for the watcher.

use crate::embed::error::Error;
use crate::embed::event::Event;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Most events that wait to be taken. A watcher that is slower misses the oldest, and is told so; the journal
/// has all of them.
const WAITING_MAX: usize = 1000;

/// Events that wait to be taken.
#[derive(Debug, Default)]
pub(super) struct Feed {
    waiting: Mutex<WaitingEvents>,
    news: Notify,
}

#[derive(Debug, Default)]
struct WaitingEvents {
    events: VecDeque<Event>,
    missed: u64,
    is_over: bool,
}

impl Feed {
    fn lock(&self) -> MutexGuard<'_, WaitingEvents> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event.
    pub(super) fn push(&self, event: Event) {
        let mut waiting = self.lock();
        if waiting.events.len() >= WAITING_MAX {
            waiting.events.pop_front();
            waiting.missed += 1;
        }
        waiting.events.push_back(event);

        drop(waiting);
        self.news.notify_one();
    }

    /// Says that there will be no run, and why.
    pub(super) fn refuse(&self, error: &Error) {
        let status = "refused".to_owned();
        self.push(Event::Ended { status, value: Value::Null, error: Some(error.to_string()) });
        self.close();
    }

    /// Says that nothing more will come.
    pub(super) fn close(&self) {
        self.lock().is_over = true;
        self.news.notify_one();
    }

    /// Takes the next event; nothing at the end.
    pub(super) async fn next(&self) -> Option<Event> {
        loop {
            // Made before the look, so that what comes in between is not slept through.
            let news = self.news.notified();
            if let Some(next) = self.take() {
                return next;
            }
            news.await;
        }
    }

    /// Takes what is there: an event, or that there will be none. `None` if neither is known yet.
    #[allow(clippy::option_option, reason = "the inner one is the end of the events")]
    fn take(&self) -> Option<Option<Event>> {
        let mut waiting = self.lock();
        if waiting.missed > 0 {
            let count = std::mem::take(&mut waiting.missed);
            return Some(Some(Event::Missed { count }));
        }

        match waiting.events.pop_front() {
            Some(event) => Some(Some(event)),
            None => waiting.is_over.then_some(None),
        }
    }
}
