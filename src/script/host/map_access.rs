//! How scripts read and change the maps that kaizen's words give.

use crate::base::failure::Kind;
use crate::script::diagnostic::foreign;
use crate::script::host::error::{EvalError, throw_new};
use crate::script::host::known_map::{
    INPUTS, KnownMap, KnownNames, NAME_THE_OPERATION, advice, no_operation, no_property,
    of_content, plain,
};
use crate::script::host::state::State;
use rhai::{Array, Dynamic, Engine, EvalContext, FuncRegistration, ImmutableString, Map};

/// Words that maps have as methods alone, and texts and lists as properties too.
const METHODS: &[&str] = &["is_empty", "keys", "len", "values"];

impl KnownMap {
    fn get(&self, name: &str) -> Result<Dynamic, EvalError> {
        if let Some(value) = self.fields.get(name) {
            return Ok(value.clone());
        }

        let is_known = match &self.known {
            KnownNames::Of(shape) => shape.property(name).is_some(),
            KnownNames::Operations { names, .. } | KnownNames::Inputs(names) => {
                names.iter().any(|known| known == name)
            }
        };

        if is_known { Ok(Dynamic::UNIT) } else { Err(self.unknown(name)) }
    }

    /// Tells whether it is the error of a map that the script threw with a property of this name.
    fn throws(&self, name: &str) -> bool {
        let thrown = self.fields.get("thrown").and_then(Dynamic::read_lock::<Map>);
        thrown.is_some_and(|thrown| thrown.contains_key(name))
    }

    fn unknown(&self, name: &str) -> EvalError {
        let (message, help) = match &self.known {
            KnownNames::Of(shape) if self.throws(name) => {
                let help = format!("what the script threw is in `.thrown`: write `.thrown.{name}`");
                (no_property(shape.what, name), help)
            }
            KnownNames::Of(shape) => {
                let foreign = foreign::instead_of_method(shape.what, name).map(str::to_owned);
                let help = foreign.unwrap_or_else(|| advice(name, shape.names()));
                (no_property(shape.what, name), help)
            }
            KnownNames::Operations { what, names } => {
                (no_operation(what, name), advice(name, names.iter().map(String::as_str)))
            }
            KnownNames::Inputs(names) if names.is_empty() => {
                (no_operation(INPUTS, name), NAME_THE_OPERATION.to_owned())
            }
            KnownNames::Inputs(names) => {
                (no_operation(INPUTS, name), advice(name, names.iter().map(String::as_str)))
            }
        };

        let help = self.instead_of_word(name).unwrap_or(help);
        throw_new(Kind::Script, format!("{message}; {help}"))
    }

    /// Says what to write instead of a word that such a map has as a method alone.
    fn instead_of_word(&self, name: &str) -> Option<String> {
        let held: Vec<&str> = match &self.known {
            KnownNames::Of(shape) => shape.content().into_iter().collect(),
            KnownNames::Operations { .. } => Vec::new(),
            KnownNames::Inputs(names) if names.is_empty() => return None,
            KnownNames::Inputs(names) => names.iter().map(String::as_str).collect(),
        };

        let is_method = METHODS.contains(&name);
        let as_method = || is_method.then(|| format!("it is a method: write `.{name}()`"));
        of_content(&held, name).or_else(as_method)
    }
}

/// Lets engines work with such maps as with plain ones.
pub(in crate::script) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<KnownMap>("map");
    engine.register_indexer_get(|record: &mut KnownMap, name: ImmutableString| record.get(&name));
    // The words that scripts say most. Others find their way through a copy, below.
    engine.register_fn("len", |record: &mut KnownMap| {
        i64::try_from(record.fields.len()).unwrap_or(i64::MAX)
    });
    engine.register_fn("is_empty", |record: &mut KnownMap| record.fields.is_empty());
    engine.register_fn("contains", |record: &mut KnownMap, name: &str| {
        record.fields.contains_key(name)
    });
    // The reference shows it, since another type has the word as well.
    FuncRegistration::new("keys").with_params_info(["map: map", "array"]).register_into_engine(
        engine,
        |record: &mut KnownMap| -> Array {
            record.fields.keys().map(|name| ImmutableString::from(name.as_str()).into()).collect()
        },
    );
    engine.register_fn("values", |record: &mut KnownMap| -> Array {
        record.fields.values().cloned().collect()
    });

    engine.register_fn("+=", |record: &mut KnownMap, more: Map| record.fields.extend(more));
    engine.register_fn("+=", |record: &mut KnownMap, more: KnownMap| {
        record.fields.extend(more.fields);
    });
    engine.register_fn("+=", |map: &mut Map, more: KnownMap| map.extend(more.fields));

    engine.register_indexer_set(|record: &mut KnownMap, name: ImmutableString, value: Dynamic| {
        record.fields.insert(name.as_str().into(), value);
    });

    #[allow(deprecated, reason = "marked so only because the interface may change")]
    engine.on_missing_function(|name, arguments, is_method, mut context| {
        if let Some(word) = StateWord::named(name)
            && let Some(state) = arguments.first().and_then(|first| state_in(first))
        {
            return word.apply(&state, arguments, is_method, &mut context).map(Some);
        }
        if !arguments.iter().any(|argument| argument.read_lock::<KnownMap>().is_some()) {
            return Ok(None);
        }
        as_plain(name, arguments, is_method, &mut context).map(Some)
    });
}

/// Calls a function that takes plain maps with kaizen's. A method that changes its map changes this one.
fn as_plain(
    name: &str,
    arguments: &mut [&mut Dynamic],
    is_method: bool,
    context: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
) -> Result<Dynamic, EvalError> {
    let mut copies: Vec<Dynamic> =
        arguments.iter().map(|argument| plain(argument.flatten_clone())).collect();
    let mut given: Vec<&mut Dynamic> = copies.iter_mut().collect();
    let result = context.call_fn_raw(name, true, is_method, &mut given)?;

    if let Some(first) = arguments.first_mut()
        && let Some(changed) = copies.first().and_then(Dynamic::read_lock::<Map>)
        && let Some(mut record) = first.write_lock::<KnownMap>()
    {
        record.fields = changed.clone();
    }

    Ok(result)
}

/// A word of maps that `state` has as well.
struct StateWord {
    name: &'static str,
    changes: bool,
}

impl StateWord {
    const ALL: &[(&str, bool)] = &[
        ("clear", true),
        ("contains", false),
        ("drain", true),
        ("fill_with", true),
        ("filter", false),
        ("get", false),
        ("is_empty", false),
        ("len", false),
        ("map", false),
        ("mixin", true),
        ("retain", true),
        ("set", true),
        ("values", false),
    ];

    fn named(name: &str) -> Option<StateWord> {
        let found = StateWord::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(name, changes)| StateWord { name, changes: *changes })
    }

    /// Does with what `state` holds what the word does with a map.
    fn apply(
        &self,
        state: &State,
        arguments: &[&mut Dynamic],
        is_method: bool,
        context: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    ) -> Result<Dynamic, EvalError> {
        let mut given: Vec<Dynamic> =
            arguments.iter().map(|argument| plain(argument.flatten_clone())).collect();
        if let Some(first) = given.first_mut() {
            *first = state.content().into();
        }

        let mut all: Vec<&mut Dynamic> = given.iter_mut().collect();
        let result = context.call_fn_raw(self.name, true, is_method, &mut all)?;

        let changed = given.into_iter().next().filter(|_| self.changes);
        if let Some(content) = changed.and_then(Dynamic::try_cast::<Map>) {
            state.change(content)?;
        }
        Ok(result)
    }
}

fn state_in(value: &Dynamic) -> Option<State> {
    value.read_lock::<State>().map(|state| state.clone())
}
