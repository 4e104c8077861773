//! Where a session shows things: values on stdout, everything else on stderr, and above the line
//! that is being typed while one is.

use crate::cli::app::asking::person_asker;
use crate::cli::app::permissions::LOOK;
use crate::cli::app::signal::Signals;
use crate::cli::command::repl::editor::Above;
use crate::cli::render::progress::{Progress, ProgressMode};
use crate::cli::{Global, print_line};
use crate::executor::people::AskPerson;
use crate::journal::event::Event;
use std::cell::{Cell, RefCell};
use std::io::IsTerminal;
use std::rc::Rc;

/// The terminal of a session.
pub(super) struct Stage {
    progress: Rc<RefCell<Progress>>,
    above: RefCell<Option<Above>>,
    is_typing: Cell<bool>,
    /// How the progress of an input is shown.
    mode: ProgressMode,
    is_terminal: bool,
    is_quiet: bool,
    is_stdout_terminal: bool,
}

impl Stage {
    pub(super) fn new(global: &Global, mode: ProgressMode) -> Stage {
        Stage {
            progress: Rc::new(RefCell::new(Progress::new(ProgressMode::None, false))),
            above: RefCell::default(),
            is_typing: Cell::new(false),
            mode,
            is_terminal: global.stderr_is_terminal,
            is_quiet: global.quiet,
            is_stdout_terminal: std::io::stdout().is_terminal(),
        }
    }

    /// Returns a way to ask whoever types, as soon as no line is being typed.
    pub(super) fn asker(self: &Rc<Stage>, signals: &Signals) -> AskPerson {
        let stage = self.clone();
        let signals = signals.clone();

        Rc::new(move |pending| {
            let stage = stage.clone();
            let ask = person_asker(stage.progress.clone(), signals.flag());
            Box::pin(async move {
                while stage.is_typing.get() {
                    tokio::time::sleep(LOOK).await;
                }
                ask(pending).await
            })
        })
    }

    /// Sets what writes above the line that is being typed.
    pub(super) fn set_above(&self, above: Option<Above>) {
        self.above.replace(above);
    }

    /// Says whether somebody types now.
    pub(super) fn set_typing(&self, is_typing: bool) {
        self.is_typing.set(is_typing);
    }

    /// Begins to show the progress of an input.
    pub(super) fn begin(&self) {
        self.progress.replace(Progress::new(self.mode, self.is_terminal));
    }

    /// Takes the progress of an input away.
    pub(super) fn end(&self) {
        self.progress.borrow_mut().close();
        self.progress.replace(Progress::new(ProgressMode::None, false));
    }

    /// Takes in an event.
    pub(super) fn see(&self, at: i64, event: &Event) {
        self.progress.borrow_mut().see(at, event);
    }

    /// Shows what a script prints.
    pub(super) fn print(&self, text: &str) {
        if !(self.is_stdout_terminal && self.write_above(text)) {
            self.progress.borrow().suspend(|| print_line(text));
        }
    }

    /// Shows what a script says besides.
    pub(super) fn say(&self, text: &str) {
        if self.is_quiet {
            return;
        }
        if !(self.is_terminal && self.write_above(text)) {
            self.progress.borrow().say(text);
        }
    }

    fn write_above(&self, text: &str) -> bool {
        let mut above = self.above.borrow_mut();
        match above.as_mut().filter(|_| self.is_typing.get()) {
            Some(above) => above.print(format!("{text}\n")).is_ok(),
            None => false,
        }
    }
}
