//! What was said in a dialogue so far, so that errors can show the text they are about. Every input
//! is compiled as if it stood below all earlier ones: a line number then tells the input, and no two
//! closures have the same place.

use crate::base::failure::Place;
use crate::script::diagnostic::Diagnostic;
use crate::script::lexer::{Replacement, column_before, legal};
use rhai::{EvalAltResult, Position};

/// Most lines that are told apart: Rhai counts them with 16 bits.
const LINES_MAX: usize = 60_000;

/// One input, or one file that was loaded.
#[derive(Debug)]
struct Segment {
    /// Its first line, from 1.
    first: usize,
    lines: usize,
    file: String,
    text: String,
    replaced: Vec<Replacement>,
}

/// All inputs. The first line is kept for imports.
#[derive(Debug)]
pub(in crate::script) struct Transcript {
    /// The name that everything is compiled under.
    source: String,
    segments: Vec<Segment>,
    /// How many lines are taken.
    lines: usize,
    /// The text that was compiled, for suggestions.
    legal: String,
}

impl Transcript {
    pub(in crate::script) fn new(source: String) -> Transcript {
        Transcript { source, segments: Vec::new(), lines: 1, legal: "\n".to_owned() }
    }

    /// Adds a text, and returns it as it is compiled. `imports` stand in the first line.
    pub(in crate::script) fn add(&mut self, file: &str, text: &str, imports: &str) -> String {
        // Positions would overflow, so the texts before are given up.
        if self.lines > LINES_MAX {
            *self = Transcript::new(std::mem::take(&mut self.source));
        }

        let (new, replaced) = legal(text);
        let lines = new.matches('\n').count() + 1;
        let compiled = format!("{imports}{}{new}", "\n".repeat(self.lines));
        let file = file.to_owned();
        let text = text.to_owned();

        self.segments.push(Segment { first: self.lines + 1, lines, file, text, replaced });
        self.lines += lines;
        self.legal.push_str(&new);
        self.legal.push('\n');

        compiled
    }

    /// Returns everything that was compiled so far.
    pub(in crate::script) fn text(&self) -> &str {
        &self.legal
    }

    /// Gives the place of an error in the file or input that it belongs to.
    fn localise(&self, place: &mut Place) -> Option<(&Segment, Option<usize>)> {
        if place.file != self.source {
            return None;
        }

        let segment = self.segment(place.line)?;
        place.line = place.line + 1 - segment.first;
        let (column, width) = column_before(&segment.replaced, place.line, place.column);
        place.column = column;
        place.file.clone_from(&segment.file);

        Some((segment, width))
    }

    fn segment(&self, line: usize) -> Option<&Segment> {
        let found = self.segments.iter().rev();
        found.clone().find(|one| (one.first..one.first + one.lines).contains(&line))
    }

    /// Makes an error that was found before running one of the file or input that it belongs to.
    pub(in crate::script) fn localise_fault(&self, mut fault: Diagnostic) -> Diagnostic {
        let found = fault.place.as_mut().and_then(|place| self.localise(place));

        match found {
            Some((segment, width)) => {
                fault.text = Some(segment.text.clone());
                fault.width = width.unwrap_or(fault.width);
            }
            None if fault.place.as_ref().is_some_and(|place| place.file == self.source) => {
                (fault.place, fault.text) = (None, None);
            }
            None => {}
        }

        fault
    }

    /// Makes the places of an error, and of the calls that it came through, those of the files and
    /// inputs that they belong to.
    pub(in crate::script) fn localise_error(&self, mut error: &mut EvalAltResult) {
        let mut is_own = true;
        loop {
            match error {
                EvalAltResult::ErrorInFunctionCall(_, source, inner, position) => {
                    if is_own {
                        self.localise_position(position);
                    }
                    is_own = source.is_empty() || *source == self.source;

                    let segment = inner.position().line().and_then(|line| self.segment(line));
                    if let Some(segment) = segment.filter(|_| is_own) {
                        source.clone_from(&segment.file);
                    }
                    error = inner;
                }
                EvalAltResult::ErrorInModule(_, inner, position) => {
                    if is_own {
                        self.localise_position(position);
                    }

                    is_own = false;
                    error = inner;
                }
                other => {
                    if is_own {
                        let mut position = other.position();
                        self.localise_position(&mut position);
                        other.set_position(position);
                    }
                    return;
                }
            }
        }
    }

    fn localise_position(&self, position: &mut Position) {
        let (Some(line), column) = (position.line(), position.position().unwrap_or(1)) else {
            return;
        };

        let mut place = Place { file: self.source.clone(), line, column };
        if self.localise(&mut place).is_some() {
            let number = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
            *position = Position::new(number(place.line), number(place.column));
        }
    }

    /// Gives an error that ended an input the text of the file or input that it is about.
    pub(in crate::script) fn show_text(&self, shown: &mut Diagnostic) {
        let Some(place) = &shown.place else { return };
        let found = self.segments.iter().rev().find(|one| one.file == place.file);
        let Some(segment) = found else { return };

        let line = segment.text.lines().nth(place.line - 1).unwrap_or("");
        let word = |c: &char| c.is_alphanumeric() || *c == '_';
        shown.width = line.chars().skip(place.column - 1).take_while(word).count().max(1);
        shown.text = Some(segment.text.clone());
    }

    /// Gives a place that an operation noted itself.
    pub(in crate::script) fn localise_place(&self, place: &mut Place) {
        self.localise(place);
    }

    /// Names an input that is over, so that the one after it can have the plain name.
    pub(in crate::script) fn close(&mut self) {
        let number = self.segments.iter().filter(|one| one.file.starts_with(INPUT)).count();
        if let Some(last) = self.segments.last_mut().filter(|last| last.file == INPUT) {
            last.file = format!("{INPUT}, input {number}");
        }
    }
}

/// What the input that is being evaluated is called.
pub(in crate::script) const INPUT: &str = "repl";
