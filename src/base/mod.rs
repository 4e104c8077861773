//! What every floor may use: ids, time, chance, units. Knows nothing of language models.

pub mod bounds;
pub mod clock;
pub mod count;
pub mod credential;
pub mod csv;
pub mod deadline;
pub mod exit;
pub mod failpoint;
pub mod failure;
pub mod file;
pub mod id;
pub mod json;
pub mod own;
pub mod path_text;
pub mod problem;
pub mod process;
pub mod rng;
pub mod secret;
mod spelled;
pub mod spelling;
pub mod strand;
pub mod time_text;
pub mod toml_text;
pub mod unit;
pub mod visible;
pub mod wildcard;
pub mod word;
