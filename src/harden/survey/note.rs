//! Remarks on what was found. These are data: `report` makes the sentences.

use std::rc::Rc;

use crate::harden::found::Shared;
use crate::recognise::libraries::Chain;
use crate::root::Canonical;

/// A remark on what was found.
#[derive(Clone, Debug)]
pub enum Note {
    /// A link on another mount leads to something that goes, and will dangle.
    Dangles {
        /// The link.
        link: Canonical,
        /// What it leads to.
        target: Shared,
    },
    /// A launcher stays because it starts the app.
    StartsApp(Canonical),
    /// A multi-call program that may act as a shell stays.
    MultiCall {
        /// The program.
        path: Canonical,
        /// The profile that removes shells.
        profile: Rc<str>,
    },
    /// A link goes, and the multi-call program that it leads to stays.
    LedToMultiCall {
        /// The link.
        link: Canonical,
        /// The program.
        program: Canonical,
    },
    /// Modules that could not be loaded before either, because they need a library that does not exist.
    NotLoadable(Vec<Chain>),
    /// Kept programs and libraries that may load others at run time.
    MayLoad(Vec<Canonical>),
    /// Login shells that `[strip]` cannot take away: the file is on another mount, or too long.
    LoginShells {
        /// `/etc/passwd`, by its canonical path.
        path: Canonical,
        /// The accounts.
        accounts: Vec<Vec<u8>>,
    },
}

impl Note {
    /// The first path that the remark names; `None` if it names none by itself.
    pub fn path(&self) -> Option<&Canonical> {
        match self {
            Self::Dangles { link: path, .. }
            | Self::StartsApp(path)
            | Self::MultiCall { path, .. }
            | Self::LedToMultiCall { link: path, .. }
            | Self::LoginShells { path, .. } => Some(path),
            Self::MayLoad(paths) => paths.first(),
            Self::NotLoadable(_) => None,
        }
    }
}
