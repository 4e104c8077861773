//! How tests went, for people and for programs.

use crate::base::count::counted;
use crate::base::path_text::text_of;
use crate::base::unit::Money;
use crate::base::visible;
use crate::cli::command::test::find::TestCase;
use crate::cli::command::test::perform::{Status, TestResult};
use crate::cli::render::{diagnostic, time};
use crate::cli::{Global, print_data, print_line, say};
use crate::script::diagnostic::Diagnostic;
use serde_json::{Value, json};
use std::time::Duration;

/// Numbers of tests by how they ended.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) missed: usize,
    /// Not run because nothing has changed.
    pub(super) unchanged: usize,
    /// Not run, or not to the end, because of Ctrl-C or the budget.
    pub(super) stopped: usize,
    /// Whether the budget of a recording was used up.
    pub(super) is_spent: bool,
    recorded: usize,
    written: usize,
    played: usize,
    demo_calls: u64,
    /// What the recording cost; `None` when that is not known of each reply.
    cost: Option<Money>,
}

impl Counts {
    /// Starts to count, beside this many tests that need not run.
    pub(super) fn of_unchanged(unchanged: usize) -> Counts {
        Counts { unchanged, cost: Some(Money::ZERO), ..Counts::default() }
    }

    pub(super) fn add(&mut self, ended: &TestResult) {
        match ended.status {
            Status::Passed => self.passed += 1,
            Status::Failed => self.failed += 1,
            Status::Missed => self.missed += 1,
            Status::Stopped => self.stopped += 1,
        }

        self.recorded += ended.recorded;
        self.written += ended.written;
        self.is_spent |= ended.is_spent;
        self.played += ended.played;
        self.demo_calls += ended.demo_calls;
        self.cost = self.cost.zip(ended.cost).map(|(sum, cost)| sum + cost);
    }
}

impl Counts {
    /// Tells whether the demo model was asked and no other.
    pub(super) fn is_only_demo(&self) -> bool {
        self.demo_calls > 0 && self.played == 0 && self.recorded == 0
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

fn painted(text: &str, code: &str, color: bool) -> String {
    if color { visible::painted(text, code) } else { text.to_owned() }
}

/// Announces the tests to programs.
pub(super) fn launch(global: &Global, tests: usize) {
    if global.json {
        print_data(json!({ "type": "launch", "tests": tests }));
    }
}

/// Tells how one test ended, in a line. Why it did not pass is told in the end.
pub(super) fn tell(global: &Global, case: &TestCase, ended: &TestResult, has_output: bool) {
    if global.json {
        return print_data(to_json(case, ended));
    }

    if global.quiet && ended.status == Status::Passed {
        return;
    }

    let (word, code) = match ended.status {
        Status::Passed => ("ok     ", "32"),
        Status::Failed => ("FAILED ", "31"),
        Status::Missed => ("MISSED ", "31"),
        Status::Stopped => ("stopped", "33"),
    };

    let mut line = format!(
        "{} {}  {}",
        painted(word, code, global.color_out),
        case.shown(),
        time::length(micros(ended.time))
    );

    if ended.recorded > 0 {
        line.push_str(&format!("  {} recorded", counted(ended.recorded, "reply", "replies")));
    }
    if ended.written > 0 {
        line.push_str(&format!("  {} written", counted(ended.written, "snapshot", "snapshots")));
    }

    print_line(&line);

    if has_output && ended.status == Status::Passed {
        ended.output.iter().for_each(|line| print_line(&indented(line)));
    }

    for note in &ended.notes {
        print_line(&format!("  note: {}", visible::on_one_line(note)));
    }
}

/// Tells why tests did not pass.
pub(super) fn explain(global: &Global, failed: &[(&TestCase, &TestResult)]) {
    if global.json {
        return;
    }

    for (case, ended) in failed {
        print_line("");
        print_line(&painted(&format!("── {}", case.shown()), "1", global.color_out));

        if let Some(fault) = &ended.fault {
            print_line(&drawn(fault, global.color_out));
        }
        if !ended.output.is_empty() {
            print_line("output:");
            ended.output.iter().for_each(|line| print_line(&indented(line)));
        }
    }

    if !failed.is_empty() {
        print_line("");
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// Draws a fault without colours.
pub(super) fn plain(fault: &Diagnostic) -> String {
    drawn(fault, false)
}

/// Draws a fault: the first line of its message above the place in the script, the rest, such as a
/// difference, below it.
fn drawn(fault: &Diagnostic, color: bool) -> String {
    let mut lines = fault.message.lines();
    let title = lines.next().unwrap_or_default().to_owned();
    let mut text = diagnostic::render(&Diagnostic { message: title, ..fault.clone() }, color);

    for line in lines {
        let code = match line.chars().next() {
            Some('-') => "31",
            Some('+') => "32",
            _ => "0",
        };

        text.push('\n');
        text.push_str(&painted(line, code, color && code != "0"));
    }

    text
}

fn to_json(case: &TestCase, ended: &TestResult) -> Value {
    let status = match ended.status {
        Status::Passed => "passed",
        Status::Failed => "failed",
        Status::Missed => "missed",
        Status::Stopped => "stopped",
    };

    json!({
        "type": "test", "test": case.id, "file": text_of(&case.file), "name": case.name, "line": case.line,
        "status": status, "ms": micros(ended.time) / 1000, "recorded": ended.recorded,
        "snapshots_written": ended.written, "error": ended.fault.as_ref().map(diagnostic::to_json),
        "output": ended.output, "notes": ended.notes,
    })
}

/// Sums up.
pub(super) fn sum_up(global: &Global, counts: &Counts, took: Duration, exit: u8) {
    let all = counts.passed + counts.failed + counts.missed + counts.unchanged + counts.stopped;
    if global.json {
        let done = json!({
            "type": "done", "tests": all, "passed": counts.passed, "failed": counts.failed,
            "missed": counts.missed, "unchanged": counts.unchanged, "stopped": counts.stopped,
            "recorded": counts.recorded, "ms": micros(took) / 1000, "exit": exit,
        });
        return print_data(done);
    }

    let is_bad = counts.failed + counts.missed + counts.stopped > 0;
    if global.quiet && !is_bad {
        return;
    }

    let mut parts = Vec::new();
    for (count, what) in [
        (counts.passed, "passed"),
        (counts.failed, "failed"),
        (counts.missed, "without a recorded reply"),
        (counts.unchanged, "unchanged, not run"),
        (counts.stopped, "stopped or not run"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }

    if parts.is_empty() {
        return print_line("no tests in this shard");
    }

    let mut line = format!("{}: {}", counted(all, "test", "tests"), parts.join(", "));

    if counts.recorded > 0 {
        let cost = counts.cost.map_or("unknown cost".to_owned(), |cost| cost.to_string());
        let replies = counted(counts.recorded, "reply", "replies");
        line.push_str(&format!(" · {replies} recorded, {cost}"));
    }
    if counts.written > 0 {
        let snapshots = counted(counts.written, "snapshot", "snapshots");
        line.push_str(&format!(" · {snapshots} written"));
    }

    line.push_str(&format!(" · {}", time::length(micros(took))));
    let code = if is_bad { "31" } else { "32" };
    print_line(&painted(&line, code, global.color_out));
}

/// Tells why not every test has run, if so.
pub(super) fn tell_stop(counts: &Counts) {
    if counts.is_spent {
        say(
            "the budget is spent; recordings so far are saved. Continue with `--record new` and a \
             larger budget",
        );
    } else if counts.stopped > 0 {
        say("interrupted; recordings so far are saved");
    }
}
