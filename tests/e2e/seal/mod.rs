//! The seal: what the files of a root are.

mod archives;
mod states;
