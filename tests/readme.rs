//! The README and other pages do what they say: their files are written and their commands run, in order, in one
//! folder, and what they print is what stands there. `[..]` stands for any text; a line that is
//! only `[..]` for any lines.

use crate::support::Project;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One thing that a page does.
enum Step {
    File(String, String),
    Run(String, Vec<String>),
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = text.lines();
    let mut file = None;
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("<!-- file: ") {
            file = Some(name.trim_end_matches(" -->").to_owned());
        }
        let Some(language) = line.strip_prefix("```").filter(|language| !language.is_empty())
        else {
            continue;
        };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if let Some(name) = file.take() {
            steps.push(Step::File(name, block.join("\n")));
        } else if language == "console" {
            for line in block {
                if let Some(command) = line.strip_prefix("$ ") {
                    steps.push(Step::Run(command.to_owned(), Vec::new()));
                } else if let Some(Step::Run(_, expected)) = steps.last_mut() {
                    expected.push(line.to_owned());
                }
            }
        }
    }
    steps
}

/// Tells whether a line is the expected one.
fn fits(expected: &str, found: &str) -> bool {
    let parts: Vec<&str> = expected.split("[..]").collect();
    if parts.len() == 1 {
        return expected == found.trim_end();
    }
    let Some(mut rest) = found.strip_prefix(parts[0]) else { return false };
    for part in &parts[1..] {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    parts.last().is_some_and(|last| last.is_empty()) || rest.trim_end().is_empty()
}

/// Compares whole outputs.
fn same(expected: &[String], found: &[&str]) -> bool {
    match expected.split_first() {
        None => found.is_empty(),
        Some((first, rest)) if first == "[..]" => {
            (0..=found.len()).any(|skipped| same(rest, &found[skipped..]))
        }
        Some((first, rest)) => found
            .split_first()
            .is_some_and(|(line, others)| fits(first, line) && same(rest, others)),
    }
}

/// Runs a line of a shell, with the built program as `kaizen`.
fn shell(line: &str, folder: &Path, home: &Path) -> (String, Option<i32>) {
    let program = Path::new(env!("CARGO_BIN_EXE_kaizen")).parent().unwrap();
    let path = format!("{}:/usr/bin:/bin", program.display());
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec 2>&1\n{line}")]).current_dir(folder).env_clear();
    let output = command.env("PATH", path).env("HOME", home).output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

#[test]
fn the_tour_prints_what_stands_there() {
    does_what_it_says("README.md", 8);
}

#[test]
fn the_page_about_people_does_what_it_says() {
    does_what_it_says("docs/people.md", 9);
}

#[test]
fn the_page_about_answers_that_are_data_does_what_it_says() {
    does_what_it_says("docs/tools.md", 12);
}

#[test]
fn the_page_about_learning_does_what_it_says_and_shows_the_picture_that_is_drawn() {
    let project = does_what_it_says("docs/learning.md", 4);
    let drawn = std::fs::read_to_string(project.path().join("learned.svg")).unwrap();
    let shown = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/images/learned.svg");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&shown, &drawn).unwrap();
    }

    let is_same = std::fs::read_to_string(shown).unwrap() == drawn;
    assert!(
        is_same,
        "docs/images/learned.svg is out of date: `UPDATE=1 cargo test readme` writes it"
    );
}

/// Writes the files of a page and runs its commands. There must be more than `least` of them together.
fn does_what_it_says(page: &str, least: usize) -> Project {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page));
    let steps = steps(&text.unwrap());
    assert!(steps.len() > least, "the tour must be found: {} steps", steps.len());
    let project = Project::new();
    let mut folder: PathBuf = project.path().to_owned();
    let mut code = None;
    for step in steps {
        match step {
            Step::File(name, text) => std::fs::write(folder.join(name), text).unwrap(),
            Step::Run(line, expected) if line == "echo $?" => {
                assert_eq!(code.map(|code: i32| code.to_string()), expected.first().cloned());
            }
            Step::Run(line, _) if line.starts_with("cd ") => folder.push(&line[3..]),
            Step::Run(line, expected) => {
                let (found, ended) = shell(&line, &folder, project.path());
                code = ended;
                let found: Vec<&str> = found.lines().collect();
                let expected: Vec<String> =
                    expected.iter().map(|l| l.trim_end().to_owned()).collect();
                assert!(
                    same(&expected, &found),
                    "$ {line}\nfound:\n{}\n\nexpected:\n{}",
                    found.join("\n"),
                    expected.join("\n")
                );
            }
        }
    }
    project
}

#[test]
fn the_first_of_the_two_commands_runs_a_script_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("README.md")).unwrap();
    let line = text.lines().find(|line| line.starts_with("cargo run --release -- ")).unwrap();
    let arguments: Vec<&str> = line.split('#').next().unwrap().split_whitespace().skip(4).collect();
    assert_eq!(arguments, ["run", "scripts/hello.rhai"]);
    let project = Project::new();
    project.file(
        "scripts/hello.rhai",
        &std::fs::read_to_string(root.join("scripts/hello.rhai")).unwrap(),
    );
    assert_eq!(project.kaizen(&arguments).code, Some(0));
    assert!(text.contains("\ncargo test "));
}
