//! What every floor may use: ids, time, chance, units. Knows nothing of language models.

pub mod clock;
pub mod failpoint;
pub mod file;
pub mod id;
pub mod json;
pub mod rng;
pub mod secret;
pub mod spelling;
pub mod strand;
pub mod unit;
