//! What all providers that are reached over HTTP share: the clients, and a broken connection.

use crate::base::certificates;
use crate::base::credential::learn_proxy;
use crate::base::thread;
use crate::model::call_error::CallError;
use crate::model::denial::Denials;
use crate::model::provider::page::host_of;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest reply that is read, in bytes: more than any model writes.
pub const BODY_MAX: usize = 8 << 20;

/// The variables that name proxies, in small letters.
const PROXY_VARIABLES: [&str; 3] = ["http_proxy", "https_proxy", "all_proxy"];
/// Most lines of the header of a reply.
const HEADERS_MAX: usize = 1000;

/// The HTTP clients of a process, made when they are first needed: reading the certificates that
/// TLS trusts costs more than a whole run on a local server.
#[derive(Debug, Default)]
pub struct Clients {
    local: RefCell<Option<reqwest::Client>>,
    plain: RefCell<Option<reqwest::Client>>,
    secure: RefCell<Option<reqwest::Client>>,
    denials: RefCell<Arc<Denials>>,
}

impl Clients {
    /// Sets what no request may reach.
    pub fn deny(&self, denials: Arc<Denials>) {
        if *self.denials.borrow() == denials {
            return;
        }
        for client in [&self.local, &self.plain, &self.secure] {
            // A connection that is kept open was allowed by what held before.
            client.take();
        }
        self.denials.replace(denials);
    }

    /// Returns the client for a URL, unless its host is denied.
    pub async fn client(&self, url: &str) -> Result<reqwest::Client, CallError> {
        self.client_to(&ServerAddress::new(url)).await
    }

    /// Returns the client for a destination, unless its host is denied. Every request begins here.
    pub async fn client_to(&self, to: &ServerAddress) -> Result<reqwest::Client, CallError> {
        let url = to.text.as_str();
        let denials = self.denials.borrow().clone();
        if !denials.hosts.is_empty()
            && let Some((host, port)) = host_of(url)
        {
            permit(&denials, &host, port).await?;
        }

        let secure = url.starts_with("https:");
        let local = !secure && to.is_local;
        // Through a proxy, its host is reached as well.
        if !denials.hosts.is_empty()
            && !local
            && let Some((host, port)) = proxy_of(url)
        {
            permit(&denials, &host, port).await?;
        }

        let cell = match (secure, local) {
            (true, _) => &self.secure,
            (false, true) => &self.local,
            (false, false) => &self.plain,
        };
        if let Some(client) = &*cell.borrow() {
            return Ok(client.clone());
        }

        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            // What is meant for one server is no other's.
            .redirect(reqwest::redirect::Policy::none())
            // A paid reply is whole whatever a gateway has written into its header.
            .http1_max_headers(HEADERS_MAX)
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http1_ignore_invalid_headers_in_responses(true)
            .pool_idle_timeout(Duration::from_secs(30));

        if secure {
            certificates::check()
                .map_err(|error| CallError::Setup { message: error.to_string() })?;
        } else {
            builder = builder.tls_certs_only([]);
        }
        if local {
            builder = builder.no_proxy();
        } else {
            learn_proxies();
        }
        builder = builder.dns_resolver(Arc::new(Gate(denials)));

        let client = builder
            .build()
            .map_err(|error| CallError::Setup { message: format!("no HTTP client: {error}") })?;
        cell.replace(Some(client.clone()));
        Ok(client)
    }
}

/// Where requests go, read once for many of them.
#[derive(Debug, Clone)]
pub struct ServerAddress {
    text: String,
    url: Option<reqwest::Url>,
    is_local: bool,
}

impl ServerAddress {
    /// Reads an address. One that cannot be read is told by the request.
    pub fn new(url: &str) -> ServerAddress {
        let parsed = reqwest::Url::parse(url).ok();
        let is_local = parsed.as_ref().is_some_and(is_on_this_machine);
        ServerAddress { text: url.to_owned(), url: parsed, is_local }
    }

    /// Returns it as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Begins a request.
    pub fn post(&self, client: &reqwest::Client) -> reqwest::RequestBuilder {
        match &self.url {
            Some(url) => client.post(url.clone()),
            None => client.post(&self.text),
        }
    }
}

/// Makes the passwords of proxies known as secrets: a proxy may repeat what it is sent.
fn learn_proxies() {
    for name in PROXY_VARIABLES {
        for name in [name.to_owned(), name.to_uppercase()] {
            if let Ok(address) = std::env::var(name) {
                learn_proxy(&address);
            }
        }
    }
}

/// Returns host and port of the proxy through which a URL is reached, if there is one.
fn proxy_of(url: &str) -> Option<(String, u16)> {
    let proxy = Matcher::from_env().intercept(&url.parse().ok()?)?;
    let port = proxy.uri().port_u16().unwrap_or(match proxy.uri().scheme_str() {
        Some("https") => 443,
        Some(scheme) if scheme.starts_with("socks") => 1080,
        _ => 80,
    });

    Some((proxy.uri().host()?.to_owned(), port))
}

/// Accepts a host, and the addresses to which its name leads.
async fn permit(denials: &Denials, host: &str, port: u16) -> Result<(), CallError> {
    denials.check_host(host, port)?;
    if !denials.has_addresses() {
        return Ok(());
    }

    let name = host.trim_start_matches('[').trim_end_matches(']');
    // A name that leads nowhere is told by the request itself.
    let Ok(found) = addresses(name).await else { return Ok(()) };

    for at in found {
        denials.check_address(host, at.ip(), port)?;
    }

    Ok(())
}

/// Looks a name up. The runtime's own threads for this would end the program where there is no room for one.
async fn addresses(name: &str) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, 0)]);
    }

    let name = name.to_owned();
    let found = thread::away("names", move || {
        (name.as_str(), 0).to_socket_addrs().map(Iterator::collect::<Vec<_>>)
    });
    found.await?
}

/// Finds addresses, and refuses a name that leads to a denied one: what was looked up before may have
/// changed since.
#[derive(Debug)]
struct Gate(Arc<Denials>);

impl Resolve for Gate {
    fn resolve(&self, name: Name) -> Resolving {
        let denials = self.0.clone();
        Box::pin(async move {
            let found = addresses(name.as_str()).await?;

            for at in &found {
                // The port is not known here; a denial for one port was looked at before.
                denials
                    .check_address(name.as_str(), at.ip(), 0)
                    .map_err(|error| io::Error::other(error.to_string()))?;
            }

            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Tells whether a server is on this machine, so that no proxy can reach it.
pub fn is_local(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| is_on_this_machine(&url))
}

fn is_on_this_machine(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or("");
    ["127.0.0.1", "localhost", "[::1]"].contains(&host)
}

/// Makes an error of a request that found no answer.
pub fn network(url: &str, error: &(dyn std::error::Error + 'static)) -> CallError {
    let is_connect = |error: &(dyn std::error::Error + 'static)| {
        error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect)
    };

    let mut is_unreachable = is_connect(error);
    let mut cause = error;
    while let Some(below) = cause.source() {
        is_unreachable |= is_connect(below);
        cause = below;
    }

    // The libraries above it say no more than the innermost cause, and in words that nobody knows.
    let message = match cause.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => "nothing accepts connections there".to_owned(),
        Some(io::ErrorKind::ConnectionReset) => "the server reset the connection".to_owned(),
        Some(io::ErrorKind::TimedOut) => "connecting took too long".to_owned(),
        _ => cause.to_string(),
    };
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
