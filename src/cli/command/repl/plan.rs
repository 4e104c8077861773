//! `:plan`: what code of a session would ask and cost.

use crate::base::count::counted;
use crate::base::id::RunId;
use crate::cli::app::plan_clock::Clock;
use crate::cli::app::rehearsals::{
    ForecastSetting, MORE_TIME_MAX, RehearsalResult, ScriptStop, SeedSource, TIME_MAX, Trial,
    rehearse,
};
use crate::cli::command::plan::{EarlierRuns, tell_assumed, tell_end};
use crate::cli::command::repl::session::{InputEnd, ReplSession};
use crate::cli::render::plan::PlanKind;
use crate::cli::render::{self, diagnostic};
use crate::cli::{print_line, say};
use crate::executor::Executor;
use crate::executor::budget::Budget;
use crate::executor::replies::assumption::AssumedChance;
use crate::executor::replies::reuse::Reuse;
use crate::journal::Journal;
use crate::journal::event::Event;
use crate::journal::known_replies::Replies;
use crate::script::ScriptError;
use crate::script::diagnostic::Diagnostic;
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

impl ReplSession<'_> {
    /// Shows what code would ask and cost.
    pub(super) async fn plan(&mut self, code: &str) -> anyhow::Result<InputEnd> {
        let running = self.dialogue.tasks();
        if running > 0 {
            let running = counted(running, "task is", "tasks are");
            say(&format!(
                "error: {running} still running; wait for them with `.wait()` before you plan"
            ));
            return Ok(InputEnd::Wrong);
        }

        let past = match self.project.existing_store()? {
            Some(store) => EarlierRuns::of(&store, Path::new(&self.name))?,
            None => EarlierRuns::default(),
        };

        self.renew();
        let signals = self.signals().clone();

        let setting = ForecastSetting {
            experience: &past.experience,
            seed: SeedSource::Drawn,
            first_time_max: TIME_MAX,
            patience: MORE_TIME_MAX,
        };
        let found = rehearse(&setting, &signals, async |trial| {
            self.rehearse(code, past.replies.clone(), trial).await
        });

        let found = tokio::select! {
            found = found => found?,
            _ = signals.caught() => return Ok(self.interrupted()),
        };
        if signals.seen().is_some() {
            return Ok(self.interrupted());
        }

        let forecast = match found {
            Ok(found) => found,
            Err(faults) => {
                for fault in &faults {
                    say(&diagnostic::render(fault, self.global.color));
                }
                return Ok(InputEnd::Wrong);
            }
        };

        let runs = past.experience.runs();
        for line in render::plan::lines(&forecast.plan, runs, PlanKind::All) {
            print_line(&line);
        }
        for (_, line) in render::plan::spending(&forecast, PlanKind::All) {
            print_line(&line);
        }

        tell_assumed(&forecast.assumed);
        tell_end(&forecast.end, self.global.color);
        Ok(InputEnd::Well)
    }

    /// Evaluates code once without asking a model.
    async fn rehearse(
        &mut self,
        code: &str,
        mut replies: Replies,
        trial: Trial,
    ) -> anyhow::Result<Result<RehearsalResult, Vec<Diagnostic>>> {
        let concurrency = self.project.config.concurrency();
        if !trial.uses_known {
            replies.keep_names_only();
        }
        let seed = match trial.guess.assumed().chance {
            AssumedChance::Other(other) => self.seed ^ other,
            AssumedChance::Seeded | AssumedChance::Constant(_) => self.seed,
        };

        let reuse = Rc::new(Reuse::planning(replies, trial.guess));
        let executor = Executor::new(Journal::off(RunId::fresh()), seed, concurrency)
            .within(Budget::new(self.project.config.bounds()));
        let executor = Rc::new(executor.reusing(reuse.clone()));

        let events: Rc<RefCell<Vec<Event>>> = Rc::default();
        let happened = events.clone();
        executor.listen(Rc::new(move |_, event| happened.borrow_mut().push(event.clone())));

        // The clock of an earlier try may have set the flag.
        self.signals().go_on();
        let flag = self.signals().flag();
        self.dialogue.renew(flag.clone());
        let clock = Clock::start(flag, trial.limit)?;
        let result = self.dialogue.rehearse(code, executor.clone()).await;
        let is_over = clock.stop();

        let stopped = match result {
            Ok(()) => Ok(ScriptStop::of_lost(&executor)),
            Err(ScriptError::Failed(both)) => Err(ScriptStop::of(&both.0, both.1, &executor)),
            Err(ScriptError::Store(error)) => return Err(error.into()),
            Err(ScriptError::Suspended(_)) => anyhow::bail!("a plan was suspended"),
            Err(ScriptError::Refused(faults)) => return Ok(Err(faults)),
        };

        let Some(guess) = reuse.guess() else { anyhow::bail!("a plan without guesses") };
        let mut once = RehearsalResult::of(guess, events.take(), stopped, is_over);
        once.texts = vec![code.to_owned()];
        Ok(Ok(once))
    }
}
