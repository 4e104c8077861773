//! The only code that knows Rhai: compiles and runs scripts, and gives them their words.

pub mod api;
pub mod check;
mod convert;
pub mod definitions;
pub mod diagnostic;
mod error;
pub(crate) mod fiber;
mod limits;
mod modules;
mod options;
mod stdlib;
mod tasks;

pub use crate::script::limits::OPERATIONS_MAX;

use crate::executor::Executor;
use crate::executor::attempt::Stop;
use crate::flow::failure::Failure;
use crate::model::registry::Models;
use crate::script::diagnostic::Diagnostic;
use crate::script::error::Raised;
use crate::script::tasks::Task;
use crate::store::StoreError;
use crate::store::writer::Writer;
use rhai::{AST, Dynamic, Engine, Scope};
use serde_json::{Map, Value};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A sink for text.
pub type Sink = Rc<dyn Fn(&str)>;

/// What a script runs with.
pub struct Surroundings {
    /// Through which everything it does goes.
    pub executor: Rc<Executor>,
    /// The models it may name.
    pub models: Rc<Models>,
    /// The folder that it may read and write in; files outside are out of its reach.
    pub root: PathBuf,
    /// Its file; its imports and files are named relative to the folder of this.
    pub script: PathBuf,
    /// Its parameters as they were given.
    pub params: Map<String, Value>,
    /// Takes what it prints.
    pub print: Sink,
    /// Takes what people should see besides.
    pub say: Sink,
    /// Set from outside to stop it.
    pub interrupted: Arc<AtomicBool>,
    /// The project's store, where what is learned is kept; without one it is forgotten.
    pub store: Option<(PathBuf, Rc<Writer>)>,
    /// Whether what the demo model does counts as experience.
    pub learn_from_demo: bool,
    /// Most operations it may use.
    pub operations_max: u64,
}

/// What the parts of a script share.
pub(crate) struct Inner {
    with: Surroundings,
    engine: RefCell<Weak<Engine>>,
    /// Files that the script has read or imported.
    files: RefCell<BTreeSet<PathBuf>>,
    /// Tasks that were started and not waited for.
    background: RefCell<Vec<Rc<api::task::Background>>>,
    /// Whether people were told that the demo model answers.
    told_demo: Cell<bool>,
    /// Whether people were told that what the demo model does is not counted.
    told_uncounted: Cell<bool>,
    /// Why the run cannot go on, once that is so.
    broken: RefCell<Option<StoreError>>,
}

impl Inner {
    fn engine(&self) -> Result<Rc<Engine>, Raised> {
        self.engine.borrow().upgrade().ok_or_else(|| error::terminate("interrupted"))
    }

    /// Makes an error of a script of whatever stopped its work.
    fn raise(&self, stop: Stop) -> Raised {
        match stop {
            Stop::Failed(failure) => error::throw(&failure),
            Stop::Store(store) => {
                self.broken.replace(Some(store));
                error::terminate("store")
            }
        }
    }

    /// Makes a failure of what a script raised.
    fn failure(&self, raised: &Raised) -> Failure {
        error::failure(raised, &self.script_name())
    }

    fn script_name(&self) -> String {
        self.with.script.display().to_string()
    }
}

/// Why a script gave no value.
#[derive(Debug)]
pub enum ScriptError {
    /// It was not run: these faults were found before.
    Refused(Vec<Diagnostic>),
    /// It ended early.
    Failed(Box<(Failure, Diagnostic)>),
    /// The journal cannot be written.
    Store(StoreError),
}

/// A script that has been read and found sound.
#[derive(Debug)]
pub struct Program {
    ast: AST,
    text: String,
}

/// Runs scripts with everything they need.
pub struct Host {
    engine: Rc<Engine>,
    inner: Rc<Inner>,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("script", &self.inner.with.script).finish_non_exhaustive()
    }
}

impl Host {
    /// Creates a host.
    pub fn new(with: Surroundings) -> Host {
        let limits = limits::Limits::new(with.operations_max, with.interrupted.clone());
        let inner = Rc::new(Inner {
            with,
            engine: RefCell::default(),
            files: RefCell::default(),
            background: RefCell::default(),
            told_demo: Cell::new(false),
            told_uncounted: Cell::new(false),
            broken: RefCell::default(),
        });
        let mut engine = Engine::new();
        engine.set_strict_variables(true);
        limits::apply(&mut engine, &limits);
        engine.set_module_resolver(modules::Resolver::new(&inner));
        api::register(&mut engine, &inner);
        stdlib::register(&mut engine);
        let engine = Rc::new(engine);
        inner.engine.replace(Rc::downgrade(&engine));
        Host { engine, inner }
    }

    /// Reads a script and checks what can be checked before it runs.
    pub fn compile(&self, text: &str) -> Result<Program, ScriptError> {
        let name = self.inner.script_name();
        let scope = api::constants();
        let mut ast = self.engine.compile_with_scope(&scope, text).map_err(|error| {
            ScriptError::Refused(vec![diagnostic::of_parse(&self.engine, &name, text, &error)])
        })?;
        ast.set_source(name.as_str());
        let mut faults = check::check(&self.engine, &ast, &name, text);
        faults.extend(api::run::check_params(&ast, &self.inner.with.params, &name));
        if faults.is_empty() {
            Ok(Program { ast, text: text.to_owned() })
        } else {
            Err(ScriptError::Refused(faults))
        }
    }

    /// Runs a script to its end and returns its value.
    pub async fn run(&self, program: &Program) -> Result<Value, ScriptError> {
        let (engine, ast) = (self.engine.clone(), program.ast.clone());
        let function = move || engine.eval_ast_with_scope::<Dynamic>(&mut Scope::new(), &ast);
        let result = tasks::start(Task::default(), function).await;
        api::task::end_all(&self.inner).await;
        if let Some(store) = self.inner.broken.take() {
            return Err(ScriptError::Store(store));
        }
        let value = result.map_err(|raised| {
            let failure = self.inner.failure(&raised);
            let shown = diagnostic::of_run(
                &self.engine,
                &self.inner.script_name(),
                &program.text,
                &raised,
                &failure,
            );
            ScriptError::Failed(Box::new((failure, shown)))
        })?;
        // A script whose last value is no data, such as a branch, has no value to show.
        Ok(convert::to_value(&value).unwrap_or_default())
    }

    /// Ends what the script has left running, after its own run was given up.
    pub async fn end(&self) {
        api::task::end_all(&self.inner).await;
    }

    /// Returns the files that the script has read or imported so far.
    pub fn files(&self) -> Vec<PathBuf> {
        self.inner.files.borrow().iter().cloned().collect()
    }

    /// Returns the reference of everything that scripts can call.
    pub fn reference(&self) -> Vec<api::Entry> {
        api::reference(&self.engine, &self.inner)
    }
}
