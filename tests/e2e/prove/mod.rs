//! `--prove`: for each attempt a container in which it succeeds, and one in which it fails.

mod programs;
