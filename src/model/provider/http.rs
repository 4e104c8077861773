//! What all providers that are reached over HTTP share: the clients, and a broken connection.

use crate::model::error::CallError;
use std::cell::OnceCell;
use std::time::Duration;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest reply that is read, in bytes: more than any model writes.
pub const BODY_MAX: usize = 8 << 20;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_local() {
        assert!(is_local("http://localhost:8080/v1") && is_local("http://[::1]/v1"));
        assert!(!is_local("http://localhost.example.com/v1"));
    }
}
