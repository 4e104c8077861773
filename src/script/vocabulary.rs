//! The words that can be typed, by what they belong to: for completion.

use crate::script::api::Entry;
use crate::script::check;
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

/// Collects the words of the reference, each form as a function and as a method.
pub fn words(entries: &[Entry]) -> Vec<Word> {
    let mut found = BTreeSet::new();
    for entry in entries {
        for signature in &entry.signatures {
            add(&mut found, &entry.name, signature);
        }
    }
    found.into_iter().collect()
}

/// Collects the methods that the language itself has for its types.
pub(super) fn standard(engine: &Engine) -> Vec<Word> {
    let mut found = BTreeSet::new();
    let each = engine.collect_fn_metadata(
        None,
        |info| {
            let meta = info.metadata;
            let is_plain = meta.name.strip_prefix("get$").unwrap_or(&meta.name);
            is_plain.starts_with(char::is_alphabetic).then(|| {
                let params: Vec<String> =
                    meta.params_info.iter().map(|param| plain(param)).collect();
                let gives = kind(&meta.return_type);
                let gives = if gives == "()" { "" } else { gives };
                match meta.name.strip_prefix("get$") {
                    Some(name) => {
                        let of = params.first().and_then(|p| p.split(": ").nth(1)).unwrap_or("any");
                        (name.to_owned(), format!("{of}.{name} -> {gives}"))
                    }
                    None => (meta.name.to_string(), check::signature(&meta.name, &params, gives)),
                }
            })
        },
        true,
    );
    for (name, signature) in each {
        if signature.chars().all(|c| !"<>&$".contains(c) || signature.contains(" -> ")) {
            add(&mut found, &name, &signature);
        }
    }
    let is_basic = |word: &Word| {
        word.of.as_deref().is_some_and(|of| ["string", "array", "map", "blob"].contains(&of))
            && !word.name.contains('$')
    };
    found.into_iter().filter(is_basic).collect()
}

/// Collects functions that were typed or loaded.
pub(super) fn own(ast: &AST) -> Vec<Word> {
    let mut found = BTreeSet::new();
    for function in ast.iter_functions().filter(|f| !f.name.starts_with("anon$")) {
        let params: Vec<String> = function.params.iter().map(ToString::to_string).collect();
        let name = function.name.to_owned();
        let signature = check::signature(&name, &params, "");
        found.insert(Word { name, signature, of: None, is_property: false });
    }
    found.into_iter().collect()
}

fn add(found: &mut BTreeSet<Word>, name: &str, signature: &str) {
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
    if let Some((_, of)) = params[0].split_once(": ") {
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
    let of = of.strip_prefix("RhaiResultOf<").map_or(of, |of| of.trim_end_matches('>'));
    match of.rsplit("::").next().unwrap_or(of) {
        "ImmutableString" | "str" | "String" | "SmartString" => "string",
        "Array" => "array",
        "Map" => "map",
        "Blob" => "blob",
        "INT" | "i64" | "usize" => "int",
        "FLOAT" | "f64" => "float",
        "FnPtr" => "function",
        "Dynamic" | "RhaiResult" => "any",
        other => other,
    }
}
