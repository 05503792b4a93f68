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

mod accounts;
mod after_start;
mod allow_list;
mod app;
mod apps;
mod attack;
mod attempts;
mod bad_input;
mod bake;
mod binary;
mod catalogue;
mod classes;
mod closure;
mod compose;
mod confinement;
mod deadline;
mod distroless;
mod entrypoint;
mod examples;
mod fault_injection;
mod gtfobins;
mod host_guard;
mod identity;
mod install;
mod interruption;
mod kubernetes;
mod only;
mod other_root;
mod output;
mod output_lost;
mod overlay;
mod probe;
mod programs;
mod protection;
mod redis_and_python;
mod refusals;
mod removal;
mod run_init;
mod run_landlock;
mod run_privileges;
mod scan;
mod scan_accounts;
mod scan_app;
mod scan_known;
mod shared_volume;
mod stage;
mod stage_again;
mod stage_attack;
mod stage_in_pod;
mod stage_refusals;
mod startup_probe;
mod tombstone;
mod unreadable;
mod vast;
mod verify;
mod wait_for_app;
mod without_x;
