//! One name that something is to be done to, and why: some hundred bytes with its index, because there may be a million of
//! them.

mod parent;

use std::rc::Rc;

use crate::linux::proc::processes::Process;
use crate::recognise::libraries::Needed;
use crate::root::{Canonical, Stat};

pub use parent::Parent;

/// A path that several names share.
pub type Shared = Rc<Canonical>;

/// Why a file was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A rule names it.
    Rule,
    /// It lies in a directory that a rule names.
    Content {
        /// That directory.
        of: Shared,
    },
    /// A link that a rule names leads to it.
    Target {
        /// The link.
        of: Shared,
        /// Steps from the rule's link, from 1.
        depth: u32,
    },
    /// Another name of the same file.
    HardLink {
        /// The name found first.
        of: Shared,
    },
    /// A link that would dangle.
    LinkTo {
        /// What it leads to.
        of: Shared,
    },
    /// `[strip]` clears bits or capabilities of it.
    Strip,
    /// `[strip]` takes login shells from accounts in it.
    LoginShells {
        /// The accounts.
        of: Rc<Vec<Vec<u8>>>,
    },
}

/// Why a shared library must stay.
#[derive(Clone, Debug)]
pub enum LibraryReason {
    /// It is one, or the dynamic loader: who needs it is not asked.
    Library,
    /// A kept program needs it, or needs the link on the way to it.
    Needed(Rc<Needed>),
    /// A process of the app has loaded it.
    Loaded(Process),
}

/// A name that something is to be done to.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its directory.
    pub parent: Rc<Parent>,
    /// Its name there.
    pub name: Box<[u8]>,
    /// What is known of it.
    pub stat: Stat,
    /// Index of the rule in [`Profile::remove`](crate::profile::Profile::remove); `[strip]` has none.
    pub rule: usize,
    /// Why.
    pub cause: Cause,
    /// Why it must stay, where it is a shared library or the dynamic loader, or a link on the way to one.
    pub library: Option<Rc<LibraryReason>>,
    /// Of the name by which a file was found first: how many of its names were found.
    pub names: u32,
    /// Whether it is a directory that cannot go, because something in it stays.
    pub occupied: bool,
}

impl Found {
    /// Where it is.
    pub fn path(&self) -> Canonical {
        self.parent.path().join(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_fit() {
        assert!(size_of::<Found>() <= 128, "{}", size_of::<Found>());
    }
}
