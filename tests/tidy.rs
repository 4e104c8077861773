//! The house rules that a text scan can check: floors, fences, sizes, forbidden words.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The floors; a module may import only from floors before its own.
const FLOORS: [&str; 17] = [
    "base",
    "schema",
    "model",
    "session",
    "mcp",
    "flow",
    "store",
    "journal",
    "metrics",
    "executor",
    "optimizer",
    "view",
    "script",
    "settings",
    "embed",
    "fleet",
    "cli",
];

/// The rooms of the floor `script`; each may import only from rooms before its own. Its `mod.rs` only declares
/// them and names for other floors what is in them.
const SCRIPT_ROOMS: [&str; 10] = [
    "lexer",
    "diagnostic",
    "host",
    "check",
    "api",
    "reference",
    "editor",
    "program",
    "dialogue",
    "test",
];

/// A word, and the places under `src/` where it may stand.
const FENCES: &[(&str, &[&str])] = &[
    ("rhai::", &["script/"]),
    ("reqwest::", &["model/transport.rs", "model/provider/"]),
    ("tokio_postgres::", &["store/postgres/"]),
    ("rustls::", &["store/postgres/connect.rs", "store/postgres/fault.rs"]),
    ("temporalio_client::", &["fleet/"]),
    ("temporalio_common::", &["fleet/"]),
    ("temporalio_macros::", &["fleet/"]),
    ("temporalio_sdk::", &["fleet/"]),
    ("jsonschema::", &["schema/"]),
    ("petgraph::", &["flow/"]),
    ("notify::", &["cli/"]),
    ("rustyline::", &["cli/"]),
    ("clap::", &["cli/"]),
    ("clap_mangen::", &["cli/command/man.rs"]),
    ("lsp_server::", &["cli/command/lsp/"]),
    ("lsp_types::", &["cli/command/lsp/"]),
    ("anyhow::", &["cli/"]),
    (
        "std::env::",
        &["cli/", "settings/tests.rs", "base/certificates.rs", "model/provider/http.rs"],
    ),
    ("println!", &[]),
    ("eprintln!", &[]),
    ("print!", &[]),
    ("eprint!", &[]),
    ("dbg!", &[]),
    // A terminal that goes away would end the program.
    ("MultiProgress::new", &[]),
    ("ProgressDrawTarget::stderr", &[]),
    ("rmcp::", &["mcp/", "cli/command/mcp/"]),
    ("sse_stream::", &["mcp/"]),
    ("axum::", &["cli/ui/"]),
    ("use http::", &["mcp/http.rs"]),
    ("unsafe {", &["script/host/fiber.rs", "base/process.rs"]),
    // Both panic where the system has no room for another thread.
    ("thread::spawn", &["base/thread.rs"]),
    ("spawn_blocking", &["base/thread.rs"]),
    ("lookup_host", &[]),
    ("SystemTime::now", &["base/clock.rs"]),
    ("Instant::now", &["base/clock.rs"]),
    ("RandomState", &["base/rng.rs"]),
    ("tokio::spawn", &["executor/", "script/host/tasks.rs", "cli/"]),
    ("spawn_local", &["executor/", "script/host/tasks.rs", "embed/desk.rs", "cli/"]),
    ("JoinSet", &["executor/", "script/host/tasks.rs", "embed/desk.rs", "cli/"]),
];

/// Words that say that something is not finished, or file names that say nothing.
const FORBIDDEN: &[&str] = &["TODO", "FIXME", "XXX", "HACK", "#[ignore]", "#[should_panic"];
const VAGUE_FILES: &[&str] =
    &["util", "utils", "helpers", "helper", "common", "manager", "handler"];

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

/// Who may look at the event that starts an operation, and what for.
const STARTS: &[(&str, &str)] = &[
    ("journal/", "the event itself, and `Trace`"),
    ("executor/question.rs", "writes it"),
    ("executor/operation.rs", "writes it"),
    ("metrics/fold.rs", "counts what is under way"),
    ("metrics/sums.rs", "adds up what is kept with the end of a run"),
    ("cli/render/progress.rs", "draws what is under way"),
    ("embed/event.rs", "passes it on to the embedding program"),
    ("view/skeleton.rs", "keeps times and places of a run without its texts"),
    ("view/span.rs", "makes a span of each operation and call while the run goes on"),
    ("cli/app/resumed.rs", "lists every event that a fork does not do again"),
];

#[test]
fn runs_are_read_as_traces() {
    check(|file, text| {
        let mut faults = String::new();
        let may = STARTS.iter().any(|(place, _)| file.starts_with(place));
        for (number, line) in code_lines(production(text)) {
            // Names and plans of operations are nobody's business but that of `Roster`.
            let is_fold = line.contains("planned.name") && !file.starts_with("journal/");
            if line.contains("Event::OpStarted") && !may || is_fold {
                let _ = writeln!(
                    faults,
                    "{number}: a fold of its own over the events of a run. What a run did is in \
                     `journal/trace.rs`: read `Trace`, or follow names and plans with `Roster`"
                );
            }
        }
        faults
    });
}

/// Calls that look into a text for something that is written in the code.
const LOOKS: &[&str] = &[
    "starts_with",
    "ends_with",
    "contains",
    "split",
    "split_once",
    "rsplit",
    "rsplit_once",
    "strip_prefix",
    "strip_suffix",
    "find",
    "rfind",
];

/// Where texts are read that people or other programs wrote, and what those texts are. Only there may a
/// decision hang on what a text holds.
const PARSERS: &[(&str, &str)] = &[
    ("script/host/stdlib.rs", "the files of the standard library"),
    ("store/server.rs", "addresses of servers"),
    ("fleet/address.rs", "addresses of engines"),
    ("fleet/bundle.rs", "names of files"),
    ("fleet/remote.rs", "what a Temporal server says"),
    ("cli/render/guide.rs", "the Markdown of the documentation"),
    ("base/file.rs", "how lines of a file end"),
    ("base/toml_text.rs", "TOML, and the lines that its parser shows"),
    ("base/failpoint.rs", "the variable that sets a failpoint"),
    ("base/json.rs", "JSON"),
    ("executor/lost.rs", "calls as the journal has them"),
    ("executor/tool_protocol.rs", "what models answer, and references of schemas"),
    ("model/image.rs", "pictures that stand in a text"),
    ("optimizer/evidence/lesson.rs", "the words of failures as observations keep them"),
    ("base/spelled.rs", "the forms in which other programs spell a text"),
    ("base/strand.rs", "addresses as the journal has them"),
    ("base/secret.rs", "whatever may hold a secret"),
    ("base/credential.rs", "addresses, headers and arguments that may hold a secret"),
    ("base/wildcard.rs", "patterns of names"),
    ("cli/app/usage.rs", "arguments that kaizen does not know"),
    ("cli/render/paint.rs", "words for outcomes in tables"),
    ("cli/app/asking.rs", "questions of several lines"),
    ("cli/command/answer.rs", "names of runs and questions, such as `@:2`"),
    ("cli/command/check.rs", "names of files"),
    ("cli/command/doc_settings.rs", "keys of kaizen.toml"),
    ("cli/command/template.rs", "the scripts of templates"),
    ("script/api/finished.rs", "names of runs, such as `@-1`"),
    ("base/csv.rs", "tables as text"),
    ("optimizer/learner/utility.rs", "weights that people give to an option"),
    ("cli/render/wrapped.rs", "words of a sentence that is shown"),
    ("cli/command/compare/tasks.rs", "files of tasks"),
    ("cli/command/compare/mod.rs", "options of the command line"),
    ("settings/config.rs", "keys of kaizen.toml"),
    ("settings/otel.rs", "headers in kaizen.toml"),
    ("cli/app/otel.rs", "the address of a collector"),
    ("view/span/call.rs", "labels of models, which people write"),
    ("journal/ran.rs", "rows of the journal"),
    ("metrics/plan_graph.rs", "digits in names"),
    ("embed/builder.rs", "names that the program gives, and keys of kaizen.toml"),
    ("cli/command/compare/contest.rs", "options of the command line"),
    ("cli/app/script_words.rs", "scripts"),
    ("cli/app/config_faults.rs", "the text of kaizen.toml"),
    ("cli/command/config_show.rs", "values of kaizen.toml"),
    ("cli/command/doc_html.rs", "documentation with code in it"),
    ("script/diagnostic/foreign/", "what people wrote as in another language"),
    ("script/diagnostic/variable.rs", "what stands behind a name in a script"),
    ("script/api/entry.rs", "documentation with code in it"),
    ("script/reference/language.rs", "documentation with code in it"),
    ("cli/command/list.rs", "names of files, and the first line of a script"),
    ("cli/command/new.rs", "nothing: it holds the scripts of a new project"),
    ("cli/app/permissions.rs", "permissions as they are written"),
    ("script/host/rule.rs", "grants and denials as they are written"),
    ("cli/render/entry.rs", "what somebody searches the documentation for"),
    ("cli/render/plan.rs", "names of rows, to tell those together that differ in numbers"),
    ("cli/render/table.rs", "the heads of tables, which say how to align"),
    ("cli/render/value.rs", "lines of a text that is shown"),
    ("cli/command/repl/", "what somebody types"),
    ("cli/command/run.rs", "options of the command line"),
    ("cli/app/signal.rs", "what the kernel says of a process"),
    ("cli/command/show.rs", "options of the command line"),
    ("cli/command/test/", "names of files, and options of the command line"),
    ("cli/app/trust.rs", "values of kaizen.toml"),
    ("cli/command/watch/sources.rs", "names of files"),
    ("journal/event/about.rs", "journals of version 0.1, which has no word for a comparison"),
    ("journal/history.rs", "journals of version 0.1, which took secrets out of JSON"),
    ("journal/inquiry.rs", "inquiries as the journal has them"),
    ("cli/command/mcp/service.rs", "names of parameters that clients give"),
    ("mcp/", "what servers say, and what kaizen.toml says of them"),
    ("model/mod.rs", "names of models"),
    ("model/price.rs", "names of models"),
    ("model/provider/", "what servers say"),
    ("model/registry.rs", "addresses"),
    ("schema/", "replies, and schemas"),
    ("model/spec.rs", "descriptions of models"),
    ("optimizer/evidence/guide_file.rs", "knowledge files"),
    ("script/reference/entry.rs", "signatures and documentation"),
    ("script/api/define.rs", "signatures"),
    ("script/api/world.rs", "names of headers"),
    ("script/check/", "scripts, and signatures"),
    ("script/editor/", "scripts, and signatures"),
    ("cli/command/lsp/", "messages and texts of editors"),
    ("script/diagnostic/fix.rs", "scripts"),
    ("script/host/convert.rs", "Rust's names of types"),
    ("script/reference/definitions.rs", "signatures"),
    ("script/diagnostic/forms.rs", "signatures"),
    ("script/diagnostic/mod.rs", "signatures"),
    ("script/diagnostic/type_word.rs", "Rust's names of types"),
    ("script/api/image.rs", "whether a text is a picture, an address or a path"),
    ("script/host/value_difference.rs", "lines of texts"),
    ("script/host/error.rs", "errors of Rhai"),
    ("script/host/executable.rs", "names of programs, and `PATH`"),
    ("script/host/word.rs", "signatures"),
    ("script/lexer.rs", "scripts"),
    ("script/diagnostic/mismatch.rs", "errors of Rhai"),
    ("script/host/modules.rs", "paths of imports"),
    ("script/host/permission.rs", "rules and targets of permissions"),
    ("script/host/procfs.rs", "names of files"),
    ("script/dialogue/display.rs", "Rust's names of types"),
    ("script/host/source.rs", "scripts"),
    ("script/host/snapshot.rs", "names of snapshots"),
    ("script/reference/completion.rs", "signatures"),
    ("store/schema.rs", "names of SQLite's tables"),
    ("view/filter.rs", "the words of a filter"),
    ("store/query.rs", "questions in SQL"),
    ("cli/ui/", "headers, addresses, and the page's own files"),
    ("cli/app/process.rs", "what the kernel says of a process"),
    ("cli/command/note.rs", "names of operations, such as `@:draft`"),
    ("cli/command/report.rs", "places of texts, as `SEQ/FIELD`"),
];

/// What no part of kaizen looks into, parser or not: texts that kaizen itself made for people.
const MADE_FOR_PEOPLE: &[&str] = &["message", "help", "said", "reason", "label", "to_string()"];

#[test]
fn decisions_hang_on_enums_and_not_on_text() {
    check(|file, text| {
        let mut faults = String::new();
        let is_parser = PARSERS.iter().any(|(place, _)| file.starts_with(place));
        let text = if file.ends_with("tests.rs") { "" } else { &without_docs(production(text)) };
        for (number, line) in code_lines(text) {
            for look in LOOKS {
                for (at, _) in line.match_indices(&format!(".{look}(")) {
                    let rest = line[at + look.len() + 2..].trim_start_matches('&');
                    let is_literal = rest.starts_with(['"', '\'']) || rest.starts_with("format!(");
                    let is_message = MADE_FOR_PEOPLE.iter().any(|word| line[..at].ends_with(word));
                    if is_literal && (!is_parser || is_message) {
                        let _ = writeln!(
                            faults,
                            "{number}: a decision hangs on a text (`{look}`). Words change when \
                             somebody mends a sentence, and names are chosen by users: give the thing \
                             an enum (`base/word.rs`). If this reads what people or other programs \
                             wrote, name the file in `PARSERS`, with what it reads"
                        );
                    }
                }
            }
        }
        faults
    });
}

#[test]
fn every_parser_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (place, reads) in PARSERS {
        assert!(root.join(place).exists() && !reads.is_empty(), "{place}");
    }
}

#[test]
fn modules_import_only_to_the_left() {
    check(|file, text| {
        let Some(floor) = floor_of(file) else { return String::new() };
        let mut faults = String::new();
        for (number, line) in code_lines(text) {
            if line.contains("use crate::{") {
                let _ = writeln!(faults, "{number}: a grouped import hides its floor");
            }
            for (at, _) in line.match_indices("crate::") {
                let name: String =
                    line[at + 7..].chars().take_while(|c| c.is_alphanumeric()).collect();
                let target = FLOORS.iter().position(|f| *f == name);
                if target.is_some_and(|target| target > floor) {
                    let _ = writeln!(faults, "{number}: `{}` imports from `{name}`", FLOORS[floor]);
                }
            }
        }
        faults
    });
}

#[test]
fn rooms_of_script_import_only_to_the_left() {
    check(|file, text| {
        let Some(place) = file.strip_prefix("script/") else { return String::new() };
        if place.ends_with("tests.rs") {
            return String::new();
        }
        if place == "mod.rs" {
            return definitions_in(text);
        }

        let name = place.split(['/', '.']).next().unwrap_or(place);
        let Some(room) = SCRIPT_ROOMS.iter().position(|room| *room == name) else {
            return format!("1: `{name}` is no room of `SCRIPT_ROOMS`; say there where it stands");
        };
        let is_whole_room = place == format!("{name}.rs") || place == format!("{name}/mod.rs");

        let mut faults = String::new();
        for (number, line) in code_lines(production(text)) {
            if is_whole_room && line.contains("use super::") {
                let _ =
                    writeln!(faults, "{number}: import by the whole path, which names the room");
            }
            for (at, found) in line.match_indices("crate::script::") {
                let rest = line[at + found.len()..].chars();
                let target: String =
                    rest.take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                match SCRIPT_ROOMS.iter().position(|room| *room == target) {
                    Some(target) if target <= room => {}
                    Some(_) => {
                        let _ = writeln!(faults, "{number}: `{name}` imports from `{target}`");
                    }
                    None => {
                        let _ = writeln!(
                            faults,
                            "{number}: import it from its room; `script/mod.rs` is for other floors"
                        );
                    }
                }
            }
        }
        faults
    });
}

/// Finds what a module defines itself.
fn definitions_in(text: &str) -> String {
    let mut faults = String::new();
    for (number, line) in code_lines(text) {
        if ["fn ", "struct ", "enum ", "impl ", "const "].iter().any(|word| line.contains(word)) {
            let _ = writeln!(faults, "{number}: it belongs in a room");
        }
    }
    faults
}

#[test]
fn crates_stay_behind_their_fences() {
    check(|file, text| {
        let mut faults = String::new();
        for (number, line) in code_lines(production(text)) {
            for (word, places) in FENCES {
                let inside =
                    file == "main.rs" || places.iter().any(|place| file.starts_with(place));
                if !inside && stands_alone(line, word) {
                    let _ = writeln!(faults, "{number}: `{word}` belongs in {places:?}");
                }
            }
        }
        faults
    });
}

/// How statements of SQL begin, and the crate that takes them.
const SQL: &[&str] = &[
    "rusqlite",
    "SELECT ",
    "INSERT INTO ",
    "INSERT OR ",
    "DELETE FROM ",
    "UPDATE ",
    "CREATE ",
    "ALTER TABLE ",
    "DROP TABLE ",
    "PRAGMA ",
    "ATTACH ",
    "VACUUM",
    "SAVEPOINT",
    "BEGIN IMMEDIATE",
];

#[test]
fn sql_stands_in_the_store_alone() {
    check(|file, text| {
        let mut faults = String::new();
        let text = if file.starts_with("store/") { "" } else { production(text) };
        for (number, line) in code_lines(text) {
            if let Some(word) = SQL.iter().find(|word| line.contains(**word)) {
                let _ = writeln!(
                    faults,
                    "{number}: `{word}` belongs in `store/`. What is written is data (`StoreChange`), and what is \
                     read comes as plain rows (`Reader`), so that everything above works the same on any \
                     kind of store"
                );
            }
        }
        faults
    });
}

/// What is written must not depend on whether stdout and stderr are open, have room and are read.
#[test]
fn only_one_file_writes_to_stdout_and_stderr() {
    check(|file, text| {
        let mut faults = String::new();
        for (number, line) in code_lines(production(text)) {
            let is_named = line.contains("io::stdout") || line.contains("io::stderr");
            let is_question = line.contains(".is_terminal()") || line.contains("terminal_size");
            let may_write = ["cli/app/output.rs", "cli/app/permissions.rs"].contains(&file);
            if is_named && !is_question && !may_write {
                let _ = writeln!(faults, "{number}: write through cli/app/output.rs");
            }
        }
        faults
    });
}

/// A folder or a file may be called like a line of kaizen's own.
#[test]
fn paths_are_shown_on_one_line() {
    check(|file, text| {
        let mut faults = String::new();
        for (number, line) in code_lines(production(text)) {
            // As data, a path is what it is.
            let shown =
                line.matches(".display()").count() - line.matches(".display().to_string()").count();
            if file.starts_with("cli/") && !file.ends_with("tests.rs") && shown > 0 {
                let _ =
                    writeln!(faults, "{number}: write `shown_path(..)`, which stays on one line");
            }
        }
        faults
    });
}

#[test]
fn files_and_functions_stay_short() {
    check(|file, text| {
        let mut faults = String::new();
        let text = &without_docs(text);
        // Blank lines are free: a limit that counts them takes the air out of the code.
        let lines = production(text).lines().filter(|line| !line.trim().is_empty()).count();
        if lines > FILE_LINES_MAX && !file.ends_with("tests.rs") {
            let _ = writeln!(faults, "{lines} lines, at most {FILE_LINES_MAX}");
        }
        for (name, number, length) in functions(production(text)) {
            if length > FUNCTION_LINES_MAX {
                let _ = writeln!(
                    faults,
                    "{number}: `{name}` has {length} lines, at most {FUNCTION_LINES_MAX}"
                );
            }
        }
        faults
    });
}

#[test]
fn every_module_says_what_it_is_for() {
    check(|file, text| {
        let vague = VAGUE_FILES.iter().any(|word| file.ends_with(&format!("{word}.rs")));
        let mut faults = String::new();
        if vague {
            let _ = writeln!(faults, "the name says nothing");
        }
        if !text.starts_with("//!") && !file.ends_with("tests.rs") {
            let _ = writeln!(faults, "1: a module starts with `//!`");
        }
        for (number, line) in code_lines(text) {
            for word in FORBIDDEN.iter().filter(|word| line.contains(**word)) {
                let _ = writeln!(faults, "{number}: `{word}`");
            }
        }
        faults
    });
}

/// Applies `rule` to every source file and fails with everything it found.
fn check(mut rule: impl FnMut(&str, &str) -> String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 15, "the scan must find the sources");
    let mut report = String::new();
    for path in files {
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
        let text = std::fs::read_to_string(&path).unwrap();
        for fault in rule(&name, &text).lines() {
            let _ = writeln!(report, "src/{name}:{fault}");
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

fn floor_of(file: &str) -> Option<usize> {
    let first = file.split('/').next()?;
    FLOORS.iter().position(|floor| *floor == first)
}

/// The part of a file before its unit tests.
fn production(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

/// A file without its raw strings of several lines: the documentation of script functions.
fn without_docs(text: &str) -> String {
    let mut inside = false;
    let mut kept = String::new();
    for line in text.lines() {
        let ends = inside && line.trim_start().starts_with("\"#");
        if !inside || ends {
            kept.push_str(line);
            kept.push('\n');
        }
        inside = (inside && !ends) || line.ends_with("r#\"");
    }
    kept
}

/// Lines that are not comments, with their numbers.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Tells whether `word` stands in `line` as a path of its own (`crate::script::rhai::` does not).
fn stands_alone(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    })
}

/// Functions with their first line and length without blank lines, found by indentation (rustfmt
/// guarantees it).
fn functions(text: &str) -> Vec<(String, usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let Some(at) = code.find("fn ").filter(|at| {
            let before = code[..*at]
                .strip_prefix("pub(")
                .map_or(&code[..*at], |rest| rest.split_once(')').map_or(rest, |(_, after)| after));
            before.split_whitespace().all(|w| ["pub", "async", "const", "unsafe"].contains(&w))
        }) else {
            continue;
        };
        let indent = line.len() - code.len();
        let close = format!("{}}}", " ".repeat(indent));
        let name: String =
            code[at + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if let Some(end) = lines[index..].iter().position(|l| *l == close) {
            let body = &lines[index..=index + end];
            let length = body.iter().filter(|line| !line.trim().is_empty()).count();
            found.push((name, index + 1, length));
        }
    }
    found
}

/// Functions of this many lines or more have paragraphs.
const PARAGRAPHS_FROM: usize = 20;
/// Functions that are one table, and have no place for a blank line.
const TABLES: &[&str] = &[
    "advice",
    "capabilities",
    "is_choice",
    "is_ignorable",
    "is_of_store",
    "kind",
    "known",
    "of_call",
    "retry",
    "shared_use",
    "status",
    "words_of",
];

#[test]
fn long_functions_have_paragraphs() {
    check(|_, text| {
        let mut faults = String::new();
        let text = &without_docs(text);
        let lines: Vec<&str> = production(text).lines().collect();
        for (name, number, length) in functions(production(text)) {
            let body = lines[number..].iter().take_while(|line| !closes(lines[number - 1], line));
            let is_solid = !body.into_iter().any(|line| line.trim().is_empty());
            if length > PARAGRAPHS_FROM + 1 && is_solid && !TABLES.contains(&name.as_str()) {
                let _ = writeln!(
                    faults,
                    "{number}: `{name}` has {length} lines and no blank one. Part it into its steps, so that \
                     a reader sees them; if it is one table, name it in `TABLES`"
                );
            }
        }
        faults
    });
}

/// Tells whether a line closes the function that begins with another.
fn closes(first: &str, line: &str) -> bool {
    let indent = first.len() - first.trim_start().len();
    line.len() == indent + 1 && line.ends_with('}')
}

#[test]
fn two_values_are_named_in_two_statements() {
    check(|_, text| {
        let mut faults = String::new();
        for (number, line) in code_lines(production(text)) {
            let Some((names, value)) = line.trim_start().split_once(" = (") else { continue };
            let is_tuple = names.starts_with("let (") && names.ends_with(')');
            let is_pair = is_tuple && !names.contains(['{', '&']) && value.ends_with(");");
            if is_pair && !names[5..].contains('(') {
                let _ = writeln!(
                    faults,
                    "{number}: a tuple that is taken apart at once. Write a `let` for each, so that each stands \
                     with what it is for; a swap, or a value that needs the old one, may stay"
                );
            }
        }
        faults
    });
}

/// Types whose name means the same everywhere although it is defined in several places.
const SHARED_TYPES: &[&str] = &["Arguments"];
/// The facade, whose types are named for people who know nothing of the rooms below.
const FACADE: &str = "src/embed";
/// Words that end like participles and are nouns.
const NOUNS: &[&str] = &["Deed", "Embed", "Need", "Seed", "Speed", "Strand"];
/// Participles that do not end in `-ed`, and particles: none of them says what a thing is.
const NO_NOUNS: &[&str] = &[
    "Again",
    "Begun",
    "Bound",
    "Chosen",
    "Done",
    "Driven",
    "Found",
    "From",
    "Given",
    "Got",
    "Held",
    "How",
    "Kept",
    "Known",
    "Left",
    "Lost",
    "Made",
    "Meant",
    "Once",
    "Over",
    "Paid",
    "Running",
    "Said",
    "Seen",
    "Sent",
    "Shown",
    "Spent",
    "Taken",
    "Thrown",
    "Told",
    "Took",
    "Unread",
    "Unwritten",
    "Waiting",
    "Went",
    "What",
    "When",
    "Why",
    "With",
    "Within",
    "Written",
];

/// Tells whether a name is a participle or a particle.
fn is_participle(name: &str) -> bool {
    (name.ends_with("ed") && !NOUNS.contains(&name)) || NO_NOUNS.contains(&name)
}

#[test]
fn a_type_name_stands_once_and_is_a_noun() {
    let mut places: std::collections::BTreeMap<String, Vec<String>> =
        std::collections::BTreeMap::new();
    let mut faults = String::new();
    let mut files = Vec::new();
    collect(Path::new("src"), &mut files);
    for file in files.into_iter().filter(|file| !file.starts_with(FACADE)) {
        let text = std::fs::read_to_string(&file).unwrap();
        for name in type_names(production(&without_docs(&text))) {
            places.entry(name.clone()).or_default().push(file.display().to_string());
            if is_participle(&name) {
                let _ = writeln!(
                    faults,
                    "{}: `{name}` is no noun. Say what it is: `CallResult` instead of `Called` or `Told`",
                    file.display()
                );
            }
        }
    }
    for (name, files) in places {
        if files.len() > 1 && !SHARED_TYPES.contains(&name.as_str()) {
            let _ = writeln!(
                faults,
                "`{name}` stands in {}: a name means one thing in the whole crate",
                files.join(", ")
            );
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

/// Returns the names of the types that a text defines, those included that a macro makes.
fn type_names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut inside_words = false;
    let mut inside_macro = false;
    for line in text.lines() {
        inside_words = line == "words! {" || (inside_words && line != "}");
        inside_macro = line.starts_with("macro_rules! ") || (inside_macro && line != "}");

        let is_name = |name: &&str| name.chars().all(char::is_alphanumeric);
        let of_words =
            line.strip_prefix("    ").and_then(|line| line.strip_suffix(" {")).filter(is_name);
        let name = match line {
            _ if inside_words => of_words,
            _ if inside_macro => type_name(line.trim_start()).filter(|name| !name.is_empty()),
            line => type_name(line),
        };
        names.extend(name.map(str::to_owned));
    }
    names
}

#[test]
fn types_that_macros_make_are_seen() {
    let text = "words! {\n    /// How.\n    Kind {\n        /// Well.\n        Ok = \"ok\",\n    }\n}\n\
                macro_rules! table {\n    ($name:ident) => {\n        pub enum $name {}\n        \
                pub enum Row {}\n    };\n}\npub(in crate::cli) struct Plain;\n";
    assert_eq!(type_names(text), ["Kind", "Row", "Plain"]);
}

#[test]
fn functions_are_seen_whatever_their_visibility() {
    let text = "fn a() {\n}\npub(in crate::cli) fn b() {\n}\npub(super) async fn c() {\n}\n\
                    pub const fn d() {\n}\n// a fn in words\n";
    let names: Vec<String> = functions(text).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["a", "b", "c", "d"]);
}

/// Returns the name of the type that a line defines; associated types of a trait are none.
fn type_name(line: &str) -> Option<&str> {
    let code = line.strip_prefix("pub ").unwrap_or(line);
    let code = code
        .strip_prefix("pub(")
        .and_then(|rest| rest.split_once(") "))
        .map_or(code, |(_, rest)| rest);
    let rest =
        ["struct ", "enum ", "trait ", "type "].iter().find_map(|word| code.strip_prefix(word))?;
    rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

#[test]
fn the_map_of_the_code_is_true() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in ["src", "stdlib", "scripts", "tests", "benches", "docs"] {
        collect_all(&root.join(folder), &mut paths);
    }
    let files: Vec<String> = paths
        .iter()
        .map(|path| format!("/{}", path.strip_prefix(root).unwrap().display()))
        .collect();
    let is_source = |file: &String| {
        file.starts_with("/src/") && Path::new(file).extension().is_some_and(|end| end == "rs")
    };
    let text = |file: &String| std::fs::read_to_string(root.join(&file[1..])).unwrap();
    let sources: std::collections::HashMap<&String, String> =
        files.iter().filter(|file| is_source(file)).map(|file| (file, text(file))).collect();

    let mut faults = String::new();
    let map = std::fs::read_to_string(root.join("docs/architecture.md")).unwrap();
    for (index, line) in map.lines().enumerate() {
        let number = index + 1;
        let is_row = line.starts_with("| ");
        let quoted = |line: &str| -> Vec<String> {
            line.split('`').skip(1).step_by(2).map(str::to_owned).collect()
        };

        let mut named = Vec::new();
        for path in quoted(line).iter().filter(|word| is_path(word)) {
            let wanted = format!("/{path}");
            let found = files.iter().filter(|file| {
                if path.ends_with('/') { file.contains(&wanted) } else { file.ends_with(&wanted) }
            });
            let before = named.len();
            named.extend(found);
            if named.len() == before {
                let _ = writeln!(faults, "{number}: there is no `{path}`");
            }
        }
        named.retain(|file| is_source(file));

        // What one looks for stands in the first cell, and where it is in the second.
        let cell = if is_row { line.rsplit(" | ").next().unwrap_or(line) } else { line };
        for symbol in quoted(cell).iter().filter(|word| is_symbol(word)) {
            let last = symbol.rsplit("::").next().unwrap_or(symbol);
            let is_there = !is_row
                || named.is_empty()
                || named.iter().any(|file| has_word(&sources[file], last));
            let mut parts = symbol.split("::");
            if !is_there || !parts.all(|part| sources.values().any(|text| has_word(text, part))) {
                let _ =
                    writeln!(faults, "{number}: there is no `{symbol}`, or not in the files named");
            }
        }
    }
    assert!(faults.is_empty(), "\ndocs/architecture.md:\n{faults}");
}

fn collect_all(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect_all(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// Tells whether a word of the documentation names a file or a folder of this project.
fn is_path(word: &str) -> bool {
    let is_plain = word.chars().all(|c| c.is_alphanumeric() || "_-./".contains(c));
    let ends = [".rs", ".rhai", ".md", ".txt", ".sh", "/"];
    is_plain && ends.iter().any(|end| word.ends_with(end))
}

/// Tells whether a word of the documentation names something in the sources, such as `Executor::effect`.
fn is_symbol(word: &str) -> bool {
    let is_name = |part: &str| {
        !part.is_empty()
            && !part.starts_with(|c: char| c.is_numeric())
            && part.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    word.split("::").all(is_name)
}

/// Tells whether a word stands in a text as a whole.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part)
    })
}

/// Folders and files of which the words stand in journals and JSON lines: those that write them.
const WRITERS: &[&str] = &[
    "base/failure.rs",
    "base/problem.rs",
    "cli/app/",
    "cli/command/",
    "cli/mod.rs",
    "cli/render/",
    "executor/",
    "journal/",
    "metrics/",
    "optimizer/",
    "script/host/shape.rs",
    "session/tool.rs",
    "store/query.rs",
    "view/",
];

/// Files whose structs are kept in journals, so that the names of their fields stand there.
const KEPT: &[&str] = &[
    "base/failure.rs",
    "base/problem.rs",
    "journal/annotation.rs",
    "journal/event.rs",
    "journal/part.rs",
    "journal/waits.rs",
    "session/tool.rs",
];

/// A secret is taken out of everything that is shown, a word of kaizen's output is not: whoever has such a
/// word for a secret would otherwise break the output for every reader.
#[test]
fn words_of_the_output_are_not_taken_for_secrets() {
    let mut missing = std::collections::BTreeSet::new();
    check(|file, text| {
        let is_writer = WRITERS.iter().any(|place| file.starts_with(place));
        if is_writer
            && !file.contains("/lsp/")
            && !file.contains("/mcp/")
            && !file.ends_with("tests.rs")
        {
            missing.extend(words_of_output(file, production(text)));
        }
        String::new()
    });

    missing.retain(|word| word.len() >= 8 && kaizen::base::secret::weakness(word).is_none());
    assert!(missing.is_empty(), "add to `OWN_WORDS` (base/secret.rs): {missing:?}");
}

/// Returns the words that a file writes: keys of JSON, words of enums, properties of shapes, and the fields
/// and variants of what the journal keeps.
fn words_of_output(file: &str, text: &str) -> Vec<String> {
    let is_word =
        |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let is_kept = KEPT.contains(&file);

    let mut words = Vec::new();
    let mut inside_words = false;
    let mut was_renamed = false;
    for line in text.lines() {
        let code = line.trim_start().trim_start_matches("pub ");
        inside_words = line == "words! {" || (inside_words && line != "}");

        let quoted: Vec<&str> = code.split('"').collect();
        for pair in quoted.windows(2).skip(1).step_by(2) {
            let is_key = pair[1].starts_with(": ");
            let is_property = file.ends_with("shape.rs") && code.ends_with(", Any),");
            let is_name = inside_words || code.starts_with("#[serde(rename = ");
            if is_word(pair[0]) && (is_key || is_property || is_name) {
                words.push(pair[0].to_owned());
            }
        }

        if let Some((field, kind)) = code.split_once(": ").filter(|_| is_kept)
            && is_word(field)
            && kind.ends_with(',')
        {
            words.push(field.to_owned());
        }

        let variant = line.strip_prefix("    ").and_then(|line| line.strip_suffix(" {"));
        let is_variant = file == "journal/event.rs" && !was_renamed;
        if is_variant
            && let Some(variant) = variant.filter(|name| name.chars().all(char::is_alphanumeric))
        {
            words.push(in_snake_case(variant));
        }
        was_renamed = code.starts_with("#[serde(rename = ");
    }
    words
}

fn in_snake_case(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}
