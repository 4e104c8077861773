//! Scripts and styles without what only their readers need: comments, indentation, and the blanks around signs.
//! Names and line breaks stay, so that a fault that a browser reports can be found.

/// Returns the lines of a module without comments and indentation: whole lines of comment, and the types in
/// `/** .. */`. Line breaks stay, since JavaScript ends statements by them. `tests/ui/web.rs` checks that no text
/// holds what looks like such a comment.
pub(super) fn without_comments(text: &str) -> Vec<String> {
    let kept = without_blocks(text, "/**");
    let lines = kept.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with("//")).map(str::to_owned).collect()
}

/// Returns a style without comments, line breaks and the blanks around signs.
pub(super) fn lean_style(text: &str) -> String {
    let kept = without_blocks(text, "/*");
    let mut lean = String::with_capacity(kept.len());

    for line in kept.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let line = line.replace(": ", ":").replace(", ", ",").replace(" {", "{");
        let line =
            line.replace("{ ", "{").replace("; ", ";").replace(" }", "}").replace(" > ", ">");
        lean.push_str(line.replace(";}", "}").trim());
        // What continues in the next line is one value or one list of selectors.
        lean.push_str(if line.ends_with([',', '{', ';', '}']) { "" } else { " " });
    }
    lean
}

fn without_blocks(text: &str, begin: &str) -> String {
    let mut rest = text;
    let mut kept = String::with_capacity(text.len());
    while let Some((code, comment)) = rest.split_once(begin) {
        kept.push_str(code);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    kept.push_str(rest);
    kept
}

/// Returns a script without the blanks around signs. Texts, templates and patterns stay as they are.
pub(super) fn without_blanks(script: &str) -> String {
    let mut squeezer =
        Squeezer { rest: script, kept: String::new(), depth: 0, templates: Vec::new() };
    while squeezer.step() {}
    squeezer.kept
}

/// Signs that need no blank beside them.
const SIGNS: &str = "{}()[];,<>=+-*/%&|^!~?:\n";
/// What a pattern may follow; after anything else, a slash divides.
const BEFORE_PATTERN: &str = "(,=:[!&|?{};\n>";

/// A script that is gone through once.
struct Squeezer<'a> {
    rest: &'a str,
    kept: String,
    /// How many braces are open.
    depth: usize,
    /// At which depths templates continue.
    templates: Vec<usize>,
}

impl Squeezer<'_> {
    /// Takes the next piece; false at the end.
    fn step(&mut self) -> bool {
        let Some(sign) = self.rest.chars().next() else { return false };
        match sign {
            '"' | '\'' => self.take(1 + end_of_text(&self.rest[1..], sign)),
            '`' => self.template(),
            '}' if self.templates.last() == Some(&self.depth) => {
                self.templates.pop();
                self.template();
            }
            '/' if self.is_pattern() => self.take(1 + end_of_pattern(&self.rest[1..])),
            ' ' => self.blank(),
            _ => {
                self.depth += usize::from(sign == '{');
                self.depth -= usize::from(sign == '}').min(self.depth);
                self.take(sign.len_utf8());
            }
        }
        true
    }

    fn take(&mut self, bytes: usize) {
        let (piece, rest) = self.rest.split_at(bytes.min(self.rest.len()));
        self.kept.push_str(piece);
        self.rest = rest;
    }

    /// Takes a template from its first sign to its end, or to the code within it.
    fn template(&mut self) {
        let mut signs = self.rest.char_indices().skip(1).peekable();
        while let Some((at, sign)) = signs.next() {
            match sign {
                '\\' => drop(signs.next()),
                '`' => return self.take(at + 1),
                '$' if signs.peek().is_some_and(|(_, next)| *next == '{') => {
                    self.templates.push(self.depth);
                    return self.take(at + 2);
                }
                _ => {}
            }
        }
        self.take(self.rest.len());
    }

    fn blank(&mut self) {
        let before = self.kept.chars().next_back().unwrap_or('\n');
        let after = self.rest[1..].chars().next().unwrap_or('\n');

        // `a + +b` must not become `a ++b`.
        let would_join = before == after && "+-".contains(before);
        let is_needless = SIGNS.contains(before) || SIGNS.contains(after) || after == ' ';
        if is_needless && !would_join {
            self.rest = &self.rest[1..];
        } else {
            self.take(1);
        }
    }

    fn is_pattern(&self) -> bool {
        let before = self.kept.trim_end_matches(' ').chars().next_back().unwrap_or('\n');
        BEFORE_PATTERN.contains(before)
    }
}

/// Returns how many bytes a text has up to and with its last sign.
fn end_of_text(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    let end = text.char_indices().find(|(_, sign)| {
        let is_end = *sign == quote && !is_escaped;
        is_escaped = *sign == '\\' && !is_escaped;
        is_end
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

/// The same of a pattern, in which a slash within brackets is none.
fn end_of_pattern(text: &str) -> usize {
    let mut is_escaped = false;
    let mut is_list = false;
    let end = text.char_indices().find(|(_, sign)| {
        let is_plain = !is_escaped;
        is_escaped = *sign == '\\' && is_plain;
        match sign {
            '[' if is_plain => is_list = true,
            ']' if is_plain => is_list = false,
            '/' if is_plain && !is_list => return true,
            _ => {}
        }
        false
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_readers_need_is_left_out() {
        let module = "// A module.\n\n/** @type {number} */\nlet a = /** @type {any} */ (b);\n/**\n * Many\n \
                      * lines.\n */\nexport const f = () => html`<p>\n    x // y</p>`;\n";
        assert_eq!(
            without_comments(module),
            ["let a =  (b);", "export const f = () => html`<p>", "x // y</p>`;"]
        );

        let style = "/* a */\n.b > i, .c:hover {\n  font: 1px a,\n    b; /* e\n f */\n  --x: calc(1px + 2px);\n}\n\
                     @media (max-width: 9px) { .d { e: f; } }\n";
        assert_eq!(
            lean_style(style),
            ".b>i,.c:hover{font:1px a,b;--x:calc(1px + 2px);}@media (max-width:9px){.d{e:f}}"
        );
    }

    #[test]
    fn blanks_go_where_nothing_needs_them() {
        let squeezed = [
            ("const a = (b, c) => { return b + c; };", "const a=(b,c)=>{return b+c;};"),
            ("a + +b - -c; a ++ + b", "a+ +b- -c;a++ +b"),
            (
                "x = 'a = \\' b' + \"c , d\" + `e = ${f + g} , ${`h ${i + 1} `} j`;",
                "x='a = \\' b'+\"c , d\"+`e = ${f+g} , ${`h ${i+1} `} j`;",
            ),
            ("`${{ a: 1 }.a + 2} b + c` + d", "`${{a:1}.a+2} b + c`+d"),
            ("s.replace(/[/ ]+ a/g, ' ') / 2 / n", "s.replace(/[/ ]+ a/g,' ')/2/n"),
            ("return typeof a in b", "return typeof a in b"),
        ];
        for (script, expected) in squeezed {
            assert_eq!(without_blanks(script), expected);
        }
    }
}
