//! What the page is told instead of an answer: a status, a sentence, and what to do.

use crate::cli::ui::guard::GuardDenial;
use crate::journal::history::HistoryError;
use crate::optimizer::OptimizerError;
use crate::optimizer::evidence::knowledge::KnowledgeError;
use crate::store::StoreError;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct PageError {
    status: u16,
    pub(in crate::cli) error: String,
    pub(in crate::cli) help: Option<String>,
}

impl PageError {
    /// Makes a refusal of a sentence.
    pub(in crate::cli) fn new(status: u16, error: impl Into<String>) -> PageError {
        PageError { status, error: error.into(), help: None }
    }

    /// Adds what to do.
    #[must_use]
    pub(in crate::cli) fn help(mut self, help: impl Into<String>) -> PageError {
        self.help = Some(help.into());
        self
    }

    /// Says in one sentence what is wrong and what to do.
    pub(in crate::cli) fn sentence(&self) -> String {
        let help = self.help.as_ref().map_or(String::new(), |help| format!("; {help}"));
        format!("{}{help}", self.error)
    }

    /// Says that a run is not there.
    pub(in crate::cli) fn no_run(name: &str) -> PageError {
        let shown: String = name.chars().take(40).collect();
        PageError::new(404, format!("no run `{shown}`"))
            .help("it may have been deleted by `kaizen gc`; what was learned from it stays")
    }

    /// Says that there is no store.
    pub(in crate::cli) fn no_store() -> PageError {
        PageError::new(404, "this project has no runs yet")
            .help("start one with `kaizen run SCRIPT`")
    }

    /// Says that something else is asked for than there is.
    pub(in crate::cli) fn nothing_there() -> PageError {
        PageError::new(404, "there is nothing at this address").help("open `/`")
    }
}

impl From<GuardDenial> for PageError {
    fn from(denial: GuardDenial) -> PageError {
        let (error, help) = denial.advice();
        PageError::new(denial.status(), error).help(help)
    }
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> PageError {
        let help = match &error {
            StoreError::Damaged { .. } => {
                Some("`kaizen doctor` says what is damaged; a copy restores the rest")
            }
            StoreError::Newer { .. } => Some("update kaizen"),
            StoreError::Locked { .. } => Some("reload the page to try again"),
            StoreError::Sqlite { .. }
            | StoreError::Full { .. }
            | StoreError::Disk { .. }
            | StoreError::ReadOnly { .. }
            | StoreError::Lost { .. }
            | StoreError::Foreign { .. }
            | StoreError::Link { .. }
            | StoreError::Hidden { .. }
            | StoreError::NotAFile { .. }
            | StoreError::Strange { .. }
            | StoreError::Folder { .. }
            | StoreError::Server { .. }
            | StoreError::TakenOver { .. }
            | StoreError::Contested { .. }
            | StoreError::WriterStopped
            | StoreError::NoThread(_) => None,
        };

        let error = error.to_string();
        PageError { status: 503, error, help: help.map(str::to_owned) }
    }
}

impl From<HistoryError> for PageError {
    fn from(error: HistoryError) -> PageError {
        PageError::new(503, error.to_string()).help("`kaizen doctor` checks the store")
    }
}

impl From<KnowledgeError> for PageError {
    fn from(error: KnowledgeError) -> PageError {
        PageError::new(503, error.to_string()).help("`kaizen doctor` checks the store")
    }
}

impl From<OptimizerError> for PageError {
    fn from(error: OptimizerError) -> PageError {
        PageError::new(400, error.to_string())
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        (status, Json(json!({ "error": self.error, "help": self.help }))).into_response()
    }
}
