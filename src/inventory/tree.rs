//! Passes 2 and 3, one walk through the tree by directory descriptors: other names of doomed files, links that would
//! dangle, and files to strip.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::rc::Rc;

use nix::errno::Errno;
use nix::sys::statfs::{
    BPF_FS_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, DEBUGFS_MAGIC, DEVPTS_SUPER_MAGIC, FUSE_SUPER_MAGIC, FsType,
    NFS_SUPER_MAGIC, PROC_SUPER_MAGIC, SECURITYFS_MAGIC, SELINUX_MAGIC, SMB_SUPER_MAGIC, SYSFS_MAGIC, TRACEFS_MAGIC,
};

use super::rules::{kind_of, leads_nowhere};
use super::{Cause, Collector, Depth, Found, Location, MissingNames, Strippable};
use crate::escape::escape;
use crate::profile::Sourced;
use crate::root::{Directory, Identity, Kind, RootError, Stat};

/// Kernel interfaces, which hold no programs; and network filesystems, which can hang a probe and where nothing is
/// removed anyway. The numbers are CIFS, SMB2, Ceph, AFS, autofs and 9P (linux/magic.h), for which nix has no names.
pub(super) fn is_left_out(filesystem: FsType) -> bool {
    const KERNEL: [FsType; 11] = [
        PROC_SUPER_MAGIC,
        SYSFS_MAGIC,
        CGROUP_SUPER_MAGIC,
        CGROUP2_SUPER_MAGIC,
        DEVPTS_SUPER_MAGIC,
        DEBUGFS_MAGIC,
        TRACEFS_MAGIC,
        SECURITYFS_MAGIC,
        BPF_FS_MAGIC,
        SELINUX_MAGIC,
        FUSE_SUPER_MAGIC,
    ];
    KERNEL.contains(&filesystem)
        || [NFS_SUPER_MAGIC, SMB_SUPER_MAGIC].contains(&filesystem)
        || [0xff53_4d42u64, 0xfe53_4d42, 0x00c3_6400, 0x5346_414f, 0x0187, 0x0102_1997].contains(&magic(filesystem))
}

/// The magic number, whose C type differs between architectures.
#[allow(clippy::cast_sign_loss, clippy::cast_lossless, clippy::unnecessary_cast, clippy::cast_possible_truncation)]
fn magic(filesystem: FsType) -> u64 {
    filesystem.0 as u64 & 0xffff_ffff
}

/// What is looked at in a directory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Everything.
    All,
    /// Only links: another mount, where nothing is removed but links may lead to what is.
    Links,
}

struct Level {
    directory: Rc<Directory>,
    look: Look,
    /// Subdirectories still to visit.
    pending: Vec<CString>,
}

impl Collector<'_> {
    pub(super) fn tree(&mut self, depth: Depth) -> Result<(), RootError> {
        let strips = self.profile.strips();
        if self.inventory.found.is_empty() && !strips {
            return Ok(());
        }
        let links = depth == Depth::Full && !self.inventory.found.is_empty();
        let files = strips || links && self.has_missing_names();
        let walk = Walk { links, files, strips };
        let top = Rc::new(self.root.directory(b"/")?);
        let mut levels = Vec::new();
        self.visit(top, Look::All, walk, &mut levels)?;
        while let Some(level) = levels.last_mut() {
            let Some(name) = level.pending.pop() else {
                levels.pop();
                continue;
            };
            let (parent, look) = (Rc::clone(&level.directory), level.look);
            if level.pending.is_empty() {
                // Closed before going down, so that a long chain of directories needs no more descriptors than a short one.
                levels.pop();
            }
            let child = match parent.child(&name) {
                Ok(child) => child,
                Err(error) if error.errno() == Errno::ELOOP => continue,
                Err(error) => {
                    self.unreadable(error)?;
                    continue;
                }
            };
            let stat = *child.own_stat();
            if walk.strips && look == Look::All && stat.mount == parent.own_stat().mount {
                self.strip(&parent, &name, &stat)?;
            }
            drop(parent);
            let look = if self.allowed.contains(&stat.mount) {
                Look::All
            } else if walk.links && !self.root.filesystem_of(&child).is_none_or(is_left_out) {
                Look::Links
            } else {
                continue;
            };
            self.visit(Rc::new(child), look, walk, &mut levels)?;
        }
        if links {
            self.missing_names();
        }
        Ok(())
    }

    /// Looks at one directory's entries and puts its subdirectories on the list.
    fn visit(
        &mut self,
        directory: Rc<Directory>,
        look: Look,
        walk: Walk,
        levels: &mut Vec<Level>,
    ) -> Result<(), RootError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut pending = Vec::new();
        let listed = directory.for_each(&mut buffer, |name, kind| {
            let result = match kind_of(&directory, name, kind) {
                Ok(Kind::Directory) => {
                    pending.push(name.to_owned());
                    Ok(())
                }
                Ok(Kind::Symlink) if walk.links => self.link(&directory, name, look),
                Ok(Kind::File) if walk.files && look == Look::All => self.file(&directory, name, walk),
                Ok(_) => Ok(()),
                Err(error) => Err(error),
            };
            match result {
                Ok(()) => Ok(()),
                Err(error) => self.unreadable(error),
            }
        });
        self.buffer = buffer;
        if let Err(error) = listed {
            self.unreadable(error)?;
        }
        if !pending.is_empty() {
            levels.push(Level { directory, look, pending });
        }
        Ok(())
    }

    /// A regular file: another name of a doomed one, or one to strip.
    fn file(&mut self, directory: &Directory, name: &CStr, walk: Walk) -> Result<(), RootError> {
        let stat = directory.stat(name)?;
        if let Some(&(first, _)) = self.doomed.get(&stat.id) {
            let Some(found) = self.inventory.found.get(first) else { return Ok(()) };
            let (rule, of) = (found.rule, found.path());
            self.add(Location::new(directory, name.to_bytes()), stat, rule, Cause::HardLink { of });
            return Ok(());
        }
        if walk.strips { self.strip(directory, name, &stat) } else { Ok(()) }
    }

    /// A link: does it lead to something that goes, so that it would dangle?
    fn link(&mut self, directory: &Directory, name: &CStr, look: Look) -> Result<(), RootError> {
        let at = Location::new(directory, name.to_bytes());
        let path = at.path();
        if self.index.contains_key(&path) || self.kept.holds(&path) {
            return Ok(());
        }
        let target = match self.root.resolve(&path) {
            Ok(target) => target,
            // Links that dangled before stay as they are.
            Err(error) if leads_nowhere(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut doomed = self.doomed.get(&target.id).map(|(index, _)| *index);
        if doomed.is_none() && self.cuts {
            doomed = self.passes_through_doomed(&path)?;
        }
        let Some(found) = doomed.and_then(|index| self.inventory.found.get(index)) else { return Ok(()) };
        let (rule, of) = (found.rule, found.path());
        if look == Look::Links {
            let note =
                format!("{} is a link on another mount and will dangle: it leads to {}", escape(&path), escape(&of));
            self.inventory.notes.push(note);
            return Ok(());
        }
        let stat = directory.stat(name)?;
        self.add(at, stat, rule, Cause::LinkTo { of });
        Ok(())
    }

    /// The doomed link or directory, if any, on the way that `path` takes.
    fn passes_through_doomed(&self, path: &[u8]) -> Result<Option<usize>, RootError> {
        let place = self.root.walk(b"", path, true)?;
        let end = place.path();
        for passed in place.links.iter().map(crate::root::Link::path).chain(place.left.iter().cloned()).chain([end]) {
            // The path itself or a directory above it.
            for length in (1..=passed.len()).rev().filter(|&length| matches!(passed.get(length), None | Some(b'/'))) {
                if let Some(index) = passed.get(..length).and_then(|part| self.index.get(part)) {
                    return Ok(Some(*index));
                }
            }
        }
        Ok(None)
    }

    fn strip(&mut self, directory: &Directory, name: &CStr, stat: &Stat) -> Result<(), RootError> {
        let on = |flag: &Option<Sourced<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
        let at = Location::new(directory, name.to_bytes());
        let strip = &self.profile.strip;
        let sticky = stat.kind == Kind::Directory && stat.mode & 0o1000 != 0;
        let mut bits = 0;
        if on(&strip.setid) && stat.kind == Kind::File {
            bits |= stat.mode & 0o6000;
        }
        if on(&strip.world_writable) && !sticky {
            bits |= stat.mode & 0o002;
        }
        let capabilities = on(&strip.file_capabilities)
            && stat.kind == Kind::File
            && stat.mode & 0o111 != 0
            && directory.has_capabilities(name)?;
        if bits == 0 && !capabilities {
            return Ok(());
        }
        let path = at.path();
        if self.index.contains_key(&path) || self.kept.reason(&path, stat).is_some() {
            return Ok(());
        }
        // A mount point, or a mount that was not meant.
        if stat.mount != directory.own_stat().mount || !self.allowed.contains(&stat.mount) {
            return Ok(());
        }
        self.inventory.strippable.push(Strippable {
            directory: at.directory.to_vec(),
            name: at.name.to_vec(),
            parent: directory.own_stat().id,
            stat: *stat,
            bits,
            capabilities,
        });
        Ok(())
    }

    fn has_missing_names(&self) -> bool {
        self.doomed.values().any(|&(index, names)| {
            self.inventory
                .found
                .get(index)
                .is_some_and(|found| found.stat.kind == Kind::File && found.stat.nlink > names)
        })
    }

    fn missing_names(&mut self) {
        let mut names: HashMap<Identity, Vec<usize>> = HashMap::new();
        for (index, found) in self.inventory.found.iter().enumerate() {
            if found.stat.kind == Kind::File && !self.kept.holds_file(found.stat.id) {
                names.entry(found.stat.id).or_default().push(index);
            }
        }
        for indices in names.into_values() {
            let files: Vec<&Found> = indices.iter().filter_map(|&index| self.inventory.found.get(index)).collect();
            let count = u32::try_from(files.len()).unwrap_or(u32::MAX);
            let Some(&first) = files.first().filter(|first| first.stat.nlink > count) else { continue };
            // Counted again, because a second run at the same time may have removed some. A name that is left tells.
            let now = files.iter().find_map(|found| {
                self.root.walk(b"", &found.path(), false).ok().filter(|place| place.stat.id == found.stat.id)
            });
            let expected = now.map_or(0, |place| place.stat.nlink);
            if expected > count {
                self.inventory.missing.push(MissingNames {
                    path: first.path(),
                    rule: first.rule,
                    expected,
                    found: count,
                });
            }
        }
        self.inventory.missing.sort_by(|a, b| a.path.cmp(&b.path));
    }
}

/// What the walk is for.
#[derive(Clone, Copy)]
struct Walk {
    links: bool,
    files: bool,
    strips: bool,
}
