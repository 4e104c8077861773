//! Connecting to a server. A thread of its own answers for all connections of the process, because reading is
//! synchronous: who reads waits on its own thread, which may be in the midst of another runtime.

use super::fault::LineFault;
use crate::base::{certificates, file, thread};
use crate::store::server::{RemoteAddress, RemoteFault};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::{Builder, Handle};
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Longest time for each step of connecting to a host, unless the address says otherwise, and for data to be acknowledged.
const CONNECT_MAX: Duration = Duration::from_secs(10);
const ACKNOWLEDGE_MAX: Duration = Duration::from_secs(30);

/// How long a connection is silent before it is asked whether it is still there, and how long before it is asked again.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// How long a transaction that changes something waits for its next statement.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// What a statement is given.
pub(super) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A connection.
pub(super) struct ServerSession {
    client: Client,
    /// What was prepared in it.
    statements: Mutex<HashMap<String, Statement>>,
}

impl ServerSession {
    /// Tells whether the connection is over.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Carries out statements that take nothing and give nothing.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), LineFault> {
        Ok(self.client.batch_execute(sql).await?)
    }

    /// Returns the rows that a statement gives.
    pub(super) async fn rows(
        &self,
        sql: &str,
        with: Parameters<'_>,
    ) -> Result<Vec<Row>, LineFault> {
        let statement = self.statement(sql).await?;
        Ok(self.client.query(&statement, with).await?)
    }

    /// Returns the only row that a statement gives, if it gives one.
    pub(super) async fn row(
        &self,
        sql: &str,
        with: Parameters<'_>,
    ) -> Result<Option<Row>, LineFault> {
        Ok(self.rows(sql, with).await?.into_iter().next())
    }

    /// Carries out a statement, and returns how many rows it has changed.
    pub(super) async fn change(&self, sql: &str, with: Parameters<'_>) -> Result<u64, LineFault> {
        let statement = self.statement(sql).await?;
        Ok(self.client.execute(&statement, with).await?)
    }

    /// Carries out changes as one transaction.
    pub(super) async fn transact<T>(
        &self,
        change: impl Future<Output = Result<T, LineFault>>,
    ) -> Result<T, LineFault> {
        // Others may wait for this one, so it does not outlive a process that has stopped in the midst of it.
        let most = IDLE_MAX.as_millis();
        self.batch(&format!("begin; set local idle_in_transaction_session_timeout to {most}"))
            .await?;
        match change.await {
            Ok(value) => {
                self.batch("commit").await?;
                Ok(value)
            }
            Err(fault) => {
                // The first fault says what went wrong.
                let _ = self.batch("rollback").await;
                Err(fault)
            }
        }
    }

    async fn statement(&self, sql: &str) -> Result<Statement, LineFault> {
        let known = self.known().get(sql).cloned();
        if let Some(known) = known {
            return Ok(known);
        }

        let prepared = self.client.prepare(sql).await?;
        self.known().insert(sql.to_owned(), prepared.clone());
        Ok(prepared)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, Statement>> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns where all connections of the process are served.
pub(super) fn handle() -> Result<Handle, LineFault> {
    static SERVING: Mutex<Option<Handle>> = Mutex::new(None);
    let mut serving = SERVING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = serving.as_ref() {
        return Ok(handle.clone());
    }

    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| RemoteFault::Other { reason: error.to_string() })?;
    let handle = runtime.handle().clone();
    thread::start("store-server", move || runtime.block_on(std::future::pending::<()>()))
        .map_err(RemoteFault::NoThread)?;
    Ok(serving.insert(handle).clone())
}

/// Connects to a server. It has to be called where connections are served.
pub(super) async fn connect(address: Arc<RemoteAddress>) -> Result<ServerSession, LineFault> {
    let mut config = Config::from_str(address.url().reveal()).map_err(handshake)?;
    let step_max = config.get_connect_timeout().copied().unwrap_or(CONNECT_MAX);
    config.connect_timeout(step_max);
    config.tcp_user_timeout(ACKNOWLEDGE_MAX);
    config.keepalives_idle(SILENCE_MAX);
    config.keepalives_interval(SILENCE_MAX);
    config.application_name("kaizen");

    // The client limits only the first of two steps, which the system of a stopped server takes as well. The other one
    // is the answer of the server.
    let hosts = config.get_hosts().len().max(config.get_hostaddrs().len()).max(1);
    let steps = u32::try_from(hosts * 2).unwrap_or(u32::MAX);
    let most = step_max.saturating_mul(steps);
    timeout(most, greet(config, &address)).await.unwrap_or_else(|_| Err(mute(most)))
}

/// Says that a server takes what it is sent, and has answered nothing for this long.
pub(super) fn mute(waited: Duration) -> LineFault {
    RemoteFault::Away { reason: format!("no answer for {} s", waited.as_secs()) }.into()
}

/// Connects, and makes the connection ready for questions.
async fn greet(mut config: Config, address: &RemoteAddress) -> Result<ServerSession, LineFault> {
    let client = match link_of(&mut config)? {
        Link::Plain => {
            let (client, connection) = config.connect(NoTls).await.map_err(handshake)?;
            // Its end is seen by the client.
            Handle::current().spawn(async move { drop(connection.await) });
            client
        }
        Link::Safe => {
            let tls = MakeRustlsConnect::new(tls(address.root_certificate())?);
            let (client, connection) = config.connect(tls).await.map_err(handshake)?;
            Handle::current().spawn(async move { drop(connection.await) });
            client
        }
    };

    let schema = quoted(address.schema());
    let session = ServerSession { client, statements: Mutex::default() };
    session.batch(&format!("set search_path to {schema}; set statement_timeout to 0")).await?;
    Ok(session)
}

/// Says why a connection was not made. What is neither told by the server nor by the system lies in the address.
fn handshake(error: tokio_postgres::Error) -> LineFault {
    match LineFault::from(error) {
        LineFault::Server(RemoteFault::Other { reason }) => {
            RemoteFault::Handshake { reason }.into()
        }
        other => other,
    }
}

/// Writes a name as SQL reads it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// How a connection is kept from others.
enum Link {
    Plain,
    Safe,
}

/// Decides whether a connection needs TLS: it does, unless the server is this machine.
fn link_of(config: &mut Config) -> Result<Link, LineFault> {
    let wanted = config.get_ssl_mode();
    let is_here = is_here(config);
    match wanted {
        SslMode::Require => Ok(Link::Safe),
        _ if is_here => {
            config.ssl_mode(SslMode::Disable);
            Ok(Link::Plain)
        }
        SslMode::Disable => Err(RemoteFault::PlainText.into()),
        _ => {
            config.ssl_mode(SslMode::Require);
            Ok(Link::Safe)
        }
    }
}

/// Tells whether every host of an address is this machine.
fn is_here(config: &Config) -> bool {
    let is_named = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            let number = name.trim_matches(['[', ']']).parse::<IpAddr>();
            number.map_or(name.eq_ignore_ascii_case("localhost"), |ip| ip.is_loopback())
        }
    };
    config.get_hosts().iter().all(is_named)
        && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

/// Trusts the certificates that the system trusts, and the one that the address names.
fn tls(root: Option<&Path>) -> Result<ClientConfig, LineFault> {
    let refuse = |reason: String| LineFault::from(RemoteFault::Tls { reason });
    let mut roots = Vec::new();
    if let Some(root) = root {
        let unread = |reason: String| refuse(format!("cannot read `{}`: {reason}", root.display()));
        let text = file::read(root).map_err(|error| unread(error.to_string()))?;
        for certificate in CertificateDer::pem_slice_iter(&text) {
            roots.push(certificate.map_err(|error| unread(error.to_string()))?);
        }
    }

    certificates::check().map_err(|error| refuse(error.to_string()))?;

    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Verifier::new_with_extra_roots(roots, provider.clone())
        .map_err(|error| refuse(error.to_string()))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refuse(error.to_string()))?;
    Ok(config
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}
