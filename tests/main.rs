//! The one integration binary.
#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing fails, as it should")]

mod api;
mod bad_input;
mod defects;
mod faults;
mod learning;
mod mcp;
mod providers;
mod readme;
mod scripts;
mod stdlib;
mod store;
mod support;
mod tidy;
mod values;
mod words;

mod cli {
    mod act;
    mod advise;
    mod again;
    mod budget;
    mod care;
    mod charge;
    mod check;
    mod comparing;
    mod corpus;
    mod denials;
    mod doc;
    mod endless;
    mod exits;
    mod experiment;
    mod export;
    mod forecast;
    mod guide_file;
    mod journals;
    mod keys;
    mod kinds;
    mod known;
    mod leaks;
    mod links;
    mod look;
    mod odd;
    mod operate;
    mod output;
    mod paste;
    mod permissions;
    mod plan;
    mod probe;
    mod property;
    mod reach;
    mod react;
    mod repl;
    mod resume;
    mod reuse;
    mod run;
    mod screen;
    mod secrets;
    mod settings;
    mod signals;
    mod start;
    mod sturdy;
    mod test;
    mod traps;
    mod watch;
}
