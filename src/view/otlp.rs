//! Spans in the JSON encoding of the OpenTelemetry protocol: ids in hexadecimal digits, numbers of 64 bits
//! as text, and enumerations as numbers.

use crate::base::secret::{scrub, scrubbed};
use crate::view::span::{CONVENTIONS, SpanState, SpanValue, WorkSpan};
use serde_json::{Value, json};

/// Makes the body of a request that hands spans over. Secrets are taken out of every text.
pub fn request(spans: &[WorkSpan]) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    let schema = format!("https://opentelemetry.io/schemas/{CONVENTIONS}");
    let of = |name: &str, value: &str| attribute(name, &SpanValue::Text(value.to_owned()));
    let spans: Vec<Value> = spans.iter().map(span).collect();

    json!({
        "resourceSpans": [{
            "resource": { "attributes": [of("service.name", "kaizen"), of("service.version", version)] },
            "scopeSpans": [{
                "scope": { "name": "kaizen", "version": version },
                "spans": spans,
                "schemaUrl": schema,
            }],
            "schemaUrl": schema,
        }],
    })
}

fn span(span: &WorkSpan) -> Value {
    let attributes: Vec<Value> =
        span.values.iter().map(|(name, value)| attribute(name, value)).collect();

    let mut shown = json!({
        "traceId": span.place.trace_id(),
        "spanId": span.place.id(),
        "name": scrub(&span.name),
        "kind": span.role as i32,
        "startTimeUnixNano": nanos(span.began),
        "endTimeUnixNano": nanos(span.ended),
        "attributes": attributes,
        "status": {},
    });

    if let Some(parent) = span.place.parent_id() {
        shown["parentSpanId"] = parent.into();
    }
    if let Some(of) = &span.link {
        shown["links"] = json!([{ "traceId": of.trace_id(), "spanId": of.id() }]);
    }
    if let SpanState::Failed(message) = &span.state {
        shown["status"] = json!({ "code": 2 });
        if !message.is_empty() {
            shown["status"]["message"] = scrub(message).into();
        }
    }
    shown
}

fn nanos(micros: i64) -> String {
    (i128::from(micros) * 1000).max(0).to_string()
}

fn attribute(name: &str, value: &SpanValue) -> Value {
    json!({ "key": name, "value": any(value) })
}

fn any(value: &SpanValue) -> Value {
    match value {
        SpanValue::Text(text) => json!({ "stringValue": scrubbed(text.clone()) }),
        SpanValue::Texts(texts) => {
            let values: Vec<Value> =
                texts.iter().map(|text| json!({ "stringValue": scrub(text) })).collect();
            json!({ "arrayValue": { "values": values } })
        }
        SpanValue::Whole(number) => json!({ "intValue": number.to_string() }),
        // JSON has no other numbers; what is none is told in the words of the protocol.
        SpanValue::Number(number) if number.is_nan() => json!({ "doubleValue": "NaN" }),
        SpanValue::Number(number) if number.is_infinite() => {
            json!({ "doubleValue": if *number > 0.0 { "Infinity" } else { "-Infinity" } })
        }
        SpanValue::Number(number) => json!({ "doubleValue": number }),
        SpanValue::Flag(flag) => json!({ "boolValue": flag }),
    }
}
