//! How a time passes on the clock of a run.

/// When the time of a timer begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::executor) enum TimerStart {
    /// When it is set.
    #[default]
    Now,
    /// When all that is known has been told: what the journal tells takes none of its time.
    News,
}

/// How a time passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::executor) enum Passage {
    /// Nothing else could have happened next, so the journal need not know of it.
    Forced,
    /// Something else might have ended first.
    Contested,
}
