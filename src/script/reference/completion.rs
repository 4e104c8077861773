//! The words that can be typed, by what they belong to: for completion.

use crate::script::api::WordEntry;
use crate::script::diagnostic::forms::signature;
use crate::script::lexer::names_closure;
use rhai::{AST, Engine};
use std::collections::BTreeSet;

/// One word in one of its forms.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word {
    /// The word.
    pub name: String,
    /// How it is called: `fork() -> branch`; after a value without the value itself.
    pub signature: String,
    /// The type of the value that it comes after, `any` for all, nothing for a plain function.
    pub of: Option<String>,
    /// Whether it is no function.
    pub is_property: bool,
}

impl Word {
    /// Tells whether it can stand after the dot behind a value of a type; `any` is a type that nobody knows.
    pub fn fits(&self, kind: &str) -> bool {
        self.of.as_deref().is_some_and(|of| kind == "any" || of == kind)
    }
}

/// Collects the words of the reference, each form as a function and as a method.
pub fn words(entries: &[WordEntry]) -> Vec<Word> {
    let mut found = BTreeSet::new();
    for entry in entries {
        for signature in &entry.signatures {
            add(&mut found, &entry.name, signature, false);
        }
    }

    found.into_iter().collect()
}

/// Collects the methods that the language itself has for its types.
pub(in crate::script) fn standard(engine: &Engine, entries: &[WordEntry]) -> Vec<Word> {
    let mut found = BTreeSet::new();

    let each = engine.collect_fn_metadata(
        None,
        |info| {
            let meta = info.metadata;
            let gives = kind(&meta.return_type);
            // What gives nothing is shown without an arrow.
            let gives = if gives == "()" { "" } else { gives };
            let params: Vec<String> = meta.params_info.iter().map(|param| plain(param)).collect();
            let of = params.first()?.split_once(": ")?.1.to_owned();

            if !BASIC.contains(&of.as_str()) || params[1..].iter().any(|p| is_name_of_function(p)) {
                return None;
            }

            Some(match meta.name.strip_prefix("get$") {
                Some(name) => (name.to_owned(), format!("{of}.{name} -> {gives}")),
                None => (meta.name.to_string(), signature(&meta.name, &params, gives)),
            })
        },
        true,
    );

    for (name, signature) in each {
        if name.chars().all(|c| c.is_alphanumeric() || c == '_') && !HIDDEN.contains(&name.as_str())
        {
            add(&mut found, &name, &signature, true);
        }
    }
    // One form of each method is enough: the shortest.
    let is_listed = |word: &Word| entries.iter().any(|entry| entry.name == word.name);

    let mut words: Vec<Word> =
        found.into_iter().filter(|word| word.of.is_some() && !is_listed(word)).collect();

    // The shortest form of a word comes first, and only the first of each word stays.
    words.sort_by_key(|word| (word.of.clone(), word.name.clone(), word.signature.len()));
    words.dedup_by_key(|word| (word.of.clone(), word.name.clone()));

    words
}

/// The types of the language that have methods worth listing.
const BASIC: &[&str] = &["string", "array", "map", "blob", "timestamp"];
/// Types whose values are mostly the first of several arguments: kaizen's functions of them are not
/// called as methods.
const PLAIN: &[&str] = &["string", "map", "any", "int"];
/// Methods that every value has.
const HIDDEN: &[&str] =
    &["get_fn_metadata_list", "debug", "print", "to_debug", "to_string", "tag", "set_tag"];

/// Tells whether a parameter is the name of a function, which is an old way to write a closure.
fn is_name_of_function(param: &str) -> bool {
    let names = ["filter", "filter_func", "map", "mapper", "comparer", "reducer", "initial"];
    param.split_once(": ").is_some_and(|(name, of)| of == "string" && names.contains(&name))
}

/// Collects functions that were typed or loaded.
pub(in crate::script) fn own(ast: &AST) -> Vec<Word> {
    let mut found = BTreeSet::new();
    for function in ast.iter_functions().filter(|f| !names_closure(f.name)) {
        let params: Vec<String> = function.params.iter().map(ToString::to_string).collect();
        let name = function.name.to_owned();
        let signature = signature(&name, &params, "");
        found.insert(Word { name, signature, of: None, is_property: false });
    }

    found.into_iter().collect()
}

fn add(found: &mut BTreeSet<Word>, name: &str, signature: &str, is_standard: bool) {
    let name = name.to_owned();
    let (head, gives) = signature.split_once(" -> ").unwrap_or((signature, ""));
    let arrow = if gives.is_empty() { String::new() } else { format!(" -> {gives}") };

    let Some((_, params)) = head.split_once('(') else {
        let of = head.split_once('.').map(|(of, _)| of.to_owned());
        let signature = if of.is_some() { format!("{name}{arrow}") } else { head.to_owned() };
        found.insert(Word { name, signature, of, is_property: true });
        return;
    };

    let params: Vec<&str> = params.trim_end_matches(')').split(", ").collect();
    let of = params[0].split_once(": ").map(|(_, of)| of);
    if let Some(of) = of.filter(|of| !PLAIN.contains(of) || is_standard) {
        let signature = format!("{name}({}){arrow}", params[1..].join(", "));
        let of = Some(of.to_owned());
        found.insert(Word { name: name.clone(), signature, of, is_property: false });
    }

    let signature = signature.to_owned();
    found.insert(Word { name, signature, of: None, is_property: false });
}

/// Writes a parameter of the language's own functions as people read it.
fn plain(param: &str) -> String {
    let (name, of) = param.split_once(": ").unwrap_or((param, "any"));
    format!("{name}: {}", kind(of))
}

fn kind(of: &str) -> &str {
    let of = of.trim_start_matches("&mut ").trim_start_matches('&');
    let inner =
        of.split_once('<').map(|(_, inner)| inner.split([',', '>']).next().unwrap_or(inner));

    let of = inner.filter(|_| of.contains("Result")).unwrap_or(of).trim();

    match of.rsplit("::").next().unwrap_or(of) {
        "ImmutableString" | "str" | "String" | "SmartString" => "string",
        "Array" => "array",
        "Map" => "map",
        "Blob" => "blob",
        "INT" | "i64" | "usize" => "int",
        "FLOAT" | "f64" => "float",
        "FnPtr" | "Fn" => "function",
        "Dynamic" | "RhaiResult" => "any",
        "ExclusiveRange" | "InclusiveRange" => "range",
        "Instant" => "timestamp",
        other => other,
    }
}
