//! What the server knows: the open texts, and the project that each file belongs to.

use crate::cli::app::project::Project;
use crate::cli::command::check;
use crate::cli::command::lsp::document::{Document, DocumentKind};
use crate::cli::command::lsp::facts::StoreFacts;
use crate::cli::command::lsp::vocabulary::Vocabulary;
use crate::model::registry::Models;
use crate::script::editor::code::ScriptCode;
use crate::script::editor::names::{Binding, NameKind, NameTable};
use crate::script::editor::value::ValueScope;
use crate::script::host::files::plain;
use crate::script::{Host, ScriptFindings};
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::SystemTime;

/// When a file was written, and how long it is: one that differs has changed.
pub(super) type DiskStamp = Option<(SystemTime, u64)>;

/// Returns the stamp of a file.
pub(super) fn stamp(path: &Path) -> DiskStamp {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

/// A project with what its scripts are read with.
pub(super) struct OpenProject {
    pub(super) project: Project,
    pub(super) models: Rc<Models>,
    host: OnceCell<Rc<Host>>,
    settings: DiskStamp,
    facts: RefCell<Rc<StoreFacts>>,
}

impl OpenProject {
    /// Opens the project of a folder.
    fn open(root: &Path) -> anyhow::Result<OpenProject> {
        let project = Project::at(root)?;
        let models = Rc::new(project.models(0)?);
        let settings = stamp(&project.root.join("kaizen.toml"));
        let host = OnceCell::new();
        let facts = RefCell::default();
        Ok(OpenProject { project, models, host, settings, facts })
    }

    /// Returns what reads scripts.
    fn host(&self) -> anyhow::Result<Rc<Host>> {
        if let Some(host) = self.host.get() {
            return Ok(host.clone());
        }
        // It reads every script of the project, and needs the place of none.
        let any = self.project.root.join("_.rhai");
        let host = Rc::new(check::host(&self.project, &self.models, &any)?);
        Ok(self.host.get_or_init(|| host).clone())
    }

    /// Returns what the store tells, as it is now.
    pub(super) fn facts(&self) -> Rc<StoreFacts> {
        let now = StoreFacts::stamps(&self.project);
        if !self.facts.borrow().is_of(&now) {
            self.facts.replace(Rc::new(StoreFacts::read(&self.project, now)));
        }
        self.facts.borrow().clone()
    }
}

/// A script that is open, taken apart.
pub(super) struct OpenScript<'a> {
    pub(super) document: &'a Document,
    pub(super) code: ScriptCode<'a>,
    pub(super) names: NameTable,
}

impl<'a> OpenScript<'a> {
    pub(super) fn of(document: &'a Document) -> OpenScript<'a> {
        let code = ScriptCode::of(&document.text);
        let names = NameTable::of(&code);
        OpenScript { document, code, names }
    }

    /// Tells whether other files can reach a declaration, as far as that hangs on its place.
    pub(super) fn is_reachable(&self, one: &Binding) -> bool {
        one.kind == NameKind::Function || self.code.around(one.piece).is_none()
    }

    /// Returns what values are guessed from.
    pub(super) fn values<'s>(&'s self, vocabulary: &'s Vocabulary) -> ValueScope<'s> {
        let words = &vocabulary.words;
        ValueScope { code: &self.code, names: &self.names, words, variables: &[] }
    }
}

/// Everything that is open.
#[derive(Default)]
pub(super) struct Workspace {
    /// The folders that the editor has open.
    pub(super) roots: Vec<PathBuf>,
    /// The open texts, by path.
    pub(super) documents: BTreeMap<PathBuf, Document>,
    projects: RefCell<BTreeMap<PathBuf, Rc<OpenProject>>>,
    vocabulary: OnceCell<Rc<Vocabulary>>,
}

impl Workspace {
    /// Returns an open script that is not too long to be looked into.
    pub(super) fn script(&self, path: &Path) -> Option<OpenScript<'_>> {
        let document = self.documents.get(path)?;
        let is_meant = document.kind() == DocumentKind::Script && !document.is_too_long();
        is_meant.then(|| OpenScript::of(document))
    }

    /// Returns the folder of the project of a file: the nearest that is marked as one, or else the folder
    /// that the editor has open, or else the file's own.
    pub(super) fn root_of(&self, path: &Path) -> PathBuf {
        let folder = path.parent().unwrap_or(Path::new("/"));
        if let Some(root) = Project::root_above(folder) {
            return root;
        }
        let around = self.roots.iter().filter(|root| folder.starts_with(root));
        let root = around.max_by_key(|root| root.as_os_str().len());
        root.cloned().unwrap_or_else(|| folder.to_owned())
    }

    /// Returns the project of a file. While its kaizen.toml cannot be used, that is the project as it was.
    pub(super) fn project(&self, path: &Path) -> anyhow::Result<Rc<OpenProject>> {
        let root = self.root_of(path);
        let known = self.projects.borrow().get(&root).cloned();
        let now = stamp(&root.join("kaizen.toml"));
        if let Some(known) = known.as_ref().filter(|known| known.settings == now) {
            return Ok(known.clone());
        }

        match OpenProject::open(&root) {
            Ok(project) => {
                let project = Rc::new(project);
                self.projects.borrow_mut().insert(root, project.clone());
                Ok(project)
            }
            Err(error) => known.ok_or(error),
        }
    }

    /// Finds everything that is wrong with an open script.
    pub(super) fn check(&self, document: &Document) -> anyhow::Result<ScriptFindings> {
        let host = self.project(&document.path)?.host()?;
        let others = self.documents.values().filter(|other| {
            other.path != document.path
                && other.kind() == DocumentKind::Script
                && !other.is_too_long()
        });
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let unsaved = others.map(|other| (real(&other.path), other.text.clone())).collect();

        // As the terminal would name it from the folder in which the server runs.
        let here = std::env::current_dir().unwrap_or_default();
        let name = document.path.strip_prefix(&here).unwrap_or(&document.path);
        Ok(host.check_unsaved(name, &document.text, unsaved))
    }

    /// Returns the words that scripts know.
    pub(super) fn vocabulary(&self) -> Rc<Vocabulary> {
        self.vocabulary.get_or_init(|| Rc::new(Vocabulary::new())).clone()
    }

    /// Returns the text of a script: as it is open, or as it is saved.
    pub(super) fn text(&self, path: &Path) -> Option<String> {
        match self.documents.get(path) {
            Some(document) => Some(document.text.clone()),
            None => check::read(path).ok(),
        }
    }

    /// Returns a script as a document, open or not.
    pub(super) fn document(&self, path: &Path) -> Option<Document> {
        if let Some(document) = self.documents.get(path) {
            return Some(document.clone());
        }
        let text = check::read(path).ok()?;
        Some(Document::new(super::uri::uri_of(path), path.to_owned(), None, text))
    }

    /// Returns the scripts of the project of a file, and those that are open beside them.
    pub(super) fn scripts(&self, root: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        check::collect(root, 0, &mut found);
        let open = self.documents.values().filter(|one| one.kind() == DocumentKind::Script);
        found.extend(open.filter(|one| one.path.starts_with(root)).map(|one| one.path.clone()));
        found.sort();
        found.dedup();
        found
    }

    /// Returns the file that an import of a script names, if it is there or open.
    pub(super) fn imported(&self, from: &Path, named: &str) -> Option<PathBuf> {
        let has_ending = Path::new(named).extension().is_some_and(|ending| ending == "rhai");
        let named = if has_ending { named.to_owned() } else { format!("{named}.rhai") };
        let wanted = plain(&from.parent()?.join(named));
        let is_there = self.documents.contains_key(&wanted) || wanted.is_file();
        is_there.then_some(wanted)
    }

    /// Returns the file that an import of a script names, as a document.
    pub(super) fn imported_document(&self, from: &Path, named: &str) -> Option<Document> {
        self.document(&self.imported(from, named)?)
    }
}
