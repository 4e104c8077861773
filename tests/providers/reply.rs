//! Replies that a server can send, in every form, and what each is worth: made for `property.rs`.

use kaizen::base::rng::Rng;
use serde_json::{Value, json};

/// What is said, in pieces. The marks stand for halves of a character, and become bytes at last.
const PLAIN: &[&str] = &["Tram ", "vier \u{1f68b}", " fährt.\n\"Ja\""];
const ESCAPES: &[&str] = &["Tram ", "vier @H", "@L fährt.\n\"Ja\""];
const STRAY: &[&str] = &["Tram ", "vier @1", "@2 fährt.\n\"Ja\""];
const LONE: &[&str] = &["Tram ", "vier @H", " fährt.\n\"Ja\""];

/// What a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speech {
    Chat,
    Ollama,
    Anthropic,
    Gemini,
}

/// The providers, and what a server may speak to them.
pub(super) const SPOKEN: &[(&str, Speech)] = &[
    ("openai", Speech::Chat),
    ("ollama", Speech::Chat),
    ("ollama", Speech::Ollama),
    ("anthropic", Speech::Anthropic),
    ("gemini", Speech::Gemini),
];

/// In what a reply comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Served {
    Whole,
    Events,
    Lines,
}

/// The word for the end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Word {
    /// This one.
    Said(&'static str),
    /// Something that is no word.
    Number,
    /// `null`.
    Null,
    /// There is no place for one.
    Absent,
}

/// What a word is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worth {
    /// The text is whole.
    Whole,
    /// It is an error of a kind.
    Kind(&'static str),
}

const WORDS: &[(Speech, &[(&str, Worth)])] = &[
    (
        Speech::Chat,
        &[
            ("stop", Worth::Whole),
            ("eos", Worth::Whole),
            ("STOP", Worth::Whole),
            ("tool_calls", Worth::Whole),
            ("length", Worth::Kind("length")),
            ("max_tokens", Worth::Kind("length")),
            ("model_length", Worth::Kind("length")),
            ("content_filter", Worth::Kind("refused")),
            ("error", Worth::Kind("ended")),
            ("abort", Worth::Kind("ended")),
            ("timeout", Worth::Kind("ended")),
            ("insufficient_system_resource", Worth::Kind("ended")),
        ],
    ),
    (
        Speech::Ollama,
        &[
            ("stop", Worth::Whole),
            ("length", Worth::Kind("length")),
            ("load", Worth::Kind("ended")),
            ("unload", Worth::Kind("ended")),
        ],
    ),
    (
        Speech::Anthropic,
        &[
            ("end_turn", Worth::Whole),
            ("stop_sequence", Worth::Whole),
            ("max_tokens", Worth::Kind("length")),
            ("model_context_window_exceeded", Worth::Kind("length")),
            ("refusal", Worth::Kind("refused")),
            ("pause_turn", Worth::Kind("ended")),
            ("error", Worth::Kind("ended")),
        ],
    ),
    (
        Speech::Gemini,
        &[
            ("STOP", Worth::Whole),
            ("MAX_TOKENS", Worth::Kind("length")),
            ("SAFETY", Worth::Kind("refused")),
            ("PROHIBITED_CONTENT", Worth::Kind("refused")),
            ("OTHER", Worth::Kind("ended")),
            ("MALFORMED_FUNCTION_CALL", Worth::Kind("ended")),
        ],
    ),
];

/// The forms of usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Figures {
    Good,
    Cached,
    Missing,
    Null,
    Empty,
    Nulls,
    TotalOnly,
    Negative,
    Float,
    Text,
    Huge,
    Endless,
    NotANumber,
    List,
    NothingRead,
}

const FIGURES: &[Figures] = &[
    Figures::Good,
    Figures::Cached,
    Figures::Missing,
    Figures::Null,
    Figures::Empty,
    Figures::Nulls,
    Figures::TotalOnly,
    Figures::Negative,
    Figures::Float,
    Figures::Text,
    Figures::Huge,
    Figures::Endless,
    Figures::NotANumber,
    Figures::List,
    Figures::NothingRead,
];

/// The forms of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Plain,
    Parts,
    Thought,
    Escapes,
    Stray,
    Lone,
    Nothing,
}

const CONTENTS: &[Content] = &[
    Content::Plain,
    Content::Parts,
    Content::Thought,
    Content::Escapes,
    Content::Stray,
    Content::Lone,
    Content::Nothing,
];

/// Where the pieces of a stream stand, in OpenAI's protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parts {
    /// Each in a `delta`.
    Deltas,
    /// Each in a `message`.
    Messages,
    /// Each in both.
    Both,
    /// Each in a `message`, with all that came before it.
    SoFar,
    /// Each in a `delta`, and beside it all so far in a `message`.
    BothSoFar,
    /// In a `delta`, and all once more in the last `message`.
    Repeated,
    /// In a `delta`, before a last `message` without text.
    EmptyMessage,
}

const PARTS: &[Parts] = &[
    Parts::Deltas,
    Parts::Messages,
    Parts::Both,
    Parts::SoFar,
    Parts::BothSoFar,
    Parts::Repeated,
    Parts::EmptyMessage,
];

/// How the numbers of two answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    Whole,
    Text,
    Fraction,
    FirstMissing,
    FirstNull,
}

const NUMBERS: &[Numbers] =
    &[Numbers::Whole, Numbers::Text, Numbers::Fraction, Numbers::FirstMissing, Numbers::FirstNull];

pub(super) const CONTENT_TYPES: &[&str] = &[
    "content-type: application/json\r\n",
    "content-type: application/json; charset=utf-8\r\n",
    "Content-Type: TEXT/EVENT-STREAM\r\n",
    "content-type: text/event-stream; charset=utf-8\r\n",
    "content-type: application/x-ndjson\r\n",
    "content-type: text/plain\r\n",
    "content-type: text/html\r\n",
    "content-type: ;;\r\n",
    "content-type:\r\n",
    "",
];

/// One reply.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) provider: &'static str,
    pub(super) speech: Speech,
    /// Whether a stream is asked for, whatever is served.
    pub(super) asked_to_stream: bool,
    pub(super) served: Served,
    pub(super) word: Word,
    pub(super) figures: Figures,
    pub(super) content: Content,
    pub(super) parts: Parts,
    pub(super) numbers: Numbers,
    /// Whether there is a second answer beside the one that counts.
    pub(super) has_other: bool,
    /// Chance for what makes no difference: marks, comments, line ends.
    pub(super) noise: u64,
}

/// The bytes of a reply, and where its fate is decided.
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    /// From which byte on it is known why the reply ended.
    pub(super) decided_at: usize,
}

fn pick<T: Copy>(rng: &mut Rng, all: &[T]) -> T {
    all[usize::try_from(rng.below(all.len() as u64)).expect("a place in a list")]
}

impl Sent {
    /// Makes a reply of chance.
    pub(super) fn by_chance(rng: &mut Rng) -> Sent {
        let (provider, speech) = pick(rng, SPOKEN);
        let words = WORDS.iter().find(|(known, _)| *known == speech).expect("words of each").1;
        let word = match rng.below(8) {
            0 => Word::Null,
            1 => Word::Absent,
            2 => Word::Said(""),
            3 => Word::Number,
            _ => Word::Said(pick(rng, words).0),
        };
        let streams = match speech {
            Speech::Chat | Speech::Gemini | Speech::Ollama => {
                &[Served::Whole, Served::Events, Served::Lines][..]
            }
            Speech::Anthropic => &[Served::Whole, Served::Events],
        };
        Sent {
            provider,
            speech,
            asked_to_stream: rng.below(2) == 0,
            served: pick(rng, streams),
            word,
            figures: pick(rng, FIGURES),
            content: pick(rng, CONTENTS),
            parts: pick(rng, PARTS),
            numbers: pick(rng, NUMBERS),
            // The other one ends with a word, so there is a place for one.
            has_other: matches!(speech, Speech::Chat | Speech::Gemini)
                && word != Word::Absent
                && rng.below(3) == 0,
            noise: rng.next_u64(),
        }
    }

    /// Returns the whole text.
    pub(super) fn text(&self) -> String {
        match self.content {
            Content::Nothing => String::new(),
            Content::Lone => LONE.concat().replace("@H", "\u{fffd}"),
            _ => PLAIN.concat(),
        }
    }

    /// Returns what the reply is worth when nothing of it is lost.
    pub(super) fn worth(&self) -> Worth {
        // Of Gemini, one document may be all that is left of a stream, if that was asked for.
        let is_piece = self.speech == Speech::Gemini && self.asked_to_stream;
        let is_whole = self.served == Served::Whole && !is_piece;
        let worth = match self.word {
            Word::Said("") if is_whole || self.speech == Speech::Ollama => Worth::Kind("ended"),
            Word::Said("") => Worth::Kind("cut_off"),
            Word::Said(word) => {
                let words = WORDS.iter().find(|(known, _)| *known == self.speech).expect("words").1;
                words.iter().find(|(known, _)| *known == word).expect("a known word").1
            }
            Word::Number => Worth::Kind("ended"),
            // In Ollama's own form that stands for `done: false`.
            Word::Null if self.speech == Speech::Ollama => Worth::Kind("cut_off"),
            Word::Null if is_whole => Worth::Whole,
            Word::Absent if is_whole || self.speech == Speech::Ollama => Worth::Whole,
            // A server without a word for it ends its stream by a mark.
            Word::Absent if self.speech == Speech::Chat && self.served == Served::Events => {
                Worth::Whole
            }
            Word::Null | Word::Absent => Worth::Kind("cut_off"),
        };
        if worth == Worth::Whole && self.content == Content::Nothing {
            return Worth::Kind("empty");
        }
        worth
    }

    /// Returns the tokens that the server says, read and written, if it says them well.
    pub(super) fn said(&self) -> Option<(u64, u64)> {
        matches!(self.figures, Figures::Good | Figures::Cached).then_some((100, 7))
    }

    /// Writes the reply.
    pub(super) fn body(&self) -> Body {
        let (documents, decisive) = match self.speech {
            Speech::Chat => self.chat(),
            Speech::Ollama => self.ollama(),
            Speech::Anthropic => self.anthropic(),
            Speech::Gemini => self.gemini(),
        };
        let mut bytes = Vec::new();
        let mut decided_at = usize::MAX;
        if self.noise & 1 == 0 {
            bytes.extend_from_slice(b"\xef\xbb\xbf");
        }
        let line_end: &[u8] = if self.noise & 2 == 0 { b"\n" } else { b"\r\n" };
        for (place, document) in documents.iter().enumerate() {
            let is_list = self.served == Served::Lines && self.speech == Speech::Gemini;
            match self.served {
                Served::Events => self.before_event(&mut bytes, document, line_end),
                Served::Lines if is_list => bytes.push(if place == 0 { b'[' } else { b',' }),
                Served::Lines | Served::Whole => {}
            }
            bytes.extend(raw(document));
            if place == decisive {
                decided_at = bytes.len();
            }
            if is_list && place + 1 == documents.len() {
                bytes.push(b']');
                decided_at = bytes.len();
            }
            match self.served {
                Served::Events => bytes.extend([line_end, line_end].concat()),
                Served::Lines => bytes.extend_from_slice(line_end),
                Served::Whole => {}
            }
        }
        if self.served == Served::Events && self.speech == Speech::Chat && self.ends_by_mark() {
            bytes.extend_from_slice(b"data: [DONE]");
            if self.word == Word::Absent {
                decided_at = bytes.len();
            }
            bytes.extend([line_end, line_end].concat());
        }
        Body { bytes, decided_at }
    }

    /// Tells whether the mark comes at the end of the stream; without a word for it, it has to.
    fn ends_by_mark(&self) -> bool {
        self.word == Word::Absent || self.noise & 4 == 0
    }

    fn before_event(&self, bytes: &mut Vec<u8>, document: &Value, line_end: &[u8]) {
        let mut line = |text: &str| {
            bytes.extend_from_slice(text.as_bytes());
            bytes.extend_from_slice(line_end);
        };
        if self.noise & 8 == 0 {
            line(": comment");
            line("");
            line("data:");
            line("");
        }
        if let Some(kind) = document["type"].as_str() {
            line(&format!("event: {kind}"));
        }
        bytes.extend_from_slice(if self.noise & 16 == 0 { b"data: " } else { b"data:" });
    }

    /// Returns the text in pieces, as a server writes it.
    fn pieces(&self) -> Vec<String> {
        let pieces = match self.content {
            Content::Nothing => &["", "", ""],
            Content::Escapes => ESCAPES,
            Content::Stray => STRAY,
            Content::Lone => LONE,
            Content::Plain | Content::Parts | Content::Thought => PLAIN,
        };
        if self.served == Served::Whole {
            return vec![pieces.concat()];
        }
        pieces.iter().map(|piece| (*piece).to_owned()).collect()
    }

    fn content(&self, text: &str) -> Value {
        match self.content {
            Content::Parts => {
                json!([{ "type": "text", "text": text }, { "type": "text", "text": "" }])
            }
            Content::Thought => json!([
                { "type": "thinking", "thinking": [{ "type": "text", "text": "THOUGHT" }] },
                { "type": "text", "text": text }]),
            Content::Nothing if self.noise & 32 == 0 => Value::Null,
            _ => text.into(),
        }
    }

    /// Puts the word at its place, if it has one.
    fn end(&self, place: &mut Value, key: &str) {
        match self.word {
            Word::Said(word) => place[key] = word.into(),
            Word::Number => place[key] = 7.into(),
            Word::Null => place[key] = Value::Null,
            Word::Absent => {}
        }
    }

    /// Puts what stands in pieces that are not the last one.
    fn not_yet(&self, place: &mut Value, key: &str) {
        match self.word {
            Word::Said("") => place[key] = "".into(),
            Word::Absent => {}
            _ if self.noise & 64 == 0 => place[key] = Value::Null,
            _ => {}
        }
    }

    /// Puts the number of an answer at its place.
    fn number(&self, mut choice: Value, number: u32) -> Value {
        match self.numbers {
            Numbers::Text => choice["index"] = number.to_string().into(),
            Numbers::Fraction => choice["index"] = f64::from(number).into(),
            Numbers::FirstMissing if number == 0 => {}
            Numbers::FirstNull if number == 0 => choice["index"] = Value::Null,
            Numbers::Whole | Numbers::FirstMissing | Numbers::FirstNull => {
                choice["index"] = number.into();
            }
        }
        choice
    }

    /// Puts a piece at its place; `so_far` is all up to its end.
    fn part(&self, piece: &str, so_far: &str) -> Value {
        let say = |text: &str| json!({ "content": self.content(text) });
        match self.parts {
            Parts::Deltas | Parts::Repeated | Parts::EmptyMessage => json!({ "delta": say(piece) }),
            Parts::Messages => json!({ "message": say(piece) }),
            Parts::Both => json!({ "delta": say(piece), "message": say(piece) }),
            Parts::SoFar => json!({ "message": say(so_far) }),
            Parts::BothSoFar => json!({ "delta": say(piece), "message": say(so_far) }),
        }
    }

    /// Returns what stands in the last piece of a stream.
    fn last_part(&self, whole: &str) -> Value {
        match self.parts {
            Parts::Repeated => json!({ "delta": {}, "message": { "content": whole } }),
            Parts::EmptyMessage if self.noise & 0x400 == 0 => {
                json!({ "message": { "content": "" } })
            }
            Parts::EmptyMessage => json!({ "message": { "role": "assistant" } }),
            _ => json!({ "delta": {} }),
        }
    }

    fn chat(&self) -> (Vec<Value>, usize) {
        let usage = self.usage(["prompt_tokens", "completion_tokens", "total_tokens"]);
        let pieces = self.pieces();
        if self.served == Served::Whole {
            let choice = json!({ "message": { "content": self.content(&pieces[0]) } });
            let mut choice = self.number(choice, 0);
            self.end(&mut choice, "finish_reason");
            let mut choices = vec![choice];
            if self.has_other {
                let other = json!({ "message": { "content": "OTHER" }, "finish_reason": "stop" });
                choices.insert(usize::from(self.noise & 128 == 0), self.number(other, 1));
            }
            let mut reply = json!({ "model": "served", "choices": choices });
            put(&mut reply, usage);
            return (vec![reply], 0);
        }
        let role = json!({ "delta": { "role": "assistant", "content": null } });
        let mut documents = vec![json!({ "choices": [self.number(role, 0)] })];
        let mut so_far = String::new();
        for piece in &pieces {
            so_far.push_str(piece);
            let mut choice = self.number(self.part(piece, &so_far), 0);
            self.not_yet(&mut choice, "finish_reason");
            documents.push(json!({ "model": "served", "choices": [choice] }));
            if self.has_other {
                let other = json!({ "delta": { "content": "OTHER" }, "finish_reason": "length" });
                documents.push(json!({ "choices": [self.number(other, 1)] }));
            }
        }
        let mut last = self.number(self.last_part(&so_far), 0);
        self.end(&mut last, "finish_reason");
        documents.push(json!({ "choices": [last] }));
        let decisive = documents.len() - 1;
        if let Some(usage) = usage {
            documents.push(match self.noise & 0x300 {
                0 => json!({ "choices": null, "usage": usage }),
                0x100 => json!({ "usage": usage }),
                _ => json!({ "choices": [], "usage": usage }),
            });
        }
        (documents, decisive)
    }

    fn ollama(&self) -> (Vec<Value>, usize) {
        let counts = self.usage(["prompt_eval_count", "eval_count", "total_duration"]);
        let pieces = self.pieces();
        let mut documents: Vec<Value> = pieces
            .iter()
            .map(|piece| json!({ "model": "served", "message": { "content": piece }, "done": false }))
            .collect();
        if self.served != Served::Whole {
            documents.push(json!({ "message": { "content": "" }, "done": false }));
        }
        let last = documents.last_mut().expect("a document");
        last["done"] = (self.word != Word::Null).into();
        if self.word != Word::Null {
            self.end(last, "done_reason");
        }
        if let Some(Value::Object(counts)) = counts {
            last.as_object_mut().expect("an object").extend(counts);
        }
        let decisive = documents.len() - 1;
        (documents, decisive)
    }

    fn anthropic(&self) -> (Vec<Value>, usize) {
        let usage = self.usage(["input_tokens", "output_tokens", "total_tokens"]);
        let pieces = self.pieces();
        let thought = json!({ "type": "thinking", "thinking": "THOUGHT", "signature": "x" });
        let is_thought = self.content == Content::Thought;
        if self.served == Served::Whole {
            let text = json!({ "type": "text", "text": pieces[0] });
            let content = if is_thought { json!([thought, text]) } else { json!([text]) };
            let mut reply = json!({ "type": "message", "model": "served", "content": content });
            self.end(&mut reply, "stop_reason");
            put(&mut reply, usage);
            return (vec![reply], 0);
        }
        // The figures of the question come first, those of the answer last.
        let (mut asked, mut answered) = (usage.clone(), usage);
        if let (Some(Value::Object(asked)), Some(Value::Object(answered))) =
            (&mut asked, &mut answered)
        {
            if asked.contains_key("output_tokens") {
                asked.insert("output_tokens".to_owned(), 1.into());
            }
            answered.retain(|key, _| key == "output_tokens");
        }
        let mut start = json!({ "model": "served", "content": [], "stop_reason": null });
        put(&mut start, asked);
        let mut documents =
            vec![json!({ "type": "message_start", "message": start }), json!({ "type": "ping" })];
        if is_thought {
            documents.push(
                json!({ "type": "content_block_start", "index": 0, "content_block": thought }),
            );
            let delta = json!({ "type": "thinking_delta", "thinking": "THOUGHT" });
            documents.push(json!({ "type": "content_block_delta", "index": 0, "delta": delta }));
        }
        let block = json!({ "type": "text", "text": "" });
        documents
            .push(json!({ "type": "content_block_start", "index": 1, "content_block": block }));
        for piece in &pieces {
            let delta = json!({ "type": "text_delta", "text": piece });
            documents.push(json!({ "type": "content_block_delta", "index": 1, "delta": delta }));
        }
        documents.push(json!({ "type": "content_block_stop", "index": 1 }));
        let mut delta = json!({});
        self.end(&mut delta, "stop_reason");
        let mut last = json!({ "type": "message_delta", "delta": delta });
        put(&mut last, answered);
        documents.push(last);
        let decisive = documents.len() - 1;
        documents.push(json!({ "type": "message_stop" }));
        (documents, decisive)
    }

    fn gemini(&self) -> (Vec<Value>, usize) {
        let usage = self.usage(["promptTokenCount", "candidatesTokenCount", "totalTokenCount"]);
        let pieces = self.pieces();
        let count = pieces.len();
        let mut documents = Vec::new();
        for (place, piece) in pieces.iter().enumerate() {
            let text = json!({ "text": piece });
            let parts = match self.content {
                Content::Thought => json!([{ "text": "THOUGHT", "thought": true }, text]),
                Content::Parts => json!([text, { "text": "" }]),
                _ => json!([text]),
            };
            let candidate = json!({ "content": { "role": "model", "parts": parts } });
            let mut candidate = self.number(candidate, 0);
            if place + 1 == count {
                self.end(&mut candidate, "finishReason");
            } else {
                self.not_yet(&mut candidate, "finishReason");
            }
            let mut candidates = vec![candidate];
            if self.has_other {
                let other = json!({ "content": { "parts": [{ "text": "OTHER" }] },
                    "finishReason": "STOP" });
                candidates.insert(usize::from(self.noise & 128 == 0), self.number(other, 1));
            }
            let mut document = json!({ "modelVersion": "served", "candidates": candidates });
            if let Some(usage) = &usage {
                document["usageMetadata"] = usage.clone();
            }
            documents.push(document);
        }
        (documents, count - 1)
    }

    /// Writes what is said of tokens, by the names that a protocol has for them.
    fn usage(&self, [read, written, total]: [&str; 3]) -> Option<Value> {
        let both = |figure: Value| json!({ read: figure, written: figure });
        let cached = match self.speech {
            Speech::Chat => json!({ read: 100, written: 7,
                "prompt_tokens_details": { "cached_tokens": 60 } }),
            Speech::Ollama => json!({ read: 100, written: 7 }),
            Speech::Anthropic => json!({ read: 40, written: 7, "cache_read_input_tokens": 60 }),
            Speech::Gemini => json!({ read: 100, written: 7, "cachedContentTokenCount": 60 }),
        };
        Some(match self.figures {
            Figures::Good => json!({ read: 100, written: 7 }),
            Figures::Cached => cached,
            Figures::Missing => return None,
            Figures::Null => Value::Null,
            Figures::Empty => json!({}),
            Figures::Nulls => both(Value::Null),
            Figures::TotalOnly => json!({ total: 99_999 }),
            Figures::Negative => both(json!(-7)),
            Figures::Float => both(json!(7.5)),
            Figures::Text => both(json!("7")),
            Figures::Huge => both(json!(u64::MAX)),
            Figures::Endless => both(json!("@ENDLESS")),
            Figures::NotANumber => both(json!("@NAN")),
            Figures::List => json!([7]),
            Figures::NothingRead => json!({ read: 0, written: 7 }),
        })
    }
}

fn put(document: &mut Value, usage: Option<Value>) {
    if let Some(usage) = usage {
        document["usage"] = usage;
    }
}

/// Writes a document as bytes, with what no JSON library would write.
pub(super) fn raw(document: &Value) -> Vec<u8> {
    let marks: [(&[u8], &[u8]); 6] = [
        (b"@H", b"\\ud83d"),
        (b"@L", b"\\ude8b"),
        (b"@1", b"\xf0\x9f"),
        (b"@2", b"\x9a\x8b"),
        (b"\"@ENDLESS\"", b"1e999"),
        (b"\"@NAN\"", b"NaN"),
    ];
    let mut rest = document.to_string().into_bytes();
    for (mark, bytes) in marks {
        let mut replaced = Vec::with_capacity(rest.len());
        while let Some(at) = rest.windows(mark.len()).position(|window| window == mark) {
            replaced.extend_from_slice(&rest[..at]);
            replaced.extend_from_slice(bytes);
            rest.drain(..at + mark.len());
        }
        replaced.extend(rest);
        rest = replaced;
    }
    rest
}
