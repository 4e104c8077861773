//! Names with `*` in them: each `*` stands for any characters, also for none.

use std::fmt;

/// A name, or a pattern for names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wildcard {
    text: String,
    stars: Stars,
}

/// What each `*` in a text stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stars {
    /// Any characters, also none.
    Open,
    /// Itself.
    Literal,
}

impl Wildcard {
    /// Creates a pattern.
    pub fn new(text: impl Into<String>) -> Wildcard {
        Wildcard { text: text.into(), stars: Stars::Open }
    }

    /// Creates what covers this name alone, also if there is a `*` in it.
    pub fn exactly(name: impl Into<String>) -> Wildcard {
        Wildcard { text: name.into(), stars: Stars::Literal }
    }

    /// Returns the pattern as it is written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Tells whether it stands for more than one name.
    pub fn is_open(&self) -> bool {
        match self.stars {
            Stars::Open => self.text.contains('*'),
            Stars::Literal => false,
        }
    }

    /// Tells whether it stands for every name.
    pub fn is_everything(&self) -> bool {
        self.is_open() && self.text.chars().all(|c| c == '*')
    }

    /// Tells whether it covers a name.
    pub fn covers(&self, name: &str) -> bool {
        if !self.is_open() {
            return self.text == name;
        }

        let mut parts = self.text.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };

        for part in parts {
            // The earliest place leaves the most room for what follows.
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }

        rest.ends_with(last)
    }
}

impl fmt::Display for Wildcard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        let covered = |pattern: &str| {
            let pattern = Wildcard::new(pattern);
            ["", "A", "A_KEY", "KEY", "KEY_A", "A_KEY_A"].map(|name| pattern.covers(name))
        };

        assert_eq!(covered("A"), [false, true, false, false, false, false]);
        assert_eq!(covered("*"), [true; 6]);
        assert_eq!(covered("*_KEY"), [false, false, true, false, false, false]);
        assert_eq!(covered("KEY*"), [false, false, false, true, true, false]);
        assert_eq!(covered("*KEY*"), [false, false, true, true, true, true]);
        assert_eq!(covered("A*A"), [false, false, false, false, false, true]);
        assert_eq!(covered("**"), [true; 6]);
    }

    #[test]
    fn a_name_that_is_meant_exactly_covers_no_other() {
        for name in ["*", "**", "A*", "*_KEY"] {
            let exact = Wildcard::exactly(name);
            assert!(exact.covers(name) && !exact.is_open() && !exact.is_everything(), "{name}");
            assert!(!["", "A", "A_KEY"].into_iter().any(|other| exact.covers(other)), "{name}");
        }
        assert!(Wildcard::new("**").is_everything() && !Wildcard::new("*A").is_everything());
    }
}
