//! Ways out: spans that are exported or sent while a run is active, and runs as a table.

use crate::support::server::{Act, Server, answer, json};
use crate::support::{Project, Ran};
use expect_test::expect;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};

/// A prompt that nobody but the model is to see.
const PROMPT: &str = "the canary sings at dawn";

const SCRIPT: &str = r#"
    let b = builder("review");
    let first = b.add_operation("communicate", #{ name: "first", instruction: "the canary sings at dawn" });
    let fails = b.add_operation(|inputs| throw "the canary died", #{ name: "fails" });
    b.add_operation("communicate", #{ name: "after", instruction: "x", depends_on: [fails] });
    let report = session(branch("demo/echo")).flow(b, #{ allow_failures: true });
    let alone = branch("demo/echo");
    alone.chat("the canary sings at dawn");
    "the canary value"
"#;

/// Returns all spans of lines or bodies of the protocol.
fn spans<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<Value> {
    let mut found = Vec::new();
    for text in texts {
        let request: Value = serde_json::from_str(text).unwrap();
        for resource in request["resourceSpans"].as_array().unwrap() {
            for scope in resource["scopeSpans"].as_array().unwrap() {
                found.extend(scope["spans"].as_array().unwrap().iter().cloned());
            }
        }
    }
    found
}

/// Returns an attribute of a span as a text; an empty one if it has none.
fn attribute(span: &Value, name: &str) -> String {
    let attributes = span["attributes"].as_array().unwrap();
    let found = attributes.iter().find(|one| one["key"] == name);
    let value = found.and_then(|one| one["value"].as_object()?.values().next().cloned());
    value.map_or(String::new(), |value| value.as_str().map_or(value.to_string(), str::to_owned))
}

/// Writes spans as a tree of names, each with the names of its attributes.
fn tree(spans: &[Value], parent: Option<&str>, depth: usize) -> String {
    let mut text = String::new();
    let of_parent = spans.iter().filter(|span| span["parentSpanId"].as_str() == parent);
    let mut children: Vec<&Value> = of_parent.collect();
    children.sort_by_key(|span| span["name"].as_str().unwrap().to_owned());

    for span in children {
        let names: Vec<&str> = span["attributes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["key"].as_str().unwrap())
            .collect();
        let state = span["status"]["code"].as_i64().map_or("", |_| " !");
        let name = span["name"].as_str().unwrap();
        text.push_str(&format!("{}{name}{state}: {}\n", "  ".repeat(depth), names.join(" ")));
        text.push_str(&tree(spans, span["spanId"].as_str(), depth + 1));
    }
    text
}

fn trusted(project: &Project, arguments: &[&str]) -> Ran {
    let mut command = project.command(arguments);
    Ran::from(command.env("KAIZEN_TRUST", "1").output().unwrap())
}

fn collector(project: &Project, server: &Server, more: &str) {
    project.file("kaizen.toml", &format!("[otel]\nendpoint = \"{}\"\n{more}", server.url));
    project.file("s.rhai", SCRIPT);
}

#[test]
fn spans_of_a_run_are_one_tree_without_what_was_said() {
    let project = Project::new();
    project.file("s.rhai", SCRIPT);
    assert_eq!(project.kaizen(&["run", "s.rhai", "-q"]).code, Some(0));

    let ran = project.kaizen(&["export", "-f", "otlp"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    expect![[r#"
        the spans follow the OpenTelemetry semantic conventions 1.41.1
    "#]]
    .assert_eq(&ran.stderr);
    assert!(!ran.stdout.contains("canary"), "{}", ran.stdout);

    expect![[r#"
        invoke_workflow s.rhai: gen_ai.operation.name gen_ai.workflow.name kaizen.run kaizen.seed kaizen.status
          chat: kaizen.operation kaizen.operation_number kaizen.outcome
            chat echo: gen_ai.operation.name gen_ai.provider.name gen_ai.request.model kaizen.attempt kaizen.demo gen_ai.output.type gen_ai.usage.input_tokens gen_ai.usage.output_tokens kaizen.cost_usd gen_ai.response.finish_reasons
          flow review: kaizen.flow kaizen.operations kaizen.max_concurrent
            after: kaizen.operation kaizen.operation_number kaizen.does kaizen.outcome kaizen.because
            fails !: kaizen.operation kaizen.operation_number kaizen.does kaizen.outcome error.type
            first: kaizen.operation kaizen.operation_number kaizen.does kaizen.outcome
              chat echo: gen_ai.operation.name gen_ai.provider.name gen_ai.request.model kaizen.attempt kaizen.demo gen_ai.output.type gen_ai.usage.input_tokens gen_ai.usage.output_tokens kaizen.cost_usd gen_ai.response.finish_reasons
    "#]]
    .assert_eq(&tree(&spans(ran.stdout.lines()), None, 0));

    let shown = project.kaizen(&["export", "@", "-f", "otlp", "--content"]);
    let shown = spans(shown.stdout.lines());
    let call = shown.iter().find(|span| span["name"] == "chat echo").unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&attribute(call, "gen_ai.input.messages")).unwrap(),
        json!([{ "role": "user", "parts": [{ "type": "text", "content": PROMPT }] }])
    );
    let failed = shown.iter().find(|span| span["name"] == "fails").unwrap();
    assert_eq!(failed["status"], json!({ "code": 2, "message": "the canary died" }));
}

#[test]
fn what_is_sent_while_a_run_goes_on_is_what_is_exported_later() {
    let project = Project::new();
    let server = Server::start(|_, _, _| json(200, "{}"));
    collector(&project, &server, "");

    let ran = project.kaizen(&["run", "s.rhai"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let told = ran.stderr.lines().find(|line| line.starts_with("sent ")).unwrap_or_default();
    assert_eq!(
        told,
        format!("sent 8 spans to {} (OpenTelemetry semantic conventions 1.41.1)", server.url)
    );

    for head in server.heads() {
        let head = head.to_lowercase();
        assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
        assert!(head.contains("\r\ncontent-type: application/json"), "{head}");
    }

    let exported = project.kaizen(&["export", "@", "-f", "otlp"]);
    let sent = server.bodies();
    let sort = |mut all: Vec<Value>| {
        all.sort_by_key(|span| span["spanId"].as_str().unwrap().to_owned());
        all
    };
    let sent = sort(spans(sent.iter().map(String::as_str)));
    assert_eq!(sent, sort(spans(exported.stdout.lines())));
    assert!(sent.iter().all(|span| !span.to_string().contains("canary")));
}

#[test]
fn headers_come_from_variables_and_no_secret_goes_out() {
    let project = Project::new();
    let server = Server::start(|_, _, _| json(200, "{}"));
    collector(&project, &server, "content = true\nheaders = [\"x-api-key = env:COLLECTOR_KEY\"]\n");
    project.file(
        "s.rhai",
        "branch(`demo/echo`).chat(`my key is hush-4711-0815 and ` + env(`MY_TOKEN`))",
    );

    let mut command = project.command(&["run", "s.rhai", "--allow-env=MY_TOKEN"]);
    command.env("KAIZEN_TRUST", "1").env("COLLECTOR_KEY", "hush-4711-0815");
    let ran = Ran::from(command.env("MY_TOKEN", "mum-is-the-word-99").output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);

    let heads = server.heads().join("\n");
    assert!(heads.contains("x-api-key: hush-4711-0815"), "{heads}");
    let bodies = server.bodies().join("\n");
    assert!(bodies.contains("my key is [secret] and [secret]"), "{bodies}");
    assert!(!bodies.contains("hush-4711") && !bodies.contains("mum-is"), "{bodies}");

    // Without the variable, a run does as well, and says that nothing is sent.
    let ran = trusted(&project, &["run", "s.rhai", "--allow-env"]);
    assert!(
        ran.stderr.contains(
            "warning: no spans are sent: the variable `COLLECTOR_KEY` of header `x-api-key` in `otel.headers` is not set\n"
        ),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_collector_that_fails_costs_a_run_nothing_and_its_losses_are_told() {
    let refused = "partialSuccess";
    let cases: Vec<(Act, &str)> = vec![
        (json(400, "no such thing"), "it answered with HTTP 400: no such thing"),
        (json(503, ""), "it answered with HTTP 503"),
        (Act::Close, "connection closed before message completed"),
        (Act::Hang, "it did not answer within 2 s"),
        (
            json(
                200,
                json!({ refused: { "rejectedSpans": "3", "errorMessage": "too old" } }).to_string(),
            ),
            "too old",
        ),
    ];

    for (act, reason) in cases {
        let project = Project::new();
        let server = Server::start(move |_, _, _| act.clone());
        collector(&project, &server, "");
        let ran = project.kaizen(&["run", "s.rhai", "-q"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_eq!(ran.stdout, "the canary value\n");
        let told =
            ran.stderr.lines().find(|line| line.starts_with("warning: ")).unwrap_or_default();
        assert!(
            told.contains(" of 8 spans did not reach ") && told.contains(reason),
            "{reason}: {told}"
        );
    }

    // Nobody is there at all.
    let project = Project::new();
    project
        .file("kaizen.toml", "[otel]\nendpoint = \"http://127.0.0.1:1\"\n")
        .file("s.rhai", SCRIPT);
    let ran = project.kaizen(&["run", "s.rhai", "--json"]);
    let told: Vec<Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told = told.iter().find(|line| line["type"] == "otel").unwrap();
    assert_eq!((&told["sent"], &told["dropped"]), (&json!(0), &json!(8)));
    assert_eq!(ran.code, Some(0));
}

#[test]
fn a_project_that_wants_to_send_spans_elsewhere_must_be_trusted() {
    let project = Project::new();
    project.file("s.rhai", "1");
    let elsewhere = "[otel]\nendpoint = \"https://collector.example\"\ncontent = true\n";
    for (toml, wishes) in [
        (elsewhere, "otel.content = true\notel.endpoint = \"https://collector.example\""),
        (
            "[otel]\nendpoint = \"http://127.0.0.1:1\"\nheaders = [\"a=env:AWS_SECRET\"]\n",
            "otel.endpoint = \"http://127.0.0.1:1\"\notel.headers = [\"a=env:AWS_SECRET\"]",
        ),
    ] {
        let ran = project.file("kaizen.toml", toml).kaizen(&["run", "s.rhai"]);
        assert_eq!(ran.code, Some(6), "{}", ran.stderr);
        let told: Vec<&str> =
            ran.stderr.lines().filter_map(|line| line.strip_prefix("    otel.")).collect();
        assert_eq!(format!("otel.{}", told.join("\notel.")), wishes, "{}", ran.stderr);
    }

    // A denial holds for the collector as for everything else.
    project.file(
        "kaizen.toml",
        "[otel]\nendpoint = \"http://127.0.0.1:1\"\n[permissions]\ndeny_net = [\"127.0.0.1\"]\n",
    );
    let ran = trusted(&project, &["run", "s.rhai"]);
    assert!(ran.stderr.contains("reaching `127.0.0.1` is denied by"), "{}", ran.stderr);
    assert_eq!(ran.code, Some(0));

    for (toml, key) in [
        ("endpoint = \"localhost:4318\"", "endpoint"),
        ("endpoint = \"file:///tmp/x\"", "endpoint"),
        ("headers = [\"x-api-key=abc\"]", "headers"),
        ("headers = [\"x y=env:A\"]", "headers"),
        ("content = 1", "content"),
    ] {
        let ran =
            project.file("kaizen.toml", &format!("[otel]\n{toml}\n")).kaizen(&["run", "s.rhai"]);
        assert!(ran.stderr.contains(&format!("`otel.{key}` must be ")), "{toml}: {}", ran.stderr);
    }
}

#[test]
fn a_run_is_a_table_with_a_row_for_each_call() {
    let project = Project::new();
    let server =
        Server::start(|n, _, _| if n == 0 { json(500, "") } else { answer("a, \"b\"\nc") });
    project.with_server(&server);
    project.file("s.rhai", "branch(`live`).chat(`=1+1`)");
    let ran = project.kaizen(&["run", "s.rhai", "-q"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);

    let ran = project.kaizen(&["export", "@", "@", "-f", "csv"]);
    let (head, rows) = ran.stdout.split_once('\n').unwrap();
    expect!["run,script,started_at,status,operation,name,flow,does,outcome,seconds,value,attempt,model,served_by,demo,reused,call_seconds,tokens_in,tokens_out,cost,failure,message,prompt,reply"]
        .assert_eq(head);
    let rows = project.without_ids(rows);
    let times = |cell: &str| {
        cell.len() > 7 && cell.chars().all(|c| c.is_ascii_digit() || ".-:TZ".contains(c))
    };
    let steady: Vec<String> = rows
        .split(',')
        .map(|cell| if times(cell) { "*".into() } else { cell.to_owned() })
        .collect();
    expect![[r#"
        RUN,s.rhai,*,ok,0,chat,,,completed,*,"a, ""b""
        c",1,openai/m,,0,,*,0,0,0.0,server,the provider failed with status 500: no reason given,=1+1,
        RUN,s.rhai,*,ok,0,chat,,,completed,*,"a, ""b""
        c",2,openai/m,served-1,0,,*,10,5,,,,=1+1,"a, ""b""
        c"
    "#]]
    .assert_eq(&steady.join(","));
}

/// Reads spans with the types that OpenTelemetry publishes, and writes what it understood.
const READER: &str = r#"
import base64, json, sys
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

def bytes_of_hex(value):
    # The protocol writes ids in hexadecimal digits, where JSON of protobuf has base64.
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("traceId", "spanId", "parentSpanId"):
                value[key] = base64.b64encode(bytes.fromhex(inner)).decode()
            else:
                bytes_of_hex(inner)
    if isinstance(value, list):
        for inner in value:
            bytes_of_hex(inner)

for line in sys.stdin:
    request = json.loads(line)
    bytes_of_hex(request)
    known = json_format.ParseDict(request, ExportTraceServiceRequest())
    for resource in known.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                assert len(span.trace_id) == 16 and len(span.span_id) == 8
                assert len(span.parent_span_id) in (0, 8)
                assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano
                print(span.name, span.kind, span.status.code, len(span.attributes))
"#;

#[test]
#[allow(clippy::print_stdout, reason = "a test that is skipped says so")]
fn published_types_read_every_field() {
    let python = std::env::var_os("KAIZEN_PYTHON").unwrap_or_else(|| "python3".into());
    let looked = Command::new(&python).args(["-c", "import opentelemetry.proto"]).output();
    if !looked.is_ok_and(|looked| looked.status.success()) {
        println!(
            "skipped: no opentelemetry-proto (pip install opentelemetry-proto, and KAIZEN_PYTHON)"
        );
        return;
    }

    let project = Project::new();
    project.file("s.rhai", SCRIPT);
    assert_eq!(project.kaizen(&["run", "s.rhai", "-q"]).code, Some(0));
    let exported = project.kaizen(&["export", "@", "-f", "otlp", "--content"]).stdout;

    let mut reader = Command::new(&python)
        .args(["-c", READER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    reader.stdin.take().unwrap().write_all(exported.as_bytes()).unwrap();
    let read = Ran::from(reader.wait_with_output().unwrap());
    assert_eq!(read.code, Some(0), "{}", read.stderr);
    let mut lines: Vec<&str> = read.stdout.lines().collect();
    lines.sort_unstable();
    // Name, kind of span, status, and how many attributes.
    expect![[r#"
        after 1 0 5
        chat 1 0 4
        chat echo 3 0 12
        chat echo 3 0 12
        fails 1 2 5
        first 1 0 5
        flow review 1 0 3
        invoke_workflow s.rhai 1 0 7"#]]
    .assert_eq(&lines.join("\n"));
}
