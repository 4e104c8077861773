//! The address of an engine, as users write it: `temporal://HOST:PORT/NAMESPACE`.

use percent_encoding::percent_decode_str;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

/// The port that Temporal listens on unless it is told otherwise.
const PORT: u16 = 7233;

/// The queue of a project that names none.
pub const QUEUE: &str = "kaizen";

/// Why a text is not the address of an engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineAddressError {
    /// It begins otherwise.
    #[error("an engine is a Temporal address: `temporal://HOST:PORT/NAMESPACE`")]
    Scheme,
    /// It has no host, or a port that is no number.
    #[error("`{0}` is not a host and a port, such as `temporal.example:7233`")]
    Place(String),
    /// It has an option that is not known.
    #[error("unknown option `{0}`; available: queue, tls_ca, tls_cert, tls_key, tls_name")]
    Option(String),
    /// A certificate without its key, or a key without its certificate.
    #[error("`tls_cert` and `tls_key` belong together")]
    HalfCertificate,
}

/// Where an engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineAddress {
    /// The host, without brackets.
    host: String,
    port: u16,
    /// The namespace.
    pub namespace: String,
    /// The queue, if it names one.
    pub queue: Option<String>,
    /// The certificate of the authority that signed that of the server.
    pub(super) root_certificate: Option<PathBuf>,
    /// The certificate by which this program is known, and its key.
    pub(super) certificate: Option<(PathBuf, PathBuf)>,
    /// The name that the certificate of the server is for, if it is not the host.
    pub(super) certified_name: Option<String>,
}

impl EngineAddress {
    /// Reads an address.
    pub fn read(text: &str) -> Result<EngineAddress, EngineAddressError> {
        let rest = text.strip_prefix("temporal://").ok_or(EngineAddressError::Scheme)?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (place, namespace) = place.split_once('/').unwrap_or((place, ""));
        let wrong = || EngineAddressError::Place(place.to_owned());

        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| wrong())?)
            }
            _ => (place, PORT),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || host.contains(['@', ' ']) {
            return Err(wrong());
        }

        let namespace = decoded(namespace);
        let mut address = EngineAddress {
            host: host.to_owned(),
            port,
            namespace: if namespace.is_empty() { "default".to_owned() } else { namespace },
            queue: None,
            root_certificate: None,
            certificate: None,
            certified_name: None,
        };
        address.take_options(query)?;
        Ok(address)
    }

    fn take_options(&mut self, query: &str) -> Result<(), EngineAddressError> {
        let mut certificate = None;
        let mut key = None;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(value);
            match name {
                "queue" => self.queue = Some(value),
                "tls_ca" => self.root_certificate = Some(value.into()),
                "tls_cert" => certificate = Some(PathBuf::from(value)),
                "tls_key" => key = Some(PathBuf::from(value)),
                "tls_name" => self.certified_name = Some(value),
                other => return Err(EngineAddressError::Option(other.to_owned())),
            }
        }

        self.certificate = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(EngineAddressError::HalfCertificate),
        };
        Ok(())
    }

    /// Returns host and port as they stand in an address.
    pub fn place(&self) -> String {
        match self.host.parse::<IpAddr>() {
            Ok(IpAddr::V6(host)) => format!("[{host}]:{}", self.port),
            _ => format!("{}:{}", self.host, self.port),
        }
    }

    /// Tells whether the connection is encrypted: unless the server is this machine, it is.
    pub fn is_encrypted(&self) -> bool {
        let is_here = self.host == "localhost"
            || self.host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback());
        !is_here || self.root_certificate.is_some() || self.certificate.is_some()
    }
}

impl fmt::Display for EngineAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "temporal://{}/{}", self.place(), self.namespace)
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match EngineAddress::read(text) {
            Ok(address) => format!("{address} {}", address.is_encrypted()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn addresses_are_read_as_people_write_them() {
        let read: Vec<String> = [
            "temporal://127.0.0.1:7233/default",
            "temporal://localhost",
            "temporal://[::1]:7000/team",
            "temporal://[::1]",
            "temporal://temporal.example/a%20b?queue=gpu",
            "temporal://127.0.0.1?tls_ca=ca.pem",
            "temporal://h:x/default",
            "temporal:///default",
            "temporal://h?tls_cert=a",
            "temporal://h?color=red",
            "http://h",
        ]
        .into_iter()
        .map(shown)
        .collect();
        expect_test::expect![[r#"
            temporal://127.0.0.1:7233/default false
            temporal://localhost:7233/default false
            temporal://[::1]:7000/team false
            temporal://[::1]:7233/default false
            temporal://temporal.example:7233/a b true
            temporal://127.0.0.1:7233/default true
            `h:x` is not a host and a port, such as `temporal.example:7233`
            `` is not a host and a port, such as `temporal.example:7233`
            `tls_cert` and `tls_key` belong together
            unknown option `color`; available: queue, tls_ca, tls_cert, tls_key, tls_name
            an engine is a Temporal address: `temporal://HOST:PORT/NAMESPACE`"#]]
        .assert_eq(&read.join("\n"));
    }
}
