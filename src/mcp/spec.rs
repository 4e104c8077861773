//! What a project says about an MCP server: `[mcp.NAME]` in kaizen.toml.

use crate::base::credential::refused;
use crate::base::spelling::nearest;
use crate::base::wildcard::Wildcard;
use crate::model::provider::page::host_of;
use crate::model::spec::KeyRef;
use serde_json::{Map, Value};
use std::time::Duration;

/// The keys of a description.
pub const KEYS: [&str; 12] = [
    "command",
    "env",
    "url",
    "key",
    "read",
    "approve",
    "only",
    "except",
    "start_timeout_ms",
    "timeout_ms",
    "pin",
    "protocol",
];

/// The versions of the protocol that are spoken, oldest first.
pub const VERSIONS: [&str; 5] =
    ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];

/// How long a server may take to start when nothing else is said: `npx` downloads it first.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a call may take when nothing else is said.
const CALL_TIMEOUT: Duration = Duration::from_mins(1);
/// Longest time that can be set: a day.
const TIMEOUT_MAX_MS: u64 = 86_400_000;
/// Most characters of a server's name: with a tool's, it makes up a name of 64.
const NAME_MAX: usize = 32;

/// A description that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// The name has characters that the name of a tool may not have.
    #[error("`mcp.{name}`: the name of a server consists of 1 to 32 letters, digits, `_` and `-`")]
    Name {
        /// The name.
        name: String,
    },
    /// A key that nobody knows.
    #[error("unknown setting `mcp.{server}.{key}`{help}")]
    UnknownKey {
        /// The server.
        server: String,
        /// The key.
        key: String,
        /// What may be meant.
        help: String,
    },
    /// A value of the wrong kind.
    #[error("`mcp.{server}.{key}` must be {wanted}, not `{found}`")]
    WrongValue {
        /// The server.
        server: String,
        /// The key.
        key: &'static str,
        /// What is allowed.
        wanted: String,
        /// What is there.
        found: String,
    },
    /// Neither a program nor an address, or both.
    #[error("`mcp.{server}` needs either `command` or `url`, but has {has}")]
    Reach {
        /// The server.
        server: String,
        /// What it has.
        has: &'static str,
    },
    /// A key that only the other kind of server has.
    #[error("`mcp.{server}.{key}` belongs to a server with `{belongs}`")]
    Misplaced {
        /// The server.
        server: String,
        /// The key.
        key: &'static str,
        /// What the server lacks.
        belongs: &'static str,
    },
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// A program, which is started.
    Program {
        /// The program and its arguments.
        command: Vec<String>,
        /// The variables of the environment that it gets besides the common ones, by name.
        env: Vec<String>,
    },
    /// A server of somebody else, over HTTP.
    Address {
        /// The address.
        url: String,
        /// Where its key is found.
        key: Option<KeyRef>,
    },
}

/// Which tools need the consent of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consent {
    /// All that are not marked as `read`.
    Effects,
    /// None.
    Never,
    /// Those that a pattern covers.
    Of(Vec<Wildcard>),
}

/// A server as it is described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSpec {
    /// Its name, the key in kaizen.toml.
    pub name: String,
    /// How it is reached.
    pub reach: Reach,
    /// The tools that may be repeated and have no lasting effect: the project's word, never the server's.
    pub read: Vec<Wildcard>,
    /// The tools that need the consent of a person.
    pub approve: Consent,
    /// The only tools that are offered; all if nothing is said.
    pub only: Option<Vec<Wildcard>>,
    /// Tools that are not offered.
    pub except: Vec<Wildcard>,
    /// How long it may take to start.
    pub start_timeout: Duration,
    /// How long a call may take.
    pub timeout: Duration,
    /// Whether changed definitions are refused until the project is trusted again.
    pub pin: bool,
    /// The version of the protocol, if it is not found out.
    pub protocol: Option<String>,
}

impl ServerSpec {
    /// Reads a description.
    pub fn from_map(name: &str, map: &Map<String, Value>) -> Result<ServerSpec, SpecError> {
        let is_sound = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(is_sound) {
            return Err(SpecError::Name { name: name.to_owned() });
        }

        if let Some(key) = map.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let help = match nearest(key, KEYS.into_iter()) {
                Some(near) => format!("; did you mean `{near}`?"),
                None => format!("; available: {}", KEYS.join(", ")),
            };
            return Err(SpecError::UnknownKey { server: name.into(), key: key.clone(), help });
        }

        let fields = Fields { server: name, map };
        Ok(ServerSpec {
            name: name.to_owned(),
            reach: fields.reach()?,
            read: fields.patterns("read")?.unwrap_or_default(),
            approve: fields.consent()?,
            only: fields.patterns("only")?,
            except: fields.patterns("except")?.unwrap_or_default(),
            start_timeout: fields.millis("start_timeout_ms", START_TIMEOUT)?,
            timeout: fields.millis("timeout_ms", CALL_TIMEOUT)?,
            pin: fields.flag("pin")?,
            protocol: fields.protocol()?,
        })
    }

    /// Tells whether a tool may be repeated and has no lasting effect.
    pub fn is_read(&self, tool: &str) -> bool {
        covers(&self.read, tool)
    }

    /// Tells whether a call of a tool needs the consent of a person.
    pub fn needs_approval(&self, tool: &str) -> bool {
        match &self.approve {
            Consent::Effects => !self.is_read(tool),
            Consent::Never => false,
            Consent::Of(patterns) => covers(patterns, tool),
        }
    }

    /// Tells whether a tool is offered.
    pub fn offers(&self, tool: &str) -> bool {
        let is_named = self.only.as_ref().is_none_or(|only| covers(only, tool));
        is_named && !covers(&self.except, tool)
    }

    /// Returns what says that two descriptions mean the same server: how it is reached.
    pub fn identity(&self) -> String {
        match &self.reach {
            Reach::Program { command, env } => format!("{command:?} {env:?}"),
            Reach::Address { url, .. } => url.clone(),
        }
    }
}

fn covers(patterns: &[Wildcard], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.covers(name))
}

/// The fields of one description.
struct Fields<'a> {
    server: &'a str,
    map: &'a Map<String, Value>,
}

impl Fields<'_> {
    fn wrong(&self, key: &'static str, wanted: impl Into<String>) -> SpecError {
        // Somebody may have written a secret where only its name belongs.
        let found = match key {
            "key" | "env" | "url" => "..".to_owned(),
            _ => self.map.get(key).map(|found| refused(key, found)).unwrap_or_default(),
        };
        SpecError::WrongValue { server: self.server.into(), key, wanted: wanted.into(), found }
    }

    fn texts(&self, key: &'static str, wanted: &str) -> Result<Option<Vec<String>>, SpecError> {
        let Some(value) = self.map.get(key) else { return Ok(None) };
        let text = |item: &Value| {
            item.as_str().filter(|text| !text.is_empty() && !text.contains('\0')).map(str::to_owned)
        };
        let texts: Option<Vec<String>> =
            value.as_array().and_then(|items| items.iter().map(text).collect());
        texts.map(Some).ok_or_else(|| self.wrong(key, wanted))
    }

    fn patterns(&self, key: &'static str) -> Result<Option<Vec<Wildcard>>, SpecError> {
        let texts = self.texts(key, "a list of tool names, which may contain `*`")?;
        Ok(texts.map(|texts| texts.into_iter().map(Wildcard::new).collect()))
    }

    fn reach(&self) -> Result<Reach, SpecError> {
        let has = |key: &str| self.map.contains_key(key);
        let server = self.server.to_owned();
        let misplaced =
            |key, belongs| SpecError::Misplaced { server: server.clone(), key, belongs };

        match (has("command"), has("url")) {
            (true, false) if has("key") => Err(misplaced("key", "url")),
            (true, false) => self.program(),
            (false, true) if has("env") => Err(misplaced("env", "command")),
            (false, true) => self.address(),
            (true, true) => Err(SpecError::Reach { server, has: "both" }),
            (false, false) => Err(SpecError::Reach { server, has: "neither" }),
        }
    }

    fn program(&self) -> Result<Reach, SpecError> {
        let wanted = "a list of a program and its arguments, such as [\"npx\", \"-y\", \"..\"]";
        let command = self.texts("command", wanted)?.unwrap_or_default();
        if command.is_empty() {
            return Err(self.wrong("command", wanted));
        }

        let wanted = "a list of names of variables; their values stay in the environment";
        let env = self.texts("env", wanted)?.unwrap_or_default();
        let is_name = |name: &String| {
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
            name.chars().all(is_part) && !name.starts_with(|c: char| c.is_ascii_digit())
        };
        if !env.iter().all(is_name) {
            return Err(self.wrong("env", wanted));
        }
        Ok(Reach::Program { command, env })
    }

    fn address(&self) -> Result<Reach, SpecError> {
        let url = self.map.get("url").and_then(Value::as_str);
        let url = url.filter(|url| host_of(url).is_some() && !url.contains('@'));
        let url = url.ok_or_else(|| self.wrong("url", "an address without a password in it"))?;

        let key = match self.map.get("key") {
            None => None,
            Some(value) => Some(value.as_str().and_then(key_ref).ok_or_else(|| {
                self.wrong("key", "`env:NAME` or `file:PATH`; never the key itself")
            })?),
        };
        Ok(Reach::Address { url: url.to_owned(), key })
    }

    fn consent(&self) -> Result<Consent, SpecError> {
        match self.map.get("approve") {
            None => Ok(Consent::Effects),
            Some(Value::String(word)) if word == "never" => Ok(Consent::Never),
            Some(_) => {
                let wanted = "\"never\", or a list of tool names, which may contain `*`";
                let texts = self.texts("approve", wanted)?.unwrap_or_default();
                Ok(Consent::Of(texts.into_iter().map(Wildcard::new).collect()))
            }
        }
    }

    fn millis(&self, key: &'static str, otherwise: Duration) -> Result<Duration, SpecError> {
        let Some(value) = self.map.get(key) else { return Ok(otherwise) };
        let millis = value.as_u64().filter(|millis| (1..=TIMEOUT_MAX_MS).contains(millis));
        millis.map(Duration::from_millis).ok_or_else(|| {
            self.wrong(key, format!("a time in milliseconds from 1 up to {TIMEOUT_MAX_MS}"))
        })
    }

    fn flag(&self, key: &'static str) -> Result<bool, SpecError> {
        let Some(value) = self.map.get(key) else { return Ok(false) };
        value.as_bool().ok_or_else(|| self.wrong(key, "true or false"))
    }

    fn protocol(&self) -> Result<Option<String>, SpecError> {
        let Some(value) = self.map.get("protocol") else { return Ok(None) };
        match value.as_str() {
            Some("auto") => Ok(None),
            Some(version) if VERSIONS.contains(&version) => Ok(Some(version.to_owned())),
            _ => Err(self.wrong("protocol", format!("\"auto\", {}", VERSIONS.join(", ")))),
        }
    }
}

/// Reads where a key is found.
fn key_ref(text: &str) -> Option<KeyRef> {
    let place = |rest: &str| (!rest.trim().is_empty()).then(|| rest.trim().to_owned());
    match text.split_once(':')? {
        ("env", name) => place(name).map(KeyRef::Env),
        ("file", path) => place(path).map(KeyRef::File),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: &Value) -> Result<ServerSpec, String> {
        let map = value.as_object().expect("a map");
        ServerSpec::from_map("files", map).map_err(|error| error.to_string())
    }

    #[test]
    fn a_whole_description_is_read() {
        let spec = read(&json!({
            "command": ["npx", "-y", "server"], "env": ["LANG"], "read": ["read_*"],
            "approve": ["write_*"], "only": ["read_*", "write_file"], "except": ["read_all"],
            "start_timeout_ms": 5, "timeout_ms": 7, "pin": true, "protocol": "2025-11-25",
        }));
        let patterns = |texts: &[&str]| texts.iter().map(|text| Wildcard::new(*text)).collect();
        assert_eq!(
            spec,
            Ok(ServerSpec {
                name: "files".to_owned(),
                reach: Reach::Program {
                    command: ["npx", "-y", "server"].map(str::to_owned).into(),
                    env: vec!["LANG".to_owned()],
                },
                read: patterns(&["read_*"]),
                approve: Consent::Of(patterns(&["write_*"])),
                only: Some(patterns(&["read_*", "write_file"])),
                except: patterns(&["read_all"]),
                start_timeout: Duration::from_millis(5),
                timeout: Duration::from_millis(7),
                pin: true,
                protocol: Some("2025-11-25".to_owned()),
            })
        );
    }

    #[test]
    fn the_project_says_what_a_tool_may_do() {
        let tools = ["read_file", "write_file", "read_all"];
        let spec = |more: Value| {
            let mut map = json!({ "command": ["a"], "read": ["read_*"], "except": ["*_all"] });
            map.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
            read(&map).expect("a sound description")
        };

        let usual = spec(json!({}));
        assert_eq!(tools.map(|tool| usual.is_read(tool)), [true, false, true]);
        assert_eq!(tools.map(|tool| usual.needs_approval(tool)), [false, true, false]);
        assert_eq!(tools.map(|tool| usual.offers(tool)), [true, true, false]);

        let never = spec(json!({ "approve": "never", "only": ["w*"] }));
        assert_eq!(tools.map(|tool| never.needs_approval(tool)), [false; 3]);
        assert_eq!(tools.map(|tool| never.offers(tool)), [false, true, false]);

        let all = spec(json!({ "approve": ["*"] }));
        assert_eq!(tools.map(|tool| all.needs_approval(tool)), [true; 3]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = [
            json!({}),
            json!({ "command": ["a"], "url": "http://a/" }),
            json!({ "comand": ["a"] }),
            json!({ "command": "npx" }),
            json!({ "command": [] }),
            json!({ "command": ["a", 1] }),
            json!({ "command": ["a"], "key": "env:A" }),
            json!({ "command": ["a"], "env": ["TOKEN=secret"] }),
            json!({ "url": "ftp://a/" }),
            json!({ "url": "http://user:pw@a/" }),
            json!({ "url": "http://a/", "env": ["A"] }),
            json!({ "url": "http://a/", "key": "sk-1" }),
            json!({ "url": "http://a/", "approve": "always" }),
            json!({ "url": "http://a/", "read": "read_*" }),
            json!({ "url": "http://a/", "timeout_ms": 0 }),
            json!({ "url": "http://a/", "timeout_ms": "1s" }),
            json!({ "url": "http://a/", "pin": 1 }),
            json!({ "url": "http://a/", "protocol": "2027-01-01" }),
            json!({ "url": "http://a/", "wibble": 1 }),
        ];
        let told: Vec<String> =
            wrong.iter().map(|value| read(value).expect_err("a wrong description")).collect();
        expect_test::expect![[r#"
            `mcp.files` needs either `command` or `url`, but has neither
            `mcp.files` needs either `command` or `url`, but has both
            unknown setting `mcp.files.comand`; did you mean `command`?
            `mcp.files.command` must be a list of a program and its arguments, such as ["npx", "-y", ".."], not `"npx"`
            `mcp.files.command` must be a list of a program and its arguments, such as ["npx", "-y", ".."], not `[]`
            `mcp.files.command` must be a list of a program and its arguments, such as ["npx", "-y", ".."], not `["a",1]`
            `mcp.files.key` belongs to a server with `url`
            `mcp.files.env` must be a list of names of variables; their values stay in the environment, not `..`
            `mcp.files.url` must be an address without a password in it, not `..`
            `mcp.files.url` must be an address without a password in it, not `..`
            `mcp.files.env` belongs to a server with `command`
            `mcp.files.key` must be `env:NAME` or `file:PATH`; never the key itself, not `..`
            `mcp.files.approve` must be "never", or a list of tool names, which may contain `*`, not `"always"`
            `mcp.files.read` must be a list of tool names, which may contain `*`, not `"read_*"`
            `mcp.files.timeout_ms` must be a time in milliseconds from 1 up to 86400000, not `0`
            `mcp.files.timeout_ms` must be a time in milliseconds from 1 up to 86400000, not `"1s"`
            `mcp.files.pin` must be true or false, not `1`
            `mcp.files.protocol` must be "auto", 2024-11-05, 2025-03-26, 2025-06-18, 2025-11-25, 2026-07-28, not `"2027-01-01"`
            unknown setting `mcp.files.wibble`; available: command, env, url, key, read, approve, only, except, start_timeout_ms, timeout_ms, pin, protocol"#]]
        .assert_eq(&told.join("\n"));

        for name in ["", "a.b", "a b", "ä", &"a".repeat(33)] {
            let error = ServerSpec::from_map(name, &Map::new()).expect_err("a wrong name");
            assert_eq!(error, SpecError::Name { name: name.to_owned() });
        }
    }
}
