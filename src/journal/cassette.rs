//! Cassettes: what the models of a test were asked and what they answered, in a file that people
//! read in reviews. One line is one exchange; equal requests stand in the order of their replies,
//! and no other order means anything.

use crate::base::count::counted;
use crate::base::secret::{clean, clean_fields, scrub_in, scrubbed};
use crate::base::strand::Spot;
use crate::base::unit::Money;
use crate::base::{file, own};
use crate::journal::cassette_difference::{names, short, text_difference, whole};
use crate::journal::cassette_text::{
    CassetteHead, FORMAT, FORMAT_WITH_PLACES, FORMAT_WITH_RESULTS, FORMAT_WITH_TOOLS,
    FORMAT_WITHOUT_PLACES, parse,
};
use crate::journal::inquiry::Inquiry;
use crate::journal::key::{Key, deciding, deciding_messages};
use crate::journal::known_replies::Sample;
use crate::journal::part::tool_without_secrets;
use crate::journal::result_line::{ResultLine, ResultLines};
use crate::model::Model;
use crate::model::message::Message;
use crate::model::opaque::OpaquePart;
use crate::model::reply::{CallResult, ReplyContent, Usage};
use crate::model::request::{Request, Settings};
use crate::model::tool::{ToolCall, ToolChoice, ToolSpec};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Largest cassette that is read, in bytes.
const SIZE_MAX: u64 = 64 << 20;
/// How much of a prompt is compared with others, in characters.
const HEAD_CHARS: usize = 400;

/// A cassette that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CassetteError {
    /// The file cannot be read or written.
    #[error("the cassette `{path}`: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A program newer than this one wrote it.
    #[error(
        "the cassette `{path}` has format {found}, but this version reads format {FORMAT}; use a \
         newer kaizen, or delete the file and record it again",
        path = path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
    /// A line is not what it should be.
    #[error(
        "the cassette `{path}` is damaged at line {line}: {reason}; fix the line, or delete it \
         and record again with `kaizen test --record new`",
        path = path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// One line: a request and its reply, without secrets. The key was computed before they were taken
/// out.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CassetteLine {
    /// What the request is known by.
    pub key: Key,
    /// Who asked, and which of its equal requests this is; only where others ask the same.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub at: Option<Spot>,
    /// The model's label.
    pub model: String,
    /// The model's server.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub server: Option<String>,
    /// The conversation, the newest message last.
    pub messages: Vec<Message>,
    /// The settings that decide the answer.
    #[serde(skip_serializing_if = "is_plain", default)]
    pub settings: Settings,
    /// The JSON schema that the reply had to follow.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub schema: Option<Value>,
    /// The tools that were offered.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub tools: Vec<ToolSpec>,
    /// Whether one of them had to be called.
    #[serde(skip_serializing_if = "ToolChoice::is_auto", default)]
    pub choice: ToolChoice,
    /// The text of the reply.
    pub reply: String,
    /// Whether `max_tokens` cut the reply, and that was accepted.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub cut: bool,
    /// The calls of tools that stand in it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub calls: Vec<ToolCall>,
    /// The parts of it that only its provider understands.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub opaque: Vec<OpaquePart>,
    /// Tokens used, if known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub usage: Option<Usage>,
    /// What it cost, if known, in nano-dollars.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cost: Option<Money>,
    /// The model that the provider says has answered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub served_by: Option<String>,
}

fn is_plain(settings: &Settings) -> bool {
    *settings == Settings::default()
}

impl CassetteLine {
    /// Creates a line whose reply is still to come. `key` is the request's.
    pub fn asked(key: Key, model: &Model, request: &Request) -> CassetteLine {
        let line = CassetteLine {
            key,
            at: None,
            model: model.label.clone(),
            server: model.server().map(|server| server.trim_end_matches('/').to_owned()),
            messages: deciding_messages(&request.messages).into_owned(),
            settings: deciding(&request.settings),
            schema: request.schema.clone(),
            tools: request.tools.clone(),
            choice: request.choice.clone(),
            reply: String::new(),
            cut: false,
            calls: Vec::new(),
            opaque: Vec::new(),
            usage: None,
            cost: None,
            served_by: None,
        };

        line.without_secrets()
    }

    /// Adds the reply; `None` if the call gave none.
    pub fn answered(&self, called: &CallResult) -> Option<CassetteLine> {
        let ReplyContent { text, calls, opaque } = called.result.as_ref().ok()?.clone();
        let line = CassetteLine {
            reply: text,
            cut: called.is_cut,
            calls,
            opaque,
            usage: called.usage,
            cost: called.cost,
            served_by: called.served_by.clone(),
            ..self.clone()
        };
        Some(line.without_secrets())
    }

    /// Returns the call as it was recorded.
    pub fn called(&self) -> CallResult {
        let usage = self.usage;
        let cost = self.cost;
        let served_by = self.served_by.clone();
        let said = ReplyContent {
            text: self.reply.clone(),
            calls: self.calls.clone(),
            opaque: self.opaque.clone(),
        };
        CallResult { usage, cost, served_by, is_cut: self.cut, result: Ok(said) }
    }

    fn without_secrets(mut self) -> CassetteLine {
        let messages = self.messages.into_iter();
        self.messages = messages.map(|message| message.map_texts(&scrubbed)).collect();
        self.calls = self.calls.into_iter().map(|call| call.map_texts(&scrubbed)).collect();
        self.opaque = self.opaque.into_iter().map(|part| part.map_texts(&scrubbed)).collect();
        self.tools = self.tools.into_iter().map(tool_without_secrets).collect();

        scrub_in(&mut self.reply);
        scrub_in(&mut self.model);

        for text in [&mut self.server, &mut self.served_by].into_iter().flatten() {
            scrub_in(text);
        }

        self.settings.stop.iter_mut().for_each(scrub_in);
        self.settings.extra = clean_fields(std::mem::take(&mut self.settings.extra));
        self.schema = self.schema.map(clean);

        self
    }

    /// By what lines are sorted, so that a prompt that was edited stays where it is and a
    /// conversation reads from top to bottom.
    fn place(&self) -> (Vec<(&str, Cow<'_, str>)>, &str, Key) {
        let messages = self.messages.iter().map(|message| (message.role.word(), whole(message)));
        (messages.collect(), &self.model, self.key)
    }

    fn prompt(&self) -> Cow<'_, str> {
        self.messages.last().map_or(Cow::Borrowed(""), Message::shown)
    }

    /// Tells whether pictures go with it.
    fn has_images(&self) -> bool {
        self.messages.iter().any(|message| message.images_count() > 0)
    }

    /// Tells whether tools are offered, or the reply may be cut.
    fn needs_tools(&self) -> bool {
        let has_calls = !self.messages.iter().all(Message::is_plain) || !self.calls.is_empty();
        let has_tools = !self.tools.is_empty() || !self.choice.is_auto() || !self.opaque.is_empty();
        has_calls || has_tools || self.cut || self.settings.on_length.is_some()
    }

    /// Says in what this request differs from one that was recorded.
    fn differences(&self, known: &CassetteLine) -> Vec<String> {
        let mut found = Vec::new();
        let mut differ = |what: &str, known: String, asked: String| {
            if known != asked {
                found.push(format!("{what}: {asked}, recorded with {known}"));
            }
        };

        differ("model", known.model.clone(), self.model.clone());
        let server = |line: &CassetteLine| line.server.clone().unwrap_or_else(|| "none".to_owned());
        differ("server", server(known), server(self));

        let before = fields(&known.settings);
        let now = fields(&self.settings);
        for name in before.keys().chain(now.keys().filter(|name| !before.contains_key(*name))) {
            let value = |fields: &Map<String, Value>| {
                fields
                    .get(name)
                    .map_or_else(|| "unset".to_owned(), |value| short(&value.to_string()))
            };
            differ(&format!("`{name}`"), value(&before), value(&now));
        }

        let schema = |line: &CassetteLine| {
            line.schema
                .as_ref()
                .map_or_else(|| "none".to_owned(), |schema| short(&schema.to_string()))
        };
        if self.schema != known.schema {
            differ("schema", schema(known), schema(self));
        }

        if self.tools != known.tools {
            differ("tools", names(&known.tools), names(&self.tools));
        }
        let choice = |line: &CassetteLine| format!("{:?}", line.choice).to_lowercase();
        differ("tool_choice", choice(known), choice(self));

        differ("messages", known.messages.len().to_string(), self.messages.len().to_string());
        let pairs = known.messages.iter().zip(&self.messages).enumerate();
        for (index, (before, now)) in pairs.filter(|(_, (before, now))| before != now) {
            let number = index + 1;
            let who = if before.role == now.role {
                format!("{} message", now.role.word())
            } else {
                format!("{} message instead of a {} one", now.role.word(), before.role.word())
            };
            found.push(format!("message {number} ({who}){}", text_difference(before, now)));
        }

        found
    }
}

fn fields(settings: &Settings) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// The exchanges of one test.
#[derive(Debug, Clone, Default)]
pub struct Cassette {
    path: PathBuf,
    /// Each with its line in the file, from 1.
    lines: Vec<(usize, CassetteLine)>,
    /// The exchanges of each request, by their place among the lines.
    places: HashMap<Key, Vec<usize>>,
    /// What servers of tools answered.
    results: ResultLines,
}

/// What a cassette has to hold.
#[derive(Debug, Clone, Default)]
pub struct CassetteContent {
    /// The exchanges with models.
    pub lines: Vec<CassetteLine>,
    /// What servers of tools answered.
    pub results: Vec<ResultLine>,
}

impl From<Vec<CassetteLine>> for CassetteContent {
    fn from(lines: Vec<CassetteLine>) -> CassetteContent {
        CassetteContent { lines, results: Vec::new() }
    }
}

impl Cassette {
    /// Reads a cassette; a file that does not exist is one without exchanges.
    pub fn read(path: &Path) -> Result<Cassette, CassetteError> {
        let failed = |source| CassetteError::File { path: path.to_owned(), source };
        let length = match std::fs::metadata(path) {
            Ok(meta) => meta.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Cassette::of(path, Vec::new()));
            }
            Err(error) => return Err(failed(error)),
        };

        if length > SIZE_MAX {
            let reason = format!("it has {length} bytes; at most {SIZE_MAX} are read");
            return Err(failed(std::io::Error::other(reason)));
        }

        let text = file::read_lines(path).map_err(failed)?;
        let (lines, results) = parse(&text).map_err(|fault| fault.at(path))?;
        let results = ResultLines::of(results);
        Ok(Cassette { results, ..Cassette::numbered(path, lines) })
    }

    /// Collects exchanges as if they had been read from a file.
    pub fn of(path: &Path, mut lines: Vec<CassetteLine>) -> Cassette {
        lines.sort_by(|a, b| a.place().cmp(&b.place()));
        Cassette::numbered(path, lines.into_iter().enumerate().map(|(at, l)| (at + 2, l)).collect())
    }

    fn numbered(path: &Path, lines: Vec<(usize, CassetteLine)>) -> Cassette {
        let mut places: HashMap<Key, Vec<usize>> = HashMap::new();

        for (place, (_, line)) in lines.iter().enumerate() {
            places.entry(line.key).or_default().push(place);
        }

        let results = ResultLines::default();
        Cassette { path: path.to_owned(), lines, places, results }
    }

    /// Returns what servers of tools answered.
    pub fn results(&self) -> &ResultLines {
        &self.results
    }

    /// Says that a question to a server of tools is not here.
    pub fn miss_result(&self, asked: &Inquiry) -> String {
        let path = self.path.display();
        let test = self.path.file_stem().unwrap_or_default().display();
        let shown = short(&asked.to_string());
        format!(
            "no recorded answer of an MCP server for `{shown}`\n`{path}` has {}\nrecord the \
             answer with `kaizen test {test} --record new`",
            counted(
                self.results.len(),
                "recorded answer of a server",
                "recorded answers of servers"
            )
        )
    }

    /// Finds the place of the exchange of a request among those that are not taken: its own, or else
    /// one that is nobody's, or else the first.
    pub fn find(&self, sample: &Sample, is_taken: impl Fn(usize) -> bool) -> Option<usize> {
        let free = self.places.get(&sample.key)?.iter().copied().filter(|place| !is_taken(*place));
        let rank = |place: &usize| match &self.lines[*place].1.at {
            Some(at) if *at == sample.at => 0,
            None => 1,
            Some(_) => 2,
        };

        free.min_by_key(rank)
    }

    /// Returns the exchange at a place.
    pub fn line(&self, place: usize) -> &CassetteLine {
        &self.lines[place].1
    }

    /// Returns all exchanges in the order of their places.
    pub fn lines(&self) -> impl Iterator<Item = &CassetteLine> {
        self.lines.iter().map(|(_, line)| line)
    }

    /// Leaves out who asked where nobody else asked the same.
    fn with_places_where_needed(mut self) -> Cassette {
        for places in self.places.values() {
            if let [only] = places.as_slice() {
                self.lines[*only].1.at = None;
            }
        }
        self
    }

    /// Returns how many exchanges there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Tells whether there is no exchange.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Says that a request is not here, and what the nearest one is that is. `earlier` is how many
    /// equal requests the test has made before.
    pub fn miss(&self, asked: &CassetteLine, earlier: u32) -> String {
        let path = self.path.display();
        let head = format!(
            "no recorded reply for this request to `{}`: `{}`",
            asked.model,
            short(&asked.prompt())
        );

        // The cassette of a test has its name.
        let test = self.path.file_stem().unwrap_or_default().display();
        let help = format!("record the reply with `kaizen test {test} --record new`");

        if earlier > 0 && self.places.get(&asked.key).map(Vec::len) == usize::try_from(earlier).ok()
        {
            return format!(
                "{head}\n`{path}` has {}, but the test makes one more such request\n{help}",
                counted(earlier, "reply for it", "replies for it")
            );
        }

        let Some((number, nearest)) = self.nearest(asked) else {
            return format!("{head}\n`{path}` has no recorded replies\n{help}");
        };

        let mut differences = asked.differences(nearest);
        if differences.is_empty() {
            differences.push("a redacted secret, or the seed of a model".to_owned());
        }

        format!(
            "{head}\nits key is {}; the nearest recorded request, {} at {path}:{number}, differs in\n  {}\n{help}",
            asked.key,
            nearest.key,
            differences.join("\n  ")
        )
    }

    /// Finds the exchange that is most like a request.
    fn nearest(&self, asked: &CassetteLine) -> Option<&(usize, CassetteLine)> {
        let head = |text: &str| text.chars().take(HEAD_CHARS).collect::<String>();
        let wanted = head(&asked.prompt());

        let likeness = |line: &CassetteLine| {
            let prompt = strsim::normalized_levenshtein(&wanted, &head(&line.prompt()));
            // Among equal prompts, the one of the same model and conversation is nearest.
            let model = f64::from(u8::from(line.model == asked.model));
            let history = f64::from(u8::from(line.messages.len() == asked.messages.len()));
            prompt + 0.02 * model + 0.01 * history
        };

        let scored = self.lines.iter().rev().map(|line| (likeness(&line.1), line));
        scored.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, line)| line)
    }
}

/// Writes a cassette, whole or not at all; one without exchanges is no file.
pub fn write(path: &Path, content: impl Into<CassetteContent>) -> Result<(), CassetteError> {
    let CassetteContent { lines, results } = content.into();
    let failed = |source| CassetteError::File { path: path.to_owned(), source };
    if lines.is_empty() && results.is_empty() {
        return match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        };
    }

    let cassette = Cassette::of(path, lines).with_places_where_needed();
    let has_places = cassette.lines().any(|line| line.at.is_some());
    let has_images = cassette.lines().any(CassetteLine::has_images);
    let format = if !results.iter().all(ResultLine::is_told) {
        FORMAT
    } else if !results.is_empty() || has_images {
        FORMAT_WITH_RESULTS
    } else if cassette.lines().any(CassetteLine::needs_tools) {
        FORMAT_WITH_TOOLS
    } else if has_places {
        FORMAT_WITH_PLACES
    } else {
        FORMAT_WITHOUT_PLACES
    };

    let mut text = serde_json::to_string(&CassetteHead { cassette: format }).expect("plain data");
    text.push('\n');
    for (_, line) in cassette.lines {
        text.push_str(&serde_json::to_string(&line).expect("an exchange is plain data"));
        text.push('\n');
    }
    for line in ResultLines::of(results).lines() {
        text.push_str(&serde_json::to_string(line).expect("an answer is plain data"));
        text.push('\n');
    }

    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed)?;
    own::write_shared(path, text.as_bytes()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::Secret;
    use crate::base::strand::Strand;
    use crate::journal::cassette_text::CassetteFault;
    use crate::model::message::Role;
    use crate::model::opaque::OpaquePlace;
    use crate::model::registry::Models;
    use serde_json::json;

    fn request(text: &str, temperature: Option<f64>) -> Request {
        let messages =
            vec![Message::new(Role::System, "Be terse."), Message::new(Role::User, text)];
        let settings = Settings { temperature, timeout_ms: Some(5), ..Settings::default() };
        Request::new(messages, settings, None)
    }

    fn model() -> Model {
        let models = Models::new(std::collections::BTreeMap::new(), None, 1, |_| None);
        models.resolve("openai/m").expect("a model")
    }

    fn line(text: &str, temperature: Option<f64>, reply: &str) -> CassetteLine {
        let model = model();
        let request = request(text, temperature);
        let asked = CassetteLine::asked(Key::of(&model, &request), &model, &request);
        let usage = Some(Usage { input_uncached: 3, output_visible: 2, ..Usage::default() });
        let called = CallResult {
            usage,
            cost: None,
            served_by: None,
            is_cut: false,
            result: Ok(reply.into()),
        };
        asked.answered(&called).expect("a reply")
    }

    fn spot(item: usize) -> Spot {
        Strand::root().child(0, item).count(&())
    }

    /// Asks for an equal request from each of some strands, in this order.
    fn replies(cassette: &Cassette, key: Key, items: &[usize]) -> Vec<Option<String>> {
        let mut taken = Vec::new();
        let ask = |item: &usize| {
            let sample = Sample { key, at: spot(*item), arrival: 0 };
            let place = cassette.find(&sample, |place| taken.contains(&place))?;
            taken.push(place);
            Some(cassette.line(place).reply.clone())
        };

        items.iter().map(ask).collect()
    }

    #[test]
    fn equal_requests_get_their_own_replies_in_whatever_order_they_are_made() {
        let at =
            |item, reply: &str| CassetteLine { at: Some(spot(item)), ..line("a", None, reply) };
        let lines = vec![at(0, "first"), at(1, "second"), at(2, "third")];
        let (_folder, path, text) = written(lines);
        assert!(text.starts_with("{\"cassette\":2}\n"), "{text}");

        let cassette = Cassette::read(&path).expect("sound");
        let key = line("a", None, "").key;
        let said = |items: &[usize]| {
            let texts = replies(&cassette, key, items).into_iter();
            texts.map(Option::unwrap_or_default).collect::<Vec<_>>()
        };

        assert_eq!(said(&[2, 0, 1]), ["third", "first", "second"]);
        assert_eq!(said(&[7, 1, 8, 9]), ["first", "second", "third", ""]);
    }

    #[test]
    fn where_one_request_stands_alone_it_is_not_said_who_asked() {
        let (_folder, _, text) =
            written(vec![CassetteLine { at: Some(spot(3)), ..line("a", None, "x") }]);
        assert!(text.starts_with("{\"cassette\":1}\n") && !text.contains("\"at\""), "{text}");
    }

    #[test]
    fn calls_of_tools_come_back_whole_and_only_then_the_format_is_the_newest() {
        drop(Secret::new("sk-tool-canary-0001"));
        let tool = ToolSpec {
            name: "add".to_owned(),
            description: "Adds.".to_owned(),
            parameters: json!({ "type": "object" }).into(),
        };
        let said = ReplyContent {
            text: String::new(),
            calls: vec![ToolCall::new("c7", "add", json!({ "key": "sk-tool-canary-0001" }))],
            opaque: vec![OpaquePart {
                model: "m".to_owned(),
                place: OpaquePlace::Message,
                data: json!({ "reasoning_content": "so" }),
            }],
        };

        let model = model();
        let request = request("a", None).offering(vec![tool], ToolChoice::Required);
        let asked = CassetteLine::asked(Key::of(&model, &request), &model, &request);
        let called = CallResult {
            usage: None,
            cost: None,
            served_by: None,
            is_cut: false,
            result: Ok(said),
        };
        let (_folder, path, text) = written(vec![asked.answered(&called).expect("a reply")]);

        assert!(text.starts_with("{\"cassette\":3}\n"), "{text}");
        assert!(!text.contains("canary"), "{text}");

        let cassette = Cassette::read(&path).expect("sound");
        let mut expected = called;
        if let Ok(said) = &mut expected.result {
            said.calls[0].args = Ok(json!({ "key": "[secret]" }));
        }
        assert_eq!(cassette.line(0).called(), expected);
        assert_eq!(cassette.line(0).choice, ToolChoice::Required);
    }

    fn written(lines: Vec<CassetteLine>) -> (tempfile::TempDir, PathBuf, String) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/a.jsonl");
        write(&path, lines).expect("written");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        (folder, path, text)
    }

    #[test]
    fn the_order_of_writing_makes_no_difference_but_among_equal_requests() {
        let all = [line("b", None, "1"), line("a", None, "2"), line("a", None, "3")];
        let (_folder, path, text) = written(all.to_vec());
        assert_eq!(written(vec![all[1].clone(), all[2].clone(), all[0].clone()]).2, text);

        let cassette = Cassette::read(&path).expect("sound");
        let replies = |text: &str| replies(&cassette, line(text, None, "").key, &[0, 1]);
        assert_eq!(replies("a"), [Some("2".into()), Some("3".into())]);
        assert_eq!(replies("b"), [Some("1".into()), None]);

        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows[0], r#"{"cassette":1}"#);
        let key = line("a", None, "").key;
        let expected = format!(
            r#"{{"key":"{key}","model":"openai/m","server":"https://api.openai.com/v1","messages":[{{"role":"system","content":"Be terse."}},{{"role":"user","content":"a"}}],"reply":"2","usage":{{"input_uncached":3,"cache_read":0,"cache_write":0,"output_visible":2,"reasoning":0}}}}"#
        );
        assert_eq!((rows.len(), rows[1]), (4, expected.as_str()));

        write(&path, Vec::new()).expect("removed");
        assert!(!path.exists() && Cassette::read(&path).is_ok_and(|none| none.is_empty()));
    }

    #[test]
    fn a_secret_is_in_the_key_and_not_in_the_file() {
        let secret = "sk-cassette-canary";
        let before = Key::of(&model(), &request(secret, None));
        drop(Secret::new(secret));
        let (_folder, path, text) = written(vec![line(secret, None, &format!("you: {secret}"))]);
        assert!(!text.contains("canary") && text.contains("[secret]"), "{text}");
        let cassette = Cassette::read(&path).expect("sound");
        assert!(replies(&cassette, before, &[0])[0].is_some());
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_its_line() {
        let sound = serde_json::to_string(&line("a", None, "x")).expect("text");
        let check = |text: String, said: &str| {
            let (_folder, path, _) = written(vec![line("a", None, "x")]);
            std::fs::write(&path, text).expect("written");
            let error = Cassette::read(&path).expect_err("not sound").to_string();
            assert!(error.contains(said), "{said}: {error}");
        };

        check(
            "\u{feff}{\"cassette\":6}\r\n".into(),
            "has format 6, but this version reads format 5",
        );
        check(String::new(), "damaged at line 1: a cassette begins with `{\"cassette\":1}`");
        check("{\"cassette\":6}\n".into(), "has format 6, but this version reads format 5");
        check(format!("{{\"cassette\":1}}\n{sound}\n{}", &sound[..60]), "damaged at line 3: EOF");
        check("{\"cassette\":1}\n<<<<<<< HEAD\n".into(), "line 2: unresolved merge conflict");

        let odd = sound.replace("\"reply\"", "\"answer\"");
        check(format!("{{\"cassette\":1}}\n\n{odd}"), "line 3: unknown field `answer`");
    }

    /// A file that was cut or overwritten somewhere is either read as far as it is whole, or its
    /// damage is named with a line; it is never read as something else.
    #[test]
    fn no_damage_is_read_as_something_else() {
        let lines = ["ä", "b", "b"].map(|text| line(text, Some(0.5), "said"));
        let (_folder, _, text) = written(lines.to_vec());
        let read = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(parse);
        let Some(Ok((whole, _))) = read(text.as_bytes()) else { panic!("sound") };

        for cut in 0..text.len() {
            if let Some(Ok((part, _))) = read(&text.as_bytes()[..cut]) {
                assert_eq!(part, whole[..part.len()], "cut at {cut}");
            }

            let mut bytes = text.clone().into_bytes();
            bytes[cut] = b'{';

            match read(&bytes) {
                Some(Ok((read, _))) => assert_eq!(read.len(), whole.len(), "overwritten at {cut}"),
                Some(Err(CassetteFault::Damaged(line, _))) => assert!((1..=4).contains(&line)),
                Some(Err(CassetteFault::Newer(_))) => panic!("overwritten at {cut}: a newer one"),
                None => {}
            }
        }
    }

    #[test]
    fn a_miss_names_the_nearest_and_the_difference() {
        let lines = vec![line("Name a risk of trams.", Some(0.2), "x"), line("Sum up.", None, "y")];
        let cassette = Cassette::of(Path::new("c.jsonl"), lines);
        let check = |asked: CassetteLine, earlier, expected: &[&str]| {
            let said = cassette.miss(&asked, earlier);
            for part in expected {
                assert!(said.contains(part), "{part}: {said}");
            }
        };

        let near = line("Name a risk of trams.", Some(0.2), "").key;
        let at = format!("the nearest recorded request, {near} at c.jsonl:2, differs in\n  ");

        let asked = line("Name a risk of trams.", None, "");
        check(asked, 0, &[&at, "  `temperature`: unset, recorded with 0.2\n"]);

        let asked = line("Name a risk of ferries.", Some(0.2), "");
        let told = "message 2 (user message) from character 16 on: `Name a risk of ferries.`, \
                    recorded with `Name a risk of trams.`";
        check(asked, 0, &[&at, told]);

        let asked = line("Sum up.", None, "");
        check(asked, 1, &["has 1 reply for it, but the test makes one more such request"]);

        let empty = Cassette::of(Path::new("c.jsonl"), Vec::new());
        assert!(empty.miss(&line("a", None, ""), 0).contains("`c.jsonl` has no recorded replies"));
    }
}
