//! Stores on a server: how they are named, and what can go wrong with them. What is asked of the server itself is in
//! `postgres/`, which not every program has.

use crate::base::secret::Secret;
use crate::base::thread::NoThread;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// How the address of a store on a server begins.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// The oldest version of PostgreSQL that is used.
pub(in crate::store) const POSTGRES_MIN: i32 = 14;

/// How long a change waits for a server that is away.
pub(in crate::store) const AWAY_MAX: Duration =
    if cfg!(test) { Duration::from_secs(20) } else { Duration::from_mins(10) };

/// Most bytes of the name of a schema: PostgreSQL cuts longer ones.
const SCHEMA_MAX: usize = 63;

/// What is wrong with a store on a server. It reads on from the name of the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteFault {
    /// The program was built without the feature.
    #[error(
        "is on a server, and this kaizen was built without shared stores: install it with `cargo install kaizen \
         --features shared`"
    )]
    NoFeature,
    /// The server cannot be reached, or goes away.
    #[error(
        "cannot be reached ({reason}); check that the server runs, and the host and port of the address"
    )]
    Away {
        /// What the system or the server says.
        reason: String,
    },
    /// The server was away for too long.
    #[error(
        "was away for more than {} s ({reason}); everything written before is kept: start the server, then continue with \
         `kaizen run --resume`",
        AWAY_MAX.as_secs()
    )]
    Gone {
        /// What the system or the server said last.
        reason: String,
    },
    /// The server does not let this user in.
    #[error("refused the login ({reason}); check the user and the password of the address")]
    Login {
        /// What the server says.
        reason: String,
    },
    /// The address and the server do not fit.
    #[error(
        "cannot be used ({reason}); check the user, the password and the options of the address, and whether the server \
         offers TLS"
    )]
    Handshake {
        /// What is wrong.
        reason: String,
    },
    /// There is no such database.
    #[error("does not exist on the server ({reason}); create the database with `createdb`")]
    NoDatabase {
        /// What the server says.
        reason: String,
    },
    /// The address forbids TLS, and the server is another machine.
    #[error(
        "is on another machine, so TLS is required: take `sslmode` out of the address, and turn on `ssl` in the server"
    )]
    PlainText,
    /// TLS failed.
    #[error(
        "cannot be reached safely ({reason}); the server's certificate has to be valid for the host of the address: \
         `sslrootcert=FILE` in the address names the certificate of its authority"
    )]
    Tls {
        /// What is wrong.
        reason: String,
    },
    /// The server is too old.
    #[error("is on PostgreSQL {version}; version {POSTGRES_MIN} or newer is needed")]
    Old {
        /// Its version.
        version: i32,
    },
    /// The server may lose what it has confirmed.
    #[error(
        "may lose confirmed data, because `{setting}` is off on the server: turn it on, or accept that with \
         `unsafe_durability = true` under [engine] in kaizen.toml"
    )]
    Unsafe {
        /// The setting that is off.
        setting: &'static str,
    },
    /// The server takes no changes.
    #[error(
        "cannot be written ({reason}); use the address of the primary server, or turn off \
         `default_transaction_read_only`"
    )]
    ReadOnly {
        /// What the server says.
        reason: String,
    },
    /// The user lacks a right.
    #[error(
        "refused access ({reason}); docs/engine.md lists the rights that the role of kaizen needs"
    )]
    Denied {
        /// What the server says.
        reason: String,
    },
    /// The disk of the server is full.
    #[error(
        "has no room left ({reason}); everything written before is kept: free some space on the server, then continue \
         with `kaizen run --resume`"
    )]
    Full {
        /// What the server says.
        reason: String,
    },
    /// There is no store in the schema.
    #[error("has no runs in schema `{schema}` yet; `kaizen run SCRIPT --here` creates it")]
    Lacking {
        /// The schema.
        schema: String,
    },
    /// The schema holds something else.
    #[error(
        "has a schema `{schema}` that is not kaizen's, which was not changed; choose another one with `?schema=NAME` \
         in the address"
    )]
    Foreign {
        /// The schema.
        schema: String,
    },
    /// The store is newer than the program.
    #[error("has format {found}; this version supports up to {known}")]
    Format {
        /// Its format.
        found: i32,
        /// The newest one that this program knows.
        known: i32,
    },
    /// A row of the same key is there.
    #[error("refused a change ({reason})")]
    Clash {
        /// What the server says.
        reason: String,
    },
    /// What was asked is only for stores in a file.
    #[error("is on a server: {instead}")]
    FileOnly {
        /// What to do instead.
        instead: &'static str,
    },
    /// No thread can be started that serves connections.
    #[error("cannot be reached: {0}")]
    NoThread(NoThread),
    /// Anything else.
    #[error("failed: {reason}")]
    Other {
        /// What the server says.
        reason: String,
    },
}

impl RemoteFault {
    /// Tells whether the store itself is at fault, so that any other change would fail as well.
    pub(in crate::store) fn is_of_store(&self) -> bool {
        match self {
            RemoteFault::Clash { .. } | RemoteFault::Other { .. } => false,
            RemoteFault::NoFeature
            | RemoteFault::NoThread(_)
            | RemoteFault::Away { .. }
            | RemoteFault::Gone { .. }
            | RemoteFault::Login { .. }
            | RemoteFault::Handshake { .. }
            | RemoteFault::NoDatabase { .. }
            | RemoteFault::PlainText
            | RemoteFault::Tls { .. }
            | RemoteFault::Old { .. }
            | RemoteFault::Unsafe { .. }
            | RemoteFault::ReadOnly { .. }
            | RemoteFault::Denied { .. }
            | RemoteFault::Full { .. }
            | RemoteFault::Lacking { .. }
            | RemoteFault::Foreign { .. }
            | RemoteFault::Format { .. }
            | RemoteFault::FileOnly { .. } => true,
        }
    }
}

/// Why a text is not the address of a store on a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It begins otherwise.
    #[error("a shared store is a PostgreSQL address: `postgres://USER@HOST/DATABASE`")]
    Scheme,
    /// It names no schema, an empty one, or one that is too long.
    #[error("the schema of a shared store has from 1 to {SCHEMA_MAX} bytes")]
    Schema,
}

/// Where a store on a server is, and how it is used.
pub(in crate::store) struct RemoteAddress {
    /// How it is named to people, without a password.
    name: PathBuf,
    /// The address for the client, with everything in it that is no word of kaizen's.
    url: Secret,
    /// The file with the certificate of the authority that the server's own is signed by, if it is named.
    root_certificate: Option<PathBuf>,
    /// The schema of the project.
    schema: String,
    /// Whether a server may be used that may lose what it has confirmed.
    accepts_unsafe: bool,
    /// Whether the server is worth waiting for: this process has used it, and has not waited for it in vain since.
    was_reached: AtomicBool,
}

impl fmt::Debug for RemoteAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteAddress").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg_attr(not(feature = "shared"), allow(dead_code, reason = "only a client asks"))]
impl RemoteAddress {
    /// Reads an address. `project` names the schema, unless the address does.
    fn read(
        text: &str,
        project: &str,
        accepts_unsafe: bool,
    ) -> Result<RemoteAddress, AddressError> {
        let begins = SCHEMES.into_iter().find(|scheme| text.starts_with(*scheme));
        let rest = begins.map(|begins| &text[begins.len()..]).ok_or(AddressError::Scheme)?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (user, host) = place.rsplit_once('@').unwrap_or(("", place));
        let (user, password) = user.split_once(':').unwrap_or((user, ""));
        hide(password);
        if user.is_empty() {
            // Who forgets `@HOST` has a password where a port belongs.
            let port = host.split('/').next().and_then(|host| host.rsplit_once(':'));
            if let Some((_, port)) = port
                && !port.bytes().all(|byte| byte.is_ascii_digit())
            {
                hide(port);
            }
        }

        let mut schema = schema_of(project);
        let mut root_certificate = None;
        let mut passed = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            match key {
                "schema" => schema = decoded(value),
                "sslrootcert" => root_certificate = Some(decoded(value).into()),
                // The certificate is always checked, and so is the host that it is for.
                "sslmode" if matches!(value, "verify-ca" | "verify-full") => {
                    passed.push("sslmode=require");
                }
                "password" => {
                    hide(value);
                    passed.push(pair);
                }
                _ => passed.push(pair),
            }
        }

        if schema.is_empty() || schema.len() > SCHEMA_MAX {
            return Err(AddressError::Schema);
        }

        let at = if user.is_empty() { String::new() } else { format!("{user}@") };
        let shown = percent_encode(schema.as_bytes(), NON_ALPHANUMERIC).to_string();
        let name = format!("postgres://{at}{host}?schema={}", shown.replace("%5F", "_"));
        let url = Secret::apart(format!("postgres://{place}?{}", passed.join("&")));
        let name = name.into();
        let was_reached = AtomicBool::new(false);
        Ok(RemoteAddress { name, url, root_certificate, schema, accepts_unsafe, was_reached })
    }

    pub(in crate::store) fn name(&self) -> &Path {
        &self.name
    }

    pub(in crate::store) fn url(&self) -> &Secret {
        &self.url
    }

    pub(in crate::store) fn root_certificate(&self) -> Option<&Path> {
        self.root_certificate.as_deref()
    }

    pub(in crate::store) fn schema(&self) -> &str {
        &self.schema
    }

    pub(in crate::store) fn accepts_unsafe(&self) -> bool {
        self.accepts_unsafe
    }

    pub(in crate::store) fn was_reached(&self) -> bool {
        self.was_reached.load(Ordering::Relaxed)
    }

    /// Notes that the server was used, or that it was waited for in vain.
    pub(in crate::store) fn note_reached(&self, is_reached: bool) {
        self.was_reached.store(is_reached, Ordering::Relaxed);
    }
}

/// Returns the schema of a store on a server, by the name of the store.
#[cfg(feature = "engine")]
pub fn schema_of_server(name: &Path) -> Option<String> {
    address_of(name).map(|address| address.schema().to_owned())
}

/// Keeps a password out of everything that is shown.
fn hide(password: &str) {
    for text in [password.to_owned(), decoded(password)] {
        if !text.is_empty() {
            drop(Secret::new(text));
        }
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Returns the schema of a project that is called so.
fn schema_of(project: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    let name: String = project.chars().map(letter).collect();
    let name = format!("kaizen_{}", name.to_ascii_lowercase());
    name[..name.len().min(SCHEMA_MAX)].to_owned()
}

/// The stores on servers that this process may use, by their names.
static ADDRESSES: OnceLock<Mutex<BTreeMap<PathBuf, Arc<RemoteAddress>>>> = OnceLock::new();

/// Makes a store on a server known to this process, and returns the name that stands for it wherever a store is named
/// by its path. The name holds no password.
pub fn name_server(
    address: &str,
    project: &str,
    accepts_unsafe: bool,
) -> Result<PathBuf, AddressError> {
    let address = RemoteAddress::read(address.trim(), project, accepts_unsafe)?;
    let name = address.name.clone();
    let known = ADDRESSES.get_or_init(Mutex::default);
    known.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), Arc::new(address));
    Ok(name)
}

/// Tells whether a name is that of a store on a server.
pub fn is_on_server(name: &Path) -> bool {
    address_of(name).is_some()
}

/// Returns the address of a store on a server by its name.
pub(in crate::store) fn address_of(name: &Path) -> Option<Arc<RemoteAddress>> {
    let known = ADDRESSES.get()?.lock().unwrap_or_else(PoisonError::into_inner);
    known.get(name).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret;

    #[test]
    fn a_name_holds_no_password_and_has_a_schema() {
        let read = |text: &str| {
            let address = RemoteAddress::read(text, "My App", false)?;
            let name = address.name.display().to_string();
            Ok::<_, AddressError>((name, address.schema.clone(), address.url.reveal().to_owned()))
        };

        let found = read("postgres://me:hun%2Fter2long@db:5433/x?schema=team&sslmode=require");
        let url = "postgres://me:hun%2Fter2long@db:5433/x?sslmode=require";
        let name = "postgres://me@db:5433/x?schema=team";
        assert_eq!(found, Ok((name.to_owned(), "team".to_owned(), url.to_owned())));
        assert_eq!(secret::scrub("hun/ter2long and hun%2Fter2long"), "[secret] and [secret]");

        let found = read("postgresql:///x?host=/tmp&password=another-secret");
        let url = "postgres:///x?host=/tmp&password=another-secret";
        let name = "postgres:///x?schema=kaizen_my_app";
        assert_eq!(found, Ok((name.to_owned(), "kaizen_my_app".to_owned(), url.to_owned())));
        assert_eq!(secret::scrub("another-secret"), "[secret]");

        let url = read("postgres://db/x?sslmode=verify-full").map(|(_, _, url)| url);
        assert_eq!(url.as_deref(), Ok("postgres://db/x?sslmode=require"));
        assert!(read("postgresql://me:a-third-secret").is_ok());
        assert_eq!(secret::scrub("postgres://me:a-third-secret"), "postgres://me:[secret]");

        assert_eq!(read("mysql://me@db/x"), Err(AddressError::Scheme));
        assert_eq!(read("postgres://db/x?schema="), Err(AddressError::Schema));
    }
}
