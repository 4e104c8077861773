//! Replaying a table of real outcomes: a JSON value per line, `{"task", "input", "pattern", "success",
//! "quality", "time", "cost"}`, where `quality`, `time` and `cost` may be missing. Each input comes
//! once, in an order of chance that is the same for all policies.

use super::course::{Went, policies};
use super::own::Own;
use super::rival::{Mean, Policy, RIVALS, Task, rival};
use super::truth::{Seen, Worth};
use super::world::{World, float, shuffle};
use kaizen::base::rng::Rng;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// A table of outcomes.
#[derive(Debug)]
pub(crate) struct Table {
    task_types: Vec<String>,
    patterns: Vec<String>,
    /// For each input its task type, and what each pattern made of it, as often as it was tried.
    inputs: Vec<(usize, BTreeMap<usize, Vec<Seen>>)>,
    worth: Worth,
}

impl Table {
    /// Reads a table.
    pub(crate) fn read(path: &Path) -> Result<Table, String> {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        let (mut task_types, mut patterns) = (Names::default(), Names::default());
        let mut inputs: BTreeMap<(usize, String), BTreeMap<usize, Vec<Seen>>> = BTreeMap::new();
        let mut has_cost = false;

        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let row: Value = serde_json::from_str(line)
                .map_err(|error| format!("line {}: {error}", number + 1))?;
            let seen = seen(&row).map_err(|fault| format!("line {}: {fault}", number + 1))?;
            has_cost |= seen.cost.is_some_and(|cost| cost > 0.0);
            let (task_type, pattern) =
                (task_types.number(&row["task"]), patterns.number(&row["pattern"]));
            let of_input = inputs.entry((task_type, row["input"].to_string())).or_default();
            of_input.entry(pattern).or_default().push(seen);
        }

        if inputs.is_empty() {
            return Err("the table is empty".to_owned());
        }
        let inputs = inputs.into_iter().map(|((task_type, _), rows)| (task_type, rows)).collect();
        let worth = if has_cost { Worth::WITH_COST } else { Worth::WITHOUT_COST };
        Ok(Table { task_types: task_types.0, patterns: patterns.0, inputs, worth })
    }

    /// Replays the table so often, at most this many inputs each time; returns the regrets of every
    /// policy, and what always choosing the best pattern of each task type earns on average.
    pub(crate) fn replay(
        &self,
        instances: u32,
        most: usize,
    ) -> (BTreeMap<&'static str, Vec<f64>>, f64) {
        let means = self.means();
        let mut regrets: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
        let mut possible = 0.0;

        for instance in 0..u64::from(instances) {
            let mut order: Vec<usize> = (0..self.inputs.len()).collect();
            shuffle(&mut order, &mut Rng::seeded(77 + instance));
            order.truncate(most);
            let world = self.world(instance);
            for name in policies() {
                let mut policy: Box<dyn Policy> = match RIVALS.iter().find(|known| **known == name)
                {
                    Some(_) => rival(name, &world),
                    None => Box::new(Own::new(&world, 1, instance)),
                };
                let (went, best) = self.work(&order, &means, &mut *policy, instance);
                regrets.entry(name).or_default().push(went.regret);
                possible = best;
            }
        }
        (regrets, possible)
    }

    /// The mean worth of every pattern on every task type, over the inputs where it is known.
    fn means(&self) -> Vec<BTreeMap<usize, f64>> {
        let mut sums = vec![BTreeMap::<usize, (f64, f64)>::new(); self.task_types.len()];
        for (task_type, rows) in &self.inputs {
            for (pattern, all) in rows {
                let mean =
                    all.iter().map(|seen| self.worth.of(seen)).sum::<f64>() / float(all.len());
                let sum = sums[*task_type].entry(*pattern).or_default();
                *sum = (sum.0 + mean, sum.1 + 1.0);
            }
        }
        let mean = |sums: BTreeMap<usize, (f64, f64)>| {
            sums.into_iter().map(|(pattern, (sum, n))| (pattern, sum / n)).collect()
        };
        sums.into_iter().map(mean).collect()
    }

    fn work(
        &self,
        order: &[usize],
        means: &[BTreeMap<usize, f64>],
        policy: &mut dyn Policy,
        instance: u64,
    ) -> (Went, f64) {
        let (mut rng, mut tries) = (Rng::seeded(instance), Rng::seeded(!instance));
        let (mut went, mut possible) = (Went::default(), 0.0);

        for input in order {
            let (task_type, rows) = &self.inputs[*input];
            let there: Vec<usize> = rows.keys().copied().collect();
            let task = Task { task_type: *task_type, length: None };
            let arm = policy.pick(&task, &there, &mut rng);

            let best = there.iter().map(|arm| means[*task_type][arm]).fold(0.0, f64::max);
            went.regret += best - means[*task_type][&arm];
            possible += best;

            let all = &rows[&arm];
            let which = usize::try_from(tries.below(all.len() as u64)).expect("small");
            policy.learn(&task, arm, &all[which]);
        }
        (went, possible / float(order.len()))
    }

    /// A world with the names of the table, in which policies start.
    fn world(&self, instance: u64) -> World {
        let nothing = super::truth::Truth::new(0.0, 1.0);
        World {
            task_types: self.task_types.clone(),
            worth: self.worth,
            instance,
            ..World::new(vec![vec![nothing; self.patterns.len()]; self.task_types.len()])
        }
    }
}

/// Prints what came of every policy.
pub(crate) fn show(path: &Path, instances: u32, most: usize) -> Result<String, String> {
    use std::fmt::Write as _;
    let table = Table::read(path)?;
    let (regrets, best) = table.replay(instances, most);

    let mut text = format!(
        "{}: {} inputs of {} task types, {} patterns; the best of each task type earns {best:.3}\n",
        path.display(),
        table.inputs.len(),
        table.task_types.len(),
        table.patterns.len()
    );
    for name in policies() {
        let own = Mean::of(&regrets[name]);
        let against = Mean::ratio(&regrets["kaizen"], &regrets[name]);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  {name:14} regret {:8.1} ±{:.1}   kaizen has {:.2} ±{:.2} times as much",
            own.mean, own.error, against.mean, against.error
        );
    }
    Ok(text)
}

/// Names in the order in which they came.
#[derive(Debug, Default)]
struct Names(Vec<String>);

impl Names {
    fn number(&mut self, name: &Value) -> usize {
        let name = name.as_str().map_or_else(|| name.to_string(), str::to_owned);
        if let Some(known) = self.0.iter().position(|known| *known == name) {
            return known;
        }
        self.0.push(name);
        self.0.len() - 1
    }
}

fn seen(row: &Value) -> Result<Seen, String> {
    let number = |key: &str| match &row[key] {
        Value::Null => Ok(None),
        Value::Bool(is) => Ok(Some(f64::from(u8::from(*is)))),
        other => other.as_f64().map(Some).ok_or_else(|| format!("`{key}` is no number: {other}")),
    };
    let success = number("success")?.ok_or("`success` is missing")?;
    Ok(Seen { success, quality: number("quality")?, time: number("time")?, cost: number("cost")? })
}
