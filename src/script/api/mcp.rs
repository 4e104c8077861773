//! `mcp`: the tools of MCP servers. A server's list and the answers of its calls are effects of the run:
//! what is known of them is never asked for again.

use super::define::def;
use super::{server_map, tool};
use crate::base::failure::{Failure, Kind};
use crate::base::secret::scrub;
use crate::base::visible::indented;
use crate::base::wildcard::Wildcard;
use crate::executor::Executor;
use crate::executor::attempt::Stop;
use crate::executor::lost::Repeat;
use crate::executor::server_effect::ServerEffect;
use crate::journal::inquiry::{Inquiry, Topic};
use crate::mcp::{Listing, ServerFault, ServerTool, Servers, ToolAnswer};
use crate::model::image::{IMAGES_MAX, Image, ImageFault};
use crate::schema;
use crate::script::host::context::Inner;
use crate::script::host::error::{EvalError, throw};
use crate::script::host::fiber::wait;
use crate::script::host::options::Options;
use crate::script::host::tasks;
use crate::session::tool::{
    Approval, CallContext, Effects, RESULT_MAX, Runner, TIMEOUT, Tool, ToolOutput,
};
use rhai::{Array, Dynamic, Engine, Map};
use serde_json::{Value, json};
use std::rc::Rc;
use std::time::Duration;

/// How much longer than the server's own limits a call may take.
const GRACE: Duration = Duration::from_secs(5);

pub(super) fn register(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "mcp(server: string) -> array",
        r#"
        Returns the tools of an MCP server that kaizen.toml describes under [mcp.NAME], and starts it if
        need be. Each is named `server__tool`, and is called like any other tool. kaizen.toml says which of
        them have no lasting effect (`read`) and which need approval. Options: `only` and `except`, lists of
        names of tools as the server has them, which may contain `*`; `fresh`, true to call the server again
        under `kaizen watch` even if an earlier round has the answer. The list and every answer are journaled:
        a resumed run asks for none of them again. If a call that may have a lasting effect was under way
        when the run was stopped, nobody knows whether it took effect: a resumed run stops with an error of
        kind `unsure`, unless `--lost=repeat` or `--lost=tell` says what to do. A map in place of the name
        describes a server that kaizen.toml does not have, with the same keys except `pin`: `command` and
        `env`, or `url` and `key`. Its `name` is that of the program or the host unless the map says
        another. Such a server needs grants: `--allow-run` for its program, `--allow-net` for its host,
        `--allow-env` for its variables and its key. If an answer has pictures and no data of its own, a
        script gets `#{ text, images }`, whose `images` fit the option of that name.
        ```rhai
        // With [mcp.files] in kaizen.toml: mcp("files", #{ only: ["read_*"] })
        let server = "files";
        print(attempt(|| mcp(server)).error.kind);
        ```
        "#,
        move |server: &str| tools(&inner, server, Map::new()),
    );

    let inner = host.clone();
    def(engine, "mcp(server: string, options: map) -> array", "", move |server: &str, map: Map| {
        tools(&inner, server, map)
    });

    let inner = host.clone();
    def(engine, "mcp(server: map) -> array", "", move |described: Map| {
        let server = server_map::add(&inner, &described)?;
        tools(&inner, &server, Map::new())
    });

    let inner = host.clone();
    def(engine, "mcp(server: map, options: map) -> array", "", move |described: Map, map: Map| {
        let server = server_map::add(&inner, &described)?;
        tools(&inner, &server, map)
    });
}

fn tools(host: &Rc<Inner>, server: &str, map: Map) -> Result<Array, EvalError> {
    let mut options = Options::of("mcp", map).map_err(|failure| throw(&failure))?;
    let only = patterns(&mut options, "only").map_err(|failure| throw(&failure))?;
    let except = patterns(&mut options, "except").map_err(|failure| throw(&failure))?;
    let is_fresh = options.flag("fresh").map_err(|failure| throw(&failure))?;

    let servers = &host.with.servers;
    servers.spec(server).map_err(|fault| throw(&failure_of(fault)))?;
    let listing = list(host, server)?;
    // What is to be left out would be offered all the same.
    if let Some((pattern, help)) = listing.vain(except.as_deref().unwrap_or_default()) {
        let reason = format!("no tool of `{server}` matches `{}`{help}", pattern.text());
        return Err(throw(&options.wrong("except", &reason)));
    }
    if let Some((pattern, help)) = listing.vain(only.as_deref().unwrap_or_default()) {
        let pattern = pattern.text();
        (host.with.say)(&format!(
            "`mcp(\"{server}\")`: no tool matches `{pattern}` of `only`{help}"
        ));
    }

    let covers = |patterns: &[Wildcard], tool: &ServerTool| {
        patterns.iter().any(|pattern| pattern.covers(&tool.name))
    };
    let is_wanted = |tool: &ServerTool| {
        only.as_ref().is_none_or(|only| covers(only, tool))
            && !except.as_ref().is_some_and(|except| covers(except, tool))
    };
    let wanted = listing.tools.into_iter().filter(is_wanted);
    Ok(wanted.map(|one| Dynamic::from(Rc::new(of_server(host, server, one, is_fresh)))).collect())
}

fn patterns(options: &mut Options, key: &str) -> Result<Option<Vec<Wildcard>>, Failure> {
    let Some(value) = options.value(key)? else { return Ok(None) };
    let text = |item: &Value| item.as_str().map(Wildcard::new);
    let texts: Option<Vec<Wildcard>> =
        value.as_array().and_then(|items| items.iter().map(text).collect());
    let reason = "must be a list of tool names, which may contain `*`";
    texts.map(Some).ok_or_else(|| options.wrong(key, reason))
}

/// Lists the tools of a server, or tells those that the run before was told.
fn list(host: &Rc<Inner>, server: &str) -> Result<Listing, EvalError> {
    let executor = host.executor();
    let task = tasks::current();
    let servers = host.with.servers.clone();
    let what = Inquiry::About(Topic::McpTools, server.to_owned());

    // A replay has a list of its own.
    let is_plan = executor.is_dry() && !executor.is_resuming();
    let planned = if is_plan { executor.planned_list(&what) } else { None };
    if is_plan && planned.is_none() {
        let message =
            format!("the tools of MCP server `{server}` are unknown until a script has used it");
        return Err(throw(&Failure::new(Kind::Mcp, message)));
    }
    let planned = planned.unwrap_or_default();

    let ask = async || {
        let listing = servers.tools(server).await;
        servers.notes().iter().for_each(|note| (host.with.say)(&indented(note)));
        Ok(json!(*listing.map_err(failure_of)?))
    };
    let call = ServerEffect { what, repeat: Repeat::Allowed, version: None };
    let told = executor.effect_of_server(&task.strand, call, planned, async || Ok(()), ask);
    let told = wait(told).map_err(|stop| host.raise(stop))?;

    let listing: Listing = serde_json::from_value(told).map_err(|error| {
        let message = format!("the recorded list of tools of `{server}` cannot be read: {error}");
        throw(&Failure::new(Kind::Mcp, message))
    })?;
    // A server that is started later has to offer the same.
    if !executor.is_dry() {
        servers.freeze(listing.clone());
    }
    Ok(listing)
}

/// Makes a tool of a server one that models and scripts can call. What it may do is the project's word.
fn of_server(host: &Rc<Inner>, server: &str, of: ServerTool, is_fresh: bool) -> Tool {
    let spec = host.with.servers.spec(server).ok();
    let spec = spec.as_deref();
    let is_read = spec.is_some_and(|spec| spec.is_read(&of.name));
    let needs_approval = spec.is_none_or(|spec| spec.needs_approval(&of.name));
    let description = match of.description.as_str() {
        "" => format!("Calls `{}` of the MCP server `{server}`.", of.name),
        said => said.to_owned(),
    };

    // The server has its own limit; this one only ends what that one cannot.
    let timeout = spec.map_or(TIMEOUT, |spec| spec.start_timeout + spec.timeout + GRACE);
    let settings = format!("{spec:?} {}", of.hash);
    let call = ServerCall {
        server: server.to_owned(),
        tool: of.name,
        full_name: of.full_name.clone(),
        is_read,
        output_schema: of.output_schema,
        version: blake3::hash(settings.as_bytes()).to_hex()[..16].to_owned(),
        is_fresh,
    };
    Tool {
        name: of.full_name,
        description,
        schema: of.schema.into(),
        effects: if is_read { Effects::Read } else { Effects::Write },
        approval: needs_approval.then(|| Approval { when: None, ask: tool::approver(host) }),
        timeout,
        result_max: RESULT_MAX,
        run: runner(host.executor(), host.with.servers.clone(), call),
    }
}

/// What is called at which server.
#[derive(Debug, Clone)]
struct ServerCall {
    server: String,
    tool: String,
    full_name: String,
    is_read: bool,
    /// What its data has to match.
    output_schema: Option<Value>,
    /// What the tool and the settings of its server are known by.
    version: String,
    /// Whether it is called even where an earlier round of `watch` was answered.
    is_fresh: bool,
}

fn runner(executor: Rc<Executor>, servers: Servers, of: ServerCall) -> Runner {
    let shared = Rc::new((executor, servers, of));
    Rc::new(move |args, context| {
        let shared = shared.clone();
        Box::pin(async move {
            let (executor, servers, of) = &*shared;
            let called = Box::pin(call(executor, servers, of, args, context)).await;
            called.map_err(|stop| match stop {
                Stop::Failed(failure) => failure,
                Stop::Store(error) => Failure::new(Kind::Store, error.to_string()),
            })
        })
    })
}

/// Calls a tool, or tells what came of the call in the run before. A call with a lasting effect whose end
/// is not known is in doubt, and is not made again.
async fn call(
    executor: &Executor,
    servers: &Servers,
    of: &ServerCall,
    args: Value,
    context: CallContext,
) -> Result<ToolOutput, Stop> {
    let strand = &context.scope.strand;
    let asked = ServerEffect {
        what: Inquiry::About(Topic::McpCall, format!("{} {args}", of.full_name)),
        repeat: if of.is_read { Repeat::Allowed } else { Repeat::Forbidden },
        version: (!of.is_fresh).then(|| of.version.clone()),
    };

    let ready = async || servers.ready(&of.server).await.map_err(failure_of);
    let ask = async || {
        let map = args.as_object().cloned().unwrap_or_default();
        let answer = servers.call(&of.server, &of.tool, map, &context.key, None).await;
        answer
            .map(|answer| kept_of(&checked(of, answer), &of.version))
            .map_err(|fault| lost(of, &context.key, fault))
    };
    let planned = json!({ "value": format!("(what `{}` answers)", of.full_name) });
    // Boxed: a server takes more room than a step of a script.
    let told = Box::pin(executor.effect_of_server(strand, asked, planned, ready, ask)).await;
    let told = told.map_err(|stop| with_key(stop, &context.key))?;

    let text = told["text"].as_str().map(str::to_owned);
    if told["is_error"] == true {
        return Err(Failure::new(Kind::Failed, text.unwrap_or_default()).into());
    }
    Ok(ToolOutput { value: told["value"].clone(), text, images: shown(&told) })
}

/// Holds the data of an answer to the schema that the server says it has. An answer that does not keep to
/// it is one that says that the call failed: the call was made, and is not to be made again.
fn checked(of: &ServerCall, answer: ToolAnswer) -> ToolAnswer {
    let Some(output_schema) = &of.output_schema else { return answer };
    if answer.is_error || answer.value.is_string() {
        return answer;
    }

    match schema::fit(answer.value.clone(), output_schema) {
        Ok(found) => ToolAnswer { value: found.value, ..answer },
        Err(unfit) => {
            let problems: Vec<String> = unfit.problems().iter().map(ToString::to_string).collect();
            let problems = problems.join("; ");
            let text = format!(
                "the result of `{}` does not match the schema that its server gives for it: {problems}",
                of.full_name
            );
            ToolAnswer { text: scrub(&text).into_owned(), is_error: true, ..answer }
        }
    }
}

/// Returns the pictures of an answer that is known.
fn shown(told: &Value) -> Vec<Image> {
    let texts = told["images"].as_array().into_iter().flatten().filter_map(Value::as_str);
    texts.filter_map(|text| Image::of_text(text).ok()).collect()
}

/// Adds the key to what is said of a call in doubt: the server knows the call by it.
fn with_key(stop: Stop, key: &str) -> Stop {
    match stop {
        Stop::Failed(mut failure) if failure.kind == Kind::Unsure => {
            failure.detail_mut().key = Some(key.into());
            Stop::Failed(failure)
        }
        other => other,
    }
}

/// Returns what the journal keeps of an answer.
fn kept_of(answer: &ToolAnswer, version: &str) -> Value {
    let mut images = Vec::new();
    let mut lines = Vec::from_iter(Some(answer.text.clone()).filter(|text| !text.is_empty()));
    for image in &answer.images {
        match Image::of_text(&format!("data:{};base64,{}", image.mime, image.data)) {
            Ok(_) if images.len() >= IMAGES_MAX => {
                lines.push(format!("[a picture left out: at most {IMAGES_MAX} are passed on]"));
            }
            Ok(image) => images.push(image.to_text()),
            Err(ImageFault::Text) => {
                lines.push("[a picture left out: it is not base64]".to_owned());
            }
            Err(fault) => lines.push(format!("[a picture left out: it {fault}]")),
        }
    }
    let text = lines.join("\n");

    // Data of the server itself is what a script gets, and else what a person would see.
    let value = match &answer.value {
        Value::String(_) if images.is_empty() => Value::String(text.clone()),
        Value::String(_) => json!({ "text": text, "images": images }),
        data => data.clone(),
    };
    let mut kept = json!({
        "value": value, "text": text, "is_error": answer.is_error, "version": version,
    });
    if !images.is_empty() {
        kept["images"] = images.into();
    }
    kept
}

/// Makes a failure of a call whose answer did not come.
fn lost(of: &ServerCall, key: &str, fault: ServerFault) -> Failure {
    let is_unsure = fault.is_unsure() && !of.is_read;
    let mut failure = failure_of(fault);
    if is_unsure {
        failure.message.push_str("; nobody knows whether the call took effect");
        failure.retryable = false;
        failure.detail_mut().key = Some(key.into());
    }
    failure
}

fn failure_of(fault: ServerFault) -> Failure {
    let message = fault.to_string();
    match fault {
        ServerFault::Refused { failure, .. } => Failure { message, ..*failure },
        _ => Failure::new(Kind::Mcp, message),
    }
}
