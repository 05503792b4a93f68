//! The seal: what the files of a root are.

mod after;
mod anywhere;
mod archives;
mod digest;
mod docker;
mod oracle;
mod property;
mod states;
mod tampering;
