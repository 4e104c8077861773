//! The words that scripts know for types.

/// The types of kaizen's own values: all their methods are known, and copies stand for the same thing.
pub(in crate::script) const HANDLES: &[&str] = &[
    "branch",
    "builder",
    "graph",
    "knowledge",
    "log",
    "model",
    "node",
    "operation",
    "optimizer",
    "report",
    "session",
    "task",
    "tool",
];

/// The types of the language's own values.
const PLAIN: &[&str] = &[
    "string",
    "int",
    "float",
    "bool",
    "char",
    "array",
    "map",
    "function",
    "range",
    "timestamp",
    "()",
];
/// Further types, of which no value is known before a script runs.
const OTHERS: &[&str] = &["blob", "state"];

/// Returns the word for a type of Rhai's, if it is one of the language's own and somebody can do something
/// with its values.
pub(in crate::script) fn plain(kind: &str) -> Option<&'static str> {
    let word = word(kind);
    PLAIN.iter().find(|plain| **plain == word && **plain != "()").copied()
}

/// Tells whether a word stands for one type.
pub(in crate::script) fn is_certain(word: &str) -> bool {
    PLAIN.contains(&word) || HANDLES.contains(&word) || OTHERS.contains(&word)
}

/// Tells whether a type is one of kaizen's own.
pub(in crate::script) fn is_handle(kind: &str) -> bool {
    !PLAIN.contains(&kind)
}

/// Returns the word that scripts know for a type of Rhai's or of ours.
pub(in crate::script) fn word(kind: &str) -> String {
    let kind = kind.trim().trim_start_matches("&mut ").trim_start_matches('&');
    // Of what may fail, the value is meant.
    for may_fail in ["RhaiResultOf<", "Result<"] {
        if let Some(inner) = kind.strip_prefix(may_fail) {
            let inner = inner.split_once(", Box<").or(inner.split_once(",Box<"));
            let whole = kind[may_fail.len()..].trim_end_matches('>');
            return word(inner.map_or(whole, |(value, _)| value));
        }
    }

    let word = match kind {
        "str | ImmutableString | String" | "ImmutableString" | "str" | "String" => "string",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" | "INT" | "u8" | "u16" | "u32" | "u128"
        | "usize" => "int",
        "f32" | "f64" | "FLOAT" => "float",
        "u64" => "int above 2^63",
        "char" => "char",
        "Blob" => "blob",
        "Array" => "array",
        "Map" => "map",
        "Fn" | "FnPtr" => "function",
        "Dynamic" | "RhaiResult" | "?" | "_" => "any",
        "Instant" | "timestamp" => "timestamp",
        "ExclusiveRange" | "InclusiveRange" => "range",
        kind if is_range(kind) => "range",
        other => other,
    };

    // What else is Rust's own has no name in scripts.
    let is_of_rust = word.contains('<') || word.contains("::");
    if is_of_rust { "any".to_owned() } else { word.to_owned() }
}

/// Tells whether it is a range, however its numbers are counted.
fn is_range(kind: &str) -> bool {
    let name = kind.split('<').next().unwrap_or(kind);
    let name = name.rsplit("::").next().unwrap_or(name);
    ["Range", "StepRange", "BitRange"].iter().any(|of| name.starts_with(of))
}

/// Puts the article before the word for a type.
pub(in crate::script) fn article(kind: &str) -> String {
    match kind {
        "()" => "nothing (`()`)".to_owned(),
        "any" => "any value".to_owned(),
        kind if kind.starts_with(['a', 'e', 'i', 'o', 'u']) => format!("an {kind}"),
        kind => format!("a {kind}"),
    }
}
