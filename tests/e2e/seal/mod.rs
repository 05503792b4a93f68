//! The seal: what the files of a root are.

mod after;
mod anywhere;
mod oracle;
mod property;
mod states;
mod tampering;
