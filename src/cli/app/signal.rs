//! Ctrl-C, Ctrl-\\, requests to terminate, and a terminal that goes away. They are watched on a thread of
//! their own, so that a script that computes without ever waiting is stopped as well.

use crate::base::thread;
use crate::cli::app::exit::Exit;
use crate::cli::app::overrun::Overrun;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

/// What has been caught so far.
#[derive(Debug, Clone, Default)]
pub(in crate::cli) struct Signals {
    /// Set to stop the work that is under way.
    work: Arc<Mutex<Arc<AtomicBool>>>,
    code: Arc<AtomicU8>,
    notify: Arc<Notify>,
    /// What ends a script that does not stop.
    overrun: Arc<Mutex<Option<Overrun>>>,
}

impl Signals {
    /// Returns the flag that is set when a signal has come.
    pub(in crate::cli) fn flag(&self) -> Arc<AtomicBool> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets a Ctrl-C that has ended the work before, and returns the flag for the work that
    /// begins. A request to terminate is never forgotten.
    pub(in crate::cli) fn renew(&self) -> Arc<AtomicBool> {
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        if self.seen() == Some(Exit::Interrupted) {
            self.code.store(0, Ordering::SeqCst);
        }

        *work = Arc::default();
        work.store(self.seen().is_some(), Ordering::SeqCst);
        work.clone()
    }

    /// Stops the work that is under way although no signal has come.
    pub(in crate::cli) fn stop(&self) {
        self.flag().store(true, Ordering::SeqCst);
    }

    /// Lets the work continue that was to stop, unless a signal has come.
    pub(in crate::cli) fn go_on(&self) {
        let work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        work.store(self.seen().is_some(), Ordering::SeqCst);
    }

    /// Returns how the program has to end because of a signal, if one has come.
    pub(in crate::cli) fn seen(&self) -> Option<Exit> {
        match self.code.load(Ordering::SeqCst) {
            0 => None,
            129 => Some(Exit::HungUp),
            131 => Some(Exit::Quit),
            143 => Some(Exit::Terminated),
            _ => Some(Exit::Interrupted),
        }
    }

    /// Waits for a signal.
    pub(in crate::cli) async fn caught(&self) -> Exit {
        loop {
            // Asked for before the look at the code, so that a signal between the two is not
            // missed.
            let notified = self.notify.notified();
            if let Some(exit) = self.seen() {
                return exit;
            }
            notified.await;
        }
    }

    /// Ends the process after the first signal if the script does not stop.
    pub(in crate::cli) fn enforce_by(&self, overrun: &Overrun) {
        self.overrun.lock().unwrap_or_else(PoisonError::into_inner).replace(overrun.clone());
    }

    fn set(&self, exit: Exit) {
        let work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        let is_second = self.code.swap(exit.code(), Ordering::SeqCst) != 0;
        work.store(true, Ordering::SeqCst);

        if is_second {
            // The second signal means now: what is on the disk stays, nothing else is saved.
            crate::base::process::end_all();
            crate::cli::app::terminal::restore();
            std::process::exit(i32::from(exit.code()));
        }

        drop(work);
        if let Some(overrun) = &*self.overrun.lock().unwrap_or_else(PoisonError::into_inner) {
            overrun.enforce_apart(exit);
        }
        self.notify.notify_waiters();
        self.notify.notify_one();
    }
}

/// Starts watching.
pub(in crate::cli) fn watch() -> anyhow::Result<Signals> {
    let signals = Signals::default();
    let seen = signals.clone();
    let (ready, is_ready) = mpsc::channel();

    // The thread comes first: where there is no room for it, nothing else was begun.
    thread::start("signals", move || {
        let heard = hear(&seen, &ready);
        // Whoever waits learns it from this, unless all is well.
        let _ = heard.map_err(|error| ready.send(Err(error)));
    })?;
    is_ready.recv()??;
    Ok(signals)
}

/// Hears signals for ever. Says when it has begun.
fn hear(seen: &Signals, ready: &mpsc::Sender<io::Result<()>>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Signals are heard by a runtime, which must be entered where they are named.
    let guard = runtime.enter();

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut quit = signal(SignalKind::quit())?;
    // `nohup` has it ignored, and so it stays.
    let is_heard = !is_ignored(SignalKind::hangup());
    let mut hangup = is_heard.then(|| signal(SignalKind::hangup())).transpose()?;

    drop(guard);
    let _ = ready.send(Ok(()));

    runtime.block_on(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => seen.set(Exit::Interrupted),
                _ = terminate.recv() => seen.set(Exit::Terminated),
                _ = quit.recv() => seen.set(Exit::Quit),
                () = heard(&mut hangup) => seen.set(Exit::HungUp),
            }
        }
    })
}

/// Waits for a signal; for ever where it is ignored.
async fn heard(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// Tells whether whoever started this process has a signal ignored. Where that cannot be found out, none
/// is.
fn is_ignored(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    (mask >> (kind.as_raw_value() - 1)) & 1 == 1
}
