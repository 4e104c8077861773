//! Arguments of which it is known before a script runs that no form of the function takes them.

use crate::base::spelling::nearest;
use crate::flow::draw::Format;
use crate::script::check::checker::File;
use crate::script::check::kinds::Kinds;
use crate::script::check::value_kind::ValueKind;
use crate::script::diagnostic::fix::Suggestion;
use crate::script::diagnostic::forms::{self, CallForm};
use crate::script::diagnostic::{Diagnostic, codes, foreign, mismatch, type_word};
use crate::script::host::kinds::{EVENT_KINDS, OPERATION_KINDS};
use rhai::{Expr, FnCallExpr, Position};

/// Tells whether a word is the type of numbers that only programs in Rust can give.
fn is_width(word: &str) -> bool {
    word == "int above 2^63"
}

/// A call whose arguments are looked at.
pub(super) struct Arguments<'a> {
    pub(super) call: &'a FnCallExpr,
    pub(super) position: Position,
    /// What stands before the dot.
    pub(super) receiver: Option<ValueKind>,
    pub(super) is_method: bool,
    /// The function in which the call stands.
    pub(super) function: &'a str,
}

impl Arguments<'_> {
    /// Finds an argument that does not fit.
    pub(super) fn fault(
        &self,
        file: &File<'_>,
        kinds: &Kinds<'_>,
        forms: &[CallForm],
    ) -> Option<Diagnostic> {
        if forms.iter().any(|form| form.is_script) {
            return None;
        }
        if let Some(fault) = self.word(file).or_else(|| self.made_call(file, kinds)) {
            return Some(fault);
        }

        let kind = |expr: &Expr| match kinds.kind(expr, self.function) {
            Some(kind) => kind.word().to_owned(),
            None => "any".to_owned(),
        };
        let mut given: Vec<String> = self.call.args.iter().map(kind).collect();
        if self.is_method {
            let receiver = self.receiver.as_ref().map_or("any", ValueKind::word);
            given.insert(0, receiver.to_owned());
        }

        if let Some(fault) = self.conversion(file, &given) {
            return Some(fault);
        }

        // Those for the widest whole numbers take nothing that a script writes.
        let is_of_script = |form: &&CallForm| form.params.iter().all(|of| !is_width(of));
        let forms: Vec<&CallForm> =
            forms.iter().filter(|form| form.arity == given.len()).filter(is_of_script).collect();
        let is_certain = |form: &&CallForm| {
            let is_known = |word: &String| word == "any" || type_word::is_certain(word);
            form.params.iter().all(is_known)
        };
        if forms.is_empty() || !forms.iter().all(is_certain) {
            return None;
        }

        // A word that takes any number may name the float alone.
        for (place, kind) in given.iter_mut().enumerate().filter(|(_, kind)| *kind == "int") {
            if forms.iter().any(|form| form.params.get(place).is_some_and(|kind| kind == "float")) {
                "any".clone_into(kind);
            }
        }

        let name = self.call.name.as_str();
        let (place, said) = mismatch::arguments(name, &forms, &given, self.is_method)?;
        let argument = if self.is_method { place.checked_sub(1) } else { Some(place) };
        let at = argument.and_then(|place| self.call.args.get(place)).map(Expr::start_position);
        let at = at.filter(|at| !at.is_none()).unwrap_or(self.position);

        let fault = Diagnostic::at(codes::ARGUMENT, said, file.name, file.text, at);
        let help = match foreign_call(name, &given) {
            Some(help) => help.to_owned(),
            None => {
                format!("it is called as {}", forms::in_a_row(name, of_receiver(&forms, &given)))
            }
        };
        Some(Diagnostic { help: Some(help), ..fault })
    }

    /// Finds a conversion of numbers that is given a text.
    fn conversion(&self, file: &File<'_>, given: &[String]) -> Option<Diagnostic> {
        let name = self.call.name.as_str();
        let help = foreign::instead_of_conversion(name)?;
        if given.len() != 1 || given[0] != "string" {
            return None;
        }

        let message = format!("`{name}` is for numbers, not for a string");
        let fault = Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, self.position);
        Some(Diagnostic { help: Some(help.to_owned()), ..fault })
    }

    /// Finds a literal that is not among the words that a function takes.
    fn word(&self, file: &File<'_>) -> Option<Diagnostic> {
        let first = usize::from(!self.is_method);
        let (what, known): (&str, Vec<&str>) = match self.call.name.as_str() {
            "add_operation" | "add_aggregation" => ("operation", OPERATION_KINDS.to_vec()),
            "on" => ("event", EVENT_KINDS.to_vec()),
            "draw" => ("format", Format::ALL.to_vec()),
            _ => return None,
        };

        let Some(Expr::StringConstant(word, position)) = self.call.args.get(first) else {
            return None;
        };
        if known.contains(&word.as_str()) {
            return None;
        }

        let message = format!("unknown {what} `{word}`");
        let help = match nearest(word, known.iter().copied()) {
            Some(near) => Suggestion::text(near),
            None => format!("available: {}", known.join(", ")).into(),
        };
        let fault = Diagnostic::at(codes::ARGUMENT, message, file.name, file.text, *position);
        Some(fault.suggesting(Some(help)))
    }
}

/// Returns the forms that take the first of these types, or all of them if there are none.
fn of_receiver<'a>(forms: &[&'a CallForm], given: &[String]) -> Vec<&'a CallForm> {
    let is_own = |form: &&CallForm| form.params.first() == given.first();
    let own: Vec<&CallForm> = forms.iter().copied().filter(is_own).collect();
    if own.is_empty() { forms.to_vec() } else { own }
}

/// Says what to write instead of a call that fits in another language.
pub(super) fn foreign_call(name: &str, given: &[String]) -> Option<&'static str> {
    let first = given.first().map_or("any", String::as_str);
    match (name, first) {
        ("int", "string") => foreign::instead_of("int"),
        ("format", "string") => {
            Some("write a text in backticks, `` `${a} and ${b}` ``, and `format(x, 2)` for digits")
        }

        ("map", "function") => foreign::instead_of_call("map", false, 1),
        ("contains_key", "map") => Some("write `\"key\" in map`"),
        ("remove", "array") => {
            Some("write `list.filter(|x| x != item)`: `remove` takes the place of an item")
        }
        ("keys", "array") => Some("write `0..list.len` for the places of a list"),
        ("pop", "map") => Some("write `map.remove(\"key\")`"),
        ("add_operation", "builder") if given.get(2).is_some_and(|kind| kind == "string") => {
            Some("write `g.add_operation(\"communicate\", #{ instruction: \"..\" })`")
        }
        ("chat" | "communicate" | "operate" | "react", "branch")
            if given.get(1).is_some_and(|kind| kind == "array") =>
        {
            Some(
                "give the last message as a text: `branch(#{ system: \"..\" })` sets the system prompt, \
                 and `communicate` keeps the messages of a branch",
            )
        }
        ("sleep", "string") => Some("write the time in milliseconds: `sleep(5000)`"),
        ("timeout", "string") => Some("write the time in milliseconds: `timeout(5000, || ..)`"),
        ("filter", "function") => foreign::instead_of_call("filter", false, 1),
        _ => None,
    }
}
