//! Printing and comparing lists and maps, however deep they are nested. Rhai calls itself for each
//! level, and runs out of stack at some thousand; here the levels that are open are kept in a list.

use crate::base::secret;
use crate::script::host::error::EvalError;
use crate::script::host::known_map::{self, KnownMap};
use crate::script::host::word::{equal, word};
use rhai::{Array, Dynamic, Identifier, ImmutableString, Map, Module, NativeCallContext};
use std::collections::btree_map;
use std::fmt::Write as _;
use std::vec;

/// Adds the words that print and compare lists and maps.
pub(in crate::script) fn register(module: &mut Module) {
    for name in ["print", "to_string", "debug", "to_debug"] {
        let params = "list: array, string";
        word(module, name, params, |context: NativeCallContext, list: &mut Array| {
            printed(list.clone().into(), |leaf| debug(&context, leaf))
        });

        let params = "map: map, string";
        word(module, name, params, |context: NativeCallContext, map: &mut Map| {
            printed(map.clone().into(), |leaf| debug(&context, leaf))
        });

        word(module, name, params, |context: NativeCallContext, map: &mut KnownMap| {
            printed(map.clone().into_map().into(), |leaf| debug(&context, leaf))
        });
    }

    for (name, wanted) in [("==", true), ("!=", false)] {
        let params = "list: array, other: array, bool";
        word(
            module,
            name,
            params,
            move |context: NativeCallContext, list: &mut Array, other: Array| {
                let lengths = list.len() == other.len();
                let same = lengths && are_equal(&context, list.clone().into(), other.into())?;
                Ok::<bool, EvalError>(same == wanted)
            },
        );

        let params = "map: map, other: map, bool";
        word(module, name, params, move |context: NativeCallContext, map: &mut Map, other: Map| {
            let lengths = map.len() == other.len();
            let same = lengths && are_equal(&context, map.clone().into(), other.into())?;
            Ok::<bool, EvalError>(same == wanted)
        });

        known_maps(module, name, wanted);
    }
}

/// Adds the words that compare kaizen's maps with one another and with plain ones.
fn known_maps(module: &mut Module, name: &str, wanted: bool) {
    let params = "map: map, other: map, bool";
    let compare = move |context: &NativeCallContext, one: Map, other: Map| {
        Ok::<bool, EvalError>(are_equal(context, one.into(), other.into())? == wanted)
    };

    word(
        module,
        name,
        params,
        move |context: NativeCallContext, one: &mut KnownMap, other: KnownMap| {
            compare(&context, one.clone().into_map(), other.into_map())
        },
    );
    word(
        module,
        name,
        params,
        move |context: NativeCallContext, one: &mut KnownMap, other: Map| {
            compare(&context, one.clone().into_map(), other)
        },
    );
    word(
        module,
        name,
        params,
        move |context: NativeCallContext, one: &mut Map, other: KnownMap| {
            compare(&context, one.clone(), other.into_map())
        },
    );
}

/// A list or a map that is being printed.
struct OpenBracket {
    rest: Rest,
    is_first: bool,
}

/// What is yet to be printed of it.
enum Rest {
    List(vec::IntoIter<Dynamic>),
    Map(btree_map::IntoIter<Identifier, Dynamic>),
}

impl OpenBracket {
    fn new(rest: Rest) -> OpenBracket {
        OpenBracket { rest, is_first: true }
    }

    fn next(&mut self) -> Option<(Option<Identifier>, Dynamic)> {
        match &mut self.rest {
            Rest::List(items) => items.next().map(|item| (None, item)),
            Rest::Map(fields) => fields.next().map(|(name, item)| (Some(name), item)),
        }
    }

    fn end(&self) -> char {
        match self.rest {
            Rest::List(_) => ']',
            Rest::Map(_) => '}',
        }
    }
}

/// What a value is made of.
enum ValueShape {
    List(Array),
    Map(Map),
    Leaf(Dynamic),
}

impl ValueShape {
    fn of(value: Dynamic) -> ValueShape {
        let value = value.flatten();
        if value.is_array() {
            return ValueShape::List(value.cast::<Array>());
        }
        known_map::as_map(&value).map_or(ValueShape::Leaf(value), ValueShape::Map)
    }
}

/// Prints a value as it stands in a script. `leaf` prints what is neither a list nor a map.
fn printed(value: Dynamic, leaf: impl Fn(&mut Dynamic) -> ImmutableString) -> String {
    let mut text = String::new();
    let mut open: Vec<OpenBracket> = Vec::new();
    let mut value = Some(value);
    loop {
        match value.take().map(ValueShape::of) {
            None => {}
            Some(ValueShape::List(list)) => {
                text.push('[');
                open.push(OpenBracket::new(Rest::List(list.into_iter())));
            }
            Some(ValueShape::Map(map)) => {
                text.push_str("#{");
                open.push(OpenBracket::new(Rest::Map(map.into_iter())));
            }
            Some(ValueShape::Leaf(mut value)) => text.push_str(&leaf(&mut value)),
        }

        let Some(innermost) = open.last_mut() else { return text };
        let Some((name, item)) = innermost.next() else {
            text.push(innermost.end());
            open.pop();
            continue;
        };
        if !std::mem::take(&mut innermost.is_first) {
            text.push_str(", ");
        }
        if let Some(name) = name {
            // A string takes whatever is written to it.
            let _ = write!(text, "{name:?}: ");
        }
        value = Some(item);
    }
}

/// Prints a value that is neither a list nor a map, as the language does.
fn debug(context: &NativeCallContext, value: &mut Dynamic) -> ImmutableString {
    match context.call_native_fn_raw("to_debug", true, &mut [value]) {
        Ok(text) if text.is_string() => text.cast(),
        Ok(other) => context.engine().map_type_name(other.type_name()).into(),
        Err(_) => context.engine().map_type_name(&format!("{value:?}")).into(),
    }
}

/// Prints a value for an error, no more than its first characters.
pub(in crate::script) fn shortened(value: &Dynamic, most: usize) -> String {
    let text = if value.is_array() || known_map::as_map(value).is_some() {
        printed(value.clone(), |leaf| format!("{leaf:?}").into())
    } else {
        value.to_string()
    };
    secret::beginning(&text, most)
}

/// Compares two values.
fn are_equal(context: &NativeCallContext, one: Dynamic, other: Dynamic) -> Result<bool, EvalError> {
    let mut pairs = vec![(one, other)];
    while let Some((one, other)) = pairs.pop() {
        match (ValueShape::of(one), ValueShape::of(other)) {
            (ValueShape::List(list), ValueShape::List(others)) => {
                if list.len() != others.len() {
                    return Ok(false);
                }

                // The last one is taken first, so the order is turned.
                pairs.extend(list.into_iter().zip(others).rev());
            }
            (ValueShape::Map(map), ValueShape::Map(mut others)) => {
                if map.len() != others.len() {
                    return Ok(false);
                }

                for (name, item) in map.into_iter().rev() {
                    let Some(other) = others.remove(&name) else { return Ok(false) };
                    pairs.push((item, other));
                }
            }
            (ValueShape::Leaf(one), ValueShape::Leaf(other)) => {
                if !equal(context, one, other)? {
                    return Ok(false);
                }
            }
            _ => return Ok(false),
        }
    }

    Ok(true)
}
