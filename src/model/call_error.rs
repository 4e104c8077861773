//! How a call fails, and what the caller may do about it.

use crate::base::failure::{Failure, FailureDetail, Kind};
use crate::schema::Unfit;
use std::num::NonZeroU32;
use std::time::Duration;

/// Which deadline passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeLimit {
    /// No reply header came in time.
    Header,
    /// A stream sent nothing for too long.
    Idle,
    /// The whole call took too long.
    Total,
}

impl TimeLimit {
    /// Returns the setting that moves this deadline.
    pub fn setting(self) -> &'static str {
        match self {
            TimeLimit::Header => "header_timeout_ms",
            TimeLimit::Idle => "idle_timeout_ms",
            TimeLimit::Total => "timeout_ms",
        }
    }
}

/// A call that gave no usable reply.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CallError {
    /// The provider asks to slow down (HTTP 429, or 529 of an overloaded service).
    #[error("rate limit exceeded (status {status}): {message}")]
    RateLimited {
        /// HTTP status.
        status: u16,
        /// What the provider says of asking again.
        retry: Retry,
        /// The provider's words.
        message: String,
    },
    /// The provider had a fault of its own (HTTP 5xx).
    #[error("the provider failed with status {status}: {message}")]
    Server {
        /// HTTP status.
        status: u16,
        /// What the provider says of asking again.
        retry: Retry,
        /// The provider's words.
        message: String,
    },
    /// The key is missing, wrong, or not allowed to do this (HTTP 401, 403).
    #[error("the provider rejected the key (status {status}): {message}")]
    Unauthorized {
        /// HTTP status.
        status: u16,
        /// The provider's words.
        message: String,
    },
    /// The account has used up what it may, so that asking again is pointless (HTTP 402, or a refusal
    /// that says so).
    #[error("the account has no quota left (status {status}): {message}")]
    Quota {
        /// HTTP status.
        status: u16,
        /// The provider's words.
        message: String,
    },
    /// The address or the model does not exist (HTTP 404).
    #[error("the provider does not know the model or address: {message}")]
    NotFound {
        /// HTTP status.
        status: u16,
        /// The provider's words.
        message: String,
    },
    /// The provider found the request wrong (another HTTP 4xx).
    #[error("the provider rejected the request (status {status}): {message}")]
    BadRequest {
        /// HTTP status.
        status: u16,
        /// The provider's words.
        message: String,
    },
    /// The provider found the form of the request wrong (HTTP 400), and the next request has another form.
    #[error("the provider rejected the request (status {status}): {message}")]
    OtherForm {
        /// HTTP status.
        status: u16,
        /// The provider's words.
        message: String,
    },
    /// No connection could be made, so nothing was sent.
    #[error("no connection to {url}: {message}")]
    Unreachable {
        /// The server's address.
        url: String,
        /// Why there is none.
        message: String,
    },
    /// The connection broke before a whole reply had come.
    #[error("no connection to {url}: {message}")]
    Network {
        /// The server's address.
        url: String,
        /// What broke.
        message: String,
    },
    /// A deadline passed.
    #[error("no reply within {} ms (`{}`)", limit.as_millis(), deadline.setting())]
    Timeout {
        /// Which deadline.
        deadline: TimeLimit,
        /// Its length.
        limit: Duration,
    },
    /// The reply broke off: the stream or the body ended without a finish reason.
    #[error("the reply was cut off after {} characters", text.chars().count())]
    CutOff {
        /// What had come.
        text: String,
    },
    /// The reply ended for a reason that is not on the list of ends, so it is not known to be whole.
    #[error("the reply ended with {}, so it may be incomplete", quoted_word(word))]
    Ended {
        /// The server's word for the reason.
        word: String,
        /// What had come.
        text: String,
    },
    /// The limit on tokens cut the reply.
    #[error(
        "the reply reached the limit of {} tokens; raise `max_tokens`",
        limit.map_or("the provider's".to_owned(), |n| n.to_string())
    )]
    Length {
        /// What had come.
        text: String,
        /// The limit that was sent, if any.
        limit: Option<u32>,
    },
    /// The reply has no text.
    #[error("the reply is empty")]
    Empty,
    /// The provider's content filter or the model's refusal took the place of a reply.
    #[error("the model refused to answer: {message}")]
    Refused {
        /// HTTP status, if the request was refused with one; a reply that is a refusal has none.
        status: Option<u16>,
        /// The provider's words.
        message: String,
    },
    /// The body is not what the protocol says.
    #[error("cannot parse the reply: {message}")]
    BadReply {
        /// What is wrong with it.
        message: String,
    },
    /// The reply is whole, but not what the schema asks for.
    #[error("the reply {unfit}")]
    InvalidOutput {
        /// What came.
        text: String,
        /// What is wrong with it.
        unfit: Unfit,
    },
    /// The body is larger than kaizen reads.
    #[error("the reply is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// The model cannot be called as it is set up: found before any request was sent.
    #[error("{message}")]
    Setup {
        /// What is wrong and what to type.
        message: String,
    },
    /// The user has denied what the call needs: no request was sent.
    #[error("{message}")]
    Denied {
        /// What is denied, and by what.
        message: String,
    },
}

/// What a caller may do after a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Asking again cannot help.
    Never,
    /// Ask again at once: it is another request than the one that was refused, and no further try of it.
    AtOnce,
    /// Ask again after a pause of the caller's choice.
    Backoff,
    /// Ask again, but not before this time has passed.
    After(Duration),
}

impl Retry {
    /// Returns how long the provider asks to wait, if it does.
    pub fn asked(self) -> Option<Duration> {
        match self {
            Retry::After(asked) => Some(asked),
            Retry::Never | Retry::AtOnce | Retry::Backoff => None,
        }
    }
}

impl CallError {
    /// Returns what kind of failure it is.
    pub fn kind(&self) -> Kind {
        match self {
            CallError::RateLimited { .. } => Kind::RateLimited,
            CallError::Server { .. } => Kind::Server,
            CallError::Unauthorized { .. } => Kind::Unauthorized,
            CallError::Quota { .. } => Kind::Quota,
            CallError::NotFound { .. } => Kind::NotFound,
            CallError::BadRequest { .. } | CallError::OtherForm { .. } => Kind::BadRequest,
            CallError::Unreachable { .. } | CallError::Network { .. } => Kind::Network,
            CallError::Timeout { .. } => Kind::Timeout,
            CallError::CutOff { .. } => Kind::CutOff,
            CallError::Ended { .. } => Kind::Ended,
            CallError::Length { .. } => Kind::Length,
            CallError::Empty => Kind::Empty,
            CallError::Refused { .. } => Kind::Refused,
            CallError::BadReply { .. } => Kind::BadReply,
            CallError::InvalidOutput { .. } => Kind::InvalidOutput,
            CallError::TooLarge { .. } => Kind::TooLarge,
            CallError::Setup { .. } => Kind::Setup,
            CallError::Denied { .. } => Kind::Permission,
        }
    }

    /// Tells whether asking again may help.
    pub fn retry(&self) -> Retry {
        match self {
            // What a server does not know to do, it does not know the next time either.
            CallError::Server { status, retry, .. } if !matches!(status, 501 | 505) => *retry,
            CallError::RateLimited { retry, .. } => *retry,
            CallError::OtherForm { .. } => Retry::AtOnce,
            CallError::Unreachable { .. }
            | CallError::Network { .. }
            | CallError::Timeout { deadline: TimeLimit::Header | TimeLimit::Idle, .. }
            | CallError::CutOff { .. }
            | CallError::Ended { .. }
            | CallError::Empty
            | CallError::BadReply { .. } => Retry::Backoff,
            CallError::Server { .. }
            | CallError::Unauthorized { .. }
            | CallError::Quota { .. }
            | CallError::NotFound { .. }
            | CallError::BadRequest { .. }
            | CallError::Timeout { deadline: TimeLimit::Total, .. }
            | CallError::Length { .. }
            | CallError::Refused { .. }
            // Whether it is worth another call is for the caller to say: it may well be the same again.
            | CallError::InvalidOutput { .. }
            | CallError::TooLarge { .. }
            | CallError::Setup { .. }
            | CallError::Denied { .. } => Retry::Never,
        }
    }

    /// Returns what had come of the reply, and what is wrong with it.
    fn detail(&self) -> Option<FailureDetail> {
        let (text, problems) = match self {
            CallError::CutOff { text }
            | CallError::Ended { text, .. }
            | CallError::Length { text, .. } => (text, Vec::new()),
            CallError::InvalidOutput { text, unfit } => (text, unfit.clone().problems()),
            _ => return None,
        };

        let partial = Some(text.as_str().into());
        Some(FailureDetail { partial, problems, ..FailureDetail::default() })
    }

    /// Returns the HTTP status as it came, where there was one: 200 for an error that was told in the
    /// place of a reply.
    pub fn status(&self) -> Option<u16> {
        match self {
            CallError::RateLimited { status, .. }
            | CallError::Server { status, .. }
            | CallError::Unauthorized { status, .. }
            | CallError::Quota { status, .. }
            | CallError::NotFound { status, .. }
            | CallError::BadRequest { status, .. }
            | CallError::OtherForm { status, .. } => Some(*status),
            CallError::Refused { status, .. } => *status,
            CallError::Unreachable { .. }
            | CallError::Network { .. }
            | CallError::Timeout { .. }
            | CallError::CutOff { .. }
            | CallError::Ended { .. }
            | CallError::Length { .. }
            | CallError::Empty
            | CallError::BadReply { .. }
            | CallError::InvalidOutput { .. }
            | CallError::TooLarge { .. }
            | CallError::Setup { .. }
            | CallError::Denied { .. } => None,
        }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Failure {
        let asked = error.retry().asked();
        let retry_after_ms = asked
            .and_then(|wait| NonZeroU32::new(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX)));

        Failure {
            retryable: error.retry() != Retry::Never
                || matches!(error, CallError::InvalidOutput { .. }),
            retry_after_ms,
            status: error.status(),
            detail: error.detail().map(Box::new),
            ..Failure::new(error.kind(), error.to_string())
        }
    }
}

/// Writes the word that a reply ended with.
fn quoted_word(word: &str) -> String {
    if word.is_empty() { "an empty finish reason".to_owned() } else { format!("`{word}`") }
}
