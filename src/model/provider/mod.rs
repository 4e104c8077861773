//! How each provider is spoken to.

pub mod demo;
pub mod http;
pub mod native;
pub mod openai;
pub mod page;
pub mod simulated;
pub mod sse;
