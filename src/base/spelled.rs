//! Finds a text however it is escaped: as in JSON, in addresses and in HTML, in upper and in lower
//! case, in part or as a whole, and once more within another text of JSON or another address.

/// What HTML calls the characters that stand in keys.
const ENTITIES: &[(&str, char)] = &[
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
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

/// Returns where a text stands within another, in whichever way it is escaped, from a byte on.
pub(super) fn find(text: &str, wanted: &str, from: usize) -> Option<(usize, usize)> {
    let first = wanted.chars().next()?;
    let begins = |c: char| c == first || matches!(c, '\\' | '%' | '&' | '+');
    let mut at = from;
    while let Some(found) = text.get(at..)?.find(begins) {
        let start = at + found;
        if let Some(length) = length(&text[start..], wanted) {
            return Some((start, start + length));
        }
        at = start + text[start..].chars().next().map_or(1, char::len_utf8);
    }
    None
}

/// Returns how many bytes a text takes at the beginning of another, if it stands there.
fn length(text: &str, wanted: &str) -> Option<usize> {
    let mut rest = wanted.chars();
    let Some(next) = rest.next() else { return Some(0) };
    let wanted = rest.as_str();
    let raw = text.chars().next().filter(|c| *c == next).map(char::len_utf8);
    let escaped = escaped(text).filter(|(c, _)| *c == next).map(|(_, length)| length);
    let plus = (next == ' ' && text.starts_with('+')).then_some(1);

    let ways = escaped.into_iter().chain(raw).chain(plus);
    ways.into_iter().find_map(|taken| Some(taken + length(&text[taken..], wanted)?))
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

fn of_json(text: &str) -> Option<(char, usize)> {
    let bare = text.trim_start_matches('\\');
    let before = text.len() - bare.len();
    let unit = |text: &str| u16::from_str_radix(text.strip_prefix('u')?.get(..4)?, 16).ok();
    if let Some(high) = unit(bare) {
        if let Ok(c) = char::try_from(u32::from(high)) {
            return Some((c, before + 5));
        }
        let low = bare.get(5..)?.trim_start_matches('\\');
        let c = char::decode_utf16([high, unit(low)?]).next()?.ok()?;
        return Some((c, text.len() - low.len() + 5));
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

fn of_address(text: &str) -> Option<(char, usize)> {
    let (mut bytes, mut taken) = (Vec::new(), 0);
    while bytes.len() < 4 {
        let mut hex = text.get(taken..)?.strip_prefix('%')?;
        let is_hex = |text: &str| {
            text.as_bytes().get(..2).is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit))
        };
        // What was escaped twice has its `%` escaped.
        while hex.starts_with("25") && is_hex(&hex[2..]) {
            hex = &hex[2..];
        }
        bytes.push(u8::from_str_radix(hex.get(..2)?, 16).ok()?);
        taken = text.len() - hex.len() + 2;
        if let Ok(c) = std::str::from_utf8(&bytes) {
            return Some((c.chars().next()?, taken));
        }
    }
    None
}

fn of_html(text: &str) -> Option<(char, usize)> {
    let end = text.bytes().take(ENTITY_MAX).position(|byte| byte == b';')?;
    let name = text.get(1..end)?;
    let number = name.strip_prefix('#').map(|number| match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => number.parse().ok(),
    });
    let c = match number {
        Some(number) => char::from_u32(number?)?,
        None => ENTITIES.iter().find(|(known, _)| *known == name)?.1,
    };
    Some((c, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_however_it_is_escaped() {
        let wanted = "sk-a/b+c d&<é😀\"\\";
        for text in [
            wanted,
            r#"sk-a\/b+c d&<é😀\"\\"#,
            r#"sk-a\/b+c d\u0026\u003c\u00e9\ud83d\ude00\u0022\u005c"#,
            r#"\u0073k\u002Da/b\u002Bc\u0020d\u0026\u003C\u00E9\uD83D\uDE00\"\\"#,
            r#"sk-a\\/b+c d\\u0026<é😀\\\"\\\\"#,
            "sk-a%2Fb%2Bc%20d%26%3C%C3%A9%F0%9F%98%80%22%5C",
            "sk-a%2fb%2bc+d%26%3c%c3%a9%f0%9f%98%80%22%5c",
            "sk-a%252Fb%252Bc%2520d%2526%253C%25C3%25A9%25F0%259F%2598%2580%2522%255C",
            "%73%6b%2d%61%2fb+c d%26<é😀\"\\",
            "sk-a/b+c d&amp;&lt;&eacute;😀\"\\",
            "sk-a&#47;b&#x2B;c&#32;d&amp;&lt;&#233;&#x1F600;&quot;&#92;",
            "sk&hyphen;a&sol;b&plus;c d&amp;&lt;é😀&quot;&bsol;",
        ] {
            let found = find(&format!("<{text}>"), wanted, 0);
            let expected = (!text.contains("eacute")).then(|| (1, text.len() + 1));
            assert_eq!(found, expected, "{text}");
        }
        assert_eq!(find("sk-a/b", "sk-a/c", 0), None);
        assert_eq!(find("%2", "x", 0), None);
        assert_eq!(find("\\u00", "x", 0), None);
        assert_eq!(find("&#;&;%zz%€\\", "x", 0), None);
    }
}
