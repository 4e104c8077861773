//! Doing work in the way that suits it best, and comparing ways: `run` and `compare`.

use super::budget::read_bounds;
use super::define::def;
use super::optimizer::is_news;
use super::optimizer_handle::{OptimizerHandle, raise};
use super::recommend::{ScriptChoice, among_short, choose_once, read_objective, read_of};
use crate::base::failure::{Failure, Kind};
use crate::base::json::digest;
use crate::journal::event::ComparisonVerdict;
use crate::journal::inquiry::{Inquiry, Topic};
use crate::optimizer::evidence::feature;
use crate::optimizer::evidence::pattern::{Pattern, TaskType};
use crate::optimizer::trial::accuracy::Accuracy;
use crate::optimizer::trial::cases::KnownExecutions;
use crate::optimizer::trial::comparison;
use crate::optimizer::trial::comparison::ComparisonPlan;
use crate::optimizer::trial::execution::{Judge, PatternArm, Setting, Work};
use crate::optimizer::trial::sequential_test::StopRule;
use crate::script::host::bound_fn::BoundFn;
use crate::script::host::context::Inner;
use crate::script::host::error::{EvalError, throw, throw_new};
use crate::script::host::fiber::wait;
use crate::script::host::known_map::KnownMap;
use crate::script::host::options::Options;
use crate::script::host::tasks::{self, Task};
use crate::script::host::wanted::WantedValue;
use crate::script::host::{convert, shape};
use crate::session::branch::{Branch, SharedBranch};
use rhai::{Array, Dynamic, Engine, FnPtr, Map, NativeCallContext};
use serde_json::{Value, json};
use std::rc::Rc;

/// How often, at least, none of the intervals of a comparison is wrong.
const CONFIDENCE: f64 = 0.95;
/// Difference in the score below which patterns count as equally good.
const MIN_EFFECT: f64 = 0.02;

pub(super) fn register(engine: &mut Engine, host: &Rc<Inner>) {
    running(engine, host);
    comparing(engine, host);
}

fn running(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "run(optimizer: optimizer, task_type: string, patterns: map, input: any) -> map",
        r#"
        Chooses a pattern for the input, executes it, measures, judges and records it:
        self-improvement in one call. `patterns` are functions by name, `|input| ..` or `|input,
        branch| ..`; the branch is a fresh copy for each execution. The input and the answer are
        plain data. Options: `judge` (`|answer| ..` or `|answer, input| ..`: a number from 0 to 1,
        or true or false), `branch` (each execution gets a copy; default: a branch of the default
        model), `timeout_ms`, `of` (describes the input, as for `recommend`).

        Returns `#{ value, pattern, score, task_type, reason, best, probability, explored, metrics
        }`, where `task_type` to `explored` are those of `recommend`. If a pattern fails, the
        failure is recorded and its error is thrown. An execution is recorded once, even if its run
        is killed and resumed. The judge's calls do not count for the pattern.
        ```rhai
        let o = optimizer(#{ memory: true, learn_from_demo: true });
        let ways = #{
            direct: |text, b| b.chat("Label: " + text),
            careful: |text, b| refine(b, "Label: " + text, #{ rounds: 1 }),
        };
        let done = o.run("label", ways, "I loved it", #{ branch: branch("demo/echo"), judge: |a| a.len > 3 });
        print(`${done.pattern}: ${done.value}`);
        ```
        "#,
        move |context: NativeCallContext,
              o: &mut OptimizerHandle,
              task: &str,
              ways: Map,
              input: Dynamic| {
            let given = TrialRequest::read(&inner, &context, o, ("run", task), ways, Map::new());
            run(given.map_err(|e| throw(&e))?, &input)
        },
    );

    let inner = host.clone();
    def(
        engine,
        "run(optimizer: optimizer, task_type: string, patterns: map, input: any, options: map) -> map",
        "",
        move |context: NativeCallContext,
              o: &mut OptimizerHandle,
              task: &str,
              ways: Map,
              input: Dynamic,
              options: Map| {
            let given = TrialRequest::read(&inner, &context, o, ("run", task), ways, options);
            run(given.map_err(|e| throw(&e))?, &input)
        },
    );
}

fn comparing(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "compare(optimizer: optimizer, task_type: string, patterns: map, inputs: array) -> map",
        r#"
        Finds which of several patterns is better: executes all of them on the same inputs, concurrently
        and in random order, on fresh branches, until the result is decided or the budget is spent. A
        pattern that is certainly worse than another is dropped. `patterns`, `judge`, `branch` and
        `timeout_ms` are those of `run`. Options: `confidence` (.95: the probability that no interval is
        ever wrong, however often you look), `min_effect` (.02: smaller differences are a tie), `repeat`
        (1: executions of each pattern on each input; an input counts once, with its mean score),
        `warm_up` (1: executions per pattern that do not count), `max_concurrent` (8: concurrent
        executions; 1 leaves the times undisturbed), `max_cost`, `max_tokens`, `max_calls`, `record`
        (true: records the executions for the optimizer), `objective` (default: the optimizer's).

        Returns `#{ verdict, winner, reason, pair, difference, interval, inputs, stopped, patterns,
        failure, to_decide, scale, calls, cost, fingerprint }`. `verdict` is "better", "same" or "open";
        open is "not distinguishable yet", and `to_decide` then estimates the `inputs`, `calls` and `cost`
        that are missing. If every execution failed, nothing is compared: `failure` is the `kind` and the
        `message` of the first failure, and otherwise `()`. `difference` is the score of the first of `pair`
        minus that of the second. `scale` has the time and the cost at which their reward is halved, as set by
        the `objective`, or else the medians of the first ten inputs.
        A run that is killed and resumed pays for nothing twice and keeps its figures.
        ```rhai
        let o = optimizer(#{ memory: true, objective: #{ quality: 1 } });
        let ways = #{ short: |n| n, long: |n| n + 1 };
        let inputs = (0..30).to_array();
        let judge = |answer, n| answer == n;
        let found = o.compare("count", ways, inputs, #{ judge: judge, branch: branch("demo/echo") });
        print(`${found.winner}: ${found.reason}`);
        ```
        "#,
        move |context: NativeCallContext,
              o: &mut OptimizerHandle,
              task: &str,
              ways: Map,
              list: Array| {
            let given =
                TrialRequest::read(&inner, &context, o, ("compare", task), ways, Map::new());

            compare(given.map_err(|e| throw(&e))?, &list)
        },
    );

    let inner = host.clone();
    def(
        engine,
        "compare(optimizer: optimizer, task_type: string, patterns: map, inputs: array, options: map) -> map",
        "",
        move |context: NativeCallContext,
              o: &mut OptimizerHandle,
              task: &str,
              ways: Map,
              list: Array,
              options: Map| {
            let given = TrialRequest::read(&inner, &context, o, ("compare", task), ways, options);
            compare(given.map_err(|e| throw(&e))?, &list)
        },
    );
}

/// What `run` and `compare` are called with alike.
struct TrialRequest<'a> {
    host: &'a Rc<Inner>,
    context: &'a NativeCallContext<'a>,
    o: &'a OptimizerHandle,
    task: TaskType,
    arms: Vec<PatternArm>,
    options: Options,
}

impl<'a> TrialRequest<'a> {
    fn read(
        host: &'a Rc<Inner>,
        context: &'a NativeCallContext<'a>,
        o: &'a OptimizerHandle,
        (word, task): (&'static str, &str),
        ways: Map,
        options: Map,
    ) -> Result<TrialRequest<'a>, Failure> {
        let task = TaskType::new(task).map_err(|e| Failure::new(Kind::Option, e.to_string()))?;

        let (names, functions): (Vec<_>, Array) = ways.into_iter().unzip();
        if names.is_empty() {
            let reason = format!("`{word}` needs patterns, such as `#{{ direct: |input| .. }}`");
            return Err(Failure::new(Kind::Option, reason));
        }

        let bound = BoundFn::all(host, context, word, functions)?;
        let arm = |(name, function): (rhai::Identifier, BoundFn)| {
            let pattern =
                Pattern::new(&name).map_err(|e| Failure::new(Kind::Option, e.to_string()))?;
            Ok(PatternArm { pattern, work: work(function) })
        };

        let arms = names.into_iter().zip(bound).map(arm).collect::<Result<_, Failure>>()?;
        Ok(TrialRequest { host, context, o, task, arms, options: Options::of(word, options)? })
    }

    /// Reads what all executions have in common.
    fn setting(&mut self) -> Result<Setting, EvalError> {
        let options = &mut self.options;
        let branch = match options.take("branch") {
            None => Branch::new(super::model::default(self.host)?, None),
            Some(value) => {
                let found = convert::type_name(&value);
                let wrong = || options.wrong("branch", &format!("must be a branch, not a {found}"));
                let branch = value.try_cast::<SharedBranch>().ok_or_else(|| throw(&wrong()))?;
                branch.borrow().fork()
            }
        };

        let judge = match options.take("judge") {
            None => None,
            Some(value) => {
                let found = convert::type_name(&value);
                let reason = format!("must be a function, `|answer| ..`, not a {found}");
                let function = value.try_cast::<FnPtr>();
                let function = function.ok_or_else(|| throw(&options.wrong("judge", &reason)))?;
                Some(judge(BoundFn::new(self.host, self.context, function)))
            }
        };

        let timeout = options.millis("timeout_ms").map_err(|e| throw(&e))?;
        let strand = tasks::current().strand.clone();
        Ok(Setting { executor: self.host.executor(), branch, judge, timeout, strand })
    }

    /// Returns the names of the patterns to choose from, in the order of the optimizer's `among`.
    fn names(&self) -> Result<Vec<String>, Failure> {
        let given: Vec<String> = self.arms.iter().map(|arm| arm.pattern.to_string()).collect();
        if self.o.among.is_empty() {
            return Ok(given);
        }

        let both = self.o.among.iter().filter(|name| given.contains(*name));
        let names: Vec<String> = both.cloned().collect();

        if names.is_empty() {
            let among = self.o.among.join(", ");
            let given = given.join(", ");
            let message =
                format!("the optimizer chooses among {among}; none of them is given here: {given}");
            return Err(Failure::new(Kind::Option, message));
        }

        Ok(names)
    }

    /// Reads what is compared, and for how long.
    fn plan(mut self, inputs: Vec<Value>, setting: &Setting) -> Result<ComparisonPlan, Failure> {
        let inputs_digest = digest(&inputs);

        let options = &mut self.options;
        let confidence = share(options, "confidence")?;
        let min_effect = share(options, "min_effect")?;
        let rule = StopRule {
            confidence: confidence.unwrap_or(CONFIDENCE),
            min_effect: min_effect.unwrap_or(MIN_EFFECT),
        };

        let limit = options.count("max_concurrent")?;
        let limit = limit.map_or(comparison::AT_ONCE, |n| usize::try_from(n).unwrap_or(usize::MAX));
        let records = options.flag_or("record", true)?;
        let repeat = options.count("repeat")?;
        let warm_up = options.count("warm_up")?;
        let bounds = read_bounds(options)?;
        let accuracy = options.value("judge_accuracy")?;
        let accuracy = accuracy.as_ref().map(Accuracy::read).transpose()?;

        let own = self.o.optimizer.given_objective();
        let objective = read_objective(options)?.or(own);

        // All that the outcome depends on.
        let fingerprint = json!({
            "kaizen": env!("CARGO_PKG_VERSION"),
            "script": self.host.fingerprint(),
            "inputs": inputs_digest,
            "model": setting.branch.model.identity(),
            "system": setting.branch.system.as_ref().map(digest),
            "objective": objective.map(|o| json!([o.quality, o.time, o.cost, o.time_half, o.cost_half])),
            "confidence": rule.confidence,
            "min_effect": rule.min_effect,
        });

        Ok(ComparisonPlan {
            task: self.task,
            arms: self.arms,
            inputs,
            rule,
            given: Vec::new(),
            expected: None,
            repeat: repeat.unwrap_or(1),
            warm_up: warm_up.unwrap_or(1),
            max_concurrent: limit,
            bounds,
            records,
            is_all: false,
            objective,
            accuracy,
            known: KnownExecutions::default(),
            watch: None,
            fingerprint: fingerprint.as_object().cloned().unwrap_or_default(),
        })
    }
}

fn run(mut given: TrialRequest<'_>, input: &Dynamic) -> Result<Dynamic, EvalError> {
    let host = given.host;
    let o = given.o;
    let setting = given.setting()?;

    let input = plain("the input", input).map_err(|e| throw(&e))?;
    let names = given.names().map_err(|e| throw(&e))?;
    let of = read_of(&mut given.options).map_err(|e| throw(&e))?;
    let task = given.task;
    let arms = given.arms;

    let about = format!("{task}{} on {}", among_short(&names), digest(&input));
    let what = Inquiry::About(Topic::Run, about);
    let question = (task.as_str(), &names[..], &of);

    // Counted, so that the execution has the same name when the run is resumed.
    let at = setting.strand.count(&"run");
    let name = || format!("{}{at} run", host.executor().worker());
    let ScriptChoice { value: choice, execution, is_known } =
        choose_once(host, o, what, question, Some(&name()))?;

    let kind = choice["task_type"].as_str().unwrap_or(task.as_str());
    let kind = TaskType::new(kind).map_err(|error| raise(host, error.into()))?;
    let chosen = choice["pattern"].as_str().unwrap_or_default();
    let arm = arms.iter().find(|arm| arm.pattern.as_str() == chosen).ok_or_else(|| {
        throw_new(Kind::Option, format!("the chosen pattern `{chosen}` is not in `patterns`"))
    })?;

    let around = tasks::current().scope.clone();
    let strand = setting.strand.next();
    let done = wait(setting.execute(&task, arm, &input, around.as_ref(), &strand));
    let done = done.map_err(|stop| host.raise(stop))?;
    // A fork may execute in its own way what was chosen in the run that it was forked from.
    let execution = execution.filter(|_| !host.executor().is_forked()).unwrap_or_else(name);
    let seen = done.seen(execution);

    if is_news(host, o, seen.is_demo, seen.is_reused && !is_known) {
        let mut observation = seen.observation(&kind, &arm.pattern);
        feature::keep(&mut observation.extra, task.as_str(), &of);
        wait(o.optimizer.record_observation(observation)).map_err(|error| raise(host, error))?;
    }

    let value = done.result.map_err(|failure| throw(&failure))?;

    let found = json!({
        "value": value,
        "pattern": chosen,
        "score": done.score,
        "task_type": kind.as_str(),
        "reason": choice["reason"],
        "best": choice["best"],
        "probability": choice["probability"],
        "explored": choice["explored"],
        "metrics": done.metrics.to_map(),
    });
    Ok(KnownMap::of_shape(&shape::EXECUTION, found))
}

fn compare(mut given: TrialRequest<'_>, list: &Array) -> Result<Dynamic, EvalError> {
    let host = given.host;
    let o = given.o;
    let setting = given.setting()?;

    let read = |given: TrialRequest<'_>| {
        if given.arms.len() < 2 {
            return Err(Failure::new(Kind::Option, "`compare` needs at least two patterns"));
        }

        let inputs =
            list.iter().map(|one| plain("an input", one)).collect::<Result<Vec<_>, _>>()?;
        if inputs.is_empty() {
            return Err(Failure::new(Kind::Option, "`compare` needs at least one input"));
        }

        given.plan(inputs, &setting)
    };

    let plan = read(given).map_err(|e| throw(&e))?;

    let around = tasks::current().scope.clone();
    let findings = wait(comparison::compare(&o.optimizer, &setting, plan, around.as_ref()));
    let found = findings.map_err(|stop| host.raise(stop))?;
    // `patterns` and `advise` repeat it, as they do with that of `kaizen compare`.
    host.executor().keep_comparison(ComparisonVerdict::of(&found));
    Ok(KnownMap::of_shape(&shape::COMPARISON, found))
}

/// Makes a script function what a pattern does.
fn work(function: BoundFn) -> Work {
    Rc::new(move |scope, input, branch| {
        let function = function.clone();
        Box::pin(async move {
            let arguments = vec![convert::from_value(input), Dynamic::from(branch)];
            let answer = function.call(Task::of(scope), arguments).await;
            function.value(answer)
        })
    })
}

/// Makes a script function a judge.
fn judge(function: BoundFn) -> Judge {
    let task = tasks::current();

    Rc::new(move |around, strand, answer, input| {
        let function = function.clone();
        let task = around.map_or((*task).clone(), Task::of).on(strand);
        Box::pin(async move {
            let arguments = vec![convert::from_value(answer), convert::from_value(input)];
            super::score::read(&function.result(task, arguments).await?)
        })
    })
}

fn plain(what: &str, value: &Dynamic) -> Result<Value, Failure> {
    convert::to_value(value).map_err(|reason| {
        Failure::new(Kind::Option, format!("{what} must be plain data: {reason}"))
    })
}

/// Takes a number above 0 and below 1.
fn share(options: &mut Options, key: &str) -> Result<Option<f64>, Failure> {
    let Some(value) = options.take(key) else { return Ok(None) };
    let found = value.as_float().ok().filter(|number| WantedValue::Share.holds(*number));
    let reason = || format!("must be {}", WantedValue::Share.words());
    found.map(Some).ok_or_else(|| options.wrong(key, &reason()))
}
