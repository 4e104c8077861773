//! How often a judge is right, and what that makes of a difference that it has judged.

use crate::base::failure::{Failure, Kind};
use serde_json::{Value, json};

/// How often a judge says right of what is right, and wrong of what is wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Accuracy {
    /// The share of right answers that it finds right.
    pub sensitivity: f64,
    /// The share of wrong answers that it finds wrong.
    pub specificity: f64,
}

/// What is known of how often a judge is right.
#[derive(Debug, Clone, PartialEq)]
pub enum JudgeAccuracy {
    /// It was said.
    Known(Accuracy),
    /// It is to be found out on answers of which somebody knows whether they are right.
    Labelled(Vec<Label>),
}

/// An answer of which somebody knows whether it is right.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// The answer.
    pub answer: Value,
    /// The input that it answers.
    pub input: Value,
    /// Whether it is right.
    pub right: bool,
}

impl Accuracy {
    /// Accepts two shares; a judge that is no better than chance tells nothing.
    pub fn new(sensitivity: f64, specificity: f64) -> Result<Accuracy, Failure> {
        let accuracy = Accuracy { sensitivity, specificity };
        let is_share = |share: f64| (0.0..=1.0).contains(&share);
        if !is_share(sensitivity) || !is_share(specificity) {
            let message = format!(
                "the accuracy of a judge is a share from 0 to 1, not {sensitivity} and {specificity}"
            );
            return Err(Failure::new(Kind::Option, message));
        }

        if accuracy.discernment() <= 0.0 {
            let message = format!(
                "a judge that accepts {} % of the right answers and rejects {} % of the wrong \
                 ones is no better than chance, so it cannot decide a comparison",
                percent(sensitivity),
                percent(specificity)
            );
            return Err(Failure::new(Kind::Option, message));
        }

        Ok(accuracy)
    }

    /// Reads what a script or a command says: a share for both, or a map of two, or a list of labelled
    /// answers.
    pub fn read(given: &Value) -> Result<JudgeAccuracy, Failure> {
        match given {
            Value::Array(labels) => {
                labels.iter().map(label).collect::<Result<_, _>>().map(JudgeAccuracy::Labelled)
            }
            Value::Object(map) => {
                let share = |key: &str| map.get(key).and_then(Value::as_f64);
                let both = share("sensitivity").zip(share("specificity"));
                let (sensitivity, specificity) = both.ok_or_else(|| wrong(given))?;
                Accuracy::new(sensitivity, specificity).map(JudgeAccuracy::Known)
            }
            other => {
                let share = other.as_f64().ok_or_else(|| wrong(given))?;
                Accuracy::new(share, share).map(JudgeAccuracy::Known)
            }
        }
    }

    /// Returns the accuracy of a judge that gave such scores to labelled answers; a score of one half or
    /// more says right.
    pub fn of(labels: &[Label], scores: &[f64]) -> Result<Accuracy, Failure> {
        let share = |right: bool| {
            let of_kind = labels.iter().zip(scores).filter(|(label, _)| label.right == right);
            let mut all = 0.0;
            let mut agreed = 0.0;
            for (_, score) in of_kind {
                all += 1.0;
                agreed += f64::from(u8::from((*score >= 0.5) == right));
            }
            (all > 0.0).then(|| agreed / all)
        };

        let Some((sensitivity, specificity)) = share(true).zip(share(false)) else {
            let message = "labelled answers must include both right and wrong ones";
            return Err(Failure::new(Kind::Option, message));
        };

        Accuracy::new(sensitivity, specificity)
    }

    /// Returns the share of a true difference that is left in what the judge says. Source: W. J. Youden,
    /// "Index for rating diagnostic tests" (Cancer 3, 1950).
    pub fn discernment(&self) -> f64 {
        self.sensitivity + self.specificity - 1.0
    }

    /// Returns a difference of scores as it would be without the judge's errors, of which `quality` is the
    /// part that was judged, and its interval. Source: W. J. Rogan and B. Gladen, "Estimating prevalence
    /// from the results of a screening test" (American Journal of Epidemiology 107, 1978).
    pub fn correct(
        &self,
        difference: f64,
        (low, high): (f64, f64),
        quality: f64,
    ) -> (f64, [f64; 2]) {
        let more = 1.0 / self.discernment() - 1.0;
        let end = |end: f64| end + more * (quality - (difference - end));
        (difference + more * quality, [end(low), end(high)])
    }

    /// Estimates how many times as many inputs it takes as with a judge that never errs, where the mean
    /// qualities that it found are these.
    pub fn more_inputs(&self, qualities: [f64; 2]) -> f64 {
        let scatter = |rate: f64| rate * (1.0 - rate);
        let truth =
            |said: f64| ((said - (1.0 - self.specificity)) / self.discernment()).clamp(0.01, 0.99);

        let said: f64 = qualities.into_iter().map(scatter).sum();
        let without: f64 = qualities.into_iter().map(|said| scatter(truth(said))).sum();
        (said / without / self.discernment().powi(2)).max(1.0)
    }

    /// Returns it as data.
    pub fn to_value(self) -> Value {
        json!({ "sensitivity": self.sensitivity, "specificity": self.specificity })
    }
}

fn label(given: &Value) -> Result<Label, Failure> {
    let right = given.get("right").and_then(Value::as_bool);
    let answer = given.get("answer").cloned();
    let (right, answer) = right.zip(answer).ok_or_else(|| wrong(given))?;
    Ok(Label { answer, input: given.get("input").cloned().unwrap_or_default(), right })
}

fn wrong(given: &Value) -> Failure {
    let message = format!(
        "the accuracy of a judge must be a share such as .9, or `#{{ sensitivity: .95, specificity: .8 }}`, \
         or a list of `#{{ answer: .., input: .., right: true }}`, not `{given}`"
    );
    Failure::new(Kind::Option, message)
}

fn percent(share: f64) -> String {
    format!("{:.0}", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found}, not {expected}");
    }

    #[test]
    fn an_error_of_the_judge_shrinks_a_difference_and_is_undone() {
        let judge = Accuracy::new(0.9, 0.7).expect("an accuracy");
        let said = |rate: f64| rate * 0.9 + (1.0 - rate) * 0.3;
        let difference = said(0.8) - said(0.6);
        let (truth, [low, high]) = judge.correct(difference, (0.06, 0.3), difference);
        close(truth, 0.2);
        close(low, 0.06 / 0.6);
        close(high, 0.3 / 0.6);

        // What is no matter of quality is not the judge's.
        let (truth, [low, high]) =
            judge.correct(0.7 * difference + 0.1, (0.05, 0.25), 0.7 * difference);
        close(truth, 0.7 * 0.2 + 0.1);
        assert!(low < 0.05 && high > 0.25, "{low} {high}");
    }

    #[test]
    fn a_judge_that_errs_takes_more_inputs() {
        let judge = Accuracy::new(0.8, 0.8).expect("an accuracy");
        let said = |rate: f64| rate * 0.8 + (1.0 - rate) * 0.2;

        let factor = judge.more_inputs([said(0.95), said(0.85)]);
        assert!((5.5..6.5).contains(&factor), "{factor}");
        close(Accuracy::new(1.0, 1.0).expect("one").more_inputs([0.5, 0.6]), 1.0);
    }

    #[test]
    fn it_is_found_out_on_labelled_answers() {
        let label = |right| Label { answer: Value::Null, input: Value::Null, right };
        let labels: Vec<Label> = [true, true, true, true, false, false].map(label).to_vec();
        let found = Accuracy::of(&labels, &[1.0, 0.5, 0.9, 0.2, 0.0, 0.4]).expect("an accuracy");
        assert_eq!((found.sensitivity, found.specificity), (0.75, 1.0));

        let error = |labels: &[Label], scores: &[f64]| {
            Accuracy::of(labels, scores).expect_err("an error").message
        };
        assert_eq!(
            error(&labels[..2], &[1.0, 1.0]),
            "labelled answers must include both right and wrong ones"
        );
        let all_right = error(&labels, &[1.0; 6]);
        assert!(all_right.contains("is no better than chance"), "{all_right}");
    }

    #[test]
    fn what_is_said_of_a_judge_is_read() {
        let both = |sensitivity, specificity| {
            Ok(JudgeAccuracy::Known(Accuracy { sensitivity, specificity }))
        };
        assert_eq!(Accuracy::read(&json!(0.9)), both(0.9, 0.9));

        let map = json!({ "sensitivity": 0.9, "specificity": 0.8 });
        assert_eq!(Accuracy::read(&map), both(0.9, 0.8));

        let list =
            json!([{ "answer": 1, "right": true }, { "answer": 2, "input": 3, "right": false }]);
        let Ok(JudgeAccuracy::Labelled(labels)) = Accuracy::read(&list) else { panic!("labels") };
        assert_eq!((labels[1].input.as_i64(), labels[1].right), (Some(3), false));

        for wrong in [json!("good"), json!({ "sensitivity": 1 }), json!([1]), json!(null)] {
            let error = Accuracy::read(&wrong).expect_err("an error").message;
            assert!(error.starts_with("the accuracy of a judge must be a share"), "{error}");
        }
        assert!(Accuracy::read(&json!(90)).is_err() && Accuracy::read(&json!(0.5)).is_err());
    }
}
