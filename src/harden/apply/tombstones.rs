//! Puts tombstones in place of removed commands: one file for the whole run on each filesystem.

use std::ffi::CString;
use std::fs::{File, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};

use nix::errno::Errno;
use nix::unistd::getegid;

use crate::harden::plan::{Action, Plan, Verb};
use crate::linux::error::errno;
use crate::linux::proc::open_own_program;
use crate::recognise::inscription::length_without;
use crate::recognise::tombstone::{Detector, MODE, inscription};
use crate::root::{Canonical, Details, Directory, RootError, details_of, os};

/// Runs at the same time may take each other's file away. This limit keeps them from trying forever.
const TRIES: usize = 16;

pub(super) struct Tombstones<'p> {
    plan: &'p Plan,
    /// The file that was put in place last. The next name is another link to it.
    stone: Option<File>,
}

impl<'p> Tombstones<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        Self { plan, stone: None }
    }

    /// Replaces the name with a tombstone. Returns what is known of that file, if the kernel says it.
    pub(super) fn put(&mut self, directory: &Directory, action: &Action) -> Result<Option<Details>, RootError> {
        // A new file is needed if the name is on another mount, if the file has as many links as it can have, or if it
        // has none left. If the name itself is a mount point or on another mount, the second try fails for that reason.
        for tries in 0..TRIES {
            if let Some(stone) = &self.stone {
                match directory.replace(&action.name, action.stat.id, action.stat.mount, stone) {
                    Err(error) if error.errno() == Errno::EMLINK || error.errno() == Errno::EXDEV && tries == 0 => {}
                    result => return result.map(|()| details_of(stone.as_fd(), c"", directory.path()).ok()),
                }
            }
            let mut stone = directory.draft()?;
            complete(self.plan, &mut stone).map_err(|error| os("write a tombstone", &action.path())(errno(&error)))?;
            self.stone = Some(stone);
        }
        Err(os("renameat", &action.path())(Errno::EBUSY))
    }
}

/// Makes a tombstone of the file: everybody may run it, and it belongs to this process, also in a directory that gives
/// its group to new files.
fn complete(plan: &Plan, stone: &mut File) -> io::Result<()> {
    carve(plan, stone)?;
    let group = getegid().as_raw();
    if stone.metadata()?.gid() != group {
        fchown(&*stone, None, Some(group))?;
    }
    stone.set_permissions(Permissions::from_mode(MODE))
}

/// Writes the program of lithify without its own inscription, and an inscription for all commands that the plan
/// replaces.
pub fn carve(plan: &Plan, stone: &mut dyn Write) -> io::Result<()> {
    let program = open_own_program()?;
    let length = length_without(&program)?;
    io::copy(&mut program.take(length), stone)?;
    let commands = plan.actions.iter().filter(|action| action.verb == Verb::Tombstone);
    let commands: Vec<(Canonical, &Action)> = commands.map(|action| (action.path(), action)).collect();
    let rows = commands.iter().map(|(path, action)| (&**path, &*action.origin.profile, &*action.origin.rule));
    stone.write_all(&inscription(rows))
}

/// Whether another run at the same time has put a tombstone there first.
pub(super) fn stands(directory: &Directory, action: &Action) -> bool {
    let Ok(name) = CString::new(&*action.name) else { return false };
    directory.file(&name).is_ok_and(|file| Detector::default().is_tombstone(&file))
}
