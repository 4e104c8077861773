//! The only code that knows Rhai: compiles and runs scripts, and gives them their words.

pub mod api;
pub(crate) mod fiber;

use crate::executor::Executor;
use rhai::{Dynamic, Engine, EvalAltResult};
use std::rc::Rc;

/// Runs scripts against one executor.
#[derive(Debug)]
pub struct Host {
    engine: Rc<Engine>,
}

impl Host {
    /// Creates a host; everything that its scripts do goes through `executor`.
    pub fn new(executor: &Rc<Executor>) -> Host {
        let mut engine = Engine::new();
        engine.set_max_strings_interned(0);
        api::register(&mut engine, executor);
        Host { engine: Rc::new(engine) }
    }

    /// Compiles and runs a script, and returns its value as plain data.
    pub async fn run(&self, text: &str) -> Result<serde_json::Value, Box<EvalAltResult>> {
        let ast = self.engine.compile(text)?;
        let engine = self.engine.clone();
        let fiber = fiber::Fiber::new(move || engine.eval_ast::<Dynamic>(&ast))
            .map_err(|error| error.to_string())?;
        rhai::serde::from_dynamic(&fiber.await?)
    }
}
