//! What lithify asks the kernel for: a measure of its work that a busy machine does not change.

use std::fs;
use std::process::Command;

use super::lithify;

/// How many reads at an offset lithify makes. `start` gives `strace` the arguments of lithify, and runs it.
pub fn reads(start: impl FnOnce(&mut Command)) -> usize {
    let trace = tempfile::NamedTempFile::new().unwrap();
    let mut strace = Command::new("strace");
    strace.args(["-e", "trace=pread64", "-o"]).arg(trace.path()).arg(lithify()).env_clear();
    start(&mut strace);
    fs::read_to_string(trace.path()).unwrap().lines().filter(|line| line.starts_with("pread64")).count()
}
