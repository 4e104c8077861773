//! Which pattern to use, and why.

use crate::optimizer::choice::policy::Recommendation;

/// Which pattern to use for a task, and why.
///
/// ```
/// # async fn example() -> Result<(), kaizen::Error> {
/// let kaizen = kaizen::Runtime::builder().in_memory().build()?;
/// let outcome = serde_json::json!({ "success_rate": 1.0, "execution_time": 2.0 });
/// kaizen.record("triage", "vote", &outcome).await?;
///
/// let advice = kaizen.advise("triage")?;
/// println!("{}: {}", advice.pattern, advice.reason);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Advice {
    /// The pattern to use.
    pub pattern: String,
    /// Why, in a sentence.
    pub reason: String,
    /// How likely this pattern was to be chosen, from 0 to 1.
    pub probability: f64,
    /// Whether there is too little evidence to know better.
    pub is_guess: bool,
    /// Whether it was chosen to learn more about it, although another pattern seems better.
    pub is_explored: bool,
    /// The other patterns, best first.
    pub alternatives: Vec<String>,
}

impl From<Recommendation> for Advice {
    fn from(found: Recommendation) -> Advice {
        let names = found.alternatives.iter().map(|one| one.pattern.as_str().to_owned());
        Advice {
            pattern: found.pattern.as_str().to_owned(),
            alternatives: names.collect(),
            reason: found.reason,
            probability: found.probability,
            is_guess: found.guess,
            is_explored: found.explored,
        }
    }
}
