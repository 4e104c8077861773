//! Errors for people: what is wrong, where, and what to type.

mod block;
pub mod codes;
pub mod fix;
pub(in crate::script) mod foreign;
pub(in crate::script) mod forms;
pub(in crate::script) mod language;
pub(in crate::script) mod mismatch;
mod outer;
mod raised;
pub(in crate::script) mod suggestion;
pub(in crate::script) mod type_word;
mod variable;

pub use foreign::{ForeignWord, explained};

use crate::base::failure::{Failure, Place};
use crate::base::file;
use crate::base::path_text::path_of;
use crate::script::diagnostic::fix::{QuickFix, Suggestion};
use crate::script::diagnostic::foreign::ForeignForm;
use rhai::{Engine, EvalAltResult, LexError, ParseError, ParseErrorType, Position};
use std::path::Path;

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing runs, or nothing continues.
    Error,
    /// It runs, but hardly as meant.
    Warning,
}

/// One error or warning as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of thing is wrong, for `kaizen explain`.
    pub code: &'static str,
    /// How bad it is.
    pub level: Severity,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub place: Option<Place>,
    /// The text of the file it happened in.
    pub text: Option<String>,
    /// How many characters are meant, from the place on.
    pub width: usize,
    /// What to type instead.
    pub help: Option<String>,
    /// Changes that would mend it.
    pub fixes: Vec<QuickFix>,
    /// Through which calls it came, innermost first.
    pub frames: Vec<String>,
    /// Whether a run that comes to the place fails there, so that the script can catch the error.
    pub is_raised: bool,
}

impl Diagnostic {
    /// Creates an error without a place.
    pub fn new(code: &'static str, message: String) -> Diagnostic {
        Diagnostic {
            code,
            level: Severity::Error,
            message,
            place: None,
            text: None,
            width: 1,
            help: None,
            fixes: Vec::new(),
            frames: Vec::new(),
            is_raised: raised::is_raised(code),
        }
    }

    /// Creates an error at a place of a script's own text.
    pub(super) fn at(
        code: &'static str,
        message: String,
        file: &str,
        text: &str,
        position: Position,
    ) -> Diagnostic {
        let place = place(file, position);
        let width = place.as_ref().map_or(1, |place| word_width(text, place));
        let text = Some(text.to_owned());
        Diagnostic { place, text, width, ..Diagnostic::new(code, message) }
    }

    /// Makes it a warning.
    #[must_use]
    pub(super) fn warning(self) -> Diagnostic {
        Diagnostic { level: Severity::Warning, ..self }
    }

    /// Says that nothing fails at its place.
    #[must_use]
    pub(super) fn silent(self) -> Diagnostic {
        Diagnostic { is_raised: false, ..self }
    }

    /// Says that a run fails at its place.
    #[must_use]
    pub(super) fn raised(self) -> Diagnostic {
        Diagnostic { is_raised: true, ..self }
    }

    /// Adds what somebody may have meant.
    #[must_use]
    pub(super) fn suggesting(self, suggestion: Option<Suggestion>) -> Diagnostic {
        match suggestion {
            Some(Suggestion { help, fixes }) => Diagnostic { help: Some(help), fixes, ..self },
            None => self,
        }
    }
}

fn place(file: &str, position: Position) -> Option<Place> {
    let line = position.line()?;
    let column = position.position().unwrap_or(1);
    Some(Place { file: file.to_owned(), line, column })
}

/// Measures the word that starts at a place: Rhai tells only where it starts.
fn word_width(text: &str, place: &Place) -> usize {
    let line = text.lines().nth(place.line - 1).unwrap_or("");
    let mut rest = line.chars().skip(place.column - 1);
    if let Some(quote @ ('"' | '`')) = rest.next() {
        return rest.take_while(|c| *c != quote).count() + 2;
    }

    let word = |c: &char| c.is_alphanumeric() || *c == '_';
    line.chars().skip(place.column - 1).take_while(word).count().max(1)
}

/// Shows an error that was found while reading a script.
pub(super) fn of_parse(engine: &Engine, file: &str, text: &str, error: &ParseError) -> Diagnostic {
    if let Some(form) = foreign_form(text, error) {
        return of_foreign(file, text, &form);
    }
    if let Some((word, help)) = foreign_word(text, error) {
        let message = foreign::message(&word);
        let shown = Diagnostic::at(codes::FOREIGN, message, file, text, error.position());
        let width = word.chars().count();
        let shown = Diagnostic { width, ..shown };
        return shown.suggesting(Some(foreign::suggestion(&word, help)));
    }

    let message = match error.err_type() {
        ParseErrorType::VariableUndefined(name) => format!("unknown variable `{name}`"),
        ParseErrorType::BadInput(LexError::ImproperSymbol(sign, _)) if sign == "=" => {
            "`=` sets a variable and does not compare".to_owned()
        }
        ParseErrorType::BadInput(LexError::ImproperSymbol(sign, _)) if !sign.is_empty() => {
            format!("scripts have no sign `{sign}`")
        }
        ParseErrorType::ExprTooDeep => "expressions are nested too deeply here".to_owned(),
        other => {
            // Rhai begins its messages with a capital letter.
            let said = other.to_string();
            let mut letters = said.chars();
            letters.next().map_or(String::new(), |first| {
                first.to_lowercase().collect::<String>() + letters.as_str()
            })
        }
    };

    let code = match error.err_type() {
        ParseErrorType::VariableUndefined(_) => codes::VARIABLE,
        _ => codes::SYNTAX,
    };

    let suggestion = instead_of_fault(engine, text, error);
    Diagnostic::at(code, message, file, text, error.position()).suggesting(suggestion)
}

/// Says what to write instead of what Rhai could not read.
fn instead_of_fault(engine: &Engine, text: &str, error: &ParseError) -> Option<Suggestion> {
    match error.err_type() {
        ParseErrorType::VariableUndefined(name) => instead_of_variable(engine, text, (error, name)),
        ParseErrorType::ExprTooDeep => {
            let help = "a long chain of `else if` is shorter as `switch x { 1 => .., _ => .. }`, or \
                        as a value in a map or a list: `map[x] ?? other`; keep the parts of a long \
                        expression in variables";
            Some(help.to_owned().into())
        }
        ParseErrorType::BadInput(LexError::ImproperSymbol(sign, _)) if sign == "=" => {
            let help = "write `==` to compare".to_owned();
            Some(Suggestion { help, fixes: vec![QuickFix::Instead("==".to_owned())] })
        }

        ParseErrorType::ModuleUndefined(name) => {
            Some(format!("import it first: `import \"lib/{name}\" as {name};`").into())
        }
        ParseErrorType::MissingToken(token, _) if token == ";" && is_docstring(text, error) => {
            let help = "write a comment above the function: `/// What it does.`";
            Some(help.to_owned().into())
        }
        ParseErrorType::MissingToken(token, _) if token == ";" && is_assigned(text, error) => {
            let help = "assign in two steps: `x = 3; let y = x;`";
            Some(help.to_owned().into())
        }
        ParseErrorType::MissingToken(token, _) if token == ";" => {
            let help = "end the statement before this with `;`".to_owned();
            Some(Suggestion { help, fixes: vec![QuickFix::EndBefore(";")] })
        }
        ParseErrorType::MismatchedType(wanted, _)
            if wanted == "a boolean expression" && is_half_compared(text, error) =>
        {
            let help = "write `text == \"yes\" || text == \"y\"`, or `text in [\"yes\", \"y\"]`";
            Some(help.to_owned().into())
        }
        ParseErrorType::MismatchedType(wanted, _) if wanted == "a boolean expression" => {
            let help =
                "write `a == ()`, or another condition; `a ?? b` gives `b` where `a` is `()`";
            Some(help.to_owned().into())
        }

        ParseErrorType::Reserved(word)
            if word.starts_with(char::is_alphabetic) && is_key(text, error) =>
        {
            let help = format!("`{word}` is a reserved word; write the key as `\"{word}\":`");
            Some(Suggestion { help, fixes: vec![QuickFix::Instead(format!("\"{word}\""))] })
        }
        ParseErrorType::Reserved(word) if is_property(text, error, word) => Some(
            format!("`{word}` is a reserved word; write `[\"{word}\"]`, such as `map[\"{word}\"]`")
                .into(),
        ),
        ParseErrorType::Reserved(word)
            if variable::CALLED.contains(&word.as_str()) && !is_declared(text, error) =>
        {
            Some(variable::passed_on(word, &["x"]))
        }
        ParseErrorType::Reserved(word) if word.starts_with(char::is_alphabetic) => {
            Some(format!("`{word}` is a reserved word; choose another name").into())
        }
        ParseErrorType::Reserved(sign) => Some(format!("scripts have no operator `{sign}`").into()),
        ParseErrorType::BadInput(LexError::UnterminatedString) => {
            let help =
                "end the text with `\"` on its line, or write a text of several lines in backticks";
            Some(help.to_owned().into())
        }
        _ => None,
    }
}

/// Says what to write instead of a variable that nobody knows.
fn instead_of_variable(
    engine: &Engine,
    text: &str,
    (error, name): (&ParseError, &str),
) -> Option<Suggestion> {
    let at = error.position();
    let is_set = is_set(&rest(text, error, name));
    let outer = at
        .line()
        .zip(at.position())
        .and_then(|(line, column)| outer::suggestion(text, name, (line, column), is_set));
    if is_set {
        let declared = || format!("declare it first: `let {name} = ..;`").into();
        return Some(outer.unwrap_or_else(declared));
    }

    let place = at.line().zip(at.position());
    let start = place.and_then(|(line, column)| fix::byte_at(text, line, column));
    let before = start.and_then(|start| text.get(..start)).unwrap_or_default();
    outer
        .or_else(|| place.and_then(|place| block::suggestion(text, name, place)))
        .or_else(|| variable::imported(text, name, &rest(text, error, name)))
        .or_else(|| variable::near(engine, text, (before, name, &rest(text, error, name))))
}

/// Returns the line of an error, before and from its place on.
fn line_around<'a>(text: &'a str, error: &ParseError) -> Option<(&'a str, &'a str)> {
    let at = error.position();
    let (line, column) = at.line().zip(at.position())?;
    let line = text.lines().nth(line.checked_sub(1)?)?;
    let (byte, _) = line.char_indices().nth(column.checked_sub(1)?)?;
    line.split_at_checked(byte)
}

/// Tells whether what is missing a `;` is assigned once more: `let y = x = 3`.
fn is_assigned(text: &str, error: &ParseError) -> bool {
    line_around(text, error).is_some_and(|(_, rest)| {
        rest.starts_with('=') && !rest.starts_with("==") && !rest.starts_with("=>")
    })
}

/// Tells whether a text stands beside a comparison where another one is meant: `a == "yes" || "y"`.
fn is_half_compared(text: &str, error: &ParseError) -> bool {
    line_around(text, error).is_some_and(|(before, rest)| {
        let before = before.trim_end();
        rest.starts_with('"') && before.ends_with("||") && before.contains("==")
    })
}

/// Finds the word of another language that an unknown variable or a reserved word is.
fn foreign_word(text: &str, error: &ParseError) -> Option<(String, &'static str)> {
    match error.err_type() {
        ParseErrorType::VariableUndefined(word) => {
            foreign::instead_of_variable(word, &rest(text, error, word))
        }
        ParseErrorType::Reserved(word) if is_key(text, error) || is_property(text, error, word) => {
            None
        }
        ParseErrorType::Reserved(word) if is_method(text, error) => {
            let help = foreign::instead_of_reserved_method(word);
            Some((word.clone(), help.or_else(|| foreign::instead_of(word))?))
        }
        ParseErrorType::Reserved(word) if !is_declared(text, error) => {
            Some((word.clone(), foreign::instead_of(word)?))
        }
        _ => None,
    }
}

/// Returns what follows a word in the line of an error.
fn rest(text: &str, error: &ParseError, word: &str) -> String {
    let place = error.position();
    let line = place.line().and_then(|line| text.lines().nth(line - 1)).unwrap_or("");
    let from = place.position().unwrap_or(1) - 1 + word.chars().count();
    line.chars().skip(from).collect()
}

/// Tells whether the word of an error is a name that the script gives a variable or a function.
fn is_declared(text: &str, error: &ParseError) -> bool {
    let place = error.position();
    let line = place.line().and_then(|line| text.lines().nth(line - 1)).unwrap_or("");
    let before: String = line.chars().take(place.position().unwrap_or(1) - 1).collect();
    let word = before.split_whitespace().last();
    word.is_some_and(|word| matches!(word, "let" | "const" | "fn" | "for" | "as"))
}

/// Tells whether the word of an error stands behind a dot.
fn is_method(text: &str, error: &ParseError) -> bool {
    let place = error.position();
    let line = place.line().and_then(|line| text.lines().nth(line - 1)).unwrap_or("");
    let before: String = line.chars().take(place.position().unwrap_or(1) - 1).collect();
    before.trim_end().ends_with('.')
}

/// Tells whether an error comes after a text that begins a function, as Python describes functions.
fn is_docstring(text: &str, error: &ParseError) -> bool {
    let place = error.position();
    let at = place.line().zip(place.position());
    at.is_some_and(|(line, column)| foreign::follows_docstring(text, line, column))
}

/// Tells whether the word of an error stands behind a dot, and is not called.
fn is_property(text: &str, error: &ParseError, word: &str) -> bool {
    is_method(text, error) && !rest(text, error, word).trim_start().starts_with('(')
}

/// Tells whether the word of an error is the key of a map that is written out.
fn is_key(text: &str, error: &ParseError) -> bool {
    let place = error.position();
    let at = place.line().zip(place.position());
    at.is_some_and(|(line, column)| foreign::is_key(text, line, column))
}

/// Tells whether what follows a variable sets it.
fn is_set(rest: &str) -> bool {
    let rest = rest.trim_start();
    let plain = rest.strip_prefix('=').is_some_and(|after| !after.starts_with(['=', '>', '~']));
    plain || ["+=", "-=", "*=", "/="].iter().any(|sign| rest.starts_with(sign))
}

/// Shows a form of another language.
pub(super) fn of_foreign(file: &str, text: &str, form: &ForeignForm) -> Diagnostic {
    let place = Place { file: file.to_owned(), line: form.line, column: form.column };
    let shown = Diagnostic::new(codes::FOREIGN, form.message.clone());
    let shown =
        Diagnostic { place: Some(place), text: Some(text.to_owned()), width: form.width, ..shown };
    shown.suggesting(Some(foreign::suggestion(&form.said, form.help)))
}

/// Finds the form of another language that an error stems from: the one at its place, or else one in
/// its line or the line before, since Rhai often stops at what comes next.
fn foreign_form(text: &str, error: &ParseError) -> Option<ForeignForm> {
    let place = error.position();
    let line = place.line()?;
    let column = place.position().unwrap_or(1);

    let forms = foreign::forms(text);
    if let Some(form) = forms.iter().find(|form| form.covers(line, column)) {
        return Some(form.clone());
    }
    // A name before a bracket is no variable: Rhai stopped within the brackets.
    if let ParseErrorType::VariableUndefined(name) = error.err_type()
        && !rest(text, error, name).starts_with('(')
    {
        return None;
    }
    let mut near = forms.into_iter().filter(|form| form.line == line || form.line + 1 == line);
    near.next_back()
}

/// Shows an error that ended a script. `text` is the script's own text.
pub(super) fn of_run(
    engine: &Engine,
    script: &str,
    text: &str,
    raised: &EvalAltResult,
    failure: &Failure,
) -> Diagnostic {
    let own = |place: &Place| Path::new(&place.file) == Path::new(script);

    let file_text = failure.place.as_ref().and_then(|place| {
        if own(place) { Some(text.to_owned()) } else { file::read_text(&path_of(&place.file)).ok() }
    });

    let width = match (&failure.place, &file_text) {
        (Some(place), Some(text)) => word_width(text, place),
        _ => 1,
    };

    let (message, help) = explain(engine, raised, failure);
    let place = failure.place.clone();
    let code = failure.kind.code();
    let frames = failure.frames.clone();
    Diagnostic { place, text: file_text, width, help, frames, ..Diagnostic::new(code, message) }
}

/// Shows a failure that did not end the script, such as that of an operation.
pub fn of_failure(failure: &Failure) -> Diagnostic {
    let text = failure.place.as_ref().and_then(|place| file::read_text(&path_of(&place.file)).ok());
    let width = match (&failure.place, &text) {
        (Some(place), Some(text)) => word_width(text, place),
        _ => 1,
    };

    let op = failure.op.as_ref().map_or(String::new(), |op| format!("operation `{op}`: "));

    let shown = Diagnostic::new(failure.kind.code(), format!("{op}{}", failure.message));
    let place = failure.place.clone();
    let frames = failure.frames.clone();
    Diagnostic { place, text, width, frames, ..shown }
}

fn explain(engine: &Engine, raised: &EvalAltResult, failure: &Failure) -> (String, Option<String>) {
    let op = failure.op.as_ref().map_or(String::new(), |op| format!("operation `{op}`: "));
    let message = format!("{op}{}", failure.message);
    let inner = raised.unwrap_inner();

    match inner {
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            let name = signature.split(" (").next().unwrap_or(signature);
            let is_word = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
            let help = || match foreign::instead_of(name) {
                Some(help) => Some(help.to_owned()),
                None => forms::help_for(engine, name),
            };
            (message, is_word.then(help).flatten())
        }
        // Of a variable that another call locks, the message says what to do.
        EvalAltResult::ErrorDataRace(locked, _)
            if let Some(word) = mismatch::word_in_use(locked) =>
        {
            let help = format!(
                "a closure uses the variable whose method it is passed to; call the method as a function, \
                 which works on a copy: `{word}(list, |item| ..)` instead of `list.{word}(|item| ..)`"
            );
            (message, Some(help))
        }
        _ => (message, None),
    }
}
