//! Simulated work on which policies are compared: who learns which pattern suits which kind of task,
//! how fast, and at what loss. Used by the benchmark `learning`, and in a shorter form by the tests.

use kaizen::base::rng::Rng;
use kaizen::optimizer::learner::{Constraints, Learner, Objective, Outcome};
use std::collections::VecDeque;
use std::sync::OnceLock;

/// Longest time of an execution in seconds; what takes longer has failed.
const TIME_OUT: f64 = 60.0;
/// Parts into which a distribution of times is cut to compute its mean.
const PARTS: u32 = 400;

/// One pattern on one kind of task.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Truth {
    /// Probability of success.
    pub(crate) success: f64,
    /// How good a success is.
    pub(crate) quality: f64,
    /// Median of the time in seconds, and the spread of its logarithm.
    pub(crate) median: f64,
    pub(crate) spread: f64,
    /// Dollars.
    pub(crate) cost: Option<f64>,
}

impl Truth {
    fn new(success: f64, median: f64) -> Truth {
        Truth { success, quality: 1.0, median, spread: 0.4, cost: None }
    }

    /// Draws one execution.
    pub(crate) fn draw(&self, rng: &mut Rng) -> Outcome {
        let time = self.median * (self.spread * rng.normal()).exp();
        let success = rng.unit() < self.success && time <= TIME_OUT;
        let quality = (self.quality < 1.0).then_some(self.quality);
        let time = Some(time.min(TIME_OUT));
        Outcome { success: f64::from(u8::from(success)), quality, time, cost: self.cost }
    }

    /// Returns the mean utility.
    fn worth(&self, objective: &Objective) -> f64 {
        let mut sum = 0.0;
        for deviation in deviations() {
            let time = self.median * (self.spread * deviation).exp();
            if time <= TIME_OUT {
                let quality = Some(self.quality);
                let outcome = Outcome { success: 1.0, quality, time: Some(time), cost: self.cost };
                sum += objective.utility(&outcome);
            }
        }
        self.success * sum / f64::from(PARTS)
    }

    fn p95(&self) -> f64 {
        self.median * (1.644_853_6 * self.spread).exp()
    }
}

/// Returns the middles of equally likely parts of the standard normal distribution.
fn deviations() -> &'static [f64] {
    static ALL: OnceLock<Vec<f64>> = OnceLock::new();
    ALL.get_or_init(|| {
        let chance = |part| (f64::from(part) + 0.5) / f64::from(PARTS);
        (0..PARTS).map(|part| normal_quantile(chance(part))).collect()
    })
}

/// Acklam's rational approximation would be shorter; bisection is plain.
fn normal_quantile(chance: f64) -> f64 {
    let (mut low, mut high) = (-8.0, 8.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if normal_below(middle) < chance { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// The normal distribution function. Source: Abramowitz and Stegun, 26.2.17 (error below 1e-7).
fn normal_below(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let poly = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429]
        .iter()
        .rev()
        .fold(0.0, |sum, c| (sum + c) * t);
    let upper = (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt() * poly;
    if x >= 0.0 { 1.0 - upper } else { upper }
}

/// A world of tasks.
pub(crate) struct World {
    /// The kinds of tasks by name.
    pub(crate) kinds: Vec<String>,
    /// By kind, then pattern.
    truths: Vec<Vec<Truth>>,
    /// What holds instead from one time on, up to another one.
    phases: Vec<(usize, usize, Vec<Vec<Truth>>)>,
    /// How often each kind comes, summed up.
    traffic: Vec<f64>,
    pub(crate) objective: Objective,
    pub(crate) constraints: Constraints,
    pub(crate) horizon: usize,
    /// Choices whose outcome is not known yet.
    in_flight: usize,
}

impl World {
    fn new(truths: Vec<Vec<Truth>>) -> World {
        let kinds: Vec<String> = (0..truths.len()).map(|kind| format!("kind{kind}")).collect();
        let traffic = (0..truths.len()).map(|kind| usize_f64(kind + 1)).collect();
        World {
            kinds,
            truths,
            phases: Vec::new(),
            traffic,
            objective: Objective::WITHOUT_COST,
            constraints: Constraints::default(),
            horizon: 1000,
            in_flight: 0,
        }
    }

    pub(crate) fn arms(&self) -> usize {
        self.truths[0].len()
    }

    fn truths_at(&self, time: usize) -> &[Vec<Truth>] {
        let phase = self.phases.iter().find(|(from, to, _)| (*from..*to).contains(&time));
        phase.map_or(&self.truths, |(.., truths)| truths)
    }

    pub(crate) fn truth(&self, kind: usize, arm: usize) -> &Truth {
        &self.truths[kind][arm]
    }

    fn next_kind(&self, rng: &mut Rng) -> usize {
        let at = rng.unit() * self.traffic.last().copied().unwrap_or(1.0);
        self.traffic.partition_point(|sum| *sum <= at).min(self.kinds.len() - 1)
    }

    pub(crate) fn is_feasible(&self, truth: &Truth) -> bool {
        self.constraints.p95_time.is_none_or(|limit| truth.p95() < limit)
            && self.constraints.max_cost.is_none_or(|limit| truth.cost.unwrap_or(0.0) < limit)
    }
}

#[allow(clippy::cast_precision_loss, reason = "small counts")]
fn usize_f64(count: usize) -> f64 {
    count as f64
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn shuffle<T>(items: &mut [T], rng: &mut Rng) {
    for at in (1..items.len()).rev() {
        let other = usize::try_from(rng.below(at as u64 + 1)).expect("small");
        items.swap(at, other);
    }
}

/// The names of the scenarios, with what happens in each.
pub(crate) const SCENARIOS: &[(&str, &str)] = &[
    ("S1", "one kind, one pattern clearly best"),
    ("S2", "close patterns"),
    ("S3", "the best one degrades at 300, recovers at 650"),
    ("S4", "heavy tails, and one that fails fast"),
    ("S5", "100 kinds, patterns alike on all"),
    ("S5b", "100 kinds, little alike, few of most"),
    ("S6", "p95 below 5 s, cost below 1 cent"),
    ("S7", "as S1, 16 in flight"),
    ("S8", "cost counts"),
    ("S9", "a broken pattern becomes the best at 400"),
    ("S10", "60 kinds in 6 groups"),
    ("S11", "an outage in all of 20 kinds, 400 to 800"),
];

/// Makes an instance of a scenario.
pub(crate) fn world(name: &str, rng: &mut Rng) -> World {
    let one = |mut truths: Vec<Truth>, rng: &mut Rng| {
        shuffle(&mut truths, rng);
        World::new(vec![truths])
    };
    let plain = |rates: [f64; 5], rng: &mut Rng, low: f64, high: f64| -> Vec<Truth> {
        rates.iter().map(|p| Truth::new(*p, low + (high - low) * rng.unit())).collect()
    };
    let full = |rows: [(f64, f64, f64, f64, Option<f64>); 5]| -> Vec<Truth> {
        let each = rows.into_iter();
        each.map(|(success, quality, median, spread, cost)| Truth {
            success,
            quality,
            median,
            spread,
            cost,
        })
        .collect()
    };
    match name {
        "S1" | "S7" => {
            let truths = plain([0.95, 0.75, 0.70, 0.60, 0.50], rng, 2.0, 6.0);
            let mut world = one(truths, rng);
            world.in_flight = if name == "S7" { 16 } else { 0 };
            world
        }
        "S2" => {
            let truths = plain([0.90, 0.87, 0.85, 0.83, 0.80], rng, 4.0, 4.0);
            one(truths, rng)
        }
        "S3" => {
            let truths = plain([0.95, 0.85, 0.70, 0.60, 0.50], rng, 3.0, 5.0);
            let mut world = one(truths, rng);
            let mut worse = world.truths.clone();
            for truth in &mut worse[0] {
                if truth.success > 0.9 {
                    truth.success = 0.25;
                }
            }
            world.phases.push((300, 650, worse));
            world
        }
        "S4" => {
            let truths = full([
                (0.97, 1.0, 3.0, 0.5, None),
                (0.92, 1.0, 1.5, 1.9, None),
                (0.25, 1.0, 0.25, 0.3, None),
                (0.85, 1.0, 2.0, 0.8, None),
                (0.90, 1.0, 9.0, 0.4, None),
            ]);
            one(truths, rng)
        }
        "S5" => many(100, rng, (0.8, 0.9), 0.7, 0.5),
        "S5b" => {
            let mut world = many(100, rng, (0.5, 0.3), 0.5, 1.2);
            let mut sum = 0.0;
            world.traffic = (0..100)
                .map(|kind| {
                    sum += 1.0 / (usize_f64(kind) + 1.0);
                    sum
                })
                .collect();
            world
        }
        "S6" => {
            let truths = full([
                (0.97, 0.97, 2.0, 0.3, Some(0.030)),
                (0.96, 0.95, 4.5, 0.4, Some(0.006)),
                (0.92, 0.85, 2.2, 0.3, Some(0.006)),
                (0.85, 0.75, 1.0, 0.3, Some(0.002)),
                (0.60, 0.60, 0.5, 0.3, Some(0.0005)),
            ]);
            let mut world = one(truths, rng);
            world.objective = Objective::WITH_COST;
            world.constraints =
                Constraints { p95_time: Some(5.0), max_cost: Some(0.01), min_success: None };
            world
        }
        "S8" => {
            let truths = full([
                (0.97, 0.95, 6.0, 0.4, Some(0.05)),
                (0.93, 0.90, 3.0, 0.4, Some(0.008)),
                (0.80, 0.80, 1.5, 0.4, Some(0.001)),
                (0.35, 0.60, 0.3, 0.3, Some(0.0002)),
                (0.90, 0.90, 20.0, 0.5, Some(0.004)),
            ]);
            let mut world = one(truths, rng);
            world.objective = Objective::WITH_COST;
            world
        }
        "S9" => {
            let truths = plain([0.97, 0.85, 0.70, 0.60, 0.50], rng, 4.0, 4.0);
            let mut world = one(truths, rng);
            let mut broken = world.truths.clone();
            for truth in &mut broken[0] {
                if truth.success > 0.9 {
                    truth.success = 0.1;
                }
            }
            world.phases.push((0, 400, broken));
            world
        }
        "S10" => grouped(rng),
        "S11" => {
            let mut world = many(20, rng, (0.8, 0.9), 0.7, 0.5);
            world.horizon = 1200;
            let objective = world.objective;
            let worth = |arm: usize| -> f64 {
                world.truths.iter().map(|kind| kind[arm].worth(&objective)).sum()
            };
            let best = (0..5).max_by(|a, b| worth(*a).total_cmp(&worth(*b))).expect("five");
            let mut down = world.truths.clone();
            for kind in &mut down {
                kind[best].success = 0.02;
            }
            world.phases.push((400, 800, down));
            world
        }
        other => panic!("no scenario {other}"),
    }
}

/// Kinds of tasks on which patterns are alike, each with its own difficulty.
fn many(count: usize, rng: &mut Rng, arm: (f64, f64), kind_sd: f64, own_sd: f64) -> World {
    let arms: Vec<(f64, f64)> =
        (0..5).map(|_| (arm.0 + arm.1 * rng.normal(), 1.3 + 0.3 * rng.normal())).collect();
    let truths = (0..count)
        .map(|_| {
            let (ease, slow) = (kind_sd * rng.normal(), 0.4 * rng.normal());
            arms.iter()
                .map(|(logit, time)| {
                    let success = logistic(logit + ease + own_sd * rng.normal());
                    Truth::new(success, (time + slow).exp())
                })
                .collect()
        })
        .collect();
    World::new(truths)
}

/// Kinds of tasks in groups: patterns are alike within a group.
fn grouped(rng: &mut Rng) -> World {
    let arms: Vec<f64> = (0..5).map(|_| 0.8 + 0.3 * rng.normal()).collect();
    let mut truths = Vec::new();
    for _ in 0..6 {
        let group: Vec<f64> = arms.iter().map(|arm| arm + 1.0 * rng.normal()).collect();
        for _ in 0..10 {
            let ease = 0.5 * rng.normal();
            let kind = group.iter().map(|arm| {
                Truth::new(
                    logistic(arm + ease + 0.3 * rng.normal()),
                    3.7 * (0.3 * rng.normal()).exp(),
                )
            });
            truths.push(kind.collect());
        }
    }
    let mut world = World::new(truths);
    world.kinds = (0..60).map(|kind| format!("group{}/kind{kind}", kind / 10)).collect();
    world
}

/// A way to choose.
pub(crate) trait Policy {
    /// Chooses a pattern for a kind of task.
    fn pick(&mut self, kind: usize, rng: &mut Rng) -> usize;
    /// Takes in how it went.
    fn learn(&mut self, kind: usize, arm: usize, outcome: &Outcome);
    /// Tells how many changes it has seen.
    fn changes(&self) -> &[usize] {
        &[]
    }
}

/// What came of one policy in one world.
#[derive(Debug, Clone, Default)]
pub(crate) struct Went {
    /// What was lost against always choosing the best.
    pub(crate) regret: f64,
    /// Share of what the best would have earned, after 50, 200 and all choices.
    pub(crate) share: [f64; 3],
    /// Share of choices that broke a constraint.
    pub(crate) broken: f64,
    /// When changes were seen, in choices.
    pub(crate) changes: Vec<usize>,
}

/// Lets a policy work in a world.
pub(crate) fn work(world: &World, policy: &mut dyn Policy, rng: &mut Rng) -> Went {
    let worths = |truths: &[Vec<Truth>]| -> Vec<Vec<f64>> {
        let each = |truth: &Truth| {
            if world.is_feasible(truth) { truth.worth(&world.objective) } else { 0.0 }
        };
        truths.iter().map(|kind| kind.iter().map(each).collect()).collect()
    };
    let usual = worths(&world.truths);
    let phases: Vec<_> = world.phases.iter().map(|(from, to, t)| (*from, *to, worths(t))).collect();
    let (mut went, mut earned, mut possible, mut broken) = (Went::default(), 0.0, 0.0, 0);
    let mut open: VecDeque<(usize, usize, Outcome)> = VecDeque::new();
    for time in 0..world.horizon {
        let kind = world.next_kind(rng);
        let arm = policy.pick(kind, rng);
        let truth = world.truths_at(time)[kind][arm];
        let phase = phases.iter().find(|(from, to, _)| (*from..*to).contains(&time));
        let worth = &phase.map_or(&usual, |(.., worths)| worths)[kind];
        let best = worth.iter().copied().fold(0.0, f64::max);
        earned += worth[arm];
        possible += best;
        broken += usize::from(!world.is_feasible(&truth));
        open.push_back((kind, arm, truth.draw(rng)));
        if open.len() > world.in_flight {
            let (kind, arm, outcome) = open.pop_front().expect("one at least");
            let known = policy.changes().len();
            policy.learn(kind, arm, &outcome);
            if policy.changes().len() > known {
                went.changes.push(time);
            }
        }
        for (at, share) in [(50, 0), (200, 1)] {
            if time + 1 == at {
                went.share[share] = earned / possible;
            }
        }
    }
    went.regret = possible - earned;
    went.share[2] = earned / possible;
    went.broken = usize_f64(broken) / usize_f64(world.horizon);
    went
}

/// The policies, by name; the first is kaizen's, the second the guide's.
pub(crate) const POLICIES: &[&str] =
    &["kaizen", "guide", "ucb1", "thompson", "discounted", "greedy"];

/// Makes a policy for a world.
pub(crate) fn policy(name: &str, world: &World) -> Box<dyn Policy> {
    let table = vec![vec![Plain::default(); world.arms()]; world.kinds.len()];
    let objective = world.objective;
    match name {
        "kaizen" => Box::new(Kaizen::new(world)),
        "guide" => Box::new(Guide(table)),
        "ucb1" => Box::new(Ucb { table, objective }),
        "greedy" => Box::new(Greedy { table, objective }),
        "thompson" => Box::new(Thompson { table, objective, keep: 1.0 }),
        "discounted" => Box::new(Thompson { table, objective, keep: 0.99 }),
        other => panic!("no policy {other}"),
    }
}

/// The learner under test.
struct Kaizen {
    learner: Learner,
    tasks: Vec<usize>,
    arms: Vec<usize>,
    within: Constraints,
    changes: Vec<usize>,
}

impl Kaizen {
    fn new(world: &World) -> Kaizen {
        let mut learner = Learner::new(world.objective);
        let tasks = world.kinds.iter().map(|kind| learner.task(kind)).collect();
        let arms = (0..world.arms()).map(|arm| learner.arm(&format!("arm{arm}"))).collect();
        Kaizen { learner, tasks, arms, within: world.constraints, changes: Vec::new() }
    }
}

impl Policy for Kaizen {
    fn pick(&mut self, kind: usize, rng: &mut Rng) -> usize {
        let task = self.tasks[kind];
        let seen = self.learner.look(task, &self.arms, &self.within);
        self.learner.choose(task, &seen, &self.within, true, rng).expect("some arms").chosen
    }

    fn learn(&mut self, kind: usize, arm: usize, outcome: &Outcome) {
        let change = self.learner.record(self.tasks[kind], self.arms[arm], outcome);
        self.changes.extend(change.map(|change| change.arm));
    }

    fn changes(&self) -> &[usize] {
        &self.changes
    }
}

/// Sums of one pattern on one kind of task.
#[derive(Debug, Clone, Default)]
struct Plain {
    n: f64,
    success: f64,
    time: f64,
    utility: f64,
}

impl Plain {
    fn add(&mut self, outcome: &Outcome, utility: f64) {
        self.n += 1.0;
        self.success += outcome.success;
        self.time += outcome.time.unwrap_or(0.0);
        self.utility += utility;
    }
}

fn best(values: impl Iterator<Item = f64>) -> usize {
    let found = values.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
    found.expect("some arms").0
}

/// The guide's formula, `.7 s + .3 / t`, with each pattern tried once first.
struct Guide(Vec<Vec<Plain>>);

impl Policy for Guide {
    fn pick(&mut self, kind: usize, _: &mut Rng) -> usize {
        best(self.0[kind].iter().map(|arm| {
            if arm.n < 1.0 {
                f64::INFINITY
            } else {
                0.7 * arm.success / arm.n + 0.3 * arm.n / arm.time
            }
        }))
    }

    fn learn(&mut self, kind: usize, arm: usize, outcome: &Outcome) {
        self.0[kind][arm].add(outcome, 0.0);
    }
}

/// The best mean utility so far.
struct Greedy {
    table: Vec<Vec<Plain>>,
    objective: Objective,
}

impl Policy for Greedy {
    fn pick(&mut self, kind: usize, _: &mut Rng) -> usize {
        // As the policy of that name: the best mean, each pattern tried three times first.
        best(
            self.table[kind]
                .iter()
                .map(|arm| if arm.n < 3.0 { f64::INFINITY } else { arm.utility / arm.n }),
        )
    }

    fn learn(&mut self, kind: usize, arm: usize, outcome: &Outcome) {
        let utility = self.objective.utility(outcome);
        self.table[kind][arm].add(outcome, utility);
    }
}

/// UCB1 (Auer, Cesa-Bianchi and Fischer, Machine Learning 47, 2002) on the utility.
struct Ucb {
    table: Vec<Vec<Plain>>,
    objective: Objective,
}

impl Policy for Ucb {
    fn pick(&mut self, kind: usize, _: &mut Rng) -> usize {
        let total: f64 = self.table[kind].iter().map(|arm| arm.n).sum();
        best(self.table[kind].iter().map(|arm| {
            if arm.n < 1.0 {
                f64::INFINITY
            } else {
                arm.utility / arm.n + (2.0 * total.ln() / arm.n).sqrt()
            }
        }))
    }

    fn learn(&mut self, kind: usize, arm: usize, outcome: &Outcome) {
        let utility = self.objective.utility(outcome);
        self.table[kind][arm].add(outcome, utility);
    }
}

/// Thompson sampling of a normal mean, each pattern and kind by itself; with `keep` below 1, older
/// evidence fades.
struct Thompson {
    table: Vec<Vec<Plain>>,
    objective: Objective,
    keep: f64,
}

impl Policy for Thompson {
    fn pick(&mut self, kind: usize, rng: &mut Rng) -> usize {
        best(self.table[kind].iter().map(|arm| {
            let (noise, prior) = (1.0 / 0.09, 1.0 / 0.09);
            let precision = prior + arm.n * noise;
            (0.5 * prior + arm.utility * noise) / precision + rng.normal() / precision.sqrt()
        }))
    }

    fn learn(&mut self, kind: usize, arm: usize, outcome: &Outcome) {
        let utility = self.objective.utility(outcome);
        if self.keep < 1.0 {
            for cell in &mut self.table[kind] {
                cell.n *= self.keep;
                cell.utility *= self.keep;
            }
        }
        self.table[kind][arm].add(outcome, utility);
    }
}

/// Mean results over instances.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mean {
    pub(crate) regret: f64,
    /// Half of the 95 % interval of the mean regret.
    pub(crate) error: f64,
    pub(crate) share: [f64; 3],
    pub(crate) broken: f64,
    /// The regret that 95 of 100 instances stay below.
    pub(crate) p95: f64,
    /// Instances with the times of the changes that were seen in each.
    pub(crate) changes: Vec<Vec<usize>>,
}

/// Lets a policy work in many instances of a scenario. Instances are the same for all policies.
pub(crate) fn average(scenario: &str, name: &str, seeds: u32) -> Mean {
    let went: Vec<Went> = (0..seeds)
        .map(|seed| {
            let mut rng = Rng::seeded(1000 + u64::from(seed));
            let world = world(scenario, &mut rng);
            work(&world, &mut *policy(name, &world), &mut rng)
        })
        .collect();
    let n = f64::from(seeds);
    let mean = |of: &dyn Fn(&Went) -> f64| went.iter().map(of).sum::<f64>() / n;
    let regret = mean(&|went| went.regret);
    let variance = mean(&|went| (went.regret - regret).powi(2)) * n / (n - 1.0).max(1.0);
    let mut regrets: Vec<f64> = went.iter().map(|went| went.regret).collect();
    regrets.sort_by(f64::total_cmp);
    Mean {
        regret,
        error: 1.96 * (variance / n).sqrt(),
        share: [0, 1, 2].map(|at| mean(&|went| went.share[at])),
        broken: mean(&|went| went.broken),
        p95: regrets[(regrets.len() * 95 / 100).min(regrets.len() - 1)],
        changes: went.into_iter().map(|went| went.changes).collect(),
    }
}

/// Counts how often the 90 % interval of a pattern holds its true mean after all choices, where it
/// was chosen five times or more: held, and all.
pub(crate) fn coverage(scenario: &str, seeds: u32) -> (u32, u32) {
    let (mut held, mut all) = (0, 0);
    for seed in 0..seeds {
        let mut rng = Rng::seeded(5000 + u64::from(seed));
        let world = world(scenario, &mut rng);
        let mut own = Kaizen::new(&world);
        work(&world, &mut own, &mut rng);
        for (kind, &task) in own.tasks.iter().enumerate() {
            for (arm, seen) in own.learner.look(task, &own.arms, &own.within).iter().enumerate() {
                if seen.n >= 5.0 {
                    let (low, high) = seen.interval();
                    let truth = world.truth(kind, arm).worth(&world.objective);
                    held += u32::from((low..=high).contains(&truth));
                    all += 1;
                }
            }
        }
    }
    (held, all)
}
