//! Remarks on what was found. Data: the words are made in the report.

use std::rc::Rc;

use crate::harden::found::Shared;
use crate::recognise::libraries::Chain;
use crate::root::Canonical;

/// A remark on what was found.
#[derive(Clone, Debug)]
pub enum Note {
    /// A link on another mount leads to what goes, and will dangle.
    Dangles {
        /// The link.
        link: Canonical,
        /// What it leads to.
        target: Shared,
    },
    /// A launcher stays, because it starts the app.
    StartsApp(Canonical),
    /// A multi-call program, which may act as a shell, stays.
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
    /// Modules that could not be loaded before either, for want of a library.
    NotLoadable(Vec<Chain>),
    /// Kept programs and libraries that may load others at run time.
    MayLoad(Vec<Canonical>),
    /// Login shells that `[strip]` cannot take away: the file is on another mount, or too long.
    LoginShells {
        /// passwd(5).
        path: Canonical,
        /// The accounts.
        accounts: Vec<Vec<u8>>,
    },
}

impl Note {
    /// What it is about: the first path that it names.
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
