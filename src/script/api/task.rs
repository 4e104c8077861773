//! Doing things at once and in time: `gather`, `parallel`, `task`, `race`, `attempt`, `timeout`,
//! `retry`, `sleep`.

use super::define::def;
use crate::base::count::counted;
use crate::base::deadline::Deadline;
use crate::base::failure::{Failure, Kind};
use crate::base::strand::Strand;
use crate::executor::retry::Tries;
use crate::executor::turns::siblings::Siblings;
use crate::journal::event::{Event, Timer};
use crate::script::host::background::Background;
use crate::script::host::bound_fn::BoundFn;
use crate::script::host::context::Inner;
use crate::script::host::error::{EvalError, throw, throw_new};
use crate::script::host::fiber::wait;
use crate::script::host::known_map::KnownMap;
use crate::script::host::options::Options;
use crate::script::host::wanted::wanted_argument;
use crate::script::host::{convert, shape, tasks};
use rhai::{Array, Dynamic, Engine, FnPtr, Map, NativeCallContext, Position};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// Most closures of `parallel` and `gather` that run at once, unless the options say otherwise.
const MAX_CONCURRENT: usize = 10_000;

pub(super) fn register(engine: &mut Engine, host: &Rc<Inner>) {
    gathering(engine, host);
    background(engine, host);
    guarding(engine, host);
}

fn bind(
    host: &Rc<Inner>,
    context: &NativeCallContext,
    of: &str,
    list: Array,
) -> Result<Vec<BoundFn>, EvalError> {
    BoundFn::all(host, context, of, list).map_err(|e| throw(&e))
}

fn gathering(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "gather(functions: array) -> array",
        r#"
        Calls all functions concurrently and returns their values in order. The first error cancels
        the others and is thrown. With `#{ settle: true }`, nothing is cancelled, and each item is
        `#{ ok, value, error }`. At most 20,000 tasks exist at once (`TASKS_MAX`); one more is an
        error of kind `memory`.
        ```rhai
        let b = branch("demo/echo");
        let answers = gather([|| b.communicate("One?"), || b.communicate("Two?")]);
        print(answers.len);
        ```
        "#,
        move |context: NativeCallContext, list: Array| {
            gather(&bind(&inner, &context, "gather", list)?, Map::new())
        },
    );

    let inner = host.clone();
    def(
        engine,
        "gather(functions: array, options: map) -> array",
        "",
        move |context: NativeCallContext, list: Array, map: Map| {
            gather(&bind(&inner, &context, "gather", list)?, map)
        },
    );

    let inner = host.clone();
    def(
        engine,
        "parallel(list: array, function: function) -> array",
        r#"
        Calls the function with each item (and its index, if it takes two parameters) concurrently,
        at most `max_concurrent` at once, and returns the values in the order of the items. The
        first error cancels the others and is thrown; with `#{ settle: true }`, each item is `#{ ok,
        value, error }`. If the closure uses the list itself, or the map that contains it, write
        `parallel(list, |item| ..)`. At most 20,000 tasks exist at once (`TASKS_MAX`), nested ones
        included; one more is an error of kind `memory`.
        ```rhai
        let topics = ["vans", "bikes", "trams"];
        let lengths = topics.parallel(|t| t.len, #{ max_concurrent: 2 });
        print(lengths);
        ```
        "#,
        move |context: NativeCallContext, list: &mut Array, function: FnPtr| {
            parallel(list.clone(), &BoundFn::new(&inner, &context, function), Map::new())
        },
    );

    let inner = host.clone();
    def(
        engine,
        "parallel(list: array, function: function, options: map) -> array",
        "",
        move |context: NativeCallContext, list: &mut Array, function: FnPtr, map: Map| {
            parallel(list.clone(), &BoundFn::new(&inner, &context, function), map)
        },
    );

    let inner = host.clone();
    def(
        engine,
        "race(functions: array) -> any",
        r#"
        Calls all functions concurrently, returns the value of the first to end, and cancels the
        others. If the first to end throws, so does `race`.
        ```rhai
        print(race([|| { sleep(1000); "slow" }, || "fast"]));
        ```
        "#,
        move |context: NativeCallContext, list: Array| {
            let functions = bind(&inner, &context, "race", list)?;

            let task = tasks::current();
            let group = tasks::current().strand.group();
            let mut running: Siblings<_> = functions
                .iter()
                .enumerate()
                .map(|(item, function)| function.call(task.child(group, item), Vec::new()))
                .collect();

            // The first one to end gives the result; the others are dropped with this list.
            wait(running.next()).unwrap_or_else(|| {
                Err(throw_new(Kind::Option, "`race` needs at least one function"))
            })
        },
    );
}

fn gather(functions: &[BoundFn], map: Map) -> Result<Array, EvalError> {
    let mut options = Options::of("gather", map).map_err(|e| throw(&e))?;
    let settle = options.flag("settle").map_err(|e| throw(&e))?;

    let task = tasks::current();
    let group = task.strand.group();
    let numbered = functions.iter().enumerate();
    let calls = numbered.map(|(item, function)| function.call(task.child(group, item), Vec::new()));

    let results = wait(side_by_side(calls, usize::MAX, settle))?;

    if settle {
        let each = functions.iter().zip(results);
        return Ok(each.map(|(function, result)| settled(function, result)).collect());
    }
    results.into_iter().collect()
}

/// Runs futures side by side, at most `limit` at once, and returns what each gave. Unless they are to
/// `settle`, the first error ends all.
async fn side_by_side<F>(
    futures: impl IntoIterator<Item = F>,
    limit: usize,
    settle: bool,
) -> Result<Vec<Result<Dynamic, EvalError>>, EvalError>
where
    F: Future<Output = Result<Dynamic, EvalError>>,
{
    let mut waiting = futures.into_iter().enumerate();
    let mut running = Siblings::default();
    let mut results = BTreeMap::new();

    loop {
        while running.len() < limit
            && let Some((place, future)) = waiting.next()
        {
            running.push(async move { (place, future.await) });
        }

        match running.next().await {
            None => return Ok(results.into_values().collect()),
            Some((_, Err(raised))) if !settle => return Err(raised),
            Some((place, result)) => {
                results.insert(place, result);
            }
        }
    }
}

fn parallel(list: Array, function: &BoundFn, map: Map) -> Result<Array, EvalError> {
    let mut options = Options::of("parallel", map).map_err(|e| throw(&e))?;
    let settle = options.flag("settle").map_err(|e| throw(&e))?;
    let limit = options.count("max_concurrent").map_err(|e| throw(&e))?;
    let limit = limit.map_or(MAX_CONCURRENT, |n| usize::try_from(n).unwrap_or(usize::MAX));

    let task = tasks::current();
    let group = task.strand.group();
    let calls = list.into_iter().enumerate().map(|(place, item)| {
        let part = task.child(group, place);
        let place = i64::try_from(place).unwrap_or(i64::MAX);
        function.call(part, vec![item, place.into()])
    });

    let results = wait(side_by_side(calls, limit, settle))?;

    if settle {
        return Ok(results.into_iter().map(|result| settled(function, result)).collect());
    }
    results.into_iter().collect()
}

/// Makes a map of a result, as `attempt` gives it.
fn settled(function: &BoundFn, result: Result<Dynamic, EvalError>) -> Dynamic {
    let (ok, value, error) = match result {
        Ok(value) => (true, value, Dynamic::UNIT),
        Err(raised) => {
            let failure = function.failure(&raised).to_value();
            (false, Dynamic::UNIT, KnownMap::of_shape(&shape::ERROR, failure))
        }
    };

    let fields =
        Map::from([("ok".into(), ok.into()), ("value".into(), value), ("error".into(), error)]);
    KnownMap::of_values(&shape::OUTCOME, fields)
}

fn background(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "task(function: function) -> task",
        r#"
        Starts a function as a task, without waiting for it. `t.wait()` returns its value or throws
        its error, `t.done` is true once it has ended, and `t.cancel()` cancels it. A task may
        outlive the function that started it; that function's time limit then no longer applies.
        Tasks that still run when the script ends are cancelled. At most 20,000 tasks exist at once
        (`TASKS_MAX`); one more is an error of kind `memory`.
        ```rhai
        let t = task(|| { sleep(10); 42 });
        print(t.done);
        print(t.wait());
        ```
        "#,
        move |context: NativeCallContext, function: FnPtr| {
            // Told here, and not only to those who wait for it.
            tasks::room()?;

            let function = BoundFn::new(&inner, &context, function);
            Ok::<_, EvalError>(start(&inner, function))
        },
    );

    def(
        engine,
        "wait(task: task) -> any",
        r#"
        Waits for a task and returns its value, or throws its error.
        ```rhai
        print(task(|| 1 + 1).wait());
        ```
        "#,
        |task: &mut Rc<Background>| finish(&task.clone()),
    );

    let inner = host.clone();
    def(
        engine,
        "get done(task: task) -> bool",
        r#"
        Whether a task has ended.
        ```rhai
        let t = task(|| 1);
        t.wait();
        print(t.done);
        ```
        "#,
        move |task: &mut Rc<Background>| {
            inner.executor().look_at_ends();
            task.waited.get() || task.result.borrow().is_some()
        },
    );

    def(
        engine,
        "cancel(task: task)",
        r#"
        Cancels a task; waiting for it then throws `#{ kind: "cancelled" }`.
        ```rhai
        let t = task(|| sleep(60_000));
        t.cancel();
        print(attempt(|| t.wait()).error.kind);
        ```
        "#,
        |task: &mut Rc<Background>| {
            task.waited.set(true);
            let cancelled = || Err(Failure::new(Kind::Cancelled, "the task was cancelled"));
            // The first result counts: a task that has ended keeps its own.
            task.result.borrow_mut().get_or_insert_with(cancelled);
            task.ended.notify_waiters();

            let handle = task.handle.take();
            if let Some(handle) = handle {
                handle.stop();
            }
        },
    );
}

fn start(host: &Rc<Inner>, function: BoundFn) -> Rc<Background> {
    let background = Rc::new(Background {
        handle: RefCell::default(),
        result: RefCell::default(),
        ended: tokio::sync::Notify::new(),
        waited: Cell::new(false),
    });

    let task = background.clone();
    // It counts as a task from here on, and not only once it runs.
    let call = function.call(tasks::current().next(), Vec::new());
    let spawned = host.executor().turns().spawn(Box::pin(async move {
        let result = call.await.map_err(|raised| function.failure(&raised));
        task.result.borrow_mut().get_or_insert(result);
        task.ended.notify_waiters();
    }));

    background.handle.replace(Some(spawned));
    host.background.borrow_mut().push(background.clone());
    background
}

fn finish(task: &Rc<Background>) -> Result<Dynamic, EvalError> {
    task.waited.set(true);
    wait(async {
        loop {
            // Asked for before the look at the result, so that an end between the two is not
            // missed.
            let ended = task.ended.notified();
            if let Some(result) = &*task.result.borrow() {
                return match result {
                    Ok(value) => Ok(value.clone()),
                    // Everyone who waits for the task sees its error.
                    Err(failure) => Err(throw(failure)),
                };
            }

            ended.await;
        }
    })
}

/// Counts the tasks that are still running.
pub(crate) fn count(host: &Rc<Inner>) -> usize {
    let tasks = host.background.borrow();
    tasks.iter().filter(|task| task.result.borrow().is_none()).count()
}

/// Gives up the tasks that are still running because their run is suspended: another run continues
/// them.
pub(crate) fn suspend_all(host: &Rc<Inner>) {
    for task in host.background.take() {
        let handle = task.handle.take();
        if let Some(handle) = handle {
            handle.stop();
        }
    }
}

/// Ends the tasks that are still running when their script has ended, and says so.
pub(crate) fn end_all(host: &Rc<Inner>) {
    let tasks = host.background.take();
    let mut running = 0;
    let mut unseen = 0;
    for task in tasks {
        match &*task.result.borrow() {
            None => running += 1,
            Some(Err(_)) if !task.waited.get() => unseen += 1,
            Some(_) => {}
        }

        let handle = task.handle.take();
        if let Some(handle) = handle {
            handle.stop();
        }
    }

    if running > 0 {
        let running = counted(running, "task", "tasks");
        (host.with.say)(&format!(
            "cancelled {running} still running when the script ended; wait with `.wait()`"
        ));
    }

    if unseen > 0 {
        (host.with.say)(&format!(
            "{} failed, and nothing waited for the result",
            counted(unseen, "task", "tasks")
        ));
    }
}

fn guarding(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "attempt(function: function) -> map",
        r#"
        Calls a function and returns `#{ ok, value, error }` instead of throwing. `error` always has
        `kind` and `message`; what else a thrown map holds is in `error.thrown`.
        ```rhai
        let r = attempt(|| throw "no luck");
        print(`${r.ok} ${r.error.kind} ${r.error.message}`);
        ```
        "#,
        move |context: NativeCallContext, function: FnPtr| {
            let function = BoundFn::new(&inner, &context, function);
            settled(&function, wait(function.call(tasks::current().next(), Vec::new())))
        },
    );

    let inner = host.clone();
    def(
        engine,
        "timeout(limit_ms: int, function: function) -> any",
        r#"
        Calls a function and returns its value. After the time limit, cancels the function and
        throws `#{ kind: "timeout" }`.
        ```rhai
        let r = attempt(|| timeout(20, || sleep(60_000)));
        print(r.error.kind);
        ```
        "#,
        move |context: NativeCallContext, limit_ms: i64, function: FnPtr| {
            let function = BoundFn::new(&inner, &context, function);
            within(&inner, limit_ms, &function)
        },
    );

    let inner = host.clone();
    def(
        engine,
        "retry(times: int, function: function) -> any",
        r#"
        Calls a function until it succeeds, at most `times` times, with increasing pauses, and then
        throws the last error. An error with `retryable: false` is thrown immediately. Each attempt
        of a model call (`attempts_max`) counts. If the function takes an argument, it receives the
        number of the attempt, from 1.
        ```rhai
        print(retry(3, |n| if n < 3 { throw "not yet" } else { `worked at try ${n}` }));
        ```
        "#,
        move |context: NativeCallContext, times: i64, function: FnPtr| {
            let place = context.call_position();
            retry(&inner, times, &BoundFn::new(&inner, &context, function), place)
        },
    );

    let inner = host.clone();
    def(
        engine,
        "sleep(time_ms: int)",
        r#"
        Waits for a time in milliseconds, while other tasks continue.
        ```rhai
        sleep(5);
        ```
        "#,
        move |time_ms: i64| pause(&inner, time_ms),
    );

    let inner = host.clone();
    // The language has a word of this name, for seconds, which would hold up everything.
    def(engine, "sleep(time_ms: float)", "", move |time_ms: f64| pause_exactly(&inner, time_ms));

    let inner = host.clone();
    def(
        engine,
        "failure(error: any) -> map",
        r#"
        Converts a value caught by `catch (e)` to `#{ kind, message, .. }`: a thrown string, a
        thrown map, or a language error, which has no `kind` of its own there.
        ```rhai
        try { let x = 1 / 0; } catch (e) { print(failure(e).kind); }
        ```
        "#,
        move |error: Dynamic| {
            let position = rhai::Position::NONE;
            let raised: EvalError = rhai::EvalAltResult::ErrorRuntime(error, position).into();
            KnownMap::of_shape(&shape::ERROR, inner.failure(&raised).to_value())
        },
    );
}

/// Tells whether the first argument of a function lies within its bounds.
fn is_wanted(of: &str, number: i64) -> bool {
    wanted_argument(of, 0).is_none_or(|wanted| wanted.holds_whole(number))
}

fn pause(host: &Rc<Inner>, time_ms: i64) -> Result<(), EvalError> {
    let Ok(time_ms) = u64::try_from(time_ms) else {
        return Err(throw_new(
            Kind::Option,
            format!("`sleep` needs a time of at least 0, not {time_ms}"),
        ));
    };

    pass(host, Timer::Sleep, Duration::from_millis(time_ms))
}

fn pause_exactly(host: &Rc<Inner>, time_ms: f64) -> Result<(), EvalError> {
    // Times that neither a clock nor anybody's patience has, and what is no number, are mistakes.
    let time = Duration::try_from_secs_f64(time_ms / 1000.0).map_err(|_| {
        let message = format!("`sleep` needs a number of milliseconds, 0 or more, not {time_ms:?}");
        throw_new(Kind::Option, message)
    })?;
    pass(host, Timer::Sleep, time)
}

/// Lets a time pass; in a plan and a replay it passes at once.
fn pass(host: &Rc<Inner>, timer: Timer, time: Duration) -> Result<(), EvalError> {
    let executor = host.executor();
    let task = tasks::current();
    wait(executor.pass(&task.strand, timer, time)).map_err(|error| host.raise(error.into()))
}

fn within(host: &Rc<Inner>, limit_ms: i64, function: &BoundFn) -> Result<Dynamic, EvalError> {
    let Some(limit) = u64::try_from(limit_ms).ok().filter(|_| is_wanted("timeout", limit_ms))
    else {
        let message = format!("`timeout` needs a time of at least 1, not {limit_ms}");
        return Err(throw_new(Kind::Option, message));
    };

    let limit = Duration::from_millis(limit);
    let outer = tasks::current();
    let executor = host.executor();
    let bounded = Deadline::begin(executor.real_limit(limit), outer.deadline.clone());
    let task = outer.within(&bounded);
    let own_end = task.ends_at();
    let outer_end = outer.ends_at();

    let strand = task.strand.clone();
    let result = wait(executor.limit(&strand, limit, function.call(task, Vec::new())));

    let over = || throw(&Failure::new(Kind::Timeout, format!("timed out after {limit_ms} ms")));
    match result.map_err(|error| host.raise(error.into()))? {
        None => Err(over()),
        // A loop without a wait is stopped from within; that is this timeout's doing only if no
        // outer one ended first.
        Some(Err(raised))
            if own_end != outer_end && function.failure(&raised).kind == Kind::Timeout =>
        {
            let terminated =
                matches!(raised.unwrap_inner(), rhai::EvalAltResult::ErrorTerminated(..));
            Err(if terminated { over() } else { raised })
        }
        Some(result) => result,
    }
}

fn retry(
    host: &Rc<Inner>,
    times: i64,
    function: &BoundFn,
    place: Position,
) -> Result<Dynamic, EvalError> {
    let Some(most) = u32::try_from(times).ok().filter(|_| is_wanted("retry", times)) else {
        let message = format!("`retry` needs at least 1 attempt, not {times}");
        return Err(throw_new(Kind::Option, message));
    };

    let task = tasks::current();
    let group = tasks::current().strand.group();
    let executor = host.executor();
    // A line of a dialogue has another number each time that it is planned.
    let line = place.line().filter(|_| !host.is_rehearsing());
    let name = line.map_or("retry".to_owned(), |line| format!("retry (line {line})"));
    let mut tries = Tries::within(most, task.tries);
    let mut number: u32 = 0;

    loop {
        number += 1;
        let item = usize::try_from(number).unwrap_or(usize::MAX);
        let arguments = vec![i64::from(number).into()];
        let guesses = executor.guesses();
        let trying = task.trying(group, item, tries.left());
        let strand = trying.strand.clone();
        let raised = match wait(function.call(trying, arguments)) {
            Err(raised) if raised.is_catchable() => raised,
            Ok(value) => {
                executor.note_success(&name);
                if number > 1 {
                    note_try(host, &strand, None)?;
                }
                return Ok(value);
            }
            result => return result,
        };

        let failure = function.failure(&raised);
        if let Some(value) = executor.taken_to_succeed(&name, &failure, (guesses, number == most)) {
            return Ok(convert::from_value(value));
        }

        let made = failure.tries;
        match tries.failed(failure) {
            Ok(pause) => {
                note_try(host, &strand, Some(&task.strand.child(group, item.saturating_add(1))))?;
                pass(host, Timer::Pause, pause)?;
            }
            // Only its count is other than it was.
            Err(failure) if failure.tries != made => return Err(throw(&failure)),
            Err(_) => return Err(raised),
        }
    }
}

/// Journals that a try failed and another one follows, or that one went well after others had failed.
fn note_try(host: &Inner, strand: &Strand, next: Option<&Strand>) -> Result<(), EvalError> {
    let next = next.map(|next| next.address().clone());
    let tried = Event::Tried { at: strand.address().clone(), next };
    host.executor().note(&tried).map_err(|error| host.raise(error.into()))
}
