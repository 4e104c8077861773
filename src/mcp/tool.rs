//! The tools of a server, as they are offered: their names made fit, their texts made harmless, and a
//! hash of everything that the server says of them.

use crate::base::secret::{beginning, scrub};
use crate::base::spelling::nearest;
use crate::base::visible::{on_one_line, without_invisible};
use crate::base::wildcard::Wildcard;
use crate::mcp::definition::marked_fault;
use crate::mcp::fault::ServerFault;
use crate::mcp::spec::{Consent, ServerSpec};
use crate::schema;
use rmcp::model::Tool;
use serde_json::{Value, json};

/// Most tools of a server.
pub(super) const TOOLS_MAX: usize = 1000;
/// Most bytes of a description that are offered.
const DESCRIPTION_MAX: usize = 2 << 10;
/// Most bytes of the definition of one tool.
const DEFINITION_MAX: usize = 64 << 10;
/// Most characters of a name that providers take.
const NAME_MAX: usize = 64;
/// Most names of tools that an error shows.
const NAMES_SHOWN: usize = 20;
/// How many characters of a hash stand in the place of what a name loses.
const MARK: usize = 8;

/// A tool of a server.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ServerTool {
    /// Its name at the server.
    pub name: String,
    /// The name under which it is offered: `server__tool`.
    pub full_name: String,
    /// What it does, in the words of the server, without control and invisible characters.
    pub description: String,
    /// The schema of its arguments.
    pub schema: Value,
    /// The schema of its result, if the server says one.
    pub output_schema: Option<Value>,
    /// Whether it may be repeated and has no lasting effect: the project's word.
    pub is_read: bool,
    /// Whether a call needs the consent of a person: the project's word.
    pub needs_approval: bool,
    /// What the server claims of its effects. It is shown and never used.
    pub hints: Value,
    /// The hash of everything that the server says of it.
    pub hash: String,
}

/// The tools of a server, as they were when it was first asked.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Listing {
    /// The server.
    pub server: String,
    /// The tools that the project offers, as the server orders them.
    pub tools: Vec<ServerTool>,
    /// Name and hash of every tool, offered or not, ordered by name.
    pub hashes: Vec<(String, String)>,
    /// The names of the tools that cannot be offered, whatever the project says.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub left_out: Vec<String>,
    /// The hash of all definitions.
    pub hash: String,
    /// The version of the protocol that was agreed on.
    pub protocol: String,
    /// What was left out or taken out, for people.
    #[serde(skip)]
    pub notes: Vec<String>,
}

impl Listing {
    /// Makes a list of what a server has said.
    pub(super) fn new(spec: &ServerSpec, protocol: &str, said: Vec<Tool>) -> Listing {
        let mut listing = Listing {
            server: spec.name.clone(),
            tools: Vec::new(),
            hashes: Vec::new(),
            left_out: Vec::new(),
            hash: String::new(),
            protocol: protocol.to_owned(),
            notes: Vec::new(),
        };

        for tool in said {
            if let Some(fault) = fault_of(&tool) {
                listing.leave_out(&tool, &fault);
                continue;
            }
            if listing.hashes.iter().any(|(name, _)| *name == tool.name) {
                let note = format!(
                    "`{}` lists the tool `{}` more than once; the first one is used",
                    listing.server,
                    shown(&tool.name)
                );
                listing.notes.push(note);
                continue;
            }

            let hash = hash_of(&tool);
            listing.hashes.push((tool.name.to_string(), hash.clone()));
            if spec.offers(&tool.name) {
                listing.offer(spec, &tool, hash);
            }
        }

        listing.hashes.sort();
        let hash = blake3::hash(json!(listing.hashes).to_string().as_bytes());
        listing.hash = hash.to_hex().to_string();
        listing
    }

    fn leave_out(&mut self, tool: &Tool, fault: &str) {
        let name = shown(&tool.name);
        self.notes.push(format!("tool `{name}` of `{}` is left out: {fault}", self.server));
        self.left_out.push(name);
    }

    /// Offers a tool whose arguments can be checked.
    fn offer(&mut self, spec: &ServerSpec, tool: &Tool, hash: String) {
        let schema = harmless(Value::Object((*tool.input_schema).clone()));
        if let Err(reason) = schema::usable(&schema) {
            self.leave_out(tool, &format!("the schema of its arguments {reason}"));
            return;
        }

        let mut full_name = full_name(&self.server, &tool.name);
        if self.tools.iter().any(|known| known.full_name == full_name) {
            full_name = marked(&full_name, &tool.name);
        }

        let (description, taken_out) = description(tool);
        if taken_out > 0 {
            self.notes.push(format!(
                "removed {taken_out} invisible characters from the description of `{full_name}`"
            ));
        }

        let output = tool.output_schema.as_ref().map(|s| harmless(Value::Object((**s).clone())));
        let output_schema = output.filter(|output| match schema::usable(output) {
            Ok(()) => true,
            Err(reason) => {
                let what =
                    format!("results of `{full_name}` are not checked: their schema {reason}");
                self.notes.push(what);
                false
            }
        });
        self.tools.push(ServerTool {
            name: tool.name.to_string(),
            full_name,
            description,
            schema,
            output_schema,
            is_read: spec.is_read(&tool.name),
            needs_approval: spec.needs_approval(&tool.name),
            hints: tool.annotations.as_ref().map_or(Value::Null, |hints| harmless(json!(hints))),
            hash,
        });
    }

    /// Finds a pattern that covers no tool of the server, offered or not, and says what may be meant.
    pub fn vain<'a>(&self, patterns: &'a [Wildcard]) -> Option<(&'a Wildcard, String)> {
        let listed = self.hashes.iter().map(|(name, _)| name);
        let names: Vec<&str> = listed.chain(&self.left_out).map(String::as_str).collect();
        let covers = |pattern: &&Wildcard| names.iter().any(|name| pattern.covers(name));
        // Of a server without tools, nothing can be said.
        let vain = patterns.iter().find(|pattern| !names.is_empty() && !covers(pattern))?;

        let near = nearest(vain.text(), names.iter().copied());
        let help = if let Some(near) = near.map(shown) {
            format!("; did you mean `{near}`?")
        } else {
            let each: Vec<String> = names.iter().take(NAMES_SHOWN).map(|n| shown(n)).collect();
            format!("; its tools are {}", each.join(", "))
        };
        Some((vain, help))
    }

    /// Looks for patterns of the project that cover no tool. Where such a pattern is to keep a tool from
    /// being called, that is an error: the tool would be called all the same.
    pub(super) fn check_patterns(&mut self, spec: &ServerSpec) -> Result<(), ServerFault> {
        let approved: &[Wildcard] = match &spec.approve {
            Consent::Of(patterns) => patterns,
            Consent::Effects | Consent::Never => &[],
        };
        let only = spec.only.as_deref().unwrap_or_default();

        for (key, patterns, is_limit) in [
            ("approve", approved, true),
            ("except", spec.except.as_slice(), true),
            ("read", spec.read.as_slice(), false),
            ("only", only, false),
        ] {
            let Some((pattern, help)) = self.vain(patterns) else { continue };
            let server = self.server.clone();
            let pattern = pattern.text().to_owned();
            let fault = ServerFault::NoMatch { server, key, pattern, help };
            if is_limit {
                return Err(fault);
            }
            self.notes.push(fault.to_string());
        }
        Ok(())
    }

    /// Finds a tool by its name at the server, or by the name under which it is offered.
    pub fn find(&self, name: &str) -> Option<&ServerTool> {
        self.tools.iter().find(|tool| tool.name == name || tool.full_name == name)
    }

    /// Says how this list differs from earlier hashes, if it does. What was stored has no secrets in its names.
    pub fn changes_since(&self, earlier: &[(String, String)]) -> Option<String> {
        let clean = |all: &[(String, String)]| -> Vec<(String, String)> {
            all.iter().map(|(name, hash)| (scrub(name).into_owned(), hash.clone())).collect()
        };
        let earlier = clean(earlier);
        let own = clean(&self.hashes);

        let was = |name: &str| earlier.iter().find(|(known, _)| known == name);
        let quoted =
            |(name, _): &(String, String)| format!("`{}`", on_one_line(&without_invisible(name).0));

        let added: Vec<String> =
            own.iter().filter(|(name, _)| was(name).is_none()).map(quoted).collect();
        let differs = |(name, hash): &&(String, String)| was(name).is_some_and(|(_, h)| h != hash);
        let changed: Vec<String> = own.iter().filter(differs).map(quoted).collect();
        let is_gone = |(name, _): &&(String, String)| own.iter().all(|(n, _)| n != name);
        let removed: Vec<String> = earlier.iter().filter(is_gone).map(quoted).collect();

        let parts = [("added", added), ("changed", changed), ("removed", removed)];
        let told: Vec<String> = parts
            .into_iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(word, names)| format!("{word} {}", names.join(", ")))
            .collect();
        (!told.is_empty()).then(|| told.join("; "))
    }
}

/// Returns the name of a tool as people are shown it.
fn shown(name: &str) -> String {
    on_one_line(&beginning(&without_invisible(name).0, NAME_MAX)).into_owned()
}

/// Says why a tool cannot be offered at all.
fn fault_of(tool: &Tool) -> Option<String> {
    if let Some(fault) = marked_fault(tool) {
        return Some(without_invisible(&fault).0.into_owned());
    }
    let name: &str = &tool.name;
    if name.is_empty() || name.len() > 2 * NAME_MAX || without_invisible(name).1 > 0 {
        return Some("its name is empty, too long or has invisible characters".to_owned());
    }

    let is_object = match tool.input_schema.get("type") {
        Some(Value::String(kind)) => kind == "object",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        None => true,
        Some(_) => false,
    };
    if !is_object {
        return Some("the schema of its arguments does not describe an object".to_owned());
    }

    let is_large = json!(tool).to_string().len() > DEFINITION_MAX;
    is_large.then(|| "its definition has more than 64 KiB".to_owned())
}

/// Returns the hash of everything that a server says of a tool.
fn hash_of(tool: &Tool) -> String {
    let definition = sorted(json!(tool)).to_string();
    blake3::hash(definition.as_bytes()).to_hex().to_string()
}

/// Orders the keys of all maps, so that their order changes no hash.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(String, Value)> = fields.into_iter().collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(fields.into_iter().map(|(key, value)| (key, sorted(value))).collect())
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        plain => plain,
    }
}

/// Returns the name under which a tool is offered, of characters that every provider takes.
fn full_name(server: &str, tool: &str) -> String {
    let is_sound = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    let sound: String = scrub(tool).chars().map(|c| if is_sound(c) { c } else { '_' }).collect();
    let name = format!("{server}__{sound}");
    if sound == tool && name.len() <= NAME_MAX { name } else { marked(&name, tool) }
}

/// Ends a name in the hash of the one that it stands for, so that no two become one.
fn marked(name: &str, tool: &str) -> String {
    let hash = blake3::hash(tool.as_bytes()).to_hex();
    let head: String = name.chars().take(NAME_MAX - MARK - 1).collect();
    format!("{head}_{}", &hash[..MARK])
}

/// Returns the description, and how many characters were taken out of it.
fn description(tool: &Tool) -> (String, usize) {
    let said = tool.description.as_deref().or(tool.title.as_deref()).unwrap_or_default();
    let (clean, taken_out) = without_invisible(said);
    let mut text = scrub(clean.trim()).into_owned();

    if text.len() > DESCRIPTION_MAX {
        text.truncate(text.floor_char_boundary(DESCRIPTION_MAX));
        text.push_str(" [cut]");
    }
    (text, taken_out)
}

/// Takes invisible characters and secrets out of the texts of a value.
pub(super) fn harmless(value: Value) -> Value {
    fn clean(value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(without_invisible(&text).0.into_owned()),
            Value::Array(items) => items.into_iter().map(clean).collect(),
            Value::Object(fields) => {
                let fields = fields.into_iter().map(|(k, value)| (k, clean(value)));
                Value::Object(fields.collect())
            }
            plain => plain,
        }
    }
    crate::base::secret::clean(clean(value))
}
