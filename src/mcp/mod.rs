//! Servers of the Model Context Protocol: tools of other programs. Knows how they are started, listed,
//! called and ended, and nothing of scripts, models and permissions: whoever asks has been permitted to.

mod answer;
mod connection;
mod definition;
mod fault;
mod http;
mod launch;
mod pipes;
pub mod spec;
mod tap;
mod tool;

pub use answer::{ServerImage, ToolAnswer};
pub use fault::{MESSAGE_MAX, ServerFault};
pub use launch::{Launch, ServerProgram};
pub use tool::{Listing, ServerTool};

use crate::base::spelling::nearest;
use crate::mcp::connection::Connection;
use crate::mcp::spec::ServerSpec;
use crate::mcp::tap::Tap;
use futures::future::LocalBoxFuture;
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

/// Looks up what is needed to reach a server, and whether that is permitted.
pub type Launcher = Rc<dyn Fn(ServerSpec) -> LocalBoxFuture<'static, Result<Launch, ServerFault>>>;

/// What an earlier run has seen of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerMemory {
    /// The version of the protocol that it spoke.
    pub protocol: Option<String>,
    /// Name and hash of each of its tools.
    pub hashes: Option<Vec<(String, String)>>,
}

/// The servers of a project, and those that its script describes. Each is started when it is first needed,
/// and again when it is needed after it has ended. All of them end when this is dropped.
#[derive(Clone)]
pub struct Servers {
    known: Rc<RefCell<BTreeMap<String, KnownServer>>>,
    launcher: Launcher,
    memories: Rc<BTreeMap<String, ServerMemory>>,
    notes: Rc<RefCell<Vec<String>>>,
    /// The list of each server as it was at first: it counts for the whole run.
    listings: Rc<RefCell<BTreeMap<String, Rc<Listing>>>>,
    /// The servers that were started in this run.
    started: Rc<RefCell<BTreeSet<String>>>,
}

/// A server that may be used.
#[derive(Clone)]
struct KnownServer {
    spec: Rc<ServerSpec>,
    running: Rc<tokio::sync::Mutex<RunningServer>>,
}

impl KnownServer {
    fn new(spec: ServerSpec) -> KnownServer {
        KnownServer { spec: Rc::new(spec), running: Rc::default() }
    }
}

/// What is known of a server in this run.
#[derive(Default)]
struct RunningServer {
    connection: Option<Rc<Connection>>,
    tap: Tap,
}

impl Servers {
    /// Creates the servers of a project; none is started yet.
    pub fn new(
        specs: BTreeMap<String, ServerSpec>,
        memories: BTreeMap<String, ServerMemory>,
        launcher: Launcher,
    ) -> Servers {
        let known = specs.into_iter().map(|(name, spec)| (name, KnownServer::new(spec)));
        Servers {
            known: Rc::new(RefCell::new(known.collect())),
            memories: Rc::new(memories),
            launcher,
            notes: Rc::default(),
            listings: Rc::default(),
            started: Rc::default(),
        }
    }

    /// Returns no servers.
    pub fn none() -> Servers {
        let refuse: Launcher = Rc::new(|spec| {
            let server = spec.name;
            let help = String::new();
            Box::pin(std::future::ready(Err(ServerFault::UnknownServer { server, help })))
        });
        Servers::new(BTreeMap::new(), BTreeMap::new(), refuse)
    }

    /// Returns the names of all servers.
    pub fn names(&self) -> Vec<String> {
        self.known.borrow().keys().cloned().collect()
    }

    /// Returns the description of a server.
    pub fn spec(&self, server: &str) -> Result<Rc<ServerSpec>, ServerFault> {
        Ok(self.find(server)?.spec)
    }

    /// Adds a server that a script describes. It may be described again in the same way.
    pub fn add(&self, spec: ServerSpec) -> Result<(), ServerFault> {
        let mut known = self.known.borrow_mut();
        match known.get(&spec.name) {
            Some(other) if *other.spec != spec => Err(ServerFault::NameTaken { server: spec.name }),
            Some(_) => Ok(()),
            None => {
                known.insert(spec.name.clone(), KnownServer::new(spec));
                Ok(())
            }
        }
    }

    fn find(&self, server: &str) -> Result<KnownServer, ServerFault> {
        let known = self.known.borrow();
        known.get(server).cloned().ok_or_else(|| {
            let names: Vec<&str> = known.keys().map(String::as_str).collect();
            let help = match nearest(server, names.iter().copied()) {
                Some(near) => format!("; did you mean `{near}`?"),
                None if names.is_empty() => "; add [mcp.NAME] to kaizen.toml".to_owned(),
                None => format!("; available: {}", names.join(", ")),
            };
            ServerFault::UnknownServer { server: server.to_owned(), help }
        })
    }

    /// Lists the tools of a server, and starts it if need be. The first list of a run counts to its end.
    pub async fn tools(&self, server: &str) -> Result<Rc<Listing>, ServerFault> {
        let (_, listing) = self.connected(server).await?;
        Ok(listing)
    }

    /// Takes a list for the one that counts in this run, unless there is one: it was told to the run that
    /// this one resumes.
    pub fn freeze(&self, listing: Listing) {
        let server = listing.server.clone();
        self.listings.borrow_mut().entry(server).or_insert_with(|| Rc::new(listing));
    }

    /// Returns the lists of the servers that were started in this run.
    pub fn listings(&self) -> Vec<Rc<Listing>> {
        let started = self.started.borrow();
        started.iter().filter_map(|server| self.frozen(server)).collect()
    }

    fn frozen(&self, server: &str) -> Option<Rc<Listing>> {
        self.listings.borrow().get(server).cloned()
    }

    /// Starts a server if need be.
    pub async fn ready(&self, server: &str) -> Result<(), ServerFault> {
        self.connected(server).await.map(drop)
    }

    /// Calls a tool of a server. The server gets `key` with the call, by which it can tell a repetition;
    /// `limit` is the longest wait, if it is shorter than that of the server.
    pub async fn call(
        &self,
        server: &str,
        tool: &str,
        args: Map<String, Value>,
        key: &str,
        limit: Option<Duration>,
    ) -> Result<ToolAnswer, ServerFault> {
        let (connection, listing) = self.connected(server).await?;
        let spec = self.spec(server)?;
        let found = listing.find(tool).ok_or_else(|| unknown_tool(&listing, tool))?;

        let limit = limit.map_or(spec.timeout, |limit| limit.min(spec.timeout));
        let mut answer = connection.call(&found.name, args.clone(), key, limit).await;
        if matches!(answer, Err(ServerFault::Forgotten { .. })) {
            let (connection, _) = self.connected(server).await?;
            answer = connection.call(&found.name, args, key, limit).await;
        }

        self.take_notes(server).await;
        answer
    }

    /// Takes what is to be told to people since it was last taken.
    pub fn notes(&self) -> Vec<String> {
        self.notes.take()
    }

    /// Ends all servers: first by closing their input, then by a signal.
    pub async fn close(&self) {
        let all: Vec<KnownServer> = self.known.borrow().values().cloned().collect();
        for server in all {
            let connection = server.running.lock().await.connection.take();
            // One that is still asked ends with the last who asks.
            if let Some(Ok(connection)) = connection.map(Rc::try_unwrap) {
                connection.close().await;
            }
        }
    }

    async fn take_notes(&self, server: &str) {
        let Ok(known) = self.find(server) else { return };
        let note = known.running.lock().await.tap.take_note(server);
        self.notes.borrow_mut().extend(note);
    }

    /// Returns a connection that lives, and the list of this run.
    async fn connected(&self, server: &str) -> Result<(Rc<Connection>, Rc<Listing>), ServerFault> {
        let KnownServer { spec, running } = self.find(server)?;
        let spec = &*spec;
        // Several that need it at once start it once.
        let mut running = running.lock().await;

        let frozen = self.frozen(server);
        if let (Some(connection), Some(listing)) = (&running.connection, &frozen)
            && !connection.is_over()
        {
            return Ok((connection.clone(), listing.clone()));
        }
        running.connection = None;
        running.tap = Tap::default();

        let launch = (self.launcher)(spec.clone()).await?;
        let memory = self.memories.get(server).cloned().unwrap_or_default();
        let known = frozen.as_ref().map(|listing| listing.protocol.clone());
        let known = known.or(memory.protocol);

        let opened = Connection::open(spec, &launch, known.as_deref(), &running.tap).await;
        let listed = match opened {
            Ok(connection) => connection.list(spec).await.map(|listing| (connection, listing)),
            Err(fault) => Err(fault),
        };
        self.notes.borrow_mut().extend(running.tap.take_note(server));
        let (connection, mut listing) = listed?;
        listing.check_patterns(spec)?;

        let listing = match &frozen {
            Some(first) => same(first, &listing)?,
            None => self.first(spec, memory.hashes, listing)?,
        };
        let connection = Rc::new(connection);
        running.connection = Some(connection.clone());
        self.listings.borrow_mut().insert(server.to_owned(), listing.clone());
        self.started.borrow_mut().insert(server.to_owned());
        Ok((connection, listing))
    }

    /// Compares the first list of a run with what earlier runs have seen.
    fn first(
        &self,
        spec: &ServerSpec,
        earlier: Option<Vec<(String, String)>>,
        listing: Listing,
    ) -> Result<Rc<Listing>, ServerFault> {
        self.notes.borrow_mut().extend(listing.notes.iter().cloned());

        if let Some(what) = earlier.and_then(|earlier| listing.changes_since(&earlier)) {
            let server = spec.name.clone();
            let fault = ServerFault::Changed { server, since: "this project was trusted", what };
            if spec.pin {
                return Err(fault);
            }
            self.notes.borrow_mut().push(fault.to_string());
        }
        Ok(Rc::new(listing))
    }
}

/// Accepts the list of a server that was started again, if nothing has changed.
fn same(first: &Rc<Listing>, again: &Listing) -> Result<Rc<Listing>, ServerFault> {
    match again.changes_since(&first.hashes) {
        None => Ok(first.clone()),
        Some(what) => Err(ServerFault::Changed {
            server: first.server.clone(),
            since: "this run began",
            what,
        }),
    }
}

fn unknown_tool(listing: &Listing, tool: &str) -> ServerFault {
    let names: Vec<&str> = listing.tools.iter().map(|tool| tool.name.as_str()).collect();
    let help = match nearest(tool, names.iter().copied()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => format!("; available: {}", names.join(", ")),
    };
    ServerFault::UnknownTool { server: listing.server.clone(), tool: tool.to_owned(), help }
}
