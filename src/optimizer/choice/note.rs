//! What the journal keeps of a choice: the choice, how likely it was, and how much was known then. All
//! else follows from the observations, so a run that continues makes the whole of it again.

use crate::optimizer::choice::policy::{RankedPattern, Recommendation};
use crate::optimizer::evidence::pattern::Pattern;
use serde_json::{Value, json};

/// The longest reason in short that is kept, in bytes.
const WHY_MAX: usize = 44;

/// A choice as the journal keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// The pattern that was chosen.
    pub pattern: Pattern,
    /// How likely it was to be chosen, and to be the best.
    pub probability: f64,
    /// `None` where the policy has no belief.
    pub best: Option<f64>,
    /// The number of the last observation that was known; `None` for a throw-away optimizer, whose
    /// executions a run that continues records again.
    pub seen: Option<i64>,
    /// The figures that decided, in short.
    pub why: Option<String>,
}

impl Note {
    /// Notes a choice that was made when so much was known.
    pub fn of(found: &Recommendation, seen: Option<i64>) -> Note {
        Note {
            pattern: found.pattern.clone(),
            probability: rounded(found.probability),
            best: found.ranked.as_ref().and_then(|ranked| ranked.best).map(rounded),
            seen,
            why: seen.and_then(|_| why(found)).filter(|why| why.len() <= WHY_MAX),
        }
    }

    /// Reads what the journal has kept; `None` for what it kept in another form.
    pub fn read(value: &Value) -> Option<Note> {
        // Earlier versions kept the whole, with its reason.
        if value.get("reason").is_some() {
            return None;
        }

        Some(Note {
            pattern: Pattern::stored(value["pattern"].as_str()?).ok()?,
            probability: value["probability"].as_f64()?,
            best: value["best"].as_f64(),
            seen: value["seen"].as_i64(),
            why: value["why"].as_str().map(str::to_owned),
        })
    }

    /// Returns it as data.
    pub fn to_value(&self) -> Value {
        let mut value =
            json!({ "pattern": self.pattern.as_str(), "probability": self.probability });
        let others = [
            ("best", self.best.map(Value::from)),
            ("seen", self.seen.map(Value::from)),
            ("why", self.why.as_deref().map(Value::from)),
        ];

        for (key, other) in others {
            if let Some(other) = other {
                value[key] = other;
            }
        }
        value
    }

    /// Returns the choice alone, where what it rested on is gone.
    pub fn alone(&self) -> Recommendation {
        Recommendation {
            pattern: self.pattern.clone(),
            reason: "chosen by the resumed run; its evidence is not in this store".to_owned(),
            guess: true,
            probability: self.probability,
            explored: false,
            ranked: None,
            alternatives: Vec::new(),
        }
    }
}

/// Says in a few characters what decided.
fn why(found: &Recommendation) -> Option<String> {
    let short = |one: &RankedPattern| format!("{:.2} n={}", one.score, one.cell.n);
    let chosen = short(found.ranked.as_ref()?);

    Some(match found.alternatives.first() {
        Some(next) => format!("{chosen}, {} {}", next.pattern, short(next)),
        None => chosen,
    })
}

fn rounded(share: f64) -> f64 {
    (share * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_kept_in_few_bytes_and_read_again() {
        let note = Note {
            pattern: Pattern::new("vote").expect("a name"),
            probability: 0.4213,
            best: Some(0.3811),
            seen: Some(123_456),
            why: Some("0.95 n=41, direct 0.81 n=12".to_owned()),
        };

        let value = note.to_value();
        assert_eq!(
            value.to_string(),
            r#"{"pattern":"vote","probability":0.4213,"best":0.3811,"seen":123456,"why":"0.95 n=41, direct 0.81 n=12"}"#
        );
        assert_eq!(Note::read(&value), Some(note.clone()));

        let short = Note { best: None, seen: None, why: None, ..note };
        assert_eq!(short.to_value().to_string(), r#"{"pattern":"vote","probability":0.4213}"#);
        assert_eq!(Note::read(&short.to_value()), Some(short));

        let whole = json!({ "pattern": "vote", "probability": 1.0, "reason": "because" });
        assert_eq!(Note::read(&whole), None, "what 0.1 kept is whole as it is");
    }
}
