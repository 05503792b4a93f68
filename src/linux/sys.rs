//! The few system calls for which nix has no safe wrapper. Only the files of this folder hold `unsafe`.
//!
//! Each function is a thin wrapper: it forces close-on-exec, retries nothing, interprets nothing.

#![allow(unsafe_code)]

pub mod arena;
pub mod attempt;
pub mod capabilities;
pub mod descriptor;
pub mod directory;
pub mod file;
pub mod landlock;
pub mod process;
pub mod program;
pub mod signal;
pub mod start;
pub mod stat;
pub mod stat_as;
pub mod thread;
pub mod trace;
pub mod xattr;
