//! Providers with a protocol of their own, spoken by the genai library: Anthropic, Gemini, Ollama.

use crate::base::secret::Secret;
use crate::model::error::{CallError, Deadline};
use crate::model::message::Role;
use crate::model::provider::http::{self, BODY_MAX, Clients};
use crate::model::reply::{Finish, Reply, Usage};
use crate::model::request::Request;
use futures::StreamExt;
use genai::adapter::AdapterKind;
use genai::chat::{
    ChatMessage, ChatOptions, ChatRequest, ChatResponseFormat, ChatStreamEvent, JsonSpec,
    StopReason,
};
use genai::resolver::{AuthData, Endpoint};
use genai::{Client, ModelIden, ModelSpec, ServiceTarget};
use std::rc::Rc;
use std::time::Duration;

/// Longest whole call, unless the settings say otherwise.
const TIMEOUT: Duration = Duration::from_mins(10);
/// Longest silence within a stream.
const STREAM_TIMEOUT: Duration = Duration::from_mins(1);

/// The providers that are spoken to this way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Anthropic.
    Anthropic,
    /// Google Gemini.
    Gemini,
    /// Ollama.
    Ollama,
}

/// A model of such a provider.
#[derive(Debug, Clone)]
pub struct Native {
    /// The clients of the process.
    pub clients: Rc<Clients>,
    /// Which provider.
    pub provider: Provider,
    /// The server, with a slash at its end.
    pub base_url: String,
    /// The key, or what to do about a missing one.
    pub key: Result<Option<Secret>, CallError>,
    /// The provider's name for the model.
    pub model: String,
}

impl Native {
    /// Sends one request.
    pub async fn send(&self, request: &Request) -> Result<Reply, CallError> {
        let limit = request.settings.timeout_ms.map_or(TIMEOUT, Duration::from_millis);
        tokio::time::timeout(limit, self.exchange(request))
            .await
            .unwrap_or(Err(CallError::Timeout { deadline: Deadline::Total, limit }))
    }

    async fn exchange(&self, request: &Request) -> Result<Reply, CallError> {
        let key = self.key.clone()?.map_or(String::new(), |key| key.reveal().to_owned());
        let client = Client::builder().with_reqwest(self.clients.client(&self.base_url)?).build();
        let client = client.map_err(|error| CallError::Setup { message: error.to_string() })?;
        let kind = match self.provider {
            Provider::Anthropic => AdapterKind::Anthropic,
            Provider::Gemini => AdapterKind::Gemini,
            Provider::Ollama => AdapterKind::Ollama,
        };
        let target = ServiceTarget {
            endpoint: Endpoint::from_owned(self.base_url.clone()),
            auth: AuthData::Key(key),
            model: ModelIden::new(kind, self.model.clone()),
        };
        if request.settings.stream.unwrap_or(false) {
            match self.stream(&client, target.clone(), request).await {
                // In a stream the library hides the status and the headers of a refusal, so the
                // question is asked once more without streaming: a refused request is not paid for.
                Err(CallError::Network { .. }) => {}
                result => return result,
            }
        }
        self.whole(&client, target, request).await
    }

    async fn whole(
        &self,
        client: &Client,
        target: ServiceTarget,
        request: &Request,
    ) -> Result<Reply, CallError> {
        let options = options(request);
        let asked = client.exec_chat(ModelSpec::from(target), messages(request), Some(&options));
        let limit = request.settings.header_timeout_ms.map(Duration::from_millis);
        let asked = match limit {
            Some(limit) => tokio::time::timeout(limit, asked)
                .await
                .map_err(|_| CallError::Timeout { deadline: Deadline::Header, limit })?,
            None => asked.await,
        };
        let response = asked.map_err(|error| self.explain(&error))?;
        let served_by = Some(response.provider_model_iden.model_name.to_string());
        let finish = response.stop_reason.as_ref().map(finish);
        let usage = usage(&response.usage);
        let text = response.content.into_joined_texts().unwrap_or_default();
        if text.len() > BODY_MAX {
            return Err(CallError::TooLarge { limit_bytes: BODY_MAX });
        }
        Ok(Reply { text, finish, usage, served_by })
    }

    async fn stream(
        &self,
        client: &Client,
        target: ServiceTarget,
        request: &Request,
    ) -> Result<Reply, CallError> {
        let options = options(request).with_capture_usage(true);
        let header =
            request.settings.header_timeout_ms.map_or(STREAM_TIMEOUT, Duration::from_millis);
        let opening =
            client.exec_chat_stream(ModelSpec::from(target), messages(request), Some(&options));
        let mut stream = tokio::time::timeout(header, opening)
            .await
            .map_err(|_| CallError::Timeout { deadline: Deadline::Header, limit: header })?
            .map_err(|error| self.explain(&error))?
            .stream;
        let limit = request.settings.idle_timeout_ms.map_or(STREAM_TIMEOUT, Duration::from_millis);
        let (mut text, mut end) = (String::new(), None);
        loop {
            let event = tokio::time::timeout(limit, stream.next())
                .await
                .map_err(|_| CallError::Timeout { deadline: Deadline::Idle, limit })?;
            match event {
                None => break,
                Some(Ok(ChatStreamEvent::Chunk(chunk))) => text.push_str(&chunk.content),
                Some(Ok(ChatStreamEvent::End(found))) => end = Some(found),
                Some(Ok(_)) => {}
                Some(Err(_)) if !text.is_empty() => return Err(CallError::CutOff { text }),
                Some(Err(error)) => return Err(http::network(&self.base_url, &error)),
            }
            if text.len() > BODY_MAX {
                return Err(CallError::TooLarge { limit_bytes: BODY_MAX });
            }
        }
        // A stream that ends without an end event was cut.
        let usage = end.as_ref().and_then(|end| end.captured_usage.as_ref()).and_then(usage);
        let finish = end.and_then(|end| end.captured_stop_reason).as_ref().map(finish);
        Ok(Reply { text, finish, usage, served_by: None })
    }

    /// Makes an error of one of the library's.
    fn explain(&self, error: &genai::Error) -> CallError {
        if let Some(status) = error.status() {
            let headers = error.headers().cloned().unwrap_or_default();
            return http::refused(status.as_u16(), &headers, body(error));
        }
        match error {
            genai::Error::WebModelCall { webc_error, .. }
            | genai::Error::WebAdapterCall { webc_error, .. } => match webc_error {
                genai::webc::Error::Reqwest(cause) if cause.is_body() || cause.is_decode() => {
                    CallError::CutOff { text: String::new() }
                }
                genai::webc::Error::Reqwest(cause) => http::network(&self.base_url, cause),
                other => CallError::BadReply { message: short(&other.to_string()) },
            },
            other => CallError::BadReply { message: short(&other.to_string()) },
        }
    }
}

/// Returns the body of a refusal.
fn body(error: &genai::Error) -> &str {
    match error {
        genai::Error::WebModelCall { webc_error, .. }
        | genai::Error::WebAdapterCall { webc_error, .. } => match webc_error {
            genai::webc::Error::ResponseFailedStatus { body, .. } => body,
            _ => "",
        },
        genai::Error::HttpError { body, .. } => body,
        _ => "",
    }
}

fn short(text: &str) -> String {
    text.chars().take(300).collect()
}

fn messages(request: &Request) -> ChatRequest {
    let each = request.messages.iter().map(|message| match message.role {
        Role::System => ChatMessage::system(&message.content),
        Role::User => ChatMessage::user(&message.content),
        Role::Assistant => ChatMessage::assistant(&message.content),
    });
    ChatRequest::new(each.collect())
}

fn options(request: &Request) -> ChatOptions {
    let settings = &request.settings;
    let mut options = ChatOptions {
        temperature: settings.temperature,
        top_p: settings.top_p,
        max_tokens: settings.max_tokens,
        seed: settings.seed,
        stop_sequences: settings.stop.clone(),
        ..ChatOptions::default()
    };
    if let Some(schema) = &request.schema {
        let spec = JsonSpec::new("reply", schema.clone());
        options = options.with_response_format(ChatResponseFormat::JsonSpec(spec));
    }
    if !settings.extra.is_empty() {
        options = options.with_extra_body(settings.extra.clone().into());
    }
    options
}

fn finish(reason: &StopReason) -> Finish {
    match reason {
        StopReason::MaxTokens(_) => Finish::Length,
        StopReason::ContentFilter(word) => Finish::Refused(word.clone()),
        StopReason::Completed(_)
        | StopReason::ToolCall(_)
        | StopReason::StopSequence(_)
        | StopReason::Other(_) => Finish::Stop,
    }
}

/// The library counts what is read from and written to a cache among the tokens read, and thinking
/// among those written.
fn usage(found: &genai::chat::Usage) -> Option<Usage> {
    let count = |number: Option<i32>| u64::try_from(number.unwrap_or(0)).unwrap_or(0);
    if found.prompt_tokens.is_none() && found.completion_tokens.is_none() {
        return None;
    }
    let (input, output) = (count(found.prompt_tokens), count(found.completion_tokens));
    let details = found.prompt_tokens_details.as_ref();
    let cache_read = count(details.and_then(|d| d.cached_tokens)).min(input);
    let written = count(details.and_then(|d| d.cache_creation_tokens));
    let cache_write = written.min(input - cache_read);
    let details = found.completion_tokens_details.as_ref();
    let reasoning = count(details.and_then(|d| d.reasoning_tokens)).min(output);
    Some(Usage {
        input_uncached: input - cache_read - cache_write,
        cache_read,
        cache_write,
        output_visible: output - reasoning,
        reasoning,
    })
}
