//! What one execution was worth: success, quality, time and cost in one number from 0 to 1.

use super::scale::{Scale, reward};

/// Weights of the utility, and its scales where they are named.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Objective {
    /// Weight of the quality.
    pub quality: f64,
    /// Weight of the speed.
    pub time: f64,
    /// Weight of the thrift.
    pub cost: f64,
    /// Time at which the reward for speed is halved, in seconds; `None` for what the task type says.
    pub time_half: Option<f64>,
    /// Cost at which the reward for thrift is halved, in dollars; `None` for what the task type says.
    pub cost_half: Option<f64>,
}

/// Where an objective comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// Somebody gave it, for all task types.
    Given(Objective),
    /// Nobody did, so costs count for the task types where any is known, and nowhere else: what one
    /// of them costs says nothing of the others.
    Usual,
}

impl Goal {
    /// Returns what counts for a task type; `has_cost` says whether any cost is known there.
    pub fn on(self, has_cost: bool) -> Objective {
        match self {
            Goal::Given(objective) => objective,
            Goal::Usual if has_cost => Objective::WITH_COST,
            Goal::Usual => Objective::WITHOUT_COST,
        }
    }
}

/// The scales until a task type says more, if nobody names any.
pub(super) const TIME_HALF: f64 = 5.0;
pub(super) const COST_HALF: f64 = 0.01;

impl Objective {
    /// What counts when nobody says otherwise and no cost is known: the guide's weights.
    pub const WITHOUT_COST: Objective =
        Objective { quality: 0.7, time: 0.3, cost: 0.0, time_half: None, cost_half: None };
    /// What counts when nobody says otherwise and costs are known.
    pub const WITH_COST: Objective =
        Objective { quality: 0.6, time: 0.2, cost: 0.2, time_half: None, cost_half: None };

    /// The quality alone: neither time nor cost counts.
    pub const QUALITY: Objective =
        Objective { quality: 1.0, time: 0.0, cost: 0.0, time_half: None, cost_half: None };

    /// Reads an objective: a word, or weights such as `quality=.8,cost=.2`; `None` is the usual one.
    pub fn parse(text: &str) -> Result<Option<Objective>, String> {
        let even = Objective { quality: 0.5, ..Objective::QUALITY };
        match text {
            "balanced" => return Ok(None),
            "quality" => return Ok(Some(Objective::QUALITY)),
            "speed" => return Ok(Some(Objective { time: 0.5, ..even })),
            "cost" => return Ok(Some(Objective { cost: 0.5, ..even })),
            _ => {}
        }

        let mut objective = Objective { quality: 0.0, ..Objective::QUALITY };
        for pair in text.split(',') {
            let (name, weight) = pair.split_once('=').ok_or_else(|| {
                format!(
                    "invalid objective `{text}`: expected balanced, quality, speed, cost, or weights such as \
                     quality=.8,cost=.2"
                )
            })?;
            let weight = weight.trim().parse::<f64>().ok();
            let weight = weight.filter(|weight| weight.is_finite() && *weight >= 0.0);
            let weight = weight.ok_or_else(|| format!("`{pair}` needs a number from 0 up"))?;
            match name.trim() {
                "quality" => objective.quality = weight,
                "time" => objective.time = weight,
                "cost" => objective.cost = weight,
                other => {
                    return Err(format!(
                        "unknown part of an objective `{other}`: expected quality, time or cost"
                    ));
                }
            }
        }
        let none = || "one of the weights must be above 0".to_owned();
        objective.normalized().map(Some).ok_or_else(none)
    }

    /// Says what counts, and how much of it is time and cost.
    pub fn describe(&self) -> String {
        let usual = [Objective::WITHOUT_COST, Objective::WITH_COST];
        let is_usual = |usual: &Objective| {
            (usual.quality, usual.time, usual.cost) == (self.quality, self.time, self.cost)
        };

        let percent = |name: &str, weight: f64| {
            (weight > 0.0).then(|| format!("{name} {:.0} %", 100.0 * weight))
        };
        let shares = [
            percent("quality", self.quality),
            percent("time", self.time),
            percent("cost", self.cost),
        ];
        let shares = shares.into_iter().flatten().collect::<Vec<_>>().join(", ");

        match (self.time + self.cost > 0.0, usual.iter().any(is_usual)) {
            (false, _) => "quality alone".to_owned(),
            (true, true) => format!("balanced ({shares})"),
            (true, false) => shares,
        }
    }

    /// Returns what quality, time and cost make of the utility of an execution.
    pub fn parts(&self, outcome: &ExecutionOutcome, scale: &Scale) -> [f64; 3] {
        let only = |quality, time, cost| Objective { quality, time, cost, ..*self };
        [only(self.quality, 0.0, 0.0), only(0.0, self.time, 0.0), only(0.0, 0.0, self.cost)]
            .map(|part| part.utility(outcome, scale))
    }

    /// Brings the weights to a sum of 1; `None` if none of them is above 0.
    pub fn normalized(self) -> Option<Objective> {
        let sum = self.quality + self.time + self.cost;
        (sum > 0.0 && sum.is_finite()).then(|| Objective {
            quality: self.quality / sum,
            time: self.time / sum,
            cost: self.cost / sum,
            ..self
        })
    }

    /// Returns the scales that are named, or else the usual ones.
    pub fn scale(&self) -> Scale {
        Scale {
            time_half: self.time_half.unwrap_or(TIME_HALF),
            cost_half: self.cost_half.unwrap_or(COST_HALF),
        }
    }

    /// Returns the utility of an execution:
    /// `s (w_q q + w_t / (1 + t / t_half) + w_c / (1 + c / c_half))`. Success gates everything, so
    /// failing fast is worth nothing; no term is unbounded, so no unit of time changes who wins.
    pub fn utility(&self, outcome: &ExecutionOutcome, scale: &Scale) -> f64 {
        let quality = outcome.quality.unwrap_or(1.0).clamp(0.0, 1.0);
        // What is unknown counts as its half.
        let speed = outcome.time.map_or(0.5, |time| reward(time, scale.time_half));
        let thrift = outcome.cost.map_or(0.5, |cost| reward(cost, scale.cost_half));
        outcome.success * (self.quality * quality + self.time * speed + self.cost * thrift)
    }
}

/// How one execution went.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ExecutionOutcome {
    /// Share of the operations that gave a value, 0 to 1.
    pub success: f64,
    /// How good the result was, 0 to 1; `None` if nobody judged it.
    pub quality: Option<f64>,
    /// Seconds; `None` when unknown.
    pub time: Option<f64>,
    /// Dollars; `None` when unknown.
    pub cost: Option<f64>,
}

impl ExecutionOutcome {
    /// Tells whether it counts as a failure: less than half of it gave a value.
    pub fn is_failure(&self) -> bool {
        self.success < 0.5
    }

    /// Tells whether somebody said how good the result is.
    pub fn is_judged(&self) -> bool {
        self.quality.is_some() && self.success > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failing_fast_is_worth_nothing_whatever_the_unit() {
        for unit in [1.0, 1000.0, 1.0 / 60.0] {
            let at = |success, time: f64| {
                let time = Some(time * unit);
                let outcome = ExecutionOutcome { success, time, ..ExecutionOutcome::default() };
                Objective::WITHOUT_COST.utility(&outcome, &Objective::WITHOUT_COST.scale())
            };
            assert_eq!(at(0.0, 0.0), 0.0);
            assert!(at(1.0, 120.0) > at(0.05, 0.01), "{unit}");
            assert!((0.0..=1.0).contains(&at(1.0, 0.0)));
        }
    }

    #[test]
    fn an_objective_is_a_word_or_weights() {
        let said = |text: &str| match Objective::parse(text) {
            Ok(objective) => objective.unwrap_or(Objective::WITH_COST).describe(),
            Err(reason) => reason,
        };
        let unknown = "invalid objective `fast`: expected balanced, quality, speed, cost, or weights such as \
                       quality=.8,cost=.2";
        for (text, expected) in [
            ("balanced", "balanced (quality 60 %, time 20 %, cost 20 %)"),
            ("quality", "quality alone"),
            ("quality=3", "quality alone"),
            ("speed", "quality 50 %, time 50 %"),
            ("cost", "quality 50 %, cost 50 %"),
            ("quality=4, cost=1", "quality 80 %, cost 20 %"),
            ("fast", unknown),
            ("quality=-1", "`quality=-1` needs a number from 0 up"),
            ("quality=0", "one of the weights must be above 0"),
            ("speed=1", "unknown part of an objective `speed`: expected quality, time or cost"),
        ] {
            assert_eq!(said(text), expected, "{text}");
        }
    }

    #[test]
    fn the_parts_of_a_utility_make_up_the_whole() {
        let outcome =
            ExecutionOutcome { success: 1.0, quality: Some(0.5), time: Some(5.0), cost: None };
        let scale = Objective::WITH_COST.scale();
        let parts = Objective::WITH_COST.parts(&outcome, &scale);
        assert_eq!(parts, [0.3, 0.1, 0.1]);
        let whole = Objective::WITH_COST.utility(&outcome, &scale);
        assert!((parts.iter().sum::<f64>() - whole).abs() < 1e-12);
    }

    #[test]
    fn weights_are_brought_to_one() {
        let objective = Objective { quality: 3.0, time: 1.0, ..Objective::WITHOUT_COST };
        let normal = objective.normalized().expect("weights");
        assert_eq!((normal.quality, normal.time), (0.75, 0.25));

        let none = Objective { quality: 0.0, time: 0.0, ..Objective::WITHOUT_COST };
        assert_eq!(none.normalized(), None);
    }
}
