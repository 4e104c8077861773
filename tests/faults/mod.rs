//! Fault suites: what must hold whatever goes wrong. Each prints its figures, which stand in
//! docs/reliability.md. `KAIZEN_LONG=1 cargo test faults:: -- --nocapture` runs the long form, and
//! `KAIZEN_SEED=7 cargo test faults::simulate` one seed alone.

mod again;
mod crash;
mod damage;
mod disk;
mod effects;
mod load;
mod lost;
mod people;
mod power;
mod processes;
mod records;
mod replay;
mod side;
mod simulate;
mod tools;

use std::ops::Range;

/// How often something is tried: in every run of the tests, and in the long form.
fn rounds(short: u64, long: u64) -> u64 {
    if std::env::var_os("KAIZEN_LONG").is_some() { long } else { short }
}

/// The seeds of this many tries, or the one that the environment names.
fn seeds(short: u64, long: u64) -> Range<u64> {
    let one = std::env::var("KAIZEN_SEED").ok().map(|seed| seed.parse().unwrap());
    one.map_or(0..rounds(short, long), |seed: u64| seed..seed + 1)
}

/// Prints a figure of a suite.
#[allow(clippy::print_stdout, reason = "figures are what the suites are run for")]
fn figure(text: &str) {
    println!("{text}");
}
