//! What can go wrong with an MCP server. Each way has one outcome.

use crate::base::failure::Failure;

/// Largest message of a server, in bytes: as large as the largest reply of a model.
pub const MESSAGE_MAX: usize = 8 << 20;

/// The codes of JSON-RPC that say that a request was not carried out: it cannot be parsed, is none, names
/// an unknown method, or has wrong parameters.
const REFUSALS: [i32; 4] = [-32700, -32600, -32601, -32602];

/// Why a server gave no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ServerFault {
    /// kaizen.toml has no such server.
    #[error("no MCP server `{server}`{help}")]
    UnknownServer {
        /// The name.
        server: String,
        /// What may be meant.
        help: String,
    },
    /// A script describes a server under the name of another one.
    #[error(
        "an MCP server `{server}` is already described differently; give this one another `name`"
    )]
    NameTaken {
        /// The name.
        server: String,
    },
    /// The server offers no such tool, or the project does not.
    #[error("MCP server `{server}` offers no tool `{tool}`{help}")]
    UnknownTool {
        /// The server.
        server: String,
        /// The tool.
        tool: String,
        /// What may be meant.
        help: String,
    },
    /// The project names tools by a pattern that covers none.
    #[error("`mcp.{server}.{key}`: no tool of the server matches `{pattern}`{help}")]
    NoMatch {
        /// The server.
        server: String,
        /// The setting.
        key: &'static str,
        /// The pattern.
        pattern: String,
        /// What may be meant.
        help: String,
    },
    /// It may not be started or reached.
    #[error("MCP server `{server}`: {message}", message = failure.message)]
    Refused {
        /// The server.
        server: String,
        /// What is not permitted, or not set up.
        failure: Box<Failure>,
    },
    /// The program cannot be run.
    #[error("MCP server `{server}`: cannot run `{program}`: {reason}")]
    NotRun {
        /// The server.
        server: String,
        /// The program.
        program: String,
        /// Why.
        reason: String,
    },
    /// It took too long to start.
    #[error(
        "MCP server `{server}` did not start within {limit_ms} ms (`start_timeout_ms`){stderr}",
        stderr = stderr_note(stderr)
    )]
    NotReady {
        /// The server.
        server: String,
        /// The limit.
        limit_ms: u128,
        /// What it last wrote to stderr.
        stderr: String,
    },
    /// It ended, or closed the connection.
    #[error("MCP server `{server}` {how}{stderr}", stderr = stderr_note(stderr))]
    Gone {
        /// The server.
        server: String,
        /// How it ended.
        how: String,
        /// What it last wrote to stderr.
        stderr: String,
    },
    /// It has lost the session, and has not looked at the request.
    #[error("MCP server `{server}` no longer knows this session")]
    Forgotten {
        /// The server.
        server: String,
    },
    /// It did not answer in time.
    #[error("MCP server `{server}` did not answer `{asked}` within {limit_ms} ms (`timeout_ms`)")]
    Mute {
        /// The server.
        server: String,
        /// What it was asked.
        asked: String,
        /// The limit.
        limit_ms: u128,
    },
    /// It sent more than is read.
    #[error("MCP server `{server}` was disconnected: it sent {what}")]
    Flood {
        /// The server.
        server: String,
        /// What it sent.
        what: String,
    },
    /// It sent what the protocol does not know.
    #[error("MCP server `{server}`: {reason}")]
    Protocol {
        /// The server.
        server: String,
        /// What is wrong.
        reason: String,
    },
    /// It answered a request with an error.
    #[error("MCP server `{server}` answered `{asked}` with error {code}: {message}")]
    Answered {
        /// The server.
        server: String,
        /// What it was asked.
        asked: String,
        /// The code of JSON-RPC.
        code: i32,
        /// What the server says, without control and invisible characters.
        message: String,
    },
    /// Its tools are not those that were seen before.
    #[error("MCP server `{server}` has changed its tools since {since}: {what}")]
    Changed {
        /// The server.
        server: String,
        /// Since when.
        since: &'static str,
        /// Which.
        what: String,
    },
}

impl ServerFault {
    /// Tells whether the server lives and has refused one request: a model may choose another.
    pub fn is_of_request(&self) -> bool {
        matches!(self, ServerFault::Answered { .. } | ServerFault::UnknownTool { .. })
    }

    /// Tells whether the call may have taken effect although nobody knows.
    pub fn is_unsure(&self) -> bool {
        match self {
            ServerFault::Gone { .. }
            | ServerFault::Mute { .. }
            | ServerFault::Flood { .. }
            | ServerFault::Protocol { .. } => true,
            ServerFault::UnknownServer { .. }
            | ServerFault::NameTaken { .. }
            | ServerFault::UnknownTool { .. }
            | ServerFault::NoMatch { .. }
            | ServerFault::Refused { .. }
            | ServerFault::NotRun { .. }
            | ServerFault::NotReady { .. }
            | ServerFault::Forgotten { .. }
            | ServerFault::Changed { .. } => false,
            // Any other error may come after the work was done, or half of it.
            ServerFault::Answered { code, .. } => !REFUSALS.contains(code),
        }
    }

    /// Returns the server.
    pub fn server(&self) -> &str {
        match self {
            ServerFault::UnknownServer { server, .. }
            | ServerFault::NameTaken { server }
            | ServerFault::UnknownTool { server, .. }
            | ServerFault::NoMatch { server, .. }
            | ServerFault::Refused { server, .. }
            | ServerFault::NotRun { server, .. }
            | ServerFault::NotReady { server, .. }
            | ServerFault::Gone { server, .. }
            | ServerFault::Forgotten { server }
            | ServerFault::Mute { server, .. }
            | ServerFault::Flood { server, .. }
            | ServerFault::Protocol { server, .. }
            | ServerFault::Answered { server, .. }
            | ServerFault::Changed { server, .. } => server,
        }
    }

    /// Returns what the server last wrote to stderr, where that may say why.
    pub fn stderr(&self) -> &str {
        match self {
            ServerFault::NotReady { stderr, .. } | ServerFault::Gone { stderr, .. } => stderr,
            ServerFault::UnknownServer { .. }
            | ServerFault::NameTaken { .. }
            | ServerFault::UnknownTool { .. }
            | ServerFault::Refused { .. }
            | ServerFault::NotRun { .. }
            | ServerFault::Forgotten { .. }
            | ServerFault::Mute { .. }
            | ServerFault::Flood { .. }
            | ServerFault::Protocol { .. }
            | ServerFault::Answered { .. }
            | ServerFault::NoMatch { .. }
            | ServerFault::Changed { .. } => "",
        }
    }
}

/// Says what a server wrote to stderr, if it wrote anything.
fn stderr_note(stderr: &str) -> String {
    match stderr {
        "" => String::new(),
        text => format!("; its stderr ends with: {text}"),
    }
}
