//! End-to-end tests by user scenario. They drive the built static binary on real trees and in real containers.

#![allow(
    missing_docs,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod harness;

mod apps;
mod command;
mod drift;
mod faults;
mod harden;
mod image;
mod kubernetes;
mod learn;
mod places;
mod prove;
mod race;
mod release;
mod run;
mod scan;
mod seal;
mod stage;
mod verify;
