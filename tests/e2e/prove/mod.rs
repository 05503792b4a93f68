//! `--prove`: for each attempt a container in which it succeeds, and one in which it fails.

mod bad_input;
mod programs;
mod run;
mod system;
