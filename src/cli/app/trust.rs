//! Trust: a project's own wishes, which servers get its prompts and what its scripts may touch,
//! count only once its user has seen them. Trust is bound to the very wishes: others ask again.

use crate::base::credential::{public, public_command, without_credentials};
use crate::base::visible::{on_one_line, shown_path};
use crate::base::wildcard::Wildcard;
use crate::base::{own, secret};
use crate::cli::app::exit::Exit;
use crate::cli::app::permissions::ask_and_wait;
use crate::cli::app::project::{Project, raw_variable, variable};
use crate::cli::app::seen_tools;
use crate::cli::{Global, print_data, say};
use crate::mcp::spec::{Consent, Reach, ServerSpec};
use crate::model::registry::key_variable;
use crate::model::spec::{KeyRef, ModelSpec, is_on_this_machine};
use anyhow::Context;
use serde_json::{Map, Value, json};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A project whose wishes nobody has accepted.
#[derive(Debug, thiserror::Error)]
#[error(
    "this project is not trusted, so nothing was run; review these lines, then run `kaizen trust`"
)]
pub(in crate::cli) struct UntrustedProject;

/// A line of kaizen.toml that needs trust.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wish {
    /// The line as it is: trust is bound to it.
    exact: String,
    /// The line as anybody may see it. It ends up in the logs of other programs.
    shown: String,
}

impl Wish {
    /// Makes a wish of a text that holds no secret.
    fn plain(text: String) -> Wish {
        Wish { exact: text.clone(), shown: text }
    }

    /// Makes a wish of a setting; `shown` is its value as anybody may see it.
    fn of(key: &str, exact: &impl fmt::Debug, shown: &impl fmt::Debug) -> Wish {
        Wish { exact: format!("{key} = {exact:?}"), shown: format!("{key} = {shown:?}") }
    }

    /// Returns what it is known by from one time to the next.
    fn mark(&self) -> String {
        mark(&self.exact)
    }
}

fn mark(exact: &str) -> String {
    blake3::hash(exact.as_bytes()).to_hex().to_string()
}

/// What was trusted before, line by line.
struct TrustedLines(Vec<(String, String)>);

impl TrustedLines {
    /// Reads an entry. Earlier versions stored the lines themselves, which may hold keys: of one of those that
    /// is gone, only the name is shown.
    fn read(entry: &Value) -> TrustedLines {
        let texts = |key: &str| {
            let list = entry[key].as_array().into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<String>>()
        };

        let wishes = texts("wishes");
        let marks = texts("lines");
        if marks.len() == wishes.len() {
            return TrustedLines(marks.into_iter().zip(wishes).collect());
        }
        let name = |line: &str| line.split(" = ").next().unwrap_or_default().to_owned();
        TrustedLines(wishes.iter().map(|line| (mark(line), name(line))).collect())
    }
}

/// The options of `trust`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Show what the project requests and whether it is trusted.
    #[arg(long)]
    show: bool,
    /// Revoke the trust.
    #[arg(long, conflicts_with = "show")]
    revoke: bool,
}

/// Lets the project's wishes count from now on.
pub(in crate::cli) fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<Exit> {
    let project = Project::find()?;
    let wishes = wishes(&project);
    let file = file()?;
    let mut known = load(&file)?;

    let root = name(&project)?;
    let trusted = known.get(&root).is_some_and(|entry| entry["hash"] == hash(&wishes).as_str());

    if !arguments.show {
        // Tools are remembered from the trust on, so it forgets those that were seen before.
        seen_tools::forget(&root)?;
    }

    if arguments.revoke {
        let was = known.remove(&root).is_some();
        save(&file, &known)?;
        say(if was { "trust revoked" } else { "this project was not trusted" });
        return Ok(Exit::Ok);
    }

    if global.json {
        let trusted = trusted || !arguments.show || wishes.is_empty();
        let lines: Vec<&str> = wishes.iter().map(|wish| wish.shown.as_str()).collect();
        print_data(json!({ "wishes": lines, "trusted": trusted }));
    } else {
        show(&wishes, None);
    }

    if wishes.is_empty() {
        say("this project requests nothing that requires trust");
        return Ok(Exit::Ok);
    }

    if arguments.show {
        say(if trusted { "trusted" } else { "not trusted; run `kaizen trust` to allow this" });
        return Ok(Exit::Ok);
    }

    known.insert(root, entry(&wishes));
    save(&file, &known)?;
    say("trusted; kaizen asks again if these lines change");

    Ok(Exit::Ok)
}

/// Makes sure that what the project requests may be granted; asks on a terminal if `may_ask`.
pub(in crate::cli) fn ensure(project: &Project, may_ask: bool) -> anyhow::Result<()> {
    if let Some(known) = OF_WORKER.get() {
        return ensure_of_worker(project, known);
    }
    let wishes = wishes(project);
    if wishes.is_empty() || variable("KAIZEN_TRUST").is_some_and(|value| value == "1") {
        return Ok(());
    }

    let file = file()?;
    let mut known = load(&file)?;
    let root = name(project)?;
    let before = known.get(&root).cloned();
    // The hash is that of all wishes, so a change of one asks again.
    if before.as_ref().is_some_and(|entry| entry["hash"] == hash(&wishes).as_str()) {
        // Earlier versions stored the lines themselves, which may hold keys.
        if before != Some(entry(&wishes)) {
            known.insert(root, entry(&wishes));
            // It is trusted in any case.
            let _ = save(&file, &known);
        }
        return Ok(());
    }

    let before = before.as_ref().map(TrustedLines::read);
    let what = if before.is_some() { "has changed its requests" } else { "requests" };
    say(&format!("the kaizen.toml of `{}` {what}:", shown_path(&project.root)));
    show(&wishes, before.as_ref());

    if !may_ask {
        anyhow::bail!(UntrustedProject);
    }

    let line = ask_and_wait("trust it? [y]es, [N]o ")?;
    if !matches!(line.trim().to_lowercase().as_str(), "y" | "yes") {
        anyhow::bail!(UntrustedProject);
    }

    known.insert(root, entry(&wishes));
    save(&file, &known)
}

/// What the project of a worker wishes and its user trusts, in a process that performs a stint.
static OF_WORKER: OnceLock<Vec<String>> = OnceLock::new();

/// Lets a project wish what that of a worker does, and nothing else. Only the first call counts.
#[cfg(feature = "engine")]
pub(in crate::cli) fn trust_of_worker(marks: Vec<String>) {
    OF_WORKER.get_or_init(|| marks);
}

/// Returns what stands for each wish of a project that was made sure of.
#[cfg(feature = "engine")]
pub(in crate::cli) fn marks(project: &Project) -> Vec<String> {
    wishes(project).iter().map(Wish::mark).collect()
}

fn ensure_of_worker(project: &Project, known: &[String]) -> anyhow::Result<()> {
    // Store and engine are those of the worker.
    let is_new = |wish: &&Wish| !wish.exact.starts_with("engine.") && !known.contains(&wish.mark());
    let wishes = wishes(project);
    let new: Vec<&Wish> = wishes.iter().filter(is_new).collect();
    if new.is_empty() {
        return Ok(());
    }

    say("the kaizen.toml of the run requests what the one of the worker does not:");
    for wish in new {
        say(&format!("  + {}", on_one_line(&wish.shown)));
    }
    anyhow::bail!(UntrustedProject);
}

/// Returns what is stored of trust.
fn entry(wishes: &[Wish]) -> Value {
    let lines: Vec<String> = wishes.iter().map(Wish::mark).collect();
    let shown: Vec<&str> = wishes.iter().map(|wish| wish.shown.as_str()).collect();
    json!({ "hash": hash(wishes), "lines": lines, "wishes": secret::clean(json!(shown)) })
}

/// Returns what the project wishes beyond the harmless, line by line: to be used although it may be
/// somebody else's, servers elsewhere, keys that are not a provider's own, and permissions.
fn wishes(project: &Project) -> Vec<Wish> {
    let own = project.root.join("kaizen.toml");
    let mut wishes: Vec<Wish> = project.doubts().into_iter().map(Wish::plain).collect();

    for (alias, spec, origin) in project.config.models().filter(|(.., o)| o.is_file(&own)) {
        let text = |key: &str| spec.get(key).and_then(Value::as_str);
        // Only what sends data elsewhere, or takes a key, needs trust.
        let elsewhere = text("base_url").is_some_and(|url| !is_on_this_machine(url));
        if !elsewhere && !wishes_key(spec) {
            continue;
        }

        debug_assert!(origin.is_file(&own));
        for key in ["use", "provider", "base_url", "key"] {
            if let Some(value) = text(key) {
                let shown = public(key, &value.into());
                let shown = shown.as_str().unwrap_or_default();
                wishes.push(Wish::of(&format!("models.{alias}.{key}"), &value, &shown));
            }
        }
    }

    for (spec, _) in project.config.servers().filter(|(_, o)| o.is_file(&own)) {
        wishes.extend(wishes_of(spec));
    }

    // Spans that stay on this machine and bear no key of the user's need no trust.
    let sends = project
        .config
        .otel()
        .is_some_and(|otel| !is_on_this_machine(&otel.endpoint) || !otel.headers.is_empty());
    for (key, value, _) in project.config.all().filter(|(.., o)| o.is_file(&own)) {
        // Another store gets everything that runs ask and are answered, by an address from any variable.
        let is_of_store =
            matches!(key, "engine.store" | "engine.temporal" | "engine.unsafe_durability");
        if is_of_store || key.starts_with("secrets.") || sends && key.starts_with("otel.") {
            let exact = format!("{key} = {value}");
            wishes.push(Wish { exact, shown: format!("{key} = {}", public(key, value)) });
        }
    }

    for rules in project.config.permissions().iter().filter(|rules| rules.origin.is_file(&own)) {
        wishes.push(Wish::plain(format!("permissions.{} = {:?}", rules.key, rules.list)));
    }

    wishes
}

/// Returns what an MCP server wishes: to be started or reached, with what of the environment, and which
/// of its tools need no consent.
fn wishes_of(spec: &ServerSpec) -> Vec<Wish> {
    let name = |key: &str| format!("mcp.{}.{key}", spec.name);
    let wish = |key: &str, value: String| Wish::plain(format!("{} = {value}", name(key)));
    let mut wishes = Vec::new();

    match &spec.reach {
        Reach::Program { command, env } => {
            let shown = public_command(command.clone());
            wishes.push(Wish::of(&name("command"), command, &shown));
            if !env.is_empty() {
                wishes.push(Wish::of(&name("env"), env, env));
            }
        }
        Reach::Address { url, key } => {
            wishes.push(Wish::of(&name("url"), url, &without_credentials(url)));
            let place = match key {
                Some(KeyRef::Env(name)) => Some(format!("env:{name}")),
                Some(KeyRef::File(path)) => Some(format!("file:{path}")),
                Some(KeyRef::Nothing) | None => None,
            };
            wishes.extend(place.map(|place| wish("key", format!("\"{place}\""))));
        }
    }

    let texts = |patterns: &[Wildcard]| -> Vec<String> {
        patterns.iter().map(|pattern| pattern.text().to_owned()).collect()
    };
    if !spec.read.is_empty() {
        wishes.push(wish("read", format!("{:?}", texts(&spec.read))));
    }
    match &spec.approve {
        Consent::Effects => {}
        Consent::Never => wishes.push(wish("approve", "\"never\"".to_owned())),
        Consent::Of(patterns) => wishes.push(wish("approve", format!("{:?}", texts(patterns)))),
    }

    wishes
}

/// Tells whether a description of a model wishes a key that it would not get by itself, which is the
/// provider's own at the provider's own server.
fn wishes_key(spec: &Map<String, Value>) -> bool {
    let Some(key) = spec.get("key").and_then(Value::as_str) else { return false };
    let is_own = spec.get("base_url").is_none()
        && ModelSpec::from_map(spec).is_ok_and(|spec| {
            key_variable(&spec.provider)
                .is_some_and(|own| spec.key == Some(KeyRef::Env(own.into())))
        });
    // What names no place of a key is refused where it is read.
    (key.starts_with("env:") || key.starts_with("file:")) && !is_own
}

/// Shows wishes; with those of before, how they differ.
fn show(wishes: &[Wish], before: Option<&TrustedLines>) {
    let marks: Vec<String> = wishes.iter().map(Wish::mark).collect();
    let is_known = |mark: &String| {
        before.is_none_or(|TrustedLines(lines)| lines.iter().any(|(known, _)| known == mark))
    };

    for (wish, mark) in wishes.iter().zip(&marks) {
        let sign = if is_known(mark) { ' ' } else { '+' };
        say(&format!("  {sign} {}", on_one_line(&wish.shown)));
    }

    for (mark, gone) in before.into_iter().flat_map(|TrustedLines(lines)| lines) {
        if !marks.contains(mark) {
            say(&format!("  - {}", on_one_line(gone)));
        }
    }
}

fn hash(wishes: &[Wish]) -> String {
    let lines: Vec<&str> = wishes.iter().map(|wish| wish.exact.as_str()).collect();
    mark(&lines.join("\n"))
}

/// Returns what a project is known by: its folder. Two folders never share a name, whatever bytes are
/// in theirs.
pub(in crate::cli) fn name(project: &Project) -> anyhow::Result<String> {
    let root = project.root.canonicalize().context("cannot find the project")?;
    Ok(match root.to_str() {
        Some(text) => text.to_owned(),
        // A path begins with `/`, so that this is never one.
        None => format!("bytes:{}", root.as_os_str().as_bytes().escape_ascii()),
    })
}

/// Returns the file in which trust is kept, outside of every project.
fn file() -> anyhow::Result<PathBuf> {
    let state = own::user_folder(&raw_variable, "XDG_STATE_HOME", ".local/state").context(
        "cannot store which projects you trust: set HOME, or set KAIZEN_TRUST=1 to trust every \
         project",
    )?;
    Ok(state.join("kaizen").join("trust.json"))
}

pub(in crate::cli) fn load(file: &Path) -> anyhow::Result<Map<String, Value>> {
    match own::read(file) {
        Ok(text) => serde_json::from_str(&text).with_context(|| {
            format!("`{}` is damaged; delete it to reset your trusted projects", shown_path(file))
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Map::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read `{}`", shown_path(file))),
    }
}

pub(in crate::cli) fn save(file: &Path, known: &Map<String, Value>) -> anyhow::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let write = || {
        own::make_folder(folder)?;
        own::write(file, serde_json::to_string_pretty(known)?.as_bytes())
    };
    write().with_context(|| format!("cannot write `{}`", shown_path(file)))
}
