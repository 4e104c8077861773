//! The forms in which functions can be called.

use crate::script::diagnostic::language;
use crate::script::diagnostic::suggestion::suggest;
use crate::script::diagnostic::type_word::word;
use rhai::{AST, Engine};
use std::collections::BTreeMap;

/// Most ways to call a function that an error names.
const SHOWN_MAX: usize = 4;

/// One way to call a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::script) struct CallForm {
    /// How many arguments it takes; in a method call, the value before the dot is one.
    pub(in crate::script) arity: usize,
    /// The type of its first argument, where that is known.
    pub(in crate::script) first: Option<String>,
    /// The types of its arguments; `any` where they are not known.
    pub(in crate::script) params: Vec<String>,
    /// The type of what it gives, where that is known.
    pub(in crate::script) gives: Option<String>,
    /// Its arguments as they were registered, for its signature.
    given: Vec<String>,
    /// Whether it is a function of a script, which may use `this`.
    pub(in crate::script) is_script: bool,
}

impl CallForm {
    /// Tells whether it returns nothing; a function of a script may return anything.
    pub(in crate::script) fn returns_nothing(&self) -> bool {
        // Rhai gives the whole type of a word that may fail.
        const NOTHING: &[&str] = &["", "()", "RhaiResultOf<()>", "Result<(),Box<EvalAltResult>>"];
        let gives: String = self.gives.iter().flat_map(|gives| gives.split_whitespace()).collect();
        // Of a function that a script wrote, the standard library's too, no types are known.
        self.first.is_some() && !self.is_script && NOTHING.contains(&gives.as_str())
    }

    /// Writes how it is called. That is needed where something is wrong, and there are many forms.
    pub(in crate::script) fn signature(&self, name: &str) -> String {
        signature(name, &self.given, self.gives.as_deref().unwrap_or(""))
    }

    /// Tells whether its first argument is a plain value, of which everybody has a copy.
    pub(in crate::script) fn changes_a_value(&self) -> bool {
        const VALUES: &[&str] = &["array", "blob", "char", "map", "string"];
        self.params.first().is_some_and(|first| VALUES.contains(&first.as_str()))
    }
}

/// All functions by name.
#[derive(Debug, Default)]
pub(in crate::script) struct Forms(BTreeMap<String, Vec<CallForm>>);

impl Forms {
    /// Collects what an engine knows; with `standard`, Rhai's own functions too.
    pub(in crate::script) fn of_engine(engine: &Engine, standard: bool) -> Forms {
        let mut forms = Forms::default();
        let each = engine.collect_fn_metadata(
            None,
            |info| {
                let meta = info.metadata;
                if !standard && language::is_word(&meta.name) {
                    return None;
                }

                let params: Vec<&str> = match &info.script {
                    Some(script) => script.params.iter().map(AsRef::as_ref).collect(),
                    None => meta.params_info.iter().map(AsRef::as_ref).collect(),
                };

                let first = params.first().and_then(|param| param.split_once(": "));
                let gives = meta.return_type.as_str();
                let form = CallForm {
                    arity: meta.num_params,
                    first: first.map(|(_, kind)| kind.to_owned()),
                    params: params
                        .iter()
                        .map(|param| param.split_once(": ").map_or("any".to_owned(), |p| word(p.1)))
                        .collect(),
                    gives: (!gives.is_empty()).then(|| gives.to_owned()),
                    given: params.iter().map(|param| (*param).to_owned()).collect(),
                    is_script: info.script.is_some(),
                };

                Some((meta.name.to_string(), form))
            },
            standard,
        );

        for (name, form) in each {
            forms.0.entry(name).or_default().push(form);
        }

        forms
    }

    /// Adds the functions of a script.
    pub(in crate::script) fn add(&mut self, ast: &AST) {
        for function in ast.iter_functions() {
            let form = CallForm {
                arity: function.params.len(),
                first: None,
                params: vec!["any".to_owned(); function.params.len()],
                gives: None,
                given: function.params.iter().map(|param| (*param).to_owned()).collect(),
                is_script: true,
            };
            // A script's own function stands for those that it hides.
            let known = self.0.entry(function.name.to_owned()).or_default();
            known.retain(|other| other.arity != form.arity);
            known.push(form);
        }
    }

    /// Returns the forms of a function.
    pub(in crate::script) fn all(&self, name: &str) -> &[CallForm] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Returns all names.
    pub(in crate::script) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Returns the names of everything that scripts can call.
pub(in crate::script) fn names(engine: &Engine) -> Vec<String> {
    engine.collect_fn_metadata(None, |info| Some(info.metadata.name.to_string()), true)
}

/// Says how a function is called that was called wrongly.
pub(in crate::script) fn help_for(engine: &Engine, name: &str) -> Option<String> {
    let own = signatures_of(engine, name, false);
    let signatures = if own.is_empty() { signatures_of(engine, name, true) } else { own };
    if !signatures.is_empty() {
        return Some(format!("it is called as {}", signatures.join(" or ")));
    }

    let names = names(engine);
    suggest(name, names.iter().map(String::as_str)).map(|suggestion| suggestion.help)
}

/// Returns the forms of a function; of Rhai's own functions only if they are asked for.
fn signatures_of(engine: &Engine, name: &str, standard: bool) -> Vec<String> {
    let forms = Forms::of_engine(engine, standard);
    written(name, forms.all(name))
}

/// Writes the first few ways to call a function, each in backticks.
fn written<'a>(name: &str, forms: impl IntoIterator<Item = &'a CallForm>) -> Vec<String> {
    let each = forms.into_iter().map(|form| format!("`{}`", form.signature(name)));
    let mut signatures: Vec<String> = each.collect();

    signatures.sort();
    signatures.dedup();
    signatures.truncate(SHOWN_MAX);

    signatures
}

/// Writes the first few ways to call a function in a row.
pub(in crate::script) fn in_a_row<'a>(
    name: &str,
    forms: impl IntoIterator<Item = &'a CallForm>,
) -> String {
    written(name, forms).join(" or ")
}

/// Writes a signature as people read it. `gives` is empty or `()` when nothing is given.
pub(in crate::script) fn signature<S: AsRef<str>>(name: &str, params: &[S], gives: &str) -> String {
    let takes = params.iter().map(|param| match param.as_ref().split_once(": ") {
        // Rhai has forms for each width of whole numbers.
        Some((name, "u64")) => format!("{name}: int"),
        Some((name, kind)) => format!("{name}: {}", word(kind)),
        None => param.as_ref().to_owned(),
    });
    let takes: Vec<String> = takes.collect();
    let gives = word(gives);
    let gives =
        if gives.is_empty() || gives == "()" { String::new() } else { format!(" -> {gives}") };
    format!("{name}({}){gives}", takes.join(", "))
}
