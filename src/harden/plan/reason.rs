//! Why something stays that a rule asks for, and what else is to be said of a plan. Data: the words are made in the report.

use std::rc::Rc;

use crate::harden::declared_app::UnknownApp;
use crate::harden::protection::Claim;
use crate::linux::proc::processes::Process;
use crate::root::Canonical;

/// Why something stays, or why a plan is refused.
#[derive(Clone, Debug)]
pub enum Reason {
    /// This entry of `[keep]` saves it.
    Kept(Rc<str>),
    /// It is a mount point.
    MountPoint,
    /// It lies on another mount.
    OtherMount,
    /// The file has names that were not found.
    OtherNames {
        /// Its link count.
        expected: u32,
        /// Names found.
        found: u32,
    },
    /// Somebody needs it.
    Protected(Rc<Claim>),
    /// It stays, and what else must is not known: a library that it needs is not there. Who needs what.
    MissingLibrary(String),
}

/// A remark on a plan.
#[derive(Clone, Debug)]
pub enum Note {
    /// `[remove] force` takes what is needed.
    Forced {
        /// What goes.
        path: Canonical,
        /// Who needs it.
        claim: Rc<Claim>,
    },
    /// A process that is not part of the app runs what goes.
    RunByOther {
        /// What goes.
        path: Canonical,
        /// The process.
        process: Process,
    },
    /// Not every name of a file was found; on overlayfs that need not mean anything.
    OtherNames {
        /// A name that was found.
        path: Canonical,
        /// The link count.
        expected: u32,
        /// Names found.
        found: u32,
    },
    /// Nobody has said what the container will start, and what may be that goes.
    UnknownApp(Rc<UnknownApp>),
    /// A remark on what was found.
    Survey(String),
}

impl Note {
    /// What it is about, where that is one path.
    pub fn path(&self) -> Option<&Canonical> {
        match self {
            Self::Forced { path, .. } | Self::RunByOther { path, .. } | Self::OtherNames { path, .. } => Some(path),
            Self::UnknownApp(_) | Self::Survey(_) => None,
        }
    }
}
