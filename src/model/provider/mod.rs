//! The providers behind the transports.

pub mod demo;
