//! Lists: words that return a new list or one value of it.

use super::define::def;
use super::text::{float, wrong};
use crate::script::host::context::Inner;
use crate::script::host::each::{Each, Item};
use crate::script::host::error::EvalError;
use crate::script::host::order;
use rhai::{Array, Dynamic, Engine, FnPtr, NativeCallContext};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, _: &Rc<Inner>) {
    orders(engine);
    figures(engine);
    extremes(engine);
}

fn orders(engine: &mut Engine) {
    def(
        engine,
        "sorted(list: array) -> array",
        r#"
        Returns a sorted list. A function of two items decides which one comes first: by returning a
        number below, at or above 0, or true if the first one does. (`sort` changes a variable and
        returns nothing.)
        ```rhai
        print([3, 1, 2].sorted());
        print(["ccc", "a"].sorted(|a, b| a.len() - b.len()));
        ```
        "#,
        |list: Array| order::natural("sorted", &list, false),
    );

    def(
        engine,
        "sorted(list: array, function: function) -> array",
        "",
        |context: NativeCallContext, list: Array, function: FnPtr| {
            order::by(&Each::new(&context, "sorted", function, Item::First), &list)
        },
    );

    def(engine, "reversed(list: array) -> array", "", |list: Array| {
        list.into_iter().rev().collect::<Array>()
    });

    def(
        engine,
        "distinct(list: array) -> array",
        r#"
        Returns a list without items that are equal to an earlier one.
        ```rhai
        print(["a", "b", "a"].distinct());
        ```
        "#,
        |context: NativeCallContext, list: Array| distinct(&context, list),
    );

    def(
        engine,
        "zip(list: array, other: array) -> array",
        r#"
        Pairs the items of two lists: `[[a, b], ..]`, as many as the shorter list has. With a function of
        two arguments, the list contains its results.
        ```rhai
        for pair in ["a", "b"].zip([1, 2]) { print(pair[0] + pair[1]); }
        ```
        "#,
        |list: Array, other: Array| {
            let pairs = list.into_iter().zip(other);
            pairs.map(|(one, other)| Dynamic::from_array(vec![one, other])).collect::<Array>()
        },
    );

    def(
        engine,
        "zip(list: array, other: array, function: function) -> array",
        "",
        |context: NativeCallContext, list: Array, other: Array, function: FnPtr| {
            let each = Each::new(&context, "zip", function, Item::First);
            let pairs = list.into_iter().zip(other).enumerate();
            let made = pairs.map(|(index, (one, other))| each.with(vec![one, other], index));
            made.collect::<Result<Array, EvalError>>()
        },
    );
}

fn distinct(context: &NativeCallContext, list: Array) -> Result<Array, EvalError> {
    let mut kept = Array::with_capacity(list.len());
    for item in list {
        let mut is_new = true;
        for known in &kept {
            if context.call_native_fn::<bool>("==", (known.clone(), item.clone()))? {
                is_new = false;
                break;
            }
        }

        if is_new {
            kept.push(item);
        }
    }

    Ok(kept)
}

fn figures(engine: &mut Engine) {
    def(
        engine,
        "sum(list: array) -> any",
        r#"
        Adds the numbers of a list: a whole number if all of them are whole, otherwise a fraction. `true`
        counts as 1, and `false` as 0. The sum of an empty list is 0.
        ```rhai
        print([1, 2.5].sum());
        ```
        "#,
        |list: Array| sum(&list),
    );

    def(
        engine,
        "mean(list: array) -> float",
        r#"
        Returns the mean of the numbers of a list. `true` counts as 1, and `false` as 0, so that the mean
        is the share of true. An empty list is an error.
        ```rhai
        print([1, 2].mean());
        print([true, false].mean());
        ```
        "#,
        |list: Array| mean(&list),
    );
}

fn sum(list: &Array) -> Result<Dynamic, EvalError> {
    let mut whole = Some(0_i64);
    for item in list {
        whole = match (whole, as_whole(item)) {
            (Some(sum), Some(number)) => Some(
                sum.checked_add(number)
                    .ok_or_else(|| wrong("sum", "the sum is too large for a whole number"))?,
            ),
            _ => None,
        };
    }

    match whole {
        Some(sum) => Ok(sum.into()),
        None => Ok(total("sum", list)?.into()),
    }
}

#[allow(clippy::cast_precision_loss, reason = "a list holds fewer than 2^52 items")]
fn mean(list: &Array) -> Result<f64, EvalError> {
    if list.is_empty() {
        return Err(wrong("mean", "the list is empty"));
    }
    Ok(total("mean", list)? / list.len() as f64)
}

fn total(word: &str, list: &Array) -> Result<f64, EvalError> {
    let number = |item: &Dynamic| match item.as_bool() {
        Ok(truth) => Ok(f64::from(u8::from(truth))),
        Err(_) => float(word, item),
    };
    list.iter().map(number).sum()
}

/// Reads a whole number; true counts as 1, and false as 0.
fn as_whole(item: &Dynamic) -> Option<i64> {
    item.as_int().or_else(|_| item.as_bool().map(i64::from)).ok()
}

fn extremes(engine: &mut Engine) {
    def(
        engine,
        "min_by(list: array, function: function) -> any",
        r#"
        Returns the item for which the function returns the smallest number; the first one of several, and
        `()` for an empty list.
        ```rhai
        print(["aaa", "b"].min_by(|text| text.len()));
        ```
        "#,
        |context: NativeCallContext, list: Array, function: FnPtr| {
            extreme(&Each::new(&context, "min_by", function, Item::First), "min_by", list, -1.0)
        },
    );

    def(
        engine,
        "max_by(list: array, function: function) -> any",
        r#"
        Returns the item for which the function returns the largest number; the first one of several, and
        `()` for an empty list.
        ```rhai
        let tried = [#{ name: "a", score: 0.4 }, #{ name: "b", score: 0.9 }];
        print(tried.max_by(|one| one.score).name);
        ```
        "#,
        |context: NativeCallContext, list: Array, function: FnPtr| {
            extreme(&Each::new(&context, "max_by", function, Item::First), "max_by", list, 1.0)
        },
    );
}

/// Finds the first item with the largest number, or with the smallest one if `sign` is -1.
fn extreme(each: &Each<'_>, word: &str, list: Array, sign: f64) -> Result<Dynamic, EvalError> {
    let mut best: Option<(f64, Dynamic)> = None;
    for (index, mut item) in list.into_iter().enumerate() {
        let number = sign * float(word, &each.call(&mut item, None, index)?)?;
        if number.is_nan() {
            return Err(wrong(word, "the function returned NaN"));
        }
        // Only a greater number replaces the best, so of equals the first one stays.
        if best.as_ref().is_none_or(|(known, _)| number > *known) {
            best = Some((number, item));
        }
    }

    Ok(best.map_or(Dynamic::UNIT, |(_, item)| item))
}
