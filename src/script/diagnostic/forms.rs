//! The forms in which functions can be called.

use crate::script::diagnostic::foreign;
use crate::script::diagnostic::language;
use crate::script::diagnostic::suggestion::suggest;
use crate::script::diagnostic::type_word::word;
use rhai::{AST, Engine};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashSet};

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
        // What these stand for, such as the path of a file, is no value that a word could change.
        const NAMES: &[&str] = &["answers:", "name:", "path:", "time:"];
        let is_name = |given: &String| NAMES.iter().any(|name| given.starts_with(name));
        let is_value = |first: &String| VALUES.contains(&first.as_str());
        self.params.first().is_some_and(is_value) && !self.given.first().is_some_and(is_name)
    }
}

/// Functions by their names.
type FormsByName = BTreeMap<String, Vec<CallForm>>;

/// All functions by name. An engine has thousands, and a script calls few: those that its text may name are
/// collected first, and all of them only where something is wrong.
pub(in crate::script) struct Forms<'e> {
    engine: &'e Engine,
    /// Whether Rhai's own functions are among them.
    standard: bool,
    /// What a text may name, if they are the forms for one; and the functions that this names.
    words: NamedWords,
    named: FormsByName,
    /// The functions of scripts besides.
    added: Vec<(String, CallForm)>,
    own: HashSet<String>,
    /// Functions of scripts that stand for others of the same name.
    hiding: HashSet<String>,
    whole: OnceCell<FormsByName>,
}

impl<'e> Forms<'e> {
    /// Collects what an engine knows; with `standard`, Rhai's own functions too.
    pub(in crate::script) fn of_engine(engine: &'e Engine, standard: bool) -> Forms<'e> {
        Forms {
            engine,
            standard,
            words: NamedWords::default(),
            named: FormsByName::new(),
            added: Vec::new(),
            own: HashSet::new(),
            hiding: HashSet::new(),
            whole: OnceCell::new(),
        }
    }

    /// Does the same to look up the names of a text.
    pub(in crate::script) fn of_text(engine: &'e Engine, standard: bool, text: &str) -> Forms<'e> {
        let words = NamedWords::of(text);
        let named = collect(engine, standard, |name| words.may_name(name));
        Forms { words, named, ..Forms::of_engine(engine, standard) }
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

            let is_hidden = |other: &CallForm| other.arity == form.arity;
            let known = self.named.get(function.name);
            if known.is_some_and(|known| known.iter().any(is_hidden)) {
                self.hiding.insert(function.name.to_owned());
            }
            if self.words.may_name(function.name) {
                hide(&mut self.named, function.name, &form);
            }
            self.own.insert(function.name.to_owned());
            self.added.push((function.name.to_owned(), form));
        }
        self.whole.take();
    }

    fn whole(&self) -> &FormsByName {
        self.whole.get_or_init(|| {
            let mut whole = collect(self.engine, self.standard, |_| true);
            for (name, form) in &self.added {
                hide(&mut whole, name, form);
            }
            whole
        })
    }

    /// Returns the forms of a function.
    pub(in crate::script) fn all(&self, name: &str) -> &[CallForm] {
        let forms = if self.words.may_name(name) { &self.named } else { self.whole() };
        forms.get(name).map_or(&[], Vec::as_slice)
    }

    /// Tells whether a script defines a function of this name.
    pub(in crate::script) fn is_of_script(&self, name: &str) -> bool {
        self.own.contains(name)
    }

    /// Tells whether a function of a script stands for another one of this name.
    pub(in crate::script) fn hides(&self, name: &str) -> bool {
        self.hiding.contains(name)
    }

    /// Returns all names.
    pub(in crate::script) fn names(&self) -> impl Iterator<Item = &str> {
        self.whole().keys().map(String::as_str)
    }
}

/// The words of a text, and its signs.
#[derive(Default)]
struct NamedWords {
    words: HashSet<String>,
    /// What stands between the words, each once, separated by spaces. Many functions have one of a few signs
    /// for their name, a form for each type of number.
    signs: String,
}

impl NamedWords {
    fn of(text: &str) -> NamedWords {
        let words = text.split(|c| !is_of_word(c)).filter(|word| !word.is_empty());
        let mut words: HashSet<String> = words.map(str::to_owned).collect();
        // The language writes some calls in another way: `x in list` calls this one.
        words.insert("contains".to_owned());

        let signs = text.split(|c: char| is_of_word(c) || c.is_whitespace());
        let signs: BTreeSet<&str> = signs.collect();
        NamedWords { words, signs: Vec::from_iter(signs).join(" ") }
    }

    /// Tells whether the text may name a function: by its name, as a property, or by a sign.
    fn may_name(&self, name: &str) -> bool {
        let word = name.strip_prefix("get$").or_else(|| name.strip_prefix("set$")).unwrap_or(name);
        if word.chars().all(is_of_word) {
            return self.words.contains(word);
        }

        // What the language itself calls, such as an index, has a name that no text can have.
        let is_inner = word.contains('$') && !self.words.is_empty();
        is_inner || self.signs.contains(word)
    }
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Adds a function of a script, which stands for those that it hides.
fn hide(forms: &mut FormsByName, name: &str, form: &CallForm) {
    let known = forms.entry(name.to_owned()).or_default();
    known.retain(|other| other.arity != form.arity);
    known.push(form.clone());
}

/// Collects the functions of an engine whose names are wanted.
fn collect(engine: &Engine, standard: bool, is_wanted: impl Fn(&str) -> bool) -> FormsByName {
    let is_wanted = &is_wanted;
    let each = engine.collect_fn_metadata(
        None,
        |info| {
            let meta = info.metadata;
            if !is_wanted(&meta.name) || !standard && language::is_word(&meta.name) {
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

    let mut forms = FormsByName::new();
    for (name, form) in each {
        let known: &mut Vec<CallForm> = forms.entry(name).or_default();
        // A function of kaizen hides one of the language that takes the same.
        let own = known.iter_mut().find(|other| !form.is_script && other.params == form.params);
        match own {
            Some(own) => own.gives = own.gives.take().or(form.gives),
            None => known.push(form),
        }
    }
    forms
}

/// Returns the names of everything that scripts can call.
pub(in crate::script) fn names(engine: &Engine) -> Vec<String> {
    engine.collect_fn_metadata(None, |info| Some(info.metadata.name.to_string()), true)
}

/// Says how a function is called that was called wrongly.
pub(in crate::script) fn help_for(engine: &Engine, name: &str) -> Option<String> {
    if let Some(help) = foreign::instead_of_conversion(name) {
        return Some(help.to_owned());
    }

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
