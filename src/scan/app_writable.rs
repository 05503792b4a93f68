//! What the app may write: executables and directories of programs that its user can change. Whoever takes over the app
//! can put their own program in their place.
//!
//! Permission bits decide, as in inode(7). A read-only mount protects what is on it. Access control lists show in the
//! group's bits (acl(5)); they are not looked at further.

use std::ffi::CStr;

use super::{Gap, Scanner, Weakness};
use crate::linux::proc::status::Status;
use crate::profile::Profile;
use crate::root::{Canonical, Directory, Kind, RootError, Stat};
use crate::target::owner::OwnerError;
use crate::target::{Target, name, status};

/// Bit of `CAP_DAC_OVERRIDE` (capabilities(7)).
const DAC_OVERRIDE: u64 = 1 << 1;

/// The user that the app runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AppUser {
    /// Real, effective, saved and filesystem id. The app may switch between them.
    uids: Vec<u32>,
    /// The same ids of the group, and the supplementary groups.
    gids: Vec<u32>,
}

impl AppUser {
    /// The user of the app. Fails with a gap if the user is not known, or if the app may write everything anyway.
    pub(super) fn of(target: &Target) -> Result<Self, Gap> {
        let gap = |reason, only_if_named| Gap { class: "app-writable", reason, only_if_named };
        let (process, status) = target.first().and_then(|task| Ok((name(task), status(task)?))).map_err(|reason| {
            let directory = reason == OwnerError::Directory;
            gap(format!("which executables the app may write is not known: {reason}"), directory)
        })?;
        Self::new(&status)
            .ok_or_else(|| {
                gap(format!("which executables the app may write is not known: /proc/PID/status of {process} does not tell its user"), false)
            })?
            .map_err(|why| gap(format!("the app ({process}) {why}: it may write every file that is not on a read-only mount"), true))
    }

    /// `None` if the status does not name the user. The inner error says why the app may write everything.
    fn new(status: &Status) -> Option<Result<Self, &'static str>> {
        let uids = status.uid?.to_vec();
        if uids.contains(&0) {
            return Some(Err("runs as root"));
        }
        if status.capabilities.is_some_and(|sets| (sets.effective | sets.permitted) & DAC_OVERRIDE != 0) {
            return Some(Err("holds CAP_DAC_OVERRIDE"));
        }
        let mut gids = status.gid?.to_vec();
        gids.extend(status.groups.as_ref()?);
        Some(Ok(Self { uids, gids }))
    }

    /// Why the app may write the file; `None` if it may not. The owner of a file can always give itself the right.
    fn may_write(&self, stat: &Stat) -> Option<String> {
        let mode = stat.mode & 0o7777;
        if self.uids.contains(&stat.uid) {
            Some(format!("owned by the app's uid {}, mode {mode:04o}", stat.uid))
        } else if self.gids.contains(&stat.gid) {
            (mode & 0o020 != 0).then(|| format!("writable by the app's gid {}, mode {mode:04o}", stat.gid))
        } else {
            (mode & 0o002 != 0).then(|| format!("writable by everybody, mode {mode:04o}"))
        }
    }

    /// Why the app may replace a file in this directory; `None` if it may not. In a sticky directory only the
    /// directory's owner may.
    fn may_replace_in(&self, directory: &Stat) -> Option<String> {
        let sticky = directory.mode & 0o1000 != 0 && !self.uids.contains(&directory.uid);
        if sticky { None } else { self.may_write(directory) }
    }
}

impl Scanner<'_> {
    /// Looks at the directories in which programs are searched by name, including those that hold none yet.
    pub(super) fn search_directories(&mut self) {
        let Some(app) = self.app else { return };
        for path in Profile::default().search() {
            let Ok(place) = self.root.walk(path.as_bytes(), true) else { continue };
            if place.stat.kind != Kind::Directory || self.reported.contains(&place.stat.id) {
                continue;
            }
            let Some(why) = app.may_write(&place.stat) else { continue };
            match self.root.directory(&place.path) {
                Ok(directory) if directory.is_read_only() => {}
                Ok(_) => {
                    self.reported.insert(place.stat.id);
                    self.app_writable(place.path, format!("directory that programs are looked for in, {why}"));
                }
                Err(error) => self.found.unreadable.push(error),
            }
        }
    }

    /// Looks at an executable file and the directory that it lies in.
    pub(super) fn executable(&mut self, directory: &Directory, name: &CStr, stat: &Stat) -> Result<(), RootError> {
        let Some(app) = self.app else { return Ok(()) };
        let parent = directory.own_stat();
        if !self.reported.contains(&parent.id) {
            if let Some(why) = app.may_replace_in(parent).filter(|_| !directory.is_read_only()) {
                self.reported.insert(parent.id);
                self.app_writable(directory.path().clone(), format!("directory that holds executables, {why}"));
            }
        }
        if let Some(why) = app.may_write(stat) {
            // A single file can be a mount of its own.
            let read_only = if stat.mount == parent.mount {
                directory.is_read_only()
            } else {
                directory.is_file_read_only(name)?
            };
            if !read_only {
                self.app_writable(directory.join(name), format!("executable, {why}"));
            }
        }
        Ok(())
    }

    fn app_writable(&mut self, path: Canonical, detail: String) {
        self.found.weaknesses.push(Weakness { class: "app-writable", path: path.into_bytes(), account: None, detail });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::Identity;

    fn app() -> AppUser {
        let text = "Uid:\t101\t101\t101\t101\nGid:\t101\t101\t101\t101\nGroups:\t7 8 \n";
        AppUser::new(&Status::parse(text)).unwrap().unwrap()
    }

    fn stat(mode: u32, uid: u32, gid: u32) -> Stat {
        Stat { id: Identity { dev: 1, ino: 2 }, kind: Kind::File, mode, nlink: 1, uid, gid, size: 0, mount: 3 }
    }

    #[test]
    fn owner_group_and_everybody() {
        let writes = |mode, uid, gid| app().may_write(&stat(mode, uid, gid)).is_some();
        assert!(writes(0o755, 101, 0) && writes(0o555, 101, 0), "its owner may change the mode");
        assert!(writes(0o775, 0, 101) && writes(0o775, 0, 8));
        assert!(writes(0o757, 0, 0));
        assert!(!writes(0o775, 0, 0) && !writes(0o755, 0, 101));
        assert!(!writes(0o757, 0, 101), "the group's bits decide for who is in the group");
    }

    #[test]
    fn in_a_sticky_directory_only_its_owner_replaces() {
        let replaces = |mode, uid| app().may_replace_in(&stat(mode, uid, 0)).is_some();
        assert!(replaces(0o777, 0) && replaces(0o1777, 101));
        assert!(!replaces(0o1777, 0));
    }

    #[test]
    fn who_may_write_everything_and_who_is_not_known() {
        let of = |text: &str| AppUser::new(&Status::parse(text));
        assert_eq!(of("Uid:\t1\t0\t1\t1\nGid:\t1\t1\t1\t1\nGroups:\t\n"), Some(Err("runs as root")));
        let sets = "CapInh:\t0\nCapPrm:\t2\nCapEff:\t0\nCapBnd:\t0\nCapAmb:\t0\n";
        let holds = format!("Uid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1\nGroups:\t\n{sets}");
        assert_eq!(of(&holds), Some(Err("holds CAP_DAC_OVERRIDE")));
        assert_eq!(of(""), None);
        assert_eq!(of("Uid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1\n"), None);
    }
}
