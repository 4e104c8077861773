//! Finds a text however it is escaped: as in JSON, in addresses and in HTML, in upper and in lower
//! case, in part or as a whole, and once more within another text of JSON or another address.

use crate::base::visible::is_ignorable;

/// What HTML calls the characters that stand in keys.
const ENTITIES: &[(&str, char)] = &[
    ("amp", '&'),
    ("AMP", '&'),
    ("lt", '<'),
    ("LT", '<'),
    ("gt", '>'),
    ("GT", '>'),
    ("quot", '"'),
    ("QUOT", '"'),
    ("apos", '\''),
    ("sol", '/'),
    ("bsol", '\\'),
    ("plus", '+'),
    ("equals", '='),
    ("colon", ':'),
    ("semi", ';'),
    ("period", '.'),
    ("comma", ','),
    ("lowbar", '_'),
    ("UnderBar", '_'),
    ("hyphen", '-'),
    ("dash", '-'),
    ("num", '#'),
    ("dollar", '$'),
    ("percnt", '%'),
    ("ast", '*'),
    ("excl", '!'),
    ("quest", '?'),
    ("commat", '@'),
    ("lpar", '('),
    ("rpar", ')'),
    ("lsqb", '['),
    ("rsqb", ']'),
    ("lcub", '{'),
    ("rcub", '}'),
    ("verbar", '|'),
    ("grave", '`'),
    ("Hat", '^'),
    ("nbsp", '\u{a0}'),
];
/// Longest entity of HTML that is read, in bytes.
const ENTITY_MAX: usize = 10;

/// Most backslashes before one character: those of a text within five texts of JSON.
const ESCAPES_MAX: usize = 63;
/// Most times that a `%` is escaped.
const PERCENTS_MAX: usize = 6;
/// Most bytes between two lines of a text that is broken.
const BREAK_MAX: usize = 80;
/// Most bytes between two numbers in hex, besides what such a number begins with.
const SEPARATOR_MAX: usize = 24;
/// Most bytes of the number of a colour.
const COLOUR_MAX: usize = 20;

/// Most bytes of one letter.
const BYTES_MAX: usize = 4;
/// Most letters of an escape whose signs are escaped in turn: those of a letter with two halves.
const NESTED_MAX: usize = 16;

/// Whether the text that is looked for may be broken into lines where it stands.
#[derive(Clone, Copy, PartialEq)]
enum Lines {
    One,
    Several,
}

/// Returns where a text stands within another, in whichever way it is escaped, from a byte on.
pub(super) fn find(text: &str, wanted: &str, from: usize) -> Option<(usize, usize)> {
    find_in(text, wanted, from, Lines::One)
}

/// Returns where a text stands within another that breaks it into lines, from a byte on. It may be escaped as well.
pub(super) fn find_broken(text: &str, wanted: &str, from: usize) -> Option<(usize, usize)> {
    find_in(text, wanted, from, Lines::Several)
}

fn find_in(text: &str, wanted: &str, from: usize, lines: Lines) -> Option<(usize, usize)> {
    let first = wanted.chars().next()?;
    let begins = |c: char| c == first || matches!(c, '\\' | '%' | '&' | '+');
    let mut at = from;

    while let Some(found) = text.get(at..)?.find(begins) {
        let start = at + found;
        if let Some(length) = length(&text[start..], wanted, lines) {
            return Some((start, start + length));
        }

        at = start + text[start..].chars().next().map_or(1, char::len_utf8);
    }

    None
}

/// Returns where the line after a break begins, behind what it is indented by. A break may be escaped.
fn after_break(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut is_break = false;

    while at < BREAK_MAX {
        match bytes.get(at..) {
            Some([b' ' | b'\t' | b'=', ..]) => at += 1,
            Some([b'\r' | b'\n', ..]) => (at, is_break) = (at + 1, true),
            Some(rest @ [b'\\', ..]) => {
                // In a text within a text, each backslash stands there twice.
                let before = escapes(rest);
                if !matches!(rest.get(before), Some(b'r' | b'n')) {
                    break;
                }
                (at, is_break) = (at + before + 1, true);
            }
            Some([b'%' | b'&', ..]) => match escaped(&text[at..]) {
                Some((' ' | '\t' | '=', taken)) => at += taken,
                Some(('\r' | '\n', taken)) => (at, is_break) = (at + taken, true),
                _ => break,
            },
            _ => break,
        }
    }

    is_break.then_some(at)
}

/// Returns where a text stands within another as numbers in hex, with whatever is usual between them.
pub(super) fn find_hex(text: &str, wanted: &str, from: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let first = *wanted.as_bytes().first()?;
    let begins = |start: &usize| pair(bytes, *start) == Some(first);

    (from..bytes.len()).filter(begins).find_map(|start| {
        let mut at = start;
        for byte in wanted.bytes() {
            // The lines of a dump end between two bytes.
            at += text.get(at..).and_then(after_break).unwrap_or(0);
            at = (at..).take(SEPARATOR_MAX + 1).find(|at| !is_separator(bytes, *at))?;
            at += [&b"\\\\x"[..], b"\\x", b"0x", b"0X", b"%", b"=", b"x"]
                .iter()
                .find(|prefix| bytes.get(at..).is_some_and(|rest| rest.starts_with(prefix)))
                .map_or(0, |prefix| prefix.len());

            if pair(bytes, at) != Some(byte) {
                return None;
            }
            at += 2;
        }

        Some((start, at))
    })
}

/// Reads two digits of hex.
fn pair(bytes: &[u8], at: usize) -> Option<u8> {
    let digit = |at: usize| char::from(*bytes.get(at)?).to_digit(16);
    u8::try_from(digit(at)? * 16 + digit(at + 1)?).ok()
}

fn is_separator(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(|byte| b" \t\r\n,:;-_.|'\"\\".contains(byte))
}

/// Returns how many bytes a text takes at the beginning of another, if it stands there.
fn length(text: &str, wanted: &str, lines: Lines) -> Option<usize> {
    let mut rest = wanted.chars();
    let Some(next) = rest.next() else { return Some(0) };
    let wanted_next = rest.as_str();

    let by_letter = spellings(text, next)
        .into_iter()
        .flatten()
        .find_map(|taken| Some(taken + behind(&text[taken..], wanted_next, lines)?));

    by_letter
        .or_else(|| by_backslashes(text, wanted, lines))
        .or_else(|| by_percent(text, wanted, lines))
}

/// Goes on behind a letter that was found. A new line may begin there, or something that nobody sees.
fn behind(text: &str, wanted: &str, lines: Lines) -> Option<usize> {
    let found = length(text, wanted, lines).or_else(|| {
        let unseen = unseen(text).filter(|_| !wanted.is_empty())?;
        Some(unseen + behind(&text[unseen..], wanted, lines)?)
    });

    found.or_else(|| {
        let skipped = after_break(text).filter(|_| lines == Lines::Several)?;
        Some(skipped + length(&text[skipped..], wanted, lines)?)
    })
}

/// Returns how many bytes a text begins with that nobody sees: an invisible character, or a colour of a
/// terminal. These may be escaped.
fn unseen(text: &str) -> Option<usize> {
    let (c, mut at) = letter(text)?;
    if is_ignorable(c) {
        return Some(at);
    }
    if c != '\u{1b}' {
        return None;
    }

    let mut next = || {
        let (c, taken) = letter(&text[at..])?;
        at += taken;
        Some(c)
    };
    if next()? != '[' {
        return None;
    }
    for _ in 0..=COLOUR_MAX {
        match next()? {
            '0'..='9' | ';' => {}
            'm' => return Some(at),
            _ => return None,
        }
    }
    None
}

/// Reads the letter that a text begins with, escaped or not.
fn letter(text: &str) -> Option<(char, usize)> {
    escaped(text).or_else(|| text.chars().next().map(|c| (c, c.len_utf8())))
}

/// Returns how many bytes a letter may take at the beginning of a text, in each way to write it.
fn spellings(text: &str, letter: char) -> [Option<usize>; 7] {
    let is_it =
        |read: Option<(char, usize)>| read.filter(|(c, _)| *c == letter).map(|(_, length)| length);
    let raw = text.chars().next().map(|c| (c, c.len_utf8()));
    let plus = (letter == ' ' && text.starts_with('+')).then_some(1);

    let escaped = is_it(escaped(text));
    // What both read alike is followed once: twice would double the work with every letter.
    let shell = is_it(of_shell(text)).filter(|taken| Some(*taken) != escaped);

    // Of a backslash that is escaped twice, it takes all.
    let nested = is_it(of_json_within(text));
    [nested, escaped, is_it(of_html_twice(text)), is_it(of_latin(text)), shell, is_it(raw), plus]
}

/// Reads the backslashes that a text begins with: in a text within a text each of them stands there twice, and
/// so on. What follows may be an `n`, so that the last one looks like a part of an escape.
fn by_backslashes(text: &str, wanted: &str, lines: Lines) -> Option<usize> {
    let count = escapes(wanted.as_bytes());
    let there = escapes(text.as_bytes());

    [2, 4, 8, 16, 32].into_iter().map(|times| count * times).find_map(|taken| {
        let is_there = (1..=there).contains(&taken);
        let rest = is_there.then(|| length(&text[taken..], &wanted[count..], lines)).flatten()?;
        Some(taken + rest)
    })
}

/// Reads a `%` that was escaped several times, which looks like the beginning of a longer escape.
fn by_percent(text: &str, wanted: &str, lines: Lines) -> Option<usize> {
    let rest = wanted.strip_prefix('%')?;
    let mut behind = text.strip_prefix('%')?;

    for _ in 0..PERCENTS_MAX {
        behind = behind.strip_prefix("25")?;
        if let Some(length) = length(behind, rest, lines) {
            return Some(text.len() - behind.len() + length);
        }
    }

    None
}

/// Reads the escape at the beginning of a text: the character, and the bytes that it takes.
fn escaped(text: &str) -> Option<(char, usize)> {
    match text.as_bytes().first()? {
        b'\\' => of_json(text),
        b'%' => of_address(text),
        b'&' => of_html(text),
        _ => None,
    }
}

/// Returns how many backslashes a text begins with. What has more of them than any text within a text is
/// not looked at further: each of them may be a beginning.
fn escapes(text: &[u8]) -> usize {
    text.iter().take(ESCAPES_MAX).take_while(|byte| **byte == b'\\').count()
}

fn of_json(text: &str) -> Option<(char, usize)> {
    let before = escapes(text.as_bytes());
    let bare = &text[before..];
    let unit = |text: &str| u16::from_str_radix(text.strip_prefix('u')?.get(..4)?, 16).ok();

    if let Some(high) = unit(bare) {
        if let Ok(c) = char::try_from(u32::from(high)) {
            return Some((c, before + 5));
        }

        // A high half alone is no letter. The low half has an escape of its own.
        let low = bare.get(5..)?;
        let low = &low[escapes(low.as_bytes())..];
        let c = char::decode_utf16([high, unit(low)?]).next()?.ok()?;
        return Some((c, text.len() - low.len() + 5));
    }

    if let Some((c, length)) = of_language(bare) {
        return Some((c, before + length));
    }

    let c = match bare.chars().next() {
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some(c @ ('/' | '"' | '\'')) => c,
        // Each two stand for one.
        _ if before.is_multiple_of(2) => return Some(('\\', before)),
        _ => return None,
    };

    Some((c, before + 1))
}

/// Reads a sign behind backslashes, as shells and Markdown have it.
fn of_shell(text: &str) -> Option<(char, usize)> {
    let before = escapes(text.as_bytes());
    let c = text[before..].chars().next().filter(char::is_ascii_punctuation)?;
    (before > 0).then_some((c, before + 1))
}

/// Reads what stands behind the backslash in texts of other languages: `u{1f}`, `U0000001f`, or `037`.
fn of_language(text: &str) -> Option<(char, usize)> {
    if let Some(rest) = text.strip_prefix('U') {
        let number = u32::from_str_radix(rest.get(..8)?, 16).ok()?;
        return Some((char::from_u32(number)?, 9));
    }

    if let Some(rest) = text.strip_prefix("u{") {
        let end = rest.find('}').filter(|end| *end <= 6)?;
        let c = char::from_u32(u32::from_str_radix(&rest[..end], 16).ok()?)?;
        return Some((c, end + 3));
    }

    // A letter outside of ASCII takes several bytes, each with an escape of its own.
    let (byte, mut taken) = of_byte(text)?;
    let mut bytes = vec![byte];
    while std::str::from_utf8(&bytes).is_err() && bytes.len() < BYTES_MAX {
        let before = escapes(&text.as_bytes()[taken..]);
        let (byte, length) = of_byte(&text[taken + before..]).filter(|_| before > 0)?;
        bytes.push(byte);
        taken += before + length;
    }

    Some((std::str::from_utf8(&bytes).ok()?.chars().next()?, taken))
}

/// Reads one byte as it stands behind a backslash: `x1f`, or `037`.
fn of_byte(text: &str) -> Option<(u8, usize)> {
    let (digits, radix) = match text.strip_prefix('x') {
        Some(hex) => (hex.get(..2)?, 16),
        None => (text.get(..3)?, 8),
    };
    let is_number = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let byte = u8::from_str_radix(digits, radix).ok().filter(|_| is_number)?;
    Some((byte, 3))
}

/// Reads a letter whose number is one byte, as `escape` of JavaScript and older programs write it.
fn of_latin(text: &str) -> Option<(char, usize)> {
    let (byte, taken) = match text.as_bytes().first()? {
        b'%' => percent(text)?,
        b'\\' => {
            let before = escapes(text.as_bytes());
            let (byte, length) = of_byte(&text[before..])?;
            (byte, before + length)
        }
        _ => return None,
    };
    (!byte.is_ascii()).then(|| (char::from(byte), taken))
}

/// Reads an escape of JSON whose signs are escaped in turn, as in an address or in HTML.
fn of_json_within(text: &str) -> Option<(char, usize)> {
    let around = |text: &str| match text.as_bytes().first()? {
        b'%' => of_address(text),
        b'&' => of_html(text),
        _ => None,
    };
    around(text).filter(|(c, _)| *c == '\\')?;

    let mut inner = String::new();
    let mut ends = vec![];
    let mut at = 0;
    while ends.len() < NESTED_MAX {
        let plain = || text[at..].chars().next().map(|c| (c, c.len_utf8()));
        let Some((c, length)) = around(&text[at..]).or_else(plain) else { break };
        inner.push(c);
        at += length;
        ends.push((inner.len(), at));
    }

    let (c, length) = of_json(&inner)?;
    let (_, end) = ends.into_iter().find(|(until, _)| *until == length)?;
    Some((c, end))
}

fn of_address(text: &str) -> Option<(char, usize)> {
    // As `escape` of JavaScript writes what is no letter of ASCII.
    let unit = |text: &str| u16::from_str_radix(text.strip_prefix("%u")?.get(..4)?, 16).ok();
    if let Some(high) = unit(text) {
        if let Ok(c) = char::try_from(u32::from(high)) {
            return Some((c, 6));
        }
        let c = char::decode_utf16([high, unit(&text[6..])?]).next()?.ok()?;
        return Some((c, 12));
    }

    let mut bytes = Vec::new();
    let mut taken = 0;
    while bytes.len() < BYTES_MAX {
        let (byte, length) = percent(text.get(taken..)?)?;
        bytes.push(byte);
        taken += length;

        if let Ok(c) = std::str::from_utf8(&bytes) {
            return Some((c.chars().next()?, taken));
        }
    }

    None
}

/// Reads one byte as it stands in an address. What was escaped twice has its `%` escaped.
fn percent(text: &str) -> Option<(u8, usize)> {
    let mut hex = text.strip_prefix('%')?;
    let is_hex = |text: &str| {
        text.as_bytes().get(..2).is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit))
    };
    while hex.starts_with("25") && is_hex(&hex[2..]) {
        hex = &hex[2..];
    }

    let byte = u8::from_str_radix(hex.get(..2)?, 16).ok()?;
    Some((byte, text.len() - hex.len() + 2))
}

/// Reads what was escaped twice for HTML, so that its `&` is escaped.
fn of_html_twice(text: &str) -> Option<(char, usize)> {
    let (_, before) = of_html(text).filter(|(c, _)| *c == '&')?;
    let (c, after) = entity(&text[before..])?;
    Some((c, before + after))
}

/// Reads an escape of HTML: the character, and the bytes that it takes.
fn of_html(text: &str) -> Option<(char, usize)> {
    let (c, length) = entity(text.strip_prefix('&')?)?;
    Some((c, length + 1))
}

/// Reads what stands behind the `&`. Of a number, the `;` may be left out.
fn entity(rest: &str) -> Option<(char, usize)> {
    if let Some(number) = rest.strip_prefix('#') {
        let (digits, radix) = match number.strip_prefix(['x', 'X']) {
            Some(hex) => (hex, 16),
            None => (number, 10),
        };
        let is_digit = |c: char| c.is_digit(radix);
        let end = digits.find(|c| !is_digit(c)).unwrap_or(digits.len()).min(ENTITY_MAX);

        let c = char::from_u32(u32::from_str_radix(&digits[..end], radix).ok()?)?;
        let after = &digits[end..];
        let ends = usize::from(after.starts_with(';'));
        return Some((c, rest.len() - after.len() + ends));
    }

    let end = rest.bytes().take(ENTITY_MAX).position(|byte| byte == b';')?;
    let c = ENTITIES.iter().find(|(known, _)| Some(*known) == rest.get(..end))?.1;
    Some((c, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_where_it_is_broken_into_lines() {
        for text in [
            "key-12345",
            "key-1\n2345",
            "ke\r\n   y-12345",
            "key\\n-12345",
            "key-\\\\n12345",
            r"key-\\\\r\\\\n12345",
            "k&#101;y-1=\n2345",
            "key-%0A12345",
            "key-1%0d%0a%20%092345",
            "key-12%250D%250A345",
            "ke%3D%0Ay-12345",
            "key-123&#13;&#10;&#x20;45",
        ] {
            assert_eq!(
                find_broken(&format!("<{text}>"), "key-12345", 0),
                Some((1, text.len() + 1))
            );
        }

        for text in ["key 12345", "key- 12345", "key-\n1234", "key-\n\n|12345", "key-%2012345", ""]
        {
            assert_eq!(find_broken(text, "key-12345", 0), None, "{text}");
        }

        // Broken first, and then written as JSON: what has to be escaped is escaped too.
        let escaped = r#"<k=\n<\"y\u003e>"#;
        assert_eq!(find_broken(escaped, "k<\"y>", 0), Some((1, escaped.len() - 1)));
    }

    #[test]
    fn a_text_is_found_in_hex_whatever_stands_between_the_numbers() {
        let wanted = "k-1\u{e9}";
        for text in [
            "6b2d31c3a9",
            "6B:2D:31:C3:A9",
            "6b 2d 31 c3 a9",
            "6b-2d-31\nc3-a9",
            "6b, 0x2d, 0x31, 0xc3, 0xa9",
            r"6b\x2d\x31\xc3\xa9",
            r"6b\\x2d\\x31\\xc3\\xa9",
            "6b%2d%31%C3%A9",
            "6b=2D=31=C3=A9",
            "6b\", \"2d\", \"31\", \"c3\", \"a9",
            r#"6b\", \"2d\", \"31\", \"c3\", \"a9"#,
            "6b 2d\n 31 c3\n a9",
            r"6b 2d\n 31 c3\n a9",
            r"6b2d\\r\\n 31c3\n a9",
        ] {
            assert_eq!(
                find_hex(&format!("<{text}>"), wanted, 0),
                Some((1, text.len() + 1)),
                "{text}"
            );
        }

        for text in
            ["6b2d31c3", "6b2d31c3a8", "6b                          2d31c3a9", "6b2d31\u{e9}", "6"]
        {
            assert_eq!(find_hex(text, wanted, 0), None, "{text}");
        }
    }

    #[test]
    fn a_text_is_found_however_it_is_escaped() {
        let wanted = "sk-a/b+c d&<é😀\"\\";
        for text in [
            wanted,
            r#"sk-a\/b+c d&<é😀\"\\"#,
            r#"sk-a\/b+c d\u0026\u003c\u00e9\ud83d\ude00\u0022\u005c"#,
            r#"\u{73}k\055a/b\u{2b}\143 d&<\u{e9}\u{1F600}\"\\"#,
            r#"\U00000073k\-a\/b\+c d\&\<\U000000e9\U0001F600\"\\"#,
            r#"\u0073k\u002Da/b\u002Bc\u0020d\u0026\u003C\u00E9\uD83D\uDE00\"\\"#,
            r#"sk-a\\/b+c d\\u0026<é😀\\\"\\\\"#,
            "sk-a%2Fb%2Bc%20d%26%3C%C3%A9%F0%9F%98%80%22%5C",
            "sk-a%2fb%2bc+d%26%3c%c3%a9%f0%9f%98%80%22%5c",
            "sk-a%252Fb%252Bc%2520d%2526%253C%25C3%25A9%25F0%259F%2598%2580%2522%255C",
            "%73%6b%2d%61%2fb+c d%26<é😀\"\\",
            "sk-a/b+c d&amp;&lt;&eacute;😀\"\\",
            "sk-a&#47;b&#x2B;c&#32;d&amp;&lt;&#233;&#x1F600;&quot;&#92;",
            "sk&hyphen;a&sol;b&plus;c d&amp;&lt;é😀&quot;&bsol;",
            "sk-a/b+c d&amp;amp;&amp;lt;é😀&amp;#34;&amp;#x5c;",
            "sk-a&#47b+c d&AMP;&LT;&#233&#x1F600&QUOT;&#92",
            "sk-a%u002Fb%u002bc d%u0026<%u00e9😀\"\\",
            "s\u{ad}k-a/\u{200b}\u{200b}b+c d&<é\u{feff}😀\"\\",
            "s\u{1b}[1;31mk-a/b\u{1b}[0m+c d&<é😀\"\u{1b}[m\\",
            r#"s\u001b[1;31mk-a/b\u001b[0m+c d&<é\ufeff😀\u001b[m\"\\"#,
            r#"s\x1b[1mk-a/b\033[0m+c d&<é\u200b😀\"\\"#,
            "s%1B%5B1mk-a%2Fb%1b[0m%2Bc%20d%26%3C%E9%F0%9F%98%80%22%5C",
            "sk-a/b+c d&<%E9😀\"\\",
            "sk-a%2fb+c%20d%26%3c%25E9%uD83D%uDE00%22%5c",
            r#"sk-a/b\053c d&<\303\251\360\237\230\200\"\\"#,
            r#"sk-a/b+c d&<\xc3\xa9\xF0\x9F\x98\x80\"\\"#,
            r#"sk-a/b+c d&<\\xc3\\xa9\\360\\237\\230\\200\"\\"#,
            r#"sk-a/b+c d&<\xe9😀\"\\"#,
            r#"sk-a/b+c d&<\351😀\"\\"#,
            "sk-a%2Fb%2Bc%20d%26%3C%5Cu00e9%5Cud83d%5Cude00%5C%22%5C%5C",
            "sk-a%5C%2Fb%2Bc%20d%26%3C%255Cu00e9%F0%9F%98%80%255C%2522%5C%5C",
            "sk-a/b+c d&#38;&#60;&#92;u00e9&bsol;ud83d&bsol;ude00&#92;&quot;&#92;&#92;",
        ] {
            let found = find(&format!("<{text}>"), wanted, 0);
            let expected = (!text.contains("eacute")).then(|| (1, text.len() + 1));
            assert_eq!(found, expected, "{text}");
        }

        // A backslash before an `n`, as it is, and within one and two texts of JSON.
        for text in [r"v9\n8", r"v9\\n8", r"v9\\\\n8", r"v9\u005cn8"] {
            assert_eq!(find(text, r"v9\n8", 0), Some((0, text.len())), "{text}");
        }

        for text in ["%2Fk%25p", "%252Fk%2525p", "%25252Fk%252525p", "%252Fk%25252525p"] {
            assert_eq!(find(text, "%2Fk%25p", 0), Some((0, text.len())), "{text}");
        }

        assert_eq!(find("x&amp;amp;y", "x&amp;y", 0), Some((0, 11)));
        assert_eq!(find("sk-a/b", "sk-a/c", 0), None);
        assert_eq!(find("%2", "x", 0), None);
        assert_eq!(find("\\u00", "x", 0), None);
        assert_eq!(find("&#;&;%zz%€\\", "x", 0), None);
    }
}
