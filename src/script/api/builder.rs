//! `builder`: collects the operations of a graph.

use super::callback::read_function;
use super::define::def;
use super::operation::{Operation, read_on_failure, read_op};
use crate::base::failure::{Failure, Kind, Place};
use crate::base::spelling::nearest;
use crate::flow::Edge;
use crate::flow::builder::Builder;
use crate::flow::callback::{Callback, CallbackInput};
use crate::flow::op::{NodeId, Op, OpKind};
use crate::script::host::bound_fn::BoundFn;
use crate::script::host::context::Inner;
use crate::script::host::error::{EvalError, throw, throw_new};
use crate::script::host::options::{KindOptions, OF_EXPAND, Options, known, unknown_key_of};
use crate::script::host::tasks::{self, Task};
use crate::script::host::{convert, known_map};
use rhai::{Array, Dynamic, Engine, FnPtr, ImmutableString, Map, NativeCallContext};
use std::cell::RefCell;
use std::rc::Rc;

/// A builder as scripts hold it.
pub(in crate::script) type SharedBuilder = Rc<RefCell<Builder>>;

/// A place in a graph as scripts hold it.
#[derive(Clone)]
pub(in crate::script) struct Node {
    builder: SharedBuilder,
    id: NodeId,
}

impl Node {
    /// Returns the name of its operation.
    pub(in crate::script) fn name(&self) -> String {
        self.builder.borrow().name_of(self.id).unwrap_or_default().to_owned()
    }
}

pub(super) fn register(engine: &mut Engine, host: &Rc<Inner>) {
    adding(engine, host);
    aggregating(engine, host);
    connecting(engine, host);
    expanding(engine, host);
}

fn adding(engine: &mut Engine, host: &Rc<Inner>) {
    def(
        engine,
        "builder() -> builder",
        r#"
        Creates a builder for a graph. The graph is checked as a whole when it runs.
        ```rhai
        let g = builder("research");
        g.add_operation("communicate", #{ name: "market", instruction: "Describe the market." });
        print(g.draw("text"));
        ```
        "#,
        || -> SharedBuilder { Rc::new(RefCell::new(Builder::new("graph"))) },
    );

    def(engine, "builder(name: string) -> builder", "", |name: &str| -> SharedBuilder {
        Rc::new(RefCell::new(Builder::new(name)))
    });

    let inner = host.clone();
    def(
        engine,
        "add_operation(builder: builder, kind: any, options: map) -> node",
        r#"
        Adds an operation: "communicate", "chat", "operate", "react", "parse", "act", "ask", a closure `|inputs| ..`
        or `|inputs, branch| ..`, or a result of `operation`. Without `depends_on`, it is independent. Options: `name`,
        `instruction`, `context`, `schema`, `branch` (default: a fresh copy of the session's default
        branch), `depends_on` (nodes or names), `inherit_context` (continue the conversation of the
        first node it depends on), `when` (`|inputs| ..`, false skips it), `gate` (a result with
        `verdict: "reject"`, or `false` or "reject", skips what depends on it), `on_failure` ("skip", "stop" or "continue"),
        `timeout_ms`, `retries`, and the settings of `communicate`. The results of its dependencies
        precede the instruction, each under its name. `retries` is the maximum number of retries
        after a `retryable` failure; each attempt of a call (`attempts_max`) counts. "ask" asks a
        person: its options are `question`, and `options`, `schema`, `default` and `timeout` as for the function `ask`;
        the results of its dependencies precede the question.
        ```rhai
        let g = builder("essay");
        let draft = g.add_operation("communicate", #{ name: "draft", instruction: "Write it." });
        g.add_operation(|inputs| inputs.draft.len, #{ name: "length", depends_on: [draft] });
        print(session(branch("demo/echo")).flow(g).result("length"));
        ```
        "#,
        move |context: NativeCallContext, builder: &mut SharedBuilder, kind: Dynamic, map: Map| {
            add(&inner, &context, builder, kind, map).map_err(|e| throw(&e))
        },
    );

    let inner = host.clone();
    def(
        engine,
        "add_operation(builder: builder, kind: any) -> node",
        "",
        move |context: NativeCallContext, builder: &mut SharedBuilder, kind: Dynamic| {
            add(&inner, &context, builder, kind, Map::new()).map_err(|e| throw(&e))
        },
    );

    let inner = host.clone();
    def(
        engine,
        "operation(name: string, function: function) -> operation",
        r#"
        Gives a function a name, so that several graphs can use it as an operation.
        ```rhai
        let count = operation("count", |inputs| inputs.len());
        let g = builder("g");
        g.add_operation(count);
        print(session(branch("demo/echo")).flow(g).result("count"));
        ```
        "#,
        move |context: NativeCallContext, name: &str, function: FnPtr| Operation {
            name: name.to_owned(),
            function: BoundFn::new(&inner, &context, function),
        },
    );

    def(engine, "get name(node: node) -> string", "", |node: &mut Node| node.name());
}

fn add(
    host: &Rc<Inner>,
    context: &NativeCallContext,
    builder: &SharedBuilder,
    kind: Dynamic,
    map: Map,
) -> Result<Node, Failure> {
    let mut options = Options::of("add_operation", map)?;
    let sources = nodes(builder, &mut options, "depends_on")?;
    let op = read_op(host, context, builder, kind, options)?;
    Ok(insert(builder, op, &sources.unwrap_or_default()))
}

fn insert(builder: &SharedBuilder, op: Op, sources: &[NodeId]) -> Node {
    let id = builder.borrow_mut().add(op, sources);
    Node { builder: builder.clone(), id }
}

/// Reads an option that names nodes: one, or a list of them, each a node or the name of one.
fn nodes(
    builder: &SharedBuilder,
    options: &mut Options,
    key: &str,
) -> Result<Option<Vec<NodeId>>, Failure> {
    let Some(value) = options.take(key) else { return Ok(None) };
    let list = if value.is_array() { value.cast::<Array>() } else { vec![value] };
    list.into_iter()
        .map(|item| node(builder, options, key, item))
        .collect::<Result<_, _>>()
        .map(Some)
}

fn node(
    builder: &SharedBuilder,
    options: &Options,
    key: &str,
    item: Dynamic,
) -> Result<NodeId, Failure> {
    if let Some(name) = item.read_lock::<rhai::ImmutableString>() {
        let builder = builder.borrow();
        return builder.find(&name).ok_or_else(|| {
            let near = nearest(&name, builder.names());
            let help = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            options.wrong(key, &format!("no operation `{}` so far{help}", &*name))
        });
    }

    let found = convert::type_name(&item);
    let wrong = || options.wrong(key, &format!("must contain nodes or names, not a {found}"));
    let node = item.try_cast::<Node>().ok_or_else(wrong)?;

    if Rc::ptr_eq(&node.builder, builder) {
        return Ok(node.id);
    }

    let name = node.name();
    let graph = node.builder.borrow().name().to_owned();
    Err(options.wrong(key, &format!("node `{name}` belongs to another builder, `{graph}`")))
}

fn aggregating(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();

    def(
        engine,
        "add_aggregation(builder: builder, kind: any, options: map) -> node",
        r#"
        Adds an operation that receives the results of several others by name: those in
        `source_node_ids`, or all nodes that nothing depends on yet. Its default `name` is
        "aggregate"; its other options are those of `add_operation`.
        ```rhai
        let g = builder("research");
        let parts = ["market", "rivals"].map(|t|
            g.add_operation("communicate", #{ name: t, instruction: `Describe the ${t}.` }));
        g.add_aggregation("communicate", #{ source_node_ids: parts, instruction: "Sum up." });
        print(session(branch("demo/echo")).flow(g).result("aggregate"));
        ```
        "#,
        move |context: NativeCallContext, builder: &mut SharedBuilder, kind: Dynamic, map: Map| {
            aggregate(&inner, &context, builder, kind, map).map_err(|e| throw(&e))
        },
    );
}

fn aggregate(
    host: &Rc<Inner>,
    context: &NativeCallContext,
    builder: &SharedBuilder,
    kind: Dynamic,
    mut map: Map,
) -> Result<Node, Failure> {
    if !map.contains_key("name") {
        map.insert("name".into(), builder.borrow_mut().free_name("aggregate").into());
    }

    let mut options = Options::of("add_aggregation", map)?;
    let mut sources = nodes(builder, &mut options, "source_node_ids")?;
    if sources.is_none() {
        sources = nodes(builder, &mut options, "depends_on")?;
    }

    let sources = sources.unwrap_or_else(|| builder.borrow().heads());
    if sources.is_empty() {
        let message = "there is nothing to aggregate; add operations first";
        return Err(Failure::new(Kind::Option, message));
    }

    let op = read_op(host, context, builder, kind, options)?;
    Ok(insert(builder, op, &sources))
}

fn connecting(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "add_edge(builder: builder, source: node, target: node, options: map)",
        r#"
        Makes `target` wait for `source`. With `#{ when: |result| .. }`, the target is skipped if
        the function returns false for the source's result.
        ```rhai
        let g = builder("review");
        let check = g.add_operation(|| 3, #{ name: "check" });
        let good = g.add_operation(|| "good", #{ name: "good" });
        let bad = g.add_operation(|| "bad", #{ name: "bad" });
        g.add_edge(check, good, #{ when: |n| n > 2 });
        g.add_edge(check, bad, #{ when: |n| n <= 2 });
        print(session(branch("demo/echo")).flow(g).skipped_operations);
        ```
        "#,
        move |context: NativeCallContext, _: &mut SharedBuilder, a: Node, b: Node, map: Map| {
            let mut options = Options::of("add_edge", map).map_err(|e| throw(&e))?;
            let when =
                read_function(&inner, &context, &mut options, "when").map_err(|e| throw(&e))?;

            connect(&a, &b, Edge { when })
        },
    );

    def(
        engine,
        "add_edge(builder: builder, source: node, target: node)",
        "",
        |_: &mut SharedBuilder, a: Node, b: Node| connect(&a, &b, Edge::default()),
    );

    def(
        engine,
        "then(source: node, target: node) -> node",
        r#"
        Makes one node wait for another: `a.then(b)` or `a >> b`; both sides of `>>` may be lists.
        Returns the target, so you can chain: `a >> b >> c`.
        ```rhai
        let g = builder("chain");
        let a = g.add_operation(|| 1, #{ name: "a" });
        let b = g.add_operation(|inputs| inputs.a + 1, #{ name: "b" });
        a >> b;
        print(session(branch("demo/echo")).flow(g).result("b"));
        ```
        "#,
        |source: &mut Node, target: Node| {
            connect(source, &target, Edge::default())?;
            Ok::<_, EvalError>(target)
        },
    );

    arrows(engine);
}

fn arrows(engine: &mut Engine) {
    def(engine, ">>(source: node, target: node) -> node", "", |a: Node, b: Node| {
        connect(&a, &b, Edge::default())?;
        Ok::<_, EvalError>(b)
    });

    def(engine, ">>(source: node, targets: array) -> array", "", |a: Node, b: Array| {
        chain(&[Dynamic::from(a)], &b)?;
        Ok::<_, EvalError>(b)
    });

    def(engine, ">>(sources: array, target: node) -> node", "", |a: Array, b: Node| {
        chain(&a, &[Dynamic::from(b.clone())])?;
        Ok::<_, EvalError>(b)
    });

    def(engine, ">>(sources: array, targets: array) -> array", "", |a: Array, b: Array| {
        chain(&a, &b)?;
        Ok::<_, EvalError>(b)
    });
}

fn connect(source: &Node, target: &Node, edge: Edge) -> Result<(), EvalError> {
    if !Rc::ptr_eq(&source.builder, &target.builder) {
        let message =
            format!("`{}` and `{}` belong to different builders", source.name(), target.name());
        return Err(throw_new(Kind::Option, message));
    }

    source.builder.borrow_mut().connect(source.id, target.id, edge);
    Ok(())
}

fn chain(sources: &[Dynamic], targets: &[Dynamic]) -> Result<(), EvalError> {
    let read = |value: &Dynamic| {
        let name = convert::type_name(value);
        let wrong = || throw_new(Kind::Option, format!("`>>` connects nodes, not a {name}"));
        value.clone().try_cast::<Node>().ok_or_else(wrong)
    };

    for source in sources {
        for target in targets {
            connect(&read(source)?, &read(target)?, Edge::default())?;
        }
    }

    Ok(())
}

fn expanding(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "expand(builder: builder, node: node, function: function) -> node",
        r#"
        Creates one operation per item of a node's list, at run time. The function receives the item
        and its index, and returns the options of the operation (`operation` selects it, default
        "communicate"). The kinds "communicate", "chat", "operate" and "react" get the item as their
        context. The new node's result is the list of all results, in order. Options: `name`,
        `on_failure`.
        ```rhai
        let g = builder("fan");
        let topics = g.add_operation(|| ["vans", "bikes"], #{ name: "topics" });
        g.expand(topics, |topic, i| #{ instruction: `Describe ${topic}.` }, #{ name: "each" });
        print(session(branch("demo/echo")).flow(g).result("each").len);
        ```
        "#,
        move |context: NativeCallContext, builder: &mut SharedBuilder, node: Node, f: FnPtr| {
            expand(&inner, &context, builder, &node, f, Map::new()).map_err(|e| throw(&e))
        },
    );

    let inner = host.clone();
    def(
        engine,
        "expand(builder: builder, node: node, function: function, options: map) -> node",
        "",
        move |context: NativeCallContext,
              builder: &mut SharedBuilder,
              node: Node,
              f: FnPtr,
              map: Map| {
            expand(&inner, &context, builder, &node, f, map).map_err(|e| throw(&e))
        },
    );
}

fn expand(
    host: &Rc<Inner>,
    context: &NativeCallContext,
    builder: &SharedBuilder,
    node: &Node,
    function: FnPtr,
    map: Map,
) -> Result<Node, Failure> {
    let mut options = Options::of("expand", map)?;
    let name = options.text("name")?;
    let name = name.unwrap_or_else(|| builder.borrow_mut().free_name("expand"));

    let function = BoundFn::new(host, context, function);
    let make = make_op(host, function, builder.clone(), tasks::current());
    let position = context.call_position();
    let place = position.line().map(|line| Place {
        file: context.call_source().map_or_else(|| host.script_name(), str::to_owned),
        line,
        column: position.position().unwrap_or(1),
    });
    let mut op = Op::new(name, OpKind::Expand { make, place });
    op.on_failure = read_on_failure(&mut options)?;

    if !Rc::ptr_eq(&node.builder, builder) {
        let message = format!("node `{}` belongs to another builder", node.name());
        return Err(Failure::new(Kind::Option, message));
    }

    Ok(insert(builder, op, &[node.id]))
}

/// Makes the operation of one item.
fn made_op(
    host: &Rc<Inner>,
    context: &NativeCallContext,
    builder: &SharedBuilder,
    kind: Dynamic,
    map: Map,
) -> Result<Op, Failure> {
    if map.contains_key("name") {
        let message = "the function of `expand` cannot set a `name`: its operations are numbered, such as \
                       `each[0]`; name the expansion by `expand(node, function, #{ name: \"each\" })`";
        return Err(Failure::new(Kind::Option, message));
    }
    let known = known("add_operation").unwrap_or_default();
    if let Some(key) = map.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(unknown_key_of(OF_EXPAND, key, &known));
    }
    let options = Options::new("expand", map, &known)?;
    read_op(host, context, builder, kind, options)
}

/// Tells whether an operation asks a model about its context.
fn takes_context(kind: &Dynamic) -> bool {
    let word = kind.read_lock::<ImmutableString>();
    let options = word.and_then(|word| KindOptions::of_kind(&word));
    options.is_some_and(|options| options.takes("context"))
}

/// Throws a failure at the place of the call that the context belongs to.
fn throw_at(failure: &Failure, context: &NativeCallContext) -> EvalError {
    let mut raised = throw(failure);
    raised.set_position(context.call_position());
    raised
}

/// Makes the function that turns an item into an operation.
fn make_op(
    host: &Rc<Inner>,
    function: BoundFn,
    builder: SharedBuilder,
    task: Rc<Task>,
) -> Callback<Op> {
    let host = host.clone();
    Callback::new(move |input| {
        let host = host.clone();
        let function = function.clone();
        let builder = builder.clone();
        let task = (*task).clone();
        Box::pin(async move {
            let CallbackInput::Item(item, place, strand) = input else {
                return Err(Failure::new(
                    Kind::Script,
                    "an expansion was called like an operation",
                ));
            };

            let arguments = vec![
                convert::from_value(item.clone()),
                i64::try_from(place).unwrap_or(i64::MAX).into(),
            ];

            let made = function.call(task.on(strand), arguments).await;
            let made = made.map_err(|raised| function.failure(&raised))?;
            let found = convert::type_name(&made);
            let Some(mut map) = known_map::as_map(&made) else {
                let message =
                    format!("the function of `expand` must return a map of options, not a {found}");
                return Err(Failure::new(Kind::Script, message));
            };

            let kind = map.remove("operation").unwrap_or_else(|| "communicate".into());
            // An operation that asks a model sees the item as its context.
            if takes_context(&kind) && !map.contains_key("context") {
                map.insert("context".into(), convert::from_value(item));
            }

            function.with_context(|context| {
                let made = made_op(&host, context, &builder, kind, map);
                made.map_err(|failure| function.failure(&throw_at(&failure, context)))
            })
        })
    })
}
