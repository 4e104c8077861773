//! Files and JSON. Files are named relative to the script's folder.

use super::define::def;
use crate::base::failure::{Failure, Kind};
use crate::base::json;
use crate::base::secret::scrub_document;
use crate::script::host::context::Inner;
use crate::script::host::error::{EvalError, throw_new};
use crate::script::host::json::{read_json, read_json_lines};
use crate::script::host::modules::{find, find_place, permit_reading};
use crate::script::host::right::Right;
use crate::script::host::{bounded, convert, files};
use rhai::{Array, Dynamic, Engine, Map};
use serde_json::Value;
use std::cmp::Ordering;
use std::path::{Path, PathBuf};
use std::rc::Rc;

pub(super) fn register(engine: &mut Engine, host: &Rc<Inner>) {
    json_words(engine, host);
    lists(engine);
    reading(engine, host);

    let inner = host.clone();
    def(
        engine,
        "write_text(path: string, text: string)",
        r#"
        Writes a text file completely or not at all, and creates missing folders. The path is
        relative to the script's folder. Writing needs a grant: `--allow-write=PATH`, or `write`
        under [permissions] in kaizen.toml.
        ```rhai
        write_text("out/answer.txt", "42");
        print(read_text("out/answer.txt"));
        ```
        "#,
        move |path: &str, text: &str| write(&inner, path, text),
    );
}

fn lists(engine: &mut Engine) {
    def(
        engine,
        "to_array(range: range) -> array",
        r#"
        Converts a range to a list, so that you can use `map` or `parallel`.
        ```rhai
        print((0..3).to_array().parallel(|n| n * n));
        ```
        "#,
        |range: std::ops::Range<i64>| bounded::list(range),
    );

    def(engine, "to_array(range: range) -> array", "", |range: std::ops::RangeInclusive<i64>| {
        bounded::list(range)
    });
}

fn json_words(engine: &mut Engine, host: &Rc<Inner>) {
    let limits = host.limits.clone();
    def(
        engine,
        "json(text: string) -> any",
        r#"
        Parses JSON. Whole numbers keep their digits: a number above 9223372036854775807 has a
        special type that can be printed, compared and written again, and that `to_int` refuses; one
        above 18446744073709551615 is an error.
        ```rhai
        print(json(`{"a": [1, 2]}`).a[1]);
        ```
        "#,
        move |text: &str| read_json(&limits, text),
    );

    def(
        engine,
        "to_json(value: any) -> string",
        r#"
        Converts plain data to JSON. Anything else (a function, a branch, a number that is not
        finite) is an error.
        ```rhai
        print(to_json(#{ a: [1, 2.5, "x"] }));
        ```
        "#,
        |value: Dynamic| written(convert::to_value(&value)),
    );

    // The language has a function of its own for maps, which would be found first.
    def(engine, "to_json(value: any) -> string", "", |map: &mut Map| {
        written(convert::to_fields(map).map(Value::Object))
    });

    large_numbers(engine);
}

fn written(data: Result<Value, String>) -> Result<String, EvalError> {
    data.map(|data| data.to_string()).map_err(|reason| throw_new(Kind::Json, reason))
}

/// Lets whole numbers above 2^63 be compared with other numbers, and keeps their digits.
fn large_numbers(engine: &mut Engine) {
    type Holds = fn(Ordering) -> bool;
    let operators: [(&str, Holds); 6] = [
        ("==", Ordering::is_eq),
        ("!=", Ordering::is_ne),
        ("<", Ordering::is_lt),
        ("<=", Ordering::is_le),
        (">", Ordering::is_gt),
        (">=", Ordering::is_ge),
    ];

    for (name, holds) in operators {
        let compare = move |a: i128, b: i128| holds(a.cmp(&b));
        engine.register_fn(name, move |a: u64, b: i64| compare(a.into(), b.into()));
        engine.register_fn(name, move |a: i64, b: u64| compare(a.into(), b.into()));
        // Nothing compares with what is no number, which differs from everything.
        let loose = move |order: Option<Ordering>| order.map_or(name == "!=", holds);
        engine.register_fn(name, move |a: u64, b: f64| loose(approximate(a).partial_cmp(&b)));
        engine.register_fn(name, move |a: f64, b: u64| loose(a.partial_cmp(&approximate(b))));
    }

    // The language would make a negative number of it.
    engine.register_fn("to_int", |number: u64| {
        i64::try_from(number).map_err(|_| {
            let message =
                format!("{number} is too large: the largest whole number is {}", i64::MAX);
            throw_new(Kind::Script, message)
        })
    });
}

#[allow(clippy::cast_precision_loss, reason = "the language compares so with every float")]
fn approximate(number: u64) -> f64 {
    number as f64
}

fn reading(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "read_text(path: string) -> string",
        r#"
        Reads a text file. The path is relative to the script's folder. Files in the project's
        folder that are not hidden may be read; others need a grant: `--allow-read=PATH`, or `read`
        under [permissions] in kaizen.toml. `read_lines` returns the lines, `read_jsonl` the values
        of a file with one JSON value per line.
        ```rhai
        write_text("notes.txt", "one\ntwo");
        print(read_text("notes.txt").len);
        ```
        "#,
        move |path: &str| read(&inner, path),
    );

    let inner = host.clone();
    def(
        engine,
        "read_lines(path: string) -> array",
        r#"
        Reads the lines of a text file.
        ```rhai
        write_text("notes.txt", "one\ntwo");
        print(read_lines("notes.txt").len);
        ```
        "#,
        move |path: &str| -> Result<Array, EvalError> {
            bounded::list(read(&inner, path)?.lines().map(str::to_owned))
        },
    );

    let inner = host.clone();
    def(
        engine,
        "read_jsonl(path: string) -> array",
        r#"
        Reads a file with one JSON value per line, skipping empty lines.
        ```rhai
        write_text("tasks.jsonl", "{\"id\": 1}\n{\"id\": 2}\n");
        print(read_jsonl("tasks.jsonl")[1].id);
        ```
        "#,
        move |path: &str| read_jsonl(&inner, path),
    );
}

/// Returns the folder that file names of the script are relative to.
pub(super) fn folder(host: &Inner) -> &Path {
    host.with.script.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Reads a file that need not be text; of one that is longer than the limit, only its beginning.
pub(super) fn read_bytes(host: &Rc<Inner>, path: &str, limit: usize) -> Result<Vec<u8>, Failure> {
    let file = find(host, folder(host), path).map_err(|error| host.failure(&error))?;
    let bytes = files::read_bytes(&file, limit).map_err(|error| {
        host.depends_on_unread(&file);
        Failure::new(Kind::File, format!("cannot read `{path}`: {error}"))
    })?;

    host.depends_on(&file, Some(&bytes));
    Ok(bytes)
}

fn read(host: &Rc<Inner>, path: &str) -> Result<String, EvalError> {
    if let Some(draft) = draft(host, path)? {
        return Ok(draft);
    }

    let file = find(host, folder(host), path)?;
    let text = files::read(&file).map_err(|error| {
        host.depends_on_unread(&file);
        throw_new(Kind::File, format!("cannot read `{path}`: {error}"))
    })?;

    host.depends_on(&file, Some(text.as_bytes()));
    // The mark says how the file is written, and is no part of its text.
    Ok(text.strip_prefix(json::BYTE_ORDER_MARK).map(str::to_owned).unwrap_or(text))
}

fn read_jsonl(host: &Rc<Inner>, path: &str) -> Result<Array, EvalError> {
    read_json_lines(&host.limits, path, &read(host, path)?)
}

/// Returns what a run that writes nothing would have written to a file.
fn draft(host: &Rc<Inner>, path: &str) -> Result<Option<String>, EvalError> {
    if !host.executor().is_dry() {
        return Ok(None);
    }

    let place = find_place(host, Right::Read, folder(host), path)?;
    Ok(host.executor().draft(&place))
}

fn write(host: &Rc<Inner>, path: &str, text: &str) -> Result<(), EvalError> {
    let executor = host.executor();
    if executor.is_dry() {
        // A plan ends where its run ends; a replay needs no right, since it writes nothing.
        let place = match executor.guess() {
            Some(_) => find_place(host, Right::Write, folder(host), path)?,
            None => match find_place(host, Right::Read, folder(host), path) {
                Ok(place) => place,
                Err(_) => return Ok(()),
            },
        };
        executor.keep_draft(place, scrub_document(text).into_owned());
        return Ok(());
    }

    let place = find_place(host, Right::Write, folder(host), path)?;
    host.settle_known()?;
    host.wrote(&place);
    files::write(&place, &scrub_document(text))
        .map_err(|error| throw_new(Kind::File, format!("cannot write `{path}`: {error}")))
}

/// Finds the place of a file that others write, and makes its folder.
pub(super) fn place(host: &Rc<Inner>, path: &str) -> Result<PathBuf, EvalError> {
    let executor = host.executor();
    if executor.is_dry() {
        let right = if executor.guess().is_some() { Right::Write } else { Right::Read };
        return find_place(host, right, folder(host), path);
    }

    let place = find_place(host, Right::Write, folder(host), path)?;
    host.settle_known()?;
    files::make_folder_of(&place)
        .map_err(|error| throw_new(Kind::File, format!("the folder of `{path}`: {error}")))?;
    Ok(place)
}

/// Finds the place of a file that others read and write; what is already there may be behind a link.
pub(super) fn place_of_both(host: &Rc<Inner>, path: &str) -> Result<PathBuf, EvalError> {
    find_place(host, Right::Read, folder(host), path)?;
    let place = place(host, path)?;
    permit_reading(host, &place, path)?;
    Ok(place)
}

/// Finds a file that others read.
pub(super) fn source(host: &Rc<Inner>, path: &str) -> Result<PathBuf, EvalError> {
    find(host, folder(host), path)
}
