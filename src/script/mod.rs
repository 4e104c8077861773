//! The only code that knows Rhai: compiles and runs scripts, and gives them their words.

pub mod api;
mod check;
pub mod diagnostic;
pub mod dialogue;
pub mod host;
pub mod lexer;
mod parameter;
pub mod reference;
pub mod test;

pub use crate::script::api::state::State;
pub use crate::script::host::limits::OPERATIONS_MAX;
pub use crate::script::parameter::ScriptParameter;

use crate::base::failure::{Failure, Kind};
use crate::base::file;
use crate::executor::Executor;
use crate::executor::attempt::Stop;
use crate::executor::standstill::Halt;
use crate::journal::waits::Waits;
use crate::mcp::Servers;
use crate::model::registry::Models;
use crate::script::diagnostic::{Diagnostic, Severity, mismatch};
use crate::script::host::captures::Follows;
use crate::script::host::error::EvalError;
use crate::script::host::permission::Permissions;
use crate::script::host::tasks::Task;
use crate::script::host::{
    captures, convert, error, home, known_map, language, limits, modules, source, stdlib, tasks,
};
use crate::session::scope;
use crate::store::StoreError;
use crate::store::writer::Writer;
use rhai::{AST, Dynamic, Engine, Scope};
use serde_json::{Map, Value};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A sink for text.
pub type Sink = Rc<dyn Fn(&str)>;

/// What a script runs with.
#[derive(Clone)]
pub struct Surroundings {
    /// Through which everything it does goes.
    pub executor: Rc<Executor>,
    /// The models it may name.
    pub models: Rc<Models>,
    /// The folder whose scripts it may import.
    pub root: PathBuf,
    /// The MCP servers it may name.
    pub servers: Servers,
    /// What it may touch besides models.
    pub permissions: Permissions,
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
    /// What outlives one reading of the script.
    pub state: State,
}

/// What the parts of a script share.
pub(crate) struct Inner {
    with: Surroundings,
    engine: RefCell<Weak<Engine>>,
    /// Files that the script has read or imported.
    files: RefCell<BTreeMap<PathBuf, Option<blake3::Hash>>>,
    /// The options of functions of the standard library, by name.
    stdlib_options: RefCell<BTreeMap<String, Vec<String>>>,
    /// The names of the files that were imported, as errors show them.
    imported: RefCell<BTreeSet<String>>,
    /// The captured variables that the code sets.
    captures: captures::Captures,
    /// Files that the script has written itself, on which it therefore does not depend.
    written: RefCell<BTreeSet<PathBuf>>,
    /// The hash of the script's text.
    fingerprint: RefCell<String>,
    /// The functions that `hot` calls.
    newest: RefCell<Option<Rc<AST>>>,
    /// Tasks that were started and not waited for.
    background: RefCell<Vec<Rc<api::task::Background>>>,
    /// Why the run cannot go on, once that is so.
    broken: RefCell<Option<StoreError>>,
    limits: Rc<limits::ScriptLimits>,
    /// Stands in for the executor while a line of a dialogue is only planned.
    plan: RefCell<Option<Rc<Executor>>>,
    /// Whether what the demo model does counts as experience.
    learn_from_demo: Cell<bool>,
    /// The test that is running, if one is.
    test: RefCell<Option<Rc<test::Test>>>,
}

impl Inner {
    /// Returns the executor through which everything goes at this moment.
    fn executor(&self) -> Rc<Executor> {
        self.plan.borrow().as_ref().unwrap_or(&self.with.executor).clone()
    }

    /// Tells whether a line of a dialogue is only planned, with the values of the real one.
    fn is_rehearsing(&self) -> bool {
        self.plan.borrow().is_some()
    }

    fn engine(&self) -> Result<Rc<Engine>, EvalError> {
        self.engine.borrow().upgrade().ok_or_else(|| error::terminate(Kind::Interrupted))
    }

    /// Makes an error of a script of whatever stopped its work.
    fn raise(&self, stop: Stop) -> EvalError {
        match stop {
            Stop::Failed(failure) => error::throw(&failure),
            Stop::Store(store) => {
                self.broken.replace(Some(store));
                error::terminate(Kind::Store)
            }
        }
    }

    /// Makes a failure of what a script raised.
    fn failure(&self, raised: &EvalError) -> Failure {
        self.failure_in(raised, &self.script_name())
    }

    /// Makes a failure of what a script raised that is known by another name.
    fn failure_in(&self, raised: &EvalError, script: &str) -> Failure {
        let engine = self.engine.borrow().upgrade();
        let mut failure = error::failure(raised, script);
        let better = engine.and_then(|engine| mismatch::explain(&engine, error::innermost(raised)));
        if let Some(message) = better {
            failure.message = message;
        }

        failure
    }

    /// Notes that the script depends on a file, with its content as it was read; `None` if it
    /// could not be read.
    fn depends_on(&self, path: &Path, content: Option<&[u8]>) {
        self.files.borrow_mut().insert(path.to_owned(), content.map(blake3::hash));
    }

    /// Notes that the script depends on a file that is there and could not be read as a text.
    fn depends_on_unread(&self, path: &Path) {
        if path.is_file() {
            self.depends_on(path, file::read(path).ok().as_deref());
        }
    }

    /// Notes that the script writes a file.
    fn wrote(&self, path: &Path) {
        self.written.borrow_mut().insert(path.to_owned());
    }

    /// Says something that people need to hear once.
    fn note(&self, note: &str) {
        // What a plan does will be done again.
        if !self.executor().is_dry() && self.with.state.is_news(note) {
            (self.with.say)(note);
        }
    }

    /// Returns what the script, as it is, and the files that it has read so far are known by.
    fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.fingerprint.borrow().as_bytes());

        let written = self.written.borrow();
        for (path, content) in &*self.files.borrow() {
            if !written.contains(path) {
                hasher.update(content.as_ref().map_or(&[], |hash| hash.as_bytes().as_slice()));
            }
        }

        hasher.finalize().to_hex()[..12].to_owned()
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
    /// It waits for people or a time, and another run goes on with it.
    Suspended(Box<Waits>),
}

/// A script that has been read and found sound.
#[derive(Debug)]
pub struct Program {
    ast: AST,
    text: String,
    /// What seems wrong with it, though it runs.
    pub warnings: Vec<Diagnostic>,
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

impl Program {
    /// Returns its parameters, each once; `None` if the name of one is computed.
    pub fn parameters(&self) -> Option<Vec<ScriptParameter>> {
        parameter::parameters(&self.ast)
    }

    /// Tells whether it calls functions by `hot`.
    pub fn is_hot(&self) -> bool {
        !check::calls_of(&self.ast, "hot").is_empty()
    }
}

impl Host {
    /// Tells whether a script may ask models for replies of any length.
    pub fn asks_without_limit(&self, text: &str) -> bool {
        let text = source::plain(text);
        let read = self.engine.compile_with_scope(&check::scope(), &*text);
        read.is_ok_and(|ast| check::asks_without_limit(&ast))
    }

    /// Returns what the script was not granted first, and how to grant it.
    pub fn refused(&self) -> Option<String> {
        self.inner.with.permissions.refused()
    }

    /// Creates a host.
    pub fn new(with: Surroundings) -> Host {
        let limits = limits::ScriptLimits::new(
            with.operations_max,
            with.interrupted.clone(),
            with.executor.clone(),
        );

        let learn_from_demo = Cell::new(with.learn_from_demo);
        // A denial holds for the models as for the script itself.
        with.models.deny(with.permissions.denials());

        let inner = Rc::new(Inner {
            with,
            limits: limits.clone(),
            plan: RefCell::default(),
            learn_from_demo,
            engine: RefCell::default(),
            files: RefCell::default(),
            stdlib_options: RefCell::default(),
            imported: RefCell::default(),
            captures: captures::Captures::default(),
            written: RefCell::default(),
            fingerprint: RefCell::default(),
            newest: RefCell::default(),
            background: RefCell::default(),
            broken: RefCell::default(),
            test: RefCell::default(),
        });

        let mut engine = Engine::new();
        engine.set_strict_variables(true);
        // What an optimizer takes away cannot be checked.
        engine.set_optimization_level(rhai::OptimizationLevel::None);
        limits::apply(&mut engine, &limits);

        engine.set_module_resolver(modules::Resolver::new(&inner));
        language::register(&mut engine);
        known_map::register(&mut engine);
        api::register(&mut engine, &inner);
        inner.stdlib_options.replace(stdlib::register(&mut engine, &inner.captures));

        let engine = Rc::new(engine);
        // A weak one, so that the two do not hold each other.
        inner.engine.replace(Rc::downgrade(&engine));
        Host { engine, inner }
    }

    /// Reads a script and checks what can be checked before it runs.
    pub fn compile(&self, text: &str) -> Result<Program, ScriptError> {
        let text = source::plain(text);
        let (ast, found) = self.read(&text);
        let (faults, warnings): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|found| found.level == Severity::Error);

        match ast {
            Some(ast) if faults.is_empty() => {
                self.inner.captures.add(&ast, Follows::Nothing);
                Ok(Program { ast, text: text.into_owned(), warnings })
            }
            _ => Err(ScriptError::Refused(faults)),
        }
    }

    /// Finds everything that is wrong with a script, or seems to be.
    pub fn check(&self, text: &str) -> Vec<Diagnostic> {
        self.read(&source::plain(text)).1
    }

    fn read(&self, text: &str) -> (Option<AST>, Vec<Diagnostic>) {
        let name = self.inner.script_name();
        let scope = check::scope();
        let (ast, mut found) = check::read(&self.engine, &self.inner, &name, text, scope);

        if let Some(ast) = &ast {
            found.extend(api::run::check_params(ast, &self.inner.with.params, &name));
            found.extend(test::faults(ast, &name, text));
        }
        (ast, found)
    }

    /// Runs a script to its end and returns its value. One whose last value is no data, such as a
    /// branch, has no value to show.
    pub async fn run(&self, program: &Program) -> Result<Value, ScriptError> {
        let value = self.evaluate(program, Task::default()).await?;
        Ok(convert::to_value(&value).unwrap_or_default())
    }

    /// Runs a script on behalf of an operation, if there is one. Its value is an answer, or a
    /// judgement of one, so it has to be data.
    pub async fn run_within(
        &self,
        program: &Program,
        scope: Option<Rc<scope::Scope>>,
    ) -> Result<Value, ScriptError> {
        let value = self.evaluate(program, scope.map(Task::of).unwrap_or_default()).await?;
        convert::to_value(&value).map_err(|reason| {
            let name = self.inner.script_name();
            let message = format!("the value of `{name}` must be plain data: {reason}");
            let shown = Diagnostic::new(Kind::Script.code(), message.clone());
            ScriptError::Failed(Box::new((Failure::new(Kind::Script, message), shown)))
        })
    }

    async fn evaluate(&self, program: &Program, task: Task) -> Result<Dynamic, ScriptError> {
        let engine = self.engine.clone();
        let ast = program.ast.clone();
        let function = move || {
            home::eval(&engine, &ast, &mut Scope::new(), Rc::default()).map(|(value, _)| value)
        };

        self.perform(program, task, function).await
    }

    /// Runs a part of a script to its end, and ends what it has left running.
    async fn perform(
        &self,
        program: &Program,
        task: Task,
        function: impl FnOnce() -> Result<Dynamic, EvalError> + 'static,
    ) -> Result<Dynamic, ScriptError> {
        self.renew(program);
        let executor = self.inner.executor();
        let result = tokio::select! {
            // What has come to its end needs nobody to stop it.
            biased;
            result = executor.drive(tasks::start(task, function)) => Ok(result),
            halt = executor.halted() => Err(halt),
        };
        if matches!(result, Err(Halt::Suspended(_))) {
            api::task::suspend_all(&self.inner);
        } else {
            api::task::end_all(&self.inner);
        }
        // A journal that cannot be written ends the run, whatever the script made of it.
        if let Some(store) = self.inner.broken.take() {
            return Err(ScriptError::Store(store));
        }

        let result = result.map_err(|halt| match halt {
            Halt::Suspended(waits) => ScriptError::Suspended(waits),
            Halt::Failed(failure) => {
                let shown = diagnostic::of_failure(&failure);
                ScriptError::Failed(Box::new((*failure, shown)))
            }
        })?;

        result.map_err(|raised| {
            let failure = self.inner.failure(&raised);
            let shown = diagnostic::of_run(
                &self.engine,
                &self.inner.script_name(),
                &program.text,
                &raised,
                &failure,
            );
            ScriptError::Failed(Box::new((failure, shown)))
        })
    }

    /// Makes the functions of a program those that `hot` calls from now on.
    pub fn renew(&self, program: &Program) {
        let hash = blake3::hash(program.text.as_bytes()).to_hex();
        self.inner.fingerprint.replace(hash.to_string());
        self.inner.newest.replace(Some(Rc::new(api::state::offered(&program.ast))));
    }

    /// Ends what the script has left running, after its own run was given up.
    pub fn end(&self) {
        api::task::end_all(&self.inner);
    }

    /// Goes on with what the script has left running, for ever.
    pub async fn idle(&self) {
        self.inner.executor().drive(std::future::pending::<()>()).await;
    }

    /// Returns the files that the script has read or imported so far, each with the hash of its
    /// content; those that it looked for and could not read have none.
    pub fn files(&self) -> BTreeMap<PathBuf, Option<blake3::Hash>> {
        let written = self.inner.written.borrow();
        let mut files = self.inner.files.borrow().clone();
        files.retain(|path, _| !written.contains(path));
        files
    }

    /// Returns the reference of everything that scripts can call.
    pub fn reference(&self) -> Vec<api::WordEntry> {
        api::reference(&self.engine, &self.inner)
    }
}

#[cfg(test)]
mod words_tests;
