//! What scripts may touch.

use crate::base::wildcard::Wildcard;
use crate::embed::error::Error;
use crate::script::host::right::Right;
use crate::script::host::rule::Rule;
use std::path::Path;

/// What scripts may touch besides models. Paths are relative to the project's folder. Scripts of the project can
/// always be imported.
///
/// ```
/// use kaizen::Permissions;
///
/// let permissions = Permissions::none().read("data").write("out").net("api.example.com");
/// let kaizen = kaizen::Runtime::builder().in_memory().permissions(permissions);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Permissions {
    allow: Vec<(Right, String)>,
    deny: Vec<(Right, String)>,
    approved: Vec<String>,
}

impl Permissions {
    /// Grants nothing.
    pub fn none() -> Permissions {
        Permissions::default()
    }

    /// Grants reading a file or a folder.
    #[must_use]
    pub fn read(self, path: impl AsRef<Path>) -> Permissions {
        self.allow(Right::Read, &path.as_ref().display())
    }

    /// Grants writing a file or a folder.
    #[must_use]
    pub fn write(self, path: impl AsRef<Path>) -> Permissions {
        self.allow(Right::Write, &path.as_ref().display())
    }

    /// Grants access to a host, such as `api.example.com` or `*.example.com`.
    #[must_use]
    pub fn net(self, host: &str) -> Permissions {
        self.allow(Right::Net, &host)
    }

    /// Grants reading a variable that the builder was given.
    #[must_use]
    pub fn env(self, name: &str) -> Permissions {
        self.allow(Right::Env, &name)
    }

    /// Grants running a program, which is not restricted in turn.
    #[must_use]
    pub fn run(self, program: &str) -> Permissions {
        self.allow(Right::Run, &program)
    }

    /// Denies reading a file or a folder, overriding every grant.
    #[must_use]
    pub fn deny_read(self, path: impl AsRef<Path>) -> Permissions {
        self.deny(Right::Read, &path.as_ref().display())
    }

    /// Denies writing a file or a folder.
    #[must_use]
    pub fn deny_write(self, path: impl AsRef<Path>) -> Permissions {
        self.deny(Right::Write, &path.as_ref().display())
    }

    /// Denies access to a host, for models too.
    #[must_use]
    pub fn deny_net(self, host: &str) -> Permissions {
        self.deny(Right::Net, &host)
    }

    /// Approves every call of a tool whose calls need approval; `*` stands for any characters.
    #[must_use]
    pub fn approve(mut self, tool: &str) -> Permissions {
        self.approved.push(tool.to_owned());
        self
    }

    fn allow(mut self, right: Right, what: &impl ToString) -> Permissions {
        self.allow.push((right, what.to_string()));
        self
    }

    fn deny(mut self, right: Right, what: &impl ToString) -> Permissions {
        self.deny.push((right, what.to_string()));
        self
    }

    /// Reads the rules; paths begin at `base`.
    pub(super) fn resolve(&self, base: &Path) -> Result<PermissionRules, Error> {
        let mut rules = PermissionRules::default();
        for (right, text) in &self.allow {
            let rule = parse(*right, text, base)?;
            rule.refuse_detour(base).map_err(|reason| wrong(*right, text, &reason))?;
            rules.allow.push((*right, rule));
        }

        for (right, text) in &self.deny {
            rules.deny.push((*right, parse(*right, text, base)?));
        }
        rules.approved.extend(self.approved.iter().map(Wildcard::new));
        Ok(rules)
    }
}

/// Rules that have been read.
#[derive(Debug, Clone, Default)]
pub(super) struct PermissionRules {
    pub(super) allow: Vec<(Right, Rule)>,
    pub(super) deny: Vec<(Right, Rule)>,
    pub(super) approved: Vec<Wildcard>,
}

fn parse(right: Right, text: &str, base: &Path) -> Result<Rule, Error> {
    Rule::parse(right, text, base).map_err(|reason| wrong(right, text, &reason))
}

fn wrong(right: Right, text: &str, reason: &str) -> Error {
    Error::setup(format!("permission `{}` of `{text}`: {reason}", right.word()))
}
