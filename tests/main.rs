//! The one integration binary.
#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing fails, as it should")]

mod api;
mod bad_input;
mod defects;
mod faults;
mod learning;
mod providers;
mod readme;
mod scripts;
mod stdlib;
mod store;
mod support;
mod tidy;
mod values;

mod cli {
    mod advise;
    mod again;
    mod budget;
    mod care;
    mod charge;
    mod check;
    mod denials;
    mod doc;
    mod experiment;
    mod guide_file;
    mod keys;
    mod leaks;
    mod links;
    mod look;
    mod permissions;
    mod plan;
    mod repl;
    mod resume;
    mod reuse;
    mod run;
    mod screen;
    mod secrets;
    mod test;
    mod watch;
}
