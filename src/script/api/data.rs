//! Files and JSON. Files are named relative to the script's folder and lie within the project's.

use super::def;
use crate::base::secret::scrub;
use crate::script::error::{Raised, throw_new};
use crate::script::modules::{find, inside};
use crate::script::{Inner, convert};
use rhai::{Array, Dynamic, Engine};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Largest file that is read whole, in bytes.
const FILE_MAX: u64 = 64 << 20;

pub(super) fn register(engine: &mut Engine, host: &Rc<Inner>) {
    json(engine);
    lists(engine);
    reading(engine, host);
    let inner = host.clone();
    def(
        engine,
        "write_text(path: string, text: string)",
        r#"
        Writes a text file, whole or not at all. The path is relative to the script's folder; it
        must lie in the project's.
        ```rhai
        write_text("answer.txt", "42");
        print(read_text("answer.txt"));
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
        Makes a list of a range, so that it can be mapped or run in parallel.
        ```rhai
        print((0..3).to_array().parallel(|n| n * n));
        ```
        "#,
        |range: std::ops::Range<i64>| range.map(Dynamic::from).collect::<Array>(),
    );
    def(engine, "to_array(range: range) -> array", "", |range: std::ops::RangeInclusive<i64>| {
        range.map(Dynamic::from).collect::<Array>()
    });
}

fn json(engine: &mut Engine) {
    def(
        engine,
        "json(text: string) -> any",
        r#"
        Reads JSON.
        ```rhai
        print(json(`{"a": [1, 2]}`).a[1]);
        ```
        "#,
        |text: &str| {
            let value = serde_json::from_str(text);
            value.map(convert::from_value).map_err(|error| {
                let shown: String = text.chars().take(80).collect();
                throw_new("json", format!("this is not JSON ({error}): {shown}"))
            })
        },
    );
    def(
        engine,
        "to_json(value: any) -> string",
        r#"
        Writes plain data as JSON.
        ```rhai
        print(to_json(#{ a: [1, 2.5, "x"] }));
        ```
        "#,
        |value: Dynamic| {
            let data = convert::to_value(&value);
            data.map(|data| data.to_string()).map_err(|reason| throw_new("json", reason))
        },
    );
}

fn reading(engine: &mut Engine, host: &Rc<Inner>) {
    let inner = host.clone();
    def(
        engine,
        "read_text(path: string) -> string",
        r#"
        Reads a text file. The path is relative to the script's folder; the file must lie in the
        project's. `read_lines` gives its lines, `read_jsonl` the values of a file with one JSON
        value per line.
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
        move |path: &str| -> Result<Array, Raised> {
            Ok(read(&inner, path)?.lines().map(|line| line.to_owned().into()).collect())
        },
    );
    let inner = host.clone();
    def(
        engine,
        "read_jsonl(path: string) -> array",
        r#"
        Reads a file with one JSON value per line; empty lines are left out.
        ```rhai
        write_text("tasks.jsonl", "{\"id\": 1}\n{\"id\": 2}\n");
        print(read_jsonl("tasks.jsonl")[1].id);
        ```
        "#,
        move |path: &str| read_jsonl(&inner, path),
    );
}

/// Returns the folder that file names of the script are relative to.
fn folder(host: &Inner) -> &Path {
    host.with.script.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn read(host: &Rc<Inner>, path: &str) -> Result<String, Raised> {
    let file = find(host, folder(host), path)?;
    let length = std::fs::metadata(&file).map_or(0, |meta| meta.len());
    if length > FILE_MAX {
        let message = format!("`{path}` has {length} bytes; at most {FILE_MAX} are read");
        return Err(throw_new("file", message));
    }
    let text = std::fs::read_to_string(&file)
        .map_err(|error| throw_new("file", format!("reading `{path}`: {error}")))?;
    host.depends_on(&file, Some(text.as_bytes()));
    Ok(text)
}

fn read_jsonl(host: &Rc<Inner>, path: &str) -> Result<Array, Raised> {
    let text = read(host, path)?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            serde_json::from_str(line)
                .map(convert::from_value)
                .map_err(|error| throw_new("json", format!("`{path}` line {}: {error}", index + 1)))
        })
        .collect()
}

fn write(host: &Rc<Inner>, path: &str, text: &str) -> Result<(), Raised> {
    let fail = |error: std::io::Error| throw_new("file", format!("writing `{path}`: {error}"));
    let target = target(host, path)?;
    host.wrote(&target);
    if host.executor().is_dry() {
        return Ok(());
    }
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    // Written beside the target and moved over it, so that a crash leaves the old or the new file.
    let draft = target.with_file_name(format!(".{name}.{}.part", std::process::id()));
    std::fs::write(&draft, &*scrub(text)).map_err(fail)?;
    std::fs::rename(&draft, &target).map_err(fail)
}

/// Finds the place of a file that may not exist yet, in a folder that does.
pub(super) fn target(host: &Rc<Inner>, path: &str) -> Result<PathBuf, Raised> {
    let target = folder(host).join(path);
    let Some(name) = target.file_name() else {
        return Err(throw_new("file", format!("`{path}` names no file")));
    };
    let parent = target.parent().unwrap_or(Path::new("."));
    let parent = parent.canonicalize().map_err(|error| {
        throw_new("file", format!("the folder of `{path}`: {error}; create it first"))
    })?;
    inside(host, &parent, path)?;
    Ok(parent.join(name))
}
