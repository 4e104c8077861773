//! How a comparison stands, in one line.

use crate::base::count::counted;
use crate::base::visible::on_one_line;
use crate::optimizer::trial::comparison::ComparisonStanding;

/// Lines of a whole comparison, where each stays.
const LINES_MAX: usize = 20;

/// Writes how a comparison stands: `8 of 60  $0.0012  score: short 0.92  long 0.41`. What is cut off where the
/// line is too long is the least important.
pub(super) fn line(standing: &ComparisonStanding, reused: u64, spent: &str) -> String {
    let mut text = format!("{} of {}  {spent}", standing.done, standing.of);
    for (place, (name, score)) in standing.scores.iter().enumerate() {
        let score = score.map_or("-".to_owned(), |score| format!("{score:.2}"));
        let label = if place == 0 { "score: " } else { "" };
        text.push_str(&format!("  {label}{} {score}", on_one_line(name)));
    }

    if reused > 0 {
        text.push_str(&format!("  ({} reused)", counted(reused, "reply", "replies")));
    }
    text
}

/// Tells whether a line that stays is due: there are at most `LINES_MAX` of them.
pub(super) fn is_due(standing: &ComparisonStanding) -> bool {
    let step = |done: usize| done * LINES_MAX / standing.of.max(1);
    standing.done > 0 && step(standing.done) > step(standing.done - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(done: usize, of: usize) -> ComparisonStanding {
        let scores = vec![("short".to_owned(), Some(0.916)), ("long".to_owned(), None)];
        ComparisonStanding { done, of, scores }
    }

    #[test]
    fn the_line_says_how_far_it_is_what_it_cost_and_who_is_ahead() {
        assert_eq!(
            line(&standing(8, 60), 0, "$0.0012"),
            "8 of 60  $0.0012  score: short 0.92  long -"
        );
        assert_eq!(
            line(&standing(8, 60), 3, "$0 of $1"),
            "8 of 60  $0 of $1  score: short 0.92  long -  (3 replies reused)"
        );
        assert_eq!(
            line(&standing(0, 1), 1, "$0"),
            "0 of 1  $0  score: short 0.92  long -  (1 reply reused)"
        );
    }

    #[test]
    fn a_long_comparison_leaves_few_lines() {
        let due = |of: usize| (0..=of).filter(|done| is_due(&standing(*done, of))).count();
        assert_eq!([0, 1, 7, 60, 10_000].map(due), [0, 1, 7, 20, 20]);
    }
}
