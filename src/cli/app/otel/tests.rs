use super::*;
use crate::settings::otel::header;

#[test]
fn a_header_names_the_variable_that_holds_its_value() {
    let cases = [
        ("x-api-key=env:COLLECTOR_KEY", Some(("x-api-key", "COLLECTOR_KEY"))),
        ("  x-api-key = env:K ", Some(("x-api-key", "K"))),
        ("Authorization=env:A1", Some(("Authorization", "A1"))),
        // The key itself is never written here.
        ("x-api-key=abc", None),
        ("x-api-key", None),
        ("=env:K", None),
        ("x-api-key=env:", None),
        ("x api=env:K", None),
        ("x\r\nhost=env:K", None),
        ("x=env:K L", None),
    ];
    for (text, expected) in cases {
        assert_eq!(header(text), expected, "{text}");
    }
}

#[test]
fn spans_go_to_the_address_for_traces() {
    for endpoint in
        ["http://c:4318", "http://c:4318/", "http://c:4318/v1/traces", "http://c:4318/v1/traces/"]
    {
        assert_eq!(traces_url(endpoint), "http://c:4318/v1/traces");
    }
    assert_eq!(traces_url("https://c.example/otlp"), "https://c.example/otlp/v1/traces");
}

#[test]
fn making_spans_takes_a_share_of_the_run_and_no_more() {
    let budget = SpanBudget { began: Duration::from_secs(1), used: Cell::default() };
    let at = |millis: u64| Duration::from_millis(1000 + millis);

    budget.add(Duration::from_millis(30));
    assert!(budget.is_spent(at(199)));
    assert!(!budget.is_spent(at(200)));
    budget.add(Duration::from_millis(5));
    assert!(budget.is_spent(at(299)) && !budget.is_spent(at(300)));
}

/// Says in a line what became of a request.
fn told(status: u16, said: &str) -> String {
    match fate(status, said, None) {
        PushFate::Taken { refused, reason } => format!("taken, {refused} refused, {reason:?}"),
        PushFate::Later(reason, _) => format!("later: {reason}"),
        PushFate::Never(reason) => format!("never: {reason}"),
    }
}

#[test]
fn the_answer_of_a_collector_is_read_as_the_protocol_says() {
    assert_eq!(told(200, ""), "taken, 0 refused, None");
    assert_eq!(told(200, "{\"partialSuccess\":{}}"), "taken, 0 refused, None");
    assert_eq!(
        told(200, "{\"partialSuccess\":{\"rejectedSpans\":\"3\",\"errorMessage\":\"old\"}}"),
        "taken, 3 refused, Some(\"old\")"
    );
    assert_eq!(told(200, "{\"partialSuccess\":{\"rejectedSpans\":2}}"), "taken, 2 refused, None");
    for status in [429, 502, 503, 504] {
        assert_eq!(told(status, " "), format!("later: it answered with HTTP {status}"));
    }
    for status in [301, 400, 401, 404, 413, 500, 501] {
        assert_eq!(told(status, "no"), format!("never: it answered with HTTP {status}: no"));
    }
}
