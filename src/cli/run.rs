//! `kaizen run SCRIPT`.

use crate::base::id::RunId;
use crate::executor::Executor;
use crate::journal::Journal;
use crate::journal::event::Event;
use crate::script::Host;
use crate::store;
use crate::store::writer::Writer;
use anyhow::Context;
use std::path::Path;
use std::rc::Rc;

/// Runs the script and prints its value.
pub(super) fn run(script: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(script)
        .with_context(|| format!("reading `{}`", script.display()))?;
    std::fs::create_dir_all(".kaizen").context("creating `.kaizen`")?;
    let path = Path::new(".kaizen/kaizen.db");
    let writer = Rc::new(Writer::start(store::open(path)?, path));
    let executor = Rc::new(Executor::new(Journal::new(RunId::fresh(), writer)));
    let host = Host::new(&executor);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let journal = executor.journal();
        let program = env!("CARGO_PKG_VERSION").to_owned();
        let script = script.display().to_string();
        journal.append(&Event::RunStarted { script, program }).await?;
        let result = host.run(&text).await;
        let value = result.as_ref().ok().cloned().unwrap_or_default();
        let status = if result.is_ok() { "ok" } else { "failed" }.to_owned();
        journal.append(&Event::RunEnded { status, value }).await?;
        print_value(&result.map_err(|error| anyhow::anyhow!("{error}"))?);
        anyhow::Ok(())
    })
}

/// Prints the script's value: text as it is, everything else as JSON.
#[allow(clippy::print_stdout, reason = "stdout carries the script's value")]
fn print_value(value: &serde_json::Value) {
    match value {
        serde_json::Value::Null => {}
        serde_json::Value::String(text) => println!("{text}"),
        other => println!("{other}"),
    }
}
