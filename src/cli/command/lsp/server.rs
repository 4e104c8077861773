//! The server: one message after the other, and the checks once nothing has been typed for a moment.

use crate::base::clock;
use crate::base::visible::shown_path;
use crate::cli::app::cause;
use crate::cli::command::lsp::document::{Document, DocumentKind};
use crate::cli::command::lsp::finding::{self, diagnostic_of, file_of};
use crate::cli::command::lsp::wire::{ClientInput, ClientWires};
use crate::cli::command::lsp::workspace::Workspace;
use crate::cli::command::lsp::{request, settings_file, uri};
use crate::script::ScriptFindings;
use lsp_server::{ErrorCode, Message, Notification, Request, RequestId, Response, ResponseError};
use lsp_types::{
    Diagnostic, DidChangeTextDocumentParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams,
    InitializeParams, Range, WorkspaceFoldersChangeEvent,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long nothing may be typed before a text is checked.
const QUIET: Duration = Duration::from_millis(100);

/// How far the conversation with the client has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It has not introduced itself.
    New,
    /// It is served.
    Ready,
    /// It wants nothing more.
    Over,
}

/// What a client is able to do.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ClientSkills {
    /// It fills in what stands between the brackets of a call.
    pub(super) snippets: bool,
    /// It can be asked to tell which files change.
    pub(super) watches_files: bool,
    /// It wants to see what each operation cost in its last run.
    pub(super) wants_costs: bool,
}

/// A server and its client.
pub(super) struct LanguageServer {
    wire: ClientWires,
    phase: Phase,
    pub(super) skills: ClientSkills,
    pub(super) space: Workspace,
    /// What has come and is not answered yet.
    waiting: VecDeque<ClientInput>,
    /// Requests that the client has taken back.
    taken_back: HashSet<RequestId>,
    /// Texts that have to be checked, and from when on.
    stale: BTreeSet<PathBuf>,
    due: Duration,
    /// What was found in each open script.
    pub(super) found: BTreeMap<PathBuf, ScriptFindings>,
    /// What was found in each open kaizen.toml, and why an open text was not checked.
    settings: BTreeMap<PathBuf, Vec<Diagnostic>>,
    /// What the client was told, by the address of the file.
    told: BTreeMap<String, Vec<Diagnostic>>,
    is_gone: bool,
}

/// Why a request was not answered.
pub(super) type RequestError = ResponseError;

/// Refuses a request.
pub(super) fn refusal(code: ErrorCode, message: impl Into<String>) -> ResponseError {
    ResponseError { code: code as i32, message: message.into(), data: None }
}

/// Reads the parameters of a message.
pub(super) fn read<P: DeserializeOwned>(params: Value) -> Result<P, ResponseError> {
    serde_json::from_value(params)
        .map_err(|error| refusal(ErrorCode::InvalidParams, error.to_string()))
}

impl LanguageServer {
    pub(super) fn new(wire: ClientWires) -> LanguageServer {
        LanguageServer {
            wire,
            phase: Phase::New,
            skills: ClientSkills::default(),
            space: Workspace::default(),
            waiting: VecDeque::new(),
            taken_back: HashSet::new(),
            stale: BTreeSet::new(),
            due: Duration::ZERO,
            found: BTreeMap::new(),
            settings: BTreeMap::new(),
            told: BTreeMap::new(),
            is_gone: false,
        }
    }

    /// Answers until the client is done or gone. Returns whether it said that it is done.
    pub(super) fn serve(mut self) -> bool {
        while !self.is_gone {
            let input = match self.waiting.pop_front() {
                Some(input) => input,
                None => self.wire.next(self.patience()),
            };
            // Looked through at once, so that what is taken back is not answered for nothing.
            while let Some(input) = self.wire.take() {
                self.note_taken_back(&input);
                self.waiting.push_back(input);
            }

            match input {
                ClientInput::Message(Message::Notification(told)) if told.method == "exit" => break,
                ClientInput::Message(message) => self.handle(message),
                ClientInput::Garbage(code, reason) => {
                    self.is_gone |= !ClientWires::refuse(code, &reason);
                }
                ClientInput::Silence => {}
                ClientInput::End => break,
            }
            // All requests are answered: what is left was taken back too late.
            if self.waiting.is_empty() {
                self.taken_back.clear();
            }
            self.check_one();
        }
        self.phase == Phase::Over
    }

    /// Returns how long to wait for the client at most.
    fn patience(&self) -> Option<Duration> {
        (!self.stale.is_empty()).then(|| self.due.saturating_sub(clock::monotonic()))
    }

    fn note_taken_back(&mut self, input: &ClientInput) {
        if let ClientInput::Message(Message::Notification(told)) = input
            && told.method == "$/cancelRequest"
            && let Ok(id) = serde_json::from_value(told.params["id"].clone())
        {
            self.taken_back.insert(id);
        }
    }

    fn send(&mut self, message: &Message) {
        self.is_gone |= !ClientWires::send(message);
    }

    /// Tells the client something.
    pub(super) fn tell(&mut self, method: &str, params: Value) {
        self.send(&Notification { method: method.to_owned(), params }.into());
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Request(request) => self.answer(request),
            Message::Notification(told) => {
                // What is told wrongly has no answer, and is said to people.
                if let Err(error) = self.hear(told) {
                    self.tell("window/logMessage", json!({ "type": 2, "message": error.message }));
                }
            }
            // The server asks for nothing whose answer matters.
            Message::Response(_) => {}
        }
    }

    fn answer(&mut self, request: Request) {
        let Request { id, method, params } = request;
        let result = if self.taken_back.remove(&id) {
            Err(refusal(ErrorCode::RequestCanceled, "the request was cancelled"))
        } else {
            // A bug in one answer is no reason to leave the client alone.
            let work = AssertUnwindSafe(|| self.result(&method, params));
            catch_unwind(work).unwrap_or_else(|_| {
                Err(refusal(ErrorCode::InternalError, format!("kaizen has a bug in `{method}`")))
            })
        };
        self.send(&Response { id, response_result: result }.into());
    }

    fn result(&mut self, method: &str, params: Value) -> Result<Value, ResponseError> {
        match (self.phase, method) {
            (Phase::New, "initialize") => {
                let answer = self.initialize(&read(params)?);
                self.phase = Phase::Ready;
                Ok(answer)
            }

            (Phase::New, _) => {
                Err(refusal(ErrorCode::ServerNotInitialized, "send `initialize` first"))
            }
            (Phase::Ready, "initialize") => {
                Err(refusal(ErrorCode::InvalidRequest, "the server is already initialized"))
            }
            (Phase::Ready, "shutdown") => {
                self.phase = Phase::Over;
                Ok(Value::Null)
            }
            (Phase::Ready, method) => request::answer(self, method, params),
            (Phase::Over, _) => {
                Err(refusal(ErrorCode::InvalidRequest, "the server has been shut down"))
            }
        }
    }

    fn initialize(&mut self, params: &InitializeParams) -> Value {
        let folders = params.workspace_folders.iter().flatten().map(|folder| folder.uri.as_str());
        self.space.roots = folders.filter_map(uri::path_of).collect();
        #[allow(deprecated, reason = "clients without folders have nothing else")]
        let root = params.root_uri.as_ref().and_then(|root| uri::path_of(root.as_str()));
        if self.space.roots.is_empty() {
            self.space.roots.extend(root);
        }

        // Names of files are then those of a terminal in that folder.
        if let Some(root) = self.space.roots.first() {
            // A folder that is not there leaves whole paths, which are right as well.
            let _ = std::env::set_current_dir(root);
        }

        let skills = json!(params.capabilities);
        let item = &skills["textDocument"]["completion"]["completionItem"];
        let watched = &skills["workspace"]["didChangeWatchedFiles"];
        let options = params.initialization_options.clone().unwrap_or_default();
        self.skills = ClientSkills {
            snippets: item["snippetSupport"] == true,
            watches_files: watched["dynamicRegistration"] == true,
            wants_costs: options["inlayHints"] == true,
        };
        json!({
            "capabilities": request::capabilities(),
            "serverInfo": { "name": "kaizen", "version": env!("CARGO_PKG_VERSION") },
        })
    }

    fn hear(&mut self, told: Notification) -> Result<(), ResponseError> {
        let Notification { method, params } = told;
        if self.phase != Phase::Ready {
            return Ok(());
        }

        match method.as_str() {
            "initialized" => self.watch_files(),
            "textDocument/didOpen" => self.open(read(params)?),
            "textDocument/didChange" => self.change(read(params)?)?,
            "textDocument/didClose" => self.close(&read(params)?),
            // Other files may depend on what was saved.
            "textDocument/didSave" | "workspace/didChangeWatchedFiles" => self.recheck(),
            "workspace/didChangeConfiguration" => {
                let wanted = params["settings"]["kaizen"]["inlayHints"].as_bool();
                self.skills.wants_costs = wanted.unwrap_or(self.skills.wants_costs);
            }
            "workspace/didChangeWorkspaceFolders" => {
                let event: WorkspaceFoldersChangeEvent = read(params["event"].clone())?;
                let gone: Vec<_> =
                    event.removed.iter().filter_map(|one| uri::path_of(one.uri.as_str())).collect();
                self.space.roots.retain(|root| !gone.contains(root));
                let new = event.added.iter().filter_map(|one| uri::path_of(one.uri.as_str()));
                self.space.roots.extend(new);
                self.recheck();
            }
            // What else is told changes nothing here.
            _ => {}
        }
        Ok(())
    }

    /// Asks the client to tell which files change.
    fn watch_files(&mut self) {
        if !self.skills.watches_files {
            return;
        }
        let watchers = json!([{ "globPattern": "**/*.rhai" }, { "globPattern": "**/kaizen.toml" }]);
        let registration = json!({
            "id": "files", "method": "workspace/didChangeWatchedFiles",
            "registerOptions": { "watchers": watchers },
        });
        let params = json!({ "registrations": [registration] });
        let method = "client/registerCapability".to_owned();
        self.send(&Request { id: "files".to_owned().into(), method, params }.into());
    }

    /// Returns the path of a text that the client names.
    pub(super) fn path(&self, uri: &str) -> PathBuf {
        uri::path_of(uri).unwrap_or_else(|| {
            // A text that was never saved belongs to the folder that is open.
            let root = self.space.roots.first().cloned().unwrap_or_default();
            let name = uri.rsplit([':', '/']).next().unwrap_or(uri);
            let has_ending = Path::new(name).extension().is_some();
            root.join(if has_ending { name.to_owned() } else { format!("{name}.rhai") })
        })
    }

    fn open(&mut self, params: DidOpenTextDocumentParams) {
        let item = params.text_document;
        let uri = item.uri.as_str().to_owned();
        let path = self.path(&uri);
        let document = Document::new(uri, path.clone(), Some(item.version), item.text);
        self.space.documents.insert(path.clone(), document);

        self.due = clock::monotonic();
        self.invalidate(&path);
    }

    fn change(&mut self, params: DidChangeTextDocumentParams) -> Result<(), ResponseError> {
        let uri = params.text_document.uri.as_str();
        let path = self.path(uri);
        let Some(document) = self.space.documents.get_mut(&path) else {
            return Err(refusal(ErrorCode::InvalidParams, format!("`{uri}` is not open")));
        };

        for change in params.content_changes {
            document.change(change);
        }
        document.version = Some(params.text_document.version);
        self.due = clock::monotonic() + QUIET;
        self.invalidate(&path);
        Ok(())
    }

    fn close(&mut self, params: &DidCloseTextDocumentParams) {
        let path = self.path(params.text_document.uri.as_str());
        self.space.documents.remove(&path);
        self.found.remove(&path);
        self.settings.remove(&path);
        self.stale.remove(&path);

        self.due = clock::monotonic();
        self.invalidate(&path);
        self.publish();
    }

    /// Notes that a text has changed: it is checked again, and what imports it too.
    fn invalidate(&mut self, path: &Path) {
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if self.space.documents.contains_key(path) {
            self.stale.insert(path.to_owned());
        }
        let users = self.found.iter().filter(|(_, found)| found.files.contains(&real));
        self.stale.extend(users.map(|(user, _)| user.clone()));
    }

    /// Checks everything again.
    fn recheck(&mut self) {
        self.due = clock::monotonic();
        self.stale.extend(self.space.documents.keys().cloned());
    }

    /// Checks one text, if it is time and nobody waits for an answer.
    fn check_one(&mut self) {
        if !self.waiting.is_empty() || clock::monotonic() < self.due {
            return;
        }
        let Some(path) = self.stale.pop_first() else { return };
        let work = AssertUnwindSafe(|| self.check(&path));
        if catch_unwind(work).is_err() {
            let message = format!("kaizen has a bug in the check of `{}`", shown_path(&path));
            self.tell("window/logMessage", json!({ "type": 1, "message": message }));
        }
        self.publish();

        // Read now, while nobody waits, so that the first word that is asked for comes at once.
        if self.stale.is_empty() {
            self.space.vocabulary();
        }
    }

    fn check(&mut self, path: &Path) {
        let Some(document) = self.space.documents.get(path) else { return };
        let kind = document.kind();
        if kind != DocumentKind::Other
            && let Some(said) = document.too_long()
        {
            self.refuse(path, said);
            return;
        }

        match kind {
            DocumentKind::Other => {}
            DocumentKind::Settings => {
                let faults = settings_file::diagnostics(document);
                self.settings.insert(path.to_owned(), faults);
            }
            DocumentKind::Script => {
                // What was said of its length holds no more.
                self.settings.remove(path);
                match self.space.check(document) {
                    Ok(found) => {
                        self.found.insert(path.to_owned(), found);
                    }
                    // The terminal refuses every script of such a project, and says why.
                    Err(error) => self.refuse(path, cause::sentence(&error)),
                }
            }
        }
    }

    /// Says of a text as a whole why it was not checked.
    fn refuse(&mut self, path: &Path, said: String) {
        self.found.remove(path);
        self.settings.insert(path.to_owned(), vec![finding::plain(said, Range::default())]);
    }

    /// Tells the client what it does not know yet.
    fn publish(&mut self) {
        let now = self.diagnostics();
        let gone: Vec<String> =
            self.told.keys().filter(|uri| !now.contains_key(*uri)).cloned().collect();

        for uri in gone {
            self.tell("textDocument/publishDiagnostics", json!({ "uri": uri, "diagnostics": [] }));
        }
        for (uri, diagnostics) in &now {
            if self.told.get(uri) == Some(diagnostics) {
                continue;
            }
            let mut params = json!({ "uri": uri, "diagnostics": diagnostics });
            let open = self.space.documents.values().find(|document| document.uri == *uri);
            if let Some(version) = open.and_then(|document| document.version) {
                params["version"] = version.into();
            }
            self.tell("textDocument/publishDiagnostics", params);
        }
        self.told = now;
    }

    /// Returns what is wrong with each file, by its address. An open script says it of itself, and of
    /// others those say it that import them.
    fn diagnostics(&self) -> BTreeMap<String, Vec<Diagnostic>> {
        let mut all: BTreeMap<String, Vec<Diagnostic>> = BTreeMap::new();
        for (path, faults) in &self.settings {
            if let Some(document) = self.space.documents.get(path) {
                all.entry(document.uri.clone()).or_default().extend(faults.iter().cloned());
            }
        }

        // A file that is not open is read once, however much is found in it.
        let mut closed: BTreeMap<PathBuf, Option<Document>> = BTreeMap::new();
        for (path, found) in &self.found {
            let Some(own) = self.space.documents.get(path) else { continue };
            let list = all.entry(own.uri.clone()).or_default();
            let is_own = |file: Option<&PathBuf>| file.is_none_or(|file| file == path);
            let said = found.found.iter().filter(|one| is_own(file_of(one).as_ref()));
            list.extend(said.map(|one| diagnostic_of(one, own)));

            for one in &found.found {
                let file = file_of(one).filter(|file| !self.space.documents.contains_key(file));
                let Some(file) = file else { continue };
                let other = closed.entry(file).or_insert_with_key(|file| self.space.document(file));
                let Some(other) = other else { continue };
                let said = diagnostic_of(one, other);
                let list = all.entry(other.uri.clone()).or_default();
                if !list.contains(&said) {
                    list.push(said);
                }
            }
        }
        all
    }
}
