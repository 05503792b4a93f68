//! The files of an image, in memory: layers are applied to names, so that no link of an image is ever followed on this
//! machine. What a path leads to is resolved as runtimes do: links in directories are followed inside the root, `..`
//! stops there, and what is last in a path is not followed.

use std::collections::BTreeMap;

use super::error::Fault;
use super::limits::Limits;
use super::names::{LONGEST_PATH, names};

/// The most links in one path (`path_resolution(7)`).
const MAX_LINKS: usize = 40;

/// The number of an inode.
type Number = u32;

const ROOT: Number = 0;

/// What is known of one file, whatever its names are.
#[derive(Debug)]
pub(crate) struct Inode {
    /// The lowest twelve bits of `st_mode`.
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// The value of `security.capability`; empty if there is none.
    pub(crate) capability: Vec<u8>,
    pub(crate) node: Node,
}

/// What a file is.
#[derive(Debug)]
pub(crate) enum Node {
    Directory(BTreeMap<Vec<u8>, Entry>),
    /// The number of its content in the spool.
    File(u32),
    Symlink(Vec<u8>),
    Device {
        block: bool,
        numbers: (u32, u32),
    },
    Fifo,
}

/// A name in a directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) inode: Number,
    /// The layer that made it, or said something of it.
    layer: u32,
}

/// The files of an image.
#[derive(Debug)]
pub(crate) struct Tree {
    inodes: Vec<Inode>,
    layer: u32,
    /// How many names may still be looked up.
    lookups: u64,
}

impl Inode {
    /// As runtimes make a directory that an archive does not describe.
    fn directory() -> Self {
        let node = Node::Directory(BTreeMap::new());
        Self { mode: 0o755, uid: 0, gid: 0, capability: Vec::new(), node }
    }
}

/// The directory in which a path ends: those that lead to it, the root first, each with the length of its path.
struct Way(Vec<(Number, usize)>);

impl Way {
    fn end(&self) -> (Number, usize) {
        self.0.last().copied().unwrap_or((ROOT, 0))
    }
}

impl Tree {
    /// An empty root.
    pub(super) fn new(limits: Limits) -> Self {
        Self { inodes: vec![Inode::directory()], layer: 0, lookups: limits.lookups }
    }

    /// What is added from now on belongs to the next layer.
    pub(super) fn next_layer(&mut self) {
        self.layer += 1;
    }

    /// The inode with this number. A name's number is that of an inode.
    pub(crate) fn inode(&self, number: Number) -> Option<&Inode> {
        self.inodes.get(number as usize)
    }

    /// The names in a directory, in bytewise order; none in another file.
    pub(crate) fn entries(&self, number: Number) -> impl Iterator<Item = (&[u8], Entry)> {
        let directory = self.children(number).into_iter().flatten();
        directory.map(|(name, entry)| (name.as_slice(), *entry))
    }

    /// What is at these names, with no link followed.
    pub(crate) fn at<'n>(&self, names: impl Iterator<Item = &'n [u8]>) -> Option<&Inode> {
        let mut number = ROOT;
        for name in names {
            number = self.children(number)?.get(name)?.inode;
        }
        self.inode(number)
    }

    /// How many names each inode has, by its number.
    pub(super) fn name_counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.inodes.len()];
        let mut pending = vec![ROOT];
        while let Some(number) = pending.pop() {
            for (_, entry) in self.entries(number) {
                if let Some(count) = counts.get_mut(entry.inode as usize) {
                    *count += 1;
                }
                if self.children(entry.inode).is_some() {
                    pending.push(entry.inode);
                }
            }
        }
        counts
    }

    fn children(&self, number: Number) -> Option<&BTreeMap<Vec<u8>, Entry>> {
        match &self.inodes.get(number as usize)?.node {
            Node::Directory(children) => Some(children),
            _ => None,
        }
    }

    fn children_mut(&mut self, number: Number) -> Option<&mut BTreeMap<Vec<u8>, Entry>> {
        match &mut self.inodes.get_mut(number as usize)?.node {
            Node::Directory(children) => Some(children),
            _ => None,
        }
    }

    fn add(&mut self, inode: Inode) -> Result<Number, Fault> {
        let number =
            Number::try_from(self.inodes.len()).map_err(|_| Fault::Hostile("has too many files".to_owned()))?;
        self.inodes.push(inode);
        Ok(number)
    }

    /// The directory that `path` leads to, with links followed. Directories that are missing are made if `make` says so.
    fn directory(&mut self, path: &[&[u8]], make: bool) -> Result<Way, Fault> {
        let mut way = Way(vec![(ROOT, 0)]);
        let mut rest: Vec<Vec<u8>> = path.iter().rev().map(|name| name.to_vec()).collect();
        let mut links = 0;
        while let Some(name) = rest.pop() {
            match name.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    if way.0.len() > 1 {
                        way.0.pop();
                    }
                    continue;
                }
                _ => {}
            }
            let (at, length) = way.end();
            let length = fits(length, &name)?;
            self.look_up(1)?;
            let found = self.children(at).and_then(|children| children.get(&name)).map(|entry| entry.inode);
            let Some(found) = found else {
                if !make {
                    return Err(Fault::Hostile("leads to what is not there".to_owned()));
                }
                let new = self.add(Inode::directory())?;
                let layer = self.layer;
                if let Some(children) = self.children_mut(at) {
                    children.insert(name, Entry { inode: new, layer });
                }
                way.0.push((new, length));
                continue;
            };
            match self.inode(found).map(|inode| &inode.node) {
                Some(Node::Directory(_)) => way.0.push((found, length)),
                Some(Node::Symlink(text)) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(Fault::Hostile("leads over links in a circle".to_owned()));
                    }
                    if text.starts_with(b"/") {
                        way.0.truncate(1);
                    }
                    rest.extend(text.rsplit(|&byte| byte == b'/').map(<[u8]>::to_vec));
                }
                _ => return Err(Fault::Hostile("lies below a file".to_owned())),
            }
        }
        Ok(way)
    }

    /// Puts a file at `path`. A directory that is there stays with what is in it, if the new one is a directory, too;
    /// everything else gives way.
    pub(super) fn put(&mut self, path: &[&[u8]], inode: Inode) -> Result<(), Fault> {
        let Some((name, above)) = path.split_last() else {
            return match inode.node {
                Node::Directory(_) => {
                    self.describe(ROOT, &inode);
                    Ok(())
                }
                _ => Err(Fault::Hostile("is the root, and no directory".to_owned())),
            };
        };
        let (at, length) = self.directory(above, true)?.end();
        fits(length, name)?;
        let there = self.children(at).and_then(|children| children.get(*name)).map(|entry| entry.inode);
        let merges =
            matches!(inode.node, Node::Directory(_)) && there.is_some_and(|there| self.children(there).is_some());
        let number = match there.filter(|_| merges) {
            Some(there) => {
                self.describe(there, &inode);
                there
            }
            None => self.add(inode)?,
        };
        self.name(at, name, number);
        Ok(())
    }

    /// Makes `path` another name of the file at `target`, whose owner and mode the header says again. Its capability
    /// stays where the header has none: not every tool repeats it.
    pub(super) fn link(&mut self, path: &[&[u8]], target: &[&[u8]], says: Inode) -> Result<(), Fault> {
        let missing = || Fault::Hostile("is a hard link, and leads to what is not there".to_owned());
        let (end, above) = target.split_last().ok_or_else(missing)?;
        let (at, _) = self.directory(above, false)?.end();
        let number = self.children(at).and_then(|children| children.get(*end)).ok_or_else(missing)?.inode;
        let (name, above) = path.split_last().ok_or_else(missing)?;
        let inode = self.inodes.get_mut(number as usize).ok_or_else(missing)?;
        if matches!(inode.node, Node::Directory(_)) {
            return Err(Fault::Hostile("is a hard link to a directory".to_owned()));
        }
        (inode.mode, inode.uid, inode.gid) = (says.mode, says.uid, says.gid);
        if !says.capability.is_empty() {
            inode.capability = says.capability;
        }
        let (at, length) = self.directory(above, true)?.end();
        fits(length, name)?;
        self.name(at, name, number);
        Ok(())
    }

    fn name(&mut self, at: Number, name: &[u8], inode: Number) {
        let layer = self.layer;
        if let Some(children) = self.children_mut(at) {
            children.insert(name.to_vec(), Entry { inode, layer });
        }
    }

    /// Owner and mode of a directory that is there already.
    fn describe(&mut self, number: Number, says: &Inode) {
        if let Some(inode) = self.inodes.get_mut(number as usize) {
            (inode.mode, inode.uid, inode.gid) = (says.mode, says.uid, says.gid);
        }
    }

    /// Takes away what lower layers have as `name` in the directory at `path`; what this layer has there stays.
    pub(super) fn hide(&mut self, path: &[&[u8]], name: &[u8]) -> Result<(), Fault> {
        let Ok(way) = self.directory(path, false) else { return Ok(()) };
        let (at, _) = way.end();
        let Some(entry) = self.children(at).and_then(|children| children.get(name)).copied() else { return Ok(()) };
        self.hide_below(entry.inode)?;
        let emptied = self.children(entry.inode).is_none_or(BTreeMap::is_empty);
        if entry.layer != self.layer && emptied {
            if let Some(children) = self.children_mut(at) {
                children.remove(name);
            }
        }
        Ok(())
    }

    /// Takes away what lower layers have in the directory at `path`.
    pub(super) fn hide_all(&mut self, path: &[&[u8]]) -> Result<(), Fault> {
        match self.directory(path, false) {
            Ok(way) => self.hide_below(way.end().0),
            Err(_) => Ok(()),
        }
    }

    /// Takes away what lower layers have below a directory. A directory of theirs stays as the way to what this layer
    /// has in it.
    fn hide_below(&mut self, top: Number) -> Result<(), Fault> {
        // From the deepest directory up, without recursion: a hostile tree is deep.
        let mut found = vec![top];
        let mut at = 0;
        while let Some(&number) = found.get(at) {
            at += 1;
            self.look_up(self.children(number).map_or(0, BTreeMap::len) as u64)?;
            found.extend(
                self.entries(number).map(|(_, entry)| entry.inode).filter(|inode| self.children(*inode).is_some()),
            );
        }
        for number in found.into_iter().rev() {
            let layer = self.layer;
            let gone: Vec<Vec<u8>> = self
                .entries(number)
                .filter(|(_, entry)| entry.layer != layer && self.children(entry.inode).is_none_or(BTreeMap::is_empty))
                .map(|(name, _)| name.to_vec())
                .collect();
            if let Some(children) = self.children_mut(number) {
                for name in gone {
                    children.remove(&name);
                }
            }
        }
        Ok(())
    }

    /// Counts names that are looked at.
    fn look_up(&mut self, names: u64) -> Result<(), Fault> {
        let left = self.lookups.checked_sub(names);
        self.lookups = left.ok_or_else(|| {
            Fault::Hostile("takes too many steps: links or whiteouts of the image multiply them".to_owned())
        })?;
        Ok(())
    }
}

/// The length of a path with a name more.
fn fits(length: usize, name: &[u8]) -> Result<usize, Fault> {
    let length = length + 1 + name.len();
    if length > LONGEST_PATH {
        return Err(Fault::Hostile("leads to a path longer than 4095 bytes".to_owned()));
    }
    Ok(length)
}

/// The names of a path that an archive gives as the target of a hard link.
pub(super) fn target(path: &[u8], absolute: bool) -> Result<Vec<&[u8]>, Fault> {
    names(path, absolute).map_err(|fault| match fault {
        Fault::Hostile(reason) => Fault::Hostile(reason.replacen("its name", "the file that it is a hard link to", 1)),
        other => other,
    })
}
