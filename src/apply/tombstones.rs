//! Putting tombstones in place of removed commands: one file for all of a run, and on each filesystem.

use std::ffi::CString;
use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;

use nix::errno::Errno;

use crate::plan::{Action, Plan, Verb};
use crate::processes::OWN_PROGRAM;
use crate::root::{Directory, RootError, os};
use crate::tombstone::{MODE, inscription, is_tombstone};

pub(super) struct Tombstones<'p> {
    plan: &'p Plan,
    /// The file that was put in place last: the next name is one more link to it.
    stone: Option<File>,
}

impl<'p> Tombstones<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        Self { plan, stone: None }
    }

    /// Puts a tombstone in place of the name.
    pub(super) fn put(&mut self, directory: &Directory, action: &Action) -> Result<(), RootError> {
        let (name, id, mount) = (&action.name, action.stat.id, action.stat.mount);
        if let Some(stone) = &self.stone {
            match directory.replace(name, id, mount, stone) {
                // On another mount, or as many names as one file can have: a new one. That the name itself is on another
                // mount is found out again.
                Err(error) if matches!(error.errno(), Errno::EXDEV | Errno::EMLINK) => {}
                result => return result,
            }
        }
        let mut stone = directory.draft()?;
        self.carve(&mut stone).map_err(|error| {
            let errno = Errno::from_raw(error.raw_os_error().unwrap_or(nix::libc::EIO));
            os("write a tombstone", &action.path())(errno)
        })?;
        directory.replace(name, id, mount, self.stone.insert(stone))
    }

    /// Writes this very program and the inscription for all commands of the plan.
    fn carve(&self, stone: &mut File) -> io::Result<()> {
        io::copy(&mut File::open(OWN_PROGRAM)?, stone)?;
        let commands = self.plan.actions.iter().filter(|action| action.verb == Verb::Tombstone);
        let commands: Vec<(Vec<u8>, &Action)> = commands.map(|action| (action.path(), action)).collect();
        let rows =
            commands.iter().map(|(path, action)| (path.as_slice(), &*action.origin.profile, &*action.origin.rule));
        stone.write_all(&inscription(rows))?;
        stone.set_permissions(Permissions::from_mode(MODE))
    }
}

/// Whether a run at the same time has put one there first.
pub(super) fn stands(directory: &Directory, action: &Action) -> bool {
    let Ok(name) = CString::new(action.name.as_slice()) else { return false };
    let (Ok(file), Ok(program)) = (directory.file(&name), File::open(OWN_PROGRAM)) else { return false };
    is_tombstone(&file, &program).unwrap_or(false)
}
