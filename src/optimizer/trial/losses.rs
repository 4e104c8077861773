//! Patterns whose executions all failed: there is nothing to compare of them, but a reason to tell.

use crate::optimizer::trial::execution::Measurement;
use crate::optimizer::trial::findings::Block;
use serde_json::{Value, json};

/// What became of the executions of a pattern of which each failed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Loss {
    executions: usize,
    /// The first failure: its kind and its message.
    kind: String,
    message: String,
    /// Whether others failed with another message.
    has_others: bool,
}

/// The patterns whose executions all failed, by their places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::optimizer) struct Losses(Vec<Option<Loss>>);

impl Losses {
    /// Looks which of so many patterns never gave an answer.
    pub(in crate::optimizer) fn of(blocks: &[Block], arms: usize) -> Losses {
        let loss = |arm: usize| {
            let seen: Vec<&Measurement> = blocks.iter().flat_map(|block| &block[arm]).collect();
            let errors: Option<Vec<_>> = seen.iter().map(|seen| seen.error.as_ref()).collect();
            let errors = errors?;
            let (kind, message) = errors.first()?;

            Some(Loss {
                executions: errors.len(),
                kind: kind.clone(),
                message: message.clone(),
                has_others: errors.iter().any(|(_, other)| other != message),
            })
        };
        Losses((0..arms).map(loss).collect())
    }

    /// Returns the first failure if nothing gave an answer: its kind and its message.
    pub(in crate::optimizer) fn failure(&self) -> Option<Value> {
        let first = self.whole()?.next()?;
        Some(json!({ "kind": first.kind, "message": first.message }))
    }

    /// Says why nothing gave an answer, if that is so; `name` names the pattern at a place.
    pub(in crate::optimizer) fn sentence(&self, name: impl Fn(usize) -> String) -> Option<String> {
        let executions: usize = self.whole()?.map(|loss| loss.executions).sum();
        let mut reasons = self.whole()?.map(Loss::reason);
        let first = reasons.next()?;

        if reasons.all(|other| other == first) {
            return Some(format!("all {executions} executions failed: {first}"));
        }
        let each = self.whole()?.enumerate();
        let each = each.map(|(arm, loss)| format!("those of `{}`: {}", name(arm), loss.reason()));
        let each: Vec<String> = each.collect();
        Some(format!("all {executions} executions failed, {}", each.join("; ")))
    }

    /// Says why a pattern never gave an answer, if that is so.
    pub(in crate::optimizer) fn sentence_of(&self, arm: usize, name: &str) -> Option<String> {
        let loss = self.0.get(arm)?.as_ref()?;
        Some(format!("all {} executions of `{name}` failed: {}", loss.executions, loss.reason()))
    }

    /// Returns the losses of all patterns, if each has one.
    fn whole(&self) -> Option<impl Iterator<Item = &Loss>> {
        self.0.iter().all(Option::is_some).then(|| self.0.iter().flatten())
    }
}

impl Loss {
    fn reason(&self) -> String {
        let others = if self.has_others { ", and for other reasons" } else { "" };
        format!("{}{others}", self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use std::collections::BTreeSet;
    use std::fmt::Write as _;

    fn seen(message: &str) -> Vec<Measurement> {
        let error = (!message.is_empty()).then(|| ("thrown".to_owned(), message.to_owned()));
        vec![Measurement {
            name: "x".into(),
            success: if error.is_some() { 0.0 } else { 1.0 },
            score: None,
            time: None,
            cost: None,
            tokens: None,
            calls: 0,
            is_demo: false,
            is_reused: false,
            models: BTreeSet::new(),
            error,
        }]
    }

    #[test]
    fn the_reason_is_told_where_nothing_gave_an_answer() {
        let mut told = String::new();
        for blocks in [
            vec![["no", "no"], ["no", "no"]],
            vec![["no", "never"], ["no", "never"]],
            vec![["no 1", "never"], ["no 2", "never"]],
            vec![["no", ""], ["no", "never"]],
            vec![["", ""]],
            vec![],
        ] {
            let blocks: Vec<Block> = blocks.iter().map(|block| block.map(seen).to_vec()).collect();
            let losses = Losses::of(&blocks, 2);
            let name = |arm: usize| ["a", "b"][arm].to_owned();
            let each = [0, 1].map(|arm| losses.sentence_of(arm, &name(arm)));
            let _ = writeln!(told, "{:?} {each:?} {:?}", losses.sentence(name), losses.failure());
        }
        expect![[r#"
            Some("all 4 executions failed: no") [Some("all 2 executions of `a` failed: no"), Some("all 2 executions of `b` failed: no")] Some(Object {"kind": String("thrown"), "message": String("no")})
            Some("all 4 executions failed, those of `a`: no; those of `b`: never") [Some("all 2 executions of `a` failed: no"), Some("all 2 executions of `b` failed: never")] Some(Object {"kind": String("thrown"), "message": String("no")})
            Some("all 4 executions failed, those of `a`: no 1, and for other reasons; those of `b`: never") [Some("all 2 executions of `a` failed: no 1, and for other reasons"), Some("all 2 executions of `b` failed: never")] Some(Object {"kind": String("thrown"), "message": String("no 1")})
            None [Some("all 2 executions of `a` failed: no"), None] None
            None [None, None] None
            None [None, None] None
        "#]].assert_eq(&told);
    }
}
