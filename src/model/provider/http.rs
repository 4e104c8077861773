//! What all providers that are reached over HTTP share: the clients, and what a status means.

use crate::model::error::CallError;
use reqwest::header::HeaderMap;
use std::cell::OnceCell;
use std::time::Duration;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest reply that is read, in bytes: more than any model writes.
pub const BODY_MAX: usize = 8 << 20;
/// Longest part of a provider's words that an error keeps, in characters.
const WORDS_MAX: usize = 500;

/// The HTTP clients of a process, made when they are first needed: reading the certificates that
/// TLS trusts costs more than a whole run on a local server.
#[derive(Debug, Default)]
pub struct Clients {
    local: OnceCell<reqwest::Client>,
    plain: OnceCell<reqwest::Client>,
    secure: OnceCell<reqwest::Client>,
}

impl Clients {
    /// Returns the client for a URL.
    pub fn client(&self, url: &str) -> Result<reqwest::Client, CallError> {
        let secure = url.starts_with("https:");
        let local = !secure && is_local(url);
        let cell = match (secure, local) {
            (true, _) => &self.secure,
            (false, true) => &self.local,
            (false, false) => &self.plain,
        };
        if let Some(client) = cell.get() {
            return Ok(client.clone());
        }
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            // What is meant for one server is no other's.
            .redirect(reqwest::redirect::Policy::none())
            .pool_idle_timeout(Duration::from_secs(30));
        if !secure {
            builder = builder.tls_certs_only([]);
        }
        if local {
            builder = builder.no_proxy();
        }
        let client = builder
            .build()
            .map_err(|error| CallError::Setup { message: format!("no HTTP client: {error}") })?;
        Ok(cell.get_or_init(|| client).clone())
    }
}

/// Tells whether a server is on this machine, so that no proxy can reach it.
pub fn is_local(url: &str) -> bool {
    let parsed = reqwest::Url::parse(url).ok();
    let host = parsed.as_ref().and_then(reqwest::Url::host_str).unwrap_or("");
    ["127.0.0.1", "localhost", "[::1]"].contains(&host)
}

/// Makes an error of a request that found no answer.
pub fn network(url: &str, error: &(dyn std::error::Error + 'static)) -> CallError {
    let is_connect = |error: &(dyn std::error::Error + 'static)| {
        error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect)
    };
    let mut message = error.to_string();
    let mut is_unreachable = is_connect(error);
    let mut source = error.source();
    while let Some(cause) = source {
        is_unreachable |= is_connect(cause);
        let text = cause.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        source = cause.source();
    }
    let message = message.replace(&format!("error sending request for url ({url}): "), "");
    let url = url.to_owned();
    if is_unreachable {
        CallError::Unreachable { url, message }
    } else {
        CallError::Network { url, message }
    }
}

/// Makes an error of a status that is not a success.
pub fn refused(status: u16, headers: &HeaderMap, body: &str) -> CallError {
    let message = words(body);
    let retry_after = retry_after(headers);
    match status {
        401 | 403 => CallError::Unauthorized { status, message },
        404 => CallError::NotFound { message },
        429 | 529 => CallError::RateLimited { status, retry_after, message },
        408 | 409 | 425 | 500..=599 => CallError::Server { status, retry_after, message },
        _ => CallError::BadRequest { status, message },
    }
}

/// Finds the provider's own words in the body of an error.
fn words(body: &str) -> String {
    let parsed = serde_json::from_str::<serde_json::Value>(body).unwrap_or_default();
    let found = ["/error/message", "/message", "/error", "/0/error/message", "/detail"]
        .iter()
        .find_map(|path| parsed.pointer(path).and_then(serde_json::Value::as_str));
    let text = found.unwrap_or(body).trim();
    let mut short: String = text.chars().take(WORDS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    if short.is_empty() { "no reason given".to_owned() } else { short }
}

/// Reads how long the provider asks to wait: milliseconds, seconds, or a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(ms) = text("retry-after-ms").and_then(|ms| ms.parse::<f64>().ok()) {
        return Duration::try_from_secs_f64(ms / 1000.0).ok();
    }
    let value = text("retry-after")?;
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?;
    let wait = date.timestamp().as_millisecond() - crate::base::clock::Stamp::now().0;
    Some(Duration::from_millis(u64::try_from(wait).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};

    fn asked(name: &'static str, value: &str) -> Option<Duration> {
        let value = HeaderValue::from_str(value).expect("a header");
        retry_after(&HeaderMap::from_iter([(HeaderName::from_static(name), value)]))
    }

    #[test]
    fn every_form_of_retry_after_is_read() {
        assert_eq!(asked("retry-after", "7"), Some(Duration::from_secs(7)));
        assert_eq!(asked("retry-after-ms", "250"), Some(Duration::from_millis(250)));
        let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(90);
        let date = jiff::fmt::rfc2822::to_string(&at.to_zoned(jiff::tz::TimeZone::UTC));
        let date = date.expect("a date").replace("+0000", "GMT");
        let wait = asked("retry-after", &date).expect("a date is understood").as_secs();
        assert!((85..=90).contains(&wait), "{wait} s from {date}");
        assert_eq!(asked("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert_eq!(asked("retry-after", "soon"), None);
    }

    #[test]
    fn the_providers_words_are_found() {
        assert_eq!(words(r#"{"error":{"message":"no such model"}}"#), "no such model");
        assert_eq!(words(r#"{"message":"slow down"}"#), "slow down");
        assert_eq!(words("<html>oops"), "<html>oops");
        assert_eq!(words(""), "no reason given");
    }

    #[test]
    fn only_this_machine_is_local() {
        assert!(is_local("http://localhost:8080/v1") && is_local("http://[::1]/v1"));
        assert!(!is_local("http://localhost.example.com/v1"));
    }

    #[test]
    fn each_status_has_its_kind() {
        let kind = |status| refused(status, &HeaderMap::new(), "").kind();
        let kinds = [400, 401, 403, 404, 422, 429, 500, 503, 529].map(kind);
        assert_eq!(
            kinds,
            [
                "bad_request",
                "unauthorized",
                "unauthorized",
                "not_found",
                "bad_request",
                "rate_limited",
                "server",
                "server",
                "rate_limited"
            ]
        );
    }
}
