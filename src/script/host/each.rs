//! A function that a word of the language calls with one item after the other.

use crate::base::failure::Kind;
use crate::script::diagnostic::type_word;
use crate::script::host::error::{EvalError, throw_new};
use crate::script::host::{convert, home, nested};
use rhai::{Array, Dynamic, EvalAltResult, FnPtr, NativeCallContext, Position};
use std::cell::Cell;

/// How a function is given the item, unless it takes it as `this`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::script) enum Item {
    /// As its first argument.
    First,
    /// After another argument.
    Second,
    /// In no other way.
    This,
}

/// What a function has taken so far, so that it is not found out for each item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Arity {
    /// The item is `this`.
    This,
    /// The item is an argument.
    Argument,
    /// The item's place comes after it.
    Place,
}

/// Returns how many arguments a function is given, besides `this`; `None` if an item is never given so.
fn count(slot: Arity, item: Item) -> Option<usize> {
    let before = usize::from(item == Item::Second);
    match (slot, item) {
        (Arity::Argument, Item::This) => None,
        (Arity::This, _) => Some(before),
        (Arity::Argument, _) | (Arity::Place, Item::This) => Some(before + 1),
        (Arity::Place, _) => Some(before + 2),
    }
}

/// A function that is called with one item after the other.
pub(in crate::script) struct Each<'a> {
    context: &'a NativeCallContext<'a>,
    word: &'static str,
    function: FnPtr,
    name: String,
    item: Item,
    slot: Cell<Arity>,
}

impl<'a> Each<'a> {
    pub(in crate::script) fn new(
        context: &'a NativeCallContext<'a>,
        word: &'static str,
        function: FnPtr,
        item: Item,
    ) -> Each<'a> {
        let name = home::name_of(&function);
        // A function of the script comes before a built-in one of its name, which may fit an earlier slot.
        let slots = [Arity::This, Arity::Argument, Arity::Place].into_iter();
        let defined = slots.filter_map(|slot| Some((slot, count(slot, item)?)));
        let mut defined = defined.filter(|(_, count)| home::is_defined(context, &function, *count));
        let slot = defined.next().map_or(Arity::This, |(slot, _)| slot);
        Each { context, word, function, name, item, slot: Cell::new(slot) }
    }

    /// Calls it with an item, and with its place if it takes that too. These forms are tried in order, and the
    /// first that the function takes is kept for all further items:
    ///
    /// | arity      | `Item::First`             | `Item::Second`                    | `Item::This`           |
    /// |------------|---------------------------|-----------------------------------|------------------------|
    /// | `This`     | item as `this`            | item as `this`; `before`          | item as `this`         |
    /// | `Argument` | `item`                    | `before, item`                    | not tried              |
    /// | `Place`    | `item, place`             | `before, item, place`             | item as `this`; `place`|
    pub(in crate::script) fn call(
        &self,
        item: &mut Dynamic,
        before: Option<&Dynamic>,
        index: usize,
    ) -> Result<Dynamic, EvalError> {
        let place = Dynamic::from(i64::try_from(index).unwrap_or(i64::MAX));
        for slot in [Arity::This, Arity::Argument, Arity::Place] {
            // What it has refused before is not tried again.
            if slot < self.slot.get() {
                continue;
            }

            let mut arguments: Vec<Dynamic> = before.into_iter().cloned().collect();
            let mut this = None;
            match (slot, self.item) {
                (Arity::Argument, Item::This) => continue,
                (Arity::This, _) | (Arity::Place, Item::This) => this = Some(&mut *item),
                (Arity::Argument | Arity::Place, _) => arguments.push(item.clone()),
            }
            if slot == Arity::Place {
                arguments.push(place.clone());
            }

            match home::invoke(self.context, &self.function, this, arguments) {
                Err(error) if slot != Arity::Place && self.takes_others(&error) => {}
                result => {
                    self.slot.set(slot);
                    return result.map_err(|error| self.within(error));
                }
            }
        }

        Err(throw_new(
            Kind::Script,
            format!("`{}`: the function has the wrong number of parameters", self.word),
        ))
    }

    /// Calls it with these arguments, and with a place if it takes that too.
    pub(in crate::script) fn with(
        &self,
        arguments: Vec<Dynamic>,
        index: usize,
    ) -> Result<Dynamic, EvalError> {
        let result = home::invoke(self.context, &self.function, None, arguments.clone());
        let result = match result {
            Err(error) if self.takes_others(&error) => {
                let place = Dynamic::from(i64::try_from(index).unwrap_or(i64::MAX));
                let all = arguments.into_iter().chain([place]).collect();
                home::invoke(self.context, &self.function, None, all)
            }
            result => result,
        };

        result.map_err(|error| self.within(error))
    }

    /// Tells whether the error says that this very function takes other arguments.
    fn takes_others(&self, error: &EvalAltResult) -> bool {
        let EvalAltResult::ErrorFunctionNotFound(signature, _) = error else { return false };
        signature.starts_with(&self.name)
    }

    fn within(&self, error: EvalError) -> EvalError {
        let source = self.context.call_source().unwrap_or_default().to_owned();
        let word = self.word.to_owned();
        EvalAltResult::ErrorInFunctionCall(word, source, error, Position::NONE).into()
    }

    /// Reads the answer of a condition.
    pub(in crate::script) fn truth(&self, answer: &Dynamic) -> Result<bool, EvalError> {
        answer.as_bool().map_err(|_| self.wrong("true or false", answer))
    }

    /// Makes the error for an answer that is none.
    pub(in crate::script) fn wrong(&self, wanted: &str, answer: &Dynamic) -> EvalError {
        let found = type_word::article(&type_word::word(convert::type_name(answer)));
        let shown = nested::shortened(answer, 60);
        let shown = if answer.is_unit() { String::new() } else { format!(": `{shown}`") };

        let message =
            format!("the function of `{}` must return {wanted}, not {found}{shown}", self.word);
        throw_new(Kind::Script, message)
    }

    /// Asks for every item whether it is chosen.
    pub(in crate::script) fn choose(&self, list: &mut Array) -> Result<Vec<bool>, EvalError> {
        let items = list.iter_mut().enumerate();
        items.map(|(index, item)| self.truth(&self.call(item, None, index)?)).collect()
    }

    /// Finds the first item from a place on for which the function says `wanted`.
    pub(in crate::script) fn first(
        &self,
        list: &mut Array,
        start: usize,
        wanted: bool,
    ) -> Result<Option<usize>, EvalError> {
        for (index, item) in list.iter_mut().enumerate().skip(start) {
            if self.truth(&self.call(item, None, index)?)? == wanted {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    /// Finds the first answer that is something.
    pub(in crate::script) fn first_value(
        &self,
        list: &mut Array,
        start: usize,
    ) -> Result<Dynamic, EvalError> {
        for (index, item) in list.iter_mut().enumerate().skip(start) {
            let value = self.call(item, None, index)?;
            if !value.is_unit() {
                return Ok(value);
            }
        }
        Ok(Dynamic::UNIT)
    }
}
