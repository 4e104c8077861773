//! What a script holds that replies may be compared with: a plan guesses that models answer so.

use crate::executor::replies::guess::{ReplyLength, ScriptWords, Words};
use crate::script::reference::lexer::{LexemeClass, scan};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Most properties of data that are made up.
const PROPERTIES_MAX: usize = 16;
/// What a script that reads numbers has in it.
const READS_NUMBERS: [&str; 6] = ["parse", "to_int", "to_float", "to_decimal", "json", "score"];

/// Takes the texts and numbers out of scripts, first those that something is compared with, and last the
/// keys of maps, where one is looked up.
pub(super) fn words(scripts: &[String]) -> Words {
    let mut compared = Vec::new();
    let mut others = Vec::new();
    let mut keys = Vec::new();
    let mut compared_numbers = Vec::new();
    let mut other_numbers = Vec::new();
    let mut properties = BTreeSet::new();

    for script in scripts {
        let looks_up = looks_up(script);
        for piece in scan(script).0 {
            let text = &script[piece.start..piece.end];
            let is_compared = is_compared(&script[..piece.start], &script[piece.end..]);

            match piece.class {
                LexemeClass::Text => {
                    let text = text.trim_matches(['"', '`', '\'']);
                    if is_compared { &mut compared } else { &mut others }.push(text);
                }
                LexemeClass::Number => {
                    let number: Option<f64> = text.replace('_', "").parse().ok();
                    if is_compared { &mut compared_numbers } else { &mut other_numbers }
                        .extend(number);
                }
                LexemeClass::Word if looks_up && is_key(&script[piece.end..]) => keys.push(text),
                LexemeClass::Word if is_property(&script[..piece.start], &script[piece.end..]) => {
                    properties.insert(text);
                }
                LexemeClass::Word | LexemeClass::Comment | LexemeClass::Other => {}
            }
        }
    }

    // A 0 or a 1 counts and begins, and both are tried anyway.
    other_numbers.retain(|number: &f64| *number > 1.0);
    let numbers = compared_numbers.into_iter().chain(other_numbers).collect();
    let reads = |words: &[&str]| {
        let has = |script: &String| words.iter().any(|word| script.contains(word));
        scripts.iter().any(has)
    };
    let numbers = reads(&READS_NUMBERS).then_some(numbers);
    let length = if reads(&[".len"]) { ReplyLength::Counts } else { ReplyLength::Idle };
    let texts = compared.into_iter().chain(others).chain(keys).collect();
    let records = if reads(&["json"]) { records(&properties) } else { Vec::new() };
    Words::of(ScriptWords { texts, numbers, length, records })
}

/// Tells whether what stands between these two is compared with something.
fn is_compared(before: &str, after: &str) -> bool {
    let before = before.trim_end().trim_end_matches('-').trim_end();
    let after = after.trim_start();
    let after_these =
        ["==", "!=", "<", ">", "<=", ">=", "contains(", "starts_with(", "ends_with(", "switch"];
    let before_these = ["=>", "==", "!=", "|", "<", ">"];

    after_these.iter().any(|word| before.ends_with(word))
        || before_these.iter().any(|word| after.starts_with(word))
}

/// Makes data that have these properties, of one kind after the other.
fn records(properties: &BTreeSet<&str>) -> Vec<String> {
    let kinds = [json!(true), json!(false), json!(5), json!("text"), json!(["text", "text"])];
    let record = |kind: &Value| {
        let fields = properties.iter().take(PROPERTIES_MAX);
        let fields: Map<String, Value> =
            fields.map(|name| ((*name).to_owned(), kind.clone())).collect();
        Value::Object(fields).to_string()
    };

    if properties.is_empty() { Vec::new() } else { kinds.iter().map(record).collect() }
}

/// Tells whether a word names a property, by what stands around it.
fn is_property(before: &str, after: &str) -> bool {
    before.ends_with('.') && !before.ends_with("..") && !after.starts_with('(')
}

/// Tells whether a word is the key of a map, by what comes after it.
fn is_key(after: &str) -> bool {
    let after = after.trim_start();
    after.starts_with(':') && !after.starts_with("::")
}

/// Tells whether a script looks something up by a value that it has from elsewhere.
fn looks_up(script: &str) -> bool {
    let by_name = script.match_indices('[').any(|(at, _)| {
        let follows = script[..at].ends_with(|c: char| c.is_alphanumeric() || "_])".contains(c));
        let names = script[at + 1..].trim_start().starts_with(|c: char| c.is_alphabetic());
        follows && names
    });

    by_name || [".get(", ".contains(", " in "].iter().any(|word| script.contains(word))
}
