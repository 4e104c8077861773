//! `kaizen tools`: the tools of the project's MCP servers, and calling one by hand.

use crate::base::failure::Kind;
use crate::base::visible::on_one_line;
use crate::cli::app::exit::Exit;
use crate::cli::app::permissions::{Grants, ask_and_wait};
use crate::cli::app::project::Project;
use crate::cli::app::{seen_tools, signal, trust};
use crate::cli::command::run::block_on;
use crate::cli::render::table;
use crate::cli::{Global, print_data, print_line, say};
use crate::mcp::{Listing, ServerFault, ServerTool, Servers, ToolAnswer};
use serde_json::{Map, Value, json};
use std::rc::Rc;

/// How many characters of a hash are shown.
const HASH_SHOWN: usize = 12;
/// How many characters of a description stand in the table.
const DESCRIPTION_SHOWN: usize = 60;

/// The options of `tools`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// MCP server, as named under [mcp] in kaizen.toml. Without one: all.
    server: Option<String>,
    /// Tool to call. Without one: list the server's tools.
    #[arg(requires = "server")]
    tool: Option<String>,
    /// Arguments of the call, as a JSON object.
    #[arg(value_name = "JSON", requires = "tool")]
    args: Option<String>,
    /// Call the tool without asking, even if it may have lasting effects.
    #[arg(long, requires = "tool")]
    approve: bool,
    #[command(flatten)]
    grants: Grants,
}

/// Lists tools, or calls one.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut project = Project::find()?;
    project.grants = arguments.grants.clone();

    let args = match arguments.args.as_deref().map(serde_json::from_str::<Map<String, Value>>) {
        None => Map::new(),
        Some(Ok(args)) => args,
        Some(Err(error)) => {
            say(&format!("error: tool arguments must be a JSON object: {error}"));
            return Ok(Exit::Usage);
        }
    };

    if project.config.servers().next().is_none() {
        say("this project has no MCP servers; add [mcp.NAME] to kaizen.toml");
        let is_named = arguments.server.is_some();
        return Ok(if is_named { Exit::Usage } else { Exit::Ok });
    }
    trust::ensure(&project, arguments.grants.may_ask())?;

    let models = Rc::new(project.models(0)?);
    let servers = project.servers(models)?;
    let work = async {
        let done = async {
            match (&arguments.server, &arguments.tool) {
                (Some(server), Some(tool)) => {
                    call(global, arguments, &project, &servers, server, tool, args).await
                }
                (server, _) => list(global, &project, &servers, server.as_deref()).await,
            }
        };
        let exit = Box::pin(or_stopped(done)).await;

        servers.close().await;
        exit
    };
    block_on(work)?
}

/// Does something until it is done, or until the program is told to stop.
async fn or_stopped(work: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    let signals = signal::watch()?;
    tokio::select! {
        exit = work => exit,
        exit = signals.caught() => Ok(exit),
    }
}

async fn list(
    global: &Global,
    project: &Project,
    servers: &Servers,
    only: Option<&str>,
) -> anyhow::Result<Exit> {
    let names: Vec<String> = match only {
        Some(name) => vec![name.to_owned()],
        None => servers.names(),
    };

    let mut exit = Exit::Ok;
    let mut found = Vec::new();
    for name in names {
        let listed = servers.tools(&name).await;
        tell(servers);
        match listed {
            Ok(listing) => {
                let spec = servers.spec(&name)?;
                seen_tools::remember(project, &spec, &listing)?;
                found.push(listing);
            }
            // One server that is down hides no other.
            Err(fault) => exit = refuse(&fault),
        }
    }

    if global.json {
        for listing in &found {
            listing.tools.iter().for_each(|tool| print_data(line(listing, tool)));
        }
        return Ok(exit);
    }

    let rows: Vec<Vec<String>> =
        found.iter().flat_map(|listing| listing.tools.iter().map(row)).collect();
    if !rows.is_empty() {
        let head = ["tool", "effects", "approval", "hash", "description"];
        print_line(&table::render(&head, &rows));
    }
    Ok(exit)
}

fn row(tool: &ServerTool) -> Vec<String> {
    let line = tool.description.lines().next().unwrap_or_default();
    let mut description: String = line.chars().take(DESCRIPTION_SHOWN).collect();
    if description.len() < tool.description.len() {
        description.push_str(" ..");
    }

    vec![
        tool.full_name.clone(),
        effects(tool).to_owned(),
        if tool.needs_approval { "needed" } else { "-" }.to_owned(),
        tool.hash.chars().take(HASH_SHOWN).collect(),
        description,
    ]
}

fn line(listing: &Listing, tool: &ServerTool) -> Value {
    json!({
        "server": listing.server, "tool": tool.name, "name": tool.full_name,
        "effects": effects(tool), "approval": tool.needs_approval, "hash": tool.hash,
        "description": tool.description, "schema": tool.schema,
        "output_schema": tool.output_schema, "hints": tool.hints, "protocol": listing.protocol,
    })
}

fn effects(tool: &ServerTool) -> &'static str {
    if tool.is_read { "read" } else { "write" }
}

async fn call(
    global: &Global,
    arguments: &Arguments,
    project: &Project,
    servers: &Servers,
    server: &str,
    tool: &str,
    args: Map<String, Value>,
) -> anyhow::Result<Exit> {
    let listed = servers.tools(server).await;
    tell(servers);
    let listing = match listed {
        Ok(listing) => listing,
        Err(fault) => return Ok(refuse(&fault)),
    };
    let spec = servers.spec(server)?;
    seen_tools::remember(project, &spec, &listing)?;

    if let Some(found) = listing.find(tool)
        && found.needs_approval
        && !arguments.approve
        && !is_approved(arguments, found, &args)?
    {
        return Ok(Exit::Permission);
    }

    // A call by hand is one of its own each time, so the server gets a key that it has never seen.
    let key = format!("{:016x}", crate::base::rng::Rng::from_entropy().next_u64());
    let answer = servers.call(server, tool, args, &key, None).await;
    tell(servers);
    match answer {
        Ok(answer) => Ok(show(global, server, tool, &answer)),
        Err(fault) => Ok(refuse(&fault)),
    }
}

/// Asks a person whether a tool may be called that may have lasting effects.
fn is_approved(
    arguments: &Arguments,
    tool: &ServerTool,
    args: &Map<String, Value>,
) -> anyhow::Result<bool> {
    let what = format!("`{}` with {}", tool.full_name, Value::from(args.clone()));
    let what = on_one_line(&what).into_owned();
    if !arguments.grants.may_ask() {
        say(&format!(
            "error: {what} needs approval because it may have lasting effects; pass `--approve`, or \
             add it to `read` under the server in kaizen.toml"
        ));
        return Ok(false);
    }

    let line = ask_and_wait(&format!("call {what}? [y]es, [N]o "))?;
    Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn show(global: &Global, server: &str, tool: &str, answer: &ToolAnswer) -> Exit {
    if global.json {
        let images: Vec<Value> =
            answer.images.iter().map(|i| json!({ "mime": i.mime, "data": i.data })).collect();
        print_data(json!({
            "server": server, "tool": tool, "is_error": answer.is_error, "value": answer.value,
            "text": answer.text, "images": images,
        }));
    } else {
        print_line(&answer.text);
        for image in &answer.images {
            say(&format!("an image ({}, {} bytes as base64)", image.mime, image.data.len()));
        }
    }

    if answer.taken_out > 0 {
        say(&format!("removed {} invisible characters from the answer", answer.taken_out));
    }
    if answer.is_error { Exit::Failed } else { Exit::Ok }
}

/// Tells what the servers have to be told of.
fn tell(servers: &Servers) {
    for note in servers.notes() {
        say(&format!("note: {note}"));
    }
}

/// Tells what went wrong, and how the program ends by it.
fn refuse(fault: &ServerFault) -> Exit {
    say(&format!("error: {fault}"));

    match fault {
        ServerFault::UnknownServer { .. }
        | ServerFault::NameTaken { .. }
        | ServerFault::UnknownTool { .. } => Exit::Usage,
        ServerFault::Refused { failure, .. } if failure.kind == Kind::Permission => {
            Exit::Permission
        }
        ServerFault::Refused { .. } | ServerFault::NotRun { .. } | ServerFault::NoMatch { .. } => {
            Exit::Refused
        }
        ServerFault::Changed { .. } => {
            say("help: review them with `kaizen tools`, without `pin`, then run `kaizen trust`");
            Exit::Permission
        }
        ServerFault::NotReady { .. }
        | ServerFault::Gone { .. }
        | ServerFault::Forgotten { .. }
        | ServerFault::Mute { .. }
        | ServerFault::Flood { .. }
        | ServerFault::Protocol { .. }
        | ServerFault::Answered { .. } => Exit::Provider,
    }
}
