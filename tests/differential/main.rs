//! Each parser that lithify has of its own against one that others keep: on real files, on broken ones, and on what is
//! generated. Where they differ on purpose, the test says the rule and its reason.
//!
//! The parsers of one module only are compared beside it: `src/launch/landlock.rs`, `src/probe/http.rs`.

#![allow(
    missing_docs,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod accounts;
mod elf;
mod ld_so_cache;
mod proc;
