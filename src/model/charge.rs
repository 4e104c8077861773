//! What a call is charged: before it is made the most that it can be, afterwards what the provider
//! said that it used. Where the provider said nothing, the call was free if it cannot have been
//! billed, and is of unknown cost otherwise. docs/design/007-budgets.md has the table.

use crate::base::unit::Money;
use crate::model::Model;
use crate::model::call_error::CallError;
use crate::model::message::Message;
use crate::model::reply::{FaultUsage, Usage};
use crate::model::request::Request;
use crate::model::transport::Transport;
use crate::schema::lower::{Dialect, lower};

/// Tokens that a message takes besides its text, at most.
const MESSAGE_TOKENS: u64 = 16;
/// Tokens of the instructions that a provider adds to make a reply follow a schema, at most. Anthropic
/// names 346 for the like; others name none.
const SCHEMA_TOKENS: u64 = 512;
/// Tokens of the instructions that a provider adds once where tools are offered, at most.
const TOOLS_TOKENS: u64 = 1024;

/// Tokens that a picture counts as where the description of its model does not say it. It bounds no cost.
const IMAGE_TOKENS_ASSUMED: u32 = 16_384;

/// The most that a call can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worst {
    /// Tokens read.
    pub read: u64,
    /// Tokens written; `None` when nothing bounds the reply.
    pub written: Option<u64>,
    /// Cost; `None` when nothing bounds the reply, or when the price is unknown.
    pub cost: Option<Money>,
}

/// Most tokens that a reply is assumed to have where nothing bounds it.
pub const REPLY_TOKENS_ASSUMED: u64 = 4096;

impl Model {
    /// Returns the most that a call can use.
    pub fn worst(&self, request: &Request) -> Worst {
        let images: usize = request.messages.iter().map(Message::images_count).sum();
        let tokens = u64::from(self.image_tokens.unwrap_or(IMAGE_TOKENS_ASSUMED));
        let of_images = tokens.saturating_mul(images as u64);
        let read = tokens_read_max(request, self.transport.dialect()).saturating_add(of_images);
        let written = request.settings.max_tokens.map(u64::from);
        // What a picture costs, nobody knows who is not told how many tokens it is.
        let is_known = images == 0 || self.image_tokens.is_some();

        let cost = match (&self.transport, &self.price, written) {
            (Transport::Demo(demo), ..) => demo.cost(),
            (_, Some(price), Some(written)) if is_known => Some(price.cost_max(read, written)),
            (_, Some(_), Some(_)) | (_, None, _) | (_, _, None) => None,
        };

        Worst { read, written, cost }
    }

    /// Returns the tokens and the cost of a call with a reply; `None` if nobody knows them.
    pub(super) fn charge(&self, said: Option<Usage>) -> (Option<Usage>, Option<Money>) {
        // Every request has a token, so figures without one that was read are no figures.
        let counted = said.filter(|usage| usage.input() > 0);
        (counted, self.cost(counted.as_ref()))
    }

    /// Returns the tokens and the cost of a call without a reply: nothing if it cannot have been billed, and
    /// `None` if nobody knows.
    pub(super) fn charge_fault(
        &self,
        error: &CallError,
        said: FaultUsage,
    ) -> (Option<Usage>, Option<Money>) {
        match said {
            FaultUsage::Unsaid if !may_be_billed(error) => {
                (Some(Usage::default()), Some(Money::ZERO))
            }
            // A call that failed may have been taken on all the same.
            FaultUsage::Unsaid | FaultUsage::Doubtful => (None, None),
            FaultUsage::Counted(usage) => self.charge(Some(usage)),
        }
    }
}

/// The most that a planned call can take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CallBound {
    /// Most tokens of its reply, if the request or the model bounds them.
    pub written: Option<u64>,
    /// What it costs with a reply of that many tokens, or of as many as are assumed where nothing bounds it; in dollars.
    pub cost: Option<f64>,
}

/// Returns the most tokens that the provider can read. A token stands for a byte at least, so a text
/// has no more tokens than bytes; whatever is sent counts, since the provider may show it to the model.
fn tokens_read_max(request: &Request, dialect: Dialect) -> u64 {
    let settings = &request.settings;

    // Every call and every result of a message may stand in a frame of its own.
    let messages = request.messages.iter().map(|message| {
        let frames = 1 + message.calls.len() + message.results.len();
        message.size().saturating_add(MESSAGE_TOKENS.saturating_mul(frames as u64))
    });
    let stop = settings.stop.iter().map(|text| size(text));
    let schema = request.schema.iter().map(|schema| {
        let sent = lower(schema, dialect).schema;
        size(&sent.to_string()).max(size(&schema.to_string())).saturating_add(SCHEMA_TOKENS)
    });
    let extra = settings.extra.iter().map(|(key, value)| size(key) + size(&value.to_string()));

    let tools = request.tools.iter().map(|tool| {
        let sent = tool.parameters.lowered_size(dialect);
        tool.size().saturating_add(sent).saturating_add(MESSAGE_TOKENS)
    });
    let preamble = (!request.tools.is_empty()).then_some(TOOLS_TOKENS);

    let all = messages.chain(stop).chain(schema).chain(extra).chain(tools).chain(preamble);
    all.fold(0, u64::saturating_add)
}

fn size(text: &str) -> u64 {
    text.len() as u64
}

/// Tells whether a call that failed may be on the provider's bill although nobody said what it used.
fn may_be_billed(error: &CallError) -> bool {
    if matches!(
        error,
        CallError::Setup { .. } | CallError::Denied { .. } | CallError::Unreachable { .. }
    ) {
        // Nothing was sent.
        return false;
    }

    // Without a refusal the model may have written all of its reply, heard or not.
    error.status().is_none_or(|status| !is_unbilled(status))
}

/// Tells whether a status says that the provider did not do what it was asked, which no provider
/// bills. Some statuses come from a gateway, which only knows that it has waited without success: the provider
/// behind it may have answered. An error that is told inside a reply (status 200) comes too late.
pub fn is_unbilled(status: u16) -> bool {
    let is_gateways = matches!(status, 408 | 499 | 502 | 504 | 520 | 524 | 598 | 599);
    (300..600).contains(&status) && !is_gateways
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::call_error::{Retry, TimeLimit};
    use crate::model::message::{Message, Role};
    use crate::model::registry::Models;
    use crate::model::reply::ReplyContent;
    use crate::model::request::Settings;
    use crate::model::spec::ModelSpec;
    use crate::model::tool::{ToolCall, ToolChoice, ToolResult, ToolSpec};
    use serde_json::{Value, json};
    use std::collections::BTreeMap;
    use std::time::Duration;

    fn model(mut description: Value) -> Model {
        description["use"] = json!("openai/m");
        description["base_url"] = json!("http://127.0.0.1:1");
        let map = description.as_object().expect("a map");
        let spec = ModelSpec::from_map(map).expect("a description");
        Models::new(BTreeMap::new(), None, 1, |_| None).resolve_spec(&spec).expect("a model")
    }

    /// A dollar for a token, so that dollars and tokens are the same number.
    fn priced() -> Model {
        model(json!({ "price": { "input": 1, "output": 1, "per": "1" } }))
    }

    fn dollars(amount: u32) -> Option<Money> {
        Money::from_dollars(f64::from(amount))
    }

    fn request(settings: Settings, schema: Option<Value>) -> Request {
        Request::new(vec![Message::new(Role::User, "four")], settings, schema)
    }

    #[test]
    fn tools_calls_and_results_count_in_the_worst_case() {
        let call = ToolCall::new("c1", "add", json!({ "a": 1 }));
        let result = ToolResult::new(&call, "x".repeat(500), false);
        let tool = ToolSpec {
            name: "add".to_owned(),
            description: "d".repeat(300),
            parameters: json!({ "type": "object" }).into(),
        };

        let plain = request(Settings::default(), None);
        let mut stepped = plain.clone();
        let said = ReplyContent { calls: vec![call], ..ReplyContent::default() };
        stepped.messages.push(Message::of_reply(said));
        stepped.messages.push(Message::of_results(vec![result]));

        let read = |request: &Request| priced().worst(request).read;
        let step = read(&stepped) - read(&plain);
        assert_eq!(step, 4 * MESSAGE_TOKENS + (2 + 3 + 7) + (2 + 3 + 500));

        let offered = stepped.clone().offering(vec![tool], ToolChoice::Auto);
        let schema = 17;
        let tools = read(&offered) - read(&stepped);
        assert_eq!(tools, TOOLS_TOKENS + MESSAGE_TOKENS + 3 + 300 + 2 * schema);
    }

    #[test]
    fn everything_that_is_sent_is_in_the_worst_case() {
        let bounded = || Settings { max_tokens: Some(5), ..Settings::default() };
        let read = |settings: Settings, schema| priced().worst(&request(settings, schema)).read;
        assert_eq!(read(bounded(), None), 4 + MESSAGE_TOKENS);

        let stop = Settings { stop: vec!["ab".to_owned(), "c".to_owned()], ..bounded() };
        assert_eq!(read(stop, None), 4 + MESSAGE_TOKENS + 3);

        let extra = json!({ "user": "me", "top_k": 3 });
        let extra = Settings { extra: extra.as_object().expect("a map").clone(), ..bounded() };
        assert_eq!(read(extra, None), 4 + MESSAGE_TOKENS + 4 + 4 + 5 + 1);

        let schema = Some(json!({ "type": "object" }));
        assert_eq!(read(bounded(), schema), 4 + MESSAGE_TOKENS + 17 + SCHEMA_TOKENS);
    }

    #[test]
    fn a_worst_case_that_nothing_bounds_is_unknown() {
        let open = request(Settings::default(), None);
        let bound = request(Settings { max_tokens: Some(5), ..Settings::default() }, None);
        let read = 4 + MESSAGE_TOKENS;
        let worst = |written, cost| Worst { read, written, cost };
        assert_eq!(priced().worst(&open), worst(None, None));
        assert_eq!(priced().worst(&bound), worst(Some(5), dollars(25)));
        assert_eq!(model(json!({})).worst(&bound), worst(Some(5), None));
        assert_eq!(Model::demo().worst(&open), worst(None, Some(Money::ZERO)));
    }

    #[test]
    fn what_a_call_said_is_charged_also_when_it_failed() {
        let usage = Usage { input_uncached: 10, output_visible: 15, ..Usage::default() };
        let message = "m".to_owned();
        let errors = [
            CallError::Server { status: 200, retry: Retry::Backoff, message: message.clone() },
            CallError::Server { status: 500, retry: Retry::Backoff, message: message.clone() },
            CallError::RateLimited { status: 429, retry: Retry::Backoff, message: message.clone() },
            CallError::BadRequest { status: 400, message: message.clone() },
            CallError::Quota { status: 402, message: message.clone() },
            CallError::NotFound { status: 404, message: message.clone() },
            CallError::Refused { status: None, message: message.clone() },
            CallError::BadReply { message },
            CallError::CutOff { text: "x".to_owned() },
        ];

        for error in errors {
            let charged = priced().charge_fault(&error, FaultUsage::Counted(usage));
            assert_eq!(charged, (Some(usage), dollars(25)), "{error:?}");
        }
    }

    /// The table of docs/design/007-budgets.md.
    #[test]
    fn an_error_without_figures_is_free_only_if_it_cannot_have_been_billed() {
        let url = "u".to_owned();
        let message = "m".to_owned();
        let server =
            |status| CallError::Server { status, retry: Retry::Backoff, message: "m".to_owned() };
        let late = |deadline| CallError::Timeout { deadline, limit: Duration::from_secs(1) };

        let mut free = vec![
            CallError::Setup { message: message.clone() },
            CallError::Unreachable { url: url.clone(), message: message.clone() },
            CallError::NotFound { status: 404, message: message.clone() },
            CallError::Quota { status: 402, message: message.clone() },
            CallError::Refused { status: Some(400), message: message.clone() },
            CallError::RateLimited { status: 429, retry: Retry::Backoff, message: message.clone() },
            CallError::RateLimited { status: 529, retry: Retry::Backoff, message: message.clone() },
            CallError::Unauthorized { status: 401, message: message.clone() },
            CallError::Unauthorized { status: 403, message: message.clone() },
            CallError::BadRequest { status: 302, message: message.clone() },
            CallError::BadRequest { status: 400, message: message.clone() },
            CallError::BadRequest { status: 422, message: message.clone() },
        ];
        free.extend([409, 425, 500, 501, 503, 521].map(server));
        for error in free {
            let charged = priced().charge_fault(&error, FaultUsage::Unsaid);
            assert_eq!(charged, (Some(Usage::default()), Some(Money::ZERO)), "{error:?}");

            // Who tells of tokens has done something, whatever the status says.
            let unread = Usage { output_visible: 5, ..Usage::default() };
            for said in [FaultUsage::Doubtful, FaultUsage::Counted(unread)] {
                assert_eq!(priced().charge_fault(&error, said), (None, None), "{error:?}");
            }
        }

        let mut unknown = vec![
            CallError::Network { url, message: message.clone() },
            late(TimeLimit::Header),
            late(TimeLimit::Idle),
            late(TimeLimit::Total),
            CallError::CutOff { text: String::new() },
            CallError::Length { text: String::new(), limit: None },
            CallError::Empty,
            CallError::Ended { word: "abort".to_owned(), text: String::new() },
            CallError::Refused { status: None, message: message.clone() },
            CallError::Quota { status: 200, message: message.clone() },
            CallError::BadReply { message: message.clone() },
            CallError::TooLarge { limit_bytes: 1 },
            CallError::RateLimited { status: 200, retry: Retry::Backoff, message: message.clone() },
            CallError::BadRequest { status: 200, message },
        ];
        unknown.extend([200, 408, 502, 504, 524].map(server));
        for error in unknown {
            let charged = priced().charge_fault(&error, FaultUsage::Unsaid);
            assert_eq!(charged, (None, None), "{error:?}");
        }
    }

    #[test]
    fn figures_that_say_that_nothing_was_read_are_unknown() {
        let unread = Usage { output_visible: 5, reasoning: 3, ..Usage::default() };
        for usage in [Usage::default(), unread] {
            assert_eq!(priced().charge(Some(usage)), (None, None), "{usage:?}");
        }

        // What comes from the cache was read as well.
        let usage = Usage { cache_read: 4, output_visible: 5, ..Usage::default() };
        assert_eq!(priced().charge(Some(usage)).0, Some(usage));
    }
}
