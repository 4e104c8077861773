//! Every word with odd values: an error or an answer, and never a panic or a process that hangs.

use crate::support::Project;
use std::process::Stdio;
use std::thread::JoinHandle;
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
        // Only in a task is `exit` an error, and not the end of the script.
        fn guarded(word, work) {{
            attempt(|| timeout(10, if word == `exit` {{ || task(work).wait() }} else {{ work }}))
        }}
        for word in [{}] {{
            guarded(word, || Fn(word).call());
            for n in 0..makers.len {{ guarded(word, || Fn(word).call(at(makers, n))); }}
            for n in 0..{pairs} {{
                let a = n; let b = n / makers.len;
                guarded(word, || Fn(word).call(at(makers, a), at(makers, b + n)));
            }}
            for n in 0..{triples} {{
                let a = n * 13; let b = n * 5 + 3;
                let c = n * 17 + 11;
                guarded(word, || Fn(word).call(at(makers, a), at(makers, b), at(makers, c)));
            }}
        }}
        print(`all words were called`);",
        makers.join(", "),
        words.join(", "),
    )
}

/// Runs a script; returns what is wrong with how it ended.
fn fault(script: &str) -> Option<String> {
    let project = Project::new();
    project.file("s.rhai", script);
    let mut command =
        project.command(&["run", "s.rhai", "--no-prompt", "--quiet", "--max-time", "5m"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let stdout = reader(child.stdout.take().unwrap());
    let stderr = reader(child.stderr.take().unwrap());
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > Duration::from_mins(6) {
            child.kill().unwrap();
            child.wait().unwrap();
            return Some("it hangs".to_owned());
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let said = stderr.join().unwrap();
    let is_whole = stdout.join().unwrap().ends_with("all words were called\n");
    let is_wrong = said.contains("this is a bug") || !status.success() || !is_whole;
    is_wrong.then(|| format!("{status}: {}", said.chars().take(600).collect::<String>()))
}

/// Reads what a program writes, so that it never waits for a reader.
fn reader(mut from: impl std::io::Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut said = Vec::new();
        from.read_to_end(&mut said).unwrap();
        String::from_utf8_lossy(&said).into_owned()
    })
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
    let (together, pairs, triples) = if is_long { (1, 160, 40) } else { (40, 6, 4) };
    let faults_of = |words: &[String]| -> Vec<String> {
        let chunks = words.chunks(together);
        let faults = chunks.map(|words| Some((words, fault(&script(words, pairs, triples))?)));
        faults.flatten().map(|(words, fault)| format!("{words:?}: {fault}")).collect()
    };
    let (one, other) = words.split_at(words.len() / 2);
    let faults = std::thread::scope(|scope| {
        let other = scope.spawn(|| faults_of(other));
        [faults_of(one), other.join().unwrap()].concat()
    });
    let calls = words.len() * (1 + VALUES.len() + pairs + triples);
    tell(words.len(), calls, faults.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
