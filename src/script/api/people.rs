//! Asking people, and waiting until a time.

use super::def;
use crate::base::failure::{Failure, Kind};
use crate::base::json::as_text;
use crate::base::moment::{duration, moment};
use crate::flow::question::{PersonQuestion, TimedQuestion};
use crate::script::Inner;
use crate::script::host::error::{EvalError, throw, throw_new};
use crate::script::host::fiber::wait;
use crate::script::host::options::Options;
use crate::script::host::{convert, tasks};
use rhai::{Dynamic, Engine, Map};
use serde_json::Value;
use std::rc::Rc;
use std::time::Duration;

/// Longest text of a question, in bytes: people have to read it.
const TEXT_MAX: usize = 64 << 10;

pub(super) fn register(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "ask(question: string, options: map) -> any",
        r#"
        Asks a person, and returns the answer. On a terminal, kaizen asks there, while other tasks
        continue. Elsewhere, the run is suspended once nothing else in it can continue: it ends with
        exit code 9, every reply that was paid for is kept, `kaizen runs` lists the question, and
        `kaizen answer RUN VALUE` continues it. Options: `options` (a list of the answers that are
        accepted; people may type their number), `schema` (the answer is a value of this schema),
        `default` (what an empty answer means), `timeout` (milliseconds, or a text such as "3d"; after
        that, the default is the answer or, without a default, an error of kind `timeout` is thrown).
        The timeout starts when the question is first asked, and continues while the run is suspended.
        In a test, `answers` sets the answers.
        ```rhai
        // In a file `*_test.rhai`; elsewhere this asks you.
        fn test_release() {
            answers(#{ "Release *?": "yes" });
            let answer = ask("Release 1.2?", #{ options: ["yes", "no"], default: "no", timeout: "3d" });
            assert_eq(answer, "yes");
        }
        ```
        "#,
        move |question: &str, map: Map| ask(&inner, question, map),
    );

    let inner = host.clone();
    def(engine, "ask(question: string) -> any", "", move |question: &str| {
        ask(&inner, question, Map::new())
    });

    let inner = host.clone();
    def(
        engine,
        "sleep_until(time: string)",
        r#"
        Waits until a time, while other tasks continue: a text such as "2026-12-01T09:00:00Z" or
        "2026-12-01T09:00:00+01:00", or milliseconds since 1970 as `now()` returns them. It returns
        immediately if the time has passed. Where nobody watches (stdin or stderr is not a terminal), a
        wait of more than 5 minutes (`suspend_after` under [run] in kaizen.toml) suspends the run: it
        ends with exit code 9, and `kaizen resume --due` continues it when the time has come. The same
        holds for `sleep`.
        ```rhai
        sleep_until(now() + 5);
        sleep_until("2026-01-01T00:00:00Z");
        ```
        "#,
        move |time: &str| {
            let due = moment(time).ok_or_else(|| {
                let message = format!(
                    "`{time}` is not a time; write it with its time zone, such as \
                     \"2026-12-01T09:00:00Z\" or \"2026-12-01T09:00:00+01:00\""
                );
                throw_new(Kind::Option, message)
            })?;
            pause_until(&inner, due)
        },
    );

    let inner = host.clone();
    def(engine, "sleep_until(time_ms: int)", "", move |time: i64| pause_until(&inner, time));
}

fn ask(host: &Rc<Inner>, text: &str, map: Map) -> Result<Dynamic, EvalError> {
    let mut options = Options::of("ask", map).map_err(|e| throw(&e))?;
    let asked = read_question(text, &mut options).map_err(|e| throw(&e))?;

    let executor = host.executor();
    let task = tasks::current();
    let answer = wait(executor.ask_people(&task.strand, &asked));
    answer.map(convert::from_value).map_err(|stop| host.raise(stop))
}

/// Reads a question to people.
pub(in crate::script) fn read_question(
    text: &str,
    options: &mut Options,
) -> Result<TimedQuestion, Failure> {
    if text.trim().is_empty() || text.len() > TEXT_MAX {
        let message = format!("a question needs a text of at most {TEXT_MAX} bytes");
        return Err(Failure::new(Kind::Option, message));
    }

    let question = PersonQuestion {
        text: text.to_owned(),
        options: read_options(options)?,
        schema: options.schema()?,
        default: None,
    };
    if !question.options.is_empty() && question.schema.is_some() {
        return Err(options.wrong("schema", "cannot be combined with `options`"));
    }

    let default = options.value("default")?;
    let default = default
        .map(|value| question.fit(&value).map_err(|reason| options.wrong("default", &reason)));
    let question = PersonQuestion { default: default.transpose()?, ..question };

    Ok(TimedQuestion { question, op: None, timeout: read_timeout(options)? })
}

fn read_options(options: &mut Options) -> Result<Vec<Value>, Failure> {
    let Some(value) = options.value("options")? else { return Ok(Vec::new()) };
    let Value::Array(all) = value else {
        return Err(options.wrong("options", "must be a list such as [\"yes\", \"no\"]"));
    };

    let is_word = |one: &Value| !matches!(one, Value::Array(_) | Value::Object(_) | Value::Null);
    if let Some(other) = all.iter().find(|one| !is_word(one) || as_text(one).trim().is_empty()) {
        let reason = format!("must hold texts, numbers or booleans, not `{other}`");
        return Err(options.wrong("options", &reason));
    }
    if all.is_empty() {
        return Err(options.wrong("options", "must not be empty"));
    }

    let twice = all
        .iter()
        .enumerate()
        .find(|(n, one)| all[..*n].iter().any(|o| as_text(o) == as_text(one)));
    if let Some((_, one)) = twice {
        return Err(options.wrong("options", &format!("has `{}` twice", as_text(one))));
    }

    Ok(all)
}

fn read_timeout(options: &mut Options) -> Result<Option<Duration>, Failure> {
    let wrong = |options: &Options, found: String| {
        let reason = format!(
            "must be milliseconds from 1 up or a text such as \"90s\" or \"3d\", not {found}"
        );
        options.wrong("timeout", &reason)
    };

    match options.value("timeout")? {
        None => Ok(None),
        Some(Value::String(text)) => {
            let time = duration(&text).filter(|time| !time.is_zero());
            time.map(Some).ok_or_else(|| wrong(options, format!("`{text}`")))
        }
        Some(value) => match value.as_u64().filter(|millis| *millis > 0) {
            Some(millis) => Ok(Some(Duration::from_millis(millis))),
            None => Err(wrong(options, format!("`{value}`"))),
        },
    }
}

fn pause_until(host: &Rc<Inner>, due: i64) -> Result<(), EvalError> {
    let executor = host.executor();
    let task = tasks::current();
    wait(executor.pass_until(&task.strand, due)).map_err(|error| host.raise(error.into()))
}
