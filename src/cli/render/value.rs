//! Values of scripts for people: text as it is, data as JSON, reports and figures as tables.

use crate::base::count::counted;
use crate::base::secret::{self, scrub};
use crate::base::visible;
use crate::cli::render::paint::Mood;
use crate::cli::render::table::{self, PrintedRow};
use crate::cli::render::time::length;
use crate::cli::{print_of_script, put_line};
use crate::script::dialogue::display::DisplayValue;
use serde_json::{Map, Value};
use std::io::IsTerminal;

/// Longest text that a short form shows, in characters.
const SHORT_MAX: usize = 60;
/// Lines of a screen that are left for what stands around a value.
const AROUND: usize = 4;
/// Keys that figures have and other maps do not.
const FIGURES: &[&str] = &["execution_time", "success_rate", "speedup", "calls"];

/// The lists of a report, and how what stands in them went.
const OUTCOMES: [(&str, Mood); 4] = [
    ("completed", Mood::Good),
    ("failed", Mood::Bad),
    ("skipped", Mood::Doubtful),
    ("cancelled", Mood::Doubtful),
];

/// Digits of a fraction that people see.
const DIGITS: usize = 6;

/// Prints the script's value: text as it is, everything else as JSON.
pub(in crate::cli) fn print_value(value: &Value) {
    match value {
        Value::Null => {}
        Value::String(text) => print_of_script(text),
        other => {
            let value = secret::clean(other.clone());
            let value = if std::io::stdout().is_terminal() { rounded(value) } else { value };
            let text = serde_json::to_string_pretty(&value).unwrap_or_default();
            put_line(&visible::in_json(&text));
        }
    }
}

/// Rounds the fractions within a value to as many digits as people read. Programs get them whole.
pub(in crate::cli) fn rounded(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            let whole = number.as_f64().unwrap_or_default();
            let short = format!("{whole:.precision$e}", precision = DIGITS - 1).parse::<f64>();
            short.ok().and_then(serde_json::Number::from_f64).unwrap_or(number).into()
        }
        Value::Array(items) => items.into_iter().map(rounded).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(key, value)| (key, rounded(value))).collect()
        }
        other => other,
    }
}

/// The room that there is for a value.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Room {
    /// Columns.
    pub(in crate::cli) width: usize,
    /// Lines, where what does not fit is left out.
    pub(in crate::cli) height: Option<usize>,
}

/// Writes a value; `None` when there is none.
pub(in crate::cli) fn whole(shown: &DisplayValue, room: Room) -> Option<String> {
    match shown {
        DisplayValue::Nothing => None,
        DisplayValue::Text(text) => Some(text.clone()),
        DisplayValue::Branch { .. } | DisplayValue::Other(_) => Some(short(shown)),
        DisplayValue::Report(report) => Some(cut(&report_table(report, room), room)),
        DisplayValue::Data(Value::Object(map))
            if FIGURES.iter().all(|key| map.contains_key(*key)) =>
        {
            Some(cut(&figures(map), room))
        }
        DisplayValue::Data(value) => Some(cut(&json(&rounded(value.clone()), room), room)),
    }
}

/// Writes a value in one line.
pub(in crate::cli) fn short(shown: &DisplayValue) -> String {
    match shown {
        DisplayValue::Nothing => "()".to_owned(),
        DisplayValue::Text(text) => first_line(&format!("{text:?}"), SHORT_MAX),
        DisplayValue::Branch { name, model, messages } => {
            let name = name.as_ref().map_or(String::new(), |name| format!(" {name}"));
            let messages = counted(messages.len(), "message", "messages");
            format!("branch{name} · {model} · {messages}")
        }
        DisplayValue::Report(report) => head(report),
        DisplayValue::Other(words) => words.clone(),
        DisplayValue::Data(Value::Array(items)) => list(items),
        DisplayValue::Data(Value::Object(map)) => {
            let keys: Vec<&str> = map.keys().map(String::as_str).collect();
            first_line(&format!("#{{ {} }}", keys.join(", ")), SHORT_MAX)
        }
        DisplayValue::Data(value) => first_line(&rounded(value.clone()).to_string(), SHORT_MAX),
    }
}

fn list(items: &[Value]) -> String {
    let whole = Value::Array(items.to_vec()).to_string();
    if whole.chars().count() <= SHORT_MAX / 2 {
        return whole;
    }

    let kind = |value: &Value| match value {
        Value::Null => "()",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "map",
    };

    let first = items.first().map_or("item", kind);
    let what = if items.iter().all(|item| kind(item) == first) { first } else { "value" };
    format!("[{} × {what}]", items.len())
}

/// Cuts a text to one line of at most this many characters.
fn first_line(text: &str, width: usize) -> String {
    // Of a part of a secret, nobody would know that it is one.
    let text = scrub(text);

    let line = text.lines().next().unwrap_or("");
    if line.chars().count() <= width && line.len() == text.len() {
        return line.to_owned();
    }

    let kept: String = line.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

fn json(value: &Value, room: Room) -> String {
    let mut text = String::new();
    write(&mut text, value, 0, room.width);
    text
}

/// Writes JSON: in one line what fits in one, and as many plain items in a line as fit.
fn write(text: &mut String, value: &Value, indent: usize, width: usize) {
    let line = value.to_string();
    let used = text.len() - text.rfind('\n').map_or(0, |at| at + 1);
    let inner = indent + 2;
    let pad = " ".repeat(inner);
    let is_plain = |item: &Value| !item.is_array() && !item.is_object();

    match value {
        Value::Array(items) if used + line.chars().count() > width && !items.is_empty() => {
            text.push('[');
            let mut column = width;

            for (place, item) in items.iter().enumerate() {
                let long = item.to_string().chars().count() + 2;
                // Plain items share lines, as many as fit; others have one each.
                if column + long > width || !items.iter().all(is_plain) {
                    text.push_str(&format!("\n{pad}"));
                    column = inner;
                } else {
                    text.push(' ');
                }

                column += long;
                write(text, item, inner, width);
                text.push_str(if place + 1 < items.len() { "," } else { "" });
            }

            text.push_str(&format!("\n{}]", " ".repeat(indent)));
        }
        Value::Object(fields) if used + line.chars().count() > width && !fields.is_empty() => {
            text.push('{');
            for (place, (key, item)) in fields.iter().enumerate() {
                text.push_str(&format!("\n{pad}{}: ", Value::String(key.clone())));
                write(text, item, inner, width);
                text.push_str(if place + 1 < fields.len() { "," } else { "" });
            }

            text.push_str(&format!("\n{}}}", " ".repeat(indent)));
        }
        _ => text.push_str(&line),
    }
}

/// Leaves out what does not fit on the screen, and says so.
fn cut(text: &str, room: Room) -> String {
    let Some(height) = room.height.map(|height| height.saturating_sub(AROUND).max(AROUND)) else {
        return text.to_owned();
    };

    let lines: Vec<&str> = text.lines().collect();
    if lines.len() <= height {
        return text.to_owned();
    }

    let more = lines.len() - height + 1;
    format!("{}\n({more} more lines; `:show _` shows all)", lines[..height - 1].join("\n"))
}

fn head(report: &Map<String, Value>) -> String {
    let count = |key: &str| report.get(key).and_then(Value::as_array).map_or(0, Vec::len);
    let mut parts = vec![format!("report {}", text(report.get("name")))];

    for (word, _) in OUTCOMES {
        let count = count(&format!("{word}_operations"));
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }

    let metrics = report.get("metrics").and_then(Value::as_object);
    if let Some(time) = metrics.and_then(|m| m.get("execution_time")).and_then(Value::as_f64) {
        #[allow(clippy::cast_possible_truncation, reason = "a time in microseconds")]
        parts.push(length((time * 1e6) as i64));
    }

    parts.join(" · ")
}

fn report_table(report: &Map<String, Value>, room: Room) -> String {
    let mut rows: Vec<PrintedRow> = Vec::new();
    for (word, mood) in OUTCOMES {
        let names = report.get(&format!("{word}_operations")).and_then(Value::as_array);
        for name in names.into_iter().flatten() {
            let name = text(Some(name));
            let result = report.get("operation_results").and_then(|results| results.get(&name));
            let error = report.get("errors").and_then(|errors| errors.get(&name));

            let said = match (result, error) {
                (Some(result), _) => text(Some(result)),
                (None, Some(error)) => text(error.get("message")),
                (None, None) => String::new(),
            };

            rows.push(PrintedRow { cells: vec![name, word.to_owned(), said], mood: Some(mood) });
        }
    }

    let names = rows.iter().map(|row| row.cells[0].chars().count()).max().unwrap_or(0).max(9);
    for PrintedRow { cells, .. } in &mut rows {
        cells[2] = first_line(&cells[2], room.width.saturating_sub(names + 13).max(10));
    }

    let table = table::render(&["operation", "outcome", "result"], &rows);
    format!("{}\n{table}", head(report))
}

/// Writes a fraction with four places, a small one with two significant digits.
fn figure(number: f64) -> String {
    let size = number.abs();
    let places = (4..=9).find(|places| size >= 10_f64.powi(1 - places)).unwrap_or(9);
    let places = usize::try_from(places).unwrap_or(4);
    let rounded = format!("{number:.places$}");
    rounded.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn figures(map: &Map<String, Value>) -> String {
    let rows: Vec<Vec<String>> = map
        .iter()
        .map(|(key, value)| {
            let value = match value {
                Value::Number(number) if number.is_f64() => {
                    figure(number.as_f64().unwrap_or_default())
                }
                Value::Null => "unknown".to_owned(),
                Value::Object(parts) => {
                    let parts = parts.iter().map(|(key, value)| format!("{key} {value}"));
                    parts.collect::<Vec<_>>().join(", ")
                }
                Value::Array(items) => {
                    items.iter().map(|item| text(Some(item))).collect::<Vec<_>>().join(" > ")
                }
                other => text(Some(other)),
            };

            vec![key.clone(), value]
        })
        .collect();

    table::render(&["figure", "value"], &rows)
}

fn text(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_six_digits_of_a_fraction() {
        let value =
            serde_json::json!({ "a": [0.076_975_666_666, 1.5, 3, 1e-9], "b": "0.123456789" });
        let shown = serde_json::json!({ "a": [0.076_975_7, 1.5, 3, 1e-9], "b": "0.123456789" });
        assert_eq!(rounded(value), shown);
    }

    use serde_json::json;

    const ROOM: Room = Room { width: 40, height: Some(10) };

    fn shown(value: Value) -> String {
        whole(&DisplayValue::Data(value), ROOM).unwrap_or_default()
    }

    #[test]
    fn data_fits_the_screen() {
        assert_eq!(shown(json!([1, 2])), "[1,2]");

        let long = shown(json!((0..100).collect::<Vec<_>>()));
        assert_eq!(long.lines().count(), 6);
        assert!(long.lines().all(|line| line.chars().count() <= 40), "{long}");
        assert!(long.ends_with(" more lines; `:show _` shows all)"), "{long}");

        let nested = json!({ "name": "a".repeat(30), "list": [[1, 2], { "b": null }] });
        let again: Value = serde_json::from_str(&shown(nested.clone())).unwrap_or_default();
        assert_eq!(again, nested);

        assert_eq!(whole(&DisplayValue::Nothing, ROOM), None);
        assert_eq!(whole(&DisplayValue::Text("a\nb".into()), ROOM), Some("a\nb".into()));
    }

    #[test]
    fn a_report_is_a_table() {
        let report = json!({
            "name": "g", "completed_operations": ["a"], "failed_operations": ["bb"],
            "skipped_operations": [], "cancelled_operations": [],
            "operation_results": { "a": "fine\nreally" }, "errors": { "bb": { "message": "no" } },
            "metrics": { "execution_time": 1.25 },
        });

        let Value::Object(report) = report else { return };
        let shown = whole(&DisplayValue::Report(report), ROOM).unwrap_or_default();
        assert_eq!(
            shown,
            "report g · 1 completed · 1 failed · 1.2 s\n\
             operation  outcome    result\n\
             a          completed  fine…\n\
             bb         failed     no"
        );
    }

    #[test]
    fn figures_are_a_table() {
        let map =
            json!({ "execution_time": 1.23456, "success_rate": null, "speedup": 2.0, "calls": 3 });
        let shown = shown(map);

        for line in [
            "calls           3",
            "execution_time  1.2346",
            "speedup         2",
            "success_rate    unknown",
        ] {
            assert!(shown.contains(line), "{shown}");
        }
    }

    #[test]
    fn a_short_form_is_one_line() {
        let data = |value| short(&DisplayValue::Data(value));
        assert_eq!(data(json!([1, 2])), "[1,2]");
        assert_eq!(data(json!(vec!["abcdefghi"; 9])), "[9 × string]");
        assert_eq!(data(json!({ "a": 1, "b": 2 })), "#{ a, b }");
        assert_eq!(short(&DisplayValue::Text("a\nb".into())), "\"a\\nb\"");
    }
}
