//! Forms of Rust, which look most like those of scripts: `Branch::new()`, `move |x| x`, `if let Some(x) = y`.

use super::{ForeignSpan, ForeignText, instead_of, message};

impl ForeignText<'_> {
    /// Looks for such a form at a word.
    pub(super) fn of_rust(&self, at: usize) -> Option<ForeignSpan> {
        let word = self.said(at);
        let next = self.said(at + 1);
        let is_path = next == ":" && self.said(at + 2) == ":";

        match word {
            "parse" if is_path && self.said(at + 3) == "<" => {
                let help = "write `text.parse_int()`, or `text.parse_float()`";
                Some((at, at + 3, message("parse::<..>"), help))
            }
            "move" if next == "|" => {
                let help = "leave it out: a closure sees the variables around it";
                Some((at, at, message(word), help))
            }
            "if" | "while" if next == "let" => {
                let help = "write `let x = ..;`, then `if x != () { .. }`";
                Some((at, at + 1, message(&format!("{word} let")), help))
            }
            _ if is_path => self.made(at),
            _ => None,
        }
    }

    /// `Branch::new("..")`, `String::from("a")`.
    fn made(&self, at: usize) -> Option<ForeignSpan> {
        let of_type = self.said(at);
        let maker = self.said(at + 3);
        let is_type = of_type.starts_with(|c: char| c.is_ascii_uppercase());
        if !is_type || !matches!(maker, "new" | "from") || self.said(at + 4) != "(" {
            return None;
        }

        let help = match (of_type, maker) {
            ("String", "new") => "write `\"\"`",
            ("String", _) => "write the text alone: `\"..\"`",
            ("Vec" | "HashSet" | "BTreeSet" | "VecDeque", _) => "write `[]`",
            ("HashMap" | "BTreeMap", _) => "write `#{}`",
            ("Box" | "Rc" | "Arc" | "RefCell" | "Some", _) => "write the value alone",
            (_, "new") => {
                let general = "write the function alone, or a map: `#{ a: 1 }`";
                instead_of(of_type).unwrap_or(general)
            }
            (_, _) => return None,
        };
        Some((at, at + 3, message(&format!("{of_type}::{maker}")), help))
    }
}
