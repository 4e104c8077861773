//! Errors in a script, with the line they are in.

use crate::base::failure::Place;
use crate::base::visible::{on_one_line, own, shown};
use crate::cli::app::terminal;
use crate::script::diagnostic::{self as script, Diagnostic};
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde_json::{Value, json};

/// Draws an error; `color` says whether the terminal shows colours.
pub(in crate::cli) fn render(diagnostic: &Diagnostic, color: bool) -> String {
    let level = match diagnostic.level {
        script::Severity::Error => Level::ERROR,
        script::Severity::Warning => Level::WARNING,
    };
    // The renderer draws with escapes of its own, so no other may be among them.
    let message = shown(&diagnostic.message).into_owned();
    let title = level.primary_title(message.as_str()).id(diagnostic.code);

    let mut group = Group::with_title(title);
    let where_text = diagnostic.place.as_ref().zip(diagnostic.text.as_deref());

    if let Some((place, _)) = where_text.filter(|(place, _)| is_beyond(place)) {
        let Place { file, line, column } = place;
        let file = on_one_line(file);
        let at = format!("{file}:{line}:{column} or later: positions beyond this are not counted");
        group = group.element(Level::NOTE.message(at));
    } else if let Some((place, text)) = where_text {
        let span = span(text, place.line, place.column, diagnostic.width);
        group = group.element(
            Snippet::source(text)
                .path(on_one_line(&place.file).into_owned())
                .annotation(AnnotationKind::Primary.span(span)),
        );
    } else if let Some(Place { file, line, column }) = &diagnostic.place {
        // A file of the standard library is no file of the disk.
        let file = on_one_line(file).into_owned();
        group = group.element(Origin::path(file).line(*line).char_column(*column));
    }

    for frame in &diagnostic.frames {
        group = group.element(Level::NOTE.message(shown(frame).into_owned()));
    }

    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(shown(help).into_owned()));
    }

    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = match terminal::narrowest() {
        // A line that the terminal breaks would part the marks below it from what they mark.
        Some(width) => renderer.term_width(width),
        None => renderer,
    };
    own(&renderer.render(&[group]))
}

/// Tells whether a place may be another one, since Rhai counts lines and columns up to here only.
fn is_beyond(place: &Place) -> bool {
    place.line.max(place.column) >= usize::from(u16::MAX)
}

/// Returns a diagnostic as data.
pub(in crate::cli) fn to_json(diagnostic: &Diagnostic) -> Value {
    let level = match diagnostic.level {
        script::Severity::Error => "error",
        script::Severity::Warning => "warning",
    };

    let place = diagnostic.place.as_ref();
    json!({
        "code": diagnostic.code, "level": level, "message": diagnostic.message,
        "file": place.map(|place| &place.file), "line": place.map(|place| place.line),
        "column": place.map(|place| place.column), "width": diagnostic.width,
        "help": diagnostic.help, "frames": diagnostic.frames,
    })
}

/// Turns a line and a column, both from 1, into a range of bytes.
fn span(text: &str, line: usize, column: usize, width: usize) -> std::ops::Range<usize> {
    let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let rest = &text[start.min(text.len())..];

    let at = |count: usize| {
        let in_line = rest.char_indices().take_while(|(_, c)| *c != '\n');
        let line_end = in_line.map(|(at, c)| at + c.len_utf8()).last().unwrap_or(0);
        rest.char_indices().nth(count).map_or(line_end, |(at, _)| at.min(line_end))
    };

    start + at(column - 1)..start + at(column - 1 + width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_count_characters_not_bytes() {
        let text = "let ä = 1;\nlet b = nope;\n";
        assert_eq!(&text[span(text, 1, 5, 1)], "ä");
        assert_eq!(&text[span(text, 2, 9, 4)], "nope");
        assert_eq!(span(text, 9, 1, 1), text.len()..text.len());
    }

    #[test]
    fn a_place_beyond_what_is_counted_is_not_drawn_as_if_it_were_the_place() {
        let place = |line| Place { file: "s.rhai".into(), line, column: 1 };
        let shown = |line| {
            let text = Some("// x\n".repeat(70_000));
            let at = Some(place(line));
            let code = "K0003";
            let level = script::Severity::Error;
            let message = "no".to_owned();
            let place = at;

            render(&Diagnostic { level, place, text, ..Diagnostic::new(code, message) }, false)
        };

        assert!(shown(60_000).contains("// x"));
        assert!(shown(65_535).contains("65535:1 or later") && !shown(65_535).contains("// x"));
    }
}
