//! The documentation: its pages are one book, its links lead somewhere, what is made from the sources is what the sources
//! say, each block is valid, and its prose is spelt and short. `LITHIFY_BLESS=1` writes what is made.

#![allow(
    missing_docs,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod blocks;
mod book;
mod made;
mod page;
mod prose;
mod shell;
