//! The run itself: parameters, output, time, chance.

use super::define::def;
use crate::base::failure::Kind;
use crate::base::unit::Money;
use crate::base::visible::hanging;
use crate::journal::event::{Event, LogLevel};
use crate::journal::inquiry::{Inquiry, Topic};
use crate::script::host::context::Inner;
use crate::script::host::error::{EvalError, throw, throw_new};
use crate::script::host::known_map::KnownMap;
use crate::script::host::options::Options;
use crate::script::host::{parameter_value, shape, tasks};
use rhai::{Dynamic, Engine, Map};
use serde_json::json;
use std::rc::Rc;
use std::time::Instant;

/// What `log` is in a script.
#[derive(Debug, Clone, Copy)]
pub(in crate::script) struct Log;

/// Returns the value of a name that every script knows.
pub(super) fn constant(host: &Rc<Inner>, name: &str, source: Option<&str>) -> Option<Dynamic> {
    match name {
        "is_main" => {
            let is_imported = source.is_some_and(|file| host.imported.borrow().contains(file));
            Some((!is_imported).into())
        }
        "log" => Some(Dynamic::from(Log)),
        "state" => Some(Dynamic::from(host.with.state.clone())),
        "run_id" => Some(host.executor().origin().0.clone().into()),
        _ => None,
    }
}

pub(super) fn register(engine: &mut Engine, host: &Rc<Inner>) {
    params(engine, host);
    output(engine, host);

    let inner = host.clone();
    def(
        engine,
        "now() -> int",
        r#"
        Returns the time in milliseconds since 1970-01-01 UTC. A resumed run returns the recorded
        times. To measure a duration, use `timestamp()` and its `elapsed` (seconds).
        ```rhai
        let began = timestamp();
        print(now() > 0 && began.elapsed < 60.0);
        ```
        "#,
        move || {
            let now = inner.executor().now(&tasks::current().strand);
            now.map_err(|error| inner.raise(error.into()))
        },
    );

    let inner = host.clone();
    def(
        engine,
        "timestamp() -> timestamp",
        r#"
        Returns the current instant, to measure how long something takes (see `elapsed`). In a
        resumed run, the time before the interruption counts. In a plan, time passes only where the
        script waits.
        ```rhai
        let began = timestamp();
        sleep(5);
        print(began.elapsed >= 0.005);
        ```
        "#,
        move || inner.executor().instant(),
    );

    let inner = host.clone();
    def(
        engine,
        "get elapsed(since: timestamp) -> float",
        r#"
        The seconds since a `timestamp()`. A resumed run and a replay return the recorded value.
        ```rhai
        let began = timestamp();
        print(began.elapsed < 60.0);
        ```
        "#,
        move |since: Instant| {
            let now = inner.executor().instant();
            let seconds = now.saturating_duration_since(since).as_secs_f64();
            let elapsed = inner.executor().elapsed(&tasks::current().strand, seconds);
            elapsed.map_err(|error| inner.raise(error.into()))
        },
    );

    let inner = host.clone();
    def(
        engine,
        "used() -> map",
        r#"
        Returns the usage of the run so far: `#{ calls, cost, under_way }`, with the cost in
        dollars. Calls in flight count; `under_way` is their number. A call costs what the provider
        reports. While it is in flight, or without a report, it counts with its worst case; if that
        is unknown, because `max_tokens` or the price is missing, `cost` is `()`. Calls paid for by
        an earlier run count, so a resumed run sees the same values.
        ```rhai
        let before = used().calls;
        branch("demo/echo").chat("Hello");
        print(used().calls - before);
        ```
        "#,
        move || {
            let used = inner.executor().used();
            let cost = used.cost_max().map(Money::dollars);
            let used = json!({ "calls": used.calls, "cost": cost, "under_way": used.under_way });
            let told = inner.executor().answer_of_run(
                &tasks::current().strand,
                Inquiry::Bare(Topic::Used),
                used,
            );
            let told = told.map(|used| KnownMap::of_shape(&shape::USED, used));
            told.map_err(|error| inner.raise(error.into()))
        },
    );

    let inner = host.clone();
    def(
        engine,
        "random() -> float",
        r#"
        Returns a random number from 0 up to, but not including, 1, based on the run's seed: `kaizen
        run --seed N` repeats it.
        ```rhai
        print(random() < 1.0);
        ```
        "#,
        move || inner.executor().random(&tasks::current().strand),
    );
}

fn params(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "param(name: string) -> any",
        r#"
        Returns a parameter of the script, set with `kaizen run -p name=value`. Without a default,
        it is required. The value is converted to the type of the default. The third argument
        describes the parameter, or is a map with `doc`, `min` and `max`.
        ```rhai
        let topic = param("topic", "electric vans", "what to research");
        let depth = param("depth", 3, #{ doc: "how deep", min: 1, max: 8 });
        print(`${topic} ${depth}`);
        ```
        "#,
        move |name: &str| param(&inner, name, &Dynamic::UNIT, Map::new()),
    );

    let inner = host.clone();
    def(
        engine,
        "param(name: string, default: any) -> any",
        "",
        move |name: &str, default: Dynamic| param(&inner, name, &default, Map::new()),
    );

    let inner = host.clone();
    def(
        engine,
        "param(name: string, default: any, doc: string) -> any",
        "",
        move |name: &str, default: Dynamic, _: &str| param(&inner, name, &default, Map::new()),
    );

    let inner = host.clone();
    def(
        engine,
        "param(name: string, default: any, options: map) -> any",
        "",
        move |name: &str, default: Dynamic, map: Map| param(&inner, name, &default, map),
    );
}

fn param(host: &Rc<Inner>, name: &str, default: &Dynamic, map: Map) -> Result<Dynamic, EvalError> {
    let wrong = |message: String| throw_new(Kind::Param, message);
    let bounds = map.clone();
    Options::of("param", map).map_err(|e| throw(&e))?;

    let value = match host.with.params.get(name) {
        Some(given) => parameter_value::read_as(name, given, default).map_err(wrong)?,
        None if default.is_unit() => return Err(wrong(parameter_value::missing(name))),
        None => default.clone(),
    };
    parameter_value::within(name, &value, &bounds).map_err(wrong)?;
    Ok(value)
}

#[allow(clippy::cast_precision_loss, reason = "bounds of parameters are small")]
pub(super) fn as_float(number: i64) -> f64 {
    number as f64
}

fn output(engine: &mut Engine, host: &Rc<Inner>) {
    let print = host.with.print.clone();
    engine.on_print(move |text| print(text));

    let say = host.with.say.clone();
    engine.on_debug(move |text, _, position| say(&format!("debug ({position}): {text}")));

    for &level in LogLevel::ALL {
        let inner = host.clone();
        let doc = format!(
            "Writes a message to stderr and the journal: `log.info`, `log.warn`, `log.error`.\n\
             ```rhai\n\
             log.{level}(\"half of it is done\");\n\
             ```"
        );

        def(
            engine,
            &format!("{level}(log: log, value: any)"),
            &doc,
            move |_: &mut Log, value: Dynamic| {
                let text = value.to_string();
                (inner.with.say)(&format!("{level}: {}", hanging(&text)));
                let noted = inner.executor().note(&Event::Logged { level, text });
                noted.map_err(|error| inner.raise(error.into()))
            },
        );
    }
}
