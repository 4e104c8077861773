//! Replies with calls of tools as each provider writes them, whole and as a stream.

use serde_json::{Value, json};

/// Every provider, by its name in kaizen.
pub(super) const PROVIDERS: [&str; 4] = ["openai", "ollama", "anthropic", "gemini"];

/// A call as a server writes it.
#[derive(Debug, Clone)]
pub(super) struct WireCall {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    /// The text of the arguments.
    pub(super) args: &'static str,
}

/// A reply as a server writes it.
#[derive(Debug, Clone)]
pub(super) struct WireReply {
    pub(super) text: &'static str,
    pub(super) calls: Vec<WireCall>,
    /// Why it ended, in the provider's words.
    pub(super) word: String,
}

pub(super) fn call(id: &'static str, name: &'static str, args: &'static str) -> WireCall {
    WireCall { id, name, args }
}

/// Returns the word of a provider for a reply that ended well.
pub(super) fn end_word(provider: &str, has_calls: bool) -> &'static str {
    match provider {
        "anthropic" if has_calls => "tool_use",
        "anthropic" => "end_turn",
        "gemini" => "STOP",
        _ if has_calls => "tool_calls",
        _ => "stop",
    }
}

/// Reads the text of arguments where a provider has them as an object.
fn object(args: &str) -> Value {
    serde_json::from_str(args).unwrap_or_else(|_| json!({}))
}

impl WireReply {
    pub(super) fn new(provider: &str, text: &'static str, calls: &[WireCall]) -> WireReply {
        let word = end_word(provider, !calls.is_empty()).to_owned();
        WireReply { text, calls: calls.to_vec(), word }
    }

    /// Writes it as one body.
    pub(super) fn body(&self, provider: &str) -> String {
        let WireReply { text, calls, word } = self;
        let body = match provider {
            "anthropic" => {
                let mut content = vec![json!({ "type": "text", "text": text })];
                content.extend(calls.iter().map(|call| {
                    json!({ "type": "tool_use", "id": call.id, "name": call.name,
                        "input": object(call.args) })
                }));
                json!({ "type": "message", "model": "served", "content": content,
                    "stop_reason": word, "usage": { "input_tokens": 10, "output_tokens": 5 } })
            }
            "gemini" => {
                let mut parts = vec![json!({ "text": text })];
                parts.extend(calls.iter().map(|call| {
                    json!({ "functionCall": { "name": call.name, "args": object(call.args) } })
                }));
                json!({ "modelVersion": "served",
                    "candidates": [{ "content": { "role": "model", "parts": parts },
                        "finishReason": word }],
                    "usageMetadata": { "promptTokenCount": 10, "candidatesTokenCount": 5 } })
            }
            _ => {
                let calls: Vec<Value> = calls
                    .iter()
                    .map(|call| {
                        json!({ "id": call.id, "type": "function",
                            "function": { "name": call.name, "arguments": call.args } })
                    })
                    .collect();
                let text = (!text.is_empty()).then_some(text);
                json!({ "model": "served", "usage": { "prompt_tokens": 10, "completion_tokens": 5 },
                    "choices": [{ "index": 0, "finish_reason": word, "message":
                        { "role": "assistant", "content": text, "tool_calls": calls } }] })
            }
        };
        body.to_string()
    }

    /// Writes it as a stream of events, the arguments in pieces of three characters.
    pub(super) fn stream(&self, provider: &str) -> String {
        let events = match provider {
            "anthropic" => self.events_of_anthropic(),
            "gemini" => self.events_of_gemini(),
            _ => self.events_of_openai(),
        };
        let mut stream = String::new();
        for event in events {
            let kind = event["type"].as_str();
            stream.extend(kind.map(|kind| format!("event: {kind}\n")));
            stream.push_str(&format!("data: {event}\n\n"));
        }
        if !matches!(provider, "anthropic" | "gemini") {
            stream.push_str("data: [DONE]\n\n");
        }
        stream
    }

    fn events_of_openai(&self) -> Vec<Value> {
        let choice = |delta: Value, word: Value| {
            json!({ "id": "r", "model": "served",
                "choices": [{ "index": 0, "delta": delta, "finish_reason": word }] })
        };
        let mut events = vec![choice(json!({ "role": "assistant", "content": null }), Value::Null)];
        events
            .extend(pieces(self.text).map(|text| choice(json!({ "content": text }), Value::Null)));

        for (index, call) in self.calls.iter().enumerate() {
            let first = json!({ "index": index, "id": call.id, "type": "function",
                "function": { "name": call.name, "arguments": "" } });
            events.push(choice(json!({ "tool_calls": [first] }), Value::Null));
            events.extend(pieces(call.args).map(|args| {
                let next = json!({ "index": index, "function": { "arguments": args } });
                choice(json!({ "tool_calls": [next] }), Value::Null)
            }));
        }

        events.push(choice(json!({}), self.word.as_str().into()));
        events.push(json!({ "id": "r", "model": "served", "choices": [],
            "usage": { "prompt_tokens": 10, "completion_tokens": 5 } }));
        events
    }

    fn events_of_anthropic(&self) -> Vec<Value> {
        let mut events = vec![json!({ "type": "message_start", "message": { "model": "served",
            "content": [], "usage": { "input_tokens": 10, "output_tokens": 1 } } })];
        let mut block = |start: Value, deltas: Vec<Value>| {
            let index = events.iter().filter(|e| e["type"] == "content_block_start").count();
            events.push(json!({ "type": "content_block_start", "index": index,
                "content_block": start }));
            events.extend(deltas.into_iter().map(
                |delta| json!({ "type": "content_block_delta", "index": index, "delta": delta }),
            ));
            events.push(json!({ "type": "content_block_stop", "index": index }));
        };

        let texts = pieces(self.text).map(|text| json!({ "type": "text_delta", "text": text }));
        block(json!({ "type": "text", "text": "" }), texts.collect());
        for call in &self.calls {
            let deltas = pieces(call.args)
                .map(|args| json!({ "type": "input_json_delta", "partial_json": args }));
            let start =
                json!({ "type": "tool_use", "id": call.id, "name": call.name, "input": {} });
            block(start, deltas.collect());
        }

        events.push(json!({ "type": "message_delta", "delta": { "stop_reason": self.word },
            "usage": { "output_tokens": 5 } }));
        events.push(json!({ "type": "message_stop" }));
        events
    }

    fn events_of_gemini(&self) -> Vec<Value> {
        let event = |part: Value| {
            json!({ "modelVersion": "served",
                "candidates": [{ "content": { "role": "model", "parts": [part] }, "index": 0 }] })
        };
        let mut events: Vec<Value> =
            pieces(self.text).map(|text| event(json!({ "text": text }))).collect();
        events.extend(self.calls.iter().map(|call| {
            event(json!({ "functionCall": { "name": call.name, "args": object(call.args) } }))
        }));

        let mut last = event(json!({ "text": "" }));
        last["candidates"][0]["finishReason"] = self.word.as_str().into();
        last["usageMetadata"] = json!({ "promptTokenCount": 10, "candidatesTokenCount": 5 });
        events.push(last);
        events
    }
}

fn pieces(text: &str) -> impl Iterator<Item = String> + use<> {
    let letters: Vec<char> = text.chars().collect();
    let pieces: Vec<String> = letters.chunks(3).map(|piece| piece.iter().collect()).collect();
    pieces.into_iter()
}
