//! Requests to a server that is no model: bytes go there, and a stream of bytes comes back. No redirect
//! is followed, and no host is reached that is denied.

use crate::model::call_error::CallError;
use crate::model::provider::http::{Clients, network};
use futures::StreamExt;
use futures::stream::BoxStream;
use std::io::Cursor;

/// A connection to one address.
#[derive(Debug, Clone)]
pub struct Exchanger {
    client: reqwest::Client,
    url: String,
}

/// What a request does.
#[derive(Debug, Clone)]
pub enum Verb {
    /// Asks for a stream.
    Get,
    /// Sends a message of JSON.
    Post(Vec<u8>),
    /// Ends what was begun.
    Delete,
}

/// What a server answered.
pub struct HttpAnswer {
    /// The HTTP status.
    pub status: u16,
    headers: reqwest::header::HeaderMap,
    /// The body, as it comes.
    pub body: BoxStream<'static, Result<Cursor<Vec<u8>>, CallError>>,
}

impl Exchanger {
    /// Creates one, unless the host is denied.
    pub async fn new(clients: &Clients, url: &str) -> Result<Exchanger, CallError> {
        Ok(Exchanger { client: clients.client(url).await?, url: url.to_owned() })
    }

    /// Returns the address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends a request, and returns once the status is known.
    pub async fn send(
        &self,
        verb: Verb,
        headers: Vec<(String, String)>,
    ) -> Result<HttpAnswer, CallError> {
        let mut request = match verb {
            Verb::Get => self.client.get(&self.url),
            Verb::Post(body) => {
                self.client.post(&self.url).header("content-type", "application/json").body(body)
            }
            Verb::Delete => self.client.delete(&self.url),
        };
        for (name, value) in headers {
            request = request.header(name, value);
        }

        let response = request.send().await.map_err(|error| network(&self.url, &error))?;
        let url = self.url.clone();
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response.bytes_stream().map(move |chunk| match chunk {
            Ok(bytes) => Ok(Cursor::new(bytes.to_vec())),
            Err(error) => Err(network(&url, &error)),
        });
        Ok(HttpAnswer { status, headers, body: body.boxed() })
    }
}

impl HttpAnswer {
    /// Returns a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
