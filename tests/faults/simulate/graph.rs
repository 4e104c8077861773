//! Graphs of chance, with every kind of operation, edge and option.

use kaizen::base::bounds::Bounds;
use kaizen::base::failure::{Failure, Kind};
use kaizen::base::rng::Rng;
use kaizen::base::unit::Money;
use kaizen::executor::Executor;
use kaizen::executor::attempt::Stop;
use kaizen::executor::flow::FlowOptions;
use kaizen::executor::question::{Asker, BranchQuestion};
use kaizen::flow::builder::Builder;
use kaizen::flow::callback::{Callback, CallbackInput};
use kaizen::flow::op::{Keep, NodeId, OnFailure, Op, OpKind, Prompt};
use kaizen::flow::{Edge, Graph};
use kaizen::model::limiter::ServerLimits;
use kaizen::model::price::Price;
use kaizen::model::request::Settings;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

/// Most calls that a script operation makes.
pub(super) const CALLS_MAX: u64 = 3;

/// Everything about a run that chance decides, but its graph.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) size: usize,
    pub(super) fault_rate: f64,
    pub(super) max_concurrent: usize,
    pub(super) on_failure: OnFailure,
    pub(super) timeout: Option<Duration>,
    /// After how long the whole flow is dropped.
    pub(super) given_up_after: Option<Duration>,
    /// Most calls in flight.
    pub(super) concurrency: Option<usize>,
    pub(super) server_limit: Option<u32>,
    pub(super) attempts_max: u32,
    timeout_ms: u64,
    pub(super) bounds: Bounds,
    /// Whether they are those of the flow, within a run that has none.
    pub(super) is_of_flow: bool,
    /// By name, what the graph says about an operation of its own: its rule and its retries.
    ops: RefCell<HashMap<String, (Option<OnFailure>, u32)>>,
}

/// Returns a whole number in `[low, high)`.
fn between(rng: &mut Rng, low: u64, high: u64) -> usize {
    usize::try_from(low + rng.below(high - low)).unwrap()
}

/// Tells whether something happens that happens once in this many times.
fn once_in(rng: &mut Rng, times: u64) -> bool {
    rng.below(times) == 0
}

fn rule(rng: &mut Rng) -> OnFailure {
    [OnFailure::Skip, OnFailure::Skip, OnFailure::Stop, OnFailure::Continue][between(rng, 0, 4)]
}

impl Plan {
    pub(super) fn draw(rng: &mut Rng, faulty: bool) -> Plan {
        let some = |rng: &mut Rng, times| faulty && once_in(rng, times);
        let bounded = some(rng, 2);
        let bounds = Bounds {
            cost: Money::from_dollars(0.000_2 + rng.unit() * 0.004)
                .filter(|_| bounded && once_in(rng, 2)),
            tokens: Some(1000 + rng.below(20_000)).filter(|_| bounded && once_in(rng, 2)),
            calls: Some(1 + rng.below(40)).filter(|_| bounded && once_in(rng, 2)),
        };
        Plan {
            size: between(rng, 1, 41),
            fault_rate: if faulty { rng.unit() * 0.5 } else { 0.0 },
            max_concurrent: between(rng, 1, 12),
            on_failure: rule(rng),
            timeout: some(rng, 6).then(|| Duration::from_millis(rng.below(5000))),
            given_up_after: some(rng, 8).then(|| Duration::from_millis(rng.below(3000))),
            concurrency: once_in(rng, 3).then(|| between(rng, 1, 6)),
            server_limit: once_in(rng, 3).then_some(2).filter(|_| !bounded),
            attempts_max: 1 + u32::try_from(rng.below(4)).unwrap(),
            timeout_ms: 500 + rng.below(20_000),
            bounds,
            is_of_flow: once_in(rng, 2),
            ops: RefCell::default(),
        }
    }

    /// Tells whether what depends on an operation runs although it failed.
    pub(super) fn goes_on(&self, name: &str) -> bool {
        let own = self.ops.borrow().get(name).and_then(|(rule, _)| *rule);
        own.unwrap_or(self.on_failure) == OnFailure::Continue
    }

    /// Returns how often an operation is tried again.
    pub(super) fn retries(&self, name: &str) -> u32 {
        self.ops.borrow().get(name).map_or(0, |(_, retries)| *retries)
    }

    pub(super) fn settings(&self) -> Settings {
        Settings {
            attempts_max: Some(self.attempts_max),
            timeout_ms: Some(self.timeout_ms),
            max_tokens: Some(200),
            stop: vec!["a text that no reply has".to_owned()],
            extra: json!({ "user": "simulated", "top_k": 40 }).as_object().unwrap().clone(),
            ..Settings::default()
        }
    }

    pub(super) fn limits(&self) -> ServerLimits {
        ServerLimits { max_concurrent: self.server_limit, requests_per_minute: None }
    }

    pub(super) fn options(&self) -> FlowOptions {
        FlowOptions {
            max_concurrent: self.max_concurrent,
            on_failure: self.on_failure,
            timeout: self.timeout,
            budget: Some(self.bounds).filter(|_| self.is_of_flow),
            ..FlowOptions::default()
        }
    }
}

/// What the simulated model costs.
pub(super) fn price() -> Price {
    Price::from_value(&json!({ "input": 1.0, "output": 2.0, "per": "1M" })).unwrap()
}

/// Draws the graph of a plan.
pub(super) fn build(plan: &Plan, executor: &Rc<Executor>, rng: &mut Rng) -> Graph {
    let faulty = plan.fault_rate > 0.0;
    let mut builder = Builder::new("simulated");
    let mut lists = Vec::new();
    for n in 0..plan.size {
        let mut sources = Vec::new();
        for source in 0..n {
            if sources.len() < 4 && once_in(rng, n as u64 / 2 + 2) {
                sources.push(NodeId(source));
            }
        }
        let prompt = Prompt { instruction: format!("do {n}"), ..Prompt::default() };
        let kind = match rng.below(12) {
            0..=3 => OpKind::Communicate(Box::new(prompt)),
            4..=6 => OpKind::Chat(Box::new(prompt)),
            7 if !lists.is_empty() => {
                sources = vec![lists[between(rng, 0, lists.len() as u64)]];
                OpKind::Expand { make: parts(n), place: None }
            }
            8 => {
                lists.push(NodeId(n));
                constant((0..rng.below(5)).collect())
            }
            9 => constant(json!({ "verdict": if once_in(rng, 2) { "reject" } else { "pass" } })),
            _ => asking(executor, n, rng.below(CALLS_MAX + 1), faulty && once_in(rng, 6)),
        };
        let mut op = Op::new(format!("op{n}"), kind);
        op.inherit_context = once_in(rng, 4);
        op.gate = once_in(rng, 5);
        op.when = once_in(rng, 8).then(|| verdict(!once_in(rng, 3)));
        op.on_failure = once_in(rng, 4).then(|| rule(rng));
        op.retries = u32::try_from(rng.below(3)).unwrap();
        op.timeout =
            (faulty && once_in(rng, 5)).then(|| Duration::from_millis(50 + rng.below(4000)));
        plan.ops.borrow_mut().insert(op.name.clone(), (op.on_failure, op.retries));
        let id = builder.add(op, &[]);
        for source in sources {
            let when = once_in(rng, 6).then(|| verdict(!once_in(rng, 3)));
            builder.connect(source, id, Edge { when });
        }
    }
    builder.build().unwrap()
}

fn constant(value: Value) -> OpKind {
    OpKind::Call(Callback::new(move |_| {
        let value = value.clone();
        Box::pin(async move { Ok(value) })
    }))
}

fn verdict(answer: bool) -> Callback {
    Callback::new(move |_| Box::pin(async move { Ok(Value::Bool(answer)) }))
}

/// Makes each item of a list into a question.
fn parts(n: usize) -> Callback<Op> {
    Callback::new(move |input| {
        let CallbackInput::Item(item, ..) = input else { panic!("an item") };
        let prompt = Prompt { instruction: format!("part {item} of {n}"), ..Prompt::default() };
        Box::pin(async move { Ok(Op::new("part", OpKind::Chat(Box::new(prompt)))) })
    })
}

/// A script operation that asks so often, waits a little, and may fail in the end.
fn asking(executor: &Rc<Executor>, n: usize, calls: u64, fails: bool) -> OpKind {
    let executor = Rc::downgrade(executor);
    OpKind::Call(Callback::new(move |input| {
        let executor = executor.clone();
        Box::pin(async move {
            let CallbackInput::Operation { scope, branch, .. } = input else {
                panic!("an operation")
            };
            let executor = executor.upgrade().expect("the run goes on");
            let mut said = Vec::new();
            for call in 0..calls {
                let instruction = format!("ask {call} in {n}");
                let prompt = Prompt { instruction, ..Prompt::default() };
                let strand = &scope.strand;
                let by = Asker { strand, scope: Some(&scope), tries: None };
                let asked = executor.ask(
                    by,
                    "ask",
                    branch.get(),
                    BranchQuestion::Once(&prompt, Keep::Exchange),
                );
                said.push(match asked.await {
                    Ok(value) => value,
                    Err(Stop::Failed(failure)) => return Err(failure),
                    Err(Stop::Store(error)) => panic!("{error}"),
                });
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            if fails { Err(Failure::new(Kind::Thrown, "by itself")) } else { Ok(said.into()) }
        })
    }))
}
