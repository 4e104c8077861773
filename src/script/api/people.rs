//! Asking people, and waiting until a time.

use super::define::def;
use crate::base::failure::Kind;
use crate::base::time_text::moment;
use crate::script::host::context::Inner;
use crate::script::host::error::{EvalError, throw, throw_new};
use crate::script::host::fiber::wait;
use crate::script::host::options::Options;
use crate::script::host::question::read_question;
use crate::script::host::{convert, tasks};
use rhai::{Dynamic, Engine, Map};
use std::rc::Rc;

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
        immediately if the time has passed. Where stdin or stderr is not a terminal, a
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
    let tool = task.scope.as_ref().and_then(|scope| scope.tool.as_ref());
    let answer = wait(executor.ask_people(&task.strand, tool, &asked));
    if let Some(scope) = &task.scope {
        executor.note_guess(scope);
    }
    answer.map(convert::from_value).map_err(|stop| host.raise(stop))
}

fn pause_until(host: &Rc<Inner>, due: i64) -> Result<(), EvalError> {
    let executor = host.executor();
    let task = tasks::current();
    wait(executor.pass_until(&task.strand, due)).map_err(|error| host.raise(error.into()))
}
