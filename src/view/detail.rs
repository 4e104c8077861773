//! One operation in full: what it was asked with the whole conversation, what came, and what it cost. Its
//! texts are read one by one, by the numbers of the events that hold them.

use crate::base::failure::Kind;
use crate::base::id::OpId;
use crate::base::json::as_text;
use crate::base::unit::Money;
use crate::flow::outcome::Outcome;
use crate::journal::event::Event;
use crate::journal::key::Key;
use crate::journal::part::RequestPart;
use crate::view::line::median;
use crate::view::row::{OpState, RunClock, row};
use crate::view::skeleton::{CallBones, Skeleton};
use crate::view::text::ShownText;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Most calls of an operation that are shown.
const CALLS_MAX: usize = 50;
/// Most messages of a conversation that are shown; the newest are.
const MESSAGES_MAX: usize = 50;
/// Most operations that are named as needed or as users.
const LINKS_MAX: usize = 50;

/// Looks up an event of the run by its number.
pub type EventLookup<'a> = &'a dyn Fn(i64) -> Option<Event>;

/// Returns everything about an operation, but for what is noted about it.
pub fn detail(
    skeleton: &Skeleton,
    op: OpId,
    clock: RunClock,
    events: EventLookup<'_>,
) -> Option<Value> {
    let row = row(skeleton, op, clock)?;
    let bones = &skeleton.ops[&op];
    let calls = bones.calls.iter().take(CALLS_MAX);
    let attempts: Vec<Value> = calls.map(|call| attempt(skeleton, call, events)).collect();

    let ended = bones.ended.and_then(|(_, seq)| Some((seq, events(seq)?)));
    let value = ended.and_then(|(seq, event)| match event {
        Event::OpEnded { outcome: Outcome::Completed { value }, .. } => {
            Some(ShownText::of(&as_text(&value), seq, "value"))
        }
        _ => None,
    });

    let lesson = row.failure.as_ref().map(|failure| Kind::from(&*failure.kind).lesson().advice());
    let member = skeleton.roster.get(op);
    let needs = member.map(|member| member.after).unwrap_or_default();
    let users = skeleton.ops.keys().filter(|other| {
        skeleton.roster.get(**other).is_some_and(|member| member.after.contains(&op))
    });

    Some(json!({
        "row": row, "attempts": attempts,
        "calls_left": bones.calls.len().saturating_sub(CALLS_MAX),
        "tools": tools(&bones.tools, events),
        "inputs": links(skeleton, needs.iter().copied(), clock),
        "used": links(skeleton, users.copied(), clock),
        "lesson": lesson, "value": value,
    }))
}

fn links(skeleton: &Skeleton, ops: impl Iterator<Item = OpId>, clock: RunClock) -> Vec<Value> {
    let one = |op: OpId| {
        let bones = skeleton.ops.get(&op)?;
        let outcome = OpState::of(bones, clock.state).word();
        Some(json!({ "op": op, "name": skeleton.name(op), "outcome": outcome }))
    };
    ops.take(LINKS_MAX).filter_map(one).collect()
}

/// Returns a call with its request and its reply.
fn attempt(skeleton: &Skeleton, call: &CallBones, events: EventLookup<'_>) -> Value {
    let since = |at: i64| at - skeleton.first_at;
    let mut shown = json!({
        "number": call.number, "demo": call.demo,
        "model": skeleton.models.get(call.model),
        "began": call.began.map(|(at, _)| since(at)),
        "took": call.began.zip(call.end.as_ref()).map(|((began, _), end)| end.at - began),
    });

    if let Some((seq, event)) = call.began.and_then(|(_, seq)| Some((seq, events(seq)?))) {
        extend(&mut shown, asked(skeleton, seq, &event, events));
    }
    if let Some((seq, event)) = call.end.as_ref().and_then(|end| Some((end.seq, events(end.seq)?)))
    {
        extend(&mut shown, answered(seq, &event));
    }
    shown
}

/// Adds fields to a map.
pub fn extend(shown: &mut Value, more: Value) {
    if let (Value::Object(shown), Value::Object(more)) = (shown, more) {
        shown.extend(more);
    }
}

/// Returns what a model was asked.
fn asked(skeleton: &Skeleton, seq: i64, event: &Event, events: EventLookup<'_>) -> Value {
    let Event::AttemptStarted {
        prompt,
        history,
        newest,
        key,
        sample,
        before,
        terms,
        repair,
        step,
        ..
    } = event
    else {
        return Value::Null;
    };

    let mut messages = Vec::new();
    // What is more than the text of a user stands among the parts.
    let mut next = newest.or(*before);
    while let Some(key) = next.filter(|_| messages.len() < MESSAGES_MAX) {
        let Some((seq, RequestPart::Message { message, after })) = part(skeleton, key, events)
        else {
            break;
        };
        let text = ShownText::of(&message.shown(), seq, "message");
        let ShownText { text, bytes, at } = text;
        messages
            .push(json!({ "role": message.role.word(), "text": text, "bytes": bytes, "at": at }));
        next = after;
    }
    messages.reverse();

    let known = messages.len() - usize::from(newest.is_some()).min(messages.len());
    let mut shown = json!({
        "history": history, "messages": messages,
        "messages_left": history.saturating_sub(known),
        "prompt": newest.is_none().then(|| ShownText::of(prompt, seq, "prompt")),
        "key": key.map(|key| key.to_string()), "sample": sample, "repair": repair, "step": step,
    });
    if let Some((seq, part)) = terms.and_then(|key| part(skeleton, key, events)) {
        extend(&mut shown, terms_of(seq, &part));
    }
    shown
}

fn part(skeleton: &Skeleton, key: Key, events: EventLookup<'_>) -> Option<(i64, RequestPart)> {
    let seq = *skeleton.parts.get(&key)?;
    match events(seq)? {
        Event::RequestPart { part, .. } => Some((seq, part)),
        _ => None,
    }
}

/// Returns everything of a request but its messages.
fn terms_of(seq: i64, part: &RequestPart) -> Value {
    let RequestPart::Terms { settings, schema, tools, choice } = part else { return Value::Null };
    let settings = json!(settings);
    let text = |value: Value, field: &str| ShownText::of(&value.to_string(), seq, field);

    json!({
        "settings": (settings != json!({})).then(|| text(settings, "settings")),
        "schema": schema.clone().map(|schema| text(schema, "schema")),
        "tools": (!tools.is_empty()).then(|| text(json!(tools), "tools")),
        "choice": choice,
    })
}

/// Returns what a model answered.
fn answered(seq: i64, event: &Event) -> Value {
    let Event::AttemptEnded {
        reply,
        cut,
        calls,
        usage,
        cost,
        served_by,
        failure,
        reused,
        retry_in_ms,
        mended,
        ..
    } = event
    else {
        return Value::Null;
    };

    let failure = failure.as_ref().map(|failure| {
        json!({
            "kind": failure.kind, "status": failure.status,
            "message": ShownText::of(&failure.message, seq, "failure").text,
        })
    });
    let usage = usage.map(|usage| {
        json!({
            "input": usage.input(), "output": usage.output(), "cached": usage.cache_read,
            "cache_write": usage.cache_write, "reasoning": usage.reasoning,
        })
    });

    json!({
        "reply": reply.as_ref().map(|reply| ShownText::of(reply, seq, "reply")),
        "calls": (!calls.is_empty()).then(|| ShownText::of(&json!(calls).to_string(), seq, "calls")),
        "cut": cut, "mended": mended, "usage": usage, "cost": cost.map(Money::dollars),
        "served_by": served_by, "failure": failure, "reused": reused, "retry_in_ms": retry_in_ms,
    })
}

/// Returns the calls of tools of an operation.
fn tools(seqs: &[(i64, Option<i64>)], events: EventLookup<'_>) -> Vec<Value> {
    // Ends are told apart by what their calls are known by, not by their order.
    let mut ends: HashMap<String, (i64, Event)> = HashMap::new();
    for seq in seqs.iter().filter_map(|(_, end)| *end) {
        if let Some(event) = events(seq)
            && let Event::ToolEnded { deed, .. } = &event
        {
            ends.insert(deed.0.clone(), (seq, event));
        }
    }

    let mut shown = Vec::new();
    for (seq, _) in seqs.iter().take(CALLS_MAX) {
        let Some(Event::ToolStarted { deed, tool, args, step, approved, .. }) = events(*seq) else {
            continue;
        };
        let mut one = json!({
            "tool": tool, "step": step, "approved": approved,
            "args": ShownText::of(&as_text(&args), *seq, "args"),
        });

        if let Some((seq, Event::ToolEnded { result, failure, bytes, cut, .. })) = ends.get(&deed.0)
        {
            let result =
                result.as_ref().map(|value| ShownText::of(&as_text(value), *seq, "result"));
            let failure = failure
                .as_ref()
                .map(|failure| json!({ "kind": failure.kind, "message": failure.message }));
            let more = json!({ "result": result, "failure": failure, "bytes": bytes, "cut": cut });
            extend(&mut one, more);
        }
        shown.push(one);
    }
    shown
}

/// Returns a field of an event as text, under the names that [`ShownText`] gives.
pub fn field(event: &Event, name: &str) -> Option<String> {
    match (event, name) {
        (Event::AttemptStarted { prompt, .. }, "prompt") => Some(prompt.clone()),
        (Event::AttemptEnded { reply, .. }, "reply") => reply.clone(),
        (Event::AttemptEnded { calls, .. }, "calls") => Some(json!(calls).to_string()),
        (Event::AttemptEnded { failure, .. }, "failure") => {
            failure.as_ref().map(|failure| failure.message.clone())
        }
        (
            Event::OpEnded { outcome: Outcome::Completed { value }, .. }
            | Event::RunEnded { value, .. },
            "value",
        ) => Some(as_text(value)),
        (Event::ToolStarted { args, .. }, "args") => Some(as_text(args)),
        (Event::ToolEnded { result, .. }, "result") => result.as_ref().map(as_text),
        (Event::RequestPart { part, .. }, name) => part_field(part, name),
        (event, "said") => crate::view::log::whole(event),
        _ => None,
    }
}

fn part_field(part: &RequestPart, name: &str) -> Option<String> {
    match (part, name) {
        (RequestPart::Message { message, .. }, "message") => Some(message.shown().into_owned()),
        (RequestPart::Terms { settings, .. }, "settings") => Some(json!(settings).to_string()),
        (RequestPart::Terms { schema, .. }, "schema") => schema.as_ref().map(ToString::to_string),
        (RequestPart::Terms { tools, .. }, "tools") => Some(json!(tools).to_string()),
        _ => None,
    }
}

/// Returns how long operations of a name took in other runs: the middle, and how many there were.
pub fn usual(times: &mut [i64]) -> (Option<i64>, usize) {
    let count = times.len();
    (median(times), count)
}
