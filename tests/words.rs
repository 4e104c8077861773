//! Every word with odd values: an error or an answer, and never a panic or a process that hangs.

use crate::support::Project;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Odd values, each made afresh for each call.
const VALUES: &[&str] = &[
    "()",
    "true",
    "0",
    "-1",
    "1",
    "64",
    "9223372036854775807",
    "-9223372036854775807 - 1",
    "4000001",
    "0.0",
    "-0.0",
    "0.5",
    "1e300",
    "-1e300",
    "1.0 / 0.0",
    "0.0 / 0.0",
    "``",
    "`a`",
    "`é\u{1F600}`",
    "`a,b`",
    "`no-such-file`",
    "`../..`",
    "'a'",
    "'\\u0000'",
    "[]",
    "[1, 2, 3]",
    "[[], #{}, `x`]",
    "#{}",
    "#{ a: 1 }",
    "#{ kind: 1, message: [] }",
    "blob()",
    "blob(3, 255)",
    "0..3",
    "0..9223372036854775807",
    "0..=9223372036854775807",
    "|x| x",
    "|| throw `no`",
    "timestamp()",
    "branch(`demo/echo`)",
    "json(`18446744073709551615`)",
];

/// The words of the language and of kaizen.
fn words() -> Vec<String> {
    let own = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/script-api.md"));
    let own = own.unwrap();
    let own = own.lines().filter_map(|line| line.strip_prefix("## ").map(str::to_owned));
    let language = include_str!("../src/script/words.txt").lines();
    let language = language.filter_map(|line| Some(line.split_once(' ')?.0.to_owned()));
    let is_name = |word: &String| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let mut words: Vec<String> = language.chain(own).filter(is_name).collect();
    words.sort();
    words.dedup();
    words
}

/// Writes a script that calls each word with every value alone, and with `pairs` and `triples`.
fn script(words: &[String], pairs: usize, triples: usize) -> String {
    let makers: Vec<String> = VALUES.iter().map(|value| format!("|| {value}")).collect();
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    format!(
        "let makers = [{}];
        fn at(makers, n) {{ makers[n % makers.len].call() }}
        for word in [{}] {{
            attempt(|| timeout(10, || Fn(word).call()));
            for n in 0..makers.len {{ attempt(|| timeout(10, || Fn(word).call(at(makers, n)))); }}
            for n in 0..{pairs} {{
                let a = n; let b = n / makers.len;
                attempt(|| timeout(10, || Fn(word).call(at(makers, a), at(makers, b + n))));
            }}
            for n in 0..{triples} {{
                let a = n * 13; let b = n * 5 + 3;
                let c = n * 17 + 11;
                attempt(|| timeout(10, || Fn(word).call(at(makers, a), at(makers, b), at(makers, c))));
            }}
        }}
        `done`",
        makers.join(", "),
        words.join(", "),
    )
}

/// Runs a script; returns what is wrong with how it ended.
fn fault(script: &str) -> Option<String> {
    let project = Project::new();
    project.file("s.rhai", script);
    let mut command =
        project.command(&["run", "s.rhai", "--no-prompt", "--quiet", "--max-time", "60s"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut said = String::new();
        let _ = std::io::Read::read_to_string(&mut stderr, &mut said);
        said
    });
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > Duration::from_mins(3) {
            child.kill().unwrap();
            child.wait().unwrap();
            return Some("it hangs".to_owned());
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let said = reader.join().unwrap();
    let is_wrong = said.contains("this is a bug") || !matches!(status.code(), Some(0 | 4));
    is_wrong.then(|| format!("{status}: {}", said.chars().take(600).collect::<String>()))
}

#[allow(clippy::print_stderr, reason = "the figures of the suite are for whoever runs it")]
fn tell(words: usize, calls: usize, faults: usize) {
    eprintln!("{words} words, {calls} calls: {faults} panics or hangs");
}

#[test]
fn no_word_falls_over_whatever_it_is_given() {
    let is_long = std::env::var_os("KAIZEN_LONG").is_some();
    let all = words();
    assert!(all.len() > 200, "{}", all.len());
    let words: Vec<String> = all.into_iter().step_by(if is_long { 1 } else { 4 }).collect();
    let (together, pairs, triples) = if is_long { (1, 1600, 400) } else { (40, 6, 4) };
    let mut faults = Vec::new();
    for words in words.chunks(together) {
        if let Some(fault) = fault(&script(words, pairs, triples)) {
            faults.push(format!("{words:?}: {fault}"));
        }
    }
    let calls = words.len() * (1 + VALUES.len() + pairs + triples);
    tell(words.len(), calls, faults.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
