//! What can be typed at a place: commands, variables, words with how they are called, models, runs,
//! files.

use crate::cli::command::repl::command::COMMANDS;
use crate::script::dialogue::Variable;
pub(super) use crate::script::editor::code::KEYWORDS;
use crate::script::editor::code::ScriptCode;
use crate::script::editor::names::NameTable;
use crate::script::editor::value::ValueScope;
use crate::script::reference::completion::Word;
use crate::script::reference::lexer::{LexemeClass, scan};
use std::path::Path;

/// Words that are followed by the name of a model.
const BEFORE_MODEL: &[&str] = &["branch", "imodel", "model"];

/// What is known at the prompt.
#[derive(Debug, Clone, Default)]
pub(super) struct PromptState {
    pub(super) variables: Vec<Variable>,
    pub(super) words: Vec<Word>,
    pub(super) models: Vec<String>,
    pub(super) runs: Vec<String>,
    pub(super) settings: Vec<String>,
}

/// Something that can be typed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    /// What the list shows.
    pub(super) shown: String,
    /// What is typed.
    pub(super) typed: String,
}

/// Finds what can stand at a place, and where it starts.
pub(super) fn complete(known: &PromptState, line: &str, at: usize) -> (usize, Vec<Candidate>) {
    let before = &line[..at];
    let (start, mut found) = match before.strip_prefix(':') {
        Some(command) => command_line(known, command),
        None => code(known, before),
    };

    let prefix = &before[start..];
    found.retain(|candidate| candidate.typed.starts_with(prefix));
    found.sort();
    found.dedup();

    (start, found)
}

fn plain(text: &str) -> Candidate {
    Candidate { shown: text.to_owned(), typed: text.to_owned() }
}

fn command_line(known: &PromptState, line: &str) -> (usize, Vec<Candidate>) {
    let Some((name, rest)) = line.split_once(' ') else {
        let each = COMMANDS.iter().map(|command| Candidate {
            shown: format!(":{} {}", command.name, command.takes).trim_end().to_owned(),
            typed: format!(":{}{}", command.name, if command.takes.is_empty() { "" } else { " " }),
        });
        return (0, each.collect());
    };

    let offset = name.len() + 2;
    let word = rest.rfind(' ').map_or(0, |at| at + 1);
    let of_kinds = |kinds: &[&str]| -> Vec<Candidate> {
        let fits = |variable: &&Variable| kinds.contains(&variable.kind.as_str());
        known.variables.iter().filter(fits).map(|variable| plain(&variable.name)).collect()
    };

    let found = match name {
        "plan" | "time" => {
            let (start, found) = code(known, rest);
            return (offset + start, found);
        }
        "doc" => known.words.iter().map(|word| plain(&word.name)).collect(),
        "messages" => of_kinds(&["branch"]),
        "graph" => of_kinds(&["builder", "graph"]),
        "show" => {
            let variables = known.variables.iter().map(|variable| plain(&variable.name));
            known.runs.iter().map(|run| plain(run)).chain(variables).collect()
        }
        "plot" => known.runs.iter().map(|run| plain(run)).collect(),
        "model" => known.models.iter().map(|model| plain(model)).collect(),
        "set" => known.settings.iter().map(|setting| plain(setting)).collect(),
        "load" | "save" => return (offset, files(rest)),
        _ => Vec::new(),
    };

    (offset + word, found)
}

/// Lists the scripts and folders that a path may continue with.
fn files(typed: &str) -> Vec<Candidate> {
    let (folder, _) = typed.rsplit_once('/').map_or(("", typed), |(folder, name)| (folder, name));
    let prefix = if typed.contains('/') { format!("{folder}/") } else { String::new() };
    let place = if prefix.is_empty() { Path::new(".") } else { Path::new(prefix.as_str()) };
    let Ok(entries) = std::fs::read_dir(place) else { return Vec::new() };

    let each = entries.filter_map(Result::ok).filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let is_folder = entry.path().is_dir();
        let fits = !name.starts_with('.') && (is_folder || is_script(Path::new(&name)));
        fits.then(|| plain(&format!("{prefix}{name}{}", if is_folder { "/" } else { "" })))
    });
    each.collect()
}

fn is_script(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "rhai")
}

fn code(known: &PromptState, before: &str) -> (usize, Vec<Candidate>) {
    let pieces = scan(before).0;
    let Some(last) = pieces.last() else { return (before.len(), variables(known)) };
    let text = |n: usize| {
        let piece =
            pieces.iter().rev().filter(|p| !before[p.start..p.end].trim().is_empty()).nth(n);
        piece.map_or("", |piece| &before[piece.start..piece.end])
    };

    match last.class {
        LexemeClass::Comment | LexemeClass::Number => return (before.len(), Vec::new()),
        LexemeClass::Text => {
            let is_open = !before[last.start..].chars().skip(1).any(|c| c == '"');
            let is_model = [1, 2].iter().any(|n| BEFORE_MODEL.contains(&text(*n)));
            let models = known.models.iter().map(|model| plain(model));
            let found = if is_open && is_model { models.collect() } else { Vec::new() };
            return (last.start + 1, found);
        }
        LexemeClass::Word | LexemeClass::Other => {}
    }

    let is_word = last.class == LexemeClass::Word;
    let start = if is_word { last.start } else { before.len() };
    let head = before[..start].trim_end();

    // Two dots are a range, and no method follows them.
    if let Some(value) = head.strip_suffix('.').filter(|value| !value.ends_with('.')) {
        return (start, methods(known, &kind_of(known, value.trim_end())));
    }

    let mut found = variables(known);
    if is_word {
        found.extend(KEYWORDS.iter().map(|word| plain(word)));
        let plain_words = known.words.iter().filter(|word| word.of.is_none());
        found.extend(plain_words.map(candidate));
    }

    (start, found)
}

fn variables(known: &PromptState) -> Vec<Candidate> {
    let each = known.variables.iter().map(|variable| Candidate {
        shown: format!("{}: {}", variable.name, variable.kind),
        typed: variable.name.clone(),
    });
    each.collect()
}

fn candidate(word: &Word) -> Candidate {
    let takes_nothing = word.signature.contains("()");
    let typed = match (word.is_property, takes_nothing) {
        (true, _) => word.name.clone(),
        (false, true) => format!("{}()", word.name),
        (false, false) => format!("{}(", word.name),
    };

    Candidate { shown: word.signature.clone(), typed }
}

fn methods(known: &PromptState, kind: &str) -> Vec<Candidate> {
    known.words.iter().filter(|word| word.fits(kind)).map(candidate).collect()
}

/// Guesses the type of the value that a piece of code ends with.
fn kind_of(known: &PromptState, code: &str) -> String {
    let code = ScriptCode::of(code);
    let names = NameTable::of(&code);
    let each = known.variables.iter().map(|one| (one.name.clone(), one.kind.clone()));
    let variables: Vec<(String, String)> = each.collect();

    let words = &known.words;
    let scope = ValueScope { code: &code, names: &names, words, variables: &variables };
    let last = code.len().checked_sub(1);
    last.map_or_else(|| "any".to_owned(), |last| scope.ending_at(last).word().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> PromptState {
        let word = |name: &str, signature: &str, of: Option<&str>, is_property| Word {
            name: name.into(),
            signature: signature.into(),
            of: of.map(Into::into),
            is_property,
        };

        let variable = |name: &str, kind: &str| Variable { name: name.into(), kind: kind.into() };

        PromptState {
            variables: vec![variable("b", "branch"), variable("names", "array")],
            words: vec![
                word("branch", "branch() -> branch", None, false),
                word("fork", "fork(branch: branch) -> branch", None, false),
                word("fork", "fork() -> branch", Some("branch"), false),
                word("chat", "chat(text: string) -> string", Some("branch"), false),
                word("name", "name -> string", Some("branch"), true),
                word("push", "push(item: any)", Some("array"), false),
                word("split", "split(by: string) -> array", Some("string"), false),
            ],
            models: vec!["fast".into(), "demo/echo".into()],
            runs: vec!["@".into(), "0abc".into()],
            settings: Vec::new(),
        }
    }

    fn typed(line: &str) -> Vec<String> {
        complete(&known(), line, line.len()).1.into_iter().map(|c| c.typed).collect()
    }

    #[test]
    fn methods_are_those_of_the_values_type() {
        assert_eq!(typed("b."), ["chat(", "fork()", "name"]);
        assert_eq!(typed("b.fork().f"), ["fork()"]);
        assert_eq!(typed("names."), ["push("]);
        assert_eq!(typed("\"a,b\".s"), ["split("]);
        assert_eq!(typed("b.name.sp"), ["split("]);
        assert_eq!(typed("[1, 2].p"), ["push("]);
        assert_eq!(typed("f(b.ch"), ["chat("]);
        assert_eq!(typed("unknown.fo"), ["fork()"]);
    }

    #[test]
    fn words_variables_and_keywords() {
        assert_eq!(typed("na"), ["names"]);
        assert_eq!(typed("let x = br"), ["branch()", "break"]);
        assert_eq!(typed("x + "), ["b", "names"]);
        assert_eq!(typed("// n"), Vec::<String>::new());
        assert_eq!(typed("\"n"), Vec::<String>::new());
        assert_eq!(typed("`${na"), ["names"]);

        let shown = complete(&known(), "b.ch", 4).1;
        assert_eq!(shown[0].shown, "chat(text: string) -> string");
    }

    #[test]
    fn models_stand_where_a_model_is_named() {
        assert_eq!(typed("branch(\"f"), ["fast"]);
        assert_eq!(typed("branch(#{ model: \"d"), ["demo/echo"]);
    }

    #[test]
    fn commands_have_their_own_arguments() {
        assert_eq!(typed(":mes"), [":messages "]);
        assert_eq!(typed(":messages "), ["b"]);
        assert_eq!(typed(":plot 0"), ["0abc"]);
        assert_eq!(typed(":model f"), ["fast"]);
        assert_eq!(typed(":time b.ch"), ["chat("]);
    }
}
