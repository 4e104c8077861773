//! What no call to a model or for a page may touch, whatever else allows it.

use crate::base::wildcard::Wildcard;
use crate::model::call_error::CallError;
use crate::model::provider::host::HostPattern;
use std::net::IpAddr;
use std::path::PathBuf;

/// One denial, with what people know it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial<T> {
    /// What it covers.
    pub of: T,
    /// Where it was said, such as `--deny-net`.
    pub source: String,
}

/// Everything that is denied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Denials {
    /// Hosts that are not reached.
    pub hosts: Vec<Denial<HostPattern>>,
    /// Variables of the environment whose values are not used as keys.
    pub variables: Vec<Denial<Wildcard>>,
    /// Files, and folders with what is in them, that are not read as keys.
    pub files: Vec<Denial<PathBuf>>,
}

impl Denials {
    /// Accepts a host as it is named.
    pub fn check_host(&self, host: &str, port: u16) -> Result<(), CallError> {
        let denial = self.hosts.iter().find(|denial| denial.of.denies(host, port));
        denial.map_or(Ok(()), |denial| Err(refusal(&format!("reaching `{host}`"), &denial.source)))
    }

    /// Accepts an address to which a name leads.
    pub fn check_address(&self, host: &str, address: IpAddr, port: u16) -> Result<(), CallError> {
        let denial = self.hosts.iter().find(|denial| denial.of.denies_address(address, port));
        denial.map_or(Ok(()), |denial| {
            Err(refusal(
                &format!("reaching `{host}`, which resolves to {address},"),
                &denial.source,
            ))
        })
    }

    /// Accepts a variable whose value is to be used as a key.
    pub fn check_variable(&self, name: &str) -> Result<(), CallError> {
        let denial = self.variables.iter().find(|denial| denial.of.covers(name));
        denial.map_or(Ok(()), |denial| {
            Err(refusal(&format!("reading the variable `{name}`"), &denial.source))
        })
    }

    /// Accepts a file that is to be read as a key, wherever links lead.
    pub fn check_file(&self, named: &str) -> Result<(), CallError> {
        let path = std::path::absolute(named).unwrap_or_else(|_| PathBuf::from(named));
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        let denies = |denied: &PathBuf| path.starts_with(denied) || real.starts_with(denied);

        let denial = self.files.iter().find(|denial| denies(&denial.of));
        denial.map_or(Ok(()), |denial| {
            Err(refusal(&format!("reading the file `{named}`"), &denial.source))
        })
    }

    /// Tells whether it matters to which address a name leads.
    pub fn has_addresses(&self) -> bool {
        self.hosts.iter().any(|denial| denial.of.is_of_addresses())
    }
}

/// Says that something is denied.
pub fn refusal(what: &str, source: &str) -> CallError {
    CallError::Denied { message: format!("{what} is denied by {source} or kaizen.toml") }
}
