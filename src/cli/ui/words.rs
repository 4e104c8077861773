//! The reference of the words that scripts see, as `kaizen doc --html` writes it.

use crate::cli::command::{doc, doc_html};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

/// Returns the page. Its own style and script stand in it, so it names what may run by a hash of itself.
pub(in crate::cli) fn page() -> Response {
    let text = doc_html::page(&doc::reference());
    let nonce = blake3::hash(text.as_bytes()).to_hex()[..32].to_owned();
    let text = text
        .replace("<style>", &format!("<style nonce=\"{nonce}\">"))
        .replace("<script>", &format!("<script nonce=\"{nonce}\">"));

    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let mut answer = ([(CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    answer
}
