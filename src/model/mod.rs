//! Talking to a language model: requests, replies, errors, prices, limits, and the transports that
//! carry them. Knows nothing of sessions, graphs, scripts or terminals.

pub mod call_error;
pub mod charge;
pub mod denial;
pub mod extra;
pub mod image;
mod key_file;
pub mod limiter;
pub mod message;
pub mod model_error;
pub mod opaque;
pub mod price;
pub mod provider;
pub mod registry;
pub mod reply;
pub mod request;
pub mod spec;
pub mod tool;
pub mod transport;
pub mod tuning;
pub mod variable;

use crate::base::unit::Money;
use crate::model::call_error::{CallError, Retry};
use crate::model::charge::{CallBound, REPLY_TOKENS_ASSUMED};
use crate::model::limiter::{Limiter, ServerLimits};
use crate::model::price::Price;
use crate::model::provider::demo::Demo;
use crate::model::provider::simulated::SimulatedModel;
use crate::model::reply::{
    CallFault, CallResult, Finish, Reply, ReplyContent, Usage, rough_tokens,
};
use crate::model::request::{Request, SchemaCheck, Settings};
use crate::model::tool::ToolCall;
use crate::model::transport::{TextWatch, Transport};
use crate::model::tuning::LimitChange;
use crate::schema;
use crate::schema::lower::Dialect;
use serde_json::Value;
use std::cell::Cell;
use std::rc::Rc;

/// A language model as scripts use it: a name, its settings, and the way to reach it.
#[derive(Debug, Clone)]
pub struct Model {
    /// What people call it: `provider/name`.
    pub label: String,
    /// What it is made from again, if that is not the label: an alias, or its whole description.
    pub described: Option<Rc<Value>>,
    /// Settings that every call starts from.
    pub settings: Settings,
    transport: Transport,
    limiter: Rc<Limiter>,
    price: Option<Price>,
    /// Most tokens that a picture counts as, if that is said.
    image_tokens: Option<u32>,
    /// Whether its server takes tools, as far as its description says.
    pub takes_tools: bool,
}

impl Model {
    /// Returns the name by which its server knows it.
    pub fn name(&self) -> &str {
        let whole = self.label.as_str();
        whole.split_once('/').map_or(whole, |(_, name)| name)
    }

    /// Notes what it is made from again.
    #[must_use]
    pub fn described_by(mut self, described: impl Into<Value>) -> Model {
        self.described = Some(Rc::new(described.into()));
        self
    }

    /// Creates the demo model as it is when nothing is said about it.
    pub fn demo() -> Model {
        Model {
            label: "demo/echo".to_owned(),
            described: None,
            settings: Settings::default(),
            transport: Transport::Demo(Demo::default()),
            limiter: Limiter::new(ServerLimits::default()),
            price: None,
            image_tokens: None,
            takes_tools: true,
        }
    }

    /// Creates a model that somebody in the same process speaks for.
    pub fn simulated(
        label: &str,
        settings: Settings,
        limits: ServerLimits,
        price: Option<Price>,
        speaker: SimulatedModel,
    ) -> Model {
        let label = label.to_owned();
        let limiter = Limiter::new(limits);
        Model {
            label,
            described: None,
            settings,
            transport: Transport::Simulated(speaker),
            limiter,
            price,
            image_tokens: None,
            takes_tools: true,
        }
    }

    /// Asks the model once, in whichever form its server takes. Never retries: the caller decides that by
    /// `CallError::retry`.
    pub async fn call(&self, request: &Request) -> CallResult {
        loop {
            let watch = TextWatch::default();
            let called = self.call_noting(request, &Cell::new(false), &watch).await;
            let retry = called.result.as_ref().err().map(CallError::retry);
            if retry != Some(Retry::AtOnce) {
                return called;
            }
        }
    }

    /// Does the same, sets `begun` once the request leaves for the server, and shows the text as it grows. A
    /// call that is given up before that was not made.
    pub async fn call_noting(
        &self,
        request: &Request,
        begun: &Cell<bool>,
        watch: &TextWatch,
    ) -> CallResult {
        let admission = self.limiter.admit().await;
        let result = self.transport.send(request, begun, watch).await;

        if let Some(change) = admission.ended(result.as_ref().err().map(|fault| &fault.error)) {
            self.limiter.tell(change);
        }

        match result {
            Ok(reply) => {
                let has_length = reply.finish == Some(Finish::Length);
                let (usage, cost) = self.charge(reply.usage);
                let served_by = reply.served_by.clone();
                let result = judge(reply, request);

                // A reply that was cut is only a result where that was accepted.
                let is_cut = has_length && result.is_ok();
                CallResult { usage, cost, served_by, is_cut, result }
            }
            Err(CallFault { error, usage, served_by }) => {
                let (usage, cost) = self.charge_fault(&error, usage);
                CallResult { usage, cost, served_by, is_cut: false, result: Err(error) }
            }
        }
    }

    /// Returns how the number of calls that are made at once has changed, once, if it has.
    pub fn take_change(&self) -> Option<LimitChange> {
        self.limiter.take_change()
    }

    /// Tells, once, that a request had to be made twice because the server has another name for the
    /// limit on tokens.
    pub fn take_learned(&self) -> bool {
        match &self.transport {
            Transport::Server(server) => server.take_learned(),
            Transport::Demo(_) | Transport::Simulated(_) => false,
        }
    }

    /// Estimates a call without making it: a quarter of the bytes are tokens, which is rough.
    /// `text` stands for the reply.
    pub fn estimate(&self, request: &Request, text: String) -> CallResult {
        let usage = Usage {
            input_uncached: request.rough_tokens(),
            output_visible: rough_tokens(text.len() as u64),
            ..Usage::default()
        };

        let cost = self.cost(Some(&usage));
        CallResult {
            usage: Some(usage),
            cost,
            served_by: None,
            is_cut: false,
            result: Ok(text.into()),
        }
    }

    /// Returns the most that a call can take whose estimate is `called`.
    pub fn bound(&self, request: &Request, called: &CallResult) -> CallBound {
        let asked = request.settings.max_tokens.map(u64::from);
        let written = asked.or_else(|| match &self.transport {
            Transport::Server(server) => server.reply_tokens_max(),
            Transport::Demo(_) | Transport::Simulated(_) => None,
        });

        let output_visible = written.unwrap_or(REPLY_TOKENS_ASSUMED);
        let usage = called.usage.map(|usage| Usage { output_visible, ..usage });
        let cost = self.cost(usage.as_ref()).map(Money::dollars);
        CallBound { written, cost }
    }

    /// Tells whether a server is asked for a reply whose length nothing bounds.
    pub fn is_unbounded(&self, request: &Request) -> bool {
        request.settings.max_tokens.is_none() && self.has_no_bound()
    }

    /// Tells whether replies have no bound unless a call sets `max_tokens`.
    pub fn has_no_bound(&self) -> bool {
        let Transport::Server(server) = &self.transport else { return false };
        self.settings.max_tokens.is_none() && server.reply_tokens_max().is_none()
    }

    /// Returns the least that a call can use whose estimate is `called`: one token read, one written.
    pub fn least(&self, called: &CallResult) -> CallResult {
        let usage = Usage { input_uncached: 1, output_visible: 1, ..Usage::default() };
        let cost = self.cost(Some(&usage));
        CallResult { usage: Some(usage), cost, ..called.clone() }
    }

    /// Tells whether replies come from the built-in demo model rather than from a real one.
    pub fn is_demo(&self) -> bool {
        matches!(self.transport, Transport::Demo(_))
    }

    /// Tells whether the model is shown the pictures that a tool gives. `is_bounded` says that a budget
    /// counts what it reads: then it has to be known how many tokens a picture is.
    pub fn is_shown_results(&self, is_bounded: bool) -> bool {
        if matches!(self.transport, Transport::Demo(_))
            || (is_bounded && self.image_tokens.is_none())
        {
            return false;
        }
        match self.transport.dialect() {
            // Its results are texts.
            Dialect::Gemini => false,
            Dialect::Anthropic | Dialect::OpenAi => true,
            // Many servers answer a picture with an error.
            Dialect::Plain => self.image_tokens.is_some(),
        }
    }

    /// Returns what tells this model from every other: its name, its server, and what decides the
    /// answers of a demo model.
    pub fn identity(&self) -> String {
        match &self.transport {
            Transport::Demo(demo) => format!("{} {}", self.label, demo.identity()),
            Transport::Server(server) => format!("{} {}", self.label, server.identity),
            Transport::Simulated(_) => self.label.clone(),
        }
    }

    /// Returns what told a demo model from every other in journals of 0.1.0, if that is
    /// something else.
    pub fn earlier_identity(&self) -> Option<String> {
        let Transport::Demo(demo) = &self.transport else { return None };
        let earlier = format!("{} {}", self.label, demo.seeded_identity());
        (earlier != self.identity()).then_some(earlier)
    }

    /// Returns the price of a million tokens, if it is known.
    pub fn price(&self) -> Option<&Price> {
        self.price.as_ref()
    }

    /// Returns the server that is asked; models without one have none.
    pub fn server(&self) -> Option<&str> {
        match &self.transport {
            Transport::Demo(_) | Transport::Simulated(_) => None,
            Transport::Server(server) => Some(&server.base_url),
        }
    }

    /// Returns what keeps the model from being called, if that is known before a call.
    pub fn fault(&self) -> Option<&CallError> {
        match &self.transport {
            Transport::Demo(_) | Transport::Simulated(_) => None,
            Transport::Server(server) => server.key.as_ref().err(),
        }
    }

    /// Returns what a call costs that uses this many tokens; `None` when the price or the usage is
    /// unknown.
    pub fn cost(&self, usage: Option<&Usage>) -> Option<Money> {
        if let Transport::Demo(demo) = &self.transport {
            return demo.cost();
        }

        Some(self.price.as_ref()?.cost(usage?))
    }
}

/// Accepts only a reply that is whole and says something, or whose text may be cut.
fn judge(reply: Reply, request: &Request) -> Result<ReplyContent, CallError> {
    let Reply { mut said, finish, .. } = reply;
    said.leave_stubs_out(finish != Some(Finish::Calls));

    match finish {
        None => Err(CallError::CutOff { text: said.text }),
        Some(Finish::Length) if may_be_cut(&said, request) => {
            said.keep_text();
            Ok(said)
        }
        Some(Finish::Length) => {
            Err(CallError::Length { text: said.text, limit: request.settings.max_tokens })
        }
        Some(Finish::Refused(message)) => Err(CallError::Refused { status: None, message }),
        Some(Finish::Ended(word)) => Err(CallError::Ended { word, text: said.text }),
        Some(end @ (Finish::Stop | Finish::Calls | Finish::Unsaid)) => whole(said, &end, request),
    }
}

/// Tells whether what was said counts although it was cut. Without text it does not: thinking may have
/// used up all tokens. With calls of tools it does not: the last one may be cut.
fn may_be_cut(said: &ReplyContent, request: &Request) -> bool {
    said.calls.is_empty() && request.accepts_cut() && !said.text.trim().is_empty()
}

/// Accepts what was said in a whole reply. Calls are only accepted whole as well, and by name.
fn whole(
    mut said: ReplyContent,
    end: &Finish,
    request: &Request,
) -> Result<ReplyContent, CallError> {
    if request.tools.is_empty() {
        // Nothing was offered that it could call.
        said.keep_text();
    } else if *end == Finish::Calls && said.calls.is_empty() {
        let message = "it announces a tool call but contains none".to_owned();
        return Err(CallError::BadReply { message });
    }

    if said.calls.is_empty() {
        said.keep_text();
        return match said.text.trim() {
            "" => Err(CallError::Empty),
            _ => fitting(said, request),
        };
    }

    if *end == Finish::Unsaid {
        return Err(CallError::CutOff { text: said.text });
    }
    if !said.calls.iter().all(ToolCall::has_name) {
        return Err(CallError::BadReply { message: "it calls a tool without a name".to_owned() });
    }

    said.keep_ids_apart(&request.messages);
    Ok(said)
}

/// Accepts only a reply that keeps to the schema that it had to follow, if there is one.
fn fitting(said: ReplyContent, request: &Request) -> Result<ReplyContent, CallError> {
    let schema = request.schema.as_ref().filter(|_| request.schema_check == SchemaCheck::Call);
    let Some(schema) = schema else { return Ok(said) };

    match schema::read(&said.text, schema) {
        Ok(_) => Ok(said),
        Err(unfit) => Err(CallError::InvalidOutput { text: said.text, unfit }),
    }
}
