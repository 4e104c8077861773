//! Imports: only files that may be read, never in a circle, each read once.
use crate::base::failure::Kind;
use crate::base::path_text::path_of;
use crate::script::host::captures::Follows;
use crate::script::host::constants::constants;
use crate::script::host::context::Inner;
use crate::script::host::error::{EvalError, throw, throw_new};
use crate::script::host::files::{self, shown};
use crate::script::host::home::{self, Constants, Home};
use crate::script::host::right::{Right, Target};
use crate::script::host::rule::is_hidden;
use crate::script::host::source;
use crate::script::lexer::names_closure;
use rhai::{
    AST, Dynamic, Engine, EvalAltResult, FnAccess, FnNamespace, FuncRegistration, ImmutableString,
    Module, ModuleResolver, Position, ScriptFuncDef, Shared,
};
use std::any::TypeId;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};

/// Reads what scripts import.
pub(in crate::script) struct Resolver {
    host: Weak<Inner>,
    loaded: RefCell<HashMap<PathBuf, Shared<Module>>>,
    /// The imports under way, outermost first.
    open: RefCell<Vec<PathBuf>>,
}

impl Resolver {
    pub(in crate::script) fn new(host: &Rc<Inner>) -> Resolver {
        let loaded = RefCell::default();
        let open = RefCell::default();
        Resolver { host: Rc::downgrade(host), loaded, open }
    }

    fn load(
        &self,
        engine: &Engine,
        source: Option<&str>,
        path: &str,
    ) -> Result<Shared<Module>, EvalError> {
        let Some(host) = self.host.upgrade() else {
            return Err(throw_new(Kind::Import, "the host of this script is gone"));
        };

        let from = source.map_or_else(|| host.with.script.clone(), path_of);
        let file = locate(&host, from.parent().unwrap_or(Path::new(".")), path)?;
        if let Some(module) = self.loaded.borrow().get(&file) {
            return Ok(module.clone());
        }

        if let Some(at) = self.open.borrow().iter().position(|open| *open == file) {
            let open = self.open.borrow();
            let chain: Vec<String> =
                open[at..].iter().map(|p| format!("`{}`", p.display())).collect();
            let message = format!("circular imports: {} -> `{path}`", chain.join(" -> "));
            return Err(throw_new(Kind::Import, message));
        }

        let text = files::read(&file).map_err(|e| {
            host.depends_on_unread(&file);
            throw_new(Kind::Import, format!("importing `{path}`: {e}"))
        })?;
        host.depends_on(&file, Some(text.as_bytes()));

        let text = source::plain(&text);
        let mut ast = engine.compile_with_scope(&constants(), &*text)?;
        ast.set_source(shown(&file));
        host.imported.borrow_mut().insert(shown(&file));
        host.keep_text(shown(&file), &text);
        host.captures.add(&ast, Follows::Nothing);

        // It counts as open while it is evaluated, so that a circle is found.
        self.open.borrow_mut().push(file.clone());
        let module = evaluated(engine, &ast, FnNamespace::Internal);
        self.open.borrow_mut().pop();
        let module: Shared<Module> = module?.into();
        self.loaded.borrow_mut().insert(file, module.clone());
        Ok(module)
    }
}

/// Evaluates a file and makes a module of what it offers: its functions, which run at home wherever
/// they are called, and what it exports.
pub(in crate::script) fn evaluated(
    engine: &Engine,
    ast: &AST,
    namespace: FnNamespace,
) -> Result<Module, EvalError> {
    let (home, scope) = Home::evaluate(engine, ast, Constants::new())?;

    let mut module = Module::new();
    for (name, import) in home.imports() {
        module.set_sub_module(name.as_str(), import.clone());
    }
    for (_, mut value, exports) in scope {
        home.settle(&mut value);
        for name in exports {
            module.set_var(name.as_str(), value.clone());
        }
    }

    let is_offered = |function: &&Shared<ScriptFuncDef>| {
        function.access == FnAccess::Public && !names_closure(&function.name)
    };
    for function in ast.iter_fn_def().filter(is_offered) {
        offer(&mut module, &home, function, namespace);
    }

    if let Some(source) = ast.source() {
        module.set_id(source);
    }
    module.build_index();
    Ok(module)
}

/// Adds a function to what a module offers.
fn offer(module: &mut Module, home: &Rc<Home>, function: &ScriptFuncDef, namespace: FnNamespace) {
    // A function of a type is a method of its values everywhere.
    let is_method = function.this_type.is_some();
    let this = is_method.then_some("this");

    let params: Vec<&str> =
        this.into_iter().chain(function.params.iter().map(ImmutableString::as_str)).collect();
    let namespace = if is_method { FnNamespace::Global } else { namespace };
    let types = vec![TypeId::of::<Dynamic>(); params.len()];
    let home = home.clone();
    let own = move |_: &Engine| Ok(home.clone());

    FuncRegistration::new(function.name.as_str())
        .with_namespace(namespace)
        .with_params_info(params)
        .with_comments(function.comments.iter())
        .set_into_module_raw(module, types, home::offered(&function.name, is_method, own));
}

impl ModuleResolver for Resolver {
    fn resolve(
        &self,
        engine: &Engine,
        source: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        self.load(engine, source, path).map_err(|mut error| {
            error.set_position(position);
            error
        })
    }
}

/// Finds a file that a script imports.
pub(in crate::script) fn locate(
    host: &Inner,
    folder: &Path,
    path: &str,
) -> Result<PathBuf, EvalError> {
    let has_ending = Path::new(path).extension().is_some_and(|ending| ending == "rhai");
    let named = if has_ending { path.to_owned() } else { format!("{path}.rhai") };
    let wanted = in_folder(folder, &named);

    let root = files::real(&host.with.root);
    let permit = |path: &Path| {
        // What is hidden is no part of the script; as with other reads, it needs a grant.
        let is_part = path.strip_prefix(&root).is_ok_and(|rest| !is_hidden(rest));
        if is_part && !host.with.permissions.denies(Right::Read, path) {
            return Ok(());
        }
        permit(host, Right::Read, path, &named)
    };

    permit(&wanted)?;
    // Where links lead is looked at first, so that nobody learns what there is elsewhere.
    permit(&files::real(&wanted))?;
    let found = existing(host, folder, &wanted, &named)?;
    permit(&found)?;
    Ok(found)
}

/// Finds a file that a script names and may read. Its path is resolved, so that what was looked at
/// is what is opened.
pub(in crate::script) fn find(
    host: &Inner,
    folder: &Path,
    named: &str,
) -> Result<PathBuf, EvalError> {
    let wanted = in_folder(folder, named);
    permit(host, Right::Read, &wanted, named)?;
    // Where links lead is looked at first, so that nobody learns what there is elsewhere.
    permit(host, Right::Read, &files::real(&wanted), named)?;

    let found = existing(host, folder, &wanted, named)?;
    permit(host, Right::Read, &found, named)?;
    Ok(found)
}

/// Resolves a path whose file has to be there.
fn existing(host: &Inner, folder: &Path, wanted: &Path, named: &str) -> Result<PathBuf, EvalError> {
    wanted.canonicalize().map_err(|e| {
        host.depends_on(wanted, None);
        let reason = match e.kind() {
            std::io::ErrorKind::NotFound => "no such file".to_owned(),
            _ => e.to_string(),
        };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        throw_new(Kind::File, format!("`{named}` (looked for in `{}`): {reason}", folder.display()))
    })
}

/// Finds the place of a file that a script names, for what it wants to do there; the file need not
/// exist yet.
pub(in crate::script) fn find_place(
    host: &Inner,
    right: Right,
    folder: &Path,
    named: &str,
) -> Result<PathBuf, EvalError> {
    let wanted = in_folder(folder, named);
    let Some(name) = wanted.file_name().filter(|_| !named.ends_with('/')) else {
        return Err(throw_new(Kind::File, format!("`{named}` names no file")));
    };

    permit(host, right, &wanted, named)?;
    let place = files::real(wanted.parent().unwrap_or(Path::new("/"))).join(name);
    permit(host, right, &place, named)?;
    Ok(place)
}

/// Accepts that a file is read at a place, wherever a link leads from there.
pub(in crate::script) fn permit_reading(
    host: &Inner,
    place: &Path,
    named: &str,
) -> Result<(), EvalError> {
    permit(host, Right::Read, &files::real(place), named)
}

/// Returns the paths that have to be granted for a file: as it is named, and where links lead.
pub(in crate::script) fn ways_to(folder: &Path, named: &str) -> [PathBuf; 2] {
    let wanted = in_folder(folder, named);
    let real = files::real(&wanted);
    [wanted, real]
}

/// Returns a path without `.` and `..`; the folder's own links are resolved, those in the name are
/// not.
fn in_folder(folder: &Path, named: &str) -> PathBuf {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    files::plain(&files::real(&folder).join(named))
}

fn permit(host: &Inner, right: Right, path: &Path, named: &str) -> Result<(), EvalError> {
    let demanded = host.with.permissions.demand(right, &Target::Path(path), named);
    demanded.map_err(|failure| throw(&failure))
}
