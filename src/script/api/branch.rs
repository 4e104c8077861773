//! `branch`: a conversation with a model.

use crate::executor::Executor;
use crate::model::Model;
use crate::model::provider::demo::Demo;
use crate::model::request::Settings;
use crate::model::transport::Transport;
use crate::script::fiber::wait;
use rhai::{Engine, EvalAltResult};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

type Branch = Arc<Mutex<crate::session::branch::Branch>>;

/// Registers the words of this noun.
pub(super) fn register(engine: &mut Engine, executor: &Rc<Executor>) {
    engine.register_type_with_name::<Branch>("branch");
    engine.register_fn("branch", || -> Branch {
        let transport = Transport::Demo(Demo::default());
        let model = Model { label: "demo/echo".into(), settings: Settings::default(), transport };
        Arc::new(Mutex::new(crate::session::branch::Branch::new(model, None)))
    });
    let executor = executor.clone();
    engine.register_fn(
        "communicate",
        move |branch: &mut Branch, text: &str| -> Result<String, Box<EvalAltResult>> {
            wait(executor.communicate(branch, text)).map_err(|error| error.to_string().into())
        },
    );
}
