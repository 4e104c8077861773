//! The parts of requests. Each is kept once in a run, under a key that follows from what it holds, so that
//! a conversation that grows is not kept anew with every call.

use crate::base::secret::{clean, clean_fields, scrub_in};
use crate::journal::key::Key;
use crate::model::message::Message;
use crate::model::request::{Request, Settings};
use serde_json::Value;

/// A part of a request.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "part", rename_all = "snake_case")]
pub enum RequestPart {
    /// A message before the newest one.
    Message {
        /// The message.
        #[serde(flatten)]
        message: Message,
        /// The message before it, if there is one.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        after: Option<Key>,
    },
    /// Everything but the messages.
    Terms {
        /// The settings, with the fields that the provider gets as they are, such as tools.
        settings: Box<Settings>,
        /// What the reply has to be.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        schema: Option<Value>,
    },
}

/// A request in parts: its newest message stands with the call itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// The parts, each with its key, so that each comes after those that it names.
    pub all: Vec<(Key, RequestPart)>,
    /// The last message before the newest one, if there is one.
    pub before: Option<Key>,
    /// Settings and schema.
    pub terms: Key,
}

impl RequestPart {
    /// Returns it without secrets.
    #[must_use]
    pub fn without_secrets(self) -> RequestPart {
        match self {
            RequestPart::Message { mut message, after } => {
                scrub_in(&mut message.content);
                RequestPart::Message { message, after }
            }
            RequestPart::Terms { mut settings, schema } => {
                settings.stop.iter_mut().for_each(scrub_in);
                settings.extra = clean_fields(settings.extra);
                RequestPart::Terms { settings, schema: schema.map(clean) }
            }
        }
    }
}

impl Parts {
    /// Takes a request to pieces, without secrets: a key says nothing of what was taken out.
    pub fn of(request: &Request) -> Parts {
        let mut all = Vec::new();
        let mut keep = |part: RequestPart| {
            let part = part.without_secrets();
            let key = Key::of_part(&part);
            all.push((key, part));
            key
        };

        let earlier = request.messages.split_last().map_or(&[][..], |(_, earlier)| earlier);
        let mut before = None;
        for message in earlier {
            before = Some(keep(RequestPart::Message { message: message.clone(), after: before }));
        }

        let settings = Box::new(request.settings.clone());
        let schema = request.schema.clone();
        let terms = keep(RequestPart::Terms { settings, schema });

        Parts { all, before, terms }
    }
}
