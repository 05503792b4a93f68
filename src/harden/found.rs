//! One name that the plan acts on, and the cause. It takes some hundred bytes with its index, because there may be a
//! million of them.

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
    /// The file lies in a directory that a rule names.
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
    /// A link that would dangle if it stayed.
    LinkTo {
        /// What it leads to.
        of: Shared,
    },
    /// `[strip]` clears bits or capabilities of the file.
    Strip,
    /// `[strip]` takes login shells away from accounts in the file.
    LoginShells {
        /// The accounts.
        of: Rc<Vec<Vec<u8>>>,
    },
}

/// Why a shared library must stay.
#[derive(Clone, Debug)]
pub enum LibraryReason {
    /// It is a shared library or the dynamic loader. Whether a program needs it is not checked.
    Library,
    /// A kept program needs it, or needs the link on the way to it.
    Needed(Rc<Needed>),
    /// A process of the app has loaded it.
    Loaded(Process),
}

/// A name that the plan acts on.
#[derive(Clone, Debug)]
pub struct Found {
    /// The directory of the name.
    pub parent: Rc<Parent>,
    /// The name in that directory.
    pub name: Box<[u8]>,
    /// The file that the name belonged to during the survey.
    pub stat: Stat,
    /// Index of the rule in [`Profile::remove`](crate::profile::Profile::remove); without meaning for `[strip]`.
    pub rule: usize,
    /// Why the file was found.
    pub cause: Cause,
    /// Why it must stay, if it is a shared library, the dynamic loader, or a link on the way to one.
    pub library: Option<Rc<LibraryReason>>,
    /// How many names of the file were found. Only the name that was found first has this count; the others have 0.
    pub names: u32,
    /// Whether it is a directory that cannot be removed, because something in it stays.
    pub occupied: bool,
}

impl Found {
    /// The canonical path of the name, inside the root.
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
