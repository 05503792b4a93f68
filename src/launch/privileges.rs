//! Gives up privileges: changes exactly what is asked for, then reads it back and compares.
//!
//! The order (capabilities(7)) is: bounding set, ambient set, securebits, groups, gid, uid, the other sets,
//! `no_new_privs`. A step that is not needed is skipped, and a step that fails is remembered. So nothing has to be
//! possible if everything is as asked for already, as in a restricted container. What `/proc/self/status` says at the
//! end decides.

mod account;
mod error;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{Gid, Uid, getegid, geteuid, setgroups, setresgid, setresuid};

pub use account::User;
pub use error::{Privilege, PrivilegeError};

use crate::linux::proc::Task;
use crate::linux::proc::status::{CapabilitySets, Status, capability_mask, capability_names};
use crate::linux::sys;
use crate::profile::{Principal, Profile, Verify};
use crate::root::Root;
use crate::text::list;

/// What the app should be and may do. `None` leaves a value as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Privileges {
    uid: Option<u32>,
    gid: Option<u32>,
    groups: Option<Vec<u32>>,
    /// Home directory of that user; `None` if no other user is asked for.
    home: Option<Vec<u8>>,
    /// The most that any set may hold, as a mask. Each set gets the part of it that this process holds.
    capabilities: Option<u64>,
    no_new_privs: bool,
}

impl Privileges {
    /// What the command line's `--user` and the profile's `[verify.process]` ask for. `--user` wins. Names are looked
    /// up inside `root`. Fails if a name is not known there, or if the profile asks for "non-root" and this process is
    /// root.
    pub fn wanted(root: &Root, verify: &Verify, user: Option<&str>) -> Result<Self, PrivilegeError> {
        let mut wanted = Self::default();
        if user.is_none() && !verify.asks_for_privileges() {
            return Ok(wanted);
        }
        let now = own_status()?;
        if let Some(text) = user {
            let user = User::parse(root, text)?;
            (wanted.uid, wanted.gid, wanted.groups) = (Some(user.uid), Some(user.gid), Some(user.groups));
            wanted.home = Some(user.home);
        } else {
            let group = match verify.group.as_ref().map(|group| &group.value) {
                Some(Principal::NonRoot) | None => None,
                Some(named) => Some(named.to_string()),
            };
            match verify.user.as_ref().map(|user| (&user.value, &user.profile)) {
                Some((Principal::NonRoot, profile)) if now.uid.is_some_and(|ids| ids.contains(&0)) => {
                    return Err(PrivilegeError::NonRoot(profile.to_string()));
                }
                Some((Principal::NonRoot, _)) | None => {}
                Some((Principal::Id(id), _)) if now.uid == Some([*id; 4]) => {}
                Some((user, _)) => {
                    let text = group.iter().fold(user.to_string(), |user, group| user + ":" + group);
                    let user = User::parse(root, &text)?;
                    if now.uid != Some([user.uid; 4]) {
                        wanted.uid = Some(user.uid);
                        (wanted.gid, wanted.groups, wanted.home) = (Some(user.gid), Some(user.groups), Some(user.home));
                    }
                }
            }
            if let (Some(group), None) = (group, wanted.gid) {
                wanted.gid = Some(account::group(root, &group)?);
            }
        }
        if let Some(limit) = &verify.groups {
            let groups = wanted.groups.take().or_else(|| now.groups.clone()).unwrap_or_default();
            wanted.groups = Some(groups.into_iter().filter(|id| limit.value.contains(id)).collect());
        }
        wanted.capabilities = verify.capabilities.as_ref().map(|names| capability_mask(&names.value));
        wanted.no_new_privs = verify.no_new_privs.as_ref().is_some_and(|wanted| wanted.value);
        Ok(wanted)
    }

    /// Whether anything is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the app will be another user or group than this process.
    pub fn changes_user(&self) -> bool {
        self.uid.is_some_and(|uid| uid != geteuid().as_raw()) || self.gid.is_some_and(|gid| gid != getegid().as_raw())
    }

    /// Also asks for `no_new_privs`.
    pub fn require_no_new_privs(&mut self) {
        self.no_new_privs = true;
    }

    /// The home directory to tell the app.
    pub fn home(&self) -> Option<&[u8]> {
        self.home.as_deref()
    }

    /// Replaces the user and group that the profile names with those of `--user`, so that later checks agree.
    pub fn replace_in(&self, profile: &mut Profile) {
        for (id, slot) in [(self.uid, &mut profile.verify.user), (self.gid, &mut profile.verify.group)] {
            if let (Some(id), Some(wanted)) = (id, slot) {
                if wanted.value != Principal::NonRoot {
                    wanted.value = Principal::Id(id);
                }
            }
        }
    }

    /// Applies everything to this process, reads it back and compares. Fails if the result differs from what is asked
    /// for, even if all calls succeeded.
    pub fn bring_about(&self) -> Result<(), PrivilegeError> {
        if self.is_empty() {
            return Ok(());
        }
        let before = own_status()?;
        let held = before.capabilities.ok_or(PrivilegeError::Unverified(Some(Privilege::Capabilities)))?;
        // The profile names the most that is allowed. A capability that this process does not hold cannot be kept.
        let kept = self.capabilities.map(|allowed| allowed & held.bounding & held.permitted);
        let mut failures = Failures::default();
        if let Some(kept) = kept {
            limit(held, kept, &mut failures);
        }
        let all = |id: u32| Some([id; 4]);
        if let Some(groups) = &self.groups {
            if !same(before.groups.as_deref(), groups) {
                let ids: Vec<Gid> = groups.iter().copied().map(Gid::from_raw).collect();
                failures.note(Privilege::Groups, setgroups(&ids));
            }
        }
        if let Some(gid) = self.gid.filter(|gid| before.gid != all(*gid)) {
            let id = Gid::from_raw(gid);
            failures.note(Privilege::Group, setresgid(id, id, id));
        }
        if let Some(uid) = self.uid.filter(|uid| before.uid != all(*uid)) {
            if kept.is_some_and(|kept| kept != 0) {
                let _ = prctl::set_keepcaps(true);
            }
            let id = Uid::from_raw(uid);
            failures.note(Privilege::User, setresuid(id, id, id));
        }
        if let Some(kept) = kept {
            keep(kept);
        }
        if self.no_new_privs {
            failures.note(Privilege::NewPrivileges, prctl::set_no_new_privs());
        }
        self.compare(&own_status()?, kept, &failures)
    }

    fn compare(&self, seen: &Status, kept: Option<u64>, failures: &Failures) -> Result<(), PrivilegeError> {
        let unverified = |of| PrivilegeError::Unverified(Some(of));
        let mismatch = |of, seen, wanted| Err(PrivilegeError::Mismatch { of, seen, wanted, failed: failures.of(of) });
        for (of, wanted, ids) in [(Privilege::User, self.uid, seen.uid), (Privilege::Group, self.gid, seen.gid)] {
            let Some(id) = wanted else { continue };
            let ids = ids.ok_or(unverified(of))?;
            if ids != [id; 4] {
                return mismatch(of, list::numbers(&ids), id.to_string());
            }
        }
        if let Some(groups) = &self.groups {
            let ids = seen.groups.as_deref().ok_or(unverified(Privilege::Groups))?;
            if !same(Some(ids), groups) {
                return mismatch(Privilege::Groups, list::numbers(ids), list::numbers(groups));
            }
        }
        if let Some(kept) = kept {
            let mut sets = seen.capabilities.ok_or(unverified(Privilege::Capabilities))?;
            // The bounding set may hold more than `kept` if the profile allows it, because it cannot always be reduced.
            let allowed = self.capabilities.unwrap_or(kept);
            if sets.bounding & !allowed == 0 {
                sets.bounding = kept;
            }
            if let Some((set, mask)) = sets.named().into_iter().find(|(_, mask)| *mask != kept) {
                return mismatch(Privilege::Capabilities, format!("{set} {}", names(mask)), names(kept));
            }
        }
        match seen.no_new_privs {
            _ if !self.no_new_privs => Ok(()),
            Some(true) => Ok(()),
            Some(false) => mismatch(Privilege::NewPrivileges, "off".to_owned(), "on".to_owned()),
            None => Err(unverified(Privilege::NewPrivileges)),
        }
    }
}

/// The calls that failed. They explain a mismatch.
#[derive(Default)]
struct Failures(Vec<(Privilege, Errno)>);

impl Failures {
    fn note(&mut self, of: Privilege, result: Result<(), Errno>) {
        self.0.extend(result.err().map(|errno| (of, errno)));
    }

    /// Why the first of these calls failed.
    fn of(&self, of: Privilege) -> Option<Errno> {
        self.0.iter().find(|(failed, _)| *failed == of).map(|(_, errno)| *errno)
    }
}

/// Drops what is not kept from the bounding set, clears the ambient set, and locks root out of regaining any.
fn limit(held: CapabilitySets, kept: u64, failures: &mut Failures) {
    for number in numbers(held.bounding & !kept) {
        failures.note(Privilege::Capabilities, sys::capabilities::drop_bounding(number));
    }
    if held.ambient != 0 {
        let _ = sys::capabilities::clear_ambient();
    }
    // A failure is ignored: the lock only reinforces what the sets say already.
    let _ = sys::capabilities::lock_no_root();
}

/// Sets the other sets to `kept`. The ambient set survives the exec of a user other than root. The later comparison of
/// the sets shows what fails.
fn keep(kept: u64) {
    let _ = sys::capabilities::set(kept);
    for number in numbers(kept) {
        let _ = sys::capabilities::raise_ambient(number);
    }
}

fn numbers(mask: u64) -> impl Iterator<Item = u32> {
    (0..64).filter(move |number| mask & 1 << number != 0)
}

fn own_status() -> Result<Status, PrivilegeError> {
    Task::Own.status().map_err(|_| PrivilegeError::Unverified(None))
}

/// Whether both hold the same ids, in any order.
fn same(seen: Option<&[u32]>, wanted: &[u32]) -> bool {
    seen.is_some_and(|seen| seen.iter().all(|id| wanted.contains(id)) && wanted.iter().all(|id| seen.contains(id)))
}

fn names(mask: u64) -> String {
    if mask == 0 { "none".to_owned() } else { capability_names(mask).join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_compared_in_any_order() {
        assert!(same(Some(&[2, 1]), &[1, 2]) && same(Some(&[]), &[]));
        assert!(!same(Some(&[1]), &[1, 2]) && !same(Some(&[1, 2]), &[1]) && !same(None, &[]));
    }

    #[test]
    fn every_difference_is_a_mismatch() {
        let good = Status {
            uid: Some([9; 4]),
            gid: Some([8; 4]),
            groups: Some(vec![7]),
            capabilities: Some(CapabilitySets::default()),
            no_new_privs: Some(true),
            seccomp: None,
            tracer: None,
        };
        let wanted = Privileges {
            uid: Some(9),
            gid: Some(8),
            groups: Some(vec![7]),
            home: None,
            capabilities: Some(1),
            no_new_privs: true,
        };
        let compare = |status: &Status| wanted.compare(status, Some(0), &Failures::default());
        assert!(compare(&good).is_ok());
        let with = |change: &dyn Fn(&mut Status)| {
            let mut status = good.clone();
            change(&mut status);
            status
        };
        let sets = CapabilitySets { bounding: 1 << 21, ..CapabilitySets::default() };
        for (change, text) in [
            (&(|status: &mut Status| status.uid = Some([9, 9, 0, 9])) as &dyn Fn(&mut Status), "[9, 9, 0, 9], not 9"),
            (&|status| status.gid = Some([0; 4]), "not 8"),
            (&|status| status.groups = Some(vec![7, 0]), "[7, 0], not [7]"),
            (&move |status| status.capabilities = Some(sets), "bounding SYS_ADMIN, not none"),
            (&|status| status.no_new_privs = Some(false), "off, not on"),
            (&|status| status.uid = None, "cannot be read back"),
            (&|status| status.capabilities = None, "cannot be read back"),
            (&|status| status.no_new_privs = None, "cannot be read back"),
        ] {
            let error = compare(&with(change)).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }
}
