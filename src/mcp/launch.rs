//! What is needed to reach a server, once everything is permitted and looked up.

use crate::base::secret::Secret;
use crate::model::provider::exchange::Exchanger;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

/// A program to start.
#[derive(Clone)]
pub struct ServerProgram {
    /// Where it lies.
    pub path: OsString,
    /// Its name as the project says it.
    pub named: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its whole environment.
    pub env: Vec<(String, String)>,
    /// The folder it starts in.
    pub folder: PathBuf,
}

impl fmt::Debug for ServerProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The values of its variables are nobody's business.
        let names: Vec<&String> = self.env.iter().map(|(name, _)| name).collect();
        f.debug_struct("ServerProgram")
            .field("named", &self.named)
            .field("arguments", &self.arguments)
            .field("env", &names)
            .finish_non_exhaustive()
    }
}

/// How a server is reached.
#[derive(Debug, Clone)]
pub enum Launch {
    /// By starting a program.
    Program(ServerProgram),
    /// By requests to an address.
    Address {
        /// What makes the requests.
        exchanger: Exchanger,
        /// The key, sent as a bearer token.
        key: Option<Secret>,
    },
}
