//! The smallest change of a profile with which a refused plan is carried out, and what that leaves to an intruder. These
//! are data: `report` makes the text.

use crate::recognise::catalogue::Known;
use crate::root::pattern::PathPattern;

/// What a profile has to say in addition.
#[derive(Clone, Debug)]
pub struct Change {
    /// The entries of `[keep] paths`, in order.
    pub keep: Vec<Keep>,
}

/// One entry of `[keep] paths`.
#[derive(Clone, Debug)]
pub struct Keep {
    /// The entry.
    pub entry: PathPattern,
    /// What the catalogue knows of the program that stays by it, if it knows it.
    pub known: Option<Known>,
}
