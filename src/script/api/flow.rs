//! Running a graph, and the report of how it went.

use super::budget::read_budget;
use super::builder::{Node, SharedBuilder};
use super::define::def;
use super::operation::read_on_failure;
use super::session::SharedSession;
use crate::base::failure::Kind;
use crate::base::spelling::nearest;
use crate::base::visible::{hanging, on_one_line};
use crate::executor::flow::{FlowOptions, MAX_CONCURRENT};
use crate::executor::report::Report;
use crate::executor::{EventListener, attempt::Stop};
use crate::flow::Graph;
use crate::flow::draw::{Format, draw};
use crate::flow::outcome::{Outcome, SkipReason};
use crate::journal::event::Event;
use crate::script::host::bound_fn::BoundFn;
use crate::script::host::context::Inner;
use crate::script::host::error::{EvalError, throw, throw_new};
use crate::script::host::fiber::wait;
use crate::script::host::kinds::EVENT_KINDS;
use crate::script::host::known_map::KnownMap;
use crate::script::host::options::Options;
use crate::script::host::{convert, shape, shape_of_data, tasks};
use futures::future::{self, Either};
use rhai::{Array, Dynamic, Engine, FnPtr, Map, NativeCallContext};
use serde_json::Value;
use std::rc::Rc;
use tokio::sync::mpsc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Inner>) {
    graphs(engine);
    running(engine, host);
    report_lists(engine);
    report_values(engine);
}

fn freeze(builder: &SharedBuilder) -> Result<Rc<Graph>, EvalError> {
    let graph = builder.borrow().build();
    graph.map(Rc::new).map_err(|errors| throw_new(Kind::Graph, errors.to_string()))
}

fn graphs(engine: &mut Engine) {
    for name in ["graph", "get_graph"] {
        def(
            engine,
            &format!("{name}(builder: builder) -> graph"),
            r#"
            Checks and freezes the graph. Cycles, duplicate names and other errors are reported
            together. `graph` and `get_graph` are the same.
            ```rhai
            let g = builder("one");
            g.add_operation(|| 1, #{ name: "a" });
            print(g.graph().draw("mermaid"));
            ```
            "#,
            |builder: &mut SharedBuilder| freeze(builder),
        );
    }

    def(
        engine,
        "draw(builder: builder, format: string) -> string",
        r#"
        Draws a graph as "text", "mermaid" or "dot".
        ```rhai
        let g = builder("two");
        let a = g.add_operation(|| 1, #{ name: "a" });
        g.add_operation(|| 2, #{ name: "b", depends_on: a });
        print(g.draw("dot"));
        ```
        "#,
        |builder: &mut SharedBuilder, format: &str| drawn(&*freeze(builder)?, format),
    );

    def(
        engine,
        "draw(graph: graph, format: string) -> string",
        "",
        |graph: &mut Rc<Graph>, format: &str| drawn(graph, format),
    );

    def(engine, "get name(graph: graph) -> string", "", |graph: &mut Rc<Graph>| {
        graph.name().to_owned()
    });
}

fn drawn(graph: &Graph, format: &str) -> Result<String, EvalError> {
    let unknown = || {
        let message = format!("unknown format `{format}`; use text, mermaid or dot");
        throw_new(Kind::Option, message)
    };
    Ok(draw(graph, Format::parse(format).ok_or_else(unknown)?))
}

fn running(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "flow(session: session, graph: builder) -> report",
        r#"
        Runs a graph on the branches of a session and returns a report. Options: `max_concurrent`
        (maximum number of concurrent operations), `on_failure` ("skip", "stop" or "continue",
        unless an operation sets it), `timeout_ms` (cancels unfinished operations), `allow_failures`
        (failed operations of this flow do not fail the run), `verbose` (prints the outcome of each
        operation), `budget` (a map of `max_cost`, `max_tokens` and `max_calls` for this flow,
        within the run's budget; a call that could exceed it is not made).
        ```rhai
        let g = builder("pair");
        g.add_operation("communicate", #{ name: "a", instruction: "One?" });
        g.add_operation("communicate", #{ name: "b", instruction: "Two?" });
        let report = session(branch("demo/echo")).flow(g, #{ max_concurrent: 2 });
        print(report.completed_operations);
        print(report.metrics.success_rate);
        ```
        "#,
        move |session: &mut SharedSession, builder: SharedBuilder| {
            run(&inner, session, &*freeze(&builder)?, Map::new())
        },
    );

    let inner = host.clone();
    def(
        engine,
        "flow(session: session, graph: builder, options: map) -> report",
        "",
        move |session: &mut SharedSession, builder: SharedBuilder, map: Map| {
            run(&inner, session, &*freeze(&builder)?, map)
        },
    );

    let inner = host.clone();
    def(
        engine,
        "flow(session: session, graph: graph) -> report",
        "",
        move |session: &mut SharedSession, graph: Rc<Graph>| {
            run(&inner, session, &graph, Map::new())
        },
    );

    let inner = host.clone();
    def(
        engine,
        "flow(session: session, graph: graph, options: map) -> report",
        "",
        move |session: &mut SharedSession, graph: Rc<Graph>, map: Map| {
            run(&inner, session, &graph, map)
        },
    );

    let inner = host.clone();
    def(
        engine,
        "on(session: session, kind: string, function: function)",
        r#"
        Calls a function for each event of this kind while a flow of the session runs. Kinds:
        `flow_started`, `expanded`, `op_started`, `attempt_started`, `attempt_ended`, `op_ended`,
        `flow_ended`, and `any`. An event is a map with `kind`, `flow`, `op` and more. An error of
        the function ends the flow, which throws it.
        ```rhai
        let s = session(branch("demo/echo"));
        s.on("op_ended", |event| print(`operation ${event.op}: ${event.outcome}`));
        let g = builder("one");
        g.add_operation(|| 1, #{ name: "a" });
        s.flow(g);
        ```
        "#,
        move |context: NativeCallContext, session: &mut SharedSession, kind: &str, f: FnPtr| {
            if !EVENT_KINDS.contains(&kind) {
                let near = nearest(kind, EVENT_KINDS.iter().copied());
                let help =
                    near.map_or(EVENT_KINDS.join(", "), |near| format!("did you mean `{near}`?"));
                let message = format!("unknown event `{kind}`; {help}");
                return Err(throw_new(Kind::Option, message));
            }

            let function = BoundFn::new(&inner, &context, f);
            session.borrow_mut().listeners.push((kind.to_owned(), function));
            Ok(())
        },
    );
}

fn run(
    host: &Rc<Inner>,
    session: &SharedSession,
    graph: &Graph,
    map: Map,
) -> Result<Rc<Report>, EvalError> {
    let read = |map: Map| {
        let mut options = Options::of("flow", map)?;
        let limit = options.count("max_concurrent")?;
        let flow = FlowOptions {
            max_concurrent: limit
                .map_or(MAX_CONCURRENT, |n| usize::try_from(n).unwrap_or(usize::MAX)),
            on_failure: read_on_failure(&mut options)?.unwrap_or_default(),
            timeout: options.millis("timeout_ms")?,
            allow_failures: options.flag("allow_failures")?,
            budget: read_budget(&mut options)?,
            around: tasks::current().scope.clone(),
        };
        Ok((flow, options.flag("verbose")?))
    };

    let (options, verbose) = read(map).map_err(|e| throw(&e))?;
    // Copies, so that the session is not borrowed while the flow runs.
    let listeners = session.borrow().listeners.clone();
    let copy = session.borrow().session.clone();
    let executor = host.executor();
    let strand = tasks::current().strand.clone();

    let report = wait(async {
        let flow = executor.run(&strand, graph, &copy, &options);
        if listeners.is_empty() { Ok(flow.await) } else { told_to(host, flow, listeners).await }
    })?;

    let report = report.map_err(|error| host.raise(Stop::from(error)))?;
    if verbose {
        for entry in &report.entries {
            (host.with.say)(&sentence(&entry.name, &entry.outcome));
        }
    }

    Ok(Rc::new(report))
}

fn sentence(name: &str, outcome: &Outcome) -> String {
    let name = on_one_line(name);
    match outcome {
        Outcome::Completed { .. } => format!("{name}: completed"),
        Outcome::Failed { failure } => format!("{name}: failed: {}", hanging(&failure.message)),
        Outcome::Skipped { reason } => {
            format!("{name}: skipped because {}", on_one_line(&reason.to_string()))
        }
        Outcome::Cancelled => format!("{name}: cancelled"),
    }
}

/// Returns an event as listeners hear it: the same in a resumed run as in one that nothing disturbed.
fn heard(event: &Event) -> Option<Event> {
    if !EVENT_KINDS.contains(&event.kind()) {
        return None;
    }

    let mut event = event.clone();
    if let Event::AttemptEnded { reused, again, .. } = &mut event
        && std::mem::take(again)
    {
        *reused = None;
    }

    Some(event)
}

/// Runs a flow and calls the listeners of its session with what happens, one after the other. An
/// error of a listener ends the flow.
async fn told_to<T>(
    host: &Rc<Inner>,
    flow: impl Future<Output = T>,
    listeners: Vec<(String, BoundFn)>,
) -> Result<T, EvalError> {
    let (send, receive) = mpsc::unbounded_channel::<Event>();
    let listener: EventListener = Rc::new(move |_, event: &Event| {
        if let Some(event) = heard(event) {
            // The receiver lives as long as the flow.
            let _ = send.send(event);
        }
    });

    let executor = host.executor();
    let id = executor.listen(listener);
    let pump = Box::pin(pump(receive, listeners));

    match future::select(Box::pin(flow), pump).await {
        Either::Left((report, pump)) => {
            executor.unlisten(id);
            // What has happened until now is still told.
            pump.await.map(|()| report)
        }
        Either::Right((ended, flow)) => {
            executor.unlisten(id);
            ended?;
            Ok(flow.await)
        }
    }
}

/// Calls listeners until nobody sends events any more.
async fn pump(
    mut events: mpsc::UnboundedReceiver<Event>,
    listeners: Vec<(String, BoundFn)>,
) -> Result<(), EvalError> {
    let task = (*tasks::current()).clone();
    while let Some(event) = events.recv().await {
        let value = serde_json::to_value(&event).expect("events are plain data");
        let wants = |kind: &String| kind == "any" || kind == event.kind();
        for (kind, function) in listeners.iter().filter(|(kind, _)| wants(kind)) {
            let argument = match shape::of_event(kind) {
                Some(shape) => KnownMap::of_shape(shape, value.clone()),
                None => convert::from_value(value.clone()),
            };
            // What a listener gives is nobody's.
            let _ = function.call(task.next(), vec![argument]).await?;
        }
    }

    Ok(())
}

fn report_lists(engine: &mut Engine) {
    const LISTS: [(&str, &str, &str); 4] = [
        ("completed_operations", "completed", "The names of the completed operations."),
        ("failed_operations", "failed", "The names of the failed operations."),
        ("skipped_operations", "skipped", "The names of the skipped operations."),
        ("cancelled_operations", "cancelled", "The names of the cancelled operations."),
    ];

    for (name, word, says) in LISTS {
        let doc = format!(
            "{says} Each operation is in exactly one of the four lists of a report.\n\
             ```rhai\n\
             let g = builder(\"one\");\n\
             g.add_operation(|| 1, #{{ name: \"a\" }});\n\
             print(session(branch(\"demo/echo\")).flow(g).{name});\n\
             ```"
        );

        def(
            engine,
            &format!("get {name}(report: report) -> array"),
            &doc,
            move |report: &mut Rc<Report>| -> Array {
                report.names(word).into_iter().map(|name| name.to_owned().into()).collect()
            },
        );
    }
}

fn report_values(engine: &mut Engine) {
    def(
        engine,
        "get cut_operations(report: report) -> array",
        r#"
        The names of the completed operations with an answer that reached `max_tokens` and was accepted
        (`on_length: "accept"`).
        ```rhai
        let g = builder("one");
        g.add_operation("chat", #{ name: "a", instruction: "Go.", max_tokens: 9, on_length: "accept" });
        print(session(branch("demo/echo")).flow(g).cut_operations);
        ```
        "#,
        |report: &mut Rc<Report>| -> Array {
            report.cut_operations().into_iter().map(|name| name.to_owned().into()).collect()
        },
    );

    def(
        engine,
        "get operation_results(report: report) -> map",
        r#"
        The values of the completed operations, by name.
        ```rhai
        let g = builder("one");
        g.add_operation(|| 1, #{ name: "a" });
        print(session(branch("demo/echo")).flow(g).operation_results.a);
        ```
        "#,
        |report: &mut Rc<Report>| by_operation(report, Field::Results),
    );

    def(
        engine,
        "get errors(report: report) -> map",
        r#"
        The errors of the operations without a value, by name: maps with `kind` and `message`.
        ```rhai
        let g = builder("one");
        g.add_operation(|| throw "no luck", #{ name: "a" });
        let report = session(branch("demo/echo")).flow(g, #{ allow_failures: true });
        print(report.errors.a.message);
        ```
        "#,
        |report: &mut Rc<Report>| by_operation(report, Field::Errors),
    );

    def(
        engine,
        "get metrics(report: report) -> map",
        r#"
        The metrics of a flow: `execution_time` (s), `success_rate` (completed operations divided by
        operations that were to run), `throughput` (per second; also as `parallel_efficiency`),
        `speedup` (`()` when an operation that was to run did not complete), `critical_path`,
        `critical_path_time`, `max_in_flight`, `calls`, `retries`, `tokens`, `cost` (dollars), and
        the counts. The cost and each token count are `()` if they are unknown for any call.
        ```rhai
        let g = builder("one");
        g.add_operation("communicate", #{ name: "a", instruction: "One?" });
        let m = session(branch("demo/echo")).flow(g).metrics;
        print(`${m.calls} calls, ${m.tokens.output} tokens`);
        ```
        "#,
        |report: &mut Rc<Report>| metrics(report),
    );

    def(
        engine,
        "result(report: report, name: string) -> any",
        r#"
        The value of one operation, by its name or its node. If the operation produced none, its error
        is thrown; an unknown name is an error.
        ```rhai
        let g = builder("one");
        g.add_operation(|| 1, #{ name: "a" });
        print(session(branch("demo/echo")).flow(g).result("a"));
        ```
        "#,
        |report: &mut Rc<Report>, name: &str| result(report, name),
    );
    def(
        engine,
        "result(report: report, node: node) -> any",
        "",
        |report: &mut Rc<Report>, node: Node| result(report, &node.name()),
    );

    def(engine, "to_map(report: report) -> map", "", |report: &mut Rc<Report>| to_map(report));
}

/// Makes plain data of a report: a map of what its properties are.
fn to_map(report: &Report) -> Dynamic {
    let mut fields = convert::from_fields(report.to_map());

    fields.insert("operation_results".into(), by_operation(report, Field::Results));
    fields.insert("errors".into(), by_operation(report, Field::Errors));
    fields.insert("metrics".into(), metrics(report));
    KnownMap::of_values(&shape_of_data::REPORT_DATA, fields)
}

fn metrics(report: &Report) -> Dynamic {
    KnownMap::of_shape(&shape::METRICS, report.metrics.to_map().into())
}

/// What a report tells of operations by their names.
#[derive(Clone, Copy)]
enum Field {
    Results,
    Errors,
}

fn by_operation(report: &Report, field: Field) -> Dynamic {
    let (key, what) = match field {
        Field::Results => ("operation_results", shape::OPERATION_RESULTS.what),
        Field::Errors => ("errors", shape::ERRORS.what),
    };
    let told = report.to_map().remove(key);
    let told = told.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();

    let value = |value| match field {
        Field::Results => convert::from_value(value),
        Field::Errors => KnownMap::of_shape(&shape::ERROR, value),
    };
    let fields = told.into_iter().map(|(name, told)| (name.into(), value(told))).collect();
    let names = report.entries.iter().map(|entry| entry.name.clone());
    KnownMap::of_operations(what, names, fields)
}

fn result(report: &Report, name: &str) -> Result<Dynamic, EvalError> {
    let Some(outcome) = report.outcome(name) else {
        let names = report.entries.iter().map(|entry| entry.name.as_str());
        let near = nearest(name, names.clone());
        let help = near.map_or_else(
            || format!("available: {}", names.collect::<Vec<_>>().join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        return Err(throw_new(Kind::Option, format!("unknown operation `{name}`; {help}")));
    };

    match outcome {
        Outcome::Completed { value } => Ok(convert::from_value(value.clone())),
        Outcome::Failed { failure } => Err(throw(&failure.clone().of(name))),
        Outcome::Skipped { reason } => {
            // The failure at the root says more than that this was skipped.
            let root = match reason {
                SkipReason::Failed { op } => report.failure(op),
                SkipReason::Cancelled { .. }
                | SkipReason::Condition { .. }
                | SkipReason::Gate { .. } => None,
            };

            let root = root.map_or(String::new(), |failure| format!(": {}", failure.message));
            let message = format!("operation `{name}` was skipped because {reason}{root}");
            Err(throw(&report.skipped(reason, message)))
        }
        Outcome::Cancelled => {
            Err(throw(&report.cancelled(format!("operation `{name}` was cancelled"))))
        }
    }
}
