//! Simulated work on which policies are compared: who learns which pattern suits which task type,
//! how fast, and at what loss. Used by the benchmark `learning`, and in a shorter form by the tests.

pub(crate) mod belief;
pub(crate) mod course;
pub(crate) mod family;
pub(crate) mod gate;
pub(crate) mod own;
pub(crate) mod rival;
pub(crate) mod script;
pub(crate) mod table;
pub(crate) mod truth;
pub(crate) mod world;
