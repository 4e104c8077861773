//! What the MCP servers of a project have offered: the version of the protocol that each spoke, and the
//! hashes of its tools. It lies beside what is trusted, outside of every project, so that no project can
//! say what was seen of its servers.

use crate::base::own;
use crate::base::secret::clean;
use crate::cli::app::project::{Project, raw_variable};
use crate::cli::app::trust;
use crate::mcp::spec::{ServerSpec, VERSIONS};
use crate::mcp::{Listing, ServerMemory};
use anyhow::Context;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Returns the hash of how a server is reached: the arguments of a program may hold keys.
fn identity(spec: &ServerSpec) -> String {
    blake3::hash(spec.identity().as_bytes()).to_hex().to_string()
}

/// Tells whether an entry is about this server. Earlier versions stored how it is reached itself.
fn is_of(entry: &Value, spec: &ServerSpec) -> bool {
    let known = entry["identity"].as_str();
    known.is_some_and(|known| known == identity(spec) || known == spec.identity())
}

fn file() -> anyhow::Result<PathBuf> {
    let state = own::user_folder(&raw_variable, "XDG_STATE_HOME", ".local/state")
        .context("cannot store which tools were seen: set HOME")?;
    Ok(state.join("kaizen").join("mcp.json"))
}

/// Returns what is known of the servers of a project. A server that is reached in another way is another.
pub(in crate::cli) fn memories(
    project: &Project,
) -> anyhow::Result<BTreeMap<String, ServerMemory>> {
    let known = trust::load(&file()?)?;
    let known = &known.get(&trust::name(project)?).cloned().unwrap_or(Value::Null);

    let memory = |spec: &ServerSpec| {
        let entry = &known[&spec.name];
        if !is_of(entry, spec) {
            return ServerMemory::default();
        }
        ServerMemory {
            protocol: entry["protocol"].as_str().map(str::to_owned),
            hashes: serde_json::from_value(entry["hashes"].clone()).ok(),
        }
    };
    Ok(project.config.servers().map(|(spec, _)| (spec.name.clone(), memory(spec))).collect())
}

/// Remembers the tools of a server, unless others are remembered already: those stay until the project is
/// trusted again.
pub(in crate::cli) fn remember(
    project: &Project,
    spec: &ServerSpec,
    listing: &Listing,
) -> anyhow::Result<()> {
    let file = file()?;
    let mut known = trust::load(&file)?;
    let root = trust::name(project)?;
    let before = known.get(&root).and_then(|servers| servers.get(&spec.name)).cloned();

    let hashes = match before.as_ref().filter(|entry| is_of(entry, spec)) {
        Some(entry) if entry["hashes"].is_array() => entry["hashes"].clone(),
        _ => json!(listing.hashes),
    };
    // A server can write into its names what it was given. A version that nobody knows may be no version.
    let protocol = VERSIONS.iter().find(|version| **version == listing.protocol);
    let entry = clean(json!({
        "identity": identity(spec), "protocol": protocol, "hashes": hashes,
    }));
    if before.as_ref() == Some(&entry) {
        return Ok(());
    }

    let servers = known.entry(root).or_insert_with(|| json!({}));
    servers[&spec.name] = entry;
    trust::save(&file, &known)
}

/// Forgets the tools of a project's servers.
pub(in crate::cli) fn forget(root: &str) -> anyhow::Result<()> {
    let Ok(file) = file() else { return Ok(()) };
    let mut known = trust::load(&file)?;
    if known.remove(root).is_some() {
        trust::save(&file, &known)?;
    }
    Ok(())
}
