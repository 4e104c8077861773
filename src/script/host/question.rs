//! Questions to people, as scripts write them.

use crate::base::failure::{Failure, Kind};
use crate::base::json::as_text;
use crate::base::time_text::duration;
use crate::flow::question::{PersonQuestion, TimedQuestion};
use crate::script::host::options::Options;
use serde_json::Value;
use std::time::Duration;

/// Longest text of a question, in bytes: people have to read it.
const TEXT_MAX: usize = 64 << 10;

/// Reads a question to people.
pub(in crate::script) fn read_question(
    text: &str,
    options: &mut Options,
) -> Result<TimedQuestion, Failure> {
    if text.trim().is_empty() {
        return Err(Failure::new(Kind::Option, "a question must not be empty"));
    }
    if text.len() > TEXT_MAX {
        let message =
            format!("a question has at most {TEXT_MAX} bytes; this one has {}", text.len());
        return Err(Failure::new(Kind::Option, message));
    }

    let question = PersonQuestion {
        text: text.to_owned(),
        options: read_options(options)?,
        schema: options.schema()?,
        default: None,
    };
    if !question.options.is_empty() && question.schema.is_some() {
        return Err(options.wrong("schema", "cannot be combined with `options`"));
    }

    let default = options.value("default")?;
    let default = default
        .map(|value| question.fit(&value).map_err(|reason| options.wrong("default", &reason)));
    let question = PersonQuestion { default: default.transpose()?, ..question };

    Ok(TimedQuestion { question, op: None, timeout: read_timeout(options)? })
}

fn read_options(options: &mut Options) -> Result<Vec<Value>, Failure> {
    let Some(value) = options.value("options")? else { return Ok(Vec::new()) };
    let Value::Array(all) = value else {
        return Err(options.wrong("options", "must be a list such as [\"yes\", \"no\"]"));
    };

    let is_word = |one: &Value| !matches!(one, Value::Array(_) | Value::Object(_) | Value::Null);
    if let Some(other) = all.iter().find(|one| !is_word(one) || as_text(one).trim().is_empty()) {
        let reason = format!("must contain texts, numbers or booleans, not `{other}`");
        return Err(options.wrong("options", &reason));
    }
    if all.is_empty() {
        return Err(options.wrong("options", "must not be empty"));
    }

    let twice = all
        .iter()
        .enumerate()
        .find(|(n, one)| all[..*n].iter().any(|o| as_text(o) == as_text(one)));
    if let Some((_, one)) = twice {
        return Err(options.wrong("options", &format!("has `{}` twice", as_text(one))));
    }

    Ok(all)
}

fn read_timeout(options: &mut Options) -> Result<Option<Duration>, Failure> {
    let wrong = |options: &Options, found: String| {
        let reason = format!(
            "must be milliseconds from 1 up or a text such as \"90s\" or \"3d\", not {found}"
        );
        options.wrong("timeout", &reason)
    };

    match options.value("timeout")? {
        None => Ok(None),
        Some(Value::String(text)) => {
            let time = duration(&text).filter(|time| !time.is_zero());
            time.map(Some).ok_or_else(|| wrong(options, format!("`{text}`")))
        }
        Some(value) => match value.as_u64().filter(|millis| *millis > 0) {
            Some(millis) => Ok(Some(Duration::from_millis(millis))),
            None => Err(wrong(options, format!("`{value}`"))),
        },
    }
}
