//! `:plan`: what code of a session would ask and cost.

use crate::base::count::counted;
use crate::base::id::RunId;
use crate::cli::app::forecast::{Clock, Forecast, MORE_TIME_MAX, Once, rehearse};
use crate::cli::command::plan::{EarlierRuns, tell_end};
use crate::cli::command::repl::session::{ReplSession, Took};
use crate::cli::render::plan::PlanKind;
use crate::cli::render::{self, diagnostic};
use crate::cli::{print_line, say};
use crate::executor::Executor;
use crate::executor::replies::guess::Guess;
use crate::executor::replies::reuse::Reuse;
use crate::journal::Journal;
use crate::journal::event::Event;
use crate::journal::known_replies::Replies;
use crate::script::ScriptError;
use crate::script::diagnostic::Diagnostic;
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

impl ReplSession<'_> {
    /// Shows what code would ask and cost.
    pub(super) async fn plan(&mut self, code: &str) -> anyhow::Result<Took> {
        let running = self.dialogue.tasks();
        if running > 0 {
            let running = counted(running, "task is", "tasks are");
            say(&format!("error: {running} running; wait with `.wait()` before you plan"));
            return Ok(Took::Wrong);
        }

        let past = match self.project.existing_store()? {
            Some(store) => EarlierRuns::of(&store, Path::new(&self.name))?,
            None => EarlierRuns::default(),
        };

        self.renew();
        let flag = self.signals().flag();
        let signals = self.signals().clone();

        let found = rehearse(&past.experience, &flag, MORE_TIME_MAX, async |guess, limit| {
            self.rehearse(code, past.replies.clone(), guess, limit).await
        });

        let found = tokio::select! {
            found = found => found?,
            _ = signals.caught() => return Ok(Took::Wrong),
        };

        let Forecast { plan, stopped } = match found {
            Ok(found) => found,
            Err(faults) => {
                for fault in &faults {
                    say(&diagnostic::render(fault, self.global.color));
                }
                return Ok(Took::Wrong);
            }
        };

        for line in render::plan::lines(&plan, past.experience.runs(), PlanKind::All) {
            print_line(&line);
        }

        if let Some(stopped) = &stopped {
            tell_end(stopped, self.global.color);
        }

        Ok(Took::Well)
    }

    /// Evaluates code once without asking a model.
    async fn rehearse(
        &mut self,
        code: &str,
        replies: Replies,
        guess: Guess,
        limit: Duration,
    ) -> anyhow::Result<Result<Once, Vec<Diagnostic>>> {
        let concurrency = self.project.config.concurrency();
        let reuse = Rc::new(Reuse::planning(replies, guess));
        let executor = Executor::new(Journal::off(RunId::fresh()), self.seed, concurrency);
        let executor = executor.reusing(reuse.clone());

        let events: Rc<RefCell<Vec<Event>>> = Rc::default();
        let seen = events.clone();
        executor.listen(Rc::new(move |_, event| seen.borrow_mut().push(event.clone())));

        let flag = self.signals().renew();
        self.dialogue.renew(flag.clone());
        let clock = Clock::start(flag, limit);
        let result = self.dialogue.rehearse(code, Rc::new(executor)).await;
        let is_over = clock.stop();

        let result = match result {
            Ok(()) => Ok(()),
            Err(ScriptError::Failed(both)) => Err(Box::new(both.1)),
            Err(ScriptError::Store(error)) => return Err(error.into()),
            Err(ScriptError::Refused(faults)) => return Ok(Err(faults)),
        };

        let Some(guess) = reuse.guess() else { anyhow::bail!("a plan without guesses") };
        let mut once = Once::of(guess, events.take(), result, is_over);
        once.texts = vec![code.to_owned()];
        Ok(Ok(once))
    }
}
