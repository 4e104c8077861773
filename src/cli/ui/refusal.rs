//! What the page is told instead of an answer: a status, a sentence, and what to do.

use crate::cli::ui::guard::Denial;
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
pub(in crate::cli) struct Refusal {
    status: u16,
    pub(in crate::cli) error: String,
    pub(in crate::cli) help: Option<String>,
}

impl Refusal {
    /// Makes a refusal of a sentence.
    pub(in crate::cli) fn new(status: u16, error: impl Into<String>) -> Refusal {
        Refusal { status, error: error.into(), help: None }
    }

    /// Adds what to do.
    #[must_use]
    pub(in crate::cli) fn help(mut self, help: impl Into<String>) -> Refusal {
        self.help = Some(help.into());
        self
    }

    /// Says that a run is not there.
    pub(in crate::cli) fn no_run(name: &str) -> Refusal {
        let shown: String = name.chars().take(40).collect();
        Refusal::new(404, format!("no run `{shown}`"))
            .help("it may have been deleted by `kaizen gc`; what was learned from it stays")
    }

    /// Says that there is no store.
    pub(in crate::cli) fn no_store() -> Refusal {
        Refusal::new(404, "this project has no runs yet").help("start one with `kaizen run SCRIPT`")
    }

    /// Says that something else is asked for than there is.
    pub(in crate::cli) fn nothing_there() -> Refusal {
        Refusal::new(404, "there is nothing at this address").help("open `/`")
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Refusal {
        let (error, help) = denial.says();
        Refusal::new(denial.status(), error).help(help)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        let help = match &error {
            StoreError::Damaged { .. } => {
                Some("`kaizen doctor` says what is damaged; a copy restores the rest")
            }
            StoreError::Newer { .. } => Some("update kaizen"),
            StoreError::Locked { .. } => Some("this page tries again when it is loaded anew"),
            _ => None,
        };
        let refusal = Refusal::new(503, error.to_string());
        help.map_or(refusal.clone(), |help| refusal.help(help))
    }
}

impl From<HistoryError> for Refusal {
    fn from(error: HistoryError) -> Refusal {
        Refusal::new(503, error.to_string()).help("`kaizen doctor` checks the store")
    }
}

impl From<KnowledgeError> for Refusal {
    fn from(error: KnowledgeError) -> Refusal {
        Refusal::new(503, error.to_string()).help("`kaizen doctor` checks the store")
    }
}

impl From<OptimizerError> for Refusal {
    fn from(error: OptimizerError) -> Refusal {
        Refusal::new(400, error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        (status, Json(json!({ "error": self.error, "help": self.help }))).into_response()
    }
}
