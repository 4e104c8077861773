//! What servers of tools answered in a test, as a cassette has it. Equal questions stand in the order in
//! which they were asked, each in its place, whatever came of it.

use crate::base::failure::Failure;
use crate::base::secret::clean;
use crate::journal::inquiry::Inquiry;
use serde_json::Value;

/// One line of a cassette: a question to a server of tools, and what came of it, without secrets.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "WrittenLine", into = "WrittenLine")]
pub struct ResultLine {
    /// What was asked.
    pub asked: Inquiry,
    /// What came of it.
    pub end: ResultEnd,
}

/// What came of a question to a server of tools.
#[derive(Debug, Clone, PartialEq)]
pub enum ResultEnd {
    /// It was answered.
    Told(Value),
    /// The server failed.
    Failed(Box<Failure>),
    /// Nothing that could come again: it was not permitted, or nobody waited for it any more. It only keeps
    /// the places of the questions after it.
    Nothing,
}

impl ResultEnd {
    /// Returns what is known by the end of a question.
    pub fn of(result: Result<&Value, &Failure>) -> ResultEnd {
        match result {
            Ok(value) => ResultEnd::Told(clean(value.clone())),
            Err(failure) => ResultEnd::Failed(Box::new(failure.clone())),
        }
    }
}

/// A line as it is written.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLine {
    asked: Inquiry,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    told: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    failure: Option<Value>,
}

impl From<ResultLine> for WrittenLine {
    fn from(line: ResultLine) -> WrittenLine {
        let (told, failure) = match line.end {
            ResultEnd::Told(told) => (Some(told), None),
            ResultEnd::Failed(failure) => {
                (None, Some(clean(serde_json::to_value(failure).expect("a failure is plain data"))))
            }
            ResultEnd::Nothing => (None, None),
        };
        WrittenLine { asked: line.asked, told, failure }
    }
}

impl TryFrom<WrittenLine> for ResultLine {
    type Error = String;

    fn try_from(line: WrittenLine) -> Result<ResultLine, String> {
        let end = match (line.told, line.failure) {
            (Some(_), Some(_)) => return Err("both `told` and `failure`".to_owned()),
            (Some(told), None) => ResultEnd::Told(told),
            (None, Some(failure)) => {
                let failure = serde_json::from_value(failure);
                ResultEnd::Failed(failure.map_err(|error| format!("`failure`: {error}"))?)
            }
            (None, None) => ResultEnd::Nothing,
        };
        Ok(ResultLine { asked: line.asked, end })
    }
}

impl ResultLine {
    /// Creates a line.
    pub fn new(asked: &Inquiry, end: ResultEnd) -> ResultLine {
        ResultLine { asked: asked.clone().without_secrets(), end }
    }

    /// Tells whether it only keeps a place.
    pub fn is_nothing(&self) -> bool {
        self.end == ResultEnd::Nothing
    }

    /// Tells whether programs that know only answers could read it.
    pub fn is_told(&self) -> bool {
        matches!(self.end, ResultEnd::Told(_))
    }
}

/// What came of the questions to servers in one cassette.
#[derive(Debug, Clone, Default)]
pub struct ResultLines(Vec<ResultLine>);

impl ResultLines {
    /// Puts lines into the order of the file.
    pub fn of(mut lines: Vec<ResultLine>) -> ResultLines {
        lines.sort_by_cached_key(|line| line.asked.to_string());
        ResultLines(lines)
    }

    /// Returns the lines in the order of the file.
    pub fn lines(&self) -> &[ResultLine] {
        &self.0
    }

    /// Returns what came of a question that was asked `nth` times before, if that can come again.
    pub fn get(&self, what: &Inquiry, nth: u32) -> Option<&ResultEnd> {
        let equal = self.0.iter().filter(|line| line.asked == *what);
        let line = equal.into_iter().nth(usize::try_from(nth).ok()?)?;
        (!line.is_nothing()).then_some(&line.end)
    }

    /// Returns how many questions something came of.
    pub fn len(&self) -> usize {
        self.0.iter().filter(|line| !line.is_nothing()).count()
    }

    /// Tells whether nothing came of any question.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::failure::Kind;
    use crate::journal::inquiry::Topic;
    use serde_json::json;

    #[test]
    fn each_line_is_read_as_it_was_written() {
        let asked = Inquiry::About(Topic::McpCall, "own__go {}".to_owned());
        let failure = Failure::new(Kind::Mcp, "it ended");
        let lines = [
            ResultEnd::of(Ok(&json!({ "value": "one" }))),
            ResultEnd::of(Err(&failure)),
            ResultEnd::Nothing,
            ResultEnd::of(Ok(&json!({ "value": "two" }))),
        ];
        let lines = lines.map(|end| ResultLine::new(&asked, end));

        let written: Vec<String> =
            lines.iter().map(|line| serde_json::to_string(line).expect("plain data")).collect();
        assert_eq!(written[0], r#"{"asked":"mcp_call own__go {}","told":{"value":"one"}}"#);
        assert_eq!(written[2], r#"{"asked":"mcp_call own__go {}"}"#);
        let read: Vec<ResultLine> =
            written.iter().map(|text| serde_json::from_str(text).expect("a line")).collect();
        assert_eq!(read, lines);

        let all = ResultLines::of(read);
        let found: Vec<bool> = (0..5).map(|nth| all.get(&asked, nth).is_some()).collect();
        assert_eq!((found, all.len()), (vec![true, true, false, true, false], 3));

        for wrong in [r#""told":1,"failure":{}"#, r#""failure":7"#, r#""wibble":1"#] {
            let text = format!(r#"{{"asked":"mcp own",{wrong}}}"#);
            assert!(serde_json::from_str::<ResultLine>(&text).is_err(), "{text}");
        }
    }
}
