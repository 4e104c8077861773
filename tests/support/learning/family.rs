//! The families of worlds, and what is demanded in each.

use super::truth::{Seen, Truth, Worth};
use super::world::{Limits, World, float, shuffle};
use kaizen::base::rng::Rng;

/// A family of worlds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    /// What happens in it.
    pub(crate) says: &'static str,
    /// The most regret, in the mean; infinite where there is none to reach.
    pub(crate) reach: f64,
    /// The most regret in times of plain Thompson sampling's.
    pub(crate) against_thompson: f64,
}

const fn family(name: &'static str, says: &'static str, reach: f64) -> Family {
    Family { name, says, reach, against_thompson: 1.3 }
}

/// All families.
pub(crate) const FAMILIES: &[Family] = &[
    family("S1", "one task type, one pattern clearly best", 13.0),
    family("S2", "close patterns", 20.0),
    family("S3", "the best degrades at 300, recovers at 650", 40.0),
    family("S4", "heavy tails, and one that fails fast", f64::INFINITY),
    family("S5", "100 task types, patterns alike on all", 43.0),
    family("S5b", "100 task types, little alike, few of most", 106.0),
    family("S6", "p95 below 5 s, cost below 1 cent", f64::INFINITY),
    family("S7", "as S1, 16 in flight", f64::INFINITY),
    family("S8", "cost counts", 16.0),
    family("S9", "a broken pattern becomes the best at 400", 43.0),
    family("S10", "60 task types in 6 groups", 54.0),
    family("S11", "an outage in all of 20 task types, 400 to 800", 64.0),
    family("bad start", ".95 .6 .6, the best failed twice before", 35.0),
    family("all bad", ".40 .28 .20 .12 .05", 25.0),
    family("outages", ".95 .7 .3, the best at .1 every other 150", 60.0),
    family("S2 long", "close patterns, 5000 choices", 60.0),
    family("late best", ".95 comes at 300, before it .8 .7 .6", 15.0),
    Family {
        against_thompson: 1.7,
        ..family("contrary", "two task types, .95 .3 .6 and .3 .95 .6", 16.0)
    },
    family("fifty", "50 patterns, rates from Beta(4, 3)", 110.0),
    family("judged tenth", "quality .85 .7 .6 .5 .4, judged in a tenth", 40.0),
    family("minutes", "120 to 1200 s, counted with a half at 300 s", 25.0),
    family("equal", "four equal patterns", f64::INFINITY),
    family("dead", ".9 .7 .5 and two that never work", f64::INFINITY),
    family("together", ".95 .7 .3, all fail for 15 of every 150", f64::INFINITY),
    family("easy", "a quick pattern suits short inputs, which nobody tells", f64::INFINITY),
    family("easy told", "the same, and the length is told", f64::INFINITY),
    family("useless", "S1 with a length that means nothing", 15.0),
    family("millis", "5 to 50 ms, counted with a half at 20 ms", 25.0),
];

/// Makes an instance of a family.
pub(crate) fn world(name: &str, instance: u32) -> World {
    let mut rng = Rng::seeded(1000 + u64::from(instance));
    let mut world = draw(name, &mut rng);
    world.instance = rng.next_u64();
    // S1 to S11 say by which times and costs they count; elsewhere the optimizer has to find out.
    world.is_told_worth |= name.starts_with('S');
    world
}

fn draw(name: &str, rng: &mut Rng) -> World {
    match name {
        "S1" => plain(&[0.95, 0.75, 0.70, 0.60, 0.50], (2.0, 6.0), rng),
        "S2" => plain(&[0.90, 0.87, 0.85, 0.83, 0.80], (4.0, 4.0), rng),
        "S2 long" => World { horizon: 5000, ..draw("S2", rng) },
        "S3" => {
            let mut world = plain(&[0.95, 0.85, 0.70, 0.60, 0.50], (3.0, 5.0), rng);
            world.for_a_while(300, 650, |_, truth| best_falls_to(truth, 0.25));
            world
        }
        "S4" => of_rows(
            &[
                (0.97, 1.0, 3.0, 0.5, None),
                (0.92, 1.0, 1.5, 1.9, None),
                (0.25, 1.0, 0.25, 0.3, None),
                (0.85, 1.0, 2.0, 0.8, None),
                (0.90, 1.0, 9.0, 0.4, None),
            ],
            rng,
        ),
        "S5" => many(100, rng, (0.8, 0.9), 0.7, 0.5),
        "S5b" => {
            let mut world = many(100, rng, (0.5, 0.3), 0.5, 1.2);
            world.traffic = sums((1..=100).map(|place| 1.0 / float(place)));
            world
        }
        "S6" => World {
            worth: Worth::WITH_COST,
            limits: Limits { p95_time: Some(5.0), max_cost: Some(0.01) },
            ..of_rows(
                &[
                    (0.97, 0.97, 2.0, 0.3, Some(0.030)),
                    (0.96, 0.95, 4.5, 0.4, Some(0.006)),
                    (0.92, 0.85, 2.2, 0.3, Some(0.006)),
                    (0.85, 0.75, 1.0, 0.3, Some(0.002)),
                    (0.60, 0.60, 0.5, 0.3, Some(0.0005)),
                ],
                rng,
            )
        },
        "S7" => World { in_flight: 16, ..draw("S1", rng) },
        "S8" => World {
            worth: Worth::WITH_COST,
            ..of_rows(
                &[
                    (0.97, 0.95, 6.0, 0.4, Some(0.05)),
                    (0.93, 0.90, 3.0, 0.4, Some(0.008)),
                    (0.80, 0.80, 1.5, 0.4, Some(0.001)),
                    (0.35, 0.60, 0.3, 0.3, Some(0.0002)),
                    (0.90, 0.90, 20.0, 0.5, Some(0.004)),
                ],
                rng,
            )
        },
        "S9" => {
            let mut world = plain(&[0.97, 0.85, 0.70, 0.60, 0.50], (4.0, 4.0), rng);
            world.for_a_while(0, 400, |_, truth| best_falls_to(truth, 0.1));
            world
        }
        "S10" => grouped(rng),
        "S11" => outage_everywhere(rng),
        other => special(other, rng),
    }
}

/// Families that tell of one thing that goes wrong in real use.
fn special(name: &str, rng: &mut Rng) -> World {
    const QUICK: (f64, f64) = (2.0, 2.0);

    match name {
        "bad start" => {
            let mut world = plain(&[0.95, 0.6, 0.6], QUICK, rng);
            let best = position(&world, |truth| truth.success > 0.9);
            let failed = Seen { success: 0.0, quality: None, time: Some(2.0), cost: None };
            world.told = vec![(0, best, failed); 2];
            World { horizon: 400, ..world }
        }
        "all bad" => plain(&[0.40, 0.28, 0.20, 0.12, 0.05], QUICK, rng),
        "outages" => {
            let mut world = World { horizon: 900, ..plain(&[0.95, 0.7, 0.3], QUICK, rng) };
            for from in [150, 450, 750] {
                world.for_a_while(from, from + 150, |_, truth| best_falls_to(truth, 0.1));
            }
            world
        }
        "late best" => {
            let world = plain(&[0.95, 0.8, 0.7, 0.6], QUICK, rng);
            let best = position(&world, |truth| truth.success > 0.9);
            World { comes: Some((best, 300)), ..world }
        }
        "contrary" => {
            let of = |rates: [f64; 3]| rates.map(|rate| Truth::new(rate, 2.0)).to_vec();
            let mut order = [0, 1, 2];
            shuffle(&mut order, rng);
            let task_types = [of([0.95, 0.3, 0.6]), of([0.3, 0.95, 0.6])];
            World::new(
                task_types.map(|task_type| order.map(|arm| task_type[arm]).to_vec()).to_vec(),
            )
        }
        "fifty" => {
            let rates: Vec<f64> = (0..50).map(|_| beta(4, 3, rng)).collect();
            World { horizon: 2000, ..plain(&rates, QUICK, rng) }
        }
        "judged tenth" => {
            let of = |quality| Truth { quality, quality_sd: 0.2, ..Truth::new(1.0, 2.0) };
            let mut world = World::of_one([0.85, 0.7, 0.6, 0.5, 0.4].map(of).to_vec());
            shuffle(&mut world.truths[0], rng);
            World { judged: 0.1, ..world }
        }
        "minutes" => long_or_short(
            &[(120.0, 0.9), (300.0, 0.92), (600.0, 0.9), (900.0, 0.88), (1200.0, 0.93)],
            300.0,
            rng,
        ),
        "millis" => long_or_short(
            &[(0.005, 0.9), (0.012, 0.92), (0.02, 0.9), (0.035, 0.88), (0.05, 0.93)],
            0.02,
            rng,
        ),
        "together" => {
            let mut world = World { horizon: 900, ..plain(&[0.95, 0.7, 0.3], QUICK, rng) };
            for from in (100..900).step_by(150) {
                world.for_a_while(from, from + 15, |_, truth| truth.success = 0.0);
            }
            world
        }
        "easy" => World { lengths: Vec::new(), ..special("easy told", rng) },
        "easy told" => {
            // The quick pattern does only what is short.
            let of = |length: usize| {
                let quick = if length < 4 { 0.9 } else { 0.45 };
                vec![Truth::new(quick, 1.0), Truth::new(0.9, 5.0), Truth::new(0.6, 2.0)]
            };
            let mut world = World::new((0..10).map(of).collect());
            world.task_types = vec!["kind".to_owned(); 10];
            world.lengths = (0..10).map(float).collect();
            world
        }
        "useless" => {
            let world = plain(&[0.95, 0.75, 0.70, 0.60, 0.50], (2.0, 6.0), rng);
            World {
                truths: vec![world.truths[0].clone(); 10],
                task_types: vec!["kind".to_owned(); 10],
                lengths: (0..10).map(float).collect(),
                traffic: (1..=10).map(float).collect(),
                ..world
            }
        }
        "equal" => plain(&[0.8; 4], QUICK, rng),
        "dead" => plain(&[0.9, 0.7, 0.5, 0.0, 0.0], QUICK, rng),
        other => panic!("no family {other}"),
    }
}

fn best_falls_to(truth: &mut Truth, rate: f64) {
    if truth.success > 0.9 {
        truth.success = rate;
    }
}

fn position(world: &World, is: impl Fn(&Truth) -> bool) -> usize {
    world.truths[0].iter().position(is).expect("one of them")
}

/// One task type, and patterns that differ in how often they succeed; with median times between two
/// bounds.
fn plain(rates: &[f64], times: (f64, f64), rng: &mut Rng) -> World {
    let mut truths: Vec<Truth> = rates
        .iter()
        .map(|rate| Truth::new(*rate, times.0 + (times.1 - times.0) * rng.unit()))
        .collect();
    shuffle(&mut truths, rng);
    World::of_one(truths)
}

/// Success, quality, median time, its spread, and cost.
type Row = (f64, f64, f64, f64, Option<f64>);

fn of_rows(rows: &[Row], rng: &mut Rng) -> World {
    let each = rows.iter().map(|&(success, quality, median, spread, cost)| Truth {
        quality,
        spread,
        cost,
        ..Truth::new(success, median)
    });
    let mut truths: Vec<Truth> = each.collect();
    shuffle(&mut truths, rng);
    World::of_one(truths)
}

/// Patterns that differ in time, counted with a time of their own size.
fn long_or_short(rows: &[(f64, f64)], time_half: f64, rng: &mut Rng) -> World {
    let mut truths: Vec<Truth> =
        rows.iter().map(|(median, rate)| Truth::new(*rate, *median)).collect();
    shuffle(&mut truths, rng);
    World { worth: Worth { time_half, ..Worth::WITHOUT_COST }, ..World::of_one(truths) }
}

/// Task types on which patterns are alike, each with its own difficulty.
fn many(count: usize, rng: &mut Rng, arm: (f64, f64), task_type_sd: f64, own_sd: f64) -> World {
    let arms: Vec<(f64, f64)> =
        (0..5).map(|_| (arm.0 + arm.1 * rng.normal(), 1.3 + 0.3 * rng.normal())).collect();
    let task_type = |rng: &mut Rng| {
        let (ease, slow) = (task_type_sd * rng.normal(), 0.4 * rng.normal());
        let each = arms.iter().map(|(logit, time)| {
            let success = logistic(logit + ease + own_sd * rng.normal());
            Truth::new(success, (time + slow).exp())
        });
        each.collect()
    };
    World::new((0..count).map(|_| task_type(rng)).collect())
}

/// Task types in groups: patterns are alike within a group.
fn grouped(rng: &mut Rng) -> World {
    let arms: Vec<f64> = (0..5).map(|_| 0.8 + 0.3 * rng.normal()).collect();
    let mut truths = Vec::new();

    for _ in 0..6 {
        let group: Vec<f64> = arms.iter().map(|arm| arm + 1.0 * rng.normal()).collect();
        for _ in 0..10 {
            let ease = 0.5 * rng.normal();
            let task_type = group.iter().map(|arm| {
                let rate = logistic(arm + ease + 0.3 * rng.normal());
                Truth::new(rate, 3.7 * (0.3 * rng.normal()).exp())
            });
            truths.push(task_type.collect());
        }
    }

    let task_types =
        (0..60).map(|task_type| format!("group{}/kind{task_type}", task_type / 10)).collect();
    World { task_types, ..World::new(truths) }
}

/// The pattern that is best overall stops working everywhere for a while.
fn outage_everywhere(rng: &mut Rng) -> World {
    let mut world = World { horizon: 1200, ..many(20, rng, (0.8, 0.9), 0.7, 0.5) };
    let worths = world.worths_in(None);
    let of_arm = |arm: usize| worths.iter().map(|task_type| task_type[arm]).sum::<f64>();
    let best = (0..5).max_by(|a, b| of_arm(*a).total_cmp(&of_arm(*b))).expect("five");

    world.for_a_while(400, 800, |arm, truth| {
        if arm == best {
            truth.success = 0.02;
        }
    });
    world
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// A draw from a Beta distribution with whole parameters: the a-th of a + b - 1 uniform numbers.
fn beta(a: usize, b: usize, rng: &mut Rng) -> f64 {
    let mut all: Vec<f64> = (1..a + b).map(|_| rng.unit()).collect();
    all.sort_by(f64::total_cmp);
    all[a - 1]
}

fn sums(parts: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut sum = 0.0;
    parts
        .map(|part| {
            sum += part;
            sum
        })
        .collect()
}
