//! The parts of requests. Each is kept once in a run, under a key that follows from what it holds, so that
//! a conversation that grows is not kept again with every call.

use crate::base::secret::{clean, clean_fields, scrub_in, scrubbed};
use crate::journal::key::Key;
use crate::model::message::{Message, Role};
use crate::model::request::{Request, Settings};
use crate::model::tool::{ToolChoice, ToolSpec};
use crate::schema::SharedSchema;
use serde_json::Value;
use std::collections::HashMap;

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
        /// The tools that were offered.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        tools: Vec<ToolSpec>,
        /// Whether one had to be called.
        #[serde(skip_serializing_if = "ToolChoice::is_auto", default)]
        choice: ToolChoice,
    },
}

/// A request in parts: its newest message stands with the call itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// The parts, each with its key, so that each comes after those that it names.
    pub all: Vec<(Key, RequestPart)>,
    /// The last message before the newest one, if there is one.
    pub before: Option<Key>,
    /// The newest message, where it is more than the text of a user.
    pub newest: Option<Key>,
    /// Settings, schema and tools.
    pub terms: Key,
}

/// The terms of a request, as they were given, and their key.
#[derive(Debug, Clone)]
pub struct KnownTerms {
    terms: RequestPart,
    key: Key,
}

impl KnownTerms {
    /// Tells whether a request has the same. To compare them takes much less than to clean and to hash them.
    fn are_of(&self, request: &Request) -> bool {
        let RequestPart::Terms { settings, schema, tools, choice } = &self.terms else {
            return false;
        };
        **settings == request.settings
            && *schema == request.schema
            && *tools == request.tools
            && *choice == request.choice
    }
}

/// The parts of the requests of a run, as far as a reader of its events has come.
#[derive(Debug, Clone, Default)]
pub struct KnownParts(HashMap<Key, RequestPart>);

/// The keys under which the parts of one request are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PartKeys {
    /// The message before the newest one.
    pub before: Option<Key>,
    /// The newest message, where it is more than the text of a user.
    pub newest: Option<Key>,
    /// Settings, schema and tools.
    pub terms: Option<Key>,
}

impl KnownParts {
    /// Takes in a part.
    pub fn add(&mut self, key: Key, part: RequestPart) {
        self.0.insert(key, part);
    }

    /// Returns a part.
    pub fn get(&self, key: Key) -> Option<&RequestPart> {
        self.0.get(&key)
    }

    /// Returns the whole request, if all of its parts are known. `prompt` is the text of its newest message.
    pub fn request(&self, keys: PartKeys, prompt: &str) -> Option<Request> {
        let RequestPart::Terms { settings, schema, tools, choice } = self.get(keys.terms?)? else {
            return None;
        };

        // The text of a user stands with the call itself.
        let mut messages = Vec::new();
        if keys.newest.is_none() {
            messages.push(Message::new(Role::User, prompt));
        }

        let mut next = keys.newest.or(keys.before);
        while let Some(key) = next {
            let RequestPart::Message { message, after } = self.get(key)? else { return None };
            messages.push(message.clone());
            next = *after;
        }

        messages.reverse();
        let request = Request::new(messages, Settings::clone(settings), schema.clone());
        Some(request.offering(tools.clone(), choice.clone()))
    }
}

impl RequestPart {
    /// Returns it without secrets.
    #[must_use]
    pub fn without_secrets(self) -> RequestPart {
        match self {
            RequestPart::Message { message, after } => {
                let message = message.map_texts(&scrubbed);
                RequestPart::Message { message, after }
            }
            RequestPart::Terms { mut settings, schema, tools, choice } => {
                settings.stop.iter_mut().for_each(scrub_in);
                settings.extra = clean_fields(settings.extra);
                let tools = tools.into_iter().map(tool_without_secrets).collect();
                RequestPart::Terms { settings, schema: schema.map(clean), tools, choice }
            }
        }
    }
}

/// Returns a tool without secrets.
pub(super) fn tool_without_secrets(tool: ToolSpec) -> ToolSpec {
    let ToolSpec { mut name, mut description, parameters } = tool;
    scrub_in(&mut name);
    scrub_in(&mut description);
    ToolSpec { name, description, parameters: without_secrets(parameters) }
}

/// A schema that has no secrets stays the one that it is.
fn without_secrets(schema: SharedSchema) -> SharedSchema {
    let cleaned = clean((*schema).clone());
    if cleaned == *schema { schema } else { cleaned.into() }
}

impl Parts {
    /// Takes a request to pieces, without secrets: a key says nothing of what was taken out. Where its terms
    /// are those of the request before, they are no part of `all` again.
    pub fn of(request: &Request, before_it: &mut Option<KnownTerms>) -> Parts {
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

        let newest = request.messages.last();
        let newest = newest.filter(|message| message.role != Role::User || !message.is_plain());
        let newest = newest
            .map(|message| keep(RequestPart::Message { message: message.clone(), after: before }));

        let known = before_it.as_ref().filter(|known| known.are_of(request)).map(|known| known.key);
        let terms = known.unwrap_or_else(|| {
            let terms = RequestPart::Terms {
                settings: Box::new(request.settings.clone()),
                schema: request.schema.clone(),
                tools: request.tools.clone(),
                choice: request.choice.clone(),
            };

            let key = keep(terms.clone());
            before_it.replace(KnownTerms { terms, key });
            key
        });

        Parts { all, before, newest, terms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn terms_that_stay_the_same_are_no_part_again() {
        let asked = |temperature: f64| {
            let settings = Settings { temperature: Some(temperature), ..Settings::default() };
            let question = Message::new(Role::User, "x");
            Request::new(vec![question], settings, Some(json!({ "type": "object" })))
        };
        let mut known = None;
        let mut of = |request: &Request| Parts::of(request, &mut known);

        let first = of(&asked(0.5));
        let same = of(&asked(0.5));
        let other = of(&asked(0.7));
        assert_eq!([&first, &same, &other].map(|parts| parts.all.len()), [1, 0, 1]);
        assert_eq!(first.terms, same.terms);
        assert_ne!(first.terms, other.terms);
        assert_eq!(other.terms, Parts::of(&asked(0.7), &mut None).terms);
    }
}
