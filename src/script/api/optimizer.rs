//! `optimizer`: learns which pattern suits which task type.

use super::define::def;
use super::optimizer_handle::{OptimizerHandle, raise, read_among};
use super::recommend::{journaled, read_manner};
use crate::base::failure::{Failure, Kind};
use crate::journal::inquiry::{Inquiry, Topic};
use crate::optimizer::evidence::feature::OF;
use crate::optimizer::evidence::knowledge::Knowledge;
use crate::optimizer::evidence::lesson;
use crate::optimizer::{NamedExecution, Optimizer};
use crate::script::diagnostic::type_word::article;
use crate::script::host::context::Inner;
use crate::script::host::error::{EvalError, throw, throw_new};
use crate::script::host::fiber::wait;
use crate::script::host::known_map::KnownMap;
use crate::script::host::options::Options;
use crate::script::host::{convert, known_map, shape, tasks};
use rhai::{Array, Dynamic, Engine, Map};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Inner>) {
    creation(engine, host);
    recording(engine, host);
    knowing(engine, host);
    looking(engine, host);
    lessons(engine, host);
    moving(engine, host);
}

fn creation(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "optimizer() -> optimizer",
        r#"
        Learns which pattern suits which task type, in the project's store. Patterns with little
        evidence are tried in proportion to their chance of being the best. Evidence from other task
        types counts too, above all from the same group: `review/go` for `review/rust`. Options:
        `among` (the patterns to choose from), `objective` (weights of `quality`, `time` and `cost`;
        `time_half` and `cost_half` are the seconds and dollars at which the reward is halved, by
        default the medians of the first ten executions of each task type), `constraints`
        (`p95_time` in seconds, `max_cost` in dollars, `min_success`), `explore` (false: always use
        the best known pattern), `seed`, `memory` (true: keep nothing in the store),
        `learn_from_demo` (true: count executions with the demo model), `policy` ("learn"; "greedy";
        "fixed" for the first of `among`; "guide" for .7 success + .3 / time; "guide_knowledge" for
        .8 / .2), `scoring` (an older name of `policy`).
        ```rhai
        let o = optimizer(#{ memory: true });
        o.record_execution("analysis", "direct", #{ success_rate: 1.0, execution_time: 2.0 });
        print(o.recommend_pattern("analysis"));
        ```
        "#,
        move || create(&inner, Map::new()),
    );

    let inner = host.clone();
    def(engine, "optimizer(options: map) -> optimizer", "", move |map: Map| create(&inner, map));
}

fn create(host: &Rc<Inner>, map: Map) -> Result<OptimizerHandle, EvalError> {
    let mut options = Options::of("optimizer", map).map_err(|e| throw(&e))?;
    let memory = options.flag("memory").map_err(|e| throw(&e))?;
    let learn_from_demo = options.flag("learn_from_demo").map_err(|e| throw(&e))?;
    let manner = read_manner(&mut options).map_err(|e| throw(&e))?;
    let among = read_among(&mut options).map_err(|e| throw(&e))?;

    // A plan learns nothing that stays: it works on a copy of the store.
    let knowledge = match &host.with.store {
        Some((path, _)) if !memory && host.executor().is_dry() => Knowledge::copy_of(path),
        Some((path, writer)) if !memory => Knowledge::open(path, writer.clone()),
        _ => Knowledge::in_memory(),
    };
    let knowledge = knowledge.map_err(|error| raise(host, error.into()))?;
    let knowledge = if memory { knowledge } else { after_earlier(host, knowledge)? };

    let counts_demo = learn_from_demo || host.learn_from_demo.get();
    let run = host.executor().journal().run().clone();
    let seed = manner.seed.unwrap_or_else(|| host.executor().chance(&tasks::current().strand));

    let optimizer = Optimizer::new(Rc::new(knowledge), manner.policy, counts_demo)
        .of_run(run)
        .choosing(manner.objective, manner.manner, seed);

    Ok(OptimizerHandle { optimizer, among, is_memory: memory })
}

/// Lets the knowledge of a resumed run know what the runs before have recorded, once for all its optimizers.
fn after_earlier(host: &Rc<Inner>, knowledge: Knowledge) -> Result<Knowledge, EvalError> {
    let executor = host.executor();
    if !executor.is_resuming() {
        return Ok(knowledge);
    }

    if let Some(earlier) = host.earlier.get() {
        return Ok(knowledge.after(earlier.clone()));
    }

    let found = knowledge.earlier(executor.journal().run(), executor.workers());
    let found = found.map_err(|error| raise(host, error.into()))?;
    let earlier = host.earlier.get_or_init(|| Rc::new(RefCell::new(found)));
    Ok(knowledge.after(earlier.clone()))
}

fn fields(map: &Map) -> Result<serde_json::Map<String, Value>, EvalError> {
    convert::to_fields(map).map_err(|reason| throw_new(Kind::Option, reason))
}

/// Tells whether the demo model was asked in this run; says once what that means for what is
/// recorded with `o`.
fn is_demo_run(host: &Rc<Inner>, o: &OptimizerHandle) -> bool {
    let is_demo = host.executor().demo_replies() > 0;
    tell_of_demo(host, o, is_demo);
    is_demo
}

fn tell_of_demo(host: &Rc<Inner>, o: &OptimizerHandle, is_demo: bool) {
    if is_demo && !o.optimizer.learns_from_demo() {
        host.note(
            "executions with the demo model are recorded but not counted (`learn_from_demo: true` \
             in the options of `optimizer` counts them)",
        );
    }
}

/// Tells whether an execution is to be recorded. Replies of an earlier run that were `reused` have
/// counted already; an optimizer of its own memory starts again from nothing, so there everything counts.
pub(super) fn is_news(host: &Rc<Inner>, o: &OptimizerHandle, is_demo: bool, reused: bool) -> bool {
    if host.is_rehearsing() {
        return false;
    }

    // What a resumed run records again has the name that it had. Replies that it finds elsewhere are
    // those of the run that it resumes, unless it uses those of all runs.
    let executor = host.executor();
    let is_own = executor.is_resuming() && !executor.is_wide();
    let is_old = reused && !o.is_memory && !executor.is_dry() && !is_own;

    if is_old {
        host.note("executions with reused replies are not recorded again");
    } else {
        tell_of_demo(host, o, is_demo);
    }

    !is_old
}

/// Returns the optimizer with a name for the execution that is recorded here. It follows from the run
/// that began the work and from the place in the script, so that a resumed run gives the same.
fn named(host: &Rc<Inner>, o: &OptimizerHandle) -> Optimizer {
    o.optimizer.naming(name_here(host, o))
}

fn name_here(host: &Rc<Inner>, o: &OptimizerHandle) -> Option<String> {
    let at = tasks::current().strand.count(&"record");
    (!o.is_memory).then(|| format!("{}{at}", host.executor().worker()))
}

/// Tells whether an execution is no new experience.
fn is_old_news(
    host: &Rc<Inner>,
    o: &OptimizerHandle,
    metrics: &serde_json::Map<String, Value>,
) -> bool {
    let reused = match metrics.get("reused").and_then(Value::as_u64) {
        Some(reused) => reused,
        None => host.executor().borrowed(),
    };
    !is_news(host, o, false, reused > 0)
}

fn recording(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "record_execution(optimizer: optimizer, task_type: string, pattern: string, metrics: map)",
        r#"
        Records one execution of a pattern. Pass a report's metrics, or a map with `success_rate` (0
        to 1, the share of the work that produced a result) and, if known, `execution_time` (s),
        `score` (0 to 1, how good the result is), `cost` (dollars), `tokens`. If some executions of
        a task type have a `score`, one without it counts less, with the expected score of its
        pattern. Executions with the demo model are kept but not counted. `#{ of: #{ length: 120 }
        }` describes the input, as for `recommend`; the metrics may also contain it as `of`.
        ```rhai
        let o = optimizer(#{ memory: true });
        o.record_execution("review", "vote", #{ success_rate: 1.0, execution_time: 3.5, score: 0.9 });
        print(o.get_insights().total_executions);
        ```
        "#,
        move |o: &mut OptimizerHandle, task: &str, pattern: &str, metrics: Map| {
            record(&inner, o, (task, pattern), &fields(&metrics)?)
        },
    );

    let inner = host.clone();
    def(
        engine,
        "record_execution(optimizer: optimizer, task_type: string, pattern: string, metrics: map, options: map)",
        "",
        move |o: &mut OptimizerHandle, task: &str, pattern: &str, metrics: Map, options: Map| {
            let mut metrics = fields(&metrics)?;
            let options = Options::new("record_execution", options, &["of"]);
            let mut options = options.map_err(|e| throw(&e))?;

            // Features are kept among the figures.
            if let Some(of) = options.value("of").map_err(|e| throw(&e))? {
                metrics.insert("of".to_owned(), of);
            }

            record(&inner, o, (task, pattern), &metrics)
        },
    );

    several(engine, host);
    saving(engine, host);
}

fn several(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "record_executions(optimizer: optimizer, executions: array) -> int",
        r#"
        Records many executions in one transaction, all or none, and returns how many were recorded.
        Each is a map with `task_type`, `pattern` and the metrics of `record_execution`, either beside
        them or as `metrics`. `record_execution` in a loop is as fast: it waits for the disk only before
        the script prints, calls, writes or ends.
        ```rhai
        let o = optimizer(#{ memory: true });
        print(o.record_executions([
            #{ task_type: "review", pattern: "vote", success_rate: 1.0, score: 0.9 },
            #{ task_type: "review", pattern: "direct", metrics: #{ success_rate: 1.0, score: 0.4 } },
        ]));
        ```
        "#,
        move |o: &mut OptimizerHandle, list: Array| record_all(&inner, o, &list),
    );
}

fn record_all(host: &Rc<Inner>, o: &OptimizerHandle, list: &[Dynamic]) -> Result<i64, EvalError> {
    let mut all = Vec::with_capacity(list.len());
    for (place, item) in list.iter().enumerate() {
        let wrong = |reason: String| {
            throw_new(Kind::Option, format!("item {place} of `record_executions` {reason}"))
        };
        all.push(read_execution(item).map_err(wrong)?);
    }

    let demo = is_demo_run(host, o);
    let mut new = Vec::with_capacity(all.len());
    for one in all {
        if !is_old_news(host, o, &one.metrics) {
            new.push(NamedExecution { name: name_here(host, o), ..one });
        }
    }

    wait(o.optimizer.record_executions(&new, demo)).map_err(|error| raise(host, error))?;
    Ok(whole(new.len()))
}

/// Reads one of several executions; the error says what is wrong with it.
fn read_execution(item: &Dynamic) -> Result<NamedExecution, String> {
    let Some(map) = known_map::as_map(item) else {
        return Err(format!("must be a map, not {}", article(convert::type_name(item))));
    };

    let mut metrics = convert::to_fields(&map)?;
    let mut name = |key: &str| match metrics.remove(key) {
        Some(Value::String(name)) => Ok(name),
        Some(other) => Err(format!("has a `{key}` that is not a string: `{other}`")),
        None => Err(format!("has no `{key}`; it needs `task_type`, `pattern` and metrics")),
    };
    let task = name("task_type")?;
    let pattern = name("pattern")?;

    match metrics.remove("metrics") {
        None => {}
        Some(Value::Object(inner)) => {
            let of = metrics.remove(OF);
            if let Some(key) = metrics.keys().next() {
                return Err(format!("has `{key}` beside `metrics`; write it into `metrics`"));
            }
            metrics = inner;
            metrics.extend(of.map(|of| (OF.to_owned(), of)));
        }
        Some(other) => return Err(format!("has `metrics` that are not a map: `{other}`")),
    }

    Ok(NamedExecution { task, pattern, metrics, name: None })
}

fn record(
    host: &Rc<Inner>,
    o: &OptimizerHandle,
    (task, pattern): (&str, &str),
    metrics: &serde_json::Map<String, Value>,
) -> Result<(), EvalError> {
    let demo = is_demo_run(host, o);
    if is_old_news(host, o, metrics) {
        return Ok(());
    }
    named(host, o)
        .record_execution(task, pattern, metrics, demo)
        .map_err(|error| raise(host, error))
}

fn saving(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "save_pattern_success(optimizer: optimizer, task_type: string, pattern: string, metrics: map)",
        r#"
        Records that a pattern worked; `success_rate` is 1 unless the metrics set it. On a
        `knowledge(..)` object, it writes to that file.
        ```rhai
        let o = optimizer(#{ memory: true });
        o.save_pattern_success("code_review", "gather", #{ execution_time: 2.5 });
        print(o.get_best_pattern("code_review"));
        ```
        "#,
        move |o: &mut OptimizerHandle, task: &str, pattern: &str, metrics: Map| {
            let metrics = fields(&metrics)?;
            let demo = is_demo_run(&inner, o);
            if is_old_news(&inner, o, &metrics) {
                return Ok(());
            }

            named(&inner, o)
                .save_pattern_success(task, pattern, &metrics, demo)
                .map_err(|error| raise(&inner, error))
        },
    );

    let inner = host.clone();
    def(
        engine,
        "save_pattern_failure(optimizer: optimizer, task_type: string, pattern: string, error: any)",
        r#"
        Records that a pattern failed. `error` is a text, or an error with a `kind`, such as
        `attempt(..).error`; the kind determines the lesson.
        ```rhai
        let o = optimizer(#{ memory: true });
        o.save_pattern_failure("report", "direct", #{ kind: "wrong_answer", message: "no figures" });
        print(o.failures("report")[0].lesson);
        ```
        "#,
        move |o: &mut OptimizerHandle, task: &str, pattern: &str, error: Dynamic| {
            let failure = read_failure(&inner, error);
            let demo = is_demo_run(&inner, o);

            if is_old_news(&inner, o, &serde_json::Map::new()) {
                return Ok(());
            }

            named(&inner, o)
                .save_pattern_failure(task, pattern, &failure, demo)
                .map_err(|error| raise(&inner, error))
        },
    );
}

/// Reads an error as scripts hand it on: a text, a map, or whatever was caught.
pub(super) fn read_failure(host: &Rc<Inner>, error: Dynamic) -> Failure {
    if error.is_string() {
        return Failure::new(Kind::Failed, error.to_string());
    }
    let raised: EvalError = rhai::EvalAltResult::ErrorRuntime(error, rhai::Position::NONE).into();
    host.failure(&raised)
}

fn knowing(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "get_best_pattern(optimizer: optimizer, task_type: string) -> string",
        r#"
        Returns the best known pattern for a task type, or `()` if none is known.
        ```rhai
        let o = optimizer(#{ memory: true });
        print(type_of(o.get_best_pattern("analysis")));
        ```
        "#,
        move |o: &mut OptimizerHandle, task: &str| {
            let best = |_: &_| {
                let found = o.optimizer.best_pattern(task).map_err(|e| raise(&inner, e))?;
                Ok(found.map_or(Value::Null, |name| name.to_string().into()))
            };

            let what = Inquiry::About(Topic::BestPattern, task.to_owned());
            journaled(&inner, o, what, best).map(convert::from_value)
        },
    );

    let inner = host.clone();
    def(
        engine,
        "should_avoid_pattern(optimizer: optimizer, task_type: string, pattern: string) -> bool",
        r#"
        Returns whether a pattern is better avoided for a task type: it succeeds in less than half of
        its executions with at least 90 % probability, and is the best pattern with less than 1 %
        probability. This is information, not a ban: `recommend` and `run` choose by their beliefs,
        so they rarely choose such a pattern. Without other patterns to compare with, only its
        failures count.
        ```rhai
        let o = optimizer(#{ memory: true });
        for i in 0..3 { o.save_pattern_failure("report", "direct", "no answer"); }
        print(o.should_avoid_pattern("report", "direct"));
        ```
        "#,
        move |o: &mut OptimizerHandle, task: &str, pattern: &str| {
            let avoided = |_: &_| {
                let found = o.optimizer.should_avoid(task, pattern, &o.among);
                found.map(Value::from).map_err(|error| raise(&inner, error))
            };

            let what = Inquiry::About(Topic::AvoidPattern, format!("{task} {pattern}"));
            let found = journaled(&inner, o, what, avoided);
            Ok::<_, EvalError>(found?.as_bool().unwrap_or(false))
        },
    );
}

fn looking(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "get_insights(optimizer: optimizer) -> map",
        r#"
        Returns a summary of the history: `most_used_pattern`, `fastest_pattern`,
        `total_executions`, `pattern_usage`, `avg_performance` (mean seconds), and `by_task` with
        the same for each task type. A pattern is the fastest only if it is the fastest on every
        task type where it was compared.
        ```rhai
        let o = optimizer(#{ memory: true });
        o.record_execution("analysis", "direct", #{ success_rate: 1.0, execution_time: 2.0 });
        print(o.get_insights().most_used_pattern);
        ```
        "#,
        move |o: &mut OptimizerHandle| insights(&inner, o, None),
    );

    let inner = host.clone();
    def(
        engine,
        "get_insights(optimizer: optimizer, task_type: string) -> map",
        "",
        move |o: &mut OptimizerHandle, task: &str| insights(&inner, o, Some(task)),
    );

    let inner = host.clone();
    def(
        engine,
        "failures(optimizer: optimizer) -> array",
        r#"
        The failures by kind, most frequent first, of all task types or of one: maps `#{ task_type,
        pattern, kind, class, count, message, lesson, avoided }`. `avoided` is the result of
        `should_avoid_pattern`.
        ```rhai
        let o = optimizer(#{ memory: true });
        o.save_pattern_failure("report", "gather", #{ kind: "rate_limited", message: "429" });
        for f in o.failures() { print(`${f.count} times ${f.kind}: ${f.lesson}`); }
        ```
        "#,
        move |o: &mut OptimizerHandle| failures(&inner, o, None),
    );

    let inner = host.clone();
    def(
        engine,
        "failures(optimizer: optimizer, task_type: string) -> array",
        "",
        move |o: &mut OptimizerHandle, task: &str| failures(&inner, o, Some(task)),
    );
}

/// Says what the history says, or what it said at this place in the recorded run.
fn insights(
    host: &Rc<Inner>,
    o: &OptimizerHandle,
    task: Option<&str>,
) -> Result<Dynamic, EvalError> {
    let what = Inquiry::About(Topic::Insights, task.unwrap_or_default().to_owned());
    let find = |_: &_| {
        let found = o.optimizer.insights(task).map_err(|error| raise(host, error))?;
        Ok(Value::Object(found))
    };
    journaled(host, o, what, find).map(|found| KnownMap::of_shape(&shape::INSIGHTS, found))
}

fn lessons(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "analyze_failure(pattern: string, task_type: string, error: any) -> map",
        r#"
        Returns the lesson of a failure: `#{ pattern, task_type, kind, class, message, lesson }`. It
        depends on the kind of the error, not on its message.
        ```rhai
        let seen = attempt(|| throw #{ kind: "rate_limited", message: "slow down" });
        print(analyze_failure("gather", "research", seen.error).lesson);
        ```
        "#,
        move |pattern: &str, task: &str, error: Dynamic| {
            let failure = read_failure(&inner, error);
            let lesson = lesson::of(&failure);

            let taught = json!({
                "pattern": pattern,
                "task_type": task,
                "kind": failure.kind,
                "class": lesson.class(),
                "message": failure.message,
                "lesson": lesson.advice(),
            });
            KnownMap::of_shape(&shape::LESSON, taught)
        },
    );
}

fn failures(host: &Rc<Inner>, o: &OptimizerHandle, task: Option<&str>) -> Result<Array, EvalError> {
    let find = |_: &_| {
        let found = o.optimizer.failures(task).map_err(|error| raise(host, error))?;
        let avoided = o.optimizer.avoided_of(&found, &o.among);
        let avoided = avoided.map_err(|error| raise(host, error))?;

        let each = found.into_iter().zip(avoided).map(|(class, avoided)| {
            json!({
                "task_type": class.task,
                "pattern": class.pattern,
                "kind": class.kind,
                "class": class.lesson.class(),
                "count": class.count,
                "message": class.message,
                "lesson": class.lesson.advice(),
                "avoided": avoided,
            })
        });
        Ok(each.collect())
    };

    let what = Inquiry::About(Topic::Failures, task.unwrap_or_default().to_owned());
    let found = KnownMap::list(&shape::FAILURES, journaled(host, o, what, find)?);
    Ok(found.try_cast().unwrap_or_default())
}

fn moving(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "import_knowledge(optimizer: optimizer, path: string) -> int",
        r#"
        Imports a file in the guide's format and returns the number of its entries. The path is
        relative to the script's folder. A run that is killed and resumed imports it once.
        ```rhai
        let k = knowledge("learned.json");
        k.save_pattern_success("review", "vote", #{ execution_time: 2.0 });
        print(optimizer(#{ memory: true }).import_knowledge("learned.json"));
        ```
        "#,
        move |o: &mut OptimizerHandle, path: &str| import(&inner, o, path),
    );

    let inner = host.clone();
    def(
        engine,
        "export_knowledge(optimizer: optimizer, path: string) -> int",
        r#"
        Writes all knowledge to a file in the guide's format and returns the number of entries. A
        resumed run returns the recorded number.
        ```rhai
        let o = optimizer(#{ memory: true });
        o.save_pattern_success("review", "vote", #{ execution_time: 2.0 });
        print(o.export_knowledge("export.json"));
        ```
        "#,
        move |o: &mut OptimizerHandle, path: &str| export(&inner, o, path),
    );
}

/// Takes in a file once, however often the run is killed and resumed: each of its entries has a name.
fn import(host: &Rc<Inner>, o: &OptimizerHandle, path: &str) -> Result<i64, EvalError> {
    if host.is_rehearsing() {
        return super::data::source(host, path).map(|_| 0);
    }

    let at = tasks::current().strand.count(&"import");
    let name = (!o.is_memory).then(|| format!("{}{at}", host.executor().worker()));
    let take_in = || {
        let file = super::data::source(host, path)?;
        let taken_in = wait(o.optimizer.naming(name).import_knowledge(&file));
        taken_in.map_err(|error| raise(host, error))
    };

    // An optimizer of its own memory starts again from nothing in a resumed run.
    let what = Inquiry::About(Topic::Import, path.to_owned());
    counted_once(host, o, what, o.is_memory, take_in)
}

/// Writes a file once: the store that a resumed run reads may know more by then.
fn export(host: &Rc<Inner>, o: &OptimizerHandle, path: &str) -> Result<i64, EvalError> {
    let place = file(host, path)?;
    let is_dry = host.executor().is_dry();
    let is_missing = !place.exists();

    let write = || {
        let written = if is_dry { Ok(0) } else { o.optimizer.export_knowledge(&place) };
        written.map_err(|error| raise(host, error))
    };

    let what = Inquiry::About(Topic::Export, path.to_owned());
    counted_once(host, o, what, o.is_memory || is_missing, write)
}

/// Does something and returns how many entries that were, or how many they were in the recorded run. It is
/// done again after a kill only if `always` says so.
fn counted_once(
    host: &Rc<Inner>,
    o: &OptimizerHandle,
    what: Inquiry,
    always: bool,
    work: impl FnOnce() -> Result<usize, EvalError>,
) -> Result<i64, EvalError> {
    let told = if always {
        let count = whole(work()?);
        journaled(host, o, what, |_: &_| Ok(count.into()))
    } else {
        journaled(host, o, what, |_: &_| Ok(whole(work()?).into()))
    };

    Ok(told?.as_i64().unwrap_or(0))
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Finds the place of a file that may not exist yet.
pub(super) fn file(host: &Rc<Inner>, named: &str) -> Result<PathBuf, EvalError> {
    super::data::place(host, named)
}
