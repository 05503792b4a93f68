//! The results of setting up the app's process before it starts: privileges, confinement, and the signal at its
//! parent's death.

use nix::errno::Errno;

use super::advice::errors;
use crate::launch::landlock::{LandlockError, Level};
use crate::launch::privileges::PrivilegeError;
use crate::verify::Status;

/// One result.
#[derive(Debug)]
pub enum Launch {
    /// The app's user, groups and capabilities could not be set.
    Privileges(PrivilegeError),
    /// The app is confined.
    Confined(Confinement, Level),
    /// The app could not be confined.
    NotConfined(Confinement, LandlockError),
    /// The kernel refused to send a signal when the parent ends.
    ParentDeath(Errno),
}

/// Why the app is confined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confinement {
    /// `[confine]` asks for it.
    Confine,
    /// `--fallback deny`: what could not be deleted is denied.
    Fallback,
}

impl Confinement {
    fn name(self) -> &'static str {
        match self {
            Self::Confine => "confine",
            Self::Fallback => "fallback",
        }
    }
}

impl Launch {
    /// Whether it is as it should be.
    pub(super) fn status(&self) -> Status {
        if matches!(self, Self::Confined(..)) { Status::Pass } else { Status::Fail }
    }

    pub(super) fn id(&self) -> &'static str {
        match self {
            Self::Privileges(_) => "privileges",
            Self::Confined(by, _) | Self::NotConfined(by, _) => by.name(),
            Self::ParentDeath(_) => "parent-death",
        }
    }

    pub(super) fn detail(&self) -> String {
        match self {
            Self::Privileges(error) => error.to_string(),
            Self::Confined(_, level) => self::level(*level),
            Self::NotConfined(_, error) => error.to_string(),
            Self::ParentDeath(errno) => format!("prctl(PR_SET_PDEATHSIG): {}", errno.desc()),
        }
    }

    pub(super) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Privileges(error) => errors::privileges(error),
            Self::NotConfined(_, error) => errors::landlock(error),
            Self::Confined(..) | Self::ParentDeath(_) => None,
        }
    }
}

/// How much of a ruleset the kernel enforces, in words.
pub(super) fn level(level: Level) -> String {
    let (version, lacking) = (level.version(), level.lacking());
    let (how, without) = if lacking.is_empty() { ("fully", "") } else { ("partially", ", without ") };
    format!("Landlock ABI {version}, {how} enforced{without}{lacking}, {} rules", level.rules)
}
