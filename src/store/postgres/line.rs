//! The line to a server. If it breaks, it is made again, and whoever asked waits and asks again.

use super::connect::{ServerSession, connect, handle, mute};
use super::fault::LineFault;
use crate::base::clock;
use crate::store::patience::{self, SILENT};
use crate::store::server::{AWAY_MAX, RemoteAddress, RemoteFault};
use crate::store::thread_wait::{block_for, block_on};
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long an answer takes before people are told that it is waited for.
const SLOW: Duration = Duration::from_secs(10);

/// Longest wait for an answer of a server that has given none before, or that was waited for in vain.
const FIRST_MAX: Duration = Duration::from_secs(30);

/// The first pause before another try, and the longest one.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Whether somebody waits for a server that is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AwayPatience {
    /// For `AWAY_MAX`, if the process has used the server: a command that finds none says so at once, and who has
    /// waited in vain does not wait as long again for the next change.
    Waits,
    /// Not at all.
    None,
    /// Not at all, and only the connection that was used before will do.
    SameLine,
}

/// A connection that is made again when it breaks.
pub(super) struct ServerLine {
    address: Arc<RemoteAddress>,
    session: Mutex<Option<Arc<ServerSession>>>,
}

impl fmt::Debug for ServerLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerLine").field("address", &self.address).finish_non_exhaustive()
    }
}

impl ServerLine {
    pub(super) fn new(address: Arc<RemoteAddress>) -> ServerLine {
        ServerLine { address, session: Mutex::default() }
    }

    pub(super) fn address(&self) -> &Arc<RemoteAddress> {
        &self.address
    }

    /// Asks the server something, and waits on this thread for its answer. If the line breaks meanwhile, the same is
    /// asked again: it has to bear that its first answer was lost.
    pub(super) fn ask<T>(
        &self,
        patience: AwayPatience,
        question: &impl AsyncFn(&ServerSession) -> Result<T, LineFault>,
    ) -> Result<T, LineFault> {
        let began = clock::instant();
        let was_reached = self.address.was_reached();
        let mut pause = PAUSE_MIN;
        let mut is_told = false;

        loop {
            let session = match patience {
                AwayPatience::Waits | AwayPatience::None => self.session(),
                AwayPatience::SameLine => self.same_session(),
            };
            let asked = session.and_then(|session| self.answer(was_reached, question(&session)));
            let fault = match asked {
                Err(fault) if fault.is_passing() => fault,
                answer => {
                    if answer.is_ok() {
                        self.address.note_reached(true);
                    }
                    if is_told {
                        let waited = clock::instant().duration_since(began).as_secs();
                        self.tell(&format!("is back after {waited} s"));
                    }
                    return answer;
                }
            };

            self.hang_up();
            let waited = clock::instant().duration_since(began);
            match patience {
                AwayPatience::None | AwayPatience::SameLine => return Err(fault),
                AwayPatience::Waits if !was_reached => return Err(fault),
                AwayPatience::Waits if waited >= AWAY_MAX => {
                    self.address.note_reached(false);
                    return Err(gone(fault));
                }
                AwayPatience::Waits => {}
            }

            if waited >= SILENT && !is_told {
                is_told = true;
                self.tell(&format!("is away; waiting up to {} s for it", AWAY_MAX.as_secs()));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Waits for an answer. A server that has stopped, or waits for others itself, gives none, and nothing else ends
    /// the wait then.
    fn answer<T>(
        &self,
        was_reached: bool,
        question: impl Future<Output = Result<T, LineFault>>,
    ) -> Result<T, LineFault> {
        let mut question = pin!(question);
        if let Some(answer) = block_for(question.as_mut(), SLOW) {
            return answer;
        }

        let most = if was_reached { AWAY_MAX } else { FIRST_MAX };
        let waited = SLOW.as_secs();
        let seconds = most.as_secs();
        self.tell(&format!("has not answered for {waited} s; waiting up to {seconds} s for it"));
        block_for(question, most.saturating_sub(SLOW)).unwrap_or_else(|| Err(mute(most)))
    }

    fn tell(&self, says: &str) {
        patience::tell(&format!("store `{}` {says}", self.address.name().display()));
    }

    /// Returns the connection, and makes one if there is none.
    fn session(&self) -> Result<Arc<ServerSession>, LineFault> {
        let mut kept = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = kept.as_ref().filter(|session| !session.is_closed()) {
            return Ok(session.clone());
        }

        let made = block_on(handle()?.spawn(connect(self.address.clone())));
        let made = made
            .map_err(|error| LineFault::from(RemoteFault::Other { reason: error.to_string() }))??;
        Ok(kept.insert(Arc::new(made)).clone())
    }

    /// Returns the connection that was used before.
    fn same_session(&self) -> Result<Arc<ServerSession>, LineFault> {
        let kept = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let same = kept.as_ref().filter(|session| !session.is_closed()).cloned();
        same.ok_or_else(|| {
            let reason = "the connection ended while the store was read".to_owned();
            RemoteFault::Away { reason }.into()
        })
    }

    fn hang_up(&self) {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Says that a server was away for too long.
fn gone(fault: LineFault) -> LineFault {
    match fault {
        LineFault::Server(RemoteFault::Away { reason }) => RemoteFault::Gone { reason }.into(),
        other => other,
    }
}
