//! Everything that is wrong with the text of a kaizen.toml, each fault with its place: for editors. Loading
//! ends at the first one; the words are the same.

use crate::base::toml_text;
use crate::cli::app::cause;
use crate::cli::app::config::{Config, ConfigError, SettingOrigin, null_in, unknown, wrong};
use crate::model::spec::ModelSpec;
use crate::script::diagnostic::fix::byte_at;
use anyhow::Context;
use serde_json::{Map, Value};
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A fault and the bytes of the text that it is about, as far as that is known.
type SettingFault = (Option<Range<usize>>, String);

/// Finds the faults of a text that is, or will be, the file at a path.
pub(in crate::cli) fn faults(text: &str, path: &Path) -> Vec<SettingFault> {
    let plain = toml_text::plain(text);
    let table: Map<String, Value> = match toml::from_str(&plain) {
        Ok(table) => table,
        Err(error) => {
            let span = error.span().map(|span| moved(&plain, text, &span));
            let message = error.message().to_owned();
            let fault = ConfigError::Syntax { path: path.to_owned(), message };
            return vec![(span, fault.to_string())];
        }
    };

    let places = DeTable::parse(&plain).ok();
    let place = |section: &str, key: Option<&str>| {
        let span = span_of(places.as_ref()?.get_ref(), section, key)?;
        Some(moved(&plain, text, &span))
    };

    let origin = SettingOrigin::File(path.to_owned());
    let mut found = Vec::new();
    for (section, content) in table {
        let Value::Object(content) = content else {
            found.push((place(&section, None), unknown(&origin, &section).to_string()));
            continue;
        };
        for (key, value) in content {
            if let Err(said) = checked(&origin, &section, &key, value) {
                found.push((place(&section, Some(&key)), said));
            }
        }
    }

    found.sort_by_key(|(at, _)| at.as_ref().map_or(0, |at| at.start));
    found
}

/// Returns the line and the column of the value of a key, and how many characters it has.
pub(in crate::cli) fn value_place(
    text: &str,
    section: &str,
    key: &str,
) -> Option<(usize, usize, usize)> {
    let plain = toml_text::plain(text);
    let places = DeTable::parse(&plain).ok()?;
    let (_, content) = entry(places.get_ref(), section)?;
    let DeValue::Table(inner) = content.get_ref() else { return None };
    let (_, value) = entry(inner, key)?;

    let head = plain.get(..value.span().start)?;
    let line = head.matches('\n').count() + 1;
    let column = head.rsplit('\n').next().unwrap_or(head).chars().count() + 1;
    Some((line, column, plain.get(value.span())?.chars().count()))
}

/// Says what is wrong with one key of a section, if anything is.
fn checked(origin: &SettingOrigin, section: &str, key: &str, value: Value) -> Result<(), String> {
    let name = format!("{section}.{key}");
    if let Some(key) = null_in(&name, &value) {
        return Err(wrong(origin, &key, "a finite number", &Value::Null).to_string());
    }

    let model = value.as_object().filter(|_| section == "models").cloned();
    Config::default()
        .take(section, key.to_owned(), value, origin)
        .map_err(|error| error.to_string())?;
    let Some(fields) = model else { return Ok(()) };
    let read = ModelSpec::from_map(&fields).with_context(|| format!("{origin}: model `{key}`"));
    read.map(|_| ()).map_err(|error| cause::sentence(&error))
}

/// Finds where a section, or a key of one, stands.
fn span_of(table: &DeTable<'_>, section: &str, key: Option<&str>) -> Option<Range<usize>> {
    let (name, content) = entry(table, section)?;
    let Some(key) = key else { return Some(name) };
    match content.get_ref() {
        DeValue::Table(inner) => entry(inner, key).map(|(name, _)| name),
        _ => Some(name),
    }
}

fn entry<'t, 'i>(
    table: &'t DeTable<'i>,
    wanted: &str,
) -> Option<(Range<usize>, &'t Spanned<DeValue<'i>>)> {
    let found = table.iter().find(|(name, _)| **name.get_ref() == *wanted);
    found.map(|(name, content)| (name.span(), content))
}

/// Finds the bytes of a text as it was written that some bytes of its plain form stand for.
fn moved(plain: &str, text: &str, span: &Range<usize>) -> Range<usize> {
    let byte = |at: usize| {
        let head = plain.get(..at).unwrap_or(plain);
        let line = head.matches('\n').count() + 1;
        let start = head.rfind('\n').map_or(0, |at| at + 1);
        byte_at(text, line, head[start..].chars().count() + 1).unwrap_or(text.len())
    };
    byte(span.start)..byte(span.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_its_place() {
        let text = "\u{feff}[run]\r\nconcurrency = 0\r\n[limits]\r\noperation = 1\r\n\
            [models.a]\r\nuse = \"nobody\"\r\n[nowhere]\r\nx = 1\r\n[budget]\r\nmax_cost = nan\r\n";
        let shown: Vec<(String, String)> = faults(text, Path::new("kaizen.toml"))
            .into_iter()
            .map(|(at, said)| (text[at.unwrap()].to_owned(), said))
            .collect();
        expect_test::expect![[r#"
            [
                (
                    "concurrency",
                    "kaizen.toml: `run.concurrency` must be a whole number of at least 1, not `0`",
                ),
                (
                    "operation",
                    "kaizen.toml: unknown setting `limits.operation`; did you mean `limits.operations`?",
                ),
                (
                    "a",
                    "kaizen.toml: model `a`: `nobody` does not name a provider; write `provider/name`, such as `openai/gpt-4o-mini`",
                ),
                (
                    "x",
                    "kaizen.toml: unknown setting `nowhere.x`; available: models, mcp, project.name, project.model, run.concurrency, run.reuse, run.suspend_after, budget.max_cost, budget.max_tokens, budget.max_calls, budget.max_time, limits.operations, optimizer.learn_from_demo, watch.quiet_ms, watch.confirm_over, watch.paths, permissions.read, permissions.write, permissions.net, permissions.env, permissions.run, permissions.deny_read, permissions.deny_write, permissions.deny_net, permissions.deny_env, permissions.deny_run, secrets.names, secrets.min_length, store.durability, store.keep, store.max_size, engine.store, engine.unsafe_durability, engine.temporal, engine.queue, engine.files, engine.lease, otel.endpoint, otel.content, otel.headers",
                ),
                (
                    "max_cost",
                    "kaizen.toml: `budget.max_cost` must be a finite number, not `nan or inf`",
                ),
            ]
        "#]].assert_debug_eq(&shown);

        let broken = faults("[run]\nconcurrency = \n", Path::new("kaizen.toml"));
        expect_test::expect![[r#"
            [
                (
                    Some(
                        20..20,
                    ),
                    "cannot parse `kaizen.toml`: string values must be quoted, expected literal string",
                ),
            ]
        "#]].assert_debug_eq(&broken);
        assert_eq!(faults("[run]\nreuse = true\n", Path::new("kaizen.toml")), []);
    }
}
