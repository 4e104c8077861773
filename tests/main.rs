//! The one integration binary.
#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing fails, as it should")]

mod api;
mod defects;
mod providers;
mod support;
mod tidy;

mod cli {
    mod run;
}
