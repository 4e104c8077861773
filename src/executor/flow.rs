//! Runs a graph: starts what is ready, settles what has ended, and reports.

use crate::base::bounds::Bounds;
use crate::base::failure::Failure;
use crate::base::id::{FlowId, OpId};
use crate::base::strand::Strand;
use crate::executor::operation::{EdgeCheck, OperationJob, Step};
use crate::executor::replies::guess;
use crate::executor::report::{Report, ReportEntry};
use crate::executor::schedule::Schedule;
use crate::executor::turns::siblings::Siblings;
use crate::executor::{Executor, RunError};
use crate::flow::op::{NodeId, OnFailure, Op, closes_gate};
use crate::flow::outcome::{Outcome, SkipReason};
use crate::flow::{Edge, Graph};
use crate::journal::event::{Event, PlannedOp};
use crate::session::Session;
use crate::session::branch::{Branch, LazyBranch, SharedBranch};
use crate::session::scope::{Purse, Scope};
use crate::session::tool_clock::ToolClock;
use crate::store::StoreError;
use serde_json::{Value, json};
use std::cell::OnceCell;
use std::rc::Rc;
use std::time::Duration;

/// Most operations in flight unless the flow says otherwise.
pub const MAX_CONCURRENT: usize = 1024;

/// How a flow runs.
#[derive(Debug, Clone)]
pub struct FlowOptions {
    /// Most operations in flight.
    pub max_concurrent: usize,
    /// What a failure means, where the operation does not say.
    pub on_failure: OnFailure,
    /// Longest time; what has not ended by then is cancelled.
    pub timeout: Option<Duration>,
    /// Whether the run may end well although operations of this flow failed.
    pub allow_failures: bool,
    /// What the flow may use up of what is left to use.
    pub budget: Option<Bounds>,
    /// The operation within which it runs, if there is one.
    pub around: Option<Rc<Scope>>,
}

impl Default for FlowOptions {
    fn default() -> FlowOptions {
        FlowOptions {
            max_concurrent: MAX_CONCURRENT,
            on_failure: OnFailure::Skip,
            timeout: None,
            allow_failures: false,
            budget: None,
            around: None,
        }
    }
}

/// One operation of a flow that runs.
struct FlowNode {
    op: Rc<Op>,
    id: OpId,
    /// The operations it was expanded into.
    children: Option<std::ops::Range<usize>>,
    /// The branch it works on, once it has started.
    branch: Option<SharedBranch>,
    /// Whether others continue its conversation.
    is_continued: bool,
    outcome: Option<Rc<Outcome>>,
    /// Whether a task of its own watches it.
    in_flight: bool,
    /// Where it stands in the run, while it is under way; of a part of a list from the beginning.
    strand: Option<Rc<Strand>>,
    /// How it ended, once its task has journaled that, while it is under way.
    ended: Option<Rc<OnceCell<Rc<Outcome>>>>,
}

impl FlowNode {
    fn new(op: Rc<Op>, id: OpId, strand: Option<Rc<Strand>>) -> FlowNode {
        FlowNode {
            op,
            id,
            children: None,
            branch: None,
            is_continued: false,
            outcome: None,
            in_flight: false,
            strand,
            ended: None,
        }
    }

    /// Takes in how it ended. What only its work needed is given up.
    fn end(&mut self, outcome: Rc<Outcome>) {
        self.outcome = Some(outcome);
        self.strand = None;
        self.ended = None;
    }
}

/// What an operation that has ended gives those that depend on it.
enum FlowInput {
    /// A value, or a failure as data.
    Value(Value),
    /// Nothing, but others may.
    Missing(SkipReason),
    /// Nothing, and what depends on it is skipped.
    Blocked(SkipReason),
}

/// What to do with an operation whose turn has come.
enum Decision {
    Settle(Outcome),
    Perform(OperationJob),
}

/// A flow that runs. Dropping it before its end journals everything open as cancelled.
struct Flow<'a> {
    executor: &'a Executor,
    id: FlowId,
    graph: &'a Graph,
    strand: Rc<Strand>,
    /// The group of strands to which those of the operations belong.
    group: u32,
    nodes: Vec<FlowNode>,
    /// What operations without a branch of their own start from.
    base: Rc<Branch>,
    on_failure: OnFailure,
    /// The time of the tools that it is inside of.
    tool: Option<Rc<ToolClock>>,
    ended: bool,
}

impl Executor {
    /// Runs a graph on the branches of a session. `strand` is the line of work that has it run.
    pub async fn run(
        &self,
        strand: &Strand,
        graph: &Graph,
        session: &Session,
        options: &FlowOptions,
    ) -> Result<Report, RunError> {
        self.drive(self.run_flow(strand.next(), graph, session, options)).await
    }

    async fn run_flow(
        &self,
        strand: Rc<Strand>,
        graph: &Graph,
        session: &Session,
        options: &FlowOptions,
    ) -> Result<Report, RunError> {
        check_branches(graph, session)?;
        let (mut flow, plan) = Flow::new(self, strand.clone(), graph, session, options);
        let id = flow.id;
        let around = options.around.as_ref();
        let outer = around.map(|scope| scope.purse);
        let _budget = self.budgets.begin(Purse::Flow(id), outer, options.budget);

        self.note(&Event::FlowStarted {
            flow: id,
            name: graph.name().to_owned(),
            ops: plan.into(),
            max_concurrent: options.max_concurrent,
            within: around.map(|scope| scope.flow),
            at: Some(strand.address().clone()),
        })?;

        let edges = flow.edges();
        let mut schedule = Schedule::new(graph.len(), edges, options.max_concurrent);
        let done = flow.drive(&mut schedule);
        // Not awaited here, since a limit of time may have to run beside it.
        let timely = match options.timeout {
            Some(limit) => self.limit(&strand, limit, done).await?,
            None => Some(done.await),
        };

        // A flow whose time is over is a flow that stops early.
        timely.unwrap_or(Ok(()))?;
        flow.cancel_rest()?;
        self.settle_ends()?;
        let report = flow.finish(graph.name())?;

        if !options.allow_failures {
            let lost = report.metrics.failed + report.metrics.skipped + report.metrics.cancelled;
            let first = report.failures().next().map(|(_, failure)| failure.clone());
            self.recorder.lose(lost, first);
        }

        Ok(report)
    }
}

/// Finds an operation on a branch that the session does not know.
fn check_branches(graph: &Graph, session: &Session) -> Result<(), RunError> {
    for op in graph.ops() {
        if let Some(branch) = &op.branch
            && !session.knows(branch)
        {
            let name = branch.borrow().name.clone();
            let branch =
                name.map_or("a branch without a name".to_owned(), |n| format!("branch `{n}`"));
            return Err(RunError::UnknownBranch { op: op.name.clone(), branch });
        }
    }

    Ok(())
}

impl<'a> Flow<'a> {
    fn new(
        executor: &'a Executor,
        strand: Rc<Strand>,
        graph: &'a Graph,
        session: &Session,
        options: &FlowOptions,
    ) -> (Flow<'a>, Vec<PlannedOp>) {
        let group = strand.group();
        let first = executor.recorder.take_ops(graph.len());
        let number = |index: usize| OpId(first + u32::try_from(index).expect("checked above"));
        let mut nodes = Vec::with_capacity(graph.len());
        let mut plan = Vec::with_capacity(graph.len());

        for (index, op) in graph.shared_ops().enumerate() {
            let node = FlowNode::new(op.clone(), number(index), None);
            let sources = graph.sources(NodeId(index));
            let after = sources.iter().map(|(source, _)| number(source.0)).collect();
            plan.push(planned(&node, after));
            nodes.push(node);
        }

        for (index, _) in graph.ops().enumerate().filter(|(_, op)| op.inherit_context) {
            if let Some((first, _)) = graph.sources(NodeId(index)).first() {
                nodes[first.0].is_continued = true;
            }
        }

        let base = Rc::new(session.default_branch().borrow().fork());
        let id = executor.recorder.take_flow();
        let on_failure = options.on_failure;
        let tool = options.around.as_ref().and_then(|scope| scope.tool.clone());
        let ended = false;
        let flow =
            Flow { executor, id, graph, strand, group, nodes, base, on_failure, tool, ended };
        (flow, plan)
    }

    fn edges(&self) -> impl Iterator<Item = (usize, usize)> {
        let sources = |target| self.graph.sources(NodeId(target)).into_iter();
        let targets = 0..self.graph.len();
        targets.flat_map(move |target| sources(target).map(move |(source, _)| (source.0, target)))
    }

    /// Returns what an operation waits for, with the conditions. A part of a list waits for nothing.
    fn sources(&self, index: usize) -> Vec<(usize, &'a Edge)> {
        if index >= self.graph.len() {
            return Vec::new();
        }
        let graph: &'a Graph = self.graph;
        graph.sources(NodeId(index)).into_iter().map(|(source, edge)| (source.0, edge)).collect()
    }

    /// Runs until every operation has ended, or until a failure stops the flow.
    async fn drive(&mut self, schedule: &mut Schedule) -> Result<(), StoreError> {
        let executor = self.executor;
        let mut tasks = Siblings::default();

        while !schedule.is_done() {
            while let Some(index) = schedule.start() {
                match self.decide(index) {
                    Decision::Perform(job) => {
                        self.nodes[index].in_flight = true;
                        tasks.push(executor.perform(job));
                    }
                    Decision::Settle(outcome) => {
                        let flow = self.id;
                        let op = self.nodes[index].id;
                        executor.note(&Event::OpEnded { flow, op, outcome: outcome.clone() })?;
                        self.nodes[index].end(Rc::new(outcome));
                        schedule.settle(index);
                    }
                }
            }

            // With nothing under way there is more to start, or all is done.
            let Some((index, step)) = tasks.next().await else { continue };
            self.nodes[index].in_flight = false;
            match step {
                Step::Broken(error) => return Err(error),
                Step::Expanded(ops) => self.expand(schedule, index, ops)?,
                Step::Ended(outcome) => {
                    let failed = matches!(*outcome, Outcome::Failed { .. });
                    self.nodes[index].end(outcome);
                    schedule.settle(index);
                    // The other operations that have begun are dropped; they journal their own end.
                    if failed && self.rule(index) == OnFailure::Stop {
                        return Ok(());
                    }
                }
            }
        }

        Ok(())
    }

    /// Returns what a failure of the operation means.
    fn rule(&self, index: usize) -> OnFailure {
        self.nodes[index].op.on_failure.unwrap_or(self.on_failure)
    }

    /// Returns what an operation that has ended gives those that depend on it.
    fn input_of(&self, source: usize) -> FlowInput {
        let before = &self.nodes[source];
        let outcome = before.outcome.as_ref().expect("a ready operation waits for nothing");
        let name = &before.op.name;

        match &**outcome {
            Outcome::Completed { value } if before.op.gate && self.rejects(before, value) => {
                FlowInput::Blocked(SkipReason::Gate { op: name.clone() })
            }
            Outcome::Completed { value } => FlowInput::Value(value.clone()),
            // What follows a failure that others get over is given the failure as data.
            Outcome::Failed { failure } if self.rule(source) == OnFailure::Continue => {
                FlowInput::Value(json!({ "error": failure.to_value() }))
            }
            Outcome::Failed { .. } => FlowInput::Blocked(SkipReason::Failed { op: name.clone() }),
            Outcome::Cancelled => FlowInput::Blocked(SkipReason::Cancelled { op: name.clone() }),
            Outcome::Skipped { reason } => match reason {
                SkipReason::Condition { .. } => FlowInput::Missing(reason.clone()),
                SkipReason::Failed { .. }
                | SkipReason::Cancelled { .. }
                | SkipReason::Gate { .. } => FlowInput::Blocked(reason.clone()),
            },
        }
    }

    /// Decides what becomes of an operation whose turn has come.
    fn decide(&mut self, index: usize) -> Decision {
        if self.nodes[index].children.is_some() {
            return Decision::Settle(self.collect(index));
        }

        let all = self.sources(index);
        let mut inputs = Vec::with_capacity(all.len());
        let mut checks = Vec::new();
        let mut dead = None;
        for (source, Edge { when }) in &all {
            let name = self.nodes[*source].op.name.clone();
            let result = match self.input_of(*source) {
                FlowInput::Value(result) => result,
                FlowInput::Missing(reason) => {
                    dead.get_or_insert(reason);
                    continue;
                }
                FlowInput::Blocked(reason) => return Decision::Settle(Outcome::Skipped { reason }),
            };

            if let Some(when) = when {
                let result = result.clone();
                checks.push(EdgeCheck { source: name.clone(), when: when.clone(), result });
            }
            inputs.push((name, result));
        }

        // An edge that leads nowhere stops it only if no other one gives it an input.
        if inputs.is_empty()
            && let Some(reason) = dead
        {
            return Decision::Settle(Outcome::Skipped { reason });
        }

        self.inherit_guess(index);
        let branch = self.branch(index);
        let sources = all.iter().map(|(source, _)| self.nodes[*source].op.name.clone()).collect();
        let strand = self.strand.clone();
        let group = self.group;
        let node = &mut self.nodes[index];
        node.branch = node.is_continued.then(|| branch.get().clone());

        Decision::Perform(OperationJob {
            index,
            flow: self.id,
            id: node.id,
            op: node.op.clone(),
            checks,
            inputs,
            sources,
            branch,
            strand: node.strand.get_or_insert_with(|| strand.child(group, index)).clone(),
            tool: self.tool.clone(),
            ended: node.ended.get_or_insert_default().clone(),
        })
    }

    /// Tells whether a gate's result rejects.
    fn rejects(&self, gate: &FlowNode, value: &Value) -> bool {
        let rejects = closes_gate(value);
        match self.executor.guess() {
            Some(guess) if guess.is_guessed(gate.id) => {
                !guess.decide(guess::GuessedDecision::Passes(gate.op.name.clone()), !rejects)
            }
            _ => rejects,
        }
    }

    /// In a plan, what works on a guess is one.
    fn inherit_guess(&self, index: usize) {
        let Some(guess) = self.executor.guess() else { return };

        let sources = self.sources(index);
        if sources.iter().any(|(source, _)| guess.is_guessed(self.nodes[*source].id)) {
            guess.depends(self.nodes[index].id);
        }
    }

    /// Finds the branch for an operation that starts.
    fn branch(&self, index: usize) -> LazyBranch {
        let node = &self.nodes[index];
        if let Some(branch) = &node.op.branch {
            return LazyBranch::Ready(branch.clone());
        }

        if node.op.inherit_context
            && let Some((first, _)) = self.sources(index).first()
            && let Some(earlier) = &self.nodes[*first].branch
        {
            // What is said there later is no part of it.
            return LazyBranch::Ready(earlier.borrow().fork().shared());
        }
        LazyBranch::fork_of(&self.base)
    }

    /// Adds the operations that one was expanded into.
    fn expand(
        &mut self,
        schedule: &mut Schedule,
        index: usize,
        ops: Vec<Op>,
    ) -> Result<(), StoreError> {
        let children = schedule.expand(index, ops.len());
        let first = self.executor.recorder.take_ops(ops.len());
        let mut plan = Vec::with_capacity(ops.len());
        let parent = self.nodes[index].strand.clone().expect("it is under way");
        let group = parent.group();

        for (place, (id, op)) in (first..).zip(ops).enumerate() {
            let strand = Some(parent.child(group, place));
            let node = FlowNode::new(Rc::new(op), OpId(id), strand);
            plan.push(planned(&node, Vec::new()));
            self.nodes.push(node);
        }

        self.nodes[index].children = Some(children.clone());
        if let Some(guess) = self.executor.guess().filter(|g| g.is_guessed(self.nodes[index].id)) {
            children.for_each(|child| guess.depends(self.nodes[child].id));
        }

        let flow = self.id;
        let op = self.nodes[index].id;
        self.executor.note(&Event::Expanded { flow, op, ops: plan.into(), group: Some(group) })
    }

    /// Makes the outcome of an expanded operation of those of its children.
    fn collect(&self, index: usize) -> Outcome {
        let children = self.nodes[index].children.clone().unwrap_or_default();
        let count = children.len();
        let mut values = Vec::with_capacity(count);
        let mut failures = Vec::new();

        for child in children {
            let node = &self.nodes[child];
            match node.outcome.as_deref() {
                Some(Outcome::Completed { value }) => values.push(value.clone()),
                Some(Outcome::Failed { failure }) if self.rule(child) == OnFailure::Continue => {
                    values.push(json!({ "error": failure.to_value() }));
                }
                Some(Outcome::Failed { failure }) => failures.push(failure),
                Some(Outcome::Skipped { .. }) => values.push(Value::Null),
                Some(Outcome::Cancelled) | None => return Outcome::Cancelled,
            }
        }

        let Some(first) = failures.first() else {
            return Outcome::Completed { value: Value::Array(values) };
        };

        // Only the first failure is told in full; the others stand in the report.
        let failed = failures.len();
        let message = &first.message;
        let message = format!("{failed} of {count} parts failed; first error: {message}");
        let op = self.nodes[index].op.name.clone();
        let failure = Failure { message, op: Some(op), ..(*first).clone() };
        Outcome::Failed { failure }
    }

    /// Gives everything that has not ended the outcome `cancelled`.
    fn cancel_rest(&mut self) -> Result<(), StoreError> {
        let flow = self.id;
        for node in self.nodes.iter_mut().filter(|node| node.outcome.is_none()) {
            // It may have ended without the flow having taken that in.
            let ended = node.ended.as_ref().and_then(|ended| ended.get()).cloned();
            let has_ended = ended.is_some();
            node.end(ended.unwrap_or_else(|| Rc::new(Outcome::Cancelled)));

            if !std::mem::take(&mut node.in_flight) && !has_ended {
                let outcome = Outcome::Cancelled;
                self.executor.note(&Event::OpEnded { flow, op: node.id, outcome })?;
            }
        }

        Ok(())
    }

    /// Journals the end and reports. Every outcome is on the disk already, so nobody needs to wait.
    fn finish(mut self, name: &str) -> Result<Report, StoreError> {
        // From here on dropping it journals nothing.
        self.ended = true;
        let flow = self.id;
        self.executor.note(&Event::FlowEnded { flow })?;

        let metrics = self.executor.recorder.take_flow_figures(flow);
        let metrics = metrics.expect("the flow is known since it began");
        let metrics = self.executor.memory.figures_then(flow, self.strand.address(), metrics);

        let entries = std::mem::take(&mut self.nodes)
            .into_iter()
            .map(|node| ReportEntry {
                name: node.op.name.clone(),
                outcome: node.outcome.expect("every operation has ended"),
                is_cut: metrics.cut_operations.contains(&node.id),
            })
            .collect();

        Ok(Report { flow, name: name.to_owned(), entries, metrics })
    }
}

impl Drop for Flow<'_> {
    fn drop(&mut self) {
        if !self.ended {
            // The run is being torn down; a store that cannot be written is reported elsewhere.
            let _ = self.cancel_rest();
            let _ = self.executor.note(&Event::FlowEnded { flow: self.id });
            self.executor.recorder.take_flow_figures(self.id);
        }
    }
}

fn planned(node: &FlowNode, after: Vec<OpId>) -> PlannedOp {
    let kind = node.op.kind.word().into();
    PlannedOp { op: node.id, name: node.op.name.clone(), kind, after }
}
