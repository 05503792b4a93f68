//! The seal: what the files of a root are.

mod after;
mod digest;
mod states;
