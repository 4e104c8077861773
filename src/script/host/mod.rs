//! What runs a script: its tasks, limits, modules and files, and the way between its values and data.

pub(in crate::script) mod bounded;
pub(in crate::script) mod captures;
pub(in crate::script) mod convert;
pub(in crate::script) mod each;
pub(in crate::script) mod error;
pub(in crate::script) mod executable;
pub(crate) mod fiber;
pub(crate) mod files;
pub(in crate::script) mod home;
pub(in crate::script) mod known_map;
pub(in crate::script) mod language;
pub(in crate::script) mod limits;
pub(in crate::script) mod modules;
pub(in crate::script) mod nested;
pub(in crate::script) mod options;
pub(in crate::script) mod order;
pub mod permission;
pub(in crate::script) mod procfs;
pub mod rule;
pub mod servers;
pub(in crate::script) mod shape;
pub(in crate::script) mod source;
pub(in crate::script) mod stdlib;
pub(in crate::script) mod tasks;
pub(in crate::script) mod wanted;
