//! Values of a profile: those that are one of a few words, and users.

use std::fmt;

/// What happens if Landlock cannot enforce all of `[confine]`, the milder first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfineMode {
    /// Enforces what the kernel supports, and reports the rest.
    BestEffort,
    /// Does not start the app.
    Require,
}

impl ConfineMode {
    /// All of them.
    pub(super) const ALL: [Self; 2] = [Self::BestEffort, Self::Require];

    /// As written in a profile.
    pub fn name(self) -> &'static str {
        match self {
            Self::BestEffort => "best-effort",
            Self::Require => "require",
        }
    }
}

/// What the app cannot reach outside of its confinement, in Landlock's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Abstract Unix sockets of processes outside.
    AbstractUnixSocket,
    /// Processes outside, by signals.
    Signal,
}

impl Scope {
    /// All of them.
    pub(super) const ALL: [Self; 2] = [Self::AbstractUnixSocket, Self::Signal];

    /// As written in a profile.
    pub fn name(self) -> &'static str {
        match self {
            Self::AbstractUnixSocket => "abstract-unix-socket",
            Self::Signal => "signal",
        }
    }
}

/// How a file is removed, the milder first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Sets mode 000: the file stays, but nobody can run it.
    Disable,
    /// Replaces the file with a tombstone, which says what was removed and reports the attempt.
    Tombstone,
    /// Unlinks the file.
    Delete,
}

impl Method {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Disable, Self::Tombstone, Self::Delete];

    /// As written in a profile.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Tombstone => "tombstone",
            Self::Delete => "delete",
        }
    }
}

/// Which shared libraries an allow-list leaves, the milder first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Libraries {
    /// All of them.
    All,
    /// Those that the kept programs need.
    Closure,
}

impl Libraries {
    /// All of them.
    pub(super) const ALL: [Self; 2] = [Self::All, Self::Closure];

    /// As written in a profile.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Closure => "closure",
        }
    }
}

/// `user` and `group` of `[verify.process]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// Any id but 0.
    NonRoot,
    /// This id.
    Id(u32),
    /// The id that `/etc/passwd` or `/etc/group` inside the root gives this name.
    Name(String),
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NonRoot => f.write_str("non-root"),
            Self::Id(id) => write!(f, "{id}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}
