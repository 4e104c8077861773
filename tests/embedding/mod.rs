//! kaizen inside another program: the facade at the crate's root.

mod examples;
mod names;
mod own;
mod runs;

use kaizen::{Error, Runtime, RuntimeBuilder};
use serde_json::Value;

/// Describes a runtime with one script, `main.rhai`, and the demo model.
fn with_script(text: &str) -> RuntimeBuilder {
    Runtime::builder().in_memory().model("demo", "demo/echo").script("main.rhai", text)
}

/// Runs the script of a runtime and returns its value.
async fn value_of(builder: RuntimeBuilder) -> Result<Value, Error> {
    let run = builder.build()?.run("main.rhai").start();
    Ok(run.finish().await?.value)
}
