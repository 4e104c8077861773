//! The spans of calls to models and of calls of tools.

use crate::base::id::{OpId, RunId};
use crate::journal::event::Event;
use crate::journal::part::{PartKeys, RequestPart};
use crate::model::message::{Message, Role};
use crate::model::reply::Usage;
use crate::model::request::{Request, Settings};
use crate::model::tool::{ToolCall, ToolSpec};
use crate::session::tool::Deed;
use crate::view::span::{
    SpanContent, SpanFold, SpanKey, SpanRole, SpanSink, SpanValue, TEXT_MAX, WorkSpan, short, span,
    whole,
};
use serde_json::{Value, json};

/// Most bytes of the messages of one call; the newest ones are shown.
const MESSAGES_MAX: usize = 8 * TEXT_MAX;

/// What other programs call providers, where that is another word than kaizen's.
const PROVIDERS: &[(&str, &str)] = &[("gemini", "gcp.gemini")];

/// A call to a model that has begun.
#[derive(Debug)]
pub(super) struct OpenCall {
    began: i64,
    /// Which call of the operation it is, counted over all of them.
    nth: u32,
    number: u32,
    model: String,
    demo: bool,
    repair: bool,
    prompt: String,
    parts: PartKeys,
}

/// A call of a tool that has begun.
#[derive(Debug)]
pub(super) struct OpenTool {
    began: i64,
    nth: u32,
    deed: Deed,
    tool: String,
    args: Value,
}

impl SpanFold {
    pub(super) fn begin_call(&mut self, at: i64, op: OpId, event: &Event) {
        let Event::AttemptStarted {
            attempt,
            model,
            demo,
            prompt,
            newest,
            before,
            terms,
            repair,
            ..
        } = event
        else {
            return;
        };

        let is_shown = self.content == SpanContent::Shown;
        let open = self.ops.entry(op).or_default();
        open.calls += 1;
        open.open_calls.push(OpenCall {
            began: at,
            nth: open.calls,
            number: *attempt,
            model: model.clone(),
            demo: *demo,
            repair: *repair,
            prompt: if is_shown { prompt.clone() } else { String::new() },
            parts: PartKeys { before: *before, newest: *newest, terms: *terms },
        });
    }

    pub(super) fn end_call(&mut self, at: i64, op: OpId, event: &Event, sink: SpanSink<'_>) {
        let Event::AttemptEnded { attempt, .. } = event else { return };
        let calls = self.ops.get_mut(&op).map(|open| &mut open.open_calls);
        // A call whose beginning is lost has no time, so it is no span.
        let Some(calls) = calls else { return };
        let Some(place) = calls.iter().rposition(|call| call.number == *attempt) else { return };

        let call = calls.remove(place);
        let mut span = self.call_span(op, &call);
        span.ended = at;
        self.add_end(&mut span, event);
        sink(span);
    }

    fn add_end(&self, span: &mut WorkSpan, event: &Event) {
        let Event::AttemptEnded {
            reply, cut, calls, usage, cost, served_by, failure, reused, ..
        } = event
        else {
            return;
        };

        if let Some(served_by) = served_by {
            span.add_text("gen_ai.response.model", served_by.as_str());
        }
        if let Some(RunId(run)) = reused {
            // No call was made now, so neither its tokens nor its cost count again.
            span.role = SpanRole::Internal;
            span.add_text("kaizen.reused", run.as_str());
        } else {
            if let Some(usage) = usage {
                add_usage(span, usage);
            }
            if let Some(cost) = cost {
                span.add("kaizen.cost_usd", SpanValue::Number(cost.dollars()));
            }
        }

        if let Some(failure) = failure {
            span.fail(failure, self.content);
        } else {
            let reason = finish_reason(*cut, calls);
            let reasons = SpanValue::Texts(vec![reason.to_owned()]);
            span.add("gen_ai.response.finish_reasons", reasons);
            if let (SpanContent::Shown, Some(reply)) = (self.content, reply) {
                let parts = parts_of(reply, calls);
                let said =
                    json!([{ "role": "assistant", "parts": parts, "finish_reason": reason }]);
                span.add_text("gen_ai.output.messages", said.to_string());
            }
        }
    }

    /// Makes the span of a call.
    pub(super) fn call_span(&self, op: OpId, call: &OpenCall) -> WorkSpan {
        let (provider, model) = named(&call.model);
        let key = SpanKey::Call(op, call.nth);
        let mut span = self.part(op, key, &format!("chat {model}"), call.began);

        span.role = SpanRole::Client;
        span.add_text("gen_ai.operation.name", "chat");
        span.add_text("gen_ai.provider.name", provider);
        span.add_text("gen_ai.request.model", model);
        span.add("kaizen.attempt", SpanValue::Whole(i64::from(call.number)));
        if call.demo {
            span.add("kaizen.demo", SpanValue::Flag(true));
        }
        if call.repair {
            span.add("kaizen.repair", SpanValue::Flag(true));
        }

        let terms = call.parts.terms.and_then(|key| self.parts.get(key));
        if let Some(RequestPart::Terms { settings, schema, .. }) = terms {
            add_settings(&mut span, settings);
            let kind = if schema.is_some() { "json" } else { "text" };
            span.add_text("gen_ai.output.type", kind);
        }
        if self.content == SpanContent::Shown {
            match self.parts.request(call.parts, &call.prompt) {
                Some(request) => add_request(&mut span, &request),
                // Older journals keep the newest message alone.
                None => add_messages(&mut span, &[Message::new(Role::User, call.prompt.as_str())]),
            }
        }
        span
    }

    pub(super) fn begin_tool(&mut self, at: i64, op: OpId, event: &Event) {
        let Event::ToolStarted { deed, tool, args, .. } = event else { return };
        let is_shown = self.content == SpanContent::Shown;

        let open = self.ops.entry(op).or_default();
        open.tools += 1;
        open.open_tools.push(OpenTool {
            began: at,
            nth: open.tools,
            deed: deed.clone(),
            tool: tool.clone(),
            args: if is_shown { args.clone() } else { Value::Null },
        });
    }

    pub(super) fn end_tool(&mut self, at: i64, op: OpId, event: &Event, sink: SpanSink<'_>) {
        let Event::ToolEnded { deed, result, failure, bytes, .. } = event else { return };
        let Some(open) = self.ops.get_mut(&op) else { return };
        let place = open.open_tools.iter().rposition(|tool| tool.deed == *deed);
        let Some(place) = place else { return };

        let tool = open.open_tools.remove(place);
        let mut span = self.tool_span(op, &tool);
        span.ended = at;
        span.add("kaizen.result_bytes", SpanValue::Whole(whole(*bytes)));
        if let (SpanContent::Shown, Some(result)) = (self.content, result) {
            span.add_text("gen_ai.tool.call.result", short(&result.to_string()));
        }
        if let Some(failure) = failure {
            span.fail(failure, self.content);
        }
        sink(span);
    }

    /// Makes the span of a call of a tool.
    pub(super) fn tool_span(&self, op: OpId, tool: &OpenTool) -> WorkSpan {
        let key = SpanKey::Tool(op, tool.nth);
        let mut span = self.part(op, key, &format!("execute_tool {}", tool.tool), tool.began);

        span.add_text("gen_ai.operation.name", "execute_tool");
        span.add_text("gen_ai.tool.name", tool.tool.as_str());
        span.add_text("gen_ai.tool.type", "function");
        if self.content == SpanContent::Shown {
            span.add_text("gen_ai.tool.call.arguments", short(&tool.args.to_string()));
        }
        span
    }

    /// Creates the span of something that an operation does.
    fn part(&self, op: OpId, key: SpanKey, name: &str, began: i64) -> WorkSpan {
        span(self.place(key, SpanKey::Operation(op)), name, began)
    }
}

/// Takes a model apart: who serves it, and the provider's name for it.
fn named(model: &str) -> (&str, &str) {
    let (provider, name) = model.split_once('/').unwrap_or(("_OTHER", model));
    let known = PROVIDERS.iter().find(|(own, _)| *own == provider);
    (known.map_or(provider, |(_, other)| *other), name)
}

fn finish_reason(cut: bool, calls: &[ToolCall]) -> &'static str {
    match (cut, calls) {
        (true, _) => "length",
        (false, []) => "stop",
        (false, _) => "tool_calls",
    }
}

fn add_usage(span: &mut WorkSpan, usage: &Usage) {
    let counts = [
        ("gen_ai.usage.input_tokens", usage.input()),
        ("gen_ai.usage.output_tokens", usage.output()),
    ];
    for (name, count) in counts {
        span.add(name, SpanValue::Whole(whole(count)));
    }

    let parts = [
        ("gen_ai.usage.cache_read.input_tokens", usage.cache_read),
        ("gen_ai.usage.cache_creation.input_tokens", usage.cache_write),
        ("gen_ai.usage.reasoning.output_tokens", usage.reasoning),
    ];
    for (name, count) in parts.into_iter().filter(|(_, count)| *count > 0) {
        span.add(name, SpanValue::Whole(whole(count)));
    }
}

fn add_settings(span: &mut WorkSpan, settings: &Settings) {
    if let Some(temperature) = settings.temperature {
        span.add("gen_ai.request.temperature", SpanValue::Number(temperature));
    }
    if let Some(top_p) = settings.top_p {
        span.add("gen_ai.request.top_p", SpanValue::Number(top_p));
    }
    if let Some(most) = settings.max_tokens {
        span.add("gen_ai.request.max_tokens", SpanValue::Whole(i64::from(most)));
    }
    if let Some(seed) = settings.seed {
        span.add("gen_ai.request.seed", SpanValue::Whole(whole(seed)));
    }
    if !settings.stop.is_empty() {
        span.add("gen_ai.request.stop_sequences", SpanValue::Texts(settings.stop.clone()));
    }
}

/// Adds everything that a model was told.
fn add_request(span: &mut WorkSpan, request: &Request) {
    let system = request.messages.iter().filter(|message| message.role == Role::System);
    let system: Vec<Value> = system.map(|message| text_part(&message.content)).collect();
    if !system.is_empty() {
        span.add_text("gen_ai.system_instructions", json!(system).to_string());
    }

    let tool = |tool: &ToolSpec| {
        json!({
            "type": "function", "name": tool.name, "description": tool.description,
            "parameters": tool.parameters,
        })
    };
    if !request.tools.is_empty() {
        let tools: Vec<Value> = request.tools.iter().map(tool).collect();
        span.add_text("gen_ai.tool.definitions", json!(tools).to_string());
    }
    add_messages(span, &request.messages);
}

/// Adds messages, the newest ones if they are too many.
fn add_messages(span: &mut WorkSpan, messages: &[Message]) {
    let mut shown = Vec::new();
    let mut room = MESSAGES_MAX;
    let others = messages.iter().rev().filter(|message| message.role != Role::System);

    for message in others {
        let mut parts = parts_of(&message.content, &message.calls);
        parts.extend(message.results.iter().map(|result| {
            json!({ "type": "tool_call_response", "id": result.id, "response": short(&result.text) })
        }));
        parts.extend(message.images.iter().map(|_| json!({ "type": "image" })));

        let shape = json!({ "role": message.role.word(), "parts": parts });
        let size = shape.to_string().len();
        if size > room && !shown.is_empty() {
            span.add("kaizen.messages_cut", SpanValue::Flag(true));
            break;
        }
        room = room.saturating_sub(size);
        shown.push(shape);
    }

    shown.reverse();
    span.add_text("gen_ai.input.messages", Value::Array(shown).to_string());
}

fn text_part(text: &str) -> Value {
    json!({ "type": "text", "content": short(text) })
}

/// Returns the parts of what somebody said.
fn parts_of(text: &str, calls: &[ToolCall]) -> Vec<Value> {
    let said = Some(text).filter(|text| !text.is_empty());
    let calls = calls.iter().map(|call| {
        let args = match &call.args {
            Ok(args) => args.clone(),
            Err(text) => Value::from(text.as_str()),
        };
        json!({ "type": "tool_call", "id": call.id, "name": call.name, "arguments": args })
    });
    said.map(text_part).into_iter().chain(calls).collect()
}
