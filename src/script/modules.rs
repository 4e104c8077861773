//! Imports: only files of the project, never in a circle, each read once.

use crate::script::Inner;
use crate::script::error::{Raised, throw_new};
use rhai::{Engine, EvalAltResult, Module, ModuleResolver, Position, Scope, Shared};
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};

/// Reads what scripts import.
pub(super) struct Resolver {
    host: Weak<Inner>,
    loaded: RefCell<HashMap<PathBuf, Shared<Module>>>,
    /// The imports under way, outermost first.
    open: RefCell<Vec<PathBuf>>,
}

impl Resolver {
    pub(super) fn new(host: &Rc<Inner>) -> Resolver {
        let (loaded, open) = (RefCell::default(), RefCell::default());
        Resolver { host: Rc::downgrade(host), loaded, open }
    }

    fn load(
        &self,
        engine: &Engine,
        source: Option<&str>,
        path: &str,
    ) -> Result<Shared<Module>, Raised> {
        let Some(host) = self.host.upgrade() else {
            return Err(throw_new("import", "the host of this script is gone"));
        };
        let from = source.map_or(host.with.script.as_path(), Path::new);
        let file = locate(&host, from.parent().unwrap_or(Path::new(".")), path)?;
        if let Some(module) = self.loaded.borrow().get(&file) {
            return Ok(module.clone());
        }
        if let Some(at) = self.open.borrow().iter().position(|open| *open == file) {
            let open = self.open.borrow();
            let chain: Vec<String> =
                open[at..].iter().map(|p| format!("`{}`", p.display())).collect();
            let message = format!("imports go in a circle: {} -> `{path}`", chain.join(" -> "));
            return Err(throw_new("import", message));
        }
        let text = std::fs::read_to_string(&file)
            .map_err(|e| throw_new("import", format!("importing `{path}`: {e}")))?;
        host.depends_on(&file, Some(text.as_bytes()));
        let mut ast = engine.compile_with_scope(&super::api::constants(), text)?;
        ast.set_source(shown(&file));
        self.open.borrow_mut().push(file.clone());
        let module = Module::eval_ast_as_new(Scope::new(), &ast, engine);
        self.open.borrow_mut().pop();
        let module: Shared<Module> = module?.into();
        self.loaded.borrow_mut().insert(file, module.clone());
        Ok(module)
    }
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
pub(super) fn locate(host: &Inner, folder: &Path, path: &str) -> Result<PathBuf, Raised> {
    let has_ending = Path::new(path).extension().is_some_and(|ending| ending == "rhai");
    let named = if has_ending { path.to_owned() } else { format!("{path}.rhai") };
    find(host, folder, &named)
}

/// Writes the path of a file as people know it: relative to the current folder if it lies there.
pub(super) fn shown(path: &Path) -> String {
    let here = Path::new(".").canonicalize().ok();
    let inside = here.and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    inside.unwrap_or_else(|| path.to_owned()).display().to_string()
}

/// Finds a file that a script names, and refuses one outside of the project's folder.
pub(super) fn find(host: &Inner, folder: &Path, named: &str) -> Result<PathBuf, Raised> {
    let wanted = folder.join(named);
    let found = wanted.canonicalize().map_err(|e| {
        host.depends_on(&std::path::absolute(&wanted).unwrap_or(wanted.clone()), None);
        let reason = match e.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            _ => e.to_string(),
        };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        throw_new("file", format!("`{named}` (looked for in `{}`): {reason}", folder.display()))
    })?;
    inside(host, &found, named)?;
    Ok(found)
}

/// Refuses a path outside of the project's folder.
pub(super) fn inside(host: &Inner, found: &Path, named: &str) -> Result<(), Raised> {
    let root = host.with.root.canonicalize().unwrap_or_else(|_| host.with.root.clone());
    if found.starts_with(&root) {
        return Ok(());
    }
    let root = root.display();
    Err(throw_new("permission", format!("`{named}` is outside of the project's folder `{root}`")))
}
