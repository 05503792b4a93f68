//! The seal: what the files of a root are.

mod anywhere;
mod archives;
mod oracle;
mod property;
mod states;
