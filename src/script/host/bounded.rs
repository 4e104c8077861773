//! The language's own words that make something large of something small. Rhai makes it first and asks
//! afterwards whether it is too large; a list of all numbers then ends the process for want of memory.

use crate::base::failure::Kind;
use crate::script::host::error::{EvalError, throw_new};
use crate::script::host::sizes::{ITEMS_MAX, STRING_MAX};
use crate::script::host::word::{change, word};
use rhai::{Array, Dynamic, EvalAltResult, ImmutableString, Module, Position};

/// Adds the words that cut strings into lists, replace parts of strings, and make them longer.
pub(in crate::script) fn register(module: &mut Module) {
    splitting(module);
    replacing(module);
    padding(module);
}

/// Makes a list, no longer than a list may be.
pub(in crate::script) fn list<T: Into<Dynamic>>(
    items: impl Iterator<Item = T>,
) -> Result<Array, EvalError> {
    // What says its length is refused before it takes any memory.
    if items.size_hint().0 > ITEMS_MAX {
        return Err(too_large("Size of array/BLOB"));
    }

    let mut list = Array::new();
    for item in items {
        if list.len() == ITEMS_MAX {
            return Err(too_large("Size of array/BLOB"));
        }
        list.push(item.into());
    }
    Ok(list)
}

/// Says that something would be larger than the language allows.
pub(in crate::script) fn too_large(what: &str) -> EvalError {
    EvalAltResult::ErrorDataTooLarge(what.to_owned(), Position::NONE).into()
}

/// Takes a number of pieces; below 1 it stands for 1, as in the language.
fn count(pieces: i64) -> usize {
    usize::try_from(pieces.max(1)).unwrap_or(usize::MAX)
}

/// Splits a text at each delimiter.
type Whole = fn(&str, &str) -> Result<Array, EvalError>;
/// Splits a text at a delimiter into this many pieces at most.
type Pieces = fn(&str, usize, &str) -> Result<Array, EvalError>;

fn splitting(module: &mut Module) {
    let params = "string: string, array";
    word(module, "split", params, |text: &mut ImmutableString| {
        if text.is_empty() {
            return list([text.clone()].into_iter());
        }
        list(text.split_whitespace())
    });

    let words: [(&str, Whole); 2] = [
        ("split", |text, at| list(text.split(at))),
        ("split_rev", |text, at| list(text.rsplit(at))),
    ];
    for (name, split) in words {
        let params = "string: string, delimiter: string, array";
        word(module, name, params, move |text: &mut ImmutableString, at: ImmutableString| {
            if text.is_empty() { list([text.clone()].into_iter()) } else { split(text, &at) }
        });

        let params = "string: string, delimiter: char, array";
        word(module, name, params, move |text: &mut ImmutableString, at: char| {
            split(text, at.encode_utf8(&mut [0; 4]))
        });
    }

    let words: [(&str, Pieces); 2] = [
        ("split", |text, most, at| list(text.splitn(most, at))),
        ("split_rev", |text, most, at| list(text.rsplitn(most, at))),
    ];
    for (name, split) in words {
        let params = "string: string, delimiter: string, segments: int, array";
        word(
            module,
            name,
            params,
            move |text: &mut ImmutableString, at: ImmutableString, most: i64| {
                if text.is_empty() {
                    return list([text.clone()].into_iter());
                }
                split(text, count(most), &at)
            },
        );

        let params = "string: string, delimiter: char, segments: int, array";
        word(module, name, params, move |text: &mut ImmutableString, at: char, most: i64| {
            split(text, count(most), at.encode_utf8(&mut [0; 4]))
        });
    }
}

fn replacing(module: &mut Module) {
    let params = "string: string, find_string: string, substitute_string: string";
    change(
        module,
        "replace",
        params,
        |text: &mut ImmutableString, find: ImmutableString, by: ImmutableString| {
            replace(text, &find, &by)
        },
    );

    let params = "string: string, find_string: string, substitute_character: char";
    change(
        module,
        "replace",
        params,
        |text: &mut ImmutableString, find: ImmutableString, by: char| {
            replace(text, &find, by.encode_utf8(&mut [0; 4]))
        },
    );

    let params = "string: string, find_character: char, substitute_string: string";
    change(
        module,
        "replace",
        params,
        |text: &mut ImmutableString, find: char, by: ImmutableString| {
            replace(text, find.encode_utf8(&mut [0; 4]), &by)
        },
    );

    let params = "string: string, find_character: char, substitute_character: char";
    change(module, "replace", params, |text: &mut ImmutableString, find: char, by: char| {
        replace(text, find.encode_utf8(&mut [0; 4]), by.encode_utf8(&mut [0; 4]))
    });
}

/// Refuses a text that is longer than one may be, in bytes.
pub(in crate::script) fn fits(length: usize) -> Result<(), EvalError> {
    if length > STRING_MAX { Err(too_large("Length of string")) } else { Ok(()) }
}

/// Replaces each `find` in a text, if the outcome is no longer than a text may be.
pub(in crate::script) fn replace(
    text: &mut ImmutableString,
    find: &str,
    by: &str,
) -> Result<(), EvalError> {
    if text.is_empty() {
        return Ok(());
    }

    // What grows is measured before it is made.
    let more = by.len().saturating_sub(find.len());
    if more > 0 {
        let growth = text.matches(find).count().saturating_mul(more);
        if text.len().saturating_add(growth) > STRING_MAX {
            return Err(too_large("Length of string"));
        }
    }

    *text = text.replace(find, by).into();
    Ok(())
}

fn padding(module: &mut Module) {
    let params = "string: string, len: int, padding: string";
    change(module, "pad", params, |text: &mut ImmutableString, len: i64, by: ImmutableString| {
        pad(text, len, &by)
    });

    let params = "string: string, len: int, character: char";
    change(module, "pad", params, |text: &mut ImmutableString, len: i64, by: char| {
        pad(text, len, by.encode_utf8(&mut [0; 4]))
    });
}

/// Makes a text this many characters long, if the outcome is no longer than a text may be.
fn pad(text: &mut ImmutableString, characters: i64, by: &str) -> Result<(), EvalError> {
    let wanted = usize::try_from(characters).unwrap_or(0);
    if wanted > STRING_MAX {
        return Err(too_large("Length of string"));
    }
    let missing = wanted.saturating_sub(text.chars().count());
    if missing == 0 {
        return Ok(());
    }
    if by.is_empty() {
        return Err(throw_new(Kind::Option, "`pad` needs a non-empty text to pad with"));
    }

    let each = by.chars().count();
    let whole = missing / each;
    let rest = missing % each;
    let rest = by.char_indices().nth(rest).map_or(0, |(at, _)| at);
    let growth = whole.saturating_mul(by.len()).saturating_add(rest);
    if text.len().saturating_add(growth) > STRING_MAX {
        return Err(too_large("Length of string"));
    }

    let padded = [text.as_str(), &by.repeat(whole), &by[..rest]].concat();
    *text = padded.into();
    Ok(())
}
