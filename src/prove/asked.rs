//! What must not succeed. Without a profile that is every attempt; with one, what the profile asks for.

use std::collections::HashSet;

use crate::harden::kept::Kept;
use crate::profile::{Profile, Selector};
use crate::root::{Canonical, InRoot, Root};
use crate::scan::Sighting;
use crate::verify::{Check, CheckId, Status, Subject};

pub(super) struct Asked<'a> {
    root: &'a Root,
    /// `None` if every attempt counts.
    profile: Option<&'a Profile>,
    kept: Option<Kept>,
    /// What the profile removes and verification has found.
    left: HashSet<&'a [u8]>,
}

impl<'a> Asked<'a> {
    /// `checks` are those that verification has made of what `profile` asks for.
    pub(super) fn new(root: &'a Root, profile: &'a Profile, checks: &'a [Check]) -> Self {
        let profile = Some(profile).filter(|profile| !profile.sources.is_empty() || !profile.remove.is_empty());
        let left = checks.iter().filter(|check| check.id == CheckId::Remove && check.status == Status::Fail);
        Self {
            root,
            profile,
            kept: profile.and_then(|profile| Kept::resolve(root, profile).ok()),
            left: left.filter_map(path).collect(),
        }
    }

    /// Whether this name of the program must not be started: the profile removes the name, or a program of that kind
    /// wherever it is, unless it keeps this one.
    pub(super) fn start(&self, program: &Sighting, name: &Canonical) -> bool {
        let Some(profile) = self.profile else { return true };
        if self.left.contains(&**name) {
            return true;
        }
        let removed = profile.remove.iter().any(|rule| match &rule.value {
            Selector::Name(name) => *name == program.program,
            Selector::Class(class) => *class == program.known.class,
            Selector::Path(_) | Selector::Others => false,
        });
        removed && !self.is_kept(name)
    }

    fn is_kept(&self, name: &Canonical) -> bool {
        let Some(kept) = &self.kept else { return false };
        kept.holds(name) || self.root.resolve(name).is_ok_and(|stat| kept.holds_file(stat.id))
    }

    /// Whether no program may be left out of the search.
    pub(super) fn search(&self) -> bool {
        self.profile.is_none_or(|profile| !profile.remove.is_empty())
    }

    /// Whether nothing may be gained by a setuid program.
    pub(super) fn gain(&self) -> bool {
        self.profile.is_none_or(|profile| {
            let verify = &profile.verify;
            let strips = profile.strip.setid.as_ref().is_some_and(|flag| flag.value);
            strips || verify.capabilities.is_some() || verify.no_new_privs.as_ref().is_some_and(|flag| flag.value)
        })
    }

    /// Whether what needs this capability must fail.
    pub(super) fn capability(&self, name: &str) -> bool {
        self.profile.is_none_or(|profile| {
            profile.verify.capabilities.as_ref().is_some_and(|allowed| !allowed.value.iter().any(|other| other == name))
        })
    }

    /// Whether what a seccomp profile refuses by default must fail.
    pub(super) fn seccomp(&self) -> bool {
        self.profile.is_none_or(|profile| profile.verify.seccomp.is_some())
    }

    /// Whether the socket of a container runtime must not be reached.
    pub(super) fn socket(&self) -> bool {
        self.profile.is_none_or(|profile| profile.verify.no_runtime_socket.is_some())
    }

    /// Whether what no key of a profile asks for must fail.
    pub(super) fn anything(&self) -> bool {
        self.profile.is_none()
    }

    /// Whether nothing may be executed that is written in this directory.
    pub(super) fn execute(&self, directory: &[u8]) -> bool {
        self.profile.is_none_or(|profile| {
            let mut places = profile.verify.noexec.iter().map(|place| place.value.as_bytes());
            places.any(|place| InRoot(directory).is_within(place))
        })
    }
}

/// The path that a check is about.
pub(super) fn path(check: &Check) -> Option<&[u8]> {
    match &check.subject {
        Subject::Path(path) => Some(path),
        _ => None,
    }
}
