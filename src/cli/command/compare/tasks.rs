//! The file of tasks: JSON lines, a JSON list or CSV, as other programs leave it. It may have more columns
//! than the scripts have parameters; those are kept, shown, and given to the judge.

use crate::base::json::{JsonError, LineError};
use crate::base::spelling::nearest;
use crate::base::{csv, file, json};
use crate::script::ScriptParameter;
use serde_json::error::Category;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

/// The field of a task that holds the right answer, where nobody names another one.
pub(super) const EXPECTED: &str = "expected";
/// The parameter of a script that takes a task which is no map.
const TASK: &str = "task";

/// Where a task stands in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TaskPlace {
    /// On a line, from 1.
    Line(usize),
    /// In a list, from 1.
    Item(usize),
}

impl fmt::Display for TaskPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskPlace::Line(number) => write!(f, "line {number}"),
            TaskPlace::Item(number) => write!(f, "item {number}"),
        }
    }
}

/// How a file of tasks is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TaskFormat {
    Lines,
    List,
    Table,
}

/// The tasks of a comparison.
#[derive(Debug, Clone)]
pub(super) struct Tasks {
    file: String,
    rows: Vec<(TaskPlace, Value)>,
    /// The field that holds the right answer, if there is one.
    expected: Option<String>,
    /// The field that is the input, if it was named.
    input: Option<String>,
    /// Whether all fields are texts, because the file has no other kind.
    is_text: bool,
}

/// What a file of tasks is read with.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TaskFields<'a> {
    pub(super) expected: Option<&'a str>,
    pub(super) input: Option<&'a str>,
    /// Whether a script judges the answers, so that none has to be expected.
    pub(super) is_judged: bool,
}

impl Tasks {
    /// Reads the tasks. Without a judge, all or none of them say what is expected.
    pub(super) fn read(path: &Path, fields: TaskFields<'_>) -> Result<Tasks, String> {
        let file = path.display().to_string();
        let text =
            file::read_lines(path).map_err(|error| format!("cannot read `{file}`: {error}"))?;
        let format = format_of(path, &text);
        let rows = match format {
            TaskFormat::Lines => lines(&text),
            TaskFormat::List => list(&text),
            TaskFormat::Table => table(&text),
        };

        let rows = rows.map_err(|reason| format!("`{file}`: {reason}"))?;
        if rows.is_empty() {
            let what = match format {
                TaskFormat::Lines => "it needs one JSON value per line",
                TaskFormat::List => "its list is empty",
                TaskFormat::Table => "it has no rows below the header line",
            };
            return Err(format!("`{file}` contains no tasks; {what}"));
        }

        let is_text = format == TaskFormat::Table;
        let mut tasks = Tasks { file, rows, expected: None, input: None, is_text };
        tasks.expected = tasks.find_expected(fields)?;
        if let Some(input) = fields.input {
            tasks.need(input, "--input")?;
            tasks.input = Some(input.to_owned());
        }
        Ok(tasks)
    }

    /// Returns the tasks as they stand in the file.
    pub(super) fn values(&self) -> Vec<Value> {
        self.rows.iter().map(|(_, value)| value.clone()).collect()
    }

    /// Tells whether the right answers are known.
    pub(super) fn is_labelled(&self) -> bool {
        self.expected.is_some()
    }

    /// Returns the field of the right answer.
    pub(super) fn expected(&self) -> Option<&str> {
        self.expected.as_deref()
    }

    /// Returns the names of all fields, in the order in which they first appear.
    fn columns(&self) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        let maps = self.rows.iter().filter_map(|(_, row)| row.as_object());
        maps.flat_map(Map::keys).map(String::as_str).filter(|name| seen.insert(*name)).collect()
    }

    fn find_expected(&self, fields: TaskFields<'_>) -> Result<Option<String>, String> {
        let is_labelled = |name: &str| {
            let label = |(_, row): &(TaskPlace, Value)| has_label(row, name);
            self.rows.iter().any(label)
        };

        let (name, option) = match fields.expected {
            Some(name) => (name, "--expected"),
            None if is_labelled(EXPECTED) => (EXPECTED, EXPECTED),
            None => return Ok(None),
        };
        if option == "--expected" && !is_labelled(name) {
            return Err(self.unknown(name, option));
        }

        let missing = self.rows.iter().find(|(_, row)| !has_label(row, name));
        if let Some((place, _)) = missing.filter(|_| !fields.is_judged) {
            return Err(format!(
                "`{}`, {place}: there is no `{name}`, but other tasks have one; add it to every task, \
                 or pass `--judge`",
                self.file
            ));
        }
        Ok(Some(name.to_owned()))
    }

    /// Finds out whether all tasks have a field that an option names.
    fn need(&self, name: &str, option: &str) -> Result<(), String> {
        if !self.columns().contains(&name) {
            return Err(self.unknown(name, option));
        }

        match self.rows.iter().find(|(_, row)| row.get(name).is_none()) {
            Some((place, _)) => {
                Err(format!("`{}`, {place}: `{name}`, the input, is missing", self.file))
            }
            None => Ok(()),
        }
    }

    fn unknown(&self, name: &str, option: &str) -> String {
        let columns = self.columns();
        let help = match nearest(name, columns.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if columns.is_empty() => "its tasks are not maps".to_owned(),
            None => format!("it has: {}", columns.join(", ")),
        };
        format!("`{}` has no `{name}` ({option}); {help}", self.file)
    }

    /// Finds out which fields a script gets. `known` are its parameters, if their names are not computed.
    pub(super) fn matched(
        &self,
        script: &str,
        known: Option<&[ScriptParameter]>,
        common: &Map<String, Value>,
    ) -> Result<FieldMap, String> {
        let has = |name: &str| known.is_some_and(|all| all.iter().any(|one| one.name == name));
        let mut map = FieldMap { input: None, taken: None, expected: self.expected.clone() };

        if let Some(input) = &self.input {
            let only = known.filter(|all| all.len() == 1).map(|all| all[0].name.as_str());
            let own = [input.as_str(), TASK].into_iter().find(|name| has(name)).or(only);
            let target = match (known, own) {
                (None, _) => Some(input.as_str()),
                (Some(_), own) => own,
            };
            let target = target.ok_or_else(|| {
                format!(
                    "`{script}` has no parameter `{input}` or `{TASK}` to take the input ({}); \
                     rename one of them",
                    listed(known)
                )
            })?;
            map.input = Some((input.clone(), target.to_owned()));
        }

        let Some(known) = known else { return Ok(map) };
        let columns = self.columns();
        let taken: BTreeSet<String> = known
            .iter()
            .map(|one| one.name.clone())
            .filter(|name| columns.contains(&name.as_str()) && map.expected.as_ref() != Some(name))
            .collect();

        let target = map.input.as_ref().map(|(_, target)| target.clone());
        if taken.is_empty() && target.is_none() && !columns.is_empty() {
            return Err(format!(
                "no field of `{}` ({}) is a parameter of `{script}` ({}); `--input FIELD` selects \
                 the input",
                self.file,
                columns.join(", "),
                listed(Some(known))
            ));
        }

        let is_given = |name: &String| common.contains_key(name) || target.as_ref() == Some(name);
        for one in known.iter().filter(|one| one.is_required && !is_given(&one.name)) {
            let lacks = |(_, row): &&(TaskPlace, Value)| match row {
                Value::Object(fields) => {
                    !taken.contains(&one.name) || !fields.contains_key(&one.name)
                }
                _ => one.name != TASK,
            };
            if let Some((place, _)) = self.rows.iter().find(lacks) {
                return Err(format!(
                    "`{}`, {place}: there is no `{}`, which `{script}` needs",
                    self.file, one.name
                ));
            }
        }
        map.taken = Some(taken);
        Ok(map)
    }

    /// Returns the fields that no script takes.
    pub(super) fn unused(&self, maps: &[FieldMap]) -> Vec<String> {
        self.fields(|name| !maps.iter().any(|map| map.takes(name)))
    }

    /// Returns the fields that some script takes.
    pub(super) fn given(&self, maps: &[FieldMap]) -> Vec<String> {
        self.fields(|name| maps.iter().any(|map| map.takes(name)))
    }

    /// Returns the fields that are wanted, without that of the right answer.
    fn fields(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let expected = self.expected.as_deref();
        let columns = self.columns().into_iter().filter(|name| expected != Some(*name));
        columns.filter(|name| is_wanted(name)).map(str::to_owned).collect()
    }

    /// Returns the right answer to a task. A field of a table may be meant as a number or a list, but has no
    /// way to say so.
    pub(super) fn labels(&self, task: &Value) -> Vec<Value> {
        let Some(label) = self.expected.as_ref().and_then(|name| task.get(name)) else {
            return Vec::new();
        };

        let read = label.as_str().filter(|_| self.is_text).and_then(|text| json::read(text).ok());
        let read = read.filter(|value| !value.is_string() && !value.is_null());
        [label.clone()].into_iter().chain(read).collect()
    }
}

/// Tells whether a task has a label; an empty field of a table, like null, is none.
fn has_label(row: &Value, name: &str) -> bool {
    let label = row.get(name);
    label
        .is_some_and(|label| !label.is_null() && label.as_str().is_none_or(|text| !text.is_empty()))
}

/// Lists the parameters of a script.
fn listed(known: Option<&[ScriptParameter]>) -> String {
    let names: Vec<&str> = known.into_iter().flatten().map(|one| one.name.as_str()).collect();
    if names.is_empty() {
        "it has none".to_owned()
    } else {
        format!("it has: {}", names.join(", "))
    }
}

/// Which fields of a task become which parameters of a script.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FieldMap {
    /// The field that is the input, and the parameter that takes it.
    input: Option<(String, String)>,
    /// The fields that are parameters of the same name; `None` for all.
    taken: Option<BTreeSet<String>>,
    expected: Option<String>,
}

impl FieldMap {
    /// Tells whether the script takes a field.
    fn takes(&self, name: &str) -> bool {
        match (&self.input, &self.taken) {
            (Some((input, _)), _) if input == name => true,
            (_, Some(taken)) => taken.contains(name),
            (_, None) => true,
        }
    }

    /// Makes the parameters of a script of a task.
    pub(super) fn params(&self, task: &Value, common: &Map<String, Value>) -> Map<String, Value> {
        let mut params = common.clone();
        let Value::Object(fields) = task else {
            params.insert(TASK.to_owned(), task.clone());
            return params;
        };

        for (name, value) in fields {
            let is_taken = self.taken.as_ref().is_none_or(|taken| taken.contains(name));
            if is_taken && self.expected.as_ref() != Some(name) {
                params.insert(name.clone(), value.clone());
            }
        }
        if let Some((input, target)) = &self.input {
            params.insert(target.clone(), fields.get(input).cloned().unwrap_or_default());
        }
        params
    }
}

fn format_of(path: &Path, text: &str) -> TaskFormat {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    match ending.as_deref() {
        Some("csv" | "tsv") => TaskFormat::Table,
        Some("jsonl" | "ndjson") if is_list_of_maps(text) => TaskFormat::List,
        Some("jsonl" | "ndjson") => TaskFormat::Lines,
        // A list, also where the file is not called so; a line per list is no list.
        _ if json::read(text).is_ok_and(|value| value.is_array()) => TaskFormat::List,
        Some("json") if text.trim_start().starts_with('[') => TaskFormat::List,
        _ => TaskFormat::Lines,
    }
}

/// Tells whether a text is one list, whose items are maps: a file of lines that was written as a whole.
fn is_list_of_maps(text: &str) -> bool {
    let read = json::read(text).ok();
    let items = read.as_ref().and_then(Value::as_array);
    items.is_some_and(|items| !items.is_empty() && items.iter().all(Value::is_object))
}

type Rows = Result<Vec<(TaskPlace, Value)>, String>;

fn lines(text: &str) -> Rows {
    let rows = json::read_numbered_lines(text).map_err(|error| {
        format!("{}; each line is a JSON value; a table ends in `.csv`", said_of(text, &error))
    })?;
    Ok(rows.into_iter().map(|(line, value)| (TaskPlace::Line(line), value)).collect())
}

/// Longest part of a line that an error shows, in characters.
const SHOWN_MAX: usize = 40;

/// Says in words what is wrong with a line. What is said of its JSON counts from the line itself, which is
/// another line of the file.
fn said_of(text: &str, error: &LineError) -> String {
    let LineError { line, source } = error;
    let JsonError::Syntax(source) = source else { return error.to_string() };

    let whole = text.lines().nth(line - 1).unwrap_or_default();
    // The columns count what stands before the value, too.
    let whole = whole.trim_end();
    let shown = match whole.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &whole[..end]),
        None => whole.to_owned(),
    };
    match source.classify() {
        Category::Eof => format!("line {line} ends too early: `{shown}`"),
        Category::Syntax | Category::Data | Category::Io => {
            format!("line {line} is not valid JSON at column {}: `{shown}`", source.column())
        }
    }
}

fn list(text: &str) -> Rows {
    match json::read(text) {
        Ok(Value::Array(items)) => {
            let place = |(index, item)| (TaskPlace::Item(index + 1), item);
            Ok(items.into_iter().enumerate().map(place).collect())
        }
        Ok(_) => Err("it is not a list".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn table(text: &str) -> Rows {
    let table = csv::read(text).map_err(|error| error.to_string())?;
    let row = |row: csv::CsvRow| {
        let fields = table.columns.iter().cloned().zip(row.fields.into_iter().map(Value::from));
        (TaskPlace::Line(row.line), Value::Object(fields.collect()))
    };
    Ok(table.rows.into_iter().map(row).collect())
}

#[cfg(test)]
mod tests;
