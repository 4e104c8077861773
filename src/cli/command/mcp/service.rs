//! The answers of `kaizen mcp`: what each tool does, and which runs are under way.

use crate::base::json::as_text;
use crate::base::secret::scrub;
use crate::cli::command::mcp::RunTerms;
use crate::cli::command::mcp::child::{GRACE, Kaizen};
use crate::cli::command::mcp::offer::{Ability, ToolOffer, find_script};
use crate::cli::command::mcp::outcome::{RunWitness, page, refusal};
use crate::schema;
use rmcp::RoleServer;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CustomRequest, CustomResult,
    ErrorCode, ErrorData, Implementation, ListToolsResult, PaginatedRequestParams,
    ProgressNotificationParam, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Most runs at once.
const RUNS_MAX: usize = 16;
/// How long runs are waited for once nobody is there for their answers: longer than each is given.
const CLOSE_MAX: Duration = Duration::from_secs(11);

/// What a client is told of the server as a whole.
const INSTRUCTIONS: &str = "The scripts of a kaizen project: LLM workflows that record every run. Start with \
    `list_scripts`. The progress of a run that was stopped or has failed is saved, and `show_run` shows it.";

/// A project as a server.
#[derive(Debug)]
pub(super) struct ProjectService {
    kaizen: Kaizen,
    root: PathBuf,
    offers: Vec<ToolOffer>,
    terms: Option<RunTerms>,
    /// The scripts that are running.
    running: Mutex<BTreeSet<String>>,
    /// How many runs are under way.
    count: watch::Sender<usize>,
    closing: watch::Sender<bool>,
}

/// A script's turn: while it is held, the script is not run again.
struct ScriptTurn<'a> {
    service: &'a ProjectService,
    script: String,
}

impl Drop for ScriptTurn<'_> {
    fn drop(&mut self) {
        let mut running = self.service.running();
        running.remove(&self.script);
        self.service.count.send_replace(running.len());
    }
}

impl ProjectService {
    /// Creates the server.
    pub(super) fn new(
        kaizen: Kaizen,
        root: PathBuf,
        offers: Vec<ToolOffer>,
        terms: Option<RunTerms>,
    ) -> ProjectService {
        ProjectService {
            kaizen,
            root,
            offers,
            terms,
            running: Mutex::default(),
            count: watch::Sender::new(0),
            closing: watch::Sender::new(false),
        }
    }

    /// Returns what is set once the client is gone.
    pub(super) fn closing(&self) -> watch::Sender<bool> {
        self.closing.clone()
    }

    /// Interrupts all runs, and waits until they have ended.
    pub(super) async fn close(&self) {
        self.closing.send_replace(true);
        let mut count = self.count.subscribe();
        // Those that take longer are killed with this program.
        let _ = tokio::time::timeout(CLOSE_MAX, count.wait_for(|count| *count == 0)).await;
    }

    fn running(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_turn(&self, script: &str) -> Result<ScriptTurn<'_>, String> {
        let mut running = self.running();
        if running.contains(script) {
            return Err(format!(
                "`{script}` is already running, and only one run of a script can be active; `list_runs` shows its run"
            ));
        }
        if running.len() >= RUNS_MAX {
            return Err(format!("the maximum of {RUNS_MAX} scripts is already running"));
        }

        running.insert(script.to_owned());
        self.count.send_replace(running.len());
        Ok(ScriptTurn { service: self, script: script.to_owned() })
    }

    async fn answer(
        &self,
        ability: &Ability,
        args: Map<String, Value>,
        context: &RequestContext<RoleServer>,
    ) -> CallToolResult {
        let text = |key: &str| args.get(key).and_then(Value::as_str);
        let run = match ability {
            Ability::ListScripts => return self.read(&["--json"], &[], &args, true).await,
            Ability::CheckScript => {
                match find_script(&self.root, text("script").unwrap_or_default()) {
                    Ok(script) => return self.check(&script, &args).await,
                    Err(reason) => return refusal(&reason),
                }
            }
            Ability::ListRuns => {
                let limit = args.get("limit").and_then(Value::as_u64).unwrap_or(20);
                let limit = format!("--limit={limit}");
                return self.read(&["--json", "runs", &limit], &[], &args, true).await;
            }
            Ability::ShowRun => return self.show(&args).await,
            Ability::Advise => return self.advise(&args).await,
            Ability::RunScript => {
                let script = find_script(&self.root, text("script").unwrap_or_default());
                let params = args.get("params").and_then(Value::as_object);
                script.map(|script| (script, params.cloned().unwrap_or_default()))
            }
            Ability::RunThis(script) => Ok((script.clone(), args.clone())),
        };

        let max_cost = args.get("max_cost").filter(|_| *ability == Ability::RunScript);
        let started = run.and_then(|(script, params)| {
            let options = self.options(&params, max_cost.and_then(Value::as_f64))?;
            Ok((self.take_turn(&script)?, options))
        });
        match started {
            Ok((turn, options)) => self.run(&turn, options, context).await,
            Err(reason) => refusal(&reason),
        }
    }

    async fn check(&self, script: &str, args: &Map<String, Value>) -> CallToolResult {
        let arguments = ["--json", "--quiet", "check"];
        match self.kaizen.read(&options_of(&arguments, &[script])).await {
            // What it finds is its answer, and no failure; one that fails and finds nothing has not looked.
            Ok(read) if read.is_ok || !read.stdout.is_empty() => {
                page(&read.stdout, from(args), true)
            }
            Ok(read) => refusal(&read.stderr),
            Err(fault) => refusal(&fault.to_string()),
        }
    }

    async fn show(&self, args: &Map<String, Value>) -> CallToolResult {
        let text = |key: &str| args.get(key).and_then(Value::as_str).unwrap_or_default();
        let run = match text("operation") {
            "" => text("run").to_owned(),
            operation => format!("{}:{operation}", text("run")),
        };

        if args.get("events") == Some(&Value::Bool(true)) {
            return self.read(&["--json", "show"], &[&run], args, false).await;
        }
        self.read(&["show"], &[&run], args, false).await
    }

    async fn advise(&self, args: &Map<String, Value>) -> CallToolResult {
        let mut options = vec!["--json".to_owned(), "advise".to_owned()];
        let among = args.get("among").and_then(Value::as_array).into_iter().flatten();
        options.extend(among.filter_map(Value::as_str).map(|one| format!("--among={one}")));
        let objective = args.get("objective").and_then(Value::as_str);
        options.extend(objective.map(|objective| format!("--objective={objective}")));

        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let task = args.get("task").and_then(Value::as_str).unwrap_or_default();
        self.read(&options, &[task], args, true).await
    }

    /// Answers with what a command says.
    async fn read(
        &self,
        options: &[&str],
        operands: &[&str],
        args: &Map<String, Value>,
        is_json: bool,
    ) -> CallToolResult {
        match self.kaizen.read(&options_of(options, operands)).await {
            Ok(reading) if reading.is_ok => page(&reading.stdout, from(args), is_json),
            Ok(reading) => refusal(&reading.stderr),
            Err(fault) => refusal(&fault.to_string()),
        }
    }

    /// Returns the options of a run; an error if a parameter cannot be given.
    fn options(
        &self,
        params: &Map<String, Value>,
        lower: Option<f64>,
    ) -> Result<Vec<OsString>, String> {
        let terms = self.terms.as_ref().ok_or("this server runs no scripts")?;
        let max_cost = lower.map_or(terms.max_cost, |lower| lower.min(terms.max_cost));
        let mut options: Vec<OsString> = ["--json", "run"].map(Into::into).into();
        options.push(format!("--max-cost={max_cost}").into());
        options.extend(terms.options.iter().cloned());

        for (name, value) in params {
            if value.is_null() {
                continue;
            }
            let text = as_text(value);
            if name.is_empty() || name.contains(['=', '\0']) || text.contains('\0') {
                let name = name.escape_debug();
                return Err(format!(
                    "parameter `{name}` cannot be passed: its name is empty or contains `=`, or there is a \
                     null character in it"
                ));
            }
            options.push(format!("--param={name}={text}").into());
        }
        Ok(options)
    }

    /// Runs a script, and tells the client about each operation that ends.
    async fn run(
        &self,
        turn: &ScriptTurn<'_>,
        mut options: Vec<OsString>,
        context: &RequestContext<RoleServer>,
    ) -> CallToolResult {
        options.extend(["--".into(), turn.script.clone().into()]);
        let mut child = match self.kaizen.run(&options) {
            Ok(child) => child,
            Err(error) => return refusal(&format!("the script cannot be run: {error}")),
        };

        let token = context.meta.get_progress_token();
        let mut closing = self.closing.subscribe();
        let mut witness = RunWitness::default();
        let is_stopped = loop {
            let line = tokio::select! {
                line = child.next() => line,
                () = context.ct.cancelled() => break true,
                _ = closing.wait_for(|closing| *closing) => break true,
            };
            let Some(line) = line else { break false };
            let Some((ended, name)) = witness.see(line) else { continue };

            if let Some(token) = &token {
                #[allow(clippy::cast_precision_loss, reason = "nobody counts so many operations")]
                let told = ProgressNotificationParam::new(token.clone(), ended as f64)
                    .with_message(scrub(&format!("`{name}` has ended")));
                // A client that is gone is noticed elsewhere.
                let _ = context.peer.notify_progress(told).await;
            }
        };

        if is_stopped {
            child.interrupt();
            // Its last lines say how it ended; it must not wait for somebody who reads them.
            let rest = async {
                while let Some(line) = child.next().await {
                    witness.see(line);
                }
            };
            let _ = tokio::time::timeout(GRACE, rest).await;
        }
        witness.answer(&child.end().await)
    }
}

fn options_of(options: &[&str], operands: &[&str]) -> Vec<OsString> {
    let mut all: Vec<OsString> = options.iter().map(Into::into).collect();
    if !operands.is_empty() {
        all.push("--".into());
        all.extend(operands.iter().map(OsString::from));
    }
    all
}

fn from(args: &Map<String, Value>) -> u64 {
    args.get("from").and_then(Value::as_u64).unwrap_or(0)
}

impl ServerHandler for ProjectService {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("kaizen", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools: Vec<Tool> = self.offers.iter().map(ToolOffer::tool).collect();
        Ok(ListToolsResult::with_all_items(tools))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(offer) = self.offers.iter().find(|offer| offer.name == request.name) else {
            let names: Vec<&str> = self.offers.iter().map(|offer| offer.name.as_str()).collect();
            let message = format!("no tool `{}`; available: {}", request.name, names.join(", "));
            return Err(ErrorData::invalid_params(message, None));
        };

        let args = Value::Object(request.arguments.unwrap_or_default());
        let answer = match schema::fit(args, &offer.schema).map(|found| found.value) {
            Ok(Value::Object(args)) => self.answer(&offer.ability, args, &context).await,
            Ok(_) => refusal("the arguments must be an object"),
            Err(unfit) => refusal(&format!("the object of arguments {unfit}")),
        };
        Ok(answer.into())
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let method = request.method;
        // A known method comes here if its parameters cannot be read.
        if method == "tools/call" {
            let message = "`tools/call` needs `name`, a text, and `arguments`, an object";
            return Err(ErrorData::invalid_params(message, None));
        }
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, format!("no method `{method}`"), None))
    }
}
