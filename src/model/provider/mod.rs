//! How each provider is spoken to.

mod anthropic;
pub mod demo;
mod document;
pub mod exchange;
mod frames;
mod gemini;
pub mod host;
pub mod http;
mod openai;
pub mod page;
mod partial;
pub mod refusal;
mod refusal_body;
pub mod server;
pub mod simulated;
pub mod sse;
mod usage;
