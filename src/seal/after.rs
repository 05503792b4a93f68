//! The files as they will be once a plan has been carried out.

use std::io::{self, Write};

use nix::errno::Errno;
use sha2::{Digest as _, Sha256 as Hasher};

use super::entry::{Facts, FileType, Sha256};
use super::order::compare_paths;
use super::walk::View;
use crate::harden::apply::carve;
use crate::harden::plan::{Action, Plan, Verb};
use crate::harden::survey::MAX_PASSWD;
use crate::linux::error::errno;
use crate::recognise::accounts::nologin::without_login_shells;
use crate::recognise::tombstone;
use crate::root::{Canonical, Root, RootError};
use crate::text::order::sort_by_bytes;

/// The files of a root as they will be once a plan has been carried out by root. New files belong to who carries it out.
pub struct After<'a> {
    /// The files before that.
    before: &'a mut dyn View,
    root: &'a Root,
    plan: &'a Plan,
    /// The actions, in the order of the walk.
    actions: Vec<&'a Action>,
    /// How many of them are behind the walk.
    passed: usize,
    /// Length and digest of the tombstone, which all names share.
    stone: Option<(u64, Sha256)>,
}

impl<'a> After<'a> {
    /// The files of `root`, which are as `before` has them, once `plan`, which must have no refusals, has been carried
    /// out.
    pub fn new(root: &'a Root, plan: &'a Plan, before: &'a mut dyn View) -> Self {
        let mut actions: Vec<&Action> = plan.actions.iter().collect();
        // `/` is the lowest byte in the order of the walk. The actions on one file keep their order.
        sort_by_bytes(&mut actions, |action| {
            action.path().iter().map(|&byte| if byte == b'/' { 0 } else { byte }).collect()
        });
        Self { before, root, plan, actions, passed: 0, stone: None }
    }

    /// The actions on the file at `path`, in order. The paths must come in the order of the walk.
    fn actions_on(&mut self, path: &Canonical) -> impl Iterator<Item = &'a Action> + use<'a> {
        let order = |action: &&Action| compare_paths(&action.path(), path);
        self.passed += self.actions.iter().skip(self.passed).take_while(|action| order(action).is_lt()).count();
        let on_it = self.actions.get(self.passed..).unwrap_or_default().iter();
        on_it.take_while(|action| order(action).is_eq()).copied().collect::<Vec<_>>().into_iter()
    }

    /// Length and digest of the tombstone.
    fn stone(&mut self) -> io::Result<(u64, Sha256)> {
        if let Some(stone) = self.stone {
            return Ok(stone);
        }
        let mut hash = Hash { hasher: Hasher::new(), length: 0 };
        carve(self.plan, &mut hash)?;
        Ok(*self.stone.insert((hash.length, hash.hasher.finalize().into())))
    }
}

impl View for After<'_> {
    fn view(&mut self, path: &Canonical, facts: Facts) -> Result<Option<Facts>, RootError> {
        let Some(mut facts) = self.before.view(path, facts)? else { return Ok(None) };
        for action in self.actions_on(path) {
            match action.verb {
                Verb::Remove => return Ok(None),
                Verb::Disable => facts.mode = 0,
                Verb::Strip { bits, capabilities } => {
                    facts.mode &= !bits;
                    if capabilities {
                        facts.capability.clear();
                    }
                }
                Verb::LoginShells { shell } => {
                    let text = self.root.read(path, MAX_PASSWD)?;
                    if text.len() as u64 != facts.size {
                        return Err(RootError::os("read", path, Errno::EAGAIN));
                    }
                    let new = without_login_shells(&text, shell);
                    facts.size = new.len() as u64;
                    facts.sha256 = Some(Hasher::digest(&new).into());
                    facts.capability.clear();
                }
                Verb::Tombstone => {
                    let stone = self.stone().map_err(|error| RootError::os("read lithify for", path, errno(&error)))?;
                    facts = Facts {
                        kind: FileType::File,
                        mode: tombstone::MODE,
                        uid: 0,
                        gid: 0,
                        size: stone.0,
                        device: (0, 0),
                        link: Vec::new(),
                        sha256: Some(stone.1),
                        capability: Vec::new(),
                    };
                }
            }
        }
        Ok(Some(facts))
    }

    fn removes(&mut self, path: &Canonical) -> bool {
        self.actions_on(path).any(|action| action.verb == Verb::Remove)
    }
}

/// Counts and hashes what is written.
struct Hash {
    hasher: Hasher,
    length: u64,
}

impl Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
