//! The protocols of the providers: how a request is written and how a reply is read.
//!
//! `openai.rs`, `anthropic.rs` and `gemini.rs` each know one protocol and no connection; `demo.rs` (with
//! `demo_call.rs`) and `simulated.rs` need no server. Shared parts: the body of a reply (`frames.rs`, `sse.rs`,
//! `document.rs`, `partial.rs`), calls of tools (`partial_call.rs`, `partial_opaque.rs`, `call_form.rs`,
//! `openai_message.rs`), replies that are one text and nothing else (`plain_reply.rs`), error responses
//! (`error_response.rs`, `error_class.rs`, `error_body.rs`), the moment in which a request leaves
//! (`departure.rs`) and token counts (`usage.rs`). Not here: retries (`executor/retry.rs`) and
//! prices (`model/price.rs`).
//!
//! Start with `server.rs`, which makes one call.

mod anthropic;
mod call_form;
pub mod demo;
mod demo_call;
mod departure;
mod document;
mod error_body;
mod error_class;
pub mod error_response;
pub mod exchange;
mod frames;
mod gemini;
pub mod host;
pub mod http;
pub mod limit_name;
mod openai;
mod openai_message;
pub mod page;
mod partial;
mod partial_call;
mod partial_opaque;
mod plain_reply;
pub mod server;
pub mod simulated;
pub mod sse;
mod usage;
pub mod watched;
