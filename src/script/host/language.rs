//! The language's own words for lists and maps that take a function. Rhai has them too; its own take
//! an error of the function for an answer (`sort`, `dedup`), or an answer that is none for `false`,
//! and lose what they have taken out when the function fails half way. Here an error goes through, and
//! the list is then as it was.

use crate::script::host::each::{Each, Item};
use crate::script::host::error::EvalError;
use crate::script::host::json::read_json;
use crate::script::host::limits::ScriptLimits;
use crate::script::host::word::{change, equal, named, word};
use crate::script::host::{bounded, nested, order};
use crate::script::lexer::names_closure;
use rhai::{Array, Dynamic, Engine, FnPtr, ImmutableString, Map, Module, NativeCallContext, Token};
use std::rc::Rc;

/// Adds the words to an engine, in the place of Rhai's.
pub(in crate::script) fn register(engine: &mut Engine, limits: &Rc<ScriptLimits>) {
    // The language reserves the word and uses it nowhere; maps of options have a key of this name.
    #[allow(deprecated, reason = "marked so only because the interface may change")]
    engine.on_parse_token(|token, _, _| match token {
        Token::Reserved(word) if *word == "default" => Token::Identifier(word),
        other => other,
    });

    let mut module = Module::new();
    choosing(&mut module);
    searching(&mut module);
    changing(&mut module);
    folding(&mut module);
    order::register(&mut module);
    maps(&mut module);
    nested::register(&mut module);
    bounded::register(&mut module);
    let limits = limits.clone();
    word(&mut module, "parse_json", "text: string", move |text: &str| read_json(&limits, text));
    for name in ["print", "debug", "to_string", "to_debug"] {
        word(&mut module, name, "function: function", |function: &mut FnPtr| {
            named_for_people(function)
        });
    }

    engine.register_global_module(module.into());
}

/// Names a function as people know it: closures have names that nobody has given them.
fn named_for_people(function: &FnPtr) -> String {
    let name = function.fn_name();
    if names_closure(name) { "a closure".to_owned() } else { format!("the function `{name}`") }
}

fn choosing(module: &mut Module) {
    const PARAMS: &str = "list: array, function: function, array";
    const NAMED: &str = "list: array, function: string, array";

    word(module, "map", PARAMS, |context: NativeCallContext, list: &mut Array, function: FnPtr| {
        map(&context, list, function)
    });
    word(module, "map", NAMED, |context: NativeCallContext, list: &mut Array, name: &str| {
        map(&context, list, named(name)?)
    });

    word(
        module,
        "filter",
        PARAMS,
        |context: NativeCallContext, list: &mut Array, function: FnPtr| {
            filter(&context, list, function)
        },
    );
    word(module, "filter", NAMED, |context: NativeCallContext, list: &mut Array, name: &str| {
        filter(&context, list, named(name)?)
    });
}

fn map(context: &NativeCallContext, list: &mut Array, function: FnPtr) -> Result<Array, EvalError> {
    let each = Each::new(context, "map", function, Item::First);
    list.iter_mut().enumerate().map(|(index, item)| each.call(item, None, index)).collect()
}

fn filter(
    context: &NativeCallContext,
    list: &mut Array,
    function: FnPtr,
) -> Result<Array, EvalError> {
    let each = Each::new(context, "filter", function, Item::First);
    let chosen = each.choose(list)?;
    let both = list.iter().zip(chosen);
    Ok(both.filter(|(_, is_chosen)| *is_chosen).map(|(item, _)| item.clone()).collect())
}

fn searching(module: &mut Module) {
    type WordResult = fn(&Each<'_>, &mut Array, usize) -> Result<Dynamic, EvalError>;
    let words: [(&'static str, WordResult); 5] = [
        ("some", |each, list, start| Ok(each.first(list, start, true)?.is_some().into())),
        ("all", |each, list, _| Ok(each.first(list, 0, false)?.is_none().into())),
        ("find", |each, list, start| {
            let found = each.first(list, start, true)?;
            Ok(found.map_or(Dynamic::UNIT, |place| list[place].clone()))
        }),
        ("find_map", |each, list, start| each.first_value(list, start)),
        ("index_of", |each, list, start| Ok(place(each.first(list, start, true)?).into())),
    ];

    for (name, answer) in words {
        let ask =
            move |context: &NativeCallContext, list: &mut Array, function: FnPtr, start: i64| {
                let start = offset(list.len(), start);
                answer(&Each::new(context, name, function, Item::First), list, start)
            };

        let params = "list: array, function: function, any";
        word(
            module,
            name,
            params,
            move |context: NativeCallContext, list: &mut Array, function: FnPtr| {
                ask(&context, list, function, 0)
            },
        );

        if ["some", "all"].contains(&name) {
            let params = "list: array, function: string, any";
            word(
                module,
                name,
                params,
                move |context: NativeCallContext, list: &mut Array, text: &str| {
                    ask(&context, list, named(text)?, 0)
                },
            );
            continue;
        }

        let params = "list: array, function: function, start: int, any";
        word(
            module,
            name,
            params,
            move |context: NativeCallContext, list: &mut Array, function: FnPtr, start: i64| {
                ask(&context, list, function, start)
            },
        );
    }

    // Rhai takes a text for the name of a function, if there is one, and not for what is looked for.
    let params = "list: array, text: string, int";
    word(module, "index_of", params, |list: &mut Array, text: &str| index_of(list, text, 0));

    let params = "list: array, text: string, start: int, int";
    word(module, "index_of", params, index_of);
}

fn index_of(list: &mut Array, text: &str, start: i64) -> i64 {
    let is_it = |item: &Dynamic| {
        item.read_lock::<ImmutableString>().is_some_and(|item| item.as_str() == text)
    };

    let start = offset(list.len(), start);
    place(list.iter().skip(start).position(is_it).map(|place| place + start))
}

fn place(found: Option<usize>) -> i64 {
    found.and_then(|place| i64::try_from(place).ok()).unwrap_or(-1)
}

/// Returns where a search begins; what is below 0 counts from the end.
fn offset(length: usize, start: i64) -> usize {
    let distance = usize::try_from(start.unsigned_abs()).unwrap_or(usize::MAX);
    if start < 0 { length.saturating_sub(distance) } else { distance.min(length) }
}

fn changing(module: &mut Module) {
    const NOTHING: &str = "list: array, function: function";
    const PARAMS: &str = "list: array, function: function, array";
    const NAMED: &str = "list: array, function: string, array";

    change(
        module,
        "for_each",
        NOTHING,
        |context: NativeCallContext, list: &mut Array, function: FnPtr| {
            let each = Each::new(&context, "for_each", function, Item::This);
            for (index, item) in list.iter_mut().enumerate() {
                // It is called for what it does to the item.
                let _ = each.call(item, None, index)?;
            }
            Ok::<(), EvalError>(())
        },
    );

    for (name, takes) in [("drain", true), ("retain", false)] {
        change(
            module,
            name,
            PARAMS,
            move |context: NativeCallContext, list: &mut Array, function: FnPtr| {
                take(&Each::new(&context, name, function, Item::First), list, takes)
            },
        );
        change(
            module,
            name,
            NAMED,
            move |context: NativeCallContext, list: &mut Array, text: &str| {
                take(&Each::new(&context, name, named(text)?, Item::First), list, takes)
            },
        );
    }

    change(
        module,
        "dedup",
        NOTHING,
        |context: NativeCallContext, list: &mut Array, function: FnPtr| {
            let each = Each::new(&context, "dedup", function, Item::First);
            dedup(list, |before, item| each.truth(&each.with(vec![before, item], 0)?))
        },
    );
    change(
        module,
        "dedup",
        "list: array, function: string",
        |context: NativeCallContext, list: &mut Array, name: &str| {
            let each = Each::new(&context, "dedup", named(name)?, Item::First);
            dedup(list, |before, item| each.truth(&each.with(vec![before, item], 0)?))
        },
    );

    change(module, "dedup", "list: array", |context: NativeCallContext, list: &mut Array| {
        dedup(list, |before, item| equal(&context, before, item))
    });
}

/// Takes out the items for which the function says `wanted`, and returns them.
fn take(each: &Each<'_>, list: &mut Array, wanted: bool) -> Result<Array, EvalError> {
    let chosen = each.choose(list)?;
    let both = std::mem::take(list).into_iter().zip(chosen);
    let (taken, left): (Vec<_>, Vec<_>) = both.partition(|(_, is_chosen)| *is_chosen == wanted);

    list.extend(left.into_iter().map(|(item, _)| item));
    Ok(taken.into_iter().map(|(item, _)| item).collect())
}

/// Takes out what is the same as the item before.
fn dedup(
    list: &mut Array,
    is_same: impl Fn(Dynamic, Dynamic) -> Result<bool, EvalError>,
) -> Result<(), EvalError> {
    let mut kept = Array::with_capacity(list.len());
    for item in list.iter() {
        if let Some(before) = kept.last()
            && is_same(before.clone(), item.clone())?
        {
            continue;
        }
        kept.push(item.clone());
    }

    // Set at the end, so that a comparison that fails leaves the list as it was.
    *list = kept;
    Ok(())
}

fn folding(module: &mut Module) {
    for (name, is_reverse) in [("reduce", false), ("reduce_rev", true)] {
        let fold = move |context: &NativeCallContext,
                         list: &mut Array,
                         function: FnPtr,
                         first: Dynamic| {
            let each = Each::new(context, name, function, Item::Second);
            let mut items: Vec<(usize, &mut Dynamic)> = list.iter_mut().enumerate().collect();
            if is_reverse {
                items.reverse();
            }
            let mut items = items.into_iter();
            items.try_fold(first, |sum, (index, item)| each.call(item, Some(&sum), index))
        };

        let params = "list: array, function: function, any";
        word(
            module,
            name,
            params,
            move |context: NativeCallContext, list: &mut Array, function: FnPtr| {
                fold(&context, list, function, Dynamic::UNIT)
            },
        );
        word(
            module,
            name,
            params,
            move |context: NativeCallContext, list: &mut Array, text: &str| {
                fold(&context, list, named(text)?, Dynamic::UNIT)
            },
        );

        let params = "list: array, function: function, initial: any, any";
        word(
            module,
            name,
            params,
            move |context: NativeCallContext, list: &mut Array, function: FnPtr, first: Dynamic| {
                fold(&context, list, function, first)
            },
        );
        word(
            module,
            name,
            params,
            move |context: NativeCallContext, list: &mut Array, text: &str, first: Dynamic| {
                fold(&context, list, named(text)?, first)
            },
        );
    }
}

fn maps(module: &mut Module) {
    const PARAMS: &str = "map: map, function: function, map";

    word(module, "map", PARAMS, |context: NativeCallContext, map: &mut Map, function: FnPtr| {
        let each = Each::new(&context, "map", function, Item::Second);
        let fields = map.iter_mut();
        fields
            .map(|(key, item)| Ok((key.clone(), each.call(item, Some(&key.clone().into()), 0)?)))
            .collect::<Result<Map, EvalError>>()
    });

    word(module, "filter", PARAMS, |context: NativeCallContext, map: &mut Map, function: FnPtr| {
        let each = Each::new(&context, "filter", function, Item::Second);
        let mut copy = map.clone();
        parted(&each, &mut copy).map(|(chosen, _)| chosen)
    });

    change(
        module,
        "drain",
        PARAMS,
        |context: NativeCallContext, map: &mut Map, function: FnPtr| {
            let each = Each::new(&context, "drain", function, Item::Second);
            let (chosen, rest) = parted(&each, map)?;
            *map = rest;
            Ok::<Map, EvalError>(chosen)
        },
    );
    change(
        module,
        "retain",
        PARAMS,
        |context: NativeCallContext, map: &mut Map, function: FnPtr| {
            let each = Each::new(&context, "retain", function, Item::Second);
            let (chosen, rest) = parted(&each, map)?;
            *map = chosen;
            Ok::<Map, EvalError>(rest)
        },
    );
}

/// Parts a map into what the function chooses and the rest.
fn parted(each: &Each<'_>, map: &mut Map) -> Result<(Map, Map), EvalError> {
    let mut chosen = Map::new();
    let mut rest = Map::new();
    for (key, item) in map.iter_mut() {
        let answer = each.call(item, Some(&key.clone().into()), 0)?;
        let part = if each.truth(&answer)? { &mut chosen } else { &mut rest };
        part.insert(key.clone(), item.clone());
    }

    Ok((chosen, rest))
}
