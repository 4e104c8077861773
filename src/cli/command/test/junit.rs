//! The results of tests as JUnit XML, which CI systems read.

use crate::cli::command::test::find::TestCase;
use crate::cli::command::test::perform::{Status, TestResult};
use crate::cli::command::test::report::plain;
use std::fmt::Write as _;
use std::time::Duration;

/// Writes the results. A test without an end was not run, for the reason that is given.
pub(super) fn document(
    results: &[(&TestCase, Option<&TestResult>, &str)],
    time: Duration,
) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(text, "<testsuites name=\"kaizen\" {}>", counts(results, time));

    let mut rest = results;
    while let Some((first, ..)) = rest.first() {
        // Results of one file stand together.
        let count = rest.iter().take_while(|(case, ..)| case.file == first.file).count();
        let (own, others) = rest.split_at(count);
        rest = others;

        let time = own.iter().filter_map(|(_, ended, _)| ended.map(|ended| ended.time)).sum();
        let file = attribute(&first.file.display().to_string());
        let _ = writeln!(text, "  <testsuite name=\"{file}\" {}>", counts(own, time));

        for (case, ended, reason) in own {
            let name = attribute(&case.name);
            let time = ended.map_or(Duration::ZERO, |ended| ended.time).as_secs_f64();
            let _ = writeln!(
                text,
                "    <testcase classname=\"{file}\" name=\"{name}\" file=\"{file}\" \
                 line=\"{}\" time=\"{time:.3}\">{}</testcase>",
                case.line,
                body(*ended, reason)
            );
        }

        text.push_str("  </testsuite>\n");
    }

    text.push_str("</testsuites>\n");
    text
}

fn counts(results: &[(&TestCase, Option<&TestResult>, &str)], time: Duration) -> String {
    let has = |wanted: Status| {
        let all = results.iter().filter_map(|(_, ended, _)| *ended);
        all.filter(|ended| ended.status == wanted).count()
    };

    let not_run = results.iter().filter(|(_, ended, _)| ended.is_none()).count();

    format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3}\"",
        results.len(),
        has(Status::Failed),
        has(Status::Missed),
        not_run + has(Status::Stopped),
        time.as_secs_f64()
    )
}

/// Writes what stands inside of a test case.
fn body(ended: Option<&TestResult>, reason: &str) -> String {
    let Some(ended) = ended else {
        return format!("<skipped message=\"{}\"/>", attribute(reason));
    };

    let mut text = String::new();
    let tag = match ended.status {
        Status::Passed => None,
        Status::Stopped => return "<skipped message=\"stopped\"/>".to_owned(),
        Status::Failed => Some("failure"),
        Status::Missed => Some("error"),
    };

    if let (Some(tag), Some(fault)) = (tag, &ended.fault) {
        let first = fault.message.lines().next().unwrap_or_default();
        let message = attribute(first);
        let kind = attribute(fault.code);
        let shown = content(&plain(fault));
        let _ = write!(text, "<{tag} message=\"{message}\" type=\"{kind}\">{shown}</{tag}>");
    }

    if !ended.output.is_empty() {
        let output = content(&ended.output.join("\n"));
        let _ = write!(text, "<system-out>{output}</system-out>");
    }

    text
}

/// Escapes a text between tags. Characters that XML does not have become a sign for them.
fn content(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in crate::base::secret::scrub(text).chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            // `]]>` must not stand in a text.
            '>' => safe.push_str("&gt;"),
            '\t' | '\n' => safe.push(letter),
            '\r' => safe.push_str("&#13;"),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }

    safe
}

/// Escapes a text between quotes, where a bare new line would be read as a space.
fn attribute(text: &str) -> String {
    content(text).replace('"', "&quot;").replace('\n', "&#10;").replace('\t', "&#9;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_taken_for_xml() {
        assert_eq!(
            content("a<b>&\"]]>\u{1b}[0m\r\nä"),
            "a&lt;b&gt;&amp;\"]]&gt;\u{fffd}[0m&#13;\nä"
        );
        assert_eq!(attribute("say \"a\"\n<b>"), "say &quot;a&quot;&#10;&lt;b&gt;");
    }
}
