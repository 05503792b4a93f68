//! One entry of `[keep]`, and what it was seen for.

use super::observed::Role;
use crate::root::Canonical;

/// One entry of `[keep]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The file or directory.
    pub path: Canonical,
    /// What it was seen for.
    pub why: Why,
}

/// What an entry of `[keep]` was seen for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It was started.
    Started {
        /// As what, in order.
        roles: Vec<Role>,
        /// By the processes of these names, in order.
        by: Vec<Vec<u8>>,
        /// How often; 0 if it ran already.
        times: u64,
        /// Whether its file was made or changed after the start, so that the image may not have it.
        new: bool,
    },
    /// A link by which a program was started.
    Link {
        /// The program.
        to: Canonical,
    },
    /// A script that is the argument of these programs, in order.
    Script(Vec<Canonical>),
    /// A script that this one reads.
    Sourced(Canonical),
    /// A program that was not started, that this one names, and that lies beside others that were started.
    Helper(Canonical),
    /// A library that no `DT_NEEDED` leads to, loaded by these programs, in order.
    Loaded(Vec<Canonical>),
    /// A directory of modules.
    Modules {
        /// How many of them were loaded.
        seen: u64,
        /// By these programs, in order.
        by: Vec<Canonical>,
    },
    /// A directory in which this interpreter looks for its modules.
    ReadBy(Canonical),
}
