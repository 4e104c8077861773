//! The line editor, on a thread of its own, so that tasks continue while somebody types.

use crate::base::thread;
use crate::cli::command::repl::command;
use crate::cli::command::repl::complete::{Candidate, PromptState, complete};
use crate::cli::command::repl::highlight::{BOLD, DIM, highlight, paint};
use crate::cli::command::repl::history::Secrets;
use crate::script::reference::lexer::Completeness;
use rustyline::completion::Completer;
use rustyline::config::{Behavior, BellStyle, ColorMode};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, ExternalPrinter, Helper, Result};
use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};
use std::io::{BufRead, ErrorKind, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Most inputs that are kept.
const HISTORY_MAX: usize = 10_000;
/// Most bytes of one input that is read from something that is no terminal.
const INPUT_MAX: usize = 1 << 20;
/// Most lines of such an input. After each, all of it is looked through for its end.
const INPUT_LINES_MAX: usize = 4096;
const PROMPT: &str = "> ";

/// What came from whoever types.
#[derive(Debug)]
pub(super) enum LineInput {
    /// An input that is whole.
    Text(String),
    /// The line was given up.
    Dropped,
    /// It cannot be taken for an input, and nothing after it is read; with the reason.
    Refused(String),
    /// There is nothing more.
    End,
}

/// What the editor is set up with.
pub(super) struct EditorSetup {
    pub(super) known: Arc<Mutex<PromptState>>,
    pub(super) color: bool,
    pub(super) history: Option<PathBuf>,
    pub(super) secrets: Secrets,
    /// Whether stdout is the terminal as well.
    pub(super) is_stdout_terminal: bool,
}

/// Writes text above the line that is being typed.
pub(super) type Above = Box<dyn ExternalPrinter + Send>;

/// The editor as the session sees it.
pub(super) struct Typist {
    ask: mpsc::Sender<()>,
    inputs: UnboundedReceiver<LineInput>,
}

impl Typist {
    /// Shows the prompt.
    pub(super) fn ask(&self) {
        // An editor that is gone says so by its last input.
        let _ = self.ask.send(());
    }

    /// Waits for the next input.
    pub(super) async fn next(&mut self) -> LineInput {
        self.inputs.recv().await.unwrap_or(LineInput::End)
    }
}

/// Starts the editor. What it gives with the editor writes above the prompt.
pub(super) fn start(setup: EditorSetup) -> anyhow::Result<(Typist, Option<Above>)> {
    let (ask, asked) = mpsc::channel();
    let (give, inputs) = unbounded_channel();
    let (ready, is_ready) = mpsc::channel();

    thread::start("editor", move || {
        let mut editor = match create(&setup) {
            Ok(editor) => editor,
            Err(error) => {
                // Whoever waits learns it from this.
                let _ = ready.send(Err(error));
                return;
            }
        };

        let above = editor.create_external_printer().ok();
        let above = above.map(|printer| Box::new(printer) as Above);
        if ready.send(Ok(above)).is_ok() {
            read(&mut editor, &setup, &asked, &give);
        }
    })?;

    let above = is_ready.recv()??;
    Ok((Typist { ask, inputs }, above))
}

/// Reads whole inputs from something that is no terminal, one at a time.
pub(super) fn read_lines() -> anyhow::Result<Typist> {
    let (ask, asked) = mpsc::channel::<()>();
    let (give, inputs) = unbounded_channel();

    thread::start("input", move || {
        let mut source = std::io::stdin().lock();
        while asked.recv().is_ok() {
            if give.send(read_input(&mut source)).is_err() {
                return;
            }
        }
    })?;

    Ok(Typist { ask, inputs })
}

/// Reads one input, which may have several lines.
fn read_input(source: &mut impl BufRead) -> LineInput {
    let mut text = String::new();
    for _ in 0..INPUT_LINES_MAX {
        let room = INPUT_MAX.saturating_sub(text.len());
        let mut line = String::new();

        match source.by_ref().take(room as u64 + 1).read_line(&mut line) {
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                let reason = "it is not text: it has bytes that are not UTF-8";
                return LineInput::Refused(reason.to_owned());
            }
            Err(error) => return LineInput::Refused(error.to_string()),
            Ok(0) if text.is_empty() => return LineInput::End,
            Ok(0) => return LineInput::Text(text),
            // A device may continue for ever without an end of a line.
            Ok(length) if length > room => {
                let reason = format!("it has more than {INPUT_MAX} bytes (`INPUT_MAX`)");
                return LineInput::Refused(reason);
            }
            Ok(_) => {}
        }

        text.push_str(line.trim_end_matches(['\r', '\n']));
        if command::completeness(&text) == Completeness::Complete {
            return LineInput::Text(text);
        }
        text.push('\n');
    }

    LineInput::Refused(format!("it has more than {INPUT_LINES_MAX} lines (`INPUT_LINES_MAX`)"))
}

fn create(setup: &EditorSetup) -> Result<Editor<Assistant, DefaultHistory>> {
    let behavior = if setup.is_stdout_terminal { Behavior::Stdio } else { Behavior::PreferTerm };

    let config = Config::builder()
        .max_history_size(HISTORY_MAX)?
        .history_ignore_dups(true)?
        .auto_add_history(false)
        .completion_type(CompletionType::List)
        .completion_show_all_if_ambiguous(true)
        .bell_style(BellStyle::None)
        .color_mode(if setup.color { ColorMode::Forced } else { ColorMode::Disabled })
        .behavior(behavior)
        .build();

    let mut editor = Editor::with_config(config)?;
    let words = lock(&setup.known).words.iter().map(|word| word.name.clone()).collect();
    let known = setup.known.clone();
    let color = setup.color;
    editor.set_helper(Some(Assistant { known, words, color }));

    if let Some(file) = &setup.history {
        // The file was made just now; one that somebody else damaged starts again from nothing.
        let _ = editor.load_history(file);
    }

    Ok(editor)
}

fn read(
    editor: &mut Editor<Assistant, DefaultHistory>,
    setup: &EditorSetup,
    asked: &mpsc::Receiver<()>,
    give: &UnboundedSender<LineInput>,
) {
    let mut pasted: VecDeque<String> = VecDeque::new();
    while asked.recv().is_ok() {
        if let Some(text) = pasted.pop_front() {
            if give.send(LineInput::Text(text)).is_err() {
                return;
            }
            continue;
        }

        let input = match next(editor) {
            Ok(text) => {
                if !text.trim().is_empty() && !setup.secrets.are_in(&text) {
                    // What cannot be kept is forgotten at the end, as was said at the start.
                    let _ = editor.add_history_entry(text.as_str());
                    if let Some(file) = &setup.history {
                        let _ = editor.append_history(file);
                    }
                }
                // Several lines that are whole each, such as a paste, are inputs of their own.
                pasted.extend(pieces(&text));
                LineInput::Text(pasted.pop_front().unwrap_or_default())
            }
            Err(ReadlineError::Interrupted) => LineInput::Dropped,
            Err(_) => LineInput::End,
        };

        if give.send(input).is_err() {
            return;
        }
    }
}

/// Divides a text into inputs: at each end of a line where what came before is whole and what follows begins
/// something new.
fn pieces(text: &str) -> Vec<String> {
    let goes_on = |line: &str| {
        let line = line.trim_start();
        line.is_empty()
            || line
                .starts_with(['.', ')', ']', '}', '+', '-', '*', '/', '=', '&', '|', '<', '>', '?'])
            || ["else", "catch"].iter().any(|word| line.starts_with(word))
    };

    let mut pieces: Vec<String> = Vec::new();
    let mut is_open = false;
    for line in text.lines() {
        match pieces.last_mut() {
            Some(last) if is_open || goes_on(line) && !line.trim_start().starts_with("//") => {
                last.push('\n');
                last.push_str(line);
            }
            _ => pieces.push(line.to_owned()),
        }
        is_open = pieces.last().is_some_and(|last| {
            command::completeness(last) == Completeness::Incomplete
                || last.trim_start().starts_with("//")
        });
    }
    pieces
}

/// Reads an input. A terminal that cannot edit gives it line by line.
fn next(editor: &mut Editor<Assistant, DefaultHistory>) -> Result<String> {
    let mut text = editor.readline(PROMPT)?;
    while command::completeness(&text) == Completeness::Incomplete {
        text.push('\n');
        text.push_str(&editor.readline("  ")?);
    }
    Ok(text)
}

fn lock(known: &Mutex<PromptState>) -> std::sync::MutexGuard<'_, PromptState> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What helps while typing.
struct Assistant {
    known: Arc<Mutex<PromptState>>,
    words: BTreeSet<String>,
    color: bool,
}

impl Helper for Assistant {}

impl Hinter for Assistant {
    type Hint = String;
}

impl rustyline::completion::Candidate for Candidate {
    fn display(&self) -> &str {
        &self.shown
    }

    fn replacement(&self) -> &str {
        &self.typed
    }
}

impl Completer for Assistant {
    type Candidate = Candidate;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> Result<(usize, Vec<Candidate>)> {
        let (start, mut found) = complete(&lock(&self.known), line, at);
        let width = crate::cli::command::doc::width().saturating_sub(2).max(10);

        for candidate in &mut found {
            if candidate.shown.chars().count() > width {
                candidate.shown = candidate.shown.chars().take(width - 1).collect();
                candidate.shown.push('…');
            }
        }

        Ok((start, found))
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if self.color { Cow::Owned(highlight(line, &self.words)) } else { Cow::Borrowed(line) }
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        if self.color { Cow::Owned(paint(prompt, BOLD)) } else { Cow::Borrowed(prompt) }
    }

    fn highlight_candidate<'c>(&self, candidate: &'c str, _: CompletionType) -> Cow<'c, str> {
        let Some(at) = candidate.find(['(', ':', ' ']).filter(|_| self.color) else {
            return Cow::Borrowed(candidate);
        };
        let at = if candidate.starts_with(':') { candidate.find(' ').unwrap_or(at) } else { at };
        let (name, rest) = candidate.split_at(at);
        Cow::Owned(format!("{name}{}", paint(rest, DIM)))
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        self.color && kind != CmdKind::MoveCursor
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext) -> Result<ValidationResult> {
        Ok(match command::completeness(context.input()) {
            Completeness::Complete => ValidationResult::Valid(None),
            Completeness::Incomplete => ValidationResult::Incomplete,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_lines_are_the_inputs_that_they_would_be_one_by_one() {
        let check = |text: &str, expected: &[&str]| assert_eq!(pieces(text), expected, "{text}");
        check("1", &["1"]);
        check("let r = 1\nlet s = 2\nr + s", &["let r = 1", "let s = 2", "r + s"]);
        check("fn f(n) {\n  n + 1\n}\nf(1)", &["fn f(n) {\n  n + 1\n}", "f(1)"]);
        check("if a { 1 }\nelse { 2 }\n3", &["if a { 1 }\nelse { 2 }", "3"]);
        check("b\n  .chat(\"x\")\n  .len", &["b\n  .chat(\"x\")\n  .len"]);
        check("// a note\nlet x = 1;", &["// a note\nlet x = 1;"]);
        check("let t = `a\nb`;\nt", &["let t = `a\nb`;", "t"]);
        check(":vars\nlet x = 1;", &[":vars", "let x = 1;"]);
    }
}
