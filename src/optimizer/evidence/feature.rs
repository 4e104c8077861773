//! What is known of an input beforehand, such as its length or its language, and the task type that
//! follows: `qa` with a length in the second fifth is `qa/length:2`. The group `qa` lends what it knows,
//! so a feature that says nothing costs little.

use crate::base::secret::scrub;
use crate::optimizer::evidence::pattern::{NameError, TaskType};
use crate::optimizer::learner::packed::{ByteReader, Packing};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The key of figures under which features are given and kept; and where the task type is kept that
/// was told.
pub const OF: &str = "of";
const OF_TASK: &str = "of_task";

/// The maximum number of features of an input: each additional one makes task types that nothing is known of.
const FEATURES_MAX: usize = 4;
/// The number of parts into which a number is cut by its first values, and how many of these are needed and kept.
const PARTS: usize = 5;
const VALUES_MIN: usize = 10;
const VALUES_MAX: usize = 100;

/// Features that cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FeatureError {
    /// They are not given by name.
    #[error("`of` must be a map such as `#{{ length: 120 }}`, not `{found}`")]
    NoMap {
        /// What was given.
        found: String,
    },
    /// One is neither a number nor a word.
    #[error("the feature `{name}` in `of` must be a number, a word, true or false, not `{found}`")]
    Wrong {
        /// Which.
        name: String,
        /// What was given.
        found: String,
    },
    /// There are too many.
    #[error("`of` has {count} features; the maximum is {FEATURES_MAX}")]
    Many {
        /// How many.
        count: usize,
    },
}

/// What is known of one input.
#[derive(Debug, Clone, PartialEq)]
enum Feature {
    Number(f64),
    Word(String),
}

/// What is known of an input, by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Features(BTreeMap<String, Feature>);

impl Features {
    /// Reads what a script gives.
    pub fn read(given: &Value) -> Result<Features, FeatureError> {
        let Value::Object(map) = given else {
            return Err(FeatureError::NoMap { found: given.to_string() });
        };
        if map.len() > FEATURES_MAX {
            return Err(FeatureError::Many { count: map.len() });
        }

        let mut features = BTreeMap::new();
        for (name, value) in map {
            let wrong = || FeatureError::Wrong { name: name.clone(), found: value.to_string() };
            let feature = match value {
                Value::Number(number) => {
                    let number = number.as_f64().filter(|number| number.is_finite());
                    Feature::Number(number.ok_or_else(wrong)?)
                }
                Value::String(word) if !word.trim().is_empty() => {
                    Feature::Word(scrub(word).into_owned())
                }
                Value::Bool(is) => Feature::Word(is.to_string()),
                _ => return Err(wrong()),
            };
            features.insert(scrub(name).into_owned(), feature);
        }

        Ok(Features(features))
    }

    /// Tells whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns them as they are kept.
    pub fn to_map(&self) -> Map<String, Value> {
        let one = |feature: &Feature| match feature {
            Feature::Number(number) => Value::from(*number),
            Feature::Word(word) => Value::from(word.as_str()),
        };
        self.0.iter().map(|(name, feature)| (name.clone(), one(feature))).collect()
    }
}

/// Keeps features with an execution, so that everybody cuts alike.
pub fn keep(extra: &mut Map<String, Value>, task: &str, features: &Features) {
    if !features.is_empty() {
        extra.insert(OF.to_owned(), features.to_map().into());
        extra.insert(OF_TASK.to_owned(), task.into());
    }
}

/// Returns the task type that was told with an execution, if it was kept.
pub fn told_task(extra: &Map<String, Value>) -> Option<&str> {
    extra.get(OF_TASK)?.as_str()
}

/// Returns what was kept with an execution: the task type that was told, and the features.
pub fn kept(extra: &str) -> Option<(String, Features)> {
    // Most executions have none, and reading every one's figures takes time.
    if !extra.contains(OF_TASK) {
        return None;
    }

    let extra: Map<String, Value> = serde_json::from_str(extra).ok()?;
    let features = Features::read(extra.get(OF)?).ok()?;
    Some((extra.get(OF_TASK)?.as_str()?.to_owned(), features))
}

/// The first values of every number, by the task type and the name of the feature.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cuts(BTreeMap<(String, String), Vec<f64>>);

impl Cuts {
    /// Takes in what was known of an input.
    pub fn add(&mut self, task: &str, features: &Features) {
        for (name, feature) in &features.0 {
            let Feature::Number(number) = feature else { continue };
            let values = self.0.entry((task.to_owned(), name.clone())).or_default();
            if values.len() < VALUES_MAX {
                values.push(*number);
            }
        }
    }

    /// Returns the task type of an input. A number of which little is known is not cut yet.
    pub fn task_type(&self, task: &str, features: &Features) -> Result<TaskType, NameError> {
        let mut task_type = task.to_owned();

        for (name, feature) in &features.0 {
            let part = match feature {
                Feature::Word(word) => Some(word.clone()),
                Feature::Number(number) => {
                    let values = self.0.get(&(task.to_owned(), name.clone()));
                    values.and_then(|values| part(values, *number)).map(|part| part.to_string())
                }
            };
            if let Some(part) = part {
                // What stands between slashes is a group.
                let step = format!("{name}:{part}").replace('/', "_");
                task_type = format!("{task_type}/{step}");
            }
        }
        TaskType::new(&task_type)
    }

    /// Adds everything to bytes.
    pub fn pack(&self, to: &mut Packing) {
        to.count(self.0.len());
        for ((task, name), values) in &self.0 {
            to.text(task);
            to.text(name);
            to.count(values.len());
            for value in values {
                to.number(*value);
            }
        }
    }

    /// Reads them from bytes.
    pub fn unpack(from: &mut ByteReader<'_>) -> Option<Cuts> {
        let mut cuts = BTreeMap::new();
        for _ in 0..from.count()? {
            let key = (from.text()?.to_owned(), from.text()?.to_owned());
            let count = from.below(VALUES_MAX + 1)?;
            let values = (0..count).map(|_| from.number()).collect::<Option<Vec<_>>>()?;
            cuts.insert(key, values);
        }

        Some(Cuts(cuts))
    }
}

/// Returns in which part a number lies, from 1 on, when its first values are cut into parts of the same
/// size; `None` while there are too few.
fn part(values: &[f64], number: f64) -> Option<usize> {
    if values.len() < VALUES_MIN {
        return None;
    }

    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let bound = |part: usize| sorted[part * sorted.len() / PARTS];
    Some(1 + (1..PARTS).filter(|part| number >= bound(*part)).count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn features(value: &Value) -> Features {
        Features::read(value).expect("features")
    }

    fn task_type(cuts: &Cuts, value: &Value) -> String {
        cuts.task_type("qa", &features(value)).expect("a name").to_string()
    }

    #[test]
    fn a_number_is_cut_at_the_fifths_of_its_first_hundred_values() {
        let mut cuts = Cuts::default();
        for n in 0..9 {
            cuts.add("qa", &features(&json!({ "length": n })));
        }
        assert_eq!(task_type(&cuts, &json!({ "length": 5 })), "qa", "too little is known");
        for n in 9..100 {
            cuts.add("qa", &features(&json!({ "length": n })));
        }

        let known = cuts.clone();
        for _ in 0..1000 {
            cuts.add("qa", &features(&json!({ "length": 7 })));
        }
        assert_eq!(cuts, known, "later ones move no cut");

        let at = |n: f64| task_type(&cuts, &json!({ "length": n }));
        let all = [-5.0, 19.9, 20.0, 45.0, 60.0, 79.0, 80.0, 1e9].map(at);
        let expected = [1, 1, 2, 3, 4, 4, 5, 5].map(|part| format!("qa/length:{part}"));
        assert_eq!(all, expected);

        let other = cuts.task_type("other", &features(&json!({ "length": 5 }))).expect("a name");
        assert_eq!(other.as_str(), "other", "each task type has its own cuts");
    }

    #[test]
    fn words_stand_as_they_are_and_names_are_in_their_order() {
        let given = json!({ "lang": "de/AT", "is_short": true });
        assert_eq!(task_type(&Cuts::default(), &given), "qa/is_short:true/lang:de_AT");
        assert_eq!(task_type(&Cuts::default(), &json!({})), "qa");
    }

    #[test]
    fn values_that_are_all_the_same_are_one_part() {
        let mut cuts = Cuts::default();
        for _ in 0..100 {
            cuts.add("qa", &features(&json!({ "n": 3 })));
        }

        assert_eq!(task_type(&cuts, &json!({ "n": 3 })), "qa/n:5");
        assert_eq!(task_type(&cuts, &json!({ "n": 2 })), "qa/n:1");
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let error = |value: Value| Features::read(&value).expect_err("an error").to_string();
        assert_eq!(error(json!(3)), "`of` must be a map such as `#{ length: 120 }`, not `3`");

        let wrong = |found| {
            format!(
                "the feature `a` in `of` must be a number, a word, true or false, not `{found}`"
            )
        };
        for (value, found) in [
            (json!({ "a": [1] }), "[1]"),
            (json!({ "a": null }), "null"),
            (json!({ "a": " " }), "\" \""),
            (json!({ "a": { "b": 1 } }), "{\"b\":1}"),
        ] {
            assert_eq!(error(value), wrong(found));
        }

        let many = json!({ "a": 1, "b": 1, "c": 1, "d": 1, "e": 1 });
        assert_eq!(error(many), "`of` has 5 features; the maximum is 4");
    }

    #[test]
    fn cuts_come_back_from_their_bytes() {
        let mut cuts = Cuts::default();
        for n in 0..30 {
            cuts.add("qa", &features(&json!({ "length": n, "lang": "en", "depth": 0.1 })));
        }

        let mut packing = Packing::default();
        cuts.pack(&mut packing);
        let bytes = packing.into_bytes();
        let mut packed = ByteReader::new(&bytes);

        assert_eq!(Cuts::unpack(&mut packed), Some(cuts));
        assert!(packed.is_empty());
    }
}
