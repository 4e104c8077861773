//! What values have: the kinds of their properties, and the names of their methods.

use crate::script::check::call::Call;
use crate::script::check::kinds::Kinds;
use crate::script::check::map_words::SURE;
use crate::script::check::value_kind::{UnknownPart, ValueKind, fits_first};
use crate::script::diagnostic::forms::CallForm;
use crate::script::host::shape;
use rhai::{ASTNode, Position};

impl Kinds<'_> {
    /// Returns the kind of a property, and notes it if the value has none of this name.
    pub(super) fn property(
        &self,
        of: ValueKind,
        name: &str,
        position: Position,
        is_index: bool,
        unknown: &mut Vec<UnknownPart>,
    ) -> Option<ValueKind> {
        let found = match &of {
            // No operation is called so.
            ValueKind::Map(shape)
                if SURE.contains(&name)
                    && !self.results.contains_key(name)
                    && shape.names().all(|known| known != name) =>
            {
                None
            }
            ValueKind::Map(shape) if std::ptr::eq(*shape, &raw const shape::OPERATION_RESULTS) => {
                Some(self.results.get(name).cloned().flatten())
            }
            ValueKind::Map(shape) => shape.property(name).map(ValueKind::of),
            ValueKind::Inputs(names) => {
                let gives = || self.results.get(name).cloned().flatten();
                names.iter().any(|known| known == name).then(gives)
            }
            ValueKind::Answer(fields) => {
                let field = fields.iter().find(|known| known.name == name);
                field.map(|field| field.kind.as_deref().cloned())
            }
            ValueKind::Handle(_) | ValueKind::Node(_) => self.of_handle(of.word(), name, is_index),
            ValueKind::Data(
                "string" | "array" | "int" | "float" | "bool" | "char" | "timestamp",
            )
            | ValueKind::List(_)
                if !is_index =>
            {
                let kind = of.word();
                let getters = self.forms.all(&format!("get${name}"));
                getters.iter().find(|form| fits_first(form, kind)).map(ValueKind::data_of)
            }
            ValueKind::Data("string" | "array" | "float" | "bool" | "char" | "timestamp")
            | ValueKind::List(_) => None,
            ValueKind::Data(_) => Some(None),
        };

        let is_given = matches!(of, ValueKind::Answer(_) | ValueKind::Inputs(_));
        if found.is_none() && !self.set.contains(name) {
            unknown.push(UnknownPart { of, name: name.to_owned(), position, is_index });
        }
        // What the script sets there may be of any kind.
        found.flatten().filter(|_| !is_given || !self.set.contains(name))
    }

    /// Returns what a property of a handle gives, as far as that is known; `None` if it has none of this
    /// name.
    #[allow(clippy::option_option, reason = "no such property, and a property of an unknown kind")]
    fn of_handle(&self, handle: &str, name: &str, is_index: bool) -> Option<Option<ValueKind>> {
        let is_own = |form: &&CallForm| form.params.first().is_some_and(|of| of == handle);
        if is_index {
            // What an index gives is known to nobody.
            return self.forms.all("index$get$").iter().any(|form| is_own(&form)).then_some(None);
        }

        let form = self.forms.all(&format!("get${name}")).iter().find(is_own)?;
        let held = shape::held_by(handle, name).and_then(ValueKind::of);
        Some(held.or_else(|| ValueKind::returned([form].into_iter())))
    }

    /// Returns the properties of a handle.
    pub(super) fn properties(&self, handle: &str) -> Vec<&str> {
        let names = self.forms.names().filter_map(|name| name.strip_prefix("get$"));
        names.filter(|name| self.of_handle(handle, name, false).is_some()).collect()
    }

    /// Tells whether a call may be one of the script's own functions, or one of an import or one that a map holds.
    pub(super) fn is_of_script(&self, path: &[ASTNode<'_>], call: &Call<'_>) -> bool {
        let name = call.expr.name.as_str();
        let before = || self.before(path, self.function_of(path));

        call.expr.is_qualified()
            || self.forms.is_of_script(name)
            || call.is_method && self.may_be_of_map(before().as_ref(), name)
    }

    /// Tells whether the last argument of a call is no map of options, but any value: another form takes the
    /// options behind it.
    pub(super) fn ends_with_value(&self, call: &Call<'_>) -> bool {
        let given = call.expr.args.len() + usize::from(call.is_method);
        let ends_with = |arity: usize, kind: &str| {
            let mut forms = self.forms.all(&call.expr.name).iter();
            forms.any(|form| {
                form.arity == arity && form.params.last().is_some_and(|last| last == kind)
            })
        };
        ends_with(given, "any") && ends_with(given + 1, "map")
    }

    /// Tells whether a method may be a function that a map holds, behind a value of this kind.
    pub(super) fn may_be_of_map(&self, of: Option<&ValueKind>, name: &str) -> bool {
        self.may_hold(name) && of.is_none_or(|of| of.word() == "map")
    }

    /// Tells whether a map of the script may hold a function of this name.
    pub(super) fn may_hold(&self, name: &str) -> bool {
        self.keys.contains(name) || self.set.contains(name)
    }

    /// Says how a method is called that stands there like a property, if values of this kind have it.
    pub(super) fn as_method(&self, kind: &str, name: &str) -> Option<String> {
        let mut forms = self.forms.all(name).iter().filter(|form| is_of(form, kind)).peekable();
        forms.peek()?;
        let arguments = if forms.any(|form| form.arity == 1) { "" } else { ".." };
        Some(format!("it is a method: write `.{name}({arguments})`"))
    }

    /// Returns the methods of a handle.
    pub(super) fn methods(&self, handle: &str) -> Vec<&str> {
        let is_own = |form: &CallForm| is_of(form, handle);
        let is_word = |name: &&str| name.chars().all(|c| c.is_alphanumeric() || c == '_');
        let names = self.forms.names().filter(is_word);
        names.filter(|name| self.forms.all(name).iter().any(is_own)).collect()
    }

    /// Tells whether a value of kaizen's has a property of this name.
    pub(super) fn has_property(&self, of: &ValueKind, name: &str) -> bool {
        match of {
            ValueKind::Map(shape) => shape.names().any(|known| known == name),
            of => self.of_handle(of.word(), name, false).is_some(),
        }
    }
}

/// Tells whether a form takes a value of a kind first.
fn is_of(form: &CallForm, kind: &str) -> bool {
    form.params.first().is_some_and(|of| of == kind)
}
