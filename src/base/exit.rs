//! How the program ends: one number per kind of end, the same for every command.

/// The ways to end. The table is in the README.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All went well.
    Ok,
    /// The workflow failed.
    Failed,
    /// The command line is wrong.
    Usage,
    /// The script or the configuration is wrong, or a model is not set up; nothing was spent.
    Refused,
    /// Stopped by a budget; what was done is kept.
    Budget,
    /// A provider or the network failed, after retries.
    Provider,
    /// Something was not permitted.
    Permission,
    /// A replay went another way than the run, or a cassette lacks a request.
    Diverged,
    /// The store cannot be used.
    Store,
    /// Suspended until somebody answers or a time comes.
    Waiting,
    /// Stopped by Ctrl-C.
    Interrupted,
    /// Stopped because its terminal has gone away.
    HungUp,
    /// Stopped by Ctrl-\.
    Quit,
    /// Stopped by a request to terminate.
    Terminated,
}

impl Exit {
    /// Returns the way to end that has a number.
    pub fn of_code(code: u8) -> Exit {
        let all = [
            Exit::Ok,
            Exit::Failed,
            Exit::Usage,
            Exit::Refused,
            Exit::Budget,
            Exit::Provider,
            Exit::Permission,
            Exit::Diverged,
            Exit::Store,
            Exit::Waiting,
            Exit::Interrupted,
            Exit::HungUp,
            Exit::Quit,
            Exit::Terminated,
        ];
        all.into_iter().find(|exit| exit.code() == code).unwrap_or(Exit::Failed)
    }

    /// Returns the number.
    pub fn code(self) -> u8 {
        match self {
            Exit::Ok => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Refused => 3,
            Exit::Budget => 4,
            Exit::Provider => 5,
            Exit::Permission => 6,
            Exit::Diverged => 7,
            Exit::Store => 8,
            Exit::Waiting => 9,
            Exit::Interrupted => 130,
            Exit::HungUp => 129,
            Exit::Quit => 131,
            Exit::Terminated => 143,
        }
    }
}
