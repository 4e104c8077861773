//! Questions to people. Whoever can be reached is asked; where nobody can, the run is suspended until
//! somebody answers.

use crate::base::failpoint::Failpoint;
use crate::base::failure::{Failure, Kind};
use crate::base::strand::{Spot, Strand};
use crate::executor::Executor;
use crate::executor::attempt::Stop;
use crate::executor::replies::guess::Guess;
use crate::executor::standstill::after;
use crate::flow::question::{PersonQuestion, TimedQuestion};
use crate::journal::event::Event;
use crate::journal::inquiry::Inquiry;
use crate::journal::waits::PendingQuestion;
use crate::model::provider::demo;
use crate::session::tool_clock::ToolClock;
use crate::store::StoreError;
use futures::future::{Either, LocalBoxFuture, select};
use serde_json::{Value, json};
use std::cell::Cell;
use std::fmt;
use std::pin::pin;
use std::rc::Rc;

/// What stands in a plan for an answer that nobody has given.
const UNKNOWN_ANSWER: &str = "(an answer that only a person can give)";

/// Asks a person who is there, and returns the answer, or nothing if the person has gone away.
pub type AskPerson = Rc<dyn Fn(PendingQuestion) -> LocalBoxFuture<'static, Option<Value>>>;

/// How people can be reached.
#[derive(Clone)]
pub enum PersonChannel {
    /// Somebody is there.
    Now(AskPerson),
    /// Once the run is suspended.
    Later,
    /// Not at all; why not.
    Never(&'static str),
}

impl fmt::Debug for PersonChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PersonChannel::Now(_) => f.write_str("Now"),
            PersonChannel::Later => f.write_str("Later"),
            PersonChannel::Never(why) => f.debug_tuple("Never").field(why).finish(),
        }
    }
}

/// How people can be reached, and how many questions this run has numbered.
pub(super) struct People {
    reach: PersonChannel,
    numbered: Cell<u32>,
}

impl Default for People {
    fn default() -> People {
        let reach = PersonChannel::Never("kaizen cannot ask anybody here");
        People { reach, numbered: Cell::new(0) }
    }
}

impl Executor {
    /// Says how people can be reached.
    #[must_use]
    pub fn reaching(mut self, reach: PersonChannel) -> Executor {
        self.people.reach = reach;
        self
    }

    /// Asks people, or returns what they answered in the run that this one resumes. The time of the tool
    /// that asks stands still until then.
    pub async fn ask_people(
        &self,
        strand: &Strand,
        tool: Option<&Rc<ToolClock>>,
        asked: &TimedQuestion,
    ) -> Result<Value, Stop> {
        let _stopped = tool.map(ToolClock::stop);
        let question = &asked.question;
        // The journal knows what was asked without the secrets in it.
        let what = Inquiry::ask(&question.text).without_secrets();
        let (at, known) = self.recall_in_turn(strand, &what).await;

        // In a script that was edited, another answer may be wanted.
        let fits =
            |told: &Value| told["failure"].is_object() || question.fit(&told["value"]).is_ok();
        let told = if let Some(told) = known.filter(fits) {
            told
        } else {
            self.news().await;

            if self.is_replay() {
                return Err(self.diverged(&what).into());
            }
            if self.is_dry() {
                self.outside(std::future::ready(())).await;
                return Ok(self.planned_answer(question));
            }
            self.ask_now(&what, &at, asked).await?
        };

        self.keep_told(what, at, told).await
    }

    /// Returns what a person might answer.
    fn planned_answer(&self, question: &PersonQuestion) -> Value {
        let number = self.guess().map_or(0, Guess::answer);
        let usual = question.default.clone().filter(|_| number == 0);

        match (question.options.as_slice(), &question.schema) {
            ([], Some(schema)) => usual.unwrap_or_else(|| match self.guess() {
                Some(guess) => guess.value(schema),
                None => demo::example(schema),
            }),
            ([], None) => usual.unwrap_or_else(|| match self.guess() {
                Some(guess) if number > 0 => guess.word().into(),
                _ => UNKNOWN_ANSWER.into(),
            }),
            (options, _) => {
                let usual = options.iter().position(|one| Some(one) == question.default.as_ref());
                options[(usual.unwrap_or(0) + number) % options.len()].clone()
            }
        }
    }

    /// Asks now, and returns what the journal keeps of the answer.
    async fn ask_now(
        &self,
        what: &Inquiry,
        at: &Spot,
        asked: &TimedQuestion,
    ) -> Result<Value, Stop> {
        if let Some(given) = self.replies.person(&asked.question) {
            self.outside(std::future::ready(())).await;
            return Ok(json!({ "value": given? }));
        }

        let before = self.memory.asked(what, at);
        let answered = self.memory.answered(what, at);
        if let Some(value) = answered.and_then(|value| asked.question.fit(&value).ok()) {
            self.outside(std::future::ready(())).await;
            return Ok(json!({ "value": value }));
        }

        if let PersonChannel::Never(why) = &self.people.reach {
            let message = format!("{why}: `{}` waits for an answer", asked.question.text);
            return Err(Failure::new(Kind::Permission, message).into());
        }

        let pending = PendingQuestion {
            number: before.map_or_else(|| self.next_question(), |before| before.number),
            op: asked.op.clone(),
            at: at.clone(),
            due: match before {
                Some(before) => before.due,
                None => asked.timeout.map(after),
            },
            question: asked.question.clone(),
        };

        let answer = self.outside(self.answer_to(&pending)).await?;
        Ok(match answer.or_else(|| pending.question.default.clone()) {
            Some(value) => json!({ "value": value }),
            None => json!({ "failure": nobody_answered(&pending, asked) }),
        })
    }

    /// Waits for the answer to a question that is on the disk; nothing if it does not come in time.
    async fn answer_to(&self, pending: &PendingQuestion) -> Result<Option<Value>, StoreError> {
        self.on_disk().await?;
        self.keep(&Event::Asked { question: pending.clone() }).await?;
        self.failpoint(Failpoint::QuestionKept);
        let _open = self.open_question(pending.clone());

        let person = async {
            if let PersonChannel::Now(ask) = &self.people.reach
                && let Some(answer) = ask(pending.clone()).await
            {
                return answer;
            }
            match self.rest().await {}
        };
        let deadline = async {
            match pending.due {
                Some(due) => self.come(due).await,
                None => std::future::pending().await,
            }
        };

        Ok(match select(pin!(person), pin!(deadline)).await {
            Either::Left((answer, _)) => Some(answer),
            Either::Right(_) => None,
        })
    }

    /// Numbers a question that was never asked before.
    fn next_question(&self) -> u32 {
        let number = self.people.numbered.get() + 1;
        self.people.numbered.set(number);
        self.memory.questions() + number
    }
}

fn nobody_answered(pending: &PendingQuestion, asked: &TimedQuestion) -> Failure {
    let limit = asked.timeout.unwrap_or_default().as_millis();
    let message = format!("nobody answered `{}` within {limit} ms", pending.question.text);
    Failure::new(Kind::Timeout, message)
}
