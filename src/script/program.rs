//! A script that is read, checked and run: the one place where everything below comes together.

use crate::base::failure::{Failure, Kind};
use crate::base::id::RunId;
use crate::base::path_text::text_of;
use crate::base::visible::shown_path;
use crate::executor::Executor;
use crate::executor::standstill::Halt;
use crate::journal::waits::Waits;
use crate::script::api::host_word::{self, HostWords};
use crate::script::api::state::offered;
use crate::script::api::{self, WordEntry, task};
use crate::script::check::CheckedScript;
use crate::script::check::parameter::{self, ScriptParameter, check_params};
use crate::script::check::{self, test_functions};
use crate::script::diagnostic::{self, Diagnostic, Severity};
use crate::script::host::captures::Follows;
use crate::script::host::constants::constants;
use crate::script::host::context::{Inner, Sink, Surroundings};
use crate::script::host::error::EvalError;
use crate::script::host::tasks::{self, Task};
use crate::script::host::{
    convert, home, language, limits, map_access, modules, options, source, stdlib,
};
use crate::script::lexer::names_closure;
use crate::script::reference::completion::{self, Word};
use crate::script::reference::entry;
use crate::session::scope;
use crate::store::StoreError;
use crate::store::writer::Writer;
use rhai::{AST, Dynamic, Engine, Scope, Stmt};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Why a script gave no value.
#[derive(Debug)]
pub enum ScriptError {
    /// It was not run: these faults were found before.
    Refused(Vec<Diagnostic>),
    /// It ended early.
    Failed(Box<(Failure, Diagnostic)>),
    /// The journal cannot be written.
    Store(StoreError),
    /// It waits for people or a time, and another run continues it.
    Suspended(Box<Waits>),
}

/// A script that has been read and found sound.
#[derive(Debug)]
pub struct Program {
    pub(in crate::script) ast: AST,
    pub(in crate::script) text: String,
    parameters: Option<Vec<ScriptParameter>>,
    /// What seems wrong with it, though it runs.
    pub warnings: Vec<Diagnostic>,
}

/// What a check of one script has found.
#[derive(Debug, Clone, Default)]
pub struct ScriptFindings {
    /// Everything that is wrong, or seems to be.
    pub found: Vec<Diagnostic>,
    /// The files that it imports, and those that these import.
    pub files: BTreeSet<PathBuf>,
}

/// Makes a sink that shows nothing before everything that the script knows is kept. What cannot be kept ends
/// the run at its next word.
fn once_kept(executor: &Rc<Executor>, writer: &Rc<Writer>, sink: Sink) -> Sink {
    let executor = executor.clone();
    let writer = writer.clone();
    Rc::new(move |text| {
        // Whoever records next is told, and the end of the script.
        let _ = executor.settle_known(&writer);
        sink(text);
    })
}

/// Runs scripts with everything they need.
pub struct Host {
    pub(in crate::script) engine: Rc<Engine>,
    pub(in crate::script) inner: Rc<Inner>,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("script", &self.inner.with.script).finish_non_exhaustive()
    }
}

impl Program {
    /// Returns a function to call, if the script only defines functions, so that running it does nothing.
    pub fn uncalled(&self) -> Option<String> {
        let does_something = |statement: &Stmt| match statement {
            Stmt::Noop(_) | Stmt::Import(..) | Stmt::Export(..) => false,
            Stmt::Var(variable, ..) => !variable.1.is_constant(),
            _ => true,
        };
        if self.ast.statements().iter().any(does_something) {
            return None;
        }

        let mut functions: Vec<&str> = self
            .ast
            .iter_functions()
            .filter(|function| function.params.is_empty() && !names_closure(function.name))
            .map(|function| function.name)
            .collect();
        functions.sort_by_key(|name| (*name != "main", *name));
        functions.first().map(|name| (*name).to_owned())
    }

    /// Returns its parameters and those of what it imports, each once; `None` if the name of one is computed.
    pub fn parameters(&self) -> Option<&[ScriptParameter]> {
        self.parameters.as_deref()
    }

    /// Takes those out of the parameters of a recorded run that the script no longer has, and says of each that its
    /// value is not used. Nothing is said of what is given again: that it is unknown is an error of its own.
    pub fn drop_removed(
        &self,
        recorded: &mut Map<String, Value>,
        given: &Map<String, Value>,
        (script, run): (&Path, &RunId),
    ) -> Vec<String> {
        let Some(known) = self.parameters() else { return Vec::new() };
        let is_known = |name: &String| known.iter().any(|parameter| parameter.name == *name);
        let removed: Vec<String> =
            recorded.keys().filter(|name| !is_known(name)).cloned().collect();
        recorded.retain(|name, _| is_known(name));

        let script = shown_path(script);
        let told = |name: &String| {
            format!(
                "`{script}` no longer has the parameter `{name}`: its value from run {run} is not used"
            )
        };
        removed.iter().filter(|name| !given.contains_key(*name)).map(told).collect()
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
        let read = self.engine.compile_with_scope(&constants(), &*text);
        read.is_ok_and(|ast| check::asks_without_limit(&ast))
    }

    /// Returns what a script names literally and needs a grant for that nobody has given, and that nobody can
    /// be asked for.
    pub fn missing_grants(&self, program: &Program) -> Vec<Diagnostic> {
        let name = self.inner.script_name();
        api::missing_grants(&self.inner, &program.ast, (&name, &program.text))
    }

    /// Returns the models that a script certainly asks after another call, and that are not set up.
    pub fn unset_models(&self, program: &Program) -> Vec<Diagnostic> {
        let name = self.inner.script_name();
        api::unset_models(&self.inner, &program.ast, (&name, &program.text))
    }

    /// Returns what the script was not granted first, and how to grant it.
    pub fn refused(&self) -> Option<String> {
        self.inner.with.permissions.refused()
    }

    /// Creates a host.
    pub fn new(with: Surroundings) -> Host {
        Host::with_words(with, &HostWords::default()).expect("no word is none that is known")
    }

    /// Creates a host whose scripts have words of the embedding program besides. The error is a name that
    /// scripts know already.
    pub fn with_words(mut with: Surroundings, words: &HostWords) -> Result<Host, String> {
        if let Some((_, writer)) = &with.store {
            with.print = once_kept(&with.executor, writer, with.print);
            with.say = once_kept(&with.executor, writer, with.say);
        }

        // A denial holds for the models as for the script itself.
        with.models.deny(with.permissions.denials());
        let inner = Inner::new(with);

        let mut engine = Engine::new();
        engine.set_strict_variables(true);
        // What an optimizer takes away cannot be checked.
        engine.set_optimization_level(rhai::OptimizationLevel::None);
        limits::apply(&mut engine, &inner.limits);

        engine.set_module_resolver(modules::Resolver::new(&inner));
        language::register(&mut engine, &inner.limits);
        map_access::register(&mut engine);
        api::register(&mut engine, &inner);
        stdlib::register(&mut engine, &inner);
        host_word::register(&mut engine, &inner, words)?;

        let engine = Rc::new(engine);
        // A weak one, so that the two do not hold each other.
        inner.engine.replace(Rc::downgrade(&engine));
        Ok(Host { engine, inner })
    }

    /// Reads a script and checks what can be checked before it runs.
    pub fn compile(&self, text: &str) -> Result<Program, ScriptError> {
        let text = source::plain(text);
        let CheckedScript { ast, imports, faults: found } = self.read(&text);
        let (faults, warnings): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|found| found.level == Severity::Error);

        match ast {
            Some(ast) if faults.is_empty() => {
                self.inner.captures.add(&ast, Follows::Nothing);
                let parameters = parameter::parameters(&ast, &imports);
                Ok(Program { ast, text: text.into_owned(), parameters, warnings })
            }
            _ => Err(ScriptError::Refused(faults)),
        }
    }

    /// Finds everything that is wrong with a script, or seems to be.
    pub fn check(&self, text: &str) -> Vec<Diagnostic> {
        self.read(&source::plain(text)).faults
    }

    /// Finds the same of another script of the project, whose text and imports may not be saved yet.
    pub fn check_unsaved(
        &self,
        path: &Path,
        text: &str,
        unsaved: BTreeMap<PathBuf, String>,
    ) -> ScriptFindings {
        self.inner.files.borrow_mut().clear();
        self.inner.unsaved.replace(unsaved);
        let name = text_of(path);
        let found = self.read_as(&name, &source::plain(text)).faults;

        self.inner.unsaved.take();
        let files = self.inner.files.take().into_keys().collect();
        ScriptFindings { found, files }
    }

    fn read(&self, text: &str) -> CheckedScript {
        self.read_as(&self.inner.script_name(), text)
    }

    fn read_as(&self, name: &str, text: &str) -> CheckedScript {
        let mut read = check::read(&self.engine, &self.inner, name, text, constants());

        if let Some(ast) = &read.ast {
            let given = &self.inner.with.params;
            read.faults.extend(check_params((ast, &read.imports), given, name, text));
            read.faults.extend(test_functions::faults(ast, name, text));
            read.faults.extend(test_functions::unasserted(ast, name, text));
        }
        read
    }

    /// Runs a script to its end and returns its value. One whose last value is no data, such as a
    /// branch, has no value to show.
    pub async fn run(&self, program: &Program) -> Result<Value, ScriptError> {
        self.needs_nothing(program)?;
        let value = self.evaluate(program, Task::default()).await?;
        Ok(convert::to_value(&value).unwrap_or_else(|reason| {
            // A handle is the value of many last lines, and nobody expects to see one.
            if value.is_map() || value.is_array() || value.is_float() {
                (self.inner.with.say)(&format!("the value of the script is not shown: {reason}"));
            }
            Value::Null
        }))
    }

    /// Runs a script on behalf of an operation, if there is one. Its value is an answer, or a
    /// judgement of one, so it has to be data.
    pub async fn run_within(
        &self,
        program: &Program,
        scope: Option<Rc<scope::Scope>>,
    ) -> Result<Value, ScriptError> {
        self.needs_nothing(program)?;
        let value = self.evaluate(program, scope.map(Task::of).unwrap_or_default()).await?;
        convert::to_value(&value).map_err(|reason| {
            let name = self.inner.script_name();
            let message = format!("the value of `{name}` must be plain data: {reason}");
            let shown = Diagnostic::new(Kind::Script.code(), message.clone());
            ScriptError::Failed(Box::new((Failure::new(Kind::Script, message), shown)))
        })
    }

    /// Fails if a parameter is missing that the script will ask for: before it pays for anything.
    fn needs_nothing(&self, program: &Program) -> Result<(), ScriptError> {
        let name = self.inner.script_name();
        let place = (name.as_str(), program.text.as_str());
        let missing = parameter::missing_parameter(&program.ast, &self.inner.with.params, place);
        missing.map_or(Ok(()), |shown| {
            let mut failure = Failure::new(Kind::Param, shown.message.clone());
            failure.place.clone_from(&shown.place);
            Err(ScriptError::Failed(Box::new((failure, shown))))
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
    pub(in crate::script) async fn perform(
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
            task::suspend_all(&self.inner);
        } else {
            task::end_all(&self.inner);
        }
        // A journal that cannot be written ends the run, whatever the script made of it.
        let _ = self.inner.settle_known();
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
        self.inner.keep_text(self.inner.script_name(), &program.text);
        self.inner.newest.replace(Some(Rc::new(offered(&program.ast))));
    }

    /// Ends what the script has left running, after its own run was given up.
    pub fn end(&self) {
        task::end_all(&self.inner);
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
    pub fn reference(&self) -> Vec<WordEntry> {
        entry::reference(&self.engine, &self.inner)
    }

    /// Returns the words that can be typed: those of the reference, and the methods of the language's own
    /// types.
    pub fn words(&self, reference: &[WordEntry]) -> Vec<Word> {
        let mut words = completion::words(reference);
        words.extend(completion::standard(&self.engine, reference));
        words
    }

    /// Returns the keys of the options that a function takes; none if it takes none.
    pub fn option_keys(&self, function: &str) -> Vec<String> {
        let own = options::known(function);
        let own = own.map(|keys| keys.into_iter().map(str::to_owned).collect());
        own.or_else(|| self.inner.stdlib_options(&self.engine, function).map(|known| known.names))
            .unwrap_or_default()
    }
}

/// Returns the hashes of files by their paths in a folder; those that could not be read have none.
pub fn file_hashes(
    root: &Path,
    files: BTreeMap<PathBuf, Option<blake3::Hash>>,
) -> BTreeMap<String, String> {
    let each = files.into_iter().filter_map(|(path, hash)| {
        let path = path.strip_prefix(root).map_or(path.as_path(), |inside| inside);
        Some((text_of(path), hash?.to_hex()[..16].to_owned()))
    });
    each.collect()
}
