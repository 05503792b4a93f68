//! What must not succeed. Without a profile that is every attempt; with one, what the profile asks for.

use super::attempt::By;
use crate::harden::kept::Kept;
use crate::profile::{Confine, Profile, Selector};
use crate::recognise::needs::needs;
use crate::root::{Canonical, InRoot, Kind, Place, Root};
use crate::scan::Sighting;
use crate::verify::{Check, CheckId, Status, Subject};

pub(super) struct Asked<'a> {
    root: &'a Root,
    /// `None` if every attempt counts.
    profile: Option<&'a Profile>,
    kept: Option<Kept>,
    /// What the profile removes and verification has found.
    left: Vec<&'a [u8]>,
    /// What `[confine] execute` allows; `None` if it limits nothing here.
    executable: Option<Vec<Place>>,
    /// What `[confine] write` allows; `None` if it limits nothing here.
    writable: Option<Vec<Place>>,
}

impl<'a> Asked<'a> {
    /// `checks` are those that verification has made of what `profile` asks for. `app` is the path of the app's program,
    /// if the attempts are made in the confinement of the app.
    pub(super) fn new(root: &'a Root, profile: &'a Profile, checks: &'a [Check], app: Option<&[u8]>) -> Self {
        let profile = Some(profile).filter(|profile| !profile.is_empty());
        let left = checks.iter().filter(|check| check.id == CheckId::Remove && check.status == Status::Fail);
        Self {
            root,
            profile,
            kept: profile.and_then(|profile| Kept::resolve(root, profile).ok()),
            left: left.filter_map(path).collect(),
            executable: app.zip(profile).and_then(|(app, profile)| executable(root, &profile.confine, app)),
            writable: app.zip(profile).and_then(|(_, profile)| writable(root, &profile.confine)),
        }
    }

    /// Whether this name of the program must not be started: the profile removes the name, or a program of that kind
    /// wherever it is, unless it keeps this one.
    pub(super) fn start(&self, program: &Sighting, name: &Canonical, by: &By) -> bool {
        let Some(profile) = self.profile else { return true };
        if self.left.contains(&&**name) || !matches!(by, By::Loader(_)) && self.is_not_executable(name) {
            return true;
        }
        let removed = profile.remove.iter().any(|rule| match &rule.value {
            Selector::Name(name) => *name == program.program,
            Selector::Class(class) => *class == program.known.class,
            Selector::Path(_) | Selector::Others => false,
        });
        removed && !self.is_kept(name)
    }

    /// Whether `[confine] execute` does not allow this name.
    fn is_not_executable(&self, name: &Canonical) -> bool {
        let Some(allowed) = &self.executable else { return false };
        !self.root.walk(name, true).is_ok_and(|place| is_within(&place, allowed))
    }

    /// Whether `[confine] write` limits something here and does not allow to write in this directory.
    pub(super) fn is_not_writable(&self, directory: &Place) -> bool {
        self.writable.as_ref().is_some_and(|allowed| !is_within(directory, allowed))
    }

    fn is_kept(&self, name: &Canonical) -> bool {
        let Some(kept) = &self.kept else { return false };
        kept.holds(name) || self.root.resolve(name).is_ok_and(|stat| kept.holds_file(stat.id))
    }

    /// Whether no program may be left out of the search.
    pub(super) fn search(&self) -> bool {
        self.profile.is_none_or(|profile| !profile.remove.is_empty())
    }

    /// Whether there is a place where no file may be made, or none executed.
    pub(super) fn places(&self) -> bool {
        self.profile.is_none_or(|profile| !profile.verify.read_only.is_empty() || !profile.verify.noexec.is_empty())
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

fn is_within(place: &Place, allowed: &[Place]) -> bool {
    allowed.iter().any(|top| top.stat.id == place.stat.id || place.path.is_within(&top.path))
}

/// What `[confine] execute` allows, with the app's program and what each needs to start; `None` if it limits nothing.
fn executable(root: &Root, confine: &Confine, app: &[u8]) -> Option<Vec<Place>> {
    let listed = confine.execute.as_ref()?.iter().map(|entry| entry.value.as_bytes().to_vec());
    let mut programs: Vec<Vec<u8>> = listed.chain([app.to_vec()]).collect();
    let mut allowed: Vec<Place> = Vec::new();
    while let Some(place) = programs.pop().map(|program| root.walk(&*program, true)) {
        let Ok(place) = place else { continue };
        if allowed.iter().any(|other| other.path == place.path) {
            continue;
        }
        if place.stat.kind == Kind::File {
            programs.extend(needs(root, &place.path, &[]).into_iter().map(|(path, _)| path));
        }
        allowed.push(place);
    }
    Some(allowed)
}

/// What `[confine] write` allows; `None` if it limits nothing.
fn writable(root: &Root, confine: &Confine) -> Option<Vec<Place>> {
    let listed = confine.write.as_ref()?.iter();
    Some(listed.filter_map(|entry| root.walk(entry.value.as_bytes(), true).ok()).collect())
}

/// The path that a check is about.
pub(super) fn path(check: &Check) -> Option<&[u8]> {
    match &check.subject {
        Subject::Path(path) => Some(path),
        _ => None,
    }
}
