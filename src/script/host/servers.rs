//! MCP servers of a project, for scripts and for commands: whether one may be started or reached, and
//! with which environment. What a project asks for needs trust and no grant; a denial holds all the same.

use crate::base::credential::learn_variable;
use crate::base::failure::{Failure, Kind};
use crate::mcp::spec::{Reach, ServerSpec};
use crate::mcp::{Launch, Launcher, ServerFault, ServerProgram};
use crate::model::provider::page::host_of;
use crate::model::registry::Models;
use crate::model::spec::KeyRef;
use crate::script::host::executable::Executable;
use crate::script::host::permission::{Permissions, ProgramInput};
use crate::script::host::right::{Right, Target};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Variables that every program gets; others must be named.
pub(in crate::script) const INHERITED: &[&str] =
    &["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "TERM"];

/// Returns what looks up how to reach the servers of a project. `folder` is where programs start.
pub fn launcher(permissions: Permissions, models: Rc<Models>, folder: PathBuf) -> Launcher {
    let shared = Rc::new((permissions, models, folder));
    Rc::new(move |spec| {
        let shared = shared.clone();
        Box::pin(async move {
            let (permissions, models, folder) = &*shared;
            launch(&spec, permissions, models, folder).await.map_err(|failure| {
                ServerFault::Refused { server: spec.name.clone(), failure: Box::new(failure) }
            })
        })
    })
}

async fn launch(
    spec: &ServerSpec,
    permissions: &Permissions,
    models: &Models,
    folder: &Path,
) -> Result<Launch, Failure> {
    match &spec.reach {
        Reach::Program { command, env } => {
            program(command, env, permissions, models, folder).map(Launch::Program)
        }
        Reach::Address { url, key } => {
            models.deny(permissions.denials());
            let exchanger = models.exchanger(url).await?;
            let whose = format!("MCP server `{}`", spec.name);
            let key = key.as_ref().map(|key| models.key_of(key, &whose)).transpose()?;
            Ok(Launch::Address { exchanger, key: key.flatten() })
        }
    }
}

/// Accepts a server that a script describes: nothing of it is the project's wish, so it needs grants.
pub(in crate::script) async fn demand(
    spec: &ServerSpec,
    permissions: &Permissions,
    models: &Models,
    folder: &Path,
) -> Result<(), Failure> {
    match &spec.reach {
        Reach::Program { command, env } => {
            let Some((named, arguments)) = command.split_first() else { return Ok(()) };
            let path = models.variable("PATH").filter(|_| !permissions.denies_variable("PATH"));
            let found = Executable::find(named, folder, path.as_deref());
            permissions.demand_program(&found, ProgramInput { arguments, stdin: "" }).await?;

            for name in env {
                permissions.demand_variable(name).await?;
            }
        }
        Reach::Address { url, key } => {
            if let Some((name, port)) = host_of(url) {
                permissions.demand_host(&Target::Host(&name, port)).await?;
            }
            if let Some(KeyRef::Env(name)) = key {
                permissions.demand_variable(name).await?;
            }
            if let Some(key) = key {
                models.learn_key(key);
            }
        }
    }
    Ok(())
}

fn program(
    command: &[String],
    env: &[String],
    permissions: &Permissions,
    models: &Models,
    folder: &Path,
) -> Result<ServerProgram, Failure> {
    let (named, arguments) = command
        .split_first()
        .ok_or_else(|| Failure::new(Kind::Option, "the command of a server is empty"))?;

    // A variable that is asked for and denied is an error; one that all programs get is left out.
    for name in env {
        permissions.refuse_denied(Right::Env, &Target::Name(name), name)?;
    }
    let wanted = INHERITED.iter().map(|name| (*name).to_owned()).chain(env.iter().cloned());
    let allowed = wanted.filter(|name| !permissions.denies_variable(name));
    let env: Vec<(String, String)> =
        allowed.filter_map(|name| models.variable(&name).map(|value| (name, value))).collect();

    // What is handed on may come back in a result.
    for (name, value) in &env {
        learn_variable(name, value);
    }

    let path = env.iter().find(|(name, _)| name == "PATH").map(|(_, path)| path.as_str());
    let found = Executable::find(named, folder, path);
    permissions.refuse_denied(Right::Run, &Target::Program(&found), named)?;

    Ok(ServerProgram {
        path: found.to_run().into(),
        named: named.clone(),
        arguments: arguments.to_vec(),
        env,
        folder: folder.to_owned(),
    })
}
