//! The ways a request can reach a model: a closed set.

use crate::base::secret::Secret;
use crate::model::call_error::CallError;
use crate::model::provider::demo::Demo;
use crate::model::provider::server::Server;
use crate::model::provider::simulated::SimulatedModel;
use crate::model::reply::{CallFault, Finish, Reply};
use crate::model::request::Request;
use crate::schema::lower::Dialect;
use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

/// Somebody who sees the text of a reply as it grows. A server is asked for a stream on their behalf, where
/// the settings of the model say nothing of streams.
#[derive(Clone, Default)]
pub struct TextWatch(Option<Rc<TextListener>>);

/// Is told the whole text so far.
type TextListener = dyn Fn(&str);

impl TextWatch {
    /// Returns one that is told the same without the key that a server was shown.
    fn without_key(&self, key: &Result<Option<Secret>, CallError>) -> TextWatch {
        let (Some(tell), Ok(Some(key))) = (self.0.clone(), key) else { return self.clone() };
        let key = key.clone();
        TextWatch::new(move |text| tell(&key.take_out(text.to_owned())))
    }

    /// Creates one that is told the whole text each time that more of it has come.
    pub fn new(tell: impl Fn(&str) + 'static) -> TextWatch {
        TextWatch(Some(Rc::new(tell)))
    }

    /// Tells whether anybody looks.
    pub fn is_watched(&self) -> bool {
        self.0.is_some()
    }

    /// Tells the text so far.
    pub fn tell(&self, text: &str) {
        if let Some(tell) = &self.0 {
            tell(text);
        }
    }
}

impl fmt::Debug for TextWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TextWatch").field(&self.0.is_some()).finish()
    }
}

/// How requests travel.
#[derive(Debug, Clone)]
pub enum Transport {
    /// The built-in demo model: offline, seeded, labelled as a demo.
    Demo(Demo),
    /// A server.
    Server(Server),
    /// A model that somebody in the same process speaks for.
    Simulated(SimulatedModel),
}

impl Transport {
    /// Returns what it takes for a schema.
    pub fn dialect(&self) -> Dialect {
        match self {
            Transport::Demo(_) | Transport::Simulated(_) => Dialect::Plain,
            Transport::Server(server) => server.dialect(),
        }
    }

    /// Sends one request, sets `begun` once it leaves, and shows the text of the reply as it grows, where it
    /// comes in parts.
    pub async fn send(
        &self,
        request: &Request,
        begun: &Cell<bool>,
        watch: &TextWatch,
    ) -> Result<Reply, CallFault> {
        // What is spoken for in this process has no way to go.
        if !matches!(self, Transport::Server(_)) {
            begun.set(true);
        }

        match self {
            Transport::Demo(demo) => demo.send(request).await.map_err(CallFault::from),
            // These futures are large, and every future around them would be as large.
            Transport::Server(server) => {
                let watch = watch.without_key(&server.key);
                let sent = Box::pin(server.send(request, begun, &watch)).await;
                without_key(&server.key, sent)
            }
            Transport::Simulated(model) => Box::pin(model.send(request)).await,
        }
    }
}

/// Takes the key that a server was shown out of what it says.
fn without_key(
    key: &Result<Option<Secret>, CallError>,
    result: Result<Reply, CallFault>,
) -> Result<Reply, CallFault> {
    let Ok(Some(key)) = key else { return result };

    let clean = |text: String| key.take_out(text);

    match result {
        Ok(Reply { said, finish, usage, served_by }) => {
            let finish = finish.map(|finish| match finish {
                Finish::Refused(word) => Finish::Refused(clean(word)),
                Finish::Ended(word) => Finish::Ended(clean(word)),
                Finish::Stop | Finish::Calls | Finish::Unsaid | Finish::Length => finish,
            });

            let said = said.map_texts(&clean);
            Ok(Reply { said, finish, usage, served_by: served_by.map(clean) })
        }
        Err(mut fault) => {
            for words in words_of(&mut fault.error) {
                *words = clean(std::mem::take(words));
            }

            fault.served_by = fault.served_by.map(clean);
            Err(fault)
        }
    }
}

/// Returns what a server has said that a call failed with.
fn words_of(error: &mut CallError) -> Vec<&mut String> {
    match error {
        CallError::RateLimited { message, .. }
        | CallError::Server { message, .. }
        | CallError::Unauthorized { message, .. }
        | CallError::Quota { message, .. }
        | CallError::Unreachable { message, .. }
        | CallError::NotFound { message, .. }
        | CallError::BadRequest { message, .. }
        | CallError::OtherForm { message, .. }
        | CallError::Network { message, .. }
        | CallError::Refused { message, .. }
        | CallError::BadReply { message }
        | CallError::CutOff { text: message }
        | CallError::Length { text: message, .. } => vec![message],
        CallError::Ended { word: message, text } => vec![message, text],
        CallError::InvalidOutput { unfit, text } => {
            let mut words = unfit.words();
            words.push(text);
            words
        }
        CallError::Timeout { .. }
        | CallError::Empty
        | CallError::TooLarge { .. }
        | CallError::Setup { .. }
        | CallError::Denied { .. } => Vec::new(),
    }
}
