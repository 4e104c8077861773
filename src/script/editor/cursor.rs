//! What can stand at a place of a script: a word, a method, an option, the text of an argument; and the
//! call whose arguments are being written.

use crate::script::check::call::PLANNERS;
use crate::script::editor::code::ScriptCode;
use crate::script::host::kinds::{MODEL_OPTIONS, TAKES_MODEL};
use crate::script::lexer::LexemeClass;
use std::ops::Range;

/// What a text names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextRole {
    /// A model.
    Model,
    /// An operation that exists.
    Operation,
    /// An operation that gets its name here.
    OperationName,
    /// What an operation does.
    OperationKind,
    /// A file that is imported.
    ImportPath,
    /// A file that is read or written.
    FilePath,
    /// A parameter of the script.
    Parameter,
    /// A pattern.
    Pattern,
    /// A task type.
    TaskType,
    /// An event that a listener hears.
    Event,
    /// Nothing that is known.
    Plain,
}

/// What can stand at a place. The ranges are the bytes of what has been typed of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CursorPlace {
    /// Nothing can be completed: a comment, a number, a text in backticks.
    Nothing,
    /// A method or property of the value that ends at this piece.
    Member {
        /// The last piece of the value.
        value: usize,
        /// What has been typed.
        typed: Range<usize>,
    },
    /// A name of an imported file.
    Path {
        /// The piece of the import's name.
        module: usize,
        /// What has been typed.
        typed: Range<usize>,
    },
    /// A key of the options of a function.
    Option {
        /// The function, or the option whose map this is.
        of: String,
        /// Keys that stand there already.
        present: Vec<String>,
        /// What has been typed.
        typed: Range<usize>,
    },
    /// A text.
    Text {
        /// What it names.
        role: TextRole,
        /// What has been typed, without quotes.
        typed: Range<usize>,
    },
    /// Any word.
    Word {
        /// What has been typed.
        typed: Range<usize>,
    },
}

/// A call whose arguments are being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSite {
    /// The piece of the function's name.
    pub name: usize,
    /// Which argument it is, from 0, without the value before a dot.
    pub argument: usize,
    /// The last piece of the value before the dot, if it is a method.
    pub value: Option<usize>,
    /// The piece of the import's name, if it is a function of another file.
    pub module: Option<usize>,
}

/// Finds what can stand at a byte.
pub fn place(code: &ScriptCode<'_>, byte: usize) -> CursorPlace {
    let is_inside = |comment: &Range<usize>| {
        let is_line = code.text[comment.clone()].starts_with("//");
        comment.start < byte && (byte < comment.end || is_line && byte == comment.end)
    };
    if code.comments.iter().any(is_inside) {
        return CursorPlace::Nothing;
    }

    let piece = code.at_byte(byte);
    if let Some(at) = piece {
        match code.class(at) {
            LexemeClass::Text => return in_text(code, at, byte),
            LexemeClass::Number if code.range(at).end == byte => return CursorPlace::Nothing,
            _ => {}
        }
    }

    let word =
        piece.filter(|at| code.class(*at) == LexemeClass::Word && code.range(*at).start < byte);
    let typed = word.map_or(byte..byte, |at| code.range(at).start..byte);
    // The piece before what is typed.
    let count = word.unwrap_or_else(|| code.count_before(byte));
    let Some(before) = count.checked_sub(1) else { return CursorPlace::Word { typed } };

    if code.is_dot(before)
        && let Some(value) = code.before_dot(before)
    {
        return CursorPlace::Member { value, typed };
    }
    if code.ends_path(before) && before > 1 {
        return CursorPlace::Path { module: before - 2, typed };
    }
    if matches!(code.said(before), "{" | ",")
        && let Some(place) = option(code, before, &typed)
    {
        return place;
    }

    CursorPlace::Word { typed }
}

fn in_text(code: &ScriptCode<'_>, at: usize, byte: usize) -> CursorPlace {
    let range = code.range(at);
    let text = code.said(at);
    if !text.starts_with('"') || byte == range.start {
        return CursorPlace::Nothing;
    }
    let is_closed = text.len() > 1 && text.ends_with('"');
    if is_closed && byte >= range.end {
        return CursorPlace::Nothing;
    }

    CursorPlace::Text { role: role_of(code, at), typed: range.start + 1..byte }
}

/// Tells which options can stand after a `{` or `,`.
fn option(code: &ScriptCode<'_>, before: usize, typed: &Range<usize>) -> Option<CursorPlace> {
    let open = if code.said(before) == "{" { before } else { code.around(before)? };
    if !code.opens_map(open) {
        return None;
    }

    let of = owner(code, open)?;
    let end = code.partner(open).unwrap_or(code.len());
    let own = (open + 1..end).filter(|at| code.around(*at) == Some(open) && code.is_key(*at));
    let own = own.filter(|at| code.range(*at).start != typed.start || typed.is_empty());
    let present = own.map(|at| code.said(at).to_owned()).collect();
    Some(CursorPlace::Option { of, present, typed: typed.clone() })
}

/// Returns the function whose options a map is, or the option whose value it is.
fn owner(code: &ScriptCode<'_>, open: usize) -> Option<String> {
    // The map begins with the `#` before its bracket.
    let before = open.checked_sub(2)?;
    match code.said(before) {
        ":" => {
            let key = before.checked_sub(1)?;
            owner(code, code.around(key)?)?;
            Some(code.said(key).to_owned())
        }
        "(" | "," => {
            let bracket = if code.said(before) == "(" { before } else { code.around(before)? };
            let name = bracket.checked_sub(1)?;
            (code.said(bracket) == "(" && code.is_name(name)).then(|| code.said(name).to_owned())
        }
        _ => None,
    }
}

/// Tells what a text names, by where it stands.
pub fn role_of(code: &ScriptCode<'_>, at: usize) -> TextRole {
    if code.before(at) == "import" {
        return TextRole::ImportPath;
    }

    let Some(mut open) = code.around(at) else { return TextRole::Plain };
    let mut first = at;
    // A list stands for each of its texts.
    if code.said(open) == "[" {
        first = open;
        let Some(around) = code.around(open) else { return TextRole::Plain };
        open = around;
    }

    if code.opens_map(open) {
        let is_value = code.before(first) == ":" && first > 1;
        let owner = if is_value { owner(code, open) } else { None };
        return owner.map_or(TextRole::Plain, |of| of_option(&of, code.said(first - 2)));
    }

    let Some(name) = open.checked_sub(1).filter(|name| code.is_name(*name)) else {
        return TextRole::Plain;
    };
    if code.said(open) != "(" {
        return TextRole::Plain;
    }
    let argument = arguments_before(code, open, at);
    of_argument(code.said(name), argument, code.is_member(name))
}

/// Tells what the text of an option names.
fn of_option(of: &str, key: &str) -> TextRole {
    match key {
        key if MODEL_OPTIONS.contains(&(of, key)) => TextRole::Model,
        "depends_on" | "source_node_ids" => TextRole::Operation,
        "name" if PLANNERS.contains(&of) => TextRole::OperationName,
        "among" => TextRole::Pattern,
        _ => TextRole::Plain,
    }
}

/// Words of the optimizer, with the number of arguments before the task type when they are methods.
const WITH_TASK: &[&str] = &[
    "compare",
    "failures",
    "get_best_pattern",
    "get_insights",
    "recommend",
    "recommend_pattern",
    "record_execution",
    "run",
    "save_pattern_failure",
    "save_pattern_success",
    "should_avoid_pattern",
];
/// Words that take a pattern after the task type.
const WITH_PATTERN: &[&str] =
    &["record_execution", "save_pattern_failure", "save_pattern_success", "should_avoid_pattern"];

/// Tells what the text of an argument names. `argument` counts from 0, without the value before a dot.
fn of_argument(name: &str, argument: usize, is_method: bool) -> TextRole {
    match (name, argument) {
        ("result", 0) if is_method => TextRole::Operation,
        ("add_operation" | "add_aggregation", 0) if is_method => TextRole::OperationKind,
        ("operation", 0) if !is_method => TextRole::OperationName,
        ("param", 0) => TextRole::Parameter,
        ("on", 0) if is_method => TextRole::Event,
        ("analyze_failure", 0) => TextRole::Pattern,
        ("analyze_failure", 1) => TextRole::TaskType,
        ("read_text" | "read_lines" | "read_jsonl" | "write_text", 0) => TextRole::FilePath,
        (name, 0) if !is_method && TAKES_MODEL.contains(&name) => TextRole::Model,
        (name, 0) if is_method && WITH_TASK.contains(&name) => TextRole::TaskType,
        (name, 1) if is_method && WITH_PATTERN.contains(&name) => TextRole::Pattern,
        _ => TextRole::Plain,
    }
}

/// Counts the arguments of a call before a piece.
fn arguments_before(code: &ScriptCode<'_>, open: usize, at: usize) -> usize {
    let own = (open + 1..at).filter(|next| code.said(*next) == ",");
    let bars = |comma: usize| {
        // The comma between the parameters of a closure parts no arguments.
        let before = (open + 1..comma).filter(|bar| is_own(code, *bar, open, "|"));
        let after = (comma..code.len()).take(8).any(|bar| is_own(code, bar, open, "|"));
        before.count() % 2 == 1 && after
    };
    own.filter(|comma| code.around(*comma) == Some(open) && !bars(*comma)).count()
}

fn is_own(code: &ScriptCode<'_>, at: usize, open: usize, said: &str) -> bool {
    code.said(at) == said && code.class(at) == LexemeClass::Other && code.around(at) == Some(open)
}

/// Finds the call whose arguments are written at a byte.
pub fn call_at(code: &ScriptCode<'_>, byte: usize) -> Option<CallSite> {
    let mut open = code.open_at(byte)?;
    loop {
        let name = open.checked_sub(1)?;
        let is_call = code.said(open) == "(" && code.is_name(name);
        // The head of a definition is no call, and statements within a closure are arguments of nothing.
        if is_call && code.before(name) != "fn" {
            let argument = arguments_before(code, open, code.count_before(byte));
            let value = code.receiver(name);
            let module = name.checked_sub(3).filter(|_| code.ends_path(name - 1));
            return Some(CallSite { name, argument, value, module });
        }
        if code.opens_block(open) {
            return None;
        }
        open = code.around(open)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows what can stand at the `^` of a text.
    fn shown(marked: &str) -> String {
        let byte = marked.find('^').unwrap();
        let text = marked.replacen('^', "", 1);
        let code = ScriptCode::of(&text);
        match place(&code, byte) {
            CursorPlace::Nothing => "nothing".to_owned(),
            CursorPlace::Member { value, typed } => {
                format!("member of `{}`: {}", code.said(value), &text[typed])
            }
            CursorPlace::Path { module, typed } => {
                format!("name of {}: {}", code.said(module), &text[typed])
            }
            CursorPlace::Option { of, present, typed } => {
                format!("option of {of}: {} {present:?}", &text[typed])
            }
            CursorPlace::Text { role, typed } => format!("{role:?}: {}", &text[typed]),
            CursorPlace::Word { typed } => format!("word: {}", &text[typed]),
        }
    }

    #[test]
    fn what_can_stand_at_a_place_is_known() {
        let cases = [
            ("let x = br^", "word: br"),
            ("^", "word: "),
            ("b.^", "member of `b`: "),
            ("b.fork().ch^at", "member of `)`: ch"),
            ("0..^", "word: "),
            ("lib::^", "name of lib: "),
            ("lib::ru^n()", "name of lib: ru"),
            ("// b.^", "nothing"),
            ("/* a */ b^", "word: b"),
            ("12^", "nothing"),
            ("`x ^ ${a}`", "nothing"),
            ("`x ${a^}`", "word: a"),
            ("branch(\"f^", "Model: f"),
            ("branch(\"f^\")", "Model: f"),
            ("branch(#{ model: \"f^\" })", "Model: f"),
            ("vote(\"f^\", 1)", "Model: f"),
            ("import \"lib/^\" as x", "ImportPath: lib/"),
            ("g.add_operation(\"ch^\")", "OperationKind: ch"),
            ("g.add_operation(|| 1, #{ na^ })", "option of add_operation: na []"),
            ("b.chat(\"x\", #{ stop: [\"a\"], ^", "option of chat: [\"stop\"]"),
            ("session.flow(g, #{ budget: #{ ^ } })", "option of budget: []"),
            ("let m = #{ ^ }", "word: "),
            ("g.add_operation(f, #{ depends_on: [a, \"dr^\"] })", "Operation: dr"),
            ("g.add_operation(f, #{ depends_on: \"^\" })", "Operation: "),
            ("report.result(\"^\")", "Operation: "),
            ("o.record_execution(\"t\", \"p^\", m)", "Pattern: p"),
            ("o.recommend(\"^\")", "TaskType: "),
            ("param(\"^\")", "Parameter: "),
            ("s.on(\"op^\", |e| 1)", "Event: op"),
            ("print(\"a^\")", "Plain: a"),
            ("\"a\"^", "nothing"),
        ];
        for (text, expected) in cases {
            let shown = shown(text);
            assert_eq!(shown.replace("  ", " "), expected, "{text}");
        }
    }

    #[test]
    fn the_call_around_a_place_is_found() {
        let cases = [
            ("f(a, ^b)", Some(("f", 1, false))),
            ("b.chat(^", Some(("chat", 0, true))),
            ("g.add_operation(|a, b| a, ^)", Some(("add_operation", 1, true))),
            ("f([1, 2], #{ a: 1, b: ^ })", Some(("f", 1, false))),
            ("f(|| { x; ^ })", None),
            ("fn f(a, ^b) {}", None),
            ("lib::run(1, ^)", Some(("run", 1, false))),
            ("f(1)^", None),
        ];
        for (marked, expected) in cases {
            let byte = marked.find('^').unwrap();
            let text = marked.replacen('^', "", 1);
            let code = ScriptCode::of(&text);
            let found = call_at(&code, byte);
            let found =
                found.map(|site| (code.said(site.name), site.argument, site.value.is_some()));
            assert_eq!(found, expected, "{marked}");
        }
    }
}
