//! Sorting lists: with a function, whose errors go through, or by what the items are.

use crate::base::failure::Kind;
use crate::base::json;
use crate::script::diagnostic::type_word;
use crate::script::host::convert;
use crate::script::host::each::{Each, Item};
use crate::script::host::error::{EvalError, throw_new};
use crate::script::host::word::{change, named, word};
use rhai::{Array, Dynamic, FnPtr, ImmutableString, Module, NativeCallContext};
use std::cmp::Ordering;

/// Adds the words that sort.
pub(in crate::script) fn register(module: &mut Module) {
    const PARAMS: &str = "list: array, function: function";
    const NAMED: &str = "list: array, function: string";

    for name in ["sort", "sort_by"] {
        change(
            module,
            name,
            PARAMS,
            move |context: NativeCallContext, list: &mut Array, function: FnPtr| {
                *list = by(&Each::new(&context, name, function, Item::First), list)?;
                Ok::<(), EvalError>(())
            },
        );

        change(
            module,
            name,
            NAMED,
            move |context: NativeCallContext, list: &mut Array, text: &str| {
                *list = by(&Each::new(&context, name, named(text)?, Item::First), list)?;
                Ok::<(), EvalError>(())
            },
        );
    }

    for name in ["order", "order_by"] {
        word(
            module,
            name,
            PARAMS,
            move |context: NativeCallContext, list: &mut Array, function: FnPtr| {
                by(&Each::new(&context, name, function, Item::First), list)
            },
        );
    }

    for (name, is_down) in [("sort", false), ("sort_desc", true)] {
        change(module, name, "list: array", move |list: &mut Array| {
            *list = natural(name, list, is_down)?;
            Ok::<(), EvalError>(())
        });
    }
    for (name, is_down) in [("order", false), ("order_desc", true)] {
        word(module, name, "list: array, array", move |list: &mut Array| {
            natural(name, list, is_down)
        });
    }
}

/// Sorts by a function that says which of two items comes first: by a number below 0, 0 or above 0, or
/// by true where the first one comes first.
pub(in crate::script) fn by(each: &Each<'_>, list: &Array) -> Result<Array, EvalError> {
    let is_before = |one: &Dynamic, other: &Dynamic| {
        let answer = each.with(vec![one.clone(), other.clone()], 0)?;
        if let Ok(is_before) = answer.as_bool() {
            return Ok(is_before);
        }

        let whole = answer.as_int().ok().map(|number| number < 0);
        let float = answer.as_float().ok().filter(|number| !number.is_nan());
        let is_before = whole.or(float.map(|number| number < 0.0));
        is_before
            .ok_or_else(|| each.wrong("a number (below 0, 0, above 0) or true or false", &answer))
    };

    // A sort of its own, since a comparison may fail.
    let mut order: Vec<usize> = (0..list.len()).collect();
    let mut width = 1;
    while width < order.len() {
        let mut next = Vec::with_capacity(order.len());
        for both in order.chunks(2 * width) {
            let (left, right) = both.split_at(width.min(both.len()));
            merge(&mut next, left, right, |one, other| is_before(&list[one], &list[other]))?;
        }
        order = next;
        width *= 2;
    }
    Ok(order.into_iter().map(|place| list[place].clone()).collect())
}

/// Merges two parts that are in order. Of equal items that of the left part comes first.
fn merge(
    merged: &mut Vec<usize>,
    mut left: &[usize],
    mut right: &[usize],
    is_before: impl Fn(usize, usize) -> Result<bool, EvalError>,
) -> Result<(), EvalError> {
    while let ([one, left_rest @ ..], [other, right_rest @ ..]) = (left, right) {
        if is_before(*other, *one)? {
            merged.push(*other);
            right = right_rest;
        } else {
            merged.push(*one);
            left = left_rest;
        }
    }

    merged.extend(left);
    merged.extend(right);
    Ok(())
}

/// Sorts by what the items are: numbers, texts, letters, or true and false.
pub(in crate::script) fn natural(
    word: &'static str,
    list: &Array,
    is_down: bool,
) -> Result<Array, EvalError> {
    let first = list.first();
    for item in list {
        if compare(item, item).is_none() {
            let shown = match item.as_float() {
                Ok(number) => format!("the number {number}"),
                Err(_) => a_kind(item),
            };
            return Err(cannot(word, &shown));
        }

        if let Some(first) = first
            && compare(first, item).is_none()
        {
            let both = format!("{} beside {}", a_kind(first), a_kind(item));
            return Err(cannot(word, &both));
        }
    }

    let mut sorted = list.clone();
    // All items have been compared with the first, so each can be compared with each.
    sorted.sort_by(|one, other| {
        let order = compare(one, other).unwrap_or(Ordering::Equal);
        if is_down { order.reverse() } else { order }
    });
    Ok(sorted)
}

fn a_kind(value: &Dynamic) -> String {
    type_word::article(&type_word::word(convert::type_name(value)))
}

fn cannot(word: &str, what: &str) -> EvalError {
    let message = format!("`{word}` cannot order {what}; pass a function: `{word}(|a, b| ..)`");
    throw_new(Kind::Script, message)
}

fn compare(one: &Dynamic, other: &Dynamic) -> Option<Ordering> {
    if let (Ok(one), Ok(other)) = (one.as_int(), other.as_int()) {
        return Some(one.cmp(&other));
    }
    if let (Some(one), Some(other)) =
        (one.read_lock::<ImmutableString>(), other.read_lock::<ImmutableString>())
    {
        return Some(one.as_str().cmp(other.as_str()));
    }
    if let (Ok(one), Ok(other)) = (one.as_char(), other.as_char()) {
        return Some(one.cmp(&other));
    }
    if let (Ok(one), Ok(other)) = (one.as_bool(), other.as_bool()) {
        return Some(one.cmp(&other));
    }
    if one.is_unit() && other.is_unit() {
        return Some(Ordering::Equal);
    }

    match (whole(one), whole(other)) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        (Some(one), None) => json::order(one, other.as_float().ok()?),
        (None, Some(other)) => json::order(other, one.as_float().ok()?).map(Ordering::reverse),
        (None, None) => one.as_float().ok()?.partial_cmp(&other.as_float().ok()?),
    }
}

fn whole(value: &Dynamic) -> Option<i128> {
    let large = value.read_lock::<u64>().map(|large| i128::from(*large));
    large.or_else(|| value.as_int().ok().map(i128::from))
}
