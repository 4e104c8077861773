//! What people are asked: a question, and which answers it takes.

use crate::base::json::as_text;
use crate::base::secret;
use crate::schema;
use serde_json::Value;
use std::time::Duration;

/// Most characters of an answer or a schema that a message shows.
const SHOWN_MAX: usize = 200;

/// A question to people.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PersonQuestion {
    /// What is asked.
    pub text: String,
    /// The answers there are; without any, every answer will do.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub options: Vec<Value>,
    /// A schema that the answer must follow.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub schema: Option<Value>,
    /// What counts if nobody answers in time, or with nothing.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub default: Option<Value>,
}

/// A question, and for how long its answer is waited for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TimedQuestion {
    /// The question.
    pub question: PersonQuestion,
    /// The operation that asks it, by name.
    pub op: Option<String>,
    /// Longest wait for an answer.
    pub timeout: Option<Duration>,
}

impl PersonQuestion {
    /// Reads what a person has typed. The error says why it is no answer.
    pub fn read(&self, typed: &str) -> Result<Value, String> {
        let typed = typed.trim();
        if typed.is_empty() {
            let needed = || format!("an answer is needed{}", self.hint());
            return self.default.clone().ok_or_else(needed);
        }

        match (&self.schema, self.options.is_empty()) {
            (Some(schema), _) => read_by(schema, typed),
            (None, true) => Ok(typed.into()),
            (None, false) => self.option(typed),
        }
    }

    /// Accepts a value as an answer. The error says why it is none.
    pub fn fit(&self, value: &Value) -> Result<Value, String> {
        if let Some(schema) = &self.schema {
            let found = schema::fit(value.clone(), schema);
            return found.map(|found| found.value).map_err(|unfit| format!("it {unfit}"));
        }
        if self.options.is_empty() {
            return match value {
                Value::String(text) if text.trim().is_empty() => {
                    Err("an answer must not be empty".to_owned())
                }
                Value::String(_) => Ok(value.clone()),
                _ => Err(format!("`{}` is not a text", shown(&as_text(value)))),
            };
        }

        match self.options.iter().find(|option| *option == value) {
            Some(option) => Ok(option.clone()),
            None => self.option(&as_text(value)),
        }
    }

    /// Finds the option that a text means: its words, in whatever case, or its number from 1.
    fn option(&self, typed: &str) -> Result<Value, String> {
        let exact = self.options.iter().find(|option| as_text(option) == typed);
        if let Some(option) = exact {
            return Ok(option.clone());
        }

        let folded = typed.to_lowercase();
        let mut alike = self.options.iter().filter(|one| as_text(one).to_lowercase() == folded);
        if let (Some(option), None) = (alike.next(), alike.next()) {
            return Ok(option.clone());
        }

        let number = typed.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        let numbered = number.and_then(|place| self.options.get(place)).cloned();
        numbered.ok_or_else(|| format!("`{}` is not an option{}", shown(typed), self.hint()))
    }

    /// Says which answers there are, if only some will do.
    fn hint(&self) -> String {
        if self.options.is_empty() {
            return String::new();
        }
        let all: Vec<String> =
            self.options.iter().map(|one| format!("`{}`", as_text(one))).collect();
        format!("; the options are {}", all.join(", "))
    }

    /// Returns the answers there are and the default, for people; empty if every answer will do.
    pub fn choices(&self) -> String {
        let numbered = self.options.iter().enumerate();
        let mut parts: Vec<String> =
            numbered.map(|(place, one)| format!("[{}] {}", place + 1, as_text(one))).collect();

        if let Some(schema) = &self.schema {
            parts.push(format!("[JSON: {}]", shown(&schema.to_string())));
        }
        if let Some(default) = &self.default {
            parts.push(format!("(default: {})", as_text(default)));
        }
        parts.join("  ")
    }
}

/// Reads what was typed as a value of a schema.
fn read_by(schema: &Value, typed: &str) -> Result<Value, String> {
    let in_words = || schema::fit(Value::from(typed), schema);
    // A text is what was typed, whatever it looks like.
    if schema["type"] == "string"
        && let Ok(found) = in_words()
    {
        return Ok(found.value);
    }

    match schema::read(typed, schema).or_else(|unfit| in_words().map_err(|_| unfit)) {
        Ok(found) => Ok(found.value),
        Err(unfit) => Err(format!("the answer {unfit}")),
    }
}

fn shown(text: &str) -> String {
    let more = if text.chars().nth(SHOWN_MAX).is_some() { "…" } else { "" };
    format!("{}{more}", secret::beginning(text, SHOWN_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(options: &[Value], schema: Option<&str>, default: Option<Value>) -> PersonQuestion {
        let schema = schema.map(|text| schema::written(text.into()).expect("a schema"));
        PersonQuestion { text: "?".to_owned(), options: options.to_vec(), schema, default }
    }

    #[test]
    fn an_option_is_meant_by_its_words_or_its_number() {
        let question = of(&[json!("Yes"), json!("no"), json!(7), json!("NO")], None, None);
        let read = |typed: &str| question.read(typed);
        let no = Err("`nope` is not an option; the options are `Yes`, `no`, `7`, `NO`".to_owned());

        assert_eq!(
            [" Yes\n", "yes", "no", "NO", "7", "3", "1"].map(read),
            ["Yes", "Yes", "no", "NO", "7", "7", "Yes"].map(|text| Ok(match text {
                "7" => json!(7),
                text => json!(text),
            }))
        );
        assert_eq!(read("nope"), no);
        for wrong in ["0", "5", "No", "-1", "1.0", "ye"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }

        let nothing = "an answer is needed; the options are `Yes`, `no`, `7`, `NO`";
        assert_eq!(read(" \n"), Err(nothing.to_owned()));
        assert_eq!(question.fit(&json!(7)), Ok(json!(7)));
    }

    #[test]
    fn an_answer_is_a_value_of_its_schema() {
        let map = of(&[], Some("sure: integer 0..9, note?: string"), None);
        assert_eq!(map.read("{sure: '7'}"), Ok(json!({ "sure": 7 })));
        let wrong = map.read("{\"sure\": 12}").expect_err("too large");
        assert_eq!(
            wrong,
            "the answer does not match the schema: 12 is greater than the maximum of 9 at `/sure`"
        );

        let text = of(&[], Some(r#"{"type": "string"}"#), None);
        assert_eq!(text.read("[7] or {a}"), Ok(json!("[7] or {a}")));
        let number = of(&[], Some(r#"{"type": "integer"}"#), Some(json!(3)));
        assert_eq!((number.read("5"), number.read("")), (Ok(json!(5)), Ok(json!(3))));
        let word = of(&[], Some(r#"{"enum": ["good", "bad"]}"#), None);
        assert_eq!(word.read("GOOD"), Ok(json!("good")));
    }

    #[test]
    fn without_options_and_schema_every_text_is_an_answer() {
        let question = of(&[], None, Some(json!("later")));
        assert_eq!(question.read(" now \n"), Ok(json!("now")));
        assert_eq!(question.read(""), Ok(json!("later")));
        assert_eq!(question.fit(&json!(1)), Err("`1` is not a text".to_owned()));
        assert_eq!(question.choices(), "(default: later)");
    }
}
