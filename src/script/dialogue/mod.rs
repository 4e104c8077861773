//! A REPL session as the script floor sees it: inputs are evaluated one after the other and share
//! variables, functions and imports. An input that fails or is interrupted keeps the changes it has
//! made to variables so far.
//!
//! In this room: evaluation, line numbers across inputs (`source_map.rs`), undoing what a planned input
//! changed (`undo.rs`), and values as text (`display.rs`). Not here: the line editor and the
//! `:commands` (`cli/command/repl/`). Start with `Dialogue::eval`.

pub mod display;
pub(in crate::script) mod source_map;
pub(in crate::script) mod undo;

pub use crate::script::host::context::dialogue_source as source;

use crate::base::failure::{Failure, Kind};
use crate::base::path_text::path_of;
use crate::base::strand::Strand;
use crate::executor::Executor;
use crate::script::api::state::{is_computed, offered};
use crate::script::api::{WordEntry, task};
use crate::script::check;
use crate::script::check::checker::Earlier;
use crate::script::check::parameter::check_params;
use crate::script::diagnostic::{self, Diagnostic, Severity};
use crate::script::dialogue::display::DisplayValue;
use crate::script::dialogue::source_map::{INPUT, Transcript};
use crate::script::dialogue::undo::UndoGuard;
use crate::script::host::captures::Follows;
use crate::script::host::constants::constants;
use crate::script::host::context::Inner;
use crate::script::host::home::{self, Constants};
use crate::script::host::tasks::{self, Task};
use crate::script::host::{convert, source};
use crate::script::lexer::{EARLIER_MAX, name_of, names_closure};
use crate::script::program::{Host, ScriptError};
use crate::script::reference::completion::{self, Word};
use rhai::{AST, ASTFlags, Dynamic, Expr, Map, Scope, Stmt};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The variable that holds the last failure.
const LAST_FAILURE: &str = "_err";

/// A variable, for lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// The word for the type of its value.
    pub kind: String,
}

/// What an input gave.
#[derive(Debug, Clone, PartialEq)]
pub struct InputResult {
    /// The value.
    pub value: DisplayValue,
    /// The variable that the input defined last, if its value is the value of that.
    pub defined: Option<String>,
}

/// An evaluation that is prepared.
struct PreparedInput {
    /// Everything that it can call, and what it does.
    ast: AST,
    /// Its own functions and closures.
    own: AST,
    /// The variable that the last statement defines.
    defines: Option<String>,
}

/// A dialogue.
pub struct Dialogue {
    host: Host,
    scope: Rc<RefCell<Scope<'static>>>,
    /// The constants of loaded files, which their functions see as `global::NAME`.
    constants: Rc<RefCell<Constants>>,
    /// Functions and closures that were typed.
    typed: AST,
    /// Functions of files, in the order in which they were loaded.
    loaded: Vec<(PathBuf, AST)>,
    /// Imports so far: the name, and the statement.
    imports: Vec<(String, String)>,
    transcript: Transcript,
    /// The strand of which each input is a part.
    strand: Rc<Strand>,
    /// What seemed wrong and was not told yet.
    warnings: Vec<Diagnostic>,
}

impl std::fmt::Debug for Dialogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialogue").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Dialogue {
    /// Begins a dialogue. The host's script is what `source` gives.
    pub fn new(host: Host) -> Dialogue {
        let mut scope = constants();
        for n in 0..=EARLIER_MAX {
            scope.push_dynamic(name_of(n), Dynamic::UNIT);
        }
        scope.push_dynamic(LAST_FAILURE, Dynamic::UNIT);

        let transcript = Transcript::new(host.inner.script_name());
        let scope = Rc::new(RefCell::new(scope));
        let typed = AST::empty();

        Dialogue {
            host,
            scope,
            constants: Rc::default(),
            typed,
            loaded: Vec::new(),
            imports: Vec::new(),
            transcript,
            strand: Strand::root(),
            warnings: Vec::new(),
        }
    }

    /// Starts to count operations again from 0, and listens to this flag from now on.
    pub fn renew(&self, interrupted: Arc<AtomicBool>) {
        self.host.inner.limits.renew(interrupted);
    }

    /// Sets the most operations of an input.
    pub fn set_operations_max(&self, operations_max: u64) {
        self.host.inner.limits.allow(operations_max);
    }

    /// Sets whether what the demo model does counts as experience.
    pub fn set_learn_from_demo(&self, counts: bool) {
        self.host.inner.learn_from_demo.set(counts);
    }

    /// Evaluates an input. Dropping the future gives it up.
    pub async fn eval(&mut self, text: &str) -> Result<InputResult, ScriptError> {
        let result = self.eval_input(text).await;
        if let Err(error) = &result {
            self.remember_failure(error);
        }
        result
    }

    async fn eval_input(&mut self, text: &str) -> Result<InputResult, ScriptError> {
        self.transcript.close();
        let input = self.prepare(text)?;

        self.typed = self.typed.merge(&input.own);
        let value = self.evaluate(&input.ast, self.scope.clone()).await?;
        self.keep_imports(&input.ast, None);

        let value = match &input.defines {
            Some(name) => self.scope.borrow().get_value(name).unwrap_or(Dynamic::UNIT),
            None => value,
        };

        let value = value.flatten();
        let shown = display::shown(&self.host.engine, &value);
        if !value.is_unit() {
            self.remember(value);
        }

        Ok(InputResult { value: shown, defined: input.defines })
    }

    /// Evaluates an input without asking a model or changing anything: everything goes through
    /// `executor`, which plans.
    pub async fn rehearse(
        &mut self,
        text: &str,
        executor: Rc<Executor>,
    ) -> Result<(), ScriptError> {
        self.transcript.close();
        let input = self.prepare(text)?;
        let scope = self.scope.borrow().clone();
        let _rehearsal = PlanningTime::begin(&self.host.inner, &scope, executor);
        self.evaluate(&input.ast, Rc::new(RefCell::new(scope))).await.map(|_| ())
    }

    /// Takes the functions and imports of a file; what it does besides is left out. The functions
    /// that it gave before are replaced.
    pub fn load(&mut self, text: &str, file: &Path) -> Result<(), ScriptError> {
        let known = self.functions_without(file);
        let ast = self.compile(text, &file.display().to_string(), "", &constants(), &known)?;

        let own = ast.clone_functions_only();
        let names: BTreeSet<(String, usize)> = own
            .iter_functions()
            .map(|function| (function.name.to_owned(), function.params.len()))
            .collect();
        // A function of the file replaces one of the same form that was typed.
        self.typed.retain_functions(|_, _, name, count| !names.contains(&(name.to_owned(), count)));

        self.keep_imports(&ast, file.parent());
        self.keep_constants(&ast)?;

        match self.loaded.iter_mut().find(|(path, _)| path == file) {
            Some((_, old)) => {
                // Values may still hold closures of the version before.
                let mut closures = old.clone_functions_only();
                closures.retain_functions(|_, _, name, _| names_closure(name));
                self.typed = closures.merge(&self.typed);
                *old = own;
            }
            None => self.loaded.push((file.to_owned(), own)),
        }

        Ok(())
    }

    /// Takes the functions of the script that the dialogue is about, and checks the parameters.
    pub fn load_script(&mut self, text: &str, file: &Path) -> Result<(), ScriptError> {
        let name = file.display().to_string();
        let plain = source::plain(text);

        let host = &self.host;
        let read = check::read(&host.engine, &host.inner, &name, &plain, constants());
        if let Some(ast) = &read.ast {
            let given = &host.inner.with.params;
            let faults = check_params((ast, &read.imports), given, &name, &plain);
            if !faults.is_empty() {
                return Err(ScriptError::Refused(faults));
            }
        }
        self.load(text, file)
    }

    /// Tells whether files have given functions that can be called.
    pub fn has_functions(&self) -> bool {
        let each = self.loaded.iter().flat_map(|(_, ast)| ast.iter_functions());
        let mut named = each.filter(|function| !names_closure(function.name));
        named.next().is_some()
    }

    /// Takes what seemed wrong with inputs and files since the last time.
    pub fn take_warnings(&mut self) -> Vec<Diagnostic> {
        std::mem::take(&mut self.warnings)
    }

    /// Ends what is still running.
    pub fn end(&self) {
        self.host.end();
    }

    /// Goes on with what is still running, until this is dropped.
    pub async fn idle(&self) {
        self.host.idle().await;
    }

    /// Tells how many tasks are under way.
    pub fn tasks(&self) -> usize {
        task::count(&self.host.inner)
    }

    fn functions_without(&self, file: &Path) -> AST {
        let others = self.loaded.iter().filter(|(path, _)| path != file);
        others.fold(AST::empty(), |all, (_, one)| all.merge(one)).merge(&self.typed)
    }

    fn prepare(&mut self, text: &str) -> Result<PreparedInput, ScriptError> {
        let known = self.functions_without(Path::new(""));
        let imports: String = self.imports.iter().map(|(_, import)| import.as_str()).collect();
        let scope = names(&self.scope.borrow());
        let ast = self.compile(text, INPUT, &imports, &scope, &known)?;

        let defines = match ast.statements().last() {
            Some(Stmt::Var(both, ..)) => Some(both.0.name.to_string()),
            _ => None,
        };

        let own = ast.clone_functions_only();
        let mut ast = known.merge(&ast);
        ast.set_source(self.host.inner.script_name());

        Ok(PreparedInput { ast, own, defines })
    }

    /// Compiles a text and checks what can be checked before it is evaluated.
    fn compile(
        &mut self,
        text: &str,
        file: &str,
        imports: &str,
        scope: &Scope,
        known: &AST,
    ) -> Result<AST, ScriptError> {
        let engine = &self.host.engine;
        let name = self.host.inner.script_name();
        let legal = self.transcript.add(file, &source::plain(text), imports);
        let all = self.transcript.text();

        let mut ast = engine.compile_with_scope(scope, &legal).map_err(|error| {
            let fault = diagnostic::of_parse(engine, &name, all, &error);
            ScriptError::Refused(vec![self.transcript.localise_fault(fault)])
        })?;

        ast.set_source(name.as_str());

        let of = if file == INPUT { path_of(&name) } else { PathBuf::from(file) };
        let at = (name.as_str(), of.parent().unwrap_or(Path::new(".")));

        let variables: Vec<(String, String)> = if file == INPUT {
            self.variables().into_iter().map(|variable| (variable.name, variable.kind)).collect()
        } else {
            Vec::new()
        };

        let earlier = Earlier { functions: known, variables: &variables };
        let found = check::compiled(engine, &self.host.inner, at, all, &ast, earlier);
        let found = found.into_iter().map(|fault| self.transcript.localise_fault(fault));

        let (faults, warnings): (Vec<_>, Vec<_>) =
            found.partition(|found| found.level == Severity::Error);
        self.warnings.extend(warnings);
        if !faults.is_empty() {
            return Err(ScriptError::Refused(faults));
        }

        self.host.inner.captures.add(&ast, Follows::Inputs);
        Ok(ast)
    }

    /// Evaluates what is prepared on a fiber of its own.
    async fn evaluate(
        &self,
        ast: &AST,
        scope: Rc<RefCell<Scope<'static>>>,
    ) -> Result<Dynamic, ScriptError> {
        let inner = &self.host.inner;
        inner.newest.replace(Some(Rc::new(offered(ast))));

        let engine = self.host.engine.clone();
        let ast = ast.clone();
        // Functions see the constants of files, and over them those that were typed.
        let mut constants = self.constants.borrow().clone();
        let of_scope: Vec<_> = scope
            .borrow()
            .iter_raw()
            .filter(|(_, is_constant, _)| *is_constant)
            .map(|(name, _, value)| (name.into(), value.clone()))
            .collect();
        constants.extend(of_scope.into_iter().rev());

        let constants = Rc::new(RefCell::new(constants));
        // The scope stays borrowed until the fiber has ended or been unwound.
        let function = move || {
            home::eval(&engine, &ast, &mut scope.borrow_mut(), constants).map(|(value, _)| value)
        };

        let task = Task::default().on(self.strand.next());
        let result = inner.executor().drive(tasks::start(task, function)).await;

        if let Some(store) = inner.broken.take() {
            return Err(ScriptError::Store(store));
        }

        result.map_err(|mut raised| {
            self.transcript.localise_error(&mut raised);

            let mut failure = inner.failure_in(&raised, INPUT);
            if let Some(place) = &mut failure.place {
                self.transcript.localise_place(place);
            }

            let mut shown = diagnostic::of_run(&self.host.engine, INPUT, "", &raised, &failure);
            self.transcript.show_text(&mut shown);
            ScriptError::Failed(Box::new((failure, shown)))
        })
    }

    /// Keeps imports for further inputs. Those of a file are relative to its folder.
    fn keep_imports(&mut self, ast: &AST, folder: Option<&Path>) {
        for statement in ast.statements() {
            let Stmt::Import(both, _) = statement else { continue };
            let (Expr::StringConstant(path, _), alias) = (&both.0, both.1.name.as_str()) else {
                continue;
            };

            let own = Path::new(&self.host.inner.with.script).parent().map(Path::to_owned);
            let path = match folder.filter(|folder| Some(*folder) != own.as_deref()) {
                Some(folder) => {
                    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
                    whole.join(path.as_str()).display().to_string()
                }
                None => path.to_string(),
            };

            if alias.is_empty() {
                continue;
            }
            self.imports.retain(|(name, _)| name != alias);
            self.imports.push((alias.to_owned(), format!("import {path:?} as {alias}; ")));
        }
    }

    /// Keeps the constants of a file that its functions see, as far as they only have to be computed.
    fn keep_constants(&self, ast: &AST) -> Result<(), ScriptError> {
        let is_kept = |statement: &&Stmt| match statement {
            Stmt::Var(variable, flags, _) => {
                flags.contains(ASTFlags::CONSTANT) && is_computed(&variable.1)
            }
            _ => false,
        };

        let statements: Vec<Stmt> = ast.statements().iter().filter(is_kept).cloned().collect();
        let constants = AST::new(statements, ast.shared_lib().clone());
        let engine = &self.host.engine;
        let scope = &mut Scope::new();
        let kept = home::eval(engine, &constants, scope, self.constants.clone());

        kept.map(drop).map_err(|raised| {
            let failure = self.host.inner.failure_in(&raised, INPUT);
            let shown = diagnostic::of_run(&self.host.engine, INPUT, "", &raised, &failure);
            ScriptError::Failed(Box::new((failure, shown)))
        })
    }

    /// Makes a value the last one, and the last one the one before.
    fn remember(&self, value: Dynamic) {
        let mut scope = self.scope.borrow_mut();
        for n in (0..EARLIER_MAX).rev() {
            let newer = scope.get_mut(&name_of(n)).map(std::mem::take).unwrap_or_default();
            set(&mut scope, &name_of(n + 1), newer);
        }
        set(&mut scope, &name_of(0), value);
    }

    fn remember_failure(&self, error: &ScriptError) {
        let failure = match error {
            ScriptError::Refused(faults) => {
                let messages: Vec<&str> = faults.iter().map(|f| f.message.as_str()).collect();
                Failure::new(Kind::Script, messages.join("; "))
            }
            ScriptError::Failed(both) => both.0.clone(),
            ScriptError::Store(_) | ScriptError::Suspended(_) => return,
        };

        let map = convert::from_value(failure.to_value());
        // After a future was dropped in the middle of a poll the scope is free again.
        set(&mut self.scope.borrow_mut(), LAST_FAILURE, map);
    }

    /// Returns the variables, the newest last.
    pub fn variables(&self) -> Vec<Variable> {
        let scope = self.scope.borrow();
        let mut found: Vec<Variable> = Vec::new();
        let hidden = constants().iter().count() + EARLIER_MAX + 2;

        // The newest come first, and hide older ones of the same name.
        for (name, _, value) in scope.iter_raw().take(scope.len().saturating_sub(hidden)) {
            if found.iter().all(|variable| variable.name != name) {
                let kind = display::kind(&self.host.engine, value);
                found.push(Variable { name: name.to_owned(), kind });
            }
        }

        found.reverse();
        found
    }

    /// Returns the value of a variable, `_` and `_1` included.
    pub fn value(&self, name: &str) -> Option<DisplayValue> {
        self.get(name).map(|value| display::shown(&self.host.engine, &value))
    }

    /// Returns the word for the type of a variable.
    pub fn kind(&self, name: &str) -> Option<String> {
        self.get(name).map(|value| display::kind(&self.host.engine, &value))
    }

    /// Draws the graph in a variable.
    pub fn drawing(&self, name: &str) -> Option<Result<String, String>> {
        self.get(name).map(|value| display::drawing(&value))
    }

    fn get(&self, name: &str) -> Option<Dynamic> {
        let (legal, _) = crate::script::lexer::legal(name);
        let scope = self.scope.borrow();
        let value = scope.get(&legal).filter(|_| !constants().contains(name));
        value.map(Dynamic::flatten_clone)
    }

    /// Returns the methods that the language has for its own types, beside the words of kaizen.
    pub fn standard_words(&self, reference: &[WordEntry]) -> Vec<Word> {
        completion::standard(&self.host.engine, reference)
    }

    /// Returns the functions that were typed or loaded.
    pub fn own_words(&self) -> Vec<Word> {
        completion::own(&self.functions_without(Path::new("")))
    }

    /// Returns the reference of everything that can be called.
    pub fn reference(&self) -> Vec<WordEntry> {
        self.host.reference()
    }
}

/// Returns what a compilation has to know of variables: their names, and the values of constants.
fn names(scope: &Scope) -> Scope<'static> {
    let mut names = Scope::new();

    let variables: Vec<(&str, bool, &Dynamic)> = scope.iter_raw().collect();

    for (name, is_constant, value) in variables.into_iter().rev() {
        if is_constant {
            names.push_constant_dynamic(name.to_owned(), value.clone());
        } else {
            names.push_dynamic(name.to_owned(), Dynamic::UNIT);
        }
    }

    names
}

fn set(scope: &mut Scope, name: &str, value: Dynamic) {
    match scope.get_mut(name) {
        Some(place) => *place = value,
        None => {
            scope.push_dynamic(name.to_owned(), value);
        }
    }
}

/// The time in which everything is only planned.
struct PlanningTime {
    inner: Rc<Inner>,
    state: Map,
    _snapshot: UndoGuard,
}

impl PlanningTime {
    fn begin(inner: &Rc<Inner>, scope: &Scope, executor: Rc<Executor>) -> PlanningTime {
        let state = inner.with.state.content();
        let inner = inner.clone();
        inner.plan.replace(Some(executor));
        PlanningTime { inner, state, _snapshot: UndoGuard::of(scope) }
    }
}

impl Drop for PlanningTime {
    fn drop(&mut self) {
        self.inner.plan.take();
        self.inner.with.state.put_back(std::mem::take(&mut self.state));
    }
}

#[cfg(test)]
mod tests;
