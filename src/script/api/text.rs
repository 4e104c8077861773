//! Texts and numbers: words that return a new value, and numbers as people read them.

use super::define::def;
use crate::base::failure::Kind;
use crate::script::diagnostic::type_word;
use crate::script::host::context::Inner;
use crate::script::host::error::{EvalError, throw_new};
use crate::script::host::{bounded, convert};
use rhai::{Array, Dynamic, Engine, NativeCallContext};
use std::rc::Rc;

/// Most decimals that a number is written with.
const DIGITS_MAX: i64 = 17;

pub(super) fn register(engine: &mut Engine, _: &Rc<Inner>) {
    texts(engine);
    numbers(engine);
}

fn texts(engine: &mut Engine) {
    def(
        engine,
        "trimmed(text: string) -> string",
        r#"
        Returns a text without the white space at both ends. (`trim` changes a variable and returns
        nothing.)
        ```rhai
        print(" yes ".trimmed() == "yes");
        ```
        "#,
        |text: &str| text.trim().to_owned(),
    );

    def(
        engine,
        "replaced(text: string, part: string, other: string) -> string",
        r#"
        Returns a text with every `part` replaced by `other`. (`replace` changes a variable and returns
        nothing.)
        ```rhai
        print("a-b-c".replaced("-", " "));
        ```
        "#,
        |text: &str, part: &str, other: &str| {
            let mut text = text.into();
            bounded::replace(&mut text, part, other)?;
            Ok::<_, EvalError>(text)
        },
    );

    def(
        engine,
        "lower(text: string) -> string",
        r#"
        Returns a text in lower case.
        ```rhai
        print("Positive".lower() == "positive");
        ```
        "#,
        |text: &str| text.to_lowercase(),
    );

    def(
        engine,
        "upper(text: string) -> string",
        r#"
        Returns a text in upper case.
        ```rhai
        print("usd".upper());
        ```
        "#,
        |text: &str| text.to_uppercase(),
    );

    def(
        engine,
        "reversed(text: string) -> string",
        r#"
        Returns a text or a list in reverse order.
        ```rhai
        print([1, 2, 3].reversed());
        ```
        "#,
        |text: &str| text.chars().rev().collect::<String>(),
    );

    def(
        engine,
        "join(list: array, separator: string) -> string",
        r#"
        Joins the items of a list into one text.
        ```rhai
        print(["a", "b", 3].join(", "));
        ```
        "#,
        |context: NativeCallContext, list: Array, separator: &str| join(&context, list, separator),
    );
}

fn join(context: &NativeCallContext, list: Array, separator: &str) -> Result<String, EvalError> {
    let mut joined = String::new();
    for (index, mut item) in list.into_iter().enumerate() {
        if index > 0 {
            joined.push_str(separator);
        }
        let text = context.call_native_fn_raw("to_string", true, &mut [&mut item])?;
        joined.push_str(&text.into_immutable_string().unwrap_or_default());
        bounded::fits(joined.len())?;
    }

    Ok(joined)
}

fn numbers(engine: &mut Engine) {
    def(
        engine,
        "round(number: float, digits: int) -> float",
        r#"
        Rounds a number to the given number of decimals. The result is a number; `format` returns a
        text.
        ```rhai
        print(round(1.9408522, 2));
        ```
        "#,
        |number: f64, digits: i64| {
            let digits = decimals("round", digits)?;
            // The nearest number to the text is the nearest number to the decimal.
            format!("{number:.digits$}")
                .parse::<f64>()
                .map_err(|_| wrong("round", "it is not a number"))
        },
    );

    def(engine, "round(number: int, digits: int) -> int", "", |number: i64, digits: i64| {
        decimals("round", digits).map(|_| number)
    });

    def(
        engine,
        "format(number: float, digits: int) -> string",
        r#"
        Writes a number with the given number of decimals.
        ```rhai
        print(`${format(1.9408522, 1)} times faster`);
        ```
        "#,
        |number: Dynamic, digits: i64| {
            let digits = decimals("format", digits)?;
            Ok::<_, EvalError>(format!("{:.digits$}", float("format", &number)?))
        },
    );

    def(
        engine,
        "percent(share: float) -> string",
        r#"
        Writes a share as a percentage with one decimal. With two numbers, writes the share of the first
        in the second, which avoids a division of whole numbers.
        ```rhai
        print(percent(0.256) + " of all, " + percent(2, 3) + " of these");
        ```
        "#,
        |share: Dynamic| percentage(float("percent", &share)?),
    );

    def(
        engine,
        "percent(part: float, whole: float) -> string",
        "",
        |part: Dynamic, whole: Dynamic| {
            let part = float("percent", &part)?;
            let whole = float("percent", &whole)?;
            if whole == 0.0 {
                return Err(wrong("percent", "the whole is 0"));
            }

            percentage(part / whole)
        },
    );
}

fn percentage(share: f64) -> Result<String, EvalError> {
    let percent = share * 100.0;
    if percent.is_finite() {
        Ok(format!("{percent:.1}%"))
    } else {
        Err(wrong("percent", &format!("{share} is not finite")))
    }
}

fn decimals(word: &str, digits: i64) -> Result<usize, EvalError> {
    let digits = Some(digits).filter(|digits| (0..=DIGITS_MAX).contains(digits));
    digits.and_then(|digits| usize::try_from(digits).ok()).ok_or_else(|| {
        wrong(word, &format!("the number of digits must be between 0 and {DIGITS_MAX}"))
    })
}

/// Reads a number of either kind.
#[allow(clippy::cast_precision_loss, reason = "a float has the precision that it has")]
pub(super) fn float(word: &str, value: &Dynamic) -> Result<f64, EvalError> {
    let whole = value.as_int().ok().map(|number| number as f64);
    whole.or(value.as_float().ok()).ok_or_else(|| {
        let found = type_word::article(&type_word::word(convert::type_name(value)));
        wrong(word, &format!("expected a number, not {found}"))
    })
}

pub(super) fn wrong(word: &str, what: &str) -> EvalError {
    throw_new(Kind::Option, format!("`{word}`: {what}"))
}
