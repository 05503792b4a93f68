//! Why something stays although a rule asks for it, and remarks on a plan. These are data: `report` makes the
//! sentences.

use std::rc::Rc;

use crate::harden::declared_app::UnknownApp;
use crate::harden::kept::KeepReason;
use crate::harden::protection::Claim;
use crate::harden::survey;
use crate::linux::proc::processes::Process;
use crate::recognise::libraries::Chain;
use crate::root::Canonical;

/// Why something stays, or why a plan is refused.
#[derive(Clone, Debug)]
pub enum Reason {
    /// This entry of `[keep]` saves it.
    Kept(Rc<KeepReason>),
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
    /// A claim on it says who needs it.
    Protected(Rc<Claim>),
    /// The library that a kept program needs does not exist, so what else must stay is not known. The chain says who
    /// needs what.
    MissingLibrary(Chain),
}

/// A remark on a plan.
#[derive(Clone, Debug)]
pub enum Note {
    /// `[remove] force` takes a file that is needed.
    Forced {
        /// What goes.
        path: Canonical,
        /// Who needs it.
        claim: Rc<Claim>,
    },
    /// A process outside the app runs a program that goes.
    RunByOther {
        /// What goes.
        path: Canonical,
        /// The process.
        process: Process,
    },
    /// Not every name of a file was found. On overlayfs this need not mean anything.
    OtherNames {
        /// A name that was found.
        path: Canonical,
        /// The link count.
        expected: u32,
        /// Names found.
        found: u32,
    },
    /// It is not declared what the container will start, and a program that goes may be it.
    UnknownApp(Rc<UnknownApp>),
    /// A remark on what was found.
    Survey(survey::Note),
}

impl Note {
    /// The path that the remark is about, if it is one path.
    pub fn path(&self) -> Option<&Canonical> {
        match self {
            Self::Forced { path, .. } | Self::RunByOther { path, .. } | Self::OtherNames { path, .. } => Some(path),
            Self::Survey(note) => note.path(),
            Self::UnknownApp(_) => None,
        }
    }
}
