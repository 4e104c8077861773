//! What a test expects: `assert` and its kin, and snapshots.

use super::define::def;
use crate::base::failure::{Failure, Kind};
use crate::base::secret;
use crate::script::host::bound_fn::BoundFn;
use crate::script::host::context::Inner;
use crate::script::host::error::{EvalError, throw, throw_new};
use crate::script::host::fiber::wait;
use crate::script::host::known_map::KnownMap;
use crate::script::host::{convert, shape, tasks, value_difference};
use rhai::{Dynamic, Engine, FnPtr, Map, NativeCallContext};
use serde_json::{Value, json};
use std::path::Path;
use std::rc::Rc;

/// Longest values that an error carries as data, in bytes of JSON.
const CARRIED_MAX: usize = 16 << 10;

pub(super) fn register(engine: &mut Engine, host: &Rc<Inner>) {
    conditions(engine);
    comparisons(engine);
    throwing(engine, host);
    snapshots(engine, host);
    people(engine, host);
}

fn people(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "answers(answers: map)",
        r#"
        In a test, sets the answers to `ask` by the text of the question; `*` stands for any text. A
        question without an answer fails the test.
        ```rhai
        // In a file `*_test.rhai`; answers belong to tests.
        fn test_release() {
            answers(#{ "Release *?": "yes", "How many?": 3 });
            assert_eq(ask("Release 1.2?"), "yes");
        }
        ```
        "#,
        move |answers: Map| {
            let answers = convert::to_fields(&answers)
                .map_err(|reason| throw_new(Kind::Option, format!("`answers`: {reason}")))?;

            if inner.executor().script_answers(answers) {
                return Ok(());
            }
            let message = "`answers` works in tests only: functions `test_..` in a file \
                           `*_test.rhai`, run by `kaizen test`";
            Err(throw_new(Kind::Snapshot, message))
        },
    );
}

fn fail(message: impl Into<String>) -> EvalError {
    throw_new(Kind::Assertion, message)
}

fn conditions(engine: &mut Engine) {
    def(
        engine,
        "assert(condition: bool)",
        r#"
        Fails unless the condition is true. The message explains the failure.
        ```rhai
        let answer = branch("demo/echo").chat("Name a risk.");
        assert(answer.contains("risk"));
        assert(answer.len < 100, `${answer.len} letters are too many`);
        ```
        "#,
        |condition: bool| {
            if condition { Ok(()) } else { Err(fail("the condition does not hold")) }
        },
    );

    def(
        engine,
        "assert(condition: bool, message: string)",
        "",
        |condition: bool, message: &str| if condition { Ok(()) } else { Err(fail(message)) },
    );
}

fn comparisons(engine: &mut Engine) {
    def(
        engine,
        "assert_eq(found: any, expected: any)",
        r#"
        Fails unless both values are equal, and shows them: short values side by side, long ones as
        a diff. Compares plain data like `==`, so 1 equals 1.0; `assert_near` compares numbers with a
        tolerance.
        ```rhai
        assert_eq([1, 2].map(|n| n * 2), [2, 4]);
        print(attempt(|| assert_eq(41, 42)).error.message);
        ```
        "#,
        |found: Dynamic, expected: Dynamic| {
            let (found, expected) = both("assert_eq", &found, &expected)?;
            if value_difference::same(&found, &expected) {
                return Ok(());
            }

            Err(differing(value_difference::of(&found, &expected), &found, &expected))
        },
    );

    def(
        engine,
        "assert_ne(found: any, other: any)",
        r#"
        Fails if both values are equal.
        ```rhai
        let b = branch("demo/echo");
        assert_ne(b.chat("One?"), b.chat("Two?"));
        ```
        "#,
        |found: Dynamic, other: Dynamic| {
            let (found, other) = both("assert_ne", &found, &other)?;
            if !value_difference::same(&found, &other) {
                return Ok(());
            }

            let shown: String = secret::beginning(&found.to_string(), 200);
            Err(differing(format!("both are {shown}"), &found, &other))
        },
    );

    def(
        engine,
        "assert_near(found: any, expected: any, tolerance: any)",
        r#"
        Fails unless two numbers differ by at most the tolerance.
        ```rhai
        assert_near(1.0 / 3.0, 0.333, 0.001);
        ```
        "#,
        |found: Dynamic, expected: Dynamic, tolerance: Dynamic| {
            let [a, b, most] = [("1", &found), ("2", &expected), ("3", &tolerance)].map(number);
            let a = a?;
            let b = b?;
            let most = most?;

            let apart = (a - b).abs();

            // Two equal infinities are not a number apart, so equality is asked besides.
            if apart <= most || a == b {
                return Ok(());
            }

            Err(fail(format!(
                "found {found}, expected {expected} within {tolerance}; they are {apart} apart"
            )))
        },
    );
}

fn both(of: &str, found: &Dynamic, expected: &Dynamic) -> Result<(Value, Value), EvalError> {
    let plain = |value: &Dynamic| {
        convert::to_value(value).map_err(|reason| {
            throw_new(Kind::Option, format!("`{of}` compares plain data, and {reason}"))
        })
    };
    Ok((plain(found)?, plain(expected)?))
}

/// Makes the error for two values, which it carries as data unless they are large.
fn differing(message: String, found: &Value, expected: &Value) -> EvalError {
    let both = json!({ "found": found, "expected": expected });
    let is_small = both.to_string().len() <= CARRIED_MAX;
    let thrown = is_small.then_some(both);
    throw(&Failure { thrown, ..Failure::new(Kind::Assertion, message) })
}

#[allow(clippy::cast_precision_loss, reason = "nearness is a matter of floats")]
fn number((place, value): (&str, &Dynamic)) -> Result<f64, EvalError> {
    let number = value.as_float().or_else(|_| value.as_int().map(|number| number as f64));

    number.map_err(|_| {
        let kind = convert::type_name(value);
        throw_new(
            Kind::Option,
            format!("`assert_near`: argument {place} must be a number, not a {kind}"),
        )
    })
}

fn throwing(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "assert_throws(function: function) -> map",
        r#"
        Fails unless the function throws, and returns the error. With `kind`, the error must have
        that kind.
        ```rhai
        let e = assert_throws(|| throw "no luck");
        assert_eq(e.message, "no luck");
        assert_throws(|| json("{"), "json");
        ```
        "#,
        move |context: NativeCallContext, function: FnPtr| {
            throws(&BoundFn::new(&inner, &context, function), None)
        },
    );

    let inner = host.clone();
    def(
        engine,
        "assert_throws(function: function, kind: string) -> map",
        "",
        move |context: NativeCallContext, function: FnPtr, kind: &str| {
            throws(&BoundFn::new(&inner, &context, function), Some(kind))
        },
    );
}

fn throws(function: &BoundFn, kind: Option<&str>) -> Result<Dynamic, EvalError> {
    let task = tasks::current().next();
    let raised = match wait(function.call(task, Vec::new())) {
        Err(raised) => raised,
        Ok(value) => {
            let value = convert::to_value(&value).unwrap_or_default().to_string();
            let value: String = secret::beginning(&value, 200);
            let wanted = kind.map_or(String::new(), |kind| format!(" `{kind}`"));

            return Err(fail(format!(
                "expected an error{wanted}, but nothing was thrown; the value is {value}"
            )));
        }
    };

    let failure = function.failure(&raised);
    match kind {
        Some(kind) if Kind::from(kind) != failure.kind => Err(fail(format!(
            "thrown was `{}` ({}), expected was `{kind}`",
            failure.kind, failure.message
        ))),
        _ => Ok(KnownMap::of_shape(&shape::ERROR, failure.to_value())),
    }
}

fn snapshots(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "assert_snapshot(value: any)",
        r#"
        Fails unless the value equals the test's snapshot, a file that `kaizen test -u` writes.
        Texts are stored unchanged, other data as JSON. Further snapshots of a test are numbered or
        named.
        ```rhai
        // In a file `*_test.rhai`; snapshots belong to tests.
        fn test_report() {
            assert_snapshot("a report\nof two lines");
            assert_snapshot("figures", #{ calls: 4, failed: 0 });
        }
        ```
        "#,
        move |value: Dynamic| snapshot(&inner, None, &value),
    );

    let inner = host.clone();
    def(
        engine,
        "assert_snapshot(name: string, value: any)",
        "",
        move |name: &str, value: Dynamic| snapshot(&inner, Some(name), &value),
    );
}

fn snapshot(host: &Rc<Inner>, name: Option<&str>, value: &Dynamic) -> Result<(), EvalError> {
    let Some(test) = host.test.borrow().clone() else {
        let message = "`assert_snapshot` works in tests only: functions `test_..` in a file \
                       `*_test.rhai`, run by `kaizen test`";
        return Err(throw_new(Kind::Snapshot, message));
    };

    let value = convert::to_value(value).map_err(|reason| {
        throw_new(Kind::Option, format!("a snapshot holds plain data, and {reason}"))
    })?;

    let depends_on = |path: &Path, content: Option<&[u8]>| host.depends_on(path, content);
    test.compare(depends_on, name, &value).map_err(|failure| throw(&failure))
}
