//! Between the errors of Rhai and failures: whatever goes wrong in a script ends as one map with
//! `kind` and `message`.

use crate::base::failure::{Failure, Kind, Place};
use crate::script::diagnostic::mismatch;
use crate::script::host::known_map::{self, KnownMap};
use crate::script::host::sizes::CALLS_MAX;
use crate::script::host::{convert, shape, stdlib};
use crate::script::lexer::names_closure;
use rhai::{Dynamic, EvalAltResult, Position};
use serde_json::Value as Json;

/// What a failed evaluation carries.
pub(in crate::script) type EvalError = Box<EvalAltResult>;

/// Throws a failure as the map that `catch (e)` sees.
pub(in crate::script) fn throw(failure: &Failure) -> EvalError {
    let map = KnownMap::of_shape(&shape::ERROR, failure.to_value());
    EvalAltResult::ErrorRuntime(map, Position::NONE).into()
}

/// Throws an error of the script's own making, such as a bad option.
pub(in crate::script) fn throw_new(kind: Kind, message: impl Into<String>) -> EvalError {
    throw(&Failure::new(kind, message))
}

/// Ends the script; `catch` cannot stop it.
pub(in crate::script) fn terminate(kind: Kind) -> EvalError {
    EvalAltResult::ErrorTerminated(Dynamic::from(kind), Position::NONE).into()
}

/// Makes a failure of whatever was raised. `script` is the file of the script itself.
pub(in crate::script) fn failure(raised: &EvalAltResult, script: &str) -> Failure {
    let (inner, file) = origin(raised, script);
    let mut failure = plain(inner);
    failure.frames.extend(frames(raised, script));

    if failure.place.is_none() {
        failure.place = library_call(raised, script);
    }

    let position = inner.position();
    if failure.place.is_none()
        && let (Some(line), Some(column)) = (position.line(), position.position())
    {
        failure.place = Some(Place { file, line, column });
    }
    failure
}

/// Returns where a script called the function of the standard library that an error happened in.
fn library_call(raised: &EvalAltResult, script: &str) -> Option<Place> {
    let mut error = raised;
    let mut file = script.to_owned();
    let mut call = None;
    while let EvalAltResult::ErrorInFunctionCall(_, source, inner, position) = error {
        if !is_library(&file)
            && let (Some(line), Some(column)) = (position.line(), position.position())
        {
            call = Some(Place { file: file.clone(), line, column });
        }
        if !source.is_empty() {
            file.clone_from(source);
        }
        error = inner;
    }

    call.filter(|_| is_library(&file))
}

fn is_library(file: &str) -> bool {
    file.starts_with(stdlib::FOLDER)
}

/// Finds the error below the calls that it came through, and the file it happened in.
fn origin<'a>(raised: &'a EvalAltResult, script: &str) -> (&'a EvalAltResult, String) {
    let mut error = raised;
    let mut file = script.to_owned();
    loop {
        match error {
            EvalAltResult::ErrorInFunctionCall(_, source, inner, _) => {
                if !source.is_empty() {
                    file.clone_from(source);
                }
                error = inner;
            }
            EvalAltResult::ErrorInModule(path, inner, _) => {
                file.clone_from(path);
                error = inner;
            }
            other => return (other, file),
        }
    }
}

/// Returns the error below the calls that it came through.
pub(in crate::script) fn innermost(raised: &EvalAltResult) -> &EvalAltResult {
    origin(raised, "").0
}

/// Lists the calls that the error came through, innermost first.
fn frames(raised: &EvalAltResult, script: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut error = raised;
    let mut file = script.to_owned();
    while let EvalAltResult::ErrorInFunctionCall(name, source, inner, position) = error {
        let shown = if names_closure(name) { "a closure" } else { name };
        let line = position.line().map_or(String::new(), |line| format!(":{line}"));
        found.push(format!("in {shown}, called at {file}{line}"));
        if !source.is_empty() {
            file.clone_from(source);
        }
        error = inner;
    }

    found.reverse();
    found
}

fn plain(error: &EvalAltResult) -> Failure {
    match error {
        EvalAltResult::ErrorRuntime(value, _) => thrown(value),
        EvalAltResult::ErrorTerminated(token, _) => {
            let kind = token.clone().try_cast::<Kind>().unwrap_or(Kind::Interrupted);
            let message = ended(&kind);
            Failure::new(kind, message)
        }
        EvalAltResult::Exit(..) => {
            let message = "`exit` ends a script, not a task; use `return` to end a function";
            Failure::new(Kind::Script, message)
        }
        EvalAltResult::ErrorStackOverflow(_) => {
            let message = format!("function calls are nested more than {CALLS_MAX} deep");
            Failure::new(Kind::Script, message)
        }
        EvalAltResult::ErrorAssignmentToConstant(name, _) => {
            let message = format!(
                "cannot assign to `{name}` here: it is a constant, or a function that is being \
                 called"
            );
            Failure::new(Kind::Script, message)
        }
        EvalAltResult::ErrorNonPureMethodCallOnConstant(word, _) if !word.contains('$') => {
            let message =
                format!("`{word}` cannot change a constant; write `let` in place of `const`");
            Failure::new(Kind::Script, message)
        }
        EvalAltResult::ErrorDataRace(name, _) if let Some(word) = mismatch::word_in_use(name) => {
            let message = format!(
                "`{word}` is given a function that uses the variable before the dot, which is in use \
                 until `{word}` returns"
            );
            Failure::new(Kind::Script, message)
        }
        EvalAltResult::ErrorDataRace(name, _) => {
            // Of a variable that was captured, the language does not keep the name.
            let what = if name.is_empty() { "a value".to_owned() } else { format!("`{name}`") };
            let of = if name.is_empty() { "value" } else { name.as_str() };
            let message = format!(
                "{what} is in use: something that was called on it, or on a part of it, uses it again \
                 before it returns; copy the part first, such as `let part = {of}.part;`, and call that"
            );
            Failure::new(Kind::Script, message)
        }
        EvalAltResult::ErrorFor(_) => {
            let message = "`for` goes over a list, a range or a text; for a map write \
                           `for key in map.keys() { .. }`";
            Failure::new(Kind::Script, message)
        }
        EvalAltResult::ErrorFunctionNotFound(signature, _) if names_closure(signature) => {
            Failure::new(Kind::Script, mismatch::OF_CLOSURE)
        }
        other => {
            let mut bare = other.to_string();
            // The position is told apart from the message.
            if let Some(at) = bare.rfind(" (line ") {
                bare.truncate(at);
            }

            Failure::new(Kind::Script, lower_first(&readable(&bare)))
        }
    }
}

/// Reads what a script or a native function threw.
fn thrown(value: &Dynamic) -> Failure {
    let (data, no_data) = match convert::to_value(value) {
        Ok(data) => (data, None),
        Err(reason) => (Json::Null, Some(format!("the thrown value cannot be shown: {reason}"))),
    };
    let Some(map) = known_map::as_map(value) else {
        let message = no_data.unwrap_or_else(|| value.to_string());
        let mut failure = Failure::new(Kind::Thrown, message);
        failure.thrown = Some(data);
        return failure;
    };

    if let Ok(mut failure) = serde_json::from_value::<Failure>(data.clone()) {
        if !map.contains_key("retryable") {
            failure.retryable = failure.kind.is_retryable();
        }
        // What else the script has put into it is found where values are that are no failures.
        if failure.thrown.is_none() && map.keys().any(|key| shape::ERROR.property(key).is_none()) {
            failure.thrown = Some(data);
        }
        return failure;
    }

    // A map that is not one of ours, or one of Rhai's own that a script threw again.
    let text = |key: &str| map.get(key).map(ToString::to_string);
    let message = text("message").or_else(|| text("error")).or(no_data);
    let message = message.unwrap_or_else(|| data.to_string());
    let of_rhai = || if map.contains_key("error") { Kind::Script } else { Kind::Thrown };
    let kind = text("kind").map_or_else(of_rhai, |word| Kind::from(word.as_str()));

    let mut failure = Failure::new(kind, message);
    failure.thrown = Some(data);
    failure
}

fn ended(kind: &Kind) -> &'static str {
    match kind {
        Kind::Operations => {
            "the script reached its limit of operations; if it is not an endless loop, raise \
             `operations` under `[limits]` in kaizen.toml"
        }
        Kind::Timeout => "this part of the script timed out",
        Kind::Store => "the journal cannot be written",
        _ => "the run was interrupted",
    }
}

/// Rewrites the names of types that people never typed.
fn readable(message: &str) -> String {
    message
        .replace("&str | ImmutableString | String", "string")
        .replace("&str", "string")
        .replace("ImmutableString", "string")
        .replace("i64", "int")
        .replace("f64", "float")
        .replace("Fn", "function")
        .replace("function not found", "no such function")
        .replace("Function not found", "no such function")
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| {
        let mut lowered: String = first.to_lowercase().collect();
        lowered.push_str(letters.as_str());
        lowered
    })
}
