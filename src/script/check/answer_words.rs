//! The words that a field of an answer may be, by the schema that the script gives.

use crate::script::check::kinds::Kinds;
use crate::script::check::value_kind::ValueKind;
use rhai::{ASTFlags, Expr};

/// The words of a field.
pub(super) struct FieldWords {
    pub(super) field: String,
    pub(super) words: Vec<String>,
}

impl FieldWords {
    /// Lists the words, as they are written.
    pub(super) fn listed(&self) -> String {
        let quoted: Vec<String> = self.words.iter().map(|word| format!("\"{word}\"")).collect();
        quoted.join(", ")
    }

    pub(super) fn has(&self, word: &str) -> bool {
        self.words.iter().any(|known| known == word)
    }
}

impl Kinds<'_> {
    /// Returns the words that a value may be, if it is a field of an answer whose schema names them.
    pub(super) fn words_of(&self, value: &Expr, function: &str) -> Option<FieldWords> {
        let (ValueKind::Answer(fields), name) = self.property_of(value, function)? else {
            return None;
        };
        let field = fields.into_iter().find(|field| field.name == name)?;
        let words = field.words.filter(|_| !self.set.contains(name))?;
        Some(FieldWords { field: field.name, words })
    }

    /// Returns the property that an expression reads, and what it reads it of.
    pub(super) fn property_of<'e>(
        &self,
        value: &'e Expr,
        function: &str,
    ) -> Option<(ValueKind, &'e str)> {
        let (pair, flags, mut is_index) = match value {
            Expr::Dot(pair, flags, _) => (pair, *flags, false),
            Expr::Index(pair, flags, _) => (pair, *flags, true),
            _ => return None,
        };
        let mut of = self.kind(&pair.lhs, function);
        let mut rest = &pair.rhs;
        let mut flags = flags;

        loop {
            match rest {
                Expr::Dot(next, more, _) | Expr::Index(next, more, _)
                    if !flags.contains(ASTFlags::BREAK) =>
                {
                    of = self.part(of, is_index, &next.lhs, &mut Vec::new());
                    is_index = matches!(rest, Expr::Index(..));
                    flags = *more;
                    rest = &next.rhs;
                }
                Expr::Property(property, _) if !is_index => return Some((of?, &property.2)),
                Expr::StringConstant(name, _) if is_index => return Some((of?, name)),
                _ => return None,
            }
        }
    }
}
