//! What a script runs with (`Surroundings`), and what all its parts share while it runs (`Inner`).

use crate::base::failure::{Failure, Kind};
use crate::base::file;
use crate::base::path_text::text_of;
use crate::base::visible::indented;
use crate::executor::Executor;
use crate::executor::attempt::Stop;
use crate::mcp::Servers;
use crate::model::registry::Models;
use crate::optimizer::evidence::earlier::EarlierExecutions;
use crate::script::diagnostic::mismatch;
use crate::script::host::background::Background;
use crate::script::host::captures::Captures;
use crate::script::host::error::{self, EvalError};
use crate::script::host::handover::HandoverPlaces;
use crate::script::host::limits::ScriptLimits;
use crate::script::host::permission::Permissions;
use crate::script::host::snapshot::Test;
use crate::script::host::state::State;
use crate::script::host::stdlib::{LibraryOptions, StdlibFile};
use crate::store::StoreError;
use crate::store::writer::Writer;
use rhai::{AST, Engine};
use serde_json::{Map, Value};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
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
    pub(in crate::script) with: Surroundings,
    pub(in crate::script) engine: RefCell<Weak<Engine>>,
    /// Files that the script has read or imported.
    pub(in crate::script) files: RefCell<BTreeMap<PathBuf, Option<blake3::Hash>>>,
    /// The files of the standard library.
    pub(in crate::script) stdlib: Vec<Rc<StdlibFile>>,
    /// The names of the files that were imported, as errors show them.
    pub(in crate::script) imported: RefCell<BTreeSet<String>>,
    /// The captured variables that the code sets.
    pub(in crate::script) captures: Captures,
    /// Files that the script has written itself, on which it therefore does not depend.
    pub(in crate::script) written: RefCell<BTreeSet<PathBuf>>,
    /// The texts of the files whose code runs, by the names that errors show.
    pub(in crate::script) texts: RefCell<BTreeMap<String, Rc<str>>>,
    /// The hash of the script's text.
    pub(in crate::script) fingerprint: RefCell<String>,
    /// The functions that `hot` calls.
    pub(in crate::script) newest: RefCell<Option<Rc<AST>>>,
    /// Tasks that were started and not waited for.
    pub(in crate::script) background: RefCell<Vec<Rc<Background>>>,
    /// Why the run cannot continue, once that is so.
    pub(in crate::script) broken: RefCell<Option<StoreError>>,
    pub(in crate::script) limits: Rc<ScriptLimits>,
    /// Stands in for the executor while a line of a dialogue is only planned.
    pub(in crate::script) plan: RefCell<Option<Rc<Executor>>>,
    /// Whether what the demo model does counts as experience.
    pub(in crate::script) learn_from_demo: Cell<bool>,
    /// What a resumed run may record again, once it has an optimizer.
    pub(in crate::script) earlier: OnceCell<Rc<RefCell<EarlierExecutions>>>,
    /// Where functions were handed over.
    pub(in crate::script) places: HandoverPlaces,
    /// The test that is running, if one is.
    pub(in crate::script) test: RefCell<Option<Rc<Test>>>,
    /// Texts that checks read in the place of files: an editor has not saved them yet.
    pub(in crate::script) unsaved: RefCell<BTreeMap<PathBuf, String>>,
}

impl Inner {
    /// Creates what the parts of a script share, before its engine.
    pub(in crate::script) fn new(with: Surroundings) -> Rc<Inner> {
        let limits =
            ScriptLimits::new(with.operations_max, with.interrupted.clone(), with.executor.clone());
        let learn_from_demo = Cell::new(with.learn_from_demo);

        Rc::new(Inner {
            with,
            limits,
            plan: RefCell::default(),
            learn_from_demo,
            engine: RefCell::default(),
            files: RefCell::default(),
            stdlib: StdlibFile::all(),
            imported: RefCell::default(),
            texts: RefCell::default(),
            captures: Captures::default(),
            written: RefCell::default(),
            fingerprint: RefCell::default(),
            newest: RefCell::default(),
            background: RefCell::default(),
            broken: RefCell::default(),
            earlier: OnceCell::new(),
            places: HandoverPlaces::default(),
            test: RefCell::default(),
            unsaved: RefCell::default(),
        })
    }

    /// Returns the executor through which everything goes at this moment.
    pub(in crate::script) fn executor(&self) -> Rc<Executor> {
        self.plan.borrow().as_ref().unwrap_or(&self.with.executor).clone()
    }

    /// Tells whether a line of a dialogue is only planned, with the values of the real one.
    pub(in crate::script) fn is_rehearsing(&self) -> bool {
        self.plan.borrow().is_some()
    }

    pub(in crate::script) fn engine(&self) -> Result<Rc<Engine>, EvalError> {
        self.engine.borrow().upgrade().ok_or_else(|| error::terminate(Kind::Interrupted))
    }

    /// Returns the options of a function of the standard library, if it has some.
    pub(in crate::script) fn stdlib_options(
        &self,
        engine: &Engine,
        name: &str,
    ) -> Option<LibraryOptions> {
        self.stdlib.iter().find_map(|file| file.options(engine, name))
    }

    /// Returns the parameters of a function of the standard library.
    pub(in crate::script) fn stdlib_params(
        &self,
        name: &str,
        count: usize,
    ) -> Option<Vec<&'static str>> {
        self.stdlib.iter().find_map(|file| file.params(name, count))
    }

    /// Makes an error of a script of whatever stopped its work.
    pub(in crate::script) fn raise(&self, stop: Stop) -> EvalError {
        match stop {
            Stop::Failed(failure) => error::throw(&failure),
            Stop::Store(store) => {
                // The first error is the reason of those that follow.
                self.broken.borrow_mut().get_or_insert(store);
                error::terminate(Kind::Store)
            }
        }
    }

    /// Returns once everything that the script knows is kept, before something can be seen from outside.
    pub(in crate::script) fn settle_known(&self) -> Result<(), EvalError> {
        let Some((_, writer)) = &self.with.store else { return Ok(()) };
        self.with.executor.settle_known(writer).map_err(|error| self.raise(error.into()))
    }

    /// Makes a failure of what a script raised.
    pub(in crate::script) fn failure(&self, raised: &EvalError) -> Failure {
        self.failure_in(raised, &self.script_name())
    }

    /// Makes a failure of what a script raised that is known by another name.
    pub(in crate::script) fn failure_in(&self, raised: &EvalError, script: &str) -> Failure {
        let engine = self.engine.borrow().upgrade();
        let mut failure = error::failure(raised, script);
        let better = engine.and_then(|engine| mismatch::explain(&engine, error::innermost(raised)));
        if let Some(message) = better {
            failure.message = message;
        }

        failure
    }

    /// Keeps the text of a file whose code runs.
    pub(in crate::script) fn keep_text(&self, name: String, text: &str) {
        self.texts.borrow_mut().insert(name, text.into());
    }

    /// Notes that the script depends on a file, with its content as it was read; `None` if it
    /// could not be read.
    pub(in crate::script) fn depends_on(&self, path: &Path, content: Option<&[u8]>) {
        self.files.borrow_mut().insert(path.to_owned(), content.map(blake3::hash));
    }

    /// Notes that the script depends on a file that is there and could not be read as a text.
    pub(in crate::script) fn depends_on_unread(&self, path: &Path) {
        if path.is_file() {
            self.depends_on(path, file::read(path).ok().as_deref());
        }
    }

    /// Notes that the script writes a file.
    pub(in crate::script) fn wrote(&self, path: &Path) {
        self.written.borrow_mut().insert(path.to_owned());
    }

    /// Says something that people need to hear once.
    pub(in crate::script) fn note(&self, note: &str) {
        // What a plan does will be done again.
        if !self.executor().is_dry() && self.with.state.is_news(note) {
            (self.with.say)(&indented(note));
        }
    }

    /// Returns what the script, as it is, and the files that it has read so far are known by.
    pub(in crate::script) fn fingerprint(&self) -> String {
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

    /// Returns what the script is called in errors, which is also a text that leads back to its path.
    pub(in crate::script) fn script_name(&self) -> String {
        text_of(&self.with.script)
    }
}

/// The file that inputs of a dialogue seem to be in; what they import and read is named relative to its
/// folder.
pub fn dialogue_source(folder: &Path) -> PathBuf {
    folder.join("<repl>")
}
