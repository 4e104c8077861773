//! Asks before a run that would cost much.

use crate::base::unit::Money;
use crate::cli::exit::Exit;
use crate::cli::job::Job;
use crate::cli::plan::{self, forecast};
use crate::cli::say;
use crate::cli::watch::round::{Desk, How, Round};
use crate::cli::watch::{Cause, Events, Happening};

impl Desk<'_> {
    /// Asks before a run that would cost much. Gives what to do instead of running.
    pub(super) async fn gate(
        &self,
        events: &mut Events,
        text: &str,
        cause: &Cause,
    ) -> anyhow::Result<Option<Round>> {
        let limit = self.confirm_over.unwrap_or(self.project.config.watch_confirm_over());
        let (state, replies) = (self.state.copy(), self.reuse.replies().clone());
        let job = Job { state, ..self.job(How::Reuse) };
        let flag = events.signals.renew();
        // The run itself tells of faults.
        let found = forecast(&job, text, replies, &self.experience, flag).await?;
        let Ok(forecast) = found else { return Ok(None) };
        let (cost, _) = forecast.plan.cost();
        if cost.p95 <= limit {
            return Ok(None);
        }
        let limit = Money::from_dollars(limit).unwrap_or_default();
        let summary = plan::summary(&forecast.plan, self.experience.runs());
        self.rule(&cause.text);
        if !self.has_keys {
            self.tell(&format!(
                "not run: {summary}, over {limit}; `--confirm-over DOLLARS` allows more"
            ));
            return Ok(Some(Round::Ended));
        }
        self.tell(&format!("{summary}, over {limit}:  [enter] run  [p]lan  [i]gnore"));
        loop {
            match events.next().await {
                Happening::Signal(exit) => return Ok(Some(Round::Quit(exit))),
                Happening::Changed(cause) => return Ok(Some(Round::Again(How::Reuse, cause))),
                Happening::Key('\n' | '\r') => return Ok(None),
                Happening::Key('p') => {
                    for line in plan::lines(&forecast.plan, self.experience.runs()) {
                        say(&line);
                    }
                }
                Happening::Key('i') => {
                    self.tell("ignored; the next save asks again");
                    return Ok(Some(Round::Ended));
                }
                Happening::Key('q') => return Ok(Some(Round::Quit(Exit::Ok))),
                Happening::Key(_) => {}
            }
        }
    }
}
