//! Plain pages of the web, for scripts: one request, no redirect followed.

use crate::model::call_error::CallError;
use crate::model::provider::error_body::ErrorBody;
use crate::model::provider::error_response::refused;
use crate::model::provider::http::{BODY_MAX, Clients, network};
use futures::StreamExt;
use std::time::Duration;

/// What a request for a page gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageReply {
    /// The text.
    Page(String),
    /// Another address, to which it has moved.
    Moved(String),
}

/// Returns the host and the port of an address of the web, the host in lower case; `None` if it is
/// no such address.
pub fn host_of(url: &str) -> Option<(String, u16)> {
    let url = reqwest::Url::parse(url).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }

    Some((url.host_str()?.to_owned(), url.port_or_known_default()?))
}

/// Asks for a page once. `headers` are names and values.
pub async fn get(
    clients: &Clients,
    url: &str,
    headers: &[(String, String)],
    limit: Duration,
) -> Result<PageReply, CallError> {
    let work = fetch(clients, url, headers);
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
        let message = format!("no answer within {} ms", limit.as_millis());
        Err(CallError::Network { url: url.to_owned(), message })
    })
}

async fn fetch(
    clients: &Clients,
    url: &str,
    headers: &[(String, String)],
) -> Result<PageReply, CallError> {
    let mut request = clients.client(url).await?.get(url);
    for (name, value) in headers {
        request = request.header(name, value);
    }

    let response = request.send().await.map_err(|error| network(url, &error))?;
    let status = response.status();
    if status.is_redirection()
        && let Some(target) = response.headers().get("location").and_then(|to| to.to_str().ok())
    {
        let moved = response.url().join(target).map(String::from);
        return moved.map(PageReply::Moved).map_err(|error| CallError::Network {
            url: url.to_owned(),
            message: format!("it redirects to `{target}`, which is not a valid address: {error}"),
        });
    }

    let code = status.as_u16();
    let answered = response.headers().clone();
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        body.extend_from_slice(&chunk.map_err(|error| network(url, &error))?);
        if body.len() > BODY_MAX {
            let message = format!("the page has more than {BODY_MAX} bytes");
            return Err(CallError::Network { url: url.to_owned(), message });
        }
    }

    let text = String::from_utf8_lossy(&body).into_owned();
    if status.is_success() {
        Ok(PageReply::Page(text))
    } else {
        Err(refused(code, &answered, &ErrorBody::read(&text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_host_is_one_host() {
        let host = |url| host_of(url).map(|(host, port)| format!("{host}:{port}"));
        assert_eq!(host("http://2130706433/x").as_deref(), Some("127.0.0.1:80"));
        assert_eq!(host("https://EXAMPLE.com:8443/").as_deref(), Some("example.com:8443"));
        assert_eq!(host("https://a@b.example/").as_deref(), Some("b.example:443"));
        assert_eq!(host("http://[::1]:80/").as_deref(), Some("[::1]:80"));
        assert_eq!(host("file:///etc/passwd"), None);
        assert_eq!(host("example.com"), None);
    }
}
