//! kaizen runs LLM workflows that are written in Rhai. It journals every call, measures every run, and
//! learns which pattern suits which task type. This is the library, for programs that run workflows
//! themselves; `cargo install kaizen` installs the program.
//!
//! ```
//! use kaizen::{Budget, Error, Event, Model, Permissions, Reply, Request, Runtime};
//!
//! struct InHouse;
//!
//! impl Model for InHouse {
//!     async fn reply(
//!         &self,
//!         request: Request,
//!     ) -> Result<Reply, Box<dyn std::error::Error + Send + Sync>> {
//!         Ok(Reply::text(format!("seen: {}", request.prompt())))
//!     }
//! }
//!
//! async fn find_order(id: &str) -> Result<f64, std::io::Error> {
//!     Ok(if id == "17" { 24.5 } else { 0.0 })
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Error> {
//! let kaizen = Runtime::builder()
//!     .in_memory()                                   // or .project("workflows")
//!     .model("fast", InHouse)                        // or "openai/gpt-4o-mini"
//!     .script("triage.rhai", r#"
//!         let price = lookup_order(param("order", ""));
//!         let note = branch("fast").communicate(`An order of ${price}. What now?`);
//!         #{ price: price, note: note }
//!     "#)                                            // or a file of the project
//!     .function("lookup_order", "Finds an order by its number.", |id: String| async move {
//!         find_order(&id).await
//!     })
//!     .permissions(Permissions::none())              // .read("data").net("api.example.com")
//!     .budget(Budget::unlimited().calls(20))         // Budget::max_cost(0.50)
//!     .build()?;
//!
//! let mut run = kaizen.run("triage.rhai").param("order", "17").start();
//! while let Some(event) = run.events().next().await {
//!     if let Event::CallEnded { reply: Some(reply), .. } = event {
//!         println!("{reply}");
//!     }
//! }
//!
//! #[derive(serde::Deserialize)]
//! struct Answer {
//!     price: f64,
//!     note: String,
//! }
//! let done = run.finish::<Answer>().await?;          // Err: refused, failed, cancelled, ..
//! assert_eq!(done.value.price, 24.5);
//!
//! kaizen.record("triage", "vote", serde_json::json!({ "success_rate": 1.0 })).await?;
//! println!("{}", kaizen.advise("triage")?.pattern);
//! # Ok(())
//! # }
//! ```
//!
//! - [`Runtime`] is cheap to clone, and shared by all threads of a program. Scripts run on threads of its own.
//! - [`Run`] is cancelled when it is dropped. The journal says how each run ended.
//! - A [`Function`] is an async closure that returns a `Result`. A [`Model`] is your own type, a name, or a
//!   description.
//! - The library prints nothing, handles no signals, and reads no environment variables except those that name
//!   proxies. Keys of providers are given with [`RuntimeBuilder::variable`].
//!
//! `docs/embedding.md` explains each part, and `examples/` has whole programs: a web service, functions and
//! tools, and the optimizer alone. `docs/script-api.md` lists what scripts can call. Hidden modules are not part of
//! the interface; `docs/architecture.md` describes them for those who change kaizen.

#![cfg_attr(
    not(feature = "cli"),
    allow(dead_code, unused_imports, reason = "much is there for the command line alone")
)]

#[doc(hidden)]
pub mod base;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
mod embed;
#[doc(hidden)]
pub mod executor;
#[cfg(feature = "engine")]
#[doc(hidden)]
pub mod fleet;
#[doc(hidden)]
pub mod flow;
#[doc(hidden)]
pub mod journal;
#[doc(hidden)]
pub mod mcp;
#[doc(hidden)]
pub mod metrics;
#[doc(hidden)]
pub mod model;
#[doc(hidden)]
pub mod optimizer;
#[doc(hidden)]
pub mod schema;
#[doc(hidden)]
pub mod script;
#[doc(hidden)]
pub mod session;
mod settings;
#[doc(hidden)]
pub mod store;
#[doc(hidden)]
pub mod view;

pub use embed::{
    Advice, Budget, Error, Event, Events, Function, Model, ModelSource, Outcome, Permissions,
    Reply, Request, Run, RunBuilder, Runtime, RuntimeBuilder,
};
